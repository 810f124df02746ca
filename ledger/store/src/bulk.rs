//! Many rows at once: the buffer they are collected in, and the two ways to ship it.

use ledger::audit::row::Field;

use crate::db::Value;
use crate::table::Table;

/// Rows waiting to be written together, all with the same number of columns.
///
/// Numbers stand in one flat list, text and bytes one after the other in one space each, so that a
/// row costs no allocation; [`RowBuffer::clear`] keeps the space for the next rows.
///
/// A row is filled cell by cell ([`RowBuffer::int`], [`RowBuffer::text`] …) and ended by
/// [`RowBuffer::end`], or pushed whole. A buffer of a sealed table leaves room for `entry` and
/// `seal`: callers give the other columns only.
#[derive(Clone, Debug)]
pub struct RowBuffer {
    columns: usize,
    /// Where `entry` and `seal` go.
    stamp: Option<usize>,
    cells: Vec<Cell>,
    text: String,
    bytes: Vec<u8>,
    /// Where the row that is being filled starts.
    open: usize,
    ragged: Option<usize>,
}

/// One value: a number, or where it stands in its space.
#[derive(Clone, Copy, Debug)]
enum Cell {
    Int(i64),
    Text(u32, u32),
    Bytes(u32, u32),
    NullInt,
    NullText,
    NullBytes,
}

impl RowBuffer {
    /// An empty buffer for rows of so many columns.
    pub fn new(columns: usize) -> RowBuffer {
        RowBuffer {
            columns,
            stamp: None,
            cells: Vec::new(),
            text: String::new(),
            bytes: Vec::new(),
            open: 0,
            ragged: None,
        }
    }

    /// An empty buffer with room for so many rows.
    pub fn with_capacity(columns: usize, rows: usize) -> RowBuffer {
        let mut buffer = RowBuffer::new(columns);
        buffer.cells.reserve(columns.saturating_mul(rows));
        buffer
    }

    /// An empty buffer for rows of a sealed table; `entry` and `seal` are filled in when they are
    /// written.
    pub fn of(table: &'static Table) -> RowBuffer {
        RowBuffer {
            stamp: Some(table.spec.columns.len()),
            ..RowBuffer::new(table.columns.len())
        }
    }

    /// Adds an integer to the row.
    pub fn int(&mut self, number: i64) -> &mut RowBuffer {
        self.cell(Cell::Int(number))
    }

    /// Adds an integer or its absence to the row.
    pub fn opt_int(&mut self, number: Option<i64>) -> &mut RowBuffer {
        self.cell(number.map_or(Cell::NullInt, Cell::Int))
    }

    /// Adds text to the row.
    pub fn text(&mut self, text: &str) -> &mut RowBuffer {
        let place = place(self.text.len(), text.len());
        self.text.push_str(text);
        self.placed(place.map(|(start, length)| Cell::Text(start, length)))
    }

    /// Adds bytes to the row.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut RowBuffer {
        let place = place(self.bytes.len(), bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.placed(place.map(|(start, length)| Cell::Bytes(start, length)))
    }

    /// Adds any value to the row.
    pub fn value(&mut self, value: &Value) -> &mut RowBuffer {
        match value {
            Value::Int(number) => self.int(*number),
            Value::Text(text) => self.text(text),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::NullInt => self.cell(Cell::NullInt),
            Value::NullText => self.cell(Cell::NullText),
            Value::NullBytes => self.cell(Cell::NullBytes),
        }
    }

    /// Adds a value as the audit trail encodes it; a commitment cannot be stored and makes the row
    /// ragged.
    pub fn field(&mut self, field: Field<'_>) -> &mut RowBuffer {
        match field {
            Field::Int(number) => self.int(number),
            Field::Text(text) => self.text(text),
            Field::Bytes(bytes) => self.bytes(bytes),
            Field::NullInt => self.cell(Cell::NullInt),
            Field::NullText => self.cell(Cell::NullText),
            Field::NullBytes => self.cell(Cell::NullBytes),
            Field::Commitment(_) => self.placed(None),
        }
    }

    /// Ends the row. One of another width is left out, and [`crate::db::Tx::bulk`] then refuses
    /// the whole buffer.
    pub fn end(&mut self) {
        if let Some(stamp) = self.stamp
            && self.cells.len() >= self.open + stamp
        {
            let at = self.open + stamp;
            self.cells.splice(at..at, [Cell::Int(0), Cell::Int(0)]);
        }
        let width = self.cells.len() - self.open;
        if width != self.columns {
            self.cells.truncate(self.open);
            self.ragged.get_or_insert(width);
        }
        self.open = self.cells.len();
    }

