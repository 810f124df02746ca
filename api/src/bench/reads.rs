//! How long readings take on a book as large as it has become.

use std::time::{Duration, Instant};

use ledger::calendar::Month;
use ledger::id::PaymentId;

use super::office::Office;
use crate::app::exception::Page;
use crate::app::{Error, exception, report, trace};

/// Warm runs of each reading; their median counts.
pub(super) const RUNS: usize = 31;

/// One reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its name, as scripts read it.
    pub name: &'static str,
    /// The median of 31 warm runs.
    pub median: Duration,
    /// The slowest of them.
    pub slowest: Duration,
}

/// What is read.
#[derive(Clone, Copy, Debug)]
enum What {
    Trace,
    MonthSuccess,
    YearSuccess,
    TrialBalance,
    Exceptions,
}

/// Measures every reading on one book of so many payments, whose last month is `last`.
pub(super) async fn measure(
    office: &Office,
    payments: i64,
    last: Month,
) -> Result<Vec<Reading>, Error> {
    let mut readings = Vec::new();
    for (name, what) in [
        ("trace-payment", What::Trace),
        ("success-rate-month", What::MonthSuccess),
        ("success-rate-year", What::YearSuccess),
        ("trial-balance", What::TrialBalance),
        ("exception-list", What::Exceptions),
    ] {
        read(office, what, payments, last).await?;
        let mut times = Vec::with_capacity(RUNS);
        for run in (0_i64..).take(RUNS) {
            // Payments from the first to the last, none twice in a book of any size.
            let payment = 1 + run * (payments - 1) / 31;
            let started = Instant::now();
            read(office, what, payment, last).await?;
            times.push(started.elapsed());
        }
        times.sort_unstable();
        readings.push(Reading {
            name,
            median: times.get(RUNS / 2).copied().unwrap_or_default(),
            slowest: times.last().copied().unwrap_or_default(),
        });
    }
    Ok(readings)
}

async fn read(office: &Office, what: What, payment: i64, last: Month) -> Result<(), Error> {
    let (app, by) = (&office.app, office.who("manager")?);
    match what {
        What::Trace => trace::payment(app, by, PaymentId(payment)).await?,
        What::MonthSuccess => report::success_rate(app, by, last, last).await?,
        What::YearSuccess => {
            let first = Month::from_index(last.year() * 12);
            report::success_rate(app, by, first, last).await?
        }
        What::TrialBalance => report::trial_balance(app, by, last, last).await?,
        What::Exceptions => exception::list(app, by, true, Page::FIRST).await?,
    };
    Ok(())
}
