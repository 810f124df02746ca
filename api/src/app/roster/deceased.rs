//! Deaths (死亡) that are heard of late: nothing is due for the months after one, whatever rosters
//! said of them, so what was paid for them is overpaid.

use ledger_store::boxed;
use std::collections::HashMap;

use ledger::calendar::Date;
use ledger::disbursement::clash::ListKind;
use ledger::disbursement::role::Action;
use ledger::id::PartyId;
use ledger_store::clash;
use ledger_store::roster::{self as store, Death, PartyKind};
use ledger_store::write::Write;
use serde_json::{Value, json};

use super::{mask_account, mask_name};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Done, Error, Order, not_found, policy};

/// Whose death is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Died {
    /// A person by their number in the books, and the day; without one an earlier record is taken
    /// back.
    Person(PartyId, Option<Date>),
    /// Everybody in the books who stands, with a date, on the newest list of the deceased of this
    /// name.
    Listed(String),
}

/// Records deaths, with the document that says so. Rosters stay as they are; from the month after
/// a death on nothing is due to the person but what is granted once. The answer counts what is new
/// and, of a list, whom the book does not know and who has no date.
///
/// # Errors
/// [`Kind::NotFound`](ledger::problem::Kind::NotFound) for an unknown person or list;
/// [`Kind::FieldInvalid`](ledger::problem::Kind::FieldInvalid) for a day to come or without a
/// document.
#[boxed]
pub async fn deceased(
    app: &App,
    caller: &Caller,
    died: &Died,
    document: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = match died {
        Died::Person(person, on) => Order::new("roster.deceased", Action::ImportRoster)
            .field("person", person.get())
            .field("on", on.map(|on| on.to_string())),
        Died::Listed(name) => {
            Order::new("roster.deceased-list", Action::ImportRoster).field("list", name.as_str())
        }
    };
    let order = order.key(key).field("document", document);
    let today = app.clock.today();
    app.command(caller, order, async |write| {
        if document.trim().is_empty() {
            return Err(policy::invalid("document", "", "文号或依据 a document"));
        }
        let found = match died {
            Died::Person(person, on) => one(write, *person, *on).await?,
            Died::Listed(name) => listed(write, name).await?,
        };
        if let Some((_, Some(on))) = (found.people.iter()).find(|(_, on)| *on > Some(today)) {
            let wanted = "不晚于今天 not after today";
            return Err(policy::invalid("on", &on.to_string(), wanted));
        }
        let book = write.book();
        let known = store::deaths(write.tx(), book).await?.into_iter();
        let known: HashMap<PartyId, Death> = known.map(|death| (death.person, death)).collect();
        let mut new: Vec<Death> = (found.people.iter())
            .filter(|(person, on)| known.get(person).and_then(|death| death.on) != *on)
            .map(|(person, on)| Death {
                person: *person,
                version: known.get(person).map_or(1, |death| death.version + 1),
                on: *on,
                document: document.to_owned(),
                entry: 0,
            })
            .collect();
        new.sort_by_key(|death| death.person);
        new.dedup_by_key(|death| death.person);
        store::add_deaths(write, &new).await?;
        Ok(json!({
            "recorded": new.len(),
            "recorded_before": found.people.len() - new.len(),
            "unknown": found.unknown,
            "without_date": found.without_date,
        }))
    })
    .await
}

/// Who is to be recorded, and who cannot be.
struct Found {
    people: Vec<(PartyId, Option<Date>)>,
    unknown: usize,
    without_date: usize,
}

async fn one(write: &mut Write, person: PartyId, on: Option<Date>) -> Result<Found, Error> {
    let book = write.book();
    let known = store::parties_of(write.tx(), book, &[person], None).await?;
    let is_person = (known.get(&person)).is_some_and(|party| party.kind == PartyKind::Person);
    match is_person {
        true => Ok(Found {
            people: vec![(person, on)],
            unknown: 0,
            without_date: 0,
        }),
        false => Err(not_found("人员 person", person)),
    }
}

async fn listed(write: &mut Write, name: &str) -> Result<Found, Error> {
    let book = write.book();
    let lists = clash::lists(write.tx(), book).await?;
    let of_name = |list: &&clash::CheckList| list.kind == ListKind::Deceased && list.name == name;
    let list = lists.iter().rev().find(of_name);
    let list = list
        .ok_or_else(|| not_found("死亡名单 list of the deceased", name))?
        .id;
    let people = clash::listed_people(write.tx(), book, list).await?;
    let dated: HashMap<&str, Date> = (people.iter())
        .filter_map(|(number, on)| Some((number.as_str(), (*on)?)))
        .collect();
    let numbers: Vec<&str> = dated.keys().copied().collect();
    let mut found = Vec::new();
    let kind = PartyKind::Person;
    store::each_party_of(
        write.tx(),
        book,
        (kind, None),
        &numbers,
        |number, person| {
            found.push((person.id, dated.get(number).copied()));
        },
    )
    .await?;
    Ok(Found {
        unknown: dated.len() - found.len(),
        without_date: people.iter().filter(|(_, on)| on.is_none()).count(),
        people: found,
    })
}

/// The deaths that the book knows, masked.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn deaths(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let deaths = store::deaths(&mut tx, book).await?;
    let ids: Vec<PartyId> = deaths.iter().map(|death| death.person).collect();
    let people = store::parties_of(&mut tx, book, &ids, None).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("死亡登记", "Deaths"),
        &[
            ("人员", "person", true),
            ("乡镇", "township", false),
            ("村(社区)", "village", false),
            ("姓名", "name", false),
            ("证件号", "number", false),
            ("死亡日期", "died on", false),
            ("依据", "document", false),
            ("审计条目", "audit entry", true),
        ],
    );
    let mut list = Vec::new();
    for death in &deaths {
        let party = people.get(&death.person);
        let of = |text: fn(&store::Party) -> String| party.map_or_else(String::new, text);
        let on = (death.on).map_or_else(|| "已撤销 taken back".to_owned(), |on| on.to_string());
        let name = of(|party| mask_name(&party.name));
        let township = of(|party| party.township.clone());
        table.row([
            death.person.to_string(),
            township.clone(),
            of(|party| party.village.clone()),
            name.clone(),
            of(|party| mask_account(&party.reference_no)),
            on,
            death.document.clone(),
            death.entry.to_string(),
        ]);
        list.push(json!({
            "person": death.person.get(),
            "township": township,
            "name": name,
            "on": death.on.map(|on| on.to_string()),
            "document": death.document,
            "version": death.version,
            "entry": death.entry,
        }));
    }
    Ok(Report::new(
        json!({ "deaths": Value::Array(list) }),
        vec![table],
    ))
}
