//! Tables as comma separated values and as workbooks.
//!
//! Whoever opens these opens them in a spreadsheet, so no cell may be taken as a formula: in CSV
//! such a cell gets an apostrophe in front, in a workbook every cell is written as text, but for
//! amounts, which are numbers so that they can be added up.

use anyhow::Context;
use ledger::problem::Language;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet};

use super::failure::printable;
use crate::app::Error;
use crate::app::view::Table;

/// The first characters that make a spreadsheet see a formula, with their full-width forms
/// (OWASP, CSV injection).
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
/// The longest name of a sheet.
const SHEET_NAME_MAX: usize = 31;
/// How amounts are shown.
const AMOUNT: &str = "#,##0.00";
/// Digits that a spreadsheet program keeps of a number.
const DIGITS_KEPT: usize = 15;
/// Column widths in characters.
const WIDTH: std::ops::RangeInclusive<usize> = 8..=60;

/// Tables as CSV (RFC 4180, lines ended by LF). Several tables stand under each other, each with
/// its title above and an empty line between.
pub(crate) fn csv(tables: &[Table], language: Language) -> Result<String, Error> {
    let mut text = String::new();
    for (index, table) in tables.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .from_writer(Vec::new());
        if tables.len() > 1 {
            writer
                .write_record([escaped(table.title.get(language))])
                .context("CSV")?;
        }
        let heads = table
            .columns
            .iter()
            .map(|column| escaped(column.head.get(language)));
        writer.write_record(heads).context("CSV")?;
        for row in &table.rows {
            writer
                .write_record(row.iter().map(|cell| escaped(cell)))
                .context("CSV")?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| anyhow::anyhow!("CSV: {error}"))?;
        text.push_str(&String::from_utf8(bytes).context("CSV")?);
    }
    Ok(text)
}

/// The same for a file: with the mark by which spreadsheets know UTF-8.
pub(crate) fn csv_file(tables: &[Table], language: Language) -> Result<Vec<u8>, Error> {
    Ok(format!("\u{feff}{}", csv(tables, language)?).into_bytes())
}

/// A workbook with one sheet for each table. The same tables give the same bytes.
pub(crate) fn workbook(tables: &[Table], language: Language) -> Result<Vec<u8>, Error> {
    let mut workbook = Workbook::new();
    let created = ExcelDateTime::from_ymd(2000, 1, 1).context("workbook")?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
    let mut names: Vec<String> = Vec::new();
    for table in tables {
        let name = sheet_name(table.title.get(language), &names);
        let sheet = workbook.add_worksheet();
        sheet.set_name(&name).context("workbook")?;
        fill(sheet, table, language).context("workbook")?;
        names.push(name);
    }
    Ok(workbook.save_to_buffer().context("workbook")?)
}

