//! The REST interface, `/api/v1`: every use case for neighbouring systems.

use axum::Router;

use super::Server;

/// Its addresses, below `/api/v1`.
pub fn router(_server: &Server) -> Router {
    Router::new()
}
