//! Rosters (花名册): the full roster of a program for a month comes in, and what changed against
//! the books becomes new awards, ended awards and new account versions.
//!
//! Every row is checked before anything is stored, and every fault is named by row and column; a
//! faulty roster changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use bank_adapters::{Finding, Severity};
use ledger::audit::canonical::nfc;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::{AwardId, ComponentId, PartyId};
use ledger::money::Fen;
use ledger::problem::{Kind, Language, Place, Problem};
use ledger::program::{Cadence, Component, Scope};
use ledger::roster::{AccountNumber, Award, CreditCode, IdentityNumber, PersonName};
use ledger_store::policy::{self, Program};
use ledger_store::roster::{self as store, AwardRow, Party, PartyKind, PayeeAccount};
use ledger_store::write::Write;
use serde_json::json;

use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found};

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

/// A row whose every field has been read.
struct RosterRow {
    row: u64,
    file_no: String,
    township: String,
    village: String,
    name: String,
    identity_no: String,
    component: ComponentId,
    scope: Scope,
    tag: String,
    income: Fen,
    amount: Option<Fen>,
    basis: String,
    payee_name: String,
    payee_no: String,
    payee_kind: PartyKind,
    bank_name: String,
    bank_no: String,
    account_no: String,
}

/// An empty roster with its headings, UTF-8 with a byte-order mark so that spreadsheets open it.
pub fn template() -> Vec<u8> {
    format!("\u{feff}{}\r\n", HEADINGS.join(",")).into_bytes()
}

