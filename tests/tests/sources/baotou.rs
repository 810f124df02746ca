//! Baotou: several levels of government share what is paid, to the fen; and a report whose totals
//! were garbled is found out.

use acceptance::for_each_engine;
use acceptance::office::paper::{Outcome, movement};
use ledger::fund::Level;
use ledger_store::run::RunKind;

use super::desk::{Desk, Row, csv, faults, row, sent, xlsx};

/// The four levels of the pack in equal parts, with the letter of each.
const LEVELS: [(Level, &str); 4] = [
    (Level::Central, "中央示例1"),
    (Level::Province, "区示例1"),
    (Level::City, "市示例1"),
    (Level::County, "旗示例1"),
];

/// Category, people, yuan for each: a thousandth of the 1,105.00, 3,865.6, 1,180.72 and
/// 2,511.44 万元 of the source (1,105.00 is what makes its parts add up).
const TEKUN: [(&str, &str, usize, &str, i64); 4] = [
    ("san-wu", "", 26, "425.00", 1_105_000),
    ("wu-bao", "dispersed", 64, "604.00", 3_865_600),
    ("orphan", "", 8, "1475.90", 1_180_720),
    ("san-min", "", 20, "1255.72", 2_511_440),
];

/// A thousandth of 8,662.76 万元.
const TOTAL: i64 = 8_662_760;

async fn letters(desk: &Desk, program: &str, yuan: &str) {
    for (level, document) in LEVELS {
        desk.letter(document, level, program, yuan).await;
    }
}

/// What each level has left of its letter for a program, in fen.
async fn left(desk: &Desk, program: &str) -> Vec<i64> {
    let (app, who) = (&desk.office.app, desk.office.who("accountant"));
    let list = api::app::appropriation::list(app, who).await.unwrap().json;
    let all = list["appropriations"].as_array().unwrap().clone();
    let of = |document: &str| {
        let found = all
            .iter()
            .find(|one| one["document"] == document && one["program"] == program);
        found.unwrap()["left_fen"].as_i64().unwrap()
    };
    LEVELS.map(|(_, document)| of(document)).to_vec()
}

/// Payments whose parts of the levels are not the payment, and attempts without any part.
const UNSHARED: &str = "select count(*) from attempt t join payment p on p.book_id = t.book_id
    and p.payment_id = t.payment_id where t.kind = 'pay' and p.amount_fen <> coalesce((
    select sum(d.amount_fen) from draw_part d where d.book_id = t.book_id
    and d.payment_id = t.payment_id and d.attempt_no = t.attempt_no),
    case when t.appropriation_id is null then 0 else p.amount_fen end)";

