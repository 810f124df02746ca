//! The loop closes: money in, a month paid, failures and refunds home, paid again, months closed.
//! Every figure is worked out by hand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{Outcome, account, movement, people};
use acceptance::office::{Office, done, month, refused};
use api::app::{exception, period, report};
use ledger::account::Chart;
use ledger::id::{ExceptionId, ProgramId};
use ledger_store::run::RunKind;
use reconciliation::rate::{Rate, SuccessRate};

const WHERE_MONEY_IS: [Chart; 5] = [
    Chart::Bank,
    Chart::InTransit,
    Chart::RefundAwaited,
    Chart::Payable,
    Chart::Expense,
];

/// 20 people with 101 to 120 yuan.
const MONTH: i64 = 221_000;
/// The 16th to 18th of them.
const THREE: i64 = 11_600 + 11_700 + 11_800;

async fn rate(office: &Office, first: &str, last: &str) -> SuccessRate {
    let (first, last) = (month(first), month(last));
    let all = report::program_success(&office.app, office.who("manager"), first, last).await;
    all.unwrap()[&ProgramId(1)]
}

async fn exceptions(office: &Office) -> usize {
    let list = exception::list(
        &office.app,
        office.who("auditor"),
        false,
        exception::Page::ALL,
    )
    .await
    .unwrap();
    list.json["exceptions"].as_array().unwrap().len()
}

/// January until every answer and refund is in: 15 paid at once, 2 later, 3 failed.
async fn january(office: &Office) {
    office.roster("urban", "2022-01", &people(20)).await;
    office.on("2022-01-10");
    let batch = office.pay_month("urban", "2022-01").await;
    assert_eq!((batch.lines.len(), batch.total.get()), (20, MONTH));
    assert_eq!(
        office.balances(WHERE_MONEY_IS).await,
        [200_229_000, MONTH, 0, MONTH, MONTH]
    );
    // 14 payments fit into the first appropriation; the next one draws the rest of it.
    assert_eq!(
        (office.left("省示例1").await, office.left("县示例1").await),
        (0, 229_000)
    );
    office.assert_invariants().await;

    let first = |place: usize| match place {
        0..15 => Outcome::Paid,
        15 => Outcome::Failed("账户已销户"),
        16 => Outcome::Failed("户名不符"),
        17 => Outcome::Failed("账户冻结"),
        _ => Outcome::Pending,
    };
    office.on("2022-01-12");
    let answer = office.answer(&batch, first).await;
    let counts = [
        "paid",
        "failed",
        "pending",
        "repeated",
        "exceptions",
        "unanswered",
    ];
    assert_eq!(
        counts.map(|name| answer[name].as_i64().unwrap()),
        [15, 3, 2, 0, 0, 0]
    );
    let pending = 11_900 + 12_000;
    let expected = [200_229_000, pending, THREE, pending + THREE, MONTH];
    assert_eq!(office.balances(WHERE_MONEY_IS).await, expected);
    let now = rate(office, "2022-01", "2022-01").await;
    assert_eq!((now.final_count, now.pending_count), (Rate::new(15, 18), 2));
    assert_eq!(now.pending_amount.get(), pending);
    office.assert_invariants().await;

    // The same list again, the two now paid: what was known is repeated, not posted.
    office.on("2022-01-14");
    let second = |place: usize| {
        if place > 17 {
            Outcome::Paid
        } else {
            first(place)
        }
    };
    let answer = office.answer(&batch, second).await;
    assert_eq!(
        counts.map(|name| answer[name].as_i64().unwrap()),
        [2, 0, 0, 18, 0, 0]
    );
    let expected = [200_229_000, 0, THREE, THREE, MONTH];
    assert_eq!(office.balances(WHERE_MONEY_IS).await, expected);
    office.assert_invariants().await;
}

