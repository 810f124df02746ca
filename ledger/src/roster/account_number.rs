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
/// and bank of China, the first six digits each. A prefix that is not listed is normal, not
/// suspicious. Those of four and five digits (9558, 95595 to 95599) stand in [`is_known_card`].
const CARD_PREFIXES: [u32; 22] = [
    621_096, 621_098, 622_150, 622_151, 622_181, 622_841, 622_824, 622_826, 622_848, 622_200,
    622_202, 622_203, 622_208, 436_742, 621_284, 589_970, 621_660, 621_661, 621_662, 621_663,
    621_664, 621_665,
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
        let letters: &[u8; 19] = self.0.as_bytes().try_into().ok()?;
        let digits = letters.map(|letter| letter.wrapping_sub(b'0'));
        let are_digits = digits.iter().all(|digit| *digit < 10);
        (are_digits && is_known_card(&digits) && !luhn(&digits)).then_some(Note::CardCheckFails)
    }
}

impl fmt::Debug for AccountNumber {
    /// Masked: personal data does not reach a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "AccountNumber({})", self.masked())
    }
}

fn is_known_card(digits: &[u8; 19]) -> bool {
    let first = |count| {
        digits
            .iter()
            .take(count)
            .fold(0, |sum, digit| sum * 10 + u32::from(*digit))
    };
    first(4) == 9_558 || (95_595..=95_599).contains(&first(5)) || CARD_PREFIXES.contains(&first(6))
}

fn luhn(digits: &[u8; 19]) -> bool {
    // Every second digit from the right is doubled, and the digits of the result are added.
    const DOUBLED: [u8; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let count = |(position, digit): (usize, &u8)| match position % 2 {
        0 => *digit,
        _ => DOUBLED
            .get(usize::from(*digit))
            .copied()
            .unwrap_or_default(),
    };
    digits
        .iter()
        .enumerate()
        .map(count)
        .sum::<u8>()
        .is_multiple_of(10)
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
            ("9559512345678901239", Some(Note::CardCheckFails)),
            ("9558912345678901239", Some(Note::CardCheckFails)),
            ("9559412345678901239", None),
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
            let digits: [u8; 19] = text.as_bytes().try_into().unwrap();
            assert!(luhn(&digits.map(|letter| letter - b'0')), "{text}");
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
