//! The success-rate report (发放成功率).
//!
//! A payment counts once, in the month of its own run and at the paying account of its first
//! attempt. First attempt: attempt 1 alone. Final: its last attempt. Money that came back after it
//! was reported paid did not arrive, so it counts as failed in both. What the bank has not decided
//! is neither paid nor failed: it stands beside the rate and not in it. The store keeps these
//! figures up to date ([`ledger_store::success`]), so that a report reads no payments.

use ledger_store::boxed;
use std::collections::BTreeMap;

use bank_adapters::reason::Reason;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::{BankAccountId, BookId, ProgramId};
use ledger::money::{Fen, MoneyError};
use ledger_store::db::Tx;
use ledger_store::success::{self, Counted, Success, Sum};
use reconciliation::rate::{Rate, SuccessRate};
use serde_json::{Value, json};

use super::{NOTHING, Names};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// The success rate of the runs of some months: overall, by program, bank account, township and
/// month, and the reasons of what failed. The parts of each table add up to the whole.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn success_rate(
    app: &App,
    caller: &Caller,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, caller.book.id).await?;
    let stored = success::rates(&mut tx, caller.book.id, first, last).await?;
    tx.rollback().await?;
    success_in(&names, stored, first, last)
}

/// The same of what was read.
pub(super) fn success_in(
    names: &Names,
    stored: Success,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    let tally = Tally::add_up(stored)?;
    let programs = named(&tally.programs, |id| {
        (names.program_code(*id), names.program(*id))
    });
    let banks = named(&tally.banks, |id| {
        let bank = names.banks.get(id);
        (
            names.bank(*id),
            bank.map_or_else(|| names.bank(*id), |bank| bank.bank_name.clone()),
        )
    });
    let townships = named(&tally.townships, |name| (name.clone(), shown(name)));
    let months = named(&tally.months, |month| (month.clone(), month.clone()));
    let json = json!({
        "first_month": first.to_string(),
        "last_month": last.to_string(),
        "total": success_json(&tally.whole),
        "programs": cells_json(&programs),
        "bank_accounts": cells_json(&banks),
        "townships": cells_json(&townships),
        "months": cells_json(&months),
        "reasons": reasons_json(&tally.reasons),
    });
    let tables = vec![
        table(
            ("分项目发放成功率", "success rate by program"),
            &programs,
            &tally.whole,
        ),
        table(
            ("分账户发放成功率", "success rate by bank account"),
            &banks,
            &tally.whole,
        ),
        table(
            ("分乡镇发放成功率", "success rate by township"),
            &townships,
            &tally.whole,
        ),
        table(
            ("分月发放成功率", "success rate by month"),
            &months,
            &tally.whole,
        ),
        reasons_table(&tally.reasons),
    ];
    Ok(Report::new(json, tables))
}

/// The success rate of each program over the runs of some months.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn program_success(
    app: &App,
    caller: &Caller,
    first: Month,
    last: Month,
) -> Result<BTreeMap<ProgramId, SuccessRate>, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let tally = Tally::of(&mut tx, caller.book.id, first, last).await?;
    tx.rollback().await?;
    Ok(tally.programs)
}

/// The success rate of each program, within a reading.
pub(crate) async fn success_by_program(
    tx: &mut Tx,
    book: BookId,
    first: Month,
    last: Month,
) -> Result<BTreeMap<ProgramId, SuccessRate>, Error> {
    Ok(Tally::of(tx, book, first, last).await?.programs)
}

/// A success rate as JSON: exact fractions by count and by fen, first and final, pending beside.
pub fn success_json(rate: &SuccessRate) -> Value {
    let fraction = |rate: Rate| json!({ "paid": rate.paid, "attempted": rate.attempted });
    json!({
        "first": {
            "count": fraction(rate.first_count),
            "amount_fen": fraction(rate.first_amount),
        },
        "final": {
            "count": fraction(rate.final_count),
            "amount_fen": fraction(rate.final_amount),
        },
        "pending": { "count": rate.pending_count, "amount_fen": rate.pending_amount.get() },
    })
}

