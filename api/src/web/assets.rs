//! Style sheet, script and sign: in the program, under addresses that change with their content.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ledger::audit::hex::{document_hash, encode};

use crate::http::Server;

const FILES: [(&str, &str, &str); 3] = [
    (
        "app.css",
        "text/css; charset=utf-8",
        include_str!("../../assets/app.css"),
    ),
    (
        "app.js",
        "text/javascript; charset=utf-8",
        include_str!("../../assets/app.js"),
    ),
    (
        "sign.svg",
        "image/svg+xml",
        include_str!("../../assets/sign.svg"),
    ),
];

static ADDRESSES: LazyLock<[String; 3]> = LazyLock::new(|| {
    FILES.map(|(name, _, text)| {
        let hash = encode(&document_hash(text.as_bytes()));
        format!("/assets/{name}?v={}", hash.get(..12).unwrap_or_default())
    })
});

/// Their addresses: style sheet, script, sign.
pub fn addresses() -> [&'static str; 3] {
    [&ADDRESSES[0], &ADDRESSES[1], &ADDRESSES[2]]
}

/// The routes to them.
pub fn router() -> Router<Server> {
    Router::new().route("/assets/{name}", get(give))
}

async fn give(Path(name): Path<String>) -> Response {
    let Some((_, kind, text)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, *kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, *text).into_response()
}
