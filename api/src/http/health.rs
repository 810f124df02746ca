//! Is the server well, and its figures.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use ledger_store::migrate;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::Server;

/// The media type of Prometheus' text format.
const FIGURES: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /healthz`: 200 when the database answers and its schema is this program's, else 503.
pub async fn health(State(server): State<Server>) -> Response {
    let known = migrations::ALL.last().map_or(0, |last| last.version);
    let found = migrate::schema_version(&server.app.db).await;
    let (ok, database, schema) = match found {
        Ok(Some(version)) if version == known => (true, "ok", "current"),
        Ok(Some(_)) => (false, "ok", "other version"),
        Ok(None) => (false, "ok", "missing"),
        Err(error) => {
            tracing::error!(cause = %error, "the database does not answer");
            (false, "unreachable", "unknown")
        }
    };
    let status = match ok {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let version = env!("CARGO_PKG_VERSION");
    let said = json!({ "ok": ok, "database": database, "schema": schema, "version": version });
    (status, Json(said)).into_response()
}

/// `GET /metrics`: for this machine, or for who shows the token; to others it does not exist.
pub async fn metrics(
    State(server): State<Server>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Response {
    let Some(figures) = &server.metrics else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let peer = peer.map(|Extension(ConnectInfo(address))| address);
    if !is_near(peer, &headers) && !shows_token(server.metrics_token.as_deref(), &headers) {
        return StatusCode::NOT_FOUND.into_response();
    }
    ([(header::CONTENT_TYPE, FIGURES)], figures.render()).into_response()
}

/// Whether the request comes from this machine and was not passed on by a proxy on it.
fn is_near(peer: Option<SocketAddr>, headers: &HeaderMap) -> bool {
    let passed_on = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    !passed_on && peer.is_some_and(|peer| peer.ip().is_loopback())
}

fn shows_token(token: Option<&str>, headers: &HeaderMap) -> bool {
    let shown = headers.get(header::AUTHORIZATION);
    let shown = shown.and_then(|value| value.to_str().ok());
    match (token, shown.and_then(|value| value.strip_prefix("Bearer "))) {
        (Some(token), Some(shown)) => token.as_bytes().ct_eq(shown.as_bytes()).into(),
        _ => false,
    }
}