    /// Appends a row; see [`RowBuffer::end`].
    pub fn push(&mut self, row: impl IntoIterator<Item = Value>) {
        for value in row {
            self.value(&value);
        }
        self.end();
    }

    /// Columns of each row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.cells.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Whether no row waits.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Forgets the rows and keeps the space.
    pub fn clear(&mut self) {
        self.cells.clear();
        self.text.clear();
        self.bytes.clear();
        self.open = 0;
        self.ragged = None;
    }

    /// The rows in order.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = RowRef<'_>> + ExactSizeIterator {
        let rows = self.cells.chunks_exact(self.columns.max(1));
        rows.map(|cells| RowRef { cells, of: self })
    }

    /// One row.
    pub fn row(&self, row: usize) -> Option<RowRef<'_>> {
        let start = row.checked_mul(self.columns)?;
        let cells = self.cells.get(start..start + self.columns)?;
        Some(RowRef { cells, of: self })
    }

    /// Puts an integer into a cell that has one.
    pub fn set_int(&mut self, row: usize, column: usize, number: i64) {
        let at = row.saturating_mul(self.columns).saturating_add(column);
        if let Some(cell @ Cell::Int(_)) = self.cells.get_mut(at) {
            *cell = Cell::Int(number);
        }
    }

    /// Fills in the entry and the seal of a row.
    pub(crate) fn stamp(&mut self, row: usize, entry: i64, seal: i64) {
        let Some(stamp) = self.stamp else { return };
        let at = row * self.columns + stamp;
        if let Some([into_entry, into_seal]) = self.cells.get_mut(at..at + 2) {
            (*into_entry, *into_seal) = (Cell::Int(entry), Cell::Int(seal));
        }
    }

    /// The width of the first row that did not fit.
    pub(crate) fn ragged(&self) -> Option<usize> {
        self.ragged
    }

    fn cell(&mut self, cell: Cell) -> &mut RowBuffer {
        self.cells.push(cell);
        self
    }

    fn placed(&mut self, cell: Option<Cell>) -> &mut RowBuffer {
        match cell {
            Some(cell) => self.cells.push(cell),
            None => {
                self.ragged.get_or_insert(0);
            }
        }
        self
    }
}

/// Start and length of a value in its space; none beyond 4 GiB.
fn place(start: usize, length: usize) -> Option<(u32, u32)> {
    let end = start.checked_add(length)?;
    u32::try_from(end).ok()?;
    Some((u32::try_from(start).ok()?, u32::try_from(length).ok()?))
}

/// One row of a [`RowBuffer`].
#[derive(Clone, Copy, Debug)]
pub struct RowRef<'a> {
    cells: &'a [Cell],
    of: &'a RowBuffer,
}

impl<'a> RowRef<'a> {
    /// The values in order.
    pub fn fields(self) -> impl ExactSizeIterator<Item = Field<'a>> {
        self.cells.iter().map(move |cell| self.of.read(*cell))
    }

    /// The value in a column.
    pub fn field(self, column: usize) -> Option<Field<'a>> {
        self.cells.get(column).map(|cell| self.of.read(*cell))
    }
}

impl RowRef<'_> {
    /// The value in a column, to be kept.
    pub fn value(self, column: usize) -> Option<Value> {
        self.field(column).map(|field| match field {
            Field::Int(number) => Value::Int(number),
            Field::Text(text) => Value::from(text),
            Field::Bytes(bytes) => Value::from(bytes),
            Field::NullText => Value::NullText,
            Field::NullBytes => Value::NullBytes,
            _ => Value::NullInt,
        })
    }
}

impl PartialEq for RowRef<'_> {
    fn eq(&self, other: &RowRef<'_>) -> bool {
        self.fields().eq(other.fields())
    }
}

impl RowBuffer {
    fn read(&self, cell: Cell) -> Field<'_> {
        let range = |start: u32, length: u32| {
            let start = start as usize;
            start..start + length as usize
        };
        match cell {
            Cell::Int(number) => Field::Int(number),
            Cell::Text(start, length) => Field::Text(&self.text[range(start, length)]),
            Cell::Bytes(start, length) => Field::Bytes(&self.bytes[range(start, length)]),
            Cell::NullInt => Field::NullInt,
            Cell::NullText => Field::NullText,
            Cell::NullBytes => Field::NullBytes,
        }
    }
}

/// Rows that one SQLite statement writes before other tasks may use the thread.
pub(crate) const SQLITE_CHUNK_ROWS: usize = 10_000;

/// Bytes of COPY data sent at once.
pub(crate) const COPY_CHUNK_BYTES: usize = 256 * 1024;

/// `insert` with one parameter for each column.
pub(crate) fn insert_sql(table: &str, columns: &[&str]) -> String {
    let marks = vec!["?"; columns.len()].join(", ");
    format!(
        "insert into {table} ({}) values ({marks})",
        columns.join(", ")
    )
}

