//! What a person keeps of their own: password, second factor, sessions.

use axum::Router;
use ledger::problem::{Kind as Refusal, Problem};
use ledger_store::session::FactorState;
use serde_json::Value;

use super::grid::Grid;
use super::page::{Block, Form, Kind, Page, fact, field};
use super::posted::{Posted, invalid};
use super::reply::{self, Reply};
use super::seat::Seat;
use crate::app::session;
use crate::app::{Error, users};
use crate::http::Server;

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/me", reply::get(show))
        .route(
            "/me/password",
            reply::get(password).merge(reply::post(set_password, password)),
        )
        .route("/me/factor", reply::post(offer, show))
        .route("/me/factor/confirm", reply::post(confirm, show))
        .route("/me/sessions/end", reply::post(end, show))
}

async fn show(seat: Seat) -> Result<Reply, Error> {
    let user = &seat.caller().user;
    let factor = session::factor(seat.app(), seat.caller()).await?;
    let report = session::list(seat.app(), seat.caller()).await?;
    let roles: Vec<String> = user
        .roles
        .iter()
        .map(|role| super::word(role.name(), seat.language))
        .collect();
    let state = match factor {
        FactorState::On => "me.factor-on",
        FactorState::Off | FactorState::Shown => "me.factor-off",
    };
    let mut page = Page::new(seat.say("me.title"), seat.say("me.lead"))
        .with(Block::Facts(vec![
            fact(seat.say("me.login"), &user.login),
            fact(seat.say("me.name"), &user.name),
            fact(seat.say("me.roles"), roles.join("、")),
            fact(seat.say("me.factor"), seat.say(state)),
        ]))
        .with(Block::Links(vec![super::page::link(
            seat.say("me.change-password"),
            "/me/password",
        )]));
    if factor != FactorState::On {
        let offer = Form::act(&seat, "/me/factor", seat.say("me.factor-offer"))
            .saying(seat.say("me.factor"), seat.say("me.factor-lead"))
            .plain();
        page = page.with(Block::Form(Box::new(offer)));
    }
    for table in &report.tables {
        let grid = Grid::of(&seat, table, 0, &[]).plain();
        page = page.with(Block::Grid(Box::new(grid)));
    }
    Ok(page.form(end_form(&seat, &report.json)).into())
}

/// Ends one of the sessions but this one, which ends by signing out.
pub(super) fn end_form(seat: &Seat, sessions: &Value) -> Option<Form> {
    let sessions = sessions["sessions"].as_array().into_iter().flatten();
    let others = sessions.filter(|one| one["own"] != true);
    let choices: Vec<(String, String)> = others
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or_default();
            let number = one["session"].to_string();
            let begun = super::runs::china(text("begun"));
            (
                number.clone(),
                format!("{number} · {} · {begun}", text("user")),
            )
        })
        .collect();
    (!choices.is_empty()).then(|| {
        let session = field("session", seat.say("me.session")).kind(Kind::Select(choices));
        Form::act(seat, "/me/sessions/end", seat.say("me.end"))
            .saying(seat.say("me.end-title"), seat.say("me.end-lead"))
            .field(seat, session)
            .plain()
    })
}

async fn password(seat: Seat) -> Result<Reply, Error> {
    let lead = match seat.live.must_change {
        true => seat.say("me.must-change"),
        false => seat.say("me.password-lead"),
    };
    let secret = |name, key, complete| field(name, seat.say(key)).kind(Kind::Password(complete));
    let mut new = secret("new", "me.password-new", "new-password");
    let minimum = users::PASSWORD_MIN.to_string();
    new.hint = seat.fill("me.password-hint", &[("min", &minimum)]);
    let form = Form::act(&seat, "/me/password", seat.say("me.change-password"))
        .field(&seat, secret("now", "me.password-now", "current-password"))
        .field(&seat, new)
        .field(&seat, secret("again", "me.password-again", "new-password"));
    let page = Page::new(seat.say("me.change-password"), lead).under(seat.say("me.title"), "/me");
    Ok(page.with(Block::Form(Box::new(form))).into())
}

async fn set_password(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let (caller, new) = (seat.caller(), posted.secret("new"));
    if new != posted.secret("again") {
        return Err(invalid("again", "", seat.say("me.password-differs")));
    }
    if new == posted.secret("now") {
        return Err(Problem::new(Refusal::PasswordGuessable)
            .with("reason", seat.say("me.password-same"))
            .with("field", "new")
            .into());
    }
    let login = caller.user.login.clone();
    session::confirm_password(seat.app(), caller, posted.secret("now")).await?;
    let done = users::set_password(seat.app(), caller, &login, new, posted.key()).await?;
    Ok(Reply::Done(done, "/me".to_owned()))
}

async fn offer(seat: Seat, _: Posted) -> Result<Reply, Error> {
    let secret = session::offer_factor(seat.app(), seat.caller()).await?;
    let groups: Vec<&str> = secret
        .as_bytes()
        .chunks(4)
        .filter_map(|g| str::from_utf8(g).ok())
        .collect();
    let form = Form::act(&seat, "/me/factor/confirm", seat.say("me.factor-confirm"))
        .field(&seat, field("code", seat.say("login.code")));
    let page = Page::new(seat.say("me.factor"), seat.say("me.factor-secret-lead"))
        .under(seat.say("me.title"), "/me")
        .with(Block::Facts(vec![fact(
            seat.say("me.factor-secret"),
            groups.join(" "),
        )]))
        .with(Block::Form(Box::new(form)));
    Ok(page.into())
}

async fn confirm(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let done = session::confirm_factor(seat.app(), seat.caller(), posted.text("code")).await?;
    Ok(Reply::Done(done, "/me".to_owned()))
}

async fn end(seat: Seat, posted: Posted) -> Result<Reply, Error> {
    let number = posted.parse("session", seat.say("me.session-wanted"))?;
    let done = session::end(seat.app(), seat.caller(), number).await?;
    Ok(Reply::Done(done, "/me".to_owned()))
}
