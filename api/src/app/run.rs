//! Runs (发放批次): calculated, checked, and passed from hand to hand.
//!
//! What a step is, from which state, by whom: [`ledger::disbursement::workflow`] says it. Here is
//! what each step does beside moving the state.

use ledger_store::boxed;
use std::collections::{BTreeMap, HashMap};

use ledger::calendar::Month;
use ledger::disbursement::due::{Accrued, Line, difference, settle};
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::{Duty, RunEvent, RunState, may_act, run_step};
use ledger::id::{AwardId, PartyId, RunId};
use ledger::journal::rules;
use ledger::money::Fen;
use ledger::problem::{Kind, Problem};
use ledger::program::Policy;
use ledger::program::payment_day::{PaymentDay, pay_by};
use ledger::roster::Award;
use ledger_store::journal::{Poster, VoucherDraft};
use ledger_store::payment::{
    self, CHUNK_PAYMENTS, Calculated, Entitlements, Failed, PaymentWriter,
};
use ledger_store::policy;
use ledger_store::recovery as store_recovery;
use ledger_store::run::{self as store, Run, RunKind};
use ledger_store::write::Write;
use serde_json::{Value, json};

use super::exception::Page;
use super::progress::Progress;
use super::view::{Report, Table, words};
use super::{
    App, Caller, Done, Error, Order, approval, clash, funding, not_found, publication, recovery,
    side,
};

/// A run to be made.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Code of the program.
    pub program: String,
    /// What it does.
    pub kind: RunKind,
    /// The month that it is paid for.
    pub month: Month,
    /// First month whose differences it pays: the run's own month for a regular run, January of
    /// its year for back pay.
    pub first: Option<Month>,
}

/// Makes a run and calculates it. When nothing is due, no run is made and the answer says so.
#[boxed]
pub async fn create(
    app: &App,
    caller: &Caller,
    new: &NewRun,
    key: Option<String>,
) -> Result<Done, Error> {
    let first = new.first.unwrap_or(match new.kind {
        RunKind::BackPay => Month::from_index(new.month.year() * 12),
        _ => new.month,
    });
    let order = Order::new("run.create", Action::MakeRun)
        .key(key)
        .field("program", new.program.as_str())
        .field("kind", new.kind.code())
        .field("month", new.month.to_string())
        .field("first", first.to_string());
    let now = app.clock.now();
    app.command(caller, order, async |write| {
        let book = write.book();
        let programs = policy::programs(write.tx(), book).await?;
        let program = programs.iter().find(|program| program.code == new.program);
        let program = program.ok_or_else(|| not_found("项目 program", &new.program))?;
        if new.kind == RunKind::RePay {
            side::allow_re_pay(app, write.tx(), &caller.book).await?;
        }
        let before = write.mark().await?;
        let mut run = Run {
            id: RunId(write.allot("run", 1).await?),
            program: program.id,
            kind: new.kind,
            month: new.month,
            first,
            last: new.month,
            events: 1,
            state: RunState::Draft,
            revision: 1,
            payment_first: 1,
            payment_last: 0,
            payments: 0,
            total: Fen::ZERO,
            carried: Fen::ZERO,
            fingerprint: [0; 32],
        };
        compute(write, &mut run, &caller.progress).await?;
        if run.payments == 0 {
            // Nothing was written but the run's number: give it back.
            write.rollback_to(before).await?;
            let (program, month) = (&new.program, new.month.to_string());
            let carried = run.carried.get();
            return Ok(json!({
                "run": null, "program": program, "kind": new.kind.code(), "month": month,
                "payments": 0, "total_fen": 0, "carried_fen": carried,
            }));
        }
        store::add_run(write, &run).await?;
        store::add_duty(write, run.id, caller.user.id, Duty::Maker).await?;
        let by = (caller.user.id, Duty::Maker);
        store::add_event(write, &run, RunEvent::Create, by, now, "").await?;
        answer(write, &run).await
    })
    .await
}

