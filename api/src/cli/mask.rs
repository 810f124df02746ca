//! Masks for what a bank file holds: files come from outside, so their fields may be anything.

use ledger::roster::{AccountNumber, PersonName};

pub(crate) use crate::app::roster::mask_numbers as free;

/// An account number with only its ends shown; all stars when it is none.
pub(crate) fn account(text: &str) -> String {
    match AccountNumber::parse(text) {
        Ok(number) => number.masked(),
        Err(_) => stars(text),
    }
}

/// A name with only its ends shown; all stars when it is none.
pub(crate) fn name(text: &str) -> String {
    match PersonName::parse(text) {
        Ok(name) => name.masked(),
        Err(_) => stars(text),
    }
}

fn stars(text: &str) -> String {
    "*".repeat(text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_personal_stays() {
        for (mask, text, expected) in [
            (
                account as fn(&str) -> String,
                "6228480000000000018",
                "6228***********0018",
            ),
            (account, "账号:6228", "*******"),
            (name, "示例甲", "示*甲"),
            (name, "", ""),
            (
                free,
                "退6228480000000000018户名不符",
                "退***************0018户名不符",
            ),
            (free, "证610881190001019914", "证**************9914"),
            (free, "61088119000101991X", "**************991X"),
            (free, "2022年01月低保 P123-1", "2022年01月低保 P123-1"),
        ] {
            assert_eq!(mask(text), expected, "{text}");
        }
    }
}
