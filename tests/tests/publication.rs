//! A run hangs out for its days and waits for objections; what was published is what is paid.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{Outcome, account, movement, people};
use acceptance::office::{Office, WAY, day, done, month, refused, told};
use api::app::proposal::Change;
use api::app::publication::{NewRule, Place};
use api::app::{Error, appropriation, calendar, clash, period, policy, publication};
use ledger::disbursement::publication::DayUnit;
use ledger::disbursement::workflow::RunEvent;
use ledger::id::{ObjectionId, PaymentId, RunId};
use ledger::money::Fen;
use ledger_store::error::StoreError;
use ledger_store::run::RunKind;
use serde_json::{Value, json};

/// An office whose urban program is published for five days.
async fn publishing(url: &str) -> Office {
    let office = Office::funded(url).await;
    rule(&office, 5).await;
    office
}

async fn rule(office: &Office, days: i64) {
    let rule = NewRule {
        program: "urban".to_owned(),
        days,
        unit: DayUnit::Calendar,
        document: "示例〔2022〕4号".to_owned(),
    };
    done(
        office
            .agree("maker", "reviewer", &Change::Publication(rule))
            .await,
    );
}

/// A run of so many people, submitted.
async fn submitted(office: &Office, count: usize) -> RunId {
    office.roster("urban", "2022-01", &people(count)).await;
    let run = office.create("urban", RunKind::Regular, "2022-01").await;
    let run = run.unwrap();
    office.walk(run, 2).await;
    run
}

async fn publish(office: &Office, run: RunId) -> Value {
    let (app, maker) = (&office.app, office.who("maker"));
    done(publication::publish(app, maker, run, None, None).await)
}

async fn object(office: &Office, login: &str, run: RunId) -> ObjectionId {
    let (app, who) = (&office.app, office.who(login));
    let answer = done(publication::add(app, who, run, None, "示例:已就业", None).await);
    ObjectionId(answer["objection"].as_i64().unwrap())
}

async fn settle(office: &Office, login: &str, id: ObjectionId, upheld: bool) -> String {
    let (app, who) = (&office.app, office.who(login));
    told(&publication::settle(app, who, id, upheld, "入户核实", None).await)
}

async fn status(office: &Office, run: RunId) -> Value {
    let manager = office.who("manager");
    let report = publication::show(&office.app, manager, run).await.unwrap();
    report.json
}

