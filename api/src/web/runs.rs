//! Runs: the list, one page for each with all that is needed to say yes or no, and its payments.

mod act;

use axum::Router;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger::disbursement::workflow::{RunEvent, RunState};
use ledger::id::RunId;
use ledger::money::Fen;
use ledger_store::run::{Run, RunKind};
use serde_json::Value;

use super::grid::Grid;
use super::page::{Block, Field, Figure, Form, Kind, Link, Notice, Page, Step, field, link};
use super::picture::{Node, flow};
use super::posted::{Posted, invalid};
use super::reply::{self, Reply};
use super::seat::Seat;
use super::{badge, fen, kept, months, tables};
use crate::app::run::{self as use_case, NewRun};
use crate::app::view::Table;
use crate::app::waiting::{self, Turn};
use crate::app::{Error, clash, clock, funding, policy, publication, release, report};
use crate::http::Server;

/// Payments on a page of a run, and findings.
const LINES: i64 = 100;
/// The place of the table of files on the page of a run.
const FILES: usize = 8;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/runs", reply::get(list).merge(reply::post(create, list)))
        .route("/runs/{run}", reply::get(show))
        .route("/runs/{run}/lines", reply::get(lines))
        .route("/runs/{run}/findings", reply::get(findings))
        .route("/runs/{run}/triplicate", reply::get(triplicate))
        .route("/runs/{run}/published", reply::get(published))
        .route("/runs/{run}/{step}", reply::post(act::take, show))
}

/// The number of the run in the address.
fn number(seat: &Seat) -> Result<RunId, Error> {
    let text = seat.place("run");
    let known = text.parse().ok().filter(|number| *number > 0);
    known
        .map(RunId)
        .ok_or_else(|| crate::app::not_found("批次 run", text))
}

async fn list(seat: Seat) -> Result<Reply, Error> {
    let mut report = use_case::list(seat.app(), seat.caller()).await?;
    // The newest run is the one that people come for.
    report
        .tables
        .iter_mut()
        .for_each(|table| table.rows.reverse());
    let mut page = Page::new(seat.say("nav.runs"), seat.say("runs.lead"));
    if seat.may(Action::MakeRun) {
        let form = create_form(&seat).await?;
        let title = seat.say("runs.create").to_owned();
        page = page.with(match seat.refused.is_some() || seat.get("new").is_some() {
            true => Block::Form(Box::new(form)),
            false => Block::More(title, vec![form]),
        });
    }
    tables::page(&seat, page, &report, &[])
}

