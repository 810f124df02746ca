//! Parties, their accounts and their awards.

use crate::boxed;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use ledger::calendar::{Date, Month, parse_date};
use ledger::id::{AwardId, BookId, ComponentId, PartyId, ProgramId};
use ledger::money::Fen;
use ledger::program::Quantity;
use ledger::roster::Award;

use crate::catalogue::{held, sql};
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::dialect::Pair;
use crate::error::StoreError;
use crate::policy::month;
use crate::seal::Loader;
use crate::table::{self, Table};
use crate::write::Write;

// An award joined with itself: without statistics SQLite takes the covering index only so.
sql! {
    ROSTERS_TAKEN = "select entry, request from command where book_id = $1
        and kind = 'roster.import' order by entry";
    ACCOUNTS_HAD = "select v.payee_id, v.account_no, v.entry, v.holder_name from payee_account i
        cross join payee_account v
        where i.book_id = $1 and i.version = 2
        and v.book_id = i.book_id and v.payee_id = i.payee_id
        order by v.payee_id, v.version";
    DEATHS = "select d.party_id, d.version, d.on_date, d.document, d.entry from person_death d
        where d.book_id = $1 and d.version = (select max(n.version) from person_death n
            where n.book_id = d.book_id and n.party_id = d.party_id)
        order by d.party_id";
    DISABILITY_VERSIONS = "select party_id, from_month, version, grade from person_disability
        where book_id = $1 order by party_id, from_month, version";
    HOUSEHOLD_MEMBERS = "select household_id, from_month, person_id from household_member
        where book_id = $1 order by household_id, from_month, person_id";
    AREAS = "select area_id, township, village from area where book_id = $1 order by area_id";
    BRANCHES = "select branch_id, name, bank_no from branch where book_id = $1
        order by branch_id";
    PARTIES = concat!("select p.party_id, p.kind, a.township, a.village, ", held!("p", "name"),
        ", p.reference_no from party p
        join area a on a.book_id = p.book_id and a.area_id = ", held!("p", "area_id"), "
        where p.book_id = $1 order by p.party_id");
    PARTY_BY_REFERENCE = concat!("select p.party_id, p.kind, a.township, a.village, ",
        held!("p", "name"), ", p.reference_no
        from (select 'household' as kind union all select 'institution'
            union all select 'person') k
        cross join party n
        cross join party p
        join area a on a.book_id = p.book_id and a.area_id = ", held!("p", "area_id"), "
        where n.book_id = $1 and n.kind = k.kind and n.reference_no = $2
        and p.book_id = n.book_id and p.party_id = n.party_id");
    OPEN_AWARDS = "select a.award_id, a.subject_id, a.household_id, a.payee_id, a.component_id,
        a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month, a.basis,
        q.quantity_milli
        from component c
        cross join award i
        cross join award a
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        left join award_quantity q on q.book_id = a.book_id and q.award_id = a.award_id
        where c.book_id = $1 and i.book_id = c.book_id
        and i.component_id = c.component_id and a.book_id = i.book_id
        and a.award_id = i.award_id and c.program_id = $2
        and (e.to_month is null or e.to_month >= $3)
        order by a.award_id";
    ROSTER_AT = "select a.award_id, a.subject_id, a.household_id, a.payee_id, a.component_id,
        a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month, a.basis,
        q.quantity_milli
        from component c
        cross join award i
        cross join award a
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        left join award_quantity q on q.book_id = a.book_id and q.award_id = a.award_id
        where c.book_id = $1 and i.book_id = c.book_id
        and i.component_id = c.component_id and a.book_id = i.book_id
        and a.award_id = i.award_id and c.program_id = $2 and a.from_month <= $3
        and (e.to_month is null or e.to_month >= $3)
        order by a.household_id, a.subject_id, a.component_id, a.award_id";
    AWARDS_AT = "select a.award_id, a.subject_id, a.household_id, a.payee_id, a.component_id,
        a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month, a.basis,
        q.quantity_milli
        from component c
        join award a on a.book_id = c.book_id and a.component_id = c.component_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        left join award_quantity q on q.book_id = a.book_id and q.award_id = a.award_id
        where c.book_id = $1 and c.program_id = $2 and a.from_month <= $3
        and (e.to_month is null or e.to_month >= $3)";
    ROSTER_PAGE = concat!("select a.award_id, a.subject_id, a.household_id, a.payee_id,
        a.component_id, a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month, a.basis,
        q.quantity_milli, ", held!("s", "name", "$3"), ", s.reference_no, r.township, ",
        held!("y", "name", "$3"), "
        from award a
        join component c on c.book_id = a.book_id and c.component_id = a.component_id
        join party s on s.book_id = a.book_id and s.party_id = a.subject_id
        join area r on r.book_id = s.book_id and r.area_id = ", held!("s", "area_id", "$3"), "
        join party y on y.book_id = a.book_id and y.party_id = a.payee_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        left join award_quantity q on q.book_id = a.book_id and q.award_id = a.award_id
        where a.book_id = $1 and a.award_id > $4 and c.program_id = $2 and a.from_month <= $3
        and (e.to_month is null or e.to_month >= $3)
        order by a.award_id limit $5");
    PARTIES_CHANGED = "select v.party_id, v.from_month, v.area_id, v.name, v.entry, p.area_id,
        p.name, p.kind from party_version v
        cross join party p
        where v.book_id = $1 and p.book_id = v.book_id and p.party_id = v.party_id
        order by v.party_id, v.from_month, v.version";
    HOUSEHOLD_PEOPLE = "select a.household_id, a.subject_id, a.payee_id, c.program_id from award a
        join component c on c.book_id = a.book_id and c.component_id = a.component_id
        where a.book_id = $1";
}

/// What a month knows of a party, and how many versions begin in it.
macro_rules! known_party {
    () => {
        concat!(
            "select p.reference_no, p.party_id, ",
            held!("p", "name", "$4"),
            ", ",
            held!("p", "area_id", "$4"),
            ", coalesce((select max(v.version) from party_version v where v.book_id = p.book_id
                and v.party_id = p.party_id and v.from_month = $4), 0) "
        )
    };
}

/// The parties with these file or identity numbers, which come as a JSON list; unpacking one
/// differs.
const PARTIES_OF: Pair = Pair {
    sqlite: concat!(
        known_party!(),
        "from json_each($3) j
        cross join party p where p.book_id = $1 and p.kind = $2 and p.reference_no = j.value"
    ),
    postgres: concat!(
        known_party!(),
        "from jsonb_array_elements_text(cast($3 as jsonb)) j(reference_no)
        join party p on p.book_id = $1 and p.kind = $2 and p.reference_no = j.reference_no"
    ),
};

/// Parties by their numbers, which come as a JSON list, as they are in a month; unpacking one
/// differs.
const PARTIES_BY_ID: Pair = Pair {
    sqlite: concat!(
        "select p.party_id, p.kind, a.township, a.village, ",
        held!("p", "name", "$3"),
        ", p.reference_no from json_each($2) j cross join party p
        cross join area a on a.book_id = p.book_id and a.area_id = ",
        held!("p", "area_id", "$3"),
        " where p.book_id = $1 and p.party_id = j.value"
    ),
    postgres: concat!(
        "select p.party_id, p.kind, a.township, a.village, ",
        held!("p", "name", "$3"),
        ", p.reference_no from jsonb_array_elements_text(cast($2 as jsonb)) j(party_id)
        join party p on p.book_id = $1 and p.party_id = cast(j.party_id as integer)
        join area a on a.book_id = p.book_id and a.area_id = ",
        held!("p", "area_id", "$3")
    ),
};

/// The newest accounts of these payees, which come as a JSON list; unpacking one differs.
const ACCOUNTS_OF: Pair = Pair {
    sqlite: "select v.payee_id, v.version, v.holder_name, v.branch_id, v.account_no
        from json_each($2) j cross join payee_account v
        where v.book_id = $1 and v.payee_id = j.value
        and v.version = (select max(w.version) from payee_account w
            where w.book_id = $1 and w.payee_id = v.payee_id)",
    postgres: "select v.payee_id, v.version, v.holder_name, v.branch_id, v.account_no
        from jsonb_array_elements_text(cast($2 as jsonb)) j(payee_id)
        join payee_account v on v.book_id = $1 and v.payee_id = cast(j.payee_id as integer)
        where v.version = (select max(w.version) from payee_account w
            where w.book_id = $1 and w.payee_id = v.payee_id)",
};

/// Keys looked up with one statement.
pub(crate) const LOOKUP: usize = 5_000;

/// What a party is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartyKind {
    /// 户.
    Household,
    /// 人.
    Person,
    /// 机构: a home or school that is paid for those it cares for.
    Institution,
}

