//! 三联单: three copies with one serial number, each on its own page.

use ledger::money::Fen;
use paper::{Align, Block, Cell, Count, Document, Grid, MILLIMETRE, Orientation, POINT, Part};

use super::{columns, head};
use crate::app::Error;
use crate::app::report::{COPIES, Triplicate};
use ledger_store::run::RunKind;

/// The type size of the form.
const SIZE: paper::Length = 9 * POINT;
/// The least height of its rows.
const ROW: paper::Length = 7 * MILLIMETRE;
/// The room for a seal.
const SEAL: paper::Length = 32 * MILLIMETRE;

/// The triplicate of a run on paper.
///
/// # Errors
/// When a sum is out of range.
pub fn triplicate(form: &Triplicate) -> Result<Document, Error> {
    let mut parts = Vec::with_capacity(COPIES.len());
    for (copy, _) in COPIES {
        parts.push(page(form, copy)?);
    }
    Ok(Document {
        title: format!("三联单 {}", form.serial),
        parts,
    })
}

fn page(form: &Triplicate, copy: &str) -> Result<Part, Error> {
    let mut blocks = vec![
        Block::Title("社会救助资金发放三联单".to_owned()),
        Block::Subtitle(format!("({copy})")),
        Block::Line([
            format!("单位:{}", form.agency),
            format!("所属期:{}", form.period()),
            format!("编号:{}", form.serial),
        ]),
        Block::Grid(about(form)),
        Block::Space(2 * MILLIMETRE),
        Block::Grid(figures(form)?),
    ];
    if !form.parts.is_empty() {
        blocks.push(Block::Space(2 * MILLIMETRE));
        blocks.push(Block::Grid(components(form)?));
    }
    blocks.push(Block::Space(2 * MILLIMETRE));
    blocks.push(Block::Grid(capital(form.run.total)));
    blocks.push(Block::Space(2 * MILLIMETRE));
    blocks.push(Block::Grid(signed(form)));
    blocks.push(Block::Grid(seals()));
    Ok(Part {
        orientation: Orientation::Portrait,
        count: Count::Chinese,
        running: format!("三联单 {} {copy}(续)", form.serial),
        foot: format!("{} {copy}  核对码 {}", form.serial, form.fingerprint()),
        blocks,
    })
}

/// What the run is.
fn about(form: &Triplicate) -> Grid {
    let run = &form.run;
    let kind = match run.kind {
        RunKind::Regular => "正常发放",
        RunKind::BackPay => "补发以前月份",
        RunKind::RePay => "失败重发",
    };
    let batch = format!("第 {} 号 {kind}({})", run.id, run.state.name());
    let row = |label: &str, value: &str, label2: &str, value2: &str| {
        vec![
            head(label),
            Cell::new(value),
            head(label2),
            Cell::new(value2),
        ]
    };
    Grid {
        columns: columns([
            (22, Align::Centre),
            (68, Align::Left),
            (22, Align::Centre),
            (68, Align::Left),
        ]),
        rows: vec![
            row("补贴项目", &form.program.1, "批次", &batch),
            row("功能科目", &form.function, "经济科目", &form.economic),
        ],
        size: SIZE,
        row_height: ROW,
        ..Grid::default()
    }
}

