//! People in extreme hardship (特困), rural and urban, at home (dispersed) or in an institution.
//!
//! The report prints 1,495 rural persons at the year's end, of whom 1,241 dispersed and 246
//! centralised, which is 1,487: the county has the 1,487 of the parts.

use super::builder::{Builder, Cohort, Kind, Stretch};
use super::calibrate::{Misfit, choose_exactly};
use super::people::{rural_place, urban_place};

const fn cohort(from: u32, to: u32, households: usize, persons: usize) -> Cohort {
    Cohort {
        from,
        to,
        households,
        persons,
    }
}

/// 14,992 person-months. Quarterly adjustments, and three deaths between them.
const RURAL_DISPERSED: &[Cohort] = &[
    cohort(1, 12, 1_057, 1_195),
    cohort(1, 3, 44, 50),
    cohort(1, 6, 19, 22),
    cohort(1, 9, 12, 14),
    cohort(1, 2, 1, 1),
    cohort(1, 4, 2, 2),
    cohort(4, 12, 5, 6),
    cohort(7, 12, 17, 20),
    cohort(10, 12, 17, 20),
];

/// 2,781 person-months: pocket money of 100 yuan makes 278,100.
const RURAL_CENTRALISED: &[Cohort] = &[
    cohort(1, 12, 200, 210),
    cohort(1, 3, 4, 5),
    cohort(1, 6, 5, 5),
    cohort(4, 12, 10, 10),
    cohort(7, 12, 15, 16),
    cohort(10, 12, 9, 10),
];

/// 412 person-months; 31, 31 and 32 persons from August to October, 33 in November.
const URBAN_DISPERSED: &[Cohort] = &[
    cohort(1, 12, 30, 30),
    cohort(1, 3, 1, 1),
    cohort(1, 5, 1, 1),
    cohort(1, 6, 1, 2),
    cohort(1, 7, 3, 3),
    cohort(8, 12, 1, 1),
    cohort(10, 12, 1, 1),
    cohort(11, 12, 1, 1),
    cohort(12, 12, 1, 1),
];

/// 486 person-months.
const URBAN_CENTRALISED: &[Cohort] = &[
    cohort(1, 12, 37, 38),
    cohort(1, 3, 1, 1),
    cohort(1, 4, 1, 1),
    cohort(1, 5, 1, 1),
    cohort(1, 6, 1, 1),
    cohort(10, 12, 1, 1),
    cohort(11, 12, 3, 3),
    cohort(12, 12, 3, 3),
];

const RURAL: Kind = Kind {
    program: "rural-tekun",
    prefix: "NT",
    largest: 2,
    place: rural_place,
};
const URBAN: Kind = Kind {
    program: "urban-tekun",
    prefix: "CT",
    largest: 2,
    place: urban_place,
};

/// Care by tier: 10, 15 and 25 % of the minimum wage of 1,950.
const TIERS: [(&str, i64); 3] = [("self", 195), ("semi", 293), ("full", 488)];

/// Rural tekun.
pub(super) fn rural(builder: &mut Builder) -> Result<(), Misfit> {
    let dispersed = households(builder, RURAL, RURAL_DISPERSED)?;
    // 445 × 1.3 = 578.50 a month; 579 is near enough to plan failures by amount.
    builder.award_all(&dispersed, "living", (1, 12), 579);
    rural_care(builder, &dispersed)?;
    builder.award_all(&dispersed, "heating", (11, 11), 500);
    quarterly(builder, "heating", (10, 12), (11, 11));
    funerals(builder, &dispersed)?;

    let centralised = households(builder, RURAL, RURAL_CENTRALISED)?;
    let homes = ["演示第一敬老院", "演示第二敬老院", "演示第三敬老院"];
    institutional(builder, &centralised, &homes)?;
    builder.award_all(&centralised, "pocket-money", (1, 12), 100);
    // By tier: 195 × 223 + 293 × 756 + 488 × 1,802 = 1,144,369.
    let pool = reassessed(builder.stretches(&centralised));
    tiers(
        builder,
        pool,
        "centralised-care",
        [None, Some(756), Some(1_802)],
    )?;
    builder.award_all(&centralised, "price", (8, 10), 34);
    quarterly(builder, "price", (7, 12), (8, 10));
    one_off(builder, &dispersed, &centralised);
    Ok(())
}

