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

/// The last day of a publication of so many days from a first day on, both counted; `None` when
/// the days are not 1 to [`DAYS_MAX`] or the calendar ends before.
pub fn last_day(first: Date, days: i64) -> Option<Date> {
    let more = u64::try_from(days).ok()?.checked_sub(1)?;
    (days <= DAYS_MAX)
        .then(|| first.checked_add_days(chrono::Days::new(more)))
        .flatten()
}

/// How many days are left of a publication, today counted; 0 when its last day is over.
pub fn days_left(last: Date, today: Date) -> i64 {
    (last.signed_duration_since(today).num_days() + 1).max(0)
}

#[cfg(test)]
mod tests {
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
            assert_eq!(last_day(first, days), last, "{first} {days}");
        }
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
