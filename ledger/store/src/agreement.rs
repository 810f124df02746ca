//! What the four agreements compare: control accounts on one side, the rows that they stand for
//! on the other.
//!
//! Two ways. Of everything, as of now: statements that may read every row of the book. Of a month:
//! each voucher of the month comes from a run, a batch, a return or a statement, and the rows of
//! that one event are found by their keys, so that the work grows with the month and not with the
//! history.

use crate::boxed;
use std::collections::BTreeMap;

use ledger::audit::row::Field;
use ledger::calendar::Month;
use ledger::disbursement::recovery::{RecoveryEvent, Standing};
use ledger::id::{BankAccountId, BatchId, BookId, ComponentId, ProgramId, ReturnId, RunId};
use ledger::id::{StatementId, VoucherId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::db::{Tx, Value};
use crate::dialect::Engine;
use crate::error::StoreError;
use crate::payment::pages;

sql! {
    RELEASED = "select r.program_id, cast(sum(p.amount_fen) as bigint), cast(count(*) as bigint)
        from payment p join run r on r.book_id = p.book_id and r.run_id = p.run_id
        where p.book_id = $1 and exists (select 1 from attempt t where t.book_id = p.book_id
            and t.payment_id = p.payment_id and t.kind = 'pay')
        group by r.program_id order by r.program_id";
    PAID_OUT = "select r.program_id, cast(sum(p.amount_fen) as bigint), cast(count(*) as bigint)
        from outcome_now o
        join payment p on p.book_id = o.book_id and p.payment_id = o.payment_id
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        where o.book_id = $1 and o.kind = 'paid' and not exists (select 1 from outcome_now f
            where f.book_id = o.book_id and f.payment_id = o.payment_id
            and f.attempt_no = o.attempt_no and f.kind = 'refunded')
        group by r.program_id order by r.program_id";
    OWED = "select r.program_id, cast(sum(p.amount_fen) as bigint), cast(count(*) as bigint)
        from payment p join run r on r.book_id = p.book_id and r.run_id = p.run_id
        where p.book_id = $1
        and exists (select 1 from run_event e where e.book_id = r.book_id
            and e.run_id = r.run_id and e.event = 'approve' and e.revision = p.revision
            and not exists (select 1 from run_event v where v.book_id = e.book_id
            and v.run_id = e.run_id and v.event = 'revoke' and v.n > e.n))
        and not exists (select 1 from outcome_now o where o.book_id = p.book_id
            and o.payment_id = p.payment_id and o.kind = 'paid'
            and not exists (select 1 from outcome_now f where f.book_id = o.book_id
                and f.payment_id = o.payment_id and f.attempt_no = o.attempt_no
                and f.kind = 'refunded'))
        and not exists (select 1 from attempt t where t.book_id = p.book_id
            and t.payment_id = p.payment_id and t.kind = 'cancel')
        group by r.program_id order by r.program_id";
    IN_TRANSIT = "select b.bank_account_id, cast(sum(p.amount_fen) as bigint),
        cast(count(*) as bigint) from attempt t
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
        where t.book_id = $1 and t.kind = 'pay'
        and not exists (select 1 from outcome_now o where o.book_id = t.book_id
            and o.payment_id = t.payment_id and o.attempt_no = t.attempt_no)
        group by b.bank_account_id order by b.bank_account_id";
    AWAITED = "select b.bank_account_id, cast(sum(p.amount_fen) as bigint),
        cast(count(*) as bigint) from outcome_now o
        cross join attempt t
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join bank_account a on a.book_id = b.book_id and a.bank_account_id = b.bank_account_id
        join payment p on p.book_id = o.book_id and p.payment_id = o.payment_id
        where o.book_id = $1 and o.kind <> 'paid' and o.kind in ('failed', 'refunded')
        and t.book_id = o.book_id and t.payment_id = o.payment_id
        and t.attempt_no = o.attempt_no
        and (o.kind = 'refunded' or a.debit_style = 'whole')
        and not exists (select 1 from refund_receipt_now h where h.book_id = o.book_id
            and h.payment_id = o.payment_id and h.attempt_no = o.attempt_no)
        group by b.bank_account_id order by b.bank_account_id";
    STORED_SUMS = "select account_id, debit_fen, credit_fen from account_total
        where book_id = $1 order by account_id";
    STORED_MONTHS = "select account_id, month, debit_fen, credit_fen from account_month
        where book_id = $1 order by account_id, month";
    NUMBER_GAPS = "select month, cast(count(*) as bigint), max(number) from voucher
        where book_id = $1 and month >= $2 and month <= $3
        group by month having count(*) <> max(number) order by month";
    TRANSFERS = "select voucher_id, debit_id, credit_id, amount_fen from transfer
        where book_id = $1 and transfer_id >= $2 and transfer_id < $3";
    MOVEMENTS = "select voucher_id, debit_id, credit_id, cast(sum(amount_fen) as bigint),
        cast(count(*) as bigint) from transfer
        where book_id = $1 and transfer_id >= $2 and transfer_id < $3
        group by voucher_id, debit_id, credit_id";
    RUN_PAYMENTS = "select cast(coalesce(sum(p.amount_fen), 0) as bigint) from run_event e
        cross join payment p
        where e.book_id = $1 and e.run_id = $2 and e.entry = $3
        and e.event in ('approve', 'revoke')
        and p.book_id = e.book_id and p.payment_id >= e.payment_first
        and p.payment_id <= e.payment_last and p.run_id = e.run_id and p.revision = e.revision";
    // Lines that were voided since were booked, and their opposites never are.
    RUN_LINES = "select l.component_id, cast(sum(l.amount_fen) as bigint) from run_event e
        cross join payment_line l
        where e.book_id = $1 and e.run_id = $2 and e.entry = $3
        and e.event in ('approve', 'revoke')
        and l.book_id = e.book_id and l.payment_id >= e.payment_first
        and l.payment_id <= e.payment_last and l.reason <> 'void'
        group by l.component_id order by l.component_id";
    // "+ 0" keeps PostgreSQL from walking all payments in order until one is of the batch.
    BATCH_PAYMENTS = "select coalesce(min(payment_id + 0), 0), coalesce(max(payment_id + 0), 0)
        from attempt where book_id = $1 and batch_id = $2 and line_no > 0";
    // Answers that were voided since were booked; what voided them booked the opposite. The joins
    // keep SQLite from reading all answers of the book for each batch.
    BATCH_ANSWERS = "select o.source_id, o.kind, cast(sum(p.amount_fen) as bigint)
        from attempt t
        cross join payment p
        cross join outcome o
        where t.book_id = $1 and t.batch_id = $2
        and p.book_id = t.book_id and p.payment_id = t.payment_id
        and p.payment_id > $3 and p.payment_id <= $4
        and o.book_id = t.book_id and o.payment_id = t.payment_id
        and o.attempt_no = t.attempt_no and o.kind <> 'refunded'
        group by o.source_id, o.kind";
    // Of a withdrawn statement too: it was booked, and its withdrawal booked the opposite.
    RECEIPTS = "select r.program_id, cast(sum(h.amount_fen) as bigint),
        cast(sum(case when o.step is null then 0 else p.amount_fen end) as bigint)
        from refund_receipt h
        cross join payment p
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        left join outcome o on o.book_id = h.book_id and o.payment_id = h.payment_id
            and o.attempt_no = h.attempt_no and o.kind = 'refunded'
            and o.source_id = h.statement_id
        where h.book_id = $1 and h.statement_id = $2
        and not exists (select 1 from exception_settlement c
            join exception x on x.book_id = c.book_id and x.exception_id = c.exception_id
            where c.book_id = h.book_id and x.source = 'statement'
            and x.source_id = h.statement_id and x.line_no = h.line_no)
        and p.book_id = h.book_id and p.payment_id = h.payment_id
        group by r.program_id order by r.program_id";
    UNEXPLAINED = "select x.source_id, s.bank_account_id, cast(sum(x.amount_fen) as bigint),
        (select cast(count(*) as bigint) from statement_withdrawal w
            where w.book_id = $1 and w.statement_id = x.source_id)
        from exception x
        join statement s on s.book_id = x.book_id and s.statement_id = x.source_id
        where x.book_id = $1 and x.source = 'statement' and x.kind in ($2, $3, $4)
        and x.amount_fen > 0
        group by x.source_id, s.bank_account_id order by x.source_id";
    NOT_POSTED = "select 'run', e.run_id from run_event e
        join run r on r.book_id = e.book_id and r.run_id = e.run_id
        where e.book_id = $1 and e.event = 'approve' and r.kind <> 're-pay' and e.payments > 0
        and not exists (select 1 from voucher v where v.book_id = e.book_id
            and v.source = 'run' and v.source_id = e.run_id and v.entry = e.entry)
        union all select 'revoke', e.run_id from run_event e
        join run r on r.book_id = e.book_id and r.run_id = e.run_id
        where e.book_id = $1 and e.event = 'revoke' and r.kind <> 're-pay'
        and not exists (select 1 from voucher v where v.book_id = e.book_id
            and v.source = 'revoke' and v.source_id = e.run_id and v.entry = e.entry
            and v.reverses_id is not null)
        union all select 'batch', b.batch_id from batch b where b.book_id = $1
        and not exists (select 1 from voucher v where v.book_id = b.book_id
            and v.source = 'batch' and v.source_id = b.batch_id)
        union all select 'return', f.return_id from return_file f
        where f.book_id = $1 and f.paid + f.failed > 0
        and not exists (select 1 from voucher v where v.book_id = f.book_id
            and v.source = 'return' and v.source_id = f.return_id)
        union all select 'statement', s.statement_id from statement s where s.book_id = $1
        and not exists (select 1 from voucher v where v.book_id = s.book_id
            and v.source = 'statement' and v.source_id = s.statement_id)
        and exists (select 1 from refund_receipt h where h.book_id = s.book_id
            and h.statement_id = s.statement_id)
        union all select 'notice', n.notice_id from refund_notice n
        where n.book_id = $1 and n.returned > 0
        and not exists (select 1 from voucher v where v.book_id = n.book_id
            and v.source = 'notice' and v.source_id = n.notice_id)
        union all select 'settlement', x.exception_id from exception_settlement x
        where x.book_id = $1 and x.effect in ('refund', 'refund-late', 'claim', 'claim-home',
            'offset', 'treasury', 'written-off', 'funded', 'charged', 'returned')
        and not exists (select 1 from voucher v where v.book_id = x.book_id
            and v.voucher_id = x.voucher_id)
        union all select 'cancellation', c.payment_id from cancellation c where c.book_id = $1
        and not exists (select 1 from voucher v where v.book_id = c.book_id
            and v.voucher_id = c.voucher_id)
        union all select 'appropriation', a.appropriation_id from appropriation a
        where a.book_id = $1
        and not exists (select 1 from voucher v where v.book_id = a.book_id
            and v.source = 'appropriation' and v.source_id = a.appropriation_id)
        union all select 'recovery', e.recovery_id from recovery_event e
        where e.book_id = $1 and e.voucher_id > 0
        and not exists (select 1 from voucher v where v.book_id = e.book_id
            and v.voucher_id = e.voucher_id)
        union all select 'hand-over', h.hand_over_id from hand_over h where h.book_id = $1
        and not exists (select 1 from voucher v where v.book_id = h.book_id
            and v.voucher_id = h.voucher_id)
        union all select 'reduction', a.reduction_id from reduction a
        where a.book_id = $1
        and not exists (select 1 from voucher v where v.book_id = a.book_id
            and v.source = 'reduction' and v.source_id = a.reduction_id)
        order by 1, 2";
    RECOVERY_LEFT = "select r.program_id, cast(sum(e.left_fen) as bigint),
        cast(count(*) as bigint) from recovery r
        join recovery_event e on e.book_id = r.book_id and e.recovery_id = r.recovery_id
        where r.book_id = $1 and e.left_fen > 0
        and e.n = (select max(n) from recovery_event m
            where m.book_id = r.book_id and m.recovery_id = r.recovery_id)
        group by r.program_id order by r.program_id";
    RECOVERY_MOVED = "select r.program_id, e.event, e.standing, e.bank_account_id,
        cast(sum(e.amount_fen) as bigint), case when e.run_id > 0 then 1 else 0 end
        from recovery_event e
        join recovery r on r.book_id = e.book_id and r.recovery_id = e.recovery_id
        join voucher v on v.book_id = e.book_id and v.voucher_id = e.voucher_id
        where e.book_id = $1 and e.amount_fen > 0 and v.month >= $2 and v.month <= $3
        group by r.program_id, e.event, e.standing, e.bank_account_id,
            case when e.run_id > 0 then 1 else 0 end
        order by r.program_id, e.event, e.standing, e.bank_account_id,
            case when e.run_id > 0 then 1 else 0 end";
    RECOVERY_EXPENSE = "select x.program_id, x.component_id, cast(sum(x.fen) as bigint) from (
            select r.program_id, l.component_id, l.amount_fen as fen from recovery_event e
            join recovery r on r.book_id = e.book_id and r.recovery_id = e.recovery_id
            join voucher v on v.book_id = e.book_id and v.voucher_id = e.voucher_id
            join payment_line l on l.book_id = e.book_id and l.payment_id = e.recovery_id
            where e.book_id = $1 and e.event = 'confirm' and e.standing = 'same'
            and v.month >= $2 and v.month <= $3
            union all select r.program_id, w.component_id, w.amount_fen from write_off_part w
            join recovery_event e on e.book_id = w.book_id and e.recovery_id = w.recovery_id
                and e.n = w.n
            join recovery r on r.book_id = e.book_id and r.recovery_id = e.recovery_id
            join voucher v on v.book_id = e.book_id and v.voucher_id = e.voucher_id
            where w.book_id = $1 and v.month >= $2 and v.month <= $3
            union all select c.program_id, c.component_id, c.amount_fen from expense_change c
            join voucher v on v.book_id = c.book_id and v.voucher_id = c.voucher_id
            where c.book_id = $1 and v.month >= $2 and v.month <= $3) x
        group by x.program_id, x.component_id order by x.program_id, x.component_id";
    VOIDED = "select b.bank_account_id, a.debit_style, r.program_id, o.kind,
        cast(sum(p.amount_fen) as bigint) from outcome_void v
        join outcome o on o.book_id = v.book_id and o.payment_id = v.payment_id
            and o.attempt_no = v.attempt_no and o.step = v.step
        join attempt t on t.book_id = v.book_id and t.payment_id = v.payment_id
            and t.attempt_no = v.attempt_no
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join bank_account a on a.book_id = b.book_id and a.bank_account_id = b.bank_account_id
        join payment p on p.book_id = v.book_id and p.payment_id = v.payment_id
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        join voucher w on w.book_id = v.book_id and w.voucher_id = v.voucher_id
        where v.book_id = $1 and w.month >= $2 and w.month <= $3 and o.kind <> 'refunded'
        group by b.bank_account_id, a.debit_style, r.program_id, o.kind
        order by b.bank_account_id, r.program_id, o.kind";
    SETTLED = "select x.effect, x.bank_account_id, x.program_id,
        cast(sum(x.amount_fen) as bigint) from exception_settlement x
        join voucher v on v.book_id = x.book_id and v.voucher_id = x.voucher_id
        where x.book_id = $1 and v.month >= $2 and v.month <= $3
        group by x.effect, x.bank_account_id, x.program_id
        order by x.effect, x.bank_account_id, x.program_id";
    CANCELLED = "select c.program_id, c.standing, cast(sum(c.amount_fen) as bigint)
        from cancellation c
        join voucher v on v.book_id = c.book_id and v.voucher_id = c.voucher_id
        where c.book_id = $1 and v.month >= $2 and v.month <= $3
        group by c.program_id, c.standing order by c.program_id, c.standing";
    REVERSALS = "select v.voucher_id, v.month, v.number, v.transfer_first, v.transfers,
        o.transfer_first, o.transfers from voucher v
        join voucher o on o.book_id = v.book_id and o.voucher_id = v.reverses_id
        where v.book_id = $1 and v.month >= $2 and v.month <= $3 order by v.voucher_id";
    PUBLISHED_OTHERWISE = "select p.run_id, p.total_fen, e.total_fen, p.payments, e.payments
        from publication p
        join run_event e on e.book_id = p.book_id and e.run_id = p.run_id
            and e.revision = p.revision and e.event = 'approve'
        where p.book_id = $1 and (p.total_fen <> e.total_fen or p.payments <> e.payments)
        order by p.run_id";
    SENT_BY_PROGRAM = "select r.program_id, cast(sum(b.total_fen) as bigint),
        cast(sum(b.payments) as bigint) from batch b
        join run r on r.book_id = b.book_id and r.run_id = b.run_id
        where b.book_id = $1 and r.kind <> 're-pay'
        group by r.program_id order by r.program_id";
}

