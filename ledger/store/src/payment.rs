//! What is due becomes payments with their lines; what failed becomes due again.

use ledger::audit::merkle::{Frontier, Hash};
use ledger::calendar::Month;
use ledger::disbursement::due::{Accrued, Line};
use ledger::id::{BookId, ComponentId, PartyId, PaymentId, ProgramId, RunId};
use ledger::money::Fen;
use ledger::roster::Award;

use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::error::StoreError;
use crate::policy::month;
use crate::roster::award_of;
use crate::run::Run;
use crate::table;
use crate::write::Write;

sql! {
    AWARDS_IN_FORCE = "select a.award_id, a.subject_id, a.household_id, a.payee_id,
        a.component_id, a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month
        from award a
        join component c on c.book_id = a.book_id and c.component_id = a.component_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where a.book_id = $1 and c.program_id = $2 and a.from_month <= $4
        and (e.to_month is null or e.to_month >= $3)
        union
        select a.award_id, a.subject_id, a.household_id, a.payee_id,
        a.component_id, a.tag, a.income_fen, a.amount_fen, a.from_month, e.to_month
        from payment_line l
        join component c on c.book_id = l.book_id and c.component_id = l.component_id
        join award a on a.book_id = l.book_id and a.award_id = l.award_id
        left join award_end e on e.book_id = a.book_id and e.award_id = a.award_id
        where l.book_id = $1 and c.program_id = $2 and l.month >= $3 and l.month <= $4
        order by 3, 2, 5, 1";
    ACCRUED = "select a.household_id, l.subject_id, l.component_id, l.month,
        cast(sum(l.amount_fen) as bigint), cast(count(*) as bigint) from payment_line l
        join component c on c.book_id = l.book_id and c.component_id = l.component_id
        join award a on a.book_id = l.book_id and a.award_id = l.award_id
        where l.book_id = $1 and c.program_id = $2 and l.month >= $3 and l.month <= $4
        group by a.household_id, l.subject_id, l.component_id, l.month
        order by 1, 2, 3, 4";
    ACCRUED_BY_COMPONENT = "select l.payment_id, l.component_id,
        cast(sum(l.amount_fen) as bigint) from payment_line l
        where l.book_id = $1 and l.payment_id >= $2 and l.payment_id <= $3
        group by l.payment_id, l.component_id order by l.payment_id, l.component_id";
    LINES_OF = "select payment_id, line_no, subject_id, award_id, component_id, month, n,
        amount_fen, reason from payment_line
        where book_id = $1 and payment_id >= $2 and payment_id <= $3
        order by payment_id, line_no";
    LINES_TO_VOID = "select l.payment_id, l.subject_id, l.award_id, l.component_id, l.month,
        cast(sum(l.amount_fen) as bigint),
        (select max(x.n) from payment_line x where x.book_id = $1 and x.month = l.month
            and x.component_id = l.component_id and x.subject_id = l.subject_id)
        from payment_line l
        where l.book_id = $1 and l.payment_id >= $2 and l.payment_id <= $3
        group by l.payment_id, l.subject_id, l.award_id, l.component_id, l.month
        having sum(l.amount_fen) <> 0
        order by l.payment_id, l.subject_id, l.component_id, l.month, l.award_id";
    LAST_LINE = "select payment_id, max(line_no) from payment_line
        where book_id = $1 and payment_id >= $2 and payment_id <= $3
        group by payment_id order by payment_id";
    TO_SEND = "select p.payment_id, p.amount_fen, cast(1 as bigint), 'due', p.payee_id from payment p
        where p.book_id = $1 and p.payment_id >= $2 and p.payment_id <= $3
        order by p.payment_id";
    TO_SEND_AGAIN = "select r.payment_id, r.amount_fen, r.attempt_no, r.prior_kind, p.payee_id
        from re_pay r join payment p on p.book_id = r.book_id and p.payment_id = r.payment_id
        where r.book_id = $1 and r.run_id = $2 and r.revision = $3
        order by r.payment_id";
    FAILED_AND_HOME = "select p.payment_id, p.amount_fen, t.attempt_no, o.kind, o.reason,
        t.account_version,
        (select max(v.version) from payee_account v
            where v.book_id = p.book_id and v.payee_id = p.payee_id),
        cast(case when b.debit_style = 'succeeded' and o.kind = 'failed' then 1
            when h.payment_id is not null then 1 else 0 end as bigint)
        from outcome o
        cross join payment p
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        join attempt t on t.book_id = o.book_id and t.payment_id = o.payment_id
            and t.attempt_no = o.attempt_no
        join batch c on c.book_id = t.book_id and c.batch_id = t.batch_id
        join bank_account b on b.book_id = c.book_id and b.bank_account_id = c.bank_account_id
        left join refund_receipt h on h.book_id = t.book_id and h.payment_id = t.payment_id
            and h.attempt_no = t.attempt_no
        where o.book_id = $1 and o.kind <> 'paid'
        and p.book_id = o.book_id and p.payment_id = o.payment_id and r.program_id = $2
        and not exists (select 1 from exception x where x.book_id = o.book_id
            and x.payment_id = o.payment_id and x.attempt_no = o.attempt_no
            and x.kind in ('contradiction', 'matched-twice', 'amount-differs',
                'account-differs'))
        and not exists (select 1 from attempt x where x.book_id = t.book_id
            and x.payment_id = t.payment_id and x.attempt_no = t.attempt_no + 1)
        order by p.payment_id";
    DISPUTED = "select min(x.payment_id) from re_pay r
        join exception x on x.book_id = r.book_id and x.payment_id = r.payment_id
            and x.attempt_no = r.attempt_no - 1
        where r.book_id = $1 and r.run_id = $2 and r.revision = $3
        and x.kind in ('contradiction', 'matched-twice', 'amount-differs', 'account-differs')";
    RUN_LINES = "select p.payment_id, p.amount_fen, p.lines, p.payee_id, y.township, y.village,
        y.name, y.reference_no, v.account_no, v.holder_name, v.bank_name from payment p
        join party y on y.book_id = p.book_id and y.party_id = p.payee_id
        left join payee_account v on v.book_id = p.book_id and v.payee_id = p.payee_id
            and v.version = (select max(version) from payee_account w
                where w.book_id = p.book_id and w.payee_id = p.payee_id)
        where p.book_id = $1 and p.payment_id >= $2 and p.payment_id <= $3
        order by p.payment_id limit $4";
}

