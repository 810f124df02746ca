//! Backups with a proof: a restored database is what was sealed, or it is not handed over.
//!
//! A backup is one file: the line `HUIMIN-BACKUP 1`, a line with the manifest as JSON, and the
//! copy that the engine's own means make: a SQLite database (`VACUUM INTO`), or an archive of
//! `pg_dump --format=custom` of the snapshot whose heads the manifest names. Everything after the
//! second line can be taken out with `tail` and used without this program.
//!
//! The manifest has the SHA-256 of the copy, the version of the schema, and size and root of the
//! audit trail of each book. Restoring checks the copy before it is used and recomputes every row
//! and entry after; only a SQLite file whose heads agree gets its name.

use ledger_store::boxed;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use ledger::audit::{Head, hex};
use ledger::disbursement::role::Action;
use ledger::problem::{Kind, Problem};
use ledger_store::book::{self, Book};
use ledger_store::db::{Db, Engine, Tx};
use ledger_store::{copy, migrate, report as figures};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::clock::{Clock, Entropy};
use super::view::{Report, Table, words};
use super::{App, Error, Order, audit, side};

/// The first line of a backup.
const MAGIC: &str = "HUIMIN-BACKUP 1\n";
/// A manifest is shorter than this.
const MANIFEST_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Where a database is: its address, and the side file beside it.
#[derive(Clone, Debug)]
pub struct Target {
    /// `sqlite://…` or `postgres://…`.
    pub url: String,
    /// The side file.
    pub side: Option<PathBuf>,
    /// Heads that were kept elsewhere.
    pub heads: Vec<Head>,
}

/// Writes a backup of the database, and records in each book that it was made.
///
/// # Errors
/// `AlreadyExists` when there is such a file; accidents, also that `pg_dump` is not installed.
#[boxed]
pub async fn backup(app: &App, url: &str, out: &Path) -> Result<Value, Error> {
    if out.exists() {
        return Err(Problem::new(Kind::AlreadyExists)
            .with("what", "文件 file")
            .with("name", out.display())
            .into());
    }
    let (copied, part) = (beside(out, "copy"), beside(out, "part"));
    let made = write(app, url, &copied, &part).await;
    // The copy is inside the backup now, or of no use.
    let _ = std::fs::remove_file(&copied);
    let manifest = match made {
        Ok(manifest) => manifest,
        Err(error) => {
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
    };
    std::fs::rename(&part, out).map_err(anyhow::Error::from)?;
    note(app, "db.backup", &manifest).await?;
    Ok(json!({ "file": out.display().to_string(), "manifest": manifest }))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{ending}"));
    PathBuf::from(name)
}

async fn write(app: &App, url: &str, copied: &Path, part: &Path) -> Result<Value, Error> {
    let (engine, books) = match app.db.engine() {
        Engine::Sqlite => {
            copy::sqlite_into(url, copied).await?;
            let db = Db::open(&format!("sqlite://{}?mode=ro", copied.display())).await?;
            let mut tx = db.begin_read().await?;
            let books = heads(&mut tx).await?;
            tx.rollback().await?;
            db.close().await;
            ("sqlite", books)
        }
        Engine::Postgres => {
            let mut tx = app.db.begin_read().await?;
            let books = heads(&mut tx).await?;
            let snapshot = copy::postgres_snapshot(&mut tx).await?;
            let mut dump = tool("pg_dump", url);
            dump.args(["--format=custom", "--no-owner", "--no-privileges"]);
            dump.arg(format!("--snapshot={snapshot}"))
                .arg("--file")
                .arg(copied);
            let dumped = run(dump);
            tx.rollback().await?;
            dumped?;
            ("postgres", books)
        }
    };
    let (bytes, sha256) = digest(File::open(copied).map_err(anyhow::Error::from)?)?;
    let manifest = json!({
        "engine": engine,
        "schema": migrate::schema_version(&app.db).await?,
        "made": app.clock.now().to_string(),
        "program": env!("CARGO_PKG_VERSION"),
        "bytes": bytes,
        "sha256": sha256,
        "books": books.iter().map(|(book, head)| json!({
            "book": book.code, "size": head.size, "root": hex::encode(&head.root),
        })).collect::<Vec<_>>(),
    });
    assemble(&manifest, copied, part).context("cannot write the backup")?;
    Ok(manifest)
}

fn assemble(manifest: &Value, copied: &Path, part: &Path) -> anyhow::Result<()> {
    let mut out = File::create_new(part)?;
    out.write_all(MAGIC.as_bytes())?;
    writeln!(out, "{manifest}")?;
    io::copy(&mut File::open(copied)?, &mut out)?;
    out.sync_all()?;
    Ok(())
}

/// The books with their heads as a transaction sees them.
async fn heads(tx: &mut Tx) -> Result<Vec<(Book, Head)>, Error> {
    let mut list = Vec::new();
    for book in book::books(tx).await? {
        let (size, root) = figures::head(tx, book.id).await?;
        let size = u64::try_from(size).unwrap_or(0);
        list.push((book, Head { size, root }));
    }
    Ok(list)
}

/// A tool of PostgreSQL for this database. The password goes through the environment: arguments
/// are seen by everybody on the machine.
fn tool(name: &str, url: &str) -> Command {
    let mut command = Command::new(name);
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let (who, place) = rest.split_once('@').unwrap_or(("", rest));
    let (user, password) = who.split_once(':').unwrap_or((who, ""));
    let at = if user.is_empty() { "" } else { "@" };
    command
        .arg("--dbname")
        .arg(format!("{scheme}://{user}{at}{place}"));
    if !password.is_empty() {
        command.env("PGPASSWORD", password);
    }
    command
}

fn run(mut command: Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start {name}: install postgresql-client"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(output.status.success(), "{name}: {}", said.trim());
    Ok(())
}

fn digest(mut from: impl Read) -> Result<(u64, String), Error> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = from.read(&mut chunk).map_err(anyhow::Error::from)?;
        if read == 0 {
            break;
        }
        hasher.update(&chunk[..read]);
        bytes += u64::try_from(read).unwrap_or(0);
    }
    Ok((bytes, hex::encode(&hasher.finalize())))
}

