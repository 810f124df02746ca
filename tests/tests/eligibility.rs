//! Tags from age and disability, and help in kind by the piece, from policy and roster to a run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::office::paper::{people, person};
use acceptance::office::{Office, done, month};
use acceptance::{TestDb, for_each_engine};
use api::app::policy;
use ledger::fund::Level;
use ledger_store::run::RunKind;

/// Coal at 600 yuan a tonne for a household; nursing for the severely disabled; an allowance from
/// the age of 122, counted on the first day of the month.
const RULES: &str = r#"
[[program]]
code = "kind"
name = "示例实物与护理"
function_code = "2082001"
funding = { bank_account = "csv" }
[[program.component]]
code = "coal"
name = "示例煤"
scope = "household"
months = "1-12"
unit = "吨"
standard = [{ from = "2022-01", formula = "amount", amount = "600", document = "示例〔2022〕1号" }]
[[program.component]]
code = "nursing"
name = "示例护理"
scope = "person"
months = "1-12"
eligibility = [{ from = "2022-01", effect = "tag", tag = "severe", disability = "1-2", document = "d" }]
standard = [{ tag = "severe", name = "重度", from = "2022-01", formula = "amount", amount = "80", document = "d" }]
[[program.component]]
code = "elderly"
name = "示例高龄津贴"
scope = "person"
months = "1-12"
eligibility = [{ from = "2022-01", effect = "tag", tag = "old", age_from = 122, document = "d" }]
standard = [{ tag = "old", name = "高龄", from = "2022-01", formula = "amount", amount = "50", document = "d" }]
"#;

/// Everybody here was born on 2 January 1900: 121 years old on 1 January 2022, 122 a month later.
/// The disability is severe in January and slight from February on.
#[tokio::test(flavor = "multi_thread")]
async fn a_birthday_a_grade_and_pieces_decide_what_a_run_pays() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        done(api::app::policy::import(app, maker, "kind.toml", RULES, None).await);
        office
            .grant("县示例9", Level::County, "kind", 1_000_000)
            .await;
        let [coal, nursed, old] = [1, 2, 3].map(person);
        for (at, grade, expected) in [
            ("2022-01", "1", [90_000, 8_000, 0]),
            ("2022-02", "3", [90_000, 0, 5_000]),
        ] {
            let text = format!(
                "档案号,乡镇,姓名,身份证号,与户主关系,账号,发放项目,数量,核定依据,残疾等级\n\
                 K1,东示例镇,{},{},户主,{},示例煤,1.5,示例,\n\
                 K2,东示例镇,{},{},户主,{},示例护理,,示例,{grade}\n\
                 K3,东示例镇,{},{},户主,{},示例高龄津贴,,示例,\n",
                coal.name,
                coal.identity,
                coal.account,
                nursed.name,
                nursed.identity,
                nursed.account,
                old.name,
                old.identity,
                old.account,
            );
            let (from, bytes) = (month(at), text.as_bytes());
            let roster =
                api::app::roster::import(app, maker, "kind", from, "k.csv", bytes, false, None);
            done(roster.await);
            office.create("kind", RunKind::Regular, at).await.unwrap();
            let paid = match at {
                "2022-01" => JANUARY,
                _ => FEBRUARY,
            };
            let mut found = [0; 3];
            for (found, sql) in found.iter_mut().zip(paid) {
                *found = office.count(sql).await;
            }
            assert_eq!(found, expected, "coal, nursing, elderly in {at}");
        }
        office.assert_invariants().await;
    })
    .await;
}

macro_rules! paid {
    ($month:literal) => {
        [
            paid!("coal", $month),
            paid!("nursing", $month),
            paid!("elderly", $month),
        ]
    };
    ($component:literal, $month:literal) => {
        concat!(
            "select cast(coalesce(sum(l.amount_fen), 0) as bigint) from payment_line l \
             join component c on c.book_id = l.book_id and c.component_id = l.component_id \
             where c.code = '",
            $component,
            "' and l.month = '",
            $month,
            "'"
        )
    };
}

/// What the lines of a month come to, by component.
const JANUARY: [&str; 3] = paid!("2022-01");
const FEBRUARY: [&str; 3] = paid!("2022-02");

