//! Workbooks of Excel 97 to 2003 (BIFF8 in a compound file; [MS-XLS], [MS-CFB]): counties keep
//! rosters of many years in them.
//!
//! Its reader makes a dense range of every sheet, so what a sheet comes to is counted in the
//! records of the file before anything opens it.

use std::io::{Cursor, Read};

use calamine::{Reader, SheetVisible, Xls};

use super::grid::{SHEETS_MAX, too_many_sheets};
use super::workbook::fill_range;
use crate::finding::Findings;
use crate::table::{COLUMNS_MAX, Limits, Table};

/// Rows of a sheet in this format, whatever is in them ([MS-XLS] 2.5.198).
const SHEET_ROWS: u64 = 65_536;
/// Cells of all sheets together, empty ones between filled ones too.
const CELLS_MAX: u64 = SHEET_ROWS * 64;
/// Characters of all cells together: a million cells can share one long string.
const CHARACTERS_MAX: u64 = 32 << 20;
/// Bytes of a file: as much as the parts of a newer workbook may come to.
const BYTES_MAX: usize = 100 << 20;

/// Whether the bytes are a compound file, of whatever program.
pub(super) fn is_compound(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0])
}

/// The visible sheets of a file, each with its name.
pub(super) fn read(
    bytes: &[u8],
    findings: &mut Findings,
) -> Result<Vec<(String, Table<'static>)>, String> {
    check_extent(&records_of(bytes)?)?;
    let mut workbook: Xls<_> = Xls::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let visible: Vec<String> = (workbook.sheets_metadata().iter())
        .filter(|sheet| sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .collect();
    if visible.len() > SHEETS_MAX {
        return Err(too_many_sheets());
    }
    let mut sheets = Vec::new();
    for (name, range) in workbook.worksheets() {
        if visible.contains(&name) {
            findings.sheet(&name);
            let mut table = Table::default();
            fill_range(&range, &Limits::WHOLE, &mut table, findings);
            sheets.push((name, table));
        }
    }
    Ok(sheets)
}

/// The stream of the workbook's records.
fn records_of(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let broken = |error: std::io::Error| error.to_string();
    if bytes.len() > BYTES_MAX {
        return Err("文件过大,请拆分 / the file is too large: split it".to_owned());
    }
    let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).map_err(broken)?;
    if file.exists("/EncryptedPackage") {
        return Err("文件已加密,请先取消密码 / the file has a password: remove it".to_owned());
    }
    let stream = ["/Workbook", "/Book"]
        .into_iter()
        .find(|name| file.is_stream(name));
    let name = stream.ok_or("不是工作簿 / not a workbook")?;
    let mut stream = file.open_stream(name).map_err(broken)?;
    let mut records = Vec::new();
    // A stream is no longer than its file.
    stream.read_to_end(&mut records).map_err(broken)?;
    Ok(records)
}

/// Refuses sheets whose filled cells lie too far apart or hold too much text, and files with a
/// password.
fn check_extent(records: &[u8]) -> Result<(), String> {
    /// FilePass: the rest is encrypted.
    const PASSWORD: u16 = 0x002f;
    /// BOF: a new sheet, or the workbook itself.
    const BEGIN: u16 = 0x0809;
    let (mut all, mut extent, mut characters) = (0_u64, Extent::default(), 0_u64);
    let mut strings = Strings::default();
    for record in split(records) {
        let (id, data) = record?;
        match id {
            PASSWORD => {
                return Err("文件已加密,请先取消密码 / the file has a password".to_owned());
            }
            BEGIN => {
                all += extent.cells();
                extent = Extent::default();
                strings.close();
            }
            SHARED_STRINGS => strings.parts = data.get(8..).into_iter().collect(),
            CONTINUE if !strings.parts.is_empty() => strings.parts.push(data),
            LABEL_SHARED => {
                extent.add(id, data);
                characters += strings.length_at(data);
            }
            id => extent.add(id, data),
        }
        if extent.columns() > u64::try_from(COLUMNS_MAX).unwrap_or(u64::MAX)
            || all + extent.cells() > CELLS_MAX
        {
            return Err("单元格相距过远 / cells too far apart".to_owned());
        }
        if characters > CHARACTERS_MAX {
            return Err("文字过多 / too much text".to_owned());
        }
    }
    Ok(())
}

