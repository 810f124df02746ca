//! From blocks to pages: what stands where.

use crate::grid::{self, Grid, Laid};
use crate::{
    Bar, Block, Count, Document, Font, Length, MARGIN, MILLIMETRE, Orientation, POINT, Part, wrap,
};

const TOP: Length = 16 * MILLIMETRE;
const BOTTOM: Length = 18 * MILLIMETRE;
const TITLE: Length = 17 * POINT;
const SUBTITLE: Length = 11 * POINT;
const TEXT: Length = 10 * POINT;
const SMALL: Length = 8 * POINT;
/// Outer rules are thicker than those between cells.
const RULE: Length = 50;
const FRAME: Length = 110;

/// Something drawn: lengths from the upper left corner of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A text from the left end of its baseline.
    Text {
        left: Length,
        base: Length,
        size: Length,
        bold: bool,
        text: String,
    },
    /// A rule.
    Rule {
        from: (Length, Length),
        to: (Length, Length),
        width: Length,
    },
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) orientation: Orientation,
    pub(crate) marks: Vec<Mark>,
}

/// The pages of a document.
pub(crate) fn pages(document: &Document, font: &Font) -> Vec<Page> {
    let parts = document.parts.iter();
    parts.flat_map(|part| Flow::of(part, font)).collect()
}

/// A part on its way onto pages.
struct Flow<'a> {
    part: &'a Part,
    font: &'a Font,
    width: Length,
    bottom: Length,
    at: Length,
    pages: Vec<Page>,
}

impl<'a> Flow<'a> {
    fn of(part: &'a Part, font: &'a Font) -> Vec<Page> {
        let (_, height) = part.orientation.size();
        let mut flow = Flow {
            part,
            font,
            width: part.orientation.inner_width(),
            bottom: height - BOTTOM,
            at: TOP,
            pages: Vec::new(),
        };
        flow.new_page();
        for block in &part.blocks {
            flow.block(block);
        }
        flow.feet();
        flow.pages
    }

