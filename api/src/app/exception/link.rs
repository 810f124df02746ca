//! What movements of the bank are, when two people say so: a debit of batches or vouchers, a credit
//! of appropriations or of several refunds, a fee out of interest, and the payment that a notice is
//! about.

use ledger::id::{AppropriationId, BankAccountId, ExceptionId, PaymentId, StatementId};
use ledger::journal::rules;
use ledger::money::Fen;
use ledger_store::exception::{Exception, ExceptionState};
use ledger_store::settlement::{self, AttemptFact, Settlement};
use ledger_store::statement::{self, DebitOf, Link};
use ledger_store::write::Write;
use reconciliation::resolution::{Effect, Resolution, effects};

use super::super::{Error, not_found};
use super::settle::{Settled, Settling, kind_of, nothing, refund_effect};

/// A part of a movement before it has a place: kind, number, attempt, amount with its sign.
type Part = (&'static str, i64, i64, Fen);

impl Settling<'_> {
    /// Whether the plan names what the movement is of, beyond one refund.
    pub(super) fn by_hand(&self) -> bool {
        let plan = self.plan;
        let debits = !plan.batches.is_empty() || !plan.vouchers.is_empty();
        debits || !plan.appropriations.is_empty() || !plan.payments.is_empty()
    }

    /// The movement is the sum of what the plan names.
    pub(super) async fn linked(&self, write: &mut Write) -> Result<Settled, Error> {
        let plan = self.plan;
        let named = [
            !plan.batches.is_empty() || !plan.vouchers.is_empty(),
            !plan.appropriations.is_empty(),
            plan.payment.is_some(),
        ];
        if named.iter().filter(|named| **named).count() != 1 {
            return Err(
                self.refuse("只能对应一类 name batches and vouchers, appropriations or payments")
            );
        }
        let bank = self.bank_of(write, self.exception).await?;
        match named {
            [true, ..] => self.debit(write, bank).await,
            [_, true, _] => self.funded(write, bank).await,
            _ => self.refunds(write, bank).await,
        }
    }

    /// What the plan's batches and vouchers take out of the account.
    async fn debits(&self, write: &mut Write, bank: BankAccountId) -> Result<Vec<Part>, Error> {
        let book = write.book();
        let unseen = statement::unseen_debits(write.tx(), book, bank).await?;
        let transfers = statement::unseen_transfers(write.tx(), book, bank).await?;
        let mut parts: Vec<Part> = Vec::new();
        for voucher in &self.plan.vouchers {
            let mut all = transfers.iter();
            let found = all.find(|one| one.voucher.get() == *voucher);
            let found = found.ok_or_else(|| {
                self.refuse("凭证没有待扣款项 no debit of the voucher is awaited")
            })?;
            parts.push(("voucher", *voucher, 0, Fen::ZERO.minus(found.amount)?));
        }
        for batch in &self.plan.batches {
            let number = format!("B{batch:06}");
            let of = unseen.iter().filter(|debit| debit.batch_no == number);
            let of: Vec<&statement::UnseenDebit> = of.collect();
            if of.is_empty() {
                return Err(self.refuse("批次没有待扣款项 no debit of the batch is awaited"));
            }
            for debit in of {
                let (kind, id) = DebitOf::stored(debit.id);
                parts.push((kind, id, 0, Fen::ZERO.minus(debit.amount)?));
            }
        }
        Ok(parts)
    }

    /// The debit of batches or vouchers; with another debit, the two are one of them.
    async fn debit(&self, write: &mut Write, bank: BankAccountId) -> Result<Settled, Error> {
        let parts = self.debits(write, bank).await?;
        let sum = Fen::sum(parts.iter().map(|part| part.3))?;
        let settlement = Settlement {
            effect: Effect::Linked.code(),
            bank_account: Some(bank),
            amount: Fen::ZERO.minus(self.exception.amount)?,
            ..nothing()
        };
        let Some(other) = self.plan.other else {
            self.adds_up(sum, self.exception.amount)?;
            let mut settled = Settled::alone(settlement);
            settled.links = self.links(self.exception, &parts);
            return Ok(settled);
        };
        let other = self.other_debit(write, bank, other).await?;
        let [(kind, id, ..)] = parts.as_slice() else {
            return Err(self
                .refuse("两笔扣款只能对应一个批次或一张凭证 two debits are one batch or voucher"));
        };
        self.adds_up(sum, self.exception.amount.plus(other.amount)?)?;
        let mut links = Vec::new();
        for one in [self.exception, &other] {
            links.extend(self.links(one, &[(*kind, *id, 0, one.amount)]));
        }
        let mirrored = Settlement {
            amount: Fen::ZERO.minus(other.amount)?,
            other: Some(self.exception.id),
            ..settlement.clone()
        };
        let settlement = Settlement {
            other: Some(other.id),
            ..settlement
        };
        Ok(Settled {
            other: Some((self.with_this(other), mirrored)),
            links,
            ..Settled::alone(settlement)
        })
    }

    async fn other_debit(
        &self,
        write: &mut Write,
        bank: BankAccountId,
        id: i64,
    ) -> Result<Exception, Error> {
        let book = write.book();
        let found = ledger_store::exception::exception(write.tx(), book, ExceptionId(id)).await?;
        let other = found.ok_or_else(|| not_found("差异 exception", id))?;
        let debit = effects(kind_of(&other)?, Resolution::ForceMatch).contains(&Effect::Linked);
        let open = other.state != ExceptionState::Settled && other.id != self.exception.id;
        match debit && open && self.bank_of(write, &other).await? == bank {
            true => Ok(other),
            false => {
                Err(self.refuse("对应的差异不是同一账户的未明付款 no open debit of the account"))
            }
        }
    }

    fn adds_up(&self, sum: Fen, wanted: Fen) -> Result<(), Error> {
        match sum == wanted {
            true => Ok(()),
            false => {
                let (sum, wanted) = (sum.grouped(), wanted.grouped());
                Err(self.refuse(&format!("合计 {sum} ≠ {wanted} do not add up")))
            }
        }
    }

    /// The parts with their places.
    fn links(&self, of: &Exception, parts: &[Part]) -> Vec<Link> {
        let count = i64::try_from(parts.len()).unwrap_or(i64::MAX);
        let link = |(part, (kind, id, attempt, amount)): (i64, &Part)| Link {
            statement: StatementId(of.source_id),
            line_no: of.line_no,
            part,
            parts: count,
            kind,
            id: *id,
            attempt: *attempt,
            amount: *amount,
            exception: of.id,
        };
        (1..).zip(parts).map(link).collect()
    }

    /// The credit is the money of appropriations, which was booked when they were recorded.
    async fn funded(&self, write: &mut Write, bank: BankAccountId) -> Result<Settled, Error> {
        let book = write.book();
        let unseen = statement::unseen_appropriations(write.tx(), book, bank).await?;
        let mut parts: Vec<Part> = Vec::new();
        for wanted in &self.plan.appropriations {
            let mut all = unseen.iter();
            let found = all.find(|(id, ..)| *id == AppropriationId(*wanted));
            let found = found.ok_or_else(|| {
                self.refuse("指标没有待到账款项 no money of the appropriation is awaited")
            })?;
            parts.push(("appropriation", *wanted, 0, found.2));
        }
        let sum = Fen::sum(parts.iter().map(|part| part.3))?;
        self.adds_up(sum, self.exception.amount)?;
        let mut postings = Vec::new();
        rules::suspense_cleared(bank, self.exception.amount, &mut postings);
        let summary = format!("人工对应指标到账 差异{}", self.exception.id);
        let posted = self.post(write, summary, &postings).await?;
        let mut settled = Settled::alone(Settlement {
            effect: Effect::Funded.code(),
            bank_account: Some(bank),
            amount: self.exception.amount,
            voucher: Some(posted.id),
            ..nothing()
        });
        settled.links = self.links(self.exception, &parts);
        Ok(settled)
    }

    /// The credit is the refund of several attempts of one program, all of them of failures or all
    /// after success.
    async fn refunds(&self, write: &mut Write, bank: BankAccountId) -> Result<Settled, Error> {
        let mut attempts: Vec<AttemptFact> = Vec::new();
        for named in self.plan.payment.iter().chain(&self.plan.payments) {
            attempts.push(self.attempt_of(write, *named).await?);
        }
        attempts.sort_by_key(|attempt| (attempt.payment, attempt.number));
        let pair = |one: &AttemptFact| (one.payment, one.number);
        if attempts
            .windows(2)
            .any(|two| pair(&two[0]) == pair(&two[1]))
        {
            return Err(self.refuse("同一笔不能对应两次 a payment is named twice"));
        }
        let sum = Fen::sum(attempts.iter().map(|attempt| attempt.amount))?;
        self.adds_up(sum, self.exception.amount)?;
        let mut postings = Vec::new();
        let mut lates = Vec::new();
        for attempt in &attempts {
            lates.push(self.home(write, bank, attempt, &mut postings).await?);
        }
        let (first, late) = (&attempts[0], lates[0]);
        let other = attempts.iter().any(|one| one.program != first.program);
        if other || lates.iter().any(|one| *one != late) {
            return Err(self.refuse(
                "须为同一项目、同为失败退回或同为成功后退票 one program and one kind of refund only",
            ));
        }
        rules::suspense_cleared(bank, self.exception.amount, &mut postings);
        let summary = format!("退款到账 差异{}", self.exception.id);
        let posted = self.post(write, summary, &postings).await?;
        let part = |one: &AttemptFact| ("refund", one.payment.get(), one.number, one.amount);
        let parts: Vec<Part> = attempts.iter().map(part).collect();
        let mut settled = Settled::alone(Settlement {
            amount: self.exception.amount,
            ..self.moved(refund_effect(late), first, Some(posted.id))
        });
        settled.links = self.links(self.exception, &parts);
        Ok(settled)
    }

    async fn attempt_of(
        &self,
        write: &mut Write,
        (payment, number): (i64, Option<i64>),
    ) -> Result<AttemptFact, Error> {
        let (book, payment) = (write.book(), PaymentId(payment));
        let number = match number {
            Some(number) => number,
            None => settlement::newest_attempt(write.tx(), book, payment)
                .await?
                .unwrap_or(0),
        };
        let fact = settlement::attempt(write.tx(), book, (payment, number)).await?;
        fact.ok_or_else(|| not_found("发放 attempt", format!("P{payment}-{number}")))
    }

    /// A fee is less of the interest that is due to the treasury.
    pub(super) async fn charged(&self, write: &mut Write) -> Result<Settlement, Error> {
        let bank = self.bank_of(write, self.exception).await?;
        let program = self.program(write).await?;
        let fee = Fen::ZERO.minus(self.exception.amount)?;
        let book = write.book();
        let held = ledger_store::recovery::held(write.tx(), book, program, Some(bank)).await?;
        if held < fee {
            return Err(self.refuse("该账户应缴利息不足 not that much interest is held there"));
        }
        let mut postings = Vec::new();
        rules::fee_charged(program, bank, fee, &mut postings);
        let summary = format!("银行手续费从应缴利息列支 差异{}", self.exception.id);
        let posted = self.post(write, summary, &postings).await?;
        Ok(Settlement {
            effect: Effect::Charged.code(),
            bank_account: Some(bank),
            program: Some(program),
            amount: fee,
            voucher: Some(posted.id),
            ..nothing()
        })
    }

    /// The notice is about this payment: it is due again, and its money is awaited.
    pub(super) async fn returned(&self, write: &mut Write) -> Result<Settlement, Error> {
        let attempt = self.attempt(write).await?;
        if attempt.amount != self.exception.amount {
            return Err(self.refuse("金额与该笔发放不符 amount differs"));
        }
        let known = self.known(write, &attempt).await?;
        let paid = known.filter(|known| known.kind == "paid");
        let paid = paid.ok_or_else(|| self.refuse("此笔未报成功 not reported paid"))?;
        self.refunded_late(write, &attempt, paid.refund_step)
            .await?;
        let mut postings = Vec::new();
        for (lot, amount) in &attempt.draws {
            let (program, bank) = (attempt.program, attempt.bank_account);
            let (payment, number) = (attempt.payment, attempt.number);
            let back = rules::refunded_after_success;
            back(program, bank, *lot, payment, number, *amount, &mut postings);
        }
        let summary = format!("退款通知 差异{}", self.exception.id);
        let posted = self.post(write, summary, &postings).await?;
        Ok(self.moved(Effect::Returned, &attempt, Some(posted.id)))
    }
}
