//! What the bank sends: returns and statements.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use ledger::id::{ReturnId, StatementId};
use ledger::money::Fen;

use super::args::{Key, positive};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::app::exception::Page;
use crate::app::proposal::{self, Change};
use crate::app::returns::{self, ReturnInput, Said};
use crate::app::statement::{self, StatementInput};

/// Commands on returns.
#[derive(Debug, Subcommand)]
pub(crate) enum ReturnCommand {
    /// 导入回盘或退款通知 Import a return file, or a notice of payments that came back
    Import {
        #[command(flatten)]
        file: ReturnFile,
        #[command(flatten)]
        key: Key,
    },
    /// 预览回盘或退款通知,不入账 Show what a return file or a notice would do, post nothing
    Preview {
        #[command(flatten)]
        file: ReturnFile,
    },
    /// 列出回盘 List returns
    List,
    /// 提出撤回回盘,另一人用 policy confirm 确认 Propose to withdraw one; another person confirms
    Withdraw {
        /// 回盘编号 Number of the return
        #[arg(value_parser = positive)]
        number: i64,
        /// 原因 Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        key: Key,
    },
}

/// A return file and what is known of it.
#[derive(Debug, Args)]
pub(crate) struct ReturnFile {
    /// 回盘文件 Return file
    file: PathBuf,
    /// 所属批号 Batch that it answers [默认 default: 自动识别 found by its content]
    #[arg(long, value_name = "NUMBER")]
    batch: Option<String>,
    /// 银行格式 Layout [默认 default: 自动识别 detected]
    #[arg(long)]
    profile: Option<String>,
    /// 文件中的笔数,银行页面或纸面所示 Lines of the file, as the bank shows them
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// 文件中的金额(元),银行页面或纸面所示 Their sum in yuan, as the bank shows it
    #[arg(long, value_name = "YUAN", value_parser = yuan)]
    total: Option<Fen>,
    /// 银行已处理完毕:只列失败的文件,未列出的即成功
    /// The bank has finished: where a file lists failures only, all others were paid
    #[arg(long)]
    finished: bool,
}

fn yuan(text: &str) -> Result<Fen, String> {
    let read = Fen::parse_yuan(text).ok().filter(|fen| *fen >= Fen::ZERO);
    read.ok_or_else(|| "须为金额 not an amount".to_owned())
}

impl ReturnFile {
    fn read(&self, desk: &Desk) -> Result<ReturnInput, Error> {
        let (file_name, bytes) = desk.read(&self.file)?;
        let (batch, profile) = (self.batch.clone(), self.profile.clone());
        Ok(ReturnInput {
            file_name,
            bytes,
            batch,
            profile,
            said: Said {
                count: self.count,
                total: self.total,
                is_finished: self.finished,
            },
        })
    }
}

impl ReturnCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        match self {
            ReturnCommand::Import { file, key } => {
                let input = file.read(desk)?;
                let (app, caller) = desk.enter().await?;
                Ok(returns::import(&app, &caller, &input, key.get())
                    .await?
                    .into())
            }
            ReturnCommand::Preview { file } => {
                let input = file.read(desk)?;
                let (app, caller) = desk.enter().await?;
                Ok(returns::preview(&app, &caller, &input).await?.into())
            }
            ReturnCommand::List => {
                let (app, caller) = desk.enter().await?;
                Ok(returns::list(&app, &caller).await?.into())
            }
            ReturnCommand::Withdraw {
                number,
                reason,
                key,
            } => {
                let change = Change::Withdraw(ReturnId(*number), reason.clone());
                let (app, caller) = desk.enter().await?;
                let done = proposal::propose(&app, &caller, &change, key.get());
                Ok(done.await?.into())
            }
        }
    }
}

/// Commands on statements.
#[derive(Debug, Subcommand)]
pub(crate) enum StatementCommand {
    /// 导入对账单 Import a bank statement
    Import {
        #[command(flatten)]
        file: StatementFile,
        #[command(flatten)]
        key: Key,
    },
    /// 预览对账单,不入账 Show what a statement would match and leave open, post nothing
    Preview {
        #[command(flatten)]
        file: StatementFile,
    },
    /// 列出对账单 List statements
    List,
    /// 查看对账单逐笔对应 Show the movements of a statement and what each was matched to
    Show {
        /// 对账单编号 Number of the statement
        #[arg(value_parser = positive)]
        number: i64,
    },
    /// 提出撤回账户最近的对账单,另一人用 policy confirm 确认 Propose to withdraw the newest one of
    /// an account; another person confirms
    Withdraw {
        /// 对账单编号 Number of the statement
        #[arg(value_parser = positive)]
        number: i64,
        /// 原因 Why
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        key: Key,
    },
}

/// A statement file and what is known of it.
#[derive(Debug, Args)]
pub(crate) struct StatementFile {
    /// 对账单 Statement file
    file: PathBuf,
    /// 银行账户 Bank account
    #[arg(long)]
    account: String,
    /// 银行格式 Layout [默认 default: 账户的对账单格式 that of the account]
    #[arg(long)]
    profile: Option<String>,
}

impl StatementFile {
    fn read(&self, desk: &Desk) -> Result<StatementInput, Error> {
        let (file_name, bytes) = desk.read(&self.file)?;
        Ok(StatementInput {
            account: self.account.clone(),
            file_name,
            bytes,
            profile: self.profile.clone(),
        })
    }
}

impl StatementCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        match self {
            StatementCommand::Import { file, key } => {
                let input = file.read(desk)?;
                let (app, caller) = desk.enter().await?;
                let done = statement::import(&app, &caller, &input, key.get());
                Ok(done.await?.into())
            }
            StatementCommand::Preview { file } => {
                let input = file.read(desk)?;
                let (app, caller) = desk.enter().await?;
                Ok(statement::preview(&app, &caller, &input).await?.into())
            }
            StatementCommand::List => {
                let (app, caller) = desk.enter().await?;
                Ok(statement::list(&app, &caller).await?.into())
            }
            StatementCommand::Show { number } => {
                let (app, caller) = desk.enter().await?;
                let id = StatementId(*number);
                let report = statement::show(&app, &caller, id, Page::ALL);
                Ok(report.await?.into())
            }
            StatementCommand::Withdraw {
                number,
                reason,
                key,
            } => {
                let change = Change::Unstate(StatementId(*number), reason.clone());
                let (app, caller) = desk.enter().await?;
                let done = proposal::propose(&app, &caller, &change, key.get());
                Ok(done.await?.into())
            }
        }
    }
}
