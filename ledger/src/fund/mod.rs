//! Where the money of a release comes from: appropriations in order, or by shares of each level.
//!
//! [`plan`] decides how much of each appropriation a release uses; [`Draw::take`] lays that over
//! the payments, consecutively, so that each payment maps to one appropriation, or to two where it
//! straddles a boundary. The same inputs give the same answer always, so a batch can be explained
//! years later.

use std::cmp::Ordering;

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
/// a tie goes to the level declared first. Refused with `FundsMissing`, the missing amount and its
/// levels when the lots do not suffice, `AmountInvalid` for a negative total, `FieldInvalid` for
/// shares that are negative or all zero.
pub fn plan(funding: &Funding, lots: &[Lot], total: Fen) -> Result<Draw, Problem> {
    let spread = spread(funding, lots, total)?;
    spread.suffices()?;
    let left_of_lot = spread.drawn.first().map_or(Fen::ZERO, |lot| lot.1);
    Ok(Draw {
        lots: spread.drawn,
        position: 0,
        left_of_lot,
        left: total,
    })
}

/// A total laid over lots, as far as they go.
struct Spread {
    drawn: Vec<(AppropriationId, Fen)>,
    parts: Vec<Part>,
}

/// What one level is to bear of a total, and what it lacks; no level when they stand in order.
struct Part {
    level: Option<Level>,
    wanted: Fen,
    missing: Fen,
}

impl Spread {
    fn missing(&self) -> Result<Fen, Problem> {
        Ok(Fen::sum(self.parts.iter().map(|part| part.missing))?)
    }

    fn suffices(&self) -> Result<(), Problem> {
        let missing = self.missing()?;
        if missing == Fen::ZERO {
            return Ok(());
        }
        let lacking = self.parts.iter().filter(|part| part.missing > Fen::ZERO);
        let lacking: Vec<_> = lacking.map(|part| (part.level, part.missing)).collect();
        Err(shortage(&lacking, missing))
    }
}

fn spread(funding: &Funding, lots: &[Lot], total: Fen) -> Result<Spread, Problem> {
    if total < Fen::ZERO {
        return Err(Problem::new(Kind::AmountInvalid).with("value", total));
    }
    let mut parts: Vec<Part> = match funding {
        Funding::InOrder => vec![Part {
            level: None,
            wanted: total,
            missing: total,
        }],
        Funding::ByShares(shares) => {
            let part = |(level, quota)| Part {
                level: Some(level),
                wanted: quota,
                missing: quota,
            };
            divide(total, shares)?.into_iter().map(part).collect()
        }
    };
    let mut drawn = Vec::new();
    for lot in lots {
        for part in &mut parts {
            if part.level.is_none_or(|level| level == lot.level) {
                draw_from(lot, &mut part.missing, &mut drawn)?;
            }
        }
    }
    Ok(Spread { drawn, parts })
}

/// The refusal of a draw that the money does not carry.
fn shortage(lacking: &[(Option<Level>, Fen)], missing: Fen) -> Problem {
    let part = |(level, amount): &(Option<Level>, Fen)| match level {
        Some(level) => format!("{} {}: {}", level.name(), level.code(), amount.grouped()),
        None => format!("不分级次 any level: {}", amount.grouped()),
    };
    let levels: Vec<String> = lacking.iter().map(part).collect();
    Problem::new(Kind::FundsMissing)
        .with("missing", missing.grouped())
        .with("levels", levels.join("; "))
}

/// What a run would use of one appropriation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotOutlook {
    /// The appropriation with what it holds.
    pub lot: Lot,
    /// What others will draw from it.
    pub claimed: Fen,
    /// What the run would draw from it.
    pub wanted: Fen,
}

/// What a run would use of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelOutlook {
    /// The level; none when the appropriations stand in order, whatever their level.
    pub level: Option<Level>,
    /// What the run needs from it.
    pub wanted: Fen,
    /// What its appropriations hold.
    pub available: Fen,
    /// What others will draw from it.
    pub claimed: Fen,
    /// What the run lacks.
    pub missing: Fen,
}

/// Whether the money carries a run beside those that were approved before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// By appropriation, in funding order.
    pub lots: Vec<LotOutlook>,
    /// By level: the levels that share, in the declared order, or one row for all.
    pub levels: Vec<LevelOutlook>,
    /// What the run lacks altogether.
    pub missing: Fen,
}

