//! Who came, who left and whose amount changed between two months, what became of the payments,
//! and what a year came to: the figures of the monthly summary (发放汇总表), the triplicate (三联单)
//! and the annual report, each one set-based statement.
//!
//! **Rule:** the own amount of a month is what the approved runs of that month accrued *for* that
//! month. What they accrued for earlier months stands beside it as back pay, also below zero. So
//! last month + new − gone + raised − lowered + back pay = due, for each component.

use crate::boxed;
use ledger::calendar::Month;
use ledger::id::{BookId, ComponentId, PartyId, ProgramId, RunId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::db::{Row, Tx};
use crate::error::StoreError;

/// The payments of approved runs: the newest step of a run says whether it is approved, and which
/// payments are those of its calculation that counts.
macro_rules! approved {
    () => {
        "from run r
            cross join run_event e
            cross join payment_line l
            cross join payment p "
    };
}

/// How they belong together. SQLite keeps to the order of cross joins: lines by the numbers of a
/// run's payments, and then each payment by its key.
macro_rules! belonging {
    () => {
        "where e.book_id = r.book_id and e.run_id = r.run_id
            and e.n = (select max(m.n) from run_event m
                where m.book_id = r.book_id and m.run_id = r.run_id)
            and l.book_id = e.book_id
            and l.payment_id between e.payment_first and e.payment_last
            and p.book_id = l.book_id and p.payment_id = l.payment_id and "
    };
}

/// Which of them: two months of all programs, or of one program until a run.
macro_rules! two_months {
    () => {
        "r.book_id = $1 and r.month in ($2, $3) and r.kind <> 're-pay'
            and ($4 = 0 or (r.program_id = $4 and r.run_id <= $5))
            and (e.state in ('approved', 'released', 'settled', 'closed') or r.run_id = $5)
            group by r.program_id, l.component_id, l.subject_id) s "
    };
}

/// What became of the attempt `t`, which may be missing.
macro_rules! fate_of_attempt {
    () => {
        "case when t.payment_id is null then 'waiting'
                when exists (select 1 from outcome_now o where o.book_id = t.book_id
                    and o.payment_id = t.payment_id and o.attempt_no = t.attempt_no
                    and o.kind <> 'paid') then 'failed'
                when exists (select 1 from outcome_now o where o.book_id = t.book_id
                    and o.payment_id = t.payment_id and o.attempt_no = t.attempt_no) then 'paid'
                else 'pending' end as fate "
    };
}

/// Who is on the roll in a month.
macro_rules! on_the_roll {
    () => {
        "cast(count(distinct a.household_id) as bigint),
        cast(count(distinct case when y.kind = 'person' then a.subject_id end) as bigint)
        from award a
        join component c on c.book_id = a.book_id and c.component_id = a.component_id
        join party y on y.book_id = a.book_id and y.party_id = a.subject_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where a.book_id = $1 and c.cadence <> 'once' and a.from_month <= $2
        and (e.to_month is null or e.to_month >= $2) "
    };
}

