//! Approval limits (审批限额) and the levels of approvers.

use crate::boxed;
use std::collections::BTreeMap;

use ledger::disbursement::approval::{ApprovalLevel, ApprovalLimit};
use ledger::id::{BookId, PaymentId, ProgramId, UserId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;
use crate::policy::month;
use crate::run::{Run, RunKind};
use crate::table;
use crate::write::Write;

sql! {
    LIMITS = "select program_id, level, from_month, payment_fen, run_fen, document
        from approval_limit where book_id = $1 order by program_id, level, from_month";
    LEVELS = "select user_id, level, version from approver_level l
        where book_id = $1 and version = (select max(version) from approver_level n
            where n.book_id = l.book_id and n.user_id = l.user_id)
        order by user_id";
    LARGEST = "select p.payment_id, p.amount_fen + coalesce((select cast(sum(s.amount_fen) as bigint)
            from set_off s where s.book_id = p.book_id and s.payment_id = p.payment_id), 0) as fen
        from payment p
        where p.book_id = $1 and p.payment_id >= $2 and p.payment_id <= $3
        order by fen desc, p.payment_id limit 1";
    WITHHELD = "select cast(coalesce(sum(amount_fen), 0) as bigint) from set_off
        where book_id = $1 and payment_id >= $2 and payment_id <= $3";
    LARGEST_AGAIN = "select payment_id, amount_fen from re_pay
        where book_id = $1 and run_id = $2 and revision = $3
        order by amount_fen desc, payment_id limit 1";
}

/// All limits, by program, level and month.
#[boxed]
pub async fn limits(tx: &mut Tx, book: BookId) -> Result<Vec<ApprovalLimit>, StoreError> {
    let rows = tx.query(LIMITS, &[book.get().into()]).await?;
    let limit = |row: &Row| {
        Ok(ApprovalLimit {
            program: ProgramId(row.int(0)?),
            level: level(row, 1, "approval_limit")?,
            from: month(row, 2)?,
            payment: Fen::new(row.int(3)?),
            run: row.opt_int(4)?.map(Fen::new),
            document: row.text(5)?,
        })
    };
    rows.iter().map(limit).collect()
}

/// Stores a limit.
///
/// # Errors
/// [`ledger::problem::Kind::AlreadyExists`] for a second one of the program, level and month.
#[boxed]
pub async fn add_limit(write: &mut Write, limit: &ApprovalLimit) -> Result<(), Failure> {
    let row: [Value; 7] = [
        write.book().get().into(),
        limit.program.get().into(),
        limit.level.code().into(),
        limit.from.to_string().into(),
        limit.payment.get().into(),
        limit.run.map(Fen::get).into(),
        limit.document.as_str().into(),
    ];
    Ok(write.insert_one(&table::APPROVAL_LIMIT, row).await?)
}

/// The levels of the users who were given one; all others are of the county.
#[boxed]
pub async fn levels(
    tx: &mut Tx,
    book: BookId,
) -> Result<BTreeMap<UserId, ApprovalLevel>, StoreError> {
    let rows = tx.query(LEVELS, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| Ok((UserId(row.int(0)?), level(row, 1, "approver_level")?)))
        .collect()
}

/// Gives a user a level, as a new version.
#[boxed]
pub async fn put_level(
    write: &mut Write,
    user: UserId,
    level: ApprovalLevel,
) -> Result<(), Failure> {
    let book = write.book().get();
    let rows = write.tx().query(LEVELS, &[book.into()]).await?;
    let mut version = 0;
    for row in &rows {
        if row.int(0)? == user.get() {
            version = row.int(2)?;
        }
    }
    let row: [Value; 4] = [
        book.into(),
        user.get().into(),
        (version + 1).into(),
        level.code().into(),
    ];
    Ok(write.insert_one(&table::APPROVER_LEVEL, row).await?)
}

/// The largest payment of a run and its amount; none when the run has no payments.
#[boxed]
pub async fn largest(tx: &mut Tx, book: BookId, run: &Run) -> Result<Option<Largest>, StoreError> {
    let book = Value::Int(book.get());
    let (row, withheld) = match run.kind {
        RunKind::RePay => {
            let args = [book, run.id.get().into(), run.revision.into()];
            (tx.query_opt(LARGEST_AGAIN, &args).await?, 0)
        }
        _ => {
            let args = [book, run.payment_first.into(), run.payment_last.into()];
            let withheld = tx.query_one(WITHHELD, &args).await?.int(0)?;
            (tx.query_opt(LARGEST, &args).await?, withheld)
        }
    };
    let largest = |row: Row| {
        let total = run.total.plus(Fen::new(withheld));
        Ok(Largest {
            payment: PaymentId(row.int(0)?),
            amount: Fen::new(row.int(1)?),
            total: total.map_err(|_| StoreError::inconsistent("set_off", "amount_fen"))?,
        })
    };
    row.map(largest).transpose()
}

/// What a limit is held against: what is granted, before anything is withheld of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Largest {
    /// The largest payment.
    pub payment: PaymentId,
    /// What is granted in it.
    pub amount: Fen,
    /// What is granted in the run.
    pub total: Fen,
}

fn level(row: &Row, column: usize, table: &'static str) -> Result<ApprovalLevel, StoreError> {
    ApprovalLevel::from_code(&row.text(column)?)
        .ok_or_else(|| StoreError::inconsistent(table, "level"))
}
