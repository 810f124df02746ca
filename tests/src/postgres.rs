//! A temporary PostgreSQL server for the tests.
//!
//! `tests/run` starts one for the whole run and names it in `HUIMIN_TEST_POSTGRES`. Without that,
//! as under a plain `cargo test`, each test process starts its own. Both use `postgres.sh` beside
//! this file, whose server ends when its standard input does: also when the tests are killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// Names the server to use, without a database: `postgres://USER@HOST:PORT`.
const SERVER_VARIABLE: &str = "HUIMIN_TEST_POSTGRES";

/// A running server.
#[derive(Debug)]
pub struct TempPostgres {
    address: String,
    /// Its standard input keeps an own server alive.
    _server: Option<Child>,
}

impl TempPostgres {
    /// The server of this test run, started when there is none.
    ///
    /// # Panics
    /// When none can be started; the output says what is missing.
    pub fn shared() -> &'static TempPostgres {
        static SHARED: OnceLock<TempPostgres> = OnceLock::new();
        SHARED.get_or_init(TempPostgres::find)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "tests/run passes the server's address so"
    )]
    fn find() -> TempPostgres {
        match std::env::var(SERVER_VARIABLE) {
            Ok(address) if !address.is_empty() => TempPostgres {
                address,
                _server: None,
            },
            _ => TempPostgres::start(),
        }
    }

    /// Starts a server of its own.
    ///
    /// # Panics
    /// When PostgreSQL is not installed or does not start.
    pub fn start() -> TempPostgres {
        let mut server = Command::new("bash")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/postgres.sh"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash starts the PostgreSQL server for tests");
        let mut address = String::new();
        if let Some(output) = server.stdout.take() {
            BufReader::new(output)
                .read_line(&mut address)
                .expect("the address of the server");
        }
        assert!(
            !address.is_empty(),
            "PostgreSQL did not start, and these tests need it beside SQLite: \
             install it (Debian: apt-get install postgresql), or run tests/run as root"
        );
        TempPostgres {
            address: address.trim().to_owned(),
            _server: Some(server),
        }
    }

    /// The address of a database on this server.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}", self.address)
    }

    /// Makes an empty database and returns its name.
    pub(crate) fn create_database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t_{}_{number}", std::process::id());
        self.run(vec![
            format!("drop database if exists {name} with (force)"),
            format!("create database {name} template template0"),
        ])
        .expect("an empty PostgreSQL database");
        name
    }

    /// Removes a database, and tells when it cannot.
    pub(crate) fn drop_database(&self, name: &str) {
        if let Err(error) = self.run(vec![format!("drop database if exists {name} with (force)")]) {
            eprintln!("database {name} stays behind: {error}");
        }
    }

    /// Runs statements in a thread of its own, since the caller may stand inside a runtime or in
    /// a destructor.
    fn run(&self, statements: Vec<String>) -> Result<(), sqlx::Error> {
        let url = self.url("postgres");
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.map_err(sqlx::Error::Io)?.block_on(async {
                let mut connection = PgConnection::connect(&url).await?;
                for statement in statements {
                    connection
                        .execute(sqlx::raw_sql(AssertSqlSafe(statement)))
                        .await?;
                }
                connection.close().await
            })
        };
        match std::thread::spawn(work).join() {
            Ok(result) => result,
            Err(_) => Err(sqlx::Error::WorkerCrashed),
        }
    }
}
