//! A database that outgrows one machine: the schema and the statements keep the rules of a
//! PostgreSQL that is distributed by book, and the script that distributes a filled one does what
//! it says. Citus itself is not needed: stand-ins of its functions note who called them, and refuse
//! what Citus refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use acceptance::TestDb;
use acceptance::office::Office;
use acceptance::office::paper::{Outcome, people};
use ledger::calendar::Moment;
use ledger_store::db::Db;
use ledger_store::migrate::migrate;
use ledger_store::{catalogue, table};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

/// Small tables without a book in their keys: reference tables, in the order of the script.
const GLOBAL: [&str; 2] = ["schema_migration", "book"];

/// Citus cuts and hashes longer names when it appends a shard number.
const NAME_CHARACTERS_MAX: usize = 50;

/// Statements that speak of all books, or of the tables that have none.
const ALL_BOOKS: [&str; 2] = ["book::LIST_BOOKS", "book::NEXT_BOOK"];

/// What the script calls, with the signatures of Citus 13, and what Citus would refuse.
const STAND_INS: &str = r"
create schema stand_in;
create table stand_in.pg_dist_partition (
  logicalrelid regclass, partmethod char(1), partkey text, colocationid integer, repmodel char(1)
);
create table stand_in.call (n integer generated always as identity, what text);

create function stand_in.check_ready(relation regclass) returns void language plpgsql as $$
begin
  if current_setting('citus.enable_unsafe_triggers', true) is distinct from 'on' then
    raise exception 'triggers are not supported on distributed tables';
  end if;
  if exists (select from stand_in.pg_dist_partition where logicalrelid = relation) then
    raise exception 'table % is already distributed', relation;
  end if;
  if exists (select from pg_constraint where contype = 'f' and relation in (conrelid, confrelid))
  then
    raise exception 'relation % is referenced by a local table', relation;
  end if;
end $$;

create function stand_in.create_reference_table(table_name regclass) returns void
language plpgsql as $$
begin
  perform stand_in.check_ready(table_name);
  insert into stand_in.pg_dist_partition values (table_name, 'n', null, 0, 't');
  insert into stand_in.call (what) values ('reference ' || table_name);
end $$;

create function stand_in.create_distributed_table(table_name regclass, distribution_column text,
  distribution_type text default 'hash', colocate_with text default 'default',
  shard_count integer default null) returns void language plpgsql as $$
begin
  perform stand_in.check_ready(table_name);
  if exists (select from pg_index i where i.indrelid = table_name and i.indisunique
    and not exists (select from pg_attribute a where a.attrelid = table_name
      and a.attnum = any (i.indkey) and a.attname = distribution_column))
  then
    raise exception 'cannot create constraint on %', table_name;
  end if;
  if colocate_with <> 'none' and not exists (select from stand_in.pg_dist_partition
    where logicalrelid = colocate_with::regclass and partmethod = 'h')
  then
    raise exception 'relation % is not distributed', colocate_with;
  end if;
  insert into stand_in.pg_dist_partition values (table_name, 'h', distribution_column, 1,
    's');
  insert into stand_in.call (what) values (concat_ws(' ', 'distribute', table_name, 'by',
    distribution_column, 'with', colocate_with));
end $$;

create function stand_in.truncate_local_data_after_distributing_table(function_name regclass)
returns void language plpgsql as $$
begin
  if exists (select from pg_trigger where tgrelid = function_name and not tgisinternal
    and tgtype::integer & 32 <> 0 and tgenabled <> 'D')
  then
    raise exception 'tr_append_only';
  end if;
  insert into stand_in.call (what) values ('truncate ' || function_name);
end $$;
";

/// Foreign keys, triggers and whether they are on, and the other constraints, in words.
const RULES: &str = "select concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
        as rule from pg_constraint where connamespace = 'public'::regnamespace
    union all select concat_ws(' ', pg_get_triggerdef(oid), tgenabled) from pg_trigger
        where not tgisinternal
    order by rule";

/// A connection that finds the stand-ins as it would find the functions of Citus.
async fn with_stand_ins(url: &str) -> PgConnection {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute(sqlx::raw_sql(STAND_INS)).await.unwrap();
    let path = "set search_path = public, stand_in";
    connection.execute(path).await.unwrap();
    connection
}