/// The programs of the book, to choose from.
pub(super) async fn program_field(seat: &Seat) -> Result<Field, Error> {
    let report = policy::list_programs(seat.app(), seat.caller()).await?;
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let programs = report.json["programs"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let choices = programs
        .iter()
        .map(|one| (text(one, "id"), text(one, "name")));
    let given = seat.get("program").unwrap_or_default();
    Ok(field("program", seat.say("field.program"))
        .kind(Kind::Select(choices.collect()))
        .value(given))
}

/// A month; this one when nothing was typed and the address names none.
pub(super) fn month_field(seat: &Seat, name: &'static str, label: &'static str) -> Field {
    let now = Month::of(seat.app().clock.today()).to_string();
    field(name, seat.say(label))
        .kind(Kind::Line("month"))
        .hint(seat.say("field.month-hint"))
        .value(seat.get(name).unwrap_or(&now))
}

async fn create_form(seat: &Seat) -> Result<Form, Error> {
    let kinds = ["regular", "back-pay", "re-pay"];
    let kinds = kinds.map(|kind| (kind.to_owned(), super::word(kind, seat.language)));
    let kind = field("kind", seat.say("field.kind")).kind(Kind::Select(kinds.to_vec()));
    let first = month_field(seat, "first", "field.first-month")
        .value("")
        .optional();
    Ok(Form::act(seat, "/runs", seat.say("runs.create"))
        .saying("", seat.say("runs.create-lead"))
        .field(seat, program_field(seat).await?)
        .field(seat, month_field(seat, "month", "field.month"))
        .field(seat, kind.value(seat.get("kind").unwrap_or("regular")))
        .field(seat, first.hint(seat.say("runs.first-hint"))))
}

async fn create(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let wanted = seat.say("field.month-hint");
    let kind = posted.text("kind");
    let new = NewRun {
        program: posted.text("program").to_owned(),
        kind: RunKind::from_code(kind).ok_or_else(|| invalid("kind", kind, "regular"))?,
        month: posted.parse("month", wanted)?,
        first: posted.parse_optional("first", wanted)?,
    };
    let done = use_case::create(seat.app(), seat.caller(), &new, posted.key()).await?;
    let to = match done.answer["run"].as_i64() {
        Some(run) => format!("/runs/{run}"),
        None => "/runs".to_owned(),
    };
    Ok(Reply::Done(done, to))
}

/// One run: totals, whose turn it is, the way it went, what the check found, money, publication.
async fn show(seat: Seat) -> Result<Reply, Error> {
    let (app, caller, id) = (seat.app(), seat.caller(), number(&seat)?);
    let run = use_case::show(app, caller, id).await?;
    let turn = waiting::turn(app, caller, id).await?;
    let before = waiting::before(app, caller, id).await?;
    let checked = clash::findings(app, caller, id, 1).await?;
    let notice = publication::show(app, caller, id).await?;
    let json = &run.json;
    let state = json["state"]
        .as_str()
        .and_then(RunState::from_code)
        .unwrap_or(RunState::Draft);
    let program = name_of(&seat, json["program"].as_str().unwrap_or_default()).await?;
    let month = json["month"].as_str().unwrap_or_default();
    let kind = super::word(json["kind"].as_str().unwrap_or_default(), seat.language);
    let mut page = Page::new(
        format!("{id} · {program} {month} {kind}"),
        lead(&seat, turn.as_ref()),
    )
    .under(seat.say("nav.runs"), "/runs")
    .with(Block::Strip(strip(&seat, json, state)))
    .with(Block::Figures(figures(
        &seat,
        json,
        before.as_ref(),
        &checked.json,
    )));
    page.badge = badge::of(state.name(), seat.language);
    let facts = act::Facts {
        id,
        state,
        program: &program,
        json,
        checks: &checked.json,
        publication: &notice.json,
    };
    page = act::offer(&seat, page, &facts, turn.as_ref());
    page.blocks.extend(files(&seat, id, state).await?);
    page.blocks
        .extend(picture(&seat, json, &program, month).await?);
    let money = funding::show(app, caller, id).await;
    let mut parts = vec![
        checked.tables.into_iter().next(),
        notice.tables.into_iter().next(),
    ];
    match money {
        Ok(money) => parts.extend(money.tables.into_iter().take(1).map(Some)),
        // A program without a funding rule is told where money is needed.
        Err(Error::Refused { .. }) => {}
        Err(error) => return Err(error),
    }
    page.blocks.extend(found(&seat, state, &parts));
    let steps = run
        .tables
        .get(1)
        .map(|table| Grid::of(&seat, table, 9, &[]).plain());
    page.blocks
        .extend(steps.map(|grid| Block::Grid(Box::new(grid))));
    Ok(page
        .with(Block::Links(ways(&seat, id, json, &notice.json)))
        .into())
}

/// What the check found, what is published and where the money comes from.
fn found(seat: &Seat, state: RunState, parts: &[Option<Table>]) -> Vec<Block> {
    let none = match state {
        RunState::Draft => "run.not-checked",
        _ => "run.no-findings",
    };
    let grid = |(place, table): (usize, &Table)| {
        let grid = Grid::of(seat, table, place, &[]).plain();
        let grid = match place {
            0 => grid.or_else(seat.say(none)),
            _ => grid,
        };
        Block::Grid(Box::new(grid))
    };
    parts.iter().flatten().enumerate().map(grid).collect()
}

/// The files that the run has made for the bank, to be fetched by who may send them.
async fn files(seat: &Seat, id: RunId, state: RunState) -> Result<Option<Block>, Error> {
    let made = [RunState::Released, RunState::Settled, RunState::Closed];
    if !made.contains(&state) {
        return Ok(None);
    }
    let report = release::batches_of(seat.app(), seat.caller(), id).await?;
    let mut grid = match report.tables.first() {
        Some(table) => Grid::of(seat, table, FILES, &[]).plain(),
        None => return Ok(None),
    };
    if seat.may(Action::ReleaseRun) {
        for row in &mut grid.rows {
            let batch = row.first().map(|cell| cell.text.clone());
            if let (Some(batch), Some(file)) = (batch, row.get_mut(1)) {
                file.link = Some(format!("/batches/{batch}/file"));
            }
        }
    }
    Ok(Some(Block::Grid(Box::new(grid))))
}

/// The name of a program.
pub(super) async fn name_of(seat: &Seat, code: &str) -> Result<String, Error> {
    let report = policy::list_programs(seat.app(), seat.caller()).await?;
    let programs = report.json["programs"].as_array();
    let found = programs.and_then(|all| all.iter().find(|one| one["id"] == code));
    Ok(found
        .and_then(|one| one["name"].as_str())
        .unwrap_or(code)
        .to_owned())
}

/// Whose turn it is.
fn lead(seat: &Seat, turn: Option<&Turn>) -> String {
    let Some(turn) = turn else {
        return seat.say("run.over").to_owned();
    };
    let Some(step) = turn.step else {
        return seat.fill(
            "run.waits-bank",
            &[("count", &super::grouped(turn.unanswered))],
        );
    };
    let role = super::word(step.role.name(), seat.language);
    let event = super::word(step.event.name(), seat.language);
    let values = [("role", role.as_str()), ("event", event.as_str())];
    match turn.mine {
        true => seat.fill("run.your-turn", &values),
        false => seat.fill("run.their-turn", &values),
    }
}

/// The steps of the way with who did each, and the one that comes next.
fn strip(seat: &Seat, json: &Value, state: RunState) -> Vec<Step> {
    let way = [
        RunEvent::Create,
        RunEvent::Check,
        RunEvent::Submit,
        RunEvent::Review,
        RunEvent::Approve,
        RunEvent::Release,
        RunEvent::Close,
    ];
    let taken = json["steps"].as_array().cloned().unwrap_or_default();
    let next = waiting::next_step(state).map(|step| match step.event {
        RunEvent::Settle => RunEvent::Close,
        event => event,
    });
    let next = way.iter().position(|event| Some(*event) == next);
    let over = next.unwrap_or(if state == RunState::Discarded {
        0
    } else {
        way.len()
    });
    let step = |(place, event): (usize, &RunEvent)| {
        let done = taken.iter().rev().find(|one| one["event"] == event.code());
        let done = done.filter(|_| place < over);
        let text = |name: &str| done.and_then(|one| one[name].as_str()).unwrap_or_default();
        Step {
            name: super::word(event.name(), seat.language),
            who: text("by").to_owned(),
            at: china(text("at")),
            class: match Some(place) == next {
                true => "now",
                false if place < over => "done",
                false => "later",
            },
        }
    };
    way.iter().enumerate().map(step).collect()
}

/// A moment of the JSON as people in China read it.
pub(super) fn china(text: &str) -> String {
    let moment = chrono::DateTime::parse_from_rfc3339(text).ok();
    let moment = moment.map(|time| ledger::calendar::Moment(time.timestamp_micros()));
    moment.map_or_else(String::new, clock::china_time)
}

fn figures(seat: &Seat, json: &Value, before: Option<&Run>, checks: &Value) -> Vec<Figure> {
    let (payments, total) = (
        json["payments"].as_i64().unwrap_or(0),
        fen(&json["total_fen"]),
    );
    let (mut more, mut much) = (String::new(), String::new());
    if let Some(before) = before {
        let month = before.month.to_string();
        let signed = |text: String| {
            if text.starts_with('-') {
                text
            } else {
                format!("+{text}")
            }
        };
        let count = signed((payments - before.payments).to_string());
        let amount = json["total_fen"].as_i64().unwrap_or(0) - before.total.get();
        let amount = signed(Fen::new(amount).grouped());
        more = seat.fill("run.against", &[("month", &month), ("difference", &count)]);
        much = seat.fill("run.against", &[("month", &month), ("difference", &amount)]);
    }
    let of = |blocks: bool| -> i64 {
        let all = checks["checks"].as_array().into_iter().flatten();
        let those = all.filter(|one| one["blocks"].as_bool() == Some(blocks));
        those.filter_map(|one| one["findings"].as_i64()).sum()
    };
    let to = |part: &str| Some(format!("/runs/{}/{part}", json["run"]));
    let figure = |name, value: String, note: String, to| Figure {
        name: seat.say(name).to_owned(),
        value,
        note,
        to,
    };
    let found = format!("{} / {}", of(true), of(false));
    vec![
        figure("run.payments", super::grouped(payments), more, to("lines")),
        figure("run.total", total, much, to("lines")),
        figure(
            "run.findings",
            found,
            seat.say("run.findings-note").to_owned(),
            to("findings"),
        ),
        figure(
            "run.carried",
            fen(&json["carried_fen"]),
            String::new(),
            None,
        ),
    ]
}

/// The way of the program's money in the month of the run.
async fn picture(
    seat: &Seat,
    json: &Value,
    program: &str,
    month: &str,
) -> Result<Option<Block>, Error> {
    let Ok(parsed) = month.parse::<Month>() else {
        return Ok(None);
    };
    let code = json["program"].as_str().unwrap_or_default();
    let rates = report::success_cells(seat.app(), seat.caller(), parsed, parsed).await?;
    let programs = rates.json["programs"].as_array();
    let Some(rate) = programs.and_then(|all| all.iter().find(|one| one["id"] == code)) else {
        return Ok(None);
    };
    let columns = loop_columns(seat, &rate["success_rate"], program, month);
    let arrows = [
        [(0, 0), (1, 0)],
        [(1, 0), (2, 0)],
        [(1, 0), (2, 1)],
        [(1, 0), (2, 2)],
    ];
    Ok(Some(Block::Picture(flow(&columns, &arrows))))
}

/// Appropriations, what was sent, and what became of it.
fn loop_columns(seat: &Seat, rate: &Value, program: &str, month: &str) -> [Vec<Node>; 3] {
    let of = |count: &Value, fen: &Value| (count.as_i64().unwrap_or(0), fen.as_i64().unwrap_or(0));
    let last = &rate["final"];
    let (count, amount) = (&last["count"], &last["amount_fen"]);
    let paid = of(&count["paid"], &amount["paid"]);
    let answered = of(&count["attempted"], &amount["attempted"]);
    let waiting = of(&rate["pending"]["count"], &rate["pending"]["amount_fen"]);
    let node = |name, (count, sum): (i64, i64), to: &str, mood| Node {
        name: seat.say(name).to_owned(),
        value: Fen::new(sum).grouped(),
        note: seat.fill("loop.count", &[("count", &count.to_string())]),
        to: to.to_owned(),
        mood,
    };
    let funds = Node {
        name: seat.say("loop.funds").to_owned(),
        value: program.to_owned(),
        note: seat.say("loop.funds-note").to_owned(),
        to: "/funds".to_owned(),
        mood: "plain",
    };
    let sent = (answered.0 + waiting.0, answered.1 + waiting.1);
    let failed = (answered.0 - paid.0, answered.1 - paid.1);
    let rates = months(&[("from", month), ("to", month)]);
    let ends = vec![
        node(
            "loop.paid",
            paid,
            &format!("/reports/success-rate?{rates}"),
            "done",
        ),
        node("loop.failed", failed, "/repay", "bad"),
        node("loop.transit", waiting, "/returns", "go"),
    ];
    [
        vec![funds],
        vec![node("loop.sent", sent, "/batches", "plain")],
        ends,
    ]
}

/// Where to go from a run.
fn ways(seat: &Seat, id: RunId, json: &Value, publication: &Value) -> Vec<Link> {
    let to = |part: &str| format!("/runs/{id}/{part}");
    let mut ways = vec![link(seat.say("run.lines"), to("lines"))];
    let state = json["state"]
        .as_str()
        .and_then(RunState::from_code)
        .unwrap_or(RunState::Draft);
    let (program, month) = (json["program"].as_str(), json["month"].as_str());
    if let (Some(program), Some(Ok(month))) = (program, month.map(str::parse::<Month>)) {
        let (from, last) = (month.previous().to_string(), month.to_string());
        let query = months(&[("program", program), ("from", &from), ("to", &last)]);
        ways.push(link(
            seat.say("rosters.diff"),
            format!("/rosters/diff?{query}"),
        ));
    }
    if !matches!(
        state,
        RunState::Draft | RunState::Checked | RunState::Discarded
    ) {
        ways.push(link(seat.say("run.triplicate"), to("triplicate?as=pdf")));
    }
    if publication["from"].is_string() {
        ways.push(link(seat.say("run.published"), to("published")));
    }
    if matches!(
        state,
        RunState::Released | RunState::Settled | RunState::Closed
    ) {
        ways.push(link(seat.say("nav.returns"), "/returns"));
    }
    ways
}

/// The payments of a run by pages of the store, masked.
async fn lines(seat: Seat) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let title = seat.fill("run.lines-of", &[("run", &id.to_string())]);
    let mut page = Page::new(title, seat.say("run.lines-lead"))
        .under(seat.say("nav.runs"), "/runs")
        .under(&id.to_string(), &format!("/runs/{id}"));
    if seat.get("as").is_some() {
        let all = use_case::lines(seat.app(), seat.caller(), id, i64::MAX).await?;
        return tables::page(&seat, page, &all, &[]);
    }
    let from = seat
        .get("from")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let report = use_case::lines_page(
        seat.app(),
        seat.caller(),
        id,
        crate::app::exception::Page {
            after: from,
            limit: LINES,
        },
    )
    .await?;
    let Some(table) = report.tables.first() else {
        return Ok(page.into());
    };
    let mut grid = Grid::of(&seat, table, 0, &[]);
    grid.tools = false;
    let last = table.rows.last().filter(|_| table.rows.len() >= 100);
    grid.next = last
        .and_then(|row| row.first())
        .map(|last| seat.address(&[("from", Some(last.clone()))]));
    grid.first = (from > 0).then(|| seat.address(&[("from", None)]));
    page = page.with(Block::Figures(vec![
        total(
            &seat,
            "run.payments",
            super::count(&report.json["payments"]),
        ),
        total(&seat, "run.total", fen(&report.json["total_fen"])),
    ]));
    Ok(page.with(Block::Grid(Box::new(grid))).into())
}

