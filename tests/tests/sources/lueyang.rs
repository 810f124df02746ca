//! Lueyang: standards are raised after two months were paid at the old ones; what is missing is
//! paid in arrears before the end of February, once.

use acceptance::office::paper::{Movement, movement};
use acceptance::{TestDb, for_each_engine};
use ledger::fund::Level;
use ledger::money::Fen;
use ledger_store::run::RunKind;
use serde_json::Value;

use super::desk::{Desk, Paid, Row, before, csv, faults, row, sent, xlsx};

/// Program, component, and how many people of each tag are on its roll.
type Roll = (&'static str, &'static str, &'static [(&'static str, usize)]);

/// The rolls of the four programs. The source counts 8,050,
/// 1,297, 1,866 (605 and 1,261) and 37 (21 and 16) and prints no standards; these counts are ours:
/// a hundred times as many, with the example standards of the pack, are owed exactly the source's
/// 50.26 万元.
const ROLLS: [Roll; 4] = [
    ("rural-dibao", "base", &[("", 41)]),
    ("urban-dibao", "base", &[("", 11)]),
    (
        "rural-tekun",
        "living",
        &[("centralised", 6), ("dispersed", 12)],
    ),
    (
        "urban-tekun",
        "living",
        &[("centralised", 2), ("dispersed", 1)],
    ),
];

/// The people of one of the rolls, `times` as many.
fn roll(number: usize, component: &str, tags: &[(&str, usize)], times: usize) -> Vec<Row> {
    let first = 1 + 10_000 * number;
    let tags = tags
        .iter()
        .flat_map(|(tag, count)| std::iter::repeat_n(*tag, *count * times));
    let rows = (first..)
        .zip(tags)
        .map(|(n, tag)| row(n, component).tag(tag));
    rows.collect()
}

/// On both engines, one in a hundred: 5,026 yuan.
#[tokio::test(flavor = "multi_thread")]
async fn a_raise_is_paid_in_arrears_exactly_once() {
    for_each_engine(async |url| the_raise(url, 1).await).await;
}

/// 50.26 万元.
#[tokio::test(flavor = "multi_thread")]
async fn the_arrears_come_to_the_printed_figure() {
    the_raise(TestDb::sqlite().url(), 100).await;
}

async fn the_raise(url: &str, times: usize) {
    let fen = i64::try_from(times).unwrap();
    let letter = Fen::new(9_000_000 * fen);
    let desk = Desk::bare(url, "2023-01-04").await;
    desk.rules(&before("lueyang", "2023-01")).await;
    let mut bank = Vec::new();
    for (program, ..) in ROLLS {
        desk.letter("县示例1", Level::County, program, &letter.to_string())
            .await;
        bank.push(movement("2023-01-04", letter.get(), "县示例1"));
    }
    desk.office.on("2023-01-10");
    for (number, (program, component, tags)) in ROLLS.into_iter().enumerate() {
        let rows = xlsx("一月", &roll(number, component, tags, times));
        desk.roster(program, "2023-01", "一月.xlsx", &rows).await;
        let paid = desk.pay(program, RunKind::Regular, "2023-01").await;
        bank.extend(sent("2023-01-10", &paid));
    }
    desk.close(("2023-01-01", "2023-01-31"), &bank).await;
    let january = desk.summary("rural-dibao", "2023-01").await;
    assert_eq!(january["due_fen"], fen * 41 * 46_000);

    let mut bank = february(&desk, times).await;
    // The notice comes on the 20th: the pack as it is shipped.
    desk.office.on("2023-02-20");
    desk.pack("lueyang").await;
    let mut arrears = Vec::new();
    for (program, ..) in ROLLS {
        let paid = desk.pay(program, RunKind::BackPay, "2023-02").await;
        bank.extend(sent("2023-02-20", &paid));
        arrears.push(paid);
    }
    let total: i64 = arrears.iter().map(Paid::fen).sum();
    assert_eq!(total, 502_600 * fen);
    // Raises of 30, 40, 39 (1.3 × 30) and 52 (1.3 × 40) yuan for two months.
    let of_each = arrears.iter().map(Paid::fen).collect::<Vec<_>>();
    let expected = [81 * 3_000, 2 * 11 * 4_000, 2 * 18 * 3_900, 2 * 3 * 5_200];
    assert_eq!(of_each, expected.map(|one| one * fen));
    left_in_between(&desk, &arrears[0], times).await;
    for (program, ..) in ROLLS {
        let again = desk.office.create(program, RunKind::BackPay, "2023-02");
        assert_eq!(again.await, None, "a second run of {program} pays nothing");
    }
    desk.close(("2023-02-01", "2023-02-28"), &bank).await;
    // March is regular pay at the new standard.
    desk.office.on("2023-03-10");
    let march = desk.pay("rural-dibao", RunKind::Regular, "2023-03").await;
    assert_eq!(march.fen(), fen * 40 * 49_000);
    desk.office.assert_invariants().await;
}

