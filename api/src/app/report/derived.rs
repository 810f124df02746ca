//! Tags that follow from age or disability: what is reported by tag counts them like tags that a
//! roster gives.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ledger::calendar::Month;
use ledger::id::{AwardId, BookId, ComponentId, PartyId, ProgramId};
use ledger::money::Fen;
use ledger::problem::Problem;
use ledger::program::Policy;
use ledger::program::eligibility::Effect;
use ledger::roster::Award;
use ledger_store::db::Tx;
use ledger_store::movement::{self as store, RollPart, Share, Times, Untagged};
use ledger_store::policy;

use crate::app::Error;

/// What was accrued and who is on the roll, by tag.
pub(super) struct ByTag {
    pub(super) shares: Vec<Share>,
    pub(super) times: Vec<Times>,
    pub(super) roll: Vec<RollPart>,
}

impl ByTag {
    /// Of the months `first` to `last`, the roll at the end.
    pub(super) async fn load(
        tx: &mut Tx,
        book: BookId,
        (first, last): (Month, Month),
    ) -> Result<ByTag, Error> {
        let mut by_tag = ByTag {
            shares: store::shares(tx, book, first, last).await?,
            times: store::times(tx, book, first, last).await?,
            roll: store::roll(tx, book, last).await?,
        };
        let rules = policy::eligibility(tx, book).await?;
        let gives_tag = rules.iter().filter(|rule| rule.effect == Effect::Tag);
        let derived: BTreeSet<ComponentId> = gives_tag.map(|rule| rule.component).collect();
        if derived.is_empty() {
            return Ok(by_tag);
        }
        let policy = policy::policy(tx, book).await?;
        for component in derived {
            let lines = store::untagged(tx, book, component, first, last).await?;
            by_tag.lines(&policy, component, &lines)?;
            let roll = store::untagged_roll(tx, book, component, last).await?;
            by_tag.people(&policy, component, last, &roll)?;
        }
        Ok(by_tag)
    }

    /// Takes lines without a tag of their own out of the sums, and puts them in by the tag that
    /// the rules give for their month.
    fn lines(
        &mut self,
        policy: &Policy,
        component: ComponentId,
        lines: &[Untagged],
    ) -> Result<(), Error> {
        let untagged = |share: &Share| share.component == component && share.tag.is_empty();
        self.shares.retain(|share| !untagged(share));
        let part = Some((component, String::new()));
        self.times.retain(|times| times.part != part);
        let mut shares = BTreeMap::<(ProgramId, String, String), (Share, HashSet<PartyId>)>::new();
        let mut months =
            BTreeMap::<(ProgramId, String), BTreeMap<(PartyId, Month, bool), Fen>>::new();
        for line in lines {
            let tag = tag_of(policy, component, line.subject, line.month)?;
            let key = (line.program, tag.clone(), line.reason.clone());
            let (share, subjects) = shares.entry(key).or_insert_with(|| {
                let share = Share {
                    program: line.program,
                    component,
                    tag: tag.clone(),
                    reason: line.reason.clone(),
                    amount: Fen::ZERO,
                    person_times: 0,
                    household_times: 0,
                    subjects: 0,
                };
                (share, HashSet::new())
            });
            share.amount = share.amount.plus(line.amount)?;
            share.person_times += i64::from(line.person);
            share.household_times += i64::from(!line.person);
            subjects.insert(line.subject);
            let months = months.entry((line.program, tag)).or_default();
            let month = (line.subject, line.month, line.person);
            let sum = months.entry(month).or_default();
            *sum = sum.plus(line.amount)?;
        }
        self.shares
            .extend(shares.into_values().map(|(share, subjects)| Share {
                subjects: i64::try_from(subjects.len()).unwrap_or(i64::MAX),
                ..share
            }));
        self.times
            .extend(months.into_iter().map(|((program, tag), months)| {
                let granted = || months.iter().filter(|(_, sum)| **sum > Fen::ZERO);
                let persons = granted().filter(|((.., person), _)| *person).count();
                let households = granted().count() - persons;
                Times {
                    program,
                    part: Some((component, tag)),
                    person_times: i64::try_from(persons).unwrap_or(i64::MAX),
                    household_times: i64::try_from(households).unwrap_or(i64::MAX),
                }
            }));
        Ok(())
    }

    /// The same of those who are on the roll in a month: program, household, subject, and whether
    /// that is a person.
    fn people(
        &mut self,
        policy: &Policy,
        component: ComponentId,
        month: Month,
        roll: &[(ProgramId, PartyId, PartyId, bool)],
    ) -> Result<(), Error> {
        let none = Some("");
        self.roll
            .retain(|part| part.component != component || part.tag.as_deref() != none);
        let mut parts = BTreeMap::<_, (HashSet<PartyId>, HashSet<PartyId>)>::new();
        for (program, household, subject, person) in roll {
            let tag = tag_of(policy, component, *subject, month)?;
            let (households, persons) = parts.entry((*program, tag)).or_default();
            households.insert(*household);
            if *person {
                persons.insert(*subject);
            }
        }
        let count = |set: &HashSet<PartyId>| i64::try_from(set.len()).unwrap_or(i64::MAX);
        let parts = parts.into_iter();
        self.roll.extend(
            parts.map(|((program, tag), (households, persons))| RollPart {
                program,
                component,
                tag: Some(tag),
                households: count(&households),
                persons: count(&persons),
            }),
        );
        Ok(())
    }
}

/// The tag that the rules give somebody for a month; empty where they give none.
fn tag_of(
    policy: &Policy,
    component: ComponentId,
    subject: PartyId,
    month: Month,
) -> Result<String, Problem> {
    let award = Award {
        id: AwardId(0),
        subject,
        household: subject,
        payee: subject,
        component,
        tag: String::new(),
        income: Fen::ZERO,
        amount: None,
        from: month,
        to: None,
    };
    let tag = policy.tag_at(&award, month)?;
    Ok(tag.unwrap_or_default().to_owned())
}
