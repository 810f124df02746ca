//! The server.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use clap::Args;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::sync::watch;

use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::{App, Error};
use crate::http::Server;
use crate::http::listen::{self, Certificate};
use crate::http::log::{self, LogFormat};

/// Old figures are folded together this often.
const UPKEEP: Duration = Duration::from_secs(5);

/// What the server can be told.
#[derive(Debug, Args)]
pub(crate) struct ServeCommand {
    /// 监听地址 Address to listen on
    #[arg(
        long,
        env = "HUIMIN_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:8680"
    )]
    listen: SocketAddr,
    /// 证书链(PEM),与 --tls-key 同用 Certificate chain, PEM, together with --tls-key
    #[arg(
        long,
        env = "HUIMIN_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,
    /// 私钥(PEM)Private key, PEM
    #[arg(
        long,
        env = "HUIMIN_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
    /// 日志格式 Format of the log
    #[arg(long, env = "HUIMIN_LOG", value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
    /// 日志级别 What is logged: error, warn, info, debug
    #[arg(
        long,
        env = "HUIMIN_LOG_LEVEL",
        value_name = "FILTER",
        default_value = "info"
    )]
    log_level: String,
    /// 从其他机器读取 /metrics 的口令 Token for /metrics from other machines
    #[arg(
        long,
        env = "HUIMIN_METRICS_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    metrics_token: Option<String>,
}

/// Serves until it is asked to end.
pub(crate) async fn run(command: &ServeCommand, desk: &Desk) -> Result<Outcome, Error> {
    log::begin(command.log, &command.log_level)?;
    let files = command.tls_cert.clone().zip(command.tls_key.clone());
    let certificate = files.map(|(chain, key)| Certificate { chain, key });
    let mut server = Server::new(Arc::new(desk.open(false).await?));
    server.metrics = Some(figures()?);
    server.metrics_token = command
        .metrics_token
        .clone()
        .filter(|token| !token.is_empty());
    server.tls = certificate.is_some();
    let listener = TcpListener::bind(command.listen)
        .map_err(|error| anyhow::anyhow!("cannot listen on {}: {error}", command.listen))?;
    let address = listener.local_addr().map_err(anyhow::Error::from)?;
    let scheme = if server.tls { "https" } else { "http" };
    eprintln!("{}: {scheme}://{address}/", desk.say("网页", "pages"));
    let handle = Handle::new();
    served(&server, (listener, certificate.as_ref()), handle).await
}

/// Serves and works on jobs until it is asked to end.
async fn served(
    server: &Server,
    (listener, certificate): (TcpListener, Option<&Certificate>),
    handle: Handle<SocketAddr>,
) -> Result<Outcome, Error> {
    tokio::spawn(listen::end_when_asked(handle.clone()));
    let (stop, stopped) = watch::channel(false);
    let worker = listen::work_on_jobs(server, stopped);
    let served = listen::serve(server, listener, certificate, handle).await;
    // The worker is gone already when this fails.
    let _ = stop.send(true);
    worker.await.map_err(anyhow::Error::from)?;
    served?;
    server.app.db.close().await;
    Ok(Outcome::Written)
}

/// Serves a program without encryption until it is asked to end.
pub(crate) async fn pages(app: App, place: SocketAddr, desk: &Desk) -> Result<Outcome, Error> {
    let server = Server::new(Arc::new(app));
    let listener = TcpListener::bind(place)
        .map_err(|error| anyhow::anyhow!("cannot listen on {place}: {error}"))?;
    let address = listener.local_addr().map_err(anyhow::Error::from)?;
    eprintln!("{}: http://{address}/", desk.say("网页", "pages"));
    let handle = Handle::new();
    served(&server, (listener, None), handle).await
}

/// Begins to count.
fn figures() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    let kept = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            kept.run_upkeep();
        }
    });
    Ok(handle)
}
