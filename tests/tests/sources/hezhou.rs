//! Hezhou: allowances that are rates of other standards, a raise for orphans that comes late, a
//! grant once in a school year, and a printed figure that is not what its own rule gives.

use acceptance::office::paper::movement;
use acceptance::{TestDb, for_each_engine};
use api::app::run::{self, NewRun};
use ledger::fund::Level;
use ledger::money::Fen;
use ledger_store::policy as store;
use ledger_store::run::RunKind;

use super::desk::{Desk, Row, before, csv, faults, row, sent, xlsx};
use acceptance::office::{month, refused};

/// The office's own minimum wage, which the source does not print.
const WAGE: &str = r#"
[[reference]]
code = "minimum-wage"
name = "最低工资标准(月)"
from = "2020-01"
amount = "1430"
document = "示例〔2020〕1号"
"#;

/// 1.3 × 750 = 975.00 and 1.3 × 433 = 562.90; care of 30 and 60 % of the minimum wage.
#[tokio::test(flavor = "multi_thread")]
async fn tekun_follows_dibao_and_the_minimum_wage() {
    for_each_engine(async |url| {
        let desk = Desk::open(url, "hezhou", "2020-03-02").await;
        let mut bank = Vec::new();
        for program in ["urban-tekun", "rural-tekun"] {
            desk.letter("市示例1", Level::City, program, "50000").await;
            bank.push(movement("2020-03-02", 5_000_000, "市示例1"));
        }
        // Urban 7 people (734 person-times in the source), rural 20; care for some of each.
        for (program, first, people) in [("urban-tekun", 1, 7), ("rural-tekun", 101, 20)] {
            let mut rows: Vec<Row> = (first..first + people).map(|n| row(n, "living")).collect();
            rows.push(row(first, "care").tag("full"));
            rows.push(row(first + 1, "care").tag("semi"));
            let bytes = xlsx("特困人员花名册", &rows);
            desk.roster(program, "2020-03", "特困.xlsx", &bytes).await;
        }
        desk.office.on("2020-03-10");
        let new = NewRun {
            program: "rural-tekun".to_owned(),
            kind: RunKind::Regular,
            month: month("2020-03"),
            first: None,
        };
        let early = run::create(&desk.office.app, desk.office.who("maker"), &new, None).await;
        assert_eq!(
            refused(early).code(),
            "POL-0001",
            "care waits for the minimum wage"
        );
        desk.rules(WAGE).await;
        let care = 85_800 + 42_900;
        for (program, people, living) in [("urban-tekun", 7, 97_500), ("rural-tekun", 20, 56_290)] {
            let paid = desk.pay(program, RunKind::Regular, "2020-03").await;
            assert_eq!(paid.fen(), people * living + care, "{program}");
            bank.extend(sent("2020-03-10", &paid));
            let of = desk.component(program, "living", 2020).await;
            assert_eq!(of, [people * living, people, people]);
            assert_eq!(desk.component(program, "care", 2020).await[0], care);
        }
        desk.close(("2020-03-01", "2020-03-31"), &bank).await;
    })
    .await;
}

/// The standards as they were printed: 569 is not 1.3 × 433.
const STANDARDS: &str = r#"
agency = "贺州市民政局"
year = 2020
unit = "元"
[[item]]
id = "urban-dibao-standard"
name = "城市低保标准(月)"
printed = "750"
[[item]]
id = "rural-dibao-standard"
name = "农村低保标准(月)"
printed = "433"
[[item]]
id = "urban-tekun-standard"
name = "城市特困人员基本生活供养金(1.3 倍)"
printed = "975"
times = { item = "urban-dibao-standard", rate = "1.3" }
[[item]]
id = "rural-tekun-standard"
name = "农村特困人员基本生活供养金(1.3 倍)"
printed = "569"
times = { item = "rural-dibao-standard", rate = "1.3" }
[[rate]]
id = "orphan-dispersed-growth"
name = "散居孤儿救助供养标准增长"
printed = "50%"
numerator = ["orphan-dispersed-now", "-orphan-dispersed-then"]
denominator = ["orphan-dispersed-then"]
[[rate]]
id = "orphan-institution-growth"
name = "机构供养孤儿救助供养标准增长"
printed = "30%"
numerator = ["orphan-institution-now", "-orphan-institution-then"]
denominator = ["orphan-institution-then"]
"#;

