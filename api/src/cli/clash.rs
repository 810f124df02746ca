//! Lists of other offices and programs that exclude each other: what the clash check compares
//! runs with.

use std::path::PathBuf;

use clap::Subcommand;
use ledger::disbursement::clash::ListKind;

use super::args::Key;
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::app::clash::{self, ListInput};

/// Commands on what runs are compared with.
#[derive(Debug, Subcommand)]
pub(crate) enum ClashCommand {
    /// 导入比对名单 Import a list of another office; it replaces the one of the same kind and name
    Import {
        /// 名单文件,含“身份证号”“姓名”“日期”列 List with headings, .xlsx or .csv
        file: PathBuf,
        /// 种类 Kind: deceased 死亡,employed 财政供养,excluded 互斥待遇,cadre 干部及近亲属,eligible 符合条件
        #[arg(long, value_parser = list_kind)]
        kind: ListKind,
        /// 名称,如“殡仪馆” Whose list it is
        #[arg(long)]
        name: String,
        #[command(flatten)]
        key: Key,
    },
    /// 列出比对名单 List the lists
    Lists,
    /// 登记互斥项目 Two programs that nobody may draw for the same month
    Exclude {
        /// 项目 Program
        #[arg(long)]
        program: String,
        /// 另一项目 The other program
        #[arg(long)]
        other: String,
        /// 文号 Document number
        #[arg(long)]
        document: String,
        #[command(flatten)]
        key: Key,
    },
}

fn list_kind(text: &str) -> Result<ListKind, String> {
    ListKind::from_code(text).ok_or_else(|| {
        let codes: Vec<&str> = ListKind::ALL.iter().map(|kind| kind.code()).collect();
        codes.join(", ")
    })
}

impl ClashCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        match self {
            ClashCommand::Import {
                file,
                kind,
                name,
                key,
            } => {
                let (file_name, bytes) = desk.read(file)?;
                let (app, caller) = desk.enter().await?;
                let input = ListInput {
                    kind: *kind,
                    name: name.clone(),
                    file_name,
                    bytes,
                };
                Ok(clash::import_list(&app, &caller, &input, key.get())
                    .await?
                    .into())
            }
            ClashCommand::Lists => {
                let (app, caller) = desk.enter().await?;
                Ok(clash::lists(&app, &caller).await?.into())
            }
            ClashCommand::Exclude {
                program,
                other,
                document,
                key,
            } => {
                let (app, caller) = desk.enter().await?;
                let programs = [program.as_str(), other.as_str()];
                Ok(clash::exclude(&app, &caller, programs, document, key.get())
                    .await?
                    .into())
            }
        }
    }
}
