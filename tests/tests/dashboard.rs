//! The dashboard says what the report says, and every figure opens exactly its rows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::browser::{Answer, Browser, PASSWORD, serving, serving_on};
use acceptance::for_each_engine;
use acceptance::office::paper::{Outcome, people, person};
use acceptance::office::{Office, done, month};
use acceptance::rest::{Ask, Rest};
use api::app::Error;
use api::app::exception::Page;
use api::app::report::{self, Filter};
use api::app::view::Report;
use ledger::disbursement::workflow::RunEvent;
use ledger_store::run::RunKind;
use serde_json::{Value, json};

/// Two programs, two months: paid, failed for two reasons, paid at the second attempt, not
/// answered, and one run that went out late.
async fn busy(url: &str) -> Office {
    let office = Office::funded(url).await;
    office.roster("urban", "2022-01", &people(8)).await;
    let batch = office.pay_month("urban", "2022-01").await;
    let answers = |place| match place {
        0 => Outcome::Failed("系统忙"),
        1 => Outcome::Failed("账户已销户"),
        2 => Outcome::Pending,
        _ => Outcome::Paid,
    };
    office.on("2022-01-06");
    office.answer(&batch, answers).await;
    let rural: Vec<_> = (101..=105).map(person).collect();
    office.roster("rural", "2022-02", &rural).await;
    office.on("2022-02-20");
    let (_, files) = office.pay("rural", RunKind::Regular, "2022-02").await;
    let last = |place| match place {
        4 => Outcome::Failed("户名不符"),
        _ => Outcome::Paid,
    };
    office.answer(&files[0], last).await;
    // The account of rural programs is debited for what succeeded: what failed is home at once.
    let mut corrected = rural;
    corrected[4].account = acceptance::office::paper::account(900);
    office.roster("rural", "2022-02", &corrected).await;
    let (_, again) = office.pay("rural", RunKind::RePay, "2022-02").await;
    office.answer(&again[0], |_| Outcome::Paid).await;
    office
}

fn whole() -> Filter {
    Filter {
        first: month("2022-01"),
        last: month("2022-02"),
        program: None,
        account: None,
        township: None,
        state: None,
        attempt: None,
        reason: None,
    }
}

async fn rows(office: &Office, filter: &Filter, page: Page) -> Report {
    let manager = office.who("manager");
    report::payments(&office.app, manager, filter, page)
        .await
        .unwrap()
}

