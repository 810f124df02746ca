//! Rows of text become rules; every fault is kept with its place.

use std::collections::HashSet;

use bank_adapters::{Finding, Profile, Severity};
use ledger::calendar::Month;
use ledger::disbursement::approval::ApprovalLimit;
use ledger::disbursement::publication::{DAYS_MAX, DayUnit};
use ledger::fund::{Funding, Level};
use ledger::id::{BankAccountId, ComponentId, ProgramId, StandardId};
use ledger::money::{Fen, Rounding};
use ledger::problem::{Kind, Language, Place, Problem};
use ledger::program::payment_day::PaymentDay;
use ledger::program::{Cadence, Component, Formula, Reference, Scope, Standard};
use ledger_store::policy::{BankAccount, DebitStyle, Program};
use ledger_store::publication::PublicationRule;
use rust_decimal::Decimal;

use super::conditions::{self, OfEligibility};
use super::draft::{
    BankAccountRow, Cell, ComponentRow, Draft, FundingRow, LimitRow, PublicationRow, StandardRow,
};
use super::words;
use crate::app::Error;

/// A rule and where it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) rule: T,
    pub(super) place: Place,
}

/// A component and the code of its program.
#[derive(Clone, Debug)]
pub(super) struct OfProgram {
    pub(super) program: String,
    pub(super) component: Component,
    pub(super) economic_code: String,
}

/// A standard and the codes of its program and component.
#[derive(Clone, Debug)]
pub(super) struct OfComponent {
    pub(super) program: String,
    pub(super) component: String,
    pub(super) standard: Standard,
}

/// The funding of a program; the account may be left open.
#[derive(Clone, Debug)]
pub(super) struct Funds {
    pub(super) program: String,
    pub(super) bank_account: String,
    pub(super) funding: Funding,
}

/// A rule and the code of its program; the number in it is not given yet.
#[derive(Clone, Debug)]
pub(super) struct Ruled<T> {
    pub(super) program: String,
    pub(super) rule: T,
}

/// What a file says, each value sound by itself. Numbers of rows are not given yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) programs: Vec<At<Program>>,
    pub(super) components: Vec<At<OfProgram>>,
    pub(super) standards: Vec<At<OfComponent>>,
    pub(super) references: Vec<At<(Reference, String)>>,
    pub(super) fundings: Vec<At<Funds>>,
    pub(super) payment_days: Vec<At<Ruled<PaymentDay>>>,
    pub(super) eligibility: Vec<At<OfEligibility>>,
    pub(super) publications: Vec<At<Ruled<PublicationRule>>>,
    pub(super) limits: Vec<At<Ruled<ApprovalLimit>>>,
    pub(super) bank_accounts: Vec<At<BankAccount>>,
}

/// The faults of a file.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<Problem>,
}

