//! Recoveries in lists, and the whole way of one.

use ledger::disbursement::due::LineReason;
use ledger::disbursement::recovery::{Instalment, RecoveryState, Way};
use ledger::disbursement::role::Action;
use ledger::id::RecoveryId;
use ledger::money::Fen;
use ledger_store::boxed;
use ledger_store::recovery::{self as store, Recovery, RecoveryLine, Step};
use ledger_store::roster::{self, Party};
use ledger_store::trace;
use serde_json::{Value, json};

use crate::app::report::{NOTHING, Names, amount_or_nothing, voucher_number};
use crate::app::roster::{mask_account, mask_name};
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Error, not_found};

/// All recoveries with their states.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let names = Names::load(&mut tx, book).await?;
    let recoveries = store::recoveries(&mut tx, book).await?;
    let mut table = head_table();
    let mut list = Vec::new();
    let households: Vec<_> = recoveries.iter().map(|one| one.household).collect();
    let parties = roster::parties_of(&mut tx, book, &households, None).await?;
    tx.rollback().await?;
    for recovery in &recoveries {
        let household = parties.get(&recovery.household);
        table.row(head_row(&names, recovery, household));
        list.push(head_json(&names, recovery, household));
    }
    Ok(Report::new(json!({ "recoveries": list }), vec![table]))
}

/// A recovery, or its writing off, that waits for a second person.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Its number.
    pub id: RecoveryId,
    /// [`RecoveryState::Proposed`] or [`RecoveryState::WriteOffProposed`].
    pub state: RecoveryState,
    /// The name of its program.
    pub program: String,
    /// What is left of it.
    pub left: Fen,
    /// Whether the caller proposed it.
    pub own: bool,
}

/// What of recoveries waits for a second person.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn pending(app: &App, caller: &Caller) -> Result<Vec<Pending>, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let names = Names::load(&mut tx, book).await?;
    let mut recoveries = store::recoveries(&mut tx, book).await?;
    tx.rollback().await?;
    let waits = [RecoveryState::Proposed, RecoveryState::WriteOffProposed];
    recoveries.retain(|one| waits.contains(&one.state));
    let pending = recoveries.into_iter().map(|one| Pending {
        id: one.id,
        state: one.state,
        program: names.program(one.program),
        left: if one.state == RecoveryState::Proposed {
            one.amount
        } else {
            one.left
        },
        own: one.user == caller.user.id,
    });
    Ok(pending.collect())
}

/// The whole way of one recovery: what was overpaid, its plan, and each step with its voucher and
/// audit entry.
///
/// # Errors
/// When there is no such recovery; when the caller may not read reports; accidents of the store.
#[boxed]
pub async fn show(app: &App, caller: &Caller, id: RecoveryId) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let names = Names::load(&mut tx, book).await?;
    let recovery = store::recovery(&mut tx, book, id).await?;
    let recovery = recovery.ok_or_else(|| not_found("追缴 recovery", id))?;
    let household = trace::party(&mut tx, book, recovery.household).await?;
    let household = household.map(|(party, _)| party);
    let lines = store::lines(&mut tx, book, id).await?;
    let steps = store::steps(&mut tx, book, Some(id)).await?;
    let plan = store::plans(&mut tx, book).await?.remove(&id);
    let plan = plan.unwrap_or_default();
    tx.rollback().await?;
    let mut head = head_table();
    head.row(head_row(&names, &recovery, household.as_ref()));
    let mut json = head_json(&names, &recovery, household.as_ref());
    json["payee"] = recovery.payee.get().into();
    json["reason"] = recovery.reason.as_str().into();
    json["entry"] = recovery.entry.into();
    json["lines"] = lines.iter().map(|line| line_json(&names, line)).collect();
    json["plan"] = plan.iter().map(instalment_json).collect();
    json["steps"] = steps.iter().map(|step| step_json(&names, step)).collect();
    let tables = vec![
        head,
        lines_table(&names, &lines),
        plan_table(&plan),
        steps_table(&names, &steps),
    ];
    Ok(Report::new(json, tables))
}

fn head_table() -> Table {
    Table::new(
        words("追缴", "Recoveries"),
        &[
            ("追缴", "recovery", true),
            ("项目", "program", false),
            ("乡镇", "township", false),
            ("户主", "household", false),
            ("档案号", "file number", false),
            ("月份", "months", false),
            ("支出年度", "year of the expense", true),
            ("多发(元)", "overpaid (yuan)", true),
            ("余额(元)", "left (yuan)", true),
            ("状态", "state", false),
        ],
    )
}

fn head_row(names: &Names, recovery: &Recovery, household: Option<&Party>) -> [String; 10] {
    let of = |text: fn(&Party) -> String| household.map_or_else(String::new, text);
    [
        recovery.id.to_string(),
        names.program(recovery.program),
        of(|party| party.township.clone()),
        of(|party| mask_name(&party.name)),
        of(|party| mask_account(&party.reference_no)),
        format!("{} – {}", recovery.first, recovery.last),
        recovery.year.to_string(),
        recovery.amount.grouped(),
        recovery.left.grouped(),
        recovery.state.name().to_owned(),
    ]
}

