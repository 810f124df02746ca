//! The four agreements and the reports.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use ledger::calendar::Month;
use ledger::id::RunId;

use super::args::{Months, Out, positive, run_id, year};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::view::Report;
use crate::app::{Error, publication, reconcile as agreements, report};

/// The four agreements.
#[derive(Debug, Args)]
pub(crate) struct ReconcileCommand {
    /// 月份 Month, YYYY-MM [默认 default: 全部 everything]
    #[arg(long)]
    month: Option<Month>,
    #[command(flatten)]
    out: Out,
}

/// Checks the four agreements.
pub(crate) async fn reconcile(command: &ReconcileCommand, desk: &Desk) -> Result<Outcome, Error> {
    let (app, caller) = desk.enter().await?;
    let report = agreements::reconcile(&app, &caller, command.month).await?;
    Ok(Outcome::report(report, command.out.out.as_ref()))
}

/// A report, and where it goes.
#[derive(Debug, Args)]
pub(crate) struct ReportCommand {
    #[command(flatten)]
    out: Out,
    #[command(subcommand)]
    which: Which,
}

/// Which report.
#[derive(Debug, Subcommand)]
enum Which {
    /// 发放成功率 Success rate: first attempt and final, by count and amount
    SuccessRate {
        #[command(flatten)]
        months: Months,
    },
    /// 月报 Monthly report
    Monthly {
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Month,
    },
    /// 年报 Annual report
    Annual {
        /// 年度 Year
        #[arg(long, value_parser = year)]
        year: i32,
    },
    /// 预算执行表 Budget execution by appropriation
    Execution {
        /// 年度 Year
        #[arg(value_parser = year)]
        year: i32,
    },
    /// 科目余额表 Trial balance
    TrialBalance {
        #[command(flatten)]
        months: Months,
    },
    /// 明细账 Ledger of an account
    Ledger {
        /// 科目 Account
        account: String,
        #[command(flatten)]
        months: Months,
    },
    /// 记账凭证 Voucher
    Voucher {
        /// 凭证号 Number of the voucher
        #[arg(value_parser = positive)]
        number: i64,
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Month,
    },
    /// 银行存款日记账 Bank journal
    BankJournal {
        /// 银行账户 Bank account
        account: String,
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Month,
    },
    /// 银行存款余额调节表 Bank reconciliation
    BankReconciliation {
        /// 银行账户 Bank account
        account: String,
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Month,
    },
    /// 追缴台账 Recovery ledger: found, received, set off, written off, left
    Recovery,
    /// 公示名单 Published list of a run, names masked
    Publication {
        /// 批次编号 Number of the run
        #[arg(value_parser = run_id)]
        run: RunId,
    },
    /// 核对公布的报表:合计是否等于各项 Does a published report add up
    Foot {
        /// 公布数据 Published figures, TOML
        file: PathBuf,
        /// 同时与账核对 Also compare with the ledger
        #[arg(long)]
        with_ledger: bool,
    },
}

impl ReportCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let report = match &self.which {
            Which::Foot { file, with_ledger } => foot(file, *with_ledger, desk).await?,
            other => other.make(desk).await?,
        };
        Ok(Outcome::report(report, self.out.out.as_ref()))
    }
}

impl Which {
    async fn make(&self, desk: &Desk) -> Result<Report, Error> {
        let (app, caller) = desk.enter().await?;
        match self {
            Which::SuccessRate { months } => {
                let (first, last) = months.get()?;
                report::success_rate(&app, &caller, first, last).await
            }
            Which::Monthly { month } => report::monthly(&app, &caller, *month).await,
            Which::Annual { year } => report::annual(&app, &caller, *year).await,
            Which::Execution { year } => report::execution(&app, &caller, *year).await,
            Which::TrialBalance { months } => {
                let (first, last) = months.get()?;
                report::trial_balance(&app, &caller, first, last).await
            }
            Which::Ledger { account, months } => {
                let (first, last) = months.get()?;
                report::ledger(&app, &caller, account, first, last).await
            }
            Which::Voucher { number, month } => {
                report::voucher(&app, &caller, *month, *number).await
            }
            Which::BankJournal { account, month } => {
                report::bank_journal(&app, &caller, account, *month).await
            }
            Which::BankReconciliation { account, month } => {
                report::bank_reconciliation(&app, &caller, account, *month).await
            }
            Which::Recovery => report::recovery(&app, &caller).await,
            Which::Publication { run } => publication::report(&app, &caller, *run).await,
            Which::Foot { file, with_ledger } => foot(file, *with_ledger, desk).await,
        }
    }
}

/// Adds a published report up: without a database, unless the ledger is to be compared.
async fn foot(file: &Path, with_ledger: bool, desk: &Desk) -> Result<Report, Error> {
    let (name, text) = desk.read_text(file)?;
    if !with_ledger {
        return report::foot(&text, &name);
    }
    let (app, caller) = desk.enter().await?;
    report::foot_with_ledger(&app, &caller, &text, &name).await
}
