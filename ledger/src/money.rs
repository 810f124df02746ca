//! Money: integer fen, checked arithmetic, named rounding, Chinese ways to print an amount.
//!
//! A float never appears. `rust_decimal` is used where text becomes money, where money becomes
//! text and where a rate is applied. See `docs/money.md`.

use std::fmt;

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::problem::{Kind, Problem};

/// An amount in fen (分), 1/100 yuan. May be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fen(i64);

/// Why a text or a computation gave no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The text is no amount in yuan with at most two decimals.
    #[error("not an amount in yuan: {0:?}")]
    NotAnAmount(String),
    /// The value has a part smaller than a fen.
    #[error("smaller than one fen: {0}")]
    BelowFen(String),
    /// The result is outside ±90,071,992,547,409.91 yuan (2^53 − 1 fen).
    #[error("amount out of range")]
    OutOfRange,
}

/// How a computed amount becomes money. Every use of a rate names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Half up to the whole yuan: 292.50 → 293 (care allowance by rate of the minimum wage).
    HalfUpYuan,
    /// Half up to the jiao (角).
    HalfUpJiao,
    /// Half up to the fen.
    HalfUpFen,
    /// Up to the whole yuan.
    UpYuan,
    /// Down to the fen.
    DownFen,
    /// Refused unless exact.
    Exact,
}

impl Fen {
    /// Nothing.
    pub const ZERO: Fen = Fen(0);
    /// The largest amount: 2^53 − 1 fen, so that it survives any JSON reader.
    pub const MAX: Fen = Fen((1 << 53) - 1);

    /// An amount of whole fen.
    pub const fn new(fen: i64) -> Fen {
        Fen(fen)
    }

    /// The number of fen.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, or [`MoneyError::OutOfRange`].
    pub fn plus(self, other: Fen) -> Result<Fen, MoneyError> {
        self.0.checked_add(other.0).and_then(Fen::bounded).ok_or(MoneyError::OutOfRange)
    }

    /// The difference, or [`MoneyError::OutOfRange`].
    pub fn minus(self, other: Fen) -> Result<Fen, MoneyError> {
        self.0.checked_sub(other.0).and_then(Fen::bounded).ok_or(MoneyError::OutOfRange)
    }

    /// The amount `count` times.
    pub fn times(self, count: i64) -> Result<Fen, MoneyError> {
        self.0.checked_mul(count).and_then(Fen::bounded).ok_or(MoneyError::OutOfRange)
    }

    /// The sum of many amounts.
    pub fn sum(amounts: impl IntoIterator<Item = Fen>) -> Result<Fen, MoneyError> {
        amounts.into_iter().try_fold(Fen::ZERO, Fen::plus)
    }

    /// The amount times a rate (0.15 for 15 %), rounded as named.
    pub fn at_rate(self, rate: Decimal, rounding: Rounding) -> Result<Fen, MoneyError> {
        let product = self.yuan().checked_mul(rate).ok_or(MoneyError::OutOfRange)?;
        Fen::from_yuan(rounding.apply(product))
    }

    /// The amount in yuan, exact, with two decimals.
    pub fn yuan(self) -> Decimal {
        Decimal::new(self.0, 2)
    }

    /// Exactly this many yuan; refused when there is a part smaller than a fen.
    pub fn from_yuan(yuan: Decimal) -> Result<Fen, MoneyError> {
        let fen = yuan.checked_mul(Decimal::ONE_HUNDRED).ok_or(MoneyError::OutOfRange)?;
        if !fen.fract().is_zero() {
            return Err(MoneyError::BelowFen(yuan.to_string()));
        }
        fen.to_i64().and_then(Fen::bounded).ok_or(MoneyError::OutOfRange)
    }

