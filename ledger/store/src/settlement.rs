//! What settling a difference needs to know, and what it leaves: answers that count no more,
//! settlements, withdrawn returns and cancelled payments.

use crate::boxed;
use ledger::calendar::{Date, parse_date};
use ledger::id::{
    AppropriationId, BankAccountId, BatchId, BookId, ComponentId, ExceptionId, PartyId, PaymentId,
    ProgramId, ProposalId, ReturnId, RunId, UserId, VoucherId,
};
use ledger::money::Fen;

use crate::batch;
use crate::catalogue::sql;
use crate::constraint::Failure;
use crate::db::{Row, RowBuffer, Tx, Value};
use crate::error::StoreError;
use crate::policy::DebitStyle;
use crate::seal::Loader;
use crate::success::Origin;
use crate::table;
use crate::write::Write;

sql! {
    NEWEST_ATTEMPT = "select max(attempt_no) from attempt
        where book_id = $1 and payment_id = $2 and kind = 'pay'";
    ATTEMPT = "select t.batch_id, p.amount_fen, t.appropriation_id, t.account_version, p.run_id,
        p.area_id, p.payee_id, r.program_id, b.bank_account_id, b.sent_on, a.debit_style,
        w.bank_account_id,
        (select max(v.version) from payee_account v
            where v.book_id = p.book_id and v.payee_id = p.payee_id),
        (select max(x.attempt_no) from attempt x
            where x.book_id = t.book_id and x.payment_id = t.payment_id),
        (select max(x.attempt_no) from attempt x where x.book_id = t.book_id
            and x.payment_id = t.payment_id and x.kind = 'cancel'),
        (select cast(count(*) as bigint) from refund_receipt_now h where h.book_id = t.book_id
            and h.payment_id = t.payment_id and h.attempt_no = t.attempt_no),
        (select cast(count(*) as bigint) from exception_settlement c where c.book_id = t.book_id
            and c.payment_id = t.payment_id and c.attempt_no = t.attempt_no
            and c.effect = 'claim'),
        (select (coalesce(max(v.step), 0) + 1) / 2 * 2 + 1 from outcome_void v
            where v.book_id = t.book_id and v.payment_id = t.payment_id
            and v.attempt_no = t.attempt_no)
        from attempt t
        join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
        join run r on r.book_id = p.book_id and r.run_id = p.run_id
        join batch b on b.book_id = t.book_id and b.batch_id = t.batch_id
        join bank_account a on a.book_id = b.book_id and a.bank_account_id = b.bank_account_id
        join attempt f on f.book_id = t.book_id and f.payment_id = t.payment_id
            and f.attempt_no = 1
        join batch w on w.book_id = f.book_id and w.batch_id = f.batch_id
        where t.book_id = $1 and t.payment_id = $2 and t.attempt_no = $3 and t.kind = 'pay'";
    ANSWER = "select step, kind, source_id, reason, (select max(x.step) / 2 * 2 + 2 from outcome x
            where x.book_id = $1 and x.payment_id = $2 and x.attempt_no = $3) from outcome_now
        where book_id = $1 and payment_id = $2 and attempt_no = $3 order by step desc limit 1";
    CLEARED = "select user_id from re_pay_clearance where book_id = $1 and payment_id = $2
        and attempt_no = $3 and step = $4";
    ANSWERS_OF_RETURN = "select t.payment_id, t.attempt_no, o.step, o.kind, o.reason,
        p.amount_fen, p.run_id, p.area_id, w.bank_account_id from attempt t
        join outcome_now o on o.book_id = t.book_id and o.payment_id = t.payment_id
            and o.attempt_no = t.attempt_no and o.source_id = $3 and o.kind <> 'refunded'
        join payment p on p.book_id = t.book_id and p.payment_id = t.payment_id
        join attempt f on f.book_id = t.book_id and f.payment_id = t.payment_id
            and f.attempt_no = 1
        join batch w on w.book_id = f.book_id and w.batch_id = f.batch_id
        where t.book_id = $1 and t.batch_id = $2 and t.line_no > 0
        order by t.payment_id + 0, t.attempt_no";
    BUILT_ON = "select
        (select cast(count(*) as bigint) from attempt t
            join outcome_now o on o.book_id = t.book_id and o.payment_id = t.payment_id
                and o.attempt_no = t.attempt_no and o.source_id = $3 and o.kind <> 'refunded'
            join attempt x on x.book_id = t.book_id and x.payment_id = t.payment_id
                and x.attempt_no = t.attempt_no + 1
            where t.book_id = $1 and t.batch_id = $2 and t.line_no > 0),
        (select cast(count(*) as bigint) from attempt t
            join outcome_now o on o.book_id = t.book_id and o.payment_id = t.payment_id
                and o.attempt_no = t.attempt_no and o.source_id = $3 and o.kind <> 'refunded'
            join outcome_now x on x.book_id = t.book_id and x.payment_id = t.payment_id
                and x.attempt_no = t.attempt_no and x.kind = 'refunded'
            where t.book_id = $1 and t.batch_id = $2 and t.line_no > 0),
        (select cast(count(*) as bigint) from attempt t
            join outcome_now o on o.book_id = t.book_id and o.payment_id = t.payment_id
                and o.attempt_no = t.attempt_no and o.source_id = $3 and o.kind <> 'refunded'
            join refund_receipt_now h on h.book_id = t.book_id and h.payment_id = t.payment_id
                and h.attempt_no = t.attempt_no
            where t.book_id = $1 and t.batch_id = $2 and t.line_no > 0),
        (select cast(count(*) as bigint) from statement_match l where l.book_id = $1
            and l.match_kind = 'return' and l.match_id = $3),
        (select cast(count(*) as bigint) from exception d
            join exception_settlement c on c.book_id = d.book_id
                and c.exception_id = d.exception_id and c.effect <> 'none'
            where d.book_id = $1 and d.source = 'return' and d.source_id = $3),
        (select cast(count(*) as bigint) from outcome_void v
            where v.book_id = $1 and v.return_id = $3)";
    OPEN_OF_RETURN = "select x.exception_id from exception x
        where x.book_id = $1 and x.source = 'return' and x.source_id = $2
        and not exists (select 1 from exception_event e where e.book_id = x.book_id
            and e.exception_id = x.exception_id and e.state = 'settled')
        order by x.exception_id";
    DISPUTES = "select min(x.exception_id) from exception x
        where x.book_id = $1 and x.payment_id = $2 and x.exception_id <> $3
        and not exists (select 1 from exception_event e where e.book_id = x.book_id
            and e.exception_id = x.exception_id and e.state = 'settled')";
    LINES_OF_PAYMENT = "select component_id, cast(sum(amount_fen) as bigint) from payment_line
        where book_id = $1 and payment_id = $2 group by component_id order by component_id";
    WITHDRAWN_CONTENT = "select cast(count(*) as bigint) from return_file r
        join return_withdrawal w on w.book_id = r.book_id and w.return_id = r.return_id
        where r.book_id = $1 and r.batch_id = $2 and r.file_id = $3";
    SETTLEMENTS = "select c.exception_id, c.effect, c.other_id, c.amount_fen,
        coalesce(v.month, ''), coalesce(v.number, 0), coalesce(v.voucher_id, 0)
        from exception_settlement c
        left join voucher v on v.book_id = c.book_id and v.voucher_id = c.voucher_id
        where c.book_id = $1 and c.exception_id >= $2 and c.exception_id <= $3
        order by c.exception_id";
}

