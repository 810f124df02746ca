//! Shenmu in 2022: what each program pays by the printed standards, and the figures of the annual
//! report that these standards can produce. The whole year is the demo's, which has its own tests.

use acceptance::office::paper::{Outcome, account, movement, person};
use acceptance::{TestDb, for_each_engine};
use ledger::fund::Level;
use ledger_store::run::RunKind;
use serde_json::json;

use super::desk::{Desk, Row, csv, faults, row, sent, xlsx};

/// The institution of the source, with a credit code of nobody.
const HOME: (&str, &str, &str) = ("示例福利院", "12000000000000004X", "26000000000000009004");

/// Orphans, all of them: 22 in the institution × 1,400 × 12 = 36.96 万元, and 37 students ×
/// 10,000 = 37 万元, in one run that makes up for a year.
#[tokio::test(flavor = "multi_thread")]
async fn orphans_land_on_the_printed_figures() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url(), "shenmu-2022", "2022-01-04").await;
    desk.letter("县示例1", Level::County, "orphan", "1000000")
        .await;
    let mut rows: Vec<Row> = (1..=22)
        .map(|n| row(n, "centralised-living").paid_to(HOME))
        .collect();
    rows.extend((101..=137).map(|n| row(n, "tuition")));
    desk.roster("orphan", "2022-01", "孤儿.csv", &csv(&rows))
        .await;
    desk.office.on("2022-12-20");
    let year = desk.pay("orphan", RunKind::BackPay, "2022-12").await;
    assert_eq!((year.payments(), year.fen()), (38, 36_960_000 + 37_000_000));
    let report = desk.foot(ORPHANS).await;
    let names = faults(&report);
    let expected = ("orphan", "331.4474", "329.46");
    let expected = (
        expected.0.to_owned(),
        expected.1.to_owned(),
        expected.2.to_owned(),
    );
    assert_eq!(
        names,
        [expected],
        "1.9874 of the printed total is not explained"
    );
    for component in ["tuition", "centralised-living"] {
        let rows = report["ledger"].as_array().unwrap();
        let found = rows
            .iter()
            .find(|row| row["component"] == component)
            .unwrap();
        assert_eq!(found["difference_fen"], 0, "{found}");
    }
    desk.office.assert_invariants().await;
}

/// The orphans of the printed report in 万元.
const ORPHANS: &str = r#"
agency = "神木市最低生活保障中心"
region = "610881"
year = 2022
unit = "万元"
[[item]]
id = "orphan"
name = "孤儿基本生活保障"
program = "orphan"
printed = "331.4474"
parts = [
  { name = "生活费", printed = "255.5", component = "living" },
  { name = "大学生孤儿学费补助", printed = "37", component = "tuition" },
  { name = "集中供养孤儿生活费", printed = "36.96", component = "centralised-living" },
]
"#;

