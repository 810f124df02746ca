//! Funding over the year: what is missing before anybody approves, letters in mid-year, the turn of
//! the year, and where each appropriation's money went.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use acceptance::for_each_engine;
use acceptance::office::paper::{BatchFile, Outcome, account, movement, people};
use acceptance::office::{Office, WAY, day, done, month, refused, told};
use api::app::appropriation::{self, NewAppropriation, NewCarryOver, NewReduction};
use api::app::{Done, Error, audit, funding, period, policy, reconcile, release, report, year};
use ledger::account::Chart;
use ledger::disbursement::workflow::RunEvent;
use ledger::fund::Level;
use ledger::id::RunId;
use ledger::money::Fen;
use ledger::problem::Language;
use ledger_store::run::RunKind;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};

/// Five people of 101 to 105 yuan.
const FIVE: i64 = 51_500;

/// Two more programs on the account whose bank takes only what succeeds.
const PROGRAMS: &str = r#"
[[program]]
code = "ordered"
name = "顺序支用"
function_code = "2081902"
funding = { bank_account = "csv" }
component = [{ code = "living", name = "低保金", scope = "person", months = "1-12", standard = [
  { from = "2022-01", formula = "individual", document = "示例〔2022〕1号" }] }]

[[program]]
code = "shared"
name = "多级配套"
function_code = "2081902"
funding = { bank_account = "csv", shares = [
  { level = "central", parts = 6 },
  { level = "province", parts = 3 },
  { level = "county", parts = 1 },
] }
component = [{ code = "living", name = "低保金", scope = "person", months = "1-12", standard = [
  { from = "2022-01", formula = "individual", document = "示例〔2022〕1号" }] }]
"#;

async fn open(url: &str) -> Office {
    let office = Office::open(url).await;
    let (app, maker) = (&office.app, office.who("maker"));
    done(policy::import(app, maker, "more.toml", PROGRAMS, None).await);
    office
}

/// A letter of any budget year arrives today.
async fn grant(
    office: &Office,
    document: &str,
    level: Level,
    program: &str,
    (year, fen): (i64, i64),
) {
    let new = NewAppropriation {
        document: document.to_owned(),
        level,
        budget_year: year,
        program: program.to_owned(),
        bank_account: if program == "urban" { "icbc" } else { "csv" }.to_owned(),
        amount: Fen::new(fen),
        received_on: office.app.clock.today(),
        priority: 1,
    };
    done(appropriation::add(&office.app, office.who("accountant"), &new, None).await);
}

async fn reduce(office: &Office, document: &str, by: &str, fen: i64) -> Result<Done, Error> {
    let new = NewReduction {
        document: document.to_owned(),
        program: None,
        by: by.to_owned(),
        amount: Fen::new(fen),
        on: None,
    };
    appropriation::reduce(&office.app, office.who("accountant"), &new, None).await
}

async fn carry(office: &Office, document: &str, to: i64, fen: Option<i64>) -> Result<Done, Error> {
    let new = NewCarryOver {
        document: document.to_owned(),
        program: None,
        to,
        amount: fen.map(Fen::new),
        by: "示例财〔2023〕1号".to_owned(),
    };
    appropriation::carry_over(&office.app, office.who("accountant"), &new, None).await
}

async fn give_back(
    office: &Office,
    letter: (&str, &str),
    fen: i64,
    on: &str,
) -> Result<Done, Error> {
    let (app, who) = (&office.app, office.who("accountant"));
    let (document, program) = letter;
    let back = appropriation::return_to_treasury;
    back(
        app,
        who,
        document,
        program,
        Fen::new(fen),
        Some(day(on)),
        None,
    )
    .await
}

async fn close_year(office: &Office, of: i32, carry_over: Option<&str>) -> Result<Done, Error> {
    year::close(&office.app, office.who("accountant"), of, carry_over, None).await
}

async fn funding_of(office: &Office, run: RunId) -> (Value, bool) {
    let report = funding::show(&office.app, office.who("maker"), run)
        .await
        .unwrap();
    (report.json, report.found)
}

/// A figure of each row of a list, by another field.
fn figures(list: &Value, key: &str, fields: &[&str]) -> Vec<String> {
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| {
        let numbers = fields.iter().map(|field| row[*field].to_string());
        let name = row[key].as_str().unwrap_or("any");
        format!("{name} {}", numbers.collect::<Vec<_>>().join(" "))
    })
    .collect()
}

async fn execution(office: &Office, of: i32) -> Value {
    let manager = office.who("manager");
    let report = report::execution(&office.app, manager, of).await.unwrap();
    assert!(!report.found, "{}", report.json);
    report.json
}

async fn letters(office: &Office) -> Vec<Value> {
    let manager = office.who("manager");
    let list = appropriation::list(&office.app, manager).await.unwrap();
    list.json["appropriations"].as_array().unwrap().clone()
}

