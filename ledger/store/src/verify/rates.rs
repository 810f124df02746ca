//! The stored success rates are what the payments, attempts and outcomes give.

use std::collections::{BTreeMap, BTreeSet};

use ledger::audit::verify::{Fault, FaultKind};
use ledger::id::BookId;

use super::fault;
use crate::db::Tx;
use crate::error::StoreError;
use crate::success::{self, Counted, Sum};

/// Counts the success rates anew and compares.
pub(super) async fn check(tx: &mut Tx, book: BookId) -> Result<Vec<Fault>, StoreError> {
    let stored = success::stored(tx, book).await?;
    let counted = match success::recompute(tx, book).await {
        Ok(counted) => counted,
        // Altered amounts that do not add up any more: their rows are named elsewhere.
        Err(StoreError::Inconsistency { .. }) => {
            let zh = "发放成功率无法重算".to_owned();
            let en = "the success rates cannot be counted anew".to_owned();
            let kind = FaultKind::Malformed;
            return Ok(vec![fault("success_cell", None, None, kind, zh, en)]);
        }
        Err(error) => return Err(error),
    };
    let mut faults = Vec::new();
    differing(
        "success_cell",
        &stored.cells,
        &counted.cells,
        |key| {
            let (program, bank) = (key.program, key.bank_account);
            format!("{program}/{}/{bank}/{}", key.month, key.township)
        },
        cell_field,
        &mut faults,
    );
    differing(
        "success_reason",
        &stored.reasons,
        &counted.reasons,
        |key| format!("{}/{}/{}", key.program, key.month, key.reason),
        |stored, counted| part("attempts", "amount_fen", *stored, *counted),
        &mut faults,
    );
    Ok(faults)
}

fn differing<K: Ord, V: PartialEq>(
    table: &str,
    stored: &BTreeMap<K, V>,
    counted: &BTreeMap<K, V>,
    name: impl Fn(&K) -> String,
    field: impl Fn(&V, &V) -> Option<&'static str>,
    faults: &mut Vec<Fault>,
) {
    let keys: BTreeSet<&K> = stored.keys().chain(counted.keys()).collect();
    for key in keys {
        let (kind, field) = match (stored.get(key), counted.get(key)) {
            (Some(stored), Some(counted)) if stored == counted => continue,
            (Some(stored), Some(counted)) => (FaultKind::Altered, field(stored, counted)),
            (Some(_), None) => (FaultKind::Inserted, None),
            (None, _) => (FaultKind::Removed, None),
        };
        let name = name(key);
        let zh = format!("{table} {name} 与发放结果不符");
        let en = format!("{table} {name} is not what the payments and their outcomes give");
        let mut found = fault(table, None, field, kind, zh, en);
        found.row = Some(name);
        faults.push(found);
    }
}

/// The first column that differs.
fn cell_field(stored: &Counted, counted: &Counted) -> Option<&'static str> {
    let columns = [
        ("first_attempted", "first_attempted_fen"),
        ("first_paid", "first_paid_fen"),
        ("final_attempted", "final_attempted_fen"),
        ("final_paid", "final_paid_fen"),
        ("pending", "pending_fen"),
    ];
    let sums = |of: &Counted| {
        [
            of.first_attempted,
            of.first_paid,
            of.final_attempted,
            of.final_paid,
            of.pending,
        ]
    };
    let pairs = sums(stored).into_iter().zip(sums(counted));
    columns
        .into_iter()
        .zip(pairs)
        .find_map(|((count, fen), (stored, counted))| part(count, fen, stored, counted))
}

fn part(count: &'static str, fen: &'static str, stored: Sum, counted: Sum) -> Option<&'static str> {
    if stored.count != counted.count {
        return Some(count);
    }
    (stored.fen != counted.fen).then_some(fen)
}
