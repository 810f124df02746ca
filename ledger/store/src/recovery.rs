//! Recoveries: what was overpaid, what came of it, and what payments withhold for it.

use crate::boxed;
use std::collections::{BTreeMap, HashMap};

use ledger::audit::entry::ObjectRef;
use ledger::calendar::{Date, Month, parse_date};
pub use ledger::disbursement::recovery::Cell;
use ledger::disbursement::recovery::{
    Instalment, LEAVE, RecoveryEvent, RecoveryState, Standing, Way, Withheld, Withholding,
    Withholdings,
};
use ledger::id::{
    AppropriationId, AwardId, BankAccountId, BookId, ComponentId, ExceptionId, PartyId, PaymentId,
    ProgramId, RecoveryId, RunId, UserId, VoucherId,
};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::error::StoreError;
use crate::payment::pages;
use crate::policy::month;
use crate::run::Run;
use crate::table;
use crate::write::Write;

// "n > 0" tells SQLite, which has no statistics, to take the index over subjects and months.
sql! {
    RECOVERIES = "select r.recovery_id, r.program_id, r.household_id, r.payee_id, r.area_id,
        r.first_month, r.last_month, r.amount_fen, r.lines, r.reason, r.entry,
        e.n, e.state, e.user_id, e.left_fen, coalesce(y.year, 0) from recovery r
        join recovery_event e on e.book_id = r.book_id and e.recovery_id = r.recovery_id
        left join recovery_year y on y.book_id = r.book_id and y.recovery_id = r.recovery_id
        where r.book_id = $1 and r.recovery_id >= $2 and r.recovery_id <= $3
        and e.n = (select max(n) from recovery_event m
            where m.book_id = r.book_id and m.recovery_id = r.recovery_id)
        order by r.recovery_id";
    EVENTS = "select e.recovery_id, e.n, e.event, e.state, e.user_id, e.on_date, e.amount_fen,
        e.left_fen, e.standing, e.bank_account_id, e.appropriation_id, e.exception_id, e.run_id,
        e.voucher_id, e.note, e.entry, coalesce(u.name, ''), coalesce(v.month, ''),
        coalesce(v.number, 0) from recovery_event e
        left join app_user u on u.book_id = e.book_id and u.user_id = e.user_id
            and u.version = (select max(version) from app_user m
                where m.book_id = u.book_id and m.user_id = u.user_id)
        left join voucher v on v.book_id = e.book_id and v.voucher_id = e.voucher_id
        where e.book_id = $1 and e.recovery_id >= $2 and e.recovery_id <= $3
        order by e.recovery_id, e.n";
    CONFIRMED = "select recovery_id, on_date from recovery_event
        where book_id = $1 and recovery_id >= $2 and recovery_id <= $3 and event = 'confirm'
        order by recovery_id";
    LINES = "select line_no, subject_id, award_id, component_id, month, amount_fen, reason,
        recovery_id from recovery_line
        where book_id = $1 and recovery_id >= $2 and recovery_id <= $3
        order by recovery_id, line_no";
    PROPOSED = "select l.subject_id, l.component_id, l.month, l.recovery_id from recovery r
        join recovery_line l on l.book_id = r.book_id and l.recovery_id = r.recovery_id
        where r.book_id = $1 and r.program_id = $2
        and (select count(*) from recovery_event e where e.book_id = r.book_id
            and e.recovery_id = r.recovery_id) = 1
        order by l.recovery_id, l.line_no";
    PLANS = "select recovery_id, n, instalment_no, way, due_month, amount_fen, leave_fen
        from recovery_instalment i where i.book_id = $1
        and i.n = (select max(n) from recovery_instalment j where j.book_id = i.book_id
            and j.recovery_id = i.recovery_id)
        order by recovery_id, instalment_no";
    WITHHOLDING = "select r.household_id, r.recovery_id, coalesce(i.n, e.n),
        coalesce(i.amount_fen, 0), coalesce(i.leave_fen, $3), e.left_fen,
        coalesce(i.due_month, r.first_month) from recovery r
        join recovery_event e on e.book_id = r.book_id and e.recovery_id = r.recovery_id
        left join recovery_instalment i on i.book_id = r.book_id
            and i.recovery_id = r.recovery_id and i.way = 'set-off'
            and i.n = (select max(n) from recovery_instalment j
                where j.book_id = r.book_id and j.recovery_id = r.recovery_id)
        where r.book_id = $1 and r.program_id = $2 and e.state = 'open'
        and e.n = (select max(n) from recovery_event m
            where m.book_id = r.book_id and m.recovery_id = r.recovery_id)
        order by r.recovery_id";
    GRANTED_AGAIN = "select distinct l.payment_id, l.subject_id, l.component_id, l.month,
        l.amount_fen, l.line_no from recovery r
        cross join recovery_line c
        cross join payment_line l
        where r.book_id = $1 and r.program_id = $2
        and c.book_id = r.book_id and c.recovery_id = r.recovery_id
        and l.book_id = c.book_id and l.month = c.month and l.component_id = c.component_id
        and l.subject_id = c.subject_id and l.n > 0 and l.amount_fen > 0
        and l.payment_id > $3 and l.payment_id <= $4
        order by l.payment_id, l.line_no";
    RECOVERED_OF = "select c.recovery_id, l.component_id,
        case when l.amount_fen < c.amount_fen then l.amount_fen else c.amount_fen end
        from payment_line l
        cross join recovery_line c
        where l.book_id = $1 and l.payment_id = $2 and l.amount_fen > 0
        and c.book_id = l.book_id and c.subject_id = l.subject_id
        and c.component_id = l.component_id and c.month = l.month
        order by c.recovery_id, c.line_no";
    SET_OFFS = "select payment_id, recovery_id, plan_n, amount_fen from set_off
        where book_id = $1 and payment_id >= $2 and payment_id <= $3
        order by payment_id, recovery_id";
    OF_RUN = "select payment_id, household_id, amount_fen from payment
        where book_id = $1 and payment_id > $2 and payment_id <= $3 order by payment_id";
    MONTHS = "select coalesce((select min(month) from payment_line
            where book_id = $1 and month > ''), ''),
        coalesce((select max(month) from payment_line where book_id = $1 and month > ''), '')";
    DRAWN_ON = "select coalesce(t.appropriation_id, (select d.appropriation_id from draw_part d
            where d.book_id = t.book_id and d.payment_id = t.payment_id
            and d.attempt_no = t.attempt_no order by d.part limit 1))
        from recovery_line r
        cross join payment_line l
        cross join attempt t
        where r.book_id = $1 and r.recovery_id = $2
        and l.book_id = r.book_id and l.month = r.month and l.component_id = r.component_id
        and l.subject_id = r.subject_id and l.amount_fen > 0
        and t.book_id = l.book_id and t.payment_id = l.payment_id and t.kind = 'pay'
        order by t.payment_id desc, t.attempt_no desc limit 1";
    HELD_CASH = "select cast(coalesce(sum(x.fen), 0) as bigint) from (
        select e.amount_fen as fen from recovery_event e
        join recovery r on r.book_id = e.book_id and r.recovery_id = e.recovery_id
        where e.book_id = $1 and r.program_id = $2 and e.bank_account_id = $3
        and e.event = 'receive' and e.standing <> 'same'
        union all select c.amount_fen from exception_settlement c where c.book_id = $1
        and c.program_id = $2 and c.bank_account_id = $3 and c.effect = 'treasury'
        union all select -c.amount_fen from exception_settlement c where c.book_id = $1
        and c.program_id = $2 and c.bank_account_id = $3 and c.effect = 'charged'
        union all select -h.amount_fen from hand_over h where h.book_id = $1
        and h.program_id = $2 and h.bank_account_id = $3 and h.appropriation_id = 0) x";
    HELD_KEPT = "select cast(coalesce(sum(x.fen), 0) as bigint) from (
        select case e.event when 'set-off' then e.amount_fen else -e.amount_fen end as fen
        from recovery_event e
        join recovery r on r.book_id = e.book_id and r.recovery_id = e.recovery_id
        where e.book_id = $1 and r.program_id = $2
        and e.event in ('set-off', 'restore') and e.standing <> 'same'
        and exists (select 1 from run_event g where g.book_id = e.book_id
            and g.run_id = e.run_id and g.event = 'release')
        union all select c.amount_fen from cancellation c where c.book_id = $1
        and c.program_id = $2 and c.standing = 'earlier'
        union all select -h.amount_fen from hand_over h where h.book_id = $1
        and h.program_id = $2 and h.appropriation_id > 0) x";
    TAKEN = "select exception_id, cast(sum(amount_fen) as bigint) from recovery_event
        where book_id = $1 and event = 'receive' and exception_id >= $2 and exception_id <= $3
        group by exception_id order by exception_id";
    HOME = "select cast(coalesce(sum(amount_fen), 0) as bigint) from recovery_event
        where book_id = $1 and event = 'receive' and appropriation_id = $2";
    HANDED_OVER_BY_APPROPRIATION = "select h.appropriation_id,
        cast(sum(h.amount_fen) as bigint) from hand_over h
        join voucher v on v.book_id = h.book_id and v.voucher_id = h.voucher_id
        where h.book_id = $1 and h.appropriation_id > 0 and v.month >= $2 and v.month <= $3
        group by h.appropriation_id order by h.appropriation_id";
    HANDED_OVER = "select program_id, cast(sum(amount_fen) as bigint) from hand_over
        where book_id = $1 group by program_id order by program_id";
}

