//! Urban and rural minimum living allowance (低保).
//!
//! Published: totals by component, households and persons at the year's end, entries and exits.
//! Free, and chosen here: who comes and goes when, incomes, who has a category.
//!
//! The urban report counts 194 exits as persons (人), yet 4,550 persons in July and 4,081 in
//! December only fit when these are households; so they are households here.

use super::builder::{Builder, Cohort, Kind, Stretch};
use super::calibrate::{Misfit, by_days, choose_exactly, two_amounts};
use super::people::{rural_place, urban_place};

/// Entries and exits of a month: households and persons.
struct Movement {
    month: u32,
    added: (usize, usize),
    left: (usize, usize),
}

const fn moved(month: u32, added: (usize, usize), left: (usize, usize)) -> Movement {
    Movement { month, added, left }
}

/// A dibao program's published figures and chosen parameters; money in yuan.
struct Allowance {
    kind: Kind,
    start: (usize, usize),
    movements: &'static [Movement],
    standard: i64,
    base: i64,
    categorical: i64,
    /// Monthly amounts: severe disability or illness, minor or elderly.
    tiers: (i64, i64),
    /// About how many person-months have the higher category.
    severe_months: i64,
    /// Entrants whose first month's category is reckoned by days.
    part_months: usize,
    /// Incomes are reviewed in this month.
    review: u32,
    heating: i64,
    one_off: i64,
}

/// 2,597 households of 4,550 persons in July before the review, 4,160 persons in September (one-off
/// of 222 yuan: 923,520), 2,486 households in November (heating of 1,200: 2,983,200).
const URBAN: &[Movement] = &[
    moved(2, (6, 11), (7, 12)),
    moved(3, (6, 11), (7, 12)),
    moved(4, (6, 12), (7, 12)),
    moved(5, (6, 12), (7, 12)),
    moved(6, (7, 12), (6, 12)),
    moved(7, (7, 12), (6, 12)),
    moved(8, (8, 14), (50, 190)),
    moved(9, (8, 16), (65, 230)),
    moved(10, (10, 20), (11, 42)),
    moved(11, (8, 16), (19, 64)),
    moved(12, (15, 25), (9, 34)),
];

/// Ten adjustments, none in August; 11,642 persons in September (one-off of 134 yuan: 1,560,028),
/// 6,787 households in November (heating of 500: 3,393,500).
const RURAL: &[Movement] = &[
    moved(2, (38, 80), (72, 162)),
    moved(3, (38, 80), (72, 162)),
    moved(4, (38, 80), (72, 162)),
    moved(5, (38, 80), (72, 162)),
    moved(6, (38, 80), (72, 162)),
    moved(7, (38, 80), (72, 162)),
    moved(9, (50, 100), (282, 632)),
    moved(10, (190, 400), (96, 215)),
    moved(11, (126, 250), (102, 234)),
    moved(12, (110, 226), (96, 200)),
];

/// Urban dibao: base 740 minus income, categorical 370 and 222, one-off, price, heating.
pub(super) fn urban(builder: &mut Builder) -> Result<(), Misfit> {
    let kind = Kind {
        program: "urban-dibao",
        prefix: "CD",
        largest: 6,
        place: urban_place,
    };
    let allowance = Allowance {
        kind,
        start: (2_599, 4_552),
        movements: URBAN,
        standard: 740,
        base: 37_674_548,
        categorical: 4_307_172,
        tiers: (370, 222),
        severe_months: 6_000,
        part_months: 12,
        review: 9,
        heating: 1_200,
        one_off: 222,
    };
    allowance.build(builder)
}

/// Rural dibao: base 445 minus income, categorical 223 and 134, one-off, price, heating.
pub(super) fn rural(builder: &mut Builder) -> Result<(), Misfit> {
    let kind = Kind {
        program: "rural-dibao",
        prefix: "ND",
        largest: 6,
        place: rural_place,
    };
    let allowance = Allowance {
        kind,
        start: (7_105, 12_666),
        movements: RURAL,
        standard: 445,
        base: 56_081_357,
        categorical: 13_280_616,
        tiers: (223, 134),
        severe_months: 45_000,
        part_months: 0,
        review: 10,
        heating: 500,
        one_off: 134,
    };
    allowance.build(builder)
}

