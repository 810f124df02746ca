//! Funding over the years: letters that take money back, money carried over, closed years.

use crate::boxed;
use std::collections::HashMap;

use ledger::account::Chart;
use ledger::audit::entry::ObjectRef;
use ledger::audit::merkle::{Frontier, Hash};
use ledger::calendar::{Date, Moment, Month, parse_date};
use ledger::fund::{Lot, may_draw};
use ledger::id::{AppropriationId, BankAccountId, BookId, ProgramId, UserId};
use ledger::money::Fen;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Tx, Value};
use crate::error::StoreError;
use crate::fund;
use crate::journal::{self, AccountMovement};
use crate::table;
use crate::write::{self, Write};

sql! {
    YEARS = "select year, user_id, closed_at, digest, entry from year_close where book_id = $1
        order by year";
    CARRY_OVERS = "select appropriation_id, to_year, version, amount_fen, document, entry
        from carry_over where book_id = $1 order by appropriation_id, to_year, version";
    REDUCTIONS = "select reduction_id, appropriation_id, document, amount_fen, on_date, entry
        from reduction where book_id = $1 order by reduction_id";
    // "cross join" keeps SQLite from beginning with all transfers.
    CLOSING_ENTRIES = "select v.month, t.debit_id, t.credit_id, t.amount_fen from voucher v
        cross join transfer t
        where v.book_id = $1 and v.source = 'year-close' and t.book_id = v.book_id
        and t.transfer_id >= v.transfer_first and t.transfer_id < v.transfer_first + v.transfers
        order by t.transfer_id";
    // The budget side alone: each event stands on both.
    FUNDED = "select v.source, v.source_id, cast(sum(case when d.code = $4 then t.amount_fen
            when c.code = $4 then -t.amount_fen else 0 end) as bigint) from voucher v
        cross join transfer t
        cross join account d
        cross join account c
        where v.book_id = $1 and v.month >= $2 and v.month <= $3
        and v.source in ('appropriation', 'reduction', 'treasury')
        and t.book_id = v.book_id and t.transfer_id >= v.transfer_first
        and t.transfer_id < v.transfer_first + v.transfers
        and d.book_id = t.book_id and d.account_id = t.debit_id
        and c.book_id = t.book_id and c.account_id = t.credit_id
        group by v.source, v.source_id order by v.source, v.source_id";
}

/// 年结: a closed year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YearClose {
    /// Which.
    pub year: i64,
    /// Who closed it.
    pub user: UserId,
    /// When.
    pub closed_at: Moment,
    /// The Merkle root over the digests of its closed months.
    pub digest: Hash,
    /// Its audit entry.
    pub entry: i64,
}

/// 结转: what of an appropriation is carried over to a later budget year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarryOver {
    /// Of which appropriation.
    pub appropriation: AppropriationId,
    /// To which budget year.
    pub to_year: i64,
    /// The newest counts.
    pub version: i64,
    /// How much; zero takes an earlier version back.
    pub amount: Fen,
    /// 文号.
    pub document: String,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
}

/// 追减: a letter that takes unspent money of an appropriation back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reduction {
    /// Its number.
    pub id: i64,
    /// Of which appropriation.
    pub appropriation: AppropriationId,
    /// 文号.
    pub document: String,
    /// How much, positive.
    pub amount: Fen,
    /// On which day.
    pub on: Date,
    /// Its audit entry; 0 before it is stored.
    pub entry: i64,
}

/// What the vouchers of letters and returns moved of the funds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funded {
    /// `appropriation`, `reduction` or `treasury`.
    pub source: String,
    /// The appropriation, or the reduction.
    pub source_id: i64,
    /// What came in; what went out is negative.
    pub amount: Fen,
}

/// What a closing voucher moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosingEntry {
    /// The month of the voucher.
    pub month: Month,
    /// The debited account.
    pub debit: i64,
    /// The credited account.
    pub credit: i64,
    /// The amount in fen.
    pub amount: i64,
}

/// The closed years, in order.
#[boxed]
pub async fn years(tx: &mut Tx, book: BookId) -> Result<Vec<YearClose>, StoreError> {
    let rows = tx.query(YEARS, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(YearClose {
                year: row.int(0)?,
                user: UserId(row.int(1)?),
                closed_at: Moment(row.int(2)?),
                digest: write::hash(row.bytes_ref(3)?)?,
                entry: row.int(4)?,
            })
        })
        .collect()
}

/// Records that a year is closed, after its last month was.
#[boxed]
pub async fn close_year(
    write: &mut Write,
    year: i32,
    user: UserId,
    at: Moment,
) -> Result<YearClose, Failure> {
    let book = write.book();
    let mut frontier = Frontier::new();
    for closed in journal::closed_months(write.tx(), book).await? {
        if closed.month.year() == year {
            frontier.push(closed.digest);
        }
    }
    let digest = frontier.root();
    let row: [Value; 5] = [
        book.get().into(),
        i64::from(year).into(),
        user.get().into(),
        at.0.into(),
        digest.to_vec().into(),
    ];
    write.insert_one(&table::YEAR_CLOSE, row).await?;
    write.object(ObjectRef {
        kind: "year".to_owned(),
        id: year.to_string(),
        version: None,
        hash: Some(digest),
        count: None,
    });
    Ok(YearClose {
        year: i64::from(year),
        user,
        closed_at: at,
        digest,
        entry: write.sequence(),
    })
}