    /// Reads yuan with at most two decimals: `1234`, `1234.5`, `-1,234.50`. Separators must stand
    /// at thousands; signs, spaces inside, exponents and currency words are refused.
    pub fn parse_yuan(text: &str) -> Result<Fen, MoneyError> {
        let bad = || MoneyError::NotAnAmount(text.to_owned());
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, cents) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let grouped = whole.contains(',');
        let well_grouped = || {
            let mut groups = whole.split(',');
            groups.next().is_some_and(|first| (1..=3).contains(&first.len()))
                && groups.all(|group| group.len() == 3)
        };
        let digits: String = whole.chars().filter(|c| *c != ',').collect();
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if digits.is_empty()
            || !all_digits(&digits)
            || !all_digits(cents)
            || cents.len() > 2
            || unsigned.ends_with('.')
            || (grouped && !well_grouped())
        {
            return Err(bad());
        }
        let fen: i64 = format!("{digits}{cents:0<2}").parse().map_err(|_| MoneyError::OutOfRange)?;
        let signed = if text.starts_with('-') { -fen } else { fen };
        Fen::bounded(signed).ok_or(MoneyError::OutOfRange)
    }

    /// Reads 万元 as reports print them (`4626.0302`), exact to the fen.
    pub fn parse_wan(text: &str) -> Result<Fen, MoneyError> {
        let wan: Decimal =
            text.parse().map_err(|_| MoneyError::NotAnAmount(text.to_owned()))?;
        Fen::from_yuan(wan.checked_mul(Decimal::from(10_000)).ok_or(MoneyError::OutOfRange)?)
    }

    /// In 万元 without trailing zeros: `4626.0302`.
    pub fn wan(self) -> String {
        Decimal::new(self.0, 6).normalize().to_string()
    }

    /// With thousands separators for screens and paper: `1,234.50`.
    pub fn grouped(self) -> String {
        let plain = self.yuan().abs().to_string();
        let (whole, cents) = plain.split_once('.').unwrap_or((&plain, "00"));
        let mut text = String::with_capacity(plain.len() * 2);
        if self.0 < 0 {
            text.push('-');
        }
        for (position, digit) in whole.chars().enumerate() {
            if position > 0 && (whole.len() - position).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text.push('.');
        text.push_str(cents);
        text
    }

    /// In capital Chinese figures (大写) as vouchers and bills require: 壹仟零伍元整, 叁分, 负伍角.
    ///
    /// Rules: 支付结算办法, annex 正确填写票据和结算凭证的基本规定. 整 follows the yuan only. One 零
    /// stands for zeros between figures, also before jiao when the yuan figure is zero.
    pub fn capital(self) -> String {
        let fen = self.0.unsigned_abs();
        let (yuan, jiao, fen) = (fen / 100, fen / 10 % 10, fen % 10);
        let mut text = String::from(if self.0 < 0 { "负" } else { "" });
        if yuan > 0 {
            capital_yuan(yuan, &mut text);
        }
        match (jiao, fen) {
            (0, 0) if yuan == 0 => text.push_str("零元整"),
            (0, 0) => text.push('整'),
            _ => {
                if yuan > 0 && (jiao == 0 || yuan.is_multiple_of(10)) {
                    text.push('零');
                }
                if jiao > 0 {
                    text.extend([capital_figure(jiao), '角']);
                }
                if fen > 0 {
                    text.extend([capital_figure(fen), '分']);
                }
            }
        }
        text
    }

    fn bounded(fen: i64) -> Option<Fen> {
        (fen.unsigned_abs() <= Fen::MAX.0.unsigned_abs()).then_some(Fen(fen))
    }
}

/// Whole yuan in capital figures, in groups of four: 万亿, 亿, 万, 元.
fn capital_yuan(yuan: u64, text: &mut String) {
    let groups = [
        (yuan / 1_000_000_000_000, "万"),
        (yuan / 100_000_000 % 10_000, "亿"),
        (yuan / 10_000 % 10_000, "万"),
        (yuan % 10_000, ""),
    ];
    let (mut begun, mut gap) = (false, false);
    for (group, unit) in groups {
        if group > 0 {
            if begun && (gap || group < 1000) {
                text.push('零');
            }
            capital_group(group, text);
            text.push_str(unit);
            begun = true;
        } else if begun && unit == "亿" {
            // 万亿 without a figure between.
            text.push_str(unit);
        }
        gap = begun && group == 0;
    }
    text.push('元');
}

/// 1 to 9999 in capital figures, without zeros before or after.
fn capital_group(group: u64, text: &mut String) {
    let places = [(1000, "仟"), (100, "佰"), (10, "拾"), (1, "")];
    let (mut begun, mut gap) = (false, false);
    for (place, unit) in places {
        let figure = group / place % 10;
        if figure > 0 {
            if begun && gap {
                text.push('零');
            }
            text.push(capital_figure(figure));
            text.push_str(unit);
            begun = true;
        }
        gap = figure == 0;
    }
}

fn capital_figure(figure: u64) -> char {
    match figure {
        1 => '壹',
        2 => '贰',
        3 => '叁',
        4 => '肆',
        5 => '伍',
        6 => '陆',
        7 => '柒',
        8 => '捌',
        9 => '玖',
        _ => '零',
    }
}

impl From<MoneyError> for Problem {
    /// A computation that gave no amount is refused as `AmountInvalid`.
    fn from(error: MoneyError) -> Problem {
        Problem::new(Kind::AmountInvalid).with("value", error)
    }
}

impl fmt::Display for Fen {
    /// In yuan with two decimals and no separators: `1234.50`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.yuan().fmt(out)
    }
}

impl Rounding {
    fn apply(self, yuan: Decimal) -> Decimal {
        use RoundingStrategy::{AwayFromZero, MidpointAwayFromZero, ToZero};
        match self {
            Rounding::HalfUpYuan => yuan.round_dp_with_strategy(0, MidpointAwayFromZero),
            Rounding::HalfUpJiao => yuan.round_dp_with_strategy(1, MidpointAwayFromZero),
            Rounding::HalfUpFen => yuan.round_dp_with_strategy(2, MidpointAwayFromZero),
            Rounding::UpYuan => yuan.round_dp_with_strategy(0, AwayFromZero),
            Rounding::DownFen => yuan.round_dp_with_strategy(2, ToZero),
            Rounding::Exact => yuan,
        }
    }

    /// The name used in data files and columns.
    pub fn name(self) -> &'static str {
        match self {
            Rounding::HalfUpYuan => "half-up-yuan",
            Rounding::HalfUpJiao => "half-up-jiao",
            Rounding::HalfUpFen => "half-up-fen",
            Rounding::UpYuan => "up-yuan",
            Rounding::DownFen => "down-fen",
            Rounding::Exact => "exact",
        }
    }

    /// The rounding with this name.
    pub fn from_name(name: &str) -> Option<Rounding> {
        use Rounding::{DownFen, Exact, HalfUpFen, HalfUpJiao, HalfUpYuan, UpYuan};
        [HalfUpYuan, HalfUpJiao, HalfUpFen, UpYuan, DownFen, Exact]
            .into_iter()
            .find(|rounding| rounding.name() == name)
    }
}
