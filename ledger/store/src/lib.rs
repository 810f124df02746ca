//! The store: the only place that knows SQL.
//!
//! One portable SQL text per statement serves SQLite and PostgreSQL through a small closed driver
//! ([`db`]). Every change goes through one unit of work ([`write`]): it locks the head row of the
//! book, seals each inserted row, and cannot be committed without its audit entry. Rows become
//! models here, one module per aggregate; nothing above this crate sees a column.
//!
//! What it does not do: judge. Rules are in `ledger`, use cases in `api`.
//!
//! To add a statement: put it into the `sql!` block of its module; the catalogue test prepares it
//! on both engines. To add a table: see [`table`].

/// A public `async fn` that is compiled here: its future is boxed. A plain one is compiled anew in
/// every crate that awaits it, and there in one piece on one core.
pub use async_recursion::async_recursion as boxed;

mod bulk;
pub mod db;
pub mod dialect;
pub mod error;
pub mod migrate;
mod scan;
mod sqlite_guard;

pub mod agreement;
pub mod answer;
pub mod approval;
pub mod arrival;
pub mod batch;
pub mod book;
pub mod calendar;
pub mod catalogue;
pub mod clash;
pub mod constraint;
pub mod copy;
pub mod exception;
pub mod fate;
pub mod fund;
pub mod job;
pub mod journal;
pub mod measure;
pub mod movement;
pub mod notice;
pub mod overpaid;
pub mod payment;
pub mod personal;
pub mod policy;
pub mod progress;
pub mod proposal;
pub mod publication;
pub mod reason;
pub mod recovery;
pub mod report;
pub mod returned;
pub mod roster;
pub mod run;
pub mod seal;
pub mod session;
pub mod settlement;
pub mod statement;
pub mod success;
pub mod table;
pub mod tie_out;
pub mod token;
pub mod trace;
pub mod verify;
pub mod write;
pub mod year;
