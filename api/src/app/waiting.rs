//! What waits: runs for their next step, and failed payments for another attempt.

use std::collections::BTreeMap;

use ledger::calendar::{Date, Moment};
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::{RunEvent, RunState, Step, may_act, run_step};
use ledger::id::{PaymentId, ProgramId, RunId};
use ledger::money::Fen;
use ledger::program::payment_day::pay_by;
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::payment::{self, Failed, Whose};
use ledger_store::policy::{self, Program};
use ledger_store::run::{self as runs, Run};
use serde_json::{Value, json};

use super::exception::Page;
use super::roster::{mask_account, mask_name};
use super::view::{Report, Table, words};
use super::{App, Caller, Error, not_found};

/// Days after which a bank that has not answered is late.
const BANK_DAYS: i64 = 3;

/// A run that waits for somebody.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The run.
    pub run: Run,
    /// Name of its program.
    pub program: String,
    /// The step that comes next; none while the bank is to answer.
    pub step: Option<&'static Step>,
    /// Whether the caller may take it: has the role, and none of its excluded duties.
    pub mine: bool,
    /// Since when.
    pub since: Moment,
    /// Attempts that the bank has not answered.
    pub unanswered: i64,
    /// Whether it is late.
    pub late: bool,
}

/// The step that brings a run forward.
pub fn next_step(state: RunState) -> Option<&'static Step> {
    let event = match state {
        RunState::Draft => RunEvent::Check,
        RunState::Checked => RunEvent::Submit,
        RunState::Submitted => RunEvent::Review,
        RunState::Reviewed => RunEvent::Approve,
        RunState::Approved => RunEvent::Release,
        RunState::Released => RunEvent::Settle,
        RunState::Settled => RunEvent::Close,
        RunState::Closed | RunState::Discarded => return None,
    };
    run_step(Some(state), event)
}

/// The runs that are not closed, the caller's turns first.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn turns(app: &App, caller: &Caller) -> Result<Vec<Turn>, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let mut open = runs::runs(&mut tx, book).await?;
    open.retain(|run| next_step(run.state).is_some());
    let programs = policy::programs(&mut tx, book).await?;
    let batches = ledger_store::batch::batches(&mut tx, book).await?;
    let days = policy::payment_days(&mut tx, book).await?;
    let mut turns = Vec::new();
    for run in open {
        let sent = batches.iter().filter(|batch| batch.run == run.id);
        let sent = sent.filter_map(|batch| batch.sent_on.parse().ok()).min();
        let program = name_of(&programs, run.program);
        let due = pay_by(&days, run.program, run.month);
        let late = is_late(&run, app.clock.today(), due, sent);
        let turn = turn_of(&mut tx, caller, run).await?;
        turns.push(Turn {
            program,
            late,
            ..turn
        });
    }
    tx.rollback().await?;
    turns.sort_by_key(|turn| (!turn.mine, !turn.late, turn.run.id));
    Ok(turns)
}

/// Whose turn a run is; none when it is closed or not there.
///
/// # Errors
/// As [`turns`].
#[boxed]
pub async fn turn(app: &App, caller: &Caller, id: RunId) -> Result<Option<Turn>, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let run = runs::run(&mut tx, caller.book.id, id).await?;
    let turn = match run.filter(|run| next_step(run.state).is_some()) {
        Some(run) => Some(turn_of(&mut tx, caller, run).await?),
        None => None,
    };
    tx.rollback().await?;
    Ok(turn)
}

async fn turn_of(tx: &mut Tx, caller: &Caller, run: Run) -> Result<Turn, Error> {
    let book = caller.book.id;
    let duties = runs::duties(tx, book, run.id).await?;
    let steps = runs::steps(tx, book, run.id).await?;
    let unanswered = match run.state {
        RunState::Released => ledger_store::batch::open_attempts(tx, book, run.id).await?,
        _ => 0,
    };
    let step = next_step(run.state).filter(|_| unanswered == 0);
    let mine = step.is_some_and(|step| {
        caller.user.roles.contains(&step.role)
            && may_act(&duties, caller.user.id, step.duty).is_ok()
    });
    Ok(Turn {
        run,
        program: String::new(),
        step,
        mine,
        since: steps.last().map_or(Moment(0), |step| step.at),
        unanswered,
        late: false,
    })
}

/// Whether the money is not out by the day that the policy names, or the bank has not answered.
fn is_late(run: &Run, today: Date, due: Date, sent: Option<Date>) -> bool {
    match run.state {
        RunState::Released => sent.is_some_and(|day| (today - day).num_days() > BANK_DAYS),
        RunState::Settled => false,
        _ => today > due,
    }
}

fn name_of(programs: &[Program], id: ProgramId) -> String {
    let found = programs.iter().find(|program| program.id == id);
    found.map_or_else(String::new, |program| program.name.clone())
}

/// What of a program failed and was not tried again: how many, and what a run can pay again.
#[derive(Default)]
struct Sum {
    failed: i64,
    ready: i64,
    total: Fen,
}

