//! Comma separated values.

use crate::encoding::Encoding;
use crate::finding::{Fault, Findings};
use crate::table::{CellKind, Drain, Limits, Table};

/// Reads all records. A line feed inside quotes is a control character and so a finding.
pub(crate) fn read<'a>(text: &'a str, limits: &Limits, findings: &mut Findings) -> Table<'a> {
    read_draining(text, limits, findings, None)
}

/// The same; rows are handed out while they are read.
pub(crate) fn read_draining<'a>(
    text: &'a str,
    limits: &Limits,
    findings: &mut Findings,
    mut drain: Drain<'_>,
) -> Table<'a> {
    let mut table = match text.contains('"') {
        true => read_quoted(text, limits, findings, &mut drain),
        false => read_bare(text, limits, findings, &mut drain),
    };
    table.drain(true, findings, &mut drain);
    table
}

/// Reads text without any quote, whose records end at each CR, LF or CR LF and whose cells are
/// parts of it.
fn read_bare<'a>(
    text: &'a str,
    limits: &Limits,
    findings: &mut Findings,
    drain: &mut Drain<'_>,
) -> Table<'a> {
    let mut table = Table::of(text);
    let mut start = 0;
    for (line, piece) in (1..).zip(text.split('\n')) {
        for record in piece.split('\r') {
            if !record.is_empty() {
                let mut at = start;
                for field in record.split(',') {
                    table.cell(at, field);
                    at += field.len() + 1;
                }
                if !table.end_row(line, limits, findings) {
                    return table;
                }
                table.drain(false, findings, drain);
            }
            start += record.len() + 1;
        }
    }
    table
}

fn read_quoted(
    text: &str,
    limits: &Limits,
    findings: &mut Findings,
    drain: &mut Drain<'_>,
) -> Table<'static> {
    let mut table = Table::default();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut lines = LineCount {
        text: text.as_bytes(),
        at: 0,
        line: 1,
    };
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let line = lines.line_at(error.position());
                findings.row(Fault::RowStrange, line, &[]);
                break;
            }
        }
        let line = lines.line_at(record.position());
        for field in &record {
            table.own_cell(field, CellKind::Text);
        }
        if !table.end_row(line, limits, findings) {
            break;
        }
        table.drain(false, findings, drain);
    }
    table
}

/// Lines counted up to a record. The csv reader's own count is one short after CR LF, because it
/// takes the position of a record before the LF of the last one.
struct LineCount<'t> {
    text: &'t [u8],
    at: usize,
    line: u64,
}

impl LineCount<'_> {
    fn line_at(&mut self, position: Option<&csv::Position>) -> u64 {
        let byte = position.and_then(|position| usize::try_from(position.byte()).ok());
        let start = byte.unwrap_or(self.at).max(self.at);
        let rest = self.text.get(start..).unwrap_or_default();
        let blank = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let start = start.saturating_add(blank);
        for byte in self.text.get(self.at..start).unwrap_or_default() {
            self.line += u64::from(*byte == b'\n');
        }
        self.at = start;
        self.line
    }
}

/// Appends one record, quoting where the format needs it; `line` is work space. Gives a character
/// that the encoding cannot hold.
pub(crate) fn write<'f>(
    fields: impl Iterator<Item = &'f str>,
    encoding: Encoding,
    line: &mut String,
    out: &mut Vec<u8>,
) -> Result<(), char> {
    line.clear();
    for (position, field) in fields.enumerate() {
        if position > 0 {
            line.push(',');
        }
        if field.contains([',', '"']) {
            line.push('"');
            line.push_str(&field.replace('"', "\"\""));
            line.push('"');
        } else {
            line.push_str(field);
        }
    }
    line.push_str("\r\n");
    encoding.encode_into(line, out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(table: &Table<'_>) -> Vec<(u64, Vec<String>)> {
        let owned = |row: crate::table::RowView<'_>| row.texts().map(str::to_owned).collect();
        table
            .rows_from(0)
            .map(|row| (row.line, owned(row)))
            .collect()
    }

    proptest! {
        #[test]
        fn text_without_quotes_reads_the_same_both_ways(text in "[,\r\n ab测]{0,40}") {
            let mut findings = [Findings::default(), Findings::default()];
            let [bare, quoted] = &mut findings;
            let bare = rows(&read_bare(&text, &Limits::WHOLE, bare, &mut None));
            let quoted = rows(&read_quoted(&text, &Limits::WHOLE, quoted, &mut None));
            prop_assert_eq!(bare, quoted);
            let [bare, quoted] = findings;
            prop_assert_eq!(bare.into_vec(), quoted.into_vec());
        }
    }
}