/// An attempt with what a settlement asks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptFact {
    /// Of which payment.
    pub payment: PaymentId,
    /// Which attempt.
    pub number: i64,
    /// In which batch.
    pub batch: BatchId,
    /// How much.
    pub amount: Fen,
    /// The appropriations that it drew on.
    pub draws: Vec<(AppropriationId, Fen)>,
    /// The account version that was tried.
    pub tried_version: i64,
    /// The newest account version.
    pub newest_version: i64,
    /// To whom.
    pub payee: PartyId,
    /// The program of its run.
    pub program: ProgramId,
    /// The paying account.
    pub bank_account: BankAccountId,
    /// How its bank debits.
    pub style: DebitStyle,
    /// When it went out.
    pub sent_on: Date,
    /// Where it counts in the success rates.
    pub origin: Origin,
    /// The newest attempt of the payment, a cancellation among them.
    pub last: i64,
    /// Whether the payment is cancelled.
    pub cancelled: bool,
    /// Whether its money is home.
    pub home: bool,
    /// Whether it was paid beside a later attempt.
    pub claimed: bool,
    /// The step that its next answer takes.
    pub step: i64,
}

/// The answer of an attempt that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerFact {
    /// Its step.
    pub step: i64,
    /// `paid`, `failed` or `refunded`.
    pub kind: String,
    /// The return, or for a refund the statement.
    pub source: i64,
    /// The normalised reason; empty when paid.
    pub reason: String,
    /// The step that a refund after it takes.
    pub refund_step: i64,
}