/// February at the old standards, when the last of the rural people have left.
async fn february(desk: &Desk, times: usize) -> Vec<Movement> {
    let fen = i64::try_from(times).unwrap();
    desk.office.on("2023-02-10");
    let mut bank = Vec::new();
    for (number, (program, component, tags)) in ROLLS.into_iter().enumerate() {
        let mut rows = roll(number, component, tags, times);
        let left = if number == 0 { times } else { 0 };
        rows.truncate(rows.len() - left);
        desk.roster(program, "2023-02", "二月.csv", &csv(&rows))
            .await;
        let paid = desk.pay(program, RunKind::Regular, "2023-02").await;
        bank.extend(sent("2023-02-10", &paid));
    }
    let february = desk.summary("rural-dibao", "2023-02").await;
    assert_eq!(
        [&february["due_fen"], &february["persons"]["gone"]],
        [fen * 40 * 46_000, fen]
    );
    bank
}

/// Who left at the end of January gets January's difference: one line of 30 yuan, as a raise.
async fn left_in_between(desk: &Desk, arrears: &Paid, times: usize) {
    let record = desk.record(&format!("D{:06}", 41 * times)).await;
    let payments = record["parties"][0]["payments"].as_array().unwrap();
    let own: Vec<&Value> = payments.iter().map(|payment| &payment["own_fen"]).collect();
    assert_eq!(own, [46_000, 3_000]);
    assert_eq!(arrears.payments(), 41 * times);
    let sql = "select count(*) from payment_line where reason = 'raise'";
    let lines = i64::try_from(times).unwrap() * (81 + 2 * (11 + 18 + 3));
    assert_eq!(desk.office.count(sql).await, lines);
    let wrong = "select count(*) from payment_line l join payment p on p.book_id = l.book_id
        and p.payment_id = l.payment_id join run r on r.book_id = p.book_id
        and r.run_id = p.run_id where r.kind = 'back-pay' and l.reason <> 'raise'";
    assert_eq!(desk.office.count(wrong).await, 0);
}

/// 2,998 person-times before the event and 370 after it, 3,368 in all, each once.
#[tokio::test(flavor = "multi_thread")]
async fn temporary_relief_is_given_before_and_after_the_event() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url(), "lueyang", "2023-06-01").await;
    desk.letter("县示例2", Level::County, "temporary-relief", "4000000")
        .await;
    // The source prints no amounts: 800 and 1,500 yuan stand for them.
    let relief = |n, tag, yuan| row(n, "relief").tag(tag).amount(yuan);
    let early = (1..=2_998).map(|n| relief(n, "before", "800"));
    let late = (2_999..=3_368).map(|n| relief(n, "after", "1500"));
    let rows: Vec<Row> = early.chain(late).collect();
    desk.roster("temporary-relief", "2023-06", "临时救助.csv", &csv(&rows))
        .await;
    let june = desk
        .release("temporary-relief", RunKind::Regular, "2023-06")
        .await;
    assert_eq!(
        (june.payments(), june.fen()),
        (3_368, 2_998 * 80_000 + 370 * 150_000)
    );
    for (tag, count) in [("before", 2_998), ("after", 370)] {
        let sql = match tag {
            "before" => {
                "select count(*) from payment_line l join award a on a.book_id = l.book_id
                and a.award_id = l.award_id where a.tag = 'before'"
            }
            _ => {
                "select count(*) from payment_line l join award a on a.book_id = l.book_id
                and a.award_id = l.award_id where a.tag = 'after'"
            }
        };
        assert_eq!(desk.office.count(sql).await, count, "{tag}");
    }
    let july = desk
        .office
        .create("temporary-relief", RunKind::Regular, "2023-07")
        .await;
    assert_eq!(july, None, "relief is given once");
    // The printed counts add up.
    assert_eq!(faults(&desk.foot(COUNTS).await), []);
}