/// On the left who came and left, on the right what is due and what became of it.
fn figures(form: &Triplicate) -> Result<Grid, Error> {
    let mut right: Vec<[String; 3]> = vec![
        ["应发户数".into(), form.heads.0.to_string(), String::new()],
        ["应发人数".into(), form.heads.1.to_string(), String::new()],
        ["抵扣追缴".into(), String::new(), form.withheld.grouped()],
        [
            "应发笔数、金额".into(),
            form.run.payments.to_string(),
            form.run.total.grouped(),
        ],
    ];
    for (label, count) in form.fates() {
        let count_text = count.payments.to_string();
        right.push([label.into(), count_text, count.amount.grouped()]);
    }
    let moved = form.movement()?;
    // What is left over on the right is one cell.
    let (mut note, below) = (true, moved.len().saturating_sub(right.len()));
    let mut right = right.into_iter();
    let mut rows = Vec::new();
    for (label, count, amount) in moved {
        let mut row = vec![Cell::new(label), Cell::new(count), Cell::new(amount)];
        match right.next() {
            Some([label, count, amount]) => {
                row.extend([Cell::new(label).bold(), Cell::new(count), Cell::new(amount)]);
            }
            None if note => {
                note = false;
                let text = format!("核对码 {}\n与批次的计算结果一致", form.fingerprint());
                row.push(Cell::new(text).wide(3).tall(below).align(Align::Centre));
            }
            None => {}
        }
        rows.push(row);
    }
    let sides = [(30, Align::Left), (22, Align::Right), (38, Align::Right)];
    let [left, middle, last] = sides;
    Ok(Grid {
        columns: columns([left, middle, last, left, middle, last]),
        head: vec![
            vec![head("与上月比较").wide(3), head("本批次应发与结果").wide(3)],
            ["栏目", "对象(项次)", "金额(元)", "栏目", "数", "金额(元)"]
                .map(head)
                .to_vec(),
        ],
        rows,
        size: SIZE,
        row_height: ROW,
    })
}

/// The run by component.
fn components(form: &Triplicate) -> Result<Grid, Error> {
    let mut rows: Vec<Vec<Cell>> = form
        .parts
        .iter()
        .map(|part| {
            let cells = [
                part.name.clone(),
                part.households.to_string(),
                part.subjects.to_string(),
                part.amount.grouped(),
                part.back.grouped(),
            ];
            cells.map(Cell::new).to_vec()
        })
        .collect();
    let total = Fen::sum(form.parts.iter().map(|part| part.amount))?;
    let back = Fen::sum(form.parts.iter().map(|part| part.back))?;
    rows.push(vec![
        head("合计"),
        Cell::new("—"),
        Cell::new("—"),
        Cell::new(total.grouped()).bold(),
        Cell::new(back.grouped()).bold(),
    ]);
    Ok(Grid {
        columns: columns([
            (60, Align::Left),
            (22, Align::Right),
            (22, Align::Right),
            (38, Align::Right),
            (38, Align::Right),
        ]),
        head: vec![
            ["发放项目", "户数", "对象", "金额(元)", "其中补发(元)"]
                .map(head)
                .to_vec(),
        ],
        rows,
        size: SIZE,
        row_height: ROW,
    })
}

/// The amount in capital figures, and in figures.
fn capital(total: Fen) -> Grid {
    let figures = format!("¥{}", total.grouped());
    Grid {
        columns: columns([(30, Align::Centre), (104, Align::Left), (46, Align::Right)]),
        rows: vec![vec![
            head("金额大写"),
            Cell::new(format!("人民币 {}", total.capital())).bold(),
            Cell::new(figures).bold(),
        ]],
        size: 10 * POINT,
        row_height: 9 * MILLIMETRE,
        ..Grid::default()
    }
}

/// Who signed, and when.
fn signed(form: &Triplicate) -> Grid {
    let cell = |text: &str| Cell::new(text).align(Align::Centre);
    let signers = || form.signers.iter();
    let labelled = |label: &str| vec![head(label)];
    let mut rows = [labelled("经办环节"), labelled("姓名"), labelled("日期")];
    let [places, names, dates] = &mut rows;
    places.extend(signers().map(|(label, ..)| head(label)));
    names.extend(signers().map(|(_, name, _)| cell(name)));
    dates.extend(signers().map(|(.., date)| cell(date)));
    Grid {
        columns: columns([
            (24, Align::Centre),
            (39, Align::Centre),
            (39, Align::Centre),
            (39, Align::Centre),
            (39, Align::Centre),
        ]),
        rows: rows.to_vec(),
        size: SIZE,
        row_height: ROW,
        ..Grid::default()
    }
}

/// Where the three offices put their seals.
fn seals() -> Grid {
    let cells = ["民政部门", "财政部门", "代发银行"].map(|office| {
        Cell::new(format!("{office}(盖章)\n\n\n\n年   月   日")).align(Align::Centre)
    });
    Grid {
        columns: columns([
            (60, Align::Centre),
            (60, Align::Centre),
            (60, Align::Centre),
        ]),
        rows: vec![cells.to_vec()],
        size: SIZE,
        row_height: SEAL,
        ..Grid::default()
    }
}
