//! The driver behaves alike on both engines. Each known difference between them has its own test.
//! The tables are scratch tables of each test.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acceptance::{TestDb, for_each_engine};
use ledger::calendar::Moment;
use ledger_store::db::{Db, Engine, RowBuffer, StoreError, Tx, Value};
use ledger_store::dialect::Pair;
use ledger_store::migrate::{migrate_with, schema_version};
use migrations::Migration;

const T: Pair = Pair {
    sqlite: "create table t (
        id integer not null constraint pk_t primary key,
        word text,
        data blob,
        number integer,
        constraint ck_t_number check (number >= 0),
        constraint uq_t_word unique (word)
    ) strict",
    postgres: "create table t (
        id bigint not null constraint pk_t primary key,
        word text collate \"C\",
        data bytea,
        number bigint,
        constraint ck_t_number check (number >= 0),
        constraint uq_t_word unique (word)
    )",
};

const INSERT: &str = "insert into t (id, word, data, number) values ($1, $2, $3, $4)";
const SELECT: &str = "select id, word, data, number from t order by id";
const COUNT: &str = "select count(*) from t";

/// A database with the table `t`.
async fn open(url: &str) -> Db {
    let db = Db::open(url).await.unwrap();
    let mut tx = db.begin_write().await.unwrap();
    tx.execute(T.of(db.engine()), &[]).await.unwrap();
    tx.commit().await.unwrap();
    db
}

fn row(id: i64, number: i64) -> [Value; 4] {
    [
        Value::Int(id),
        Value::NullText,
        Value::NullBytes,
        Value::Int(number),
    ]
}

async fn count(db: &Db) -> i64 {
    let mut tx = db.begin_read().await.unwrap();
    tx.query_one(COUNT, &[]).await.unwrap().int(0).unwrap()
}

/// What an error says, in one word and a name.
fn told<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result.unwrap_err() {
        StoreError::Constraint { name } => name,
        StoreError::Aborted => "aborted".to_owned(),
        StoreError::RowCount {
            expected, found, ..
        } => format!("rows {expected} {found}"),
        StoreError::Inconsistency { column, detail, .. } => format!("column {column}: {detail}"),
        StoreError::Newer { found, known } => format!("newer {found} {known}"),
        StoreError::MigrationChanged { version } => format!("changed {version}"),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn values_and_typed_nulls_come_back() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut tx = db.begin_write().await.unwrap();
        for args in [
            [
                Value::Int(i64::MIN),
                "惠民 𬭎 '\"".into(),
                vec![0, 1, 255].into(),
                i64::MAX.into(),
            ],
            [
                Value::Int(1),
                "".into(),
                Value::Bytes(vec![]),
                Value::Int(0),
            ],
            [
                Value::Int(2),
                Value::NullText,
                Value::NullBytes,
                Value::NullInt,
            ],
        ] {
            tx.execute_exactly(INSERT, &args, 1).await.unwrap();
        }
        let rows = tx.query(SELECT, &[]).await.unwrap();
        assert_eq!(rows[0].int(0).unwrap(), i64::MIN);
        assert_eq!(rows[0].text(1).unwrap(), "惠民 𬭎 '\"");
        assert_eq!(rows[0].bytes(2).unwrap(), [0, 1, 255]);
        assert_eq!(rows[0].opt_int(3).unwrap(), Some(i64::MAX));
        assert_eq!(rows[1].opt_text(1).unwrap().as_deref(), Some(""));
        assert_eq!(rows[1].opt_bytes(2).unwrap().as_deref(), Some(&[][..]));
        assert_eq!(rows[2].opt_text(1).unwrap(), None);
        assert_eq!(rows[2].opt_bytes(2).unwrap(), None);
        assert_eq!(rows[2].opt_int(3).unwrap(), None);
        // parameters are numbered, not in order of their appearance
        let sql = "select id from t where number = $2 and word is not distinct from $1";
        let found = tx
            .query_one(sql, &["".into(), Value::Int(0)])
            .await
            .unwrap();
        assert_eq!(found.int(0).unwrap(), 1);
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_column_of_another_type_is_an_inconsistency() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut tx = db.begin_write().await.unwrap();
        tx.execute(INSERT, &[1.into(), "a".into(), Value::NullBytes, 1.into()])
            .await
            .unwrap();
        let row = tx.query_one(SELECT, &[]).await.unwrap();
        assert_eq!(told(row.int(2)), "column 2: a value expected, found NULL");
        assert_eq!(told(row.int(9)), "column 9: no such column");
        assert!(told(row.text(0)).starts_with("column 0: text expected, found "));
        assert!(told(row.int(1)).starts_with("column 1: an integer expected, found "));
        assert!(told(row.bytes(1)).starts_with("column 1: bytes expected, found "));
        assert_eq!(
            told(tx.query(COUNT, &[1.into()]).await),
            "column 1: 1 arguments for 0 parameters"
        );
    })
    .await;
}

