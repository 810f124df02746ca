//! The closed list of refusals: a stable code, what is wrong and what to do next, in Chinese and
//! English.
//!
//! A refusal is an answer, not an accident: it is recorded in the audit trail and shown to the
//! person who asked. Accidents (a lost connection, a full disk) are errors of their own crates.
//! The order of the list is the order of precedence: when several refusals apply, the first one
//! is given. Codes are never reused; a retired code keeps its line.

mod pages;

use std::fmt;

use crate::disbursement::approval::ApprovalLevel;
use crate::disbursement::recovery::{RecoveryEvent, RecoveryState};
use crate::disbursement::role::Role;
use crate::disbursement::workflow::{Duty, RunEvent, RunState};

/// Where a fault stands: each part is given when it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// File name as the user knows it.
    pub file: Option<String>,
    /// Sheet of a workbook.
    pub sheet: Option<String>,
    /// Row or line, counted from 1.
    pub row: Option<u64>,
    /// Column heading, or its number counted from 1.
    pub column: Option<String>,
    /// Field of a command, row or message.
    pub field: Option<String>,
    /// The value as it was read, masked when it identifies a person.
    pub value: Option<String>,
}

/// One refusal: its kind, the values its sentences name, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which refusal.
    pub kind: Kind,
    /// Values for the `{names}` in the sentences.
    pub values: Vec<(&'static str, String)>,
    /// Where it is.
    pub place: Place,
}

/// The two languages of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Chinese, the default.
    Zh,
    /// English.
    En,
}

macro_rules! problems {
    ($(
        $name:ident $code:literal $zh:literal $en:literal => $next_zh:literal $next_en:literal;
    )*) => {
        /// The kinds of refusal, in order of precedence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $(
            #[doc = concat!($code, ": ", $en)]
            $name,
        )* }

        impl Kind {
            /// Every kind, in order of precedence.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            /// The stable code, short enough to be read out on the telephone.
            pub fn code(self) -> &'static str {
                match self { $(Kind::$name => $code,)* }
            }

            fn title(self, language: Language) -> &'static str {
                match (self, language) { $(
                    (Kind::$name, Language::Zh) => $zh,
                    (Kind::$name, Language::En) => $en,
                )* }
            }

            fn next(self, language: Language) -> &'static str {
                match (self, language) { $(
                    (Kind::$name, Language::Zh) => $next_zh,
                    (Kind::$name, Language::En) => $next_en,
                )* }
            }
        }
    };
}

