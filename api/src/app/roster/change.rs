//! What a roster changes in the books.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bank_adapters::Finding;
use ledger::calendar::Month;
use ledger::id::{AwardId, ComponentId, PartyId};
use ledger::problem::{Kind, Problem};
use ledger::program::{Cadence, Component, Scope};
use ledger::roster::Award;
use ledger_store::policy::{self, Program};
use ledger_store::roster::{self as store, AwardRow, NewParty, PartyKind, PayeeAccount};
use ledger_store::write::Write;
use serde_json::json;

use super::RosterFile;
use super::sheet::{self, Roster, RosterRow, Terms, Words};
use crate::app::progress::Progress;
use crate::app::{App, Error, not_found};

/// What an import changes.
pub(super) struct Change {
    roster: Roster,
    /// What is odd about the file without being wrong.
    pub(super) notes: Vec<Finding>,
    kept: usize,
    /// Awards in force that fall due in the month, and how many of them leave the roster.
    in_force: usize,
    leaving: usize,
    /// New areas by their place among the roster's areas, with their numbers.
    areas: Vec<(i64, usize)>,
    /// New bank branches in the same way.
    branches: Vec<(i64, usize)>,
    /// New parties in the order of their numbers.
    parties: Vec<NewKey>,
    accounts: Vec<PayeeAccount>,
    accounts_changed: usize,
    /// New awards, numbered from here on in their order.
    first_award: i64,
    started: BTreeMap<Asked, AwardRow>,
    ended: Vec<(AwardId, Month, &'static str)>,
    /// Disability grades that the roster says otherwise: person, newest version, grade.
    disabilities: Vec<(PartyId, i64, i64)>,
    /// Who belongs to which household, where the roster says it anew.
    members: Vec<(PartyId, PartyId)>,
    month: Month,
}

/// So many awards of a program may end in one import without a question.
const ENDED_FEW: usize = 10;

/// A party that the roster brings: its number, its area and the first row that names it.
struct NewKey {
    id: PartyId,
    area: i64,
    key: Key,
}

/// Where a party stands in the roster: kind, row, and as what it is named there.
#[derive(Clone, Copy)]
struct Key {
    kind: PartyKind,
    row: usize,
    part: Part,
}

#[derive(Clone, Copy)]
enum Part {
    Household,
    Person,
    Payee,
}

impl Key {
    /// Its file number, identity number or credit code.
    fn reference(self, rows: &[RosterRow]) -> &str {
        let row = &rows[self.row];
        match self.part {
            Part::Household => &row.file_no,
            Part::Person => &row.identity_no,
            Part::Payee => row.payee().1,
        }
    }

    fn name(self, rows: &[RosterRow]) -> &str {
        let row = &rows[self.row];
        match self.part {
            Part::Household | Part::Person => &row.name,
            Part::Payee => row.payee().2,
        }
    }
}

/// Household, person and payee of each row.
type Parties = Vec<[PartyId; 3]>;

impl Change {
    /// Whether the roster has no row.
    pub(super) fn names_nobody(&self) -> bool {
        self.roster.rows.is_empty()
    }

    /// How many awards leave the roster, and of how many, when that is more than half of more than
    /// ten: then part of the roster is more likely to be missing. Only those count of which the
    /// month would be lost: relief and heating of last month are no loss.
    pub(super) fn ends_most(&self) -> Option<(usize, usize)> {
        let is_most = self.in_force > ENDED_FEW && self.leaving * 2 > self.in_force;
        is_most.then_some(self.counts())
    }

    /// How many awards leave the roster, and of how many that fall due in the month.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.leaving, self.in_force)
    }

