//! Withdrawing a return (撤回回盘), by two people: its answers count no more, what it booked is
//! reversed by a voucher of its own, and the file may be imported again.

use ledger::calendar::{Date, Month};
use ledger::id::{PaymentId, ProposalId, ReturnId, UserId};
use ledger::problem::{Kind, Problem};
use ledger_store::answer::{self, Return};
use ledger_store::exception::{self, ExceptionState};
use ledger_store::journal::{self, VoucherDraft};
use ledger_store::settlement::{self as store, Given, Withdrawal};
use ledger_store::success::{Change, Event};
use ledger_store::write::Write;

use super::{Error, not_found};

/// What stands on the answers of a return, in the order of [`store::built_on`].
const BUILT_ON: [&str; 6] = [
    "重新发放或取消的明细 payments sent again or cancelled",
    "退票 refunds after success",
    "已到账的退款 refunds that came home",
    "对账单上的扣款 debits of a statement",
    "已处理的差异 settled differences",
    "已更正的答复 corrected answers",
];

/// A return to be withdrawn.
pub(super) struct Withdraw<'a> {
    pub(super) id: ReturnId,
    pub(super) maker: UserId,
    pub(super) checker: UserId,
    pub(super) proposal: ProposalId,
    pub(super) reason: &'a str,
    pub(super) on: Date,
}

impl Withdraw<'_> {
    /// Does it.
    ///
    /// # Errors
    /// [`Kind::AnswerBuiltOn`] when a later step stands on its answers, it is withdrawn already,
    /// or its year is closed; [`Kind::FieldInvalid`] without a reason.
    pub(super) async fn book(&self, write: &mut Write) -> Result<(), Error> {
        if self.reason.trim().is_empty() {
            return Err(super::policy::invalid("reason", "", "原因 a reason"));
        }
        let found = self.judge(write).await?;
        let (book, of) = (write.book(), (found.batch, self.id));
        let given = store::given(write.tx(), book, of).await?;
        let voucher = self.reverse(write, &found).await?;
        let steps: Vec<(PaymentId, i64, i64)> = given
            .iter()
            .map(|one| (one.payment, one.attempt, one.step))
            .collect();
        store::void(write, (Some(self.id), voucher), &steps).await?;
        uncount(write, &given).await?;
        let row = Withdrawal {
            id: self.id,
            proposal: self.proposal,
            lines: i64::try_from(given.len()).unwrap_or(i64::MAX),
            voucher,
            user: self.checker,
            reason: self.reason.to_owned(),
        };
        store::add_withdrawal(write, &row).await?;
        self.settle_its_differences(write).await
    }

    /// Nothing stands on its answers.
    async fn judge(&self, write: &mut Write) -> Result<Return, Error> {
        let (book, id) = (write.book(), self.id);
        let refuse = |detail: &str| Problem::new(Kind::AnswerBuiltOn).with("detail", detail);
        let returns = answer::returns(write.tx(), book).await?;
        let found = returns.into_iter().find(|one| one.id == id);
        let found = found.ok_or_else(|| not_found("回盘 return", id))?;
        if answer::withdrawn(write.tx(), book).await?.contains(&id) {
            return Err(refuse("已撤回 withdrawn already").into());
        }
        let counts = store::built_on(write.tx(), book, (found.batch, id)).await?;
        let built = counts.iter().zip(BUILT_ON).filter(|(count, _)| **count > 0);
        let built: Vec<String> = built.map(|(n, what)| format!("{what} {n}")).collect();
        match built.is_empty() {
            true => Ok(found),
            false => Err(refuse(&built.join("、")).into()),
        }
    }

    async fn reverse(
        &self,
        write: &mut Write,
        found: &Return,
    ) -> Result<Option<ledger::id::VoucherId>, Error> {
        let book = write.book();
        let voucher = journal::to_reverse(write.tx(), book, "return", self.id.get()).await?;
        let Some(voucher) = voucher else {
            return match found.paid + found.failed {
                0 => Ok(None),
                _ => Err(not_found("凭证 voucher", self.id)),
            };
        };
        let (year, today) = (voucher.posted.month.year(), Month::of(self.on).year());
        if year < today {
            let detail = format!("属 {year} 年 it is of an earlier year");
            return Err(Problem::new(Kind::AnswerBuiltOn)
                .with("detail", detail)
                .into());
        }
        let (month, number) = (voucher.posted.month, voucher.posted.number);
        let draft = VoucherDraft {
            on_date: self.on,
            summary: format!("冲销 {month} 记-{number:04} {}", voucher.summary),
            maker: self.maker,
            checker: Some(self.checker),
            source: "withdraw",
            source_id: self.id.get(),
            reverses: Some(voucher.posted.id),
        };
        let posted = journal::reverse(write, &voucher.posted, draft).await?;
        Ok(posted.map(|posted| posted.id))
    }

    /// What it left unexplained needs no explanation any more.
    async fn settle_its_differences(&self, write: &mut Write) -> Result<(), Error> {
        let book = write.book();
        for id in store::open_of_return(write.tx(), book, self.id).await? {
            let found = exception::exception(write.tx(), book, id).await?;
            let mut found = found.ok_or_else(|| not_found("差异 exception", id))?;
            found.state = ExceptionState::Settled;
            found.events += 1;
            found.user = self.checker;
            "withdrawn".clone_into(&mut found.resolution);
            self.reason.clone_into(&mut found.note);
            exception::add_event(write, &found, "confirm").await?;
        }
        Ok(())
    }
}

/// Takes the answers out of the success rates.
async fn uncount(write: &mut Write, given: &[Given]) -> Result<(), Error> {
    let mut change = Change::new();
    for one in given {
        let event = match one.paid {
            true => Event::Paid,
            false => Event::Failed(&one.reason),
        };
        change.take_back(one.origin, one.attempt, one.amount, event)?;
    }
    Ok(change.store(write).await?)
}
