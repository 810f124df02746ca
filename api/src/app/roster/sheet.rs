//! A roster as a file: its headings, and reading it row by row with every fault named.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash, RandomState};

use bank_adapters::{Finding, Grid, GridRow, KeptRow, RowTaker, Severity, each_row, read_grid};
use ledger::calendar::Month;
use ledger::id::ComponentId;
use ledger::money::{Fen, MoneyError};
use ledger::problem::{Kind, Place, Problem};
use ledger::program::eligibility::{Effect, EligibilityRule, in_force};
use ledger::program::{Component, Formula, Quantity, Scope, Standard};
use ledger::roster::IdentityNumber;
use ledger_store::roster::PartyKind;

use super::fault::{Fault, Faults, Marked};
use super::headings::{self, Field, Layout};
use super::row::{Cells, Footer, Sums};
use super::stage::{Staged, Staging};
use super::{marked, mask_account, mask_name};
use crate::app::Error;
use crate::app::progress::Progress;

/// Characters of an identity number.
const IDENTITY_LENGTH: usize = 18;

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
    /// 户主姓名; empty when the roster says nothing of it.
    pub(super) head_name: Box<str>,
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
    /// The name of the head of the household, and whether the row says who that is: otherwise it is
    /// the person who is paid, or the one of the row.
    pub(super) fn head(&self) -> (&str, bool) {
        match self.payee() {
            _ if self.is_head => (&self.name, true),
            _ if !self.head_name.is_empty() => (&self.head_name, true),
            (PartyKind::Person, _, name) => (name, false),
            _ => (&self.name, false),
        }
    }

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
    /// All rows, once they have been read.
    pub(super) rows: Staged,
    /// The people of the row in hand.
    pub(super) read: Vec<RosterRow>,
    staging: Staging,
    /// Rows that ask for something: all but members of households that are paid as a whole.
    pub(super) asked: usize,
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

/// Refuses a roster with findings that block; gives the others.
///
/// # Errors
/// [`Kind::RosterFaulty`] with every fault of the file.
pub(super) fn refuse_faulty(marked: Vec<Marked>) -> Result<Vec<Finding>, Error> {
    let findings: Vec<Finding> = marked.into_iter().map(|marked| marked.finding).collect();
    let is_blocking = |finding: &&Finding| finding.severity == Severity::Blocking;
    let count = findings.iter().filter(is_blocking).count();
    let Some(first) = findings.iter().find(is_blocking) else {
        return Ok(findings);
    };
    let problem = Problem::new(Kind::RosterFaulty).with("count", count);
    Err(Error::Refused {
        problem: Box::new(problem.at(first.place.clone())),
        findings,
    })
}

/// Opens a spreadsheet of any kind, with all of its rows.
///
/// # Errors
/// [`Kind::FileRejected`] when it cannot be read as a whole.
pub(super) fn open<'a>(file_name: &str, bytes: &'a [u8]) -> Result<Grid<'a>, Error> {
    let (grid, findings) = read_grid(bytes);
    refuse_broken(file_name, findings)?;
    Ok(grid)
}

/// Refuses a file that cannot be read as a whole.
fn refuse_broken(file_name: &str, mut findings: Vec<Finding>) -> Result<(), Error> {
    for finding in &mut findings {
        finding.place.file = Some(file_name.to_owned());
    }
    let is_whole =
        |finding: &Finding| finding.severity == Severity::Blocking && finding.place.row.is_none();
    let whole = findings.iter().filter(|finding| is_whole(finding)).count();
    let Some(first) = findings.iter().find(|finding| is_whole(finding)) else {
        return Ok(());
    };
    let problem = Problem::new(Kind::FileRejected).with("count", whole);
    Err(Error::Refused {
        problem: Box::new(problem.at(first.place.clone())),
        findings,
    })
}