/// An account with debits and credits.
pub type AccountSums = (i64, i64, i64);

/// An account and month with debits and credits.
pub type MonthSums = (i64, String, i64, i64);

/// Stored debits and credits: of each account in total, and of each account and month.
#[boxed]
pub async fn stored_sums(
    tx: &mut Tx,
    book: BookId,
) -> Result<(Vec<AccountSums>, Vec<MonthSums>), StoreError> {
    let (mut totals, mut months) = (Vec::new(), Vec::new());
    for row in tx.query(STORED_SUMS, &[book.get().into()]).await? {
        totals.push((row.int(0)?, row.int(1)?, row.int(2)?));
    }
    for row in tx.query(STORED_MONTHS, &[book.get().into()]).await? {
        months.push((row.int(0)?, row.text(1)?, row.int(2)?, row.int(3)?));
    }
    Ok((totals, months))
}

/// Transfers of one voucher between the same two accounts, added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The voucher that the transfers name.
    pub voucher: VoucherId,
    /// The debited account.
    pub debit: i64,
    /// The credited account.
    pub credit: i64,
    /// Their sum in fen.
    pub amount: i64,
    /// How many transfers.
    pub transfers: i64,
}

/// Adds up the transfers whose numbers are in these ranges, the end excluded. A voucher and pair
/// of accounts may come in several parts.
///
/// PostgreSQL groups millions of rows by hashing; SQLite would sort them, and hands them out as
/// they stand in a third of that time.
pub async fn each_movement(
    tx: &mut Tx,
    book: BookId,
    ranges: &[(i64, i64)],
    mut receive: impl FnMut(Movement),
) -> Result<(), StoreError> {
    for (first, end) in ranges {
        let numbers = [book.get(), *first, *end];
        match tx.engine() {
            Engine::Postgres => {
                let rows = tx.query(MOVEMENTS, &numbers.map(Value::Int)).await?;
                for row in rows {
                    receive(Movement {
                        voucher: VoucherId(row.int(0)?),
                        debit: row.int(1)?,
                        credit: row.int(2)?,
                        amount: row.int(3)?,
                        transfers: row.int(4)?,
                    });
                }
            }
            Engine::Sqlite => {
                let rows = tx.scan(TRANSFERS, &numbers, |fields| {
                    let [
                        Field::Int(voucher),
                        Field::Int(debit),
                        Field::Int(credit),
                        Field::Int(fen),
                    ] = *fields
                    else {
                        return Err(StoreError::inconsistent("transfer", "number"));
                    };
                    receive(Movement {
                        voucher: VoucherId(voucher),
                        debit,
                        credit,
                        amount: fen,
                        transfers: 1,
                    });
                    Ok(())
                });
                rows.await?;
            }
        }
    }
    Ok(())
}

