//! Tags from age and disability, and help in kind by the piece, from policy and roster to a run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::person;
use acceptance::office::{Office, done, month};
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
