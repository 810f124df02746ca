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
        self.0
            .checked_add(other.0)
            .and_then(Fen::bounded)
            .ok_or(MoneyError::OutOfRange)
    }

    /// The difference, or [`MoneyError::OutOfRange`].
    pub fn minus(self, other: Fen) -> Result<Fen, MoneyError> {
        self.0
            .checked_sub(other.0)
            .and_then(Fen::bounded)
            .ok_or(MoneyError::OutOfRange)
    }

    /// The amount `count` times.
    pub fn times(self, count: i64) -> Result<Fen, MoneyError> {
        self.0
            .checked_mul(count)
            .and_then(Fen::bounded)
            .ok_or(MoneyError::OutOfRange)
    }

    /// The sum of many amounts.
    pub fn sum(amounts: impl IntoIterator<Item = Fen>) -> Result<Fen, MoneyError> {
        amounts.into_iter().try_fold(Fen::ZERO, Fen::plus)
    }

    /// The amount times a rate (0.15 for 15 %), rounded as named.
    pub fn at_rate(self, rate: Decimal, rounding: Rounding) -> Result<Fen, MoneyError> {
        let product = self
            .yuan()
            .checked_mul(rate)
            .ok_or(MoneyError::OutOfRange)?;
        Fen::from_yuan(rounding.apply(product))
    }

    /// The amount in yuan, exact, with two decimals.
    pub fn yuan(self) -> Decimal {
        Decimal::new(self.0, 2)
    }

    /// Exactly this many yuan; refused when there is a part smaller than a fen.
    pub fn from_yuan(yuan: Decimal) -> Result<Fen, MoneyError> {
        let fen = yuan
            .checked_mul(Decimal::ONE_HUNDRED)
            .ok_or(MoneyError::OutOfRange)?;
        if !fen.fract().is_zero() {
            return Err(MoneyError::BelowFen(yuan.to_string()));
        }
        fen.to_i64()
            .and_then(Fen::bounded)
            .ok_or(MoneyError::OutOfRange)
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
            groups
                .next()
                .is_some_and(|first| (1..=3).contains(&first.len()))
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
        let fen: i64 = format!("{digits}{cents:0<2}")
            .parse()
            .map_err(|_| MoneyError::OutOfRange)?;
        let signed = if text.starts_with('-') { -fen } else { fen };
        Fen::bounded(signed).ok_or(MoneyError::OutOfRange)
    }

    /// Reads 万元 as reports print them (`4626.0302`), exact to the fen.
    pub fn parse_wan(text: &str) -> Result<Fen, MoneyError> {
        let wan: Decimal = text
            .parse()
            .map_err(|_| MoneyError::NotAnAmount(text.to_owned()))?;
        Fen::from_yuan(
            wan.checked_mul(Decimal::from(10_000))
                .ok_or(MoneyError::OutOfRange)?,
        )
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn capital_figures() {
        for (yuan, expected) in [
            ("0", "零元整"),
            ("0.03", "叁分"),
            ("0.10", "壹角"),
            ("0.53", "伍角叁分"),
            ("1", "壹元整"),
            ("1.05", "壹元零伍分"),
            ("1.50", "壹元伍角"),
            ("9.99", "玖元玖角玖分"),
            ("10", "壹拾元整"),
            ("10.50", "壹拾元零伍角"),
            ("20.02", "贰拾元零贰分"),
            ("100", "壹佰元整"),
            ("101", "壹佰零壹元整"),
            ("110", "壹佰壹拾元整"),
            ("325.04", "叁佰贰拾伍元零肆分"),
            ("578.50", "伍佰柒拾捌元伍角"),
            ("1005", "壹仟零伍元整"),
            ("1050", "壹仟零伍拾元整"),
            ("1,234.50", "壹仟贰佰叁拾肆元伍角"),
            ("1,409.50", "壹仟肆佰零玖元伍角"),
            ("1,680.32", "壹仟陆佰捌拾元零叁角贰分"),
            ("6,007.14", "陆仟零柒元壹角肆分"),
            ("10,000", "壹万元整"),
            ("10,001", "壹万零壹元整"),
            ("16,409.02", "壹万陆仟肆佰零玖元零贰分"),
            ("107,000.53", "壹拾万柒仟元零伍角叁分"),
            ("100,000", "壹拾万元整"),
            ("1,000,100", "壹佰万零壹佰元整"),
            ("46,260,302", "肆仟陆佰贰拾陆万零叁佰零贰元整"),
            ("100,000,000", "壹亿元整"),
            ("100,005,000", "壹亿零伍仟元整"),
            ("1,000,010,001", "壹拾亿零壹万零壹元整"),
            ("1,000,000,000,000", "壹万亿元整"),
            ("1,000,000,000,001", "壹万亿零壹元整"),
            ("1,020,500,000,000", "壹万零贰佰零伍亿元整"),
            (
                "90,071,992,547,409.91",
                "玖拾万零柒佰壹拾玖亿玖仟贰佰伍拾肆万柒仟肆佰零玖元玖角壹分",
            ),
            ("-0.50", "负伍角"),
            ("-293", "负贰佰玖拾叁元整"),
        ] {
            assert_eq!(Fen::parse_yuan(yuan).unwrap().capital(), expected, "{yuan}");
        }
    }

    #[test]
    fn reading_and_printing() {
        for (text, fen, grouped, wan) in [
            ("0", 0, "0.00", "0"),
            ("1234.5", 123_450, "1,234.50", "0.12345"),
            ("-1,234.50", -123_450, "-1,234.50", "-0.12345"),
            ("46260302.00", 4_626_030_200, "46,260,302.00", "4626.0302"),
            ("0.01", 1, "0.01", "0.000001"),
        ] {
            let amount = Fen::parse_yuan(text).unwrap();
            assert_eq!(amount, Fen::new(fen));
            assert_eq!(
                (amount.grouped().as_str(), amount.wan().as_str()),
                (grouped, wan)
            );
            assert_eq!(Fen::parse_wan(wan), Ok(amount));
        }
        for bad in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "1.234",
            "1,23",
            "12,34.5",
            "1e3",
            "+1",
            " 1",
            "1 ",
            "¥1",
            "1.234,50",
            "１",
            "--1",
            "1-",
            "90071992547409.92",
            "99999999999999999999",
        ] {
            assert!(Fen::parse_yuan(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_name_their_rounding() {
        use Rounding::{DownFen, Exact, HalfUpFen, HalfUpJiao, HalfUpYuan, UpYuan};
        for (yuan, rate, rounding, expected) in [
            ("1950", "0.15", HalfUpYuan, Some("293.00")),
            ("1950", "0.25", HalfUpYuan, Some("488.00")),
            ("1950", "0.10", HalfUpYuan, Some("195.00")),
            ("1950", "0.15", Exact, Some("292.50")),
            ("1950", "0.15", UpYuan, Some("293.00")),
            ("292.01", "1", UpYuan, Some("293.00")),
            ("100", "0.33335", HalfUpFen, Some("33.34")),
            ("100", "0.33335", DownFen, Some("33.33")),
            ("100", "0.3335", HalfUpJiao, Some("33.40")),
            ("100", "0.33335", Exact, None),
            ("578.50", "1.3", HalfUpFen, Some("752.05")),
        ] {
            let amount = Fen::parse_yuan(yuan).unwrap();
            let product = amount.at_rate(rate.parse().unwrap(), rounding).ok();
            assert_eq!(
                product.map(|fen| fen.to_string()).as_deref(),
                expected,
                "{yuan} {rate}"
            );
            assert_eq!(Rounding::from_name(rounding.name()), Some(rounding));
        }
    }

    /// Reads capital figures back, by place: an independent way through the same rules.
    fn read_capital(text: &str) -> i64 {
        let figures = "零壹贰叁肆伍陆柒捌玖";
        let (text, sign) = text.strip_prefix('负').map_or((text, 1), |rest| (rest, -1));
        let (mut fen, mut total, mut section, mut figure) = (0_i64, 0_i64, 0_i64, 0_i64);
        for letter in text.chars() {
            if let Some(value) = figures.chars().position(|known| known == letter) {
                figure = i64::try_from(value).unwrap();
                continue;
            }
            match letter {
                '仟' | '佰' | '拾' => {
                    section += figure
                        * if letter == '仟' {
                            1000
                        } else if letter == '佰' {
                            100
                        } else {
                            10
                        };
                }
                '万' => (total, section) = (total + (section + figure) * 10_000, 0),
                '亿' => (total, section) = ((total + section + figure) * 100_000_000, 0),
                '元' => fen += (total + section + figure) * 100,
                '角' => fen += figure * 10,
                '分' => fen += figure,
                '整' => {}
                other => panic!("{other}"),
            }
            figure = 0;
        }
        sign * fen
    }

    proptest! {
        #[test]
        fn printed_amounts_read_as_themselves(fen in -Fen::MAX.get()..=Fen::MAX.get()) {
            let amount = Fen::new(fen);
            prop_assert_eq!(Fen::parse_yuan(&amount.to_string()), Ok(amount));
            prop_assert_eq!(Fen::parse_yuan(&amount.grouped()), Ok(amount));
            prop_assert_eq!(Fen::parse_wan(&amount.wan()), Ok(amount));
            prop_assert_eq!(read_capital(&amount.capital()), fen);
        }

        #[test]
        fn capital_figures_are_well_formed(
            figures in prop::collection::vec(prop::sample::select(vec![0, 0, 0, 1, 5_i64]), 1..16),
        ) {
            let fen = figures.iter().fold(0, |number, figure| number * 10 + figure);
            let text = Fen::new(fen).capital();
            prop_assert_eq!(read_capital(&text), fen);
            for wrong in ["零零", "零万", "零亿元", "零仟", "零佰", "零拾", "零角", "零分", "亿万"] {
                prop_assert!(!text.contains(wrong), "{}", text);
            }
        }

        #[test]
        fn addition_stays_in_range(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Fen::new(a >> 10), Fen::new(b >> 10));
            match a.plus(b) {
                Ok(sum) => {
                    prop_assert!(sum <= Fen::MAX);
                    prop_assert_eq!(sum.minus(b), Ok(a));
                }
                Err(error) => prop_assert_eq!(error, MoneyError::OutOfRange),
            }
        }
    }
}
