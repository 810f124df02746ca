//! Rosters as officers keep them: workbooks with titles, households in one row or in several, and
//! faults of every kind, each of which comes back marked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use acceptance::office::paper::{self, Person, account, people};
use acceptance::office::{Office, done, month};
use acceptance::{TestDb, for_each_engine};
use api::app::exception::Page;
use api::app::roster::{self, HEADINGS};
use api::app::{Done, Error};
use bank_adapters::{Finding, read_grid};
use encoding_rs::GB18030;
use ledger::money::Fen;
use rust_xlsxwriter::{Formula, Workbook};
use serde_json::json;

/// Columns that rosters may have besides those of the csv template.
const MORE: [&str; 4] = ["电脑号", "月份", "性别", "出生日期"];
/// Title, blank row, headings: the people begin here, counted from 1.
const FIRST_ROW: u64 = 4;

/// What stands in a cell.
#[derive(Clone, Debug)]
enum Cell {
    Text(String),
    Number(f64),
    Failed,
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn headings() -> Vec<&'static str> {
    HEADINGS.into_iter().chain(MORE).collect()
}

fn column(heading: &str) -> usize {
    headings()
        .iter()
        .position(|known| *known == heading)
        .unwrap()
}

fn cells(p: &Person) -> Vec<Cell> {
    let amount = p.amount.to_string();
    let all = [
        &p.file_no,
        &p.township,
        "示例村",
        &p.name,
        &p.identity,
        "户主",
        "living",
        "",
        "",
        &amount,
        "示例核定",
        &p.payee.0,
        &p.payee.1,
        "个人",
        "示例银行测试支行",
        "",
        &p.account,
        &p.file_no,
        "2022年1月",
        "",
        "1900",
    ];
    let mut cells: Vec<Cell> = all.into_iter().map(text).collect();
    cells[column("出生日期")] = text(&p.identity[6..14]);
    cells
}

fn workbook(rows: &[Vec<Cell>]) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let page = workbook.add_worksheet();
    page.write_string(0, 0, "示例县农村低保花名册").unwrap();
    for (place, heading) in (0..).zip(headings()) {
        page.write_string(2, place, heading).unwrap();
    }
    for (line, row) in (3..).zip(rows) {
        for (place, cell) in (0..).zip(row) {
            match cell {
                Cell::Text(text) if text.is_empty() => {}
                Cell::Text(text) => {
                    page.write_string(line, place, text).unwrap();
                }
                Cell::Number(number) => {
                    page.write_number(line, place, *number).unwrap();
                }
                Cell::Failed => {
                    let formula = Formula::new("=A1/0").set_result("#REF!");
                    page.write_formula(line, place, formula).unwrap();
                }
            }
        }
    }
    workbook.save_to_buffer().unwrap()
}

async fn import(office: &Office, name: &str, bytes: &[u8], dry: bool) -> Result<Done, Error> {
    let maker = office.who("maker");
    roster::import(
        &office.app,
        maker,
        "rural",
        month("2022-01"),
        name,
        bytes,
        dry,
        None,
    )
    .await
}

fn findings(result: Result<Done, Error>) -> Vec<Finding> {
    match result {
        Err(Error::Refused { problem, findings }) => {
            assert_eq!(problem.code(), "ROS-0002", "{problem}");
            findings
        }
        other => panic!("not refused: {other:?}"),
    }
}

/// Row, heading and code of each.
fn places(findings: &[Finding]) -> BTreeSet<(u64, String, String)> {
    let place = |finding: &Finding| {
        let (row, column) = (finding.place.row, finding.place.column.clone());
        (row.unwrap(), column.unwrap(), finding.code.to_owned())
    };
    findings.iter().map(place).collect()
}

/// The check character of GB 11643 behind 17 digits.
fn checked(body: &str) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body
        .bytes()
        .zip(WEIGHTS)
        .map(|(c, w)| u32::from(c - b'0') * w)
        .sum();
    let check = "10X98765432"
        .chars()
        .nth(usize::try_from(sum % 11).unwrap())
        .unwrap();
    format!("{body}{check}")
}

/// One kind of fault: the column, its code, and what it makes of a row whose neighbour is good.
type Kind = (&'static str, &'static str, fn(&Person, &[Cell]) -> Cell);

fn of(cells: &[Cell], heading: &str) -> Cell {
    cells[column(heading)].clone()
}

