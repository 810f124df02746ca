//! Money that came back and that nobody has sorted yet (audit check A14): payments whose money is
//! home and that were neither sent again nor cancelled, and credits that stand in suspense.

use crate::boxed;
use ledger::calendar::{Date, parse_date};
use ledger::id::{BankAccountId, BookId, ProgramId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::db::Tx;
use crate::error::StoreError;

sql! {
    HOME = "select r.program_id, cast(count(*) as bigint), cast(sum(h.amount_fen) as bigint),
        l.on_date from refund_receipt_now h
        join statement_line l on l.book_id = h.book_id and l.statement_id = h.statement_id
            and l.line_no = h.line_no
        join payment p on p.book_id = h.book_id and p.payment_id = h.payment_id
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        where h.book_id = $1 and not exists (select 1 from attempt t where t.book_id = h.book_id
            and t.payment_id = h.payment_id and t.attempt_no > h.attempt_no)
        group by r.program_id, l.on_date order by r.program_id, l.on_date";
    SUSPENSE = "select y.bank_account_id, cast(count(*) as bigint), cast(sum(y.fen) as bigint),
        y.on_date from (
            select s.bank_account_id, l.on_date, x.amount_fen - coalesce((
                select sum(e.amount_fen) from recovery_event e where e.book_id = x.book_id
                and e.event = 'receive' and e.exception_id = x.exception_id), 0) as fen
            from exception x
            join statement_now s on s.book_id = x.book_id and s.statement_id = x.source_id
            join statement_line l on l.book_id = x.book_id and l.statement_id = x.source_id
                and l.line_no = x.line_no
            where x.book_id = $1 and x.source = 'statement' and x.amount_fen > 0
            and not exists (select 1 from exception_settlement c where c.book_id = x.book_id
                and c.exception_id = x.exception_id and c.effect <> 'none')) y
        where y.fen > 0 group by y.bank_account_id, y.on_date
            order by y.bank_account_id, y.on_date";
}

/// Money of one program or account that came on one day and waits to be sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting<T> {
    /// Whose.
    pub of: T,
    /// How many payments or credits.
    pub count: i64,
    /// How much.
    pub amount: Fen,
    /// The day on which it came.
    pub on: Date,
}

/// Money of payments that is home and was neither sent again nor cancelled, by program and day, the
/// oldest first.
#[boxed]
pub async fn home(tx: &mut Tx, book: BookId) -> Result<Vec<Waiting<ProgramId>>, StoreError> {
    waiting(tx, HOME, book, ProgramId).await
}

/// Credits that stand in suspense, by account and day: their sum is the balance of 2307.
#[boxed]
pub async fn suspense(
    tx: &mut Tx,
    book: BookId,
) -> Result<Vec<Waiting<BankAccountId>>, StoreError> {
    waiting(tx, SUSPENSE, book, BankAccountId).await
}

async fn waiting<T>(
    tx: &mut Tx,
    sql: &'static str,
    book: BookId,
    of: fn(i64) -> T,
) -> Result<Vec<Waiting<T>>, StoreError> {
    let rows = tx.query(sql, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Waiting {
                of: of(row.int(0)?),
                count: row.int(1)?,
                amount: Fen::new(row.int(2)?),
                on: parse_date(&row.text(3)?)
                    .map_err(|_| StoreError::inconsistent("statement_line", "on_date"))?,
            })
        })
        .collect()
}
