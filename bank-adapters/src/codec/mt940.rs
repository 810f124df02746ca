//! Customer statement MT940 of SWIFT: tags between colons at the start of a line.

use ledger::calendar::Date;
use ledger::money::Fen;

use super::reading::{Reading, ordinal};
use crate::encoding::trim;
use crate::finding::{Fault, Spot};
use crate::layout::is_account;
use crate::record::{Nature, StatementFile, StatementLine};
use crate::table::{ROWS_MAX, shown};
use crate::xml::Text;

/// Whether a text begins like one, with or without the blocks of the network.
pub(super) fn is_one(text: &str) -> bool {
    let body = text.split_once("{4:").map_or(text, |(_, body)| body);
    body.trim_start().starts_with(":20:") && body.contains(":60")
}

/// A tag with its lines.
struct Tag<'t> {
    line: u64,
    name: &'t str,
    text: &'t str,
    more: Vec<&'t str>,
}

impl Tag<'_> {
    fn spot(&self, column: usize) -> Spot {
        let before = self.name.len().saturating_add(2);
        let column = before.saturating_add(column).saturating_add(1);
        Spot {
            part: None,
            line: self.line,
            column: u64::try_from(column).unwrap_or_default(),
            name: format!(":{}:", self.name),
        }
    }
}

/// Reads the statement. Several messages of one account that follow each other are one statement.
pub(super) fn read(reading: &mut Reading<'_, '_>, bytes: &[u8]) -> StatementFile {
    let Some(text) = Text::decode(bytes, reading.findings) else {
        return StatementFile::empty();
    };
    let tags = tags(reading, text.as_str());
    let mut state = State::default();
    for tag in &tags {
        state.take(reading, tag);
    }
    state.finish(reading)
}

fn tags<'t>(reading: &mut Reading<'_, '_>, text: &'t str) -> Vec<Tag<'t>> {
    let mut tags: Vec<Tag<'t>> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end_matches(['\r', ' ']);
        let line = line.split_once("{4:").map_or(line, |(_, body)| body);
        if line.is_empty() || line == "-" || line.starts_with("-}") || line.starts_with('{') {
            continue;
        }
        let tag = line
            .strip_prefix(':')
            .and_then(|rest| rest.split_once(':'))
            .filter(|(name, _)| (2..=3).contains(&name.len()) && is_tag(name));
        match (tag, tags.last_mut()) {
            (Some((name, text)), _) => tags.push(Tag {
                line: number,
                name,
                text: trim(text),
                more: Vec::new(),
            }),
            (None, Some(last)) => last.more.push(line),
            (None, None) => reading.findings.row(Fault::RowStrange, number, &[]),
        }
        if tags.len() > ROWS_MAX {
            reading
                .findings
                .row(Fault::TooLarge, number, &[("detail", "200000")]);
            break;
        }
    }
    tags
}

fn is_tag(name: &str) -> bool {
    let digits = name.bytes().take(2).all(|byte| byte.is_ascii_digit());
    digits && name.bytes().skip(2).all(|byte| byte.is_ascii_uppercase())
}

#[derive(Default)]
struct State {
    account: String,
    opened: Option<(Date, Fen)>,
    closed: Option<(Date, Fen)>,
    lines: Vec<StatementLine>,
    /// The type of each line, without its first letter.
    types: Vec<String>,
    /// Whether the words of `:86:` belong to the line before.
    after_line: bool,
}

impl State {
    fn take(&mut self, reading: &mut Reading<'_, '_>, tag: &Tag<'_>) {
        let was_line = std::mem::take(&mut self.after_line);
        match tag.name {
            "25" | "25P" => self.account(reading, tag),
            "60F" | "60M" => {
                let Some(balance) = balance(reading, tag) else {
                    return;
                };
                match self.closed {
                    // A page goes on where the one before ended.
                    Some((_, closing)) if closing != balance.1 => {
                        let spot = tag.spot(0);
                        reading.findings.spot(Fault::StatementsMany, &spot, &[]);
                    }
                    _ => {
                        self.opened.get_or_insert(balance);
                    }
                }
            }
            "62F" | "62M" => self.closed = balance(reading, tag).or(self.closed),
            "61" => {
                let line = movement(reading, tag, ordinal(self.lines.len()));
                if let Some((line, of_type)) = line {
                    self.lines.push(line);
                    self.types.push(of_type);
                    self.after_line = true;
                }
            }
            "86" if was_line => self.words(reading, tag),
            "20" | "21" | "28C" | "28" | "64" | "65" | "86" | "13D" | "34F" | "90D" | "90C" => {}
            _ => {
                let spot = tag.spot(0);
                reading
                    .findings
                    .spot(Fault::ElementUnknown, &spot, &[("count", "1")]);
            }
        }
    }

