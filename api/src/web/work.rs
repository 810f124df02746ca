//! Long work: what was asked for, how far it is, calling it off, the file that it made; and the
//! evidence that an auditor takes away.

use axum::Router;
use ledger::disbursement::role::Action;
use ledger::id::{JobId, RunId};
use ledger::problem::Language;
use serde_json::{Value, json};

use super::badge;
use super::grid::Grid;
use super::page::{Block, Form, Page, fact, link};
use super::posted::{Posted, Upload};
use super::reply::{self, Reply, facts};
use super::runs::china;
use super::seat::Seat;
use crate::app::exception::Page as Rows;
use crate::app::job::{self, Wanted};
use crate::app::{Error, audit, not_found, run};
use crate::http::Server;

/// Jobs on a page.
const JOBS: i64 = 100;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/jobs", reply::get(list))
        .route("/jobs/{job}", reply::get(show))
        .route("/jobs/{job}/cancel", reply::post(cancel, show))
        .route("/jobs/{job}/file", reply::get(file))
        .route(
            "/audit/evidence",
            reply::get(evidence).merge(reply::post(ask, evidence)),
        )
}

/// Files larger than this are taken in as jobs: about 10,000 rows.
const LARGE_BYTES: usize = 1024 * 1024;
/// Runs of more payments than this are worked on as jobs.
const MANY_PAYMENTS: i64 = 20_000;

/// Whether a file is taken in while its officer does something else.
pub(super) fn is_large(upload: &Upload) -> bool {
    upload.bytes.len() > LARGE_BYTES
}

/// Whether a run is worked on while its officer does something else.
///
/// # Errors
/// When the run is not there.
pub(super) async fn has_many(seat: &Seat, run: RunId) -> Result<bool, Error> {
    let shown = run::show(seat.app(), seat.caller(), run).await?;
    Ok(shown.json["payments"].as_i64() > Some(MANY_PAYMENTS))
}

/// Asks for a job, whose page then says how far it is.
///
/// # Errors
/// As [`job::add`].
pub(super) async fn later(
    seat: &Seat,
    wanted: Wanted,
    key: Option<String>,
) -> Result<Reply, Error> {
    let done = job::add(seat.app(), seat.caller(), wanted, key).await?;
    let to = format!("/jobs/{}", done.answer["job"]);
    Ok(Reply::Done(done, to))
}

fn number(seat: &Seat) -> Result<JobId, Error> {
    let text = seat.place("job");
    text.parse()
        .map(JobId)
        .map_err(|_| not_found("任务 job", text))
}

async fn list(seat: Seat) -> Result<Reply, Error> {
    let after = seat.get("place").and_then(|text| text.parse().ok());
    let rows = Rows {
        after: after.unwrap_or(0),
        limit: JOBS,
    };
    let report = job::list(seat.app(), seat.caller(), rows).await?;
    let mut page = Page::new(seat.say("nav.jobs"), seat.say("jobs.lead"));
    for table in &report.tables {
        let mut grid = Grid::of(&seat, table, 0, &[]).plain();
        let jobs = report.json["jobs"].as_array().into_iter().flatten();
        for (row, job) in grid.rows.iter_mut().zip(jobs) {
            let kind = job["kind"].as_str().unwrap_or_default();
            if let (true, Some(cell)) = (job::may_see(seat.caller(), kind), row.first_mut()) {
                cell.link = Some(format!("/jobs/{}", job["job"]));
            }
        }
        let next = report.json["next"].as_i64();
        grid.next = next.map(|next| seat.address(&[("place", Some(next.to_string()))]));
        grid.first = after.map(|_| seat.address(&[("place", None)]));
        page = page.with(Block::Grid(Box::new(grid)));
    }
    Ok(page.into())
}

