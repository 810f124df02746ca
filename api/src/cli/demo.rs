//! The demo.

use std::path::PathBuf;

use clap::Args;
use ledger::calendar::Month;

use super::args::Format;
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::demo::{self, DemoOptions};

/// What the demo can be told.
#[derive(Debug, Args)]
pub(crate) struct DemoCommand {
    /// 输出目录 Directory for its files
    #[arg(long, value_name = "DIR", default_value = "huimin-demo")]
    out: PathBuf,
    /// 做到哪个月 Last month to be worked [默认 default: 全年 the whole year]
    #[arg(long, value_name = "MONTH")]
    through: Option<Month>,
}

/// Runs the demo. Without `--db` it works in a SQLite file of its own in the directory.
pub(crate) async fn run(command: &DemoCommand, desk: &Desk) -> Result<Outcome, Error> {
    let options = DemoOptions {
        out: command.out.clone(),
        db: desk.global().db.clone(),
        through: command.through,
        language: desk.language(),
        progress: desk.global().format == Format::Text,
    };
    let summary = demo::run(&options).await?;
    Ok(Outcome::Report(summary.report()))
}
