//! Runs: the list, one page for each, and what is done to them.

use axum::Router;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;
use ledger_store::run::RunKind;

use super::page::{Block, Field, Form, Kind, Page, field};
use super::posted::{Posted, invalid};
use super::reply::{self, Reply};
use super::seat::Seat;
use super::tables;
use crate::app::run::{self as use_case, NewRun};
use crate::app::{Error, policy};
use crate::http::Server;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/", reply::get(list))
        .route("/runs", reply::get(list).merge(reply::post(create, list)))
        .route("/runs/{run}", reply::get(list))
}

async fn list(seat: Seat) -> Result<Reply, Error> {
    let report = use_case::list(seat.app(), seat.caller()).await?;
    let mut page = Page::new(seat.say("nav.runs"), seat.say("runs.lead"));
    if seat.may(Action::MakeRun) {
        let form = create_form(&seat).await?;
        page = page.with(Block::More(seat.say("runs.create").to_owned(), vec![form]));
    }
    tables::page(&seat, page, &report, &[])
}

/// The programs of the book, to choose from.
pub(super) async fn program_field(seat: &Seat) -> Result<Field, Error> {
    let report = policy::list_programs(seat.app(), seat.caller()).await?;
    let text =
        |value: &serde_json::Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let programs = report.json["programs"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let choices = programs
        .iter()
        .map(|one| (text(one, "code"), text(one, "name")));
    Ok(field("program", seat.say("field.program")).kind(Kind::Select(choices.collect())))
}

/// A month, this one when nothing was typed.
pub(super) fn month_field(seat: &Seat, name: &'static str, label: &'static str) -> Field {
    let now = Month::of(seat.app().clock.today()).to_string();
    field(name, seat.say(label))
        .kind(Kind::Line("month"))
        .hint(seat.say("field.month-hint"))
        .value(now)
}

async fn create_form(seat: &Seat) -> Result<Form, Error> {
    let kinds = ["regular", "back-pay", "re-pay"];
    let kinds = kinds.map(|kind| (kind.to_owned(), super::word(kind, seat.language)));
    let first = month_field(seat, "first", "field.first-month")
        .value("")
        .optional();
    Ok(Form::act(seat, "/runs", seat.say("runs.create"))
        .saying("", seat.say("runs.create-lead"))
        .field(seat, program_field(seat).await?)
        .field(seat, month_field(seat, "month", "field.month"))
        .field(
            seat,
            field("kind", seat.say("field.kind")).kind(Kind::Select(kinds.to_vec())),
        )
        .field(seat, first))
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
