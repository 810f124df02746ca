//! The work queue: every difference with its owner, its age, the day by which it is due by the
//! bank's working days, how it can be settled, and what settling it booked.

use ledger_store::boxed;
use std::collections::HashMap;

use ledger::calendar::{Date, WorkingDays};
use ledger::disbursement::role::Action;
use ledger::id::{BookId, ExceptionId, UserId};
use ledger::money::Fen;
use ledger::problem::Language;
use ledger_store::db::Tx;
use ledger_store::exception::{self as store, Exception, ExceptionState, Note, NoteKind};
use ledger_store::recovery;
use ledger_store::settlement::{self, Settled};
use ledger_store::statement::{self, StoredLine};
use reconciliation::answer::ExceptionKind;
use reconciliation::resolution::{Effect, offered};
use serde_json::{Value, json};

use super::super::roster::mask_numbers;
use super::super::view::{Report, Table, words};
use super::super::{App, Caller, Error, calendar, not_found};
use super::Page;

/// Working days after it came up, a difference is due. No rule gives a number; a week of the bank
/// is what the surveyed counties ask for.
const DUE_WORKING_DAYS: u32 = 5;

/// How many things a movement may be are listed: a person reads them.
const CANDIDATES_MAX: usize = 100;

/// A difference with what is noted of it.
struct Seen {
    exception: Exception,
    notes: Vec<Note>,
    settled: Option<Settled>,
    due: Option<Date>,
    /// What recoveries have not taken of it.
    left: Fen,
}

/// What lists of differences are told with.
struct Around {
    users: HashMap<UserId, String>,
    working_days: WorkingDays,
    today: Date,
}

impl Around {
    async fn load(tx: &mut Tx, book: BookId, today: Date) -> Result<Around, Error> {
        let users = ledger_store::book::users(tx, book).await?;
        Ok(Around {
            users: users.into_iter().map(|user| (user.id, user.name)).collect(),
            working_days: calendar::working_days(tx, book).await?,
            today,
        })
    }

    /// The differences with their notes and settlements.
    async fn see(
        &self,
        tx: &mut Tx,
        book: BookId,
        found: Vec<Exception>,
    ) -> Result<Vec<Seen>, Error> {
        let ends = (found.first(), found.last());
        let (Some(first), Some(last)) = ends else {
            return Ok(Vec::new());
        };
        let ends = (first.id.get(), last.id.get());
        let mut notes: HashMap<ExceptionId, Vec<Note>> = HashMap::new();
        for (id, note) in store::notes(tx, book, ends).await? {
            notes.entry(id).or_default().push(note);
        }
        let settled = settlement::settlements(tx, book, ends).await?;
        let mut settled: HashMap<ExceptionId, Settled> = settled
            .into_iter()
            .map(|one| (one.exception, one))
            .collect();
        let taken = recovery::taken(tx, book, None).await?;
        let see = |exception: Exception| {
            let taken = taken.get(&exception.id).copied().unwrap_or_default();
            let notes = notes.remove(&exception.id).unwrap_or_default();
            let opened = opened(&notes);
            let days = &self.working_days;
            Seen {
                due: opened.and_then(|on| days.add_working_days(on, DUE_WORKING_DAYS)),
                settled: settled.remove(&exception.id),
                left: exception.amount.minus(taken).unwrap_or(exception.amount),
                notes,
                exception,
            }
        };
        Ok(found.into_iter().map(see).collect())
    }

    fn owner(&self, seen: &Seen) -> &str {
        let owner = seen.notes.iter().rfind(|note| note.kind == NoteKind::Owner);
        let name = owner.and_then(|note| self.users.get(&note.owner));
        name.map_or("", String::as_str)
    }

    /// Days since it came up.
    fn age(&self, seen: &Seen) -> Option<i64> {
        let opened = opened(&seen.notes)?;
        Some((self.today - opened).num_days())
    }

    fn overdue(&self, seen: &Seen) -> bool {
        let open = seen.exception.state != ExceptionState::Settled;
        open && seen.due.is_some_and(|due| due < self.today)
    }

