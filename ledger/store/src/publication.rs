//! Publication (公示): for how many days, what was published of a run, and the objections to it.

use crate::boxed;
use ledger::audit::entry::ObjectRef;
use ledger::audit::merkle::Hash;
use ledger::calendar::{Date, parse_date};
use ledger::disbursement::publication::{DayUnit, ObjectionState};
use ledger::id::{BookId, FileId, ObjectionId, PaymentId, ProgramId, RunId, UserId};
use ledger::money::Fen;

use crate::catalogue::{held, sql};
use crate::constraint::Failure;
use crate::db::{Row, Tx, Value};
use crate::error::StoreError;
use crate::payment::pages;
use crate::run::Run;
use crate::table;
use crate::write::{self, Write};

sql! {
    RULES = "select r.program_id, r.version, r.days, r.document, coalesce(u.unit, 'calendar')
        from publication_rule r
        left join publication_unit u on u.book_id = r.book_id and u.program_id = r.program_id
            and u.version = r.version
        where r.book_id = $1 and r.version = (select max(version) from publication_rule n
            where n.book_id = r.book_id and n.program_id = r.program_id)
        order by r.program_id";
    BINDING = "select q.program_id, q.version, q.days, q.document, coalesce(u.unit, 'calendar')
        from publication_rule q
        left join publication_unit u on u.book_id = q.book_id and u.program_id = q.program_id
            and u.version = q.version
        where q.book_id = $1 and q.program_id = $2 and q.days > 0
        and (q.version = (select max(m.version) from publication_rule m
                where m.book_id = q.book_id and m.program_id = q.program_id)
            or q.version = (select max(m.version) from publication_rule m
                where m.book_id = q.book_id and m.program_id = q.program_id
                and m.entry <= (select max(e.entry) from run_event e where e.book_id = q.book_id
                    and e.run_id = $3 and e.event = 'submit')))
        order by q.version desc limit 1";
    PUBLICATIONS = "select run_id, revision, from_date, to_date, payments, total_fen, fingerprint,
        file_id, entry from publication where book_id = $1 and run_id = $2 order by revision";
    OBJECTIONS = "select o.objection_id, o.run_id, o.revision, o.payment_id, o.received_on,
        o.detail, r.user_id, coalesce(s.event, r.event), coalesce(s.user_id, 0),
        coalesce(s.note, ''), o.entry from objection o
        join objection_event r on r.book_id = o.book_id and r.objection_id = o.objection_id
            and r.n = 1
        left join objection_event s on s.book_id = o.book_id and s.objection_id = o.objection_id
            and s.n = 2
        where o.book_id = $1 order by o.objection_id";
    PUBLISHED = concat!("select p.payment_id, z.township, z.village, y.kind, ",
        held!("y", "name", "r.month and pv.entry <= p.entry"), ", p.amount_fen,
        (select cast(count(distinct l.subject_id) as bigint) from payment_line l
            join party m on m.book_id = l.book_id and m.party_id = l.subject_id
            where l.book_id = p.book_id and l.payment_id = p.payment_id and m.kind = 'person')
        from payment p
        cross join run r
        cross join party y
        cross join area z
        where p.book_id = $1 and p.payment_id > $2 and p.payment_id <= $3
        and r.book_id = p.book_id and r.run_id = p.run_id
        and y.book_id = p.book_id and y.party_id = p.household_id
        and z.book_id = p.book_id and z.area_id = p.area_id
        order by p.payment_id");
}

/// For how many days the runs of a program are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicationRule {
    /// The program.
    pub program: ProgramId,
    /// Version of the rule.
    pub version: i64,
    /// So many days, the first and the last counted; 0 for not at all.
    pub days: i64,
    /// Which days are counted.
    pub unit: DayUnit,
    /// The number of its document.
    pub document: String,
}

/// One published calculation of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Of which run.
    pub run: RunId,
    /// Of which calculation.
    pub revision: i64,
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// How many payments.
    pub payments: i64,
    /// Their sum.
    pub total: Fen,
    /// The fingerprint of the calculation.
    pub fingerprint: Hash,
    /// The list as it was published.
    pub file: FileId,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
}

