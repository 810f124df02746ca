//! Spreadsheets that people keep themselves: rows and cells without a layout.
//!
//! What a file is, its first bytes say, and never its name. All visible sheets are read, one copy
//! of their text is kept, and the limits of bank files hold, but for the size: a roster of 50,000
//! rows inflates to more than a bank file.

use std::borrow::Cow;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Reader, Xlsx};

use super::{archive, csv, ods, workbook, xls};
use crate::encoding::plain;
use crate::finding::{Fault, Finding, Findings};
use crate::profile::Kind;
use crate::table::{Drain, Limits, RowKept, RowView, Source, Table};

/// All parts of a workbook together, inflated. They are never in memory as a whole.
const INFLATED_MAX: u64 = 512 << 20;
/// The same of an open document, whose reader keeps all of it.
const ODS_INFLATED_MAX: u64 = 100 << 20;
/// Visible sheets of one file at most.
pub(super) const SHEETS_MAX: usize = 32;

/// The sheets of a file.
#[derive(Debug, Default)]
pub struct Grid<'a> {
    /// In their order; a text file is one sheet without a name.
    pub sheets: Vec<GridSheet<'a>>,
}

/// One sheet.
#[derive(Debug, Default)]
pub struct GridSheet<'a> {
    /// Its name; empty for a text file.
    pub name: String,
    table: Table<'a>,
}

/// One row that is not blank.
#[derive(Clone, Copy, Debug)]
pub struct GridRow<'t>(RowView<'t>);

/// A row that keeps its text.
#[derive(Clone, Debug)]
pub struct KeptRow(RowKept);

impl KeptRow {
    /// The row.
    pub fn row(&self) -> GridRow<'_> {
        GridRow(self.0.view())
    }
}

/// Who takes the rows of a spreadsheet one after another, so that it is never in memory as a
/// whole.
pub trait RowTaker {
    /// About so many rows will come, of all sheets.
    fn expect(&mut self, rows: usize);
    /// A sheet begins; a text file is one sheet without a name.
    fn sheet(&mut self, name: &str);
    /// What the reader found; it comes before the row that it concerns.
    fn found(&mut self, finding: &Finding);
    /// A row of the sheet that is not blank.
    fn row(&mut self, row: GridRow<'_>);
}

impl Grid<'static> {
    fn of(sheets: Vec<(String, Table<'static>)>) -> Self {
        let sheet = |(name, table)| GridSheet { name, table };
        Grid {
            sheets: sheets.into_iter().map(sheet).collect(),
        }
    }
}

impl GridSheet<'_> {
    /// Rows that are not blank.
    pub fn rows(&self) -> impl Iterator<Item = GridRow<'_>> {
        self.table.rows_from(0).map(GridRow)
    }

    /// The row at a line, counted from 1, unless it is blank.
    pub fn row_at(&self, line: u64) -> Option<GridRow<'_>> {
        self.table.row_at(line).map(GridRow)
    }

    /// How many rows are not blank.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether every row is blank.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }
}

impl<'t> GridRow<'t> {
    /// The same row with a text of its own.
    pub fn keep(&self) -> KeptRow {
        KeptRow(self.0.keep())
    }

    /// Its place in the sheet, counted from 1.
    pub fn line(&self) -> u64 {
        self.0.line
    }

    /// The text of a cell without spaces around it; empty when the row is shorter.
    pub fn text(&self, column: usize) -> &'t str {
        self.0.text(column)
    }

    /// Whether the cell is a number to the spreadsheet program, which keeps 15 digits of it.
    pub fn is_number(&self, column: usize) -> bool {
        self.0.is_number(column)
    }

    /// Cells up to the last one that is not empty.
    pub fn width(&self) -> usize {
        self.0.width()
    }
}

/// A heading as headings are compared: full-width signs as ASCII, without white space.
pub fn heading(text: &str) -> Cow<'_, str> {
    plain(text)
}

/// Reads a spreadsheet: xlsx, xls, ods, or csv in UTF-8 or GB18030. The findings say why a file or
/// row could not be read; nothing may be used when one of them blocks.
pub fn read_grid(bytes: &[u8]) -> (Grid<'_>, Vec<Finding>) {
    let mut findings = Findings::default();
    let grid = match bytes {
        [b'P', b'K', 3, 4, ..] => opened(bytes, &mut findings),
        _ if xls::is_compound(bytes) => guarded(&mut findings, |findings| {
            xls::read(bytes, findings).map(Grid::of)
        }),
        _ => text(bytes, &mut findings),
    };
    if grid.sheets.iter().all(GridSheet::is_empty) {
        findings.nothing_inside();
    }
    (grid, findings.into_vec())
}

