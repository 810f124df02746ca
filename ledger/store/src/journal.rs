//! Accounts, vouchers, transfers, balances and closed months.
//!
//! A [`Poster`] writes one voucher: its transfers stream through in chunks, each filled and hashed
//! on another core while the one before is written; its balances are updated once per account when
//! it is finished. The guard against overdrawing is the check constraint of `account_total`, so it
//! holds also when two commands race.

use crate::boxed;
use std::collections::HashMap;

use ledger::account::{AccountKey, Chart, Floor, Normal, Side};
use ledger::audit::entry::ObjectRef;
use ledger::audit::merkle::{Frontier, Hash};
use ledger::calendar::{Date, Month};
use ledger::id::{
    AccountId, AppropriationId, BankAccountId, BookId, ComponentId, PaymentId, ProgramId, UserId,
    VoucherId,
};
use ledger::journal::Posting;
use ledger::money::{Fen, MoneyError};
use ledger::problem::{Kind, Problem};

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::error::StoreError;
use crate::seal::{CHUNK_ROWS, Pipeline};
use crate::table;
use crate::write::{self, Write};

sql! {
    ACCOUNTS = "select account_id, code, bank_account_id, appropriation_id, program_id,
        component_id from account where book_id = $1";
    OPEN_TOTAL = "insert into account_total (book_id, account_id, floor, debit_fen, credit_fen)
        values ($1, $2, $3, 0, 0)";
    ADD_TOTAL = "update account_total set debit_fen = debit_fen + $3, credit_fen = credit_fen + $4
        where book_id = $1 and account_id = $2";
    ADD_MONTH = "insert into account_month (book_id, account_id, month, debit_fen, credit_fen)
        values ($1, $2, $3, $4, $5)
        on conflict (book_id, account_id, month) do update
        set debit_fen = account_month.debit_fen + $4, credit_fen = account_month.credit_fen + $5";
    BALANCES = "select a.account_id, a.code, a.bank_account_id, a.appropriation_id, a.program_id,
        a.component_id, t.debit_fen, t.credit_fen from account a
        join account_total t on t.book_id = a.book_id and t.account_id = a.account_id
        where a.book_id = $1 order by a.code, a.account_id";
    MOVEMENTS = "select a.account_id, a.code, a.bank_account_id, a.appropriation_id, a.program_id,
        a.component_id,
        cast(coalesce(sum(m.debit_fen) filter (where m.month < $2), 0) as bigint),
        cast(coalesce(sum(m.credit_fen) filter (where m.month < $2), 0) as bigint),
        cast(coalesce(sum(m.debit_fen) filter (where m.month >= $2), 0) as bigint),
        cast(coalesce(sum(m.credit_fen) filter (where m.month >= $2), 0) as bigint)
        from account a
        join account_month m on m.book_id = a.book_id and m.account_id = a.account_id
        where a.book_id = $1 and m.month <= $3
        group by a.account_id, a.code, a.bank_account_id, a.appropriation_id, a.program_id,
        a.component_id order by a.code, a.account_id";
    VOUCHERS = "select voucher_id, month, number, on_date, summary, maker_id, checker_id, source,
        source_id, transfer_first, transfers, total_fen, root, entry from voucher
        where book_id = $1 and month >= $2 and month <= $3 order by month, number";
    TRANSFERS_OF = "select transfer_id, debit_id, credit_id, amount_fen, payment_id, attempt_no
        from transfer where book_id = $1 and transfer_id >= $2 and transfer_id < $3
        order by transfer_id";
    TO_REVERSE = "select v.voucher_id, v.month, v.number, v.on_date, v.summary, v.maker_id,
        v.checker_id, v.source, v.source_id, v.transfer_first, v.transfers, v.total_fen, v.root,
        v.entry from voucher v
        where v.book_id = $1 and v.source = $2 and v.source_id = $3 and v.reverses_id is null
        and not exists (select 1 from voucher r where r.book_id = v.book_id
            and r.reverses_id = v.voucher_id)
        order by v.voucher_id desc limit 1";
    CLOSED = "select month, closed_at, vouchers, digest, entry from period_close
        where book_id = $1 order by month";
    MONTH_ROOTS = "select root from voucher where book_id = $1 and month = $2 order by number";
}

