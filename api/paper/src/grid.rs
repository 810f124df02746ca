//! Ruled tables: columns with widths, head rows that are repeated on every page, cells that span.

use crate::wrap;
use crate::{Font, Length, POINT};

/// Space between a rule and the text.
const PADDING: Length = 3 * POINT;
/// Space above and below the lines of a cell.
const LEADING: Length = 3 * POINT;

/// Where the text of a cell stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// 左.
    #[default]
    Left,
    /// 中.
    Centre,
    /// 右: figures.
    Right,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its share of the width, against those of the others.
    pub share: i32,
    /// Where its texts stand.
    pub align: Align,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What stands in it; long texts are broken into lines.
    pub text: String,
    /// How many columns it takes; 0 counts as 1.
    pub wide: usize,
    /// How many rows it takes; 0 counts as 1. Rows that a cell joins stay on one page only in the
    /// head.
    pub tall: usize,
    /// Where the text stands, when not as the column says.
    pub align: Option<Align>,
    /// Whether it is printed bold.
    pub bold: bool,
}

impl Cell {
    /// A cell of one column and row.
    pub fn new(text: impl Into<String>) -> Cell {
        Cell {
            text: text.into(),
            ..Cell::default()
        }
    }

    /// The same over several columns.
    #[must_use]
    pub fn wide(mut self, columns: usize) -> Cell {
        self.wide = columns;
        self
    }

    /// The same over several rows.
    #[must_use]
    pub fn tall(mut self, rows: usize) -> Cell {
        self.tall = rows;
        self
    }

    /// The same, aligned in its own way.
    #[must_use]
    pub fn align(mut self, align: Align) -> Cell {
        self.align = Some(align);
        self
    }

    /// The same in bold.
    #[must_use]
    pub fn bold(mut self) -> Cell {
        self.bold = true;
        self
    }
}

/// A ruled table over the whole width of the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// Its columns.
    pub columns: Vec<Column>,
    /// The rows that stand on top of it on every page.
    pub head: Vec<Vec<Cell>>,
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
    /// The type size; 0 for the usual one.
    pub size: Length,
    /// The least height of a row.
    pub row_height: Length,
}

/// The type size of a table that names none.
pub(crate) const SIZE: Length = 9 * POINT;

impl Grid {
    /// A table of texts under one row of heads, each with whether its column holds figures. Widths
    /// follow from what stands in the columns; figures are never broken, and a table that is too
    /// wide is set smaller. Also says how wide the table is at the usual size.
    pub fn of_texts(
        heads: &[(String, bool)],
        rows: &[Vec<String>],
        font: &Font,
        width: Length,
    ) -> (Grid, Length) {
        let natural = |size: Length| natural_widths(heads, rows, font, size);
        let sizes = [SIZE, 8 * POINT, 7 * POINT, 6 * POINT, 5 * POINT];
        let fits = |size: &Length| least(&natural(*size), heads) <= width;
        let size = sizes.into_iter().find(fits).unwrap_or(5 * POINT);
        let wanted = natural(size);
        let columns = heads.iter().zip(fitted(&wanted, heads, width));
        let columns = columns.map(|((_, right), share)| Column {
            share,
            align: if *right { Align::Right } else { Align::Left },
        });
        let grid = Grid {
            columns: columns.collect(),
            head: vec![head_row(heads)],
            rows: rows
                .iter()
                .map(|row| row.iter().map(Cell::new).collect())
                .collect(),
            size,
            row_height: 0,
        };
        (grid, natural(SIZE).iter().sum())
    }

    /// The type size.
    pub(crate) fn type_size(&self) -> Length {
        if self.size == 0 { SIZE } else { self.size }
    }

    /// The left edge of each column, and the right edge of the last.
    pub(crate) fn edges(&self, left: Length, width: Length) -> Vec<Length> {
        let shares: i64 = self
            .columns
            .iter()
            .map(|column| i64::from(column.share))
            .sum();
        let mut edges = vec![left];
        let mut sum = 0;
        for column in &self.columns {
            sum += i64::from(column.share);
            let offset = i64::from(width) * sum / shares.max(1);
            edges.push(left + Length::try_from(offset).unwrap_or(width));
        }
        edges
    }
}

fn head_row(heads: &[(String, bool)]) -> Vec<Cell> {
    let cell = |(text, _): &(String, bool)| Cell::new(text).align(Align::Centre).bold();
    heads.iter().map(cell).collect()
}

/// How wide each column is when nothing is broken.
fn natural_widths(
    heads: &[(String, bool)],
    rows: &[Vec<String>],
    font: &Font,
    size: Length,
) -> Vec<Length> {
    let mut widths: Vec<Length> = heads
        .iter()
        .map(|(head, _)| font.width(head, size))
        .collect();
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(font.width(text, size));
        }
    }
    widths
        .iter()
        .map(|width| width + 2 * PADDING + POINT)
        .collect()
}

/// Texts may shrink to this share of what they want, in per cent.
const SHRINK: Length = 45;

/// The least width of the whole: figures as they are, texts broken into a few lines.
fn least(wanted: &[Length], heads: &[(String, bool)]) -> Length {
    let of = |(width, (_, right)): (&Length, &(String, bool))| {
        if *right { *width } else { width * SHRINK / 100 }
    };
    wanted.iter().zip(heads).map(of).sum()
}

