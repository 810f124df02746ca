//! Differences whose settlement moves money, returns that are withdrawn, payments cancelled for
//! good, words of banks that are taught, and the workbook of differences.
//!
//! After every step the four agreements hold and nothing is paid twice. Numbers of
//! `8-lessons.md` that are shown here: 1, 4, 5, 11, 12, 14, 15, 21.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{BatchFile, Outcome, movement, outcomes, people, write_return};
use acceptance::office::{Office, WAY, done, refused, told};
use api::app::exception::{self, Evidence, Page};
use api::app::proposal::{self, Change};
use api::app::{Error, reason, recovery, release, returns, waiting};
use calamine::{Data, Reader, Xlsx};
use ledger::account::Chart;
use ledger::id::{ExceptionId, PaymentId, ProposalId, ReturnId};
use ledger_store::run::RunKind;
use rust_xlsxwriter::Workbook;
use serde_json::Value;

const CHARTS: [Chart; 5] = [
    Chart::InTransit,
    Chart::RefundAwaited,
    Chart::Recoverable,
    Chart::Payable,
    Chart::Suspense,
];

/// Proposes as one person and confirms as another.
async fn settle(office: &Office, id: i64, how: &str) -> Value {
    let (app, id) = (&office.app, ExceptionId(id));
    done(exception::propose(app, office.who("maker"), id, how, "已核实", None).await);
    office.assert_invariants().await;
    let answer = done(exception::confirm(app, office.who("reviewer"), id, None).await);
    office.assert_invariants().await;
    answer
}

/// The code of the refusal of a proposal.
async fn not_so(office: &Office, id: i64, how: &str) -> String {
    let (app, id) = (&office.app, ExceptionId(id));
    let proposed = exception::propose(app, office.who("maker"), id, how, "已核实", None).await;
    refused(proposed).code().to_owned()
}

/// The differences, open or all.
async fn queue(office: &Office, open: bool) -> Vec<Value> {
    let (app, who) = (&office.app, office.who("auditor"));
    let list = exception::list(app, who, open, Page::ALL).await.unwrap();
    list.json["exceptions"].as_array().unwrap().clone()
}

/// An office whose urban batch of five went out: the bank takes it whole.
async fn sent(url: &str) -> (Office, BatchFile) {
    let office = Office::funded(url).await;
    office.roster("urban", "2022-01", &people(5)).await;
    let batch = office.pay_month("urban", "2022-01").await;
    (office, batch)
}

