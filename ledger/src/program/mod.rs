//! What a program pays: components, cadences, standards with effective dates, and reference
//! amounts. All of it is data; this module only evaluates it.

pub mod eligibility;
pub mod packs;
pub mod payment_day;

use std::collections::HashMap;
use std::fmt;

use rust_decimal::Decimal;

use crate::account::coded;
use crate::calendar::Month;
use crate::id::{AwardId, ComponentId, PartyId, ProgramId, StandardId};
use crate::money::{Fen, Rounding};
use crate::problem::{Kind, Problem};
use crate::roster::Award;

use self::eligibility::{Effect, EligibilityRule, Person, in_force};

coded! {
    /// To whom a component is granted.
    pub enum Scope {
        /// Each person of a household.
        Person "person" "按人",
        /// The household as a whole.
        Household "household" "按户",
    }
}

/// In which months a component falls due.
///
/// Read and written as `1-12`, `11`, `4-10`, `1,11` or `once`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cadence {
    /// Bit 0 is January, bit 11 December.
    Months(u16),
    /// Once, in the first month of the award.
    Once,
}

/// One component of a program (发放项目).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its id.
    pub id: ComponentId,
    /// The program to which it belongs.
    pub program: ProgramId,
    /// Code, for instance `heating`.
    pub code: String,
    /// Chinese name, for instance 取暖补贴.
    pub name: String,
    /// Per person or per household.
    pub scope: Scope,
    /// When it falls due.
    pub cadence: Cadence,
    /// 计量单位 (吨, 本) of help in kind: its standards are then amounts per piece. Empty for money.
    pub unit: String,
}

/// How many pieces an award of help in kind is for, in thousandths: 1.5 tonnes of coal are 1500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i64);

impl Quantity {
    /// From thousandths above zero, up to a million pieces.
    pub fn from_milli(milli: i64) -> Option<Quantity> {
        (1..=1_000_000_000)
            .contains(&milli)
            .then_some(Quantity(milli))
    }

    /// Reads `12`, `1.5` or `0.125`.
    pub fn parse(text: &str) -> Option<Quantity> {
        let number = Decimal::from_str_exact(text.trim()).ok()?;
        let milli = number.checked_mul(Decimal::ONE_THOUSAND)?.normalize();
        (milli.scale() == 0)
            .then(|| i64::try_from(milli).ok())?
            .and_then(Quantity::from_milli)
    }

    /// Thousandths.
    pub fn milli(self) -> i64 {
        self.0
    }

    /// The number of pieces.
    pub fn pieces(self) -> Decimal {
        Decimal::new(self.0, 3).normalize()
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().fmt(out)
    }
}

/// How a standard gives an amount for one month in which it falls due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Formula {
    /// This amount.
    Amount(Fen),
    /// 补差: this amount minus the monthly income per head, not below zero.
    AmountMinusIncome(Fen),
    /// A rate of a reference amount (0.15 of the minimum wage, 1.3 of the dibao standard).
    Rate {
        /// Code of the reference.
        of: String,
        /// 0.15 for 15 %.
        rate: Decimal,
        /// How the product becomes money.
        rounding: Rounding,
    },
    /// No amount here: each award carries its own.
    Individual,
}

/// A standard (保障标准): a formula from a month on, for the awards that carry its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standard {
    /// Its id.
    pub id: StandardId,
    /// The component it belongs to.
    pub component: ComponentId,
    /// The tag that an award must carry (`severe`, `minor`, `care-semi`); empty for the rest.
    pub tag: String,
    /// The first month in which it holds. It ends where the next one of the tag begins.
    pub from: Month,
    /// The amount.
    pub formula: Formula,
    /// Document number (文号).
    pub document: String,
}

/// An amount to which rates refer: minimum wage, dibao standards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Code, for instance `minimum-wage`.
    pub code: String,
    /// The first month in which it holds.
    pub from: Month,
    /// The amount per month.
    pub amount: Fen,
}

impl Cadence {
    /// Every month.
    pub const MONTHLY: Cadence = Cadence::Months(0x0fff);

