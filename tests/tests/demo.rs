//! The demo does the main job, the same on both engines and every time, and its books can be
//! asked about it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use acceptance::TestDb;
use acceptance::browser::Browser;
use acceptance::program::{Demo, Huimin, files};
use api::demo::{self, DemoOptions};
use api::http::Server;
use ledger::money::Fen;
use ledger::problem::Language;
use reconciliation::rate::Rate;
use serde_json::Value;

/// The published figures of 2022 in 万元 that the printed report itself does not contradict.
const PUBLISHED: &[(&str, &[(&str, &str)])] = &[
    (
        "urban-dibao",
        &[
            ("", "4626.0302"),
            ("categorical", "430.7172"),
            ("one-off", "92.352"),
            ("price", "37.1862"),
            ("heating", "298.32"),
        ],
    ),
    (
        "rural-dibao",
        &[
            ("", "7538.5138"),
            ("categorical", "1328.0616"),
            ("one-off", "156.0028"),
            ("price", "106.9637"),
            ("heating", "339.35"),
        ],
    ),
    (
        "rural-tekun",
        &[
            ("living", "867.2872"),
            ("care", "329.11215"),
            ("heating", "62.05"),
            ("funeral", "49.2198"),
            ("centralised-care", "114.4369"),
            ("pocket-money", "27.81"),
            ("price", "2.3182"),
            ("one-off", "5.181"),
        ],
    ),
    (
        "urban-tekun",
        &[
            ("", "54.314"),
            ("living", "39.38"),
            ("care", "9.702"),
            ("heating", "3.96"),
            ("one-off", "0.99"),
            ("price", "0.282"),
        ],
    ),
    (
        "orphan",
        &[
            ("living", "255.5"),
            ("tuition", "37"),
            ("centralised-living", "36.96"),
        ],
    ),
    ("policy-laid-off", &[("", "386.992")]),
    ("sixties-streamlined", &[("", "18.2956")]),
    (
        "laid-off-and-streamlined-extras",
        &[("heating", "21.12"), ("extra-month", "28.144")],
    ),
    ("dibao-margin", &[("", "15.3891")]),
];

/// What the printed report gets wrong by itself: item, printed, what its parts give, gap.
const REPORT_FAULTS: &[(&str, &str, &str, &str)] = &[
    ("rural-tekun", "1407.2497", "1449.91605", "42.66635"),
    ("rural-tekun-persons", "1495", "1487", "8"),
    ("orphan", "331.4474", "329.46", "1.9874"),
    ("applications-approved", "151", "150", "1"),
];

#[test]
fn the_demo_twice_is_the_same_and_a_third_time_adds_nothing() {
    let first = Demo::month();
    let second = tempfile::tempdir().unwrap();
    let line = format!("demo --through 2022-01 --out {}", second.path().display());
    let terminal = Huimin::at(second.path());
    let again = terminal.done(&line);
    assert_eq!(again, first.json);
    has_the_contracts_shape(&again);
    same_files(first.path(), second.path());
    let replayed = terminal.done(&line);
    assert_eq!(replayed, first.json, "a replay adds nothing");
    same_files(first.path(), second.path());
}

#[test]
fn postgresql_has_the_same_figures_and_the_same_audit_head() {
    let sqlite = Demo::month();
    let database = TestDb::postgres();
    let out = tempfile::tempdir().unwrap();
    let line = format!("demo --through 2022-01 --out {}", out.path().display());
    let postgres = Huimin::at(out.path()).db(database.url()).done(&line);
    assert_eq!(postgres, sqlite.json);
    same_files(sqlite.path(), out.path());
    let auditor = Huimin::at(out.path()).db(database.url()).user("auditor");
    let verified = auditor.done("audit verify");
    assert_eq!(verified["root"], sqlite.json["audit"]["head"]);
}

#[test]
fn the_year_comes_to_the_published_figures_and_every_report_opens() {
    let demo = Demo::year();
    has_the_contracts_shape(&demo.json);
    figures_are_the_published_ones(&demo.json);
    success_is_as_published(&demo.json);
    for (item, printed, parts, gap) in REPORT_FAULTS {
        let fault = find(&demo.json["report_faults"], "program", item);
        assert_eq!(
            (&fault["printed"], &fault["sum_of_parts"], &fault["gap"]),
            (&(*printed).into(), &(*parts).into(), &(*gap).into()),
            "{item}"
        );
    }
    for agreement in demo.json["agreements"].as_array().unwrap() {
        assert_eq!(agreement["ok"], true, "{agreement}");
        assert_eq!(agreement["differing_rows"], 0, "{agreement}");
        assert_eq!(agreement["left_fen"], agreement["right_fen"], "{agreement}");
    }
    assert_eq!(demo.json["audit"]["verified"], true);
    the_books_answer(&demo);
}

