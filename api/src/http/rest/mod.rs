//! The REST interface, `/api/v1`: every use case for neighbouring systems.
//!
//! [`call`] finds out who asks, in which language and under which key, and lays out what comes
//! back; [`document`] completes the OpenAPI document that the handlers make. The other modules are
//! subjects, and each handler calls one use case. The house rules are in `api/docs/rest.md`.
//!
//! To add an operation: a handler in the module of its subject with `x-may`, the code of the
//! [`Action`](ledger::disbursement::role::Action) that it takes, and a line in that module's
//! `router`. A test then asks for it as every role.

pub mod call;
pub mod document;
pub mod fields;

mod access;
mod bank;
mod close;
mod difference;
mod fund;
mod job;
mod policy;
mod recovery;
mod report;
mod roster;
mod run;
mod trail;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, extract::Request};
use tower::ServiceBuilder;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{Server, problem};
use crate::app::not_found;

/// Where the OpenAPI document is.
const DOCUMENT: &str = "/api/v1/openapi.json";

/// Every operation, with the part of the document that the handlers make.
pub(crate) fn operations() -> OpenApiRouter<Server> {
    let all = OpenApiRouter::new()
        .merge(access::router())
        .merge(policy::router())
        .merge(fund::router())
        .merge(roster::router())
        .merge(run::router())
        .merge(bank::router())
        .merge(difference::router())
        .merge(recovery::router())
        .merge(close::router())
        .merge(report::router())
        .merge(trail::router())
        .merge(job::router());
    OpenApiRouter::new().nest("/api/v1", all)
}

/// Its addresses, the document and the page that shows it.
pub fn router(server: &Server) -> Router {
    let (operations, _) = operations().split_for_parts();
    let text = document::text();
    let served = move || {
        let text = text.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], text) }
    };
    let rest = operations
        .route(DOCUMENT, get(served))
        .route("/api/v1/{*path}", axum::routing::any(nowhere))
        .with_state(server.clone());
    rest.merge(page())
}

/// The page of the document, all of it from this server.
fn page() -> Router {
    let config = Config::new([DOCUMENT])
        .validator_url("none")
        .persist_authorization(false);
    let page = SwaggerUi::new("/api/docs").config(config);
    let own = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
               frame-ancestors 'none'";
    let around = ServiceBuilder::new().layer(SetResponseHeaderLayer::overriding(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(own),
    ));
    Router::new().merge(page).layer(around)
}

async fn nowhere(request: Request) -> Response {
    let language = problem::language(request.headers());
    problem::respond(&not_found("地址 address", request.uri().path()), language).into_response()
}
