//! No step of a run sends a statement per payment: ten times the payments cost a handful of
//! further chunks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::office::paper::{Outcome, outcomes, people, write_return};
use acceptance::office::{Office, WAY, done};
use ledger::fund::Level;
use ledger_store::run::RunKind;

/// Chunks of rows by which a run of 10,000 may exceed one of 1,000, in each step.
const CHUNKS_MAX: u64 = 30;

/// Statements of each step of a run of so many payments, by name.
async fn statements(url: &str, count: usize, month: &str) -> Vec<(&'static str, u64)> {
    let office = Office::open(url).await;
    office
        .grant("县示例9", Level::County, "rural", 10_000_000_000)
        .await;
    let mut steps = Vec::new();
    let mut before = office.app.db.statements();
    let mut note = |name, now| {
        steps.push((name, now - before));
        before = now;
    };
    office.roster("rural", month, &people(count)).await;
    note("roster", office.app.db.statements());
    let id = office
        .create("rural", RunKind::Regular, month)
        .await
        .unwrap();
    note("calculation", office.app.db.statements());
    for (login, event) in WAY {
        done(office.act(login, event, id, None).await);
        note(event.code(), office.app.db.statements());
    }
    let batch = office.files(id).await.remove(0);
    assert_eq!(batch.lines.len(), count);
    note("fetch", office.app.db.statements());
    let of = |place: usize| match place % 10 {
        0 => Outcome::Failed("账号不存在"),
        1 => Outcome::Pending,
        _ => Outcome::Paid,
    };
    let bytes = write_return(&batch, &outcomes(&batch, of));
    let answer = done(office.import("return.csv", &bytes, None).await);
    assert_eq!(answer["paid"], count * 8 / 10);
    note("return", office.app.db.statements());
    office.assert_invariants().await;
    steps
}

#[tokio::test]
async fn ten_times_the_payments_take_a_few_chunks_more() {
    let mut small = Vec::new();
    for database in acceptance::fresh_databases().await {
        small.push(statements(database.url(), 1_000, "2022-01").await);
    }
    for (database, small) in acceptance::fresh_databases().await.iter().zip(small) {
        let large = statements(database.url(), 10_000, "2022-01").await;
        println!("{small:?}\n{large:?}");
        for ((step, few), (_, many)) in small.into_iter().zip(large) {
            assert!(
                many <= few + CHUNKS_MAX,
                "{step}: {few} statements for 1,000, {many} for 10,000"
            );
        }
    }
}
