//! Every kind of file as rows of cells, each row with its line in the file.
//!
//! A table keeps one text for all its cells and eight bytes for each of them: a file of 100,000
//! lines has more than a million cells.

use std::borrow::Cow;

use crate::encoding::{Decoded, control, decode, is_misread, not_text, trim};
use crate::finding::{Fault, Findings, masked};
use crate::profile::{Kind, Profile};
use crate::{delimited, fixed, sheet};

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

/// Where a cell stands in the text of its table, trimmed. Texts of tables are far below 4 GiB.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    start: u32,
    /// The length, doubled; the lowest bit is set for a number.
    length: u32,
}

impl Cell {
    fn of(start: usize, text: &str, kind: CellKind) -> Cell {
        let narrow = |number: usize| u32::try_from(number).unwrap_or_default();
        Cell {
            start: narrow(start),
            length: narrow(text.len()) << 1 | u32::from(kind == CellKind::Number),
        }
    }

    fn start(self) -> usize {
        usize::try_from(self.start).unwrap_or_default()
    }

    fn end(self) -> usize {
        self.start() + usize::try_from(self.length >> 1).unwrap_or_default()
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowView<'t> {
    /// Line or row in the file, from 1.
    pub(crate) line: u64,
    text: &'t str,
    cells: &'t [Cell],
}

/// A row that keeps its text.
#[derive(Debug, Clone)]
pub(crate) struct RowKept {
    line: u64,
    text: String,
    cells: Vec<Cell>,
}

impl RowKept {
    pub(crate) fn view(&self) -> RowView<'_> {
        RowView {
            line: self.line,
            text: &self.text,
            cells: &self.cells,
        }
    }
}

impl<'t> RowView<'t> {
    /// The same row with a text of its own.
    pub(crate) fn keep(&self) -> RowKept {
        let mut kept = RowKept {
            line: self.line,
            text: String::new(),
            cells: Vec::with_capacity(self.cells.len()),
        };
        for (index, text) in self.texts().enumerate() {
            let kind = match self.is_number(index) {
                true => CellKind::Number,
                false => CellKind::Text,
            };
            kept.cells.push(Cell::of(kept.text.len(), text, kind));
            kept.text.push_str(text);
        }
        kept
    }

    /// The text of a cell; empty when the row is shorter.
    pub(crate) fn text(&self, index: usize) -> &'t str {
        let cell = self.cells.get(index).copied().unwrap_or_default();
        self.text.get(cell.start()..cell.end()).unwrap_or_default()
    }

    /// The texts of all cells.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &'t str> {
        let row = *self;
        (0..row.len()).map(move |index| row.text(index))
    }

    /// Whether a cell was a number in a workbook.
    pub(crate) fn is_number(&self, index: usize) -> bool {
        self.cells
            .get(index)
            .is_some_and(|cell| cell.length & 1 == 1)
    }

    /// Number of cells.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Number of cells up to the last one that is not empty.
    pub(crate) fn width(&self) -> usize {
        let is_filled = |cell: &Cell| cell.length > 1;
        self.cells
            .iter()
            .rposition(is_filled)
            .map_or(0, |last| last + 1)
    }
}

/// The rows of a file that are not blank, comment or closing line.
#[derive(Debug, Default)]
pub(crate) struct Table<'a> {
    text: Cow<'a, str>,
    cells: Vec<Cell>,
    /// Line, and the place of the first cell. The cells of the row end where the next one begins.
    rows: Vec<(u64, usize)>,
    /// The cells behind this one belong to a row that is not complete yet.
    done: usize,
    /// Rows that were handed out and forgotten.
    drained: usize,
}

