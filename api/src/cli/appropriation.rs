//! Quota letters.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ledger::calendar::Date;
use ledger::fund::Level;
use ledger::money::Fen;

use super::args::{Key, date, level, year};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::appropriation::{self, NewAppropriation, NewCarryOver, NewReduction};
use crate::app::{Done, Error};

/// Commands on appropriations.
#[derive(Debug, Subcommand)]
pub(crate) enum AppropriationCommand {
    /// 录入指标 Enter an appropriation
    Add(Letter),
    /// 导入指标表(文号,级次,年度,项目,账户,金额,到账日期,顺序)Import a CSV of appropriations
    Import {
        /// 指标表 CSV file
        file: PathBuf,
        #[command(flatten)]
        key: Key,
    },
    /// 列出指标 List appropriations
    List,
    /// 追减:收回未用资金 Reduce: a letter takes unspent money back
    Reduce(Reduction),
    /// 结转下年 Carry money over to the next budget year
    CarryOver(Carrying),
    /// 交回财政 Return money to the treasury
    Return {
        /// 文号 Document number
        document: String,
        /// 项目 Program
        #[arg(long)]
        program: String,
        /// 金额(元)Amount in yuan
        #[arg(long, value_name = "YUAN", value_parser = Fen::parse_yuan)]
        amount: Fen,
        /// 日期 Date [默认 default: 今天 today]
        #[arg(long, value_name = "DATE", value_parser = date)]
        on: Option<Date>,
        #[command(flatten)]
        key: Key,
    },
}

/// One quota letter.
#[derive(Debug, Args)]
pub(crate) struct Letter {
    /// 文号 Document number
    #[arg(long)]
    document: String,
    /// 级次 Level
    #[arg(long, value_parser = level())]
    level: Level,
    /// 预算年度 Budget year
    #[arg(long, value_parser = year)]
    year: i32,
    /// 项目 Program
    #[arg(long)]
    program: String,
    /// 银行账户 Bank account that holds it
    #[arg(long)]
    account: String,
    /// 金额(元)Amount in yuan
    #[arg(long, value_name = "YUAN", value_parser = Fen::parse_yuan)]
    amount: Fen,
    /// 到账日期 Date on which it was received
    #[arg(long, value_name = "DATE", value_parser = date)]
    received_on: Date,
    /// 支用顺序,小者先用 Order of use, the smallest first
    #[arg(long, default_value_t = 1)]
    priority: i64,
    #[command(flatten)]
    key: Key,
}

/// A letter that takes money back.
#[derive(Debug, Args)]
pub(crate) struct Reduction {
    /// 文号 Document number
    document: String,
    /// 追减文号 Document number of the letter that takes it back
    #[arg(long, value_name = "DOC")]
    by: String,
    /// 项目,文号只有一个项目时可不填 Program, when the letter grants several
    #[arg(long)]
    program: Option<String>,
    /// 金额(元)Amount in yuan
    #[arg(long, value_name = "YUAN", value_parser = Fen::parse_yuan)]
    amount: Fen,
    /// 日期 Date [默认 default: 今天 today]
    #[arg(long, value_name = "DATE", value_parser = date)]
    on: Option<Date>,
    #[command(flatten)]
    key: Key,
}

/// What is carried over.
#[derive(Debug, Args)]
pub(crate) struct Carrying {
    /// 文号 Document number
    document: String,
    /// 结转到的年度 Budget year that it serves too
    #[arg(long, value_name = "YEAR", value_parser = year)]
    to: i32,
    /// 结转文号 Document that allows it
    #[arg(long = "document", value_name = "DOC")]
    by: String,
    /// 项目,文号只有一个项目时可不填 Program, when the letter grants several
    #[arg(long)]
    program: Option<String>,
    /// 金额(元)Amount in yuan [默认 default: 全部结余 all that is left]
    #[arg(long, value_name = "YUAN", value_parser = Fen::parse_yuan)]
    amount: Option<Fen>,
    #[command(flatten)]
    key: Key,
}

impl AppropriationCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        match self {
            AppropriationCommand::Add(letter) => Ok(letter.enter(desk).await?.into()),
            AppropriationCommand::Import { file, key } => {
                let (name, bytes) = desk.read(file)?;
                let (app, caller) = desk.enter().await?;
                Ok(
                    appropriation::import(&app, &caller, &name, &bytes, key.get())
                        .await?
                        .into(),
                )
            }
            AppropriationCommand::List => {
                let (app, caller) = desk.enter().await?;
                Ok(appropriation::list(&app, &caller).await?.into())
            }
            AppropriationCommand::Reduce(letter) => Ok(letter.enter(desk).await?.into()),
            AppropriationCommand::CarryOver(carrying) => Ok(carrying.enter(desk).await?.into()),
            AppropriationCommand::Return {
                document,
                program,
                amount,
                on,
                key,
            } => {
                let (app, caller) = desk.enter().await?;
                let done = appropriation::return_to_treasury(
                    &app,
                    &caller,
                    document,
                    program,
                    *amount,
                    *on,
                    key.get(),
                );
                Ok(done.await?.into())
            }
        }
    }
}

impl Letter {
    async fn enter(&self, desk: &Desk) -> Result<Done, Error> {
        let letter = NewAppropriation {
            document: self.document.clone(),
            level: self.level,
            budget_year: i64::from(self.year),
            program: self.program.clone(),
            bank_account: self.account.clone(),
            amount: self.amount,
            received_on: self.received_on,
            priority: self.priority,
        };
        let (app, caller) = desk.enter().await?;
        appropriation::add(&app, &caller, &letter, self.key.get()).await
    }
}

impl Reduction {
    async fn enter(&self, desk: &Desk) -> Result<Done, Error> {
        let letter = NewReduction {
            document: self.document.clone(),
            program: self.program.clone(),
            by: self.by.clone(),
            amount: self.amount,
            on: self.on,
        };
        let (app, caller) = desk.enter().await?;
        appropriation::reduce(&app, &caller, &letter, self.key.get()).await
    }
}

impl Carrying {
    async fn enter(&self, desk: &Desk) -> Result<Done, Error> {
        let carrying = NewCarryOver {
            document: self.document.clone(),
            program: self.program.clone(),
            to: i64::from(self.to),
            amount: self.amount,
            by: self.by.clone(),
        };
        let (app, caller) = desk.enter().await?;
        appropriation::carry_over(&app, &caller, &carrying, self.key.get()).await
    }
}
