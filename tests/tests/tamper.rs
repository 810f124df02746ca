//! Lesson 9: whatever somebody with the database in his hands does to it, the verifier finds it
//! and names it; what it cannot find by itself it finds with a head that was kept elsewhere.
//!
//! Each attack works on a copy of a finished January, with the guards taken off first.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use acceptance::TestDb;
use acceptance::program::{Demo, Huimin};
use api::app::clock::{Clock, Entropy};
use api::app::{App, audit, users};
use ledger::audit::entry::Entry;
use ledger::audit::merkle::{Frontier, Hash, NO_HASH, leaf};
use ledger::audit::row::{Field, RowSet, RowSpec};
use ledger_store::db::Db;
use ledger_store::table;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

/// What is done, and what the first fault must name.
struct Attack {
    name: &'static str,
    /// Statements, run one after the other.
    sql: &'static [&'static str],
    /// What the fault says was done.
    kind: &'static str,
    /// The table, where rows were attacked.
    table: Option<&'static str>,
    /// A query for the key of the row, asked before the attack.
    row: Option<&'static str>,
    /// The field, where one was altered.
    field: Option<&'static str>,
    /// A query for the sequence of the entry, asked before the attack.
    entry: Option<&'static str>,
}

const ALTERED: Attack = Attack {
    name: "",
    sql: &[],
    kind: "altered",
    table: None,
    row: None,
    field: None,
    entry: None,
};

/// Attacks that are written alike on both engines.
const CORE: &[Attack] = &[
    Attack {
        name: "a transfer's amount",
        sql: &["update transfer set amount_fen = amount_fen + 100 where transfer_id = 300"],
        table: Some("transfer"),
        row: Some("select '1/300'"),
        field: Some("amount_fen"),
        entry: Some("select entry from transfer where transfer_id = 300"),
        ..ALTERED
    },
    Attack {
        name: "a payment's amount",
        sql: &["update payment set amount_fen = amount_fen * 10 where payment_id = 10"],
        table: Some("payment"),
        row: Some("select '1/10'"),
        field: Some("amount_fen"),
        entry: Some("select entry from payment where payment_id = 10"),
        ..ALTERED
    },
    Attack {
        name: "the account that a payee is paid to",
        sql: &["update payee_account set account_no = '6222020000000000000'
            where payee_id = (select min(payee_id) from payee_account)"],
        table: Some("payee_account"),
        row: Some("select '1/' || min(payee_id) || '/1' from payee_account"),
        field: Some("account_no"),
        ..ALTERED
    },
    Attack {
        name: "a transfer removed",
        sql: &["delete from transfer where transfer_id = 300"],
        kind: "removed",
        table: Some("transfer"),
        row: Some("select '1/300'"),
        entry: Some("select entry from transfer where transfer_id = 300"),
        ..ALTERED
    },
    Attack {
        name: "a payment inserted",
        sql: &[
            "insert into payment (book_id, payment_id, run_id, revision, payee_id,
            household_id, area_id, lines, amount_fen, entry, seal)
            select book_id, payment_id + 1, run_id, revision, payee_id, household_id, area_id,
            lines, 100000, entry, seal from payment
            where payment_id = (select max(payment_id) from payment)",
        ],
        kind: "inserted",
        table: Some("payment"),
        row: Some("select '1/' || (max(payment_id) + 1) from payment"),
        entry: Some("select entry from payment order by payment_id desc limit 1"),
        ..ALTERED
    },
    Attack {
        name: "an entry removed from the middle",
        sql: &["delete from audit_entry where sequence = 20"],
        kind: "removed",
        field: Some("sequence"),
        entry: Some("select cast(20 as bigint)"),
        ..ALTERED
    },
    Attack {
        name: "a payment's answer turned round",
        sql: &[
            "update outcome set reason = 'other' where kind = 'failed' and payment_id =
            (select min(payment_id) from outcome where kind = 'failed')",
        ],
        table: Some("outcome"),
        row: Some(
            "select '1/' || min(payment_id) || '/1/1' from outcome
            where kind = 'failed'",
        ),
        field: Some("reason"),
        ..ALTERED
    },
];