/// SST: the strings that cells share. It begins with two numbers of four bytes.
const SHARED_STRINGS: u16 = 0x00fc;
/// Continue: the record before goes on.
const CONTINUE: u16 = 0x003c;
/// LabelSst: a cell with a shared string.
const LABEL_SHARED: u16 = 0x00fd;

/// Records with their kinds; an error for one that is cut off.
fn split(records: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), String>> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let [id_low, id_high, low, high, body @ ..] = rest else {
            return None;
        };
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let Some((data, after)) = body.split_at_checked(length) else {
            rest = &[];
            return Some(Err("记录不完整 / a record is cut off".to_owned()));
        };
        rest = after;
        Some(Ok((u16::from_le_bytes([*id_low, *id_high]), data)))
    })
}

/// The lengths of shared strings ([MS-XLS] 2.4.265 and 2.5.293).
#[derive(Default)]
struct Strings<'a> {
    /// The record and those that continue it, until the lengths are taken from them.
    parts: Vec<&'a [u8]>,
    lengths: Vec<u32>,
}

impl Strings<'_> {
    /// Takes the lengths. A table that ends early has the strings that are whole.
    fn close(&mut self) {
        let mut parts = std::mem::take(&mut self.parts).into_iter();
        let mut part: &[u8] = parts.next().unwrap_or_default();
        loop {
            if part.is_empty() {
                match parts.next() {
                    Some(next) => part = next,
                    None => return,
                }
            }
            let Some((length, after)) = string(part, &mut parts) else {
                return;
            };
            self.lengths.push(length);
            part = after;
        }
    }

    /// Characters of the string that a cell shows; none when there is no such string.
    fn length_at(&self, cell: &[u8]) -> u64 {
        let place = cell.get(6..10).and_then(|place| place.try_into().ok());
        let place = place.map_or(u32::MAX, u32::from_le_bytes);
        let at = usize::try_from(place).unwrap_or(usize::MAX);
        self.lengths.get(at).copied().map_or(0, u64::from)
    }
}

/// The characters of one string, and what comes after it in its last part.
fn string<'a>(
    part: &'a [u8],
    more: &mut impl Iterator<Item = &'a [u8]>,
) -> Option<(u32, &'a [u8])> {
    let ([low, high, flags], mut part) = part.split_first_chunk::<3>()?;
    let length = u16::from_le_bytes([*low, *high]);
    let (mut wide, mut behind) = (flags & 1 != 0, 0_usize);
    if flags & 8 != 0 {
        let ([low, high], rest) = part.split_first_chunk::<2>()?;
        behind += usize::from(u16::from_le_bytes([*low, *high])) * 4;
        part = rest;
    }
    if flags & 4 != 0 {
        let (size, rest) = part.split_first_chunk::<4>()?;
        behind += usize::try_from(u32::from_le_bytes(*size)).ok()?;
        part = rest;
    }
    let mut left = usize::from(length);
    loop {
        let size = if wide { 2 } else { 1 };
        let here = left.min(part.len() / size);
        part = part.get(here * size..)?;
        left -= here;
        if left == 0 {
            break;
        }
        // In a part that continues characters, the first byte says anew how wide they are.
        let (flags, rest) = more.next()?.split_first()?;
        (wide, part) = (flags & 1 != 0, rest);
    }
    while behind > part.len() {
        behind -= part.len();
        part = more.next()?;
    }
    Some((u32::from(length), part.get(behind..)?))
}

/// The smallest block that holds the filled cells of a sheet: first and last row and column.
#[derive(Default)]
struct Extent(Option<[(u16, u16); 2]>);