/// An objection to a published list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// Its number.
    pub id: ObjectionId,
    /// Against which run.
    pub run: RunId,
    /// Against which calculation of it.
    pub revision: i64,
    /// Against which payment; none when against none by itself.
    pub payment: Option<PaymentId>,
    /// When it was received.
    pub received_on: String,
    /// What it says.
    pub detail: String,
    /// Who received it.
    pub received_by: UserId,
    /// Where it stands.
    pub state: ObjectionState,
    /// Who settled it.
    pub settled_by: Option<UserId>,
    /// Why it was settled so; empty while it is open.
    pub note: String,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
}

/// A payment as the list shows it. The name identifies a person: mask it.
#[derive(Clone)]
pub struct Listed {
    /// Which.
    pub payment: PaymentId,
    /// 乡镇.
    pub township: String,
    /// 村(社区).
    pub village: String,
    /// Whether the name is that of an institution.
    pub institution: bool,
    /// The household's name: that of its head.
    pub name: String,
    /// How much.
    pub amount: Fen,
    /// For how many people it is; 0 when it is for the household as a whole.
    pub people: i64,
}

/// The rules in force.
#[boxed]
pub async fn rules(tx: &mut Tx, book: BookId) -> Result<Vec<PublicationRule>, StoreError> {
    let rows = tx.query(RULES, &[book.get().into()]).await?;
    rows.iter().map(rule_of).collect()
}

fn rule_of(row: &Row) -> Result<PublicationRule, StoreError> {
    Ok(PublicationRule {
        program: ProgramId(row.int(0)?),
        version: row.int(1)?,
        days: row.int(2)?,
        document: row.text(3)?,
        unit: DayUnit::from_code(&row.text(4)?)
            .ok_or_else(|| StoreError::inconsistent("publication_unit", "unit"))?,
    })
}

/// The rule by which a run is published: the one in force now, or else the one that was in force
/// when the run was submitted, so that nobody waits less for changing the rule meanwhile. None when
/// both say that it is not.
#[boxed]
pub async fn binding(
    tx: &mut Tx,
    book: BookId,
    run: &Run,
) -> Result<Option<PublicationRule>, StoreError> {
    let args = [
        book.get().into(),
        run.program.get().into(),
        run.id.get().into(),
    ];
    let row = tx.query_opt(BINDING, &args).await?;
    row.as_ref().map(rule_of).transpose()
}

/// Stores a version of a rule.
#[boxed]
pub async fn add_rule(write: &mut Write, rule: &PublicationRule) -> Result<(), Failure> {
    let row: [Value; 5] = [
        write.book().get().into(),
        rule.program.get().into(),
        rule.version.into(),
        rule.days.into(),
        rule.document.as_str().into(),
    ];
    write.insert_one(&table::PUBLICATION_RULE, row).await?;
    if rule.unit == DayUnit::Calendar {
        return Ok(());
    }
    let row: [Value; 4] = [
        write.book().get().into(),
        rule.program.get().into(),
        rule.version.into(),
        rule.unit.code().into(),
    ];
    Ok(write.insert_one(&table::PUBLICATION_UNIT, row).await?)
}

/// What was published of a run, the oldest calculation first.
#[boxed]
pub async fn publications(
    tx: &mut Tx,
    book: BookId,
    run: RunId,
) -> Result<Vec<Publication>, StoreError> {
    let args = [book.get().into(), run.get().into()];
    let rows = tx.query(PUBLICATIONS, &args).await?;
    rows.iter().map(publication_of).collect()
}

/// Stores what is published and names it in the audit entry.
///
/// # Errors
/// [`ledger::problem::Kind::AlreadyExists`] for a calculation that is published already.
#[boxed]
pub async fn add_publication(write: &mut Write, new: &Publication) -> Result<(), Failure> {
    let row: [Value; 9] = [
        write.book().get().into(),
        new.run.get().into(),
        new.revision.into(),
        new.from.to_string().into(),
        new.to.to_string().into(),
        new.payments.into(),
        new.total.get().into(),
        new.fingerprint.to_vec().into(),
        new.file.get().into(),
    ];
    write.insert_one(&table::PUBLICATION, row).await?;
    write.object(ObjectRef {
        kind: "publication".to_owned(),
        id: new.run.to_string(),
        version: Some(new.revision),
        hash: Some(new.fingerprint),
        count: Some(new.payments),
    });
    Ok(())
}

