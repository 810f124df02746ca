//! Idle money (资金沉淀): what lies undrawn with each appropriation, and what came back and nobody
//! has sorted (audit check A14), by age.

use std::collections::BTreeMap;

use ledger::calendar::{Date, parse_date};
use ledger::disbursement::role::Action;
use ledger::fund::Level;
use ledger::id::{BankAccountId, BookId, ProgramId};
use ledger::money::Fen;
use ledger_store::boxed;
use ledger_store::db::Tx;
use ledger_store::returned as store;
use ledger_store::success::Sum;
use serde_json::{Value, json};

use super::age::Ages;
use super::execution::execution_in;
use super::{NOTHING, Names};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// 资金沉淀 as it stands today, by appropriation and by age.
///
/// # Errors
/// When the caller may not read reports; when a sum is out of range; accidents of the store.
#[boxed]
pub async fn idle(app: &App, caller: &Caller) -> Result<Report, Error> {
    let (book, today) = (caller.book.id, app.clock.today());
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let execution = execution_in(&mut tx, book, &names, chrono::Datelike::year(&today)).await?;
    let report = idle_in(&mut tx, (book, &names), &execution.json, today).await?;
    tx.rollback().await?;
    Ok(report)
}

/// The same within a reading, of a year's budget execution.
pub(super) async fn idle_in(
    tx: &mut Tx,
    (book, names): (BookId, &Names),
    execution: &Value,
    today: Date,
) -> Result<Report, Error> {
    let undrawn = undrawn(names, execution, today)?;
    let returned = returned(tx, book, names, today).await?;
    let json = json!({
        "date": today.to_string(),
        "idle": undrawn.json["rows"],
        "idle_ages": undrawn.json["ages"],
        "returned": returned.json["rows"],
        "returned_ages": returned.json["ages"],
    });
    let tables = undrawn.tables.into_iter().chain(returned.tables);
    Ok(Report::new(json, tables.collect()))
}

/// Money that came back and is not sorted yet, and since when: home and to be sent again or
/// cancelled, by program; in suspense, by account.
async fn returned(tx: &mut Tx, book: BookId, names: &Names, today: Date) -> Result<Report, Error> {
    let mut ages = Ages::default();
    let mut groups = BTreeMap::<(bool, i64), (Sum, Date)>::new();
    let mut add = |key: (bool, i64), sum: Sum, on: Date| -> Result<(), Error> {
        ages.add((on, today), sum)?;
        let (all, since) = groups.entry(key).or_insert((Sum::default(), on));
        *all = all.plus(sum)?;
        *since = (*since).min(on);
        Ok(())
    };
    let sum = |count: i64, amount: Fen| Sum {
        count,
        fen: amount.get(),
    };
    for one in store::home(tx, book).await? {
        add((false, one.of.get()), sum(one.count, one.amount), one.on)?;
    }
    for one in store::suspense(tx, book).await? {
        add((true, one.of.get()), sum(one.count, one.amount), one.on)?;
    }
    let mut table = Table::new(
        words(
            "退回待梳理资金(审计检查 A14)",
            "money returned and not sorted (A14)",
        ),
        &[
            ("情况", "state", false),
            ("项目或账户", "program or account", false),
            ("笔数", "items", true),
            ("金额(元)", "amount (yuan)", true),
            ("最早到账日", "since", false),
            ("已过(天)", "days", true),
        ],
    );
    let mut rows = Vec::new();
    for ((in_suspense, id), (sum, since)) in groups {
        let (state, shown, code, name) = match in_suspense {
            false => {
                let id = ProgramId(id);
                let named = (names.program_code(id), names.program(id));
                ("home", "已退回、待补发或取消", named.0, named.1)
            }
            true => {
                let id = BankAccountId(id);
                ("suspense", "来款待查", names.bank(id), names.bank_name(id))
            }
        };
        let days = (today - since).num_days();
        table.row([
            shown.to_owned(),
            name.clone(),
            sum.count.to_string(),
            Fen::new(sum.fen).grouped(),
            since.to_string(),
            days.to_string(),
        ]);
        rows.push(json!({
            "state": state, "of": code, "name": name, "items": sum.count,
            "amount_fen": sum.fen, "since": since.to_string(), "days": days,
        }));
    }
    let json = json!({ "rows": rows, "ages": ages.json() });
    let ages = ages.table("退回待梳理资金账龄", "age of money returned and not sorted")?;
    Ok(Report::new(json, vec![table, ages]))
}

/// What lies at the bank of each appropriation, and since when.
fn undrawn(names: &Names, execution: &Value, today: Date) -> Result<Report, Error> {
    let mut table = Table::new(
        words("未支用资金", "money not drawn"),
        &[
            ("项目", "program", false),
            ("级次", "level", false),
            ("文号", "document", false),
            ("到账日期", "received", false),
            ("结余(元)", "left (yuan)", true),
            ("已到账(天)", "days", true),
        ],
    );
    let all = execution["appropriations"].as_array();
    let (mut rows, mut ages) = (Vec::new(), Ages::default());
    for letter in all.into_iter().flatten() {
        let left = letter["left_fen"].as_i64().unwrap_or(0);
        let text = |name: &str| letter[name].as_str().unwrap_or_default().to_owned();
        let received = parse_date(&text("received_on")).ok();
        if left <= 0 {
            continue;
        }
        if let Some(received) = received {
            ages.add(
                (received, today),
                Sum {
                    count: 1,
                    fen: left,
                },
            )?;
        }
        let days = received.map(|received| (today - received).num_days());
        let code = text("program");
        let program = names.programs.values().find(|one| one.code == code);
        let name = program.map_or_else(|| code.clone(), |one| one.name.clone());
        let since = received.map_or_else(|| NOTHING.to_owned(), |date| date.to_string());
        let level = Level::from_code(&text("level"));
        table.row([
            name.clone(),
            level.map_or_else(String::new, |level| level.name().to_owned()),
            text("document"),
            since,
            Fen::new(left).grouped(),
            days.map_or_else(|| NOTHING.to_owned(), |days| days.to_string()),
        ]);
        rows.push(json!({
            "program": code, "name": name, "level": letter["level"],
            "document": letter["document"], "received_on": letter["received_on"],
            "amount_fen": left, "days": days,
        }));
    }
    let json = json!({ "rows": rows, "ages": ages.json() });
    let ages = ages.table("未支用资金账龄", "age of money not drawn")?;
    Ok(Report::new(json, vec![table, ages]))
}
