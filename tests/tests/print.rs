//! Reports on paper and in spreadsheets: figures, copies, capital amounts and page numbers are read
//! back from the PDF, equal input gives equal bytes, and no cell is a formula.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use acceptance::office::paper::{Outcome, Person, people, person};
use acceptance::office::{Office, WAY, done, month, told};
use acceptance::program::{Demo, Huimin};
use acceptance::{TestDb, for_each_engine};
use api::app::Error;
use api::app::clash::{self, ListInput};
use api::app::report::{self, Triplicate};
use api::app::roster::{self, Died};
use api::app::users::{self, NewUser};
use api::print;
use calamine::{Data, Reader, Xlsx};
use ledger::account::Side;
use ledger::calendar::parse_date;
use ledger::disbursement::clash::ListKind;
use ledger::disbursement::role::Role;
use ledger::id::{PartyId, RunId};
use ledger::money::Fen;
use ledger_store::run::RunKind;
use serde_json::Value;

/// The text of a PDF, as another program reads it, without the spaces that it guesses.
fn text_of(pdf: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("form.pdf");
    std::fs::write(&file, pdf).unwrap();
    let mut reader = Command::new("pdftotext");
    let output = reader.arg("-layout").arg(&file).arg("-").output();
    let output = output.expect("pdftotext is missing: apt-get install poppler-utils");
    assert!(output.status.success(), "{output:?}");
    plain(&String::from_utf8(output.stdout).unwrap())
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect()
}

fn count(text: &str, part: &str) -> usize {
    text.matches(&plain(part)).count()
}

fn says(text: &str, part: &str) -> bool {
    count(text, part) > 0
}

/// Who is on the roster of February: one died, one left, one has more, one less, one is new.
fn february() -> Vec<Person> {
    let mut now = people(6);
    now[2].amount = Fen::new(12_000);
    now[3].amount = Fen::new(10_000);
    now.split_off(2)
}

/// January paid but for one failure and one line that the bank is still working on; February paid
/// but for one failure.
async fn two_months(url: &str) -> (Office, RunId) {
    let office = Office::funded(url).await;
    office.roster("urban", "2022-01", &people(5)).await;
    let batch = office.pay_month("urban", "2022-01").await;
    let answer = |place| match place {
        0 => Outcome::Failed("系统忙"),
        1 => Outcome::Pending,
        _ => Outcome::Paid,
    };
    office.answer(&batch, answer).await;
    office.on("2022-02-07");
    let dead = person(1);
    let list = ListInput {
        kind: ListKind::Deceased,
        name: "殡葬".to_owned(),
        file_name: "名单.csv".to_owned(),
        bytes: format!(
            "身份证号,姓名,日期\r\n{},{},2022-01-31\r\n",
            dead.identity, dead.name
        )
        .into_bytes(),
    };
    done(clash::import_list(&office.app, office.who("maker"), &list, None).await);
    office.roster("urban", "2022-02", &february()).await;
    let (run, mut files) = office.pay("urban", RunKind::Regular, "2022-02").await;
    let failed = |place| match place {
        0 => Outcome::Failed("账号不存在"),
        _ => Outcome::Paid,
    };
    office.answer(&files.remove(0), failed).await;
    office.assert_invariants().await;
    (office, run)
}

