//! The unit of work: a change and its audit entry in one transaction.
//!
//! [`Write::begin`] locks the head row of the book, so one command at a time writes to a book and
//! nothing else needs a lock. Rows are sealed as they are loaded ([`crate::seal`]).
//! [`Write::commit`] appends the entry that names every table touched with the Merkle root of its
//! new rows, and moves the head.
//! A `Write` that is dropped leaves nothing behind.

use crate::boxed;
use std::collections::BTreeMap;

use ledger::audit::canonical::Json;
use ledger::audit::entry::{Actor, Entry, FileRef, ObjectRef};
use ledger::audit::merkle::{self, Frontier, Hash};
use ledger::audit::row::Field;
use ledger::calendar::Moment;
use ledger::id::BookId;

use crate::catalogue::sql;
use crate::db::{Db, Engine, RowBuffer, Savepoint, Tx, Value};
use crate::dialect::Pair;
use crate::error::StoreError;
use crate::roster::json_text;
use crate::seal::Sealer;
use crate::table::Table;

sql! {
    LOCK_HEAD = "update book_head set size = size where book_id = $1
        returning size, root, frontier, previous";
    MOVE_HEAD = "update book_head set size = $2, root = $3, frontier = $4, previous = $5
        where book_id = $1 and size = $2 - 1";
    APPEND_ENTRY = "insert into audit_entry (book_id, sequence, bytes, leaf)
        values ($1, $2, $3, $4)";
    NEXT = "select next from counter where book_id = $1 and name = $2";
    TALLY_REFUSAL = "insert into refusal_tally (book_id, minute, fingerprint, refusals)
        values ($1, $2, $3, 1)
        on conflict (book_id, minute, fingerprint)
        do update set refusals = refusal_tally.refusals + 1 returning refusals";
    FIND_COMMAND = "select kind, request, answer from command
        where book_id = $1 and command_key = $2";
    TOLD_COMMAND = "select kind, request, answer, entry from command
        where book_id = $1 and command_key = $2";
}

/// Keeps the next numbers of several kinds, which come as one JSON object; unpacking it differs.
const KEEP_NEXT: Pair = Pair {
    sqlite: "insert into counter (book_id, name, next)
        select $1, j.key, j.value from json_each($2) j where true
        on conflict (book_id, name) do update set next = excluded.next",
    postgres: "insert into counter (book_id, name, next)
        select $1, j.key, cast(j.value as bigint) from jsonb_each_text(cast($2 as jsonb)) j
        on conflict (book_id, name) do update set next = excluded.next",
};

/// One command's change to one book, not yet committed.
#[derive(Debug)]
pub struct Write {
    db: Db,
    tx: Tx,
    book: BookId,
    sequence: i64,
    previous: Hash,
    frontier: Frontier,
    sets: BTreeMap<&'static str, Sealer>,
    counters: Counters,
    objects: Vec<ObjectRef>,
    files: Vec<FileRef>,
}

/// The next number of each kind that was asked for, and whether some were given.
type Counters = BTreeMap<String, (i64, bool)>;

/// A mark that a command can go back to; see [`Write::rollback_to`].
#[derive(Debug)]
#[must_use = "end a mark by rollback_to, or by committing"]
pub struct Mark {
    savepoint: Savepoint,
    counters: Counters,
    sets: BTreeMap<&'static str, Sealer>,
    named: (usize, usize),
}

/// What the audit entry says beside what the unit of work knows itself.
#[derive(Clone, Debug)]
pub struct Record {
    /// The code of the book.
    pub book_code: String,
    /// When.
    pub time: Moment,
    /// What: `run.approve`, `roster.import.refused`.
    pub kind: String,
    /// Who.
    pub actor: Actor,
    /// The caller's key of the command.
    pub key: Option<String>,
    /// Why, where a reason is asked.
    pub reason: Option<String>,
    /// Further facts; money and ids as text.
    pub data: BTreeMap<String, Json>,
}

