//! A roster as a file: its headings, and reading it row by row with every fault named.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use bank_adapters::{Finding, Grid, GridRow, GridSheet, Severity, read_grid};
use ledger::calendar::Month;
use ledger::id::ComponentId;
use ledger::money::{Fen, MoneyError};
use ledger::problem::{Kind, Place, Problem};
use ledger::program::eligibility::{Effect, EligibilityRule, in_force};
use ledger::program::{Component, Formula, Quantity, Scope, Standard};
use ledger_store::roster::PartyKind;

use super::fault::{Fault, Faults, Marked};
use super::headings::{self, Field, Layout};
use super::row::{Cells, Footer, Sums};
use super::{marked, mask_account, mask_name};
use crate::app::Error;
use crate::app::progress::Progress;

/// Rows that one roster may have.
pub const ROWS_MAX: usize = 200_000;

/// Sheets that the product itself adds to a workbook beside the roster.
const OWN_SHEETS: [&str; 2] = [marked::LIST, marked::CHOICES];

/// The headings of a roster, in the order of the template.
pub const HEADINGS: [&str; 17] = [
    "档案号",
    "乡镇",
    "村(社区)",
    "姓名",
    "身份证号",
    "与户主关系",
    "发放项目",
    "类别",
    "月人均收入",
    "核定金额",
    "核定依据",
    "收款人",
    "收款人证件号",
    "收款人类型",
    "开户行",
    "联行号",
    "账号",
];

/// What a roster is held against: the program's components and standards, and the month.
pub(super) struct Terms {
    pub(super) month: Month,
    pub(super) components: Vec<Component>,
    /// The tags of each component, and whether each leaves the amount to the award.
    tags: HashMap<ComponentId, Vec<(String, bool)>>,
}

impl Terms {
    /// Terms of components; rules of eligibility are sorted by component, month and place.
    pub(super) fn new(
        month: Month,
        components: Vec<Component>,
        standards: &[Standard],
        rules: &[EligibilityRule],
    ) -> Terms {
        let mut tags: HashMap<ComponentId, Vec<(String, bool)>> = HashMap::new();
        for standard in standards {
            let individual = standard.formula == Formula::Individual;
            let known = tags.entry(standard.component).or_default();
            match known.iter_mut().find(|(tag, _)| *tag == standard.tag) {
                Some((_, all)) => *all &= individual,
                None => known.push((standard.tag.clone(), individual)),
            }
        }
        // Where age or disability gives the tag, a row may leave it empty.
        for of_component in rules.chunk_by(|a, b| a.component == b.component) {
            let mut tagged = in_force(of_component, month).iter();
            if let Some(rule) = tagged.find(|rule| rule.effect == Effect::Tag) {
                let known = tags.entry(rule.component).or_default();
                if !known.iter().any(|(tag, _)| tag.is_empty()) {
                    known.push((String::new(), false));
                }
            }
        }
        Terms {
            month,
            components,
            tags,
        }
    }

    /// The component of a code or name; with only one, an empty cell means that one.
    pub(super) fn component(&self, text: &str) -> Option<&Component> {
        match self.components.as_slice() {
            [only] if text.is_empty() => Some(only),
            all => all.iter().find(|one| one.code == text || one.name == text),
        }
    }

    /// Whether a component leaves the amount of a tag to the award; none for an unknown tag.
    pub(super) fn is_individual(&self, component: ComponentId, tag: &str) -> Option<bool> {
        let known = self.tags.get(&component)?;
        known
            .iter()
            .find(|(known, _)| known == tag)
            .map(|(_, individual)| *individual)
    }

    /// The tags of a component, or of all of them.
    pub(super) fn tags(&self, component: Option<ComponentId>) -> BTreeSet<&str> {
        let wanted = |id: &&ComponentId| component.is_none_or(|wanted| wanted == **id);
        let known = self
            .tags
            .keys()
            .filter(wanted)
            .filter_map(|id| self.tags.get(id));
        known
            .flatten()
            .map(|(tag, _)| tag.as_str())
            .filter(|tag| !tag.is_empty())
            .collect()
    }
}

