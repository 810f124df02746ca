//! What can be typed: the options of every command, the commands, and how values are read.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ledger::calendar::{Date, Month, parse_date};
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::role::Role;
use ledger::fund::Level;
use ledger::id::{ExceptionId, ObjectionId, PaymentId, RunId};
use ledger::problem::{Kind, Language, Problem};
use ledger_store::run::RunKind;

use super::appropriation::AppropriationCommand;
use super::audit::AuditCommand;
use super::backup::{BackupCommand, RestoreCommand};
use super::bank_answer::{ReturnCommand, StatementCommand};
use super::bank_file::BankFileCommand;
use super::batch::BatchCommand;
use super::bench::BenchCommand;
use super::calendar::CalendarCommand;
use super::clash::ClashCommand;
use super::demo::DemoCommand;
use super::exception::ExceptionCommand;
use super::failed::{PaymentCommand, ReasonCommand};
use super::objection::ObjectionCommand;
use super::period::PeriodCommand;
use super::policy::{PolicyCommand, RulesCommand};
use super::recovery::RecoveryCommand;
use super::report::{ReconcileCommand, ReportCommand};
use super::roster::RosterCommand;
use super::run::RunCommand;
use super::serve::ServeCommand;
use super::setup::{BookCommand, UserCommand};
use super::token::TokenCommand;
use super::trace::TraceCommand;
use super::year::YearCommand;

/// 惠民账:社会救助资金发放、对账与审计 Huimin Ledger: social assistance paid, reconciled, proved
#[derive(Debug, Parser)]
#[command(
    name = "huimin",
    version,
    subcommand_help_heading = "命令 Commands",
    subcommand_value_name = "COMMAND",
    disable_help_subcommand = true,
    max_term_width = 120
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options of every command, before or after its name.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "通用选项 Global options")]
pub(crate) struct Global {
    /// 数据库 Database: sqlite://PATH or postgres://… [默认 default: sqlite://huimin.db]
    #[arg(
        long,
        global = true,
        env = "HUIMIN_DB",
        value_name = "URL",
        hide_env_values = true
    )]
    pub(crate) db: Option<String>,
    /// 账套 Book [默认 default: 唯一的账套 the only one]
    #[arg(long, global = true, env = "HUIMIN_BOOK", value_name = "CODE")]
    pub(crate) book: Option<String>,
    /// 办理人,密码取自 HUIMIN_PASSWORD 或在终端输入 Who acts; password from HUIMIN_PASSWORD or asked
    #[arg(long = "as", global = true, env = "HUIMIN_USER", value_name = "USER")]
    pub(crate) user: Option<String>,
    /// 输出格式 Output format
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// 语言 Language
    #[arg(long, global = true, env = "HUIMIN_LANG", value_enum, default_value_t = Lang::Zh)]
    pub(crate) lang: Lang,
    /// PDF 用的中文字体文件 Chinese font of PDF files [默认 default: 系统字体 one of the machine]
    #[arg(long, global = true, env = "HUIMIN_FONT", value_name = "FILE")]
    pub(crate) font: Option<PathBuf>,
    /// 自有银行格式的目录 Directory of bank layouts of your own
    /// [默认 default: SQLite 库旁的 profiles beside the database]
    #[arg(
        long = "profiles",
        global = true,
        env = "HUIMIN_PROFILES",
        value_name = "DIR"
    )]
    pub(crate) profile_dir: Option<PathBuf>,
    /// 已签发批次的旁存文件 Side file of released batches [默认 default: 数据库旁 beside the SQLite file]
    #[arg(long, global = true, env = "HUIMIN_SIDE_FILE", value_name = "FILE")]
    pub(crate) side_file: Option<PathBuf>,
}

impl Global {
    /// The language of the answer.
    pub(crate) fn language(&self) -> Language {
        match self.lang {
            Lang::Zh => Language::Zh,
            Lang::En => Language::En,
        }
    }
}

/// How an answer is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// 表格 Tables and lines for people
    Text,
    /// 一个 JSON 文档 One JSON document
    Json,
    /// CSV 表 Tables as comma separated values
    Csv,
}

