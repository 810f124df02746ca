//! Rows of a roster that have been read, laid aside in a file without a name: it is gone when the
//! import ends, however it ends, and no row stays in memory.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use anyhow::Context;
use ledger::id::ComponentId;
use ledger::money::Fen;
use ledger::program::{Quantity, Scope};
use ledger_store::roster::PartyKind;

use super::sheet::{Payee, RosterRow, RowPlace};
use crate::app::Error;

/// Bytes that are read together: some hundred rows.
const WINDOW: usize = 64 << 10;

/// Rows that are being laid aside.
#[derive(Default)]
pub(super) struct Staging {
    file: Option<BufWriter<File>>,
    /// Where each row ends.
    ends: Vec<u64>,
    row: Vec<u8>,
    /// Why the file could not be written.
    failed: Option<io::Error>,
}

impl Staging {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Lays a row aside. What goes wrong is told by [`Staging::finish`].
    pub(super) fn push(&mut self, row: &RosterRow) {
        self.row.clear();
        encode(row, &mut self.row);
        let end = self.ends.last().copied().unwrap_or_default();
        let length = u64::try_from(self.row.len()).unwrap_or_default();
        self.ends.push(end + length);
        if self.failed.is_none()
            && let Err(error) = self.written()
        {
            self.failed = Some(error);
        }
    }

    fn written(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::with_capacity(WINDOW, tempfile::tempfile()?)),
        };
        file.write_all(&self.row)
    }

    /// The rows, to be read.
    ///
    /// # Errors
    /// An accident when the temporary file cannot be written.
    pub(super) fn finish(self) -> Result<Staged, Error> {
        if let Some(error) = self.failed {
            return Err(Error::Internal(
                anyhow::Error::new(error).context("temporary file of a roster"),
            ));
        }
        let written =
            |file: BufWriter<File>| file.into_inner().map_err(io::IntoInnerError::into_error);
        let file = self.file.map(written);
        let file = file.transpose().context("temporary file of a roster")?;
        Ok(Staged {
            file,
            ends: self.ends,
        })
    }
}

/// Rows that were laid aside, in their order.
#[derive(Default)]
pub(super) struct Staged {
    file: Option<File>,
    ends: Vec<u64>,
}

impl Staged {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Reads rows; one reader at a time.
    pub(super) fn reader(&self) -> Rows<'_> {
        Rows {
            staged: self,
            window: Vec::new(),
            start: 0,
        }
    }

    /// All rows with their numbers, from 0.
    pub(super) fn each(&self) -> impl Iterator<Item = Result<(usize, RosterRow), Error>> + '_ {
        let mut rows = self.reader();
        (0..self.len()).map(move |number| Ok((number, rows.row(number)?)))
    }
}

/// Reads rows by their numbers; those that follow each other are read together.
pub(super) struct Rows<'s> {
    staged: &'s Staged,
    window: Vec<u8>,
    /// Where the window stands in the file.
    start: u64,
}

impl Rows<'_> {
    /// A row.
    ///
    /// # Errors
    /// An accident when the temporary file cannot be read.
    pub(super) fn row(&mut self, number: usize) -> Result<RosterRow, Error> {
        let row = self.found(number).and_then(|bytes| {
            let mut bytes = bytes;
            decode(&mut bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
        });
        Ok(row.context("temporary file of a roster")?)
    }

    fn found(&mut self, number: usize) -> io::Result<&[u8]> {
        let absent = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let ends = &self.staged.ends;
        let end = *ends.get(number).ok_or_else(absent)?;
        let before = number.checked_sub(1).and_then(|before| ends.get(before));
        let begin = before.copied().unwrap_or_default();
        let held = u64::try_from(self.window.len()).unwrap_or_default();
        if begin < self.start || end > self.start + held {
            let mut file = self.staged.file.as_ref().ok_or_else(absent)?;
            let length = usize::try_from(end - begin).unwrap_or(usize::MAX);
            // The next rows come along, unless this is one far from the last.
            let follows = begin >= self.start && begin <= self.start + held;
            let wanted = if follows { length.max(WINDOW) } else { length };
            file.seek(SeekFrom::Start(begin))?;
            self.window.clear();
            let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
            file.take(wanted).read_to_end(&mut self.window)?;
            self.start = begin;
        }
        let at = |place: u64| usize::try_from(place - self.start).unwrap_or(usize::MAX);
        self.window.get(at(begin)..at(end)).ok_or_else(absent)
    }
}

fn encode(row: &RosterRow, out: &mut Vec<u8>) {
    let RosterRow {
        place,
        is_head,
        is_member,
        file_no,
        area,
        name,
        identity_no,
        head_name,
        component,
        scope,
        tag,
        income,
        amount,
        quantity,
        disability,
        basis,
        payee,
        bank,
        account_no,
    } = row;
    out.extend([
        place.sheet,
        place.name,
        u8::from(*is_head),
        u8::from(*is_member),
        u8::from(*scope == Scope::Household),
    ]);
    out.extend(place.row.to_le_bytes());
    for word in [area, tag, basis, bank] {
        let word = u32::try_from(*word).unwrap_or(u32::MAX);
        out.extend(word.to_le_bytes());
    }
    out.extend(component.get().to_le_bytes());
    out.extend(income.get().to_le_bytes());
    for number in [
        amount.map(Fen::get),
        quantity.map(Quantity::milli),
        *disability,
    ] {
        out.push(u8::from(number.is_some()));
        out.extend(number.unwrap_or_default().to_le_bytes());
    }
    for words in [file_no, name, identity_no, head_name, account_no] {
        text(words, out);
    }
    let kind = payee.as_deref().map_or("", |payee| payee.kind.code());
    text(kind, out);
    if let Some(payee) = payee {
        text(&payee.name, out);
        text(&payee.number, out);
    }
}

