//! Reading binary COPY data: what [`crate::db::Tx::scan`] gets from PostgreSQL.
//!
//! The data is a head, then for each row the number of its fields and for each field its length
//! and bytes, then a field count of -1
//! (<https://www.postgresql.org/docs/15/sql-copy.html>, "Binary Format"). It does not say what the
//! fields are: their kinds come from the prepared statement.

use ledger::audit::row::Field;

use crate::bulk::COPY_HEAD;

/// The most columns that a scanned row has; a test compares it with the sealed tables.
pub(crate) const SCAN_COLUMNS_MAX: usize = 24;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
    /// Something that the audit trail cannot encode.
    Other,
}

impl Kind {
    /// By the name that PostgreSQL gives the type.
    pub(crate) fn of(name: &str) -> Kind {
        match name {
            "INT8" | "INT4" | "INT2" => Kind::Int,
            "TEXT" | "VARCHAR" | "CHAR" => Kind::Text,
            "BYTEA" => Kind::Bytes,
            _ => Kind::Other,
        }
    }

    fn read(self, bytes: &[u8]) -> Option<Field<'_>> {
        match self {
            Kind::Int => match bytes.len() {
                8 => bytes.try_into().ok().map(i64::from_be_bytes),
                4 => bytes.try_into().ok().map(i32::from_be_bytes).map(i64::from),
                2 => bytes.try_into().ok().map(i16::from_be_bytes).map(i64::from),
                _ => None,
            }
            .map(Field::Int),
            Kind::Text => std::str::from_utf8(bytes).ok().map(Field::Text),
            Kind::Bytes => Some(Field::Bytes(bytes)),
            Kind::Other => None,
        }
    }
}

/// The statement with its numbers in the place of its parameters: COPY takes none.
pub(crate) fn with_numbers(sql: &str, numbers: &[i64]) -> String {
    // From the last one, so that `$1` is not found in `$10`.
    let places = (1..=numbers.len()).rev().zip(numbers.iter().rev());
    places.fold(sql.to_owned(), |sql, (place, number)| {
        sql.replace(&format!("${place}"), &number.to_string())
    })
}

/// The data is not what PostgreSQL documents.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BrokenCopy;

/// Takes COPY data in pieces of any length and hands out its rows.
#[derive(Debug)]
pub(crate) struct CopyReader {
    kinds: Vec<Kind>,
    /// The beginning of a row whose end has not come yet.
    rest: Vec<u8>,
    begun: bool,
    ended: bool,
    /// Values that the audit trail cannot encode: handed out as NULL.
    pub(crate) malformed: u64,
}

impl CopyReader {
    /// A reader of rows with columns of these kinds; none for more than [`SCAN_COLUMNS_MAX`].
    pub(crate) fn new(kinds: Vec<Kind>) -> Option<CopyReader> {
        (kinds.len() <= SCAN_COLUMNS_MAX).then_some(CopyReader {
            kinds,
            rest: Vec::new(),
            begun: false,
            ended: false,
            malformed: 0,
        })
    }