/// A backup that is read: its manifest, and the copy from where it begins.
struct Opened {
    manifest: Value,
    copy: BufReader<File>,
}

fn open(file: &Path) -> Result<Opened, Error> {
    let broken = |detail: &str| {
        Error::from(
            Problem::new(Kind::BackupBroken)
                .with("file", file.display())
                .with("detail", detail),
        )
    };
    let opened = File::open(file).map_err(|error| broken(&error.to_string()))?;
    let mut copy = BufReader::new(opened);
    let mut lines = [String::new(), String::new()];
    for line in &mut lines {
        let mut few = (&mut copy).take(MANIFEST_BYTES_MAX);
        few.read_line(line)
            .map_err(|error| broken(&error.to_string()))?;
    }
    if lines[0] != MAGIC {
        return Err(broken("不是备份文件 not a backup"));
    }
    let manifest = serde_json::from_str(&lines[1]);
    let manifest: Value = manifest.map_err(|error| broken(&error.to_string()))?;
    Ok(Opened { manifest, copy })
}

/// Takes the copy out, and refuses one that is not the one that was made.
fn take_out(file: &Path, to: &Path) -> Result<Value, Error> {
    let Opened { manifest, mut copy } = open(file)?;
    let mut out = File::create_new(to).map_err(anyhow::Error::from)?;
    io::copy(&mut copy, &mut out).map_err(anyhow::Error::from)?;
    out.sync_all().map_err(anyhow::Error::from)?;
    let (bytes, sha256) = digest(File::open(to).map_err(anyhow::Error::from)?)?;
    if manifest["bytes"] != bytes || manifest["sha256"] != sha256.as_str() {
        return Err(Problem::new(Kind::BackupBroken)
            .with("file", file.display())
            .with("detail", format!("sha256 {sha256}"))
            .into());
    }
    Ok(manifest)
}

