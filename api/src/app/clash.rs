//! The clash check (比对校验) of a run, the lists of other offices that it compares with, and the
//! programs that exclude each other.

use bank_adapters::{
    Finding as Fault, GridRow, GridSheet, Severity, heading, is_blocked, read_grid,
};
use ledger::calendar::parse_date;
use ledger::disbursement::clash::{Check, Clash, Finding, ListKind};
use ledger::disbursement::due::settle;
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::RunState;
use ledger::id::{PartyId, RunId};
use ledger::money::Fen;
use ledger::problem::{Kind, Place, Problem};
use ledger::roster::{IdentityNumber, PersonName};
use ledger_store::boxed;
use ledger_store::clash::{self as store, CheckList, ListedPerson};
use ledger_store::run::{Run, RunKind};
use ledger_store::write::Write;
use ledger_store::{payment, policy};
use serde_json::{Value, json};

use super::exception::Page;
use super::progress::Progress;
use super::release::{self, Rehearsal};
use super::roster::{mask_account, mask_name};
use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found, run};

/// Headings of a list: identity number, name, since when.
const HEADINGS: [&[&str]; 3] = [
    &["身份证号", "公民身份号码", "证件号码"],
    &["姓名"],
    &["日期", "死亡日期", "起始日期", "参加工作日期"],
];

/// Looks at a run before anybody reviews it: the bank's files can be written, and what clashes is
/// kept with the check, which is the next event of the run.
///
/// # Errors
/// [`Kind::AccountMissing`] for payees without an account; what the bank's layout cannot carry.
pub(super) async fn check(
    app: &App,
    write: &mut Write,
    run: &Run,
    progress: &Progress,
) -> Result<(), Error> {
    if run.kind == RunKind::RePay {
        return release::rehearse(app, write, run).await;
    }
    let mut rehearsal = Rehearsal::of(app, write, run).await?;
    progress.expect(usize::try_from(run.payments).unwrap_or_default());
    let findings = judge(write, run, Some((&mut rehearsal, progress))).await?;
    rehearsal.finish().await?;
    Ok(store::add_findings(write, run.id, run.events + 1, &findings).await?)
}

/// Everything that clashes; the payments are written into the rehearsal's files too.
async fn judge(
    write: &mut Write,
    run: &Run,
    mut rehearsal: Option<(&mut Rehearsal, &Progress)>,
) -> Result<Vec<Finding>, Error> {
    let book = write.book();
    let mut clash = Clash::new(store::known(write.tx(), book, run).await?);
    // Calculating again what nothing has changed since gives the same: then it is left out.
    let changed = store::due_changed(write.tx(), book, run).await?;
    if changed {
        for (household, amount) in outdated(write, run).await? {
            clash.differs(household, amount);
        }
    }
    for page in store::pages_of(run, write.tx().engine()) {
        let payments = payment::to_check(write.tx(), book, page).await?;
        if let Some((rehearsal, progress)) = &mut rehearsal {
            progress.add(payments.items.len());
            rehearsal.write(run, &payments.items).await?;
        }
        store::judge(write.tx(), book, &payments, changed, &mut clash).await?;
    }
    store::judge_related(write.tx(), book, run, &mut clash).await?;
    Ok(clash.finish())
}

/// Households to which the policy gives more now than the run pays, and under no household what it
/// gives less. What the run carries over is no difference: no payment could take it.
async fn outdated(write: &mut Write, run: &Run) -> Result<Vec<(PartyId, Fen)>, Error> {
    let book = write.book();
    let rules = policy::policy_of(write.tx(), book, run.program).await?;
    let found = payment::entitlements(write.tx(), book, run.program, run.first, run.last).await?;
    let mut outdated = Vec::new();
    let mut carried = Fen::ZERO;
    for home in run::by_household(found) {
        for lines in run::payments_of(&rules, &home.awards, &home.accrued, run)? {
            let household = lines.first().map(|line| line.household);
            let (payment, over) = settle(lines)?;
            carried = carried.plus(over)?;
            if let (Some(lines), Some(household)) = (payment, household) {
                let amount = Fen::sum(lines.iter().map(|line| line.amount))?;
                outdated.push((household, amount));
            }
        }
    }
    if carried != run.carried {
        outdated.push((PartyId(0), run.carried.minus(carried)?));
    }
    Ok(outdated)
}

