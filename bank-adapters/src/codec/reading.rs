//! What the readers of messages share: typed values with findings at their element.

use ledger::calendar::Date;
use ledger::money::Fen;

use crate::amount::{AmountStyle, Decimals, Unit};
use crate::encoding::control;
use crate::finding::{Fault, Findings, Spot};
use crate::layout::{is_account, read_date};
use crate::profile::Profile;
use crate::record::{AnswerLine, Instruction, Outcome, ReturnFile};
use crate::table::shown;
use crate::xml::{Document, Element, Text};

/// A file being read.
pub(crate) struct Reading<'p, 'f> {
    pub(crate) profile: &'p Profile,
    pub(crate) findings: &'f mut Findings,
}

impl<'p, 'f> Reading<'p, 'f> {
    pub(crate) fn new(profile: &'p Profile, findings: &'f mut Findings) -> Reading<'p, 'f> {
        Reading { profile, findings }
    }

    /// Decodes and reads the whole file, and reports what `take` has not looked at.
    pub(crate) fn document<T>(
        &mut self,
        bytes: &[u8],
        take: impl FnOnce(&mut Self, Element<'_>) -> T,
    ) -> Option<T> {
        let text = Text::decode(bytes, self.findings)?;
        self.part(text.as_str(), None, take)
    }

    /// Reads a text.
    pub(crate) fn part<T>(
        &mut self,
        text: &str,
        part: Option<String>,
        take: impl FnOnce(&mut Self, Element<'_>) -> T,
    ) -> Option<T> {
        let document = Document::parse_part(text, part, self.findings)?;
        let taken = take(self, document.root());
        let codec = self.profile.codec;
        let known = |name: &str| codec.is_some_and(|codec| codec.is_known(name));
        document.report_unread(known, self.findings);
        Some(taken)
    }

    /// A fault of an element.
    pub(crate) fn fault(&mut self, fault: Fault, at: Element<'_>, values: &[(&str, &str)]) {
        self.findings.spot(fault, &at.spot(), values);
    }

    fn missing(&mut self, of: Element<'_>, path: &str) {
        let spot = Spot {
            name: path.to_owned(),
            ..of.spot()
        };
        self.findings.spot(Fault::ElementMissing, &spot, &[]);
    }

    /// The root must have this name.
    pub(crate) fn expect(&mut self, root: Element<'_>, names: &[&str]) -> bool {
        let is_one = names.contains(&root.name());
        if !is_one {
            let found = shown(root.name(), false);
            let values = [("expected", names.join(" / ")), ("found", found)];
            let values: Vec<_> = values.iter().map(|(n, v)| (*n, v.as_str())).collect();
            self.fault(Fault::MessageStrange, root, &values);
        }
        is_one
    }

    /// The text at a path, or empty; a control character in it is a fault.
    pub(crate) fn text<'d>(&mut self, of: Element<'d>, path: &str) -> &'d str {
        let Some(found) = of.at(path) else { return "" };
        self.sound(found, found.text())
    }

