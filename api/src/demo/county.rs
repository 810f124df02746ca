//! A synthetic county whose year 2022 comes to the published figures of Shenmu, to the fen.
//!
//! The county is people, households, awards and accounts by month. It knows no totals: the
//! product computes them from the rosters and `policy.toml`.

use std::collections::{BTreeMap, BTreeSet};

use ledger::calendar::Month;
use ledger::money::Fen;

use super::builder::{Award, Builder, Case, Payee, Person};
use super::calibrate::Misfit;
use super::people::Branch;
use super::plans::{Plan, plan};
use super::{dibao, others, tekun};

/// Programs, components and standards of the demo, as TOML. See the file's own comments.
pub const POLICY: &str = include_str!("policy.toml");

/// The year that the county lives through.
pub const YEAR: i32 = 2022;

/// The roster month of December's supplement: accounts put right within December.
const SUPPLEMENT: u32 = 13;

/// Who is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayeeKind {
    /// A person: head of household, recipient, guardian or relative.
    Person,
    /// An institution that cares for the recipient.
    Institution,
}

/// One award in force in one month: a line of a program's roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterRow {
    /// The household's file number (档案号).
    pub file_no: String,
    /// Town or street.
    pub township: String,
    /// Village or community.
    pub village: String,
    /// The entitled person's name.
    pub name: String,
    /// The entitled person's identity number.
    pub identity_no: String,
    /// Relation to the head of the household.
    pub relation: String,
    /// Component code of `policy.toml`.
    pub component: String,
    /// Category of the person for this component; empty when there is none.
    pub tag: String,
    /// The household's income a month and head.
    pub income: Fen,
    /// An individually approved amount, instead of the standard's.
    pub amount: Option<Fen>,
    /// Why the amount was individually approved.
    pub basis: String,
    /// Name of the payee.
    pub payee_name: String,
    /// Identity number or unified social credit code of the payee.
    pub payee_no: String,
    /// Whether the payee is a person or an institution.
    pub payee_kind: PayeeKind,
    /// The payee's bank branch.
    pub bank_name: String,
    /// The branch's 12-digit number (联行号).
    pub bank_no: String,
    /// The payee's account.
    pub account_no: String,
}

/// A new account that the officers obtained for a payee after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// Name of the payee.
    pub payee_name: String,
    /// Identity number of the payee.
    pub payee_no: String,
    /// The account that failed.
    pub old_account_no: String,
    /// The new account.
    pub account_no: String,
}

/// The synthetic county.
pub struct County {
    cases: Vec<Case>,
    people: Vec<Person>,
    payees: Vec<Payee>,
    branches: Vec<Branch>,
    /// Rows by program, in the order of the roster.
    awards: BTreeMap<&'static str, Vec<Award>>,
    plans: BTreeMap<String, Plan>,
}

/// Program codes in the order of the report.
const PROGRAMS: [&str; 9] = [
    "urban-dibao",
    "rural-dibao",
    "rural-tekun",
    "urban-tekun",
    "orphan",
    "policy-laid-off",
    "sixties-streamlined",
    "laid-off-and-streamlined-extras",
    "dibao-margin",
];

/// Shenmu's year 2022 with synthetic people. Always the same.
///
/// # Errors
/// [`Misfit`] when the constants of the demo do not give the published figures.
pub fn shenmu() -> Result<County, Misfit> {
    let mut builder = Builder::new();
    dibao::urban(&mut builder)?;
    dibao::rural(&mut builder)?;
    tekun::rural(&mut builder)?;
    tekun::urban(&mut builder)?;
    others::orphans(&mut builder)?;
    others::workers(&mut builder)?;
    others::margin(&mut builder)?;
    builder.settle();
    let plans = plan(&mut builder, &PROGRAMS)?;
    let Builder {
        cases,
        people,
        payees,
        branches,
        awards: rows,
        ..
    } = builder;
    let mut awards: BTreeMap<&'static str, Vec<Award>> = BTreeMap::new();
    for award in rows {
        if let Some(case) = cases.get(award.case) {
            awards.entry(case.program).or_default().push(award);
        }
    }
    Ok(County {
        cases,
        people,
        payees,
        branches,
        awards,
        plans,
    })
}

