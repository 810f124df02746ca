//! The way of the money.

use clap::{Args, Subcommand};
use ledger::id::PaymentId;

use super::args::{Out, payment_id};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::{Error, trace};

/// From where to trace, and where the answer goes.
#[derive(Debug, Args)]
pub(crate) struct TraceCommand {
    #[command(flatten)]
    out: Out,
    #[command(subcommand)]
    from: From,
}

/// From where to trace.
#[derive(Debug, Subcommand)]
enum From {
    /// 从一笔发放 From a payment
    Payment {
        /// 明细编号 Number of the payment
        #[arg(value_parser = payment_id)]
        payment: PaymentId,
    },
    /// 从一个对象 From a person or household
    Person {
        /// 对象编号(名册中的编号,不是身份证号)Reference number in the roster, no identity number
        reference: String,
    },
    /// 从一份指标文 From a quota letter
    Appropriation {
        /// 文号 Document number
        document: String,
    },
}

impl TraceCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        let report = match &self.from {
            From::Payment { payment } => trace::payment(&app, &caller, *payment).await?,
            From::Person { reference } => trace::person(&app, &caller, reference).await?,
            From::Appropriation { document } => {
                trace::appropriation(&app, &caller, document).await?
            }
        };
        Ok(Outcome::report(report, self.out.out.as_ref()))
    }
}
