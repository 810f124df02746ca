//! Brings a database to the version of this program.
//!
//! Each migration runs in one transaction together with its line in `schema_migration`, so a
//! broken-off one leaves nothing behind. A migration that has been applied is never edited: its
//! SHA-256 is kept and compared.

use crate::boxed;
use ledger::calendar::Moment;
use migrations::Migration;
use sha2::{Digest, Sha256};

use crate::db::{Db, Tx, Value};
use crate::dialect::{
    CREATE_SCHEMA_MIGRATION, Engine, LOCK_MIGRATION, SCHEMA_MIGRATION_EXISTS, statements,
};
use crate::error::StoreError;

/// Runs the migrations that the database lacks, in order, and returns the version it has then.
/// `at` is recorded as the time of each. Safe to run from several programs at once.
///
/// # Errors
/// [`StoreError::Newer`] when the database was migrated by a newer program,
/// [`StoreError::MigrationChanged`] when an applied migration differs from the program's; nothing
/// is changed then.
#[boxed]
pub async fn migrate(db: &Db, at: Moment) -> Result<u32, StoreError> {
    migrate_with(db, at, migrations::ALL).await
}

/// [`migrate`] with another list of migrations, in order of their versions.
#[boxed]
pub async fn migrate_with(
    db: &Db,
    at: Moment,
    list: &'static [Migration],
) -> Result<u32, StoreError> {
    while let Step::Applied = step(db, at, list).await? {}
    Ok(list.last().map_or(0, |last| last.version))
}

/// The version of the database; none when it was never migrated.
///
/// # Errors
/// Only those of the database itself.
#[boxed]
pub async fn schema_version(db: &Db) -> Result<Option<u32>, StoreError> {
    let mut tx = db.begin_read().await?;
    if !is_migrated(&mut tx).await? {
        return Ok(None);
    }
    let sql = "select max(version) from schema_migration";
    let row = tx.query_one(sql, &[]).await?;
    Ok(row
        .opt_int(0)?
        .map(|version| u32::try_from(version).unwrap_or(u32::MAX)))
}

enum Step {
    Applied,
    Done,
}

/// Checks what is applied and runs the next migration, all in one transaction.
async fn step(db: &Db, at: Moment, list: &'static [Migration]) -> Result<Step, StoreError> {
    let mut tx = db.begin_write().await?;
    let engine = tx.engine();
    tx.query_one(LOCK_MIGRATION.of(engine), &[]).await?;
    if !is_migrated(&mut tx).await? {
        tx.define(CREATE_SCHEMA_MIGRATION.of(engine)).await?;
    }
    let applied = check_applied(&mut tx, list).await?;
    let Some(next) = list.get(applied) else {
        tx.commit().await?;
        return Ok(Step::Done);
    };
    tx.permit_schema_changes(true).await?;
    let result = apply(&mut tx, next, at).await;
    tx.permit_schema_changes(false).await?;
    result?;
    tx.commit().await?;
    Ok(Step::Applied)
}

async fn is_migrated(tx: &mut Tx) -> Result<bool, StoreError> {
    let row = tx
        .query_one(SCHEMA_MIGRATION_EXISTS.of(tx.engine()), &[])
        .await?;
    Ok(row.int(0)? == 1)
}

/// Compares the applied migrations with the list; returns how many there are.
async fn check_applied(tx: &mut Tx, list: &'static [Migration]) -> Result<usize, StoreError> {
    let sql = "select version, sha256 from schema_migration order by version";
    let rows = tx.query(sql, &[]).await?;
    let known = list.last().map_or(0, |last| last.version);
    for (index, row) in rows.iter().enumerate() {
        let version = u32::try_from(row.int(0)?).unwrap_or(u32::MAX);
        if version > known {
            return Err(StoreError::Newer {
                found: version,
                known,
            });
        }
        let same = list.get(index).is_some_and(|migration| {
            migration.version == version
                && row
                    .bytes_ref(1)
                    .is_ok_and(|stored| stored == checksum(migration, tx.engine()))
        });
        if !same {
            return Err(StoreError::MigrationChanged { version });
        }
    }
    Ok(rows.len())
}

async fn apply(tx: &mut Tx, migration: &'static Migration, at: Moment) -> Result<(), StoreError> {
    for statement in statements(text(migration, tx.engine())) {
        tx.define(statement).await?;
    }
    let sql = "insert into schema_migration (version, name, sha256, applied_at)
               values ($1, $2, $3, $4)";
    let args = [
        Value::Int(i64::from(migration.version)),
        Value::from(migration.name),
        Value::Bytes(checksum(migration, tx.engine()).to_vec()),
        Value::Int(at.0),
    ];
    tx.execute_exactly(sql, &args, 1).await
}

fn text(migration: &Migration, engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => migration.sqlite,
        Engine::Postgres => migration.postgres,
    }
}

fn checksum(migration: &Migration, engine: Engine) -> [u8; 32] {
    Sha256::digest(text(migration, engine).as_bytes()).into()
}
