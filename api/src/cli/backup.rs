//! Backups, and restoring them with a proof.

use std::path::PathBuf;

use clap::Args;
use ledger::audit::Head;

use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::app::backup::{self, Target};

/// Where a backup goes.
#[derive(Debug, Args)]
pub(crate) struct BackupCommand {
    /// 备份文件 File; it must not exist yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Makes a backup. Who can read the database can copy it, so nobody signs in; it is recorded.
pub(crate) async fn back_up(command: &BackupCommand, desk: &Desk) -> Result<Outcome, Error> {
    let app = desk.open(false).await?;
    desk.work();
    let made = backup::backup(&app, desk.url(), &command.out).await?;
    Ok(Outcome::Answer(made))
}

/// Which backup is restored.
#[derive(Debug, Args)]
pub(crate) struct RestoreCommand {
    /// 备份文件 Backup; --db names the database to be made
    file: PathBuf,
    /// 以前记下的审计首部,可多次 Head of an earlier day, repeatable
    #[arg(long = "head", value_name = "SIZE:ROOT")]
    heads: Vec<Head>,
}

/// Restores a backup.
pub(crate) async fn restore(command: &RestoreCommand, desk: &Desk) -> Result<Outcome, Error> {
    desk.work();
    let target = Target {
        url: desk.url().to_owned(),
        side: desk.side_file(),
        heads: command.heads.clone(),
    };
    Ok(backup::restore(&command.file, &target).await?.into())
}
