//! Exceptions: a queue, one page each, settled by two people; several at once.

use axum::Router;
use ledger::disbursement::role::Action;
use ledger::id::ExceptionId;
use reconciliation::resolution::Resolution;
use serde_json::Value;

use super::grid::Grid;
use super::page::{Block, Fact, Form, Kind, Link, Notice, Page, fact, field, link};
use super::posted::{Posted, invalid};
use super::reply::{self, Reply};
use super::runs::notice;
use super::seat::Seat;
use super::{badge, fen, tables, word};
use crate::app::exception::{self as use_case, Page as Rows};
use crate::app::{Error, not_found};
use crate::cli::failure;
use crate::http::Server;

/// As many are shown on a page of the queue.
const ROWS: i64 = 100;
/// The boxes of the queue, and the form that they belong to.
const CHOSEN: &str = "chosen";

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
        .route("/exceptions/{exception}/assign", reply::post(assign, show))
        .route(
            "/exceptions/{exception}/comment",
            reply::post(comment, show),
        )
        .route(
            "/exceptions/{exception}/evidence",
            reply::post(evidence, show),
        )
        .route("/exceptions/workbook", reply::get(workbook))
        .route("/exceptions/import", reply::post(import, queue))
}

fn number(seat: &Seat) -> Result<ExceptionId, Error> {
    let text = seat.place("exception");
    text.parse()
        .map(ExceptionId)
        .map_err(|_| not_found("差异 exception", text))
}

/// The queue, by pages of the store; all with `all=1`, else those still open.
async fn queue(seat: Seat) -> Result<Reply, Error> {
    let all = seat.get("all").is_some();
    let looked = (!all, seat.get("q").unwrap_or_default());
    let rows = tables::rows(&seat, ROWS);
    let report = use_case::found(seat.app(), seat.caller(), looked, rows).await?;
    let page = Page::new(seat.say("nav.exceptions"), seat.say("exceptions.lead"));
    if let Some(reply) = tables::export(&seat, &report, &page.title)? {
        return Ok(reply);
    }
    let Some(grid) = tables::found(&seat, &report, &[("number", "/exceptions/")]) else {
        return Ok(page.into());
    };
    let grid = grid.or_else(seat.say("exceptions.none"));
    let wanted = (!all).then(|| "1".to_owned());
    let other = seat.address(&[("all", wanted), (tables::PLACE, None)]);
    let key = match all {
        true => "exceptions.open-only",
        false => "exceptions.all",
    };
    let book = link(seat.say("exceptions.workbook"), "/exceptions/workbook");
    let reasons = link(seat.say("nav.reasons"), "/reasons");
    let mut page = page.with(Block::Links(vec![
        link(seat.say(key), other),
        book,
        reasons,
    ]));
    page = match seat.may(Action::ResolveException) && !grid.rows.is_empty() {
        true => page.with(Block::Choice(Box::new((
            several_form(&seat),
            grid.choosing(CHOSEN),
        )))),
        false => page.with(Block::Grid(Box::new(grid))),
    };
    if seat.may(Action::ResolveException) {
        let file = field("file", seat.say("exceptions.workbook-file"));
        let form = Form::act(&seat, "/exceptions/import", seat.say("exceptions.import"))
            .saying(
                seat.say("exceptions.import"),
                seat.say("exceptions.import-lead"),
            )
            .field(&seat, file.kind(Kind::File(".xlsx")))
            .plain();
        page = page.form(Some(form));
    }
    Ok(page.into())
}

/// The open exceptions as a workbook, to be filled in.
async fn workbook(seat: Seat) -> Result<Reply, Error> {
    let bytes = use_case::export(seat.app(), seat.caller()).await?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(Reply::File("exceptions.xlsx".to_owned(), kind, bytes))
}

/// Takes the decisions of a workbook.
async fn import(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let file = posted.file("file")?;
    let (app, caller) = (seat.app(), seat.caller());
    let done = use_case::import(app, caller, &file.name, &file.bytes, posted.key()).await?;
    Ok(Reply::Done(done, "/exceptions".to_owned()))
}

async fn assign(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let owner = posted.text("owner");
    let done = use_case::assign(seat.app(), seat.caller(), id, owner, posted.key()).await?;
    Ok(Reply::Done(done, format!("/exceptions/{id}")))
}

async fn comment(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let text = posted.text("text");
    let done = use_case::comment(seat.app(), seat.caller(), id, text, posted.key()).await?;
    Ok(Reply::Done(done, format!("/exceptions/{id}")))
}

async fn evidence(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let file = posted.file("file")?;
    let document = use_case::Evidence {
        file_name: file.name.clone(),
        bytes: file.bytes.clone(),
        text: posted.text("text").to_owned(),
    };
    let done = use_case::evidence(seat.app(), seat.caller(), id, &document, posted.key()).await?;
    Ok(Reply::Done(done, format!("/exceptions/{id}")))
}