/// What a voucher says about itself.
#[derive(Clone, Debug)]
pub struct VoucherDraft {
    /// Business date; its month is the period.
    pub on_date: Date,
    /// 摘要.
    pub summary: String,
    /// 制单.
    pub maker: UserId,
    /// 审核: the second person, where the event has one.
    pub checker: Option<UserId>,
    /// What it comes from: `run`, `batch`, `return`, `statement`, `appropriation`, `reduction`,
    /// `treasury`, `year-close`, `revoke`, `recovery`, `hand-over`.
    pub source: &'static str,
    /// The number of that.
    pub source_id: i64,
    /// The voucher that it reverses.
    pub reverses: Option<VoucherId>,
}

/// A voucher that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its number in the book.
    pub id: VoucherId,
    /// Its period.
    pub month: Month,
    /// 记-0001 within the period.
    pub number: i64,
    /// The number of its first transfer; the others follow without a gap.
    pub transfer_first: i64,
    /// How many transfers.
    pub transfers: i64,
    /// Their sum, both sides of parallel accounting counted.
    pub total: Fen,
    /// Their Merkle root.
    pub root: Hash,
}

/// Writes one voucher.
#[derive(Debug)]
pub struct Poster {
    draft: VoucherDraft,
    voucher: Option<VoucherId>,
    first: i64,
    last_payment: i64,
    waiting: Vec<Posting>,
    rows: Pipeline<Filler>,
}

/// Makes rows of postings and adds up what moves on each account, on another core.
#[derive(Debug)]
struct Filler {
    accounts: HashMap<AccountKey, usize>,
    sums: Vec<Sum>,
    /// Where the last two accounts stand in `sums`, and where those that followed each stood:
    /// postings come in patterns.
    last: [usize; 2],
    follows: [Vec<usize>; 2],
    transfers: i64,
    total: i128,
}

/// An account with its debits and credits in this voucher.
#[derive(Clone, Copy, Debug)]
struct Sum {
    id: AccountId,
    key: AccountKey,
    debit: i128,
    credit: i128,
}

impl Filler {
    fn add_account(&mut self, id: AccountId, key: AccountKey) {
        self.accounts.insert(key, self.sums.len());
        self.sums.push(Sum {
            id,
            key,
            debit: 0,
            credit: 0,
        });
        for follows in &mut self.follows {
            follows.push(0);
        }
    }

    /// Where an account stands in `sums`; none when the book has none such yet.
    fn place(&mut self, side: usize, key: &AccountKey) -> Option<usize> {
        let last = self.last[side];
        let likely = self.follows[side].get(last).copied().unwrap_or(0);
        let place = match self.sums.get(likely) {
            Some(sum) if sum.key == *key => likely,
            _ => *self.accounts.get(key)?,
        };
        if let Some(follows) = self.follows[side].get_mut(last) {
            *follows = place;
        }
        self.last[side] = place;
        Some(place)
    }

    /// Fills one row for each posting.
    fn fill(
        &mut self,
        (book, voucher, first): (i64, i64, i64),
        postings: &[Posting],
        rows: &mut RowBuffer,
    ) -> Result<(), StoreError> {
        let missing = || StoreError::inconsistent("transfer", "account");
        for posting in postings {
            let debit = self.place(0, &posting.debit).ok_or_else(missing)?;
            let credit = self.place(1, &posting.credit).ok_or_else(missing)?;
            let amount = posting.amount.get();
            self.total += i128::from(amount);
            self.sums[debit].debit += i128::from(amount);
            self.sums[credit].credit += i128::from(amount);
            let id = first + self.transfers;
            self.transfers += 1;
            let (debit, credit) = (self.sums[debit].id, self.sums[credit].id);
            rows.int(book).int(id).int(voucher);
            rows.int(debit.get()).int(credit.get()).int(amount);
            rows.opt_int(posting.payment.map(PaymentId::get));
            rows.opt_int((posting.attempt > 0).then_some(posting.attempt));
            rows.end();
        }
        Ok(())
    }
}