/// Four households are granted relief in February. In June one stands on the roster as it stood,
/// one is granted it again by another document, one was written too low, and one is new: the second
/// grant was taken for a correction of the first, and nothing was paid.
#[tokio::test(flavor = "multi_thread")]
async fn relief_is_granted_again_by_another_document() {
    for_each_engine(async |url| {
        let desk = Desk::open(url, "lueyang", "2023-02-06").await;
        desk.letter("县示例2", Level::County, "temporary-relief", "100000")
            .await;
        let relief = |n: usize, yuan: &str, document: &str| {
            let row = row(n, "relief").tag("before");
            row.amount(yuan).by(document)
        };
        let roster = async |month: &str, grants: &[(usize, &str, &str)]| {
            let rows = grants.iter().map(|(n, yuan, by)| relief(*n, yuan, by));
            let rows = csv(&rows.collect::<Vec<_>>());
            let name = format!("{month}.csv");
            desk.roster("temporary-relief", month, &name, &rows).await
        };
        let first = [1, 2, 3, 4].map(|n| (n, "1000", "略临1号"));
        roster("2023-02", &first).await;
        let paid = desk.pay("temporary-relief", RunKind::Regular, "2023-02");
        assert_eq!(paid.await.fen(), 400_000);
        desk.office.on("2023-06-05");
        let second = [
            (1, "1000", "略临1号"),
            (2, "1500", "略临88号"),
            (3, "1200", "略临1号"),
            (9, "700", "略临88号"),
        ];
        let answer = roster("2023-06", &second).await;
        let counts = ["unchanged", "started", "granted_again", "changed", "ended"];
        let counts = counts.map(|count| answer[count].as_i64().unwrap());
        assert_eq!(counts, [1, 2, 1, 1, 1], "{answer}");
        let paid = desk.pay("temporary-relief", RunKind::Regular, "2023-06");
        assert_eq!(paid.await.fen(), 150_000 + 70_000);
        // What was written too low is due for February still.
        let late = desk.pay("temporary-relief", RunKind::BackPay, "2023-06");
        assert_eq!(late.await.fen(), 20_000);
        let again = (desk.office).create("temporary-relief", RunKind::BackPay, "2023-06");
        assert_eq!(again.await, None);
        desk.office.assert_invariants().await;
    })
    .await;
}

/// The counts of the source.
const COUNTS: &str = r#"
agency = "略阳县民政局"
year = 2023
unit = "人次"
[[item]]
id = "temporary-relief"
name = "临时救助"
printed = "3368"
parts = [{ name = "事前救助", printed = "2998" }, { name = "事后救助", printed = "370" }]
[[item]]
id = "rural-tekun"
name = "农村特困供养对象"
unit = "人"
printed = "1866"
parts = [{ name = "集中供养", printed = "605" }, { name = "分散供养", printed = "1261" }]
[[item]]
id = "urban-tekun"
name = "城市特困供养对象"
unit = "人"
printed = "37"
parts = [{ name = "集中供养", printed = "21" }, { name = "分散供养", printed = "16" }]
"#;
