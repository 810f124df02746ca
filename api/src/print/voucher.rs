//! 记账凭证: the usual form, financial and budget accounting one below the other (平行记账).

use ledger::money::Fen;
use paper::{Align, Block, Cell, Count, Document, Grid, MILLIMETRE, Orientation, POINT, Part};

use super::{columns, head};
use crate::app::Error;
use crate::app::report::{NOTHING, SIDES, VoucherForm, VoucherLine, voucher_number};
use ledger_store::verify::short_root;

/// A voucher on paper. Its transfers stand added up by account pair, with their number.
///
/// # Errors
/// When a sum is out of range.
pub fn voucher(form: &VoucherForm) -> Result<Document, Error> {
    let (voucher, posted) = (&form.voucher, &form.voucher.posted);
    let number = voucher_number(posted.number);
    let title = format!("记账凭证 {} {number}", posted.month);
    let mut blocks = vec![
        Block::Title("记 账 凭 证".to_owned()),
        Block::Line([
            format!("单位:{}", form.agency),
            format!("日期:{}", voucher.on_date),
            format!("凭证号:{} {number}", posted.month),
        ]),
        Block::Line([
            format!(
                "来源:{} {}",
                source_name(&voucher.source),
                voucher.source_id
            ),
            String::new(),
            "附件:________张".to_owned(),
        ]),
    ];
    for (side, name, _) in SIDES {
        let lines = form.side(side);
        if !lines.is_empty() {
            blocks.push(Block::Heading(name.to_owned()));
            blocks.push(Block::Grid(side_grid(&voucher.summary, &lines)?));
        }
    }
    blocks.push(Block::Text(format!(
        "本凭证共 {} 条分录,按借贷科目汇总为 {} 行。",
        posted.transfers,
        form.lines.len()
    )));
    let signer = |label: &str, name: &str| (label.to_owned(), name.to_owned());
    blocks.push(Block::Signatures(vec![
        signer("会计主管", ""),
        signer("记账", ""),
        signer("复核", signed(&form.checker)),
        signer("制单", signed(&form.maker)),
    ]));
    Ok(Document {
        parts: vec![Part {
            orientation: Orientation::Portrait,
            count: Count::Chinese,
            running: format!("{title}(续)"),
            foot: format!(
                "审计条目 {}  分录根 {}",
                voucher.entry,
                short_root(&posted.root)
            ),
            blocks,
        }],
        title,
    })
}

/// The name of who signed; room for a hand where nobody did.
fn signed(name: &str) -> &str {
    if name == NOTHING { "" } else { name }
}

/// What a voucher comes from; its code when it is none of these.
fn source_name(code: &str) -> &str {
    match code {
        "run" => "批次",
        "batch" => "代发批",
        "return" => "回盘",
        "statement" => "对账单",
        "unstate" => "撤回对账单",
        "appropriation" => "指标",
        "reduction" => "追减",
        "treasury" => "缴回财政",
        "recovery" => "追缴",
        "hand-over" => "上缴",
        "revoke" => "撤销审批",
        "year-close" => "年结",
        other => other,
    }
}

/// One side: two lines for each account pair, debit above credit, and the total in capital figures.
fn side_grid(summary: &str, lines: &[&VoucherLine]) -> Result<Grid, Error> {
    let mut rows = Vec::with_capacity(lines.len() * 2 + 1);
    for line in lines {
        let amount = line.amount.grouped();
        rows.push(vec![
            Cell::new(summary).tall(2),
            Cell::new(format!("借:{}", line.debit_name)),
            Cell::new(line.transfers.to_string()).tall(2),
            Cell::new(amount.clone()),
            Cell::new(""),
        ]);
        rows.push(vec![
            Cell::new(format!("\u{3000}贷:{}", line.credit_name)),
            Cell::new(""),
            Cell::new(amount),
        ]);
    }
    let total = Fen::sum(lines.iter().map(|line| line.amount))?;
    let transfers: i64 = lines.iter().map(|line| line.transfers).sum();
    rows.push(vec![
        Cell::new(format!("合计 人民币(大写)\u{3000}{}", total.capital()))
            .wide(2)
            .bold(),
        Cell::new(transfers.to_string()).bold(),
        Cell::new(total.grouped()).bold(),
        Cell::new(total.grouped()).bold(),
    ]);
    Ok(Grid {
        columns: columns([
            (34, Align::Left),
            (72, Align::Left),
            (14, Align::Right),
            (30, Align::Right),
            (30, Align::Right),
        ]),
        head: vec![
            [
                "摘要",
                "会计科目及辅助核算",
                "分录数",
                "借方金额(元)",
                "贷方金额(元)",
            ]
            .map(head)
            .to_vec(),
        ],
        rows,
        size: 9 * POINT,
        row_height: 8 * MILLIMETRE,
    })
}
