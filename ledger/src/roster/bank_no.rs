//! Bank numbers (联行号, CNAPS): 12 digits, of bank, region, branch and a check digit.

use super::Note;
use crate::problem::{Kind, Place, Problem};

/// A bank number of the national payment system: 12 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BankNo(String);

impl BankNo {
    /// Reads 12 digits; spaces around them are ignored. Refused with `FieldInvalid`.
    pub fn parse(text: &str) -> Result<BankNo, Problem> {
        let trimmed = text.trim();
        if trimmed.len() == 12 && trimmed.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(BankNo(trimmed.to_owned()));
        }
        let value: String = trimmed
            .chars()
            .filter(|c| !c.is_control())
            .take(42)
            .collect();
        Err(Problem::new(Kind::FieldInvalid)
            .with("field", "bank-no")
            .with("value", &value)
            .with("wanted", "12 位联行号")
            .at(Place {
                field: Some("bank-no".to_owned()),
                value: Some(value),
                ..Place::default()
            }))
    }

    /// The 12 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A note when the last digit is not that of ISO 7064 MOD 11,10. No published rule demands it;
    /// nearly all numbers in use follow it.
    pub fn note(&self) -> Option<Note> {
        let (check, body) = self.0.as_bytes().split_last()?;
        let value = |letter: &u8| u32::from(letter.wrapping_sub(b'0'));
        let product =
            body.iter()
                .map(value)
                .fold(10, |product, digit| match (product + digit) % 10 {
                    0 => 20 % 11,
                    sum => sum * 2 % 11,
                });
        ((11 - product) % 10 != value(check)).then_some(Note::BankNoCheckFails)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits() {
        for (text, note) in [
            ("102100099996", None),
            ("103100000026", None),
            ("104100000004", None),
            ("105100000017", None),
            ("403100000004", None),
            ("308584000013", None),
            ("301290000007", None),
            ("314653617115", Some(Note::BankNoCheckFails)),
            ("102100099997", Some(Note::BankNoCheckFails)),
        ] {
            assert_eq!(BankNo::parse(text).unwrap().note(), note, "{text}");
        }
        for bad in [
            "",
            "10210009999",
            "1021000999960",
            "10210009999X",
            "１02100099996",
        ] {
            assert!(BankNo::parse(bad).is_err(), "{bad}");
        }
    }
}
