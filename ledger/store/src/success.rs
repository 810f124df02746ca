//! Success rates (发放成功率), kept up to date by every step that changes them.
//!
//! A report over years may not read millions of attempts, so what it adds up is stored: one cell
//! for each program, month, paying account and township. A command gathers what it did in a
//! [`Change`] and stores it with one statement for each cell that it touched.
//!
//! **Rule:** a payment counts once, in the month of its own run, its township, and the paying
//! account of its *first* attempt: so it never moves between cells when it is paid again from
//! another account. First attempt: attempt 1 alone. Final: the newest attempt. Money that came back
//! after it was reported paid did not arrive. What the bank has not decided is pending, and in
//! neither rate.
//!
//! [`recompute`] says what the cells must hold, from the payments, attempts and outcomes alone and
//! not by the steps of [`Change`]; `audit verify` compares the two.

use crate::boxed;
use std::collections::{BTreeMap, HashMap};

use ledger::audit::row::Field;
use ledger::calendar::Month;
use ledger::id::{BankAccountId, BatchId, BookId, PaymentId, ProgramId, RunId, StatementId};
use ledger::money::{Fen, MoneyError};
use ledger::problem::Problem;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, Tx, Value};
use crate::dialect::Pair;
use crate::error::StoreError;
use crate::roster::{json_list, json_text};
use crate::write::Write;

sql! {
    CELLS = "select c.program_id, c.month, c.bank_account_id, c.township,
        c.first_attempted, c.first_attempted_fen, c.first_paid, c.first_paid_fen,
        c.final_attempted, c.final_attempted_fen, c.final_paid, c.final_paid_fen,
        c.pending, c.pending_fen
        from program g
        cross join success_cell c
        where g.book_id = $1 and c.book_id = g.book_id and c.program_id = g.program_id
        and c.month >= $2 and c.month <= $3 order by c.program_id, c.month, c.bank_account_id, c.township";
    REASONS = "select c.program_id, c.month, c.reason, c.attempts, c.amount_fen
        from program g
        cross join success_reason c
        where g.book_id = $1 and c.book_id = g.book_id and c.program_id = g.program_id
        and c.month >= $2 and c.month <= $3 order by c.program_id, c.month, c.reason";
    ALL_CELLS = "select program_id, month, bank_account_id, township,
        first_attempted, first_attempted_fen, first_paid, first_paid_fen,
        final_attempted, final_attempted_fen, final_paid, final_paid_fen, pending, pending_fen
        from success_cell where book_id = $1";
    ALL_REASONS = "select program_id, month, reason, attempts, amount_fen from success_reason
        where book_id = $1";
    RUNS = "select run_id, program_id, month from run
        where book_id = $1 and run_id >= $2 and run_id <= $3";
    AREAS = "select area_id, township from area
        where book_id = $1 and area_id >= $2 and area_id <= $3";
    FIRST_ACCOUNTS = "select t.payment_id, b.bank_account_id from attempt t
        cross join attempt f
        join batch b on b.book_id = f.book_id and b.batch_id = f.batch_id
        where t.book_id = $1 and t.batch_id = $2 and t.attempt_no > 1
        and f.book_id = t.book_id and f.payment_id = t.payment_id and f.attempt_no = 1
        order by t.line_no";
    REFUNDED = "select p.run_id, b.bank_account_id, p.area_id, o.attempt_no, p.amount_fen,
        o.reason from statement_line l
        cross join outcome_now o
        cross join payment p
        cross join attempt f
        join batch b on b.book_id = f.book_id and b.batch_id = f.batch_id
        where l.book_id = $1 and l.statement_id = $2 and l.match_kind = 'refund'
        and o.book_id = l.book_id and o.payment_id = l.match_id and o.attempt_no = l.attempt_no
        and o.kind = 'refunded' and o.source_id = $2
        and p.book_id = o.book_id and p.payment_id = o.payment_id
        and f.book_id = o.book_id and f.payment_id = o.payment_id and f.attempt_no = 1";
    BATCH_ACCOUNTS = "select batch_id, bank_account_id from batch where book_id = $1";
    LAST_PAYMENT = "select coalesce(max(payment_id), 0) from payment where book_id = $1";
    FACTS = "select payment_id, 0, run_id, area_id, amount_fen, '', '' from payment
            where book_id = $1 and payment_id > $2 and payment_id <= $3
        union all select payment_id, 1, attempt_no, batch_id, 0, '', '' from attempt
            where book_id = $1 and payment_id > $2 and payment_id <= $3 and kind = 'pay'
        union all select payment_id, 2, attempt_no, step, 0, kind, reason from outcome_now
            where book_id = $1 and payment_id > $2 and payment_id <= $3
        order by 1";
}