const KINDS: [Kind; 36] = [
    ("档案号", "ROS-0111", |_, _| text("")),
    ("乡镇", "ROS-0112", |_, _| text("")),
    ("电脑号", "ROS-0113", |_, _| text("D999999")),
    ("与户主关系", "ROS-0114", |_, _| text("户主")),
    ("月份", "ROS-0115", |_, _| text("2022-02")),
    ("姓名", "ROS-0121", |_, _| text("")),
    ("姓名", "ROS-0121", |_, _| text(&"甲".repeat(71))),
    ("姓名", "ROS-0122", |_, _| text("测试?")),
    ("姓名", "ROS-0122", |_, _| text("测*甲")),
    ("姓名", "ROS-0123", |_, _| text("测\u{e000}")),
    ("身份证号", "ROS-0131", |_, _| text("")),
    ("身份证号", "ROS-0132", |p, _| text(&p.identity[..17])),
    ("身份证号", "ROS-0132", |p, _| {
        text(&p.identity.replace('0', "O"))
    }),
    ("身份证号", "ROS-0133", |_, _| {
        text("610881190013019914")
    }),
    ("身份证号", "ROS-0133", |_, _| {
        text(&checked("61088120230101001"))
    }),
    ("身份证号", "ROS-0001", |p, _| {
        let last = if p.identity.ends_with('1') { '2' } else { '1' };
        text(&format!("{}{last}", &p.identity[..17]))
    }),
    ("身份证号", "ROS-0134", |p, _| {
        Cell::Number(p.identity[..17].parse().unwrap())
    }),
    ("性别", "ROS-0135", |p, _| {
        let is_male = p.identity.as_bytes()[16] % 2 == 1;
        text(if is_male { "女" } else { "男" })
    }),
    ("出生日期", "ROS-0136", |_, _| text("1909-12-31")),
    ("发放项目", "ROS-0141", |_, _| text("没有的项目")),
    ("核定金额", "ROS-0104", |_, _| Cell::Failed),
    ("核定金额", "ROS-0143", |_, _| text("一百")),
    ("核定金额", "ROS-0144", |_, _| Cell::Number(-5.0)),
    ("核定金额", "ROS-0145", |_, _| Cell::Number(100.125)),
    ("核定金额", "ROS-0146", |_, _| text("2,000,000")),
    ("核定金额", "ROS-0147", |_, _| text("")),
    ("核定依据", "ROS-0148", |_, _| text("")),
    ("月人均收入", "ROS-0143", |_, _| text("四百元")),
    ("收款人类型", "ROS-0151", |_, _| text("其他")),
    ("收款人证件号", "ROS-0152", |_, _| text("")),
    ("收款人", "ROS-0152", |_, _| text("")),
    ("联行号", "ROS-0154", |_, _| text("12345")),
    ("账号", "ROS-0155", |_, _| text("")),
    ("账号", "ROS-0156", |_, _| text("62 17")),
    ("账号", "ROS-0134", |_, _| Cell::Number(6_228_481_234.0)),
    ("账号", "ROS-0157", |_, good| of(good, "账号")),
];

/// How many rows each sealed table has.
async fn stored(office: &Office) -> Vec<(&'static str, usize)> {
    let mut tx = office.app.db.begin_read().await.unwrap();
    let mut counts = Vec::new();
    for table in ledger_store::table::ALL {
        let book = office.who("maker").book.id.get();
        let rows = tx.query(table.select, &[book.into()]).await.unwrap();
        counts.push((table.spec.table, rows.len()));
    }
    tx.rollback().await.unwrap();
    counts
}