/// Who takes rows while a file is being read, so that it is never in memory as a whole.
pub(crate) type Drain<'d> = Option<&'d mut dyn FnMut(&Table<'_>, &Findings)>;

/// Rows that are handed out together.
const DRAIN_ROWS: usize = 512;

impl<'a> Table<'a> {
    /// No rows yet, of cells that stand in this text.
    pub(crate) fn of(text: &'a str) -> Table<'a> {
        Table {
            text: Cow::Borrowed(text),
            ..Table::default()
        }
    }

    /// The same table, which keeps the text that it borrowed.
    pub(crate) fn keeping<'t>(self, text: Cow<'t, str>) -> Table<'t> {
        Table {
            text: match self.text {
                Cow::Borrowed(_) => text,
                Cow::Owned(own) => Cow::Owned(own),
            },
            cells: self.cells,
            rows: self.rows,
            done: self.done,
            drained: self.drained,
        }
    }

    /// Hands out the rows in hand once there are many, or all with `at_end`, and forgets them.
    pub(crate) fn drain(&mut self, at_end: bool, findings: &Findings, drain: &mut Drain<'_>) {
        let Some(drain) = drain else { return };
        if self.rows.len() < DRAIN_ROWS && !at_end {
            return;
        }
        drain(self, findings);
        self.drained += self.rows.len();
        self.rows.clear();
        self.cells.clear();
        self.done = 0;
        if let Cow::Owned(text) = &mut self.text {
            text.clear();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn row(&self, index: usize) -> Option<RowView<'_>> {
        let (line, start) = self.rows.get(index)?;
        let end = self.rows.get(index + 1).map_or(self.done, |(_, end)| *end);
        Some(RowView {
            line: *line,
            text: &self.text,
            cells: self.cells.get(*start..end)?,
        })
    }

    /// The row at a line of the file.
    pub(crate) fn row_at(&self, line: u64) -> Option<RowView<'_>> {
        let place = self.rows.binary_search_by_key(&line, |(line, _)| *line);
        self.row(place.ok()?)
    }

    /// Rows from `first` on.
    pub(crate) fn rows_from(&self, first: usize) -> impl Iterator<Item = RowView<'_>> {
        (first..self.len()).filter_map(|index| self.row(index))
    }

    /// Adds a cell to the row in hand: `part` of the text of the table, which begins at `start`.
    pub(crate) fn cell(&mut self, start: usize, part: &str) {
        if self.width_in_hand() <= COLUMNS_MAX {
            let text = trim(part);
            let lead = text.as_ptr().addr().saturating_sub(part.as_ptr().addr());
            self.cells
                .push(Cell::of(start + lead, text, CellKind::Text));
        }
    }

    /// Adds a cell to the row in hand, whose text is copied to that of the table.
    pub(crate) fn own_cell(&mut self, text: &str, kind: CellKind) {
        if self.width_in_hand() <= COLUMNS_MAX {
            let text = trim(text);
            self.cells.push(Cell::of(self.text.len(), text, kind));
            self.text.to_mut().push_str(text);
        }
    }

    /// Cells of the row in hand.
    pub(crate) fn width_in_hand(&self) -> usize {
        self.cells.len() - self.done
    }

    /// Completes the row in hand; blank rows are left out, and false is given when the table is
    /// full.
    pub(crate) fn end_row(&mut self, line: u64, limits: &Limits, findings: &mut Findings) -> bool {
        let start = self.done;
        if self.cells.len() - start > COLUMNS_MAX {
            self.cells.truncate(start + COLUMNS_MAX);
            let max = COLUMNS_MAX.to_string();
            findings.row(
                Fault::RowLong,
                line,
                &[("found", "> 64"), ("expected", &max)],
            );
        }
        let row = RowView {
            line,
            text: &self.text,
            cells: self.cells.get(start..).unwrap_or_default(),
        };
        if row.width() == 0 {
            self.cells.truncate(start);
            return true;
        }
        if self.drained + self.rows.len() >= limits.rows {
            self.cells.truncate(start);
            if limits.is_whole {
                let detail = format!("{} 行 / rows", limits.rows);
                findings.row(Fault::TooLarge, line, &[("detail", &detail)]);
            }
            return false;
        }
        check_controls(&row, findings);
        self.rows.push((line, start));
        self.done = self.cells.len();
        true
    }
}

/// A finding for each cell with a character that has no place in it.
fn check_controls(row: &RowView<'_>, findings: &mut Findings) {
    let ends = row.cells.first().zip(row.cells.last());
    let whole = ends.and_then(|(first, last)| row.text.get(first.start()..last.end()));
    // What stands between trimmed cells may be such a character, and is none of theirs.
    if whole.is_some_and(|whole| control(whole).is_none()) {
        return;
    }
    for (number, text) in (1_u64..).zip(row.texts()) {
        if let Some(sign) = control(text) {
            let value = format!("U+{:04X}", u32::from(sign));
            let values = [("value", value.as_str())];
            findings.cell(
                Fault::ControlCharacter,
                row.line,
                &number.to_string(),
                &values,
            );
        }
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
    /// A spreadsheet that people keep: as many rows as such a program has.
    pub(crate) const SHEET: Limits = Limits {
        rows: 1 << 20,
        is_whole: true,
    };
    /// The same where it is kept in memory: a roster with what stands above and below it.
    pub(crate) const SHEET_KEPT: Limits = Limits {
        rows: ROWS_MAX + 1_000,
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
            if is_misread(&decoded.text) {
                findings.file(Fault::Misread, &[]);
            }
            for line in &decoded.bad_lines {
                findings.row(Fault::NotDecodable, *line, &[]);
            }
            if decoded.text.contains("\u{fffd}") {
                let lines = (1..).zip(decoded.text.split('\n'));
                for (number, _) in lines.filter(|(_, line)| line.contains('\u{fffd}')) {
                    findings.row(Fault::CharacterLost, number, &[]);
                }
            }
            source.decoded = Some(decoded);
        }
        source
    }

    /// The text, once it has been decoded.
    pub(crate) fn into_text(self) -> Option<Cow<'a, str>> {
        self.decoded.map(|decoded| decoded.text)
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
            (Some(text), Kind::Fixed) => fixed::read(profile, &text.text, limits, findings),
            // Messages have no rows.
            (_, Kind::Xml | Kind::Tagged) | (None, Kind::Csv | Kind::Delimited | Kind::Fixed) => {
                Table::default()
            }
        }
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
