//! The bank's answers: returns, the outcomes of attempts, and lines still pending.

use crate::boxed;
use ledger::audit::merkle::Hash;
use ledger::id::{BatchId, BookId, FileId, PaymentId, ReturnId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{RowBuffer, Tx, Value};
use crate::error::StoreError;
use crate::seal::Loader;
use crate::table;
use crate::write::{self, Write};

sql! {
    RETURNS = "select r.return_id, r.file_id, r.batch_id, r.profile, r.content_hash, r.lines,
        r.paid, r.failed, r.pending, r.repeated, r.exceptions, r.imported_on, f.name, r.entry,
        r.paid_fen
        from return_file r
        join stored_file f on f.book_id = r.book_id and f.file_id = r.file_id
        where r.book_id = $1 order by r.return_id";
    RETURN_BY_CONTENT = "select return_id, imported_on from return_file
        where book_id = $1 and batch_id = $2 and content_hash = $3";
    WITHDRAWN = "select return_id from return_withdrawal where book_id = $1 order by return_id";
    KNOWN_ATTEMPT = "select batch_id from attempt
        where book_id = $1 and payment_id = $2 and attempt_no = $3";
}

/// 回盘 as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    /// Its number.
    pub id: ReturnId,
    /// The file.
    pub file: FileId,
    /// The batch that it answers.
    pub batch: BatchId,
    /// In which layout.
    pub profile: String,
    /// SHA-256 over its sorted canonical lines.
    pub content_hash: Hash,
    /// Lines of the file.
    pub lines: i64,
    /// Lines newly paid.
    pub paid: i64,
    /// Lines newly failed.
    pub failed: i64,
    /// Lines still pending.
    pub pending: i64,
    /// Lines that say again what was known.
    pub repeated: i64,
    /// Lines that became exceptions.
    pub exceptions: i64,
    /// The sum of the lines newly paid.
    pub paid_total: Fen,
    /// When it was imported.
    pub imported_on: String,
    /// The name of the file.
    pub file_name: String,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Of which payment.
    pub payment: PaymentId,
    /// Of which attempt.
    pub attempt: i64,
    /// Which step of its way: 1 or 2, and 3 or 4 after those were voided.
    pub step: i64,
    /// `paid`, `failed` or `refunded`.
    pub kind: &'static str,
    /// Normalised reason; empty when paid.
    pub reason: String,
    /// The bank's words, without names.
    pub reason_text: String,
    /// The bank's own number.
    pub bank_reference: String,
    /// The line of the source.
    pub line_no: i64,
}

/// A line that the bank is still working on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingAnswer {
    /// The line of the file.
    pub line_no: i64,
    /// Of which payment.
    pub payment: PaymentId,
    /// Of which attempt.
    pub attempt: i64,
    /// The bank's words, without names.
    pub reason_text: String,
}

/// All returns.
#[boxed]
pub async fn returns(tx: &mut Tx, book: BookId) -> Result<Vec<Return>, StoreError> {
    let rows = tx.query(RETURNS, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Return {
                id: ReturnId(row.int(0)?),
                file: FileId(row.int(1)?),
                batch: BatchId(row.int(2)?),
                profile: row.text(3)?,
                content_hash: write::hash(row.bytes_ref(4)?)?,
                lines: row.int(5)?,
                paid: row.int(6)?,
                failed: row.int(7)?,
                pending: row.int(8)?,
                repeated: row.int(9)?,
                exceptions: row.int(10)?,
                imported_on: row.text(11)?,
                file_name: row.text(12)?,
                entry: row.int(13)?,
                paid_total: Fen::new(row.int(14)?),
            })
        })
        .collect()
}

/// An earlier return of the batch that says the same, however it was named, saved or ordered.
#[boxed]
pub async fn same_content(
    tx: &mut Tx,
    book: BookId,
    batch: BatchId,
    content: &Hash,
) -> Result<Option<(ReturnId, String)>, StoreError> {
    let args = [
        book.get().into(),
        batch.get().into(),
        content.to_vec().into(),
    ];
    let row = tx.query_opt(RETURN_BY_CONTENT, &args).await?;
    row.map(|row| Ok((ReturnId(row.int(0)?), row.text(1)?)))
        .transpose()
}

/// The returns that were withdrawn.
#[boxed]
pub async fn withdrawn(tx: &mut Tx, book: BookId) -> Result<Vec<ReturnId>, StoreError> {
    let rows = tx.query(WITHDRAWN, &[book.get().into()]).await?;
    rows.iter().map(|row| Ok(ReturnId(row.int(0)?))).collect()
}

/// The batch of an attempt, when there is such an attempt.
#[boxed]
pub async fn batch_of_attempt(
    tx: &mut Tx,
    book: BookId,
    payment: PaymentId,
    attempt: i64,
) -> Result<Option<BatchId>, StoreError> {
    let args = [book.get().into(), payment.get().into(), attempt.into()];
    let row = tx.query_opt(KNOWN_ATTEMPT, &args).await?;
    row.map(|row| Ok(BatchId(row.int(0)?))).transpose()
}

/// Stores a return.
#[boxed]
pub async fn add_return(write: &mut Write, r: &Return) -> Result<(), Failure> {
    let row: [Value; 14] = [
        write.book().get().into(),
        r.id.get().into(),
        r.file.get().into(),
        r.batch.get().into(),
        r.profile.as_str().into(),
        r.content_hash.to_vec().into(),
        r.lines.into(),
        r.paid.into(),
        r.failed.into(),
        r.pending.into(),
        r.repeated.into(),
        r.exceptions.into(),
        r.paid_total.get().into(),
        r.imported_on.as_str().into(),
    ];
    Ok(write.insert_one(&table::RETURN_FILE, row).await?)
}

/// Stores the outcomes that one return gave, or the refunds that one statement showed, in payment
/// order.
#[boxed]
pub async fn add_outcomes(
    write: &mut Write,
    source_id: i64,
    outcomes: &[Outcome],
) -> Result<(), Failure> {
    let mut loader = Loader::new(&table::OUTCOME);
    for outcome in outcomes {
        let row = loader.rows();
        row.int(write.book().get())
            .int(outcome.payment.get())
            .int(outcome.attempt);
        row.int(outcome.step)
            .text(outcome.kind)
            .int(source_id)
            .int(outcome.line_no);
        row.text(&outcome.reason).text(&outcome.reason_text);
        row.text(&outcome.bank_reference).end();
        loader.step(write).await?;
    }
    loader.finish(write).await?;
    Ok(())
}

/// Stores the pending lines of a return, in line order.
#[boxed]
pub async fn add_pending(
    write: &mut Write,
    id: ReturnId,
    pending: &[PendingAnswer],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::PENDING_ANSWER);
    for answer in pending {
        rows.push([
            Value::Int(write.book().get()),
            id.get().into(),
            answer.line_no.into(),
            answer.payment.get().into(),
            answer.attempt.into(),
            answer.reason_text.as_str().into(),
        ]);
    }
    Ok(write.insert(&table::PENDING_ANSWER, rows).await?)
}
