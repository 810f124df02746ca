//! Reports on what the bank did: the tie-out names every difference, and ends at none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{BatchFile, Outcome, movement, people};
use acceptance::office::{Office, done, month, refused};
use api::app::view::Report;
use api::app::{exception, report};
use ledger::id::ExceptionId;
use serde_json::Value;

/// Kind, row, wanted and found as count and fen.
type Row = (&'static str, &'static str, (i64, i64), (i64, i64));

async fn tie_out(office: &Office) -> Report {
    let manager = office.who("manager");
    report::tie_out(&office.app, manager, month("2022-01"))
        .await
        .unwrap()
}

fn sum(of: &Value) -> (i64, i64) {
    (of["count"].as_i64().unwrap(), of["fen"].as_i64().unwrap())
}

/// The differences are these, the report found something when there are any, and each says what
/// to do next in both languages.
async fn differ(office: &Office, when: &str, expected: &[Row]) {
    let report = tie_out(office).await;
    let list = report.json["differences"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found: Vec<_> = list
        .iter()
        .map(|row| {
            assert!(!text(&row["next_zh"]).is_empty() && !text(&row["next_en"]).is_empty());
            let (kind, place) = (text(&row["kind"]), text(&row["row"]));
            (kind, place, sum(&row["wanted"]), sum(&row["found"]))
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|row| (row.0.to_owned(), row.1.to_owned(), row.2, row.3))
        .collect();
    assert_eq!(found, expected, "{when}");
    assert_eq!(report.found, !expected.is_empty(), "{when}");
    assert_eq!(report.tables[2].rows.len(), expected.len(), "{when}");
}

/// A month of three people: 101, 102 and 103 yuan.
async fn sent(office: &Office, program: &str) -> BatchFile {
    office.roster(program, "2022-01", &people(3)).await;
    office.on("2022-01-10");
    let batch = office.pay_month(program, "2022-01").await;
    assert_eq!(batch.total.get(), 30_600);
    batch
}

const ALL: (i64, i64) = (3, 30_600);
const DEBIT: (i64, i64) = (1, 30_600);
const NOTHING: (i64, i64) = (0, 0);

#[tokio::test]
async fn a_batch_that_is_taken_whole_ties_out_step_by_step() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        differ(&office, "nothing sent", &[]).await;
        let batch = sent(&office, "urban").await;
        let no_statement = ("no-statement", "B000001", DEBIT, NOTHING);
        let silent = ("unanswered", "B000001", ALL, NOTHING);
        differ(&office, "sent", &[silent, no_statement]).await;

        let of = |place| [Outcome::Paid, Outcome::Pending, Outcome::Failed("户名不符")][place];
        office.answer(&batch, of).await;
        let awaited = ("refund-awaited", "B000001", NOTHING, (1, 10_300));
        let pending = ("unanswered", "B000001", ALL, (2, 20_400));
        differ(&office, "one pending", &[pending, no_statement, awaited]).await;

        let received = [
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
        ];
        let days = ("2022-01-01", "2022-01-10");
        office.statement("icbc", days, &received).await;
        let undebited = ("not-debited", "B000001", DEBIT, NOTHING);
        differ(&office, "not debited", &[pending, undebited, awaited]).await;

        let debit = [movement("2022-01-11", -30_600, "代发 B000001")];
        let days = ("2022-01-11", "2022-01-11");
        office.statement("icbc", days, &debit).await;
        let rest = [(batch.lines[1].clone(), Outcome::Paid)];
        office.answer_lines(&batch, &rest).await;
        differ(&office, "refund awaited", &[awaited]).await;

        let late = [
            movement("2022-01-13", -30_600, "代发 B000001"),
            movement("2022-01-13", 10_300, "退回 P3-1"),
        ];
        let days = ("2022-01-12", "2022-01-13");
        office.statement("icbc", days, &late).await;
        let list = tie_out(&office).await.json["differences"].clone();
        let row = list[0]["row"].as_str().unwrap();
        assert!(row.starts_with("icbc statement 3:"), "{row}");
        assert_eq!(list.as_array().unwrap().len(), 1);
        assert_eq!(list[0]["kind"], "batch-debited-again");
        assert_eq!(sum(&list[0]["found"]), (1, -30_600));

        // Words do not bring money back: the row stays until the bank has given it back.
        let (app, id) = (&office.app, ExceptionId(1));
        let accountant = office.who("accountant");
        let ignored = exception::propose(app, accountant, id, "ignore", "已电话核实", None).await;
        let refused = refused(ignored);
        assert_eq!(refused.code(), "EXC-0002");
        assert!(
            refused.to_string().contains("the money left the account"),
            "{refused}"
        );
        let back = [movement("2022-01-14", 30_600, "冲正 B000001")];
        let days = ("2022-01-14", "2022-01-14");
        office.statement("icbc", days, &back).await;
        done(exception::propose(app, accountant, id, "force-match:X2", "已冲回", None).await);
        done(exception::confirm(app, office.who("reviewer"), id, None).await);
        differ(&office, "settled", &[]).await;
    })
    .await;
}

#[tokio::test]
async fn a_bank_that_takes_only_what_it_paid_is_asked_for_no_more() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let batch = sent(&office, "rural").await;
        let silent = ("unanswered", "B000001", ALL, NOTHING);
        differ(&office, "sent", &[silent]).await;
        let of = |place| match place {
            2 => Outcome::Failed("超过限额"),
            _ => Outcome::Paid,
        };
        office.answer(&batch, of).await;
        let unseen = ("no-statement", "B000001", (1, 20_300), NOTHING);
        differ(&office, "answered", &[unseen]).await;
        let seen = [
            movement("2022-01-05", 200_000_000, "县示例2"),
            movement("2022-01-11", -20_300, "代发 B000001"),
        ];
        let days = ("2022-01-01", "2022-01-31");
        office.statement("csv", days, &seen).await;
        differ(&office, "debited", &[]).await;

        let report = tie_out(&office).await;
        for of in [&report.json["batches"][0], &report.json["days"][0]] {
            let witnesses = ["list", "ledger", "paid", "failed", "pending", "debit"];
            let expected = [ALL, ALL, (2, 20_300), (1, 10_300), NOTHING, (1, 20_300)];
            assert_eq!(witnesses.map(|name| sum(&of[name])), expected);
        }
        let total = report.tables[1].rows.last().unwrap();
        assert_eq!((total[2].as_str(), total[3].as_str()), ("3", "306.00"));
        office.assert_invariants().await;
    })
    .await;
}
