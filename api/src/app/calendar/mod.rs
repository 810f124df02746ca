//! The calendar of working days (工作日): the holidays and make-up days (调休) of each year, as its
//! notice sets them, imported as data.
//!
//! A year of which no notice is loaded has its weekends free and nothing else; whatever shows a
//! count of working days says so, by [`WorkingDays::unknown_years`].

mod read;

use chrono::Datelike;
use ledger::calendar::{Date, DayKind, Month, SHIPPED, WorkingDays};
use ledger::disbursement::role::Action;
use ledger::id::BookId;
use ledger::problem::{Kind, Problem};
use ledger_store::batch::store_file;
use ledger_store::boxed;
use ledger_store::calendar as store;
use ledger_store::calendar::{CalendarDay, CalendarYear};
use ledger_store::db::Tx;
use ledger_store::error::StoreError;
use serde_json::json;

use super::view::{Report, Table, words};
use super::{App, Caller, Done, Error, Order, not_found};

/// A calendar file to be imported.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub file_name: String,
    /// TOML or CSV in UTF-8 or GB18030, or a workbook.
    pub bytes: Vec<u8>,
}

impl Source {
    /// The calendar of a year that is shipped.
    ///
    /// # Errors
    /// [`Kind::NotFound`].
    pub fn shipped(year: i32) -> Result<Source, Error> {
        let found = SHIPPED.iter().find(|shipped| shipped.year == year);
        let found = found.ok_or_else(|| not_found("随附的工作日历 shipped calendar", year))?;
        Ok(Source {
            file_name: format!("{year}.toml"),
            bytes: found.text.as_bytes().to_vec(),
        })
    }
}

/// Imports the years of a calendar file: all of them or none. A year that is loaded already and is
/// the same is left alone; another notice of it is a new version, which counts from then on.
///
/// # Errors
/// [`Kind::FieldInvalid`] for a single fault with its place, [`Kind::CalendarFaulty`] with all of
/// them for several.
#[boxed]
pub async fn import(
    app: &App,
    caller: &Caller,
    source: &Source,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = Order::new("calendar.import", Action::ManagePolicy)
        .key(key)
        .file(&source.file_name, &source.bytes);
    app.command(caller, order, async |write| {
        let notices = read::notices(&source.file_name, &source.bytes)?;
        let book = write.book();
        let known = store::years(write.tx(), book).await?;
        let mut file = None;
        let (mut added, mut unchanged) = (Vec::new(), Vec::new());
        for notice in notices {
            let last = known.iter().find(|year| year.year == notice.year);
            let same = |last: &&CalendarYear| {
                (&last.document, &last.days) == (&notice.document, &notice.days)
            };
            if last.filter(same).is_some() {
                unchanged.push(notice.year);
                continue;
            }
            let id = match file {
                Some(id) => id,
                None => {
                    store_file(write, "calendar", &source.file_name, &source.bytes)
                        .await?
                        .id
                }
            };
            file = Some(id);
            let year = CalendarYear {
                year: notice.year,
                version: last.map_or(1, |last| last.version + 1),
                document: notice.document,
                file: id,
                days: notice.days,
            };
            store::add_year(write, &year).await?;
            let worked = year
                .days
                .iter()
                .filter(|day| day.kind == DayKind::Work)
                .count();
            added.push(json!({
                "year": year.year,
                "version": year.version,
                "document": year.document,
                "holidays": year.days.len() - worked,
                "make_up_days": worked,
            }));
        }
        Ok(json!({ "years": added, "unchanged": unchanged }))
    })
    .await
}

/// The working days of a book.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn working_days(tx: &mut Tx, book: BookId) -> Result<WorkingDays, StoreError> {
    store::working_days(tx, book).await
}

/// Whether people work on this day.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn is_working_day(tx: &mut Tx, book: BookId, date: Date) -> Result<bool, StoreError> {
    Ok(store::working_days(tx, book).await?.is_working_day(date))
}

/// The `days`-th working day after a day; with 0 the day itself.
///
/// # Errors
/// [`Kind::FieldInvalid`] beyond ten years; accidents of the store.
#[boxed]
pub async fn add_working_days(
    tx: &mut Tx,
    book: BookId,
    from: Date,
    days: u32,
) -> Result<Date, Error> {
    let calendar = store::working_days(tx, book).await?;
    let found = calendar.add_working_days(from, days);
    found.ok_or_else(|| {
        let wanted = "十年以内 within ten years";
        super::policy::invalid("days", &days.to_string(), wanted)
    })
}

