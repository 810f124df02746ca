//! The success rate (发放成功率): an exact fraction, never a float.

use std::fmt;

use ledger::money::{Fen, MoneyError};

/// `paid ÷ attempted`, by count (payments) or by amount (fen).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rate {
    /// What arrived.
    pub paid: i64,
    /// What was tried and has a terminal answer.
    pub attempted: i64,
}

/// The success rate of one cell of a report at one cut-off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SuccessRate {
    /// Payments at their first attempt, before any re-pay.
    pub first_count: Rate,
    /// Fen at the first attempt.
    pub first_amount: Rate,
    /// Payments after re-pay.
    pub final_count: Rate,
    /// Fen after re-pay.
    pub final_amount: Rate,
    /// Payments that the bank has not decided: neither paid nor failed.
    pub pending_count: i64,
    /// The amount of the pending payments.
    pub pending_amount: Fen,
}

impl Rate {
    /// The rate of so many paid out of so many attempted.
    pub const fn new(paid: i64, attempted: i64) -> Rate {
        Rate { paid, attempted }
    }

    /// In per cent with two decimals, rounded half up: `98.00 %`; `—` when nothing was attempted.
    ///
    /// What is short of everything never prints as 100.00, and what is more than nothing never
    /// prints as 0.00: a single failure in a million stays visible.
    pub fn percent(self) -> String {
        if self.attempted <= 0 {
            return "—".to_owned();
        }
        let (paid, attempted) = (i128::from(self.paid), i128::from(self.attempted));
        let rounded = (paid * 20_000 + attempted).div_euclid(attempted * 2);
        let hundredths = if paid > 0 && rounded == 0 {
            1
        } else if paid < attempted {
            rounded.min(9_999)
        } else {
            rounded
        };
        let sign = if hundredths < 0 { "-" } else { "" };
        let (whole, part) = (hundredths.abs() / 100, hundredths.abs() % 100);
        format!("{sign}{whole}.{part:02} %")
    }

    /// The rate of both together.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond 64 bits.
    pub fn merge(self, other: Rate) -> Result<Rate, MoneyError> {
        let add = |left: i64, right: i64| left.checked_add(right).ok_or(MoneyError::OutOfRange);
        Ok(Rate {
            paid: add(self.paid, other.paid)?,
            attempted: add(self.attempted, other.attempted)?,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.percent())
    }
}

impl SuccessRate {
    /// The success rate of both together: the parts of a report add up to the whole.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond 64 bits or [`Fen::MAX`].
    pub fn merge(self, other: SuccessRate) -> Result<SuccessRate, MoneyError> {
        Ok(SuccessRate {
            first_count: self.first_count.merge(other.first_count)?,
            first_amount: self.first_amount.merge(other.first_amount)?,
            final_count: self.final_count.merge(other.final_count)?,
            final_amount: self.final_amount.merge(other.final_amount)?,
            pending_count: self
                .pending_count
                .checked_add(other.pending_count)
                .ok_or(MoneyError::OutOfRange)?,
            pending_amount: self.pending_amount.plus(other.pending_amount)?,
        })
    }

    /// The success rate of all rows together.
    ///
    /// # Errors
    /// As [`SuccessRate::merge`].
    pub fn total(rows: impl IntoIterator<Item = SuccessRate>) -> Result<SuccessRate, MoneyError> {
        rows.into_iter()
            .try_fold(SuccessRate::default(), SuccessRate::merge)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentages_are_exact_and_never_flatter() {
        for (paid, attempted, text) in [
            (0, 0, "—"),
            (98, 100, "98.00 %"),
            (100, 100, "100.00 %"),
            (0, 100, "0.00 %"),
            (2, 3, "66.67 %"),
            (1, 3, "33.33 %"),
            (1, 8, "12.50 %"),
            (1, 20_000, "0.01 %"),
            (3, 20_000, "0.02 %"),
            (1, 1_000_000, "0.01 %"),
            (999_999, 1_000_000, "99.99 %"),
            (19_999, 20_000, "99.99 %"),
            (151, 215, "70.23 %"),
            (215, 257, "83.66 %"),
            (i64::MAX - 1, i64::MAX, "99.99 %"),
            (i64::MAX, i64::MAX, "100.00 %"),
        ] {
            assert_eq!(
                Rate::new(paid, attempted).percent(),
                text,
                "{paid}/{attempted}"
            );
        }
    }

    #[test]
    fn too_much_is_refused_not_wrapped() {
        let full = Rate::new(i64::MAX, i64::MAX);
        assert_eq!(full.merge(Rate::new(0, 1)), Err(MoneyError::OutOfRange));
    }

    fn rate() -> impl Strategy<Value = Rate> {
        (0..1_000_000_i64, 0..1_000_000_i64)
            .prop_map(|(paid, failed)| Rate::new(paid, paid + failed))
    }

    fn success() -> impl Strategy<Value = SuccessRate> {
        (
            rate(),
            rate(),
            rate(),
            rate(),
            0..1000_i64,
            0..1_000_000_i64,
        )
            .prop_map(
                |(first_count, first_amount, final_count, final_amount, pending_count, fen)| {
                    SuccessRate {
                        first_count,
                        first_amount,
                        final_count,
                        final_amount,
                        pending_count,
                        pending_amount: Fen::new(fen),
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn the_ends_of_the_scale_are_exact(rate in rate()) {
            let text = rate.percent();
            prop_assert_eq!(text == "—", rate.attempted == 0);
            prop_assert_eq!(text == "100.00 %", rate.attempted > 0 && rate.paid == rate.attempted);
            prop_assert_eq!(text == "0.00 %", rate.attempted > 0 && rate.paid == 0);
        }

        #[test]
        fn parts_add_up_in_any_order(rows in prop::collection::vec(success(), 0..12)) {
            let forward = SuccessRate::total(rows.iter().copied()).unwrap();
            let backward = SuccessRate::total(rows.iter().rev().copied()).unwrap();
            prop_assert_eq!(forward, backward);
            let paid: i64 = rows.iter().map(|row| row.final_amount.paid).sum();
            prop_assert_eq!(forward.final_amount.paid, paid);
        }
    }
}