/// Months from one to another whose voucher numbers have gaps: month, vouchers, highest number.
#[boxed]
pub async fn number_gaps(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<(String, i64, i64)>, StoreError> {
    let (first, last) = (first.to_string().into(), last.to_string().into());
    let rows = tx
        .query(NUMBER_GAPS, &[book.get().into(), first, last])
        .await?;
    rows.iter()
        .map(|row| Ok((row.text(0)?, row.int(1)?, row.int(2)?)))
        .collect()
}

/// What was sent to banks at least once, by program.
#[boxed]
pub async fn released(tx: &mut Tx, book: BookId) -> Result<Vec<SubLedger>, StoreError> {
    sub_ledger(tx, RELEASED, book).await
}

/// What was paid and has not come back, by program.
#[boxed]
pub async fn paid_out(tx: &mut Tx, book: BookId) -> Result<Vec<SubLedger>, StoreError> {
    sub_ledger(tx, PAID_OUT, book).await
}

/// A sub-ledger figure: dimension, amount, rows.
pub type SubLedger = (i64, Fen, i64);

/// What is owed to beneficiaries by program, summed from payments and outcomes.
#[boxed]
pub async fn owed(tx: &mut Tx, book: BookId) -> Result<Vec<SubLedger>, StoreError> {
    sub_ledger(tx, OWED, book).await
}

/// What is in transit by paying account, summed from attempts without outcome.
#[boxed]
pub async fn in_transit(tx: &mut Tx, book: BookId) -> Result<Vec<SubLedger>, StoreError> {
    sub_ledger(tx, IN_TRANSIT, book).await
}

/// Refunds awaited by paying account, summed from outcomes without receipt.
#[boxed]
pub async fn awaited(tx: &mut Tx, book: BookId) -> Result<Vec<SubLedger>, StoreError> {
    sub_ledger(tx, AWAITED, book).await
}

async fn sub_ledger(
    tx: &mut Tx,
    sql: &'static str,
    book: BookId,
) -> Result<Vec<SubLedger>, StoreError> {
    let rows = tx.query(sql, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| Ok((row.int(0)?, Fen::new(row.int(1)?), row.int(2)?)))
        .collect()
}

/// What was sent to banks for the first time by program, by the control totals of the batches.
#[boxed]
pub async fn sent_by_program(tx: &mut Tx, book: BookId) -> Result<Vec<SubLedger>, StoreError> {
    sub_ledger(tx, SENT_BY_PROGRAM, book).await
}

/// What the payments of a run come to that were approved, or taken back, in this audit entry.
#[boxed]
pub async fn run_payments(
    tx: &mut Tx,
    book: BookId,
    (run, entry): (RunId, i64),
) -> Result<Fen, StoreError> {
    let args = [book.get().into(), run.get().into(), entry.into()];
    Ok(Fen::new(tx.query_one(RUN_PAYMENTS, &args).await?.int(0)?))
}

/// What the lines of the payments of a run come to, by component, that were approved, or taken
/// back, in this audit entry.
#[boxed]
pub async fn run_lines(
    tx: &mut Tx,
    book: BookId,
    (run, entry): (RunId, i64),
) -> Result<Vec<(ComponentId, Fen)>, StoreError> {
    let args = [book.get().into(), run.get().into(), entry.into()];
    let rows = tx.query(RUN_LINES, &args).await?;
    rows.iter()
        .map(|row| Ok((ComponentId(row.int(0)?), Fen::new(row.int(1)?))))
        .collect()
}

/// What became of the attempts of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchAnswer {
    /// The return that said so.
    pub source: ReturnId,
    /// `paid` or `failed`.
    pub kind: String,
    /// The sum of their payments.
    pub amount: Fen,
}

