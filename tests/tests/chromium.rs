//! The pages in a real browser: a month by four people, by mouse and by keyboard alone; the next
//! person's step; every page without scripts, and nothing asked of anybody else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod crawl;
mod keyboard;

use std::io::Cursor;

use acceptance::browser::{PASSWORD, serving};
use acceptance::chromium::{Chromium, Site, Window};
use acceptance::for_each_engine;
use acceptance::office::paper::{
    self, BatchFile, Movement, Outcome, Person, movement, outcomes, people, read_batch,
    write_return, write_statement,
};
use acceptance::office::{Office, day};
use acceptance::program::Huimin;
use acceptance::rest::{Ask, Rest};
use api::app::clock::moment_at;
use api::app::{exception, period, run};
use api::http::Server;
use api::web::seat::proof;
use calamine::{Reader, Xlsx};
use fantoccini::wd::{PrintConfiguration, PrintConfigurationBuilder};
use ledger::disbursement::role::Role;
use ledger::id::RunId;
use serde_json::json;
use tempfile::TempDir;

/// 101 to 104 yuan.
const MONTH: i64 = 41_000;
/// The first of them, whose payment fails.
const FIRST: i64 = 10_100;
/// The four people, and who keeps the books beside reviewing.
const FOUR: [&str; 4] = ["maker", "reviewer", "approver", "cashier"];

/// An office of four, its server, and a browser that they share.
struct Desk {
    office: Office,
    server: Server,
    site: Site,
    chromium: Chromium,
    files: TempDir,
}

impl Desk {
    async fn open(url: &str) -> Desk {
        let mut office = Office::funded(url).await;
        // 出纳不得兼任账目的登记工作; the reviewer may.
        let both = [Role::Reviewer, Role::Accountant];
        office.give("reviewer", &both).await;
        let server = serving(&office, url, &FOUR).await;
        Desk {
            site: Site::open(&server),
            chromium: Chromium::start(),
            files: tempfile::tempdir().unwrap(),
            office,
            server,
        }
    }

    async fn window(&self) -> Window {
        self.chromium.window(&self.site).await
    }

    /// A file on the disk of the person at the browser.
    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.files.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    fn on(&self, date: &str) {
        let clock = &self.server.app.clock;
        clock.set(moment_at(day(date), 10, 0));
    }

    async fn state(&self, run: i64) -> String {
        let shown = run::show(&self.office.app, self.office.who("manager"), RunId(run)).await;
        shown.unwrap().json["state"].as_str().unwrap().to_owned()
    }
}

