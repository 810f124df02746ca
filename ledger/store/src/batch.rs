//! Batches, the attempts in them, and the files that go out and come in.

use std::collections::BTreeMap;

use crate::boxed;
use ledger::audit::entry::FileRef;
use ledger::audit::merkle::Hash;
use ledger::audit::row::Field;
use ledger::id::{
    AppropriationId, BankAccountId, BatchId, BookId, FileId, PartyId, PaymentId, RunId,
};
use ledger::money::Fen;
use sha2::{Digest, Sha256};

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::error::StoreError;
use crate::payment::pages;
use crate::seal::Loader;
use crate::table;
use crate::write::{self, Write};

sql! {
    BATCHES = "select b.batch_id, b.batch_no, b.run_id, b.bank_account_id, b.profile, b.file_id,
        b.file_name, b.sent_on, b.payments, b.total_fen, b.entry, f.sha256 from batch b
        join stored_file f on f.book_id = b.book_id and f.file_id = b.file_id
        where b.book_id = $1 order by b.batch_id";
    FILE = "select file_id, kind, name, sha256, size, content from stored_file
        where book_id = $1 and file_id = $2";
    FILE_BY_HASH = "select file_id, entry from stored_file
        where book_id = $1 and kind = $2 and sha256 = $3 order by file_id limit 1";
    BATCH_ITEMS = "select t.payment_id, t.attempt_no, t.line_no, p.amount_fen, a.account_no,
        a.holder_name, t.appropriation_id, p.payee_id, p.run_id, p.area_id, o.kind,
        (select (coalesce(max(v.step), 0) + 1) / 2 * 2 + 1 from outcome_void v
            where v.book_id = t.book_id and v.payment_id = t.payment_id
            and v.attempt_no = t.attempt_no) from attempt t
        join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
        join payee_account a on a.book_id = p.book_id and a.payee_id = p.payee_id
            and a.version = t.account_version
        left join outcome_now o on o.book_id = t.book_id and o.payment_id = t.payment_id
            and o.attempt_no = t.attempt_no and o.kind in ('paid', 'failed')
        where t.book_id = $1 and t.batch_id = $2 and t.line_no > $3 and t.line_no <= $4
        order by t.line_no";
    // The same before the first answer, without looking for one.
    NEW_BATCH_ITEMS = "select t.payment_id, t.attempt_no, t.line_no, p.amount_fen, a.account_no,
        a.holder_name, t.appropriation_id, p.payee_id, p.run_id, p.area_id, cast(null as text),
        cast(1 as bigint) from attempt t
        join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
        join payee_account a on a.book_id = p.book_id and a.payee_id = p.payee_id
            and a.version = t.account_version
        where t.book_id = $1 and t.batch_id = $2 and t.line_no > $3 and t.line_no <= $4
        order by t.line_no";
    // An answer comes by a return of the batch, or by settling a difference.
    ANSWERED = "select cast(count(*) as bigint) where
        exists (select 1 from return_file f where f.book_id = $1 and f.batch_id = $2)
        or exists (select 1 from exception_settlement s
            join attempt t on t.book_id = s.book_id and t.payment_id = s.payment_id
                and t.attempt_no = s.attempt_no
            where s.book_id = $1 and t.batch_id = $2)";
    SOURCES = "select t.batch_id, f.batch_id, max(t.attempt_no) from run r
        join batch b on b.book_id = r.book_id and b.run_id = r.run_id
        cross join attempt t
        join attempt f on f.book_id = t.book_id and f.payment_id = t.payment_id
            and f.attempt_no = 1
        where r.book_id = $1 and r.kind = 're-pay'
        and t.book_id = b.book_id and t.batch_id = b.batch_id and t.line_no > 0
        and t.kind = 'pay'
        group by t.batch_id, f.batch_id order by t.batch_id, f.batch_id";
    PARTS_OF_BATCH = "select d.payment_id, d.attempt_no, d.appropriation_id, d.amount_fen
        from draw_part d join attempt t on t.book_id = d.book_id
            and t.payment_id = d.payment_id and t.attempt_no = d.attempt_no
        where t.book_id = $1 and t.batch_id = $2 order by d.payment_id, d.attempt_no, d.part";
    PARTS_OF_ATTEMPT = "select appropriation_id, amount_fen from draw_part
        where book_id = $1 and payment_id = $2 and attempt_no = $3 order by part";
    OPEN_OF_BATCHES = "select t.batch_id, cast(count(*) as bigint) from batch b
        cross join attempt t
        where b.book_id = $1 and b.run_id = $2
        and t.book_id = b.book_id and t.batch_id = b.batch_id and t.line_no > 0
        and t.kind = 'pay' and not exists (select 1 from outcome_now o where o.book_id = t.book_id
            and o.payment_id = t.payment_id and o.attempt_no = t.attempt_no)
        group by t.batch_id";
    OPEN_ATTEMPTS = "select cast(count(*) as bigint) from batch b
        cross join attempt t
        where b.book_id = $1 and b.run_id = $2
        and t.book_id = b.book_id and t.batch_id = b.batch_id and t.line_no > 0
        and t.kind = 'pay' and not exists (select 1 from outcome_now o where o.book_id = t.book_id
            and o.payment_id = t.payment_id and o.attempt_no = t.attempt_no)";
}