/// A month of rural tekun with one in 17 of the source's 1,241 dispersed persons: living of 578.50,
/// care of 195, 293 and 488 (10, 15 and 25 % of 1,950, half up to the yuan), heating of 500.
#[tokio::test(flavor = "multi_thread")]
async fn rural_tekun_in_november() {
    for_each_engine(async |url| {
        let desk = Desk::open(url, "shenmu-2022", "2022-11-02").await;
        desk.letter("省示例1", Level::Province, "rural-tekun", "50000")
            .await;
        desk.letter("县示例1", Level::County, "rural-tekun", "200000")
            .await;
        let people = 1..=73_usize;
        let mut rows: Vec<Row> = people.clone().map(|n| row(n, "living")).collect();
        rows.extend(people.clone().map(|n| row(n, "heating")));
        let tags = ["self", "semi", "full"];
        rows.extend(people.map(|n| row(n, "care").tag(tags[n % 3])));
        // The funeral of a member of the first household, approved for it alone.
        rows.push(row(74, "funeral").of(1).amount("4000"));
        let bytes = xlsx("神木市农村特困人员花名册", &rows);
        desk.roster("rural-tekun", "2022-11", "特困.xlsx", &bytes)
            .await;
        desk.office.on("2022-11-10");
        let paid = desk
            .release("rural-tekun", RunKind::Regular, "2022-11")
            .await;
        let (living, heating) = (73 * 57_850, 73 * 50_000);
        let care = 24 * 19_500 + 25 * 29_300 + 24 * 48_800;
        assert_eq!(
            (paid.payments(), paid.fen()),
            (73, living + heating + care + 400_000)
        );
        let answered = |place| match place {
            4 => Outcome::Failed("账户已销户"),
            _ => Outcome::Paid,
        };
        desk.office.answer(&paid.files[0], answered).await;
        let failed = paid.files[0].lines[4].clone();
        let home = failed.amount.get();
        let mut bank = vec![
            movement("2022-11-02", 5_000_000, "省示例1"),
            movement("2022-11-02", 20_000_000, "县示例1"),
        ];
        bank.extend(sent("2022-11-10", &paid));
        bank.push(movement("2022-11-12", home, format!("退回 {}", failed.key)));
        desk.close(("2022-11-01", "2022-11-30"), &bank).await;
        let rate = json!({ "paid": 72, "attempted": 73 });
        let summary = desk.summary("rural-tekun", "2022-11").await;
        assert_eq!(summary["success_rate"]["final"]["count"], rate);

        // With another account the one that failed is paid in December.
        desk.office.on("2022-12-08");
        let unlucky = (1..=73).find(|n| account(*n) == failed.account).unwrap();
        let name = person(unlucky).name;
        assert_eq!(failed.name, name);
        let old = account(unlucky);
        let bytes = String::from_utf8(csv(&rows))
            .unwrap()
            .replace(&old, &account(900));
        desk.roster("rural-tekun", "2022-12", "特困.csv", bytes.as_bytes())
            .await;
        let again = desk.pay("rural-tekun", RunKind::RePay, "2022-12").await;
        assert_eq!((again.payments(), again.fen()), (1, home));
        let december = desk.pay("rural-tekun", RunKind::Regular, "2022-12").await;
        assert_eq!(
            december.fen(),
            living + care,
            "heating and funeral were November's"
        );
        let mut bank = sent("2022-12-08", &again);
        bank.extend(sent("2022-12-08", &december));
        desk.close(("2022-12-01", "2022-12-31"), &bank).await;
        let summary = desk.summary("rural-tekun", "2022-11").await;
        assert_eq!(summary["paid_fen"], living + heating + care + 400_000);
        // 620,500 = 500 × 1,241 and 8,672,872 = 578.50 × 14,992 in the source.
        let heating = desk.component("rural-tekun", "heating", 2022).await;
        assert_eq!(heating[0] * 17, 62_050_000);
        let living = desk.component("rural-tekun", "living", 2022).await;
        assert_eq!(living[0] / (2 * 73) * 14_992, 867_287_200);
    })
    .await;
}

/// Urban dibao of ten households: 740 less income, 370 and 222 by category, 1,200 for heating; and
/// workers, whose heating is 1,200 a household.
#[tokio::test(flavor = "multi_thread")]
async fn urban_dibao_by_its_standards() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url(), "shenmu-2022", "2022-11-02").await;
    for program in ["urban-dibao", "laid-off-and-streamlined-extras"] {
        desk.letter("县示例2", Level::County, program, "300000")
            .await;
    }
    let mut rows: Vec<Row> = (1..=10).map(|n| row(n, "base").income("317.25")).collect();
    rows.extend((11..=16).map(|n| row(n, "base").of(n - 10).income("0")));
    rows.extend((1..=4).map(|n| row(n, "categorical").tag("severe")));
    rows.extend((11..=16).map(|n| row(n, "categorical").tag("minor-or-elderly").of(n - 10)));
    rows.extend((1..=10).map(|n| row(n, "heating")));
    desk.roster("urban-dibao", "2022-11", "低保.xlsx", &xlsx("低保", &rows))
        .await;
    let paid = desk.pay("urban-dibao", RunKind::Regular, "2022-11").await;
    let expected = 10 * 42_275 + 6 * 74_000 + 4 * 37_000 + 6 * 22_200 + 10 * 120_000;
    assert_eq!((paid.payments(), paid.fen()), (10, expected));
    // 21.12 万元 for 176 households in the source.
    let workers: Vec<Row> = (501..=676).map(|n| row(n, "heating")).collect();
    let program = "laid-off-and-streamlined-extras";
    desk.roster(program, "2022-11", "下岗.csv", &csv(&workers))
        .await;
    let paid = desk.pay(program, RunKind::Regular, "2022-11").await;
    assert_eq!(paid.fen(), 21_120_000);
    desk.office.assert_invariants().await;
}
