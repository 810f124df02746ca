//! Raw load: the rows that the work stored, loaded as they are into the same tables of an empty
//! database, in the same run. It is what the database itself takes for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger_store::db::{Db, RowBuffer, Tx};
use ledger_store::measure::{self, Stored};

use super::meter::{Meter, Segment, rows_of};
use super::office::Office;
use super::ties::Ties;
use crate::app::Error;

/// Rows after which a load commits: few commits, and a log of bounded length.
const COMMIT_ROWS: u64 = 500_000;

/// Loads everything that was written, phase by phase in the order of the work, and adds the times
/// to the phases. Reading the rows is not timed. The books come one after the other.
pub(super) async fn load(
    offices: &[Arc<Office>],
    target: &Db,
    meter: &mut Meter,
    ties: &mut Ties,
) -> Result<(), Error> {
    for segment in meter.segments().to_vec() {
        let Some(office) = offices.get(segment.office) else {
            continue;
        };
        let time = load_segment(office, target, &segment, ties).await?;
        if let Some(phase) = segment.phase {
            meter.add_raw_load(phase, time);
        }
    }
    Ok(())
}

/// The rows of a segment, table by table.
async fn load_segment(
    office: &Office,
    target: &Db,
    segment: &Segment,
    ties: &mut Ties,
) -> Result<Duration, Error> {
    let named = rows_of(office, segment).await?;
    let mut source = office.app.db.begin_read().await?;
    let mut load = Load::begin(target).await?;
    let entries = (segment.first, segment.last);
    let known = |table: &String| measure::stored().iter().any(|s| s.table == table);
    for table in named.keys().filter(|table| !known(table)) {
        ties.fail(format!("rows of {table} cannot be loaded again"));
    }
    for stored in measure::stored() {
        let Some(rows) = named.get(stored.table) else {
            continue;
        };
        let mut page = RowBuffer::new(stored.columns.len());
        let mut loaded = 0;
        loop {
            stored
                .turn(&mut source, office.book.id, entries, &mut page)
                .await?;
            if page.is_empty() {
                break;
            }
            loaded += load.add(stored, &page).await?;
            load = load.go_on(target).await?;
        }
        let what = format!("rows of {} loaded again", stored.table);
        ties.tie(what, count(loaded)?, count(*rows)?);
    }
    source.rollback().await?;
    load.end().await
}

/// A load under way.
struct Load {
    tx: Tx,
    uncommitted: u64,
    time: Duration,
}

impl Load {
    async fn begin(target: &Db) -> Result<Load, Error> {
        Ok(Load {
            tx: target.begin_write().await?,
            uncommitted: 0,
            time: Duration::ZERO,
        })
    }

    async fn add(&mut self, stored: &'static Stored, page: &RowBuffer) -> Result<u64, Error> {
        let started = Instant::now();
        let rows = self.tx.bulk(stored.table, stored.columns, page).await?;
        self.time += started.elapsed();
        self.uncommitted += rows;
        Ok(rows)
    }

    /// Commits when enough waits, and goes on.
    async fn go_on(self, target: &Db) -> Result<Load, Error> {
        if self.uncommitted < COMMIT_ROWS {
            return Ok(self);
        }
        let time = self.end().await?;
        Ok(Load {
            time,
            ..Load::begin(target).await?
        })
    }

    /// Commits; gives the time of loading and commit.
    async fn end(self) -> Result<Duration, Error> {
        let started = Instant::now();
        self.tx.commit().await?;
        Ok(self.time + started.elapsed())
    }
}

fn count(rows: u64) -> Result<i64, Error> {
    Ok(i64::try_from(rows).map_err(anyhow::Error::from)?)
}
