//! The policy of a book, as it stands.

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::program::payment_day::pay_by;
use ledger::program::{Cadence, Formula};
use ledger_store::boxed;
use ledger_store::policy;
use serde_json::{Value, json};

use super::words::{ONCE, rounding_name};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// The programs with their components.
#[boxed]
pub async fn list_programs(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let programs = policy::programs(&mut tx, caller.book.id).await?;
    let components = policy::components(&mut tx, caller.book.id).await?;
    let details = policy::details(&mut tx, caller.book.id).await?;
    let days = policy::payment_days(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let month = Month::of(app.clock.today());
    let mut table = Table::new(
        words("救助项目", "Programs"),
        &[
            ("项目代码", "code", false),
            ("项目", "name", false),
            ("功能科目", "function code", false),
            ("发放项目代码", "code", false),
            ("发放项目", "name", false),
            ("按", "per", false),
            ("月份", "months", false),
            ("计量单位", "unit", false),
            ("经济科目", "economic code", false),
            ("发放日", "paid by", true),
        ],
    );
    let mut list = Vec::new();
    for program in &programs {
        let mut of_program = Vec::new();
        let pay_by = pay_by(&days, program.id, month);
        for component in components.iter().filter(|c| c.program == program.id) {
            let economic = details.get(&component.id);
            let economic = economic.map_or("", |detail| detail.economic_code.as_str());
            table.row([
                program.code.clone(),
                program.name.clone(),
                program.function_code.clone(),
                component.code.clone(),
                component.name.clone(),
                component.scope.name().to_owned(),
                months(component.cadence),
                component.unit.clone(),
                economic.to_owned(),
                chrono::Datelike::day(&pay_by).to_string(),
            ]);
            of_program.push(json!({
                "id": component.code,
                "name": component.name,
                "scope": component.scope.code(),
                "months": component.cadence.to_string(),
                "unit": component.unit,
                "economic_code": economic,
            }));
        }
        list.push(json!({
            "id": program.code,
            "name": program.name,
            "function_code": program.function_code,
            "pay_by": pay_by.to_string(),
            "components": of_program,
        }));
    }
    Ok(Report::new(json!({ "programs": list }), vec![table]))
}

/// The standards with their documents.
#[boxed]
pub async fn list_standards(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let programs = policy::programs(&mut tx, caller.book.id).await?;
    let components = policy::components(&mut tx, caller.book.id).await?;
    let standards = policy::standards(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = Table::new(
        words("保障标准", "Standards"),
        &[
            ("项目", "program", false),
            ("发放项目", "component", false),
            ("类别", "tag", false),
            ("起始月", "from", false),
            ("算法", "formula", false),
            ("标准", "standard", true),
            ("文号", "document", false),
        ],
    );
    let mut list: Vec<Value> = Vec::new();
    for standard in &standards {
        let Some(component) = components.iter().find(|c| c.id == standard.component) else {
            continue;
        };
        let program = programs
            .iter()
            .find(|program| program.id == component.program);
        let named = program.map_or("", |program| program.name.as_str());
        let program = program.map_or("", |program| program.code.as_str());
        let shown = shown(&standard.formula);
        table.row([
            named.to_owned(),
            component.name.clone(),
            standard.tag.clone(),
            standard.from.to_string(),
            standard.formula.name().to_owned(),
            shown.clone(),
            standard.document.clone(),
        ]);
        list.push(json!({
            "program": program,
            "component": component.code,
            "tag": standard.tag,
            "from": standard.from.to_string(),
            "formula": standard.formula.code(),
            "standard": shown,
            "document": standard.document,
        }));
    }
    Ok(Report::new(json!({ "standards": list }), vec![table]))
}

/// When a component falls due, in words where it falls due once.
fn months(cadence: Cadence) -> String {
    match cadence.to_string() {
        text if text == "once" => ONCE.to_owned(),
        text => text,
    }
}

/// The amount of a formula, or how it is found.
pub(super) fn shown(formula: &Formula) -> String {
    match formula {
        Formula::Amount(amount) | Formula::AmountMinusIncome(amount) => amount.grouped(),
        Formula::Rate { of, rate, rounding } => {
            format!("{of} × {rate} ({})", rounding_name(*rounding))
        }
        Formula::Individual => "—".to_owned(),
    }
}

/// Code and name of the agency's bank accounts.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn accounts(app: &App, caller: &Caller) -> Result<Vec<(String, String)>, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let accounts = policy::bank_accounts(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let pair = |account: policy::BankAccount| (account.code, account.bank_name);
    Ok(accounts.into_iter().map(pair).collect())
}
