//! The pages without a browser: who comes in, what a foreign form can do, and a month by forms.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use acceptance::browser::{Answer, Browser, Field, PASSWORD, serving};
use acceptance::office::Office;
use acceptance::office::paper::{self, Outcome, outcomes, people, write_return};
use acceptance::{TestDb, for_each_engine, walk};
use api::app::session::{FAILURES_MAX, IDLE_MINUTES, LOCK_MINUTES};
use api::app::{audit, job, run};
use api::http::Server;
use axum::http::{Method, StatusCode};
use ledger::account::Chart;
use ledger::calendar::Moment;
use ledger::disbursement::role::Role;
use totp_rs::{Builder, Secret};

const MINUTE: i64 = 60_000_000;

async fn signed_in(server: &Server, login: &str) -> Browser {
    let mut browser = Browser::new(server);
    let answer = browser.sign_in(login, PASSWORD, "").await;
    assert_eq!(answer.status, StatusCode::OK, "{login}: {}", answer.text);
    assert!(
        !answer.address.starts_with("/login"),
        "{login}: {}",
        answer.address
    );
    browser
}

/// The kinds of the audit trail's entries from the newest back.
async fn trail(office: &Office) -> Vec<String> {
    let report = audit::log(&office.app, office.who("auditor"), 1, 100_000)
        .await
        .unwrap();
    let entries = report.json["entries"].as_array().unwrap().iter().rev();
    entries
        .map(|entry| entry["kind"].as_str().unwrap().to_owned())
        .collect()
}

/// A month until its run is released, by the pages alone.
async fn released(server: &Server, office: &Office) {
    office.roster("urban", "2022-01", &people(4)).await;
    let mut maker = signed_in(server, "maker").await;
    let page = maker.get("/runs?new=1").await;
    let fields = [
        ("program", "urban"),
        ("month", "2022-01"),
        ("kind", "regular"),
        ("first", ""),
    ];
    let page = maker.fill(&page, "/runs", &fields).await;
    assert!(
        page.address.starts_with("/runs/1?done="),
        "{}",
        page.address
    );
    let page = maker.fill(&page, "/runs/1/check", &[]).await;
    let page = maker.fill(&page, "/runs/1/submit", &[]).await;
    assert!(!page.offers("/runs/1/review"), "not the maker's step");
    for (login, step) in [
        ("reviewer", "review"),
        ("approver", "approve"),
        ("cashier", "release"),
    ] {
        let mut browser = signed_in(server, login).await;
        let page = browser.get("/runs/1").await;
        let action = format!("/runs/1/{step}");
        let page = browser.fill(&page, &action, &[("on", "")]).await;
        assert_eq!(page.status, StatusCode::OK, "{step}: {}", page.text);
        assert!(
            page.text.contains("notice done"),
            "{step} says what changed"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_by_four_people_and_the_next_persons_step_refused() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let logins = ["maker", "reviewer", "approver", "cashier", "accountant"];
        let server = serving(&office, url, &logins).await;
        released(&server, &office).await;
        let shown = run::show(&office.app, office.who("manager"), ledger::id::RunId(1)).await;
        assert_eq!(shown.unwrap().json["state"], "released");

        let mut maker = signed_in(&server, "maker").await;
        let page = maker.get("/runs/1").await;
        assert!(!page.offers("/runs/1/close"));
        let mut accountant = signed_in(&server, "accountant").await;
        let page = accountant.get("/returns").await;
        let files = office.files(ledger::id::RunId(1)).await;
        let rows = outcomes(&files[0], |place| match place {
            0 => Outcome::Failed("系统忙"),
            _ => Outcome::Paid,
        });
        let bytes = write_return(&files[0], &rows);
        let fields = [("batch", ""), ("profile", "")];
        let file = ("return.txt", bytes.as_slice());
        let page = accountant
            .upload(&page, "/returns/preview", &fields, file)
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let before = trail(&office).await.len();
        let page = accountant.fill(&page, "/returns/import", &fields).await;
        assert!(page.text.contains("notice done"), "{}", page.text);
        assert_eq!(
            trail(&office).await.len(),
            before + 1,
            "the preview changed nothing"
        );

        // From the failed payment to its re-pay draft: the list, the button, the draft.
        let list = maker.get("/repay").await;
        assert!(
            list.text.contains("系统忙") || list.text.contains("失败"),
            "{}",
            list.text
        );
        let shown = accountant.get("/runs/1").await;
        assert!(shown.offers("/runs/1/close"), "every attempt is answered");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_not_ones_own_is_refused_and_recorded() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["maker", "manager"]).await;
        office.roster("urban", "2022-01", &people(4)).await;
        let id = office
            .create("urban", ledger_store::run::RunKind::Regular, "2022-01")
            .await;
        let id = id.unwrap();
        office.walk(id, 2).await;
        for login in ["maker", "manager"] {
            let mut browser = signed_in(&server, login).await;
            // A form with a good proof for this address: as if the page had offered it.
            let seat = browser.get("/runs/1").await;
            assert!(!seat.offers("/runs/1/review"));
            let proof = proof_for(&browser, "/runs/1/review");
            let answer = browser
                .post("/runs/1/review", &[("proof", &proof), ("key", "k")])
                .await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{login}");
            assert!(answer.text.contains("AUTH-000"), "{login}: {}", answer.text);
            assert_eq!(trail(&office).await[0], "run.review.refused", "{login}");
        }
    })
    .await;
}

