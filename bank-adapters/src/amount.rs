//! Amounts as banks write them: yuan with the suffix 元 and thousands separators, or whole fen.

use ledger::money::Fen;
use serde::Deserialize;

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
}

impl AmountStyle {
    /// Reads an amount: `1,234.50`, `1234.5元`, `.50` as far as the style allows.
    /// `None` for everything else.
    pub(crate) fn read(&self, text: &str) -> Option<Fen> {
        let text = trim(text);
        let bare = match self.suffix.as_str() {
            "" => text,
            suffix => text.strip_suffix(suffix).map_or(text, trim),
        };
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
        match self.unit {
            Unit::Fen => out.push_str(&amount.get().to_string()),
            Unit::Yuan => out.push_str(&amount.to_string()),
        }
    }
}

/// Digits only, with a sign in front when negative.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_listed_patterns_and_nothing_else() {
        let bank = AmountStyle {
            unit: Unit::Yuan,
            suffix: "元".to_owned(),
            grouped: true,
        };
        let strict = AmountStyle {
            unit: Unit::Yuan,
            suffix: String::new(),
            grouped: false,
        };
        let fen = AmountStyle {
            unit: Unit::Fen,
            suffix: String::new(),
            grouped: false,
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
