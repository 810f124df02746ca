//! Eligibility (资格条件) as data: by age on a day of the month, by sex, by disability grade.
//!
//! A rule either gives the tag of a standard to an award that carries none, so that a birthday
//! changes the amount in its month; or it says who may draw a component at all, which the clash
//! check holds against every line (A25).

use crate::account::coded;
use crate::calendar::{Date, Month};
use crate::id::ComponentId;
use crate::roster::IdentityNumber;

coded! {
    /// What a rule does for those whom it fits.
    pub enum Effect {
        /// Gives the tag of a standard.
        Tag "tag" "定档",
        /// One rule of this kind must fit whoever draws the component: an error otherwise.
        Require "require" "必须符合",
        /// One rule of this kind should fit: a warning otherwise.
        Expect "expect" "应当符合",
    }
}

coded! {
    /// On which day of a month an age is taken.
    pub enum AgeOn {
        /// On the first day: the month of a birthday still counts with the age before.
        FirstDay "first-day" "当月首日",
        /// On the last day: the month of a birthday counts with the new age.
        LastDay "last-day" "当月末日",
    }
}

coded! {
    /// Sex, as the identity number says.
    pub enum Sex {
        /// 男.
        Male "male" "男",
        /// 女.
        Female "female" "女",
    }
}

/// What must hold of a person in a month; a part that is absent holds of everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Completed years at least.
    pub age_from: Option<i32>,
    /// Completed years at most.
    pub age_to: Option<i32>,
    /// When the years are counted.
    pub age_on: AgeOn,
    /// Which sex.
    pub sex: Option<Sex>,
    /// Disability grades, both included: 1 is the severest, 4 the lightest.
    pub disability: Option<(i64, i64)>,
}

/// One rule of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EligibilityRule {
    /// For whom or what.
    pub component: ComponentId,
    /// The month from which it and the others of that month hold, instead of earlier ones.
    pub from: Month,
    /// Its place among them, from 1: the first that fits gives the tag.
    pub rule_no: i64,
    /// What it does.
    pub effect: Effect,
    /// The tag that it gives; empty for the other effects.
    pub tag: String,
    /// Whom it fits.
    pub condition: Condition,
    /// Document number (文号).
    pub document: String,
}

/// What conditions ask about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The day of birth.
    pub birth: Date,
    /// The sex.
    pub sex: Sex,
    /// Disability grades with the months from which they hold, oldest first; 0 ends one.
    pub disability: Vec<(Month, i64)>,
}

impl Person {
    /// As the identity number says, without a disability.
    pub fn of(number: &IdentityNumber) -> Person {
        let sex = match number.is_male() {
            true => Sex::Male,
            false => Sex::Female,
        };
        Person {
            birth: number.birth(),
            sex,
            disability: Vec::new(),
        }
    }

    /// The disability grade that holds in a month; `None` without one.
    pub fn disability_at(&self, month: Month) -> Option<i64> {
        let begun = self.disability.partition_point(|(from, _)| *from <= month);
        let (_, grade) = self.disability[..begun].last()?;
        (*grade > 0).then_some(*grade)
    }
}

impl Condition {
    /// Whether it holds of a person in a month.
    pub fn fits(&self, person: &Person, month: Month) -> bool {
        let age = age_on(person.birth, day_of(self.age_on, month));
        let grade = person.disability_at(month);
        self.age_from.is_none_or(|from| from <= age)
            && self.age_to.is_none_or(|to| age <= to)
            && self.sex.is_none_or(|sex| sex == person.sex)
            && self
                .disability
                .is_none_or(|(from, to)| grade.is_some_and(|grade| (from..=to).contains(&grade)))
    }
}

/// The rules among those of one component, sorted by month and place, that hold in a month.
pub fn in_force(rules: &[EligibilityRule], month: Month) -> &[EligibilityRule] {
    let begun = &rules[..rules.partition_point(|rule| rule.from <= month)];
    let Some(last) = begun.last() else {
        return &[];
    };
    &begun[begun.partition_point(|rule| rule.from < last.from)..]
}

