//! The demo: a synthetic Shenmu's year 2022, done through the use cases like any bureau would do
//! it, with a simulated bank on the other side.
//!
//! [`county`] makes the people and calibrates their awards to the published figures, [`bank`] reads
//! the batch files with parsers of its own and answers, [`year`] lets eight people do the work,
//! [`summary`] says what came of it. Every command carries a key, so a demo that was killed is
//! finished by starting it again.

pub mod bank;
pub mod bank_file;
pub mod bank_message;
pub mod calibrate;
pub mod county;
pub mod plans;
pub mod random;
pub mod roster_file;
pub mod summary;
pub mod year;

mod builder;
mod dibao;
mod others;
pub(crate) mod people;
mod tekun;

use ledger_store::boxed;
use std::path::PathBuf;

use ledger::audit::hex::encode;
use ledger::calendar::Month;
use ledger::disbursement::role::Role;
use ledger::problem::Language;
use ledger_store::book::Book;
use ledger_store::db::Db;

use crate::app::clock::{Clock, Entropy, moment_at};
use crate::app::{App, Error, calendar, users};

pub use summary::Summary;

/// How the demo is run.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Where files go out and come back, and where the database is when none is named.
    pub out: PathBuf,
    /// The database; a SQLite file in `out` by default.
    pub db: Option<String>,
    /// The last month to be done; December by default.
    pub through: Option<Month>,
    /// The language of the progress lines.
    pub language: Language,
    /// Whether to say on standard output what is being done.
    pub progress: bool,
}

/// Does the year, or finishes one that was interrupted, and says what came of it.
///
/// # Errors
/// Refusals and accidents of the use cases; a database that holds another book.
#[boxed]
pub async fn run(options: &DemoOptions) -> Result<Summary, Error> {
    let (summary, app, _) = worked(options, false).await?;
    app.db.close().await;
    Ok(summary)
}

/// The same, and the demo's books opened for the pages: its story goes on at nine of the first
/// working day that is not closed, its people have new passwords, good until the demo is served
/// again.
///
/// # Errors
/// As [`run`].
#[boxed]
pub async fn open(options: &DemoOptions) -> Result<(Summary, App, Vec<Guest>), Error> {
    let (summary, app, book) = worked(options, true).await?;
    let mut tx = app.db.begin_read().await?;
    let days = calendar::working_days(&mut tx, book.id).await?;
    tx.rollback().await?;
    let next = days.on_or_after(app.clock.today().succ_opt().unwrap_or_default());
    let app = App::new(
        app.db,
        Clock::from(moment_at(next, 9, 0)),
        Entropy::system(),
    );
    let mut guests = Vec::new();
    for (login, name, role) in year::PEOPLE {
        let caller = users::act_as(&app, &book, login, "demo").await?;
        let salt = app.entropy.salt("password")?;
        let password: Vec<String> = salt.chunks(2).take(4).map(encode).collect();
        let password = password.join("-");
        users::set_password(&app, &caller, login, &password, None).await?;
        guests.push(Guest {
            login,
            name,
            role,
            password,
        });
    }
    Ok((summary, app, guests))
}

/// Somebody of the demo, with what they sign in with.
pub struct Guest {
    /// The user's name.
    pub login: &'static str,
    /// The person's name.
    pub name: &'static str,
    /// The role.
    pub role: Role,
    /// The password.
    pub password: String,
}

/// The demo's books after its last month; when the story is to go on, with the letters that bring
/// the money of the next one.
async fn worked(options: &DemoOptions, goes_on: bool) -> Result<(Summary, App, Book), Error> {
    std::fs::create_dir_all(&options.out).map_err(anyhow::Error::from)?;
    let url = options
        .db
        .clone()
        .unwrap_or_else(|| format!("sqlite://{}", options.out.join("huimin.db").display()));
    let db = Db::open(&url).await?;
    let app = App::new(
        db,
        Clock::fixed(year::start()),
        Entropy::seeded("shenmu-2022"),
    );
    let mut year = year::Year::open(&app, options).await?;
    let book = year.work().await?;
    let summary = summary::of(&app, &book).await?;
    if goes_on {
        year.go_on().await?;
    }
    Ok((summary, app, book))
}
