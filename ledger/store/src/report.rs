//! Figures for reports and agreements, each one set-based statement.

use ledger::calendar::Month;
use ledger::id::{BookId, ComponentId, ProgramId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::db::{Tx, Value};
use crate::error::StoreError;

sql! {
    SUCCESS = "select r.program_id, b.bank_account_id, y.township, p.payment_id, p.amount_fen,
        t.attempt_no, coalesce(o.kind, ''), coalesce(f.kind, ''), coalesce(o.reason, '')
        from payment p
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        join party y on y.book_id = p.book_id and y.party_id = p.payee_id
        join attempt t on t.book_id = p.book_id and t.payment_id = p.payment_id
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        left join outcome o on o.book_id = t.book_id and o.payment_id = t.payment_id
            and o.attempt_no = t.attempt_no and o.step = 1
        left join outcome f on f.book_id = t.book_id and f.payment_id = t.payment_id
            and f.attempt_no = t.attempt_no and f.step = 2
        where p.book_id = $1 and r.month >= $2 and r.month <= $3
        order by p.payment_id, t.attempt_no";
    ACCRUED_BY_COMPONENT = "select r.program_id, l.component_id,
        cast(sum(l.amount_fen) as bigint), cast(count(distinct p.household_id) as bigint),
        cast(count(distinct l.subject_id) as bigint)
        from payment_line l
        join payment p on p.book_id = l.book_id and p.payment_id = l.payment_id
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        where l.book_id = $1 and r.month >= $2 and r.month <= $3
        and exists (select 1 from run_event e where e.book_id = r.book_id
            and e.run_id = r.run_id and e.event = 'approve')
        group by r.program_id, l.component_id order by 1, 2";
    MONTHLY = "select r.program_id, cast(count(distinct p.payment_id) as bigint),
        cast(count(distinct p.household_id) as bigint), cast(sum(p.amount_fen) as bigint)
        from payment p
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        where p.book_id = $1 and r.month = $2 and r.kind <> 're-pay'
        and exists (select 1 from run_event e where e.book_id = r.book_id
            and e.run_id = r.run_id and e.event = 'approve' and e.revision = p.revision)
        group by r.program_id order by r.program_id";
    SUBJECTS = "select r.program_id, cast(count(distinct l.subject_id) as bigint)
        from payment_line l
        join payment p on p.book_id = l.book_id and p.payment_id = l.payment_id
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        where l.book_id = $1 and r.month = $2 and r.kind <> 're-pay'
        and exists (select 1 from run_event e where e.book_id = r.book_id
            and e.run_id = r.run_id and e.event = 'approve' and e.revision = p.revision)
        group by r.program_id order by r.program_id";
    TRANSFER_SUMS = "select account_id, cast(sum(debit_fen) as bigint),
        cast(sum(credit_fen) as bigint) from (
            select debit_id as account_id, sum(amount_fen) as debit_fen, 0 as credit_fen
            from transfer where book_id = $1 group by debit_id
            union all
            select credit_id, 0, sum(amount_fen) from transfer where book_id = $1
            group by credit_id) s
        group by account_id order by account_id";
    STORED_SUMS = "select account_id, debit_fen, credit_fen from account_total
        where book_id = $1 order by account_id";
    MONTH_SUMS = "select account_id, cast(sum(debit_fen) as bigint),
        cast(sum(credit_fen) as bigint) from account_month
        where book_id = $1 group by account_id order by account_id";
    MONTH_BY_TRANSFERS = "select s.account_id, s.month, cast(sum(s.debit_fen) as bigint),
        cast(sum(s.credit_fen) as bigint) from (
            select t.debit_id as account_id, v.month, sum(t.amount_fen) as debit_fen,
                0 as credit_fen from transfer t
            join voucher v on v.book_id = t.book_id and v.voucher_id = t.voucher_id
            where t.book_id = $1 group by t.debit_id, v.month
            union all
            select t.credit_id, v.month, 0, sum(t.amount_fen) from transfer t
            join voucher v on v.book_id = t.book_id and v.voucher_id = t.voucher_id
            where t.book_id = $1 group by t.credit_id, v.month) s
        group by s.account_id, s.month order by s.account_id, s.month";
    STORED_MONTHS = "select account_id, month, debit_fen, credit_fen from account_month
        where book_id = $1 order by account_id, month";
    VOUCHER_SUMS = "select v.voucher_id, v.transfers, v.total_fen,
        cast(count(t.transfer_id) as bigint), cast(coalesce(sum(t.amount_fen), 0) as bigint)
        from voucher v left join transfer t on t.book_id = v.book_id
            and t.voucher_id = v.voucher_id
        where v.book_id = $1 group by v.voucher_id, v.transfers, v.total_fen
        having v.transfers <> count(t.transfer_id)
            or v.total_fen <> coalesce(sum(t.amount_fen), 0)
        order by v.voucher_id";
    NUMBER_GAPS = "select month, cast(count(*) as bigint), max(number) from voucher
        where book_id = $1 group by month having count(*) <> max(number) order by month";
    OWED = "select r.program_id, cast(sum(p.amount_fen) as bigint), cast(count(*) as bigint)
        from payment p join run r on r.book_id = p.book_id and r.run_id = p.run_id
        where p.book_id = $1
        and exists (select 1 from run_event e where e.book_id = r.book_id
            and e.run_id = r.run_id and e.event = 'approve' and e.revision = p.revision)
        and not exists (select 1 from outcome o where o.book_id = p.book_id
            and o.payment_id = p.payment_id and o.kind = 'paid'
            and not exists (select 1 from outcome f where f.book_id = o.book_id
                and f.payment_id = o.payment_id and f.attempt_no = o.attempt_no
                and f.kind = 'refunded'))
        group by r.program_id order by r.program_id";
    IN_TRANSIT = "select b.bank_account_id, cast(sum(p.amount_fen) as bigint),
        cast(count(*) as bigint) from attempt t
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
        where t.book_id = $1 and t.kind = 'pay'
        and not exists (select 1 from outcome o where o.book_id = t.book_id
            and o.payment_id = t.payment_id and o.attempt_no = t.attempt_no)
        group by b.bank_account_id order by b.bank_account_id";
    AWAITED = "select b.bank_account_id, cast(sum(p.amount_fen) as bigint),
        cast(count(*) as bigint) from outcome o
        join attempt t on t.book_id = o.book_id and t.payment_id = o.payment_id
            and t.attempt_no = o.attempt_no
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join bank_account a on a.book_id = b.book_id and a.bank_account_id = b.bank_account_id
        join payment p on p.book_id = o.book_id and p.payment_id = o.payment_id
        where o.book_id = $1
        and (o.kind = 'refunded' or (o.kind = 'failed' and a.debit_style = 'whole'))
        and not exists (select 1 from refund_receipt h where h.book_id = o.book_id
            and h.payment_id = o.payment_id and h.attempt_no = o.attempt_no)
        group by b.bank_account_id order by b.bank_account_id";
    COUNTS = "select (select cast(count(*) as bigint) from payment where book_id = $1),
        (select cast(count(*) as bigint) from attempt where book_id = $1),
        (select cast(count(*) as bigint) from transfer where book_id = $1),
        (select cast(count(*) as bigint) from batch where book_id = $1),
        (select cast(count(*) as bigint) from return_file where book_id = $1),
        (select size from book_head where book_id = $1)";
    HEAD = "select size, root from book_head where book_id = $1";
}

/// One attempt with what a success rate needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptFact {
    /// The program.
    pub program: ProgramId,
    /// The paying account.
    pub bank_account: i64,
    /// The payee's township.
    pub township: String,
    /// The payment.
    pub payment: i64,
    /// Its amount.
    pub amount: Fen,
    /// The attempt.
    pub attempt: i64,
    /// `paid`, `failed`, or empty while pending.
    pub outcome: String,
    /// Whether the money came back after it was paid.
    pub refunded: bool,
    /// The normalised reason of the outcome.
    pub reason: String,
}

