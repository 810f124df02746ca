//! The success-rate report (发放成功率).
//!
//! A payment counts once, in the month of its own run and at the paying account of its first
//! attempt. First attempt: attempt 1 alone. Final: its last attempt. Money that came back after it
//! was reported paid did not arrive, so it counts as failed in both. What the bank has not decided
//! is neither paid nor failed: it stands beside the rate and not in it. The store keeps these
//! figures up to date ([`ledger_store::success`]), so that a report reads no payments.

use ledger_store::boxed;
use std::collections::{BTreeMap, BTreeSet};

use bank_adapters::reason::Reason;
use ledger::calendar::{Date, Month};
use ledger::disbursement::role::Action;
use ledger::id::{BankAccountId, BookId, ComponentId, ProgramId};
use ledger::money::{Fen, MoneyError};
use ledger_store::db::Tx;
use ledger_store::fate;
use ledger_store::success::{self, Counted, Success, Sum};
use reconciliation::rate::{Rate, SuccessRate};
use serde_json::{Value, json};

use super::{NOTHING, Names};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// The success rate of the runs of some months: overall, by program, bank account, township and
/// month, by component, and the reasons of what failed. The parts of each table add up to the
/// whole; by component the amounts do, since a payment of two components counts in both.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
pub async fn success_rate(
    app: &App,
    caller: &Caller,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    rates(app, caller, (first, last), true).await
}

/// The same without what reads the lines of every payment, the rates by component.
///
/// # Errors
/// As [`success_rate`].
pub async fn success_cells(
    app: &App,
    caller: &Caller,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    rates(app, caller, (first, last), false).await
}

#[boxed]
async fn rates(
    app: &App,
    caller: &Caller,
    months: (Month, Month),
    by_component: bool,
) -> Result<Report, Error> {
    let (book, (first, last)) = (caller.book.id, months);
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let stored = success::rates(&mut tx, book, first, last).await?;
    let components = match by_component {
        true => Some(fate::by_component(&mut tx, book, first, last).await?),
        false => None,
    };
    tx.rollback().await?;
    success_in(&names, (stored, components), months, app.clock.today())
}

/// The same of what was read, as it stood on a day; without the lines of the payments there is
/// nothing by component.
pub(super) fn success_in(
    names: &Names,
    (stored, components): (Success, Option<BTreeMap<ComponentId, Counted>>),
    (first, last): (Month, Month),
    today: Date,
) -> Result<Report, Error> {
    let trend = Trend::of(&stored)?;
    let tally = Tally::add_up(stored)?;
    let programs = named(&tally.programs, |id| {
        (names.program_code(*id), names.program(*id))
    });
    let banks = named(&tally.banks, |id| (names.bank(*id), names.bank_name(*id)));
    let townships = named(&tally.townships, |name| (name.clone(), shown(name)));
    let months = named(&tally.months, |month| (month.clone(), month.clone()));
    let mut json = json!({
        "first_month": first.to_string(),
        "last_month": last.to_string(),
        "date": today.to_string(),
        "total": success_json(&tally.whole),
        "programs": cells_json(&programs),
        "bank_accounts": cells_json(&banks),
        "townships": cells_json(&townships),
        "months": cells_json(&months),
        "reasons": reasons_json(&tally.reasons),
        "reason_months": trend.json(),
    });
    let whole = &tally.whole;
    let title = (
        format!("分项目发放成功率(截至 {today})"),
        format!("success rate by program, as of {today}"),
    );
    let mut tables = vec![table((&title.0, &title.1), &programs, whole)];
    if let Some(components) = components {
        let cells = by_component(names, components, whole)?;
        json["components"] = cells_json(&cells);
        let title = ("分发放项目成功率", "success rate by component");
        tables.push(table(title, &cells, whole));
    }
    for (title, cells) in [
        (("分账户发放成功率", "success rate by bank account"), &banks),
        (("分乡镇发放成功率", "success rate by township"), &townships),
        (("分月发放成功率", "success rate by month"), &months),
    ] {
        tables.push(table(title, cells, whole));
    }
    tables.extend([reasons_table(&tally.reasons), trend.table()]);
    Ok(Report::new(json, tables))
}

/// The rate of each component, and what its payments withheld for recoveries: with it the amounts
/// add up to the whole. A payment of two components counts in both.
fn by_component(
    names: &Names,
    components: BTreeMap<ComponentId, Counted>,
    whole: &SuccessRate,
) -> Result<Vec<Cell>, MoneyError> {
    let mut cells = Vec::new();
    let mut all = SuccessRate::default();
    for (id, counted) in components {
        let rate = rate_of(&counted);
        all = all.merge(rate)?;
        let program = names.components.get(&id).map(|part| part.program);
        let program = program.map_or_else(String::new, |program| names.program(program));
        let name = format!("{program} {}", names.component(id));
        cells.push((names.component_code(id), name.trim().to_owned(), rate));
    }
    let left =
        |whole: Rate, all: Rate| Rate::new(whole.paid - all.paid, whole.attempted - all.attempted);
    let withheld = SuccessRate {
        first_amount: left(whole.first_amount, all.first_amount),
        final_amount: left(whole.final_amount, all.final_amount),
        pending_amount: whole.pending_amount.minus(all.pending_amount)?,
        ..SuccessRate::default()
    };
    if withheld != SuccessRate::default() {
        cells.push(("withheld".to_owned(), "抵扣追缴".to_owned(), withheld));
    }
    Ok(cells)
}

/// The failures of each reason in each month.
struct Trend {
    months: BTreeSet<String>,
    reasons: BTreeMap<String, BTreeMap<String, Sum>>,
}

impl Trend {
    fn of(stored: &Success) -> Result<Trend, MoneyError> {
        let mut trend = Trend {
            months: stored.cells.keys().map(|key| key.month.clone()).collect(),
            reasons: BTreeMap::new(),
        };
        for (key, failed) in &stored.reasons {
            trend.months.insert(key.month.clone());
            let months = trend.reasons.entry(key.reason.clone()).or_default();
            let cell = months.entry(key.month.clone()).or_default();
            *cell = cell.plus(*failed)?;
        }
        Ok(trend)
    }

    /// A row for each month of each reason, also without a failure.
    fn json(&self) -> Value {
        let reason = |(code, failed): (&String, &BTreeMap<String, Sum>)| {
            let month = |month: &String| {
                let sum = failed.get(month).copied().unwrap_or_default();
                json!({ "month": month, "attempts": sum.count, "amount_fen": sum.fen })
            };
            let months: Vec<Value> = self.months.iter().map(month).collect();
            json!({ "reason": code, "name": reason_name(code), "months": months })
        };
        self.reasons.iter().map(reason).collect()
    }

    fn table(&self) -> Table {
        let months = self
            .months
            .iter()
            .map(|month| (month.as_str(), month.as_str(), true));
        let columns = [("原因", "reason", false)].into_iter().chain(months);
        let columns: Vec<_> = columns.chain([("合计", "total", true)]).collect();
        let title = words("失败原因各月次数", "failed attempts by reason and month");
        let mut table = Table::new(title, &columns);
        for (code, failed) in &self.reasons {
            let count = |month: &String| failed.get(month).map_or(0, |sum| sum.count);
            let counts = self.months.iter().map(count);
            let total: i64 = counts.clone().sum();
            let counts = counts.chain([total]).map(|count| count.to_string());
            table.row([reason_name(code)].into_iter().chain(counts));
        }
        table
    }
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
    pub(super) townships: BTreeMap<String, SuccessRate>,
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
