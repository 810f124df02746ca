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
    let mut quotas: Vec<i128> = merged.iter().map(|(_, parts)| product(*parts) / whole).collect();
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
    Ok(Draw { lots, position: 0, left_of_lot, left: total })
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
                self.left_of_lot =
                    self.lots.get(self.position).map_or(Fen::ZERO, |(_, amount)| *amount);
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
