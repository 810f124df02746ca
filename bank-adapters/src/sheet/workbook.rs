//! Workbooks, read cell by cell under limits.

use std::borrow::Cow;
use std::io::{Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{
    Data, DataRef, Range, Reader, SheetType, SheetVisible, Xlsx, XlsxError as ReadError,
};

use super::{archive, xls};
use crate::encoding::trim;
use crate::finding::{Fault, Findings};
use crate::table::{COLUMNS_MAX, CellKind, Drain, Limits, ROWS_MAX, Table};

/// Bytes of one cell at most: identifiers, names and remarks are short.
const CELL_MAX: usize = 2_000;
/// Bytes of all cells at most: a million cells can share one long string.
const CELLS_MAX: usize = 64 << 20;
/// The same where rows are handed out and forgotten: a bound on time, not on memory.
const CELLS_DRAINED_MAX: usize = 512 << 20;

/// Reads the first visible sheet. The streaming reader is used, and never the dense range: two
/// cells far apart would make that ask for hundreds of gigabytes.
pub(crate) fn read(bytes: &[u8], limits: &Limits, findings: &mut Findings) -> Table<'static> {
    if xls::is_compound(bytes) {
        return read_old(bytes, findings);
    }
    if !bytes.starts_with(b"PK\x03\x04") {
        let found = "文本或其他 / text or other";
        findings.file(Fault::NotWorkbook, &[("found", found)]);
        return Table::default();
    }
    if let Err(detail) = archive::check(bytes) {
        findings.file(Fault::WorkbookHostile, &[("detail", &detail)]);
        return Table::default();
    }
    // The reader of workbooks overflows on references such as `A99999999999` where overflow is
    // checked. A panic of it is a broken workbook; what it had read by then is not used.
    let mut table = Table::default();
    let reading = AssertUnwindSafe(|| {
        read_sheet(bytes, limits, &mut table, findings).map_err(|error| error.to_string())
    });
    let detail = match catch_unwind(reading) {
        Ok(Ok(())) => return table,
        Ok(Err(detail)) => detail,
        Err(_) => "单元格引用无效 / an invalid cell reference".to_owned(),
    };
    findings.file(Fault::WorkbookBroken, &[("detail", &detail)]);
    Table::default()
}

/// Reads the first visible sheet of a workbook of Excel 97 to 2003, in which banks keep their
/// forms. A panic of its reader is a broken workbook, as below.
fn read_old(bytes: &[u8], findings: &mut Findings) -> Table<'static> {
    let read = catch_unwind(AssertUnwindSafe(|| xls::read(bytes, findings)));
    let sheets = match read {
        Ok(Ok(sheets)) => sheets,
        Ok(Err(detail)) => {
            findings.file(Fault::WorkbookBroken, &[("detail", &detail)]);
            return Table::default();
        }
        Err(_) => {
            let detail = "记录无效 / an invalid record";
            findings.file(Fault::WorkbookBroken, &[("detail", detail)]);
            return Table::default();
        }
    };
    let count = sheets.len();
    let Some((name, table)) = sheets.into_iter().next() else {
        return Table::default();
    };
    findings.sheet(&name);
    if count > 1 {
        let count = count.to_string();
        findings.file(Fault::OtherSheets, &[("count", &count), ("sheet", &name)]);
    }
    table
}

fn read_sheet(
    bytes: &[u8],
    limits: &Limits,
    table: &mut Table<'static>,
    findings: &mut Findings,
) -> Result<(), ReadError> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes))?;
    let count = workbook.sheets_metadata().len();
    let Some(name) = visible_sheets(&workbook).into_iter().next() else {
        return Err(ReadError::WorksheetNotFound("1".to_owned()));
    };
    findings.sheet(&name);
    if count > 1 {
        let values = [("count", count.to_string()), ("sheet", name.clone())];
        let values = values.each_ref().map(|(key, value)| (*key, value.as_str()));
        findings.file(Fault::OtherSheets, &values);
    }
    fill(&mut workbook, &name, limits, table, findings, None)
}

/// The names of the sheets that a person sees, in their order.
pub(super) fn visible_sheets<R: Read + Seek>(workbook: &Xlsx<R>) -> Vec<String> {
    let is_sheet = |sheet: &&calamine::Sheet| {
        sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible
    };
    let sheets = workbook.sheets_metadata().iter().filter(is_sheet);
    sheets.map(|sheet| sheet.name.clone()).collect()
}

/// Reads one sheet cell by cell; with a drain its rows are handed out while they are read.
pub(super) fn fill<R: Read + Seek>(
    workbook: &mut Xlsx<R>,
    name: &str,
    limits: &Limits,
    table: &mut Table<'static>,
    findings: &mut Findings,
    drain: Drain<'_>,
) -> Result<(), ReadError> {
    let mut reader = workbook.worksheet_cells_reader(name)?;
    let mut rows = Rows::new(limits, table, findings, drain);
    while let Some(cell) = reader.next_cell()? {
        if !rows.cell(cell.get_position(), cell.get_value()) {
            break;
        }
    }
    rows.finish();
    Ok(())
}

/// Reads a sheet whose cells are all there.
pub(super) fn fill_range(
    range: &Range<Data>,
    limits: &Limits,
    table: &mut Table<'static>,
    findings: &mut Findings,
) {
    let mut rows = Rows::new(limits, table, findings, None);
    let (first_row, first_column) = range.start().unwrap_or_default();
    let at =
        |first: u32, place: usize| first.saturating_add(u32::try_from(place).unwrap_or(u32::MAX));
    for (row, column, value) in range.used_cells() {
        let place = (at(first_row, row), at(first_column, column));
        if !rows.cell(place, &borrowed(value)) {
            break;
        }
    }
    rows.finish();
}

