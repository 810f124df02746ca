//! One line in the log for each request, and its figures.
//!
//! What is logged: the request's id, method, the pattern of its address (`/api/v1/runs/{run}`,
//! never the address itself), status and time taken. Query strings, headers and bodies are not:
//! they may hold a secret or a person's number.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use clap::ValueEnum;
use tower_http::request_id::{MakeRequestId, RequestId};
use tracing_subscriber::EnvFilter;

/// The header that names a request, in the answer and in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// 文本 Text for people
    Text,
    /// 每行一个 JSON 文档 One JSON document a line
    Json,
}

/// Begins to log on standard error. `filter` is in the language of `tracing`: `info`, or
/// `info,api::http=debug`.
///
/// # Errors
/// When the filter cannot be read, or when somebody logs already.
pub fn begin(format: LogFormat, filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let begun = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    begun.map_err(|error| anyhow::anyhow!("cannot log: {error}"))
}

/// Numbers requests. An id that comes from outside is dropped before, so that nobody writes into
/// the log.
#[derive(Clone, Debug, Default)]
pub struct Numbered(Arc<AtomicU64>);

impl MakeRequestId for Numbered {
    fn make_request_id<B>(&mut self, _request: &axum::http::Request<B>) -> Option<RequestId> {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let process = std::process::id();
        let text = HeaderValue::from_str(&format!("{process:x}-{number:x}")).ok()?;
        Some(RequestId::new(text))
    }
}

/// Drops the id that another system gave the request.
pub async fn forget_foreign_id(mut request: Request) -> Request {
    request.headers_mut().remove(REQUEST_ID);
    request
}

/// Logs and counts a request.
pub async fn observe(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("-", MatchedPath::as_str).to_owned();
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.header_value().to_str().ok());
    let id = id.unwrap_or_default().to_owned();
    let response = next.run(request).await;
    let (status, taken) = (response.status(), begun.elapsed());
    let labels = [
        ("method", method.to_string()),
        ("path", path.clone()),
        ("status", status.as_str().to_owned()),
    ];
    metrics::counter!("huimin_http_requests_total", &labels).increment(1);
    metrics::histogram!("huimin_http_request_seconds", &labels[..2]).record(taken);
    let millis = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    if status.is_server_error() {
        tracing::error!(request = id, %method, path, status = status.as_u16(), millis, "request");
    } else {
        tracing::info!(request = id, %method, path, status = status.as_u16(), millis, "request");
    }
    response
}
