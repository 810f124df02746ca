//! The bench.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::bench::{self, BenchOptions, PAYMENTS_MAX};

/// What the bench can be told.
#[derive(Debug, Args)]
pub(crate) struct BenchCommand {
    /// 每账套每月笔数 Payments a month in each book, at most 3,000,000
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = payments())]
    payments: usize,
    /// 账套数,同时办理;SQLite 上排队等一个写入者 Books at once; on SQLite they queue for one writer
    #[arg(long, value_name = "B", default_value_t = 1, value_parser = up_to(64))]
    books: usize,
    /// 月数 Months
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = up_to(60))]
    months: usize,
    /// 数据库文件所在目录(须在磁盘上),指定则保留 Directory for the files, on a disk; kept if named
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// 不做原样载入的对照 Leave out the raw load of the same rows
    #[arg(long)]
    no_raw_load: bool,
    /// 另测读取 Measure readings too
    #[arg(long)]
    reads: bool,
    /// 另测页面 Measure pages too
    #[arg(long)]
    pages: bool,
    /// 另测若干秒的混合负载 Then mixed load for so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    mixed: Option<u64>,
}

fn payments() -> RangedU64ValueParser<usize> {
    up_to(PAYMENTS_MAX as u64)
}

fn up_to(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most)
}

/// Runs the bench; exit status 3 when its totals do not tie.
pub(crate) async fn run(command: &BenchCommand, desk: &Desk) -> Result<Outcome, Error> {
    let options = BenchOptions {
        payments: command.payments,
        books: command.books,
        months: command.months,
        db: desk.global().db.clone(),
        dir: command.dir.clone().unwrap_or_else(std::env::temp_dir),
        keep: command.dir.is_some(),
        raw_load: !command.no_raw_load,
        reads: command.reads,
        pages: command.pages,
        mixed: command.mixed.map(Duration::from_secs),
        language: desk.language(),
        progress: desk.shows_progress(),
    };
    Ok(Outcome::Report(bench::run(&options).await?.report()))
}