/// All objections, the oldest first.
#[boxed]
pub async fn objections(tx: &mut Tx, book: BookId) -> Result<Vec<Objection>, StoreError> {
    let rows = tx.query(OBJECTIONS, &[book.get().into()]).await?;
    rows.iter().map(objection_of).collect()
}

/// Stores an objection that was received.
#[boxed]
pub async fn add_objection(write: &mut Write, new: &Objection) -> Result<(), Failure> {
    let row: [Value; 7] = [
        write.book().get().into(),
        new.id.get().into(),
        new.run.get().into(),
        new.revision.into(),
        new.payment.map_or(0, PaymentId::get).into(),
        new.received_on.as_str().into(),
        new.detail.as_str().into(),
    ];
    write.insert_one(&table::OBJECTION, row).await?;
    let received = (ObjectionState::Received, new.received_by);
    add_event(write, new.id, 1, received, "").await
}

/// Stores how an objection was settled, by whom and why.
///
/// # Errors
/// [`ledger::problem::Kind::ObjectionState`] when it is settled already,
/// [`ledger::problem::Kind::TwoPeople`] when that person received it.
#[boxed]
pub async fn settle(
    write: &mut Write,
    id: ObjectionId,
    settled: (ObjectionState, UserId),
    note: &str,
) -> Result<(), Failure> {
    add_event(write, id, 2, settled, note).await
}

async fn add_event(
    write: &mut Write,
    id: ObjectionId,
    n: i64,
    (state, user): (ObjectionState, UserId),
    note: &str,
) -> Result<(), Failure> {
    let row: [Value; 6] = [
        write.book().get().into(),
        id.get().into(),
        n.into(),
        state.code().into(),
        user.get().into(),
        note.into(),
    ];
    Ok(write.insert_one(&table::OBJECTION_EVENT, row).await?)
}

/// The payments of a run's calculation as its list shows them, in payment order.
#[boxed]
pub async fn listed(tx: &mut Tx, book: BookId, run: &Run) -> Result<Vec<Listed>, StoreError> {
    let mut listed = Vec::new();
    for (after, last) in pages(tx.engine(), run.payment_first - 1, run.payment_last) {
        let args = [book.get().into(), after.into(), last.into()];
        tx.stream(PUBLISHED, &args, |row| {
            listed.push(Listed {
                payment: PaymentId(row.int(0)?),
                township: row.text(1)?,
                village: row.text(2)?,
                institution: row.text_ref(3)? == crate::roster::PartyKind::Institution.code(),
                name: row.text(4)?,
                amount: Fen::new(row.int(5)?),
                people: row.int(6)?,
            });
            Ok::<(), StoreError>(())
        })
        .await?;
    }
    Ok(listed)
}

fn publication_of(row: &Row) -> Result<Publication, StoreError> {
    let date = |column: usize, name: &'static str| {
        parse_date(&row.text(column)?).map_err(|_| StoreError::inconsistent("publication", name))
    };
    Ok(Publication {
        run: RunId(row.int(0)?),
        revision: row.int(1)?,
        from: date(2, "from_date")?,
        to: date(3, "to_date")?,
        payments: row.int(4)?,
        total: Fen::new(row.int(5)?),
        fingerprint: write::hash(row.bytes_ref(6)?)?,
        file: FileId(row.int(7)?),
        entry: row.int(8)?,
    })
}

fn objection_of(row: &Row) -> Result<Objection, StoreError> {
    let given = |number: i64| (number > 0).then_some(number);
    Ok(Objection {
        id: ObjectionId(row.int(0)?),
        run: RunId(row.int(1)?),
        revision: row.int(2)?,
        payment: given(row.int(3)?).map(PaymentId),
        received_on: row.text(4)?,
        detail: row.text(5)?,
        received_by: UserId(row.int(6)?),
        state: ObjectionState::from_code(&row.text(7)?)
            .ok_or_else(|| StoreError::inconsistent("objection_event", "event"))?,
        settled_by: given(row.int(8)?).map(UserId),
        note: row.text(9)?,
        entry: row.int(10)?,
    })
}