/// 700 yuan for two months of 515: the program, what the second month lacks by level, and the
/// supplementary letters that it takes.
type Dry = (
    &'static str,
    &'static [(&'static str, [i64; 4])],
    &'static [(Level, i64)],
);

const DRY: &[Dry] = &[
    (
        "ordered",
        &[("any", [FIVE, 70_000, FIVE, 33_000])],
        &[(Level::County, 33_000)],
    ),
    (
        "shared",
        &[
            ("central", [30_900, 40_000, 30_900, 21_800]),
            ("province", [15_450, 20_000, 15_450, 10_900]),
            ("county", [5_150, 10_000, 5_150, 300]),
        ],
        &[
            (Level::Central, 21_800),
            (Level::Province, 10_900),
            (Level::County, 300),
        ],
    ),
];

/// The second run is told what it lacks while the first is approved and not released; with the
/// supplementary letters of each level both are paid, and nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn an_appropriation_runs_dry_in_the_middle_of_a_run() {
    for_each_engine(async |url| {
        let office = open(url).await;
        for (program, levels, more) in DRY {
            for (level, fen) in [
                (Level::Central, 40_000),
                (Level::Province, 20_000),
                (Level::County, 10_000),
            ] {
                let document = format!("{program}{}", level.code());
                grant(&office, &document, level, program, (2022, fen)).await;
            }
            office.roster(program, "2022-01", &people(5)).await;
            let first = office
                .create(program, RunKind::Regular, "2022-01")
                .await
                .unwrap();
            office.walk(first, WAY.len() - 1).await;
            let second = office
                .create(program, RunKind::Regular, "2022-02")
                .await
                .unwrap();
            let (json, found) = funding_of(&office, second).await;
            assert!(found);
            let fields = ["wanted_fen", "available_fen", "claimed_fen", "missing_fen"];
            let expected = levels
                .iter()
                .map(|(level, [a, b, c, d])| format!("{level} {a} {b} {c} {d}"));
            assert_eq!(
                figures(&json["levels"], "level", &fields),
                expected.collect::<Vec<_>>()
            );
            assert_eq!(json["missing_fen"], 33_000);
            assert_eq!(
                json["claims"],
                json!([
                    { "run": first.get(), "month": "2022-01", "total_fen": FIVE }
                ])
            );
            let problem = refused(office.act("maker", RunEvent::Check, second, None).await);
            assert_eq!(problem.code(), "RUN-0004");
            let title = problem.title(Language::Zh);
            assert!(title.contains("缺 330.00 元"), "{title}");
            for (level, fen) in more.iter().filter(|_| levels.len() > 1) {
                let named = format!("{}: {}", level.code(), Fen::new(*fen).grouped());
                assert!(title.contains(&named), "{title}");
            }
            assert!(
                problem
                    .next(Language::En)
                    .contains("supplementary quota letter")
            );
            for (level, fen) in *more {
                let document = format!("{program}{}追加", level.code());
                grant(&office, &document, *level, program, (2022, *fen)).await;
            }
            assert!(!funding_of(&office, second).await.1);
            office.walk(second, WAY.len() - 1).await;
            for run in [second, first] {
                done(office.act("cashier", RunEvent::Release, run, None).await);
            }
            assert_eq!(funding_of(&office, first).await.0["wanted_fen"], 0);
            let own = letters(&office).await;
            let own = own.iter().filter(|letter| letter["program"] == *program);
            assert!(own.clone().all(|letter| letter["left_fen"] == 0));
            assert_eq!(own.count(), 3 + more.len());
            office.assert_invariants().await;
        }
    })
    .await;
}