/// What a step says: done, or the code of the refusal with the values that it names.
async fn step(office: &Office, login: &str, event: RunEvent, run: RunId) -> String {
    match office.act(login, event, run, None).await {
        Err(Error::Refused { problem, .. }) => {
            let named = ["days", "objections"];
            let values = problem.values.iter();
            let named = values.filter(|(name, _)| named.contains(name));
            let texts: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
            format!("{} {}", problem.code(), texts.join(" "))
                .trim()
                .to_owned()
        }
        other => told(&other),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_its_days_and_for_its_objections() {
    for_each_engine(async |url| {
        let office = publishing(url).await;
        let run = submitted(&office, 4).await;
        let approve = async || step(&office, "approver", RunEvent::Approve, run).await;
        let release = async || step(&office, "cashier", RunEvent::Release, run).await;
        done(office.act("reviewer", RunEvent::Review, run, None).await);
        assert_eq!(approve().await, "PUB-0001");
        let answer = publish(&office, run).await;
        assert_eq!(answer["from"], "2022-01-04");
        assert_eq!(answer["to"], "2022-01-08");
        assert_eq!(
            (&answer["payments"], &answer["days"]),
            (&json!(4), &json!(5))
        );
        assert_eq!(approve().await, "PUB-0004 5");
        let first = object(&office, "maker", run).await;
        let second = object(&office, "reviewer2", run).await;
        assert_eq!(approve().await, "PUB-0003 1、2");
        assert_eq!(settle(&office, "maker", first, false).await, "AUTH-0006");
        assert_eq!(settle(&office, "auditor", first, false).await, "AUTH-0004");
        assert_eq!(settle(&office, "maker2", first, false).await, "done");
        assert_eq!(settle(&office, "reviewer", first, true).await, "PUB-0006");
        assert_eq!(approve().await, "PUB-0003 2");
        assert_eq!(settle(&office, "maker", second, false).await, "done");
        for (date, told) in [
            ("2022-01-05", "PUB-0004 4"),
            ("2022-01-08", "PUB-0004 1"),
            ("2022-01-09", "done"),
        ] {
            office.on(date);
            assert_eq!(approve().await, told, "{date}");
        }
        office.assert_invariants().await;
        let late = object(&office, "approver2", run).await;
        assert_eq!(release().await, "PUB-0003 3");
        assert_eq!(status(&office, run).await["ready"], false);
        assert_eq!(settle(&office, "reviewer", late, false).await, "done");
        assert_eq!(release().await, "done");
        let (app, maker) = (&office.app, office.who("maker"));
        let after = publication::add(app, maker, run, None, "示例", None).await;
        assert_eq!(refused(after).code(), "RUN-0001");
        office.assert_invariants().await;
    })
    .await;
}

/// An upheld objection sends the run back; the corrected calculation hangs out anew, whether the
/// objection was upheld before the approval or after it.
#[tokio::test(flavor = "multi_thread")]
async fn an_upheld_objection_takes_a_new_calculation_and_a_new_publication() {
    for_each_engine(async |url| {
        let office = publishing(url).await;
        let run = submitted(&office, 4).await;
        publish(&office, run).await;
        done(office.act("reviewer", RunEvent::Review, run, None).await);
        let objection = object(&office, "maker", run).await;
        assert_eq!(settle(&office, "reviewer", objection, true).await, "done");
        office.on("2022-01-20");
        let approve = async || step(&office, "approver", RunEvent::Approve, run).await;
        assert_eq!(approve().await, "PUB-0002 1");
        // Not by waiting, nor by handing the same calculation in again.
        done(office.act("approver", RunEvent::Reject, run, None).await);
        office.walk(run, 3).await;
        assert_eq!(approve().await, "PUB-0002 1");
        done(office.act("approver", RunEvent::Reject, run, None).await);
        office.roster("urban", "2022-01", &people(3)).await;
        done(office.act("maker", RunEvent::Calculate, run, None).await);
        office.walk(run, 3).await;
        assert_eq!(approve().await, "PUB-0001");
        let (app, manager) = (&office.app, office.who("manager"));
        let report = publication::report(app, manager, run, &Place::default()).await;
        assert!(matches!(report, Err(Error::Refused { problem, .. })
            if problem.code() == "PUB-0001"));
        publish(&office, run).await;
        let now = status(&office, run).await;
        assert_eq!((&now["voided"], &now["payments"]), (&json!(1), &json!(3)));
        office.on("2022-01-25");
        assert_eq!(approve().await, "done");
        // The same after the approval: the run cannot leave, and is taken back.
        let objection = object(&office, "maker", run).await;
        assert_eq!(settle(&office, "reviewer", objection, true).await, "done");
        let release = step(&office, "cashier", RunEvent::Release, run).await;
        assert_eq!(release, "PUB-0002 2");
        done(office.act("approver", RunEvent::Revoke, run, None).await);
        done(office.act("maker", RunEvent::Calculate, run, None).await);
        office.assert_invariants().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_publish_what_and_when() {
    for_each_engine(async |url| {
        let office = publishing(url).await;
        let (app, maker) = (&office.app, office.who("maker"));
        office.roster("urban", "2022-01", &people(4)).await;
        let run = office.create("urban", RunKind::Regular, "2022-01").await;
        let run = run.unwrap();
        let publish = async |login: &str, from: Option<&str>, key: Option<&str>| {
            let (who, key) = (office.who(login), key.map(str::to_owned));
            told(&publication::publish(app, who, run, from.map(day), key).await)
        };
        assert_eq!(publish("maker", None, None).await, "RUN-0001");
        office.walk(run, 2).await;
        assert_eq!(publish("reviewer", None, None).await, "AUTH-0004");
        assert_eq!(publish("maker", Some("2022-01-03"), None).await, "CMD-0003");
        assert_eq!(
            publish("maker", Some("2022-01-06"), Some("k")).await,
            "done"
        );
        assert_eq!(
            publish("maker", Some("2022-01-06"), Some("k")).await,
            "replay"
        );
        assert_eq!(publish("maker", None, Some("k")).await, "CMD-0004");
        assert_eq!(publish("maker", None, None).await, "CMD-0002");
        assert_eq!(status(&office, run).await["to"], "2022-01-10");
        // An objection is against a payment of the list, says something, and is done once.
        let add = async |payment: Option<i64>, detail: &str, key: Option<&str>| {
            let (payment, key) = (payment.map(PaymentId), key.map(str::to_owned));
            told(&publication::add(app, maker, run, payment, detail, key).await)
        };
        assert_eq!(add(Some(99), "示例", None).await, "CMD-0001");
        assert_eq!(add(Some(2), "  ", None).await, "CMD-0003");
        let number = "身份证号 610881190001010015 不符";
        assert_eq!(add(Some(2), number, Some("o")).await, "done");
        assert_eq!(add(Some(2), number, Some("o")).await, "replay");
        let list = publication::list(app, maker, Some(run)).await.unwrap().json;
        assert_eq!(list["objections"].as_array().unwrap().len(), 1);
        assert!(!list.to_string().contains("6108811900"), "{list}");
        let key = || Some("s".to_owned());
        let reviewer = office.who("reviewer");
        for expected in ["done", "replay"] {
            let id = ObjectionId(1);
            let settled = publication::settle(app, reviewer, id, false, "已核实", key()).await;
            assert_eq!(told(&settled), expected);
        }
        // A rule of no days comes too late for a run that was submitted; a program without one
        // waits for nothing.
        rule(&office, 0).await;
        done(office.act("reviewer", RunEvent::Review, run, None).await);
        let early = office.act("approver", RunEvent::Approve, run, None).await;
        assert_eq!(told(&early), "PUB-0004");
        office.on("2022-01-11");
        done(office.act("approver", RunEvent::Approve, run, None).await);
        office.roster("rural", "2022-01", &people(2)).await;
        let rural = office.create("rural", RunKind::Regular, "2022-01").await;
        office.walk(rural.unwrap(), 3).await;
        let none = publication::publish(app, maker, rural.unwrap(), None, None).await;
        assert_eq!(refused(none).code(), "PUB-0005");
        done(
            office
                .act("approver", RunEvent::Approve, rural.unwrap(), None)
                .await,
        );
        office.assert_invariants().await;
    })
    .await;
}

/// The list is the run, to the fen, and shows nobody's numbers; it is the same each time, whatever
/// changed since.
#[tokio::test(flavor = "multi_thread")]
async fn the_published_list_is_the_run_and_shows_no_numbers() {
    for_each_engine(async |url| {
        let office = publishing(url).await;
        let run = submitted(&office, 14).await;
        publish(&office, run).await;
        let (app, manager) = (&office.app, office.who("manager"));
        let first = publication::report(app, manager, run, &Place::default())
            .await
            .unwrap();
        let run_now = api::app::run::show(app, manager, run).await.unwrap().json;
        let json = &first.json;
        assert_eq!(json["payments"], run_now["payments"]);
        assert_eq!(json["total_fen"], run_now["total_fen"]);
        let list = json["list"].as_array().unwrap();
        let sum = |rows: &[Value]| -> i64 {
            let amounts = rows.iter().map(|row| row["amount_fen"].as_i64().unwrap());
            amounts.sum()
        };
        let count = |rows: &[Value]| -> i64 {
            let counts = rows.iter().map(|row| row["payments"].as_i64().unwrap());
            counts.sum()
        };
        let townships = json["townships"].as_array().unwrap();
        assert_eq!((townships.len(), list.len()), (3, 14));
        assert_eq!(json!(sum(list)), json["total_fen"]);
        assert_eq!(json!(sum(townships)), json["total_fen"]);
        assert_eq!(json!(count(townships)), json["payments"]);
        for township in townships {
            let villages = township["villages"].as_array().unwrap();
            assert_eq!(json!(sum(villages)), township["amount_fen"]);
        }
        assert!(list.iter().all(|row| row["people"] == 1), "{json}");
        // What hangs out in one township, and in one village, is just its part.
        for township in townships {
            let own = |village: Option<&Value>| Place {
                township: township["township"].as_str().map(str::to_owned),
                village: village.and_then(|one| one["village"].as_str().map(str::to_owned)),
            };
            let villages = township["villages"].as_array().unwrap();
            let parts = villages.iter().map(|one| (own(Some(one)), one));
            for (place, of) in parts.chain([(own(None), township)]) {
                let part = publication::report(app, manager, run, &place)
                    .await
                    .unwrap();
                assert_eq!(part.json["payments"], of["payments"], "{place:?}");
                assert_eq!(part.json["total_fen"], of["amount_fen"], "{place:?}");
            }
        }
        let nowhere = Place {
            village: Some("没有的村".to_owned()),
            ..Place::default()
        };
        let none = publication::report(app, manager, run, &nowhere).await;
        assert!(matches!(none, Err(Error::Refused { .. })), "{none:?}");
        // Line by line: every cell that anybody can see.
        let table = &first.tables[0];
        let last = table.rows.last().unwrap();
        assert_eq!((&*last[4], &*last[6]), ("合计 14 笔", "1,505.00"));
        let shown = table.rows.concat().join("\n") + &json["list"].to_string();
        for person in people(14) {
            for secret in [&person.identity, &person.account, &person.file_no] {
                assert!(!shown.contains(secret.as_str()), "{secret}");
            }
            let hidden = person.name.chars().count() > 2;
            assert!(!(hidden && shown.contains(&person.name)), "{}", person.name);
        }
        let digits = shown.split(|c: char| !c.is_ascii_digit());
        assert!(digits.map(str::len).max() < Some(9), "{shown}");
        // Another account, another roster: what hung out stays what hung out.
        let mut changed = people(10);
        changed[3].account = account(900);
        office.roster("urban", "2022-02", &changed).await;
        let again = publication::report(app, manager, run, &Place::default())
            .await
            .unwrap();
        assert_eq!(first.json, again.json);
        assert_eq!(first.tables, again.tables);
        office.assert_invariants().await;
    })
    .await;
}

/// The name of the constraint that refuses a statement.
async fn violates(office: &Office, sql: &'static str) -> String {
    let mut tx = office.app.db.begin_write().await.unwrap();
    let result = tx.execute(sql, &[]).await;
    tx.rollback().await.unwrap();
    match result {
        Err(StoreError::Constraint { name }) => name,
        Ok(_) => "nothing".to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

/// The next step of run 1 by its approver, past all code.
const APPROVE: &str = "insert into run_event (book_id, run_id, n, event, state, revision, user_id,
    duty, held_duty, happened_at, reason, payment_first, payment_last, payments, total_fen,
    carried_fen, fingerprint, entry, seal) select book_id, run_id, n + 1, 'approve', 'approved',
    revision, user_id, duty, held_duty, happened_at, reason, payment_first, payment_last, payments,
    total_fen, carried_fen, fingerprint, entry, seal from run_event
    where run_id = 1 and n = (select max(n) from run_event where run_id = 1)";
const SETTLE: &str = "insert into objection_event (book_id, objection_id, n, event, user_id, note,
    entry, seal) select book_id, objection_id, 2, 'dismissed', user_id, 'x', entry, seal
    from objection_event where n = 1";
const RECEIVE_TWICE: &str = "insert into objection_event (book_id, objection_id, n, event, user_id,
    note, entry, seal) select book_id, objection_id, 2, 'received', user_id + 1, 'x', entry, seal
    from objection_event where n = 1";

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_what_code_would_let_pass() {
    const REFUSED: &str = "tr_run_event_publication";
    for_each_engine(async |url| {
        let office = publishing(url).await;
        let run = submitted(&office, 4).await;
        done(office.act("reviewer", RunEvent::Review, run, None).await);
        assert_eq!(violates(&office, APPROVE).await, REFUSED);
        publish(&office, run).await;
        assert_eq!(violates(&office, APPROVE).await, "nothing");
        let objection = object(&office, "maker", run).await;
        assert_eq!(violates(&office, APPROVE).await, REFUSED);
        assert_eq!(violates(&office, SETTLE).await, "tr_objection_event_people");
        let received = violates(&office, RECEIVE_TWICE).await;
        assert_eq!(received, "ck_objection_event_step");
        assert_eq!(settle(&office, "reviewer2", objection, true).await, "done");
        assert_eq!(violates(&office, APPROVE).await, REFUSED);
        // Another rule binds at once, but does not let go of a run that was submitted before it.
        rule(&office, 0).await;
        assert_eq!(violates(&office, APPROVE).await, REFUSED);
        rule(&office, 7).await;
        done(office.act("approver", RunEvent::Reject, run, None).await);
        done(office.act("maker", RunEvent::Calculate, run, None).await);
        assert_eq!(
            violates(&office, APPROVE).await,
            REFUSED,
            "a new calculation"
        );
        office.assert_invariants().await;
    })
    .await;
}

/// Who asks comes before the money, the money before the publication, and of that what is missing,
/// upheld, open and running, in this order.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_several_refusals_is_given() {
    for_each_engine(async |url| {
        let office = publishing(url).await;
        let text = "[[program]]\ncode = \"urban\"\nname = \"城市低保\"\nfunction_code = \"2081901\"\n\
            approval_limit = [{ level = \"county\", from = \"2022-01\", payment = \"110\",\
            document = \"示例〔2022〕5号\" }]\n";
        let (app, maker) = (&office.app, office.who("maker"));
        done(policy::import(app, maker, "limit.toml", text, None).await);
        let city = ledger::disbursement::approval::ApprovalLevel::City;
        let city = Change::Level("approver2".to_owned(), city);
        done(office.agree("admin", "reviewer", &city).await);
        let run = submitted(&office, 20).await;
        let approve = async |login: &str| step(&office, login, RunEvent::Approve, run).await;
        assert_eq!(approve("approver2").await, "RUN-0001");
        done(office.act("reviewer", RunEvent::Review, run, None).await);
        // Half of the money goes home, so that it does not suffice any more.
        let accountant = office.who("accountant");
        let (document, amount) = ("县示例1", Fen::new(300_000));
        let back = appropriation::return_to_treasury(
            app, accountant, document, "urban", amount, None, None,
        );
        done(back.await);
        assert_eq!(approve("reviewer").await, "AUTH-0004");
        assert_eq!(approve("approver").await, "AUTH-0009");
        assert_eq!(approve("approver2").await, "RUN-0004");
        office
            .grant("县示例9", ledger::fund::Level::County, "urban", 300_000)
            .await;
        assert_eq!(approve("approver").await, "AUTH-0009");
        assert_eq!(approve("approver2").await, "PUB-0001");
        publish(&office, run).await;
        let (first, second) = (
            object(&office, "maker", run).await,
            object(&office, "maker", run).await,
        );
        assert_eq!(approve("approver2").await, "PUB-0003 1、2");
        assert_eq!(settle(&office, "reviewer2", first, true).await, "done");
        assert_eq!(approve("approver2").await, "PUB-0002 1");
        assert_eq!(settle(&office, "reviewer2", second, false).await, "done");
        assert_eq!(approve("approver2").await, "PUB-0002 1");
        office.assert_invariants().await;
    })
    .await;
}

/// The whole loop with a publication: paid, failed, paid again without hanging out again, closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_published_month_is_paid_and_closed() {
    for_each_engine(async |url| {
        let office = publishing(url).await;
        let run = submitted(&office, 4).await;
        publish(&office, run).await;
        office.on("2022-01-10");
        for (login, event) in &WAY[2..] {
            done(office.act(login, *event, run, None).await);
        }
        let batch = office.files(run).await.remove(0);
        let list =
            publication::report(&office.app, office.who("manager"), run, &Place::default()).await;
        let list = list.unwrap().json;
        assert_eq!(list["total_fen"], json!(batch.total.get()));
        assert_eq!(list["payments"], json!(batch.lines.len()));
        office
            .answer(&batch, |place| match place {
                0 => Outcome::Failed("系统忙"),
                _ => Outcome::Paid,
            })
            .await;
        let seen = [
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
            movement("2022-01-10", -batch.total.get(), "B000001"),
            movement("2022-01-12", 10_100, "P1-1"),
        ];
        let days = ("2022-01-01", "2022-01-20");
        office.statement("icbc", days, &seen).await;
        office.on("2022-01-20");
        // What is paid again hung out already.
        let again = office.pay_again("urban", "2022-01").await;
        office.answer(&again, |_| Outcome::Paid).await;
        let seen = [movement("2022-01-21", -10_100, "B000002")];
        let days = ("2022-01-21", "2022-01-31");
        office.statement("icbc", days, &seen).await;
        let seen = [movement("2022-01-05", 200_000_000, "县示例2")];
        let days = ("2022-01-01", "2022-01-31");
        office.statement("csv", days, &seen).await;
        office.on("2022-01-31");
        done(office.act("accountant", RunEvent::Close, run, None).await);
        office.assert_invariants().await;
        let (app, accountant) = (&office.app, office.who("accountant"));
        done(period::close(app, accountant, month("2022-01"), None).await);
        office.assert_invariants().await;
    })
    .await;
}

/// Five working days from Friday 28 January 2022: two days are made up on the weekend before the
/// Spring Festival. Without the notice of the year only weekends are free, and the answer says so.
#[tokio::test(flavor = "multi_thread")]
async fn working_days_follow_the_calendar() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.on("2022-01-28");
        let (app, maker) = (&office.app, office.who("maker"));
        for (program, loaded, to, unknown) in [
            ("urban", false, "2022-02-03", json!([2022])),
            ("rural", true, "2022-02-08", json!([])),
        ] {
            if loaded {
                let notice = calendar::Source::shipped(2022).unwrap();
                done(calendar::import(app, maker, &notice, None).await);
            }
            let rule = NewRule {
                program: program.to_owned(),
                days: 5,
                unit: DayUnit::Working,
                document: "示例〔2022〕4号".to_owned(),
            };
            done(
                office
                    .agree("maker", "reviewer", &Change::Publication(rule))
                    .await,
            );
            office.roster(program, "2022-01", &people(2)).await;
            let run = office.create(program, RunKind::Regular, "2022-01").await;
            let run = run.unwrap();
            office.walk(run, 1).await;
            let known = clash::findings(app, maker, run, 10).await.unwrap().json;
            for check in known["checks"].as_array().unwrap() {
                let code = check["code"].as_str().unwrap();
                done(clash::explain(app, maker, run, code, "示例", None).await);
            }
            done(office.act("maker", RunEvent::Submit, run, None).await);
            let answer = publish(&office, run).await;
            assert_eq!(answer["to"], to, "{program}");
            assert_eq!(answer["years_without_notice"], unknown, "{program}");
        }
    })
    .await;
}