    fn json(&self, seen: &Seen) -> Value {
        let x = &seen.exception;
        let kind = ExceptionKind::from_code(&x.kind);
        let settled = seen.settled.as_ref();
        let effect = settled.and_then(|one| Effect::from_code(&one.effect));
        let noted = |kind| {
            seen.notes
                .iter()
                .filter(move |note| note.kind == kind)
                .count()
        };
        json!({
            "exception": x.id.get(),
            "version": x.events,
            "kind": x.kind,
            "kind_name": kind.map(|kind| kind.name(Language::Zh)),
            "source": x.source,
            "source_id": x.source_id,
            "line": x.line_no,
            "payment": x.payment,
            "attempt": x.attempt,
            "amount_fen": x.amount.get(),
            "left_fen": seen.left.get(),
            "detail": x.detail,
            "state": x.state.code(),
            "last_by": x.user.get(),
            "resolution": x.resolution,
            "note": x.note,
            "owner": self.owner(seen),
            "opened_on": opened(&seen.notes).map(|on| on.to_string()),
            "age_days": self.age(seen),
            "due_on": seen.due.map(|due| due.to_string()),
            "overdue": self.overdue(seen),
            "comments": noted(NoteKind::Comment),
            "evidence": noted(NoteKind::Evidence),
            "offered": kind.map(|kind| offered(kind).map(|one| one.code()).collect::<Vec<_>>()),
            "effect": effect.map(Effect::code),
            "settled_fen": settled.map(|one| one.amount.get()),
            "other": settled.map(|one| one.other).filter(|other| *other > 0),
            "voucher": settled.and_then(voucher_name),
        })
    }
}

fn opened(notes: &[Note]) -> Option<Date> {
    let opened = notes.iter().find(|note| note.kind == NoteKind::Opened);
    opened.map(|note| note.on)
}

fn voucher_name(settled: &Settled) -> Option<String> {
    let (month, number, _) = settled.voucher.as_ref()?;
    Some(format!("{month} 记-{number:04}"))
}

/// The differences, all or those still open, in the order of their numbers. The document names in
/// `next` the number after which to ask for more; it is null at the end.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn list(
    app: &App,
    caller: &Caller,
    open_only: bool,
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let one_more = Page {
        limit: page.limit.saturating_add(1),
        ..page
    };
    let mut found = store::page(&mut tx, book, open_only, one_more).await?;
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|last| last.id.get());
    let around = Around::load(&mut tx, book, app.clock.today()).await?;
    let seen = around.see(&mut tx, book, found).await?;
    tx.rollback().await?;
    let mut tables = vec![table(&around, &seen)];
    tables.extend(next.map(more_after));
    let list: Vec<Value> = seen.iter().map(|one| around.json(one)).collect();
    Ok(Report::new(
        json!({ "exceptions": list, "next": next }),
        tables,
    ))
}

/// Where a difference comes from, with its number.
pub(crate) fn source_text(source: &str, id: impl std::fmt::Display) -> String {
    let named = match source {
        "return" => "回盘",
        "statement" => "对账单",
        "notice" => "退款通知",
        "exception" => "差异",
        "run" => "批次",
        "batch" => "代发批",
        "appropriation" => "指标",
        "cancel" => "取消发放",
        "revoke" => "撤销审批",
        "withdraw" => "撤回回盘",
        "unstate" => "撤回对账单",
        "recovery" => "追缴",
        "hand-over" => "追缴上缴",
        "treasury" => "交回国库",
        "year-close" => "年结",
        other => other,
    };
    format!("{named} {id}")
}

/// A page of the differences that have this text in number, source, payment, detail or resolution,
/// or in the name of their kind, state or owner. The document says in `matching` how many have it,
/// and in `before` how many of those stand before the page.
///
/// # Errors
/// As [`list`].
#[boxed]
pub async fn found(
    app: &App,
    caller: &Caller,
    (open_only, text): (bool, &str),
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let around = Around::load(&mut tx, book, app.clock.today()).await?;
    let filter = filter(&around, open_only, text);
    let (found, matching, before) = store::found(&mut tx, book, &filter, page).await?;
    let shown = i64::try_from(found.len()).unwrap_or(i64::MAX);
    let more = before.saturating_add(shown) < matching;
    let next = found.last().filter(|_| more).map(|last| last.id.get());
    let seen = around.see(&mut tx, book, found).await?;
    tx.rollback().await?;
    let list: Vec<Value> = seen.iter().map(|one| around.json(one)).collect();
    let document = json!({
        "exceptions": list, "next": next, "matching": matching, "before": before,
    });
    Ok(Report::new(document, vec![table(&around, &seen)]))
}

/// What the store is to look for.
fn filter(around: &Around, open_only: bool, text: &str) -> store::Filter {
    let text = text.to_lowercase();
    let has = |name: &str| !text.is_empty() && name.to_lowercase().contains(&text);
    let kinds = ExceptionKind::ALL.iter();
    let kinds = kinds.filter(|one| has(one.name(Language::Zh)) || has(one.name(Language::En)));
    let states = ExceptionState::ALL.into_iter();
    let states = states.filter(|one| has(one.name()) || has(one.code()));
    let owners = around.users.iter().filter(|(_, name)| has(name));
    store::Filter {
        open_only,
        kinds: kinds.map(|one| one.code()).collect(),
        states: states.collect(),
        owners: owners.map(|(id, _)| *id).collect(),
        text,
    }
}