fn several_form(seat: &Seat) -> Form {
    let acts = [
        ("propose", "exceptions.propose"),
        ("confirm", "exceptions.confirm"),
    ];
    let acts = acts.map(|(code, key)| (code.to_owned(), seat.say(key).to_owned()));
    let form = Form::act(seat, "/exceptions/several", seat.say("exceptions.several"));
    Form {
        id: CHOSEN.to_owned(),
        ..form
    }
    .saying("", seat.say("exceptions.several-lead"))
    .field(
        seat,
        field("act", seat.say("exceptions.act")).kind(Kind::Select(acts.to_vec())),
    )
    .field(
        seat,
        field("resolution", seat.say("exceptions.resolution"))
            .kind(Kind::Select(resolutions(seat)))
            .optional(),
    )
    .field(seat, field("note", seat.say("field.note")).optional())
    .plain()
}

/// Every resolution; what a kind does not offer is refused for that one.
fn resolutions(seat: &Seat) -> Vec<(String, String)> {
    let all = Resolution::ALL.iter();
    all.map(|one| (one.code().to_owned(), one.name(seat.language).to_owned()))
        .collect()
}

/// Each that was chosen is a command of its own: what is refused holds the others up in nothing.
async fn several(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let chosen = posted.all(CHOSEN);
    if chosen.is_empty() {
        return Err(invalid(CHOSEN, "", seat.say("exceptions.choose")));
    }
    let key = posted.key().unwrap_or_else(|| seat.app().entropy.key());
    let (mut done, mut lines) = (0_usize, Vec::new());
    for text in chosen {
        let id = text.parse().map(ExceptionId);
        let id = id.map_err(|_| invalid(CHOSEN, text, "编号 a number"))?;
        let key = Some(format!("{key}-{id}"));
        let (app, caller) = (seat.app(), seat.caller());
        let result = match posted.text("act") {
            "confirm" => use_case::confirm(app, caller, id, key).await,
            _ => {
                let (how, note) = (resolution(&posted), posted.text("note"));
                use_case::propose(app, caller, id, &how, note, key).await
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
    let said = Notice {
        mood,
        title: seat.fill("exceptions.several-done", &values),
        lines,
    };
    let back = vec![link(seat.say("exceptions.back"), "/exceptions")];
    let page = Page::new(seat.say("nav.exceptions"), "")
        .with(Block::Notice(said))
        .with(Block::Links(back));
    Ok(page.into())
}

/// One exception with its notes, what can be done about it, and the next one that is open.
async fn show(seat: Seat) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let report = use_case::show(seat.app(), seat.caller(), id).await?;
    let one = &report.json;
    let state = one["state"].as_str().unwrap_or_default();
    let title = seat.fill("exceptions.one", &[("number", &id.to_string())]);
    let mut page = Page::new(title, seat.say("exceptions.one-lead"))
        .under(seat.say("nav.exceptions"), "/exceptions")
        .with(Block::Facts(facts(&seat, one)));
    page.badge = badge::of(state, seat.language);
    if seat.may(Action::ResolveException) && state != "settled" {
        if state == "proposed" && is_own(&seat, one) {
            page = page.with(notice("info", seat.say("proposals.own")));
        } else if state == "proposed" {
            let lead = seat.say("exceptions.confirm-lead");
            let confirm = Form::act(
                &seat,
                format!("/exceptions/{id}/confirm"),
                seat.say("exceptions.confirm"),
            );
            page = page.form(Some(confirm.saying(seat.say("exceptions.confirm"), lead)));
        }
        page = page.form(Some(propose_form(&seat, id, one)));
        let more = seat.say("exceptions.note").to_owned();
        page = page.with(Block::More(more, note_forms(&seat, id)));
    }
    if let Some(line) = report.tables.get(4) {
        page = page.with(Block::Grid(Box::new(Grid::of(&seat, line, 4, &[]).plain())));
    }
    if let Some(notes) = report.tables.get(1) {
        page = page.with(Block::Grid(Box::new(Grid::of(&seat, notes, 1, &[]))));
    }
    if let Some(what) = report.tables.get(3).filter(|what| !what.rows.is_empty()) {
        page = page.with(Block::Grid(Box::new(Grid::of(&seat, what, 3, &[]))));
    }
    Ok(page.with(Block::Links(ways(&seat, id, one).await?)).into())
}

/// Whether the caller was the last to act on it.
fn is_own(seat: &Seat, one: &Value) -> bool {
    one["last_by"] == seat.caller().user.id.get()
}

/// Owner, comment and evidence.
fn note_forms(seat: &Seat, id: ExceptionId) -> Vec<Form> {
    let act = |what: &str, key| {
        Form::act(seat, format!("/exceptions/{id}/{what}"), seat.say(key))
            .saying(seat.say(key), "")
            .plain()
    };
    let owner = field("owner", seat.say("exceptions.owner"));
    let text = field("text", seat.say("exceptions.comment")).kind(Kind::Area);
    let file = field("file", seat.say("exceptions.file"));
    let file = file.kind(Kind::File(".pdf,.jpg,.png,.xlsx,.txt,.csv,.xml"));
    let proves = field("text", seat.say("field.note")).optional();
    vec![
        act("assign", "exceptions.assign").field(seat, owner),
        act("comment", "exceptions.comment").field(seat, text),
        act("evidence", "exceptions.add-evidence")
            .field(seat, file)
            .field(seat, proves),
    ]
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
        Value::Null => "—".to_owned(),
        other => other.to_string(),
    };
    let payment = one["payment"].as_i64().filter(|payment| *payment > 0);
    let source = crate::app::exception::source_text(&text("source"), text("source_id"));
    let source = format!("{} · {}", word(&source, seat.language), text("line"));
    let mut facts = vec![
        fact(
            seat.say("exceptions.kind"),
            word(&text("kind_name"), seat.language),
        ),
        fact(seat.say("exceptions.detail"), text("detail")),
        fact(seat.say("field.amount"), fen(&one["amount_fen"])),
        fact(seat.say("exceptions.source"), source),
        fact(seat.say("exceptions.owner"), text("owner")),
        fact(seat.say("exceptions.due"), text("due_on")),
        fact(seat.say("exceptions.resolution"), text("resolution")),
        fact(seat.say("field.note"), text("note")),
        fact(seat.say("exceptions.effect"), text("effect")),
        fact(seat.say("exceptions.voucher"), text("voucher")),
    ];
    if let Some(payment) = payment {
        let mut shown = fact(seat.say("field.payment"), payment.to_string());
        shown.to = Some(format!("/trace/payment/{payment}"));
        facts.insert(3, shown);
    }
    facts
}

/// The resolutions that its kind offers, and what it is settled against.
fn propose_form(seat: &Seat, id: ExceptionId, one: &Value) -> Form {
    let now = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let (code, target) = match now("resolution").split_once(':') {
        Some((code, target)) => (code.to_owned(), target.to_owned()),
        None => (now("resolution"), String::new()),
    };
    let name = |code: &str| {
        let known = Resolution::from_code(code);
        known
            .map_or(code, |known| known.name(seat.language))
            .to_owned()
    };
    let offered = one["offered"].as_array().into_iter().flatten();
    let offered = offered.filter_map(Value::as_str);
    let choices = offered.map(|code| (code.to_owned(), name(code))).collect();
    let form = Form::act(
        seat,
        format!("/exceptions/{id}/propose"),
        seat.say("exceptions.propose"),
    );
    let how = field("resolution", seat.say("exceptions.resolution")).kind(Kind::Select(choices));
    let against = field("target", seat.say("exceptions.target")).value(target);
    let against = against.hint(seat.say("exceptions.target-hint"));
    let form = form
        .saying(
            seat.say("exceptions.propose"),
            seat.say("exceptions.propose-lead"),
        )
        .field(seat, how.value(code))
        .field(seat, against.optional())
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

/// The resolution as one text.
fn resolution(posted: &Posted) -> String {
    match posted.text("target").trim() {
        "" => posted.text("resolution").to_owned(),
        target => format!("{}:{target}", posted.text("resolution")),
    }
}

async fn ways(seat: &Seat, id: ExceptionId, one: &Value) -> Result<Vec<Link>, Error> {
    let mut ways = vec![link(seat.say("exceptions.back"), "/exceptions")];
    if let Some(next) = self::one(seat, ExceptionId(id.get() + 1), true).await? {
        let to = format!("/exceptions/{}", next["exception"]);
        ways.insert(0, link(seat.say("exceptions.next"), to));
    }
    match one["source"].as_str() {
        Some("return" | "notice") => ways.push(link(seat.say("nav.returns"), "/returns")),
        Some("statement") => {
            let to = format!("/statements/{}", one["source_id"]);
            ways.push(link(seat.say("nav.statements"), to));
        }
        _ => {}
    }
    Ok(ways)
}

async fn propose(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let (how, note) = (resolution(&posted), posted.text("note"));
    let done = use_case::propose(seat.app(), seat.caller(), id, &how, note, posted.key()).await?;
    Ok(Reply::Done(done, format!("/exceptions/{id}")))
}

async fn confirm(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let done = use_case::confirm(seat.app(), seat.caller(), id, posted.key()).await?;
    Ok(Reply::Done(done, format!("/exceptions/{id}")))
}
