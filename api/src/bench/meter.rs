//! Times the steps of a phase and notes what they cost.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::audit::entry::Entry;
use ledger_store::measure::bytes_stored;
use ledger_store::{report, trace};
use tokio::task::JoinSet;

use super::memory;
use super::office::Office;
use super::phase::{Figures, Phase};
use crate::app::Error;

/// Audit entries read at once.
const ENTRIES: i64 = 1_000;

/// Consecutive audit entries of one book that were written in one phase, or between phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The place of the book among the offices.
    pub(super) office: usize,
    /// The phase; none for what is set up between phases and not measured.
    pub(super) phase: Option<Phase>,
    /// First audit entry.
    pub(super) first: i64,
    /// Last audit entry.
    pub(super) last: i64,
}

/// What was measured so far.
#[derive(Debug, Default)]
pub(super) struct Meter {
    figures: BTreeMap<Phase, Figures>,
    /// In the order of the work.
    segments: Vec<Segment>,
    /// The last audit entry of each book that belongs to a segment.
    seen: BTreeMap<usize, i64>,
}

/// How things stood before a step.
struct Before {
    bytes: u64,
    statements: u64,
    started: Instant,
}

impl Meter {
    /// Does one step of a phase for every book at the same moment, each with its input, and
    /// counts the time until the last is done. Answers come in the order of the offices.
    pub(super) async fn step<I, T, W, F>(
        &mut self,
        phase: Phase,
        offices: &[Arc<Office>],
        inputs: Vec<I>,
        work: W,
    ) -> Result<Vec<T>, Error>
    where
        T: Send + 'static,
        W: Fn(Arc<Office>, I) -> F,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        self.between(offices).await?;
        let tasks: Vec<F> = offices
            .iter()
            .zip(inputs)
            .map(|(office, input)| work(Arc::clone(office), input))
            .collect();
        let before = begin(offices).await?;
        let answers = all(tasks).await;
        let time = before.started.elapsed();
        let peak = memory::peak_bytes();
        let statements = sent(offices);
        let figures = self.figures.entry(phase).or_default();
        figures.time += time;
        figures.steps += 1;
        figures.peak_memory_bytes = figures.peak_memory_bytes.max(peak);
        figures.statements += statements.saturating_sub(before.statements);
        let answers = answers?;
        let bytes = stored(offices).await?;
        let figures = self.figures.entry(phase).or_default();
        figures.bytes_stored += bytes.saturating_sub(before.bytes);
        self.note(offices, Some(phase)).await?;
        Ok(answers)
    }

    /// Leaves to no phase what was written since the last step.
    pub(super) async fn between(&mut self, offices: &[Arc<Office>]) -> Result<(), Error> {
        self.note(offices, None).await
    }

    async fn note(&mut self, offices: &[Arc<Office>], phase: Option<Phase>) -> Result<(), Error> {
        for (office, place) in offices.iter().zip(0..) {
            let last = head(office).await?;
            let first = self.seen.insert(place, last).unwrap_or(0) + 1;
            let known = self.segments.iter_mut().rev().find(|s| s.office == place);
            match known {
                _ if first > last => {}
                Some(known) if known.phase == phase => known.last = last,
                _ => self.segments.push(Segment {
                    office: place,
                    phase,
                    first,
                    last,
                }),
            }
        }
        Ok(())
    }

    /// What was written, in order.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Counts the rows that the audit entries of each phase name.
    pub(super) async fn count_rows(&mut self, offices: &[Arc<Office>]) -> Result<(), Error> {
        for segment in &self.segments {
            let (Some(office), Some(phase)) = (offices.get(segment.office), segment.phase) else {
                continue;
            };
            let tables = &mut self.figures.entry(phase).or_default().tables;
            for (table, rows) in rows_of(office, segment).await? {
                *tables.entry(table).or_default() += rows;
            }
        }
        Ok(())
    }

    /// Adds the time of a raw load to a phase.
    pub(super) fn add_raw_load(&mut self, phase: Phase, time: Duration) {
        let raw = &mut self.figures.entry(phase).or_default().raw_load;
        *raw = Some(raw.unwrap_or_default() + time);
    }

    /// The figures by phase, in the order in which they are shown.
    pub(super) fn into_figures(mut self) -> Vec<(Phase, Figures)> {
        Phase::ALL
            .into_iter()
            .map(|phase| (phase, self.figures.remove(&phase).unwrap_or_default()))
            .collect()
    }
}

/// The rows by table that the audit entries of a segment name, and those entries themselves.
pub(super) async fn rows_of(
    office: &Office,
    segment: &Segment,
) -> Result<BTreeMap<String, u64>, Error> {
    let mut tables: BTreeMap<String, u64> = BTreeMap::new();
    let mut tx = office.app.db.begin_read().await?;
    let mut from = segment.first;
    while from <= segment.last {
        let limit = ENTRIES.min(segment.last - from + 1);
        for (sequence, bytes) in trace::entries(&mut tx, office.book.id, from, limit).await? {
            let entry = Entry::from_bytes(&bytes)
                .map_err(|error| anyhow::anyhow!("audit entry {sequence}: {error}"))?;
            *tables.entry("audit_entry".to_owned()).or_default() += 1;
            for rows in entry.rows {
                *tables.entry(rows.table).or_default() += rows.count;
            }
        }
        from += limit;
    }
    tx.rollback().await?;
    Ok(tables)
}

async fn begin(offices: &[Arc<Office>]) -> Result<Before, Error> {
    let bytes = stored(offices).await?;
    let statements = sent(offices);
    memory::reset_peak();
    Ok(Before {
        bytes,
        statements,
        started: Instant::now(),
    })
}

/// Runs the tasks at the same moment; the first failure is given, when all have ended.
async fn all<T: Send + 'static>(
    tasks: Vec<impl Future<Output = Result<T, Error>> + Send + 'static>,
) -> Result<Vec<T>, Error> {
    let mut running = JoinSet::new();
    for (place, task) in tasks.into_iter().enumerate() {
        running.spawn(async move { (place, task.await) });
    }
    let mut answers = BTreeMap::new();
    while let Some(ended) = running.join_next().await {
        let (place, answer) = ended.map_err(anyhow::Error::from)?;
        answers.insert(place, answer);
    }
    answers.into_values().collect()
}

/// The bytes of the one database that all offices share.
async fn stored(offices: &[Arc<Office>]) -> Result<u64, Error> {
    match offices.first() {
        Some(office) => Ok(bytes_stored(&office.app.db).await?),
        None => Ok(0),
    }
}

/// Statements sent through all connections.
fn sent(offices: &[Arc<Office>]) -> u64 {
    let shared = offices.iter().filter(|office| !office.shares_connections);
    shared.map(|office| office.app.db.statements()).sum()
}

async fn head(office: &Office) -> Result<i64, Error> {
    let mut tx = office.app.db.begin_read().await?;
    let (size, _) = report::head(&mut tx, office.book.id).await?;
    tx.rollback().await?;
    Ok(size)
}