/// Payments handled with one statement when their lines are read.
pub const CHUNK_PAYMENTS: i64 = 20_000;

/// Awards and accruals that bear on a run, both ordered by household.
#[derive(Debug)]
pub struct Entitlements {
    /// The awards.
    pub awards: Vec<Award>,
    /// What was accrued, with the household of its award.
    pub accrued: Vec<(PartyId, Accrued)>,
}

/// Everything that bears on what a program owes for the months `first` to `last`.
pub async fn entitlements(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
    first: Month,
    last: Month,
) -> Result<Entitlements, StoreError> {
    let args = [
        book.get().into(),
        program.get().into(),
        first.to_string().into(),
        last.to_string().into(),
    ];
    let mut awards = Vec::new();
    tx.stream(AWARDS_IN_FORCE, &args, |row| {
        awards.push(award_of(row)?);
        Ok::<(), StoreError>(())
    })
    .await?;
    let mut accrued = Vec::new();
    tx.stream(ACCRUED, &args, |row| {
        accrued.push((PartyId(row.int(0)?), accrued_of(row)?));
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(Entitlements { awards, accrued })
}

/// A payment to be stored: its lines have one payee and one household.
pub type Settled = Vec<Line>;

/// Writes payments and lines in chunks and computes the fingerprint of the calculation.
#[derive(Debug)]
pub struct PaymentWriter {
    run: RunId,
    revision: i64,
    waiting: Vec<Settled>,
    fingerprint: Frontier,
    first: Option<i64>,
    last: i64,
    payments: i64,
    total: i64,
}

/// What a calculation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calculated {
    /// First payment number; 1 when there is none.
    pub first: i64,
    /// Last payment number.
    pub last: i64,
    /// How many.
    pub payments: i64,
    /// Their sum.
    pub total: Fen,
    /// Merkle root over the leaf hashes of payments and lines as they were written.
    pub fingerprint: Hash,
}

impl PaymentWriter {
    /// For one calculation of a run.
    pub fn new(run: RunId, revision: i64) -> PaymentWriter {
        PaymentWriter {
            run,
            revision,
            waiting: Vec::new(),
            fingerprint: Frontier::new(),
            first: None,
            last: 0,
            payments: 0,
            total: 0,
        }
    }

    /// Adds one payment.
    pub async fn push(&mut self, write: &mut Write, lines: Settled) -> Result<(), Failure> {
        self.waiting.push(lines);
        if self.waiting.len() >= 10_000 {
            self.load(write).await?;
        }
        Ok(())
    }

    /// Writes what waits and says what it all came to.
    pub async fn finish(mut self, write: &mut Write) -> Result<Calculated, Failure> {
        self.load(write).await?;
        Ok(Calculated {
            first: self.first.unwrap_or(1),
            last: self.last,
            payments: self.payments,
            total: Fen::new(self.total),
            fingerprint: self.fingerprint.root(),
        })
    }

    async fn load(&mut self, write: &mut Write) -> Result<(), Failure> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let book = Value::Int(write.book().get());
        let first = write.allot("payment", self.waiting.len()).await?;
        let mut payments = RowBuffer::new(table::PAYMENT.columns.len() - 2);
        let mut lines = RowBuffer::new(table::PAYMENT_LINE.columns.len() - 2);
        let waiting = std::mem::take(&mut self.waiting);
        for (id, settled) in (first..).zip(&waiting) {
            let Some(head) = settled.first() else {
                continue;
            };
            let amount = Fen::sum(settled.iter().map(|line| line.amount))
                .map_err(ledger::problem::Problem::from)?
                .get();
            self.total += amount;
            self.last = id;
            payments.push([
                book.clone(),
                id.into(),
                self.run.get().into(),
                self.revision.into(),
                head.payee.get().into(),
                head.household.get().into(),
                i64::try_from(settled.len()).unwrap_or(i64::MAX).into(),
                amount.into(),
            ]);
            for (line_no, line) in (1_i64..).zip(settled) {
                lines.push([
                    book.clone(),
                    id.into(),
                    line_no.into(),
                    line.subject.get().into(),
                    line.award.get().into(),
                    line.component.get().into(),
                    line.month.to_string().into(),
                    line.n.into(),
                    line.amount.get().into(),
                    line.reason.code().into(),
                ]);
            }
        }
        self.first.get_or_insert(first);
        self.payments += i64::try_from(waiting.len()).unwrap_or(i64::MAX);
        let fingerprint = &mut self.fingerprint;
        write
            .insert_with(&table::PAYMENT, &payments, |leaf| fingerprint.push(*leaf))
            .await?;
        write
            .insert_with(&table::PAYMENT_LINE, &lines, |leaf| fingerprint.push(*leaf))
            .await?;
        Ok(())
    }
}