/// What the form to this address would show, made from the browser's own token.
fn proof_for(browser: &Browser, action: &str) -> String {
    let token = browser.cookie().split_once('=').unwrap().1;
    api::web::seat::proof(token, action)
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_forms_do_nothing() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["maker"]).await;
        office.roster("urban", "2022-01", &people(4)).await;
        let mut maker = signed_in(&server, "maker").await;
        let proof = proof_for(&maker, "/runs");
        let other = proof_for(&maker, "/recoveries");
        let body = |proof: &str| {
            let fields = [
                ("proof", proof),
                ("program", "urban"),
                ("month", "2022-01"),
                ("kind", "regular"),
            ];
            acceptance::browser::encoded(&fields).into_bytes()
        };
        let form = ("content-type", "application/x-www-form-urlencoded");
        let cases: [(&str, &[Field<'_>], StatusCode); 7] = [
            (
                "",
                &[form, ("sec-fetch-site", "same-origin")],
                StatusCode::FORBIDDEN,
            ),
            (
                &other,
                &[form, ("sec-fetch-site", "same-origin")],
                StatusCode::FORBIDDEN,
            ),
            (
                &proof,
                &[form, ("sec-fetch-site", "cross-site")],
                StatusCode::FORBIDDEN,
            ),
            (
                &proof,
                &[form, ("sec-fetch-site", "same-site")],
                StatusCode::FORBIDDEN,
            ),
            (
                &proof,
                &[form, ("origin", "http://evil.test")],
                StatusCode::FORBIDDEN,
            ),
            (&proof, &[form, ("origin", "null")], StatusCode::FORBIDDEN),
            (
                &proof,
                &[form, ("origin", "http://books.test")],
                StatusCode::SEE_OTHER,
            ),
        ];
        for (proof, headers, expected) in cases {
            let answer = maker
                .send(Method::POST, "/runs", headers, body(proof))
                .await;
            assert_eq!(answer.status, expected, "{headers:?}");
        }
        let runs = run::list(&office.app, office.who("manager")).await.unwrap();
        assert_eq!(runs.json["runs"].as_array().unwrap().len(), 1);
        let mut nobody = Browser::new(&server);
        let answer = nobody
            .send(Method::POST, "/runs", &[form], body(&proof))
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "sent to the log-in");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_equal_forms_at_once_are_one_command() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["maker"]).await;
        office.roster("urban", "2022-01", &people(4)).await;
        let mut maker = signed_in(&server, "maker").await;
        let page = maker.get("/runs?new=1").await;
        let fields = [
            ("program", "urban"),
            ("month", "2022-01"),
            ("kind", "regular"),
            ("first", ""),
        ];
        let (mut one, mut two) = (maker.clone(), maker.clone());
        let (first, second) = tokio::join!(
            one.fill(&page, "/runs", &fields),
            two.fill(&page, "/runs", &fields)
        );
        assert_eq!(first.address, second.address);
        assert!(first.address.starts_with("/runs/1?"), "{}", first.address);
        let runs = run::list(&office.app, office.who("manager")).await.unwrap();
        assert_eq!(runs.json["runs"].as_array().unwrap().len(), 1);
        let made = trail(&office)
            .await
            .into_iter()
            .filter(|kind| kind == "run.create");
        assert_eq!(made.count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn coming_in_locking_out_and_leaving() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["maker", "admin"]).await;
        let mut browser = Browser::new(&server);
        let answer = browser.get("/runs").await;
        assert_eq!(
            answer.address, "/login?to=%2Fruns",
            "somebody unknown signs in first"
        );
        for _ in 0..FAILURES_MAX {
            let answer = browser.sign_in("maker", "not the password", "").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
            assert!(answer.text.contains("value=\"maker\""), "the name stays");
            assert!(!answer.text.contains("not the password"));
        }
        assert_eq!(trail(&office).await[0], "sign-in.lock");
        let answer = browser.sign_in("maker", PASSWORD, "").await;
        assert_eq!(
            answer.status,
            StatusCode::TOO_MANY_REQUESTS,
            "also the right one"
        );
        assert!(answer.text.contains("AUTH-0010"), "{}", answer.text);
        let now = server.app.clock.now();
        server
            .app
            .clock
            .set(Moment(now.0 + (LOCK_MINUTES + 1) * MINUTE));
        let mut browser = signed_in(&server, "maker").await;
        assert_eq!(trail(&office).await[0], "session.begin");
        let cookie = browser.cookie().to_owned();
        // Idle, it has ended; the trail of what was done stays.
        let now = server.app.clock.now();
        server
            .app
            .clock
            .set(Moment(now.0 + (IDLE_MINUTES + 1) * MINUTE));
        assert!(browser.get("/runs").await.address.starts_with("/login"));
        let mut browser = signed_in(&server, "maker").await;
        assert_ne!(browser.cookie(), cookie);
        let page = browser.get("/").await;
        browser.fill(&page, "/logout", &[]).await;
        assert_eq!(trail(&office).await[0], "session.end");
        assert!(browser.get("/runs").await.address.starts_with("/login"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_from_an_administrator_is_changed_first() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["admin", "maker"]).await;
        let mut maker = signed_in(&server, "maker").await;
        let mut admin = signed_in(&server, "admin").await;
        let page = admin.get("/people/maker").await;
        let fields = [("password", "given by admin")];
        let page = admin.fill(&page, "/people/maker/password", &fields).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(
            maker.get("/runs").await.address.starts_with("/login"),
            "the session has ended"
        );
        let page = maker.sign_in("maker", "given by admin", "").await;
        assert_eq!(page.address, "/me/password");
        assert_eq!(maker.get("/runs").await.address, "/me/password");
        for (new, again, expected) in [
            ("short", "short", "AUTH-0007"),
            ("1234567890", "1234567890", "AUTH-0013"),
            ("given by admin", "given by admin", "AUTH-0013"),
            ("a better one", "another one!", "CMD-0003"),
        ] {
            let page = maker.get("/me/password").await;
            let fields = [("now", "given by admin"), ("new", new), ("again", again)];
            let page = maker.fill(&page, "/me/password", &fields).await;
            assert!(page.text.contains(expected), "{new}: {}", page.text);
            assert!(!page.text.contains(new), "no password comes back");
        }
        let page = maker.get("/me/password").await;
        let fields = [
            ("now", "given by admin"),
            ("new", "a better one"),
            ("again", "a better one"),
        ];
        let page = maker.fill(&page, "/me/password", &fields).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert_eq!(maker.get("/runs").await.address, "/runs");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_and_a_code_works_once() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["maker"]).await;
        let mut maker = signed_in(&server, "maker").await;
        let page = maker.get("/me").await;
        let page = maker.fill(&page, "/me/factor", &[]).await;
        let secret: Vec<&str> = page
            .text
            .split("<dd>")
            .nth(1)
            .unwrap()
            .split("</dd>")
            .collect();
        let secret = secret[0].replace(' ', "");
        let code = || {
            let secret = Secret::try_from_base32(&secret).unwrap();
            let totp = Builder::new().with_secret(secret).build().unwrap();
            let seconds = server.app.clock.now().0 / 1_000_000;
            totp.generate(u64::try_from(seconds).unwrap()).to_string()
        };
        let page = maker
            .fill(&page, "/me/factor/confirm", &[("code", &code())])
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        let mut other = Browser::new(&server);
        let used = code();
        for (code, expected) in [
            ("", "AUTH-0011"),
            ("000000", "AUTH-0012"),
            (&used, "AUTH-0012"),
        ] {
            let answer = other.sign_in("maker", PASSWORD, code).await;
            assert!(answer.text.contains(expected), "{code}: {}", answer.text);
        }
        let now = server.app.clock.now();
        server.app.clock.set(Moment(now.0 + MINUTE));
        let answer = other.sign_in("maker", PASSWORD, &code()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.address, "/");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_shown_and_nothing_typed_is_lost() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["maker"]).await;
        let mut maker = signed_in(&server, "maker").await;
        let page = maker.get("/funds").await;
        let fields = [
            ("document", "示例〔2022〕<9>号"),
            ("level", "county"),
            ("year", "2022"),
            ("program", "urban"),
            ("account", "icbc"),
            ("amount", "12.345"),
            ("received", "2022-01-05"),
        ];
        let page = maker.fill(&page, "/funds", &fields).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.text.contains("value=\"12.345\""), "{}", page.text);
        assert!(
            page.text.contains("示例〔2022〕&#60;9&#62;号"),
            "{}",
            page.text
        );
        assert!(page.text.contains("id=\"fault-amount\""));
        assert!(page.text.contains("href=\"#field-amount\""));

        // A roster with one wrong number: what, where, and nothing is taken in.
        let mut all = people(3);
        all[1].identity = "610881190001010000".to_owned();
        all[1].payee.1 = all[1].identity.clone();
        let bytes = paper::roster(&all);
        let page = maker.get("/rosters/import").await;
        let fields = [
            ("program", "urban"),
            ("month", "2022-01"),
            ("expect_ended", ""),
        ];
        let file = ("名册.csv", bytes.as_slice());
        let page = maker.upload(&page, "/rosters/import", &fields, file).await;
        assert!(page.text.contains("ROS-0002"), "{}", page.text);
        assert!(page.text.contains(">3<"), "the row is named: {}", page.text);
        assert!(!page.text.contains("610881190001010000"), "masked");
        let book = maker.fill(&page, "/rosters/marked", &[]).await;
        assert!(book.text.starts_with("PK"), "a workbook");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_masked_and_shown_for_a_reason_that_is_recorded() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["maker", "manager", "admin"]).await;
        let one = paper::person(1);
        office
            .roster("urban", "2022-01", std::slice::from_ref(&one))
            .await;
        let mut maker = signed_in(&server, "maker").await;
        let query = acceptance::browser::encoded(&[("name", one.name.as_str())]);
        let found = maker.get(&format!("/persons?{query}")).await;
        // The household comes first, then the person.
        let mut cards = found
            .links()
            .into_iter()
            .filter(|link| link.starts_with("/persons/"));
        let card = cards.next_back().unwrap();
        let page = maker.get(&card).await;
        for page in [&found, &page] {
            assert!(!page.text.contains(&one.identity) && !page.text.contains(&one.account));
        }
        let reveal = format!("{card}/reveal");
        let refused = maker.fill(&page, &reveal, &[("reason", " ")]).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(!refused.text.contains(&one.identity));
        let shown = maker
            .fill(&page, &reveal, &[("reason", "核对银行退票")])
            .await;
        assert!(shown.text.contains(&one.identity), "{}", shown.text);
        assert_eq!(shown.headers["cache-control"], "no-store");
        assert_eq!(trail(&office).await[0], "personal.reveal");
        let mut admin = signed_in(&server, "admin").await;
        for (browser, expected) in [
            (&mut admin, true),
            (&mut signed_in(&server, "manager").await, false),
        ] {
            let answer = browser.get(&card).await;
            assert_eq!(answer.status == StatusCode::FORBIDDEN, expected);
            let proof = proof_for(browser, &reveal);
            let fields = [("proof", proof.as_str()), ("key", "k2"), ("reason", "好奇")];
            let answer = browser.post(&reveal, &fields).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
            assert!(!answer.text.contains(&one.identity));
        }
    })
    .await;
}

