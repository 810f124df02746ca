//! Batch files (代发文件): our instructions to a bank, written and read back.

use std::collections::HashSet;
use std::hash::Hash;

use ledger::money::Fen;

use crate::delimited;
use crate::encoding::{Encoding, control, trim};
use crate::finding::{Fault, Finding, Findings};
use crate::layout::{Layout, RowKind, Stated, is_account};
use crate::profile::{Column, ColumnsBy, Field, Kind, Profile, Use};
use crate::record::{BatchFile, BatchHead, Instruction};
use crate::sheet::{csv, workbook};
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
        read_lines(profile, bytes, &mut lines, &mut findings);
    } else {
        findings.file(Fault::ProfileUse, &[("profile", &profile.id)]);
    }
    (lines, findings.into_vec())
}

fn read_lines(
    profile: &Profile,
    bytes: &[u8],
    lines: &mut Vec<Instruction>,
    findings: &mut Findings,
) {
    let source = Source::open(profile.kind, bytes, findings);
    let table = source.table(profile, &Limits::WHOLE, findings);
    let Some(layout) = Layout::find(profile, &table, findings) else {
        return;
    };
    let mut stated = Stated::default();
    let mut rows: u64 = 0;
    for row in table.rows_from(layout.first()) {
        match layout.classify(profile, &row) {
            RowKind::Totals => layout.totals(profile, &row, &mut stated, findings),
            RowKind::Strange => findings.row(Fault::RowStrange, row.line, &[]),
            RowKind::Detail => {
                rows += 1;
                lines.extend(read_line(profile, &layout, &row, findings));
            }
        }
    }
    if rows == 0 {
        findings.nothing_inside();
    }
    let is_whole = u64::try_from(lines.len()) == Ok(rows);
    let sum = Fen::sum(lines.iter().map(|line| line.amount))
        .ok()
        .filter(|_| is_whole);
    stated.check(profile, rows, sum, findings);
}

fn read_line(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'_, '_>,
    findings: &mut Findings,
) -> Option<Instruction> {
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
    let text = |field| layout.text(row, field).to_owned();
    Some(Instruction {
        sequence: sequence.ok()?,
        key: key?,
        account_no: account?.to_owned(),
        payee_name: text(Field::PayeeName),
        bank_name: text(Field::BankName),
        bank_no: text(Field::BankNo),
        amount: amount?,
        purpose: text(Field::Purpose),
    })
    .filter(|_| sound)
}

