//! What rosters say otherwise of households and people that the book knows: they move, change their
//! names, have another head; and a file number that is another family's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::office::paper::{account, people};
use acceptance::office::{Office, done, month};
use acceptance::{TestDb, for_each_engine};
use api::app::exception::Page;
use api::app::roster;
use api::app::{Done, Error, clash, personal, run};
use ledger::id::RunId;
use ledger_store::run::RunKind;
use serde_json::{Value, json};

const HEAD: &str = "档案号,乡镇,村(社区),姓名,身份证号,与户主关系,户主姓名,收款人,收款人证件号,\
                    账号,核定金额,核定依据";
const ONE: &str = "610881190001019914";
const TWO: &str = "612722190001019910";
const THREE: &str = "61088119000101905X";

/// Imports rows of people under [`HEAD`].
async fn import(
    office: &Office,
    (program, at): (&str, &str),
    rows: &str,
    dry: bool,
) -> Result<Done, Error> {
    let (app, maker) = (&office.app, office.who("maker"));
    let text = format!("{HEAD}\n{rows}");
    let bytes = text.as_bytes();
    let name = format!("{program}-{at}.csv");
    roster::import(app, maker, program, month(at), &name, bytes, dry, None).await
}

fn counts(answer: &Value) -> [i64; 4] {
    let names = ["renamed", "relocated", "heads_changed", "notes"];
    names.map(|name| answer[name].as_i64().unwrap())
}

/// The codes of what a refused import found, with the columns.
fn found(result: Result<Done, Error>) -> Vec<String> {
    match result {
        Err(Error::Refused { problem, findings }) if problem.code() == "ROS-0002" => findings
            .iter()
            .map(|one| format!("{} {}", one.code, one.place.column.clone().unwrap()))
            .collect(),
        other => panic!("not refused: {other:?}"),
    }
}

/// The township and payee of each payment of a run.
async fn lines(office: &Office, run: RunId) -> Vec<String> {
    let report = run::lines(&office.app, office.who("manager"), run, 10).await;
    let json = report.unwrap().json;
    let lines = json["lines"].as_array().unwrap().iter();
    lines
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            text("township") + " " + &text("payee")
        })
        .collect()
}

/// The checks that found something in a run.
async fn checks(office: &Office, run: RunId) -> Vec<String> {
    let report = clash::findings(&office.app, office.who("maker"), run, 10).await;
    let json = report.unwrap().json;
    let checks = json["checks"].as_array().unwrap().iter();
    checks
        .map(|check| check["code"].as_str().unwrap().to_owned())
        .collect()
}

/// In February one household moves, one person has another name, and one account is another one
/// although the amount is raised as well. What January paid keeps what it said; February and the
/// roster have what holds now; and a roster that comes late for January changes nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn who_moves_or_changes_the_name_is_found_where_they_are() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let before = people(4);
        office.roster("urban", "2022-01", &before).await;
        let (january, files) = office.pay("urban", RunKind::Regular, "2022-01").await;
        assert_eq!(files.len(), 1);
        let paid = lines(&office, january).await;
        let mut after = before.clone();
        "东示例镇".clone_into(&mut after[0].township);
        "新名字".clone_into(&mut after[1].name);
        after[1].payee.0 = after[1].name.clone();
        after[2].account = account(61);
        after[2].amount = after[2].amount.plus(after[2].amount).unwrap();
        office.on("2022-02-05");
        let answer = office.roster("urban", "2022-02", &after).await;
        // The moved person and household; the renamed person, who is the head of a household.
        assert_eq!(counts(&answer), [1, 2, 1, 3], "{answer}");
        let again = office.roster("urban", "2022-02", &after).await;
        assert_eq!(counts(&again), [0, 0, 0, 0]);

        let february = office.create("urban", RunKind::Regular, "2022-02").await;
        let february = february.unwrap();
        office.walk(february, 1).await;
        assert_eq!(checks(&office, february).await, ["A10N", "A24N"]);
        let now = lines(&office, february).await;
        assert_eq!(lines(&office, january).await, paid);
        assert_eq!(
            [&paid[..2], &now[..2]].concat(),
            [
                "西示例镇 测*一",
                "南示例乡 测*二",
                "东示例镇 测*一",
                "南示例乡 新*字"
            ]
        );
        let people = roster::list(
            &office.app,
            office.who("manager"),
            "urban",
            month("2022-01"),
        );
        let listed = people.await.unwrap().json.to_string();
        assert!(!listed.contains("新*字"), "{listed}");

        let months = (month("2022-01"), month("2022-02"));
        let manager = office.who("manager");
        let diff = roster::diff(&office.app, manager, "urban", months, Page::ALL).await;
        let diff = diff.unwrap().json;
        let kinds = diff["changes"].as_array().unwrap().iter();
        let mut kinds: Vec<&str> = kinds.map(|one| one["change"].as_str().unwrap()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["holder-changed", "moved", "raised"]);
        let marks = json!({
            "account_changed": 1, "holder_changed": 1, "renamed": 1, "moved": 1,
        });
        assert_eq!(diff["marks"], marks);

        // By the old name and by the new one.
        for name in ["测试二", "新名字"] {
            let report = personal::search(&office.app, manager, name, "").await;
            let json = report.unwrap().json;
            assert_eq!(json["found"].as_array().unwrap().len(), 2, "{name} {json}");
            assert_eq!(json["found"][0]["name"], "新*字");
        }
        office.assert_invariants().await;
    })
    .await;
}

