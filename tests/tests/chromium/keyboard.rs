//! A month by keyboard alone: Tab, Enter, letters, and the path of a file where the operating
//! system would ask for it. Every place that is reached must be seen to have the focus.

use acceptance::TestDb;
use acceptance::browser::PASSWORD;
use acceptance::chromium::Window;
use acceptance::office::paper::{Outcome, outcomes, people, read_batch, write_return};
use fantoccini::key::Key;

use super::{Desk, workbook};

async fn sign_in(window: &Window, login: &str) {
    window.tab_to("#field-login").await;
    window.type_text(login).await;
    window.tab_to("#field-password").await;
    window.type_text(PASSWORD).await;
    window.enter("form[action=\"/login\"] button").await;
    assert!(!window.address().await.starts_with("/login"), "{login}");
    // The way past the navigation is the first thing on a page.
    window.key(Key::Tab).await;
    let at = window.script("return document.activeElement.className", Vec::new());
    assert_eq!(at.await, "skip");
    window.key(Key::Enter).await;
    let at = window.script("return document.activeElement.id", Vec::new());
    assert_eq!(at.await, "main");
}

async fn sign_out(window: &Window) {
    window.enter("form[action=\"/logout\"] button").await;
}

async fn done(window: &Window) {
    assert!(window.has(".notice.done").await, "{}", window.text().await);
}

/// Takes a step of the run that waits on the first page.
async fn step(window: &Window, login: &str, step: &str) {
    sign_in(window, login).await;
    window.enter("main a[href=\"/runs/1\"]").await;
    window
        .enter(&format!("form[action=\"/runs/1/{step}\"] p.buttons button"))
        .await;
    done(window).await;
}

async fn made(desk: &Desk, window: &Window) {
    sign_in(window, "maker").await;
    window.enter("nav a[href=\"/rosters\"]").await;
    window.enter("main a[href=\"/rosters/import\"]").await;
    // A list is chosen from by typing what it shows.
    window.tab_to("#field-program").await;
    window.type_text("城").await;
    window.tab_to("#field-file").await;
    window
        .type_text(&desk.file("名册.xlsx", &workbook(&people(4))))
        .await;
    window
        .enter("form[action=\"/rosters/import\"] p.buttons button")
        .await;
    window
        .enter("form[action=\"/rosters/import\"] p.buttons button")
        .await;
    done(window).await;
    window.enter("nav a[href=\"/runs\"]").await;
    window.strike("main details.more > summary").await;
    window.tab_to("#field-program").await;
    window.type_text("城").await;
    window
        .enter("form[action=\"/runs\"] p.buttons button")
        .await;
    assert!(
        window.address().await.starts_with("/runs/1?done="),
        "{}",
        window.text().await
    );
    for step in ["check", "submit"] {
        window
            .enter(&format!("form[action=\"/runs/1/{step}\"] p.buttons button"))
            .await;
        done(window).await;
    }
    sign_out(window).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_by_keyboard_alone() {
    let database = TestDb::sqlite();
    let desk = Desk::open(database.url()).await;
    let window = desk.window().await;
    window.open("/login").await;
    made(&desk, &window).await;
    step(&window, "reviewer", "review").await;
    sign_out(&window).await;
    step(&window, "approver", "approve").await;
    sign_out(&window).await;
    step(&window, "cashier", "release").await;
    window.enter("nav a[href=\"/batches\"]").await;
    window.enter("main a[href=\"/batches/B000001\"]").await;
    window
        .strike("main a[href=\"/batches/B000001/file\"]")
        .await;
    let (_, bytes) = window.downloaded().await;
    let batch = read_batch("B000001", &bytes);
    let answer = write_return(&batch, &outcomes(&batch, |_| Outcome::Paid));
    window.enter("nav a[href=\"/returns\"]").await;
    window.tab_to("#field-file").await;
    window.type_text(&desk.file("回盘.txt", &answer)).await;
    window
        .enter("form[action=\"/returns/preview\"] p.buttons button")
        .await;
    window
        .enter("form[action=\"/returns/import\"] p.buttons button")
        .await;
    done(&window).await;
    sign_out(&window).await;
    step(&window, "reviewer", "close").await;
    assert_eq!(desk.state(1).await, "closed");
    window.enter("nav a[href=\"/reports\"]").await;
    window.enter("main a[href=\"/reports/success-rate\"]").await;
    window.enter("main form.ask button").await;
    assert!(
        window.text().await.contains("100.00 %"),
        "{}",
        window.text().await
    );
}