async fn texts(connection: &mut PgConnection, sql: &'static str) -> Vec<String> {
    let rows = connection.fetch_all(sql).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn calls(connection: &mut PgConnection) -> Vec<String> {
    texts(connection, "select what from stand_in.call order by n").await
}

/// Runs the script; the message when it refuses.
async fn distribute(connection: &mut PgConnection) -> Result<(), String> {
    let script = sqlx::raw_sql(migrations::DISTRIBUTE);
    let Err(error) = connection.execute(script).await else {
        return Ok(());
    };
    connection.execute("rollback").await.unwrap();
    Err(error.as_database_error().unwrap().message().to_owned())
}

/// All tables in the order in which they were made.
async fn tables(connection: &mut PgConnection) -> Vec<String> {
    let sql = "select relname::text from pg_class where relnamespace = 'public'::regnamespace
        and relkind = 'r' order by oid";
    texts(connection, sql).await
}

/// A month paid and answered, so that every large table has rows.
async fn january(url: &str) -> Office {
    let office = Office::funded(url).await;
    office.roster("urban", "2022-01", &people(20)).await;
    let batch = office.pay_month("urban", "2022-01").await;
    let outcome = |place| match place {
        0 => Outcome::Failed("系统忙"),
        _ => Outcome::Paid,
    };
    office.answer(&batch, outcome).await;
    office.assert_invariants().await;
    office
}

#[tokio::test]
async fn the_script_distributes_every_table_by_book() {
    let database = TestDb::postgres();
    let office = january(database.url()).await;
    let mut connection = with_stand_ins(database.url()).await;
    let before = texts(&mut connection, RULES).await;
    let triggers = before.iter().filter(|rule| rule.starts_with("CREATE"));
    assert!(triggers.clone().count() > table::ALL.len());
    assert!(triggers.clone().all(|rule| rule.ends_with(" A")));
    assert!(before.iter().any(|rule| rule.contains(" fk_")));

    distribute(&mut connection).await.unwrap();

    let mut expected = Vec::new();
    for name in GLOBAL {
        expected.extend([format!("reference {name}"), format!("truncate {name}")]);
    }
    let mut anchor = "none";
    let all = tables(&mut connection).await;
    for name in all.iter().filter(|name| !GLOBAL.contains(&name.as_str())) {
        let distribution = format!("distribute {name} by book_id with {anchor}");
        expected.extend([distribution, format!("truncate {name}")]);
        anchor = "public.book_head";
    }
    assert_eq!(calls(&mut connection).await, expected);
    assert_eq!(texts(&mut connection, RULES).await, before);

    // Nothing to do: nothing done, and the books go on.
    let catalogue = "select concat_ws(' ', relname, oid, xmin) from pg_class
        where relnamespace = 'public'::regnamespace
        union all select concat_ws(' ', proname, oid, xmin) from pg_proc
        where pronamespace = 'public'::regnamespace order by 1";
    let untouched = texts(&mut connection, catalogue).await;
    distribute(&mut connection).await.unwrap();
    assert_eq!(calls(&mut connection).await, expected);
    assert_eq!(texts(&mut connection, RULES).await, before);
    assert_eq!(texts(&mut connection, catalogue).await, untouched);

    office.assert_invariants().await;
    office.roster("urban", "2022-02", &people(19)).await;
    let batch = office.pay_month("urban", "2022-02").await;
    office.answer(&batch, |_| Outcome::Paid).await;
    office.assert_invariants().await;
}

/// The script gives one trigger function a second form; it must keep the rule.
#[tokio::test]
async fn a_stray_outcome_is_refused_after_the_script_too() {
    let database = TestDb::postgres();
    january(database.url()).await;
    let mut connection = with_stand_ins(database.url()).await;
    let stray = "insert into outcome (book_id, payment_id, attempt_no, step, source_id, line_no,
            entry, kind, reason, reason_text, bank_reference, seal)
        select book_id, payment_id + extra, attempt_no + extra, step, source_id, line_no, entry,
            'failed', reason, reason_text, bank_reference, seal
        from outcome, (values (1000), (2000)) more (extra) where payment_id < 3";
    for distributed in [false, true] {
        if distributed {
            distribute(&mut connection).await.unwrap();
        }
        let error = connection.execute(stray).await.unwrap_err();
        let error = error.as_database_error().unwrap();
        assert_eq!(error.constraint(), Some("tr_outcome_attempt"), "{error}");
    }
}

#[tokio::test]
async fn a_table_of_a_later_migration_joins_the_others() {
    let database = TestDb::postgres();
    migrated(&database).await;
    let mut connection = with_stand_ins(database.url()).await;
    distribute(&mut connection).await.unwrap();
    let done = calls(&mut connection).await.len();
    let later = "create table later (book_id integer, user_id integer, run_id integer,
        constraint pk_later primary key (book_id, run_id),
        constraint fk_later_run foreign key (book_id, run_id) references run (book_id, run_id))";
    connection.execute(later).await.unwrap();
    let before = texts(&mut connection, RULES).await;
    distribute(&mut connection).await.unwrap();
    assert_eq!(
        calls(&mut connection).await[done..],
        [
            "distribute later by book_id with public.book_head",
            "truncate later"
        ]
    );
    assert_eq!(texts(&mut connection, RULES).await, before);
}

