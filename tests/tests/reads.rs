//! What is read every day reads little, however large the books have become; and what is stored to
//! make it so is what the payments say.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use acceptance::office::paper::{Outcome, account, movement, people};
use acceptance::office::{Office, done, month};
use acceptance::{TestDb, for_each_engine};
use api::app::appropriation::{self, NewAppropriation};
use api::app::{exception, policy, report, trace};
use ledger::calendar::Moment;
use ledger::fund::Level;
use ledger::id::{BookId, ExceptionId, PaymentId};
use ledger::money::Fen;
use ledger_store::catalogue;
use ledger_store::db::{Db, Engine, RowBuffer, Tx, Value};
use ledger_store::migrate::migrate;
use ledger_store::overpaid::BOOKED;
use ledger_store::table::{self, Table};
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection};

const BOOK: i64 = 1;
const RUN: i64 = 7;
const BATCH: i64 = 3;
const RETURN: i64 = 5;
const STATEMENT: i64 = 2;

/// A voucher: what it comes from, and the payments of its transfers in order; 0 for none.
type Voucher = (&'static str, i64, Vec<i64>);

/// Rows as they would be sealed, without the seals, which no reading looks at.
async fn put(tx: &mut Tx, table: &'static Table, values: Vec<Value>) {
    let mut rows = RowBuffer::of(table);
    rows.push(values);
    let columns = table.columns;
    assert_eq!(tx.bulk(table.spec.table, columns, &rows).await.unwrap(), 1);
}

/// Two accounts.
async fn accounts(tx: &mut Tx) {
    let (no, text) = (Value::Int(0), |text: &str| Value::from(text));
    for id in [1, 2] {
        let mut row = vec![
            BOOK.into(),
            id.into(),
            text("2303"),
            no.clone(),
            no.clone(),
            id.into(),
        ];
        row.push(no.clone());
        put(tx, &table::ACCOUNT, row).await;
    }
}

/// The vouchers with their transfers, numbered on from one to the next.
async fn post(tx: &mut Tx, vouchers: &[Voucher]) {
    let text = |text: &str| Value::from(text);
    let nothing = Value::Bytes(vec![0; 32]);
    let mut next = 1_i64;
    for (number, (source, source_id, payments)) in (1_i64..).zip(vouchers) {
        let count = i64::try_from(payments.len()).unwrap();
        let mut row = vec![BOOK.into(), number.into(), text("2022-01"), number.into()];
        row.extend([
            text("2022-01-10"),
            text("凭证"),
            1.into(),
            2.into(),
            text(source),
        ]);
        row.extend([
            Value::Int(*source_id),
            Value::NullInt,
            next.into(),
            count.into(),
        ]);
        row.extend([Value::Int(100 * count), nothing.clone()]);
        put(tx, &table::VOUCHER, row).await;
        for (id, payment) in (next..).zip(payments) {
            let payment = (*payment > 0).then_some(*payment);
            row = [BOOK, id, number, 1, 2, 100].map(Value::Int).into();
            row.extend([Value::from(payment), Value::from(payment.map(|_| 1_i64))]);
            put(tx, &table::TRANSFER, row).await;
        }
        next += count;
    }
}

/// A book with one payment on its way through a run, a batch, a return and a statement, and
/// whatever vouchers.
async fn book_of(url: &str, payment: i64, vouchers: &[Voucher]) -> Db {
    let db = Db::open(url).await.unwrap();
    migrate(&db, Moment(0)).await.unwrap();
    let mut tx = db.begin_write().await.unwrap();
    let (no, text) = (Value::Int(0), |text: &str| Value::from(text));
    let mut row: Vec<Value> = [BOOK, payment, RUN, 1, 1, 1, 1, 1, 100]
        .map(Value::Int)
        .into();
    put(&mut tx, &table::PAYMENT, row).await;
    row = vec![
        BOOK.into(),
        BATCH.into(),
        text("B"),
        RUN.into(),
        no.clone(),
        text("p"),
    ];
    row.extend([
        no.clone(),
        text("f"),
        text("2022-01-10"),
        1.into(),
        100.into(),
    ]);
    put(&mut tx, &table::BATCH, row).await;
    row = vec![
        BOOK.into(),
        payment.into(),
        1.into(),
        text("pay"),
        BATCH.into(),
        1.into(),
    ];
    row.extend([1.into(), Value::NullInt]);
    put(&mut tx, &table::ATTEMPT, row).await;
    row = vec![
        BOOK.into(),
        payment.into(),
        1.into(),
        1.into(),
        text("failed"),
    ];
    row.extend([RETURN.into(), 1.into(), text("r"), text(""), text("")]);
    put(&mut tx, &table::OUTCOME, row).await;
    row = [BOOK, payment, 1, STATEMENT, 1, 100].map(Value::Int).into();
    put(&mut tx, &table::REFUND_RECEIPT, row).await;
    accounts(&mut tx).await;
    post(&mut tx, vouchers).await;
    tx.commit().await.unwrap();
    db
}

async fn found(db: &Db, payment: i64) -> Vec<i64> {
    let mut tx = db.begin_read().await.unwrap();
    let way = ledger_store::trace::payment(&mut tx, BookId(BOOK), PaymentId(payment)).await;
    tx.rollback().await.unwrap();
    let transfers = way.unwrap().unwrap().transfers;
    transfers.iter().map(|transfer| transfer.transfer).collect()
}

/// A trace finds the transfers of a payment by halving each voucher that can concern it. Transfers
/// are numbered on from voucher to voucher.
#[tokio::test]
async fn halving_finds_every_transfer_of_a_payment() {
    let even: Vec<i64> = (1..=500).map(|n| 2 * n).collect();
    let twice: Vec<i64> = (1..=500).flat_map(|n| [n, n]).chain([0, 0, 0]).collect();
    let cases: Vec<(i64, Vec<Voucher>, Vec<i64>)> = vec![
        (5, vec![], vec![]),
        (5, vec![("run", RUN, vec![5])], vec![1]),
        (5, vec![("run", RUN, vec![4])], vec![]),
        (5, vec![("run", RUN, vec![6])], vec![]),
        (5, vec![("run", RUN, vec![0])], vec![]),
        (5, vec![("run", RUN, vec![5, 6])], vec![1]),
        (5, vec![("run", RUN, vec![4, 5])], vec![2]),
        (5, vec![("run", RUN, vec![5, 5])], vec![1, 2]),
        (5, vec![("run", RUN, vec![4, 6])], vec![]),
        (5, vec![("run", RUN, vec![5, 0])], vec![1]),
        (5, vec![("run", RUN, vec![4, 0, 0, 0])], vec![]),
        (
            5,
            vec![("run", RUN, vec![1, 2, 3, 4, 5, 5, 5, 9, 0])],
            vec![5, 6, 7],
        ),
        (2, vec![("run", RUN, even.clone())], vec![1]),
        (640, vec![("run", RUN, even.clone())], vec![320]),
        (641, vec![("run", RUN, even.clone())], vec![]),
        (1000, vec![("run", RUN, even.clone())], vec![500]),
        (1001, vec![("run", RUN, even)], vec![]),
        (1, vec![("run", RUN, twice.clone())], vec![1, 2]),
        (250, vec![("run", RUN, twice.clone())], vec![499, 500]),
        (500, vec![("run", RUN, twice)], vec![999, 1000]),
        // Another run and another batch do not concern the payment, and are not looked into.
        (
            5,
            vec![("run", RUN + 1, vec![5]), ("batch", BATCH + 1, vec![5])],
            vec![],
        ),
        (
            5,
            vec![
                ("run", RUN, vec![4, 5, 6]),
                ("appropriation", RUN, vec![0]),
                ("batch", BATCH, vec![5, 6, 0]),
                ("return", RETURN, vec![5]),
                ("return", STATEMENT, vec![5]),
                ("statement", STATEMENT, vec![3, 5, 5, 0, 0]),
            ],
            vec![2, 5, 8, 11, 12],
        ),
    ];
    for (payment, vouchers, expected) in cases {
        for_each_engine(async |url| {
            let db = book_of(url, payment, &vouchers).await;
            assert_eq!(
                found(&db, payment).await,
                expected,
                "{payment} in {vouchers:?}"
            );
            db.close().await;
        })
        .await;
    }
}

async fn townships_and_banks(office: &Office) -> Json {
    let (first, last) = (month("2022-01"), month("2022-12"));
    let manager = office.who("manager");
    let report = report::success_rate(&office.app, manager, first, last).await;
    let json = report.unwrap().json;
    // What arrived and what is in transit, counted otherwise; and by component, to the fen.
    let times = report::timeliness(&office.app, manager, first, last).await;
    let times = times.unwrap().json;
    let sum = |list: &Json, field: &str| -> i64 {
        let list = list.as_array().unwrap().iter();
        list.map(|one| one[field].as_i64().unwrap()).sum()
    };
    let total = &json["total"];
    assert_eq!(
        sum(&times["runs"], "arrived"),
        total["final"]["count"]["paid"]
    );
    let open = &times["in_transit"];
    assert_eq!(sum(open, "payments"), total["pending"]["count"]);
    assert_eq!(sum(open, "amount_fen"), total["pending"]["amount_fen"]);
    assert_eq!(
        sum(&times["in_transit_ages"], "items"),
        total["pending"]["count"]
    );
    let parts = json["components"].as_array().unwrap().iter();
    let parts: Vec<&Json> = parts.map(|part| &part["success_rate"]).collect();
    for of in ["first", "final"] {
        for side in ["paid", "attempted"] {
            let fen = parts
                .iter()
                .map(|part| part[of]["amount_fen"][side].as_i64().unwrap());
            assert_eq!(
                fen.sum::<i64>(),
                total[of]["amount_fen"][side],
                "{of} {side}"
            );
        }
    }
    for reason in json["reason_months"].as_array().unwrap() {
        let whole = json["reasons"].as_array().unwrap().iter();
        let whole = whole.filter(|one| one["reason"] == reason["reason"]);
        let whole: i64 = whole.map(|one| one["attempts"].as_i64().unwrap()).sum();
        assert_eq!(sum(&reason["months"], "attempts"), whole, "{reason}");
    }
    json
}

/// Everything that can happen to a payment, with the stored success rates compared with the
/// payments after each step: failed, paid again from another account, failed there, back after
/// success, and paid again.
#[tokio::test(flavor = "multi_thread")]
async fn success_rates_are_kept_through_every_turn() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        office.roster("rural", "2022-01", &people(9)).await;
        office.roster("urban", "2022-01", &people(6)).await;
        office.on("2022-01-10");
        let urban = office.pay_month("urban", "2022-01").await;
        office.assert_invariants().await;
        let rural = office.pay_month("rural", "2022-01").await;
        office.assert_invariants().await;
        let busy = Outcome::Failed("系统忙");
        let first = |place: usize| match place {
            0..3 => busy,
            3..7 => Outcome::Paid,
            _ => Outcome::Pending,
        };
        office.answer(&rural, first).await;
        office.assert_invariants().await;
        office.answer(&urban, |_| Outcome::Paid).await;
        office.assert_invariants().await;

        // The rural program moves to the other account: its money lies there now.
        let text = include_str!("../src/office/policy.toml");
        let (before, after) = (
            "funding = { bank_account = \"csv\" }",
            "bank_account = \"icbc\"",
        );
        let text = text.replace(before, &format!("funding = {{ {after} }}"));
        let (app, maker) = (&office.app, office.who("maker"));
        done(policy::import(app, maker, "moved.toml", &text, None).await);
        let new = NewAppropriation {
            document: "县示例3".to_owned(),
            level: Level::County,
            budget_year: 2022,
            program: "rural".to_owned(),
            bank_account: "icbc".to_owned(),
            amount: Fen::new(500_000),
            received_on: app.clock.today(),
            priority: 3,
        };
        done(appropriation::add(app, office.who("accountant"), &new, None).await);
        let again = office.pay_again("rural", "2022-01").await;
        assert_eq!(again.lines.len(), 3);
        office.assert_invariants().await;
        let second = |place: usize| if place == 0 { busy } else { Outcome::Paid };
        office.answer(&again, second).await;
        office.assert_invariants().await;
        let report = townships_and_banks(&office).await;
        let banks = report["bank_accounts"].as_array().unwrap();
        let csv = &banks.iter().find(|bank| bank["id"] == "csv").unwrap()["success_rate"];
        // Of nine: seven decided, four at once, two more later, from the other account.
        assert_eq!(
            csv["first"]["count"],
            serde_json::json!({ "paid": 4, "attempted": 7 })
        );
        assert_eq!(
            csv["final"]["count"],
            serde_json::json!({ "paid": 6, "attempted": 7 })
        );
        assert_eq!(csv["pending"]["count"], 2);

        // One of the first, paid at once, and one of the second attempts come back.
        let (urban_back, later_back) = (&urban.lines[1], &again.lines[2]);
        let lines = [
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
            movement("2022-01-10", 500_000, "县示例3"),
            movement(
                "2022-01-10",
                -urban.total.get(),
                format!("代发 {}", urban.number),
            ),
            movement(
                "2022-01-12",
                -again.total.get(),
                format!("代发 {}", again.number),
            ),
            movement(
                "2022-01-20",
                urban_back.amount.get(),
                format!("退汇 {}", urban_back.key),
            ),
            movement(
                "2022-01-20",
                later_back.amount.get(),
                format!("退汇 {}", later_back.key),
            ),
            movement(
                "2022-01-21",
                again.lines[0].amount.get(),
                format!("退回 {}", again.lines[0].key),
            ),
        ];
        let answer = office
            .statement("icbc", ("2022-01-01", "2022-01-31"), &lines)
            .await;
        assert_eq!(answer["late_refunds"], 2, "{answer}");
        office.assert_invariants().await;

        let mut corrected = people(9);
        for (place, person) in corrected.iter_mut().enumerate() {
            person.account = account(900 + place);
        }
        office.on("2022-02-08");
        office.roster("rural", "2022-02", &corrected).await;
        let third = office.pay_again("rural", "2022-02").await;
        let keys: Vec<&str> = third.lines.iter().map(|line| line.key.as_str()).collect();
        assert_eq!(keys.len(), 2, "{keys:?}");
        assert!(keys.iter().all(|key| key.ends_with("-3")), "{keys:?}");
        office.assert_invariants().await;
        office.answer(&third, |_| Outcome::Paid).await;
        office.assert_invariants().await;
        let late = |place: usize| {
            if place < 7 {
                first(place)
            } else {
                Outcome::Paid
            }
        };
        office.answer(&rural, late).await;
        office.assert_invariants().await;
        let report = townships_and_banks(&office).await;
        let whole = &report["total"];
        assert_eq!(
            whole["first"]["count"],
            serde_json::json!({ "paid": 11, "attempted": 15 })
        );
        assert_eq!(
            whole["final"]["count"],
            serde_json::json!({ "paid": 14, "attempted": 15 })
        );
        assert_eq!(whole["pending"]["count"], 0);
        let reasons = report["reasons"].as_array().unwrap();
        let attempts = |code: &str| {
            let found = reasons.iter().find(|reason| reason["reason"] == code);
            found.map(|reason| reason["attempts"].clone())
        };
        assert_eq!(attempts("returned"), Some(2.into()));
        let failed: i64 = reasons
            .iter()
            .map(|r| r["attempts"].as_i64().unwrap())
            .sum();
        assert_eq!(failed, 6);
    })
    .await;
}

