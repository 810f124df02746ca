//! A roster as a file: its headings, and reading it row by row with every fault named.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use bank_adapters::{Finding, Severity};
use ledger::audit::canonical::nfc;
use ledger::id::ComponentId;
use ledger::money::Fen;
use ledger::problem::{Kind, Language, Place, Problem};
use ledger::program::{Component, Scope};
use ledger::roster::{AccountNumber, CreditCode, IdentityNumber, PersonName};
use ledger_store::roster::PartyKind;

use super::mask_account;
use crate::app::Error;

/// Rows that one roster may have.
pub const ROWS_MAX: usize = 200_000;

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

/// A row whose every field has been read. What many rows share stands once, in [`Words`].
pub(super) struct RosterRow {
    pub(super) row: u64,
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
    pub(super) basis: usize,
    /// None when the payee is the person of the row.
    pub(super) payee: Option<Box<Payee>>,
    pub(super) bank: usize,
    pub(super) account_no: Box<str>,
}

/// Who is paid instead of the person of the row.
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
    fn place(&mut self, first: &str, second: &str) -> usize {
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

/// A roster that has no fault.
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

/// Reads and checks every row.
///
/// # Errors
/// [`Kind::RosterFaulty`] with every fault of the file.
pub(super) fn read(
    file_name: &str,
    bytes: &[u8],
    components: &[Component],
) -> Result<Roster, Error> {
    let text = decode(file_name, bytes)?;
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut faults = Faults {
        file: file_name,
        list: Vec::new(),
    };
    let headings = reader.headers().map_err(anyhow::Error::from)?.clone();
    let mut positions = [0_usize; HEADINGS.len()];
    for (heading, position) in HEADINGS.iter().zip(&mut positions) {
        match headings.iter().position(|found| found.trim() == *heading) {
            Some(found) => *position = found,
            None => faults.add(1, heading, "", "缺少此列", "this column is missing"),
        }
    }
    let mut roster = Roster {
        rows: Vec::new(),
        areas: Words::default(),
        banks: Words::default(),
        words: Words::default(),
    };
    if faults.list.is_empty() {
        let mut record = csv::StringRecord::new();
        let mut row = 1_u64;
        while reader
            .read_record(&mut record)
            .map_err(anyhow::Error::from)?
        {
            row += 1;
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if roster.rows.len() >= ROWS_MAX {
                faults.add(row, "", "", "行数超过上限", "too many rows");
                break;
            }
            let cells = positions.map(|position| nfc(record.get(position).unwrap_or("").trim()));
            if let Some(read) = roster.read_row(row, &cells, components, &mut faults) {
                roster.rows.push(read);
            }
        }
    }
    roster.listed_once(&mut faults);
    roster.one_account_each(&mut faults);
    if faults.list.is_empty() {
        return Ok(roster);
    }
    faults.list.sort_by_key(|finding| finding.place.row);
    let problem = Problem::new(Kind::RosterFaulty).with("count", faults.list.len());
    let place = faults.list.first().map(|finding| finding.place.clone());
    Err(Error::Refused {
        problem: Box::new(problem.at(place.unwrap_or_default())),
        findings: faults.list,
    })
}

impl Roster {
    fn read_row(
        &mut self,
        row: u64,
        cells: &[Cow<'_, str>; HEADINGS.len()],
        components: &[Component],
        faults: &mut Faults<'_>,
    ) -> Option<RosterRow> {
        let before = faults.list.len();
        let [file_no, township, village, name, identity, _, rest @ ..] = cells;
        let [code, tag, income, amount, basis, rest @ ..] = rest;
        let [payee, payee_no, payee_kind, bank_name, bank_no, account] = rest;
        for (heading, cell) in [("档案号", file_no), ("乡镇", township)] {
            if cell.is_empty() {
                faults.add(row, heading, "", "不能为空", "must not be empty");
            }
        }
        let name = faults.name(row, "姓名", name);
        let identity_no = faults.identity(row, "身份证号", identity);
        let component = components.iter().find(|component| component.code == **code);
        if component.is_none() {
            faults.add(row, "发放项目", code, "没有此发放项目", "no such component");
        }
        let income = faults.amount(row, "月人均收入", income);
        let amount = (!amount.is_empty()).then(|| faults.amount(row, "核定金额", amount));
        if amount.is_some() && basis.is_empty() {
            let (zh, en) = ("个别核定须写依据", "an individual amount needs its basis");
            faults.add(row, "核定依据", "", zh, en);
        }
        let payee = faults.payee(row, payee_kind, payee, payee_no);
        let account_no = faults.account(row, "账号", account);
        let component = component?;
        let own = payee.kind == PartyKind::Person
            && (&payee.number, &payee.name) == (&identity_no, &name);
        (faults.list.len() == before).then(|| RosterRow {
            row,
            file_no: Box::from(&**file_no),
            area: self.areas.place(township, village),
            name,
            identity_no,
            component: component.id,
            scope: component.scope,
            tag: self.words.place(tag, ""),
            income,
            amount,
            basis: self.words.place(basis, ""),
            payee: (!own).then(|| Box::new(payee)),
            bank: self.banks.place(bank_name, bank_no),
            account_no,
        })
    }

    /// One subject has each component once.
    fn listed_once(&self, faults: &mut Faults<'_>) {
        let mut seen = HashSet::with_capacity(self.rows.len());
        for row in &self.rows {
            let subject = match row.scope {
                Scope::Person => &row.identity_no,
                Scope::Household => &row.file_no,
            };
            if !seen.insert((subject, row.component)) {
                faults.add(row.row, "发放项目", "", "同一对象重复", "listed twice");
            }
        }
    }

    /// One payee has one account.
    fn one_account_each(&self, faults: &mut Faults<'_>) {
        let mut accounts: HashMap<&str, &str> = HashMap::with_capacity(self.rows.len());
        for row in &self.rows {
            let known = accounts.entry(row.payee().1).or_insert(&row.account_no);
            if **known != *row.account_no {
                let masked = mask_account(&row.account_no);
                let (zh, en) = ("同一收款人有两个账号", "one payee with two accounts");
                faults.add(row.row, "账号", &masked, zh, en);
            }
        }
    }
}

/// Collects every fault of a file.
struct Faults<'a> {
    file: &'a str,
    list: Vec<Finding>,
}

impl Faults<'_> {
    fn add(&mut self, row: u64, column: &str, value: &str, zh: &str, en: &str) {
        self.list.push(Finding {
            code: "ROS-0002",
            severity: Severity::Blocking,
            place: Place {
                file: Some(self.file.to_owned()),
                row: Some(row),
                column: (!column.is_empty()).then(|| column.to_owned()),
                value: (!value.is_empty()).then(|| value.to_owned()),
                ..Place::default()
            },
            zh: zh.to_owned(),
            en: en.to_owned(),
        });
    }

    fn take<T>(
        &mut self,
        row: u64,
        column: &str,
        masked: impl FnOnce() -> String,
        parsed: Result<T, Problem>,
    ) -> Option<T> {
        parsed
            .map_err(|problem| {
                let (zh, en) = (problem.title(Language::Zh), problem.title(Language::En));
                self.add(row, column, &masked(), &zh, &en);
            })
            .ok()
    }

    fn name(&mut self, row: u64, column: &str, text: &str) -> Box<str> {
        let parsed = self.take(row, column, String::new, PersonName::parse(text));
        parsed.map_or_else(Box::default, |name| Box::from(name.as_str()))
    }

    fn identity(&mut self, row: u64, column: &str, text: &str) -> Box<str> {
        let masked = || mask_account(text);
        let parsed = self.take(row, column, masked, IdentityNumber::parse(text));
        parsed.map_or_else(Box::default, |number| Box::from(number.as_str()))
    }

    fn payee(&mut self, row: u64, kind: &str, name: &str, number: &str) -> Payee {
        let kind = self.payee_kind(row, "收款人类型", kind);
        let name = self.name(row, "收款人", name);
        let number = match kind {
            PartyKind::Institution => self.credit_code(row, "收款人证件号", number),
            _ => self.identity(row, "收款人证件号", number),
        };
        Payee { kind, name, number }
    }

    fn payee_kind(&mut self, row: u64, column: &str, text: &str) -> PartyKind {
        match text {
            "机构" | "institution" => PartyKind::Institution,
            "个人" | "person" | "" => PartyKind::Person,
            other => {
                self.add(row, column, other, "填个人或机构", "person or institution");
                PartyKind::Person
            }
        }
    }

    fn credit_code(&mut self, row: u64, column: &str, text: &str) -> Box<str> {
        let parsed = self.take(row, column, || text.to_owned(), CreditCode::parse(text));
        parsed.map_or_else(Box::default, |code| Box::from(code.as_str()))
    }

    fn account(&mut self, row: u64, column: &str, text: &str) -> Box<str> {
        let masked = || mask_account(text);
        let parsed = self.take(row, column, masked, AccountNumber::parse(text));
        parsed.map_or_else(Box::default, |number| Box::from(number.as_str()))
    }

    fn amount(&mut self, row: u64, column: &str, text: &str) -> Fen {
        if text.is_empty() {
            return Fen::ZERO;
        }
        match Fen::parse_yuan(text) {
            Ok(amount) if amount >= Fen::ZERO => amount,
            _ => {
                self.add(
                    row,
                    column,
                    text,
                    "不是以元为单位的金额",
                    "not an amount in yuan",
                );
                Fen::ZERO
            }
        }
    }
}