/// The statement of the first half of January: what came in, the batch, and three refunds.
async fn first_statement(office: &Office) {
    let answer = office
        .statement(
            "icbc",
            ("2022-01-01", "2022-01-15"),
            &[
                movement("2022-01-05", 150_000, "省示例1"),
                movement("2022-01-05", 300_000, "县示例1"),
                movement("2022-01-10", -MONTH, "代发 B000001"),
                movement("2022-01-13", 11_600, "退回 P16-1"),
                movement("2022-01-13", 11_700, "退回 P17-1"),
                movement("2022-01-13", 11_800, "退回 P18-1"),
            ],
        )
        .await;
    let counts = ["matched", "refunds", "late_refunds", "exceptions"];
    assert_eq!(
        counts.map(|name| answer[name].as_i64().unwrap()),
        [6, 3, 0, 0]
    );
    assert_eq!(office.left("县示例1").await, 229_000 + THREE);
    let expected = [200_229_000 + THREE, 0, 0, THREE, MONTH];
    assert_eq!(office.balances(WHERE_MONEY_IS).await, expected);
    office.assert_invariants().await;
}

/// The three get other accounts and are paid; then one that was paid comes back.
async fn second_attempts(office: &Office) {
    let none = office.create("urban", RunKind::RePay, "2022-01").await;
    assert_eq!(
        none, None,
        "nothing was corrected, so nothing may be tried again"
    );
    let mut corrected = people(20);
    for (place, person) in corrected.iter_mut().enumerate().skip(15).take(3) {
        person.account = account(900 + place);
    }
    let answer = office.roster("urban", "2022-01", &corrected).await;
    assert_eq!(
        (
            answer["accounts_changed"].as_i64(),
            answer["unchanged"].as_i64()
        ),
        (Some(3), Some(20))
    );
    office.on("2022-01-20");
    let again = office.pay_again("urban", "2022-01").await;
    let keys: Vec<&str> = again.lines.iter().map(|line| line.key.as_str()).collect();
    assert_eq!(keys, ["P16-2", "P17-2", "P18-2"]);
    assert_eq!(again.lines[0].account, account(915));
    office.answer(&again, |_| Outcome::Paid).await;
    let now = rate(office, "2022-01", "2022-01").await;
    assert_eq!(
        (now.first_count, now.final_count),
        (Rate::new(17, 20), Rate::new(20, 20))
    );
    assert_eq!(now.first_amount, Rate::new(MONTH - THREE, MONTH));
    assert_eq!(now.final_amount, Rate::new(MONTH, MONTH));
    office.assert_invariants().await;

    let answer = office
        .statement(
            "icbc",
            ("2022-01-16", "2022-01-31"),
            &[
                movement("2022-01-20", -THREE, "代发 B000002"),
                movement("2022-01-26", 10_100, "退汇 P1-1"),
            ],
        )
        .await;
    assert_eq!(
        (
            answer["late_refunds"].as_i64(),
            answer["exceptions"].as_i64()
        ),
        (Some(1), Some(0))
    );
    // It goes home to the province, from where it came, and is owed again.
    assert_eq!(
        (office.left("省示例1").await, office.left("县示例1").await),
        (10_100, 229_000)
    );
    let expected = [200_239_100, 0, 0, 10_100, MONTH];
    assert_eq!(office.balances(WHERE_MONEY_IS).await, expected);
    let now = rate(office, "2022-01", "2022-01").await;
    assert_eq!(now.final_count, Rate::new(19, 20));
    assert_eq!(now.final_amount, Rate::new(MONTH - 10_100, MONTH));
    office.assert_invariants().await;
}

async fn close(office: &Office, at: &str) {
    let accountant = office.who("accountant");
    done(period::close(&office.app, accountant, month(at), None).await);
    office.assert_invariants().await;
    let again = refused(period::close(&office.app, accountant, month(at), None).await);
    assert_eq!(again.code(), "LED-0001");
}

/// February: everybody again, and the first person's January with a new account.
async fn february(office: &Office) {
    let mut corrected = people(20);
    for (place, person) in corrected.iter_mut().enumerate() {
        if place == 0 || (15..18).contains(&place) {
            person.account = account(900 + place);
        }
    }
    office.on("2022-02-08");
    office.roster("urban", "2022-02", &corrected).await;
    let again = office.pay_again("urban", "2022-02").await;
    let regular = office.pay_month("urban", "2022-02").await;
    assert_eq!((again.total.get(), regular.total.get()), (10_100, MONTH));
    assert_eq!(again.lines[0].key, "P1-2");
    office.answer(&again, |_| Outcome::Paid).await;
    office.answer(&regular, |_| Outcome::Paid).await;
    office
        .statement(
            "icbc",
            ("2022-02-01", "2022-02-28"),
            &[
                movement("2022-02-08", -10_100, format!("代发 {}", again.number)),
                movement("2022-02-08", -MONTH, format!("代发 {}", regular.number)),
            ],
        )
        .await;
    office.assert_invariants().await;
}

