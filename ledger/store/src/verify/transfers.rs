//! What the transfers say while they stream by once: the roots of vouchers, the order within
//! them, and the balances.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ledger::audit::merkle::{Frontier, Hash};
use ledger::audit::row::Field;
use ledger::audit::verify::{Fault, FaultKind};
use ledger::id::BookId;

use super::fault;
use crate::db::Tx;
use crate::error::StoreError;

/// Debits and credits. Wider than what is stored: altered amounts must not overflow.
pub(super) type Sums = (i128, i128);

/// A voucher as it is stored.
#[derive(Debug)]
struct Stored {
    id: i64,
    month: Arc<str>,
    first: i64,
    transfers: i64,
    root: Option<Hash>,
    entry: i64,
}

/// The vouchers of a book, by number.
#[derive(Debug, Default)]
pub(super) struct Vouchers(Vec<Stored>);

impl Vouchers {
    pub(super) async fn load(tx: &mut Tx, book: BookId) -> Result<Vouchers, StoreError> {
        let mut vouchers: Vec<Stored> = Vec::new();
        tx.stream(super::VOUCHERS, &[book.get().into()], |row| {
            let month = row.text_ref(1)?;
            let same = vouchers.last().filter(|last| &*last.month == month);
            let month = same.map_or_else(|| Arc::from(month), |last| Arc::clone(&last.month));
            vouchers.push(Stored {
                id: row.int(0)?,
                month,
                first: row.int(2)?,
                transfers: row.int(3)?,
                root: row.bytes_ref(4)?.try_into().ok(),
                entry: row.int(5)?,
            });
            Ok::<(), StoreError>(())
        })
        .await?;
        Ok(Vouchers(vouchers))
    }

    fn place(&self, voucher: i64) -> Option<usize> {
        self.0
            .binary_search_by_key(&voucher, |stored| stored.id)
            .ok()
    }
}

/// Judges the transfers of a book, which come by number.
///
/// Of each voucher it keeps no more than whether it was seen: its transfers stand together.
#[derive(Debug)]
pub(super) struct TransferCheck {
    vouchers: Arc<Vouchers>,
    seen: Vec<bool>,
    open: Option<Open>,
    /// One finding for each voucher that is wrong.
    found: BTreeMap<i64, Fault>,
    /// The lowest number of a voucher that transfers name and that does not exist.
    unknown: Option<i64>,
    totals: BTreeMap<i64, Sums>,
    months: BTreeMap<(i64, Arc<str>), Sums>,
}

/// The voucher whose transfers are coming.
#[derive(Debug)]
struct Open {
    voucher: i64,
    place: Option<usize>,
    frontier: Frontier,
    first: i64,
    last: i64,
    /// Whether the numbers follow each other without a gap.
    dense: bool,
    last_payment: i64,
    /// The first transfer that is out of order, and its entry.
    unordered: Option<(i64, i64)>,
    /// Sums by debited and credited account.
    pairs: Vec<((i64, i64), i128)>,
    places: HashMap<(i64, i64), usize>,
    /// Where the last pair stands: transfers come in runs of equal ones.
    current: usize,
}

impl Open {
    fn new(voucher: i64, place: Option<usize>, first: i64) -> Open {
        Open {
            voucher,
            place,
            frontier: Frontier::new(),
            first,
            last: first - 1,
            dense: true,
            last_payment: i64::MIN,
            unordered: None,
            pairs: Vec::new(),
            places: HashMap::new(),
            current: 0,
        }
    }

    fn add(&mut self, pair: (i64, i64), amount: i64) {
        let known = self.pairs.get(self.current);
        if known.is_none_or(|(known, _)| *known != pair) {
            let pairs = &mut self.pairs;
            self.current = *self.places.entry(pair).or_insert_with(|| {
                pairs.push((pair, 0));
                pairs.len() - 1
            });
        }
        self.pairs[self.current].1 += i128::from(amount);
    }
}

