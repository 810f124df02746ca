//! The pages: server-rendered, in Chinese and English, without a script that any task needs.

use axum::Router;

use crate::http::Server;

/// Their addresses.
pub fn router(_server: &Server) -> Router {
    Router::new()
}