#[tokio::test]
async fn twenty_payments_reach_everybody_in_two_months_and_the_books_close() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.assert_invariants().await;
        january(&office).await;
        first_statement(&office).await;
        second_attempts(&office).await;
        let open = period::close(
            &office.app,
            office.who("accountant"),
            month("2022-01"),
            None,
        );
        assert_eq!(
            refused(open.await).code(),
            "LED-0006",
            "the month has not ended"
        );
        office.on("2022-01-31");
        // Rural money lies on the other account, whose statement shows it.
        let rural = [movement("2022-01-05", 200_000_000, "县示例2")];
        office
            .statement("csv", ("2022-01-01", "2022-01-31"), &rural)
            .await;
        close(&office, "2022-01").await;
        february(&office).await;
        office.on("2022-02-28");
        close(&office, "2022-02").await;

        let left = 450_000 - 2 * MONTH;
        assert_eq!(
            (office.left("省示例1").await, office.left("县示例1").await),
            (0, left)
        );
        let expected = [200_000_000 + left, 0, 0, 0, 2 * MONTH];
        assert_eq!(office.balances(WHERE_MONEY_IS).await, expected);
        let budget = [
            Chart::BudgetIncome,
            Chart::BudgetExpense,
            Chart::FundsBalance,
        ];
        let expected = [200_450_000, 2 * MONTH, 200_000_000 + left];
        assert_eq!(office.balances(budget).await, expected);
        let year = rate(&office, "2022-01", "2022-12").await;
        assert_eq!(
            (year.first_count, year.final_count),
            (Rate::new(36, 40), Rate::new(40, 40))
        );
        assert_eq!(year.pending_count, 0);
        assert_eq!(exceptions(&office).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_bank_that_takes_only_what_succeeds_owes_no_refund() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(5)).await;
        office.on("2022-01-10");
        let batch = office.pay_month("rural", "2022-01").await;
        assert_eq!(batch.total.get(), 51_500);
        let failed = |place| {
            if place == 4 {
                Outcome::Failed("超过限额")
            } else {
                Outcome::Paid
            }
        };
        office.answer(&batch, failed).await;
        let expected = [200_450_000 - 41_000, 0, 0, 10_500, 51_500];
        assert_eq!(office.balances(WHERE_MONEY_IS).await, expected);
        assert_eq!(office.left("县示例2").await, 200_000_000 - 41_000);
        office.assert_invariants().await;
        // The reason passes by itself: no correction is needed.
        let again = office.pay_again("rural", "2022-01").await;
        assert_eq!(again.lines[0].key, "P5-2");
        office.answer(&again, |_| Outcome::Paid).await;
        let answer = office
            .statement(
                "csv",
                ("2022-01-01", "2022-01-31"),
                &[
                    movement("2022-01-05", 200_000_000, "县示例2"),
                    movement("2022-01-11", -41_000, format!("代发 {}", batch.number)),
                    movement("2022-01-12", -10_500, format!("代发 {}", again.number)),
                ],
            )
            .await;
        assert_eq!(
            (answer["matched"].as_i64(), answer["exceptions"].as_i64()),
            (Some(3), Some(0))
        );
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test]
async fn a_movement_that_nothing_explains_is_suspense_until_two_people_settle_it() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let odd = [
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
            movement("2022-01-06", 777, "不明"),
        ];
        let answer = office
            .statement("icbc", ("2022-01-01", "2022-01-31"), &odd)
            .await;
        assert_eq!(answer["exceptions"], 1);
        assert_eq!(
            office.balances([Chart::Suspense, Chart::Bank]).await,
            [777, 200_450_777]
        );
        assert_eq!(exceptions(&office).await, 1);
        office.assert_invariants().await;
        let (app, id) = (&office.app, ExceptionId(1));
        let propose = exception::propose;
        done(propose(app, office.who("maker"), id, "suspense", "已查明", None).await);
        let alone = exception::confirm(app, office.who("maker"), id, None).await;
        assert_eq!(refused(alone).code(), "AUTH-0006");
        done(exception::confirm(app, office.who("reviewer"), id, None).await);
        office.assert_invariants().await;
    })
    .await;
}
