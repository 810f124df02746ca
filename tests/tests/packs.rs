//! The policy packs land on the figures of their sources, a workbook says the same as the text, and
//! a preview says what the runs then pay.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::TestDb;
use acceptance::office::paper::{Outcome, people, roster};
use acceptance::office::{Office, done, month, refused};
use api::app::appropriation::{self, NewAppropriation};
use api::app::policy::{self, Source};
use api::app::{Error, users};
use ledger::fund::Level;
use ledger::id::{AwardId, ComponentId, PartyId, ProgramId};
use ledger::money::Fen;
use ledger::program::packs;
use ledger::roster::Award;
use ledger_store::policy as store;
use ledger_store::run::RunKind;
use serde_json::json;

/// Pack, program, component, tag, monthly income per head, month, and what is due: yuan, or the
/// code of the refusal.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// Awards that run from two years before to a year after the months below.
#[rustfmt::skip]
const CASES: &[Case] = &[
    ("shenmu-2022", "urban-dibao", "base", "", "0", "2022-01", "740.00"),
    ("shenmu-2022", "urban-dibao", "base", "", "317.25", "2022-12", "422.75"),
    ("shenmu-2022", "urban-dibao", "base", "", "740", "2022-12", "0.00"),
    ("shenmu-2022", "urban-dibao", "categorical", "severe", "0", "2022-05", "370.00"),
    ("shenmu-2022", "urban-dibao", "categorical", "minor-or-elderly", "0", "2022-05", "222.00"),
    ("shenmu-2022", "urban-dibao", "heating", "", "0", "2022-11", "1200.00"),
    ("shenmu-2022", "urban-dibao", "heating", "", "0", "2022-10", "0.00"),
    ("shenmu-2022", "rural-dibao", "base", "", "0", "2022-05", "POL-0002"),
    ("shenmu-2022", "rural-dibao", "heating", "", "0", "2022-11", "500.00"),
    ("shenmu-2022", "rural-tekun", "living", "", "0", "2022-05", "578.50"),
    ("shenmu-2022", "rural-tekun", "care", "self", "0", "2022-05", "195.00"),
    ("shenmu-2022", "rural-tekun", "care", "semi", "0", "2022-05", "293.00"),
    ("shenmu-2022", "rural-tekun", "care", "full", "0", "2022-05", "488.00"),
    ("shenmu-2022", "rural-tekun", "centralised-care", "semi", "0", "2022-05", "293.00"),
    ("shenmu-2022", "urban-tekun", "heating", "", "0", "2022-11", "1200.00"),
    ("shenmu-2022", "orphan", "living", "", "0", "2022-05", "1000.00"),
    ("shenmu-2022", "orphan", "living", "university", "0", "2022-05", "1400.00"),
    ("shenmu-2022", "orphan", "centralised-living", "", "0", "2022-05", "1400.00"),
    ("shenmu-2022", "orphan", "tuition", "", "0", "2022-09", "10000.00"),
    ("shenmu-2022", "laid-off-and-streamlined-extras", "heating", "", "0", "2022-11", "1200.00"),
    ("chaoyang", "urban-dibao", "grain-oil", "", "0", "2007-03", "POL-0001"),
    ("chaoyang", "urban-dibao", "grain-oil", "", "0", "2007-04", "15.00"),
    ("chaoyang", "urban-dibao", "grain-oil", "", "0", "2007-12", "15.00"),
    ("chaoyang", "urban-dibao", "electricity", "", "0", "2007-03", "0.00"),
    ("chaoyang", "urban-dibao", "electricity", "", "0", "2007-04", "3.69"),
    ("chaoyang", "urban-dibao", "electricity", "", "0", "2007-10", "3.69"),
    ("chaoyang", "urban-dibao", "electricity", "", "0", "2007-11", "0.00"),
    ("chaoyang", "urban-dibao", "raise", "", "0", "2007-11", "11.00"),
    ("chaoyang", "urban-dibao", "categorical", "elderly", "0", "2007-11", "34.00"),
    ("chaoyang", "urban-dibao", "categorical", "orphan", "0", "2007-11", "34.00"),
    ("chaoyang", "urban-dibao", "categorical", "veteran", "0", "2007-12", "34.00"),
    ("chaoyang", "urban-dibao", "base", "", "0", "2007-05", "POL-0002"),
    ("baotou", "urban-dibao", "base", "", "0", "2014-01", "POL-0002"),
    ("baotou", "tekun", "wu-bao", "centralised", "0", "2014-01", "POL-0002"),
    ("hezhou", "urban-dibao", "base", "", "0", "2015-12", "360.00"),
    ("hezhou", "urban-dibao", "base", "", "0", "2020-01", "750.00"),
    ("hezhou", "urban-dibao", "base", "", "355", "2020-01", "395.00"),
    ("hezhou", "rural-dibao", "base", "", "0", "2019-12", "200.00"),
    ("hezhou", "rural-dibao", "base", "", "191", "2020-01", "242.00"),
    ("hezhou", "urban-tekun", "living", "", "0", "2020-01", "975.00"),
    ("hezhou", "rural-tekun", "living", "", "0", "2020-01", "562.90"),
    ("hezhou", "rural-tekun", "care", "full", "0", "2020-01", "POL-0001"),
    ("hezhou", "orphan", "living", "dispersed", "0", "2015-12", "600.00"),
    ("hezhou", "orphan", "living", "dispersed", "0", "2020-08", "800.00"),
    ("hezhou", "orphan", "living", "dispersed", "0", "2020-09", "900.00"),
    ("hezhou", "orphan", "living", "institution", "0", "2015-12", "1000.00"),
    ("hezhou", "orphan", "living", "institution", "0", "2020-08", "1200.00"),
    ("hezhou", "orphan", "living", "institution", "0", "2020-09", "1300.00"),
    ("hezhou", "orphan", "tuition", "", "0", "2020-09", "10000.00"),
    ("hezhou", "temporary-relief", "relief", "", "0", "2020-09", "0.00"),
    ("lueyang", "urban-dibao", "base", "", "0", "2022-12", "650.00"),
    ("lueyang", "urban-dibao", "base", "", "0", "2023-01", "690.00"),
    ("lueyang", "rural-dibao", "base", "", "0", "2022-12", "460.00"),
    ("lueyang", "rural-dibao", "base", "", "0", "2023-01", "490.00"),
    ("lueyang", "rural-tekun", "living", "dispersed", "0", "2022-12", "598.00"),
    ("lueyang", "rural-tekun", "living", "centralised", "0", "2023-01", "637.00"),
];

