//! What the fields of an answer are called, and the names of the states and kinds in them.
//!
//! A field that is not listed is shown under its own name.

use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::publication::DayUnit;
use ledger::disbursement::recovery::RecoveryState;
use ledger::disbursement::role::Role;
use ledger::disbursement::workflow::{PaymentState, RunState};
use ledger::fund::Level;
use ledger::problem::Language;
use reconciliation::answer::ExceptionKind;
use reconciliation::resolution::{Effect, Resolution};

use crate::web::act;

/// Field, Chinese, English. The ending `_fen` is not part of the field.
const LABELS: &[(&str, &str, &str)] = &[
    ("absent", "未列出的视为", "what is not listed"),
    ("account", "账户", "account"),
    ("accounts", "账户", "accounts"),
    ("accounts_added", "新增账户", "accounts added"),
    ("accounts_changed", "变更账户", "accounts changed"),
    ("agreements", "四相符", "agreements"),
    ("amount", "金额", "amount"),
    ("answer", "答复", "answer"),
    (
        "answer_days",
        "银行答复限时(工作日)",
        "answers within (working days)",
    ),
    ("answered_by", "回盘格式", "answered by"),
    ("appropriation", "指标", "appropriation"),
    ("appropriations", "指标", "appropriations"),
    ("approval_limits", "审批限额", "approval limits"),
    ("approver", "审批人", "approver"),
    ("attempt", "发放尝试", "attempt"),
    ("attempts", "发放尝试", "attempts"),
    ("audit", "审计", "audit"),
    ("available", "可用", "available"),
    ("awards", "核定", "awards"),
    ("balance", "余额", "balance"),
    ("bank", "银行", "bank"),
    ("bank_accounts", "银行账户", "bank accounts"),
    ("batch", "代发批", "batch"),
    ("batches", "代发批", "batches"),
    ("blocking", "错误", "blocking errors"),
    ("book", "账套", "book"),
    ("book_id", "账套编号", "book number"),
    ("budget_year", "预算年度", "budget year"),
    ("by", "依据文号", "by document"),
    ("bytes", "字节", "bytes"),
    ("cancelled", "已取消", "cancelled"),
    ("candidates", "可能的格式", "candidates"),
    ("carried", "结转", "carried over"),
    ("carried_over", "结转指标", "carried over"),
    ("changed", "变更核定", "changed"),
    ("closing", "期末余额", "closing balance"),
    ("closing_vouchers", "年结凭证", "closing vouchers"),
    ("code", "代码", "code"),
    ("component", "发放项目", "component"),
    ("components", "发放项目", "components"),
    ("confidence", "可信度", "confidence"),
    ("confirmed", "已确认", "confirmed"),
    ("count", "笔数", "count"),
    ("date", "日期", "date"),
    ("days", "公示天数", "days"),
    ("days_left", "剩余天数", "days left"),
    ("detail", "内容", "detail"),
    ("difference", "差额", "difference"),
    ("digest", "内容摘要", "digest"),
    (
        "disabilities_changed",
        "残疾等级变动",
        "disability grades changed",
    ),
    ("document", "文号", "document"),
    ("dry_run", "试导入", "dry run"),
    ("due", "应发", "due"),
    ("duplicates", "重复", "duplicates"),
    ("effect", "记账", "effect"),
    ("eligibility_rules", "资格条件", "rules of eligibility"),
    ("encoding", "编码", "encoding"),
    ("ended", "止发核定", "ended"),
    ("engine", "数据库引擎", "engine"),
    ("entries", "条目", "entries"),
    ("entry", "审计条目", "audit entry"),
    ("errors", "错误", "errors"),
    ("exception", "差异", "exception"),
    ("exceptions", "差异", "exceptions"),
    ("expect_ended", "止发过半,须写明", "expect ended"),
    ("failed", "失败", "failed"),
    ("failed_words", "失败用语", "words of failure"),
    ("fees", "手续费", "bank fees"),
    ("file", "文件", "file"),
    ("file_name", "文件名", "file name"),
    ("files", "文件", "files"),
    ("findings", "发现", "findings"),
    ("fingerprint", "指纹", "fingerprint"),
    ("first", "起始", "first"),
    ("found", "有发现", "found"),
    ("from", "自", "from"),
    (
        "funding_open",
        "未定支付账户的资金安排",
        "funding without account",
    ),
    ("funding_rules", "资金配套", "funding rules"),
    ("gone", "退出", "gone"),
    ("granted_again", "再次核定", "granted again"),
    ("head", "审计首部", "head"),
    ("heads_changed", "户主变更", "heads of household changed"),
    ("holidays", "放假日", "holidays"),
    ("household", "户", "household"),
    ("households", "户", "households"),
    ("id", "编号", "number"),
    ("instalments", "期数", "instalments"),
    ("interest", "利息", "interest"),
    ("kind", "种类", "kind"),
    ("last", "截止", "last"),
    ("late_refunds", "其中成功后退票", "of which after success"),
    ("layout_doubts", "格式疑点", "doubts of the layout"),
    ("layout_warnings", "格式注意事项", "warnings of the layout"),
    ("left", "剩余", "left"),
    ("level", "级次", "level"),
    ("lines", "明细行", "lines"),
    ("lines_max", "每个文件至多笔数", "lines at most"),
    ("login", "用户名", "login"),
    ("make_up_days", "调休上班日", "make-up days"),
    ("matched", "已匹配", "matched"),
    ("members_added", "新登记户内成员", "household members added"),
    ("message", "说明", "message"),
    ("missing", "缺少", "missing"),
    ("month", "月份", "month"),
    ("moved", "发生额", "moved"),
    ("n", "序号", "number"),
    ("name", "名称", "name"),
    ("name_en", "英文名称", "English name"),
    ("new", "新增", "new"),
    ("next", "下一步", "next"),
    ("note", "说明", "note"),
    ("notes", "提示", "notes"),
    ("notice", "退款通知", "refund notice"),
    ("notices", "退款通知", "refund notices"),
    ("number", "编号", "number"),
    ("objection", "异议", "objection"),
    ("on", "日期", "date"),
    ("open_runs", "未结批次", "open runs"),
    ("opening", "期初余额", "opening balance"),
    ("other", "对应差异", "other exception"),
    ("owner", "负责人", "owner"),
    ("paid", "成功", "paid"),
    ("paid_words", "成功用语", "words of success"),
    ("parties", "对象", "parties"),
    ("parties_added", "新增对象", "parties added"),
    ("payee", "收款人", "payee"),
    ("payees", "收款人", "payees"),
    ("payer", "付款户", "payer"),
    ("payment", "发放明细", "payment"),
    ("payment_days", "发放日", "payment days"),
    ("payment_limit", "单笔限额", "payment limit"),
    ("payments", "发放明细", "payments"),
    ("pending", "待定", "pending"),
    ("period", "期间", "period"),
    ("persons", "人", "persons"),
    ("profile", "银行格式", "layout"),
    ("profile_name", "格式名称", "layout name"),
    ("program", "救助项目", "program"),
    ("program_name", "项目名称", "program name"),
    ("programs", "救助项目", "programs"),
    ("proposal", "提议", "proposal"),
    ("proposed", "已提出", "proposed"),
    ("publication_rules", "公示规定", "publication rules"),
    ("reason", "原因", "reason"),
    ("recorded", "新登记", "recorded"),
    ("recorded_before", "已登记", "recorded before"),
    ("recoveries", "追缴", "recoveries"),
    ("recovery", "追缴", "recovery"),
    ("references", "引用标准", "references"),
    ("refunded", "退票", "refunded"),
    ("refunds", "退款到账", "refunds"),
    ("region", "区划", "region"),
    ("relocated", "迁居对象", "parties moved"),
    ("renamed", "更名对象", "parties renamed"),
    ("repeated", "重复导入", "repeated"),
    ("replay", "重放", "replay"),
    ("resolution", "处理", "resolution"),
    ("return", "回盘", "return"),
    ("returned", "已退回", "returned"),
    ("revision", "计算次数", "calculation"),
    ("roles", "角色", "roles"),
    ("root", "默克尔根", "root"),
    ("roster", "花名册", "roster"),
    ("rows", "行数", "rows"),
    ("run", "批次", "run"),
    ("run_limit", "批次限额", "run limit"),
    ("schema", "数据库版本", "schema"),
    ("schema_version", "数据库版本", "schema version"),
    ("sent", "在途", "sent"),
    ("sent_on", "送出日期", "sent on"),
    ("sequence", "审计条目", "audit entry"),
    ("set_off", "每批次抵扣", "withheld in each run"),
    ("sha256", "SHA-256", "SHA-256"),
    ("shown", "所列", "shown"),
    ("size", "条数", "size"),
    ("source", "依据", "source"),
    ("standards", "保障标准", "standards"),
    ("started", "新增核定", "started"),
    ("state", "状态", "state"),
    ("stated_count", "文件写明笔数", "stated count"),
    ("stated_total", "文件写明合计", "stated total"),
    ("statement", "对账单", "statement"),
    ("status", "状态", "status"),
    ("subject", "对象", "subject"),
    ("suspense", "转入待查", "in suspense"),
    ("tables", "表", "tables"),
    ("title", "名称", "title"),
    ("to", "至", "to"),
    ("total", "合计", "total"),
    ("totals", "控制总数", "control totals"),
    ("transfers", "分录", "transfers"),
    ("unanswered", "尚无结果", "unanswered"),
    ("unchanged", "未变核定", "unchanged"),
    ("unit", "单位", "unit"),
    ("unknown", "不在本账套", "not in this book"),
    ("unmatched", "未匹配", "unmatched"),
    ("usable", "可用于入账", "usable"),
    ("use", "用途", "use"),
    ("user", "用户", "user"),
    ("values_missing", "须填写的编号", "values to fill in"),
    ("version", "版本", "version"),
    ("voucher", "凭证", "voucher"),
    ("vouchers", "凭证", "vouchers"),
    ("warnings", "提示", "warnings"),
    ("without_date", "无日期", "without a date"),
    ("words", "银行原话", "words"),
    ("year", "年度", "year"),
    ("years", "年度", "years"),
    (
        "years_without_notice",
        "没有放假安排的年度,只按周末计",
        "years without a notice, weekends only",
    ),
];

