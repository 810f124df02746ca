//! The agreements of each month by itself where an answer of one month is taken back in another,
//! payments cancelled after their year, and the ages of money.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::browser::{Browser, PASSWORD, serving_on};
use acceptance::for_each_engine;
use acceptance::office::paper::{BatchFile, Outcome, movement, people, write_return};
use acceptance::office::{Office, done, month, told};
use api::app::proposal::Change;
use api::app::recovery::{self, HandOver};
use api::app::{exception, report};
use ledger::account::Chart;
use ledger::id::{ExceptionId, PaymentId, ReturnId};
use ledger::money::Fen;
use serde_json::{Value, json};

/// Both kinds of banks: urban is debited whole, rural for what succeeds.
const PROGRAMS: [&str; 2] = ["urban", "rural"];
const MONTHS: [&str; 4] = ["2022-01", "2022-02", "2022-03", "2022-04"];

async fn says(office: &Office, name: &str, batch: &BatchFile, of: &[(usize, Outcome)]) {
    let rows: Vec<_> = of
        .iter()
        .map(|(place, outcome)| (batch.lines[*place].clone(), *outcome))
        .collect();
    done(office.import(name, &write_return(batch, &rows), None).await);
}

async fn settle(office: &Office, id: i64, how: &str) {
    let (app, id) = (&office.app, ExceptionId(id));
    done(exception::propose(app, office.who("maker"), id, how, "已核实", None).await);
    done(exception::confirm(app, office.who("reviewer"), id, None).await);
}

async fn all_hold(office: &Office, when: &str) {
    println!("{when}");
    office.assert_invariants().await;
    office.assert_months(&MONTHS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_month_agrees_when_answers_are_withdrawn_and_corrected_in_later_ones() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let mut batches = Vec::new();
        for program in PROGRAMS {
            office.roster(program, "2022-01", &people(4)).await;
            let batch = office.pay_month(program, "2022-01").await;
            let of = |place| match place {
                0 => Outcome::Failed("系统忙"),
                3 => Outcome::Pending,
                _ => Outcome::Paid,
            };
            office.answer(&batch, of).await;
            batches.push(batch);
        }
        all_hold(&office, "answered in January").await;
        let left = office.balances([Chart::Payable, Chart::InTransit]).await;
        office.on("2022-02-10");
        for id in [1, 2] {
            let change = Change::Withdraw(ReturnId(id), "导入了旧文件".to_owned());
            done(office.agree("cashier", "accountant", &change).await);
            all_hold(&office, "withdrawn in February").await;
        }
        let total: i64 = batches.iter().map(|batch| batch.total.get()).sum();
        assert_eq!(
            office.balances([Chart::Payable, Chart::InTransit]).await,
            [total, total]
        );
        for batch in &batches {
            let first = [
                (0, Outcome::Failed("系统忙")),
                (1, Outcome::Paid),
                (2, Outcome::Paid),
            ];
            says(
                &office,
                &format!("again-{}.txt", batch.number),
                batch,
                &first,
            )
            .await;
        }
        all_hold(&office, "imported again in February").await;
        assert_eq!(
            office.balances([Chart::Payable, Chart::InTransit]).await,
            left
        );
        // What was paid was not, and what had failed was paid.
        office.on("2022-03-10");
        for batch in &batches {
            let other = [(0, Outcome::Paid), (1, Outcome::Failed("账号不存在"))];
            says(
                &office,
                &format!("other-{}.txt", batch.number),
                batch,
                &other,
            )
            .await;
        }
        all_hold(&office, "contradicted in March").await;
        office.on("2022-04-10");
        for id in 1..=4 {
            settle(&office, id, "correct").await;
            all_hold(&office, "corrected in April").await;
        }
        // 101 is paid, 102 is owed, 104 is under way; as if the banks had said so at first.
        let one = 10_200 + 10_400;
        assert_eq!(
            office
                .balances([Chart::Payable, Chart::InTransit, Chart::RefundAwaited])
                .await,
            [2 * one, 2 * 10_400, 10_200]
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_of_an_earlier_year_is_cancelled_into_what_is_due_to_the_treasury() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.on("2022-12-05");
        office.roster("rural", "2022-12", &people(2)).await;
        let batch = office.pay_month("rural", "2022-12").await;
        let of = |place| [Outcome::Failed("账户已销户"), Outcome::Paid][place];
        office.answer(&batch, of).await;
        let charts = [Chart::Payable, Chart::Expense, Chart::DueToTreasury];
        assert_eq!(office.balances(charts).await, [10_100, 20_300, 0]);
        office.on("2023-01-10");
        let change = Change::Cancel(PaymentId(1), "已去世".to_owned());
        done(office.agree("maker", "reviewer", &change).await);
        // The expense of 2022 stays; the money is the treasury's.
        assert_eq!(office.balances(charts).await, [0, 20_300, 10_100]);
        let earlier = "select count(*) from cancellation where standing = 'earlier'";
        assert_eq!(office.count(earlier).await, 1);
        office.assert_invariants().await;
        office.assert_months(&["2022-12", "2023-01"]).await;
        let over = |fen| HandOver {
            program: "rural".to_owned(),
            amount: Fen::new(fen),
            account: None,
            appropriation: Some("县示例2".to_owned()),
            on: None,
        };
        let (app, who) = (&office.app, office.who("accountant"));
        let more = recovery::hand_over(app, who, &over(10_101), None).await;
        assert_eq!(told(&more), "REC-0007");
        let left = office.left("县示例2").await;
        done(recovery::hand_over(app, who, &over(10_100), None).await);
        assert_eq!(office.balances(charts).await, [0, 20_300, 0]);
        assert_eq!(office.left("县示例2").await, left - 10_100);
        office.assert_invariants().await;
        office.assert_months(&["2022-12", "2023-01"]).await;
    })
    .await;
}

