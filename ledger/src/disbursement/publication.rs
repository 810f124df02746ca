//! Publication of a run (公示): for how long its list hangs out, and when the run may go on.

use crate::account::coded;
use crate::calendar::Date;

/// Days that a list can be published for at most.
pub const DAYS_MAX: i64 = 366;

coded! {
    /// Where an objection stands.
    pub enum ObjectionState {
        /// Nobody has settled it yet: the run waits.
        Received "received" "待处理",
        /// It is right: the run has to be corrected and published again.
        Upheld "upheld" "成立",
        /// It is not: the run may go on.
        Dismissed "dismissed" "不成立",
    }
}

coded! {
    /// Which days of a publication are counted.
    pub enum DayUnit {
        /// Every day.
        Calendar "calendar" "日历日",
        /// Days on which people work.
        Working "working" "工作日",
    }
}

/// Calendar days among which that many working days are looked for: a long holiday lasts nine.
const CALENDAR_DAYS_MAX: i64 = 4 * DAYS_MAX;

/// The last day of a publication of so many days from a first day on, both counted where they
/// count: a working day where the unit is working days. `None` when the days are not 1 to
/// [`DAYS_MAX`] or the calendar ends before.
pub fn last_day(
    first: Date,
    days: i64,
    unit: DayUnit,
    is_working_day: impl Fn(Date) -> bool,
) -> Option<Date> {
    let more = usize::try_from(days).ok()?.checked_sub(1)?;
    if days > DAYS_MAX {
        return None;
    }
    let all = (0..CALENDAR_DAYS_MAX).map_while(|more| {
        let more = u64::try_from(more).ok()?;
        first.checked_add_days(chrono::Days::new(more))
    });
    match unit {
        DayUnit::Calendar => all.into_iter().nth(more),
        DayUnit::Working => all.filter(|day| is_working_day(*day)).nth(more),
    }
}

/// How many days are left of a publication, today counted; 0 when its last day is over.
pub fn days_left(last: Date, today: Date) -> i64 {
    (last.signed_duration_since(today).num_days() + 1).max(0)
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, Weekday};

    use super::*;
    use crate::calendar::parse_date;

    #[test]
    fn days_are_counted_with_the_first_and_the_last() {
        for (first, days, last) in [
            ("2022-01-04", 5, Some("2022-01-08")),
            ("2022-01-04", 1, Some("2022-01-04")),
            ("2022-02-26", 7, Some("2022-03-04")),
            ("2022-01-04", 0, None),
            ("2022-01-04", -1, None),
            ("2022-01-04", 367, None),
        ] {
            let first = parse_date(first).unwrap();
            let last = last.map(|last| parse_date(last).unwrap());
            let found = last_day(first, days, DayUnit::Calendar, |_| false);
            assert_eq!(found, last, "{first} {days}");
        }
        // 2022-10-01 to 07 were free, Saturday the 8th and Sunday the 9th were worked.
        let worked = |day: Date| {
            let october = |n| Date::from_ymd_opt(2022, 10, n);
            match Some(day) {
                day if day == october(8) || day == october(9) => true,
                day if day >= october(1) && day <= october(7) => false,
                _ => !matches!(day.weekday(), Weekday::Sat | Weekday::Sun),
            }
        };
        for (first, days, last) in [
            ("2022-09-26", 5, "2022-09-30"),
            ("2022-09-29", 5, "2022-10-10"),
            ("2022-10-01", 1, "2022-10-08"),
            ("2022-10-15", 2, "2022-10-18"),
        ] {
            let (first, last) = (parse_date(first).unwrap(), parse_date(last).unwrap());
            let found = last_day(first, days, DayUnit::Working, worked);
            assert_eq!(found, Some(last), "{first} {days}");
        }
        let first = parse_date("2022-10-01").unwrap();
        assert_eq!(last_day(first, 1, DayUnit::Working, |_| false), None);
        let last = parse_date("2022-01-08").unwrap();
        for (today, left) in [
            ("2022-01-03", 6),
            ("2022-01-04", 5),
            ("2022-01-08", 1),
            ("2022-01-09", 0),
            ("2023-01-09", 0),
        ] {
            assert_eq!(days_left(last, parse_date(today).unwrap()), left, "{today}");
        }
    }
}