impl PartyKind {
    /// As stored.
    pub fn code(self) -> &'static str {
        match self {
            PartyKind::Household => "household",
            PartyKind::Person => "person",
            PartyKind::Institution => "institution",
        }
    }

    /// From its code.
    pub fn from_code(code: &str) -> Option<PartyKind> {
        [
            PartyKind::Household,
            PartyKind::Person,
            PartyKind::Institution,
        ]
        .into_iter()
        .find(|kind| kind.code() == code)
    }
}

/// A household, person or institution. Name and number identify a person: mask them on the way
/// out.
#[derive(Clone, PartialEq, Eq)]
pub struct Party {
    /// Its number.
    pub id: PartyId,
    /// What it is.
    pub kind: PartyKind,
    /// 乡镇.
    pub township: String,
    /// 村(社区).
    pub village: String,
    /// Its name; of a household, that of its head.
    pub name: String,
    /// File number, identity number or credit code.
    pub reference_no: String,
}

impl std::fmt::Debug for Party {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Party({}, {}, ***)", self.id, self.kind.code())
    }
}

/// A party to be stored.
pub struct NewParty<'a> {
    /// Its number.
    pub id: PartyId,
    /// What it is.
    pub kind: PartyKind,
    /// Where it lives.
    pub area: i64,
    /// Its name.
    pub name: Cow<'a, str>,
    /// File number, identity number or credit code.
    pub reference_no: Cow<'a, str>,
    /// Salt of its commitments.
    pub salt: [u8; 16],
}

