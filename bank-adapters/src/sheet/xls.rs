//! Workbooks of Excel 97 to 2003 (BIFF8 in a compound file; [MS-XLS], [MS-CFB]): counties keep
//! rosters of many years in them.
//!
//! Its reader makes a dense range of every sheet, so what a sheet comes to is counted in the
//! records of the file before anything opens it.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::path::PathBuf;

use calamine::{Reader, SheetVisible, Xls};

use super::grid::{SHEETS_MAX, too_many_sheets};
use super::workbook::fill_range;
use crate::finding::Findings;
use crate::table::{COLUMNS_MAX, Limits, Table};

/// Rows and columns of a sheet in this format, whatever is in them ([MS-XLS] 2.5.198).
const SHEET_ROWS: u64 = 65_536;
const SHEET_COLUMNS: u16 = 256;
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
    let name = stream_name(&file)?;
    let mut stream = file.open_stream(name).map_err(broken)?;
    let mut records = Vec::new();
    // A stream is no longer than its file.
    stream.read_to_end(&mut records).map_err(broken)?;
    Ok(records)
}

/// The stream that the reader of workbooks takes: it goes by the name alone, wherever it stands,
/// so there may be only one of that name.
fn stream_name(file: &cfb::CompoundFile<Cursor<&[u8]>>) -> Result<PathBuf, String> {
    for name in ["Workbook", "Book"] {
        let mut named = file
            .walk()
            .filter(|entry| entry.name().eq_ignore_ascii_case(name))
            .map(|entry| (entry.is_stream(), entry.path().to_owned()));
        match (named.next(), named.next()) {
            (None, _) => {}
            (Some((true, path)), None) => return Ok(path),
            _ => return Err("工作簿不止一个 / more than one workbook".to_owned()),
        }
    }
    Err("不是工作簿 / not a workbook".to_owned())
}

/// Refuses sheets whose filled cells lie too far apart or hold too much text, files with a
/// password, and files whose parts are not where they say: those would be read otherwise than they
/// are counted here.
fn check_extent(records: &[u8]) -> Result<(), String> {
    let mut count = Count::default();
    for record in split(records) {
        count.record(record?)?;
    }
    count.finish()
}

/// What the records come to so far.
#[derive(Default)]
struct Count<'a> {
    /// How deep in parts the record is: charts stand inside sheets.
    depth: usize,
    /// Where the parts of the workbook begin.
    begins: BTreeSet<usize>,
    /// Where its sheets are said to begin.
    sheets: Vec<usize>,
    /// Cells of the sheets before.
    cells: u64,
    extent: Extent,
    characters: u64,
    strings: Strings<'a>,
}