sql! {
    MOVEMENT = concat!("select s.program_id, s.component_id,
        cast(count(distinct case when s.earlier <> 0 then s.household_id end) as bigint),
        cast(sum(case when s.earlier <> 0 then 1 else 0 end) as bigint),
        cast(sum(s.earlier) as bigint),
        cast(sum(case when s.earlier = 0 and s.present <> 0 then 1 else 0 end) as bigint),
        cast(sum(case when s.earlier = 0 then s.present else 0 end) as bigint),
        cast(sum(case when s.earlier <> 0 and s.present > s.earlier then 1 else 0 end) as bigint),
        cast(sum(case when s.earlier <> 0 and s.present > s.earlier
            then s.present - s.earlier else 0 end) as bigint),
        cast(sum(case when s.present <> 0 and s.present < s.earlier then 1 else 0 end) as bigint),
        cast(sum(case when s.present <> 0 and s.present < s.earlier
            then s.earlier - s.present else 0 end) as bigint),
        cast(sum(case when s.back <> 0 then 1 else 0 end) as bigint),
        cast(sum(s.back) as bigint),
        cast(count(distinct case when s.present <> 0 then s.household_id end) as bigint),
        cast(sum(case when s.present <> 0 then 1 else 0 end) as bigint),
        cast(sum(s.present) as bigint)
        from (select r.program_id, l.component_id, l.subject_id,
            max(p.household_id) as household_id,
            sum(case when r.month = $2 and l.month = $2 then l.amount_fen else 0 end) as earlier,
            sum(case when r.month = $3 and l.month = $3 then l.amount_fen else 0 end) as present,
            sum(case when r.month = $3 and l.month <> $3 then l.amount_fen else 0 end) as back
            ", approved!(), belonging!(), two_months!(),
        "group by s.program_id, s.component_id order by s.program_id, s.component_id");
    LEAVERS = concat!("select s.program_id, s.component_id, s.ended, s.reason,
        cast(count(*) as bigint), cast(sum(s.earlier) as bigint)
        from (select r.program_id, l.component_id, l.subject_id,
            sum(case when r.month = $2 and l.month = $2 then l.amount_fen else 0 end) as earlier,
            sum(case when r.month = $3 and l.month = $3 then l.amount_fen else 0 end) as present,
            max(case when y.reference_no in (select d.reference_no from listed_person d
                join check_list k on k.book_id = d.book_id and k.list_id = d.list_id
                where d.book_id = $1 and k.kind = 'deceased'
                and k.list_id = (select max(n.list_id) from check_list n
                    where n.book_id = k.book_id and n.kind = k.kind and n.name = k.name)
                and (d.since = '' or substr(d.since, 1, 7) <= $3)) then 'listed'
                when l.subject_id in (select d.party_id from person_death d
                    where d.book_id = $1 and d.on_date <> '' and substr(d.on_date, 1, 7) <= $3
                    and d.version = (select max(n.version) from person_death n
                        where n.book_id = d.book_id and n.party_id = d.party_id)) then 'listed'
                when x.to_month < $3 then 'ended' else '' end) as ended,
            max(case when x.to_month < $3 then x.reason else '' end) as reason
            ", approved!(),
            "join party y on y.book_id = l.book_id and y.party_id = l.subject_id
            left join award_end x on x.book_id = l.book_id and x.award_id = l.award_id
            ", belonging!(), two_months!(),
        "where s.earlier <> 0 and s.present = 0
        group by s.program_id, s.component_id, s.ended, s.reason
        order by s.program_id, s.component_id, s.ended, s.reason");
    FATES = concat!("select s.program_id, s.component_id, s.fate, cast(count(*) as bigint),
        cast(sum(s.subjects) as bigint), cast(sum(s.amount_fen) as bigint)
        from (select r.program_id, l.component_id, p.payment_id,
            count(distinct l.subject_id) as subjects, sum(l.amount_fen) as amount_fen,
            ", fate_of_attempt!(), approved!(),
            "left join attempt t on t.book_id = p.book_id and t.payment_id = p.payment_id
                and t.kind = 'pay' and t.attempt_no = (select max(m.attempt_no) from attempt m
                    where m.book_id = p.book_id and m.payment_id = p.payment_id
                    and m.kind = 'pay')
            ", belonging!(), "r.book_id = $1 and r.kind <> 're-pay' and ((r.month = $2 and $3 = 0
                and e.state in ('approved', 'released', 'settled', 'closed')) or r.run_id = $3)
            group by r.program_id, l.component_id, p.payment_id, t.payment_id, t.book_id,
                t.attempt_no) s
        group by s.program_id, s.component_id, s.fate
        order by s.program_id, s.component_id, s.fate");
    PAYMENT_FATES = concat!("select s.fate, cast(count(*) as bigint), cast(sum(s.amount_fen) as bigint)
        from (select p.amount_fen, ", fate_of_attempt!(), "from payment p
            left join attempt t on t.book_id = p.book_id and t.payment_id = p.payment_id
                and t.kind = 'pay' and t.attempt_no = (select max(m.attempt_no) from attempt m
                    where m.book_id = p.book_id and m.payment_id = p.payment_id
                    and m.kind = 'pay')
            where p.book_id = $1 and p.payment_id between $2 and $3) s
        group by s.fate order by s.fate");
    RE_PAID = concat!("select s.fate, cast(count(*) as bigint), cast(sum(s.amount_fen) as bigint)
        from (select a.amount_fen, ", fate_of_attempt!(), "from re_pay a
            left join attempt t on t.book_id = a.book_id and t.payment_id = a.payment_id
                and t.attempt_no = a.attempt_no and t.kind = 'pay'
            where a.book_id = $1 and a.run_id = $2 and a.revision = $3) s
        group by s.fate order by s.fate");
    RUN_PARTS = "select s.component_id, cast(count(distinct s.household_id) as bigint),
        cast(count(*) as bigint), cast(sum(s.amount_fen) as bigint),
        cast(sum(s.back) as bigint)
        from (select l.component_id, l.subject_id, max(p.household_id) as household_id,
            sum(l.amount_fen) as amount_fen,
            sum(case when l.month <> $4 then l.amount_fen else 0 end) as back
            from payment p
            join payment_line l on l.book_id = p.book_id and l.payment_id = p.payment_id
            where p.book_id = $1 and p.payment_id between $2 and $3
            group by l.component_id, l.subject_id) s
        group by s.component_id order by s.component_id";
    RUN_HEADS = "select cast(count(distinct p.household_id) as bigint),
        cast(count(distinct case when y.kind = 'person' then l.subject_id end) as bigint)
        from payment p
        cross join payment_line l
        join party y on y.book_id = l.book_id and y.party_id = l.subject_id
        where p.book_id = $1 and p.payment_id between $2 and $3
        and l.book_id = p.book_id and l.payment_id = p.payment_id";
    RE_PAID_HEADS = "select cast(count(distinct p.household_id) as bigint),
        cast(count(distinct case when y.kind = 'person' then l.subject_id end) as bigint)
        from re_pay a
        cross join payment p
        cross join payment_line l
        join party y on y.book_id = l.book_id and y.party_id = l.subject_id
        where a.book_id = $1 and a.run_id = $2 and a.revision = $3
        and p.book_id = a.book_id and p.payment_id = a.payment_id
        and l.book_id = p.book_id and l.payment_id = p.payment_id";
    SHARES = concat!("select s.program_id, s.component_id, s.tag, s.reason,
        cast(sum(s.amount_fen) as bigint),
        cast(sum(case when s.kind = 'person' then 1 else 0 end) as bigint),
        cast(sum(case when s.kind = 'household' then 1 else 0 end) as bigint),
        cast(count(distinct s.subject_id) as bigint)
        from (select r.program_id, l.component_id, a.tag, l.reason, l.subject_id, y.kind, l.month,
            sum(l.amount_fen) as amount_fen
            ", approved!(),
            "join party y on y.book_id = l.book_id and y.party_id = l.subject_id
            join award a on a.book_id = l.book_id and a.award_id = l.award_id
            ", belonging!(), "r.book_id = $1 and r.month >= $2 and r.month <= $3 and r.kind <> 're-pay'
            and e.state in ('approved', 'released', 'settled', 'closed')
            group by r.program_id, l.component_id, a.tag, l.reason, l.subject_id, y.kind,
                l.month) s
        group by s.program_id, s.component_id, s.tag, s.reason
        order by s.program_id, s.component_id, s.tag, s.reason");
    TIMES = concat!("select s.program_id, s.component_id, s.tag,
        cast(sum(case when s.kind = 'person' then 1 else 0 end) as bigint),
        cast(sum(case when s.kind = 'household' then 1 else 0 end) as bigint)
        from (select r.program_id, l.component_id, a.tag, l.subject_id, y.kind, l.month
            ", approved!(),
            "join party y on y.book_id = l.book_id and y.party_id = l.subject_id
            join award a on a.book_id = l.book_id and a.award_id = l.award_id
            ", belonging!(), "r.book_id = $1 and r.month >= $2 and r.month <= $3 and r.kind <> 're-pay'
            and e.state in ('approved', 'released', 'settled', 'closed')
            group by r.program_id, l.component_id, a.tag, l.subject_id, y.kind, l.month
            having sum(l.amount_fen) > 0) s
        group by s.program_id, s.component_id, s.tag
        order by s.program_id, s.component_id, s.tag");
    PROGRAM_TIMES = concat!("select s.program_id,
        cast(sum(case when s.kind = 'person' then 1 else 0 end) as bigint),
        cast(sum(case when s.kind = 'household' then 1 else 0 end) as bigint)
        from (select r.program_id, l.subject_id, y.kind, l.month
            ", approved!(),
            "join party y on y.book_id = l.book_id and y.party_id = l.subject_id
            ", belonging!(), "r.book_id = $1 and r.month >= $2 and r.month <= $3 and r.kind <> 're-pay'
            and e.state in ('approved', 'released', 'settled', 'closed')
            group by r.program_id, l.subject_id, y.kind, l.month
            having sum(l.amount_fen) > 0) s
        group by s.program_id order by s.program_id");
    WITHHELD = "select cast(coalesce(sum(w.amount_fen), 0) as bigint) from run r
        join run_event e on e.book_id = r.book_id and e.run_id = r.run_id
            and e.n = (select max(m.n) from run_event m
                where m.book_id = r.book_id and m.run_id = r.run_id)
        join set_off w on w.book_id = e.book_id
            and w.payment_id between e.payment_first and e.payment_last
        where r.book_id = $1 and r.kind <> 're-pay' and ((r.month = $2 and $3 = 0
            and e.state in ('approved', 'released', 'settled', 'closed')) or r.run_id = $3)";
    UNTAGGED = concat!("select r.program_id, l.subject_id, y.kind, l.month, l.reason,
        cast(sum(l.amount_fen) as bigint) ", approved!(),
        "join party y on y.book_id = l.book_id and y.party_id = l.subject_id
        join award a on a.book_id = l.book_id and a.award_id = l.award_id
        ", belonging!(), "r.book_id = $1 and r.month >= $2 and r.month <= $3 and r.kind <> 're-pay'
        and e.state in ('approved', 'released', 'settled', 'closed')
        and l.component_id = $4 and a.tag = ''
        group by r.program_id, l.subject_id, y.kind, l.month, l.reason
        order by r.program_id, l.subject_id, l.month, l.reason");
    UNTAGGED_ROLL = "select c.program_id, a.household_id, a.subject_id, y.kind from award i
        cross join award a
        join component c on c.book_id = a.book_id and c.component_id = a.component_id
        join party y on y.book_id = a.book_id and y.party_id = a.subject_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where i.book_id = $1 and i.component_id = $3
        and a.book_id = i.book_id and a.award_id = i.award_id and a.tag = ''
        and c.cadence <> 'once' and a.from_month <= $2
        and (e.to_month is null or e.to_month >= $2)";
    ROLL_BY_TAG = concat!("select c.program_id, a.component_id, a.tag, ", on_the_roll!(),
        "group by c.program_id, a.component_id, a.tag
        order by c.program_id, a.component_id, a.tag");
    ROLL = concat!("select c.program_id, a.component_id, '', ", on_the_roll!(),
        "group by c.program_id, a.component_id order by c.program_id, a.component_id");
}

/// Subjects (persons, or households where the component is paid by household) and their amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heads {
    /// How many.
    pub count: i64,
    /// How much.
    pub amount: Fen,
}

/// What moved in one component between two months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The program.
    pub program: ProgramId,
    /// The component.
    pub component: ComponentId,
    /// Households of the earlier month.
    pub earlier_households: i64,
    /// The earlier month's own amounts.
    pub earlier: Heads,
    /// In this month and not in the earlier one.
    pub entered: Heads,
    /// In both, with more: by how much.
    pub raised: Heads,
    /// In both, with less: by how much.
    pub lowered: Heads,
    /// Paid in this month's runs for earlier months; below zero when more was set against.
    pub back: Heads,
    /// Households of this month.
    pub households: i64,
    /// This month's own amounts.
    pub present: Heads,
}

/// Those of the earlier month who have nothing in this one, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leavers {
    /// The program.
    pub program: ProgramId,
    /// The component.
    pub component: ComponentId,
    /// Whether they stand on a list of the deceased, or the book has recorded their death.
    pub listed_deceased: bool,
    /// Whether their award ended before this month.
    pub ended: bool,
    /// What the end of the award says; empty when it goes on.
    pub reason: String,
    /// How many, and what they had.
    pub heads: Heads,
}

/// What became of a payment by its newest attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The money arrived and stayed.
    Paid,
    /// It failed, or came back after it had been reported paid.
    Failed,
    /// Sent, and not answered.
    Pending,
    /// Not sent.
    Waiting,
}

/// What became of the payments of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FateTotal {
    /// The program.
    pub program: ProgramId,
    /// The component.
    pub component: ComponentId,
    /// What became of them.
    pub fate: Fate,
    /// How many payments.
    pub payments: i64,
    /// For whom: subjects, each counted once for each payment.
    pub heads: Heads,
}

/// Which payments are looked at: those of one run beside what was approved before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfRun {
    /// The program of the run.
    pub program: ProgramId,
    /// The run.
    pub run: RunId,
}

/// What moved between two months, by component: in the approved runs of a book, or of one program
/// until a run, which itself need not be approved.
#[boxed]
pub async fn movement(
    tx: &mut Tx,
    book: BookId,
    (earlier, present): (Month, Month),
    of: Option<OfRun>,
) -> Result<Vec<Movement>, StoreError> {
    let rows = tx
        .query(MOVEMENT, &scope(book, earlier, present, of))
        .await?;
    rows.iter().map(movement_of).collect()
}

/// Who left between two months, by component and reason; the same runs as [`movement`].
#[boxed]
pub async fn leavers(
    tx: &mut Tx,
    book: BookId,
    (earlier, present): (Month, Month),
    of: Option<OfRun>,
) -> Result<Vec<Leavers>, StoreError> {
    let rows = tx
        .query(LEAVERS, &scope(book, earlier, present, of))
        .await?;
    rows.iter()
        .map(|row| {
            let ended = row.text(2)?;
            Ok(Leavers {
                program: ProgramId(row.int(0)?),
                component: ComponentId(row.int(1)?),
                listed_deceased: ended == "listed",
                ended: !ended.is_empty(),
                reason: row.text(3)?,
                heads: heads(row, 4)?,
            })
        })
        .collect()
}

fn scope(book: BookId, earlier: Month, present: Month, of: Option<OfRun>) -> [crate::db::Value; 5] {
    let (program, run) = of.map_or((0, 0), |of| (of.program.get(), of.run.get()));
    [
        book.get().into(),
        earlier.to_string().into(),
        present.to_string().into(),
        program.into(),
        run.into(),
    ]
}

fn movement_of(row: &Row) -> Result<Movement, StoreError> {
    Ok(Movement {
        program: ProgramId(row.int(0)?),
        component: ComponentId(row.int(1)?),
        earlier_households: row.int(2)?,
        earlier: heads(row, 3)?,
        entered: heads(row, 5)?,
        raised: heads(row, 7)?,
        lowered: heads(row, 9)?,
        back: heads(row, 11)?,
        households: row.int(13)?,
        present: heads(row, 14)?,
    })
}

fn heads(row: &Row, column: usize) -> Result<Heads, StoreError> {
    Ok(Heads {
        count: row.int(column)?,
        amount: Fen::new(row.int(column + 1)?),
    })
}

/// What became of the payments of a month's approved runs, or of one run in whatever state, by
/// component.
#[boxed]
pub async fn fates(
    tx: &mut Tx,
    book: BookId,
    month: Month,
    run: Option<RunId>,
) -> Result<Vec<FateTotal>, StoreError> {
    let args = [
        book.get().into(),
        month.to_string().into(),
        run.map_or(0, RunId::get).into(),
    ];
    tx.query(FATES, &args).await?.iter().map(fate_of).collect()
}

fn fate_of(row: &Row) -> Result<FateTotal, StoreError> {
    Ok(FateTotal {
        program: ProgramId(row.int(0)?),
        component: ComponentId(row.int(1)?),
        fate: fate(row.text_ref(2)?)?,
        payments: row.int(3)?,
        heads: heads(row, 4)?,
    })
}

fn fate(code: &str) -> Result<Fate, StoreError> {
    Ok(match code {
        "paid" => Fate::Paid,
        "failed" => Fate::Failed,
        "pending" => Fate::Pending,
        "waiting" => Fate::Waiting,
        _ => return Err(StoreError::inconsistent("outcome", "kind")),
    })
}

/// What became of a range of payments: how many, and how much.
#[boxed]
pub async fn payment_fates(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    last: i64,
) -> Result<Vec<(Fate, Heads)>, StoreError> {
    let args = [book.get().into(), first.into(), last.into()];
    let rows = tx.query(PAYMENT_FATES, &args).await?;
    rows.iter()
        .map(|row| Ok((fate(row.text_ref(0)?)?, heads(row, 1)?)))
        .collect()
}

/// What became of the attempts of a re-pay run: payments and amount.
#[boxed]
pub async fn re_paid(
    tx: &mut Tx,
    book: BookId,
    run: RunId,
    revision: i64,
) -> Result<Vec<(Fate, Heads)>, StoreError> {
    let args = [book.get().into(), run.get().into(), revision.into()];
    let rows = tx.query(RE_PAID, &args).await?;
    rows.iter()
        .map(|row| Ok((fate(row.text_ref(0)?)?, heads(row, 1)?)))
        .collect()
}

/// One component of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunPart {
    /// The component.
    pub component: ComponentId,
    /// Households.
    pub households: i64,
    /// Subjects and amount.
    pub heads: Heads,
    /// What of the amount is for other months than the run's.
    pub back: Fen,
}

/// A range of payments by component, for a run of this month.
#[boxed]
pub async fn run_parts(
    tx: &mut Tx,
    book: BookId,
    month: Month,
    (first, last): (i64, i64),
) -> Result<Vec<RunPart>, StoreError> {
    let args = [
        book.get().into(),
        first.into(),
        last.into(),
        month.to_string().into(),
    ];
    let rows = tx.query(RUN_PARTS, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(RunPart {
                component: ComponentId(row.int(0)?),
                households: row.int(1)?,
                heads: heads(row, 2)?,
                back: Fen::new(row.int(4)?),
            })
        })
        .collect()
}

/// Households and persons of a range of payments, each counted once.
#[boxed]
pub async fn run_heads(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    last: i64,
) -> Result<(i64, i64), StoreError> {
    let args = [book.get().into(), first.into(), last.into()];
    let row = tx.query_one(RUN_HEADS, &args).await?;
    Ok((row.int(0)?, row.int(1)?))
}

/// Households and persons of what a re-pay run tries again, each counted once.
#[boxed]
pub async fn re_paid_heads(
    tx: &mut Tx,
    book: BookId,
    run: RunId,
    revision: i64,
) -> Result<(i64, i64), StoreError> {
    let args = [book.get().into(), run.get().into(), revision.into()];
    let row = tx.query_one(RE_PAID_HEADS, &args).await?;
    Ok((row.int(0)?, row.int(1)?))
}

/// What was accrued in some months, for one component, tag and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The program.
    pub program: ProgramId,
    /// The component.
    pub component: ComponentId,
    /// The tag of the award.
    pub tag: String,
    /// Why it was accrued: regular, back pay, a raise …
    pub reason: String,
    /// How much.
    pub amount: Fen,
    /// 人次: persons, each counted once for each month and reason.
    pub person_times: i64,
    /// 户次: households that are themselves the subject, each counted once for each month and
    /// reason.
    pub household_times: i64,
    /// Subjects, each counted once.
    pub subjects: i64,
}

/// 人次 and 户次: persons, and households that are themselves the subject, each counted once for each
/// month in which something was accrued for them, whatever the reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Times {
    /// The program.
    pub program: ProgramId,
    /// The component and the tag of the award; `None` for the program whole, where somebody who has
    /// several components counts once.
    pub part: Option<(ComponentId, String)>,
    /// 人次.
    pub person_times: i64,
    /// 户次.
    pub household_times: i64,
}

/// Who was granted something in the approved runs of some months: by component and tag, then by
/// program.
#[boxed]
pub async fn times(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<Times>, StoreError> {
    let args = [
        book.get().into(),
        first.to_string().into(),
        last.to_string().into(),
    ];
    let mut times = Vec::new();
    for row in tx.query(TIMES, &args).await? {
        times.push(Times {
            program: ProgramId(row.int(0)?),
            part: Some((ComponentId(row.int(1)?), row.text(2)?)),
            person_times: row.int(3)?,
            household_times: row.int(4)?,
        });
    }
    for row in tx.query(PROGRAM_TIMES, &args).await? {
        times.push(Times {
            program: ProgramId(row.int(0)?),
            part: None,
            person_times: row.int(1)?,
            household_times: row.int(2)?,
        });
    }
    Ok(times)
}

/// 抵扣: what the payments of a month's approved runs, or of one run, withhold for recoveries. The
/// amounts of components are those before it.
#[boxed]
pub async fn withheld(
    tx: &mut Tx,
    book: BookId,
    month: Month,
    run: Option<RunId>,
) -> Result<Fen, StoreError> {
    let run = run.map_or(0, RunId::get);
    let args = [book.get().into(), month.to_string().into(), run.into()];
    Ok(Fen::new(tx.query_one(WITHHELD, &args).await?.int(0)?))
}

/// What was accrued in the approved runs of some months.
#[boxed]
pub async fn shares(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<Share>, StoreError> {
    let args = [
        book.get().into(),
        first.to_string().into(),
        last.to_string().into(),
    ];
    let rows = tx.query(SHARES, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(Share {
                program: ProgramId(row.int(0)?),
                component: ComponentId(row.int(1)?),
                tag: row.text(2)?,
                reason: row.text(3)?,
                amount: Fen::new(row.int(4)?),
                person_times: row.int(5)?,
                household_times: row.int(6)?,
                subjects: row.int(7)?,
            })
        })
        .collect()
}

/// Who is on the roll in a month, for one component and, where `tag` is given, one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollPart {
    /// The program.
    pub program: ProgramId,
    /// The component.
    pub component: ComponentId,
    /// The tag; `None` for all tags of the component together.
    pub tag: Option<String>,
    /// Households.
    pub households: i64,
    /// Persons.
    pub persons: i64,
}

/// Who is on the roll in a month: each component with all its tags together, then each tag. Awards
/// that fall due only once do not put anybody on a roll.
#[boxed]
pub async fn roll(tx: &mut Tx, book: BookId, month: Month) -> Result<Vec<RollPart>, StoreError> {
    let args = [book.get().into(), month.to_string().into()];
    let mut parts = Vec::new();
    for (sql, by_tag) in [(ROLL, false), (ROLL_BY_TAG, true)] {
        for row in tx.query(sql, &args).await? {
            parts.push(RollPart {
                program: ProgramId(row.int(0)?),
                component: ComponentId(row.int(1)?),
                tag: by_tag.then(|| row.text(2)).transpose()?,
                households: row.int(3)?,
                persons: row.int(4)?,
            });
        }
    }
    Ok(parts)
}

/// What was accrued for one subject, month and reason by awards without a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untagged {
    /// The program.
    pub program: ProgramId,
    /// The person or household.
    pub subject: PartyId,
    /// Whether that is a person.
    pub person: bool,
    /// For which month.
    pub month: Month,
    /// Why it was accrued.
    pub reason: String,
    /// How much.
    pub amount: Fen,
}

