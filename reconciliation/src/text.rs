//! Spellings that mean the same: names, account numbers and free text as banks print them.

use std::borrow::Cow;

use ledger::roster::name::PersonName;
use unicode_normalization::UnicodeNormalization;

/// The key under which two spellings of a payee's name are the same: the roster's, so that names
/// compare alike everywhere. Text that can be no name is only equal to itself.
///
/// It only compares; what is sent to a bank is always the spelling that the bank has registered.
pub(crate) fn name_key(name: &str) -> Cow<'_, str> {
    // Nearly every name is plain Han, and then its key is the name: nothing needs to be copied.
    if name.chars().all(|c| matches!(c, '\u{4e00}'..='\u{9fff}')) {
        return Cow::Borrowed(name);
    }
    PersonName::parse(name).map_or(Cow::Borrowed(name), |name| Cow::Owned(name.match_key()))
}

/// The key under which two spellings of an account number are the same: half-width, no spaces.
pub(crate) fn account_key(account: &str) -> Cow<'_, str> {
    if account.bytes().all(|b| b.is_ascii_graphic()) {
        return Cow::Borrowed(account);
    }
    account.nfkc().filter(|c| !is_blank(*c)).collect()
}

/// Free text in which references are looked for: NFKC, and one pair of brackets for the many that
/// document numbers are written with (〔2022〕, [2022], (2022)).
pub(crate) fn search_text(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-'))
    {
        return Cow::Borrowed(text);
    }
    text.nfkc().map(one_bracket).collect()
}

/// The last four characters of an account number: enough to recognise it, too few to use it.
pub(crate) fn account_tail(account: &str) -> String {
    let key = account_key(account);
    let count = key.chars().count();
    key.chars().skip(count.saturating_sub(4)).collect()
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}')
}

fn one_bracket(c: char) -> char {
    match c {
        '〔' | '[' | '【' | '{' | '〈' | '《' => '(',
        '〕' | ']' | '】' | '}' | '〉' | '》' => ')',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_name_share_a_key() {
        for (left, right, same) in [
            ("测试甲", "测试甲", true),
            ("测试 甲", "测试甲", true),
            ("测试\u{3000}甲", "测试甲", true),
            ("测试·甲", "测试•甲", true),
            ("测试·甲", "测试・甲", true),
            ("测试·甲", "测试．甲", true),
            ("测试·甲", "测试。甲", true),
            ("测试·甲", "测试‧甲", true),
            ("ＴＥＳＴ１", "test1", true),
            ("", "", true),
            ("测试\u{0}甲", "测试甲", false),
            ("测试甲", "测试乙", false),
            ("测试·甲", "测试甲", false),
        ] {
            assert_eq!(name_key(left) == name_key(right), same, "{left} {right}");
        }
    }

    #[test]
    fn account_numbers_ignore_spaces_and_width() {
        for (text, key, tail) in [
            ("6222000011112222", "6222000011112222", "2222"),
            ("6222 0000 1111 2222", "6222000011112222", "2222"),
            ("６２２２0000", "62220000", "0000"),
            ("12", "12", "12"),
            ("", "", ""),
        ] {
            assert_eq!(account_key(text), key);
            assert_eq!(account_tail(text), tail);
        }
    }

    #[test]
    fn brackets_of_document_numbers_are_one() {
        for text in [
            "神财社〔2022〕5号",
            "神财社[2022]5号",
            "神财社（2022）5号",
            "神财社【2022】５号",
        ] {
            assert_eq!(search_text(text), "神财社(2022)5号");
        }
    }
}
