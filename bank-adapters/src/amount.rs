//! Amounts as banks write them: yuan with the suffix 元 and thousands separators, or whole fen.

use ledger::money::Fen;
use serde::{Deserialize, Deserializer};

use crate::encoding::trim;

/// The unit of the amounts of a file. A file in fen read as yuan is wrong by a factor of 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// 分, whole numbers only.
    Fen,
    /// 元, at most two decimals.
    Yuan,
}

impl Unit {
    /// The Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Unit::Fen => "分",
            Unit::Yuan => "元",
        }
    }

    /// The English name.
    pub fn en(self) -> &'static str {
        match self {
            Unit::Fen => "fen",
            Unit::Yuan => "yuan",
        }
    }
}

/// How a profile writes amounts, and what it allows when reading.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmountStyle {
    /// The unit, in both directions.
    pub unit: Unit,
    /// A suffix that may follow the number when reading (元). Never written.
    #[serde(default)]
    pub suffix: String,
    /// Thousands separators are allowed when reading. Never written.
    #[serde(default)]
    pub grouped: bool,
    /// Decimals of an amount in yuan: 2, or 3 where the bank wants another zero.
    #[serde(default)]
    pub decimals: Decimals,
    /// The largest amount of one line that the bank takes, in yuan in the profile.
    #[serde(default, deserialize_with = "yuan")]
    pub max: Option<Fen>,
}

/// How many decimals an amount in yuan has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub enum Decimals {
    /// `1234.50`.
    #[default]
    Two,
    /// `1234.500`; fewer are read too.
    Three,
}

impl TryFrom<u8> for Decimals {
    type Error = &'static str;

    fn try_from(count: u8) -> Result<Decimals, &'static str> {
        match count {
            2 => Ok(Decimals::Two),
            3 => Ok(Decimals::Three),
            _ => Err("decimals: 2 or 3"),
        }
    }
}