/// Bytes and texts of all lengths, and NULLs, spread over many rows.
fn sample(rows: i64) -> RowBuffer {
    let mut buffer = RowBuffer::with_capacity(4, 10_000);
    for id in 0..rows {
        let word = (id % 7 != 0).then(|| format!("户{id}"));
        let length = usize::try_from(id % 50).unwrap();
        let data = (id % 5 != 0).then(|| vec![u8::try_from(id % 256).unwrap(); length]);
        let number = (id % 3 != 0).then_some(id * 1_000_003);
        buffer.push([Value::Int(id), word.into(), data.into(), number.into()]);
    }
    buffer
}

async fn read_back(tx: &mut Tx) -> RowBuffer {
    let mut found = RowBuffer::new(4);
    let result = tx.stream(SELECT, &[], |row| {
        found.push([
            row.int(0)?.into(),
            row.opt_text(1)?.into(),
            row.opt_bytes(2)?.into(),
            row.opt_int(3)?.into(),
        ]);
        Ok::<(), StoreError>(())
    });
    result.await.unwrap();
    found
}

#[tokio::test]
async fn bulk_rows_come_back_equal() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let buffer = sample(10_000);
        let mut tx = db.begin_write().await.unwrap();
        let columns = &["id", "word", "data", "number"];
        assert_eq!(tx.bulk("t", columns, &buffer).await.unwrap(), 10_000);
        assert!(read_back(&mut tx).await.rows().eq(buffer.rows()));
        let collected = tx.query(SELECT, &[]).await.unwrap();
        assert_eq!(collected.len(), 10_000);
        tx.commit().await.unwrap();
        assert_eq!(count(&db).await, 10_000);
    })
    .await;
}

#[tokio::test]
async fn bulk_refuses_what_does_not_fit_and_names_constraints() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let columns = &["id", "word", "data", "number"];
        for (rows, expected) in [
            (
                vec![row(1, 1).to_vec(), vec![Value::Int(1)]],
                "column 1: 1 values for 4 columns",
            ),
            (vec![row(1, 1).to_vec(), row(1, 1).to_vec()], "pk_t"),
            (vec![row(1, -1).to_vec()], "ck_t_number"),
        ] {
            let mut buffer = RowBuffer::new(4);
            rows.into_iter().for_each(|row| buffer.push(row));
            let mut tx = db.begin_write().await.unwrap();
            assert_eq!(told(tx.bulk("t", columns, &buffer).await), expected);
            assert_eq!(told(tx.commit().await), "aborted");
        }
        assert_eq!(count(&db).await, 0);
    })
    .await;
}

