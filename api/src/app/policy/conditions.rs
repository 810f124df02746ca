//! Payment days and rules of eligibility: rows of text become rules, and are held against the book.

use std::collections::BTreeMap;

use ledger::calendar::Month;
use ledger::id::{ComponentId, ProgramId};
use ledger::program::eligibility::{AgeOn, Condition, Effect, EligibilityRule, Sex};
use ledger::program::payment_day::PaymentDay;
use ledger::program::{Component, Scope};

use super::check::{At, Faults, Ruled, Rules, filled, month};
use super::draft::{Cell, EligibilityRow, PaymentDayRow};
use super::plan::{Added, Books, Known};
use super::words;

/// The oldest age that a rule may name.
const AGE_MAX: i32 = 150;

/// A rule of eligibility with the codes of its program and component.
#[derive(Clone, Debug)]
pub(super) struct OfEligibility {
    pub(super) program: String,
    pub(super) component: String,
    pub(super) rule: EligibilityRule,
}

/// Judges the rows of payment days.
pub(super) fn payment_days(rows: &[PaymentDayRow], rules: &mut Rules, faults: &mut Faults) {
    let mut seen = BTreeMap::new();
    for row in rows {
        filled(&row.program, faults);
        filled(&row.document, faults);
        let day = row
            .day
            .text
            .parse()
            .ok()
            .filter(|day| (1..=31).contains(day));
        if day.is_none() {
            faults.invalid(&row.day, "1-31");
        }
        let (Some(from), Some(day)) = (month(&row.from, faults), day) else {
            continue;
        };
        let program = row.program.text.clone();
        if seen.insert((program.clone(), from), ()).is_some() {
            let name = format!("{program} {from}");
            faults.exists("payment_day", &name, &row.from.place);
            continue;
        }
        let rule = PaymentDay {
            program: ProgramId(0),
            from,
            day,
            document: row.document.text.clone(),
        };
        rules.payment_days.push(At {
            rule: Ruled { program, rule },
            place: row.from.place.clone(),
        });
    }
}

/// Judges the rows of eligibility; those of one component and month are numbered in their order.
pub(super) fn eligibility(rows: &[EligibilityRow], rules: &mut Rules, faults: &mut Faults) {
    let mut numbers: BTreeMap<(String, String, Month), i64> = BTreeMap::new();
    for row in rows {
        filled(&row.program, faults);
        filled(&row.component, faults);
        filled(&row.document, faults);
        let effect = coded(&row.effect, faults, Effect::ALL, Effect::code, Effect::name);
        let age_on = match row.age_on.text.is_empty() {
            true => Some(AgeOn::FirstDay),
            false => coded(&row.age_on, faults, AgeOn::ALL, AgeOn::code, AgeOn::name),
        };
        let sex = match row.sex.text.is_empty() {
            true => Some(None),
            false => coded(&row.sex, faults, Sex::ALL, Sex::code, Sex::name).map(Some),
        };
        let (age_from, age_to) = (age(&row.age_from, faults), age(&row.age_to, faults));
        let disability = grades(&row.disability, faults);
        let from = month(&row.from, faults);
        let (Some(effect), Some(age_on), Some(sex), Some(from)) = (effect, age_on, sex, from)
        else {
            continue;
        };
        let (Some(age_from), Some(age_to), Some(disability)) = (age_from, age_to, disability)
        else {
            continue;
        };
        if age_from.zip(age_to).is_some_and(|(from, to)| from > to) {
            faults.invalid(&row.age_to, "≥ 年龄起 age_from");
        }
        if (effect == Effect::Tag) == row.tag.text.is_empty() {
            faults.invalid(
                &row.tag,
                "定档须填类别,其他不填 a tag for tag, none otherwise",
            );
        }
        let (program, component) = (row.program.text.clone(), row.component.text.clone());
        let number = numbers
            .entry((program.clone(), component.clone(), from))
            .or_default();
        *number += 1;
        let rule = EligibilityRule {
            component: ComponentId(0),
            from,
            rule_no: *number,
            effect,
            tag: row.tag.text.clone(),
            condition: Condition {
                age_from,
                age_to,
                age_on,
                sex,
                disability,
            },
            document: row.document.text.clone(),
        };
        rules.eligibility.push(At {
            rule: OfEligibility {
                program,
                component,
                rule,
            },
            place: row.effect.place.clone(),
        });
    }
}

