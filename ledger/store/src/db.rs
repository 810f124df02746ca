//! A closed driver over the native SQLite and PostgreSQL pools of sqlx.
//!
//! [`Db`] opens transactions, [`Tx`] runs statements in one, [`Value`] goes in and [`Row`] comes
//! out. The set of values is closed: 64-bit integer, text and bytes, each nullable with its type,
//! so that a floating-point number cannot reach the database and a NULL always has a type.
//!
//! **Invariant:** both engines behave alike. A failed statement ends the transaction on both
//! (SQLite alone would carry on, PostgreSQL alone would answer a commit with a silent rollback),
//! unless a savepoint is rolled back to. To add a method, add it for both engines and to the
//! conformance tests.

use crate::boxed;
use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use ledger::audit::row::Field;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    LockedSqliteHandle, SqliteArguments, SqliteConnectOptions, SqliteJournalMode,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{
    Arguments, AssertSqlSafe, Connection as _, Executor, PgConnection, PgPool, Postgres, Row as _,
    Sqlite, SqlitePool, Transaction, TypeInfo, ValueRef,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bulk::{COPY_CHUNK_BYTES, COPY_HEAD, COPY_TAIL, SQLITE_CHUNK_ROWS};
pub use crate::bulk::{RowBuffer, RowRef};
use crate::bulk::{copy_row, copy_sql, insert_sql, unnest_sql};
pub use crate::dialect::Engine;
use crate::dialect::{BEGIN_READ, BEGIN_WRITE, parameters};
pub use crate::error::StoreError;
use crate::error::{PostgresFault, SqliteFault, key_name, parse_postgres, parse_sqlite};
use crate::scan::{CopyReader, Kind, with_numbers};
use crate::sqlite_guard::{self, RawFault};

/// Readers beside the one writer of a SQLite file.
const SQLITE_READERS: u32 = 4;
/// Connections to a PostgreSQL server: few, since they share few cores.
const POSTGRES_CONNECTIONS: u32 = 4;
/// KiB of pages that each connection keeps: 12 MiB, 60 in all.
const SQLITE_CACHE: &str = "-12288";
/// While a connection scans it keeps 2 MiB: what is read once needs no cache.
const SCAN_BEGINS: &str = "pragma cache_size = -2048";
const SCAN_ENDS: &str = "pragma cache_size = -12288";
/// How long SQLite waits for the lock of another process.
const SQLITE_BUSY: Duration = Duration::from_secs(10);
/// How long a writer waits for its turn among the writers of this process, and a transaction for
/// a free connection: longer than the longest bulk load.
const TURN_WAIT: Duration = Duration::from_secs(120);
/// Prepared statements kept for each connection: more than the catalogue has.
const STATEMENT_CACHE: usize = 500;

/// A value bound to a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// An integer, `bigint` on PostgreSQL.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes, `blob` or `bytea`.
    Bytes(Vec<u8>),
    /// No integer.
    NullInt,
    /// No text.
    NullText,
    /// No bytes.
    NullBytes,
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Int(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Value {
        Value::Bytes(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Value {
        Value::Bytes(bytes.to_vec())
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Value {
        number.map_or(Value::NullInt, Value::Int)
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Value {
        text.map_or(Value::NullText, Value::Text)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Value {
        text.map_or(Value::NullText, Value::from)
    }
}

impl From<Option<Vec<u8>>> for Value {
    fn from(bytes: Option<Vec<u8>>) -> Value {
        bytes.map_or(Value::NullBytes, Value::Bytes)
    }
}

/// An open database: a pool of connections, shared by its clones.
#[derive(Clone, Debug)]
pub struct Db {
    pool: Pool,
    shared: Arc<Shared>,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// What the clones and transactions of a database have in common.
#[derive(Debug)]
struct Shared {
    statements: AtomicU64,
    /// SQLite has one writer at a time: those of this process queue here in order, instead of
    /// polling the lock. PostgreSQL needs no turn.
    turn: Arc<Semaphore>,
    /// Which columns of a table of PostgreSQL are `bigint`, once somebody asked.
    wide: Mutex<HashMap<&'static str, Arc<[String]>>>,
}

impl Db {
    /// Opens `sqlite://PATH` (made when it does not exist; `?mode=ro` opens it for reading only),
    /// `sqlite::memory:` (one connection, for tests) or `postgres://USER@HOST:PORT/NAME`.
    ///
    /// # Errors
    /// [`StoreError::Url`] when the address is not of these forms, [`StoreError::Open`] when the
    /// directory, file or server cannot be reached.
    #[boxed]
    pub async fn open(url: &str) -> Result<Db, StoreError> {
        let pool = if url.starts_with("sqlite:") {
            Pool::Sqlite(open_sqlite(url).await?)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Pool::Postgres(open_postgres(url).await?)
        } else {
            let reason = "it begins with neither sqlite: nor postgres:".to_owned();
            return Err(StoreError::Url { reason });
        };
        let turn = Arc::new(Semaphore::new(1));
        Ok(Db {
            pool,
            shared: Arc::new(Shared {
                statements: AtomicU64::new(0),
                turn,
                wide: Mutex::new(HashMap::new()),
            }),
        })
    }

    /// Which engine it runs on.
    pub fn engine(&self) -> Engine {
        match self.pool {
            Pool::Sqlite(_) => Engine::Sqlite,
            Pool::Postgres(_) => Engine::Postgres,
        }
    }

    /// Statements sent to the engine since it was opened: one for each query or execution, each
    /// COPY and each chunk of rows; none for begin, commit, rollback and savepoints.
    pub fn statements(&self) -> u64 {
        self.shared.statements.load(Ordering::Relaxed)
    }

    /// Opens a transaction that writes. On SQLite it holds the only write lock from now on; on
    /// PostgreSQL it is READ COMMITTED, and the contended row is to be taken first by
    /// `update … returning`.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when others hold the lock or all connections for too long.
    #[boxed]
    pub async fn begin_write(&self) -> Result<Tx, StoreError> {
        let turn = match self.engine() {
            Engine::Sqlite => {
                let turn = Arc::clone(&self.shared.turn).acquire_owned();
                let turn = tokio::time::timeout(TURN_WAIT, turn).await;
                Some(
                    turn.map_err(|_| StoreError::Busy)?
                        .map_err(|_| StoreError::Busy)?,
                )
            }
            Engine::Postgres => None,
        };
        self.begin(BEGIN_WRITE.of(self.engine()), turn).await
    }

    /// Opens a transaction that reads one consistent state of the database, whatever is committed
    /// meanwhile. It is not to write; PostgreSQL refuses it.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when no connection becomes free.
    #[boxed]
    pub async fn begin_read(&self) -> Result<Tx, StoreError> {
        self.begin(BEGIN_READ.of(self.engine()), None).await
    }

    /// Opens a second transaction that reads, beside one that the caller holds; none when no
    /// connection is free within `wait`, so that callers of this kind cannot wait for each other.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub(crate) async fn begin_read_within(&self, wait: Duration) -> Result<Option<Tx>, StoreError> {
        let connections = match &self.pool {
            Pool::Sqlite(pool) => pool.options().get_max_connections(),
            Pool::Postgres(pool) => pool.options().get_max_connections(),
        };
        if connections < 2 {
            return Ok(None);
        }
        match tokio::time::timeout(wait, self.begin_read()).await {
            Ok(opened) => opened.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn begin(
        &self,
        begin: &'static str,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Result<Tx, StoreError> {
        let connection = match &self.pool {
            Pool::Sqlite(pool) => {
                Connection::Sqlite(pool.begin_with(begin).await.map_err(explain_plain)?)
            }
            Pool::Postgres(pool) => {
                Connection::Postgres(pool.begin_with(begin).await.map_err(explain_plain)?)
            }
        };
        let shared = Arc::clone(&self.shared);
        Ok(Tx {
            connection,
            shared,
            failed: false,
            savepoints: 0,
            _turn: turn,
        })
    }

    /// Lets PostgreSQL look at a table that `rows` new rows have made larger by half or more.
    pub(crate) async fn refresh_statistics(
        &self,
        table: &'static str,
        rows: i64,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        let sql = "select cast(reltuples as bigint) from pg_class where oid = to_regclass($1)";
        let known = tx.query_one(sql, &[table.into()]).await?.int(0)?;
        if known >= rows.saturating_mul(2) {
            return tx.rollback().await;
        }
        if let Connection::Postgres(connection) = &mut tx.connection {
            set_postgres(connection, STATISTICS_TARGET).await?;
            let sql = AssertSqlSafe(format!("analyze {table}"));
            sqlx::query(sql)
                .execute(&mut **connection)
                .await
                .map_err(explain_plain)?;
        }
        tx.commit().await
    }

    /// Closes all connections once their transactions have ended.
    #[boxed]
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(url: &str) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::from_str(url).map_err(url_error)?;
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    let path = options.get_filename().to_owned();
    if !in_memory {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        std::fs::metadata(parent.unwrap_or(Path::new(".")))
            .map_err(|source| open_error(&path, source))?;
    }
    let read_only = url.contains("mode=ro");
    let mut options = options
        .create_if_missing(!read_only)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("recursive_triggers", "on")
        .pragma("trusted_schema", "off")
        .pragma("cache_size", SQLITE_CACHE)
        .busy_timeout(SQLITE_BUSY)
        .statement_cache_capacity(STATEMENT_CACHE);
    if !read_only && !in_memory {
        options = options.journal_mode(SqliteJournalMode::Wal);
    }
    let pool = SqlitePoolOptions::new()
        .max_connections(if in_memory { 1 } else { SQLITE_READERS + 1 })
        .acquire_timeout(TURN_WAIT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                let mut locked = connection.lock_handle().await?;
                sqlite_guard::secure(&mut locked, false)
                    .map_err(|fault| sqlx::Error::Protocol(fault.message))
            })
        });
    // Two programs that make a new database at the same moment both switch it to WAL, and SQLite
    // does not wait for its turn there: the busy timeout does not apply.
    let mut turns = SQLITE_OPEN_TURNS;
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Err(error) if turns > 0 && is_locked(&error) => {
                turns -= 1;
                tokio::time::sleep(SQLITE_OPEN_PAUSE).await;
            }
            result => return result.map_err(|source| open_error(&path, source)),
        }
    }
}

/// How often, and how long, opening waits for another program that has the database locked.
const SQLITE_OPEN_TURNS: u32 = 200;
const SQLITE_OPEN_PAUSE: Duration = Duration::from_millis(50);

fn is_locked(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => {
            let fault = parse_sqlite(sqlite_code(database.as_ref()), database.message());
            matches!(fault, SqliteFault::Busy)
        }
        _ => false,
    }
}

async fn open_postgres(url: &str) -> Result<PgPool, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(url_error)?;
    let target = format!(
        "{} on {}",
        options.get_database().unwrap_or("?"),
        options.get_host()
    );
    let options = options
        .application_name("huimin")
        // Compiling a plan takes half a second, which no statement here gains back: those that read
        // much are simple, and the estimates that would call for it are wrong.
        // Looking a row up costs little more than reading on: data of this kind fits into memory or
        // lies on flash.
        .options([
            ("statement_timeout", "0"),
            ("jit", "off"),
            ("random_page_cost", "1.1"),
        ])
        .statement_cache_capacity(STATEMENT_CACHE);
    // The pool would go on trying for as long as it waits for a connection.
    let first = PgConnection::connect_with(&options).await;
    let closed = match first {
        Ok(connection) => connection.close().await,
        Err(error) => Err(error),
    };
    closed.map_err(|source| StoreError::Open {
        target,
        source: Box::new(source),
    })?;
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(TURN_WAIT)
        .connect_lazy_with(options);
    Ok(pool)
}

fn url_error(error: sqlx::Error) -> StoreError {
    StoreError::Url {
        reason: error.to_string(),
    }
}

fn open_error(path: &Path, source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Open {
        target: path.display().to_string(),
        source: Box::new(source),
    }
}

/// A transaction: it owns a connection until it ends. Dropping it without a commit rolls back.
///
/// After an error, or when a call is broken off before it ends, only a rollback is left: further
/// calls and the commit give [`StoreError::Aborted`].
#[derive(Debug)]
pub struct Tx {
    connection: Connection,
    shared: Arc<Shared>,
    failed: bool,
    savepoints: u32,
    _turn: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Connection {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A mark in a transaction that it can be rolled back to. Marks end in the reverse order of their
/// beginning.
#[derive(Debug)]
#[must_use = "end a savepoint by release or rollback_to"]
pub struct Savepoint(u32);

impl Tx {
    /// Which engine it runs on.
    pub fn engine(&self) -> Engine {
        match self.connection {
            Connection::Sqlite(_) => Engine::Sqlite,
            Connection::Postgres(_) => Engine::Postgres,
        }
    }

    /// Runs a statement and returns its rows.
    #[boxed]
    pub async fn query(
        &mut self,
        sql: &'static str,
        args: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        self.start(sql, args)?;
        match &mut self.connection {
            Connection::Sqlite(tx) => {
                let result = read_sqlite(tx, sql, args, |cells| {
                    rows.push(Row {
                        sql,
                        data: Data::Sqlite(std::mem::take(cells)),
                    });
                    Ok::<(), StoreError>(())
                });
                let result = result.await.and_then(|result| result);
                self.finish(result)?;
            }
            Connection::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(args)?);
                let result = query.fetch_all(&mut **tx).await;
                let found = self.finish(result.map_err(explain_plain))?;
                rows.extend(found.into_iter().map(|row| Row {
                    sql,
                    data: Data::Postgres(row),
                }));
            }
        }
        Ok(rows)
    }

    /// Runs a statement that gives at most one row.
    ///
    /// # Errors
    /// [`StoreError::RowCount`] when it gives more.
    #[boxed]
    pub async fn query_opt(
        &mut self,
        sql: &'static str,
        args: &[Value],
    ) -> Result<Option<Row>, StoreError> {
        let mut rows = self.query(sql, args).await?;
        if rows.len() > 1 {
            return Err(self.row_count(1, rows.len() as u64, sql));
        }
        Ok(rows.pop())
    }

    /// Runs a statement that gives exactly one row.
    ///
    /// # Errors
    /// [`StoreError::RowCount`] when it gives none or more.
    #[boxed]
    pub async fn query_one(
        &mut self,
        sql: &'static str,
        args: &[Value],
    ) -> Result<Row, StoreError> {
        match self.query_opt(sql, args).await? {
            Some(row) => Ok(row),
            None => Err(self.row_count(1, 0, sql)),
        }
    }

    /// Runs a statement and returns how many rows it touched.
    #[boxed]
    pub async fn execute(&mut self, sql: &'static str, args: &[Value]) -> Result<u64, StoreError> {
        self.start(sql, args)?;
        let result = match &mut self.connection {
            Connection::Sqlite(tx) => {
                let query = sqlx::query_with(sql, sqlite_arguments(args)?);
                match query.execute(&mut **tx).await {
                    Ok(done) => Ok(done.rows_affected()),
                    Err(error) => Err(explain_sqlite(tx, error).await),
                }
            }
            Connection::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(args)?);
                let result = query.execute(&mut **tx).await;
                result
                    .map(|done| done.rows_affected())
                    .map_err(explain_plain)
            }
        };
        self.finish(result)
    }

    /// Runs a statement that must touch exactly so many rows.
    ///
    /// # Errors
    /// [`StoreError::RowCount`] when it touches another number; the transaction is lost then. Use
    /// [`Tx::execute`] when the number is a question and not a rule.
    #[boxed]
    pub async fn execute_exactly(
        &mut self,
        sql: &'static str,
        args: &[Value],
        expected: u64,
    ) -> Result<(), StoreError> {
        let found = self.execute(sql, args).await?;
        if found == expected {
            Ok(())
        } else {
            Err(self.row_count(expected, found, sql))
        }
    }

    /// Runs a query and hands out its rows one by one as they arrive, so that memory stays flat.
    /// An error of the receiver ends the reading and is returned; the transaction lives on.
    pub async fn stream<E: From<StoreError>>(
        &mut self,
        sql: &'static str,
        args: &[Value],
        mut receive: impl FnMut(&Row) -> Result<(), E>,
    ) -> Result<(), E> {
        self.start(sql, args)?;
        let result = match &mut self.connection {
            Connection::Sqlite(tx) => {
                let mut row = Row {
                    sql,
                    data: Data::Sqlite(Vec::new()),
                };
                let result = read_sqlite(tx, sql, args, |cells| {
                    if let Data::Sqlite(data) = &mut row.data {
                        std::mem::swap(data, cells);
                    }
                    let result = receive(&row);
                    if let Data::Sqlite(data) = &mut row.data {
                        std::mem::swap(data, cells);
                    }
                    result
                });
                result.await
            }
            Connection::Postgres(tx) => {
                let query = sqlx::query_with(sql, postgres_arguments(args)?);
                let mut rows = query.fetch(&mut **tx);
                loop {
                    match rows.try_next().await {
                        Ok(Some(row)) => {
                            if let Err(error) = receive(&Row {
                                sql,
                                data: Data::Postgres(row),
                            }) {
                                break Ok(Err(error));
                            }
                        }
                        Ok(None) => break Ok(Ok(())),
                        Err(error) => break Err(explain_plain(error)),
                    }
                }
            }
        };
        self.finish(result)?
    }

    /// Runs a query over many rows and hands each out as the audit trail encodes its values: by
    /// binary COPY out of PostgreSQL, and from the statement's own columns on SQLite, so that a row
    /// costs no allocation and memory stays flat. `numbers` stand for `$1`, `$2` and so on. Returns
    /// how many values are neither integer, text nor bytes: those are handed out as NULL.
    ///
    /// It is to be awaited to its end: a COPY that is broken off leaves the connection unusable. An
    /// error of the receiver ends the reading and is returned; the transaction lives on.
    pub(crate) async fn scan<E: From<StoreError>>(
        &mut self,
        sql: &'static str,
        numbers: &[i64],
        receive: impl FnMut(&[Field<'_>]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let args: Vec<Value> = numbers.iter().copied().map(Value::Int).collect();
        self.start(sql, &args)?;
        let result = match &mut self.connection {
            Connection::Sqlite(tx) => scan_sqlite(tx, sql, &args, receive).await,
            Connection::Postgres(tx) => scan_postgres(tx, sql, numbers, receive).await,
        };
        self.finish(result)?
    }

    /// Writes many rows: binary COPY on PostgreSQL (integer columns must be `bigint`), one
    /// prepared insert on SQLite. Returns the number of rows; an empty buffer sends nothing.
    ///
    /// # Errors
    /// [`StoreError::Inconsistency`] when a row of the buffer does not fit the columns.
    #[boxed]
    pub async fn bulk(
        &mut self,
        table: &'static str,
        columns: &'static [&'static str],
        rows: &RowBuffer,
    ) -> Result<u64, StoreError> {
        let width = rows.ragged().unwrap_or(rows.columns());
        if width != columns.len() {
            self.failed = true;
            let detail = format!("{width} values for {} columns", columns.len());
            return Err(StoreError::Inconsistency {
                column: width,
                sql: table,
                detail,
            });
        }
        if rows.is_empty() {
            return Ok(0);
        }
        let shared = Arc::clone(&self.shared);
        self.guard()?;
        let result = match &mut self.connection {
            Connection::Sqlite(tx) => {
                let sql = insert_sql(table, columns);
                insert_sqlite(tx, &sql, rows, &shared.statements).await
            }
            Connection::Postgres(tx) => {
                shared.statements.fetch_add(1, Ordering::Relaxed);
                let result = match rows.len() <= UNNEST_ROWS_MAX {
                    true => unnest_postgres(tx, table, columns, rows).await,
                    false => copy_postgres(tx, &shared, table, columns, rows).await,
                };
                result.map_err(explain_plain)
            }
        };
        self.finish(result)
    }

    /// Sets a mark to which the transaction can be rolled back.
    #[boxed]
    pub async fn savepoint(&mut self) -> Result<Savepoint, StoreError> {
        self.guard()?;
        let number = self.savepoints + 1;
        let result = self.command(format!("savepoint mark_{number}")).await;
        self.finish(result)?;
        self.savepoints = number;
        Ok(Savepoint(number))
    }

    /// Undoes everything since the mark, also a failure, and removes the mark.
    #[boxed]
    pub async fn rollback_to(&mut self, savepoint: Savepoint) -> Result<(), StoreError> {
        let number = savepoint.0;
        self.failed = true;
        let mut result = self
            .command(format!("rollback to savepoint mark_{number}"))
            .await;
        if result.is_ok() {
            result = self
                .command(format!("release savepoint mark_{number}"))
                .await;
        }
        self.savepoints = number - 1;
        self.finish(result)
    }

    /// Keeps everything since the mark and removes the mark.
    #[boxed]
    pub async fn release(&mut self, savepoint: Savepoint) -> Result<(), StoreError> {
        self.guard()?;
        let result = self
            .command(format!("release savepoint mark_{}", savepoint.0))
            .await;
        self.savepoints = savepoint.0 - 1;
        self.finish(result)
    }

    /// Makes the changes last.
    ///
    /// # Errors
    /// [`StoreError::Aborted`] when a statement failed before; [`StoreError::Constraint`] when a
    /// deferred rule is broken. Nothing is stored then. After [`StoreError::Driver`] it is
    /// unknown whether the changes are stored: try again with the same operation key.
    #[boxed]
    pub async fn commit(self) -> Result<(), StoreError> {
        if self.failed {
            self.rollback().await?;
            return Err(StoreError::Aborted);
        }
        match self.connection {
            Connection::Sqlite(tx) => tx.commit().await.map_err(explain_plain),
            Connection::Postgres(tx) => tx.commit().await.map_err(|error| explain(error, true)),
        }
    }

    /// Undoes everything.
    #[boxed]
    pub async fn rollback(self) -> Result<(), StoreError> {
        match self.connection {
            Connection::Sqlite(tx) => tx.rollback().await.map_err(explain_plain),
            Connection::Postgres(tx) => tx.rollback().await.map_err(explain_plain),
        }
    }

    /// Runs a statement of a migration: text without arguments, not kept prepared.
    pub(crate) async fn define(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.guard()?;
        self.shared.statements.fetch_add(1, Ordering::Relaxed);
        let result = self.command(sql.to_owned()).await;
        self.finish(result)
    }

    /// Lets the connection drop and alter tables, or forbids it again. PostgreSQL has roles for
    /// that.
    pub(crate) async fn permit_schema_changes(&mut self, permit: bool) -> Result<(), StoreError> {
        if let Connection::Sqlite(tx) = &mut self.connection {
            let mut locked = lock_sqlite(tx).await?;
            sqlite_guard::secure(&mut locked, permit)?;
        }
        Ok(())
    }

    async fn command(&mut self, sql: String) -> Result<(), StoreError> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql));
        match &mut self.connection {
            Connection::Sqlite(tx) => match (&mut **tx).execute(query).await {
                Ok(_) => Ok(()),
                Err(error) => Err(explain_sqlite(tx, error).await),
            },
            Connection::Postgres(tx) => (&mut **tx)
                .execute(query)
                .await
                .map(|_| ())
                .map_err(explain_plain),
        }
    }

    /// Counts a statement and checks its arguments.
    fn start(&mut self, sql: &'static str, args: &[Value]) -> Result<(), StoreError> {
        self.guard()?;
        self.shared.statements.fetch_add(1, Ordering::Relaxed);
        let wanted = parameters(sql);
        if wanted == args.len() {
            return Ok(());
        }
        let detail = format!("{} arguments for {wanted} parameters", args.len());
        Err(StoreError::Inconsistency {
            column: args.len(),
            sql,
            detail,
        })
    }

    /// Refuses work after a failure, and counts the work to come as failed until it is finished.
    fn guard(&mut self) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Aborted);
        }
        self.failed = true;
        Ok(())
    }

    fn finish<T>(&mut self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.failed = result.is_err();
        result
    }

    fn row_count(&mut self, expected: u64, found: u64, sql: &'static str) -> StoreError {
        self.failed = true;
        StoreError::RowCount {
            expected,
            found,
            sql,
        }
    }
}

