//! Workbooks written row by row.
//!
//! The general library keeps every cell until the end, which for a batch of 50,000 lines costs more
//! time and memory than all the rest of the file. Here it writes a workbook of one cell, and two
//! of its parts are replaced: the sheet, packed while rows come, and the table of strings. A test
//! holds that each part has the bytes that the library itself would write.

use std::collections::HashMap;
use std::io::Write;

use chrono::Datelike;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use ledger::calendar::Date;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook};

use super::archive;
use crate::amount::push_number;

const SHEET: &str = "xl/worksheets/sheet1.xml";
const STRINGS: &str = "xl/sharedStrings.xml";
/// What the sheet of the workbook of one cell has for its cells.
const ONE_CELL: &str = r#"<row r="1" spans="1:1"><c r="A1" t="s"><v>0</v></c></row>"#;
/// Level 3 of 9 packs to a tenth more than level 6, in half the time.
const LEVEL: Compression = Compression::new(3);
/// Bytes that are packed at once.
const CHUNK: usize = 64 << 10;

/// The sheet that is to be written.
pub(crate) struct Sheet<'a> {
    /// Its name; empty for the usual one.
    pub(crate) name: &'a str,
    /// How many rows it will have.
    pub(crate) rows: u32,
    /// For each column, whether its data are numbers.
    pub(crate) numbers: Vec<bool>,
}

/// A workbook of one sheet, never with formulas. Equal rows give equal bytes.
pub(crate) struct Writer {
    parts: Vec<(String, Vec<u8>)>,
    sheet: Packed,
    sheet_end: String,
    xml: String,
    rows: u64,
    columns: Vec<String>,
    numbers: Vec<bool>,
    known: HashMap<Box<str>, u64>,
    strings: String,
    cells: u64,
}

impl Writer {
    /// A workbook with this sheet, which will be filled in every column somewhere. `date` is
    /// written as the time of creation.
    pub(crate) fn new(date: Date, sheet: Sheet<'_>) -> Result<Writer, String> {
        let mut parts = one_cell(date, sheet.name)?;
        let part = parts.iter_mut().find(|(name, _)| name == SHEET);
        let (_, part) = part.ok_or("no sheet")?;
        let part = String::from_utf8(std::mem::take(part)).map_err(|error| error.to_string())?;
        let (start, end) = part.split_once(ONE_CELL).ok_or("another sheet")?;
        let columns: Vec<String> = (0..sheet.numbers.len()).map(column_name).collect();
        let last = columns.last().map_or("A", String::as_str);
        let rows = sheet.rows;
        let xml = start.replace(r#"ref="A1""#, &format!("ref=\"A1:{last}{rows}\""));
        Ok(Writer {
            sheet: Packed::default(),
            sheet_end: end.to_owned(),
            parts,
            xml,
            rows: 0,
            columns,
            numbers: sheet.numbers,
            known: HashMap::new(),
            strings: String::new(),
            cells: 0,
        })
    }

    /// Appends a row. Empty fields have no cell. In a row of data the cells of number columns are
    /// numbers.
    pub(crate) fn row<'f>(&mut self, fields: impl Iterator<Item = &'f str>, is_data: bool) {
        self.rows += 1;
        self.xml.push_str("<row r=\"");
        push_number(self.rows, &mut self.xml);
        self.xml.push_str("\" spans=\"1:");
        push_number(self.columns.len() as u64, &mut self.xml);
        self.xml.push_str("\">");
        for (column, text) in fields.enumerate().filter(|(_, text)| !text.is_empty()) {
            let is_number = is_data && self.numbers.get(column) == Some(&true);
            let string = if is_number { 0 } else { self.string(text) };
            self.xml.push_str("<c r=\"");
            let name = self.columns.get(column).map_or("", String::as_str);
            self.xml.push_str(name);
            push_number(self.rows, &mut self.xml);
            if is_number {
                self.xml.push_str("\"><v>");
                self.xml.push_str(shortest(text));
            } else {
                self.xml.push_str("\" t=\"s\"><v>");
                push_number(string, &mut self.xml);
            }
            self.xml.push_str("</v></c>");
        }
        self.xml.push_str("</row>");
        if self.xml.len() >= CHUNK {
            self.sheet.write(&self.xml);
            self.xml.clear();
        }
    }

