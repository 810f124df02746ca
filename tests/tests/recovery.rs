//! What was overpaid is owed back: found, proposed and confirmed by two people, paid in, withheld
//! from later payments, written off, handed to the treasury. Every figure is worked out by hand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{self, Outcome, Person, movement, people, person};
use acceptance::office::{Office, WAY, done, month, refused, told};
use api::app::proposal::Change;
use api::app::recovery::{self, HandOver, NewPlan, NewRecovery, Receipt, Whose};
use api::app::roster::{self, Died};
use api::app::{clash, exception, period, policy, reconcile, report};
use ledger::account::Chart;
use ledger::disbursement::clash::ListKind;
use ledger::disbursement::role::Role;
use ledger::disbursement::workflow::RunEvent;
use ledger::fund::Level;
use ledger::id::{ExceptionId, PaymentId, RecoveryId};
use ledger::money::Fen;
use ledger_store::run::RunKind;
use serde_json::Value;

/// Where the money of recoveries stands.
const OWED: [Chart; 5] = [
    Chart::Recoverable,
    Chart::Expense,
    Chart::DueToTreasury,
    Chart::PriorYearAdjustment,
    Chart::Suspense,
];

/// Pays a month of a program, and the bank says that everybody got it.
async fn paid(office: &Office, program: &str, at: &str, day: &str) {
    office.on(day);
    let batch = office.pay_month(program, at).await;
    office.answer(&batch, |_| Outcome::Paid).await;
}

/// What `recovery find` says: month, overpaid fen and state of each row.
async fn found(office: &Office, program: &str) -> Vec<(String, i64, String)> {
    let report = recovery::find(&office.app, office.who("auditor"), program, None, None).await;
    let document = report.unwrap().json;
    let rows = document["overpaid"].as_array().unwrap();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| {
            let fen = row["overpaid_fen"].as_i64().unwrap();
            (text(row, "month"), fen, text(row, "state"))
        })
        .collect()
}

/// Proposes recoveries of everybody's overpayment; their numbers and amounts.
async fn open(office: &Office, login: &str, program: &str) -> Vec<(RecoveryId, i64)> {
    let new = NewRecovery {
        program: program.to_owned(),
        whose: Whose::All,
        first: None,
        last: None,
        reason: "示例:死亡迟报".to_owned(),
    };
    let answer = done(recovery::open(&office.app, office.who(login), &new, None).await);
    let made = answer["recoveries"].as_array().unwrap().iter();
    made.map(|row| {
        let id = row["recovery"].as_i64().unwrap();
        (RecoveryId(id), row["amount_fen"].as_i64().unwrap())
    })
    .collect()
}

async fn confirm(office: &Office, login: &str, id: RecoveryId) -> Value {
    done(recovery::confirm(&office.app, office.who(login), id, None).await)
}

async fn plan(office: &Office, id: RecoveryId, plan: &NewPlan) -> Value {
    done(recovery::plan(&office.app, office.who("maker"), id, plan, None).await)
}

/// A credit of an account that nobody can explain, on a statement of its own.
async fn credit(office: &Office, account: &str, day: &'static str, fen: i64) -> ExceptionId {
    let seen = [movement(day, fen, "来款")];
    office.statement(account, (day, day), &seen).await;
    let last = office
        .count("select max(exception_id) from exception")
        .await;
    ExceptionId(last)
}

async fn receive(
    office: &Office,
    login: &str,
    ids: &[RecoveryId],
    exception: ExceptionId,
) -> Result<api::app::Done, api::app::Error> {
    let receipt = Receipt {
        recoveries: ids.to_vec(),
        exception,
        amount: None,
        appropriation: None,
    };
    recovery::receive(&office.app, office.who(login), &receipt, None).await
}

/// Two people take a credit for recoveries.
async fn received(office: &Office, ids: &[RecoveryId], exception: ExceptionId) -> Value {
    let proposed = done(receive(office, "maker", ids, exception).await);
    assert_eq!(proposed["state"], "proposed");
    done(receive(office, "reviewer", ids, exception).await)
}

/// The four agreements hold for each of these months.
async fn agree(office: &Office, months: &[&str]) {
    for at in months {
        let agreed = reconcile::agreements(&office.app, office.who("accountant"), Some(month(at)));
        for agreement in agreed.await.unwrap() {
            assert!(agreement.ok(), "{at}: {agreement:#?}");
        }
    }
    office.assert_invariants().await;
}

/// Three people are paid from January to March; then it is heard that the third died in January.
async fn late_death(office: &Office) {
    office.roster("rural", "2022-01", &people(3)).await;
    paid(office, "rural", "2022-01", "2022-01-10").await;
    paid(office, "rural", "2022-02", "2022-02-10").await;
    paid(office, "rural", "2022-03", "2022-03-10").await;
    office.on("2022-04-06");
    office.roster("rural", "2022-02", &people(2)).await;
}

/// What three and what the third got in a month.
const MONTH: i64 = 10_100 + 10_200 + 10_300;
const THIRD: i64 = 10_300;