fn head_json(names: &Names, recovery: &Recovery, household: Option<&Party>) -> Value {
    let of = |text: fn(&Party) -> String| household.map(text);
    json!({
        "recovery": recovery.id.get(),
        "program": names.program_code(recovery.program),
        "household": recovery.household.get(),
        "township": of(|party| party.township.clone()),
        "name": of(|party| mask_name(&party.name)),
        "file_no": of(|party| mask_account(&party.reference_no)),
        "first": recovery.first.to_string(),
        "last": recovery.last.to_string(),
        "expense_year": recovery.year,
        "amount_fen": recovery.amount.get(),
        "left_fen": recovery.left.get(),
        "state": recovery.state.code(),
        "last_by": recovery.user.get(),
    })
}

fn lines_table(names: &Names, lines: &[RecoveryLine]) -> Table {
    let mut table = Table::new(
        words("多发明细", "what was overpaid"),
        &[
            ("发放项目", "component", false),
            ("所属月份", "month", false),
            ("对象", "subject", true),
            ("核定", "award", true),
            ("多发(元)", "overpaid (yuan)", true),
            ("缘由", "reason", false),
        ],
    );
    for line in lines {
        let reason = LineReason::from_code(&line.reason);
        table.row([
            names.component(line.component),
            line.month.to_string(),
            line.subject.to_string(),
            line.award.to_string(),
            line.amount.grouped(),
            reason.map_or_else(|| line.reason.clone(), |reason| reason.name().to_owned()),
        ]);
    }
    table
}

fn line_json(names: &Names, line: &RecoveryLine) -> Value {
    json!({
        "component": names.component_code(line.component),
        "month": line.month.to_string(),
        "subject": line.subject.get(),
        "award": line.award.get(),
        "amount_fen": line.amount.get(),
        "reason": line.reason,
    })
}

fn plan_table(plan: &[Instalment]) -> Table {
    let mut table = Table::new(
        words("还款计划", "plan"),
        &[
            ("期次", "number", true),
            ("方式", "way", false),
            ("到期月份", "due", false),
            ("金额(元)", "amount (yuan)", true),
            ("至少发放(元)", "left of a payment (yuan)", true),
        ],
    );
    for line in plan {
        table.row([
            line.number.to_string(),
            line.way.name().to_owned(),
            match line.way {
                Way::Cash => line.due.to_string(),
                Way::SetOff => format!("{} 起每批次", line.due),
            },
            line.amount.grouped(),
            amount_or_nothing(line.leave),
        ]);
    }
    table
}

fn instalment_json(line: &Instalment) -> Value {
    json!({
        "number": line.number,
        "way": line.way.code(),
        "due": line.due.to_string(),
        "amount_fen": line.amount.get(),
        "leave_fen": line.leave.get(),
    })
}

fn steps_table(names: &Names, steps: &[Step]) -> Table {
    let mut table = Table::new(
        words("经过", "steps"),
        &[
            ("步骤", "step", false),
            ("之后", "state", false),
            ("日期", "date", false),
            ("办理人", "by", false),
            ("金额(元)", "amount (yuan)", true),
            ("余额(元)", "left (yuan)", true),
            ("归属", "standing", false),
            ("依据", "source", false),
            ("凭证", "voucher", false),
            ("说明", "note", false),
            ("审计条目", "audit entry", true),
        ],
    );
    for step in steps {
        table.row([
            step.event.name().to_owned(),
            step.state.name().to_owned(),
            step.on.to_string(),
            step.user_name.clone(),
            amount_or_nothing(step.moved.amount),
            step.left.grouped(),
            step.moved
                .standing
                .map_or(NOTHING, |standing| standing.name())
                .to_owned(),
            source(names, step),
            voucher(step).unwrap_or_else(|| NOTHING.to_owned()),
            step.note.clone(),
            step.entry.to_string(),
        ]);
    }
    table
}

/// Where the money of a step came from or went.
fn source(names: &Names, step: &Step) -> String {
    let parts = [
        step.moved.run.map(|run| format!("批次 {run}")),
        step.moved
            .exception
            .map(|exception| format!("差异 {exception}")),
        step.moved.bank_account.map(|bank| names.bank(bank)),
        step.moved.appropriation.map(|lot| names.appropriation(lot)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => NOTHING.to_owned(),
        false => parts.join(" "),
    }
}

fn voucher(step: &Step) -> Option<String> {
    let (month, number) = step.voucher_number.as_ref()?;
    Some(format!("{month} {}", voucher_number(*number)))
}

fn step_json(names: &Names, step: &Step) -> Value {
    let moves = step.moved.amount > Fen::ZERO;
    json!({
        "event": step.event.code(),
        "state": step.state.code(),
        "date": step.on.to_string(),
        "by": step.user_name,
        "amount_fen": moves.then(|| step.moved.amount.get()),
        "left_fen": step.left.get(),
        "standing": step.moved.standing.map(|standing| standing.code()),
        "run": step.moved.run.map(|run| run.get()),
        "exception": step.moved.exception.map(|exception| exception.get()),
        "account": step.moved.bank_account.map(|bank| names.bank(bank)),
        "appropriation": step.moved.appropriation.map(|lot| names.appropriation(lot)),
        "voucher": voucher(step),
        "note": step.note,
        "entry": step.entry,
    })
}
