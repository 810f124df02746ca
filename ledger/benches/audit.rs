//! How fast the audit trail is written: canonical bytes, sealed rows, Merkle roots.
//!
//! `cargo bench -p ledger --bench audit`

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::collections::BTreeMap;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use ledger::audit::canonical::nfc;
use ledger::audit::merkle::{Hash, leaf, node, root_of};
use ledger::audit::{Actor, Entry, Field, Json, ObjectRef, RowPart, RowSet, RowSpec};
use ledger::calendar::Moment;

fn main() {
    divan::main();
}

/// Columns of integers only, as most rows are.
static TRANSFER: RowSpec = RowSpec {
    table: "transfer",
    columns: &[
        "book_id",
        "transfer_id",
        "voucher_id",
        "debit_id",
        "credit_id",
        "amount_fen",
        "payment_id",
        "attempt_no",
    ],
    key: &[0, 1],
    private: &[],
    salt: None,
};

/// Two columns that enter as commitments.
static PARTY: RowSpec = RowSpec {
    table: "party",
    columns: &[
        "book_id",
        "party_id",
        "kind",
        "township",
        "village",
        "name",
        "reference_no",
        "salt",
    ],
    key: &[0, 1],
    private: &[5, 6],
    salt: Some(7),
};

const ROWS: i64 = 100_000;

fn transfer(id: i64) -> [Field<'static>; 8] {
    let amount = 29_000 + id % 97 * 100;
    [1, id, id / 50_000, 31, 1_000 + id % 7, amount, id, 1].map(Field::Int)
}

#[divan::bench(sample_count = 20)]
fn seal_transfer_rows(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(100_000_u32)).bench(|| {
        let mut set = RowSet::new(&TRANSFER);
        for id in 1..=ROWS {
            black_box(set.push_row(&transfer(black_box(id))).unwrap());
        }
        set.root()
    });
}

/// The same rows as two parts on two threads.
#[divan::bench(sample_count = 20)]
fn seal_transfer_rows_on_two_threads(bencher: Bencher<'_, '_>) {
    let part = |first: i64, last: i64| {
        let mut part = RowPart::new(&TRANSFER, first.cast_unsigned() - 1);
        for id in first..=last {
            black_box(part.push_row(&transfer(black_box(id))).unwrap());
        }
        part
    };
    bencher.counter(ItemsCount::new(100_000_u32)).bench(|| {
        let mut set = RowSet::new(&TRANSFER);
        let parts = std::thread::scope(|scope| {
            let half = scope.spawn(|| part(ROWS / 2 + 1, ROWS));
            [part(1, ROWS / 2), half.join().unwrap()]
        });
        for part in parts {
            set.absorb(part).unwrap();
        }
        set.root()
    });
}

#[divan::bench(sample_count = 20)]
fn seal_party_rows(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(100_000_u32)).bench(|| {
        let mut set = RowSet::new(&PARTY);
        for id in 1..=ROWS {
            let salt = u128::from(id.cast_unsigned()).to_be_bytes();
            let row = [
                Field::Int(1),
                Field::Int(black_box(id)),
                Field::Text("person"),
                Field::Text("测试镇"),
                Field::Text("示例一村"),
                Field::Text("测试甲"),
                Field::Text("610881190001019914"),
                Field::Bytes(&salt),
            ];
            black_box(set.push_row(&row).unwrap());
        }
        set.root()
    });
}

#[divan::bench]
fn hash_leaf_of_88_bytes(bencher: Bencher<'_, '_>) {
    bencher.bench(|| leaf(black_box(&[7; 88])));
}

#[divan::bench]
fn hash_node(bencher: Bencher<'_, '_>) {
    let (left, right): (Hash, Hash) = ([1; 32], [2; 32]);
    bencher.bench(|| node(black_box(&left), black_box(&right)));
}

#[divan::bench(sample_count = 20)]
fn merkle_root(bencher: Bencher<'_, '_>) {
    let leaves: Vec<Hash> = (0..100_000_u32)
        .map(|number| leaf(&number.to_be_bytes()))
        .collect();
    bencher
        .counter(ItemsCount::new(leaves.len()))
        .bench(|| root_of(black_box(&leaves)));
}

/// An entry like that of an approval: one reason in Chinese, a run, the rows of four tables.
fn entry() -> Entry {
    let mut set = RowSet::new(&TRANSFER);
    for id in 1..=10 {
        set.push_row(&transfer(id)).unwrap();
    }
    let rows = vec![set.reference(); 4];
    Entry {
        book: "610881".to_owned(),
        sequence: 4_711,
        previous: [9; 32],
        time: Moment(1_641_000_000_000_001),
        kind: "run.approve".to_owned(),
        actor: Actor {
            user: "测试审批".to_owned(),
            roles: vec!["approver".to_owned()],
            session: "terminal-1".to_owned(),
        },
        key: Some("approve-2022-01".to_owned()),
        objects: vec![ObjectRef {
            kind: "run".to_owned(),
            id: "17".to_owned(),
            version: Some(4),
            hash: Some([3; 32]),
            count: Some(50_000),
        }],
        reason: Some("名单已核对,金额与上月一致".to_owned()),
        data: BTreeMap::from([
            ("month".to_owned(), Json::text("2022-01")),
            ("total".to_owned(), Json::text("1450000000")),
        ]),
        files: Vec::new(),
        commitments: Vec::new(),
        rows,
    }
}

#[divan::bench]
fn canonical_bytes_of_an_entry(bencher: Bencher<'_, '_>) {
    let entry = entry();
    let length = entry.to_bytes().unwrap().len();
    bencher
        .counter(BytesCount::new(length))
        .bench(|| black_box(&entry).to_bytes().unwrap());
}

#[divan::bench]
fn canonical_bytes_and_hash_of_an_entry(bencher: Bencher<'_, '_>) {
    let entry = entry();
    bencher.bench(|| leaf(&black_box(&entry).to_bytes().unwrap()));
}

#[divan::bench]
fn read_an_entry(bencher: Bencher<'_, '_>) {
    let bytes = entry().to_bytes().unwrap();
    bencher.bench(|| Entry::from_bytes(black_box(&bytes)).unwrap());
}

#[divan::bench(args = ["6200000000000000011", "测试甲", "示例·甲"])]
fn nfc_of(bencher: Bencher<'_, '_>, text: &str) {
    bencher.bench(|| nfc(black_box(text)));
}