impl Outlook {
    /// Refused as [`plan`] when something is missing.
    pub fn suffices(&self) -> Result<(), Problem> {
        if self.missing == Fen::ZERO {
            return Ok(());
        }
        let lacking = self.levels.iter().filter(|row| row.missing > Fen::ZERO);
        let lacking: Vec<_> = lacking.map(|row| (row.level, row.missing)).collect();
        Err(shortage(&lacking, self.missing))
    }
}

/// Lays `claims`, the totals of runs that will draw before, over the lots, and then `total`.
///
/// # Errors
/// As [`plan`], but for missing money, which is what the answer tells.
pub fn outlook(
    funding: &Funding,
    lots: &[Lot],
    claims: &[Fen],
    total: Fen,
) -> Result<Outlook, Problem> {
    let mut left = lots.to_vec();
    let mut claimed: Vec<(Option<Level>, Fen)> = Vec::new();
    for claim in claims {
        let spread = spread(funding, &left, *claim)?;
        for (id, amount) in &spread.drawn {
            for lot in left.iter_mut().filter(|lot| lot.appropriation == *id) {
                lot.available = lot.available.minus(*amount)?;
            }
        }
        for part in &spread.parts {
            match claimed.iter_mut().find(|(level, _)| *level == part.level) {
                Some((_, sum)) => *sum = sum.plus(part.wanted)?,
                None => claimed.push((part.level, part.wanted)),
            }
        }
    }
    let spread = spread(funding, &left, total)?;
    let mut levels = Vec::new();
    for part in &spread.parts {
        let own = |lot: &&Lot| part.level.is_none_or(|level| level == lot.level);
        let claimed = claimed.iter().find(|(level, _)| *level == part.level);
        levels.push(LevelOutlook {
            level: part.level,
            wanted: part.wanted,
            available: Fen::sum(lots.iter().filter(own).map(|lot| lot.available))?,
            claimed: claimed.map_or(Fen::ZERO, |(_, sum)| *sum),
            missing: part.missing,
        });
    }
    let mut rows = Vec::new();
    for (lot, after) in lots.iter().zip(&left) {
        let drawn = spread.drawn.iter().find(|row| row.0 == lot.appropriation);
        rows.push(LotOutlook {
            lot: *lot,
            claimed: lot.available.minus(after.available)?,
            wanted: drawn.map_or(Fen::ZERO, |(_, amount)| *amount),
        });
    }
    Ok(Outlook {
        lots: rows,
        levels,
        missing: spread.missing()?,
    })
}

