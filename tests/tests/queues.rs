//! What waits, as the pages list it: every row is reached, counted and found, and whoever may act
//! on it sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use acceptance::browser::{Browser, PASSWORD, serving};
use acceptance::office::paper::{Outcome, movement, outcomes, people, write_return};
use acceptance::office::{Office, done};
use acceptance::{for_each_engine, walk};
use api::app::exception;
use api::app::proposal::{self, Change};
use api::http::Server;
use ledger::id::{ExceptionId, PaymentId};
use ledger_store::run::RunKind;

/// An office with so many differences: movements that nobody knows.
async fn with_differences(url: &str, count: i64) -> Office {
    let office = Office::funded(url).await;
    let mut odd = vec![
        movement("2022-01-05", 150_000, "省示例1"),
        movement("2022-01-05", 300_000, "县示例1"),
    ];
    odd.extend((1..=count).map(|n| movement("2022-01-06", 700 + n, format!("不明{n:03}"))));
    let days = ("2022-01-01", "2022-01-31");
    office.statement("icbc", days, &odd).await;
    office
}

/// The addresses on a page that lead to one difference each.
fn listed(links: Vec<String>) -> BTreeSet<String> {
    let is_one = |link: &String| {
        let number = link.strip_prefix("/exceptions/");
        number.is_some_and(|number| number.parse::<i64>().is_ok())
    };
    links.into_iter().filter(is_one).collect()
}

/// Once the grid drew 100 of the 200 rows that were read, and the rest was on no page; the filter
/// saw only those, and the count was theirs.
#[tokio::test(flavor = "multi_thread")]
async fn every_difference_is_on_a_page_and_found() {
    for_each_engine(async |url| {
        let office = with_differences(url, 205).await;
        let id = ExceptionId(204);
        let maker = office.who("maker");
        let propose = exception::propose(&office.app, maker, id, "suspense", "已查明", None);
        done(propose.await);
        let server = serving(&office, url, &["maker"]).await;
        let mut browser = Browser::new(&server);
        browser.sign_in("maker", PASSWORD, "").await;
        let (mut all, mut to) = (BTreeSet::new(), "/exceptions".to_owned());
        for (rows, count) in [
            (100, "第 1–100 行"),
            (100, "第 101–200 行"),
            (5, "第 201–205 行"),
        ] {
            let page = browser.get(&to).await;
            assert!(page.text.contains(count), "{count}: {}", page.text);
            assert!(page.text.contains("共 205 行"), "{}", page.text);
            let here = listed(page.links());
            assert_eq!(here.len(), rows, "{to}");
            all.extend(here);
            let next = page
                .links()
                .into_iter()
                .find(|link| link.starts_with("/exceptions?") && link.contains("place="));
            to = next.unwrap_or_default();
        }
        assert_eq!(all.len(), 205);
        for (query, found) in [
            ("q=%E4%B8%8D%E6%98%8E", 100),
            ("q=proposed", 1),
            ("q=%E5%BE%85%E7%A1%AE%E8%AE%A4", 1),
            ("q=205", 1),
            ("q=no+such+thing", 0),
            ("q=%25", 0),
        ] {
            let page = browser.get(&format!("/exceptions?{query}")).await;
            assert_eq!(listed(page.links()).len(), found, "{query}: {}", page.text);
        }
        let csv = browser.get("/exceptions?as=csv").await;
        assert_eq!(
            csv.text
                .lines()
                .filter(|line| line.contains("不明"))
                .count(),
            205
        );
    })
    .await;
}

async fn signed_in(server: &Server, login: &str) -> Browser {
    let mut browser = Browser::new(server);
    browser.sign_in(login, PASSWORD, "").await;
    browser
}

/// The part of a first page under a heading.
fn under<'a>(page: &'a str, heading: &str) -> &'a str {
    let part = page
        .split(&format!("<h2>{heading}</h2>"))
        .nth(1)
        .unwrap_or_default();
    part.split("<h2>").next().unwrap()
}

const MINE: &str = "等我办理";
const PROPOSED: &str = "您已提出,等另一人确认";