/// 代发批 as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its number.
    pub id: BatchId,
    /// The number that the bank sees.
    pub number: String,
    /// Of which run.
    pub run: RunId,
    /// From which account.
    pub bank_account: BankAccountId,
    /// In which layout.
    pub profile: String,
    /// The file.
    pub file: FileId,
    /// Its unique name.
    pub file_name: String,
    /// When it went out.
    pub sent_on: String,
    /// Control total: payments.
    pub payments: i64,
    /// Control total: amount.
    pub total: Fen,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
    /// SHA-256 of the file.
    pub sha256: Hash,
}

/// A file as stored, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its number.
    pub id: FileId,
    /// `batch`, `return`, `statement`, `roster`, `policy`.
    pub kind: String,
    /// The name it came or went with.
    pub name: String,
    /// SHA-256 of the content.
    pub sha256: Hash,
    /// The bytes.
    pub content: Vec<u8>,
}

/// An attempt to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Of which payment.
    pub payment: PaymentId,
    /// Its number.
    pub number: i64,
    /// In which batch.
    pub batch: BatchId,
    /// On which line of it, from 1.
    pub line_no: i64,
    /// To which version of the payee's account.
    pub account_version: i64,
    /// The appropriations that it draws on.
    pub draws: Vec<(AppropriationId, Fen)>,
}

/// One line of a batch with what is known of it. Name and number identify a person.
#[derive(Clone)]
pub struct BatchItem {
    /// Of which payment.
    pub payment: PaymentId,
    /// Which attempt.
    pub attempt: i64,
    /// On which line.
    pub line_no: i64,
    /// How much.
    pub amount: Fen,
    /// To which account.
    pub account_no: String,
    /// In whose name.
    pub holder_name: String,
    /// The appropriations that it drew on.
    pub draws: Vec<(AppropriationId, Fen)>,
    /// `paid` or `failed` when the bank has answered.
    pub answered: Option<String>,
    /// The step that its next answer takes: 1, and more when earlier answers were voided.
    pub step: i64,
    /// To whom.
    pub payee: PartyId,
    /// The run that owes it.
    pub run: RunId,
    /// Where the household lives.
    pub area: i64,
}

/// Keeps a file for ever and names it in the audit entry.
#[boxed]
pub async fn store_file(
    write: &mut Write,
    kind: &str,
    name: &str,
    content: &[u8],
) -> Result<StoredFile, Failure> {
    let id = FileId(write.allot("file", 1).await?);
    let sha256: Hash = Sha256::digest(content).into();
    let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
    let row: [Value; 7] = [
        write.book().get().into(),
        id.get().into(),
        kind.into(),
        name.into(),
        sha256.to_vec().into(),
        size.into(),
        pack(content)?.into(),
    ];
    write.insert_one(&table::STORED_FILE, row).await?;
    write.file(FileRef {
        id: id.to_string(),
        name: name.to_owned(),
        sha256,
        bytes_count: size.cast_unsigned(),
    });
    Ok(StoredFile {
        id,
        kind: kind.to_owned(),
        name: name.to_owned(),
        sha256,
        content: content.to_vec(),
    })
}

/// A stored file.
#[boxed]
pub async fn file(tx: &mut Tx, book: BookId, id: FileId) -> Result<Option<StoredFile>, StoreError> {
    let row = tx
        .query_opt(FILE, &[book.get().into(), id.get().into()])
        .await?;
    row.map(|row| {
        Ok(StoredFile {
            id: FileId(row.int(0)?),
            kind: row.text(1)?,
            name: row.text(2)?,
            sha256: write::hash(row.bytes_ref(3)?)?,
            content: unpack(row.bytes_ref(5)?, row.int(4)?)?,
        })
    })
    .transpose()
}