#[tokio::test(flavor = "multi_thread")]
async fn a_death_heard_of_late_is_paid_back() {
    for_each_engine(async |url| {
        let mut office = Office::funded(url).await;
        late_death(&office).await;
        let (feb, mar) = ("2022-02".to_owned(), "2022-03".to_owned());
        let state = "recoverable".to_owned();
        let expected = [(feb, THIRD, state.clone()), (mar, THIRD, state)];
        assert_eq!(found(&office, "rural").await, expected);

        let made = open(&office, "accountant", "rural").await;
        assert_eq!(
            made,
            [(RecoveryId(10), 2 * THIRD)],
            "in the series of payments"
        );
        let id = made[0].0;
        assert_eq!(
            open(&office, "maker", "rural").await,
            [],
            "it is proposed already"
        );
        assert!(
            found(&office, "rural")
                .await
                .iter()
                .all(|row| row.2 == "proposed")
        );
        assert_eq!(office.balances(OWED).await, [0, 3 * MONTH, 0, 0, 0]);
        office.assert_invariants().await;

        office
            .give("accountant", &[Role::Accountant, Role::Reviewer])
            .await;
        let own = recovery::confirm(&office.app, office.who("accountant"), id, None).await;
        assert_eq!(
            told(&own),
            "AUTH-0006",
            "not who proposed it, whatever their roles"
        );
        let (app, key) = (&office.app, Some("confirm-1".to_owned()));
        let reviewer = office.who("reviewer");
        let first = recovery::confirm(app, reviewer, id, key.clone()).await;
        assert_eq!(told(&first), "done");
        let again = recovery::confirm(app, reviewer, id, key).await;
        assert_eq!(told(&again), "replay");
        assert_eq!(done(again), done(first));
        let other = recovery::confirm(app, office.who("approver"), id, None).await;
        assert_eq!(told(&other), "REC-0001");
        assert_eq!(found(&office, "rural").await, [], "accrued is what is due");
        let expense = 3 * MONTH - 2 * THIRD;
        assert_eq!(office.balances(OWED).await, [2 * THIRD, expense, 0, 0, 0]);
        agree(&office, &["2022-03", "2022-04"]).await;

        let credit = credit(&office, "csv", "2022-04-10", 2 * THIRD).await;
        let left = office.left("县示例2").await;
        paid_back(&office, id, credit).await;
        assert_eq!(office.left("县示例2").await, left + 2 * THIRD);
        assert_eq!(office.balances(OWED).await, [0, expense, 0, 0, 0]);
        agree(&office, &["2022-03", "2022-04"]).await;

        // The next month goes on with the other two, and everything can be closed.
        paid(&office, "rural", "2022-04", "2022-04-20").await;
        office.on("2022-05-03");
        for at in ["2022-01", "2022-02", "2022-03", "2022-04"] {
            let accountant = office.who("accountant");
            done(period::close(&office.app, accountant, month(at), None).await);
        }
        office.assert_invariants().await;
    })
    .await;
}

/// Two people take the credit for the recovery; nobody can settle it without the money moving.
async fn paid_back(office: &Office, id: RecoveryId, credit: ExceptionId) {
    let proposed = done(receive(office, "maker", &[id], credit).await);
    assert_eq!(proposed["state"], "proposed");
    let alone = receive(office, "maker", &[id], credit).await;
    assert_eq!(told(&alone), "AUTH-0006");
    let other = Receipt {
        recoveries: vec![id],
        exception: credit,
        amount: None,
        appropriation: Some("县示例2".to_owned()),
    };
    let otherwise = recovery::receive(&office.app, office.who("reviewer"), &other, None).await;
    assert_eq!(told(&otherwise), "REC-0006", "not the same as was proposed");
    let settled = exception::confirm(&office.app, office.who("reviewer"), credit, None).await;
    assert_eq!(told(&settled), "REC-0006", "the money has to move");
    assert_eq!(office.balances(OWED).await[0], 2 * THIRD);
    let answer = done(receive(office, "reviewer", &[id], credit).await);
    assert_eq!(answer["state"], "settled");
    assert_eq!(answer["recoveries"][0]["state"], "settled");
    let again = receive(office, "reviewer", &[id], credit).await;
    assert_eq!(told(&again), "REC-0001");
    let shown = recovery::show(&office.app, office.who("auditor"), id).await;
    let shown = shown.unwrap().json;
    let steps: Vec<&str> = (shown["steps"].as_array().unwrap().iter())
        .map(|step| step["event"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["propose", "confirm", "receive"]);
    assert_eq!(shown["steps"][2]["appropriation"], "县示例2");
    assert_eq!(shown["left_fen"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn instalments_and_what_is_written_off() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        late_death(&office).await;
        let id = open(&office, "maker", "rural").await[0].0;
        let early = NewPlan::default();
        let early = recovery::plan(&office.app, office.who("maker"), id, &early, None).await;
        assert_eq!(told(&early), "REC-0001", "nothing is owed yet");
        confirm(&office, "approver", id).await;
        let (april, may) = (month("2022-04"), month("2022-05"));
        let parts = |one, two| NewPlan {
            instalments: vec![(may, Fen::new(two)), (april, Fen::new(one))],
            ..NewPlan::default()
        };
        let short = parts(10_000, 10_000);
        let short = recovery::plan(&office.app, office.who("maker"), id, &short, None).await;
        assert_eq!(told(&short), "REC-0004");
        plan(&office, id, &parts(10_000, 10_600)).await;

        let first = credit(&office, "csv", "2022-04-11", 4_000).await;
        let more = credit(&office, "csv", "2022-04-12", 2 * THIRD).await;
        let answer = received(&office, &[id], first).await;
        assert_eq!(answer["recoveries"][0]["left_fen"], 2 * THIRD - 4_000);
        let too_much = receive(&office, "maker", &[id], more).await;
        assert_eq!(told(&too_much), "REC-0003");
        office.on("2022-05-09");
        let ledger = report::recovery(&office.app, office.who("manager")).await;
        let ledger = ledger.unwrap().json;
        let row = &ledger["recoveries"][0];
        let fen = |name: &str| row[name].as_i64().unwrap();
        assert_eq!(
            ["found_fen", "received_fen", "left_fen", "age_days"].map(fen),
            [20_600, 4_000, 16_600, 33]
        );
        assert_eq!(
            (row["next"]["due"].as_str(), row["late"].as_bool()),
            (Some("2022-04"), Some(true))
        );
        assert_eq!(row["next"]["missing_fen"], 6_000);

        let (app, maker, approver) = (&office.app, office.who("maker"), office.who("approver"));
        let why = "查无遗产,无继承人";
        done(recovery::write_off(app, maker, id, why, None).await);
        let turned_down = recovery::reject(app, approver, id, "再催一次", None).await;
        assert_eq!(done(turned_down)["state"], "open");
        done(recovery::write_off(app, maker, id, why, None).await);
        let closed = recovery::confirm_write_off(app, approver, id, None).await;
        assert_eq!(done(closed)["state"], "written-off");
        let again = recovery::confirm_write_off(app, office.who("approver2"), id, None).await;
        assert_eq!(told(&again), "REC-0001");
        // What is given up is expense again; what came in is not. One credit is not explained.
        let expense = 3 * MONTH - 4_000;
        assert_eq!(office.balances(OWED).await, [0, expense, 0, 0, 2 * THIRD]);
        agree(&office, &["2022-04", "2022-05"]).await;
    })
    .await;
}

/// A program with a monthly amount and a funeral fee.
const AID: &str = r#"
[[program]]
code = "aid"
name = "农村特困"
function_code = "2082102"
funding = { bank_account = "csv" }

[[program.component]]
code = "living"
name = "基本生活费"
scope = "person"
months = "1-12"
standard = [{ from = "2022-01", formula = "individual", document = "示例〔2022〕5号" }]

[[program.component]]
code = "funeral"
name = "丧葬费"
scope = "person"
months = "once"
standard = [{ from = "2022-01", formula = "individual", document = "示例〔2022〕5号" }]
"#;

/// A person with this amount a month, in fen.
fn with(n: usize, fen: i64) -> Person {
    Person {
        amount: Fen::new(fen),
        ..person(n)
    }
}

/// Makes a run that waits for its approver.
async fn reviewed(office: &Office, at: &str) -> ledger::id::RunId {
    let run = office.create("aid", RunKind::Regular, at).await.unwrap();
    office.walk(run, 3).await;
    run
}

/// Paid 101 yuan in January and February instead of 1 yuan: 200 yuan are owed back.
async fn overpaid_aid(office: &Office) -> RecoveryId {
    let maker = office.who("maker");
    done(policy::import(&office.app, maker, "aid.toml", AID, None).await);
    office
        .grant("县示例3", Level::County, "aid", 1_000_000)
        .await;
    let two = [with(1, 10_100), with(2, 10_200)];
    office.roster("aid", "2022-01", &two).await;
    paid(office, "aid", "2022-01", "2022-01-10").await;
    paid(office, "aid", "2022-02", "2022-02-10").await;
    office.on("2022-03-02");
    let two = [with(1, 100), with(2, 10_200)];
    office.roster("aid", "2022-01", &two).await;
    let made = open(office, "maker", "aid").await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].1, 20_000);
    confirm(office, "reviewer", made[0].0).await;
    made[0].0
}

