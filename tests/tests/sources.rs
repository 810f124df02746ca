//! One scenario for each of the five sources: from its pack and a roster file to the figures that
//! the source states, and the month closed.
//!
//! A comment says which figures are the source's; the rest (who the people are, what an office
//! adds where the source prints nothing) is ours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod baotou;
mod chaoyang;
mod desk;
mod hezhou;
mod lueyang;
mod shenmu;