/// The answers that the attempts of a batch ever had, those that were voided since among them.
#[boxed]
pub async fn batch_answers(
    tx: &mut Tx,
    book: BookId,
    batch: BatchId,
) -> Result<Vec<BatchAnswer>, StoreError> {
    let args = [book.get().into(), batch.get().into()];
    // Between these two lie little more than the payments of the batch.
    let ends = tx.query_one(BATCH_PAYMENTS, &args).await?;
    let (first, last) = (ends.int(0)?, ends.int(1)?);
    let mut sums: BTreeMap<(i64, String), i64> = BTreeMap::new();
    for (after, last) in pages(tx.engine(), first - 1, last) {
        let numbers = [book.get(), batch.get(), after, last];
        tx.scan(BATCH_ANSWERS, &numbers, |row| {
            let [Field::Int(source), Field::Text(kind), Field::Int(fen)] = *row else {
                return Err(StoreError::inconsistent("outcome", "source_id"));
            };
            let sum = sums.entry((source, kind.to_owned())).or_default();
            let more = sum.checked_add(fen);
            *sum = more.ok_or_else(|| StoreError::inconsistent("payment", "amount_fen"))?;
            Ok(())
        })
        .await?;
    }
    let answer = |((source, kind), sum): ((i64, String), i64)| BatchAnswer {
        source: ReturnId(source),
        kind,
        amount: Fen::new(sum),
    };
    Ok(sums.into_iter().map(answer).collect())
}

