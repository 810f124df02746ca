//! Runs and their way through approval: an appended event for each step.

use crate::boxed;
use ledger::audit::entry::ObjectRef;
use ledger::audit::merkle::Hash;
use ledger::calendar::{Moment, Month};
use ledger::disbursement::workflow::{Duty, RunEvent, RunState};
use ledger::id::{BookId, ProgramId, RunId, UserId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;
use crate::policy::month;
use crate::table;
use crate::write::{self, Write};

sql! {
    RUNS = "select r.run_id, r.program_id, r.kind, r.month, r.first_month, r.last_month,
        e.n, e.state, e.revision, e.payment_first, e.payment_last, e.payments, e.total_fen,
        e.carried_fen, e.fingerprint from run r
        join run_event e on e.book_id = r.book_id and e.run_id = r.run_id
        where r.book_id = $1 and e.n = (select max(n) from run_event m
            where m.book_id = r.book_id and m.run_id = r.run_id)
        order by r.run_id";
    RUN = "select r.run_id, r.program_id, r.kind, r.month, r.first_month, r.last_month,
        e.n, e.state, e.revision, e.payment_first, e.payment_last, e.payments, e.total_fen,
        e.carried_fen, e.fingerprint from run r
        join run_event e on e.book_id = r.book_id and e.run_id = r.run_id
        where r.book_id = $1 and r.run_id = $2
        order by e.n desc limit 1";
    EVENTS = "select e.n, e.event, e.state, e.user_id, e.duty, e.happened_at, e.reason, e.payments,
        e.total_fen, e.entry, u.name from run_event e
        left join app_user u on u.book_id = e.book_id and u.user_id = e.user_id
            and u.version = (select max(version) from app_user m
                where m.book_id = u.book_id and m.user_id = u.user_id)
        where e.book_id = $1 and e.run_id = $2 order by e.n";
    NEWEST_MONTH = "select max(r.month) from run r where r.book_id = $1
        and not exists (select 1 from run_event e where e.book_id = r.book_id
            and e.run_id = r.run_id and e.state = 'discarded')";
    DUTIES = "select user_id, duty from run_duty where book_id = $1 and run_id = $2
        order by user_id";
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    /// A month's regular payment.
    Regular,
    /// 补发差额: differences of earlier months.
    BackPay,
    /// 补发: failed payments again.
    RePay,
}

impl RunKind {
    /// As stored and typed.
    pub fn code(self) -> &'static str {
        match self {
            RunKind::Regular => "regular",
            RunKind::BackPay => "back-pay",
            RunKind::RePay => "re-pay",
        }
    }

    /// From its code.
    pub fn from_code(code: &str) -> Option<RunKind> {
        [RunKind::Regular, RunKind::BackPay, RunKind::RePay]
            .into_iter()
            .find(|kind| kind.code() == code)
    }
}

/// A run with its present state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// The program that it pays.
    pub program: ProgramId,
    /// What it does.
    pub kind: RunKind,
    /// The month that it is paid for.
    pub month: Month,
    /// First month whose differences it pays.
    pub first: Month,
    /// Last month whose differences it pays.
    pub last: Month,
    /// How many events it has had.
    pub events: i64,
    /// Where it stands.
    pub state: RunState,
    /// Which calculation counts.
    pub revision: i64,
    /// Its payments are numbered from here.
    pub payment_first: i64,
    /// … to here; one less than the first when there are none.
    pub payment_last: i64,
    /// How many payments.
    pub payments: i64,
    /// Their sum.
    pub total: Fen,
    /// Overpayment that no payment could take.
    pub carried: Fen,
    /// Merkle root of payments and lines.
    pub fingerprint: Hash,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStep {
    /// Its place.
    pub n: i64,
    /// What happened.
    pub event: RunEvent,
    /// The state after it.
    pub state: RunState,
    /// Who did it.
    pub user: UserId,
    /// That person's name.
    pub user_name: String,
    /// In which duty.
    pub duty: Duty,
    /// When.
    pub at: Moment,
    /// Why, for a rejection.
    pub reason: String,
    /// Payments at that time.
    pub payments: i64,
    /// Their sum at that time.
    pub total: Fen,
    /// Its audit entry.
    pub entry: i64,
}

/// The last month that a run pays for, discarded ones left out; none before the first run.
#[boxed]
pub async fn newest_month(tx: &mut Tx, book: BookId) -> Result<Option<Month>, StoreError> {
    let row = tx.query_one(NEWEST_MONTH, &[book.get().into()]).await?;
    let is_there = row.opt_text_ref(0)?.is_some();
    is_there.then(|| month(&row, 0)).transpose()
}

/// All runs with their present states.
#[boxed]
pub async fn runs(tx: &mut Tx, book: BookId) -> Result<Vec<Run>, StoreError> {
    tx.query(RUNS, &[book.get().into()])
        .await?
        .iter()
        .map(run_of)
        .collect()
}

