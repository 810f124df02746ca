//! Both engines hold the same books: same tables, columns, keys and constraint names, every
//! statement prepares on both, and what is append-only cannot be changed on either.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use acceptance::office::paper::{
    Outcome, movement, outcomes, people, person, write_return, write_statement,
};
use acceptance::office::{Office, day, done, month};
use acceptance::{TestDb, for_each_engine};
use api::app::appropriation::{self, NewReduction};
use api::app::layouts::NewLayouts;
use api::app::proposal::Change;
use api::app::recovery::{HandOver, NewPlan, NewRecovery, Receipt, Whose};
use api::app::roster::{self, Died};
use api::app::token::NewToken;
use api::app::users::NewUser;
use api::app::{
    calendar, clash, exception, period, policy, publication, recovery, token, users, year,
};
use ledger::calendar::Moment;
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::clash::ListKind;
use ledger::disbursement::role::Role;
use ledger::disbursement::workflow::RunEvent;
use ledger::id::{
    ExceptionId, ObjectionId, PartyId, PaymentId, RecoveryId, ReturnId, RunId, StatementId, TokenId,
};
use ledger::money::Fen;
use ledger_store::db::{Db, Engine};
use ledger_store::migrate::migrate;
use ledger_store::run::RunKind;
use ledger_store::{catalogue, table};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqlSafeStr, SqliteConnection};

/// Tables whose rows change: all that a row of them says can be worked out from the others, but
/// for `job`, which says how far work is that leaves its own entries.
const MUTABLE: [&str; 10] = [
    "account_month",
    "account_total",
    "book_head",
    "counter",
    "job",
    "refusal_tally",
    "sign_in_guard",
    "success_cell",
    "success_reason",
    "web_session",
];

/// A table: its columns in order, and its constraints in words that both engines share.
#[derive(Debug, Default, PartialEq, Eq)]
struct Described {
    columns: Vec<String>,
    constraints: BTreeSet<String>,
}

type Schema = BTreeMap<String, Described>;

/// A database of this engine at the newest version.
async fn migrated(database: &TestDb) -> Db {
    let db = Db::open(database.url()).await.unwrap();
    migrate(&db, Moment(0)).await.unwrap();
    db
}

/// Without spaces and in lower case.
fn plain(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect()
}

async fn sqlite_schema(url: &str) -> Schema {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let tables = "select name, sql from sqlite_master where type = 'table'
        and name not like 'sqlite_%'";
    let mut schema = Schema::new();
    for row in connection.fetch_all(tables).await.unwrap() {
        let (name, sql): (String, String) = (row.get(0), row.get(1));
        let columns = format!("select name, type, \"notnull\" from pragma_table_info('{name}')");
        let columns = connection.fetch_all(AssertSqlSafe(columns)).await.unwrap();
        let describe = |row: &sqlx::sqlite::SqliteRow| {
            let (name, kind, fixed): (String, String, bool) = (row.get(0), row.get(1), row.get(2));
            let kind = match kind.as_str() {
                "INTEGER" => "int",
                "TEXT" => "text",
                "BLOB" => "bytes",
                other => panic!("{other}"),
            };
            format!("{name} {kind} {}", if fixed { "not null" } else { "null" })
        };
        let columns = columns.iter().map(describe).collect();
        schema.insert(
            name,
            Described {
                columns,
                constraints: sqlite_constraints(&sql),
            },
        );
    }
    schema
}