/// Takes the lines of a calculation back by appending their opposites, so that what it accrued is
/// free again.
pub async fn void_lines(write: &mut Write, run: &Run) -> Result<(), Failure> {
    let book = write.book();
    let args = [
        Value::Int(book.get()),
        run.payment_first.into(),
        run.payment_last.into(),
    ];
    let voided = write.tx().query(LINES_TO_VOID, &args).await?;
    let mut next_line = std::collections::HashMap::new();
    for row in write.tx().query(LAST_LINE, &args).await? {
        next_line.insert(row.int(0)?, row.int(1)? + 1);
    }
    let mut lines = RowBuffer::new(table::PAYMENT_LINE.columns.len() - 2);
    for row in voided {
        let payment = row.int(0)?;
        let line_no = next_line.entry(payment).or_insert(1);
        lines.push([
            Value::Int(book.get()),
            payment.into(),
            (*line_no).into(),
            row.int(1)?.into(),
            row.int(2)?.into(),
            row.int(3)?.into(),
            row.text(4)?.into(),
            (row.int(6)? + 1).into(),
            (-row.int(5)?).into(),
            "void".into(),
        ]);
        *line_no += 1;
    }
    Ok(write.insert(&table::PAYMENT_LINE, &lines).await?)
}

/// Amounts by payment and component for a range of payment numbers, both ends included.
pub async fn by_component(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    last: i64,
) -> Result<Vec<(PaymentId, ComponentId, Fen)>, StoreError> {
    let args = [book.get().into(), first.into(), last.into()];
    let rows = tx.query(ACCRUED_BY_COMPONENT, &args).await?;
    rows.iter()
        .map(|row| {
            Ok((
                PaymentId(row.int(0)?),
                ComponentId(row.int(1)?),
                Fen::new(row.int(2)?),
            ))
        })
        .collect()
}

