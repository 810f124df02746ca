//! Batch files (代发文件): our instructions to a bank, written and read back.

use std::collections::HashSet;
use std::hash::Hash;

use ledger::money::Fen;

use crate::amount::push_number;
use crate::delimited;
use crate::encoding::{Encoding, control, trim};
use crate::finding::{Fault, Finding, Findings};
use crate::layout::{Layout, RowKind, Stated, is_account};
use crate::line::Line;
use crate::profile::{Column, ColumnsBy, Field, Kind, Profile, Use};
use crate::record::{BatchFile, BatchHead, Instruction};
use crate::sheet::{csv, writer};
use crate::table::{Limits, RowView, Source, shown};

/// Writes a batch. Nothing is altered to fit: what the layout or its encoding cannot hold is
/// refused, all faults together, each with the row (place in `lines`, from 1) and the column.
pub fn write_batch(
    profile: &Profile,
    head: &BatchHead,
    lines: &[Instruction],
) -> Result<BatchFile, Vec<Finding>> {
    let mut findings = Findings::default();
    if profile.usage != Use::Batch {
        findings.file(Fault::ProfileUse, &[("profile", &profile.id)]);
        return Err(findings.into_vec());
    }
    check_head(head, &mut findings);
    let total = check_lines(profile, lines, &mut findings);
    let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    let date = head.date.format(&profile.text.date_format).to_string();
    let whole = Whole {
        profile,
        head,
        date,
        count,
        total: total.unwrap_or(Fen::ZERO),
    };
    let bytes = whole.write(lines, &mut findings);
    match (findings.is_empty(), total, bytes) {
        (true, Some(total), Some(bytes)) => {
            let name = file_name(profile, head);
            Ok(BatchFile {
                name,
                bytes,
                count,
                total,
            })
        }
        _ => Err(findings.into_vec()),
    }
}

/// Reads a batch file: its lines, with the control totals recomputed. The payer's account, which
/// is the same on all lines, is not given.
pub fn read_batch(profile: &Profile, bytes: &[u8]) -> (Vec<Instruction>, Vec<Finding>) {
    let mut findings = Findings::default();
    let mut lines = Vec::new();
    if profile.usage == Use::Batch {
        read_lines(profile, bytes, &mut findings, |line| {
            lines.push(line.owned())
        });
    } else {
        findings.file(Fault::ProfileUse, &[("profile", &profile.id)]);
    }
    (lines, findings.into_vec())
}

/// One line of a batch file as it stands there.
struct Found<'t> {
    sequence: u64,
    key: &'t str,
    account_no: &'t str,
    payee_name: &'t str,
    bank_name: &'t str,
    bank_no: &'t str,
    amount: Fen,
    purpose: &'t str,
}

impl Found<'_> {
    fn owned(&self) -> Instruction {
        Instruction {
            sequence: self.sequence,
            key: self.key.to_owned(),
            account_no: self.account_no.to_owned(),
            payee_name: self.payee_name.to_owned(),
            bank_name: self.bank_name.to_owned(),
            bank_no: self.bank_no.to_owned(),
            amount: self.amount,
            purpose: self.purpose.to_owned(),
        }
    }
}

/// Gives each line that could be read to `take`, in the order of the file.
fn read_lines(
    profile: &Profile,
    bytes: &[u8],
    findings: &mut Findings,
    mut take: impl FnMut(&Found<'_>),
) {
    let source = Source::open(profile.kind, bytes, findings);
    let table = source.table(profile, &Limits::WHOLE, findings);
    let Some(layout) = Layout::find(profile, &table, findings) else {
        return;
    };
    let mut stated = Stated::default();
    let (mut rows, mut lines): (u64, u64) = (0, 0);
    let mut sum = Some(Fen::ZERO);
    for row in table.rows_from(layout.first()) {
        match layout.classify(profile, &row) {
            RowKind::Totals => layout.totals(profile, &row, &mut stated, findings),
            RowKind::Strange => findings.row(Fault::RowStrange, row.line, &[]),
            RowKind::Detail => {
                rows += 1;
                if let Some(line) = read_line(profile, &layout, &row, findings) {
                    lines += 1;
                    sum = sum.and_then(|sum| sum.plus(line.amount).ok());
                    take(&line);
                }
            }
        }
    }
    if rows == 0 {
        findings.nothing_inside();
    }
    stated.check(profile, rows, sum.filter(|_| lines == rows), findings);
}

fn read_line<'t>(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'t>,
    findings: &mut Findings,
) -> Option<Found<'t>> {
    if !layout.fits(profile, row, findings) {
        return None;
    }
    let sound = layout.check(row, findings);
    let amount = layout.positive(profile, row, findings);
    let account = layout.account(row, Field::AccountNo, findings);
    let sequence = layout.text(row, Field::Sequence).parse();
    if sequence.is_err() {
        let value = shown(layout.text(row, Field::Sequence), false);
        let label = layout.label(Field::Sequence);
        findings.cell(Fault::NumberUnread, row.line, label, &[("value", &value)]);
    }
    let key = read_key(profile, layout, row, findings);
    Some(Found {
        sequence: sequence.ok()?,
        key: key?,
        account_no: account?,
        payee_name: layout.text(row, Field::PayeeName),
        bank_name: layout.text(row, Field::BankName),
        bank_no: layout.text(row, Field::BankNo),
        amount: amount?,
        purpose: layout.text(row, Field::Purpose),
    })
    .filter(|_| sound)
}