/// Calculates a draft again: the earlier calculation is taken back first.
#[boxed]
pub async fn calculate(
    app: &App,
    caller: &Caller,
    id: RunId,
    key: Option<String>,
) -> Result<Done, Error> {
    step(
        app,
        caller,
        id,
        RunEvent::Calculate,
        "",
        key,
        async |write, run| {
            payment::void_lines(write, run).await?;
            run.revision += 1;
            compute(write, run, &caller.progress).await?;
            match run.payments {
                0 => Err(Problem::new(Kind::RunEmpty)
                    .with("program", run.program)
                    .with("month", run.month)
                    .into()),
                _ => Ok(()),
            }
        },
    )
    .await
}

/// Checks a run: every payee has an account that the bank's layout can carry, and the funds
/// suffice, and nothing clashes. What it found stands with the run's fingerprint.
#[boxed]
pub async fn check(
    app: &App,
    caller: &Caller,
    id: RunId,
    key: Option<String>,
) -> Result<Done, Error> {
    let today = app.clock.today();
    step(
        app,
        caller,
        id,
        RunEvent::Check,
        "",
        key,
        async |write, run| {
            clash::check(app, write, run, &caller.progress).await?;
            funding::suffices(write, run, today).await
        },
    )
    .await
}

/// Hands a checked run to the reviewer: nothing blocks it, and every warning is explained.
#[boxed]
pub async fn submit(
    app: &App,
    caller: &Caller,
    id: RunId,
    key: Option<String>,
) -> Result<Done, Error> {
    step(
        app,
        caller,
        id,
        RunEvent::Submit,
        "",
        key,
        async |write, run| clash::passable(write, run).await,
    )
    .await
}

/// 复核.
#[boxed]
pub async fn review(
    app: &App,
    caller: &Caller,
    id: RunId,
    key: Option<String>,
) -> Result<Done, Error> {
    step(app, caller, id, RunEvent::Review, "", key, unchanged).await
}

/// 审批: books what is owed. Refused above the limit of the approver's level, without the funds, and
/// while the publication of the run has days left or an objection stands.
#[boxed]
pub async fn approve(
    app: &App,
    caller: &Caller,
    id: RunId,
    key: Option<String>,
) -> Result<Done, Error> {
    let on = app.clock.today();
    step(
        app,
        caller,
        id,
        RunEvent::Approve,
        "",
        key,
        async |write, run| {
            approval::within_limit(write, caller, run).await?;
            funding::suffices(write, run, on).await?;
            publication::passable(write, run, on).await?;
            if run.kind == RunKind::RePay {
                return Ok(());
            }
            accrue(write, caller, run, on).await
        },
    )
    .await
}

/// Sends a run back to its maker, with a reason.
#[boxed]
pub async fn reject(
    app: &App,
    caller: &Caller,
    id: RunId,
    reason: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    step(app, caller, id, RunEvent::Reject, reason, key, unchanged).await
}

/// Gives a draft up, with a reason: what it accrued is free again.
#[boxed]
pub async fn discard(
    app: &App,
    caller: &Caller,
    id: RunId,
    reason: &str,
    key: Option<String>,
) -> Result<Done, Error> {
    step(
        app,
        caller,
        id,
        RunEvent::Discard,
        reason,
        key,
        async |write, run| Ok(payment::void_lines(write, run).await?),
    )
    .await
}

/// Settles and closes a run whose every attempt the bank has answered.
#[boxed]
pub async fn close(
    app: &App,
    caller: &Caller,
    id: RunId,
    key: Option<String>,
) -> Result<Done, Error> {
    let now = app.clock.now();
    let order = Order::new("run.close", Action::CloseRun)
        .key(key)
        .field("run", id.get());
    app.command(caller, order, async |write| {
        let mut run = load(write, id).await?;
        let book = write.book();
        let duties = store::duties(write.tx(), book, id).await?;
        may_act(&duties, caller.user.id, Duty::Bookkeeper)
            .map_err(|problem| name_run(problem, caller, id))?;
        for event in [RunEvent::Settle, RunEvent::Close] {
            if event == RunEvent::Settle && run.state == RunState::Settled {
                continue;
            }
            let next = run_step(Some(run.state), event).ok_or_else(|| wrong_state(&run, event))?;
            let open = ledger_store::batch::open_attempts(write.tx(), book, id).await?;
            if open > 0 {
                return Err(Problem::new(Kind::PaymentLive)
                    .with("payment", format!("{open} 笔/payments"))
                    .into());
            }
            run.state = next.next;
            run.events += 1;
            let by = (caller.user.id, Duty::Bookkeeper);
            store::add_event(write, &run, event, by, now, "").await?;
        }
        answer(write, &run).await
    })
    .await
}