    /// Reads the form that is printed. Months and ranges may stand in any order; a range may not
    /// run over the turn of the year, because `10-4` is more often a slip than a season. Refused
    /// with `FieldInvalid`.
    pub fn parse(text: &str) -> Result<Cadence, Problem> {
        if text == "once" {
            return Ok(Cadence::Once);
        }
        let mut mask = 0;
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (month_number(first), month_number(last)) {
                (Some(first), Some(last)) if first <= last => {
                    mask |= (first..=last).fold(0, |mask, month| mask | 1 << (month - 1));
                }
                _ => return Err(bad_cadence(text)),
            }
        }
        Ok(Cadence::Months(mask))
    }

    /// Whether it falls due in this month, for an award that begins in `from`.
    pub fn falls_due(self, month: Month, from: Month) -> bool {
        match self {
            Cadence::Months(mask) => mask & (1 << (month.number() - 1)) != 0,
            Cadence::Once => month == from,
        }
    }
}

impl fmt::Display for Cadence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cadence::Months(mask) = *self else {
            return out.write_str("once");
        };
        let set = |month: u16| (1..=12).contains(&month) && mask & (1 << (month - 1)) != 0;
        let mut separator = "";
        for first in (1..=12).filter(|month| set(*month) && !set(month - 1)) {
            let last = (first..=12)
                .take_while(|month| set(*month))
                .last()
                .unwrap_or(first);
            if first == last {
                write!(out, "{separator}{first}")?;
            } else {
                write!(out, "{separator}{first}-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

fn month_number(text: &str) -> Option<u16> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if plain { text.parse().ok()? } else { 0 };
    (1..=12).contains(&number).then_some(number)
}

fn bad_cadence(text: &str) -> Problem {
    Problem::new(Kind::FieldInvalid)
        .with("field", "cadence")
        .with("value", text)
        .with("wanted", "1-12、11、4-10、1,11 或 once")
}

impl Formula {
    /// The code in columns and files.
    pub fn code(&self) -> &'static str {
        match self {
            Formula::Amount(_) => "amount",
            Formula::AmountMinusIncome(_) => "amount-minus-income",
            Formula::Rate { .. } => "rate",
            Formula::Individual => "individual",
        }
    }

    /// The Chinese name.
    pub fn name(&self) -> &'static str {
        match self {
            Formula::Amount(_) => "定额",
            Formula::AmountMinusIncome(_) => "补差",
            Formula::Rate { .. } => "按比例",
            Formula::Individual => "逐人核定",
        }
    }
}

/// The policy of a book, ready to be asked what an award is due in a month.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    components: HashMap<ComponentId, Component>,
    /// By component and tag, oldest first.
    standards: HashMap<ComponentId, HashMap<String, Vec<Standard>>>,
    /// By code, oldest first.
    references: HashMap<String, Vec<Reference>>,
    /// By component, oldest first and in their order.
    eligibility: HashMap<ComponentId, Vec<EligibilityRule>>,
    facts: Facts,
}

/// What rules ask about people and awards, beyond what an award carries.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Who draws a component whose tags are derived.
    pub people: HashMap<PartyId, Person>,
    /// The pieces of awards of help in kind.
    pub quantities: HashMap<AwardId, Quantity>,
    /// The month in which a person died.
    pub deaths: HashMap<PartyId, Month>,
}

impl Policy {
    /// Policy from its rows, in any order. Of two standards of one component and tag from the same
    /// month, the one with the higher id holds: it was entered later.
    pub fn new(
        components: Vec<Component>,
        mut standards: Vec<Standard>,
        mut references: Vec<Reference>,
    ) -> Policy {
        standards.sort_by_key(|standard| (standard.from, standard.id));
        references.sort_by_key(|reference| reference.from);
        let mut policy = Policy {
            components: components
                .into_iter()
                .map(|component| (component.id, component))
                .collect(),
            ..Policy::default()
        };
        for standard in standards {
            let tags = policy.standards.entry(standard.component).or_default();
            tags.entry(standard.tag.clone()).or_default().push(standard);
        }
        for reference in references {
            policy
                .references
                .entry(reference.code.clone())
                .or_default()
                .push(reference);
        }
        policy
    }

