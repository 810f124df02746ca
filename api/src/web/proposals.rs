//! What takes two people: each proposal with its page, on which another person confirms it or
//! turns it down.

use axum::Router;
use ledger::id::ProposalId;

use super::badge;
use super::page::{Block, Form, Kind, Notice, Page, fact, field, link};
use super::posted::Posted;
use super::reply::{self, Reply};
use super::runs::notice;
use super::seat::Seat;
use super::{grid, tables};
use crate::app::proposal::{self, Pending};
use crate::app::{Error, not_found};
use crate::http::Server;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/proposals", reply::get(list))
        .route("/proposals/{proposal}", reply::get(show))
        .route("/proposals/{proposal}/confirm", reply::post(confirm, show))
        .route("/proposals/{proposal}/reject", reply::post(reject, show))
}

async fn list(seat: Seat) -> Result<Reply, Error> {
    let report = proposal::list(seat.app(), seat.caller()).await?;
    let page = Page::new(seat.say("proposals.title"), seat.say("proposals.lead"));
    tables::page(&seat, page, &report, &[])
}

fn number(seat: &Seat) -> Result<ProposalId, Error> {
    let text = seat.place("proposal");
    let known = text.parse().map(ProposalId);
    known.map_err(|_| not_found("提议 proposal", text))
}

/// One proposal: what it asks, who asks it, and the two answers.
async fn show(seat: Seat) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let report = proposal::list(seat.app(), seat.caller()).await?;
    let rows = report.json["proposals"].as_array().into_iter().flatten();
    let place = rows.map(|one| &one["proposal"]);
    let place = place.clone().position(|one| *one == id.get());
    let table = report.tables.first();
    let row = table.zip(place).and_then(|(table, place)| {
        let row = table.rows.get(place)?;
        Some((table, row))
    });
    let (table, row) = row.ok_or_else(|| not_found("提议 proposal", id))?;
    let facts = table.columns.iter().zip(row).map(|(column, cell)| {
        let head = column.head.get(seat.language);
        fact(head, grid::shown(column, cell, seat.language))
    });
    let title = seat.fill("proposals.one", &[("number", &id.to_string())]);
    let mut page = Page::new(title, seat.say("proposals.one-lead"))
        .under(seat.say("proposals.title"), "/proposals")
        .with(Block::Facts(facts.collect()));
    page.badge = row.get(4).and_then(|state| badge::of(state, seat.language));
    let pending = proposal::pending(seat.app(), seat.caller()).await?;
    let Some(one) = pending.into_iter().find(|one| one.id == id) else {
        return Ok(page.into());
    };
    if one.own {
        page = page.with(notice("info", seat.say("proposals.own")));
    } else if one.may {
        let to = format!("/proposals/{id}/confirm");
        let form = Form::act(&seat, to, seat.say("proposals.confirm"))
            .saying(seat.say("proposals.confirm"), text_of(&seat, &one));
        page = page.form(Some(form));
    }
    if one.may {
        let to = format!("/proposals/{id}/reject");
        let reason = field("reason", seat.say("field.reason")).kind(Kind::Area);
        let form = Form::act(&seat, to, seat.say("proposals.reject"))
            .saying(
                seat.say("proposals.reject"),
                seat.say("proposals.reject-lead"),
            )
            .field(&seat, reason)
            .plain();
        page = page.form(Some(form));
    }
    Ok(page.into())
}

/// What is asked, in the language of the page.
pub(super) fn text_of(seat: &Seat, one: &Pending) -> String {
    let what = super::word(one.what, seat.language);
    let asked = super::said_once(&one.content, seat.language);
    format!("{what} · {asked}")
}

/// Says what of these waits for a second person, with the way there; nothing when nothing does.
pub(super) async fn waiting(
    seat: &Seat,
    wanted: fn(&Pending, i64) -> bool,
    about: i64,
) -> Result<Option<Block>, Error> {
    let mut pending = proposal::pending(seat.app(), seat.caller()).await?;
    pending.retain(|one| wanted(one, about));
    let lines = pending.iter().map(|one| {
        let text = format!("{} · {}", text_of(seat, one), one.by);
        link(text, format!("/proposals/{}", one.id))
    });
    let notice = Notice {
        mood: "wait",
        title: seat.say("proposals.waiting").to_owned(),
        lines: lines.collect(),
    };
    Ok((!notice.lines.is_empty()).then_some(Block::Notice(notice)))
}

async fn confirm(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let done = proposal::confirm(seat.app(), seat.caller(), id, posted.key()).await?;
    Ok(Reply::Done(done, format!("/proposals/{id}")))
}

async fn reject(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let id = number(&seat)?;
    let reason = posted.text("reason");
    let done = proposal::reject(seat.app(), seat.caller(), id, reason, posted.key()).await?;
    Ok(Reply::Done(done, format!("/proposals/{id}")))
}