impl Extent {
    /// Takes a record; those that are no filled cell change nothing.
    fn add(&mut self, id: u16, data: &[u8]) {
        /// FORMULA, NUMBER, LABEL, BOOLERR, LABELSST, RSTRING, RK and MULRK.
        const CELLS: [u16; 10] = [
            0x0006, 0x0203, 0x0204, 0x0205, 0x00fd, 0x00d6, 0x027e, 0x00bd, 0x0206, 0x0406,
        ];
        let (true, [row_low, row_high, low, high, ..]) = (CELLS.contains(&id), data) else {
            return;
        };
        let row = u16::from_le_bytes([*row_low, *row_high]);
        let first = u16::from_le_bytes([*low, *high]);
        // Only MULRK holds several cells; the last column stands at its end.
        let last = match (id, data) {
            (0x00bd, [.., low, high]) => u16::from_le_bytes([*low, *high]),
            _ => first,
        };
        let [rows, columns] = self.0.unwrap_or([(row, row), (first, last)]);
        self.0 = Some([
            (rows.0.min(row), rows.1.max(row)),
            (columns.0.min(first), columns.1.max(last)),
        ]);
    }

    fn columns(&self) -> u64 {
        self.0
            .map_or(0, |[_, (first, last)]| u64::from(last.abs_diff(first)) + 1)
    }

    fn cells(&self) -> u64 {
        let rows = self
            .0
            .map_or(0, |[(first, last), _]| u64::from(last.abs_diff(first)) + 1);
        rows * self.columns()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records of a sheet with a number in each of these cells.
    fn sheet(cells: &[(u16, u16)]) -> Vec<u8> {
        let mut records = vec![0x09, 0x08, 0, 0];
        for (row, column) in cells {
            records.extend([0x03, 0x02, 14, 0]);
            records.extend(row.to_le_bytes());
            records.extend(column.to_le_bytes());
            records.extend([0; 10]);
        }
        records
    }

    #[test]
    fn shared_strings_are_measured_over_the_ends_of_records() {
        let string = |length: u16, flags: u8, rest: &[u8]| {
            [&length.to_le_bytes()[..], &[flags], rest].concat()
        };
        let parts = [
            [
                string(3, 0, b"abc"),
                string(2, 1, &[0x2d, 0x4e, 0x87, 0x65]),
                string(2, 8, &[&[1, 0][..], b"ab", &[9; 4]].concat()),
                string(1, 4, &[&[6, 0, 0, 0][..], b"x", &[9; 6]].concat()),
                string(5, 0, b"ab"),
            ]
            .concat(),
            [&[1][..], &[9; 6], &string(7, 0, b"1234567")].concat(),
            string(9, 0, b"cut"),
        ];
        let mut strings = Strings {
            parts: parts.iter().map(Vec::as_slice).collect(),
            lengths: Vec::new(),
        };
        strings.close();
        assert_eq!(strings.lengths, [3, 2, 2, 1, 5, 7]);
    }

    /// A few bytes that would become gigabytes of equal text.
    #[test]
    fn one_long_string_in_a_million_cells_is_refused() {
        let shared = |cells: u32| {
            let mut records = vec![0x09, 0x08, 0, 0, 0xfc, 0, 11, 0];
            records.extend([0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0x7f, 0]);
            for _ in 0..4 {
                records.extend([0x3c, 0, 0, 0x20]);
                records.extend([0; 0x2000]);
            }
            records.extend([0x09, 0x08, 0, 0]);
            for cell in 0..cells {
                records.extend([0xfd, 0, 10, 0]);
                records.extend(u16::try_from(cell).unwrap_or(u16::MAX).to_le_bytes());
                records.extend([0; 8]);
            }
            records
        };
        assert_eq!(check_extent(&shared(1_000)), Ok(()));
        assert!(check_extent(&shared(1_100)).is_err_and(|says| says.contains("文字过多")));
    }

    #[test]
    fn what_a_sheet_comes_to_is_counted_before_it_is_made() {
        let far = sheet(&[(0, 0), (65_535, 63)]);
        let two = [far.clone(), sheet(&[(0, 0)])].concat();
        let password = [&[0x2f, 0, 2, 0, 1, 0][..], &sheet(&[(0, 0)])].concat();
        let cases = [
            (sheet(&[]), true),
            (sheet(&[(0, 0), (49_999, 30)]), true),
            (far, true),
            (two, false),
            (sheet(&[(0, 0), (1, 64)]), false),
            (sheet(&[(0, 0)])[..10].to_vec(), false),
            (password, false),
        ];
        for (place, (records, is_good)) in cases.into_iter().enumerate() {
            assert_eq!(check_extent(&records).is_ok(), is_good, "{place}");
        }
    }
}