/// What came home by a statement, of one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameHome {
    /// The program of the payments.
    pub program: ProgramId,
    /// The money that came home.
    pub received: Fen,
    /// Those of the payments that had been reported paid (退票).
    pub refunded: Fen,
}

/// What came home by a statement, by program.
#[boxed]
pub async fn came_home(
    tx: &mut Tx,
    book: BookId,
    statement: StatementId,
) -> Result<Vec<CameHome>, StoreError> {
    let args = [book.get().into(), statement.get().into()];
    let rows = tx.query(RECEIPTS, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(CameHome {
                program: ProgramId(row.int(0)?),
                received: Fen::new(row.int(1)?),
                refunded: Fen::new(row.int(2)?),
            })
        })
        .collect()
}

/// What is left of recoveries, by program.
#[boxed]
pub async fn recovery_left(tx: &mut Tx, book: BookId) -> Result<Vec<SubLedger>, StoreError> {
    sub_ledger(tx, RECOVERY_LEFT, book).await
}

/// What one kind of event of recoveries moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryMoved {
    /// The program that overpaid.
    pub program: ProgramId,
    /// What happened.
    pub event: RecoveryEvent,
    /// In whose books the money belongs.
    pub standing: Standing,
    /// Where money came in; 0 for none.
    pub bank_account: BankAccountId,
    /// The sum.
    pub amount: Fen,
    /// Whether a run's payments withheld it; not what a cancelled payment gave back.
    pub of_run: bool,
}