/// Refuses to submit a checked run while something stands against it.
///
/// # Errors
/// [`Kind::RunChanged`] when another check would find something else by now,
/// [`Kind::CheckBlocked`] for errors, [`Kind::CheckUnexplained`] for warnings without a reason.
pub(super) async fn passable(write: &mut Write, run: &Run) -> Result<(), Error> {
    let (book, check) = (write.book(), (run.id, run.events));
    let changed = store::changed_since(write.tx(), book, check).await?;
    if changed && run.kind != RunKind::RePay {
        let stored = store::findings(write.tx(), book, check, 0, i64::MAX).await?;
        let now = judge(write, run, None).await?;
        if !stored.iter().map(|stored| &stored.finding).eq(&now) {
            return Err(Problem::new(Kind::RunChanged).with("run", run.id).into());
        }
    }
    let found = store::found(write.tx(), book, check).await?;
    let errors: i64 = (found.iter().filter(|(check, _)| check.blocks()))
        .map(|(_, count)| count)
        .sum();
    if errors > 0 {
        return Err(Problem::new(Kind::CheckBlocked)
            .with("count", errors)
            .into());
    }
    let explained = store::explanations(write.tx(), book, check).await?;
    let open: Vec<String> = (found.iter())
        .filter(|(found, _)| !explained.iter().any(|(check, ..)| check == found))
        .map(|(check, count)| format!("{} {}({count})", check.code(), check.name()))
        .collect();
    if open.is_empty() {
        return Ok(());
    }
    Err(Problem::new(Kind::CheckUnexplained)
        .with("checks", open.join("、"))
        .into())
}

/// How many errors and warnings the last check of a run has found.
pub(super) async fn counts(write: &mut Write, run: &Run) -> Result<(i64, i64), Error> {
    let book = write.book();
    let found = store::found(write.tx(), book, (run.id, run.events)).await?;
    let sum = |blocks: bool| {
        let of = found.iter().filter(|(check, _)| check.blocks() == blocks);
        of.map(|(_, count)| count).sum()
    };
    Ok((sum(true), sum(false)))
}

/// Says why the warnings of one check of a run may stand.
#[boxed]
pub async fn explain(
    app: &App,
    caller: &Caller,
    id: RunId,
    check: &str,
    reason: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("run.explain", Action::MakeRun)
        .key(key)
        .field("run", id.get())
        .field("check", check)
        .field("reason", reason);
    app.command(caller, order, async |write| {
        let run = run::load(write, id).await?;
        let check = Check::from_code(check).ok_or_else(|| not_found("校验 check", check))?;
        if run.state != RunState::Checked {
            return Err(Problem::new(Kind::RunState)
                .with("run", id)
                .with("state", run.state.name())
                .with("event", "说明")
                .into());
        }
        if check.blocks() {
            return Err(Problem::new(Kind::CheckBlocked).with("count", 1).into());
        }
        let book = write.book();
        let found = store::found(write.tx(), book, (id, run.events)).await?;
        let count = found.iter().find(|(found, _)| *found == check);
        let (_, count) = count.ok_or_else(|| not_found("校验 check", check.code()))?;
        if reason.trim().is_empty() {
            return Err(super::policy::invalid("reason", "", "原因 a reason"));
        }
        let explained = store::explanations(write.tx(), book, (id, run.events)).await?;
        if explained.iter().any(|(of, ..)| *of == check) {
            return Err(Problem::new(Kind::AlreadyExists)
                .with("what", "说明 explanation")
                .with("name", check.code())
                .into());
        }
        store::add_explanation(write, (id, run.events), check, caller.user.id, reason).await?;
        Ok(json!({ "run": id.get(), "check": check.code(), "findings": count }))
    })
    .await
}

