//! What pages say of the things on them: who is to be paid again, what a file would do before it is
//! taken in, what was refused and taken away, which vouchers there are, and who may do what.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::browser::{Answer, Browser, PASSWORD, serving};
use acceptance::for_each_engine;
use acceptance::office::Office;
use acceptance::office::paper::{self, Outcome, outcomes, people, write_return};
use api::app::audit;
use api::http::Server;
use axum::http::Method;
use ledger_store::run::RunKind;
use serde_json::Value;

async fn signed_in(server: &Server, login: &str) -> Browser {
    let mut browser = Browser::new(server);
    browser.sign_in(login, PASSWORD, "").await;
    browser
}

/// Everything that a page must say.
fn says(page: &Answer, texts: &[&str]) {
    for text in texts {
        assert!(
            page.text.contains(text),
            "{text} on {}: {}",
            page.address,
            page.text
        );
    }
}

/// The newest entry of the trail of this kind.
async fn newest(office: &Office, kind: &str) -> Value {
    let log = audit::log(&office.app, office.who("auditor"), 1, 100_000).await;
    let entries = log.unwrap().json["entries"].as_array().cloned().unwrap();
    let found = entries
        .into_iter()
        .rev()
        .find(|entry| entry["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}

/// Four urban payments, of which the first failed and one line is nobody's.
async fn answered(office: &Office) {
    office.roster("urban", "2022-01", &people(4)).await;
    let (_, files) = office.pay("urban", RunKind::Regular, "2022-01").await;
    let rows = outcomes(&files[0], |place| match place {
        0 => Outcome::Failed("账户已销户"),
        _ => Outcome::Paid,
    });
    let answer = write_return(&files[0], &rows);
    office.import("return.txt", &answer, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_to_be_paid_again_is_named_and_masked() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        answered(&office).await;
        let server = serving(&office, url, &["maker"]).await;
        let mut maker = signed_in(&server, "maker").await;
        let tail = paper::account(1);
        let tail = &tail[tail.len() - 4..];
        for page in [
            "/repay",
            "/repay?as=csv",
            "/payments?from=2022-01&to=2022-01&state=failed",
        ] {
            let page = maker.get(page).await;
            says(&page, &["西示例镇", "测*", tail, "2022-01"]);
            assert!(!page.text.contains("测试一") && !page.text.contains(&paper::account(1)));
        }
        // What the run waits for, and one form for all programs.
        let page = maker.get("/repay").await;
        says(&page, &["在名册里改正后导入", "导入退款所在的对账单"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_says_whether_it_was_checked_and_where_its_files_are() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(4)).await;
        let id = office
            .create("urban", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        let server = serving(&office, url, &["maker", "cashier"]).await;
        let mut maker = signed_in(&server, "maker").await;
        says(&maker.get("/runs/1").await, &["还没有校验"]);
        office.walk(id, 1).await;
        let page = maker.get("/runs/1").await;
        says(&page, &["已校验,没有发现"]);
        assert!(!page.text.contains("还没有校验"));
        office.walk(id, 5).await;
        let file = "/batches/B000001/file".to_owned();
        let page = maker.get("/runs/1").await;
        says(&page, &["待送银行", "B000001"]);
        assert!(!page.links().contains(&file), "the maker sends nothing");
        let mut cashier = signed_in(&server, "cashier").await;
        let page = cashier.get("/runs/1").await;
        assert!(page.links().contains(&file), "{}", page.text);
        let batch = &office.files(id).await[0];
        office.answer(batch, |_| Outcome::Paid).await;
        let page = cashier.get("/runs/1").await;
        says(&page, &["已回盘"]);
        assert!(!page.text.contains("待送银行"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_shown_with_what_it_would_change() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(4)).await;
        let (_, files) = office.pay("urban", RunKind::Regular, "2022-01").await;
        let mut rows = outcomes(&files[0], |_| Outcome::Paid);
        rows[1].0.key = "P99999999-1".to_owned();
        let answer = write_return(&files[0], &rows);
        let server = serving(&office, url, &["maker", "cashier"]).await;
        let mut cashier = signed_in(&server, "cashier").await;
        let page = cashier.get("/returns").await;
        let file = ("return.txt", answer.as_slice());
        let page = cashier.upload(&page, "/returns/preview", &[], file).await;
        says(
            &page,
            &[
                "导入前",
                "0.00 %",
                "导入后",
                "75.00 %",
                "没有答复的 2 行",
                "测*",
            ],
        );

        let mut maker = signed_in(&server, "maker").await;
        let page = maker.get("/rosters/import").await;
        let fields = [
            ("program", "urban"),
            ("month", "2022-02"),
            ("expect_ended", ""),
            ("trial", "1"),
        ];
        let mut less = people(5);
        less.remove(0);
        less[0].amount = less[0].amount.plus(less[0].amount).unwrap();
        let text = paper::roster(&less);
        let file = ("名册.csv", text.as_slice());
        let page = maker.upload(&page, "/rosters/import", &fields, file).await;
        says(
            &page,
            &["这份名册带来的变动", "新增", "退出", "提高", "变动合计"],
        );
        assert!(!page.text.contains("测试一"), "{}", page.text);
        let list = maker.get("/rosters/list?program=urban&month=2022-02").await;
        assert!(!list.text.contains("204.00"), "nothing was stored");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_people_than_are_listed_are_found_by_township() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(205)).await;
        let server = serving(&office, url, &["maker"]).await;
        let mut maker = signed_in(&server, "maker").await;
        let name = "%E6%B5%8B%E8%AF%95";
        says(
            &maker.get(&format!("/persons?name={name}")).await,
            &["还有更多"],
        );
        let town = "%E4%B8%9C%E7%A4%BA%E4%BE%8B%E9%95%87";
        let page = maker
            .get(&format!("/persons?name={name}&township={town}"))
            .await;
        assert!(!page.text.contains("还有更多"), "{}", page.text);
        assert!(!page.text.contains("西示例镇"));
    })
    .await;
}

/// An auditor asks what was refused and whose data was seen.
#[tokio::test(flavor = "multi_thread")]
async fn the_trail_says_what_was_asked_and_why_it_was_refused() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        answered(&office).await;
        let server = serving(&office, url, &["maker", "cashier", "auditor", "manager"]).await;
        let mut manager = signed_in(&server, "manager").await;
        let page = manager.get("/runs/1").await;
        let body = acceptance::browser::encoded(&[("proof", "forged"), ("key", "k")]).into_bytes();
        let form = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
        ];
        let to = "/runs/1/review";
        let refused = manager.send(Method::POST, to, &form, body).await;
        assert_eq!(refused.status, 403, "{}", page.address);
        let entry = newest(&office, "form.send.refused").await;
        assert_eq!(
            (&entry["user"], &entry["code"]),
            (&"manager".into(), &"AUTH-0014".into())
        );
        assert_eq!(entry["request"]["page"], "/runs/1/review");

        let mut cashier = signed_in(&server, "cashier").await;
        cashier.get("/batches/B000001/file").await;
        let entry = newest(&office, "batch.file").await;
        assert_eq!(
            (&entry["user"], &entry["request"]["batch"]),
            (&"cashier".into(), &"B000001".into())
        );
        cashier.get("/batches?as=csv&q=B").await;
        let entry = newest(&office, "file.export").await;
        assert_eq!(entry["request"]["page"], "/batches");
        assert_eq!(entry["request"]["query"], "as=csv q=B");

        let mut auditor = signed_in(&server, "auditor").await;
        let page = auditor.get("/audit?q=%E8%A2%AB%E6%8B%92").await;
        says(
            &page,
            &["提交表单(被拒)", "AUTH-0014", "/runs/1/review", "共 1 行"],
        );
        let one = page.links().into_iter().find(|link| {
            let number = link.strip_prefix("/audit/");
            number.is_some_and(|number| number.parse::<i64>().is_ok())
        });
        let page = auditor.get(&one.unwrap()).await;
        says(
            &page,
            &["AUTH-0014", "manager", "/runs/1/review", "2022-01-10 10:"],
        );
        assert_eq!(auditor.get("/audit/999999").await.status, 404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vouchers_are_listed_linked_and_added_up_by_account() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        answered(&office).await;
        let server = serving(&office, url, &["manager"]).await;
        let mut manager = signed_in(&server, "manager").await;
        let one = "/reports/voucher?month=2022-01&number=1".to_owned();
        let list = manager.get("/reports/vouchers?month=2022-01").await;
        says(&list, &["2022-01 记-0001"]);
        assert!(list.links().contains(&one), "{:?}", list.links());
        says(&manager.get(&one).await, &["记-0001"]);
        let balance = manager
            .get("/reports/trial-balance?from=2022-01&to=2022-01")
            .await;
        says(&balance, &["小计"]);
        let ledger = balance.links().into_iter();
        let mut ledger = ledger.filter(|link| link.starts_with("/reports/ledger?from=2022-01"));
        let ledger = manager.get(&ledger.next_back().unwrap()).await;
        let vouchers = ledger.links().into_iter();
        assert!(
            vouchers
                .filter(|link| link.starts_with("/reports/voucher?"))
                .count()
                > 0
        );
    })
    .await;
}

/// Roles change and a user comes back, by an administrator; not one's own roles.
#[tokio::test(flavor = "multi_thread")]
async fn roles_are_changed_and_users_enabled_again() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let server = serving(&office, url, &["admin", "maker"]).await;
        let mut admin = signed_in(&server, "admin").await;
        let page = admin.get("/people/maker").await;
        let page = admin.fill(&page, "/people/maker/disable", &[]).await;
        assert!(page.text.contains("notice done"), "{}", page.text);
        let page = admin.get("/people/maker").await;
        assert!(!page.offers("/people/maker/disable"));
        let page = admin.fill(&page, "/people/maker/enable", &[]).await;
        assert!(page.text.contains("notice done"), "{}", page.text);
        signed_in(&server, "maker").await;
        for (role, second, status) in [("maker", "cashier", 409), ("reviewer", "accountant", 200)] {
            let page = admin.get("/people/maker").await;
            let fields = [("role", role), ("role2", second)];
            let page = admin.fill(&page, "/people/maker/roles", &fields).await;
            let refused = page.status.as_u16() >= 400;
            assert_eq!(refused, status >= 400, "{role} {second}: {}", page.text);
        }
        assert_eq!(
            newest(&office, "user.roles").await["request"]["roles"],
            "reviewer,accountant"
        );
        newest(&office, "user.enable").await;
        assert!(
            !admin
                .get("/people/admin")
                .await
                .offers("/people/admin/roles")
        );
        // One's own session is marked and ends by signing out; the others are chosen from a list.
        let page = admin.get("/me").await;
        says(&page, &["当前会话"]);
        assert!(
            !page.offers("/me/sessions/end") || page.text.contains("<select id=\"field-session\"")
        );
    })
    .await;
}
