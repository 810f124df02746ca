//! The audit trail.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use ledger::audit::Head;
use serde_json::json;

use super::args::{Out, positive};
use super::desk::{Desk, unwritten};
use super::outcome::Outcome;
use crate::app::{App, Caller, Error, audit};

/// Commands on the audit trail.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// 查看审计条目 Show entries
    Log {
        /// 从第几条 First entry
        #[arg(long, value_parser = positive, default_value = "1")]
        from: i64,
        /// 至多条数 At most this many
        #[arg(long, value_parser = positive, default_value = "100")]
        limit: i64,
        #[command(flatten)]
        out: Out,
    },
    /// 从数据逐条重算并验证 Recompute everything from the rows and verify it
    Verify {
        /// 以前记下的审计首部,可多次 Head of an earlier day, repeatable
        #[arg(long = "head", value_name = "SIZE:ROOT")]
        heads: Vec<Head>,
    },
    /// 导出全部条目供独立重算(JSON 行)Export all entries for independent recomputation (JSON lines)
    Export {
        /// 文件 File [默认 default: 标准输出 standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

impl AuditCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        match self {
            AuditCommand::Log { from, limit, out } => {
                let report = audit::log(&app, &caller, *from, *limit).await?;
                Ok(Outcome::report(report, out.out.as_ref()))
            }
            AuditCommand::Verify { heads } => Ok(audit::verify(&app, &caller, heads).await?.into()),
            AuditCommand::Export { out: Some(path) } => export_to(&app, &caller, path).await,
            AuditCommand::Export { out: None } => {
                desk.rest();
                let mut out = BufWriter::new(std::io::stdout());
                audit::export(&app, &caller, &mut out).await?;
                out.flush().map_err(anyhow::Error::from)?;
                Ok(Outcome::Written)
            }
        }
    }
}

/// Writes beside the file first, so that a name never stands for half an export.
async fn export_to(app: &App, caller: &Caller, path: &Path) -> Result<Outcome, Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let file = std::fs::File::create(&part).map_err(|error| unwritten(&part, error))?;
    let mut out = BufWriter::new(file);
    let written = audit::export(app, caller, &mut out).await;
    let written = written.and_then(|()| out.flush().map_err(|error| unwritten(&part, error)));
    if let Err(error) = written {
        // What could not be finished is of no use; the first failure is the one to report.
        let _ = std::fs::remove_file(&part);
        return Err(error);
    }
    std::fs::rename(&part, path).map_err(|error| unwritten(path, error))?;
    let bytes = std::fs::metadata(path)
        .map_err(|error| unwritten(path, error))?
        .len();
    Ok(Outcome::Answer(
        json!({ "file": path.display().to_string(), "bytes": bytes }),
    ))
}
