//! What a file adds to a book: rules that are there and the same are left alone, rules that are
//! there and differ are faults.

use std::collections::{BTreeMap, HashMap};

use ledger::disbursement::approval::ApprovalLimit;
use ledger::fund::Funding;
use ledger::id::{BankAccountId, BookId, ComponentId, ProgramId, StandardId};
use ledger::problem::{Kind, Place, Problem};
use ledger::program::eligibility::EligibilityRule;
use ledger::program::payment_day::PaymentDay;
use ledger::program::{Component, Facts, Policy, Reference, Standard};
use ledger_store::approval;
use ledger_store::db::Tx;
use ledger_store::fund::{self, FundingRule};
use ledger_store::policy::{self, BankAccount, ComponentDetail, Program};
use ledger_store::publication::{self, PublicationRule};
use ledger_store::write::Write;

use super::check::{At, Faults, Funds, OfComponent, OfProgram, Rules};
use crate::app::Error;

/// The rules of a book.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) programs: Vec<Program>,
    pub(super) components: Vec<Component>,
    pub(super) standards: Vec<Standard>,
    pub(super) references: Vec<(Reference, String)>,
    pub(super) bank_accounts: Vec<BankAccount>,
    pub(super) details: BTreeMap<ComponentId, ComponentDetail>,
    pub(super) funding: Vec<FundingRule>,
    pub(super) payment_days: Vec<PaymentDay>,
    pub(super) eligibility: Vec<EligibilityRule>,
    pub(super) publications: Vec<PublicationRule>,
    pub(super) limits: Vec<ApprovalLimit>,
}

/// What is to be added. A number below zero stands for one that is not given yet: −1 is the first
/// new one of its kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Added {
    pub(super) programs: Vec<Program>,
    pub(super) components: Vec<Component>,
    pub(super) standards: Vec<Standard>,
    pub(super) references: Vec<(Reference, String)>,
    pub(super) bank_accounts: Vec<BankAccount>,
    pub(super) details: Vec<(ComponentId, ComponentDetail)>,
    pub(super) funding: Vec<FundingRule>,
    pub(super) payment_days: Vec<PaymentDay>,
    pub(super) eligibility: Vec<EligibilityRule>,
    pub(super) publications: Vec<PublicationRule>,
    pub(super) limits: Vec<ApprovalLimit>,
    /// Programs whose funding names no account yet.
    pub(super) funding_open: usize,
}

impl Known {
    /// Reads them.
    pub(super) async fn read(tx: &mut Tx, book: BookId) -> Result<Known, Error> {
        Ok(Known {
            programs: policy::programs(tx, book).await?,
            components: policy::components(tx, book).await?,
            standards: policy::standards(tx, book).await?,
            references: policy::references(tx, book).await?,
            bank_accounts: policy::bank_accounts(tx, book).await?,
            details: policy::details(tx, book).await?,
            funding: fund::funding_rules(tx, book).await?,
            payment_days: policy::payment_days(tx, book).await?,
            eligibility: policy::eligibility(tx, book).await?,
            publications: publication::rules(tx, book).await?,
            limits: approval::limits(tx, book).await?,
        })
    }

    /// The rules as they are, and with what is added. Both know the people whom either asks about.
    pub(super) async fn policies(
        &self,
        tx: &mut Tx,
        book: BookId,
        added: &Added,
    ) -> Result<(Policy, Policy), Error> {
        let rules = [self.eligibility.clone(), added.eligibility.clone()].concat();
        let facts: Facts = policy::facts(tx, book, &self.components, &rules).await?;
        let amounts = |list: &[(Reference, String)]| -> Vec<Reference> {
            list.iter()
                .map(|(reference, _)| reference.clone())
                .collect()
        };
        let before = Policy::new(
            self.components.clone(),
            self.standards.clone(),
            amounts(&self.references),
        );
        let after = Policy::new(
            [self.components.clone(), added.components.clone()].concat(),
            [self.standards.clone(), added.standards.clone()].concat(),
            [amounts(&self.references), amounts(&added.references)].concat(),
        );
        let before = before.with_eligibility(self.eligibility.clone(), facts.clone());
        Ok((before, after.with_eligibility(rules, facts)))
    }
}

impl Added {
    /// Whether nothing is to be added.
    pub(super) fn is_empty(&self) -> bool {
        self.programs.is_empty()
            && self.components.is_empty()
            && self.standards.is_empty()
            && self.references.is_empty()
            && self.bank_accounts.is_empty()
            && self.details.is_empty()
            && self.funding.is_empty()
            && self.payment_days.is_empty()
            && self.eligibility.is_empty()
            && self.publications.is_empty()
            && self.limits.is_empty()
    }
}

