//! Programs, components and standards.

use std::path::PathBuf;

use clap::Subcommand;

use super::args::Key;
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::{Error, policy};

/// Which of the two lists is meant. One file holds both, so the import is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Programs and their components.
    Programs,
    /// Standards.
    Standards,
}

/// Commands on programs and on standards.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// 导入项目与标准 Import programs, components and standards
    Import {
        /// 政策文件 Policy file, TOML
        file: PathBuf,
        #[command(flatten)]
        key: Key,
    },
    /// 列出 List
    List,
}

impl PolicyCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk, subject: Subject) -> Result<Outcome, Error> {
        match (self, subject) {
            (PolicyCommand::Import { file, key }, _) => {
                let (name, text) = desk.read_text(file)?;
                let (app, caller) = desk.enter().await?;
                Ok(policy::import(&app, &caller, &name, &text, key.get())
                    .await?
                    .into())
            }
            (PolicyCommand::List, Subject::Programs) => {
                let (app, caller) = desk.enter().await?;
                Ok(policy::list_programs(&app, &caller).await?.into())
            }
            (PolicyCommand::List, Subject::Standards) => {
                let (app, caller) = desk.enter().await?;
                Ok(policy::list_standards(&app, &caller).await?.into())
            }
        }
    }
}