#[tokio::test(flavor = "multi_thread")]
async fn later_payments_and_the_funeral_fee_withhold_it() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let id = overpaid_aid(&office).await;
        let withhold = |fen, leave| NewPlan {
            set_off: Some(Fen::new(fen)),
            leave: Some(Fen::new(leave)),
            ..NewPlan::default()
        };
        plan(&office, id, &withhold(100_000, 40)).await;
        let before = reviewed(&office, "2022-03").await;
        plan(&office, id, &withhold(100_000, 30)).await;
        let late = office
            .act("approver", RunEvent::Approve, before, None)
            .await;
        assert_eq!(told(&late), "RUN-0003", "the plan is another one now");
        done(office.act("approver", RunEvent::Reject, before, None).await);
        done(office.act("maker", RunEvent::Calculate, before, None).await);
        office.walk(before, WAY.len()).await;
        let batch = office.files(before).await.remove(0);
        let amounts: Vec<i64> = batch.lines.iter().map(|line| line.amount.get()).collect();
        assert_eq!(amounts, [30, 10_200], "70 of 100 fen are withheld");
        office.answer(&batch, |_| Outcome::Paid).await;
        assert_eq!(office.balances(OWED).await[0], 20_000 - 70);
        agree(&office, &["2022-01", "2022-02", "2022-03"]).await;

        // The first person dies; the funeral fee is paid less what is still owed.
        office.on("2022-04-02");
        let rest = [with(1, 15_000), with(2, 10_200)];
        let text = String::from_utf8(paper::roster(&rest)).unwrap();
        let text = text.replacen(",living,", ",funeral,", 1);
        let (app, maker) = (&office.app, office.who("maker"));
        let (at, name) = (month("2022-04"), "aid-2022-04.csv");
        let bytes = text.as_bytes();
        done(roster::import(app, maker, "aid", at, name, bytes, false, None).await);
        paid(&office, "aid", "2022-04", "2022-04-10").await;
        let net = office
            .count("select amount_fen from payment order by payment_id desc limit 1 offset 1")
            .await;
        assert_eq!(net, 30, "a bank cannot pay nothing");
        let left = 20_000 - 70 - (15_000 - 30);
        assert_eq!(office.balances(OWED).await[0], left);
        agree(&office, &["2022-04"]).await;
        let ledger = report::recovery(&office.app, office.who("manager")).await;
        let ledger = ledger.unwrap().json;
        assert_eq!(ledger["recoveries"][0]["set_off_fen"], 20_000 - left);
        assert_eq!(ledger["recoveries"][0]["left_fen"], left);

        let more = withhold(1, 1);
        let more = NewPlan {
            instalments: vec![(month("2022-06"), Fen::new(left + 1))],
            ..more
        };
        let more = recovery::plan(&office.app, office.who("maker"), id, &more, None).await;
        assert_eq!(told(&more), "REC-0004", "instalments above what is left");
    })
    .await;
}

