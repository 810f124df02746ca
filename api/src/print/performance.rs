//! 发放成功率报告: the report that goes upwards, signed.

use ledger::problem::Language;
use paper::{Align, Block, Cell, Count, Document, Grid, Orientation, Part};

use super::{head, signatures};
use crate::app::view::{Report, Table};

/// The report on the success of payments on paper, as [`crate::app::report::performance`] gives it.
pub fn performance(report: &Report, agency: &str) -> Document {
    let text = |name: &str| report.json[name].as_str().unwrap_or_default();
    let period = format!("{} 至 {}", text("first_month"), text("last_month"));
    let title = "发放成功率报告".to_owned();
    let mut blocks = vec![
        Block::Title("发 放 成 功 率 报 告".to_owned()),
        Block::Line([
            format!("单位:{agency}"),
            format!("期间:{period}"),
            format!("制表日期:{}", text("date")),
        ]),
        Block::Text(
            "口径:每笔发放只计一次,归入其批次的月份、首次付款的账户和所在乡镇。首次成功率只看第一次付款,\
             最终成功率看最后一次;报过成功又退回的计为失败;银行未答复的单列,不计入成功率。"
                .to_owned(),
        ),
    ];
    for (place, table) in report.tables.iter().enumerate() {
        if place > 0 {
            blocks.push(Block::Heading(table.title.get(Language::Zh).to_owned()));
        }
        blocks.push(Block::Grid(grid(table)));
    }
    blocks.push(signatures(Language::Zh));
    Document {
        parts: vec![Part {
            orientation: Orientation::Landscape,
            count: Count::Chinese,
            running: format!("{title} {period}(续)"),
            foot: agency.to_owned(),
            blocks,
        }],
        title,
    }
}

/// A table whose first column has room for a name.
fn grid(table: &Table) -> Grid {
    let heads = table.columns.iter();
    let columns = heads
        .clone()
        .enumerate()
        .map(|(place, column)| paper::Column {
            share: if place == 0 { 30 } else { 20 },
            align: if column.right {
                Align::Right
            } else {
                Align::Left
            },
        });
    let rows = table.rows.iter();
    let mut rows: Vec<Vec<Cell>> = rows
        .map(|row| row.iter().map(Cell::new).collect())
        .collect();
    if rows.is_empty() {
        let none = Cell::new("(无)").wide(table.columns.len());
        rows.push(vec![none.align(Align::Centre)]);
    }
    Grid {
        columns: columns.collect(),
        head: vec![heads.map(|column| head(&column.head.zh)).collect()],
        rows,
        ..Grid::default()
    }
}
