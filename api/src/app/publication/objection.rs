//! Objections (异议) to a published list: received by one person, settled by another.

use ledger::disbursement::publication::ObjectionState;
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::RunState;
use ledger::id::{ObjectionId, PaymentId, RunId, UserId};
use ledger::problem::{Kind, Problem};
use ledger_store::book::User;
use ledger_store::boxed;
use ledger_store::publication::{self as store, Objection};
use serde_json::{Value, json};

use super::{published, wrong_state};
use crate::app::roster::mask_numbers;
use crate::app::view::{Report, Table, words};
use crate::app::{App, Caller, Done, Error, Order, not_found, policy, run};

/// Receives an objection to the published list of a run that is not released yet. Long numbers in
/// its text are hidden before it is kept: whoever objects may name somebody by their identity
/// number.
///
/// # Errors
/// [`Kind::RunState`], [`Kind::PublicationMissing`], [`Kind::NotFound`] for a payment that the list
/// does not have, [`Kind::FieldInvalid`] without a text.
#[boxed]
pub async fn add(
    app: &App,
    caller: &Caller,
    id: RunId,
    payment: Option<PaymentId>,
    detail: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let detail = mask_numbers(detail.trim());
    let order = Order::new("objection.add", Action::HandleObjection)
        .key(key)
        .field("run", id.get())
        .field("payment", payment.map(PaymentId::get))
        .field("detail", detail.as_str());
    let on = app.clock.today();
    app.command(caller, order, async |write| {
        let run = run::load(write, id).await?;
        let over = [
            RunState::Released,
            RunState::Settled,
            RunState::Closed,
            RunState::Discarded,
        ];
        if over.contains(&run.state) {
            return Err(wrong_state(&run, "受理异议 take an objection"));
        }
        let Some(publication) = published(write, &run).await? else {
            return Err(Problem::new(Kind::PublicationMissing)
                .with("run", id)
                .into());
        };
        let is_listed =
            |payment: PaymentId| (run.payment_first..=run.payment_last).contains(&payment.get());
        if let Some(stranger) = payment.filter(|payment| !is_listed(*payment)) {
            return Err(not_found("明细 payment", stranger));
        }
        if detail.is_empty() {
            return Err(policy::invalid("detail", "", "异议内容 what it says"));
        }
        let new = Objection {
            id: ObjectionId(write.allot("objection", 1).await?),
            run: id,
            revision: publication.revision,
            payment,
            received_on: on.to_string(),
            detail: detail.clone(),
            received_by: caller.user.id,
            state: ObjectionState::Received,
            settled_by: None,
            note: String::new(),
            entry: 0,
        };
        store::add_objection(write, &new).await?;
        Ok(json!({
            "objection": new.id.get(),
            "run": id.get(),
            "payment": payment.map(PaymentId::get),
            "state": new.state.code(),
        }))
    })
    .await
}

/// Settles an objection: upheld, so that the run has to be corrected, or dismissed; by another
/// person than the one who received it, with a note.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::ObjectionState`] when it is settled, [`Kind::TwoPeople`],
/// [`Kind::FieldInvalid`] without a note.
#[boxed]
pub async fn settle(
    app: &App,
    caller: &Caller,
    id: ObjectionId,
    upheld: bool,
    note: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    let state = match upheld {
        true => ObjectionState::Upheld,
        false => ObjectionState::Dismissed,
    };
    let note = mask_numbers(note.trim());
    let order = Order::new("objection.settle", Action::HandleObjection)
        .key(key)
        .field("objection", id.get())
        .field("state", state.code())
        .field("note", note.as_str());
    app.command(caller, order, async |write| {
        let book = write.book();
        let all = store::objections(write.tx(), book).await?;
        let found = all.iter().find(|objection| objection.id == id);
        let found = found.ok_or_else(|| not_found("异议 objection", id))?;
        if found.state != ObjectionState::Received {
            return Err(Problem::new(Kind::ObjectionState)
                .with("id", id)
                .with("state", found.state.name())
                .into());
        }
        if found.received_by == caller.user.id {
            return Err(Problem::new(Kind::TwoPeople)
                .with("user", &caller.user.login)
                .into());
        }
        if note.is_empty() {
            return Err(policy::invalid("note", "", "处理说明 why"));
        }
        store::settle(write, id, (state, caller.user.id), &note).await?;
        Ok(json!({
            "objection": id.get(),
            "run": found.run.get(),
            "state": state.code(),
            "note": note,
        }))
    })
    .await
}

/// The objections, all or those to one run.
///
/// # Errors
/// When the caller may not read reports; accidents of the store.
#[boxed]
pub async fn list(app: &App, caller: &Caller, run: Option<RunId>) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let mut all = store::objections(&mut tx, caller.book.id).await?;
    let users = ledger_store::book::users(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    all.retain(|objection| run.is_none_or(|run| objection.run == run));
    let (table, rows) = table(&all, &users);
    Ok(Report::new(json!({ "objections": rows }), vec![table]))
}

/// Objections as a table and as JSON.
pub(super) fn table(objections: &[Objection], users: &[User]) -> (Table, Vec<Value>) {
    let mut table = Table::new(
        words("异议", "Objections"),
        &[
            ("编号", "number", true),
            ("批次", "run", true),
            ("明细", "payment", true),
            ("接收日期", "received on", false),
            ("接收人", "received by", false),
            ("内容", "detail", false),
            ("状态", "state", false),
            ("处理人", "settled by", false),
            ("说明", "note", false),
        ],
    );
    let login = |id: UserId| {
        let user = users.iter().find(|user| user.id == id);
        user.map_or_else(String::new, |user| user.login.clone())
    };
    let mut rows = Vec::new();
    for one in objections {
        let settled_by = one.settled_by.map(login);
        let payment = one.payment.map(|payment| payment.to_string());
        table.row([
            one.id.to_string(),
            one.run.to_string(),
            payment.unwrap_or_else(|| "—".to_owned()),
            one.received_on.clone(),
            login(one.received_by),
            one.detail.clone(),
            one.state.name().to_owned(),
            settled_by.clone().unwrap_or_default(),
            one.note.clone(),
        ]);
        rows.push(json!({
            "objection": one.id.get(),
            "run": one.run.get(),
            "revision": one.revision,
            "payment": one.payment.map(PaymentId::get),
            "received_on": one.received_on,
            "received_by": login(one.received_by),
            "detail": one.detail,
            "state": one.state.code(),
            "settled_by": settled_by,
            "note": one.note,
            "entry": one.entry,
        }));
    }
    (table, rows)
}