/// The failed and refunded payments that nobody has tried again, with what each waits for: its
/// money to come home, another account or a clearance, or a re-pay run. The document counts all of
/// them by program, and lists those of `page`; `next` is the payment after which to ask for more.
///
/// # Errors
/// `NotFound` for a program that is not there; when the caller may not read reports; accidents of
/// the store.
#[boxed]
pub async fn failed(
    app: &App,
    caller: &Caller,
    program: Option<&str>,
    page: Page,
) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let programs = policy::programs(&mut tx, book).await?;
    let find = |code: &str| {
        let found = programs.iter().find(|one| one.code == code);
        found.map_or_else(|| Err(not_found("项目 program", code)), |one| Ok(one.id))
    };
    let only = program.map(find).transpose()?;
    let mut sums: BTreeMap<ProgramId, Sum> = BTreeMap::new();
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    payment::each_failed(&mut tx, book, only, 0, |program, one| {
        let sum = sums.entry(program).or_default();
        sum.failed += 1;
        if super::run::may_be_tried(&one) {
            sum.ready += 1;
            sum.total = sum.total.plus(one.amount)?;
        }
        if one.payment.get() > page.after && rows.len() < limit {
            rows.push((program, one));
        }
        Ok::<bool, Error>(true)
    })
    .await?;
    let ids: Vec<PaymentId> = rows.iter().map(|(_, one)| one.payment).collect();
    let mut whose = payment::whose(&mut tx, book, &ids).await?;
    tx.rollback().await?;
    let is_full = limit > 0 && rows.len() == limit;
    let next = rows.last().filter(|_| is_full);
    let next = next.map(|(_, one)| one.payment.get());
    let (mut table, mut list) = (failed_table(), Vec::new());
    for (program, one) in &rows {
        let program = programs.iter().find(|known| known.id == *program);
        let whose = whose.remove(&one.payment).unwrap_or_default();
        let (row, json) = failed_row(program, one, &whose);
        table.row(row);
        list.push(json);
    }
    let sums = programs.iter().filter_map(|program| {
        let sum = sums.get(&program.id)?;
        Some(json!({
            "program": program.code, "name": program.name, "failed": sum.failed,
            "ready": sum.ready, "ready_fen": sum.total.get(),
        }))
    });
    let json = json!({
        "programs": sums.collect::<Vec<_>>(), "failed": list, "next": next,
    });
    Ok(Report::new(json, vec![table]))
}

/// A failed payment as a row and as JSON; who is paid is masked.
fn failed_row(program: Option<&Program>, one: &Failed, whose: &Whose) -> ([String; 12], Value) {
    let (code, name) = program.map_or(("", ""), |one| (&one.code, &one.name));
    let waits = waits_for(one);
    let reason = bank_adapters::reason::Reason::from_code(&one.reason);
    let reason = reason.map_or(one.reason.as_str(), |reason| reason.zh());
    let (payee, account) = (mask_name(&whose.name), mask_account(&whose.account_no));
    let row = [
        one.payment.to_string(),
        name.to_owned(),
        whose.township.clone(),
        whose.village.clone(),
        payee.clone(),
        account.clone(),
        whose.month.clone(),
        one.amount.grouped(),
        one.kind.clone(),
        one.attempt.to_string(),
        reason.to_owned(),
        waits.1.to_owned(),
    ];
    let json = json!({
        "payment": one.payment.get(), "program": code, "month": whose.month,
        "township": whose.township, "village": whose.village, "payee": payee,
        "account": account, "amount_fen": one.amount.get(), "kind": one.kind,
        "attempt": one.attempt, "reason": one.reason, "waits_for": waits.0,
    });
    (row, json)
}

fn failed_table() -> Table {
    Table::new(
        words("未补发的失败和退票", "Failed and refunded, not tried again"),
        &[
            ("明细", "payment", true),
            ("项目", "program", false),
            ("乡镇", "township", false),
            ("村(社区)", "village", false),
            ("收款人", "payee", false),
            ("账号", "account", false),
            ("月份", "month", false),
            ("金额(元)", "amount (yuan)", true),
            ("状态", "state", false),
            ("次", "attempt", true),
            ("原因", "reason", false),
            ("等待", "waits for", false),
        ],
    )
}

/// Code and words of what a failed payment waits for.
fn waits_for(failed: &Failed) -> (&'static str, &'static str) {
    match (failed.home, super::run::may_be_tried(failed)) {
        (_, true) => ("re-pay", "可补发"),
        (false, _) => ("money", "等退款到账"),
        (true, false) => ("account", "等更正账户或准予补发"),
    }
}

/// The regular run of the program in the month before, to compare with.
///
/// # Errors
/// As [`turns`].
#[boxed]
pub async fn before(app: &App, caller: &Caller, id: RunId) -> Result<Option<Run>, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let all = runs::runs(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let Some(run) = all.iter().find(|run| run.id == id) else {
        return Ok(None);
    };
    let (program, kind, month) = (run.program, run.kind, run.month.previous());
    let mut same = all.iter().rev();
    let same = same.find(|one| {
        one.program == program
            && one.kind == kind
            && one.month == month
            && one.state != RunState::Discarded
    });
    Ok(same.cloned())
}
