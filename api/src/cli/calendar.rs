//! The calendar of working days.

use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};

use super::args::{Key, Out, year};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::app::calendar::{self, Source};

/// Commands on the calendar.
#[derive(Debug, Subcommand)]
pub(crate) enum CalendarCommand {
    /// 导入放假调休安排 Import the holidays and make-up days of a year
    #[command(group = ArgGroup::new("from").required(true).args(["file", "shipped"]))]
    Import {
        /// 日历文件 Calendar file: .toml, .csv or .xlsx
        file: Option<PathBuf>,
        /// 随附的年度 A year that is shipped: 2022-2026
        #[arg(long, value_name = "YEAR", value_parser = year)]
        shipped: Option<i32>,
        #[command(flatten)]
        key: Key,
    },
    /// 列出一年的放假调休与各月工作日 List a year
    List {
        /// 年度 Year, YYYY
        #[arg(value_parser = year)]
        year: i32,
        #[command(flatten)]
        out: Out,
    },
}

impl CalendarCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        match self {
            CalendarCommand::Import { file, shipped, key } => {
                let source = match (file, shipped) {
                    (Some(file), _) => {
                        let (file_name, bytes) = desk.read(file)?;
                        Source { file_name, bytes }
                    }
                    (None, year) => Source::shipped(year.unwrap_or_default())?,
                };
                let (app, caller) = desk.enter().await?;
                let done = calendar::import(&app, &caller, &source, key.get());
                Ok(done.await?.into())
            }
            CalendarCommand::List { year, out } => {
                let (app, caller) = desk.enter().await?;
                let report = calendar::list(&app, &caller, *year).await?;
                Ok(Outcome::report(report, out.out.as_ref()))
            }
        }
    }
}