/// A recovery with its present state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Its number, in the series of payments.
    pub id: RecoveryId,
    /// The program that overpaid.
    pub program: ProgramId,
    /// The household.
    pub household: PartyId,
    /// Who received the money and owes it.
    pub payee: PartyId,
    /// Where the household lived.
    pub area: i64,
    /// First month overpaid.
    pub first: Month,
    /// Last month overpaid, of the same calendar year.
    pub last: Month,
    /// The year in which its expense was booked.
    pub year: i32,
    /// What was overpaid.
    pub amount: Fen,
    /// By how many subjects, components and months.
    pub lines: i64,
    /// Why it is owed.
    pub reason: String,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
    /// How many events it has had.
    pub events: i64,
    /// Where it stands.
    pub state: RecoveryState,
    /// Who acted last.
    pub user: UserId,
    /// What is still owed.
    pub left: Fen,
}

/// One subject, component and month that was overpaid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryLine {
    /// Its place.
    pub line_no: i64,
    /// The person or household.
    pub subject: PartyId,
    /// The award that granted it last.
    pub award: AwardId,
    /// For what.
    pub component: ComponentId,
    /// For which month.
    pub month: Month,
    /// How much too much; more than zero.
    pub amount: Fen,
    /// Why: the code of a line's reason.
    pub reason: String,
}