/// Proof that a command was recorded: its place in the audit trail and the head after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The sequence number of the entry.
    pub sequence: i64,
    /// The Merkle root over all entries up to it.
    pub root: Hash,
}

/// An earlier command with the same key.
#[derive(Clone, Debug)]
pub struct EarlierCommand {
    /// Its kind.
    pub kind: String,
    /// Its input, as canonical text.
    pub request: String,
    /// The answer it was given.
    pub answer: String,
}

impl Write {
    /// Opens a transaction and locks the head of the book: other writers of this book wait.
    ///
    /// # Errors
    /// [`StoreError::RowCount`] when there is no such book.
    #[boxed]
    pub async fn begin(db: &Db, book: BookId) -> Result<Write, StoreError> {
        let mut tx = db.begin_write().await?;
        let head = tx.query_one(LOCK_HEAD, &[book.get().into()]).await?;
        let size = head.int(0)?;
        let frontier = Frontier::from_bytes(size.cast_unsigned(), head.bytes_ref(2)?)
            .map_err(|_| StoreError::inconsistent("book_head", "frontier"))?;
        if frontier.root().as_slice() != head.bytes_ref(1)? {
            return Err(StoreError::inconsistent("book_head", "root"));
        }
        let previous = hash(head.bytes_ref(3)?)?;
        Ok(Write {
            db: db.clone(),
            tx,
            book,
            sequence: size + 1,
            previous,
            frontier,
            sets: BTreeMap::new(),
            counters: Counters::new(),
            objects: Vec::new(),
            files: Vec::new(),
        })
    }

    /// The book that is written to.
    pub fn book(&self) -> BookId {
        self.book
    }

    /// The audit sequence number that this command will have.
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// The transaction, for reading what the change depends on.
    pub fn tx(&mut self) -> &mut Tx {
        &mut self.tx
    }

    /// An earlier command with this key.
    #[boxed]
    pub async fn earlier(&mut self, key: &str) -> Result<Option<EarlierCommand>, StoreError> {
        let found = self
            .tx
            .query_opt(FIND_COMMAND, &[self.book.get().into(), key.into()])
            .await?;
        found
            .map(|row| {
                Ok(EarlierCommand {
                    kind: row.text(0)?,
                    request: row.text(1)?,
                    answer: row.text(2)?,
                })
            })
            .transpose()
    }

    /// Takes `count` consecutive numbers of this kind and gives the first; without gaps, because
    /// a rollback gives them back. Nobody else can take any: the head of the book is locked.
    #[boxed]
    pub async fn allot(&mut self, name: &str, count: usize) -> Result<i64, StoreError> {
        let count =
            i64::try_from(count).map_err(|_| StoreError::inconsistent("counter", "next"))?;
        if !self.counters.contains_key(name) {
            let args = [self.book.get().into(), name.into()];
            let known = self.tx.query_opt(NEXT, &args).await?;
            let next = known.map_or(Ok(1), |row| row.int(0))?;
            self.counters.insert(name.to_owned(), (next, false));
        }
        let (next, given) = self.counters.entry(name.to_owned()).or_insert((1, false));
        let first = *next;
        *next = first
            .checked_add(count)
            .ok_or_else(|| StoreError::inconsistent("counter", "next"))?;
        *given |= count > 0;
        Ok(first)
    }

    /// Sets a mark to go back to.
    #[boxed]
    pub async fn mark(&mut self) -> Result<Mark, StoreError> {
        Ok(Mark {
            savepoint: self.tx.savepoint().await?,
            counters: self.counters.clone(),
            sets: self.sets.clone(),
            named: (self.objects.len(), self.files.len()),
        })
    }

