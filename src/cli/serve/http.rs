//! The routes, and OTLP over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};

use super::access::Access;
use super::answer::{Encoding, Refusal, Signal};
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
        .route("/v1/logs", post(logs))
        .route(grpc::TRACES, post(grpc::traces))
        .route(grpc::LOGS, post(grpc::logs))
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
        Err(refusal) => refuse(&app, request, refusal).await,
    }
}

/// The answer to a request that is not read.
pub(super) async fn refuse(app: &App, request: Request, refusal: Refusal) -> Response {
    let (head, body) = request.into_parts();
    app.limits.discard(body).await;
    refusal.response(&head.headers)
}

async fn nothing_here(State(app): State<Arc<App>>, request: Request) -> Response {
    let message = format!("there is nothing at {}; traces go to /v1/traces, logs to /v1/logs", request.uri().path());
    refuse(&app, request, Refusal::not_found(message)).await
}

async fn traces(State(app): State<Arc<App>>, request: Request) -> Response {
    take(&app, Signal::Traces, request).await
}

async fn logs(State(app): State<Arc<App>>, request: Request) -> Response {
    take(&app, Signal::Logs, request).await
}

async fn take(app: &App, signal: Signal, request: Request) -> Response {
    let (encoding, compression) = match form(request.headers()) {
        Ok(form) => form,
        Err(refusal) => return refuse(app, request, refusal).await,
    };
    let (head, body) = request.into_parts();
    let answer = async {
        let memory = app.limits.reserve(&head.headers).await?;
        let bytes = app.limits.read(body).await?;
        let payload = Payload { bytes, compression, encoding, limit: app.limits.unpacked, memory };
        Ok(app.ingest.store(signal, payload).await?.response(encoding))
    };
    answer.await.unwrap_or_else(|refusal: Refusal| refusal.response(&head.headers))
}

/// The form of a request's body, as its headers say.
fn form(headers: &HeaderMap) -> Result<(Encoding, Compression), Refusal> {
    let encoding = Encoding::of(headers).ok_or_else(|| {
        Refusal::unsupported("the content type is neither application/x-protobuf nor application/json")
    })?;
    Ok((encoding, Compression::of(headers)?))
}
