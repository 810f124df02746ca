//! A bank does not take the money of batches as they were sent: together, in parts, or without a
//! word. Exact sums are matched, everything else is an exception.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{Movement, Outcome, movement, people, write_statement};
use acceptance::office::{Office, done, month, refused, told};
use api::app::recovery::{self, HandOver};
use api::app::{Done, Error, exception, report, statement};
use ledger::account::Chart;
use ledger::id::ExceptionId;
use ledger::money::Fen;
use serde_json::Value;

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
        office.on("2022-01-31");
        for (days, opening, on, code) in [
            (
                ("2022-01-10", "2022-01-20"),
                150_000,
                "2022-01-10",
                "BNK-0010",
            ),
            (
                ("2022-01-10", "2022-01-20"),
                150_100,
                "2022-01-11",
                "BNK-0010",
            ),
            (("2022-01-01", "2022-01-31"), 0, "2022-01-21", "BNK-0010"),
            (
                ("2022-01-21", "2022-01-31"),
                150_100,
                "2022-01-21",
                "BNK-0009",
            ),
            (
                ("2022-01-11", "2022-02-01"),
                150_000,
                "2022-01-21",
                "BNK-0012",
            ),
            (
                ("2022-01-11", "2062-04-30"),
                150_000,
                "2022-01-21",
                "BNK-0012",
            ),
            (
                ("2022-01-11", "2022-01-20"),
                150_000,
                "2022-01-21",
                "BNK-0001",
            ),
        ] {
            let seen = [movement(on, 300_000, "县示例1")];
            let bytes = write_statement(number, days, opening, &seen);
            let again = office.take_statement("icbc", &bytes, None).await;
            assert_eq!(refused(again).code(), code, "{days:?}");
        }
        office.assert_invariants().await;
    })
    .await;
}

/// Proposes as one person and confirms as another.
async fn settle(office: &Office, id: i64, how: &str) -> Result<Done, Error> {
    let (app, id) = (&office.app, ExceptionId(id));
    exception::propose(app, office.who("maker"), id, how, "已核实", None).await?;
    let settled = exception::confirm(app, office.who("reviewer"), id, None).await;
    office.assert_invariants().await;
    settled
}

async fn kinds(office: &Office) -> Vec<String> {
    let (app, who) = (&office.app, office.who("auditor"));
    let list = exception::list(app, who, true, exception::Page::ALL).await;
    let list = list.unwrap().json["exceptions"].clone();
    let kind = |row: &Value| row["kind"].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_and_interest_are_named_and_settled_as_such() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let seen = [
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
            movement("2022-01-06", 77, "季度结息"),
            movement("2022-01-06", -50, "转账手续费"),
            movement("2022-01-06", -20, "账户管理费"),
            movement("2022-01-06", -30, "其他支出"),
        ];
        let days = ("2022-01-01", "2022-01-10");
        assert_eq!(statement_of(&office, days, &seen).await, (2, 4));
        let all = ["interest", "bank-fee", "bank-fee", "unexplained-debit"];
        assert_eq!(kinds(&office).await, all);
        let (app, who) = (&office.app, office.who("accountant"));
        let list = statement::list(app, who).await.unwrap().json;
        let of = |name: &str| list["statements"][0][name].as_i64();
        assert_eq!((of("fees_fen"), of("interest_fen")), (Some(-70), Some(77)));
        let sheet = report::bank_reconciliation(app, who, "icbc", month("2022-01")).await;
        let sheet = sheet.unwrap().json["bank_paid_not_booked"].clone();
        assert_eq!(sheet[0]["kind"], "bank-fee");
        assert!(
            sheet[0]["summary"]
                .as_str()
                .unwrap()
                .starts_with("银行手续费")
        );
        assert_eq!(sheet[2]["kind"], "unexplained-debit");
        let tied = report::tie_out(app, office.who("manager"), month("2022-01")).await;
        let rows = tied.unwrap().json["differences"].clone();
        let rows = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["kind"].clone());
        assert_eq!(rows.collect::<Vec<Value>>(), all);

        // No interest is due yet, and assistance money bears no fee; 30 is not known to be a fee.
        assert_eq!(told(&settle(&office, 2, "charge:urban").await), "EXC-0002");
        assert_eq!(told(&settle(&office, 4, "charge:urban").await), "EXC-0002");
        assert_eq!(
            told(&settle(&office, 1, "write-off:urban").await),
            "EXC-0002"
        );
        done(settle(&office, 1, "treasury:urban").await);
        let charged = done(settle(&office, 2, "charge:urban").await);
        assert_eq!(
            (&charged["effect"], &charged["amount_fen"]),
            (&"charged".into(), &50.into())
        );
        let due = || office.balances([Chart::DueToTreasury, Chart::Suspense]);
        assert_eq!(due().await, [27, 0]);
        assert_eq!(open(&office, "2022-01").await, (0, 2));
        // The bank gives the second one back.
        let back = [movement("2022-01-12", 20, "退账户管理费")];
        statement_of(&office, ("2022-01-11", "2022-01-20"), &back).await;
        done(settle(&office, 3, "force-match:X5").await);
        assert_eq!(kinds(&office).await, ["unexplained-debit"]);
        let over = HandOver {
            program: "urban".to_owned(),
            amount: Fen::new(28),
            account: Some("icbc".to_owned()),
            appropriation: None,
            on: None,
        };
        let too_much = recovery::hand_over(app, who, &over, None).await;
        assert_eq!(told(&too_much), "REC-0007", "the fee is gone");
        let over = HandOver {
            amount: Fen::new(27),
            ..over
        };
        done(recovery::hand_over(app, who, &over, None).await);
        assert_eq!(due().await, [0, 0]);
        assert_eq!(open(&office, "2022-01").await, (1, 1));
        office.assert_invariants().await;
    })
    .await;
}

