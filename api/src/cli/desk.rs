//! Where a command is worked on: opens the database, signs the user in, reads and writes files.

use std::cell::OnceCell;
use std::fmt::Write as Out;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bank_adapters::Profile;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use ledger::problem::{Kind, Language, Problem};
use ledger_store::book::Book;
use ledger_store::db::Db;
use ledger_store::error::StoreError;
use paper::Font;

use super::args::{Format, Global};
use super::password;
use crate::app::clock::{Clock, Entropy};
use crate::app::progress::Progress;
use crate::app::release::rejected;
use crate::app::session::{self, Credentials};
use crate::app::side::SideFile;
use crate::app::{App, Caller, Error};

/// The database that is used when none is named.
const DEFAULT_DATABASE: &str = "sqlite://huimin.db";
/// Larger files than this are refused unread; the readers' own limit is the same.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How the audit trail names what comes from here.
const SESSION: &str = "cli";

/// The options of the command and the sign that it is being worked on.
#[derive(Debug)]
pub(crate) struct Desk {
    global: Global,
    sign: OnceCell<ProgressBar>,
    progress: Progress,
    /// The name of the book that was opened.
    agency: OnceCell<String>,
}

impl Desk {
    /// A desk for one command.
    ///
    /// An empty setting is one that was not given: scripts unset variables that way.
    pub(crate) fn new(mut global: Global) -> Desk {
        for setting in [&mut global.db, &mut global.book, &mut global.user] {
            if setting.as_deref() == Some("") {
                *setting = None;
            }
        }
        Desk {
            global,
            sign: OnceCell::new(),
            progress: Progress::default(),
            agency: OnceCell::new(),
        }
    }

    /// The options of every command.
    pub(crate) fn global(&self) -> &Global {
        &self.global
    }

    /// The language of the answer.
    pub(crate) fn language(&self) -> Language {
        self.global.language()
    }

    /// The name of the book that was opened; none for what needs no book.
    pub(crate) fn agency(&self) -> Option<&str> {
        self.agency.get().map(String::as_str)
    }

    /// The font for PDF files: that of `--font`, or one of the machine.
    ///
    /// # Errors
    /// `FontMissing` and `FontUnusable`.
    pub(crate) fn font(&self) -> Result<Font, Error> {
        let file = self.global.font.as_deref();
        let named = file.filter(|file| !file.as_os_str().is_empty());
        Ok(crate::print::font(named)?)
    }