    /// The first text of these paths that is not empty.
    pub(crate) fn any<'d>(&mut self, of: Element<'d>, paths: &[&str]) -> &'d str {
        let text = of.first(paths);
        self.sound(of, text)
    }

    fn sound<'d>(&mut self, at: Element<'_>, text: &'d str) -> &'d str {
        if let Some(sign) = control(text) {
            let value = format!("U+{:04X}", u32::from(sign));
            self.fault(Fault::ControlCharacter, at, &[("value", &value)]);
        }
        text
    }

    /// The text at a path, which must be there and not empty.
    pub(crate) fn filled<'d>(&mut self, of: Element<'d>, path: &str) -> Option<&'d str> {
        let Some(found) = of.at(path) else {
            self.missing(of, path);
            return None;
        };
        let text = self.sound(found, found.text());
        if text.is_empty() {
            self.fault(Fault::CellEmpty, found, &[]);
            return None;
        }
        Some(text)
    }

    /// An account number at the first of these paths.
    pub(crate) fn account<'d>(&mut self, of: Element<'d>, paths: &[&str]) -> Option<&'d str> {
        let text = of.first(paths);
        if is_account(text) {
            return Some(text);
        }
        let at = paths.iter().find_map(|path| of.at(path));
        match at {
            Some(at) => self.fault(Fault::AccountInvalid, at, &[]),
            None => self.missing(of, paths.first().copied().unwrap_or_default()),
        }
        None
    }

    /// An amount in the unit of the profile.
    pub(crate) fn amount(&mut self, of: Element<'_>, path: &str) -> Option<Fen> {
        let text = self.filled(of, path)?;
        let amount = self.profile.amount.read(text);
        if amount.is_none() {
            self.amount_fault(of, path, text);
        }
        amount
    }

    /// An amount, if there is one.
    pub(crate) fn amount_if(&mut self, of: Element<'_>, path: &str) -> Option<Fen> {
        match of.at(path).map(Element::text) {
            None | Some("") => None,
            Some(_) => self.amount(of, path),
        }
    }

    fn amount_fault(&mut self, of: Element<'_>, path: &str, text: &str) {
        let unit = self.profile.amount.unit;
        let unit = format!("{}({})", unit.zh(), unit.en());
        let value = shown(text, false);
        let values = [("value", value.as_str()), ("unit", unit.as_str())];
        if let Some(at) = of.at(path) {
            self.fault(Fault::AmountUnread, at, &values);
        }
    }

    /// An amount above zero.
    pub(crate) fn positive(&mut self, of: Element<'_>, path: &str) -> Option<Fen> {
        let amount = self.amount(of, path)?;
        if amount > Fen::ZERO {
            return Some(amount);
        }
        if let Some(at) = of.at(path) {
            let value = amount.to_string();
            self.fault(Fault::AmountNotPositive, at, &[("value", &value)]);
        }
        None
    }

    /// An amount of ISO 20022 or CNAPS: `Amt Ccy="CNY"`, digits and a point, at most two decimals
    /// that are not zero.
    pub(crate) fn cny(&mut self, of: Element<'_>, path: &str) -> Option<Fen> {
        let text = self.filled(of, path)?;
        let at = of.at(path)?;
        let currency = at.attribute("Ccy");
        if currency != "CNY" {
            let value = shown(currency, false);
            self.fault(Fault::NotCny, at, &[("value", &value)]);
            return None;
        }
        let amount = iso_amount(text);
        if amount.is_none() {
            self.amount_fault(of, path, text);
        }
        amount
    }

    /// A whole number.
    pub(crate) fn number(&mut self, of: Element<'_>, path: &str) -> Option<u64> {
        let text = self.filled(of, path)?;
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| plain);
        if number.is_none()
            && let Some(at) = of.at(path)
        {
            let value = shown(text, false);
            self.fault(Fault::NumberUnread, at, &[("value", &value)]);
        }
        number
    }

    /// A day at the first of these paths.
    pub(crate) fn date(&mut self, of: Element<'_>, paths: &[&str]) -> Option<Date> {
        let Some(at) = paths.iter().find_map(|path| of.at(path)) else {
            self.missing(of, paths.first().copied().unwrap_or_default());
            return None;
        };
        let date = read_date(at.text());
        if date.is_none() {
            let value = shown(at.text(), false);
            self.fault(Fault::DateUnread, at, &[("value", &value)]);
        }
        date
    }

    /// Our own key at a path, whole.
    pub(crate) fn key(&mut self, of: Element<'_>, path: &str) -> Option<String> {
        let text = self.filled(of, path)?;
        if self.profile.key.is_key(text) {
            return Some(text.to_owned());
        }
        if let Some(at) = of.at(path) {
            let value = shown(text, false);
            let pattern = self.profile.key.pattern.clone();
            self.fault(
                Fault::KeyUnread,
                at,
                &[("pattern", &pattern), ("value", &value)],
            );
        }
        None
    }

    /// Our key as it was echoed in one of these elements.
    pub(crate) fn echoed(&mut self, of: Element<'_>, paths: &[&str]) -> Option<String> {
        let echo = &self.profile.key;
        paths
            .iter()
            .filter_map(|path| echo.find(of.at(path)?.text()))
            .next()
            .map(str::to_owned)
    }

    /// What was read of a status word that nobody has listed.
    pub(crate) fn unknown_status(&mut self, of: Element<'_>, path: &str) {
        if let Some(at) = of.at(path) {
            let value = shown(at.text(), false);
            self.fault(Fault::StatusUnknown, at, &[("value", &value)]);
        }
    }

    /// Compares a count and a sum with what the file states at these paths of an element.
    pub(crate) fn totals(
        &mut self,
        of: Element<'_>,
        (count_path, count): (&str, usize),
        (sum_path, sum): (&str, Option<Fen>),
    ) {
        let counted = u64::try_from(count).unwrap_or(u64::MAX);
        if !count_path.is_empty()
            && let Some(stated) = self.number(of, count_path)
            && stated != counted
        {
            self.differ(of, count_path, &stated.to_string(), &counted.to_string());
        }
        let Some(sum) = sum else { return };
        if of.at(sum_path).is_none() {
            self.missing(of, sum_path);
        } else if let Some(stated) = self.amount(of, sum_path)
            && stated != sum
        {
            let hundred = |a: Fen, b: Fen| a.get().checked_mul(100) == Some(b.get());
            if (hundred(stated, sum) || hundred(sum, stated))
                && let Some(at) = of.at(sum_path)
            {
                self.fault(Fault::FactorHundred, at, &[]);
            }
            self.differ(of, sum_path, &stated.to_string(), &sum.to_string());
        }
    }

    /// Control totals that do not agree.
    pub(crate) fn differ(&mut self, of: Element<'_>, path: &str, stated: &str, found: &str) {
        let spot = of.at(path).unwrap_or(of).spot();
        let values = [("what", path), ("stated", stated), ("found", found)];
        self.findings.spot(Fault::TotalsDiffer, &spot, &values);
    }

    /// A file without lines, unless a graver finding says why.
    pub(crate) fn need_lines<T>(&mut self, lines: &[T]) {
        if lines.is_empty() {
            self.findings.nothing_inside();
        }
    }
}

