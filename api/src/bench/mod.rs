//! The bench: a month of any number of payments, end to end, through the use cases that the
//! command line calls, with what the database itself takes for the same rows beside it.
//!
//! [`city`] makes the people, [`bank`] answers, [`month`] does the work phase by phase, [`meter`]
//! times it, [`raw`] loads the same rows again as they are, [`posting`] looks at posting alone,
//! [`reads`] and [`mixed`] at a book in use. Every total is held against what the city and the
//! bank know ([`ties`]): a run that does not tie, or whose chain does not verify, gives no figure.

mod bank;
mod city;
mod memory;
mod meter;
mod mixed;
mod month;
mod office;
mod pages;
mod phase;
mod place;
mod posting;
mod progress;
mod raw;
mod reads;
mod report;
mod ties;

use ledger_store::boxed;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ledger::calendar::Month;
use ledger::problem::{Kind, Language};
use ledger_store::db::Engine;
use ledger_store::measure::{Schema, bytes_stored};
use ledger_store::verify::Verification;

pub use bank::RETURN_LINES;
pub use city::PROGRAM_PAYMENTS;
pub use mixed::Mixed;
pub use pages::PageFigure;
pub use phase::{Figures, Phase};
pub use posting::PostingFigures;
pub use reads::Reading;
pub use report::BenchReport;
pub use ties::{Tie, Ties};

use bank::Bank;
use city::City;
use meter::Meter;
use month::Work;
use office::Office;
use place::Place;
use progress::Progress;

use crate::app::{Error, audit, users};

/// The most payments of a book in a month: the synthetic people that there are.
pub const PAYMENTS_MAX: usize = 3_000_000;

/// What is measured, and where.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// Payments a month in each book, at most [`PAYMENTS_MAX`].
    pub payments: usize,
    /// Books, worked on at the same moment.
    pub books: usize,
    /// Months, one after the other.
    pub months: usize,
    /// The database, which must be empty; a SQLite file in a new directory when none is named.
    pub db: Option<String>,
    /// Where that directory is made: on the disk that is meant, since a file system in memory makes
    /// nothing last and its figures mean nothing.
    pub dir: PathBuf,
    /// Whether it stays.
    pub keep: bool,
    /// Whether the same rows are loaded again as they are.
    pub raw_load: bool,
    /// Whether readings are measured.
    pub reads: bool,
    /// Whether pages are measured.
    pub pages: bool,
    /// For how long mixed load goes on, if at all.
    pub mixed: Option<Duration>,
    /// The language of the progress lines.
    pub language: Language,
    /// Whether progress is shown on standard error.
    pub progress: bool,
}

/// Does the work and measures it.
///
/// # Errors
/// [`Kind::DatabaseUsed`] when the database is not empty; refusals and accidents of the use cases.
/// Totals that do not tie are no error but stand in the report.
#[boxed]
pub async fn run(options: &BenchOptions) -> Result<BenchReport, Error> {
    let place = Place::new(options)?;
    let result = measure(options, &place).await;
    let left = place.leave();
    let report = result?;
    left?;
    Ok(report)
}

async fn measure(options: &BenchOptions, place: &Place) -> Result<BenchReport, Error> {
    let city = City::new(options.payments, largest_program(options));
    let offices = office::open_all(&place.url, options.books, &city).await?;
    let mut work = Work {
        banks: offices.iter().map(|_| Bank::new()).collect(),
        offices,
        city,
        meter: Meter::default(),
        ties: Ties::default(),
        progress: Progress::new(options.progress, options.language),
    };
    let mut beside = Beside::default();
    let done = whole(options, place, &mut work, &mut beside).await;
    let engine = work.offices.first().map(|office| office.app.db.engine());
    for office in &work.offices {
        office.app.db.close().await;
    }
    done?;
    Ok(BenchReport {
        engine: match engine {
            Some(Engine::Postgres) => "postgres",
            Some(Engine::Sqlite) | None => "sqlite",
        },
        payments: options.payments,
        books: options.books,
        months: options.months,
        phases: work.meter.into_figures(),
        posting: beside.posting,
        reads: beside.reads,
        pages: beside.pages,
        mixed: beside.mixed,
        bytes: beside.bytes,
        ties: work.ties,
        directory: place.kept().map(Path::to_owned),
    })
}

/// What is measured beside the phases.
#[derive(Default)]
struct Beside {
    bytes: u64,
    posting: PostingFigures,
    reads: Vec<Reading>,
    pages: Vec<PageFigure>,
    mixed: Option<Mixed>,
}

/// With mixed load there are at least four programs, so that two runs are never of one program.
fn largest_program(options: &BenchOptions) -> usize {
    match options.mixed {
        Some(_) => options.payments.div_ceil(4),
        None => PROGRAM_PAYMENTS,
    }
}