/// One line as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredLine {
    /// Of which payment.
    pub payment: PaymentId,
    /// Its place in the payment.
    pub line_no: i64,
    /// For whom.
    pub subject: PartyId,
    /// By which award.
    pub award: i64,
    /// Which component.
    pub component: ComponentId,
    /// For which month.
    pub month: String,
    /// The how-manieth line of subject, component and month.
    pub n: i64,
    /// The amount; negative when it is set against.
    pub amount: Fen,
    /// Why.
    pub reason: String,
}

/// The lines of a range of payments, both ends included.
pub async fn lines(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    last: i64,
) -> Result<Vec<StoredLine>, StoreError> {
    let rows = tx
        .query(LINES_OF, &[book.get().into(), first.into(), last.into()])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(StoredLine {
                payment: PaymentId(row.int(0)?),
                line_no: row.int(1)?,
                subject: PartyId(row.int(2)?),
                award: row.int(3)?,
                component: ComponentId(row.int(4)?),
                month: row.text(5)?,
                n: row.int(6)?,
                amount: Fen::new(row.int(7)?),
                reason: row.text(8)?,
            })
        })
        .collect()
}

/// A payment that a run is about to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToSend {
    /// Which.
    pub payment: PaymentId,
    /// How much.
    pub amount: Fen,
    /// The number of the attempt.
    pub attempt: i64,
    /// Why it may be tried: `due`, or the outcome of the attempt before.
    pub prior_kind: String,
    /// To whom.
    pub payee: PartyId,
}

/// What a run sends when it is released, in payment order.
pub async fn to_send(tx: &mut Tx, book: BookId, run: &Run) -> Result<Vec<ToSend>, StoreError> {
    let book = Value::Int(book.get());
    let rows = match run.kind {
        crate::run::RunKind::RePay => {
            let args = [book, run.id.get().into(), run.revision.into()];
            tx.query(TO_SEND_AGAIN, &args).await?
        }
        _ => {
            let args = [book, run.payment_first.into(), run.payment_last.into()];
            tx.query(TO_SEND, &args).await?
        }
    };
    rows.iter()
        .map(|row| {
            Ok(ToSend {
                payment: PaymentId(row.int(0)?),
                amount: Fen::new(row.int(1)?),
                attempt: row.int(2)?,
                prior_kind: row.text(3)?,
                payee: PartyId(row.int(4)?),
            })
        })
        .collect()
}

/// A payment whose last attempt failed or came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Which.
    pub payment: PaymentId,
    /// How much.
    pub amount: Fen,
    /// The attempt that failed.
    pub attempt: i64,
    /// `failed` or `refunded`.
    pub kind: String,
    /// The normalised reason.
    pub reason: String,
    /// The account version that was tried.
    pub tried_version: i64,
    /// The newest account version.
    pub newest_version: i64,
    /// Whether the money is back in the agency's account.
    pub home: bool,
}

/// A payment of a re-pay run of which the bank has said two different things: unknown is not
/// failed.
pub async fn disputed(
    tx: &mut Tx,
    book: BookId,
    run: &Run,
) -> Result<Option<PaymentId>, StoreError> {
    let args = [book.get().into(), run.id.get().into(), run.revision.into()];
    Ok(tx
        .query_one(DISPUTED, &args)
        .await?
        .opt_int(0)?
        .map(PaymentId))
}

