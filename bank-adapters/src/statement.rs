//! Bank statements (对账单).

use ledger::calendar::Date;
use ledger::money::Fen;

use crate::codec;
use crate::encoding::plain;
use crate::finding::{Fault, Finding, Findings};
use crate::layout::{Layout, RowKind, is_account, read_date};
use crate::profile::{Field, Profile, Use};
use crate::record::{StatementFile, StatementLine};
use crate::table::{Limits, RowView, Source, Table, shown};

/// Reads a statement. Debit (借方) is money that left us, credit (贷方) money that came. Running
/// balances are checked here, oldest or newest line first; that opening and movements give the
/// closing balance is checked by the caller. A value that is missing above the header row is a
/// blocking finding, and zero or an empty text in the result; but the account may stand in a column
/// or nowhere, and then it is empty, and without a period that of the lines is taken.
pub fn read_statement(profile: &Profile, bytes: &[u8]) -> (StatementFile, Vec<Finding>) {
    let mut findings = Findings::default();
    let mut file = StatementFile::empty();
    if profile.usage != Use::Statement {
        findings.file(Fault::ProfileUse, &[("profile", &profile.id)]);
    } else if let Some(codec) = profile.codec {
        file = codec::read_statement(profile, codec, bytes, &mut findings);
    } else {
        let source = Source::open(profile.kind, bytes, &mut findings);
        let table = source.table(profile, &Limits::WHOLE, &mut findings);
        if let Some(layout) = Layout::find(profile, &table, &mut findings) {
            needs_amounts(profile, &layout, &mut findings);
            let head = read_head(profile, &layout, &mut file, &mut findings);
            read_lines(
                profile,
                &layout,
                &table,
                (&mut file, head.period),
                &mut findings,
            );
            if !head.period {
                derive_period(profile, &mut file, &mut findings);
            }
            if file.account_no.is_empty() && !findings.is_blocked() {
                findings.file(Fault::AccountUnstated, &[]);
            }
            derive_balances(profile, &layout, head.balances, &mut file, &mut findings);
            check_balances(&layout, &file, &mut findings);
        }
    }
    file.content_hash = file.hash();
    (file, findings.into_vec())
}

/// Debit and credit, or an amount with its side; a bare amount only where the profile says that it
/// is signed.
fn needs_amounts(profile: &Profile, layout: &Layout, findings: &mut Findings) {
    let has = |field| layout.has(field);
    let marked = profile
        .columns()
        .iter()
        .any(|c| c.field == Some(Field::Direction));
    let sound = (has(Field::Debit) && has(Field::Credit))
        || (has(Field::Amount) && (has(Field::Direction) || !marked));
    if !sound {
        let (debit, credit) = (profile.label(Field::Debit), profile.label(Field::Credit));
        let (amount, side) = (
            profile.label(Field::Amount),
            profile.label(Field::Direction),
        );
        let columns = match marked {
            true => format!("{debit}、{credit}(或 {amount}、{side})"),
            false => format!("{debit}、{credit}"),
        };
        findings.file(Fault::HeaderMissing, &[("columns", &columns)]);
    }
}

/// What stands above the header row.
struct Head {
    balances: Stated,
    /// Whether there is a period, readable or not.
    period: bool,
}

/// Opening and closing balance as the head states them.
type Stated = (Option<Fen>, Option<Fen>);

