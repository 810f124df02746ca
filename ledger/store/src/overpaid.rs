//! What was booked for people, components and months, and for whom: what the search for
//! overpayments reads. Everything is asked for many of them with one statement.

use crate::boxed;
use std::collections::{BTreeMap, HashSet};

use ledger::calendar::Month;
use ledger::disbursement::due::Accrued;
use ledger::id::{AwardId, BookId, ComponentId, PartyId, PaymentId, ProgramId, RunId};
use ledger::money::{Fen, MoneyError};
use ledger::roster::Award;

use crate::catalogue::sql;
use crate::db::{Row, Tx};
use crate::dialect::Pair;
use crate::error::StoreError;
use crate::payment::{Entitlements, add_awards, components};
use crate::recovery::Cell;
use crate::roster::{LOOKUP, json_list};

// A table joined with itself: without statistics SQLite takes the covering index only so.
sql! {
    SUBJECTS = "select a.award_id, a.subject_id, a.household_id from award i
        cross join award a
        where i.book_id = $1 and i.component_id = $2
        and a.book_id = i.book_id and a.award_id = i.award_id";
}

/// The lines of subjects, components and months, which come as a JSON list; unpacking one differs.
/// Of a run the year is that of the voucher that stands, of a recovery that of its expense.
/// "n > 0" tells SQLite, which has no statistics, to take the index over subjects and months.
pub const BOOKED: Pair = Pair {
    sqlite: "select j.key, l.payment_id, l.amount_fen, coalesce(p.run_id, 0), coalesce(
            (select max(cast(substr(v.month, 1, 4) as bigint)) from voucher i
                cross join voucher v
                where i.book_id = $1 and i.source = 'run' and i.source_id = p.run_id
                and v.book_id = i.book_id and v.voucher_id = i.voucher_id
                and not exists (select 1 from voucher w where w.book_id = v.book_id
                    and w.reverses_id = v.voucher_id)),
            y.year, cast(substr(r.first_month, 1, 4) as bigint), 0),
        case when p.payment_id is null then 1 when exists (select 1 from outcome_now o
            where o.book_id = p.book_id and o.payment_id = p.payment_id and o.kind = 'paid'
            and not exists (select 1 from outcome_now f where f.book_id = o.book_id
                and f.payment_id = o.payment_id and f.attempt_no = o.attempt_no
                and f.kind = 'refunded')) then 1 else 0 end,
        case when exists (select 1 from run_event e where e.book_id = p.book_id
            and e.run_id = p.run_id and e.event = 'approve' and e.revision = p.revision)
            then 1 else 0 end
        from json_each($2) j
        cross join payment_line l
        left join payment p on p.book_id = l.book_id and p.payment_id = l.payment_id
        left join recovery r on r.book_id = l.book_id and r.recovery_id = l.payment_id
        left join recovery_year y on y.book_id = l.book_id and y.recovery_id = l.payment_id
        where l.book_id = $1 and l.month = json_extract(j.value, '$[2]')
        and l.component_id = json_extract(j.value, '$[1]')
        and l.subject_id = json_extract(j.value, '$[0]') and l.n > 0
        order by j.key, l.payment_id",
    postgres: "select j.place - 1, l.payment_id, l.amount_fen, coalesce(p.run_id, 0), coalesce(
            (select max(cast(substr(v.month, 1, 4) as bigint)) from voucher i
                cross join voucher v
                where i.book_id = $1 and i.source = 'run' and i.source_id = p.run_id
                and v.book_id = i.book_id and v.voucher_id = i.voucher_id
                and not exists (select 1 from voucher w where w.book_id = v.book_id
                    and w.reverses_id = v.voucher_id)),
            y.year, cast(substr(r.first_month, 1, 4) as bigint), 0),
        case when p.payment_id is null then 1 when exists (select 1 from outcome_now o
            where o.book_id = p.book_id and o.payment_id = p.payment_id and o.kind = 'paid'
            and not exists (select 1 from outcome_now f where f.book_id = o.book_id
                and f.payment_id = o.payment_id and f.attempt_no = o.attempt_no
                and f.kind = 'refunded')) then 1 else 0 end,
        case when exists (select 1 from run_event e where e.book_id = p.book_id
            and e.run_id = p.run_id and e.event = 'approve' and e.revision = p.revision)
            then 1 else 0 end
        from jsonb_array_elements(cast($2 as jsonb)) with ordinality j(cell, place)
        join payment_line l on l.book_id = $1 and l.month = j.cell ->> 2
            and l.component_id = cast(j.cell ->> 1 as integer)
            and l.subject_id = cast(j.cell ->> 0 as integer) and l.n > 0
        left join payment p on p.book_id = l.book_id and p.payment_id = l.payment_id
        left join recovery r on r.book_id = l.book_id and r.recovery_id = l.payment_id
        left join recovery_year y on y.book_id = l.book_id and y.recovery_id = l.payment_id
        order by j.place, l.payment_id",
};

/// A payment for a subject, component and month that the bank has not confirmed: overpaid money
/// that nobody has received is not owed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpaid {
    /// Of which run.
    pub run: RunId,
    /// Which payment.
    pub payment: PaymentId,
    /// Whether the run is approved.
    pub approved: bool,
}

/// What was booked for one subject, component and month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// What was accrued, taken back or not.
    pub accrued: Accrued,
    /// By the year of its expense: what was accrued less what was taken back.
    pub years: BTreeMap<i32, Fen>,
    /// The first payment that is not paid; none when all are.
    pub unpaid: Option<Unpaid>,
}

