//! Who may approve how much, and how an approval is taken back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::for_each_engine;
use acceptance::office::paper::{Outcome, account, movement, people, person, roster};
use acceptance::office::{Office, WAY, done, month, refused, told};
use api::app::appropriation::{self, NewAppropriation};
use api::app::approval::NewLimit;
use api::app::policy::{self, Source};
use api::app::proposal::{self, Change};
use api::app::run::{self, NewRun};
use api::app::{period, reconcile, report, trace};
use ledger::account::Chart;
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::workflow::RunEvent;
use ledger::fund::Level;
use ledger::id::{PaymentId, ProposalId, RunId};
use ledger::money::Fen;
use ledger_store::error::StoreError;
use ledger_store::run::RunKind;
use serde_json::json;

async fn level(office: &Office, login: &str, level: ApprovalLevel) {
    let level = Change::Level(login.to_owned(), level);
    done(office.agree("admin", "reviewer", &level).await);
}

fn township(from: &str, payment: i64, run: Option<i64>) -> NewLimit {
    NewLimit {
        program: "urban".to_owned(),
        level: ApprovalLevel::Township,
        from: month(from),
        payment: Fen::new(payment),
        run: run.map(Fen::new),
        document: "示例〔2022〕5号".to_owned(),
    }
}

async fn limit(office: &Office, limit: &NewLimit) -> String {
    told(
        &office
            .agree("maker", "reviewer", &Change::Limit(limit.clone()))
            .await,
    )
}

/// People with 101, 102 … yuan: limits of a payment and of a run, and who is refused.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_above_the_limit_of_their_level() {
    let cases: [(&str, i64, Option<i64>, &str); 5] = [
        ("2022-01", 10_300, None, "approved"),
        ("2022-01", 10_299, None, "refused"),
        ("2022-01", 10_300, Some(30_600), "approved"),
        ("2022-01", 10_300, Some(30_599), "refused"),
        ("2022-02", 1, Some(1), "approved"),
    ];
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        level(&office, "approver", ApprovalLevel::Township).await;
        office.roster("urban", "2022-01", &people(3)).await;
        let run = office.create("urban", RunKind::Regular, "2022-01").await;
        let run = run.unwrap();
        office.walk(run, 3).await;
        // Nothing is limited yet.
        done(office.act("approver", RunEvent::Approve, run, None).await);
        done(office.act("approver", RunEvent::Revoke, run, None).await);
        office.walk(run, 3).await;
        for (from, payment, total, expected) in cases {
            let now = violation(&office, run, from, payment, total).await;
            assert_eq!(now, expected, "{from} {payment} {total:?}");
        }
        assert_eq!(
            limit(&office, &township("2022-01", 10_299, None)).await,
            "done"
        );
        assert_eq!(
            limit(&office, &township("2022-01", 10_300, None)).await,
            "CMD-0002"
        );
        let problem = refused(office.act("approver", RunEvent::Approve, run, None).await);
        let value = |name: &str| {
            let found = problem.values.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str()).unwrap()
        };
        assert_eq!(problem.code(), "AUTH-0009");
        assert_eq!((value("payment"), value("largest")), ("3", "103.00"));
        assert_eq!((value("limit"), value("run_limit")), ("102.99", "—"));
        assert_eq!(value("may"), "approver2(县级)");
        // Whoever is of the county may.
        done(office.act("approver2", RunEvent::Approve, run, None).await);
        office.assert_invariants().await;
    })
    .await;
}