/// Reads a spreadsheet as [`read_grid`] does, and hands out its rows while it is read. The
/// findings are all that were handed out, and those of the file; nothing that was taken may be
/// used when one of them blocks.
pub fn each_row(bytes: &[u8], taker: &mut dyn RowTaker) -> Vec<Finding> {
    let mut findings = Findings::default();
    let mut handing = Handing {
        taker,
        told: 0,
        rows: 0,
    };
    match bytes {
        [b'P', b'K', 3, 4, ..] if !ods::is_ods(bytes) => {
            match archive::check_within(bytes, INFLATED_MAX) {
                Ok(rows) => {
                    handing.taker.expect(rows);
                    guarded(&mut findings, |findings| {
                        each_of_xlsx(bytes, findings, &mut handing).map(|()| Grid::default())
                    });
                }
                Err(detail) => findings.file(Fault::WorkbookHostile, &[("detail", &detail)]),
            }
        }
        [b'P', b'K', 3, 4, ..] => handing.whole(&opened(bytes, &mut findings), &findings),
        _ if xls::is_compound(bytes) => {
            let grid = guarded(&mut findings, |findings| {
                xls::read(bytes, findings).map(Grid::of)
            });
            handing.whole(&grid, &findings);
        }
        _ => each_of_text(bytes, &mut findings, &mut handing),
    }
    handing.told(&findings);
    if handing.rows == 0 {
        findings.nothing_inside();
    }
    findings.into_vec()
}

/// Hands rows out with what was found before them.
struct Handing<'t> {
    taker: &'t mut dyn RowTaker,
    /// Findings that were handed out.
    told: usize,
    rows: usize,
}

impl Handing<'_> {
    fn told(&mut self, findings: &Findings) {
        for finding in findings.since(self.told) {
            self.taker.found(finding);
        }
        self.told = findings.len();
    }

    fn rows(&mut self, table: &Table<'_>, findings: &Findings) {
        self.told(findings);
        for row in table.rows_from(0) {
            self.rows += 1;
            self.taker.row(GridRow(row));
        }
    }

    /// A file that its reader had in memory anyhow.
    fn whole(&mut self, grid: &Grid<'_>, findings: &Findings) {
        self.taker
            .expect(grid.sheets.iter().map(GridSheet::len).sum());
        let name_of = |finding: &Finding| finding.place.sheet.clone().unwrap_or_default();
        for sheet in &grid.sheets {
            self.taker.sheet(&sheet.name);
            for finding in findings.since(0) {
                if name_of(finding) == sheet.name {
                    self.taker.found(finding);
                }
            }
            for row in sheet.rows() {
                self.rows += 1;
                self.taker.row(row);
            }
        }
        self.told = findings.len();
    }
}

fn each_of_xlsx(
    bytes: &[u8],
    findings: &mut Findings,
    handing: &mut Handing<'_>,
) -> Result<(), String> {
    let told = |error: calamine::XlsxError| error.to_string();
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(told)?;
    let names = workbook::visible_sheets(&workbook);
    if names.len() > SHEETS_MAX {
        return Err(too_many_sheets());
    }
    for name in names {
        findings.sheet(&name);
        handing.taker.sheet(&name);
        let mut table = Table::default();
        let mut drain = |table: &Table<'_>, findings: &Findings| handing.rows(table, findings);
        let drain: Drain<'_> = Some(&mut drain);
        let limits = Limits::SHEET;
        workbook::fill(&mut workbook, &name, &limits, &mut table, findings, drain).map_err(told)?;
    }
    Ok(())
}

fn each_of_text(bytes: &[u8], findings: &mut Findings, handing: &mut Handing<'_>) {
    let source = Source::open(Kind::Csv, bytes, findings);
    let Some(text) = source.into_text() else {
        return;
    };
    handing.taker.sheet("");
    let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    handing.taker.expect(lines);
    let mut drain = |table: &Table<'_>, findings: &Findings| handing.rows(table, findings);
    csv::read_draining(&text, &Limits::SHEET, findings, Some(&mut drain));
}

fn text<'a>(bytes: &'a [u8], findings: &mut Findings) -> Grid<'a> {
    let source = Source::open(Kind::Csv, bytes, findings);
    let Some(text) = source.into_text() else {
        return Grid::default();
    };
    // Cells are places in the text, so the text can be handed over after they are found.
    let table = csv::read(&text, &Limits::SHEET_KEPT, findings).keeping(Cow::Borrowed(""));
    let table = table.keeping(text);
    Grid {
        sheets: vec![GridSheet {
            name: String::new(),
            table,
        }],
    }
}

/// A zip container.
fn opened(bytes: &[u8], findings: &mut Findings) -> Grid<'static> {
    let is_ods = ods::is_ods(bytes);
    let most = match is_ods {
        true => ODS_INFLATED_MAX,
        false => INFLATED_MAX,
    };
    if let Err(detail) = archive::check_within(bytes, most) {
        findings.file(Fault::WorkbookHostile, &[("detail", &detail)]);
        return Grid::default();
    }
    guarded(findings, |findings| match is_ods {
        true => ods::read(bytes, findings).map(Grid::of),
        false => xlsx(bytes, findings),
    })
}