/// The number of the n-th new row of a kind while it has none, from 0.
fn stand_in(index: usize) -> i64 {
    i64::try_from(index).map_or(i64::MIN, |index| -1 - index)
}

/// The number that a row has, or is given when `first` is the first new one.
fn numbered(id: i64, first: i64) -> i64 {
    if id < 0 { first - 1 - id } else { id }
}

/// Compares the rules of a file with those of the book. `account` is the paying account of every
/// program of the file that names none itself.
pub(super) fn plan(
    known: &Known,
    rules: &Rules,
    account: Option<&str>,
    faults: &mut Faults,
) -> Added {
    let mut added = Added::default();
    for At { rule, place } in &rules.references {
        let (reference, document) = rule;
        let same = |(other, _): &&(Reference, String)| {
            other.code == reference.code && other.from == reference.from
        };
        match known.references.iter().find(same) {
            Some((other, _)) if other.amount == reference.amount => {}
            Some(_) => faults.exists("reference", &reference.code, place),
            None => added.references.push((reference.clone(), document.clone())),
        }
    }
    added
        .references
        .sort_by(|(a, _), (b, _)| (&a.code, a.from).cmp(&(&b.code, b.from)));
    for At { rule, place } in &rules.bank_accounts {
        let known = known.bank_accounts.iter().find(|one| one.code == rule.code);
        let id = known.map_or(stand_in(added.bank_accounts.len()), |one| one.id.get());
        let rule = BankAccount {
            id: BankAccountId(id),
            ..rule.clone()
        };
        match known {
            Some(same) if *same == rule => {}
            Some(_) => faults.exists("bank_account", &rule.code, place),
            None => added.bank_accounts.push(rule),
        }
    }
    for At { rule, place } in &rules.programs {
        let known = known.programs.iter().find(|one| one.code == rule.code);
        match known {
            Some(same) if same.name == rule.name => {}
            Some(_) => faults.exists("program", &rule.code, place),
            None => added.programs.push(Program {
                id: ProgramId(stand_in(added.programs.len())),
                ..rule.clone()
            }),
        }
    }
    let mut books = Books::of(known, &added);
    books.components(known, rules, &mut added, faults);
    books.standards(known, rules, &mut added, faults);
    books.fundings(known, rules, account, &mut added, faults);
    books.payment_days(known, rules, &mut added, faults);
    books.eligibility(known, rules, &mut added, faults);
    books.publications(known, rules, &mut added, faults);
    books.limits(known, rules, &mut added, faults);
    added
}

/// Numbers by code, of what is there and what is new.
pub(super) struct Books {
    programs: HashMap<String, ProgramId>,
    pub(super) components: HashMap<(ProgramId, String), ComponentId>,
    accounts: HashMap<String, BankAccountId>,
}

impl Books {
    fn of(known: &Known, added: &Added) -> Books {
        let programs = known.programs.iter().chain(&added.programs);
        let components = known.components.iter();
        let accounts = known.bank_accounts.iter().chain(&added.bank_accounts);
        Books {
            programs: programs.map(|one| (one.code.clone(), one.id)).collect(),
            components: components
                .map(|one| ((one.program, one.code.clone()), one.id))
                .collect(),
            accounts: accounts.map(|one| (one.code.clone(), one.id)).collect(),
        }
    }

    pub(super) fn program(
        &self,
        code: &str,
        place: &Place,
        faults: &mut Faults,
    ) -> Option<ProgramId> {
        let id = self.programs.get(code).copied();
        if id.is_none() {
            faults.missing("项目 program", code, place);
        }
        id
    }

    /// What a component says beyond its name; its economic account may be changed, its unit not,
    /// because awards count in it.
    fn detail(
        &self,
        component: &Component,
        economic_code: &str,
        (details, is_known): (&BTreeMap<ComponentId, ComponentDetail>, bool),
        added: &mut Added,
    ) {
        let last = details.get(&component.id).filter(|_| is_known);
        let is_said = !component.unit.is_empty() || !economic_code.is_empty();
        let before = last.map_or("", |last| last.economic_code.as_str());
        let differs = !economic_code.is_empty() && before != economic_code;
        if is_said && (last.is_none() || differs) {
            let detail = ComponentDetail {
                version: last.map_or(1, |last| last.version + 1),
                unit: component.unit.clone(),
                economic_code: economic_code.to_owned(),
            };
            added.details.push((component.id, detail));
        }
    }

