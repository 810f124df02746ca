//! Orphans, laid-off workers by policy, workers streamlined in the sixties, and families at the
//! margin of dibao.

use super::builder::{Builder, Cohort, Kind, Stretch};
use super::calibrate::{Misfit, choose_exactly};
use super::people::{rural_place, urban_place};

const ORPHANS: Kind = Kind {
    program: "orphan",
    prefix: "GE",
    largest: 2,
    place: rural_place,
};
const LAID_OFF: Kind = Kind {
    program: "policy-laid-off",
    prefix: "XG",
    largest: 1,
    place: urban_place,
};
const STREAMLINED: Kind = Kind {
    program: "sixties-streamlined",
    prefix: "JJ",
    largest: 1,
    place: urban_place,
};
const EXTRAS: Kind = Kind {
    program: "laid-off-and-streamlined-extras",
    prefix: "ZF",
    largest: 1,
    place: urban_place,
};
const MARGIN: Kind = Kind {
    program: "dibao-margin",
    prefix: "BY",
    largest: 5,
    place: rural_place,
};

const fn cohort(from: u32, to: u32, households: usize, persons: usize) -> Cohort {
    Cohort {
        from,
        to,
        households,
        persons,
    }
}

/// Orphans: 1,939 person-months of 1,000 and 440 of 1,400 (students) make 2,555,000.
pub(super) fn orphans(builder: &mut Builder) -> Result<(), Misfit> {
    let students = builder.cohort(ORPHANS, cohort(1, 12, 35, 35))?;
    let freshmen = builder.cohort(ORPHANS, cohort(1, 12, 2, 2))?;
    let graduates = builder.cohort(ORPHANS, cohort(1, 6, 2, 2))?;
    let mut children = Vec::new();
    for cohort in [
        cohort(1, 12, 118, 138),
        cohort(1, 3, 8, 8),
        cohort(1, 6, 10, 10),
        cohort(1, 9, 8, 8),
        cohort(1, 10, 2, 2),
        cohort(3, 12, 5, 5),
        cohort(4, 12, 3, 3),
        cohort(6, 12, 2, 2),
    ] {
        children.extend(builder.cohort(ORPHANS, cohort)?);
    }
    guardians(builder, &children)?;
    builder.award_all(&children, "living", (1, 12), 1_000);
    builder.award_all(&freshmen, "living", (1, 8), 1_000);
    for (cases, months) in [
        (&students, (1, 12)),
        (&graduates, (1, 6)),
        (&freshmen, (9, 12)),
    ] {
        let first = builder.awards.len();
        builder.award_all(cases, "living", months, 1_400);
        builder
            .awards
            .iter_mut()
            .skip(first)
            .for_each(|award| award.tag = "university");
    }
    for cases in [&students, &freshmen] {
        builder.award_all(cases, "tuition", (9, 9), 10_000);
    }
    let inside = builder.cohort(ORPHANS, cohort(1, 12, 22, 22))?;
    let home = builder.institution("演示儿童福利院")?;
    for index in &inside {
        if let Some(case) = builder.cases.get_mut(*index) {
            case.payee = home;
        }
    }
    builder.award_all(&inside, "centralised-living", (1, 12), 1_400);
    relate(builder, "本人");
    Ok(())
}

/// A guardian for each household of minors, who is paid for them.
fn guardians(builder: &mut Builder, cases: &[usize]) -> Result<(), Misfit> {
    for index in cases {
        let guardian = builder.person()?;
        let payee = builder.payee(guardian)?;
        if let Some(case) = builder.cases.get_mut(*index) {
            case.payee = payee;
        }
    }
    Ok(())
}

/// Orphans are no heads of household: each is entered as the recipient.
fn relate(builder: &mut Builder, relation: &'static str) {
    let Builder { awards, cases, .. } = builder;
    for award in awards.iter_mut() {
        let case = cases.get(award.case);
        if case.is_some_and(|case| case.program == ORPHANS.program) {
            award.relation = relation;
        }
    }
}