/// Text of a file that may be UTF-8 (with or without mark) or GB18030; never lossy.
///
/// # Errors
/// [`Kind::FileRejected`] when it is neither.
pub fn decode(file_name: &str, bytes: &[u8]) -> Result<String, Error> {
    let plain = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(plain) {
        return Ok(text.to_owned());
    }
    let text = encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(std::borrow::Cow::into_owned).ok_or_else(|| {
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

/// Imports the full roster of a program as it stands in a month. With `dry_run` it only says what
/// would change.
///
/// # Errors
/// [`Kind::RosterFaulty`] with every fault of the file.
#[expect(
    clippy::too_many_arguments,
    reason = "a command with its caller and key"
)]
pub async fn import(
    app: &App,
    caller: &Caller,
    program: &str,
    month: Month,
    file_name: &str,
    bytes: &[u8],
    dry_run: bool,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("roster.import", Action::ImportRoster)
        .key(key)
        .field("program", program)
        .field("month", month.to_string())
        .file(file_name, bytes);
    if dry_run {
        super::authorise(caller, Action::ImportRoster)?;
        let mut write = Write::begin(&app.db, caller.book.id).await?;
        let change = prepare(app, &mut write, program, month, file_name, bytes).await;
        write.rollback().await?;
        return Ok(Done {
            answer: change?.summary(program, month),
            replay: false,
            receipt: None,
        });
    }
    app.command(caller, order, async |write| {
        let change = prepare(app, write, program, month, file_name, bytes).await?;
        ledger_store::batch::store_file(write, "roster", file_name, bytes).await?;
        let summary = change.summary(program, month);
        change.store(write).await?;
        Ok(summary)
    })
    .await
}

/// What an import changes.
#[derive(Default)]
struct Change {
    rows: usize,
    kept: usize,
    parties: Vec<Party>,
    accounts: Vec<PayeeAccount>,
    accounts_changed: usize,
    started: Vec<AwardRow>,
    ended: Vec<(AwardId, Month, &'static str)>,
}

impl Change {
    fn summary(&self, program: &str, month: Month) -> serde_json::Value {
        let replaced = self
            .ended
            .iter()
            .filter(|(_, _, reason)| *reason == "changed")
            .count();
        json!({
            "program": program,
            "month": month.to_string(),
            "rows": self.rows,
            "unchanged": self.kept,
            "started": self.started.len() - replaced,
            "ended": self.ended.len() - replaced,
            "changed": replaced,
            "parties_added": self.parties.len(),
            "accounts_added": self.accounts.len() - self.accounts_changed,
            "accounts_changed": self.accounts_changed,
        })
    }

    async fn store(mut self, write: &mut Write) -> Result<(), Error> {
        store::add_parties(write, &self.parties).await?;
        self.accounts.sort_by_key(|account| account.payee);
        store::add_payee_accounts(write, &self.accounts).await?;
        store::add_awards(write, &self.started).await?;
        self.ended.sort_by_key(|(award, ..)| *award);
        Ok(store::end_awards(write, &self.ended).await?)
    }
}

async fn prepare(
    app: &App,
    write: &mut Write,
    program: &str,
    month: Month,
    file_name: &str,
    bytes: &[u8],
) -> Result<Change, Error> {
    let book = write.book();
    let program = program_of(write, program).await?;
    let components = policy::components(write.tx(), book).await?;
    let components: Vec<Component> = components
        .into_iter()
        .filter(|component| component.program == program.id)
        .collect();
    let rows = read(file_name, bytes, &components)?;
    let known = store::parties(write.tx(), book).await?;
    let accounts = store::payee_accounts(write.tx(), book).await?;
    let open = store::open_awards(write.tx(), book, program.id, month).await?;
    let first_party = write.allot("party", 0).await?;
    let mut parties = Parties::new(app, &known, first_party);
    let mut wanted = Wanted::default();
    for row in &rows {
        wanted.take(row, month, &mut parties)?;
    }
    let mut change = Change {
        rows: rows.len(),
        ..Change::default()
    };
    compare_accounts(app, wanted.accounts, &accounts, &mut change)?;
    let once = components
        .iter()
        .filter(|c| c.cadence == Cadence::Once)
        .map(|c| c.id)
        .collect();
    compare_awards(write, wanted.awards, &open, &once, month, &mut change).await?;
    let added = write.allot("party", parties.added.len()).await?;
    debug_assert_eq!(added, first_party);
    change.parties = parties.added;
    Ok(change)
}

/// Finds parties and numbers the new ones.
struct Parties<'a> {
    app: &'a App,
    by_reference: HashMap<(PartyKind, String), PartyId>,
    added: Vec<Party>,
    next: i64,
}

impl<'a> Parties<'a> {
    fn new(app: &'a App, known: &[Party], next: i64) -> Parties<'a> {
        let by_reference = known
            .iter()
            .map(|p| ((p.kind, p.reference_no.clone()), p.id))
            .collect();
        Parties {
            app,
            by_reference,
            added: Vec::new(),
            next,
        }
    }

    fn id(
        &mut self,
        kind: PartyKind,
        reference_no: &str,
        name: &str,
        row: &RosterRow,
    ) -> Result<PartyId, Error> {
        if let Some(id) = self.by_reference.get(&(kind, reference_no.to_owned())) {
            return Ok(*id);
        }
        let id = PartyId(self.next);
        self.next += 1;
        self.added.push(Party {
            id,
            kind,
            township: row.township.clone(),
            village: row.village.clone(),
            name: name.to_owned(),
            reference_no: reference_no.to_owned(),
            salt: self.app.entropy.salt(&format!("party/{id}"))?,
        });
        self.by_reference
            .insert((kind, reference_no.to_owned()), id);
        Ok(id)
    }
}

/// What the roster asks for.
#[derive(Default)]
struct Wanted {
    awards: BTreeMap<(PartyId, ComponentId), AwardRow>,
    accounts: BTreeMap<PartyId, [String; 4]>,
}

impl Wanted {
    fn take(
        &mut self,
        row: &RosterRow,
        month: Month,
        parties: &mut Parties<'_>,
    ) -> Result<(), Error> {
        let household = parties.id(PartyKind::Household, &row.file_no, &row.name, row)?;
        let person = parties.id(PartyKind::Person, &row.identity_no, &row.name, row)?;
        let payee = parties.id(row.payee_kind, &row.payee_no, &row.payee_name, row)?;
        // Those whom an institution cares for are paid for together: it is their household.
        let together = match row.payee_kind {
            PartyKind::Institution => payee,
            _ => household,
        };
        let subject = match row.scope {
            Scope::Person => person,
            Scope::Household => household,
        };
        let award = Award {
            id: AwardId(0),
            subject,
            household: together,
            payee,
            component: row.component,
            tag: row.tag.clone(),
            income: row.income,
            amount: row.amount,
            from: month,
            to: None,
        };
        let wanted = AwardRow {
            award,
            basis: row.basis.clone(),
        };
        self.awards.insert((subject, row.component), wanted);
        let account = [
            &row.payee_name,
            &row.bank_name,
            &row.bank_no,
            &row.account_no,
        ];
        self.accounts.insert(payee, account.map(Clone::clone));
        Ok(())
    }
}

fn compare_accounts(
    app: &App,
    wanted: BTreeMap<PartyId, [String; 4]>,
    known: &[PayeeAccount],
    change: &mut Change,
) -> Result<(), Error> {
    let newest: HashMap<PartyId, &PayeeAccount> = known.iter().map(|a| (a.payee, a)).collect();
    for (payee, [holder_name, bank_name, bank_no, account_no]) in wanted {
        let last = newest.get(&payee);
        let same = last.is_some_and(|last| {
            last.holder_name == holder_name
                && last.bank_name == bank_name
                && last.bank_no == bank_no
                && last.account_no == account_no
        });
        if same {
            continue;
        }
        let version = last.map_or(1, |last| last.version + 1);
        change.accounts_changed += usize::from(version > 1);
        change.accounts.push(PayeeAccount {
            payee,
            version,
            holder_name,
            bank_name,
            bank_no,
            account_no,
            salt: app
                .entropy
                .salt(&format!("payee_account/{payee}/{version}"))?,
        });
    }
    Ok(())
}

async fn compare_awards(
    write: &mut Write,
    mut wanted: BTreeMap<(PartyId, ComponentId), AwardRow>,
    open: &[AwardRow],
    once: &HashSet<ComponentId>,
    month: Month,
    change: &mut Change,
) -> Result<(), Error> {
    for row in open {
        let award = &row.award;
        // A roster of an earlier month may not grant again what an award, begun later or ended in
        // the meantime, already covers.
        let later = (award.from > month).then_some(award.from).or(award.to);
        if let Some(taken) = later {
            return Err(Problem::new(Kind::AwardOverlap)
                .with("person", award.subject)
                .with("component", award.component)
                .with("month", taken)
                .into());
        }
        let key = (award.subject, award.component);
        let same = wanted.get(&key).is_some_and(|new| {
            let mut new = new.clone();
            (new.award.id, new.award.from) = (award.id, award.from);
            new == *row
        });
        if same {
            wanted.remove(&key);
            change.kept += 1;
            continue;
        }
        match wanted.get_mut(&key) {
            // What falls due once does so in its first month: a change keeps that month, so that
            // it is corrected and not due again.
            Some(new) if once.contains(&award.component) => {
                new.award.from = award.from;
                change
                    .ended
                    .push((award.id, award.from.previous(), "changed"));
            }
            Some(_) => change.ended.push((award.id, month.previous(), "changed")),
            None => change
                .ended
                .push((award.id, month.previous(), "left the roster")),
        }
    }
    let first = write.allot("award", wanted.len()).await?;
    for (id, mut row) in (first..).zip(wanted.into_values()) {
        row.award.id = AwardId(id);
        change.started.push(row);
    }
    Ok(())
}

/// Reads and checks every row.
fn read(file_name: &str, bytes: &[u8], components: &[Component]) -> Result<Vec<RosterRow>, Error> {
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
    let mut rows = Vec::new();
    let mut seen = HashSet::new();
    if faults.list.is_empty() {
        for (row, record) in (2_u64..).zip(reader.records()) {
            let record = record.map_err(anyhow::Error::from)?;
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if rows.len() >= ROWS_MAX {
                faults.add(row, "", "", "行数超过上限", "too many rows");
                break;
            }
            let cells = positions.map(|position| nfc(record.get(position).unwrap_or("").trim()));
            if let Some(read) = read_row(row, &cells, components, &mut faults) {
                let subject = match read.scope {
                    Scope::Person => read.identity_no.clone(),
                    Scope::Household => read.file_no.clone(),
                };
                if !seen.insert((subject, read.component)) {
                    faults.add(row, "发放项目", &cells[6], "同一对象重复", "listed twice");
                }
                rows.push(read);
            }
        }
    }
    check_accounts(&rows, &mut faults);
    if faults.list.is_empty() {
        return Ok(rows);
    }
    let problem = Problem::new(Kind::RosterFaulty).with("count", faults.list.len());
    let place = faults
        .list
        .first()
        .map(|finding| finding.place.clone())
        .unwrap_or_default();
    Err(Error::Refused {
        problem: Box::new(problem.at(place)),
        findings: faults.list,
    })
}

fn read_row(
    row: u64,
    cells: &[std::borrow::Cow<'_, str>; HEADINGS.len()],
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
    let payee_kind = faults.payee_kind(row, "收款人类型", payee_kind);
    let payee_name = faults.name(row, "收款人", payee);
    let payee_no = match payee_kind {
        PartyKind::Institution => faults.credit_code(row, "收款人证件号", payee_no),
        _ => faults.identity(row, "收款人证件号", payee_no),
    };
    let account_no = faults.account(row, "账号", account);
    let component = component?;
    (faults.list.len() == before).then(|| RosterRow {
        row,
        file_no: file_no.to_string(),
        township: township.to_string(),
        village: village.to_string(),
        name,
        identity_no,
        component: component.id,
        scope: component.scope,
        tag: tag.to_string(),
        income,
        amount,
        basis: basis.to_string(),
        payee_name,
        payee_no,
        payee_kind,
        bank_name: bank_name.to_string(),
        bank_no: bank_no.to_string(),
        account_no,
    })
}

/// One payee has one account in a roster.
fn check_accounts(rows: &[RosterRow], faults: &mut Faults<'_>) {
    let mut accounts: HashMap<&str, &str> = HashMap::new();
    for row in rows {
        let known = accounts.entry(&row.payee_no).or_insert(&row.account_no);
        if *known != row.account_no {
            let masked = mask_account(&row.account_no);
            let (zh, en) = ("同一收款人有两个账号", "one payee with two accounts");
            faults.add(row.row, "账号", &masked, zh, en);
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
        masked: &str,
        parsed: Result<T, Problem>,
    ) -> Option<T> {
        parsed
            .map_err(|problem| {
                let (zh, en) = (problem.title(Language::Zh), problem.title(Language::En));
                self.add(row, column, masked, &zh, &en);
            })
            .ok()
    }

    fn name(&mut self, row: u64, column: &str, text: &str) -> String {
        let parsed = self.take(row, column, "", PersonName::parse(text));
        parsed
            .map(|name| name.as_str().to_owned())
            .unwrap_or_default()
    }

    fn identity(&mut self, row: u64, column: &str, text: &str) -> String {
        let masked = mask_account(text);
        let parsed = self.take(row, column, &masked, IdentityNumber::parse(text));
        parsed
            .map(|number| number.as_str().to_owned())
            .unwrap_or_default()
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

    fn credit_code(&mut self, row: u64, column: &str, text: &str) -> String {
        let parsed = self.take(row, column, text, CreditCode::parse(text));
        parsed
            .map(|code| code.as_str().to_owned())
            .unwrap_or_default()
    }

    fn account(&mut self, row: u64, column: &str, text: &str) -> String {
        let masked = mask_account(text);
        let parsed = self.take(row, column, &masked, AccountNumber::parse(text));
        parsed
            .map(|number| number.as_str().to_owned())
            .unwrap_or_default()
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

/// A number with all but its last four characters hidden.
pub fn mask_account(text: &str) -> String {
    let length = text.chars().count();
    let hidden = length.saturating_sub(4);
    text.chars()
        .enumerate()
        .map(|(place, c)| if place < hidden { '*' } else { c })
        .collect()
}

async fn program_of(write: &mut Write, code: &str) -> Result<Program, Error> {
    let book = write.book();
    let programs = policy::programs(write.tx(), book).await?;
    programs
        .into_iter()
        .find(|program| program.code == code)
        .ok_or_else(|| not_found("项目 program", code))
}

/// The roster of a program in a month, masked.
pub async fn list(
    app: &App,
    caller: &Caller,
    program: &str,
    month: Month,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let programs = policy::programs(&mut tx, book).await?;
    let program = programs
        .iter()
        .find(|known| known.code == program)
        .ok_or_else(|| not_found("项目 program", program))?;
    let components = policy::components(&mut tx, book).await?;
    let rows = store::roster_at(&mut tx, book, program.id, month).await?;
    let parties = store::parties(&mut tx, book).await?;
    let rules = policy::policy(&mut tx, book).await?;
    tx.rollback().await?;
    let parties: HashMap<PartyId, &Party> = parties.iter().map(|p| (p.id, p)).collect();
    let mut table = roster_table(program, month);
    let mut list = Vec::new();
    for row in &rows {
        let award = &row.award;
        let name = |id: PartyId| {
            parties
                .get(&id)
                .map_or_else(String::new, |p| mask_name(&p.name))
        };
        let subject = parties.get(&award.subject);
        let code = components.iter().find(|c| c.id == award.component);
        let code = code.map_or("", |component| component.code.as_str());
        let due = rules.due(award, month)?;
        let township = subject.map_or("", |party| party.township.as_str());
        let number = subject.map_or_else(String::new, |party| mask_account(&party.reference_no));
        table.row([
            township.to_owned(),
            name(award.subject),
            number.clone(),
            code.to_owned(),
            award.tag.clone(),
            due.grouped(),
            row.basis.clone(),
            name(award.payee),
        ]);
        list.push(json!({
            "award": award.id.get(),
            "subject": award.subject.get(),
            "name": name(award.subject),
            "number": number,
            "component": code,
            "tag": award.tag,
            "due_fen": due.get(),
            "individual": award.amount.is_some(),
            "basis": row.basis,
            "payee": award.payee.get(),
        }));
    }
    Ok(Report::new(
        json!({ "month": month.to_string(), "roster": list }),
        vec![table],
    ))
}

fn roster_table(program: &Program, month: Month) -> Table {
    let title = words(
        format!("{} {month} 花名册", program.name),
        format!("Roster {month}"),
    );
    Table::new(
        title,
        &[
            ("乡镇", "township", false),
            ("对象", "subject", false),
            ("证件号", "number", false),
            ("发放项目", "component", false),
            ("类别", "tag", false),
            ("本月应发(元)", "due (yuan)", true),
            ("核定依据", "basis", false),
            ("收款人", "payee", false),
        ],
    )
}

/// A name with its middle hidden.
pub fn mask_name(name: &str) -> String {
    PersonName::parse(name).map_or_else(|_| "*".to_owned(), |name| name.masked())
}

/// What changed in a roster between two months: new, gone, raised, lowered.
pub async fn diff(
    app: &App,
    caller: &Caller,
    program: &str,
    from: Month,
    to: Month,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let programs = policy::programs(&mut tx, book).await?;
    let program = programs
        .iter()
        .find(|known| known.code == program)
        .ok_or_else(|| not_found("项目 program", program))?;
    let components = policy::components(&mut tx, book).await?;
    let rules = policy::policy(&mut tx, book).await?;
    let parties = store::parties(&mut tx, book).await?;
    let mut due: BTreeMap<(PartyId, ComponentId), [Fen; 2]> = BTreeMap::new();
    for (side, month) in [from, to].into_iter().enumerate() {
        for row in store::roster_at(&mut tx, book, program.id, month).await? {
            let amount = rules.due(&row.award, month)?;
            due.entry((row.award.subject, row.award.component))
                .or_default()[side] = amount;
        }
    }
    tx.rollback().await?;
    let parties: HashMap<PartyId, &Party> = parties.iter().map(|p| (p.id, p)).collect();
    let mut table = diff_table(program, from, to);
    let mut list = Vec::new();
    for ((subject, component), [before, after]) in due {
        let (zh, code) = match (before, after) {
            (a, b) if a == b => continue,
            (Fen::ZERO, _) => ("新增", "new"),
            (_, Fen::ZERO) => ("退出", "gone"),
            (a, b) if b > a => ("提高", "raised"),
            _ => ("降低", "lowered"),
        };
        let party = parties.get(&subject);
        let component = components.iter().find(|c| c.id == component);
        let component = component.map_or("", |component| component.code.as_str());
        table.row([
            zh.to_owned(),
            party.map_or_else(String::new, |party| party.township.clone()),
            party.map_or_else(String::new, |party| mask_name(&party.name)),
            component.to_owned(),
            before.grouped(),
            after.grouped(),
            after.minus(before)?.grouped(),
        ]);
        list.push(json!({
            "change": code,
            "subject": subject.get(),
            "component": component,
            "before_fen": before.get(),
            "after_fen": after.get(),
        }));
    }
    Ok(Report::new(json!({ "changes": list }), vec![table]))
}

fn diff_table(program: &Program, from: Month, to: Month) -> Table {
    let title = words(
        format!("{} {from} → {to} 变动", program.name),
        format!("Changes {from} → {to}"),
    );
    Table::new(
        title,
        &[
            ("变动", "change", false),
            ("乡镇", "township", false),
            ("对象", "subject", false),
            ("发放项目", "component", false),
            ("上期(元)", "before (yuan)", true),
            ("本期(元)", "after (yuan)", true),
            ("差额(元)", "difference (yuan)", true),
        ],
    )
}