/// Adds to cells, which come as one JSON list; unpacking it differs.
const ADD_CELLS: Pair = {
    macro_rules! text {
        ($rows:literal) => {
            concat!(
                "insert into success_cell (book_id, program_id, month, bank_account_id, township,
                first_attempted, first_attempted_fen, first_paid, first_paid_fen,
                final_attempted, final_attempted_fen, final_paid, final_paid_fen,
                pending, pending_fen) ",
                $rows,
                " on conflict (book_id, program_id, month, bank_account_id, township)
                do update set
                first_attempted = success_cell.first_attempted + excluded.first_attempted,
                first_attempted_fen =
                    success_cell.first_attempted_fen + excluded.first_attempted_fen,
                first_paid = success_cell.first_paid + excluded.first_paid,
                first_paid_fen = success_cell.first_paid_fen + excluded.first_paid_fen,
                final_attempted = success_cell.final_attempted + excluded.final_attempted,
                final_attempted_fen =
                    success_cell.final_attempted_fen + excluded.final_attempted_fen,
                final_paid = success_cell.final_paid + excluded.final_paid,
                final_paid_fen = success_cell.final_paid_fen + excluded.final_paid_fen,
                pending = success_cell.pending + excluded.pending,
                pending_fen = success_cell.pending_fen + excluded.pending_fen"
            )
        };
    }
    Pair {
        sqlite: text!(
            "select $1, json_extract(j.value, '$[0]'), json_extract(j.value, '$[1]'),
            json_extract(j.value, '$[2]'), json_extract(j.value, '$[3]'),
            json_extract(j.value, '$[4]'), json_extract(j.value, '$[5]'),
            json_extract(j.value, '$[6]'), json_extract(j.value, '$[7]'),
            json_extract(j.value, '$[8]'), json_extract(j.value, '$[9]'),
            json_extract(j.value, '$[10]'), json_extract(j.value, '$[11]'),
            json_extract(j.value, '$[12]'), json_extract(j.value, '$[13]')
            from json_each($2) j where true"
        ),
        postgres: text!(
            "select $1, cast(j ->> 0 as bigint), j ->> 1, cast(j ->> 2 as bigint), j ->> 3,
            cast(j ->> 4 as bigint), cast(j ->> 5 as bigint), cast(j ->> 6 as bigint),
            cast(j ->> 7 as bigint), cast(j ->> 8 as bigint), cast(j ->> 9 as bigint),
            cast(j ->> 10 as bigint), cast(j ->> 11 as bigint), cast(j ->> 12 as bigint),
            cast(j ->> 13 as bigint) from jsonb_array_elements(cast($2 as jsonb)) j"
        ),
    }
};

/// Adds to the failures by reason, which come as one JSON list; unpacking it differs.
const ADD_REASONS: Pair = {
    macro_rules! text {
        ($rows:literal) => {
            concat!(
                "insert into success_reason (book_id, program_id, month, reason, attempts,
                amount_fen) ",
                $rows,
                " on conflict (book_id, program_id, month, reason) do update set
                attempts = success_reason.attempts + excluded.attempts,
                amount_fen = success_reason.amount_fen + excluded.amount_fen"
            )
        };
    }
    Pair {
        sqlite: text!(
            "select $1, json_extract(j.value, '$[0]'), json_extract(j.value, '$[1]'),
            json_extract(j.value, '$[2]'), json_extract(j.value, '$[3]'),
            json_extract(j.value, '$[4]') from json_each($2) j where true"
        ),
        postgres: text!(
            "select $1, cast(j ->> 0 as bigint), j ->> 1, j ->> 2, cast(j ->> 3 as bigint),
            cast(j ->> 4 as bigint) from jsonb_array_elements(cast($2 as jsonb)) j"
        ),
    }
};