/// Checks every row of every sheet that has a header row. Rows are laid aside while they are
/// read, so that a roster of any size takes the same memory.
///
/// # Errors
/// [`Kind::FileRejected`] when the file cannot be read as a whole.
pub(super) fn examine<'f>(
    file_name: &'f str,
    bytes: &[u8],
    terms: &Terms,
    progress: &Progress,
) -> Result<(Roster, Findings<'f>), Error> {
    let mut examiner = Examiner {
        file_name,
        faults: Faults::new(file_name),
        terms,
        progress,
        roster: Roster::default(),
        sheets: Vec::new(),
        top: Vec::new(),
        reading: Reading::default(),
        expected: 0,
        seen: 0,
    };
    let findings = each_row(bytes, &mut examiner);
    refuse_broken(file_name, findings)?;
    examiner.end_sheet();
    let left = examiner.expected.saturating_sub(examiner.seen);
    progress.add(left);
    progress.expect(examiner.seen.saturating_sub(examiner.expected));
    let Examiner {
        mut faults,
        mut roster,
        sheets,
        ..
    } = examiner;
    if sheets.iter().any(|sheet| sheet.layout.is_some()) {
        name_passed_over(&sheets, &mut faults);
    } else {
        let first = sheets.first().map(|first| first.name.clone());
        faults.sheet = (0, first.unwrap_or_default());
        headings::none_found(terms.components.len() == 1, &mut faults);
    }
    roster.rows = std::mem::take(&mut roster.staging).finish()?;
    let mut findings = Findings { sheets, faults };
    let mut across = Across {
        findings: &mut findings,
        secrets: [RandomState::new(), RandomState::new()],
    };
    across.listed_once(&roster.rows)?;
    across.one_account_each(&roster.rows)?;
    across.one_name_each(&roster.rows)?;
    across.one_head_each(&roster.rows)?;
    Ok((roster, findings))
}

/// What was found in a file, and where its columns stand, so that more can be found.
pub(super) struct Findings<'f> {
    sheets: Vec<Seen>,
    faults: Faults<'f>,
}

impl Findings<'_> {
    /// Adds a fault of a row in the column of a field, or where its name stands; what it repeats
    /// is masked already when it identifies a person.
    pub(super) fn add(
        &mut self,
        fault: Fault,
        place: RowPlace,
        field: Option<Field>,
        value: &str,
        detail: &str,
    ) {
        let at = usize::from(place.sheet);
        let Some(sheet) = self.sheets.get(at) else {
            return;
        };
        self.faults.sheet = (at, sheet.name.clone());
        let Some(layout) = &sheet.layout else { return };
        self.faults.headings.clone_from(&layout.headings);
        let column = field.and_then(|field| layout.column(field));
        let column = column.unwrap_or_else(|| usize::from(place.name));
        self.faults
            .cell(fault, u64::from(place.row), column, value, detail);
    }

    /// Whether something blocks.
    pub(super) fn is_blocked(&self) -> bool {
        self.faults.blocking() > 0
    }

    /// All of them in the order of the file.
    pub(super) fn into_list(self) -> Vec<Marked> {
        self.faults.into_list()
    }
}

/// A sheet that has been seen.
struct Seen {
    name: String,
    layout: Option<Layout>,
    /// The line of its first row; none when it is empty.
    first: Option<u64>,
}

/// A sheet without headings beside one that has them may be people whom nobody will pay.
fn name_passed_over(sheets: &[Seen], faults: &mut Faults<'_>) {
    for (place, sheet) in sheets.iter().enumerate() {
        if let (None, Some(line)) = (&sheet.layout, sheet.first)
            && !OWN_SHEETS.contains(&sheet.name.as_str())
        {
            faults.sheet = (place, sheet.name.clone());
            faults.headings.clear();
            faults.cell(Fault::SheetPassedOver, line, 0, "", &sheet.name);
        }
    }
}

/// Reads a roster row by row.
struct Examiner<'e, 'f> {
    file_name: &'e str,
    faults: Faults<'f>,
    terms: &'e Terms,
    progress: &'e Progress,
    roster: Roster,
    sheets: Vec<Seen>,
    /// The first rows of the sheet in hand, until its headings have been looked for.
    top: Vec<KeptRow>,
    reading: Reading,
    expected: usize,
    seen: usize,
}

