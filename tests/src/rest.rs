//! The REST interface as a neighbouring system sees it: requests in, answers out, without a port.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::app::clock::{Clock, Entropy, moment_at};
use api::app::token::{self, NewToken};
use api::app::{App, users};
use api::http::log::{self, LogFormat};
use api::http::{Server, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use ledger_store::db::Db;
use serde_json::Value;
use tower::ServiceExt;

use crate::office::{STAFF, day};

/// A server of an office's database, and a token for each of its staff.
#[derive(Clone, Debug)]
pub struct Rest {
    /// The server.
    pub server: Server,
    router: Router,
    tokens: BTreeMap<String, String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap_or_default())
    }

    /// The code of the problem; empty when there is none.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Ask {
    login: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask {
    /// Somebody of the staff asks: `GET /runs`.
    ///
    /// # Panics
    /// When the line is not a method and a path.
    pub fn new(login: &str, line: &str) -> Ask {
        let (method, path) = line.split_once(' ').expect("METHOD PATH");
        Ask {
            login: login.to_owned(),
            method: method.to_owned(),
            path: format!("/api/v1{path}"),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Nobody asks, for any address of the server.
    pub fn anywhere(path: &str) -> Ask {
        Ask {
            login: String::new(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With a JSON document.
    #[must_use]
    pub fn json(self, document: &Value) -> Ask {
        let mut ask = self.header("content-type", "application/json");
        ask.body = document.to_string().into_bytes();
        ask
    }

    /// With a file.
    #[must_use]
    pub fn file(self, bytes: &[u8]) -> Ask {
        let mut ask = self.header("content-type", "application/octet-stream");
        ask.body = bytes.to_vec();
        ask
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Ask {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a key.
    #[must_use]
    pub fn key(self, key: &str) -> Ask {
        self.header("idempotency-key", key)
    }
}

impl Rest {
    /// A server of the database of an office, on a day.
    ///
    /// # Panics
    /// When it cannot be set up.
    pub async fn of(url: &str, date: &str) -> Rest {
        // What an accident is stands in the log only.
        let _ = log::begin(LogFormat::Text, "error");
        let clock = Clock::fixed(moment_at(day(date), 9, 0));
        let app = App::new(Db::open(url).await.unwrap(), clock, Entropy::system());
        let book = app.book(None).await.unwrap();
        let mut tokens = BTreeMap::new();
        for (login, _) in STAFF {
            let caller = users::act_as(&app, &book, login, "test").await.unwrap();
            let new = NewToken {
                name: "示例".to_owned(),
                roles: Vec::new(),
                hours: 24 * 366,
            };
            let made = token::add(&app, &caller, &new, None).await.unwrap();
            let text = made.answer["token"].as_str().unwrap().to_owned();
            tokens.insert(login.to_owned(), text);
        }
        let server = Server::new(Arc::new(app));
        Rest {
            router: router(&server),
            server,
            tokens,
        }
    }

    /// The day begins.
    pub fn on(&self, date: &str) {
        self.server.app.clock.set(moment_at(day(date), 9, 0));
    }

    /// The token of somebody.
    pub fn token(&self, login: &str) -> &str {
        self.tokens.get(login).map_or("", String::as_str)
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When it is none.
    pub async fn send(&self, ask: Ask) -> Reply {
        let mut request = Request::builder()
            .method(ask.method.as_str())
            .uri(&ask.path);
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        let token = self.token(&ask.login);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Body::from(ask.body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().into(),
        }
    }

    /// Sends a request that must be answered with 200.
    ///
    /// # Panics
    /// When it is answered otherwise.
    pub async fn done(&self, ask: Ask) -> Value {
        let line = format!("{} {} {}", ask.login, ask.method, ask.path);
        let reply = self.send(ask).await;
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert_eq!(reply.status, 200, "{line}: {text}");
        reply.json()
    }

    /// Reads.
    pub async fn get(&self, login: &str, path: &str) -> Reply {
        self.send(Ask::new(login, &format!("GET {path}"))).await
    }
}