    pub(super) fn summary(&self, program: &str, month: Month) -> serde_json::Value {
        let replaced = self
            .ended
            .iter()
            .filter(|(_, _, reason)| *reason == "changed")
            .count();
        json!({
            "program": program,
            "month": month.to_string(),
            "rows": self.roster.rows.iter().filter(|row| !row.is_member).count(),
            "unchanged": self.kept,
            "started": self.started.len() - replaced,
            "ended": self.ended.len() - replaced,
            "changed": replaced,
            "parties_added": self.parties.len(),
            "accounts_added": self.accounts.len() - self.accounts_changed,
            "accounts_changed": self.accounts_changed,
            "disabilities_changed": self.disabilities.len(),
            "members_added": self.members.len(),
            "notes": self.notes.len(),
        })
    }

    pub(super) async fn store(
        mut self,
        app: &App,
        write: &mut Write,
        progress: &Progress,
    ) -> Result<(), Error> {
        let rows = &self.roster.rows;
        progress.expect(self.parties.len() + self.accounts.len() + self.started.len());
        store::add_areas(write, &named(&self.areas, &self.roster.areas)).await?;
        store::add_branches(write, &named(&self.branches, &self.roster.banks)).await?;
        let parties = self.parties.iter().map(|new| {
            progress.add(1);
            Ok::<_, Error>(NewParty {
                id: new.id,
                kind: new.key.kind,
                area: new.area,
                name: new.key.name(rows),
                reference_no: new.key.reference(rows),
                salt: app.entropy.salt_for(|| format!("party/{}", new.id))?,
            })
        });
        store::add_parties(write, parties).await?;
        self.accounts.sort_by_key(|account| account.payee);
        let accounts = self.accounts.into_iter().map(|account| {
            progress.add(1);
            let purpose = || format!("payee_account/{}/{}", account.payee, account.version);
            let salt = app.entropy.salt_for(purpose)?;
            Ok::<_, Error>((account, salt))
        });
        store::add_payee_accounts(write, accounts).await?;
        let numbered = (self.first_award..).zip(self.started.into_values());
        let started = numbered.map(|(id, mut row)| {
            progress.add(1);
            row.award.id = AwardId(id);
            row
        });
        store::add_awards(write, started).await?;
        store::add_disabilities(write, self.month, &self.disabilities).await?;
        store::add_household_members(write, self.month, &self.members).await?;
        self.ended.sort_by_key(|(award, ..)| *award);
        Ok(store::end_awards(write, &self.ended).await?)
    }
}

/// New areas or branches as they are stored.
fn named<'a>(new: &[(i64, usize)], words: &'a Words) -> Vec<store::Named<'a>> {
    let named = new.iter().map(|(id, place)| {
        let (first, second) = words.at(*place);
        (*id, first, second)
    });
    named.collect()
}

/// The number of each pair of words; those that the book does not know are numbered and added to
/// `new` with their place.
async fn number_words(
    write: &mut Write,
    counter: &str,
    known: store::Numbers,
    words: &Words,
    new: &mut Vec<(i64, usize)>,
) -> Result<Vec<i64>, Error> {
    let mut next = write.allot(counter, 0).await?;
    let mut numbers = Vec::new();
    for (place, (first, second)) in words.all().enumerate() {
        let found = known.get(&(first.to_owned(), second.to_owned()));
        numbers.push(match found {
            Some(id) => *id,
            None => {
                new.push((next, place));
                next += 1;
                next - 1
            }
        });
    }
    write.allot(counter, new.len()).await?;
    Ok(numbers)
}