/// One step on the way of a recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Of which recovery.
    pub recovery: RecoveryId,
    /// Its place.
    pub n: i64,
    /// What happened.
    pub event: RecoveryEvent,
    /// The state after it.
    pub state: RecoveryState,
    /// Who did it.
    pub user: UserId,
    /// That person's name.
    pub user_name: String,
    /// On which day.
    pub on: Date,
    /// What was left after it.
    pub left: Fen,
    /// What it moved.
    pub moved: Moved,
    /// Month and number of the voucher.
    pub voucher_number: Option<(String, i64)>,
    /// Reason or remark.
    pub note: String,
    /// Its audit entry.
    pub entry: i64,
}

/// What an event moves, beside what every event says; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// How much.
    pub amount: Fen,
    /// In whose books the money belongs; none when it moves nothing.
    pub standing: Option<Standing>,
    /// Where money came in.
    pub bank_account: Option<BankAccountId>,
    /// The appropriation that it came home to.
    pub appropriation: Option<AppropriationId>,
    /// The exception that it was.
    pub exception: Option<ExceptionId>,
    /// The run whose payments withheld it.
    pub run: Option<RunId>,
    /// The voucher that books it.
    pub voucher: Option<VoucherId>,
}

/// What a payment of a run withholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetOff {
    /// The payment.
    pub payment: PaymentId,
    /// For which recovery, how much.
    pub withheld: Withheld,
}

/// The recoveries of a range of numbers with their present states, both ends included.
async fn between(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    last: i64,
) -> Result<Vec<Recovery>, StoreError> {
    let args = [book.get().into(), first.into(), last.into()];
    let rows = tx.query(RECOVERIES, &args).await?;
    rows.iter().map(recovery_of).collect()
}

/// All recoveries with their present states.
#[boxed]
pub async fn recoveries(tx: &mut Tx, book: BookId) -> Result<Vec<Recovery>, StoreError> {
    between(tx, book, 0, ANY).await
}

