//! What the clash check of a run reads and keeps: lists of other offices, programs that exclude
//! each other, findings and their explanations.

use crate::boxed;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ledger::audit::entry::Entry;
use ledger::audit::row::Field;
use ledger::calendar::{Date, Month, parse_date};
use ledger::disbursement::clash::{
    Categories, Check, Clash, Finding, Known, ListKind, PaidLine, PaidPayee, Related,
};
use ledger::id::{BookId, ComponentId, FileId, PartyId, PaymentId, ProgramId, RunId, UserId};
use ledger::money::Fen;
use ledger::program::Cadence;
use ledger::program::eligibility::Effect;
use ledger::program::payment_day::pay_by;
use ledger::roster::PersonName;

use crate::catalogue::{held, sql};
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::dialect::{Engine, Pair};
use crate::error::StoreError;
use crate::payment::{ToCheck, ToSend, components, pages};
use crate::policy::{self, month};
use crate::roster::{self, LOOKUP, PartyKind, json_list};
use crate::run::{Run, RunKind};
use crate::table;
use crate::write::Write;

// A line joined with itself: without statistics SQLite takes the covering index only so.
sql! {
    LISTS = "select list_id, kind, name, people, imported_on, entry from check_list
        where book_id = $1 order by list_id";
    LISTED = "select reference_no, since from listed_person where book_id = $1 and list_id = $2
        order by row_no";
    EXCLUSIONS = "select program_id, other_id, document from program_exclusion where book_id = $1
        order by program_id, other_id";
    PAID_ELSEWHERE = "select l.subject_id from payment_line i
        cross join payment_line l
        where i.book_id = $1 and i.month = $2 and i.component_id = $3 and i.subject_id > 0
        and l.book_id = i.book_id and l.payment_id = i.payment_id and l.line_no = i.line_no
        and (l.payment_id < $4 or l.payment_id > $5)
        group by l.subject_id having sum(l.amount_fen) > 0";
    PAID_AGAIN = "select distinct component_id, month from payment_line
        where book_id = $1 and payment_id > $2 and payment_id <= $3 and n > 1";
    PAID_LINES = concat!("select l.payment_id, l.subject_id, y.kind, ",
        held!("y", "name"), ", y.reference_no,
        l.component_id, l.month, l.amount_fen
        from payment_line l
        cross join party y
        where l.book_id = $1 and l.payment_id > $2 and l.payment_id <= $3
        and y.book_id = l.book_id and y.party_id = l.subject_id
        order by l.payment_id, l.line_no");
    PAID_LINES_WITH_AWARDS = concat!("select l.payment_id, l.subject_id, y.kind, ",
        held!("y", "name"), ", y.reference_no,
        l.component_id, l.month, l.amount_fen, a.from_month, coalesce(e.to_month, '')
        from payment_line l
        cross join party y
        cross join award a
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where l.book_id = $1 and l.payment_id > $2 and l.payment_id <= $3
        and y.book_id = l.book_id and y.party_id = l.subject_id
        and a.book_id = l.book_id and a.award_id = l.award_id
        order by l.payment_id, l.line_no");
    RECEIVERS = "select p.payment_id, p.payee_id, y.reference_no, max(l.month)
        from payment p
        cross join party y
        cross join payment_line l
        where p.book_id = $1 and p.payment_id > $2 and p.payment_id <= $3
        and y.book_id = p.book_id and y.party_id = p.payee_id and y.kind = 'person'
        and l.book_id = p.book_id and l.payment_id = p.payment_id and l.amount_fen > 0
        group by p.payment_id, p.payee_id, y.reference_no order by p.payment_id";
    MEMBERS = "select a.household_id, a.subject_id, y.reference_no, a.from_month, e.to_month
        from award a
        cross join party y
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where a.book_id = $1 and y.book_id = a.book_id and y.party_id = a.subject_id
        and y.kind = 'person'
        order by a.award_id";
    LISTED_MEMBERS = "select m.household_id, m.person_id, y.reference_no, m.from_month,
        (select min(n.from_month) from household_member n where n.book_id = m.book_id
            and n.household_id = m.household_id and n.from_month > m.from_month)
        from household_member m
        cross join party y
        where m.book_id = $1 and y.book_id = m.book_id and y.party_id = m.person_id
        order by m.household_id, m.from_month, m.person_id";
    FINDINGS = concat!("select f.check_code, f.subject_id, f.payment_id, f.detail,
        coalesce(", held!("y", "name"), ", ''), coalesce(y.reference_no, '')
        from run_finding f
        left join party y on y.book_id = f.book_id and y.party_id = f.subject_id
        where f.book_id = $1 and f.run_id = $2 and f.n = $3 and f.finding_no > $4
        order by f.finding_no limit $5");
    FOUND = "select check_code, cast(count(*) as bigint) from run_finding
        where book_id = $1 and run_id = $2 and n = $3 group by check_code order by check_code";
    EXPLANATIONS = "select x.check_code, u.name, x.reason from run_explanation x
        join app_user u on u.book_id = x.book_id and u.user_id = x.user_id
        where x.book_id = $1 and x.run_id = $2 and x.n = $3 order by x.check_code";
    DUE_CHANGED = "select (select count(*) from command c
            where c.book_id = $1 and c.entry > $4
            and (c.kind = 'book.add' or c.kind like 'roster.%' or c.kind like 'policy.%'
                or c.kind like 'recovery.%'))
        + (select count(*) from run_event e join run r on r.book_id = e.book_id
                and r.run_id = e.run_id
            where e.book_id = $1 and e.entry > $4 and r.program_id = $3 and r.run_id <> $2
            and r.kind <> 're-pay' and e.event in ('create', 'calculate', 'discard'))";
    CALCULATED = "select coalesce(max(entry), 0) from run_event
        where book_id = $1 and run_id = $2 and event in ('create', 'calculate')";
    CHANGED_SINCE = "select cast(count(*) as bigint) from command c
        join run_event e on e.book_id = c.book_id and e.run_id = $2 and e.n = $3
        where c.book_id = $1 and c.entry > e.entry
        and (c.kind in ('policy.import', 'policy.exclude', 'check-list.import')
            or c.kind like 'roster.%')";
    LAST_PAID = "select coalesce(max(e.entry), 0) from run_event e
        join run r on r.book_id = e.book_id and r.run_id = e.run_id
        where e.book_id = $1 and e.event = 'release' and r.program_id = $2 and r.run_id <> $3";
    ENTRY = "select bytes from audit_entry where book_id = $1 and sequence = $2";
    ON_ROLL = "select y.reference_no from award a
        cross join party y
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where a.book_id = $1 and y.book_id = a.book_id and y.party_id = a.subject_id
        and y.kind = 'person' and a.from_month <= $2
        and (e.to_month is null or e.to_month >= $2)
        union select y.reference_no from award a
        cross join party y
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where a.book_id = $1 and y.book_id = a.book_id and y.party_id = a.payee_id
        and y.kind = 'person' and a.from_month <= $2
        and (e.to_month is null or e.to_month >= $2)
        union select y.reference_no from household_member m
        cross join party y
        where m.book_id = $1 and y.book_id = m.book_id and y.party_id = m.person_id
        and m.from_month = (select max(n.from_month) from household_member n
            where n.book_id = m.book_id and n.household_id = m.household_id
            and n.from_month <= $2)";
    NAMED_PEOPLE = "select reference_no, name, since from listed_person
        where book_id = $1 and list_id = $2 order by row_no";
    LAST_CHECK = "select max(n) from run_event where book_id = $1 and run_id = $2
        and event = 'check'";
}

/// Every account that these payees had, the oldest first; they come as a JSON list, and unpacking
/// one differs.
const ACCOUNTS_OF: Pair = Pair {
    sqlite:
        "select v.payee_id, v.account_no, v.entry from json_each($2) j cross join payee_account v
        where v.book_id = $1 and v.payee_id = j.value order by v.payee_id, v.version",
    postgres: "select v.payee_id, v.account_no, v.entry
        from jsonb_array_elements_text(cast($2 as jsonb)) j(payee_id)
        join payee_account v on v.book_id = $1 and v.payee_id = cast(j.payee_id as integer)
        order by v.payee_id, v.version",
};

/// From this version of an account on, a payee's accounts are looked at one after the other.
const MANY_ACCOUNTS: i64 = 2;

/// A list of another office.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckList {
    /// Its number.
    pub id: i64,
    /// What it says of the people on it.
    pub kind: ListKind,
    /// Whose it is; a newer list of the same kind and name takes its place.
    pub name: String,
    /// How many stand on it.
    pub people: i64,
    /// When it came in.
    pub imported_on: String,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
}

/// Somebody on a list. Number and name identify a person.
#[derive(Clone)]
pub struct ListedPerson {
    /// Row in the file.
    pub row_no: i64,
    /// Identity number of 18 characters.
    pub reference_no: String,
    /// Name.
    pub name: String,
    /// Since when, `YYYY-MM-DD`; may be empty.
    pub since: String,
    /// Salt of the commitments.
    pub salt: [u8; 16],
}

/// Stores a list and gives its number.
#[boxed]
pub async fn add_list(
    write: &mut Write,
    list: &CheckList,
    file: FileId,
    people: &[ListedPerson],
) -> Result<i64, Failure> {
    let (book, id) = (write.book().get(), write.allot("check_list", 1).await?);
    let row: [Value; 7] = [
        book.into(),
        id.into(),
        list.kind.code().into(),
        list.name.as_str().into(),
        file.get().into(),
        list.people.into(),
        list.imported_on.as_str().into(),
    ];
    write.insert_one(&table::CHECK_LIST, row).await?;
    let mut rows = RowBuffer::of(&table::LISTED_PERSON);
    for person in people {
        rows.int(book).int(id).int(person.row_no);
        rows.text(&person.reference_no).text(&person.name);
        rows.text(&person.since).bytes(&person.salt).end();
    }
    write.insert(&table::LISTED_PERSON, rows).await?;
    Ok(id)
}

/// All lists, the oldest first.
#[boxed]
pub async fn lists(tx: &mut Tx, book: BookId) -> Result<Vec<CheckList>, StoreError> {
    let rows = tx.query(LISTS, &[book.get().into()]).await?;
    let list = |row: &Row| {
        let kind = ListKind::from_code(&row.text(1)?);
        Ok(CheckList {
            id: row.int(0)?,
            kind: kind.ok_or_else(|| StoreError::inconsistent("check_list", "kind"))?,
            name: row.text(2)?,
            people: row.int(3)?,
            imported_on: row.text(4)?,
            entry: row.int(5)?,
        })
    };
    rows.iter().map(list).collect()
}

/// Programs that exclude each other, with the document that says so; the smaller number first.
#[boxed]
pub async fn exclusions(
    tx: &mut Tx,
    book: BookId,
) -> Result<Vec<(ProgramId, ProgramId, String)>, StoreError> {
    let rows = tx.query(EXCLUSIONS, &[book.get().into()]).await?;
    let pair = |row: &Row| Ok((ProgramId(row.int(0)?), ProgramId(row.int(1)?), row.text(2)?));
    rows.iter().map(pair).collect()
}

/// Stores that two programs exclude each other.
#[boxed]
pub async fn add_exclusion(
    write: &mut Write,
    programs: (ProgramId, ProgramId),
    document: &str,
) -> Result<(), Failure> {
    let (first, second) = (programs.0.min(programs.1), programs.0.max(programs.1));
    let row: [Value; 4] = [
        write.book().get().into(),
        first.get().into(),
        second.get().into(),
        document.into(),
    ];
    Ok(write.insert_one(&table::PROGRAM_EXCLUSION, row).await?)
}

/// What is known about people from outside a run: lists, other runs, excluding programs.
#[boxed]
pub async fn known(tx: &mut Tx, book: BookId, run: &Run) -> Result<Known, StoreError> {
    let mut known = Known {
        listed: listed(tx, book).await?,
        categories: categories(tx, book, run).await?,
        last_paid: last_paid(tx, book, run).await?,
        pay_by: Some(pay_by(
            &policy::payment_days(tx, book).await?,
            run.program,
            run.month,
        )),
        once: policy::components(tx, book)
            .await?
            .into_iter()
            .filter(|component| component.cadence == Cadence::Once)
            .map(|component| component.id)
            .collect(),
        ..Known::default()
    };
    for change in roster::parties_changed(tx, book).await? {
        let [before, after] = change.names.each_ref().map(|name| PersonName::key_of(name));
        if change.kind == PartyKind::Person && change.entry > known.last_paid && before != after {
            known.renamed.insert(change.party, change.from);
        }
    }
    // Back pay tops up months that were paid: that is what it is for.
    if run.kind == RunKind::Regular {
        let own = (run.payment_first, run.payment_last);
        // Lines of one subject, component and month are numbered: a first one is alone.
        let args = [book.get().into(), (own.0 - 1).into(), own.1.into()];
        for row in tx.query(PAID_AGAIN, &args).await? {
            let (component, month) = (ComponentId(row.int(0)?), month(&row, 1)?);
            let paid = paid(tx, book, (month, component), own).await?;
            let key = |subject| (subject, component, month);
            known.elsewhere.extend(paid.into_iter().map(key));
        }
    }
    for (first, second, _) in exclusions(tx, book).await? {
        let other = match run.program {
            program if program == first => second,
            program if program == second => first,
            _ => continue,
        };
        for component in components(tx, book, other).await? {
            for month in run.first.through(run.last) {
                let paid = paid(tx, book, (month, component), (1, 0)).await?;
                known
                    .excluded
                    .extend(paid.into_iter().map(|subject| (subject, month)));
            }
        }
    }
    Ok(known)
}

/// The audit entry with which the program of a run last paid before it; 0 when it never did.
async fn last_paid(tx: &mut Tx, book: BookId, run: &Run) -> Result<i64, StoreError> {
    let args = [
        book.get().into(),
        run.program.get().into(),
        run.id.get().into(),
    ];
    tx.query_one(LAST_PAID, &args).await?.int(0)
}

/// The date in China of an audit entry.
async fn date_of_entry(tx: &mut Tx, book: BookId, entry: i64) -> Result<Date, StoreError> {
    let bad = || StoreError::inconsistent("audit_entry", "bytes");
    let row = tx
        .query_one(ENTRY, &[book.get().into(), entry.into()])
        .await?;
    let entry = Entry::from_bytes(row.bytes_ref(0)?).map_err(|_| bad())?;
    entry.time.date().ok_or_else(bad)
}

/// Who is on the newest lists of people who qualify, and draws nothing in a month; each list with
/// its name and size, and who is missed of it by number, name and since when.
#[boxed]
pub async fn missed(
    tx: &mut Tx,
    book: BookId,
    at: Month,
) -> Result<Vec<(CheckList, Vec<[String; 3]>)>, StoreError> {
    let mut newest = BTreeMap::new();
    for list in lists(tx, book).await? {
        if list.kind == ListKind::Eligible {
            newest.insert(list.name.clone(), list);
        }
    }
    let mut on_roll = HashSet::new();
    if !newest.is_empty() {
        let args = [book.get().into(), at.to_string().into()];
        tx.stream(ON_ROLL, &args, |row| {
            on_roll.insert(row.text(0)?);
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    let mut found = Vec::new();
    for list in newest.into_values() {
        let mut missed = Vec::new();
        let args = [book.get().into(), list.id.into()];
        tx.stream(NAMED_PEOPLE, &args, |row| {
            if !on_roll.contains(row.text_ref(0)?) {
                missed.push([row.text(0)?, row.text(1)?, row.text(2)?]);
            }
            Ok::<(), StoreError>(())
        })
        .await?;
        found.push((list, missed));
    }
    Ok(found)
}

/// Whom the components of the program of a run are for; grades are read only where a rule asks.
async fn categories(tx: &mut Tx, book: BookId, run: &Run) -> Result<Categories, StoreError> {
    let of_program = components(tx, book, run.program).await?;
    let mut rules = policy::eligibility(tx, book).await?;
    rules.retain(|rule| rule.effect != Effect::Tag && of_program.contains(&rule.component));
    let asked = rules.iter().any(|rule| rule.condition.disability.is_some());
    let grades = match asked {
        true => policy::disabilities(tx, book).await?,
        false => HashMap::new(),
    };
    Ok(Categories::new(rules, grades))
}

/// Whom a component was accrued for in a month, outside a range of payments.
async fn paid(
    tx: &mut Tx,
    book: BookId,
    (month, component): (Month, ComponentId),
    (first, last): (i64, i64),
) -> Result<Vec<PartyId>, StoreError> {
    let args = [
        book.get().into(),
        month.to_string().into(),
        component.get().into(),
        first.into(),
        last.into(),
    ];
    let mut subjects = Vec::new();
    tx.stream(PAID_ELSEWHERE, &args, |row| {
        subjects.push(PartyId(row.int(0)?));
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(subjects)
}

/// Who stands on a list, with the date that it says of them.
#[boxed]
pub async fn listed_people(
    tx: &mut Tx,
    book: BookId,
    list: i64,
) -> Result<Vec<(String, Option<Date>)>, StoreError> {
    let mut people = Vec::new();
    tx.stream(LISTED, &[book.get().into(), list.into()], |row| {
        let since = match row.text_ref(1)? {
            "" => None,
            text => Some(
                parse_date(text).map_err(|_| StoreError::inconsistent("listed_person", "since"))?,
            ),
        };
        people.push((row.text(0)?, since));
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(people)
}

/// Who stands on the newest list of each kind and name.
async fn listed(
    tx: &mut Tx,
    book: BookId,
) -> Result<HashMap<String, Vec<(ListKind, Option<Date>)>>, StoreError> {
    let mut newest = HashMap::new();
    for list in lists(tx, book).await? {
        // Who qualifies is looked for elsewhere: no run is wrong because of it.
        if list.kind != ListKind::Eligible {
            newest.insert((list.kind, list.name), list.id);
        }
    }
    let in_force: BTreeSet<(i64, ListKind)> = newest
        .into_iter()
        .map(|((kind, _), id)| (id, kind))
        .collect();
    let mut listed: HashMap<String, Vec<_>> = HashMap::new();
    for (id, kind) in in_force {
        for (number, since) in listed_people(tx, book, id).await? {
            listed.entry(number).or_default().push((kind, since));
        }
    }
    Ok(listed)
}

/// Whether the policy may give something else by now than when the run was calculated: rosters or
/// rules came in, or another run of the program was calculated or given up.
#[boxed]
pub async fn due_changed(tx: &mut Tx, book: BookId, run: &Run) -> Result<bool, StoreError> {
    let (book, id) = (Value::Int(book.get()), Value::Int(run.id.get()));
    let calculated = tx
        .query_one(CALCULATED, &[book.clone(), id.clone()])
        .await?;
    let args = [
        book,
        id,
        run.program.get().into(),
        calculated.int(0)?.into(),
    ];
    Ok(tx.query_one(DUE_CHANGED, &args).await?.int(0)? > 0)
}

/// The payments of a run in pages, to be shown to a clash check one after the other: what each
/// page comes after, and its last number.
pub fn pages_of(run: &Run, engine: Engine) -> impl Iterator<Item = (i64, i64)> {
    pages(engine, run.payment_first - 1, run.payment_last)
}

/// Shows a clash check some payments of a run, and their lines; these with the months of their
/// awards when rosters may have changed since the calculation.
#[boxed]
pub async fn judge(
    tx: &mut Tx,
    book: BookId,
    payments: &ToCheck,
    awards_changed: bool,
    clash: &mut Clash,
) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (payments.items.first(), payments.items.last()) else {
        return Ok(());
    };
    let mut page = Page::of(payments, clash);
    let lines = match awards_changed {
        true => PAID_LINES_WITH_AWARDS,
        false => PAID_LINES,
    };
    let numbers = [book.get(), first.payment.get() - 1, last.payment.get()];
    tx.scan(lines, &numbers, |row| page.line(row, clash))
        .await?;
    page.accounts(tx, book, clash).await
}

/// Payments that are shown to a clash check together.
struct Page<'a> {
    /// The payments, in the order of their numbers.
    items: &'a [ToSend],
    /// Which of them the last line was of.
    at: usize,
    /// The month of the last line, as text: lines of one month follow each other.
    month: Option<(String, Month)>,
    /// Payees with many accounts, and their payment.
    many: BTreeMap<i64, PaymentId>,
}

impl Page<'_> {
    /// Shows the payees; lines come later.
    fn of<'a>(payments: &'a ToCheck, clash: &mut Clash) -> Page<'a> {
        let mut many = BTreeMap::new();
        for (item, (person, name)) in payments.items.iter().zip(&payments.payees) {
            let Some(account) = &item.account else {
                continue;
            };
            if account.version >= MANY_ACCOUNTS {
                many.entry(item.payee.get()).or_insert(item.payment);
            }
            clash.payee(&PaidPayee {
                payment: item.payment,
                payee: item.payee,
                person: *person,
                name,
                holder_name: &account.holder_name,
                account_no: &account.account_no,
            });
        }
        Page {
            items: &payments.items,
            at: 0,
            month: None,
            many,
        }
    }

    fn line(&mut self, row: &[Field<'_>], clash: &mut Clash) -> Result<(), StoreError> {
        let [
            Field::Int(payment),
            Field::Int(subject),
            Field::Text(kind),
            Field::Text(name),
            Field::Text(reference_no),
            Field::Int(component),
            Field::Text(of_month),
            Field::Int(fen),
            ref award @ ..,
        ] = *row
        else {
            return Err(StoreError::inconsistent("payment_line", "number"));
        };
        let award = match *award {
            [Field::Text(from), Field::Text("")] => Some((self.month(from)?, None)),
            [Field::Text(from), Field::Text(to)] => {
                Some((self.month(from)?, Some(self.month(to)?)))
            }
            _ => None,
        };
        clash.line(&PaidLine {
            payment: PaymentId(payment),
            subject: PartyId(subject),
            person: kind == PartyKind::Person.code(),
            name,
            reference_no,
            area: self.area(payment)?,
            component: ComponentId(component),
            month: self.month(of_month)?,
            amount: Fen::new(fen),
            award,
        });
        Ok(())
    }

    /// Where the household of a payment lives; lines come in the order of their payments.
    fn area(&mut self, payment: i64) -> Result<i64, StoreError> {
        let rest = self.items.get(self.at..).unwrap_or_default();
        let ahead = rest.iter().position(|item| item.payment.get() == payment);
        let ahead = ahead.ok_or_else(|| StoreError::inconsistent("payment", "payee_id"))?;
        self.at += ahead;
        self.items
            .get(self.at)
            .map(|item| item.area)
            .ok_or_else(|| StoreError::inconsistent("payment", "area_id"))
    }

    fn month(&mut self, text: &str) -> Result<Month, StoreError> {
        match &self.month {
            Some((known, month)) if known == text => Ok(*month),
            _ => {
                let month = text.parse();
                let month = month.map_err(|_| StoreError::inconsistent("payment_line", "month"))?;
                self.month = Some((text.to_owned(), month));
                Ok(month)
            }
        }
    }

    /// Shows the accounts of those who had many.
    async fn accounts(
        &self,
        tx: &mut Tx,
        book: BookId,
        clash: &mut Clash,
    ) -> Result<(), StoreError> {
        let payees: Vec<i64> = self.many.keys().copied().collect();
        let sql = ACCOUNTS_OF.of(tx.engine());
        // Rosters are few, so these are few.
        let mut days: BTreeMap<i64, Date> = BTreeMap::new();
        for chunk in payees.chunks(LOOKUP) {
            let list = json_list(chunk.iter().map(ToString::to_string));
            let mut of: BTreeMap<i64, (Vec<String>, i64)> = BTreeMap::new();
            for row in tx.query(sql, &[book.get().into(), list.into()]).await? {
                let (accounts, entry) = of.entry(row.int(0)?).or_default();
                let account = row.text(1)?;
                if accounts.last().is_some_and(|before| *before != account) {
                    *entry = row.int(2)?;
                }
                accounts.push(account);
            }
            for (payee, (accounts, entry)) in of {
                let payment = self.many.get(&payee).copied().unwrap_or(PaymentId(0));
                let last_paid = clash.last_paid();
                let changed = match last_paid > 0 && entry > last_paid {
                    true => match days.get(&entry).copied() {
                        Some(day) => Some(day),
                        None => {
                            let day = date_of_entry(tx, book, entry).await?;
                            days.insert(entry, day);
                            Some(day)
                        }
                    },
                    false => None,
                };
                clash.accounts(PartyId(payee), payment, &accounts, changed);
            }
        }
        Ok(())
    }
}

/// Shows a clash check who stands behind the payments of a run: the payees, and the people of
/// households that are paid as a whole. Only where anybody stands on a list or draws an excluding
/// program; lines come first.
#[boxed]
pub async fn judge_related(
    tx: &mut Tx,
    book: BookId,
    run: &Run,
    clash: &mut Clash,
) -> Result<(), StoreError> {
    if !clash.knows_others() {
        return Ok(());
    }
    let args = [
        book.get().into(),
        (run.payment_first - 1).into(),
        run.payment_last.into(),
    ];
    tx.stream(RECEIVERS, &args, |row| {
        let receiver = related_of(row)?;
        clash.related(PaymentId(row.int(0)?), month(row, 3)?, &receiver);
        Ok::<(), StoreError>(())
    })
    .await?;
    if !clash.has_households() {
        return Ok(());
    }
    tx.stream(MEMBERS, &[book.get().into()], |row| {
        let to = last_month(row, 4)?;
        let member = related_of(row)?;
        clash.member(PartyId(row.int(0)?), &member, (month(row, 3)?, to));
        Ok::<(), StoreError>(())
    })
    .await?;
    // A list of members holds until the next one.
    tx.stream(LISTED_MEMBERS, &[book.get().into()], |row| {
        let to = last_month(row, 4)?.map(Month::previous);
        let member = related_of(row)?;
        clash.member(PartyId(row.int(0)?), &member, (month(row, 3)?, to));
        Ok::<(), StoreError>(())
    })
    .await
}

fn related_of(row: &Row) -> Result<Related, StoreError> {
    Ok(Related {
        person: PartyId(row.int(1)?),
        reference_no: row.text(2)?,
    })
}

fn last_month(row: &Row, column: usize) -> Result<Option<Month>, StoreError> {
    let to = row.opt_text(column)?.map(|text| text.parse());
    to.transpose()
        .map_err(|_| StoreError::inconsistent("award_end", "to_month"))
}

/// Stores what the check that is event `n` of a run has found.
#[boxed]
pub async fn add_findings(
    write: &mut Write,
    run: RunId,
    n: i64,
    findings: &[Finding],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::RUN_FINDING);
    for (number, found) in (1_i64..).zip(findings) {
        rows.int(write.book().get())
            .int(run.get())
            .int(n)
            .int(number);
        rows.text(found.check.code());
        rows.int(found.subject.get()).int(found.payment.get());
        rows.text(&found.detail).end();
    }
    Ok(write.insert(&table::RUN_FINDING, rows).await?)
}

/// A finding as stored, with the person's name and number: both identify a person.
#[derive(Clone)]
pub struct StoredFinding {
    /// What was found.
    pub finding: Finding,
    /// That person's or household's name; empty when it is about none.
    pub name: String,
    /// Its identity or file number.
    pub reference_no: String,
}

/// What a check has found, `limit` at most.
#[boxed]
pub async fn findings(
    tx: &mut Tx,
    book: BookId,
    (run, n): (RunId, i64),
    after: i64,
    limit: i64,
) -> Result<Vec<StoredFinding>, StoreError> {
    let args = [
        book.get().into(),
        run.get().into(),
        n.into(),
        after.into(),
        limit.into(),
    ];
    let rows = tx.query(FINDINGS, &args).await?;
    let finding = |row: &Row| {
        Ok(StoredFinding {
            finding: Finding {
                check: check(row, 0)?,
                subject: PartyId(row.int(1)?),
                payment: PaymentId(row.int(2)?),
                detail: row.text(3)?,
            },
            name: row.text(4)?,
            reference_no: row.text(5)?,
        })
    };
    rows.iter().map(finding).collect()
}

/// How often each check found something.
#[boxed]
pub async fn found(
    tx: &mut Tx,
    book: BookId,
    (run, n): (RunId, i64),
) -> Result<Vec<(Check, i64)>, StoreError> {
    let args = [book.get().into(), run.get().into(), n.into()];
    let rows = tx.query(FOUND, &args).await?;
    rows.iter()
        .map(|row| Ok((check(row, 0)?, row.int(1)?)))
        .collect()
}

/// Stores why the warnings of one check may stand.
#[boxed]
pub async fn add_explanation(
    write: &mut Write,
    (run, n): (RunId, i64),
    check: Check,
    user: UserId,
    reason: &str,
) -> Result<(), Failure> {
    let row: [Value; 6] = [
        write.book().get().into(),
        run.get().into(),
        n.into(),
        check.code().into(),
        user.get().into(),
        reason.into(),
    ];
    Ok(write.insert_one(&table::RUN_EXPLANATION, row).await?)
}

/// Why the warnings of a check may stand: by whom, and the reason.
#[boxed]
pub async fn explanations(
    tx: &mut Tx,
    book: BookId,
    (run, n): (RunId, i64),
) -> Result<Vec<(Check, String, String)>, StoreError> {
    let args = [book.get().into(), run.get().into(), n.into()];
    let rows = tx.query(EXPLANATIONS, &args).await?;
    let explained = |row: &Row| Ok((check(row, 0)?, row.text(1)?, row.text(2)?));
    rows.iter().map(explained).collect()
}

/// Whether rosters, rules or lists came in after the check that is event `n` of a run.
#[boxed]
pub async fn changed_since(
    tx: &mut Tx,
    book: BookId,
    (run, n): (RunId, i64),
) -> Result<bool, StoreError> {
    let args = [book.get().into(), run.get().into(), n.into()];
    Ok(tx.query_one(CHANGED_SINCE, &args).await?.int(0)? > 0)
}

/// Which event of a run was its last check; none when it was never checked.
#[boxed]
pub async fn last_check(tx: &mut Tx, book: BookId, run: RunId) -> Result<Option<i64>, StoreError> {
    let args = [book.get().into(), run.get().into()];
    tx.query_one(LAST_CHECK, &args).await?.opt_int(0)
}

fn check(row: &Row, column: usize) -> Result<Check, StoreError> {
    Check::from_code(&row.text(column)?)
        .ok_or_else(|| StoreError::inconsistent("run_finding", "check_code"))
}