/// Restores a backup into a database that is not there yet, and proves that it is what was sealed.
/// What it lacks of what the side file and the heads kept elsewhere know is found, and says so
/// loudly: the database is then behind.
///
/// # Errors
/// `BackupBroken`; `AlreadyExists` and `DatabaseUsed` when something is there; `BackupUnproven`
/// when a row, an entry or a head is not what was sealed: a SQLite file is then not handed over.
#[boxed]
pub async fn restore(file: &Path, target: &Target) -> Result<Report, Error> {
    let engine = open(file)?.manifest["engine"].clone();
    let wanted = target.url.split(':').next().unwrap_or_default();
    if engine.as_str() != Some(wanted.trim_end_matches("ql")) && engine != wanted {
        return Err(Problem::new(Kind::FieldInvalid)
            .with("field", "--db")
            .with("value", wanted)
            .with("wanted", engine.as_str().unwrap_or_default())
            .into());
    }
    match engine.as_str() {
        Some("sqlite") => restore_sqlite(file, target).await,
        _ => restore_postgres(file, target).await,
    }
}

async fn restore_sqlite(file: &Path, target: &Target) -> Result<Report, Error> {
    let path = target.url.trim_start_matches("sqlite://");
    let path = PathBuf::from(path.split('?').next().unwrap_or_default());
    if path.exists() {
        return Err(Problem::new(Kind::AlreadyExists)
            .with("what", "数据库 database")
            .with("name", path.display())
            .into());
    }
    let part = beside(&path, "restoring");
    let restored = async {
        let manifest = take_out(file, &part)?;
        let url = format!("sqlite://{}", part.display());
        let app = App::new(Db::open(&url).await?, Clock::System, Entropy::system());
        let report = prove(app, target, &manifest).await;
        report.map(|report| (report, part.clone()))
    };
    let restored = restored.await;
    // Closed databases leave these behind only when they were cut off.
    for ending in ["-wal", "-shm"] {
        let mut name = part.as_os_str().to_owned();
        name.push(ending);
        let _ = std::fs::remove_file(name);
    }
    match restored {
        Ok((report, part)) => {
            std::fs::rename(&part, &path).map_err(anyhow::Error::from)?;
            Ok(report)
        }
        Err(error) => {
            let _ = std::fs::remove_file(&part);
            Err(error)
        }
    }
}

async fn restore_postgres(file: &Path, target: &Target) -> Result<Report, Error> {
    let db = Db::open(&target.url).await?;
    if migrate::schema_version(&db).await?.is_some() {
        return Err(Problem::new(Kind::DatabaseUsed).into());
    }
    let copied = beside(file, "restoring");
    let taken = take_out(file, &copied);
    let restored = taken.and_then(|manifest| {
        let mut command = tool("pg_restore", &target.url);
        command.args(["--single-transaction", "--exit-on-error"]);
        command.args(["--no-owner", "--no-privileges"]).arg(&copied);
        run(command)?;
        Ok(manifest)
    });
    let _ = std::fs::remove_file(&copied);
    let manifest = restored?;
    prove(
        App::new(db, Clock::System, Entropy::system()),
        target,
        &manifest,
    )
    .await
}

/// Recomputes everything and holds it against the manifest, the heads kept elsewhere and the side
/// file; records in each book that it was restored.
async fn prove(mut app: App, target: &Target, manifest: &Value) -> Result<Report, Error> {
    app.side = target.side.clone().map(side::SideFile::at);
    let known = migrations::ALL.last().map_or(0, |last| last.version);
    let found = migrate::schema_version(&app.db).await?.unwrap_or(0);
    if found < known {
        migrate::migrate(&app.db, app.clock.now()).await?;
    }
    if found > known {
        return Err(Problem::new(Kind::DatabaseNewer)
            .with("found", found)
            .with("known", known)
            .into());
    }
    let mut proof = Proof::new();
    for sealed in manifest["books"].as_array().into_iter().flatten() {
        let code = sealed["book"].as_str().unwrap_or_default();
        let book = app.book(Some(code)).await?;
        proof.book(&app, &book, sealed, &target.heads).await?;
    }
    note(&app, "db.restore", manifest).await?;
    app.db.close().await;
    Ok(proof.report(manifest))
}