fn yuan<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Fen>, D::Error> {
    let text = String::deserialize(input)?;
    Fen::parse_yuan(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

impl AmountStyle {
    /// The same in the other unit, for telling that a file has mixed them up.
    pub(crate) fn in_other_unit(&self) -> AmountStyle {
        let (unit, suffix) = match self.unit {
            Unit::Fen => (Unit::Yuan, "元"),
            Unit::Yuan => (Unit::Fen, "分"),
        };
        AmountStyle {
            unit,
            suffix: suffix.to_owned(),
            grouped: true,
            decimals: Decimals::Two,
            max: None,
        }
    }

    /// Reads an amount: `1,234.50`, `1234.5元`, `.50` as far as the style allows.
    /// `None` for everything else.
    pub(crate) fn read(&self, text: &str) -> Option<Fen> {
        let text = trim(text);
        let bare = match self.suffix.as_str() {
            "" => text,
            suffix => text.strip_suffix(suffix).map_or(text, trim),
        };
        let bare = match (self.decimals, bare.rsplit_once('.')) {
            (Decimals::Three, Some((_, mills))) if mills.len() == 3 => {
                bare.strip_suffix('0').unwrap_or(bare)
            }
            _ => bare,
        };
        if let (Unit::Yuan, Some(amount)) = (self.unit, ordinary_yuan(bare, self.grouped)) {
            return Some(amount);
        }
        match self.unit {
            Unit::Fen => whole(bare).map(Fen::new).filter(|fen| *fen <= Fen::MAX),
            Unit::Yuan if !self.grouped && bare.contains(',') => None,
            Unit::Yuan => match bare.strip_prefix("-.").or_else(|| bare.strip_prefix('.')) {
                Some(cents) if bare.starts_with('-') => {
                    Fen::parse_yuan(&format!("-0.{cents}")).ok()
                }
                Some(cents) => Fen::parse_yuan(&format!("0.{cents}")).ok(),
                None => Fen::parse_yuan(bare).ok(),
            },
        }
    }

    /// Appends the amount to `out`: `1234.50` yuan or `123450` fen.
    pub(crate) fn write(&self, amount: Fen, out: &mut String) {
        if amount < Fen::ZERO {
            out.push('-');
        }
        let fen = amount.get().unsigned_abs();
        match self.unit {
            Unit::Fen => push_number(fen, out),
            Unit::Yuan => {
                push_number(fen / 100, out);
                out.push('.');
                out.extend([fen / 10 % 10, fen % 10].map(digit));
                if self.decimals == Decimals::Three {
                    out.push('0');
                }
            }
        }
    }
}

/// Appends a number in decimal digits.
pub(crate) fn push_number(number: u64, out: &mut String) {
    let mut unit = 1;
    while number / unit > 9 {
        unit *= 10;
    }
    while unit > 0 {
        out.push(digit(number / unit % 10));
        unit /= 10;
    }
}

fn digit(value: u64) -> char {
    u8::try_from(value).map_or('0', |value| char::from(b'0' + value))
}

/// Yuan as nearly all files have them, `1234`, `1234.50` and, where groups are allowed, `1,234.50`.
/// `None` for all else, which [`Fen::parse_yuan`] judges; a test holds both equal.
fn ordinary_yuan(text: &str, grouped: bool) -> Option<Fen> {
    const DIGITS_MAX: usize = 12;
    let (whole, cents) = match text.as_bytes() {
        [whole @ .., b'.', tens, ones] => (whole, [*tens, *ones]),
        whole => (whole, *b"00"),
    };
    let separated = grouped && whole.contains(&b',');
    if whole.is_empty() || whole.len() > DIGITS_MAX || (separated && whole.len() % 4 == 0) {
        return None;
    }
    let mut fen: i64 = 0;
    for (behind, byte) in (0..whole.len() + 2).rev().zip(whole.iter().chain(&cents)) {
        // Behind a separator stand three digits, other groups and the cents.
        let is_place = separated && behind >= 5 && (behind - 5) % 4 == 0;
        match (byte, is_place) {
            (b',', true) => {}
            (b'0'..=b'9', false) => fen = fen * 10 + i64::from(byte - b'0'),
            _ => return None,
        }
    }
    Some(Fen::new(fen))
}

/// Digits only, with a sign in front when negative.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn style(unit: Unit) -> AmountStyle {
        AmountStyle {
            unit,
            suffix: String::new(),
            grouped: true,
            decimals: Decimals::Two,
            max: None,
        }
    }

    proptest! {
        #[test]
        fn ordinary_amounts_are_read_as_others(text in "[0-9]{0,4}(,[0-9]{2,3}){0,3}[.,]?[0-9]{0,3}") {
            if let Some(amount) = ordinary_yuan(&text, true) {
                prop_assert_eq!(Fen::parse_yuan(&text), Ok(amount));
            }
            let bare = ordinary_yuan(&text, false);
            prop_assert_eq!(bare.is_some_and(|_| text.contains(',')), false);
        }

        #[test]
        fn amounts_are_written_as_they_print(
            fen in -Fen::MAX.get()..=Fen::MAX.get(), cut in 0_u32..50,
        ) {
            let amount = Fen::new(fen >> cut);
            let mut out = String::new();
            style(Unit::Yuan).write(amount, &mut out);
            prop_assert_eq!(&out, &amount.to_string());
            prop_assert_eq!(style(Unit::Yuan).read(&out), Some(amount));
            prop_assert_eq!(style(Unit::Yuan).read(&amount.grouped()), Some(amount));
            out.clear();
            style(Unit::Fen).write(amount, &mut out);
            prop_assert_eq!(&out, &amount.get().to_string());
        }
    }

    #[test]
    fn reads_the_listed_patterns_and_nothing_else() {
        let bank = AmountStyle {
            unit: Unit::Yuan,
            suffix: "元".to_owned(),
            grouped: true,
            decimals: Decimals::Two,
            max: None,
        };
        let strict = AmountStyle {
            unit: Unit::Yuan,
            suffix: String::new(),
            grouped: false,
            decimals: Decimals::Two,
            max: None,
        };
        let fen = AmountStyle {
            unit: Unit::Fen,
            suffix: String::new(),
            grouped: false,
            decimals: Decimals::Two,
            max: None,
        };
        for (text, in_bank, in_strict, in_fen) in [
            ("1,234.50", Some(123_450), None, None),
            ("1234.5元", Some(123_450), None, None),
            ("1,234.50 元", Some(123_450), None, None),
            ("\u{3000}.50", Some(50), Some(50), None),
            ("-.50", Some(-50), Some(-50), None),
            ("12", Some(1200), Some(1200), Some(12)),
            ("12.345", None, None, None),
            ("1.234,50", None, None, None),
            ("¥12", None, None, None),
            ("１２", None, None, None),
            ("1e3", None, None, None),
            ("12元元", None, None, None),
            (".", None, None, None),
            ("..5", None, None, None),
            (".-5", None, None, None),
            ("", None, None, None),
            ("+5", None, None, None),
            ("99999999999999999999", None, None, None),
        ] {
            let read = |style: &AmountStyle| style.read(text).map(Fen::get);
            assert_eq!(
                (read(&bank), read(&strict), read(&fen)),
                (in_bank, in_strict, in_fen),
                "{text}"
            );
        }
    }
}
