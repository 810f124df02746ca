//! The built program, run as a process: what a user types, and what comes back.
//!
//! [`Huimin`] types commands, [`Demo`] is a directory with a finished demo, made once for each
//! build of the program and copied for each test.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// A user's terminal: a database, a directory, who acts and in which language.
#[derive(Clone, Debug)]
pub struct Huimin {
    db: Option<String>,
    dir: PathBuf,
    user: Option<String>,
    password: Option<String>,
    language: &'static str,
}

/// What a command left: exit status and both streams.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit status; -1 when the process was killed.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// The one JSON document on standard output.
    ///
    /// # Panics
    /// When there is anything else.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not one JSON document: {error}\n{self:?}"))
    }

    /// The problem on standard error, as `--format json` writes it.
    ///
    /// # Panics
    /// When there is anything else.
    pub fn problem(&self) -> Value {
        serde_json::from_str(&self.stderr)
            .unwrap_or_else(|error| panic!("no problem as JSON: {error}\n{self:?}"))
    }

    /// The same output, of a command that must have ended with this status.
    ///
    /// # Panics
    /// When it ended otherwise.
    pub fn expect_status(self, status: i32) -> Output {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

impl Huimin {
    /// A terminal in this directory without database and user.
    pub fn at(dir: &Path) -> Huimin {
        Huimin {
            db: None,
            dir: dir.to_owned(),
            user: None,
            password: None,
            language: "zh",
        }
    }

    /// The same terminal with this database.
    #[must_use]
    pub fn db(&self, url: &str) -> Huimin {
        Huimin {
            db: Some(url.to_owned()),
            ..self.clone()
        }
    }

    /// The same terminal used by this person of the demo, whose password is known.
    #[must_use]
    pub fn user(&self, login: &str) -> Huimin {
        self.user_with(login, &api::demo::year::password_of(login))
    }

    /// The same terminal used by this person with this password.
    #[must_use]
    pub fn user_with(&self, login: &str, password: &str) -> Huimin {
        Huimin {
            user: Some(login.to_owned()),
            password: Some(password.to_owned()),
            ..self.clone()
        }
    }

    /// The same terminal in English.
    #[must_use]
    pub fn english(&self) -> Huimin {
        Huimin {
            language: "en",
            ..self.clone()
        }
    }

    /// Types a line; words are separated by spaces.
    pub fn run(&self, line: &str) -> Output {
        self.run_args(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Types words that may hold spaces.
    ///
    /// # Panics
    /// When the program cannot be started or prints what is not UTF-8.
    pub fn run_args(&self, args: &[&str]) -> Output {
        let output = self.command(args).output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Output {
            status: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Types a line and takes its JSON answer, whatever the exit status.
    pub fn json(&self, line: &str) -> Value {
        self.run(&format!("{line} --format json")).json()
    }

    /// Types a line and takes its JSON answer; the exit status must be 0.
    pub fn done(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --format json"));
        output.expect_status(0).json()
    }

    /// Types a line that must be refused and takes the problem.
    pub fn refused(&self, line: &str) -> Value {
        let output = self.run(&format!("{line} --format json")).expect_status(1);
        assert_eq!(output.stdout, "", "a refusal prints no answer");
        output.problem()
    }

    /// Types a line and does not wait; what it prints is dropped.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(&self, line: &str) -> Child {
        let mut command = self.command(&line.split_whitespace().collect::<Vec<_>>());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the program starts")
    }

    /// Serves on a free port of this machine. Gives the process and where it listens; what it
    /// prints after that is dropped.
    ///
    /// # Panics
    /// When the program cannot be started, or ends before it listens.
    pub fn serve(&self) -> (Child, std::net::SocketAddr) {
        self.serve_with(&[])
    }

    /// The same with more options.
    ///
    /// # Panics
    /// As [`Huimin::serve`].
    pub fn serve_with(&self, more: &[&str]) -> (Child, std::net::SocketAddr) {
        let args = ["serve", "--listen", "127.0.0.1:0", "--log-level", "off"];
        let mut command = self.command(&args);
        command.args(more);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = child.stderr.as_mut().expect("its standard error");
        let mut line = String::new();
        let mut lines = std::io::BufReader::new(stderr);
        std::io::BufRead::read_line(&mut lines, &mut line).expect("it says where it listens");
        let place = line
            .split("://")
            .nth(1)
            .map(|text| text.trim().trim_end_matches('/'));
        let address = place.and_then(|text| text.parse().ok());
        let address = address.unwrap_or_else(|| panic!("it does not listen: {line}"));
        (child, address)
    }

    /// Sets the password that a command gives to somebody.
    pub fn run_with_new_password(&self, line: &str, password: &str) -> Output {
        let mut command = self.command(&line.split_whitespace().collect::<Vec<_>>());
        let output = command.env("HUIMIN_NEW_PASSWORD", password).output();
        let output = output.expect("the program starts");
        Output {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        for name in [
            "DB",
            "BOOK",
            "USER",
            "PASSWORD",
            "NEW_PASSWORD",
            "LANG",
            "FONT",
            "PROFILES",
        ] {
            command.env_remove(format!("HUIMIN_{name}"));
        }
        command.env("HUIMIN_LANG", self.language);
        for (name, value) in [
            ("HUIMIN_DB", &self.db),
            ("HUIMIN_USER", &self.user),
            ("HUIMIN_PASSWORD", &self.password),
        ] {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command
    }
}

/// What cargo tells a test about its package. Build scripts look at it too (`ring`), and would run
/// again for nothing.
const PACKAGE: [&str; 7] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// The program, built when it is missing or older than its source. Cargo takes care that test
/// processes do so one after the other, and does nothing when it is fresh. The tests are named too:
/// the program then has its libraries in common with them and is linked only.
///
/// # Panics
/// When it cannot be built.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let profile = profile_directory();
        let name = profile.file_name().and_then(|name| name.to_str());
        let name = match name {
            Some("debug") | None => "dev",
            Some(other) => other,
        };
        let target = profile.parent().expect("the target directory");
        let mut cargo = Command::new(env!("CARGO"));
        for name in PACKAGE {
            cargo.env_remove(name);
        }
        let status = cargo
            .args(["build", "--quiet", "--workspace", "--bins", "--tests"])
            .args(["--profile", name, "--target-dir"])
            .arg(target)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .status();
        assert!(status.is_ok_and(|status| status.success()), "huimin builds");
        profile.join(format!("huimin{}", std::env::consts::EXE_SUFFIX))
    })
}

/// `target/debug` or what stands for it: tests run as `target/debug/deps/NAME`.
fn profile_directory() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(Path::parent);
    profile.expect("the build directory").to_owned()
}

/// A finished demo in a directory of its own.
#[derive(Debug)]
pub struct Demo {
    directory: TempDir,
    /// What the demo printed with `--format json`.
    pub json: Value,
}

impl Demo {
    /// January, with all its files.
    pub fn month() -> Demo {
        Demo::copy(Some("2022-01"), true)
    }

    /// January, the database only.
    pub fn month_database() -> Demo {
        Demo::copy(Some("2022-01"), false)
    }

    /// The whole year, the database only.
    pub fn year() -> Demo {
        Demo::copy(None, false)
    }

    fn copy(through: Option<&str>, files: bool) -> Demo {
        let template = template(through);
        let directory = tempfile::tempdir().expect("a temporary directory");
        for (name, content) in names(&template) {
            let database = name.starts_with("huimin.db");
            if database || files && name != "demo.json" {
                let to = directory.path().join(&name);
                std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
                std::fs::copy(content, to).expect("a copy");
            }
        }
        let json = std::fs::read_to_string(template.join("demo.json")).expect("the answer");
        let json = serde_json::from_str(&json).expect("the answer as JSON");
        Demo { directory, json }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The file of the database.
    pub fn database(&self) -> PathBuf {
        self.path().join("huimin.db")
    }

    /// A terminal on it for this person.
    pub fn huimin(&self, login: &str) -> Huimin {
        Huimin::at(self.path()).db(&self.url()).user(login)
    }

    /// The address of the database.
    pub fn url(&self) -> String {
        format!("sqlite://{}", self.database().display())
    }
}

/// A finished demo that nobody changes, made by the first who asks for it. Test processes wait for
/// each other at a lock beside it; another build of the program has another one.
fn template(through: Option<&str>) -> PathBuf {
    let program = binary();
    let about = std::fs::metadata(program).expect("the program");
    let built = about.modified().expect("when the program was built");
    let built = built
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let name = format!("{}-{}", through.unwrap_or("year"), built.as_nanos());
    let shelf = profile_directory().join("../tmp/huimin-demo");
    std::fs::create_dir_all(&shelf).expect("a place for demos");
    let lock = File::create(shelf.join("lock")).expect("a lock");
    lock.lock().expect("the lock");
    let template = shelf.join(&name);
    if !template.exists() {
        let prefix = format!("{}-", through.unwrap_or("year"));
        for entry in std::fs::read_dir(&shelf).expect("the demos") {
            let entry = entry.expect("a demo");
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                std::fs::remove_dir_all(entry.path()).expect("an old demo goes");
            }
        }
        let making = shelf.join(format!("{name}.part"));
        let mut line = format!("demo --format json --out {}", making.display());
        if let Some(through) = through {
            line.push_str(&format!(" --through {through}"));
        }
        let output = Huimin::at(&shelf).run(&line).expect_status(0);
        std::fs::write(making.join("demo.json"), &output.stdout).expect("the answer is kept");
        std::fs::rename(&making, &template).expect("the demo is there");
    }
    template
}

/// All files of a directory by their names within it, but for the database.
///
/// # Panics
/// When one cannot be read.
pub fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let names = names(directory).into_iter();
    names
        .filter(|(name, _)| !name.starts_with("huimin.db") && name != "demo.json")
        .map(|(name, path)| (name, std::fs::read(path).expect("a file of the demo")))
        .collect()
}

fn names(directory: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            let inside = names(&path).into_iter();
            found.extend(inside.map(|(inner, path)| (format!("{name}/{inner}"), path)));
        } else {
            found.insert(name, path);
        }
    }
    found
}
