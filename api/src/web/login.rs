//! Signing in and out, and the language of the pages.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use ledger::problem::{Language, Problem};
use ledger_store::book;

use super::locale;
use super::page::{Block, Fault, Form, Frame, Kind, Method, Page, field, field_of};
use super::posted::{PROOF, Posted};
use super::reply::{self, bare_problem};
use super::seat::{self, Seat, encoded};
use crate::app::Error;
use crate::app::session::{self, Credentials};
use crate::http::Server;

/// How the token of somebody begins who has no session.
const DOOR: &str = "door-";

pub(super) fn router() -> Router<Server> {
    Router::new()
        .route("/login", get(show).post(sign_in))
        .route("/logout", post(sign_out))
        .route("/language", post(speak))
}

/// What the page of the log-in is to show.
struct Door<'a> {
    server: &'a Server,
    language: Language,
    /// The token that the browser keeps, which no session has yet.
    token: &'a str,
    to: &'a str,
    typed: Option<&'a Posted>,
    problem: Option<&'a Problem>,
}

async fn show(State(server): State<Server>, uri: Uri, headers: HeaderMap) -> Response {
    let query = seat::decoded(uri.query().unwrap_or_default());
    let asked = |name: &str| query.iter().find(|(known, _)| known == name);
    let language = match asked("lang") {
        Some((_, code)) => seat::language_of(code),
        None => Language::Zh,
    };
    let door = Door {
        server: &server,
        language,
        token: &fresh(&server, &headers),
        to: asked("to").map_or("/", |(_, to)| to.as_str()),
        typed: None,
        problem: None,
    };
    // Whoever is signed in and asks for this page wants to be somebody else.
    if let Ok(Some(_)) =
        session::resume(&server.app, &seat::kept(&headers).unwrap_or_default()).await
        && asked("again").is_none()
    {
        return Redirect::to("/").into_response();
    }
    door.open().await
}

/// A token for a form of somebody who has no session: the one that the browser has, so that two
/// tabs do not spoil each other's form.
fn fresh(server: &Server, headers: &HeaderMap) -> String {
    let known = seat::kept(headers).filter(|token| token.starts_with(DOOR));
    known.unwrap_or_else(|| format!("{DOOR}{}", server.app.entropy.key()))
}

impl Door<'_> {
    async fn open(&self) -> Response {
        let page = match self.page().await {
            Ok(page) => page,
            Err(error) => return bare_problem(&error, self.language),
        };
        let fault = self.problem.map(|problem| Fault {
            title: problem.title(self.language),
            code: problem.code().to_owned(),
            place: String::new(),
            next: problem.next_on_pages(self.language),
            field: None,
        });
        let drawn = reply::drawn(&Frame::alone(self.language), &page, fault.as_ref());
        let kept = seat::keep(self.server, Some(self.token));
        let mut response = ([kept], drawn).into_response();
        if let Some(problem) = self.problem {
            *response.status_mut() = crate::http::problem::status(problem.kind);
        }
        response
    }

    async fn page(&self) -> Result<Page, Error> {
        let mut tx = self.server.app.db.begin_read().await?;
        let books = book::books(&mut tx).await?;
        tx.rollback().await?;
        let say = |key| locale::say(self.language, key);
        let typed = |name| self.typed.map_or("", |typed| typed.text(name)).to_owned();
        let mut fields = Vec::new();
        if books.len() != 1 {
            let choices = books
                .iter()
                .map(|book| (book.code.clone(), book.name.clone()));
            let choice = field("book", say("login.book")).kind(Kind::Select(choices.collect()));
            fields.push(choice.value(typed("book")));
        }
        fields.push(field("login", say("login.login")).value(typed("login")));
        fields.push(
            field("password", say("login.password")).kind(Kind::Password("current-password")),
        );
        let code = field("code", say("login.code"))
            .hint(say("login.code-hint"))
            .optional();
        fields.push(code);
        if let Some(name) = self.problem.and_then(field_of) {
            for field in fields.iter_mut().filter(|field| field.name == name) {
                field.fault = self
                    .problem
                    .map(|one| one.next_on_pages(self.language))
                    .unwrap_or_default();
            }
        }
        let hidden = [
            (PROOF, seat::proof(self.token, "/login")),
            ("lang", session::code_of(self.language).to_owned()),
            ("to", self.to.to_owned()),
        ];
        let form = Form {
            id: String::new(),
            method: Method::Post,
            action: "/login".to_owned(),
            title: String::new(),
            lead: String::new(),
            fields,
            hidden: hidden
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            submit: say("login.submit").to_owned(),
            button: "primary",
            confirm: String::new(),
            optional: say("form.optional"),
        };
        let (other, name) = Frame::alone(self.language).other;
        let other = [
            ("lang".to_owned(), other.to_owned()),
            ("to".to_owned(), self.to.to_owned()),
        ];
        let page = Page::new(say("login.title"), say("login.lead"))
            .with(Block::Form(Box::new(form)))
            .with(Block::Links(vec![super::page::link(
                name,
                format!("/login?{}", encoded(&other)),
            )]));
        Ok(page)
    }
}

async fn sign_in(State(server): State<Server>, headers: HeaderMap, posted: Posted) -> Response {
    let language = seat::language_of(posted.text("lang"));
    let agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let agent = agent.unwrap_or_default().to_owned();
    let typed = posted.clone();
    let work = server.work(async move |app| {
        let book = app.book(posted.optional("book").as_deref()).await?;
        let given = Credentials {
            login: posted.text("login"),
            password: posted.secret("password"),
            code: Some(posted.text("code")),
        };
        session::begin(app, &book, given, (language, &agent)).await
    });
    let result = work.await;
    let to = local(typed.text("to"));
    let token = match result {
        Ok(token) => token,
        Err(Error::Refused { problem, .. }) => {
            let door = Door {
                server: &server,
                language,
                token: &fresh(&server, &headers),
                to: &to,
                typed: Some(&typed),
                problem: Some(&problem),
            };
            return door.open().await;
        }
        Err(error) => return bare_problem(&error, language),
    };
    ([seat::keep(&server, Some(&token))], Redirect::to(&to)).into_response()
}

/// An address of this server, and of no other.
pub(super) fn local(to: &str) -> String {
    let own = to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\r', '\n']);
    if own { to.to_owned() } else { "/".to_owned() }
}

async fn sign_out(seat: Seat, _: Posted) -> Response {
    let number = seat.live.session.number;
    match session::end(seat.app(), seat.caller(), number).await {
        Ok(_) => {
            seat.leave();
            let gone = seat::keep(&seat.server, None);
            ([gone], Redirect::to("/login")).into_response()
        }
        Err(error) => bare_problem(&error, seat.language),
    }
}

async fn speak(seat: Seat, posted: Posted) -> Response {
    let language = seat::language_of(posted.text("language"));
    match session::speak(seat.app(), &seat.live, language).await {
        Ok(()) => Redirect::to(&local(posted.text("to"))).into_response(),
        Err(error) => bare_problem(&error, seat.language),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_on_stays_here() {
        for (given, expected) in [
            ("/runs?q=1", "/runs?q=1"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(given), expected);
        }
    }
}