/// Runs work that keeps the thread busy without starving the other tasks, where the runtime can.
fn blocking<R>(work: impl FnOnce() -> R) -> R {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Locks the raw connection.
///
/// The driver's thread gives the lock away by a message in a queue of bounded length. When we are
/// quick we can have the lock again before that thread has read the last message; after some fifty
/// of them the queue is full, and we hold the lock while we wait for room in it: for ever. The ping
/// comes back when the queue is empty.
async fn lock_sqlite<'a>(
    tx: &'a mut Transaction<'static, Sqlite>,
) -> Result<LockedSqliteHandle<'a>, StoreError> {
    (**tx).ping().await.map_err(explain_plain)?;
    tx.lock_handle().await.map_err(explain_plain)
}

/// Reads rows of SQLite on the raw connection: a hop between threads for each row would cost more
/// than the row.
async fn read_sqlite<E>(
    tx: &mut Transaction<'static, Sqlite>,
    sql: &str,
    args: &[Value],
    receive: impl FnMut(&mut Vec<Cell>) -> Result<(), E>,
) -> Result<Result<(), E>, StoreError> {
    let result = {
        let mut locked = lock_sqlite(tx).await?;
        let mut cells = Vec::new();
        blocking(|| sqlite_guard::read_rows(&mut locked, sql, args, &mut cells, receive))
    };
    match result {
        Ok(result) => Ok(result),
        Err(fault) => Err(explain_raw(tx, fault).await),
    }
}

