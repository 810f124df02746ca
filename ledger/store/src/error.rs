//! What can go wrong between the store and its database.
//!
//! A broken rule of the schema is told by the **name** of its constraint, the same name on both
//! engines, so that the layer above can turn it into a refusal. SQLite gives no names and a
//! sharded PostgreSQL mangles them: the functions here read the messages.

use crate::dialect::{Key, index_columns, table_keys};

/// An accident or a broken constraint. The text leaves out personal data: statements are named,
/// their arguments are not.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A constraint refused a change. `fk` is any foreign key of SQLite, which does not say which;
    /// `table.column` is a missing value; a trigger gives its own name; `commit` is a rule checked
    /// at commit whose name was lost on the way from a shard.
    #[error("the database refused a change: {name}")]
    Constraint {
        /// Name of the constraint, unique index or trigger.
        name: String,
    },
    /// Others held the database too long, or a deadlock was broken: the whole transaction can be
    /// tried again.
    #[error("the database is busy")]
    Busy,
    /// A statement touched another number of rows than it must. The transaction is lost.
    #[error("{expected} rows expected, {found} found: {sql}")]
    RowCount {
        /// Rows that the statement must touch.
        expected: u64,
        /// Rows that it touched.
        found: u64,
        /// The statement.
        sql: &'static str,
    },
    /// A row or an argument does not have the shape that the program relies on.
    #[error("column {column} of {sql}: {detail}")]
    Inconsistency {
        /// Column, counted from 0.
        column: usize,
        /// The statement.
        sql: &'static str,
        /// What was found.
        detail: String,
    },
    /// An earlier statement of the transaction failed or was broken off; only a rollback is left.
    #[error("the transaction failed earlier")]
    Aborted,
    /// The database was migrated by a newer program.
    #[error("the database is at version {found}, newer than the known {known}")]
    Newer {
        /// Version of the database.
        found: u32,
        /// Newest version that this program knows.
        known: u32,
    },
    /// A migration that the database has applied differs from the one in the program.
    #[error("migration {version} was changed after it had been applied")]
    MigrationChanged {
        /// Version of the migration.
        version: u32,
    },
    /// The address of the database is wrong.
    #[error("not a database address: {reason}")]
    Url {
        /// What is wrong with it; the address itself may hold a password.
        reason: String,
    },
    /// The database cannot be opened.
    #[error("cannot open the database {target}")]
    Open {
        /// File, or host and database name.
        target: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// SQLite failed below the driver.
    #[error("SQLite error {code}: {message}")]
    Sqlite {
        /// Extended result code of SQLite.
        code: i32,
        /// Message of SQLite.
        message: String,
    },
    /// Anything else that the driver reports.
    #[error("the database driver failed")]
    Driver(#[source] sqlx::Error),
}

/// What a message of SQLite says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SqliteFault {
    /// The constraint is known by name.
    Named(String),
    /// A primary key, unique constraint or unique index over these columns.
    Unique { table: String, columns: Vec<String> },
    /// Locked by others for too long.
    Busy,
    /// None of the schema's rules.
    Other,
}

/// Reads an extended result code and message of SQLite (<https://www.sqlite.org/rescode.html>; the
/// wording is that of `sqlite3_errmsg`).
pub(crate) fn parse_sqlite(code: i32, message: &str) -> SqliteFault {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const CONSTRAINT: i32 = 19;
    const CONSTRAINT_TRIGGER: i32 = CONSTRAINT | 7 << 8;
    match code & 0xff {
        BUSY | LOCKED => return SqliteFault::Busy,
        CONSTRAINT => {}
        _ => return SqliteFault::Other,
    }
    if code == CONSTRAINT_TRIGGER {
        return SqliteFault::Named(message.to_owned());
    }
    let Some((kind, detail)) = message.split_once(" constraint failed") else {
        return SqliteFault::Other;
    };
    let detail = detail.strip_prefix(": ").unwrap_or_default();
    match kind {
        "CHECK" | "NOT NULL" => SqliteFault::Named(detail.to_owned()),
        "FOREIGN KEY" => SqliteFault::Named("fk".to_owned()),
        "UNIQUE" => parse_unique(detail),
        _ => SqliteFault::Other,
    }
}

/// Reads `t.a, t.b`, or `index 'name'` for an index over expressions.
fn parse_unique(detail: &str) -> SqliteFault {
    if let Some(index) = detail.strip_prefix("index '") {
        return SqliteFault::Named(index.trim_end_matches('\'').to_owned());
    }
    let mut table = String::new();
    let mut columns = Vec::new();
    for item in detail.split(", ") {
        let Some((before, column)) = item.split_once('.') else {
            return SqliteFault::Other;
        };
        before.clone_into(&mut table);
        columns.push(column.to_owned());
    }
    SqliteFault::Unique { table, columns }
}

