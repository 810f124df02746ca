//! Batch files (代发文件): our instructions to a bank, written and read back.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use ledger::money::Fen;

use crate::amount::{AmountStyle, push_number};
use crate::codec;
use crate::encoding::{Encoding, control, trim};
use crate::finding::{Fault, Finding, Findings};
use crate::layout::{Layout, RowKind, Stated, is_account};
use crate::line::Line;
use crate::profile::{Column, ColumnsBy, Field, Kind, PayeeBank, Profile, Shape, Use};
use crate::record::{BatchFile, BatchHead, Instruction};
use crate::sheet::{csv, writer};
use crate::table::{Limits, RowView, Source, shown};
use crate::{delimited, fixed};

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
    if let Some(codec) = profile.codec {
        let sum = (lines, total.unwrap_or(Fen::ZERO));
        let bytes = codec::write_batch(profile, codec, head, sum, &mut findings);
        let name = file_name(profile, head, (count, sum.1));
        return finish(name, (count, total, bytes), findings);
    }
    let date = head.date.format(&profile.text.date_format).to_string();
    let Some(shape) = shape_of(profile, lines, &mut findings) else {
        return Err(findings.into_vec());
    };
    let whole = Whole {
        profile,
        shape,
        head,
        date,
        count,
        total: total.unwrap_or(Fen::ZERO),
    };
    whole.check_values(&mut findings);
    let bytes = whole.write(lines, &mut findings);
    finish(whole.file_name(), (count, total, bytes), findings)
}

/// The name that the bank wants.
fn file_name(profile: &Profile, head: &BatchHead, (count, sum): (u64, Fen)) -> String {
    let mut total = String::new();
    profile.amount.write(sum, &mut total);
    profile
        .file_name
        .replace("{date}", &head.date.format("%Y%m%d").to_string())
        .replace("{batch_no}", &head.batch_no)
        .replace("{count}", &count.to_string())
        .replace("{total}", &total)
}

/// The file, when nothing was found.
fn finish(
    name: String,
    (count, total, bytes): (u64, Option<Fen>, Option<Vec<u8>>),
    findings: Findings,
) -> Result<BatchFile, Vec<Finding>> {
    match (findings.is_empty(), total, bytes) {
        (true, Some(total), Some(bytes)) => Ok(BatchFile {
            name,
            bytes,
            count,
            total,
        }),
        _ => Err(findings.into_vec()),
    }
}