/// Attacks in the words of SQLite, or with nothing to learn from a second engine.
const SQLITE: &[Attack] = &[
    Attack {
        name: "the month of a payment's line",
        sql: &["update payment_line set month = '2021-12' where payment_id = 10 and line_no = 1"],
        table: Some("payment_line"),
        row: Some("select '1/10/1'"),
        field: Some("month"),
        ..ALTERED
    },
    Attack {
        name: "a household's income",
        sql: &["update award set income_fen = income_fen + 1 where award_id = 7"],
        table: Some("award"),
        row: Some("select '1/7'"),
        field: Some("income_fen"),
        ..ALTERED
    },
    Attack {
        name: "a person's name",
        sql: &["update party set name = '示例顶替' where party_id = 7"],
        table: Some("party"),
        row: Some("select '1/7'"),
        field: Some("name"),
        ..ALTERED
    },
    Attack {
        name: "a failure made a success",
        sql: &[
            "update outcome set kind = 'paid' where kind = 'failed' and payment_id =
            (select min(payment_id) from outcome where kind = 'failed')",
        ],
        table: Some("outcome"),
        row: Some(
            "select '1/' || min(payment_id) || '/1/1' from outcome
            where kind = 'failed'",
        ),
        ..ALTERED
    },
    Attack {
        name: "the content of a stored file",
        sql: &[
            "update stored_file set content = cast(x'20' || substr(content, 2) as blob)
            where file_id = 3",
        ],
        table: Some("stored_file"),
        row: Some("select '3'"),
        field: Some("content"),
        ..ALTERED
    },
    Attack {
        name: "a voucher's total",
        sql: &["update voucher set total_fen = total_fen - 1 where voucher_id = 3"],
        table: Some("voucher"),
        row: Some("select '1/3'"),
        field: Some("total_fen"),
        ..ALTERED
    },
    Attack {
        name: "one byte of an entry",
        sql: &["update audit_entry set bytes = cast(
            substr(bytes, 1, 40) || x'21' || substr(bytes, 42) as blob) where sequence = 10"],
        field: Some("bytes"),
        entry: Some("select 10"),
        ..ALTERED
    },
    Attack {
        name: "the leaf of an entry",
        sql: &[
            "update audit_entry set leaf = (select leaf from audit_entry where sequence = 9)
            where sequence = 10",
        ],
        field: Some("bytes"),
        entry: Some("select 10"),
        ..ALTERED
    },
    Attack {
        name: "the amounts of two transfers exchanged",
        sql: &[
            "create temp table pair as select a.transfer_id as one, b.transfer_id as other,
                a.amount_fen as one_fen, b.amount_fen as other_fen
                from transfer a join transfer b on b.voucher_id = a.voucher_id
                and b.transfer_id = a.transfer_id + 1 and b.amount_fen <> a.amount_fen
                order by a.transfer_id limit 1",
            "update transfer set amount_fen = (select other_fen from pair)
                where transfer_id = (select one from pair)",
            "update transfer set amount_fen = (select one_fen from pair)
                where transfer_id = (select other from pair)",
        ],
        table: Some("transfer"),
        row: Some(
            "select '1/' || min(a.transfer_id) from transfer a join transfer b
            on b.voucher_id = a.voucher_id and b.transfer_id = a.transfer_id + 1
            and b.amount_fen <> a.amount_fen",
        ),
        field: Some("amount_fen"),
        ..ALTERED
    },
    Attack {
        name: "two entries exchanged",
        sql: &[
            "update audit_entry set sequence = -1 where sequence = 30",
            "update audit_entry set sequence = 30 where sequence = 31",
            "update audit_entry set sequence = 31 where sequence = -1",
        ],
        kind: "reordered",
        field: Some("sequence"),
        entry: Some("select 30"),
        ..ALTERED
    },
    Attack {
        name: "a stored balance",
        sql: &["update account_total set debit_fen = debit_fen + 100 where account_id = 1"],
        table: Some("account_total"),
        row: Some("select '1'"),
        field: Some("debit_fen"),
        ..ALTERED
    },
    Attack {
        name: "a month's movement",
        sql: &["update account_month set credit_fen = credit_fen + 1
            where account_id = 2 and credit_fen > 0"],
        table: Some("account_month"),
        row: Some("select '2/2022-01'"),
        field: Some("credit_fen"),
        ..ALTERED
    },
    Attack {
        name: "a success rate",
        sql: &["update success_cell set final_paid = final_paid + 1, first_paid = first_paid + 1"],
        table: Some("success_cell"),
        row: Some(
            "select program_id || '/' || month || '/' || bank_account_id || '/' || township
            from success_cell order by program_id, month, bank_account_id, township limit 1",
        ),
        field: Some("first_paid"),
        ..ALTERED
    },
    Attack {
        name: "a reason invented",
        sql: &[
            "insert into success_reason select book_id, program_id, month, 'zz-none', 1, 1
            from success_reason limit 1",
        ],
        kind: "inserted",
        table: Some("success_reason"),
        ..ALTERED
    },
    Attack {
        name: "the root of the head",
        sql: &["update book_head set root = (select leaf from audit_entry where sequence = 1)"],
        table: Some("book_head"),
        ..ALTERED
    },
    Attack {
        name: "the next number",
        sql: &["update counter set next = next + 1 where name = 'payment'"],
        table: Some("counter"),
        row: Some("select 'payment'"),
        field: Some("next"),
        ..ALTERED
    },
    Attack {
        name: "a whole table emptied",
        sql: &["delete from run_event"],
        kind: "removed",
        table: Some("run_event"),
        ..ALTERED
    },
    Attack {
        name: "every entry removed",
        sql: &[
            "delete from audit_entry",
            "update book_head set size = 0, frontier = x'', previous = zeroblob(32),
                root = x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
        ],
        kind: "nothing",
        ..ALTERED
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_on_rows_is_found_and_named() {
    attack_sqlite(CORE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_on_what_stands_beside_is_found_and_named() {
    attack_sqlite(SQLITE).await;
}

async fn attack_sqlite(attacks: &[Attack]) {
    let demo = Demo::month_database();
    let clean = std::fs::read(demo.database()).unwrap();
    let auditor = demo.huimin("auditor");
    assert_eq!(auditor.done("audit verify")["ok"], true);
    for attack in attacks {
        restore(&demo, &clean);
        let mut database = opened(&demo).await;
        let row = ask_text(&mut database, attack.row).await;
        let entry = match attack.entry {
            Some(sql) => Some(ask_int(&mut database, sql).await),
            None => None,
        };
        for sql in attack.sql {
            run(&mut database, sql).await;
        }
        database.close().await.unwrap();
        found(attack, &auditor, row, entry);
    }
}

/// The agreements compare what the books add up to: by themselves they say where a sum is wrong,
/// of the month as well as of everything.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_add_up_is_found_by_the_agreements_of_its_month() {
    let demo = Demo::month_database();
    let clean = std::fs::read(demo.database()).unwrap();
    let manager = demo.huimin("manager");
    manager.done("reconcile --month 2022-01");
    for (name, sql, expected) in [
        (
            "a transfer's amount",
            "update transfer set amount_fen = amount_fen + 100 where transfer_id = 300",
            ["vouchers-books"; 2],
        ),
        (
            "a balance",
            "update account_total set debit_fen = debit_fen + 1, credit_fen = credit_fen + 1",
            ["vouchers-books"; 2],
        ),
        (
            "a voucher's number",
            "update voucher set number = 900 where voucher_id = 3",
            ["vouchers-books"; 2],
        ),
        (
            "a payment's amount",
            "update payment set amount_fen = amount_fen + 100 where payment_id = 10",
            ["books-books"; 2],
        ),
        (
            "an answer removed",
            "delete from outcome where payment_id = 10",
            ["books-books"; 2],
        ),
        (
            "a failure made a success",
            "update outcome set kind = 'paid' where step = 1 and kind = 'failed' and payment_id =
                (select min(payment_id) from outcome where kind = 'failed')",
            ["books-books"; 2],
        ),
        (
            "an attempt removed",
            "delete from attempt where payment_id = 10",
            ["books-books", "books-reports"],
        ),
        (
            "money that is said to be home",
            "delete from refund_receipt where payment_id =
                (select min(payment_id) from refund_receipt)",
            ["books-books"; 2],
        ),
        (
            "an event whose voucher says something else",
            "update voucher set source = 'treasury' where source = 'return' and source_id = 1",
            ["books-books"; 2],
        ),
        (
            "a line of a statement",
            "update statement_line set amount_fen = amount_fen - 1
                where match_kind = 'batch' and line_no = (select min(line_no)
                from statement_line where match_kind = 'batch')",
            ["books-bank"; 2],
        ),
        (
            "a payment's line",
            "update payment_line set amount_fen = amount_fen - 1 where payment_id = 10",
            ["books-reports"; 2],
        ),
        (
            "a success rate",
            "update success_cell set final_paid_fen = final_paid_fen - 1",
            ["books-reports"; 2],
        ),
    ] {
        restore(&demo, &clean);
        let mut database = opened(&demo).await;
        run(&mut database, sql).await;
        database.close().await.unwrap();
        let asked = ["reconcile --month 2022-01", "reconcile"];
        for (asked, expected) in asked.into_iter().zip(expected) {
            let output = manager.run(&format!("{asked} --format json"));
            assert_eq!(output.status, 3, "{name}, {asked}: {output:?}");
            let found = output.json();
            let agreements = found["agreements"].as_array().unwrap();
            // Without a month another agreement may be the first to see it.
            let whole = asked == "reconcile";
            let differs = |one: &Value| (whole || one["id"] == expected) && one["ok"] == false;
            assert!(agreements.iter().any(differs), "{name}, {asked}: {found}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_core_attacks_are_found_on_postgresql() {
    let original = TestDb::postgres();
    let out = tempfile::tempdir().unwrap();
    let line = format!("demo --through 2022-01 --out {}", out.path().display());
    let terminal = Huimin::at(out.path());
    terminal.db(original.url()).done(&line);
    let (server, name) = original.url().rsplit_once('/').unwrap();
    for attack in CORE {
        let copy = TestDb::postgres();
        let copied = copy.url().rsplit_once('/').unwrap().1;
        let mut server = PgConnection::connect(&format!("{server}/postgres"))
            .await
            .unwrap();
        for sql in [
            format!("drop database {copied}"),
            format!("create database {copied} template {name}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut server)
                .await
                .unwrap();
        }
        let mut database = PgConnection::connect(copy.url()).await.unwrap();
        let row: Option<String> = match attack.row {
            Some(sql) => Some(
                sqlx::query_scalar(sql)
                    .fetch_one(&mut database)
                    .await
                    .unwrap(),
            ),
            None => None,
        };
        let entry: Option<i64> = match attack.entry {
            Some(sql) => {
                let sql = format!("select cast(({sql}) as bigint)");
                let scalar = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
                Some(scalar.fetch_one(&mut database).await.unwrap())
            }
            None => None,
        };
        let tables: Vec<String> = sqlx::query_scalar(
            "select tablename::text from pg_tables where schemaname = current_schema()",
        )
        .fetch_all(&mut database)
        .await
        .unwrap();
        for table in tables {
            let sql = format!("alter table {table} disable trigger all");
            sqlx::raw_sql(AssertSqlSafe(sql))
                .execute(&mut database)
                .await
                .unwrap();
        }
        for sql in attack.sql {
            sqlx::raw_sql(*sql).execute(&mut database).await.unwrap();
        }
        database.close().await.unwrap();
        found(attack, &terminal.db(copy.url()).user("auditor"), row, entry);
    }
}

/// The verification fails and its first fault names what the attack says.
fn found(attack: &Attack, auditor: &Huimin, row: Option<String>, entry: Option<i64>) {
    let output = auditor.run("audit verify --format json");
    let name = attack.name;
    assert_eq!(output.status, 3, "{name}: {output:?}");
    let found = output.json();
    assert_eq!(found["ok"], false, "{name}: {found}");
    let fault = &found["first_fault"];
    assert_eq!(fault["kind"], attack.kind, "{name}: {fault}");
    if let Some(table) = attack.table {
        assert_eq!(fault["table"], table, "{name}: {fault}");
    }
    if let Some(row) = row {
        assert_eq!(fault["row"], row.as_str(), "{name}: {fault}");
    }
    if let Some(field) = attack.field {
        assert_eq!(fault["field"], field, "{name}: {fault}");
    }
    if let Some(entry) = entry {
        assert_eq!(fault["entry"], entry, "{name}: {fault}");
    }
    for language in ["zh", "en"] {
        assert!(
            !fault[language].as_str().unwrap().is_empty(),
            "{name}: {fault}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_tail_is_found() {
    let demo = Demo::month_database();
    let auditor = demo.huimin("auditor");
    let size = auditor.done("audit verify")["size"].as_i64().unwrap();
    let mut database = opened(&demo).await;
    let cut = format!("delete from audit_entry where sequence = {size}");
    run(&mut database, &cut).await;
    rewrite_head(&mut database).await;
    database.close().await.unwrap();
    let found = auditor
        .run("audit verify --format json")
        .expect_status(3)
        .json();
    assert_eq!(found["size"], size - 1);
    assert_eq!(found["first_fault"]["kind"], "inserted", "{found}");
    assert_eq!(
        found["first_fault"]["entry"], size,
        "rows without their entry: {found}"
    );
}

/// The tail with all its rows, and the head with it: the chain by itself cannot tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_tail_cut_without_traces_is_found_with_a_head_kept_elsewhere() {
    let demo = Demo::month_database();
    let old = std::fs::read(demo.database()).unwrap();
    let (admin, auditor) = (demo.huimin("admin"), demo.huimin("auditor"));
    let before = auditor.done("audit verify");
    let line = "user add late --name 测试迟 --roles maker";
    admin
        .run_with_new_password(line, "late-late-late")
        .expect_status(0);
    let kept = auditor.done("audit verify");
    let size = kept["size"].as_i64().unwrap();
    let head = format!("--head {size}:{}", kept["root"].as_str().unwrap());
    auditor.done(&format!("audit verify {head}"));

    let mut database = opened(&demo).await;
    for sealed in table::ALL {
        let cut = format!("delete from {} where entry = {size}", sealed.spec.table);
        run(&mut database, &cut).await;
    }
    let cut = format!("delete from audit_entry where sequence = {size}");
    run(&mut database, &cut).await;
    rewrite_head(&mut database).await;
    database.close().await.unwrap();
    let alone = auditor.done("audit verify");
    assert_eq!(
        alone["root"], before["root"],
        "by itself the shorter history is whole"
    );
    cut_is_found(&auditor, &head);

    restore(&demo, &old);
    assert_eq!(auditor.done("audit verify")["root"], before["root"]);
    cut_is_found(&auditor, &head);
}

fn cut_is_found(auditor: &Huimin, head: &str) {
    let line = format!("audit verify --format json {head}");
    let found = auditor.run(&line).expect_status(3).json();
    assert_eq!(found["ok"], false);
    assert_eq!(found["first_fault"]["kind"], "cut", "{found}");
}

/// An account number is changed, and everything that covers it is computed anew: seal, row root,
/// entry, chain and head.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_hashed_again_is_found_with_a_head_kept_elsewhere() {
    let demo = Demo::month_database();
    let auditor = demo.huimin("auditor");
    let kept = auditor.done("audit verify");
    let head = format!("--head {}:{}", kept["size"], kept["root"].as_str().unwrap());
    let mut database = opened(&demo).await;
    let sql = "select entry from payee_account order by entry, payee_id limit 1";
    let entry = ask_int(&mut database, sql).await;
    let alter = format!(
        "update payee_account set account_no = '6222020000000000000'
            where entry = {entry} and payee_id =
            (select min(payee_id) from payee_account where entry = {entry})"
    );
    run(&mut database, &alter).await;
    hash_again(&mut database, entry).await;
    database.close().await.unwrap();
    let alone = auditor.done("audit verify");
    assert_eq!(alone["ok"], true, "the chain by itself cannot tell");
    assert_ne!(alone["root"], kept["root"]);
    let line = format!("audit verify --format json {head}");
    let found = auditor.run(&line).expect_status(3).json();
    assert_eq!(found["first_fault"]["kind"], "rewritten", "{found}");
}

/// Seals the payee accounts of an entry again, and every entry from it on.
async fn hash_again(database: &mut SqliteConnection, entry: i64) {
    let table = table::ALL
        .iter()
        .find(|table| table.spec.table == "payee_account")
        .unwrap();
    let spec: &'static RowSpec = &table.spec;
    let sql = "select book_id, payee_id, version, holder_name, branch_id, account_no, salt
        from payee_account where entry = $1 order by book_id, payee_id, version";
    let rows = sqlx::query(sql)
        .bind(entry)
        .fetch_all(&mut *database)
        .await
        .unwrap();
    let mut set = RowSet::new(spec);
    for row in &rows {
        let [holder, account]: [String; 2] = [3, 5].map(|column| row.get(column));
        let salt: Vec<u8> = row.get(6);
        let mut fields: Vec<Field<'_>> = (0..3).map(|column| Field::Int(row.get(column))).collect();
        fields.extend([Field::Text(&holder), Field::Int(row.get(4))]);
        fields.extend([Field::Text(&account), Field::Bytes(&salt)]);
        let seal = set.push_row(&fields).unwrap();
        let sql = "update payee_account set seal = $1 where payee_id = $2 and version = $3";
        let update = sqlx::query(sql).bind(seal);
        let update = update.bind(row.get::<i64, _>(1)).bind(row.get::<i64, _>(2));
        update.execute(&mut *database).await.unwrap();
    }
    let sql = "select sequence, bytes from audit_entry where sequence >= $1 order by sequence";
    let entries = sqlx::query(sql)
        .bind(entry)
        .fetch_all(&mut *database)
        .await
        .unwrap();
    let mut previous: Option<Hash> = None;
    for stored in entries {
        let sequence: i64 = stored.get(0);
        let mut content = Entry::from_bytes(stored.get(1)).unwrap();
        content.previous = previous.unwrap_or(content.previous);
        if sequence == entry {
            let rows = content
                .rows
                .iter_mut()
                .find(|rows| rows.table == spec.table);
            *rows.unwrap() = set.reference();
        }
        let bytes = content.to_bytes().unwrap();
        let hash = leaf(&bytes);
        previous = Some(hash);
        let sql = "update audit_entry set bytes = $1, leaf = $2 where sequence = $3";
        let update = sqlx::query(sql)
            .bind(bytes)
            .bind(hash.to_vec())
            .bind(sequence);
        update.execute(&mut *database).await.unwrap();
    }
    rewrite_head(database).await;
}

#[test]
fn a_book_with_its_first_entry_alone_verifies_and_an_empty_one_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("huimin.db").display());
    let terminal = Huimin::at(directory.path()).db(&url);
    terminal.done("init");
    terminal.done("book add first --name 测试账套 --region 610881");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let db = Db::open(&url).await.unwrap();
        let app = App::new(db, Clock::System, Entropy::system());
        let book = app.book(Some("first")).await.unwrap();
        let checked = audit::verification(&app, &book, &[]).await.unwrap();
        assert_eq!(
            (checked.entries, checked.faults.len()),
            (1, 0),
            "{checked:?}"
        );
        assert!(checked.rows > 0);
        app.db.close().await;
    });
    let admin = terminal.user_with("admin", "ten-letters");
    let line = "user add admin --name 测试管 --roles admin";
    terminal
        .run_with_new_password(line, "ten-letters")
        .expect_status(0);
    let verified: Value = admin.done("audit verify");
    assert_eq!(
        (&verified["ok"], &verified["entries"]),
        (&true.into(), &2.into())
    );
    runtime.block_on(async {
        let db = Db::open(&url).await.unwrap();
        let app = App::new(db, Clock::System, Entropy::system());
        assert!(
            users::has_users(&app, &app.book(None).await.unwrap())
                .await
                .unwrap()
        );
        app.db.close().await;
    });
}

/// Puts the database back as it was.
fn restore(demo: &Demo, clean: &[u8]) {
    for ending in ["-wal", "-shm"] {
        let beside = demo.path().join(format!("huimin.db{ending}"));
        let _ = std::fs::remove_file(beside);
    }
    std::fs::write(demo.database(), clean).unwrap();
}

/// Opens the file with SQLite itself, and takes the guards off.
async fn opened(demo: &Demo) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(demo.database())
        .foreign_keys(false)
        .pragma("ignore_check_constraints", "on");
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let sql = "select name from sqlite_master where type = 'trigger'";
    let triggers: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&mut database)
        .await
        .unwrap();
    assert!(triggers.len() > 20, "the guards are there");
    let guarded = sqlx::query("update transfer set amount_fen = 1")
        .execute(&mut database)
        .await;
    assert!(guarded.unwrap_err().to_string().contains("tr_append_only"));
    for trigger in triggers {
        run(&mut database, &format!("drop trigger {trigger}")).await;
    }
    database
}

async fn run(database: &mut SqliteConnection, sql: &str) {
    let text = AssertSqlSafe(sql.to_owned());
    if let Err(error) = sqlx::raw_sql(text).execute(database).await {
        panic!("{error}: {sql}");
    }
}

async fn ask_text(database: &mut SqliteConnection, sql: Option<&'static str>) -> Option<String> {
    match sql {
        Some(sql) => Some(sqlx::query_scalar(sql).fetch_one(database).await.unwrap()),
        None => None,
    }
}

async fn ask_int(database: &mut SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(database).await.unwrap()
}

/// Makes the head fit the entries that are there.
async fn rewrite_head(database: &mut SqliteConnection) {
    let sql = "select leaf from audit_entry order by sequence";
    let leaves: Vec<Vec<u8>> = sqlx::query_scalar(sql)
        .fetch_all(&mut *database)
        .await
        .unwrap();
    let (mut frontier, mut previous) = (Frontier::new(), NO_HASH);
    for stored in leaves {
        previous = stored.try_into().unwrap();
        frontier.push(previous);
    }
    let sql = "update book_head set size = $1, root = $2, frontier = $3, previous = $4";
    let update = sqlx::query(sql).bind(i64::try_from(frontier.size()).unwrap());
    let update = update
        .bind(frontier.root().to_vec())
        .bind(frontier.to_bytes());
    update
        .bind(previous.to_vec())
        .execute(database)
        .await
        .unwrap();
}
