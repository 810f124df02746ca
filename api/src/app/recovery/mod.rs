//! Recovery (追缴): what was overpaid is found, proposed by one person, confirmed by another, and
//! then comes back, is withheld from later payments, or is written off by two people.
//!
//! What a step is and from which state: [`ledger::disbursement::recovery`] says it. A confirmed
//! recovery takes the overpaid months back in the accruals, so what is accrued is what is due.

mod find;
mod list;
mod money;
mod returned;
mod set_off;

use ledger_store::boxed;
use std::collections::BTreeMap;

use ledger::calendar::{Date, Month};
use ledger::disbursement::recovery::{
    Instalment, LEAVE, RECOVERY_STEPS, RecoveryEvent, RecoveryState, Standing, Way, after,
    left_after, recovery_step, standing,
};
use ledger::disbursement::role::Action;
use ledger::id::{ComponentId, PartyId, PaymentId, ProgramId, RecoveryId};
use ledger::journal::{Posting, rules};
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger_store::journal::{Posted, Poster, VoucherDraft};
use ledger_store::recovery::{self as store, Moved, Recovery, RecoveryLine};
use ledger_store::write::Write;
use ledger_store::{policy, roster};
use serde_json::{Value, json};

pub use find::find;
pub use list::{Pending, list, pending, show};
pub(super) use money::proposed_for;
pub use money::{HandOver, Receipt, confirm_write_off, hand_over, receive, write_off};
pub(super) use returned::of_payment;
pub use set_off::give_back;
pub(super) use set_off::{set_off, unchanged, withhold};

use super::{App, Caller, Done, Error, Order, not_found};

/// Whose overpayment is to be recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's in the program.
    All,
    /// Of the household or institution with this file number or credit code.
    FileNo(String),
    /// Of the household or institution with this number in the books.
    Household(i64),
}

/// A recovery to be proposed.
#[derive(Clone, Debug)]
pub struct NewRecovery {
    /// Code of the program.
    pub program: String,
    /// Whose overpayment.
    pub whose: Whose,
    /// First month; the first that the book has accrued when it is not given.
    pub first: Option<Month>,
    /// Last month; the last that the book has accrued when it is not given.
    pub last: Option<Month>,
    /// Why it is owed.
    pub reason: String,
}

/// Proposes recoveries of what was overpaid and is paid out: one for each household, payee and
/// year. Nothing is booked before another person confirms it. When nothing is found, none is made
/// and the answer says so.
///
/// # Errors
/// [`Kind::NotFound`] for an unknown program or household; refusals of the policy.
#[boxed]
pub async fn open(
    app: &App,
    caller: &Caller,
    new: &NewRecovery,
    key: Option<String>,
) -> Result<Done, Error> {
    let households = households(app, caller, &new.whose).await?;
    let month = |month: Option<Month>| month.map(|month| month.to_string());
    let order = order(RecoveryEvent::Propose, key)
        .field("program", new.program.as_str())
        .field("households", households.as_ref().map(|ids| ids_of(ids)))
        .field("first", month(new.first))
        .field("last", month(new.last))
        .because(&new.reason);
    let on = app.clock.today();
    app.command(caller, order, async |write| {
        reasoned(&new.reason)?;
        let book = write.book();
        let program = program(write, &new.program).await?;
        let months = (new.first, new.last);
        let asked = households.as_deref();
        let mut found = find::overpaid(write.tx(), book, program, months, asked).await?;
        found.retain(|over| over.state.is_recoverable());
        let groups = find::grouped(&found);
        let first = write.allot("payment", groups.len()).await?;
        let mut made = Vec::with_capacity(groups.len());
        for (id, (group, overs)) in (first..).map(RecoveryId).zip(groups) {
            made.push(proposal((id, program), caller, group, &overs, &new.reason)?);
        }
        store::add(write, &made, on).await?;
        let total = Fen::sum(made.iter().map(|(recovery, _)| recovery.amount))?;
        Ok(json!({
            "program": new.program,
            "recoveries": made.iter().map(|(recovery, _)| brief(recovery)).collect::<Value>(),
            "total_fen": total.get(),
        }))
    })
    .await
}