#[tokio::test]
async fn statements_are_counted() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let before = db.statements();
        let mut tx = db.begin_write().await.unwrap();
        tx.bulk("t", &["id", "word", "data", "number"], &RowBuffer::new(4))
            .await
            .unwrap();
        assert_eq!(
            db.statements() - before,
            0,
            "neither begin nor an empty load counts"
        );
        tx.execute(INSERT, &row(1_000_000, 1)).await.unwrap();
        tx.query(COUNT, &[]).await.unwrap();
        read_back(&mut tx).await;
        assert_eq!(db.statements() - before, 3);
        tx.bulk("t", &["id", "word", "data", "number"], &sample(15_000))
            .await
            .unwrap();
        let chunks = if db.engine() == Engine::Postgres {
            1
        } else {
            2
        };
        assert_eq!(db.statements() - before, 3 + chunks);
        tx.commit().await.unwrap();
        assert_eq!(db.clone().statements() - before, 3 + chunks);
    })
    .await;
}

/// The schema of the constraint tests, in statements.
fn rules(engine: Engine) -> Vec<&'static str> {
    let mut found = vec![
        "create table u (book_id bigint not null, id bigint not null, code text not null,
            parent bigint, constraint pk_u primary key (book_id, id),
            constraint fk_u_parent foreign key (book_id, parent) references u (book_id, id)
                deferrable initially deferred)",
        "create unique index uq_u_code on u (book_id, code) where parent is null",
        "create unique index uq_u_lower on u (lower(code)) where parent is not null",
    ];
    match engine {
        Engine::Sqlite => found.push(
            "create trigger tr_u_frozen before delete on u
             begin select raise(abort, 'tr_u_frozen'); end",
        ),
        Engine::Postgres => found.extend([
            "create function refuse() returns trigger language plpgsql as $$
             begin raise exception 'frozen' using errcode = 'integrity_constraint_violation',
             constraint = tg_name; end $$",
            "create trigger tr_u_frozen before delete on u for each row execute function refuse()",
        ]),
    }
    found
}

#[tokio::test]
async fn constraints_have_the_same_names() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut tx = db.begin_write().await.unwrap();
        for sql in rules(db.engine()) {
            tx.execute(sql, &[]).await.unwrap();
        }
        tx.execute("insert into t (id, word, number) values (1, 'a', 1)", &[])
            .await
            .unwrap();
        tx.execute(
            "insert into u values (1, 1, 'a', null), (1, 5, 'c', 1)",
            &[],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        for (sql, expected) in [
            ("insert into t (id) values (1)", "pk_t"),
            ("insert into t (id, word) values (2, 'a')", "uq_t_word"),
            ("insert into t (id, number) values (2, -1)", "ck_t_number"),
            ("update t set number = -1", "ck_t_number"),
            ("insert into u values (1, 1, 'b', null)", "pk_u"),
            ("insert into u values (1, 2, 'a', null)", "uq_u_code"),
            ("insert into u values (1, 2, 'C', 1)", "uq_u_lower"),
            ("insert into u values (1, 2, null, null)", "u.code"),
            ("delete from u", "tr_u_frozen"),
        ] {
            let mut tx = db.begin_write().await.unwrap();
            assert_eq!(told(tx.execute(sql, &[]).await), expected, "execute {sql}");
            drop(tx);
            let mut tx = db.begin_write().await.unwrap();
            assert_eq!(told(tx.query(sql, &[]).await), expected, "query {sql}");
        }
    })
    .await;
}

/// Known difference: SQLite does not say which foreign key is broken.
#[tokio::test]
async fn a_foreign_key_is_named_by_postgres_alone() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut tx = db.begin_write().await.unwrap();
        for sql in rules(db.engine()) {
            tx.execute(sql, &[]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut tx = db.begin_write().await.unwrap();
        tx.execute("insert into u values (1, 1, 'a', 9)", &[])
            .await
            .unwrap();
        let expected = if db.engine() == Engine::Sqlite {
            "fk"
        } else {
            "fk_u_parent"
        };
        assert_eq!(told(tx.commit().await), expected);
        let mut tx = db.begin_read().await.unwrap();
        assert_eq!(
            tx.query_one("select count(*) from u", &[])
                .await
                .unwrap()
                .int(0)
                .unwrap(),
            0
        );
    })
    .await;
}