impl Poster {
    /// Begins a voucher.
    #[boxed]
    pub async fn begin(write: &mut Write, draft: VoucherDraft) -> Result<Poster, Failure> {
        let mut filler = Filler {
            accounts: HashMap::new(),
            sums: Vec::new(),
            last: [0; 2],
            follows: [Vec::new(), Vec::new()],
            transfers: 0,
            total: 0,
        };
        let book = write_book(write);
        for row in write.tx().query(ACCOUNTS, &[book]).await? {
            filler.add_account(AccountId(row.int(0)?), key_of(&row, 1)?);
        }
        Ok(Poster {
            draft,
            voucher: None,
            first: write.allot("transfer", 0).await?,
            last_payment: 0,
            waiting: Vec::new(),
            rows: Pipeline::new(&table::TRANSFER, filler),
        })
    }

    /// Adds one posting. Postings of payments come in the order of the payments, before those of
    /// no payment: a trace finds them by halving the voucher.
    ///
    /// # Errors
    /// Refused when it is no movement between two accounts of one side.
    pub async fn push(&mut self, write: &mut Write, posting: &Posting) -> Result<(), Failure> {
        self.add(posting)?;
        match self.waiting.len() >= CHUNK_ROWS {
            true => self.turn(write).await,
            false => Ok(()),
        }
    }

    /// Adds many postings.
    pub async fn push_all(
        &mut self,
        write: &mut Write,
        postings: &[Posting],
    ) -> Result<(), Failure> {
        for posting in postings {
            self.add(posting)?;
            if self.waiting.len() >= CHUNK_ROWS {
                self.turn(write).await?;
            }
        }
        Ok(())
    }

    fn add(&mut self, posting: &Posting) -> Result<(), Failure> {
        posting.check()?;
        let payment = posting.payment.map_or(i64::MAX, PaymentId::get);
        if payment < self.last_payment {
            return Err(StoreError::inconsistent("transfer", "payment order").into());
        }
        self.last_payment = payment;
        self.waiting.push(*posting);
        Ok(())
    }

    /// Sends what waits to be made into rows, and writes what was sent before.
    #[boxed]
    async fn turn(&mut self, write: &mut Write) -> Result<(), Failure> {
        let (voucher, postings) = self.prepare(write).await?;
        let (book, first, rows) = (write.book().get(), self.first, self.rows.buffer());
        let fill = move |filler: &mut Filler, rows: &mut RowBuffer| {
            filler.fill((book, voucher.get(), first), &postings, rows)
        };
        Ok(self.rows.turn(write, rows, fill).await?)
    }

    /// Takes what waits, once every account that it names is open.
    async fn prepare(&mut self, write: &mut Write) -> Result<(VoucherId, Vec<Posting>), Failure> {
        let voucher = match self.voucher {
            Some(voucher) => voucher,
            // Not before: without postings there is no voucher, and no number may be lost.
            None => VoucherId(write.allot("voucher", 1).await?),
        };
        self.voucher = Some(voucher);
        let room = Vec::with_capacity(self.waiting.len());
        let postings = std::mem::replace(&mut self.waiting, room);
        self.rows.settle(write).await?;
        let filler = self.rows.state()?;
        for posting in &postings {
            for (side, key) in [(0, posting.debit), (1, posting.credit)] {
                if filler.place(side, &key).is_none() {
                    filler.add_account(open_account(write, key).await?, key);
                }
            }
        }
        Ok((voucher, postings))
    }

