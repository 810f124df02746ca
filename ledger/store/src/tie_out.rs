//! What the approved list, the books and the bank say of each batch, side by side.

use crate::boxed;
use ledger::account::Chart;
use ledger::calendar::Month;
use ledger::id::{BankAccountId, BatchId, BookId, ExceptionId, ProgramId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::db::{Row, Tx};
use crate::error::StoreError;

sql! {
    BATCHES = "select b.batch_id, b.batch_no, b.sent_on, r.program_id, b.bank_account_id,
        case when k.debit_style = 'whole' then 1 else 0 end, b.payments, b.total_fen,
        (select max(s.to_date) from statement_now s where s.book_id = b.book_id
            and s.bank_account_id = b.bank_account_id)
        from batch b
        join run r on r.book_id = b.book_id and r.run_id = b.run_id
        join bank_account k on k.book_id = b.book_id and k.bank_account_id = b.bank_account_id
        where b.book_id = $1 and b.sent_on >= $2 and b.sent_on <= $3
        order by b.batch_id";
    LISTED = "select t.batch_id, cast(count(*) as bigint), cast(sum(p.amount_fen) as bigint),
        cast(sum(case when o.kind = 'paid' then 1 else 0 end) as bigint),
        cast(sum(case when o.kind = 'paid' then p.amount_fen else 0 end) as bigint),
        cast(sum(case when o.kind = 'failed' then 1 else 0 end) as bigint),
        cast(sum(case when o.kind = 'failed' then p.amount_fen else 0 end) as bigint),
        cast(sum(case when x.kind is null and (o.kind is null or o.kind = 'paid'
            or k.debit_style <> 'whole') or h.line_no is not null then 0 else 1 end) as bigint),
        cast(sum(case when x.kind is null and (o.kind is null or o.kind = 'paid'
            or k.debit_style <> 'whole') or h.line_no is not null
            then 0 else p.amount_fen end) as bigint)
        from batch b
        cross join bank_account k
        cross join attempt t
        cross join payment p
        left join outcome_now o on o.book_id = t.book_id and o.payment_id = t.payment_id
            and o.attempt_no = t.attempt_no and o.kind in ('paid', 'failed')
        left join outcome_now x on x.book_id = t.book_id and x.payment_id = t.payment_id
            and x.attempt_no = t.attempt_no and x.kind = 'refunded'
        left join refund_receipt_now h on h.book_id = t.book_id and h.payment_id = t.payment_id
            and h.attempt_no = t.attempt_no
        where b.book_id = $1 and b.sent_on >= $2 and b.sent_on <= $3
        and k.book_id = b.book_id and k.bank_account_id = b.bank_account_id
        and t.book_id = b.book_id and t.batch_id = b.batch_id and t.kind = 'pay'
        and p.book_id = t.book_id and p.payment_id = t.payment_id
        group by t.batch_id order by t.batch_id";
    BOOKED = "select v.source_id, cast(count(distinct t.payment_id) as bigint),
        cast(sum(t.amount_fen) as bigint)
        from batch b
        cross join voucher v
        cross join transfer t
        cross join account d
        where b.book_id = $1 and b.sent_on >= $2 and b.sent_on <= $3
        and v.book_id = b.book_id and v.source = 'batch' and v.source_id = b.batch_id
        and t.book_id = v.book_id and t.transfer_id >= v.transfer_first
        and t.transfer_id < v.transfer_first + v.transfers
        and d.book_id = t.book_id and d.account_id = t.debit_id and d.code = $4
        group by v.source_id order by v.source_id";
    DEBITED = "select x.batch_id, cast(count(*) as bigint), cast(-sum(x.amount_fen) as bigint)
        from (select b.batch_id, l.amount_fen from batch b
            join statement_match l on l.book_id = b.book_id and l.match_kind = 'batch'
                and l.match_id = b.batch_id
            where b.book_id = $1 and b.sent_on >= $2 and b.sent_on <= $3
            union all select b.batch_id, l.amount_fen from batch b
            join return_file f on f.book_id = b.book_id and f.batch_id = b.batch_id
            join statement_match l on l.book_id = f.book_id and l.match_kind = 'return'
                and l.match_id = f.return_id
            where b.book_id = $1 and b.sent_on >= $2 and b.sent_on <= $3) x
        group by x.batch_id order by x.batch_id";
    UNSETTLED = "select x.exception_id, x.kind, x.source, x.source_id, x.line_no, x.amount_fen,
        coalesce(b.batch_no, w.batch_no, ''),
        coalesce(b.bank_account_id, s.bank_account_id, w.bank_account_id, 0)
        from (select exception_id from exception_event where book_id = $1
            group by exception_id
            having max(case when state = 'settled' then 1 else 0 end) = 0) o
        cross join exception x
        left join return_file f on f.book_id = x.book_id and f.return_id = x.source_id
            and x.source = 'return'
        left join batch b on b.book_id = f.book_id and b.batch_id = f.batch_id
        left join statement s on s.book_id = x.book_id and s.statement_id = x.source_id
            and x.source = 'statement'
        left join statement_line l on l.book_id = s.book_id and l.statement_id = s.statement_id
            and l.line_no = x.line_no
        left join attempt t on t.book_id = x.book_id and t.payment_id = x.payment_id
            and t.attempt_no = x.attempt_no and x.source = 'exception'
        left join batch w on w.book_id = t.book_id and w.batch_id = t.batch_id
        left join refund_notice n on n.book_id = x.book_id and n.notice_id = x.source_id
            and x.source = 'notice'
        where x.book_id = $1 and x.exception_id = o.exception_id
        and coalesce(b.sent_on, l.on_date, w.sent_on, n.imported_on, '') >= $2
        and coalesce(b.sent_on, l.on_date, w.sent_on, n.imported_on, '') <= $3
        order by x.exception_id limit $4";
}

/// Payments, and what they come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: i64,
    /// How much.
    pub amount: Fen,
}

