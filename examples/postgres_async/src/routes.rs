//! One route runs the agent, two answer questions about its runs.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tracing_agents::model::ParseIdError;
use tracing_agents::{AsyncTraceRepository, ErrorKind, TraceFilter};

use crate::concierge;

pub(crate) fn router(repository: AsyncTraceRepository) -> Router {
    Router::new()
        .route("/ask/{session}", get(ask))
        .route("/traces", get(traces))
        .route("/traces/{id}", get(trace))
        .with_state(repository)
}

#[derive(Deserialize)]
struct Question {
    question: String,
}

async fn ask(Path(session): Path<String>, Query(asked): Query<Question>) -> String {
    concierge::answer(&session, &asked.question).await
}

#[derive(Deserialize)]
struct Search {
    /// A filter as text; without it, all traces.
    #[serde(default)]
    q: String,
}

/// A trace as the list shows it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) duration_ms: i64,
    pub(crate) spans: u64,
    pub(crate) total_tokens: Option<u64>,
}

async fn traces(
    State(repository): State<AsyncTraceRepository>,
    Query(search): Query<Search>,
) -> Result<Json<Vec<Summary>>, Failure> {
    let filter: TraceFilter = search.q.parse()?;
    let page = repository.traces(&filter.limit(20)).await?;
    let summaries = page.into_iter().map(|trace| Summary {
        id: trace.trace_id.to_string(),
        name: trace.name.clone(),
        status: trace.status.to_string(),
        duration_ms: trace.duration_ms(),
        spans: trace.span_count,
        total_tokens: trace.usage.total(),
    });
    Ok(Json(summaries.collect()))
}

async fn trace(State(repository): State<AsyncTraceRepository>, Path(id): Path<String>) -> Result<String, Failure> {
    Ok(repository.trace(id.parse()?).await?.tree().to_string())
}

/// What went wrong, as an answer.
struct Failure(StatusCode, String);

impl From<tracing_agents::Error> for Failure {
    fn from(error: tracing_agents::Error) -> Self {
        let status = match error.kind() {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

impl From<ParseIdError> for Failure {
    fn from(error: ParseIdError) -> Self {
        Self(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}