/// The constraints in the text of a `create table`.
fn sqlite_constraints(sql: &str) -> BTreeSet<String> {
    let mut depth = 0_u32;
    let mut items = vec![String::new()];
    for c in sql.split_once('(').unwrap().1.chars() {
        match c {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ')' => break,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        items.last_mut().unwrap().push(c);
    }
    let constraint = |item: &String| {
        let rest = item.trim().strip_prefix("constraint ")?;
        let (name, rule) = rest.split_once(' ')?;
        Some(worded(name, rule))
    };
    items.iter().filter_map(constraint).collect()
}

/// Name and rule; of a check the name alone, since engines print expressions in their own way.
fn worded(name: &str, rule: &str) -> String {
    let rule = plain(rule);
    // How full PostgreSQL packs an index is no rule.
    let rule = rule.split("with(fillfactor").next().unwrap_or_default();
    if rule.starts_with("check") {
        format!("{name} check")
    } else {
        format!("{name} {rule}")
    }
}

async fn postgres_schema(url: &str) -> Schema {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let columns = "select table_name::text, column_name::text, data_type::text,
        is_nullable = 'NO', coalesce(collation_name::text, '') from information_schema.columns
        where table_schema = 'public' and table_name in (select t.table_name
            from information_schema.tables t where t.table_schema = 'public'
            and t.table_type = 'BASE TABLE')
        order by table_name, ordinal_position";
    let mut schema = Schema::new();
    for row in connection.fetch_all(columns).await.unwrap() {
        let (table, name, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let (fixed, collation): (bool, String) = (row.get(3), row.get(4));
        let kind = match kind.as_str() {
            "bigint" | "integer" => "int",
            "text" => "text",
            "bytea" => "bytes",
            other => panic!("{other}"),
        };
        // Text sorts by bytes on SQLite, so it must here too. Nothing is sorted by the names of
        // migrations.
        let sorted = kind == "text" && table != "schema_migration";
        assert_eq!(collation == "C", sorted, "{table}.{name}: {collation:?}");
        let column = format!("{name} {kind} {}", if fixed { "not null" } else { "null" });
        schema.entry(table).or_default().columns.push(column);
    }
    let constraints = "select c.relname::text, k.conname::text, pg_get_constraintdef(k.oid)
        from pg_constraint k join pg_class c on c.oid = k.conrelid
        where k.connamespace = 'public'::regnamespace and k.contype in ('p', 'u', 'c', 'f')";
    for row in connection.fetch_all(constraints).await.unwrap() {
        let (table, name, rule): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        schema
            .entry(table)
            .or_default()
            .constraints
            .insert(worded(&name, &rule));
    }
    schema
}

async fn both_schemas() -> (Schema, Schema) {
    let (sqlite, postgres) = (TestDb::sqlite(), TestDb::postgres());
    migrated(&sqlite).await.close().await;
    migrated(&postgres).await.close().await;
    (
        sqlite_schema(sqlite.url()).await,
        postgres_schema(postgres.url()).await,
    )
}

#[tokio::test]
async fn both_engines_have_the_same_tables_columns_and_constraints() {
    let (sqlite, postgres) = both_schemas().await;
    let names = |schema: &Schema| schema.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&sqlite), names(&postgres));
    assert!(sqlite.len() > table::ALL.len());
    for (name, described) in &sqlite {
        // The store makes this one before the first migration, in each engine's own words.
        if name == "schema_migration" {
            assert_eq!(described.columns, postgres[name].columns);
            continue;
        }
        // PostgreSQL has its wide columns first.
        let sorted = |columns: &[String]| columns.iter().cloned().collect::<BTreeSet<_>>();
        let columns = &postgres[name].columns;
        assert_eq!(sorted(&described.columns), sorted(columns), "{name}");
        let constraints = &postgres[name].constraints;
        assert_eq!(&described.constraints, constraints, "{name}");
        let unnamed = described.constraints.iter().filter(|constraint| {
            !["pk_", "uq_", "ck_", "fk_"]
                .iter()
                .any(|prefix| constraint.starts_with(prefix))
        });
        assert_eq!(unnamed.count(), 0, "{name}");
    }
}