/// The first findings of the last check of a run, people masked.
#[boxed]
pub async fn findings(app: &App, caller: &Caller, id: RunId, limit: i64) -> Result<Report, Error> {
    findings_page(app, caller, id, Page { after: 0, limit }).await
}

/// What the last check of a run has found after one finding, people masked. The document names in
/// `next` the finding after which to ask for more; it is null at the end.
#[boxed]
pub async fn findings_page(
    app: &App,
    caller: &Caller,
    id: RunId,
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let run = ledger_store::run::run(&mut tx, book, id).await?;
    let run = run.ok_or_else(|| not_found("批次 run", id))?;
    let check = (
        run.id,
        store::last_check(&mut tx, book, id).await?.unwrap_or(0),
    );
    let found = store::found(&mut tx, book, check).await?;
    let explained = store::explanations(&mut tx, book, check).await?;
    let limit = page.limit.saturating_add(1);
    let mut list = store::findings(&mut tx, book, check, page.after, limit).await?;
    tx.rollback().await?;
    let most = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = list.len() > most;
    list.truncate(most);
    // Findings are numbered from 1 without gaps.
    let end = page
        .after
        .saturating_add(i64::try_from(list.len()).unwrap_or(i64::MAX));
    let next = more.then_some(end);
    let reason = |check: Check| {
        let explained = explained.iter().find(|(of, ..)| *of == check);
        explained.map_or("", |(_, _, reason)| reason.as_str())
    };
    let mut head = Table::new(
        words(format!("批次 {id} 校验"), format!("Check of run {id}")),
        &[
            ("编号", "code", false),
            ("校验", "check", false),
            ("性质", "weight", false),
            ("条数", "findings", true),
            ("说明", "explanation", false),
        ],
    );
    let mut checks = Vec::new();
    for (check, count) in &found {
        let weight = if check.blocks() { "错误" } else { "提醒" };
        head.row([
            check.code().to_owned(),
            check.name().to_owned(),
            weight.to_owned(),
            count.to_string(),
            reason(*check).to_owned(),
        ]);
        checks.push(json!({
            "code": check.code(),
            "name": check.name(),
            "name_en": check.english(),
            "blocks": check.blocks(),
            "findings": count,
            "explanation": reason(*check),
        }));
    }
    let (table, rows) = finding_table(&list);
    let document = json!({ "run": id.get(), "checks": checks, "findings": rows, "next": next });
    Ok(Report::new(document, vec![head, table]))
}

fn finding_table(list: &[store::StoredFinding]) -> (Table, Vec<Value>) {
    let mut table = Table::new(
        words("发现", "Findings"),
        &[
            ("编号", "code", false),
            ("校验", "check", false),
            ("明细", "payment", true),
            ("姓名", "name", false),
            ("证件号", "number", false),
            ("情况", "detail", false),
        ],
    );
    let mut rows = Vec::new();
    for stored in list {
        let (found, check) = (&stored.finding, stored.finding.check);
        let payment = match found.payment.get() {
            0 => String::new(),
            payment => payment.to_string(),
        };
        let (name, number) = match stored.name.as_str() {
            "" => (String::new(), String::new()),
            name => (mask_name(name), mask_account(&stored.reference_no)),
        };
        table.row([
            check.code().to_owned(),
            check.name().to_owned(),
            payment,
            name.clone(),
            number.clone(),
            found.detail.clone(),
        ]);
        rows.push(json!({
            "code": check.code(),
            "payment": found.payment.get(),
            "name": name,
            "number": number,
            "detail": found.detail,
        }));
    }
    (table, rows)
}

/// A list of another office as it comes.
#[derive(Clone, Debug)]
pub struct ListInput {
    /// What it says of the people on it.
    pub kind: ListKind,
    /// Whose it is.
    pub name: String,
    /// Its file name.
    pub file_name: String,
    /// Its bytes: a workbook, or text in UTF-8 or GB18030.
    pub bytes: Vec<u8>,
}