/// The name of the key over the columns, from the `create` texts of its table and indexes as
/// (name, text). A key without a name gets the one that PostgreSQL would give to a primary key.
pub(crate) fn key_name(table: &str, columns: &[String], schema: &[(String, String)]) -> String {
    let keys = schema.iter().flat_map(|(name, sql)| {
        if name == table {
            table_keys(sql)
        } else {
            vec![Key {
                name: name.clone(),
                columns: index_columns(sql),
            }]
        }
    });
    let mut keys = keys.filter(|key| key.columns == columns);
    keys.next()
        .map_or_else(|| format!("{table}_pkey"), |key| key.name)
}

/// Reads an error of PostgreSQL: its SQLSTATE, the constraint, table and column it names, and its
/// message. `at_commit` tells that the statement was the commit itself.
pub(crate) fn parse_postgres(error: &PostgresFault<'_>, at_commit: bool) -> Option<StoreError> {
    let constraint = |name: String| Some(StoreError::Constraint { name });
    let name = error
        .constraint
        .or_else(|| message_constraint(error.message))
        .map(unsharded);
    match error.code {
        // serialization failure, deadlock, lock not available
        "40001" | "40P01" | "55P03" => Some(StoreError::Busy),
        "23502" => {
            let place = error.table.zip(error.column);
            let (table, column) = place
                .or_else(|| message_column(error.message))
                .unwrap_or(("?", "?"));
            constraint(format!("{}.{column}", unsharded(table)))
        }
        code if code.starts_with("23") => {
            constraint(name.unwrap_or_else(|| error.message.to_owned()))
        }
        // Errors of a shard lose their SQLSTATE on the way through COPY, INSERT … SELECT, COMMIT.
        "XX000" => match (name, message_column(error.message)) {
            (Some(name), _) => constraint(name),
            (None, Some((table, column))) => constraint(format!("{}.{column}", unsharded(table))),
            (None, None) if is_busy(error.message) => Some(StoreError::Busy),
            (None, None) if at_commit => constraint("commit".to_owned()),
            (None, None) => None,
        },
        _ => None,
    }
}

/// Table and column in `null value in column "name" of relation "fund" violates not-null
/// constraint`.
fn message_column(message: &str) -> Option<(&str, &str)> {
    let (_, after) = message.split_once("null value in column \"")?;
    let (column, after) = after.split_once("\" of relation \"")?;
    let (table, _) = after.split_once('"')?;
    Some((table, column))
}

