//! What the county is built with: people, payees, households, awards.

use std::collections::BTreeMap;

use super::calibrate::{Misfit, household_sizes};
use super::people::{Branch, Registry, branches};
use super::random::Sequence;

/// The seed of the whole county. Another seed gives other people and the same figures.
const SEED: u64 = 20_220_101;
/// Relations to the head of the household, by place in it.
const RELATIONS: [&str; 7] = ["户主", "配偶", "子", "女", "父", "母", "其他"];

/// A person's name and identity number.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) number: String,
}

/// Who is paid: a person or an institution, and the accounts held from a month on.
pub(super) struct Payee {
    pub(super) name: String,
    pub(super) number: String,
    pub(super) institution: bool,
    pub(super) branch: usize,
    pub(super) accounts: Vec<(u32, String)>,
}

impl Payee {
    /// The account in the roster of a month (1 to 12; 13 is December's supplement).
    pub(super) fn account(&self, month: u32) -> &str {
        let known = self.accounts.iter().rev().find(|(from, _)| *from <= month);
        known.map_or("", |(_, account)| account.as_str())
    }
}

/// A household's case in one program, with the months in which it is on the roster.
pub(super) struct Case {
    pub(super) program: &'static str,
    pub(super) file_no: String,
    pub(super) township: String,
    pub(super) village: String,
    pub(super) members: Vec<usize>,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) payee: usize,
}

impl Case {
    /// The months on the roster.
    pub(super) fn months(&self) -> usize {
        usize::try_from(self.to + 1 - self.from).unwrap_or(0)
    }
}

/// One row of the roster for the months `from` to `to`.
#[derive(Clone)]
pub(super) struct Award {
    pub(super) case: usize,
    /// Place in the household, 0 for the head.
    pub(super) member: usize,
    pub(super) relation: &'static str,
    pub(super) component: &'static str,
    pub(super) tag: &'static str,
    pub(super) from: u32,
    pub(super) to: u32,
    /// The first and last month in which the component pays, the roster's months permitting.
    pub(super) due: (u32, u32),
    /// Yuan a month and head.
    pub(super) income: i64,
    /// An individually approved amount in fen.
    pub(super) amount: Option<i64>,
    pub(super) basis: String,
    pub(super) payee: usize,
    /// Yuan paid in a due month, near enough to plan failures by amount.
    pub(super) worth: i64,
}

impl Award {
    /// Sets an individually approved amount of whole yuan.
    pub(super) fn approve(&mut self, yuan: i64, basis: &str) {
        self.amount = Some(yuan * 100);
        basis.clone_into(&mut self.basis);
        self.worth = yuan;
    }

    /// Whether two rows say the same, so that one following the other is no change.
    fn continues(&self, next: &Award) -> bool {
        self.to + 1 == next.from
            && self.case == next.case
            && self.member == next.member
            && self.component == next.component
            && self.tag == next.tag
            && self.income == next.income
            && self.amount == next.amount
            && self.basis == next.basis
            && self.payee == next.payee
            && self.due == next.due
    }
}

/// Households that come and go together.
#[derive(Clone, Copy)]
pub(super) struct Cohort {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) households: usize,
    pub(super) persons: usize,
}

/// How the cases of a program look.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) program: &'static str,
    pub(super) prefix: &'static str,
    pub(super) largest: usize,
    pub(super) place: fn(usize) -> (String, String),
}

/// A member of a case during some months: what the fits choose among.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub(super) case: usize,
    pub(super) member: usize,
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Stretch {
    pub(super) fn months(&self) -> usize {
        usize::try_from((self.to + 1).saturating_sub(self.from)).unwrap_or(0)
    }
}

/// The county under construction.
pub(super) struct Builder {
    pub(super) draw: Sequence,
    pub(super) registry: Registry,
    pub(super) branches: Vec<Branch>,
    pub(super) people: Vec<Person>,
    pub(super) payees: Vec<Payee>,
    pub(super) cases: Vec<Case>,
    pub(super) awards: Vec<Award>,
    files: BTreeMap<&'static str, usize>,
}