/// A line of a cell: its place in the list, and what is known of its payment.
struct Line {
    place: usize,
    amount: Fen,
    year: i32,
    paid: bool,
    payment: Unpaid,
}

/// What was booked for each of these subjects, components and months, in their order.
#[boxed]
pub async fn booked(tx: &mut Tx, book: BookId, cells: &[Cell]) -> Result<Vec<Booked>, StoreError> {
    let sql = BOOKED.of(tx.engine());
    let mut found: Vec<Booked> = cells.iter().map(|cell| nothing(*cell)).collect();
    for (first, chunk) in (0..).step_by(LOOKUP).zip(cells.chunks(LOOKUP)) {
        let list = json_list(chunk.iter().map(|(subject, component, month)| {
            format!("[{},{},\"{month}\"]", subject.get(), component.get())
        }));
        let rows = tx.query(sql, &[book.get().into(), list.into()]).await?;
        let lines = rows.iter().map(line_of);
        let lines = lines.collect::<Result<Vec<_>, StoreError>>()?;
        let of_payment =
            |a: &Line, b: &Line| (a.place, a.payment.payment) == (b.place, b.payment.payment);
        for lines in lines.chunk_by(of_payment) {
            let cell: Option<&mut Booked> = found.get_mut(first + lines[0].place);
            let cell = cell.ok_or_else(|| StoreError::inconsistent("payment_line", "month"))?;
            add(cell, lines).map_err(|_| StoreError::inconsistent("payment_line", "amount_fen"))?;
        }
    }
    Ok(found)
}

fn nothing((subject, component, month): Cell) -> Booked {
    let accrued = Accrued {
        subject,
        component,
        month,
        amount: Fen::ZERO,
        lines: 0,
    };
    Booked {
        accrued,
        years: BTreeMap::new(),
        unpaid: None,
    }
}

fn line_of(row: &Row) -> Result<Line, StoreError> {
    let bad = |column| StoreError::inconsistent("payment_line", column);
    Ok(Line {
        place: usize::try_from(row.int(0)?).map_err(|_| bad("month"))?,
        amount: Fen::new(row.int(2)?),
        year: i32::try_from(row.int(4)?).map_err(|_| bad("month"))?,
        paid: row.int(5)? == 1,
        payment: Unpaid {
            payment: PaymentId(row.int(1)?),
            run: RunId(row.int(3)?),
            approved: row.int(6)? == 1,
        },
    })
}

/// Adds the lines of one payment. What no voucher booked counts for no year.
fn add(cell: &mut Booked, lines: &[Line]) -> Result<(), MoneyError> {
    let sum = Fen::sum(lines.iter().map(|line| line.amount))?;
    let Some(one) = lines.first() else {
        return Ok(());
    };
    cell.accrued.amount = cell.accrued.amount.plus(sum)?;
    cell.accrued.lines += i64::try_from(lines.len()).unwrap_or(i64::MAX);
    if one.year > 0 {
        let year = cell.years.entry(one.year).or_default();
        *year = year.plus(sum)?;
    }
    if sum > Fen::ZERO && !one.paid {
        cell.unpaid = cell.unpaid.or(Some(one.payment));
    }
    Ok(())
}

/// All awards for these components of those whom `wanted` names by subject and household, with the
/// area of their household. It reads the awards of each component twice, however many are wanted.
pub async fn awards(
    tx: &mut Tx,
    book: BookId,
    components: &[ComponentId],
    wanted: impl Fn(PartyId, PartyId) -> bool,
) -> Result<Vec<(Award, i64)>, StoreError> {
    let mut subjects = HashSet::new();
    let mut ids = Vec::new();
    for first_time in [true, false] {
        for component in components {
            let args = [book.get().into(), component.get().into()];
            tx.stream(SUBJECTS, &args, |row| {
                let (subject, household) = (PartyId(row.int(1)?), PartyId(row.int(2)?));
                if first_time && wanted(subject, household) {
                    subjects.insert(subject);
                } else if !first_time && subjects.contains(&subject) {
                    ids.push(AwardId(row.int(0)?));
                }
                Ok::<(), StoreError>(())
            })
            .await?;
        }
    }
    let mut found = Vec::with_capacity(ids.len());
    add_awards(tx, book, (&ids, None), &mut found).await?;
    found.sort_unstable_by_key(|(award, _)| {
        (award.household, award.subject, award.component, award.id)
    });
    Ok(found)
}

/// As [`crate::payment::entitlements`], of those alone who have ever had an award in one of these
/// households.
#[boxed]
pub async fn entitlements(
    tx: &mut Tx,
    book: BookId,
    (program, households): (ProgramId, &[PartyId]),
    (first, last): (Month, Month),
) -> Result<Entitlements, StoreError> {
    let components = components(tx, book, program).await?;
    let wanted = |_, household| households.contains(&household);
    let awards = awards(tx, book, &components, wanted).await?;
    let mut cells = BTreeMap::new();
    for (award, _) in &awards {
        for month in first.through(last) {
            let cell = (award.subject, award.component, month);
            cells.entry(cell).or_insert(award.household);
        }
    }
    let asked: Vec<Cell> = cells.keys().copied().collect();
    let accrued = booked(tx, book, &asked).await?.into_iter();
    let mut accrued: Vec<(PartyId, Accrued)> = (cells.into_values().zip(accrued))
        .filter(|(_, cell)| cell.accrued.lines > 0)
        .map(|(household, cell)| (household, cell.accrued))
        .collect();
    accrued.sort_unstable_by_key(|(household, line)| {
        (*household, line.subject, line.component, line.month)
    });
    Ok(Entitlements { awards, accrued })
}