/// Known difference: after an error SQLite would carry on, and PostgreSQL would answer a commit
/// with a silent rollback.
#[tokio::test]
async fn a_failure_ends_the_transaction() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut tx = db.begin_write().await.unwrap();
        tx.execute(INSERT, &row(1, 1)).await.unwrap();
        assert_eq!(told(tx.execute(INSERT, &row(1, 1)).await), "pk_t");
        assert_eq!(told(tx.execute(INSERT, &row(2, 1)).await), "aborted");
        assert_eq!(told(tx.query(COUNT, &[]).await), "aborted");
        assert_eq!(told(tx.commit().await), "aborted");
        assert_eq!(count(&db).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_savepoint_survives_a_failure() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut tx = db.begin_write().await.unwrap();
        tx.execute(INSERT, &row(1, 1)).await.unwrap();
        let outer = tx.savepoint().await.unwrap();
        tx.execute(INSERT, &row(2, 1)).await.unwrap();
        let inner = tx.savepoint().await.unwrap();
        assert_eq!(told(tx.execute(INSERT, &row(1, 1)).await), "pk_t");
        tx.rollback_to(inner).await.unwrap();
        assert_eq!(tx.query_one(COUNT, &[]).await.unwrap().int(0).unwrap(), 2);
        tx.rollback_to(outer).await.unwrap();
        let kept = tx.savepoint().await.unwrap();
        tx.execute(INSERT, &row(3, 1)).await.unwrap();
        tx.release(kept).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(count(&db).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_dropped_or_rolled_back_transaction_leaves_nothing() {
    for_each_engine(async |url| {
        let db = open(url).await;
        for id in 0..20 {
            let mut tx = db.begin_write().await.unwrap();
            tx.execute(INSERT, &row(id, 1)).await.unwrap();
            if id % 2 == 0 {
                drop(tx);
            } else {
                tx.rollback().await.unwrap();
            }
        }
        assert_eq!(count(&db).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_number_of_rows_loses_the_transaction() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut tx = db.begin_write().await.unwrap();
        tx.execute(INSERT, &row(1, 1)).await.unwrap();
        tx.execute(INSERT, &row(2, 1)).await.unwrap();
        let update = "update t set number = number + 1 where number = $1";
        tx.execute_exactly(update, &[1.into()], 2).await.unwrap();
        assert_eq!(
            told(tx.execute_exactly(update, &[1.into()], 2).await),
            "rows 2 0"
        );
        assert_eq!(told(tx.commit().await), "aborted");
        let mut tx = db.begin_write().await.unwrap();
        assert_eq!(told(tx.query_one(SELECT, &[]).await), "rows 1 0");
    })
    .await;
}

#[tokio::test]
async fn a_reader_sees_one_state_and_writes_nothing_on_postgres() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut reader = db.begin_read().await.unwrap();
        assert_eq!(
            reader.query_one(COUNT, &[]).await.unwrap().int(0).unwrap(),
            0
        );
        let mut writer = db.begin_write().await.unwrap();
        writer.execute(INSERT, &row(1, 1)).await.unwrap();
        writer.commit().await.unwrap();
        assert_eq!(
            reader.query_one(COUNT, &[]).await.unwrap().int(0).unwrap(),
            0
        );
        assert_eq!(count(&db).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_writers_take_turns() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut tx = db.begin_write().await.unwrap();
        tx.execute(INSERT, &row(1, 0)).await.unwrap();
        tx.commit().await.unwrap();
        let tasks = (0..8).map(|_| tokio::spawn(count_up(db.clone())));
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let mut tx = db.begin_read().await.unwrap();
        let sql = "select number from t where id = 1";
        assert_eq!(tx.query_one(sql, &[]).await.unwrap().int(0).unwrap(), 400);
    })
    .await;
}

async fn count_up(db: Db) {
    for _ in 0..50 {
        let mut tx = db.begin_write().await.unwrap();
        let sql = "update t set number = number + 1 where id = $1 returning number";
        tx.query_one(sql, &[Value::Int(1)]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// A stream stops where its receiver does, and the transaction goes on.
#[tokio::test]
async fn a_stream_can_be_left() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut tx = db.begin_write().await.unwrap();
        tx.bulk("t", &["id", "word", "data", "number"], &sample(5_000))
            .await
            .unwrap();
        let mut seen = 0;
        let result = tx.stream(SELECT, &[], |row| {
            seen += 1;
            if row.int(0)? == 9 {
                Err(StoreError::Busy)
            } else {
                Ok(())
            }
        });
        assert!(matches!(result.await, Err(StoreError::Busy)));
        assert_eq!(seen, 10);
        assert_eq!(
            tx.query_one(COUNT, &[]).await.unwrap().int(0).unwrap(),
            5_000
        );
        tx.commit().await.unwrap();
    })
    .await;
}

/// A hundred megabytes pass through a stream without staying in memory. Other tests may run in the
/// same process, hence the wide bound.
#[tokio::test]
async fn a_stream_keeps_memory_flat() {
    for_each_engine(async |url| {
        let db = open(url).await;
        let mut tx = db.begin_write().await.unwrap();
        let sql = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)
                   insert into t (id, data) select i, $1 from n";
        tx.execute_exactly(sql, &[Value::Bytes(vec![7; 1_000])], 1_000)
            .await
            .unwrap();
        let sql = "select a.data, b.id from t a, t b where b.id <= 100";
        let before = peak_kilobytes();
        let mut bytes = 0;
        let result = tx.stream(sql, &[], |row| {
            bytes += row.bytes_ref(0)?.len();
            Ok::<(), StoreError>(())
        });
        result.await.unwrap();
        assert_eq!(bytes, 100_000_000);
        if let (Some(before), Some(after)) = (before, peak_kilobytes()) {
            assert!(
                after.saturating_sub(before) < 50_000,
                "{before} kB, then {after} kB"
            );
        }
    })
    .await;
}