/// Imports a list of another office. It takes the place of an earlier one of its kind and name.
///
/// # Errors
/// [`Kind::FileRejected`] with every fault of the file.
#[boxed]
pub async fn import_list(
    app: &App,
    caller: &Caller,
    input: &ListInput,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("check-list.import", Action::ImportRoster)
        .key(key)
        .file(&input.file_name, &input.bytes)
        .field("kind", input.kind.code())
        .field("name", input.name.as_str());
    let on = app.clock.today();
    app.command(caller, order, async |write| {
        let people = read_list(app, input)?;
        let bytes = &input.bytes;
        let file =
            ledger_store::batch::store_file(write, "check-list", &input.file_name, bytes).await?;
        let list = CheckList {
            id: 0,
            kind: input.kind,
            name: input.name.clone(),
            people: i64::try_from(people.len()).unwrap_or(i64::MAX),
            imported_on: on.to_string(),
            entry: 0,
        };
        let id = store::add_list(write, &list, file.id, &people).await?;
        let kind = list.kind.code();
        Ok(json!({ "list": id, "kind": kind, "name": list.name, "people": list.people }))
    })
    .await
}

/// Rows above the headings at most: a title, who made the list and when.
const TITLE_ROWS: usize = 10;

fn read_list(app: &App, input: &ListInput) -> Result<Vec<ListedPerson>, Error> {
    let (grid, findings) = read_grid(&input.bytes);
    if is_blocked(&findings) {
        return Err(refused(findings));
    }
    let mut list = ListReader {
        app,
        input,
        sheet: "",
        people: Vec::new(),
        faults: Vec::new(),
    };
    let mut row_no = 0;
    for sheet in grid.sheets.iter().filter(|sheet| !sheet.is_empty()) {
        list.sheet = &sheet.name;
        let Some((head, number, name, since)) = list_columns(sheet) else {
            list.faults.push(no_headings(input, &sheet.name));
            continue;
        };
        for row in sheet.rows().filter(|row| row.line() > head) {
            row_no += 1;
            let since = since.map_or("", |column| row.text(column).trim());
            let number = if row.is_number(number) {
                ""
            } else {
                row.text(number)
            };
            list.row((row_no, row.line()), (number, row.text(name), since))?;
        }
    }
    match list.faults.is_empty() {
        true if list.people.is_empty() => Err(refused(vec![no_headings(input, "")])),
        true => Ok(list.people),
        false => Err(refused(list.faults)),
    }
}

/// The line of the headings, and the columns of number, name and date.
fn list_columns(sheet: &GridSheet<'_>) -> Option<(u64, usize, usize, Option<usize>)> {
    let place = |row: &GridRow<'_>, names: &[&str]| {
        (0..row.width()).find(|column| names.contains(&heading(row.text(*column)).as_ref()))
    };
    sheet.rows().take(TITLE_ROWS).find_map(|row| {
        let [number, name, since] = HEADINGS.map(|names| place(&row, names));
        Some((row.line(), number?, name?, since))
    })
}

/// A list being read: people and faults so far.
struct ListReader<'a> {
    app: &'a App,
    input: &'a ListInput,
    sheet: &'a str,
    people: Vec<ListedPerson>,
    faults: Vec<Fault>,
}

impl ListReader<'_> {
    fn row(
        &mut self,
        (row_no, line): (i64, u64),
        (number, name, since): (&str, &str, &str),
    ) -> Result<(), Error> {
        let identity = IdentityNumber::parse(number);
        if identity.is_err() {
            let says = ("身份证号校验不符", "the identity number fails its check");
            self.fault(line, HEADINGS[0][0], &mask_account(number.trim()), says);
        }
        let person = PersonName::parse(name);
        if person.is_err() {
            self.fault(
                line,
                HEADINGS[1][0],
                "",
                ("姓名不能用", "the name is not usable"),
            );
        }
        if !since.is_empty() && parse_date(since).is_err() {
            let says = ("日期应为 YYYY-MM-DD", "the date must be YYYY-MM-DD");
            self.fault(line, HEADINGS[2][0], since, says);
        }
        if let (Ok(identity), Ok(person)) = (identity, person) {
            let (kind, name) = (self.input.kind.code(), &self.input.name);
            let purpose = || format!("check-list/{kind}/{name}/{row_no}");
            self.people.push(ListedPerson {
                row_no,
                reference_no: identity.as_str().to_owned(),
                name: person.as_str().to_owned(),
                since: since.to_owned(),
                salt: self.app.entropy.salt_for(purpose)?,
            });
        }
        Ok(())
    }

    fn fault(&mut self, line: u64, column: &str, value: &str, says: (&str, &str)) {
        let place = Place {
            file: Some(self.input.file_name.clone()),
            sheet: (!self.sheet.is_empty()).then(|| self.sheet.to_owned()),
            row: Some(line),
            column: Some(column.to_owned()),
            value: (!value.is_empty()).then(|| value.to_owned()),
            ..Place::default()
        };
        self.faults.push(list_fault(place, says));
    }
}