    fn new_page(&mut self) {
        let first = self.pages.is_empty();
        self.pages.push(Page {
            orientation: self.part.orientation,
            marks: Vec::new(),
        });
        self.at = TOP;
        if !first && !self.part.running.is_empty() {
            let running = self.part.running.clone();
            self.text(MARGIN, TOP - 2 * MILLIMETRE, SMALL, false, running);
            self.at = TOP + MILLIMETRE;
        }
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.marks.push(mark);
        }
    }

    fn text(&mut self, left: Length, base: Length, size: Length, bold: bool, text: String) {
        if !text.is_empty() {
            self.mark(Mark::Text {
                left,
                base,
                size,
                bold,
                text,
            });
        }
    }

    fn rule(&mut self, from: (Length, Length), to: (Length, Length), width: Length) {
        self.mark(Mark::Rule { from, to, width });
    }

    /// Makes sure that something of this height fits, on the next page if need be.
    fn room(&mut self, height: Length) {
        if self.at + height > self.bottom && self.at > TOP + 2 * MILLIMETRE {
            self.new_page();
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Title(text) => self.centred(text, TITLE, true, 10 * POINT),
            Block::Subtitle(text) => self.centred(text, SUBTITLE, false, 6 * POINT),
            Block::Line(texts) => self.line(texts),
            Block::Heading(text) => {
                // A head does not stand alone at the foot of a page.
                self.room(SUBTITLE * 5);
                self.at += 6 * POINT;
                self.text(MARGIN, self.at + SUBTITLE, SUBTITLE, true, text.clone());
                self.at += SUBTITLE + 7 * POINT;
            }
            Block::Text(text) => {
                for line in wrap::lines(text, self.font, TEXT, self.width) {
                    self.room(grid::line_height(TEXT));
                    self.text(MARGIN, self.at + TEXT, TEXT, false, line);
                    self.at += grid::line_height(TEXT);
                }
            }
            Block::Grid(grid) => self.grid(grid),
            Block::Bars(bars) => self.bars(bars),
            Block::Signatures(signers) => self.signatures(signers),
            Block::Space(height) => self.at += height,
        }
    }

    fn centred(&mut self, text: &str, size: Length, bold: bool, below: Length) {
        for line in wrap::lines(text, self.font, size, self.width) {
            self.room(size * 3);
            let left = MARGIN + (self.width - self.font.width(&line, size)) / 2;
            self.text(left, self.at + size, size, bold, line);
            self.at += grid::line_height(size);
        }
        self.at += below;
    }

    /// Left, middle and right on one line; under each other when they do not fit beside.
    fn line(&mut self, texts: &[String; 3]) {
        let widths = texts.each_ref().map(|text| self.font.width(text, TEXT));
        let gap = 4 * MILLIMETRE;
        if widths.iter().sum::<Length>() + 2 * gap > self.width {
            for text in texts.iter().filter(|text| !text.is_empty()) {
                self.block(&Block::Text(text.clone()));
            }
            self.at += 3 * POINT;
            return;
        }
        self.room(TEXT * 2);
        let [left, middle, right] = texts.clone();
        let [left_width, middle_width, right_width] = widths;
        let right_at = MARGIN + self.width - right_width;
        let centre = MARGIN + (self.width - middle_width) / 2;
        // The middle gives way to a long left or right text.
        let most = (right_at - gap - middle_width).max(MARGIN);
        let middle_at = centre.min(most).max(MARGIN + left_width + gap);
        let base = self.at + TEXT;
        self.text(MARGIN, base, TEXT, false, left);
        self.text(middle_at, base, TEXT, false, middle);
        self.text(right_at, base, TEXT, false, right);
        self.at += TEXT + 6 * POINT;
    }

    /// Names on the left, bars from the same edge, figures on the right.
    fn bars(&mut self, bars: &[Bar]) {
        let (name, high) = (self.width * 3 / 10, 4 * MILLIMETRE);
        let room = self.width * 5 / 10;
        for bar in bars {
            self.room(high + 2 * MILLIMETRE);
            let (left, middle) = (MARGIN + name, self.at + high / 2);
            let long = i64::from(room) * i64::from(bar.size.clamp(0, 10_000)) / 10_000;
            let end = left + Length::try_from(long).unwrap_or(room);
            let base = middle + SMALL / 2 - POINT;
            let first = wrap::lines(&bar.name, self.font, SMALL, name - 2 * MILLIMETRE);
            self.text(
                MARGIN,
                base,
                SMALL,
                false,
                first.into_iter().next().unwrap_or_default(),
            );
            self.rule((left, self.at), (left, self.at + high), RULE);
            if end > left {
                self.rule((left, middle), (end, middle), high - MILLIMETRE);
            }
            self.text(end + 2 * MILLIMETRE, base, SMALL, false, bar.figure.clone());
            self.at += high;
        }
        self.at += 4 * POINT;
    }

    fn signatures(&mut self, signers: &[(String, String)]) {
        self.room(14 * MILLIMETRE);
        self.at += 9 * MILLIMETRE;
        let count = Length::try_from(signers.len().max(1)).unwrap_or(1);
        for (place, (label, name)) in (0..).zip(signers) {
            let left = MARGIN + self.width * place / count;
            self.text(left, self.at, TEXT, false, format!("{label}:{name}"));
        }
        self.at += 5 * MILLIMETRE;
    }

    fn grid(&mut self, grid: &Grid) {
        let edges = grid.edges(MARGIN, self.width);
        let head = grid::lay(grid, &grid.head, &edges, self.font);
        let mut placed = false;
        let room = self.bottom - TOP - 2 * MILLIMETRE - head.height();
        for group in groups(grid) {
            let rows = grid::lay(grid, group, &edges, self.font);
            let above = if placed { 0 } else { head.height() };
            let left = self.bottom - self.at - above;
            for rows in grid::pieces(rows, grid.type_size(), (left, room)) {
                let needed = rows.height() + if placed { 0 } else { head.height() };
                let full = self.at + needed > self.bottom;
                if full && (placed || self.at > TOP + 2 * MILLIMETRE) {
                    self.new_page();
                    placed = false;
                }
                if !placed {
                    self.rows(grid, &head, &edges);
                    placed = true;
                }
                self.rows(grid, &rows, &edges);
            }
        }
        if !placed {
            self.room(head.height());
            self.rows(grid, &head, &edges);
        }
        self.at += 4 * POINT;
    }

    /// Draws rows that were laid out together, each cell with a rule around it.
    fn rows(&mut self, grid: &Grid, laid: &Laid, edges: &[Length]) {
        let size = grid.type_size();
        let mut tops = vec![self.at];
        for height in &laid.heights {
            tops.push(tops.last().copied().unwrap_or_default() + height);
        }
        for cell in &laid.cells {
            let (Some(top), Some(bottom)) = (
                tops.get(cell.first_row),
                tops.get(cell.first_row + cell.tall),
            ) else {
                continue;
            };
            self.rule((cell.left, *bottom), (cell.right, *bottom), RULE);
            self.rule((cell.left, *top), (cell.right, *top), RULE);
            self.rule((cell.right, *top), (cell.right, *bottom), RULE);
            let lines = Length::try_from(cell.lines.len()).unwrap_or(1);
            let text_height = lines * grid::line_height(size);
            let mut base = top + (bottom - top - text_height) / 2 + size;
            for line in &cell.lines {
                let left = grid::text_left(cell, self.font.width(line, size));
                self.text(left, base, size, cell.bold, line.clone());
                base += grid::line_height(size);
            }
        }
        let bottom = tops.last().copied().unwrap_or(self.at);
        if let (Some(left), Some(right)) = (edges.first(), edges.last()) {
            for edge in [*left, *right] {
                self.rule((edge, self.at), (edge, bottom), FRAME);
            }
        }
        self.at = bottom;
    }

    /// The foot of every page: what the part says, and page x of y.
    fn feet(&mut self) {
        let count = self.pages.len();
        let base = self.bottom + 8 * MILLIMETRE;
        for (number, page) in (1..).zip(&mut self.pages) {
            let count_text = match self.part.count {
                Count::Chinese => format!("第 {number} 页 共 {count} 页"),
                Count::English => format!("Page {number} of {count}"),
            };
            let width = self.font.width(&count_text, SMALL);
            let texts = [
                (MARGIN, self.part.foot.clone()),
                (MARGIN + self.width - width, count_text),
            ];
            for (left, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
                page.marks.push(Mark::Text {
                    left,
                    base,
                    size: SMALL,
                    bold: false,
                    text,
                });
            }
        }
    }
}

