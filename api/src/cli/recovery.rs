//! Recovery of what was overpaid.

use clap::{ArgGroup, Args, Subcommand};
use ledger::calendar::{Date, Month};
use ledger::id::{ExceptionId, RecoveryId};
use ledger::money::Fen;

use super::args::{Key, Out, date, exception_id, positive};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::app::recovery::{self, HandOver, NewPlan, NewRecovery, Receipt, Whose};

/// Commands on recoveries.
#[derive(Debug, Subcommand)]
pub(crate) enum RecoveryCommand {
    /// 查找多发 Who was overpaid: what was accrued and is not due
    Find {
        /// 项目 Program
        #[arg(long)]
        program: String,
        #[command(flatten)]
        months: Range,
        #[command(flatten)]
        out: Out,
    },
    /// 提出追缴,待另一人确认 Propose recoveries; another person confirms each
    Open(Open),
    /// 确认追缴 Confirm what another person proposed
    Confirm {
        /// 追缴编号 Numbers of the recoveries
        #[arg(value_parser = recovery_id, required = true)]
        recoveries: Vec<RecoveryId>,
        #[command(flatten)]
        key: Key,
    },
    /// 驳回追缴或核销 Turn down a recovery, or its writing off
    Reject(WithReason),
    /// 订立还款计划 Plan how it is paid back
    Plan(PlanArgs),
    /// 收回:待查款认作追缴款,两人办理 Money came in: a credit that nobody could explain; two people
    Receive(ReceiveArgs),
    /// 提请核销,待另一人确认 Propose to give up what is left; another person confirms it
    WriteOff(WithReason),
    /// 确认核销 Confirm that it is given up
    ConfirmWriteOff(One),
    /// 上缴以前年度追缴款 Hand recovered money of earlier years to the treasury
    HandOver(HandOverArgs),
    /// 列出追缴 List recoveries
    List,
    /// 查看追缴经过 Show the whole way of a recovery
    Show {
        /// 追缴编号 Number of the recovery
        #[arg(value_parser = recovery_id)]
        recovery: RecoveryId,
    },
}

/// Months, each end open.
#[derive(Debug, Args)]
pub(crate) struct Range {
    /// 起始月份 First month [默认 default: 最早已发月份 the first accrued]
    #[arg(long, value_name = "MONTH")]
    first: Option<Month>,
    /// 截止月份 Last month [默认 default: 最晚已发月份 the last accrued]
    #[arg(long, value_name = "MONTH")]
    last: Option<Month>,
}

/// What is to be recovered.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whose").required(true).args(["file_no", "household", "all"]))]
pub(crate) struct Open {
    /// 项目 Program
    #[arg(long)]
    program: String,
    /// 档案号 File number of the household
    #[arg(long, value_name = "NO")]
    file_no: Option<String>,
    /// 户的内部编号 Number of the household, as `find` shows it
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    household: Option<i64>,
    /// 全部 Everybody's
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    months: Range,
    /// 原因 Reason
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    key: Key,
}

impl Open {
    fn wanted(&self) -> NewRecovery {
        let whose = match (&self.file_no, self.household) {
            (Some(number), _) => Whose::FileNo(number.clone()),
            (None, Some(number)) => Whose::Household(number),
            (None, None) => Whose::All,
        };
        NewRecovery {
            program: self.program.clone(),
            whose,
            first: self.months.first,
            last: self.months.last,
            reason: self.reason.clone(),
        }
    }
}

/// One recovery.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// 追缴编号 Number of the recovery
    #[arg(value_parser = recovery_id)]
    recovery: RecoveryId,
    #[command(flatten)]
    key: Key,
}

/// One recovery, and why.
#[derive(Debug, Args)]
pub(crate) struct WithReason {
    /// 追缴编号 Number of the recovery
    #[arg(value_parser = recovery_id)]
    recovery: RecoveryId,
    /// 原因 Reason
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    key: Key,
}

/// A plan.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// 追缴编号 Number of the recovery
    #[arg(value_parser = recovery_id)]
    recovery: RecoveryId,
    /// 分期,可多次 An instalment in cash, may be repeated
    #[arg(long = "instalment", value_name = "YYYY-MM=AMOUNT", value_parser = instalment,
        required_unless_present = "set_off")]
    instalments: Vec<(Month, Fen)>,
    /// 每批次至多抵扣 Each run withholds at most so much
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    set_off: Option<Fen>,
    /// 每笔至少发放 So much of a payment is paid in any case [默认 default: 1.00]
    #[arg(long, value_name = "AMOUNT", value_parser = amount, requires = "set_off")]
    leave: Option<Fen>,
    /// 从该月批次起抵扣 First month of a run that withholds [默认 default: 本月 this month]
    #[arg(long, value_name = "MONTH", requires = "set_off")]
    from: Option<Month>,
    #[command(flatten)]
    key: Key,
}