/// How far a sheet has been read.
#[derive(Default)]
struct Reading {
    /// Its headings have been looked for.
    is_begun: bool,
    /// Its rows are read: the headings are there, and not too many rows yet.
    is_wanted: bool,
    /// Faults that blocked before its first row.
    before: usize,
    /// None once they are beyond any amount.
    sums: Option<Sums>,
    /// The row of the household in hand.
    head: Option<KeptRow>,
    /// Columns that are not read and were told of: whether because of identity numbers.
    unread: HashMap<usize, bool>,
}

impl RowTaker for Examiner<'_, '_> {
    fn expect(&mut self, rows: usize) {
        self.expected += rows;
        self.progress.expect(rows);
    }

    fn sheet(&mut self, name: &str) {
        self.end_sheet();
        self.reading = Reading::default();
        self.faults.sheet = (self.sheets.len(), name.to_owned());
        self.faults.headings.clear();
        self.sheets.push(Seen {
            name: name.to_owned(),
            layout: None,
            first: None,
        });
    }

    fn found(&mut self, finding: &Finding) {
        let mut finding = finding.clone();
        finding.place.file = Some(self.file_name.to_owned());
        let column = finding.place.column.as_deref();
        let column: Option<usize> = column.and_then(|column| column.parse().ok());
        self.faults.take(Marked {
            finding,
            sheet: self.sheets.len().saturating_sub(1),
            column: column.and_then(|column| column.checked_sub(1)),
        });
    }

    fn row(&mut self, row: GridRow<'_>) {
        self.seen += 1;
        self.progress.add(1);
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.first.get_or_insert(row.line());
        }
        if self.reading.is_begun {
            self.person(row);
            return;
        }
        self.top.push(row.keep());
        if self.top.len() >= headings::HEADER_WITHIN {
            self.begin();
        }
    }
}

impl Examiner<'_, '_> {
    /// Completes the sheet in hand.
    fn end_sheet(&mut self) {
        if !self.reading.is_begun && !self.sheets.is_empty() {
            self.begin();
        }
    }

    /// Looks for the headings among the first rows, and reads those that stand below them.
    fn begin(&mut self) {
        let top = std::mem::take(&mut self.top);
        let layout = headings::find(top.iter().map(KeptRow::row));
        self.reading.is_begun = true;
        let Some(layout) = layout else { return };
        self.faults.headings.clone_from(&layout.headings);
        layout.check(self.terms.components.len() == 1, &mut self.faults);
        let has = |field| layout.column(field).is_some();
        let is_complete = has(Field::Name) && has(Field::Identity);
        self.reading.before = self.faults.blocking();
        self.reading.is_wanted = self.reading.before == 0 || is_complete;
        self.reading.sums = Some(Sums::default());
        let headings = layout.rows;
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.layout = Some(layout);
        }
        for row in top.iter().skip(headings) {
            self.person(row.row());
        }
    }

    /// Reads a row below the headings.
    fn person(&mut self, row: GridRow<'_>) {
        let place = self.sheets.len().saturating_sub(1);
        let layout = self.sheets.last().and_then(|sheet| sheet.layout.as_ref());
        let (Some(layout), true) = (layout, self.reading.is_wanted) else {
            return;
        };
        let (reading, faults, roster) = (&mut self.reading, &mut self.faults, &mut self.roster);
        let head = reading.head.as_ref().map(KeptRow::row);
        let mut cells = Cells::new(place, row, head, layout, self.terms);
        let footer = cells.footer();
        if footer.is_none() {
            tell_unread(row, layout, &mut reading.unread, faults);
        }
        match footer {
            Some(Footer::Total(text)) => {
                if let (Some(sums), true) = (reading.sums, faults.blocking() == reading.before) {
                    cells.total(&text, sums, faults);
                }
                return;
            }
            Some(Footer::Other) => return,
            None => {}
        }
        if roster.staging.len() >= ROWS_MAX {
            faults.row(Fault::RowsTooMany, row.line(), None, &ROWS_MAX.to_string());
            reading.is_wanted = false;
            return;
        }
        cells.read(roster, faults);
        let follows = cells.follows();
        reading.sums = reading.sums.and_then(|sums| sums.plus(&roster.read).ok());
        if !follows {
            reading.head = Some(row.keep());
        }
        for read in roster.read.drain(..) {
            roster.asked += usize::from(!read.is_member);
            roster.staging.push(&read);
        }
    }
}