impl<'a> Count<'a> {
    fn record(&mut self, (at, id, data): (usize, u16, &'a [u8])) -> Result<(), String> {
        match id {
            PASSWORD => {
                return Err("文件已加密,请先取消密码 / the file has a password".to_owned());
            }
            BEGIN => {
                if self.depth == 0 {
                    self.begins.insert(at);
                    self.cells += std::mem::take(&mut self.extent).cells();
                }
                self.depth += 1;
            }
            END => {
                self.depth = self.depth.saturating_sub(1);
                self.strings.close();
            }
            SHEET => {
                let place = data.first_chunk::<4>().copied().map(u32::from_le_bytes);
                let place = place.and_then(|place| usize::try_from(place).ok());
                self.sheets.push(place.ok_or_else(displaced)?);
            }
            DIMENSIONS => check_dimensions(data)?,
            SHARED_STRINGS => self.strings.open(data)?,
            CONTINUE if !self.strings.parts.is_empty() => self.strings.parts.push(data),
            LABEL_SHARED => {
                self.extent.add(id, data);
                self.characters += self.strings.length_at(data);
            }
            id => self.extent.add(id, data),
        }
        if self.extent.columns() > u64::try_from(COLUMNS_MAX).unwrap_or(u64::MAX)
            || self.cells + self.extent.cells() > CELLS_MAX
        {
            return Err("单元格相距过远 / cells too far apart".to_owned());
        }
        if self.characters > CHARACTERS_MAX {
            return Err("文字过多 / too much text".to_owned());
        }
        Ok(())
    }

    /// Every sheet begins where a part begins, and no two are the same.
    fn finish(self) -> Result<(), String> {
        let distinct: BTreeSet<usize> = self.sheets.iter().copied().collect();
        match distinct.len() == self.sheets.len() && distinct.is_subset(&self.begins) {
            true => Ok(()),
            false => Err(displaced()),
        }
    }
}

fn displaced() -> String {
    "工作表位置无效 / a sheet is not where the file says".to_owned()
}

/// Refuses a sheet that says to be larger than the format allows: room is made for what it says.
fn check_dimensions(data: &[u8]) -> Result<(), String> {
    let rows = |at: usize| data.get(at..at + 4).and_then(|four| four.try_into().ok());
    let columns = |at: usize| data.get(at..at + 2).and_then(|two| two.try_into().ok());
    let rows = [0, 4].map(|at| rows(at).map_or(0, u32::from_le_bytes));
    let columns = [8, 10].map(|at| columns(at).map_or(0, u16::from_le_bytes));
    let good = rows[0] <= rows[1]
        && u64::from(rows[1]) <= SHEET_ROWS
        && columns[0] <= columns[1]
        && columns[1] <= SHEET_COLUMNS;
    match good {
        true => Ok(()),
        false => Err("工作表大小无效 / the size of a sheet is not valid".to_owned()),
    }
}

/// FilePass: the rest is encrypted.
const PASSWORD: u16 = 0x002f;
/// BOF: a part begins, the workbook itself or a sheet.
const BEGIN: u16 = 0x0809;
/// EOF: a part ends.
const END: u16 = 0x000a;
/// BoundSheet8: where a sheet begins.
const SHEET: u16 = 0x0085;
/// Dimensions: how large a sheet is said to be.
const DIMENSIONS: u16 = 0x0200;
/// SST: the strings that cells share. It begins with two numbers of four bytes.
const SHARED_STRINGS: u16 = 0x00fc;
/// Continue: the record before goes on.
const CONTINUE: u16 = 0x003c;
/// LabelSst: a cell with a shared string.
const LABEL_SHARED: u16 = 0x00fd;

/// Records with their places and kinds; an error for one that is cut off.
fn split(records: &[u8]) -> impl Iterator<Item = Result<(usize, u16, &[u8]), String>> {
    let mut rest = records;
    std::iter::from_fn(move || {
        let at = records.len() - rest.len();
        let [id_low, id_high, low, high, body @ ..] = rest else {
            return None;
        };
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let Some((data, after)) = body.split_at_checked(length) else {
            rest = &[];
            return Some(Err("记录不完整 / a record is cut off".to_owned()));
        };
        rest = after;
        Some(Ok((at, u16::from_le_bytes([*id_low, *id_high]), data)))
    })
}

/// The lengths of shared strings ([MS-XLS] 2.4.265 and 2.5.293).
#[derive(Default)]
struct Strings<'a> {
    /// The record and those that continue it, until the lengths are taken from them.
    parts: Vec<&'a [u8]>,
    lengths: Vec<u32>,
    /// Whether the part that holds them has ended.
    closed: bool,
}

impl<'a> Strings<'a> {
    /// Begins them; they stand once, in the first part.
    fn open(&mut self, data: &'a [u8]) -> Result<(), String> {
        if self.closed || !self.parts.is_empty() {
            return Err("字符串表不止一个 / more than one table of strings".to_owned());
        }
        // An empty table is one that has been, too.
        self.parts.push(data.get(8..).unwrap_or_default());
        Ok(())
    }