/// How hard files are packed: a fifth of their size at 400 MB/s.
const PACK_LEVEL: i32 = 1;

fn pack(content: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::compress(content, PACK_LEVEL)
        .map_err(|_| StoreError::inconsistent("stored_file", "content"))
}

/// The bytes of a file of so many bytes, as they were before they were packed.
///
/// # Errors
/// When they are not what [`store_file`] made, or not so many.
pub(crate) fn unpack(packed: &[u8], size: i64) -> Result<Vec<u8>, StoreError> {
    let bad = || StoreError::inconsistent("stored_file", "content");
    let size = usize::try_from(size).map_err(|_| bad())?;
    let content = zstd::bulk::decompress(packed, size).map_err(|_| bad())?;
    (content.len() == size).then_some(content).ok_or_else(bad)
}

/// The number of an earlier file of this kind with the same bytes.
#[boxed]
pub async fn file_by_hash(
    tx: &mut Tx,
    book: BookId,
    kind: &str,
    content: &[u8],
) -> Result<Option<FileId>, StoreError> {
    let sha256 = Sha256::digest(content).to_vec();
    let row = tx
        .query_opt(
            FILE_BY_HASH,
            &[book.get().into(), kind.into(), sha256.into()],
        )
        .await?;
    row.map(|row| Ok(FileId(row.int(0)?))).transpose()
}

/// All batches.
#[boxed]
pub async fn batches(tx: &mut Tx, book: BookId) -> Result<Vec<Batch>, StoreError> {
    tx.query(BATCHES, &[book.get().into()])
        .await?
        .iter()
        .map(batch_of)
        .collect()
}

/// Stores a batch.
#[boxed]
pub async fn add_batch(write: &mut Write, batch: &Batch) -> Result<(), Failure> {
    let row: [Value; 11] = [
        write.book().get().into(),
        batch.id.get().into(),
        batch.number.as_str().into(),
        batch.run.get().into(),
        batch.bank_account.get().into(),
        batch.profile.as_str().into(),
        batch.file.get().into(),
        batch.file_name.as_str().into(),
        batch.sent_on.as_str().into(),
        batch.payments.into(),
        batch.total.get().into(),
    ];
    Ok(write.insert_one(&table::BATCH, row).await?)
}

/// Stores attempts and their draws, in payment order.
///
/// # Errors
/// [`ledger::problem::Kind::PaymentLive`] when one of the payments has a live or paid attempt.
#[boxed]
pub async fn add_attempts(write: &mut Write, attempts: &[Attempt]) -> Result<(), Failure> {
    let mut loader = Loader::new(&table::ATTEMPT);
    let mut parts = RowBuffer::of(&table::DRAW_PART);
    let book = write.book().get();
    for attempt in attempts {
        let (payment, number) = (attempt.payment.get(), attempt.number);
        let single = match attempt.draws.as_slice() {
            [(appropriation, _)] => Some(appropriation.get()),
            draws => {
                for (part, (appropriation, amount)) in (1_i64..).zip(draws) {
                    parts.int(book).int(payment).int(number).int(part);
                    parts.int(appropriation.get()).int(amount.get()).end();
                }
                None
            }
        };
        let row = loader.rows();
        row.int(book).int(payment).int(number).text("pay");
        row.int(attempt.batch.get()).int(attempt.line_no);
        row.int(attempt.account_version).opt_int(single).end();
        loader.step(write).await?;
    }
    loader.finish(write).await?;
    Ok(write.insert(&table::DRAW_PART, parts).await?)
}