async fn unchanged(_: &mut Write, _: &mut Run) -> Result<(), Error> {
    Ok(())
}

/// One step of a run: state, role and duty are judged, then `effect`, then the event.
pub(super) async fn step<F>(
    app: &App,
    caller: &Caller,
    id: RunId,
    event: RunEvent,
    reason: &str,
    key: Option<String>,
    effect: F,
) -> Result<Done, Error>
where
    F: AsyncFnOnce(&mut Write, &mut Run) -> Result<(), Error>,
{
    let said = [("reason", reason.to_owned())];
    let said = if reason.is_empty() { &[] } else { &said[..] };
    step_with(app, caller, id, event, said, key, effect).await
}

/// Like [`step`], with further fields of the input; `reason` among them is the reason.
pub(super) async fn step_with<F>(
    app: &App,
    caller: &Caller,
    id: RunId,
    event: RunEvent,
    said: &[(&str, String)],
    key: Option<String>,
    effect: F,
) -> Result<Done, Error>
where
    F: AsyncFnOnce(&mut Write, &mut Run) -> Result<(), Error>,
{
    let now = app.clock.now();
    let (kind, action) = command_of(event, caller);
    let mut order = Order::new(kind, action).key(key).field("run", id.get());
    for (name, value) in said {
        order = order.field(name, value.as_str());
    }
    order.reason = said
        .iter()
        .find(|(name, _)| *name == "reason")
        .map(|(_, value)| value.clone());
    let reason = order.reason.clone().unwrap_or_default();
    let reason = reason.as_str();
    app.command(caller, order, async |write| {
        let mut run = load(write, id).await?;
        let next = run_step(Some(run.state), event).ok_or_else(|| wrong_state(&run, event))?;
        let book = write.book();
        let duties = store::duties(write.tx(), book, id).await?;
        // A rejection is made by the one whose turn it is.
        let duty = next.duty;
        if !caller.user.roles.contains(&next.role) {
            return Err(Problem::new(Kind::RoleMissing)
                .with("user", &caller.user.login)
                .with("needed", next.role.name())
                .into());
        }
        may_act(&duties, caller.user.id, duty).map_err(|problem| name_run(problem, caller, id))?;
        if next.reason_required && reason.trim().is_empty() {
            return Err(super::policy::invalid("reason", "", "原因 a reason"));
        }
        if !duties.contains(&(caller.user.id, duty)) {
            store::add_duty(write, id, caller.user.id, duty).await?;
        }
        effect(write, &mut run).await?;
        run.state = next.next;
        run.events += 1;
        store::add_event(write, &run, event, (caller.user.id, duty), now, reason).await?;
        answer(write, &run).await
    })
    .await
}

fn command_of(event: RunEvent, caller: &Caller) -> (&'static str, Action) {
    use ledger::disbursement::role::Role;
    match event {
        RunEvent::Create => ("run.create", Action::MakeRun),
        RunEvent::Calculate => ("run.calculate", Action::MakeRun),
        RunEvent::Check => ("run.check", Action::MakeRun),
        RunEvent::Submit => ("run.submit", Action::MakeRun),
        RunEvent::Review => ("run.review", Action::ReviewRun),
        RunEvent::Approve => ("run.approve", Action::ApproveRun),
        RunEvent::Reject if caller.user.roles.contains(&Role::Approver) => {
            ("run.reject", Action::ApproveRun)
        }
        RunEvent::Reject => ("run.reject", Action::ReviewRun),
        RunEvent::Release => ("run.release", Action::ReleaseRun),
        RunEvent::Settle => ("run.settle", Action::CloseRun),
        RunEvent::Close => ("run.close", Action::CloseRun),
        RunEvent::Discard => ("run.discard", Action::MakeRun),
        RunEvent::Revoke => ("run.revoke", Action::ApproveRun),
    }
}