pub(super) async fn prepare(
    write: &mut Write,
    file: &RosterFile<'_>,
    progress: &Progress,
) -> Result<Change, Error> {
    let (book, month) = (write.book(), file.month);
    let program = program_of(write, file.program).await?;
    let components = policy::components(write.tx(), book).await?;
    let components: Vec<Component> = components
        .into_iter()
        .filter(|component| component.program == program.id)
        .collect();
    let standards = policy::standards(write.tx(), book).await?;
    let rules = policy::eligibility(write.tx(), book).await?;
    let terms = Terms::new(month, components, &standards, &rules);
    let (roster, notes) = sheet::read(file.file_name, file.bytes, &terms, progress)?;
    let components = &terms.components;
    let mut change = Change {
        roster,
        notes,
        kept: 0,
        in_force: 0,
        leaving: 0,
        areas: Vec::new(),
        branches: Vec::new(),
        parties: Vec::new(),
        accounts: Vec::new(),
        accounts_changed: 0,
        first_award: 0,
        started: BTreeMap::new(),
        ended: Vec::new(),
        disabilities: Vec::new(),
        members: Vec::new(),
        month,
    };
    let known = store::areas(write.tx(), book).await?;
    let words = &change.roster.areas;
    let areas = number_words(write, "area", known, words, &mut change.areas).await?;
    let known = store::branches(write.tx(), book).await?;
    let words = &change.roster.banks;
    let branches = number_words(write, "branch", known, words, &mut change.branches).await?;
    let parties = change.find_parties(write, &areas).await?;
    change.compare_accounts(write, &parties, &branches).await?;
    change.compare_disabilities(write, &parties).await?;
    change.compare_members(write, &parties).await?;
    let cadences = components
        .iter()
        .map(|component| (component.id, component.cadence))
        .collect();
    let wanted = change.wanted(&parties, month);
    change
        .compare_awards(write, program.id, wanted, &cadences, month)
        .await?;
    Ok(change)
}

impl Change {
    /// The parties of each row. New ones are numbered in the order of their kind and reference, so
    /// that the index over references grows at its edge.
    async fn find_parties(&mut self, write: &mut Write, areas: &[i64]) -> Result<Parties, Error> {
        let rows = &self.roster.rows;
        let mut keys: Vec<Key> = Vec::with_capacity(rows.len() * 2);
        for (row, read) in rows.iter().enumerate() {
            let (household, person) = (PartyKind::Household, PartyKind::Person);
            keys.push(Key {
                kind: household,
                row,
                part: Part::Household,
            });
            keys.push(Key {
                kind: person,
                row,
                part: Part::Person,
            });
            if read.payee.is_some() {
                keys.push(Key {
                    kind: read.payee().0,
                    row,
                    part: Part::Payee,
                });
            }
        }
        keys.sort_by(|a, b| {
            let of = |key: &Key| (key.kind.code(), key.reference(rows).as_bytes());
            of(a).cmp(&of(b)).then(a.row.cmp(&b.row))
        });
        let mut parties = vec![[PartyId(0); 3]; rows.len()];
        let first = write.allot("party", 0).await?;
        let mut next = first;
        let kinds = keys.chunk_by(|a, b| a.kind == b.kind);
        for of_kind in kinds {
            let known = known_parties(write, rows, of_kind).await?;
            let groups = of_kind.chunk_by(|a, b| a.reference(rows) == b.reference(rows));
            for group in groups {
                let key = group[0];
                let id = match known.get(key.reference(rows)) {
                    Some(id) => *id,
                    None => {
                        let (id, area) = (PartyId(next), areas[rows[key.row].area]);
                        next += 1;
                        self.parties.push(NewKey { id, area, key });
                        id
                    }
                };
                for key in group {
                    match key.part {
                        Part::Household => parties[key.row][0] = id,
                        Part::Person => parties[key.row][1] = id,
                        Part::Payee => parties[key.row][2] = id,
                    }
                }
            }
        }
        write.allot("party", self.parties.len()).await?;
        for (party, row) in parties.iter_mut().zip(rows) {
            if row.payee.is_none() {
                party[2] = party[1];
            }
        }
        Ok(parties)
    }