/// A batch as its three witnesses have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TieOut {
    /// Which batch.
    pub batch: BatchId,
    /// Its number.
    pub number: String,
    /// The day on which it was sent, `YYYY-MM-DD`.
    pub sent_on: String,
    /// The program that pays.
    pub program: ProgramId,
    /// The account it is paid from.
    pub bank_account: BankAccountId,
    /// Whether the bank takes the whole batch and sends failures back.
    pub whole: bool,
    /// The control totals of the file that went to the bank.
    pub file: Sum,
    /// The payments of the approved list that it carries.
    pub list: Sum,
    /// What the books moved into transit.
    pub ledger: Sum,
    /// What the bank answered as paid, also when it came back later.
    pub paid: Sum,
    /// What the bank answered as failed.
    pub failed: Sum,
    /// What the bank owes and no statement has shown coming home.
    pub awaited: Sum,
    /// The lines of statements that took it from the account: how many, and how much.
    pub debit: Sum,
    /// Whether a statement covers the day on which it was sent.
    pub seen: bool,
}

/// A line of a file of the bank that nobody has settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// The exception.
    pub exception: ExceptionId,
    /// Its kind.
    pub kind: String,
    /// `return`, `statement`, `notice`, or `exception` for what was paid twice.
    pub source: String,
    /// The number of that file.
    pub source_id: i64,
    /// The line in it.
    pub line: i64,
    /// The amount of the line.
    pub amount: Fen,
    /// The number of the batch; empty for a line of a statement.
    pub batch: String,
    /// The account.
    pub bank_account: BankAccountId,
}

/// The batches that were sent in a month, in order.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn batches(tx: &mut Tx, book: BookId, month: Month) -> Result<Vec<TieOut>, StoreError> {
    let days = || {
        let (first, last) = (format!("{month}-01"), month.last_day().to_string());
        [book.get().into(), first.into(), last.into()]
    };
    let rows = tx.query(BATCHES, &days()).await?;
    let mut batches = rows.iter().map(batch).collect::<Result<Vec<_>, _>>()?;
    for row in tx.query(LISTED, &days()).await? {
        if let Some(batch) = of(&mut batches, &row)? {
            batch.list = sum(&row, 1)?;
            batch.paid = sum(&row, 3)?;
            batch.failed = sum(&row, 5)?;
            batch.awaited = sum(&row, 7)?;
        }
    }
    let [book, first, last] = days();
    let args = [book, first, last, Chart::InTransit.code().into()];
    for row in tx.query(BOOKED, &args).await? {
        if let Some(batch) = of(&mut batches, &row)? {
            batch.ledger = sum(&row, 1)?;
        }
    }
    for row in tx.query(DEBITED, &days()).await? {
        if let Some(batch) = of(&mut batches, &row)? {
            batch.debit = sum(&row, 1)?;
        }
    }
    Ok(batches)
}

fn batch(row: &Row) -> Result<TieOut, StoreError> {
    let sent_on = row.text(2)?;
    let until = row.opt_text(8)?;
    Ok(TieOut {
        batch: BatchId(row.int(0)?),
        number: row.text(1)?,
        program: ProgramId(row.int(3)?),
        bank_account: BankAccountId(row.int(4)?),
        whole: row.int(5)? == 1,
        file: sum(row, 6)?,
        list: Sum::default(),
        ledger: Sum::default(),
        paid: Sum::default(),
        failed: Sum::default(),
        awaited: Sum::default(),
        debit: Sum::default(),
        seen: until.is_some_and(|until| until >= sent_on),
        sent_on,
    })
}

/// The batch that a row is about; the batches are in order.
fn of<'a>(batches: &'a mut [TieOut], row: &Row) -> Result<Option<&'a mut TieOut>, StoreError> {
    let id = BatchId(row.int(0)?);
    let place = batches.binary_search_by_key(&id, |batch| batch.batch);
    Ok(place.ok().map(|place| &mut batches[place]))
}

fn sum(row: &Row, column: usize) -> Result<Sum, StoreError> {
    Ok(Sum {
        count: row.int(column)?,
        amount: Fen::new(row.int(column + 1)?),
    })
}

/// Lines that nobody has settled: of returns of the batches that were sent in a month, of
/// statements by their own day, of notices by the day on which they came; and what was paid twice
/// by batches of the month. At most so many.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn unsettled(
    tx: &mut Tx,
    book: BookId,
    month: Month,
    most: i64,
) -> Result<Vec<Unsettled>, StoreError> {
    let (first, last) = (format!("{month}-01"), month.last_day().to_string());
    let args = [book.get().into(), first.into(), last.into(), most.into()];
    let rows = tx.query(UNSETTLED, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(Unsettled {
                exception: ExceptionId(row.int(0)?),
                kind: row.text(1)?,
                source: row.text(2)?,
                source_id: row.int(3)?,
                line: row.int(4)?,
                amount: Fen::new(row.int(5)?),
                batch: row.text(6)?,
                bank_account: BankAccountId(row.int(7)?),
            })
        })
        .collect()
}