/// Both were checked while neither was approved: the second approval is refused.
/// Money is entered once it has come, and goes out neither before the approval nor tomorrow.
#[tokio::test(flavor = "multi_thread")]
async fn money_goes_out_once_it_is_there_and_approved() {
    for_each_engine(async |url| {
        let office = open(url).await;
        office.on("2022-01-10");
        let letter = |on: &str| NewAppropriation {
            document: "县示例11号".to_owned(),
            level: Level::County,
            budget_year: 2022,
            program: "rural".to_owned(),
            bank_account: "csv".to_owned(),
            amount: Fen::new(100_000_000),
            received_on: day(on),
            priority: 1,
        };
        let accountant = office.who("accountant");
        let early = appropriation::add(&office.app, accountant, &letter("2022-01-11"), None).await;
        assert_eq!(told(&early), "CMD-0003", "the money is not there");
        done(appropriation::add(&office.app, accountant, &letter("2022-01-10"), None).await);
        office.roster("rural", "2022-01", &people(2)).await;
        let id = office
            .create("rural", RunKind::Regular, "2022-01")
            .await
            .unwrap();
        office.walk(id, WAY.len() - 2).await;
        office.on("2022-01-14");
        let (login, event) = WAY[WAY.len() - 2];
        done(office.act(login, event, id, None).await);
        assert_eq!(event, RunEvent::Approve);
        office.on("2022-01-17");
        let cashier = office.who("cashier");
        for on in ["2022-01-13", "2022-01-18"] {
            let refused = release::release(&office.app, cashier, id, Some(day(on)), None).await;
            assert_eq!(told(&refused), "CMD-0003", "{on}");
        }
        let on = Some(day("2022-01-14"));
        done(release::release(&office.app, cashier, id, on, None).await);
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_counts_what_was_approved_before_it() {
    for_each_engine(async |url| {
        let office = open(url).await;
        grant(&office, "县1", Level::County, "ordered", (2022, 60_000)).await;
        office.roster("ordered", "2022-01", &people(5)).await;
        let mut runs = Vec::new();
        for month in ["2022-01", "2022-02"] {
            let run = office
                .create("ordered", RunKind::Regular, month)
                .await
                .unwrap();
            office.walk(run, WAY.len() - 2).await;
            runs.push(run);
        }
        done(
            office
                .act("approver", RunEvent::Approve, runs[0], None)
                .await,
        );
        let second = office
            .act("approver", RunEvent::Approve, runs[1], None)
            .await;
        assert_eq!(refused(second).code(), "RUN-0004");
        office.assert_invariants().await;
    })
    .await;
}

/// What a letter is reduced by: document, new document, fen, and what comes of it.
const REDUCTIONS: &[(&str, &str, i64, &str)] = &[
    ("无此文", "减1", 100, "CMD-0001"),
    ("两项", "减1", 100, "CMD-0003"),
    ("县1", "减1", 0, "LED-0003"),
    ("县1", "减1", -5, "LED-0003"),
    ("县1", " ", 100, "CMD-0003"),
    ("县1", "减1", 48_501, "LED-0002"),
    ("县1", "减1", 8_500, "done"),
    ("县1", "减1", 1, "CMD-0002"),
    ("县1", "减2", 40_001, "LED-0002"),
    ("县1", "减2", 30_000, "done"),
];

#[tokio::test(flavor = "multi_thread")]
async fn letters_in_mid_year_add_and_take_back() {
    for_each_engine(async |url| {
        let office = open(url).await;
        grant(&office, "县1", Level::County, "ordered", (2022, 100_000)).await;
        grant(&office, "两项", Level::County, "ordered", (2022, 1_000)).await;
        grant(&office, "两项", Level::County, "shared", (2022, 1_000)).await;
        office.roster("ordered", "2022-01", &people(5)).await;
        let batch = office.pay_month("ordered", "2022-01").await;
        office.answer(&batch, |_| Outcome::Paid).await;
        office.on("2022-07-01");
        for (document, by, fen, expected) in REDUCTIONS {
            let result = reduce(&office, document, by, *fen).await;
            assert_eq!(told(&result), *expected, "{document} {by} {fen}");
        }
        grant(&office, "县追加", Level::County, "ordered", (2022, 7_000)).await;
        // What came in July was not there in June, whatever is there now.
        let early = give_back(&office, ("县追加", "ordered"), 1_000, "2022-06-30").await;
        assert_eq!(told(&early), "LED-0002");
        done(give_back(&office, ("县1", "ordered"), 1_000, "2022-07-02").await);
        let fields = [
            "amount_fen",
            "reduced_fen",
            "drawn_fen",
            "returned_fen",
            "left_fen",
        ];
        let list = Value::Array(letters(&office).await);
        assert_eq!(
            figures(&list, "document", &fields),
            [
                "县1 100000 38500 51500 1000 9000",
                "两项 1000 0 0 0 1000",
                "两项 1000 0 0 0 1000",
                "县追加 7000 0 0 0 7000",
            ]
        );
        // The bank shows what was taken back as a debit of its size.
        let seen = [
            movement("2022-01-04", 100_000, "县1"),
            movement("2022-01-04", 1_000, "两项"),
            movement("2022-01-04", 1_000, "两项"),
            movement("2022-01-04", -FIVE, format!("代发 {}", batch.number)),
            movement("2022-07-01", -8_500, "减1"),
            movement("2022-07-01", -30_000, "减2"),
            movement("2022-07-01", 7_000, "县追加"),
            movement("2022-07-02", -1_000, "缴回"),
        ];
        office
            .statement("csv", ("2022-01-01", "2022-07-31"), &seen)
            .await;
        office.assert_invariants().await;
        let year = execution(&office, 2022).await;
        let fields = [
            "granted_fen",
            "adjusted_fen",
            "drawn_fen",
            "paid_fen",
            "returned_fen",
            "left_fen",
        ];
        assert_eq!(
            figures(&year["programs"], "program", &fields),
            [
                "ordered 108000 -38500 51500 51500 1000 17000",
                "shared 1000 0 0 0 0 1000",
            ]
        );
        assert_eq!(
            year["total"]["rate"]["percent"], "73.05 %",
            "515 of 705 yuan"
        );
    })
    .await;
}

/// The accounts that count one year.
const OF_THE_YEAR: [Chart; 7] = [
    Chart::AppropriationIncome,
    Chart::Expense,
    Chart::YearSurplus,
    Chart::PriorYearAdjustment,
    Chart::BudgetIncome,
    Chart::BudgetExpense,
    Chart::OpeningAdjustment,
];

/// Both banks are sent December for five people each; urban: two fail and one refund is home
/// before the year ends; rural: one fails, one stays without an answer.
async fn december(office: &Office) -> [BatchFile; 2] {
    office.on("2022-12-05");
    grant(office, "省1", Level::Province, "urban", (2022, 300_000)).await;
    grant(office, "县1", Level::County, "rural", (2022, 300_000)).await;
    for program in ["urban", "rural"] {
        office.roster(program, "2022-12", &people(5)).await;
    }
    office.on("2022-12-10");
    let urban = office.pay_month("urban", "2022-12").await;
    let rural = office.pay_month("rural", "2022-12").await;
    let busy = |place| {
        if place < 2 {
            Outcome::Failed("系统忙")
        } else {
            Outcome::Paid
        }
    };
    office.answer(&urban, busy).await;
    let half = |place| match place {
        0 => Outcome::Failed("系统忙"),
        1 => Outcome::Pending,
        _ => Outcome::Paid,
    };
    office.answer(&rural, half).await;
    let at_icbc = [
        movement("2022-12-05", 300_000, "省1"),
        movement("2022-12-10", -FIVE, format!("代发 {}", urban.number)),
        movement("2022-12-20", 10_100, format!("退回 {}", urban.lines[0].key)),
    ];
    office
        .statement("icbc", ("2022-12-01", "2022-12-31"), &at_icbc)
        .await;
    let at_csv = [
        movement("2022-12-05", 300_000, "县1"),
        movement("2022-12-11", -31_200, format!("代发 {}", rural.number)),
    ];
    office
        .statement("csv", ("2022-12-01", "2022-12-31"), &at_csv)
        .await;
    office.assert_invariants().await;
    [urban, rural]
}

/// The bank fails what it had not answered in December.
async fn late_answer(office: &Office, rural: &BatchFile) {
    let rows = vec![(rural.lines[1].clone(), Outcome::Failed("系统忙"))];
    let answer = office.answer_lines(rural, &rows).await;
    assert_eq!(answer["failed"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn december_closes_with_the_year_and_its_failures_are_paid_in_january() {
    for_each_engine(async |url| {
        let office = open(url).await;
        let [urban, rural] = december(&office).await;
        close_2022(&office).await;
        january(&office, &urban, &rural).await;
        let of_2023 = execution(&office, 2023).await;
        let fields = [
            "granted_fen",
            "carried_in_fen",
            "home_fen",
            "drawn_fen",
            "paid_fen",
            "in_transit_fen",
            "awaited_fen",
            "returned_fen",
            "carried_out_fen",
            "left_fen",
        ];
        // January of the five and the three of December; one of the three had been paid before.
        let left = 200_000 + 20_500 - 30_600 - FIVE;
        assert_eq!(
            figures(&of_2023["appropriations"], "document", &fields),
            [
                format!(
                    "省1 0 200000 20500 {} {} 0 0 0 0 {left}",
                    30_600 + FIVE,
                    30_600 + FIVE - 10_300
                ),
                "省2 100000 0 0 0 0 0 0 0 0 100000".to_owned(),
                "县1 0 258600 10200 20300 20300 0 0 0 0 248500".to_owned(),
            ]
        );
        let of_2022 = execution(&office, 2022).await;
        assert_eq!(
            figures(&of_2022["appropriations"], "document", &fields),
            [
                "省1 300000 0 0 41400 31200 0 10200 58600 200000 0",
                "县1 300000 0 0 41400 31200 10200 0 0 258600 0",
            ]
        );
        assert_eq!(of_2022["programs"][0]["ledger_fen"], 41_400);
    })
    .await;
}

/// Everything that stands against closing the year, and the close.
async fn close_2022(office: &Office) {
    let accountant = office.who("accountant");
    let early = close_year(office, 2022, Some("结转1号")).await;
    assert_eq!(refused(early).code(), "LED-0006", "the year has not ended");
    office.on("2022-12-31");
    let alone = period::close(&office.app, accountant, month("2022-12"), None).await;
    let problem = refused(alone);
    assert_eq!(problem.code(), "FND-0001");
    assert!(
        problem
            .next(Language::Zh)
            .contains("huimin year close 2022")
    );
    let listed = async || {
        let problem = refused(close_year(office, 2022, None).await);
        assert_eq!(problem.code(), "FND-0002");
        problem.title(Language::En)
    };
    let title = listed().await;
    assert!(title.contains("2 appropriations"), "{title}");
    assert!(
        title.contains("省1 结余 left 2,586.00 结转 carried over 0.00"),
        "{title}"
    );
    for (to, fen, expected) in [
        (2022, None, "FND-0003"),
        (2024, None, "FND-0003"),
        (2023, Some(258_601), "FND-0003"),
        (2023, Some(-1), "FND-0003"),
        (2023, Some(1), "done"),
        // The newest decision counts.
        (2023, Some(200_000), "done"),
    ] {
        let result = carry(office, "省1", to, fen).await;
        assert_eq!(told(&result), expected, "{to} {fen:?}");
    }
    assert!(listed().await.contains("carried over 2,000.00"));
    done(give_back(office, ("省1", "urban"), 58_600, "2022-12-31").await);
    let title = listed().await;
    assert!(
        title.contains("1 appropriations") && title.contains("县1"),
        "{title}"
    );
    all_is_carried_over(office).await;
}

/// The close itself, and what it leaves.
async fn all_is_carried_over(office: &Office) {
    let accountant = office.who("accountant");
    let answer = done(close_year(office, 2022, Some("结转1号")).await);
    assert_eq!(answer["closing_vouchers"].as_array().unwrap().len(), 2);
    assert_eq!(
        answer["carried_over"],
        json!([
            { "document": "省1", "amount_fen": 200_000, "by": "示例财〔2023〕1号" },
            { "document": "县1", "amount_fen": 258_600, "by": "结转1号" },
        ])
    );
    assert_eq!(answer["open_runs"].as_array().unwrap().len(), 2);
    assert_eq!(office.balances(OF_THE_YEAR).await, [0; 7]);
    let kept = [
        Chart::Surplus,
        Chart::CarriedOver,
        Chart::FundsBalance,
        Chart::Payable,
    ];
    assert_eq!(
        office.balances(kept).await,
        [438_400, 458_600, 458_600, 40_600]
    );
    office.assert_invariants().await;
    for result in [
        close_year(office, 2022, Some("结转1号")).await,
        period::close(&office.app, accountant, month("2022-12"), None).await,
        give_back(office, ("省1", "urban"), 1, "2022-12-31").await,
    ] {
        assert_eq!(refused(result).code(), "LED-0001");
    }
    let years = year::list(&office.app, accountant).await.unwrap();
    assert_eq!(years.json["years"][0]["year"], 2022);
}

/// What December sent comes home in January, is paid again, and the month closes.
async fn january(office: &Office, urban: &BatchFile, rural: &BatchFile) {
    office.on("2023-01-05");
    late_answer(office, rural).await;
    let back = [
        movement("2023-01-05", 10_200, format!("退回 {}", urban.lines[1].key)),
        movement("2023-01-05", 10_300, format!("退汇 {}", urban.lines[2].key)),
    ];
    office
        .statement("icbc", ("2023-01-01", "2023-01-05"), &back)
        .await;
    let charts = [
        Chart::BudgetExpense,
        Chart::OpeningAdjustment,
        Chart::Payable,
    ];
    assert_eq!(office.balances(charts).await, [0, 30_700, 50_900]);
    office.assert_invariants().await;
    grant(office, "省2", Level::Province, "urban", (2023, 100_000)).await;
    let mut corrected = people(5);
    corrected[2].account = account(903);
    office.roster("urban", "2023-01", &corrected).await;
    office.on("2023-01-10");
    let mut debits = Vec::new();
    for (program, fen) in [("urban", 30_600), ("rural", 20_300)] {
        let again = office.pay_again(program, "2023-01").await;
        assert_eq!(again.total.get(), fen);
        office.answer(&again, |_| Outcome::Paid).await;
        debits.push(movement(
            "2023-01-10",
            -fen,
            format!("代发 {}", again.number),
        ));
    }
    let regular = office.pay_month("urban", "2023-01").await;
    office.answer(&regular, |_| Outcome::Paid).await;
    let at_csv = debits.split_off(1);
    debits.push(movement(
        "2023-01-10",
        -FIVE,
        format!("代发 {}", regular.number),
    ));
    debits.push(movement("2023-01-10", 100_000, "省2"));
    office
        .statement("icbc", ("2023-01-06", "2023-01-31"), &debits)
        .await;
    office
        .statement("csv", ("2023-01-01", "2023-01-31"), &at_csv)
        .await;
    let charts = [
        Chart::BudgetExpense,
        Chart::OpeningAdjustment,
        Chart::Payable,
    ];
    assert_eq!(office.balances(charts).await, [50_900 + FIVE, 30_700, 0]);
    office.on("2023-01-31");
    let accountant = office.who("accountant");
    done(period::close(&office.app, accountant, month("2023-01"), None).await);
    for at in ["2022-12", "2023-01"] {
        let agreed = reconcile::agreements(&office.app, accountant, Some(month(at))).await;
        for agreement in agreed.unwrap() {
            assert!(agreement.ok(), "{at} {agreement:#?}");
        }
    }
    office.assert_invariants().await;
}

/// Nothing of the closed year was carried over; what comes home later needs a decision of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_year_keeps_its_money_unless_it_is_carried_over() {
    for_each_engine(async |url| {
        let office = open(url).await;
        let [_, rural] = december(&office).await;
        office.on("2022-12-31");
        done(give_back(&office, ("省1", "urban"), 258_600, "2022-12-31").await);
        done(give_back(&office, ("县1", "rural"), 258_600, "2022-12-31").await);
        let closed = done(close_year(&office, 2022, None).await);
        assert_eq!(closed["carried_over"], json!([]));
        office.on("2023-01-05");
        late_answer(&office, &rural).await;
        assert_eq!(office.left("县1").await, 10_200);
        // Next year's money waits for its year too.
        grant(&office, "预拨", Level::County, "rural", (2024, 900_000)).await;
        let again = office
            .create("rural", RunKind::RePay, "2023-01")
            .await
            .unwrap();
        let check = async || office.act("maker", RunEvent::Check, again, None).await;
        assert_eq!(refused(check().await).code(), "RUN-0004");
        assert_eq!(funding_of(&office, again).await.0["missing_fen"], 20_300);
        let part = carry(&office, "县1", 2023, Some(10_000)).await;
        assert_eq!(
            refused(part).code(),
            "FND-0003",
            "after the year close all or nothing"
        );
        done(carry(&office, "县1", 2023, None).await);
        assert_eq!(funding_of(&office, again).await.0["missing_fen"], 10_100);
        grant(&office, "县2", Level::County, "rural", (2023, 10_100)).await;
        office.walk(again, WAY.len()).await;
        let file = office.files(again).await.remove(0);
        office.answer(&file, |_| Outcome::Paid).await;
        assert_eq!((office.left("县1").await, office.left("县2").await), (0, 0));
        office.assert_invariants().await;
        // What an earlier year received and is returned now comes out of its surplus.
        done(carry(&office, "预拨", 2025, Some(0)).await);
        office.on("2024-01-02");
        let accountant = office.who("accountant");
        done(period::close(&office.app, accountant, month("2023-01"), None).await);
        done(close_year(&office, 2023, None).await);
        let before = office.balances([Chart::Surplus, Chart::CarriedOver]).await;
        assert_eq!(before[1], 900_000);
        done(give_back(&office, ("预拨", "rural"), 5, "2024-01-02").await);
        done(reduce(&office, "预拨", "减1", 7).await);
        let after = office.balances([Chart::Surplus, Chart::CarriedOver]).await;
        assert_eq!(after, [before[0] - 12, before[1] - 12]);
        office.assert_invariants().await;
        for of in 2022..=2025 {
            execution(&office, of).await;
        }
    })
    .await;
}

/// What is altered, how, how it is put right again, and whether the agreements of December see it.
const ALTERED: &[(&str, &str, &str, bool)] = &[
    (
        "a reduction",
        "update reduction set amount_fen = amount_fen + 1",
        "update reduction set amount_fen = amount_fen - 1",
        true,
    ),
    (
        "a quota letter",
        "update appropriation set amount_fen = amount_fen + 1 where appropriation_id = 1",
        "update appropriation set amount_fen = amount_fen - 1 where appropriation_id = 1",
        true,
    ),
    (
        "what was carried over",
        "update carry_over set amount_fen = amount_fen + 1 where appropriation_id = 1",
        "update carry_over set amount_fen = amount_fen - 1 where appropriation_id = 1",
        true,
    ),
    (
        "a reduction without its voucher",
        "update voucher set source = 'treasury' where source = 'reduction'",
        "update voucher set source = 'reduction' where source = 'treasury'",
        true,
    ),
    (
        "a closing voucher that is called something else",
        "update voucher set source = 'treasury' where source = 'year-close'",
        "update voucher set source = 'year-close' where source = 'treasury'",
        true,
    ),
    (
        "a year that was never closed",
        "update year_close set year = 2021",
        "update year_close set year = 2022",
        true,
    ),
];

/// What was altered past the program is found by comparing, and by the audit trail.
#[tokio::test(flavor = "multi_thread")]
async fn altered_letters_and_closings_are_found() {
    let database = acceptance::TestDb::sqlite();
    let office = open(database.url()).await;
    december(&office).await;
    office.on("2022-12-31");
    done(reduce(&office, "省1", "减1", 600).await);
    done(close_year(&office, 2022, Some("结转1号")).await);
    office.assert_invariants().await;
    let mut raw = SqliteConnection::connect(database.url()).await.unwrap();
    for table in [
        "reduction",
        "appropriation",
        "carry_over",
        "voucher",
        "year_close",
    ] {
        let drop = format!("drop trigger tr_{table}_update");
        raw.execute(AssertSqlSafe(drop)).await.unwrap();
    }
    let accountant = office.who("accountant");
    let agree = async |at: Option<&str>| {
        let agreed = reconcile::agreements(&office.app, accountant, at.map(month)).await;
        agreed
            .unwrap()
            .iter()
            .all(reconciliation::agreement::Agreement::ok)
    };
    for (name, alter, mend, in_december) in ALTERED {
        raw.execute(*alter).await.unwrap();
        assert!(!agree(None).await, "{name}");
        assert_eq!(agree(Some("2022-12")).await, !in_december, "{name}");
        let checked = audit::verification(&office.app, &office.book, &[])
            .await
            .unwrap();
        assert!(!checked.faults.is_empty(), "{name}");
        raw.execute(*mend).await.unwrap();
    }
    office.assert_invariants().await;
}

/// Random numbers that are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % u64::try_from(end).unwrap()).unwrap()
    }
}

/// What is drawn on each appropriation and not home again, from the rows of attempts.
const DRAWN: &str = "select x.appropriation_id, cast(sum(x.fen) as bigint) from (
        select t.book_id, t.payment_id, t.attempt_no, t.appropriation_id, p.amount_fen as fen
        from attempt t join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
        where t.appropriation_id is not null
        union all select d.book_id, d.payment_id, d.attempt_no, d.appropriation_id, d.amount_fen
        from draw_part d) x
    join attempt t on t.book_id = x.book_id and t.payment_id = x.payment_id
        and t.attempt_no = x.attempt_no
    join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
    join bank_account k on k.book_id = b.book_id and k.bank_account_id = b.bank_account_id
    where not exists (select 1 from refund_receipt h where h.book_id = x.book_id
        and h.payment_id = x.payment_id and h.attempt_no = x.attempt_no)
    and not (k.debit_style = 'succeeded' and exists (select 1 from outcome o
        where o.book_id = x.book_id and o.payment_id = x.payment_id
        and o.attempt_no = x.attempt_no and o.kind = 'failed'))
    group by x.appropriation_id order by x.appropriation_id";

/// Appropriated = reduced + drawn + returned + left, over all years; and in each year what came in
/// is what went out, what a closed year carried out being what the next one carries in.
async fn every_fen_is_somewhere(office: &Office) {
    let mut tx = office.app.db.begin_read().await.unwrap();
    let rows = tx.query(DRAWN, &[]).await.unwrap();
    tx.rollback().await.unwrap();
    let drawn = rows
        .iter()
        .map(|row| (row.int(0).unwrap(), row.int(1).unwrap()));
    let drawn: BTreeMap<i64, i64> = drawn.collect();
    for letter in letters(office).await {
        let fen = |field: &str| letter[field].as_i64().unwrap();
        let own = drawn.get(&fen("id")).copied().unwrap_or_default();
        assert_eq!(fen("drawn_fen"), own, "{letter}");
        let gone = fen("reduced_fen") + own + fen("returned_fen") + fen("left_fen");
        assert_eq!(fen("amount_fen"), gone, "{letter}");
    }
    let mut carried = BTreeMap::<String, i64>::new();
    for of in 2022..=2024 {
        let json = execution(office, of).await;
        let mut out = BTreeMap::new();
        for row in json["appropriations"].as_array().unwrap() {
            let fen = |field: &str| row[field].as_i64().unwrap();
            let come = ["granted_fen", "adjusted_fen", "carried_in_fen", "home_fen"].map(fen);
            let gone = ["drawn_fen", "returned_fen", "carried_out_fen", "left_fen"].map(fen);
            assert_eq!(
                come.iter().sum::<i64>(),
                gone.iter().sum::<i64>(),
                "{of} {row}"
            );
            let document = row["document"].as_str().unwrap();
            let before = carried.get(document).copied().unwrap_or_default();
            assert_eq!(fen("carried_in_fen"), before, "{of} {row}");
            if json["closed"] == true && row["budget_year"].as_i64().unwrap() <= of.into() {
                assert_eq!(fen("left_fen"), 0, "{of} {row}");
            }
            out.insert(
                document.to_owned(),
                fen("carried_out_fen") + fen("left_fen"),
            );
        }
        carried = out;
    }
}

/// A county that does what the dice say from November 2022 on.
struct Walk {
    office: Office,
    dice: Dice,
    today: ledger::calendar::Date,
    /// The first month that is open.
    open: ledger::calendar::Month,
    letters: Vec<String>,
    files: Vec<BatchFile>,
    told: BTreeMap<String, u32>,
}

impl Walk {
    fn note(&mut self, what: &str, result: &Result<Done, Error>) {
        *self
            .told
            .entry(format!("{what} {}", told(result)))
            .or_default() += 1;
    }

    fn letter(&mut self) -> String {
        let place = self.dice.below(i64::try_from(self.letters.len()).unwrap());
        self.letters[usize::try_from(place).unwrap()].clone()
    }

    async fn step(&mut self) {
        match self.dice.below(9) {
            0 => {
                let document = format!("县{}", self.letters.len() + 1);
                let year = i64::from(ledger::calendar::Month::of(self.today).year());
                let ahead = (self.dice.below(4) / 3, 20_000 + self.dice.below(90_000));
                let level = Level::ALL[usize::try_from(self.dice.below(4)).unwrap()];
                let program = "ordered";
                grant(
                    &self.office,
                    &document,
                    level,
                    program,
                    (year + ahead.0, ahead.1),
                )
                .await;
                self.letters.push(document);
            }
            1 => {
                let (document, by) = (self.letter(), format!("减{}", self.dice.below(1_000)));
                let fen = 1 + self.dice.below(30_000);
                let result = reduce(&self.office, &document, &by, fen).await;
                self.note("reduce", &result);
            }
            2 => {
                let (document, fen) = (self.letter(), 1 + self.dice.below(30_000));
                let today = self.today.to_string();
                let result = give_back(&self.office, (&document, "ordered"), fen, &today).await;
                self.note("return", &result);
            }
            3 | 4 => self.pay().await,
            5 => self.answer().await,
            6 => {
                let (document, to) = (self.letter(), 2022 + self.dice.below(4));
                let result = carry(&self.office, &document, to, None).await;
                self.note("carry", &result);
            }
            _ => self.morning().await,
        }
    }

    /// A month's run, or what failed again, as far as the money goes.
    async fn pay(&mut self) {
        let at = ledger::calendar::Month::of(self.today).to_string();
        let kind = [RunKind::Regular, RunKind::RePay][usize::try_from(self.dice.below(2)).unwrap()];
        let Some(run) = self.office.create("ordered", kind, &at).await else {
            return;
        };
        for (login, event) in WAY {
            let result = self.office.act(login, event, run, None).await;
            self.note(event.code(), &result);
            if result.is_err() {
                done(self.office.act("maker", RunEvent::Discard, run, None).await);
                return;
            }
        }
        self.files.extend(self.office.files(run).await);
    }

    async fn answer(&mut self) {
        let Some(file) = self.files.pop() else {
            return;
        };
        let mut failed = Vec::new();
        for _ in &file.lines {
            failed.push(self.dice.below(3) == 0);
        }
        let of = |place: usize| match failed[place] {
            true => Outcome::Failed("系统忙"),
            false => Outcome::Paid,
        };
        self.office.answer(&file, of).await;
        *self.told.entry("answer".to_owned()).or_default() += 1;
    }

    /// Days pass; months that have ended are closed, and years with them.
    async fn morning(&mut self) {
        let days = usize::try_from(3 + self.dice.below(25)).unwrap();
        self.today = self.today.iter_days().nth(days).unwrap();
        self.office.on(&self.today.to_string());
        let accountant = self.office.who("accountant");
        while self.open < ledger::calendar::Month::of(self.today) {
            let result = match self.open.number() {
                12 => close_year(&self.office, self.open.year(), Some("全部结转")).await,
                _ => period::close(&self.office.app, accountant, self.open, None).await,
            };
            done(result);
            *self.told.entry(format!("close {}", self.open)).or_default() += 1;
            self.open = self.open.next();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_every_fen_of_every_appropriation_is_somewhere() {
    for_each_engine(async |url| {
        let office = open(url).await;
        office.on("2022-11-01");
        office.roster("ordered", "2022-11", &people(4)).await;
        grant(&office, "县1", Level::County, "ordered", (2022, 150_000)).await;
        let mut walk = Walk {
            office,
            dice: Dice(2022),
            today: day("2022-11-01"),
            open: month("2022-11"),
            letters: vec!["县1".to_owned()],
            files: Vec::new(),
            told: BTreeMap::new(),
        };
        for step in 0..120 {
            walk.step().await;
            println!("step {step}: {:?}", walk.told);
            every_fen_is_somewhere(&walk.office).await;
            if step % 10 == 9 {
                walk.office.assert_invariants().await;
            }
        }
        for word in [
            "close 2022-12",
            "release done",
            "reduce done",
            "return done",
            "carry done",
            "check RUN-0004",
            "answer",
        ] {
            assert!(walk.told.contains_key(word), "{word}: {:?}", walk.told);
        }
    })
    .await;
}