    /// Undoes everything since the mark, forgets the rows that were sealed, and gives back the
    /// numbers taken.
    #[boxed]
    pub async fn rollback_to(&mut self, mark: Mark) -> Result<(), StoreError> {
        // What was known at the mark counts again; what was read since is read again.
        self.counters = mark.counters;
        self.sets = mark.sets;
        self.objects.truncate(mark.named.0);
        self.files.truncate(mark.named.1);
        self.tx.rollback_to(mark.savepoint).await
    }

    /// Loads rows of a sealed table, in key order within the command.
    #[boxed]
    pub async fn insert(
        &mut self,
        table: &'static Table,
        mut rows: RowBuffer,
    ) -> Result<(), StoreError> {
        self.seal(table, &mut rows, None)?;
        self.load(table, &rows).await
    }

    /// Loads one row.
    pub async fn insert_one(
        &mut self,
        table: &'static Table,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<(), StoreError> {
        let mut row = RowBuffer::of(table);
        row.push(values);
        self.insert(table, row).await
    }

    /// Seals rows on this thread; see [`Sealer::seal`].
    pub(crate) fn seal(
        &mut self,
        table: &'static Table,
        rows: &mut RowBuffer,
        own: Option<&mut Frontier>,
    ) -> Result<(), StoreError> {
        if rows.is_empty() && rows.ragged().is_none() {
            return Ok(());
        }
        let sealer = self.sets.entry(table.spec.table);
        let sealer = sealer.or_insert_with(|| Sealer::new(table));
        sealer.seal(self.sequence, rows, own)
    }

    /// Writes rows that are sealed.
    pub(crate) async fn load(
        &mut self,
        table: &'static Table,
        rows: &RowBuffer,
    ) -> Result<(), StoreError> {
        let bulk = self.tx.bulk(table.spec.table, table.columns, rows);
        bulk.await.map(|_| ())
    }

    /// Lends the sealer of a table to another thread.
    pub(crate) fn lend_sealer(&mut self, table: &'static Table) -> Sealer {
        let sealer = self.sets.remove(table.spec.table);
        sealer.unwrap_or_else(|| Sealer::new(table))
    }

    /// Takes a sealer back.
    pub(crate) fn return_sealer(&mut self, sealer: Sealer) {
        self.sets.insert(sealer.table().spec.table, sealer);
    }

    /// Names an object that the command concerns, with its version and content hash.
    pub fn object(&mut self, object: ObjectRef) {
        self.objects.push(object);
    }

    /// Names a file that the command took in or gave out.
    pub fn file(&mut self, file: FileRef) {
        self.files.push(file);
    }

    /// Appends the audit entry, moves the head and commits. Nothing of the command is there
    /// before, all of it after.
    #[boxed]
    pub async fn commit(mut self, record: Record) -> Result<Receipt, StoreError> {
        let grown: Vec<(&'static str, u64)> = self
            .sets
            .iter()
            .map(|(table, sealer)| (*table, sealer.rows().count()))
            .collect();
        let rows = std::mem::take(&mut self.sets)
            .into_values()
            .map(|sealer| sealer.rows().reference())
            .collect();
        self.keep_counters().await?;
        let entry = Entry {
            book: record.book_code,
            sequence: self.sequence.cast_unsigned(),
            previous: self.previous,
            time: record.time,
            kind: record.kind,
            actor: record.actor,
            key: record.key,
            objects: std::mem::take(&mut self.objects),
            reason: record.reason,
            data: record.data,
            files: std::mem::take(&mut self.files),
            commitments: Vec::new(),
            rows,
        };
        let bytes = entry
            .to_bytes()
            .map_err(|_| StoreError::inconsistent("audit_entry", "bytes"))?;
        let leaf = merkle::leaf(&bytes);
        self.frontier.push(leaf);
        let root = self.frontier.root();
        let book = Value::Int(self.book.get());
        let append = [
            book.clone(),
            self.sequence.into(),
            bytes.into(),
            leaf.to_vec().into(),
        ];
        self.tx.execute_exactly(APPEND_ENTRY, &append, 1).await?;
        let head = [
            book,
            self.sequence.into(),
            root.to_vec().into(),
            self.frontier.to_bytes().into(),
            leaf.to_vec().into(),
        ];
        self.tx.execute_exactly(MOVE_HEAD, &head, 1).await?;
        self.tx.commit().await?;
        refresh_statistics(&self.db, &grown).await;
        Ok(Receipt {
            sequence: self.sequence,
            root,
        })
    }

    async fn keep_counters(&mut self) -> Result<(), StoreError> {
        let counters = std::mem::take(&mut self.counters);
        let given = counters.iter().filter(|(_, (_, given))| *given);
        let given: Vec<String> = given
            .map(|(name, (next, _))| format!("{}:{next}", json_text(name)))
            .collect();
        if given.is_empty() {
            return Ok(());
        }
        let kinds = u64::try_from(given.len()).unwrap_or(u64::MAX);
        let args = [
            self.book.get().into(),
            format!("{{{}}}", given.join(",")).into(),
        ];
        let sql = KEEP_NEXT.of(self.tx.engine());
        self.tx.execute_exactly(sql, &args, kinds).await
    }

    /// Gives everything back, also the numbers.
    #[boxed]
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.tx.rollback().await
    }