/// What recoveries moved by vouchers of the months `first` to `last`, both included.
#[boxed]
pub async fn recovery_moved(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<RecoveryMoved>, StoreError> {
    let (first, last) = (first.to_string().into(), last.to_string().into());
    let rows = tx
        .query(RECOVERY_MOVED, &[book.get().into(), first, last])
        .await?;
    let bad = |column| StoreError::inconsistent("recovery_event", column);
    rows.iter()
        .map(|row| {
            let event = RecoveryEvent::from_code(row.text_ref(1)?);
            let standing = Standing::from_code(row.text_ref(2)?);
            Ok(RecoveryMoved {
                program: ProgramId(row.int(0)?),
                event: event.ok_or_else(|| bad("event"))?,
                standing: standing.ok_or_else(|| bad("standing"))?,
                bank_account: BankAccountId(row.int(3)?),
                amount: Fen::new(row.int(4)?),
                of_run: row.int(5)? > 0,
            })
        })
        .collect()
}

/// What recoveries changed of this year's expense by vouchers of the months `first` to `last`, by
/// program and component: less by what was found, more by what was written off.
#[boxed]
pub async fn recovery_expense(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<(ProgramId, ComponentId, Fen)>, StoreError> {
    let (first, last) = (first.to_string().into(), last.to_string().into());
    let rows = tx
        .query(RECOVERY_EXPENSE, &[book.get().into(), first, last])
        .await?;
    rows.iter()
        .map(|row| {
            let (program, component) = (ProgramId(row.int(0)?), ComponentId(row.int(1)?));
            Ok((program, component, Fen::new(row.int(2)?)))
        })
        .collect()
}

/// Credits of one statement that nobody could explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexplained {
    /// The statement.
    pub statement: StatementId,
    /// Of which account.
    pub bank_account: BankAccountId,
    /// Their sum.
    pub amount: Fen,
    /// Whether the statement was withdrawn, so that they stand in suspense no more.
    pub withdrawn: bool,
}

/// The credits that nobody could explain, by statement and bank account: exceptions of these
/// kinds, settled or not. What was found to be a recovery's money is among its events.
#[boxed]
pub async fn unexplained(
    tx: &mut Tx,
    book: BookId,
    kinds: [&str; 3],
) -> Result<Vec<Unexplained>, StoreError> {
    let [one, two, three] = kinds.map(Value::from);
    let rows = tx
        .query(UNEXPLAINED, &[book.get().into(), one, two, three])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Unexplained {
                statement: StatementId(row.int(0)?),
                bank_account: BankAccountId(row.int(1)?),
                amount: Fen::new(row.int(2)?),
                withdrawn: row.int(3)? > 0,
            })
        })
        .collect()
}