/// The households that are asked for; none when all are. Read before the command, whose input may
/// not hold a number that identifies somebody.
async fn households(
    app: &App,
    caller: &Caller,
    whose: &Whose,
) -> Result<Option<Vec<PartyId>>, Error> {
    let number = match whose {
        Whose::All => return Ok(None),
        Whose::Household(id) => return Ok(Some(vec![PartyId(*id)])),
        Whose::FileNo(number) => number.trim(),
    };
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let parties = roster::party_by_reference(&mut tx, caller.book.id, number).await?;
    tx.rollback().await?;
    if parties.is_empty() {
        return Err(not_found(
            "户 household",
            super::roster::mask_account(number),
        ));
    }
    Ok(Some(parties.iter().map(|party| party.id).collect()))
}

fn ids_of(ids: &[PartyId]) -> Vec<i64> {
    ids.iter().map(|id| id.get()).collect()
}

/// A recovery of these overpaid months, not yet stored, with its lines.
fn proposal(
    (id, program): (RecoveryId, ProgramId),
    caller: &Caller,
    (household, payee, _, year): find::Group,
    overs: &[(&find::Overpaid, Fen)],
    reason: &str,
) -> Result<(Recovery, Vec<RecoveryLine>), Error> {
    let line = |(line_no, (over, amount)): (i64, &(&find::Overpaid, Fen))| RecoveryLine {
        line_no,
        subject: over.line.subject,
        award: over.line.award,
        component: over.line.component,
        month: over.line.month,
        amount: *amount,
        reason: over.line.reason.code().to_owned(),
    };
    let lines: Vec<RecoveryLine> = (1..).zip(overs).map(line).collect();
    let (Some((first, _)), Some((last, _))) = (overs.first(), overs.last()) else {
        return Err(not_found("多发 overpayment", program));
    };
    let recovery = Recovery {
        id,
        program,
        household,
        payee,
        area: first.area,
        first: first.line.month,
        last: last.line.month,
        year,
        amount: Fen::sum(lines.iter().map(|line| line.amount))?,
        lines: i64::try_from(lines.len()).unwrap_or(i64::MAX),
        reason: reason.to_owned(),
        entry: 0,
        events: 1,
        state: RecoveryState::Proposed,
        user: caller.user.id,
        left: Fen::ZERO,
    };
    Ok((recovery, lines))
}

/// Confirms what another person proposed: it is judged again, booked, and taken back in the
/// accruals.
///
/// # Errors
/// [`Kind::TwoPeople`] for the one who proposed it, [`Kind::RecoveryState`],
/// [`Kind::RecoveryChanged`] when something else is overpaid by now, [`Kind::PeriodClosed`].
#[boxed]
pub async fn confirm(
    app: &App,
    caller: &Caller,
    id: RecoveryId,
    key: Option<String>,
) -> Result<Done, Error> {
    let order = order(RecoveryEvent::Confirm, key).field("recovery", id.get());
    let on = app.clock.today();
    app.command(caller, order, async |write| {
        let confirmed = confirm_these(write, caller, &[id], on).await?;
        let one = confirmed
            .first()
            .map(|(recovery, posted)| told(recovery, Some(posted)));
        one.ok_or_else(|| not_found("追缴 recovery", id))
    })
    .await
}

/// Confirms several recoveries at once, all or none, as [`confirm`] does: one voucher for those
/// that one person proposed.
///
/// # Errors
/// As [`confirm`]; [`Kind::NotFound`] when none is named.
#[boxed]
pub async fn confirm_many(
    app: &App,
    caller: &Caller,
    ids: &[RecoveryId],
    key: Option<String>,
) -> Result<Done, Error> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let numbers: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let order = Order::new("recovery.confirm-many", Action::ConfirmRecovery)
        .key(key)
        .field("recoveries", numbers);
    let on = app.clock.today();
    app.command(caller, order, async |write| {
        if ids.is_empty() {
            return Err(not_found("追缴 recovery", ""));
        }
        let confirmed = confirm_these(write, caller, &ids, on).await?;
        let total = Fen::sum(confirmed.iter().map(|(recovery, _)| recovery.amount))?;
        let told = confirmed
            .iter()
            .map(|(recovery, posted)| told(recovery, Some(posted)));
        Ok(json!({ "recoveries": told.collect::<Value>(), "total_fen": total.get() }))
    })
    .await
}