/// The greatest memory of this process so far, where the system tells.
fn peak_kilobytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// SQLite alone has no roles: the connection itself refuses what would weaken the books.
#[tokio::test]
async fn sqlite_refuses_to_weaken_the_books() {
    let database = TestDb::sqlite();
    let db = open(database.url()).await;
    for sql in [
        "pragma foreign_keys = off",
        "pragma recursive_triggers = off",
        "pragma writable_schema = on",
        "drop table t",
        "alter table t add column x text",
        "attach ':memory:' as other",
        "update sqlite_master set sql = ''",
    ] {
        let mut tx = db.begin_write().await.unwrap();
        assert!(tx.execute(sql, &[]).await.is_err(), "{sql}");
    }
    let mut tx = db.begin_read().await.unwrap();
    for (sql, expected) in [
        ("pragma foreign_keys", 1),
        ("pragma recursive_triggers", 1),
        ("pragma synchronous", 2),
    ] {
        assert_eq!(
            tx.query_one(sql, &[]).await.unwrap().int(0).unwrap(),
            expected,
            "{sql}"
        );
    }
    let mode = tx.query_one("pragma journal_mode", &[]).await.unwrap();
    assert_eq!(mode.text(0).unwrap(), "wal");
}

#[tokio::test]
async fn wrong_addresses_are_told() {
    for (url, expected) in [
        (
            "mysql://x/y",
            "not a database address: it begins with neither sqlite: nor postgres:",
        ),
        (
            "sqlite://no/such/directory/x.db",
            "cannot open the database no/such/directory/x.db",
        ),
        (
            "postgres://localhost:1/nothing",
            "cannot open the database nothing on localhost",
        ),
    ] {
        assert_eq!(Db::open(url).await.unwrap_err().to_string(), expected);
    }
}