/// One recovery with its present state.
#[boxed]
pub async fn recovery(
    tx: &mut Tx,
    book: BookId,
    id: RecoveryId,
) -> Result<Option<Recovery>, StoreError> {
    Ok(between(tx, book, id.get(), id.get()).await?.pop())
}

/// Those of these recoveries that there are, with their present states, by number.
#[boxed]
pub async fn recoveries_of(
    tx: &mut Tx,
    book: BookId,
    ids: &[RecoveryId],
) -> Result<Vec<Recovery>, StoreError> {
    let (first, last) = ends(ids);
    let mut found = between(tx, book, first, last).await?;
    found.retain(|recovery| ids.contains(&recovery.id));
    Ok(found)
}

/// The least and the greatest of these numbers: recoveries are few, so that a range of their keys
/// is read and the rest of it passed over.
fn ends(ids: &[RecoveryId]) -> (i64, i64) {
    let numbers = || ids.iter().map(|id| id.get());
    (numbers().min().unwrap_or(1), numbers().max().unwrap_or(0))
}

/// More than any number of a recovery or an exception.
const ANY: i64 = 2_147_483_647;

/// The way of one recovery, or of all.
#[boxed]
pub async fn steps(
    tx: &mut Tx,
    book: BookId,
    of: Option<RecoveryId>,
) -> Result<Vec<Step>, StoreError> {
    let (first, last) = of.map_or((0, ANY), |id| (id.get(), id.get()));
    let args = [book.get().into(), first.into(), last.into()];
    tx.query(EVENTS, &args).await?.iter().map(step_of).collect()
}

/// On which day each of these recoveries was booked.
#[boxed]
pub async fn confirmed(
    tx: &mut Tx,
    book: BookId,
    ids: &[RecoveryId],
) -> Result<BTreeMap<RecoveryId, Date>, StoreError> {
    let (first, last) = ends(ids);
    let args = [book.get().into(), first.into(), last.into()];
    let rows = tx.query(CONFIRMED, &args).await?;
    let bad = || StoreError::inconsistent("recovery_event", "on_date");
    rows.iter()
        .map(|row| {
            let on = parse_date(row.text_ref(1)?).map_err(|_| bad())?;
            Ok((RecoveryId(row.int(0)?), on))
        })
        .collect()
}

/// What was proposed, by subject, component and month.
#[boxed]
pub async fn lines(
    tx: &mut Tx,
    book: BookId,
    id: RecoveryId,
) -> Result<Vec<RecoveryLine>, StoreError> {
    let found = lines_of(tx, book, &[id]).await?;
    Ok(found.into_values().next().unwrap_or_default())
}

/// What was proposed in each of these recoveries, by subject, component and month.
#[boxed]
pub async fn lines_of(
    tx: &mut Tx,
    book: BookId,
    ids: &[RecoveryId],
) -> Result<BTreeMap<RecoveryId, Vec<RecoveryLine>>, StoreError> {
    let (first, last) = ends(ids);
    let args = [book.get().into(), first.into(), last.into()];
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for row in tx.query(LINES, &args).await? {
        let id = RecoveryId(row.int(7)?);
        if ids.contains(&id) {
            found.entry(id).or_default().push(RecoveryLine {
                line_no: row.int(0)?,
                subject: PartyId(row.int(1)?),
                award: AwardId(row.int(2)?),
                component: ComponentId(row.int(3)?),
                month: month(&row, 4)?,
                amount: Fen::new(row.int(5)?),
                reason: row.text(6)?,
            });
        }
    }
    Ok(found)
}

/// What is proposed to be recovered of a program and neither confirmed nor turned down.
#[boxed]
pub async fn proposed(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
) -> Result<HashMap<Cell, RecoveryId>, StoreError> {
    let args = [book.get().into(), program.get().into()];
    let rows = tx.query(PROPOSED, &args).await?;
    rows.iter()
        .map(|row| {
            let cell = (
                PartyId(row.int(0)?),
                ComponentId(row.int(1)?),
                month(row, 2)?,
            );
            Ok((cell, RecoveryId(row.int(3)?)))
        })
        .collect()
}