/// The key must be whole, and the same in each of its columns.
fn read_key<'t>(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'t>,
    findings: &mut Findings,
) -> Option<&'t str> {
    let key = layout.text(row, Field::Key);
    let label = layout.label(Field::Key);
    if !profile.key.is_key(key) {
        let value = shown(key, false);
        let values = [("pattern", profile.key.pattern.as_str()), ("value", &value)];
        findings.cell(Fault::KeyUnread, row.line, label, &values);
        return None;
    }
    if profile.columns_by == ColumnsBy::Order {
        let columns = profile.columns.iter().enumerate();
        for (position, column) in columns.filter(|(_, c)| c.field == Some(Field::Key)) {
            let other = row.text(position);
            if other != key {
                let value = format!("{key} / {}", shown(other, false));
                let label = column.label(position);
                findings.cell(Fault::KeysDiffer, row.line, &label, &[("value", &value)]);
                return None;
            }
        }
    }
    Some(key)
}

fn check_head(head: &BatchHead, findings: &mut Findings) {
    let number = &head.batch_no;
    let sound = (1..=64).contains(&number.len())
        && number
            .chars()
            .all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    if !sound {
        findings.file(Fault::BatchNoInvalid, &[("value", &shown(number, false))]);
    }
}

/// Checks what holds for every layout and gives the total.
fn check_lines(profile: &Profile, lines: &[Instruction], findings: &mut Findings) -> Option<Fen> {
    if lines.is_empty() {
        findings.file(Fault::NothingInside, &[]);
    }
    if lines.len() > profile.lines_max {
        let (found, max) = (lines.len().to_string(), profile.lines_max.to_string());
        findings.file(Fault::LinesMax, &[("found", &found), ("max", &max)]);
    }
    let label = |field| profile.label(field);
    // Keys of one length ascend as texts do.
    let mut keys = Seen::among(lines.iter().map(|line| (line.key.len(), line.key.as_str())));
    let mut sequences = Seen::among(lines.iter().map(|line| line.sequence));
    for (row, line) in (1..).zip(lines) {
        if line.amount <= Fen::ZERO || line.amount > Fen::MAX {
            let value = line.amount.to_string();
            let values = [("value", value.as_str())];
            findings.cell(
                Fault::AmountNotPositive,
                row,
                &label(Field::Amount),
                &values,
            );
        }
        if !line.account_no.is_empty() && !is_account(&line.account_no) {
            findings.cell(Fault::AccountInvalid, row, &label(Field::AccountNo), &[]);
        }
        if !profile.key.is_key(&line.key) {
            let value = shown(&line.key, false);
            let values = [("pattern", profile.key.pattern.as_str()), ("value", &value)];
            findings.cell(Fault::KeyUnread, row, &label(Field::Key), &values);
        }
        if keys.again((line.key.len(), line.key.as_str())) {
            let values = [("value", line.key.as_str())];
            findings.cell(Fault::KeyTwice, row, &label(Field::Key), &values);
        }
        if sequences.again(line.sequence) {
            let value = line.sequence.to_string();
            let values = [("value", value.as_str())];
            findings.cell(Fault::SequenceTwice, row, &label(Field::Sequence), &values);
        }
    }
    let total = Fen::sum(lines.iter().map(|line| line.amount)).ok();
    if total.is_none() {
        findings.file(Fault::TotalTooLarge, &[]);
    }
    total
}