/// How many differences are open, proposed by others, and proposed by the caller.
///
/// # Errors
/// As [`list`].
#[boxed]
pub async fn counts(app: &App, caller: &Caller) -> Result<[i64; 3], Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let counts = store::counts(&mut tx, caller.book.id, caller.user.id).await?;
    tx.rollback().await?;
    Ok(counts)
}

fn table(around: &Around, all: &[Seen]) -> Table {
    let mut table = Table::new(
        words("差异", "Exceptions"),
        &[
            ("编号", "number", true),
            ("种类", "kind", false),
            ("来源", "source", false),
            ("行", "line", true),
            ("明细", "payment", true),
            ("金额(元)", "amount (yuan)", true),
            ("未明(元)", "unexplained (yuan)", true),
            ("情况", "detail", false),
            ("状态", "state", false),
            ("处理", "resolution", false),
            ("负责人", "owner", false),
            ("天数", "days", true),
            ("应办结日", "due", false),
            ("凭证", "voucher", false),
        ],
    );
    for seen in all {
        let x = &seen.exception;
        let payment = match x.payment {
            0 => "—".to_owned(),
            payment => payment.to_string(),
        };
        let kind = ExceptionKind::from_code(&x.kind);
        let late = if around.overdue(seen) { " 逾期" } else { "" };
        let due = seen.due.map(|due| format!("{due}{late}"));
        table.row([
            x.id.to_string(),
            kind.map_or(x.kind.as_str(), |kind| kind.name(Language::Zh))
                .to_owned(),
            source_text(&x.source, x.source_id),
            x.line_no.to_string(),
            payment,
            x.amount.grouped(),
            seen.left.grouped(),
            x.detail.clone(),
            x.state.name().to_owned(),
            x.resolution.clone(),
            around.owner(seen).to_owned(),
            around
                .age(seen)
                .map(|age| age.to_string())
                .unwrap_or_default(),
            due.unwrap_or_default(),
            seen.settled
                .as_ref()
                .and_then(voucher_name)
                .unwrap_or_default(),
        ]);
    }
    table
}

/// Says that the list goes on, so that nobody takes a page for the whole.
fn more_after(last: i64) -> Table {
    let mut table = Table::new(
        words("还有更多差异", "there are more exceptions"),
        &[("续查", "go on with", false)],
    );
    table.row([format!("--after {last}")]);
    table
}

/// One difference with everything that is noted of it, and the ways in which it can be settled.
///
/// # Errors
/// [`ledger::problem::Kind::NotFound`]; when the caller may not read reports.
#[boxed]
pub async fn show(app: &App, caller: &Caller, id: ExceptionId) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let found = store::exception(&mut tx, book, id).await?;
    let found = found.ok_or_else(|| not_found("差异 exception", id))?;
    let around = Around::load(&mut tx, book, app.clock.today()).await?;
    let mut seen = around.see(&mut tx, book, vec![found]).await?;
    let seen = seen.pop().ok_or_else(|| not_found("差异 exception", id))?;
    let candidates = candidates(&mut tx, book, &seen.exception).await?;
    let line = movement(&mut tx, book, &seen.exception).await?;
    tx.rollback().await?;
    let mut notes = Table::new(
        words("记录", "Notes"),
        &[
            ("日期", "date", false),
            ("何人", "by", false),
            ("种类", "kind", false),
            ("内容", "text", false),
        ],
    );
    let mut list = Vec::new();
    let name = |id: UserId| around.users.get(&id).map_or("", String::as_str);
    for note in &seen.notes {
        let text = match note.kind {
            NoteKind::Opened => String::new(),
            NoteKind::Owner => name(note.owner).to_owned(),
            NoteKind::Comment => note.text.clone(),
            NoteKind::Evidence => format!("{} {} {}", note.file_name, note.sha256, note.text),
        };
        notes.row([
            note.on.to_string(),
            name(note.user).to_owned(),
            note.kind.code().to_owned(),
            text,
        ]);
        list.push(json!({
            "n": note.n,
            "kind": note.kind.code(),
            "on": note.on.to_string(),
            "by": name(note.user),
            "owner": name(note.owner),
            "text": note.text,
            "file": note.file_name,
            "sha256": note.sha256,
        }));
    }
    let mut ways = Table::new(
        words("可用的处理", "How it can be settled"),
        &[("代码", "code", false), ("处理", "resolution", false)],
    );
    for one in ExceptionKind::from_code(&seen.exception.kind)
        .into_iter()
        .flat_map(offered)
    {
        ways.row([one.code().to_owned(), one.name(Language::Zh).to_owned()]);
    }
    let mut document = around.json(&seen);
    document["notes"] = Value::Array(list);
    let (list, what) = candidates_shown(candidates);
    document["candidates"] = Value::Array(list);
    let head = table(&around, std::slice::from_ref(&seen));
    let mut tables = vec![head, notes, ways, what];
    if let Some(line) = &line {
        tables.push(movement_shown(line, &mut document));
    }
    Ok(Report::new(document, tables))
}