/// A version of a payee's account.
#[derive(Clone, PartialEq, Eq)]
pub struct PayeeAccount {
    /// Whose.
    pub payee: PartyId,
    /// Version, from 1.
    pub version: i64,
    /// The name that the bank has registered.
    pub holder_name: String,
    /// Its bank's branch.
    pub branch: i64,
    /// The account number.
    pub account_no: String,
}

impl std::fmt::Debug for PayeeAccount {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "PayeeAccount({}, {}, ***)", self.payee, self.version)
    }
}

/// An award with the words that justify an individual amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwardRow {
    /// The award.
    pub award: Award,
    /// Why the amount is individual; empty otherwise.
    pub basis: String,
    /// How many pieces, where the component is counted in them.
    pub quantity: Option<Quantity>,
}

/// All parties of a book.
#[boxed]
pub async fn parties(tx: &mut Tx, book: BookId) -> Result<Vec<Party>, StoreError> {
    tx.query(PARTIES, &[book.get().into()])
        .await?
        .iter()
        .map(party_of)
        .collect()
}

/// The parties with this file number, identity number or credit code.
#[boxed]
pub async fn party_by_reference(
    tx: &mut Tx,
    book: BookId,
    reference_no: &str,
) -> Result<Vec<Party>, StoreError> {
    let rows = tx
        .query(
            PARTY_BY_REFERENCE,
            &[book.get().into(), reference_no.into()],
        )
        .await?;
    let parties: Result<Vec<Party>, StoreError> = rows.iter().map(party_of).collect();
    let mut parties = parties?;
    parties.sort_by_key(|party| party.id);
    Ok(parties)
}

/// Pairs of names with the number of their row.
pub type Numbers = HashMap<(String, String), i64>;

