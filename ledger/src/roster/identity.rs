//! Identity numbers (公民身份号码, GB 11643-1999).
//!
//! 17 digits and a check character: region, birth date, sequence (odd for men). Numbers of 15
//! digits, issued until 1999, become 18 for matching, so that both forms of one person are equal.
//!
//! County codes never refuse a number. A code is often younger than the person who carries it, or
//! was retired long ago, and a validator that knows one year's codes refuses honest people. What is
//! known of them is a note.

use std::fmt;

use chrono::Datelike;

use super::{Note, mask};
use crate::calendar::Date;
use crate::problem::{Kind, Place, Problem};

/// A valid identity number, in the form with 18 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentityNumber {
    /// ASCII; kept inside, since there are millions of them.
    text: [u8; 18],
    birth: Date,
}

/// Factors of the first 17 digits.
const WEIGHTS: [u16; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// Check characters by the remainder modulo 11.
const CHECKS: &[u8; 11] = b"10X98765432";

/// First two digits: provinces, Taiwan, Hong Kong, Macao, Taiwan residents, foreigners.
const PROVINCES: [u16; 36] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52,
    53, 54, 61, 62, 63, 64, 65, 71, 81, 82, 83, 91,
];

/// County codes of the places that the product is used in, with the last year in which each was
/// given, where that is past (python-stdnum 2.2, `cn/loc.dat`; `domain/formats.md` §4.1).
const COUNTIES: [(&[u8; 6], Option<i32>); 20] = [
    (b"150201", None),
    (b"150202", None),
    (b"150203", None),
    (b"150204", None),
    (b"150205", None),
    (b"150206", None),
    (b"150207", None),
    (b"150221", None),
    (b"150222", None),
    (b"150223", None),
    (b"220104", None),
    (b"451102", None),
    (b"451103", None),
    (b"451121", None),
    (b"451122", None),
    (b"451123", None),
    (b"610727", None),
    (b"610821", Some(2017)),
    (b"612327", Some(1996)),
    (b"612722", Some(1999)),
];

/// Prefectures of which [`COUNTIES`] has every code that was ever given: 包头, 贺州.
const WHOLE: [&[u8; 4]; 2] = [b"1502", b"4511"];

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
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The date of birth.
    pub fn birth(&self) -> Date {
        self.birth
    }

    /// Whether the sequence number is odd.
    pub fn is_male(&self) -> bool {
        self.text[16] % 2 == 1
    }

    /// What is odd about it without being wrong.
    pub fn notes(&self) -> Vec<Note> {
        let [tens, ones, ..] = self.text.map(digit);
        let county = COUNTIES
            .iter()
            .find(|(code, _)| self.text.starts_with(*code));
        let is_whole = WHOLE.iter().any(|code| self.text.starts_with(*code));
        let is_known = PROVINCES.contains(&(tens * 10 + ones)) && (county.is_some() || !is_whole);
        match county {
            _ if !is_known => vec![Note::RegionUnknown],
            Some((_, Some(last))) if self.birth.year() > *last => vec![Note::RegionRetired],
            _ => Vec::new(),
        }
    }

    /// The first and last four characters: `6108**********9914`.
    pub fn masked(&self) -> String {
        mask(self.as_str(), 4, 4)
    }
}

impl fmt::Debug for IdentityNumber {
    /// Masked: personal data does not reach a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "IdentityNumber({})", self.masked())
    }
}

fn read(text: &str) -> Option<IdentityNumber> {
    let (number, check) = match text.as_bytes() {
        [body @ .., last] if body.len() == 17 => {
            let body: &[u8; 17] = body.try_into().ok()?;
            let check = check_character(body)?;
            (last.to_ascii_uppercase() == check).then_some((*body, check))?
        }
        short => {
            let long = widen(short.try_into().ok()?);
            (long, check_character(&long)?)
        }
    };
    let birth = birth_date(&number)?;
    let mut text = [check; 18];
    text[..17].copy_from_slice(&number);
    Some(IdentityNumber { text, birth })
}

/// 15 digits as the first 17: the century is inserted. The short form was issued to people born in
/// the 20th century; the few centenarians of its time are not alive.
fn widen(short: &[u8; 15]) -> [u8; 17] {
    let mut long = [b'0'; 17];
    long[..6].copy_from_slice(&short[..6]);
    long[6..8].copy_from_slice(b"19");
    long[8..].copy_from_slice(&short[6..]);
    long
}

/// The check character of 17 digits (ISO 7064 MOD 11-2); `None` when one is no digit.
fn check_character(digits: &[u8; 17]) -> Option<u8> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    let products = digits
        .iter()
        .zip(WEIGHTS)
        .map(|(letter, weight)| digit(*letter) * weight);
    let remainder = products.sum::<u16>() % 11;
    all_digits.then(|| CHECKS[usize::from(remainder)])
}

/// The value of a digit; something for other letters, without overflow.
fn digit(letter: u8) -> u16 {
    u16::from(letter & 0x0f)
}

/// `YYYYMMDD` between 1880 and 2199: outside, the digits are a slip.
fn birth_date(number: &[u8; 17]) -> Option<Date> {
    let read = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |sum, letter| sum * 10 + digit(*letter))
    };
    let year = read(&number[6..10]);
    if !(1880..=2199).contains(&year) {
        return None;
    }
    let (month, day) = (read(&number[10..12]), read(&number[12..14]));
    Date::from_ymd_opt(year.into(), month.into(), day.into())
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
    fn regions_are_notes() {
        for (first, note) in [
            // No province; no county of a prefecture whose counties are all known.
            (b"99088119000101991", Some(Note::RegionUnknown)),
            (b"15029919000101991", Some(Note::RegionUnknown)),
            (b"45110119000101991", Some(Note::RegionUnknown)),
            (b"61079919000101991", None),
            // Retired before its holder was born; given long after that is nothing.
            (b"61272220000101991", Some(Note::RegionRetired)),
            (b"61272219990101991", None),
            (b"61082120180101991", Some(Note::RegionRetired)),
            (b"61232719970101991", Some(Note::RegionRetired)),
            (b"45110319500101991", None),
        ] {
            let mut text = String::from_utf8(first.to_vec()).unwrap();
            text.push(char::from(check_character(first).unwrap()));
            let notes = IdentityNumber::parse(&text).unwrap().notes();
            assert_eq!(notes, Vec::from_iter(note), "{text}");
        }
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
