//! Several processes work on one database at the same moment, and the books stand as if they had
//! come one after the other. Each process is a thread with a runtime and connections of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Barrier;

use acceptance::for_each_engine;
use acceptance::office::paper::{Outcome, outcomes, people, write_return};
use acceptance::office::{Office, WAY, day, done, told};
use api::app::appropriation;
use futures_util::future::join_all;
use ledger::account::Chart;
use ledger::disbursement::workflow::RunEvent;
use ledger::fund::Level;
use ledger::id::RunId;
use ledger::money::Fen;
use ledger_store::run::RunKind;

/// What each process was told by each of its commands, sorted. All begin at the same moment.
fn at_once(
    url: &str,
    processes: usize,
    work: impl AsyncFn(&Office, usize) -> Vec<String> + Sync,
) -> Vec<String> {
    let start = Barrier::new(processes);
    let mut told: Vec<String> = std::thread::scope(|scope| {
        let (start, work) = (&start, &work);
        let threads: Vec<_> = (0..processes)
            .map(|process| {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    runtime.block_on(async {
                        let office = Office::attach(url, day("2022-01-10")).await;
                        start.wait();
                        work(&office, process).await
                    })
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    told.sort();
    told
}

#[tokio::test]
async fn two_processes_release_one_run_and_one_wins() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(20)).await;
        let id = office
            .create("rural", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        office.walk(id, WAY.len() - 1).await;
        let told = at_once(url, 2, async |office, process| {
            let cashier = ["cashier", "cashier2"][process];
            vec![told(
                &office.act(cashier, RunEvent::Release, id, None).await,
            )]
        });
        assert_eq!(told, ["RUN-0001", "done"]);
        assert_eq!(office.files(id).await.len(), 1);
        assert_eq!(office.count("select count(*) from attempt").await, 20);
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test]
async fn of_60_draws_at_once_on_money_for_50_exactly_50_succeed() {
    for_each_engine(async |url| {
        let office = Office::open(url).await;
        office
            .grant("县示例5", Level::County, "rural", 50 * 100)
            .await;
        let told = at_once(url, 6, async |office, _| {
            let draw = async || {
                let (app, accountant) = (&office.app, office.who("accountant"));
                let draw = appropriation::return_to_treasury;
                let one = Fen::new(100);
                told(&draw(app, accountant, "县示例5", "rural", one, None, None).await)
            };
            join_all((0..10).map(|_| draw())).await
        });
        let count = |word: &str| told.iter().filter(|told| *told == word).count();
        assert_eq!((count("done"), count("LED-0002")), (50, 10), "{told:?}");
        assert_eq!(office.left("县示例5").await, 0);
        assert_eq!(
            office.balances([Chart::Bank, Chart::FundsBalance]).await,
            [0, 0]
        );
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test]
async fn two_runs_that_the_money_carries_one_by_one_are_not_both_released() {
    for_each_engine(async |url| {
        let office = Office::open(url).await;
        office
            .grant("县示例5", Level::County, "rural", 120_000)
            .await;
        office.roster("rural", "2022-01", &people(5)).await;
        let mut runs = Vec::new();
        for month in ["2022-01", "2022-02"] {
            let id = office
                .create("rural", RunKind::Regular, month)
                .await
                .unwrap();
            office.walk(id, WAY.len() - 1).await;
            runs.push(id);
        }
        // Half of the money goes after both were approved.
        let (app, accountant) = (&office.app, office.who("accountant"));
        let (back, half) = (appropriation::return_to_treasury, Fen::new(60_000));
        done(back(app, accountant, "县示例5", "rural", half, None, None).await);
        let told = at_once(url, 2, async |office, process| {
            vec![told(
                &office
                    .act("cashier", RunEvent::Release, runs[process], None)
                    .await,
            )]
        });
        assert_eq!(told, ["RUN-0004", "done"]);
        assert_eq!(office.left("县示例5").await, 60_000 - 51_500);
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test]
async fn two_imports_of_one_return_have_one_effect() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(50)).await;
        let batch = office.pay_month("rural", "2022-01").await;
        let bytes = write_return(&batch, &outcomes(&batch, |_| Outcome::Paid));
        let told = at_once(url, 3, async |office, process| {
            vec![told(
                &office.import(&format!("{process}.csv"), &bytes, None).await,
            )]
        });
        assert_eq!(told, ["BNK-0002", "BNK-0002", "done"]);
        assert_eq!(office.count("select count(*) from return_file").await, 1);
        assert_eq!(
            office.balances([Chart::Payable, Chart::InTransit]).await,
            [0, 0]
        );
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test]
async fn a_double_click_is_one_command_and_one_replay() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(5)).await;
        let id = office
            .create("rural", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        for (login, event) in WAY {
            let key = format!("click {}", event.code());
            let told = at_once(url, 2, async |office, _| {
                vec![told(&office.act(login, event, id, Some(&key)).await)]
            });
            assert_eq!(told, ["done", "replay"], "{event:?}");
        }
        // In one process too.
        office.grant("县示例6", Level::County, "rural", 700).await;
        let back = async || {
            let (app, accountant) = (&office.app, office.who("accountant"));
            let (all, key) = (Fen::new(700), Some("click back".to_owned()));
            let back = appropriation::return_to_treasury;
            told(&back(app, accountant, "县示例6", "rural", all, None, key).await)
        };
        let mut told = join_all((0..8).map(|_| back())).await;
        told.sort();
        assert_eq!(told, [vec!["done"], vec!["replay"; 7]].concat());
        assert_eq!(office.left("县示例6").await, 0);
        let events = "select count(*) from run_event";
        assert_eq!(office.count(events).await, 6, "create and the five steps");
        assert_eq!(id, RunId(1));
        office.assert_invariants().await;
    })
    .await;
}