impl Allowance {
    fn build(&self, builder: &mut Builder) -> Result<(), Misfit> {
        let cases = self.households(builder)?;
        self.base(builder, &cases)?;
        self.categorical(builder, &cases)?;
        builder.award_all(&cases, "one-off", (9, 9), self.one_off);
        builder.award_all(&cases, "price", (8, 10), 30);
        builder.award_heads(&cases, "heating", 11, self.heating);
        Ok(())
    }

    fn households(&self, builder: &mut Builder) -> Result<Vec<usize>, Misfit> {
        let (mut households, mut persons) = self.start;
        let mut cohorts = Vec::new();
        for movement in self.movements {
            let (left, month) = (movement.left, movement.month);
            cohorts.push(Cohort {
                from: 1,
                to: month - 1,
                households: left.0,
                persons: left.1,
            });
            let added = movement.added;
            cohorts.push(Cohort {
                from: month,
                to: 12,
                households: added.0,
                persons: added.1,
            });
            households -= left.0;
            persons -= left.1;
        }
        cohorts.push(Cohort {
            from: 1,
            to: 12,
            households,
            persons,
        });
        let mut cases = Vec::new();
        for cohort in cohorts {
            cases.extend(builder.cohort(self.kind, cohort)?);
        }
        Ok(cases)
    }

    /// Finds incomes whose sum over the year is standard × person-months − base.
    fn base(&self, builder: &mut Builder, cases: &[usize]) -> Result<(), Misfit> {
        let months = person_months(builder, cases, 12)?;
        let mut income_left = self.standard * months - self.base;
        let mut incomes: Vec<Option<(i64, i64)>> = vec![None; cases.len()];
        let mut order: Vec<usize> = (0..cases.len()).collect();
        builder.draw.shuffle(&mut order);
        for position in order {
            let Some(case) = cases.get(position).copied() else {
                continue;
            };
            let first = builder.draw.between(6, 30) * 10;
            let raised = builder.draw.below(12) == 0;
            let second = if raised {
                first + builder.draw.between(2, 8) * 10
            } else {
                first
            };
            let before = person_months(builder, &[case], self.review - 1)?;
            let after = person_months(builder, &[case], 12)? - before;
            let cost = first * before + second * after;
            let single = builder
                .cases
                .get(case)
                .is_some_and(|case| case.members.len() == 1);
            if cost <= income_left && !(single && after == 1 && before == 0) {
                income_left -= cost;
                if let Some(slot) = incomes.get_mut(position) {
                    *slot = Some((first, second));
                }
            }
        }
        finish_incomes(builder, cases, &mut incomes, income_left)?;
        self.award_base(builder, cases, &incomes);
        Ok(())
    }

    fn award_base(&self, builder: &mut Builder, cases: &[usize], incomes: &[Option<(i64, i64)>]) {
        for (case, incomes) in cases.iter().zip(incomes) {
            let (first, second) = incomes.unwrap_or((0, 0));
            for whole in builder.stretches(&[*case]) {
                let halves = [
                    (
                        Stretch {
                            to: whole.to.min(self.review - 1),
                            ..whole
                        },
                        first,
                    ),
                    (
                        Stretch {
                            from: whole.from.max(self.review),
                            ..whole
                        },
                        second,
                    ),
                ];
                for (stretch, income) in halves {
                    if stretch.from <= stretch.to {
                        let award = builder.award(stretch, "base", self.standard - income);
                        award.income = income;
                    }
                }
            }
        }
    }