/// Reads a batch file: its lines, with the control totals recomputed. The payer's account, which
/// is the same on all lines, is not given.
pub fn read_batch(profile: &Profile, bytes: &[u8]) -> (Vec<Instruction>, Vec<Finding>) {
    let mut findings = Findings::default();
    let mut lines = Vec::new();
    if profile.usage != Use::Batch {
        findings.file(Fault::ProfileUse, &[("profile", &profile.id)]);
    } else if let Some(codec) = profile.codec {
        lines = codec::read_batch(profile, codec, bytes, &mut findings);
    } else {
        read_lines(profile, bytes, &mut findings, |line| {
            lines.push(line.owned())
        });
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
    let mut occurrences = Occurrences::of(layout.shape(profile));
    let mut stated = Stated::default();
    let (mut rows, mut lines): (u64, u64) = (0, 0);
    let mut sum = Some(Fen::ZERO);
    for row in table.rows_from(layout.first()) {
        match layout.classify(profile, &row) {
            RowKind::Totals => layout.totals(profile, &row, &mut stated, findings),
            RowKind::Strange => findings.row(Fault::RowStrange, row.line, &[]),
            RowKind::Head => {}
            RowKind::Detail => {
                rows += 1;
                if let Some(line) = read_line(profile, &layout, &row, rows, findings) {
                    let occurrence = occurrences.next(line.account_no);
                    check_occurrence(&layout, &row, occurrence, findings);
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

fn check_occurrence(layout: &Layout, row: &RowView<'_>, expected: u64, findings: &mut Findings) {
    let text = layout.text(row, Field::Occurrence);
    if layout.has(Field::Occurrence) && text.parse() != Ok(expected) {
        let (expected, value) = (expected.to_string(), shown(text, false));
        let values = [("expected", expected.as_str()), ("value", value.as_str())];
        let label = layout.label(Field::Occurrence);
        findings.cell(Fault::OccurrenceWrong, row.line, label, &values);
    }
}

/// `place` is the number of the line, which is its sequence where the file gives none.
fn read_line<'t>(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'t>,
    place: u64,
    findings: &mut Findings,
) -> Option<Found<'t>> {
    if !layout.fits(profile, row, findings) {
        return None;
    }
    let sound = layout.check(row, findings);
    let amount = layout.positive(profile, row, findings);
    let account = layout.account(row, Field::AccountNo, findings);
    let sequence = match layout.has(Field::Sequence) {
        true => layout.text(row, Field::Sequence).parse().ok(),
        false => Some(place),
    };
    if sequence.is_none() {
        let value = shown(layout.text(row, Field::Sequence), false);
        let label = layout.label(Field::Sequence);
        findings.cell(Fault::NumberUnread, row.line, label, &[("value", &value)]);
    }
    let key = match layout.has(Field::Key) {
        true => read_key(profile, layout, row, findings),
        false => Some(""),
    };
    Some(Found {
        sequence: sequence?,
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
    let shape = layout.shape(profile);
    if shape.columns_by == ColumnsBy::Order {
        let columns = shape
            .columns
            .iter()
            .enumerate()
            .skip_while(|(_, c)| c.field != Some(Field::Key));
        for (position, column) in columns.skip(1).filter(|(_, c)| c.field == Some(Field::Key)) {
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
        if let Some(max) = profile.amount.max.filter(|max| line.amount > *max) {
            let (value, max) = (line.amount.to_string(), max.to_string());
            let values = [("value", value.as_str()), ("max", max.as_str())];
            findings.cell(Fault::AmountLarge, row, &label(Field::Amount), &values);
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

/// The form of rows for these payees, who must all have their accounts at the bank itself, or all
/// at others, where the bank makes a difference.
fn shape_of<'p>(
    profile: &'p Profile,
    lines: &[Instruction],
    findings: &mut Findings,
) -> Option<&'p Shape> {
    if let [shape] = profile.shapes.as_slice()
        && !shape.has(Field::OtherBank)
    {
        return Some(shape);
    }
    let (mut own, mut other) = (0_u64, 0_u64);
    for (row, line) in (1..).zip(lines) {
        match profile.own_bank.of(&line.bank_no, &line.bank_name) {
            Some(PayeeBank::Own) => own += 1,
            Some(PayeeBank::Other) => other += 1,
            None => findings.row(Fault::BankUnknown, row, &[]),
        }
    }
    if profile.shapes.len() > 1 && own > 0 && other > 0 {
        let (own, other) = (own.to_string(), other.to_string());
        findings.file(Fault::BanksMixed, &[("own", &own), ("other", &other)]);
        return None;
    }
    let wanted = if other > 0 {
        PayeeBank::Other
    } else {
        PayeeBank::Own
    };
    let mut shapes = profile.shapes.iter();
    shapes.find(|shape| shape.payee_bank.is_none_or(|bank| bank == wanted))
}

/// Where rows go.
enum Sink<'p> {
    Lines(delimited::Writer<'p>),
    Widths(fixed::Writer),
    Records { line: String, bytes: Vec<u8> },
    Rows(Box<writer::Writer>),
}

/// All that a row may need beside its own line.
struct Whole<'a> {
    profile: &'a Profile,
    shape: &'a Shape,
    head: &'a BatchHead,
    date: String,
    count: u64,
    total: Fen,
}

impl<'a> Whole<'a> {
    /// The name with number, date and totals filled in.
    fn file_name(&self) -> String {
        file_name(self.profile, self.head, (self.count, self.total))
    }

    /// What the bank gives to each customer must have been filled in.
    fn check_values(&self, findings: &mut Findings) {
        let totals = self
            .profile
            .totals
            .iter()
            .flat_map(|totals| &totals.columns);
        let columns = self.shape.columns.iter().chain(totals).enumerate();
        let mut told: Vec<&str> = Vec::new();
        for (position, column) in columns {
            if let (Some(name), None) = (&column.set, &column.value)
                && !told.contains(&name.as_str())
            {
                told.push(name);
                let values = [("name", name.as_str()), ("profile", &self.profile.id)];
                findings.cell(Fault::ValueMissing, 0, &column.label(position), &values);
            }
        }
    }

    fn sink(&self, lines: usize, findings: &mut Findings) -> Option<Sink<'a>> {
        let profile = self.profile;
        Some(match profile.kind {
            Kind::Delimited => Sink::Lines(delimited::Writer::new(&profile.text, profile.encoding)),
            Kind::Fixed => Sink::Widths(fixed::Writer::new(profile)),
            Kind::Csv => Sink::Records {
                line: String::new(),
                bytes: Vec::new(),
            },
            Kind::Xlsx => {
                let heads = usize::from(self.has_heads());
                let rows = lines + heads + usize::from(profile.totals.is_some());
                let sheet = writer::Sheet {
                    name: &profile.text.sheet,
                    rows: u32::try_from(rows).unwrap_or(u32::MAX),
                    numbers: self
                        .shape
                        .columns
                        .iter()
                        .map(|column| column.number)
                        .collect(),
                };
                match writer::Writer::new(self.head.date, sheet) {
                    Ok(workbook) => Sink::Rows(Box::new(workbook)),
                    Err(error) => {
                        findings.file(Fault::WorkbookBroken, &[("detail", &error)]);
                        return None;
                    }
                }
            }
            // Written by their codec.
            Kind::Xml | Kind::Tagged => return None,
        })
    }

    fn has_heads(&self) -> bool {
        self.shape.columns_by == ColumnsBy::Header
    }

    fn write(&self, lines: &[Instruction], findings: &mut Findings) -> Option<Vec<u8>> {
        let profile = self.profile;
        let mut sink = self.sink(lines.len(), findings)?;
        let totals = profile.totals.as_ref();
        let at_head = totals.is_some_and(|totals| totals.at_head);
        if !profile.text.start_line.is_empty() {
            let start = std::slice::from_ref(&profile.text.start_line);
            self.literal(start, &mut sink, findings);
        }
        self.literal(&profile.text.head_lines, &mut sink, findings);
        if at_head {
            self.row(&self.totals_fields(), 0, &mut sink, findings);
        }
        self.literal(&profile.text.detail_lines, &mut sink, findings);
        if self.has_heads() {
            let columns = self.shape.columns.iter().enumerate();
            let heads = Line::of(columns.map(|(position, column)| column.label(position)));
            self.row(&heads, 0, &mut sink, findings);
        }
        let mut fields = Line::default();
        let mut occurrences = Occurrences::of(self.shape);
        for (row, line) in (1..).zip(lines) {
            fields.clear();
            let occurrence = occurrences.next(&line.account_no);
            for column in &self.shape.columns {
                fields.field(|out| self.column(column, (line, occurrence), out));
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
        let columns = self.shape.columns.iter().enumerate();
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
            Sink::Widths(writer) => writer.bytes,
            Sink::Records { bytes, .. } => bytes,
            Sink::Rows(workbook) => workbook.finish(),
        };
        let carries = CARRIED.map(|field| self.shape.has(field));
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

    /// Appends what a column holds for a line, in the form of the column.
    fn column(&self, column: &Column, line: (&Instruction, u64), out: &mut String) {
        let start = out.len();
        self.field(column, Some(line), out);
        if column.digits > 0 {
            let missing = column.digits.saturating_sub(out.len() - start);
            out.insert_str(start, &"0".repeat(missing));
        }
        if out.len() > start {
            out.push_str(&column.suffix);
        }
    }

    /// Appends what a column holds.
    fn field(&self, column: &Column, line: Option<(&Instruction, u64)>, out: &mut String) {
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
            Some(Field::OtherBank) => {
                let own = &self.profile.own_bank;
                let bank = line.and_then(|(line, _)| own.of(&line.bank_no, &line.bank_name));
                let word = match bank {
                    Some(PayeeBank::Other) => column.words.last(),
                    _ => column.words.first(),
                };
                out.push_str(word.map_or("", String::as_str));
            }
            Some(field) => {
                if let Some((line, occurrence)) = line {
                    line_field(&self.profile.amount, field, (line, occurrence), out);
                }
            }
            None => {}
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
        match self.shape.columns_by {
            ColumnsBy::Order => Line::of(columns.map(filled)),
            ColumnsBy::Header => {
                let totals: Vec<&Column> = columns.collect();
                let below = |column: &Column| {
                    let total = totals
                        .iter()
                        .find(|t| t.under.is_some() && t.under == column.field);
                    total.map(|total| filled(total)).unwrap_or_default()
                };
                Line::of(self.shape.columns.iter().map(below))
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
            Sink::Widths(writer) => {
                let totals = self.profile.totals.as_ref().filter(|_| row == 0);
                let columns = totals.map_or(&self.shape.columns, |totals| &totals.columns);
                writer.fields(columns, fields.fields())
            }
            Sink::Records { line, bytes } => {
                csv::write(fields.fields(), self.profile.encoding, line, bytes)
            }
            Sink::Rows(workbook) => {
                // Headings and totals are text.
                workbook.row(fields.fields(), row > 0);
                Ok(())
            }
        };
        if written.is_ok() {
            return;
        }
        // The first one stopped the row; each bad character of the row is named.
        for (position, field) in fields.fields().enumerate() {
            let column = self.shape.columns.get(position);
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
    column.value.is_some()
        || column.set.is_some()
        || column.field.is_some_and(|field| shared.contains(&field))
}

fn line_field(
    style: &AmountStyle,
    field: Field,
    (line, occurrence): (&Instruction, u64),
    out: &mut String,
) {
    match field {
        Field::Sequence => push_number(line.sequence, out),
        Field::Key => out.push_str(&line.key),
        Field::AccountNo => out.push_str(&line.account_no),
        Field::PayeeName => out.push_str(&line.payee_name),
        Field::BankName => out.push_str(&line.bank_name),
        Field::BankNo => out.push_str(&line.bank_no),
        Field::Amount => style.write(line.amount, out),
        Field::Purpose => out.push_str(&line.purpose),
        Field::Occurrence => push_number(occurrence, out),
        _ => {}
    }
}

/// Counts how often an account has come, where the layout says it (代理次数).
struct Occurrences<'t>(Option<HashMap<&'t str, u64>>);

impl<'t> Occurrences<'t> {
    fn of(shape: &Shape) -> Occurrences<'t> {
        Occurrences(shape.has(Field::Occurrence).then(HashMap::new))
    }

    /// The how-manieth time this is, from 1.
    fn next(&mut self, account_no: &'t str) -> u64 {
        let Some(seen) = &mut self.0 else { return 0 };
        let count = seen.entry(account_no).or_default();
        *count += 1;
        *count
    }
}

/// Fields that some layouts do not carry.
const CARRIED: [Field; 5] = [
    Field::Sequence,
    Field::Key,
    Field::BankName,
    Field::BankNo,
    Field::Purpose,
];

/// Equal in every field that the layout carries.
fn is_same(found: &Found<'_>, line: &Instruction, carries: [bool; 5]) -> bool {
    let optional = [
        found.sequence == line.sequence,
        found.key == line.key,
        found.bank_name == line.bank_name,
        found.bank_no == line.bank_no,
        found.purpose == line.purpose,
    ];
    found.account_no == line.account_no
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
        let limit = self.column.limit();
        if limit > 0 {
            // A character that the encoding cannot hold is a finding of its own.
            let found = self.profile.encoding.length(text);
            if found > limit {
                let (found, max) = (found.to_string(), limit.to_string());
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