pub(super) async fn load(write: &mut Write, id: RunId) -> Result<Run, Error> {
    let book = write.book();
    store::run(write.tx(), book, id)
        .await?
        .ok_or_else(|| not_found("批次 run", id))
}

fn wrong_state(run: &Run, event: RunEvent) -> Error {
    Problem::new(Kind::RunState)
        .with("run", run.id)
        .with("state", run.state.name())
        .with("event", event.name())
        .into()
}

pub(super) fn name_run(mut problem: Problem, caller: &Caller, run: RunId) -> Error {
    for (name, value) in &mut problem.values {
        if *name == "user" {
            value.clone_from(&caller.user.login);
        }
    }
    problem.with("run", run).into()
}

async fn answer(write: &mut Write, run: &Run) -> Result<Value, Error> {
    let book = write.book();
    let programs = policy::programs(write.tx(), book).await?;
    let program = programs.iter().find(|program| program.id == run.program);
    let mut answer = json!({
        "run": run.id.get(),
        "program": program.map_or("", |program| program.code.as_str()),
        "kind": run.kind.code(),
        "month": run.month.to_string(),
        "state": run.state.code(),
        "payments": run.payments,
        "total_fen": run.total.get(),
        "carried_fen": run.carried.get(),
    });
    if run.state == RunState::Checked {
        let (errors, warnings) = clash::counts(write, run).await?;
        answer["errors"] = errors.into();
        answer["warnings"] = warnings.into();
    }
    Ok(answer)
}

/// Fills the run with what is due now.
async fn compute(write: &mut Write, run: &mut Run, progress: &Progress) -> Result<(), Error> {
    let calculated = match run.kind {
        RunKind::RePay => compute_re_pay(write, run).await?,
        _ => compute_due(write, run, progress).await?,
    };
    run.payment_first = calculated.first;
    run.payment_last = calculated.last;
    run.payments = calculated.payments;
    run.total = calculated.total;
    run.fingerprint = calculated.fingerprint;
    Ok(())
}

async fn compute_due(
    write: &mut Write,
    run: &mut Run,
    progress: &Progress,
) -> Result<Calculated, Error> {
    let book = write.book();
    let rules = policy::policy_of(write.tx(), book, run.program).await?;
    let found = payment::entitlements(write.tx(), book, run.program, run.first, run.last).await?;
    let mut plans = store_recovery::withholding(write.tx(), book, run.program).await?;
    let mut writer = PaymentWriter::begin(write, run.id, run.revision).await?;
    let mut carried = Fen::ZERO;
    progress.expect(found.awards.len());
    for home in by_household(found) {
        progress.add(home.awards.len());
        for lines in payments_of(&rules, &home.awards, &home.accrued, run)? {
            let (payment, over) = settle(lines)?;
            carried = carried.plus(over)?;
            if let Some(lines) = payment {
                let withheld = recovery::withhold(&mut plans, run.month, &lines)?;
                writer.push(write, home.area, &lines, &withheld).await?;
            }
        }
    }
    run.carried = carried;
    Ok(writer.finish(write).await?)
}

/// What bears on one household.
#[derive(Default)]
pub(super) struct Home {
    /// Where it lives.
    pub(super) area: i64,
    /// Its awards.
    pub(super) awards: Vec<Award>,
    /// What was accrued for them.
    pub(super) accrued: Vec<Accrued>,
}

