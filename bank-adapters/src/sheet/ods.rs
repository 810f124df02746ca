//! OpenDocument spreadsheets (ODF 1.3, part 3), which LibreOffice and older WPS write.
//!
//! A cell or row may say that it is repeated, and its reader makes all of them: so what a sheet
//! comes to is counted before anything opens it.

use std::io::Cursor;

use calamine::{Ods, Reader, SheetVisible};
use memchr::memmem;

use super::archive;
use super::grid::{SHEETS_MAX, too_many_sheets};
use super::workbook::fill_range;
use crate::finding::Findings;
use crate::table::{COLUMNS_MAX, Limits, ROWS_MAX, Table};

/// What the first part of such a file says.
const MIME: &[u8] = b"application/vnd.oasis.opendocument.spreadsheet";

/// Whether a zip archive says that it is one.
pub(super) fn is_ods(bytes: &[u8]) -> bool {
    // The part stands first and unpacked, so that the kind of file can be seen.
    memmem::find(bytes.get(..256).unwrap_or(bytes), MIME).is_some()
}

/// The sheets of a file that has been checked as an archive, each with its name.
pub(super) fn read(
    bytes: &[u8],
    findings: &mut Findings,
) -> Result<Vec<(String, Table<'static>)>, String> {
    for (name, part) in archive::parts(bytes)? {
        if name == "content.xml" {
            check_repeats(&part)?;
        }
    }
    let mut workbook: Ods<_> = Ods::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let mut sheets = Vec::new();
    let visible: Vec<String> = (workbook.sheets_metadata().iter())
        .filter(|sheet| sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .collect();
    if visible.len() > SHEETS_MAX {
        return Err(too_many_sheets());
    }
    for (name, range) in workbook.worksheets() {
        if !visible.contains(&name) {
            continue;
        }
        findings.sheet(&name);
        let mut table = Table::default();
        fill_range(&range, &Limits::WHOLE, &mut table, findings);
        sheets.push((name, table));
    }
    Ok(sheets)
}

/// Spaces that one mark may stand for.
const SPACES_MAX: usize = 2_000;

/// Refuses sheets whose filled cells come to more rows or columns than a file may have.
fn check_repeats(content: &[u8]) -> Result<(), String> {
    let (mut rows, mut columns, mut empty) = (0_usize, 0_usize, 0_usize);
    // Rows of the tag in hand, until a cell of it is filled, and blank rows before it.
    let (mut repeated, mut blank) = (0_usize, 0_usize);
    let mut rest = content;
    while let Some(start) = memchr::memchr(b'<', rest) {
        let tag = rest.get(start + 1..).unwrap_or_default();
        let length = tag_length(tag);
        let (tag, after) = tag.split_at(length);
        rest = after;
        if tag.starts_with(b"table:table-row") {
            (columns, empty) = (0, 0);
            blank = blank.saturating_add(repeated);
            repeated = repeats(tag, b"table:number-rows-repeated")?;
        } else if tag.starts_with(b"table:table-cell")
            || tag.starts_with(b"table:covered-table-cell")
        {
            empty = empty.saturating_add(repeats(tag, b"table:number-columns-repeated")?);
            let holds = |name| memmem::find(tag, name).is_some();
            if !tag.ends_with(b"/") || holds(b"value") || holds(b"formula") {
                columns = columns.saturating_add(empty);
                // Empty rows between filled ones take memory as well.
                rows = rows.saturating_add(repeated).saturating_add(blank);
                (empty, repeated, blank) = (0, 0, 0);
            }
        } else if tag.starts_with(b"text:s") && repeats(tag, b"text:c")? > SPACES_MAX {
            return Err("空格过多 / too many spaces".to_owned());
        }
        if columns > COLUMNS_MAX || rows > ROWS_MAX {
            return Err("重复的单元格过多 / too many repeated cells".to_owned());
        }
    }
    Ok(())
}

/// Bytes up to the end of a tag; a sign inside quotes does not end it.
fn tag_length(tag: &[u8]) -> usize {
    let mut quote = None;
    for (place, byte) in tag.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return place,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    tag.len()
}

/// The number of an attribute; 1 when it is not there.
fn repeats(tag: &[u8], name: &[u8]) -> Result<usize, String> {
    let Some(at) = memmem::find(tag, name) else {
        return Ok(1);
    };
    let value = tag.get(at + name.len()..).unwrap_or_default();
    if memmem::find(value, name).is_some() {
        return Err("重复次数无效 / an invalid number of repeats".to_owned());
    }
    let value = value.strip_prefix(b"=").and_then(<[u8]>::split_first);
    let digits = value.map(|(quote, value)| value.split(move |byte| byte == quote));
    let digits = digits
        .and_then(|mut parts| parts.next())
        .unwrap_or_default();
    let number = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse().ok());
    number.ok_or_else(|| "重复次数无效 / an invalid number of repeats".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_counted_before_they_are_made() {
        let cell =
            "<table:table-cell office:value-type=\"string\"><text:p>甲</text:p></table:table-cell>";
        let gap = |n: usize| format!("<table:table-cell table:number-columns-repeated=\"{n}\"/>");
        let row = |n: usize, cells: &str| {
            format!("<table:table-row table:number-rows-repeated=\"{n}\">{cells}</table:table-row>")
        };
        for (content, is_good) in [
            (row(1, &format!("{cell}{}", gap(16_383))), true),
            (row(1_048_576, &gap(16_384)), true),
            (row(1, &format!("{}{cell}", gap(60))), true),
            (row(1, &format!("{}{cell}", gap(64))), false),
            (row(200_001, cell), false),
            (
                row(
                    1,
                    &cell.replace(
                        "table-cell ",
                        "table-cell a='>' table:number-columns-repeated='99' ",
                    ),
                ),
                false,
            ),
            (
                row(
                    1,
                    &cell.replace(
                        "table-cell ",
                        "table-cell table:number-columns-repeated='&#57;' ",
                    ),
                ),
                false,
            ),
        ] {
            assert_eq!(
                check_repeats(content.as_bytes()).is_ok(),
                is_good,
                "{content}"
            );
        }
    }
}