/// Two runs are calculated while one recovery is owed; a run that is given up withholds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_given_up_withholds_nothing() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let id = overpaid_aid(&office).await;
        let all = NewPlan {
            set_off: Some(Fen::new(60)),
            leave: Some(Fen::new(1)),
            ..NewPlan::default()
        };
        plan(&office, id, &all).await;
        let given_up = office
            .create("aid", RunKind::Regular, "2022-03")
            .await
            .unwrap();
        done(office.act("maker", RunEvent::Discard, given_up, None).await);
        office.assert_invariants().await;
        assert_eq!(office.balances(OWED).await[0], 20_000);
        let run = reviewed(&office, "2022-03").await;
        // While it waits, somebody pays everything in.
        let credit = credit(&office, "csv", "2022-03-03", 20_000).await;
        let answer = received(&office, &[id], credit).await;
        assert_eq!(answer["recoveries"][0]["state"], "settled");
        let late = office.act("approver", RunEvent::Approve, run, None).await;
        assert_eq!(told(&late), "RUN-0003", "nothing is left to withhold");
        done(office.act("approver", RunEvent::Reject, run, None).await);
        done(office.act("maker", RunEvent::Calculate, run, None).await);
        office.walk(run, WAY.len()).await;
        let batch = office.files(run).await.remove(0);
        assert_eq!(batch.total.get(), 100 + 10_200);
        agree(&office, &["2022-03"]).await;
    })
    .await;
}

/// What an approved run withheld is owed again when the approval is taken back, and withheld anew
/// when the run is approved again.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_is_taken_back_gives_back_what_was_withheld() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let id = overpaid_aid(&office).await;
        let whole = NewPlan {
            set_off: Some(Fen::new(60)),
            leave: Some(Fen::new(1)),
            ..NewPlan::default()
        };
        plan(&office, id, &whole).await;
        let run = reviewed(&office, "2022-03").await;
        for _ in 0..2 {
            done(office.act("approver", RunEvent::Approve, run, None).await);
            assert_eq!(office.balances(OWED).await[0], 20_000 - 60);
            agree(&office, &["2022-03"]).await;
            done(office.act("approver", RunEvent::Revoke, run, None).await);
            assert_eq!(office.balances(OWED).await[0], 20_000);
            agree(&office, &["2022-03"]).await;
            done(office.act("maker", RunEvent::Calculate, run, None).await);
            office.walk(run, 3).await;
        }
        // Also of a recovery that was written off meanwhile: that much is owed again.
        done(office.act("approver", RunEvent::Approve, run, None).await);
        let (app, maker, reviewer) = (&office.app, office.who("maker"), office.who("reviewer"));
        done(recovery::write_off(app, maker, id, "示例", None).await);
        done(recovery::confirm_write_off(app, reviewer, id, None).await);
        assert_eq!(office.balances(OWED).await[0], 0);
        done(office.act("approver", RunEvent::Revoke, run, None).await);
        assert_eq!(office.balances(OWED).await[0], 60);
        agree(&office, &["2022-03"]).await;
        done(office.act("maker", RunEvent::Calculate, run, None).await);
        office.walk(run, WAY.len()).await;
        let batch = office.files(run).await.remove(0);
        assert_eq!(batch.total.get(), 40 + 10_200);
        assert_eq!(office.balances(OWED).await[0], 0);
        agree(&office, &["2022-01", "2022-02", "2022-03"]).await;
    })
    .await;
}

/// Paid until January 2023; the third died in October and the second in November 2022. One is
/// heard of in the same year, the other after it.
#[tokio::test(flavor = "multi_thread")]
async fn money_of_an_earlier_year_is_the_treasurys() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-11", &people(3)).await;
        paid(&office, "rural", "2022-11", "2022-11-10").await;
        paid(&office, "rural", "2022-12", "2022-12-10").await;
        office.on("2022-12-20");
        office.roster("rural", "2022-12", &people(2)).await;
        let third = open(&office, "maker", "rural").await;
        assert_eq!(third.len(), 1);
        confirm(&office, "reviewer", third[0].0).await;
        assert_eq!(
            office.balances(OWED).await,
            [THIRD, 2 * MONTH - THIRD, 0, 0, 0]
        );

        paid(&office, "rural", "2023-01", "2023-01-10").await;
        office.on("2023-02-06");
        office.roster("rural", "2022-12", &people(1)).await;
        let second = open(&office, "maker", "rural").await;
        let (of_2022, of_2023) = (second[0], second[1]);
        assert_eq!(
            (of_2022.1, of_2023.1),
            (10_200, 10_200),
            "one for each year"
        );
        confirm(&office, "reviewer", of_2022.0).await;
        confirm(&office, "reviewer", of_2023.0).await;
        let expense = 2 * MONTH - THIRD + 10_100;
        let owed = THIRD + 2 * 10_200;
        assert_eq!(office.balances(OWED).await, [owed, expense, 10_200, 0, 0]);

        let hand_over = async |fen| {
            let over = HandOver {
                program: "rural".to_owned(),
                amount: Fen::new(fen),
                account: None,
                appropriation: None,
                on: None,
            };
            recovery::hand_over(&office.app, office.who("accountant"), &over, None).await
        };
        assert_eq!(told(&hand_over(1).await), "REC-0007", "nothing came in yet");
        let credit = credit(&office, "csv", "2023-02-07", owed).await;
        let left = office.left("县示例2").await;
        let all = [third[0].0, of_2022.0, of_2023.0];
        received(&office, &all, credit).await;
        // This year's goes home; what reduced last year's expense is the treasury's now too.
        assert_eq!(office.left("县示例2").await, left + 10_200);
        let due = 10_200 + THIRD;
        assert_eq!(office.balances(OWED).await, [0, expense, due, -THIRD, 0]);
        agree(&office, &["2022-12", "2023-01", "2023-02"]).await;
        assert_eq!(refused(hand_over(due + 1).await).code(), "REC-0007");
        let answer = done(hand_over(due).await);
        assert_eq!(answer["left_fen"], 0);
        assert_eq!(office.balances(OWED).await, [0, expense, 0, -THIRD, 0]);
        agree(&office, &["2023-02"]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_received_is_not_owed_back() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(3)).await;
        office.on("2022-01-10");
        let batch = office.pay_month("rural", "2022-01").await;
        office
            .answer(&batch, |place| match place {
                2 => Outcome::Failed("账户已销户"),
                _ => Outcome::Paid,
            })
            .await;
        office.on("2022-02-03");
        let draft = office
            .create("rural", RunKind::Regular, "2022-02")
            .await
            .unwrap();
        office.roster("rural", "2022-01", &people(1)).await;
        let states: Vec<_> = found(&office, "rural").await;
        let states: Vec<&str> = states.iter().map(|row| row.2.as_str()).collect();
        assert_eq!(
            states,
            ["recoverable", "not-paid", "not-approved", "not-approved"]
        );
        let made = open(&office, "maker", "rural").await;
        assert_eq!(made.len(), 1);
        let id = made[0].0;
        assert_eq!(made[0].1, 10_200);

        // Before anybody confirms it the person is on the roll again.
        office.roster("rural", "2022-01", &people(2)).await;
        let changed = recovery::confirm(&office.app, office.who("reviewer"), id, None).await;
        assert_eq!(told(&changed), "REC-0002");
        let (app, reviewer) = (&office.app, office.who("reviewer"));
        let why = recovery::reject(app, reviewer, id, " ", None).await;
        assert_eq!(told(&why), "CMD-0003", "a reason is needed");
        let answer = done(recovery::reject(app, reviewer, id, "已恢复待遇", None).await);
        assert_eq!(answer["state"], "rejected");
        assert_eq!(
            told(&recovery::confirm(app, reviewer, id, None).await),
            "REC-0001"
        );
        done(office.act("maker", RunEvent::Discard, draft, None).await);
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_confirm_at_once_have_one_effect() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        late_death(&office).await;
        let id = open(&office, "maker", "rural").await[0].0;
        let other = Office::attach(url, office.app.clock.today()).await;
        let (one, two) = tokio::join!(
            recovery::confirm(&office.app, office.who("reviewer"), id, None),
            recovery::confirm(&other.app, other.who("approver"), id, None),
        );
        let mut answers = [told(&one), told(&two)];
        answers.sort();
        assert_eq!(answers, ["REC-0001", "done"]);
        assert_eq!(office.balances(OWED).await[0], 2 * THIRD);
        office.assert_invariants().await;
    })
    .await;
}

