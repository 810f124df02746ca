//! Lines of fields between a delimiter, without quoting: reading and writing.

mod ruled;

use crate::encoding::{Encoding, trim};
use crate::finding::{Fault, Findings};
use crate::profile::TextStyle;
use crate::table::{Limits, Table};

/// Splits decoded text. Blank lines and comments are left out; what follows the closing line and
/// a line without its closing delimiter are faults.
pub(crate) fn read<'a>(
    style: &TextStyle,
    text: &'a str,
    limits: &Limits,
    findings: &mut Findings,
) -> Table<'a> {
    if style.ruled {
        return ruled::read(text, limits, findings);
    }
    let mut table = Table::of(text);
    let mut ended = false;
    let mut started = style.start_line.is_empty();
    let start_of = |part: &str| part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = trim_line(line);
        if line.is_empty() {
            continue;
        }
        if !started {
            started = true;
            if line == style.start_line {
                continue;
            }
            let values = [("start", style.start_line.as_str())];
            findings.row(Fault::StartMissing, number, &values);
        }
        if ended {
            findings.row(Fault::AfterEnd, number, &[]);
            continue;
        }
        if !style.comment.is_empty() && line.starts_with(&style.comment) {
            continue;
        }
        if !style.end_line.is_empty() && line == style.end_line {
            ended = true;
            continue;
        }
        let fields = match line.strip_suffix(style.delimiter) {
            Some(fields) if style.closing_delimiter => fields,
            None if style.closing_delimiter => {
                let found = line.split(style.delimiter).count();
                let (found, cut) = (found.saturating_sub(1).to_string(), found.to_string());
                findings.row(
                    Fault::RowCut,
                    number,
                    &[("found", &found), ("expected", &cut)],
                );
                continue;
            }
            _ => line,
        };
        for field in fields.split(style.delimiter) {
            table.cell(start_of(field), field);
        }
        if !table.end_row(number, limits, findings) {
            break;
        }
    }
    if !ended && !style.end_line.is_empty() {
        findings.file(Fault::EndMissing, &[("end", &style.end_line)]);
    }
    table
}

/// Without line end and surrounding spaces; a tab may be the delimiter and stays.
fn trim_line(line: &str) -> &str {
    if line.contains('\t') {
        line.trim_end_matches('\r')
    } else {
        trim(line)
    }
}

/// Writes lines in the encoding of a file. Fields have been checked before.
#[derive(Debug)]
pub(crate) struct Writer<'p> {
    style: &'p TextStyle,
    encoding: Encoding,
    line: String,
    pub(crate) bytes: Vec<u8>,
}

impl<'p> Writer<'p> {
    pub(crate) fn new(style: &'p TextStyle, encoding: Encoding) -> Writer<'p> {
        Writer {
            style,
            encoding,
            line: String::new(),
            bytes: Vec::new(),
        }
    }

    /// One line of fields. Gives a character that the encoding cannot hold.
    pub(crate) fn fields<'f>(&mut self, fields: impl Iterator<Item = &'f str>) -> Result<(), char> {
        self.line.clear();
        for (position, field) in fields.enumerate() {
            if position > 0 {
                self.line.push(self.style.delimiter);
            }
            self.line.push_str(field);
        }
        if self.style.closing_delimiter {
            self.line.push(self.style.delimiter);
        }
        self.end_line()
    }

    /// One literal line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), char> {
        self.line.clear();
        self.line.push_str(line);
        self.end_line()
    }

    fn end_line(&mut self) -> Result<(), char> {
        self.line
            .push_str(if self.style.crlf { "\r\n" } else { "\n" });
        self.encoding.encode_into(&self.line, &mut self.bytes)
    }
}
