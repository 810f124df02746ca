//! What failed: why, and payments that may be tried again or are cancelled for good.

use clap::Subcommand;
use ledger::id::PaymentId;

use super::args::{Key, payment_id};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::exception::Page;
use crate::app::proposal::{self, Change};
use crate::app::{Error, reason, waiting};

/// Commands on payments that failed.
#[derive(Debug, Subcommand)]
pub(crate) enum PaymentCommand {
    /// 列出未补发的失败和退票 List what failed and was not tried again
    Failed,
    /// 提出准予补发:失败原因已消除,可按原账户再发;另一人用 policy confirm 确认
    /// Propose that what made them fail is gone: they are tried again with the same account
    Clear {
        /// 明细编号 Numbers of the payments
        #[arg(value_parser = payment_id, required = true)]
        payments: Vec<PaymentId>,
        /// 原因 Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        key: Key,
    },
    /// 提出取消发放,另一人用 policy confirm 确认 Propose to cancel one for good; another confirms
    Cancel {
        /// 明细编号 Number of the payment
        #[arg(value_parser = payment_id)]
        payment: PaymentId,
        /// 原因 Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        key: Key,
    },
}

impl PaymentCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        match self {
            PaymentCommand::Failed => {
                let all = waiting::failed(&app, &caller, None, Page::ALL);
                Ok(all.await?.into())
            }
            PaymentCommand::Clear {
                payments,
                reason,
                key,
            } => {
                let change = Change::Clear(payments.clone(), reason.clone());
                let done = proposal::propose(&app, &caller, &change, key.get());
                Ok(done.await?.into())
            }
            PaymentCommand::Cancel {
                payment,
                reason,
                key,
            } => {
                let change = Change::Cancel(*payment, reason.clone());
                let done = proposal::propose(&app, &caller, &change, key.get());
                Ok(done.await?.into())
            }
        }
    }
}

/// Commands on the reasons of failures.
#[derive(Debug, Subcommand)]
pub(crate) enum ReasonCommand {
    /// 列出失败原因和本单位教的词 List the reasons, and the words that this office taught
    List,
    /// 列出待教的词 List the words that nobody has taught
    Queue,
    /// 提出一个词的含义,另一人用 policy confirm 确认 Propose what words mean; another confirms
    Teach {
        /// 银行原话 The bank's words
        words: String,
        /// 原因代码,见 reason list Code of the reason, see `reason list`
        #[arg(long = "as-reason", value_name = "CODE")]
        reason: String,
        #[command(flatten)]
        key: Key,
    },
}

impl ReasonCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        match self {
            ReasonCommand::List => Ok(reason::list(&app, &caller).await?.into()),
            ReasonCommand::Queue => Ok(reason::queue(&app, &caller).await?.into()),
            ReasonCommand::Teach { words, reason, key } => {
                let change = Change::Reason(words.clone(), reason.clone());
                let done = proposal::propose(&app, &caller, &change, key.get());
                Ok(done.await?.into())
            }
        }
    }
}
