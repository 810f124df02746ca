//! 发放成功率报告: the report that goes upwards, signed.

use ledger::problem::Language;
use paper::{Align, Bar, Block, Cell, Count, Document, Grid, Orientation, POINT, Part};
use reconciliation::rate::Rate;
use serde_json::Value;

use super::{head, signatures};
use crate::app::report::NOTHING;
use crate::app::view::{Report, Table};
use crate::web;

/// The report on the success of payments on paper, as [`crate::app::report::performance`] gives
/// it, in Chinese. Its foot names the audit trail that it was read from.
pub fn performance(report: &Report, agency: &str) -> Document {
    let text = |name: &str| report.json[name].as_str().unwrap_or_default();
    let period = format!("{} 至 {}", text("first_month"), text("last_month"));
    let title = "发放成功率报告".to_owned();
    let audit = &report.json["audit"];
    let short = audit["short"].as_str().unwrap_or(NOTHING);
    let mut blocks = vec![
        Block::Title("发 放 成 功 率 报 告".to_owned()),
        Block::Line([
            format!("单位:{agency}"),
            format!("期间:{period}"),
            format!("截至:{}", text("date")),
        ]),
        Block::Text(
            "口径:每笔发放只计一次,归入其批次的月份、首次付款的账户和所在乡镇。首次成功率只看第一次付款,\
             最终成功率看最后一次;报过成功又退回的计为失败;银行未答复的单列,不计入成功率。\
             按时到账指应发放日当天或之前已导入银行的成功答复。"
                .to_owned(),
        ),
    ];
    for (place, table) in report.tables.iter().enumerate() {
        let title = table.title.get(Language::Zh);
        if place > 0 {
            blocks.push(Block::Heading(title.to_owned()));
        }
        let bars = bars(title, &report.json);
        if !bars.is_empty() {
            blocks.push(Block::Bars(bars));
        }
        blocks.push(Block::Grid(grid(table)));
    }
    blocks.push(signatures(Language::Zh));
    Document {
        parts: vec![Part {
            orientation: Orientation::Landscape,
            count: Count::Chinese,
            running: format!("{title} {period}(续)"),
            foot: format!("{agency}  审计条目 {}  审计首部 {short}", audit["entries"]),
            blocks,
        }],
        title,
    }
}

/// The chart over a table, by its title; none over most.
fn bars(title: &str, json: &Value) -> Vec<Bar> {
    let list = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let named = |one: &Value| {
        let name = one["name"].as_str().unwrap_or_default();
        web::word(name, Language::Zh)
    };
    let rates = |cells: &Value| -> Vec<Bar> {
        let bar = |cell: &Value| {
            let rate = &cell["success_rate"]["final"]["count"];
            let of = |name: &str| rate[name].as_i64().unwrap_or(0);
            let rate = Rate::new(of("paid"), of("attempted"));
            bar(named(cell), rate.paid, rate.attempted, rate.percent())
        };
        list(cells).iter().map(bar).collect()
    };
    let sizes = |rows: &Value, field: &str| -> Vec<Bar> {
        let size = |one: &Value| one[field].as_i64().unwrap_or(0);
        let rows = list(rows);
        let most = rows.iter().map(size).max().unwrap_or(0);
        let figure = |size: i64| match field {
            "amount_fen" => ledger::money::Fen::new(size).grouped(),
            _ => size.to_string(),
        };
        let bar = |one: &Value| bar(named(one), size(one), most, figure(size(one)));
        rows.iter().map(bar).collect()
    };
    let success = &json["success"];
    match title {
        "分月发放成功率" => rates(&success["months"]),
        "失败原因" => sizes(&success["reasons"], "attempts"),
        "在途资金账龄" => sizes(&json["in_transit_ages"], "amount_fen"),
        "未支用资金账龄" => sizes(&json["idle_ages"], "amount_fen"),
        "退回待梳理资金账龄" => sizes(&json["returned_ages"], "amount_fen"),
        title if title.starts_with("分项目发放成功率") => rates(&success["programs"]),
        _ => Vec::new(),
    }
}

fn bar(name: String, size: i64, whole: i64, figure: String) -> Bar {
    let share = i128::from(size.max(0)) * 10_000;
    let share = share.checked_div(i128::from(whole.max(0))).unwrap_or(0);
    Bar {
        name,
        size: i32::try_from(share).unwrap_or(10_000),
        figure,
    }
}

/// Columns of which a table is set smaller.
const MANY: usize = 9;

/// A table in the words of the product, its columns as wide as what stands in them.
fn grid(table: &Table) -> Grid {
    let rows: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| {
            let cells = table.columns.iter().zip(row);
            let shown = |(column, cell): (_, &String)| web::grid::shown(column, cell, Language::Zh);
            cells.map(shown).collect()
        })
        .collect();
    let column = |(place, column): (usize, &crate::app::view::Column)| {
        let cells = rows.iter().filter_map(|row| row.get(place));
        let widest = cells.map(|cell| columns_of(cell)).max().unwrap_or(0);
        // A head may take two lines.
        let widest = widest.max(columns_of(&column.head.zh).div_ceil(2));
        paper::Column {
            share: i32::try_from(widest.clamp(5, 40)).unwrap_or(40) + 2,
            align: if column.right {
                Align::Right
            } else {
                Align::Left
            },
        }
    };
    let mut cells: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| row.iter().map(Cell::new).collect())
        .collect();
    if cells.is_empty() {
        let none = Cell::new("(无)").wide(table.columns.len());
        cells.push(vec![none.align(Align::Centre)]);
    }
    let heads = table.columns.iter();
    Grid {
        columns: heads.clone().enumerate().map(column).collect(),
        head: vec![heads.map(|column| head(&column.head.zh)).collect()],
        rows: cells,
        size: if table.columns.len() > MANY {
            7 * POINT
        } else {
            0
        },
        ..Grid::default()
    }
}

/// How wide a text is in columns of a Latin letter.
fn columns_of(text: &str) -> usize {
    text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum()
}
