//! The models of a span: the one that was asked for, and the one that answered.
//!
//! They differ (`gpt-4o` and `gpt-4o-2024-08-06`), and prices and statistics want the one that answered.

use super::reading::Reading;
use super::{coerce, field};
use crate::model::Kind;

/// Names of the model that was asked for.
const REQUEST: &[&str] = &[
    field::REQUEST_MODEL,
    "llm.request.model_name",
    "llm.request.model",
    "embedding.model_name",
    "reranker.model_name",
    "ai.model.id",
];
/// Names of the model that answered.
const RESPONSE: &[&str] =
    &[field::RESPONSE_MODEL, "llm.response.model_name", "llm.response.model", "ai.response.model"];
/// Names that do not say which of the two it is.
const EITHER: &[&str] = &["langfuse.observation.model.name", "llm.model_name", "langfuse.model"];

/// The requested and the answering model.
///
/// A name that says neither (`llm.model_name`: "the one that answered if known, else the one that was asked for") is taken as the
/// requested one, unless a request names another attribute: then it is the one that answered.
pub(super) fn read(reading: &Reading<'_>, kind: Kind) -> (Option<String>, Option<String>) {
    let mut request = reading.string(REQUEST).or_else(|| invocation_parameter(reading));
    let mut response = reading.string(RESPONSE);
    // `model` is anybody's word: it is read only on a model's own call.
    let either =
        reading.string(EITHER).or_else(|| if kind.is_model_call() { reading.string(&["model"]) } else { None });
    match (&request, &response) {
        (None, _) => request = either,
        (Some(_), None) => response = either,
        (Some(_), Some(_)) => {}
    }
    (request, response)
}

/// `model` in `OpenInference`'s JSON object of request parameters.
fn invocation_parameter(reading: &Reading<'_>) -> Option<String> {
    let parameters = coerce::json(reading.get("llm.invocation_parameters")?)?;
    parameters.get("model")?.as_str().filter(|model| !model.is_empty()).map(str::to_owned)
}
