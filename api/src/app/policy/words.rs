//! How the closed lists of a policy are written: by code in TOML, in Chinese in a workbook; both
//! are read in either.

use ledger::disbursement::approval::ApprovalLevel;
use ledger::fund::Level;
use ledger::money::Rounding;
use ledger::program::{Cadence, Scope};
use rust_decimal::Decimal;

/// Code and Chinese name of each formula.
pub(super) const FORMULAS: [(&str, &str); 4] = [
    ("amount", "定额"),
    ("amount-minus-income", "补差"),
    ("rate", "按比例"),
    ("individual", "逐人核定"),
];

/// Each rounding with its Chinese name.
pub(super) const ROUNDINGS: [(Rounding, &str); 6] = [
    (Rounding::HalfUpYuan, "四舍五入到元"),
    (Rounding::HalfUpJiao, "四舍五入到角"),
    (Rounding::HalfUpFen, "四舍五入到分"),
    (Rounding::UpYuan, "进位到元"),
    (Rounding::DownFen, "舍去分以下"),
    (Rounding::Exact, "不取整"),
];

/// How a component that falls due once is written in a workbook.
pub(super) const ONCE: &str = "一次";

/// The Chinese name of a rounding.
pub(super) fn rounding_name(rounding: Rounding) -> &'static str {
    let known = ROUNDINGS.iter().find(|(known, _)| *known == rounding);
    known.map_or_else(|| rounding.name(), |(_, name)| *name)
}

/// To whom a component is granted.
pub(super) fn scope(text: &str) -> Option<Scope> {
    Scope::ALL
        .iter()
        .copied()
        .find(|scope| text == scope.code() || text == scope.name())
}

/// Who granted money.
pub(super) fn level(text: &str) -> Option<Level> {
    Level::ALL
        .iter()
        .copied()
        .find(|level| text == level.code() || text == level.name())
}

/// Of which level an approver is.
pub(super) fn approval_level(text: &str) -> Option<ApprovalLevel> {
    ApprovalLevel::ALL
        .iter()
        .copied()
        .find(|level| text == level.code() || text == level.name())
}

/// When a component falls due; the commas may be full-width.
pub(super) fn months(text: &str) -> Option<Cadence> {
    let plain = text.replace(['、', '\u{ff0c}'], ",").replace('—', "-");
    Cadence::parse(if plain == ONCE { "once" } else { &plain }).ok()
}

/// The code of a formula.
pub(super) fn formula(text: &str) -> Option<&'static str> {
    let known = FORMULAS
        .iter()
        .find(|(code, name)| text == *code || text == *name);
    known.map(|(code, _)| *code)
}

/// A rounding.
pub(super) fn rounding(text: &str) -> Option<Rounding> {
    let known = ROUNDINGS
        .iter()
        .find(|(rounding, name)| text == rounding.name() || text == *name);
    known.map(|(rounding, _)| *rounding)
}

/// Disability grades: `1-2`, `1`, `一级至二级`.
pub(super) fn grades(text: &str) -> Option<(i64, i64)> {
    let plain: String = (text.chars())
        .filter(|letter| *letter != '级')
        .map(|letter| match letter {
            '一' => '1',
            '二' => '2',
            '三' => '3',
            '四' => '4',
            '至' | '—' | '~' => '-',
            other => other,
        })
        .collect();
    let (first, last) = plain.split_once('-').unwrap_or((&plain, &plain));
    let grade = |text: &str| text.parse().ok().filter(|grade| (1..=4).contains(grade));
    let (first, last) = (grade(first)?, grade(last)?);
    (first <= last).then_some((first, last))
}

/// A rate: `0.15` or `15%`, the sign perhaps full-width.
pub(super) fn rate(text: &str) -> Option<Decimal> {
    match text.strip_suffix(['%', '\u{ff05}']) {
        Some(percent) => Decimal::from_str_exact(percent.trim())
            .ok()?
            .checked_div(Decimal::ONE_HUNDRED),
        None => Decimal::from_str_exact(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_are_read() {
        for (text, expected) in [
            ("0.15", Some("0.15")),
            ("15%", Some("0.15")),
            ("62.5%", Some("0.625")),
            ("30\u{ff05}", Some("0.3")),
            ("1.3", Some("1.3")),
            ("一成", None),
            ("", None),
        ] {
            let read = rate(text).map(|rate| rate.normalize().to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("一次", Some("once")),
            ("once", Some("once")),
            ("4-10", Some("4-10")),
            ("1、11", Some("1,11")),
            ("1\u{ff0c}4—6", Some("1,4-6")),
            ("13", None),
        ] {
            let read = months(text).map(|months| months.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
        for (text, expected) in [
            ("1-2", Some((1, 2))),
            ("一级至二级", Some((1, 2))),
            ("3", Some((3, 3))),
            ("四级", Some((4, 4))),
            ("2-1", None),
            ("0", None),
            ("5", None),
            ("", None),
        ] {
            assert_eq!(grades(text), expected, "{text}");
        }
        assert_eq!(scope("按户"), scope("household"));
        assert_eq!(level("省级"), level("province"));
        assert_eq!(formula("补差"), Some("amount-minus-income"));
        assert_eq!(rounding("不取整"), Some(Rounding::Exact));
    }
}