/// Whether a message whose SQLSTATE is lost says that another transaction was in the way.
fn is_busy(message: &str) -> bool {
    [
        "deadlock detected",
        "distributed deadlock",
        "could not serialize access",
        "could not obtain lock",
        "due to lock timeout",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// What PostgreSQL says about an error.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PostgresFault<'a> {
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
    pub(crate) constraint: Option<&'a str>,
    pub(crate) table: Option<&'a str>,
    pub(crate) column: Option<&'a str>,
}

/// The constraint in `… violates check constraint "name"`, or the message itself when a trigger
/// raised nothing but a name.
fn message_constraint(message: &str) -> Option<&str> {
    if let Some((_, after)) = message.split_once("constraint \"") {
        return after.split_once('"').map(|(name, _)| name);
    }
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (message.contains('_') && message.bytes().all(plain)).then_some(message)
}

/// Takes off the shard number that Citus appends to names of keys (`uq_x_102008`; shard numbers
/// begin at 102008, so a short number belongs to the name).
fn unsharded(name: &str) -> String {
    match name.rsplit_once('_') {
        Some((plain, shard))
            if shard.len() >= 6 && shard.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            plain.to_owned()
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_sqlite_are_read() {
        let named = |name: &str| SqliteFault::Named(name.to_owned());
        let unique = |table: &str, columns: &[&str]| SqliteFault::Unique {
            table: table.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
        };
        for (code, message, expected) in [
            (
                275,
                "CHECK constraint failed: ck_fund_amount",
                named("ck_fund_amount"),
            ),
            (
                1299,
                "NOT NULL constraint failed: fund.name",
                named("fund.name"),
            ),
            (787, "FOREIGN KEY constraint failed", named("fk")),
            (
                2067,
                "UNIQUE constraint failed: fund.book_id, fund.code",
                unique("fund", &["book_id", "code"]),
            ),
            (
                1555,
                "UNIQUE constraint failed: fund.id",
                unique("fund", &["id"]),
            ),
            (
                2067,
                "UNIQUE constraint failed: index 'uq_fund_lower'",
                named("uq_fund_lower"),
            ),
            (
                1811,
                "tr_voucher_period_open",
                named("tr_voucher_period_open"),
            ),
            (5, "database is locked", SqliteFault::Busy),
            (517, "database is locked", SqliteFault::Busy),
            (262, "database table is locked", SqliteFault::Busy),
            (1, "no such table: x", SqliteFault::Other),
            (
                3091,
                "cannot store TEXT value in INTEGER column t.a",
                SqliteFault::Other,
            ),
        ] {
            assert_eq!(parse_sqlite(code, message), expected, "{message}");
        }
    }

    #[test]
    fn keys_of_sqlite_get_their_names() {
        let schema = [
            (
                "t",
                "create table t (a integer, b integer, constraint pk_t primary key (a, b))",
            ),
            ("uq_t_b", "create unique index uq_t_b on t (b)"),
        ]
        .map(|(name, sql)| (name.to_owned(), sql.to_owned()));
        for (columns, expected) in [("a,b", "pk_t"), ("b", "uq_t_b"), ("c", "t_pkey")] {
            let columns: Vec<_> = columns.split(',').map(str::to_owned).collect();
            assert_eq!(key_name("t", &columns, &schema), expected);
        }
    }

    #[test]
    fn errors_of_postgres_are_read() {
        for (code, message, constraint, at_commit, expected) in [
            (
                "23505",
                "…",
                Some("uq_fund_code"),
                false,
                Some("uq_fund_code"),
            ),
            (
                "23505",
                "…",
                Some("uq_fund_code_102008"),
                false,
                Some("uq_fund_code"),
            ),
            ("23514", "…", Some("ck_year_2"), false, Some("ck_year_2")),
            (
                "23503",
                "insert violates foreign key constraint \"fk_a_102010\" on table \"b\"",
                None,
                false,
                Some("fk_a"),
            ),
            (
                "23000",
                "…",
                Some("tr_entry_frozen"),
                false,
                Some("tr_entry_frozen"),
            ),
            (
                "23000",
                "tr_entry_frozen",
                None,
                false,
                Some("tr_entry_frozen"),
            ),
            (
                "XX000",
                "row violates check constraint \"ck_a\"",
                None,
                false,
                Some("ck_a"),
            ),
            (
                "XX000",
                "could not commit transaction for shard",
                None,
                true,
                Some("commit"),
            ),
            (
                "XX000",
                "duplicate key value violates unique constraint \"pk_attempt_102042\"",
                None,
                false,
                Some("pk_attempt"),
            ),
            (
                "XX000",
                "null value in column \"name\" of relation \"fund_102008\" violates not-null \
                 constraint",
                None,
                false,
                Some("fund.name"),
            ),
            (
                "23502",
                "null value in column \"name\" of relation \"fund_102008\" violates not-null \
                 constraint",
                None,
                false,
                Some("fund.name"),
            ),
            (
                "XX000",
                "tr_append_only",
                None,
                false,
                Some("tr_append_only"),
            ),
            ("XX000", "out of luck", None, false, None),
            ("42P01", "relation \"x\" does not exist", None, false, None),
        ] {
            let fault = PostgresFault {
                code,
                message,
                constraint,
                ..PostgresFault::default()
            };
            let found = match parse_postgres(&fault, at_commit) {
                Some(StoreError::Constraint { name }) => Some(name),
                _ => None,
            };
            assert_eq!(found.as_deref(), expected, "{code} {message}");
        }
        let missing = PostgresFault {
            code: "23502",
            table: Some("fund_102008"),
            column: Some("name"),
            ..PostgresFault::default()
        };
        let found = parse_postgres(&missing, false).map(|error| error.to_string());
        assert_eq!(
            found.as_deref(),
            Some("the database refused a change: fund.name")
        );
        for (code, message) in [
            ("40P01", "…"),
            ("XX000", "deadlock detected"),
            (
                "XX000",
                "canceling the transaction since it was involved in a distributed deadlock",
            ),
            ("XX000", "canceling statement due to lock timeout"),
            (
                "XX000",
                "could not serialize access due to concurrent update",
            ),
        ] {
            let fault = PostgresFault {
                code,
                message,
                ..PostgresFault::default()
            };
            for at_commit in [false, true] {
                let found = parse_postgres(&fault, at_commit);
                assert!(matches!(found, Some(StoreError::Busy)), "{code} {message}");
            }
        }
    }
}