/// A book of a pack, in an office.
async fn with_pack(url: &str, name: &str) -> Office {
    let office = Office::open(url).await;
    let source = Source::pack(policy::pack(name).unwrap()).paid_from(Some("icbc"));
    let maker = office.who("maker");
    let answer = done(policy::import_from(&office.app, maker, &source, None).await);
    assert_eq!(answer["funding_open"], 0, "{answer}");
    office
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_land_on_the_figures_of_their_sources() {
    for pack in packs::ALL {
        let database = TestDb::sqlite();
        let office = with_pack(database.url(), pack.name).await;
        let mut tx = office.app.db.begin_read().await.unwrap();
        let programs = store::programs(&mut tx, office.book.id).await.unwrap();
        let components = store::components(&mut tx, office.book.id).await.unwrap();
        let rules = store::policy(&mut tx, office.book.id).await.unwrap();
        tx.rollback().await.unwrap();
        let component = |program: &str, code: &str| -> ComponentId {
            let program = programs.iter().find(|one| one.code == program);
            let program: ProgramId = program.unwrap().id;
            let found = components
                .iter()
                .find(|one| one.program == program && one.code == code);
            found.unwrap().id
        };
        let of_pack = CASES.iter().filter(|case| case.0 == pack.name);
        assert!(of_pack.clone().count() > 0, "{} has no case", pack.name);
        for case in of_pack {
            let (_, program, code, tag, income, at, expected) = *case;
            let award = Award {
                id: AwardId(1),
                subject: PartyId(1),
                household: PartyId(2),
                payee: PartyId(3),
                component: component(program, code),
                tag: tag.to_owned(),
                income: Fen::parse_yuan(income).unwrap(),
                amount: None,
                from: month("2005-01"),
                to: Some(month("2023-12")),
            };
            let due = match rules.due(&award, month(at)) {
                Ok(due) => due.to_string(),
                Err(problem) => problem.code().to_owned(),
            };
            assert_eq!(due, expected, "{case:?}");
        }
        office.assert_invariants().await;
    }
}

/// A rate of the minimum wage waits for the wage, which the source does not print.
#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_completed_by_a_file_of_the_office() {
    let database = TestDb::sqlite();
    let office = with_pack(database.url(), "hezhou").await;
    let wage = "[[reference]]\ncode = \"minimum-wage\"\nfrom = \"2020-01\"\namount = \"1500\"\n\
                document = \"示例〔2020〕1号\"\n";
    let (app, maker) = (&office.app, office.who("maker"));
    done(policy::import(app, maker, "wage.toml", wage, None).await);
    let mut tx = app.db.begin_read().await.unwrap();
    let rules = store::policy(&mut tx, office.book.id).await.unwrap();
    let components = store::components(&mut tx, office.book.id).await.unwrap();
    tx.rollback().await.unwrap();
    let care = components.iter().find(|one| one.code == "care").unwrap();
    for (tag, expected) in [("semi", "450.00"), ("full", "900.00")] {
        let award = Award {
            id: AwardId(1),
            subject: PartyId(1),
            household: PartyId(2),
            payee: PartyId(3),
            component: care.id,
            tag: tag.to_owned(),
            income: Fen::ZERO,
            amount: None,
            from: month("2020-01"),
            to: None,
        };
        assert_eq!(
            rules.due(&award, month("2020-03")).unwrap().to_string(),
            expected
        );
    }
}