/// November is paid in 2022, December only in January 2023, and a raise of November with it; then
/// it is heard that the second died in October. Whose expense it was decides, not whose month: of
/// November 102 yuan are of 2022, and 5 yuan of 2023 like all of December.
#[tokio::test(flavor = "multi_thread")]
async fn the_year_of_the_expense_says_whose_money_it_is() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-11", &people(2)).await;
        paid(&office, "rural", "2022-11", "2022-11-10").await;
        office.on("2023-01-04");
        let raised = [person(1), with(2, 10_700)];
        office.roster("rural", "2022-11", &raised).await;
        paid(&office, "rural", "2022-12", "2023-01-04").await;
        let (_, files) = office.pay("rural", RunKind::BackPay, "2022-12").await;
        office.answer(&files[0], |_| Outcome::Paid).await;
        office.on("2023-02-06");
        office.roster("rural", "2022-11", &people(1)).await;
        let expected = [("2022-11", 10_700), ("2022-12", 10_700)];
        assert_eq!(overpaid_months(&office).await, expected.map(owned));
        let made = open(&office, "maker", "rural").await;
        let (of_2022, of_2023) = (made[0], made[1]);
        assert_eq!((of_2022.1, of_2023.1), (10_200, 500 + 10_700));

        let ids = [of_2023.0, of_2022.0];
        let (app, reviewer) = (&office.app, office.who("reviewer"));
        let answer = done(recovery::confirm_many(app, reviewer, &ids, None).await);
        let expense = 2 * 10_100 + 10_200 + 500 + 10_700 - of_2023.1;
        let owed = 10_200 + 11_200;
        assert_eq!(answer["total_fen"], owed);
        assert_eq!(office.balances(OWED).await, [owed, expense, 10_200, 0, 0]);
        assert_eq!(found(&office, "rural").await, []);
        agree(&office, &["2022-11", "2023-01", "2023-02"]).await;

        let credit = credit(&office, "csv", "2023-02-07", owed).await;
        let left = office.left("县示例2").await;
        received(&office, &ids, credit).await;
        let home = office.left("县示例2").await - left;
        assert_eq!(home, 11_200, "this year's money");
        assert_eq!(office.balances(OWED).await, [0, expense, 10_200, 0, 0]);
        agree(&office, &["2022-11", "2023-01", "2023-02"]).await;
        let over = |fen| HandOver {
            program: "rural".to_owned(),
            amount: Fen::new(fen),
            account: None,
            appropriation: None,
            on: None,
        };
        let accountant = office.who("accountant");
        let more = recovery::hand_over(app, accountant, &over(10_201), None).await;
        assert_eq!(told(&more), "REC-0007");
        done(recovery::hand_over(app, accountant, &over(10_200), None).await);
        agree(&office, &["2023-02"]).await;
    })
    .await;
}

fn owned((month, fen): (&str, i64)) -> (String, i64) {
    (month.to_owned(), fen)
}

/// Months and fen that `recovery find` lists.
async fn overpaid_months(office: &Office) -> Vec<(String, i64)> {
    let found = found(office, "rural").await.into_iter();
    found.map(|(month, fen, _)| (month, fen)).collect()
}

/// December was paid in 2022 and its raise in 2023, to two who should have had nothing. Of one the
/// older part is confirmed first, of the other the newer.
#[tokio::test(flavor = "multi_thread")]
async fn parts_of_one_month_are_confirmed_one_after_the_other() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-12", &people(3)).await;
        paid(&office, "rural", "2022-12", "2022-12-10").await;
        office.on("2023-01-04");
        let raised = [person(1), with(2, 10_700), with(3, 10_700)];
        office.roster("rural", "2022-12", &raised).await;
        let (_, files) = office.pay("rural", RunKind::BackPay, "2022-12").await;
        office.answer(&files[0], |_| Outcome::Paid).await;
        office.roster("rural", "2022-12", &people(1)).await;
        let made = open(&office, "maker", "rural").await;
        let amounts: Vec<i64> = made.iter().map(|(_, fen)| *fen).collect();
        assert_eq!(amounts, [10_200, 500, 10_300, 400]);
        for place in [0, 1, 3, 2] {
            confirm(&office, "reviewer", made[place].0).await;
        }
        let expense = 10_100 + 10_200 + 10_300;
        let owed = 2 * 10_700;
        assert_eq!(
            office.balances(OWED).await,
            [owed, expense, 10_200 + 10_300, 0, 0]
        );
        agree(&office, &["2022-12", "2023-01"]).await;
    })
    .await;
}

