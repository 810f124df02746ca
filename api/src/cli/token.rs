//! Tokens of programs that use the REST interface.

use clap::Subcommand;
use ledger::disbursement::role::Role;
use ledger::id::TokenId;

use super::args::{Key, positive, role};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::app::token::{self, HOURS_MAX, NewToken};

/// Commands on tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// 取令牌,密钥只显示一次 Make a token of one's own; its secret is shown once
    Add {
        /// 名称 What it is for
        name: String,
        /// 角色,以逗号分隔 At most these roles [默认 default: 全部 all of one's own]
        #[arg(long, value_delimiter = ',', value_parser = role())]
        roles: Vec<Role>,
        /// 小时数 For so many hours
        #[arg(long, value_name = "N", default_value_t = 24,
            value_parser = clap::value_parser!(i64).range(1..=HOURS_MAX))]
        hours: i64,
        #[command(flatten)]
        key: Key,
    },
    /// 列出令牌 List tokens: one's own, or all for an administrator
    List,
    /// 收回令牌 Take a token back
    Revoke {
        /// 编号 Number
        #[arg(value_parser = positive)]
        token: i64,
        #[command(flatten)]
        key: Key,
    },
}

impl TokenCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        match self {
            TokenCommand::Add {
                name,
                roles,
                hours,
                key,
            } => {
                let new = NewToken {
                    name: name.clone(),
                    roles: roles.clone(),
                    hours: *hours,
                };
                Ok(token::add(&app, &caller, &new, key.get()).await?.into())
            }
            TokenCommand::List => Ok(token::list(&app, &caller).await?.into()),
            TokenCommand::Revoke { token, key } => {
                let done = token::revoke(&app, &caller, TokenId(*token), key.get());
                Ok(done.await?.into())
            }
        }
    }
}