/// Everything a manager and an auditor ask of the finished year.
fn the_books_answer(demo: &Demo) {
    let (manager, auditor) = (demo.huimin("manager"), demo.huimin("auditor"));
    let verified = auditor.done("audit verify");
    assert_eq!(verified["ok"], true);
    assert_eq!(verified["first_fault"], Value::Null);
    assert_eq!(verified["root"], demo.json["audit"]["head"]);
    assert_eq!(verified["entries"], demo.json["audit"]["entries"]);
    assert_eq!(verified["entries"], verified["size"]);
    let reconciled = manager.done("reconcile");
    assert_eq!(reconciled["agreements"].as_array().unwrap().len(), 4);
    let rates = manager.done("report success-rate --year 2022");
    let urban = find(&rates["programs"], "id", "urban-dibao");
    assert_eq!(
        urban["final"]["count"]["paid"],
        urban["final"]["count"]["attempted"]
    );
    let annual = manager.done("report annual --year 2022");
    assert!(annual.is_object());
    let monthly = manager.done("report monthly --month 2022-12");
    assert!(!monthly["programs"].as_array().unwrap().is_empty());
    for line in ["report trial-balance --year 2022", "trace payment 1"] {
        assert!(manager.done(line).is_object(), "{line}");
        let text = manager.run(line).expect_status(0).stdout;
        assert!(text.lines().count() > 5, "{line}:\n{text}");
    }
    let letters = manager.done("appropriation list");
    let document = letters["appropriations"][0]["document"].as_str().unwrap();
    assert!(document.contains("演示财社〔2022〕"), "{letters}");
    manager.done(&format!("trace appropriation {document}"));
    assert_eq!(
        manager.json("report success-rate --from 2022-01 --to 2022-12"),
        rates
    );
}

#[test]
fn a_published_report_that_does_not_add_up_is_found_out() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("published.toml");
    std::fs::write(&file, reconciliation::foot::SHENMU_2022).unwrap();
    let terminal = Huimin::at(directory.path());
    let output = terminal
        .run("report foot published.toml --format json")
        .expect_status(3);
    let found = output.json();
    for (item, printed, parts, gap) in REPORT_FAULTS {
        let fault = find(&found["faults"], "item", item);
        assert_eq!(
            (&fault["printed"], &fault["sum_of_parts"], &fault["gap"]),
            (&(*printed).into(), &(*parts).into(), &(*gap).into()),
            "{item}"
        );
    }
    let mended = "agency = \"a\"\nregion = \"610881\"\nyear = 2022\nunit = \"万元\"\nsource = \"s\"\n\
        [[item]]\nid = \"x\"\nname = \"x\"\nprinted = \"3\"\n\
        parts = [{ name = \"a\", printed = \"1\" }, { name = \"b\", printed = \"2\" }]\n";
    std::fs::write(&file, mended).unwrap();
    let found = terminal.done("report foot published.toml");
    assert_eq!(found["faults"], serde_json::json!([]));
}

