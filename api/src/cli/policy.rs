//! Programs, components, standards, and policy as a whole.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ledger::calendar::Month;
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::publication::DayUnit;
use ledger::id::ProposalId;
use ledger::money::Fen;
use serde_json::json;

use super::args::{Key, Out, approval_level};
use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::approval::NewLimit;
use crate::app::layouts::NewLayouts;
use crate::app::policy::Source;
use crate::app::proposal::{self, Change};
use crate::app::publication::NewRule;
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
        /// 政策文件 Policy file, TOML or .xlsx
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
                let (name, bytes) = desk.read(file)?;
                let (app, caller) = desk.enter().await?;
                let source = Source::file(&name, bytes);
                let done = policy::import_from(&app, &caller, &source, key.get());
                Ok(done.await?.into())
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

/// Where policy is read from.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct From {
    /// 政策文件 Policy file, TOML or .xlsx
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// 政策包 Policy pack
    #[arg(long, value_name = "NAME")]
    pack: Option<String>,
}

impl From {
    fn source(&self, desk: &Desk) -> Result<Source, Error> {
        match (&self.file, &self.pack) {
            (Some(file), _) => {
                let (name, bytes) = desk.read(file)?;
                Ok(Source::file(&name, bytes))
            }
            (None, name) => {
                let name = name.as_deref().unwrap_or_default();
                Ok(Source::pack(policy::pack(name)?))
            }
        }
    }
}

/// What a level may approve.
#[derive(Debug, Args)]
pub(crate) struct LimitCommand {
    /// 项目 Program
    #[arg(long)]
    program: String,
    /// 级别 Level
    #[arg(long, value_parser = approval_level())]
    level: ApprovalLevel,
    /// 起始月份 First month, YYYY-MM
    #[arg(long)]
    from: Month,
    /// 单笔限额,元 Largest payment, yuan
    #[arg(long, value_name = "YUAN", value_parser = Fen::parse_yuan)]
    payment: Fen,
    /// 批次限额,元 Largest total of a run, yuan
    #[arg(long, value_name = "YUAN", value_parser = Fen::parse_yuan)]
    run: Option<Fen>,
    /// 文号 Document number
    #[arg(long)]
    document: String,
    #[command(flatten)]
    key: Key,
}

impl LimitCommand {
    async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        let limit = NewLimit {
            program: self.program.clone(),
            level: self.level,
            from: self.from,
            payment: self.payment,
            run: self.run,
            document: self.document.clone(),
        };
        let change = Change::Limit(limit);
        let proposed = proposal::propose(&app, &caller, &change, self.key.get());
        Ok(proposed.await?.into())
    }
}

/// Other bank layouts of a paying account.
#[derive(Debug, Args)]
pub(crate) struct LayoutsCommand {
    /// 账户 Bank account
    account: String,
    /// 代发文件格式 Layout of batch files [默认 default: 不变 as it is]
    #[arg(long, default_value = "", hide_default_value = true)]
    batch: String,
    /// 回盘格式 Layout of returns [默认 default: 不变 as it is]
    #[arg(long = "return", default_value = "", hide_default_value = true)]
    returned: String,
    /// 对账单格式 Layout of statements [默认 default: 不变 as it is]
    #[arg(long, default_value = "", hide_default_value = true)]
    statement: String,
    #[command(flatten)]
    key: Key,
}

impl LayoutsCommand {
    async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        let (app, caller) = desk.enter().await?;
        let change = Change::Layouts(NewLayouts {
            account: self.account.clone(),
            batch: self.batch.clone(),
            returned: self.returned.clone(),
            statement: self.statement.clone(),
        });
        let proposed = proposal::propose(&app, &caller, &change, self.key.get());
        Ok(proposed.await?.into())
    }
}