problems! {
    // Who asks.
    NotSignedIn "AUTH-0001" "没有登录" "not signed in"
        => "用 --as 指明用户并输入密码" "name the user with --as and give the password";
    WrongPassword "AUTH-0002" "用户名或密码不对" "wrong user name or password"
        => "核对后重试;失败会被记录" "check both and try again; failures are recorded";
    UserDisabled "AUTH-0003" "用户 {user} 已停用" "user {user} is disabled"
        => "请管理员启用" "ask an administrator to enable the user";
    RoleMissing "AUTH-0004" "{user} 没有办理此事的角色:{needed}" "{user} lacks the role for this: {needed}"
        => "请有此角色的人办理" "ask somebody who has the role";
    SamePerson "AUTH-0005" "{user} 在批次 {run} 上已是{duty},不能再做{wanted}" "{user} already acted as {duty} on run {run} and cannot act as {wanted}"
        => "请另一人办理:经办、复核、审批、出纳须为四人" "ask another person: maker, reviewer, approver and cashier are four people";
    TwoPeople "AUTH-0006" "此事须两人办理,提出人 {user} 不能自己确认" "this takes two people: {user} proposed it and cannot confirm it"
        => "请另一人确认" "ask another person to confirm";
    PasswordWeak "AUTH-0007" "密码太短:至少 {min} 个字符" "the password is too short: at least {min} characters"
        => "换一个更长的密码" "choose a longer password";
    RoleConflict "AUTH-0008" "角色 {first} 与 {second} 不能由一人兼任" "the roles {first} and {second} exclude each other"
        => "分给两个人" "give them to two people";
    LimitExceeded "AUTH-0009" "{user} 属{level},{month} 起的审批限额是单笔 {limit} 元、批次 {run_limit} 元;批次 {run} 最大一笔是明细 {payment} 的 {largest} 元,合计 {total} 元" "{user} is of level {level}, whose limit from {month} is {limit} yuan a payment and {run_limit} yuan a run; the largest payment of run {run} is {payment} with {largest} yuan, its total {total} yuan"
        => "请能审批此金额的人审批:{may}" "ask somebody who may approve that much: {may}";
    SignInLocked "AUTH-0010" "连续登录失败,{user} 已锁定,还须 {minutes} 分钟" "{user} is locked after failed sign-ins: {minutes} minutes are left"
        => "稍后重试,或请管理员重设密码" "try again later, or ask an administrator for a new password";
    FactorMissing "AUTH-0011" "须输入动态口令" "the one-time code is missing"
        => "输入验证器上的六位数字(命令行:HUIMIN_CODE)" "give the six digits of the authenticator (on the command line: HUIMIN_CODE)";
    FactorWrong "AUTH-0012" "动态口令不对或已用过" "the one-time code is wrong or was used"
        => "等验证器显示下一个数字后重试;两处时钟须一致" "wait for the next code; both clocks must agree";
    PasswordGuessable "AUTH-0013" "密码容易被猜到:{reason}" "the password is easy to guess: {reason}"
        => "换一个不含用户名、不是常见词或重复字符的密码" "choose one without the user name, and no common word or repeated character";
    RequestForeign "AUTH-0014" "请求不是从本系统的页面发出的,或页面已过期" "the request does not come from a page of this system, or the page is out of date"
        => "打开该页面重新填写并提交" "open the page and send the form again";
    TokenInvalid "AUTH-0015" "令牌无效、已到期或已收回" "the token is unknown, has expired or was taken back"
        => "用 token add 或 POST /api/v1/tokens 另取一个" "get another one: `token add`, or POST /api/v1/tokens";

    // What is asked.
    NotFound "CMD-0001" "找不到{what}:{name}" "no such {what}: {name}"
        => "核对名称或编号" "check the name or number";
    AlreadyExists "CMD-0002" "{what}已存在:{name}" "{what} exists already: {name}"
        => "换一个名称,或使用已有的" "choose another name, or use the existing one";
    FieldInvalid "CMD-0003" "{field} 的值无效:{value}" "{field} has an invalid value: {value}"
        => "按要求填写:{wanted}" "give {wanted}";
    KeyReused "CMD-0004" "操作键 {key} 已用于另一内容({field} 不同)" "key {key} was used with other input ({field} differs)"
        => "换一个新的操作键" "use a new key";
    BookUnknown "CMD-0005" "没有账套 {name}" "no book {name}"
        => "用 book list 查看,或用 book add 建立" "see `book list`, or create it with `book add`";
    DatabaseEmpty "CMD-0006" "数据库尚未初始化" "the database is not initialised"
        => "先运行 huimin init" "run `huimin init` first";
    DatabaseNewer "CMD-0007" "数据库版本 {found} 比程序的 {known} 新" "the database is at version {found}, newer than this program's {known}"
        => "使用较新的程序" "use a newer program";
    DatabaseUsed "CMD-0008" "数据库里已有数据" "the database is not empty"
        => "测算请用一个空的数据库" "give a measurement an empty database";
    TooLarge "CMD-0009" "发来的内容超过 {limit}" "what was sent is larger than {limit}"
        => "分成几个文件,或删去不需要的内容" "send it in several files, or without what is not needed";

    // Money and journal.
    PeriodClosed "LED-0001" "{month} 已结账,不能再记账" "{month} is closed and takes no postings"
        => "记入未结账的月份;更正用红字冲销" "post to the open month; correct by a reversing voucher";
    Overdrawn "LED-0002" "{account} 余额不足" "{account} would be overdrawn"
        => "先下达或追加指标,或减少金额" "add an appropriation or lower the amount";
    AmountInvalid "LED-0003" "金额无效:{value}" "invalid amount: {value}"
        => "填写以元为单位、至多两位小数的正数" "give a positive amount in yuan with at most two decimals";
    Unbalanced "LED-0004" "凭证不平:{detail}" "the voucher does not balance: {detail}"
        => "核对分录" "check its transfers";
    AlreadyReversed "LED-0005" "凭证 {voucher} 已冲销" "voucher {voucher} is reversed already"
        => "不必再冲" "nothing is left to reverse";
    PeriodNotReady "LED-0006" "{month} 不能结账:{reason}" "{month} cannot be closed: {reason}"
        => "先处理完这些事项" "settle these first";

    // Policy and roster.
    StandardMissing "POL-0001" "{component} 在 {month} 没有适用的标准({tag})" "{component} has no standard for {month} ({tag})"
        => "先录入有文号的标准" "add a standard with its document number";
    AwardAmountMissing "POL-0002" "{component} 须逐人核定金额,核定 {award} 没有金额" "{component} takes an individual amount and award {award} has none"
        => "补录核定金额" "record the approved amount";
    PolicyFaulty "POL-0003" "政策文件有 {count} 处错误,什么也没有导入" "the policy file has {count} faults; nothing was imported"
        => "按列出的位置逐处改正后重新导入" "correct the places listed and import again";
    PersonUnknown "POL-0004" "核定 {award} 的类别按年龄或残疾等级确定,但查不到此人的情况({month})" "the tag of award {award} follows from age or disability, but nothing is known of the person ({month})"
        => "核对名册中的身份证号" "check the identity number in the roster";
    QuantityMissing "POL-0005" "{component} 按件计,核定 {award} 没有数量" "{component} is counted in pieces and award {award} has no quantity"
        => "在名册的“数量”列填写件数" "give the pieces in the roster's column 数量";
    ProposalDecided "POL-0006" "提议 {proposal} 已{decision}" "proposal {proposal} is {decision} already"
        => "用 policy proposals 查看" "see `policy proposals`";
    RuleNeedsTwo "POL-0007" "{rule} 已有规定,更改须两人办理,不能随文件导入" "{rule} is ruled already: a change takes two people and cannot come with a file"
        => "用 policy publish、policy limit 提出,由另一人 policy confirm" "propose it with `policy publish` or `policy limit`, and let another person `policy confirm` it";
    IdentityInvalid "ROS-0001" "身份证号校验不符" "the identity number fails its check"
        => "对照身份证核对每一位" "compare every digit with the card";
    RosterFaulty "ROS-0002" "名册有 {count} 处错误,未导入任何一行" "the roster has {count} faults; nothing was imported"
        => "按标注逐处改正后重新导入" "correct what is marked and import again";
    RosterEmpty "ROS-0004" "名册里没有人" "the roster names nobody"
        => "名册须列出该月全部在册人员;全部止发也要逐人说明" "a roster lists everyone on the roll of its month";
    RosterEndsMost "ROS-0005" "名册将止发 {ended} 项核定(现有 {before} 项)" "the roster would end {ended} of {before} awards"
        => "先核对名册是否完整;确要止发,导入时写明 --expect-ended {ended}" "see whether the roster is complete; if so, import it with --expect-ended {ended}";
    AwardOverlap "ROS-0003" "{person} 的{component}在 {month} 已有核定" "{person} already has {component} approved in {month}"
        => "先止发原核定" "end the earlier award first";

    // Runs and payments.
    RunState "RUN-0001" "批次 {run} 现为“{state}”,不能{event}" "run {run} is {state}: cannot {event}"
        => "用 run show 查看下一步由谁办理" "see `run show` for the next step";
    RunEmpty "RUN-0002" "{program} 在 {month} 没有应发金额" "nothing is due for {program} in {month}"
        => "核对名册、标准和已发月份" "check roster, standards and months already paid";
    RunChanged "RUN-0003" "批次 {run} 的内容在审核后变了" "run {run} changed after it was checked"
        => "重新校验并从头审核" "check it again and start over";
    FundsMissing "RUN-0004" "资金不足,缺 {missing} 元({levels})" "the funds fall short by {missing} yuan ({levels})"
        => "录入该级次的追加指标(appropriation add)后重新校验;各级缺口见 run funding" "enter a supplementary quota letter of that level (appropriation add) and check again; `run funding` shows each level";
    PaymentLive "RUN-0005" "明细 {payment} 已有一次在途或成功的发放" "payment {payment} has a live or paid attempt"
        => "等银行回盘;未确认失败不得补发" "wait for the bank: only a confirmed failure may be re-paid";
    CheckBlocked "RUN-0006" "校验有 {count} 个未解决的错误" "the check found {count} blocking errors"
        => "逐条解决后重新校验" "resolve each and check again";
    AccountMissing "RUN-0007" "{count} 个收款人没有有效账户" "{count} payees have no valid account"
        => "补录账户" "record the accounts";
    CheckUnexplained "RUN-0008" "校验的提醒没有说明:{checks}" "warnings of the check are not explained: {checks}"
        => "用 run findings 查看,用 run explain 逐类说明" "see `run findings`, then `run explain` each kind";

    // Publication.
    PublicationMissing "PUB-0001" "批次 {run} 的本次计算没有公示" "this calculation of run {run} was not published"
        => "提交后用 run publish 公示" "publish it with `run publish` once it is submitted";
    ObjectionUpheld "PUB-0002" "批次 {run} 有成立的异议:{objections}" "objections to run {run} were upheld: {objections}"
        => "退回草稿(已审批的先撤销审批),更正后重新计算、提交、公示" "take it back to draft, correct it, calculate, submit and publish it again";
    ObjectionOpen "PUB-0003" "批次 {run} 有未处理的异议:{objections}" "objections to run {run} are not settled: {objections}"
        => "由接收人以外的人用 objection settle 处理" "let another person than the receiver settle them: `objection settle`";
    PublicationRunning "PUB-0004" "批次 {run} 公示至 {to},还剩 {days} 天" "run {run} is published until {to}: {days} days are left"
        => "等公示期满" "wait until the days are over";
    PublicationNotDue "PUB-0005" "批次 {run} 不须公示" "run {run} is not to be published"
        => "用 policy publish 规定公示天数;重发的明细已公示过" "set the days with `policy publish`; what a re-pay run pays was published before";
    ObjectionState "PUB-0006" "异议 {id} 现为“{state}”,不能再处理" "objection {id} is {state}: it cannot be settled again"
        => "用 objection list 查看" "see `objection list`";
    // Funding over the years.
    DecemberWithYear "FND-0001" "{month} 随年结一并结账" "{month}: December closes with the year"
        => "用 huimin year close {year}" "run `huimin year close {year}`";
    YearNotReady "FND-0002" "{year} 年不能年结,{count} 项指标的结余与结转不符:{list}" "{year} cannot be closed, {count} appropriations have money that is not carried over: {list}"
        => "逐项 appropriation carry-over 结转或 appropriation return --on 年末日 交回,或用 year close --carry-over 文号 全部结转" "carry each over (appropriation carry-over) or return it (appropriation return --on the year's last day), or carry all over: year close --carry-over DOC";
    CarryOverInvalid "FND-0003" "指标 {document} 不能结转到 {year} 年:{reason}" "appropriation {document} cannot be carried over to {year}: {reason}"
        => "核对年度和金额(appropriation list)" "check the year and the amount (appropriation list)";
    YearClosed "FND-0004" "{year} 年已年结,批次 {run} 的审批不能撤销" "{year} is closed: the approval of run {run} cannot be taken back"
        => "照常发放,多发的用 recovery open 追缴" "release it, and recover what was paid too much: `recovery open`";

    // The calendar.
    CalendarFaulty "CAL-0001" "工作日历文件有 {count} 处错误,什么也没有导入" "the calendar file has {count} faults; nothing was imported"
        => "按列出的位置逐处改正后重新导入" "correct the places listed and import again";

    // Files of banks.
    FileRejected "BNK-0001" "文件不能采用:{count} 处错误" "the file is refused: {count} faults"
        => "按所列位置改正,或请银行重发" "correct the places listed, or ask the bank to send it again";
    FileSeen "BNK-0002" "此文件已于 {time} 导入(回盘 {id})" "this file was imported at {time} (return {id})"
        => "不必再导入" "nothing needs to be imported";
    ProfileUnknown "BNK-0003" "没有银行格式 {name}" "no bank layout {name}"
        => "用 bank-file profiles 查看" "see `bank-file profiles`";
    FileUndetected "BNK-0004" "认不出文件格式" "the layout of the file is not recognised"
        => "用 --profile 指明格式" "name it with --profile";
    BatchForeign "BNK-0005" "文件属于批 {found},不是 {expected}" "the file belongs to batch {found}, not {expected}"
        => "选择正确的文件" "choose the right file";
    TotalsDiffer "BNK-0006" "控制总数不符:{detail}" "the control totals differ: {detail}"
        => "请银行重发,或核对批次" "ask the bank to send it again, or check the batch";
    Unmappable "BNK-0007" "{encoding} 写不出“{value}”" "{encoding} cannot hold “{value}”"
        => "按银行登记的写法改正户名,或改用 GB18030" "use the name as the bank has it, or send GB18030";
    StatementBroken "BNK-0008" "对账单不平:期初 {opening} + 发生 {moved} ≠ 期末 {closing}" "the statement does not add up: opening {opening} + movements {moved} ≠ closing {closing}"
        => "取得完整的对账单" "get the complete statement";
    StatementGap "BNK-0009" "对账单期初 {opening} 与上期期末 {previous} 不接" "opening balance {opening} does not follow the last closing balance {previous}"
        => "先导入中间缺的对账单" "import the missing statement first";
    StatementOverlap "BNK-0010" "对账单自 {from} 起,与已导入至 {to} 的对账单重叠" "the statement begins on {from}, and one up to {to} is there already"
        => "向银行取 {to} 之后的对账单" "get the statement of the days after {to}";
    TotalsMissing "BNK-0015" "批 {batch} 的文件只列失败且没有合计:文件若不完整,失败会被当作成功" "the file lists failures of batch {batch} only and states no totals: cut off, it would turn failures into successes"
        => "录入银行页面或纸面上的笔数与金额(--count 与 --total)再导入" "type the count and the total that the bank shows (--count and --total) and import again";
    ReturnOfOther "BNK-0016" "内容与回盘 {id}(批 {batch},{time})完全相同,文件又未写明批号" "the same content as return {id} (batch {batch}, {time}), and the file names no batch"
        => "确认是本批的文件后,录入银行页面上的笔数与金额(--count 与 --total)再导入" "make sure that it answers this batch, then type the count and the total that the bank shows (--count and --total)";
    AnswerBuiltOn "BNK-0011" "银行的答复不能收回:{detail}" "the bank's answer cannot be taken back: {detail}"
        => "已有后续业务的,按差异更正或取消发放办理" "what later steps build on is corrected as a difference, or the payment is cancelled";
    StatementFuture "BNK-0012" "对账单截止 {to},晚于今天({today})" "the statement ends on {to}, after today ({today})"
        => "核对文件的起止日期;确有误时请银行重出" "check the period in the file; if it is wrong, ask the bank for another file";
    StatementOutside "BNK-0013" "第 {line} 行的日期 {date} 不在对账单起止日期 {from} 至 {to} 之内" "the date of line {line}, {date}, is outside the period of the statement, {from} to {to}"
        => "核对文件的起止日期,取得完整的对账单" "check the period in the file and get the complete statement";
    StatementBuiltOn "BNK-0014" "对账单 {id} 不能撤回:{detail}" "statement {id} cannot be withdrawn: {detail}"
        => "先从最近一份撤起;已有后续业务的,按差异办理" "withdraw the newest one first; what later steps build on is settled as a difference";

    // Exceptions.
    ExceptionState "EXC-0001" "差异 {id} 现为“{state}”,不能{event}" "exception {id} is {state}: cannot {event}"
        => "用 exception list 查看" "see `exception list`";
    ExceptionResolution "EXC-0002" "差异 {id}({kind})不能这样处理:{detail}" "exception {id} ({kind}) cannot be settled so: {detail}"
        => "可用的处理:{offered}" "what can be done: {offered}";
    ExceptionStale "EXC-0003" "表格有 {count} 行已过时或有误,什么也没有导入" "{count} rows of the sheet are stale or faulty; nothing was imported"
        => "按标注逐行核对,重新导出后再填" "look at what is marked, export again and fill it in";

    // Recoveries.
    RecoveryState "REC-0001" "追缴 {recovery} 现为“{state}”,不能{event}" "recovery {recovery} is {state}: cannot {event}"
        => "用 recovery show 查看" "see `recovery show`";
    RecoveryChanged "REC-0002" "追缴 {recovery} 提出后,应发或已发有变" "what is owed by recovery {recovery} changed after it was proposed"
        => "驳回后用 recovery find 重新查找" "reject it and look again with `recovery find`";
    RecoveryExceeded "REC-0003" "金额 {amount} 多于追缴 {recovery} 的余额 {left}" "{amount} is more than the {left} left of recovery {recovery}"
        => "核对是哪几项追缴的钱,一并列出" "check which recoveries the money is for, and name them together";
    RecoveryPlan "REC-0004" "计划合计 {planned},应还 {left}" "the plan comes to {planned}, owed are {left}"
        => "分期合计须等于余额;另有抵扣时不得超过余额" "instalments come to what is left, or to less when payments withhold the rest";
    RecoveryReceipt "REC-0005" "差异 {id} 不是转入待查的到账,不能作为追缴款" "exception {id} is no unexplained credit and cannot be a recovery's money"
        => "用 exception list 查找该笔到账" "find the credit with `exception list`";
    RecoveryDiffers "REC-0006" "差异 {id} 已提出的处理是“{proposed}”,与此不同" "exception {id} is proposed to be settled otherwise: {proposed}"
        => "与提出人核对后按同样的内容确认" "agree with the one who proposed it, then confirm the same";
    RecoveryHeld "REC-0007" "可上缴的追缴款只有 {held},不足 {amount}" "only {held} of recovered money is held for the treasury, not {amount}"
        => "用 report recovery 查看待上缴金额" "see `report recovery` for what is held";
    RecoveryCredit "REC-0008" "差异 {id} 尚待查 {left},不能认作追缴款 {amount}" "of credit {id} {left} are unexplained, not {amount}"
        => "金额不得超过尚待查的余额" "take no more than is left of the credit";
    RecoveryPaid "REC-0009" "明细 {payment} 的追缴 {recovery} 已收回 {amount} 元,不能取消发放" "{amount} yuan of recovery {recovery} of payment {payment} came in already: it cannot be cancelled"
        => "收款人已退回未到账的钱:更正账户后重发此笔" "the payee paid back what never arrived: correct the account and send it again";

    // Long work.
    JobState "JOB-0001" "任务 {job} 现为“{state}”,不能{event}" "job {job} is {state}: cannot {event}"
        => "等它办完;已开始的办理不能中途停止" "wait for its end: what changes the books is not stopped half way";

    // Operation.
    BackupBroken "OPS-0001" "备份 {file} 不能用:{detail}" "the backup {file} is of no use: {detail}"
        => "用另一份备份,并查明存放它的介质" "use another backup, and look at what this one is stored on";
    BackupUnproven "OPS-0002" "恢复的账套 {book} 与封存的首部不符,没有启用:{detail}" "the restored book {book} is not what was sealed, and is not handed over: {detail}"
        => "用另一份备份;保留这一份,交审计查明" "use another backup; keep this one for the auditors";
    DatabaseBehind "OPS-0003" "数据库比发出的代发文件旧,缺 {count} 批:{batches};此时不能签发,不能补发" "the database is older than what went to the bank: {count} batches are missing ({batches}); nothing is released or paid again"
        => "恢复更新的备份;没有的,按原来的次序重做名册、批次和审批,签发出逐字节相同的文件后自动解除" "restore a newer backup; without one, do rosters, runs and approvals again in their order: releasing the very same files lifts this";

    // Published reports.
    ReportInvalid "RPT-0001" "公布数据文件无效:{detail}" "the file of published figures is not valid: {detail}"
        => "按所列行号改正后重试" "correct the line named and try again";

    // Paper.
    FontMissing "PRT-0001" "没有找到能印中文的字体" "no font that can print Chinese was found"
        => "安装字体(Debian:apt-get install fonts-noto-cjk),或用 --font 指明字体文件" "install one (on Debian: apt-get install fonts-noto-cjk), or name a font file with --font";
    FontUnusable "PRT-0002" "字体 {file} 不能用:{detail}" "the font {file} is of no use: {detail}"
        => "用 --font 指明含中文的 ttf、ttc 或 otf 字体" "name a ttf, ttc or otf font with Chinese characters by --font";
}