/// Success rates along each dimension, from the stored cells.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) whole: SuccessRate,
    pub(super) programs: BTreeMap<ProgramId, SuccessRate>,
    banks: BTreeMap<BankAccountId, SuccessRate>,
    townships: BTreeMap<String, SuccessRate>,
    months: BTreeMap<String, SuccessRate>,
    reasons: BTreeMap<String, Sum>,
}

impl Tally {
    /// Counts the runs of some months.
    pub(super) async fn of(
        tx: &mut Tx,
        book: BookId,
        first: Month,
        last: Month,
    ) -> Result<Tally, Error> {
        Ok(Tally::add_up(success::rates(tx, book, first, last).await?)?)
    }

    fn add_up(stored: Success) -> Result<Tally, MoneyError> {
        let mut tally = Tally::default();
        for (key, counted) in stored.cells {
            let rate = rate_of(&counted);
            tally.whole = tally.whole.merge(rate)?;
            add(&mut tally.programs, key.program, rate)?;
            add(&mut tally.banks, key.bank_account, rate)?;
            add(&mut tally.townships, key.township, rate)?;
            add(&mut tally.months, key.month, rate)?;
        }
        for (key, failed) in stored.reasons {
            let reason = tally.reasons.entry(key.reason).or_default();
            *reason = reason.plus(failed)?;
        }
        Ok(tally)
    }
}

/// The success rate of a cell.
fn rate_of(counted: &Counted) -> SuccessRate {
    let count = |paid: Sum, attempted: Sum| Rate::new(paid.count, attempted.count);
    let amount = |paid: Sum, attempted: Sum| Rate::new(paid.fen, attempted.fen);
    SuccessRate {
        first_count: count(counted.first_paid, counted.first_attempted),
        first_amount: amount(counted.first_paid, counted.first_attempted),
        final_count: count(counted.final_paid, counted.final_attempted),
        final_amount: amount(counted.final_paid, counted.final_attempted),
        pending_count: counted.pending.count,
        pending_amount: Fen::new(counted.pending.fen),
    }
}

fn add<K: Ord>(
    cells: &mut BTreeMap<K, SuccessRate>,
    key: K,
    rate: SuccessRate,
) -> Result<(), MoneyError> {
    let cell = cells.entry(key).or_default();
    *cell = cell.merge(rate)?;
    Ok(())
}

/// A cell: its code, its name and its rate.
type Cell = (String, String, SuccessRate);

fn named<K>(cells: &BTreeMap<K, SuccessRate>, name: impl Fn(&K) -> (String, String)) -> Vec<Cell> {
    let named = cells.iter().map(|(key, rate)| {
        let (code, name) = name(key);
        (code, name, *rate)
    });
    named.collect()
}

fn cells_json(cells: &[Cell]) -> Value {
    let cell = |(code, name, rate): &Cell| json!({ "id": code, "name": name, "success_rate": success_json(rate) });
    cells.iter().map(cell).collect()
}

fn table(title: (&str, &str), cells: &[Cell], whole: &SuccessRate) -> Table {
    let mut table = Table::new(
        words(title.0, title.1),
        &[
            ("名称", "name", false),
            ("首次成功率(笔)", "first, payments", true),
            ("首次成功率(金额)", "first, amount", true),
            ("成功笔数", "paid", true),
            ("发放笔数", "attempted", true),
            ("最终成功率(笔)", "final, payments", true),
            ("成功金额(元)", "paid, yuan", true),
            ("发放金额(元)", "attempted, yuan", true),
            ("最终成功率(金额)", "final, amount", true),
            ("处理中笔数", "pending", true),
            ("处理中金额(元)", "pending, yuan", true),
        ],
    );
    let total = ("合计 total".to_owned(), *whole);
    let rows = cells.iter().map(|(_, name, rate)| (name.clone(), *rate));
    for (name, rate) in rows.chain([total]) {
        table.row([
            name,
            rate.first_count.percent(),
            rate.first_amount.percent(),
            rate.final_count.paid.to_string(),
            rate.final_count.attempted.to_string(),
            rate.final_count.percent(),
            Fen::new(rate.final_amount.paid).grouped(),
            Fen::new(rate.final_amount.attempted).grouped(),
            rate.final_amount.percent(),
            rate.pending_count.to_string(),
            rate.pending_amount.grouped(),
        ]);
    }
    table
}

