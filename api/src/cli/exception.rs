//! What does not match, and how two people settle it.

use clap::Subcommand;
use ledger::id::ExceptionId;

use super::args::{Key, exception_id};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::exception::Page;
use crate::app::{Error, exception};

/// Commands on exceptions.
#[derive(Debug, Subcommand)]
pub(crate) enum ExceptionCommand {
    /// 列出未处理的差异 List open exceptions
    List {
        /// 包括已处理的 Also those that are settled
        #[arg(long)]
        all: bool,
        /// 从此编号之后列起 Only those after this number
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        after: i64,
        /// 最多列出多少条 At most so many
        #[arg(long, value_name = "N", default_value_t = Page::FIRST.limit,
            value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
    /// 提出处理意见,待另一人确认 Propose a resolution; another person confirms it
    Resolve {
        /// 差异编号 Number of the exception
        #[arg(value_parser = exception_id)]
        exception: ExceptionId,
        /// 处理方式 Resolution
        #[arg(long = "as-resolution", value_name = "TEXT")]
        resolution: String,
        /// 说明 Note
        #[arg(long, value_name = "TEXT")]
        note: String,
        #[command(flatten)]
        key: Key,
    },
    /// 确认处理意见 Confirm a proposed resolution
    Confirm {
        /// 差异编号 Number of the exception
        #[arg(value_parser = exception_id)]
        exception: ExceptionId,
        #[command(flatten)]
        key: Key,
    },
}

impl ExceptionCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        match self {
            ExceptionCommand::List { all, after, limit } => {
                let page = Page {
                    after: *after,
                    limit: *limit,
                };
                Ok(exception::list(&app, &caller, !*all, page).await?.into())
            }
            ExceptionCommand::Resolve {
                exception: id,
                resolution,
                note,
                key,
            } => {
                let done = exception::propose(&app, &caller, *id, resolution, note, key.get());
                Ok(done.await?.into())
            }
            ExceptionCommand::Confirm { exception: id, key } => {
                Ok(exception::confirm(&app, &caller, *id, key.get())
                    .await?
                    .into())
            }
        }
    }
}