/// The key must be whole, and the same in each of its columns.
fn read_key(
    profile: &Profile,
    layout: &Layout,
    row: &RowView<'_, '_>,
    findings: &mut Findings,
) -> Option<String> {
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
    Some(key.to_owned())
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
    let mut keys = Seen::with_capacity(lines.len());
    let mut sequences = Seen::with_capacity(lines.len());
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
        if keys.again(line.key.as_str()) {
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

struct Seen<T>(HashSet<T>);

impl<T: Eq + Hash> Seen<T> {
    fn with_capacity(count: usize) -> Seen<T> {
        Seen(HashSet::with_capacity(count))
    }

    fn again(&mut self, value: T) -> bool {
        !self.0.insert(value)
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
    Records(Vec<u8>),
    Rows(Vec<Vec<String>>),
}

/// All that a row may need beside its own line.
struct Whole<'a> {
    profile: &'a Profile,
    head: &'a BatchHead,
    date: String,
    count: u64,
    total: Fen,
}

impl Whole<'_> {
    fn write(&self, lines: &[Instruction], findings: &mut Findings) -> Option<Vec<u8>> {
        let profile = self.profile;
        let mut sink = match profile.kind {
            Kind::Delimited => Sink::Lines(delimited::Writer::new(&profile.text, profile.encoding)),
            Kind::Csv => Sink::Records(Vec::new()),
            Kind::Xlsx => Sink::Rows(Vec::with_capacity(lines.len() + 2)),
        };
        let totals = profile.totals.as_ref();
        let at_head = totals.is_some_and(|totals| totals.at_head);
        self.literal(&profile.text.head_lines, &mut sink, findings);
        if at_head {
            self.row(&self.totals_fields(), 0, &mut sink, findings);
        }
        self.literal(&profile.text.detail_lines, &mut sink, findings);
        if profile.columns_by == ColumnsBy::Header {
            let heads: Vec<String> = profile
                .columns
                .iter()
                .enumerate()
                .map(|(at, c)| c.label(at))
                .collect();
            self.row(&heads, 0, &mut sink, findings);
        }
        let mut fields = vec![String::new(); profile.columns.len()];
        for (row, line) in (1..).zip(lines) {
            for (field, (position, column)) in
                fields.iter_mut().zip(profile.columns.iter().enumerate())
            {
                field.clear();
                self.field(column, Some(line), field);
                if row == 1 || !is_shared(column) {
                    check_field(profile, column, position, field, row, findings);
                }
            }
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
            Sink::Records(bytes) => bytes,
            Sink::Rows(rows) => match workbook::write(&rows, self.head.date) {
                Ok(bytes) => bytes,
                Err(error) => {
                    findings.file(Fault::WorkbookBroken, &[("detail", &error.to_string())]);
                    return None;
                }
            },
        };
        let (read, faults) = read_batch(self.profile, &bytes);
        let same = read.len() == lines.len()
            && read
                .iter()
                .zip(lines)
                .all(|(read, line)| self.is_same(read, line));
        if !same || !faults.is_empty() {
            findings.file(Fault::NotReadBack, &[]);
            return None;
        }
        Some(bytes)
    }

    /// Equal in every field that the layout carries.
    fn is_same(&self, read: &Instruction, line: &Instruction) -> bool {
        let carries = |field| {
            self.profile
                .columns
                .iter()
                .any(|column| column.field == Some(field))
        };
        let same = |field, read: &str, line: &str| read == line || !carries(field);
        read.sequence == line.sequence
            && read.key == line.key
            && read.account_no == line.account_no
            && read.payee_name == line.payee_name
            && read.amount == line.amount
            && same(Field::BankName, &read.bank_name, &line.bank_name)
            && same(Field::BankNo, &read.bank_no, &line.bank_no)
            && same(Field::Purpose, &read.purpose, &line.purpose)
    }

    /// Appends what a column holds.
    fn field(&self, column: &Column, line: Option<&Instruction>, out: &mut String) {
        if let Some(value) = &column.value {
            out.push_str(value);
            return;
        }
        match column.field {
            Some(Field::Count) => out.push_str(&self.count.to_string()),
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
            Field::Sequence => out.push_str(&line.sequence.to_string()),
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

    fn totals_fields(&self) -> Vec<String> {
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
            ColumnsBy::Order => columns.map(filled).collect(),
            ColumnsBy::Header => {
                let totals: Vec<&Column> = columns.collect();
                let below = |column: &Column| {
                    let total = totals
                        .iter()
                        .find(|t| t.under.is_some() && t.under == column.field);
                    total.map(|total| filled(total)).unwrap_or_default()
                };
                self.profile.columns.iter().map(below).collect()
            }
        }
    }

    fn literal(&self, lines: &[String], sink: &mut Sink<'_>, findings: &mut Findings) {
        if let Sink::Lines(writer) = sink {
            for line in lines {
                if let Err((_, character)) = writer.line(line) {
                    self.unmappable(character, 0, "", findings);
                }
            }
        }
    }

    fn row(&self, fields: &[String], row: u64, sink: &mut Sink<'_>, findings: &mut Findings) {
        let written = match sink {
            Sink::Lines(writer) => writer.fields(fields),
            Sink::Records(bytes) => csv::write(fields, self.profile.encoding, bytes),
            Sink::Rows(rows) => {
                rows.push(fields.to_vec());
                Ok(())
            }
        };
        if let Err((position, _)) = written {
            // The first one stopped the row; each bad character of the row is named.
            for (position, field) in fields.iter().enumerate().skip(position) {
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

/// Refuses what would not arrive as it was sent.
fn check_field(
    profile: &Profile,
    column: &Column,
    position: usize,
    text: &str,
    row: u64,
    findings: &mut Findings,
) {
    let mut add = |fault, values: &[(&str, &str)]| {
        findings.cell(fault, row, &column.label(position), values);
    };
    if text.is_empty() {
        if column.filled {
            add(Fault::CellEmpty, &[]);
        }
        return;
    }
    if let Some(sign) = control(text) {
        add(
            Fault::ControlCharacter,
            &[("value", &format!("U+{:04X}", u32::from(sign)))],
        );
    }
    if trim(text).len() != text.len() {
        add(Fault::SpaceAround, &[]);
    }
    let delimiter = profile.text.delimiter;
    if profile.kind == Kind::Delimited && text.contains(delimiter) {
        add(Fault::DelimiterInside, &[("value", &delimiter.to_string())]);
    }
    let first = text
        .chars()
        .next()
        .filter(|c| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".contains(*c));
    if let Some(sign) = first.filter(|_| profile.kind != Kind::Delimited) {
        add(Fault::FormulaLike, &[("value", &sign.to_string())]);
    }
    if text.contains('\u{fffd}') {
        add(Fault::CharacterLost, &[]);
    }
    if column.bytes_max > 0 {
        let found = length(profile.encoding, text);
        if found > column.bytes_max {
            let (found, max) = (found.to_string(), column.bytes_max.to_string());
            add(Fault::CellLong, &[("found", &found), ("max", &max)]);
        }
    }
}

/// Bytes of a text in an encoding; a character that it cannot hold is a finding of its own.
fn length(encoding: Encoding, text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    let mut bytes = Vec::new();
    match encoding.encode_into(text, &mut bytes) {
        Ok(()) => bytes.len(),
        Err(_) => 0,
    }
}