    fn account(&mut self, reading: &mut Reading<'_, '_>, tag: &Tag<'_>) {
        // Bank and account may stand before and behind a slash; a currency may follow.
        let number = tag.text.rsplit('/').next().unwrap_or_default();
        let number = trim(number.strip_suffix("CNY").unwrap_or(number));
        if !is_account(number) {
            reading
                .findings
                .spot(Fault::AccountInvalid, &tag.spot(0), &[]);
        } else if self.account.is_empty() {
            number.clone_into(&mut self.account);
        } else if self.account != number {
            reading
                .findings
                .spot(Fault::StatementsMany, &tag.spot(0), &[]);
        }
    }

    /// The words behind a line: structured with `?20`, or free.
    fn words(&mut self, reading: &mut Reading<'_, '_>, tag: &Tag<'_>) {
        let whole = std::iter::once(tag.text)
            .chain(tag.more.iter().copied())
            .collect::<String>();
        if let Some(sign) = crate::encoding::control(&whole) {
            let value = format!("U+{:04X}", u32::from(sign));
            reading
                .findings
                .spot(Fault::ControlCharacter, &tag.spot(0), &[("value", &value)]);
        }
        let Some(line) = self.lines.last_mut() else {
            return;
        };
        let mut fields = whole.split('?');
        let first = fields.next().unwrap_or_default();
        let mut said = String::new();
        for field in fields {
            let (Some(code), Some(text)) = (field.get(..2), field.get(2..)) else {
                continue;
            };
            match code {
                "00" => trim(text).clone_into(&mut line.summary),
                code if code.starts_with('2') || code.starts_with('6') => said.push_str(text),
                "31" => trim(text).clone_into(&mut line.counterparty_account),
                "32" | "33" => line.counterparty_name.push_str(trim(text)),
                _ => {}
            }
        }
        let words = if said.is_empty() { first } else { &said };
        line.remark = match line.remark.as_str() {
            "" | "NONREF" => trim(words).to_owned(),
            remark => format!("{remark} {}", trim(words)),
        };
    }

    fn finish(mut self, reading: &mut Reading<'_, '_>) -> StatementFile {
        for (line, of_type) in self.lines.iter_mut().zip(&self.types) {
            let said = [line.summary.as_str(), line.remark.as_str()];
            line.nature = reading.profile.nature.of(line.amount, &[of_type], &said);
        }
        let mut missing = |label: &str| {
            let values = [("label", label)];
            reading.findings.file(Fault::PreambleMissing, &values);
        };
        if self.account.is_empty() {
            missing(":25:");
        }
        if self.opened.is_none() {
            missing(":60F:");
        }
        if self.closed.is_none() {
            missing(":62F:");
        }
        let (from, opening) = self.opened.unwrap_or_default();
        let (to, closing) = self.closed.unwrap_or_default();
        let first = self.lines.iter().map(|line| line.date).min();
        StatementFile {
            account_no: self.account,
            from: from.min(first.unwrap_or(from)).min(to),
            to,
            opening,
            closing,
            lines: self.lines,
            content_hash: [0; 32],
        }
    }
}

/// `C220131CNY1234,50`.
fn balance(reading: &mut Reading<'_, '_>, tag: &Tag<'_>) -> Option<(Date, Fen)> {
    let mark = tag.text.chars().next().filter(|c| matches!(c, 'C' | 'D'));
    let date = tag.text.get(1..7).and_then(short_date);
    let currency = tag.text.get(7..10).unwrap_or_default();
    if date.is_none() || mark.is_none() {
        let value = shown(tag.text, false);
        reading
            .findings
            .spot(Fault::DateUnread, &tag.spot(1), &[("value", &value)]);
        return None;
    }
    if currency != "CNY" {
        let value = shown(currency, false);
        reading
            .findings
            .spot(Fault::NotCny, &tag.spot(7), &[("value", &value)]);
        return None;
    }
    let text = tag.text.get(10..).unwrap_or_default();
    let amount = amount(reading, tag, 10, text)?;
    let amount = match mark {
        Some('D') => Fen::ZERO.minus(amount).ok()?,
        _ => amount,
    };
    Some((date?, amount))
}

