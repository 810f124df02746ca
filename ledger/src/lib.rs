//! The domain of Huimin Ledger: money, accounts, journal, funds, entitlement, runs and payments,
//! and the bytes of the audit trail.
//!
//! Pure on purpose: no SQL, no async, no clock, no random source, no `serde`. What a rule needs is
//! passed in; what it decides is returned. So everything here can be tested and replayed at full
//! speed.
//!
//! To add a rule: put it beside the data it judges, return a [`problem::Problem`] when it refuses,
//! and give it a table test in the same file.

pub mod account;
pub mod audit;
pub mod calendar;
pub mod disbursement;
pub mod fund;
pub mod id;
pub mod journal;
pub mod money;
pub mod problem;
pub mod program;
pub mod roster;