/// Hands out every attempt of the runs of some months, by payment and attempt.
pub async fn attempt_facts(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
    mut receive: impl FnMut(AttemptFact),
) -> Result<(), StoreError> {
    let args = [book.get().into(), first.to_string().into(), last.to_string().into()];
    tx.stream(SUCCESS, &args, |row| {
        receive(AttemptFact {
            program: ProgramId(row.int(0)?),
            bank_account: row.int(1)?,
            township: row.text(2)?,
            payment: row.int(3)?,
            amount: Fen::new(row.int(4)?),
            attempt: row.int(5)?,
            outcome: row.text(6)?,
            refunded: row.text_ref(7)? == "refunded",
            reason: row.text(8)?,
        });
        Ok::<(), StoreError>(())
    })
    .await
}

/// What a component came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentTotal {
    /// The program.
    pub program: ProgramId,
    /// The component.
    pub component: ComponentId,
    /// What was accrued in approved runs.
    pub amount: Fen,
    /// Households that had some of it.
    pub households: i64,
    /// Persons (or households) that it was for.
    pub subjects: i64,
}

/// What was accrued by component in the approved runs of some months.
pub async fn component_totals(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<ComponentTotal>, StoreError> {
    let args = [book.get().into(), first.to_string().into(), last.to_string().into()];
    let rows = tx.query(ACCRUED_BY_COMPONENT, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(ComponentTotal {
                program: ProgramId(row.int(0)?),
                component: ComponentId(row.int(1)?),
                amount: Fen::new(row.int(2)?),
                households: row.int(3)?,
                subjects: row.int(4)?,
            })
        })
        .collect()
}

/// Approved in a month: program, payments, households, amount.
pub async fn monthly(
    tx: &mut Tx,
    book: BookId,
    month: Month,
) -> Result<Vec<(ProgramId, i64, i64, Fen)>, StoreError> {
    let rows = tx.query(MONTHLY, &[book.get().into(), month.to_string().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok((ProgramId(row.int(0)?), row.int(1)?, row.int(2)?, Fen::new(row.int(3)?)))
        })
        .collect()
}

