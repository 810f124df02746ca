//! The report on the success of payments (发放成功率报告): rates, reasons, whether money went out
//! in time, where it lies, and how the budget is drawn. The managers' dashboard shows the same.

use ledger::audit::hex::encode;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::money::Fen;
use ledger_store::boxed;
use ledger_store::verify::short_root;
use ledger_store::{fate, report as figures, success};
use reconciliation::rate::Rate;
use serde_json::{Value, json};

use super::Names;
use super::execution::execution_in;
use super::idle::idle_in;
use super::success::success_in;
use super::timeliness::timeliness_in;
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// 发放成功率报告 over the runs of some months; money and budget are those of the last month's year,
/// as they stand now. The JSON document holds success rates under `success` and the budget under
/// `execution`, as their own reports give them.
///
/// # Errors
/// When the caller may not read reports; when a sum is out of range; accidents of the store.
pub async fn performance(
    app: &App,
    caller: &Caller,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    gathered(app, caller, (first, last), true).await
}

/// The same without what reads the lines of every payment, the rates by component: a page that is
/// opened often.
///
/// # Errors
/// As [`performance`].
pub async fn dashboard(
    app: &App,
    caller: &Caller,
    first: Month,
    last: Month,
) -> Result<Report, Error> {
    gathered(app, caller, (first, last), false).await
}

#[boxed]
async fn gathered(
    app: &App,
    caller: &Caller,
    months: (Month, Month),
    by_component: bool,
) -> Result<Report, Error> {
    let (first, last) = months;
    let (book, today) = (caller.book.id, app.clock.today());
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let stored = success::rates(&mut tx, book, first, last).await?;
    let components = match by_component {
        true => Some(fate::by_component(&mut tx, book, first, last).await?),
        false => None,
    };
    let times = timeliness_in(app, &mut tx, (book, &names), months).await?;
    let execution = execution_in(&mut tx, book, &names, last.year()).await?;
    let idle = idle_in(&mut tx, (book, &names), &execution.json, today).await?;
    let (entries, root) = figures::head(&mut tx, book).await?;
    tx.rollback().await?;
    let success = success_in(&names, (stored, components), months, today)?;
    let mut json = json!({
        "first_month": first.to_string(),
        "last_month": last.to_string(),
        "date": today.to_string(),
        "success": success.json,
        "timeliness": times.json,
        "in_transit": times.json["in_transit"],
        "in_transit_ages": times.json["in_transit_ages"],
        "execution": execution.json,
        "audit": { "entries": entries, "head": encode(&root), "short": short_root(&root) },
    });
    for list in ["idle", "idle_ages", "returned", "returned_ages"] {
        json[list] = idle.json[list].clone();
    }
    let mut tables = vec![headline(&json)];
    tables.extend(success.tables);
    // The rates stand in the first table already.
    tables.extend(times.tables.into_iter().skip(1));
    tables.extend(idle.tables);
    // By program; the letters have a report of their own.
    tables.extend(execution.tables.into_iter().skip(1).take(1));
    Ok(Report::new(json, tables))
}

/// The figures that a reader looks for first.
fn headline(json: &Value) -> Table {
    let mut table = Table::new(
        words("发放成功率报告", "report on the success of payments"),
        &[
            ("指标", "figure", false),
            ("数值", "value", true),
            ("成功或已支用", "paid or drawn", true),
            ("全部", "of all", true),
        ],
    );
    let total = &json["success"]["total"];
    let rate_of = |rate: &Value, paid: &str, all: &str| {
        let of = |name: &str| rate[name].as_i64().unwrap_or(0);
        Rate::new(of(paid), of(all))
    };
    let counts = [
        ("首次成功率(笔) first, payments", &total["first"]["count"]),
        ("最终成功率(笔) final, payments", &total["final"]["count"]),
        (
            "按时到账率(笔) arrived in time, payments",
            &json["timeliness"]["rate"],
        ),
        (
            "按时签发率(笔) released in time, payments",
            &json["timeliness"]["released"],
        ),
    ];
    for (name, rate) in counts {
        let rate = rate_of(rate, "paid", "attempted");
        let cells = [rate.paid.to_string(), rate.attempted.to_string()];
        table.row([name.to_owned(), rate.percent()].into_iter().chain(cells));
    }
    let execution = &json["execution"]["total"];
    let amounts = [
        (
            "首次成功率(金额) first, yuan",
            rate_of(&total["first"]["amount_fen"], "paid", "attempted"),
        ),
        (
            "最终成功率(金额) final, yuan",
            rate_of(&total["final"]["amount_fen"], "paid", "attempted"),
        ),
        (
            "预算执行率(金额) drawn, yuan",
            rate_of(&execution["rate"], "drawn", "of"),
        ),
    ];
    for (name, rate) in amounts {
        let cells = [rate.paid, rate.attempted].map(|fen| Fen::new(fen).grouped());
        table.row([name.to_owned(), rate.percent()].into_iter().chain(cells));
    }
    let money = [
        ("在途(元) in transit, yuan", &execution["in_transit_fen"]),
        (
            "待退回(元) awaiting refund, yuan",
            &execution["awaited_fen"],
        ),
        ("未支用(元) not drawn, yuan", &execution["left_fen"]),
    ];
    for (name, fen) in money {
        let amount = Fen::new(fen.as_i64().unwrap_or(0)).grouped();
        table.row([name.to_owned(), amount, String::new(), String::new()]);
    }
    table
}
