//! What settling a difference does to the books: one function for each effect of
//! [`reconciliation::resolution`].

use ledger::calendar::{Date, Month, parse_date};
use ledger::id::{BankAccountId, ExceptionId, PaymentId, ProgramId, ReturnId, UserId, VoucherId};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger::problem::{Kind, Language, Problem};
use ledger_store::answer::{self, Outcome, Return};
use ledger_store::exception::{self as store, Exception, ExceptionState};
use ledger_store::journal::{Posted, Poster, VoucherDraft};
use ledger_store::policy::DebitStyle;
use ledger_store::settlement::{self, AnswerFact, AttemptFact, Clearance, Settlement};
use ledger_store::statement::{self, Link};
use ledger_store::success::{Change, Event};
use ledger_store::write::Write;
use reconciliation::answer::ExceptionKind;
use reconciliation::resolution::{Effect, Plan, Resolution, effects, is_debit, offered};

use super::super::returns::AnswerLinePosting;
use super::super::{Caller, Error, cancel, not_found};

/// Why a debit is not ignored, and what settles it.
const MONEY_LEFT: &str = "钱已离开账户,不能不予采用:银行冲回后对应该笔收款(X…),\
    或对应批次(B…)、缴回或重复发放的凭证(V…),手续费可从利息列支 / \
    the money left the account: match its reversal, batches or vouchers, or charge a fee";

/// A difference on its way to be settled.
pub(super) struct Settling<'a> {
    /// The one who confirms, or who proposes and wants to know whether it can be done.
    pub(super) caller: &'a Caller,
    /// The one who proposed it.
    pub(super) proposer: UserId,
    /// What.
    pub(super) exception: &'a Exception,
    /// How.
    pub(super) plan: &'a Plan,
    /// The day of its voucher.
    pub(super) on: Date,
}

/// Does what the plan says.
///
/// # Errors
/// [`Kind::ExceptionResolution`] when the difference cannot be settled so, and refusals of the
/// books.
pub(super) async fn settle(write: &mut Write, s: &Settling<'_>) -> Result<Settled, Error> {
    let kind = kind_of(s.exception)?;
    let effects = effects(kind, s.plan.resolution);
    let Some(first) = effects.first() else {
        return Err(s.refuse(match (s.plan.resolution, is_debit(kind)) {
            (Resolution::Ignore, true) => MONEY_LEFT,
            _ => "此类差异没有这种处理 not offered for this kind",
        }));
    };
    let in_words = [Resolution::Ignore, Resolution::WriteOff, Resolution::Cancel];
    if in_words.contains(&s.plan.resolution) && s.exception.note.trim().is_empty() {
        return Err(s.refuse("须写明理由 give a reason in the note"));
    }
    let settlement = match (first, s.plan.resolution) {
        (Effect::Corrected, _) => return s.corrected(write).await,
        (Effect::Refund | Effect::Offset, Resolution::ForceMatch) if s.by_hand() => {
            return s.linked(write).await;
        }
        (Effect::Refund, _) if s.plan.other.is_none() => s.refund(write).await,
        (Effect::Refund | Effect::Offset | Effect::ClaimHome, _) => {
            return s.against_credit(write).await;
        }
        (Effect::Answer, Resolution::ForceMatch) => match s.plan.paid {
            Some(paid) => s.answered(write, paid).await,
            None => Err(s.refuse("须指明成功或失败 say paid or failed")),
        },
        (Effect::Answer, Resolution::Account) => {
            s.corrected_account(write).await?;
            s.answered(write, false).await
        }
        (Effect::Answer, Resolution::RePay) => s.cleared(write).await,
        (Effect::Answer, _) => s.answered(write, false).await,
        (Effect::Cancelled, _) => s.cancelled(write).await,
        (Effect::Treasury, _) => s.treasury(write).await,
        (Effect::WrittenOff, _) => s.written_off(write).await,
        (Effect::Charged, _) => s.charged(write).await,
        (Effect::Returned, _) => s.returned(write).await,
        (
            Effect::Nothing | Effect::RefundLate | Effect::Claim | Effect::Linked | Effect::Funded,
            _,
        ) => Ok(nothing()),
    };
    settlement.map(Settled::alone)
}