/// Books these recoveries, in ascending order, and takes them back in the accruals; each comes
/// with the voucher that books it.
async fn confirm_these(
    write: &mut Write,
    caller: &Caller,
    ids: &[RecoveryId],
    on: Date,
) -> Result<Vec<(Recovery, Posted)>, Error> {
    let book = write.book();
    let owed = store::recoveries_of(write.tx(), book, ids).await?;
    if let Some(missing) = ids.iter().find(|id| owed.iter().all(|one| one.id != **id)) {
        return Err(not_found("追缴 recovery", missing));
    }
    for recovery in &owed {
        may(recovery, RecoveryEvent::Confirm, caller)?;
    }
    let lines = store::lines_of(write.tx(), book, ids).await?;
    let numbered = find::still_owed(write, &owed, &lines).await?;
    store::take_back(write, &numbered).await?;
    let mut by_maker = BTreeMap::<ledger::id::UserId, Vec<Recovery>>::new();
    for recovery in owed {
        by_maker.entry(recovery.user).or_default().push(recovery);
    }
    let mut confirmed = Vec::with_capacity(ids.len());
    for (maker, owed) in by_maker {
        let posted = book_found(write, (maker, caller), &owed, &lines, on).await?;
        confirmed.extend(owed.into_iter().map(|recovery| (recovery, posted.clone())));
    }
    confirmed.sort_by_key(|(recovery, _)| recovery.id);
    for (recovery, _) in &mut confirmed {
        let amount = recovery.amount;
        take_step(caller, recovery, RecoveryEvent::Confirm, amount)?;
    }
    let events = confirmed.iter().map(|(recovery, posted)| {
        let moved = Moved {
            amount: recovery.amount,
            standing: Some(found_standing(recovery, on)),
            voucher: Some(posted.id),
            ..Moved::default()
        };
        (recovery, moved)
    });
    let events: Vec<_> = events.collect();
    store::add_events(write, &events, RecoveryEvent::Confirm, on, "").await?;
    Ok(confirmed)
}

/// In whose books the money of a recovery belongs that is booked on this day.
fn found_standing(recovery: &Recovery, on: Date) -> Standing {
    let now = Month::of(on).year();
    standing(recovery.year, now, now)
}

/// The voucher of recoveries that one person proposed and another confirms.
async fn book_found(
    write: &mut Write,
    people: (ledger::id::UserId, &Caller),
    owed: &[Recovery],
    lines: &BTreeMap<RecoveryId, Vec<RecoveryLine>>,
    on: Date,
) -> Result<Posted, Error> {
    let Some(first) = owed.first() else {
        return Err(not_found("追缴 recovery", ""));
    };
    let mut postings = Vec::new();
    for recovery in owed {
        let lines = lines.get(&recovery.id).map_or(&[][..], Vec::as_slice);
        let year = expense_year(found_standing(recovery, on));
        for (component, amount) in by_component(lines)? {
            let (program, payment) = (recovery.program, PaymentId(recovery.id.get()));
            rules::overpayment_found(program, component, year, payment, amount, &mut postings);
        }
    }
    let summary = match owed {
        [one] => format!("追缴立账 {} 至 {} 追缴{}", one.first, one.last, one.id),
        _ => format!("追缴立账 追缴{} 等 {} 项", first.id, owed.len()),
    };
    let posted = post(write, people, first, on, summary, &postings).await?;
    posted.ok_or_else(|| not_found("凭证 voucher", first.id))
}

