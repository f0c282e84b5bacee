//! The routes of the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use inf_engine::clients::simulated::SimulatedClient;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::chat_reply;
use super::chat_request::ChatRequest;
use super::openai_error::OpenAiError;
use super::severable::{SeverableListener, Severance};

/// A prompt may hold a long document, but not fill the memory.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// What is served.
#[derive(Debug)]
pub(crate) struct Simulation {
    client: SimulatedClient,
    /// The only name that is served; every name if `None`.
    model: Option<String>,
    /// Requests that were wrong: the client never saw them.
    refused: AtomicU64,
}

impl Simulation {
    pub(crate) fn new(client: SimulatedClient, model: Option<String>) -> Self {
        Self {
            client,
            model,
            refused: AtomicU64::new(0),
        }
    }

    /// What happened so far.
    pub(crate) fn stats(&self) -> Value {
        json!({
            "calls": self.client.calls(),
            "rate_limited": self.client.rate_limited(),
            "faulted": self.client.faulted(),
            "rejected": self.client.rejected() + self.refused.load(Ordering::Relaxed),
        })
    }

    fn read(&self, body: Result<Bytes, BytesRejection>) -> Result<ChatRequest, OpenAiError> {
        let body = body
            .map_err(|rejection| OpenAiError::refused(rejection.status(), rejection.body_text()))?;
        let chat = ChatRequest::read(&body)?;
        match &self.model {
            Some(model) if *model != chat.model => {
                let asked = &chat.model;
                let message =
                    format!("there is no model `{asked}` here; this server has `{model}`");
                Err(OpenAiError::unknown_model(message))
            }
            _ => Ok(chat),
        }
    }
}

/// Serves until the future is dropped.
pub(crate) async fn serve(
    listener: TcpListener,
    simulation: Arc<Simulation>,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/models", get(models))
        .route("/stats", get(stats))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(simulation);
    let service = routes.into_make_service_with_connect_info::<Severance>();
    axum::serve(SeverableListener(listener), service).await
}

async fn complete(
    State(simulation): State<Arc<Simulation>>,
    ConnectInfo(severance): ConnectInfo<Severance>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let chat = match simulation.read(body) {
        Ok(chat) => chat,
        Err(error) => {
            simulation.refused.fetch_add(1, Ordering::Relaxed);
            return error.into_response();
        }
    };
    let call = simulation.client.plan(&chat.request);
    let until_reply = if chat.stream {
        call.first_byte
    } else {
        call.total
    };
    if !until_reply.is_zero() {
        tokio::time::sleep(until_reply).await;
    }
    let answer = match call.outcome {
        Ok(answer) => answer,
        Err(error) => {
            return OpenAiError::of_call(&error).map_or_else(
                || {
                    severance.sever();
                    StatusCode::BAD_GATEWAY.into_response()
                },
                IntoResponse::into_response,
            );
        }
    };
    let mut response = if chat.stream {
        let writing = call.total.saturating_sub(call.first_byte);
        chat_reply::in_pieces(&answer, &chat.model, chat.include_usage, writing)
    } else {
        chat_reply::whole(&answer, &chat.model)
    };
    let id = answer.request_id.as_deref().unwrap_or_default();
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

async fn models(State(simulation): State<Arc<Simulation>>) -> Json<Value> {
    let name = simulation.model.as_deref();
    let name = name.unwrap_or_else(|| simulation.client.model());
    let model = json!({"id": name, "object": "model", "created": 0, "owned_by": "inf-engine"});
    Json(json!({"object": "list", "data": [model]}))
}

async fn stats(State(simulation): State<Arc<Simulation>>) -> Json<Value> {
    Json(simulation.stats())
}

const ROUTES: &str = "POST /v1/chat/completions, GET /v1/models and GET /stats";

async fn not_found(method: Method, uri: Uri) -> OpenAiError {
    let message = format!(
        "there is no {method} {} here; there are {ROUTES}",
        uri.path()
    );
    OpenAiError::refused(StatusCode::NOT_FOUND, message)
}

async fn not_allowed(method: Method, uri: Uri) -> OpenAiError {
    let message = format!(
        "{} can't be asked by {method}; there are {ROUTES}",
        uri.path()
    );
    OpenAiError::refused(StatusCode::METHOD_NOT_ALLOWED, message)
}