/// Four months of 203 yuan and what the bank makes of them: two batches in one debit without a
/// word, one batch in two debits, both letters in one credit, two refunds in another.
async fn taken_anyhow(office: &Office) {
    office.roster("urban", "2022-01", &people(2)).await;
    for (at, day) in MONTHS {
        office.on(day);
        let batch = office.pay_month("urban", at).await;
        let of = |_| match at {
            "2022-04" => Outcome::Failed("账户已销户"),
            _ => Outcome::Paid,
        };
        office.answer(&batch, of).await;
    }
    let seen = [
        movement("2022-04-11", 450_000, "财政拨款"),
        movement("2022-04-11", -2 * BATCH, "代发工资"),
        movement("2022-04-11", -10_000, "支出一"),
        movement("2022-04-11", -10_300, "支出二"),
        movement("2022-04-12", -BATCH, "B000004"),
        movement("2022-04-13", BATCH, "退款两笔"),
    ];
    let days = ("2022-01-01", "2022-04-20");
    assert_eq!(statement_of(office, days, &seen).await, (1, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_say_what_a_movement_is_and_nothing_is_explained_twice() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        taken_anyhow(&office).await;
        assert_eq!(open(&office, "2022-04").await, (3, 3));
        for (id, how) in [
            (2, "force-match:B000001"),
            (2, "force-match:B000001:B000002:B000003"),
            (2, "force-match:B000009"),
            (2, "force-match:A1"),
            (2, "force-match:P1-1:P2-1"),
            (3, "force-match:B000003"),
            (3, "force-match:B000003:X5"),
            (1, "force-match:A1"),
            (1, "force-match:A1:A2:P7-1"),
            (5, "force-match:P7-1"),
            (5, "force-match:P7-1:P1-1"),
        ] {
            assert_eq!(
                told(&settle(&office, id, how).await),
                "EXC-0002",
                "{id} {how}"
            );
        }
        guarded(&office).await;
        let may_be = async |id: i64| -> Vec<String> {
            let (app, who) = (&office.app, office.who("auditor"));
            let shown = exception::show(app, who, ExceptionId(id))
                .await
                .unwrap()
                .json;
            let all = shown["candidates"].as_array().unwrap().iter();
            all.map(|one| one["as"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(may_be(2).await, ["B000001", "B000002", "B000003"]);
        assert_eq!(may_be(5).await, ["A1", "A2", "P7-1", "P8-1"]);
        let alone = exception::confirm(&office.app, office.who("maker"), ExceptionId(2), None);
        assert_eq!(told(&alone.await), "EXC-0001");
        for (id, how, effect) in [
            (1, "force-match:A1:A2", "funded"),
            (2, "force-match:B000001:B000002", "linked"),
            (3, "force-match:B000003:X4", "linked"),
            (5, "force-match:P7-1:P8-1", "refund"),
        ] {
            let settled = done(settle(&office, id, how).await);
            assert_eq!(settled["effect"], effect);
        }
        assert!(kinds(&office).await.is_empty());
        let charts = [Chart::Suspense, Chart::RefundAwaited];
        assert_eq!(office.balances(charts).await, [0, 0]);
        assert_eq!(open(&office, "2022-04").await, (0, 0));
        let count = "select count(*) from statement_link";
        assert_eq!(office.count(count).await, 8);
        for at in ["2022-01", "2022-04"] {
            let tied = report::tie_out(&office.app, office.who("manager"), month(at)).await;
            assert!(!tied.unwrap().found, "{at}");
        }
        let twice = "insert into statement_line (book_id, statement_id, line_no, on_date,
            amount_fen, summary, remark, match_kind, match_id, attempt_no, entry, seal)
            select book_id, statement_id, 99, on_date, amount_fen, summary, remark, 'batch', 3, 0,
            entry, seal from statement_line where amount_fen = -20300";
        assert_eq!(office.violates(twice).await, "tr_statement_line_once");
        office.assert_invariants().await;
    })
    .await;
}

/// The database itself lets nothing be explained twice, and no parts that do not add up.
async fn guarded(office: &Office) {
    const LINK: &str = "insert into statement_link (book_id, statement_id, line_no, part, parts,
        match_kind, match_id, attempt_no, amount_fen, exception_id, entry, seal)
        select book_id, statement_id, line_no, ";
    let sql = |rest: &str, of: i64| -> &'static str {
        let from = format!("9, entry, seal from statement_line where amount_fen = {of}");
        format!("{LINK}{rest}, {from}").leak()
    };
    for (sql, name) in [
        // Too little, the second part first, money that comes.
        (
            sql("1, 1, 'batch', 1, 0, -20300", -40_600),
            "tr_statement_link_sum",
        ),
        (
            sql("2, 2, 'batch', 1, 0, -20300", -40_600),
            "tr_statement_link_sum",
        ),
        (
            sql("1, 1, 'appropriation', 1, 0, 40600", -40_600),
            "tr_statement_link_sum",
        ),
        // A line that was matched already; and more of a batch than it is.
        (
            sql("1, 1, 'batch', 1, 0, -20300", -20_300),
            "tr_statement_link_sum",
        ),
        (
            sql("1, 1, 'batch', 4, 0, -10300", -10_300),
            "tr_statement_link_once",
        ),
        (
            sql("1, 1, 'batch', 1, 0, -40600", -40_600),
            "tr_statement_link_once",
        ),
        (
            sql("1, 1, 'refund', 7, 0, 20300", 20_300),
            "ck_statement_link_attempt",
        ),
    ] {
        assert_eq!(office.violates(sql).await, name, "{sql}");
    }
}