/// What settling a difference did, and what it means for others. The caller keeps all of it, in
/// the order of their numbers.
pub(super) struct Settled {
    /// Of the difference itself.
    pub(super) settlement: Settlement,
    /// The difference that is settled with it.
    pub(super) other: Option<(Exception, Settlement)>,
    /// A difference that it leaves open.
    pub(super) opened: Option<Exception>,
    /// What movements were found to be.
    pub(super) links: Vec<Link>,
}

impl Settled {
    pub(super) fn alone(settlement: Settlement) -> Settled {
        Settled {
            settlement,
            other: None,
            opened: None,
            links: Vec::new(),
        }
    }
}

/// Nothing moves.
pub(super) fn nothing() -> Settlement {
    Settlement {
        effect: Effect::Nothing.code(),
        payment: None,
        attempt: 0,
        other: None,
        bank_account: None,
        program: None,
        amount: Fen::ZERO,
        voucher: None,
    }
}

/// The effect of a refund that came home: of a failure, or after success.
pub(super) fn refund_effect(late: bool) -> Effect {
    match late {
        true => Effect::RefundLate,
        false => Effect::Refund,
    }
}

/// The kind of a difference.
pub(super) fn kind_of(exception: &Exception) -> Result<ExceptionKind, Error> {
    let kind = ExceptionKind::from_code(&exception.kind);
    kind.ok_or_else(|| not_found("差异种类 kind of exception", &exception.kind))
}

/// What a difference of this kind can be settled by, in words.
pub(super) fn ways(kind: ExceptionKind) -> String {
    let ways = offered(kind).map(|one| format!("{} {}", one.code(), one.name(Language::Zh)));
    ways.collect::<Vec<_>>().join("、")
}

