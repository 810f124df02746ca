//! Working days (工作日): weekends are free, but for the holidays and make-up days (调休) that the
//! notice of a year sets.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Days, Weekday};

use super::Date;
use crate::account::coded;

/// How far a count of working days may reach, in calendar days: ten years. Further on, a date is
/// a mistake of whoever asks.
const DAYS_MAX: u64 = 3_660;

coded! {
    /// What a notice says of a day.
    pub enum DayKind {
        /// 放假: no working day, whatever the day of the week.
        Holiday "holiday" "放假",
        /// 调休上班: a working day on a weekend.
        Work "work" "上班",
    }
}

/// A year of the calendar as it is shipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShippedYear {
    /// Which year.
    pub year: i32,
    /// A calendar file in TOML, with the number of its notice and where that was read.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($year:literal),*) => {
        &[$(ShippedYear {
            year: $year,
            text: include_str!(concat!("../../calendars/", $year, ".toml")),
        }),*]
    };
}

/// The years that are shipped. To add one: a file in `ledger/calendars` and its year here.
pub const SHIPPED: &[ShippedYear] = shipped![2022, 2023, 2024, 2025, 2026];

/// Which days are working days. Years of which no notice is loaded have their weekends free and
/// nothing else: [`WorkingDays::knows`] tells them apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkingDays {
    years: BTreeSet<i32>,
    special: BTreeMap<Date, DayKind>,
}

impl WorkingDays {
    /// Takes the notice of a year in. Years are taken in their order: of a day that two notices
    /// name, such as the 31st of December, the later notice decides.
    pub fn load(&mut self, year: i32, days: impl IntoIterator<Item = (Date, DayKind)>) {
        self.years.insert(year);
        self.special.extend(days);
    }

    /// Whether the notice of a year is loaded.
    pub fn knows(&self, year: i32) -> bool {
        self.years.contains(&year)
    }

    /// The years from one day to another of which no notice is loaded.
    pub fn unknown_years(&self, from: Date, to: Date) -> Vec<i32> {
        let years = from.year()..=to.year();
        years.filter(|year| !self.knows(*year)).collect()
    }

    /// What a notice says of a day; none for a day like every week's.
    pub fn special(&self, date: Date) -> Option<DayKind> {
        self.special.get(&date).copied()
    }

    /// Whether people work on this day.
    pub fn is_working_day(&self, date: Date) -> bool {
        match self.special(date) {
            Some(kind) => kind == DayKind::Work,
            None => !matches!(date.weekday(), Weekday::Sat | Weekday::Sun),
        }
    }

    /// The `days`-th working day after a day; with 0 the day itself, worked or not. None beyond
    /// ten years.
    pub fn add_working_days(&self, from: Date, days: u32) -> Option<Date> {
        if days == 0 {
            return Some(from);
        }
        let skipped = usize::try_from(days - 1).ok()?;
        let mut after = (1..=DAYS_MAX).filter_map(|n| from.checked_add_days(Days::new(n)));
        let mut working = after.by_ref().filter(|date| self.is_working_day(*date));
        working.nth(skipped)
    }

    /// The last working day that is not after a day: when something due on that day must be done.
    pub fn on_or_before(&self, date: Date) -> Date {
        let mut days = (0..=DAYS_MAX).filter_map(|n| date.checked_sub_days(Days::new(n)));
        days.find(|date| self.is_working_day(*date)).unwrap_or(date)
    }

    /// The first working day that is not before a day.
    pub fn on_or_after(&self, date: Date) -> Date {
        let mut days = (0..=DAYS_MAX).filter_map(|n| date.checked_add_days(Days::new(n)));
        days.find(|date| self.is_working_day(*date)).unwrap_or(date)
    }

    /// How many working days lie after a day, up to and with another; 0 when that is not later.
    pub fn working_days_between(&self, from: Date, to: Date) -> i64 {
        let after = from.iter_days().skip(1).take_while(|date| *date <= to);
        let working = after.filter(|date| self.is_working_day(*date)).count();
        i64::try_from(working).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse_date;
    use super::*;

    fn day(text: &str) -> Date {
        parse_date(text).unwrap()
    }

    /// 国庆节 2022: seven days free, then a Saturday and a Sunday worked.
    fn october() -> WorkingDays {
        let mut days = WorkingDays::default();
        let free = (1..=7).map(|n| (Date::from_ymd_opt(2022, 10, n).unwrap(), DayKind::Holiday));
        let work = [8, 9].map(|n| (Date::from_ymd_opt(2022, 10, n).unwrap(), DayKind::Work));
        days.load(2022, free.chain(work));
        days
    }

    #[test]
    fn holidays_and_make_up_days_decide_before_the_weekend() {
        let (days, plain) = (october(), WorkingDays::default());
        for (date, with, without) in [
            ("2022-09-30", true, true),
            ("2022-10-01", false, false),
            ("2022-10-07", false, true),
            ("2022-10-08", true, false),
            ("2022-10-09", true, false),
            ("2022-10-10", true, true),
        ] {
            assert_eq!(days.is_working_day(day(date)), with, "{date}");
            assert_eq!(plain.is_working_day(day(date)), without, "{date}");
        }
        assert!(days.knows(2022) && !days.knows(2023));
        let span = (day("2021-12-31"), day("2023-01-01"));
        assert_eq!(days.unknown_years(span.0, span.1), [2021, 2023]);
    }

    #[test]
    fn working_days_are_counted_from_the_day_after() {
        let days = october();
        for (from, n, to) in [
            ("2022-09-30", 0, "2022-09-30"),
            ("2022-09-30", 1, "2022-10-08"),
            ("2022-09-30", 3, "2022-10-10"),
            ("2022-10-03", 2, "2022-10-09"),
        ] {
            assert_eq!(
                days.add_working_days(day(from), n),
                Some(day(to)),
                "{from} {n}"
            );
            let count = days.working_days_between(day(from), day(to));
            assert_eq!(count, i64::from(n), "{from} {to}");
        }
        assert_eq!(
            days.working_days_between(day("2022-10-10"), day("2022-09-30")),
            0
        );
        assert_eq!(days.on_or_before(day("2022-10-07")), day("2022-09-30"));
        assert_eq!(days.on_or_after(day("2022-10-01")), day("2022-10-08"));
        assert_eq!(days.add_working_days(day("2022-01-01"), 10_000), None);
    }

    #[test]
    fn the_later_notice_decides() {
        let mut days = october();
        days.load(2023, [(day("2022-10-08"), DayKind::Holiday)]);
        assert!(!days.is_working_day(day("2022-10-08")));
    }

    proptest! {
        /// Adding n working days ends on a working day, n of them later.
        #[test]
        fn adding_and_counting_agree(offset in 0_u64..400, n in 1_u32..60) {
            let (days, from) = (october(), day("2022-08-01") + Days::new(offset));
            let to = days.add_working_days(from, n).unwrap();
            prop_assert!(days.is_working_day(to));
            prop_assert_eq!(days.working_days_between(from, to), i64::from(n));
        }
    }
}
