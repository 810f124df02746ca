//! Every kind of file as rows of cells, each row with its line in the file.

use std::borrow::Cow;
use std::ops::Range;

use crate::encoding::{Decoded, control, decode, not_text, trim};
use crate::finding::{Fault, Findings, masked};
use crate::profile::{Kind, Profile};
use crate::{delimited, sheet};

/// Rows of one file at most: 100,000 payments and room to spare.
pub(crate) const ROWS_MAX: usize = 200_000;
/// Columns of one row at most.
pub(crate) const COLUMNS_MAX: usize = 64;
/// Bytes of a text file at most: 200,000 rows of 300 bytes.
pub(crate) const BYTES_MAX: usize = 64 << 20;

/// What a cell was in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellKind {
    Text,
    /// A number of a workbook, printed in its shortest decimal form.
    Number,
}

/// One cell, trimmed.
#[derive(Clone, Debug)]
pub(crate) struct Cell<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) kind: CellKind,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowView<'t, 'a> {
    /// Line or row in the file, from 1.
    pub(crate) line: u64,
    pub(crate) cells: &'t [Cell<'a>],
}

impl<'t> RowView<'t, '_> {
    /// The text of a cell; empty when the row is shorter.
    pub(crate) fn text(&self, index: usize) -> &'t str {
        self.cells.get(index).map_or("", |cell| &cell.text)
    }

    /// Number of cells up to the last one that is not empty.
    pub(crate) fn width(&self) -> usize {
        self.cells
            .iter()
            .rposition(|cell| !cell.text.is_empty())
            .map_or(0, |last| last + 1)
    }
}

/// The rows of a file that are not blank, comment or closing line.
#[derive(Debug, Default)]
pub(crate) struct Table<'a> {
    cells: Vec<Cell<'a>>,
    rows: Vec<(u64, Range<usize>)>,
}

impl<'a> Table<'a> {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn row(&self, index: usize) -> Option<RowView<'_, 'a>> {
        let (line, range) = self.rows.get(index)?;
        Some(RowView {
            line: *line,
            cells: self.cells.get(range.clone())?,
        })
    }

    /// Rows from `first` on.
    pub(crate) fn rows_from(&self, first: usize) -> impl Iterator<Item = RowView<'_, 'a>> {
        (first..self.len()).filter_map(|index| self.row(index))
    }

    /// Takes the cells of a row; blank rows are left out, and false is given when the table is
    /// full.
    pub(crate) fn push(
        &mut self,
        line: u64,
        cells: impl Iterator<Item = Cell<'a>>,
        limits: &Limits,
        findings: &mut Findings,
    ) -> bool {
        let start = self.cells.len();
        self.cells.extend(cells.take(COLUMNS_MAX + 1));
        if self.cells.len() - start > COLUMNS_MAX {
            self.cells.truncate(start + COLUMNS_MAX);
            let max = COLUMNS_MAX.to_string();
            findings.row(
                Fault::RowLong,
                line,
                &[("found", "> 64"), ("expected", &max)],
            );
        }
        let row = self.cells.get(start..).unwrap_or_default();
        if row.iter().all(|cell| cell.text.is_empty()) {
            self.cells.truncate(start);
            return true;
        }
        if self.rows.len() >= limits.rows {
            self.cells.truncate(start);
            if limits.is_whole {
                let detail = format!("{ROWS_MAX} 行 / rows");
                findings.row(Fault::TooLarge, line, &[("detail", &detail)]);
            }
            return false;
        }
        for (number, cell) in (1..).zip(row) {
            if let Some(sign) = control(&cell.text) {
                let value = format!("U+{:04X}", u32::from(sign));
                let column: u64 = number;
                let values = [("value", value.as_str())];
                findings.cell(Fault::ControlCharacter, line, &column.to_string(), &values);
            }
        }
        self.rows.push((line, start..self.cells.len()));
        true
    }
}

/// How much of a file is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rows that are kept.
    pub(crate) rows: usize,
    /// More rows are a fault; otherwise they are left unread.
    pub(crate) is_whole: bool,
}

impl Limits {
    /// The whole file.
    pub(crate) const WHOLE: Limits = Limits {
        rows: ROWS_MAX,
        is_whole: true,
    };
    /// Enough to know a layout by.
    pub(crate) const GLANCE: Limits = Limits {
        rows: 40,
        is_whole: false,
    };
}

/// A file with its text decoded, from which tables borrow.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    bytes: &'a [u8],
    decoded: Option<Decoded<'a>>,
}

impl<'a> Source<'a> {
    /// Decodes text kinds; a workbook is opened by [`Source::table`].
    pub(crate) fn open(kind: Kind, bytes: &'a [u8], findings: &mut Findings) -> Source<'a> {
        let mut source = Source {
            bytes,
            decoded: None,
        };
        if kind == Kind::Xlsx {
            return source;
        }
        if let Some(found) = not_text(bytes) {
            findings.file(Fault::NotText, &[("found", found)]);
        } else if bytes.len() > BYTES_MAX {
            findings.file(Fault::TooLarge, &[("detail", "64 MiB")]);
        } else {
            let decoded = decode(bytes);
            for line in &decoded.bad_lines {
                findings.row(Fault::NotDecodable, *line, &[]);
            }
            if decoded.text.contains('\u{fffd}') {
                let lines = (1..).zip(decoded.text.split('\n'));
                for (number, _) in lines.filter(|(_, line)| line.contains('\u{fffd}')) {
                    findings.row(Fault::CharacterLost, number, &[]);
                }
            }
            source.decoded = Some(decoded);
        }
        source
    }

    /// The rows of the file as this profile splits them.
    pub(crate) fn table(
        &self,
        profile: &Profile,
        limits: &Limits,
        findings: &mut Findings,
    ) -> Table<'_> {
        match (&self.decoded, profile.kind) {
            (_, Kind::Xlsx) => sheet::workbook::read(self.bytes, limits, findings),
            (Some(text), Kind::Csv) => sheet::csv::read(&text.text, limits, findings),
            (Some(text), Kind::Delimited) => {
                delimited::read(&profile.text, &text.text, limits, findings)
            }
            (None, Kind::Csv | Kind::Delimited) => Table::default(),
        }
    }
}

/// A text cell that borrows.
pub(crate) fn borrowed(text: &str) -> Cell<'_> {
    Cell {
        text: Cow::Borrowed(trim(text)),
        kind: CellKind::Text,
    }
}

/// A text cell of its own.
pub(crate) fn owned(text: &str) -> Cell<'static> {
    Cell {
        text: Cow::Owned(trim(text).to_owned()),
        kind: CellKind::Text,
    }
}

/// The value of a cell as it may appear in a message.
pub(crate) fn shown(text: &str, is_identifier: bool) -> String {
    if is_identifier {
        masked(text)
    } else {
        text.chars().take(40).collect()
    }
}
