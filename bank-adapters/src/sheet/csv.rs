//! Comma separated values.

use crate::encoding::Encoding;
use crate::finding::{Fault, Findings};
use crate::table::{Limits, Table, owned};

/// Reads all records. A line feed inside quotes is a control character and so a finding.
pub(crate) fn read(text: &str, limits: &Limits, findings: &mut Findings) -> Table<'static> {
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
        if !table.push(line, record.iter().map(owned), limits, findings) {
            break;
        }
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

/// Appends one record, quoting where the format needs it. Gives the number of the field and the
/// character that the encoding cannot hold.
pub(crate) fn write(
    fields: &[String],
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> Result<(), (usize, char)> {
    for (position, field) in fields.iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        let written = if field.contains([',', '"']) {
            let quoted = format!("\"{}\"", field.replace('"', "\"\""));
            encoding.encode_into(&quoted, out)
        } else {
            encoding.encode_into(field, out)
        };
        written.map_err(|character| (position, character))?;
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}