/// What the transfers came to.
#[derive(Debug, Default)]
pub(super) struct TransferReport {
    /// Debits and credits by account.
    pub(super) totals: BTreeMap<i64, Sums>,
    /// Debits and credits by account and month of the voucher.
    pub(super) months: BTreeMap<(i64, Arc<str>), Sums>,
    /// What is wrong, by voucher.
    pub(super) faults: Vec<Fault>,
}

impl TransferCheck {
    pub(super) fn new(vouchers: Arc<Vouchers>) -> TransferCheck {
        TransferCheck {
            seen: vec![false; vouchers.0.len()],
            vouchers,
            open: None,
            found: BTreeMap::new(),
            unknown: None,
            totals: BTreeMap::new(),
            months: BTreeMap::new(),
        }
    }

    /// Takes the next transfer: its columns as [`crate::table::TRANSFER`] names them, then its
    /// entry; and its leaf hash, unless it has none.
    pub(super) fn push(&mut self, fields: &[Field<'_>], leaf: Option<Hash>) {
        let [_, id, voucher, debit, credit, amount, payment, _, entry, ..] = fields else {
            return;
        };
        // What is no number was counted as malformed.
        let number = |field: &Field<'_>| match field {
            Field::Int(number) => *number,
            _ => 0,
        };
        let (id, voucher) = (number(id), number(voucher));
        let open = match &mut self.open {
            Some(open) if open.voucher == voucher => open,
            _ => {
                self.close();
                let place = self.vouchers.place(voucher);
                self.open.insert(Open::new(voucher, place, id))
            }
        };
        open.dense &= open.last + 1 == id;
        open.last = id;
        if let Some(leaf) = leaf {
            open.frontier.push(leaf);
        }
        let payment = match payment {
            Field::Int(payment) => *payment,
            _ => i64::MAX,
        };
        if payment < open.last_payment && open.unordered.is_none() {
            open.unordered = Some((id, number(entry)));
        }
        open.last_payment = payment;
        open.add((number(debit), number(credit)), number(amount));
    }

    /// Ends the check.
    pub(super) fn finish(mut self) -> TransferReport {
        self.close();
        let vouchers = Arc::clone(&self.vouchers);
        for (stored, _) in vouchers
            .0
            .iter()
            .zip(&self.seen)
            .filter(|(_, seen)| !**seen)
        {
            self.found
                .entry(stored.id)
                .or_insert_with(|| altered(stored));
        }
        let mut faults: Vec<Fault> = self.found.into_values().collect();
        if let Some(voucher) = self.unknown {
            let zh = format!("有分录属于不存在的凭证 {voucher}");
            let en = format!("there are transfers of voucher {voucher}, which does not exist");
            let field = Some("voucher_id");
            faults.push(fault("transfer", None, field, FaultKind::Inserted, zh, en));
        }
        TransferReport {
            totals: self.totals,
            months: self.months,
            faults,
        }
    }

    /// Judges the voucher whose transfers have all come, and adds them to the balances.
    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let stored = open.place.and_then(|place| self.vouchers.0.get(place));
        for ((debit, credit), sum) in &open.pairs {
            self.totals.entry(*debit).or_default().0 += sum;
            self.totals.entry(*credit).or_default().1 += sum;
            if let Some(stored) = stored {
                let key = |account| (account, Arc::clone(&stored.month));
                self.months.entry(key(*debit)).or_default().0 += sum;
                self.months.entry(key(*credit)).or_default().1 += sum;
            }
        }
        let (Some(stored), Some(place)) = (stored, open.place) else {
            let lowest = self
                .unknown
                .map_or(open.voucher, |known| known.min(open.voucher));
            self.unknown = Some(lowest);
            return;
        };
        // Transfers that come a second time do not stand together.
        let again = std::mem::replace(&mut self.seen[place], true);
        if let Some(fault) = judge(stored, &open, again) {
            self.found.entry(stored.id).or_insert(fault);
        }
    }
}

