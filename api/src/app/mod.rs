//! The use cases.
//!
//! Every one that changes something goes through [`App::command`]: the caller's role is checked,
//! an earlier command with the same key answers for it, the change and its audit entry commit
//! together, and a refusal is recorded too. Those that read go through [`App::read`].
//!
//! To add a use case: a function in the module of its subject that builds an [`Order`] and passes
//! a closure to [`App::command`]; then a line in each skin.

pub mod appropriation;
pub mod approval;
pub mod audit;
pub mod backup;
pub mod calendar;
pub mod cancel;
pub mod clash;
mod clear;
pub mod clock;
pub mod doctor;
pub mod exception;
pub mod funding;
pub mod job;
pub mod layouts;
mod notice;
pub mod period;
pub mod personal;
pub mod policy;
pub mod proposal;
pub mod publication;
pub mod reason;
pub mod reconcile;
pub mod recovery;
pub mod release;
pub mod report;
pub mod returns;
pub mod roster;
pub mod run;
pub mod session;
pub mod side;
pub mod statement;
pub mod token;
pub mod trace;
pub mod users;
pub mod view;
pub mod waiting;
pub mod withdraw;
pub mod year;

pub use ledger_store::progress;

use ledger_store::boxed;
use std::collections::BTreeMap;

use bank_adapters::{Finding, Profile};
use ledger::audit::canonical::Json;
use ledger::audit::entry::Actor;
use ledger::audit::hex::document_hash;
use ledger::disbursement::role::{Action, Role, allowed, may};
use ledger::id::{BookId, UserId};
use ledger::problem::{Kind, Problem};
use ledger_store::book::{self, Book, User};
use ledger_store::constraint::Failure;
use ledger_store::db::{Db, Tx};
use ledger_store::error::StoreError;
use ledger_store::table;
use ledger_store::write::{Receipt, Record, Write};
use serde_json::{Map, Value, json};

use clock::{Clock, Entropy};
use progress::Progress;

/// The program: its database, its clock, its source of salts and the bank layouts it knows.
#[derive(Debug)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// The source of salts and keys.
    pub entropy: Entropy,
    /// The bank layouts.
    pub profiles: Vec<Profile>,
    /// The jobs that this program is at.
    pub jobs: job::AtWork,
    /// What was released, kept beside the database.
    pub side: Option<side::SideFile>,
}

/// Who acts, in which book.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The book.
    pub book: Book,
    /// The user.
    pub user: User,
    /// Where the user came from: `cli`, `web`, a session.
    pub session: String,
    /// A rehearsal: commands are worked out and answered, and then undone.
    pub rehearsal: bool,
    /// Where long work says how far it is.
    pub progress: Progress,
}

impl Caller {
    /// A user who acts, in a book, from somewhere.
    pub fn new(book: Book, user: User, session: &str) -> Caller {
        Caller {
            book,
            user,
            session: session.to_owned(),
            rehearsal: false,
            progress: Progress::default(),
        }
    }
}

/// A command: what is asked, under which key.
#[derive(Clone, Debug)]
pub struct Order {
    /// The caller's key; one is made when it is not given.
    pub key: Option<String>,
    /// What: `run.approve`. The kind of its audit entry.
    pub kind: &'static str,
    /// What the caller needs to be allowed to do.
    pub action: Action,
    /// The input, without personal data: files by hash.
    pub request: Map<String, Value>,
    /// Why, where a reason is asked.
    pub reason: Option<String>,
}

/// The answer to a command.
#[derive(Clone, Debug)]
pub struct Done {
    /// What the command says.
    pub answer: Value,
    /// Whether an earlier command with the same key gave this answer.
    pub replay: bool,
    /// Its place in the audit trail; none for a replay.
    pub receipt: Option<Receipt>,
}

/// What an earlier command has answered.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its answer.
    pub answer: Value,
    /// Its place in the audit trail.
    pub entry: i64,
}

/// Why a use case gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A refusal, with everything that was found in a file.
    #[error("{problem}")]
    Refused {
        /// The refusal.
        problem: Box<Problem>,
        /// Faults of the file, all of them.
        findings: Vec<Finding>,
    },
    /// An accident.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Refused {
            problem: Box::new(problem),
            findings: Vec::new(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Problem(problem) => Error::Refused {
                problem,
                findings: Vec::new(),
            },
            Failure::Store(error) => Error::Internal(error.into()),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Failure::from(error).into()
    }
}

impl From<ledger::money::MoneyError> for Error {
    fn from(error: ledger::money::MoneyError) -> Error {
        Problem::from(error).into()
    }
}

impl Order {
    /// A command of this kind.
    pub fn new(kind: &'static str, action: Action) -> Order {
        Order {
            key: None,
            kind,
            action,
            request: Map::new(),
            reason: None,
        }
    }

    /// Sets the caller's key.
    #[must_use]
    pub fn key(mut self, key: Option<String>) -> Order {
        self.key = key;
        self
    }

