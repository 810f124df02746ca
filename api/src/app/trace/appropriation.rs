//! What became of the money of a quota letter.

use ledger::audit::hex::encode;
use ledger::disbursement::role::Action;
use ledger::money::Fen;
use ledger_store::boxed;
use ledger_store::fund::Appropriation;
use ledger_store::recovery;
use ledger_store::report as figures;
use ledger_store::trace::{self as way, DrawnByRun};
use serde_json::{Value, json};

use crate::app::appropriation::Life;
use crate::app::report::Names;
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// What became of the money of a quota letter: amount, drawn by each run, paid, failed, refunded,
/// back in the account, handed back, left. One letter may grant money to several programs.
///
/// # Errors
/// When there is no such letter; when the caller may not read reports; accidents of the store.
#[boxed]
pub async fn appropriation(app: &App, caller: &Caller, document: &str) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let lives = Life::all(&mut tx, book).await?;
    let lots: Vec<&Appropriation> = names
        .appropriations
        .values()
        .filter(|lot| lot.document == document)
        .collect();
    if lots.is_empty() {
        return Err(not_found("指标文 appropriation", document));
    }
    let (mut documents, mut tables) = (Vec::new(), Vec::new());
    for lot in lots {
        let drawn = way::drawn(&mut tx, book, lot.id).await?;
        let life = lives.get(&lot.id).cloned().unwrap_or_default();
        let recovered = recovery::home(&mut tx, book, lot.id).await?;
        let lot_way = LotWay {
            lot,
            drawn,
            handed_back: life.returned.plus(life.reduced)?,
            recovered,
            left: life.left,
        };
        documents.push(lot_way.json(&names)?);
        tables.extend(lot_way.tables(&names)?);
    }
    let (size, root) = figures::head(&mut tx, book).await?;
    tx.rollback().await?;
    let head = json!({ "size": size, "root": encode(&root) });
    let json = json!({ "document": document, "appropriations": documents, "head": head });
    Ok(Report::new(json, tables))
}

/// One quota letter for one program with what became of it.
struct LotWay<'a> {
    lot: &'a Appropriation,
    drawn: Vec<DrawnByRun>,
    /// Returned to the treasury, or taken back by a letter.
    handed_back: Fen,
    /// Overpaid money that came home to it.
    recovered: Fen,
    /// 1002: what is at the bank.
    left: Fen,
}

impl LotWay<'_> {
    fn sum(&self, figure: fn(&DrawnByRun) -> Fen) -> Result<Fen, Error> {
        Ok(Fen::sum(self.drawn.iter().map(figure))?)
    }

    fn json(&self, names: &Names) -> Result<Value, Error> {
        let run = |row: &DrawnByRun| {
            json!({
                "month": row.month,
                "run": row.run,
                "attempts": row.attempts,
                "drawn_fen": row.drawn.get(),
                "paid_fen": row.paid.get(),
                "failed_fen": row.failed.get(),
                "refunded_fen": row.refunded.get(),
                "home_fen": row.home.get(),
            })
        };
        Ok(json!({
            "program": names.program_code(self.lot.program),
            "level": self.lot.level.code(),
            "budget_year": self.lot.budget_year,
            "bank_account": names.bank(self.lot.bank_account),
            "received_on": self.lot.received_on.to_string(),
            "entry": self.lot.entry,
            "amount_fen": self.lot.amount.get(),
            "drawn_fen": self.sum(|row| row.drawn)?.get(),
            "paid_fen": self.sum(|row| row.paid)?.get(),
            "failed_fen": self.sum(|row| row.failed)?.get(),
            "refunded_fen": self.sum(|row| row.refunded)?.get(),
            "home_fen": self.sum(|row| row.home)?.get(),
            "handed_back_fen": self.handed_back.get(),
            "recovered_fen": self.recovered.get(),
            "left_fen": self.left.get(),
            "runs": self.drawn.iter().map(run).collect::<Value>(),
        }))
    }

    fn tables(&self, names: &Names) -> Result<[Table; 2], Error> {
        let lot = self.lot;
        let title = words(
            format!("指标 {}", lot.document),
            format!("appropriation {}", lot.document),
        );
        let mut head = Table::new(title, &[("栏目", "field", false), ("内容", "value", true)]);
        for (field, value) in [
            ("项目 program", names.program(lot.program)),
            ("级次 level", lot.level.name().to_owned()),
            ("到账 received", lot.received_on.to_string()),
            ("金额 amount", lot.amount.grouped()),
            ("已动用 drawn", self.sum(|row| row.drawn)?.grouped()),
            ("已退回账户 home again", self.sum(|row| row.home)?.grouped()),
            ("追缴收回 recovered", self.recovered.grouped()),
            ("已缴回财政 handed back", self.handed_back.grouped()),
            ("结余 left", self.left.grouped()),
            ("审计记录 audit entry", lot.entry.to_string()),
        ] {
            head.row([field.to_owned(), value]);
        }
        let mut runs = Table::new(
            words("按批次", "by run"),
            &[
                ("月份", "month", false),
                ("批次", "run", true),
                ("笔数", "attempts", true),
                ("动用(元)", "drawn", true),
                ("成功(元)", "paid", true),
                ("失败(元)", "failed", true),
                ("退票(元)", "refunded", true),
                ("已退回(元)", "home", true),
            ],
        );
        for row in &self.drawn {
            let amounts = [row.drawn, row.paid, row.failed, row.refunded, row.home];
            let heads = [
                row.month.clone(),
                row.run.to_string(),
                row.attempts.to_string(),
            ];
            runs.row(heads.into_iter().chain(amounts.map(Fen::grouped)));
        }
        Ok([head, runs])
    }
}