fn judge(stored: &Stored, open: &Open, again: bool) -> Option<Fault> {
    let count = open.frontier.size().cast_signed();
    if again || stored.root != Some(open.frontier.root()) || stored.transfers != count {
        return Some(altered(stored));
    }
    let id = stored.id;
    if stored.first != open.first || !open.dense {
        let zh = format!("凭证 {id} 的分录编号不是从 {} 起连续的", stored.first);
        let en = format!(
            "the transfers of voucher {id} are not numbered from {} on without a gap",
            stored.first
        );
        let (field, kind) = (Some("transfer_first"), FaultKind::Reordered);
        let mut found = fault("voucher", Some(id), field, kind, zh, en);
        found.entry = u64::try_from(stored.entry).ok();
        return Some(found);
    }
    let (transfer, entry) = open.unordered?;
    let zh = format!("凭证 {id} 的分录自 {transfer} 起未按发放明细的顺序排列");
    let en = format!("from {transfer} on, the transfers of voucher {id} are not in payment order");
    let (field, kind) = (Some("payment_id"), FaultKind::Reordered);
    let mut found = fault("transfer", Some(transfer), field, kind, zh, en);
    found.entry = u64::try_from(entry).ok();
    Some(found)
}

/// The transfers are not those that the voucher was written with.
fn altered(stored: &Stored) -> Fault {
    let id = stored.id;
    let zh = format!("凭证 {id} 的分录与其根不符");
    let en = format!("the transfers of voucher {id} do not give its root");
    let (field, kind) = (Some("root"), FaultKind::Altered);
    let mut found = fault("voucher", Some(id), field, kind, zh, en);
    found.entry = u64::try_from(stored.entry).ok();
    found
}

#[cfg(test)]
mod tests {
    use ledger::audit::merkle::{leaf, root_of};

    use super::*;
    use crate::table;

    /// Number, voucher, debit, credit, amount, payment (0 for none).
    type Transfer = (i64, i64, i64, i64, i64, i64);

    const GOOD: [Transfer; 7] = [
        (1, 1, 10, 20, 5, 7),
        (2, 1, 10, 20, 6, 7),
        (3, 1, 11, 20, 7, 8),
        (4, 1, 30, 31, 18, 0),
        (5, 2, 20, 10, 1, 0),
        (6, 3, 10, 20, 2, 3),
        (7, 3, 10, 20, 3, 9),
    ];

    fn leaf_of(transfer: &Transfer) -> Hash {
        leaf(format!("{transfer:?}").as_bytes())
    }

    /// Vouchers as the poster would have written them for these transfers.
    fn vouchers(transfers: &[Transfer]) -> Arc<Vouchers> {
        let mut stored: Vec<Stored> = Vec::new();
        for voucher in [1, 2, 3] {
            let own: Vec<_> = transfers.iter().filter(|row| row.1 == voucher).collect();
            let leaves: Vec<Hash> = own.iter().map(|row| leaf_of(row)).collect();
            stored.push(Stored {
                id: voucher,
                month: Arc::from(if voucher < 3 { "2022-01" } else { "2022-02" }),
                first: own[0].0,
                transfers: i64::try_from(own.len()).unwrap(),
                root: Some(root_of(&leaves)),
                entry: voucher * 100,
            });
        }
        Arc::new(Vouchers(stored))
    }

    fn checked(vouchers: &Arc<Vouchers>, transfers: &[Transfer]) -> TransferReport {
        let mut check = TransferCheck::new(Arc::clone(vouchers));
        for row in transfers {
            let payment = match row.5 {
                0 => Field::NullInt,
                payment => Field::Int(payment),
            };
            let [id, voucher, debit, credit, amount] =
                [row.0, row.1, row.2, row.3, row.4].map(Field::Int);
            let (book, attempt, entry) = (Field::Int(1), Field::NullInt, Field::Int(100));
            let fields = [
                book, id, voucher, debit, credit, amount, payment, attempt, entry,
            ];
            check.push(&fields, Some(leaf_of(row)));
        }
        check.finish()
    }

