//! How far long work is: rows done, of how many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a use case says how far it is, and somebody else looks. Without a listener it costs
/// nothing worth mentioning.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    done: AtomicU64,
    of: AtomicU64,
}

impl Progress {
    /// So many rows are ahead, beside those already announced.
    pub fn expect(&self, rows: usize) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.0.of.fetch_add(rows, Ordering::Relaxed);
    }

    /// So many rows are done, beside those already reported.
    pub fn add(&self, rows: usize) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.0.done.fetch_add(rows, Ordering::Relaxed);
    }

    /// Rows done, and of how many; none are expected while nobody knows.
    pub fn get(&self) -> (u64, u64) {
        (
            self.0.done.load(Ordering::Relaxed),
            self.0.of.load(Ordering::Relaxed),
        )
    }
}