/// Field by path, fen or count.
fn at(row: &Value, path: &str) -> i64 {
    let value = path.split('.').fold(row, |value, name| &value[name]);
    value.as_i64().unwrap_or_else(|| panic!("{path} of {row}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_monthly_summary_says_who_came_and_left() {
    for_each_engine(async |url| {
        let (office, _) = two_months(url).await;
        let manager = office.who("manager");
        let of = async |at: &str| {
            let report = report::monthly(&office.app, manager, month(at)).await;
            report.unwrap().json
        };
        let now = of("2022-02").await;
        let row = &now["components"][0];
        for (path, expected) in [
            ("last_month.households", 5),
            ("last_month.count", 5),
            ("last_month.amount_fen", 51_500),
            ("new.count", 1),
            ("new.amount_fen", 10_600),
            ("gone.death.count", 1),
            ("gone.death.amount_fen", 10_100),
            ("gone.exit.count", 1),
            ("gone.exit.amount_fen", 10_200),
            ("gone.stop.count", 0),
            ("raised.count", 1),
            ("raised.amount_fen", 1_700),
            ("lowered.count", 1),
            ("lowered.amount_fen", 400),
            ("back_pay.amount_fen", 0),
            ("this_month.households", 4),
            ("this_month.count", 4),
            ("this_month.amount_fen", 43_100),
            ("due_fen", 43_100),
            ("paid_fen", 31_100),
            ("failed_fen", 12_000),
            ("pending_fen", 0),
            ("not_sent_fen", 0),
            ("average_fen", 10_775),
        ] {
            assert_eq!(at(row, path), expected, "{path}");
        }
        assert_eq!(row["component"], "living");
        for at_month in ["2022-01", "2022-02"] {
            adds_up(&of(at_month).await);
        }
        office.assert_invariants().await;
    })
    .await;
}

/// Who died and was left off the next roster died, also where only the book knows of it and no list
/// does.
#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_death_is_no_stop() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(3)).await;
        office.pay("urban", RunKind::Regular, "2022-01").await;
        let (app, maker) = (&office.app, office.who("maker"));
        // People are numbered in the order of their identity numbers: the last is the third.
        let last = office.count("select max(party_id) from party where kind = 'person'");
        let died = Died::Person(PartyId(last.await), parse_date("2022-01-20").ok());
        office.on("2022-02-05");
        done(roster::deceased(app, maker, &died, "示例", None).await);
        // He stands on February's roster still.
        office.roster("urban", "2022-02", &people(3)).await;
        office.pay("urban", RunKind::Regular, "2022-02").await;
        let report = report::monthly(app, office.who("manager"), month("2022-02")).await;
        let report = report.unwrap().json;
        let row = &report["components"][0];
        let gone = ["death", "exit", "stop"].map(|why| at(row, &format!("gone.{why}.count")));
        assert_eq!(gone, [1, 0, 0]);
    })
    .await;
}