/// The newest plan of each recovery that has one; its instalments by number.
#[boxed]
pub async fn plans(
    tx: &mut Tx,
    book: BookId,
) -> Result<BTreeMap<RecoveryId, Vec<Instalment>>, StoreError> {
    let mut plans = BTreeMap::<RecoveryId, Vec<Instalment>>::new();
    for row in tx.query(PLANS, &[book.get().into()]).await? {
        let bad = || StoreError::inconsistent("recovery_instalment", "way");
        let instalment = Instalment {
            recovery: RecoveryId(row.int(0)?),
            plan: row.int(1)?,
            number: row.int(2)?,
            way: Way::from_code(row.text_ref(3)?).ok_or_else(bad)?,
            due: month(&row, 4)?,
            amount: Fen::new(row.int(5)?),
            leave: Fen::new(row.int(6)?),
        };
        plans
            .entry(instalment.recovery)
            .or_default()
            .push(instalment);
    }
    Ok(plans)
}

/// The open recoveries of a program: what their plans withhold from payments, and which months
/// they took back.
#[boxed]
pub async fn withholding(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
) -> Result<Withholdings, StoreError> {
    let args = [book.get().into(), program.get().into(), LEAVE.get().into()];
    let mut plans = Withholdings::default();
    let rows = tx.query(WITHHOLDING, &args).await?;
    let ids: Result<Vec<RecoveryId>, StoreError> =
        rows.iter().map(|row| Ok(RecoveryId(row.int(1)?))).collect();
    let mut lines = match ids? {
        ids if ids.is_empty() => BTreeMap::new(),
        ids => lines_of(tx, book, &ids).await?,
    };
    for row in rows {
        let recovery = RecoveryId(row.int(1)?);
        let lines = lines.remove(&recovery).unwrap_or_default();
        let cell = |line: RecoveryLine| {
            let cell = (line.subject, line.component, line.month);
            (cell, line.amount)
        };
        let plan = Withholding {
            recovery,
            cells: lines.into_iter().map(cell).collect(),
            plan: row.int(2)?,
            per_run: Fen::new(row.int(3)?),
            leave: Fen::new(row.int(4)?),
            left: Fen::new(row.int(5)?),
            from: month(&row, 6)?,
        };
        plans.add(PartyId(row.int(0)?), plan);
    }
    Ok(plans)
}

/// What a payment grants, by subject, component and month.
pub type Granted = Vec<(Cell, Fen)>;

/// What the payments of a run grant of months that recoveries of its program took back.
#[boxed]
pub async fn granted_again(
    tx: &mut Tx,
    book: BookId,
    run: &Run,
) -> Result<HashMap<PaymentId, Granted>, StoreError> {
    let args = [
        book.get().into(),
        run.program.get().into(),
        (run.payment_first - 1).into(),
        run.payment_last.into(),
    ];
    let mut granted = HashMap::<_, Granted>::new();
    for row in tx.query(GRANTED_AGAIN, &args).await? {
        let cell = (
            PartyId(row.int(1)?),
            ComponentId(row.int(2)?),
            month(&row, 3)?,
        );
        let of = granted.entry(PaymentId(row.int(0)?)).or_default();
        of.push((cell, Fen::new(row.int(4)?)));
    }
    Ok(granted)
}

/// How much of a payment recoveries took back, by recovery and component.
#[boxed]
pub async fn recovered_of(
    tx: &mut Tx,
    book: BookId,
    payment: PaymentId,
) -> Result<BTreeMap<RecoveryId, Vec<(ComponentId, Fen)>>, StoreError> {
    let args = [book.get().into(), payment.get().into()];
    let mut parts = BTreeMap::<_, Vec<_>>::new();
    for row in tx.query(RECOVERED_OF, &args).await? {
        let of: &mut Vec<_> = parts.entry(RecoveryId(row.int(0)?)).or_default();
        of.push((ComponentId(row.int(1)?), Fen::new(row.int(2)?)));
    }
    Ok(parts)
}

/// What the payments of a range withhold, both ends included, by payment and recovery.
#[boxed]
pub async fn set_offs(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    last: i64,
) -> Result<Vec<SetOff>, StoreError> {
    let args = [book.get().into(), first.into(), last.into()];
    let rows = tx.query(SET_OFFS, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(SetOff {
                payment: PaymentId(row.int(0)?),
                withheld: Withheld {
                    recovery: RecoveryId(row.int(1)?),
                    plan: row.int(2)?,
                    amount: Fen::new(row.int(3)?),
                },
            })
        })
        .collect()
}

