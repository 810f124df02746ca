//! The success-rate report (发放成功率).
//!
//! A payment counts once, in the month of its own run. First attempt: attempt 1 alone. Final: its
//! last attempt. Money that came back after it was reported paid did not arrive, so it counts as
//! failed in both. What the bank has not decided is neither paid nor failed: it stands beside the
//! rate and not in it.

use std::collections::BTreeMap;

use bank_adapters::reason::Reason;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::{BankAccountId, BookId, ProgramId};
use ledger::money::{Fen, MoneyError};
use ledger_store::db::Tx;
use ledger_store::report::{self, AttemptFact};
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
pub async fn success_rate(
    app: &App,
    caller: &Caller,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, caller.book.id).await?;
    let tally = Tally::of(&mut tx, caller.book.id, first, last).await?;
    tx.rollback().await?;
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

/// What failed for one reason.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    attempts: i64,
    amount: Fen,
}

/// Success rates gathered from attempts that come by payment and attempt.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) whole: SuccessRate,
    pub(super) programs: BTreeMap<ProgramId, SuccessRate>,
    banks: BTreeMap<BankAccountId, SuccessRate>,
    townships: BTreeMap<String, SuccessRate>,
    months: BTreeMap<String, SuccessRate>,
    reasons: BTreeMap<String, Failures>,
    /// The first and the newest attempt of the payment being read.
    open: Option<(AttemptFact, Option<AttemptFact>)>,
}

impl Tally {
    /// Counts the runs of some months.
    pub(super) async fn of(
        tx: &mut Tx,
        book: BookId,
        first: Month,
        last: Month,
    ) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        let mut outcome = Ok(());
        report::attempt_facts(tx, book, first, last, |fact| {
            if outcome.is_ok() {
                outcome = tally.take(fact);
            }
        })
        .await?;
        outcome?;
        tally.close()?;
        Ok(tally)
    }

    fn take(&mut self, fact: AttemptFact) -> Result<(), MoneyError> {
        if answer(&fact) == Some(false) {
            let failures = self.reasons.entry(fact.reason.clone()).or_default();
            failures.attempts += 1;
            failures.amount = failures.amount.plus(fact.amount)?;
        }
        match &mut self.open {
            Some((first, last)) if first.payment == fact.payment => {
                *last = Some(fact);
                Ok(())
            }
            _ => {
                self.close()?;
                self.open = Some((fact, None));
                Ok(())
            }
        }
    }

    /// Counts the payment that was being read.
    fn close(&mut self) -> Result<(), MoneyError> {
        let Some((first, last)) = self.open.take() else {
            return Ok(());
        };
        let rate = rate_of(&first, last.as_ref().unwrap_or(&first));
        let bank = BankAccountId(last.as_ref().unwrap_or(&first).bank_account);
        self.whole = self.whole.merge(rate)?;
        add(&mut self.programs, first.program, rate)?;
        add(&mut self.banks, bank, rate)?;
        add(&mut self.townships, first.township, rate)?;
        add(&mut self.months, first.month, rate)
    }
}

/// Whether the money arrived; none while the bank has not decided.
fn answer(fact: &AttemptFact) -> Option<bool> {
    match fact.outcome.as_str() {
        "" => None,
        "paid" => Some(!fact.refunded),
        _ => Some(false),
    }
}

/// The success rate of one payment.
fn rate_of(first: &AttemptFact, last: &AttemptFact) -> SuccessRate {
    let rate = |fact: &AttemptFact, unit: i64| match answer(fact) {
        None => Rate::default(),
        Some(arrived) => Rate::new(if arrived { unit } else { 0 }, unit),
    };
    let amount = first.amount.get();
    let pending = answer(last).is_none();
    SuccessRate {
        first_count: rate(first, 1),
        first_amount: rate(first, amount),
        final_count: rate(last, 1),
        final_amount: rate(last, amount),
        pending_count: i64::from(pending),
        pending_amount: if pending { first.amount } else { Fen::ZERO },
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

fn reasons_json(reasons: &BTreeMap<String, Failures>) -> Value {
    let row = |(code, failures): (&String, &Failures)| {
        json!({
            "reason": code,
            "name": reason_name(code),
            "attempts": failures.attempts,
            "amount_fen": failures.amount.get(),
        })
    };
    reasons.iter().map(row).collect()
}

fn reasons_table(reasons: &BTreeMap<String, Failures>) -> Table {
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
    rows.sort_by_key(|(code, failures)| (std::cmp::Reverse(failures.attempts), (*code).clone()));
    for (code, failures) in rows {
        let action = Reason::from_code(code).map_or(NOTHING, Reason::action_zh);
        table.row([
            reason_name(code),
            failures.attempts.to_string(),
            failures.amount.grouped(),
            action.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(payment: i64, attempt: i64, outcome: &str, refunded: bool) -> AttemptFact {
        AttemptFact {
            program: ProgramId(1),
            bank_account: 1,
            township: "示例镇".to_owned(),
            payment,
            amount: Fen::new(100),
            attempt,
            outcome: outcome.to_owned(),
            refunded,
            reason: if outcome == "failed" {
                "account-closed"
            } else {
                ""
            }
            .to_owned(),
            month: "2022-01".to_owned(),
        }
    }

    #[test]
    fn payments_are_counted_once() {
        let mut tally = Tally::default();
        for fact in [
            fact(1, 1, "paid", false),
            fact(2, 1, "failed", false),
            fact(2, 2, "paid", false),
            fact(3, 1, "paid", true),
            fact(4, 1, "", false),
            fact(5, 1, "failed", false),
            fact(5, 2, "", false),
        ] {
            tally.take(fact).unwrap();
        }
        tally.close().unwrap();
        let whole = tally.whole;
        assert_eq!(whole.first_count, Rate::new(1, 4));
        assert_eq!(whole.final_count, Rate::new(2, 3));
        assert_eq!(whole.final_amount, Rate::new(200, 300));
        assert_eq!(
            (whole.pending_count, whole.pending_amount),
            (2, Fen::new(200))
        );
        let parts = SuccessRate::total(tally.townships.into_values()).unwrap();
        assert_eq!(parts, whole);
        assert_eq!(tally.reasons["account-closed"].attempts, 2);
    }
}