/// Finds values that are there twice. `None` when all values ascend, as they do in a batch that was
/// made in order: then no value is there twice and nothing needs to be kept.
struct Seen<T>(Option<HashSet<T>>);

impl<T: Eq + Hash + PartialOrd> Seen<T> {
    fn among(values: impl ExactSizeIterator<Item = T> + Clone) -> Seen<T> {
        let ascending = values.clone().is_sorted_by(|left, right| left < right);
        Seen((!ascending).then(|| HashSet::with_capacity(values.len())))
    }

    fn again(&mut self, value: T) -> bool {
        self.0.as_mut().is_some_and(|seen| !seen.insert(value))
    }
}

fn file_name(profile: &Profile, head: &BatchHead) -> String {
    let date = head.date.format("%Y%m%d").to_string();
    profile
        .file_name
        .replace("{date}", &date)
        .replace("{batch_no}", &head.batch_no)
}

/// Where rows go.
enum Sink<'p> {
    Lines(delimited::Writer<'p>),
    Records { line: String, bytes: Vec<u8> },
    Rows(Box<writer::Writer>),
}

/// All that a row may need beside its own line.
struct Whole<'a> {
    profile: &'a Profile,
    head: &'a BatchHead,
    date: String,
    count: u64,
    total: Fen,
}

