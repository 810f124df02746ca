//! One dictionary of failure reasons: the bank's code or words, one reason, who must do what.
//!
//! Sources: reject codes of CNAPS2 (`RJ01` and on), the industry codes of agency payment (`3004`
//! and on) and the ISO 20022 external status reasons. Which Chinese wording belongs to which code
//! was assigned by us from the texts that banks' programs give.

use crate::encoding::plain;

macro_rules! reasons {
    ($($name:ident $code:literal $zh:literal $cnaps:literal $iso:literal $retry:literal
        $do_zh:literal $do_en:literal [$($words:literal)*];)*) => {
        /// Why a bank did not pay a line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $(
            #[doc = concat!($zh, " (`", $code, "`): ", $do_en, ".")]
            $name,
        )* }

        impl Reason {
            /// Every reason. The order is the order in which words are tried.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),*];

            /// Stable code, used in tables and reports.
            pub fn code(self) -> &'static str {
                match self { $(Reason::$name => $code,)* }
            }

            /// The Chinese name.
            pub fn zh(self) -> &'static str {
                match self { $(Reason::$name => $zh,)* }
            }

            /// The reject code of CNAPS2, or empty where it has none.
            pub fn cnaps(self) -> &'static str {
                match self { $(Reason::$name => $cnaps,)* }
            }

            /// The ISO 20022 status reason.
            pub fn iso(self) -> &'static str {
                match self { $(Reason::$name => $iso,)* }
            }

            /// True when the same instruction may be sent again without a correction of its data.
            pub fn may_retry_unchanged(self) -> bool {
                match self { $(Reason::$name => $retry,)* }
            }

            /// Who must do what, in Chinese.
            pub fn action_zh(self) -> &'static str {
                match self { $(Reason::$name => $do_zh,)* }
            }

            /// Who must do what, in English.
            pub fn action_en(self) -> &'static str {
                match self { $(Reason::$name => $do_en,)* }
            }

            fn words(self) -> &'static [&'static str] {
                match self { $(Reason::$name => &[$($words),*],)* }
            }
        }
    };
}