/// Turns down what was proposed: the recovery itself, or that it be written off.
///
/// # Errors
/// [`Kind::RecoveryState`] when neither is waiting.
#[boxed]
pub async fn reject(
    app: &App,
    caller: &Caller,
    id: RecoveryId,
    reason: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    reasoned_step(app, caller, id, (RecoveryEvent::Reject, reason), key).await
}

/// A step that books nothing and takes a reason.
async fn reasoned_step(
    app: &App,
    caller: &Caller,
    id: RecoveryId,
    (event, reason): (RecoveryEvent, &str),
    key: Option<String>,
) -> Result<Done, Error> {
    let order = order(event, key)
        .field("recovery", id.get())
        .because(reason);
    let on = app.clock.today();
    app.command(caller, order, async |write| {
        reasoned(reason)?;
        let mut recovery = load(write, id).await?;
        let event = match (event, recovery.state) {
            (RecoveryEvent::Reject, RecoveryState::WriteOffProposed) => RecoveryEvent::KeepOwed,
            _ => event,
        };
        let nothing = Moved::default();
        advance(write, caller, &mut recovery, event, on, &nothing, reason).await?;
        Ok(told(&recovery, None))
    })
    .await
}

/// How a recovery is to be paid back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPlan {
    /// Cash by month.
    pub instalments: Vec<(Month, Fen)>,
    /// At most so much is withheld in each run.
    pub set_off: Option<Fen>,
    /// So much of a payment is paid in any case; one yuan when it is not given.
    pub leave: Option<Fen>,
    /// The first month whose runs withhold; this month when it is not given.
    pub from: Option<Month>,
}

/// Says how a recovery is to be paid back; the newest plan counts.
///
/// # Errors
/// [`Kind::RecoveryState`]; [`Kind::RecoveryPlan`] when the instalments do not come to what is
/// left; [`Kind::FieldInvalid`] for an amount that is not above zero.
#[boxed]
pub async fn plan(
    app: &App,
    caller: &Caller,
    id: RecoveryId,
    new: &NewPlan,
    key: Option<String>,
) -> Result<Done, Error> {
    let cash: Vec<Value> = (new.instalments.iter())
        .map(|(month, amount)| json!({ "month": month.to_string(), "fen": amount.get() }))
        .collect();
    let order = order(RecoveryEvent::Plan, key)
        .field("recovery", id.get())
        .field("instalments", cash)
        .field("set_off_fen", new.set_off.map(Fen::get))
        .field("leave_fen", new.leave.map(Fen::get))
        .field("from", new.from.map(|month| month.to_string()));
    let on = app.clock.today();
    app.command(caller, order, async |write| {
        let mut recovery = load(write, id).await?;
        may(&recovery, RecoveryEvent::Plan, caller)?;
        let planned = planned(&recovery, new, Month::of(on))?;
        let nothing = Moved::default();
        advance(
            write,
            caller,
            &mut recovery,
            RecoveryEvent::Plan,
            on,
            &nothing,
            "",
        )
        .await?;
        store::add_plan(write, &planned).await?;
        let mut answer = told(&recovery, None);
        answer["instalments"] = new.instalments.len().into();
        answer["set_off_fen"] = new.set_off.map(Fen::get).into();
        Ok(answer)
    })
    .await
}