/// `insert` of rows that come as one array for each column, with the arrays' types.
pub(crate) fn unnest_sql(table: &str, columns: &[&str], types: &[&str]) -> String {
    let arrays: Vec<String> = (1..)
        .zip(types)
        .map(|(number, kind)| format!("${number}::{kind}"))
        .collect();
    let (columns, arrays) = (columns.join(", "), arrays.join(", "));
    format!("insert into {table} ({columns}) select * from unnest({arrays})")
}

/// `copy` in the binary format.
pub(crate) fn copy_sql(table: &str, columns: &[&str]) -> String {
    format!(
        "copy {table} ({}) from stdin with (format binary)",
        columns.join(", ")
    )
}

/// Signature, flags and length of the extension: the head of binary COPY data
/// (<https://www.postgresql.org/docs/15/sql-copy.html>, "Binary Format").
pub(crate) const COPY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The end of binary COPY data: a field count of -1.
pub(crate) const COPY_TAIL: &[u8] = &[0xff, 0xff];

/// Appends one row in the binary format of COPY: the number of fields, and for each its length
/// and bytes. `wide` says of each column whether an integer is a `bigint` or an `integer`. Nothing
/// when a value does not fit.
pub(crate) fn copy_row(out: &mut Vec<u8>, row: RowRef<'_>, wide: &[bool]) -> Option<()> {
    const NULL: [u8; 4] = (-1_i32).to_be_bytes();
    out.extend_from_slice(&i16::try_from(wide.len()).ok()?.to_be_bytes());
    for (field, wide) in row.fields().zip(wide) {
        let bytes = match field {
            Field::Int(number) if *wide => {
                out.extend_from_slice(&8_i32.to_be_bytes());
                out.extend_from_slice(&number.to_be_bytes());
                continue;
            }
            Field::Int(number) => {
                out.extend_from_slice(&4_i32.to_be_bytes());
                out.extend_from_slice(&i32::try_from(number).ok()?.to_be_bytes());
                continue;
            }
            Field::Text(text) => text.as_bytes(),
            Field::Bytes(bytes) => bytes,
            _ => {
                out.extend_from_slice(&NULL);
                continue;
            }
        };
        out.extend_from_slice(&i32::try_from(bytes.len()).ok()?.to_be_bytes());
        out.extend_from_slice(bytes);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn rows_of_another_width_are_left_out_and_remembered() {
        let mut buffer = RowBuffer::with_capacity(2, 2);
        buffer.push([Value::from(1), Value::from("甲")]);
        buffer.push([Value::from(2)]);
        assert_eq!((buffer.len(), buffer.ragged()), (1, Some(1)));
        buffer.clear();
        assert_eq!(
            (buffer.len(), buffer.is_empty(), buffer.ragged()),
            (0, true, None)
        );
    }

    #[test]
    fn entry_and_seal_are_stamped_between_the_sealed_columns_and_the_rest() {
        let mut buffer = RowBuffer::of(&table::STORED_FILE);
        for id in [1, 2] {
            buffer.int(1).int(id).text("batch").text("甲.txt");
            buffer.bytes(&[7; 32]).int(3).bytes(b"abc").end();
        }
        buffer.stamp(1, 9, -5);
        assert_eq!((buffer.len(), buffer.ragged()), (2, None));
        let fields: Vec<_> = buffer.row(1).unwrap().fields().collect();
        assert_eq!(fields[1], Field::Int(2));
        assert_eq!(fields[3], Field::Text("甲.txt"));
        assert_eq!(
            fields[5..],
            [
                Field::Int(3),
                Field::Int(9),
                Field::Int(-5),
                Field::Bytes(b"abc")
            ]
        );
    }

    #[test]
    fn copy_rows_have_the_documented_bytes() {
        let mut buffer = RowBuffer::new(4);
        buffer.push([
            Value::Int(1),
            Value::Int(-2),
            Value::from("ab"),
            Value::NullBytes,
        ]);
        let mut out = Vec::new();
        let row = buffer.row(0).unwrap();
        copy_row(&mut out, row, &[true, false, false, false]).unwrap();
        let expected = [
            &[0, 4][..],
            &[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0, 0, 0, 4, 0xff, 0xff, 0xff, 0xfe],
            &[0, 0, 0, 2, b'a', b'b'],
            &[0xff, 0xff, 0xff, 0xff],
        ];
        assert_eq!(out, expected.concat());
        let mut large = RowBuffer::new(1);
        large.int(1 << 31).end();
        assert_eq!(copy_row(&mut out, large.row(0).unwrap(), &[false]), None);
    }
}
