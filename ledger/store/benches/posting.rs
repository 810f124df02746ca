//! How fast 100,000 transfers are posted on SQLite, with hash chain and balances, from begin to
//! commit, and how fast the same rows are loaded into the same table with nothing around them.
//!
//! `cargo bench -p ledger-store --bench posting`

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on fails")]

use std::collections::BTreeMap;

use divan::Bencher;
use divan::counter::ItemsCount;
use ledger::audit::entry::Actor;
use ledger::calendar::{Date, Moment};
use ledger::id::{BookId, ComponentId, PaymentId, ProgramId, UserId};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger_store::book::{self, Book};
use ledger_store::db::{Db, RowBuffer, Value};
use ledger_store::journal::{Poster, VoucherDraft};
use ledger_store::migrate::migrate;
use ledger_store::table;
use ledger_store::write::{Record, Write};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const TRANSFERS: i64 = 100_000;
const NOW: Moment = Moment(1_641_000_000_000_000);

fn main() {
    divan::main();
}

/// A new database with one book, for one run.
struct Place {
    runtime: Runtime,
    db: Db,
    book: BookId,
    _directory: TempDir,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("bench.db").display());
        let runtime = Runtime::new().unwrap();
        let (db, book) = runtime.block_on(async {
            let db = Db::open(&url).await.unwrap();
            migrate(&db, NOW).await.unwrap();
            let id = book::open_head(&db).await.unwrap();
            let made = Book {
                id,
                code: "610881".to_owned(),
                name: "测试县民政局".to_owned(),
                region: "610881".to_owned(),
            };
            let mut write = Write::begin(&db, id).await.unwrap();
            book::add_book(&mut write, &made, NOW).await.unwrap();
            write.commit(record("book.add")).await.unwrap();
            (db, id)
        });
        Place {
            runtime,
            db,
            book,
            _directory: directory,
        }
    }
}

fn record(kind: &str) -> Record {
    Record {
        book_code: "610881".to_owned(),
        time: NOW,
        kind: kind.to_owned(),
        actor: Actor::default(),
        key: None,
        reason: None,
        data: BTreeMap::new(),
    }
}

/// What an approval posts: each payment is owed, on the accounts of its fund category.
fn postings() -> Vec<Posting> {
    let mut postings = Vec::new();
    let mut number = 0;
    while postings.len() < usize::try_from(TRANSFERS).unwrap() {
        number += 1;
        let component = ComponentId(1 + number % 2);
        let amount = Fen::new(45_000 + number % 300 * 100);
        rules::run_approved(
            ProgramId(1),
            component,
            PaymentId(number),
            amount,
            &mut postings,
        );
    }
    postings
}

#[divan::bench(sample_count = 8, sample_size = 1)]
fn post(bencher: Bencher<'_, '_>) {
    let postings = postings();
    let draft = VoucherDraft {
        on_date: Date::from_ymd_opt(2022, 1, 10).unwrap(),
        summary: "测试".to_owned(),
        maker: UserId(1),
        checker: None,
        source: "run",
        source_id: 1,
        reverses: None,
    };
    bencher
        .counter(ItemsCount::new(postings.len()))
        .with_inputs(Place::new)
        .bench_local_values(|place| {
            place.runtime.block_on(async {
                let mut write = Write::begin(&place.db, place.book).await.unwrap();
                let mut poster = Poster::begin(&mut write, draft.clone()).await.unwrap();
                poster.push_all(&mut write, &postings).await.unwrap();
                poster.finish(&mut write).await.unwrap();
                write.commit(record("run.approve")).await.unwrap();
            });
            place
        });
}

#[divan::bench(sample_count = 8, sample_size = 1)]
fn load_the_same_rows(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(100_000_u32))
        .with_inputs(|| {
            let place = Place::new();
            let rows = rows(place.book);
            (place, rows)
        })
        .bench_local_values(|(place, rows)| {
            place.runtime.block_on(async {
                let mut tx = place.db.begin_write().await.unwrap();
                let (name, columns) = (table::TRANSFER.spec.table, table::TRANSFER.columns);
                for chunk in &rows {
                    tx.bulk(name, columns, chunk).await.unwrap();
                }
                tx.commit().await.unwrap();
            });
            place
        });
}

/// Rows like those that are posted, with an entry and a seal, in buffers of 20,000.
fn rows(book: BookId) -> Vec<RowBuffer> {
    let ids: Vec<i64> = (1..=TRANSFERS).collect();
    let buffer = |ids: &[i64]| {
        let mut rows = RowBuffer::new(table::TRANSFER.columns.len());
        for id in ids {
            // A seal is a hash: as wide as numbers get.
            let seal = id.wrapping_mul(-0x61c8_8646_80b5_83eb);
            let amount = 45_000 + id % 300 * 100;
            let fields = [book.get(), *id, 1, 1 + id % 2, 3 + id % 2, amount, *id];
            let tail = [None::<i64>.into(), Value::Int(2), Value::Int(seal)];
            rows.push(fields.into_iter().map(Value::Int).chain(tail));
        }
        rows
    };
    ids.chunks(20_000).map(buffer).collect()
}