/// The languages that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// 中文 Chinese
    Zh,
    /// 英文 English
    En,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// 演示:神木 2022 年全年 Demo: a synthetic county's year 2022, from quota letter to closed books
    Demo(DemoCommand),
    /// 测算:一个月若干笔从名册到结账 Bench: a month of N payments end to end, against raw load
    Bench(BenchCommand),
    /// 网页与接口:启动服务 Serve the pages and the REST interface
    Serve(ServeCommand),
    /// 初始化数据库 Set the database up
    Init,
    /// 账套 Books
    Book {
        #[command(subcommand)]
        command: BookCommand,
    },
    /// 用户 Users
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// 自检 Self-check
    Doctor,
    /// 备份 Backup of the whole database
    Backup(BackupCommand),
    /// 恢复备份,并证明与封存的一致 Restore a backup and prove it is what was sealed
    Restore(RestoreCommand),
    /// 接口令牌 Tokens for the REST interface
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// 指标 Appropriations: quota letters
    Appropriation {
        #[command(subcommand)]
        command: AppropriationCommand,
    },
    /// 救助项目 Programs and their components
    Program {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// 保障标准 Standards
    Standard {
        #[command(subcommand)]
        command: PolicyCommand,
    },
    /// 政策:政策包、模板、导入、预览 Policy: packs, template, import, preview
    Policy {
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// 工作日历:放假与调休 Calendar of working days: holidays and make-up days
    Calendar {
        #[command(subcommand)]
        command: CalendarCommand,
    },
    /// 花名册 Rosters
    Roster {
        #[command(subcommand)]
        command: RosterCommand,
    },
    /// 发放批次 Runs
    Run {
        #[command(subcommand)]
        command: RunCommand,
    },
    /// 代发文件 Batches: files for the bank
    Batch {
        #[command(subcommand)]
        command: BatchCommand,
    },
    /// 回盘 Returns: the bank's answers
    Return {
        #[command(subcommand)]
        command: ReturnCommand,
    },
    /// 对账单 Bank statements
    Statement {
        #[command(subcommand)]
        command: StatementCommand,
    },
    /// 比对:名单与互斥项目 What runs are compared with: lists and excluding programs
    Clash {
        #[command(subcommand)]
        command: ClashCommand,
    },
    /// 异议:对公示名单 Objections to published lists
    Objection {
        #[command(subcommand)]
        command: ObjectionCommand,
    },
    /// 差异 Exceptions
    Exception {
        #[command(subcommand)]
        command: ExceptionCommand,
    },
    /// 发放明细:失败与取消 Payments: what failed, and cancelling for good
    Payment {
        #[command(subcommand)]
        command: PaymentCommand,
    },
    /// 失败原因词典 Reasons of failures
    Reason {
        #[command(subcommand)]
        command: ReasonCommand,
    },
    /// 追缴:多发的款项 Recovery of what was overpaid
    Recovery {
        #[command(subcommand)]
        command: RecoveryCommand,
    },
    /// 会计期间 Periods
    Period {
        #[command(subcommand)]
        command: PeriodCommand,
    },
    /// 年结 Years
    Year {
        #[command(subcommand)]
        command: YearCommand,
    },
    /// 四相符对账 Reconcile: the four agreements
    Reconcile(ReconcileCommand),
    /// 报表 Reports
    Report(ReportCommand),
    /// 资金追踪 Trace money, both directions
    Trace(TraceCommand),
    /// 审计轨迹 Audit trail
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// 银行文件(不用数据库) Bank files, offline
    BankFile {
        #[command(subcommand)]
        command: BankFileCommand,
    },
}

/// The key of a command that changes something.
#[derive(Clone, Debug, Args)]
pub(crate) struct Key {
    /// 操作键:同键重复只办一次 Key: the same key is done only once
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl Key {
    /// As the use cases take it.
    pub(crate) fn get(&self) -> Option<String> {
        self.key.clone()
    }
}

/// Where a report is written to instead of standard output.
#[derive(Clone, Debug, Args)]
pub(crate) struct Out {
    /// 另存为文件 Write to a file: .pdf, .xlsx, .csv or .json
    #[arg(long, value_name = "FILE", value_parser = report_file, global = true)]
    pub(crate) out: Option<PathBuf>,
}

/// Months from the first to the last.
#[derive(Clone, Debug, Args)]
pub(crate) struct Months {
    /// 起始月份 First month, YYYY-MM
    #[arg(long, value_name = "MONTH", required_unless_present = "year")]
    from: Option<Month>,
    /// 截止月份 Last month [默认 default: 同起始月 the first]
    #[arg(long, value_name = "MONTH", requires = "from")]
    to: Option<Month>,
    /// 全年 A whole year, YYYY
    #[arg(long, value_name = "YEAR", value_parser = year, conflicts_with_all = ["from", "to"])]
    year: Option<i32>,
}

impl Months {
    /// First and last month. Refused when the last is before the first.
    pub(crate) fn get(&self) -> Result<(Month, Month), Problem> {
        let invalid = |value: String| {
            Problem::new(Kind::FieldInvalid)
                .with("field", "--from --to")
                .with("value", value)
                .with("wanted", "YYYY-MM ≤ YYYY-MM")
        };
        let (first, last) = match (self.year, self.from) {
            (Some(year), _) => match (Month::new(year, 1), Month::new(year, 12)) {
                (Ok(first), Ok(last)) => (first, last),
                _ => return Err(invalid(year.to_string())),
            },
            (None, Some(first)) => (first, self.to.unwrap_or(first)),
            (None, None) => return Err(invalid(String::new())),
        };
        if last < first {
            return Err(invalid(format!("{first} {last}")));
        }
        Ok((first, last))
    }
}

/// The kinds of report files by ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Workbook,
    Csv,
    Json,
    Pdf,
}

impl FileKind {
    /// By the ending of the name.
    pub(crate) fn of(path: &Path) -> Option<FileKind> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "xlsx" => Some(FileKind::Workbook),
            "csv" => Some(FileKind::Csv),
            "json" => Some(FileKind::Json),
            "pdf" => Some(FileKind::Pdf),
            _ => None,
        }
    }
}