    /// Writes what is left, the balances and the voucher itself; `None` when there was nothing to
    /// post and so no voucher is made.
    ///
    /// # Errors
    /// [`Kind::Overdrawn`] names the account that the posting would overdraw;
    /// [`Kind::PeriodClosed`] the month that takes no postings.
    #[boxed]
    pub async fn finish(mut self, write: &mut Write) -> Result<Option<Posted>, Failure> {
        if self.voucher.is_none() && self.waiting.is_empty() {
            return Ok(None);
        }
        let (id, postings) = self.prepare(write).await?;
        let (book, first, rows) = (write.book().get(), self.first, self.rows.buffer());
        let fill = move |filler: &mut Filler, rows: &mut RowBuffer| {
            filler.fill((book, id.get(), first), &postings, rows)
        };
        let (root, filler) = self.rows.finish(write, rows, fill).await?;
        let count = usize::try_from(filler.transfers).unwrap_or(usize::MAX);
        write.allot("transfer", count).await?;
        let month = Month::of(self.draft.on_date);
        balance(write, month, &filler.sums).await?;
        let posted = Posted {
            id,
            month,
            number: write.allot(&format!("voucher:{month}"), 1).await?,
            transfer_first: first,
            transfers: filler.transfers,
            total: Fen::new(fen(filler.total)?),
            root,
        };
        store(write, &self.draft, &posted).await?;
        Ok(Some(posted))
    }
}

async fn store(write: &mut Write, draft: &VoucherDraft, posted: &Posted) -> Result<(), Failure> {
    let row: [Value; 15] = [
        write_book(write),
        posted.id.get().into(),
        posted.month.to_string().into(),
        posted.number.into(),
        draft.on_date.to_string().into(),
        draft.summary.as_str().into(),
        draft.maker.get().into(),
        draft.checker.map_or(0, UserId::get).into(),
        draft.source.into(),
        draft.source_id.into(),
        draft.reverses.map(VoucherId::get).into(),
        posted.transfer_first.into(),
        posted.transfers.into(),
        posted.total.get().into(),
        posted.root.to_vec().into(),
    ];
    let stored = write.insert_one(&table::VOUCHER, row).await;
    stored.map_err(|error| closed(error, posted.month))?;
    write.object(ObjectRef {
        kind: "voucher".to_owned(),
        id: posted.id.to_string(),
        version: None,
        hash: Some(posted.root),
        count: Some(posted.transfers),
    });
    Ok(())
}

/// Adds what moved to the balances of the accounts, in the order of their numbers.
async fn balance(write: &mut Write, month: Month, sums: &[Sum]) -> Result<(), Failure> {
    let mut used: Vec<&Sum> = sums.iter().collect();
    used.retain(|sum| (sum.debit, sum.credit) != (0, 0));
    used.sort_by_key(|sum| sum.id);
    for sum in used {
        let book = write_book(write);
        let (debit, credit) = (Value::Int(fen(sum.debit)?), Value::Int(fen(sum.credit)?));
        let id = Value::Int(sum.id.get());
        let total = [book.clone(), id.clone(), debit.clone(), credit.clone()];
        let added = write.tx().execute_exactly(ADD_TOTAL, &total, 1).await;
        added.map_err(|error| overdrawn(error, &sum.key))?;
        let moved = [book, id, month.to_string().into(), debit, credit];
        write.tx().execute_exactly(ADD_MONTH, &moved, 1).await?;
    }
    Ok(())
}

async fn open_account(write: &mut Write, key: AccountKey) -> Result<AccountId, Failure> {
    let id = AccountId(write.allot("account", 1).await?);
    let dimension = |id: Option<i64>| Value::Int(id.unwrap_or(0));
    let row: [Value; 7] = [
        write_book(write),
        id.get().into(),
        key.chart.code().into(),
        dimension(key.bank_account.map(BankAccountId::get)),
        dimension(key.appropriation.map(AppropriationId::get)),
        dimension(key.program.map(ProgramId::get)),
        dimension(key.component.map(ComponentId::get)),
    ];
    write.insert_one(&table::ACCOUNT, row).await?;
    let floor = match key.chart.floor() {
        Floor::None => 0_i64,
        Floor::DebitNotNegative => 1,
        Floor::CreditNotNegative => -1,
    };
    let total = [write_book(write), id.get().into(), floor.into()];
    write.tx().execute_exactly(OPEN_TOTAL, &total, 1).await?;
    Ok(id)
}

fn overdrawn(error: StoreError, key: &AccountKey) -> Failure {
    match &error {
        StoreError::Constraint { name } if name == "ck_account_total_floor" => {
            Problem::new(Kind::Overdrawn)
                .with("account", describe(key))
                .into()
        }
        _ => error.into(),
    }
}