/// Exceptions come a page at a time, settled ones only when asked for.
#[tokio::test(flavor = "multi_thread")]
async fn exceptions_come_a_page_at_a_time() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let mut odd = vec![
            movement("2022-01-05", 150_000, "省示例1"),
            movement("2022-01-05", 300_000, "县示例1"),
        ];
        odd.extend((1..=5).map(|n| movement("2022-01-06", 700 + n, format!("不明{n}"))));
        office
            .statement("icbc", ("2022-01-01", "2022-01-31"), &odd)
            .await;
        let app = &office.app;
        for id in [2, 3] {
            let (id, maker) = (ExceptionId(id), office.who("maker"));
            done(exception::propose(app, maker, id, "suspense", "已查明", None).await);
        }
        let id = ExceptionId(2);
        done(exception::confirm(app, office.who("reviewer"), id, None).await);
        for (open_only, after, limit, expected, next) in [
            (false, 0, 9, vec![1, 2, 3, 4, 5], None),
            (false, 0, 5, vec![1, 2, 3, 4, 5], None),
            (false, 0, 2, vec![1, 2], Some(2)),
            (false, 2, 2, vec![3, 4], Some(4)),
            (false, 4, 2, vec![5], None),
            (false, 5, 2, vec![], None),
            (true, 0, 9, vec![1, 3, 4, 5], None),
            (true, 0, 2, vec![1, 3], Some(3)),
            (true, 3, 2, vec![4, 5], None),
        ] {
            let page = exception::Page { after, limit };
            let list = exception::list(app, office.who("auditor"), open_only, page).await;
            let json = list.unwrap().json;
            let numbers = json["exceptions"].as_array().unwrap().iter();
            let numbers: Vec<i64> = numbers.map(|x| x["exception"].as_i64().unwrap()).collect();
            assert_eq!(
                (numbers, json["next"].as_i64()),
                (expected, next),
                "{open_only} {page:?}"
            );
        }
    })
    .await;
}