fn report_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match FileKind::of(&path) {
        Some(_) => Ok(path),
        None => Err(
            "文件名须以 .pdf、.xlsx、.csv 或 .json 结尾 the name must end in .pdf, .xlsx, .csv or .json"
                .into(),
        ),
    }
}

/// Reads a year.
pub(crate) fn year(text: &str) -> Result<i32, String> {
    let known = text
        .parse()
        .ok()
        .filter(|year| (1900..=2999).contains(year));
    known.ok_or_else(|| "年份无效 not a year between 1900 and 2999".to_owned())
}

/// Reads a business date.
pub(crate) fn date(text: &str) -> Result<Date, String> {
    parse_date(text).map_err(|_| "日期无效 not a date YYYY-MM-DD".to_owned())
}

/// Reads a number above zero.
pub(crate) fn positive(text: &str) -> Result<i64, String> {
    let known = text.parse().ok().filter(|number| *number > 0);
    known.ok_or_else(|| "编号须为正整数 not a number above zero".to_owned())
}

/// Reads the number of a run.
pub(crate) fn run_id(text: &str) -> Result<RunId, String> {
    positive(text).map(RunId)
}

/// Reads the number of a payment.
pub(crate) fn payment_id(text: &str) -> Result<PaymentId, String> {
    positive(text).map(PaymentId)
}

/// Reads the number of an objection.
pub(crate) fn objection_id(text: &str) -> Result<ObjectionId, String> {
    positive(text).map(ObjectionId)
}

/// Reads the number of an exception.
pub(crate) fn exception_id(text: &str) -> Result<ExceptionId, String> {
    positive(text).map(ExceptionId)
}

/// Reads a role by code or Chinese name.
pub(crate) fn role() -> impl TypedValueParser<Value = Role> {
    let known = |role: &Role| {
        PossibleValue::new(role.code())
            .alias(role.name())
            .help(role.name())
    };
    PossibleValuesParser::new(Role::ALL.iter().map(known)).try_map(|text| {
        let mut all = Role::ALL.iter().copied();
        all.find(|role| role.code() == text || role.name() == text)
            .ok_or("role")
    })
}

/// Reads a level of funds by code or Chinese name.
pub(crate) fn level() -> impl TypedValueParser<Value = Level> {
    let known = |level: &Level| {
        PossibleValue::new(level.code())
            .alias(level.name())
            .help(level.name())
    };
    PossibleValuesParser::new(Level::ALL.iter().map(known)).try_map(|text| {
        let mut all = Level::ALL.iter().copied();
        all.find(|level| level.code() == text || level.name() == text)
            .ok_or("level")
    })
}

