//! What a roster says otherwise of households, people and institutions that the book knows: other
//! names, other places, another head, or another family under a file number that is taken.

use std::collections::{HashMap, HashSet};

use ledger::calendar::Month;
use ledger::id::{PartyId, ProgramId};
use ledger::roster::PersonName;
use ledger_store::roster::{self as store, KnownParty, PartyKind};
use ledger_store::write::Write;

use super::change::{Part, Parties};
use super::fault::Fault;
use super::headings::Field;
use super::mask_name;
use super::sheet::{Findings, Roster, RosterRow, RowPlace};
use crate::app::Error;

/// How a known party is called and where it lives from the month of the roster on.
pub(super) struct Told {
    pub(super) party: PartyId,
    pub(super) kind: PartyKind,
    /// Version among those of the month.
    pub(super) version: i64,
    pub(super) area: i64,
    pub(super) name: String,
    pub(super) is_renamed: bool,
    pub(super) is_moved: bool,
}

/// A known file number that comes with another head.
struct Suspect {
    place: RowPlace,
    /// The head that the book knows.
    head: String,
    is_elsewhere: bool,
}

/// Compares parties with what the book knows of them in the month of the roster.
pub(super) struct Comparison<'c> {
    /// Township and village by the number of the area.
    areas: HashMap<i64, (String, String)>,
    /// The numbers of the roster's areas, by their place.
    numbers: &'c [i64],
    roster: &'c Roster,
    pub(super) told: Vec<Told>,
    suspects: HashMap<PartyId, Suspect>,
}

impl<'c> Comparison<'c> {
    pub(super) fn new(
        areas: store::Numbers,
        numbers: &'c [i64],
        roster: &'c Roster,
    ) -> Comparison<'c> {
        Comparison {
            areas: areas.into_iter().map(|(words, id)| (id, words)).collect(),
            numbers,
            roster,
            told: Vec::new(),
            suspects: HashMap::new(),
        }
    }

    /// Holds a row that names a known party against what the book says. Only a row that says who
    /// the head is can change the head of a known household: of other programs' rosters the first
    /// row may be anybody of it.
    pub(super) fn compare(
        &mut self,
        (kind, known): (PartyKind, &KnownParty),
        (part, row): (Part, &RosterRow),
        findings: &mut Findings<'_>,
    ) {
        let (mut name, mut is_told) = (part.name(row), true);
        let area = match part {
            // Where a payee lives is not said.
            Part::Payee => known.area,
            _ => self.area(row.area, known.area),
        };
        let is_moved = area != known.area;
        if part == Part::Household {
            let (head, is_said) = row.head();
            if PersonName::key_of(head) != PersonName::key_of(&known.name) {
                let suspect = Suspect {
                    place: row.place,
                    head: known.name.clone(),
                    is_elsewhere: is_moved,
                };
                self.suspects.insert(known.id, suspect);
            }
            (name, is_told) = (head, is_said);
        }
        if !is_told {
            name = &known.name;
        }
        let is_renamed = name != known.name;
        if !is_renamed && !is_moved {
            return;
        }
        if is_renamed && PersonName::key_of(name) != PersonName::key_of(&known.name) {
            let (fault, field) = match part {
                Part::Household => (Fault::HeadChanged, Some(Field::FileNo)),
                Part::Person => (Fault::PartyRenamed, None),
                Part::Payee => (Fault::PartyRenamed, Some(Field::Payee)),
            };
            let (value, before) = (mask_name(name), mask_name(&known.name));
            findings.add(fault, row.place, field, &value, &before);
        }
        if is_moved {
            let (township, village) = self.areas.get(&known.area).cloned().unwrap_or_default();
            let before = format!("{township}{village}");
            let now = self.roster.areas.at(row.area);
            let value = format!("{}{}", now.0, now.1);
            let field = Some(Field::Township);
            findings.add(Fault::PartyMoved, row.place, field, &value, &before);
        }
        self.told.push(Told {
            party: known.id,
            kind,
            version: known.version + 1,
            area,
            name: name.to_owned(),
            is_renamed,
            is_moved,
        });
    }

    /// The number of the area that a row names; without a village it says nothing against the one
    /// that is known in the township.
    fn area(&self, told: usize, known: i64) -> i64 {
        let (township, village) = self.roster.areas.at(told);
        let before = self.areas.get(&known);
        match before {
            Some((before, _)) if village.is_empty() && before == township => known,
            _ => self.numbers.get(told).copied().unwrap_or(known),
        }
    }

    /// Blocks file numbers that are another family's: another head, nobody in common, and another
    /// place or another program.
    pub(super) async fn check_households(
        &self,
        write: &mut Write,
        program: ProgramId,
        parties: &Parties,
        findings: &mut Findings<'_>,
    ) -> Result<(), Error> {
        if self.suspects.is_empty() {
            return Ok(());
        }
        let (book, mut known) = (write.book(), HashMap::new());
        for household in self.suspects.keys() {
            known.insert(*household, Belonging::default());
        }
        store::each_household_award(write.tx(), book, |household, people, program| {
            if let Some(belonging) = known.get_mut(&household) {
                belonging.people.extend(people);
                belonging.programs.insert(program);
            }
        })
        .await?;
        for (household, lists) in store::household_members(write.tx(), book).await? {
            if let Some(belonging) = known.get_mut(&household) {
                let people = lists.into_iter().flat_map(|(_, people)| people);
                belonging.people.extend(people);
            }
        }
        for read in self.roster.rows.each() {
            let (number, row) = read?;
            let [household, person, payee] = parties[number];
            let Some(belonging) = known.get_mut(&household) else {
                continue;
            };
            let head = self.suspects.get(&household);
            let head = head.map_or("", |suspect| suspect.head.as_str());
            let is_head = PersonName::key_of(&row.name) == PersonName::key_of(head);
            let is_known = [person, payee]
                .iter()
                .any(|one| belonging.people.contains(one));
            belonging.is_shared |= is_head || is_known;
        }
        let mut taken: Vec<&Suspect> = (self.suspects.iter())
            .filter(|(household, suspect)| {
                known.get(household).is_some_and(|belonging| {
                    let programs = &belonging.programs;
                    let is_other = !programs.is_empty() && !programs.contains(&program);
                    !belonging.is_shared && (suspect.is_elsewhere || is_other)
                })
            })
            .map(|(_, suspect)| suspect)
            .collect();
        taken.sort_by_key(|suspect| (suspect.place.sheet, suspect.place.row));
        for suspect in taken {
            let (field, head) = (Some(Field::FileNo), mask_name(&suspect.head));
            findings.add(Fault::FileNoTaken, suspect.place, field, "", &head);
        }
        Ok(())
    }
}

/// Who belongs to a known household.
#[derive(Default)]
struct Belonging {
    people: HashSet<PartyId>,
    programs: HashSet<ProgramId>,
    /// Somebody of the roster's household is known in it.
    is_shared: bool,
}

/// The parties of one kind that a month knows, by their references.
pub(super) async fn known_parties(
    write: &mut Write,
    (kind, month): (PartyKind, Month),
    references: &[&str],
) -> Result<HashMap<String, KnownParty>, Error> {
    let mut known = HashMap::new();
    let book = write.book();
    let receive = |reference: &str, party| {
        known.insert(reference.to_owned(), party);
    };
    store::each_party_of(write.tx(), book, (kind, Some(month)), references, receive).await?;
    Ok(known)
}
