//! Who sits at the browser: the session behind a request, what the address says, and the proof
//! that a form comes from a page of ours.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use ledger::audit::hex::{document_hash, encode};
use ledger::disbursement::role::{Action, may};
use ledger::problem::{Language, Problem};

use super::locale;
use super::posted::{Posted, Upload};
use super::reply;
use crate::app::session::{self, Live};
use crate::app::{App, Caller};
use crate::http::Server;

/// The cookie that holds a session's token.
pub(crate) const COOKIE: &str = "huimin_session";
/// Hex digits of a form's token: 128 bits.
const PROOF_DIGITS: usize = 32;

/// A signed-in person's request.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The server.
    pub server: Server,
    /// The session.
    pub live: Live,
    /// The language of its pages.
    pub language: Language,
    /// The path of the address.
    pub path: String,
    /// The query of the address, decoded, in order.
    pub query: Vec<(String, String)>,
    /// A form that was refused and is shown again.
    pub refused: Option<Refused>,
    token: String,
    places: Vec<(String, String)>,
}

/// A form that was refused: where it was sent, what was typed, and why.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The address that it was sent to.
    pub action: String,
    /// What was typed.
    pub posted: Posted,
    /// Why.
    pub problem: Problem,
}

impl Seat {
    /// The program.
    pub fn app(&self) -> &App {
        &self.server.app
    }

    /// Who acts.
    pub fn caller(&self) -> &Caller {
        &self.live.caller
    }

    /// Whether the caller may do this.
    pub fn may(&self, action: Action) -> bool {
        may(&self.live.caller.user.roles, action)
    }

    /// A sentence in the language of the session.
    pub fn say(&self, key: &'static str) -> &'static str {
        locale::say(self.language, key)
    }

    /// A sentence with its `{names}` filled.
    pub fn fill(&self, key: &'static str, values: &[(&str, &str)]) -> String {
        locale::fill(self.language, key, values)
    }

    /// A part of the path that the route names.
    pub fn place(&self, name: &str) -> &str {
        let found = self.places.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// A field of the query that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// The address of this page with some fields of the query set, or taken away.
    pub fn address(&self, changes: &[(&str, Option<String>)]) -> String {
        let mut query: Vec<(String, String)> = self.query.clone();
        query.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        for (name, value) in changes {
            if let Some(value) = value {
                query.push(((*name).to_owned(), value.clone()));
            }
        }
        match query.is_empty() {
            true => self.path.clone(),
            false => format!("{}?{}", self.path, encoded(&query)),
        }
    }

    /// Keeps a file for the next form; gives the name by which that form asks for it.
    pub fn keep(&self, upload: &Upload) -> String {
        let now = self.app().clock.now();
        self.server.shelf.keep(&owner(&self.token), upload, now)
    }

    /// Drops the files that were kept for this session.
    pub fn leave(&self) {
        self.server.shelf.forget(&owner(&self.token));
    }

    /// What a form sent to this address must show.
    pub fn proof(&self, action: &str) -> String {
        proof(&self.token, action)
    }
}

/// Whose files are kept who holds this token.
pub fn owner(token: &str) -> String {
    proof(token, "kept")
}

/// What a form must show that is sent to this address by the holder of this token.
pub fn proof(token: &str, action: &str) -> String {
    let hash = encode(&document_hash(format!("form/{token}/{action}").as_bytes()));
    hash.chars().take(PROOF_DIGITS).collect()
}

/// A query as it stands in an address.
pub fn encoded(query: &[(String, String)]) -> String {
    let part = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let one = |byte: u8| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        text.bytes().map(one).collect()
    };
    let pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{}={}", part(name), part(value)))
        .collect();
    pairs.join("&")
}

/// The query of an address, decoded. What is no text is left out.
pub fn decoded(query: &str) -> Vec<(String, String)> {
    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(
        &format!("/?{query}").parse().unwrap_or_default(),
    )
    .map(|query| query.0)
    .unwrap_or_default()
}

impl FromRequestParts<Server> for Seat {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Seat, Response> {
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let token = kept(&parts.headers).unwrap_or_default();
        let live = match session::resume(&server.app, &token).await {
            Ok(Some(live)) => live,
            Ok(None) => {
                // After a form, the page that the person was on is the better place to come back.
                let back = match parts.method.is_safe() {
                    true if query.is_empty() => path,
                    true => format!("{path}?{query}"),
                    false => "/".to_owned(),
                };
                let to = format!("/login?{}", encoded(&[("to".to_owned(), back)]));
                return Err(Redirect::to(&to).into_response());
            }
            Err(error) => return Err(reply::bare_problem(&error, Language::Zh)),
        };
        if live.must_change && !["/me/password", "/logout", "/language"].contains(&path.as_str()) {
            return Err(Redirect::to("/me/password").into_response());
        }
        let language = language_of(&live.session.language);
        let places = RawPathParams::from_request_parts(parts, server).await;
        let places = places.map(|places| {
            let pairs = places.iter();
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        });
        touched(server, &live);
        Ok(Seat {
            server: server.clone(),
            language,
            query: decoded(&query),
            path,
            refused: None,
            token,
            places: places.unwrap_or_default(),
            live,
        })
    }
}

/// Notes that the session is in use. No page waits for it.
fn touched(server: &Server, live: &Live) {
    let (app, live) = (server.app.clone(), live.clone());
    if app.clock.now().0 - live.session.seen.0 < 60_000_000 {
        return;
    }
    tokio::spawn(async move {
        if let Err(error) = session::touch(&app, &live).await {
            tracing::warn!(cause = %error, "a session's last use was not noted");
        }
    });
}

/// The language of a session.
pub fn language_of(code: &str) -> Language {
    match code {
        "en" => Language::En,
        _ => Language::Zh,
    }
}

/// The token that the browser keeps.
pub fn kept(headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    jar.get(COOKIE).map(|cookie| cookie.value().to_owned())
}

/// Makes the browser keep a token, until it is closed; forget it when there is none.
pub fn keep(server: &Server, token: Option<&str>) -> (header::HeaderName, String) {
    let mut cookie = Cookie::build((COOKIE, token.unwrap_or_default().to_owned()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(server.tls)
        .build();
    if token.is_none() {
        cookie.make_removal();
    }
    (header::SET_COOKIE, cookie.to_string())
}