/// Completed years on a day; who is born on 29 February has a birthday on 1 March in other years.
pub fn age_on(birth: Date, day: Date) -> i32 {
    use chrono::Datelike;
    let before = (day.month(), day.day()) < (birth.month(), birth.day());
    day.year() - birth.year() - i32::from(before)
}

fn day_of(on: AgeOn, month: Month) -> Date {
    match on {
        AgeOn::FirstDay => month.day(1).unwrap_or_else(|| month.last_day()),
        AgeOn::LastDay => month.last_day(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::parse_date;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    fn born(text: &str) -> Person {
        Person {
            birth: parse_date(text).unwrap(),
            sex: Sex::Female,
            disability: vec![
                (month("2022-03"), 3),
                (month("2022-06"), 1),
                (month("2022-09"), 0),
            ],
        }
    }

    #[test]
    fn ages_are_completed_years() {
        for (birth, day, age) in [
            ("2004-05-10", "2022-05-09", 17),
            ("2004-05-10", "2022-05-10", 18),
            ("2004-02-29", "2022-02-28", 17),
            ("2004-02-29", "2022-03-01", 18),
            ("2004-02-29", "2024-02-29", 20),
            ("2022-05-10", "2022-05-10", 0),
        ] {
            let (birth, day) = (parse_date(birth).unwrap(), parse_date(day).unwrap());
            assert_eq!(age_on(birth, day), age, "{birth} {day}");
        }
    }

    /// Born on 2004-05-10: 18 on the last day of May 2022, and on the first day of June.
    #[test]
    fn conditions() {
        let any = Condition {
            age_from: None,
            age_to: None,
            age_on: AgeOn::FirstDay,
            sex: None,
            disability: None,
        };
        let minor = Condition {
            age_to: Some(17),
            ..any
        };
        let adult = Condition {
            age_from: Some(18),
            ..any
        };
        let adult_early = Condition {
            age_on: AgeOn::LastDay,
            ..adult
        };
        let severe = Condition {
            disability: Some((1, 2)),
            ..any
        };
        let disabled = Condition {
            disability: Some((1, 4)),
            ..any
        };
        let man = Condition {
            sex: Some(Sex::Male),
            ..any
        };
        for (name, condition, fits_in) in [
            ("any", any, "2022-02 2022-05 2022-06 2022-09"),
            ("minor", minor, "2022-02 2022-05"),
            ("adult", adult, "2022-06 2022-09"),
            ("adult early", adult_early, "2022-05 2022-06 2022-09"),
            ("severe", severe, "2022-06"),
            ("disabled", disabled, "2022-05 2022-06"),
            ("man", man, ""),
        ] {
            let months = ["2022-02", "2022-05", "2022-06", "2022-09"];
            let fits = months.map(|at| (at, condition.fits(&born("2004-05-10"), month(at))));
            let fits: Vec<&str> = fits.iter().filter(|one| one.1).map(|one| one.0).collect();
            assert_eq!(fits.join(" "), fits_in, "{name}");
        }
    }

    #[test]
    fn the_newest_set_of_rules_holds() {
        let rule = |from: &str, rule_no, tag: &str| EligibilityRule {
            component: ComponentId(1),
            from: month(from),
            rule_no,
            effect: Effect::Tag,
            tag: tag.to_owned(),
            condition: Condition {
                age_from: None,
                age_to: None,
                age_on: AgeOn::FirstDay,
                sex: None,
                disability: None,
            },
            document: "示例〔2022〕1号".to_owned(),
        };
        let rules = [
            rule("2022-01", 1, "a"),
            rule("2022-01", 2, "b"),
            rule("2022-07", 1, "c"),
        ];
        for (at, tags) in [
            ("2021-12", ""),
            ("2022-01", "a b"),
            ("2022-06", "a b"),
            ("2022-07", "c"),
        ] {
            let found = in_force(&rules, month(at))
                .iter()
                .map(|rule| rule.tag.as_str());
            assert_eq!(found.collect::<Vec<_>>().join(" "), tags, "{at}");
        }
    }
}
