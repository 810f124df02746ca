//! The REST interface, `/api/v1`: every use case for neighbouring systems.

use axum::Router;

use super::Server;

/// Its addresses.
pub fn router(_server: &Server) -> Router {
    Router::new()
}