/// A person is found as payee, as household and as the one for whom it is paid, also after a move.
#[tokio::test(flavor = "multi_thread")]
async fn the_payments_of_a_person_are_all_found() {
    for_each_engine(async |url| {
        let office = Office::funded(url).await;
        let mut roster = people(4);
        let payee = roster[1].payee.clone();
        roster[0].payee = payee;
        roster[0].account = roster[1].account.clone();
        office.roster("urban", "2022-01", &roster).await;
        office.on("2022-01-10");
        office.pay_month("urban", "2022-01").await;
        let moved = people(4);
        office.on("2022-02-10");
        office.roster("urban", "2022-02", &moved).await;
        office.pay_month("urban", "2022-02").await;
        let app = &office.app;
        for person in &roster {
            for reference in [&person.identity, &person.file_no] {
                let sql = "select p.payment_id from payment p where p.payee_id = $1
                    or p.household_id = $1 or exists (select 1 from payment_line l
                    where l.book_id = p.book_id and l.payment_id = p.payment_id
                    and l.subject_id = $1) order by p.payment_id";
                let found = trace::person(app, office.who("auditor"), reference)
                    .await
                    .unwrap();
                let party = &found.json["parties"][0];
                let id = party["party"]["id"].as_i64().unwrap();
                let listed = party["payments"].as_array().unwrap().iter();
                let listed: Vec<i64> = listed.map(|p| p["payment"].as_i64().unwrap()).collect();
                let mut tx = app.db.begin_read().await.unwrap();
                let rows = tx.query(sql, &[id.into()]).await.unwrap();
                tx.rollback().await.unwrap();
                let all: Vec<i64> = rows.iter().map(|row| row.int(0).unwrap()).collect();
                assert!(!all.is_empty());
                assert_eq!(listed, all, "{reference}");
            }
        }
    })
    .await;
}

