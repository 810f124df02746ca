//! Cancelling a payment for good (取消发放): it is owed no more, and its money stays with the
//! appropriation, or is due to the treasury when an earlier year booked the expense.

use ledger::calendar::{Date, Month};
use ledger::disbursement::recovery::charged_again;
use ledger::id::{ExceptionId, PaymentId, ProposalId, UserId};
use ledger::journal::rules::{self, EarlierYear};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::journal::{self, Posted, Poster, VoucherDraft};
use ledger_store::settlement::{self as store, AnswerFact, AttemptFact, Cancellation};
use ledger_store::write::Write;

use super::{Error, not_found, recovery};

/// A payment to be cancelled, by two people.
pub(super) struct Cancel<'a> {
    pub(super) payment: PaymentId,
    pub(super) maker: UserId,
    pub(super) checker: UserId,
    pub(super) proposal: Option<ProposalId>,
    pub(super) exception: Option<ExceptionId>,
    pub(super) reason: &'a str,
    pub(super) on: Date,
}

impl Cancel<'_> {
    /// Books it.
    ///
    /// # Errors
    /// [`Kind::PaymentLive`] unless its last attempt failed or came back, and while a difference
    /// about it is open; [`Kind::RecoveryPaid`] when its payee has paid back what never arrived;
    /// [`Kind::FieldInvalid`] without a reason.
    pub(super) async fn book(&self, write: &mut Write) -> Result<Posted, Error> {
        if self.reason.trim().is_empty() {
            return Err(super::policy::invalid("reason", "", "原因 a reason"));
        }
        let but = self.exception.unwrap_or(ExceptionId(0));
        let (attempt, _) = failed_attempt(write, self.payment, but, CANCEL).await?;
        let (book, payment) = (write.book(), self.payment);
        let mut lines = store::lines_of(write.tx(), book, payment).await?;
        let year = self.expense_year(write, &attempt).await?;
        let same_year = year == Month::of(self.on).year();
        let (program, amount, mut postings) = (attempt.program, attempt.amount, Vec::new());
        // What its payee owes of it is owed no more; only the rest changes the expense.
        let returned = recovery::of_payment(write, (payment, amount), year, self.on).await?;
        let mut rest = amount;
        for part in &returned {
            part.post(program, payment, &mut postings);
            part.less(&mut lines)?;
            rest = rest.minus(part.amount())?;
        }
        let parts = charged_again(rest, &lines)?;
        if same_year {
            for (component, amount) in &parts {
                let cancelled = rules::cancelled_same_year;
                cancelled(program, *component, payment, *amount, &mut postings);
            }
        } else if rest > Fen::ZERO {
            let to = EarlierYear::Treasury;
            rules::cancelled_earlier_year(program, to, payment, rest, &mut postings);
        }
        let draft = VoucherDraft {
            on_date: self.on,
            summary: format!("取消发放 明细{payment}"),
            maker: self.maker,
            checker: Some(self.checker),
            source: "cancel",
            source_id: payment.get(),
            reverses: None,
        };
        let mut poster = Poster::begin(write, draft).await?;
        poster.push_all(write, &postings).await?;
        let posted = poster.finish(write).await?;
        let posted = posted.ok_or_else(|| not_found("凭证 voucher", payment))?;
        if same_year {
            let mut less = Vec::with_capacity(parts.len());
            for (component, amount) in parts {
                less.push((component, Fen::ZERO.minus(amount)?));
            }
            store::add_expense_change(write, (posted.id, program), &less).await?;
        }
        let home = attempt.draws.first().map(|(lot, _)| *lot);
        let row = Cancellation {
            payment,
            attempt: attempt.number + 1,
            proposal: self.proposal,
            exception: self.exception,
            program,
            appropriation: home.ok_or_else(|| not_found("指标 appropriation", payment))?,
            amount,
            same_year,
            voucher: posted.id,
            user: self.checker,
            reason: self.reason.to_owned(),
        };
        store::add_cancellation(write, &row).await?;
        let by = (posted.id, self.checker, self.on);
        for part in returned {
            part.store(write, payment, by).await?;
        }
        Ok(posted)
    }

    /// The year in which the expense was booked.
    async fn expense_year(&self, write: &mut Write, attempt: &AttemptFact) -> Result<i32, Error> {
        let (book, run) = (write.book(), attempt.origin.run);
        let voucher = journal::to_reverse(write.tx(), book, "run", run.get()).await?;
        let voucher = voucher.ok_or_else(|| not_found("凭证 voucher", run))?;
        Ok(voucher.posted.month.year())
    }
}

/// What a cancellation is called in a refusal.
const CANCEL: &str = "取消发放 cancel the payment";

/// The last attempt of a payment and its answer: it must have failed or come back, with nothing in
/// doubt but the difference `but`. `event` says what is refused otherwise.
///
/// # Errors
/// [`Kind::PaymentLive`]; [`Kind::ExceptionState`] while a difference about it is open;
/// [`Kind::NotFound`] for a payment that was never sent.
pub(super) async fn failed_attempt(
    write: &mut Write,
    payment: PaymentId,
    but: ExceptionId,
    event: &str,
) -> Result<(AttemptFact, AnswerFact), Error> {
    let book = write.book();
    let newest = store::newest_attempt(write.tx(), book, payment).await?;
    let newest = newest.ok_or_else(|| not_found("发放 attempt", payment))?;
    let attempt = store::attempt(write.tx(), book, (payment, newest)).await?;
    let attempt = attempt.ok_or_else(|| not_found("发放 attempt", payment))?;
    let answer = store::answer(write.tx(), book, (payment, newest)).await?;
    let failed = answer.filter(|answer| answer.kind != "paid" && attempt.last == newest);
    let failed = failed.ok_or_else(|| Problem::new(Kind::PaymentLive).with("payment", payment))?;
    match store::disputed(write.tx(), book, payment, but).await? {
        Some(exception) => Err(Problem::new(Kind::ExceptionState)
            .with("id", exception)
            .with("state", "未处理")
            .with("event", event)
            .into()),
        None => Ok((attempt, failed)),
    }
}