const ORPHANS: [(&str, &str); 4] = [
    ("orphan-dispersed-then", "600"),
    ("orphan-dispersed-now", "900"),
    ("orphan-institution-then", "1000"),
    ("orphan-institution-now", "1300"),
];

#[test]
fn the_printed_569_is_named() {
    let mut toml = STANDARDS.to_owned();
    for (id, printed) in ORPHANS {
        toml += &format!("[[item]]\nid = \"{id}\"\nname = \"{id}\"\nprinted = \"{printed}\"\n");
    }
    let report = api::app::report::foot(&toml, "hezhou.toml").unwrap();
    let expected = ("rural-tekun-standard", "569", "562.9");
    let (item, printed, rule) = expected;
    assert!(report.found);
    assert_eq!(
        faults(&report.json),
        [(item.to_owned(), printed.to_owned(), rule.to_owned())]
    );
    assert_eq!(report.json["faults"][0]["gap"], "6.1");
    let mended = toml.replace("\"569\"", "\"562.90\"");
    assert!(
        !api::app::report::foot(&mended, "hezhou.toml")
            .unwrap()
            .found
    );
}

/// Orphans of an institution are paid for together; it receives the money.
const HOME: (&str, &str, &str) = (
    "示例儿童福利院",
    "12000000000000003X",
    "26000000000000009003",
);

/// September is paid at 800 and 1,200; the notice of the raise by 100 comes in October. Tuition of
/// 10,000 falls due with the school year, once.
#[tokio::test(flavor = "multi_thread")]
async fn orphans_are_raised_in_arrears_and_have_tuition_once_a_school_year() {
    let database = TestDb::sqlite();
    let desk = Desk::bare(database.url(), "2020-08-03").await;
    desk.rules(&before("hezhou", "2020-09")).await;
    desk.letter("市示例2", Level::City, "orphan", "1500000")
        .await;
    let dispersed = (1..=9).map(|n| row(n, "living").tag("dispersed"));
    let institution = (10..=14).map(|n| row(n, "living").tag("institution").paid_to(HOME));
    // 46 orphans had tuition in the source's years.
    let students = (101..=146).map(|n| row(n, "tuition"));
    let rows: Vec<Row> = dispersed.chain(institution).chain(students).collect();
    desk.roster("orphan", "2020-08", "孤儿.csv", &csv(&rows))
        .await;
    let (old, new) = (9 * 80_000 + 5 * 120_000, 9 * 90_000 + 5 * 130_000);
    let august = desk.pay("orphan", RunKind::Regular, "2020-08").await;
    assert_eq!((august.payments(), august.fen()), (10, old));
    desk.office.on("2020-09-10");
    let september = desk.pay("orphan", RunKind::Regular, "2020-09").await;
    assert_eq!(september.fen(), old + 46 * 1_000_000);

    desk.office.on("2020-10-12");
    desk.pack("hezhou").await;
    let arrears = desk.pay("orphan", RunKind::BackPay, "2020-09").await;
    assert_eq!(
        (arrears.payments(), arrears.fen()),
        (10, 14 * 10_000),
        "100 yuan each"
    );
    let again = desk
        .office
        .create("orphan", RunKind::BackPay, "2020-09")
        .await;
    assert_eq!(again, None);
    let october = desk.pay("orphan", RunKind::Regular, "2020-10").await;
    assert_eq!(october.fen(), new, "900 and 1,300, and no second tuition");
    let again = desk
        .office
        .create("orphan", RunKind::BackPay, "2020-12")
        .await
        .unwrap();
    desk.office.walk(again, 1).await;
    let tuition = "select count(*) from payment_line l join component c on c.book_id = l.book_id
        and c.component_id = l.component_id where c.code = 'tuition'";
    assert_eq!(
        desk.office.count(tuition).await,
        46,
        "once in the school year"
    );
    // The source paid 34.1 万元 to 46 people over the years; one year of all is 46 万元.
    assert_eq!(
        desk.component("orphan", "tuition", 2020).await,
        [46_000_000, 46, 46]
    );
    // The next school year has its own.
    desk.office.on("2021-09-10");
    let next = desk.pay("orphan", RunKind::Regular, "2021-09").await;
    assert_eq!(next.fen(), new + 46 * 1_000_000);
    desk.office.assert_invariants().await;
}