/// A roster as a workbook of text cells.
fn workbook(people: &[Person]) -> Vec<u8> {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    let text = String::from_utf8(paper::roster(people)).unwrap();
    for (row, line) in (0..).zip(text.lines()) {
        for (column, cell) in (0..).zip(line.split(',')) {
            sheet.write_string(row, column, cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}

/// The same with one wrong number.
fn faulty(people: &[Person]) -> Vec<u8> {
    let mut people = people.to_vec();
    let wrong = "610881190001010000";
    people[1].identity = wrong.to_owned();
    people[1].payee.1 = wrong.to_owned();
    workbook(&people)
}

/// What the bank answers: the first line failed; when it errs, a line is nobody's.
fn first_answer(batch: &BatchFile, errs: bool) -> Vec<u8> {
    let mut rows = outcomes(batch, |place| match place {
        0 => Outcome::Failed("系统忙"),
        _ => Outcome::Paid,
    });
    if errs {
        rows[2].0.key = "P99999999-1".to_owned();
    }
    write_return(batch, &rows)
}

fn statement_of(account: &str, days: (&str, &str), opening: i64, seen: &[Movement]) -> Vec<u8> {
    write_statement(account, days, opening, seen)
}

const URBAN: &str = "2600000000000000001";
const RURAL: &str = "2600000000000000002";

/// The urban account until the money of the failed payment is back.
fn first_half() -> Vec<u8> {
    let seen = [
        movement("2022-01-05", 150_000, "省示例1"),
        movement("2022-01-05", 300_000, "县示例1"),
        movement("2022-01-10", -MONTH, "代发 B000001"),
        movement("2022-01-13", FIRST, "退回 P1-1"),
    ];
    statement_of(URBAN, ("2022-01-01", "2022-01-15"), 0, &seen)
}

/// The rest of the month, in which it goes out again.
fn second_half() -> Vec<u8> {
    let opening = 450_000 - MONTH + FIRST;
    let seen = [movement("2022-01-20", -FIRST, "代发 B000002")];
    statement_of(URBAN, ("2022-01-16", "2022-01-31"), opening, &seen)
}

/// The rural account, on which nothing but its money came.
fn rural() -> Vec<u8> {
    let seen = [movement("2022-01-05", 200_000_000, "县示例2")];
    statement_of(RURAL, ("2022-01-01", "2022-01-31"), 0, &seen)
}

/// A faulty workbook: nothing is taken, each fault is marked, and the mended one is taken in.
async fn rosters(desk: &Desk, window: &Window) {
    let people = people(4);
    window.sign_in("maker").await;
    window.follow("nav a[href=\"/rosters\"]").await;
    window.follow("main a[href=\"/rosters/import\"]").await;
    window.choose("#field-program", "urban").await;
    let file = desk.file("名册.xlsx", &faulty(&people));
    window.fill("#field-file", &file).await;
    window.press("/rosters/import").await;
    let text = window.text().await;
    assert!(text.contains("ROS-0002"), "{text}");
    assert!(!text.contains(&people[0].identity), "numbers are masked");
    window.fetch("/rosters/marked").await;
    let (name, bytes) = window.downloaded().await;
    assert_eq!(name, "名册-标注.xlsx");
    let mut marked = Xlsx::new(Cursor::new(bytes)).unwrap();
    let (_, list) = marked.worksheets().pop().unwrap();
    let said = list.get_value((1, 2)).map(ToString::to_string);
    assert_eq!(
        said.as_deref(),
        Some("3"),
        "the fault is listed with its row"
    );

    let file = desk.file("名册-改.xlsx", &workbook(&people));
    window.fill("#field-file", &file).await;
    window.press("/rosters/import").await;
    let text = window.text().await;
    assert!(text.contains("只是检查"), "{text}");
    assert!(
        !window.has("main input[type=file][required]").await,
        "it is kept"
    );
    window.press("/rosters/import").await;
    assert!(
        window.address().await.starts_with("/rosters?done="),
        "{}",
        window.text().await
    );
}

/// A draft is walked through four people; gives the number of its file.
async fn walked(desk: &Desk, window: &Window, run: i64) -> BatchFile {
    let page = format!("/runs/{run}");
    for step in ["check", "submit"] {
        window.press(&format!("{page}/{step}")).await;
    }
    window.sign_out().await;
    for (login, step) in [
        ("reviewer", "review"),
        ("approver", "approve"),
        ("cashier", "release"),
    ] {
        window.sign_in(login).await;
        // What waits for somebody stands on the first page.
        window.follow(&format!("main a[href=\"{page}\"]")).await;
        window.press(&format!("{page}/{step}")).await;
        assert!(
            window.has(".notice.done").await,
            "{step}: {}",
            window.text().await
        );
        if login != "cashier" {
            window.sign_out().await;
        }
    }
    assert_eq!(desk.state(run).await, "released");
    let number = format!("B{run:06}");
    assert!(window.text().await.contains("待送银行"));
    window
        .click(&format!("main a[href=\"/batches/{number}/file\"]"))
        .await;
    let (_, bytes) = window.downloaded().await;
    read_batch(&number, &bytes)
}

/// The cashier sends what the bank answered: looked at, then taken in without choosing it again.
async fn answered(desk: &Desk, window: &Window, name: &str, bytes: &[u8]) {
    window.follow("nav a[href=\"/returns\"]").await;
    window.fill("#field-file", &desk.file(name, bytes)).await;
    window.press("/returns/preview").await;
    let text = window.text().await;
    assert!(text.contains("只是预览") && text.contains("成功"), "{text}");
    window.press("/returns/import").await;
    assert!(window.has(".notice.done").await, "{}", window.text().await);
}

async fn statement(desk: &Desk, window: &Window, account: &str, name: &str, bytes: &[u8]) {
    window.follow("nav a[href=\"/statements\"]").await;
    window.choose("#field-account", account).await;
    window.fill("#field-file", &desk.file(name, bytes)).await;
    window.press("/statements/preview").await;
    let text = window.text().await;
    assert!(
        text.contains("只是预览") && text.contains("期末余额"),
        "{text}"
    );
    window.press("/statements").await;
    assert!(window.has(".notice.done").await, "{}", window.text().await);
}

/// One proposes what to do about an exception, another confirms it.
async fn cleared(desk: &Desk, window: &Window) {
    window.sign_in("maker").await;
    window.follow("main a[href=\"/exceptions?q=open\"]").await;
    window.follow("main a[href=\"/exceptions/1\"]").await;
    window.choose("#field-resolution", "ignore").await;
    window.fill("#field-note", "银行误列").await;
    window.press("/exceptions/1/propose").await;
    assert!(window.has(".notice.done").await, "{}", window.text().await);
    window.sign_out().await;
    window.sign_in("reviewer").await;
    window
        .follow("main a[href=\"/exceptions?q=proposed\"]")
        .await;
    window.follow("main a[href=\"/exceptions/1\"]").await;
    window.press("/exceptions/1/confirm").await;
    let all = exception::Page::ALL;
    let open = exception::list(&desk.office.app, desk.office.who("auditor"), true, all).await;
    assert_eq!(open.unwrap().json["exceptions"], json!([]));
}

/// From the failed payment to its draft in three clicks.
async fn tried_again(window: &Window) {
    window.sign_in("maker").await;
    window.open("/trace/payment/1").await;
    window.follow("main a[href=\"/repay\"]").await;
    window.press("/runs").await;
    assert!(
        window.address().await.starts_with("/runs/2?done="),
        "{}",
        window.text().await
    );
}

/// The report on the success of the month: as a page, on paper, as PDF and as a workbook.
async fn reported(window: &Window) {
    window.follow("nav a[href=\"/reports\"]").await;
    window
        .follow("main a[href=\"/reports/success-rate\"]")
        .await;
    window.follow("main form.ask button").await;
    let text = window.text().await;
    assert!(
        text.contains("75.00 %") && text.contains("100.00 %"),
        "{text}"
    );
    let sheet = PrintConfigurationBuilder::default().build();
    let sheet: PrintConfiguration = sheet.unwrap();
    let printed = paper_text(&window.client.print(sheet).await.unwrap());
    assert!(
        printed.contains("发放成功率") && printed.contains("75.00"),
        "{printed}"
    );
    assert!(
        !printed.contains("今日事项"),
        "the screen's furniture stays off paper"
    );
    window.click("main a[href*=\"as=pdf\"]").await;
    let (name, bytes) = window.downloaded().await;
    assert!(name.ends_with(".pdf") && paper_text(&bytes).contains("75.00"));
    window.click("main a[href*=\"as=xlsx\"]").await;
    let (name, bytes) = window.downloaded().await;
    let mut book = Xlsx::new(Cursor::new(bytes)).unwrap();
    let (_, first) = book.worksheets().remove(0);
    let said = first.cells().any(|(_, _, cell)| *cell == "75.00 %");
    assert!(said, "{name}: {first:?}");
}

/// The text of a PDF, read by another program.
fn paper_text(pdf: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pdf).unwrap();
    let read = std::process::Command::new("pdftotext")
        .args(["-layout", &file.path().display().to_string(), "-"])
        .output()
        .unwrap();
    String::from_utf8(read.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_month_by_four_people() {
    for_each_engine(async |url| {
        let desk = Desk::open(url).await;
        let window = desk.window().await;
        rosters(&desk, &window).await;
        window.open("/runs?new=1").await;
        window.choose("#field-program", "urban").await;
        window.press("/runs").await;
        assert!(
            window.address().await.starts_with("/runs/1?done="),
            "{}",
            window.text().await
        );
        let batch = walked(&desk, &window, 1).await;
        assert_eq!(batch.total.get(), MONTH);
        window.sign_out().await;

        desk.on("2022-01-14");
        window.sign_in("cashier").await;
        answered(&desk, &window, "回盘.txt", &first_answer(&batch, true)).await;
        window.sign_out().await;
        cleared(&desk, &window).await;
        window.sign_out().await;
        // The bank answers once more, and rightly: what was known is repeated.
        window.sign_in("cashier").await;
        answered(&desk, &window, "回盘1.txt", &first_answer(&batch, false)).await;
        window.sign_out().await;
        desk.on("2022-01-17");
        window.sign_in("reviewer").await;
        statement(&desk, &window, "icbc", "上半月.csv", &first_half()).await;
        window.sign_out().await;

        desk.on("2022-01-20");
        tried_again(&window).await;
        let again = walked(&desk, &window, 2).await;
        assert_eq!(again.total.get(), FIRST);
        let paid = write_return(&again, &outcomes(&again, |_| Outcome::Paid));
        answered(&desk, &window, "回盘2.txt", &paid).await;
        window.sign_out().await;

        desk.on("2022-01-31");
        window.sign_in("reviewer").await;
        statement(&desk, &window, "icbc", "下半月.csv", &second_half()).await;
        statement(&desk, &window, "csv", "农村.csv", &rural()).await;
        for run in [1, 2] {
            window.open(&format!("/runs/{run}")).await;
            window.press(&format!("/runs/{run}/close")).await;
            assert_eq!(desk.state(run).await, "closed");
        }
        window.follow("nav a[href=\"/periods\"]").await;
        let month = "document.querySelector('#field-month').value = '2022-01'";
        window.script(month, Vec::new()).await;
        window.press("/periods").await;
        let closed = period::list(&desk.office.app, desk.office.who("auditor"))
            .await
            .unwrap();
        assert_eq!(closed.json["periods"][0]["month"], "2022-01");
        reported(&window).await;
        desk.office.assert_invariants().await;
    })
    .await;
}

/// A person tries the step of the next: on the page, over the interface, on the command line.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_persons_step_is_refused_everywhere_and_recorded() {
    for_each_engine(async |url| {
        let desk = Desk::open(url).await;
        let office = &desk.office;
        office.roster("urban", "2022-01", &people(4)).await;
        let regular = ledger_store::run::RunKind::Regular;
        let id = office.create("urban", regular, "2022-01").await.unwrap();
        office.walk(id, 2).await;
        let window = desk.window().await;
        window.sign_in("maker").await;
        window.open("/runs/1").await;
        assert!(
            !window.has("form[action=\"/runs/1/review\"]").await,
            "not offered"
        );
        // With the very token that a page of ours would put into the form.
        let cookies = window.client.get_all_cookies().await.unwrap();
        let cookie = cookies
            .iter()
            .find(|cookie| cookie.name() == "huimin_session")
            .unwrap();
        let token = proof(cookie.value(), "/runs/1/review");
        let forged = "const form = document.createElement('form');
            form.method = 'post'; form.action = '/runs/1/review';
            form.innerHTML = '<input name=proof><input name=key value=k><p class=buttons><button>';
            form.elements.proof.value = arguments[0];
            document.querySelector('main').append(form);";
        window.script(forged, vec![token.into()]).await;
        window.press("/runs/1/review").await;
        assert!(
            window.text().await.contains("AUTH-0004"),
            "{}",
            window.text().await
        );

        let rest = Rest::of(url, "2022-01-10").await;
        let refused = rest.send(Ask::new("maker", "POST /runs/1/review")).await;
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "AUTH-0004")
        );

        let terminal = Huimin::at(desk.files.path())
            .db(url)
            .user_with("maker", PASSWORD);
        let line = ["--format", "json", "run", "review", "1"];
        let refused = terminal.run_args(&line).problem();
        assert_eq!(refused["code"], "AUTH-0004", "{refused}");

        let trail = office.trail().await;
        let refused = trail.iter().filter(|kind| *kind == "run.review.refused");
        assert_eq!(refused.count(), 3, "{trail:?}");
        assert_eq!(desk.state(1).await, "submitted");
    })
    .await;
}

/// Once the filter's form of the table ended the form around it: nothing of several differences was
/// sent.
#[tokio::test(flavor = "multi_thread")]
async fn several_differences_are_settled_at_once() {
    for_each_engine(async |url| {
        let desk = Desk::open(url).await;
        let mut odd = vec![
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
        ];
        odd.extend((1..=3).map(|n| movement("2022-01-06", 700 + n, format!("不明{n}"))));
        let days = ("2022-01-01", "2022-01-31");
        desk.office.statement("icbc", days, &odd).await;
        let window = desk.window().await;
        for (login, act, chosen) in [
            ("maker", "propose", vec!["1", "2", "3"]),
            ("reviewer", "confirm", vec!["1", "3"]),
        ] {
            window.sign_in(login).await;
            window.open("/exceptions?q=%E4%B8%8D%E6%98%8E").await;
            for number in &chosen {
                window
                    .click(&format!("input[name=chosen][value=\"{number}\"]"))
                    .await;
            }
            window.choose("#field-act", act).await;
            window.choose("#field-resolution", "suspense").await;
            window.fill("#field-note", "已查明").await;
            window.press("/exceptions/several").await;
            let text = window.text().await;
            assert!(text.contains(&format!("{}", chosen.len())), "{text}");
            assert!(window.has(".notice.done").await, "{text}");
            window.sign_out().await;
        }
        // The filter is a form of its own again.
        window.sign_in("maker").await;
        window.open("/exceptions").await;
        window.fill("form.filter input[name=q]", "proposed").await;
        window.follow("form.filter button").await;
        assert_eq!(
            window.address().await.split('#').next(),
            Some("/exceptions?q=proposed")
        );
        assert!(window.has("main a[href=\"/exceptions/2\"]").await);
        let all = exception::Page::ALL;
        let open = exception::list(&desk.office.app, desk.office.who("auditor"), true, all).await;
        let open = open.unwrap().json["exceptions"].clone();
        assert_eq!(
            (open[0]["exception"].clone(), open[1].clone()),
            (json!(2), json!(null))
        );
    })
    .await;
}
