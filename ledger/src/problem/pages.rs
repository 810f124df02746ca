//! What to do next where there is no command line: on pages, and over HTTP. Only the refusals whose
//! own sentence names a command stand here.

use super::{Kind, Language};

/// Kind, Chinese, English.
const ON_PAGES: &[(Kind, &str, &str)] = &[
    (
        Kind::NotSignedIn,
        "在登录页登录;接口的请求带上令牌",
        "sign in on the sign-in page; a request of the interface carries a token",
    ),
    (
        Kind::FactorMissing,
        "输入验证器上的六位数字",
        "give the six digits of the authenticator",
    ),
    (
        Kind::TokenInvalid,
        "另取一个令牌(POST /api/v1/tokens)",
        "get another one: POST /api/v1/tokens",
    ),
    (
        Kind::BookUnknown,
        "核对账套代码;没有的,请系统管理员建立",
        "check the code of the book, or ask the administrator to create it",
    ),
    (
        Kind::DatabaseEmpty,
        "请系统管理员初始化数据库",
        "ask the administrator to initialise the database",
    ),
    (
        Kind::TotalsMissing,
        "填写银行页面或纸面上的笔数与金额后再导入",
        "fill in the count and the total that the bank shows and import again",
    ),
    (
        Kind::ReturnOfOther,
        "确认是本批的文件后,填写银行页面上的笔数与金额再导入",
        "make sure that it answers this batch, then fill in the count and the total that the bank \
         shows",
    ),
    (
        Kind::ProposalDecided,
        "在“规定”页查看提议",
        "see the proposals on the page Rules",
    ),
    (
        Kind::RuleNeedsTwo,
        "在“规定”页提出,由另一人确认",
        "propose it on the page Rules, and let another person confirm it",
    ),
    (
        Kind::RosterEndsMost,
        "先核对名册是否完整;确要止发,导入时填写止发项数 {ended}",
        "see whether the roster is complete; if so, import it and state that {ended} awards end",
    ),
    (
        Kind::RunState,
        "在该批次的页面查看下一步由谁办理",
        "see the page of the run for the next step",
    ),
    (
        Kind::FundsMissing,
        "在“指标与资金”页录入该级次的追加指标后重新校验;各级缺口见该批次的页面",
        "enter a supplementary quota letter of that level on the page Funds and check again; the \
         page of the run shows each level",
    ),
    (
        Kind::CheckUnexplained,
        "在该批次的页面逐类说明校验提醒",
        "explain each kind on the page of the run",
    ),
    (
        Kind::PublicationMissing,
        "提交后在该批次的页面公示",
        "publish it on its page once it is submitted",
    ),
    (
        Kind::ObjectionOpen,
        "由接收人以外的人在该批次的页面处理",
        "let another person than the receiver settle them on the page of the run",
    ),
    (
        Kind::PublicationNotDue,
        "在“规定”页规定公示天数;重发的明细已公示过",
        "set the days on the page Rules; what a re-pay run pays was published before",
    ),
    (
        Kind::ObjectionState,
        "在该批次的页面查看异议",
        "see the objections on the page of the run",
    ),
    (
        Kind::DecemberWithYear,
        "在“月结与年结”页办理 {year} 年年结",
        "close the year {year} on the page Closing",
    ),
    (
        Kind::YearNotReady,
        "在“指标与资金”页逐项结转,或以年末日交回;或年结时填写全部结转的文号",
        "carry each over or return it on the year's last day on the page Funds, or close the year \
         with a document that carries all over",
    ),
    (
        Kind::CarryOverInvalid,
        "在“指标与资金”页核对年度和金额",
        "check the year and the amount on the page Funds",
    ),
    (
        Kind::YearClosed,
        "照常发放,多发的在“追缴”页追缴",
        "release it, and recover what was paid too much on the page Recoveries",
    ),
    (
        Kind::ProfileUnknown,
        "从列出的银行格式中选择",
        "choose one of the layouts that are offered",
    ),
    (
        Kind::FileUndetected,
        "选择银行格式后重试",
        "choose the layout and try again",
    ),
    (
        Kind::ExceptionState,
        "在“差异”页查看",
        "see the page Exceptions",
    ),
    (
        Kind::RecoveryState,
        "在“追缴”页查看",
        "see the page Recoveries",
    ),
    (
        Kind::RecoveryChanged,
        "驳回后在“追缴”页重新查找",
        "reject it and look again on the page Recoveries",
    ),
    (
        Kind::RecoveryReceipt,
        "在“差异”页查找该笔到账",
        "find the credit on the page Exceptions",
    ),
    (
        Kind::RecoveryHeld,
        "在追缴台账查看待上缴金额",
        "see the recovery ledger for what is held",
    ),
    (
        Kind::FontMissing,
        "请系统管理员安装中文字体",
        "ask the administrator to install a Chinese font",
    ),
    (
        Kind::FontUnusable,
        "请系统管理员换一个含中文的字体",
        "ask the administrator for a font with Chinese characters",
    ),
];

/// The sentence of a kind on pages, where it has one of its own.
pub(super) fn next(kind: Kind, language: Language) -> Option<&'static str> {
    let (_, zh, en) = ON_PAGES.iter().find(|(known, ..)| *known == kind)?;
    Some(match language {
        Language::Zh => zh,
        Language::En => en,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Problem;
    use super::*;

    /// What begins a command, or is a part of one.
    const COMMANDS: [&str; 17] = [
        "--",
        "`",
        "huimin",
        "run ",
        "policy ",
        "roster ",
        "book ",
        "user ",
        "year close",
        "appropriation ",
        "exception ",
        "recovery ",
        "objection ",
        "report ",
        "token add",
        "bank-file",
        "HUIMIN",
    ];

    #[test]
    fn no_page_is_told_to_type_a_command() {
        for kind in Kind::ALL {
            let next = Problem::new(*kind).next_on_pages(Language::Zh);
            for command in COMMANDS {
                assert!(!next.contains(command), "{kind:?}: {next}");
            }
        }
    }
}
