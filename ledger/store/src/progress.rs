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

    /// Counts rows one by one and tells of them by the thousand: for what does nothing but count.
    pub fn steps(&self) -> Steps<'_> {
        Steps {
            progress: self,
            untold: 0,
        }
    }
}

/// Rows that are counted one by one.
#[derive(Debug)]
pub struct Steps<'a> {
    progress: &'a Progress,
    untold: usize,
}

impl Steps<'_> {
    /// One more is done.
    #[inline]
    pub fn one(&mut self) {
        self.untold += 1;
        if self.untold == 1_000 {
            self.progress.add(self.untold);
            self.untold = 0;
        }
    }
}

impl Drop for Steps<'_> {
    fn drop(&mut self) {
        self.progress.add(self.untold);
    }
}
