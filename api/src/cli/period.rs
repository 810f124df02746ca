//! Months of the books.

use clap::Subcommand;
use ledger::calendar::Month;

use super::args::Key;
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::{Error, period};

/// Commands on periods.
#[derive(Debug, Subcommand)]
pub(crate) enum PeriodCommand {
    /// 月结 Close a month
    Close {
        /// 月份 Month, YYYY-MM
        month: Month,
        #[command(flatten)]
        key: Key,
    },
    /// 列出期间 List periods
    List,
}

impl PeriodCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        match self {
            PeriodCommand::Close { month, key } => {
                Ok(period::close(&app, &caller, *month, key.get())
                    .await?
                    .into())
            }
            PeriodCommand::List => Ok(period::list(&app, &caller).await?.into()),
        }
    }
}