fn figures_are_the_published_ones(summary: &Value) {
    let mut wrong = Vec::new();
    for (program, figures) in PUBLISHED {
        let found = find(&summary["programs"], "id", program);
        for (component, wan) in *figures {
            let wanted = Fen::parse_wan(wan).unwrap().get();
            let part = match *component {
                "" => found,
                component => find(&found["components"], "id", component),
            };
            if part["ledger_fen"] != wanted {
                wrong.push(format!(
                    "{program} {component}: {wan} {}",
                    part["ledger_fen"]
                ));
            }
            if component.is_empty() {
                assert_eq!(part["published_fen"], wanted, "{program}");
                assert_eq!(part["difference_fen"], 0, "{program}");
            }
        }
        let parts = found["components"].as_array().unwrap().iter();
        let sum: i64 = parts.map(|part| part["ledger_fen"].as_i64().unwrap()).sum();
        assert_eq!(
            found["ledger_fen"], sum,
            "{program} is the sum of its parts"
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Urban 100 %, rural 98 %, both final and by count, from payments and returns.
fn success_is_as_published(summary: &Value) {
    let rate = |program: &str, which: &str| {
        let program = find(&summary["programs"], "id", program);
        let count = &program["success_rate"][which]["count"];
        let number = |field: &str| count[field].as_i64().unwrap();
        Rate::new(number("paid"), number("attempted"))
    };
    let urban = rate("urban-dibao", "final");
    assert!(
        urban.attempted > 0 && urban.paid == urban.attempted,
        "{urban:?}"
    );
    assert!(
        rate("urban-dibao", "first").paid < urban.attempted,
        "some were re-paid"
    );
    let rural = rate("rural-dibao", "final");
    assert!(
        rural.percent().starts_with("98.00"),
        "{rural:?} {}",
        rural.percent()
    );
}

/// Every member of the contract with its type, and nothing that the contract does not know.
fn has_the_contracts_shape(summary: &Value) {
    members(
        summary,
        "book year programs report_faults agreements payments attempts transfers batches returns \
         audit",
        "",
    );
    let count = |value: &Value| value.as_i64().is_some_and(|number| number > 0);
    for name in ["payments", "attempts", "transfers", "batches", "returns"] {
        assert!(count(&summary[name]), "{name}");
    }
    assert_eq!(summary["year"], 2022);
    assert_eq!(summary["programs"].as_array().unwrap().len(), 9);
    for program in summary["programs"].as_array().unwrap() {
        let wanted = "id published_fen ledger_fen difference_fen components success_rate";
        members(program, wanted, "");
        for part in program["components"].as_array().unwrap() {
            members(part, "id published_fen ledger_fen", "");
            assert!(part["ledger_fen"].is_i64(), "{part}");
        }
        members(&program["success_rate"], "first final", "");
        for which in ["first", "final"] {
            members(&program["success_rate"][which], "count amount_fen", "");
            for unit in ["count", "amount_fen"] {
                let fraction = &program["success_rate"][which][unit];
                members(fraction, "paid attempted", "");
                assert!(fraction["paid"].is_i64() && fraction["attempted"].is_i64());
            }
        }
    }
    for fault in summary["report_faults"].as_array().unwrap() {
        let wanted = "program printed_total_fen sum_of_parts_fen gap_fen";
        members(fault, wanted, "unit printed sum_of_parts gap");
    }
    assert_eq!(summary["agreements"].as_array().unwrap().len(), 4);
    for agreement in summary["agreements"].as_array().unwrap() {
        members(agreement, "id ok left_fen right_fen differing_rows", "");
    }
    members(&summary["audit"], "entries head verified", "rows");
    assert_eq!(summary["audit"]["head"].as_str().unwrap().len(), 64);
}

/// An object has all wanted members, and beside them at most the allowed ones.
fn members(object: &Value, wanted: &str, allowed: &str) {
    let object = object.as_object().unwrap();
    let wanted: Vec<&str> = wanted.split_whitespace().collect();
    let allowed: Vec<&str> = allowed.split_whitespace().collect();
    for name in &wanted {
        assert!(object.contains_key(*name), "no {name} in {object:?}");
    }
    for name in object.keys() {
        let known = wanted.contains(&name.as_str()) || allowed.contains(&name.as_str());
        assert!(known, "{name} in {object:?}");
    }
}

fn find<'a>(list: &'a Value, field: &str, wanted: &str) -> &'a Value {
    let mut items = list.as_array().unwrap().iter();
    let found = items.find(|item| item[field] == wanted);
    found.unwrap_or_else(|| panic!("no {field} {wanted} in {list}"))
}

fn same_files(left: &std::path::Path, right: &std::path::Path) {
    let (left, right) = (files(left), files(right));
    assert!(left.len() > 20, "the demo wrote {} files", left.len());
    assert_eq!(
        left.keys().collect::<Vec<_>>(),
        right.keys().collect::<Vec<_>>()
    );
    for (name, content) in &left {
        assert!(right[name] == *content, "{name} differs");
    }
}

/// Once the served demo stood in a month that was closed, in which nothing could be approved.
#[tokio::test(flavor = "multi_thread")]
async fn the_served_demo_goes_on_with_the_next_month() {
    let out = tempfile::tempdir().unwrap();
    let options = DemoOptions {
        out: out.path().to_owned(),
        db: None,
        through: Some("2022-01".parse().unwrap()),
        language: Language::Zh,
        progress: false,
    };
    let (_, app, guests) = demo::open(&options).await.unwrap();
    // The demo has taken in no notice of holidays: weekdays are working days.
    assert_eq!(app.clock.today().to_string(), "2022-02-01");
    let server = Server::new(Arc::new(app));
    let mut run = String::new();
    for (login, steps) in [
        ("maker", vec!["check", "submit"]),
        ("reviewer", vec!["review"]),
        ("approver", vec!["approve"]),
        ("cashier", vec!["release"]),
    ] {
        let mut browser = Browser::new(&server);
        let guest = guests.iter().find(|guest| guest.login == login).unwrap();
        browser.sign_in(login, &guest.password, "").await;
        if run.is_empty() {
            let page = browser.get("/runs?new=1").await;
            let fields = [
                ("program", "policy-laid-off"),
                ("month", "2022-02"),
                ("kind", "regular"),
                ("first", ""),
            ];
            let page = browser.fill(&page, "/runs", &fields).await;
            assert!(page.text.contains("notice done"), "{}", page.text);
            run = page.address.split('?').next().unwrap().to_owned();
        }
        for step in steps {
            let page = browser.get(&run).await;
            let page = browser
                .fill(&page, &format!("{run}/{step}"), &[("on", "")])
                .await;
            assert!(page.text.contains("notice done"), "{step}: {}", page.text);
        }
    }
}