/// Statements that read a large table of the whole book because what they say is of the whole book,
/// or look for what no key leads to; by module and name. All others stay within keys.
const WHOLE: [(&str, &str); 17] = [
    // The book at once: its agreements, its verification, its roster, its totals.
    ("agreement", "IN_TRANSIT"),
    ("agreement", "NOT_POSTED"),
    ("agreement", "OWED"),
    ("agreement", "RELEASED"),
    ("report", "COUNTS"),
    ("roster", "PARTIES"),
    ("verify", "NUMBERS"),
    ("verify", "VOUCHERS"),
    // Vouchers: some for each file, not for each payment.
    ("report", "CREDITS_NOT_BOOKED"),
    ("report", "HANDED_BACK"),
    ("statement", "UNSEEN_TRANSFERS"),
    ("year", "CLOSING_ENTRIES"),
    // The highest number, found at the end of the key.
    ("success", "LAST_PAYMENT"),
    // A part of a name, an account number without our key, all that an appropriation paid.
    ("notice", "PAID_TO_ACCOUNT"),
    ("personal", "NAMED"),
    ("trace", "DRAWN"),
    // Pages of raw rows, each after the last.
    ("table", ""),
];

/// Tables with a row or more for each payment or for each party, and the vouchers.
const LARGE: [&str; 7] = [
    "transfer",
    "payment",
    "payment_line",
    "attempt",
    "outcome",
    "party",
    "voucher",
];

