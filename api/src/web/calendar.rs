//! The calendar of working days: which days of a year are holidays or made up for, by notice.

use axum::Router;
use ledger::calendar::Month;
use ledger::disbursement::role::Action;

use super::page::{Block, Form, Kind, Page, field};
use super::posted::Posted;
use super::reply::{self, Reply};
use super::reports::year_of;
use super::runs::notice;
use super::seat::Seat;
use super::tables;
use crate::app::Error;
use crate::app::calendar::{self, Source};
use crate::http::Server;

pub(super) fn router() -> Router<Server> {
    Router::new().route(
        "/calendar",
        reply::get(show).merge(reply::post(import, show)),
    )
}

async fn show(seat: Seat) -> Result<Reply, Error> {
    let now = Month::of(seat.app().clock.today()).year();
    let year = match seat.get("year") {
        Some(_) => year_of(&seat)?,
        None => now,
    };
    let report = calendar::list(seat.app(), seat.caller(), year).await?;
    let line = field("year", seat.say("field.year")).kind(Kind::Line("number"));
    let form = Form::ask(&seat, "/calendar", seat.say("reports.show"));
    let form = form.field(&seat, line.value(year.to_string()));
    let mut page =
        Page::new(seat.say("nav.calendar"), seat.say("calendar.lead")).form(Some(form.plain()));
    if report.json["loaded"] != true {
        page = page.with(notice("wait", seat.say("calendar.none")));
    }
    if seat.may(Action::ManagePolicy) {
        let shipped = field("shipped", seat.say("calendar.shipped"))
            .kind(Kind::Line("number"))
            .hint(seat.say("calendar.shipped-hint"))
            .value(year.to_string())
            .optional();
        let file = field("file", seat.say("calendar.file"))
            .kind(Kind::File(".toml,.csv,.xlsx"))
            .hint(seat.say("calendar.file-hint"))
            .optional();
        let form = Form::act(&seat, "/calendar", seat.say("calendar.import"))
            .saying("", seat.say("calendar.import-lead"))
            .field(&seat, shipped)
            .field(&seat, file)
            .plain();
        page = page.with(match seat.refused.is_some() {
            true => Block::Form(Box::new(form)),
            false => Block::More(seat.say("calendar.import").to_owned(), vec![form]),
        });
    }
    tables::page(&seat, page, &report, &[])
}

async fn import(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let source = match posted.file("file") {
        Ok(upload) => Source {
            file_name: upload.name.clone(),
            bytes: upload.bytes.clone(),
        },
        Err(_) => Source::shipped(posted.parse("shipped", "2022")?)?,
    };
    let done = calendar::import(seat.app(), seat.caller(), &source, posted.key()).await?;
    Ok(Reply::Done(done, "/calendar".to_owned()))
}