/// `2201120112CR1234,50NTRFP12-1//B9`: value date, entry date, mark, amount, type, references.
/// The line, and its type without the first letter.
fn movement(
    reading: &mut Reading<'_, '_>,
    tag: &Tag<'_>,
    line: u64,
) -> Option<(StatementLine, String)> {
    let text = tag.text;
    let Some(value_date) = text.get(..6).and_then(short_date) else {
        let value = shown(text, false);
        reading
            .findings
            .spot(Fault::DateUnread, &tag.spot(0), &[("value", &value)]);
        return None;
    };
    let rest = text.get(6..)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let date = match rest.get(..digits) {
        Some(entry) if digits == 4 => entry_date(value_date, entry).unwrap_or(value_date),
        _ => value_date,
    };
    let rest = rest.get(digits..)?;
    let marks = ["RC", "RD", "EC", "ED", "C", "D"];
    let Some(mark) = marks.into_iter().find(|mark| rest.starts_with(mark)) else {
        reading
            .findings
            .spot(Fault::MovementUnclear, &tag.spot(6 + digits), &[]);
        return None;
    };
    let rest = rest.get(mark.len()..)?;
    // The third letter of the currency may stand before the amount.
    let rest = rest
        .strip_prefix(|c: char| c.is_ascii_uppercase())
        .unwrap_or(rest);
    let length = rest
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b',')
        .count();
    let at = text.len() - rest.len();
    let amount = amount(reading, tag, at, rest.get(..length).unwrap_or_default())?;
    // A reversed credit takes money away.
    let is_debit = matches!(mark, "D" | "RC" | "ED");
    let rest = rest.get(length..)?;
    let of_type = rest.get(1..4).unwrap_or_default().to_owned();
    let (reference, own) = rest
        .get(4..)
        .unwrap_or_default()
        .split_once("//")
        .unwrap_or((rest.get(4..).unwrap_or_default(), ""));
    let line = StatementLine {
        nature: Nature::Plain,
        line,
        date,
        amount: match is_debit {
            true => Fen::ZERO.minus(amount).ok()?,
            false => amount,
        },
        balance: None,
        summary: tag.more.join(" "),
        counterparty_name: String::new(),
        counterparty_account: String::new(),
        remark: trim(reference).to_owned(),
        bank_reference: trim(own).to_owned(),
    };
    Some((line, of_type))
}

/// An amount with a comma before at most two decimals.
fn amount(reading: &mut Reading<'_, '_>, tag: &Tag<'_>, column: usize, text: &str) -> Option<Fen> {
    let plain = text.split_once(',').and_then(|(yuan, cents)| {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let sound = !yuan.is_empty() && cents.len() <= 2 && digits(yuan) && digits(cents);
        sound.then(|| Fen::parse_yuan(&format!("{yuan}.{cents:0<2}")).ok())?
    });
    if plain.is_none() {
        let value = shown(text, false);
        let values = [("value", value.as_str()), ("unit", "元(yuan), 0,00")];
        reading
            .findings
            .spot(Fault::AmountUnread, &tag.spot(column), &values);
    }
    plain
}

/// `220131`; all such dates are of this century.
fn short_date(text: &str) -> Option<Date> {
    crate::layout::read_date(&format!("20{text}")).filter(|_| text.len() == 6)
}

/// Month and day near a value date, also over the turn of the year.
fn entry_date(value: Date, entry: &str) -> Option<Date> {
    let year: i32 = value.format("%Y").to_string().parse().ok()?;
    let of_year = |year: i32| crate::layout::read_date(&format!("{year}{entry}"));
    [year, year - 1, year + 1]
        .into_iter()
        .filter_map(of_year)
        .min_by_key(|date| date.signed_duration_since(value).num_days().abs())
}