/// What was proved, book by book.
struct Proof {
    table: Table,
    books: Vec<Value>,
    behind: bool,
}

impl Proof {
    fn new() -> Proof {
        let columns = [
            ("账套", "book", false),
            ("条目", "entries", true),
            ("首部", "head", false),
            ("证明", "proof", false),
            ("缺的批", "missing batches", false),
        ];
        Proof {
            table: Table::new(words("恢复", "restored"), &columns),
            books: Vec::new(),
            behind: false,
        }
    }

    async fn book(
        &mut self,
        app: &App,
        book: &Book,
        sealed: &Value,
        kept: &[Head],
    ) -> Result<(), Error> {
        let size = sealed["size"].as_u64().unwrap_or(0);
        let text = format!("{size}:{}", sealed["root"].as_str().unwrap_or_default());
        let head: Head = text.parse().map_err(|_| unproven(book, &text))?;
        // A longer history was kept elsewhere: this backup is older. A shorter one is part of it.
        let (ahead, within): (Vec<Head>, Vec<Head>) =
            kept.iter().copied().partition(|kept| kept.size > size);
        let mut heads = vec![head];
        heads.extend(within);
        let checked = audit::verification(app, book, &heads).await?;
        if let Some(fault) = checked.faults.first() {
            return Err(unproven(book, &format!("{} / {}", fault.zh, fault.en)));
        }
        if checked.head != head {
            return Err(unproven(book, &checked.head.to_string()));
        }
        let mut tx = app.db.begin_read().await?;
        let missing = side::missing(app, &mut tx, book).await?;
        tx.rollback().await?;
        let numbers: Vec<&str> = missing.iter().map(|one| one.batch.as_str()).collect();
        self.behind |= !missing.is_empty() || !ahead.is_empty();
        let says = match ahead.is_empty() {
            true => "与封存的首部一致 the sealed head",
            false => "比别处记下的首部旧 OLDER THAN A HEAD KEPT ELSEWHERE",
        };
        self.table.row([
            book.code.clone(),
            size.to_string(),
            ledger_store::verify::short_root(&head.root),
            says.to_owned(),
            numbers.join("、"),
        ]);
        self.books.push(json!({
            "book": book.code, "size": size, "root": hex::encode(&head.root), "proved": true,
            "older_than": ahead.iter().map(Head::to_string).collect::<Vec<_>>(),
            "missing_batches": numbers,
        }));
        Ok(())
    }

    fn report(self, manifest: &Value) -> Report {
        let json = json!({
            "made": manifest["made"], "behind": self.behind, "books": self.books,
        });
        Report {
            json,
            tables: vec![self.table],
            found: self.behind,
        }
    }
}

fn unproven(book: &Book, detail: &str) -> Error {
    Problem::new(Kind::BackupUnproven)
        .with("book", &book.code)
        .with("detail", detail)
        .into()
}

/// Records in each book what was done with the database as a whole.
async fn note(app: &App, kind: &'static str, manifest: &Value) -> Result<(), Error> {
    let mut tx = app.db.begin_read().await?;
    let books = book::books(&mut tx).await?;
    tx.rollback().await?;
    for book in books {
        let mut caller = app.bootstrap(book);
        "operator".clone_into(&mut caller.user.login);
        caller.session = kind.to_owned();
        let order = Order::new(kind, Action::Operate)
            .field("made", manifest["made"].clone())
            .field("sha256", manifest["sha256"].clone());
        app.command(&caller, order, async |_write| Ok(json!({})))
            .await?;
    }
    Ok(())
}