/// Idle, in transit, home and in suspense, each with days by hand: today is 20 February 2022.
async fn money_everywhere(url: &str) -> Office {
    let office = Office::funded(url).await;
    office.roster("urban", "2022-01", &people(4)).await;
    office.on("2022-01-10");
    let batch = office.pay_month("urban", "2022-01").await;
    let of = |place| match place {
        0 | 1 => Outcome::Failed("账户已销户"),
        2 => Outcome::Pending,
        _ => Outcome::Paid,
    };
    office.answer(&batch, of).await;
    let seen = [
        movement("2022-01-05", 150_000, "省示例1"),
        movement("2022-01-05", 300_000, "县示例1"),
        movement("2022-01-11", -41_000, "B000001"),
        movement("2022-01-15", 10_100, "P1-1"),
        movement("2022-01-21", 10_200, "P2-1"),
        movement("2022-01-25", 777, "来款"),
        movement("2022-02-02", 33, "来款"),
    ];
    office
        .statement("icbc", ("2022-01-01", "2022-02-05"), &seen)
        .await;
    office.on("2022-02-20");
    office
}

/// One integer, by a statement that shares nothing with the program's own.
async fn by_hand(office: &Office, sql: &'static str) -> i64 {
    office.count(sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ages_of_money_are_those_of_the_report_the_dashboard_and_a_count_by_hand() {
    for_each_engine(async |url| {
        let office = money_everywhere(url).await;
        let (first, last) = (month("2022-01"), month("2022-02"));
        let manager = office.who("manager");
        let report = report::performance(&office.app, manager, first, last).await;
        let json = report.unwrap().json;
        let row = |list: &str, place: usize, amount: &str| {
            let row = &json[list][place];
            (row[amount].as_i64().unwrap(), row["days"].as_i64().unwrap())
        };
        let transit = "select cast(sum(p.amount_fen) as bigint) from attempt t
            join payment p on p.payment_id = t.payment_id
            where not exists (select 1 from outcome o where o.payment_id = t.payment_id)";
        assert_eq!(by_hand(&office, transit).await, 10_300);
        assert_eq!(row("in_transit", 0, "amount_fen"), (10_300, 41));
        // Came on 4 January; 410 yuan were drawn on the province first, 203 came home to it.
        let letters = json["idle"].as_array().unwrap().iter();
        let letters: Vec<_> = letters
            .map(|one| {
                (
                    one["document"].clone(),
                    one["amount_fen"].clone(),
                    one["days"].clone(),
                )
            })
            .collect();
        let letter = |name: &str, fen: i64| (json!(name), json!(fen), json!(47));
        let left = 150_000 - 41_000 + 20_300;
        assert_eq!(
            letters,
            [
                letter("省示例1", left),
                letter("县示例1", 300_000),
                letter("县示例2", 200_000_000)
            ]
        );
        let bank = "select cast(sum(t.debit_fen - t.credit_fen) as bigint) from account_total t
            join account a on a.account_id = t.account_id
            where a.code = '1002' and a.appropriation_id > 0";
        assert_eq!(by_hand(&office, bank).await, left + 300_000 + 200_000_000);
        assert_eq!(row("returned", 0, "amount_fen"), (20_300, 36));
        assert_eq!(row("returned", 1, "amount_fen"), (810, 26));
        let home = "select cast(sum(amount_fen) as bigint) from refund_receipt";
        assert_eq!(by_hand(&office, home).await, 20_300);
        assert_eq!(office.balances([Chart::Suspense]).await, [810]);
        shown(&office, &json).await;
        // What is sorted is gone: one cancelled, one credit due to the treasury.
        let change = Change::Cancel(PaymentId(1), "已去世".to_owned());
        done(office.agree("maker", "reviewer", &change).await);
        settle(&office, 1, "write-off:urban").await;
        let report = report::performance(&office.app, manager, first, last).await;
        let rows = report.unwrap().json["returned"].clone();
        let rows = rows.as_array().unwrap().iter();
        let rows: Vec<_> = rows
            .map(|one| (one["amount_fen"].clone(), one["days"].clone()))
            .collect();
        assert_eq!(rows, [(json!(10_200), json!(30)), (json!(33), json!(18))]);
        office.assert_invariants().await;
    })
    .await;
}

/// The dashboard shows these very amounts and days.
async fn shown(office: &Office, json: &Value) {
    let server = serving_on("2022-02-20", office, office.url(), &["manager"]).await;
    let mut browser = Browser::new(&server);
    browser.sign_in("manager", PASSWORD, "").await;
    let page = browser.get("/dashboard?from=2022-01&to=2022-02").await.text;
    for list in ["in_transit", "idle", "returned"] {
        for one in json[list].as_array().unwrap() {
            let amount = Fen::new(one["amount_fen"].as_i64().unwrap()).grouped();
            let days = format!(">{}<", one["days"]);
            let beside = |(at, _): (usize, &str)| {
                let rest: String = page[at..].chars().take(300).collect();
                rest.contains(&days)
            };
            let shown = page.match_indices(&amount).any(beside);
            assert!(shown, "{list}: {days} beside {amount}: {page}");
        }
    }
}