/// The months of a late death are recovered; then the person proves to be alive. What is granted
/// again is set against the recovery, with a plan or without one: the money is with the household.
#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_granted_again_is_set_against_its_recovery() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        late_death(&office).await;
        let first = open(&office, "maker", "rural").await[0].0;
        confirm(&office, "reviewer", first).await;
        assert_eq!(office.balances(OWED).await[0], 2 * THIRD);

        office.on("2022-04-12");
        office.roster("rural", "2022-02", &people(3)).await;
        let run = office.create("rural", RunKind::BackPay, "2022-03").await;
        let run = run.unwrap();
        office.walk(run, WAY.len() - 2).await;
        // A plan of its own changes nothing of that.
        let late = NewPlan {
            set_off: Some(Fen::new(1_000)),
            from: Some(month("2022-09")),
            ..NewPlan::default()
        };
        plan(&office, first, &late).await;
        let approved = office.act("approver", RunEvent::Approve, run, None).await;
        assert_eq!(
            told(&approved),
            "RUN-0003",
            "the plan is kept with the payment"
        );
        done(office.act("approver", RunEvent::Reject, run, None).await);
        done(office.act("maker", RunEvent::Calculate, run, None).await);
        office.walk(run, WAY.len()).await;
        let files = office.files(run).await;
        let amounts: Vec<i64> = (files[0].lines.iter())
            .map(|line| line.amount.get())
            .collect();
        assert_eq!(amounts, [100], "a bank cannot pay nothing");
        office.answer(&files[0], |_| Outcome::Paid).await;
        let again = office.create("rural", RunKind::BackPay, "2022-03").await;
        assert_eq!(again, None, "once");
        assert_eq!(found(&office, "rural").await, []);
        assert_eq!(office.balances(OWED).await, [100, 3 * MONTH, 0, 0, 0]);
        agree(&office, &["2022-02", "2022-03", "2022-04"]).await;

        // The next month withholds nothing: what it grants was never recovered.
        paid(&office, "rural", "2022-04", "2022-04-14").await;
        assert_eq!(office.balances(OWED).await[..2], [100, 4 * MONTH]);

        office.roster("rural", "2022-02", &people(2)).await;
        let second = open(&office, "maker", "rural").await;
        assert_eq!(second.len(), 1);
        assert_eq!(second[0].1, 3 * THIRD, "what was paid again is owed again");
        confirm(&office, "reviewer", second[0].0).await;
        let owed = 100 + 3 * THIRD;
        assert_eq!(
            office.balances(OWED).await,
            [owed, 4 * MONTH - 3 * THIRD, 0, 0, 0]
        );
        agree(&office, &["2022-02", "2022-03", "2022-04"]).await;
    })
    .await;
}

/// The third is paid and was dead: it is recovered. Then the bank sends the money back.
async fn recovered_and_home(office: &Office, of: &str, home: &'static str) -> RecoveryId {
    office.roster("rural", of, &people(3)).await;
    let day = format!("{of}-10");
    office.on(&day);
    let batch = office.pay_month("rural", of).await;
    office.answer(&batch, |_| Outcome::Paid).await;
    office.roster("rural", of, &people(2)).await;
    let id = open(office, "maker", "rural").await[0].0;
    confirm(office, "reviewer", id).await;
    assert_eq!(office.balances(OWED).await[0], THIRD);
    office.on(home);
    let seen = [movement(home, THIRD, "退汇 P3-1")];
    let answer = office.statement("csv", (home, home), &seen).await;
    assert_eq!(answer["late_refunds"], 1, "{answer}");
    id
}

/// Whoever never had the money owes none: when a payment that was recovered comes home and is
/// cancelled, the recovery shrinks by it, and the expense is not taken back a second time.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_comes_home_is_owed_no_more_when_it_is_cancelled() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let id = recovered_and_home(&office, "2022-01", "2022-02-07").await;
        agree(&office, &["2022-01", "2022-02"]).await;
        let left = office.left("县示例2").await;
        let change = Change::Cancel(PaymentId(3), "已死亡".to_owned());
        done(office.agree("maker", "reviewer", &change).await);
        assert_eq!(office.balances(OWED).await, [0, MONTH - THIRD, 0, 0, 0]);
        assert_eq!(office.balances([Chart::Payable]).await, [0]);
        assert_eq!(
            office.left("县示例2").await,
            left,
            "the money is home already"
        );
        let shown = recovery::show(&office.app, office.who("auditor"), id).await;
        let shown = shown.unwrap().json;
        assert_eq!(shown["state"], "settled", "{shown}");
        assert_eq!(found(&office, "rural").await, []);
        agree(&office, &["2022-01", "2022-02"]).await;
        let again = office.create("rural", RunKind::RePay, "2022-01").await;
        assert_eq!(again, None, "it is not sent again");
    })
    .await;
}