/// Last month and what moved is what is due; what became of it is what is due; and the components
/// come to what the programs have.
fn adds_up(monthly: &Value) {
    let total = &monthly["components_total"];
    let moved = at(total, "last_month.amount_fen") + at(total, "new.amount_fen")
        - at(total, "gone.death.amount_fen")
        - at(total, "gone.exit.amount_fen")
        - at(total, "gone.stop.amount_fen")
        + at(total, "raised.amount_fen")
        - at(total, "lowered.amount_fen")
        + at(total, "back_pay.amount_fen");
    assert_eq!(moved, at(total, "due_fen"), "{total}");
    for field in [
        "due_fen",
        "paid_fen",
        "failed_fen",
        "pending_fen",
        "not_sent_fen",
    ] {
        assert_eq!(at(total, field), at(monthly, field), "{field}: {monthly}");
        let rows = monthly["components"].as_array().unwrap();
        let sum: i64 = rows.iter().map(|row| at(row, field)).sum();
        assert_eq!(sum, at(total, field), "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_triplicate_has_three_copies_with_one_number() {
    for_each_engine(async |url| {
        let (office, run) = two_months(url).await;
        let manager = office.who("manager");
        let form = report::triplicate(&office.app, manager, run).await.unwrap();
        let font = print::font(None).unwrap();
        let pdf = print::triplicate(&form).unwrap().pdf(&font).unwrap();
        let again = report::triplicate(&office.app, manager, run).await.unwrap();
        assert_eq!(pdf, print::triplicate(&again).unwrap().pdf(&font).unwrap());
        assert!(pdf.len() < 60_000, "{} bytes", pdf.len());
        let text = text_of(&pdf);
        for (part, times) in [
            ("TEST-202202-00002", 6),
            ("第一联 民政留存", 2),
            ("第二联 财政核拨", 2),
            ("第三联 银行代发", 2),
            ("人民币 肆佰叁拾壹元整", 3),
            ("¥431.00", 3),
            ("第 1 页 共 1 页", 3),
            ("测试县民政局", 3),
            ("2081901 城市最低生活保障金支出", 3),
            ("示例经办", 3),
            ("示例复核", 3),
            ("示例审批", 3),
            ("示例出纳", 3),
            ("民政部门(盖章)", 3),
        ] {
            assert_eq!(count(&text, part), times, "{part} in\n{text}");
        }
        for part in [
            "515.00", "106.00", "101.00", "102.00", "17.00", "311.00", "120.00",
        ] {
            assert!(count(&text, part) >= 3, "{part} in\n{text}");
        }
        let json = form.report().unwrap().json;
        for (path, expected) in [
            ("households", 4),
            ("persons", 4),
            ("payments", 4),
            ("due_fen", 43_100),
            ("paid.payments", 3),
            ("paid.amount_fen", 31_100),
            ("failed.amount_fen", 12_000),
            ("movement.gone.death.count", 1),
        ] {
            assert_eq!(at(&json, path), expected, "{path}");
        }
        states_of_a_triplicate(&office).await;
    })
    .await;
}

/// Who signed at each step of a run; before it is submitted there is no triplicate.
async fn states_of_a_triplicate(office: &Office) {
    let others = people(9).split_off(6);
    office.roster("rural", "2022-02", &others).await;
    let run = office
        .create("rural", RunKind::Regular, "2022-02")
        .await
        .unwrap();
    let manager = office.who("manager");
    for (steps, signed) in [
        (0, None),
        (1, None),
        (2, Some(1)),
        (3, Some(2)),
        (4, Some(3)),
    ] {
        if steps > 0 {
            let (login, event) = WAY[steps - 1];
            done(office.act(login, event, run, None).await);
        }
        let form = report::triplicate(&office.app, manager, run).await;
        match (form, signed) {
            (Ok(form), Some(signed)) => assert_eq!(signatures(&form), signed),
            (Err(Error::Refused { problem, .. }), None) => assert_eq!(problem.code(), "RUN-0001"),
            (other, _) => panic!("after {steps} steps: {other:?}"),
        }
    }
}

fn signatures(form: &Triplicate) -> usize {
    form.signers
        .iter()
        .filter(|(_, name, _)| !name.is_empty())
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_re_pay_run_has_a_triplicate_too() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    office.roster("rural", "2022-01", &people(3)).await;
    let batch = office.pay_month("rural", "2022-01").await;
    let failed = |place| match place {
        1 => Outcome::Failed("系统忙"),
        _ => Outcome::Paid,
    };
    office.answer(&batch, failed).await;
    let (run, files) = office.pay("rural", RunKind::RePay, "2022-01").await;
    office.answer(&files[0], |_| Outcome::Paid).await;
    let manager = office.who("manager");
    let form = report::triplicate(&office.app, manager, run).await.unwrap();
    let json = form.report().unwrap().json;
    for (path, expected) in [
        ("households", 1),
        ("persons", 1),
        ("due_fen", 10_200),
        ("paid.payments", 1),
        ("paid.amount_fen", 10_200),
        ("failed.amount_fen", 0),
    ] {
        assert_eq!(at(&json, path), expected, "{path}");
    }
    assert!(json["movement"].is_null());
    let font = print::font(None).unwrap();
    let text = text_of(&print::triplicate(&form).unwrap().pdf(&font).unwrap());
    // In the period and in the kind of the run, on three copies.
    assert_eq!(count(&text, "失败重发"), 6, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_voucher_is_added_up() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    office.roster("rural", "2022-01", &people(300)).await;
    let (_, files) = office.pay("rural", RunKind::Regular, "2022-01").await;
    office.answer(&files[0], |_| Outcome::Paid).await;
    let (manager, font) = (office.who("manager"), print::font(None).unwrap());
    let (mut long, mut parallel) = (0, 0);
    for number in 1.. {
        let form = report::voucher_form(&office.app, manager, month("2022-01"), number).await;
        let Ok(form) = form else { break };
        let pdf = print::voucher(&form).unwrap().pdf(&font).unwrap();
        assert_eq!(pdf, print::voucher(&form).unwrap().pdf(&font).unwrap());
        assert!(pdf.len() < 60_000, "{} bytes", pdf.len());
        let text = text_of(&pdf);
        let transfers = form.voucher.posted.transfers;
        let said = format!("本凭证共 {transfers} 条分录");
        for part in [
            "记 账 凭 证",
            "测试县民政局",
            said.as_str(),
            "第 1 页",
            "附件",
            "制单",
        ] {
            assert!(says(&text, part), "{part} in\n{text}");
        }
        for side in [Side::Financial, Side::Budget] {
            let lines = form.side(side);
            let total = Fen::sum(lines.iter().map(|line| line.amount)).unwrap();
            if !lines.is_empty() {
                assert!(says(&text, &total.capital()), "{total} in\n{text}");
            }
        }
        long += usize::from(transfers >= 300 && form.lines.len() <= 2);
        let both = says(&text, "财务会计") && says(&text, "预算会计");
        parallel += usize::from(both);
    }
    assert!(long >= 2, "approval and answer are long vouchers");
    assert!(parallel >= 2, "appropriations and release book both sides");
}

#[tokio::test(flavor = "multi_thread")]
async fn annual_reports_take_the_shapes_of_their_sources() {
    for_each_engine(async |url| {
        let (office, _) = two_months(url).await;
        let manager = office.who("manager");
        let shaped = async |shape: &str| {
            let report = report::annual_shaped(&office.app, manager, 2022, shape).await;
            report.unwrap()
        };
        let plain = shaped("plain").await;
        let rows = plain.json["rows"].as_array().unwrap().clone();
        assert_eq!(rows.len(), 3, "{rows:?}");
        for (place, path, expected) in [
            (0, "amount_fen", 94_600),
            (0, "households", 4),
            (0, "persons", 4),
            (0, "person_times", 9),
            (0, "average_fen", 10_511),
            (1, "amount_fen", 94_600),
            (2, "amount_fen", 94_600),
        ] {
            assert_eq!(at(&rows[place], path), expected, "{place} {path}");
        }
        // The programs of the sources are not in this book: each figure is a dash, none is zero.
        for (shape, _) in report::SHAPES.iter().skip(1) {
            let report = shaped(shape).await;
            for (row, cells) in report.json["rows"]
                .as_array()
                .unwrap()
                .iter()
                .zip(&report.tables[0].rows)
            {
                let name = row["name"].as_str().unwrap();
                let counts_all = cells.iter().any(|cell| cell == "0.0946");
                let nothing = cells[1..].iter().all(|cell| cell == "—" || cell.is_empty());
                assert!(counts_all || nothing, "{shape} {name}: {cells:?}");
            }
        }
    })
    .await;
}

/// What the demo's books print: each command, and what its PDF must say.
#[test]
fn the_demo_prints() {
    let demo = Demo::month_database();
    let manager = demo.huimin("manager");
    let read = |name: &str| std::fs::read(demo.path().join(name)).unwrap();
    for (line, parts) in [
        (
            "report monthly --month 2022-01",
            &["发放汇总表", "增减变动", "合计", "制表"] as &[&str],
        ),
        (
            "report annual 2022 --shape shenmu",
            &["城市最低生活保障", "其中:分类施保金", "合计"],
        ),
        ("report annual 2022 --shape plain", &["金额(万元)", "合计"]),
        (
            "report triplicate 1",
            &["三联单", "第三联 银行代发", "人民币"],
        ),
        (
            "report voucher 2022-01 1",
            &["记 账 凭 证", "财务会计", "预算会计", "人民币(大写)"],
        ),
        (
            "report trial-balance --year 2022",
            &["科目余额表", "1002", "第 1 页"],
        ),
        ("report success-rate --year 2022", &["单位:", "第 1 页 共"]),
    ] {
        let answer = manager.done(&format!("{line} --out one.pdf"));
        assert!(
            answer["bytes"].as_i64().unwrap() < 120_000,
            "{line}: {answer}"
        );
        manager.done(&format!("{line} --out two.pdf"));
        let (one, two) = (read("one.pdf"), read("two.pdf"));
        assert!(one == two, "{line}: two PDFs of the same books differ");
        let text = text_of(&one);
        for part in parts {
            assert!(says(&text, part), "{line}: no {part} in\n{text}");
        }
        manager.done(&format!("{line} --out one.xlsx"));
        no_formula(&read("one.xlsx"), line);
        manager.done(&format!("{line} --out one.csv"));
        no_formula_in_csv(&String::from_utf8(read("one.csv")).unwrap(), line);
    }
    shaped_like_the_annual_report(&demo);
}

/// A program's row in the shape of Shenmu is what the annual report has.
fn shaped_like_the_annual_report(demo: &Demo) {
    let manager = demo.huimin("manager");
    let annual = manager.done("report annual --year 2022");
    let shaped = manager.done("report annual 2022 --shape shenmu");
    for (program, name) in [
        ("urban-dibao", "城市最低生活保障"),
        ("rural-dibao", "农村最低生活保障"),
        ("urban-tekun", "城市特困人员救助供养"),
    ] {
        let list = |document: &Value, field: &str| document[field].as_array().unwrap().clone();
        let programs = list(&annual, "programs");
        let known = programs.iter().find(|row| row["id"] == program).unwrap();
        let rows = list(&shaped, "rows");
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        assert_eq!(row["amount_fen"], known["total_fen"], "{name}");
        assert_eq!(row["households"], known["households"], "{name}");
    }
}

#[test]
fn without_a_usable_font_nothing_is_written() {
    let demo = Demo::month_database();
    let manager = demo.huimin("manager");
    std::fs::write(demo.path().join("text.ttf"), "no font").unwrap();
    for font in ["missing.ttf", "text.ttf"] {
        let line = format!("report monthly --month 2022-01 --out m.pdf --font {font}");
        let problem = manager.refused(&line);
        assert_eq!(problem["code"], "PRT-0002", "{problem}");
        assert!(
            problem["next"].as_str().unwrap().contains("--font"),
            "{problem}"
        );
        assert!(!demo.path().join("m.pdf").exists());
    }
}

/// Every cell is text: a spreadsheet computes nothing.
fn no_formula(xlsx: &[u8], place: &str) {
    let mut book = Xlsx::new(Cursor::new(xlsx.to_vec())).unwrap();
    for name in book.sheet_names() {
        let formulas = book.worksheet_formula(&name).unwrap();
        assert_eq!(formulas.used_cells().count(), 0, "{place} {name}");
        let range = book.worksheet_range(&name).unwrap();
        for (.., cell) in range.used_cells() {
            let is_known = matches!(cell, Data::String(_) | Data::Float(_));
            assert!(is_known, "{place} {name}: {cell:?}");
        }
    }
}

/// No cell begins like a formula, unless it is a figure.
fn no_formula_in_csv(csv: &str, place: &str) {
    let text = csv.strip_prefix('\u{feff}').unwrap_or(csv);
    for cell in text.lines().flat_map(|line| line.split(',')) {
        let cell = cell.trim_matches('"');
        let looks = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
        let rest = cell.strip_prefix('-').unwrap_or("x");
        let is_figure = rest.starts_with(|c: char| c.is_ascii_digit());
        assert!(!looks || is_figure, "{place}: {cell:?}");
    }
}

/// Words that somebody can type and that come out again in reports: document numbers.
#[test]
fn typed_formulas_come_out_as_text() {
    let demo = Demo::month_database();
    for (n, document) in [
        "=1+1",
        "+1",
        "-1+2",
        "@SUM(A1)",
        "＝1",
        "=cmd|' /C calc'!A0",
    ]
    .iter()
    .enumerate()
    {
        let document = format!("--document={document}");
        let key = format!("f{n}");
        let line = "--level 县级 --year 2022 --program urban-dibao --account icbc --amount 12.50 \
                    --received-on 2022-02-01 --key";
        let mut words = vec!["appropriation", "add", document.as_str()];
        words.extend(line.split(' ').chain([key.as_str()]));
        demo.huimin("accountant").run_args(&words).expect_status(0);
    }
    reports_show_no_formula(&demo);
}

fn reports_show_no_formula(demo: &Demo) {
    let manager = demo.huimin("manager");
    let read = |name: &str| std::fs::read(demo.path().join(name)).unwrap();
    let mut seen = 0;
    for line in [
        "report trial-balance --from 2022-01 --to 2022-02",
        "report ledger 1002 --from 2022-02 --to 2022-02",
        "report ledger 4001 --from 2022-02 --to 2022-02",
        "report monthly --month 2022-02",
        "report annual 2022 --shape plain",
        "report success-rate --year 2022",
        "report voucher 2022-02 1",
        "report voucher 2022-02 2",
        "run lines 1",
    ] {
        manager.done(&format!("{line} --out f.xlsx"));
        no_formula(&read("f.xlsx"), line);
        manager.done(&format!("{line} --out f.csv"));
        let csv = String::from_utf8(read("f.csv")).unwrap();
        no_formula_in_csv(&csv, line);
        seen += count(&csv, "=1+1");
    }
    assert!(seen > 0, "no report shows what was typed");
    let list = manager
        .run("appropriation list --format csv")
        .expect_status(0);
    no_formula_in_csv(&list.stdout, "appropriation list");
    assert!(list.stdout.contains("'=1+1"), "{}", list.stdout);
}

/// Names and places of a roster may be written in any way; they come out masked and as text.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_formulas_come_out_as_text() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let mut now = people(3);
    for (one, name) in now.iter_mut().zip(["=1+1", "@SUM(A1)", "+2+3"]) {
        one.name = name.to_owned();
        one.payee.0 = name.to_owned();
        one.township = format!("={}", one.township);
    }
    office.roster("rural", "2022-01", &now).await;
    let run = office
        .create("rural", RunKind::Regular, "2022-01")
        .await
        .unwrap();
    // A bank's file is not escaped: it is refused, before anybody signs.
    let mut told_last = "done".to_owned();
    for (login, event) in WAY {
        if told_last == "done" {
            told_last = told(&office.act(login, event, run, None).await);
        }
    }
    assert_eq!(told_last, "BNK-0001");
    let new = NewUser {
        login: "reader".to_owned(),
        name: "示例主管".to_owned(),
        roles: vec![Role::Manager],
        password: "correct horse".to_owned(),
    };
    done(users::add_user(&office.app, office.who("admin"), &new, None).await);
    let directory = tempfile::tempdir().unwrap();
    let terminal = Huimin::at(directory.path()).db(database.url());
    let terminal = terminal.user_with("reader", "correct horse");
    let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
    let mut seen = 0;
    for line in [
        "run lines 1",
        "report success-rate --year 2022",
        "report monthly --month 2022-01",
    ] {
        terminal.done(&format!("{line} --out f.xlsx"));
        no_formula(&read("f.xlsx"), line);
        terminal.done(&format!("{line} --out f.csv"));
        let csv = String::from_utf8(read("f.csv")).unwrap();
        no_formula_in_csv(&csv, line);
        seen += count(&csv, "'=") + count(&csv, "'@");
    }
    assert!(seen > 3, "names and places are shown: {seen}");
}

/// A font named by `--font` is read whatever its place.
#[test]
fn a_named_font_is_used() {
    let font = print::font(None).unwrap();
    let named = print::font(Some(font.path())).unwrap();
    assert_eq!(named.path(), font.path());
    assert!(print::font(Some(Path::new("nowhere.ttc"))).is_err());
}

/// What goes upwards is Chinese: no code and no English word, but for the short hash in the foot;
/// with the day it was read, charts, and a line for each who signs.
#[tokio::test(flavor = "multi_thread")]
async fn the_printed_success_report_can_be_sent_upwards() {
    for_each_engine(async |url| {
        let (office, _) = two_months(url).await;
        let (first, last) = (month("2022-01"), month("2022-02"));
        let manager = office.who("manager");
        let report = report::performance(&office.app, manager, first, last);
        let report = report.await.unwrap();
        let document = print::performance(&report, "示例县民政局");
        let font = print::font(None).unwrap();
        let text = text_of(&document.pdf(&font).unwrap());
        let short = report.json["audit"]["short"].as_str().unwrap();
        assert!(says(&text, short), "{text}");
        for part in [
            "截至:2022-02-07",
            "单位:示例县民政局",
            "制表:",
            "复核:",
            "审批:",
            "出纳:",
            "审计条目",
        ] {
            assert!(says(&text, part), "{part}: {text}");
        }
        for part in [
            "分发放项目成功率",
            "失败原因各月次数",
            "在途资金账龄",
            "按时到账率(笔)",
        ] {
            assert!(says(&text, part), "{part}: {text}");
        }
        let plain = text.replace(short, "");
        let mut before = ' ';
        for letter in plain.chars() {
            let both = letter.is_ascii_alphabetic() && before.is_ascii_alphabetic();
            let at = || plain.find(&format!("{before}{letter}")).unwrap_or(0);
            assert!(
                !both,
                "{}",
                plain[at()..].chars().take(30).collect::<String>()
            );
            before = letter;
        }
    })
    .await;
}