/// Commands on policy as a whole.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// 列出随附的政策包 List the packs that are shipped
    Packs,
    /// 导入政策 Import policy
    Import {
        #[command(flatten)]
        from: From,
        /// 未写账户的项目由此账户支付 Account that pays the programs that name none
        #[arg(long, value_name = "CODE")]
        bank_account: Option<String>,
        #[command(flatten)]
        key: Key,
    },
    /// 生成政策模板 Write a workbook to fill in
    Template {
        /// 文件名 File name, .xlsx
        #[arg(long, value_name = "FILE", default_value = "政策.xlsx")]
        out: PathBuf,
        /// 填入此政策包 Filled with this pack
        #[arg(long, value_name = "NAME")]
        pack: Option<String>,
    },
    /// 提出公示天数,另一人确认后生效 Propose for how many days the runs of a program are published
    Publish {
        /// 项目 Program
        #[arg(long)]
        program: String,
        /// 天数,0 为不公示 Days, 0 for not at all
        #[arg(long, value_name = "N")]
        days: u16,
        /// 按工作日计 Count working days
        #[arg(long)]
        working: bool,
        /// 文号 Document number
        #[arg(long)]
        document: String,
        #[command(flatten)]
        key: Key,
    },
    /// 提出审批限额,另一人确认后生效 Propose what a level may approve of a program
    Limit(LimitCommand),
    /// 提出更换账户的银行格式,另一人确认 Propose other layouts of an account; another confirms
    Layouts(LayoutsCommand),
    /// 确认他人提出的规定 Confirm a rule that another person proposed
    Confirm {
        /// 提议编号 Number of the proposal
        proposal: i64,
        #[command(flatten)]
        key: Key,
    },
    /// 驳回提出的规定 Turn a proposed rule down
    Reject {
        /// 提议编号 Number of the proposal
        proposal: i64,
        /// 原因 Reason
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        key: Key,
    },
    /// 列出须两人办理的规定 List the rules that take two people
    Proposals,
    /// 预览政策变动:谁、多少、何资金、补到何月 Preview a change: who, how much, which fund, back to when
    Preview {
        #[command(flatten)]
        from: From,
        /// 月份 Month, YYYY-MM [默认 default: 本月 this month]
        #[arg(long)]
        month: Option<Month>,
        #[command(flatten)]
        out: Out,
    },
}

impl RulesCommand {
    /// Does it.
    pub(crate) async fn run(&self, desk: &Desk) -> Result<Outcome, Error> {
        match self {
            RulesCommand::Packs => Ok(policy::list_packs()?.into()),
            RulesCommand::Import {
                from,
                bank_account,
                key,
            } => {
                let source = from.source(desk)?.paid_from(bank_account.as_deref());
                let (app, caller) = desk.enter().await?;
                let done = policy::import_from(&app, &caller, &source, key.get());
                Ok(done.await?.into())
            }
            RulesCommand::Template { out, pack } => {
                let pack = pack.as_deref().map(policy::pack).transpose()?;
                let bytes = policy::template(pack)?;
                desk.write_new(out, &bytes)?;
                let answer = json!({ "file": out.display().to_string(), "bytes": bytes.len() });
                Ok(Outcome::Answer(answer))
            }
            RulesCommand::Publish {
                program,
                days,
                working,
                document,
                key,
            } => {
                let (app, caller) = desk.enter().await?;
                let change = Change::Publication(NewRule {
                    program: program.clone(),
                    days: i64::from(*days),
                    unit: match working {
                        true => DayUnit::Working,
                        false => DayUnit::Calendar,
                    },
                    document: document.clone(),
                });
                let proposed = proposal::propose(&app, &caller, &change, key.get());
                Ok(proposed.await?.into())
            }
            RulesCommand::Confirm { proposal, key } => {
                let (app, caller) = desk.enter().await?;
                let id = ProposalId(*proposal);
                let confirmed = proposal::confirm(&app, &caller, id, key.get());
                Ok(confirmed.await?.into())
            }
            RulesCommand::Reject {
                proposal,
                reason,
                key,
            } => {
                let (app, caller) = desk.enter().await?;
                let id = ProposalId(*proposal);
                let rejected = proposal::reject(&app, &caller, id, reason, key.get());
                Ok(rejected.await?.into())
            }
            RulesCommand::Proposals => {
                let (app, caller) = desk.enter().await?;
                Ok(proposal::list(&app, &caller).await?.into())
            }
            RulesCommand::Limit(limit) => limit.run(desk).await,
            RulesCommand::Layouts(layouts) => layouts.run(desk).await,
            RulesCommand::Preview { from, month, out } => {
                let source = from.source(desk)?;
                let (app, caller) = desk.enter().await?;
                let report = policy::preview(&app, &caller, &source, *month).await?;
                Ok(Outcome::report(report, out.out.as_ref()))
            }
        }
    }
}