/// Who paid back what never arrived is to get it: the payment waits and cannot be cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_whose_recovery_was_paid_in_is_not_cancelled() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let id = recovered_and_home(&office, "2022-01", "2022-02-07").await;
        let credit = credit(&office, "csv", "2022-02-08", THIRD).await;
        received(&office, &[id], credit).await;
        assert_eq!(office.balances(OWED).await, [0, MONTH - THIRD, 0, 0, 0]);
        let change = Change::Cancel(PaymentId(3), "已死亡".to_owned());
        let cancelled = office.agree("maker", "reviewer", &change).await;
        assert_eq!(told(&cancelled), "REC-0009");
        assert_eq!(office.balances([Chart::Payable]).await, [THIRD]);
        let auditor = office.who("auditor");
        let waits =
            api::app::waiting::failed(&office.app, auditor, None, exception::Page::ALL).await;
        let waits = waits.unwrap().json["failed"].clone();
        assert_eq!(waits.as_array().unwrap().len(), 1, "it waits: {waits}");
        agree(&office, &["2022-01", "2022-02"]).await;
    })
    .await;
}

/// The same across the end of the year: what was recovered in last year's books is the treasury's,
/// and so is a payment that is recovered and cancelled in the new year, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_payment_of_last_year_is_the_treasurys_once() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        recovered_and_home(&office, "2022-12", "2023-01-09").await;
        let change = Change::Cancel(PaymentId(3), "已死亡".to_owned());
        done(office.agree("maker", "reviewer", &change).await);
        assert_eq!(
            office.balances(OWED).await,
            [0, MONTH - THIRD, THIRD, -THIRD, 0]
        );
        agree(&office, &["2022-12", "2023-01"]).await;
        let over = |fen| HandOver {
            program: "rural".to_owned(),
            amount: Fen::new(fen),
            account: None,
            appropriation: Some("县示例2".to_owned()),
            on: None,
        };
        let (app, accountant) = (&office.app, office.who("accountant"));
        let more = recovery::hand_over(app, accountant, &over(THIRD + 1), None).await;
        assert_eq!(told(&more), "REC-0007");
        done(recovery::hand_over(app, accountant, &over(THIRD), None).await);
        assert_eq!(office.balances(OWED).await[2], 0);
        agree(&office, &["2023-01"]).await;
    })
    .await;
}

/// One credit is for a recovery and for something else: only a part of it is taken, and the rest
/// stays unexplained.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_part_of_a_credit_is_a_recoverys() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        late_death(&office).await;
        let id = open(&office, "maker", "rural").await[0].0;
        confirm(&office, "reviewer", id).await;
        let credit = credit(&office, "csv", "2022-04-10", 2 * THIRD + 5_000).await;
        let take = async |login, fen: Option<i64>| {
            let receipt = Receipt {
                recoveries: vec![id],
                exception: credit,
                amount: fen.map(Fen::new),
                appropriation: None,
            };
            recovery::receive(&office.app, office.who(login), &receipt, None).await
        };
        assert_eq!(told(&take("maker", None).await), "REC-0003", "not all owed");
        let more = take("maker", Some(2 * THIRD + 5_001)).await;
        assert_eq!(told(&more), "REC-0008");
        assert_eq!(told(&take("maker", Some(0)).await), "REC-0008", "nothing");
        done(take("maker", Some(THIRD)).await);
        let other = take("reviewer", Some(THIRD + 1)).await;
        assert_eq!(told(&other), "REC-0006", "not the amount that was proposed");
        let answer = done(take("reviewer", Some(THIRD)).await);
        assert_eq!(answer["state"], "open");
        assert_eq!(answer["left_fen"], THIRD + 5_000);
        let suspense = office.balances([Chart::Suspense]).await[0];
        assert_eq!(suspense.abs(), THIRD + 5_000);
        agree(&office, &["2022-03", "2022-04"]).await;

        // The rest of the recovery comes out of the same credit; 50 yuan nobody can explain.
        done(take("maker", Some(THIRD)).await);
        let answer = done(take("reviewer", Some(THIRD)).await);
        assert_eq!(answer["recoveries"][0]["state"], "settled");
        let page = exception::Page {
            after: 0,
            limit: 100,
        };
        let open = exception::list(&office.app, office.who("auditor"), true, page).await;
        let open = open.unwrap().json;
        assert_eq!(open["exceptions"][0]["left_fen"], 5_000);
        assert_eq!(office.balances([Chart::Suspense]).await[0].abs(), 5_000);
        assert_eq!(told(&take("maker", Some(1)).await), "REC-0001");
        agree(&office, &["2022-03", "2022-04"]).await;
    })
    .await;
}

/// Paid until March by a roster of January and one of March; the third died in January.
async fn changed_in_march(office: &Office) {
    office.roster("rural", "2022-01", &people(3)).await;
    paid(office, "rural", "2022-01", "2022-01-10").await;
    paid(office, "rural", "2022-02", "2022-02-10").await;
    office.on("2022-03-02");
    let raised = [person(1), with(2, 10_900), with(3, 10_900)];
    office.roster("rural", "2022-03", &raised).await;
    paid(office, "rural", "2022-03", "2022-03-10").await;
    office.on("2022-04-06");
}

async fn died(
    office: &Office,
    died: Died,
    document: &str,
) -> Result<api::app::Done, api::app::Error> {
    roster::deceased(&office.app, office.who("maker"), &died, document, None).await
}

/// A list of the deceased: the third, somebody without a date, and somebody of another county.
async fn funeral_home(office: &Office) {
    let mut text = "身份证号,姓名,日期\r\n".to_owned();
    for (n, date) in [(3, "2022-01-20"), (8, ""), (9, "2022-01-21")] {
        let who = person(n);
        text += &format!("{},{},{date}\r\n", who.identity, who.name);
    }
    let list = clash::ListInput {
        kind: ListKind::Deceased,
        name: "殡仪馆".to_owned(),
        file_name: "死亡.csv".to_owned(),
        bytes: text.into_bytes(),
    };
    done(clash::import_list(&office.app, office.who("maker"), &list, None).await);
}

