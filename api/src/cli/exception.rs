//! What does not match, and how two people settle it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use ledger::id::ExceptionId;
use serde_json::json;

use super::args::{Key, exception_id};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::exception::{Evidence, Page};
use crate::app::view::Report;
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
        /// 处理方式及对应,如 force-match:paid:P12-1、force-match:X7、force-match:B000001:B000002、
        /// force-match:A3、treasury:urban、charge:urban、write-off:urban
        /// Resolution and what it is settled against; `exception show` says which there are
        #[arg(long = "as-resolution", value_name = "CODE")]
        resolution: String,
        /// 说明 Note
        #[arg(long, value_name = "TEXT")]
        note: String,
        #[command(flatten)]
        key: Key,
    },
    /// 查看一项差异及可用的处理 Show one with its notes and the ways to settle it
    Show {
        /// 差异编号 Number of the exception
        #[arg(value_parser = exception_id)]
        exception: ExceptionId,
    },
    /// 指定负责人 Give it to somebody to look after
    Assign {
        /// 差异编号 Number of the exception
        #[arg(value_parser = exception_id)]
        exception: ExceptionId,
        /// 用户名 User
        login: String,
        #[command(flatten)]
        key: Key,
    },
    /// 添加说明 Add a comment
    Comment {
        /// 差异编号 Number of the exception
        #[arg(value_parser = exception_id)]
        exception: ExceptionId,
        /// 内容 Words
        text: String,
        #[command(flatten)]
        key: Key,
    },
    /// 登记证据:保留文件名和哈希 Add evidence: its name and hash are kept
    Evidence {
        /// 差异编号 Number of the exception
        #[arg(value_parser = exception_id)]
        exception: ExceptionId,
        /// 文件 Document
        file: PathBuf,
        /// 说明 What it proves
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        #[command(flatten)]
        key: Key,
    },
    /// 导出未处理的差异为工作簿 Write the open ones to a workbook, to be filled in
    Export {
        /// 工作簿 Workbook, .xlsx
        file: PathBuf,
    },
    /// 导入填好的工作簿;过时的行不收 Take the decisions of a workbook; stale rows are refused
    Import {
        /// 工作簿 Workbook, .xlsx
        file: PathBuf,
        /// 把过时或有误的行标注在此文件 Write it here with stale and faulty rows marked
        #[arg(long, value_name = "FILE")]
        marked: Option<PathBuf>,
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
            ExceptionCommand::Show { exception: id } => {
                Ok(exception::show(&app, &caller, *id).await?.into())
            }
            ExceptionCommand::Assign {
                exception: id,
                login,
                key,
            } => {
                let done = exception::assign(&app, &caller, *id, login, key.get());
                Ok(done.await?.into())
            }
            ExceptionCommand::Comment {
                exception: id,
                text,
                key,
            } => {
                let done = exception::comment(&app, &caller, *id, text, key.get());
                Ok(done.await?.into())
            }
            ExceptionCommand::Evidence {
                exception: id,
                file,
                note,
                key,
            } => {
                let document = document(desk, file, note)?;
                let done = exception::evidence(&app, &caller, *id, &document, key.get());
                Ok(done.await?.into())
            }
            ExceptionCommand::Export { file } => {
                let bytes = exception::export(&app, &caller).await?;
                written(file, &bytes)
            }
            ExceptionCommand::Import { file, marked, key } => {
                let (name, bytes) = desk.read(file)?;
                let done = exception::import(&app, &caller, &name, &bytes, key.get()).await;
                if let (Some(path), Err(Error::Refused { findings, .. })) = (marked, &done)
                    && !findings.is_empty()
                {
                    written(path, &exception::marked(&bytes, findings)?)?;
                }
                Ok(done?.into())
            }
            ExceptionCommand::Confirm { exception: id, key } => {
                Ok(exception::confirm(&app, &caller, *id, key.get())
                    .await?
                    .into())
            }
        }
    }
}

/// A document that proves something.
fn document(desk: &Desk, file: &Path, note: &str) -> Result<Evidence, Error> {
    let (file_name, bytes) = desk.read(file)?;
    Ok(Evidence {
        file_name,
        bytes,
        text: note.to_owned(),
    })
}

/// A workbook that was written.
fn written(file: &Path, bytes: &[u8]) -> Result<Outcome, Error> {
    std::fs::write(file, bytes).with_context(|| file.display().to_string())?;
    let document = json!({ "file": file.display().to_string(), "bytes": bytes.len() });
    Ok(Report::new(document, Vec::new()).into())
}
