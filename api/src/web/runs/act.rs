//! What can be done to a run: what is offered in which state, and what comes of it.

use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::RunState;
use ledger::id::{ObjectionId, PaymentId, RunId};
use serde_json::{Value, json};

use super::notice;
use crate::app::job::Wanted;
use crate::app::waiting::Turn;
use crate::app::{Error, approval, clash, publication, release, run as use_case};
use crate::web::page::{Block, Form, Kind, Page, field};
use crate::web::posted::{Posted, invalid};
use crate::web::reply::Reply;
use crate::web::seat::Seat;
use crate::web::{fen, work};

/// What is known of a run when its acts are offered.
pub(super) struct Facts<'a> {
    pub(super) id: RunId,
    pub(super) state: RunState,
    pub(super) program: &'a str,
    pub(super) json: &'a Value,
    pub(super) checks: &'a Value,
    pub(super) publication: &'a Value,
}

/// Adds the next step as the one primary button, and what else the caller may do, folded away.
pub(super) fn offer(seat: &Seat, mut page: Page, facts: &Facts<'_>, turn: Option<&Turn>) -> Page {
    let mine = turn.filter(|turn| turn.mine);
    if let Some(step) = mine.and_then(|turn| turn.step) {
        page = page.with(Block::Form(Box::new(next(seat, facts, step.event.code()))));
    } else if let Some(step) = turn.and_then(|turn| turn.step) {
        let same = seat.caller().user.roles.contains(&step.role);
        let words = if same {
            "run.same-person"
        } else {
            "run.not-yours"
        };
        let role = crate::web::word(step.role.name(), seat.language);
        page = page.with(notice("info", seat.fill(words, &[("role", &role)])));
    }
    page = page.form(explain(seat, facts)).form(settle(seat, facts));
    let others = others(seat, facts);
    if !others.is_empty() {
        page = page.with(Block::More(seat.say("run.more").to_owned(), others));
    }
    page
}

fn address(facts: &Facts<'_>, step: &str) -> String {
    format!("/runs/{}/{step}", facts.id)
}

/// The form of the next step. What moves money says count, total and program.
fn next(seat: &Seat, facts: &Facts<'_>, event: &str) -> Form {
    let (step, button, lead) = match event {
        "check" => ("check", "run.check", "run.check-lead"),
        "submit" => ("submit", "run.submit", "run.submit-lead"),
        "review" => ("review", "run.review", "run.review-lead"),
        "approve" => ("approve", "run.approve", "run.approve-lead"),
        "release" => ("release", "run.release", "run.release-lead"),
        _ => ("close", "run.close", "run.close-lead"),
    };
    let payments = crate::web::count(&facts.json["payments"]);
    let total = fen(&facts.json["total_fen"]);
    let values = [
        ("payments", payments.as_str()),
        ("total", total.as_str()),
        ("program", facts.program),
    ];
    let lead = seat.fill(lead, &values);
    let form = Form::act(seat, address(facts, step), seat.say(button));
    let form = match step {
        "approve" | "release" => form.asking(lead.clone()),
        _ => form,
    };
    let form = form.saying(seat.say("run.next"), lead);
    match step {
        "release" => {
            let on = field("on", seat.say("run.on"))
                .kind(Kind::Line("date"))
                .optional();
            form.field(seat, on.hint(seat.say("run.on-hint")))
        }
        _ => form,
    }
}

/// Warnings of the check that nobody has explained.
fn explain(seat: &Seat, facts: &Facts<'_>) -> Option<Form> {
    let open = facts.checks["checks"].as_array()?.iter().filter(|one| {
        one["blocks"].as_bool() == Some(false) && one["explanation"].as_str() == Some("")
    });
    let choices: Vec<(String, String)> = open
        .filter_map(|one| {
            let (code, name) = (one["code"].as_str()?, one["name"].as_str()?);
            Some((
                code.to_owned(),
                format!("{code} {name}({})", one["findings"]),
            ))
        })
        .collect();
    let may = facts.state == RunState::Checked && seat.may(Action::MakeRun);
    (may && !choices.is_empty()).then(|| {
        Form::act(seat, address(facts, "explain"), seat.say("run.explain"))
            .saying(seat.say("run.explain"), seat.say("run.explain-lead"))
            .field(
                seat,
                field("check", seat.say("run.check-code")).kind(Kind::Select(choices)),
            )
            .field(
                seat,
                field("reason", seat.say("field.reason")).kind(Kind::Area),
            )
            .plain()
    })
}

/// Objections that nobody has settled.
fn settle(seat: &Seat, facts: &Facts<'_>) -> Option<Form> {
    let open = facts.publication["objections"].as_array()?.iter();
    let open = open.filter(|one| one["state"] == "received");
    let choices: Vec<(String, String)> = open
        .map(|one| {
            let id = one["objection"].to_string();
            (
                id.clone(),
                format!("{id} {}", one["detail"].as_str().unwrap_or_default()),
            )
        })
        .collect();
    (!choices.is_empty() && seat.may(Action::HandleObjection)).then(|| {
        let verdicts = [("dismissed", "run.dismissed"), ("upheld", "run.upheld")];
        let verdicts = verdicts.map(|(code, key)| (code.to_owned(), seat.say(key).to_owned()));
        let verdict = field("verdict", seat.say("run.verdict"));
        Form::act(
            seat,
            address(facts, "settle-objection"),
            seat.say("run.settle"),
        )
        .saying(seat.say("run.settle"), seat.say("run.settle-lead"))
        .field(
            seat,
            field("objection", seat.say("run.objection")).kind(Kind::Select(choices)),
        )
        .field(seat, verdict.kind(Kind::Select(verdicts.to_vec())))
        .field(seat, field("note", seat.say("field.note")).kind(Kind::Area))
        .plain()
    })
}

