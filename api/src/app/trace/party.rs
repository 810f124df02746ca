//! The payments of one person, household or institution.

use ledger::audit::hex::encode;
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::PaymentState;
use ledger::roster::identity::IdentityNumber;
use ledger_store::boxed;
use ledger_store::recovery::{self, Recovery};
use ledger_store::report as figures;
use ledger_store::roster::{self, Party};
use ledger_store::trace as way;
use serde_json::{Value, json};

use super::{masked_name, masked_number};
use crate::app::report::Names;
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// All payments of a person, household or institution, by identity number (15 or 18 characters),
/// file number or credit code, each with its state.
///
/// # Errors
/// When nobody has this number; when the caller may not read reports; accidents of the store.
#[boxed]
pub async fn person(app: &App, caller: &Caller, reference_no: &str) -> Result<Report, Error> {
    let book = caller.book.id;
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let names = Names::load(&mut tx, book).await?;
    let typed = reference_no.trim();
    // A number of 15 digits and its form with 18 are the same person.
    let number = IdentityNumber::parse(typed)
        .map_or_else(|_| typed.to_owned(), |number| number.as_str().to_owned());
    let mut parties = roster::party_by_reference(&mut tx, book, &number).await?;
    if parties.is_empty() && number != typed {
        parties = roster::party_by_reference(&mut tx, book, typed).await?;
    }
    if parties.is_empty() {
        return Err(not_found("人、户或机构 person", masked_number(typed)));
    }
    let recoveries = recovery::recoveries(&mut tx, book).await?;
    let (mut documents, mut tables) = (Vec::new(), Vec::new());
    for party in &parties {
        let entry = way::party(&mut tx, book, party.id)
            .await?
            .map_or(0, |(_, entry)| entry);
        let payments = way::payments_of_party(&mut tx, book, party.id).await?;
        tables.push(payments_table(&names, party, &payments));
        let owed = recoveries
            .iter()
            .filter(|owed| owed.household == party.id || owed.payee == party.id);
        let owed: Vec<&Recovery> = owed.collect();
        if !owed.is_empty() {
            tables.push(recoveries_table(&names, &owed));
        }
        documents.push(json!({
            "party": party_json(&(party.clone(), entry)),
            "payments": payments.iter().map(|row| payment_json(&names, row)).collect::<Value>(),
            "recoveries": owed.iter().map(|owed| recovery_json(&names, owed)).collect::<Value>(),
        }));
    }
    let (size, root) = figures::head(&mut tx, book).await?;
    tx.rollback().await?;
    let head = json!({ "size": size, "root": encode(&root) });
    Ok(Report::new(
        json!({ "parties": documents, "head": head }),
        tables,
    ))
}

fn payment_json(names: &Names, row: &way::PartyPayment) -> Value {
    json!({
        "payment": row.payment.get(),
        "month": row.month,
        "program": names.program_code(row.program),
        "amount_fen": row.amount.get(),
        "own_fen": row.own.get(),
        "state": row.state.map_or("not-approved", PaymentState::code),
    })
}

fn recovery_json(names: &Names, owed: &Recovery) -> Value {
    json!({
        "recovery": owed.id.get(),
        "program": names.program_code(owed.program),
        "first": owed.first.to_string(),
        "last": owed.last.to_string(),
        "amount_fen": owed.amount.get(),
        "left_fen": owed.left.get(),
        "state": owed.state.code(),
    })
}

fn recoveries_table(names: &Names, owed: &[&Recovery]) -> Table {
    let mut table = Table::new(
        words("追缴", "recoveries"),
        &[
            ("追缴", "recovery", true),
            ("项目", "program", false),
            ("月份", "months", false),
            ("多发(元)", "overpaid (yuan)", true),
            ("余额(元)", "left (yuan)", true),
            ("状态", "state", false),
        ],
    );
    for owed in owed {
        table.row([
            owed.id.to_string(),
            names.program(owed.program),
            format!("{} – {}", owed.first, owed.last),
            owed.amount.grouped(),
            owed.left.grouped(),
            owed.state.name().to_owned(),
        ]);
    }
    table
}

fn payments_table(names: &Names, party: &Party, payments: &[way::PartyPayment]) -> Table {
    let who = format!(
        "{} {}",
        masked_name(&party.name),
        masked_number(&party.reference_no)
    );
    let title = words(
        format!("{who} {} {} 的发放明细", party.township, party.village),
        format!("payments of {who} ({})", party.kind.code()),
    );
    let mut table = Table::new(
        title,
        &[
            ("明细", "payment", true),
            ("月份", "month", false),
            ("项目", "program", false),
            ("金额(元)", "yuan", true),
            ("其中本人或本户(元)", "own part", true),
            ("状态", "state", false),
        ],
    );
    for row in payments {
        table.row([
            row.payment.to_string(),
            row.month.clone(),
            names.program(row.program),
            row.amount.grouped(),
            row.own.grouped(),
            row.state.map_or("未审批", PaymentState::name).to_owned(),
        ]);
    }
    table
}

/// A party as the outside may see it, with its audit entry.
pub(super) fn party_json((party, entry): &(Party, i64)) -> Value {
    json!({
        "id": party.id.get(),
        "kind": party.kind.code(),
        "name": masked_name(&party.name),
        "reference_no": masked_number(&party.reference_no),
        "township": party.township,
        "village": party.village,
        "entry": entry,
    })
}