/// Two kinds of a component by disability grade; the pack's own program, so that the report in the
/// source's shape has rows for both.
const BY_GRADE: &str = r#"
[[program]]
code = "orphan"
name = "示例保障"
function_code = "2081001"
funding = { bank_account = "csv" }
[[program.component]]
code = "living"
name = "示例生活费"
scope = "person"
months = "1-12"
eligibility = [
  { from = "2022-01", effect = "tag", tag = "institution", disability = "1-2", document = "d" },
  { from = "2022-01", effect = "tag", tag = "dispersed", disability = "3-4", document = "d" },
]
standard = [
  { tag = "institution", name = "甲", from = "2022-01", formula = "amount", amount = "100", document = "d" },
  { tag = "dispersed", name = "乙", from = "2022-01", formula = "amount", amount = "60", document = "d" },
]
"#;

/// The first is of grade 1 in January and of grade 3 from February on, the second of grade 3, the
/// third has the tag of the roster. The annual report counts each by the tag of each month.
#[tokio::test(flavor = "multi_thread")]
async fn the_annual_report_counts_tags_that_follow_from_a_grade() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        done(api::app::policy::import(app, maker, "grades.toml", BY_GRADE, None).await);
        office
            .grant("县示例9", Level::County, "orphan", 1_000_000)
            .await;
        for (at, grade) in [("2022-01", 1), ("2022-02", 3)] {
            let mut text = "档案号,乡镇,姓名,身份证号,账号,发放项目,类别,残疾等级\n".to_owned();
            for (n, tag, grade) in [(1, "", grade), (2, "", 3), (3, "institution", 4)] {
                let who = person(n);
                text += &format!(
                    "K{n},东示例镇,{},{},{},示例生活费,{tag},{grade}\n",
                    who.name, who.identity, who.account
                );
            }
            let (from, bytes) = (month(at), text.as_bytes());
            let import =
                api::app::roster::import(app, maker, "orphan", from, "g.csv", bytes, false, None);
            done(import.await);
            office.on(&format!("{at}-10"));
            office.pay_month("orphan", at).await;
        }
        let report = api::app::report::annual_shaped(app, office.who("auditor"), 2022, "hezhou");
        let report = report.await.unwrap().json;
        let of = |name: &str| {
            let rows = report["rows"].as_array().unwrap();
            let row = rows.iter().find(|row| row["name"] == name).unwrap();
            ["amount_fen", "persons"].map(|figure| row[figure].as_i64().unwrap())
        };
        assert_eq!(of("散居"), [6_000 * 3, 2], "February of the first with it");
        assert_eq!(
            of("机构供养"),
            [10_000 * 3, 1],
            "January of the first with it"
        );
        office.assert_invariants().await;
    })
    .await;
}

/// A program that pays by the 28th is not late on the 11th; one without a day is.
#[tokio::test(flavor = "multi_thread")]
async fn late_is_what_the_policy_says() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let days = r#"
[[program]]
code = "late"
name = "示例月末发放"
funding = { bank_account = "csv" }
payment_day = [{ from = "2022-01", day = 28, document = "示例〔2022〕9号" }]
[[program.component]]
code = "living"
name = "生活补贴"
scope = "person"
months = "1-12"
standard = [{ from = "2021-01", formula = "individual", document = "示例〔2021〕1号" }]
"#;
    let (app, maker) = (&office.app, office.who("maker"));
    done(policy::import(app, maker, "days.toml", days, None).await);
    for program in ["late", "rural"] {
        office.roster(program, "2022-01", &people(2)).await;
        office.create(program, RunKind::Regular, "2022-01").await;
    }
    for (today, expected) in [
        ("2022-01-10", [false, false]),
        ("2022-01-11", [false, true]),
        ("2022-01-28", [false, true]),
        ("2022-01-29", [true, true]),
    ] {
        office.on(today);
        let mut turns = api::app::waiting::turns(app, maker).await.unwrap();
        turns.sort_by_key(|turn| turn.run.id);
        let late: Vec<bool> = turns.iter().map(|turn| turn.late).collect();
        assert_eq!(late, expected, "{today}");
    }
}