/// Hands out the payments of a run in their order: number, household, and what is paid.
pub async fn each_payment(
    tx: &mut Tx,
    book: BookId,
    run: &Run,
    mut receive: impl FnMut(PaymentId, PartyId, Fen),
) -> Result<(), StoreError> {
    for (after, last) in pages(tx.engine(), run.payment_first - 1, run.payment_last) {
        let args = [book.get().into(), after.into(), last.into()];
        tx.stream(OF_RUN, &args, |row| {
            let (payment, household) = (PaymentId(row.int(0)?), PartyId(row.int(1)?));
            receive(payment, household, Fen::new(row.int(2)?));
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    Ok(())
}

/// The first and the last month for which the book accrued anything; none when it did not.
#[boxed]
pub async fn accrued_months(
    tx: &mut Tx,
    book: BookId,
) -> Result<Option<(Month, Month)>, StoreError> {
    let row = tx.query_one(MONTHS, &[book.get().into()]).await?;
    if row.text_ref(0)?.is_empty() {
        return Ok(None);
    }
    Ok(Some((month(&row, 0)?, month(&row, 1)?)))
}

/// The appropriation that the newest overpaid payment drew on, the first one when it straddled
/// several.
#[boxed]
pub async fn drawn_on(
    tx: &mut Tx,
    book: BookId,
    id: RecoveryId,
) -> Result<Option<AppropriationId>, StoreError> {
    let args = [book.get().into(), id.get().into()];
    let row = tx.query_opt(DRAWN_ON, &args).await?;
    Ok(match row {
        None => None,
        Some(row) => row.opt_int(0)?.map(AppropriationId),
    })
}

/// Stores recoveries that are proposed, by number, with their lines and their first events.
#[boxed]
pub async fn add(
    write: &mut Write,
    proposed: &[(Recovery, Vec<RecoveryLine>)],
    on: Date,
) -> Result<(), Failure> {
    let book = write.book().get();
    let mut heads = RowBuffer::of(&table::RECOVERY);
    let mut years = RowBuffer::of(&table::RECOVERY_YEAR);
    let mut rows = RowBuffer::of(&table::RECOVERY_LINE);
    for (recovery, lines) in proposed {
        let id = recovery.id.get();
        heads.push([
            Value::Int(book),
            id.into(),
            recovery.program.get().into(),
            recovery.household.get().into(),
            recovery.payee.get().into(),
            recovery.area.into(),
            recovery.first.to_string().into(),
            recovery.last.to_string().into(),
            recovery.amount.get().into(),
            recovery.lines.into(),
            recovery.reason.as_str().into(),
        ]);
        if recovery.year != recovery.first.year() {
            years.push([Value::Int(book), id.into(), i64::from(recovery.year).into()]);
        }
        for line in lines {
            rows.push([
                Value::Int(book),
                id.into(),
                line.line_no.into(),
                line.subject.get().into(),
                line.award.get().into(),
                line.component.get().into(),
                line.month.to_string().into(),
                line.amount.get().into(),
                line.reason.as_str().into(),
            ]);
        }
    }
    write.insert(&table::RECOVERY, heads).await?;
    write.insert(&table::RECOVERY_YEAR, years).await?;
    write.insert(&table::RECOVERY_LINE, rows).await?;
    let nothing = Moved::default();
    let events: Vec<_> = (proposed.iter().map(|(recovery, _)| (recovery, nothing))).collect();
    add_events(write, &events, RecoveryEvent::Propose, on, "").await
}

/// Appends the event that brought each recovery into the state which it now carries, by the user
/// whom it carries, with what it moved. In ascending order of recovery.
#[boxed]
pub async fn add_events(
    write: &mut Write,
    events: &[(&Recovery, Moved)],
    event: RecoveryEvent,
    on: Date,
    note: &str,
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::RECOVERY_EVENT);
    for (recovery, moved) in events {
        rows.push([
            Value::Int(write.book().get()),
            recovery.id.get().into(),
            recovery.events.into(),
            event.code().into(),
            recovery.state.code().into(),
            recovery.user.get().into(),
            on.to_string().into(),
            moved.amount.get().into(),
            recovery.left.get().into(),
            moved.standing.map_or("", Standing::code).into(),
            moved.bank_account.map_or(0, BankAccountId::get).into(),
            moved.appropriation.map_or(0, AppropriationId::get).into(),
            moved.exception.map_or(0, ExceptionId::get).into(),
            moved.run.map_or(0, RunId::get).into(),
            moved.voucher.map_or(0, VoucherId::get).into(),
            note.into(),
        ]);
    }
    write.insert(&table::RECOVERY_EVENT, rows).await?;
    for (recovery, _) in events {
        write.object(ObjectRef {
            kind: "recovery".to_owned(),
            id: recovery.id.to_string(),
            version: Some(recovery.events),
            hash: None,
            count: None,
        });
    }
    Ok(())
}

/// Takes back what was overpaid: lines of the accruals under the number of each recovery, each the
/// `n`-th of its subject, component and month.
///
/// # Errors
/// [`ledger::problem::Kind::RunChanged`] when a run has accrued the same meanwhile.
#[boxed]
pub async fn take_back(
    write: &mut Write,
    lines: &[(RecoveryId, &RecoveryLine, i64)],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::PAYMENT_LINE);
    for (id, line, n) in lines {
        rows.push([
            Value::Int(write.book().get()),
            id.get().into(),
            line.line_no.into(),
            line.subject.get().into(),
            line.award.get().into(),
            line.component.get().into(),
            line.month.to_string().into(),
            (*n).into(),
            (-line.amount.get()).into(),
            ledger::disbursement::due::LineReason::Recovery
                .code()
                .into(),
        ]);
    }
    Ok(write.insert(&table::PAYMENT_LINE, rows).await?)
}

/// Stores the plan that event `n` of a recovery made.
#[boxed]
pub async fn add_plan(write: &mut Write, plan: &[Instalment]) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::RECOVERY_INSTALMENT);
    for line in plan {
        rows.push([
            Value::Int(write.book().get()),
            line.recovery.get().into(),
            line.plan.into(),
            line.number.into(),
            line.way.code().into(),
            line.due.to_string().into(),
            line.amount.get().into(),
            line.leave.get().into(),
        ]);
    }
    Ok(write.insert(&table::RECOVERY_INSTALMENT, rows).await?)
}

