//! Months, business dates, working days and moments. Nothing here reads a clock.

mod working;

use std::fmt;
use std::str::FromStr;

pub use chrono::NaiveDate as Date;
use chrono::{DateTime, Datelike};

pub use self::working::{DayKind, SHIPPED, ShippedYear, WorkingDays};

/// A calendar month, the accounting period of the books. Shown and stored as `YYYY-MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i32,
    month: u32,
}

/// The text was no month `YYYY-MM` or no date `YYYY-MM-DD` between the years 1900 and 2999.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a month or date: {0:?}")]
pub struct CalendarError(pub String);

impl Month {
    /// The month of a year; `month` is 1 to 12.
    pub fn new(year: i32, month: u32) -> Result<Month, CalendarError> {
        if (1900..=2999).contains(&year) && (1..=12).contains(&month) {
            Ok(Month { year, month })
        } else {
            Err(CalendarError(format!("{year}-{month}")))
        }
    }

    /// The month in which a date falls.
    pub fn of(date: Date) -> Month {
        Month {
            year: date.year(),
            month: date.month(),
        }
    }

    /// The calendar year.
    pub fn year(self) -> i32 {
        self.year
    }

    /// 1 to 12.
    pub fn number(self) -> u32 {
        self.month
    }

    /// Months since year 0: consecutive months differ by one.
    pub fn index(self) -> i32 {
        self.year * 12 + self.month.cast_signed() - 1
    }

    /// The month with this [`Month::index`].
    pub fn from_index(index: i32) -> Month {
        Month {
            year: index.div_euclid(12),
            month: index.rem_euclid(12).cast_unsigned() + 1,
        }
    }

    /// The following month.
    pub fn next(self) -> Month {
        Month::from_index(self.index() + 1)
    }

    /// The month before.
    pub fn previous(self) -> Month {
        Month::from_index(self.index() - 1)
    }

    /// All months from `self` to `last`, both included; none when `last` is earlier.
    pub fn through(self, last: Month) -> impl Iterator<Item = Month> {
        (self.index()..=last.index()).map(Month::from_index)
    }

    /// A day of this month; `None` when the month has no such day.
    pub fn day(self, day: u32) -> Option<Date> {
        Date::from_ymd_opt(self.year, self.month, day)
    }

    /// The last day of the month.
    pub fn last_day(self) -> Date {
        let next = self.next();
        Date::from_ymd_opt(next.year, next.month, 1)
            .and_then(|first| first.pred_opt())
            .unwrap_or(Date::MAX)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = CalendarError;

    fn from_str(text: &str) -> Result<Month, CalendarError> {
        let bad = || CalendarError(text.to_owned());
        let (year, month) = text.split_once('-').ok_or_else(bad)?;
        if year.len() != 4
            || month.len() != 2
            || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        {
            return Err(bad());
        }
        Month::new(
            year.parse().map_err(|_| bad())?,
            month.parse().map_err(|_| bad())?,
        )
        .map_err(|_| bad())
    }
}

/// Reads `YYYY-MM-DD`, strictly.
pub fn parse_date(text: &str) -> Result<Date, CalendarError> {
    let bad = || CalendarError(text.to_owned());
    if text.len() != 10 {
        return Err(bad());
    }
    let date = Date::parse_from_str(text, "%Y-%m-%d").map_err(|_| bad())?;
    if (1900..=2999).contains(&date.year()) {
        Ok(date)
    } else {
        Err(bad())
    }
}

/// A moment: microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// Chinese time, UTC+8 all year, in microseconds.
    pub const CHINA_OFFSET: i64 = 8 * 3600 * 1_000_000;

    /// The date in China; none beyond the calendar.
    pub fn date(self) -> Option<Date> {
        let time = DateTime::from_timestamp_micros(self.0.checked_add(Moment::CHINA_OFFSET)?);
        time.map(|time| time.date_naive())
    }
}

impl fmt::Display for Moment {
    /// RFC 3339 in UTC with six digits of the second.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp_micros(self.0) {
            Some(time) => out.write_str(&time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()),
            None => write!(out, "{}us", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_read_print_and_step() {
        for (text, next, last) in [
            ("2022-01", "2022-02", "2022-01-31"),
            ("2022-12", "2023-01", "2022-12-31"),
            ("2024-02", "2024-03", "2024-02-29"),
        ] {
            let month: Month = text.parse().unwrap();
            assert_eq!(month.to_string(), text);
            assert_eq!(month.next().to_string(), next);
            assert_eq!(month.next().previous(), month);
            assert_eq!(month.last_day().to_string(), last);
        }
        for bad in [
            "2022-13",
            "2022-00",
            "22-01",
            "2022-1",
            "2022-01-01",
            "",
            "二〇二二-01",
        ] {
            assert!(bad.parse::<Month>().is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_print_with_microseconds() {
        assert_eq!(
            Moment(1_641_000_000_000_001).to_string(),
            "2022-01-01T01:20:00.000001Z"
        );
    }
}