    fn components(&mut self, known: &Known, rules: &Rules, added: &mut Added, faults: &mut Faults) {
        let details = &known.details;
        for At { rule, place } in &rules.components {
            let OfProgram {
                program,
                component,
                economic_code,
            } = rule;
            let Some(program) = self.program(program, place, faults) else {
                continue;
            };
            let same = |one: &&Component| one.program == program && one.code == component.code;
            let known = known.components.iter().find(same);
            let component = Component {
                id: known.map_or(ComponentId(stand_in(added.components.len())), |one| one.id),
                program,
                ..component.clone()
            };
            self.detail(&component, economic_code, (details, known.is_some()), added);
            match known {
                Some(same) if *same == component => {}
                Some(_) => faults.exists("component", &component.code, place),
                None => {
                    let key = (program, component.code.clone());
                    self.components.insert(key, component.id);
                    added.components.push(component);
                }
            }
        }
    }

    fn standards(&self, known: &Known, rules: &Rules, added: &mut Added, faults: &mut Faults) {
        for At { rule, place } in &rules.standards {
            let OfComponent {
                program,
                component: code,
                standard,
            } = rule;
            let Some(program) = self.program(program, place, faults) else {
                continue;
            };
            let Some(component) = self.components.get(&(program, code.clone())).copied() else {
                faults.missing("发放项目 component", code, place);
                continue;
            };
            let same = |one: &&Standard| {
                (one.component, one.from) == (component, standard.from) && one.tag == standard.tag
            };
            let known = known.standards.iter().find(same);
            let standard = Standard {
                id: known.map_or(StandardId(stand_in(added.standards.len())), |one| one.id),
                component,
                ..standard.clone()
            };
            match known {
                Some(same) if *same == standard => {}
                Some(_) => {
                    let name = format!("{code} {} {}", standard.tag, standard.from);
                    faults.exists("standard", &name, place);
                }
                None => added.standards.push(standard),
            }
        }
    }

    fn fundings(
        &self,
        known: &Known,
        rules: &Rules,
        account: Option<&str>,
        added: &mut Added,
        faults: &mut Faults,
    ) {
        let mut wanted: Vec<At<Funds>> = rules.fundings.clone();
        // With an account at hand, a program of which nothing is said is funded in order.
        for At { rule, place } in rules.programs.iter().filter(|_| account.is_some()) {
            if !wanted.iter().any(|funds| funds.rule.program == rule.code) {
                let rule = Funds {
                    program: rule.code.clone(),
                    bank_account: String::new(),
                    funding: Funding::InOrder,
                };
                let place = place.clone();
                wanted.push(At { rule, place });
            }
        }
        for At { rule, place } in wanted {
            let Some(program) = self.program(&rule.program, &place, faults) else {
                continue;
            };
            let last = known.funding.iter().find(|one| one.program == program);
            let is_said = rules
                .fundings
                .iter()
                .any(|said| said.rule.program == rule.program);
            let named = (!rule.bank_account.is_empty()).then_some(rule.bank_account.as_str());
            // What is funded already stays so unless the file says otherwise.
            if last.is_some() && named.is_none() && !(is_said && account.is_some()) {
                continue;
            }
            let Some(code) = named.or(account) else {
                added.funding_open += 1;
                continue;
            };
            let Some(bank_account) = self.accounts.get(code).copied() else {
                faults.missing("账户 bank account", code, &place);
                continue;
            };
            let same = |last: &FundingRule| {
                last.bank_account == bank_account && last.funding == rule.funding
            };
            if !last.is_some_and(same) {
                added.funding.push(FundingRule {
                    program,
                    version: last.map_or(1, |last| last.version + 1),
                    bank_account,
                    funding: rule.funding,
                });
            }
        }
    }
}

impl Books {
    /// The first rule of a program; a change takes two people.
    fn publications(&self, known: &Known, rules: &Rules, added: &mut Added, faults: &mut Faults) {
        for At { rule, place } in &rules.publications {
            let Some(program) = self.program(&rule.program, place, faults) else {
                continue;
            };
            let last = (known.publications.iter()).find(|last| last.program == program);
            let new = PublicationRule {
                program,
                version: last.map_or(1, |last| last.version + 1),
                ..rule.rule.clone()
            };
            let same = |last: &PublicationRule| {
                (last.days, last.unit) == (new.days, new.unit) && last.document == new.document
            };
            match last {
                Some(last) if same(last) => {}
                Some(_) => faults.add(needs_two("公示 publication", &rule.program, place)),
                None => added.publications.push(new),
            }
        }
    }

    fn limits(&self, known: &Known, rules: &Rules, added: &mut Added, faults: &mut Faults) {
        for At { rule, place } in &rules.limits {
            let Some(program) = self.program(&rule.program, place, faults) else {
                continue;
            };
            let new = ApprovalLimit {
                program,
                ..rule.rule.clone()
            };
            let is_of = |limit: &ApprovalLimit, new: &ApprovalLimit| {
                (limit.program, limit.level) == (new.program, new.level)
            };
            let key = |limit: &ApprovalLimit| (limit.program, limit.level, limit.from);
            match known.limits.iter().find(|limit| key(limit) == key(&new)) {
                Some(same) if *same == new => {}
                Some(_) => {
                    let name = format!("{} {} {}", rule.program, new.level.code(), new.from);
                    faults.exists("approval_limit", &name, place);
                }
                None if known.limits.iter().any(|limit| is_of(limit, &new)) => {
                    faults.add(needs_two("审批限额 approval limit", &rule.program, place));
                }
                None => added.limits.push(new),
            }
        }
    }
}