    /// The number of a text in the table of strings.
    fn string(&mut self, text: &str) -> u64 {
        self.cells += 1;
        if let Some(number) = self.known.get(text) {
            return *number;
        }
        let number = self.known.len() as u64;
        self.known.insert(text.into(), number);
        let has_space = |c: Option<char>| c.is_some_and(|c| c.is_ascii_whitespace());
        let is_kept = has_space(text.chars().next()) || has_space(text.chars().next_back());
        self.strings.push_str(if is_kept {
            "<si><t xml:space=\"preserve\">"
        } else {
            "<si><t>"
        });
        escape(text, &mut self.strings);
        self.strings.push_str("</t></si>");
        number
    }

    /// The bytes of the file.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.xml.push_str(&self.sheet_end);
        self.sheet.write(&self.xml);
        let mut archive = Archive::default();
        let mut sheet = Some(self.sheet);
        let (cells, unique) = (self.cells, self.known.len());
        self.known = HashMap::new();
        for (name, contents) in self.parts {
            let mut packed = Packed::default();
            match name.as_str() {
                SHEET => packed = sheet.take().unwrap_or_default(),
                STRINGS => {
                    packed.write(&format!(
                        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
                         <sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
                         count=\"{cells}\" uniqueCount=\"{unique}\">"
                    ));
                    packed.write(&self.strings);
                    packed.write("</sst>");
                }
                _ => packed.bytes(&contents),
            }
            archive.add(&name, packed);
        }
        archive.finish()
    }
}

/// The parts of a workbook of one text cell, by name.
fn one_cell(date: Date, name: &str) -> Result<Vec<(String, Vec<u8>)>, String> {
    let written = || {
        let narrow = |number: u32| u8::try_from(number).unwrap_or(1);
        let year = u16::try_from(date.year()).unwrap_or(1900);
        let created = ExcelDateTime::from_ymd(year, narrow(date.month()), narrow(date.day()))?;
        let mut workbook = Workbook::new();
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
        let sheet = workbook.add_worksheet();
        if !name.is_empty() {
            sheet.set_name(name)?;
        }
        sheet.write_string(0, 0, "1")?;
        workbook.save_to_buffer()
    };
    let bytes = written().map_err(|error| error.to_string())?;
    archive::parts(&bytes)
}

/// A decimal number as spreadsheet programs keep it: no zeros behind the point.
fn shortest(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

/// `A` to `Z`, then `AA` and on.
fn column_name(column: usize) -> String {
    let letter = |place: usize| u8::try_from(place % 26).map_or('A', |at| char::from(b'A' + at));
    match column.checked_sub(26) {
        None => letter(column).to_string(),
        Some(rest) => format!("{}{}", column_name(rest / 26), letter(rest)),
    }
}

/// Appends a text as the data of an element. `_x0041_` stands for a character in this format, so
/// a text that looks like it gets its underscore escaped.
fn escape(text: &str, out: &mut String) {
    for (at, sign) in text.char_indices() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\u{fffe}' => out.push_str("_xFFFE_"),
            '\u{ffff}' => out.push_str("_xFFFF_"),
            '_' if is_escape(text.get(at..).unwrap_or_default()) => out.push_str("_x005F_"),
            _ => out.push(sign),
        }
    }
}

/// Whether a text begins like `_x0041_`.
fn is_escape(text: &str) -> bool {
    match text.as_bytes() {
        [b'_', b'x', digits @ ..] if digits.len() >= 5 => {
            digits.iter().take(4).all(u8::is_ascii_hexdigit) && digits.get(4) == Some(&b'_')
        }
        _ => false,
    }
}

/// A part that is packed while it is written.
struct Packed {
    encoder: DeflateEncoder<Vec<u8>>,
    crc: Crc,
}

impl Default for Packed {
    fn default() -> Packed {
        Packed {
            encoder: DeflateEncoder::new(Vec::new(), LEVEL),
            crc: Crc::new(),
        }
    }
}

impl Packed {
    fn write(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        // A vector takes all that it is given; and every file is read back.
        let _ = self.encoder.write_all(bytes);
    }
}

/// An archive of these parts, the first of them seen from outside as it is when it is stored.
#[cfg(test)]
pub(crate) fn zipped(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = Archive::default();
    for (name, contents) in parts {
        let mut packed = Packed::default();
        if *name == "mimetype" {
            packed.encoder = DeflateEncoder::new(Vec::new(), Compression::none());
        }
        packed.write(contents);
        archive.add(name, packed);
    }
    archive.finish()
}

