//! Sealing rows on another core: [`Sealer`] hashes the rows of one table in one command, and
//! [`Loader`] writes a chunk while the next one is being hashed.

use crate::boxed;
use ledger::audit::merkle::{Frontier, Hash};
use ledger::audit::row::{Field, RowSet, row_seal};
use tokio::task::JoinHandle;

use crate::bulk::RowBuffer;
use crate::db::Value;
use crate::error::StoreError;
use crate::table::Table;
use crate::write::Write;

/// Rows that are hashed and written together. Two or three such chunks are in memory for each
/// table that is being loaded.
pub const CHUNK_ROWS: usize = 20_000;

/// The sealing of one table in one command.
#[derive(Clone, Debug)]
pub(crate) struct Sealer {
    table: &'static Table,
    rows: RowSet,
    last_key: Vec<Value>,
}

impl Sealer {
    pub(crate) fn new(table: &'static Table) -> Sealer {
        Sealer {
            table,
            rows: RowSet::new(&table.spec),
            last_key: Vec::new(),
        }
    }

    /// The rows sealed so far.
    pub(crate) fn rows(&self) -> &RowSet {
        &self.rows
    }

    /// Seals the rows and stamps them with their entry; `own` takes their leaf hashes as well.
    pub(crate) fn seal(
        &mut self,
        entry: i64,
        buffer: &mut RowBuffer,
        mut own: Option<&mut Frontier>,
    ) -> Result<(), StoreError> {
        let width = self.table.spec.columns.len();
        let key = self.table.spec.key.len();
        let bad = |what| StoreError::inconsistent(self.table.spec.table, what);
        if buffer.ragged().is_some() || buffer.columns() != self.table.columns.len() {
            return Err(bad("number of values"));
        }
        for place in 0..buffer.len() {
            let mut fields = [Field::NullInt; 24];
            let row = buffer.row(place).ok_or_else(|| bad("row"))?;
            for (field, value) in fields.iter_mut().zip(row.fields()) {
                *field = value;
            }
            let ascends = match place.checked_sub(1).and_then(|before| buffer.row(before)) {
                Some(before) => before.fields().zip(&fields[..key]).find_map(after),
                None => {
                    let before = self.last_key.iter().map(Value::field);
                    before.zip(&fields[..key]).find_map(after)
                }
            };
            let first = place == 0 && self.last_key.is_empty();
            if !ascends.unwrap_or(first) {
                return Err(bad("key order"));
            }
            let leaf = self
                .rows
                .push_leaf(&fields[..width])
                .map_err(|_| bad("row"))?;
            if let Some(own) = own.as_deref_mut() {
                own.push(leaf);
            }
            buffer.stamp(place, entry, row_seal(&leaf));
        }
        if let Some(last) = buffer
            .len()
            .checked_sub(1)
            .and_then(|last| buffer.row(last))
        {
            self.last_key = (0..key).filter_map(|column| last.value(column)).collect();
        }
        Ok(())
    }
}

/// Whether the second key part comes after the first; none when they are equal.
fn after((before, now): (Field<'_>, &Field<'_>)) -> Option<bool> {
    let ordering = match (before, *now) {
        (Field::Int(a), Field::Int(b)) => a.cmp(&b),
        (Field::Text(a), Field::Text(b)) => a.cmp(b),
        (Field::Bytes(a), Field::Bytes(b)) => a.cmp(b),
        _ => return Some(false),
    };
    ordering.is_ne().then(|| ordering.is_lt())
}

/// A chunk being hashed: its rows, the table's sealer and the loader's own frontier.
type Sealed = Result<(RowBuffer, Sealer, Option<Frontier>), StoreError>;

/// Loads many rows of one table: while a chunk is written, the next one is hashed on another
/// core, and the caller fills a third.
///
/// Fill [`Loader::rows`] with rows in key order, call [`Loader::step`] after each (it does nothing
/// until a chunk is full), and [`Loader::finish`] at the end. No other rows of the table may be
/// written meanwhile.
#[derive(Debug)]
pub struct Loader {
    table: &'static Table,
    rows: RowBuffer,
    spare: Vec<RowBuffer>,
    hashing: Option<JoinHandle<Sealed>>,
    own: Option<Frontier>,
}

impl Loader {
    /// A loader for this table.
    pub fn new(table: &'static Table) -> Loader {
        Loader {
            table,
            rows: RowBuffer::of(table),
            spare: Vec::new(),
            hashing: None,
            own: Some(Frontier::new()),
        }
    }

    /// The rows being filled: fewer than [`CHUNK_ROWS`].
    pub fn rows(&mut self) -> &mut RowBuffer {
        &mut self.rows
    }

    /// Whether the rows being filled make a chunk.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= CHUNK_ROWS
    }

    /// Hands a full chunk to be hashed and writes the one before.
    pub async fn step(&mut self, write: &mut Write) -> Result<(), StoreError> {
        match self.is_full() {
            true => self.turn(write).await,
            false => Ok(()),
        }
    }

    /// Writes all that is left. Returns the Merkle root over the leaf hashes of the rows in order.
    #[boxed]
    pub async fn finish(mut self, write: &mut Write) -> Result<Hash, StoreError> {
        if self.hashing.is_none() {
            // Few rows: not worth a hop to another core.
            let mut rows = std::mem::replace(&mut self.rows, RowBuffer::new(0));
            write.seal(self.table, &mut rows, self.own.as_mut())?;
            write.load(self.table, &rows).await?;
        } else {
            if !self.rows.is_empty() {
                self.turn(write).await?;
            }
            if let Some(rows) = self.collect(write).await? {
                write.load(self.table, &rows).await?;
            }
        }
        Ok(self.own.unwrap_or_default().root())
    }

    async fn turn(&mut self, write: &mut Write) -> Result<(), StoreError> {
        let next = self
            .spare
            .pop()
            .unwrap_or_else(|| RowBuffer::of(self.table));
        let mut full = std::mem::replace(&mut self.rows, next);
        let before = self.collect(write).await?;
        let (entry, mut own) = (write.sequence(), self.own.take());
        let mut sealer = write.lend_sealer(self.table);
        self.hashing = Some(tokio::task::spawn_blocking(move || {
            sealer.seal(entry, &mut full, own.as_mut())?;
            Ok((full, sealer, own))
        }));
        if let Some(mut rows) = before {
            write.load(self.table, &rows).await?;
            rows.clear();
            self.spare.push(rows);
        }
        Ok(())
    }

    /// Waits for the chunk that is being hashed.
    async fn collect(&mut self, write: &mut Write) -> Result<Option<RowBuffer>, StoreError> {
        let Some(hashing) = self.hashing.take() else {
            return Ok(None);
        };
        let broken = |_| StoreError::inconsistent(self.table.spec.table, "hashing");
        let (rows, sealer, own) = hashing.await.map_err(broken)??;
        write.return_sealer(sealer);
        self.own = own;
        Ok(Some(rows))
    }
}

impl Sealer {
    /// Of which table.
    pub(crate) fn table(&self) -> &'static Table {
        self.table
    }
}
