//! One book with the people who work on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger::calendar::{Date, Moment, Month};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::book::Book;
use ledger_store::db::{Db, Engine};
use ledger_store::migrate;
use serde_json::Value;

use super::city::{ACCOUNT, City};
use crate::app::clock::{Clock, Entropy, moment_at};
use crate::app::users::{self, NewUser};
use crate::app::{App, Caller, Error, appropriation, not_found, policy};
use crate::demo::year::{PEOPLE, password_of};

/// A book, its database and its people.
#[derive(Debug)]
pub(super) struct Office {
    /// The use cases.
    pub(super) app: Arc<App>,
    /// The book.
    pub(super) book: Book,
    /// Whether another office counts the statements of this one's connections.
    pub(super) shares_connections: bool,
    callers: BTreeMap<&'static str, Caller>,
}

impl Office {
    /// The person with this login.
    pub(super) fn who(&self, login: &str) -> Result<&Caller, Error> {
        self.callers
            .get(login)
            .ok_or_else(|| not_found("用户 user", login))
    }

    async fn open(app: Arc<App>, number: usize, shares: bool) -> Result<Office, Error> {
        let (code, name) = (format!("bench-{number:02}"), format!("测算民政局{number}"));
        users::add_book(&app, &code, &name, "610881", None).await?;
        let book = app.book(Some(&code)).await?;
        let mut callers: BTreeMap<&'static str, Caller> = BTreeMap::new();
        for (login, name, role) in PEOPLE {
            let by = match callers.get("admin") {
                Some(admin) => admin.clone(),
                None => app.bootstrap(book.clone()),
            };
            let new = NewUser {
                login: login.to_owned(),
                name: name.to_owned(),
                roles: vec![role],
                password: password_of(login),
            };
            users::add_user(&app, &by, &new, None).await?;
            callers.insert(login, users::act_as(&app, &book, login, "bench").await?);
        }
        Ok(Office {
            app,
            book,
            shares_connections: shares,
            callers,
        })
    }

    /// Enters an appropriation for each program, and gives its document.
    pub(super) async fn grant(
        &self,
        on: Date,
        amounts: &[(String, Fen)],
    ) -> Result<Vec<(String, Fen)>, Error> {
        let mut text = "文号,级次,年度,项目,账户,金额,到账日期,顺序\n".to_owned();
        let mut letters = Vec::with_capacity(amounts.len());
        for (number, (program, amount)) in (1..).zip(amounts) {
            let (year, month) = (on.format("%Y"), on.format("%m"));
            let document = format!("演示测财〔{year}〕{month}{number:03}号");
            text.push_str(&format!(
                "{document},县级,{year},{program},{ACCOUNT},{amount},{on},{month}\n"
            ));
            letters.push((document, *amount));
        }
        let name = format!("{on}-指标.csv");
        let caller = self.who("accountant")?;
        appropriation::import(&self.app, caller, &name, text.as_bytes(), None).await?;
        Ok(letters)
    }
}

/// Opens the books in an empty database: each with its people and the city's policy.
///
/// On PostgreSQL each book has connections of its own, as if each had a program of its own; on
/// SQLite they share them, and wait for the one writer.
///
/// # Errors
/// [`Kind::DatabaseUsed`] when there are tables of ours already.
pub(super) async fn open_all(
    url: &str,
    books: usize,
    city: &City,
) -> Result<Vec<Arc<Office>>, Error> {
    let first = app(url).await?;
    if migrate::schema_version(&first.db).await?.is_some() {
        return Err(Problem::new(Kind::DatabaseUsed).into());
    }
    users::init(&first).await?;
    let policy = city.policy();
    let mut offices: Vec<Arc<Office>> = Vec::with_capacity(books);
    for number in 1..=books {
        let shares = number > 1 && first.db.engine() == Engine::Sqlite;
        let app = match number == 1 || shares {
            true => Arc::clone(&first),
            false => app(url).await?,
        };
        let office = Office::open(app, number, shares).await?;
        let maker = office.who("maker")?;
        policy::import(&office.app, maker, "policy.toml", &policy, None).await?;
        offices.push(Arc::new(office));
    }
    Ok(offices)
}

/// The use cases over a database, at the beginning of the measured time.
pub(super) async fn app(url: &str) -> Result<Arc<App>, Error> {
    let start = first_month()
        .day(1)
        .map_or(Moment(0), |day| moment_at(day, 8, 0));
    let db = Db::open(url).await?;
    Ok(Arc::new(App::new(
        db,
        Clock::fixed(start),
        Entropy::system(),
    )))
}

/// The first measured month.
pub(super) fn first_month() -> Month {
    Month::from_index(2026 * 12)
}

/// Sets the clocks of all offices.
pub(super) fn at(offices: &[Arc<Office>], on: Date, hour: u32) {
    for office in offices {
        office.app.clock.set(moment_at(on, hour, 0));
    }
}

/// A day of a month.
pub(super) fn day(month: Month, number: u32) -> Result<Date, Error> {
    month
        .day(number)
        .ok_or_else(|| anyhow::anyhow!("{month} has no day {number}").into())
}

/// An integer of an answer; 0 where there is none.
pub(super) fn int(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or(0)
}