/// Urban tekun. Living, heating, one-off and price fit the dispersed alone, so the care allowance
/// is what the centralised have.
pub(super) fn urban(builder: &mut Builder) -> Result<(), Misfit> {
    let dispersed = households(builder, URBAN, URBAN_DISPERSED)?;
    urban_living(builder, &dispersed);
    builder.award_all(&dispersed, "heating", (11, 11), 1_200);
    builder.award_all(&dispersed, "one-off", (11, 11), 300);
    builder.award_all(&dispersed, "price", (8, 10), 30);
    let centralised = households(builder, URBAN, URBAN_CENTRALISED)?;
    institutional(builder, &centralised, &["演示社会综合福利院"])?;
    // 195 × 471 + 293 × 11 + 488 × 4 = 97,020.
    let pool = builder.stretches(&centralised);
    tiers(builder, pool, "care", [None, Some(11), Some(4)])
}

fn households(builder: &mut Builder, kind: Kind, cohorts: &[Cohort]) -> Result<Vec<usize>, Misfit> {
    let mut cases = Vec::new();
    for cohort in cohorts {
        cases.extend(builder.cohort(kind, *cohort)?);
    }
    Ok(cases)
}

/// Three who died in the quarter have their last month's care by days (the published total ends in
/// half a yuan); 195 × 12,436 + 293 × 1,949 + 488 × 604 = 3,290,829 besides.
fn rural_care(builder: &mut Builder, cases: &[usize]) -> Result<(), Misfit> {
    let parts = [(15, 9_750), (10, 6_500), (20, 13_000)];
    let mut pool = builder.stretches(cases);
    let dying: Vec<Stretch> = pool
        .iter()
        .filter(|stretch| stretch.to == 3 && stretch.member == 0)
        .take(parts.len())
        .copied()
        .collect();
    for (stretch, (days, fen)) in dying.into_iter().zip(parts) {
        pool.retain(|other| (other.case, other.member) != (stretch.case, stretch.member));
        builder.award(Stretch { to: 2, ..stretch }, "care", 195).tag = "self";
        let last = builder.award(Stretch { from: 3, ..stretch }, "care", fen / 100);
        last.tag = "self";
        last.amount = Some(fen);
        last.basis = format!("按天折算{days}日");
    }
    tiers(builder, pool, "care", [None, Some(1_949), Some(604)])
}

/// Gives each stretch a care tier: exactly these person-months of each, the rest self-caring.
fn tiers(
    builder: &mut Builder,
    mut pool: Vec<Stretch>,
    component: &'static str,
    months: [Option<usize>; 3],
) -> Result<(), Misfit> {
    for ((tag, worth), months) in TIERS.into_iter().zip(months).rev() {
        let Some(months) = months else {
            for stretch in pool.drain(..) {
                builder.award(stretch, component, worth).tag = tag;
            }
            continue;
        };
        let weights: Vec<usize> = pool.iter().map(Stretch::months).collect();
        let chosen = choose_exactly(&mut builder.draw, &weights, months, component)?;
        for position in chosen.into_iter().rev() {
            let stretch = pool.remove(position);
            builder.award(stretch, component, worth).tag = tag;
        }
    }
    Ok(())
}

/// Three people in the institutions are assessed anew between the quarters.
fn reassessed(pool: Vec<Stretch>) -> Vec<Stretch> {
    let mut new_from = [5, 6, 9].into_iter();
    let mut cut = Vec::with_capacity(pool.len() + 3);
    for stretch in pool {
        match (stretch.months() == 12).then(|| new_from.next()).flatten() {
            Some(from) => {
                cut.push(Stretch {
                    to: from - 1,
                    ..stretch
                });
                cut.push(Stretch { from, ..stretch });
            }
            None => cut.push(stretch),
        }
    }
    cut
}

/// Who lives in an institution is paid through it.
fn institutional(builder: &mut Builder, cases: &[usize], names: &[&str]) -> Result<(), Misfit> {
    let homes = names
        .iter()
        .map(|name| builder.institution(name))
        .collect::<Result<Vec<_>, _>>()?;
    for (place, index) in cases.iter().enumerate() {
        let home = homes.get(place % homes.len().max(1)).copied();
        if let (Some(case), Some(home)) = (builder.cases.get_mut(*index), home) {
            case.payee = home;
        }
    }
    Ok(())
}

