//! The route of the front desk. Its span is all that this program adds to rig's: whose request it is.

use crate::assistant::{self, Delivery};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use rig::agent::Agent;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tracing::instrument;

/// What a guest sends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Inquiry {
    /// The conversation that it belongs to.
    pub session: String,
    /// Who asks.
    pub user: String,
    /// What is asked.
    pub question: String,
}

pub(crate) fn router(concierge: Agent) -> Router {
    Router::new().route("/ask", post(ask)).with_state(Arc::new(concierge))
}

#[instrument(skip_all, fields(session.id = inquiry.session, user.id = inquiry.user))]
async fn ask(
    State(concierge): State<Arc<Agent>>,
    Json(inquiry): Json<Inquiry>,
) -> Result<String, (StatusCode, String)> {
    let answer = assistant::ask(&concierge, &inquiry.question, Delivery::Unary).await;
    answer.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))
}