/// It is heard in April of a death in January, when no roster of February can be taken any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_death_is_recorded_whatever_later_rosters_said() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        changed_in_march(&office).await;
        let (app, maker) = (&office.app, office.who("maker"));
        let (at, bytes) = (month("2022-02"), paper::roster(&people(2)));
        let late = roster::import(app, maker, "rural", at, "r.csv", &bytes, false, None).await;
        assert_eq!(told(&late), "ROS-0003", "later rosters have decided");

        let listed = || Died::Listed("殡仪馆".to_owned());
        let unknown = died(&office, listed(), "示例").await;
        assert_eq!(told(&unknown), "CMD-0001", "there is no such list");
        funeral_home(&office).await;
        assert_eq!(told(&died(&office, listed(), " ").await), "CMD-0003");
        let answer = done(died(&office, listed(), "示例〔2022〕7号").await);
        let counts = ["recorded", "unknown", "without_date"].map(|name| answer[name].as_i64());
        assert_eq!(counts, [Some(1); 3]);
        let again = done(died(&office, listed(), "示例〔2022〕7号").await);
        assert_eq!(
            (&again["recorded"], &again["recorded_before"]),
            (&0.into(), &1.into())
        );

        let expected = [("2022-02", THIRD), ("2022-03", 10_900)];
        assert_eq!(overpaid_months(&office).await, expected.map(owned));
        let id = open(&office, "maker", "rural").await[0].0;
        confirm(&office, "reviewer", id).await;
        // The roster of March names three still; two are paid.
        office.on("2022-04-10");
        let (_, files) = office.pay("rural", RunKind::Regular, "2022-04").await;
        assert_eq!(files[0].lines.len(), 2);
        office.answer(&files[0], |_| Outcome::Paid).await;
        agree(&office, &["2022-02", "2022-03", "2022-04"]).await;

        // It was somebody else: what was taken back is due again.
        let known = roster::deaths(app, office.who("auditor"))
            .await
            .unwrap()
            .json;
        let person = known["deaths"][0]["person"].as_i64().unwrap();
        let whose = |on| Died::Person(ledger::id::PartyId(person), on);
        let tomorrow = Some(acceptance::office::day("2022-04-11"));
        let early = died(&office, whose(tomorrow), "示例").await;
        assert_eq!(told(&early), "CMD-0003", "a day to come");
        let nobody = Died::Person(ledger::id::PartyId(9_999), None);
        assert_eq!(told(&died(&office, nobody, "示例").await), "CMD-0001");
        done(died(&office, whose(None), "示例〔2022〕8号").await);
        let run = office.create("rural", RunKind::BackPay, "2022-04").await;
        let run = run.unwrap();
        // The list still names the person, and blocks the run.
        let checked = done(office.act("maker", RunEvent::Check, run, None).await);
        assert_eq!(checked["errors"], 1);
        // What was recovered of February and March is set against it; April is paid.
        assert_eq!(checked["total_fen"], 10_900);
        done(office.act("maker", RunEvent::Discard, run, None).await);
        office.assert_invariants().await;
    })
    .await;
}

/// Proposing and confirming takes as many statements for forty households as for four, and those
/// of one household leave the others alone.
#[tokio::test(flavor = "multi_thread")]
async fn many_recoveries_are_proposed_and_confirmed_at_once() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let mut cut = people(44);
        office.roster("rural", "2022-01", &cut).await;
        paid(&office, "rural", "2022-01", "2022-01-10").await;
        paid(&office, "rural", "2022-02", "2022-02-10").await;
        office.on("2022-03-03");
        let mut statements = Vec::new();
        for range in [0..4, 4..44] {
            let size = range.len();
            for one in &mut cut[range] {
                one.amount = Fen::new(10_000);
            }
            office.roster("rural", "2022-01", &cut).await;
            let before = office.app.db.statements();
            let made = open(&office, "maker", "rural").await;
            let opened = office.app.db.statements();
            assert_eq!(made.len(), size);
            let ids: Vec<RecoveryId> = made.iter().map(|(id, _)| *id).collect();
            let (app, reviewer) = (&office.app, office.who("reviewer"));
            let answer = done(recovery::confirm_many(app, reviewer, &ids, None).await);
            let confirmed = office.app.db.statements();
            let owed: i64 = made.iter().map(|(_, fen)| fen).sum();
            assert_eq!(answer["total_fen"], owed);
            let all = answer["recoveries"].as_array().unwrap();
            let voucher = &all[0]["voucher"];
            assert!(all.iter().all(|one| one["voucher"] == *voucher));
            assert!(all.iter().all(|one| one["state"] == "open"));
            statements.push([opened - before, confirmed - opened]);
        }
        for (few, many) in statements[0].iter().zip(statements[1]) {
            assert!(many <= few + 4, "{few} for 4, {many} for 40");
        }
        agree(&office, &["2022-01", "2022-02", "2022-03"]).await;
        one_of_two(&office, cut).await;
        office.assert_invariants().await;
    })
    .await;
}

/// One household of two that are overpaid, by its file number; numbers that are not there.
async fn one_of_two(office: &Office, mut cut: Vec<Person>) {
    cut[0].amount = Fen::new(9_000);
    cut[1].amount = Fen::new(9_000);
    office.roster("rural", "2022-01", &cut).await;
    let one = NewRecovery {
        program: "rural".to_owned(),
        whose: Whose::FileNo(cut[1].file_no.clone()),
        first: Some(month("2022-02")),
        last: None,
        reason: "示例".to_owned(),
    };
    let (app, maker, reviewer) = (&office.app, office.who("maker"), office.who("reviewer"));
    let made = done(recovery::open(app, maker, &one, None).await);
    assert_eq!(made["total_fen"], 1_000, "February of one household");
    let id = RecoveryId(made["recoveries"][0]["recovery"].as_i64().unwrap());
    let missing = [id, RecoveryId(2_000_000)];
    let missing = recovery::confirm_many(app, reviewer, &missing, None).await;
    assert_eq!(told(&missing), "CMD-0001");
    let none = recovery::confirm_many(app, reviewer, &[], None).await;
    assert_eq!(told(&none), "CMD-0001");
    done(recovery::confirm_many(app, reviewer, &[id, id], None).await);
    assert_eq!(found(office, "rural").await.len(), 3);
}