fn fen(sum: i128) -> Result<i64, Failure> {
    i64::try_from(sum).map_err(|_| range(MoneyError::OutOfRange))
}

/// An account with what moved on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountMovement {
    /// Its number.
    pub id: AccountId,
    /// Chart code and dimensions.
    pub key: AccountKey,
    /// Debits before the period.
    pub opening_debit: i64,
    /// Credits before the period.
    pub opening_credit: i64,
    /// Debits in the period.
    pub debit: i64,
    /// Credits in the period.
    pub credit: i64,
}

impl AccountMovement {
    /// Balance before the period, on the account's normal side.
    pub fn opening(&self) -> Fen {
        self.balance_of(self.opening_debit, self.opening_credit)
    }

    /// Balance after the period, on the account's normal side.
    pub fn closing(&self) -> Fen {
        self.balance_of(
            self.opening_debit + self.debit,
            self.opening_credit + self.credit,
        )
    }

    /// What moved in the period, on the account's normal side.
    pub fn movement(&self) -> Fen {
        self.balance_of(self.debit, self.credit)
    }

    fn balance_of(&self, debit: i64, credit: i64) -> Fen {
        match self.key.chart.normal() {
            Normal::Debit => Fen::new(debit - credit),
            Normal::Credit => Fen::new(credit - debit),
        }
    }
}

/// All accounts with their stored totals; nothing before, everything in the period.
#[boxed]
pub async fn balances(tx: &mut Tx, book: BookId) -> Result<Vec<AccountMovement>, StoreError> {
    let rows = tx.query(BALANCES, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(AccountMovement {
                id: AccountId(row.int(0)?),
                key: key_of(row, 1)?,
                opening_debit: 0,
                opening_credit: 0,
                debit: row.int(6)?,
                credit: row.int(7)?,
            })
        })
        .collect()
}

/// All accounts with their movements from one month to another and what was before.
#[boxed]
pub async fn movements(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<AccountMovement>, StoreError> {
    let args = [
        book.get().into(),
        first.to_string().into(),
        last.to_string().into(),
    ];
    let rows = tx.query(MOVEMENTS, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(AccountMovement {
                id: AccountId(row.int(0)?),
                key: key_of(row, 1)?,
                opening_debit: row.int(6)?,
                opening_credit: row.int(7)?,
                debit: row.int(8)?,
                credit: row.int(9)?,
            })
        })
        .collect()
}

/// A voucher as stored.
#[derive(Clone, Debug)]
pub struct Voucher {
    /// What it says about itself.
    pub posted: Posted,
    /// Business date.
    pub on_date: String,
    /// 摘要.
    pub summary: String,
    /// 制单.
    pub maker: UserId,
    /// 审核; 0 for none.
    pub checker: UserId,
    /// What it comes from.
    pub source: String,
    /// The number of that.
    pub source_id: i64,
    /// Its audit entry.
    pub entry: i64,
}

/// The vouchers of some months, by number.
#[boxed]
pub async fn vouchers(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Vec<Voucher>, StoreError> {
    let args = [
        book.get().into(),
        first.to_string().into(),
        last.to_string().into(),
    ];
    tx.query(VOUCHERS, &args)
        .await?
        .iter()
        .map(voucher_of)
        .collect()
}

/// One transfer of a voucher.
#[derive(Clone, Debug)]
pub struct TransferRow {
    /// Its number.
    pub id: i64,
    /// Debited account.
    pub debit: AccountId,
    /// Credited account.
    pub credit: AccountId,
    /// The amount.
    pub amount: Fen,
    /// The payment that it concerns.
    pub payment: Option<i64>,
    /// The attempt that it concerns.
    pub attempt: Option<i64>,
}

/// The first transfers of a voucher, at most `limit`.
#[boxed]
pub async fn transfers_of(
    tx: &mut Tx,
    book: BookId,
    voucher: &Posted,
    limit: i64,
) -> Result<Vec<TransferRow>, StoreError> {
    let first = voucher.transfer_first;
    let args = [
        book.get().into(),
        first.into(),
        (first + voucher.transfers.min(limit)).into(),
    ];
    let rows = tx.query(TRANSFERS_OF, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(TransferRow {
                id: row.int(0)?,
                debit: AccountId(row.int(1)?),
                credit: AccountId(row.int(2)?),
                amount: Fen::new(row.int(3)?),
                payment: row.opt_int(4)?,
                attempt: row.opt_int(5)?,
            })
        })
        .collect()
}

