//! The port: plain or encrypted, and an orderly end.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Server, router};
use crate::app::job;

/// So long are requests that are under way waited for at the end.
const END_TIME_MAX: Duration = Duration::from_secs(30);
/// So long may the head of a request take.
const HEAD_TIME_MAX: Duration = Duration::from_secs(20);

/// A certificate with its chain, and its key: PEM files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate and those that vouch for it.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Serves until `handle` ends it.
///
/// # Errors
/// When the certificate cannot be read, or the port breaks.
pub async fn serve(
    server: &Server,
    listener: TcpListener,
    certificate: Option<&Certificate>,
    handle: axum_server::Handle<SocketAddr>,
) -> anyhow::Result<()> {
    let service = router(server).into_make_service_with_connect_info::<SocketAddr>();
    listener.set_nonblocking(true)?;
    let mut plain = axum_server::from_tcp(listener)?.handle(handle);
    let heads = plain.http_builder();
    heads
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX);
    heads.http2().timer(TokioTimer::new());
    match certificate {
        None => plain.serve(service).await?,
        Some(files) => {
            let config = encryption(files).await?;
            let acceptor = axum_server::tls_rustls::RustlsAcceptor::new(config);
            plain.acceptor(acceptor).serve(service).await?;
        }
    }
    Ok(())
}

async fn encryption(files: &Certificate) -> anyhow::Result<RustlsConfig> {
    // Another part of the process may have chosen already; either way there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    RustlsConfig::from_pem_chain_file(&files.chain, &files.key)
        .await
        .with_context(|| format!("cannot use the certificate {}", files.chain.display()))
}

/// Begins to work on jobs, on a thread of its own. Ends when `stop` becomes true; what was begun is
/// then undone and taken up again at the next start.
pub fn work_on_jobs(server: &Server, stop: watch::Receiver<bool>) -> JoinHandle<()> {
    let (app, runtime) = (Arc::clone(&server.app), Handle::current());
    let salt = app.entropy.key();
    let name = format!("{}/{salt}", std::process::id());
    tokio::task::spawn_blocking(move || runtime.block_on(job::work(&app, &name, stop)))
}

/// Asks the server to end when the process is asked to, and lets what is under way finish.
pub async fn end_when_asked(handle: axum_server::Handle<SocketAddr>) {
    asked_to_end().await;
    tracing::info!("asked to end");
    handle.graceful_shutdown(Some(END_TIME_MAX));
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