/// Money that came in.
#[derive(Debug, Args)]
pub(crate) struct ReceiveArgs {
    /// 追缴编号 Numbers of the recoveries that the money is for
    #[arg(value_parser = recovery_id, required = true)]
    recoveries: Vec<RecoveryId>,
    /// 差异编号 The exception that the credit is
    #[arg(long, value_parser = exception_id)]
    exception: ExceptionId,
    /// 认作追缴的金额,余下仍待查 So much of the credit; the rest stays unexplained [默认 default: 全部 all]
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    amount: Option<Fen>,
    /// 退回的指标文号 Appropriation that it goes home to [默认 default: 原发放的指标 the one drawn on]
    #[arg(long, value_name = "DOCUMENT")]
    appropriation: Option<String>,
    #[command(flatten)]
    key: Key,
}

impl ReceiveArgs {
    fn receipt(&self) -> Receipt {
        Receipt {
            recoveries: self.recoveries.clone(),
            exception: self.exception,
            amount: self.amount,
            appropriation: self.appropriation.clone(),
        }
    }
}

/// Money for the treasury.
#[derive(Debug, Args)]
pub(crate) struct HandOverArgs {
    /// 项目 Program
    #[arg(long)]
    program: String,
    /// 金额 Amount in yuan
    #[arg(long, value_parser = amount)]
    amount: Fen,
    /// 收款账户 Account that it came in at [默认 default: 项目支付账户 the program's]
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "appropriation")]
    account: Option<String>,
    /// 抵扣款所在指标文号 Appropriation that kept what payments withheld
    #[arg(long, value_name = "DOCUMENT")]
    appropriation: Option<String>,
    /// 业务日期 Business date [默认 default: 今天 today]
    #[arg(long, value_name = "DATE", value_parser = date)]
    on: Option<Date>,
    #[command(flatten)]
    key: Key,
}

fn recovery_id(text: &str) -> Result<RecoveryId, String> {
    positive(text).map(RecoveryId)
}

fn amount(text: &str) -> Result<Fen, String> {
    let read = Fen::parse_yuan(text).ok().filter(|fen| *fen > Fen::ZERO);
    read.ok_or_else(|| "金额须大于零 not an amount above zero".to_owned())
}

fn instalment(text: &str) -> Result<(Month, Fen), String> {
    let wanted = || "须为 YYYY-MM=金额 not YYYY-MM=AMOUNT".to_owned();
    let (month, fen) = text.split_once('=').ok_or_else(wanted)?;
    Ok((month.parse().map_err(|_| wanted())?, amount(fen)?))
}

impl RecoveryCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        let done = match self {
            RecoveryCommand::Find {
                program,
                months,
                out,
            } => {
                let (first, last) = (months.first, months.last);
                let report = recovery::find(&app, &caller, program, first, last).await?;
                return Ok(Outcome::report(report, out.out.as_ref()));
            }
            RecoveryCommand::List => return Ok(recovery::list(&app, &caller).await?.into()),
            RecoveryCommand::Show { recovery } => {
                return Ok(recovery::show(&app, &caller, *recovery).await?.into());
            }
            RecoveryCommand::Open(open) => {
                recovery::open(&app, &caller, &open.wanted(), open.key.get()).await?
            }
            RecoveryCommand::Confirm { recoveries, key } => match recoveries.as_slice() {
                [one] => recovery::confirm(&app, &caller, *one, key.get()).await?,
                many => recovery::confirm_many(&app, &caller, many, key.get()).await?,
            },
            RecoveryCommand::Reject(why) => {
                let (id, key) = (why.recovery, why.key.get());
                recovery::reject(&app, &caller, id, &why.reason, key).await?
            }
            RecoveryCommand::Plan(plan) => {
                let new = NewPlan {
                    instalments: plan.instalments.clone(),
                    set_off: plan.set_off,
                    leave: plan.leave,
                    from: plan.from,
                };
                recovery::plan(&app, &caller, plan.recovery, &new, plan.key.get()).await?
            }
            RecoveryCommand::Receive(receive) => {
                recovery::receive(&app, &caller, &receive.receipt(), receive.key.get()).await?
            }
            RecoveryCommand::WriteOff(why) => {
                let (id, key) = (why.recovery, why.key.get());
                recovery::write_off(&app, &caller, id, &why.reason, key).await?
            }
            RecoveryCommand::ConfirmWriteOff(one) => {
                recovery::confirm_write_off(&app, &caller, one.recovery, one.key.get()).await?
            }
            RecoveryCommand::HandOver(over) => {
                let wanted = HandOver {
                    program: over.program.clone(),
                    amount: over.amount,
                    account: over.account.clone(),
                    appropriation: over.appropriation.clone(),
                    on: over.on,
                };
                recovery::hand_over(&app, &caller, &wanted, over.key.get()).await?
            }
        };
        Ok(done.into())
    }
}
