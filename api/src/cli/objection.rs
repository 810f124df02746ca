//! Objections to published lists.

use clap::{ArgGroup, Subcommand};
use ledger::id::{ObjectionId, PaymentId, RunId};

use super::args::{Key, objection_id, payment_id, run_id};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::{Error, publication};

/// Commands on objections.
#[derive(Debug, Subcommand)]
pub(crate) enum ObjectionCommand {
    /// 受理异议 Receive an objection to a published run
    Add {
        /// 批次编号 Number of the run
        #[arg(value_parser = run_id)]
        run: RunId,
        /// 明细编号 Number of the payment that it is about
        #[arg(long, value_parser = payment_id)]
        payment: Option<PaymentId>,
        /// 内容 What it says
        #[arg(long, value_name = "TEXT")]
        detail: String,
        #[command(flatten)]
        key: Key,
    },
    /// 处理异议,由接收人以外的人 Settle an objection: another person than the receiver
    #[command(group = ArgGroup::new("settled").required(true).args(["upheld", "dismissed"]))]
    Settle {
        /// 异议编号 Number of the objection
        #[arg(value_parser = objection_id)]
        objection: ObjectionId,
        /// 成立:须更正后重新公示 It is right: correct the run and publish it again
        #[arg(long)]
        upheld: bool,
        /// 不成立 It is not
        #[arg(long)]
        dismissed: bool,
        /// 说明 Why
        #[arg(long, value_name = "TEXT")]
        note: String,
        #[command(flatten)]
        key: Key,
    },
    /// 列出异议 List objections
    List {
        /// 只列此批次的 Of this run only
        #[arg(long, value_parser = run_id)]
        run: Option<RunId>,
    },
}

impl ObjectionCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        let done = match self {
            ObjectionCommand::Add {
                run,
                payment,
                detail,
                key,
            } => publication::add(&app, &caller, *run, *payment, detail, key.get()).await?,
            ObjectionCommand::Settle {
                objection,
                upheld,
                note,
                key,
                ..
            } => publication::settle(&app, &caller, *objection, *upheld, note, key.get()).await?,
            ObjectionCommand::List { run } => {
                return Ok(publication::list(&app, &caller, *run).await?.into());
            }
        };
        Ok(done.into())
    }
}