    /// New accounts, and new versions of accounts that differ.
    async fn compare_accounts(
        &mut self,
        write: &mut Write,
        parties: &Parties,
        branches: &[i64],
    ) -> Result<(), Error> {
        let mut payees: Vec<(PartyId, usize)> = parties
            .iter()
            .enumerate()
            .filter(|(row, _)| !self.roster.rows[*row].is_member)
            .map(|(row, [_, _, payee])| (*payee, row))
            .collect();
        payees.sort_unstable();
        // The last row of a payee counts, as it always did; all say the same account.
        payees.reverse();
        payees.dedup_by_key(|(payee, _)| *payee);
        payees.reverse();
        let ids: Vec<PartyId> = payees.iter().map(|(payee, _)| *payee).collect();
        let mut newest: HashMap<PartyId, PayeeAccount> = HashMap::new();
        let known = |account: PayeeAccount| {
            newest.insert(account.payee, account);
        };
        let book = write.book();
        store::each_account_of(write.tx(), book, &ids, known).await?;
        for (payee, place) in payees {
            let row = &self.roster.rows[place];
            let branch = branches[row.bank];
            let (_, _, holder_name) = row.payee();
            let last = newest.get(&payee);
            let same = last.is_some_and(|last| {
                last.holder_name == holder_name
                    && last.branch == branch
                    && *last.account_no == *row.account_no
            });
            if same {
                continue;
            }
            let version = last.map_or(1, |last| last.version + 1);
            self.accounts_changed += usize::from(version > 1);
            self.accounts.push(PayeeAccount {
                payee,
                version,
                holder_name: holder_name.to_owned(),
                branch,
                account_no: row.account_no.to_string(),
            });
        }
        Ok(())
    }

    /// Disability grades that differ from what holds in the month.
    async fn compare_disabilities(
        &mut self,
        write: &mut Write,
        parties: &Parties,
    ) -> Result<(), Error> {
        let said: BTreeMap<PartyId, i64> = (self.roster.rows.iter().zip(parties))
            .filter_map(|(row, [_, person, _])| Some((*person, row.disability?)))
            .collect();
        if said.is_empty() {
            return Ok(());
        }
        let book = write.book();
        let known = store::disabilities_at(write.tx(), book, self.month).await?;
        for (person, grade) in said {
            let (version, before) = known.get(&person).copied().unwrap_or_default();
            if grade != before {
                self.disabilities.push((person, version, grade));
            }
        }
        Ok(())
    }

    /// Members of households that are paid as a whole, where they differ from the list that holds
    /// in the month. A roster that names no members says nothing of them.
    async fn compare_members(&mut self, write: &mut Write, parties: &Parties) -> Result<(), Error> {
        let rows = || self.roster.rows.iter().zip(parties);
        let named = rows().filter(|(row, _)| row.is_member);
        let mut said: BTreeMap<PartyId, BTreeSet<PartyId>> = named
            .map(|(_, [household, ..])| (*household, BTreeSet::new()))
            .collect();
        if said.is_empty() {
            return Ok(());
        }
        for (row, [household, person, _]) in rows() {
            if let (Scope::Household, Some(people)) = (row.scope, said.get_mut(household)) {
                people.insert(*person);
            }
        }
        let book = write.book();
        let known = store::household_members(write.tx(), book).await?;
        for (household, people) in said {
            let lists = known.get(&household).map_or(&[][..], Vec::as_slice);
            let begun = lists.partition_point(|(from, _)| *from <= self.month);
            let (from, before) = match lists[..begun].last() {
                Some((from, people)) => (Some(*from), people.clone()),
                None => (None, BTreeSet::new()),
            };
            // A second list of one month adds to the first: rows are never taken away.
            let new = people
                .iter()
                .filter(|person| match from == Some(self.month) {
                    true => !before.contains(person),
                    false => people != before,
                });
            self.members.extend(new.map(|person| (household, *person)));
        }
        Ok(())
    }

    /// The rows that ask for an award, by subject and component.
    fn wanted(&self, parties: &Parties, month: Month) -> BTreeMap<Asked, AwardRow> {
        let mut wanted = BTreeMap::new();
        let rows = self.roster.rows.iter().zip(parties);
        for (row, [household, person, payee]) in rows.filter(|(row, _)| !row.is_member) {
            // Those whom an institution cares for are paid for together: it is their household.
            let together = match row.payee().0 {
                PartyKind::Institution => *payee,
                _ => *household,
            };
            let subject = match row.scope {
                Scope::Person => *person,
                Scope::Household => *household,
            };
            let award = Award {
                id: AwardId(0),
                subject,
                household: together,
                payee: *payee,
                component: row.component,
                tag: self.roster.words.at(row.tag).0.to_owned(),
                income: row.income,
                amount: row.amount,
                from: month,
                to: None,
            };
            let basis = self.roster.words.at(row.basis).0.to_owned();
            let asked = AwardRow {
                award,
                basis,
                quantity: row.quantity,
            };
            wanted.insert((subject, row.component), asked);
        }
        wanted
    }