async fn show(seat: Seat) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let report = job::show(seat.app(), seat.caller(), id).await?;
    let json = &report.json;
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let title = seat.fill("jobs.one", &[("job", &id.to_string())]);
    let mut page = Page::new(title, seat.say("jobs.one-lead")).under(seat.say("nav.jobs"), "/jobs");
    page.badge = badge::of(&text("state"), seat.language);
    let (done, of) = (
        json["rows"]["done"].to_string(),
        json["rows"]["of"].to_string(),
    );
    let far = match of.as_str() {
        // Nobody knows how much it is.
        "0" => done,
        _ => format!("{done} / {of}"),
    };
    page = page.with(Block::Facts(vec![
        fact(
            seat.say("jobs.kind"),
            super::word(&text("kind"), seat.language),
        ),
        fact(seat.say("jobs.far"), far),
        fact(seat.say("jobs.asked"), china(&text("asked"))),
        fact(seat.say("jobs.ended"), china(&text("ended"))),
    ]));
    if !json["answer"].is_null() {
        page = page.with(Block::Heading(seat.say("jobs.answer").to_owned()));
        page = told(&seat, page, &json["answer"]);
    }
    let mut ways = Vec::new();
    let is_over = json["over"] == true;
    page.goes_on = !is_over;
    if !is_over {
        ways.push(link(seat.say("jobs.again"), seat.path.clone()));
        let cancel = Form::act(&seat, format!("/jobs/{id}/cancel"), seat.say("jobs.cancel"));
        page = page.form(Some(
            cancel.saying("", seat.say("jobs.cancel-lead")).plain(),
        ));
    }
    if is_over && text("kind") == "audit.export" && text("state") == "done" {
        ways.push(link(seat.say("jobs.file"), format!("/jobs/{id}/file")));
    }
    Ok(page.with(Block::Links(ways)).into())
}

/// What a job came to; a refusal in the language of the page, with what was found in a file.
fn told(seat: &Seat, page: Page, answer: &Value) -> Page {
    let code = match seat.language {
        Language::Zh => "zh",
        Language::En => "en",
    };
    let said = &answer[code];
    if !said.is_object() {
        return page.with(Block::Facts(facts(answer, seat.language)));
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = |key| seat.say(key).trim_end_matches([':', '\u{ff1a}', ' ']);
    let page = page.with(Block::Facts(vec![
        fact(name("problem.title"), text(&said["title"])),
        fact(name("problem.next"), text(&said["next"])),
        fact(name("problem.code"), text(&answer["code"])),
    ]));
    let mut table = super::finding_table(&[], seat.language);
    for one in answer["findings"].as_array().into_iter().flatten() {
        let place = &one["where"];
        let column = match place["column"].is_null() {
            true => &place["field"],
            false => &place["column"],
        };
        let row = place["row"].as_i64().map(|row| row.to_string());
        table.row([
            text(&one["code"]),
            text(&place["sheet"]),
            row.unwrap_or_default(),
            text(column),
            text(&place["value"]),
            text(&one[code]),
        ]);
    }
    if table.rows.is_empty() {
        return page;
    }
    page.with(Block::Grid(Box::new(
        Grid::of(seat, &table, 0, &[]).plain(),
    )))
}

async fn cancel(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let done = job::cancel(seat.app(), seat.caller(), id, posted.key()).await?;
    Ok(Reply::Done(done, format!("/jobs/{id}")))
}

async fn file(seat: Seat) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let (name, bytes) = job::file(seat.app(), seat.caller(), id).await?;
    Ok(Reply::File(name, "application/octet-stream", bytes))
}

/// What an auditor takes away: the trail with every sealed row, to be verified elsewhere.
async fn evidence(seat: Seat) -> Result<Reply, Error> {
    let newest = audit::log(seat.app(), seat.caller(), i64::MAX, 1).await?;
    let head = &newest.json["head"];
    let mut page =
        Page::new(seat.say("nav.evidence"), seat.say("evidence.lead")).with(Block::Facts(vec![
            fact(seat.say("evidence.size"), head["size"].to_string()),
            fact(
                seat.say("evidence.root"),
                head["root"].as_str().unwrap_or_default(),
            ),
        ]));
    if seat.may(Action::ReadAudit) {
        let form = Form::act(&seat, "/audit/evidence", seat.say("evidence.export"));
        page = page.form(Some(form.saying("", seat.say("evidence.export-lead"))));
    }
    Ok(page
        .with(Block::Links(vec![
            link(seat.say("nav.verify"), "/audit/verify"),
            link(seat.say("nav.jobs"), "/jobs"),
        ]))
        .into())
}

async fn ask(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let wanted = Wanted::new("audit.export", json!({}));
    later(&seat, wanted, posted.key()).await
}