/// Everything that somebody can reach without a script, and what came of it.
async fn crawled(browser: &mut Browser) -> BTreeMap<String, Answer> {
    let mut waiting: VecDeque<String> = VecDeque::from(["/".to_owned()]);
    let mut seen: BTreeMap<String, Answer> = BTreeMap::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    while let Some(address) = waiting.pop_front() {
        let plain = address.split('#').next().unwrap().to_owned();
        // Sorting shows the same again; paper needs a font, which the machine of a test may lack.
        let again = ["sort", "as=pdf", "/assets/"]
            .iter()
            .any(|part| plain.contains(part));
        if again || !known.insert(plain.clone()) {
            continue;
        }
        let answer = browser.get(&plain).await;
        waiting.extend(answer.links());
        seen.insert(plain, answer);
        assert!(seen.len() < 2000, "the pages have no end");
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_leads_somewhere_for_every_role() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let logins = [
            "maker",
            "reviewer",
            "approver",
            "cashier",
            "accountant",
            "auditor",
            "manager",
            "admin",
        ];
        let server = serving(&office, url, &logins).await;
        released(&server, &office).await;
        let mut pages = BTreeSet::new();
        for login in logins {
            let mut browser = signed_in(&server, login).await;
            let seen = crawled(&mut browser).await;
            for (address, answer) in &seen {
                assert_eq!(
                    answer.status,
                    StatusCode::OK,
                    "{login} {address}: {}",
                    answer.text
                );
                let policy = answer.headers["content-security-policy"].to_str().unwrap();
                assert!(
                    policy.starts_with("default-src 'none'; style-src 'self'"),
                    "{address}"
                );
                assert_eq!(answer.headers["x-frame-options"], "DENY", "{address}");
                assert!(!answer.text.contains(" style=\""), "{address}");
                assert!(!answer.text.contains(" onclick="), "{address}");
                let shown = address.split('?').next().unwrap();
                pages.insert(shown.to_owned());
            }
            let enough = if login == "admin" { 8 } else { 40 };
            assert!(seen.len() >= enough, "{login} reaches {}", seen.len());
        }
        for page in [
            "/runs/1",
            "/runs/1/lines",
            "/audit/verify",
            "/people",
            "/trace/payment/1",
        ] {
            assert!(pages.contains(page), "{page}: {pages:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calendars_packs_and_evidence_have_pages() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["maker", "auditor"]).await;
        let mut maker = signed_in(&server, "maker").await;
        let proof = proof_for(&maker, "/calendar");
        let fields = [("proof", proof.as_str()), ("key", "k"), ("shipped", "2022")];
        let page = maker.post("/calendar", &fields).await;
        assert!(page.text.contains("notice done"), "{}", page.text);
        assert_eq!(trail(&office).await[0], "calendar.import");
        let page = maker.get("/calendar?year=2022").await;
        assert!(page.text.contains("2022-10-01"), "{}", page.text);

        let page = maker.get("/policy/packs").await;
        let pack = [("pack", "shenmu-2022"), ("account", "icbc"), ("month", "")];
        let page = maker.fill(&page, "/policy/preview", &pack).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        assert!(page.offers("/policy/import"));
        assert_eq!(
            trail(&office).await[0],
            "calendar.import",
            "a preview changes nothing"
        );

        let mut auditor = signed_in(&server, "auditor").await;
        let page = auditor.get("/audit/evidence").await;
        let page = auditor.fill(&page, "/audit/evidence", &[]).await;
        assert!(
            page.address.starts_with("/jobs/1?done="),
            "{}",
            page.address
        );
        let page = auditor.fill(&page, "/jobs/1/cancel", &[]).await;
        assert!(page.text.contains("已取消"), "{}", page.text);
        assert_eq!(trail(&office).await[0], "job.cancel");
        let list = maker.get("/jobs").await;
        assert!(list.text.contains("导出审计证据"), "{}", list.text);
        assert!(
            !list.text.contains("href=\"/jobs/1\""),
            "not the maker's to see"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_languages_are_kept_by_the_session() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["maker"]).await;
        let mut maker = signed_in(&server, "maker").await;
        let page = maker.get("/runs").await;
        assert!(page.text.contains("<html lang=\"zh-CN\">"));
        let page = maker.fill(&page, "/language", &[("language", "en")]).await;
        assert_eq!(page.address, "/runs");
        assert!(page.text.contains("<html lang=\"en\">") && page.text.contains("Create a run"));
        assert!(maker.get("/exceptions").await.text.contains("Exceptions"));
    })
    .await;
}

/// A large roster does not keep its officer waiting: it becomes a job, whose page says how far it
/// is and asks for itself again until it is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_taken_in_as_a_job() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["maker"]).await;
        let mut maker = signed_in(&server, "maker").await;
        let page = maker.get("/rosters/import").await;
        let mut bytes = paper::roster(&people(4));
        bytes.extend(b"\r\n".repeat(600_000));
        let fields = [
            ("program", "urban"),
            ("month", "2022-01"),
            ("expect_ended", ""),
        ];
        let file = ("large.csv", bytes.as_slice());
        let page = maker.upload(&page, "/rosters/import", &fields, file).await;
        assert!(
            page.address.starts_with("/jobs/1?done="),
            "{}",
            page.address
        );
        assert!(
            page.text.contains("http-equiv=\"refresh\""),
            "{}",
            page.text
        );
        let (_keep, mut stop) = tokio::sync::watch::channel(false);
        while job::work_once(&server.app, "w", &mut stop).await.unwrap() {}
        let page = maker.get("/jobs/1").await;
        assert!(
            !page.text.contains("http-equiv"),
            "it is over: {}",
            page.text
        );
        let list = maker.get("/rosters/list?program=urban&month=2022-01").await;
        assert_eq!(list.text.matches("/persons/").count(), 4, "{}", list.text);
        let kinds = trail(&office).await;
        assert_eq!(kinds[..2], ["roster.import", "job.add"]);
    })
    .await;
}