/// The rows of a grid in groups that stay together: rows that a tall cell joins.
fn groups(grid: &Grid) -> Vec<&[Vec<grid::Cell>]> {
    let mut groups = Vec::new();
    let mut start = 0;
    while start < grid.rows.len() {
        let mut end = start + 1;
        let mut at = start;
        while at < end {
            let tallest = grid
                .rows
                .get(at)
                .and_then(|row| row.iter().map(|cell| cell.tall).max());
            end = end
                .max(at + tallest.unwrap_or(1).max(1))
                .min(grid.rows.len());
            at += 1;
        }
        groups.extend(grid.rows.get(start..end));
        start = end;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Align, Cell, Column, DIRECTORIES};

    /// Every text of a page, in the order in which it is drawn.
    fn texts(page: &Page) -> Vec<&str> {
        page.marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Text { text, .. } => Some(text.as_str()),
                Mark::Rule { .. } => None,
            })
            .collect()
    }

    fn column(align: Align) -> Column {
        Column { share: 1, align }
    }

    #[test]
    fn bars_stay_within_their_room_and_print_their_figures() {
        let directories: Vec<_> = DIRECTORIES.iter().map(std::path::Path::new).collect();
        let font = crate::find(None, &directories).unwrap();
        let bar = |size: i32| Bar {
            name: "很长的名称".repeat(20),
            size,
            figure: format!("数{size}"),
        };
        let document = Document {
            title: "图".to_owned(),
            parts: vec![Part {
                blocks: vec![Block::Bars([0, 1, 10_000, i32::MAX, -1].map(bar).to_vec())],
                ..Part::default()
            }],
        };
        let made = super::pages(&document, &font);
        let all: Vec<&str> = made.iter().flat_map(texts).collect();
        assert_eq!(all.iter().filter(|text| text.starts_with('数')).count(), 5);
        let (width, _) = Orientation::Portrait.size();
        for mark in made.iter().flat_map(|page| &page.marks) {
            let right = match mark {
                Mark::Text {
                    left, text, size, ..
                } => left + font.width(text, *size),
                Mark::Rule { to, .. } => to.0,
            };
            assert!(right < width, "{mark:?}");
        }
    }

    #[test]
    fn long_tables_repeat_their_heads_and_pages_are_counted() {
        let directories: Vec<_> = DIRECTORIES.iter().map(std::path::Path::new).collect();
        let font = crate::find(None, &directories).unwrap();
        let rows = |count: usize| -> Vec<Vec<Cell>> {
            let row = |n: usize| vec![Cell::new(format!("行{n}")), Cell::new("1.00")];
            (0..count).map(row).collect()
        };
        let long = vec![vec![Cell::new("长".repeat(6_000)), Cell::new("1.00")]];
        for (body, pages) in [(rows(0), 1), (rows(3), 1), (rows(100), 3), (long, 4)] {
            let grid = Grid {
                columns: vec![column(Align::Left), column(Align::Right)],
                head: vec![vec![Cell::new("项目"), Cell::new("金额")]],
                rows: body,
                ..Grid::default()
            };
            let document = Document {
                title: "表".to_owned(),
                parts: vec![Part {
                    running: "续".to_owned(),
                    foot: "脚".to_owned(),
                    blocks: vec![Block::Title("表".to_owned()), Block::Grid(grid)],
                    ..Part::default()
                }],
            };
            let made = super::pages(&document, &font);
            assert_eq!(made.len(), pages);
            let (_, height) = Orientation::Portrait.size();
            for (number, page) in (1..).zip(&made) {
                let texts = texts(page);
                assert!(texts.contains(&"项目"), "{number}");
                assert!(texts.contains(&format!("第 {number} 页 共 {pages} 页").as_str()));
                assert_eq!(texts.contains(&"续"), number > 1);
                for mark in &page.marks {
                    let lowest = match mark {
                        Mark::Text { base, .. } => *base,
                        Mark::Rule { to, .. } => to.1,
                    };
                    assert!(lowest < height, "{mark:?}");
                }
            }
            let all: Vec<&str> = made.iter().flat_map(texts).collect();
            let lines = all.iter().filter(|text| text.starts_with('行')).count();
            assert!([0, 3, 100].contains(&lines));
        }
    }
}