/// Dibao at both ends of the five years; what a household of the average is paid.
#[tokio::test(flavor = "multi_thread")]
async fn dibao_is_the_standard_less_income() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url(), "hezhou", "2019-12-02").await;
    // 补助水平: 395 of 750 and 242 of 433 are what is paid at incomes of 355 and 191.
    for (program, first, income) in [("urban-dibao", 1, "355"), ("rural-dibao", 51, "191")] {
        desk.letter("市示例3", Level::City, program, "90000").await;
        let rows: Vec<Row> = (first..first + 10)
            .map(|n| row(n, "base").income(income))
            .collect();
        desk.roster(program, "2019-12", "低保.csv", &csv(&rows))
            .await;
    }
    // December at 360 and 200: an income of 355 leaves 5 yuan, one of 191 leaves 9.
    for (program, at, yuan) in [
        ("urban-dibao", "2019-12", 5),
        ("rural-dibao", "2019-12", 9),
        ("urban-dibao", "2020-01", 395),
        ("rural-dibao", "2020-01", 242),
    ] {
        desk.office.on(&format!("{at}-20"));
        // 当月审批当月发放.
        let paid = desk.pay(program, RunKind::Regular, at).await;
        assert_eq!(paid.fen(), 10 * yuan * 100, "{program} {at}");
    }
    desk.office.assert_invariants().await;
}

/// The township's limit on temporary relief is data with dates; relief is given once.
#[tokio::test(flavor = "multi_thread")]
async fn temporary_relief_and_its_limit() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url(), "hezhou", "2020-02-03").await;
    let mut tx = desk.office.app.db.begin_read().await.unwrap();
    let rules = store::policy(&mut tx, desk.office.book.id).await.unwrap();
    tx.rollback().await.unwrap();
    for (at, yuan) in [("2019-12", 2_000), ("2020-01", 4_000)] {
        let limit = rules.reference_at("township-limit", month(at));
        assert_eq!(limit, Some(Fen::new(yuan * 100)), "{at}");
    }
    // 5,572.8 万元 for 45,177 person-times: 1,233.55 on average. A thousandth of the times here.
    desk.letter("市示例4", Level::City, "temporary-relief", "60000")
        .await;
    let relief: Vec<Row> = (1..=45)
        .map(|n| row(n, "relief").amount("1233.55"))
        .collect();
    desk.roster("temporary-relief", "2020-02", "临时救助.csv", &csv(&relief))
        .await;
    let paid = desk
        .pay("temporary-relief", RunKind::Regular, "2020-02")
        .await;
    assert_eq!((paid.payments(), paid.fen()), (45, 45 * 123_355));
    let march = desk
        .office
        .create("temporary-relief", RunKind::Regular, "2020-03")
        .await;
    assert_eq!(march, None, "relief is given once");
    desk.office.assert_invariants().await;
}

/// 45,930 disabled persons had 11,120.72 万元 over the years: 2,421.23 yuan each on average. Two
/// subsidies of the office's own amounts stand side by side for one person.
#[tokio::test(flavor = "multi_thread")]
async fn the_two_disability_subsidies_stand_side_by_side() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url(), "hezhou", "2020-04-01").await;
    desk.letter("市示例5", Level::City, "disability", "20000")
        .await;
    let living = (1..=46).map(|n| row(n, "living").amount("80"));
    let care = (31..=46).map(|n| row(n, "care").amount("85.50"));
    let rows: Vec<Row> = living.chain(care).collect();
    desk.roster(
        "disability",
        "2020-04",
        "两补.xlsx",
        &xlsx("两项补贴", &rows),
    )
    .await;
    let paid = desk.pay("disability", RunKind::Regular, "2020-04").await;
    assert_eq!((paid.payments(), paid.fen()), (46, 46 * 8_000 + 16 * 8_550));
    let of = |component| desk.component("disability", component, 2020);
    assert_eq!(of("living").await, [46 * 8_000, 46, 46]);
    assert_eq!(of("care").await, [16 * 8_550, 16, 16]);
    desk.office.assert_invariants().await;
}
