//! Fitting a roster to published figures: exact choices, never a remainder put into a total.
//!
//! A component's year is a sum of whole awards. So the question is always which people, for how
//! many months, with which tag or income, give exactly the published sum.

use super::random::Sequence;

/// The roster cannot be made to give a figure: a constant of the demo is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the synthetic county does not fit {what}: {why}")]
pub struct Misfit {
    /// What was being fitted.
    pub what: String,
    /// Why it failed.
    pub why: String,
}

impl Misfit {
    /// A misfit in fitting `what`.
    pub fn new(what: &str, why: &str) -> Misfit {
        Misfit {
            what: what.to_owned(),
            why: why.to_owned(),
        }
    }
}

/// The part of a target that is matched by exact search, in person-months.
const SEARCHED: usize = 96;

/// How many orders are tried: few items of odd weights may be used up before the search.
const ORDERS: usize = 100;

/// Chooses items whose weights sum to exactly `target`, in an order drawn from the sequence.
///
/// `weights` are the months of each item. Returns the positions chosen.
///
/// # Errors
/// [`Misfit`] when the search finds no exact choice.
pub fn choose_exactly(
    draw: &mut Sequence,
    weights: &[usize],
    target: usize,
    what: &str,
) -> Result<Vec<usize>, Misfit> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    for _ in 0..ORDERS {
        draw.shuffle(&mut order);
        if let Some(mut chosen) = choose_in_order(&order, weights, target) {
            chosen.sort_unstable();
            return Ok(chosen);
        }
    }
    Err(Misfit::new(
        what,
        &format!("no choice gives {target} months"),
    ))
}

/// Takes items in this order while the target is far, and searches for the rest.
fn choose_in_order(order: &[usize], weights: &[usize], target: usize) -> Option<Vec<usize>> {
    let mut chosen = Vec::new();
    let mut rest = target;
    let mut next = 0;
    while let Some(position) = order.get(next) {
        let weight = weights.get(*position).copied().unwrap_or(0);
        if weight + SEARCHED > rest {
            break;
        }
        chosen.push(*position);
        rest -= weight;
        next += 1;
    }
    chosen.extend(subset(order.get(next..)?, weights, rest)?);
    Some(chosen)
}

/// Subset sum over the items left. Each reached sum keeps the item that reached it first and the
/// sum it came from, so a chain never uses an item twice.
fn subset(items: &[usize], weights: &[usize], target: usize) -> Option<Vec<usize>> {
    let mut reached: Vec<Option<(usize, usize)>> = vec![None; target + 1];
    for (turn, item) in items.iter().enumerate() {
        let weight = weights.get(*item).copied().unwrap_or(0);
        if weight == 0 || weight > target {
            continue;
        }
        for sum in (weight..=target).rev() {
            let from = sum - weight;
            let open = from == 0 || reached.get(from).is_some_and(Option::is_some);
            if open && let Some(slot @ None) = reached.get_mut(sum) {
                *slot = Some((turn, from));
            }
        }
        if reached.get(target).is_some_and(Option::is_some) {
            break;
        }
    }
    let mut chosen = Vec::new();
    let mut sum = target;
    while sum > 0 {
        let (turn, from) = (*reached.get(sum)?)?;
        chosen.push(*items.get(turn)?);
        sum = from;
    }
    Some(chosen)
}

/// Cuts `persons` into `households` sizes of 1 to `largest`.
///
/// # Errors
/// [`Misfit`] when they cannot hold that many.
pub fn household_sizes(
    draw: &mut Sequence,
    households: usize,
    persons: usize,
    largest: usize,
) -> Result<Vec<usize>, Misfit> {
    if persons < households || persons > households * largest {
        return Err(Misfit::new(
            "households",
            &format!("{persons} persons in {households}"),
        ));
    }
    let mut sizes = vec![1; households];
    let mut left = persons - households;
    while left > 0 {
        if let Some(size) = sizes
            .get_mut(draw.below(households))
            .filter(|size| **size < largest)
        {
            *size += 1;
            left -= 1;
        }
    }
    Ok(sizes)
}

/// How many months at `high` and how many at `low` yuan make exactly `total`, with about `about`
/// months at `high`.
///
/// # Errors
/// [`Misfit`] when no number near `about` does.
pub fn two_amounts(total: i64, high: i64, low: i64, about: i64) -> Result<(usize, usize), Misfit> {
    (about..about + low)
        .filter(|count| (total - high * count) % low == 0)
        .find_map(|count| {
            let rest = usize::try_from((total - high * count) / low).ok()?;
            Some((usize::try_from(count).ok()?, rest))
        })
        .ok_or_else(|| Misfit::new("two amounts", &format!("{total} of {high} and {low}")))
}

/// An amount by days of a month of thirty, half up to the yuan.
pub fn by_days(monthly: i64, days: i64) -> i64 {
    (monthly * days * 2 + 30) / 60
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_choice_is_exact_and_uses_no_item_twice(
            mut weights in proptest::collection::vec(1_usize..=12, 50..300),
            share in 1_usize..=9,
        ) {
            weights.extend([1; 12]);
            let target = weights.iter().sum::<usize>() * share / 10;
            let chosen = choose_exactly(&mut Sequence::new(1), &weights, target, "a test").unwrap();
            prop_assert_eq!(chosen.iter().map(|item| weights[*item]).sum::<usize>(), target);
            prop_assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]));
        }

        #[test]
        fn sizes_add_up(households in 1_usize..200, extra in 0_usize..300) {
            let persons = households + extra.min(households * 4);
            let sizes = household_sizes(&mut Sequence::new(3), households, persons, 5).unwrap();
            prop_assert_eq!(sizes.len(), households);
            prop_assert_eq!(sizes.iter().sum::<usize>(), persons);
            prop_assert!(sizes.iter().all(|size| (1..=5).contains(size)));
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        assert!(choose_exactly(&mut Sequence::new(1), &[12, 12], 13, "x").is_err());
        assert!(household_sizes(&mut Sequence::new(1), 3, 2, 5).is_err());
        assert!(two_amounts(3, 370, 222, 0).is_err());
        assert_eq!(two_amounts(370 * 5 + 222 * 7, 370, 222, 3).unwrap(), (5, 7));
        assert_eq!(
            [by_days(370, 15), by_days(370, 14), by_days(222, 7)],
            [185, 173, 52]
        );
    }
}