    /// Counts a refusal; true when it is the first of its kind in this minute and so deserves an
    /// entry of its own.
    #[boxed]
    pub async fn tally_refusal(&mut self, time: Moment, print: Hash) -> Result<bool, StoreError> {
        let minute = time.0.div_euclid(60_000_000);
        let args = [self.book.get().into(), minute.into(), print.to_vec().into()];
        Ok(self.tx.query_one(TALLY_REFUSAL, &args).await?.int(0)? == 1)
    }

    /// Commits without an entry: only a counted refusal may do so.
    #[boxed]
    pub async fn commit_tally(self) -> Result<(), StoreError> {
        self.tx.commit().await
    }
}

/// A command that was done, and its place in the audit trail.
#[boxed]
pub async fn told(
    tx: &mut Tx,
    book: BookId,
    key: &str,
) -> Result<Option<(EarlierCommand, i64)>, StoreError> {
    let row = tx
        .query_opt(TOLD_COMMAND, &[book.get().into(), key.into()])
        .await?;
    row.map(|row| {
        let command = EarlierCommand {
            kind: row.text(0)?,
            request: row.text(1)?,
            answer: row.text(2)?,
        };
        Ok((command, row.int(3)?))
    })
    .transpose()
}

/// New rows of a table that make it worth a look at its statistics.
const GROWTH_ROWS: u64 = 1_000;

/// Lets PostgreSQL look at tables that have grown by half or more: without it the first months
/// of a new database are planned as if its tables were empty. What was committed stays so if this
/// fails; the plans are only worse.
async fn refresh_statistics(db: &Db, grown: &[(&'static str, u64)]) {
    if db.engine() == Engine::Sqlite {
        return;
    }
    for (table, rows) in grown.iter().filter(|(_, rows)| *rows >= GROWTH_ROWS) {
        let rows = i64::try_from(*rows).unwrap_or(i64::MAX);
        let _ = db.refresh_statistics(table, rows).await;
    }
}

/// Reads a stored hash of 32 bytes.
pub(crate) fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes
        .try_into()
        .map_err(|_| StoreError::inconsistent("hash", "length"))
}

impl Value {
    /// The value as the audit trail encodes it.
    pub(crate) fn field(&self) -> Field<'_> {
        match self {
            Value::Int(number) => Field::Int(*number),
            Value::Text(text) => Field::Text(text),
            Value::Bytes(bytes) => Field::Bytes(bytes),
            Value::NullInt => Field::NullInt,
            Value::NullText => Field::NullText,
            Value::NullBytes => Field::NullBytes,
        }
    }
}