/// The ending of fields that hold integer fen.
const FEN: &str = "_fen";

/// Whether a field holds integer fen.
pub(crate) fn is_money(field: &str) -> bool {
    field.ends_with(FEN)
}

/// What a field is called.
pub(crate) fn label(field: &str, language: Language) -> String {
    let stem = field.strip_suffix(FEN).unwrap_or(field);
    let known = LABELS.iter().find(|(name, ..)| *name == stem);
    let name = match (known, language) {
        (Some((_, zh, _)), Language::Zh) => (*zh).to_owned(),
        (Some((.., en)), Language::En) => (*en).to_owned(),
        (None, _) => stem.replace('_', " "),
    };
    match (is_money(field), language) {
        (true, Language::Zh) => name + "(元)",
        (true, Language::En) => name + " (yuan)",
        (false, _) => name,
    }
}

/// The name of a value: states, kinds and levels have Chinese ones.
pub(crate) fn value<'a>(field: &str, code: &'a str, language: Language) -> &'a str {
    if language == Language::En {
        return code;
    }
    let name = match field {
        "state" | "status" => {
            let run = RunState::from_code(code).map(RunState::name);
            let payment = PaymentState::from_code(code).map(PaymentState::name);
            let recovery = RecoveryState::from_code(code).map(RecoveryState::name);
            run.or(payment).or(match code {
                "active" => Some("启用"),
                "queued" => Some("排队"),
                "running" => Some("办理中"),
                "done" => Some("已办完"),
                "disabled" => Some("已停用"),
                "open" => Some("未结"),
                "confirmed" => Some("已确认"),
                "proposed" => Some("待确认"),
                "resolved" => Some("已处理"),
                "received" => Some("待处理"),
                "upheld" => Some("成立"),
                "dismissed" => Some("不成立"),
                _ => recovery,
            })
        }
        "roles" => Role::from_code(code).map(Role::name),
        "level" => {
            let approval = ApprovalLevel::from_code(code).map(ApprovalLevel::name);
            Level::from_code(code).map(Level::name).or(approval)
        }
        "unit" => DayUnit::from_code(code).map(DayUnit::name),
        "kind" => match code {
            "regular" => Some("正常发放"),
            "back-pay" => Some("补发以前月份"),
            "re-pay" => Some("失败重发"),
            _ => {
                let kind = ExceptionKind::from_code(code).map(|kind| kind.name(language));
                kind.or_else(|| act(code))
            }
        },
        "effect" => Effect::from_code(code).map(|effect| effect.name(language)),
        "resolution" => Resolution::from_code(code).map(|way| way.name(language)),
        _ => None,
    };
    name.unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_listed_once_in_order() {
        assert!(LABELS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn fields_and_values_have_names() {
        for (field, zh, en) in [
            ("run", "批次", "run"),
            ("total_fen", "合计(元)", "total (yuan)"),
            ("odd_field", "odd field", "odd field"),
        ] {
            assert_eq!(label(field, Language::Zh), zh);
            assert_eq!(label(field, Language::En), en);
        }
        assert_eq!(value("state", "approved", Language::Zh), "已审批");
        assert_eq!(value("state", "approved", Language::En), "approved");
        assert_eq!(value("name", "approved", Language::Zh), "approved");
    }
}