/// Transfers that are read at once when a voucher is reversed.
const REVERSED_AT_ONCE: i64 = 20_000;

/// The newest voucher of an event that nobody has reversed yet.
#[boxed]
pub async fn to_reverse(
    tx: &mut Tx,
    book: BookId,
    source: &str,
    source_id: i64,
) -> Result<Option<Voucher>, StoreError> {
    let args = [book.get().into(), source.into(), source_id.into()];
    let row = tx.query_opt(TO_REVERSE, &args).await?;
    row.as_ref().map(voucher_of).transpose()
}

/// Reverses a voucher whole (红字冲销): every transfer of it the other way round, in its order, some
/// thousand at a time. The draft's `reverses` names the voucher.
///
/// # Errors
/// [`Kind::AlreadyReversed`], and as [`Poster::finish`].
#[boxed]
pub async fn reverse(
    write: &mut Write,
    voucher: &Posted,
    draft: VoucherDraft,
) -> Result<Option<Posted>, Failure> {
    let book = write.book();
    let mut keys = HashMap::new();
    for row in write.tx().query(ACCOUNTS, &[book.get().into()]).await? {
        keys.insert(row.int(0)?, key_of(&row, 1)?);
    }
    let key = |id: AccountId| {
        let key = keys.get(&id.get()).copied();
        key.ok_or_else(|| StoreError::inconsistent("transfer", "account"))
    };
    let reverses = Some(voucher.id);
    let mut poster = Poster::begin(write, VoucherDraft { reverses, ..draft }).await?;
    let end = voucher.transfer_first + voucher.transfers;
    let mut first = voucher.transfer_first;
    while first < end {
        let part = Posted {
            transfer_first: first,
            transfers: end - first,
            ..voucher.clone()
        };
        let rows = transfers_of(write.tx(), book, &part, REVERSED_AT_ONCE).await?;
        for row in &rows {
            let posting = Posting {
                debit: key(row.debit)?,
                credit: key(row.credit)?,
                amount: row.amount,
                payment: row.payment.map(PaymentId),
                attempt: row.attempt.unwrap_or(0),
            };
            poster.push(write, &posting.reversed()).await?;
        }
        first += REVERSED_AT_ONCE;
    }
    poster.finish(write).await
}

/// A closed month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedMonth {
    /// Which.
    pub month: Month,
    /// How many vouchers it holds.
    pub vouchers: i64,
    /// The hash of its vouchers.
    pub digest: Hash,
    /// The audit entry of the close.
    pub entry: i64,
}

/// The closed months.
#[boxed]
pub async fn closed_months(tx: &mut Tx, book: BookId) -> Result<Vec<ClosedMonth>, StoreError> {
    let rows = tx.query(CLOSED, &[book.get().into()]).await?;
    rows.iter()
        .map(|row| {
            Ok(ClosedMonth {
                month: crate::policy::month(row, 0)?,
                vouchers: row.int(2)?,
                digest: write::hash(row.bytes_ref(3)?)?,
                entry: row.int(4)?,
            })
        })
        .collect()
}

/// The number of vouchers of a month and the Merkle root over their roots.
#[boxed]
pub async fn month_digest(
    tx: &mut Tx,
    book: BookId,
    month: Month,
) -> Result<(i64, Hash), StoreError> {
    let mut frontier = Frontier::new();
    for row in tx
        .query(MONTH_ROOTS, &[book.get().into(), month.to_string().into()])
        .await?
    {
        frontier.push(write::hash(row.bytes_ref(0)?)?);
    }
    Ok((frontier.size().cast_signed(), frontier.root()))
}