// A text that names several (销户,完全冻结和挂失) belongs to the first reason in this order.
// `..` in a phrase stands for any text.
reasons! {
    Deceased "deceased" "收款人死亡" "" "MD07" false
        "民政经办核实死亡日期,停发并核算追缴" "the maker verifies the death, stops the award and works out the recovery"
        ["死亡" "已故" "身故" "MD07"];
    AccountClosed "account-closed" "账户已销户" "RJ31" "AC04" false
        "乡镇联系收款人提供新账户" "the township asks the payee for a new account"
        ["销户" "清户" "关户" "注销" "RJ31" "3018" "3039" "AC04" "AC07"];
    NameMismatch "name-mismatch" "账号户名不符" "RJ02" "BE01" false
        "经办对照银行登记核对户名与账号(生僻字、曾用名)" "the maker compares name and account with the bank's register (rare characters, former names)"
        ["户名不符" "户名不一致" "姓名不符" "姓名不一致" "名称不符" "户名错" "户名有误" "账户名为"
         "账号与户名..不" "账号户名..不" "户名与账号..不" "卡号与户名..不" "户名与卡号..不" "RJ02" "3031"];
    IdentityMismatch "identity-mismatch" "证件号不符" "RJ12" "BE01" false
        "经办核对收款人证件号码" "the maker checks the payee's identity number"
        ["证件号..不符" "证件..不符" "证件号码..空" "身份证..不符" "身份证..错" "证件..错"
         "核验身份错" "身份核验" "RJ12" "3063"];
    AccountFrozen "account-frozen" "账户冻结" "RJ32" "AC06" false
        "暂缓发放,乡镇联系收款人到银行解冻" "hold the payment; the township asks the payee to have the account released"
        ["冻结" "查封" "RJ32" "3017"];
    AccountAbnormal "account-abnormal" "账户状态异常" "RJ11" "AC06" false
        "乡镇通知收款人到银行处理账户(挂失、锁定、不动户)" "the township tells the payee to visit the bank (lost card, locked or dormant account)"
        ["挂失" "锁定" "状态异常" "状态不正常" "状态错" "不动户" "久悬" "休眠" "只进不出"
         "止付" "RJ11" "RJ33" "3006" "3016" "3020" "3057" "AC06"];
    AccountType "account-type" "账户类型不符" "RJ08" "AC14" false
        "乡镇请收款人改用可入账的结算账户" "the township asks the payee for an account that can be credited"
        ["账户类型" "非结算" "非活期" "二类户" "Ⅱ类户" "II类户" "三类户" "过期卡" "未生效" "RJ08"
         "3010" "3034" "3037" "AC14"];
    LimitExceeded "limit-exceeded" "超过账户限额" "RJ04" "AM14" true
        "下期再发,或与收款人商定改用账户" "pay in the next period, or agree on another account with the payee"
        ["限额" "超限" "累计超" "RJ04" "AM14"];
    PayerBalance "payer-balance" "付款账户余额不足" "RJ03" "AM04" true
        "财务先补足付款账户资金再发" "finance funds the paying account first"
        ["余额不足" "余额不够" "头寸不足" "RJ03" "3008" "AM04"];
    BankNo "bank-no" "开户行或联行号有误" "O2005" "RC04" false
        "经办改正开户行与联行号" "the maker corrects bank and bank number"
        ["联行号" "行号错" "行号..不" "开户行..错" "开户行..不" "开户行有误" "收款行没登记"
         "收款行未登记" "行名..不符" "O2005" "RC01" "RC04" "RC10"];
    Duplicate "duplicate" "重复业务" "" "AM05" false
        "出纳先与银行核实是否已付,未核实不得补发" "the cashier asks the bank whether it was paid; no re-pay before the answer"
        ["重复" "代理次数" "O0001" "3051" "AM05" "DU03"];
    AmountFormat "amount-format" "金额或格式错误" "O1022" "FF01" false
        "经办检查文件格式与金额后重新生成" "the maker checks layout and amount and makes the file again"
        ["金额错" "金额非法" "金额有误" "格式错" "格式不" "总分不一致" "货币不符" "币种不符" "O1022"
         "O1025" "3032" "3040" "FF01" "AM10" "AM12"];
    Agreement "agreement" "未签约或协议不存在" "RJ06" "AG01" false
        "财务与银行补签代发协议" "finance signs the agency agreement with the bank"
        ["未签约" "未与银行签约" "协议" "代理编号" "单位编号不存在" "RJ06" "RJ07" "3043" "AG01"];
    AccountNotFound "account-not-found" "账号不存在" "RJ01" "AC01" false
        "乡镇核对收款人账号并改正" "the township checks and corrects the account number"
        ["账号不存在" "账户不存在" "卡号不存在" "户不存在" "无此账" "无此户" "无此卡" "无效卡"
         "无效账" "账号无效" "卡号无效" "查找账号" "账号..错" "账户..错" "账号有误" "卡号..错"
         "卡号有误" "存折号" "RJ01" "3004" "3009" "3022" "3030" "AC01" "AC03"];
    BankUnavailable "bank-unavailable" "银行系统忙或非营业" "RJ19" "ED06" true
        "出纳稍后重发" "the cashier sends it again later"
        ["系统忙" "非营业" "通讯" "通信" "超时" "系统维护" "交易繁忙" "RJ19" "3028" "ED06" "TM01"
         "FF10"];
    Withdrawn "withdrawn" "指令撤销或未获授权" "RJ20" "CUST" true
        "出纳与网银授权人核实后重新提交" "the cashier clears it with the authoriser of the online bank and submits again"
        ["撤销" "撤回" "取消" "拒绝授权" "授权拒绝" "未授权" "RJ20" "CUST"];
    Returned "returned" "退票或退汇" "RJ09" "MS03" false
        "按退款登记,查明原因后再发" "record it as a refund and find out why before paying again"
        ["退票" "退汇" "退回" "RJ09" "RJ99" "3056" "MS03"];
    Other "other" "其他原因" "RJ90" "NARR" false
        "人工向银行查询原因" "ask the bank for the reason"
        ["其他" "其它" "RJ90" "3999" "NARR"];
}

impl Reason {
    /// The reason with this [`Reason::code`].
    pub fn from_code(code: &str) -> Option<Reason> {
        Reason::ALL
            .iter()
            .copied()
            .find(|reason| reason.code() == code)
    }
}

/// The reason that a bank's text gives, by its code or its words. `None` for words nobody has
/// taught: they go to a queue, and are not [`Reason::Other`].
pub fn normalise(text: &str) -> Option<Reason> {
    let text = comparable(text);
    if text.is_empty() {
        return None;
    }
    // What stands in brackets is a value (原户名为[…]), except when nothing else helps.
    by_words(&without_brackets(&text)).or_else(|| by_words(&text))
}

/// What an office taught beside the shipped dictionary: words and what they mean. The longest words
/// that a text contains count, and before the shipped ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taught(Vec<(String, Reason)>);

impl Taught {
    /// Of rules from the oldest on: a newer one of the same words counts.
    pub fn of<'r>(rules: impl IntoIterator<Item = (&'r str, Reason)>) -> Taught {
        let mut taught: Vec<(String, Reason)> = Vec::new();
        for (words, reason) in rules {
            let words = comparable(words);
            taught.retain(|(known, _)| *known != words);
            if !words.is_empty() {
                taught.push((words, reason));
            }
        }
        taught.sort_by_key(|(words, _)| std::cmp::Reverse(words.chars().count()));
        Taught(taught)
    }

    /// The reason that a bank's text gives; `None` for words that nobody has taught.
    pub fn read(&self, text: &str) -> Option<Reason> {
        let plain = comparable(text);
        let taught = self.0.iter().find(|(words, _)| plain.contains(words));
        taught
            .map(|(_, reason)| *reason)
            .or_else(|| normalise(text))
    }
}