async fn scan_sqlite<E>(
    tx: &mut Transaction<'static, Sqlite>,
    sql: &str,
    args: &[Value],
    receive: impl FnMut(&[Field<'_>]) -> Result<(), E>,
) -> Result<Result<u64, E>, StoreError> {
    let result = {
        let mut locked = lock_sqlite(tx).await?;
        blocking(|| {
            sqlite_guard::set(&mut locked, SCAN_BEGINS)?;
            let result = sqlite_guard::scan_rows(&mut locked, sql, args, receive);
            sqlite_guard::set(&mut locked, SCAN_ENDS)?;
            result
        })
    };
    match result {
        Ok(result) => Ok(result),
        Err(fault) => Err(explain_raw(tx, fault).await),
    }
}

/// A look at 9,000 rows of a table instead of 30,000 tells our plans as much, in a third of
/// the time.
const STATISTICS_TARGET: &str = "set local default_statistics_target = 30";

/// A scan reads a stretch of one table in the order of its key and looks up what belongs to each
/// row. Left alone, the planner reads and hashes all of a large table for each stretch: three times
/// the work for 8,000 rows of 200,000.
const SCAN_BY_KEY: &str = "set local enable_hashjoin = off; set local enable_mergejoin = off;
    set local max_parallel_workers_per_gather = 0";
const SCAN_AS_BEFORE: &str = "set local enable_hashjoin to default;
    set local enable_mergejoin to default; set local max_parallel_workers_per_gather to default";

async fn set_postgres(
    tx: &mut Transaction<'static, Postgres>,
    settings: &'static str,
) -> Result<(), StoreError> {
    use sqlx::Executor;
    let set = (&mut **tx).execute(sqlx::raw_sql(settings)).await;
    set.map(|_| ()).map_err(explain_plain)
}

async fn scan_postgres<E>(
    tx: &mut Transaction<'static, Postgres>,
    sql: &'static str,
    numbers: &[i64],
    mut receive: impl FnMut(&[Field<'_>]) -> Result<(), E>,
) -> Result<Result<u64, E>, StoreError> {
    use sqlx::{Column, SqlSafeStr, Statement};
    let broken = |detail: &str| StoreError::Inconsistency {
        column: 0,
        sql,
        detail: detail.to_owned(),
    };
    let prepared = (&mut **tx).prepare(sql.into_sql_str()).await;
    let prepared = prepared.map_err(explain_plain)?;
    let kinds = prepared.columns().iter();
    let kinds = kinds.map(|column| Kind::of(column.type_info().name()));
    let reader = CopyReader::new(kinds.collect());
    let mut reader = reader.ok_or_else(|| broken("too many columns"))?;
    set_postgres(tx, SCAN_BY_KEY).await?;
    let copy = format!(
        "copy ({}) to stdout (format binary)",
        with_numbers(sql, numbers)
    );
    let mut pieces = tx.copy_out_raw(&copy).await.map_err(explain_plain)?;
    let mut ended = None;
    // After an error the rest is read as well: the connection is of no use before that.
    while let Some(piece) = pieces.try_next().await.map_err(explain_plain)? {
        if ended.is_none() {
            ended = match reader.take(&piece, &mut receive) {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(Ok(Err(error))),
                Err(_) => Some(Err(broken("the copied data is not well-formed"))),
            };
        }
    }
    drop(pieces);
    set_postgres(tx, SCAN_AS_BEFORE).await?;
    match ended {
        Some(ended) => ended,
        None if reader.ended() => Ok(Ok(reader.malformed)),
        None => Err(broken("the copied data has no end")),
    }
}

async fn insert_sqlite(
    tx: &mut Transaction<'static, Sqlite>,
    sql: &str,
    rows: &RowBuffer,
    statements: &AtomicU64,
) -> Result<u64, StoreError> {
    let mut rows = rows.rows().peekable();
    let mut total = 0;
    while rows.peek().is_some() {
        statements.fetch_add(1, Ordering::Relaxed);
        let result = {
            let mut locked = lock_sqlite(tx).await?;
            let chunk = rows.by_ref().take(SQLITE_CHUNK_ROWS);
            blocking(|| sqlite_guard::insert_rows(&mut locked, sql, chunk))
        };
        match result {
            Ok(count) => total += count,
            Err(fault) => return Err(explain_raw(tx, fault).await),
        }
    }
    Ok(total)
}

/// Rows up to which PostgreSQL gets them as arrays in one message instead of by COPY. The driver
/// leaves Nagle's algorithm on, and the two small messages that end a COPY then wait some 40 ms
/// for each other: more than these rows cost.
const UNNEST_ROWS_MAX: usize = 5_000;

async fn unnest_postgres(
    tx: &mut Transaction<'static, Postgres>,
    table: &str,
    columns: &[&str],
    rows: &RowBuffer,
) -> Result<u64, sqlx::Error> {
    let mut arguments = PgArguments::default();
    let mut types = Vec::with_capacity(columns.len());
    for column in 0..columns.len() {
        let values = rows.rows().map(|row| row.field(column));
        let added = match rows.row(0).and_then(|row| row.field(column)) {
            Some(Field::Text(_) | Field::NullText) => {
                types.push("text[]");
                let text = values.map(|field| match field {
                    Some(Field::Text(text)) => Some(text),
                    _ => None,
                });
                arguments.add(text.collect::<Vec<_>>())
            }
            Some(Field::Bytes(_) | Field::NullBytes) => {
                types.push("bytea[]");
                let bytes = values.map(|field| match field {
                    Some(Field::Bytes(bytes)) => Some(bytes),
                    _ => None,
                });
                arguments.add(bytes.collect::<Vec<_>>())
            }
            _ => {
                types.push("bigint[]");
                let numbers = values.map(|field| match field {
                    Some(Field::Int(number)) => Some(number),
                    _ => None,
                });
                arguments.add(numbers.collect::<Vec<_>>())
            }
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    let sql = unnest_sql(table, columns, &types);
    let query = sqlx::query_with(AssertSqlSafe(sql), arguments);
    Ok(query.execute(&mut **tx).await?.rows_affected())
}

/// Which columns are `bigint`; other integers have 4 bytes. COPY demands the exact width.
async fn widths(
    tx: &mut Transaction<'static, Postgres>,
    shared: &Shared,
    table: &'static str,
    columns: &[&str],
) -> Result<Vec<bool>, sqlx::Error> {
    let known = || shared.wide.lock().unwrap_or_else(PoisonError::into_inner);
    let asked = known().get(table).cloned();
    let wide = match asked {
        Some(wide) => wide,
        None => {
            let sql = "select attname::text from pg_attribute
                where attrelid = to_regclass($1) and atttypid = 'bigint'::regtype";
            let query = sqlx::query_scalar(sql).bind(table);
            let wide: Vec<String> = query.fetch_all(&mut **tx).await?;
            let wide = Arc::<[String]>::from(wide);
            known().insert(table, Arc::clone(&wide));
            wide
        }
    };
    Ok(columns
        .iter()
        .map(|column| wide.iter().any(|name| name == column))
        .collect())
}

async fn copy_postgres(
    tx: &mut Transaction<'static, Postgres>,
    shared: &Shared,
    table: &'static str,
    columns: &[&str],
    rows: &RowBuffer,
) -> Result<u64, sqlx::Error> {
    let wide = widths(tx, shared, table, columns).await?;
    let mut copy = tx.copy_in_raw(&copy_sql(table, columns)).await?;
    let mut data = Vec::with_capacity(COPY_CHUNK_BYTES + COPY_CHUNK_BYTES / 8);
    data.extend_from_slice(COPY_HEAD);
    for row in rows.rows() {
        if copy_row(&mut data, row, &wide).is_none() {
            copy.abort("a value does not fit").await?;
            let message = format!("a value does not fit into its column of {table}");
            return Err(sqlx::Error::Protocol(message));
        }
        if data.len() >= COPY_CHUNK_BYTES {
            copy.send(data.as_slice()).await?;
            data.clear();
        }
    }
    data.extend_from_slice(COPY_TAIL);
    copy.send(data.as_slice()).await?;
    copy.finish().await
}

fn sqlite_arguments(args: &[Value]) -> Result<SqliteArguments, StoreError> {
    let mut bound = SqliteArguments::default();
    bind_all(&mut bound, args)?;
    Ok(bound)
}

fn postgres_arguments(args: &[Value]) -> Result<PgArguments, StoreError> {
    let mut bound = PgArguments::default();
    bind_all(&mut bound, args)?;
    Ok(bound)
}

fn bind_all<A>(bound: &mut A, args: &[Value]) -> Result<(), StoreError>
where
    A: Arguments,
    for<'q> i64: sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    for<'q> String: sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    for<'q> Vec<u8>: sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    for<'q> Option<i64>: sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    for<'q> Option<String>: sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
    for<'q> Option<Vec<u8>>: sqlx::Encode<'q, A::Database> + sqlx::Type<A::Database>,
{
    for value in args {
        let result = match value {
            Value::Int(number) => bound.add(*number),
            Value::Text(text) => bound.add(text.clone()),
            Value::Bytes(bytes) => bound.add(bytes.clone()),
            Value::NullInt => bound.add(None::<i64>),
            Value::NullText => bound.add(None::<String>),
            Value::NullBytes => bound.add(None::<Vec<u8>>),
        };
        result.map_err(|error| StoreError::Driver(sqlx::Error::Encode(error)))?;
    }
    Ok(())
}

/// An error that needs no look at the schema.
fn explain_plain(error: sqlx::Error) -> StoreError {
    explain(error, false)
}

fn explain(error: sqlx::Error, at_commit: bool) -> StoreError {
    let known = match &error {
        sqlx::Error::PoolTimedOut => Some(StoreError::Busy),
        sqlx::Error::Database(database) => {
            use sqlx::postgres::PgDatabaseError;
            match database.try_downcast_ref::<PgDatabaseError>() {
                Some(error) => parse_postgres(
                    &PostgresFault {
                        code: error.code(),
                        message: error.message(),
                        constraint: error.constraint(),
                        table: error.table(),
                        column: error.column(),
                    },
                    at_commit,
                ),
                None => match parse_sqlite(sqlite_code(database.as_ref()), database.message()) {
                    SqliteFault::Busy => Some(StoreError::Busy),
                    SqliteFault::Named(name) => Some(StoreError::Constraint { name }),
                    SqliteFault::Unique { .. } | SqliteFault::Other => None,
                },
            }
        }
        _ => None,
    };
    known.unwrap_or(StoreError::Driver(error))
}

fn sqlite_code(error: &dyn sqlx::error::DatabaseError) -> i32 {
    error.code().and_then(|code| code.parse().ok()).unwrap_or(0)
}

async fn explain_sqlite(tx: &mut Transaction<'static, Sqlite>, error: sqlx::Error) -> StoreError {
    let fault = match &error {
        sqlx::Error::Database(database) => RawFault {
            code: sqlite_code(database.as_ref()),
            message: database.message().to_owned(),
        },
        _ => return explain_plain(error),
    };
    match parse_sqlite(fault.code, &fault.message) {
        SqliteFault::Other => StoreError::Driver(error),
        _ => explain_raw(tx, fault).await,
    }
}

/// Gives an error of SQLite the name of its constraint; the name of a key is read from the schema.
async fn explain_raw(tx: &mut Transaction<'static, Sqlite>, fault: RawFault) -> StoreError {
    match parse_sqlite(fault.code, &fault.message) {
        SqliteFault::Busy => StoreError::Busy,
        SqliteFault::Named(name) => StoreError::Constraint { name },
        SqliteFault::Unique { table, columns } => {
            let sql = "select name, sql from sqlite_master where tbl_name = $1 and sql is not null
                       and (type = 'table' or sql like 'create unique index%') order by rowid";
            let query = sqlx::query_as(sql).bind(table.clone());
            let schema: Result<Vec<(String, String)>, _> = query.fetch_all(&mut **tx).await;
            let name = key_name(&table, &columns, &schema.unwrap_or_default());
            StoreError::Constraint { name }
        }
        SqliteFault::Other => fault.into(),
    }
}

/// One row of a result. Columns are counted from 0.
#[derive(Debug)]
pub struct Row {
    sql: &'static str,
    data: Data,
}

#[derive(Debug)]
enum Data {
    Sqlite(Vec<Cell>),
    Postgres(PgRow),
}

/// One value as SQLite gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    /// A value outside the closed set: its description.
    Other(String),
}

impl Cell {
    pub(crate) fn set_text(&mut self, bytes: &[u8]) {
        match (std::str::from_utf8(bytes), &mut *self) {
            (Ok(text), Cell::Text(space)) => {
                space.clear();
                space.push_str(text);
            }
            (Ok(text), _) => *self = Cell::Text(text.to_owned()),
            (Err(_), _) => *self = Cell::Other("text that is not UTF-8".to_owned()),
        }
    }

    pub(crate) fn set_bytes(&mut self, bytes: &[u8]) {
        if let Cell::Bytes(space) = self {
            space.clear();
            space.extend_from_slice(bytes);
        } else {
            *self = Cell::Bytes(bytes.to_vec());
        }
    }
}

impl Row {
    /// The integer in a column.
    ///
    /// # Errors
    /// [`StoreError::Inconsistency`] when the column does not exist, is NULL or holds something
    /// else; so do all methods here, NULL apart where it is allowed.
    pub fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.required(column, self.opt_int(column)?)
    }

    /// The integer in a column that may be NULL. A boolean of PostgreSQL counts as 0 or 1, as on
    /// SQLite.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match &self.data {
            Data::Sqlite(cells) => match cells.get(column) {
                Some(Cell::Null) => Ok(None),
                Some(Cell::Int(number)) => Ok(Some(*number)),
                other => Err(self.unfit(column, "an integer", other)),
            },
            Data::Postgres(row) => {
                let number =
                    self.postgres(row, column, "an integer", |kind, bytes| match kind {
                        "INT8" => bytes.try_into().ok().map(i64::from_be_bytes),
                        "INT4" => bytes.try_into().ok().map(i32::from_be_bytes).map(i64::from),
                        "INT2" => bytes.try_into().ok().map(i16::from_be_bytes).map(i64::from),
                        "BOOL" => bytes.first().copied().map(i64::from),
                        _ => None,
                    })?;
                Ok(number)
            }
        }
    }

    /// The value in a column as the audit trail encodes it; every NULL is encoded alike.
    pub fn field(&self, column: usize) -> Result<Field<'_>, StoreError> {
        match &self.data {
            Data::Sqlite(cells) => match cells.get(column) {
                Some(Cell::Null) => Ok(Field::NullInt),
                Some(Cell::Int(number)) => Ok(Field::Int(*number)),
                Some(Cell::Text(text)) => Ok(Field::Text(text)),
                Some(Cell::Bytes(bytes)) => Ok(Field::Bytes(bytes)),
                other => Err(self.unfit(column, "an integer, text or bytes", other)),
            },
            Data::Postgres(row) => {
                use sqlx::{Column, Row, TypeInfo};
                let kind = row
                    .columns()
                    .get(column)
                    .map(|column| column.type_info().name());
                match kind {
                    Some("INT8" | "INT4") => {
                        Ok(self.opt_int(column)?.map_or(Field::NullInt, Field::Int))
                    }
                    Some("TEXT") => Ok(self
                        .opt_text_ref(column)?
                        .map_or(Field::NullInt, Field::Text)),
                    _ => Ok(self
                        .opt_bytes_ref(column)?
                        .map_or(Field::NullInt, Field::Bytes)),
                }
            }
        }
    }

    /// The text in a column.
    pub fn text(&self, column: usize) -> Result<String, StoreError> {
        self.text_ref(column).map(str::to_owned)
    }

    /// The text in a column that may be NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        Ok(self.opt_text_ref(column)?.map(str::to_owned))
    }

    /// The text in a column, borrowed from the row.
    pub fn text_ref(&self, column: usize) -> Result<&str, StoreError> {
        self.required(column, self.opt_text_ref(column)?)
    }

    /// The text in a column that may be NULL, borrowed from the row.
    pub fn opt_text_ref(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match &self.data {
            Data::Sqlite(cells) => match cells.get(column) {
                Some(Cell::Null) => Ok(None),
                Some(Cell::Text(text)) => Ok(Some(text)),
                other => Err(self.unfit(column, "text", other)),
            },
            Data::Postgres(row) => self.postgres(row, column, "text", |kind, bytes| match kind {
                "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" => std::str::from_utf8(bytes).ok(),
                _ => None,
            }),
        }
    }

    /// The bytes in a column.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        self.bytes_ref(column).map(<[u8]>::to_vec)
    }

    /// The bytes in a column that may be NULL.
    pub fn opt_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.opt_bytes_ref(column)?.map(<[u8]>::to_vec))
    }

    /// The bytes in a column, borrowed from the row.
    pub fn bytes_ref(&self, column: usize) -> Result<&[u8], StoreError> {
        self.required(column, self.opt_bytes_ref(column)?)
    }

    /// The bytes in a column that may be NULL, borrowed from the row.
    pub fn opt_bytes_ref(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        match &self.data {
            Data::Sqlite(cells) => match cells.get(column) {
                Some(Cell::Null) => Ok(None),
                Some(Cell::Bytes(bytes)) => Ok(Some(bytes)),
                other => Err(self.unfit(column, "bytes", other)),
            },
            Data::Postgres(row) => self.postgres(row, column, "bytes", |kind, bytes| {
                (kind == "BYTEA").then_some(bytes)
            }),
        }
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        match &self.data {
            Data::Sqlite(cells) => cells.len(),
            Data::Postgres(row) => row.len(),
        }
    }

    /// Reads a column of PostgreSQL by the name of its type and its binary form.
    fn postgres<'r, T>(
        &self,
        row: &'r PgRow,
        column: usize,
        wanted: &str,
        read: impl FnOnce(&str, &'r [u8]) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Ok(raw) = row.try_get_raw(column) else {
            return Err(self.inconsistency(column, "no such column".to_owned()));
        };
        if raw.is_null() {
            return Ok(None);
        }
        let kind = raw.type_info().into_owned();
        let value = raw
            .as_bytes()
            .ok()
            .and_then(|bytes| read(kind.name(), bytes));
        match value {
            Some(value) => Ok(Some(value)),
            None => {
                Err(self.inconsistency(column, format!("{wanted} expected, found {}", kind.name())))
            }
        }
    }

    fn required<T>(&self, column: usize, value: Option<T>) -> Result<T, StoreError> {
        value.ok_or_else(|| self.inconsistency(column, "a value expected, found NULL".to_owned()))
    }

    fn unfit(&self, column: usize, wanted: &str, cell: Option<&Cell>) -> StoreError {
        let found = match cell {
            None => return self.inconsistency(column, "no such column".to_owned()),
            Some(Cell::Null) => "NULL",
            Some(Cell::Int(_)) => "an integer",
            Some(Cell::Text(_)) => "text",
            Some(Cell::Bytes(_)) => "bytes",
            Some(Cell::Other(what)) => what,
        };
        self.inconsistency(column, format!("{wanted} expected, found {found}"))
    }

    fn inconsistency(&self, column: usize, detail: String) -> StoreError {
        StoreError::Inconsistency {
            column,
            sql: self.sql,
            detail,
        }
    }
}