/// Closes a month for ever.
#[boxed]
pub async fn close_month(
    write: &mut Write,
    month: Month,
    user: UserId,
    at: ledger::calendar::Moment,
) -> Result<ClosedMonth, Failure> {
    let book = write.book();
    let (vouchers, digest) = month_digest(write.tx(), book, month).await?;
    let row: [Value; 6] = [
        book.get().into(),
        month.to_string().into(),
        user.get().into(),
        at.0.into(),
        vouchers.into(),
        digest.to_vec().into(),
    ];
    write.insert_one(&table::PERIOD_CLOSE, row).await?;
    write.object(ObjectRef {
        kind: "period".to_owned(),
        id: month.to_string(),
        version: None,
        hash: Some(digest),
        count: Some(vouchers),
    });
    Ok(ClosedMonth {
        month,
        vouchers,
        digest,
        entry: write.sequence(),
    })
}

/// The account with its dimensions in short: `1002 银行存款 [bank 1, appropriation 2]`.
pub fn describe(key: &AccountKey) -> String {
    let mut parts = Vec::new();
    let mut part = |name: &str, id: Option<i64>| {
        if let Some(id) = id {
            parts.push(format!("{name} {id}"));
        }
    };
    part("账户", key.bank_account.map(BankAccountId::get));
    part("指标", key.appropriation.map(AppropriationId::get));
    part("项目", key.program.map(ProgramId::get));
    part("类别", key.component.map(ComponentId::get));
    let chart = key.chart;
    match parts.is_empty() {
        true => format!("{} {}", chart.code(), chart.name()),
        false => format!("{} {} [{}]", chart.code(), chart.name(), parts.join(", ")),
    }
}

/// Sums balances of one chart account, optionally of one appropriation.
pub fn total_of(accounts: &[AccountMovement], chart: Chart) -> Fen {
    let matching = accounts.iter().filter(|account| account.key.chart == chart);
    Fen::new(matching.map(|account| account.closing().get()).sum())
}

/// Total debits and credits of one side of parallel accounting.
pub fn side_totals(accounts: &[AccountMovement], side: Side) -> (i64, i64) {
    accounts
        .iter()
        .filter(|account| account.key.chart.side() == side)
        .fold((0, 0), |(debit, credit), a| {
            (debit + a.debit, credit + a.credit)
        })
}

fn key_of(row: &Row, from: usize) -> Result<AccountKey, StoreError> {
    let chart = Chart::from_code(&row.text(from)?)
        .ok_or_else(|| StoreError::inconsistent("account", "code"))?;
    let dimension = |column: usize| row.int(column).map(|id| (id != 0).then_some(id));
    Ok(AccountKey {
        chart,
        bank_account: dimension(from + 1)?.map(BankAccountId),
        appropriation: dimension(from + 2)?.map(AppropriationId),
        program: dimension(from + 3)?.map(ProgramId),
        component: dimension(from + 4)?.map(ComponentId),
    })
}

fn voucher_of(row: &Row) -> Result<Voucher, StoreError> {
    Ok(Voucher {
        posted: Posted {
            id: VoucherId(row.int(0)?),
            month: crate::policy::month(row, 1)?,
            number: row.int(2)?,
            transfer_first: row.int(9)?,
            transfers: row.int(10)?,
            total: Fen::new(row.int(11)?),
            root: write::hash(row.bytes_ref(12)?)?,
        },
        on_date: row.text(3)?,
        summary: row.text(4)?,
        maker: UserId(row.int(5)?),
        checker: UserId(row.int(6)?),
        source: row.text(7)?,
        source_id: row.int(8)?,
        entry: row.int(13)?,
    })
}

fn closed(error: StoreError, month: Month) -> Failure {
    match &error {
        StoreError::Constraint { name } if name == "tr_voucher_period" => {
            Problem::new(Kind::PeriodClosed).with("month", month).into()
        }
        _ => error.into(),
    }
}

fn range(error: MoneyError) -> Failure {
    Problem::new(Kind::AmountInvalid)
        .with("value", error)
        .into()
}

fn write_book(write: &Write) -> Value {
    Value::Int(write.book().get())
}