/// Names the columns that nobody reads, once each, and once more when they hold identity numbers:
/// those may be people whom nobody will pay.
fn tell_unread(
    row: GridRow<'_>,
    layout: &Layout,
    told: &mut HashMap<usize, bool>,
    faults: &mut Faults<'_>,
) {
    for column in (0..row.width()).filter(|column| !layout.is_read(*column)) {
        let text = row.text(column).trim();
        let is_number = text.len() == IDENTITY_LENGTH && IdentityNumber::parse(text).is_ok();
        let before = told.get(&column).copied();
        if text.is_empty() || before.is_some_and(|before| before || !is_number) {
            continue;
        }
        told.insert(column, is_number);
        let heading = layout.headings.get(column).cloned().unwrap_or_default();
        let fault = match is_number {
            true => Fault::ColumnOfNobody,
            false => Fault::ColumnUnread,
        };
        faults.cell(fault, layout.line, column, "", &heading);
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

/// What must hold between the rows of a file. What was seen is remembered as 128 bits under two
/// secret keys, not as text: that two of a million differ and look alike has a chance of 2^-89.
struct Across<'r, 'f> {
    findings: &'r mut Findings<'f>,
    secrets: [RandomState; 2],
}

impl Across<'_, '_> {
    fn add(&mut self, fault: Fault, place: RowPlace, field: Option<Field>, value: &str) {
        self.findings.add(fault, place, field, value, "");
    }

    fn mark(&self, what: impl Hash) -> u128 {
        let [high, low] = self.secrets.each_ref().map(|secret| secret.hash_one(&what));
        u128::from(high) << 64 | u128::from(low)
    }

    /// One subject has each component once.
    fn listed_once(&mut self, rows: &Staged) -> Result<(), Error> {
        let mut seen = HashSet::with_capacity(rows.len());
        for read in rows.each() {
            let (_, row) = read?;
            let subject = match row.scope {
                Scope::Person => &row.identity_no,
                Scope::Household => &row.file_no,
            };
            if !row.is_member && !seen.insert(self.mark((subject, row.component))) {
                self.add(Fault::ListedTwice, row.place, Some(Field::Component), "");
            }
        }
        Ok(())
    }

    /// One payee has one account.
    fn one_account_each(&mut self, rows: &Staged) -> Result<(), Error> {
        let mut accounts = HashMap::with_capacity(rows.len());
        for read in rows.each() {
            let (_, row) = read?;
            if row.is_member {
                continue;
            }
            let account = self.mark(&row.account_no);
            if *accounts.entry(self.mark(row.payee().1)).or_insert(account) != account {
                let masked = mask_account(&row.account_no);
                self.add(
                    Fault::AccountsDiffer,
                    row.place,
                    Some(Field::Account),
                    &masked,
                );
            }
        }
        Ok(())
    }

    /// One identity number has one name, as beneficiary and as payee.
    fn one_name_each(&mut self, rows: &Staged) -> Result<(), Error> {
        let mut names = HashMap::with_capacity(rows.len());
        for read in rows.each() {
            let (_, row) = read?;
            let payee = row.payee.as_deref();
            let payee = payee.filter(|payee| payee.kind == PartyKind::Person);
            let payee = payee.map(|payee| (&payee.number, &payee.name, Some(Field::Payee)));
            let person = (&row.identity_no, &row.name, None);
            for (number, name, field) in std::iter::once(person).chain(payee) {
                let mark = self.mark(name);
                if *names.entry(self.mark(number)).or_insert(mark) != mark {
                    let masked = mask_name(name);
                    self.add(Fault::NamesDiffer, row.place, field, &masked);
                }
            }
        }
        Ok(())
    }

    /// One household has one head.
    fn one_head_each(&mut self, rows: &Staged) -> Result<(), Error> {
        let mut heads = HashMap::with_capacity(rows.len());
        for read in rows.each() {
            let (_, row) = read?;
            if !row.is_head {
                continue;
            }
            let head = self.mark(&row.identity_no);
            if *heads.entry(self.mark(&row.file_no)).or_insert(head) != head {
                self.add(Fault::HeadTwice, row.place, Some(Field::Relation), "");
            }
        }
        Ok(())
    }
}