/// What the database says of the approval of a run under a limit that is then forgotten.
async fn violation(
    office: &Office,
    run: RunId,
    from: &str,
    payment: i64,
    total: Option<i64>,
) -> String {
    let total = total.map_or_else(|| "null".to_owned(), |total| total.to_string());
    let limit = format!(
        "insert into approval_limit (book_id, program_id, level, from_month, payment_fen, run_fen,
        document, entry, seal) values (1, 1, 'township', '{from}', {payment}, {total}, 'x', 1, 0)"
    );
    let step = format!(
        "insert into run_event (book_id, run_id, n, event, state, revision, user_id, duty,
        held_duty, happened_at, reason, payment_first, payment_last, payments, total_fen,
        carried_fen, fingerprint, entry, seal) select e.book_id, e.run_id, e.n + 1, 'approve',
        'approved', e.revision, d.user_id, d.duty, d.duty, e.happened_at, e.reason,
        e.payment_first, e.payment_last, e.payments, e.total_fen, e.carried_fen, e.fingerprint,
        e.entry, e.seal from run_event e join run_duty d on d.book_id = e.book_id
        and d.run_id = e.run_id and d.duty = 'approver'
        where e.run_id = {run} and e.n = (select max(n) from run_event where run_id = {run})"
    );
    let mut tx = office.app.db.begin_write().await.unwrap();
    tx.execute(for_ever(limit), &[]).await.unwrap();
    let result = tx.execute(for_ever(step), &[]).await;
    tx.rollback().await.unwrap();
    match result {
        Ok(_) => "approved".to_owned(),
        Err(StoreError::Constraint { name }) if name == "tr_run_event_limit" => {
            "refused".to_owned()
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// Texts for the driver, which takes only such as live for ever.
fn for_ever(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// Hezhou's temporary relief: the township approves up to 2,000 yuan, from 2020 up to 4,000.
#[tokio::test(flavor = "multi_thread")]
async fn the_pack_of_hezhou_limits_its_townships() {
    for_each_engine(async |url| {
        let office = Office::open(url).await;
        level(&office, "approver", ApprovalLevel::Township).await;
        let (app, maker) = (&office.app, office.who("maker"));
        let pack = Source::pack(policy::pack("hezhou").unwrap()).paid_from(Some("icbc"));
        let answer = done(policy::import_from(app, maker, &pack, None).await);
        assert_eq!(answer["approval_limits"], 2, "{answer}");
        let again = done(policy::import_from(app, maker, &pack, None).await);
        assert_eq!(again["approval_limits"], 0, "{again}");
        let new = NewAppropriation {
            document: "县示例7".to_owned(),
            level: Level::County,
            budget_year: 2022,
            program: "temporary-relief".to_owned(),
            bank_account: "icbc".to_owned(),
            amount: Fen::new(10_000_000),
            received_on: app.clock.today(),
            priority: 1,
        };
        done(appropriation::add(app, office.who("accountant"), &new, None).await);
        let cases = [
            ("2019-12", 2_000, "done"),
            ("2019-12", 2_001, "AUTH-0009"),
            ("2020-01", 2_001, "done"),
            ("2020-01", 4_000, "done"),
            ("2020-02", 4_001, "AUTH-0009"),
        ];
        for (n, (at, yuan, expected)) in (1..).zip(cases) {
            let mut relieved = person(n);
            relieved.amount = Fen::new(yuan * 100);
            let text = String::from_utf8(roster(&[relieved])).unwrap();
            let text = text.replace("living", "relief");
            let (program, at) = ("temporary-relief", month(at));
            let bytes = text.as_bytes();
            let read =
                api::app::roster::import(app, maker, program, at, "r.csv", bytes, false, None);
            done(read.await);
            let new = NewRun {
                program: program.to_owned(),
                kind: RunKind::Regular,
                month: at,
                first: None,
            };
            let answer = done(run::create(app, maker, &new, None).await);
            assert_eq!(answer["total_fen"], yuan * 100, "{answer}");
            let run = RunId(answer["run"].as_i64().unwrap());
            office.walk(run, 3).await;
            let approved = office.act("approver", RunEvent::Approve, run, None).await;
            assert_eq!(told(&approved), expected, "{at} {yuan}");
            if expected != "done" {
                done(office.act("approver2", RunEvent::Approve, run, None).await);
            }
        }
        office.assert_invariants().await;
    })
    .await;
}

const BOOKED: [Chart; 2] = [Chart::Payable, Chart::Expense];

/// Approved, taken back, approved again as it was, taken back, corrected, approved, paid, closed.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_taken_back_and_given_again() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(3)).await;
        let run = office.create("urban", RunKind::Regular, "2022-01").await;
        let run = run.unwrap();
        office.walk(run, 4).await;
        assert_eq!(office.balances(BOOKED).await, [30_600, 30_600]);
        let no_reason =
            api::app::approval::revoke(&office.app, office.who("approver"), run, " ", None).await;
        assert_eq!(refused(no_reason).code(), "CMD-0003");
        let revoke = async |login: &str, key: Option<&str>| {
            told(&office.act(login, RunEvent::Revoke, run, key).await)
        };
        assert_eq!(revoke("maker", None).await, "AUTH-0004");
        assert_eq!(revoke("approver", Some("k")).await, "done");
        assert_eq!(revoke("approver", Some("k")).await, "replay");
        assert_eq!(revoke("approver", None).await, "RUN-0001");
        assert_eq!(office.balances(BOOKED).await, [0, 0]);
        office.assert_invariants().await;
        let released = office.act("cashier", RunEvent::Release, run, None).await;
        assert_eq!(refused(released).code(), "RUN-0001");
        // As it was: the same calculation is booked again.
        office.walk(run, 4).await;
        assert_eq!(office.balances(BOOKED).await, [30_600, 30_600]);
        office.assert_invariants().await;
        let shown = trace::payment(&office.app, office.who("auditor"), PaymentId(1)).await;
        let shown = shown.unwrap().json;
        assert_eq!(shown["transfers"].as_array().unwrap().len(), 3, "{shown}");
        assert_eq!(revoke("approver2", None).await, "done");
        office.roster("urban", "2022-01", &people(2)).await;
        done(office.act("maker", RunEvent::Calculate, run, None).await);
        office.assert_invariants().await;
        office.walk(run, 5).await;
        assert_eq!(revoke("approver", None).await, "RUN-0001");
        assert_eq!(office.balances(BOOKED).await, [20_300, 20_300]);
        office.assert_invariants().await;
        let batch = office.files(run).await.remove(0);
        office.answer(&batch, |_| Outcome::Paid).await;
        let annual = report::monthly(&office.app, office.who("manager"), month("2022-01")).await;
        assert!(annual.unwrap().json.to_string().contains("20300"));
        let seen = [
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
            movement("2022-01-06", -batch.total.get(), "B000001"),
        ];
        close(&office, "2022-01", &seen).await;
        office.assert_invariants().await;
    })
    .await;
}

