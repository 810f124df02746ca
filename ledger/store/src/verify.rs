//! Recomputes everything from the rows: entries, chain, Merkle root, every sealed row, the roots
//! of vouchers, file contents, and what is stored although it could be derived.

mod rates;
mod transfers;

use crate::boxed;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ledger::audit::hex;
use ledger::audit::merkle::{Frontier, Hash};
use ledger::audit::row::Field;
use ledger::audit::verify::{ChainCheck, Fault, FaultKind, Head, RowCheck, TableCheck};
use ledger::id::BookId;
use sha2::{Digest, Sha256};
use transfers::{Sums, TransferCheck, TransferReport, Vouchers};

use crate::agreement;
use crate::book::Book;
use crate::catalogue::sql;
use crate::db::{Db, Row, Tx, Value};
use crate::error::StoreError;
use crate::progress::Progress;
use crate::table::{self, Table};
use crate::write;

sql! {
    ENTRIES = "select sequence, bytes, leaf from audit_entry where book_id = $1
        order by sequence";
    HEAD = "select size, root, frontier, previous from book_head where book_id = $1";
    CONTENTS = "select file_id, sha256, size, content from stored_file where book_id = $1
        order by file_id";
    VOUCHERS = "select voucher_id, month, transfer_first, transfers, root, entry from voucher
        where book_id = $1 order by voucher_id";
    COUNTERS = "select name, next from counter where book_id = $1 order by name";
    NUMBERS = "select 'voucher', coalesce(max(voucher_id), 0) from voucher where book_id = $1
        union all select 'transfer', coalesce(max(transfer_id), 0) from transfer
            where book_id = $1
        union all select 'account', coalesce(max(account_id), 0) from account where book_id = $1
        union all select 'payment', coalesce(max(x.number), 0) from (
            select max(payment_id) as number from payment where book_id = $1
            union all select max(recovery_id) from recovery where book_id = $1) x
        union all select 'hand_over', coalesce(max(hand_over_id), 0) from hand_over
            where book_id = $1
        union all select 'file', coalesce(max(file_id), 0) from stored_file where book_id = $1
        union all select 'batch', coalesce(max(batch_id), 0) from batch where book_id = $1
        union all select 'party', coalesce(max(party_id), 0) from party where book_id = $1
        union all select 'award', coalesce(max(award_id), 0) from award where book_id = $1
        union all select 'run', coalesce(max(run_id), 0) from run where book_id = $1
        union all select 'exception', coalesce(max(exception_id), 0) from exception
            where book_id = $1
        union all select 'objection', coalesce(max(objection_id), 0) from objection
        union all select 'reduction', coalesce(max(reduction_id), 0) from reduction
            where book_id = $1
        union all select 'voucher:' || month, max(number) from voucher where book_id = $1
            group by month";
}

/// What a verification checked and found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Audit entries read and recomputed.
    pub entries: u64,
    /// Rows read and recomputed.
    pub rows: u64,
    /// The head recomputed from the entries.
    pub head: Head,
    /// What is wrong, the first first.
    pub faults: Vec<Fault>,
}

/// Verifies a whole book in one consistent reading. `kept` are heads of earlier days that were
/// kept elsewhere: a history that does not contain them was rewritten, cut or restored.
///
/// Two connections share the tables, each on a core of its own, and read them as they stream by:
/// memory grows with the entries, the vouchers and the largest packed file, not with the rows. A
/// verification that is dropped ends after the tables that are being read.
///
/// # Errors
/// Accidents of the store. What is wrong with the book is no error but a fault.
#[boxed]
pub async fn verify(
    db: &Db,
    book: &Book,
    kept: &[Head],
    progress: &Progress,
) -> Result<Verification, StoreError> {
    let (mut first, second) = readers(db, book.id).await?;
    let vouchers = Arc::new(Vouchers::load(&mut first, book.id).await?);
    let jobs = Jobs::all();
    let (tx, mut gathered) = match second {
        Some(second) => {
            let worker = |tx| {
                let (jobs, vouchers) = (jobs.share(), Arc::clone(&vouchers));
                tokio::spawn(work(tx, book.id, jobs, vouchers, progress.clone()))
            };
            let (one, other) = (worker(first), worker(second));
            let (tx, mut gathered) = joined(one).await?;
            let (other, also) = joined(other).await?;
            other.rollback().await?;
            gathered.merge(also);
            (tx, gathered)
        }
        // Not on this task either: it may be dropped in the middle of a table.
        None => {
            let worker = work(first, book.id, jobs.share(), vouchers, progress.clone());
            joined(tokio::spawn(worker)).await?
        }
    };
    let mut reading = Reading { tx, book: book.id };
    let mut check = RowCheck::new();
    let rows = std::mem::take(&mut gathered.tables);
    rows.into_iter().for_each(|table| check.table(table));
    let mut faults = gathered.malformed();
    let head = reading.entries(book, kept, check, &mut faults).await?;
    faults.append(&mut gathered.transfers.faults);
    faults.append(&mut gathered.contents);
    reading.balances(&gathered.transfers, &mut faults).await?;
    faults.append(&mut gathered.rates);
    reading.counters(&mut faults).await?;
    reading.tx.rollback().await?;
    Ok(Verification {
        entries: head.size,
        rows: gathered.rows,
        head,
        faults,
    })
}