/// Laid-off workers and streamlined workers with their living subsidy, and the extras of both.
pub(super) fn workers(builder: &mut Builder) -> Result<(), Misfit> {
    let mut laid_off = builder.cohort(LAID_OFF, cohort(1, 12, 382, 382))?;
    laid_off.extend(builder.cohort(LAID_OFF, cohort(1, 3, 1, 1))?);
    laid_off.extend(builder.cohort(LAID_OFF, cohort(1, 5, 1, 1))?);
    // 850 × 2,928 + 830 × 1,664 = 3,869,920.
    two_tiers(
        builder,
        &laid_off,
        2_928,
        [("long-service", 850), ("", 830)],
    )?;
    let mut streamlined = builder.cohort(STREAMLINED, cohort(1, 12, 34, 34))?;
    streamlined.extend(builder.cohort(STREAMLINED, cohort(1, 4, 1, 1))?);
    // 451 × 276 + 430 × 136 = 182,956.
    two_tiers(
        builder,
        &streamlined,
        276,
        [("long-service", 451), ("", 430)],
    )?;
    extras(builder, &laid_off, &streamlined)
}

fn two_tiers(
    builder: &mut Builder,
    cases: &[usize],
    months: usize,
    [(high, high_worth), (low, low_worth)]: [(&'static str, i64); 2],
) -> Result<(), Misfit> {
    let pool = builder.stretches(cases);
    let weights: Vec<usize> = pool.iter().map(Stretch::months).collect();
    let chosen = choose_exactly(&mut builder.draw, &weights, months, "living")?;
    for (position, stretch) in pool.into_iter().enumerate() {
        let long = chosen.binary_search(&position).is_ok();
        let (tag, worth) = if long {
            (high, high_worth)
        } else {
            (low, low_worth)
        };
        builder.award(stretch, "living", worth).tag = tag;
    }
    Ok(())
}

/// Heating for 176 households in November; an extra month for all 416 in December:
/// 704 × 382 + 368 × 34 = 281,440.
fn extras(builder: &mut Builder, laid_off: &[usize], streamlined: &[usize]) -> Result<(), Misfit> {
    let groups = [
        (laid_off, "policy-laid-off", 704, 150),
        (streamlined, "sixties-streamlined", 368, 26),
    ];
    for (cases, tag, extra, heated) in groups {
        let whole_year = cases
            .iter()
            .copied()
            .filter(|index| builder.cases.get(*index).is_some_and(|case| case.to == 12));
        for (place, index) in whole_year.collect::<Vec<_>>().into_iter().enumerate() {
            let known = builder
                .cases
                .get(index)
                .ok_or_else(|| Misfit::new("extras", "no case"))?;
            let (members, payee) = (known.members.clone(), known.payee);
            let home = (known.township.clone(), known.village.clone());
            let from = if place < heated { 11 } else { 12 };
            let case = builder.case(EXTRAS, members, (from, 12), payee);
            if let Some(made) = builder.cases.get_mut(case) {
                (made.township, made.village) = home;
            }
            if place < heated {
                let november = Stretch {
                    case,
                    member: 0,
                    from: 11,
                    to: 11,
                };
                builder.award(november, "heating", 1_200);
            }
            let december = Stretch {
                case,
                member: 0,
                from: 12,
                to: 12,
            };
            builder.award(december, "extra-month", extra).tag = tag;
        }
    }
    Ok(())
}

/// Families at the margin: 31 × 1,665 + 30 × 1,667 + 31 × 1,686 = 153,891 from August to October.
pub(super) fn margin(builder: &mut Builder) -> Result<(), Misfit> {
    for cohort in [
        cohort(8, 12, 1_000, 1_665),
        cohort(9, 12, 1, 2),
        cohort(10, 12, 12, 19),
    ] {
        let cases = builder.cohort(MARGIN, cohort)?;
        let first = builder.awards.len();
        builder.award_all(&cases, "price", (8, 12), 30);
        builder
            .awards
            .iter_mut()
            .skip(first)
            .for_each(|award| award.due = (8, 10));
    }
    Ok(())
}
