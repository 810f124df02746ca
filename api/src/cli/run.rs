//! Runs and their way through approval.

use bank_adapters::Doubt;
use clap::{Args, Subcommand};
use ledger::calendar::{Date, Month};
use ledger::id::RunId;
use ledger::problem::Language;
use ledger_store::run::RunKind;

use super::args::{Key, Out, date, positive, run_id, run_kind};
use super::bank_file;
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::run::{self, NewRun};
use crate::app::view::Report;
use crate::app::{Done, Error, approval, clash, funding, publication, release};

/// Commands on runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// 建立批次 Create a run
    Create {
        /// 项目 Program
        #[arg(long)]
        program: String,
        /// 月份 Month, YYYY-MM
        #[arg(long)]
        month: Month,
        /// 种类 Kind
        #[arg(long, value_parser = run_kind(), default_value = "regular")]
        kind: RunKind,
        /// 补发的起始月份 First month of a back-pay run
        #[arg(long, value_name = "MONTH")]
        first: Option<Month>,
        #[command(flatten)]
        key: Key,
    },
    /// 计算应发 Calculate what is due
    Calculate(Step),
    /// 校验 Check
    Check(Step),
    /// 查看校验发现 Show what the check has found
    Findings {
        /// 批次编号 Number of the run
        #[arg(value_parser = run_id)]
        run: RunId,
        /// 至多行数 At most this many
        #[arg(long, value_parser = positive, default_value = "1000")]
        limit: i64,
        #[command(flatten)]
        out: Out,
    },
    /// 说明校验提醒 Explain the warnings of a check
    Explain {
        /// 批次编号 Number of the run
        #[arg(value_parser = run_id)]
        run: RunId,
        /// 校验编号,如 A07 Code of the check
        #[arg(long, value_name = "CODE")]
        check: String,
        /// 原因 Reason
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        key: Key,
    },
    /// 资金:需用、可用、已占用、缺口 Funding: wanted, available, claimed, missing
    Funding {
        /// 批次编号 Number of the run
        #[arg(value_parser = run_id)]
        run: RunId,
        #[command(flatten)]
        out: Out,
    },
    /// 提交复核 Submit for review
    Submit(Step),
    /// 复核 Review
    Review(Step),
    /// 审批 Approve
    Approve(Step),
    /// 退回 Reject, back to draft
    Reject(StepBack),
    /// 撤销审批,回到草稿 Take an approval back before release: a draft again
    Revoke(StepBack),
    /// 公示 Publish a submitted or reviewed run
    Publish {
        #[command(flatten)]
        step: Step,
        /// 公示首日 First day [默认 default: 今天 today]
        #[arg(long, value_name = "DATE", value_parser = date)]
        from: Option<Date>,
    },
    /// 查看公示:剩余天数与异议 Show its publication: days left and objections
    Publication {
        /// 批次编号 Number of the run
        #[arg(value_parser = run_id)]
        run: RunId,
    },
    /// 作废 Discard
    Discard(StepBack),
    /// 签发代发文件 Release: write the batch files
    Release {
        #[command(flatten)]
        step: Step,
        /// 业务日期 Business date [默认 default: 今天 today]
        #[arg(long, value_name = "DATE", value_parser = date)]
        on: Option<Date>,
    },
    /// 结清关闭 Close a settled run
    Close(Step),
    /// 查看批次 Show a run and whose turn it is
    Show {
        /// 批次编号 Number of the run
        #[arg(value_parser = run_id)]
        run: RunId,
    },
    /// 列出批次 List runs
    List,
    /// 查看明细 Show the payments of a run
    Lines {
        /// 批次编号 Number of the run
        #[arg(value_parser = run_id)]
        run: RunId,
        /// 至多行数 At most this many
        #[arg(long, value_parser = positive, default_value = "1000")]
        limit: i64,
        #[command(flatten)]
        out: Out,
    },
}

