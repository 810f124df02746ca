//! Where a measurement keeps its databases.

use std::path::{Path, PathBuf};

use ledger_store::db::Db;
use ledger_store::measure::{Schema, drop_schema, make_schema};

use super::BenchOptions;
use crate::app::Error;

/// The databases of one measurement.
#[derive(Debug)]
pub(super) struct Place {
    /// The address of the books.
    pub(super) url: String,
    directory: PathBuf,
    keep: bool,
}

impl Place {
    /// Makes a directory of its own for whatever goes into files.
    ///
    /// # Errors
    /// When no directory can be made there.
    pub(super) fn new(options: &BenchOptions) -> Result<Place, Error> {
        std::fs::create_dir_all(&options.dir).map_err(anyhow::Error::from)?;
        let directory = fresh(&options.dir).map_err(anyhow::Error::from)?;
        let url = options
            .db
            .clone()
            .unwrap_or_else(|| sqlite(&directory, "huimin.db"));
        Ok(Place {
            url,
            directory,
            keep: options.keep,
        })
    }

    /// The directory, where it is kept.
    pub(super) fn kept(&self) -> Option<&Path> {
        self.keep.then_some(self.directory.as_path())
    }

    fn is_server(&self) -> bool {
        !self.url.starts_with("sqlite:")
    }

    /// Makes another empty place beside the books: a file on SQLite, a schema on PostgreSQL.
    pub(super) async fn beside(&self, schema: Schema) -> Result<String, Error> {
        if !self.is_server() {
            return Ok(sqlite(&self.directory, &format!("{}.db", schema.name())));
        }
        let db = Db::open(&self.url).await?;
        let made = make_schema(&db, schema).await;
        db.close().await;
        made?;
        let sign = if self.url.contains('?') { '&' } else { '?' };
        let schema = schema.name();
        Ok(format!(
            "{}{sign}options%5Bsearch_path%5D={schema}",
            self.url
        ))
    }

    /// Removes such a place, whose connections are closed.
    pub(super) async fn remove(&self, schema: Schema) -> Result<(), Error> {
        if self.is_server() {
            let db = Db::open(&self.url).await?;
            let dropped = drop_schema(&db, schema).await;
            db.close().await;
            return Ok(dropped?);
        }
        for ending in ["db", "db-wal", "db-shm"] {
            let file = self.directory.join(format!("{}.{ending}", schema.name()));
            if file.exists() {
                std::fs::remove_file(file).map_err(anyhow::Error::from)?;
            }
        }
        Ok(())
    }

    /// Removes the directory unless it is to be kept and holds something.
    pub(super) fn leave(&self) -> Result<(), Error> {
        let removed = match self.keep {
            // Only an empty directory can be removed so.
            true => std::fs::remove_dir(&self.directory).or(Ok(())),
            false => std::fs::remove_dir_all(&self.directory),
        };
        removed.map_err(|error| anyhow::Error::from(error).into())
    }
}

fn sqlite(directory: &Path, name: &str) -> String {
    format!("sqlite://{}", directory.join(name).display())
}

/// A directory that was not there before.
fn fresh(parent: &Path) -> std::io::Result<PathBuf> {
    let mut number = 1_u32;
    loop {
        let directory = parent.join(format!("huimin-bench-{number}"));
        match std::fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}