/// How long a verification waits for a second connection before it goes on with one.
const SECOND_READER_WAIT: Duration = Duration::from_millis(500);
/// How often two readings are begun until both see the same state.
const SAME_STATE_TURNS: u32 = 20;

/// Two readings of the same state, or one when there is no second connection or the book changes
/// too fast.
///
/// A reading sees the state at its first statement, which here reads the head. Every command moves
/// the head of its book, so two readings with the same head see the same rows.
async fn readers(db: &Db, book: BookId) -> Result<(Tx, Option<Tx>), StoreError> {
    let mut first = db.begin_read().await?;
    for _ in 0..SAME_STATE_TURNS {
        let head = size_and_root(&mut first, book).await?;
        let Some(mut second) = db.begin_read_within(SECOND_READER_WAIT).await? else {
            break;
        };
        if size_and_root(&mut second, book).await? == head {
            return Ok((first, Some(second)));
        }
        first.rollback().await?;
        first = second;
        // The second one is the newer: it is now compared with one that is newer still.
    }
    Ok((first, None))
}

async fn size_and_root(tx: &mut Tx, book: BookId) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    let row = tx.query_opt(HEAD, &[book.get().into()]).await?;
    row.map(|row| Ok((row.int(0)?, row.bytes(1)?))).transpose()
}

/// What one reader does at a time.
#[derive(Clone, Copy, Debug)]
enum Job {
    /// Reads and hashes the rows of a table.
    Rows(&'static Table),
    /// Unpacks and hashes the content of the stored files.
    Contents,
    /// Counts the success rates anew.
    Rates,
}

/// What is left to do. Dropping the owner's end takes it all back.
struct Jobs(Shared);

type Shared = Arc<Mutex<VecDeque<Job>>>;

impl Jobs {
    /// Large tables first, so that the readers end at about the same time.
    fn all() -> Jobs {
        const LARGE: [&str; 8] = [
            "transfer",
            "payment_line",
            "outcome",
            "payment",
            "attempt",
            "party",
            "award",
            "payee_account",
        ];
        let rank = |table: &Table| {
            let place = LARGE.iter().position(|large| *large == table.spec.table);
            place.unwrap_or(LARGE.len())
        };
        let mut tables = table::ALL.to_vec();
        tables.sort_by_key(|table| rank(table));
        let (large, small) = tables.split_at(LARGE.len());
        let rows = |tables: &[&'static Table]| {
            let jobs: Vec<Job> = tables.iter().map(|table| Job::Rows(table)).collect();
            jobs
        };
        let others = [Job::Rates, Job::Contents];
        let mut jobs = rows(large);
        // After the transfers, which take longest.
        jobs.splice(1..1, others);
        jobs.extend(rows(small));
        Jobs(Arc::new(Mutex::new(jobs.into())))
    }

