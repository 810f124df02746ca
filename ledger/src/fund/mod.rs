//! Where the money of a release comes from: appropriations in order, or by shares of each level.
//!
//! [`plan`] decides how much of each appropriation a release uses; [`Draw::take`] lays that over
//! the payments, consecutively, so that each payment maps to one appropriation, or to two where it
//! straddles a boundary. The same inputs give the same answer always, so a batch can be explained
//! years later.

use crate::account::coded;
use crate::id::AppropriationId;
use crate::money::Fen;
use crate::problem::{Kind, Problem};

coded! {
    /// Who granted the money.
    pub enum Level {
        /// 中央财政.
        Central "central" "中央",
        /// 省级财政.
        Province "province" "省级",
        /// 市级财政.
        City "city" "市级",
        /// 县级财政.
        County "county" "县级",
        /// 社会捐赠.
        Donation "donation" "捐赠",
    }
}

/// What is left of one appropriation at one bank account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// The quota letter.
    pub appropriation: AppropriationId,
    /// Its level.
    pub level: Level,
    /// What can still be drawn.
    pub available: Fen,
}

/// How a release is funded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Funding {
    /// The first lot until it is empty, then the next.
    InOrder,
    /// Declared parts of each level (多级配套), for instance central 7, province 2, county 1.
    ByShares(Vec<(Level, i64)>),
}

/// What a release uses of each appropriation, and how much of that has been handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    lots: Vec<(AppropriationId, Fen)>,
    /// Index of the lot that is being handed out.
    position: usize,
    /// What is left of that lot and of all.
    left_of_lot: Fen,
    left: Fen,
}

/// Divides `total` over `lots`, which stand in funding order, each appropriation once.
///
/// By shares, the parts are rounded by the largest remainder so that they add up to the total, and
/// a tie goes to the level declared first. Refused with `FundsMissing` and the missing amount when
/// the lots do not suffice, `AmountInvalid` for a negative total, `FieldInvalid` for shares that
/// are negative or all zero.
pub fn plan(funding: &Funding, lots: &[Lot], total: Fen) -> Result<Draw, Problem> {
    if total < Fen::ZERO {
        return Err(Problem::new(Kind::AmountInvalid).with("value", total));
    }
    match funding {
        Funding::InOrder => {
            let mut wanted = total;
            let mut drawn = Vec::new();
            for lot in lots {
                draw_from(lot, &mut wanted, &mut drawn)?;
            }
            finish(drawn, wanted, total)
        }
        Funding::ByShares(shares) => {
            let mut quotas = divide(total, shares)?;
            let mut drawn = Vec::new();
            for lot in lots {
                for (level, quota) in &mut quotas {
                    if *level == lot.level {
                        draw_from(lot, quota, &mut drawn)?;
                    }
                }
            }
            let missing = Fen::sum(quotas.into_iter().map(|(_, quota)| quota))?;
            finish(drawn, missing, total)
        }
    }
}

/// Parts of `total` in proportion to `shares`, by the largest remainder; levels that are named
/// twice are added up.
fn divide(total: Fen, shares: &[(Level, i64)]) -> Result<Vec<(Level, Fen)>, Problem> {
    let mut merged: Vec<(Level, i128)> = Vec::new();
    for (level, parts) in shares {
        if *parts < 0 {
            return Err(bad_shares(*parts));
        }
        match merged.iter_mut().find(|(known, _)| known == level) {
            Some((_, sum)) => *sum += i128::from(*parts),
            None => merged.push((*level, i128::from(*parts))),
        }
    }
    let whole: i128 = merged.iter().map(|(_, parts)| parts).sum();
    if whole == 0 {
        return Err(bad_shares(0));
    }
    // Both factors are below 2^64, so the product cannot leave 128 bits.
    let product = |parts: i128| i128::from(total.get()) * parts;
    let mut quotas: Vec<i128> = merged
        .iter()
        .map(|(_, parts)| product(*parts) / whole)
        .collect();
    let mut by_remainder: Vec<usize> = (0..merged.len()).collect();
    // The sort is stable: equal remainders stay in the declared order.
    by_remainder.sort_by_key(|index| -(product(merged[*index].1) % whole));
    let mut rest = i128::from(total.get()) - quotas.iter().sum::<i128>();
    for index in by_remainder {
        if rest > 0 {
            quotas[index] += 1;
            rest -= 1;
        }
    }
    merged
        .into_iter()
        .zip(quotas)
        .map(|((level, _), quota)| match i64::try_from(quota) {
            Ok(fen) => Ok((level, Fen::new(fen))),
            Err(_) => Err(Problem::new(Kind::AmountInvalid).with("value", quota)),
        })
        .collect()
}