/// Who the head is: the one in relation 户主, else the one of 户主姓名, else who is paid, else the
/// first of the household.
#[tokio::test]
async fn the_head_is_the_one_whom_the_roster_names() {
    let one = format!("示例甲,{ONE}");
    let two = format!("示例乙,{TWO}");
    for (rows, head) in [
        (
            [format!("{one},配偶,,,"), format!("{two},户主,,,")],
            "示*乙",
        ),
        (
            [format!("{one},,示例乙,,"), format!("{two},,示例乙,,")],
            "示*乙",
        ),
        (
            [
                format!("{one},,,示例丙,{THREE}"),
                format!("{two},,,示例丙,{THREE}"),
            ],
            "示*丙",
        ),
        ([format!("{one},,,,"), format!("{two},,,,")], "示*甲"),
    ] {
        let database = TestDb::sqlite();
        let office = Office::funded(database.url()).await;
        let rows: Vec<String> = rows
            .iter()
            .zip(["6217001", "6217002"])
            .map(|(person, number)| {
                let number = if person.contains(THREE) {
                    "6217003"
                } else {
                    number
                };
                format!("H1,东示例镇,示例村,{person},{number},100,示例\n")
            })
            .collect();
        done(import(&office, ("rural", "2022-01"), &rows.concat(), false).await);
        let report = personal::search(&office.app, office.who("manager"), "H1", "").await;
        assert_eq!(report.unwrap().json["found"][0]["name"], head, "{rows:?}");
    }
}

/// A roster that says who the head is changes the head; one of another program that names somebody
/// of the household does not.
#[tokio::test]
async fn another_head_is_followed_where_the_roster_says_so() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let one =
        |relation| format!("H1,东示例镇,示例村,示例甲,{ONE},{relation},,,,6217001,100,示例\n");
    let two = |relation| format!("H1,东示例镇,示例村,示例乙,{TWO},{relation},,,,6217002,80,示例\n");
    for (program, at, rows, expected) in [
        ("rural", "2022-01", one("户主") + &two("配偶"), [0, 0, 0, 0]),
        ("urban", "2022-01", two(""), [0, 0, 0, 0]),
        ("rural", "2022-02", two("户主"), [0, 0, 1, 1]),
        ("rural", "2022-03", two("户主"), [0, 0, 0, 0]),
    ] {
        let answer = done(import(&office, (program, at), &rows, false).await);
        assert_eq!(counts(&answer), expected, "{program} {at}");
    }
    office.assert_invariants().await;
}

/// File number 0001 of another program is another family's: the two were merged, and the second was
/// published under the name and village of the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_number_of_another_family_is_refused() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let first = format!("0001,甲镇,一村,示例甲,{ONE},户主,,,,6217001,100,示例\n");
        done(import(&office, ("rural", "2022-01"), &first, false).await);
        let row = |place: &str, name: &str, number: &str| {
            format!("0001,{place},{name},{number},户主,,,,6217002,80,示例\n")
        };
        let strange = row("乙镇,九村", "示例乙", TWO);
        let other = row("甲镇,一村", "示例乙", TWO);
        for (program, at, rows) in [
            // Of another program, elsewhere and in the same village; of the same one, elsewhere.
            ("urban", "2022-01", &strange),
            ("urban", "2022-01", &other),
            ("rural", "2022-02", &strange),
        ] {
            let result = import(&office, (program, at), rows, true).await;
            let all = found(result);
            let taken = all.iter().filter(|one| *one == "ROS-0116 档案号");
            assert_eq!(taken.count(), 1, "{program} {at}: {all:?}");
        }
        // The marked workbook has it, too.
        let (app, maker) = (&office.app, office.who("maker"));
        let text = format!("{HEAD}\n{strange}");
        let bytes = text.as_bytes();
        let marked = roster::marked(app, maker, "urban", month("2022-01"), "m.csv", bytes).await;
        assert!(marked.unwrap().is_some());
        // The same family in another program, and its next head in the same program.
        for (program, at, rows) in [("urban", "2022-01", &first), ("rural", "2022-02", &other)] {
            done(import(&office, (program, at), rows, false).await);
        }
        office.assert_invariants().await;
    })
    .await;
}

/// One identity number has one name, also where it is the payee's.
#[tokio::test]
async fn a_payee_with_another_name_than_the_person_is_refused() {
    let database = TestDb::sqlite();
    let office = Office::funded(database.url()).await;
    let rows = format!(
        "H1,东示例镇,示例村,示例甲,{ONE},户主,,,,6217001,100,示例\n\
         H2,东示例镇,示例村,示例乙,{TWO},户主,,示例丁,{ONE},6217001,100,示例\n"
    );
    let result = import(&office, ("rural", "2022-01"), &rows, true).await;
    assert_eq!(found(result), ["ROS-0137 收款人"]);
}