/// The failed and refunded payments of a program that nobody has tried again; those of which the
/// bank has said two different things are left out.
pub async fn failed(
    tx: &mut Tx,
    book: BookId,
    program: ProgramId,
) -> Result<Vec<Failed>, StoreError> {
    let rows = tx
        .query(FAILED_AND_HOME, &[book.get().into(), program.get().into()])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Failed {
                payment: PaymentId(row.int(0)?),
                amount: Fen::new(row.int(1)?),
                attempt: row.int(2)?,
                kind: row.text(3)?,
                reason: row.text(4)?,
                tried_version: row.int(5)?,
                newest_version: row.opt_int(6)?.unwrap_or(0),
                home: row.int(7)? == 1,
            })
        })
        .collect()
}

/// Stores what a re-pay run tries again, in payment order, and says what it came to.
pub async fn add_re_pay(
    write: &mut Write,
    run: RunId,
    revision: i64,
    items: &[Failed],
) -> Result<Calculated, Failure> {
    let mut rows = RowBuffer::new(table::RE_PAY.columns.len() - 2);
    for item in items {
        rows.push([
            Value::Int(write.book().get()),
            run.get().into(),
            revision.into(),
            item.payment.get().into(),
            (item.attempt + 1).into(),
            item.kind.as_str().into(),
            item.amount.get().into(),
        ]);
    }
    let mut fingerprint = Frontier::new();
    write
        .insert_with(&table::RE_PAY, &rows, |leaf| fingerprint.push(*leaf))
        .await?;
    let total =
        Fen::sum(items.iter().map(|item| item.amount)).map_err(ledger::problem::Problem::from)?;
    Ok(Calculated {
        first: 1,
        last: 0,
        payments: i64::try_from(items.len()).unwrap_or(i64::MAX),
        total,
        fingerprint: fingerprint.root(),
    })
}

/// One payment with its payee, for lists. Name and numbers identify a person.
#[derive(Clone)]
pub struct PayeeLine {
    /// Which.
    pub payment: PaymentId,
    /// How much.
    pub amount: Fen,
    /// How many lines it has.
    pub lines: i64,
    /// To whom.
    pub payee: PartyId,
    /// 乡镇.
    pub township: String,
    /// 村.
    pub village: String,
    /// The payee's name.
    pub name: String,
    /// The payee's identity number or credit code.
    pub reference_no: String,
    /// The newest account; empty when there is none.
    pub account_no: String,
    /// The name that the bank has.
    pub holder_name: String,
    /// 开户行.
    pub bank_name: String,
}

/// The payments of a range with their payees, at most `limit`.
pub async fn payee_lines(
    tx: &mut Tx,
    book: BookId,
    first: i64,
    last: i64,
    limit: i64,
) -> Result<Vec<PayeeLine>, StoreError> {
    let args = [book.get().into(), first.into(), last.into(), limit.into()];
    let rows = tx.query(RUN_LINES, &args).await?;
    rows.iter()
        .map(|row| {
            Ok(PayeeLine {
                payment: PaymentId(row.int(0)?),
                amount: Fen::new(row.int(1)?),
                lines: row.int(2)?,
                payee: PartyId(row.int(3)?),
                township: row.text(4)?,
                village: row.text(5)?,
                name: row.text(6)?,
                reference_no: row.text(7)?,
                account_no: row.opt_text(8)?.unwrap_or_default(),
                holder_name: row.opt_text(9)?.unwrap_or_default(),
                bank_name: row.opt_text(10)?.unwrap_or_default(),
            })
        })
        .collect()
}

fn accrued_of(row: &Row) -> Result<Accrued, StoreError> {
    Ok(Accrued {
        subject: PartyId(row.int(1)?),
        component: ComponentId(row.int(2)?),
        month: month(row, 3)?,
        amount: Fen::new(row.int(4)?),
        lines: row.int(5)?,
    })
}