#[tokio::test]
async fn a_database_in_memory_serves_one_at_a_time() {
    let db = open("sqlite::memory:").await;
    assert_eq!(count(&db).await, 0);
    db.close().await;
}

const FIRST: Migration = Migration {
    version: 1,
    name: "0001_first",
    sqlite: "create table a (x integer); -- one; two
             create trigger tr_a before delete on a begin select raise(abort, 'tr_a'); end;",
    postgres: "create table a (x bigint);
               do $$ begin perform 1; end $$;",
};
const SECOND: Migration = Migration {
    version: 2,
    name: "0002_second",
    sqlite: "alter table a rename to b; drop trigger tr_a;",
    postgres: "alter table a rename to b;",
};
const BROKEN: Migration = Migration {
    version: 2,
    name: "0002_broken",
    sqlite: "create table c (x integer); create table a (x integer);",
    postgres: "create table c (x bigint); create table a (x bigint);",
};
const OTHER_FIRST: Migration = Migration {
    sqlite: "select 1",
    postgres: "select 1",
    ..FIRST
};

#[tokio::test]
async fn migrations_run_once_in_order() {
    for_each_engine(async |url| {
        let at = Moment(1_700_000_000_000_000);
        let db = Db::open(url).await.unwrap();
        assert_eq!(schema_version(&db).await.unwrap(), None);
        assert_eq!(migrate_with(&db, at, &[FIRST]).await.unwrap(), 1);
        assert!(migrate_with(&db, at, &[FIRST, BROKEN]).await.is_err());
        assert_eq!(schema_version(&db).await.unwrap(), Some(1));
        assert_eq!(migrate_with(&db, at, &[FIRST, SECOND]).await.unwrap(), 2);
        assert_eq!(migrate_with(&db, at, &[FIRST, SECOND]).await.unwrap(), 2);
        assert_eq!(schema_version(&db).await.unwrap(), Some(2));
        assert_eq!(told(migrate_with(&db, at, &[FIRST]).await), "newer 2 1");
        let changed = migrate_with(&db, at, &[OTHER_FIRST, SECOND]).await;
        assert_eq!(told(changed), "changed 1");
        let mut tx = db.begin_read().await.unwrap();
        let sql = "select name, applied_at, length(sha256) from schema_migration order by version";
        let rows = tx.query(sql, &[]).await.unwrap();
        assert_eq!(rows[1].text(0).unwrap(), "0002_second");
        assert_eq!(
            (rows[1].int(1).unwrap(), rows[1].int(2).unwrap()),
            (at.0, 32)
        );
        tx.query("select x from b", &[]).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_migrate_at_once_take_turns() {
    for_each_engine(async |url| {
        let done = Arc::new(AtomicUsize::new(0));
        let tasks = (0..4).map(|_| {
            let (url, done) = (url.to_owned(), Arc::clone(&done));
            tokio::spawn(async move {
                let db = Db::open(&url).await.unwrap();
                migrate_with(&db, Moment(0), &[FIRST, SECOND])
                    .await
                    .unwrap();
                done.fetch_add(1, Ordering::Relaxed);
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(done.load(Ordering::Relaxed), 4);
    })
    .await;
}

/// Transactions cross threads: what they return while they wait must be `Send`.
#[test]
fn futures_can_cross_threads() {
    fn check(_: impl Send) {}
    let _ = |mut tx: Tx, db: Db, buffer: RowBuffer| {
        check(tx.stream(SELECT, &[], |_| Ok::<(), StoreError>(())));
        check(tx.bulk("t", &["id"], &buffer));
        check(tx.query(SELECT, &[]));
        check(tx.execute(SELECT, &[]));
        check(tx.savepoint());
        check(tx.commit());
        check(schema_version(&db));
        check(migrate_with(&db, Moment(0), &[FIRST]));
    };
}