/// A row whose every field has been read. What many rows share stands once, in [`Words`].
pub(super) struct RosterRow {
    /// Sheet and row, and the columns of account and component, for faults found later.
    pub(super) place: RowPlace,
    /// Whether the person is named as head of the household.
    pub(super) is_head: bool,
    /// Whether the row only says that the person belongs to a household that is paid as a whole.
    pub(super) is_member: bool,
    pub(super) file_no: Box<str>,
    /// Township and village.
    pub(super) area: usize,
    pub(super) name: Box<str>,
    pub(super) identity_no: Box<str>,
    pub(super) component: ComponentId,
    pub(super) scope: Scope,
    pub(super) tag: usize,
    pub(super) income: Fen,
    pub(super) amount: Option<Fen>,
    pub(super) quantity: Option<Quantity>,
    /// 残疾等级, 0 for none; `None` when the roster says nothing of it.
    pub(super) disability: Option<i64>,
    pub(super) basis: usize,
    /// None when the payee is the person of the row.
    pub(super) payee: Option<Box<Payee>>,
    pub(super) bank: usize,
    pub(super) account_no: Box<str>,
}

/// Where a row stands in its file.
#[derive(Clone, Copy)]
pub(super) struct RowPlace {
    pub(super) sheet: u8,
    pub(super) row: u32,
    /// The column of the name: of the row's person or of one of the members.
    pub(super) name: u8,
}

/// Who is paid instead of the person of the row.
#[derive(Clone)]
pub(super) struct Payee {
    pub(super) kind: PartyKind,
    pub(super) name: Box<str>,
    pub(super) number: Box<str>,
}

impl RosterRow {
    /// Kind, number and name of who is paid.
    pub(super) fn payee(&self) -> (PartyKind, &str, &str) {
        match &self.payee {
            Some(payee) => (payee.kind, &payee.number, &payee.name),
            None => (PartyKind::Person, &self.identity_no, &self.name),
        }
    }
}

/// Words that many rows share: each pair once.
#[derive(Default)]
pub(super) struct Words {
    places: HashMap<(String, String), usize>,
    list: Vec<(String, String)>,
}

impl Words {
    pub(super) fn place(&mut self, first: &str, second: &str) -> usize {
        // Rows of one village and bank stand together.
        if let Some((a, b)) = self.list.last()
            && (a.as_str(), b.as_str()) == (first, second)
        {
            return self.list.len() - 1;
        }
        let next = self.list.len();
        let pair = (first.to_owned(), second.to_owned());
        let place = *self.places.entry(pair).or_insert(next);
        if place == next {
            self.list.push((first.to_owned(), second.to_owned()));
        }
        place
    }

    /// The pair at a place.
    pub(super) fn at(&self, place: usize) -> (&str, &str) {
        let pair = self.list.get(place);
        pair.map_or(("", ""), |(first, second)| (first, second))
    }

    /// All pairs by place.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list
            .iter()
            .map(|(first, second)| (first.as_str(), second.as_str()))
    }
}

/// The rows of a roster.
#[derive(Default)]
pub(super) struct Roster {
    pub(super) rows: Vec<RosterRow>,
    /// Township and village.
    pub(super) areas: Words,
    /// 开户行 and 联行号.
    pub(super) banks: Words,
    /// Tags, and the words that justify individual amounts; the second of each is empty.
    pub(super) words: Words,
}

/// An empty roster with its headings, UTF-8 with a byte-order mark so that spreadsheets open it.
pub fn template() -> Vec<u8> {
    format!("\u{feff}{}\r\n", HEADINGS.join(",")).into_bytes()
}

/// Text of a file that may be UTF-8 (with or without mark) or GB18030; never lossy.
///
/// # Errors
/// [`Kind::FileRejected`] when it is neither.
pub fn decode<'a>(file_name: &str, bytes: &'a [u8]) -> Result<Cow<'a, str>, Error> {
    let plain = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(plain) {
        return Ok(Cow::Borrowed(text));
    }
    let text = encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    text.ok_or_else(|| {
        let place = Place {
            file: Some(file_name.to_owned()),
            ..Place::default()
        };
        Problem::new(Kind::FileRejected)
            .with("count", 1)
            .at(place)
            .into()
    })
}

/// Reads and checks every row; gives the roster with its notes.
///
/// # Errors
/// [`Kind::RosterFaulty`] with every fault of the file; [`Kind::FileRejected`] when it cannot be
/// read at all.
pub(super) fn read(
    file_name: &str,
    bytes: &[u8],
    terms: &Terms,
    progress: &Progress,
) -> Result<(Roster, Vec<Finding>), Error> {
    let opened = open(file_name, bytes)?;
    let (roster, marked) = examine(file_name, &opened, terms, progress);
    let findings: Vec<Finding> = marked.into_iter().map(|marked| marked.finding).collect();
    let is_blocking = |finding: &&Finding| finding.severity == Severity::Blocking;
    let count = findings.iter().filter(is_blocking).count();
    let Some(first) = findings.iter().find(is_blocking) else {
        return Ok((roster, findings));
    };
    let problem = Problem::new(Kind::RosterFaulty).with("count", count);
    Err(Error::Refused {
        problem: Box::new(problem.at(first.place.clone())),
        findings,
    })
}