fn fill(sheet: &mut Worksheet, table: &Table, language: Language) -> anyhow::Result<()> {
    let left = Format::new();
    let right = Format::new().set_align(FormatAlign::Right);
    let money = right.clone().set_num_format(AMOUNT);
    let head = Format::new().set_bold();
    let head_right = Format::new().set_bold().set_align(FormatAlign::Right);
    for (index, column) in table.columns.iter().enumerate() {
        let place = u16::try_from(index)?;
        let title = column.head.get(language);
        let format = if column.right { &head_right } else { &head };
        sheet.write_string_with_format(0, place, printable(title), format)?;
        let cells = table.rows.iter().filter_map(|row| row.get(index));
        let widest = cells
            .map(|cell| width(cell))
            .chain([width(title)])
            .max()
            .unwrap_or(0);
        let widest = (widest + 2).clamp(*WIDTH.start(), *WIDTH.end());
        sheet.set_column_width(place, u32::try_from(widest)?)?;
    }
    for (index, row) in table.rows.iter().enumerate() {
        let line = u32::try_from(index + 1)?;
        for (place, cell) in row.iter().enumerate() {
            let is_right = table.columns.get(place).is_some_and(|column| column.right);
            let place = u16::try_from(place)?;
            match amount(cell).filter(|_| is_right) {
                Some(amount) => sheet.write_number_with_format(line, place, amount, &money)?,
                None => {
                    let format = if is_right { &right } else { &left };
                    sheet.write_string_with_format(line, place, printable(cell), format)?
                }
            };
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    Ok(())
}

/// An amount as a number: a figure with two decimals, of as many digits as a spreadsheet keeps, so
/// that it is shown as it was computed.
fn amount(cell: &str) -> Option<f64> {
    let plain = cell.replace(',', "");
    let digits = plain.bytes().filter(u8::is_ascii_digit).count();
    let number: Decimal = plain.parse().ok().filter(|_| is_figure(cell))?;
    (number.scale() == 2 && digits <= DIGITS_KEPT)
        .then(|| number.to_f64())
        .flatten()
}

/// Columns that a text takes: Chinese characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}

/// A name that a sheet may have: not empty, at most 31 characters, without `[]:*?/\`, no apostrophe
/// at its ends, not reserved, and not in use.
fn sheet_name(title: &str, used: &[String]) -> String {
    let plain: String = title
        .chars()
        .map(|c| {
            if c.is_control() || "[]:*?/\\".contains(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    let plain = plain.trim_matches(|c: char| c == '\'' || c.is_whitespace());
    let reserved = plain.is_empty() || plain.eq_ignore_ascii_case("history");
    let base = if reserved { "Sheet" } else { plain };
    let shortened = |length: usize| base.chars().take(length).collect::<String>();
    let is_free = |name: &String| {
        !used
            .iter()
            .any(|one| one.to_lowercase() == name.to_lowercase())
    };
    let numbered = (2..).map(|number| {
        let end = format!(" {number}");
        shortened(SHEET_NAME_MAX - end.len()) + &end
    });
    let first = shortened(SHEET_NAME_MAX).trim_end_matches('\'').to_owned();
    std::iter::once(first)
        .chain(numbered)
        .find(is_free)
        .unwrap_or_default()
}

/// A cell that no spreadsheet takes as a formula. Figures stay as they are.
fn escaped(cell: &str) -> String {
    if cell.starts_with(FORMULA) && !is_figure(cell) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// A plain number: digits with separators and at most one point, perhaps negative.
fn is_figure(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, cents) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_whole = |c: u8| c.is_ascii_digit() || c == b',';
    whole.starts_with(|c: char| c.is_ascii_digit())
        && whole.bytes().all(is_whole)
        && !cents.is_empty()
        && cents.bytes().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use calamine::{Data, Reader, Xlsx};

    use super::*;
    use crate::app::view::words;

    #[test]
    fn formulas_are_disarmed_and_figures_left_alone() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("+86 13800000000", "'+86 13800000000"),
            ("-2+3", "'-2+3"),
            ("-", "'-"),
            ("-1.", "'-1."),
            ("-1.2.3", "'-1.2.3"),
            ("-.5", "'-.5"),
            ("-,5", "'-,5"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("\n=1", "'\n=1"),
            ("＝1", "'＝1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠a", "'＠a"),
            ("-1,234.50", "-1,234.50"),
            ("-5", "-5"),
            ("1,234.50", "1,234.50"),
            ("示例甲", "示例甲"),
            ("—", "—"),
            ("", ""),
        ] {
            assert_eq!(escaped(cell), expected, "{cell:?}");
        }
    }

    fn sample(title: &str) -> Table {
        let columns = [("名称", "name", false), ("金额", "amount", true)];
        let mut table = Table::new(words(title, title), &columns);
        table.row(["示例\"甲\",乙".into(), "-1,234.50".into()]);
        table.row(["=cmd".into(), "0.00".into()]);
        table
    }

    #[test]
    fn csv_quotes_and_separates_tables() {
        let one = csv(&[sample("a")], Language::Zh).unwrap();
        assert_eq!(
            one,
            "名称,金额\n\"示例\"\"甲\"\",乙\",\"-1,234.50\"\n'=cmd,0.00\n"
        );
        let two = csv(&[sample("a"), sample("=b")], Language::En).unwrap();
        assert!(two.starts_with("a\nname,amount\n"), "{two}");
        assert!(two.contains("\n\n'=b\nname,amount\n"), "{two}");
        assert!(
            csv_file(&[sample("a")], Language::Zh)
                .unwrap()
                .starts_with("\u{feff}名".as_bytes())
        );
    }

    #[test]
    fn amounts_are_numbers() {
        for (cell, expected) in [
            ("1,234.50", Some(1_234.5)),
            ("-0.01", Some(-0.01)),
            ("9,999,999,999,999.99", Some(9_999_999_999_999.99)),
            ("99,999,999,999,999.99", None),
            ("1.5", None),
            ("12", None),
            ("98.00%", None),
            ("=1.00", None),
            ("+1.00", None),
            ("—", None),
            ("", None),
        ] {
            assert_eq!(amount(cell), expected, "{cell}");
        }
    }

    #[test]
    fn workbooks_hold_text_and_amounts_and_are_repeatable() {
        let tables = [sample("按项目/户"), sample("按项目/户")];
        let bytes = workbook(&tables, Language::Zh).unwrap();
        assert_eq!(bytes, workbook(&tables, Language::Zh).unwrap());
        let mut book = Xlsx::new(Cursor::new(bytes)).unwrap();
        assert_eq!(book.sheet_names(), ["按项目 户", "按项目 户 2"]);
        let range = book.worksheet_range("按项目 户").unwrap();
        let are_known = range
            .cells()
            .all(|(.., cell)| matches!(cell, Data::String(_) | Data::Float(_)));
        assert!(are_known);
        assert_eq!(range.get((2, 0)), Some(&Data::String("=cmd".into())));
        assert_eq!(range.get((1, 1)), Some(&Data::Float(-1_234.5)));
    }

    #[test]
    fn sheets_have_allowed_names() {
        let long = "很".repeat(40);
        for (title, used, expected) in [
            ("", "", "Sheet"),
            ("history", "", "Sheet"),
            ("'a'", "", "a"),
            ("a:b?c", "", "a b c"),
            ("Total", "total", "Total 2"),
            (long.as_str(), "", &long[..31 * 3]),
        ] {
            assert_eq!(sheet_name(title, &[used.to_owned()]), expected, "{title}");
        }
    }
}