/// Reads a workbook. As in reading bank files, a panic of the reader is a broken workbook.
fn guarded(
    findings: &mut Findings,
    read: impl FnOnce(&mut Findings) -> Result<Grid<'static>, String>,
) -> Grid<'static> {
    let detail = match catch_unwind(AssertUnwindSafe(|| read(findings))) {
        Ok(Ok(grid)) => return grid,
        Ok(Err(detail)) => detail,
        Err(_) => "单元格引用无效 / an invalid cell reference".to_owned(),
    };
    findings.file(Fault::WorkbookBroken, &[("detail", &detail)]);
    Grid::default()
}

/// A sheet that is passed over would be people who are passed over.
pub(super) fn too_many_sheets() -> String {
    format!("工作表超过 {SHEETS_MAX} 张,请拆分 / more than {SHEETS_MAX} sheets: split the file")
}

fn xlsx(bytes: &[u8], findings: &mut Findings) -> Result<Grid<'static>, String> {
    let told = |error: calamine::XlsxError| error.to_string();
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(told)?;
    let names = workbook::visible_sheets(&workbook);
    let mut grid = Grid::default();
    if names.len() > SHEETS_MAX {
        return Err(too_many_sheets());
    }
    for name in names {
        findings.sheet(&name);
        let mut table = Table::default();
        let limits = Limits::SHEET_KEPT;
        workbook::fill(&mut workbook, &name, &limits, &mut table, findings, None).map_err(told)?;
        grid.sheets.push(GridSheet { name, table });
    }
    Ok(grid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::writer::zipped;

    #[test]
    fn an_open_document_is_read_with_its_blank_rows_and_numbers() {
        let text = |text: &str| {
            format!(
                "<table:table-cell office:value-type=\"string\"><text:p>{text}</text:p>\
                 </table:table-cell>"
            )
        };
        let number = "<table:table-cell office:value-type=\"float\" office:value=\"12.5\">\
                      <text:p>12.5</text:p></table:table-cell>";
        let row = |cells: &str| format!("<table:table-row>{cells}</table:table-row>");
        let content = format!(
            "<?xml version=\"1.0\"?><office:document-content><office:body><office:spreadsheet>\
             <table:table table:name=\"名册\">{}{}{}</table:table></office:spreadsheet>\
             </office:body></office:document-content>",
            row(&(text("姓名") + &text("金额"))),
            row("<table:table-cell table:number-columns-repeated=\"1024\"/>"),
            row(&(text("示例甲") + number)),
        );
        let bytes = zipped(&[
            ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
            (
                "META-INF/manifest.xml",
                "<manifest:manifest></manifest:manifest>",
            ),
            ("content.xml", &content),
        ]);
        let (grid, findings) = read_grid(&bytes);
        assert_eq!(findings, []);
        let sheet = &grid.sheets[0];
        let rows: Vec<_> = sheet
            .rows()
            .map(|row| (row.line(), row.text(0), row.text(1), row.is_number(1)))
            .collect();
        let expected = [(1, "姓名", "金额", false), (3, "示例甲", "12.5", true)];
        assert_eq!((sheet.name.as_str(), rows), ("名册", expected.to_vec()));
    }

    /// A file that another program wrote: two visible sheets, one of them empty, and a hidden one;
    /// a blank row, a number and dates.
    #[test]
    fn a_workbook_of_excel_97_is_read() {
        let (grid, findings) = read_grid(include_bytes!("../../tests/data/roster.xls"));
        assert_eq!(findings, []);
        let names: Vec<_> = grid
            .sheets
            .iter()
            .map(|sheet| sheet.name.as_str())
            .collect();
        assert_eq!(names, ["农村低保", "空表"]);
        let rows: Vec<_> = grid.sheets[0]
            .rows()
            .map(|row| {
                let cells: Vec<_> = (0..row.width()).map(|column| row.text(column)).collect();
                format!("{} {}", row.line(), cells.join("|"))
            })
            .collect();
        assert_eq!(
            rows,
            [
                "1 示例县农村低保备案表",
                "2 序号|户主姓名|户主身份证号|享受人姓名|月补助金额|纳入日期",
                "3 1|示例甲|110101190001010016|示例甲|422.75|2022-01-15",
                "5 2|示例乙|110101190002020020|示例丙|300|2022-03-01",
            ]
        );
        assert!(grid.sheets[0].row_at(3).is_some_and(|row| row.is_number(4)));
    }

    #[test]
    fn a_cut_or_changed_workbook_of_excel_97_is_refused() {
        let whole = include_bytes!("../../tests/data/roster.xls");
        for length in (0..whole.len()).step_by(97) {
            let (grid, findings) = read_grid(&whole[..length]);
            let refused = crate::finding::is_blocked(&findings);
            assert!(refused || !grid.sheets.is_empty(), "{length}");
        }
        for at in (0..whole.len()).step_by(61) {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 0xff;
            // Whatever it says now, reading it ends.
            let _ = read_grid(&bytes);
        }
    }
}