/// The sum of instructions, `None` when it is out of range.
pub(crate) fn sum_of(lines: &[Instruction]) -> Option<Fen> {
    Fen::sum(lines.iter().map(|line| line.amount)).ok()
}

/// The sum of answered lines.
pub(crate) fn sum_of_answers(lines: &[AnswerLine]) -> Option<Fen> {
    Fen::sum(lines.iter().map(|line| line.amount)).ok()
}

/// Up to five decimals are written where two are meant: `12.50000`.
fn iso_amount(text: &str) -> Option<Fen> {
    let short = match text.split_once('.') {
        Some((_, cents)) if cents.len() > 2 => {
            let cut = text.len() - cents.len() + 2;
            let (kept, zeros) = text.split_at_checked(cut)?;
            kept.get(..)
                .filter(|_| zeros.bytes().all(|byte| byte == b'0'))?
        }
        _ => text,
    };
    let style = AmountStyle {
        unit: Unit::Yuan,
        suffix: String::new(),
        grouped: false,
        decimals: Decimals::default(),
        max: None,
    };
    style.read(short)
}

/// The ordinal of a line, which stands for its place: messages are often one line of text.
pub(crate) fn ordinal(place: usize) -> u64 {
    u64::try_from(place.saturating_add(1)).unwrap_or(u64::MAX)
}

/// An answer file of these lines.
pub(crate) fn answers(batch_no: &str, lines: Vec<AnswerLine>) -> ReturnFile {
    ReturnFile {
        batch_no: (!batch_no.is_empty()).then(|| batch_no.to_owned()),
        lines,
        ..ReturnFile::empty()
    }
}

/// The bank's code and words as one text.
pub(crate) fn reason_of(code: &str, words: &str) -> String {
    match (code, words) {
        ("", words) => words.to_owned(),
        (code, "") => code.to_owned(),
        (code, words) if words.contains(code) => words.to_owned(),
        (code, words) => format!("{code} {words}"),
    }
}

/// The outcome of a code by lists of codes.
pub(crate) fn outcome_by(
    code: &str,
    paid: &[&str],
    failed: &[&str],
    pending: &[&str],
) -> Option<Outcome> {
    [
        (paid, Outcome::Paid),
        (failed, Outcome::Failed),
        (pending, Outcome::Pending),
    ]
    .into_iter()
    .find(|(codes, _)| codes.contains(&code))
    .map(|(_, outcome)| outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_amounts_are_exact() {
        for (text, fen) in [
            ("12.50000", Some(1250)),
            ("12.5", Some(1250)),
            ("12", Some(1200)),
            ("12.505", None),
            ("1,200.00", None),
            ("1e3", None),
            ("", None),
        ] {
            assert_eq!(iso_amount(text).map(Fen::get), fen, "{text}");
        }
    }
}
