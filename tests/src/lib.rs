//! What the acceptance tests share: databases of both engines, made for one test and gone after.
//!
//! A test of storage is written once and run by [`for_each_engine`]. It never skips an engine: when
//! no PostgreSQL can be had the test fails and says what to install.
//!
//! To add a helper: put it here when two test files need it, else into the file.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

use std::path::PathBuf;

pub mod browser;
pub mod chromium;
pub mod office;
pub mod postgres;
pub mod program;
pub mod rest;
pub mod walk;

use postgres::TempPostgres;

/// An empty database that lives as long as this value.
#[derive(Debug)]
pub struct TestDb {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Directory(tempfile::TempDir),
    Server(String),
}

impl TestDb {
    /// An empty SQLite file in a directory of its own.
    ///
    /// # Panics
    /// When no temporary directory can be made.
    pub fn sqlite() -> TestDb {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = format!(
            "sqlite://{}?mode=rwc",
            directory.path().join("test.db").display()
        );
        TestDb {
            url,
            place: Place::Directory(directory),
        }
    }

    /// An empty database on the PostgreSQL server of this test run.
    ///
    /// # Panics
    /// When there is no PostgreSQL: the tests need both engines.
    pub fn postgres() -> TestDb {
        let server = TempPostgres::shared();
        let name = server.create_database();
        TestDb {
            url: server.url(&name),
            place: Place::Server(name),
        }
    }

    /// The address, as `ledger_store::db::Db::open` and `huimin --db` take it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The directory of a SQLite database.
    pub fn directory(&self) -> Option<PathBuf> {
        match &self.place {
            Place::Directory(directory) => Some(directory.path().to_owned()),
            Place::Server(_) => None,
        }
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if let Place::Server(name) = &self.place {
            TempPostgres::shared().drop_database(name);
        }
    }
}

/// One empty database of each engine, SQLite first.
pub async fn fresh_databases() -> Vec<TestDb> {
    vec![TestDb::sqlite(), TestDb::postgres()]
}

/// Runs a test on an empty database of each engine, one after the other. What fails is found under
/// the engine printed last.
pub async fn for_each_engine(test: impl AsyncFn(&str)) {
    for database in fresh_databases().await {
        let (engine, _) = database.url().split_once(':').unwrap_or_default();
        println!("engine: {engine}");
        test(database.url()).await;
    }
}