/// Awards and accruals by the household in which each subject is now: who has moved is judged
/// once, with everything that was accrued before the move.
pub(super) fn by_household(found: Entitlements) -> impl Iterator<Item = Home> {
    let moved = moves(&found.awards);
    let now = |subject, household| moved.get(&subject).copied().unwrap_or(household);
    let mut awards: Vec<(PartyId, Award, i64)> = found
        .awards
        .into_iter()
        .map(|(award, area)| (now(award.subject, award.household), award, area))
        .collect();
    // Both come by household: sorting again matters for the few who moved, and is quick.
    awards.sort_by_key(|(household, ..)| *household);
    let mut accrued: Vec<(PartyId, Accrued)> = found
        .accrued
        .into_iter()
        .map(|(household, accrued)| (now(accrued.subject, household), accrued))
        .collect();
    accrued.sort_by_key(|(household, _)| *household);
    let (mut awards, mut accrued) = (
        awards.into_iter().peekable(),
        accrued.into_iter().peekable(),
    );
    std::iter::from_fn(move || {
        let (household, ..) = *awards.peek()?;
        let mut home = Home::default();
        while let Some((_, award, area)) = awards.next_if(|(next, ..)| *next == household) {
            // Of who moved in, the area of the household that they left does not count.
            if home.area == 0 || award.household == household {
                home.area = area;
            }
            home.awards.push(award);
        }
        while let Some((_, row)) = accrued.next_if(|(next, _)| *next <= household) {
            home.accrued.push(row);
        }
        Some(home)
    })
}

/// The newest household of each subject whose awards are in more than one.
fn moves(awards: &[(Award, i64)]) -> HashMap<PartyId, PartyId> {
    let mut newest: HashMap<PartyId, (Month, AwardId, PartyId, bool)> =
        HashMap::with_capacity(awards.len());
    for (award, _) in awards {
        let now = (award.from, award.id, award.household);
        let known = newest
            .entry(award.subject)
            .or_insert((now.0, now.1, now.2, false));
        known.3 |= known.2 != award.household;
        if (known.0, known.1, known.2) < now {
            (known.0, known.1, known.2) = now;
        }
    }
    newest.retain(|_, (.., moved)| *moved);
    newest
        .into_iter()
        .map(|(subject, (_, _, household, _))| (subject, household))
        .collect()
}

/// The lines of one household, by payee.
pub(super) fn payments_of(
    rules: &Policy,
    awards: &[Award],
    accrued: &[Accrued],
    run: &Run,
) -> Result<Vec<Vec<Line>>, Error> {
    let lines = difference(rules, awards, accrued, run.first, run.last, run.month)?;
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    if lines.iter().all(|line| line.payee == lines[0].payee) {
        return Ok(vec![lines]);
    }
    let mut by_payee: BTreeMap<PartyId, Vec<Line>> = BTreeMap::new();
    for line in lines {
        by_payee.entry(line.payee).or_default().push(line);
    }
    Ok(by_payee.into_values().collect())
}

/// Takes what failed, is home, and has another account now, a reason that passes by itself, or the
/// word of two people that what made it fail is gone.
async fn compute_re_pay(write: &mut Write, run: &Run) -> Result<Calculated, Error> {
    let book = write.book();
    let failed = payment::failed(write.tx(), book, run.program).await?;
    let again: Vec<Failed> = failed.into_iter().filter(may_be_tried).collect();
    Ok(payment::add_re_pay(write, run.id, run.revision, &again).await?)
}

pub(super) fn may_be_tried(failed: &Failed) -> bool {
    let corrected = failed.newest_version > failed.tried_version;
    let passing = bank_adapters::reason::Reason::from_code(&failed.reason)
        .is_some_and(|reason| reason.may_retry_unchanged());
    failed.home && (corrected || passing || failed.is_cleared)
}