/// The Chinese name of a failure reason; the code itself when nobody has taught it.
pub(crate) fn reason_name(code: &str) -> String {
    match Reason::from_code(code) {
        Some(reason) => reason.zh().to_owned(),
        None => shown(code),
    }
}

fn shown(text: &str) -> String {
    if text.is_empty() {
        NOTHING.to_owned()
    } else {
        text.to_owned()
    }
}

fn reasons_json(reasons: &BTreeMap<String, Sum>) -> Value {
    let row = |(code, failures): (&String, &Sum)| {
        json!({
            "reason": code,
            "name": reason_name(code),
            "attempts": failures.count,
            "amount_fen": failures.fen,
        })
    };
    reasons.iter().map(row).collect()
}

fn reasons_table(reasons: &BTreeMap<String, Sum>) -> Table {
    let mut table = Table::new(
        words("失败原因", "reasons of failure"),
        &[
            ("原因", "reason", false),
            ("失败次数", "failed attempts", true),
            ("金额(元)", "yuan", true),
            ("应由谁办理", "who must do what", false),
        ],
    );
    let mut rows: Vec<_> = reasons.iter().collect();
    rows.sort_by_key(|(code, failures)| (std::cmp::Reverse(failures.count), (*code).clone()));
    for (code, failures) in rows {
        let action = Reason::from_code(code).map_or(NOTHING, Reason::action_zh);
        table.row([
            reason_name(code),
            failures.count.to_string(),
            Fen::new(failures.fen).grouped(),
            action.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use ledger_store::success::CellKey;

    use super::*;

    /// Six first attempts, one of them good; five payments decided, three of them well; two open.
    fn counted() -> Counted {
        let payments = |count: i64| Sum {
            count,
            fen: count * 100,
        };
        Counted {
            first_attempted: payments(6),
            first_paid: payments(1),
            final_attempted: payments(5),
            final_paid: payments(3),
            pending: payments(2),
        }
    }

    #[test]
    fn the_parts_of_each_table_add_up_to_the_whole() {
        let mut stored = Success::default();
        for (program, month, bank, township) in [
            (1, "2022-01", 1, "东示例镇"),
            (1, "2022-01", 2, "东示例镇"),
            (2, "2022-01", 1, "西示例镇"),
            (2, "2022-02", 1, "东示例镇"),
        ] {
            let key = CellKey {
                program: ProgramId(program),
                month: month.to_owned(),
                bank_account: BankAccountId(bank),
                township: township.to_owned(),
            };
            stored.cells.insert(key, counted());
        }
        let tally = Tally::add_up(stored).unwrap();
        let whole = tally.whole;
        assert_eq!(whole.first_count, Rate::new(4, 24));
        assert_eq!(whole.final_count, Rate::new(12, 20));
        assert_eq!(whole.final_amount, Rate::new(1200, 2000));
        let pending = (whole.pending_count, whole.pending_amount);
        assert_eq!(pending, (8, Fen::new(800)));
        assert_eq!(tally.townships["东示例镇"].first_count, Rate::new(3, 18));
        let of = |rates: Vec<SuccessRate>| SuccessRate::total(rates).unwrap();
        assert_eq!(of(tally.programs.into_values().collect()), whole);
        assert_eq!(of(tally.banks.into_values().collect()), whole);
        assert_eq!(of(tally.townships.into_values().collect()), whole);
        assert_eq!(of(tally.months.into_values().collect()), whole);
    }
}