/// The bank's statements of a month, and the month is closed.
async fn close(office: &Office, at: &str, seen: &[acceptance::office::paper::Movement]) {
    let last = month(at).last_day().to_string();
    let first = format!("{at}-01");
    office.statement("icbc", (&first, &last), seen).await;
    let rural = [movement("2022-01-05", 200_000_000, "县示例2")];
    let rural = if at == "2022-01" { &rural[..] } else { &[] };
    office.statement("csv", (&first, &last), rural).await;
    office.on(&last);
    let (app, accountant) = (&office.app, office.who("accountant"));
    done(period::close(app, accountant, month(at), None).await);
}

/// The approval is in a closed month: it is reversed in the open one, where the corrected run is
/// booked too, and both months keep agreeing.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_a_closed_month_is_taken_back_in_the_open_one() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(3)).await;
        let run = office.create("urban", RunKind::Regular, "2022-01").await;
        let run = run.unwrap();
        office.walk(run, 4).await;
        let seen = [
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
        ];
        close(&office, "2022-01", &seen).await;
        let early = office.act("approver", RunEvent::Revoke, run, None).await;
        assert_eq!(refused(early).code(), "LED-0001");
        office.on("2022-02-08");
        done(office.act("approver", RunEvent::Revoke, run, None).await);
        office.assert_invariants().await;
        office.roster("urban", "2022-01", &people(2)).await;
        done(office.act("maker", RunEvent::Calculate, run, None).await);
        office.assert_invariants().await;
        office.walk(run, 5).await;
        let batch = office.files(run).await.remove(0);
        office.answer(&batch, |_| Outcome::Paid).await;
        let seen = [movement("2022-02-09", -batch.total.get(), "B000001")];
        close(&office, "2022-02", &seen).await;
        for at in ["2022-01", "2022-02"] {
            let who = office.who("accountant");
            let agreed = reconcile::agreements(&office.app, who, Some(month(at))).await;
            for agreement in agreed.unwrap() {
                assert!(agreement.ok(), "{at} {agreement:#?}");
            }
        }
        office.assert_invariants().await;
    })
    .await;
}