/// What people, places, programs, letters and banks of this office are called, what a bank wrote,
/// and the button that speaks the other language.
const DATA: [&str; 23] = [
    "示例〔2022〕1号",
    "测试县民政局",
    "农村低保",
    "城市低保",
    "低保金",
    "县示例",
    "省示例",
    "示例银行",
    "西支行",
    "测试支行",
    "东示例镇",
    "西示例镇",
    "南示例乡",
    "示例村",
    "示例核定",
    "示例",
    "测试",
    "测",
    "系统忙",
    "金额有误",
    "银行误列",
    "中文",
    "记-",
];
/// How texts begin that the books keep as they were written: summaries of vouchers and lines, what
/// stands against a line of a file, and the headings of the workbook that a sentence names.
const KEPT: [&str; 15] = [
    "计提 ",
    "代发 ",
    "回盘 ",
    "收到",
    "批内没有:",
    "2022-01-04 ",
    "A row with something new",
    "追缴",
    "rural 5 ",
    // What was asked and taken away, as the trail keeps it: documents, and files by their names.
    "days 5; document ",
    "file ",
    // Of a statement: its voucher, a movement's words, and what became of it.
    "对账单 ",
    "差异 ",
    "不明来款",
    "往来",
];
/// Pages that show what published reports call their items.
const PUBLISHED: [&str; 2] = ["/reports/annual", "/policy/packs"];

