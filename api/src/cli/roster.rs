//! Rosters.

use std::path::PathBuf;

use clap::Subcommand;
use ledger::calendar::Month;
use serde_json::json;

use super::args::{Key, Out};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::{Error, roster};

/// Commands on rosters.
#[derive(Debug, Subcommand)]
pub(crate) enum RosterCommand {
    /// 生成空白花名册 Write an empty roster to fill in
    Template {
        /// 文件名 File name
        #[arg(long, value_name = "FILE", default_value = "花名册.csv")]
        out: PathBuf,
    },
    /// 导入名册 Import a roster
    Import {
        /// 花名册 Roster, .xlsx or .csv
        file: PathBuf,
        /// 项目 Program
        #[arg(long)]
        program: String,
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Month,
        /// 只检查不导入 Check only, import nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        key: Key,
    },
    /// 查看名册 Show the roster of a month
    List {
        /// 项目 Program
        #[arg(long)]
        program: String,
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Month,
        #[command(flatten)]
        out: Out,
    },
    /// 比较两月:新增、退出、变动 Compare two months: new, gone, changed
    Diff {
        /// 项目 Program
        #[arg(long)]
        program: String,
        /// 前月 Earlier month
        #[arg(long)]
        from: Month,
        /// 后月 Later month
        #[arg(long)]
        to: Month,
        #[command(flatten)]
        out: Out,
    },
}

impl RosterCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        match self {
            RosterCommand::Template { out } => {
                let bytes = roster::template();
                desk.write_new(out, &bytes)?;
                let answer = json!({ "file": out.display().to_string(), "bytes": bytes.len() });
                Ok(Outcome::Answer(answer))
            }
            RosterCommand::Import {
                file,
                program,
                month,
                dry_run,
                key,
            } => {
                let (name, bytes) = desk.read(file)?;
                let (app, caller) = desk.enter().await?;
                let done = roster::import(
                    &app,
                    &caller,
                    program,
                    *month,
                    &name,
                    &bytes,
                    *dry_run,
                    key.get(),
                );
                Ok(done.await?.into())
            }
            RosterCommand::List {
                program,
                month,
                out,
            } => {
                let (app, caller) = desk.enter().await?;
                let report = roster::list(&app, &caller, program, *month).await?;
                Ok(Outcome::report(report, out.out.as_ref()))
            }
            RosterCommand::Diff {
                program,
                from,
                to,
                out,
            } => {
                let (app, caller) = desk.enter().await?;
                let report = roster::diff(&app, &caller, program, *from, *to).await?;
                Ok(Outcome::report(report, out.out.as_ref()))
            }
        }
    }
}