#[tokio::test]
async fn every_sealed_table_has_exactly_its_columns() {
    let (sqlite, _) = both_schemas().await;
    for sealed in table::ALL {
        let described = &sqlite[sealed.spec.table];
        let columns = described
            .columns
            .iter()
            .map(|column| column.split(' ').next().unwrap());
        assert_eq!(
            columns.collect::<Vec<_>>(),
            sealed.columns,
            "{}",
            sealed.spec.table
        );
        let key: Vec<_> = sealed
            .spec
            .key
            .iter()
            .map(|key| sealed.columns[*key])
            .collect();
        let name = sealed.spec.table;
        let primary = format!("pk_{name} primarykey({})", key.join(","));
        assert!(
            described.constraints.contains(&primary),
            "{primary}: {described:#?}"
        );
    }
    let known: BTreeSet<&str> = table::ALL
        .iter()
        .map(|sealed| sealed.spec.table)
        .chain(MUTABLE)
        .chain(["audit_entry", "schema_migration"])
        .collect();
    assert_eq!(
        sqlite.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        known
    );
}

#[tokio::test]
async fn every_statement_prepares_on_both_engines() {
    let (sqlite, postgres) = (TestDb::sqlite(), TestDb::postgres());
    migrated(&sqlite).await.close().await;
    migrated(&postgres).await.close().await;
    let mut on_sqlite = SqliteConnection::connect(sqlite.url()).await.unwrap();
    let mut on_postgres = PgConnection::connect(postgres.url()).await.unwrap();
    let all = catalogue::all();
    assert!(all.len() > 100);
    for (module, name, text) in all {
        if let Err(error) = (&mut on_sqlite).prepare(text.into_sql_str()).await {
            panic!("SQLite: {module}::{name}: {error}");
        }
        if let Err(error) = (&mut on_postgres).prepare(text.into_sql_str()).await {
            panic!("PostgreSQL: {module}::{name}: {error}");
        }
    }
}