    /// With rules of eligibility, in any order, and what they ask about.
    #[must_use]
    pub fn with_eligibility(mut self, mut rules: Vec<EligibilityRule>, facts: Facts) -> Policy {
        rules.sort_by_key(|rule| (rule.from, rule.rule_no));
        for rule in rules {
            self.eligibility
                .entry(rule.component)
                .or_default()
                .push(rule);
        }
        self.facts = facts;
        self
    }

    /// The rules of eligibility of a component that hold in a month.
    pub fn eligibility_at(&self, id: ComponentId, month: Month) -> &[EligibilityRule] {
        self.eligibility
            .get(&id)
            .map_or(&[], |rules| in_force(rules, month))
    }

    /// The tag by which an award takes its standard in a month: its own, or the one of the first
    /// rule that fits the person; `None` when rules give tags, none fits and nothing is paid
    /// without one.
    ///
    /// Refused with `PersonUnknown` when nothing is known of the person.
    pub fn tag_at<'a>(
        &'a self,
        award: &'a Award,
        month: Month,
    ) -> Result<Option<&'a str>, Problem> {
        if !award.tag.is_empty() {
            return Ok(Some(&award.tag));
        }
        let rules = self.eligibility_at(award.component, month).iter();
        let mut tags = rules.filter(|rule| rule.effect == Effect::Tag).peekable();
        if tags.peek().is_none() {
            return Ok(Some(""));
        }
        let person = self.facts.people.get(&award.subject).ok_or_else(|| {
            Problem::new(Kind::PersonUnknown)
                .with("award", award.id)
                .with("month", month)
        })?;
        let fitting = tags.find(|rule| rule.condition.fits(person, month));
        let ordinary = || self.standard_at(award.component, "", month).map(|_| "");
        Ok(fitting.map(|rule| rule.tag.as_str()).or_else(ordinary))
    }

    /// The pieces of an award of help in kind.
    pub fn quantity(&self, award: AwardId) -> Option<Quantity> {
        self.facts.quantities.get(&award).copied()
    }

    /// The component with this id.
    pub fn component(&self, id: ComponentId) -> Option<&Component> {
        self.components.get(&id)
    }

    /// The standard of a component and tag that holds in a month: the latest that has begun.
    pub fn standard_at(&self, id: ComponentId, tag: &str, month: Month) -> Option<&Standard> {
        let standards = self.standards.get(&id)?.get(tag)?;
        standards[..standards.partition_point(|standard| standard.from <= month)].last()
    }

    /// The reference amount that holds in a month: the latest that has begun.
    pub fn reference_at(&self, code: &str, month: Month) -> Option<Fen> {
        let amounts = self.references.get(code)?;
        let begun = amounts.partition_point(|reference| reference.from <= month);
        amounts[..begun].last().map(|reference| reference.amount)
    }

    /// What the award is due for the month; zero when nothing falls due in it, and after the month
    /// in which the person died.
    ///
    /// An amount that the award carries overrides the standard. Refused with `StandardMissing` when
    /// no standard or reference holds, `AwardAmountMissing` when the standard leaves the amount to
    /// the award and the award has none, `QuantityMissing` for help in kind without a number of
    /// pieces, `PersonUnknown` as [`Policy::tag_at`], `NotFound` for an unknown component.
    pub fn due(&self, award: &Award, month: Month) -> Result<Fen, Problem> {
        let Some(component) = self.components.get(&award.component) else {
            return Err(Problem::new(Kind::NotFound)
                .with("what", "发放项目")
                .with("name", award.component));
        };
        if !award.covers(month) || !component.cadence.falls_due(month, award.from) {
            return Ok(Fen::ZERO);
        }
        // What is granted once (丧葬费) is granted knowing of the death.
        let died = self.facts.deaths.get(&award.subject);
        if component.cadence != Cadence::Once && died.is_some_and(|died| *died < month) {
            return Ok(Fen::ZERO);
        }
        if let Some(amount) = award.amount {
            return Ok(amount);
        }
        let Some(tag) = self.tag_at(award, month)? else {
            return Ok(Fen::ZERO);
        };
        let missing = |name: &str| {
            Problem::new(Kind::StandardMissing)
                .with("component", name)
                .with("month", month)
                .with("tag", if tag.is_empty() { "-" } else { tag })
        };
        let standard = self
            .standard_at(component.id, tag, month)
            .ok_or_else(|| missing(&component.name))?;
        match &standard.formula {
            Formula::Amount(amount) if component.unit.is_empty() => Ok(*amount),
            Formula::Amount(each) => {
                let quantity = self.quantity(award.id).ok_or_else(|| {
                    Problem::new(Kind::QuantityMissing)
                        .with("component", &component.name)
                        .with("award", award.id)
                })?;
                Ok(each.at_rate(quantity.pieces(), Rounding::HalfUpFen)?)
            }
            Formula::AmountMinusIncome(amount) => Ok(amount.minus(award.income)?.max(Fen::ZERO)),
            Formula::Rate { of, rate, rounding } => {
                let base = self.reference_at(of, month).ok_or_else(|| missing(of))?;
                Ok(base.at_rate(*rate, *rounding)?)
            }
            Formula::Individual => Err(Problem::new(Kind::AwardAmountMissing)
                .with("component", &component.name)
                .with("award", award.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::eligibility::{AgeOn, Condition, Sex};
    use super::*;
    use crate::calendar::parse_date;

    fn month(text: &str) -> Month {
        text.parse().unwrap()
    }

    fn yuan(text: &str) -> Fen {
        Fen::parse_yuan(text).unwrap()
    }

    fn rate(text: &str, rounding: Rounding) -> Formula {
        let of = "minimum-wage".to_owned();
        Formula::Rate {
            of,
            rate: text.parse().unwrap(),
            rounding,
        }
    }

    /// Components 1 to 7 with their standards. The figures are those of a county in 2022.
    fn policy() -> Policy {
        let component = |id, code: &str, cadence: &str| Component {
            id: ComponentId(id),
            program: ProgramId(1),
            code: code.to_owned(),
            name: format!("项目{id}"),
            scope: Scope::Person,
            cadence: Cadence::parse(cadence).unwrap(),
            unit: String::new(),
        };
        let mut next = 0;
        let mut standard = |component, tag: &str, from: &str, formula| {
            next += 1;
            Standard {
                id: StandardId(next),
                component: ComponentId(component),
                tag: tag.to_owned(),
                from: month(from),
                formula,
                document: "示例〔2022〕1号".to_owned(),
            }
        };
        let half_up = Rounding::HalfUpYuan;
        let standards = vec![
            standard(1, "", "2022-07", Formula::AmountMinusIncome(yuan("780"))),
            standard(1, "", "2022-01", Formula::AmountMinusIncome(yuan("740"))),
            standard(2, "severe", "2022-01", Formula::Amount(yuan("370"))),
            standard(2, "minor", "2022-01", Formula::Amount(yuan("222"))),
            standard(3, "", "2022-01", Formula::Amount(yuan("1200"))),
            standard(4, "self", "2022-01", rate("0.10", half_up)),
            standard(4, "semi", "2022-01", rate("0.15", half_up)),
            standard(4, "full", "2022-01", rate("0.25", half_up)),
            standard(4, "exact", "2022-01", rate("0.333333", Rounding::Exact)),
            standard(5, "", "2022-01", Formula::Amount(yuan("6000"))),
            standard(6, "", "2022-01", Formula::Individual),
            standard(7, "", "2022-01", Formula::Amount(yuan("1"))),
            standard(7, "", "2022-01", Formula::Amount(yuan("2"))),
        ];
        let components = vec![
            component(1, "base", "1-12"),
            component(2, "categorical", "1-12"),
            component(3, "heating", "11"),
            component(4, "care", "1-12"),
            component(5, "funeral", "once"),
            component(6, "pocket-money", "1-12"),
            component(7, "electricity", "4-10"),
        ];
        let reference = |from, amount| Reference {
            code: "minimum-wage".to_owned(),
            from: month(from),
            amount: yuan(amount),
        };
        Policy::new(
            components,
            standards,
            vec![reference("2023-05", "2050"), reference("2021-05", "1950")],
        )
    }

    fn award(component: i64, tag: &str, income: &str) -> Award {
        Award {
            id: AwardId(1),
            subject: PartyId(1),
            household: PartyId(2),
            payee: PartyId(3),
            component: ComponentId(component),
            tag: tag.to_owned(),
            income: yuan(income),
            amount: None,
            from: month("2022-01"),
            to: Some(month("2023-12")),
        }
    }

    #[test]
    fn due_by_formula() {
        for (component, tag, income, at, expected) in [
            (1, "", "0", "2022-01", "740.00"),
            (1, "", "239.50", "2022-01", "500.50"),
            (1, "", "740", "2022-01", "0.00"),
            (1, "", "900", "2022-01", "0.00"),
            (1, "", "0", "2022-06", "740.00"),
            (1, "", "0", "2022-07", "780.00"),
            (1, "", "0", "2021-12", "0.00"),
            (1, "", "0", "2024-01", "0.00"),
            (2, "severe", "0", "2022-03", "370.00"),
            (2, "minor", "0", "2022-03", "222.00"),
            (2, "unknown", "0", "2022-03", "POL-0001"),
            (3, "", "0", "2022-10", "0.00"),
            (3, "", "0", "2022-11", "1200.00"),
            (3, "", "0", "2022-12", "0.00"),
            (4, "self", "0", "2022-03", "195.00"),
            (4, "semi", "0", "2022-03", "293.00"),
            (4, "full", "0", "2022-03", "488.00"),
            (4, "semi", "0", "2023-05", "308.00"),
            (4, "exact", "0", "2022-03", "LED-0003"),
            (5, "", "0", "2022-01", "6000.00"),
            (5, "", "0", "2022-02", "0.00"),
            (6, "", "0", "2022-01", "POL-0002"),
            (7, "", "0", "2022-03", "0.00"),
            (7, "", "0", "2022-04", "2.00"),
            (8, "", "0", "2022-01", "CMD-0001"),
        ] {
            let due = policy().due(&award(component, tag, income), month(at));
            let text = due.map_or_else(|problem| problem.code().to_owned(), |due| due.to_string());
            assert_eq!(text, expected, "{component} {tag} {income} {at}");
        }
    }

    #[test]
    fn the_amount_of_an_award_overrides_the_standard_but_not_the_cadence() {
        for (component, at, expected) in [
            (1, "2022-01", "88.00"),
            (2, "2022-01", "88.00"),
            (3, "2022-10", "0.00"),
            (3, "2022-11", "88.00"),
            (6, "2022-01", "88.00"),
            (6, "2024-01", "0.00"),
        ] {
            let award = Award {
                amount: Some(yuan("88")),
                ..award(component, "", "500")
            };
            assert_eq!(
                policy().due(&award, month(at)).unwrap().to_string(),
                expected
            );
        }
    }

    /// Component 2 by age on the last day of a month: minors 222 until the month of their 18th
    /// birthday, severely disabled adults 370, and nobody else. Component 7 in pieces of 1 and 2
    /// yuan.
    #[test]
    fn a_birthday_and_a_grade_change_the_tag_in_their_month() {
        let rule = |rule_no, tag: &str, condition| EligibilityRule {
            component: ComponentId(2),
            from: month("2022-01"),
            rule_no,
            effect: Effect::Tag,
            tag: tag.to_owned(),
            condition,
            document: "示例〔2022〕2号".to_owned(),
        };
        let any = Condition {
            age_from: None,
            age_to: None,
            age_on: AgeOn::LastDay,
            sex: None,
            disability: None,
        };
        let rules = vec![
            rule(
                2,
                "severe",
                Condition {
                    disability: Some((1, 2)),
                    ..any
                },
            ),
            rule(
                1,
                "minor",
                Condition {
                    age_to: Some(17),
                    ..any
                },
            ),
        ];
        let person = Person {
            birth: parse_date("2004-05-10").unwrap(),
            sex: Sex::Male,
            disability: vec![(month("2022-02"), 1), (month("2022-08"), 3)],
        };
        let people = [(PartyId(1), person)].into();
        let facts = Facts {
            people,
            ..Facts::default()
        };
        let policy = policy().with_eligibility(rules, facts);
        for (tag, at, expected) in [
            ("", "2022-04", "222.00"),
            ("", "2022-05", "370.00"),
            ("", "2022-07", "370.00"),
            ("", "2022-08", "0.00"),
            ("minor", "2022-08", "222.00"),
        ] {
            let due = policy.due(&award(2, tag, "0"), month(at)).unwrap();
            assert_eq!(due.to_string(), expected, "{tag} {at}");
        }
        let stranger = Award {
            subject: PartyId(9),
            ..award(2, "", "0")
        };
        let refused = policy.due(&stranger, month("2022-04")).unwrap_err();
        assert_eq!(refused.code(), "POL-0004");
    }

    #[test]
    fn help_in_kind_is_pieces_times_the_value_of_one() {
        for (text, milli, due) in [
            ("3", Some(3000), "30.00"),
            ("1.5", Some(1500), "15.00"),
            ("0.125", Some(125), "1.25"),
            ("1.0", Some(1000), "10.00"),
            ("0.0005", None, "POL-0005"),
            ("0", None, "POL-0005"),
            ("-1", None, "POL-0005"),
            ("1000001", None, "POL-0005"),
            ("三", None, "POL-0005"),
        ] {
            let quantity = Quantity::parse(text);
            assert_eq!(quantity.map(Quantity::milli), milli, "{text}");
            let coal = Component {
                id: ComponentId(1),
                program: ProgramId(1),
                code: "coal".to_owned(),
                name: "取暖用煤".to_owned(),
                scope: Scope::Household,
                cadence: Cadence::MONTHLY,
                unit: "百斤".to_owned(),
            };
            let standard = Standard {
                id: StandardId(1),
                component: ComponentId(1),
                tag: String::new(),
                from: month("2022-01"),
                formula: Formula::Amount(yuan("10")),
                document: "示例〔2022〕1号".to_owned(),
            };
            let quantities = quantity.map(|quantity| (AwardId(1), quantity));
            let facts = Facts {
                quantities: quantities.into_iter().collect(),
                ..Facts::default()
            };
            let policy = Policy::new(vec![coal], vec![standard], vec![]);
            let policy = policy.with_eligibility(vec![], facts);
            let found = policy.due(&award(1, "", "0"), month("2022-03"));
            let text = found.map_or_else(|p| p.code().to_owned(), |due| due.to_string());
            assert_eq!(text, due);
        }
    }

    #[test]
    fn cadences() {
        for (text, mask) in [
            ("1-12", 0x0fff),
            ("11", 1 << 10),
            ("4-10", 0b0011_1111_1000),
            ("1,11", 1 | 1 << 10),
            ("1-3,7,11-12", 0b1100_0100_0111),
        ] {
            let cadence = Cadence::parse(text).unwrap();
            assert_eq!(cadence, Cadence::Months(mask), "{text}");
            assert_eq!(cadence.to_string(), text);
        }
        assert_eq!(Cadence::parse("once").unwrap().to_string(), "once");
        assert_eq!(Cadence::parse("11,1").unwrap().to_string(), "1,11");
        assert_eq!(Cadence::MONTHLY.to_string(), "1-12");
        for bad in [
            "", "0", "13", "10-4", "1-", "-1", "1,,2", "1 ", "+1", "001", "a", "1-2-3",
        ] {
            assert!(Cadence::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_cadence_reads_as_itself(mask in 1..0x1000_u16) {
            let cadence = Cadence::Months(mask);
            prop_assert_eq!(Cadence::parse(&cadence.to_string()).unwrap(), cadence);
        }
    }
}