    fn named(report: &TransferReport) -> Vec<String> {
        let name = |fault: &Fault| {
            let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
            let (table, row, field) = (text(&fault.table), text(&fault.row), text(&fault.field));
            format!("{} {table} {row} {field}", fault.kind.name())
        };
        report.faults.iter().map(name).collect()
    }

    #[test]
    fn the_columns_are_those_of_the_table() {
        let wanted = [
            "book_id",
            "transfer_id",
            "voucher_id",
            "debit_id",
            "credit_id",
            "amount_fen",
            "payment_id",
            "attempt_no",
        ];
        assert_eq!(table::TRANSFER.spec.columns, wanted);
    }

    #[test]
    fn good_transfers_give_balances_and_no_faults() {
        let report = checked(&vouchers(&GOOD), &GOOD);
        assert_eq!(named(&report), Vec::<String>::new());
        let totals = [
            (10, (16, 1)),
            (11, (7, 0)),
            (20, (1, 23)),
            (30, (18, 0)),
            (31, (0, 18)),
        ];
        assert_eq!(report.totals, BTreeMap::from(totals));
        let month = |account: i64, month: &str| report.months[&(account, Arc::from(month))];
        assert_eq!(month(10, "2022-01"), (11, 1));
        assert_eq!(month(20, "2022-02"), (0, 5));
        assert_eq!(report.months.len(), 7);
    }

    #[test]
    fn what_is_wrong_with_a_voucher_is_named_once() {
        let with = |change: &dyn Fn(&mut Vec<Transfer>)| {
            let mut rows = GOOD.to_vec();
            change(&mut rows);
            rows
        };
        let good = vouchers(&GOOD);
        for (name, rows, expected) in [
            (
                "an amount",
                with(&|rows| rows[1].4 += 1),
                vec!["altered voucher 1 root"],
            ),
            (
                "one removed",
                with(&|rows| rows.retain(|row| row.0 != 2 + 1)),
                vec!["altered voucher 1 root"],
            ),
            (
                "all removed",
                with(&|rows| rows.retain(|row| row.0 != 4 + 1)),
                vec!["altered voucher 2 root"],
            ),
            (
                "moved to another voucher",
                with(&|rows| rows[1].1 = 3),
                vec!["altered voucher 1 root", "altered voucher 3 root"],
            ),
            (
                "moved to no voucher",
                with(&|rows| rows[4].1 = 9),
                vec!["altered voucher 2 root", "inserted transfer - voucher_id"],
            ),
        ] {
            assert_eq!(named(&checked(&good, &rows)), expected, "{name}");
        }
    }

    /// Sealed as they stand, and still not as a trace needs them.
    #[test]
    fn the_order_of_payments_and_numbers_without_gaps_are_demanded() {
        let with = |change: &dyn Fn(&mut Vec<Transfer>)| {
            let mut rows = GOOD.to_vec();
            change(&mut rows);
            rows
        };
        for (name, rows, expected) in [
            (
                "payments exchanged",
                with(&|rows| (rows[5].5, rows[6].5) = (9, 3)),
                vec!["reordered transfer 7 payment_id"],
            ),
            (
                "a payment after what is of none",
                with(&|rows| (rows[2].5, rows[3].5) = (0, 8)),
                vec!["reordered transfer 4 payment_id"],
            ),
            (
                "a number left out",
                with(&|rows| rows[6].0 = 8),
                vec!["reordered voucher 3 transfer_first"],
            ),
        ] {
            assert_eq!(named(&checked(&vouchers(&rows), &rows)), expected, "{name}");
        }
        let mut elsewhere = vouchers(&GOOD);
        Arc::get_mut(&mut elsewhere).unwrap().0[1].first = 6;
        let found = named(&checked(&elsewhere, &GOOD));
        assert_eq!(found, ["reordered voucher 2 transfer_first"]);
    }
}