/// What else the caller may do in this state.
fn others(seat: &Seat, facts: &Facts<'_>) -> Vec<Form> {
    use RunState::{Approved, Checked, Draft, Reviewed, Submitted};
    let mut forms = Vec::new();
    let simple = |step, button, lead| {
        Form::act(seat, address(facts, step), seat.say(button))
            .saying(seat.say(button), seat.say(lead))
            .plain()
    };
    let reason = || field("reason", seat.say("field.reason")).kind(Kind::Area);
    let is = |states: &[RunState]| states.contains(&facts.state);
    if is(&[Draft, Checked]) && seat.may(Action::MakeRun) {
        forms.push(simple("calculate", "run.calculate", "run.calculate-lead"));
        let discard = simple("discard", "run.discard", "run.discard-lead").field(seat, reason());
        forms.push(discard.asking(seat.say("run.discard-lead")));
    }
    if is(&[Checked]) && seat.may(Action::MakeRun) {
        forms.push(simple("check", "run.check", "run.check-lead-again"));
    }
    let days = facts.publication["days"].is_number() && facts.publication["from"].is_null();
    if is(&[Submitted, Reviewed]) && days && seat.may(Action::MakeRun) {
        let from = field("from", seat.say("run.publish-from"))
            .kind(Kind::Line("date"))
            .optional();
        forms.push(simple("publish", "run.publish", "run.publish-lead").field(seat, from));
    }
    if facts.publication["from"].is_string()
        && is(&[Submitted, Reviewed, Approved])
        && seat.may(Action::HandleObjection)
    {
        let payment = field("payment", seat.say("run.objection-payment")).optional();
        let detail = field("detail", seat.say("run.objection-detail")).kind(Kind::Area);
        let form = simple("object", "run.object", "run.object-lead");
        forms.push(form.field(seat, payment).field(seat, detail));
    }
    let rejects = is(&[Submitted]) && seat.may(Action::ReviewRun)
        || is(&[Reviewed]) && seat.may(Action::ApproveRun);
    if rejects {
        forms.push(simple("reject", "run.reject", "run.reject-lead").field(seat, reason()));
    }
    if is(&[Approved]) && seat.may(Action::ApproveRun) {
        let revoke = simple("revoke", "run.revoke", "run.revoke-lead").field(seat, reason());
        forms.push(revoke.asking(seat.say("run.revoke-lead")));
    }
    forms
}

/// A step that takes long when the run is large.
fn job_of(seat: &Seat, posted: &Posted) -> Option<Wanted> {
    let run = seat.place("run").parse::<i64>().ok()?;
    let about = json!({ "run": run });
    match seat.place("step") {
        "calculate" => Some(Wanted::new("run.calculate", about)),
        "check" => Some(Wanted::new("run.check", about)),
        "release" => {
            let on = posted.optional("on");
            Some(Wanted::new("run.release", json!({ "run": run, "on": on })))
        }
        _ => None,
    }
}

/// Takes the step that the address names.
pub(super) async fn take(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let (app, caller, id) = (seat.app(), seat.caller(), super::number(&seat)?);
    let (key, reason) = (posted.key(), posted.text("reason"));
    let date = seat.say("field.date-hint");
    if let Some(wanted) = job_of(&seat, &posted)
        && work::has_many(&seat, id).await?
    {
        return work::later(&seat, wanted, key).await;
    }
    let done = match seat.place("step") {
        "calculate" => use_case::calculate(app, caller, id, key).await,
        "check" => use_case::check(app, caller, id, key).await,
        "submit" => use_case::submit(app, caller, id, key).await,
        "review" => use_case::review(app, caller, id, key).await,
        "approve" => use_case::approve(app, caller, id, key).await,
        "reject" => use_case::reject(app, caller, id, reason, key).await,
        "revoke" => approval::revoke(app, caller, id, reason, key).await,
        "discard" => use_case::discard(app, caller, id, reason, key).await,
        "close" => use_case::close(app, caller, id, key).await,
        "release" => {
            let on = posted.parse_optional("on", date)?;
            release::release(app, caller, id, on, key).await
        }
        "publish" => {
            let from = posted.parse_optional("from", date)?;
            publication::publish(app, caller, id, from, key).await
        }
        "explain" => {
            let check = posted.text("check");
            clash::explain(app, caller, id, check, reason, key).await
        }
        "object" => {
            let payment = posted
                .parse_optional("payment", "编号 a number")?
                .map(PaymentId);
            publication::add(app, caller, id, payment, posted.text("detail"), key).await
        }
        "settle-objection" => {
            let objection = ObjectionId(posted.parse("objection", "编号 a number")?);
            let upheld = match posted.text("verdict") {
                "upheld" => true,
                "dismissed" => false,
                other => return Err(invalid("verdict", other, "upheld, dismissed")),
            };
            let note = posted.text("note");
            publication::settle(app, caller, objection, upheld, note, key).await
        }
        other => return Err(crate::app::not_found("步骤 step", other)),
    };
    Ok(Reply::Done(done?, format!("/runs/{id}")))
}
