//! Notices that payments came back (退款通知): the treasury's 2252, a bank's list of returned
//! payments, camt.054.

use crate::boxed;
use ledger::audit::merkle::Hash;
use ledger::id::{BankAccountId, BookId, FileId, PaymentId, ProgramId, StatementId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Tx, Value};
use crate::error::StoreError;
use crate::table;
use crate::write::Write;

sql! {
    NOTICES = "select n.notice_id, n.file_id, n.profile, n.lines, n.returned, n.repeated,
        n.exceptions, n.returned_fen, n.imported_on, f.name, n.entry from refund_notice n
        join stored_file f on f.book_id = n.book_id and f.file_id = n.file_id
        where n.book_id = $1 order by n.notice_id";
    SAME_NOTICE = "select notice_id, imported_on from refund_notice
        where book_id = $1 and content_hash = $2";
    PAID_TO_ACCOUNT = "select t.payment_id, t.attempt_no from payee_account v
        join payment p on p.book_id = v.book_id and p.payee_id = v.payee_id
        join attempt t on t.book_id = p.book_id and t.payment_id = p.payment_id
            and t.kind = 'pay' and t.account_version = v.version
        join outcome_now o on o.book_id = t.book_id and o.payment_id = t.payment_id
            and o.attempt_no = t.attempt_no and o.kind = 'paid'
        where v.book_id = $1 and v.account_no = $2 and p.amount_fen = $3
        and not exists (select 1 from outcome_now x where x.book_id = t.book_id
            and x.payment_id = t.payment_id and x.attempt_no = t.attempt_no
            and x.kind = 'refunded')
        order by t.payment_id, t.attempt_no limit 2";
    RETURNED = "select r.program_id, b.bank_account_id, cast(sum(p.amount_fen) as bigint)
        from refund_notice n
        join outcome o on o.book_id = n.book_id and o.source_id = n.notice_id
            and o.kind <> 'paid' and o.kind = 'refunded' and o.payment_id > 0
        join attempt t on t.book_id = o.book_id and t.payment_id = o.payment_id
            and t.attempt_no = o.attempt_no
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join payment p on p.book_id = o.book_id and p.payment_id = o.payment_id
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        where n.book_id = $1 and n.notice_id = $2
        and not exists (select 1 from exception x
            join exception_settlement c on c.book_id = x.book_id
                and c.exception_id = x.exception_id and c.effect = 'returned'
            where x.book_id = n.book_id and x.source = 'notice' and x.source_id = n.notice_id
            and x.line_no = o.line_no)
        group by r.program_id, b.bank_account_id order by r.program_id, b.bank_account_id";
}

/// A notice that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its number, of the series of statements: both are sources of refunds after success.
    pub id: StatementId,
    /// The file.
    pub file: FileId,
    /// Its layout.
    pub profile: String,
    /// SHA-256 over its sorted canonical lines.
    pub content_hash: Hash,
    /// How many lines.
    pub lines: i64,
    /// How many payments it returned.
    pub returned: i64,
    /// How many lines told what was known.
    pub repeated: i64,
    /// How many lines became differences.
    pub exceptions: i64,
    /// The sum of the returned payments.
    pub total: Fen,
    /// When it was imported.
    pub imported_on: String,
    /// The name of its file.
    pub file_name: String,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
}

/// All notices; without their hashes.
#[boxed]
pub async fn notices(tx: &mut Tx, book: BookId) -> Result<Vec<Notice>, StoreError> {
    let rows = tx.query(NOTICES, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Notice {
                id: StatementId(row.int(0)?),
                file: FileId(row.int(1)?),
                profile: row.text(2)?,
                content_hash: [0; 32],
                lines: row.int(3)?,
                returned: row.int(4)?,
                repeated: row.int(5)?,
                exceptions: row.int(6)?,
                total: Fen::new(row.int(7)?),
                imported_on: row.text(8)?,
                file_name: row.text(9)?,
                entry: row.int(10)?,
            })
        })
        .collect()
}

/// An earlier notice with the same content: its number and day.
#[boxed]
pub async fn same_content(
    tx: &mut Tx,
    book: BookId,
    content: &Hash,
) -> Result<Option<(StatementId, String)>, StoreError> {
    let args = [book.get().into(), content.to_vec().into()];
    let row = tx.query_opt(SAME_NOTICE, &args).await?;
    row.map(|row| Ok((StatementId(row.int(0)?), row.text(1)?)))
        .transpose()
}

/// The attempts that paid this amount to this account and have not come back: at most two, because
/// two are too many.
#[boxed]
pub async fn paid_to_account(
    tx: &mut Tx,
    book: BookId,
    account_no: &str,
    amount: Fen,
) -> Result<Vec<(PaymentId, i64)>, StoreError> {
    let args = [book.get().into(), account_no.into(), amount.get().into()];
    let rows = tx.query(PAID_TO_ACCOUNT, &args).await?;
    rows.iter()
        .map(|row| Ok((PaymentId(row.int(0)?), row.int(1)?)))
        .collect()
}

/// What a notice returned, by program and paying account; without lines that were differences.
#[boxed]
pub async fn returned(
    tx: &mut Tx,
    book: BookId,
    id: StatementId,
) -> Result<Vec<(ProgramId, BankAccountId, Fen)>, StoreError> {
    let rows = tx
        .query(RETURNED, &[book.get().into(), id.get().into()])
        .await?;
    rows.iter()
        .map(|row| {
            let at = (ProgramId(row.int(0)?), BankAccountId(row.int(1)?));
            Ok((at.0, at.1, Fen::new(row.int(2)?)))
        })
        .collect()
}

/// Stores a notice.
#[boxed]
pub async fn add_notice(write: &mut Write, n: &Notice) -> Result<(), Failure> {
    let row: [Value; 11] = [
        write.book().get().into(),
        n.id.get().into(),
        n.file.get().into(),
        n.profile.as_str().into(),
        n.content_hash.to_vec().into(),
        n.lines.into(),
        n.returned.into(),
        n.repeated.into(),
        n.exceptions.into(),
        n.total.get().into(),
        n.imported_on.as_str().into(),
    ];
    Ok(write.insert_one(&table::REFUND_NOTICE, row).await?)
}
