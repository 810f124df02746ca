//! Identity numbers (公民身份号码, GB 11643-1999).
//!
//! 17 digits and a check character: region, birth date, sequence (odd for men). Numbers of 15
//! digits, issued until 1999, become 18 for matching, so that both forms of one person are equal.
//!
//! County codes are not judged. A code is often younger than the person who carries it, or was
//! retired long ago, and a validator that knows one year's codes refuses honest people.

use std::fmt;

use super::{Note, mask};
use crate::calendar::Date;
use crate::problem::{Kind, Place, Problem};

/// A valid identity number, in the form with 18 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityNumber {
    text: String,
    birth: Date,
}

/// Factors of the first 17 digits.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// Check characters by the remainder modulo 11.
const CHECKS: &[u8; 11] = b"10X98765432";

/// First two digits: provinces, Taiwan, Hong Kong, Macao, Taiwan residents, foreigners.
const PROVINCES: [u32; 36] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52,
    53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83, 91,
];

impl IdentityNumber {
    /// Reads 18 characters (a lower-case x is accepted) or 15 digits; spaces around are ignored.
    /// Refused with `IdentityInvalid` when the form, the birth date or the check character is
    /// wrong; the place of the refusal carries the masked value.
    pub fn parse(text: &str) -> Result<IdentityNumber, Problem> {
        let trimmed = text.trim();
        read(trimmed).ok_or_else(|| {
            let place = Place {
                value: Some(mask(trimmed, 4, 4)),
                ..Place::default()
            };
            Problem::new(Kind::IdentityInvalid).at(place)
        })
    }

    /// The number with 18 characters. Personal: not for logs.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The date of birth.
    pub fn birth(&self) -> Date {
        self.birth
    }

    /// Whether the sequence number is odd.
    pub fn is_male(&self) -> bool {
        self.text
            .as_bytes()
            .get(16)
            .is_some_and(|digit| digit % 2 == 1)
    }

    /// What is odd about it without being wrong.
    pub fn notes(&self) -> Vec<Note> {
        let province = self
            .text
            .get(..2)
            .and_then(|digits| digits.parse::<u32>().ok());
        let known = province.is_some_and(|province| PROVINCES.contains(&province));
        if known {
            Vec::new()
        } else {
            vec![Note::RegionUnknown]
        }
    }

    /// The first and last four characters: `6108**********9914`.
    pub fn masked(&self) -> String {
        mask(&self.text, 4, 4)
    }
}

impl fmt::Debug for IdentityNumber {
    /// Masked: personal data does not reach a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "IdentityNumber({})", self.masked())
    }
}

fn read(text: &str) -> Option<IdentityNumber> {
    let text = match text.len() {
        18 => text.to_ascii_uppercase(),
        15 => widen(text)?,
        _ => return None,
    };
    let expected = check_character(text.get(..17)?)?;
    let birth = birth_date(text.get(6..14)?)?;
    text.ends_with(expected)
        .then_some(IdentityNumber { text, birth })
}

/// 15 digits as 18: the century is inserted, the check character added. The short form was issued
/// to people born in the 20th century; the few centenarians of its time are not alive.
fn widen(short: &str) -> Option<String> {
    let long = format!("{}19{}", short.get(..6)?, short.get(6..)?);
    let check = check_character(&long)?;
    Some(format!("{long}{check}"))
}

/// The check character of 17 digits (ISO 7064 MOD 11-2); `None` when one is no digit.
fn check_character(digits: &str) -> Option<char> {
    let mut sum = 0;
    for (letter, weight) in digits.chars().zip(WEIGHTS) {
        sum += letter.to_digit(10)? * weight;
    }
    CHECKS
        .get(usize::try_from(sum % 11).ok()?)
        .map(|check| char::from(*check))
}

/// `YYYYMMDD` between 1880 and 2199: outside, the digits are a slip.
fn birth_date(digits: &str) -> Option<Date> {
    let year = digits.get(..4)?.parse().ok()?;
    let month = digits.get(4..6)?.parse().ok()?;
    let day = digits.get(6..)?.parse().ok()?;
    if !(1880..=2199).contains(&year) {
        return None;
    }
    Date::from_ymd_opt(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: [&str; 11] = [
        "610881190001019914",
        "612722190001019910",
        "610821190001019918",
        "610727190001019910",
        "612327190001019910",
        "220104190001019910",
        "150203190001019911",
        "451102190001019911",
        "61088119000101905X",
        "15020319000101992X",
        "360426199101010071",
    ];

    #[test]
    fn published_vectors_are_valid_whatever_the_age_of_their_region() {
        for text in VALID {
            let number = IdentityNumber::parse(text).unwrap();
            assert_eq!(number.as_str(), text);
            assert_eq!(number.notes(), vec![], "{text}");
        }
    }

    #[test]
    fn a_wrong_character_is_always_found() {
        for text in VALID {
            for (position, right) in text.char_indices() {
                for wrong in ('0'..='9').chain(['X']).filter(|wrong| *wrong != right) {
                    let mut changed = text.to_owned();
                    changed.replace_range(position..=position, &wrong.to_string());
                    assert!(IdentityNumber::parse(&changed).is_err(), "{changed}");
                }
            }
        }
    }

    #[test]
    fn forms() {
        for (text, expected) in [
            ("61088119000101905x", Some("61088119000101905X")),
            (" 610881190001019914 ", Some("610881190001019914")),
            ("610881000101991", Some("610881190001019914")),
            ("610881000230991", None),
            ("610881190013019914", None),
            ("61088119000101991", None),
            ("6108811900010199141", None),
            ("61088119000101991X", None),
            ("X10881190001019914", None),
            ("610881 90001019914", None),
            ("六一零八八一", None),
            ("61088119000101991４", None),
            ("", None),
        ] {
            let number = IdentityNumber::parse(text);
            assert_eq!(
                number.ok().as_ref().map(IdentityNumber::as_str),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn both_forms_of_one_person_are_equal() {
        assert_eq!(
            IdentityNumber::parse("610881000101991").unwrap(),
            IdentityNumber::parse("610881190001019914").unwrap()
        );
    }

    #[test]
    fn what_it_says() {
        for (text, birth, male) in [
            ("610881190001019914", "1900-01-01", true),
            ("61088119000101905X", "1900-01-01", true),
            ("15020319000101992X", "1900-01-01", false),
            ("360426199101010071", "1991-01-01", true),
        ] {
            let number = IdentityNumber::parse(text).unwrap();
            assert_eq!(
                (number.birth().to_string().as_str(), number.is_male()),
                (birth, male)
            );
        }
    }

    #[test]
    fn an_unknown_province_is_a_note() {
        let first = "99088119000101991";
        let text = format!("{first}{}", check_character(first).unwrap());
        assert_eq!(
            IdentityNumber::parse(&text).unwrap().notes(),
            vec![Note::RegionUnknown]
        );
    }

    #[test]
    fn refusals_and_debug_are_masked() {
        let problem = IdentityNumber::parse("610881190001019915").unwrap_err();
        assert_eq!(problem.kind, Kind::IdentityInvalid);
        assert_eq!(problem.place.value.as_deref(), Some("6108**********9915"));
        let number = IdentityNumber::parse(VALID[0]).unwrap();
        assert_eq!(format!("{number:?}"), "IdentityNumber(6108**********9914)");
    }
}
