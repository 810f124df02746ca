//! Files that went to the bank.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use ledger::audit::hex;
use serde_json::json;

use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::{Error, release};

/// Commands on batches.
#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// 列出代发批 List batches
    List,
    /// 查看代发批 Show a batch
    Show {
        /// 批号 Number of the batch
        number: String,
    },
    /// 取出代发文件,与签发时逐字节相同 Write the file again, byte for byte
    File {
        /// 批号 Number of the batch
        number: String,
        /// 文件或目录 File or directory [默认 default: 原文件名 its own name]
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
    },
}

impl BatchCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        match self {
            BatchCommand::List => Ok(release::list_batches(&app, &caller).await?.into()),
            BatchCommand::Show { number } => {
                Ok(release::show_batch(&app, &caller, number).await?.into())
            }
            BatchCommand::File { number, out } => {
                let stored = release::batch_file(&app, &caller, number).await?;
                let path = place(out.as_deref(), &stored.name);
                desk.write_new(&path, &stored.content)?;
                Ok(Outcome::Answer(json!({
                    "batch": number,
                    "file": path.display().to_string(),
                    "bytes": stored.content.len(),
                    "sha256": hex::encode(&stored.sha256),
                })))
            }
        }
    }
}

/// Where the file goes: a stored name is only ever a name, never a way through directories.
fn place(out: Option<&Path>, stored: &str) -> PathBuf {
    let name = Path::new(stored)
        .file_name()
        .map_or_else(|| PathBuf::from("batch"), PathBuf::from);
    match out {
        None => name,
        Some(directory) if directory.is_dir() => directory.join(name),
        Some(file) => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_name_stays_in_its_directory() {
        for (out, stored, expected) in [
            (None, "b.txt", Path::new("b.txt")),
            (None, "../../b.txt", Path::new("b.txt")),
            (None, "..", Path::new("batch")),
            (Some(Path::new(".")), "../b.txt", Path::new("./b.txt")),
            (Some(Path::new("c.txt")), "b.txt", Path::new("c.txt")),
        ] {
            assert_eq!(place(out, stored), expected, "{stored}");
        }
    }
}
