//! Exceptions: a queue, one page each, settled by two people; several at once.

use axum::Router;
use ledger::disbursement::role::Action;
use ledger::id::ExceptionId;
use serde_json::Value;

use super::grid::Grid;
use super::page::{Block, Fact, Form, Kind, Link, Notice, Page, fact, field, link};
use super::posted::{Posted, invalid};
use super::reply::{self, Reply};
use super::seat::Seat;
use super::{badge, fen, tables};
use crate::app::exception::{self as use_case, Page as Rows};
use crate::app::{Error, not_found};
use crate::cli::failure;
use crate::http::Server;

/// As many are shown on a page of the queue.
const ROWS: i64 = 200;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/exceptions", reply::get(queue))
        .route("/exceptions/several", reply::post(several, queue))
        .route("/exceptions/{exception}", reply::get(show))
        .route(
            "/exceptions/{exception}/propose",
            reply::post(propose, show),
        )
        .route(
            "/exceptions/{exception}/confirm",
            reply::post(confirm, show),
        )
}

fn number(seat: &Seat) -> Result<ExceptionId, Error> {
    let text = seat.place("exception");
    text.parse()
        .map(ExceptionId)
        .map_err(|_| not_found("差异 exception", text))
}

/// The queue, by pages of the store; all with `all=1`, else those still open.
async fn queue(seat: Seat) -> Result<Reply, Error> {
    let from = seat
        .get("from")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let all = seat.get("all").is_some();
    let limit = if seat.get("as").is_some() {
        1_000_000
    } else {
        ROWS
    };
    let rows = Rows { after: from, limit };
    let report = use_case::list(seat.app(), seat.caller(), !all, rows).await?;
    let page = Page::new(seat.say("nav.exceptions"), seat.say("exceptions.lead"));
    if let Some(reply) = tables::export(&seat, &report, &page.title)? {
        return Ok(reply);
    }
    let Some(table) = report.tables.first() else {
        return Ok(page.into());
    };
    let mut grid = Grid::of(&seat, table, 0, &[("number", "/exceptions/")])
        .or_else(seat.say("exceptions.none"));
    if let Some(next) = report.json["next"].as_i64() {
        grid.next = Some(seat.address(&[("from", Some(next.to_string())), ("after", None)]));
    }
    let (key, other) = match all {
        true => (
            "exceptions.open-only",
            seat.address(&[("all", None), ("from", None)]),
        ),
        false => (
            "exceptions.all",
            seat.address(&[("all", Some("1".to_owned()))]),
        ),
    };
    let mut page = page.with(Block::Links(vec![link(seat.say(key), other)]));
    page = match seat.may(Action::ResolveException) && !grid.rows.is_empty() {
        true => page.with(Block::Choice(Box::new((
            several_form(&seat),
            grid.choosing("chosen"),
        )))),
        false => page.with(Block::Grid(Box::new(grid))),
    };
    Ok(page.into())
}

fn several_form(seat: &Seat) -> Form {
    let acts = [
        ("propose", "exceptions.propose"),
        ("confirm", "exceptions.confirm"),
    ];
    let acts = acts.map(|(code, key)| (code.to_owned(), seat.say(key).to_owned()));
    Form::act(seat, "/exceptions/several", seat.say("exceptions.several"))
        .saying("", seat.say("exceptions.several-lead"))
        .field(
            seat,
            field("act", seat.say("exceptions.act")).kind(Kind::Select(acts.to_vec())),
        )
        .field(
            seat,
            field("resolution", seat.say("exceptions.resolution")).optional(),
        )
        .field(seat, field("note", seat.say("field.note")).optional())
        .plain()
}

/// Each that was chosen is a command of its own: what is refused holds the others up in nothing.
async fn several(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let chosen = posted.all("chosen");
    if chosen.is_empty() {
        return Err(invalid("chosen", "", seat.say("exceptions.choose")));
    }
    let key = posted.key().unwrap_or_else(|| seat.app().entropy.key());
    let (mut done, mut lines) = (0_usize, Vec::new());
    for text in chosen {
        let id = text.parse().map(ExceptionId);
        let id = id.map_err(|_| invalid("chosen", text, "编号 a number"))?;
        let key = Some(format!("{key}-{id}"));
        let (app, caller) = (seat.app(), seat.caller());
        let result = match posted.text("act") {
            "confirm" => use_case::confirm(app, caller, id, key).await,
            _ => {
                let (how, note) = (posted.text("resolution"), posted.text("note"));
                use_case::propose(app, caller, id, how, note, key).await
            }
        };
        match result {
            Ok(_) => done += 1,
            Err(error @ Error::Refused { .. }) => {
                let text = failure::text(&error, seat.language);
                let line = text.lines().next().unwrap_or_default().to_owned();
                lines.push(link(format!("{id}: {line}"), format!("/exceptions/{id}")));
            }
            Err(error) => return Err(error),
        }
    }
    let mood = if lines.is_empty() { "done" } else { "wait" };
    let values = [
        ("done", done.to_string()),
        ("refused", lines.len().to_string()),
    ];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, v)| (*name, v.as_str())).collect();
    let notice = Notice {
        mood,
        title: seat.fill("exceptions.several-done", &values),
        lines,
    };
    let back = vec![link(seat.say("exceptions.back"), "/exceptions")];
    let page = Page::new(seat.say("nav.exceptions"), "")
        .with(Block::Notice(notice))
        .with(Block::Links(back));
    Ok(page.into())
}