/// In the rural program the roster changes with the quarter: a row that pays in some months stands
/// on the roster for the quarters around them.
fn quarterly(builder: &mut Builder, component: &str, roster: (u32, u32), due: (u32, u32)) {
    let Builder { awards, cases, .. } = builder;
    for award in awards
        .iter_mut()
        .filter(|award| award.component == component)
    {
        let Some(case) = cases
            .get(award.case)
            .filter(|case| case.program == RURAL.program)
        else {
            continue;
        };
        award.from = case.from.max(roster.0);
        award.to = case.to.min(roster.1);
        award.due = due;
    }
}

/// One-off living subsidy of 165 yuan for 314 people in September: all in the institutions and 78
/// at home who cannot care for themselves.
fn one_off(builder: &mut Builder, dispersed: &[usize], centralised: &[usize]) {
    let on_roster = |stretch: &Stretch| stretch.from <= 7 && stretch.to >= 9;
    let inside: Vec<Stretch> = builder
        .stretches(centralised)
        .into_iter()
        .filter(|stretch| on_roster(stretch))
        .collect();
    let needing = |award: &&super::builder::Award| {
        award.component == "care" && award.tag != "self" && award.from == 1 && award.to == 12
    };
    let at_home: Vec<Stretch> = builder
        .awards
        .iter()
        .filter(needing)
        .filter(|award| dispersed.contains(&award.case))
        .map(|award| Stretch {
            case: award.case,
            member: award.member,
            from: 7,
            to: 9,
        })
        .take(314_usize.saturating_sub(inside.len()))
        .collect();
    for stretch in inside.into_iter().chain(at_home) {
        builder
            .award(
                Stretch {
                    from: 7,
                    to: 9,
                    ..stretch
                },
                "one-off",
                165,
            )
            .due = (9, 9);
    }
}

/// Funeral grants of 72 people: 6,942 yuan (a year's base living) or the cost by receipts, to the
/// relative who buried them, in the month in which they leave the roster.
fn funerals(builder: &mut Builder, cases: &[usize]) -> Result<(), Misfit> {
    let by_receipts = [5_180, 5_320, 5_460, 5_560, 5_564];
    let mut dead = builder.stretches(cases);
    dead.retain(|stretch| stretch.to < 12 && stretch.member == 0);
    builder.draw.shuffle(&mut dead);
    // Those of the part months and between the quarters are among the dead.
    dead.sort_by_key(|stretch| stretch.to > 4);
    if dead.len() < 72 {
        return Err(Misfit::new("funerals", "too few people left"));
    }
    for (place, stretch) in dead.into_iter().take(72).enumerate() {
        let relative = builder.person()?;
        let payee = builder.payee(relative)?;
        let month = stretch.to + 1;
        let award = builder.award(
            Stretch {
                from: month,
                to: month,
                ..stretch
            },
            "funeral",
            6_942,
        );
        award.payee = payee;
        if let Some(cost) = by_receipts.get(place) {
            award.approve(*cost, "个别核定:丧葬费据实结算");
        }
    }
    Ok(())
}

/// 962 yuan a month (1.3 × 740) in 407 person-months; four first months and one last month are
/// individually approved, because 393,800 is no multiple of 962.
fn urban_living(builder: &mut Builder, cases: &[usize]) {
    let approved = [
        (8, 481, "按天折算15日"),
        (10, 641, "按天折算20日"),
        (11, 321, "按天折算10日"),
        (12, 423, "个别核定:入院治疗期间由医院供养"),
        (5, 400, "个别核定:当月由亲属抚养"),
    ];
    for stretch in builder.stretches(cases) {
        let first = stretch.from > 1;
        let part = approved.iter().find(|(month, ..)| {
            (first && *month == stretch.from) || (!first && *month == 5 && stretch.to == 5)
        });
        let Some((month, amount, basis)) = part else {
            builder.award(stretch, "living", 962);
            continue;
        };
        let only = Stretch {
            from: *month,
            to: *month,
            ..stretch
        };
        builder.award(only, "living", 0).approve(*amount, basis);
        let rest = if first {
            Stretch {
                from: month + 1,
                ..stretch
            }
        } else {
            Stretch {
                to: month - 1,
                ..stretch
            }
        };
        if rest.from <= rest.to {
            builder.award(rest, "living", 962);
        }
    }
}
