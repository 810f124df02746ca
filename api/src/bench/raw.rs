//! Raw load: the rows that the work stored, loaded as they are into the same tables of an empty
//! database, in the same run. It is what the database itself takes for them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger_store::db::{Db, RowBuffer};
use ledger_store::measure::{self, Stored};

use super::meter::{Meter, Segment, rows_of};
use super::office::Office;
use super::ties::Ties;
use crate::app::Error;

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

async fn load_segment(
    office: &Office,
    target: &Db,
    segment: &Segment,
    ties: &mut Ties,
) -> Result<Duration, Error> {
    let named = rows_of(office, segment).await?;
    let mut time = Duration::ZERO;
    for stored in measure::stored() {
        let Some(rows) = named.get(stored.table) else {
            continue;
        };
        let (loaded, spent) = load_table(office, target, segment, stored).await?;
        time += spent;
        let expected = i64::try_from(*rows).map_err(anyhow::Error::from)?;
        ties.tie(
            format!("rows of {} loaded again", stored.table),
            loaded,
            expected,
        );
    }
    Ok(time)
}

/// One transaction: the rows of one table.
async fn load_table(
    office: &Office,
    target: &Db,
    segment: &Segment,
    stored: &'static Stored,
) -> Result<(i64, Duration), Error> {
    let mut source = office.app.db.begin_read().await?;
    let mut tx = target.begin_write().await?;
    let mut page = RowBuffer::new(stored.columns.len());
    let (mut loaded, mut time) = (0_i64, Duration::ZERO);
    let entries = (segment.first, segment.last);
    loop {
        stored
            .turn(&mut source, office.book.id, entries, &mut page)
            .await?;
        if page.is_empty() {
            break;
        }
        let started = Instant::now();
        let rows = tx.bulk(stored.table, stored.columns, &page).await?;
        time += started.elapsed();
        loaded += i64::try_from(rows).map_err(anyhow::Error::from)?;
    }
    let started = Instant::now();
    tx.commit().await?;
    time += started.elapsed();
    source.rollback().await?;
    Ok((loaded, time))
}