    /// Takes the next piece. The outer error is the data's, the inner one the receiver's.
    pub(crate) fn take<E>(
        &mut self,
        piece: &[u8],
        receive: &mut impl FnMut(&[Field<'_>]) -> Result<(), E>,
    ) -> Result<Result<(), E>, BrokenCopy> {
        if self.rest.is_empty() {
            let (used, result) = self.rows(piece, receive)?;
            self.rest
                .extend_from_slice(piece.get(used..).unwrap_or_default());
            return Ok(result);
        }
        let mut data = std::mem::take(&mut self.rest);
        data.extend_from_slice(piece);
        let (used, result) = self.rows(&data, receive)?;
        data.drain(..used);
        self.rest = data;
        Ok(result)
    }

    /// Whether the data came to its end.
    pub(crate) fn ended(&self) -> bool {
        self.ended && self.rest.is_empty()
    }

    /// Hands out the whole rows in the data; tells how many bytes they are.
    fn rows<E>(
        &mut self,
        data: &[u8],
        receive: &mut impl FnMut(&[Field<'_>]) -> Result<(), E>,
    ) -> Result<(usize, Result<(), E>), BrokenCopy> {
        let mut at = 0;
        if !self.begun {
            let Some(head) = data.get(..COPY_HEAD.len()) else {
                return Ok((0, Ok(())));
            };
            // PostgreSQL sets no flag and has no extension; rows with OIDs are long gone.
            if head != COPY_HEAD {
                return Err(BrokenCopy);
            }
            self.begun = true;
            at = COPY_HEAD.len();
        }
        loop {
            let mut fields = [Field::NullInt; SCAN_COLUMNS_MAX];
            let Some(length) = self.row(&data[at..], &mut fields)? else {
                return Ok((at, Ok(())));
            };
            at += length;
            if self.ended {
                return Ok((at, Ok(())));
            }
            if let Err(error) = receive(&fields[..self.kinds.len()]) {
                return Ok((at, Err(error)));
            }
        }
    }

    /// Reads a row and tells its length; none when it is not all there.
    fn row<'d>(
        &mut self,
        data: &'d [u8],
        fields: &mut [Field<'d>; SCAN_COLUMNS_MAX],
    ) -> Result<Option<usize>, BrokenCopy> {
        let Some((count, mut left)) = data.split_first_chunk() else {
            return Ok(None);
        };
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            self.ended = true;
            return Ok(Some(2));
        }
        if self.ended || usize::try_from(count) != Ok(self.kinds.len()) {
            return Err(BrokenCopy);
        }
        let mut malformed = 0;
        for (kind, field) in self.kinds.iter().zip(fields) {
            let Some((length, after)) = left.split_first_chunk() else {
                return Ok(None);
            };
            left = after;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                // -1: NULL.
                *field = Field::NullInt;
                continue;
            };
            let Some((bytes, after)) = left.split_at_checked(length) else {
                return Ok(None);
            };
            left = after;
            *field = kind.read(bytes).unwrap_or_else(|| {
                malformed += 1;
                Field::NullInt
            });
        }
        self.malformed += malformed;
        Ok(Some(data.len() - left.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bulk::{COPY_TAIL, RowBuffer, copy_row};
    use crate::table;

    const KINDS: [Kind; 4] = [Kind::Int, Kind::Int, Kind::Text, Kind::Bytes];

    fn data() -> Vec<u8> {
        let mut rows = RowBuffer::new(4);
        rows.int(1).int(i64::MIN).text("甲").bytes(b"").end();
        rows.int(-2).int(7).text("").bytes(&[0xff; 300]).end();
        rows.opt_int(None).int(0).text("乙").bytes(b"x").end();
        let mut data = COPY_HEAD.to_vec();
        for row in rows.rows() {
            copy_row(&mut data, row, &[false, true, false, false]).unwrap();
        }
        data.extend_from_slice(COPY_TAIL);
        data
    }

    fn read(reader: &mut CopyReader, data: &[u8], piece: usize) -> Result<Vec<String>, BrokenCopy> {
        let mut rows = Vec::new();
        for piece in data.chunks(piece) {
            let mut receive = |fields: &[Field<'_>]| {
                rows.push(format!("{fields:?}"));
                Ok::<(), ()>(())
            };
            let taken = reader.take(piece, &mut receive)?;
            assert_eq!(taken, Ok(()));
        }
        Ok(rows)
    }

    #[test]
    fn rows_come_out_whole_however_the_data_is_cut() {
        let data = data();
        let whole = read(
            &mut CopyReader::new(KINDS.to_vec()).unwrap(),
            &data,
            data.len(),
        );
        let whole = whole.unwrap();
        assert_eq!(whole.len(), 3);
        assert!(whole[0].contains("Text(\"甲\")"), "{whole:?}");
        assert!(whole[2].starts_with("[NullInt, Int(0)"), "{whole:?}");
        for piece in [1, 2, 3, 7, 19, 20, 21, 64, 333] {
            let mut reader = CopyReader::new(KINDS.to_vec()).unwrap();
            assert_eq!(
                read(&mut reader, &data, piece).as_ref(),
                Ok(&whole),
                "{piece}"
            );
            assert!(reader.ended() && reader.malformed == 0, "{piece}");
        }
        let mut reader = CopyReader::new(KINDS.to_vec()).unwrap();
        read(&mut reader, &data[..data.len() - 1], 50).unwrap();
        assert!(!reader.ended(), "a cut end is seen");
    }

    #[test]
    fn values_that_cannot_be_encoded_are_counted_and_other_data_is_refused() {
        let kinds = vec![Kind::Int, Kind::Other, Kind::Text, Kind::Text];
        let mut reader = CopyReader::new(kinds).unwrap();
        let rows = read(&mut reader, &data(), 1_000).unwrap();
        // A number of an unknown kind in each row, and 300 bytes that are no text.
        assert_eq!((rows.len(), reader.malformed), (3, 4));
        for broken in [&b"PGCOPY\n\xff\r\n\0\0\0\0\x01\0\0\0\0"[..], &[0; 40]] {
            let mut reader = CopyReader::new(KINDS.to_vec()).unwrap();
            assert_eq!(read(&mut reader, broken, 100), Err(BrokenCopy));
        }
        let mut reader = CopyReader::new(vec![Kind::Int; 3]).unwrap();
        assert_eq!(read(&mut reader, &data(), 1_000), Err(BrokenCopy));
    }

    #[test]
    fn numbers_stand_for_parameters() {
        for (sql, numbers, expected) in [
            (
                "a = $1 and b >= $2 and c = $1",
                &[7, -3][..],
                "a = 7 and b >= -3 and c = 7",
            ),
            ("$1 $10", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "1 10"),
            ("select 1", &[], "select 1"),
        ] {
            assert_eq!(with_numbers(sql, numbers), expected);
        }
    }

    #[test]
    fn every_sealed_row_fits() {
        for table in table::ALL {
            assert!(
                table.spec.columns.len() + 2 <= SCAN_COLUMNS_MAX,
                "{}",
                table.spec.table
            );
        }
    }
}
