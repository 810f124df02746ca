//! The four agreements and the reports.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use ledger::calendar::Month;
use ledger::id::RunId;
use ledger::problem::{Kind, Problem};

use super::args::{FileKind, Months, Out, positive, run_id, year};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::exception::Page;
use crate::app::view::Report;
use crate::app::{App, Caller, Error, publication, reconcile as agreements, report};
use crate::print;

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
    /// 发放成功率报告 Report on success: rates, timeliness, money, budget
    Success {
        #[command(flatten)]
        months: Months,
    },
    /// 发放明细 The payments behind a figure of the success rates
    Payments(Narrowed),
    /// 发放成功率 Success rate: first attempt and final, by count and amount
    SuccessRate {
        #[command(flatten)]
        months: Months,
    },
    /// 发放及时性 Timeliness: payment days, the banks' days, money in transit by age
    Timeliness {
        #[command(flatten)]
        months: Months,
    },
    /// 资金沉淀 Idle and returned money, by age
    Idle,
    /// 月报 Monthly report
    Monthly {
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Month,
    },
    /// 年报 Annual report
    Annual {
        /// 年度 Year
        #[arg(value_name = "YEAR", value_parser = year, required_unless_present = "by_name")]
        year: Option<i32>,
        /// 年度 Year
        #[arg(long = "year", id = "by_name", value_name = "YEAR", value_parser = year,
            conflicts_with = "year")]
        by_name: Option<i32>,
        /// 样式:各来源报表的栏目 In the shape of a published report
        #[arg(long, value_parser = shape())]
        shape: Option<String>,
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
    /// 凭证清单 Vouchers of a month
    Vouchers {
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Month,
    },
    /// 记账凭证 Voucher: MONTH NUMBER, or NUMBER --month MONTH
    Voucher {
        /// 月份与凭证号 Month and number of the voucher
        #[arg(value_names = ["MONTH", "NUMBER"], num_args = 1..=2, required = true)]
        #[arg(value_parser = month_or_number)]
        place: Vec<MonthOrNumber>,
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Option<Month>,
    },
    /// 三联单 Triplicate of a run: civil affairs, finance, bank
    Triplicate {
        /// 批次 Run
        #[arg(value_parser = run_id)]
        run: RunId,
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
    /// 三方核对 Tie-out: approved list = ledger = bank, by batch
    TieOut {
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Month,
    },
    /// 应助未助 Who qualifies by a list of another office and draws nothing
    Missed {
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
        #[command(flatten)]
        place: OfPlace,
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

/// Where a published list hangs out.
#[derive(Debug, Args)]
struct OfPlace {
    /// 乡镇 Township
    #[arg(long)]
    township: Option<String>,
    /// 村(社区) Village
    #[arg(long)]
    village: Option<String>,
}

impl OfPlace {
    fn get(&self) -> publication::Place {
        publication::Place {
            township: self.township.clone(),
            village: self.village.clone(),
        }
    }
}

/// What narrows a list of payments down.
#[derive(Debug, Args)]
struct Narrowed {
    #[command(flatten)]
    months: Months,
    /// 救助项目 Program
    #[arg(long)]
    program: Option<String>,
    /// 首次付款的账户 Account of the first attempt
    #[arg(long)]
    account: Option<String>,
    /// 乡镇 Township; empty for none
    #[arg(long)]
    township: Option<String>,
    /// 状态 State
    #[arg(long, value_parser = PossibleValuesParser::new(["paid", "failed", "pending"]))]
    state: Option<String>,
    /// 看哪一次 Which attempt
    #[arg(long, value_parser = PossibleValuesParser::new(["last", "first", "every"]))]
    attempt: Option<String>,
    /// 失败原因代码 Code of the reason
    #[arg(long)]
    reason: Option<String>,
    /// 从此编号之后列起 Only those after this place
    #[arg(long, default_value_t = 0)]
    after: i64,
    /// 至多条数 At most so many
    #[arg(long, value_parser = positive, default_value_t = 200)]
    limit: i64,
}

impl Narrowed {
    fn filter(&self) -> Result<report::Filter, Error> {
        let (first, last) = self.months.get()?;
        Ok(report::Filter {
            first,
            last,
            program: self.program.clone(),
            account: self.account.clone(),
            township: self.township.clone(),
            state: self.state.clone(),
            attempt: self.attempt.clone(),
            reason: self.reason.clone(),
        })
    }

    fn page(&self) -> Page {
        Page {
            after: self.after.max(0),
            limit: self.limit,
        }
    }
}

impl ReportCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let out = self.out.out.as_ref();
        if let Which::Foot { file, with_ledger } = &self.which {
            let report = foot(file, *with_ledger, desk).await?;
            return Ok(Outcome::report(report, out));
        }
        self.which.make(out, desk).await
    }
}

