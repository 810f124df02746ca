//! The words of the product in both languages, as they stand in tables: states, roles, kinds,
//! reasons, acts.

use bank_adapters::reason::Reason;
use ledger::disbursement::approval::ApprovalLevel;
use ledger::disbursement::clash::ListKind;
use ledger::disbursement::recovery::{RecoveryEvent, RecoveryState};
use ledger::disbursement::role::Role;
use ledger::disbursement::workflow::{Duty, PaymentState, RunEvent, RunState};
use ledger::fund::Level;
use ledger::problem::Language;
use reconciliation::answer::ExceptionKind;
use reconciliation::resolution::Resolution;

/// Chinese and English of what is no state, role or kind with a name of its own.
const WORDS: &[(&str, &str)] = &[
    ("正常发放", "regular"),
    ("补发以前月份", "back-pay"),
    ("失败重发", "re-pay"),
    ("错误", "error"),
    ("提醒", "warning"),
    ("是", "yes"),
    ("否", "no"),
    ("不公示", "not published"),
    ("可补发", "can be paid again"),
    ("等退款到账", "waits for its refund"),
    (
        "等更正账户或准予补发",
        "waits for another account or a clearance",
    ),
    ("新增", "new"),
    ("退出", "gone"),
    ("提高", "raised"),
    ("降低", "lowered"),
    ("收款人变更", "payee changed"),
    ("账号变更", "account changed"),
    ("户名变更", "holder changed"),
    ("更名", "renamed"),
    ("迁居", "moved"),
    ("未审批", "not approved"),
    ("按人", "per person"),
    ("按户", "per household"),
    ("个人", "person"),
    ("户", "household"),
    ("机构", "institution"),
    ("借", "debit"),
    ("贷", "credit"),
    ("合计", "total"),
    ("通过", "passed"),
    ("启用", "active"),
    ("停用", "disabled"),
    ("不分级次", "any level"),
    ("定额", "fixed amount"),
    ("补差", "up to the standard"),
    ("按比例", "by rate"),
    ("逐人核定", "each by itself"),
    ("单位日记账余额", "balance of the journal"),
    ("调节后余额", "adjusted balance"),
    (
        "加:银行已收、单位未收",
        "plus: received by the bank, not booked",
    ),
    (
        "减:银行已付、单位未付",
        "less: paid by the bank, not booked",
    ),
    (
        "加:单位已收、银行未收",
        "plus: booked as received, not at the bank",
    ),
    (
        "减:单位已付、银行未付",
        "less: booked as paid, not at the bank",
    ),
    ("冲减", "correction"),
    ("停发冲减", "stop"),
    ("追缴冲减", "recovery"),
    ("成功", "paid"),
    ("实发", "paid"),
    ("待发", "waiting"),
    (
        "已退回、待补发或取消",
        "home, to be sent again or cancelled",
    ),
    ("来款待查", "in suspense"),
    ("退回", "returned"),
    ("首次", "first"),
    ("末次", "last"),
    ("每次", "every"),
    ("产生", "opened"),
    ("负责人", "owner"),
    ("备注", "comment"),
    ("凭据", "evidence"),
];

/// Categories (类别) that shipped policies name; any other is what its office calls it.
const CATEGORIES: &[(&str, &str)] = &[
    ("半护理", "semi"),
    ("全护理", "full"),
    ("能自理", "self"),
    ("分散", "dispersed"),
    ("集中", "centralised"),
    ("机构", "institution"),
    ("未成年或老年", "minor-or-elderly"),
    ("重度残疾", "severe"),
    ("老年", "elderly"),
    ("大学生", "university"),
    ("工龄长的", "long-service"),
    ("复员军人", "veteran"),
    ("特殊困难", "special"),
    ("六十年代精简职工", "sixties-streamlined"),
    ("政策性下岗", "policy-laid-off"),
    ("孤儿", "orphan"),
    ("不减免", "no-waiver"),
    ("无集中供热", "no-heating"),
    ("优惠", "discount"),
    ("以前", "before"),
    ("以后", "after"),
];

/// The Chinese name of what somebody did, by its code.
pub(crate) fn act(code: &str) -> Option<&'static str> {
    let known = ACTS.iter().find(|(_, known)| *known == code);
    known.map(|(zh, _)| *zh)
}

/// A category in words; itself when it is none that ships.
pub(super) fn category(text: &str, language: Language) -> String {
    let known = CATEGORIES.iter().find(|(_, code)| *code == text);
    match (known, language) {
        (Some((zh, _)), Language::Zh) => (*zh).to_owned(),
        _ => text.to_owned(),
    }
}

/// Sentences around one value.
const AROUND: &[(&str, &str)] = &[
    ("小计 {} 笔", "subtotal, {}"),
    ("合计 {} 笔", "total, {}"),
    ("对账单余额({})", "balance of the statement ({})"),
    ("引擎设置 {}", "setting of the engine: {}"),
    ("银行手续费 {}", "bank fee {}"),
    ("账户利息 {}", "interest {}"),
    ("回盘 {}", "return {}"),
    ("对账单 {}", "statement {}"),
    ("退款通知 {}", "refund notice {}"),
    ("差异 {}", "exception {}"),
    ("批次 {}", "run {}"),
    ("代发批 {}", "batch {}"),
    ("指标 {}", "appropriation {}"),
    ("取消发放 {}", "cancellation {}"),
    ("撤销审批 {}", "revocation {}"),
    ("撤回回盘 {}", "withdrawal {}"),
    ("追缴 {}", "recovery {}"),
    ("追缴上缴 {}", "hand-over {}"),
    ("交回国库 {}", "return to the treasury {}"),
    ("年结 {}", "close of the year {}"),
    ("{} 正常发放", "{}, regular"),
    ("{} 补发以前月份", "{}, back pay"),
    ("{} 失败重发", "{}, re-pay"),
    ("{} 日历日", "{} calendar days"),
    ("{} 工作日", "{} working days"),
];