#[tokio::test]
async fn what_does_not_fit_is_named_and_nothing_is_touched() {
    let database = TestDb::postgres();
    migrated(&database).await;
    let mut connection = with_stand_ins(database.url()).await;
    let long = "a".repeat(NAME_CHARACTERS_MAX + 1);
    let long = format!(
        "create table stray (book_id integer, n integer,
            constraint {long} primary key (book_id, n))"
    );
    for (define, said) in [
        (
            "create table stray (id integer constraint pk_stray primary key)",
            "Table stray has no primary key that begins with book_id.",
        ),
        (
            "create table stray (book_id integer, n integer)",
            "Table stray has no primary key that begins with book_id.",
        ),
        (
            "create table stray (book_id integer, n integer, constraint pk_stray primary key
            (n, book_id))",
            "Table stray has no primary key that begins with book_id.",
        ),
        (
            "create table stray (book_id integer, code text, constraint pk_stray primary key
            (book_id, code), constraint uq_stray_code unique (code))",
            "The unique constraint uq_stray_code of table stray does not begin with book_id.",
        ),
        (
            "create table stray (book_id integer, n integer, constraint pk_stray primary key
            (book_id, n), constraint fk_stray_run foreign key (n, book_id)
            references run (run_id, book_id))",
            "The foreign key fk_stray_run of table stray does not begin with book_id",
        ),
        (
            "create table stray (book_id integer, n integer, constraint pk_stray primary key
            (book_id, n), constraint fk_stray_run foreign key (book_id, n)
            references run (book_id, run_id) on delete set null)",
            "The foreign key fk_stray_run of table stray does not begin with book_id on both \
             sides, or would change it.",
        ),
        (long.as_str(), "is longer than 50 characters."),
        (
            "create table stray (book_id integer, n integer, constraint pk_stray primary key
            (book_id, n));
            create function refuse_other() returns trigger language plpgsql as
            'begin return null; end';
            create trigger tr_stray after insert on stray referencing new table as added
            for each statement execute function refuse_other()",
            "Trigger tr_stray of table stray reads the rows of a whole statement",
        ),
    ] {
        let define = sqlx::raw_sql(AssertSqlSafe(define.to_owned()));
        connection.execute(define).await.unwrap();
        let before = texts(&mut connection, RULES).await;
        let message = distribute(&mut connection).await.unwrap_err();
        assert!(
            message.contains(said) && message.contains("什么也没有改"),
            "{message}"
        );
        assert_eq!(texts(&mut connection, RULES).await, before);
        assert!(calls(&mut connection).await.is_empty());
        connection.execute("drop table stray").await.unwrap();
    }
    // Without Citus the script says so.
    let home = "set search_path = public";
    connection.execute(home).await.unwrap();
    let message = distribute(&mut connection).await.unwrap_err();
    assert!(message.contains("Citus is not installed"), "{message}");
}

async fn migrated(database: &TestDb) {
    let db = Db::open(database.url()).await.unwrap();
    migrate(&db, Moment(0)).await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn every_key_begins_with_the_book_and_names_are_short() {
    let database = TestDb::postgres();
    migrated(&database).await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let keys = "select c.relname || ' ' || k.conname || ' ' || concat_ws(' ', a.attname, b.attname)
        from pg_constraint k join pg_class c on c.oid = k.conrelid
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
        left join pg_attribute b on b.attrelid = k.confrelid and b.attnum = k.confkey[1]
        where k.connamespace = 'public'::regnamespace and k.contype in ('p', 'u', 'f', 'x')
        and (a.attname <> 'book_id' or b.attname <> 'book_id')
        union all select c.relname || ' without primary key' from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not exists (select
            from pg_index i where i.indrelid = c.oid and i.indisprimary)
        order by 1";
    assert_eq!(
        texts(&mut connection, keys).await,
        [
            "book uq_book_code code",
            "schema_migration pk_schema_migration version"
        ]
    );
    let names = "select relname::text from pg_class where relnamespace = 'public'::regnamespace
        union select conname::text from pg_constraint where connamespace = 'public'::regnamespace
        union select tgname::text from pg_trigger where not tgisinternal";
    let names = texts(&mut connection, names).await;
    assert!(names.len() > 100);
    let long: Vec<_> = names
        .iter()
        .filter(|name| name.chars().count() > NAME_CHARACTERS_MAX)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

/// The words of a statement in lower case: names, keywords, and `$1` and the like.
fn words(sql: &str) -> BTreeSet<String> {
    let part = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$');
    sql.split(part).map(str::to_lowercase).collect()
}

#[tokio::test]
async fn every_statement_names_the_book() {
    let database = TestDb::postgres();
    migrated(&database).await;
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    let tables = tables(&mut connection).await;
    let all = catalogue::all();
    assert!(all.len() > 100);
    for (module, name, sql) in all {
        let (words, place) = (words(sql), format!("{module}::{name}"));
        let touched: Vec<_> = tables
            .iter()
            .filter(|table| words.contains(*table))
            .filter(|table| !GLOBAL.contains(&table.as_str()))
            .collect();
        if touched.is_empty() || ALL_BOOKS.contains(&place.as_str()) {
            continue;
        }
        assert!(words.contains("book_id"), "{place} touches {touched:?}");
        let plain = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        let one_book = plain.contains("book_id = $") || plain.starts_with("insert into");
        assert!(one_book, "{place} does not keep to one book: {plain}");
        // The count of such a statement was wrong on a distributed table.
        let counted = words.contains("select") && plain.contains("do nothing");
        assert!(!counted, "{place} counts what it skips");
        assert!(
            !words.contains("merge") && !words.contains("now"),
            "{place}"
        );
    }
}
