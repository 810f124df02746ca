//! Twelve kinds of difference in one month: each is named with its row, and after the officers'
//! steps nothing is left and the four agreements hold. Every amount is worked out by hand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use acceptance::for_each_engine;
use acceptance::office::paper::{
    BatchFile, Line, Movement, Outcome, account, movement, people, write_return, write_statement,
};
use acceptance::office::{Office, done, month, refused};
use api::app::{exception, period, recovery, report};
use ledger::id::ExceptionId;
use ledger::money::Fen;

/// Kind, and the batch or account with the line.
type Row = (String, String);

async fn differences(office: &Office) -> Vec<Row> {
    let manager = office.who("manager");
    let report = report::tie_out(&office.app, manager, month("2022-01"));
    let json = report.await.unwrap().json;
    let rows = json["differences"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    rows.map(|row| (text(&row["kind"]), text(&row["row"])))
        .collect()
}

async fn differ(office: &Office, when: &str, expected: &[(&str, &str)]) {
    let expected = expected.iter();
    let expected: Vec<Row> = expected
        .map(|(kind, row)| ((*kind).to_owned(), (*row).to_owned()))
        .collect();
    assert_eq!(differences(office).await, expected, "{when}");
    office.assert_invariants().await;
}

async fn settle(office: &Office, id: i64, how: &str) {
    let (app, id) = (&office.app, ExceptionId(id));
    done(exception::propose(app, office.who("maker"), id, how, "已核实", None).await);
    done(exception::confirm(app, office.who("reviewer"), id, None).await);
    office.assert_invariants().await;
}

async fn says(office: &Office, name: &str, batch: &BatchFile, rows: &[(Line, Outcome)]) {
    done(office.import(name, &write_return(batch, rows), None).await);
}

/// The first answer about eight urban payments: 1 is missing, 2 stands twice (and counts once),
/// 3 has another amount, 4 another account, in place of 5 stands a rural payment; 7 failed.
fn faulty(urban: &BatchFile, rural: &BatchFile) -> Vec<(Line, Outcome)> {
    let line = |place: usize| urban.lines[place].clone();
    let amount = Line {
        amount: Fen::new(1),
        ..line(2)
    };
    let other = Line {
        account: account(900),
        ..line(3)
    };
    vec![
        (line(1), Outcome::Paid),
        (line(1), Outcome::Paid),
        (amount, Outcome::Paid),
        (other, Outcome::Paid),
        (rural.lines[0].clone(), Outcome::Paid),
        (line(5), Outcome::Paid),
        (line(6), Outcome::Failed("户名不符")),
        (line(7), Outcome::Paid),
    ]
}

/// Urban: 101 to 108 yuan, taken whole. Rural: 101 to 103 yuan, of which 1 fails, is sent again,
/// and then is said to have been paid.
async fn month_at_the_bank(office: &Office) {
    office.roster("urban", "2022-01", &people(8)).await;
    office.roster("rural", "2022-01", &people(3)).await;
    let urban = office.pay_month("urban", "2022-01").await;
    let rural = office.pay_month("rural", "2022-01").await;
    assert_eq!((urban.total.get(), rural.total.get()), (83_600, 30_600));
    let first = write_return(&urban, &faulty(&urban, &rural));
    let answer = done(office.import("urban.txt", &first, None).await);
    assert_eq!(answer["repeated"], 1, "the doubled line counts once");
    let line = |place: usize| rural.lines[place].clone();
    let first = [
        (line(0), Outcome::Failed("系统忙")),
        (line(1), Outcome::Paid),
        (line(2), Outcome::Paid),
    ];
    says(office, "rural.csv", &rural, &first).await;
    let again = office.pay_again("rural", "2022-01").await;
    office.answer(&again, |_| Outcome::Paid).await;
    let icbc = [
        movement("2022-01-05", 150_000, "省示例1"),
        movement("2022-01-05", 300_000, "县示例1"),
        movement("2022-01-06", -83_600, "B000001"),
        movement("2022-01-06", -83_600, "B000001"),
        movement("2022-01-07", 10_700, "P7-1"),
        movement("2022-01-07", 555, "退汇 P99-1"),
        movement("2022-01-08", -500, "手续费"),
        movement("2022-01-09", 1_234, "来款"),
    ];
    let days = ("2022-01-01", "2022-01-10");
    office.statement("icbc", days, &icbc).await;
    let csv = [
        movement("2022-01-05", 200_000_000, "县示例2"),
        movement("2022-01-06", -20_500, "B000002"),
        movement("2022-01-07", -10_100, "B000003"),
    ];
    office.statement("csv", days, &csv).await;
    // What was paid is taken back, and what had failed is paid late.
    let taken_back = [
        (urban.lines[0].clone(), Outcome::Paid),
        (urban.lines[4].clone(), Outcome::Paid),
        (urban.lines[5].clone(), Outcome::Failed("账户已销户")),
    ];
    says(office, "urban2.txt", &urban, &taken_back).await;
    says(office, "rural2.csv", &rural, &[(line(0), Outcome::Paid)]).await;
}

const AT_FIRST: [(&str, &str); 10] = [
    ("unanswered", "B000001"),
    ("amount-differs", "B000001 return 1:7"),
    ("account-differs", "B000001 return 1:8"),
    ("foreign-batch", "B000001 return 1:9"),
    ("batch-debited-again", "icbc statement 1:9"),
    ("refund-without-original", "icbc statement 1:11"),
    ("bank-fee", "icbc statement 1:12"),
    ("unexplained-credit", "icbc statement 1:13"),
    ("success-taken-back", "B000001 return 4:7"),
    ("late-success", "B000002 return 5:3"),
];

const HALF_WAY: [(&str, &str); 8] = [
    ("batch-debited-again", "icbc statement 1:9"),
    ("refund-without-original", "icbc statement 1:11"),
    ("bank-fee", "icbc statement 1:12"),
    ("unexplained-credit", "icbc statement 1:13"),
    ("paid-twice", "B000002 exception 9:3"),
    ("unexplained-credit", "icbc statement 3:6"),
    ("unexplained-credit", "icbc statement 3:7"),
    ("unexplained-credit", "csv statement 4:7"),
];

/// A statement whose opening balance is not the closing balance before it is not taken.
async fn wrong_opening(office: &Office, days: (&str, &str), seen: &[Movement]) {
    let opening = 450_000 - 2 * 83_600 + 10_700 + 555 - 500 + 1_234;
    let bytes = write_statement("2600000000000000001", days, opening + 1, seen);
    office.on("2022-01-20");
    let refused_one = office.take_statement("icbc", &bytes, None).await;
    assert_eq!(refused(refused_one).code(), "BNK-0009");
}

/// What a difference of the statement says: the batch, both amounts, the bank's words.
async fn said(office: &Office) {
    let shown = exception::show(&office.app, office.who("auditor"), ExceptionId(4)).await;
    let shown = shown.unwrap().json;
    assert_eq!(
        shown["detail"],
        "批次 B000001 已扣 -836.00 元,2022-01-06 又发生 -836.00 元,摘要“往来”,附言“B000001”"
    );
    assert_eq!(shown["movement"]["remark"], "B000001");
    assert_eq!(shown["movement"]["on"], "2022-01-06");
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_kinds_of_difference_are_named_and_brought_to_nothing() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        month_at_the_bank(&office).await;
        differ(&office, "at first", &AT_FIRST).await;
        let kinds: BTreeSet<&str> = AT_FIRST.iter().map(|row| row.0).collect();
        assert_eq!(
            kinds.len(),
            AT_FIRST.len(),
            "each fault has a name of its own"
        );
        said(&office).await;

        for (id, how) in [
            (1, "force-match:paid:P3"),
            (2, "force-match:paid:P4"),
            (3, "ignore"),
            (8, "correct"),
            (9, "correct"),
        ] {
            settle(&office, id, how).await;
        }
        // The bank turns its mistakes round, and the money that is awaited comes home. What it
        // takes late for a payment that was paid twice is known by its amount.
        let home = [
            movement("2022-01-12", 83_600, "冲正重复扣款"),
            movement("2022-01-12", 500, "退手续费"),
            movement("2022-01-13", 10_600, "P6-1"),
        ];
        let days = ("2022-01-11", "2022-01-20");
        wrong_opening(&office, days, &home).await;
        office.statement("icbc", days, &home).await;
        let late = [
            movement("2022-01-11", -10_100, "补记"),
            movement("2022-01-12", 10_100, "退回重复款"),
        ];
        office.statement("csv", days, &late).await;
        differ(&office, "half way", &HALF_WAY).await;

        for (id, how) in [
            (4, "force-match:X11"),
            (5, "suspense"),
            (6, "force-match:X12"),
            (7, "write-off:urban"),
            (13, "force-match:X10"),
        ] {
            settle(&office, id, how).await;
        }
        differ(&office, "at last", &[]).await;
        let accountant = office.who("accountant");
        let over = recovery::HandOver {
            program: "urban".to_owned(),
            amount: Fen::new(1_234),
            account: Some("icbc".to_owned()),
            appropriation: None,
            on: None,
        };
        done(recovery::hand_over(&office.app, accountant, &over, None).await);
        office.on("2022-01-31");
        done(period::close(&office.app, accountant, month("2022-01"), None).await);
        office.assert_invariants().await;
    })
    .await;
}