/// What people do, as the audit trail and jobs name it.
const ACTS: &[(&str, &str)] = &[
    ("录入指标", "appropriation.add"),
    ("指标结转", "appropriation.carry-over"),
    ("导入指标", "appropriation.import"),
    ("指标追减", "appropriation.reduce"),
    ("交回国库", "appropriation.return"),
    ("导出审计证据", "audit.export"),
    ("验证审计轨迹", "audit.verify"),
    ("建立账套", "book.add"),
    ("导入工作日历", "calendar.import"),
    ("导入比对名单", "check-list.import"),
    ("指派差异", "exception.assign"),
    ("备注差异", "exception.comment"),
    ("确认差异处理", "exception.confirm"),
    ("附差异凭据", "exception.evidence"),
    ("导入差异处理", "exception.import"),
    ("提出差异处理", "exception.propose"),
    ("启用动态口令", "factor.confirm"),
    ("停用动态口令", "factor.drop"),
    ("设置动态口令", "factor.offer"),
    ("提出任务", "job.add"),
    ("取消任务", "job.cancel"),
    ("登记异议", "objection.add"),
    ("处理异议", "objection.settle"),
    ("取消发放", "payment.cancel"),
    ("准予补发", "payment.clear"),
    ("月结", "period.close"),
    ("查看完整号码", "personal.reveal"),
    ("确认规定", "policy.confirm"),
    ("设互斥项目", "policy.exclude"),
    ("导入政策", "policy.import"),
    ("更换账户格式", "policy.layouts"),
    ("设审批限额", "policy.limit"),
    ("设公示天数", "policy.publish"),
    ("否决规定", "policy.reject"),
    ("查询", "read"),
    ("教失败原因", "reason.teach"),
    ("提出追缴", "recovery.open"),
    ("追缴上缴", "recovery.hand-over"),
    ("确认多项追缴", "recovery.confirm-many"),
    ("导入回盘", "return.import"),
    ("撤回回盘", "return.withdraw"),
    ("登记死亡", "roster.deceased"),
    ("按名单登记死亡", "roster.deceased-list"),
    ("导入名册", "roster.import"),
    ("计算批次", "run.calculate"),
    ("校验批次", "run.check"),
    ("关闭批次", "run.close"),
    ("建立批次", "run.create"),
    ("作废批次", "run.discard"),
    ("说明校验提醒", "run.explain"),
    ("公示", "run.publish"),
    ("签发批次", "run.release"),
    ("退回批次", "run.reject"),
    ("复核批次", "run.review"),
    ("撤销审批", "run.revoke"),
    ("结清批次", "run.settle"),
    ("提交批次", "run.submit"),
    ("审批批次", "run.approve"),
    ("登录", "session.begin"),
    ("结束会话", "session.end"),
    ("登录尝试", "sign-in"),
    ("登录锁定", "sign-in.lock"),
    ("导入对账单", "statement.import"),
    ("撤回对账单", "statement.withdraw"),
    ("发给接口令牌", "token.add"),
    ("收回接口令牌", "token.revoke"),
    ("添加用户", "user.add"),
    ("取出代发文件", "batch.file"),
    ("导出", "file.export"),
    ("提交表单", "form.send"),
    ("停用用户", "user.disable"),
    ("重新启用用户", "user.enable"),
    ("改变用户角色", "user.roles"),
    ("定审批级别", "user.level"),
    ("设密码", "user.password"),
    ("年结", "year.close"),
];

/// A sentence around one value in the other language, when it is one of those.
pub(super) fn filled(text: &str, language: Language) -> Option<String> {
    AROUND.iter().find_map(|(zh, en)| {
        let (before, after) = zh.split_once("{}")?;
        let value = text.strip_prefix(before)?.strip_suffix(after)?;
        // A value in Chinese is a sentence that somebody wrote.
        let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
        if value.contains(is_chinese) {
            return None;
        }
        match language {
            Language::Zh => Some(text.to_owned()),
            Language::En => Some(en.replace("{}", value)),
        }
    })
}

/// All pairs: Chinese, English.
pub(super) fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    let states = RunState::ALL.iter().map(|one| (one.name(), one.code()));
    let own = WORDS.iter().chain(ACTS).copied();
    let kinds = ExceptionKind::ALL.iter();
    let kinds = kinds.map(|one| (one.name(Language::Zh), one.name(Language::En)));
    let ways = Resolution::ALL.iter();
    let ways = ways.map(|one| (one.name(Language::Zh), one.name(Language::En)));
    let ages = crate::app::report::BANDS.iter().map(|(_, words)| *words);
    own.chain(states)
        .chain(ages)
        .chain(kinds)
        .chain(ways)
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
        .chain(Reason::ALL.iter().map(|one| (one.zh(), one.code())))
        .chain(
            Reason::ALL
                .iter()
                .map(|one| (one.action_zh(), one.action_en())),
        )
        .chain(PaymentState::ALL.iter().map(|one| (one.name(), one.code())))
        .chain(RunEvent::ALL.iter().map(|one| (one.name(), one.code())))
        .chain(Duty::ALL.iter().map(|one| (one.name(), one.code())))
        .chain(Role::ALL.iter().map(|one| (one.name(), one.code())))
        .chain(ListKind::ALL.iter().map(|one| (one.name(), one.code())))
        .chain(Level::ALL.iter().map(|one| (one.name(), one.code())))
        .chain(
            ApprovalLevel::ALL
                .iter()
                .map(|one| (one.name(), one.code())),
        )
}
