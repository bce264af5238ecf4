//! The routes, and OTLP over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use super::access::Access;
use super::answer::{Encoding, Refusal};
use super::body::{Compression, Limits};
use super::grpc;
use super::ingest::{Ingest, Payload};

/// What all requests share.
pub(super) struct App {
    pub(super) ingest: Ingest,
    pub(super) limits: Limits,
    pub(super) access: Access,
}

pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/traces", post(traces))
        .route(grpc::TRACES, post(grpc::traces))
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), admit))
        // Who watches over the process has no token.
        .route("/healthz", get(health))
        .with_state(app)
}

/// The process is well as long as it answers: to restart it would not bring a database back, and lose what waits for it.
async fn health(State(app): State<Arc<App>>) -> &'static str {
    if app.ingest.is_out() { "ok, but the database is away\n" } else { "ok\n" }
}

async fn admit(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.access.admit(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.response(request.headers()),
    }
}

async fn nothing_here(request: Request) -> Response {
    let message = format!("there is nothing at {}; traces go to /v1/traces", request.uri().path());
    Refusal::not_found(message).response(request.headers())
}

async fn traces(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let answer = async {
        let (encoding, payload) = payload(&app, &head.headers, body).await?;
        let stored = app.ingest.store(payload).await?;
        Ok(stored.response(encoding))
    };
    answer.await.unwrap_or_else(|refusal: Refusal| refusal.response(&head.headers))
}

/// Reads a request's body, after all that its headers can forbid.
async fn payload(app: &App, headers: &HeaderMap, body: axum::body::Body) -> Result<(Encoding, Payload), Refusal> {
    let encoding = Encoding::of(headers).ok_or_else(|| {
        Refusal::unsupported("the content type is neither application/x-protobuf nor application/json")
    })?;
    let compression = Compression::of(headers)?;
    let memory = app.limits.reserve(headers).await?;
    let bytes = app.limits.read(body).await?;
    Ok((encoding, Payload { bytes, compression, encoding, limit: app.limits.unpacked, memory }))
}