/// Stores what a written-off recovery charges to expense again, by component in ascending order.
#[boxed]
pub async fn add_write_off(
    write: &mut Write,
    recovery: &Recovery,
    parts: &[(ComponentId, Fen)],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::WRITE_OFF_PART);
    for (component, amount) in parts {
        rows.push([
            Value::Int(write.book().get()),
            recovery.id.get().into(),
            recovery.events.into(),
            component.get().into(),
            amount.get().into(),
        ]);
    }
    Ok(write.insert(&table::WRITE_OFF_PART, rows).await?)
}

/// Recovered money of a program that is held for the treasury: as cash at one bank account, or
/// with the appropriations whose payments withheld it.
#[boxed]
pub async fn held(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    at: Option<BankAccountId>,
) -> Result<Fen, StoreError> {
    let (book, program) = (Value::Int(book.get()), Value::Int(program.get()));
    let row = match at {
        Some(at) => {
            let args = [book, program, at.get().into()];
            tx.query_one(HELD_CASH, &args).await?
        }
        None => tx.query_one(HELD_KEPT, &[book, program]).await?,
    };
    Ok(Fen::new(row.int(0)?))
}

/// How much of each credit was taken for recoveries: of one exception, or of all.
#[boxed]
pub async fn taken(
    tx: &mut Tx,
    book: BookId,
    of: Option<ExceptionId>,
) -> Result<BTreeMap<ExceptionId, Fen>, StoreError> {
    let (first, last) = of.map_or((1, ANY), |id| (id.get(), id.get()));
    let args = [book.get().into(), first.into(), last.into()];
    let rows = tx.query(TAKEN, &args).await?;
    rows.iter()
        .map(|row| Ok((ExceptionId(row.int(0)?), Fen::new(row.int(1)?))))
        .collect()
}

/// Recovered money that came home to an appropriation.
#[boxed]
pub async fn home(
    tx: &mut Tx,
    book: BookId,
    appropriation: AppropriationId,
) -> Result<Fen, StoreError> {
    let args = [book.get().into(), appropriation.get().into()];
    Ok(Fen::new(tx.query_one(HOME, &args).await?.int(0)?))
}

