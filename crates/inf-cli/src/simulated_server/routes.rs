//! The routes of the server.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::anthropic::Messages;
use super::exchange::{complete, refuse};
use super::ollama::OllamaChat;
use super::openai::ChatCompletions;
use super::openai_responses::Responses;
use super::refusal::{Refusal, RefusalKind};
use super::severable::{SeverableListener, Severance};
use super::simulation::Simulation;

/// A prompt may hold a long document, but not fill the memory.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// Serves until the future is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    simulation: Arc<Simulation>,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/v1/chat/completions", post(complete::<ChatCompletions>))
        .route("/v1/responses", post(complete::<Responses>))
        .route("/v1/messages", post(complete::<Messages>))
        .route("/api/chat", post(complete::<OllamaChat>))
        .route("/v1/models", get(models))
        .route("/stats", get(stats))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(simulation);
    let service = routes.into_make_service_with_connect_info::<Severance>();
    axum::serve(SeverableListener(listener), service).await
}

async fn models(State(simulation): State<Arc<Simulation>>) -> Json<Value> {
    let name = simulation.listed();
    let model = json!({"id": name, "object": "model", "created": 0, "owned_by": "inf-engine"});
    Json(json!({"object": "list", "data": [model]}))
}

async fn stats(State(simulation): State<Arc<Simulation>>) -> Json<Value> {
    Json(simulation.stats())
}

const ROUTES: &str = "POST /v1/chat/completions, /v1/responses, /v1/messages and /api/chat, \
                      GET /v1/models and /stats";

async fn not_found(method: Method, uri: Uri) -> Response {
    let message = format!(
        "there is no {method} {} here; there are {ROUTES}",
        uri.path()
    );
    refuse_by_path(StatusCode::NOT_FOUND, message, &uri)
}

async fn not_allowed(method: Method, uri: Uri) -> Response {
    let message = format!(
        "{} can't be asked by {method}; there are {ROUTES}",
        uri.path()
    );
    refuse_by_path(StatusCode::METHOD_NOT_ALLOWED, message, &uri)
}

/// In the format that whoever asks for this path most likely reads.
fn refuse_by_path(status: StatusCode, message: String, uri: &Uri) -> Response {
    let refusal = Refusal::new(RefusalKind::Http(status), message);
    match uri.path() {
        path if path.starts_with("/v1/messages") => refuse::<Messages>(&refusal),
        path if path.starts_with("/api/") => refuse::<OllamaChat>(&refusal),
        _ => refuse::<ChatCompletions>(&refusal),
    }
}