/// What the approved runs of some months accrued of a component by awards without a tag.
#[boxed]
pub async fn untagged(
    tx: &mut Tx,
    book: BookId,
    component: ComponentId,
    first: Month,
    last: Month,
) -> Result<Vec<Untagged>, StoreError> {
    let args = [
        book.get().into(),
        first.to_string().into(),
        last.to_string().into(),
        component.get().into(),
    ];
    let mut lines = Vec::new();
    tx.stream(UNTAGGED, &args, |row| {
        lines.push(Untagged {
            program: ProgramId(row.int(0)?),
            subject: PartyId(row.int(1)?),
            person: row.text_ref(2)? == "person",
            month: crate::policy::month(row, 3)?,
            reason: row.text(4)?,
            amount: Fen::new(row.int(5)?),
        });
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(lines)
}

/// Who is on the roll of a component in a month by awards without a tag: program, household,
/// subject, and whether that is a person.
#[boxed]
pub async fn untagged_roll(
    tx: &mut Tx,
    book: BookId,
    component: ComponentId,
    month: Month,
) -> Result<Vec<(ProgramId, PartyId, PartyId, bool)>, StoreError> {
    let args = [
        book.get().into(),
        month.to_string().into(),
        component.get().into(),
    ];
    let mut roll = Vec::new();
    tx.stream(UNTAGGED_ROLL, &args, |row| {
        let (household, subject) = (PartyId(row.int(1)?), PartyId(row.int(2)?));
        let person = row.text_ref(3)? == "person";
        roll.push((ProgramId(row.int(0)?), household, subject, person));
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(roll)
}