/// The areas of a book: township and village with their number.
#[boxed]
pub async fn areas(tx: &mut Tx, book: BookId) -> Result<Numbers, StoreError> {
    numbers(tx, AREAS, book).await
}

/// The bank branches of a book: 开户行 and 联行号 with their number.
#[boxed]
pub async fn branches(tx: &mut Tx, book: BookId) -> Result<Numbers, StoreError> {
    numbers(tx, BRANCHES, book).await
}

async fn numbers(tx: &mut Tx, sql: &'static str, book: BookId) -> Result<Numbers, StoreError> {
    let rows = tx.query(sql, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| Ok(((row.text(1)?, row.text(2)?), row.int(0)?)))
        .collect()
}

/// A party as a month knows it. Its name identifies a person: mask it on the way out.
#[derive(Clone)]
pub struct KnownParty {
    /// Its number.
    pub id: PartyId,
    /// Its name; of a household, that of its head.
    pub name: String,
    /// Where it lives.
    pub area: i64,
    /// The newest version that begins in the month; 0 for none.
    pub version: i64,
}

/// Which of these file or identity numbers the book knows for parties of one kind: hands out each
/// with the party as it is in a month or by now.
pub async fn each_party_of(
    tx: &mut Tx,
    book: BookId,
    (kind, at): (PartyKind, Option<Month>),
    references: &[&str],
    mut receive: impl FnMut(&str, KnownParty),
) -> Result<(), StoreError> {
    let sql = PARTIES_OF.of(tx.engine());
    for chunk in references.chunks(LOOKUP) {
        let list = json_list(chunk.iter().map(|text| json_text(text)));
        let args = [
            book.get().into(),
            kind.code().into(),
            list.into(),
            until(at),
        ];
        tx.stream(sql, &args, |row| {
            let known = KnownParty {
                id: PartyId(row.int(1)?),
                name: row.text(2)?,
                area: row.int(3)?,
                version: row.int(4)?,
            };
            receive(row.text_ref(0)?, known);
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    Ok(())
}

/// Hands out the newest accounts of these payees.
pub async fn each_account_of(
    tx: &mut Tx,
    book: BookId,
    payees: &[PartyId],
    mut receive: impl FnMut(PayeeAccount),
) -> Result<(), StoreError> {
    let sql = ACCOUNTS_OF.of(tx.engine());
    for chunk in payees.chunks(LOOKUP) {
        let list = json_list(chunk.iter().map(ToString::to_string));
        tx.stream(sql, &[book.get().into(), list.into()], |row| {
            receive(PayeeAccount {
                payee: PartyId(row.int(0)?),
                version: row.int(1)?,
                holder_name: row.text(2)?,
                branch: row.int(3)?,
                account_no: row.text(4)?,
            });
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    Ok(())
}

/// Numbers or JSON texts as one JSON list.
pub(crate) fn json_list(items: impl Iterator<Item = String>) -> String {
    let mut list = String::from("[");
    for (place, item) in items.enumerate() {
        if place > 0 {
            list.push(',');
        }
        list.push_str(&item);
    }
    list.push(']');
    list
}

/// A text as JSON (RFC 8259, section 7).
pub(crate) fn json_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Hands out the awards of a program that reach into a month or beyond.
pub async fn each_open_award<E: From<StoreError>>(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    from: Month,
    mut receive: impl FnMut(AwardRow) -> Result<(), E>,
) -> Result<(), E> {
    let args = [
        book.get().into(),
        program.get().into(),
        from.to_string().into(),
    ];
    tx.stream(OPEN_AWARDS, &args, |row| receive(award_row_of(row)?))
        .await
}

/// The awards of a program in force in a month, by household.
#[boxed]
pub async fn roster_at(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    at: Month,
) -> Result<Vec<AwardRow>, StoreError> {
    let args = [
        book.get().into(),
        program.get().into(),
        at.to_string().into(),
    ];
    let rows = tx.query(ROSTER_AT, &args).await?;
    rows.iter().map(award_row_of).collect()
}

/// Goes through the awards of a program in force in a month, in whatever order.
pub async fn each_award<E: From<StoreError>>(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    at: Month,
    mut each: impl FnMut(AwardRow) -> Result<(), E> + Send,
) -> Result<(), E> {
    let args = [
        book.get().into(),
        program.get().into(),
        at.to_string().into(),
    ];
    tx.stream(AWARDS_AT, &args, |row| each(award_row_of(row)?))
        .await
}

/// An award in force, and who it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct RosterLine {
    /// The award.
    pub row: AwardRow,
    /// The name of its subject.
    pub name: String,
    /// The subject's file, identity or credit number.
    pub number: String,
    /// The subject's 乡镇.
    pub township: String,
    /// The name of its payee.
    pub payee: String,
}

/// A page of the awards of a program in force in a month, in the order of their numbers.
#[boxed]
pub async fn roster_page(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    at: Month,
    page: crate::exception::Page,
) -> Result<Vec<RosterLine>, StoreError> {
    let args = [
        book.get().into(),
        program.get().into(),
        at.to_string().into(),
        page.after.into(),
        page.limit.into(),
    ];
    let line = |row: &Row| {
        Ok(RosterLine {
            row: award_row_of(row)?,
            name: row.text(12)?,
            number: row.text(13)?,
            township: row.text(14)?,
            payee: row.text(15)?,
        })
    };
    tx.query(ROSTER_PAGE, &args)
        .await?
        .iter()
        .map(line)
        .collect()
}

/// The rosters that were taken in, the oldest first: their audit entries, and what was asked as
/// JSON text.
#[boxed]
pub async fn rosters_taken(tx: &mut Tx, book: BookId) -> Result<Vec<(i64, String)>, StoreError> {
    let rows = tx.query(ROSTERS_TAKEN, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| Ok((row.int(0)?, row.text(1)?)))
        .collect()
}

/// What became another one of a payee's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// The account number.
    pub number: bool,
    /// The name that the bank has registered.
    pub holder: bool,
}

/// Payees whose account is another one at the second audit entry than at the first.
#[boxed]
pub async fn accounts_changed(
    tx: &mut Tx,
    book: BookId,
    (before, after): (i64, i64),
) -> Result<BTreeMap<PartyId, AccountChange>, StoreError> {
    let mut at: BTreeMap<i64, [Option<(String, String)>; 2]> = BTreeMap::new();
    tx.stream(ACCOUNTS_HAD, &[book.get().into()], |row| {
        let (entry, had) = (row.int(2)?, at.entry(row.int(0)?).or_default());
        for (side, known) in [before, after].into_iter().zip(had) {
            if entry <= side {
                *known = Some((row.text(1)?, row.text(3)?));
            }
        }
        Ok::<(), StoreError>(())
    })
    .await?;
    let mut changed = BTreeMap::new();
    for (payee, sides) in at {
        if let [Some(before), Some(after)] = sides
            && before != after
        {
            let change = AccountChange {
                number: before.0 != after.0,
                holder: before.1 != after.1,
            };
            changed.insert(PartyId(payee), change);
        }
    }
    Ok(changed)
}

fn award_row_of(row: &Row) -> Result<AwardRow, StoreError> {
    Ok(AwardRow {
        award: award_of(row)?,
        basis: row.text(10)?,
        quantity: row.opt_int(11)?.and_then(Quantity::from_milli),
    })
}

/// A new area or branch: its number and its two names.
pub type Named<'a> = (i64, &'a str, &'a str);

/// Stores new areas (township, village), in ascending order of their numbers.
#[boxed]
pub async fn add_areas(write: &mut Write, areas: &[Named<'_>]) -> Result<(), Failure> {
    add_named(write, &table::AREA, areas).await
}

/// Stores new bank branches (开户行, 联行号), in ascending order of their numbers.
#[boxed]
pub async fn add_branches(write: &mut Write, branches: &[Named<'_>]) -> Result<(), Failure> {
    add_named(write, &table::BRANCH, branches).await
}

async fn add_named(
    write: &mut Write,
    table: &'static Table,
    named: &[Named<'_>],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(table);
    for (id, first, second) in named {
        rows.int(write.book().get())
            .int(*id)
            .text(first)
            .text(second)
            .end();
    }
    Ok(write.insert(table, rows).await?)
}

/// Stores parties, in ascending order of their numbers.
pub async fn add_parties<'a, E: From<StoreError>>(
    write: &mut Write,
    parties: impl Iterator<Item = Result<NewParty<'a>, E>>,
) -> Result<(), E> {
    let mut loader = Loader::new(&table::PARTY);
    for party in parties {
        let party = party?;
        let row = loader.rows();
        row.int(write.book().get()).int(party.id.get());
        row.text(party.kind.code())
            .int(party.area)
            .text(&party.name);
        row.text(&party.reference_no).bytes(&party.salt).end();
        loader.step(write).await?;
    }
    loader.finish(write).await?;
    Ok(())
}

/// What a party is called and where it lives from a month on.
pub struct PartyVersion {
    /// Which.
    pub party: PartyId,
    /// Version among those of its month, from 1.
    pub version: i64,
    /// Where it lives.
    pub area: i64,
    /// Its name; of a household, that of its head.
    pub name: String,
    /// Salt of the commitment.
    pub salt: [u8; 16],
}

/// Stores versions of parties from a month on, in ascending order of party.
#[boxed]
pub async fn add_party_versions(
    write: &mut Write,
    from: Month,
    versions: &[PartyVersion],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::PARTY_VERSION);
    for known in versions {
        let row = rows.int(write.book().get()).int(known.party.get());
        row.text(&from.to_string()).int(known.version);
        row.int(known.area).text(&known.name).bytes(&known.salt);
        row.end();
    }
    Ok(write.insert(&table::PARTY_VERSION, rows).await?)
}

/// How a party changed from one version to the next. The names identify a person.
pub struct PartyChange {
    /// Which.
    pub party: PartyId,
    /// What it is.
    pub kind: PartyKind,
    /// From which month on.
    pub from: Month,
    /// The names before and after.
    pub names: [String; 2],
    /// The areas before and after.
    pub areas: [i64; 2],
    /// Its audit entry.
    pub entry: i64,
}

/// All changes of names and places, by party and month.
#[boxed]
pub async fn parties_changed(tx: &mut Tx, book: BookId) -> Result<Vec<PartyChange>, StoreError> {
    let mut changes: Vec<PartyChange> = Vec::new();
    tx.stream(PARTIES_CHANGED, &[book.get().into()], |row| {
        let party = PartyId(row.int(0)?);
        let (area, name) = match changes.last().filter(|last| last.party == party) {
            Some(PartyChange {
                names: [_, name],
                areas: [_, area],
                ..
            }) => (*area, name.clone()),
            None => (row.int(5)?, row.text(6)?),
        };
        changes.push(PartyChange {
            party,
            kind: PartyKind::from_code(row.text_ref(7)?)
                .ok_or_else(|| StoreError::inconsistent("party", "kind"))?,
            from: month(row, 1)?,
            names: [name, row.text(3)?],
            areas: [area, row.int(2)?],
            entry: row.int(4)?,
        });
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(changes)
}

/// Goes through the awards of a book: household, subject, payee and program of each.
pub async fn each_household_award(
    tx: &mut Tx,
    book: BookId,
    mut each: impl FnMut(PartyId, [PartyId; 2], ProgramId),
) -> Result<(), StoreError> {
    tx.stream(HOUSEHOLD_PEOPLE, &[book.get().into()], |row| {
        let people = [PartyId(row.int(1)?), PartyId(row.int(2)?)];
        each(PartyId(row.int(0)?), people, ProgramId(row.int(3)?));
        Ok::<(), StoreError>(())
    })
    .await
}

/// Stores account versions with the salts of their commitments, in ascending order of payee.
pub async fn add_payee_accounts<E: From<StoreError>>(
    write: &mut Write,
    accounts: impl Iterator<Item = Result<(PayeeAccount, [u8; 16]), E>>,
) -> Result<(), E> {
    let mut loader = Loader::new(&table::PAYEE_ACCOUNT);
    for account in accounts {
        let (account, salt) = account?;
        let row = loader.rows();
        row.int(write.book().get())
            .int(account.payee.get())
            .int(account.version);
        row.text(&account.holder_name).int(account.branch);
        row.text(&account.account_no).bytes(&salt).end();
        loader.step(write).await?;
    }
    loader.finish(write).await?;
    Ok(())
}

/// Stores awards, in ascending order of their numbers.
pub async fn add_awards<E: From<StoreError>>(
    write: &mut Write,
    awards: impl Iterator<Item = Result<AwardRow, E>>,
) -> Result<(), E> {
    let mut loader = Loader::new(&table::AWARD);
    let mut quantities = RowBuffer::of(&table::AWARD_QUANTITY);
    for row in awards {
        let AwardRow {
            award,
            basis,
            quantity,
        } = row?;
        if let Some(quantity) = quantity {
            let row = quantities.int(write.book().get()).int(award.id.get());
            row.int(quantity.milli()).end();
        }
        let row = loader.rows();
        row.int(write.book().get())
            .int(award.id.get())
            .int(award.subject.get());
        row.int(award.household.get())
            .int(award.payee.get())
            .int(award.component.get());
        row.text(&award.tag)
            .int(award.income.get())
            .opt_int(award.amount.map(Fen::get));
        row.text(&basis).text(&award.from.to_string()).end();
        loader.step(write).await?;
    }
    loader.finish(write).await?;
    Ok(write.insert(&table::AWARD_QUANTITY, quantities).await?)
}

/// The parties with these numbers, in any order, as they are in a month or by now.
#[boxed]
pub async fn parties_of(
    tx: &mut Tx,
    book: BookId,
    ids: &[PartyId],
    at: Option<Month>,
) -> Result<HashMap<PartyId, Party>, StoreError> {
    let sql = PARTIES_BY_ID.of(tx.engine());
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(LOOKUP) {
        let list = json_list(chunk.iter().map(ToString::to_string));
        let args = [book.get().into(), list.into(), until(at)];
        tx.stream(sql, &args, |row| {
            let party = party_of(row)?;
            found.insert(party.id, party);
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    Ok(found)
}

/// A month as what versions must not begin after; without one, all count.
pub(crate) fn until(at: Option<Month>) -> Value {
    at.map_or_else(|| "9999-12".to_owned(), |at| at.to_string())
        .into()
}

/// A death as the book knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// Who died.
    pub person: PartyId,
    /// Newest version, from 1.
    pub version: i64,
    /// When; none when it was wrong and is taken back.
    pub on: Option<Date>,
    /// What says so.
    pub document: String,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
}

/// The newest version of each death, by person.
#[boxed]
pub async fn deaths(tx: &mut Tx, book: BookId) -> Result<Vec<Death>, StoreError> {
    let mut found = Vec::new();
    tx.stream(DEATHS, &[book.get().into()], |row| {
        let on = match row.text_ref(2)? {
            "" => None,
            text => Some(
                parse_date(text)
                    .map_err(|_| StoreError::inconsistent("person_death", "on_date"))?,
            ),
        };
        found.push(Death {
            person: PartyId(row.int(0)?),
            version: row.int(1)?,
            on,
            document: row.text(3)?,
            entry: row.int(4)?,
        });
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(found)
}

/// Stores versions of deaths, in ascending order of person.
#[boxed]
pub async fn add_deaths(write: &mut Write, deaths: &[Death]) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::PERSON_DEATH);
    for death in deaths {
        let row = rows.int(write.book().get()).int(death.person.get());
        let on = death.on.map_or_else(String::new, |on| on.to_string());
        row.int(death.version).text(&on).text(&death.document).end();
    }
    Ok(write.insert(&table::PERSON_DEATH, rows).await?)
}

/// Stores disability grades from a month on: person, newest version so far, grade. In ascending
/// order of person.
#[boxed]
pub async fn add_disabilities(
    write: &mut Write,
    from: Month,
    grades: &[(PartyId, i64, i64)],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::PERSON_DISABILITY);
    for (person, version, grade) in grades {
        let row = rows.int(write.book().get()).int(person.get());
        row.int(version + 1)
            .text(&from.to_string())
            .int(*grade)
            .end();
    }
    Ok(write.insert(&table::PERSON_DISABILITY, rows).await?)
}

/// The disability grade of each person who has one on record in a month, with the newest version.
#[boxed]
pub async fn disabilities_at(
    tx: &mut Tx,
    book: BookId,
    at: Month,
) -> Result<HashMap<PartyId, (i64, i64)>, StoreError> {
    let mut found: HashMap<PartyId, (i64, i64)> = HashMap::new();
    tx.stream(DISABILITY_VERSIONS, &[book.get().into()], |row| {
        let known = found.entry(PartyId(row.int(0)?)).or_default();
        known.0 = known.0.max(row.int(2)?);
        if month(row, 1)? <= at {
            known.1 = row.int(3)?;
        }
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(found)
}

/// Members of households that are paid as a whole: by household, the month of each list and who
/// stood on it, oldest first.
#[boxed]
pub async fn household_members(
    tx: &mut Tx,
    book: BookId,
) -> Result<BTreeMap<PartyId, Vec<(Month, BTreeSet<PartyId>)>>, StoreError> {
    let mut found: BTreeMap<PartyId, Vec<(Month, BTreeSet<PartyId>)>> = BTreeMap::new();
    tx.stream(HOUSEHOLD_MEMBERS, &[book.get().into()], |row| {
        let (from, person) = (month(row, 1)?, PartyId(row.int(2)?));
        let lists = found.entry(PartyId(row.int(0)?)).or_default();
        match lists.last_mut() {
            Some((known, people)) if *known == from => {
                people.insert(person);
            }
            _ => lists.push((from, BTreeSet::from([person]))),
        }
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(found)
}

/// Stores who belongs to households from a month on, in ascending order of household and person.
#[boxed]
pub async fn add_household_members(
    write: &mut Write,
    from: Month,
    members: &[(PartyId, PartyId)],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::HOUSEHOLD_MEMBER);
    for (household, person) in members {
        let row = rows.int(write.book().get()).int(household.get());
        row.text(&from.to_string()).int(person.get()).end();
    }
    Ok(write.insert(&table::HOUSEHOLD_MEMBER, rows).await?)
}

/// Ends awards with a last month and a reason, in ascending order of their numbers.
#[boxed]
pub async fn end_awards(write: &mut Write, ends: &[(AwardId, Month, &str)]) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::AWARD_END);
    for (award, to, reason) in ends {
        rows.push([
            Value::Int(write.book().get()),
            award.get().into(),
            to.to_string().into(),
            (*reason).into(),
        ]);
    }
    Ok(write.insert(&table::AWARD_END, rows).await?)
}

pub(crate) fn award_of(row: &Row) -> Result<Award, StoreError> {
    Ok(Award {
        id: AwardId(row.int(0)?),
        subject: PartyId(row.int(1)?),
        household: PartyId(row.int(2)?),
        payee: PartyId(row.int(3)?),
        component: ComponentId(row.int(4)?),
        tag: row.text(5)?,
        income: Fen::new(row.int(6)?),
        amount: row.opt_int(7)?.map(Fen::new),
        from: month(row, 8)?,
        to: row
            .opt_text(9)?
            .map(|text| {
                text.parse()
                    .map_err(|_| StoreError::inconsistent("award_end", "to_month"))
            })
            .transpose()?,
    })
}

fn party_of(row: &Row) -> Result<Party, StoreError> {
    Ok(Party {
        id: PartyId(row.int(0)?),
        kind: PartyKind::from_code(&row.text(1)?)
            .ok_or_else(|| StoreError::inconsistent("party", "kind"))?,
        township: row.text(2)?,
        village: row.text(3)?,
        name: row.text(4)?,
        reference_no: row.text(5)?,
    })
}