/// A spreadsheet, and what its reader found in single rows.
pub(super) struct Opened<'a> {
    pub(super) grid: Grid<'a>,
    findings: Vec<Finding>,
}

/// Opens a spreadsheet of any kind.
///
/// # Errors
/// [`Kind::FileRejected`] when it cannot be read as a whole.
pub(super) fn open<'a>(file_name: &str, bytes: &'a [u8]) -> Result<Opened<'a>, Error> {
    let (grid, mut findings) = read_grid(bytes);
    for finding in &mut findings {
        finding.place.file = Some(file_name.to_owned());
    }
    let is_whole =
        |finding: &Finding| finding.severity == Severity::Blocking && finding.place.row.is_none();
    let whole = findings.iter().filter(|finding| is_whole(finding)).count();
    let Some(first) = findings.iter().find(|finding| is_whole(finding)) else {
        return Ok(Opened { grid, findings });
    };
    let problem = Problem::new(Kind::FileRejected).with("count", whole);
    Err(Error::Refused {
        problem: Box::new(problem.at(first.place.clone())),
        findings,
    })
}

/// Checks every row of every sheet that has a header row.
pub(super) fn examine(
    file_name: &str,
    opened: &Opened<'_>,
    terms: &Terms,
    progress: &Progress,
) -> (Roster, Vec<Marked>) {
    let mut faults = Faults::new(file_name);
    let mut roster = Roster::default();
    let sheets = &opened.grid.sheets;
    for finding in &opened.findings {
        let name = finding.place.sheet.as_deref().unwrap_or_default();
        let sheet = sheets.iter().position(|sheet| sheet.name == name);
        let column = finding.place.column.as_deref();
        let column: Option<usize> = column.and_then(|column| column.parse().ok());
        faults.take(Marked {
            finding: finding.clone(),
            sheet: sheet.unwrap_or_default(),
            column: column.and_then(|column| column.checked_sub(1)),
        });
    }
    let one_component = terms.components.len() == 1;
    let mut layouts = Vec::new();
    for (place, sheet) in sheets.iter().enumerate() {
        faults.sheet = (place, sheet.name.clone());
        let layout = headings::find(sheet);
        if let Some(layout) = &layout {
            faults.headings.clone_from(&layout.headings);
            layout.check(one_component, &mut faults);
            progress.expect(sheet.len());
            let mut rows = sheet.rows().inspect(|_| progress.add(1));
            rows.by_ref().take(layout.rows).for_each(drop);
            roster.read_sheet((place, rows), layout, terms, &mut faults);
        }
        layouts.push(layout);
    }
    if layouts.iter().any(Option::is_some) {
        name_passed_over(sheets, &layouts, &mut faults);
    } else {
        faults.sheet = (
            0,
            sheets
                .first()
                .map_or_else(String::new, |first| first.name.clone()),
        );
        headings::none_found(one_component, &mut faults);
    }
    let mut across = Across {
        sheets,
        layouts: &layouts,
        faults: &mut faults,
    };
    across.listed_once(&roster.rows);
    across.one_account_each(&roster.rows);
    across.one_name_each(&roster.rows);
    across.one_head_each(&roster.rows);
    (roster, faults.into_list())
}