/// One run with its present state.
#[boxed]
pub async fn run(tx: &mut Tx, book: BookId, id: RunId) -> Result<Option<Run>, StoreError> {
    tx.query_opt(RUN, &[book.get().into(), id.get().into()])
        .await?
        .as_ref()
        .map(run_of)
        .transpose()
}

/// The steps of a run.
#[boxed]
pub async fn steps(tx: &mut Tx, book: BookId, id: RunId) -> Result<Vec<RunStep>, StoreError> {
    tx.query(EVENTS, &[book.get().into(), id.get().into()])
        .await?
        .iter()
        .map(step_of)
        .collect()
}

/// Who holds which duty in a run.
#[boxed]
pub async fn duties(
    tx: &mut Tx,
    book: BookId,
    id: RunId,
) -> Result<Vec<(UserId, Duty)>, StoreError> {
    let rows = tx
        .query(DUTIES, &[book.get().into(), id.get().into()])
        .await?;
    rows.iter()
        .map(|row| Ok((UserId(row.int(0)?), duty_of(row, 1)?)))
        .collect()
}

/// Stores a new run.
#[boxed]
pub async fn add_run(write: &mut Write, run: &Run) -> Result<(), Failure> {
    let row: [Value; 7] = [
        write.book().get().into(),
        run.id.get().into(),
        run.program.get().into(),
        run.kind.code().into(),
        run.month.to_string().into(),
        run.first.to_string().into(),
        run.last.to_string().into(),
    ];
    Ok(write.insert_one(&table::RUN, row).await?)
}

/// Gives a user a duty in a run.
#[boxed]
pub async fn add_duty(
    write: &mut Write,
    run: RunId,
    user: UserId,
    duty: Duty,
) -> Result<(), Failure> {
    let row: [Value; 4] = [
        write.book().get().into(),
        run.get().into(),
        user.get().into(),
        duty.code().into(),
    ];
    Ok(write.insert_one(&table::RUN_DUTY, row).await?)
}

/// Appends the event that brought the run into the state which it now carries.
#[boxed]
pub async fn add_event(
    write: &mut Write,
    run: &Run,
    event: RunEvent,
    by: (UserId, Duty),
    at: Moment,
    reason: &str,
) -> Result<(), Failure> {
    let held = (by.1 != Duty::Bookkeeper).then(|| by.1.code().to_owned());
    let row: [Value; 17] = [
        write.book().get().into(),
        run.id.get().into(),
        run.events.into(),
        event.code().into(),
        run.state.code().into(),
        run.revision.into(),
        by.0.get().into(),
        by.1.code().into(),
        held.into(),
        at.0.into(),
        reason.into(),
        run.payment_first.into(),
        run.payment_last.into(),
        run.payments.into(),
        run.total.get().into(),
        run.carried.get().into(),
        run.fingerprint.to_vec().into(),
    ];
    write.insert_one(&table::RUN_EVENT, row).await?;
    write.object(ObjectRef {
        kind: "run".to_owned(),
        id: run.id.to_string(),
        version: Some(run.events),
        hash: Some(run.fingerprint),
        count: Some(run.payments),
    });
    Ok(())
}

fn run_of(row: &Row) -> Result<Run, StoreError> {
    let bad = |column| StoreError::inconsistent("run", column);
    Ok(Run {
        id: RunId(row.int(0)?),
        program: ProgramId(row.int(1)?),
        kind: RunKind::from_code(&row.text(2)?).ok_or_else(|| bad("kind"))?,
        month: month(row, 3)?,
        first: month(row, 4)?,
        last: month(row, 5)?,
        events: row.int(6)?,
        state: RunState::from_code(&row.text(7)?).ok_or_else(|| bad("state"))?,
        revision: row.int(8)?,
        payment_first: row.int(9)?,
        payment_last: row.int(10)?,
        payments: row.int(11)?,
        total: Fen::new(row.int(12)?),
        carried: Fen::new(row.int(13)?),
        fingerprint: write::hash(row.bytes_ref(14)?)?,
    })
}

fn step_of(row: &Row) -> Result<RunStep, StoreError> {
    let bad = |column| StoreError::inconsistent("run_event", column);
    Ok(RunStep {
        n: row.int(0)?,
        event: RunEvent::from_code(&row.text(1)?).ok_or_else(|| bad("event"))?,
        state: RunState::from_code(&row.text(2)?).ok_or_else(|| bad("state"))?,
        user: UserId(row.int(3)?),
        user_name: row.opt_text(10)?.unwrap_or_default(),
        duty: duty_of(row, 4)?,
        at: Moment(row.int(5)?),
        reason: row.text(6)?,
        payments: row.int(7)?,
        total: Fen::new(row.int(8)?),
        entry: row.int(9)?,
    })
}

fn duty_of(row: &Row, column: usize) -> Result<Duty, StoreError> {
    Duty::from_code(&row.text(column)?).ok_or_else(|| StoreError::inconsistent("run_duty", "duty"))
}
