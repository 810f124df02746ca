//! The server: one listener for the pages ([`crate::web`]) and the REST interface ([`rest`]).
//!
//! It holds nothing that a use case does not: who asks is found out here, what may be done is
//! decided in [`crate::app`]. [`router`] puts around every address what all of them need: a
//! request id, a line in the log ([`log`]), limits of size and time, strict headers, compression,
//! and a problem instead of a broken connection when a handler panics. [`listen`] opens the port.
//!
//! To add an address of the interface: a handler in the module of its subject below [`rest`].

pub mod health;
pub mod listen;
pub mod log;
pub mod problem;
pub mod rest;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::routing::get;
use axum::{Router, middleware};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};

use crate::app::{App, Error};
use crate::web::kept::Kept;
use crate::web::shelf::Shelf;

/// A file that is sent may be so large; the readers' own limit is the same.
pub const UPLOAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Any other body: the largest document of a command is far smaller.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// So long may pass until an answer begins. Long work belongs in a job.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(10);
/// So long may a sender of a body be silent.
const BODY_SILENCE_MAX: Duration = Duration::from_secs(30);
/// So many requests are worked on at a time; the others wait.
const WORK_MAX: usize = 64;

/// What every handler is given.
#[derive(Clone, Debug)]
pub struct Server {
    /// The program.
    pub app: Arc<App>,
    /// The figures for `/metrics`, when they are kept.
    pub metrics: Option<PrometheusHandle>,
    /// Who shows this may read `/metrics` from another machine.
    pub metrics_token: Option<String>,
    /// Whether connections are encrypted here: browsers are then told to insist on it.
    pub tls: bool,
    /// Files between a preview and the step after it.
    pub shelf: Arc<Shelf>,
    /// Reports of the books as they stand.
    pub kept: Arc<Kept>,
    places: Arc<Semaphore>,
}

impl Server {
    /// A server of this program, without figures and encryption.
    pub fn new(app: Arc<App>) -> Server {
        Server {
            app,
            metrics: None,
            metrics_token: None,
            tls: false,
            shelf: Arc::default(),
            kept: Arc::default(),
            places: Arc::new(Semaphore::new(WORK_MAX)),
        }
    }

    /// Works on a thread of its own, where hashing and reading files hold nobody up. What was
    /// begun comes to its end, also when the one who asked has gone away.
    ///
    /// # Errors
    /// Those of the work; an accident when it panics.
    pub async fn work<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&App) -> Result<T, Error> + Send + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(anyhow::Error::from)?;
        let (app, runtime) = (Arc::clone(&self.app), Handle::current());
        let task = tokio::task::spawn_blocking(move || {
            let _place = place;
            runtime.block_on(work(&app))
        });
        task.await
            .map_err(|_| anyhow::anyhow!("the work broke off"))?
    }
}

/// All addresses of the server.
pub fn router(server: &Server) -> Router {
    let plain = |name: &'static str, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let transport = server.tls.then(|| {
        SetResponseHeaderLayer::overriding(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        )
    });
    let compressed = DefaultPredicate::new()
        .and(NotForContentType::const_new("application/octet-stream"))
        .and(NotForContentType::const_new("application/vnd."));
    let around = ServiceBuilder::new()
        .layer(middleware::map_request(log::forget_foreign_id))
        .layer(SetRequestIdLayer::new(
            log::REQUEST_ID,
            log::Numbered::default(),
        ))
        .layer(PropagateRequestIdLayer::new(log::REQUEST_ID))
        .layer(middleware::from_fn(log::observe))
        .layer(plain("x-content-type-options", "nosniff"))
        .layer(plain("referrer-policy", "no-referrer"))
        .layer(plain("x-frame-options", "DENY"))
        .layer(plain("cross-origin-opener-policy", "same-origin"))
        .layer(plain("cache-control", "no-store"))
        .layer(plain(
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ))
        .layer(tower::util::option_layer(transport))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(CatchPanicLayer::custom(problem::after_panic))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::GATEWAY_TIMEOUT,
            ANSWER_TIME_MAX,
        ))
        .layer(RequestBodyTimeoutLayer::new(BODY_SILENCE_MAX));
    Router::new()
        .route("/healthz", get(health::health))
        .route("/metrics", get(health::metrics))
        .with_state(server.clone())
        .merge(rest::router(server))
        .merge(crate::web::router(server))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(around)
}
