//! Matching and reporting arithmetic: what the bank answered against what was sent, the bank's
//! movements against what the books expect, the success rate, the four agreements, and whether a
//! published report adds up.
//!
//! Pure on purpose: no files, no database, no clock, no random source. Rows go in, indices and
//! findings come out; the caller loads, posts and stores. Everything is linear in its input and
//! independent of the order of the rows, so that it can be property-tested and replayed.
//!
//! What it does not do: it posts nothing, and it never decides in doubt. A line that cannot be
//! matched for certain becomes an exception for a person, and the other lines go on.
//!
//! To add a kind of exception: a variant and a row of the table in [`answer::ExceptionKind`], its
//! sentence where it is found, and a row in a table test. To add a published report: a TOML file
//! under `reports/` in the shape that [`foot`] describes.

pub mod agreement;
pub mod answer;
pub mod foot;
pub mod rate;
pub mod resolution;
pub mod statement;

mod text;