/// Everything, as long as the totals tie.
async fn whole(
    options: &BenchOptions,
    place: &Place,
    work: &mut Work,
    beside: &mut Beside,
) -> Result<(), Error> {
    let last = Month::from_index(office::first_month().index() + months_after(options));
    if !worked(months(work, last).await, &mut work.ties)? {
        return Ok(());
    }
    verify(work).await?;
    let Some(first) = work.offices.first().cloned() else {
        return Ok(());
    };
    beside.bytes = bytes_stored(&first.app.db).await?;
    work.meter.count_rows(&work.offices).await?;
    if options.raw_load {
        raw_load(place, work).await?;
    }
    beside.posting = posting_alone(options, place, work).await?;
    if options.reads {
        work.progress.say("读取", "readings");
        let payments = options.payments.saturating_mul(options.months);
        let payments = i64::try_from(payments).map_err(anyhow::Error::from)?;
        beside.reads = reads::measure(&first, payments, last).await?;
    }
    if options.pages {
        work.progress.say("页面", "pages");
        beside.pages = pages::measure(&first, last).await?;
    }
    if let Some(time) = options.mixed {
        work.progress.say("混合负载", "mixed load");
        let mixed = mixed::run(&first, &work.city, last.next(), time).await?;
        for error in &mixed.errors {
            work.ties.fail(format!("mixed load: {error}"));
        }
        beside.mixed = Some(mixed);
        intact(&first, &mut work.ties).await?;
    }
    Ok(())
}

fn months_after(options: &BenchOptions) -> i32 {
    i32::try_from(options.months.saturating_sub(1)).unwrap_or(i32::MAX)
}

/// Month after month. People change little from month to month: the rosters come in once.
async fn months(work: &mut Work, last: Month) -> Result<(), Error> {
    let first = office::first_month();
    for month in first.through(last) {
        work.progress.say(&month.to_string(), &month.to_string());
        work.month(month, month == first).await?;
        if !work.ties.broken.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Whether the work was done and ties. A month that the product refuses to close is one whose
/// totals do not tie, and so is whatever it refuses after totals did not; any other refusal is an
/// error.
fn worked(result: Result<(), Error>, ties: &mut Ties) -> Result<bool, Error> {
    match result {
        Err(Error::Refused { problem, .. })
            if problem.kind == Kind::PeriodNotReady || !ties.broken.is_empty() =>
        {
            ties.fail(problem.title(Language::Zh));
        }
        other => other?,
    }
    Ok(ties.hold())
}

/// Recomputes every book, as a phase.
async fn verify(work: &mut Work) -> Result<(), Error> {
    work.progress.phase(Phase::Verify, "");
    let inputs = vec![(); work.offices.len()];
    let verify = async |office: Arc<Office>, (): ()| {
        audit::verification(&office.app, &office.book, &[]).await
    };
    let done = work
        .meter
        .step(Phase::Verify, &work.offices, inputs, verify)
        .await?;
    for (verification, office) in done.iter().zip(&work.offices) {
        sound(verification, &office.book.code, &mut work.ties);
    }
    Ok(())
}

async fn intact(office: &Office, ties: &mut Ties) -> Result<(), Error> {
    let verification = audit::verification(&office.app, &office.book, &[]).await?;
    sound(&verification, &office.book.code, ties);
    Ok(())
}

/// The trail is intact, and there is one.
fn sound(verification: &Verification, book: &str, ties: &mut Ties) {
    let faults = i64::try_from(verification.faults.len()).unwrap_or(i64::MAX);
    ties.tie(format!("faults in the trail of {book}"), faults, 0);
    for fault in verification.faults.iter().take(10) {
        ties.fail(format!("{book}: {} / {}", fault.zh, fault.en));
    }
    if verification.rows == 0 || verification.entries == 0 {
        ties.fail(format!("{book}: nothing to verify"));
    }
}

/// Loads the same rows again in a place of their own.
async fn raw_load(place: &Place, work: &mut Work) -> Result<(), Error> {
    work.progress.say("原样载入", "raw load");
    let app = office::app(&place.beside(Schema::Raw).await?).await?;
    users::init(&app).await?;
    let loaded = raw::load(&work.offices, &app.db, &mut work.meter, &mut work.ties).await;
    app.db.close().await;
    place.remove(Schema::Raw).await?;
    loaded
}

/// Posts in a place of its own.
async fn posting_alone(
    options: &BenchOptions,
    place: &Place,
    work: &mut Work,
) -> Result<PostingFigures, Error> {
    work.progress.say("记账", "posting");
    let app = office::app(&place.beside(Schema::Posting).await?).await?;
    users::init(&app).await?;
    let figures = posting::measure(&app, options.payments, &mut work.ties).await;
    app.db.close().await;
    place.remove(Schema::Posting).await?;
    figures
}

#[cfg(test)]
mod tests {
    use ledger::problem::Problem;

    use super::*;

    #[test]
    fn a_refusal_counts_as_a_total_that_does_not_tie_only_when_one_is_behind_it() {
        let refused = |kind| Err(Problem::new(kind).into());
        for (result, broken, expected) in [
            (Ok(()), false, Some(true)),
            (Ok(()), true, Some(false)),
            (refused(Kind::PeriodNotReady), false, Some(false)),
            (refused(Kind::PaymentLive), true, Some(false)),
            (refused(Kind::PaymentLive), false, None),
        ] {
            let mut ties = Ties::default();
            ties.tie("payments", 1, 1 + i64::from(broken));
            assert_eq!(worked(result, &mut ties).ok(), expected);
        }
    }
}