#[tokio::test]
async fn two_hundred_planted_faults_come_back_marked_and_none_more() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    office.roster("rural", "2022-01", &people(2)).await;
    let all = people(400);
    let (mut rows, mut planted) = (Vec::new(), BTreeSet::new());
    for (number, pair) in all.chunks(2).enumerate() {
        let (good, mut bad) = (cells(&pair[0]), cells(&pair[1]));
        let (heading, code, spoil) = KINDS[number % KINDS.len()];
        match code {
            // A second head in the household of the neighbour.
            "ROS-0114" => {
                bad[column("档案号")] = of(&good, "档案号");
                bad[column("电脑号")] = of(&good, "电脑号");
            }
            // The neighbour is paid, to the account of this row.
            "ROS-0157" => {
                bad[column("收款人")] = of(&good, "收款人");
                bad[column("收款人证件号")] = of(&good, "收款人证件号");
            }
            _ => bad[column(heading)] = spoil(&pair[1], &good),
        }
        rows.extend([good, bad]);
        let row = FIRST_ROW + 2 * u64::try_from(number).unwrap() + 1;
        planted.insert((row, heading.to_owned(), code.to_owned()));
    }
    assert_eq!(planted.len(), 200);
    let before = stored(&office).await;
    let bytes = workbook(&rows);
    let found = findings(import(&office, "名册.xlsx", &bytes, false).await);
    assert_eq!(places(&found), planted);
    assert_eq!(found.len(), 200);
    for finding in &found {
        let value = finding.place.value.clone().unwrap_or_default();
        assert!(
            finding.place.sheet.is_some() && !value.contains("61088119"),
            "{finding:?}"
        );
    }
    assert_eq!(stored(&office).await, before, "nothing was stored");

    // The marked workbook lists them all, and loaded again it has its faults in the same cells.
    let (app, maker, at) = (&office.app, office.who("maker"), month("2022-01"));
    let marked = roster::marked(app, maker, "rural", at, "名册.xlsx", &bytes).await;
    let marked = marked.unwrap().unwrap();
    let (grid, _) = read_grid(&marked);
    let list = grid
        .sheets
        .iter()
        .find(|sheet| sheet.name == "错误清单")
        .unwrap();
    assert_eq!(list.len(), 201);
    let again = findings(import(&office, "标注.xlsx", &marked, false).await);
    let cells = |places: &BTreeSet<(u64, String, String)>| -> BTreeSet<(u64, String)> {
        places
            .iter()
            .map(|(row, heading, _)| (*row, heading.clone()))
            .collect()
    };
    assert_eq!(cells(&places(&again)), cells(&planted));
    office.assert_invariants().await;
}

#[tokio::test]
async fn the_same_roster_is_read_from_every_kind_of_file() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let all = people(30);
    let csv = paper::roster(&all);
    let text = String::from_utf8(csv.clone()).unwrap();
    let rows: Vec<_> = all.iter().map(cells).collect();
    let xlsx = workbook(&rows);
    let titled =
        format!("示例县农村低保花名册\r\n\r\n{text}合计,,,,,,,,,3465.00\r\n制表人:示例甲\r\n");
    for (name, bytes) in [
        ("a.csv", csv),
        ("b.csv", GB18030.encode(&text).0.into_owned()),
        ("c.txt", xlsx),
        ("d.csv", titled.into_bytes()),
    ] {
        let answer = done(import(&office, name, &bytes, true).await);
        assert_eq!(
            (&answer["rows"], &answer["notes"]),
            (&30.into(), &0.into()),
            "{name}"
        );
    }
    let short = format!("{text}合计,,,,,,,,,3400.00\r\n");
    let found = findings(import(&office, "e.csv", short.as_bytes(), true).await);
    let expected = [(32, "核定金额".to_owned(), "ROS-0105".to_owned())];
    assert_eq!(places(&found), BTreeSet::from(expected));
}

const HEAD: &str = "户编号,镇街,户主姓名,户主身份证号码,银行卡号,金额(元),依据";
const ONE: &str = "610881190001019914";
const TWO: &str = "612722190001019910";
const THREE: &str = "61088119000101905X";

#[tokio::test]
async fn households_stand_in_one_row_or_in_several() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let wide = format!(
        "{HEAD},成员1姓名,成员1身份证号,成员1金额,成员2姓名,成员2身份证号,成员2金额\n\
         H1,东示例镇,示例甲,{ONE},6217001,100,示例,示例乙,{TWO},80,示例丙,{THREE},60\n"
    );
    let tall = format!(
        "档案号,乡镇,姓名,身份证号,与户主关系,账号,核定金额,核定依据\n\
         H1,东示例镇,示例甲,{ONE},户主,6217001,100,示例\n\
         ,,示例乙,{TWO},配偶,,80,\n\
         ,,示例丙,{THREE},子,,60,\n"
    );
    for (name, text) in [("wide.csv", wide), ("tall.csv", tall)] {
        let answer = done(import(&office, name, text.as_bytes(), true).await);
        let names = ["rows", "parties_added", "accounts_added", "started"];
        let told = names.map(|name| answer[name].as_i64());
        // Three people and a household, one account for all of them.
        assert_eq!(told, [3, 4, 1, 3].map(Some), "{name}");
    }
    let missing = format!("{HEAD}\nH1,东示例镇,示例甲,{ONE},,100,\n").replace("依据", "备注");
    let found = findings(import(&office, "m.csv", missing.as_bytes(), true).await);
    let expected = [(2, "银行卡号", "ROS-0155"), (2, "核定依据", "ROS-0148")];
    let expected = expected.map(|(row, column, code)| (row, column.to_owned(), code.to_owned()));
    assert_eq!(places(&found), BTreeSet::from(expected));
}

