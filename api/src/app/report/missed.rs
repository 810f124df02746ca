//! 应助未助: who qualifies by the list of another office and draws nothing.

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger_store::{boxed, clash};
use serde_json::json;

use super::super::roster::{mask_account, mask_name};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error};

/// Everybody on the newest lists of people who qualify (防返贫监测, 重残…) who is on no roll in a
/// month, neither as a person or payee nor as a member of a household that is paid as a whole.
/// People are masked.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn missed(app: &App, caller: &Caller, month: Month) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let lists = clash::missed(&mut tx, caller.book.id, month).await?;
    tx.rollback().await?;
    let mut head = Table::new(
        words(
            format!("应助未助 {month}"),
            format!("Qualify and draw nothing, {month}"),
        ),
        &[
            ("名称", "name", false),
            ("人数", "people", true),
            ("不在册", "missed", true),
            ("导入日期", "imported", false),
        ],
    );
    let mut table = Table::new(
        words("不在册人员", "People on no roll"),
        &[
            ("名称", "list", false),
            ("姓名", "person", false),
            ("证件号", "number", false),
            ("日期", "since", false),
        ],
    );
    let (mut sums, mut rows) = (Vec::new(), Vec::new());
    for (list, missed) in &lists {
        head.row([
            list.name.clone(),
            list.people.to_string(),
            missed.len().to_string(),
            list.imported_on.clone(),
        ]);
        sums.push(json!({
            "list": list.id,
            "name": list.name,
            "people": list.people,
            "missed": missed.len(),
            "imported_on": list.imported_on,
        }));
        for [number, name, since] in missed {
            let (number, name) = (mask_account(number), mask_name(name));
            table.row([
                list.name.clone(),
                name.clone(),
                number.clone(),
                since.clone(),
            ]);
            rows.push(json!({
                "list": list.id, "name": name, "number": number, "since": since,
            }));
        }
    }
    let document = json!({ "month": month.to_string(), "lists": sums, "missed": rows });
    Ok(Report::new(document, vec![head, table]))
}