/// The widths in which the columns fill the page: what is left over goes to all in proportion;
/// what is missing is taken from the texts.
fn fitted(wanted: &[Length], heads: &[(String, bool)], width: Length) -> Vec<Length> {
    let total: Length = wanted.iter().sum();
    if total <= width {
        return wanted.to_vec();
    }
    let figures: Length = wanted
        .iter()
        .zip(heads)
        .filter(|(_, (_, right))| *right)
        .map(|(wanted, _)| *wanted)
        .sum();
    let texts = i64::from((total - figures).max(1));
    let left = i64::from((width - figures).max(width / 10));
    let share = |(wanted, (_, right)): (&Length, &(String, bool))| {
        if *right {
            return *wanted;
        }
        let part = i64::from(*wanted) * left / texts;
        Length::try_from(part).unwrap_or(*wanted).max(1)
    };
    wanted.iter().zip(heads).map(share).collect()
}

/// A cell in its place: rows of the block, lines of its text.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) left: Length,
    pub(crate) right: Length,
    pub(crate) first_row: usize,
    pub(crate) tall: usize,
    pub(crate) lines: Vec<String>,
    pub(crate) align: Align,
    pub(crate) bold: bool,
}

/// Rows laid out together: the cells and the height of each row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Laid {
    pub(crate) cells: Vec<Placed>,
    pub(crate) heights: Vec<Length>,
}

impl Laid {
    /// The height of all rows.
    pub(crate) fn height(&self) -> Length {
        self.heights.iter().sum()
    }
}

/// The height of a line of text.
pub(crate) fn line_height(size: Length) -> Length {
    size * 13 / 10
}

/// Lays some rows of a grid out. Columns that a tall cell of an earlier row covers are passed over.
pub(crate) fn lay(grid: &Grid, rows: &[Vec<Cell>], edges: &[Length], font: &Font) -> Laid {
    let columns = grid.columns.len();
    let size = grid.type_size();
    let mut covered = vec![0_usize; columns];
    let mut laid = Laid::default();
    for (row_no, row) in rows.iter().enumerate() {
        let mut column = 0;
        for cell in row {
            while covered.get(column).is_some_and(|until| *until > row_no) {
                column += 1;
            }
            let next = (column + cell.wide.max(1)).min(columns);
            let (Some(left), Some(right), Some(about)) =
                (edges.get(column), edges.get(next), grid.columns.get(column))
            else {
                break;
            };
            let tall = cell.tall.max(1).min(rows.len() - row_no);
            for until in covered.iter_mut().take(next).skip(column) {
                *until = row_no + tall;
            }
            laid.cells.push(Placed {
                left: *left,
                right: *right,
                first_row: row_no,
                tall,
                lines: wrap::lines(&cell.text, font, size, right - left - 2 * PADDING),
                align: cell.align.unwrap_or(about.align),
                bold: cell.bold,
            });
            column = next;
        }
    }
    laid.heights = heights(&laid.cells, rows.len(), size, grid.row_height);
    laid
}

/// Each row is as high as its highest cell; a tall cell that needs more stretches its last row.
fn heights(cells: &[Placed], rows: usize, size: Length, at_least: Length) -> Vec<Length> {
    let needed = |cell: &Placed| {
        let lines = Length::try_from(cell.lines.len()).unwrap_or(1);
        lines * line_height(size) + 2 * LEADING
    };
    let least = at_least.max(line_height(size) + 2 * LEADING);
    let mut heights = vec![least; rows];
    for cell in cells.iter().filter(|cell| cell.tall == 1) {
        if let Some(height) = heights.get_mut(cell.first_row) {
            *height = (*height).max(needed(cell));
        }
    }
    for cell in cells.iter().filter(|cell| cell.tall > 1) {
        let last = cell.first_row + cell.tall - 1;
        let have: Length = heights.iter().skip(cell.first_row).take(cell.tall).sum();
        if let Some(height) = heights.get_mut(last) {
            *height += (needed(cell) - have).max(0);
        }
    }
    heights
}

/// A row that is higher than a page in pieces that are not: it goes on below itself, first in what
/// is `left` of this page, then in the `room` of the next ones.
pub(crate) fn pieces(laid: Laid, size: Length, (left, room): (Length, Length)) -> Vec<Laid> {
    if laid.height() <= room || laid.heights.len() != 1 {
        return vec![laid];
    }
    let fitting = |height: Length| {
        let lines = (height - 2 * LEADING) / line_height(size);
        usize::try_from(lines).unwrap_or(0)
    };
    // A line or two at the foot of a page are not worth it.
    let first = Some(fitting(left)).filter(|lines| *lines > 2);
    let each = fitting(room).max(1);
    let longest = laid.cells.iter().map(|cell| cell.lines.len()).max();
    let longest = longest.unwrap_or(0);
    let (mut made, mut done) = (Vec::new(), 0);
    while done < longest {
        let take = first.filter(|_| done == 0).unwrap_or(each);
        let part = |cell: &Placed| Placed {
            lines: cell.lines.iter().skip(done).take(take).cloned().collect(),
            ..cell.clone()
        };
        let cells: Vec<Placed> = laid.cells.iter().map(part).collect();
        let heights = heights(&cells, 1, size, 0);
        made.push(Laid { cells, heights });
        done += take;
    }
    made
}

/// Where a text begins so that it stands as asked between two rules.
pub(crate) fn text_left(cell: &Placed, width: Length) -> Length {
    match cell.align {
        Align::Left => cell.left + PADDING,
        Align::Centre => cell.left + (cell.right - cell.left - width) / 2,
        Align::Right => cell.right - PADDING - width,
    }
}