fn tekun() -> Vec<Row> {
    let mut rows = Vec::new();
    for (component, tag, people, yuan, _) in TEKUN {
        let first = rows.len() + 1;
        let one = |n| row(n, component).tag(tag).amount(yuan);
        rows.extend((first..first + people).map(one));
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn four_levels_share_each_run_to_the_fen() {
    for_each_engine(async |url| {
        let desk = Desk::open(url, "baotou", "2014-08-01").await;
        letters(&desk, "tekun", "30000").await;
        letters(&desk, "urban-dibao", "1000").await;
        desk.roster("tekun", "2014-08", "特困.xlsx", &xlsx("特困", &tekun()))
            .await;
        // Three people whose sum does not divide by four.
        let dibao: Vec<Row> = (501..=503)
            .map(|n| row(n, "base").amount("133.37"))
            .collect();
        desk.roster("urban-dibao", "2014-08", "低保.csv", &csv(&dibao))
            .await;
        desk.office.on("2014-08-10");
        let paid = desk.release("tekun", RunKind::Regular, "2014-08").await;
        assert_eq!((paid.payments(), paid.fen()), (118, TOTAL));
        assert_eq!(left(&desk, "tekun").await, [3_000_000 - TOTAL / 4; 4]);
        let odd = desk
            .release("urban-dibao", RunKind::Regular, "2014-08")
            .await;
        assert_eq!(odd.fen(), 40_011);
        // 400.11 is 100.03, 100.03, 100.03 and 100.02: the largest remainder, first declared first.
        assert_eq!(
            left(&desk, "urban-dibao").await,
            [89_997, 89_997, 89_997, 89_998]
        );
        assert_eq!(desk.office.count(UNSHARED).await, 0);

        // A payment that fails goes home to the levels that it came from.
        let failed = Outcome::Failed("账户已销户");
        let batch = &paid.files[0];
        desk.office
            .answer(
                batch,
                |place| if place == 0 { failed } else { Outcome::Paid },
            )
            .await;
        desk.office.answer(&odd.files[0], |_| Outcome::Paid).await;
        let home = batch.lines[0].amount.get();
        let mut bank: Vec<_> = (LEVELS.iter())
            .flat_map(|(_, document)| {
                [3_000_000, 100_000].map(|fen| movement("2014-08-01", fen, *document))
            })
            .collect();
        bank.extend(sent("2014-08-10", &paid));
        bank.extend(sent("2014-08-10", &odd));
        bank.push(movement(
            "2014-08-12",
            home,
            format!("退回 {}", batch.lines[0].key),
        ));
        desk.close(("2014-08-01", "2014-08-31"), &bank).await;
        let back: i64 = left(&desk, "tekun").await.iter().sum();
        assert_eq!(back, 4 * 3_000_000 - TOTAL + home);

        for (component, _, people, _, fen) in TEKUN {
            let people = i64::try_from(people).unwrap();
            let of = desk.component("tekun", component, 2014).await;
            assert_eq!([of[0], of[2]], [fen, people], "{component}");
        }
        // The categories of the report, a thousandth of them, are those of the books.
        let report = desk.foot(&published("1.105", "8.66276")).await;
        assert_eq!(faults(&report), []);
        for row in report["ledger"].as_array().unwrap() {
            assert_eq!(row["difference_fen"], 0, "{row}");
        }
    })
    .await;
}

/// The tekun line of the report in 万元, with the figure of 三无 and the total.
fn published(san_wu: &str, total: &str) -> String {
    let thousandth = total == "8.66276";
    let of = |whole, part| if thousandth { part } else { whole };
    let (wu_bao, orphan, san_min) = (
        of("3865.6", "3.8656"),
        of("1180.72", "1.18072"),
        of("2511.44", "2.51144"),
    );
    format!(
        r#"
agency = "包头市"
year = 2014
unit = "万元"
[[item]]
id = "tekun"
name = "特困人员供养金"
program = "tekun"
printed = "{total}"
parts = [
  {{ name = "“三无”人员供养金", printed = "{san_wu}", component = "san-wu" }},
  {{ name = "“五保”供养金", printed = "{wu_bao}", component = "wu-bao" }},
  {{ name = "孤儿抚育金", printed = "{orphan}", component = "orphan" }},
  {{ name = "“三民”人员供养金", printed = "{san_min}", component = "san-min" }},
]
"#
    )
}

/// The whole report as printed: 15 亿元 in all, of which some figures were garbled.
const WHOLE: &str = r#"
[[item]]
id = "total"
name = "城乡低保金及各类专项救助资金(约)"
printed = "150000"
of_which = [
  { name = "城乡低保金(6.9亿元)", printed = "69000" },
  { name = "特困人员供养金", printed = "8662.76" },
  { name = "受灾人员救助资金", printed = "1705" },
  { name = "城乡医疗救助金", printed = "372023" },
  { name = "临时救助金", printed = "2023" },
  { name = "教育救助金(3.23亿元)", printed = "32300" },
  { name = "住房救助和危房改造", printed = "3775" },
  { name = "就业救助金(1.9亿元)", printed = "19000" },
  { name = "取暖救助及煤炭补助", printed = "8731.48" },
]
"#;

#[test]
fn garbled_totals_are_named() {
    let foot = |toml: &str| api::app::report::foot(toml, "baotou.toml").unwrap().json;
    let printed = published("120235", "8662.76") + WHOLE;
    let names = faults(&foot(&printed));
    let expected = [
        ("tekun", "8662.76", "127792.76"),
        ("total", "150000", "517220.24"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(names, expected);
    // 1,105.00 for 三无 makes the parts add up; without the medical figure the whole holds them.
    let mended = published("1105.00", "8662.76") + &WHOLE.replace("372023", "3720.23");
    assert_eq!(faults(&foot(&mended)), []);
}
