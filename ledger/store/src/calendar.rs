//! The calendar of working days: the newest notice of each year.

use crate::boxed;
use ledger::calendar::{Date, DayKind, WorkingDays, parse_date};
use ledger::id::{BookId, FileId};

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{RowBuffer, Tx, Value};
use crate::error::StoreError;
use crate::table;
use crate::write::Write;

sql! {
    YEARS = "select year, version, document, file_id from calendar_year y
        where book_id = $1 and version = (select max(version) from calendar_year n
            where n.book_id = y.book_id and n.year = y.year)
        order by year";
    DAYS = "select d.year, d.on_date, d.kind, d.name from calendar_day d
        where d.book_id = $1 and d.version = (select max(version) from calendar_year n
            where n.book_id = d.book_id and n.year = d.year)
        order by d.year, d.on_date";
}

/// The notice of a year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarYear {
    /// Which year.
    pub year: i32,
    /// How often it was imported.
    pub version: i64,
    /// The number of the notice.
    pub document: String,
    /// The file that it was read from.
    pub file: FileId,
    /// The days that it names, by date.
    pub days: Vec<CalendarDay>,
}

/// A holiday or a make-up day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarDay {
    /// Which day.
    pub date: Date,
    /// Free or worked.
    pub kind: DayKind,
    /// 节日: of which holiday.
    pub name: String,
}

/// The notices that are loaded, by year.
#[boxed]
pub async fn years(tx: &mut Tx, book: BookId) -> Result<Vec<CalendarYear>, StoreError> {
    let args = [book.get().into()];
    let mut years: Vec<CalendarYear> = Vec::new();
    for row in tx.query(YEARS, &args).await? {
        years.push(CalendarYear {
            year: year_of(row.int(0)?)?,
            version: row.int(1)?,
            document: row.text(2)?,
            file: FileId(row.int(3)?),
            days: Vec::new(),
        });
    }
    for row in tx.query(DAYS, &args).await? {
        let of = year_of(row.int(0)?)?;
        let day = CalendarDay {
            date: parse_date(&row.text(1)?)
                .map_err(|_| StoreError::inconsistent("calendar_day", "on_date"))?,
            kind: DayKind::from_code(&row.text(2)?)
                .ok_or_else(|| StoreError::inconsistent("calendar_day", "kind"))?,
            name: row.text(3)?,
        };
        let year = years.iter_mut().find(|year| year.year == of);
        let year = year.ok_or_else(|| StoreError::inconsistent("calendar_day", "year"))?;
        year.days.push(day);
    }
    Ok(years)
}

fn year_of(number: i64) -> Result<i32, StoreError> {
    i32::try_from(number).map_err(|_| StoreError::inconsistent("calendar_year", "year"))
}

/// The working days of a book.
#[boxed]
pub async fn working_days(tx: &mut Tx, book: BookId) -> Result<WorkingDays, StoreError> {
    let mut days = WorkingDays::default();
    for year in years(tx, book).await? {
        days.load(year.year, year.days.iter().map(|day| (day.date, day.kind)));
    }
    Ok(days)
}

/// Stores a notice; its days are in the order of their dates.
#[boxed]
pub async fn add_year(write: &mut Write, year: &CalendarYear) -> Result<(), Failure> {
    let book = Value::Int(write.book().get());
    let (number, version) = (Value::Int(i64::from(year.year)), Value::Int(year.version));
    let row: [Value; 6] = [
        book.clone(),
        number.clone(),
        version.clone(),
        year.document.as_str().into(),
        year.file.get().into(),
        i64::try_from(year.days.len()).unwrap_or(i64::MAX).into(),
    ];
    write.insert_one(&table::CALENDAR_YEAR, row).await?;
    let mut rows = RowBuffer::of(&table::CALENDAR_DAY);
    for day in &year.days {
        rows.push([
            book.clone(),
            number.clone(),
            version.clone(),
            day.date.to_string().into(),
            day.kind.code().into(),
            day.name.as_str().into(),
        ]);
    }
    Ok(write.insert(&table::CALENDAR_DAY, rows).await?)
}