#[tokio::test]
async fn notes_do_not_block_and_the_example_of_the_template_is_left_out() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let (app, maker) = (&office.app, office.who("maker"));
    let template = roster::template_of(app, maker, "rural").await.unwrap();
    let answer = done(import(&office, "模板.xlsx", &template, true).await);
    assert_eq!((&answer["rows"], &answer["notes"]), (&0.into(), &0.into()));
    let mut all = people(2);
    all[0].name = "示例•甲".to_owned();
    all[0].payee.0 = all[0].name.clone();
    all[1].account = "6228481234567890129".to_owned();
    let answer = done(import(&office, "n.csv", &paper::roster(&all), true).await);
    let codes: Vec<_> = answer["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["code"])
        .collect();
    assert_eq!(codes, ["ROS-0183", "ROS-0183", "ROS-0184"]);
}

#[tokio::test]
async fn hostile_and_foreign_files_are_refused_whole() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    for bytes in [
        b"PK\x03\x04".as_slice(),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"%PDF-1.7",
        b"\xff\xfea\0",
        b"",
    ] {
        match import(&office, "r.xlsx", bytes, true).await {
            Err(Error::Refused { problem, findings }) => {
                assert!(!findings.is_empty(), "{problem}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A component of the household: its head has it, the members below or beside only say who they
/// are. An amount of a member would belong to nobody, so it is a fault.
#[tokio::test]
async fn a_household_component_stands_once_with_its_members_below_or_beside() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let rules = "[[program]]\ncode = \"rural\"\nname = \"农村低保\"\nfunction_code = \"2081902\"\n\
                 [[program.component]]\ncode = \"heating\"\nname = \"取暖补贴\"\n\
                 scope = \"household\"\nmonths = \"11\"\nstandard = [{ from = \"2022-01\", \
                 formula = \"individual\", document = \"示例〔2022〕2号\" }]\n";
    let (app, maker) = (&office.app, office.who("maker"));
    done(api::app::policy::import(app, maker, "heating.toml", rules, None).await);
    let tall = |spouse: &str| {
        format!(
            "档案号,乡镇,姓名,身份证号,与户主关系,账号,发放项目,核定金额,核定依据\n\
             H1,东示例镇,示例甲,{ONE},户主,6217001,取暖补贴,300,示例\n\
             ,,示例乙,{TWO},配偶,,,{spouse},\n\
             ,,示例丙,{THREE},子,,,,\n"
        )
    };
    let wide = |spouse: &str| {
        format!(
            "{HEAD},发放项目,成员1姓名,成员1身份证号,成员1金额\n\
             H1,东示例镇,示例甲,{ONE},6217001,300,示例,取暖补贴,示例乙,{TWO},{spouse}\n"
        )
    };
    for (name, text, parties) in [("tall.csv", tall(""), 4), ("wide.csv", wide(""), 3)] {
        let answer = done(import(&office, name, text.as_bytes(), true).await);
        // The household, its head, who is paid, and its members.
        let told = ["rows", "parties_added", "started"].map(|name| answer[name].as_i64());
        assert_eq!(told, [1, parties, 1].map(Some), "{name}");
    }
    for (name, text, row, column) in [
        ("tall.csv", tall("80"), 3, "核定金额"),
        ("wide.csv", wide("80"), 2, "成员1金额"),
    ] {
        let found = findings(import(&office, name, text.as_bytes(), true).await);
        let expected = (row, column.to_owned(), "ROS-0140".to_owned());
        assert_eq!(places(&found), BTreeSet::from([expected]), "{name}");
    }
}

/// 合计 below households whose members have amounts in columns of their own: everything, or the
/// column as a spreadsheet adds it up, which is said; anything else is a fault.
#[tokio::test]
async fn a_total_is_that_of_everybody_or_of_its_column() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let file = |total: &str| {
        format!(
            "{HEAD},成员1姓名,成员1身份证号,成员1金额\n\
             H1,东示例镇,示例甲,{ONE},6217001,100,示例,示例乙,{TWO},80\n合计,,,,,{total},\n"
        )
    };
    for (total, note) in [("180", None), ("100", Some("ROS-0108")), ("", None)] {
        let answer = done(import(&office, "t.csv", file(total).as_bytes(), true).await);
        let codes = answer["findings"].as_array().unwrap().first();
        assert_eq!(
            codes.map(|found| found["code"].as_str().unwrap()),
            note,
            "{total}"
        );
    }
    let found = findings(import(&office, "t.csv", file("150").as_bytes(), true).await);
    let expected = (3, "金额(元)".to_owned(), "ROS-0105".to_owned());
    assert_eq!(places(&found), BTreeSet::from([expected]));
}

/// People on a second sheet without headings are not paid: the sheet is named.
#[tokio::test]
async fn a_sheet_without_headings_is_named() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let all = people(3);
    let mut book = Workbook::new();
    for (name, people) in [("东示例镇", &all[..2]), ("西示例镇", &all[2..])] {
        let page = book.add_worksheet().set_name(name).unwrap();
        let mut line = 0;
        if name == "东示例镇" {
            for (place, heading) in (0..).zip(headings()) {
                page.write_string(0, place, heading).unwrap();
            }
            line = 1;
        }
        for person in people {
            for (place, cell) in (0..).zip(cells(person)) {
                if let Cell::Text(text) = cell {
                    page.write_string(line, place, text).unwrap();
                }
            }
            line += 1;
        }
    }
    book.add_worksheet().set_name("空表").unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let answer = done(import(&office, "两表.xlsx", &bytes, true).await);
    assert_eq!((&answer["rows"], &answer["notes"]), (&2.into(), &1.into()));
    let note = &answer["findings"][0];
    assert_eq!(
        (&note["code"], &note["sheet"]),
        (&"ROS-0107".into(), &"西示例镇".into())
    );
}

/// A roster that was cut short ends most awards: it must be expected, with the number.
#[tokio::test]
async fn a_roster_that_ends_most_awards_is_asked_about() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    office.roster("rural", "2022-01", &people(20)).await;
    let (app, maker) = (&office.app, office.who("maker"));
    let import = async |left: usize, expect_ended, dry_run| {
        let bytes = paper::roster(&people(left));
        let file = roster::RosterFile {
            program: "rural",
            month: month("2022-02"),
            file_name: "二月.csv",
            bytes: &bytes,
            expect_ended,
        };
        roster::import_file(app, maker, &file, dry_run, None).await
    };
    let tried = done(import(9, None, true).await);
    assert_eq!(
        (&tried["ended"], &tried["expect_ended"]),
        (&11.into(), &11.into())
    );
    for (left, expected, refusal) in [
        (9, None, Some("ROS-0005")),
        (9, Some(10), Some("ROS-0005")),
        (10, Some(9), Some("ROS-0005")),
        (9, Some(11), None),
        // Nine are few: no question.
        (1, None, None),
    ] {
        match import(left, expected, false).await {
            Ok(_) => assert_eq!(refusal, None, "{left} {expected:?}"),
            Err(Error::Refused { problem, .. }) => {
                assert_eq!(Some(problem.code()), refusal, "{left} {expected:?}");
            }
            Err(error) => panic!("{error:?}"),
        }
    }
    office.assert_invariants().await;
}

