//! What a program pays: components, cadences, standards with effective dates, and reference
//! amounts. All of it is data; this module only evaluates it.

use std::collections::HashMap;
use std::fmt;

use rust_decimal::Decimal;

use crate::account::coded;
use crate::calendar::Month;
use crate::id::{ComponentId, ProgramId, StandardId};
use crate::money::{Fen, Rounding};
use crate::problem::{Kind, Problem};
use crate::roster::Award;

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
            let last = (first..=12).take_while(|month| set(*month)).last().unwrap_or(first);
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
            components: components.into_iter().map(|component| (component.id, component)).collect(),
            ..Policy::default()
        };
        for standard in standards {
            let tags = policy.standards.entry(standard.component).or_default();
            tags.entry(standard.tag.clone()).or_default().push(standard);
        }
        for reference in references {
            policy.references.entry(reference.code.clone()).or_default().push(reference);
        }
        policy
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

    /// What the award is due for the month; zero when nothing falls due in it.
    ///
    /// An amount that the award carries overrides the standard. Refused with `StandardMissing` when
    /// no standard or reference holds, `AwardAmountMissing` when the standard leaves the amount to
    /// the award and the award has none, `NotFound` for an unknown component.
    pub fn due(&self, award: &Award, month: Month) -> Result<Fen, Problem> {
        let Some(component) = self.components.get(&award.component) else {
            return Err(Problem::new(Kind::NotFound)
                .with("what", "发放项目")
                .with("name", award.component));
        };
        if !award.covers(month) || !component.cadence.falls_due(month, award.from) {
            return Ok(Fen::ZERO);
        }
        if let Some(amount) = award.amount {
            return Ok(amount);
        }
        let missing = |name: &str| {
            Problem::new(Kind::StandardMissing)
                .with("component", name)
                .with("month", month)
                .with("tag", if award.tag.is_empty() { "-" } else { award.tag.as_str() })
        };
        let standard = self
            .standard_at(component.id, &award.tag, month)
            .ok_or_else(|| missing(&component.name))?;
        match &standard.formula {
            Formula::Amount(amount) => Ok(*amount),
            Formula::AmountMinusIncome(amount) => Ok(amount.minus(award.income)?.max(Fen::ZERO)),
            Formula::Rate { of, rate, rounding } => {
                let base = self.reference_at(of, month).ok_or_else(|| missing(of))?;
                Ok(base.at_rate(*rate, *rounding)?)
            }
            Formula::Individual => {
                Err(Problem::new(Kind::AwardAmountMissing)
                    .with("component", &component.name)
                    .with("award", award.id))
            }
        }
    }
}