/// A step forward.
#[derive(Debug, Args)]
pub(crate) struct Step {
    /// 批次编号 Number of the run
    #[arg(value_parser = run_id)]
    run: RunId,
    #[command(flatten)]
    key: Key,
}

/// A step back, with its reason.
#[derive(Debug, Args)]
pub(crate) struct StepBack {
    /// 批次编号 Number of the run
    #[arg(value_parser = run_id)]
    run: RunId,
    /// 原因 Reason
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    key: Key,
}

impl RunCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = &desk.enter().await?;
        let done = match self {
            RunCommand::Create {
                program,
                month,
                kind,
                first,
                key,
            } => {
                let wanted = NewRun {
                    program: program.clone(),
                    kind: *kind,
                    month: *month,
                    first: *first,
                };
                run::create(app, caller, &wanted, key.get()).await?
            }
            RunCommand::Calculate(step) => {
                run::calculate(app, caller, step.run, step.key.get()).await?
            }
            RunCommand::Check(step) => run::check(app, caller, step.run, step.key.get()).await?,
            RunCommand::Findings { run, limit, out } => {
                return Ok(shown(
                    clash::findings(app, caller, *run, *limit).await?,
                    out,
                ));
            }
            RunCommand::Explain {
                run,
                check,
                reason,
                key,
            } => clash::explain(app, caller, *run, check, reason, key.get()).await?,
            RunCommand::Funding { run, out } => {
                return Ok(shown(funding::show(app, caller, *run).await?, out));
            }
            RunCommand::Submit(step) => run::submit(app, caller, step.run, step.key.get()).await?,
            RunCommand::Review(step) => run::review(app, caller, step.run, step.key.get()).await?,
            RunCommand::Approve(step) => {
                run::approve(app, caller, step.run, step.key.get()).await?
            }
            RunCommand::Reject(back) => {
                run::reject(app, caller, back.run, &back.reason, back.key.get()).await?
            }
            RunCommand::Revoke(back) => {
                approval::revoke(app, caller, back.run, &back.reason, back.key.get()).await?
            }
            RunCommand::Publish { step, from } => {
                publication::publish(app, caller, step.run, *from, step.key.get()).await?
            }
            RunCommand::Publication { run } => {
                return Ok(publication::show(app, caller, *run).await?.into());
            }
            RunCommand::Discard(back) => {
                run::discard(app, caller, back.run, &back.reason, back.key.get()).await?
            }
            RunCommand::Release { step, on } => {
                let done = release::release(app, caller, step.run, *on, step.key.get()).await?;
                with_warnings(done, desk.language())
            }
            RunCommand::Close(step) => run::close(app, caller, step.run, step.key.get()).await?,
            RunCommand::Show { run } => return Ok(run::show(app, caller, *run).await?.into()),
            RunCommand::List => return Ok(run::list(app, caller).await?.into()),
            RunCommand::Lines { run, limit, out } => {
                return Ok(shown(run::lines(app, caller, *run, *limit).await?, out));
            }
        };
        Ok(done.into())
    }
}

/// Adds what is to be known about the layout of the bank files, in words.
fn with_warnings(mut done: Done, language: Language) -> Done {
    let codes = done.answer["layout_doubts"].as_array().cloned();
    let codes: Vec<String> = codes
        .unwrap_or_default()
        .iter()
        .filter_map(|code| code.as_str().map(str::to_owned))
        .collect();
    let doubts = Doubt::ALL
        .iter()
        .filter(|doubt| codes.iter().any(|code| code == doubt.code()));
    let warnings: Vec<&str> = doubts
        .map(|doubt| bank_file::doubt(*doubt, language))
        .collect();
    if !warnings.is_empty() {
        done.answer["layout_warnings"] = warnings.into();
    }
    done
}

/// A report that goes to a file when one is named.
fn shown(report: Report, out: &Out) -> Outcome {
    Outcome::report(report, out.out.as_ref())
}