/// Whether an appropriation may be drawn on in a year.
///
/// Once a year is closed, money serves its own budget year and those that it was carried over to.
/// `closed` is the last closed year; before the first close, and while the year before is open,
/// earlier and later money may be drawn.
pub fn may_draw(budget_year: i64, carried_to: &[i64], year: i64, closed: Option<i64>) -> bool {
    let newest = carried_to.iter().copied().fold(budget_year, i64::max);
    let open = |wanted: i64| closed.is_none_or(|closed| closed < wanted);
    match newest.cmp(&year) {
        Ordering::Equal => true,
        Ordering::Less => open(newest),
        Ordering::Greater => {
            budget_year == year || carried_to.contains(&year) || open(year.saturating_sub(1))
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
            return Err(shortage(&[(None, missing)], missing));
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
                return Err(shortage(&[(None, wanted)], wanted));
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

    #[test]
    fn what_is_missing_is_told_by_level() {
        use Level::{Central, City, County, Province};
        let three = [(Central, 70), (Province, 20), (County, 100)];
        let shares = Funding::ByShares(vec![(Central, 6), (Province, 3), (County, 1)]);
        let row = |row: &LevelOutlook| {
            format!(
                "{} {} of {} less {}: -{}",
                row.level.map_or("any", Level::code),
                row.wanted.get(),
                row.available.get(),
                row.claimed.get(),
                row.missing.get()
            )
        };
        let lot = |row: &LotOutlook| format!("{}/{}", row.claimed.get(), row.wanted.get());
        let in_order = &Funding::InOrder;
        let with_city = &Funding::ByShares(vec![(Central, 1), (City, 1)]);
        for (funding, claims, total, levels, lots_of) in [
            (
                in_order,
                &[][..],
                100,
                "any 100 of 190 less 0: -0",
                "0/70 0/20 0/10",
            ),
            (
                in_order,
                &[80],
                100,
                "any 100 of 190 less 80: -0",
                "70/0 10/10 0/90",
            ),
            (
                in_order,
                &[80, 30],
                100,
                "any 100 of 190 less 110: -20",
                "70/0 20/0 20/80",
            ),
            (
                in_order,
                &[200],
                1,
                "any 1 of 190 less 200: -1",
                "70/0 20/0 100/0",
            ),
            (
                &shares,
                &[50],
                100,
                "central 60 of 70 less 30: -20, province 30 of 20 less 15: -25, \
                 county 10 of 100 less 5: -0",
                "30/40 15/5 5/10",
            ),
            (
                with_city,
                &[],
                10,
                "central 5 of 70 less 0: -0, city 5 of 0 less 0: -5",
                "0/5 0/0 0/0",
            ),
        ] {
            let claims: Vec<Fen> = claims.iter().copied().map(Fen::new).collect();
            let found = outlook(funding, &lots(&three), &claims, Fen::new(total)).unwrap();
            let text: Vec<String> = found.levels.iter().map(row).collect();
            assert_eq!(text.join(", "), levels, "{funding:?} {total}");
            let text: Vec<String> = found.lots.iter().map(lot).collect();
            assert_eq!(text.join(" "), lots_of, "{funding:?} {total}");
            let sum = Fen::sum(found.levels.iter().map(|row| row.missing));
            assert_eq!(sum, Ok(found.missing));
            assert_eq!(found.suffices().is_ok(), found.missing == Fen::ZERO);
        }
    }

    #[test]
    fn closed_years_keep_their_money() {
        for (budget_year, carried_to, year, closed, expected) in [
            (2022, &[][..], 2022, None, true),
            (2021, &[], 2022, None, true),
            (2023, &[], 2022, None, true),
            // Nothing of a closed year unless it was carried over.
            (2022, &[], 2023, Some(2021), true),
            (2022, &[], 2023, Some(2022), false),
            (2022, &[2023], 2023, Some(2022), true),
            (2022, &[2023], 2024, Some(2022), true),
            (2022, &[2023], 2024, Some(2023), false),
            (2022, &[2023, 2024], 2024, Some(2023), true),
            (2020, &[], 2023, Some(2022), false),
            // Next year's money waits, and what was carried over still serves its own year.
            (2023, &[], 2022, Some(2021), false),
            (2023, &[], 2022, Some(2020), true),
            (2022, &[2023], 2022, Some(2021), true),
        ] {
            let found = may_draw(budget_year, carried_to, year, closed);
            assert_eq!(
                found, expected,
                "{budget_year} {carried_to:?} {year} {closed:?}"
            );
        }
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

        /// What the outlook says is missing is what the plan is refused for.
        #[test]
        fn an_outlook_and_a_plan_say_the_same(
            rows in prop::collection::vec((any_level(), 0..10_000_i64), 0..6),
            claims in prop::collection::vec(0..9_000_i64, 0..4),
            total in 0..30_000_i64,
            by_shares in any::<bool>(),
        ) {
            let shares = Level::ALL.iter().copied().zip(1..).collect();
            let funding = match by_shares {
                true => Funding::ByShares(shares),
                false => Funding::InOrder,
            };
            let lots = lots(&rows);
            let claims: Vec<Fen> = claims.into_iter().map(Fen::new).collect();
            let found = outlook(&funding, &lots, &claims, Fen::new(total)).unwrap();
            let left: Vec<Lot> = found.lots.iter()
                .map(|row| Lot {
                    available: row.lot.available.minus(row.claimed).unwrap(),
                    ..row.lot
                })
                .collect();
            prop_assert!(left.iter().all(|lot| lot.available >= Fen::ZERO));
            let wanted = Fen::sum(found.lots.iter().map(|row| row.wanted)).unwrap();
            prop_assert_eq!(wanted.plus(found.missing), Ok(Fen::new(total)));
            match plan(&funding, &left, Fen::new(total)) {
                Ok(draw) => {
                    prop_assert_eq!(found.missing, Fen::ZERO);
                    let used = found.lots.iter().filter(|row| row.wanted > Fen::ZERO);
                    let used = used.map(|row| (row.lot.appropriation, row.wanted));
                    let used: Vec<_> = used.collect();
                    prop_assert_eq!(draw.totals(), &used[..]);
                }
                Err(problem) => prop_assert_eq!(Err(problem), found.suffices()),
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
