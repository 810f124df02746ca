//! The payments behind a figure: every number of the success rates opens its rows.

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::problem::{Kind, Problem};
use ledger_store::boxed;
use ledger_store::exception::Page;
use ledger_store::fate::{self, Attempts, Became, Wanted};
use ledger_store::payment;
use serde_json::json;

use super::{Names, reason_name};
use crate::app::roster::{mask_account, mask_name};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// Which payments: those of runs of these months, of whichever of the rest is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// From this month on.
    pub first: Month,
    /// Until this month.
    pub last: Month,
    /// Code of a program.
    pub program: Option<String>,
    /// Code of the account that they were first sent from.
    pub account: Option<String>,
    /// 乡镇; empty for households without one.
    pub township: Option<String>,
    /// `paid`, `failed` or `pending`.
    pub state: Option<String>,
    /// `last`, `first` or `every`: which attempt says so. `last` when not given.
    pub attempt: Option<String>,
    /// Code of a normalised reason, or empty for one that nobody has taught.
    pub reason: Option<String>,
}

/// A place in the list is a payment and an attempt: more often than so nobody is tried.
const ATTEMPTS_MAX: i64 = 4_096;

impl Filter {
    fn wanted(&self, names: &Names) -> Result<Wanted, Error> {
        let program = self.program.as_ref().map(|code| {
            let found = names.programs.values().find(|one| one.code == *code);
            found.ok_or_else(|| not_found("项目 program", code))
        });
        let account = self.account.as_ref().map(|code| names.bank_by_code(code));
        let became = match self.state.as_deref() {
            None => None,
            Some("paid") => Some(Became::Paid),
            Some("failed") => Some(Became::Failed),
            Some("pending") => Some(Became::Pending),
            Some(other) => return Err(invalid("state", other, "paid, failed, pending")),
        };
        let fails = became == Some(Became::Failed) || self.reason.is_some();
        let attempts = match self.attempt.as_deref() {
            None | Some("last") => Attempts::Last,
            Some("first") => Attempts::First,
            Some("every") if fails => Attempts::Every,
            Some(other) => return Err(invalid("attempt", other, "first, last, every")),
        };
        Ok(Wanted {
            first: self.first,
            last: self.last,
            program: program.transpose()?.map(|one| one.id),
            bank_account: account.transpose()?.map(|one| one.id),
            township: self.township.clone(),
            became,
            attempts,
            reason: self.reason.clone(),
        })
    }
}

fn invalid(field: &'static str, value: &str, wanted: &str) -> Error {
    Problem::new(Kind::FieldInvalid)
        .with("field", field)
        .with("value", value)
        .with("wanted", wanted)
        .into()
}

/// The payments behind a figure of the success rates, by pages in their order; payees are masked.
///
/// # Errors
/// `FieldInvalid` and `NotFound` of the filter; when the caller may not read reports.
#[boxed]
pub async fn payments(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, caller.book.id).await?;
    let wanted = filter.wanted(&names)?;
    let (after, attempt) = (page.after / ATTEMPTS_MAX, page.after % ATTEMPTS_MAX);
    let rows = Page {
        after,
        limit: page.limit,
    };
    let found = fate::fates(&mut tx, caller.book.id, &wanted, rows, attempt).await?;
    let ids: Vec<_> = found.iter().map(|one| one.payment).collect();
    let whose = payment::whose(&mut tx, caller.book.id, &ids).await?;
    tx.rollback().await?;
    let mut table = payments_table();
    let mut list = Vec::new();
    for one in &found {
        let reason = match one.kind.as_str() {
            "failed" | "refunded" => reason_name(&one.reason),
            _ => String::new(),
        };
        let whose = whose.get(&one.payment).cloned().unwrap_or_default();
        let (payee, account) = (mask_name(&whose.name), mask_account(&whose.account_no));
        table.row([
            one.payment.to_string(),
            one.run.to_string(),
            names.program(one.program),
            one.month.clone(),
            names.bank_name(one.bank_account),
            one.township.clone(),
            whose.village.clone(),
            payee.clone(),
            account.clone(),
            one.amount.grouped(),
            one.attempt.to_string(),
            one.kind.clone(),
            reason,
        ]);
        list.push(json!({
            "payment": one.payment.get(), "run": one.run.get(),
            "program": names.program_code(one.program), "month": one.month,
            "account": names.bank(one.bank_account), "township": one.township,
            "village": whose.village, "payee": payee, "payee_account": account,
            "amount_fen": one.amount.get(), "attempt": one.attempt, "state": one.kind,
            "reason": one.reason,
        }));
    }
    let is_full = i64::try_from(found.len()).is_ok_and(|rows| rows >= page.limit);
    let next = found.last().filter(|_| is_full);
    let next =
        next.map(|last| last.payment.get() * ATTEMPTS_MAX + last.attempt.min(ATTEMPTS_MAX - 1));
    let json = json!({ "payments": list, "next": next });
    Ok(Report::new(json, vec![table]))
}

fn payments_table() -> Table {
    Table::new(
        words("发放明细", "Payments"),
        &[
            ("明细", "payment", true),
            ("批次", "run", true),
            ("项目", "program", false),
            ("月份", "month", false),
            ("付款户", "account", false),
            ("乡镇", "township", false),
            ("村(社区)", "village", false),
            ("收款人", "payee", false),
            ("收款账号", "payee account", false),
            ("金额(元)", "amount (yuan)", true),
            ("次", "attempt", true),
            ("状态", "state", false),
            ("原因", "reason", false),
        ],
    )
}
