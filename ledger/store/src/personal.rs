//! People and households looked for by name or number, and what of them is shown only for a reason.

use crate::boxed;
use ledger::id::{BookId, ComponentId, PartyId};
use ledger::money::Fen;

use crate::catalogue::{held, sql};
use crate::db::{Row, Tx};
use crate::error::StoreError;

sql! {
    NAMED = concat!("select p.party_id, p.kind, ", held!("p", "name"), ", p.reference_no,
        a.township, a.village from party p
        join area a on a.book_id = p.book_id and a.area_id = ", held!("p", "area_id"), "
        where p.book_id = $1 and (p.name like $2 escape '!' or exists (
            select 1 from party_version v where v.book_id = p.book_id
            and v.party_id = p.party_id and v.name like $2 escape '!'))
        and ($3 = '' or a.township = $3)
        order by p.party_id limit $4");
    ONE = concat!("select p.party_id, p.kind, ", held!("p", "name"), ", p.reference_no,
        a.township, a.village from party p
        join area a on a.book_id = p.book_id and a.area_id = ", held!("p", "area_id"), "
        where p.book_id = $1 and p.party_id = $2");
    VERSIONS = "select v.from_month, v.name, a.township, a.village, v.entry from party_version v
        join area a on a.book_id = v.book_id and a.area_id = v.area_id
        where v.book_id = $1 and v.party_id = $2 order by v.from_month, v.version";
    ACCOUNT = "select c.holder_name, c.account_no, b.name from payee_account c
        join branch b on b.book_id = c.book_id and b.branch_id = c.branch_id
        where c.book_id = $1 and c.payee_id = $2
        order by c.version desc limit 1";
    ACCOUNTS = "select c.holder_name, c.account_no, b.name, c.entry from payee_account c
        join branch b on b.book_id = c.book_id and b.branch_id = c.branch_id
        where c.book_id = $1 and c.payee_id = $2
        order by c.version";
    AWARDS = "select a.award_id, a.component_id, a.tag, a.amount_fen, a.from_month, e.to_month,
        a.basis, a.entry from award a
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where a.book_id = $1 and (a.subject_id = $2 or a.household_id = $2)
        order by a.award_id";
}

/// A person, household or institution, unmasked.
#[derive(Clone)]
pub struct Person {
    /// Its number.
    pub id: PartyId,
    /// Code of its kind: `person`, `household`, `institution`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Identity number, file number or credit code.
    pub reference_no: String,
    /// 乡镇.
    pub township: String,
    /// 村(社区).
    pub village: String,
}

/// The account that a payee is paid into, unmasked.
#[derive(Clone)]
pub struct PayeeAccount {
    /// 户名.
    pub holder: String,
    /// 账号.
    pub number: String,
    /// 开户行.
    pub bank: String,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Person")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for PayeeAccount {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("PayeeAccount").finish_non_exhaustive()
    }
}

/// Those of a township whose name begins with this text, at most `limit`; of all townships when it
/// is empty.
#[boxed]
pub async fn named(
    tx: &mut Tx,
    book: BookId,
    (text, township): (&str, &str),
    limit: i64,
) -> Result<Vec<Person>, StoreError> {
    let plain = text
        .replace('!', "!!")
        .replace('%', "!%")
        .replace('_', "!_");
    let args = [
        book.get().into(),
        format!("{plain}%").into(),
        township.into(),
        limit.into(),
    ];
    let rows = tx.query(NAMED, &args).await?;
    rows.iter().map(person_of).collect()
}

/// The one with this number.
#[boxed]
pub async fn one(tx: &mut Tx, book: BookId, id: PartyId) -> Result<Option<Person>, StoreError> {
    let row = tx
        .query_opt(ONE, &[book.get().into(), id.get().into()])
        .await?;
    row.as_ref().map(person_of).transpose()
}

/// What somebody was called and where they lived from a month on, unmasked.
#[derive(Clone)]
pub struct Version {
    /// The month, `YYYY-MM`.
    pub from: String,
    /// The name; of a household, that of its head.
    pub name: String,
    /// 乡镇.
    pub township: String,
    /// 村(社区).
    pub village: String,
    /// Its audit entry.
    pub entry: i64,
}

/// The changes of somebody's name and place, the earliest month first.
#[boxed]
pub async fn versions(
    tx: &mut Tx,
    book: BookId,
    party: PartyId,
) -> Result<Vec<Version>, StoreError> {
    let args = [book.get().into(), party.get().into()];
    let version = |row: &Row| {
        Ok(Version {
            from: row.text(0)?,
            name: row.text(1)?,
            township: row.text(2)?,
            village: row.text(3)?,
            entry: row.int(4)?,
        })
    };
    tx.query(VERSIONS, &args)
        .await?
        .iter()
        .map(version)
        .collect()
}

/// What somebody, or their household, was approved for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// Number of the award.
    pub award: i64,
    /// For what.
    pub component: ComponentId,
    /// 类别.
    pub tag: String,
    /// The amount, when it was approved for this one alone.
    pub amount: Option<Fen>,
    /// Its first month.
    pub from: String,
    /// Its last month; empty while it goes on.
    pub to: String,
    /// Why.
    pub basis: String,
    /// Its audit entry.
    pub entry: i64,
}

/// The awards of a person or household, in the order in which they were made.
#[boxed]
pub async fn awards(
    tx: &mut Tx,
    book: BookId,
    party: PartyId,
) -> Result<Vec<Approved>, StoreError> {
    let args = [book.get().into(), party.get().into()];
    let award = |row: &Row| {
        Ok(Approved {
            award: row.int(0)?,
            component: ComponentId(row.int(1)?),
            tag: row.text(2)?,
            amount: row.opt_int(3)?.map(Fen::new),
            from: row.text(4)?,
            to: row.opt_text(5)?.unwrap_or_default(),
            basis: row.text(6)?,
            entry: row.int(7)?,
        })
    };
    tx.query(AWARDS, &args).await?.iter().map(award).collect()
}

/// Every account that a payee has had, the oldest first, each with its audit entry.
#[boxed]
pub async fn accounts(
    tx: &mut Tx,
    book: BookId,
    payee: PartyId,
) -> Result<Vec<(PayeeAccount, i64)>, StoreError> {
    let args = [book.get().into(), payee.get().into()];
    let account = |row: &Row| {
        let account = PayeeAccount {
            holder: row.text(0)?,
            number: row.text(1)?,
            bank: row.text(2)?,
        };
        Ok((account, row.int(3)?))
    };
    tx.query(ACCOUNTS, &args)
        .await?
        .iter()
        .map(account)
        .collect()
}

/// The newest account of a payee.
#[boxed]
pub async fn account(
    tx: &mut Tx,
    book: BookId,
    payee: PartyId,
) -> Result<Option<PayeeAccount>, StoreError> {
    let row = tx
        .query_opt(ACCOUNT, &[book.get().into(), payee.get().into()])
        .await?;
    row.map(|row| {
        Ok(PayeeAccount {
            holder: row.text(0)?,
            number: row.text(1)?,
            bank: row.text(2)?,
        })
    })
    .transpose()
}

fn person_of(row: &Row) -> Result<Person, StoreError> {
    Ok(Person {
        id: PartyId(row.int(0)?),
        kind: row.text(1)?,
        name: row.text(2)?,
        reference_no: row.text(3)?,
        township: row.text(4)?,
        village: row.text(5)?,
    })
}