/// What a page says in Chinese, piece by piece, without what is data, names of the chart of
/// accounts, amounts in words, and roles and numbers of people.
fn chinese_of(text: &str) -> Vec<String> {
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let in_words = "零壹贰叁肆伍陆柒捌玖拾佰仟万亿元角分整";
    let numerals = "一二三四五六七八九十〇";
    let mut accounts: Vec<&str> = Chart::ALL.iter().map(|chart| chart.name()).collect();
    // Some names begin with another one.
    accounts.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let people = Role::ALL.iter().map(|role| role.name());
    let people: Vec<String> = people.map(|name| format!("示例{name}")).collect();
    let mut found = Vec::new();
    for piece in text.split(['<', '>', '"']) {
        let piece = piece.trim();
        if KEPT.iter().any(|begin| piece.starts_with(begin)) {
            continue;
        }
        let mut left = piece.to_owned();
        for known in people
            .iter()
            .map(String::as_str)
            .chain(accounts.iter().copied())
        {
            left = left.replace(known, "");
        }
        for known in DATA {
            left = left.replace(known, "");
        }
        left.retain(|c| is_chinese(c) && !in_words.contains(c) && !numerals.contains(c));
        if !left.is_empty() {
            found.push(piece.to_owned());
        }
    }
    found
}

