//! What a file adds to a book: rules that are there and the same are left alone, rules that are
//! there and differ are faults.

use std::collections::HashMap;

use ledger::disbursement::approval::ApprovalLimit;
use ledger::fund::Funding;
use ledger::id::{BankAccountId, BookId, ComponentId, ProgramId, StandardId};
use ledger::problem::Place;
use ledger::program::{Component, Policy, Reference, Standard};
use ledger_store::approval;
use ledger_store::db::Tx;
use ledger_store::fund::{self, FundingRule};
use ledger_store::policy::{self, BankAccount, Program};
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
    pub(super) funding: Vec<FundingRule>,
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
    pub(super) funding: Vec<FundingRule>,
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
            funding: fund::funding_rules(tx, book).await?,
            publications: publication::rules(tx, book).await?,
            limits: approval::limits(tx, book).await?,
        })
    }

    /// The rules as they are, and with what is added.
    pub(super) fn policies(&self, added: &Added) -> (Policy, Policy) {
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
        (before, after)
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
            && self.funding.is_empty()
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
    books.publications(known, rules, &mut added, faults);
    books.limits(known, rules, &mut added, faults);
    added
}

/// Numbers by code, of what is there and what is new.
struct Books {
    programs: HashMap<String, ProgramId>,
    components: HashMap<(ProgramId, String), ComponentId>,
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

    fn program(&self, code: &str, place: &Place, faults: &mut Faults) -> Option<ProgramId> {
        let id = self.programs.get(code).copied();
        if id.is_none() {
            faults.missing("项目 program", code, place);
        }
        id
    }

    fn components(&mut self, known: &Known, rules: &Rules, added: &mut Added, faults: &mut Faults) {
        for At { rule, place } in &rules.components {
            let OfProgram { program, component } = rule;
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
    /// A rule that differs is a newer version.
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
            let same =
                |last: &PublicationRule| last.days == new.days && last.document == new.document;
            if !last.is_some_and(same) {
                added.publications.push(new);
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
            let key = |limit: &ApprovalLimit| (limit.program, limit.level, limit.from);
            match known.limits.iter().find(|limit| key(limit) == key(&new)) {
                Some(same) if *same == new => {}
                Some(_) => {
                    let name = format!("{} {} {}", rule.program, new.level.code(), new.from);
                    faults.exists("approval_limit", &name, place);
                }
                None => added.limits.push(new),
            }
        }
    }
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
    let standard = first(write, "standard", added.standards.len()).await?;
    for one in &added.standards {
        let standard = Standard {
            id: StandardId(numbered(one.id.get(), standard)),
            component: real_component(one.component),
            ..one.clone()
        };
        policy::add_standard(write, &standard).await?;
    }
    for one in &added.funding {
        let rule = FundingRule {
            program: real_program(one.program),
            bank_account: real_account(one.bank_account),
            ..one.clone()
        };
        fund::add_funding_rule(write, &rule).await?;
    }
    for one in &added.publications {
        let program = real_program(one.program);
        publication::add_rule(
            write,
            &PublicationRule {
                program,
                ..one.clone()
            },
        )
        .await?;
    }
    for one in &added.limits {
        let program = real_program(one.program);
        approval::add_limit(
            write,
            &ApprovalLimit {
                program,
                ..one.clone()
            },
        )
        .await?;
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