/// A zip archive (PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16) of packed parts.
#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl Archive {
    fn add(&mut self, name: &str, part: Packed) {
        let length = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
        let inflated = length(part.encoder.total_in());
        let crc = part.crc.sum().to_le_bytes();
        let data = part.encoder.finish().unwrap_or_default();
        let name_length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
        let offset = length(self.bytes.len() as u64);
        // Version 2.0, no flags, deflated, at the first moment that the format knows.
        let mut same = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
        same.extend([crc, length(data.len() as u64), inflated].concat());
        same.extend(name_length);
        same.extend([0, 0]);
        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&same);
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(data);
        self.directory.extend(b"PK\x01\x02\x14\x00");
        self.directory.extend(&same);
        // No comment, the first disk, no attributes.
        self.directory.extend([0; 10]);
        self.directory.extend(offset);
        self.directory.extend(name.as_bytes());
        self.count += 1;
    }

    fn finish(mut self) -> Vec<u8> {
        let length = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
        let start = length(self.bytes.len());
        self.bytes.extend(&self.directory);
        self.bytes.extend(b"PK\x05\x06\x00\x00\x00\x00");
        self.bytes.extend([self.count.to_le_bytes(); 2].concat());
        self.bytes.extend(length(self.directory.len()));
        self.bytes.extend(start);
        self.bytes.extend([0, 0]);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn date() -> Date {
        Date::from_ymd_opt(2022, 1, 10).unwrap()
    }

    /// The parts of the file that the library writes for these rows.
    fn by_library(rows: &[Vec<String>]) -> Vec<(String, Vec<u8>)> {
        let mut workbook = Workbook::new();
        let created = ExcelDateTime::from_ymd(2022, 1, 10).unwrap();
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
        let sheet = workbook.add_worksheet();
        for (row_at, row) in (0_u32..).zip(rows) {
            for (column, text) in (0_u16..).zip(row) {
                if !text.is_empty() {
                    sheet.write_string(row_at, column, text).unwrap();
                }
            }
        }
        archive::parts(&workbook.save_to_buffer().unwrap()).unwrap()
    }

    proptest! {
        #[test]
        fn parts_are_those_of_the_library(
            rows in prop::collection::vec(prop::collection::vec("[ <&>\"'_xF05甲\u{a0}a]{0,9}", 3), 0..14),
        ) {
            let rows = rows.into_iter().map(|mut row| {
                row[0].push('1');
                row
            });
            // Both ends of a block of rows are filled, so that it is as wide as the sheet.
            let full = ["测试".to_owned(), "_x0041_".to_owned(), "c".to_owned()].to_vec();
            let rows: Vec<_> = std::iter::once(full.clone()).chain(rows).chain([full]).collect();
            let count = u32::try_from(rows.len()).unwrap();
            let sheet = Sheet { name: "", rows: count, numbers: vec![false; 3] };
            let mut writer = Writer::new(date(), sheet).unwrap();
            for row in &rows {
                writer.row(row.iter().map(String::as_str), true);
            }
            let bytes = writer.finish();
            prop_assert_eq!(archive::check(&bytes), Ok(()));
            let (written, expected) = (archive::parts(&bytes).unwrap(), by_library(&rows));
            prop_assert_eq!(written.len(), expected.len());
            for ((name, bytes), (_, expected)) in written.into_iter().zip(&expected) {
                let text = String::from_utf8_lossy;
                prop_assert_eq!(text(&bytes), text(expected), "{}", name);
            }
        }
    }

    #[test]
    fn numbers_and_the_name_are_those_of_the_library() {
        let mut workbook = Workbook::new();
        let created = ExcelDateTime::from_ymd(2022, 1, 10).unwrap();
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
        let sheet = workbook.add_worksheet().set_name("工行").unwrap();
        sheet.write_string(0, 0, "户名").unwrap();
        sheet.write_string(0, 1, "金额").unwrap();
        sheet.write_string(1, 0, "测试").unwrap();
        sheet.write_number(1, 1, 1234.5).unwrap();
        let expected = archive::parts(&workbook.save_to_buffer().unwrap()).unwrap();
        let sheet = Sheet {
            name: "工行",
            rows: 2,
            numbers: vec![false, true],
        };
        let mut writer = Writer::new(date(), sheet).unwrap();
        writer.row(["户名", "金额"].into_iter(), false);
        writer.row(["测试", "1234.50"].into_iter(), true);
        let written = archive::parts(&writer.finish()).unwrap();
        for ((name, bytes), (_, expected)) in written.iter().zip(&expected) {
            let text = String::from_utf8_lossy;
            assert_eq!(text(bytes), text(expected), "{name}");
        }
        let numbers = [
            ("1234.50", "1234.5"),
            ("100.00", "100"),
            ("100", "100"),
            ("0.05", "0.05"),
        ];
        for (text, short) in numbers {
            assert_eq!(shortest(text), short);
        }
    }

    #[test]
    fn columns_are_named() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (63, "BL"), (702, "AAA")] {
            assert_eq!(column_name(column), name);
        }
    }
}