/// Reads the level of an approver by code or Chinese name.
pub(crate) fn approval_level() -> impl TypedValueParser<Value = ApprovalLevel> {
    let known = |level: &ApprovalLevel| {
        PossibleValue::new(level.code())
            .alias(level.name())
            .help(level.name())
    };
    PossibleValuesParser::new(ApprovalLevel::ALL.iter().map(known)).try_map(|text| {
        let mut all = ApprovalLevel::ALL.iter().copied();
        all.find(|level| level.code() == text || level.name() == text)
            .ok_or("level")
    })
}

/// Reads a kind of run.
pub(crate) fn run_kind() -> impl TypedValueParser<Value = RunKind> {
    let known = [
        PossibleValue::new("regular").help("正常发放 what is due"),
        PossibleValue::new("back-pay").help("补发以前月份 earlier months"),
        PossibleValue::new("re-pay").help("失败重发 what failed"),
    ];
    PossibleValuesParser::new(known).try_map(|text| RunKind::from_code(&text).ok_or("kind"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_stand_before_or_after_the_command() {
        for line in [
            "huimin --db sqlite://a.db --as zhang --format json --lang en run show 7",
            "huimin run show 7 --format json --lang en --as zhang --db sqlite://a.db",
            "huimin run --as zhang show --format json 7 --lang en --db sqlite://a.db",
        ] {
            let read = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(read.global.db.as_deref(), Some("sqlite://a.db"), "{line}");
            assert_eq!(read.global.user.as_deref(), Some("zhang"), "{line}");
            assert_eq!(
                (read.global.format, read.global.lang),
                (Format::Json, Lang::En),
                "{line}"
            );
            let shown = matches!(
                read.command,
                Command::Run {
                    command: RunCommand::Show { run: RunId(7) }
                }
            );
            assert!(shown, "{line}");
        }
    }

    #[test]
    fn commands_of_the_manual_are_understood() {
        for line in [
            "demo --out d --through 2022-03",
            "bench --payments 1000 --books 2 --months 3 --dir d --no-raw-load --reads --mixed 60",
            "init",
            "backup --out b.huimin",
            "restore b.huimin --head 7:0000000000000000000000000000000000000000000000000000000000000000",
            "token add 示例 --roles maker --hours 8",
            "token revoke 3",
            "book add shenmu --name 示例县民政局 --region 610881",
            "book list",
            "user add li --name 示例甲 --roles maker,会计 --key k",
            "user password li",
            "appropriation add --document 示例〔2022〕1号 --level 县级 --year 2022 --program p \
             --account a --amount 1,234.50 --received-on 2022-01-05",
            "appropriation return 示例〔2022〕1号 --program p --amount 1 --on 2022-12-30",
            "appropriation reduce 示例〔2022〕1号 --by 示例〔2022〕9号 --amount 1 --on 2022-09-30",
            "appropriation carry-over 示例〔2022〕1号 --to 2023 --document 示例〔2022〕8号 --amount 2",
            "appropriation carry-over 示例〔2022〕1号 --program p --to 2023 --document d",
            "program import p.toml",
            "calendar import c.csv --key k",
            "calendar import --shipped 2022",
            "calendar list 2022 --out c.xlsx",
            "standard list",
            "roster template",
            "roster import r.xlsx --program urban-dibao --month 2022-01 --dry-run",
            "roster diff --program urban-dibao --from 2022-01 --to 2022-02",
            "run create --program urban-dibao --month 2022-01 --kind back-pay --first 2021-12",
            "run funding 3 --out f.xlsx",
            "run reject 3 --reason 附件不全",
            "run release 3 --on 2022-01-08 --key k",
            "run lines 3 --limit 10 --out l.csv",
            "run publish 3 --from 2022-01-05 --key k",
            "run publication 3",
            "run revoke 3 --reason 名单有误",
            "policy publish --program p --days 5 --document 示例〔2022〕1号",
            "policy limit --program p --level 乡镇 --from 2020-01 --payment 2000 --run 1,000,000 \
             --document 示例〔2020〕1号",
            "user level li --level township",
            "report publication 3 --out 公示.xlsx",
            "objection add 3 --payment 7 --detail 已就业",
            "objection settle 1 --dismissed --note 已核实",
            "objection list --run 3",
            "batch file B1 --out b.txt",
            "return import r.txt --batch B1 --profile icbc-return",
            "return preview r.txt",
            "statement import s.csv --account a",
            "exception list --all",
            "exception resolve 4 --as-resolution force-match:P12-1 --note 已核对",
            "exception confirm 4",
            "exception show 4",
            "exception assign 4 maker",
            "exception comment 4 已电话核实",
            "exception evidence 4 回执.pdf --note 银行回执",
            "exception export 差异.xlsx",
            "exception import 差异.xlsx --marked 标注.xlsx",
            "return withdraw 2 --reason 银行发错文件",
            "payment failed",
            "payment cancel 12 --reason 查无此人",
            "reason list",
            "reason queue",
            "reason teach 量子涨落 --as-reason bank-unavailable",
            "recovery find --program p --first 2022-01 --last 2022-06 --out f.xlsx",
            "recovery open --program p --file-no D1 --reason 死亡迟报",
            "recovery open --program p --household 12 --reason 死亡迟报",
            "recovery open --program p --all --first 2022-01 --reason 死亡迟报 --key k",
            "recovery confirm 7",
            "recovery reject 7 --reason 有误",
            "recovery plan 7 --instalment 2022-05=100 --instalment 2022-06=50.50",
            "recovery plan 7 --set-off 200 --leave 50 --from 2022-05",
            "recovery receive 7 8 --exception 3 --appropriation 示例〔2022〕1号",
            "recovery write-off 7 --reason 无遗产可追",
            "recovery confirm-write-off 7",
            "recovery hand-over --program p --amount 100 --on 2022-12-30",
            "recovery list",
            "recovery show 7",
            "report recovery --out r.xlsx",
            "report missed --month 2022-01",
            "report success --year 2022 --out s.pdf",
            "report payments --from 2022-01 --program p --state failed --attempt first --after 9",
            "period close 2022-01",
            "year close 2022 --carry-over 示例〔2022〕8号 --key k",
            "year list",
            "report execution 2022 --out e.xlsx",
            "reconcile --month 2022-01",
            "report success-rate --from 2022-01 --to 2022-12 --out r.xlsx",
            "report --out r.csv trial-balance --year 2022",
            "report foot f.toml --with-ledger",
            "report voucher 4 --month 2022-01",
            "report voucher 2022-01 4 --out v.pdf --font f.ttc",
            "report triplicate 3 --out t.pdf",
            "report annual 2022 --shape shenmu --out a.pdf",
            "trace payment 7",
            "trace appropriation 示例〔2022〕1号",
            "audit log --from 10",
            "audit export",
            "doctor",
            "bank-file inspect f.txt --profile icbc-return",
            "bank-file profiles nxs-dhcc --profiles own",
        ] {
            let words = std::iter::once("huimin").chain(line.split_whitespace());
            let read = Arguments::try_parse_from(words);
            assert!(read.is_ok(), "{line}: {read:?}");
        }
    }

    #[test]
    fn wrong_usage_is_told() {
        for line in [
            "run show 0",
            "calendar import",
            "calendar import c.toml --shipped 2022",
            "recovery open --program p --reason r",
            "recovery open --program p --all --file-no D1 --reason r",
            "recovery plan 7",
            "recovery plan 7 --instalment 2022-05=0",
            "recovery plan 7 --instalment 2022-05=1 --leave 2",
            "recovery receive --exception 3",
            "bench --payments 0",
            "bench --payments 3000001",
            "run show x",
            "run create --program p --month 2022-13",
            "run create --program p --month 2022-01 --kind odd",
            "report monthly --month 2022-01 --out r.doc",
            "report annual --year 2022 --shape odd",
            "report annual 2022 --year 2022",
            "report voucher 2022-01 0",
            "report trial-balance --year 2022 --from 2022-01",
            "report trial-balance",
            "objection settle 1 --note 已核实",
            "objection settle 1 --upheld --dismissed --note 已核实",
            "policy publish --program p --days -1 --document d",
            "user level li --level village",
            "audit verify --head nonsense",
            "user add li --name 示例甲 --roles king",
            "run show 1 --key k",
            "run approve 1 --password secret",
        ] {
            let words = std::iter::once("huimin").chain(line.split(' '));
            let error = Arguments::try_parse_from(words).map(|_| ()).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn months_run_forward() {
        let months = |from: &str, to: Option<&str>| Months {
            from: from.parse().ok(),
            to: to.and_then(|to| to.parse().ok()),
            year: None,
        };
        for (from, to, ok) in [
            ("2022-01", None, true),
            ("2022-01", Some("2022-12"), true),
            ("2022-02", Some("2022-01"), false),
        ] {
            assert_eq!(months(from, to).get().is_ok(), ok, "{from} {to:?}");
        }
    }
}