/// Words as they are compared: plain, one spelling of 账, upper case. Empty when nothing is left.
pub fn comparable(text: &str) -> String {
    plain(text).replace('帐', "账").to_ascii_uppercase()
}

fn by_words(text: &str) -> Option<Reason> {
    let by_code = || {
        Reason::ALL.iter().find(|reason| {
            reason
                .words()
                .iter()
                .any(|w| is_code(w) && has_code(text, w))
        })
    };
    let by_phrase = || {
        Reason::ALL.iter().find(|reason| {
            reason
                .words()
                .iter()
                .any(|w| !is_code(w) && has_phrase(text, w))
        })
    };
    by_code().or_else(by_phrase).copied()
}

fn is_code(word: &str) -> bool {
    word.bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// A code stands by itself: `3009` is not part of an account number.
fn has_code(text: &str, code: &str) -> bool {
    let apart = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(code).any(|(at, _)| {
        let before = text.get(..at).and_then(|part| part.chars().next_back());
        let after = text
            .get(at + code.len()..)
            .and_then(|part| part.chars().next());
        apart(before) && apart(after)
    })
}

fn has_phrase(text: &str, phrase: &str) -> bool {
    let mut rest = Some(text);
    for part in phrase.split("..") {
        rest = rest
            .and_then(|rest| rest.split_once(part))
            .map(|(_, after)| after);
    }
    rest.is_some()
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0_u32;
    let mut outside = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '[' | '【' | '<' => depth = depth.saturating_add(1),
            ']' | '】' | '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(character),
            _ => {}
        }
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of banks' programs, with invented values in the brackets.
    const TEXTS: &[(&str, Option<&str>)] = &[
        ("账号不存在", Some("account-not-found")),
        ("帐号不存在", Some("account-not-found")),
        ("查找账号[6222]信息错", Some("account-not-found")),
        ("查找账号[6222]活期信息错", Some("account-not-found")),
        ("单位编号错误或者卡号不存在", Some("account-not-found")),
        ("单位编号或账号信息错误！", Some("account-not-found")),
        ("户名不符,原户名为[测试甲]", Some("name-mismatch")),
        ("户名不符，账户名为[销户甲]", Some("name-mismatch")),
        ("卡号与户名不一致", Some("name-mismatch")),
        ("[RJ02]账号户名不符", Some("name-mismatch")),
        ("RJ31", Some("account-closed")),
        ("3009", Some("account-not-found")),
        ("AC06", Some("account-abnormal")),
        ("已销户", Some("account-closed")),
        ("卡号已注销", Some("account-closed")),
        ("销户,完全冻结和挂失", Some("account-closed")),
        ("完全冻结", Some("account-frozen")),
        ("冻结状态异常！", Some("account-frozen")),
        ("介质状态异常！", Some("account-abnormal")),
        ("账号状态异常！", Some("account-abnormal")),
        ("只进不出", Some("account-abnormal")),
        ("该户为非结算户,不能转帐", Some("account-type")),
        ("新开户,证件号码不能为空", Some("identity-mismatch")),
        ("卡已达限额", Some("limit-exceeded")),
        ("账面可用余额不足", Some("payer-balance")),
        ("未处理记录重复", Some("duplicate")),
        ("代理次数错误！应该为[2]", Some("duplicate")),
        ("代理编号不存在", Some("agreement")),
        ("收款行没登记", Some("bank-no")),
        ("金额错误", Some("amount-format")),
        ("系统忙", Some("bank-unavailable")),
        ("收款人死亡", Some("deceased")),
        ("日终自动退回", Some("returned")),
        ("指令被拒绝授权", Some("withdrawn")),
        ("其他", Some("other")),
        ("全部成功", None),
        ("处理失败", None),
        ("量子涨落", None),
        ("", None),
        ("[]", None),
        ("[账号不存在", Some("account-not-found")),
    ];

    #[test]
    fn texts_of_banks_give_one_reason() {
        for (text, code) in TEXTS {
            assert_eq!(normalise(text).map(Reason::code), *code, "{text}");
        }
    }

    #[test]
    fn what_was_taught_counts_before_what_is_shipped_and_the_longest_words_count() {
        let taught = Taught::of([
            ("量子涨落", Reason::Other),
            ("量子涨落", Reason::BankUnavailable),
            ("涨落", Reason::Duplicate),
            (" ", Reason::Deceased),
        ]);
        assert_eq!(taught.read("[E9]量子涨落!"), Some(Reason::BankUnavailable));
        assert_eq!(taught.read("余额涨落"), Some(Reason::Duplicate));
        assert_eq!(taught.read("账号不存在"), Some(Reason::AccountNotFound));
        assert_eq!(taught.read(""), None);
        assert_eq!(Taught::default().read("量子涨落"), None);
    }

    #[test]
    fn codes_are_unique_and_every_reason_is_reached() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
            assert!(
                TEXTS.iter().any(|(_, code)| *code == Some(reason.code())),
                "{reason:?}"
            );
            assert!(!reason.action_zh().is_empty() && !reason.iso().is_empty());
        }
    }
}
