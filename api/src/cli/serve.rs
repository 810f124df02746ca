//! The server.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;

use super::desk::Desk;
use super::outcome::Outcome;
use crate::app::Error;
use crate::http::{self, Server};

/// What the server can be told.
#[derive(Debug, Args)]
pub(crate) struct ServeCommand {
    /// 监听地址 Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8680")]
    listen: SocketAddr,
}

/// Serves until it is asked to end.
pub(crate) async fn run(command: &ServeCommand, desk: &Desk) -> Result<Outcome, Error> {
    let server = Server {
        app: Arc::new(desk.open(false).await?),
    };
    let listener = TcpListener::bind(command.listen)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {}: {error}", command.listen))?;
    let address = listener.local_addr().map_err(anyhow::Error::from)?;
    eprintln!("{}: http://{address}/", desk.say("网页", "pages"));
    http::serve(&server, listener)
        .await
        .map_err(anyhow::Error::from)?;
    Ok(Outcome::Written)
}