    /// Finds the people and months with a category so that the year is exact. Where the tiers
    /// alone cannot give it (urban: both are multiples of 74, the total is not), the first months
    /// of some entrants are reckoned by days.
    fn categorical(&self, builder: &mut Builder, cases: &[usize]) -> Result<(), Misfit> {
        let (severe, elderly) = self.tiers;
        let mut pool = builder.stretches(cases);
        let entrants = self.entrants(builder, &mut pool);
        let days = self.days(builder, entrants.len())?;
        let tier = |place: usize| {
            if place.is_multiple_of(2) {
                "severe"
            } else {
                "minor-or-elderly"
            }
        };
        let monthly = |place: usize| {
            if place.is_multiple_of(2) {
                severe
            } else {
                elderly
            }
        };
        let mut total = self.categorical;
        for (place, (stretch, days)) in entrants.iter().zip(&days).enumerate() {
            let amount = by_days(monthly(place), *days);
            let rest = i64::try_from(stretch.months()).unwrap_or(0) - 1;
            total -= amount + rest * monthly(place);
            let first = builder.award(
                Stretch {
                    to: stretch.from,
                    ..*stretch
                },
                "categorical",
                0,
            );
            first.tag = tier(place);
            first.approve(amount, &format!("按天折算{days}日"));
            let after = Stretch {
                from: stretch.from + 1,
                ..*stretch
            };
            builder.award(after, "categorical", monthly(place)).tag = tier(place);
        }
        let (severe_months, elderly_months) =
            two_amounts(total, severe, elderly, self.severe_months)?;
        for (tag, months, worth) in [
            ("severe", severe_months, severe),
            ("minor-or-elderly", elderly_months, elderly),
        ] {
            let weights: Vec<usize> = pool.iter().map(Stretch::months).collect();
            let chosen = choose_exactly(&mut builder.draw, &weights, months, self.kind.program)?;
            for position in chosen.into_iter().rev() {
                let stretch = pool.remove(position);
                builder.award(stretch, "categorical", worth).tag = tag;
            }
        }
        Ok(())
    }

    /// Takes out of the pool the entrants whose first month is reckoned by days.
    fn entrants(&self, builder: &mut Builder, pool: &mut Vec<Stretch>) -> Vec<Stretch> {
        let mut entrants: Vec<Stretch> = pool
            .iter()
            .filter(|stretch| (2..=11).contains(&stretch.from) && stretch.member == 0)
            .copied()
            .collect();
        builder.draw.shuffle(&mut entrants);
        entrants.truncate(self.part_months);
        pool.retain(|stretch| !entrants.iter().any(|taken| taken.case == stretch.case));
        entrants
    }

    /// Days of the part months, so that what is left is a sum of whole tiers.
    fn days(&self, builder: &mut Builder, count: usize) -> Result<Vec<i64>, Misfit> {
        let (severe, elderly) = self.tiers;
        if count == 0 {
            return Ok(Vec::new());
        }
        let common = 74;
        for _ in 0..10_000 {
            let days: Vec<i64> = (0..count).map(|_| builder.draw.between(5, 25)).collect();
            let sum: i64 = days
                .iter()
                .enumerate()
                .map(|(place, days)| {
                    by_days(
                        if place.is_multiple_of(2) {
                            severe
                        } else {
                            elderly
                        },
                        *days,
                    )
                })
                .sum();
            if (self.categorical - sum) % common == 0 {
                return Ok(days);
            }
        }
        Err(Misfit::new(
            self.kind.program,
            "no days make the category exact",
        ))
    }
}

/// Person-months of the cases from January to `last`.
fn person_months(builder: &Builder, cases: &[usize], last: u32) -> Result<i64, Misfit> {
    let months: usize = cases
        .iter()
        .filter_map(|case| builder.cases.get(*case))
        .map(|case| {
            let months = (case.to.min(last) + 1).saturating_sub(case.from);
            case.members.len() * usize::try_from(months).unwrap_or(0)
        })
        .sum();
    i64::try_from(months).map_err(|_| Misfit::new("person-months", "too many"))
}

/// Lays what is left of the year's incomes on single persons: whole-year ones in steps of ten
/// yuan a month, the last yuan on one who entered in December.
fn finish_incomes(
    builder: &Builder,
    cases: &[usize],
    incomes: &mut [Option<(i64, i64)>],
    mut left: i64,
) -> Result<(), Misfit> {
    for months in [12, 1] {
        let unit = if months == 12 { 120 } else { 1 };
        for (position, case) in cases.iter().enumerate() {
            let fits = builder.cases.get(*case).is_some_and(|case| {
                case.members.len() == 1 && case.months() == months && case.to == 12
            });
            if let Some(slot @ None) = incomes.get_mut(position)
                && fits
                && left >= unit
            {
                let income = if months == 12 {
                    (left / 120).min(30) * 10
                } else {
                    left.min(300)
                };
                left -= income * if months == 12 { 12 } else { 1 };
                *slot = Some((income, income));
            }
        }
    }
    if left == 0 {
        Ok(())
    } else {
        Err(Misfit::new("incomes", &format!("{left} yuan left")))
    }
}