/// A value of a closed list, by code or by Chinese name.
fn coded<T: Copy>(
    cell: &Cell,
    faults: &mut Faults,
    all: &[T],
    code: fn(T) -> &'static str,
    name: fn(T) -> &'static str,
) -> Option<T> {
    let named = |one: &&T| cell.text == code(**one) || cell.text == name(**one);
    let found = all.iter().find(named).copied();
    if found.is_none() {
        let wanted = all
            .iter()
            .map(|one| format!("{}({})", code(*one), name(*one)));
        faults.invalid(cell, &wanted.collect::<Vec<_>>().join("、"));
    }
    found
}

/// Completed years, or nothing; the outer `None` is a fault.
fn age(cell: &Cell, faults: &mut Faults) -> Option<Option<i32>> {
    if cell.text.is_empty() {
        return Some(None);
    }
    let age = cell
        .text
        .parse()
        .ok()
        .filter(|age| (0..=AGE_MAX).contains(age));
    if age.is_none() {
        faults.invalid(cell, &format!("0-{AGE_MAX}"));
    }
    age.map(Some)
}

/// Disability grades `1-2` or `1`, or nothing; the outer `None` is a fault.
fn grades(cell: &Cell, faults: &mut Faults) -> Option<Option<(i64, i64)>> {
    if cell.text.is_empty() {
        return Some(None);
    }
    let grades = words::grades(&cell.text);
    if grades.is_none() {
        faults.invalid(cell, "1-4、1-2、1");
    }
    grades.map(Some)
}

impl Books {
    /// A payment day from another month is a newer one.
    pub(super) fn payment_days(
        &self,
        known: &Known,
        rules: &Rules,
        added: &mut Added,
        faults: &mut Faults,
    ) {
        for At { rule, place } in &rules.payment_days {
            let Some(program) = self.program(&rule.program, place, faults) else {
                continue;
            };
            let new = PaymentDay {
                program,
                ..rule.rule.clone()
            };
            let same = |day: &&PaymentDay| (day.program, day.from) == (new.program, new.from);
            match known.payment_days.iter().find(same) {
                Some(same) if *same == new => {}
                Some(_) => {
                    let name = format!("{} {}", rule.program, new.from);
                    faults.exists("payment_day", &name, place);
                }
                None => added.payment_days.push(new),
            }
        }
    }

    /// The rules of a component and month stand and fall together.
    pub(super) fn eligibility(
        &self,
        known: &Known,
        rules: &Rules,
        added: &mut Added,
        faults: &mut Faults,
    ) {
        let mut sets: BTreeMap<(ComponentId, Month), Vec<EligibilityRule>> = BTreeMap::new();
        let mut places = BTreeMap::new();
        for At { rule, place } in &rules.eligibility {
            let Some(program) = self.program(&rule.program, place, faults) else {
                continue;
            };
            let key = (program, rule.component.clone());
            let Some(component) = self.components.get(&key).copied() else {
                faults.missing("发放项目 component", &rule.component, place);
                continue;
            };
            self.bears(known, added, (component, rule, place), faults);
            let rule = EligibilityRule {
                component,
                ..rule.rule.clone()
            };
            places.entry((component, rule.from)).or_insert(place);
            sets.entry((component, rule.from)).or_default().push(rule);
        }
        for ((component, from), set) in sets {
            let before: Vec<&EligibilityRule> = (known.eligibility.iter())
                .filter(|rule| (rule.component, rule.from) == (component, from))
                .collect();
            if before.is_empty() {
                added.eligibility.extend(set);
            } else if !set.iter().eq(before)
                && let Some(place) = places.get(&(component, from))
            {
                faults.exists("eligibility", &from.to_string(), place);
            }
        }
    }

    /// A rule is of a component for persons, and gives a tag that has a standard.
    fn bears(
        &self,
        known: &Known,
        added: &Added,
        (component, of, place): (ComponentId, &OfEligibility, &ledger::problem::Place),
        faults: &mut Faults,
    ) {
        let is_it = |one: &&Component| one.id == component;
        let found = known.components.iter().chain(&added.components).find(is_it);
        let cell = |text: &str| Cell {
            text: text.to_owned(),
            place: place.clone(),
        };
        if found.is_some_and(|one| one.scope == Scope::Household) {
            faults.invalid(&cell(&of.component), "按人的项目 a component for persons");
        }
        let tag = &of.rule.tag;
        let mut standards = known.standards.iter().chain(&added.standards);
        if !standards.any(|one| one.component == component && one.tag == *tag)
            && of.rule.effect == Effect::Tag
        {
            faults.missing("标准 standard", &format!("{} {tag}", of.component), place);
        }
    }
}