/// Takes what the lot has, at most what is wanted.
fn draw_from(
    lot: &Lot,
    wanted: &mut Fen,
    drawn: &mut Vec<(AppropriationId, Fen)>,
) -> Result<(), Problem> {
    let part = lot.available.min(*wanted);
    if part > Fen::ZERO {
        *wanted = wanted.minus(part)?;
        drawn.push((lot.appropriation, part));
    }
    Ok(())
}

fn finish(lots: Vec<(AppropriationId, Fen)>, missing: Fen, total: Fen) -> Result<Draw, Problem> {
    if missing > Fen::ZERO {
        return Err(Problem::new(Kind::FundsMissing).with("missing", missing));
    }
    let left_of_lot = lots.first().map_or(Fen::ZERO, |(_, amount)| *amount);
    Ok(Draw {
        lots,
        position: 0,
        left_of_lot,
        left: total,
    })
}

fn bad_shares(parts: i64) -> Problem {
    Problem::new(Kind::FieldInvalid)
        .with("field", "shares")
        .with("value", parts)
        .with("wanted", "各级配套份额:非负整数,至少一级大于零")
}

impl Draw {
    /// What is used of each appropriation, in funding order, without zero amounts.
    pub fn totals(&self) -> &[(AppropriationId, Fen)] {
        &self.lots
    }

    /// What has not been handed out.
    pub fn left(&self) -> Fen {
        self.left
    }