/// The newest attempt of a payment to pay it; none before its first.
#[boxed]
pub async fn newest_attempt(
    tx: &mut Tx,
    book: BookId,
    payment: PaymentId,
) -> Result<Option<i64>, StoreError> {
    let args = [book.get().into(), payment.get().into()];
    tx.query_one(NEWEST_ATTEMPT, &args).await?.opt_int(0)
}

/// An attempt to pay; none when there is no such one.
#[boxed]
pub async fn attempt(
    tx: &mut Tx,
    book: BookId,
    (payment, number): (PaymentId, i64),
) -> Result<Option<AttemptFact>, StoreError> {
    let args = [book.get().into(), payment.get().into(), number.into()];
    let Some(row) = tx.query_opt(ATTEMPT, &args).await? else {
        return Ok(None);
    };
    let amount = Fen::new(row.int(1)?);
    let draws = match row.opt_int(2)? {
        Some(lot) => vec![(AppropriationId(lot), amount)],
        None => batch::parts_of(tx, book, payment, number).await?,
    };
    let sent_on = row.text(9)?;
    Ok(Some(AttemptFact {
        payment,
        number,
        batch: BatchId(row.int(0)?),
        amount,
        draws,
        tried_version: row.int(3)?,
        newest_version: row.opt_int(12)?.unwrap_or(0),
        payee: PartyId(row.int(6)?),
        program: ProgramId(row.int(7)?),
        bank_account: BankAccountId(row.int(8)?),
        style: match row.text_ref(10)? {
            "whole" => DebitStyle::Whole,
            _ => DebitStyle::Succeeded,
        },
        sent_on: parse_date(&sent_on).map_err(|_| StoreError::inconsistent("batch", "sent_on"))?,
        origin: Origin {
            run: RunId(row.int(4)?),
            bank_account: BankAccountId(row.int(11)?),
            area: row.int(5)?,
        },
        last: row.int(13)?,
        cancelled: row.opt_int(14)?.is_some(),
        home: row.int(15)? > 0,
        claimed: row.int(16)? > 0,
        step: row.int(17)?,
    }))
}

/// The answer of an attempt that counts: the newest.
#[boxed]
pub async fn answer(
    tx: &mut Tx,
    book: BookId,
    (payment, number): (PaymentId, i64),
) -> Result<Option<AnswerFact>, StoreError> {
    let args = [book.get().into(), payment.get().into(), number.into()];
    let row = tx.query_opt(ANSWER, &args).await?;
    row.map(|row| {
        Ok(AnswerFact {
            step: row.int(0)?,
            kind: row.text(1)?,
            source: row.int(2)?,
            reason: row.text(3)?,
            refund_step: row.int(4)?,
        })
    })
    .transpose()
}

/// An answer that a return gave and that still counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Of which payment.
    pub payment: PaymentId,
    /// Of which attempt.
    pub attempt: i64,
    /// Its step.
    pub step: i64,
    /// Whether it was paid.
    pub paid: bool,
    /// The normalised reason; empty when paid.
    pub reason: String,
    /// How much.
    pub amount: Fen,
    /// Where it counts in the success rates.
    pub origin: Origin,
}