impl Builder {
    /// Nobody yet.
    pub(super) fn new() -> Builder {
        Builder {
            draw: Sequence::new(SEED),
            registry: Registry::default(),
            branches: branches(),
            people: Vec::new(),
            payees: Vec::new(),
            cases: Vec::new(),
            awards: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// A new person.
    pub(super) fn person(&mut self) -> Result<usize, Misfit> {
        let (name, number) = self.registry.person()?;
        self.people.push(Person { name, number });
        Ok(self.people.len() - 1)
    }

    /// A person as payee, with a first account.
    pub(super) fn payee(&mut self, person: usize) -> Result<usize, Misfit> {
        let known = self
            .people
            .get(person)
            .ok_or_else(|| Misfit::new("payees", "no person"))?;
        let (name, number) = (known.name.clone(), known.number.clone());
        let branch = self.draw.below(self.branches.len());
        self.add_payee(name, number, false, branch)
    }

    /// An institution as payee.
    pub(super) fn institution(&mut self, name: &str) -> Result<usize, Misfit> {
        let number = self.registry.credit_code();
        self.add_payee(name.to_owned(), number, true, 0)
    }

    fn add_payee(
        &mut self,
        name: String,
        number: String,
        institution: bool,
        branch: usize,
    ) -> Result<usize, Misfit> {
        let known = self
            .branches
            .get(branch)
            .ok_or_else(|| Misfit::new("payees", "no branch"))?;
        let accounts = vec![(1, self.registry.account(known))];
        self.payees.push(Payee {
            name,
            number,
            institution,
            branch,
            accounts,
        });
        Ok(self.payees.len() - 1)
    }

    /// The households of a cohort, each head paid into an own account. Returns their positions.
    pub(super) fn cohort(&mut self, kind: Kind, cohort: Cohort) -> Result<Vec<usize>, Misfit> {
        let sizes = household_sizes(
            &mut self.draw,
            cohort.households,
            cohort.persons,
            kind.largest,
        )?;
        let mut made = Vec::with_capacity(sizes.len());
        for size in sizes {
            let members = (0..size)
                .map(|_| self.person())
                .collect::<Result<Vec<_>, _>>()?;
            let head = members.first().copied().unwrap_or(0);
            let payee = self.payee(head)?;
            made.push(self.case(kind, members, (cohort.from, cohort.to), payee));
        }
        Ok(made)
    }

    /// A case of these people.
    pub(super) fn case(
        &mut self,
        kind: Kind,
        members: Vec<usize>,
        (from, to): (u32, u32),
        payee: usize,
    ) -> usize {
        let order = self.files.entry(kind.program).or_default();
        *order += 1;
        let file_no = format!("{}{order:05}", kind.prefix);
        let (township, village) = (kind.place)(self.draw.below(10_000));
        let program = kind.program;
        self.cases.push(Case {
            program,
            file_no,
            township,
            village,
            members,
            from,
            to,
            payee,
        });
        self.cases.len() - 1
    }

    /// All members of these cases as stretches of their months on the roster.
    pub(super) fn stretches(&self, cases: &[usize]) -> Vec<Stretch> {
        let of_case = |index: &usize| {
            let case = self.cases.get(*index);
            let members = case.map_or(0, |case| case.members.len());
            let (from, to) = case.map_or((1, 0), |case| (case.from, case.to));
            let case = *index;
            (0..members).map(move |member| Stretch {
                case,
                member,
                from,
                to,
            })
        };
        cases.iter().flat_map(of_case).collect()
    }

    /// Adds a row and returns it to be completed. The payee is the case's.
    pub(super) fn award(
        &mut self,
        stretch: Stretch,
        component: &'static str,
        worth: i64,
    ) -> &mut Award {
        let Stretch {
            case,
            member,
            from,
            to,
        } = stretch;
        let payee = self.cases.get(case).map_or(0, |case| case.payee);
        let relation = RELATIONS.get(member).copied().unwrap_or("其他");
        self.awards.push(Award {
            case,
            member,
            relation,
            component,
            tag: "",
            from,
            to,
            due: (1, 12),
            income: 0,
            amount: None,
            basis: String::new(),
            payee,
            worth,
        });
        let last = self.awards.len() - 1;
        &mut self.awards[last]
    }

    /// Gives `component` to every member of the cases in one month, where they are on the roster.
    pub(super) fn award_all(
        &mut self,
        cases: &[usize],
        component: &'static str,
        (from, to): (u32, u32),
        worth: i64,
    ) {
        for stretch in self.stretches(cases) {
            let (from, to) = (stretch.from.max(from), stretch.to.min(to));
            if from <= to {
                self.award(
                    Stretch {
                        from,
                        to,
                        ..stretch
                    },
                    component,
                    worth,
                );
            }
        }
    }

    /// Gives `component` once to the head of every household, where it is on the roster.
    pub(super) fn award_heads(
        &mut self,
        cases: &[usize],
        component: &'static str,
        month: u32,
        worth: i64,
    ) {
        for stretch in self.stretches(cases) {
            if stretch.member == 0 && (stretch.from..=stretch.to).contains(&month) {
                self.award(
                    Stretch {
                        from: month,
                        to: month,
                        ..stretch
                    },
                    component,
                    worth,
                );
            }
        }
    }

    /// Sorts the rows by household, person, component and month, and joins what continues.
    pub(super) fn settle(&mut self) {
        self.awards
            .sort_by_key(|award| (award.case, award.member, award.component, award.from));
        self.awards.dedup_by(|next, kept| {
            let joined = kept.continues(next);
            if joined {
                kept.to = next.to;
            }
            joined
        });
    }
}
