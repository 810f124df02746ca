//! Rosters as they stand in the books, and what changed between two months; names and numbers
//! masked.

use std::collections::{BTreeMap, HashMap};

use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::id::{ComponentId, PartyId};
use ledger::money::Fen;
use ledger_store::policy::{self, Program};
use ledger_store::roster::{self as store, Party};
use serde_json::json;

use super::{mask_account, mask_name};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// The roster of a program in a month, masked.
pub async fn list(
    app: &App,
    caller: &Caller,
    program: &str,
    month: Month,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let programs = policy::programs(&mut tx, book).await?;
    let program = programs
        .iter()
        .find(|known| known.code == program)
        .ok_or_else(|| not_found("项目 program", program))?;
    let components = policy::components(&mut tx, book).await?;
    let rows = store::roster_at(&mut tx, book, program.id, month).await?;
    let parties = store::parties(&mut tx, book).await?;
    let rules = policy::policy(&mut tx, book).await?;
    tx.rollback().await?;
    let parties: HashMap<PartyId, &Party> = parties.iter().map(|p| (p.id, p)).collect();
    let mut table = roster_table(program, month);
    let mut list = Vec::new();
    for row in &rows {
        let award = &row.award;
        let name = |id: PartyId| {
            parties
                .get(&id)
                .map_or_else(String::new, |p| mask_name(&p.name))
        };
        let subject = parties.get(&award.subject);
        let code = components.iter().find(|c| c.id == award.component);
        let code = code.map_or("", |component| component.code.as_str());
        let due = rules.due(award, month)?;
        let township = subject.map_or("", |party| party.township.as_str());
        let number = subject.map_or_else(String::new, |party| mask_account(&party.reference_no));
        table.row([
            township.to_owned(),
            name(award.subject),
            number.clone(),
            code.to_owned(),
            award.tag.clone(),
            due.grouped(),
            row.basis.clone(),
            name(award.payee),
        ]);
        list.push(json!({
            "award": award.id.get(),
            "subject": award.subject.get(),
            "name": name(award.subject),
            "number": number,
            "component": code,
            "tag": award.tag,
            "due_fen": due.get(),
            "individual": award.amount.is_some(),
            "basis": row.basis,
            "payee": award.payee.get(),
        }));
    }
    Ok(Report::new(
        json!({ "month": month.to_string(), "roster": list }),
        vec![table],
    ))
}

fn roster_table(program: &Program, month: Month) -> Table {
    let title = words(
        format!("{} {month} 花名册", program.name),
        format!("Roster {month}"),
    );
    Table::new(
        title,
        &[
            ("乡镇", "township", false),
            ("对象", "subject", false),
            ("证件号", "number", false),
            ("发放项目", "component", false),
            ("类别", "tag", false),
            ("本月应发(元)", "due (yuan)", true),
            ("核定依据", "basis", false),
            ("收款人", "payee", false),
        ],
    )
}

/// What changed in a roster between two months: new, gone, raised, lowered.
pub async fn diff(
    app: &App,
    caller: &Caller,
    program: &str,
    from: Month,
    to: Month,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let programs = policy::programs(&mut tx, book).await?;
    let program = programs
        .iter()
        .find(|known| known.code == program)
        .ok_or_else(|| not_found("项目 program", program))?;
    let components = policy::components(&mut tx, book).await?;
    let rules = policy::policy(&mut tx, book).await?;
    let parties = store::parties(&mut tx, book).await?;
    let mut due: BTreeMap<(PartyId, ComponentId), [Fen; 2]> = BTreeMap::new();
    for (side, month) in [from, to].into_iter().enumerate() {
        for row in store::roster_at(&mut tx, book, program.id, month).await? {
            let amount = rules.due(&row.award, month)?;
            due.entry((row.award.subject, row.award.component))
                .or_default()[side] = amount;
        }
    }
    tx.rollback().await?;
    let parties: HashMap<PartyId, &Party> = parties.iter().map(|p| (p.id, p)).collect();
    let mut table = diff_table(program, from, to);
    let mut list = Vec::new();
    for ((subject, component), [before, after]) in due {
        let (zh, code) = match (before, after) {
            (a, b) if a == b => continue,
            (Fen::ZERO, _) => ("新增", "new"),
            (_, Fen::ZERO) => ("退出", "gone"),
            (a, b) if b > a => ("提高", "raised"),
            _ => ("降低", "lowered"),
        };
        let party = parties.get(&subject);
        let component = components.iter().find(|c| c.id == component);
        let component = component.map_or("", |component| component.code.as_str());
        table.row([
            zh.to_owned(),
            party.map_or_else(String::new, |party| party.township.clone()),
            party.map_or_else(String::new, |party| mask_name(&party.name)),
            component.to_owned(),
            before.grouped(),
            after.grouped(),
            after.minus(before)?.grouped(),
        ]);
        list.push(json!({
            "change": code,
            "subject": subject.get(),
            "component": component,
            "before_fen": before.get(),
            "after_fen": after.get(),
        }));
    }
    Ok(Report::new(json!({ "changes": list }), vec![table]))
}

fn diff_table(program: &Program, from: Month, to: Month) -> Table {
    let title = words(
        format!("{} {from} → {to} 变动", program.name),
        format!("Changes {from} → {to}"),
    );
    Table::new(
        title,
        &[
            ("变动", "change", false),
            ("乡镇", "township", false),
            ("对象", "subject", false),
            ("发放项目", "component", false),
            ("上期(元)", "before (yuan)", true),
            ("本期(元)", "after (yuan)", true),
            ("差额(元)", "difference (yuan)", true),
        ],
    )
}