impl<'a> Whole<'a> {
    fn sink(&self, lines: usize, findings: &mut Findings) -> Option<Sink<'a>> {
        let profile = self.profile;
        Some(match profile.kind {
            Kind::Delimited => Sink::Lines(delimited::Writer::new(&profile.text, profile.encoding)),
            Kind::Csv => Sink::Records {
                line: String::new(),
                bytes: Vec::new(),
            },
            Kind::Xlsx => {
                let heads = usize::from(profile.columns_by == ColumnsBy::Header);
                let rows = lines + heads + usize::from(profile.totals.is_some());
                let rows = u32::try_from(rows).unwrap_or(u32::MAX);
                match writer::Writer::new(self.head.date, rows, profile.columns.len()) {
                    Ok(workbook) => Sink::Rows(Box::new(workbook)),
                    Err(error) => {
                        findings.file(Fault::WorkbookBroken, &[("detail", &error)]);
                        return None;
                    }
                }
            }
        })
    }

    fn write(&self, lines: &[Instruction], findings: &mut Findings) -> Option<Vec<u8>> {
        let profile = self.profile;
        let mut sink = self.sink(lines.len(), findings)?;
        let totals = profile.totals.as_ref();
        let at_head = totals.is_some_and(|totals| totals.at_head);
        self.literal(&profile.text.head_lines, &mut sink, findings);
        if at_head {
            self.row(&self.totals_fields(), 0, &mut sink, findings);
        }
        self.literal(&profile.text.detail_lines, &mut sink, findings);
        if profile.columns_by == ColumnsBy::Header {
            let columns = profile.columns.iter().enumerate();
            let heads = Line::of(columns.map(|(position, column)| column.label(position)));
            self.row(&heads, 0, &mut sink, findings);
        }
        let mut fields = Line::default();
        for (row, line) in (1..).zip(lines) {
            fields.clear();
            for column in &profile.columns {
                fields.field(|out| self.field(column, Some(line), out));
            }
            self.check(&fields, row, findings);
            self.row(&fields, row, &mut sink, findings);
        }
        if totals.is_some() && !at_head {
            self.row(&self.totals_fields(), 0, &mut sink, findings);
        }
        if !profile.text.end_line.is_empty() {
            self.literal(
                std::slice::from_ref(&profile.text.end_line),
                &mut sink,
                findings,
            );
        }
        self.finish(sink, lines, findings)
    }

    /// Refuses what would not arrive as it was sent.
    fn check(&self, fields: &Line, row: u64, findings: &mut Findings) {
        let profile = self.profile;
        let whole = fields.text();
        // The signs that no field may have are looked for in all fields at once.
        let is_clean = control(whole).is_none()
            && !whole.contains("\u{fffd}")
            && (profile.kind != Kind::Delimited || !whole.contains(profile.text.delimiter));
        let columns = profile.columns.iter().enumerate();
        for ((position, column), text) in columns.zip(fields.fields()) {
            if row == 1 || !is_shared(column) {
                let field = Checked {
                    profile,
                    column,
                    position,
                    text,
                    row,
                };
                field.check(is_clean, findings);
            }
        }
    }

    /// The bytes, after they have been read back and compared: the assertion behind every file.
    fn finish(
        &self,
        sink: Sink<'_>,
        lines: &[Instruction],
        findings: &mut Findings,
    ) -> Option<Vec<u8>> {
        if findings.is_blocked() {
            return None;
        }
        let bytes = match sink {
            Sink::Lines(writer) => writer.bytes,
            Sink::Records { bytes, .. } => bytes,
            Sink::Rows(workbook) => workbook.finish(),
        };
        let carries = [Field::BankName, Field::BankNo, Field::Purpose]
            .map(|field| self.profile.columns.iter().any(|c| c.field == Some(field)));
        let mut faults = Findings::default();
        let mut expected = lines.iter();
        let mut same = true;
        read_lines(self.profile, &bytes, &mut faults, |found| {
            same &= expected
                .next()
                .is_some_and(|line| is_same(found, line, carries));
        });
        if !same || expected.next().is_some() || !faults.is_empty() {
            findings.file(Fault::NotReadBack, &[]);
            return None;
        }
        Some(bytes)
    }

    /// Appends what a column holds.
    fn field(&self, column: &Column, line: Option<&Instruction>, out: &mut String) {
        if let Some(value) = &column.value {
            out.push_str(value);
            return;
        }
        match column.field {
            Some(Field::Count) => push_number(self.count, out),
            Some(Field::Total) => self.profile.amount.write(self.total, out),
            Some(Field::Date) => out.push_str(&self.date),
            Some(Field::BatchNo) => out.push_str(&self.head.batch_no),
            Some(Field::PayerAccountNo) => out.push_str(&self.head.payer_account_no),
            Some(Field::PayerName) => out.push_str(&self.head.payer_name),
            Some(Field::PayerBankName) => out.push_str(&self.head.payer_bank_name),
            Some(field) => {
                if let Some(line) = line {
                    self.line_field(field, line, out);
                }
            }
            None => {}
        }
    }

    fn line_field(&self, field: Field, line: &Instruction, out: &mut String) {
        match field {
            Field::Sequence => push_number(line.sequence, out),
            Field::Key => out.push_str(&line.key),
            Field::AccountNo => out.push_str(&line.account_no),
            Field::PayeeName => out.push_str(&line.payee_name),
            Field::BankName => out.push_str(&line.bank_name),
            Field::BankNo => out.push_str(&line.bank_no),
            Field::Amount => self.profile.amount.write(line.amount, out),
            Field::Purpose => out.push_str(&line.purpose),
            _ => {}
        }
    }

    fn totals_fields(&self) -> Line {
        let columns = self
            .profile
            .totals
            .iter()
            .flat_map(|totals| &totals.columns);
        let filled = |column: &Column| {
            let mut text = String::new();
            self.field(column, None, &mut text);
            text
        };
        match self.profile.columns_by {
            ColumnsBy::Order => Line::of(columns.map(filled)),
            ColumnsBy::Header => {
                let totals: Vec<&Column> = columns.collect();
                let below = |column: &Column| {
                    let total = totals
                        .iter()
                        .find(|t| t.under.is_some() && t.under == column.field);
                    total.map(|total| filled(total)).unwrap_or_default()
                };
                Line::of(self.profile.columns.iter().map(below))
            }
        }
    }

    fn literal(&self, lines: &[String], sink: &mut Sink<'_>, findings: &mut Findings) {
        if let Sink::Lines(writer) = sink {
            for line in lines {
                if let Err(character) = writer.line(line) {
                    self.unmappable(character, 0, "", findings);
                }
            }
        }
    }

    fn row(&self, fields: &Line, row: u64, sink: &mut Sink<'_>, findings: &mut Findings) {
        let written = match sink {
            Sink::Lines(writer) => writer.fields(fields.fields()),
            Sink::Records { line, bytes } => {
                csv::write(fields.fields(), self.profile.encoding, line, bytes)
            }
            Sink::Rows(workbook) => {
                workbook.row(fields.fields());
                Ok(())
            }
        };
        if written.is_ok() {
            return;
        }
        // The first one stopped the row; each bad character of the row is named.
        for (position, field) in fields.fields().enumerate() {
            let column = self.profile.columns.get(position);
            if row > 1 && column.is_some_and(is_shared) {
                continue;
            }
            let label = column
                .map(|column| column.label(position))
                .unwrap_or_default();
            for character in unmappable(self.profile.encoding, field) {
                self.unmappable(character, row, &label, findings);
            }
        }
    }

    fn unmappable(&self, character: char, row: u64, label: &str, findings: &mut Findings) {
        let value = character.to_string();
        let values = [
            ("encoding", self.profile.encoding.name()),
            ("value", value.as_str()),
        ];
        findings.cell(Fault::Unmappable, row, label, &values);
    }
}