impl Problem {
    /// A problem of this kind without values or place.
    pub fn new(kind: Kind) -> Problem {
        Problem {
            kind,
            values: Vec::new(),
            place: Place::default(),
        }
    }

    /// Adds a value that the sentences name.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Problem {
        self.values.push((name, value.to_string()));
        self
    }

    /// Says where it is.
    #[must_use]
    pub fn at(mut self, place: Place) -> Problem {
        self.place = place;
        self
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// What is wrong, as a sentence.
    pub fn title(&self, language: Language) -> String {
        self.fill(self.kind.title(language), language)
    }

    /// What to do next, as a sentence.
    pub fn next(&self, language: Language) -> String {
        self.fill(self.kind.next(language), language)
    }

    /// What to do next where there is no command line: the act and the page.
    pub fn next_on_pages(&self, language: Language) -> String {
        let own = pages::next(self.kind, language);
        self.fill(own.unwrap_or_else(|| self.kind.next(language)), language)
    }

    fn fill(&self, sentence: &str, language: Language) -> String {
        self.values
            .iter()
            .fold(sentence.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), named(value, language))
            })
    }
}

/// A value in the language of its sentence: states, steps and roles come with their Chinese names.
fn named(value: &str, language: Language) -> &str {
    let all = RunState::ALL.iter().map(|one| (one.name(), one.code()));
    let mut all = all
        .chain(RunEvent::ALL.iter().map(|one| (one.name(), one.code())))
        .chain(Duty::ALL.iter().map(|one| (one.name(), one.code())))
        .chain(Role::ALL.iter().map(|one| (one.name(), one.code())))
        .chain(
            RecoveryState::ALL
                .iter()
                .map(|one| (one.name(), one.code())),
        )
        .chain(
            RecoveryEvent::ALL
                .iter()
                .map(|one| (one.name(), one.code())),
        )
        .chain(
            ApprovalLevel::ALL
                .iter()
                .map(|one| (one.name(), one.code())),
        );
    match language {
        Language::Zh => half(value, language),
        Language::En => {
            let known = all.find(|(zh, _)| *zh == value).map(|(_, en)| en);
            known.unwrap_or_else(|| half(value, language))
        }
    }
}