/// The calendar of a year: what its notice says, and how many working days each month has.
///
/// # Errors
/// [`Kind::RoleMissing`]; accidents of the store.
#[boxed]
pub async fn list(app: &App, caller: &Caller, year: i32) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let years = store::years(&mut tx, caller.book.id).await?;
    let calendar = store::working_days(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let months = months_of(year)?;
    let loaded = years.iter().find(|loaded| loaded.year == year);
    let days: &[CalendarDay] = loaded.map_or(&[], |year| year.days.as_slice());
    let counts: Vec<(Month, usize)> = months
        .map(|month| (month, worked_in(&calendar, month)))
        .collect();
    let json = json!({
        "year": year,
        "loaded": loaded.is_some(),
        "document": loaded.map(|year| &year.document),
        "version": loaded.map(|year| year.version),
        "days": days.iter().map(|day| json!({
            "date": day.date.to_string(),
            "kind": day.kind.code(),
            "name": day.name,
        })).collect::<Vec<_>>(),
        "months": counts.iter().map(|(month, days)| json!({
            "month": month.to_string(),
            "working_days": days,
        })).collect::<Vec<_>>(),
    });
    Ok(Report::new(
        json,
        vec![days_table(year, loaded), months_table(&counts)],
    ))
}

fn months_of(year: i32) -> Result<impl Iterator<Item = Month>, Error> {
    match (Month::new(year, 1), Month::new(year, 12)) {
        (Ok(first), Ok(last)) => Ok(first.through(last)),
        _ => Err(super::policy::invalid(
            "year",
            &year.to_string(),
            "1900-2999",
        )),
    }
}

fn worked_in(calendar: &WorkingDays, month: Month) -> usize {
    let days = (1..=31).filter_map(|day| month.day(day));
    days.filter(|date| calendar.is_working_day(*date)).count()
}

fn days_table(year: i32, loaded: Option<&CalendarYear>) -> Table {
    let title = match loaded {
        Some(loaded) => {
            let document = &loaded.document;
            words(
                format!("{year} 年放假调休 {document}"),
                format!("Calendar of {year}: {document}"),
            )
        }
        None => words(
            format!("{year} 年未导入放假安排,只按周末推算"),
            format!("No notice of {year} is loaded: weekends only"),
        ),
    };
    let mut table = Table::new(
        title,
        &[
            ("日期", "date", false),
            ("星期", "weekday", false),
            ("安排", "kind", false),
            ("节日", "holiday", false),
        ],
    );
    for day in loaded.map_or(&[][..], |year| year.days.as_slice()) {
        let weekday = ["一", "二", "三", "四", "五", "六", "日"];
        let place = day.date.weekday().num_days_from_monday() as usize;
        table.row([
            day.date.to_string(),
            weekday
                .get(place)
                .map_or(String::new(), |name| (*name).to_owned()),
            format!("{} {}", day.kind.name(), day.kind.code()),
            day.name.clone(),
        ]);
    }
    table
}

fn months_table(counts: &[(Month, usize)]) -> Table {
    let mut table = Table::new(
        words("各月工作日", "Working days by month"),
        &[("月份", "month", false), ("工作日", "working days", true)],
    );
    for (month, days) in counts {
        table.row([month.to_string(), days.to_string()]);
    }
    let total: usize = counts.iter().map(|(_, days)| days).sum();
    table.row(["合计 total".to_owned(), total.to_string()]);
    table
}

/// One fault is the refusal itself; several are one refusal that lists them.
fn refused(faults: Vec<Problem>) -> Error {
    match faults.as_slice() {
        [only] => only.clone().into(),
        _ => Error::Refused {
            problem: Box::new(
                Problem::new(Kind::CalendarFaulty)
                    .with("count", faults.len())
                    .at(faults
                        .first()
                        .map(|first| first.place.clone())
                        .unwrap_or_default()),
            ),
            findings: faults.iter().map(super::policy::finding).collect(),
        },
    }
}