/// The instalments of a plan that the next event of a recovery makes.
fn planned(recovery: &Recovery, new: &NewPlan, now: Month) -> Result<Vec<Instalment>, Error> {
    let mut cash = new.instalments.clone();
    cash.sort_by_key(|(month, _)| *month);
    let leave = new.leave.unwrap_or(LEAVE);
    let amounts = cash.iter().map(|(_, amount)| *amount);
    if let Some(wrong) = amounts
        .chain(new.set_off)
        .chain([leave])
        .find(|amount| *amount <= Fen::ZERO)
    {
        let found = wrong.grouped();
        return Err(super::policy::invalid(
            "金额 amount",
            &found,
            "大于零 more than zero",
        ));
    }
    let sum = Fen::sum(cash.iter().map(|(_, amount)| *amount))?;
    let fits = match new.set_off {
        Some(_) => sum <= recovery.left,
        None => sum == recovery.left,
    };
    if !fits {
        return Err(Problem::new(Kind::RecoveryPlan)
            .with("planned", sum.grouped())
            .with("left", recovery.left.grouped())
            .into());
    }
    let line = |way, due, amount, leave| Instalment {
        recovery: recovery.id,
        plan: recovery.events + 1,
        number: 0,
        way,
        due,
        amount,
        leave,
    };
    let mut plan: Vec<Instalment> = (cash.into_iter())
        .map(|(due, amount)| line(Way::Cash, due, amount, Fen::ZERO))
        .collect();
    let from = new.from.unwrap_or(now);
    plan.extend((new.set_off).map(|amount| line(Way::SetOff, from, amount, leave)));
    for (number, line) in (1..).zip(&mut plan) {
        line.number = number;
    }
    Ok(plan)
}

/// A command that is this step, with the kind of its audit entry.
fn order(event: RecoveryEvent, key: Option<String>) -> Order {
    let kind = match event {
        RecoveryEvent::Propose => "recovery.open",
        RecoveryEvent::Confirm => "recovery.confirm",
        RecoveryEvent::Reject | RecoveryEvent::KeepOwed => "recovery.reject",
        RecoveryEvent::Plan => "recovery.plan",
        RecoveryEvent::Receive => "recovery.receive",
        RecoveryEvent::SetOff => "recovery.set-off",
        RecoveryEvent::Restore => "recovery.restore",
        RecoveryEvent::ProposeWriteOff => "recovery.write-off",
        RecoveryEvent::ConfirmWriteOff => "recovery.confirm-write-off",
    };
    let step = RECOVERY_STEPS.iter().find(|step| step.event == event);
    let action = step.map_or(Action::ConfirmRecovery, |step| step.action);
    Order::new(kind, action).key(key)
}

/// Refuses a step whose reason is missing.
fn reasoned(reason: &str) -> Result<(), Error> {
    match reason.trim().is_empty() {
        true => Err(super::policy::invalid("reason", "", "原因 a reason")),
        false => Ok(()),
    }
}

async fn load(write: &mut Write, id: RecoveryId) -> Result<Recovery, Error> {
    let book = write.book();
    let found = store::recovery(write.tx(), book, id).await?;
    found.ok_or_else(|| not_found("追缴 recovery", id))
}

async fn program(write: &mut Write, code: &str) -> Result<ProgramId, Error> {
    let book = write.book();
    let programs = policy::programs(write.tx(), book).await?;
    let found = programs.iter().find(|program| program.code == code);
    Ok(found.ok_or_else(|| not_found("项目 program", code))?.id)
}

/// Refuses a step that the state does not allow, and one that another person has to take.
fn may(recovery: &Recovery, event: RecoveryEvent, caller: &Caller) -> Result<(), Error> {
    let step = recovery_step(Some(recovery.state), event).ok_or_else(|| {
        Problem::new(Kind::RecoveryState)
            .with("recovery", recovery.id)
            .with("state", recovery.state.name())
            .with("event", event.name())
    })?;
    if step.another && recovery.user == caller.user.id {
        return Err(Problem::new(Kind::TwoPeople)
            .with("user", &caller.user.login)
            .into());
    }
    Ok(())
}

/// Takes a recovery one step further and keeps the event.
async fn advance(
    write: &mut Write,
    caller: &Caller,
    recovery: &mut Recovery,
    event: RecoveryEvent,
    on: Date,
    moved: &Moved,
    note: &str,
) -> Result<(), Error> {
    take_step(caller, recovery, event, moved.amount)?;
    Ok(store::add_events(write, &[(recovery, *moved)], event, on, note).await?)
}