/// What changed between two months: each kind once, and an account that was changed although the
/// amount was not.
#[tokio::test(flavor = "multi_thread")]
async fn two_months_are_compared() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(5)).await;
        let mut next = people(6);
        next.remove(0);
        next[0].account = account(60);
        next[1].amount = next[1].amount.plus(Fen::new(100)).unwrap();
        next[1].account = account(61);
        next[2].amount = next[2].amount.minus(Fen::new(100)).unwrap();
        office.roster("urban", "2022-02", &next).await;
        let diff = async |from: &str, to: &str| {
            let (app, maker) = (&office.app, office.who("maker"));
            let months = (month(from), month(to));
            let all = roster::diff(app, maker, "urban", months, Page::ALL).await;
            let all = all.unwrap().json;
            // By pages of two the same comes, and the totals are of all.
            let (mut paged, mut after) = (Vec::new(), 0);
            loop {
                let page = Page { after, limit: 2 };
                let part = roster::diff(app, maker, "urban", months, page).await;
                let part = part.unwrap().json;
                assert_eq!(part["totals"], all["totals"]);
                let changes = part["changes"].as_array().unwrap();
                assert!(changes.len() <= 2, "{part}");
                paged.extend(changes.iter().cloned());
                match part["next"].as_i64() {
                    Some(next) => after = next,
                    None => break,
                }
            }
            assert_eq!(json!(paged), all["changes"]);
            let mut changes: Vec<String> = all["changes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|change| {
                    let moved = change["account_changed"].as_bool().unwrap();
                    format!("{} {moved}", change["change"].as_str().unwrap())
                })
                .collect();
            changes.sort_unstable();
            changes
        };
        let expected = [
            "account-changed true",
            "gone false",
            "lowered false",
            "new false",
            "raised true",
        ];
        assert_eq!(diff("2022-01", "2022-02").await, expected);
        assert_eq!(diff("2022-02", "2022-03").await, [""; 0]);
    })
    .await;
}

