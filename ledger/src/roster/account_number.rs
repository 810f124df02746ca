//! Account numbers of payees.
//!
//! Cards, passbooks (存折) and old rural-bank accounts stand side by side, so nothing is required of
//! the digits. Only a card number whose issuer prefix is known is held against the Luhn check, and
//! only as a note.

use std::fmt;

use super::{Note, mask};
use crate::problem::{Kind, Place, Problem};

/// The longest number: treasury accounts have up to 42 characters.
pub const LENGTH_MAX: usize = 42;

/// Issuer prefixes of cards with 19 digits: postal, agricultural, industrial, construction bank
/// and bank of China. A prefix that is not listed is normal, not suspicious.
const CARD_PREFIXES: [&str; 28] = [
    "621096", "621098", "622150", "622151", "622181", "622841", "622824", "622826", "622848",
    "95595", "95596", "95597", "95598", "95599", "622200", "622202", "622203", "622208", "9558",
    "436742", "621284", "589970", "621660", "621661", "621662", "621663", "621664", "621665",
];

/// An account number: 1 to 42 digits, Latin letters and hyphens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNumber(String);

impl AccountNumber {
    /// Reads a number; spaces around it are ignored. Refused with `FieldInvalid`, the value masked.
    pub fn parse(text: &str) -> Result<AccountNumber, Problem> {
        let trimmed = text.trim();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if (1..=LENGTH_MAX).contains(&trimmed.len()) && trimmed.bytes().all(allowed) {
            return Ok(AccountNumber(trimmed.to_owned()));
        }
        let masked = mask(trimmed, 4, 4);
        Err(Problem::new(Kind::FieldInvalid)
            .with("field", "account")
            .with("value", &masked)
            .with("wanted", "1 至 42 位数字、字母或连字符,中间无空格")
            .at(Place {
                field: Some("account".to_owned()),
                value: Some(masked),
                ..Place::default()
            }))
    }

    /// The number. Personal: not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first and last four characters; all stars when the number is short.
    pub fn masked(&self) -> String {
        mask(&self.0, 4, 4)
    }

    /// A note when a card number of a known issuer fails the Luhn check (ISO/IEC 7812-1).
    pub fn luhn_note(&self) -> Option<Note> {
        let digits: Option<Vec<u32>> = self.0.chars().map(|letter| letter.to_digit(10)).collect();
        let digits = digits.filter(|digits| digits.len() == 19)?;
        let known = CARD_PREFIXES
            .iter()
            .any(|prefix| self.0.starts_with(prefix));
        (known && !luhn(&digits)).then_some(Note::CardCheckFails)
    }
}

impl fmt::Debug for AccountNumber {
    /// Masked: personal data does not reach a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "AccountNumber({})", self.masked())
    }
}

fn luhn(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(position, digit)| {
            if position % 2 == 1 {
                doubled(*digit)
            } else {
                *digit
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, accepted) in [
            ("6228481234567890128", true),
            (" 6228481234567890128\t", true),
            ("1", true),
            ("2710-0001-AB", true),
            ("123456789012345678901234567890123456789012", true),
            ("1234567890123456789012345678901234567890123", false),
            ("6228 4812 3456", false),
            ("6228\u{0}481", false),
            ("６２２８", false),
            ("6.22848E+18", false),
            ("", false),
            ("  ", false),
        ] {
            let outcome = AccountNumber::parse(text);
            assert_eq!(outcome.is_ok(), accepted, "{text:?}");
            if let Ok(number) = outcome {
                assert_eq!(number.as_str(), text.trim());
            }
        }
    }

    #[test]
    fn only_known_cards_are_held_against_luhn() {
        for (text, note) in [
            ("6228481234567890128", None),
            ("6217981234567890126", None),
            ("6212261234567890128", None),
            ("6217001234567890122", None),
            ("6228481234567890129", Some(Note::CardCheckFails)),
            ("6217981234567890120", None),
            ("27100001234567890", None),
            ("622848123456789012A", None),
        ] {
            assert_eq!(
                AccountNumber::parse(text).unwrap().luhn_note(),
                note,
                "{text}"
            );
        }
        for text in [
            "6217981234567890126",
            "6212261234567890128",
            "6217001234567890122",
        ] {
            let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
            assert!(luhn(&digits), "{text}");
        }
    }

    #[test]
    fn debug_is_masked() {
        let number = AccountNumber::parse("6228481234567890128").unwrap();
        assert_eq!(format!("{number:?}"), "AccountNumber(6228***********0128)");
        let problem = AccountNumber::parse("6228481234567890128 x").unwrap_err();
        assert!(!format!("{problem:?}").contains("1234567890"));
    }
}