/// Payments, and their amount in fen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many; negative in a change that takes some away.
    pub count: i64,
    /// How much, in fen.
    pub fen: i64,
}

impl Sum {
    /// Both together.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond 64 bits.
    pub fn plus(self, other: Sum) -> Result<Sum, MoneyError> {
        let add = |left: i64, right: i64| left.checked_add(right).ok_or(MoneyError::OutOfRange);
        Ok(Sum {
            count: add(self.count, other.count)?,
            fen: add(self.fen, other.fen)?,
        })
    }
}

/// What a success rate is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// First attempts with an answer.
    pub first_attempted: Sum,
    /// First attempts whose money arrived and stayed.
    pub first_paid: Sum,
    /// Payments whose newest attempt has an answer.
    pub final_attempted: Sum,
    /// Payments whose newest attempt arrived and stayed.
    pub final_paid: Sum,
    /// Payments whose newest attempt has no answer.
    pub pending: Sum,
}

impl Counted {
    /// Both together: the parts of a report add up to the whole.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond 64 bits.
    pub fn plus(self, other: Counted) -> Result<Counted, MoneyError> {
        Ok(Counted {
            first_attempted: self.first_attempted.plus(other.first_attempted)?,
            first_paid: self.first_paid.plus(other.first_paid)?,
            final_attempted: self.final_attempted.plus(other.final_attempted)?,
            final_paid: self.final_paid.plus(other.final_paid)?,
            pending: self.pending.plus(other.pending)?,
        })
    }

    /// The same, taken away.
    fn less(self) -> Result<Counted, MoneyError> {
        let less = |sum: Sum| -> Result<Sum, MoneyError> {
            let negated = |value: i64| value.checked_neg().ok_or(MoneyError::OutOfRange);
            Ok(Sum {
                count: negated(sum.count)?,
                fen: negated(sum.fen)?,
            })
        };
        Ok(Counted {
            first_attempted: less(self.first_attempted)?,
            first_paid: less(self.first_paid)?,
            final_attempted: less(self.final_attempted)?,
            final_paid: less(self.final_paid)?,
            pending: less(self.pending)?,
        })
    }

    fn sums(&self) -> [Sum; 5] {
        [
            self.first_attempted,
            self.first_paid,
            self.final_attempted,
            self.final_paid,
            self.pending,
        ]
    }
}

/// What a payment counts under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CellKey {
    /// The program of its run.
    pub program: ProgramId,
    /// The month of its run, `2022-01`.
    pub month: String,
    /// The paying account of its first attempt.
    pub bank_account: BankAccountId,
    /// 乡镇 where the household lived when the run was calculated.
    pub township: String,
}

/// What a failed or refunded attempt counts under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonKey {
    /// The program of the payment's run.
    pub program: ProgramId,
    /// The month of the payment's run, `2022-01`.
    pub month: String,
    /// The normalised reason.
    pub reason: String,
}

/// The cells and reasons of a book, or of some months of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Success {
    /// What success rates are made of.
    pub cells: BTreeMap<CellKey, Counted>,
    /// Failed and refunded attempts.
    pub reasons: BTreeMap<ReasonKey, Sum>,
}

/// Where a payment comes from; it decides in which cell it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The run that owes it, not a later one that pays it again.
    pub run: RunId,
    /// The paying account of its first attempt.
    pub bank_account: BankAccountId,
    /// Where the household lives.
    pub area: i64,
}