/// The rules come with the book, and the book is one command however often it is given.
#[tokio::test(flavor = "multi_thread")]
async fn a_book_begins_with_a_pack() {
    let database = TestDb::sqlite();
    let office = Office::open(database.url()).await;
    let app = &office.app;
    let pack = |name| Some(policy::pack(name).unwrap());
    let new = ["baotou", "示例市民政局", "150200"];
    let first = users::add_book_with(app, new, pack("baotou"), None)
        .await
        .unwrap();
    assert_eq!(first.answer["policy"]["programs"], 5, "{}", first.answer);
    assert_eq!(
        first.answer["policy"]["funding_open"], 5,
        "{}",
        first.answer
    );
    let again = users::add_book_with(app, new, pack("baotou"), None)
        .await
        .unwrap();
    assert!(again.replay);
    let other = users::add_book_with(app, new, pack("lueyang"), None).await;
    assert_eq!(refused(other).code(), "CMD-0002");
}

/// A raise from January, as Lueyang's, in a file of the office.
const RAISE: &str = r#"
[[program]]
code = "raised"
name = "示例低保"
[[program.component]]
code = "living"
name = "低保金"
scope = "person"
months = "1-12"
standard = [
  { from = "2022-01", formula = "amount-minus-income", amount = "690", document = "示例〔2022〕3号" },
]
"#;

/// Where the raised program begins: the standard of the year before.
const BEFORE: &str = r#"
[[program]]
code = "raised"
name = "示例低保"
funding = { bank_account = "icbc" }
[[program.component]]
code = "living"
name = "低保金"
scope = "person"
months = "1-12"
standard = [
  { from = "2021-01", formula = "amount-minus-income", amount = "650", document = "示例〔2021〕1号" },
]
"#;

/// January is paid at the old standard, the raise is announced in February: the preview says what
/// the run in arrears then pays, a second run pays nothing, and nothing was stored by looking.
#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_what_the_run_in_arrears_pays() {
    let database = TestDb::sqlite();
    let office = Office::open(database.url()).await;
    let (app, maker) = (&office.app, office.who("maker"));
    done(policy::import(app, maker, "before.toml", BEFORE, None).await);
    let new = NewAppropriation {
        document: "县示例7".to_owned(),
        level: Level::County,
        budget_year: 2022,
        program: "raised".to_owned(),
        bank_account: "icbc".to_owned(),
        amount: Fen::new(10_000_000),
        received_on: app.clock.today(),
        priority: 1,
    };
    done(appropriation::add(app, office.who("accountant"), &new, None).await);
    // Without individual amounts the standard rules.
    let people = people(5);
    let mut text = String::from_utf8(roster(&people)).unwrap();
    for person in &people {
        let individual = format!("{},示例核定", person.amount);
        text = text.replace(&individual, ",");
    }
    let (at, bytes) = (month("2022-01"), text.as_bytes());
    let import = api::app::roster::import(app, maker, "raised", at, "r.csv", bytes, false, None);
    done(import.await);
    let january = office.pay_month("raised", "2022-01").await;
    assert_eq!(january.total, Fen::new(5 * 65_000));
    office.answer(&january, |_| Outcome::Paid).await;

    office.on("2022-02-20");
    let entries = office.trail().await.len();
    let source = Source::file("raise.toml", RAISE.as_bytes().to_vec());
    let seen = policy::preview(app, maker, &source, Some(month("2022-02")))
        .await
        .unwrap();
    let effect = &seen.json["effects"][0];
    for (field, expected) in [
        ("people", json!(5)),
        ("before_fen", json!(5 * 65_000)),
        ("after_fen", json!(5 * 69_000)),
        ("change_fen", json!(5 * 4_000)),
        ("back_to", json!("2022-01")),
        ("back_pay_fen", json!(5 * 4_000)),
    ] {
        assert_eq!(effect[field], expected, "{field} in {}", seen.json);
    }
    assert_eq!(seen.json["effects"].as_array().unwrap().len(), 1);
    assert_eq!(seen.json["funds"][0]["document"], "县示例7");
    assert_eq!(seen.json["who"].as_array().unwrap().len(), 5);
    assert_eq!(office.trail().await.len(), entries, "nothing was stored");

    done(policy::import_from(app, maker, &source, None).await);
    let (_, files) = office.pay("raised", RunKind::BackPay, "2022-01").await;
    assert_eq!(files.len(), 1);
    assert_eq!(json!(files[0].total.get()), effect["back_pay_fen"]);
    assert_eq!(
        office.create("raised", RunKind::BackPay, "2022-01").await,
        None
    );
    office.assert_invariants().await;
}