impl Which {
    async fn make(&self, out: Option<&PathBuf>, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        let report = match self {
            Which::Success { months } => return success(months, &app, &caller, out).await,
            Which::Payments(narrowed) => {
                report::payments(&app, &caller, &narrowed.filter()?, narrowed.page()).await
            }
            Which::SuccessRate { months } => {
                let (first, last) = months.get()?;
                report::success_rate(&app, &caller, first, last).await
            }
            Which::Timeliness { months } => {
                let (first, last) = months.get()?;
                report::timeliness(&app, &caller, first, last).await
            }
            Which::Idle => report::idle(&app, &caller).await,
            Which::Monthly { month } => report::monthly(&app, &caller, *month).await,
            Which::Annual {
                year,
                by_name,
                shape,
            } => {
                let year = year.or(*by_name).unwrap_or_default();
                match shape {
                    Some(shape) => report::annual_shaped(&app, &caller, year, shape).await,
                    None => report::annual(&app, &caller, year).await,
                }
            }
            Which::Execution { year } => report::execution(&app, &caller, *year).await,
            Which::TrialBalance { months } => {
                let (first, last) = months.get()?;
                report::trial_balance(&app, &caller, first, last).await
            }
            Which::Ledger { account, months } => {
                let (first, last) = months.get()?;
                report::ledger(&app, &caller, account, first, last).await
            }
            Which::BankJournal { account, month } => {
                report::bank_journal(&app, &caller, account, *month).await
            }
            Which::BankReconciliation { account, month } => {
                report::bank_reconciliation(&app, &caller, account, *month).await
            }
            Which::Vouchers { month } => report::vouchers(&app, &caller, *month).await,
            Which::TieOut { month } => report::tie_out(&app, &caller, *month).await,
            Which::Missed { month } => report::missed(&app, &caller, *month).await,
            Which::Recovery => report::recovery(&app, &caller).await,
            Which::Publication { run, place } => {
                publication::report(&app, &caller, *run, &place.get()).await
            }
            Which::Foot { file, with_ledger } => foot(file, *with_ledger, desk).await,
            Which::Voucher { place, month } => {
                let (month, number) = voucher_place(place, *month)?;
                let form = report::voucher_form(&app, &caller, month, number).await?;
                return Ok(match to_paper(out) {
                    Some(path) => Outcome::form(form.report()?, print::voucher(&form)?, path),
                    None => Outcome::report(form.report()?, out),
                });
            }
            Which::Triplicate { run } => {
                let form = report::triplicate(&app, &caller, *run).await?;
                return Ok(match to_paper(out) {
                    Some(path) => Outcome::form(form.report()?, print::triplicate(&form)?, path),
                    None => Outcome::report(form.report()?, out),
                });
            }
        }?;
        Ok(Outcome::report(report, out))
    }
}

/// The report on success, on paper as it goes upwards.
async fn success(
    months: &Months,
    app: &App,
    caller: &Caller,
    out: Option<&PathBuf>,
) -> Result<Outcome, Error> {
    let (first, last) = months.get()?;
    let report = report::performance(app, caller, first, last).await?;
    let document = print::performance(&report, &caller.book.name);
    Ok(match to_paper(out) {
        Some(path) => Outcome::form(report, document, path),
        None => Outcome::report(report, out),
    })
}

/// A part of the place of a voucher.
#[derive(Clone, Copy, Debug)]
enum MonthOrNumber {
    Month(Month),
    Number(i64),
}

fn month_or_number(text: &str) -> Result<MonthOrNumber, String> {
    match text.parse() {
        Ok(month) => Ok(MonthOrNumber::Month(month)),
        Err(_) => positive(text).map(MonthOrNumber::Number),
    }
}

/// Month and number of a voucher, in whichever way they were given.
fn voucher_place(place: &[MonthOrNumber], month: Option<Month>) -> Result<(Month, i64), Error> {
    match (place, month.as_ref()) {
        ([MonthOrNumber::Month(month), MonthOrNumber::Number(number)], None)
        | ([MonthOrNumber::Number(number)], Some(month)) => Ok((*month, *number)),
        _ => Err(Problem::new(Kind::FieldInvalid)
            .with("field", "MONTH NUMBER")
            .with(
                "value",
                format!("{} / --month {}", place.len(), month.is_some()),
            )
            .with("wanted", "MONTH NUMBER, NUMBER --month MONTH")
            .into()),
    }
}

/// The shapes of the annual report.
fn shape() -> PossibleValuesParser {
    PossibleValuesParser::new(report::SHAPES.map(|(name, _)| name))
}

/// Whether a report goes to paper.
fn to_paper(out: Option<&PathBuf>) -> Option<&PathBuf> {
    out.filter(|path| FileKind::of(path) == Some(FileKind::Pdf))
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