/// The lines of a batch with their draws and answers.
#[boxed]
pub async fn items(tx: &mut Tx, book: BookId, batch: &Batch) -> Result<Vec<BatchItem>, StoreError> {
    let args = [book.get().into(), batch.id.get().into()];
    let mut parts = std::collections::HashMap::<(i64, i64), Vec<(AppropriationId, Fen)>>::new();
    for row in tx.query(PARTS_OF_BATCH, &args).await? {
        parts
            .entry((row.int(0)?, row.int(1)?))
            .or_default()
            .push((AppropriationId(row.int(2)?), Fen::new(row.int(3)?)));
    }
    let sql = match tx.query_one(ANSWERED, &args).await?.int(0)? {
        0 => NEW_BATCH_ITEMS,
        _ => BATCH_ITEMS,
    };
    let mut items = Vec::new();
    for (after, last) in pages(tx.engine(), 0, batch.payments) {
        let numbers = [book.get(), batch.id.get(), after, last];
        tx.scan(sql, &numbers, |row| {
            let mut item = batch_item_of(row)?;
            if item.draws.is_empty() {
                let key = (item.payment.get(), item.attempt);
                item.draws = parts.remove(&key).unwrap_or_default();
            }
            items.push(item);
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    Ok(items)
}

/// Some lines of a batch, from one place to another, with what the bank has answered; without the
/// parts of a draw that straddles a boundary.
#[boxed]
pub async fn items_between(
    tx: &mut Tx,
    book: BookId,
    batch: &Batch,
    (after, last): (i64, i64),
) -> Result<Vec<BatchItem>, StoreError> {
    let numbers = [book.get(), batch.id.get(), after, last];
    let mut items = Vec::new();
    tx.scan(BATCH_ITEMS, &numbers, |row| {
        items.push(batch_item_of(row)?);
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(items)
}

fn batch_item_of(row: &[Field<'_>]) -> Result<BatchItem, StoreError> {
    let [
        Field::Int(payment),
        Field::Int(attempt),
        Field::Int(line_no),
        Field::Int(amount),
        Field::Text(account_no),
        Field::Text(holder_name),
        drawn,
        Field::Int(payee),
        Field::Int(run),
        Field::Int(area),
        answered,
        Field::Int(step),
    ] = *row
    else {
        return Err(StoreError::inconsistent("attempt", "line"));
    };
    let amount = Fen::new(amount);
    Ok(BatchItem {
        payment: PaymentId(payment),
        attempt,
        line_no,
        amount,
        account_no: account_no.to_owned(),
        holder_name: holder_name.to_owned(),
        draws: match drawn {
            Field::Int(appropriation) => vec![(AppropriationId(appropriation), amount)],
            _ => Vec::new(),
        },
        answered: match answered {
            Field::Text(kind) => Some(kind.to_owned()),
            _ => None,
        },
        step,
        payee: PartyId(payee),
        run: RunId(run),
        area,
    })
}

/// The appropriations of an attempt that straddles a boundary; empty when it does not.
#[boxed]
pub async fn parts_of(
    tx: &mut Tx,
    book: BookId,
    payment: PaymentId,
    attempt: i64,
) -> Result<Vec<(AppropriationId, Fen)>, StoreError> {
    let args = [book.get().into(), payment.get().into(), attempt.into()];
    let rows = tx.query(PARTS_OF_ATTEMPT, &args).await?;
    rows.iter()
        .map(|row| Ok((AppropriationId(row.int(0)?), Fen::new(row.int(1)?))))
        .collect()
}

/// The batches that sent first what a batch sends again, each with the round that it is now.
#[boxed]
pub async fn sources(
    tx: &mut Tx,
    book: BookId,
) -> Result<BTreeMap<BatchId, Vec<(BatchId, i64)>>, StoreError> {
    let mut sources: BTreeMap<BatchId, Vec<(BatchId, i64)>> = BTreeMap::new();
    for row in tx.query(SOURCES, &[book.get().into()]).await? {
        let source = (BatchId(row.int(1)?), row.int(2)?);
        sources
            .entry(BatchId(row.int(0)?))
            .or_default()
            .push(source);
    }
    Ok(sources)
}

/// How many attempts of a run the bank has not answered.
#[boxed]
pub async fn open_attempts(tx: &mut Tx, book: BookId, run: RunId) -> Result<i64, StoreError> {
    tx.query_one(OPEN_ATTEMPTS, &[book.get().into(), run.get().into()])
        .await?
        .int(0)
}

/// The same by batch; a batch that is answered in full is not there.
#[boxed]
pub async fn open_of_batches(
    tx: &mut Tx,
    book: BookId,
    run: RunId,
) -> Result<BTreeMap<BatchId, i64>, StoreError> {
    let args = [book.get().into(), run.get().into()];
    let rows = tx.query(OPEN_OF_BATCHES, &args).await?;
    let count = |row: &Row| Ok((BatchId(row.int(0)?), row.int(1)?));
    rows.iter().map(count).collect()
}

fn batch_of(row: &Row) -> Result<Batch, StoreError> {
    Ok(Batch {
        id: BatchId(row.int(0)?),
        number: row.text(1)?,
        run: RunId(row.int(2)?),
        bank_account: BankAccountId(row.int(3)?),
        profile: row.text(4)?,
        file: FileId(row.int(5)?),
        file_name: row.text(6)?,
        sent_on: row.text(7)?,
        payments: row.int(8)?,
        total: Fen::new(row.int(9)?),
        entry: row.int(10)?,
        sha256: write::hash(row.bytes_ref(11)?)?,
    })
}