async fn numbers(office: &Office, filter: &Filter) -> Vec<i64> {
    let report = rows(office, filter, Page::ALL).await;
    let rows = report.json["payments"].as_array().unwrap().iter();
    rows.map(|row| row["payment"].as_i64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_and_its_rows() {
    for_each_engine(async |url| {
        let office = busy(url).await;
        let (first, last) = (month("2022-01"), month("2022-02"));
        let manager = office.who("manager");
        let report = report::performance(&office.app, manager, first, last)
            .await
            .unwrap();
        let json = &report.json;
        let rates = report::success_rate(&office.app, manager, first, last)
            .await
            .unwrap();
        assert_eq!(json["success"], rates.json);
        let year = report::execution(&office.app, manager, 2022).await.unwrap();
        assert_eq!(json["execution"], year.json);
        let count = |name: &str| json["success"]["total"][name]["count"].clone();
        assert_eq!(count("first"), json!({ "paid": 9, "attempted": 12 }));
        assert_eq!(count("final"), json!({ "paid": 10, "attempted": 12 }));
        // The second went out on 20 February, ten days after the 10th.
        let timeliness = &json["timeliness"];
        assert_eq!(timeliness["rate"], json!({ "paid": 5, "attempted": 13 }));
        let released = &timeliness["released"];
        assert_eq!(*released, json!({ "paid": 8, "attempted": 13 }));
        assert_eq!(timeliness["runs"][1]["days_late"], 10);
        assert_eq!(timeliness["runs"][1]["arrived"], 5);
        // One of January waits since the 4th: 33 working days, where the bank has three.
        assert_eq!(timeliness["runs"][0]["bank_days"], 33);
        assert_eq!(timeliness["runs"][0]["bank_days_limit"], 3);
        assert_eq!(timeliness["bank"], json!({ "paid": 1, "attempted": 2 }));
        assert_eq!(json["in_transit"][0]["payments"], 1);
        assert_eq!(json["in_transit"][0]["days"], 47);

        let with = |change: fn(&mut Filter)| {
            let mut filter = whole();
            change(&mut filter);
            filter
        };
        for (change, expected) in [
            ((|_| {}) as fn(&mut Filter), (1..=13).collect::<Vec<i64>>()),
            (|f| f.state = Some("failed".to_owned()), vec![1, 2]),
            (|f| f.state = Some("pending".to_owned()), vec![3]),
            (
                |f| {
                    f.state = Some("failed".to_owned());
                    f.attempt = Some("first".to_owned());
                },
                vec![1, 2, 13],
            ),
            (
                |f| {
                    f.program = Some("rural".to_owned());
                    f.state = Some("paid".to_owned());
                },
                (9..=13).collect(),
            ),
            (
                |f| {
                    f.account = Some("icbc".to_owned());
                    f.township = Some("东示例镇".to_owned());
                },
                vec![3, 6],
            ),
            (
                |f| {
                    f.reason = Some("bank-unavailable".to_owned());
                    f.attempt = Some("every".to_owned());
                },
                vec![1],
            ),
        ] {
            assert_eq!(numbers(&office, &with(change)).await, expected);
        }
        // By pages, nothing twice and nothing left out.
        for state in [None, Some("failed".to_owned())] {
            let filter = Filter { state, ..whole() };
            let (mut after, mut seen) = (0, Vec::new());
            loop {
                let part = rows(&office, &filter, Page { after, limit: 1 }).await.json;
                let row = &part["payments"][0]["payment"];
                seen.extend(row.as_i64());
                match part["next"].as_i64() {
                    Some(next) => after = next,
                    None => break,
                }
            }
            assert_eq!(seen, numbers(&office, &filter).await);
        }
        let odd = Filter {
            state: Some("lost".to_owned()),
            ..whole()
        };
        let odd = report::payments(&office.app, manager, &odd, Page::ALL).await;
        let Err(Error::Refused { problem, .. }) = odd else {
            panic!("a state that is none: {odd:?}");
        };
        assert_eq!(problem.code(), "CMD-0003");
    })
    .await;
}

/// The links of a page that stand on a count in a table, with the count.
fn opening(page: &Answer) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for part in page.text.split("<td class=\"n\"><a href=\"").skip(1) {
        let (to, rest) = part.split_once("\">").unwrap();
        let text = rest.split("</a>").next().unwrap();
        if let (true, Ok(count)) = (to.starts_with("/payments?"), text.parse()) {
            found.push((to.replace("&#38;", "&").replace("&amp;", "&"), count));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_of_the_page_opens_its_rows() {
    for_each_engine(async |url| {
        let office = busy(url).await;
        let server = serving(&office, url, &["manager"]).await;
        let mut manager = Browser::new(&server);
        manager.sign_in("manager", PASSWORD, "").await;
        let page = manager.get("/dashboard?from=2022-01&to=2022-02").await;
        assert_eq!(page.status, 200, "{}", page.text);
        let rest = Rest::of(url, "2022-01-10").await;
        let ask = "GET /reports/success?from=2022-01&to=2022-02";
        let report = rest.done(Ask::new("manager", ask)).await;
        let rate = |rate: &Value| {
            let of = |name: &str| rate[name].as_i64().unwrap();
            reconciliation::rate::Rate::new(of("paid"), of("attempted")).percent()
        };
        let total = &report["success"]["total"];
        for shown in [
            rate(&total["first"]["count"]),
            rate(&total["final"]["count"]),
            rate(&report["timeliness"]["rate"]),
            report["execution"]["total"]["rate"]["percent"]
                .as_str()
                .unwrap()
                .to_owned(),
        ] {
            assert!(page.text.contains(&shown), "{shown}: {}", page.text);
        }
        assert_eq!(
            page.text.matches("<svg").count(),
            12,
            "a chart for each part"
        );
        assert_eq!(page.text.matches("<desc").count(), 12);
        let counts = opening(&page);
        assert!(counts.len() > 20, "{counts:?}");
        for (to, count) in counts {
            let rows = manager.get(&to).await;
            assert_eq!(rows.status, 200, "{to}");
            let body = rows.text.split("<tbody>").nth(1).unwrap_or_default();
            assert_eq!(body.matches("<tr>").count(), count, "{to}");
        }
        // The same report on paper and as a workbook.
        let address = "/reports/success?from=2022-01&to=2022-02";
        let paper = manager.get(&format!("{address}&as=pdf")).await;
        assert!(paper.text.starts_with("%PDF-"));
        let book = manager.get(&format!("{address}&as=xlsx")).await;
        assert!(book.text.starts_with("PK"));
        let shown = manager.get(address).await;
        assert!(shown.text.contains(&rate(&total["first"]["count"])));
        for address in [address, "/reports/success-rate?from=2022-01&to=2022-02"] {
            let figures = opening(&manager.get(address).await);
            assert!(figures.len() > 10, "{address}: {figures:?}");
            for (to, count) in figures {
                let rows = manager.get(&to).await;
                assert_eq!(rows.status, 200, "{to}");
                let body = rows.text.split("<tbody>").nth(1).unwrap_or_default();
                assert_eq!(body.matches("<tr>").count(), count, "{to}");
            }
        }
    })
    .await;
}

/// In time is what is with the people by the payment day. Until that day a run that nobody has
/// released does not count, and of one that was released only what arrived; what is in transit
/// stays in sight whichever months are asked for.
#[tokio::test(flavor = "multi_thread")]
async fn in_time_is_what_arrived_by_the_payment_day() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let payees: Vec<_> = (101..=104).map(person).collect();
        office.roster("rural", "2022-01", &payees).await;
        office.roster("urban", "2022-01", &people(2)).await;
        office.on("2022-01-06");
        let draft = office.create("urban", RunKind::Regular, "2022-01").await;
        let batch = office.pay_month("rural", "2022-01").await;
        let of = |place| match place {
            0 => Outcome::Failed("户名不符"),
            1 => Outcome::Pending,
            _ => Outcome::Paid,
        };
        office.answer(&batch, of).await;
        let ask = async |months: &str| {
            let asked = (month(months), month(months));
            let manager = office.who("manager");
            let report = report::timeliness(&office.app, manager, asked.0, asked.1);
            report.await.unwrap().json
        };
        let rate = |paid: i64, of: i64| json!({ "paid": paid, "attempted": of });
        let early = ask("2022-01").await;
        assert_eq!(early["runs"].as_array().unwrap().len(), 1, "{early}");
        assert_eq!(early["rate"], rate(2, 2));
        assert_eq!(early["released"], rate(4, 4));
        // Paid again in time.
        office.on("2022-01-07");
        let mut corrected = payees;
        corrected[0].account = acceptance::office::paper::account(900);
        office.roster("rural", "2022-01", &corrected).await;
        let again = office.pay_again("rural", "2022-01").await;
        office.answer(&again, |_| Outcome::Paid).await;
        assert_eq!(ask("2022-01").await["rate"], rate(3, 3));
        // Two days after the 10th: the run that nobody released counts with all its payments.
        office.on("2022-01-12");
        let late = ask("2022-01").await;
        assert_eq!(late["rate"], rate(3, 6));
        assert_eq!(late["released"], rate(4, 6));
        let runs = late["runs"].as_array().unwrap().iter();
        let mut days: Vec<_> = runs.map(|run| (&run["run"], &run["days_late"])).collect();
        days.sort_by_key(|(run, _)| run.as_i64());
        assert_eq!(days[0], (&json!(draft.unwrap().get()), &json!(2)));
        let other = ask("2022-05").await;
        assert_eq!(other["runs"], json!([]));
        assert_eq!(other["in_transit"][0]["payments"], 1);
        assert_eq!(other["in_transit"][0]["days"], 6);
        assert_eq!(other["in_transit"][0]["working_days"], 4);
        assert_eq!(other["in_transit_ages"][0]["items"], 1);
        let idle = report::idle(&office.app, office.who("manager"))
            .await
            .unwrap();
        assert!(
            idle.json["idle_ages"][1]["items"].as_i64() >= Some(0),
            "{}",
            idle.json
        );
    })
    .await;
}

/// Years later, pages that nobody tells a month open on the last one that has a run. A run that was
/// discarded does not count.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_choice_the_last_month_with_a_run_is_shown() {
    for_each_engine(async |url| {
        let office = busy(url).await;
        let wrong = office.create("rural", RunKind::Regular, "2023-05").await;
        let discard = office.act("maker", RunEvent::Discard, wrong.unwrap(), None);
        done(discard.await);
        let server = serving_on("2026-11-28", &office, url, &["manager"]).await;
        let mut manager = Browser::new(&server);
        let today = manager.sign_in("manager", PASSWORD, "").await;
        assert!(today.text.contains("2022-02"), "{}", today.text);
        for address in ["/dashboard", "/reports/success"] {
            let page = manager.get(address).await;
            for month in ["2022-01", "2022-02"] {
                let chosen = format!("value=\"{month}\"");
                assert!(page.text.contains(&chosen), "{address}: {}", page.text);
            }
            // Nine of the twelve first attempts that were answered arrived.
            assert!(page.text.contains("75.00"), "{address}: {}", page.text);
        }
        let annual = manager.get("/reports/annual").await;
        assert!(annual.text.contains("value=\"2022\""), "{}", annual.text);
    })
    .await;
}
