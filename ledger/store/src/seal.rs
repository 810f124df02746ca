//! Sealing rows on another core: [`Sealer`] hashes the rows of one table in one command, and
//! [`Pipeline`] writes a chunk while the next one is being filled and hashed; [`Loader`] is that
//! for rows that the caller fills.

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
pub const CHUNK_ROWS: usize = 10_000;

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

/// A chunk on its way through another core: its rows, the table's sealer, the leaf hashes so far
/// and whatever the rows are made from.
#[derive(Debug)]
struct Job<S> {
    rows: RowBuffer,
    sealer: Sealer,
    own: Frontier,
    state: S,
}

/// The chunks of one table on their way to the database: while one is written, the next is filled
/// and hashed on another core. `S` is what rows are made from, and goes with each chunk.
#[derive(Debug)]
pub(crate) struct Pipeline<S> {
    table: &'static Table,
    spare: Vec<RowBuffer>,
    working: Option<JoinHandle<Result<Job<S>, StoreError>>>,
    /// A chunk that is sealed and waits to be written.
    sealed: Option<RowBuffer>,
    /// Here while no chunk is on the other core.
    kept: Option<(Frontier, S)>,
}

impl<S: Send + 'static> Pipeline<S> {
    pub(crate) fn new(table: &'static Table, state: S) -> Pipeline<S> {
        Pipeline {
            table,
            spare: Vec::new(),
            working: None,
            sealed: None,
            kept: Some((Frontier::new(), state)),
        }
    }

    /// An empty buffer for the next chunk.
    pub(crate) fn buffer(&mut self) -> RowBuffer {
        let spare = self.spare.pop();
        spare.unwrap_or_else(|| RowBuffer::of(self.table))
    }

    /// Waits for the chunk on the other core; then [`Pipeline::state`] is here.
    pub(crate) async fn settle(&mut self, write: &mut Write) -> Result<(), StoreError> {
        let Some(working) = self.working.take() else {
            return Ok(());
        };
        let job = working.await.map_err(|_| broken(self.table))??;
        write.return_sealer(job.sealer);
        self.kept = Some((job.own, job.state));
        match self.sealed.replace(job.rows) {
            None => Ok(()),
            Some(_) => Err(broken(self.table)),
        }
    }

    /// What rows are made from.
    pub(crate) fn state(&mut self) -> Result<&mut S, StoreError> {
        let kept = self.kept.as_mut().map(|kept| &mut kept.1);
        kept.ok_or_else(|| broken(self.table))
    }

    /// Sends a chunk to another core to be filled and hashed, and writes the one before. The
    /// pipeline is settled.
    pub(crate) async fn turn(
        &mut self,
        write: &mut Write,
        mut rows: RowBuffer,
        fill: impl FnOnce(&mut S, &mut RowBuffer) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let (mut own, mut state) = self.kept.take().ok_or_else(|| broken(self.table))?;
        let entry = write.sequence();
        let mut sealer = write.lend_sealer(self.table);
        self.working = Some(tokio::task::spawn_blocking(move || {
            fill(&mut state, &mut rows)?;
            sealer.seal(entry, &mut rows, Some(&mut own))?;
            Ok(Job {
                rows,
                sealer,
                own,
                state,
            })
        }));
        self.write_sealed(write).await
    }

    async fn write_sealed(&mut self, write: &mut Write) -> Result<(), StoreError> {
        if let Some(mut rows) = self.sealed.take() {
            write.load(self.table, &rows).await?;
            rows.clear();
            self.spare.push(rows);
        }
        Ok(())
    }

    /// Fills, hashes and writes the last chunk. Gives the Merkle root over the leaf hashes of all
    /// rows in order, and what they were made from.
    pub(crate) async fn finish(
        mut self,
        write: &mut Write,
        mut rows: RowBuffer,
        fill: impl FnOnce(&mut S, &mut RowBuffer) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(Hash, S), StoreError> {
        self.settle(write).await?;
        if self.sealed.is_some() {
            self.turn(write, rows, fill).await?;
            self.settle(write).await?;
        } else {
            // Few rows: not worth a hop to another core.
            let (own, state) = self.kept.as_mut().ok_or_else(|| broken(self.table))?;
            fill(state, &mut rows)?;
            write.seal(self.table, &mut rows, Some(own))?;
            self.sealed = Some(rows);
        }
        self.write_sealed(write).await?;
        let (own, state) = self.kept.take().ok_or_else(|| broken(self.table))?;
        Ok((own.root(), state))
    }
}

fn broken(table: &Table) -> StoreError {
    StoreError::inconsistent(table.spec.table, "hashing")
}

/// Loads many rows of one table: while a chunk is written, the next one is hashed on another
/// core, and the caller fills a third.
///
/// Fill [`Loader::rows`] with rows in key order, call [`Loader::step`] after each (it does nothing
/// until a chunk is full), and [`Loader::finish`] at the end. No other rows of the table may be
/// written meanwhile.
#[derive(Debug)]
pub struct Loader {
    rows: RowBuffer,
    pipeline: Pipeline<()>,
}

impl Loader {
    /// A loader for this table.
    pub fn new(table: &'static Table) -> Loader {
        Loader {
            rows: RowBuffer::of(table),
            pipeline: Pipeline::new(table, ()),
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

    async fn turn(&mut self, write: &mut Write) -> Result<(), StoreError> {
        let next = self.pipeline.buffer();
        let full = std::mem::replace(&mut self.rows, next);
        self.pipeline.settle(write).await?;
        self.pipeline.turn(write, full, |(), _| Ok(())).await
    }

    /// Writes all that is left. Returns the Merkle root over the leaf hashes of the rows in order.
    #[boxed]
    pub async fn finish(self, write: &mut Write) -> Result<Hash, StoreError> {
        let finished = self.pipeline.finish(write, self.rows, |(), _| Ok(()));
        finished.await.map(|(root, ())| root)
    }
}

impl Sealer {
    /// Of which table.
    pub(crate) fn table(&self) -> &'static Table {
        self.table
    }
}
