//! Bugs that were found, each with its story, so that they stay found.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{self, Outcome, account, movement, people};
use acceptance::office::{Office, month, refused};
use api::app::{returns, roster};
use ledger::disbursement::workflow::RunEvent;
use ledger_store::run::RunKind;

/// A roster of an earlier month that is imported again named people who had left since. Their old
/// award covered the month already, a second one began beside it, and back pay paid the month
/// twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_roster_of_an_earlier_month_grants_nothing_twice() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(3)).await;
        office.on("2022-02-05");
        office.roster("urban", "2022-02", &people(2)).await;
        let bytes = paper::roster(&people(3));
        let (app, maker, again) = (&office.app, office.who("maker"), month("2022-01"));
        let import = roster::import(app, maker, "urban", again, "r.csv", &bytes, false, None);
        assert_eq!(refused(import.await).code(), "ROS-0003");
        office.assert_invariants().await;
        office.on("2022-02-06");
    })
    .await;
}

/// A bank that takes only what succeeded said “failed” and, in a later return, “paid”. The second
/// answer became an exception, but the payment could be paid again all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_bank_has_answered_in_two_ways_is_not_paid_again() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(4)).await;
        office.on("2022-01-10");
        let batch = office.pay_month("rural", "2022-01").await;
        let busy = Outcome::Failed("系统忙");
        let first = |place: usize| {
            if place < 2 { busy } else { Outcome::Paid }
        };
        office.answer(&batch, first).await;
        let answer = office
            .answer(
                &batch,
                |place| {
                    if place == 1 { busy } else { Outcome::Paid }
                },
            )
            .await;
        assert_eq!(answer["exceptions"], 1);
        let again = office.pay_again("rural", "2022-01").await;
        let tried: Vec<&str> = again.lines.iter().map(|line| line.key.as_str()).collect();
        assert_eq!(tried, ["P2-2"]);
        office.assert_invariants().await;
    })
    .await;
}

/// The contradiction came after the re-pay run was made: its release is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_re_pay_run_is_not_released_over_a_contradiction() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(2)).await;
        office.on("2022-01-10");
        let batch = office.pay_month("rural", "2022-01").await;
        let busy = Outcome::Failed("系统忙");
        office
            .answer(
                &batch,
                |place| {
                    if place == 0 { busy } else { Outcome::Paid }
                },
            )
            .await;
        let run = office
            .create("rural", RunKind::RePay, "2022-01")
            .await
            .unwrap();
        office.walk(run, 4).await;
        office.answer(&batch, |_| Outcome::Paid).await;
        let release = office.act("cashier", RunEvent::Release, run, None).await;
        assert_eq!(refused(release).code(), "RUN-0005");
        office.assert_invariants().await;
    })
    .await;
}

/// The maker alone could change an account between approval and release, and the money went there.
#[tokio::test(flavor = "multi_thread")]
async fn money_goes_to_the_accounts_that_were_checked() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(2)).await;
        office.on("2022-01-10");
        let run = office
            .create("urban", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        office.walk(run, 4).await;
        let mut changed = people(2);
        changed[0].account = account(900);
        office.roster("urban", "2022-01", &changed).await;
        office
            .act("cashier", RunEvent::Release, run, None)
            .await
            .unwrap();
        let files = office.files(run).await;
        assert_eq!(files[0].lines[0].account, account(1));
        office.assert_invariants().await;
    })
    .await;
}

/// Somebody who moved to another household in a month already paid was owed the month a second
/// time there, which the accrual key refused: and with it the run of everybody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_to_another_household_stops_nobody() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(3)).await;
        office.on("2022-01-10");
        office.pay_month("urban", "2022-01").await;
        let mut moved = people(3);
        moved[0].file_no = "D000900".to_owned();
        office.roster("urban", "2022-01", &moved).await;
        let due = office.create("urban", RunKind::BackPay, "2022-01").await;
        assert_eq!(due, None, "nothing more is due to anybody");
        office.on("2022-02-10");
        office.roster("urban", "2022-02", &moved).await;
        assert_eq!(office.pay_month("urban", "2022-02").await.lines.len(), 3);
        office.assert_invariants().await;
    })
    .await;
}

/// Two credits named the same paid attempt: the second one broke the import of the whole
/// statement, and of every statement after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_refund_of_one_attempt_is_an_exception() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(2)).await;
        office.on("2022-01-10");
        let batch = office.pay_month("urban", "2022-01").await;
        office.on("2022-01-12");
        office.answer(&batch, |_| Outcome::Paid).await;
        let (paid, total) = (10_100, batch.total.get());
        office.on("2022-01-31");
        let answer = office
            .statement(
                "icbc",
                ("2022-01-01", "2022-01-31"),
                &[
                    movement("2022-01-05", 150_000, "省示例1"),
                    movement("2022-01-05", 300_000, "县示例1"),
                    movement("2022-01-10", -total, "代发 B000001"),
                    movement("2022-01-20", paid, "退汇 P1-1"),
                    movement("2022-01-21", paid, "退汇 P1-1"),
                ],
            )
            .await;
        assert_eq!(
            (&answer["late_refunds"], &answer["exceptions"]),
            (&1.into(), &1.into())
        );
        office.assert_invariants().await;
    })
    .await;
}

/// Hiding an empty name put an ellipsis between all characters of the bank's words.
#[test]
fn words_without_a_name_stay_as_they_are() {
    for (text, name, expected) in [
        ("账户已销户", "", "账户已销户"),
        ("户名不符 测试一", "测试一", "户名不符 …"),
        ("abc", "  ", "abc"),
    ] {
        assert_eq!(returns::without(text, name), expected);
    }
}