/// A balance that the head does not state is taken from the running balances, and that is said.
fn derive_balances(
    profile: &Profile,
    layout: &Layout,
    (opening, closing): Stated,
    file: &mut StatementFile,
    findings: &mut Findings,
) {
    if opening.is_some() && closing.is_some() {
        return;
    }
    let mut lines: Vec<&StatementLine> = file.lines.iter().collect();
    let first_of = |lines: &[&StatementLine]| {
        let first = lines.first()?;
        first.balance?.minus(first.amount).ok()
    };
    let broken = |lines: &[&StatementLine]| {
        first_of(lines).map_or(usize::MAX, |opening| {
            breaks(opening, lines.iter().copied()).len()
        })
    };
    let straight = broken(&lines);
    lines.reverse();
    if straight <= broken(&lines) {
        lines.reverse();
    }
    let derived = [
        (Field::OpeningBalance, opening, first_of(&lines)),
        (
            Field::ClosingBalance,
            closing,
            lines.last().and_then(|line| line.balance),
        ),
    ];
    let mut found = [Fen::ZERO; 2];
    for ((field, stated, running), found) in derived.into_iter().zip(&mut found) {
        let label = profile.label(field);
        match (stated, running.filter(|_| layout.has(Field::Balance))) {
            (Some(stated), _) => *found = stated,
            (None, Some(running)) => {
                let value = running.to_string();
                let values = [("label", label.as_str()), ("value", value.as_str())];
                findings.file(Fault::BalanceDerived, &values);
                *found = running;
            }
            (None, None) => findings.file(Fault::PreambleMissing, &[("label", &label)]),
        }
    }
    (file.opening, file.closing) = (found[0], found[1]);
}

fn read_head(
    profile: &Profile,
    layout: &Layout,
    file: &mut StatementFile,
    findings: &mut Findings,
) -> Head {
    for line in profile.preamble.iter().filter(|line| line.required) {
        if layout.above(line.field).is_none() {
            let label = line.labels.first().map_or("", String::as_str);
            findings.file(Fault::PreambleMissing, &[("label", label)]);
        }
    }
    if let Some((text, line)) = layout.above(Field::AccountNo) {
        if is_account(text) {
            text.clone_into(&mut file.account_no);
        } else {
            let mut above = profile.preamble.iter();
            let label = above.find(|one| one.field == Field::AccountNo);
            let label = label.and_then(|one| one.labels.first());
            let label = label.map_or("", String::as_str);
            findings.cell(Fault::AccountInvalid, line, label, &[]);
        }
    }
    let mut balance = |field: Field| -> Option<Fen> {
        let (text, line) = layout.above(field)?;
        Some(profile.amount.read(text).unwrap_or_else(|| {
            let value = shown(text, false);
            let unit = profile.amount.unit;
            let unit = format!("{}({})", unit.zh(), unit.en());
            let values = [("value", value.as_str()), ("unit", unit.as_str())];
            findings.cell(Fault::AmountUnread, line, &profile.label(field), &values);
            Fen::ZERO
        }))
    };
    let stated = (
        balance(Field::OpeningBalance),
        balance(Field::ClosingBalance),
    );
    file.opening = stated.0.unwrap_or_default();
    file.closing = stated.1.unwrap_or_default();
    Head {
        balances: stated,
        period: read_period(profile, layout, file, findings),
    }
}

/// Whether a period is stated.
fn read_period(
    profile: &Profile,
    layout: &Layout,
    file: &mut StatementFile,
    findings: &mut Findings,
) -> bool {
    let whole = layout.above(Field::Period);
    let parts = layout
        .above(Field::PeriodFrom)
        .zip(layout.above(Field::PeriodTo));
    let (days, text, line) = match (whole, parts) {
        (Some((text, line)), _) => (split_period(text), text.to_owned(), line),
        (None, Some(((from, line), (to, _)))) => (
            read_date(from).zip(read_date(to)),
            format!("{from} {to}"),
            line,
        ),
        (None, None) => return false,
    };
    match days.filter(|(from, to)| from <= to) {
        Some((from, to)) => (file.from, file.to) = (from, to),
        None => {
            let values = [("value", text.as_str())];
            findings.cell(
                Fault::PeriodUnread,
                line,
                &profile.label(Field::Period),
                &values,
            );
        }
    }
    true
}