/// The answers of a return that count, in payment order.
#[boxed]
pub async fn given(
    tx: &mut Tx,
    book: BookId,
    (batch, id): (BatchId, ReturnId),
) -> Result<Vec<Given>, StoreError> {
    let args = [book.get().into(), batch.get().into(), id.get().into()];
    let mut all = Vec::new();
    tx.stream(ANSWERS_OF_RETURN, &args, |row| {
        all.push(given_of(row)?);
        Ok::<(), StoreError>(())
    })
    .await?;
    Ok(all)
}

fn given_of(row: &Row) -> Result<Given, StoreError> {
    Ok(Given {
        payment: PaymentId(row.int(0)?),
        attempt: row.int(1)?,
        step: row.int(2)?,
        paid: row.text_ref(3)? == "paid",
        reason: row.text(4)?,
        amount: Fen::new(row.int(5)?),
        origin: Origin {
            run: RunId(row.int(6)?),
            bank_account: BankAccountId(row.int(8)?),
            area: row.int(7)?,
        },
    })
}

/// What stands on the answers of a return: later attempts, refunds after success, refunds that are
/// home, debits of a statement, settlements, and answers that were voided since.
#[boxed]
pub async fn built_on(
    tx: &mut Tx,
    book: BookId,
    (batch, id): (BatchId, ReturnId),
) -> Result<[i64; 6], StoreError> {
    let args = [book.get().into(), batch.get().into(), id.get().into()];
    let row = tx.query_one(BUILT_ON, &args).await?;
    let mut counts = [0; 6];
    for (column, count) in counts.iter_mut().enumerate() {
        *count = row.int(column)?;
    }
    Ok(counts)
}

/// The exceptions of a return that nobody has settled.
#[boxed]
pub async fn open_of_return(
    tx: &mut Tx,
    book: BookId,
    id: ReturnId,
) -> Result<Vec<ExceptionId>, StoreError> {
    let args = [book.get().into(), id.get().into()];
    let rows = tx.query(OPEN_OF_RETURN, &args).await?;
    rows.iter()
        .map(|row| Ok(ExceptionId(row.int(0)?)))
        .collect()
}

/// An unsettled exception of a payment, but for one; none when there is none.
#[boxed]
pub async fn disputed(
    tx: &mut Tx,
    book: BookId,
    payment: PaymentId,
    but: ExceptionId,
) -> Result<Option<i64>, StoreError> {
    let args = [book.get().into(), payment.get().into(), but.get().into()];
    tx.query_one(DISPUTES, &args).await?.opt_int(0)
}

/// What a payment is for, by component.
#[boxed]
pub async fn lines_of(
    tx: &mut Tx,
    book: BookId,
    payment: PaymentId,
) -> Result<Vec<(ComponentId, Fen)>, StoreError> {
    let args = [book.get().into(), payment.get().into()];
    let rows = tx.query(LINES_OF_PAYMENT, &args).await?;
    rows.iter()
        .map(|row| Ok((ComponentId(row.int(0)?), Fen::new(row.int(1)?))))
        .collect()
}

/// How often a return of this file to this batch was withdrawn.
#[boxed]
pub async fn withdrawals(
    tx: &mut Tx,
    book: BookId,
    batch: BatchId,
    file: ledger::id::FileId,
) -> Result<i64, StoreError> {
    let args = [book.get().into(), batch.get().into(), file.get().into()];
    tx.query_one(WITHDRAWN_CONTENT, &args).await?.int(0)
}

/// Voids answers: they count no more; without a return they are refunds that a statement showed. In
/// payment order.
///
/// # Errors
/// [`ledger::problem::Kind::AnswerBuiltOn`] when a later attempt or a refund stands on one.
#[boxed]
pub async fn void(
    write: &mut Write,
    (id, voucher): (Option<ReturnId>, Option<VoucherId>),
    answers: &[(PaymentId, i64, i64)],
) -> Result<(), Failure> {
    let mut loader = Loader::new(&table::OUTCOME_VOID);
    for (payment, attempt, step) in answers {
        let row = loader.rows();
        row.int(write.book().get()).int(payment.get()).int(*attempt);
        row.int(*step).int(id.map_or(0, ReturnId::get));
        row.int(voucher.map_or(0, VoucherId::get)).end();
        loader.step(write).await?;
    }
    loader.finish(write).await?;
    Ok(())
}