    /// Adds a field of the input.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Order {
        self.request.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a file of the input by name and hash.
    #[must_use]
    pub fn file(self, name: &str, content: &[u8]) -> Order {
        let hash = ledger::audit::hex::encode(&document_hash(content));
        self.field("file", name).field("sha256", hash)
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Order {
        self.reason = (!reason.is_empty()).then(|| reason.to_owned());
        self.field("reason", reason)
    }
}

impl App {
    /// The program over an open database.
    pub fn new(db: Db, clock: Clock, entropy: Entropy) -> App {
        App {
            db,
            clock,
            entropy,
            profiles: Profile::shipped(),
            jobs: job::AtWork::default(),
            side: None,
        }
    }

    /// Does a command: at most once per key, all of it or nothing, recorded either way.
    ///
    /// # Errors
    /// Refusals of the change, [`Kind::RoleMissing`] and [`Kind::KeyReused`]; accidents.
    pub async fn command<F>(&self, caller: &Caller, order: Order, change: F) -> Result<Done, Error>
    where
        F: AsyncFnOnce(&mut Write) -> Result<Value, Error>,
    {
        let result = self.attempt(caller, &order, change).await;
        if let Err(Error::Refused { problem, .. }) = &result {
            self.record_refusal(caller, &order, problem).await?;
        }
        result
    }

    async fn attempt<F>(&self, caller: &Caller, order: &Order, change: F) -> Result<Done, Error>
    where
        F: AsyncFnOnce(&mut Write) -> Result<Value, Error>,
    {
        authorise(caller, order.action)?;
        let key = order.key.clone().unwrap_or_else(|| self.entropy.key());
        let mut write = Write::begin(&self.db, caller.book.id).await?;
        let request = Value::Object(order.request.clone()).to_string();
        let earlier = match caller.rehearsal {
            true => None,
            false => write.earlier(&key).await?,
        };
        if let Some(earlier) = earlier {
            write.rollback().await?;
            if earlier.kind != order.kind || earlier.request != request {
                let field = differing_field(order, &earlier.kind, &earlier.request);
                return Err(Problem::new(Kind::KeyReused)
                    .with("key", key)
                    .with("field", field)
                    .into());
            }
            let answer = serde_json::from_str(&earlier.answer).map_err(anyhow::Error::from)?;
            return Ok(Done {
                answer,
                replay: true,
                receipt: None,
            });
        }
        if let Err(problem) = still_allowed(caller, order.action, &mut write).await? {
            write.rollback().await?;
            return Err(problem.into());
        }
        let answer = match change(&mut write).await {
            Ok(answer) => answer,
            Err(error) => {
                write.rollback().await?;
                return Err(error);
            }
        };
        if caller.rehearsal {
            write.rollback().await?;
            return Ok(Done {
                answer,
                replay: false,
                receipt: None,
            });
        }
        let row: [ledger_store::db::Value; 5] = [
            caller.book.id.get().into(),
            key.as_str().into(),
            order.kind.into(),
            request.into(),
            answer.to_string().into(),
        ];
        write.insert_one(&table::COMMAND, row).await?;
        let record = self.record(caller, order, order.kind.to_owned(), Some(key));
        let receipt = write.commit(record).await?;
        Ok(Done {
            answer,
            replay: false,
            receipt: Some(receipt),
        })
    }

    /// Records that somebody took something out of the books that is worth knowing of later: a bank
    /// file, a list. It changes nothing and has no key: twice taken is twice recorded.
    ///
    /// # Errors
    /// Accidents of the store.
    pub async fn witness(&self, caller: &Caller, order: &Order) -> Result<(), Error> {
        let write = Write::begin(&self.db, caller.book.id).await?;
        let record = self.record(caller, order, order.kind.to_owned(), None);
        write.commit(record).await?;
        Ok(())
    }

    /// Records a refusal; of many equal ones within a short time, their count.
    ///
    /// # Errors
    /// Accidents of the store.
    pub(crate) async fn record_refusal(
        &self,
        caller: &Caller,
        order: &Order,
        problem: &Problem,
    ) -> Result<(), Error> {
        let mut write = Write::begin(&self.db, caller.book.id).await?;
        let request = Value::Object(order.request.clone()).to_string();
        let what = json!([caller.user.login, order.kind, problem.code(), request]);
        let print = document_hash(what.to_string().as_bytes());
        if !write.tally_refusal(self.clock.now(), print).await? {
            return Ok(write.commit_tally().await?);
        }
        let kind = format!("{}.refused", order.kind);
        let mut record = self.record(caller, order, kind, order.key.clone());
        record
            .data
            .insert("code".to_owned(), Json::Text(problem.code().to_owned()));
        write.commit(record).await?;
        Ok(())
    }

    fn record(&self, caller: &Caller, order: &Order, kind: String, key: Option<String>) -> Record {
        let mut data = BTreeMap::new();
        data.insert(
            "request".to_owned(),
            json_of(&Value::Object(order.request.clone())),
        );
        Record {
            book_code: caller.book.code.clone(),
            time: self.clock.now(),
            kind,
            actor: Actor {
                user: caller.user.login.clone(),
                roles: caller
                    .user
                    .roles
                    .iter()
                    .map(|role| role.code().to_owned())
                    .collect(),
                session: caller.session.clone(),
            },
            key,
            reason: order.reason.clone(),
            data,
        }
    }