/// Two re-pay runs took the same payment. One goes out; the other could neither be released nor
/// given up, and is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_re_pay_runs_with_one_payment_one_is_taken_back() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(2)).await;
        let batch = office.pay_month("rural", "2022-01").await;
        office
            .answer(&batch, |place| match place {
                0 => Outcome::Failed("账号不存在"),
                _ => Outcome::Paid,
            })
            .await;
        let mut corrected = people(2);
        corrected[0].account = account(900);
        office.roster("rural", "2022-01", &corrected).await;
        // What is tried again is limited like what is tried first.
        level(&office, "approver", ApprovalLevel::Township).await;
        let limit_of = NewLimit {
            program: "rural".to_owned(),
            ..township("2022-01", 10_099, None)
        };
        assert_eq!(limit(&office, &limit_of).await, "done");
        let mut runs = Vec::new();
        for _ in 0..2 {
            let run = office.create("rural", RunKind::RePay, "2022-01").await;
            let run = run.unwrap();
            office.walk(run, 3).await;
            let approve = office.act("approver", RunEvent::Approve, run, None).await;
            assert_eq!(refused(approve).code(), "AUTH-0009");
            done(office.act("approver2", RunEvent::Approve, run, None).await);
            runs.push(run);
        }
        done(
            office
                .act("cashier", RunEvent::Release, runs[0], None)
                .await,
        );
        let release = office
            .act("cashier", RunEvent::Release, runs[1], None)
            .await;
        assert_eq!(refused(release).code(), "RUN-0005");
        let discard = office.act("maker", RunEvent::Discard, runs[1], None).await;
        assert_eq!(refused(discard).code(), "RUN-0001");
        let before = office.count("select count(*) from voucher").await;
        done(
            office
                .act("approver", RunEvent::Revoke, runs[1], None)
                .await,
        );
        assert_eq!(office.count("select count(*) from voucher").await, before);
        let empty = office
            .act("maker", RunEvent::Calculate, runs[1], None)
            .await;
        assert_eq!(refused(empty).code(), "RUN-0002");
        done(office.act("maker", RunEvent::Discard, runs[1], None).await);
        office.assert_invariants().await;
        let again = office.files(runs[0]).await.remove(0);
        office.answer(&again, |_| Outcome::Paid).await;
        office.assert_invariants().await;
    })
    .await;
}

