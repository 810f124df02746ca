//! What a roster changes in the books.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use bank_adapters::Finding;
use ledger::calendar::Month;
use ledger::id::{AwardId, ComponentId, PartyId, ProgramId};
use ledger::problem::{Kind, Problem};
use ledger::program::{Cadence, Scope};
use ledger::roster::Award;
use ledger_store::roster::{
    self as store, AwardRow, NewParty, PartyKind, PartyVersion, PayeeAccount,
};
use ledger_store::write::Write;
use serde_json::json;

use super::RosterFile;
use super::fault::Marked;
use super::known::{self, Comparison, Told};
use super::sheet::{self, Findings, Roster, RosterRow, Words};
use super::stage::Rows;
use crate::app::progress::Progress;
use crate::app::{App, Error};

/// What an import changes. Of the rows it keeps numbers; the rows themselves stay laid aside.
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
    /// The number of each area of the roster.
    area_numbers: Vec<i64>,
    /// New bank branches in the same way.
    branches: Vec<(i64, usize)>,
    /// The number of each branch of the roster.
    branch_numbers: Vec<i64>,
    /// New parties, numbered from here on in their order.
    first_party: i64,
    parties: Vec<Key>,
    /// New names and places of known parties.
    told: Vec<Told>,
    /// New versions of accounts: payee, version, and the row that says it.
    accounts: Vec<(PartyId, i64, Place)>,
    accounts_changed: usize,
    /// New awards, numbered from here on in their order.
    first_award: i64,
    started: Vec<Wanted>,
    ended: Vec<(AwardId, Month, &'static str)>,
    /// Disability grades that the roster says otherwise: person, newest version, grade.
    disabilities: Vec<(PartyId, i64, i64)>,
    /// Who belongs to which household, where the roster says it anew.
    members: Vec<(PartyId, PartyId)>,
    month: Month,
}

/// The number of a row.
type Place = u32;

/// So many awards of a program may end in one import without a question.
const ENDED_FEW: usize = 10;

/// Where a party stands in the roster: kind, row, and as what it is named there.
#[derive(Clone, Copy)]
struct Key {
    kind: PartyKind,
    row: Place,
    part: Part,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Household,
    Person,
    Payee,
}

impl Part {
    /// File number, identity number or credit code.
    fn reference(self, row: &RosterRow) -> &str {
        match self {
            Part::Household => &row.file_no,
            Part::Person => &row.identity_no,
            Part::Payee => row.payee().1,
        }
    }

    pub(super) fn name(self, row: &RosterRow) -> &str {
        match self {
            Part::Household => row.head().0,
            Part::Person => &row.name,
            Part::Payee => row.payee().2,
        }
    }

    fn place(self) -> usize {
        match self {
            Part::Household => 0,
            Part::Person => 1,
            Part::Payee => 2,
        }
    }
}

/// The parties of one kind that a roster names, sorted by their references.
#[derive(Default)]
struct Named {
    text: String,
    keys: Vec<Mention>,
}

/// Where a party is named.
#[derive(Clone, Copy)]
struct Mention {
    /// Where the reference stands in the text, and its length.
    start: u32,
    length: u32,
    row: Place,
    part: Part,
    /// Of several rows the one with the lowest rank says how the party is called.
    rank: u8,
}

impl Named {
    fn add(&mut self, row: Place, (part, rank): (Part, u8), reference: &str) {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.keys.push(Mention {
            start: narrow(self.text.len()),
            length: narrow(reference.len()),
            row,
            part,
            rank,
        });
        self.text.push_str(reference);
    }

    fn reference(&self, mention: Mention) -> &str {
        let start = at(mention.start);
        let end = start.saturating_add(at(mention.length));
        self.text.get(start..end).unwrap_or_default()
    }