    /// Takes the lengths. A table that ends early has the strings that are whole.
    fn close(&mut self) {
        self.closed = true;
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

    fn record(id: u16, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap();
        [&id.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
    }

    fn cell(row: u16, column: u16) -> Vec<u8> {
        let place = [row.to_le_bytes(), column.to_le_bytes()].concat();
        record(0x0203, &[&place[..], &[0; 10]].concat())
    }

    fn cells(cells: &[(u16, u16)]) -> Vec<u8> {
        cells
            .iter()
            .flat_map(|(row, column)| cell(*row, *column))
            .collect()
    }

    /// A part of a workbook.
    fn part(inside: &[u8]) -> Vec<u8> {
        [record(BEGIN, &[]), inside.to_vec(), record(END, &[])].concat()
    }

    /// A workbook whose first part holds `globals` and says where its sheets are.
    fn workbook(globals: &[u8], sheets: &[Vec<u8>]) -> Vec<u8> {
        let places = sheets.len() * record(SHEET, &[0; 4]).len();
        let mut at = part(globals).len() + places;
        let mut head = globals.to_vec();
        for sheet in sheets {
            head.extend(record(SHEET, &u32::try_from(at).unwrap().to_le_bytes()));
            at += part(sheet).len();
        }
        let sheets = sheets.iter().flat_map(|sheet| part(sheet));
        part(&head).into_iter().chain(sheets).collect()
    }

    fn dimensions(rows: [u32; 2], columns: [u16; 2]) -> Vec<u8> {
        let rows = rows.map(u32::to_le_bytes).concat();
        record(
            DIMENSIONS,
            &[rows, columns.map(u16::to_le_bytes).concat(), vec![0; 2]].concat(),
        )
    }

    #[test]
    fn what_a_sheet_comes_to_is_counted_before_it_is_made() {
        let far = cells(&[(0, 0), (65_535, 63)]);
        let one = cells(&[(0, 0)]);
        let chart = part(&[]);
        let same = {
            let sheet = record(SHEET, &44_u32.to_le_bytes());
            [part(&[sheet.clone(), sheet].concat()), part(&one)].concat()
        };
        let cases = [
            ("nothing", workbook(&[], &[]), true),
            (
                "50,000 rows",
                workbook(&[], &[cells(&[(0, 0), (49_999, 30)])]),
                true,
            ),
            ("all rows", workbook(&[], std::slice::from_ref(&far)), true),
            (
                "a chart inside",
                workbook(&[], &[[&one[..], &chart, &one].concat()]),
                true,
            ),
            (
                "two sheets",
                workbook(&[], &[far.clone(), one.clone()]),
                false,
            ),
            (
                "a chart between",
                workbook(&[], &[[&one[..], &chart, &far, &one].concat(), one.clone()]),
                false,
            ),
            (
                "65 columns",
                workbook(&[], &[cells(&[(0, 0), (1, 64)])]),
                false,
            ),
            (
                "a stated size",
                workbook(&[], &[dimensions([0, 65_536], [0, 256])]),
                true,
            ),
            (
                "a stated size too large",
                workbook(&[], &[dimensions([0, u32::MAX], [0, 9])]),
                false,
            ),
            (
                "columns upside down",
                workbook(&[], &[dimensions([0, 1], [9, 0])]),
                false,
            ),
            ("cut off", cell(0, 0)[..10].to_vec(), false),
            (
                "a password",
                workbook(&record(PASSWORD, &[1, 0]), &[]),
                false,
            ),
            ("one sheet twice", same, false),
            (
                "a sheet inside a record",
                part(&record(SHEET, &5_u32.to_le_bytes())),
                false,
            ),
        ];
        for (name, records, is_good) in cases {
            assert_eq!(check_extent(&records).is_ok(), is_good, "{name}");
        }
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
            ..Strings::default()
        };
        strings.close();
        assert_eq!(strings.lengths, [3, 2, 2, 1, 5, 7]);
    }

    /// A table of one string of 32,764 characters.
    fn long_string() -> Vec<u8> {
        let head = [0, 0, 0, 0, 1, 0, 0, 0, 0xfc, 0x7f, 0];
        let more = record(CONTINUE, &[0; 0x2000]);
        [record(SHARED_STRINGS, &head), more.repeat(4)].concat()
    }

    /// A few bytes that would become gigabytes of equal text.
    #[test]
    fn one_long_string_in_a_million_cells_is_refused() {
        let sheet = |cells: u16| -> Vec<u8> {
            let cell = |row: u16| record(LABEL_SHARED, &[&row.to_le_bytes()[..], &[0; 8]].concat());
            (0..cells).flat_map(cell).collect()
        };
        let short = record(SHARED_STRINGS, &[0; 8]);
        let cases = [
            (workbook(&long_string(), &[sheet(1_000)]), ""),
            (workbook(&long_string(), &[sheet(1_100)]), "文字过多"),
            (
                workbook(&long_string(), &[[short.clone(), sheet(1_100)].concat()]),
                "字符串表",
            ),
            (
                workbook(&[long_string(), short].concat(), &[sheet(1)]),
                "字符串表",
            ),
        ];
        for (records, says) in cases {
            let refused = check_extent(&records).err().unwrap_or_default();
            assert_eq!(says.is_empty(), refused.is_empty(), "{refused}");
            assert!(refused.contains(says), "{refused}");
        }
    }
}