/// Rows are counted as they are checked, and parties, accounts and awards as they are stored.
#[tokio::test]
async fn an_import_says_how_far_it_is() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let bytes = acceptance::office::paper::roster(&people(30));
    for (dry_run, expected) in [(true, 31), (false, 31 + 60 + 30 + 30)] {
        let mut caller = office.who("maker").clone();
        caller.progress = api::app::progress::Progress::default();
        let (app, at) = (&office.app, month("2022-01"));
        let import = roster::import(app, &caller, "rural", at, "r.csv", &bytes, dry_run, None);
        done(import.await);
        assert_eq!(caller.progress.get(), (expected, expected));
    }
}

/// What the program takes at most while it does something, in kB, as Linux counts it. The peak only
/// grows, so that looking again and again sees it until just before the end.
#[cfg(target_os = "linux")]
fn peak(mut child: std::process::Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        most = kilobytes.map_or(most, |text| text.parse().unwrap());
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    most
}

/// A program that grants one amount to everybody.
#[cfg(target_os = "linux")]
const MANY: &str = r#"
[[program]]
code = "many"
name = "示例普惠补贴"
[[program.component]]
code = "living"
name = "生活补贴"
scope = "person"
months = "1-12"
standard = [{ from = "2022-01", formula = "amount", amount = "15", document = "示例〔2022〕1号" }]
"#;

/// So many people without amounts: in a workbook, or as text where one would take long to make.
#[cfg(target_os = "linux")]
fn many(people: usize) -> Vec<u8> {
    let heads = ["档案号", "乡镇", "姓名", "身份证号", "发放项目", "账号"];
    let row = |n: usize| {
        let (year, month, day) = (1950 + n / 9_000, 1 + n % 12, 1 + n % 28);
        let order = n % 9_000 / 12 % 1_000;
        [
            format!("D{n:06}"),
            format!("第{}示例镇", n % 20),
            "测试人".to_owned(),
            checked(&format!("610881{year:04}{month:02}{day:02}{order:03}")),
            "living".to_owned(),
            format!("90{n:015}"),
        ]
    };
    if people > 50_000 {
        let rows: String = (0..people).map(|n| row(n).join(",") + "\n").collect();
        return format!("{}\n{rows}", heads.join(",")).into_bytes();
    }
    let mut workbook = Workbook::new();
    let page = workbook.add_worksheet();
    page.write_row(0, 0, heads).unwrap();
    for (line, n) in (1..).zip(0..people) {
        page.write_row(line, 0, row(n)).unwrap();
    }
    workbook.save_to_buffer().unwrap()
}