async fn accrue(
    write: &mut Write,
    caller: &Caller,
    run: &Run,
    on: ledger::calendar::Date,
) -> Result<(), Error> {
    let book = write.book();
    let programs = policy::programs(write.tx(), book).await?;
    let program = programs.iter().find(|program| program.id == run.program);
    let duties = store::duties(write.tx(), book, run.id).await?;
    let maker = duties
        .iter()
        .find(|(_, duty)| *duty == Duty::Maker)
        .map(|(user, _)| *user);
    let draft = VoucherDraft {
        on_date: on,
        summary: format!(
            "计提 {} {} 批次{}",
            run.month,
            program.map_or("", |program| program.name.as_str()),
            run.id
        ),
        maker: maker.unwrap_or(caller.user.id),
        checker: Some(caller.user.id),
        source: "run",
        source_id: run.id.get(),
        reverses: None,
    };
    let withheld = recovery::unchanged(write, run, on).await?;
    let mut set_offs = withheld.iter().peekable();
    let mut poster = Poster::begin(write, draft).await?;
    let mut total = Fen::ZERO;
    let mut first = run.payment_first;
    while first <= run.payment_last {
        let last = (first + CHUNK_PAYMENTS - 1).min(run.payment_last);
        let mut postings = Vec::new();
        for (payment, component, amount) in
            payment::by_component(write.tx(), book, first, last).await?
        {
            total = total.plus(amount)?;
            if amount > Fen::ZERO {
                rules::run_approved(run.program, component, payment, amount, &mut postings);
            } else if amount < Fen::ZERO {
                let size = Fen::ZERO.minus(amount)?;
                let against = rules::run_approved_set_against;
                against(run.program, component, payment, size, &mut postings);
            }
        }
        let from = postings.len();
        while let Some(set_off) = set_offs.next_if(|set_off| set_off.payment.get() <= last) {
            total = total.minus(set_off.amount)?;
            set_off.post(run.program, &mut postings);
        }
        if postings.len() > from {
            postings.sort_by_key(|posting| posting.payment);
        }
        poster.push_all(write, &postings).await?;
        first = last + 1;
    }
    if total != run.total {
        return Err(Problem::new(Kind::RunChanged).with("run", run.id).into());
    }
    let posted = poster.finish(write).await?;
    recovery::set_off(write, caller, run, on, posted.as_ref(), &withheld).await
}

/// One run with its steps.
#[boxed]
pub async fn show(app: &App, caller: &Caller, id: RunId) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let run = store::run(&mut tx, book, id)
        .await?
        .ok_or_else(|| not_found("批次 run", id))?;
    let steps = store::steps(&mut tx, book, id).await?;
    let programs = policy::programs(&mut tx, book).await?;
    let days = policy::payment_days(&mut tx, book).await?;
    tx.rollback().await?;
    let program = programs.iter().find(|program| program.id == run.program);
    let name = program.map_or("", |program| program.name.as_str());
    let mut head = run_table();
    head.row(run_row(&run, name, &days));
    let mut way = Table::new(
        words("经过", "Steps"),
        &[
            ("步骤", "step", false),
            ("状态", "state", false),
            ("办理人", "by", false),
            ("身份", "as", false),
            ("时间", "at", false),
            ("原因", "reason", false),
            ("审计条目", "audit entry", true),
        ],
    );
    let mut list = Vec::new();
    for step in &steps {
        way.row([
            step.event.name().to_owned(),
            step.state.name().to_owned(),
            step.user_name.clone(),
            step.duty.name().to_owned(),
            step.at.to_string(),
            step.reason.clone(),
            step.entry.to_string(),
        ]);
        list.push(json!({
            "event": step.event.code(),
            "state": step.state.code(),
            "by": step.user_name,
            "duty": step.duty.code(),
            "at": step.at.to_string(),
            "reason": step.reason,
            "entry": step.entry,
        }));
    }
    let code = program.map_or("", |program| program.code.as_str());
    let mut document = run_json(&run, code, &days);
    document["steps"] = Value::Array(list);
    Ok(Report::new(document, vec![head, way]))
}

/// All runs.
#[boxed]
pub async fn list(app: &App, caller: &Caller) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let runs = store::runs(&mut tx, caller.book.id).await?;
    let programs = policy::programs(&mut tx, caller.book.id).await?;
    let days = policy::payment_days(&mut tx, caller.book.id).await?;
    tx.rollback().await?;
    let mut table = run_table();
    let mut list = Vec::new();
    for run in &runs {
        let program = programs.iter().find(|program| program.id == run.program);
        table.row(run_row(
            run,
            program.map_or("", |program| program.name.as_str()),
            &days,
        ));
        list.push(run_json(
            run,
            program.map_or("", |program| program.code.as_str()),
            &days,
        ));
    }
    Ok(Report::new(json!({ "runs": list }), vec![table]))
}