/// A statement, and the constraint that refuses it.
const BYPASSED: [(&str, &str); 5] = [
    (
        "insert into run_event (book_id, run_id, n, event, state, revision, user_id, duty,
        held_duty, happened_at, reason, payment_first, payment_last, payments, total_fen,
        carried_fen, fingerprint, entry, seal) select book_id, run_id, n + 1, 'release',
        'released', revision, user_id, duty, held_duty, happened_at, reason, payment_first,
        payment_last, payments, total_fen, carried_fen, fingerprint, entry, seal from run_event
        where run_id = 1 and event = 'revoke'",
        "tr_run_event_after_approval",
    ),
    (
        "insert into run_event (book_id, run_id, n, event, state, revision, user_id, duty,
        held_duty, happened_at, reason, payment_first, payment_last, payments, total_fen,
        carried_fen, fingerprint, entry, seal) select book_id, run_id, n + 1, 'revoke',
        'draft', revision, user_id, duty, held_duty, happened_at, reason, payment_first,
        payment_last, payments, total_fen, carried_fen, fingerprint, entry, seal from run_event
        where run_id = 1 and event = 'revoke'",
        "tr_run_event_after_approval",
    ),
    (
        "insert into voucher (book_id, voucher_id, month, number, on_date, summary, maker_id,
        checker_id, source, source_id, reverses_id, transfer_first, transfers, total_fen, root,
        entry, seal) select book_id, 91, month, 91, on_date, summary, maker_id, checker_id, source,
        source_id, voucher_id, transfer_first, transfers, total_fen, root, entry, seal from voucher
        where source = 'run'",
        "uq_voucher_reverses",
    ),
    (
        "insert into voucher (book_id, voucher_id, month, number, on_date, summary, maker_id,
        checker_id, source, source_id, reverses_id, transfer_first, transfers, total_fen, root,
        entry, seal) select book_id, 91, month, 91, on_date, summary, maker_id, checker_id, source,
        source_id, 1, transfer_first, transfers, total_fen - 1, root, entry, seal from voucher
        where voucher_id = 1",
        "tr_voucher_reversal",
    ),
    (
        "insert into voucher (book_id, voucher_id, month, number, on_date, summary, maker_id,
        checker_id, source, source_id, reverses_id, transfer_first, transfers, total_fen, root,
        entry, seal) select book_id, 91, month, 91, on_date, summary, maker_id, checker_id, source,
        source_id, voucher_id, transfer_first, transfers, total_fen, root, entry, seal from voucher
        where source = 'revoke'",
        "tr_voucher_reversal",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_database_keeps_the_order_of_approval_and_the_law_of_reversal() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("urban", "2022-01", &people(3)).await;
        let run = office.create("urban", RunKind::Regular, "2022-01").await;
        office.walk(run.unwrap(), 4).await;
        done(
            office
                .act("approver", RunEvent::Revoke, run.unwrap(), None)
                .await,
        );
        for (sql, expected) in BYPASSED {
            let mut tx = office.app.db.begin_write().await.unwrap();
            let result = tx.execute(sql, &[]).await;
            tx.rollback().await.unwrap();
            match result {
                Err(StoreError::Constraint { name }) => assert_eq!(name, expected, "{sql}"),
                other => panic!("{other:?} {sql}"),
            }
        }
        assert_eq!(WAY.len(), 5);
        let list = run::list(&office.app, office.who("manager")).await.unwrap();
        assert_eq!(list.json["runs"][0]["state"], json!("draft"));
        office.assert_invariants().await;
    })
    .await;
}

/// A proposal is decided once, and not again by a file: a rule that is in force takes two people.
#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_is_decided_once_and_no_file_loosens_a_rule() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let (app, maker, reviewer) = (&office.app, office.who("maker"), office.who("reviewer"));
        let change = Change::Limit(township("2022-01", 10_000, None));
        let proposed = async || {
            let answer = done(proposal::propose(app, maker, &change, None).await);
            ProposalId(answer["proposal"].as_i64().unwrap())
        };
        let id = proposed().await;
        done(proposal::confirm(app, reviewer, id, None).await);
        let again = proposal::confirm(app, office.who("accountant"), id, None).await;
        assert_eq!(told(&again), "POL-0006");
        let late = proposal::reject(app, reviewer, id, "示例", None).await;
        assert_eq!(told(&late), "POL-0006");
        let turned_down = Change::Limit(township("2022-02", 20_000, None));
        let answer = done(proposal::propose(app, maker, &turned_down, None).await);
        let id = ProposalId(answer["proposal"].as_i64().unwrap());
        done(proposal::reject(app, reviewer, id, "示例", None).await);
        assert_eq!(
            told(&proposal::confirm(app, reviewer, id, None).await),
            "POL-0006"
        );

        // The first limit of rural may come with a file; a second one of urban may not, and then
        // nothing of the file is taken.
        let file = |program: &str, from: &str| {
            format!(
                "[[program]]\ncode = \"{program}\"\nname = \"{}\"\n\
                 approval_limit = [{{ level = \"township\", from = \"{from}\", \
                 payment = \"900000\", document = \"示例〔2022〕9号\" }}]\n",
                if program == "urban" {
                    "城市低保"
                } else {
                    "农村低保"
                }
            )
        };
        let both = file("rural", "2022-01") + &file("urban", "2022-03");
        let refused = policy::import(app, maker, "limits.toml", &both, None).await;
        assert_eq!(told(&refused), "POL-0007");
        let first = file("rural", "2022-01");
        done(policy::import(app, maker, "limits.toml", &first, None).await);
        let second = file("rural", "2022-03");
        let second = policy::import(app, maker, "limits.toml", &second, None).await;
        assert_eq!(told(&second), "POL-0007");
        office.assert_invariants().await;
    })
    .await;
}
