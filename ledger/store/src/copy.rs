//! Consistent copies of a whole database, by the engines' own means.

use crate::boxed;
use std::path::Path;
use std::str::FromStr;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::db::Tx;
use crate::error::StoreError;

/// Copies a SQLite database, as it stands at one moment, to a new file, while others read and
/// write it (`VACUUM INTO`, <https://www.sqlite.org/lang_vacuum.html#vacuuminto>).
///
/// # Errors
/// [`StoreError::Url`] and [`StoreError::Driver`].
#[boxed]
pub async fn sqlite_into(url: &str, to: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::from_str(url).map_err(|error| StoreError::Url {
        reason: error.to_string(),
    })?;
    let mut from = options
        .read_only(true)
        .create_if_missing(false)
        .connect()
        .await
        .map_err(StoreError::Driver)?;
    let copied = sqlx::query("vacuum into ?1")
        .bind(to.to_string_lossy().into_owned())
        .execute(&mut from)
        .await;
    from.close().await.map_err(StoreError::Driver)?;
    copied.map(|_| ()).map_err(StoreError::Driver)
}

/// The name under which another program can see what this transaction of PostgreSQL sees, as long
/// as it is open.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn postgres_snapshot(tx: &mut Tx) -> Result<String, StoreError> {
    let sql = "select pg_export_snapshot()";
    tx.query_one(sql, &[]).await?.text(0)
}