/// What was handed to the treasury of the money of appropriations, by vouchers of some months.
#[boxed]
pub async fn handed_over_by_appropriation(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<(AppropriationId, Fen)>, StoreError> {
    let (first, last) = (first.to_string().into(), last.to_string().into());
    let args = [book.get().into(), first, last];
    let rows = tx.query(HANDED_OVER_BY_APPROPRIATION, &args).await?;
    rows.iter()
        .map(|row| Ok((AppropriationId(row.int(0)?), Fen::new(row.int(1)?))))
        .collect()
}

/// What was handed to the treasury, by program.
#[boxed]
pub async fn handed_over(
    tx: &mut Tx,
    book: BookId,
) -> Result<BTreeMap<ProgramId, Fen>, StoreError> {
    let rows = tx.query(HANDED_OVER, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| Ok((ProgramId(row.int(0)?), Fen::new(row.int(1)?))))
        .collect()
}

/// 上缴: recovered money that went to the treasury.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// Its number.
    pub id: i64,
    /// The program.
    pub program: ProgramId,
    /// From which account.
    pub bank_account: BankAccountId,
    /// The appropriation that kept it; none for what came in as cash.
    pub appropriation: Option<AppropriationId>,
    /// How much.
    pub amount: Fen,
    /// What is still held after it.
    pub held: Fen,
    /// When.
    pub on: Date,
    /// By whom.
    pub user: UserId,
    /// Its voucher.
    pub voucher: VoucherId,
}

/// Stores that money went to the treasury.
#[boxed]
pub async fn add_hand_over(write: &mut Write, over: &HandOver) -> Result<(), Failure> {
    let row: [Value; 10] = [
        write.book().get().into(),
        over.id.into(),
        over.program.get().into(),
        over.bank_account.get().into(),
        over.appropriation.map_or(0, AppropriationId::get).into(),
        over.amount.get().into(),
        over.held.get().into(),
        over.on.to_string().into(),
        over.user.get().into(),
        over.voucher.get().into(),
    ];
    Ok(write.insert_one(&table::HAND_OVER, row).await?)
}

fn recovery_of(row: &Row) -> Result<Recovery, StoreError> {
    let bad = || StoreError::inconsistent("recovery_event", "state");
    let first = month(row, 5)?;
    let year = match row.int(15)? {
        0 => first.year(),
        year => {
            i32::try_from(year).map_err(|_| StoreError::inconsistent("recovery_year", "year"))?
        }
    };
    Ok(Recovery {
        id: RecoveryId(row.int(0)?),
        program: ProgramId(row.int(1)?),
        household: PartyId(row.int(2)?),
        payee: PartyId(row.int(3)?),
        area: row.int(4)?,
        first,
        last: month(row, 6)?,
        year,
        amount: Fen::new(row.int(7)?),
        lines: row.int(8)?,
        reason: row.text(9)?,
        entry: row.int(10)?,
        events: row.int(11)?,
        state: RecoveryState::from_code(row.text_ref(12)?).ok_or_else(bad)?,
        user: UserId(row.int(13)?),
        left: Fen::new(row.int(14)?),
    })
}

fn step_of(row: &Row) -> Result<Step, StoreError> {
    let bad = |column| StoreError::inconsistent("recovery_event", column);
    let given = |column: usize| row.int(column).map(|id| (id != 0).then_some(id));
    let voucher = given(13)?.map(VoucherId);
    let standing = match row.text_ref(8)? {
        "" => None,
        code => Some(Standing::from_code(code).ok_or_else(|| bad("standing"))?),
    };
    Ok(Step {
        recovery: RecoveryId(row.int(0)?),
        n: row.int(1)?,
        event: RecoveryEvent::from_code(row.text_ref(2)?).ok_or_else(|| bad("event"))?,
        state: RecoveryState::from_code(row.text_ref(3)?).ok_or_else(|| bad("state"))?,
        user: UserId(row.int(4)?),
        on: parse_date(row.text_ref(5)?).map_err(|_| bad("on_date"))?,
        left: Fen::new(row.int(7)?),
        moved: Moved {
            amount: Fen::new(row.int(6)?),
            standing,
            bank_account: given(9)?.map(BankAccountId),
            appropriation: given(10)?.map(AppropriationId),
            exception: given(11)?.map(ExceptionId),
            run: given(12)?.map(RunId),
            voucher,
        },
        voucher_number: match voucher {
            Some(_) => Some((row.text(17)?, row.int(18)?)),
            None => None,
        },
        note: row.text(14)?,
        entry: row.int(15)?,
        user_name: row.text(16)?,
    })
}
