//! Withdrawing the newest statement of an account (撤回对账单), by two people: what it matched is
//! awaited again, what it booked is reversed by a voucher of its own, and the file may be imported
//! again.

use ledger::calendar::{Date, Month, parse_date};
use ledger::id::{ProposalId, StatementId, UserId, VoucherId};
use ledger::problem::{Kind, Problem};
use ledger_store::exception::{self, ExceptionState};
use ledger_store::journal::{self, Voucher, VoucherDraft};
use ledger_store::statement::{self as store, Statement, Withdrawal};
use ledger_store::write::Write;
use ledger_store::{settlement, success};

use crate::app::{Error, not_found};

/// What stands on a statement, in the order of [`store::built_on`].
const BUILT_ON: [&str; 4] = [
    "以后的对账单 later statements",
    "已处理的差异 settled differences",
    "已收回的追缴款 recoveries received",
    "退款后重新发放或取消的明细 payments sent again or cancelled after their refund",
];

/// A statement to be withdrawn.
pub(in crate::app) struct Withdraw<'a> {
    pub(in crate::app) id: StatementId,
    pub(in crate::app) maker: UserId,
    pub(in crate::app) checker: UserId,
    pub(in crate::app) proposal: ProposalId,
    pub(in crate::app) reason: &'a str,
    pub(in crate::app) on: Date,
}

impl Withdraw<'_> {
    /// Does it.
    ///
    /// # Errors
    /// [`Kind::StatementBuiltOn`] when something stands on it, it is withdrawn already, or its
    /// month is closed; [`Kind::FieldInvalid`] without a reason.
    pub(in crate::app) async fn book(&self, write: &mut Write) -> Result<(), Error> {
        if self.reason.trim().is_empty() {
            return Err(crate::app::policy::invalid("reason", "", "原因 a reason"));
        }
        let (found, voucher) = self.judge(write).await?;
        let book = write.book();
        let late = store::late_refunds(write.tx(), book, self.id).await?;
        if !late.is_empty() {
            success::take_refunds(write, self.id).await?;
        }
        let voucher = match voucher {
            Some(voucher) => self.reverse(write, &voucher).await?,
            None => None,
        };
        let row = Withdrawal {
            id: self.id,
            proposal: self.proposal,
            lines: found.lines,
            voucher,
            user: self.checker,
            reason: self.reason.to_owned(),
        };
        store::add_withdrawal(write, &row).await?;
        settlement::void(write, (None, voucher), &late).await?;
        self.settle_its_differences(write).await
    }

    /// Nothing stands on it: the statement and its voucher.
    async fn judge(&self, write: &mut Write) -> Result<(Statement, Option<Voucher>), Error> {
        let book = write.book();
        let all = store::statements(write.tx(), book).await?;
        let found = all.into_iter().find(|one| one.id == self.id);
        let found = found.ok_or_else(|| not_found("对账单 statement", self.id))?;
        if found.withdrawn {
            return Err(self.refuse("已撤回 withdrawn already"));
        }
        let counts = store::built_on(write.tx(), book, self.id).await?;
        let built = counts.iter().zip(BUILT_ON).filter(|(count, _)| **count > 0);
        let built: Vec<String> = built.map(|(n, what)| format!("{what} {n}")).collect();
        if !built.is_empty() {
            return Err(self.refuse(&built.join("、")));
        }
        let voucher = journal::to_reverse(write.tx(), book, "statement", self.id.get()).await?;
        if let Some(voucher) = &voucher {
            let closed = journal::closed_months(write.tx(), book).await?;
            let month = voucher.posted.month;
            if closed.last().is_some_and(|last| month <= last.month) {
                let detail = format!("{month} 已结账 / {month} is closed");
                return Err(self.refuse(&detail));
            }
        }
        Ok((found, voucher))
    }

    fn refuse(&self, detail: &str) -> Error {
        Problem::new(Kind::StatementBuiltOn)
            .with("id", self.id)
            .with("detail", detail)
            .into()
    }

    /// In the month of the voucher, so that no report of a month shows half of it.
    async fn reverse(
        &self,
        write: &mut Write,
        voucher: &Voucher,
    ) -> Result<Option<VoucherId>, Error> {
        let (month, number) = (voucher.posted.month, voucher.posted.number);
        let booked = parse_date(&voucher.on_date).map_err(anyhow::Error::from)?;
        let draft = VoucherDraft {
            on_date: match Month::of(self.on) == month {
                true => self.on.max(booked),
                false => month.last_day(),
            },
            summary: format!("冲销 {month} 记-{number:04} {}", voucher.summary),
            maker: self.maker,
            checker: Some(self.checker),
            source: "unstate",
            source_id: self.id.get(),
            reverses: Some(voucher.posted.id),
        };
        let posted = journal::reverse(write, &voucher.posted, draft).await?;
        Ok(posted.map(|posted| posted.id))
    }

    /// What it left unexplained needs no explanation any more.
    async fn settle_its_differences(&self, write: &mut Write) -> Result<(), Error> {
        let book = write.book();
        for id in store::open_of(write.tx(), book, self.id).await? {
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