    fn sort(&mut self) {
        let mut keys = std::mem::take(&mut self.keys);
        keys.sort_by(|a, b| {
            let of = |key| self.reference(key).as_bytes();
            let order = of(*a).cmp(of(*b));
            order.then((a.rank, a.row).cmp(&(b.rank, b.row)))
        });
        self.keys = keys;
    }
}

/// Household, person and payee of each row.
pub(super) type Parties = Vec<[PartyId; 3]>;

/// A row that asks for an award.
struct Wanted {
    who: Asked,
    row: Place,
    /// The month that it begins in, where that is not the roster's.
    from: Option<Month>,
    /// An award in force says the same already.
    is_kept: bool,
}

impl Change {
    /// Whether the roster has no row.
    pub(super) fn names_nobody(&self) -> bool {
        self.roster.rows.len() == 0
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

    /// Whose account is another than before, in number or holder.
    pub(super) fn accounts_moved(&self) -> Vec<PartyId> {
        let moved = self.accounts.iter().filter(|(_, version, _)| *version > 1);
        moved.map(|(payee, ..)| *payee).collect()
    }

    /// Of each known party that has another name or place, whether it is renamed and whether it
    /// moves.
    pub(super) fn parties_moved(&self) -> BTreeMap<PartyId, (bool, bool)> {
        let told = self.told.iter();
        told.map(|told| (told.party, (told.is_renamed, told.is_moved)))
            .collect()
    }

    pub(super) fn summary(&self, program: &str, month: Month) -> serde_json::Value {
        let ended_by = |why| {
            self.ended
                .iter()
                .filter(|(.., reason)| *reason == why)
                .count()
        };
        let told = |what: &dyn Fn(&&Told) -> bool| self.told.iter().filter(what).count();
        let (replaced, again) = (ended_by("changed"), ended_by(GRANTED_AGAIN));
        json!({
            "program": program,
            "month": month.to_string(),
            "rows": self.roster.asked,
            "unchanged": self.kept,
            "started": self.started.len() - replaced,
            "granted_again": again,
            "ended": self.ended.len() - replaced - again,
            "changed": replaced,
            "parties_added": self.parties.len(),
            "renamed": told(&|told| told.is_renamed && told.kind != PartyKind::Household),
            "relocated": told(&|told| told.is_moved),
            "heads_changed": told(&|told| told.is_renamed && told.kind == PartyKind::Household),
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
        parties: &Parties,
    ) -> Result<(), Error> {
        progress.expect(self.parties.len() + self.accounts.len() + self.started.len());
        store::add_areas(write, &named(&self.areas, &self.roster.areas)).await?;
        store::add_branches(write, &named(&self.branches, &self.roster.banks)).await?;
        let mut rows = self.roster.rows.reader();
        let new = (self.first_party..).zip(&self.parties).map(|(id, key)| {
            progress.add(1);
            let row = rows.row(at(key.row))?;
            let area = self.area_numbers.get(row.area).copied();
            Ok::<_, Error>(NewParty {
                id: PartyId(id),
                kind: key.kind,
                area: area.unwrap_or_default(),
                name: Cow::Owned(key.part.name(&row).to_owned()),
                reference_no: Cow::Owned(key.part.reference(&row).to_owned()),
                salt: app.entropy.salt_for(|| format!("party/{id}"))?,
            })
        });
        store::add_parties(write, new).await?;
        self.store_told(app, write).await?;
        self.accounts.sort_by_key(|(payee, ..)| *payee);
        let mut rows = self.roster.rows.reader();
        let accounts = self.accounts.iter().map(|(payee, version, place)| {
            progress.add(1);
            let account = self.account((*payee, *version), &rows.row(at(*place))?);
            let purpose = || format!("payee_account/{payee}/{version}");
            let salt = app.entropy.salt_for(purpose)?;
            Ok::<_, Error>((account, salt))
        });
        store::add_payee_accounts(write, accounts).await?;
        let mut rows = self.roster.rows.reader();
        let started = (self.first_award..).zip(&self.started).map(|(id, wanted)| {
            progress.add(1);
            let mut row = self.award(wanted, parties, &rows.row(at(wanted.row))?);
            row.award.id = AwardId(id);
            Ok::<_, Error>(row)
        });
        store::add_awards(write, started).await?;
        store::add_disabilities(write, self.month, &self.disabilities).await?;
        store::add_household_members(write, self.month, &self.members).await?;
        self.ended.sort_by_key(|(award, ..)| *award);
        Ok(store::end_awards(write, &self.ended).await?)
    }

    /// Stores the new names and places.
    async fn store_told(&mut self, app: &App, write: &mut Write) -> Result<(), Error> {
        self.told.sort_by_key(|told| told.party);
        let mut versions = Vec::with_capacity(self.told.len());
        for told in &self.told {
            let (party, version) = (told.party, told.version);
            let purpose = || format!("party_version/{party}/{}/{version}", self.month);
            versions.push(PartyVersion {
                party,
                version,
                area: told.area,
                name: told.name.clone(),
                salt: app.entropy.salt_for(purpose)?,
            });
        }
        Ok(store::add_party_versions(write, self.month, &versions).await?)
    }

    /// The account that a row says.
    fn account(&self, (payee, version): (PartyId, i64), row: &RosterRow) -> PayeeAccount {
        let branch = self.branch_numbers.get(row.bank).copied();
        PayeeAccount {
            payee,
            version,
            holder_name: row.payee().2.to_owned(),
            branch: branch.unwrap_or_default(),
            account_no: row.account_no.to_string(),
        }
    }

    /// The award that a row asks for.
    fn award(&self, wanted: &Wanted, parties: &Parties, row: &RosterRow) -> AwardRow {
        let [household, _, payee] = parties[at(wanted.row)];
        // Those whom an institution cares for are paid for together: it is their household.
        let together = match row.payee().0 {
            PartyKind::Institution => payee,
            _ => household,
        };
        let award = Award {
            id: AwardId(0),
            subject: wanted.who.0,
            household: together,
            payee,
            component: row.component,
            tag: self.roster.words.at(row.tag).0.to_owned(),
            income: row.income,
            amount: row.amount,
            from: wanted.from.unwrap_or(self.month),
            to: None,
        };
        AwardRow {
            award,
            basis: self.roster.words.at(row.basis).0.to_owned(),
            quantity: row.quantity,
        }
    }
}

/// The number of a row as a place in a list.
fn at(place: Place) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// The place of a row; rosters have far fewer than 2^32.
fn place_of(number: usize) -> Place {
    Place::try_from(number).unwrap_or(Place::MAX)
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
    known: &store::Numbers,
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

/// A roster that was read and held against the parties of the book.
pub(super) struct Examined {
    change: Change,
    parties: Parties,
    program: ProgramId,
    cadences: HashMap<ComponentId, Cadence>,
    /// What is wrong or odd about it.
    pub(super) marked: Vec<Marked>,
}

/// Reads a roster; when nothing in it blocks, its parties are looked for in the book.
pub(super) async fn examine(
    write: &mut Write,
    file: &RosterFile<'_>,
    progress: &Progress,
) -> Result<Examined, Error> {
    let (book, month) = (write.book(), file.month);
    let (program, terms) = super::terms(write.tx(), book, file.program, month).await?;
    let (roster, mut findings) = sheet::examine(file.file_name, file.bytes, &terms, progress)?;
    let mut change = Change::new(roster, month);
    let mut parties = Parties::new();
    if !findings.is_blocked() {
        let known = store::areas(write.tx(), book).await?;
        let words = &change.roster.areas;
        let numbers = number_words(write, "area", &known, words, &mut change.areas).await?;
        change.area_numbers = numbers;
        parties = change
            .find_parties(write, (program.id, known), &mut findings)
            .await?;
    }
    let cadences = (terms.components.iter())
        .map(|component| (component.id, component.cadence))
        .collect();
    Ok(Examined {
        change,
        parties,
        program: program.id,
        cadences,
        marked: findings.into_list(),
    })
}

/// What a roster changes, and the parties of its rows.
pub(super) async fn prepare(
    write: &mut Write,
    file: &RosterFile<'_>,
    progress: &Progress,
) -> Result<(Change, Parties), Error> {
    let Examined {
        mut change,
        parties,
        program,
        cadences,
        marked,
    } = examine(write, file, progress).await?;
    change.notes = sheet::refuse_faulty(marked)?;
    let book = write.book();
    let known = store::branches(write.tx(), book).await?;
    let words = &change.roster.banks;
    let numbers = number_words(write, "branch", &known, words, &mut change.branches).await?;
    change.branch_numbers = numbers;
    change.compare_accounts(write, &parties).await?;
    change.compare_disabilities(write, &parties).await?;
    change.compare_members(write, &parties).await?;
    change
        .compare_awards(write, program, &parties, &cadences)
        .await?;
    Ok((change, parties))
}

impl Change {
    /// A roster of which nothing is known yet.
    fn new(roster: Roster, month: Month) -> Change {
        Change {
            roster,
            notes: Vec::new(),
            kept: 0,
            in_force: 0,
            leaving: 0,
            areas: Vec::new(),
            area_numbers: Vec::new(),
            branches: Vec::new(),
            branch_numbers: Vec::new(),
            first_party: 0,
            parties: Vec::new(),
            told: Vec::new(),
            accounts: Vec::new(),
            accounts_changed: 0,
            first_award: 0,
            started: Vec::new(),
            ended: Vec::new(),
            disabilities: Vec::new(),
            members: Vec::new(),
            month,
        }
    }

    /// The parties of each row, and what the roster says otherwise of those that are known. New
    /// ones are numbered in the order of their kind and reference, so that the index over
    /// references grows at its edge.
    async fn find_parties(
        &mut self,
        write: &mut Write,
        (program, areas): (ProgramId, store::Numbers),
        findings: &mut Findings<'_>,
    ) -> Result<Parties, Error> {
        let mut parties = vec![[PartyId(0); 3]; self.roster.rows.len()];
        self.first_party = write.allot("party", 0).await?;
        let mut new = Vec::new();
        let mut comparison = Comparison::new(areas, &self.area_numbers, &self.roster);
        // In the order of their codes.
        for kind in [
            PartyKind::Household,
            PartyKind::Institution,
            PartyKind::Person,
        ] {
            let named = self.named(kind)?;
            let mut rows = self.roster.rows.reader();
            let groups: Vec<&[Mention]> = named
                .keys
                .chunk_by(|a, b| named.reference(*a) == named.reference(*b))
                .collect();
            for groups in groups.chunks(PARTIES_TOGETHER) {
                let references: Vec<&str> = groups
                    .iter()
                    .map(|group| named.reference(group[0]))
                    .collect();
                let known = known::known_parties(write, (kind, self.month), &references).await?;
                for (group, reference) in groups.iter().zip(&references) {
                    let Mention { row, part, .. } = group[0];
                    let id = match known.get(*reference) {
                        Some(known) => {
                            let told = (part, &rows.row(at(row))?);
                            comparison.compare((kind, known), told, findings);
                            known.id
                        }
                        None => {
                            let place = i64::try_from(new.len()).unwrap_or(i64::MAX);
                            new.push(Key { kind, row, part });
                            PartyId(self.first_party.saturating_add(place))
                        }
                    };
                    for mention in *group {
                        parties[at(mention.row)][mention.part.place()] = id;
                    }
                }
            }
        }
        // Who has no payee of their own is paid themselves.
        for party in parties.iter_mut().filter(|party| party[2] == PartyId(0)) {
            party[2] = party[1];
        }
        comparison
            .check_households(write, program, &parties, findings)
            .await?;
        self.told = comparison.told;
        self.parties = new;
        write.allot("party", self.parties.len()).await?;
        Ok(parties)
    }

    /// All parties of a kind that the roster names.
    fn named(&self, kind: PartyKind) -> Result<Named, Error> {
        let mut named = Named::default();
        for read in self.roster.rows.each() {
            let (number, row) = read?;
            let number = place_of(number);
            if kind == PartyKind::Household {
                // Who is named as the head before who else is in the household.
                let rank = match row.head() {
                    _ if row.is_head => 0,
                    (_, true) => 1,
                    (_, false) => 2,
                };
                named.add(number, (Part::Household, rank), &row.file_no);
            }
            if kind == PartyKind::Person {
                named.add(number, (Part::Person, 0), &row.identity_no);
            }
            // Where a payee lives is not said.
            if row.payee.is_some() && row.payee().0 == kind {
                named.add(number, (Part::Payee, 1), row.payee().1);
            }
        }
        named.sort();
        Ok(named)
    }

    /// New accounts, and new versions of accounts that differ.
    async fn compare_accounts(
        &mut self,
        write: &mut Write,
        parties: &Parties,
    ) -> Result<(), Error> {
        let mut payees: Vec<(PartyId, Place)> = Vec::with_capacity(parties.len());
        for read in self.roster.rows.each() {
            let (number, row) = read?;
            if !row.is_member {
                payees.push((parties[number][2], place_of(number)));
            }
        }
        payees.sort_unstable();
        // The last row of a payee counts, as it always did; all say the same account.
        payees.reverse();
        payees.dedup_by_key(|(payee, _)| *payee);
        payees.reverse();
        let book = write.book();
        let mut accounts = Vec::new();
        let mut rows = self.roster.rows.reader();
        for together in payees.chunks(PARTIES_TOGETHER) {
            let ids: Vec<PartyId> = together.iter().map(|(payee, _)| *payee).collect();
            let mut newest: HashMap<PartyId, PayeeAccount> = HashMap::new();
            let known = |account: PayeeAccount| {
                newest.insert(account.payee, account);
            };
            store::each_account_of(write.tx(), book, &ids, known).await?;
            for (payee, place) in together {
                let last = newest.get(payee);
                let version = last.map_or(1, |last| last.version + 1);
                let told = self.account((*payee, version), &rows.row(at(*place))?);
                let same = last.is_some_and(|last| {
                    let told = (&told.holder_name, told.branch, &told.account_no);
                    (&last.holder_name, last.branch, &last.account_no) == told
                });
                if !same {
                    self.accounts_changed += usize::from(version > 1);
                    accounts.push((*payee, version, *place));
                }
            }
        }
        self.accounts = accounts;
        Ok(())
    }

    /// Disability grades that differ from what holds in the month.
    async fn compare_disabilities(
        &mut self,
        write: &mut Write,
        parties: &Parties,
    ) -> Result<(), Error> {
        let mut said: BTreeMap<PartyId, i64> = BTreeMap::new();
        for read in self.roster.rows.each() {
            let (number, row) = read?;
            if let Some(grade) = row.disability {
                said.insert(parties[number][1], grade);
            }
        }
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
        let mut said: BTreeMap<PartyId, BTreeSet<PartyId>> = BTreeMap::new();
        for read in self.roster.rows.each() {
            let (number, row) = read?;
            if row.is_member {
                said.entry(parties[number][0]).or_default();
            }
        }
        if said.is_empty() {
            return Ok(());
        }
        for read in self.roster.rows.each() {
            let (number, row) = read?;
            let [household, person, _] = parties[number];
            if let (Scope::Household, Some(people)) = (row.scope, said.get_mut(&household)) {
                people.insert(person);
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
    fn wanted(&self, parties: &Parties) -> Result<Vec<Wanted>, Error> {
        let mut wanted = Vec::with_capacity(self.roster.asked);
        for read in self.roster.rows.each() {
            let (number, row) = read?;
            let [household, person, _] = parties[number];
            let subject = match row.scope {
                Scope::Person => person,
                Scope::Household => household,
            };
            if !row.is_member {
                wanted.push(Wanted {
                    who: (subject, row.component),
                    row: place_of(number),
                    from: None,
                    is_kept: false,
                });
            }
        }
        // Of rows that ask for the same the last one counts.
        wanted.sort_by_key(|wanted| (wanted.who, std::cmp::Reverse(wanted.row)));
        wanted.dedup_by_key(|wanted| wanted.who);
        Ok(wanted)
    }

    async fn compare_awards(
        &mut self,
        write: &mut Write,
        program: ProgramId,
        parties: &Parties,
        cadences: &HashMap<ComponentId, Cadence>,
    ) -> Result<(), Error> {
        let (book, month) = (write.book(), self.month);
        let mut wanted = self.wanted(parties)?;
        let (mut kept, mut in_force, mut leaving) = (0, 0, 0);
        let mut ended = Vec::new();
        let mut rows = self.roster.rows.reader();
        let change = &*self;
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
            let found = wanted.binary_search_by_key(&key, |wanted| wanted.who);
            let found = found.ok().and_then(|found| wanted.get_mut(found));
            let found = found.filter(|wanted| !wanted.is_kept);
            let cadence = cadences.get(&award.component).copied();
            let falls_due = cadence.is_some_and(|cadence| cadence.falls_due(month, award.from));
            in_force += usize::from(falls_due);
            leaving += usize::from(falls_due && found.is_none());
            ended.push(match found {
                Some(new) if change.asks_the_same(new, parties, &mut rows, &row)? => {
                    new.is_kept = true;
                    kept += 1;
                    return Ok(());
                }
                // What falls due once does so in its first month: a correction keeps that month, so
                // that it is not due again. Another document is another grant.
                Some(new) if cadence == Some(Cadence::Once) => {
                    if award.from < month && change.has_basis(new, &mut rows)? != row.basis {
                        (award.id, month.previous(), GRANTED_AGAIN)
                    } else {
                        new.from = Some(award.from);
                        (award.id, award.from.previous(), "changed")
                    }
                }
                Some(_) => (award.id, month.previous(), "changed"),
                None => (award.id, month.previous(), "left the roster"),
            });
            Ok(())
        })
        .await?;
        drop(rows);
        wanted.retain(|wanted| !wanted.is_kept);
        self.first_award = write.allot("award", wanted.len()).await?;
        self.started = wanted;
        (self.kept, self.in_force, self.leaving) = (kept, in_force, leaving);
        self.ended = ended;
        Ok(())
    }

    /// What justifies the award that a row asks for.
    fn has_basis(&self, wanted: &Wanted, rows: &mut Rows<'_>) -> Result<&str, Error> {
        let row = rows.row(at(wanted.row))?;
        Ok(self.roster.words.at(row.basis).0)
    }

    /// Whether the roster asks for what is in force already.
    fn asks_the_same(
        &self,
        wanted: &Wanted,
        parties: &Parties,
        rows: &mut Rows<'_>,
        known: &AwardRow,
    ) -> Result<bool, Error> {
        let new = self.award(wanted, parties, &rows.row(at(wanted.row))?);
        let (a, b) = (&new.award, &known.award);
        let same = (a.household, a.payee, a.income, a.amount)
            == (b.household, b.payee, b.income, b.amount)
            && a.tag == b.tag
            && a.to == b.to;
        Ok(same && (&new.basis, new.quantity) == (&known.basis, known.quantity))
    }
}

/// Why an award of what is granted once ends: the subject is granted it a second time.
const GRANTED_AGAIN: &str = "granted again";

/// Parties that are looked up together.
const PARTIES_TOGETHER: usize = 5_000;

/// Who asks for what.
type Asked = (PartyId, ComponentId);
