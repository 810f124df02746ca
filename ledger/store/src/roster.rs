//! Parties, their accounts and their awards.

use ledger::calendar::Month;
use ledger::id::{AwardId, BookId, ComponentId, PartyId, ProgramId};
use ledger::money::Fen;
use ledger::roster::Award;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::error::StoreError;
use crate::policy::month;
use crate::table;
use crate::write::Write;

sql! {
    PARTIES = "select party_id, kind, township, village, name, reference_no from party
        where book_id = $1 order by party_id";
    PARTY_BY_REFERENCE = "select party_id, kind, township, village, name, reference_no from party
        where book_id = $1 and reference_no = $2 order by party_id";
    PAYEE_ACCOUNTS = "select payee_id, version, holder_name, bank_name, bank_no, account_no
        from payee_account where book_id = $1 and entry <= $2 order by payee_id, version";
    OPEN_AWARDS = "select a.award_id, a.subject_id, a.household_id, a.payee_id, a.component_id,
        a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month, a.basis from award a
        join component c on c.book_id = a.book_id and c.component_id = a.component_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where a.book_id = $1 and c.program_id = $2
        and (e.to_month is null or e.to_month >= $3)
        order by a.award_id";
    ROSTER_AT = "select a.award_id, a.subject_id, a.household_id, a.payee_id, a.component_id,
        a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month, a.basis from award a
        join component c on c.book_id = a.book_id and c.component_id = a.component_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where a.book_id = $1 and c.program_id = $2 and a.from_month <= $3
        and (e.to_month is null or e.to_month >= $3)
        order by a.household_id, a.subject_id, a.component_id, a.award_id";
}

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
    /// Salt of its commitments.
    pub salt: [u8; 16],
}

impl std::fmt::Debug for Party {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Party({}, {}, ***)", self.id, self.kind.code())
    }
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
    /// 开户行.
    pub bank_name: String,
    /// 联行号; may be empty.
    pub bank_no: String,
    /// The account number.
    pub account_no: String,
    /// Salt of its commitments.
    pub salt: [u8; 16],
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
}

/// All parties of a book; salts are left out (zero).
pub async fn parties(tx: &mut Tx, book: BookId) -> Result<Vec<Party>, StoreError> {
    tx.query(PARTIES, &[book.get().into()])
        .await?
        .iter()
        .map(party_of)
        .collect()
}

/// The parties with this file number, identity number or credit code.
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
    rows.iter().map(party_of).collect()
}

/// The newest account of every payee; salts are left out (zero).
pub async fn payee_accounts(tx: &mut Tx, book: BookId) -> Result<Vec<PayeeAccount>, StoreError> {
    payee_accounts_as_of(tx, book, i64::MAX).await
}

/// The account that every payee had when the audit trail was this long.
pub async fn payee_accounts_as_of(
    tx: &mut Tx,
    book: BookId,
    entry: i64,
) -> Result<Vec<PayeeAccount>, StoreError> {
    let mut newest: Vec<PayeeAccount> = Vec::new();
    tx.stream(PAYEE_ACCOUNTS, &[book.get().into(), entry.into()], |row| {
        let payee = PartyId(row.int(0)?);
        // Versions come in order, so that the last one of a payee is the newest.
        if newest.last().is_some_and(|last| last.payee == payee) {
            newest.pop();
        }
        newest.push(PayeeAccount {
            payee,
            version: row.int(1)?,
            holder_name: row.text(2)?,
            bank_name: row.text(3)?,
            bank_no: row.text(4)?,
            account_no: row.text(5)?,
            salt: [0; 16],
        });
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(newest)
}

/// The awards of a program that reach into a month or beyond.
pub async fn open_awards(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    from: Month,
) -> Result<Vec<AwardRow>, StoreError> {
    awards(tx, OPEN_AWARDS, book, program, from).await
}

/// The awards of a program in force in a month, by household.
pub async fn roster_at(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    at: Month,
) -> Result<Vec<AwardRow>, StoreError> {
    awards(tx, ROSTER_AT, book, program, at).await
}

async fn awards(
    tx: &mut Tx,
    sql: &'static str,
    book: BookId,
    program: ProgramId,
    month: Month,
) -> Result<Vec<AwardRow>, StoreError> {
    let args = [
        book.get().into(),
        program.get().into(),
        month.to_string().into(),
    ];
    let rows = tx.query(sql, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(AwardRow {
                award: award_of(row)?,
                basis: row.text(10)?,
            })
        })
        .collect()
}

/// Stores parties, in ascending order of their numbers.
pub async fn add_parties(write: &mut Write, parties: &[Party]) -> Result<(), Failure> {
    let mut rows = RowBuffer::new(table::PARTY.columns.len() - 2);
    for party in parties {
        rows.push([
            Value::Int(write.book().get()),
            party.id.get().into(),
            party.kind.code().into(),
            party.township.as_str().into(),
            party.village.as_str().into(),
            party.name.as_str().into(),
            party.reference_no.as_str().into(),
            party.salt.to_vec().into(),
        ]);
    }
    Ok(write.insert(&table::PARTY, &rows).await?)
}

/// Stores account versions, in ascending order of payee.
pub async fn add_payee_accounts(
    write: &mut Write,
    accounts: &[PayeeAccount],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::new(table::PAYEE_ACCOUNT.columns.len() - 2);
    for account in accounts {
        rows.push([
            Value::Int(write.book().get()),
            account.payee.get().into(),
            account.version.into(),
            account.holder_name.as_str().into(),
            account.bank_name.as_str().into(),
            account.bank_no.as_str().into(),
            account.account_no.as_str().into(),
            account.salt.to_vec().into(),
        ]);
    }
    Ok(write.insert(&table::PAYEE_ACCOUNT, &rows).await?)
}

/// Stores awards, in ascending order of their numbers.
pub async fn add_awards(write: &mut Write, awards: &[AwardRow]) -> Result<(), Failure> {
    let mut rows = RowBuffer::new(table::AWARD.columns.len() - 2);
    for AwardRow { award, basis } in awards {
        rows.push([
            Value::Int(write.book().get()),
            award.id.get().into(),
            award.subject.get().into(),
            award.household.get().into(),
            award.payee.get().into(),
            award.component.get().into(),
            award.tag.as_str().into(),
            award.income.get().into(),
            award.amount.map(Fen::get).into(),
            basis.as_str().into(),
            award.from.to_string().into(),
        ]);
    }
    Ok(write.insert(&table::AWARD, &rows).await?)
}

/// Ends awards with a last month and a reason, in ascending order of their numbers.
pub async fn end_awards(write: &mut Write, ends: &[(AwardId, Month, &str)]) -> Result<(), Failure> {
    let mut rows = RowBuffer::new(table::AWARD_END.columns.len() - 2);
    for (award, to, reason) in ends {
        rows.push([
            Value::Int(write.book().get()),
            award.get().into(),
            to.to_string().into(),
            (*reason).into(),
        ]);
    }
    Ok(write.insert(&table::AWARD_END, &rows).await?)
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
        salt: [0; 16],
    })
}
