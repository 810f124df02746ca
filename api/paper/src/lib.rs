//! Forms on paper: A4 pages with ruled tables as PDF.
//!
//! This is the only place that knows the PDF library and fonts. A [`Document`] is described by its
//! parts and blocks; [`Document::pdf`] lays it out and draws it. The same document and font give
//! the same bytes: no time stamp and no random number stands in the file.
//!
//! Lengths are whole hundredths of a point (1/7200 inch); only the drawing at the end turns them
//! into the floats that the library takes.

mod draw;
mod flow;
mod font;
mod grid;
mod wrap;

pub use font::{DIRECTORIES, Font, FontFault, find};
pub use grid::{Align, Cell, Column, Grid};

/// A length in hundredths of a point.
pub type Length = i32;

/// A point, the unit of type sizes.
pub const POINT: Length = 100;
/// A millimetre, rounded.
pub const MILLIMETRE: Length = 283;

/// How an A4 page lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientation {
    /// 纵向.
    #[default]
    Portrait,
    /// 横向.
    Landscape,
}

impl Orientation {
    /// Width and height of the page.
    pub const fn size(self) -> (Length, Length) {
        const SHORT: Length = 59_528;
        const LONG: Length = 84_189;
        match self {
            Orientation::Portrait => (SHORT, LONG),
            Orientation::Landscape => (LONG, SHORT),
        }
    }

    /// The width between the margins.
    pub const fn inner_width(self) -> Length {
        self.size().0 - 2 * MARGIN
    }
}

/// The margin on the left and on the right.
pub const MARGIN: Length = 15 * MILLIMETRE;

/// A document: parts that each begin on a new page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The title that the file carries.
    pub title: String,
    /// Its parts.
    pub parts: Vec<Part>,
}

/// A part of a document: it begins on a new page and counts its own pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// How its pages lie.
    pub orientation: Orientation,
    /// How its pages are counted.
    pub count: Count,
    /// Stands small at the head of its second page and of those after it.
    pub running: String,
    /// Stands small at the foot of every page, on the left.
    pub foot: String,
    /// What it shows, from top to bottom.
    pub blocks: Vec<Block>,
}

/// The words in which pages are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Count {
    /// 第 1 页 共 2 页.
    #[default]
    Chinese,
    /// Page 1 of 2.
    English,
}

/// Something that stands on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A title in the middle.
    Title(String),
    /// A line below the title, in the middle.
    Subtitle(String),
    /// Texts on one line: left, middle and right.
    Line([String; 3]),
    /// The head of a section.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A ruled table.
    Grid(Grid),
    /// Bars under each other, each as long as its size of the greatest possible.
    Bars(Vec<Bar>),
    /// Who signs: labels with names, spread over the width.
    Signatures(Vec<(String, String)>),
    /// Empty space.
    Space(Length),
}

/// A bar of a chart: black and white, its figure printed beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bar {
    /// What it is.
    pub name: String,
    /// How long it is, in ten-thousandths of the room that bars have.
    pub size: i32,
    /// Its figure.
    pub figure: String,
}

/// Why no PDF could be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

impl std::fmt::Display for Fault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "no PDF could be written: {}", self.0)
    }
}

impl std::error::Error for Fault {}

impl Document {
    /// The bytes of the PDF.
    ///
    /// # Errors
    /// When the library cannot write the font.
    pub fn pdf(&self, font: &Font) -> Result<Vec<u8>, Fault> {
        let pages = flow::pages(self, font);
        draw::pdf(&self.title, &pages, font)
    }
}