/// The movement that a difference of a statement is about, as the bank worded it.
async fn movement(tx: &mut Tx, book: BookId, of: &Exception) -> Result<Option<StoredLine>, Error> {
    if of.source != "statement" {
        return Ok(None);
    }
    let id = ledger::id::StatementId(of.source_id);
    let lines = statement::lines(tx, book, id, (of.line_no - 1, 1)).await?;
    Ok(lines.into_iter().find(|line| line.line_no == of.line_no))
}

fn movement_shown(line: &StoredLine, document: &mut Value) -> Table {
    let mut table = Table::new(
        words("对账单上的款项", "The movement on the statement"),
        &[
            ("日期", "date", false),
            ("金额(元)", "amount (yuan)", true),
            ("摘要", "summary", false),
            ("附言", "remark", false),
        ],
    );
    let (summary, remark) = (mask_numbers(&line.summary), mask_numbers(&line.remark));
    document["movement"] = json!({
        "on": line.on,
        "amount_fen": line.amount.get(),
        "summary": summary,
        "remark": remark,
    });
    table.row([line.on.clone(), line.amount.grouped(), summary, remark]);
    table
}

/// The candidates as JSON and as a table.
fn candidates_shown(candidates: Vec<Candidate>) -> (Vec<Value>, Table) {
    let mut what = Table::new(
        words("可对应的项目", "What it may be"),
        &[
            ("写作", "as", false),
            ("项目", "what", false),
            ("日期", "date", false),
            ("金额(元)", "amount (yuan)", true),
        ],
    );
    let mut list = Vec::new();
    for (code, name, on, amount) in candidates {
        list.push(json!({ "as": code, "what": name, "on": on, "amount_fen": amount.get() }));
        what.row([code, name, on, amount.grouped()]);
    }
    (list, what)
}

/// How it is written in a resolution, what it is, its day, its amount as the statement would have
/// it.
type Candidate = (String, String, String, Fen);

/// What the books still wait to see on the account of a movement that nobody has explained: debits
/// of batches, or refunds and money of appropriations. Other differences have none.
async fn candidates(tx: &mut Tx, book: BookId, of: &Exception) -> Result<Vec<Candidate>, Error> {
    let all = statement::statements(tx, book).await?;
    let source = all.iter().find(|one| one.id.get() == of.source_id);
    let open = of.source == "statement" && of.state != ExceptionState::Settled;
    let Some(source) = source.filter(|_| open) else {
        return Ok(Vec::new());
    };
    let bank = source.bank_account;
    let mut found: Vec<Candidate> = Vec::new();
    if of.amount < Fen::ZERO {
        for transfer in statement::unseen_transfers(tx, book, bank).await? {
            let amount = Fen::ZERO.minus(transfer.amount)?;
            let code = format!("V{}", transfer.voucher);
            let name = format!("{} {}", transfer.number, transfer.summary);
            found.push((code, name, transfer.on.to_string(), amount));
        }
        for debit in statement::unseen_debits(tx, book, bank).await? {
            let amount = Fen::ZERO.minus(debit.amount)?;
            let on = debit.sent_on.to_string();
            found.push((
                debit.batch_no,
                "代发扣款 debit of a batch".to_owned(),
                on,
                amount,
            ));
        }
    } else {
        for (id, document, amount) in statement::unseen_appropriations(tx, book, bank).await? {
            found.push((format!("A{id}"), document, String::new(), amount));
        }
        for refund in statement::awaited_refunds(tx, book, bank).await? {
            let code = format!("P{}-{}", refund.payment, refund.attempt);
            let on = refund.sent_on.to_string();
            found.push((code, "退款 refund".to_owned(), on, refund.amount));
        }
    }
    // A fee is no part of anything.
    if of.kind == ExceptionKind::BankFee.code() {
        found.retain(|one| one.3 == of.amount);
    }
    // What has the very amount comes first; the rest as the books have it.
    found.sort_by_key(|one| one.3 != of.amount);
    found.truncate(CANDIDATES_MAX);
    Ok(found)
}