/// Of a text that says the same twice, `合计 total` or `待退回 / refund awaited`, what is said in the
/// language of the page. Any other text is left as it is: the first half must be Chinese, and the
/// second none.
pub fn half(text: &str, language: Language) -> &str {
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let pick = |zh, en| match language {
        Language::Zh => zh,
        Language::En => en,
    };
    if let Some((zh, en)) = text.split_once(" / ") {
        let is_said_twice = zh.contains(is_chinese) && !en.contains(is_chinese);
        return if is_said_twice { pick(zh, en) } else { text };
    }
    let Some((place, last)) = text.char_indices().rfind(|(_, c)| is_chinese(*c)) else {
        return text;
    };
    let Some((closing, en)) = text
        .get(place + last.len_utf8()..)
        .and_then(|rest| rest.split_once(' '))
    else {
        return text;
    };
    let zh = text.get(..place + last.len_utf8() + closing.len());
    let zh = zh.unwrap_or(text);
    let is_word = |c: char| c.is_ascii_alphabetic() || " ,-()/:'".contains(c);
    let is_said_twice = text.starts_with(is_chinese)
        && !zh.contains(|c: char| c.is_ascii_alphanumeric())
        && matches!(closing, "" | ")" | "\u{ff09}")
        && en.starts_with(|c: char| c.is_ascii_lowercase())
        && en.chars().all(is_word);
    if is_said_twice { pick(zh, en) } else { text }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.code(), self.title(Language::En))
    }
}

impl std::error::Error for Problem {}
