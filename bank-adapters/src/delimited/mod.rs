//! Lines of fields between a delimiter, without quoting: reading and writing.

use crate::encoding::{Encoding, trim};
use crate::finding::{Fault, Findings};
use crate::profile::TextStyle;
use crate::table::{Limits, Table, borrowed};

/// Splits decoded text. Blank lines and comments are left out; what follows the closing line and
/// a line without its closing delimiter are faults.
pub(crate) fn read<'a>(
    style: &TextStyle,
    text: &'a str,
    limits: &Limits,
    findings: &mut Findings,
) -> Table<'a> {
    let mut table = Table::default();
    let mut ended = false;
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = trim_line(line);
        if line.is_empty() {
            continue;
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
        if !table.push(
            number,
            fields.split(style.delimiter).map(borrowed),
            limits,
            findings,
        ) {
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
    pub(crate) bytes: Vec<u8>,
}

impl<'p> Writer<'p> {
    pub(crate) fn new(style: &'p TextStyle, encoding: Encoding) -> Writer<'p> {
        Writer {
            style,
            encoding,
            bytes: Vec::new(),
        }
    }

    /// One line of fields. Gives the number of the field and the character that the encoding
    /// cannot hold.
    pub(crate) fn fields(&mut self, fields: &[String]) -> Result<(), (usize, char)> {
        for (position, field) in fields.iter().enumerate() {
            if position > 0 {
                self.delimiter();
            }
            self.encoding
                .encode_into(field, &mut self.bytes)
                .map_err(|character| (position, character))?;
        }
        if self.style.closing_delimiter {
            self.delimiter();
        }
        self.end_line();
        Ok(())
    }

    /// One literal line.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), (usize, char)> {
        let written = self.encoding.encode_into(line, &mut self.bytes);
        self.end_line();
        written.map_err(|character| (0, character))
    }

    fn delimiter(&mut self) {
        let mut sign = [0; 4];
        let sign = self.style.delimiter.encode_utf8(&mut sign);
        // A declared delimiter that the encoding lacks is caught when the file is read back.
        let _ = self.encoding.encode_into(sign, &mut self.bytes);
    }

    fn end_line(&mut self) {
        self.bytes
            .extend_from_slice(if self.style.crlf { b"\r\n" } else { b"\n" });
    }
}
