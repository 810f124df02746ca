//! When money arrived, and what is still on its way: by run and by batch.
//!
//! A book may hold millions of payments, so arrivals are counted by the answers of the bank, which
//! keep how many of their lines were paid; only what was corrected, paid again or came back is
//! looked up by payment. The day of an answer is the one on which it was taken in.

use crate::boxed;
use ledger::calendar::{Date, parse_date};
use ledger::id::{BatchId, BookId, RunId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::db::{Row, Tx};
use crate::error::StoreError;

sql! {
    ARRIVED = "select y.run_id, y.on_date, cast(sum(y.n) as bigint) from (
            select b.run_id, f.imported_on as on_date, f.paid as n from return_file f
            join batch b on b.book_id = f.book_id and b.batch_id = f.batch_id
            join run r on r.book_id = b.book_id and r.run_id = b.run_id
            where f.book_id = $1 and r.kind <> 're-pay'
            and not exists (select 1 from return_withdrawal w where w.book_id = f.book_id
                and w.return_id = f.return_id)
            union all
            select p.run_id, f.imported_on, -1 from outcome_void v
            cross join outcome q
            cross join return_file f
            cross join payment p
            where v.book_id = $1 and v.attempt_no = 1
            and q.book_id = v.book_id and q.payment_id = v.payment_id
            and q.attempt_no = v.attempt_no and q.step = v.step and q.kind = 'paid'
            and f.book_id = q.book_id and f.return_id = q.source_id
            and not exists (select 1 from return_withdrawal w where w.book_id = f.book_id
                and w.return_id = f.return_id)
            and p.book_id = q.book_id and p.payment_id = q.payment_id
            union all
            select p.run_id, f.imported_on, 1 from run r
            cross join batch b
            cross join attempt t
            cross join outcome_now n
            cross join return_file f
            cross join payment p
            where r.book_id = $1 and r.kind = 're-pay'
            and b.book_id = r.book_id and b.run_id = r.run_id
            and t.book_id = b.book_id and t.batch_id = b.batch_id and t.line_no > 0
            and n.book_id = t.book_id and n.payment_id = t.payment_id
            and n.attempt_no = t.attempt_no and n.kind = 'paid'
            and f.book_id = n.book_id and f.return_id = n.source_id
            and p.book_id = t.book_id and p.payment_id = t.payment_id
            union all
            select p.run_id, f.imported_on, -1 from outcome_now n
            cross join outcome q
            cross join return_file f
            cross join payment p
            where n.book_id = $1 and n.kind <> 'paid' and n.kind = 'refunded'
            and q.book_id = n.book_id and q.payment_id = n.payment_id
            and q.attempt_no = n.attempt_no and q.step = n.step - 1
            and f.book_id = q.book_id and f.return_id = q.source_id
            and p.book_id = q.book_id and p.payment_id = q.payment_id) y
        group by y.run_id, y.on_date order by y.run_id, y.on_date";
    // An answer of one line may correct an earlier one: it counts for nothing here, so that no
    // batch with an open attempt is passed over.
    OPEN = "select c.batch_id, cast(count(*) as bigint), cast(sum(p.amount_fen) as bigint)
        from (select b.book_id, b.batch_id, b.payments - coalesce((
                select sum(f.paid + f.failed) from return_file f
                where f.book_id = b.book_id and f.batch_id = b.batch_id and f.lines > 1
                and not exists (select 1 from return_withdrawal w where w.book_id = f.book_id
                    and w.return_id = f.return_id)), 0) as unanswered
            from batch b where b.book_id = $1) c
        cross join attempt t
        cross join payment p
        where c.unanswered > 0
        and t.book_id = c.book_id and t.batch_id = c.batch_id and t.line_no > 0
        and t.kind = 'pay' and p.book_id = t.book_id and p.payment_id = t.payment_id
        and not exists (select 1 from outcome_now n where n.book_id = t.book_id
            and n.payment_id = t.payment_id and n.attempt_no = t.attempt_no)
        group by c.batch_id order by c.batch_id";
    ANSWERED = "select f.batch_id, max(f.imported_on) from return_file f
        where f.book_id = $1 and not exists (select 1 from return_withdrawal w
            where w.book_id = f.book_id and w.return_id = f.return_id)
        group by f.batch_id order by f.batch_id";
}

/// Payments of a run that the bank reported paid on one day. Money that came back later is taken
/// off the day on which it was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The run that owes them.
    pub run: RunId,
    /// When the answer was taken in.
    pub on: Date,
    /// How many; below zero where more came back than was paid.
    pub payments: i64,
}

/// What a batch still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// The batch.
    pub batch: BatchId,
    /// Attempts that the bank has not answered.
    pub count: i64,
    /// Their amount.
    pub amount: Fen,
}

/// What arrived, by run and day; a payment that was paid again belongs to the run that owes it.
#[boxed]
pub async fn arrived(tx: &mut Tx, book: BookId) -> Result<Vec<Arrival>, StoreError> {
    let rows = tx.query(ARRIVED, &[book.get().into()]).await?;
    let row = |row: &Row| {
        Ok(Arrival {
            run: RunId(row.int(0)?),
            on: date(row, 1)?,
            payments: row.int(2)?,
        })
    };
    rows.iter().map(row).collect()
}

/// The batches with attempts that the bank has not answered.
#[boxed]
pub async fn open(tx: &mut Tx, book: BookId) -> Result<Vec<Open>, StoreError> {
    let rows = tx.query(OPEN, &[book.get().into()]).await?;
    let row = |row: &Row| {
        Ok(Open {
            batch: BatchId(row.int(0)?),
            count: row.int(1)?,
            amount: Fen::new(row.int(2)?),
        })
    };
    rows.iter().map(row).collect()
}

/// The batches that the bank has answered, each with the day on which its last answer was taken
/// in.
#[boxed]
pub async fn answered(tx: &mut Tx, book: BookId) -> Result<Vec<(BatchId, Date)>, StoreError> {
    let rows = tx.query(ANSWERED, &[book.get().into()]).await?;
    let row = |row: &Row| Ok((BatchId(row.int(0)?), date(row, 1)?));
    rows.iter().map(row).collect()
}

fn date(row: &Row, place: usize) -> Result<Date, StoreError> {
    let bad = |_| StoreError::inconsistent("return_file", "imported_on");
    parse_date(&row.text(place)?).map_err(bad)
}
