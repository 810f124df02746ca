//! A bank does not take the money of batches as they were sent: together, in parts, or without a
//! word. Exact sums are matched, everything else is an exception.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{Movement, Outcome, movement, people, write_statement};
use acceptance::office::{Office, month, refused};
use api::app::{report, statement};

/// Two people with 101 and 102 yuan.
const BATCH: i64 = 20_300;
const MONTHS: [(&str, &str); 4] = [
    ("2022-01", "2022-01-10"),
    ("2022-02", "2022-02-10"),
    ("2022-03", "2022-03-10"),
    ("2022-04", "2022-04-10"),
];

async fn statement_of(office: &Office, days: (&str, &str), seen: &[Movement]) -> (i64, i64) {
    let answer = office.statement("icbc", days, seen).await;
    let count = |name: &str| answer[name].as_i64().unwrap();
    (count("matched"), count("exceptions"))
}

/// What stands between books and bank: batches that the statement has not shown, and movements
/// that the books do not know.
async fn open(office: &Office, at: &str) -> (usize, usize) {
    let who = office.who("accountant");
    let sheet = report::bank_reconciliation(&office.app, who, "icbc", month(at));
    let json = sheet.await.unwrap().json;
    let rows = |name: &str| json[name].as_array().unwrap().len();
    (
        rows("booked_paid_not_at_bank"),
        rows("bank_paid_not_booked"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_taken_together_in_parts_or_without_a_word_are_matched() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(2)).await;
        for (at, day) in MONTHS {
            office.on(day);
            let batch = office.pay_month("urban", at).await;
            assert_eq!(batch.total.get(), BATCH);
            office.answer(&batch, |_| Outcome::Paid).await;
        }
        let funds = [
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
        ];
        let days = ("2022-01-01", "2022-02-28");
        assert_eq!(statement_of(&office, days, &funds).await, (2, 0));
        assert_eq!(open(&office, "2022-02").await, (2, 0));

        let together = [movement("2022-03-01", -2 * BATCH, "代发 B000001 B000002")];
        let days = ("2022-03-01", "2022-03-09");
        assert_eq!(statement_of(&office, days, &together).await, (1, 0));
        let parts = "select count(*) from statement_part";
        assert_eq!(office.count(parts).await, 2);
        assert_eq!(open(&office, "2022-03").await, (1, 0));

        let in_parts = [
            movement("2022-03-10", -10_100, "代发 B000003 1/2"),
            movement("2022-03-11", -10_200, "代发 B000003 2/2"),
        ];
        let days = ("2022-03-10", "2022-03-31");
        assert_eq!(statement_of(&office, days, &in_parts).await, (2, 0));
        assert_eq!(open(&office, "2022-03").await, (0, 0));

        // Without a word, before and after it was sent; a fee is nobody's batch.
        let silent = [
            movement("2022-04-10", -BATCH, "代发工资"),
            movement("2022-04-10", -500, "手续费"),
        ];
        let days = ("2022-04-01", "2022-04-30");
        assert_eq!(statement_of(&office, days, &silent).await, (1, 1));
        assert_eq!(open(&office, "2022-04").await, (0, 1));
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test]
async fn a_statement_that_overlaps_is_told_from_one_that_leaves_a_gap() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let funds = [movement("2022-01-05", 150_000, "省示例1")];
        statement_of(&office, ("2022-01-01", "2022-01-10"), &funds).await;
        let number = "2600000000000000001";
        for (days, opening, code) in [
            (("2022-01-10", "2022-01-20"), 150_000, "BNK-0010"),
            (("2022-01-01", "2022-01-31"), 0, "BNK-0010"),
            (("2022-01-21", "2022-01-31"), 150_100, "BNK-0009"),
        ] {
            let seen = [movement("2022-01-21", 300_000, "县示例1")];
            let bytes = write_statement(number, days, opening, &seen);
            let who = office.who("accountant");
            let again = statement::import(&office.app, who, "icbc", "s.csv", &bytes, None, None);
            assert_eq!(refused(again.await).code(), code, "{days:?}");
        }
        office.assert_invariants().await;
    })
    .await;
}