/// A withdrawn return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Which return.
    pub id: ReturnId,
    /// The proposal that was confirmed.
    pub proposal: ProposalId,
    /// How many of its answers count no more.
    pub lines: i64,
    /// What turned back its voucher.
    pub voucher: Option<VoucherId>,
    /// Who confirmed it.
    pub user: UserId,
    /// Why.
    pub reason: String,
}

/// Keeps that a return was withdrawn.
#[boxed]
pub async fn add_withdrawal(write: &mut Write, row: &Withdrawal) -> Result<(), Failure> {
    let values: [Value; 7] = [
        write.book().get().into(),
        row.id.get().into(),
        row.proposal.get().into(),
        row.lines.into(),
        row.voucher.map_or(0, VoucherId::get).into(),
        row.user.get().into(),
        row.reason.as_str().into(),
    ];
    Ok(write.insert_one(&table::RETURN_WITHDRAWAL, values).await?)
}

/// What settling a difference did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The code of its effect.
    pub effect: &'static str,
    /// The payment concerned.
    pub payment: Option<PaymentId>,
    /// Which attempt of it; 0 for none.
    pub attempt: i64,
    /// The difference that it was settled against.
    pub other: Option<ExceptionId>,
    /// The bank account concerned.
    pub bank_account: Option<BankAccountId>,
    /// The program concerned.
    pub program: Option<ProgramId>,
    /// How much it moved; zero for the other side of two that undo each other.
    pub amount: Fen,
    /// What it booked.
    pub voucher: Option<VoucherId>,
}

/// Keeps what settling a difference did: who proposed it, and who confirmed it.
///
/// # Errors
/// [`ledger::problem::Kind::ExceptionState`] when it is settled already.
#[boxed]
pub async fn add_settlement(
    write: &mut Write,
    id: ExceptionId,
    (proposer, user): (UserId, UserId),
    row: &Settlement,
) -> Result<(), Failure> {
    let values: [Value; 12] = [
        write.book().get().into(),
        id.get().into(),
        row.effect.into(),
        row.payment.map_or(0, PaymentId::get).into(),
        row.attempt.into(),
        row.other.map_or(0, ExceptionId::get).into(),
        row.bank_account.map_or(0, BankAccountId::get).into(),
        row.program.map_or(0, ProgramId::get).into(),
        row.amount.get().into(),
        row.voucher.map_or(0, VoucherId::get).into(),
        proposer.get().into(),
        user.get().into(),
    ];
    let table = &table::EXCEPTION_SETTLEMENT;
    Ok(write.insert_one(table, values).await?)
}

/// A settlement as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Of which difference.
    pub exception: ExceptionId,
    /// The code of its effect.
    pub effect: String,
    /// The difference that it was settled against; 0 for none.
    pub other: i64,
    /// How much it moved.
    pub amount: Fen,
    /// Month, number and id of the voucher; none when nothing was booked.
    pub voucher: Option<(String, i64, VoucherId)>,
}

/// The settlements of the differences between two numbers.
#[boxed]
pub async fn settlements(
    tx: &mut Tx,
    book: BookId,
    (first, last): (i64, i64),
) -> Result<Vec<Settled>, StoreError> {
    let args = [book.get().into(), first.into(), last.into()];
    let rows = tx.query(SETTLEMENTS, &args).await?;
    rows.iter()
        .map(|row| {
            let voucher = (row.text(4)?, row.int(5)?, VoucherId(row.int(6)?));
            Ok(Settled {
                exception: ExceptionId(row.int(0)?),
                effect: row.text(1)?,
                other: row.int(2)?,
                amount: Fen::new(row.int(3)?),
                voucher: Some(voucher).filter(|voucher| voucher.2.get() > 0),
            })
        })
        .collect()
}