fn borrowed(value: &Data) -> DataRef<'_> {
    match value {
        Data::Int(value) => DataRef::Int(*value),
        Data::Float(value) => DataRef::Float(*value),
        Data::String(value) => DataRef::SharedString(value),
        Data::Bool(value) => DataRef::Bool(*value),
        Data::DateTime(value) => DataRef::DateTime(*value),
        Data::DateTimeIso(value) => DataRef::DateTimeIso(value.clone()),
        Data::DurationIso(value) => DataRef::DurationIso(value.clone()),
        Data::Error(error) => DataRef::Error(error.clone()),
        _ => DataRef::Empty,
    }
}

/// Cells in the order of a sheet, as they become rows.
pub(super) struct Rows<'f, 'd> {
    limits: &'f Limits,
    table: &'f mut Table<'static>,
    findings: &'f mut Findings,
    drain: Drain<'d>,
    row_at: u32,
    bytes_total: usize,
    /// A cell was beyond the limits: its row is not complete.
    is_cut: bool,
}

impl<'f, 'd> Rows<'f, 'd> {
    pub(super) fn new(
        limits: &'f Limits,
        table: &'f mut Table<'static>,
        findings: &'f mut Findings,
        drain: Drain<'d>,
    ) -> Rows<'f, 'd> {
        Rows {
            limits,
            table,
            findings,
            drain,
            row_at: 0,
            bytes_total: 0,
            is_cut: false,
        }
    }

    /// Adds a cell at a row and column, counted from 0; false when the sheet is full.
    pub(super) fn cell(&mut self, at: (u32, u32), value: &DataRef<'_>) -> bool {
        self.is_cut = !self.added(at, value);
        !self.is_cut
    }

    fn added(&mut self, (at, column): (u32, u32), value: &DataRef<'_>) -> bool {
        if matches!(value, DataRef::Empty) {
            return true;
        }
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        let (text, kind) = cell_text(value);
        self.bytes_total = self.bytes_total.saturating_add(text.len());
        let most = match self.drain {
            Some(_) => CELLS_DRAINED_MAX,
            None => CELLS_MAX,
        };
        // Where only some rows are wanted, what is behind them is no fault.
        let rows = match self.limits.is_whole {
            true => self.limits.rows,
            false => ROWS_MAX,
        };
        if let Some(detail) = beyond((at, column), &text, rows, (self.bytes_total, most)) {
            let values = [("detail", detail.as_str())];
            self.findings
                .row(Fault::TooLarge, u64::from(at) + 1, &values);
            return false;
        }
        if at < self.row_at || (at == self.row_at && column < self.table.width_in_hand()) {
            self.findings.row(Fault::RowStrange, u64::from(at) + 1, &[]);
            return false;
        }
        if at > self.row_at {
            if !self.end() {
                return false;
            }
            self.row_at = at;
        }
        while self.table.width_in_hand() < column {
            self.table.own_cell("", CellKind::Text);
        }
        self.table.own_cell(&text, kind);
        true
    }

    /// Completes the row in hand; false when the table is full.
    fn end(&mut self) -> bool {
        let line = u64::from(self.row_at) + 1;
        let has_room = self.table.end_row(line, self.limits, self.findings);
        self.table.drain(false, self.findings, &mut self.drain);
        has_room
    }

    /// Completes the sheet.
    fn finish(mut self) {
        if !self.is_cut {
            self.end();
        }
        self.table.drain(true, self.findings, &mut self.drain);
    }
}

/// Why a cell is beyond the limits: so many rows, and so many bytes of all that there may be.
fn beyond(
    (row, column): (u32, usize),
    text: &str,
    rows: usize,
    (total, most): (usize, usize),
) -> Option<String> {
    if usize::try_from(row).map_or(true, |row| row >= rows) {
        Some(format!("{rows} 行 / rows"))
    } else if column >= COLUMNS_MAX {
        Some("64 列 / columns".to_owned())
    } else if text.len() > CELL_MAX {
        Some("单元格 2000 字节 / bytes in a cell".to_owned())
    } else if total > most {
        Some(format!("{} MiB", most >> 20))
    } else {
        None
    }
}

/// The text of a cell. A number is printed in the shortest decimal form that gives the same
/// number back; this is the one place where a float is seen, and it never enters arithmetic.
fn cell_text<'v>(value: &'v DataRef<'_>) -> (Cow<'v, str>, CellKind) {
    let text = |text: &'v str| (Cow::Borrowed(trim(text)), CellKind::Text);
    match value {
        DataRef::String(value) => text(value),
        DataRef::SharedString(value) => text(value),
        DataRef::Int(value) => (value.to_string().into(), CellKind::Number),
        DataRef::Float(value) => (format!("{value}").into(), CellKind::Number),
        DataRef::Bool(value) => text(if *value { "TRUE" } else { "FALSE" }),
        DataRef::DateTime(value) => {
            let (year, month, day, ..) = value.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            (date.into(), CellKind::Text)
        }
        DataRef::DateTimeIso(value) | DataRef::DurationIso(value) => text(value),
        DataRef::Error(error) => (error.to_string().into(), CellKind::Text),
        DataRef::Empty => text(""),
    }
}