/// Judges a step that moves so much, and takes the recovery there.
fn take_step(
    caller: &Caller,
    recovery: &mut Recovery,
    event: RecoveryEvent,
    amount: Fen,
) -> Result<(), Error> {
    may(recovery, event, caller)?;
    let left = left_after(event, recovery.left, amount)?;
    if left < Fen::ZERO {
        return Err(exceeded(recovery, amount));
    }
    if let Some(step) = recovery_step(Some(recovery.state), event) {
        recovery.state = after(step, left);
    }
    recovery.left = left;
    recovery.events += 1;
    recovery.user = caller.user.id;
    Ok(())
}

fn exceeded(recovery: &Recovery, amount: Fen) -> Error {
    Problem::new(Kind::RecoveryExceeded)
        .with("recovery", recovery.id)
        .with("amount", amount.grouped())
        .with("left", recovery.left.grouped())
        .into()
}

/// Posts the voucher of a step of a recovery: who made it, and who checked it.
async fn post(
    write: &mut Write,
    (maker, checker): (ledger::id::UserId, &Caller),
    recovery: &Recovery,
    on: Date,
    summary: String,
    postings: &[Posting],
) -> Result<Option<Posted>, Error> {
    let draft = VoucherDraft {
        on_date: on,
        summary,
        maker,
        checker: Some(checker.user.id),
        source: "recovery",
        source_id: recovery.id.get(),
        reverses: None,
    };
    let mut poster = Poster::begin(write, draft).await?;
    poster.push_all(write, postings).await?;
    Ok(poster.finish(write).await?)
}

/// In whose books the money of these recoveries belongs that moves on this day.
async fn standings(
    write: &mut Write,
    owed: &[Recovery],
    on: Date,
) -> Result<BTreeMap<RecoveryId, Standing>, Error> {
    let book = write.book();
    let ids: Vec<RecoveryId> = owed.iter().map(|recovery| recovery.id).collect();
    let confirmed = store::confirmed(write.tx(), book, &ids).await?;
    let now = Month::of(on).year();
    let of = |recovery: &Recovery| {
        let booked = confirmed.get(&recovery.id).map(|on| Month::of(*on).year());
        (
            recovery.id,
            standing(recovery.year, booked.unwrap_or(now), now),
        )
    };
    Ok(owed.iter().map(of).collect())
}

/// As [`standings`], of one recovery.
async fn standing_of(write: &mut Write, recovery: &Recovery, on: Date) -> Result<Standing, Error> {
    let found = standings(write, std::slice::from_ref(recovery), on).await?;
    let now = Month::of(on).year();
    Ok(found
        .get(&recovery.id)
        .copied()
        .unwrap_or(standing(recovery.year, now, now)))
}

/// The year of an expense as the posting rules ask for it.
fn expense_year(standing: Standing) -> rules::ExpenseYear {
    match standing {
        Standing::Same => rules::ExpenseYear::Same,
        Standing::Closed | Standing::Earlier => rules::ExpenseYear::Earlier,
    }
}

/// Lines added up by component, in ascending order.
fn by_component(lines: &[RecoveryLine]) -> Result<Vec<(ComponentId, Fen)>, Error> {
    let mut sums = BTreeMap::<ComponentId, Fen>::new();
    for line in lines {
        let sum = sums.entry(line.component).or_default();
        *sum = sum.plus(line.amount)?;
    }
    Ok(sums.into_iter().collect())
}

/// A recovery in an answer, by numbers alone.
fn brief(recovery: &Recovery) -> Value {
    json!({
        "recovery": recovery.id.get(),
        "household": recovery.household.get(),
        "payee": recovery.payee.get(),
        "first": recovery.first.to_string(),
        "last": recovery.last.to_string(),
        "lines": recovery.lines,
        "amount_fen": recovery.amount.get(),
    })
}

/// The answer of a step.
fn told(recovery: &Recovery, posted: Option<&Posted>) -> Value {
    json!({
        "recovery": recovery.id.get(),
        "state": recovery.state.code(),
        "amount_fen": recovery.amount.get(),
        "left_fen": recovery.left.get(),
        "voucher": posted.map(|posted| format!("{} 记-{:04}", posted.month, posted.number)),
    })
}