/// A file may bring the first rule that lets a run wait or binds approvers, but may not loosen it.
fn needs_two(rule: &str, program: &str, place: &Place) -> Problem {
    Problem::new(Kind::RuleNeedsTwo)
        .with("rule", format!("{program} {rule}"))
        .at(place.clone())
}

/// Stores what is added and gives it its numbers.
pub(super) async fn store(write: &mut Write, added: &Added) -> Result<(), Error> {
    for (reference, document) in &added.references {
        policy::add_reference(write, reference, document).await?;
    }
    let account = first(write, "bank_account", added.bank_accounts.len()).await?;
    let real_account = |id: BankAccountId| BankAccountId(numbered(id.get(), account));
    for one in &added.bank_accounts {
        let id = real_account(one.id);
        policy::add_bank_account(write, &BankAccount { id, ..one.clone() }).await?;
    }
    let program = first(write, "program", added.programs.len()).await?;
    let real_program = |id: ProgramId| ProgramId(numbered(id.get(), program));
    for one in &added.programs {
        let id = real_program(one.id);
        policy::add_program(write, &Program { id, ..one.clone() }).await?;
    }
    let component = first(write, "component", added.components.len()).await?;
    let real_component = |id: ComponentId| ComponentId(numbered(id.get(), component));
    for one in &added.components {
        let component = Component {
            id: real_component(one.id),
            program: real_program(one.program),
            ..one.clone()
        };
        policy::add_component(write, &component).await?;
    }
    conditions(write, added, &real_component, &real_program).await?;
    let standard = first(write, "standard", added.standards.len()).await?;
    for one in &added.standards {
        let standard = Standard {
            id: StandardId(numbered(one.id.get(), standard)),
            component: real_component(one.component),
            ..one.clone()
        };
        policy::add_standard(write, &standard).await?;
    }
    let mut funding = added.funding.clone();
    for rule in &mut funding {
        rule.program = real_program(rule.program);
        rule.bank_account = real_account(rule.bank_account);
    }
    funding.sort_by_key(|rule| rule.program);
    for rule in &funding {
        fund::add_funding_rule(write, rule).await?;
    }
    gates(write, added, &real_program).await
}

/// Stores what components say beyond their name, whom they are for, and payment days. Rows go in
/// the order of their keys, which new components and programs have only now.
async fn conditions(
    write: &mut Write,
    added: &Added,
    real_component: impl Fn(ComponentId) -> ComponentId,
    real_program: impl Fn(ProgramId) -> ProgramId,
) -> Result<(), Error> {
    let mut details = added.details.clone();
    for (component, _) in &mut details {
        *component = real_component(*component);
    }
    details.sort_by_key(|(component, _)| *component);
    for (component, detail) in &details {
        policy::add_detail(write, *component, detail).await?;
    }
    let mut rules = added.eligibility.clone();
    for rule in &mut rules {
        rule.component = real_component(rule.component);
    }
    rules.sort_by_key(|rule| (rule.component, rule.from, rule.rule_no));
    for rule in &rules {
        policy::add_eligibility(write, rule).await?;
    }
    let mut days = added.payment_days.clone();
    for day in &mut days {
        day.program = real_program(day.program);
    }
    days.sort_by_key(|day| (day.program, day.from));
    for day in &days {
        policy::add_payment_day(write, day).await?;
    }
    Ok(())
}

/// Stores what a run waits for and by what its approvers are bound; see [`conditions`].
async fn gates(
    write: &mut Write,
    added: &Added,
    real_program: impl Fn(ProgramId) -> ProgramId,
) -> Result<(), Error> {
    let mut publications = added.publications.clone();
    for rule in &mut publications {
        rule.program = real_program(rule.program);
    }
    publications.sort_by_key(|rule| rule.program);
    for rule in &publications {
        publication::add_rule(write, rule).await?;
    }
    let mut limits = added.limits.clone();
    for limit in &mut limits {
        limit.program = real_program(limit.program);
    }
    limits.sort_by_key(|limit| (limit.program, limit.level.code(), limit.from));
    for limit in &limits {
        approval::add_limit(write, limit).await?;
    }
    Ok(())
}

/// The first of so many numbers; none are taken for nothing.
async fn first(write: &mut Write, kind: &'static str, count: usize) -> Result<i64, Error> {
    if count == 0 {
        return Ok(1);
    }
    Ok(write.allot(kind, count).await?)
}
