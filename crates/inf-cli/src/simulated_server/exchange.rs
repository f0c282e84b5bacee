//! One call, from its body to the last byte of its answer.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use inf_engine::clients::LlmResponse;

use super::calendar::UnixTime;
use super::refusal::{Read, Refusal, RefusalKind};
use super::severable::Severance;
use super::simulation::Simulation;
use super::wire_format::{Asked, Reply, WireFormat};

/// Answers a call in the format `F`.
pub(super) async fn complete<F: WireFormat>(
    State(simulation): State<Arc<Simulation>>,
    ConnectInfo(severance): ConnectInfo<Severance>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let asked = match read::<F>(&simulation, &headers, body) {
        Ok(asked) => asked,
        Err(refusal) => {
            simulation.count_refused();
            return refuse::<F>(&refusal);
        }
    };
    let call = simulation.client().plan(&asked.request);
    let until_reply = if asked.stream {
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
            return match Refusal::of_call(error) {
                Some(refusal) => refuse::<F>(&refusal),
                None if asked.stream => cut::<F>(&asked),
                None => {
                    severance.sever();
                    StatusCode::BAD_GATEWAY.into_response()
                }
            };
        }
    };
    let reply = Reply {
        response: &answer,
        model: &asked.model,
        stopped_by: call.stopped_by.as_deref(),
        now: UnixTime::now(),
    };
    let mut response = if asked.stream {
        let writing = call.total.saturating_sub(call.first_byte);
        stream::<F>(F::pieces(&reply, &asked.shape).spread(writing))
    } else {
        Json(F::whole(&reply, &asked.shape)).into_response()
    };
    let headers = response.headers_mut();
    if let Some(name) = F::REQUEST_ID
        && let Ok(id) = HeaderValue::from_str(reply.id())
    {
        headers.insert(name, id);
    }
    if let Some(limits) = &answer.rate_limits {
        F::limit_headers(limits, reply.now, headers);
    }
    response
}

fn read<F: WireFormat>(
    simulation: &Simulation,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Read<Asked<F::Shape>> {
    let body = body.map_err(|rejection| {
        Refusal::new(RefusalKind::Http(rejection.status()), rejection.body_text())
    })?;
    let json = serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad(format!("the body is not JSON: {error}")))?;
    let asked = F::read(headers, json)?;
    simulation.check_model(&asked.model)?;
    Ok(asked)
}

/// The answer to a call that there is no answer to.
pub(super) fn refuse<F: WireFormat>(refusal: &Refusal) -> Response {
    let mut response = (refusal.kind.status(), Json(F::error(refusal))).into_response();
    let headers = response.headers_mut();
    if let Some(wait) = refusal.retry_after {
        F::retry_headers(wait, headers);
    }
    if let Some(limits) = &refusal.rate_limits {
        F::limit_headers(limits, UnixTime::now(), headers);
    }
    response
}

/// A stream that begins well.
fn cut<F: WireFormat>(asked: &Asked<F::Shape>) -> Response {
    let nothing = LlmResponse::from_text("");
    let reply = Reply {
        response: &nothing,
        model: &asked.model,
        stopped_by: None,
        now: UnixTime::now(),
    };
    stream::<F>(F::pieces(&reply, &asked.shape).cut())
}

fn stream<F: WireFormat>(body: Body) -> Response {
    let headers = [(CONTENT_TYPE, F::STREAM), (CACHE_CONTROL, "no-cache")];
    (headers, body).into_response()
}