/// The characters of a text that an encoding cannot hold.
fn unmappable(encoding: Encoding, text: &str) -> impl Iterator<Item = char> {
    let mut scratch = Vec::new();
    text.chars().filter(move |character| {
        scratch.clear();
        let mut utf8 = [0; 4];
        encoding
            .encode_into(character.encode_utf8(&mut utf8), &mut scratch)
            .is_err()
    })
}

/// True for what is the same in every row; its faults are told once, at the first row.
fn is_shared(column: &Column) -> bool {
    use Field::{BatchNo, Date, PayerAccountNo, PayerBankName, PayerName};
    let shared = [BatchNo, Date, PayerAccountNo, PayerBankName, PayerName];
    column.value.is_some() || column.field.is_some_and(|field| shared.contains(&field))
}

/// Equal in every field that the layout carries; bank, bank number and purpose may be absent.
fn is_same(found: &Found<'_>, line: &Instruction, carries: [bool; 3]) -> bool {
    let optional = [
        found.bank_name == line.bank_name,
        found.bank_no == line.bank_no,
        found.purpose == line.purpose,
    ];
    found.sequence == line.sequence
        && found.key == line.key
        && found.account_no == line.account_no
        && found.payee_name == line.payee_name
        && found.amount == line.amount
        && carries
            .iter()
            .zip(optional)
            .all(|(carried, same)| same || !carried)
}

/// A field that is to be written.
struct Checked<'a> {
    profile: &'a Profile,
    column: &'a Column,
    position: usize,
    text: &'a str,
    row: u64,
}

impl Checked<'_> {
    fn add(&self, fault: Fault, values: &[(&str, &str)], findings: &mut Findings) {
        findings.cell(fault, self.row, &self.column.label(self.position), values);
    }

    /// Refuses what would not arrive as it was sent. `is_clean` when the whole line is known to be
    /// free of signs that no field may have.
    fn check(&self, is_clean: bool, findings: &mut Findings) {
        let text = self.text;
        if text.is_empty() {
            if self.column.filled {
                self.add(Fault::CellEmpty, &[], findings);
            }
            return;
        }
        if !is_clean && let Some(sign) = control(text) {
            let value = format!("U+{:04X}", u32::from(sign));
            self.add(Fault::ControlCharacter, &[("value", &value)], findings);
        }
        if trim(text).len() != text.len() {
            self.add(Fault::SpaceAround, &[], findings);
        }
        let is_delimited = self.profile.kind == Kind::Delimited;
        let delimiter = self.profile.text.delimiter;
        if !is_clean && is_delimited && text.contains(delimiter) {
            let value = delimiter.to_string();
            self.add(Fault::DelimiterInside, &[("value", &value)], findings);
        }
        let first = text.chars().next().filter(|sign| is_formula_sign(*sign));
        if let Some(sign) = first.filter(|_| !is_delimited) {
            let value = sign.to_string();
            self.add(Fault::FormulaLike, &[("value", &value)], findings);
        }
        if !is_clean && text.contains('\u{fffd}') {
            self.add(Fault::CharacterLost, &[], findings);
        }
        if self.column.bytes_max > 0 {
            // A character that the encoding cannot hold is a finding of its own.
            let found = self.profile.encoding.length(text);
            if found > self.column.bytes_max {
                let (found, max) = (found.to_string(), self.column.bytes_max.to_string());
                let values = [("found", found.as_str()), ("max", max.as_str())];
                self.add(Fault::CellLong, &values, findings);
            }
        }
    }
}

/// Signs at which spreadsheet programs begin a formula, also in their full-width form.
fn is_formula_sign(sign: char) -> bool {
    matches!(
        sign,
        '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'
    )
}
