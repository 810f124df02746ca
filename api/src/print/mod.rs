//! Reports and forms on paper: what stands where on A4. `paper` draws it.
//!
//! Any report can be printed as its tables ([`report`]); the forms that offices sign have a layout
//! of their own ([`triplicate`], [`voucher`]). Nothing here reads the clock, so the same report
//! gives the same bytes.

mod performance;
mod triplicate;
mod voucher;

pub use performance::performance;
pub use triplicate::triplicate;
pub use voucher::voucher;

use std::path::Path;

use ledger::problem::{Kind, Language, Problem};
use paper::{
    Align, Block, Cell, Column, Count, Document, Font, FontFault, Grid, Orientation, Part,
};

use crate::app::view::{Report, Table};

/// The font of this file; without one, the first of the machine that can write Chinese.
///
/// # Errors
/// [`Kind::FontMissing`] when the machine has none, [`Kind::FontUnusable`] when the named file is
/// none or cannot write Chinese.
pub fn font(file: Option<&Path>) -> Result<Font, Problem> {
    let directories: Vec<&Path> = paper::DIRECTORIES.iter().map(Path::new).collect();
    font_among(file, &directories)
}

fn font_among(file: Option<&Path>, directories: &[&Path]) -> Result<Font, Problem> {
    paper::find(file, directories).map_err(|fault| {
        let unusable = |path: &Path, detail: &str| {
            Problem::new(Kind::FontUnusable)
                .with("file", path.display())
                .with("detail", detail)
        };
        match fault {
            FontFault::Missing => Problem::new(Kind::FontMissing),
            FontFault::Unreadable(path, detail) => unusable(&path, &detail),
            FontFault::NotChinese(path, letter) => unusable(&path, &format!("“{letter}” ?")),
        }
    })
}

/// A report as its tables, one under the other, with places to sign. Lies across when its widest
/// table does not stand upright.
pub fn report(report: &Report, agency: Option<&str>, language: Language, font: &Font) -> Document {
    let (upright, across) = (
        Orientation::Portrait.inner_width(),
        Orientation::Landscape.inner_width(),
    );
    let laid = |width| -> Vec<(Grid, paper::Length)> {
        let tables = report.tables.iter();
        tables
            .map(|table| grid(table, language, font, width))
            .collect()
    };
    let mut grids = laid(upright);
    let mut orientation = Orientation::Portrait;
    if grids.iter().any(|(_, natural)| *natural > upright) {
        orientation = Orientation::Landscape;
        grids = laid(across);
    }
    let titles = report.tables.iter().map(|table| table.title.get(language));
    let mut titles = titles.map(str::to_owned);
    let title = titles.next().unwrap_or_default();
    let mut blocks = vec![Block::Title(title.clone())];
    if let Some(agency) = agency {
        let unit = match language {
            Language::Zh => format!("单位:{agency}"),
            Language::En => format!("Agency: {agency}"),
        };
        blocks.push(Block::Line([unit, String::new(), String::new()]));
    }
    for (index, (grid, _)) in grids.into_iter().enumerate() {
        if index > 0 {
            blocks.push(Block::Heading(titles.next().unwrap_or_default()));
        }
        blocks.push(Block::Grid(grid));
    }
    blocks.push(signatures(language));
    Document {
        parts: vec![Part {
            orientation,
            count: match language {
                Language::Zh => Count::Chinese,
                Language::En => Count::English,
            },
            running: title.clone(),
            foot: agency.unwrap_or_default().to_owned(),
            blocks,
        }],
        title,
    }
}

fn signatures(language: Language) -> Block {
    let labels = match language {
        Language::Zh => ["制表", "复核", "审批", "出纳", "日期"],
        Language::En => ["Prepared", "Reviewed", "Approved", "Cashier", "Date"],
    };
    let blank = |label: &str| (label.to_owned(), String::new());
    Block::Signatures(labels.map(blank).to_vec())
}

/// A table as a ruled one, and how wide it is at the usual size.
fn grid(
    table: &Table,
    language: Language,
    font: &Font,
    width: paper::Length,
) -> (Grid, paper::Length) {
    let heads = table.columns.iter();
    let heads: Vec<_> = heads
        .map(|column| (column.head.get(language).to_owned(), column.right))
        .collect();
    let (mut grid, natural) = Grid::of_texts(&heads, &table.rows, font, width);
    if table.rows.is_empty() {
        let none = match language {
            Language::Zh => "(无)",
            Language::En => "(none)",
        };
        let cell = Cell::new(none).wide(heads.len()).align(Align::Centre);
        grid.rows.push(vec![cell]);
    }
    (grid, natural)
}

/// Columns by their shares; those that hold figures stand on the right.
fn columns<const N: usize>(shares: [(i32, Align); N]) -> Vec<Column> {
    shares
        .into_iter()
        .map(|(share, align)| Column { share, align })
        .collect()
}

/// A bold cell in the middle: the head of a column or row.
fn head(text: &str) -> Cell {
    Cell::new(text).align(Align::Centre).bold()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::view::words;

    /// A font of the machine: `tests/run` installs one.
    fn some_font() -> Font {
        font(None).unwrap()
    }

    fn sample(rows: usize, columns: usize) -> Report {
        let heads: Vec<_> = (0..columns)
            .map(|place| ("金额(元)", "yuan", place > 0))
            .collect();
        let mut table = Table::new(words("发放明细", "lines"), &heads);
        for row in 0..rows {
            let figure = format!("{row},000,000.00");
            let cells = (0..columns).map(|place| match place {
                0 => "城市最低生活保障".to_owned(),
                _ => figure.clone(),
            });
            table.row(cells);
        }
        Report::new(serde_json::Value::Null, vec![table])
    }

    #[test]
    fn wide_tables_lie_across_and_equal_reports_are_equal_bytes() {
        let font = some_font();
        for (rows, columns, orientation) in [
            (0, 3, Orientation::Portrait),
            (3, 4, Orientation::Portrait),
            (3, 9, Orientation::Landscape),
        ] {
            let sample = sample(rows, columns);
            let made = report(&sample, Some("测试县民政局"), Language::Zh, &font);
            assert_eq!(made.title, "发放明细");
            assert_eq!(made.parts[0].orientation, orientation, "{columns}");
            let bytes = made.pdf(&font).unwrap();
            assert_eq!(bytes, made.pdf(&font).unwrap());
            assert!(
                bytes.starts_with(b"%PDF-") && bytes.len() < 40_000,
                "{}",
                bytes.len()
            );
        }
    }

    #[test]
    fn a_font_that_is_none_is_refused() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let problem = font(Some(&file)).unwrap_err();
        assert_eq!(problem.kind, Kind::FontUnusable);
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let problem = font_among(None, &[here]).unwrap_err();
        assert_eq!(problem.kind, Kind::FontMissing);
    }
}
