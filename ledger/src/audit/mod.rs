//! The bytes of the audit trail: what an entry is, how rows are sealed, how both are verified.
//!
//! Every byte is defined in `docs/audit-format.md`, with golden vectors in
//! `tests/data/audit-vectors.json` and a second implementation in `tests/audit_recompute.py`.
//! Nothing here reads a database: callers stream entries and rows in.
//!
//! To add something to an entry: use `data`, `objects`, `files` or `commitments`. A new field of
//! the entry itself is a new version of the format.

pub mod canonical;
pub mod commitment;
pub mod entry;
pub mod hex;
pub mod merkle;
pub mod row;
pub mod verify;

pub use canonical::{CanonicalError, Json};
pub use entry::{Actor, Entry, EntryError, FileRef, ObjectRef, RowsRef};
pub use merkle::{Frontier, Hash};
pub use row::{Field, RowError, RowPart, RowSet, RowSpec};
pub use verify::{ChainCheck, Fault, FaultKind, Head, RowCheck, TableCheck};

#[cfg(test)]
mod golden;