    fn share(&self) -> Shared {
        Arc::clone(&self.0)
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        left.clear();
    }
}

/// What the readers found.
#[derive(Default)]
struct Gathered {
    tables: Vec<TableCheck>,
    rows: u64,
    /// Tables with values of a wrong type, and how many.
    unfit: Vec<(&'static str, u64)>,
    transfers: TransferReport,
    contents: Vec<Fault>,
    rates: Vec<Fault>,
}

impl Gathered {
    fn merge(&mut self, other: Gathered) {
        self.tables.extend(other.tables);
        self.rows += other.rows;
        self.unfit.extend(other.unfit);
        self.contents.extend(other.contents);
        self.rates.extend(other.rates);
        // Only one of them had the transfers.
        if self.transfers.totals.is_empty() && self.transfers.faults.is_empty() {
            self.transfers = other.transfers;
        }
    }

    fn malformed(&mut self) -> Vec<Fault> {
        self.unfit.sort_unstable();
        let found = self.unfit.iter().map(|(table, count)| {
            let zh = format!("有 {count} 个值的类型不对");
            let en = format!("{count} values have a wrong type");
            fault(table, None, None, FaultKind::Malformed, zh, en)
        });
        found.collect()
    }
}

/// Does jobs until none is left; gives the reading back.
async fn work(
    mut tx: Tx,
    book: BookId,
    jobs: Shared,
    vouchers: Arc<Vouchers>,
    progress: Progress,
) -> Result<(Tx, Gathered), StoreError> {
    let mut gathered = Gathered::default();
    loop {
        let job = jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        match job {
            Some(Job::Rows(table)) => {
                let told = (&mut gathered, &progress);
                let unfit = rows(&mut tx, book, table, &vouchers, told).await?;
                if unfit > 0 {
                    gathered.unfit.push((table.spec.table, unfit));
                }
            }
            Some(Job::Contents) => contents(&mut tx, book, &mut gathered.contents).await?,
            Some(Job::Rates) => gathered.rates = rates::check(&mut tx, book).await?,
            None => return Ok((tx, gathered)),
        }
    }
}

async fn joined<T>(
    worker: tokio::task::JoinHandle<Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let broken = |_| StoreError::inconsistent("verification", "reader");
    worker.await.map_err(broken)?
}

/// Reads and hashes every row of a table. Returns how many values have a wrong type.
async fn rows(
    tx: &mut Tx,
    book: BookId,
    table: &'static Table,
    vouchers: &Arc<Vouchers>,
    (gathered, progress): (&mut Gathered, &Progress),
) -> Result<u64, StoreError> {
    let mut check = TableCheck::new(&table.spec);
    let mut steps = progress.steps();
    let width = table.spec.columns.len();
    let numbers = [book.get()];
    let unfit = if table.spec.table == table::TRANSFER.spec.table {
        let mut transfers = TransferCheck::new(Arc::clone(vouchers));
        let read = tx.scan(table.select, &numbers, |fields| {
            let (entry, seal) = stamp(table, fields)?;
            transfers.push(fields, check.push(entry, seal, &fields[..width]));
            steps.one();
            Ok::<(), StoreError>(())
        });
        let unfit = read.await?;
        gathered.transfers = transfers.finish();
        unfit
    } else {
        let read = tx.scan(table.select, &numbers, |fields| {
            let (entry, seal) = stamp(table, fields)?;
            check.push(entry, seal, &fields[..width]);
            steps.one();
            Ok::<(), StoreError>(())
        });
        read.await?
    };
    gathered.rows += check.rows();
    gathered.tables.push(check);
    Ok(unfit)
}

/// The entry and the seal, which stand after the sealed columns.
#[inline]
fn stamp(table: &Table, fields: &[Field<'_>]) -> Result<(i64, i64), StoreError> {
    match fields {
        [.., Field::Int(entry), Field::Int(seal)] => Ok((*entry, *seal)),
        _ => Err(StoreError::inconsistent(table.spec.table, "entry")),
    }
}

/// A file's content has the SHA-256 that its row seals.
async fn contents(tx: &mut Tx, book: BookId, faults: &mut Vec<Fault>) -> Result<(), StoreError> {
    let mut piece = vec![0; PIECE_BYTES];
    let numbers = [book.get()];
    let read = tx.scan(CONTENTS, &numbers, |fields| {
        let [Field::Int(id), sha256, Field::Int(size), content] = *fields else {
            return Err(StoreError::inconsistent("stored_file", "size"));
        };
        let same = match (sha256, content) {
            (Field::Bytes(sha256), Field::Bytes(packed)) => {
                digest(packed, size, &mut piece).is_some_and(|found| found == sha256)
            }
            _ => false,
        };
        if !same {
            let zh = format!("文件 {id} 的内容被改动");
            let en = format!("the content of file {id} was altered");
            let (field, kind) = (Some("content"), FaultKind::Altered);
            faults.push(fault("stored_file", Some(id), field, kind, zh, en));
        }
        Ok(())
    });
    read.await.map(|_| ())
}

/// Bytes of a file that are unpacked and hashed at once.
const PIECE_BYTES: usize = 128 * 1024;

/// The SHA-256 of a packed file, unpacked piece by piece; none when it is not of this size.
fn digest(packed: &[u8], size: i64, piece: &mut [u8]) -> Option<[u8; 32]> {
    let mut left = u64::try_from(size).ok()?;
    let mut content = zstd::stream::read::Decoder::with_buffer(packed).ok()?;
    let mut hash = Sha256::new();
    loop {
        let length = content.read(piece).ok()?;
        let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else {
            return (left == 0).then(|| hash.finalize().into());
        };
        // A file that unpacks to more than it should is not unpacked to its end.
        left = left.checked_sub(u64::try_from(length).ok()?)?;
        hash.update(bytes);
    }
}

/// The reading that what is small is taken from in the end.
struct Reading {
    tx: Tx,
    book: BookId,
}

impl Reading {
    /// The entries by themselves, and the rows against them.
    async fn entries(
        &mut self,
        book: &Book,
        kept: &[Head],
        mut check: RowCheck,
        faults: &mut Vec<Fault>,
    ) -> Result<Head, StoreError> {
        let mut chain = ChainCheck::new(&book.code);
        for head in kept {
            chain.expect(*head);
        }
        let numbers = [self.book.get()];
        let read = self.tx.scan(ENTRIES, &numbers, |fields| {
            let [
                Field::Int(sequence),
                Field::Bytes(bytes),
                Field::Bytes(leaf),
            ] = *fields
            else {
                return Err(StoreError::inconsistent("audit_entry", "bytes"));
            };
            match chain.push(sequence, bytes, leaf) {
                Ok(entry) => check.entry(&entry),
                Err(fault) => {
                    faults.push(*fault);
                    check.skip(sequence.cast_unsigned());
                }
            }
            Ok(())
        });
        read.await?;
        let stored = stored_head(&mut self.tx, self.book, faults).await?;
        let chain = chain.finish(stored);
        faults.extend(chain.faults);
        faults.extend(check.finish().faults);
        // An empty trail comes before everything that follows from it.
        faults.sort_by_key(|fault| match fault.kind {
            FaultKind::Nothing => 0,
            _ => fault.entry.unwrap_or(u64::MAX),
        });
        Ok(chain.head)
    }

    /// Stored balances are the sums of the transfers, in total and by month.
    async fn balances(
        &mut self,
        found: &TransferReport,
        faults: &mut Vec<Fault>,
    ) -> Result<(), StoreError> {
        let (totals, months) = agreement::stored_sums(&mut self.tx, self.book).await?;
        let named = found
            .totals
            .iter()
            .map(|(id, sums)| (id.to_string(), *sums));
        let computed: BTreeMap<String, Sums> = named.collect();
        let stored = totals.into_iter().filter(|row| (row.1, row.2) != (0, 0));
        let stored = stored.map(|(id, debit, credit)| (id.to_string(), wide(debit, credit)));
        differing("account_total", &computed, &stored.collect(), faults);
        let named = found.months.iter();
        let named = named.map(|((id, month), sums)| (format!("{id}/{month}"), *sums));
        let stored = months.into_iter();
        let stored =
            stored.map(|(id, month, debit, credit)| (format!("{id}/{month}"), wide(debit, credit)));
        let (computed, stored) = (named.collect(), stored.collect());
        differing("account_month", &computed, &stored, faults);
        Ok(())
    }
}

fn wide(debit: i64, credit: i64) -> Sums {
    (debit.into(), credit.into())
}

async fn stored_head(
    tx: &mut Tx,
    book: BookId,
    faults: &mut Vec<Fault>,
) -> Result<Option<Head>, StoreError> {
    let Some(row) = tx.query_opt(HEAD, &[book.get().into()]).await? else {
        let (zh, en) = ("链头不见了".to_owned(), "the head row is gone".to_owned());
        faults.push(fault("book_head", None, None, FaultKind::Removed, zh, en));
        return Ok(None);
    };
    let size = row.int(0)?.cast_unsigned();
    let root = write::hash(row.bytes_ref(1)?)?;
    let frontier = Frontier::from_bytes(size, row.bytes_ref(2)?).map(|frontier| frontier.root());
    if frontier != Ok(root) {
        let zh = "链头的前沿与根不符".to_owned();
        let en = "the frontier of the head does not give its root".to_owned();
        faults.push(fault(
            "book_head",
            None,
            Some("frontier"),
            FaultKind::Altered,
            zh,
            en,
        ));
    }
    Ok(Some(Head { size, root }))
}

fn differing(
    table: &str,
    computed: &BTreeMap<String, Sums>,
    stored: &BTreeMap<String, Sums>,
    faults: &mut Vec<Fault>,
) {
    let keys: std::collections::BTreeSet<&String> = computed.keys().chain(stored.keys()).collect();
    for key in keys {
        let (computed, stored) = (computed.get(key), stored.get(key));
        if computed == stored {
            continue;
        }
        let (kind, field) = match (computed, stored) {
            (_, None) => (FaultKind::Removed, None),
            (None, _) => (FaultKind::Inserted, None),
            (Some(a), Some(b)) if a.0 == b.0 => (FaultKind::Altered, Some("credit_fen")),
            _ => (FaultKind::Altered, Some("debit_fen")),
        };
        let zh = format!("{table} {key} 的余额与分录合计不符");
        let en = format!("the balance {table} {key} is not the sum of its transfers");
        let mut found = fault(table, None, field, kind, zh, en);
        found.row = Some(key.clone());
        faults.push(found);
    }
}

impl Reading {
    /// The next number of each kind follows the highest one given.
    async fn counters(&mut self, faults: &mut Vec<Fault>) -> Result<(), StoreError> {
        let args = [self.book.get().into()];
        let mut next = HashMap::new();
        for row in self.tx.query(COUNTERS, &args).await? {
            next.insert(row.text(0)?, row.int(1)?);
        }
        for row in self.tx.query(NUMBERS, &args).await? {
            let (name, highest) = (row.text(0)?, row.int(1)?);
            let stored = next.get(&name).copied().unwrap_or(1);
            if stored != highest + 1 {
                let zh = format!("编号 {name} 的下一个是 {stored},最大的已用编号是 {highest}");
                let en =
                    format!("the next {name} number is {stored}, the highest given is {highest}");
                let mut found = fault("counter", None, Some("next"), FaultKind::Altered, zh, en);
                found.row = Some(name);
                faults.push(found);
            }
        }
        Ok(())
    }
}

fn fault(
    table: &str,
    row: Option<i64>,
    field: Option<&str>,
    kind: FaultKind,
    zh: String,
    en: String,
) -> Fault {
    Fault {
        entry: None,
        table: Some(table.to_owned()),
        row: row.map(|row| row.to_string()),
        field: field.map(str::to_owned),
        kind,
        zh,
        en,
    }
}

/// What an export for independent recomputation hands out, in its order.
pub enum Exported<'a> {
    /// A row of a sealed table.
    Row(&'static Table, &'a Row),
    /// An entry: sequence, bytes, leaf.
    Entry(i64, &'a [u8], &'a [u8]),
}

/// Hands out every row of every sealed table, then every entry.
pub async fn export<E: From<StoreError>>(
    tx: &mut Tx,
    book: BookId,
    mut receive: impl FnMut(Exported<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let args = [Value::Int(book.get())];
    for table in table::ALL {
        tx.stream(table.select, &args, |row| {
            receive(Exported::Row(table, row))
        })
        .await?;
    }
    tx.stream(ENTRIES, &args, |row| {
        receive(Exported::Entry(
            row.int(0)?,
            row.bytes_ref(1)?,
            row.bytes_ref(2)?,
        ))
    })
    .await
}

/// The hash of a head in short, as it is printed on paper: first and last 8 digits.
pub fn short_root(root: &Hash) -> String {
    let text = hex::encode(root);
    format!("{}…{}", &text[..8], &text[56..])
}