/// A payment that is cancelled for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    /// Which payment.
    pub payment: PaymentId,
    /// The number that the cancellation takes among its attempts.
    pub attempt: i64,
    /// The proposal that was confirmed; none when a difference was settled so.
    pub proposal: Option<ProposalId>,
    /// The difference that was settled so.
    pub exception: Option<ExceptionId>,
    /// Of which program.
    pub program: ProgramId,
    /// The appropriation that its money goes home to.
    pub appropriation: AppropriationId,
    /// How much.
    pub amount: Fen,
    /// Whether this year's expense is less by it; otherwise it is due to the treasury.
    pub same_year: bool,
    /// What it booked.
    pub voucher: VoucherId,
    /// Who confirmed it.
    pub user: UserId,
    /// Why.
    pub reason: String,
}

/// Keeps a cancellation and takes the next number among the attempts of the payment, so that it is
/// never tried again.
///
/// # Errors
/// [`ledger::problem::Kind::PaymentLive`] when the last attempt neither failed nor came back.
#[boxed]
pub async fn add_cancellation(write: &mut Write, row: &Cancellation) -> Result<(), Failure> {
    let book = write.book().get();
    let attempt: [Value; 8] = [
        book.into(),
        row.payment.get().into(),
        row.attempt.into(),
        "cancel".into(),
        0.into(),
        row.payment.get().into(),
        0.into(),
        Value::from(None::<i64>),
    ];
    write.insert_one(&table::ATTEMPT, attempt).await?;
    let values: [Value; 12] = [
        book.into(),
        row.payment.get().into(),
        row.attempt.into(),
        row.proposal.map_or(0, ProposalId::get).into(),
        row.exception.map_or(0, ExceptionId::get).into(),
        row.program.get().into(),
        row.appropriation.get().into(),
        row.amount.get().into(),
        if row.same_year { "same" } else { "earlier" }.into(),
        row.voucher.get().into(),
        row.user.get().into(),
        row.reason.as_str().into(),
    ];
    Ok(write.insert_one(&table::CANCELLATION, values).await?)
}

/// 准予补发: what made an attempt fail is gone, so that it may be tried again with the same account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clearance {
    /// Which payment, and which attempt of it failed or came back.
    pub attempt: (PaymentId, i64),
    /// The answer that said so: its step among the answers of the attempt.
    pub step: i64,
    /// The proposal that was confirmed; none when a difference was settled so.
    pub proposal: Option<ProposalId>,
    /// The difference that was settled so.
    pub exception: Option<ExceptionId>,
    /// Who confirmed it.
    pub user: UserId,
    /// Why, in one's own words.
    pub reason: String,
}

/// Whether this failure is cleared already.
#[boxed]
pub async fn is_cleared(write: &mut Write, row: &Clearance) -> Result<bool, StoreError> {
    let args = [
        write.book().get().into(),
        row.attempt.0.get().into(),
        row.attempt.1.into(),
        row.step.into(),
    ];
    Ok(!write.tx().query(CLEARED, &args).await?.is_empty())
}

/// Keeps that payments may be tried again with the same accounts.
///
/// # Errors
/// [`ledger::problem::Kind::PaymentLive`] when the last answer of a payment is not that it failed
/// or came back; [`ledger::problem::Kind::AlreadyExists`] for the second clearance of one failure.
#[boxed]
pub async fn add_clearances(write: &mut Write, cleared: &[Clearance]) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::RE_PAY_CLEARANCE);
    for row in cleared {
        rows.int(write.book().get()).int(row.attempt.0.get());
        rows.int(row.attempt.1).int(row.step);
        rows.int(row.proposal.map_or(0, ProposalId::get));
        rows.int(row.exception.map_or(0, ExceptionId::get));
        rows.int(row.user.get()).text(&row.reason).end();
    }
    Ok(write.insert(&table::RE_PAY_CLEARANCE, rows).await?)
}

/// Keeps by how much the expense of a voucher's year changed, by component: more, or less.
#[boxed]
pub async fn add_expense_change(
    write: &mut Write,
    (voucher, program): (VoucherId, ProgramId),
    parts: &[(ComponentId, Fen)],
) -> Result<(), Failure> {
    let mut rows = RowBuffer::of(&table::EXPENSE_CHANGE);
    for (component, amount) in parts {
        rows.int(write.book().get()).int(voucher.get());
        rows.int(program.get()).int(component.get());
        rows.int(amount.get()).end();
    }
    Ok(write.insert(&table::EXPENSE_CHANGE, rows).await?)
}