fn no_headings(input: &ListInput, sheet: &str) -> Fault {
    let place = Place {
        file: Some(input.file_name.clone()),
        sheet: (!sheet.is_empty()).then(|| sheet.to_owned()),
        ..Place::default()
    };
    let en = "no row of headings with 身份证号 and 姓名, or nobody below it";
    list_fault(place, ("没有“身份证号”“姓名”标题行,或其下没有人", en))
}

fn list_fault(place: Place, (zh, en): (&str, &str)) -> Fault {
    Fault {
        code: "BNK-0001",
        severity: Severity::Blocking,
        place,
        zh: zh.to_owned(),
        en: en.to_owned(),
    }
}

fn refused(findings: Vec<Fault>) -> Error {
    let problem = Problem::new(Kind::FileRejected).with("count", findings.len());
    let place = findings.first().map(|fault| fault.place.clone());
    Error::Refused {
        problem: Box::new(problem.at(place.unwrap_or_default())),
        findings,
    }
}

/// All lists; the newest of each kind and name counts.
#[boxed]
pub async fn lists(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let lists = store::lists(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("比对名单", "Check lists"),
        &[
            ("编号", "number", true),
            ("种类", "kind", false),
            ("名称", "name", false),
            ("人数", "people", true),
            ("导入日期", "imported", false),
        ],
    );
    let mut rows = Vec::new();
    for list in &lists {
        table.row([
            list.id.to_string(),
            list.kind.name().to_owned(),
            list.name.clone(),
            list.people.to_string(),
            list.imported_on.clone(),
        ]);
        rows.push(json!({
            "list": list.id,
            "kind": list.kind.code(),
            "name": list.name,
            "people": list.people,
            "imported_on": list.imported_on,
            "entry": list.entry,
        }));
    }
    Ok(Report::new(json!({ "lists": rows }), vec![table]))
}

/// States that nobody may draw two programs for the same month.
#[boxed]
pub async fn exclude(
    app: &App,
    caller: &Caller,
    programs: [&str; 2],
    document: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("policy.exclude", Action::ManagePolicy)
        .key(key)
        .field("program", programs[0])
        .field("other", programs[1])
        .field("document", document);
    app.command(caller, order, async |write| {
        let book = write.book();
        let known = policy::programs(write.tx(), book).await?;
        let id = |code: &str| {
            let program = known.iter().find(|program| program.code == code);
            let program = program.ok_or_else(|| not_found("项目 program", code))?;
            Ok::<_, Error>(program.id)
        };
        let pair = (id(programs[0])?, id(programs[1])?);
        if pair.0 == pair.1 {
            let other = programs[1];
            return Err(super::policy::invalid(
                "other",
                other,
                "另一个项目 another program",
            ));
        }
        let exclusions = store::exclusions(write.tx(), book).await?;
        let same =
            |(a, b, _): &(_, _, String)| (*a, *b) == (pair.0.min(pair.1), pair.0.max(pair.1));
        if !exclusions.iter().any(same) {
            store::add_exclusion(write, pair, document).await?;
        }
        Ok(json!({ "program": programs[0], "other": programs[1], "document": document }))
    })
    .await
}