impl Faults {
    /// Adds one.
    pub(super) fn add(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    /// The value is not what is wanted.
    pub(super) fn invalid(&mut self, cell: &Cell, wanted: &str) {
        let place = &cell.place;
        let name = place.column.as_ref().or(place.field.as_ref());
        self.add(
            Problem::new(Kind::FieldInvalid)
                .with("field", name.map_or("", String::as_str))
                .with("value", &cell.text)
                .with("wanted", wanted)
                .at(place.clone()),
        );
    }

    /// It exists and is another one.
    pub(super) fn exists(&mut self, what: &str, name: &str, place: &Place) {
        self.add(
            Problem::new(Kind::AlreadyExists)
                .with("what", what)
                .with("name", name)
                .at(place.clone()),
        );
    }

    /// What it refers to is neither in the file nor in the book.
    pub(super) fn missing(&mut self, what: &str, name: &str, place: &Place) {
        self.add(
            Problem::new(Kind::NotFound)
                .with("what", what)
                .with("name", name)
                .at(place.clone()),
        );
    }

    /// One fault is the refusal itself; several are one refusal that lists them.
    pub(super) fn refuse(self) -> Result<(), Error> {
        let problem = match self.list.as_slice() {
            [] => return Ok(()),
            [only] => return Err(only.clone().into()),
            [first, ..] => Problem::new(Kind::PolicyFaulty)
                .with("count", self.list.len())
                .at(first.place.clone()),
        };
        Err(Error::Refused {
            problem: Box::new(problem),
            findings: self.list.iter().map(finding).collect(),
        })
    }
}

/// A fault of a file as a finding.
pub(in crate::app) fn finding(problem: &Problem) -> Finding {
    let say = |language, stop| {
        let (title, next) = (problem.title(language), problem.next(language));
        format!("{title}{stop}{next}")
    };
    Finding {
        code: problem.code(),
        severity: Severity::Blocking,
        place: problem.place.clone(),
        zh: say(Language::Zh, ";"),
        en: say(Language::En, "; "),
    }
}

/// Judges every row by itself, and what rows of one file say of each other.
pub(super) fn check(draft: &Draft, profiles: &[Profile], faults: &mut Faults) -> Rules {
    let mut rules = Rules::default();
    let mut seen = HashSet::new();
    for row in &draft.programs {
        filled(&row.code, faults);
        filled(&row.name, faults);
        if !seen.insert(row.code.text.as_str()) {
            faults.exists("program", &row.code.text, &row.code.place);
            continue;
        }
        rules.programs.push(At {
            rule: Program {
                id: ProgramId(0),
                code: row.code.text.clone(),
                name: row.name.text.clone(),
                function_code: row.function_code.text.clone(),
            },
            place: row.code.place.clone(),
        });
    }
    components(&draft.components, &mut rules, faults);
    standards(&draft.standards, &mut rules, faults);
    references(draft, &mut rules, faults);
    fundings(&draft.fundings, &mut rules, faults);
    conditions::payment_days(&draft.payment_days, &mut rules, faults);
    conditions::eligibility(&draft.eligibility, &mut rules, faults);
    publications(&draft.publications, &mut rules, faults);
    limits(&draft.limits, &mut rules, faults);
    for row in &draft.bank_accounts {
        bank_account(row, profiles, &mut rules, faults);
    }
    rules
}

pub(super) fn filled(cell: &Cell, faults: &mut Faults) -> bool {
    let empty = cell.text.trim().is_empty();
    if empty {
        faults.invalid(cell, "不能为空 not empty");
    }
    !empty
}

fn components(rows: &[ComponentRow], rules: &mut Rules, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for row in rows {
        filled(&row.program, faults);
        filled(&row.code, faults);
        filled(&row.name, faults);
        let scope = words::scope(&row.scope.text);
        if scope.is_none() {
            faults.invalid(&row.scope, "person, household(按人、按户)");
        }
        let months = words::months(&row.months.text);
        if months.is_none() {
            faults.invalid(&row.months, "1-12、11、4-10、1,11 或 once(一次)");
        }
        if !seen.insert((&row.program.text, &row.code.text)) {
            faults.exists("component", &row.code.text, &row.code.place);
            continue;
        }
        // With a fault nothing is imported, so the stand-ins are never used.
        rules.components.push(At {
            rule: OfProgram {
                program: row.program.text.clone(),
                component: Component {
                    id: ComponentId(0),
                    program: ProgramId(0),
                    code: row.code.text.clone(),
                    name: row.name.text.clone(),
                    scope: scope.unwrap_or(Scope::Person),
                    cadence: months.unwrap_or(Cadence::Once),
                    unit: row.unit.text.clone(),
                },
                economic_code: row.economic_code.text.clone(),
            },
            place: row.code.place.clone(),
        });
    }
}

fn standards(rows: &[StandardRow], rules: &mut Rules, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for row in rows {
        filled(&row.program, faults);
        filled(&row.component, faults);
        filled(&row.document, faults);
        let (from, formula) = (month(&row.from, faults), formula(row, faults));
        let (Some(from), Some(formula)) = (from, formula) else {
            continue;
        };
        let owner = (&row.program.text, &row.component.text);
        if !seen.insert((owner, &row.tag.text, from)) {
            let name = format!("{} {} {from}", row.component.text, row.tag.text);
            faults.exists("standard", &name, &row.from.place);
            continue;
        }
        rules.standards.push(At {
            rule: OfComponent {
                program: row.program.text.clone(),
                component: row.component.text.clone(),
                standard: Standard {
                    id: StandardId(0),
                    component: ComponentId(0),
                    tag: row.tag.text.clone(),
                    from,
                    formula,
                    document: row.document.text.clone(),
                },
            },
            place: row.from.place.clone(),
        });
    }
}

fn references(draft: &Draft, rules: &mut Rules, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for row in &draft.references {
        filled(&row.code, faults);
        filled(&row.document, faults);
        let (from, amount) = (month(&row.from, faults), yuan(&row.amount, faults));
        let (Some(from), Some(amount)) = (from, amount) else {
            continue;
        };
        if !seen.insert((&row.code.text, from)) {
            faults.exists("reference", &row.code.text, &row.from.place);
            continue;
        }
        let code = row.code.text.clone();
        let reference = Reference { code, from, amount };
        rules.references.push(At {
            rule: (reference, row.document.text.clone()),
            place: row.from.place.clone(),
        });
    }
}

/// The rows of one program are its shares; one row without a level is "in order".
fn fundings(rows: &[FundingRow], rules: &mut Rules, faults: &mut Faults) {
    for row in rows {
        filled(&row.program, faults);
        let share = share(row, faults);
        let known = rules
            .fundings
            .iter_mut()
            .find(|known| known.rule.program == row.program.text);
        let Some(known) = known else {
            rules.fundings.push(At {
                rule: Funds {
                    program: row.program.text.clone(),
                    bank_account: row.bank_account.text.clone(),
                    funding: share.map_or(Funding::InOrder, |one| Funding::ByShares(vec![one])),
                },
                place: row.bank_account.place.clone(),
            });
            continue;
        };
        if known.rule.bank_account != row.bank_account.text {
            faults.invalid(
                &row.bank_account,
                "一个项目一个账户 one account per program",
            );
        }
        match (&mut known.rule.funding, share) {
            (Funding::ByShares(shares), Some(share)) => shares.push(share),
            _ => faults.invalid(&row.level, "一个项目或按份额、或按顺序 shares or order"),
        }
    }
}

fn publications(rows: &[PublicationRow], rules: &mut Rules, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for row in rows {
        filled(&row.program, faults);
        filled(&row.document, faults);
        let days = row.days.text.parse().ok();
        let Some(days) = days.filter(|days| (0..=DAYS_MAX).contains(days)) else {
            faults.invalid(&row.days, &format!("0-{DAYS_MAX}"));
            continue;
        };
        let unit = match row.unit.text.as_str() {
            "" => Some(DayUnit::Calendar),
            text => (DayUnit::ALL.iter().copied())
                .find(|unit| text == unit.code() || text == unit.name()),
        };
        let Some(unit) = unit else {
            faults.invalid(&row.unit, "calendar(日历日), working(工作日)");
            continue;
        };
        if !seen.insert(&row.program.text) {
            faults.exists("publication", &row.program.text, &row.days.place);
            continue;
        }
        rules.publications.push(At {
            rule: Ruled {
                program: row.program.text.clone(),
                rule: PublicationRule {
                    program: ProgramId(0),
                    version: 0,
                    days,
                    unit,
                    document: row.document.text.clone(),
                },
            },
            place: row.days.place.clone(),
        });
    }
}

fn limits(rows: &[LimitRow], rules: &mut Rules, faults: &mut Faults) {
    let mut seen = HashSet::new();
    for row in rows {
        filled(&row.program, faults);
        filled(&row.document, faults);
        let level = words::approval_level(&row.level.text);
        if level.is_none() {
            faults.invalid(&row.level, "township, county, city(乡镇、县级、市级)");
        }
        let run = match row.run.text.is_empty() {
            true => Some(None),
            false => yuan(&row.run, faults).map(Some),
        };
        let (from, payment) = (month(&row.from, faults), yuan(&row.payment, faults));
        let (Some(level), Some(from), Some(payment), Some(run)) = (level, from, payment, run)
        else {
            continue;
        };
        if !seen.insert((&row.program.text, level, from)) {
            faults.exists("approval_limit", level.code(), &row.from.place);
            continue;
        }
        rules.limits.push(At {
            rule: Ruled {
                program: row.program.text.clone(),
                rule: ApprovalLimit {
                    program: ProgramId(0),
                    level,
                    from,
                    payment,
                    run,
                    document: row.document.text.clone(),
                },
            },
            place: row.from.place.clone(),
        });
    }
}

fn share(row: &FundingRow, faults: &mut Faults) -> Option<(Level, i64)> {
    if row.level.text.is_empty() && row.parts.text.is_empty() {
        return None;
    }
    let level = words::level(&row.level.text);
    if level.is_none() {
        faults.invalid(&row.level, "central, province, city, county, donation");
    }
    let parts = row.parts.text.parse().ok().filter(|parts: &i64| *parts > 0);
    if parts.is_none() {
        faults.invalid(&row.parts, "> 0");
    }
    level.zip(parts)
}

fn bank_account(
    row: &BankAccountRow,
    profiles: &[Profile],
    rules: &mut Rules,
    faults: &mut Faults,
) {
    for cell in [
        &row.batch_profile,
        &row.return_profile,
        &row.statement_profile,
    ] {
        if !profiles.iter().any(|known| known.id == cell.text) {
            let problem = Problem::new(Kind::ProfileUnknown).with("name", &cell.text);
            faults.add(problem.at(cell.place.clone()));
        }
    }
    let debit = DebitStyle::from_code(&row.debit.text);
    if debit.is_none() {
        faults.invalid(&row.debit, "whole, succeeded");
    }
    rules.bank_accounts.push(At {
        rule: BankAccount {
            id: BankAccountId(0),
            code: row.code.text.clone(),
            bank_name: row.bank_name.text.clone(),
            bank_no: row.bank_no.text.clone(),
            account_no: row.account_no.text.clone(),
            account_name: row.account_name.text.clone(),
            debit_style: debit.unwrap_or(DebitStyle::Whole),
            batch_profile: row.batch_profile.text.clone(),
            return_profile: row.return_profile.text.clone(),
            statement_profile: row.statement_profile.text.clone(),
            layouts: 0,
        },
        place: row.code.place.clone(),
    });
}

fn formula(row: &StandardRow, faults: &mut Faults) -> Option<Formula> {
    match words::formula(&row.formula.text) {
        Some("amount") => yuan(&row.amount, faults).map(Formula::Amount),
        Some("amount-minus-income") => yuan(&row.amount, faults).map(Formula::AmountMinusIncome),
        Some("individual") => {
            if !row.amount.text.is_empty() {
                faults.invalid(&row.amount, "逐人核定不填标准 none: each award has its own");
            }
            Some(Formula::Individual)
        }
        Some("rate") => {
            let of = filled(&row.of, faults).then(|| row.of.text.clone());
            let rate = words::rate(&row.rate.text).filter(|rate| *rate > Decimal::ZERO);
            if rate.is_none() {
                faults.invalid(&row.rate, "0.15, 15%, 1.3");
            }
            let rounding: Option<Rounding> = words::rounding(&row.rounding.text);
            if rounding.is_none() {
                faults.invalid(
                    &row.rounding,
                    "half-up-yuan(四舍五入到元), exact(不取整), …",
                );
            }
            let ((of, rate), rounding) = of.zip(rate).zip(rounding)?;
            Some(Formula::Rate { of, rate, rounding })
        }
        _ => {
            faults.invalid(
                &row.formula,
                "amount(定额), amount-minus-income(补差), rate(按比例), individual(逐人核定)",
            );
            None
        }
    }
}

pub(super) fn month(cell: &Cell, faults: &mut Faults) -> Option<Month> {
    let month = cell.text.parse().ok();
    if month.is_none() {
        faults.invalid(cell, "YYYY-MM");
    }
    month
}

fn yuan(cell: &Cell, faults: &mut Faults) -> Option<Fen> {
    let amount = Fen::parse_yuan(&cell.text).ok();
    let amount = amount.filter(|amount| *amount >= Fen::ZERO);
    if amount.is_none() {
        faults.invalid(cell, "1234.50");
    }
    amount
}