/// Persons or households paid for in a month, by program.
pub async fn subjects(
    tx: &mut Tx,
    book: BookId,
    month: Month,
) -> Result<Vec<(ProgramId, i64)>, StoreError> {
    let rows = tx.query(SUBJECTS, &[book.get().into(), month.to_string().into()]).await?;
    rows.iter().map(|row| Ok((ProgramId(row.int(0)?), row.int(1)?))).collect()
}

/// An account with debits and credits.
pub type AccountSums = (i64, i64, i64);

/// Debits and credits of each account: summed from transfers, as stored, and summed from months.
pub async fn account_sums(
    tx: &mut Tx,
    book: BookId,
) -> Result<[Vec<AccountSums>; 3], StoreError> {
    let mut sums = [const { Vec::new() }; 3];
    for (sql, sums) in [TRANSFER_SUMS, STORED_SUMS, MONTH_SUMS].into_iter().zip(&mut sums) {
        for row in tx.query(sql, &[book.get().into()]).await? {
            sums.push((row.int(0)?, row.int(1)?, row.int(2)?));
        }
        sums.retain(|(_, debit, credit)| (*debit, *credit) != (0, 0));
    }
    Ok(sums)
}

/// An account and month with debits and credits.
pub type MonthSums = (i64, String, i64, i64);

/// Debits and credits of each account and month: summed from transfers, and as stored.
pub async fn month_sums(tx: &mut Tx, book: BookId) -> Result<[Vec<MonthSums>; 2], StoreError> {
    let mut sums = [const { Vec::new() }; 2];
    for (sql, sums) in [MONTH_BY_TRANSFERS, STORED_MONTHS].into_iter().zip(&mut sums) {
        for row in tx.query(sql, &[book.get().into()]).await? {
            sums.push((row.int(0)?, row.text(1)?, row.int(2)?, row.int(3)?));
        }
    }
    Ok(sums)
}

/// Vouchers that differ from their transfers: voucher, stated count and sum, counted and summed.
pub async fn differing_vouchers(
    tx: &mut Tx,
    book: BookId,
) -> Result<Vec<[i64; 5]>, StoreError> {
    let rows = tx.query(VOUCHER_SUMS, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| Ok([row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?, row.int(4)?]))
        .collect()
}

/// Months whose voucher numbers have gaps: month, vouchers, highest number.
pub async fn number_gaps(
    tx: &mut Tx,
    book: BookId,
) -> Result<Vec<(String, i64, i64)>, StoreError> {
    let rows = tx.query(NUMBER_GAPS, &[book.get().into()]).await?;
    rows.iter().map(|row| Ok((row.text(0)?, row.int(1)?, row.int(2)?))).collect()
}

/// A sub-ledger figure: dimension, amount, rows.
pub type SubLedger = (i64, Fen, i64);

/// What is owed to beneficiaries by program, summed from payments and outcomes.
pub async fn owed(tx: &mut Tx, book: BookId) -> Result<Vec<SubLedger>, StoreError> {
    sub_ledger(tx, OWED, book).await
}

/// What is in transit by paying account, summed from attempts without outcome.
pub async fn in_transit(tx: &mut Tx, book: BookId) -> Result<Vec<SubLedger>, StoreError> {
    sub_ledger(tx, IN_TRANSIT, book).await
}

/// Refunds awaited by paying account, summed from outcomes without receipt.
pub async fn awaited(tx: &mut Tx, book: BookId) -> Result<Vec<SubLedger>, StoreError> {
    sub_ledger(tx, AWAITED, book).await
}

async fn sub_ledger(
    tx: &mut Tx,
    sql: &'static str,
    book: BookId,
) -> Result<Vec<SubLedger>, StoreError> {
    let rows = tx.query(sql, &[book.get().into()]).await?;
    rows.iter().map(|row| Ok((row.int(0)?, Fen::new(row.int(1)?), row.int(2)?))).collect()
}

/// How much a book holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Payments.
    pub payments: i64,
    /// Attempts.
    pub attempts: i64,
    /// Transfers.
    pub transfers: i64,
    /// Batches.
    pub batches: i64,
    /// Returns.
    pub returns: i64,
    /// Audit entries.
    pub entries: i64,
}

/// How much a book holds.
pub async fn counts(tx: &mut Tx, book: BookId) -> Result<Counts, StoreError> {
    let row = tx.query_one(COUNTS, &[Value::Int(book.get())]).await?;
    Ok(Counts {
        payments: row.int(0)?,
        attempts: row.int(1)?,
        transfers: row.int(2)?,
        batches: row.int(3)?,
        returns: row.int(4)?,
        entries: row.int(5)?,
    })
}

/// Size and root of the audit trail.
pub async fn head(
    tx: &mut Tx,
    book: BookId,
) -> Result<(i64, ledger::audit::merkle::Hash), StoreError> {
    let row = tx.query_one(HEAD, &[Value::Int(book.get())]).await?;
    Ok((row.int(0)?, crate::write::hash(row.bytes_ref(1)?)?))
}