fn text(text: &str, out: &mut Vec<u8>) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend(length.to_le_bytes());
    out.extend(text.as_bytes());
}

fn decode(bytes: &mut &[u8]) -> Option<RosterRow> {
    let [sheet, name, is_head, is_member, is_household] = taken::<5>(bytes)?;
    let place = RowPlace {
        sheet,
        row: u32::from_le_bytes(taken(bytes)?),
        name,
    };
    let [area, tag, basis, bank] = [word(bytes)?, word(bytes)?, word(bytes)?, word(bytes)?];
    let component = ComponentId(i64::from_le_bytes(taken(bytes)?));
    let income = Fen::new(i64::from_le_bytes(taken(bytes)?));
    let [amount, quantity, disability] = [number(bytes)?, number(bytes)?, number(bytes)?];
    let [file_no, name, identity_no] = [words(bytes)?, words(bytes)?, words(bytes)?];
    let [head_name, account_no] = [words(bytes)?, words(bytes)?];
    let payee = match &*words(bytes)? {
        "" => None,
        kind => Some(Box::new(Payee {
            kind: PartyKind::from_code(kind)?,
            name: words(bytes)?,
            number: words(bytes)?,
        })),
    };
    let scope = match is_household {
        0 => Scope::Person,
        _ => Scope::Household,
    };
    Some(RosterRow {
        place,
        is_head: is_head != 0,
        is_member: is_member != 0,
        file_no,
        area,
        name,
        identity_no,
        head_name,
        component,
        scope,
        tag,
        income,
        amount: amount.map(Fen::new),
        quantity: quantity.and_then(Quantity::from_milli),
        disability,
        basis,
        payee,
        bank,
        account_no,
    })
}

fn taken<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

fn word(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(taken(bytes)?)).ok()
}

fn number(bytes: &mut &[u8]) -> Option<Option<i64>> {
    let [is_some] = taken(bytes)?;
    let number = i64::from_le_bytes(taken(bytes)?);
    Some((is_some != 0).then_some(number))
}

fn words(bytes: &mut &[u8]) -> Option<Box<str>> {
    let length = word(bytes)?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(Box::from(std::str::from_utf8(text).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32) -> RosterRow {
        let institution = Payee {
            kind: PartyKind::Institution,
            name: "某县福利院".into(),
            number: "12610881MB2A00001X".into(),
        };
        RosterRow {
            place: RowPlace {
                sheet: 3,
                row: number,
                name: 4,
            },
            is_head: number.is_multiple_of(2),
            is_member: number.is_multiple_of(3),
            file_no: format!("D{number}").into(),
            area: 7,
            name: "示例·甲".into(),
            identity_no: format!("id{number}").into(),
            head_name: "示例乙".repeat(usize::try_from(number % 3).unwrap()).into(),
            component: ComponentId(9),
            scope: if number.is_multiple_of(5) {
                Scope::Household
            } else {
                Scope::Person
            },
            tag: 1,
            income: Fen::new(i64::from(number) * 100),
            amount: number.is_multiple_of(2).then(|| Fen::new(-5)),
            quantity: number
                .is_multiple_of(7)
                .then(|| Quantity::from_milli(1_500))
                .flatten(),
            disability: number.is_multiple_of(4).then_some(2),
            basis: 11,
            payee: number.is_multiple_of(6).then(|| Box::new(institution)),
            bank: 13,
            account_no: "6227".repeat(usize::try_from(number % 50).unwrap()).into(),
        }
    }

    /// Everything of a row, whatever it holds.
    fn bytes(row: &RosterRow) -> Vec<u8> {
        let mut out = Vec::new();
        encode(row, &mut out);
        out
    }

    #[test]
    fn rows_come_back_as_they_were_in_any_order() {
        let mut staging = Staging::default();
        let count = 3_000;
        (0..count).for_each(|number| staging.push(&row(number)));
        let staged = staging.finish().unwrap();
        assert_eq!(staged.len(), 3_000);
        for read in staged.each() {
            let (number, read) = read.unwrap();
            let expected = row(u32::try_from(number).unwrap());
            assert_eq!(bytes(&read), bytes(&expected));
            assert_eq!(read.payee.is_some(), expected.payee.is_some());
            assert_eq!(read.quantity, expected.quantity);
        }
        let mut rows = staged.reader();
        for step in 0..count {
            let number = step * 1_237 % count;
            let read = rows.row(usize::try_from(number).unwrap()).unwrap();
            assert_eq!(bytes(&read), bytes(&row(number)));
        }
        assert!(rows.row(3_000).is_err());
        assert!(
            Staging::default()
                .finish()
                .unwrap()
                .reader()
                .row(0)
                .is_err()
        );
    }
}