/// A sheet without headings beside one that has them may be people whom nobody will pay.
fn name_passed_over(sheets: &[GridSheet<'_>], layouts: &[Option<Layout>], faults: &mut Faults<'_>) {
    for (place, (sheet, layout)) in sheets.iter().zip(layouts).enumerate() {
        if layout.is_none() && !sheet.is_empty() && !OWN_SHEETS.contains(&sheet.name.as_str()) {
            faults.sheet = (place, sheet.name.clone());
            faults.headings.clear();
            let line = sheet.rows().next().map_or(1, |row| row.line());
            faults.cell(Fault::SheetPassedOver, line, 0, "", &sheet.name);
        }
    }
}

impl Roster {
    /// Reads the rows below the headings of a sheet, which comes with its place.
    fn read_sheet<'a>(
        &mut self,
        (place, rows): (usize, impl Iterator<Item = GridRow<'a>>),
        layout: &Layout,
        terms: &Terms,
        faults: &mut Faults<'_>,
    ) {
        let complete = faults.blocking() == 0
            || layout.column(Field::Name).is_some() && layout.column(Field::Identity).is_some();
        if !complete {
            return;
        }
        let (before, mut sums) = (faults.blocking(), Some(Sums::default()));
        let mut head = None;
        for row in rows {
            let mut cells = Cells::new(place, row, head, layout, terms);
            match cells.footer() {
                Some(Footer::Total(text)) => {
                    if let (Some(sums), true) = (sums, faults.blocking() == before) {
                        cells.total(&text, sums, faults);
                    }
                    continue;
                }
                Some(Footer::Other) => continue,
                None => {}
            }
            if !cells.follows() {
                head = Some(row);
            }
            if self.rows.len() >= ROWS_MAX {
                faults.row(Fault::RowsTooMany, row.line(), None, &ROWS_MAX.to_string());
                return;
            }
            let first = self.rows.len();
            cells.read(self, faults);
            let read = self.rows.get(first..).unwrap_or_default();
            sums = sums.and_then(|sums| sums.plus(read).ok());
        }
    }
}

impl Sums {
    /// With the people of one more row; the first of them is the row's own.
    fn plus(self, read: &[RosterRow]) -> Result<Sums, MoneyError> {
        let amounts = || read.iter().map(|row| row.amount.unwrap_or(Fen::ZERO));
        Ok(Sums {
            column: self.column.plus(Fen::sum(amounts().take(1))?)?,
            all: self.all.plus(Fen::sum(amounts())?)?,
        })
    }
}

/// What must hold between the rows of a file.
struct Across<'r, 'a, 'f> {
    sheets: &'r [GridSheet<'a>],
    layouts: &'r [Option<Layout>],
    faults: &'r mut Faults<'f>,
}

impl Across<'_, '_, '_> {
    /// Adds a fault of a row in the column of a field, or where its name stands.
    fn add(&mut self, fault: Fault, place: RowPlace, field: Option<Field>, value: &str) {
        let sheet = usize::from(place.sheet);
        let layout = self.layouts.get(sheet).and_then(Option::as_ref);
        let name = self.sheets.get(sheet).map(|sheet| sheet.name.clone());
        self.faults.sheet = (sheet, name.unwrap_or_default());
        let Some(layout) = layout else { return };
        self.faults.headings.clone_from(&layout.headings);
        let column = field.and_then(|field| layout.column(field));
        let column = column.unwrap_or_else(|| usize::from(place.name));
        self.faults
            .cell(fault, u64::from(place.row), column, value, "");
    }

    /// One subject has each component once.
    fn listed_once(&mut self, rows: &[RosterRow]) {
        let mut seen = HashSet::with_capacity(rows.len());
        for row in rows.iter().filter(|row| !row.is_member) {
            let subject = match row.scope {
                Scope::Person => &row.identity_no,
                Scope::Household => &row.file_no,
            };
            if !seen.insert((subject, row.component)) {
                self.add(Fault::ListedTwice, row.place, Some(Field::Component), "");
            }
        }
    }

    /// One payee has one account.
    fn one_account_each(&mut self, rows: &[RosterRow]) {
        let mut accounts: HashMap<&str, &str> = HashMap::with_capacity(rows.len());
        for row in rows.iter().filter(|row| !row.is_member) {
            let known = accounts.entry(row.payee().1).or_insert(&row.account_no);
            if **known != *row.account_no {
                let masked = mask_account(&row.account_no);
                self.add(
                    Fault::AccountsDiffer,
                    row.place,
                    Some(Field::Account),
                    &masked,
                );
            }
        }
    }

    /// One identity number has one name.
    fn one_name_each(&mut self, rows: &[RosterRow]) {
        let mut names: HashMap<&str, &str> = HashMap::with_capacity(rows.len());
        for row in rows {
            let known = names.entry(&row.identity_no).or_insert(&row.name);
            if **known != *row.name {
                let masked = mask_name(&row.name);
                self.add(Fault::NamesDiffer, row.place, None, &masked);
            }
        }
    }

    /// One household has one head.
    fn one_head_each(&mut self, rows: &[RosterRow]) {
        let mut heads: HashMap<&str, &str> = HashMap::with_capacity(rows.len());
        for row in rows.iter().filter(|row| row.is_head) {
            let known = heads.entry(&row.file_no).or_insert(&row.identity_no);
            if **known != *row.identity_no {
                self.add(Fault::HeadTwice, row.place, Some(Field::Relation), "");
            }
        }
    }
}