/// Events that move money and have no voucher: what they are, and their number.
#[boxed]
pub async fn not_posted(tx: &mut Tx, book: BookId) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = tx.query(NOT_POSTED, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| Ok((row.text(0)?, row.int(1)?)))
        .collect()
}

/// Answers that were voided: what their vouchers turned back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voided {
    /// The paying account.
    pub bank_account: BankAccountId,
    /// Whether its bank takes the whole batch and sends failures back.
    pub whole: bool,
    /// The program of the payments.
    pub program: ProgramId,
    /// Whether the answer was that they were paid.
    pub paid: bool,
    /// Their sum.
    pub amount: Fen,
}

/// The answers that were voided by vouchers of the months `first` to `last`, both included.
#[boxed]
pub async fn voided(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<Voided>, StoreError> {
    let (first, last) = (first.to_string().into(), last.to_string().into());
    let rows = tx.query(VOIDED, &[book.get().into(), first, last]).await?;
    rows.iter()
        .map(|row| {
            Ok(Voided {
                bank_account: BankAccountId(row.int(0)?),
                whole: row.text_ref(1)? == "whole",
                program: ProgramId(row.int(2)?),
                paid: row.text_ref(3)? == "paid",
                amount: Fen::new(row.int(4)?),
            })
        })
        .collect()
}

/// What settlements of one effect moved: effect, bank account, program, amount.
pub type Settled = (String, BankAccountId, ProgramId, Fen);

/// What settlements moved by vouchers of the months `first` to `last`, both included.
#[boxed]
pub async fn settled(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<Settled>, StoreError> {
    let (first, last) = (first.to_string().into(), last.to_string().into());
    let rows = tx.query(SETTLED, &[book.get().into(), first, last]).await?;
    rows.iter()
        .map(|row| {
            let (bank, program) = (BankAccountId(row.int(1)?), ProgramId(row.int(2)?));
            Ok((row.text(0)?, bank, program, Fen::new(row.int(3)?)))
        })
        .collect()
}

/// What was cancelled for good by vouchers of some months: program, whether expense of the same
/// year was taken back, amount.
#[boxed]
pub async fn cancelled(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<(ProgramId, bool, Fen)>, StoreError> {
    let (first, last) = (first.to_string().into(), last.to_string().into());
    let rows = tx
        .query(CANCELLED, &[book.get().into(), first, last])
        .await?;
    rows.iter()
        .map(|row| {
            let same = row.text_ref(1)? == "same";
            Ok((ProgramId(row.int(0)?), same, Fen::new(row.int(2)?)))
        })
        .collect()
}

/// A reversing voucher, and where the transfers of it and of what it reverses stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    /// Its number in the book.
    pub voucher: VoucherId,
    /// Its period.
    pub month: Month,
    /// Its number in the period.
    pub number: i64,
    /// Its transfers by number, the end excluded.
    pub own: (i64, i64),
    /// Those of the voucher that it reverses.
    pub reversed: (i64, i64),
}

/// The reversing vouchers of some months.
#[boxed]
pub async fn reversals(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<Reversal>, StoreError> {
    let (first, last) = (first.to_string().into(), last.to_string().into());
    let rows = tx
        .query(REVERSALS, &[book.get().into(), first, last])
        .await?;
    let reversal = |row: &crate::db::Row| {
        let (own, reversed) = (row.int(3)?, row.int(5)?);
        Ok(Reversal {
            voucher: VoucherId(row.int(0)?),
            month: crate::policy::month(row, 1)?,
            number: row.int(2)?,
            own: (own, own.saturating_add(row.int(4)?)),
            reversed: (reversed, reversed.saturating_add(row.int(6)?)),
        })
    };
    rows.iter().map(reversal).collect()
}

/// A run whose published list has another sum or count than what was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedOtherwise {
    /// Which run.
    pub run: RunId,
    /// The sum and the count that were published.
    pub published: (Fen, i64),
    /// Those that were approved.
    pub approved: (Fen, i64),
}

/// Runs whose published list is not what was approved.
#[boxed]
pub async fn published_otherwise(
    tx: &mut Tx,
    book: BookId,
) -> Result<Vec<PublishedOtherwise>, StoreError> {
    let rows = tx.query(PUBLISHED_OTHERWISE, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(PublishedOtherwise {
                run: RunId(row.int(0)?),
                published: (Fen::new(row.int(1)?), row.int(3)?),
                approved: (Fen::new(row.int(2)?), row.int(4)?),
            })
        })
        .collect()
}