impl County {
    /// Program codes, in the order of the report.
    pub fn programs(&self) -> &'static [&'static str] {
        &PROGRAMS
    }

    /// The whole roster of a program in a month, one row per award in force; `None` when it says
    /// the same as the month before, or the program has none yet.
    pub fn roster(&self, program: &str, month: Month) -> Option<Vec<RosterRow>> {
        let number = number_of(month)?;
        let awards = self.awards.get(program)?;
        let changes = |award: &Award| {
            award.from == number
                || award.to + 1 == number
                || (award.from < number && award.to >= number && self.corrected(award, number))
        };
        if !awards.iter().any(changes) {
            return None;
        }
        Some(self.rows(program, number, number))
    }

    /// December's roster once more, with the accounts that were put right within the month;
    /// `None` in other months and for programs without such accounts.
    pub fn roster_supplement(&self, program: &str, month: Month) -> Option<Vec<RosterRow>> {
        let number = number_of(month).filter(|number| *number == 12)?;
        let awards = self.awards.get(program)?;
        let corrected = |award: &Award| award.to == number && self.corrected(award, SUPPLEMENT);
        awards
            .iter()
            .any(corrected)
            .then(|| self.rows(program, number, SUPPLEMENT))
    }

    /// The accounts that the roster of this month has changed for payees known the month before.
    pub fn corrections(&self, program: &str, month: Month) -> Vec<Correction> {
        number_of(month).map_or_else(Vec::new, |number| {
            self.corrections_of(program, number, number)
        })
    }

    /// The accounts that [`County::roster_supplement`] has changed.
    pub fn corrections_supplement(&self, program: &str, month: Month) -> Vec<Correction> {
        match number_of(month) {
            Some(12) => self.corrections_of(program, 12, SUPPLEMENT),
            _ => Vec::new(),
        }
    }

    /// What the bank will find wrong with an account, and when.
    pub fn account_plan(&self, account_no: &str) -> Plan {
        self.plans.get(account_no).cloned().unwrap_or(Plan::Good)
    }

    /// All accounts with a plan other than [`Plan::Good`].
    pub fn plans(&self) -> &BTreeMap<String, Plan> {
        &self.plans
    }

    fn corrected(&self, award: &Award, month: u32) -> bool {
        let payee = self.payees.get(award.payee);
        payee.is_some_and(|payee| {
            payee
                .accounts
                .iter()
                .skip(1)
                .any(|(from, _)| *from == month)
        })
    }

    fn corrections_of(&self, program: &str, month: u32, accounts: u32) -> Vec<Correction> {
        let awards = self
            .awards
            .get(program)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let payees: BTreeSet<usize> = awards
            .iter()
            .filter(|award| (award.from..=award.to).contains(&month))
            .filter(|award| self.corrected(award, accounts))
            .map(|award| award.payee)
            .collect();
        let correction = |payee: &Payee| Correction {
            payee_name: payee.name.clone(),
            payee_no: payee.number.clone(),
            old_account_no: payee.account(accounts - 1).to_owned(),
            account_no: payee.account(accounts).to_owned(),
        };
        payees
            .into_iter()
            .filter_map(|payee| self.payees.get(payee))
            .map(correction)
            .collect()
    }

    fn rows(&self, program: &str, month: u32, accounts: u32) -> Vec<RosterRow> {
        let awards = self
            .awards
            .get(program)
            .map(Vec::as_slice)
            .unwrap_or_default();
        awards
            .iter()
            .filter(|award| (award.from..=award.to).contains(&month))
            .filter_map(|award| self.row(award, accounts))
            .collect()
    }

    fn row(&self, award: &Award, accounts: u32) -> Option<RosterRow> {
        let case = self.cases.get(award.case)?;
        let person = self.people.get(*case.members.get(award.member)?)?;
        let payee = self.payees.get(award.payee)?;
        let branch = self.branches.get(payee.branch)?;
        Some(RosterRow {
            file_no: case.file_no.clone(),
            township: case.township.clone(),
            village: case.village.clone(),
            name: person.name.clone(),
            identity_no: person.number.clone(),
            relation: award.relation.to_owned(),
            component: award.component.to_owned(),
            tag: award.tag.to_owned(),
            income: Fen::new(award.income * 100),
            amount: award.amount.map(Fen::new),
            basis: award.basis.clone(),
            payee_name: payee.name.clone(),
            payee_no: payee.number.clone(),
            payee_kind: if payee.institution {
                PayeeKind::Institution
            } else {
                PayeeKind::Person
            },
            bank_name: branch.name.to_owned(),
            bank_no: branch.number.clone(),
            account_no: payee.account(accounts).to_owned(),
        })
    }
}

fn number_of(month: Month) -> Option<u32> {
    (month.year() == YEAR).then(|| month.number())
}

#[cfg(test)]
#[path = "county_tests.rs"]
mod tests;