/// Once a proposal was on no first page, and whoever was to confirm it had to be told its number.
#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_waits_on_the_first_page_of_the_other_person() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(4)).await;
        let (_, files) = office.pay("urban", RunKind::Regular, "2022-01").await;
        let rows = outcomes(&files[0], |place| match place {
            0 => Outcome::Failed("系统忙"),
            _ => Outcome::Paid,
        });
        let answer = write_return(&files[0], &rows);
        done(office.import("return.txt", &answer, None).await);
        let cancel = Change::Cancel(PaymentId(1), "已死亡".to_owned());
        let maker = office.who("maker");
        for _ in 0..2 {
            done(proposal::propose(&office.app, maker, &cancel, None).await);
        }
        let server = serving(&office, url, &["maker", "reviewer", "auditor"]).await;
        let mut maker = signed_in(&server, "maker").await;
        let page = maker.get("/").await;
        assert!(
            !under(&page.text, MINE).contains("/proposals/"),
            "{}",
            page.text
        );
        assert!(
            under(&page.text, PROPOSED).contains("/proposals/1"),
            "{}",
            page.text
        );
        let page = maker.get("/proposals/1").await;
        assert!(!page.offers("/proposals/1/confirm") && page.text.contains("这是您提出的"));
        for told in ["/repay", "/trace/payment/1"] {
            let page = maker.get(told).await;
            assert!(page.links().contains(&"/proposals/1".to_owned()), "{told}");
        }
        let mut auditor = signed_in(&server, "auditor").await;
        assert!(!auditor.get("/").await.text.contains("/proposals/"));
        let page = auditor.get("/proposals/1").await;
        assert!(!page.offers("/proposals/1/confirm") && !page.offers("/proposals/1/reject"));

        let mut reviewer = signed_in(&server, "reviewer").await;
        let page = reviewer.get("/").await;
        assert!(
            under(&page.text, MINE).contains("/proposals/2"),
            "{}",
            page.text
        );
        let page = reviewer.get("/proposals/2").await;
        let reason = [("reason", "重复提出")];
        let page = reviewer.fill(&page, "/proposals/2/reject", &reason).await;
        assert!(page.text.contains("notice done"), "{}", page.text);
        let page = reviewer.get("/proposals/1").await;
        let page = reviewer.fill(&page, "/proposals/1/confirm", &[]).await;
        assert!(page.text.contains("notice done"), "{}", page.text);
        assert!(!page.offers("/proposals/1/confirm"));
        assert!(!reviewer.get("/").await.text.contains("/proposals/"));
    })
    .await;
}

/// What one has proposed oneself is no task of one's own; and a write-off can be refused.
#[tokio::test(flavor = "multi_thread")]
async fn differences_and_recoveries_wait_for_another_person() {
    for_each_engine(async |url| {
        let office = walk::busy(url).await;
        let (app, by) = (&office.app, office.who("maker"));
        let open = exception::list(app, by, true, exception::Page::FIRST).await;
        let id = open.unwrap().json["exceptions"][0]["exception"]
            .as_i64()
            .unwrap();
        done(exception::propose(app, by, ExceptionId(id), "ignore", "银行误列", None).await);
        let server = serving(&office, url, &["maker", "reviewer"]).await;
        let (mut maker, mut reviewer) = (
            signed_in(&server, "maker").await,
            signed_in(&server, "reviewer").await,
        );
        let waits = "1 项差异等待另一人确认";
        let page = maker.get("/").await;
        assert!(!under(&page.text, MINE).contains(waits), "{}", page.text);
        assert!(under(&page.text, PROPOSED).contains(waits), "{}", page.text);
        let one = format!("/exceptions/{id}");
        assert!(!maker.get(&one).await.offers(&format!("{one}/confirm")));
        let page = reviewer.get("/").await;
        assert!(under(&page.text, MINE).contains(waits), "{}", page.text);
        assert!(reviewer.get(&one).await.offers(&format!("{one}/confirm")));

        let number = page
            .links()
            .into_iter()
            .find(|link| link.starts_with("/recoveries/"));
        let recovery = number.expect("a recovery to be confirmed");
        assert!(under(&maker.get("/").await.text, PROPOSED).contains(&recovery));
        let step = |step: &str| format!("{recovery}/{step}");
        assert!(!maker.get(&recovery).await.offers(&step("confirm")));
        for (is_reviewer, act, reason) in [
            (true, "confirm", ""),
            (false, "write-off", "查无下落"),
            (true, "reject", "继续追缴"),
            (false, "write-off", "已死亡"),
            (true, "confirm-write-off", ""),
        ] {
            let browser = if is_reviewer {
                &mut reviewer
            } else {
                &mut maker
            };
            let page = browser.get(&recovery).await;
            let page = browser.fill(&page, &step(act), &[("reason", reason)]).await;
            assert!(page.text.contains("notice done"), "{act}: {}", page.text);
        }
    })
    .await;
}

/// Once the language changed on the answer to a form led to 405: where only forms are sent to, a
/// browser that comes by itself is led to the page of the form.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_form_is_left_for_its_page() {
    for_each_engine(async |url| {
        let office = walk::busy(url).await;
        let server = serving(&office, url, &["cashier"]).await;
        let mut cashier = signed_in(&server, "cashier").await;
        let page = cashier.get("/returns").await;
        let file = ("return.txt", b"no return".as_slice());
        let refused = cashier.upload(&page, "/returns/preview", &[], file).await;
        assert!(refused.status.is_client_error(), "{}", refused.text);
        let speaks = [("language", "en"), ("to", "/returns/preview")];
        let page = cashier.fill(&refused, "/language", &speaks).await;
        assert_eq!(
            (page.status.as_u16(), page.address.as_str()),
            (200, "/returns")
        );
        for (to, page) in [
            ("/runs/1/review", "/runs/1"),
            ("/exceptions/several", "/exceptions"),
            ("/recoveries/confirm", "/recoveries"),
            ("/me/factor/confirm", "/me"),
            ("/settings/limit", "/settings"),
        ] {
            assert_eq!(cashier.get(to).await.address, page, "{to}");
        }
    })
    .await;
}