/// Every version of what was carried over.
#[boxed]
pub async fn carry_overs(tx: &mut Tx, book: BookId) -> Result<Vec<CarryOver>, StoreError> {
    let rows = tx.query(CARRY_OVERS, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(CarryOver {
                appropriation: AppropriationId(row.int(0)?),
                to_year: row.int(1)?,
                version: row.int(2)?,
                amount: Fen::new(row.int(3)?),
                document: row.text(4)?,
                entry: row.int(5)?,
            })
        })
        .collect()
}

/// What counts of an appropriation for a year among [`carry_overs`]: the newest version up to an
/// audit entry.
pub fn in_force(
    all: &[CarryOver],
    appropriation: AppropriationId,
    to_year: i64,
    until: i64,
) -> Option<&CarryOver> {
    all.iter()
        .filter(|row| row.appropriation == appropriation && row.to_year == to_year)
        .filter(|row| row.entry <= until)
        .max_by_key(|row| row.version)
}

/// Stores a version of what is carried over.
#[boxed]
pub async fn add_carry_over(write: &mut Write, row: &CarryOver) -> Result<(), Failure> {
    let values: [Value; 6] = [
        write.book().get().into(),
        row.appropriation.get().into(),
        row.to_year.into(),
        row.version.into(),
        row.amount.get().into(),
        row.document.as_str().into(),
    ];
    Ok(write.insert_one(&table::CARRY_OVER, values).await?)
}

/// All letters that took money back.
#[boxed]
pub async fn reductions(tx: &mut Tx, book: BookId) -> Result<Vec<Reduction>, StoreError> {
    let rows = tx.query(REDUCTIONS, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Reduction {
                id: row.int(0)?,
                appropriation: AppropriationId(row.int(1)?),
                document: row.text(2)?,
                amount: Fen::new(row.int(3)?),
                on: parse_date(&row.text(4)?)
                    .map_err(|_| StoreError::inconsistent("reduction", "on_date"))?,
                entry: row.int(5)?,
            })
        })
        .collect()
}

/// Stores a letter that takes money back.
#[boxed]
pub async fn add_reduction(write: &mut Write, row: &Reduction) -> Result<(), Failure> {
    let values: [Value; 6] = [
        write.book().get().into(),
        row.id.into(),
        row.appropriation.get().into(),
        row.document.as_str().into(),
        row.amount.get().into(),
        row.on.to_string().into(),
    ];
    Ok(write.insert_one(&table::REDUCTION, values).await?)
}

/// What the vouchers of some months moved of the funds by letters and returns to the treasury.
#[boxed]
pub async fn funded(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<Funded>, StoreError> {
    let args = [
        book.get().into(),
        first.to_string().into(),
        last.to_string().into(),
        Chart::FundsBalance.code().into(),
    ];
    let rows = tx.query(FUNDED, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(Funded {
                source: row.text(0)?,
                source_id: row.int(1)?,
                amount: Fen::new(row.int(2)?),
            })
        })
        .collect()
}

/// Everything that the closing vouchers moved.
#[boxed]
pub async fn closing_entries(tx: &mut Tx, book: BookId) -> Result<Vec<ClosingEntry>, StoreError> {
    let rows = tx.query(CLOSING_ENTRIES, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(ClosingEntry {
                month: crate::policy::month(row, 0)?,
                debit: row.int(1)?,
                credit: row.int(2)?,
                amount: row.int(3)?,
            })
        })
        .collect()
}

/// Takes closing entries out of accounts, so that income and expense of all years are seen.
///
/// `first` is the first month that the accounts count as moved; what was before it stands in their
/// opening figures. Entries after the last month of the accounts must not be among them.
pub fn before_closing(
    accounts: &mut [AccountMovement],
    entries: &[ClosingEntry],
    first: Option<Month>,
) {
    if entries.is_empty() {
        return;
    }
    let mut places: HashMap<i64, &mut AccountMovement> = accounts
        .iter_mut()
        .map(|account| (account.id.get(), account))
        .collect();
    for entry in entries {
        let moved = first.is_none_or(|first| entry.month >= first);
        if let Some(account) = places.get_mut(&entry.debit) {
            match moved {
                true => account.debit -= entry.amount,
                false => account.opening_debit -= entry.amount,
            }
        }
        if let Some(account) = places.get_mut(&entry.credit) {
            match moved {
                true => account.credit -= entry.amount,
                false => account.opening_credit -= entry.amount,
            }
        }
    }
}

/// What each appropriation of a program holds that may be drawn in a year, in funding order: of the
/// letters whose money was there on that day.
///
/// # Errors
/// Accidents of the store.
#[boxed]
pub async fn lots(
    tx: &mut Tx,
    book: BookId,
    (program, bank_account): (ProgramId, BankAccountId),
    (year, on): (i64, Date),
) -> Result<Vec<Lot>, StoreError> {
    let closed = years(tx, book).await?.last().map(|closed| closed.year);
    let carried = carry_overs(tx, book).await?;
    let letters = fund::appropriations(tx, book).await?;
    let mut lots = fund::lots(tx, book, program, bank_account).await?;
    lots.retain(|lot| {
        let own = carried
            .iter()
            .filter(|row| row.appropriation == lot.appropriation)
            .filter(|row| {
                let now = in_force(&carried, row.appropriation, row.to_year, i64::MAX);
                now.is_some_and(|now| now.amount > Fen::ZERO)
            });
        let to: Vec<i64> = own.map(|row| row.to_year).collect();
        let letter = letters.iter().find(|letter| letter.id == lot.appropriation);
        letter.is_some_and(|letter| {
            letter.received_on <= on && may_draw(letter.budget_year, &to, year, closed)
        })
    });
    Ok(lots)
}