    async fn compare_awards(
        &mut self,
        write: &mut Write,
        program: ledger::id::ProgramId,
        mut wanted: BTreeMap<Asked, AwardRow>,
        cadences: &HashMap<ComponentId, Cadence>,
        month: Month,
    ) -> Result<(), Error> {
        let book = write.book();
        let (kept, ended) = (&mut self.kept, &mut self.ended);
        let (in_force, leaving) = (&mut self.in_force, &mut self.leaving);
        store::each_open_award(write.tx(), book, program, month, |row| {
            let award = &row.award;
            // A roster of an earlier month may not grant again what an award, begun later or ended
            // in the meantime, already covers.
            let later = (award.from > month).then_some(award.from).or(award.to);
            if let Some(taken) = later {
                return Err(Error::from(
                    Problem::new(Kind::AwardOverlap)
                        .with("person", award.subject)
                        .with("component", award.component)
                        .with("month", taken),
                ));
            }
            let key = (award.subject, award.component);
            let cadence = cadences.get(&award.component).copied();
            let falls_due = cadence.is_some_and(|cadence| cadence.falls_due(month, award.from));
            *in_force += usize::from(falls_due);
            *leaving += usize::from(falls_due && !wanted.contains_key(&key));
            if wanted.get(&key).is_some_and(|new| asks_the_same(new, &row)) {
                wanted.remove(&key);
                *kept += 1;
                return Ok(());
            }
            ended.push(match wanted.get_mut(&key) {
                // What falls due once does so in its first month: a change keeps that month, so
                // that it is corrected and not due again.
                Some(new) if cadence == Some(Cadence::Once) => {
                    new.award.from = award.from;
                    (award.id, award.from.previous(), "changed")
                }
                Some(_) => (award.id, month.previous(), "changed"),
                None => (award.id, month.previous(), "left the roster"),
            });
            Ok(())
        })
        .await?;
        self.first_award = write.allot("award", wanted.len()).await?;
        self.started = wanted;
        Ok(())
    }
}

/// Who asks for what.
type Asked = (PartyId, ComponentId);

/// Whether the roster asks for what is in force already.
fn asks_the_same(new: &AwardRow, known: &AwardRow) -> bool {
    let (a, b) = (&new.award, &known.award);
    (a.household, a.payee, a.income, a.amount) == (b.household, b.payee, b.income, b.amount)
        && a.tag == b.tag
        && a.to == b.to
        && (&new.basis, new.quantity) == (&known.basis, known.quantity)
}

/// The parties of one kind that the book knows, by their references.
async fn known_parties(
    write: &mut Write,
    rows: &[RosterRow],
    keys: &[Key],
) -> Result<HashMap<String, PartyId>, Error> {
    let mut references: Vec<&str> = keys.iter().map(|key| key.reference(rows)).collect();
    references.dedup();
    let mut known = HashMap::new();
    let book = write.book();
    let receive = |reference: &str, id| {
        known.insert(reference.to_owned(), id);
    };
    let kind = keys[0].kind;
    store::each_party_of(write.tx(), book, kind, &references, receive).await?;
    Ok(known)
}

async fn program_of(write: &mut Write, code: &str) -> Result<Program, Error> {
    let book = write.book();
    let programs = policy::programs(write.tx(), book).await?;
    programs
        .into_iter()
        .find(|program| program.code == code)
        .ok_or_else(|| not_found("项目 program", code))
}
