//! The server: one listener for the pages ([`crate::web`]) and the REST interface ([`rest`]).
//!
//! It holds nothing that a use case does not: who asks is found out here, what may be done is
//! decided in [`crate::app`].

pub mod rest;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::app::App;

/// What every handler is given.
#[derive(Clone, Debug)]
pub struct Server {
    /// The program.
    pub app: Arc<App>,
}

/// All addresses of the server.
pub fn router(server: &Server) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .nest("/api/v1", rest::router(server))
        .merge(crate::web::router(server))
}

/// Serves until the process is asked to end, then lets the requests that are under way finish.
///
/// # Errors
/// When the connection breaks at a level that no request belongs to.
pub async fn serve(server: &Server, listener: TcpListener) -> std::io::Result<()> {
    let service = router(server).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(asked_to_end())
        .await
}

/// Comes to its end with SIGTERM or Ctrl-C.
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