/// The rows of a roster stay on the disk: fifty thousand take little more memory than five
/// thousand, and two hundred thousand, the most there may be, little more than that. (With all
/// rows in memory it was 65 MB more for each fifty thousand.)
#[cfg(target_os = "linux")]
#[test]
fn rosters_of_any_size_take_about_the_same_memory() {
    use acceptance::program::Huimin;
    let dir = tempfile::tempdir().unwrap();
    let terminal = Huimin::at(dir.path()).db("sqlite://many.db");
    terminal.done("init");
    terminal.done("book add b --name 示例局 --region 610881");
    let password = "ten-letters-9";
    let add = |terminal: &Huimin, line| {
        let added = terminal.run_with_new_password(line, password);
        added.expect_status(0);
    };
    add(&terminal, "user add admin --name 管理员 --roles admin");
    let admin = terminal.user_with("admin", password);
    add(&admin, "user add maker --name 经办 --roles maker");
    let maker = terminal.user_with("maker", password);
    std::fs::write(dir.path().join("many.toml"), MANY).unwrap();
    maker.done("policy import --file many.toml");
    let mut peaks = Vec::new();
    for (people, month) in [
        (5_000, "2022-01"),
        (50_000, "2022-02"),
        (200_000, "2022-03"),
    ] {
        std::fs::write(dir.path().join("r.xlsx"), many(people)).unwrap();
        let line = format!("roster import --program many --month {month} r.xlsx");
        peaks.push(peak(maker.start(&line)));
        let rows = maker.done(&format!("{line} --dry-run"));
        assert_eq!(rows["rows"], people);
        assert_eq!(rows["unchanged"], people, "it came in");
    }
    println!("peaks in kB: {peaks:?}");
    assert!(peaks[1] < peaks[0] + 45_000, "{peaks:?}");
    assert!(peaks[2] < peaks[1] + 60_000, "{peaks:?}");
    std::fs::write(dir.path().join("r"), many(200_001)).unwrap();
    let refused = maker.refused("roster import --program many --month 2022-04 r");
    assert_eq!(refused["code"], "ROS-0002", "{refused}");
    assert_eq!(refused["findings"][0]["code"], "ROS-0103", "{refused}");
}

/// Members in columns under other headings than 成员1姓名, in two rows of headings, and in columns
/// that nobody knows: those were left out without a word.
#[tokio::test]
async fn members_stand_under_many_headings_and_none_is_dropped() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let head = "户编号,镇街,户主姓名,户主身份证号,卡号,金额,依据";
    let row = format!("H1,东示例镇,示例甲,{ONE},6217001,100,示例");
    let file = |more: &str, cells: &str| format!("{head},{more}\n{row},{cells}\n");
    let two = format!("示例乙,{TWO},80");
    for (more, cells) in [
        ("成员姓名1,成员身份证号1,成员金额1", two.clone()),
        ("家庭成员姓名,家庭成员身份证,家庭成员金额", two.clone()),
        ("配偶姓名,配偶身份证号,配偶金额", two.clone()),
        (
            "成员姓名,成员身份证号,成员金额,成员姓名,成员身份证号,成员金额",
            format!("{two},示例丙,{THREE},60"),
        ),
    ] {
        let text = file(more, &cells);
        let answer = done(import(&office, "m.csv", text.as_bytes(), true).await);
        let people = 1 + cells.split(',').count() / 3;
        assert_eq!(answer["rows"], people, "{more}");
        assert_eq!(answer["notes"], 0, "{more} {answer}");
    }
    let again = format!(
        "档案号,乡镇,账号,核定依据,姓名,身份证号,核定金额,姓名,身份证号,核定金额\n\
         H1,东示例镇,6217001,示例,示例甲,{ONE},100,{two}\n"
    );
    let above = format!(
        "档案号,乡镇,账号,核定依据,户主信息,,,家庭成员,,\n\
         ,,,,姓名,身份证号,核定金额,姓名,身份证号,金额\n\
         H1,东示例镇,6217001,示例,示例甲,{ONE},100,{two}\n"
    );
    for text in [again, above] {
        let answer = done(import(&office, "a.csv", text.as_bytes(), true).await);
        let told = (&answer["rows"], &answer["notes"]);
        assert_eq!(told, (&2.into(), &0.into()), "{text}");
    }
    // A column that is not known is named, and one with identity numbers is refused.
    let text = file("序号,民族", "1,汉");
    let answer = done(import(&office, "n.csv", text.as_bytes(), true).await);
    assert_eq!(answer["findings"][0]["code"], "ROS-0109");
    assert_eq!(answer["notes"], 1);
    let text = file("共同生活人,共同生活人证件", &format!("示例乙,{TWO}"));
    let found = findings(import(&office, "i.csv", text.as_bytes(), true).await);
    let place = |column: &str, code: &str| (1, column.to_owned(), code.to_owned());
    let expected = [
        place("共同生活人", "ROS-0109"),
        place("共同生活人证件", "ROS-0110"),
    ];
    assert_eq!(places(&found), BTreeSet::from(expected));
    let text =
        format!("档案号,乡镇,账号,姓名,身份证号,姓名\nH1,东示例镇,6217001,示例甲,{ONE},示例乙\n");
    let found = findings(import(&office, "t.csv", text.as_bytes(), true).await);
    assert!(found.iter().any(|one| one.code == "ROS-0102"));
}