    /// One of two texts, by language.
    pub(crate) fn say<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        match self.language() {
            Language::Zh => zh,
            Language::En => en,
        }
    }

    /// Opens the database. Only `create` makes a SQLite file that does not exist: a command in the
    /// wrong directory must not leave an empty database behind.
    pub(crate) async fn open(&self, create: bool) -> Result<App, Error> {
        let url = self.url();
        let file = url
            .strip_prefix("sqlite://")
            .and_then(|rest| rest.split('?').next());
        if !create && file.is_some_and(|file| !Path::new(file).exists()) {
            return Err(Problem::new(Kind::DatabaseEmpty).into());
        }
        let db = Db::open(url).await.map_err(|error| match error {
            StoreError::Url { .. } => Problem::new(Kind::FieldInvalid)
                .with("field", "--db")
                .with("value", url.split(':').next().unwrap_or_default())
                .with("wanted", "sqlite://PATH, postgres://USER@HOST:PORT/NAME")
                .into(),
            other => Error::from(other),
        })?;
        let mut app = App::new(db, Clock::System, Entropy::system());
        app.profiles = self.profiles()?;
        app.side = self.side_file().map(SideFile::at);
        Ok(app)
    }

    /// The bank layouts: those of the program and those of the user's own directory.
    ///
    /// # Errors
    /// `NotFound` when the directory that was named is not there; `FileRejected` with all faults
    /// of its files.
    pub(crate) fn profiles(&self) -> Result<Vec<Profile>, Error> {
        let mut own = Vec::new();
        for path in self.profile_files()? {
            own.push(self.read_text(&path)?);
        }
        Profile::with_own(&own).map_err(rejected)
    }

    /// The files of the user's own layouts, by their names.
    fn profile_files(&self) -> Result<Vec<PathBuf>, Error> {
        let named = self.global.profile_dir.as_deref();
        let named = named.filter(|named| !named.as_os_str().is_empty());
        let url = self.url();
        let file = url
            .strip_prefix("sqlite://")
            .and_then(|rest| rest.split('?').next());
        let beside = file.map(|file| Path::new(file).with_file_name("profiles"));
        let Some(directory) = named.map(Path::to_owned).or(beside) else {
            return Ok(Vec::new());
        };
        let entries = match std::fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound && named.is_none() => {
                return Ok(Vec::new());
            }
            Err(_) => {
                return Err(Problem::new(Kind::NotFound)
                    .with("what", self.say("目录", "directory"))
                    .with("name", directory.display())
                    .into());
            }
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(anyhow::Error::from)?.path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    /// The address of the database.
    pub(crate) fn url(&self) -> &str {
        self.global.db.as_deref().unwrap_or(DEFAULT_DATABASE)
    }

    /// Where the side file is: as it is named, else beside the file of a SQLite database.
    pub(crate) fn side_file(&self) -> Option<PathBuf> {
        let named = self.global.side_file.clone();
        let named = named.filter(|file| !file.as_os_str().is_empty());
        let beside = self.url().strip_prefix("sqlite://");
        let beside = beside.and_then(|rest| rest.split('?').next());
        let beside = beside.filter(|file| !file.is_empty());
        named.or_else(|| beside.map(|file| PathBuf::from(format!("{file}.released"))))
    }

    /// Opens the database and finds the book.
    pub(crate) async fn open_book(&self) -> Result<(App, Book), Error> {
        let app = self.open(false).await?;
        let book = app.book(self.global.book.as_deref()).await?;
        self.agency.get_or_init(|| book.name.clone());
        Ok((app, book))
    }

    /// Opens the database, finds the book and signs the user in.
    pub(crate) async fn enter(&self) -> Result<(App, Caller), Error> {
        let (app, book) = self.open_book().await?;
        let mut caller = self.sign_in(&app, book).await?;
        caller.progress = self.progress.clone();
        self.work();
        Ok((app, caller))
    }

    /// Signs the user of `--as` in.
    pub(crate) async fn sign_in(&self, app: &App, book: Book) -> Result<Caller, Error> {
        let missing = || Error::from(Problem::new(Kind::NotSignedIn));
        let login = self.global.user.as_deref().ok_or_else(missing)?;
        let prompt = format!("{} {login}: ", self.say("密码", "Password of"));
        let password = password::of_caller(&prompt).ok_or_else(missing)?;
        let code = password::code_of_caller();
        let given = Credentials {
            login,
            password: &password,
            code: code.as_deref(),
        };
        let (user, _) = session::identify(app, &book, given, SESSION).await?;
        Ok(Caller::new(book, user, SESSION))
    }

    /// Whether progress may be shown: on a terminal, for people.
    pub(crate) fn shows_progress(&self) -> bool {
        self.global.format == Format::Text && std::io::stderr().is_terminal()
    }

    /// Shows that work has begun, and how far it is where it counts its rows.
    pub(crate) fn work(&self) {
        if !self.shows_progress() {
            return;
        }
        self.sign.get_or_init(|| {
            let sign = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {rows}{elapsed}") {
                let progress = self.progress.clone();
                let unit = self.say("行", "rows").to_owned();
                sign.set_style(style.with_key(
                    "rows",
                    move |_: &ProgressState, out: &mut dyn Out| {
                        if let (done, of @ 1..) = progress.get() {
                            // What cannot be drawn is not shown; the work goes on.
                            let _ = write!(out, "{done}/{of} {unit} ");
                        }
                    },
                ));
            }
            sign.set_message(self.say("办理中", "working").to_owned());
            sign.enable_steady_tick(Duration::from_millis(120));
            sign
        });
    }

    /// Takes the sign away before the answer is printed.
    pub(crate) fn rest(&self) {
        if let Some(sign) = self.sign.get() {
            sign.finish_and_clear();
        }
    }

    /// The name of a file as the user knows it, and its bytes.
    ///
    /// # Errors
    /// `NotFound` when it is not there, `FieldInvalid` when it cannot be read or is too large.
    pub(crate) fn read(&self, path: &Path) -> Result<(String, Vec<u8>), Error> {
        let shown = path.display().to_string();
        let invalid = |wanted: &str| {
            Problem::new(Kind::FieldInvalid)
                .with("field", self.say("文件", "file"))
                .with("value", &shown)
                .with("wanted", wanted)
        };
        let unread = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => Problem::new(Kind::NotFound)
                .with("what", self.say("文件", "file"))
                .with("name", &shown),
            _ => invalid(self.say("可读的文件", "a file that can be read")),
        };
        let about = std::fs::metadata(path).map_err(&unread)?;
        if about.len() > FILE_BYTES_MAX {
            return Err(
                invalid(self.say("不大于 64 MiB 的文件", "a file of at most 64 MiB")).into(),
            );
        }
        let bytes = std::fs::read(path).map_err(&unread)?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok((name.to_string_lossy().into_owned(), bytes))
    }

    /// The name of a file as the user knows it, and its text in UTF-8.
    ///
    /// # Errors
    /// As [`Desk::read`], and `FieldInvalid` when it is not UTF-8.
    pub(crate) fn read_text(&self, path: &Path) -> Result<(String, String), Error> {
        let (name, bytes) = self.read(path)?;
        let text = String::from_utf8(bytes).map_err(|_| {
            Problem::new(Kind::FieldInvalid)
                .with("field", self.say("文件", "file"))
                .with("value", path.display())
                .with("wanted", self.say("UTF-8 文本", "text in UTF-8"))
        })?;
        let plain = text.strip_prefix('\u{feff}').map(str::to_owned);
        Ok((name, plain.unwrap_or(text)))
    }

    /// Writes a file that must not replace another one. The same bytes again are no change.
    ///
    /// # Errors
    /// `AlreadyExists` when a file with other content has the name; accidents.
    pub(crate) fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path);
        match file {
            Ok(mut file) => Ok(file.write_all(bytes).map_err(anyhow::Error::from)?),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if std::fs::read(path).is_ok_and(|found| found == bytes) {
                    return Ok(());
                }
                Err(Problem::new(Kind::AlreadyExists)
                    .with("what", self.say("文件", "file"))
                    .with("name", path.display())
                    .into())
            }
            Err(error) => Err(unwritten(path, error)),
        }
    }
}

/// The accident that a file could not be written.
pub(crate) fn unwritten(path: &Path, error: std::io::Error) -> Error {
    Error::Internal(anyhow::Error::from(error).context(format!("cannot write {}", path.display())))
}