/// SQLite plans without statistics, as it does in production: the plans of an empty database are
/// those of a large one. A step is too wide when it reads a large table with nothing but the book.
#[tokio::test]
async fn no_statement_reads_a_large_table_without_need() {
    let database = TestDb::sqlite();
    let db = Db::open(database.url()).await.unwrap();
    migrate(&db, Moment(0)).await.unwrap();
    db.close().await;
    let mut connection = SqliteConnection::connect(database.url()).await.unwrap();
    let booked = ("overpaid", "BOOKED", BOOKED.of(Engine::Sqlite));
    let mut wide = BTreeSet::new();
    for (module, name, text) in catalogue::all().into_iter().chain([booked]) {
        let explain = format!("explain query plan {text}");
        let steps = connection.fetch_all(AssertSqlSafe(explain)).await.unwrap();
        let aliases = aliases(text);
        for step in steps {
            let step: String = step.get("detail");
            let mut words = step.split(' ');
            let (how, what) = (words.next().unwrap(), words.next().unwrap_or_default());
            let large = aliases
                .iter()
                .any(|(alias, table)| (*alias == what || *table == what) && LARGE.contains(table));
            let narrow = how == "SEARCH" && step.contains(" AND ");
            if !large || narrow {
                continue;
            }
            let listed = |named: &&(&str, &str)| {
                named.0 == module && (named.1 == name || named.1.is_empty())
            };
            let named = WHOLE.iter().find(listed);
            assert!(named.is_some(), "{module} {name}: {step}");
            wide.extend(named);
        }
    }
    assert_eq!(
        wide,
        BTreeSet::from(WHOLE),
        "every exception is still needed"
    );
}

/// The large tables of a statement with the short names that it gives them.
fn aliases(sql: &str) -> Vec<(&str, &str)> {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let pairs = words.windows(2).filter(|pair| LARGE.contains(&pair[0]));
    pairs
        .map(|pair| (pair[1].trim_matches([',', ')']), pair[0]))
        .collect()
}