    /// Hands out the next `amount`: pushes one part, or more where it straddles lots. Refused with
    /// `FundsMissing` when less is left and `AmountInvalid` when negative; nothing is taken then.
    pub fn take(
        &mut self,
        amount: Fen,
        out: &mut Vec<(AppropriationId, Fen)>,
    ) -> Result<(), Problem> {
        if amount < Fen::ZERO {
            return Err(Problem::new(Kind::AmountInvalid).with("value", amount));
        }
        if amount > self.left {
            let missing = amount.minus(self.left)?;
            return Err(Problem::new(Kind::FundsMissing).with("missing", missing));
        }
        let mut wanted = amount;
        while wanted > Fen::ZERO {
            if self.left_of_lot == Fen::ZERO {
                self.position += 1;
                self.left_of_lot = self
                    .lots
                    .get(self.position)
                    .map_or(Fen::ZERO, |(_, amount)| *amount);
            }
            let Some((appropriation, _)) = self.lots.get(self.position) else {
                return Err(Problem::new(Kind::FundsMissing).with("missing", wanted));
            };
            let part = wanted.min(self.left_of_lot);
            out.push((*appropriation, part));
            wanted = wanted.minus(part)?;
            self.left_of_lot = self.left_of_lot.minus(part)?;
        }
        self.left = self.left.minus(amount)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lots(rows: &[(Level, i64)]) -> Vec<Lot> {
        (1..)
            .zip(rows)
            .map(|(id, (level, available))| Lot {
                appropriation: AppropriationId(id),
                level: *level,
                available: Fen::new(*available),
            })
            .collect()
    }

    fn text(parts: &[(AppropriationId, Fen)]) -> String {
        let part = |(id, amount): &(AppropriationId, Fen)| format!("{id}:{}", amount.get());
        parts.iter().map(part).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn plans() {
        use Level::{Central, City, County, Province};
        let three = [(Central, 70), (Province, 20), (County, 100)];
        let two_central = [(Central, 5), (County, 100), (Central, 100)];
        let thirds = vec![(Central, 1), (Province, 1), (County, 1)];
        for (funding, lots_of, total, expected) in [
            (Funding::InOrder, &three[..], 100, "1:70 2:20 3:10"),
            (Funding::InOrder, &three[..], 70, "1:70"),
            (Funding::InOrder, &three[..], 0, ""),
            (Funding::InOrder, &three[..], 191, "RUN-0004 0.01"),
            (Funding::InOrder, &three[..], -1, "LED-0003 -0.01"),
            (
                Funding::ByShares(thirds.clone()),
                &three[..],
                10,
                "1:4 2:3 3:3",
            ),
            (
                Funding::ByShares(thirds.clone()),
                &three[..],
                11,
                "1:4 2:4 3:3",
            ),
            (
                Funding::ByShares(thirds.clone()),
                &three[..],
                90,
                "RUN-0004 0.10",
            ),
            (
                Funding::ByShares(vec![(County, 3), (Central, 7)]),
                &two_central,
                100,
                "1:5 2:30 3:65",
            ),
            (
                Funding::ByShares(vec![(Central, 1), (Central, 1)]),
                &two_central,
                10,
                "1:5 3:5",
            ),
            (
                Funding::ByShares(vec![(City, 1), (Central, 1)]),
                &two_central,
                10,
                "RUN-0004 0.05",
            ),
            (
                Funding::ByShares(vec![(City, 0), (Central, 1)]),
                &two_central,
                5,
                "1:5",
            ),
            (Funding::ByShares(vec![]), &three[..], 5, "CMD-0003 0"),
            (
                Funding::ByShares(vec![(Central, 0)]),
                &three[..],
                5,
                "CMD-0003 0",
            ),
            (
                Funding::ByShares(vec![(Central, -1), (City, 2)]),
                &three[..],
                5,
                "CMD-0003 -1",
            ),
        ] {
            let outcome = match plan(&funding, &lots(lots_of), Fen::new(total)) {
                Ok(draw) => text(draw.totals()),
                Err(problem) => {
                    let value = problem.values.iter().find(|(name, _)| *name != "field");
                    format!(
                        "{} {}",
                        problem.code(),
                        value.map_or("", |(_, value)| value)
                    )
                }
            };
            assert_eq!(outcome, expected, "{funding:?} {total}");
        }
    }

    #[test]
    fn a_payment_may_straddle_lots() {
        let lots = lots(&[
            (Level::Central, 70),
            (Level::Province, 20),
            (Level::County, 100),
        ]);
        let mut draw = plan(&Funding::InOrder, &lots, Fen::new(150)).unwrap();
        for (amount, expected) in [
            (60, "1:60"),
            (10, "1:10"),
            (0, ""),
            (5, "2:5"),
            (35, "2:15 3:20"),
            (41, "-"),
            (40, "3:40"),
        ] {
            let mut out = Vec::new();
            let outcome = draw
                .take(Fen::new(amount), &mut out)
                .map_or("-".into(), |()| text(&out));
            assert_eq!(outcome, expected, "{amount}");
        }
        assert_eq!(draw.left(), Fen::ZERO);
        assert!(draw.take(Fen::new(1), &mut Vec::new()).is_err());
    }

    fn any_level() -> impl Strategy<Value = Level> {
        prop::sample::select(Level::ALL)
    }

    proptest! {
        #[test]
        fn a_draw_conserves_totals_and_order(
            rows in prop::collection::vec((any_level(), 0..10_000_i64), 1..6),
            cuts in prop::collection::vec(0..10_000_i64, 1..30),
        ) {
            let lots = lots(&rows);
            let available: i64 = rows.iter().map(|(_, available)| available).sum();
            let total: i64 = cuts.iter().sum();
            let planned = plan(&Funding::InOrder, &lots, Fen::new(total));
            prop_assert_eq!(planned.is_ok(), total <= available);
            let Ok(mut draw) = planned else { return Ok(()) };
            let mut all = Vec::new();
            for cut in &cuts {
                let mut out = Vec::new();
                draw.take(Fen::new(*cut), &mut out).unwrap();
                prop_assert_eq!(Fen::sum(out.iter().map(|(_, part)| *part)), Ok(Fen::new(*cut)));
                prop_assert!(out.iter().all(|(_, part)| *part > Fen::ZERO));
                all.extend(out);
            }
            prop_assert_eq!(draw.left(), Fen::ZERO);
            prop_assert!(all.is_sorted_by_key(|(id, _)| *id));
            for (id, amount) in draw.totals() {
                let parts = all.iter().filter(|(of, _)| of == id).map(|(_, part)| *part);
                prop_assert_eq!(Fen::sum(parts), Ok(*amount));
            }
        }

        #[test]
        fn shares_are_exact_to_the_fen(
            total in 0..Fen::MAX.get(),
            parts in prop::collection::vec(0..1_000_000_i64, 5),
        ) {
            prop_assume!(parts.iter().sum::<i64>() > 0);
            let shares: Vec<_> = Level::ALL.iter().copied().zip(parts.iter().copied()).collect();
            let quotas = divide(Fen::new(total), &shares).unwrap();
            prop_assert_eq!(Fen::sum(quotas.iter().map(|(_, quota)| *quota)), Ok(Fen::new(total)));
            let whole = i128::from(parts.iter().sum::<i64>());
            for ((_, quota), part) in quotas.iter().zip(&parts) {
                // Never a whole fen away from the exact share.
                let off = i128::from(quota.get()) * whole - i128::from(total) * i128::from(*part);
                prop_assert!(off.abs() < whole);
            }
        }
    }
}
