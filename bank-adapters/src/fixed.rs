//! Lines of fields of so many bytes: reading and writing.
//!
//! Places are counted in bytes of the profile's encoding, also in a file that somebody saved as
//! UTF-8. A character is never cut: one that stands across two fields is a fault of its line.

use crate::encoding::Encoding;
use crate::finding::{Fault, Findings};
use crate::profile::{Align, Column, Profile};
use crate::table::{Limits, Table};

/// Splits decoded text. Blank lines are left out; a line that is too short or too long is a fault.
pub(crate) fn read<'a>(
    profile: &Profile,
    text: &'a str,
    limits: &Limits,
    findings: &mut Findings,
) -> Table<'a> {
    let mut table = Table::of(text);
    let start_of = |part: &str| part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    let lines = (1_u64..).zip(text.split('\n').map(|line| line.trim_end_matches('\r')));
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty()).peekable();
    let totals = profile.totals.as_ref();
    let mut is_first = true;
    while let Some((number, line)) = lines.next() {
        let is_last = lines.peek().is_none();
        let totals = totals.filter(|totals| if totals.at_head { is_first } else { is_last });
        let columns = totals.map_or(profile.columns(), |totals| &totals.columns);
        is_first = false;
        let cells = Cells {
            line,
            columns,
            encoding: profile.encoding,
            number,
        };
        let Some(cells) = cells.split(findings) else {
            continue;
        };
        for (column, cell) in columns.iter().zip(cells) {
            let cell = unpadded(column, cell);
            table.cell(start_of(cell), cell);
        }
        if !table.end_row(number, limits, findings) {
            break;
        }
    }
    table
}

/// Without the zeros in front; spaces fall away as around every cell.
fn unpadded<'a>(column: &Column, cell: &'a str) -> &'a str {
    if column.padding() != '0' || column.align == Align::Left {
        return cell;
    }
    let bare = cell.trim_start_matches('0');
    let is_number = bare.starts_with(|c: char| c.is_ascii_alphanumeric());
    match cell.strip_suffix(bare) {
        // One zero belongs to what follows it.
        Some(zeros) if !is_number && !zeros.is_empty() => {
            cell.get(zeros.len() - 1..).unwrap_or(cell)
        }
        _ => bare,
    }
}

/// A line that is to be split.
struct Cells<'a, 'c> {
    line: &'a str,
    columns: &'c [Column],
    encoding: Encoding,
    number: u64,
}

impl<'a> Cells<'a, '_> {
    fn split(&self, findings: &mut Findings) -> Option<Vec<&'a str>> {
        let mut cells = Vec::with_capacity(self.columns.len());
        let mut rest = self.line;
        for (position, column) in self.columns.iter().enumerate() {
            let (mut bytes, mut end) = (0, 0);
            for letter in rest.chars() {
                if bytes >= column.width {
                    break;
                }
                bytes += self.encoding.width(letter);
                end += letter.len_utf8();
            }
            if bytes > column.width {
                let label = column.label(position);
                let place = self
                    .columns
                    .iter()
                    .take(position + 1)
                    .map(|column| column.width);
                let place = place.sum::<usize>().to_string();
                let values = [("place", place.as_str())];
                findings.cell(Fault::CharacterCut, self.number, &label, &values);
                return None;
            }
            if bytes < column.width {
                return self.refuse(Fault::RowCut, position, findings);
            }
            let (cell, behind) = rest.split_at_checked(end)?;
            cells.push(cell);
            rest = behind;
        }
        // Even spaces: what stands before them may have moved.
        if !rest.is_empty() {
            return self.refuse(Fault::RowLong, self.columns.len() + 1, findings);
        }
        Some(cells)
    }

    fn refuse(&self, fault: Fault, found: usize, findings: &mut Findings) -> Option<Vec<&'a str>> {
        let (found, expected) = (found.to_string(), self.columns.len().to_string());
        let values = [("found", found.as_str()), ("expected", expected.as_str())];
        findings.row(fault, self.number, &values);
        None
    }
}

/// Writes lines in the encoding of a file. That fields fit has been checked before.
#[derive(Debug)]
pub(crate) struct Writer {
    encoding: Encoding,
    line_end: &'static [u8],
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(profile: &Profile) -> Writer {
        Writer {
            encoding: profile.encoding,
            line_end: if profile.text.crlf { b"\r\n" } else { b"\n" },
            bytes: Vec::new(),
        }
    }

    /// One line of fields. Gives a character that the encoding cannot hold.
    pub(crate) fn fields<'f>(
        &mut self,
        columns: &[Column],
        fields: impl Iterator<Item = &'f str>,
    ) -> Result<(), char> {
        for (column, field) in columns.iter().zip(fields) {
            let start = self.bytes.len();
            self.encoding.encode_into(field, &mut self.bytes)?;
            let rest = column.width.saturating_sub(self.bytes.len() - start);
            let pad = u8::try_from(column.padding()).unwrap_or(b' ');
            let padding = std::iter::repeat_n(pad, rest);
            match column.align {
                Align::Left => self.bytes.extend(padding),
                Align::Right => drop(self.bytes.splice(start..start, padding)),
            }
        }
        self.bytes.extend(self.line_end);
        Ok(())
    }
}
