//! A bank file looked at: which layout it has, its lines masked, its totals, its findings. Nothing
//! is taken in.

use axum::Router;
use ledger::disbursement::role::Action;

use super::banks::profile_field;
use super::grid::Grid;
use super::page::{Block, Form, Kind, Page, field};
use super::posted::Posted;
use super::reply::{self, Reply};
use super::seat::Seat;
use crate::app::{Error, release};
use crate::cli::bank_file;
use crate::http::Server;

/// Lines of a file on a page.
const LINES: usize = 100;

pub(super) fn router() -> Router<Server> {
    Router::new().route(
        "/bank-files",
        reply::get(ask).merge(reply::post(inspect, ask)),
    )
}

async fn ask(seat: Seat) -> Result<Reply, Error> {
    let page = Page::new(seat.say("inspect.title"), seat.say("inspect.lead"));
    Ok(page.form(Some(form(&seat))).into())
}

fn form(seat: &Seat) -> Form {
    let file = field("file", seat.say("inspect.file"));
    let file = file.kind(Kind::File(".txt,.csv,.xls,.xlsx,.xml,.ret,.bpt,.bxt,.gbpt"));
    Form::act(seat, "/bank-files", seat.say("inspect.look"))
        .field(seat, file)
        .field(seat, profile_field(seat, None))
}

async fn inspect(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let app = seat.app();
    let tx = app.read(seat.caller(), Action::ReadReports).await?;
    tx.rollback().await?;
    let file = posted.file("file")?;
    let wanted = posted.optional("profile");
    let wanted = wanted
        .map(|id| release::profile(app, &id).cloned())
        .transpose()?;
    let of = (file.name.as_str(), file.bytes.as_slice());
    let report = bank_file::inspect_bytes(of, &app.profiles, wanted, LINES, seat.language)?;
    let title = seat.fill("inspect.of", &[("file", &file.name)]);
    let mut page = Page::new(title, seat.say("inspect.of-lead"))
        .under(seat.say("inspect.title"), "/bank-files");
    for (place, table) in report.tables.iter().enumerate() {
        let grid = Grid::of(&seat, table, place, &[]).plain();
        page = page.with(Block::Grid(Box::new(grid)));
    }
    Ok(page.form(Some(form(&seat))).into())
}
