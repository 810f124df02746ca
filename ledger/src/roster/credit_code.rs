//! Credit codes of organisations (统一社会信用代码, GB 32100-2015).

use super::Note;
use crate::problem::{Kind, Place, Problem};

/// The 31 characters in use, by value: no I, O, S, V, Z.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// The value of each byte; [`NOT_USED`] for those that are no character of a code.
const VALUES: [u8; 256] = {
    let mut values = [NOT_USED; 256];
    let mut value: u8 = 0;
    while (value as usize) < ALPHABET.len() {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values
};
const NOT_USED: u8 = u8::MAX;

fn value(letter: u8) -> u8 {
    VALUES[usize::from(letter)]
}

/// A credit code: 18 characters of the alphabet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreditCode(String);

impl CreditCode {
    /// Reads 18 characters; lower case and spaces around are accepted. Refused with `FieldInvalid`.
    pub fn parse(text: &str) -> Result<CreditCode, Problem> {
        let upper = text.trim().to_ascii_uppercase();
        if upper.len() == 18 && upper.bytes().all(|byte| value(byte) != NOT_USED) {
            return Ok(CreditCode(upper));
        }
        let value: String = upper.chars().filter(|c| !c.is_control()).take(42).collect();
        Err(Problem::new(Kind::FieldInvalid)
            .with("field", "credit-code")
            .with("value", &value)
            .with("wanted", "18 位统一社会信用代码")
            .at(Place {
                field: Some("credit-code".to_owned()),
                value: Some(value),
                ..Place::default()
            }))
    }

    /// The 18 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A note when the last character is not the check character. Codes that fail are in use.
    pub fn note(&self) -> Option<Note> {
        let (check, body) = self.0.as_bytes().split_last()?;
        // The factor of position i is 3^i modulo 31.
        let (sum, _) = body.iter().fold((0, 1), |(sum, factor), letter| {
            (sum + u32::from(value(*letter)) * factor, factor * 3 % 31)
        });
        ((31 - sum % 31) % 31 != value(*check).into()).then_some(Note::CreditCodeCheckFails)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_characters() {
        for (text, note) in [
            ("91110000600037341L", None),
            ("91230184MA1BUFLT44", None),
            ("92371000MA3MXH0E3W", None),
            ("91350100M0001TGQXM", Some(Note::CreditCodeCheckFails)),
            ("91350211M0000XUF46", Some(Note::CreditCodeCheckFails)),
            ("91350203M0001FUE2P", Some(Note::CreditCodeCheckFails)),
        ] {
            assert_eq!(CreditCode::parse(text).unwrap().note(), note, "{text}");
            assert_eq!(
                CreditCode::parse(&text.to_lowercase()).unwrap().as_str(),
                text
            );
        }
        for bad in [
            "",
            "9111000060003734",
            "91110000600037341I",
            "91110000600037341L0",
        ] {
            assert!(CreditCode::parse(bad).is_err(), "{bad}");
        }
    }
}