/// From the first line to the last one.
fn derive_period(profile: &Profile, file: &mut StatementFile, findings: &mut Findings) {
    let days = file.lines.iter().map(|line| line.date);
    let Some((from, to)) = days.clone().min().zip(days.max()) else {
        let label = profile.label(Field::Period);
        findings.file(Fault::PreambleMissing, &[("label", &label)]);
        return;
    };
    (file.from, file.to) = (from, to);
    let value = format!("{from} — {to}");
    findings.file(Fault::PeriodDerived, &[("value", &value)]);
}

/// `2022-01-01 至 2022-01-31`; also 到, `~`, a dash with spaces, or `20220101-20220131`.
fn split_period(text: &str) -> Option<(Date, Date)> {
    ["至", "到", "~", "\u{ff5e}", "——", "—", " - ", "-"]
        .iter()
        .find_map(|sign| {
            let (from, to) = text.split_once(sign)?;
            read_date(from.trim()).zip(read_date(to.trim()))
        })
}

fn read_lines(
    profile: &Profile,
    layout: &Layout,
    table: &Table<'_>,
    (file, has_period): (&mut StatementFile, bool),
    findings: &mut Findings,
) {
    let mut sums = [Fen::ZERO; 2];
    for row in table.rows_from(layout.first()) {
        match layout.classify(profile, &row) {
            RowKind::Totals => check_sums(profile, layout, &row, sums, findings),
            RowKind::Head => {}
            RowKind::Strange => findings.row(Fault::RowStrange, row.line, &[]),
            RowKind::Detail => {
                let line = read_line(profile, layout, &row, findings);
                if let Some(line) = &line
                    && has_period
                    && !(file.from..=file.to).contains(&line.date)
                {
                    let value = line.date.to_string();
                    let label = layout.label(Field::Date);
                    findings.cell(Fault::DateOutside, row.line, label, &[("value", &value)]);
                }
                read_account(layout, &row, file, findings);
                for (sum, field) in sums.iter_mut().zip([Field::Debit, Field::Credit]) {
                    let amount = profile.amount.read(layout.text(&row, field));
                    *sum = sum.plus(amount.unwrap_or_default()).unwrap_or(Fen::MAX);
                }
                file.lines.extend(line);
            }
        }
    }
}

/// The account of a line, where it has a column: the same in all of them, and as the head has it.
fn read_account(
    layout: &Layout,
    row: &RowView<'_>,
    file: &mut StatementFile,
    findings: &mut Findings,
) {
    let text = layout.text(row, Field::AccountNo);
    let fault = match text {
        "" => return,
        text if !is_account(text) => Fault::AccountInvalid,
        text if file.account_no.is_empty() => {
            text.clone_into(&mut file.account_no);
            return;
        }
        text if text == file.account_no => return,
        _ => Fault::AccountMixed,
    };
    findings.cell(fault, row.line, layout.label(Field::AccountNo), &[]);
}

/// What a row of totals says of debits and credits is so.
fn check_sums(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'_>,
    sums: [Fen; 2],
    findings: &mut Findings,
) {
    for (field, sum) in [Field::Debit, Field::Credit].into_iter().zip(sums) {
        let stated = layout.amount(profile, row, field, findings);
        if let Some(stated) = stated.filter(|stated| *stated != sum) {
            let (stated, found) = (stated.to_string(), sum.to_string());
            let values = [
                ("what", layout.label(field)),
                ("stated", &*stated),
                ("found", &*found),
            ];
            findings.row(Fault::TotalsDiffer, row.line, &values);
        }
    }
}