/// An English page is English but for data.
#[tokio::test(flavor = "multi_thread")]
async fn english_pages_are_english() {
    let database = TestDb::sqlite();
    let office = walk::busy(database.url()).await;
    let logins = ["maker", "accountant", "auditor", "admin"];
    let server = serving(&office, database.url(), &logins).await;
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for login in logins {
        for (address, answer) in walk::walked(&server, login, "en").await {
            let is_published = PUBLISHED.iter().any(|page| address.starts_with(page));
            if walk::is_page(&answer) && !is_published {
                for text in chinese_of(&answer.text) {
                    found.entry(text).or_insert(address.clone());
                }
            }
        }
    }
    let list: Vec<String> = found
        .iter()
        .map(|(text, address)| format!("{text} on {address}"))
        .collect();
    assert!(list.is_empty(), "{}", list.join("\n"));
}

/// What a Chinese page says in a cell, a head, a label, a choice or a notice that is nothing but a
/// word of ours in Latin letters: `regular`, `urban-dibao`. What offices call their own (codes,
/// logins, files) stands in columns that show just that, and is not looked at.
fn codes_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in text.split('>').skip(1) {
        let piece = piece.split('<').next().unwrap_or_default().trim();
        let is_word = piece.len() > 1
            && piece.starts_with(|c: char| c.is_ascii_lowercase())
            && piece
                .chars()
                .all(|c| c.is_ascii_lowercase() || "-. ".contains(c));
        if is_word && !CODES.contains(&piece) {
            found.push(piece.to_owned());
        }
    }
    found
}

