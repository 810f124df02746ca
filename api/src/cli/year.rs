//! Years of the books.

use clap::Subcommand;

use super::args::{Key, year};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::{Error, year as years};

/// Commands on years.
#[derive(Debug, Subcommand)]
pub(crate) enum YearCommand {
    /// 年结:连同十二月一并结账 Close a year, and its December with it
    Close {
        /// 年度 Year, YYYY
        #[arg(value_parser = year)]
        year: i32,
        /// 全部结余结转下年的文号 Document that carries everything that is left over
        #[arg(long, value_name = "DOC")]
        carry_over: Option<String>,
        #[command(flatten)]
        key: Key,
    },
    /// 列出已年结年度 List closed years
    List,
}

impl YearCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        match self {
            YearCommand::Close {
                year,
                carry_over,
                key,
            } => {
                let over = carry_over.as_deref();
                let done = years::close(&app, &caller, *year, over, key.get());
                Ok(done.await?.into())
            }
            YearCommand::List => Ok(years::list(&app, &caller).await?.into()),
        }
    }
}
