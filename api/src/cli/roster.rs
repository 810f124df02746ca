//! Rosters.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use ledger::calendar::{Date, Month};
use ledger::id::PartyId;
use ledger::problem::{Kind, Problem};
use serde_json::json;

use super::args::{Key, Out, date, positive};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::app::exception::Page;
use crate::app::roster::{self, Died, RosterFile};

/// Commands on rosters.
#[derive(Debug, Subcommand)]
pub(crate) enum RosterCommand {
    /// 生成空白花名册 Write an empty roster to fill in
    Template {
        /// 项目 Program: an xlsx with its choices; without it, csv headings
        #[arg(long)]
        program: Option<String>,
        /// 文件名 File name
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// 导入名册 Import a roster
    Import {
        /// 花名册 Roster: xlsx, xls, ods or csv
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
        /// 预计止发的核定数;止发过半时须写明 Awards expected to end; needed when most would
        #[arg(long, value_name = "N")]
        expect_ended: Option<usize>,
        /// 把错误标注在此文件 Write the roster here with its faults marked
        #[arg(long, value_name = "FILE.xlsx")]
        marked: Option<PathBuf>,
        #[command(flatten)]
        key: Key,
    },
    /// 登记死亡:次月起不再应发 Record deaths: nothing is due for the months after
    Deceased(Deceased),
    /// 列出死亡登记 List the deaths that the book knows
    Deaths,
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

/// Whose death is recorded.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whose").required(true).args(["list", "person"]))]
pub(crate) struct Deceased {
    /// 死亡名单的名称 Everybody on the imported list of this name
    #[arg(long, value_name = "NAME")]
    list: Option<String>,
    /// 人员编号,见 roster list Number of one person, as `roster list` shows it
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    person: Option<i64>,
    /// 死亡日期 Day of the death
    #[arg(long, value_name = "DATE", value_parser = date, conflicts_with = "list",
        required_unless_present_any = ["list", "taken_back"])]
    on: Option<Date>,
    /// 撤销登记 It was wrong
    #[arg(long, conflicts_with_all = ["list", "on"])]
    taken_back: bool,
    /// 依据 What says so
    #[arg(long)]
    document: String,
    #[command(flatten)]
    key: Key,
}

impl Deceased {
    async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        let died = match (&self.list, self.person) {
            (Some(list), _) => Died::Listed(list.clone()),
            (None, person) => Died::Person(PartyId(person.unwrap_or_default()), self.on),
        };
        let key = self.key.get();
        Ok(roster::deceased(&app, &caller, &died, &self.document, key)
            .await?
            .into())
    }
}

impl RosterCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        match self {
            RosterCommand::Template { program, out } => {
                let (bytes, name) = match program {
                    Some(program) => {
                        let (app, caller) = desk.enter().await?;
                        let bytes = roster::template_of(&app, &caller, program).await?;
                        (bytes, "花名册.xlsx")
                    }
                    None => (roster::template(), "花名册.csv"),
                };
                let out = out.as_deref().unwrap_or(Path::new(name));
                desk.write_new(out, &bytes)?;
                let answer = json!({ "file": out.display().to_string(), "bytes": bytes.len() });
                Ok(Outcome::Answer(answer))
            }
            RosterCommand::Import {
                file,
                program,
                month,
                dry_run,
                expect_ended,
                marked,
                key,
            } => {
                let import = Import {
                    program,
                    month: *month,
                    dry_run: *dry_run,
                    expect_ended: *expect_ended,
                    key: key.get(),
                };
                import.run(desk, file, marked.as_deref()).await
            }
            RosterCommand::Deceased(deceased) => deceased.run(desk).await,
            RosterCommand::Deaths => {
                let (app, caller) = desk.enter().await?;
                Ok(roster::deaths(&app, &caller).await?.into())
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
                let report = roster::diff(&app, &caller, program, (*from, *to), Page::ALL).await?;
                Ok(Outcome::report(report, out.out.as_ref()))
            }
        }
    }
}

/// An import with its options.
struct Import<'a> {
    program: &'a str,
    month: Month,
    dry_run: bool,
    expect_ended: Option<usize>,
    key: Option<String>,
}

impl Import<'_> {
    /// Imports the roster, and writes the marked workbook when there is something to mark.
    async fn run(self, desk: &Desk, file: &Path, marked: Option<&Path>) -> Result<Outcome, Error> {
        // Somebody may be correcting the faults in a file of this name.
        if let Some(path) = marked.filter(|path| path.exists()) {
            let problem = Problem::new(Kind::AlreadyExists)
                .with("what", desk.say("文件", "file"))
                .with("name", path.display());
            return Err(problem.into());
        }
        let (name, bytes) = desk.read(file)?;
        let (app, caller) = desk.enter().await?;
        let (program, month) = (self.program, self.month);
        let roster = RosterFile {
            program,
            month,
            file_name: &name,
            bytes: &bytes,
            expect_ended: self.expect_ended,
        };
        let result = roster::import_file(&app, &caller, &roster, self.dry_run, self.key).await;
        let is_marked = match &result {
            Ok(_) => true,
            Err(Error::Refused { problem, .. }) => problem.kind == Kind::RosterFaulty,
            Err(Error::Internal(_)) => false,
        };
        if let (Some(path), true) = (marked, is_marked) {
            let found = roster::marked(&app, &caller, program, month, &name, &bytes).await?;
            if let Some(bytes) = found {
                desk.write_new(path, &bytes)?;
            }
        }
        Ok(result?.into())
    }
}