/// The first payments of a run with their payees, masked.
#[boxed]
pub async fn lines(app: &App, caller: &Caller, id: RunId, limit: i64) -> Result<Report, Error> {
    lines_page(app, caller, id, Page { after: 0, limit }).await
}

/// The payments of a run after one, with their payees, masked. The document names in `next` the
/// payment after which to ask for more; it is null at the end.
#[boxed]
pub async fn lines_page(
    app: &App,
    caller: &Caller,
    id: RunId,
    page: Page,
) -> Result<Report, Error> {
    let mut tx = app.read(caller, Action::ReadReports).await?;
    let book = caller.book.id;
    let run = store::run(&mut tx, book, id)
        .await?
        .ok_or_else(|| not_found("批次 run", id))?;
    let limit = page.limit.saturating_add(1);
    let mut rows = match run.kind {
        RunKind::RePay => payment::re_pay_lines(&mut tx, book, &run, page.after, limit).await?,
        _ => {
            let first = run.payment_first.max(page.after.saturating_add(1));
            payment::payee_lines(&mut tx, book, first, run.payment_last, limit).await?
        }
    };
    tx.rollback().await?;
    let most = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(|last| last.payment.get());
    let mut table = Table::new(
        words(format!("批次 {id} 明细"), format!("Payments of run {id}")),
        &[
            ("明细", "payment", true),
            ("乡镇", "township", false),
            ("村(社区)", "village", false),
            ("收款人", "payee", false),
            ("账号", "account", false),
            ("行数", "lines", true),
            ("金额(元)", "amount (yuan)", true),
        ],
    );
    let mut list = Vec::new();
    for row in &rows {
        let name = super::roster::mask_name(&row.name);
        let account = super::roster::mask_account(&row.account_no);
        table.row([
            row.payment.to_string(),
            row.township.clone(),
            row.village.clone(),
            name.clone(),
            account.clone(),
            row.lines.to_string(),
            row.amount.grouped(),
        ]);
        list.push(json!({
            "payment": row.payment.get(),
            "township": row.township,
            "payee": name,
            "account": account,
            "lines": row.lines,
            "amount_fen": row.amount.get(),
        }));
    }
    let document = json!({
        "run": id.get(), "payments": run.payments, "total_fen": run.total.get(), "lines": list,
        "next": next,
    });
    Ok(Report::new(document, vec![table]))
}

fn run_table() -> Table {
    Table::new(
        words("发放批次", "Runs"),
        &[
            ("批次", "run", true),
            ("项目", "program", false),
            ("种类", "kind", false),
            ("月份", "month", false),
            ("状态", "state", false),
            ("笔数", "payments", true),
            ("金额(元)", "amount (yuan)", true),
            ("应于", "pay by", false),
        ],
    )
}

fn run_row(run: &Run, program: &str, days: &[PaymentDay]) -> [String; 8] {
    [
        run.id.to_string(),
        program.to_owned(),
        run.kind.code().to_owned(),
        run.month.to_string(),
        run.state.name().to_owned(),
        run.payments.to_string(),
        run.total.grouped(),
        pay_by(days, run.program, run.month).to_string(),
    ]
}

fn run_json(run: &Run, program: &str, days: &[PaymentDay]) -> Value {
    json!({
        "run": run.id.get(),
        "program": program,
        "kind": run.kind.code(),
        "month": run.month.to_string(),
        "state": run.state.code(),
        "payments": run.payments,
        "total_fen": run.total.get(),
        "carried_fen": run.carried.get(),
        "pay_by": pay_by(days, run.program, run.month).to_string(),
        "fingerprint": ledger::audit::hex::encode(&run.fingerprint),
    })
}
