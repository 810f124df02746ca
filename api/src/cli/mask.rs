//! Masks for what a bank file holds: files come from outside, so their fields may be anything.

use ledger::roster::{AccountNumber, PersonName};

/// Runs of digits from this length on may be an account or identity number.
const RUN_MIN: usize = 9;
/// The digits of such a run that stay.
const RUN_SHOWN: usize = 4;

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

/// Free text: long runs of digits are hidden but for their end.
pub(crate) fn free(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_digit = |c: &char| c.is_numeric() || matches!(c, 'x' | 'X' | '*');
    letters
        .chunk_by(|a, b| is_digit(a) == is_digit(b))
        .flat_map(|run| {
            let long = run.len() >= RUN_MIN && run.first().is_some_and(is_digit);
            let hidden = if long { run.len() - RUN_SHOWN } else { 0 };
            run.iter()
                .enumerate()
                .map(move |(place, c)| if place < hidden { '*' } else { *c })
        })
        .collect()
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