/// Codes and logins that this office has given, endings of files, keys of the keyboard.
const CODES: [&str; 22] = [
    "accountant",
    "admin",
    "approver",
    "auditor",
    "bootstrap",
    "cashier",
    "csv",
    "icbc",
    "living",
    "maker",
    "manager",
    "orphan",
    "pdf",
    "return.txt",
    "reviewer",
    "rural",
    "urban",
    "wal",
    "xlsx",
    "huimin",
    "sqlite",
    "postgres",
];
/// Pages with a column of codes that are meant: those that a bank's words are taught by, packs, and
/// the items of published reports, and what an entry of the trail holds, as it is sealed.
const CODED: [&str; 4] = ["/reasons", "/policy/packs", "/reports/annual", "/audit/"];

/// A Chinese page is Chinese but for what the office calls its own.
#[tokio::test(flavor = "multi_thread")]
async fn chinese_pages_name_things_and_show_no_codes() {
    let database = TestDb::sqlite();
    let office = walk::busy(database.url()).await;
    let logins = ["maker", "accountant", "auditor", "admin"];
    let server = serving(&office, database.url(), &logins).await;
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for login in logins {
        for (address, answer) in walk::walked(&server, login, "zh").await {
            let is_coded = CODED.iter().any(|page| address.starts_with(page));
            if walk::is_page(&answer) && !is_coded {
                for text in codes_of(&answer.text) {
                    found.entry(text).or_insert(address.clone());
                }
            }
        }
    }
    let list = found
        .iter()
        .map(|(text, address)| format!("{text} on {address}"));
    let list: Vec<String> = list.collect();
    assert!(list.is_empty(), "{}", list.join("\n"));
}

