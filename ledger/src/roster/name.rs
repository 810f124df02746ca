//! Names of people and institutions.
//!
//! What was registered at the bank is sent as it is, so a name keeps its letters. Names are
//! compared by [`PersonName::match_key`], which forgets the differences that typing makes.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::{is_printable, mask};
use crate::problem::{Kind, Place, Problem};

/// The longest name, in characters: the bound of names in payment messages (Max70Text).
pub const CHARS_MAX: usize = 70;

/// A name without control characters, its spaces normalised.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonName(String);

impl PersonName {
    /// Reads a name: spaces of any kind around it go, runs of them inside become one. Refused with
    /// `FieldInvalid` when it is empty, longer than [`CHARS_MAX`], or has control characters or
    /// invisible ones that change the reading order.
    pub fn parse(text: &str) -> Result<PersonName, Problem> {
        if is_plain_han(text) && (1..=CHARS_MAX).contains(&(text.len() / 3)) {
            return Ok(PersonName(text.to_owned()));
        }
        let trimmed = text.trim();
        let printable = trimmed.chars().all(is_printable);
        if printable
            && !trimmed.contains(char::is_whitespace)
            && (1..=CHARS_MAX).contains(&trimmed.chars().count())
        {
            return Ok(PersonName(trimmed.to_owned()));
        }
        let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if printable && (1..=CHARS_MAX).contains(&name.chars().count()) {
            return Ok(PersonName(name));
        }
        let masked = masked(&name);
        Err(Problem::new(Kind::FieldInvalid)
            .with("field", "name")
            .with("value", &masked)
            .with("wanted", "1 至 70 个字,不含控制字符")
            .at(Place {
                field: Some("name".to_owned()),
                value: Some(masked),
                ..Place::default()
            }))
    }

    /// The name. Personal: not for logs.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key by which names are compared: NFKC, every middle dot as U+00B7, no spaces, Latin
    /// letters in upper case.
    pub fn match_key(&self) -> String {
        if is_plain_han(&self.0) {
            return self.0.clone();
        }
        self.0
            .nfkc()
            .map(|letter| if is_dot(letter) { '·' } else { letter })
            .filter(|letter| !letter.is_whitespace())
            .map(|letter| letter.to_ascii_uppercase())
            .collect()
    }

    /// The key of a text that is compared with names; of one that is no name the text itself.
    pub fn key_of(text: &str) -> String {
        PersonName::parse(text).map_or_else(|_| text.to_owned(), |name| name.match_key())
    }

    /// The first and last character: 测*甲; of two characters the first.
    pub fn masked(&self) -> String {
        masked(&self.0)
    }
}

impl fmt::Debug for PersonName {
    /// Masked: personal data does not reach a log.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PersonName({})", self.masked())
    }
}

fn masked(name: &str) -> String {
    let count = name.chars().count();
    let shown = |position: usize| position == 0 && count > 1 || position + 1 == count && count > 2;
    if count > CHARS_MAX {
        return mask(name, 0, 0);
    }
    name.chars()
        .enumerate()
        .map(|(position, c)| {
            if shown(position) && is_printable(c) {
                c
            } else {
                '*'
            }
        })
        .collect()
}

/// Whether a text has Han of U+4000 to U+9FFF only, as nearly all names do. None of them is a
/// space or decomposes, each has three bytes, and no other character begins with their first ones.
fn is_plain_han(text: &str) -> bool {
    let (letters, rest) = text.as_bytes().as_chunks::<3>();
    rest.is_empty()
        && letters
            .iter()
            .all(|[first, ..]| matches!(first, 0xe4..=0xe9))
}

/// The marks that stand for the dot in names of ethnic minorities. A full stop is among them
/// because NFKC makes one of its full-width form.
fn is_dot(letter: char) -> bool {
    matches!(letter, '·' | '•' | '．' | '.' | '。' | '・' | '‧')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, expected) in [
            ("测试甲", Some("测试甲")),
            ("　测试甲 ", Some("测试甲")),
            ("测　　试", Some("测 试")),
            ("示例·甲", Some("示例·甲")),
            ("测试\u{0}甲", None),
            ("测试\n甲", None),
            ("测试\u{202e}甲", None),
            ("测试\u{200b}甲", None),
            ("", None),
            ("　", None),
        ] {
            let name = PersonName::parse(text);
            assert_eq!(
                name.ok().as_ref().map(PersonName::as_str),
                expected,
                "{text:?}"
            );
        }
        assert!(PersonName::parse(&"甲".repeat(70)).is_ok());
        assert!(PersonName::parse(&"甲".repeat(71)).is_err());
    }

    #[test]
    fn plain_han_is_its_own_key() {
        for letter in '\u{4000}'..='\u{9fff}' {
            let text = letter.to_string();
            assert!(is_plain_han(&text) && is_printable(letter) && !letter.is_whitespace());
            assert!(text.nfkc().eq([letter]), "{letter}");
        }
        for (text, plain) in [
            ("测试甲", true),
            ("示例·甲", false),
            ("测　试", false),
            ("示甲A", false),
            ("测\u{f900}", false),
            ("测é甲z", false),
            ("ab", false),
        ] {
            assert_eq!(is_plain_han(text), plain, "{text}");
        }
    }

    #[test]
    fn names_that_are_typed_differently_have_one_key() {
        for (one, other) in [
            ("示例·甲", "示例•甲"),
            ("示例·甲", "示例．甲"),
            ("示例·甲", "示例。甲"),
            ("示例·甲", "示例・甲"),
            ("示例·甲", "示例‧甲"),
            ("示例·甲", "示例･甲"),
            ("示例·甲", "示例.甲"),
            ("测试", "测　试"),
            ("Ｔｅｓｔ甲", "TEST甲"),
            ("⼀例", "一例"),
        ] {
            let key = |text| PersonName::parse(text).unwrap().match_key();
            assert_eq!(key(one), key(other), "{one} {other}");
        }
        let key = |text| PersonName::parse(text).unwrap().match_key();
        assert_ne!(key("测试甲"), key("测试乙"));
    }

    #[test]
    fn masks() {
        for (text, expected) in [
            ("甲", "*"),
            ("测甲", "测*"),
            ("测试甲", "测*甲"),
            ("测试示例甲", "测***甲"),
        ] {
            assert_eq!(PersonName::parse(text).unwrap().masked(), expected);
        }
        assert_eq!(
            format!("{:?}", PersonName::parse("测试甲").unwrap()),
            "PersonName(测*甲)"
        );
    }
}