fn total(seat: &Seat, name: &'static str, value: String) -> Figure {
    Figure {
        name: seat.say(name).to_owned(),
        value,
        note: String::new(),
        to: None,
    }
}

async fn findings(seat: Seat) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let report = clash::findings(seat.app(), seat.caller(), id, 10_000).await?;
    let title = seat.fill("run.findings-of", &[("run", &id.to_string())]);
    let page = Page::new(title, seat.say("run.findings-lead"))
        .under(seat.say("nav.runs"), "/runs")
        .under(&id.to_string(), &format!("/runs/{id}"));
    tables::page(&seat, page, &report, &[])
}

async fn triplicate(seat: Seat) -> Result<Reply, Error> {
    let id = number(&seat)?;
    if seat.get("as") == Some("pdf") {
        let form = report::triplicate(seat.app(), seat.caller(), id).await?;
        return tables::paper(&format!("三联单-{id}"), &crate::print::triplicate(&form)?);
    }
    let page =
        Page::new(seat.say("run.triplicate"), "").under(&id.to_string(), &format!("/runs/{id}"));
    let make = async {
        let form = report::triplicate(seat.app(), seat.caller(), id).await?;
        form.report()
    };
    let report = kept::report(&seat, &[], make).await?;
    tables::page(&seat, page, &report, &[])
}

async fn published(seat: Seat) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let given = |name: &str| seat.get(name).map(str::to_owned);
    let place = publication::Place {
        township: given("township"),
        village: given("village"),
    };
    let report = publication::report(seat.app(), seat.caller(), id, &place).await?;
    let page = Page::new(seat.say("run.published"), seat.say("run.published-lead"))
        .under(&id.to_string(), &format!("/runs/{id}"));
    tables::page(&seat, page, &report, &[])
}

/// Something to know.
pub(super) fn notice(mood: &'static str, title: impl Into<String>) -> Block {
    Block::Notice(Notice {
        mood,
        title: title.into(),
        lines: Vec::new(),
    })
}
