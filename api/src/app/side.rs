//! The side file: a line for each batch that was released, kept beside the database.
//!
//! A restored backup does not know what went to the bank after it was made, and would pay again.
//! The side file does: every release adds its batches and forces them to the disk before it is
//! acknowledged. When the file names a batch that the database does not have, the database is
//! behind: nothing is released and nothing paid again but the very files that are missing, byte
//! for byte, until all of them are back. A file is a function of what was approved, so doing the
//! steps again in their order takes it in again, with the same four people as the first time.
//!
//! Each line is one JSON document: `book`, `batch`, `run`, `sha256`, `payments`, `total_fen`.

use ledger_store::boxed;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use ledger::audit::hex;
use ledger::problem::{Kind, Problem};
use ledger_store::batch::{self, Batch};
use ledger_store::book::Book;
use ledger_store::db::{Db, Tx};
use serde_json::{Value, json};

use super::{App, Error};

/// The side file of a database.
#[derive(Debug)]
pub struct SideFile {
    path: PathBuf,
    /// One writer at a time.
    writing: Mutex<()>,
}

/// A batch as the side file knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Released {
    /// Its number.
    pub batch: String,
    /// SHA-256 of its file, in hexadecimal digits.
    pub sha256: String,
}

impl SideFile {
    /// The file of this name; it need not exist.
    pub fn at(path: PathBuf) -> SideFile {
        SideFile {
            path,
            writing: Mutex::new(()),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The batches of a book.
    ///
    /// # Errors
    /// When the file cannot be read. A last line that was cut off by a loss of power was never
    /// acknowledged and does not count; a broken line elsewhere does.
    pub fn of(&self, book: &str) -> anyhow::Result<Vec<Released>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| self.path.display().to_string()),
        };
        let lines: Vec<String> = BufReader::new(file).lines().collect::<Result<_, _>>()?;
        let last = lines.len();
        let mut list = Vec::new();
        for (place, line) in (1..).zip(&lines).filter(|(_, line)| !line.is_empty()) {
            let read: Value = match serde_json::from_str(line) {
                Ok(read) => read,
                Err(_) if place == last => continue,
                Err(error) => {
                    let name = self.path.display();
                    return Err(error).with_context(|| format!("{name}, line {place}"));
                }
            };
            if read["book"] == book {
                let text = |name: &str| read[name].as_str().unwrap_or_default().to_owned();
                list.push(Released {
                    batch: text("batch"),
                    sha256: text("sha256"),
                });
            }
        }
        list.sort();
        list.dedup();
        Ok(list)
    }

    /// Opens it for writing; it is made when it does not exist.
    ///
    /// # Errors
    /// When that is not possible: better to hear of it before anything is released.
    pub fn open(&self) -> anyhow::Result<File> {
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path);
        opened.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Adds batches, and returns when they are on the disk.
    ///
    /// # Errors
    /// When the file cannot be written.
    fn add(&self, book: &str, batches: &[&Batch]) -> anyhow::Result<()> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !self.path.exists();
        let mut file = self.open()?;
        // A line that was cut off before stays alone.
        let mut text = if is_new {
            String::new()
        } else {
            "\n".to_owned()
        };
        for batch in batches {
            let line = json!({
                "book": book, "batch": batch.number, "run": batch.run.get(),
                "sha256": hex::encode(&batch.sha256), "payments": batch.payments,
                "total_fen": batch.total.get(),
            });
            text += &format!("{line}\n");
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if is_new {
            let directory = self
                .path
                .parent()
                .filter(|path| !path.as_os_str().is_empty());
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Ok(())
    }
}

/// The batches that the side file knows and the database does not have as they were.
///
/// # Errors
/// When the side file cannot be read; accidents of the store.
#[boxed]
pub async fn missing(app: &App, tx: &mut Tx, book: &Book) -> Result<Vec<Released>, Error> {
    let Some(side) = &app.side else {
        return Ok(Vec::new());
    };
    let known = side.of(&book.code)?;
    if known.is_empty() {
        return Ok(known);
    }
    let batches = batch::batches(tx, book.id).await?;
    let has = |released: &Released| batches.iter().any(|batch| is(batch, released));
    Ok(known
        .into_iter()
        .filter(|released| !has(released))
        .collect())
}

fn is(batch: &Batch, released: &Released) -> bool {
    batch.number == released.batch && hex::encode(&batch.sha256) == released.sha256
}

/// Refuses to release while the database is behind, unless the run brings back what is missing:
/// its batches, just made in this transaction, are all among the missing ones.
///
/// # Errors
/// [`Kind::DatabaseBehind`].
#[boxed]
pub async fn allow_release(
    app: &App,
    tx: &mut Tx,
    book: &Book,
    before: &[Released],
    run: ledger::id::RunId,
) -> Result<(), Error> {
    if app.side.is_none() || before.is_empty() {
        return Ok(());
    }
    let batches = batch::batches(tx, book.id).await?;
    let mut made = batches.iter().filter(|batch| batch.run == run);
    match made.all(|batch| before.iter().any(|released| is(batch, released))) {
        true => Ok(()),
        false => Err(behind(before)),
    }
}

/// Refuses while the database is behind.
///
/// # Errors
/// [`Kind::DatabaseBehind`].
#[boxed]
pub async fn allow_re_pay(app: &App, tx: &mut Tx, book: &Book) -> Result<(), Error> {
    match missing(app, tx, book).await?.as_slice() {
        [] => Ok(()),
        missing => Err(behind(missing)),
    }
}

fn behind(missing: &[Released]) -> Error {
    let numbers: Vec<&str> = missing.iter().map(|one| one.batch.as_str()).collect();
    Problem::new(Kind::DatabaseBehind)
        .with("count", missing.len())
        .with("batches", numbers.join("、"))
        .into()
}

/// Writes down what the database has and the side file lacks: after a release, before anybody is
/// told of it, and for batches that were released before there was a side file.
///
/// # Errors
/// When the file cannot be written: the release stands, and the same key tells of it once the
/// file can be written.
#[boxed]
pub async fn catch_up(app: &App, db: &Db, book: &Book) -> Result<(), Error> {
    let Some(side) = &app.side else {
        return Ok(());
    };
    let known = side.of(&book.code)?;
    let mut tx = db.begin_read().await?;
    let batches = batch::batches(&mut tx, book.id).await?;
    tx.rollback().await?;
    let is_new = |batch: &&Batch| !known.iter().any(|released| is(batch, released));
    let new: Vec<&Batch> = batches.iter().filter(is_new).collect();
    if !new.is_empty() {
        side.add(&book.code, &new)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_does_not_count() {
        let directory = std::env::temp_dir().join(format!("huimin-side-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let side = SideFile::at(directory.join("side"));
        assert_eq!(side.of("a").unwrap(), []);
        let whole = r#"{"book":"a","batch":"B000001","sha256":"00"}"#;
        for (text, expected) in [
            (format!("{whole}\n"), Some(1)),
            (format!("{whole}\n{whole}\n"), Some(1)),
            (format!("{whole}\n{{\"book\":\"a\",\"ba"), Some(1)),
            (format!("{{\"book\n{whole}\n"), None),
            (whole.replace("\"a\"", "\"b\""), Some(0)),
        ] {
            std::fs::write(side.path(), &text).unwrap();
            assert_eq!(side.of("a").ok().map(|list| list.len()), expected, "{text}");
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