/// Two tags, of which a notice raises one and cuts the other.
const TAGS: &str = r#"
[[program]]
code = "tagged"
name = "示例护理"
funding = { bank_account = "icbc" }
[[program.component]]
code = "living"
name = "护理费"
scope = "person"
months = "1-12"
standard = [
  { tag = "a", from = "2021-01", formula = "amount", amount = "100", document = "示例〔2021〕1号" },
  { tag = "b", from = "2021-01", formula = "amount", amount = "100", document = "示例〔2021〕1号" },
]
"#;

/// What some are to pay back is no money for the others: the funds are those of the raises alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_the_funds_of_what_is_paid_out() {
    let database = TestDb::sqlite();
    let office = Office::open(database.url()).await;
    let (app, maker) = (&office.app, office.who("maker"));
    done(policy::import(app, maker, "tags.toml", TAGS, None).await);
    let new = NewAppropriation {
        document: "县示例8".to_owned(),
        level: Level::County,
        budget_year: 2022,
        program: "tagged".to_owned(),
        bank_account: "icbc".to_owned(),
        amount: Fen::new(60_000),
        received_on: app.clock.today(),
        priority: 1,
    };
    done(appropriation::add(app, office.who("accountant"), &new, None).await);
    // Two with tag a, three with tag b, without individual amounts.
    let people = people(5);
    let mut text = String::from_utf8(roster(&people)).unwrap();
    for (place, person) in people.iter().enumerate() {
        let individual = format!("living,,,{},示例核定", person.amount);
        let tag = if place < 2 { "a" } else { "b" };
        text = text.replace(&individual, &format!("living,{tag},,,"));
    }
    let (at, bytes) = (month("2022-01"), text.as_bytes());
    let import = api::app::roster::import(app, maker, "tagged", at, "r.csv", bytes, false, None);
    done(import.await);
    let january = office.pay_month("tagged", "2022-01").await;
    office.answer(&january, |_| Outcome::Paid).await;

    let notice = TAGS
        .replace("from = \"2021-01\"", "from = \"2022-01\"")
        .replacen("amount = \"100\"", "amount = \"130\"", 1)
        .replacen("amount = \"100\"", "amount = \"80\"", 1);
    let source = Source::file("notice.toml", notice.clone().into_bytes());
    let seen = policy::preview(app, maker, &source, Some(month("2022-02")));
    let seen = seen.await.unwrap().json;
    assert_eq!(
        seen["effects"][0]["back_pay_fen"],
        2 * 3_000 - 3 * 2_000,
        "{seen}"
    );
    assert_eq!(seen["funds"][0]["amount_fen"], 2 * 3_000, "{seen}");
    done(policy::import_from(app, maker, &source, None).await);
    let (_, files) = office.pay("tagged", RunKind::BackPay, "2022-01").await;
    assert_eq!(files[0].total, Fen::new(2 * 3_000));
}

/// A pack as a workbook imports as the pack does; a workbook with faults names each and adds
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_is_imported_whole_or_not_at_all() {
    let database = TestDb::sqlite();
    let office = Office::open(database.url()).await;
    let (app, maker) = (&office.app, office.who("maker"));
    let bytes = policy::template(Some(policy::pack("hezhou").unwrap())).unwrap();
    let source = Source::file("hezhou.xlsx", bytes);
    let first = done(policy::import_from(app, maker, &source, None).await);
    assert_eq!(first["programs"], 7, "{first}");
    let pack = Source::pack(policy::pack("hezhou").unwrap());
    let again = done(policy::import_from(app, maker, &pack, None).await);
    assert_eq!(again["standards"], 0, "the same rules: {again}");

    let faulty = RAISE
        .replace("person", "人")
        .replace("1-12", "13")
        .replace("690", "六百九");
    let before = office.count("select count(*) from standard").await;
    let result = policy::import(app, maker, "faulty.toml", &faulty, None).await;
    let Err(Error::Refused { problem, findings }) = result else {
        panic!("not refused");
    };
    assert_eq!(problem.code(), "POL-0003");
    let found: Vec<_> = findings
        .iter()
        .map(|finding| {
            (
                finding.place.row.unwrap(),
                finding.place.value.clone().unwrap(),
            )
        })
        .collect();
    let expected = [(8, "人"), (9, "13"), (11, "六百九")];
    assert_eq!(found, expected.map(|(row, value)| (row, value.to_owned())));
    assert_eq!(office.count("select count(*) from standard").await, before);
}