/// Every constraint that is turned into a refusal exists under its name.
#[tokio::test]
async fn constraints_with_a_refusal_exist() {
    let (sqlite, _) = both_schemas().await;
    let mut known: BTreeSet<&str> = sqlite
        .values()
        .flat_map(|described| &described.constraints)
        .filter_map(|constraint| constraint.split(' ').next())
        .collect();
    known.extend(["tr_voucher_period", "tr_attempt_prior"]);
    known.extend(["tr_recovery_event_left", "tr_recovery_event_people"]);
    known.extend(["tr_rule_decision_people", "tr_outcome_void_last"]);
    known.extend(["tr_re_pay_clearance_failed"]);
    known.extend(["tr_statement_withdrawal_newest", "tr_statement_days"]);
    // Of 0004_publication.
    known.extend([
        "tr_run_event_publication",
        "tr_run_event_limit",
        "tr_run_event_after_approval",
        "tr_objection_event_people",
    ]);
    let source = include_str!("../../ledger/store/src/constraint.rs");
    let named = source.split('"').skip(1).step_by(2).filter(|text| {
        ["pk_", "uq_", "ck_", "fk_", "tr_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
    });
    let named: Vec<&str> = named.collect();
    assert!(named.len() > 15);
    for name in named {
        assert!(known.contains(name), "no constraint {name}");
    }
}

/// A small month that leaves a row in every table.
async fn full(url: &str) -> Office {
    let office = Office::funded(url).await;
    let (app, maker) = (&office.app, office.who("maker"));
    let new = NewUser {
        login: "novice".to_owned(),
        name: "示例新人".to_owned(),
        roles: vec![Role::Maker],
        password: "correct horse".to_owned(),
    };
    done(users::add_user(app, office.who("admin"), &new, None).await);
    let token = NewToken {
        name: "示例".to_owned(),
        roles: Vec::new(),
        hours: 1,
    };
    let made = done(token::add(app, maker, &token, None).await);
    let made = TokenId(made["id"].as_i64().unwrap());
    done(token::revoke(app, maker, made, None).await);
    let wage = "[[reference]]\ncode = \"wage\"\nfrom = \"2022-01\"\namount = \"1950\"\n\
                document = \"示例〔2022〕2号\"\n";
    done(policy::import(app, maker, "more.toml", wage, None).await);
    // Enough for the first appropriation to end within a payment.
    office.roster("urban", "2022-01", &people(20)).await;
    let batch = office.pay_month("urban", "2022-01").await;
    let mut rows = outcomes(&batch, |place| match place {
        0 => Outcome::Failed("系统忙"),
        1 => Outcome::Pending,
        _ => Outcome::Paid,
    });
    rows[2].0.key = "P99999999-1".to_owned();
    done(
        office
            .import("return.txt", &write_return(&batch, &rows), None)
            .await,
    );
    let (id, accountant) = (ExceptionId(1), office.who("accountant"));
    done(exception::propose(app, accountant, id, "ignore", "银行误列", None).await);
    stated(&office).await;
    settled(&office).await;
    office.pay("urban", RunKind::RePay, "2022-01").await;
    office.roster("urban", "2022-02", &people(19)).await;
    office.on("2022-01-31");
    done(period::close(app, accountant, month("2022-01"), None).await);
    // The bank takes January and its re-pay in one.
    let together = -batch.total.get() - 10_100;
    let seen = [movement("2022-02-08", together, "B000001 B000002")];
    let days = ("2022-02-01", "2022-02-09");
    office.statement("icbc", days, &seen).await;
    let again = period::close(app, accountant, month("2022-01"), None).await;
    assert!(again.is_err(), "and a refusal is tallied");
    recovered(&office).await;
    compared(&office).await;
    published(&office).await;
    closed_year(&office).await;
    late_expense(&office).await;
    in_kind(&office).await;
    let notice = calendar::Source::shipped(2022).unwrap();
    done(calendar::import(app, office.who("maker"), &notice, None).await);
    office.assert_invariants().await;
    office
}

/// January at the bank is stated, withdrawn, and stated again.
async fn stated(office: &Office) {
    let seen = [
        movement("2022-01-05", 150_000, "省示例1"),
        movement("2022-01-05", 300_000, "县示例1"),
        movement("2022-01-07", 10_100, "P1-1"),
    ];
    let answer = office
        .statement("icbc", ("2022-01-01", "2022-01-31"), &seen)
        .await;
    let id = StatementId(answer["statement"].as_i64().unwrap());
    let change = Change::Unstate(id, "示例".to_owned());
    done(office.agree("accountant", "maker", &change).await);
    let days = ("2022-01-01", "2022-01-31");
    let bytes = write_statement("2600000000000000001", days, 0, &seen);
    office.on("2022-01-31");
    done(office.take_statement("icbc", &bytes, None).await);
    office.on("2022-01-04");
}

/// A difference is noted and settled, words are taught, a return is withdrawn and imported again,
/// a payment is cancelled.
async fn settled(office: &Office) {
    let (app, accountant) = (&office.app, office.who("accountant"));
    done(exception::comment(app, accountant, ExceptionId(1), "已电话核实", None).await);
    done(exception::confirm(app, office.who("reviewer"), ExceptionId(1), None).await);
    let batch = office.files(RunId(1)).await.remove(0);
    let (_, lines) = (batch.number.clone(), batch.lines[1..2].to_vec());
    let rows: Vec<_> = lines
        .into_iter()
        .map(|line| (line, Outcome::Failed("量子涨落")))
        .collect();
    let again = write_return(&batch, &rows);
    let answer = done(office.import("late.txt", &again, None).await);
    let id = ReturnId(answer["return"].as_i64().unwrap());
    let change = Change::Withdraw(id, "示例".to_owned());
    done(office.agree("cashier", "accountant", &change).await);
    done(office.import("late.txt", &again, None).await);
    let change = Change::Reason("量子涨落".to_owned(), "bank-unavailable".to_owned());
    done(office.agree("maker", "reviewer", &change).await);
    let change = Change::Cancel(PaymentId(2), "示例".to_owned());
    done(office.agree("maker", "reviewer", &change).await);
    let change = Change::Clear(vec![PaymentId(1)], "示例".to_owned());
    done(office.agree("maker", "reviewer", &change).await);
    // A notice of a payment that nobody knows, which two people ignore.
    let notice = crate::notices::iso(&[("P99-1", &batch.lines[0])]);
    done(office.import("notice.xml", &notice, None).await);
    let id = "select max(exception_id) from exception";
    let id = ExceptionId(office.count(id).await);
    done(exception::propose(app, accountant, id, "ignore", "示例", None).await);
    done(exception::confirm(app, office.who("reviewer"), id, None).await);
}

/// Proposes and confirms recoveries of all that is overpaid.
async fn owed_back(office: &Office) -> Vec<RecoveryId> {
    let new = NewRecovery {
        program: "rural".to_owned(),
        whose: Whose::All,
        first: None,
        last: None,
        reason: "示例:金额有误".to_owned(),
    };
    let answer = done(recovery::open(&office.app, office.who("maker"), &new, None).await);
    let made = answer["recoveries"].as_array().unwrap().iter();
    let made = made.map(|row| RecoveryId(row["recovery"].as_i64().unwrap()));
    let made: Vec<RecoveryId> = made.collect();
    for id in &made {
        done(recovery::confirm(&office.app, office.who("reviewer"), *id, None).await);
    }
    made
}

/// A recovery that is written off, one that payments withhold, and one of an earlier year that
/// goes to the treasury.
async fn recovered(office: &Office) {
    let (app, maker, reviewer) = (&office.app, office.who("maker"), office.who("reviewer"));
    office.on("2022-02-10");
    let mut people: Vec<_> = (101..=104).map(person).collect();
    office.roster("rural", "2022-01", &people).await;
    let batch = office.pay_month("rural", "2022-01").await;
    office.answer(&batch, |_| Outcome::Paid).await;
    people[0].amount = Fen::new(10_000);
    people[1].amount = Fen::new(10_000);
    office.roster("rural", "2022-01", &people).await;
    let [one, two] = owed_back(office).await[..] else {
        panic!("two are overpaid");
    };
    done(recovery::write_off(app, maker, one, "示例", None).await);
    done(recovery::confirm_write_off(app, reviewer, one, None).await);
    let plan = NewPlan {
        set_off: Some(Fen::new(100)),
        ..NewPlan::default()
    };
    done(recovery::plan(app, maker, two, &plan, None).await);
    let run = office.create("rural", RunKind::Regular, "2022-02").await;
    assert!(run.is_some());
    office.on("2023-01-06");
    people[2].amount = Fen::new(20_000);
    office.roster("rural", "2022-01", &people).await;
    let earlier = owed_back(office).await;
    // The debit names something else: two people say which batch it is.
    let seen = [
        movement("2023-01-06", 200_000_000, "县示例2"),
        movement("2023-01-06", -batch.total.get(), "X99"),
        movement("2023-01-06", 300, "来款"),
    ];
    let days = ("2023-01-06", "2023-01-06");
    office.statement("csv", days, &seen).await;
    let last = office
        .count("select max(exception_id) from exception")
        .await;
    let (id, how) = (
        ExceptionId(last - 1),
        format!("force-match:{}", batch.number),
    );
    done(exception::propose(app, maker, id, &how, "", None).await);
    done(exception::confirm(app, reviewer, id, None).await);
    let receipt = Receipt {
        recoveries: earlier,
        exception: ExceptionId(last),
        amount: None,
        appropriation: None,
    };
    for who in [maker, reviewer] {
        done(recovery::receive(app, who, &receipt, None).await);
    }
    let over = HandOver {
        program: "rural".to_owned(),
        amount: Fen::new(300),
        account: None,
        appropriation: None,
        on: None,
    };
    done(recovery::hand_over(app, office.who("accountant"), &over, None).await);
}

/// A letter is reduced, the rest is carried over, and the year is closed.
async fn closed_year(office: &Office) {
    let (app, accountant) = (&office.app, office.who("accountant"));
    office.on("2022-12-31");
    done(period::close(app, accountant, month("2022-02"), None).await);
    let less = NewReduction {
        document: "县示例2".to_owned(),
        program: None,
        by: "示例〔2022〕4号".to_owned(),
        amount: Fen::new(100),
        on: None,
    };
    done(appropriation::reduce(app, accountant, &less, None).await);
    done(year::close(app, accountant, 2022, Some("示例〔2023〕1号"), None).await);
}

/// December is paid in the next year and some of it owed back; somebody has died.
async fn late_expense(office: &Office) {
    office.on("2023-02-10");
    let batch = office.pay_month("rural", "2022-12").await;
    office.answer(&batch, |_| Outcome::Paid).await;
    let dead = office
        .count("select max(party_id) from party where kind = 'person'")
        .await;
    let died = Died::Person(PartyId(dead), Some(day("2022-11-30")));
    let (app, maker) = (&office.app, office.who("maker"));
    done(roster::deceased(app, maker, &died, "示例", None).await);
    assert_eq!(owed_back(office).await.len(), 1);
}

/// Help in kind by the piece for a household with a member, care by disability grade, a payment
/// day, and a program that is published for working days.
async fn in_kind(office: &Office) {
    let change = Change::Layouts(NewLayouts {
        account: "icbc".to_owned(),
        statement: "mt940".to_owned(),
        ..NewLayouts::default()
    });
    done(office.agree("maker", "reviewer", &change).await);
    let (app, maker) = (&office.app, office.who("maker"));
    let rules = r#"
[[program]]
code = "kind"
name = "示例实物"
function_code = "2082001"
payment_day = [{ from = "2023-01", day = 28, document = "示例〔2023〕1号" }]
[[program.component]]
code = "coal"
name = "示例煤"
scope = "household"
months = "1-12"
unit = "吨"
economic_code = "50901"
standard = [{ from = "2023-01", formula = "amount", amount = "600", document = "示例〔2023〕1号" }]
[[program.component]]
code = "nursing"
name = "示例护理"
scope = "person"
months = "1-12"
eligibility = [{ from = "2023-01", effect = "tag", tag = "severe", disability = "1-2", document = "示例〔2023〕1号" }]
standard = [{ tag = "severe", name = "重度", from = "2023-01", formula = "amount", amount = "80", document = "示例〔2023〕1号" }]
"#;
    done(policy::import(app, maker, "kind.toml", rules, None).await);
    let rule = publication::NewRule {
        program: "kind".to_owned(),
        days: 5,
        unit: ledger::disbursement::publication::DayUnit::Working,
        document: "示例〔2023〕2号".to_owned(),
    };
    done(
        office
            .agree("maker", "reviewer", &Change::Publication(rule))
            .await,
    );
    let [head, spouse, alone] = [201, 202, 203].map(person);
    let text = format!(
        "档案号,乡镇,姓名,身份证号,与户主关系,账号,发放项目,数量,核定依据,残疾等级\n\
         K1,东示例镇,{},{},户主,{},示例煤,1.5,示例,\n\
         ,,{},{},配偶,,,,,\n\
         K2,东示例镇,{},{},户主,{},示例护理,,示例,2\n",
        head.name,
        head.identity,
        head.account,
        spouse.name,
        spouse.identity,
        alone.name,
        alone.identity,
        alone.account,
    );
    // The one who lives alone moves in February.
    let moved = text.replace("K2,东示例镇", "K2,西示例镇");
    for (at, text) in [("2023-01", &text), ("2023-02", &moved)] {
        let (at, bytes) = (month(at), text.as_bytes());
        let import = api::app::roster::import(app, maker, "kind", at, "k.csv", bytes, false, None);
        done(import.await);
    }
}

/// A run that is compared with a list and explained.
async fn compared(office: &Office) {
    let (app, maker) = (&office.app, office.who("maker"));
    let list = clash::ListInput {
        kind: ListKind::Employed,
        name: "示例财政局".to_owned(),
        file_name: "名单.csv".to_owned(),
        bytes: format!("身份证号,姓名\r\n{},示例\r\n", person(1).identity).into_bytes(),
    };
    done(clash::import_list(app, maker, &list, None).await);
    let programs = ["urban", "rural"];
    done(clash::exclude(app, maker, programs, "示例〔2022〕3号", None).await);
    let run = office
        .create("urban", RunKind::Regular, "2022-02")
        .await
        .unwrap();
    done(office.act("maker", RunEvent::Check, run, None).await);
    done(clash::explain(app, maker, run, "A19", "临时工,已核实", None).await);
}

/// A run that is published, objected to, and limited.
async fn published(office: &Office) {
    let (app, maker) = (&office.app, office.who("maker"));
    let limit = "[[program]]\ncode = \"urban\"\nname = \"城市低保\"\nfunction_code = \"2081901\"\n\
        publication = { days = 5, document = \"示例〔2022〕4号\" }\napproval_limit = [\
        { level = \"township\", from = \"2022-01\", payment = \"2000\", document = \"示例〔2022〕5号\" }]\n";
    done(policy::import(app, maker, "limit.toml", limit, None).await);
    let level = Change::Level("approver2".to_owned(), ApprovalLevel::City);
    done(office.agree("admin", "reviewer", &level).await);
    let run = office.count("select max(run_id) from run").await;
    let run = RunId(run);
    done(office.act("maker", RunEvent::Submit, run, None).await);
    done(publication::publish(app, maker, run, None, None).await);
    done(publication::add(app, maker, run, None, "示例异议", None).await);
    let (id, reviewer) = (ObjectionId(1), office.who("reviewer"));
    done(publication::settle(app, reviewer, id, false, "已核实", None).await);
}

/// Texts for the driver, which takes only such as live for ever.
fn for_ever(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[tokio::test]
async fn no_row_of_an_append_only_table_can_be_changed_removed_or_replaced() {
    for_each_engine(async |url| {
        let office = full(url).await;
        let db = &office.app.db;
        let tables = table::ALL
            .iter()
            .map(|sealed| sealed.spec.table)
            .chain(["audit_entry"]);
        for name in tables {
            let rows = office
                .count(for_ever(format!("select count(*) from {name}")))
                .await;
            assert!(rows > 0, "{name} is empty");
            let last = match db.engine() {
                Engine::Sqlite => format!("insert or replace into {name} select * from {name}"),
                Engine::Postgres => format!("truncate {name} cascade"),
            };
            let statements = [
                format!("update {name} set book_id = book_id"),
                format!("delete from {name}"),
                format!("delete from {name} where book_id = 1"),
                last,
            ];
            for sql in statements.map(for_ever) {
                let mut tx = db.begin_write().await.unwrap();
                let result = tx.execute(sql, &[]).await;
                assert!(result.is_err(), "{sql}");
                tx.rollback().await.unwrap();
            }
            let left = office
                .count(for_ever(format!("select count(*) from {name}")))
                .await;
            assert_eq!(rows, left, "{name}");
        }
        office.assert_invariants().await;
    })
    .await;
}

/// SQLite has no statistics: what a trigger adds up for each row must be found by all parts of an
/// index, or a large statement takes the square of its lines.
#[tokio::test(flavor = "multi_thread")]
async fn what_triggers_add_up_is_looked_up_by_its_line() {
    let database = TestDb::sqlite();
    migrated(&database).await;
    let mut connection = SqliteConnection::connect(database.url()).await.unwrap();
    for (sql, index) in [
        (
            "select sum(h.amount_fen) from refund_receipt h
            where h.book_id = 1 and h.statement_id = 2 and h.line_no = 3",
            "ix_refund_receipt_line (book_id=? AND statement_id=? AND line_no=?)",
        ),
        (
            "select sum(m.amount_fen) from statement_match m
            where m.book_id = 1 and m.match_kind = 'batch' and m.match_id = 4",
            "ix_statement_line_match (book_id=? AND match_kind=? AND match_id=?)",
        ),
    ] {
        let explain = AssertSqlSafe(format!("explain query plan {sql}"));
        let rows = sqlx::query(explain)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{plan:?}");
    }
}