    /// What the command with this key has answered and where it is recorded; none when there is no
    /// such command, or the caller may not read of it.
    ///
    /// # Errors
    /// Accidents of the store.
    #[boxed]
    pub async fn told(&self, caller: &Caller, key: &str) -> Result<Option<Told>, Error> {
        let mut tx = self.db.begin_read().await?;
        let told = ledger_store::write::told(&mut tx, caller.book.id, key).await?;
        tx.rollback().await?;
        let reads = may(&caller.user.roles, Action::ReadReports);
        let keeps = may(&caller.user.roles, Action::ManageUsers);
        let Some((earlier, entry)) = told else {
            return Ok(None);
        };
        let of_users = ["user.", "factor."]
            .iter()
            .any(|kind| earlier.kind.starts_with(kind));
        if !(reads || keeps && of_users) {
            return Ok(None);
        }
        let answer = serde_json::from_str(&earlier.answer).map_err(anyhow::Error::from)?;
        Ok(Some(Told { answer, entry }))
    }

    /// Opens a consistent reading, when the caller may do this.
    ///
    /// # Errors
    /// [`Kind::RoleMissing`], recorded like every refusal.
    #[boxed]
    pub async fn read(&self, caller: &Caller, action: Action) -> Result<Tx, Error> {
        if let Err(problem) = authorise(caller, action) {
            let order = Order::new("read", action).field("action", action.code());
            self.record_refusal(caller, &order, &problem).await?;
            return Err(problem.into());
        }
        Ok(self.db.begin_read().await?)
    }

    /// The book with this code, or the only one there is.
    ///
    /// # Errors
    /// [`Kind::DatabaseEmpty`] and [`Kind::BookUnknown`].
    #[boxed]
    pub async fn book(&self, code: Option<&str>) -> Result<Book, Error> {
        if ledger_store::migrate::schema_version(&self.db)
            .await?
            .is_none()
        {
            return Err(Problem::new(Kind::DatabaseEmpty).into());
        }
        let mut tx = self.db.begin_read().await?;
        let books = book::books(&mut tx).await?;
        tx.rollback().await?;
        let found = match (code, books.as_slice()) {
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
            (Some(code), books) => books.iter().find(|book| book.code == code).cloned(),
        };
        found.ok_or_else(|| {
            Problem::new(Kind::BookUnknown)
                .with("name", code.unwrap_or("--book"))
                .into()
        })
    }

    /// A caller who stands for the program itself, before a book has users.
    pub fn bootstrap(&self, book: Book) -> Caller {
        let user = User {
            id: UserId(0),
            version: 0,
            login: "bootstrap".to_owned(),
            name: "初始化".to_owned(),
            roles: vec![Role::Admin],
            active: true,
        };
        Caller::new(book, user, "bootstrap")
    }
}

/// Refuses a caller whose roles do not allow the action.
pub fn authorise(caller: &Caller, action: Action) -> Result<(), Problem> {
    if may(&caller.user.roles, action) {
        return Ok(());
    }
    let needed: Vec<&str> = allowed(action).iter().map(|role| role.name()).collect();
    Err(Problem::new(Kind::RoleMissing)
        .with("user", &caller.user.login)
        .with("needed", needed.join("、")))
}

/// The caller as the book knows them now: roles and status may have changed since they signed in.
async fn still_allowed(
    caller: &Caller,
    action: Action,
    write: &mut Write,
) -> Result<Result<(), Problem>, Error> {
    if caller.user.id == UserId(0) {
        return Ok(Ok(()));
    }
    let users = book::users(write.tx(), caller.book.id).await?;
    let now = users
        .into_iter()
        .find(|user| user.id == caller.user.id && user.active);
    Ok(match now {
        Some(user) => authorise(
            &Caller {
                user,
                ..caller.clone()
            },
            action,
        ),
        None => Err(Problem::new(Kind::UserDisabled).with("user", &caller.user.login)),
    })
}

/// Not found.
pub fn not_found(what: &str, name: impl std::fmt::Display) -> Error {
    Problem::new(Kind::NotFound)
        .with("what", what)
        .with("name", name)
        .into()
}

/// A book for statements that need its number only.
pub fn number(book: &Book) -> BookId {
    book.id
}

fn differing_field(order: &Order, kind: &str, request: &str) -> String {
    if order.kind != kind {
        return "command".to_owned();
    }
    let earlier: Map<String, Value> = serde_json::from_str(request).unwrap_or_default();
    let names = order.request.keys().chain(earlier.keys());
    names
        .into_iter()
        .find(|name| order.request.get(*name) != earlier.get(*name))
        .cloned()
        .unwrap_or_else(|| "order of fields".to_owned())
}

/// JSON as the audit trail writes it: numbers as text.
fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Number(number) => Json::Text(number.to_string()),
        Value::String(text) => Json::Text(text.clone()),
        Value::Array(items) => Json::List(items.iter().map(json_of).collect()),
        Value::Object(fields) => Json::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), json_of(value)))
                .collect(),
        ),
    }
}