/// The return says this of the lines of these places alone.
async fn says(office: &Office, name: &str, batch: &BatchFile, of: &[(usize, Outcome)]) -> Value {
    let rows: Vec<_> = of
        .iter()
        .map(|(place, outcome)| (batch.lines[*place].clone(), *outcome))
        .collect();
    done(office.import(name, &write_return(batch, &rows), None).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_fits_nothing_becomes_the_answer_that_two_people_read() {
    for_each_engine(async |url| {
        let (office, batch) = sent(url).await;
        let mut rows = outcomes(&batch, |_| Outcome::Paid);
        rows[0].0.key = "P99999999-1".to_owned();
        rows[1].0.amount = ledger::money::Fen::new(1);
        let bytes = write_return(&batch, &rows);
        let answer = done(office.import("r.txt", &bytes, None).await);
        assert_eq!(
            (answer["paid"].as_i64(), answer["exceptions"].as_i64()),
            (Some(3), Some(2))
        );
        office.assert_invariants().await;
        // Neither a way that the kind does not offer, nor a target that is answered, nor no target.
        assert_eq!(not_so(&office, 1, "银行误列").await, "CMD-0003");
        assert_eq!(not_so(&office, 1, "suspense").await, "EXC-0002");
        assert_eq!(not_so(&office, 1, "force-match:P1").await, "EXC-0002");
        assert_eq!(not_so(&office, 1, "force-match:paid").await, "EXC-0002");
        assert_eq!(not_so(&office, 1, "force-match:paid:P3").await, "EXC-0002");
        assert_eq!(not_so(&office, 1, "force-match:paid:P99").await, "CMD-0001");
        let before = office.balances(CHARTS).await;
        let (app, id) = (&office.app, ExceptionId(1));
        let how = "force-match:paid:P1";
        done(exception::propose(app, office.who("maker"), id, how, "", None).await);
        assert_eq!(
            office.balances(CHARTS).await,
            before,
            "a proposal books nothing"
        );
        let alone = exception::confirm(app, office.who("maker"), id, None).await;
        assert_eq!(told(&alone), "AUTH-0006");
        let settled = settle(&office, 1, how).await;
        assert_eq!(settled["effect"], "answer");
        let settled = settle(&office, 2, "re-pay").await;
        assert_eq!(
            (settled["payment"].as_i64(), settled["effect"].as_str()),
            (Some(2), Some("answer"))
        );
        let amount = batch.lines[1].amount.get();
        assert_eq!(office.balances(CHARTS).await, [0, amount, 0, amount, 0]);
        let shown = exception::show(app, office.who("auditor"), id)
            .await
            .unwrap()
            .json;
        assert!(
            shown["voucher"]
                .as_str()
                .unwrap()
                .starts_with("2022-01 记-")
        );
        let again = exception::confirm(app, office.who("reviewer"), id, None).await;
        assert_eq!(told(&again), "EXC-0001");
        assert!(queue(&office, true).await.is_empty());
        let cleared = "select payment_id from re_pay_clearance where exception_id = 2";
        assert_eq!(
            office.count(cleared).await,
            2,
            "once it is home it is paid again"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_difference_confirmed_twice_at_once_has_one_effect() {
    for_each_engine(async |url| {
        let (office, batch) = sent(url).await;
        let mut rows = outcomes(&batch, |_| Outcome::Paid);
        rows[0].0.key = "P99999999-1".to_owned();
        done(
            office
                .import("r.txt", &write_return(&batch, &rows), None)
                .await,
        );
        let (app, id) = (&office.app, ExceptionId(1));
        let how = "force-match:failed:P1-1";
        done(exception::propose(app, office.who("maker"), id, how, "", None).await);
        let other = Office::attach(url, app.clock.today()).await;
        let (one, two, three) = tokio::join!(
            exception::confirm(app, office.who("reviewer"), id, None),
            exception::confirm(&other.app, other.who("accountant"), id, None),
            exception::confirm(&other.app, other.who("reviewer2"), id, None),
        );
        let mut told = [told(&one), told(&two), told(&three)];
        told.sort_unstable();
        assert_eq!(told, ["EXC-0001", "EXC-0001", "done"]);
        let count = "select count(*) from outcome where payment_id = 1";
        assert_eq!(office.count(count).await, 1);
        assert_eq!(
            office
                .count("select count(*) from exception_settlement")
                .await,
            1
        );
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contradiction_is_corrected_in_both_directions() {
    for_each_engine(async |url| {
        let (office, batch) = sent(url).await;
        let first = [
            (0, Outcome::Paid),
            (1, Outcome::Failed("系统忙")),
            (2, Outcome::Paid),
        ];
        says(&office, "one.txt", &batch, &first).await;
        let amounts: Vec<i64> = batch.lines.iter().map(|line| line.amount.get()).collect();
        let second = [(0, Outcome::Failed("账号不存在")), (1, Outcome::Paid)];
        let answer = says(&office, "two.txt", &batch, &second).await;
        assert_eq!(answer["exceptions"], 2);
        let kinds: Vec<Value> = queue(&office, true).await;
        let kinds: Vec<&Value> = kinds.iter().map(|one| &one["kind"]).collect();
        assert_eq!(kinds, ["success-taken-back", "late-success"]);
        settle(&office, 1, "correct").await;
        let open = amounts[3] + amounts[4];
        assert_eq!(
            office.balances(CHARTS).await,
            [
                open,
                amounts[0] + amounts[1],
                0,
                open + amounts[0] + amounts[1],
                0
            ]
        );
        settle(&office, 2, "correct").await;
        assert_eq!(
            office.balances(CHARTS).await,
            [open, amounts[0], 0, open + amounts[0], 0]
        );
        // It is what it would have been, had the bank said so at first.
        // A third word of the bank about the same line is corrected as well.
        says(&office, "three.txt", &batch, &[(0, Outcome::Paid)]).await;
        settle(&office, 3, "correct").await;
        assert_eq!(
            office
                .count("select count(*) from outcome where payment_id = 1")
                .await,
            3
        );
        assert_eq!(office.balances(CHARTS).await, [open, 0, 0, open, 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_success_blocks_the_draft_of_a_re_pay() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(3)).await;
        let file = office.pay_month("rural", "2022-01").await;
        says(&office, "r.txt", &file, &[(0, Outcome::Failed("系统忙"))]).await;
        let draft = office
            .create("rural", RunKind::RePay, "2022-01")
            .await
            .unwrap();
        office.walk(draft, WAY.len() - 1).await;
        says(&office, "late.txt", &file, &[(0, Outcome::Paid)]).await;
        let (login, event) = WAY[WAY.len() - 1];
        let blocked = office.act(login, event, draft, None).await;
        assert_eq!(told(&blocked), "RUN-0005", "unknown is not failed");
        settle(&office, 1, "correct").await;
        let blocked = office.act(login, event, draft, None).await;
        assert_eq!(told(&blocked), "RUN-0005", "what is paid is not paid again");
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_money_is_home_a_late_success_says_nothing() {
    for_each_engine(async |url| {
        let (office, batch) = sent(url).await;
        says(
            &office,
            "one.txt",
            &batch,
            &[(0, Outcome::Failed("系统忙"))],
        )
        .await;
        office.assert_invariants().await;
        // The bank takes whole batches: without its money home nothing is sent again.
        assert!(
            office
                .create("urban", RunKind::RePay, "2022-01")
                .await
                .is_none()
        );
        let again = home_and_sent_again(&office, &batch).await;
        // A contradiction whose money is home says nothing: the bank's answer is not taken.
        says(&office, "late.txt", &batch, &[(0, Outcome::Paid)]).await;
        assert_eq!(not_so(&office, 1, "correct").await, "EXC-0002");
        settle(&office, 1, "ignore").await;
        office.answer(&again, |_| Outcome::Paid).await;
        office.assert_invariants().await;
    })
    .await;
}

async fn home_and_sent_again(office: &Office, batch: &BatchFile) -> BatchFile {
    let amount = batch.lines[0].amount.get();
    let seen = [
        movement("2022-01-05", 150_000, "省示例1"),
        movement("2022-01-05", 300_000, "县示例1"),
        movement("2022-01-06", -batch.total.get(), batch.number.clone()),
        movement("2022-01-07", amount, "P1-1"),
    ];
    office
        .statement("icbc", ("2022-01-01", "2022-01-10"), &seen)
        .await;
    office.pay_again("urban", "2022-01").await
}

/// The rural bank takes what succeeds: the first payment failed, was sent again and paid, and then
/// the bank says that the first attempt was paid as well, and takes the money.
async fn paid_twice(office: &Office) -> i64 {
    office.roster("rural", "2022-01", &people(3)).await;
    let batch = office.pay_month("rural", "2022-01").await;
    let all = [
        (0, Outcome::Failed("系统忙")),
        (1, Outcome::Paid),
        (2, Outcome::Paid),
    ];
    says(office, "one.txt", &batch, &all).await;
    let again = office.pay_again("rural", "2022-01").await;
    office.answer(&again, |_| Outcome::Paid).await;
    says(office, "late.txt", &batch, &[(0, Outcome::Paid)]).await;
    let amount = batch.lines[0].amount.get();
    let seen = [
        movement("2022-01-05", 200_000_000, "县示例2"),
        movement(
            "2022-01-06",
            -(batch.total.get() - amount),
            batch.number.clone(),
        ),
        movement("2022-01-07", -amount, again.number.clone()),
        movement("2022-01-08", -amount, "补记"),
    ];
    office
        .statement("csv", ("2022-01-01", "2022-01-10"), &seen)
        .await;
    office.assert_invariants().await;
    amount
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_twice_is_owed_back_until_it_is_home_or_given_up() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let amount = paid_twice(&office).await;
        let left = office.left("县示例2").await;
        let settled = settle(&office, 1, "correct").await;
        assert_eq!(
            (settled["effect"].as_str(), settled["other"].as_i64()),
            (Some("claim"), Some(3))
        );
        assert_eq!(office.balances(CHARTS).await, [0, 0, amount, 0, 0]);
        assert_eq!(office.left("县示例2").await, left - amount);
        // The debit that nobody knew is what was paid twice: the claim's voucher awaits it.
        let shown = exception::show(&office.app, office.who("auditor"), ExceptionId(2)).await;
        let shown = shown.unwrap().json;
        let voucher = shown["candidates"][0]["as"].as_str().unwrap();
        assert!(voucher.starts_with('V'), "{shown}");
        settle(&office, 2, &format!("force-match:{voucher}")).await;
        let open = queue(&office, true).await;
        assert_eq!(
            (open.len(), &open[0]["kind"]),
            (1, &Value::from("paid-twice"))
        );
        // The payee brings it back: the credit and the claim settle each other.
        let home = [movement("2022-01-12", amount, "退回重复款")];
        office
            .statement("csv", ("2022-01-11", "2022-01-20"), &home)
            .await;
        assert_eq!(not_so(&office, 4, "force-match:X1").await, "EXC-0002");
        let settled = settle(&office, 4, "force-match:X3").await;
        assert_eq!(settled["effect"], "claim-home");
        assert_eq!(office.balances(CHARTS).await, [0, 0, 0, 0, 0]);
        assert_eq!(office.left("县示例2").await, left);
        assert!(queue(&office, true).await.is_empty(), "both are settled");
        assert_eq!(not_so(&office, 3, "write-off").await, "EXC-0001");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_is_expense_with_a_reason() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let amount = paid_twice(&office).await;
        settle(&office, 1, "correct").await;
        let (app, id) = (&office.app, ExceptionId(3));
        let bare = exception::propose(app, office.who("maker"), id, "write-off", " ", None).await;
        assert_eq!(told(&bare), "EXC-0002");
        let [expense] = office.balances([Chart::Expense]).await;
        settle(&office, 3, "write-off").await;
        assert_eq!(office.balances([Chart::Expense]).await, [expense + amount]);
        assert_eq!(office.balances(CHARTS).await, [0, 0, 0, 0, 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_find_their_refund_their_debit_or_the_treasury() {
    for_each_engine(async |url| {
        let (office, batch) = sent(url).await;
        let failed = [
            (0, Outcome::Failed("系统忙")),
            (1, Outcome::Paid),
            (2, Outcome::Paid),
        ];
        says(&office, "one.txt", &batch, &failed).await;
        let amounts: Vec<i64> = batch.lines.iter().map(|line| line.amount.get()).collect();
        let seen = [
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
            movement("2022-01-06", -batch.total.get(), batch.number.clone()),
            movement("2022-01-07", amounts[0], "无附言"),
            movement("2022-01-07", amounts[1], "无附言二"),
            movement("2022-01-08", -900, "误扣"),
            movement("2022-01-09", 900, "冲正"),
            movement("2022-01-09", 77, "不明"),
        ];
        office
            .statement("icbc", ("2022-01-01", "2022-01-10"), &seen)
            .await;
        office.assert_invariants().await;
        let open = queue(&office, true).await;
        let by = |fen: i64| {
            let found = open.iter().find(|one| one["amount_fen"] == fen);
            found.and_then(|one| one["exception"].as_i64())
        };
        // Where the amount alone told the bank's statement what it was, nothing is left open.
        if let Some(id) = by(amounts[0]) {
            assert_eq!(
                not_so(&office, id, "force-match:P2").await,
                "EXC-0002",
                "another amount"
            );
            assert_eq!(
                settle(&office, id, "force-match:P1").await["effect"],
                "refund"
            );
        }
        let late = by(amounts[1]).expect("nothing was awaited for it");
        assert_eq!(
            settle(&office, late, "force-match:P2").await["effect"],
            "refund-late"
        );
        let (debit, credit) = (by(-900).unwrap(), by(900).unwrap());
        assert_eq!(
            not_so(&office, debit, &format!("force-match:X{late}")).await,
            "EXC-0002"
        );
        let how = format!("force-match:X{credit}");
        assert_eq!(settle(&office, debit, &how).await["effect"], "offset");
        let odd = by(77).unwrap();
        assert_eq!(not_so(&office, odd, "write-off").await, "EXC-0002");
        settle(&office, odd, "write-off:urban").await;
        assert_eq!(
            office
                .balances([Chart::DueToTreasury, Chart::Suspense])
                .await,
            [77, 0]
        );
        assert!(queue(&office, true).await.is_empty());
        let over = recovery::HandOver {
            program: "urban".to_owned(),
            amount: ledger::money::Fen::new(77),
            account: Some("icbc".to_owned()),
            appropriation: None,
            on: None,
        };
        done(recovery::hand_over(&office.app, office.who("accountant"), &over, None).await);
        office.assert_invariants().await;
        // What came home is sent again.
        let again = office.pay_again("urban", "2022-01").await;
        assert_eq!(again.lines[0].key, "P1-2");
        office.answer(&again, |_| Outcome::Paid).await;
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_is_withdrawn_by_two_people_and_imported_again() {
    for_each_engine(async |url| {
        let (office, batch) = sent(url).await;
        let mut rows = outcomes(&batch, |place| match place {
            0 => Outcome::Failed("系统忙"),
            _ => Outcome::Paid,
        });
        rows[4].0.key = "P99999999-1".to_owned();
        let bytes = write_return(&batch, &rows);
        let before = office.balances(CHARTS).await;
        done(office.import("r.txt", &bytes, None).await);
        let after = office.balances(CHARTS).await;
        let (app, change) = (
            &office.app,
            Change::Withdraw(ReturnId(1), "银行发错".to_owned()),
        );
        let proposed = done(proposal::propose(app, office.who("cashier"), &change, None).await);
        assert_eq!(
            office.balances(CHARTS).await,
            after,
            "a proposal books nothing"
        );
        let id = ProposalId(proposed["proposal"].as_i64().unwrap());
        let alone = proposal::confirm(app, office.who("cashier"), id, None).await;
        assert_eq!(told(&alone), "AUTH-0006");
        let maker = proposal::confirm(app, office.who("maker"), id, None).await;
        assert_eq!(
            told(&maker),
            "AUTH-0004",
            "who imports returns may withdraw them"
        );
        done(proposal::confirm(app, office.who("accountant"), id, None).await);
        office.assert_invariants().await;
        assert_eq!(office.balances(CHARTS).await, before);
        assert!(
            queue(&office, true).await.is_empty(),
            "its differences went with it"
        );
        let again = proposal::propose(app, office.who("cashier"), &change, None).await;
        assert_eq!(told(&again), "BNK-0011");
        // The same bytes, and then nothing a second time, renamed or in another order.
        done(office.import("r.txt", &bytes, None).await);
        office.assert_invariants().await;
        assert_eq!(office.balances(CHARTS).await, after);
        rows.reverse();
        let turned = write_return(&batch, &rows);
        for (name, bytes) in [("r.txt", &bytes), ("other.txt", &turned)] {
            assert_eq!(
                refused(office.import(name, bytes, None).await).code(),
                "BNK-0002"
            );
        }
        let list = returns::list(app, office.who("auditor"))
            .await
            .unwrap()
            .json;
        let withdrawn = list["returns"].as_array().unwrap().iter();
        let withdrawn: Vec<_> = withdrawn.map(|one| one["withdrawn"].as_bool()).collect();
        assert_eq!(withdrawn, [Some(true), Some(false)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_on_which_something_stands_stays() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(3)).await;
        let batch = office.pay_month("rural", "2022-01").await;
        says(
            &office,
            "one.txt",
            &batch,
            &[(0, Outcome::Failed("系统忙")), (1, Outcome::Paid)],
        )
        .await;
        says(&office, "two.txt", &batch, &[(2, Outcome::Paid)]).await;
        office.pay_again("rural", "2022-01").await;
        let change = |id| Change::Withdraw(ReturnId(id), "示例".to_owned());
        let kept = office.agree("cashier", "accountant", &change(1)).await;
        assert_eq!(
            told(&kept),
            "BNK-0011",
            "one of its payments was sent again"
        );
        done(office.agree("cashier", "accountant", &change(2)).await);
        office.assert_invariants().await;
        // A draft that was made before is not: its release is refused.
        assert_eq!(
            told(&office.agree("cashier", "accountant", &change(9)).await),
            "CMD-0001"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_cancelled_for_good_and_never_sent_again() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(3)).await;
        let batch = office.pay_month("rural", "2022-01").await;
        let change = |id| Change::Cancel(PaymentId(id), "查无此人".to_owned());
        let live = office.agree("maker", "reviewer", &change(1)).await;
        assert_eq!(told(&live), "RUN-0005", "the bank has not answered");
        office
            .answer(&batch, |place| match place {
                0 => Outcome::Failed("系统忙"),
                _ => Outcome::Paid,
            })
            .await;
        let draft = office
            .create("rural", RunKind::RePay, "2022-01")
            .await
            .unwrap();
        office.walk(draft, WAY.len() - 1).await;
        let [expense] = office.balances([Chart::Expense]).await;
        let amount = batch.lines[0].amount.get();
        let left = office.left("县示例2").await;
        done(office.agree("maker", "reviewer", &change(1)).await);
        office.assert_invariants().await;
        assert_eq!(office.balances([Chart::Expense]).await, [expense - amount]);
        assert_eq!(office.balances([Chart::Payable]).await, [0]);
        assert_eq!(office.left("县示例2").await, left, "the money stays");
        let (login, event) = WAY[WAY.len() - 1];
        assert_eq!(
            told(&office.act(login, event, draft, None).await),
            "RUN-0005"
        );
        assert_eq!(
            told(&office.agree("maker", "reviewer", &change(1)).await),
            "RUN-0005"
        );
        let paid = office.agree("maker", "reviewer", &change(2)).await;
        assert_eq!(
            told(&paid),
            "RUN-0005",
            "what was paid is recovered, not cancelled"
        );
        let failed = waiting::failed(&office.app, office.who("auditor"), None, Page::ALL)
            .await
            .unwrap();
        assert_eq!(failed.json["failed"], Value::Array(Vec::new()));
    })
    .await;
}

/// What made a payment fail is gone, though its account is the same: two people say so, once for
/// each failure, and the next round sends it and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_cleared_payment_is_tried_again_with_the_same_account() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(4)).await;
        let batch = office.pay_month("rural", "2022-01").await;
        let clear = |ids: &[i64]| {
            let ids = ids.iter().copied().map(PaymentId).collect();
            Change::Clear(ids, "账户已解冻".to_owned())
        };
        let refusals = async |ids: &[i64]| {
            told(&office.agree("maker", "reviewer", &clear(ids)).await).to_owned()
        };
        assert_eq!(
            refusals(&[1]).await,
            "RUN-0005",
            "the bank has not answered"
        );
        let of = |place| match place {
            0 | 1 => Outcome::Failed("账户冻结"),
            2 => Outcome::Failed("户名不符"),
            _ => Outcome::Paid,
        };
        office.answer(&batch, of).await;
        let waiting = async || {
            let list = waiting::failed(&office.app, office.who("auditor"), None, Page::ALL);
            let list = list.await.unwrap().json["failed"].clone();
            let rows = list.as_array().unwrap().iter();
            let row = |row: &Value| {
                let waits = row["waits_for"].as_str().unwrap().to_owned();
                (row["payment"].as_i64().unwrap(), waits)
            };
            rows.map(row).collect::<Vec<_>>()
        };
        let rows = |all: &[(i64, &str)]| {
            let row = |(id, waits): &(i64, &str)| (*id, (*waits).to_owned());
            all.iter().map(row).collect::<Vec<_>>()
        };
        let account = "account";
        assert_eq!(
            waiting().await,
            rows(&[(1, account), (2, account), (3, account)])
        );
        assert_eq!(refusals(&[1, 4]).await, "RUN-0005", "one of them was paid");
        assert_eq!(refusals(&[1, 1]).await, "CMD-0002", "named twice");
        assert_eq!(refusals(&[]).await, "CMD-0003");
        let app = &office.app;
        let alone = done(proposal::propose(app, office.who("maker"), &clear(&[1, 3]), None).await);
        let id = ProposalId(alone["proposal"].as_i64().unwrap());
        let alone = proposal::confirm(app, office.who("maker"), id, None).await;
        assert_eq!(told(&alone), "AUTH-0006");
        assert_eq!(
            waiting().await,
            rows(&[(1, account), (2, account), (3, account)])
        );
        done(proposal::confirm(app, office.who("reviewer"), id, None).await);
        assert_eq!(
            waiting().await,
            rows(&[(1, "re-pay"), (2, account), (3, "re-pay")])
        );
        assert_eq!(refusals(&[3]).await, "CMD-0002", "cleared already");
        let batch = office.pay_again("rural", "2022-01").await;
        let keys: Vec<&str> = batch.lines.iter().map(|line| line.key.as_str()).collect();
        assert_eq!(keys, ["P1-2", "P3-2"]);
        let of = |place| match place {
            0 => Outcome::Paid,
            _ => Outcome::Failed("户名不符"),
        };
        office.answer(&batch, of).await;
        assert_eq!(
            waiting().await,
            rows(&[(2, account), (3, account)]),
            "a clearance is for one failure"
        );
        office.assert_invariants().await;
        for (insert, name) in [
            (
                "insert into re_pay_clearance (book_id, payment_id, attempt_no, step, proposal_id,
                exception_id, user_id, reason, entry, seal) values (1, 1, 2, 1, 7, 0, 1, 'x', 1, 1)",
                "tr_re_pay_clearance_failed",
            ),
            (
                "insert into re_pay_clearance (book_id, payment_id, attempt_no, step, proposal_id,
                exception_id, user_id, reason, entry, seal) values (1, 2, 1, 1, 0, 0, 1, 'x', 1, 1)",
                "ck_re_pay_clearance_source",
            ),
        ] {
            let mut tx = app.db.begin_write().await.unwrap();
            let refused = tx.execute(insert, &[]).await.unwrap_err().to_string();
            assert!(refused.contains(name), "{refused}");
            tx.rollback().await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_failures_in_a_row_and_the_eleventh_attempt_succeeds() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(2)).await;
        let mut batch = office.pay_month("rural", "2022-01").await;
        for round in 1..=10 {
            office
                .answer(&batch, |place| match (place, round) {
                    (1, 1) => Outcome::Paid,
                    _ => Outcome::Failed("系统忙"),
                })
                .await;
            batch = office.pay_again("rural", "2022-01").await;
            assert_eq!(batch.lines[0].key, format!("P1-{}", round + 1));
            let list = release::list_batches(&office.app, office.who("auditor"))
                .await
                .unwrap();
            let last = list.json["batches"]
                .as_array()
                .unwrap()
                .last()
                .unwrap()
                .clone();
            assert_eq!(last["name"], format!("B000001R{}", round + 1));
        }
        office.answer(&batch, |_| Outcome::Paid).await;
        office.assert_invariants().await;
        assert_eq!(office.balances(CHARTS).await, [0, 0, 0, 0, 0]);
        let count = "select count(*) from outcome where payment_id = 1 and kind = 'paid'";
        assert_eq!(office.count(count).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_bank_are_taught_by_two_people_and_the_past_is_read_again() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(3)).await;
        let batch = office.pay_month("rural", "2022-01").await;
        let of = |place| match place {
            0 => Outcome::Failed("量子涨落"),
            1 => Outcome::Failed("E77量子涨落甲"),
            _ => Outcome::Failed("账号不存在"),
        };
        office.answer(&batch, of).await;
        let (app, auditor) = (&office.app, office.who("auditor"));
        let unknown = reason::queue(app, auditor).await.unwrap().json;
        assert_eq!(unknown["unknown"].as_array().unwrap().len(), 2);
        assert!(
            office
                .create("rural", RunKind::RePay, "2022-01")
                .await
                .is_none()
        );
        let change = |words: &str, code: &str| Change::Reason(words.to_owned(), code.to_owned());
        let short = office
            .agree("maker", "reviewer", &change("量", "duplicate"))
            .await;
        assert_eq!(told(&short), "CMD-0003");
        let nothing = office
            .agree("maker", "reviewer", &change("量子涨落", "nothing"))
            .await;
        assert_eq!(told(&nothing), "CMD-0001");
        let alone = office
            .agree("maker", "maker", &change("量子涨落", "duplicate"))
            .await;
        assert_eq!(told(&alone), "AUTH-0006");
        done(
            office
                .agree("maker", "reviewer", &change("量子涨落", "bank-unavailable"))
                .await,
        );
        office.assert_invariants().await;
        let unknown = reason::queue(app, auditor).await.unwrap().json;
        assert_eq!(unknown["unknown"], Value::Array(Vec::new()));
        let failed = waiting::failed(app, auditor, None, Page::ALL)
            .await
            .unwrap()
            .json;
        let reasons: Vec<&str> = failed["failed"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["reason"].as_str().unwrap())
            .collect();
        assert_eq!(
            reasons,
            ["bank-unavailable", "bank-unavailable", "account-not-found"]
        );
        // What passes by itself may be sent again; the words are known from now on.
        let again = office.pay_again("rural", "2022-01").await;
        assert_eq!(again.lines.len(), 2);
        office.answer(&again, |_| Outcome::Failed("量子涨落")).await;
        assert!(
            office
                .create("rural", RunKind::RePay, "2022-01")
                .await
                .is_some()
        );
        // Taught otherwise, they mean something else, in the past too.
        done(
            office
                .agree("reviewer", "maker", &change("量子涨落", "duplicate"))
                .await,
        );
        office.assert_invariants().await;
        let list = reason::list(app, auditor).await.unwrap().json;
        assert_eq!(list["taught"].as_array().unwrap().len(), 2);
        let failed = waiting::failed(app, auditor, None, Page::ALL)
            .await
            .unwrap()
            .json;
        assert_eq!(failed["failed"][0]["reason"], "duplicate");
    })
    .await;
}

/// The cells of a workbook's first sheet.
fn cells(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap();
    let sheet = book.worksheet_range_at(0).unwrap().unwrap();
    let text = |cell: &Data| cell.to_string();
    sheet
        .rows()
        .map(|row| row.iter().map(text).collect())
        .collect()
}

/// A workbook with these cells, as an officer saves it.
fn workbook(rows: &[Vec<String>]) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (line, row) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(row) {
            sheet.write_string(line, column, cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_go_out_as_a_workbook_and_stale_rows_do_not_come_back() {
    for_each_engine(async |url| {
        let (office, batch) = sent(url).await;
        let mut rows = outcomes(&batch, |_| Outcome::Paid);
        for (place, row) in rows.iter_mut().enumerate().take(3) {
            row.0.key = format!("P9999999{place}-1");
        }
        done(
            office
                .import("r.txt", &write_return(&batch, &rows), None)
                .await,
        );
        let (app, maker) = (&office.app, office.who("maker"));
        let mut book = cells(&exception::export(app, maker).await.unwrap());
        assert_eq!(book.len(), 4);
        let at = |heading: &str| book[0].iter().position(|cell| cell == heading).unwrap();
        let (how, note, confirm) = (at("处理"), at("说明"), at("确认"));
        for (line, target) in [(1, "P1"), (2, "P2")] {
            book[line][how] = format!("force-match:paid:{target}");
            book[line][note] = "已核实".to_owned();
        }
        let import = async |who: &str, book: &[Vec<String>]| {
            let bytes = workbook(book);
            exception::import(app, office.who(who), "差异.xlsx", &bytes, None).await
        };
        // Somebody acts on the second one meanwhile: nothing of the workbook is done.
        let id = ExceptionId(2);
        done(exception::propose(app, office.who("accountant"), id, "ignore", "示例", None).await);
        let Err(Error::Refused { problem, findings }) = import("maker", &book).await else {
            panic!("a stale row was taken");
        };
        assert_eq!((problem.code(), findings.len()), ("EXC-0003", 1));
        assert_eq!(findings[0].place.row, Some(3));
        let states: Vec<Value> = queue(&office, true).await;
        assert_eq!(states[0]["state"], "open", "nothing is half done");
        let marked = cells(&exception::marked(&workbook(&book), &findings).unwrap());
        assert!(
            marked[2].last().unwrap().starts_with("EXC-0003"),
            "{:?}",
            marked[2]
        );
        // Exported again it is known; the second person confirms by workbook too.
        let mut book = cells(&exception::export(app, maker).await.unwrap());
        book[1][how] = "force-match:paid:P1".to_owned();
        book[3][how] = "force-match:paid:P1".to_owned();
        book[3][confirm] = "是".to_owned();
        let wrong = import("maker", &book).await;
        assert_eq!(
            told(&wrong),
            "EXC-0003",
            "what is confirmed was proposed as it stands"
        );
        book[3][how] = String::new();
        book[3][confirm] = String::new();
        let answer = done(import("maker", &book).await);
        assert_eq!(answer["proposed"], Value::from(vec![1]));
        let mut book = cells(&exception::export(app, maker).await.unwrap());
        book[1][confirm] = "是".to_owned();
        book[2][confirm] = "是".to_owned();
        let alone = import("maker", &book).await;
        assert_eq!(told(&alone), "AUTH-0006");
        assert_eq!(queue(&office, true).await.len(), 3, "all of it or nothing");
        let answer = done(import("reviewer", &book).await);
        assert_eq!(answer["confirmed"], Value::from(vec![1, 2]));
        office.assert_invariants().await;
        assert_eq!(told(&import("reviewer", &book).await), "EXC-0003");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_has_an_owner_an_age_a_due_day_comments_and_evidence() {
    for_each_engine(async |url| {
        let (office, batch) = sent(url).await;
        office.on("2022-01-27");
        let mut rows = outcomes(&batch, |_| Outcome::Paid);
        rows[0].0.key = "P99999999-1".to_owned();
        done(
            office
                .import("r.txt", &write_return(&batch, &rows), None)
                .await,
        );
        let (app, maker, id) = (&office.app, office.who("maker"), ExceptionId(1));
        done(exception::assign(app, maker, id, "reviewer", None).await);
        assert_eq!(
            told(&exception::assign(app, maker, id, "nobody", None).await),
            "CMD-0001"
        );
        done(exception::comment(app, maker, id, "已电话核实", None).await);
        assert_eq!(
            told(&exception::comment(app, maker, id, " ", None).await),
            "CMD-0003"
        );
        let mut document = Evidence {
            file_name: "回执.pdf".to_owned(),
            bytes: b"receipt".to_vec(),
            text: "银行回执".to_owned(),
        };
        let answer = done(exception::evidence(app, maker, id, &document, None).await);
        let hash = ledger::audit::hex::document_hash(b"receipt");
        assert_eq!(answer["sha256"], ledger::audit::hex::encode(&hash));
        document.bytes.clear();
        assert_eq!(
            told(&exception::evidence(app, maker, id, &document, None).await),
            "CMD-0003"
        );
        // Opened on Thursday the 27th: five weekdays later it is Thursday.
        let one = queue(&office, true).await.remove(0);
        assert_eq!(
            (&one["due_on"], &one["overdue"]),
            (&"2022-02-03".into(), &false.into())
        );
        assert_eq!(
            (&one["owner"], &one["comments"]),
            (&"示例复核".into(), &1.into())
        );
        assert_eq!(one["evidence"], 1);
        // The notice of the year: a weekend is worked before a week of holidays.
        let notice = api::app::calendar::Source::shipped(2022).unwrap();
        done(api::app::calendar::import(app, maker, &notice, None).await);
        office.on("2022-02-09");
        let one = queue(&office, true).await.remove(0);
        assert_eq!(one["due_on"], "2022-02-08");
        assert_eq!(
            (&one["age_days"], &one["overdue"]),
            (&13.into(), &true.into())
        );
        office.assert_invariants().await;
    })
    .await;
}