/// Two officers at the same moment, each on a page of their own: the same release, the same return
/// file, the same decision. One of them is told what the other did, and there is one effect.
#[tokio::test(flavor = "multi_thread")]
async fn two_officers_at_once_have_one_effect() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let logins = ["maker", "reviewer", "cashier", "cashier2", "accountant"];
        let server = serving(&office, url, &logins).await;
        office.roster("urban", "2022-01", &people(4)).await;
        let id = office
            .create("urban", ledger_store::run::RunKind::Regular, "2022-01")
            .await
            .unwrap();
        office.walk(id, 4).await;
        let both = async |logins: [&str; 2], page: &str, action: &str, fields: &[Field<'_>]| {
            let (mut one, mut two) = (
                signed_in(&server, logins[0]).await,
                signed_in(&server, logins[1]).await,
            );
            let (first, second) = (one.get(page).await, two.get(page).await);
            let told = tokio::join!(
                one.fill(&first, action, fields),
                two.fill(&second, action, fields)
            );
            let mut statuses = [told.0.status.as_u16(), told.1.status.as_u16()];
            statuses.sort_unstable();
            assert_eq!(
                statuses,
                [200, 409],
                "{action}: {} {}",
                told.0.text,
                told.1.text
            );
        };
        let release = "/runs/1/release";
        both(["cashier", "cashier2"], "/runs/1", release, &[("on", "")]).await;
        let files = office.files(id).await;
        assert_eq!(files.len(), 1);
        let mut rows = outcomes(&files[0], |_| Outcome::Paid);
        rows[1].0.key = "P99999999-1".to_owned();
        let bytes = write_return(&files[0], &rows);
        let file = ("return.txt", bytes.as_slice());
        let mut statuses = Vec::new();
        let (mut one, mut two) = (
            signed_in(&server, "cashier").await,
            signed_in(&server, "accountant").await,
        );
        let (first, second) = (one.get("/returns").await, two.get("/returns").await);
        let fields = [("batch", ""), ("profile", "")];
        let previews = tokio::join!(
            one.upload(&first, "/returns/preview", &fields, file),
            two.upload(&second, "/returns/preview", &fields, file)
        );
        let told = tokio::join!(
            one.fill(&previews.0, "/returns/import", &fields),
            two.fill(&previews.1, "/returns/import", &fields)
        );
        statuses.extend([told.0.status.as_u16(), told.1.status.as_u16()]);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", told.0.text, told.1.text);
        assert_eq!(office.count("select count(*) from return_file").await, 1);

        let (page, propose) = ("/exceptions/1", "/exceptions/1/propose");
        let decision = [("resolution", "ignore"), ("note", "银行误列")];
        let mut maker = signed_in(&server, "maker").await;
        let open = maker.get(page).await;
        let proposed = maker.fill(&open, propose, &decision).await;
        assert_eq!(proposed.status, StatusCode::OK, "{}", proposed.text);
        let confirm = "/exceptions/1/confirm";
        both(["reviewer", "accountant"], page, confirm, &[]).await;
        let settled = "select count(*) from exception_event where state = 'settled'";
        assert_eq!(office.count(settled).await, 1);
        let kinds = trail(&office).await;
        for kind in ["run.release", "return.import", "exception.confirm"] {
            assert_eq!(kinds.iter().filter(|one| *one == kind).count(), 1, "{kind}");
        }
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_file_is_looked_at_and_nothing_is_taken_in() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(2)).await;
        let batch = office.pay_month("urban", "2022-01").await;
        let rows = outcomes(&batch, |_| Outcome::Failed("系统忙"));
        let sound = write_return(&batch, &rows);
        let server = serving(&office, url, &["auditor"]).await;
        let mut auditor = signed_in(&server, "auditor").await;
        assert!(auditor.get("/returns").await.text.contains("/bank-files"));
        let page = auditor.get("/bank-files").await;
        let before = trail(&office).await.len();
        let files = office.count("select count(*) from stored_file").await;
        let name = batch.lines[0].name.clone();
        let shown = auditor
            .upload(&page, "/bank-files", &[("profile", "")], ("r.txt", &sound))
            .await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
        assert!(shown.text.contains("icbc-return") && shown.text.contains("系统忙"));
        let open = [name.as_str(), batch.lines[0].account.as_str()];
        assert!(
            open.iter().all(|one| !shown.text.contains(one)),
            "{}",
            shown.text
        );
        // A fault at its line and column, in the words of the layout.
        let text = encoding_rs::GB18030
            .decode(&sound)
            .0
            .replacen("101.00元", "一百元", 1);
        let faulty = encoding_rs::GB18030.encode(&text).0.into_owned();
        let fields = [("profile", "icbc-return")];
        let shown = auditor
            .upload(&page, "/bank-files", &fields, ("r.txt", &faulty))
            .await;
        assert!(shown.text.contains("BNK-0142"), "{}", shown.text);
        assert!(shown.text.contains("金额"), "{}", shown.text);
        let odd = auditor
            .upload(&page, "/bank-files", &[("profile", "")], ("x", b"?"))
            .await;
        assert!(odd.status.is_client_error(), "{}", odd.text);
        assert_eq!(trail(&office).await.len(), before, "nothing was taken in");
        assert_eq!(
            office.count("select count(*) from stored_file").await,
            files
        );
    })
    .await;
}
