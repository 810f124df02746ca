//! Many rows at once: the buffer they are collected in, and the two ways to ship it.

use crate::db::Value;

/// Rows waiting to be written together, all with the same number of columns.
///
/// Values stand in one flat list; [`RowBuffer::clear`] keeps its space, so that a large load can
/// use one buffer again and again.
#[derive(Clone, Debug)]
pub struct RowBuffer {
    columns: usize,
    values: Vec<Value>,
    ragged: Option<usize>,
}

impl RowBuffer {
    /// An empty buffer for rows of so many columns.
    pub fn new(columns: usize) -> RowBuffer {
        RowBuffer {
            columns,
            values: Vec::new(),
            ragged: None,
        }
    }

    /// An empty buffer with room for so many rows.
    pub fn with_capacity(columns: usize, rows: usize) -> RowBuffer {
        let values = Vec::with_capacity(columns.saturating_mul(rows));
        RowBuffer {
            columns,
            values,
            ragged: None,
        }
    }

    /// Appends a row. A row of another width is left out, and [`crate::db::Tx::bulk`] then refuses
    /// the whole buffer.
    pub fn push(&mut self, row: impl IntoIterator<Item = Value>) {
        let before = self.values.len();
        self.values.extend(row);
        let width = self.values.len() - before;
        if width != self.columns {
            self.values.truncate(before);
            self.ragged.get_or_insert(width);
        }
    }

    /// Columns of each row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Whether no row waits.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Forgets the rows and keeps the space.
    pub fn clear(&mut self) {
        self.values.clear();
        self.ragged = None;
    }

    /// The rows in order.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, Value> {
        self.values.chunks_exact(self.columns.max(1))
    }

    /// One value, to be filled in later, such as a number that the database allots.
    pub fn value_mut(&mut self, row: usize, column: usize) -> Option<&mut Value> {
        if column >= self.columns {
            return None;
        }
        self.values
            .get_mut(row.checked_mul(self.columns)?.checked_add(column)?)
    }

    /// The width of the first row that did not fit.
    pub(crate) fn ragged(&self) -> Option<usize> {
        self.ragged
    }
}

/// Rows that one SQLite statement writes before other tasks may use the thread.
pub(crate) const SQLITE_CHUNK_ROWS: usize = 5_000;

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
/// and bytes; an integer is a `bigint`. Nothing when a value is too long (2 GiB).
pub(crate) fn copy_row(out: &mut Vec<u8>, row: &[Value]) -> Option<()> {
    const NULL: [u8; 4] = (-1_i32).to_be_bytes();
    out.extend_from_slice(&i16::try_from(row.len()).ok()?.to_be_bytes());
    for value in row {
        let bytes = match value {
            Value::Int(number) => {
                out.extend_from_slice(&8_i32.to_be_bytes());
                out.extend_from_slice(&number.to_be_bytes());
                continue;
            }
            Value::NullInt | Value::NullText | Value::NullBytes => {
                out.extend_from_slice(&NULL);
                continue;
            }
            Value::Text(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
        };
        out.extend_from_slice(&i32::try_from(bytes.len()).ok()?.to_be_bytes());
        out.extend_from_slice(bytes);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_value_can_be_filled_in() {
        let mut buffer = RowBuffer::new(2);
        buffer.push([Value::NullInt, Value::from("甲")]);
        assert!(buffer.value_mut(0, 2).is_none() && buffer.value_mut(1, 0).is_none());
        *buffer.value_mut(0, 0).unwrap() = Value::Int(7);
        assert_eq!(buffer.rows().next().unwrap()[0], Value::Int(7));
    }

    #[test]
    fn copy_rows_have_the_documented_bytes() {
        let mut out = Vec::new();
        let row = [Value::Int(1), Value::from("ab"), Value::NullBytes];
        copy_row(&mut out, &row).unwrap();
        let expected = [
            &[0, 3][..],
            &[0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0, 0, 0, 2, b'a', b'b'],
            &[0xff, 0xff, 0xff, 0xff],
        ];
        assert_eq!(out, expected.concat());
    }
}
