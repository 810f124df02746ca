//! The migrations of the books, embedded: one file for each engine, twins by name.
//!
//! A released migration is never edited; a change is a new file in both folders and a line in
//! [`ALL`]. The SQL stands in the files alone, commented there. Running them is the business of
//! `ledger-store`.

/// One step of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Number of the step, counted from 1 without gaps.
    pub version: u32,
    /// Name of the file without its ending.
    pub name: &'static str,
    /// The text for SQLite.
    pub sqlite: &'static str,
    /// The text for PostgreSQL.
    pub postgres: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal),* $(,)?) => {
        /// All steps, in order.
        pub const ALL: &[Migration] = &[$(Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../postgres/", $name, ".sql")),
        }),*];
    };
}

migrations! {
    1 "0001_books",
    2 "0002_clash_check",
    3 "0003_recovery",
    4 "0004_publication",
    5 "0005_year_close",
    6 "0006_policy_data",
    7 "0007_calendar",
    8 "0008_sessions",
    9 "0009_tokens",
    10 "0010_jobs",
    11 "0011_deaths",
    12 "0012_statement_parts",
    13 "0013_settlement",
    14 "0014_check_lists",
    15 "0015_statement_links",
    16 "0016_party_versions",
    17 "0017_clearance",
    18 "0018_account_layouts",
    19 "0019_statement_withdrawal",
}

/// The script that spreads a filled PostgreSQL database over Citus, by book. An operator runs it
/// with `psql`; `ledger/docs/scale-out.md` says when. It is no migration: most databases never
/// need it.
pub const DISTRIBUTE: &str = include_str!("../citus/distribute.sql");

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn versions_are_dense_and_begin_the_names() {
        for (expected, migration) in (1..).zip(ALL) {
            assert_eq!(migration.version, expected);
            assert!(
                migration.name.starts_with(&format!("{expected:04}_")),
                "{}",
                migration.name
            );
            assert!(!migration.sqlite.trim().is_empty() && !migration.postgres.trim().is_empty());
        }
    }
}