/// One exception and the next one that is open, if any.
async fn show(seat: Seat) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let one = one(&seat, id, false).await?;
    let one = one.filter(|one| one["exception"] == id.get());
    let one = one.ok_or_else(|| not_found("差异 exception", id))?;
    let state = one["state"].as_str().unwrap_or_default();
    let title = seat.fill("exceptions.one", &[("number", &id.to_string())]);
    let mut page = Page::new(title, seat.say("exceptions.one-lead"))
        .under(seat.say("nav.exceptions"), "/exceptions")
        .with(Block::Facts(facts(&seat, &one)));
    page.badge = badge::of(state, seat.language);
    if seat.may(Action::ResolveException) && state != "settled" {
        if state == "proposed" {
            let lead = seat.say("exceptions.confirm-lead");
            let confirm = Form::act(
                &seat,
                format!("/exceptions/{id}/confirm"),
                seat.say("exceptions.confirm"),
            );
            page = page.form(Some(confirm.saying(seat.say("exceptions.confirm"), lead)));
        }
        page = page.form(Some(propose_form(&seat, id, &one)));
    }
    Ok(page.with(Block::Links(ways(&seat, id, &one).await?)).into())
}

/// The first exception from this number on.
async fn one(seat: &Seat, from: ExceptionId, open: bool) -> Result<Option<Value>, Error> {
    let rows = Rows {
        after: from.get() - 1,
        limit: 1,
    };
    let report = use_case::list(seat.app(), seat.caller(), open, rows).await?;
    Ok(report.json["exceptions"]
        .as_array()
        .and_then(|all| all.first())
        .cloned())
}

fn facts(seat: &Seat, one: &Value) -> Vec<Fact> {
    let text = |name: &str| match &one[name] {
        Value::String(text) if text.is_empty() => "—".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let payment = one["payment"].as_i64().filter(|payment| *payment > 0);
    let mut facts = vec![
        fact(seat.say("exceptions.kind"), text("kind")),
        fact(seat.say("exceptions.detail"), text("detail")),
        fact(seat.say("field.amount"), fen(&one["amount_fen"])),
        fact(
            seat.say("exceptions.source"),
            format!(
                "{} {} · {}",
                text("source"),
                text("source_id"),
                text("line")
            ),
        ),
        fact(seat.say("exceptions.resolution"), text("resolution")),
        fact(seat.say("field.note"), text("note")),
    ];
    if let Some(payment) = payment {
        let mut shown = fact(seat.say("field.payment"), payment.to_string());
        shown.to = Some(format!("/trace/payment/{payment}"));
        facts.insert(3, shown);
    }
    facts
}

fn propose_form(seat: &Seat, id: ExceptionId, one: &Value) -> Form {
    let now = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let form = Form::act(
        seat,
        format!("/exceptions/{id}/propose"),
        seat.say("exceptions.propose"),
    );
    let form = form
        .saying(
            seat.say("exceptions.propose"),
            seat.say("exceptions.propose-lead"),
        )
        .field(
            seat,
            field("resolution", seat.say("exceptions.resolution")).value(now("resolution")),
        )
        .field(
            seat,
            field("note", seat.say("field.note"))
                .kind(Kind::Area)
                .value(now("note"))
                .optional(),
        );
    if one["state"] == "open" {
        form
    } else {
        form.plain()
    }
}

async fn ways(seat: &Seat, id: ExceptionId, one: &Value) -> Result<Vec<Link>, Error> {
    let mut ways = vec![link(seat.say("exceptions.back"), "/exceptions")];
    if let Some(next) = self::one(seat, ExceptionId(id.get() + 1), true).await? {
        let to = format!("/exceptions/{}", next["exception"]);
        ways.insert(0, link(seat.say("exceptions.next"), to));
    }
    match one["source"].as_str() {
        Some("return") => ways.push(link(seat.say("nav.returns"), "/returns")),
        Some("statement") => ways.push(link(seat.say("nav.statements"), "/statements")),
        _ => {}
    }
    Ok(ways)
}

async fn propose(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let (how, note) = (posted.text("resolution"), posted.text("note"));
    let done = use_case::propose(seat.app(), seat.caller(), id, how, note, posted.key()).await?;
    Ok(Reply::Done(done, format!("/exceptions/{id}")))
}

async fn confirm(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let done = use_case::confirm(seat.app(), seat.caller(), id, posted.key()).await?;
    Ok(Reply::Done(done, format!("/exceptions/{id}")))
}
