//! The payment day (发放日): by when the money of a month is to be with the people.

use crate::calendar::{Date, Month};
use crate::id::ProgramId;

/// The day of the month that holds where a program has none: 财社〔2012〕171号 has assistance paid
/// by the 10th.
pub const DAY_DEFAULT: u32 = 10;

/// By which day of each month a program pays, from a month on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentDay {
    /// The program.
    pub program: ProgramId,
    /// The first month in which it holds.
    pub from: Month,
    /// 1 to 31; a shorter month ends earlier.
    pub day: u32,
    /// Document number (文号).
    pub document: String,
}

/// By which date a program pays what is due in a month: the latest day that has begun, else the
/// 10th.
pub fn pay_by(days: &[PaymentDay], program: ProgramId, month: Month) -> Date {
    let begun = days
        .iter()
        .filter(|day| day.program == program && day.from <= month);
    let day = begun
        .max_by_key(|day| day.from)
        .map_or(DAY_DEFAULT, |day| day.day);
    month.day(day).unwrap_or_else(|| month.last_day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_that_has_begun_holds() {
        let day = |program, from: &str, day| PaymentDay {
            program: ProgramId(program),
            from: from.parse().unwrap(),
            day,
            document: "示例〔2022〕1号".to_owned(),
        };
        let days = [
            day(1, "2022-03", 28),
            day(1, "2022-06", 31),
            day(2, "2022-01", 5),
        ];
        for (program, month, date) in [
            (1, "2022-02", "2022-02-10"),
            (1, "2022-03", "2022-03-28"),
            (1, "2022-06", "2022-06-30"),
            (1, "2023-02", "2023-02-28"),
            (2, "2022-02", "2022-02-05"),
            (3, "2022-02", "2022-02-10"),
        ] {
            let found = pay_by(&days, ProgramId(program), month.parse().unwrap());
            assert_eq!(found.to_string(), date, "{program} {month}");
        }
    }
}