/// What happened to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// It went out.
    Sent,
    /// The bank says that it was paid.
    Paid,
    /// The bank says that it failed, for this normalised reason.
    Failed(&'a str),
    /// Its money came back after it was reported paid, for this normalised reason.
    Refunded(&'a str),
}

/// What one command changes in the success rates of a book.
#[derive(Debug, Default)]
pub struct Change {
    cells: HashMap<Origin, Counted>,
    reasons: HashMap<(RunId, String), Sum>,
}

impl Change {
    /// Nothing yet.
    pub fn new() -> Change {
        Change::default()
    }

    /// Takes what happened to attempt `attempt` of a payment over `amount`.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond 64 bits.
    pub fn add(
        &mut self,
        origin: Origin,
        attempt: i64,
        amount: Fen,
        event: Event<'_>,
    ) -> Result<(), MoneyError> {
        let cell = self.cells.entry(origin).or_default();
        *cell = cell.plus(effect(attempt, amount, event))?;
        if let Event::Failed(reason) | Event::Refunded(reason) = event {
            self.failed(origin.run, reason, amount)?;
        }
        Ok(())
    }

    /// Takes back what happened to an attempt: the answer counts no more.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond 64 bits.
    pub fn take_back(
        &mut self,
        origin: Origin,
        attempt: i64,
        amount: Fen,
        event: Event<'_>,
    ) -> Result<(), MoneyError> {
        let cell = self.cells.entry(origin).or_default();
        *cell = cell.plus(effect(attempt, amount, event).less()?)?;
        if let Event::Failed(reason) | Event::Refunded(reason) = event {
            self.reason_less(origin.run, reason, amount)?;
        }
        Ok(())
    }

    /// Counts a failure under another reason.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] beyond 64 bits.
    pub fn reclassify(
        &mut self,
        origin: Origin,
        (from, to): (&str, &str),
        amount: Fen,
    ) -> Result<(), MoneyError> {
        // So that the run is looked up.
        self.cells.entry(origin).or_default();
        self.reason_less(origin.run, from, amount)?;
        self.failed(origin.run, to, amount)
    }

    fn reason_less(&mut self, run: RunId, reason: &str, amount: Fen) -> Result<(), MoneyError> {
        let failures = self.reasons.entry((run, reason.to_owned())).or_default();
        *failures = failures.plus(Sum {
            count: -1,
            fen: -amount.get(),
        })?;
        Ok(())
    }

    fn failed(&mut self, run: RunId, reason: &str, amount: Fen) -> Result<(), MoneyError> {
        let failures = self.reasons.entry((run, reason.to_owned())).or_default();
        *failures = failures.plus(Sum {
            count: 1,
            fen: amount.get(),
        })?;
        Ok(())
    }

    /// Adds all of it to what is stored.
    ///
    /// # Errors
    /// Refused beyond 64 bits; accidents of the store.
    #[boxed]
    pub async fn store(self, write: &mut Write) -> Result<(), Failure> {
        let book = Value::Int(write.book().get());
        let (change, whole) = self.named(write.tx(), &book).await?;
        if !whole {
            return Err(StoreError::inconsistent("payment", "run or area").into());
        }
        let cells = change.cells.iter().map(|(key, counted)| {
            let (month, township) = (json_text(&key.month), json_text(&key.township));
            let (program, bank) = (key.program, key.bank_account);
            let sums = counted.sums();
            let sums = sums
                .map(|sum| format!(",{},{}", sum.count, sum.fen))
                .concat();
            format!("[{program},{month},{bank},{township}{sums}]")
        });
        let reasons = change.reasons.iter().map(|(key, sum)| {
            let (month, reason) = (json_text(&key.month), json_text(&key.reason));
            let (count, fen) = (sum.count, sum.fen);
            format!("[{},{month},{reason},{count},{fen}]", key.program)
        });
        let lists = [
            (ADD_CELLS, change.cells.len(), json_list(cells)),
            (ADD_REASONS, change.reasons.len(), json_list(reasons)),
        ];
        for (pair, count, list) in lists {
            if count > 0 {
                let (sql, args) = (pair.of(write.tx().engine()), [book.clone(), list.into()]);
                let count = u64::try_from(count).unwrap_or(u64::MAX);
                write.tx().execute_exactly(sql, &args, count).await?;
            }
        }
        Ok(())
    }

    /// The same by program and month instead of run, by township instead of area; without what
    /// comes to nothing. False when a run or an area is not there: what it owes is left out.
    async fn named(self, tx: &mut Tx, book: &Value) -> Result<(Success, bool), StoreError> {
        let runs = self.runs(tx, book).await?;
        let townships = self.townships(tx, book).await?;
        let (mut named, mut whole) = (Success::default(), true);
        for (origin, counted) in self.cells {
            let (run, area) = (runs.get(&origin.run), townships.get(&origin.area));
            let (Some((program, month)), Some(township)) = (run, area) else {
                whole = false;
                continue;
            };
            let key = CellKey {
                program: *program,
                month: month.clone(),
                bank_account: origin.bank_account,
                township: township.clone(),
            };
            let cell = named.cells.entry(key).or_default();
            *cell = cell.plus(counted).map_err(too_much)?;
        }
        for ((run, reason), sum) in self.reasons {
            let Some((program, month)) = runs.get(&run) else {
                whole = false;
                continue;
            };
            let key = ReasonKey {
                program: *program,
                month: month.clone(),
                reason,
            };
            let failures = named.reasons.entry(key).or_default();
            *failures = failures.plus(sum).map_err(too_much)?;
        }
        named.cells.retain(|_, cell| *cell != Counted::default());
        Ok((named, whole))
    }

    /// Program and month of each run.
    async fn runs(
        &self,
        tx: &mut Tx,
        book: &Value,
    ) -> Result<HashMap<RunId, (ProgramId, String)>, StoreError> {
        let mut runs = HashMap::new();
        let ids = self.cells.keys().map(|origin| origin.run.get());
        for row in in_range(tx, RUNS, book, ids).await? {
            let run = (ProgramId(row.int(1)?), row.text(2)?);
            runs.insert(RunId(row.int(0)?), run);
        }
        Ok(runs)
    }

    /// The township of each area.
    async fn townships(
        &self,
        tx: &mut Tx,
        book: &Value,
    ) -> Result<HashMap<i64, String>, StoreError> {
        let mut townships = HashMap::new();
        let ids = self.cells.keys().map(|origin| origin.area);
        for row in in_range(tx, AREAS, book, ids).await? {
            townships.insert(row.int(0)?, row.text(1)?);
        }
        Ok(townships)
    }
}

fn too_much(_: MoneyError) -> StoreError {
    StoreError::inconsistent("success_cell", "more than 64 bits")
}

/// The rows with numbers from the smallest to the greatest of these; none for no number.
async fn in_range(
    tx: &mut Tx,
    sql: &'static str,
    book: &Value,
    ids: impl Iterator<Item = i64> + Clone,
) -> Result<Vec<Row>, StoreError> {
    match (ids.clone().min(), ids.max()) {
        (Some(first), Some(last)) => {
            let args = [book.clone(), first.into(), last.into()];
            tx.query(sql, &args).await
        }
        _ => Ok(Vec::new()),
    }
}

/// What an event changes in the cell of its payment.
fn effect(attempt: i64, amount: Fen, event: Event<'_>) -> Counted {
    let one = Sum {
        count: 1,
        fen: amount.get(),
    };
    let less = Sum {
        count: -1,
        fen: -amount.get(),
    };
    let none = Sum::default();
    let first = |sum: Sum| if attempt == 1 { sum } else { none };
    match event {
        // The attempt before it had an answer, failed or refunded, and is not the newest now.
        Event::Sent => Counted {
            pending: one,
            final_attempted: if attempt == 1 { none } else { less },
            ..Counted::default()
        },
        Event::Paid => Counted {
            first_attempted: first(one),
            first_paid: first(one),
            final_attempted: one,
            final_paid: one,
            pending: less,
        },
        Event::Failed(_) => Counted {
            first_attempted: first(one),
            final_attempted: one,
            pending: less,
            ..Counted::default()
        },
        Event::Refunded(_) => Counted {
            first_paid: first(less),
            final_paid: less,
            ..Counted::default()
        },
    }
}

/// The paying account of the first attempt of each payment that a batch pays again.
#[boxed]
pub async fn first_accounts(
    tx: &mut Tx,
    book: BookId,
    batch: BatchId,
) -> Result<HashMap<PaymentId, BankAccountId>, StoreError> {
    let mut accounts = HashMap::new();
    let args = [book.get().into(), batch.get().into()];
    tx.stream(FIRST_ACCOUNTS, &args, |row| {
        accounts.insert(PaymentId(row.int(0)?), BankAccountId(row.int(1)?));
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(accounts)
}

/// Takes the refunds after success that a statement brought, once its lines and outcomes are
/// stored.
///
/// # Errors
/// As [`Change::store`].
#[boxed]
pub async fn add_refunds(write: &mut Write, statement: StatementId) -> Result<(), Failure> {
    let change = refunds(write, statement, Change::add).await?;
    change.store(write).await
}

/// How a refund enters a change.
type Enter = fn(&mut Change, Origin, i64, Fen, Event<'_>) -> Result<(), MoneyError>;

async fn refunds(
    write: &mut Write,
    statement: StatementId,
    enter: Enter,
) -> Result<Change, Failure> {
    let mut change = Change::new();
    let args = [write.book().get().into(), statement.get().into()];
    for row in write.tx().query(REFUNDED, &args).await? {
        let origin = Origin {
            run: RunId(row.int(0)?),
            bank_account: BankAccountId(row.int(1)?),
            area: row.int(2)?,
        };
        let (attempt, amount) = (row.int(3)?, Fen::new(row.int(4)?));
        let refunded = Event::Refunded(row.text_ref(5)?);
        enter(&mut change, origin, attempt, amount, refunded).map_err(Problem::from)?;
    }
    Ok(change)
}

/// Takes the refunds after success that a statement showed out of the success rates, before they
/// are voided.
#[boxed]
pub async fn take_refunds(write: &mut Write, statement: StatementId) -> Result<(), Failure> {
    let change = refunds(write, statement, Change::take_back).await?;
    change.store(write).await
}

/// The stored cells and reasons of the runs of some months, both ends included.
#[boxed]
pub async fn rates(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<Success, StoreError> {
    let args = [
        book.get().into(),
        first.to_string().into(),
        last.to_string().into(),
    ];
    read(tx, [CELLS, REASONS], &args).await
}

/// All stored cells and reasons of a book.
#[boxed]
pub async fn stored(tx: &mut Tx, book: BookId) -> Result<Success, StoreError> {
    read(tx, [ALL_CELLS, ALL_REASONS], &[book.get().into()]).await
}

async fn read(
    tx: &mut Tx,
    [cells, reasons]: [&'static str; 2],
    args: &[Value],
) -> Result<Success, StoreError> {
    let mut found = Success::default();
    tx.stream(cells, args, |row| {
        let key = CellKey {
            program: ProgramId(row.int(0)?),
            month: row.text(1)?,
            bank_account: BankAccountId(row.int(2)?),
            township: row.text(3)?,
        };
        let counted = Counted {
            first_attempted: sum(row, 4)?,
            first_paid: sum(row, 6)?,
            final_attempted: sum(row, 8)?,
            final_paid: sum(row, 10)?,
            pending: sum(row, 12)?,
        };
        found.cells.insert(key, counted);
        Ok::<(), StoreError>(())
    })
    .await?;
    tx.stream(reasons, args, |row| {
        let key = ReasonKey {
            program: ProgramId(row.int(0)?),
            month: row.text(1)?,
            reason: row.text(2)?,
        };
        let failures = sum(row, 3)?;
        // One that was taken back is as if it had never been.
        if failures != Sum::default() {
            found.reasons.insert(key, failures);
        }
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(found)
}

fn sum(row: &Row, from: usize) -> Result<Sum, StoreError> {
    Ok(Sum {
        count: row.int(from)?,
        fen: row.int(from + 1)?,
    })
}

/// Payments whose facts are read with one statement, so that memory stays flat.
const CHUNK_PAYMENTS: i64 = 20_000;

/// What the cells and reasons of a book must hold, from its payments, attempts and outcomes. What
/// has lost its payment, batch, run or area is left out.
#[boxed]
pub async fn recompute(tx: &mut Tx, book: BookId) -> Result<Success, StoreError> {
    let number = book.get();
    let book = Value::Int(number);
    let mut accounts = HashMap::new();
    for row in tx
        .query(BATCH_ACCOUNTS, std::slice::from_ref(&book))
        .await?
    {
        accounts.insert(row.int(0)?, BankAccountId(row.int(1)?));
    }
    let last = tx
        .query_one(LAST_PAYMENT, std::slice::from_ref(&book))
        .await?
        .int(0)?;
    let (mut change, mut facts, mut after) = (Change::new(), Facts::default(), 0);
    while after < last {
        let until = after.saturating_add(CHUNK_PAYMENTS);
        tx.scan(FACTS, &[number, after, until], |row| {
            let [Field::Int(payment), ref fact @ ..] = *row else {
                return Err(StoreError::inconsistent("payment", "number"));
            };
            if payment != facts.payment {
                facts.count(&accounts, &mut change)?;
                facts.begin(payment);
            }
            facts.take(fact)
        })
        .await?;
        after = until;
    }
    facts.count(&accounts, &mut change)?;
    Ok(change.named(tx, &book).await?.0)
}

/// What is stored about one payment.
#[derive(Debug, Default)]
struct Facts {
    payment: i64,
    /// Run, area, amount.
    owed: Option<(RunId, i64, Fen)>,
    /// Number and batch.
    attempts: Vec<(i64, i64)>,
    /// Attempt, step, whether it was paid, reason.
    outcomes: Vec<(i64, i64, bool, String)>,
}

impl Facts {
    fn begin(&mut self, payment: i64) {
        self.payment = payment;
        self.owed = None;
        self.attempts.clear();
        self.outcomes.clear();
    }

    fn take(&mut self, fact: &[Field<'_>]) -> Result<(), StoreError> {
        let [
            Field::Int(sort),
            Field::Int(a),
            Field::Int(b),
            Field::Int(fen),
            Field::Text(kind),
            Field::Text(reason),
        ] = *fact
        else {
            return Err(StoreError::inconsistent("payment", "fact"));
        };
        match sort {
            0 => self.owed = Some((RunId(a), b, Fen::new(fen))),
            1 => self.attempts.push((a, b)),
            _ => self
                .outcomes
                .push((a, b, kind == "paid", reason.to_owned())),
        }
        Ok(())
    }

    /// Whether the money of an attempt arrived and stayed, with the reason when not; none while
    /// the bank has not answered.
    fn answer(&self, attempt: i64) -> Option<(bool, &str)> {
        let of_attempt = self.outcomes.iter().filter(|outcome| outcome.0 == attempt);
        let newest = of_attempt.max_by_key(|outcome| outcome.1)?;
        Some((newest.2, newest.3.as_str()))
    }

    /// Counts the payment by its first and its newest attempt.
    fn count(
        &self,
        accounts: &HashMap<i64, BankAccountId>,
        change: &mut Change,
    ) -> Result<(), StoreError> {
        let (first, last) = (self.attempts.iter().min(), self.attempts.iter().max());
        let (Some(first), Some(last), Some((run, area, amount))) = (first, last, self.owed) else {
            return Ok(());
        };
        let Some(account) = accounts.get(&first.1) else {
            return Ok(());
        };
        let one = Sum {
            count: 1,
            fen: amount.get(),
        };
        let mut counted = Counted::default();
        if let Some((paid, _)) = self.answer(first.0) {
            counted.first_attempted = one;
            counted.first_paid = if paid { one } else { Sum::default() };
        }
        match self.answer(last.0) {
            Some((paid, _)) => {
                counted.final_attempted = one;
                counted.final_paid = if paid { one } else { Sum::default() };
            }
            None => counted.pending = one,
        }
        let origin = Origin {
            run,
            bank_account: *account,
            area,
        };
        let cell = change.cells.entry(origin).or_default();
        *cell = cell.plus(counted).map_err(too_much)?;
        for (attempt, _) in &self.attempts {
            if let Some((false, reason)) = self.answer(*attempt) {
                change.failed(run, reason, amount).map_err(too_much)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Origin = Origin {
        run: RunId(1),
        bank_account: BankAccountId(1),
        area: 1,
    };

    fn both(count: i64) -> Sum {
        Sum {
            count,
            fen: count * 100,
        }
    }

    /// By events, as commands count.
    fn by_events(events: &[(i64, Event<'_>)]) -> Change {
        let mut change = Change::new();
        for (attempt, event) in events {
            change.add(HERE, *attempt, Fen::new(100), *event).unwrap();
        }
        change
    }

    /// By what is stored after the events, as verification counts.
    fn by_facts(events: &[(i64, Event<'_>)]) -> Change {
        let mut facts = Facts::default();
        facts.begin(1);
        facts.owed = Some((HERE.run, HERE.area, Fen::new(100)));
        for (attempt, event) in events {
            let reason = |reason: &str| reason.to_owned();
            match event {
                Event::Sent => facts.attempts.push((*attempt, 7)),
                Event::Paid => facts.outcomes.push((*attempt, 1, true, reason(""))),
                Event::Failed(why) => facts.outcomes.push((*attempt, 1, false, reason(why))),
                Event::Refunded(why) => facts.outcomes.push((*attempt, 2, false, reason(why))),
            }
        }
        let mut change = Change::new();
        let accounts = HashMap::from([(7, HERE.bank_account)]);
        facts.count(&accounts, &mut change).unwrap();
        change
    }

    #[test]
    fn payments_are_counted_once() {
        use Event::{Failed, Paid, Refunded, Sent};
        let closed = Failed("account-closed");
        let back = Refunded("returned");
        let payments: [&[(i64, Event<'_>)]; 7] = [
            &[(1, Sent), (1, Paid)],
            &[(1, Sent), (1, closed), (2, Sent), (2, Paid)],
            &[(1, Sent), (1, Paid), (1, back)],
            &[(1, Sent)],
            &[(1, Sent), (1, closed), (2, Sent)],
            &[(1, Sent), (1, Paid), (1, back), (2, Sent), (2, closed)],
            &[
                (1, Sent),
                (1, closed),
                (2, Sent),
                (2, Paid),
                (2, back),
                (3, Sent),
                (3, Paid),
            ],
        ];
        // What is attempted first and paid, attempted last and paid, pending.
        let expected = [
            [1, 1, 1, 1, 0],
            [1, 0, 1, 1, 0],
            [1, 0, 1, 0, 0],
            [0, 0, 0, 0, 1],
            [1, 0, 0, 0, 1],
            [1, 0, 1, 0, 0],
            [1, 0, 1, 1, 0],
        ];
        let mut whole = Change::new();
        for (events, expected) in payments.iter().zip(expected) {
            let (change, facts) = (by_events(events), by_facts(events));
            assert_eq!(change.cells[&HERE].sums(), expected.map(both), "{events:?}");
            assert_eq!(change.cells, facts.cells, "{events:?}");
            assert_eq!(change.reasons, facts.reasons, "{events:?}");
            for (attempt, event) in *events {
                whole.add(HERE, *attempt, Fen::new(100), *event).unwrap();
            }
        }
        assert_eq!(whole.cells[&HERE].sums(), [6, 1, 5, 3, 2].map(both));
        let reason = |name: &str| whole.reasons[&(HERE.run, name.to_owned())];
        assert_eq!(reason("account-closed"), both(4));
        assert_eq!(reason("returned"), both(3));
    }

    proptest::proptest! {
        /// However a payment fares, step by step, the cell holds what its rows say.
        #[test]
        fn steps_and_rows_count_alike(
            fates in proptest::collection::vec(0..3_u8, 0..6),
            open: bool,
        ) {
            let mut events = Vec::new();
            for (attempt, fate) in (1..).zip(&fates) {
                events.push((attempt, Event::Sent));
                match fate {
                    0 => events.push((attempt, Event::Failed("account-closed"))),
                    1 => events.extend([(attempt, Event::Paid), (attempt, Event::Refunded("returned"))]),
                    _ => {
                        events.push((attempt, Event::Paid));
                        break;
                    }
                }
            }
            let live = fates.contains(&2);
            if open && !live {
                events.push((i64::try_from(fates.len()).unwrap() + 1, Event::Sent));
            }
            let (steps, rows) = (by_events(&events), by_facts(&events));
            proptest::prop_assert_eq!(steps.cells, rows.cells);
            proptest::prop_assert_eq!(steps.reasons, rows.reasons);
        }
    }
}