impl Settling<'_> {
    pub(super) fn refuse(&self, detail: &str) -> Error {
        let kind = ExceptionKind::from_code(&self.exception.kind);
        Problem::new(Kind::ExceptionResolution)
            .with("id", self.exception.id)
            .with("kind", kind.map_or("", |kind| kind.name(Language::Zh)))
            .with("detail", detail)
            .with("offered", kind.map(ways).unwrap_or_default())
            .into()
    }

    /// The attempt that the plan names, or that the difference is about.
    pub(super) async fn attempt(&self, write: &mut Write) -> Result<AttemptFact, Error> {
        let about = (self.exception.payment, Some(self.exception.attempt));
        let (payment, number) = match self.plan.payment {
            Some(named) => named,
            None if self.exception.payment > 0 => about,
            None => return Err(self.refuse("须指明明细,如 P12-1 / name the payment, as P12-1")),
        };
        let (book, payment) = (write.book(), PaymentId(payment));
        let number = match number.filter(|number| *number > 0) {
            Some(number) => number,
            None => settlement::newest_attempt(write.tx(), book, payment)
                .await?
                .unwrap_or(0),
        };
        let fact = settlement::attempt(write.tx(), book, (payment, number)).await?;
        fact.ok_or_else(|| not_found("发放 attempt", format!("P{payment}-{number}")))
    }

    pub(super) async fn known(
        &self,
        write: &mut Write,
        of: &AttemptFact,
    ) -> Result<Option<AnswerFact>, Error> {
        let book = write.book();
        Ok(settlement::answer(write.tx(), book, (of.payment, of.number)).await?)
    }

    /// What moved for an attempt.
    pub(super) fn moved(
        &self,
        effect: Effect,
        of: &AttemptFact,
        voucher: Option<VoucherId>,
    ) -> Settlement {
        Settlement {
            effect: effect.code(),
            payment: Some(of.payment),
            attempt: of.number,
            other: None,
            bank_account: Some(of.bank_account),
            program: Some(of.program),
            amount: of.amount,
            voucher,
        }
    }

    /// The line answers an attempt that the bank has not answered.
    async fn answered(&self, write: &mut Write, paid: bool) -> Result<Settlement, Error> {
        let attempt = self.attempt(write).await?;
        if self.known(write, &attempt).await?.is_some() {
            return Err(self.refuse("此笔银行已有答复 the bank has answered this attempt"));
        }
        let voucher = self.one_line_return(write, &attempt, paid).await?;
        Ok(self.moved(Effect::Answer, &attempt, voucher))
    }

    /// The payee has another account than the one that was tried.
    async fn corrected_account(&self, write: &mut Write) -> Result<(), Error> {
        let attempt = self.attempt(write).await?;
        match attempt.newest_version > attempt.tried_version {
            true => Ok(()),
            false => Err(self.refuse(
                "收款账户尚未更正,先导入更正后的名册 the account is not corrected: import the roster",
            )),
        }
    }

    /// It was not paid, and the next re-pay run tries it again as it is.
    async fn cleared(&self, write: &mut Write) -> Result<Settlement, Error> {
        let attempt = self.attempt(write).await?;
        let settled = self.answered(write, false).await?;
        let cleared = Clearance {
            attempt: (attempt.payment, attempt.number),
            step: attempt.step,
            proposal: None,
            exception: Some(self.exception.id),
            user: self.caller.user.id,
            reason: self.exception.note.clone(),
        };
        settlement::add_clearances(write, &[cleared]).await?;
        Ok(settled)
    }

    /// It was not paid, and is not owed any more.
    async fn cancelled(&self, write: &mut Write) -> Result<Settlement, Error> {
        let settled = self.answered(write, false).await?;
        let payment = settled.payment.unwrap_or(PaymentId(0));
        let order = cancel::Cancel {
            payment,
            maker: self.proposer,
            checker: self.caller.user.id,
            proposal: None,
            exception: Some(self.exception.id),
            reason: &self.exception.note,
            on: self.on,
        };
        let posted = order.book(write).await?;
        Ok(Settlement {
            effect: Effect::Cancelled.code(),
            voucher: Some(posted.id),
            ..settled
        })
    }

    /// The later answer counts: the earlier one is voided and the opposite booked; or, when it was
    /// paid again meanwhile, the money is claimed back.
    async fn corrected(&self, write: &mut Write) -> Result<Settled, Error> {
        let attempt = self.attempt(write).await?;
        let known = self.known(write, &attempt).await?;
        let known = known.filter(|known| known.kind != "refunded");
        let known = known.ok_or_else(|| self.refuse("此笔没有可更正的答复 nothing to correct"))?;
        if attempt.home {
            return Err(self.refuse("退款已到账,以到账为准 the money is home: ignore the answer"));
        }
        if attempt.last > attempt.number {
            return self.claim(write, &attempt).await;
        }
        let was_paid = known.kind == "paid";
        self.void(write, &attempt, &known).await?;
        let again = AttemptFact {
            step: known.step + 2,
            ..attempt
        };
        let voucher = self.one_line_return(write, &again, !was_paid).await?;
        Ok(Settled::alone(self.moved(
            Effect::Corrected,
            &again,
            voucher,
        )))
    }

    /// The answer counts no more, and what it booked is turned back.
    async fn void(
        &self,
        write: &mut Write,
        attempt: &AttemptFact,
        known: &AnswerFact,
    ) -> Result<(), Error> {
        let book = write.book();
        let returns = answer::returns(write.tx(), book).await?;
        let source = returns.iter().find(|one| one.id.get() == known.source);
        let source = source.ok_or_else(|| not_found("回盘 return", known.source))?;
        let booked = parse_date(&source.imported_on).map_err(anyhow::Error::from)?;
        let (year, now) = (Month::of(booked).year(), Month::of(self.on).year());
        if year != now && attempt.style == DebitStyle::Succeeded {
            return Err(self.refuse("上年的答复不能更正 an answer of an earlier year"));
        }
        let paid = known.kind == "paid";
        let mut postings = Vec::new();
        line(attempt, paid, booked).push(&attempt.draws, &mut postings);
        let postings: Vec<Posting> = postings.iter().map(|one| one.reversed()).collect();
        let summary = format!("更正银行答复 差异{}", self.exception.id);
        let posted = self.post(write, summary, &postings).await?;
        let (id, voucher) = (Some(ReturnId(known.source)), Some(posted.id));
        let voided = [(attempt.payment, attempt.number, known.step)];
        settlement::void(write, (id, voucher), &voided).await?;
        let mut change = Change::new();
        let event = match paid {
            true => Event::Paid,
            false => Event::Failed(&known.reason),
        };
        change.take_back(attempt.origin, attempt.number, attempt.amount, event)?;
        Ok(change.store(write).await?)
    }

    /// What two people read from a line is a return of one line.
    async fn one_line_return(
        &self,
        write: &mut Write,
        attempt: &AttemptFact,
        paid: bool,
    ) -> Result<Option<VoucherId>, Error> {
        let book = write.book();
        let returns = answer::returns(write.tx(), book).await?;
        let source = returns
            .iter()
            .find(|one| one.id.get() == self.exception.source_id);
        let source = source.ok_or_else(|| not_found("回盘 return", self.exception.source_id))?;
        let id = ReturnId(write.allot("return", 1).await?);
        let name = format!("exception/{}", self.exception.id);
        let total = if paid { attempt.amount } else { Fen::ZERO };
        let stored = Return {
            id,
            batch: attempt.batch,
            content_hash: ledger::audit::hex::document_hash(name.as_bytes()),
            lines: 1,
            paid: i64::from(paid),
            failed: i64::from(!paid),
            pending: 0,
            repeated: 0,
            exceptions: 0,
            paid_total: total,
            imported_on: self.on.to_string(),
            ..source.clone()
        };
        answer::add_return(write, &stored).await?;
        let reason = if paid { "" } else { "other" };
        let outcome = Outcome {
            payment: attempt.payment,
            attempt: attempt.number,
            step: attempt.step,
            kind: if paid { "paid" } else { "failed" },
            reason: reason.to_owned(),
            reason_text: format!("差异{} {}", self.exception.id, self.plan),
            bank_reference: String::new(),
            line_no: self.exception.line_no,
        };
        answer::add_outcomes(write, id.get(), &[outcome]).await?;
        let mut change = Change::new();
        let event = match paid {
            true => Event::Paid,
            false => Event::Failed(reason),
        };
        change.add(attempt.origin, attempt.number, attempt.amount, event)?;
        change.store(write).await?;
        let mut postings = Vec::new();
        line(attempt, paid, self.on).push(&attempt.draws, &mut postings);
        let draft = VoucherDraft {
            on_date: self.on,
            summary: format!("人工认定银行答复 差异{}", self.exception.id),
            maker: self.proposer,
            checker: Some(self.caller.user.id),
            source: "return",
            source_id: id.get(),
            reverses: None,
        };
        Ok(post(write, draft, &postings).await?.map(|posted| posted.id))
    }

    /// The bank paid it after all, and it was sent again meanwhile: the payee owes it back, and a
    /// difference of its own stays open until it is home or given up.
    async fn claim(&self, write: &mut Write, attempt: &AttemptFact) -> Result<Settled, Error> {
        if attempt.style == DebitStyle::Whole {
            return Err(self.refuse("该行整批扣款,退款未到账前不会重发 nothing was sent again"));
        }
        if attempt.claimed {
            return Err(self.refuse("已按重复发放处理 claimed already"));
        }
        let last = (attempt.payment, attempt.last);
        let book = write.book();
        let newest = settlement::answer(write.tx(), book, last).await?;
        if !attempt.cancelled && newest.is_some_and(|newest| newest.kind != "paid") {
            return Err(self.refuse(
                "最后一次发放也已失败:先取消发放 the last attempt failed too: cancel the payment first",
            ));
        }
        let mut postings = Vec::new();
        for (lot, amount) in &attempt.draws {
            let (of, number) = (attempt.payment, attempt.number);
            let (program, bank) = (attempt.program, attempt.bank_account);
            rules::paid_twice(program, bank, *lot, of, number, *amount, &mut postings);
        }
        let summary = format!("重复发放 差异{}", self.exception.id);
        let posted = self.post(write, summary, &postings).await?;
        let opened = Exception {
            kind: ExceptionKind::PaidTwice.code().to_owned(),
            source: "exception".to_owned(),
            source_id: self.exception.id.get(),
            payment: attempt.payment.get(),
            attempt: attempt.number,
            amount: attempt.amount,
            detail: format!(
                "第 {} 次发放补报成功,此前已重新发放至第 {} 次",
                attempt.number, attempt.last
            ),
            events: 1,
            state: ExceptionState::Open,
            resolution: String::new(),
            note: String::new(),
            ..self.exception.clone()
        };
        Ok(Settled {
            opened: Some(opened),
            ..Settled::alone(self.moved(Effect::Claim, attempt, Some(posted.id)))
        })
    }

    /// The credit is the refund of an attempt.
    async fn refund(&self, write: &mut Write) -> Result<Settlement, Error> {
        let bank = self.bank_of(write, self.exception).await?;
        let attempt = self.attempt(write).await?;
        if attempt.amount != self.exception.amount {
            return Err(self.refuse("金额或账户与该笔发放不符 amount or account differs"));
        }
        let mut postings = Vec::new();
        let late = self.home(write, bank, &attempt, &mut postings).await?;
        rules::suspense_cleared(bank, attempt.amount, &mut postings);
        let summary = format!("退款到账 差异{}", self.exception.id);
        let posted = self.post(write, summary, &postings).await?;
        Ok(self.moved(refund_effect(late), &attempt, Some(posted.id)))
    }

    /// The money of an attempt is home with this credit: what that books, and whether it had been
    /// reported paid.
    pub(super) async fn home(
        &self,
        write: &mut Write,
        bank: BankAccountId,
        attempt: &AttemptFact,
        out: &mut Vec<Posting>,
    ) -> Result<bool, Error> {
        if attempt.bank_account != bank {
            return Err(self.refuse("金额或账户与该笔发放不符 amount or account differs"));
        }
        let known = self.known(write, attempt).await?;
        let known = known.ok_or_else(|| self.refuse("此笔银行尚无答复 not answered yet"))?;
        let late = known.kind == "paid";
        let awaited = attempt.style == DebitStyle::Whole || known.kind == "refunded";
        if attempt.home || !late && !awaited {
            return Err(self.refuse("此笔没有待退回的款项 nothing is awaited for it"));
        }
        let (payment, number) = (attempt.payment, attempt.number);
        if late {
            self.refunded_late(write, attempt, known.refund_step)
                .await?;
        }
        let receipt = [(payment, number, self.exception.line_no, attempt.amount)];
        let from = ledger::id::StatementId(self.exception.source_id);
        statement::add_receipts(write, from, &receipt).await?;
        let earlier = Month::of(attempt.sent_on).year() < Month::of(self.on).year();
        for (lot, amount) in &attempt.draws {
            let (lot, amount) = (*lot, *amount);
            if late {
                let back = rules::refunded_after_success;
                back(attempt.program, bank, lot, payment, number, amount, out);
            }
            match earlier {
                true => rules::refund_home_earlier_year(bank, lot, payment, number, amount, out),
                false => {
                    rules::refund_home(attempt.program, bank, lot, payment, number, amount, out);
                }
            }
        }
        Ok(late)
    }

    /// What was reported paid came back (退票).
    pub(super) async fn refunded_late(
        &self,
        write: &mut Write,
        attempt: &AttemptFact,
        step: i64,
    ) -> Result<(), Error> {
        let outcome = Outcome {
            payment: attempt.payment,
            attempt: attempt.number,
            step,
            kind: "refunded",
            reason: "returned".to_owned(),
            reason_text: "退汇".to_owned(),
            bank_reference: String::new(),
            line_no: self.exception.line_no,
        };
        answer::add_outcomes(write, self.exception.source_id, &[outcome]).await?;
        let mut change = Change::new();
        let event = Event::Refunded("returned");
        change.add(attempt.origin, attempt.number, attempt.amount, event)?;
        Ok(change.store(write).await?)
    }

    /// Two differences settle each other, one of them a credit: what was paid twice is home, or a
    /// debit and a credit undo each other.
    async fn against_credit(&self, write: &mut Write) -> Result<Settled, Error> {
        let other = self.plan.other;
        let other =
            other.ok_or_else(|| self.refuse("须指明对应的差异,如 X7 / name the other, as X7"))?;
        let book = write.book();
        let found = store::exception(write.tx(), book, ExceptionId(other)).await?;
        let other = found.ok_or_else(|| not_found("差异 exception", other))?;
        if other.state == ExceptionState::Settled || other.id == self.exception.id {
            return Err(self.refuse("对应的差异已处理 the other one is settled"));
        }
        let is_credit = |kind| effects(kind, Resolution::Suspense).contains(&Effect::Nothing);
        let (credit, against) = match is_credit(kind_of(self.exception)?) {
            true => (self.exception, &other),
            false => (&other, self.exception),
        };
        if !is_credit(kind_of(credit)?) {
            return Err(self.refuse("两项都不是不明收款 neither is an unexplained credit"));
        }
        let bank = self.bank_of(write, credit).await?;
        let settled = match kind_of(against)? {
            ExceptionKind::PaidTwice => self.claim_home(write, credit, against, bank).await?,
            kind if is_debit(kind) => self.offset(write, credit, against, bank).await?,
            _ => return Err(self.refuse("对应的差异不是付款 the other one is no debit")),
        };
        let settled = Settlement {
            other: Some(other.id),
            ..settled
        };
        let mirrored = Settlement {
            other: Some(self.exception.id),
            amount: Fen::ZERO,
            ..settled.clone()
        };
        Ok(Settled {
            settlement: settled,
            other: Some((self.with_this(other), mirrored)),
            ..Settled::alone(nothing())
        })
    }

    /// The other difference, settled with this one.
    pub(super) fn with_this(&self, other: Exception) -> Exception {
        let plan = Plan {
            other: Some(self.exception.id.get()),
            ..Plan::of(Resolution::ForceMatch)
        };
        Exception {
            state: ExceptionState::Settled,
            events: other.events + 1,
            user: self.caller.user.id,
            resolution: plan.to_string(),
            note: self.exception.note.clone(),
            ..other
        }
    }

    async fn claim_home(
        &self,
        write: &mut Write,
        credit: &Exception,
        claim: &Exception,
        bank: BankAccountId,
    ) -> Result<Settlement, Error> {
        let (book, of) = (write.book(), (PaymentId(claim.payment), claim.attempt));
        let attempt = settlement::attempt(write.tx(), book, of).await?;
        let attempt = attempt.ok_or_else(|| not_found("发放 attempt", claim.payment))?;
        if credit.amount != claim.amount || attempt.bank_account != bank {
            return Err(self.refuse("金额或账户与重复发放不符 amount or account differs"));
        }
        let year = match Month::of(attempt.sent_on).year() < Month::of(self.on).year() {
            true => rules::ExpenseYear::Earlier,
            false => rules::ExpenseYear::Same,
        };
        let mut postings = Vec::new();
        for (lot, amount) in &attempt.draws {
            let (program, from) = (attempt.program, (*lot, year));
            let home = rules::paid_twice_home;
            home(program, bank, from, of.0, of.1, *amount, &mut postings);
        }
        rules::suspense_cleared(bank, credit.amount, &mut postings);
        let summary = format!("收回重复发放款 差异{}", claim.id);
        let posted = self.post(write, summary, &postings).await?;
        Ok(self.moved(Effect::ClaimHome, &attempt, Some(posted.id)))
    }

    async fn offset(
        &self,
        write: &mut Write,
        credit: &Exception,
        debit: &Exception,
        bank: BankAccountId,
    ) -> Result<Settlement, Error> {
        let same = self.bank_of(write, debit).await? == bank;
        if !same || credit.amount.plus(debit.amount)? != Fen::ZERO {
            return Err(self.refuse("收付金额或账户不符 amounts or accounts differ"));
        }
        let mut postings = Vec::new();
        rules::suspense_cleared(bank, credit.amount, &mut postings);
        let summary = format!("收付相抵 差异{}、{}", credit.id, debit.id);
        let posted = self.post(write, summary, &postings).await?;
        Ok(Settlement {
            effect: Effect::Offset.code(),
            bank_account: Some(bank),
            amount: credit.amount,
            voucher: Some(posted.id),
            ..nothing()
        })
    }

    /// Nobody claims the credit.
    async fn treasury(&self, write: &mut Write) -> Result<Settlement, Error> {
        let bank = self.bank_of(write, self.exception).await?;
        let program = self.program(write).await?;
        let mut postings = Vec::new();
        rules::suspense_to_treasury(program, bank, self.exception.amount, &mut postings);
        let summary = format!("无主收款转应缴财政 差异{}", self.exception.id);
        let posted = self.post(write, summary, &postings).await?;
        Ok(Settlement {
            effect: Effect::Treasury.code(),
            bank_account: Some(bank),
            program: Some(program),
            amount: self.exception.amount,
            voucher: Some(posted.id),
            ..nothing()
        })
    }

    pub(super) async fn program(&self, write: &mut Write) -> Result<ProgramId, Error> {
        let code = self.plan.program.as_deref();
        let code = code
            .ok_or_else(|| self.refuse("须指明项目代码,如 write-off:urban / name the program"))?;
        let book = write.book();
        let programs = ledger_store::policy::programs(write.tx(), book).await?;
        let found = programs.iter().find(|program| program.code == code);
        Ok(found.ok_or_else(|| not_found("项目 program", code))?.id)
    }

    /// What was paid twice is given up.
    async fn written_off(&self, write: &mut Write) -> Result<Settlement, Error> {
        let attempt = self.attempt(write).await?;
        let book = write.book();
        let lines = settlement::lines_of(write.tx(), book, attempt.payment).await?;
        let parts = ledger::disbursement::recovery::charged_again(attempt.amount, &lines)?;
        let standing = ledger::disbursement::recovery::Standing::Same;
        let mut postings = Vec::new();
        let (program, payment) = (attempt.program, attempt.payment);
        rules::overpayment_written_off(program, standing, &parts, payment, &mut postings);
        let summary = format!("核销重复发放款 差异{}", self.exception.id);
        let posted = self.post(write, summary, &postings).await?;
        settlement::add_expense_change(write, (posted.id, program), &parts).await?;
        Ok(self.moved(Effect::WrittenOff, &attempt, Some(posted.id)))
    }

    /// The bank account of a difference on a statement.
    pub(super) async fn bank_of(
        &self,
        write: &mut Write,
        exception: &Exception,
    ) -> Result<BankAccountId, Error> {
        let book = write.book();
        let all = statement::statements(write.tx(), book).await?;
        let source = all
            .iter()
            .find(|one| exception.source == "statement" && one.id.get() == exception.source_id);
        let source = source.ok_or_else(|| self.refuse("不是对账单上的款项 not on a statement"))?;
        Ok(source.bank_account)
    }

    pub(super) async fn post(
        &self,
        write: &mut Write,
        summary: String,
        postings: &[Posting],
    ) -> Result<Posted, Error> {
        let draft = VoucherDraft {
            on_date: self.on,
            summary,
            maker: self.proposer,
            checker: Some(self.caller.user.id),
            source: "exception",
            source_id: self.exception.id.get(),
            reverses: None,
        };
        let posted = post(write, draft, postings).await?;
        posted.ok_or_else(|| not_found("凭证 voucher", self.exception.id))
    }
}

/// What the answer to an attempt books on a day.
fn line(attempt: &AttemptFact, paid: bool, on: Date) -> AnswerLinePosting {
    AnswerLinePosting {
        bank: (attempt.bank_account, attempt.style),
        program: attempt.program,
        of: (attempt.payment, attempt.number),
        paid,
        earlier_year: Month::of(attempt.sent_on).year() < Month::of(on).year(),
    }
}

async fn post(
    write: &mut Write,
    draft: VoucherDraft,
    postings: &[Posting],
) -> Result<Option<Posted>, Error> {
    let mut poster = Poster::begin(write, draft).await?;
    poster.push_all(write, postings).await?;
    Ok(poster.finish(write).await?)
}