fn read_line(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'_>,
    findings: &mut Findings,
) -> Option<StatementLine> {
    if !layout.fits(profile, row, findings) {
        return None;
    }
    let sound = layout.check(row, findings);
    let date = read_date(layout.text(row, Field::Date));
    if date.is_none() {
        let value = shown(layout.text(row, Field::Date), false);
        findings.cell(
            Fault::DateUnread,
            row.line,
            layout.label(Field::Date),
            &[("value", &value)],
        );
    }
    let amount = movement(profile, layout, row, findings);
    let before = findings.len();
    let balance = layout.amount(profile, row, Field::Balance, findings);
    let is_read = findings.len() == before;
    let text = |field| layout.text(row, field).to_owned();
    let amount = amount?;
    let said = [Field::Summary, Field::Remark].map(|field| layout.text(row, field));
    Some(StatementLine {
        line: row.line,
        date: date?,
        amount,
        nature: profile.nature.of(amount, &[], &said),
        balance,
        summary: text(Field::Summary),
        counterparty_name: text(Field::CounterpartyName),
        counterparty_account: text(Field::CounterpartyAccount),
        remark: text(Field::Remark),
        bank_reference: text(Field::BankReference),
    })
    .filter(|_| sound && is_read)
}

/// The movement: credit less debit, of which exactly one is given; 0.00 is not given. A bank's
/// reversal in red stands as a negative debit or credit.
fn movement(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'_>,
    findings: &mut Findings,
) -> Option<Fen> {
    if !layout.has(Field::Debit) && layout.has(Field::Direction) {
        return directed(profile, layout, row, findings);
    }
    if !layout.has(Field::Debit) {
        return layout.amount(profile, row, Field::Amount, findings);
    }
    let before = findings.len();
    let mut side = |field| {
        layout
            .amount(profile, row, field, findings)
            .filter(|amount| *amount != Fen::ZERO)
    };
    let sides = (side(Field::Debit), side(Field::Credit));
    if findings.len() > before {
        return None;
    }
    match sides {
        (None, Some(credit)) => Some(credit),
        (Some(debit), None) => Fen::ZERO.minus(debit).ok(),
        _ => {
            findings.row(Fault::MovementUnclear, row.line, &[]);
            None
        }
    }
}

/// An amount beside a mark of its side.
fn directed(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'_>,
    findings: &mut Findings,
) -> Option<Fen> {
    let amount = layout.amount(profile, row, Field::Amount, findings)?;
    let mark = plain(layout.text(row, Field::Direction)).to_ascii_uppercase();
    let is = |words: &[&str]| words.contains(&mark.as_str());
    if is(&["借", "借方", "支出", "支", "付", "往账", "D", "DR", "DEBIT"]) {
        return Fen::ZERO.minus(amount).ok();
    }
    if is(&["贷", "贷方", "收入", "收", "来账", "C", "CR", "CREDIT"]) {
        return Some(amount);
    }
    findings.row(Fault::MovementUnclear, row.line, &[]);
    None
}

/// Banks list the oldest or the newest line first; the order with fewer breaks is taken.
fn check_balances(layout: &Layout, file: &StatementFile, findings: &mut Findings) {
    if !layout.has(Field::Balance) || findings.is_blocked() {
        return;
    }
    let oldest = breaks(file.opening, file.lines.iter());
    let newest = breaks(file.opening, file.lines.iter().rev());
    for fault in if newest.len() < oldest.len() {
        newest
    } else {
        oldest
    } {
        let texts = [fault.previous, fault.moved, fault.expected, fault.found];
        let texts = texts.map(|amount| amount.to_string());
        let names = ["previous", "moved", "expected", "found"];
        let values: Vec<_> = names
            .into_iter()
            .zip(texts.iter().map(String::as_str))
            .collect();
        let label = layout.label(Field::Balance);
        findings.cell(Fault::BalanceBroken, fault.line, label, &values);
    }
}

struct Break {
    line: u64,
    previous: Fen,
    moved: Fen,
    expected: Fen,
    found: Fen,
}

fn breaks<'f>(opening: Fen, lines: impl Iterator<Item = &'f StatementLine>) -> Vec<Break> {
    let mut previous = opening;
    let mut list = Vec::new();
    for line in lines {
        let expected = previous.plus(line.amount).unwrap_or(Fen::MAX);
        let found = line.balance.unwrap_or(expected);
        if found != expected {
            list.push(Break {
                line: line.line,
                previous,
                moved: line.amount,
                expected,
                found,
            });
        }
        previous = found;
    }
    list
}
