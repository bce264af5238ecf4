//! How a span went: from its status, its attributes and its events.
//!
//! `tracing` has no status. Failures are told by fields (`error`, `error.type`), by the ERROR event that `#[instrument(err)]` emits as the
//! function returns, by bridges' `otel.status_code`, by frameworks' outcome fields, by a tool's result, or not at all: then the span is unset, never ok.

use super::coerce::{clean_text, content_text};
use super::content;
use super::display;
use super::field;
use super::reading::{Reading, Site};
use super::tool_result::{self, TOOL_ERROR};
use crate::model::{Event, Kind, SpanRecord, SpanState, Status, StatusCode};

/// Attributes that hold a status, and its message.
const CODE: &[&str] = &[field::STATUS_CODE];
const MESSAGE: &[&str] = &[
    field::STATUS_MESSAGE,
    "otel.status_message",
    "langfuse.observation.status_message",
    "langfuse.status_message",
    "status_message",
];

/// The type of an error that is told by nothing but the answer's absence.
const NO_ANSWER: &str = "no_answer";

/// The most characters of an error's text that the status keeps; the rest stays where it was recorded.
const MAX_MESSAGE: usize = 4_000;

/// The status and the type of error.
///
/// An explicit status decides, `Ok` before `Error` as OpenTelemetry ranks them. Two things outrank it: a panic, which the layer sees itself,
/// and a tool's result that says that the tool failed ([`tool_result`]), since instrumentations set `Ok` for every call that returns. An `Ok`
/// of which the framework is known to write it where nothing came of a run says nothing.
/// Else an error is what says so: `error.type`, a field `error`, an ERROR event (`#[instrument(err)]`), an `exception` event, the
/// outcome of a tool call, Langfuse's level, and where a framework tells
/// failures by nothing else, an answer that is missing ([`NO_ANSWER`]). A WARN event never is. Text for the message comes from the same places.
pub(super) fn read(
    record: &SpanRecord,
    reading: &Reading<'_>,
    site: &Site<'_>,
    kind: Kind,
) -> (Status, Option<String>) {
    let error_type = reading.string(&[field::ERROR_TYPE]);
    let panicked = error_type.as_deref() == Some("panic");
    let attribute = reading.text(CODE).map_or(StatusCode::Unset, |word| code_of(&word));
    let stated = if attribute == StatusCode::Unset { record.status.code } else { attribute };
    let is_ok = stated == StatusCode::Ok || record.status.code == StatusCode::Ok;
    let failed_result = if kind == Kind::Tool { failed_result(record, reading, error_type.as_deref()) } else { None };
    let result_failed = failed_result.is_some();
    let is_doubted = site.profile.is_some_and(|profile| profile.doubts_ok(kind, &record.attributes));
    if is_ok && !panicked && !result_failed && !is_doubted {
        return (Status { code: StatusCode::Ok, message: String::new() }, None);
    }
    let error_text = error_text(reading);
    let evidence = Evidence::of(&record.events);
    let has_failed = stated == StatusCode::Error
        || error_type.is_some()
        || error_text.is_some()
        || evidence.has_failed
        || reading.first(&["exception.type", "exception.message"]).is_some()
        || tool_failed(reading)
        || result_failed
        || reading.text(&["langfuse.observation.level", "langfuse.level"]).is_some_and(|level| level == "ERROR");
    if !has_failed {
        if lacks_answer(record, reading, site, kind) {
            let message = "closed without an answer: failed or cancelled (the framework does not say)".to_owned();
            return (Status { code: StatusCode::Error, message }, Some(NO_ANSWER.to_owned()));
        }
        return (Status::default(), None);
    }
    let own = Some(record.status.message.as_str()).filter(|message| !message.trim().is_empty()).map(str::to_owned);
    let message = own
        .or_else(|| reading.string(MESSAGE))
        .or_else(|| error_text.flatten())
        .or_else(|| reading.string(&["exception.message"]))
        .or(evidence.message)
        .or(failed_result)
        .or_else(|| if tool_failed(reading) { reading.string(&[field::TOOL_RESULT]) } else { None })
        .unwrap_or_default();
    let error_type = error_type
        .or_else(|| reading.string(&["exception.type"]))
        .or(evidence.error_type)
        .or_else(|| reading.string(&["gen_ai.tool.error.type"]))
        .or_else(|| result_failed.then(|| TOOL_ERROR.to_owned()));
    (Status { code: StatusCode::Error, message: display::cut(message, MAX_MESSAGE) }, error_type)
}

/// Whether a run or a model's call has ended without any of the fields that its framework records of an answer.
fn lacks_answer(record: &SpanRecord, reading: &Reading<'_>, site: &Site<'_>, kind: Kind) -> bool {
    let is_asked = kind.is_model_call() || kind == Kind::Agent;
    let has_ended = record.state == SpanState::Closed;
    is_asked && has_ended && site.profile.is_some_and(|profile| profile.lacks_answer(site.declared, reading))
}

/// The code that a word names; the bridges write `OK` or `Ok`, exporters `STATUS_CODE_OK` or its number.
fn code_of(word: &str) -> StatusCode {
    match word.to_ascii_uppercase().trim_start_matches("STATUS_CODE_") {
        "OK" | "1" => StatusCode::Ok,
        "ERROR" | "2" => StatusCode::Error,
        _ => StatusCode::Unset,
    }
}

/// The field `error`: `None` when it says nothing or `false`, else its text unless it is merely `true`.
pub(super) fn error_text(reading: &Reading<'_>) -> Option<Option<String>> {
    let text = reading.string(&["error"]).filter(|text| text != "false")?;
    Some((text != "true").then_some(text))
}

/// rig: `success`, `error`, `skipped` or `denied`.
fn tool_failed(reading: &Reading<'_>) -> bool {
    reading.text(&["gen_ai.tool.call.outcome"]).is_some_and(|outcome| matches!(&*outcome, "error" | "denied"))
        || reading.first(&["gen_ai.tool.error.type"]).is_some()
}

/// What a tool's result says of its failure: in a form that tells failures, or as it is where `error.type` tells this one.
fn failed_result(record: &SpanRecord, reading: &Reading<'_>, error_type: Option<&str>) -> Option<String> {
    let result = content::tool_result(reading, &record.events)?;
    tool_result::failure(result).or_else(|| {
        let text = content_text(result).filter(|_| error_type == Some(TOOL_ERROR))?;
        // More than the message keeps: it is cut there, and says so.
        Some(text.chars().take(MAX_MESSAGE + 1).collect())
    })
}

/// What the events say; of several the last, which is the one that left the span.
#[derive(Default)]
struct Evidence {
    has_failed: bool,
    message: Option<String>,
    error_type: Option<String>,
}

impl Evidence {
    /// Reads ERROR events of `tracing` and OpenTelemetry's `exception` events; all others are no evidence.
    fn of(events: &[Event]) -> Self {
        let mut found = Self::default();
        for event in events {
            let is_exception = event.name == "exception";
            if !is_exception && event.callsite.as_deref().is_none_or(|callsite| callsite.level != "ERROR") {
                continue;
            }
            found.has_failed = true;
            let text = |keys: &[&str]| {
                keys.iter().find_map(|key| clean_text(event.attributes.get(key)?)).map(std::borrow::Cow::into_owned)
            };
            let message = text(&["error", "err", "exception.message"]).or_else(|| logged(event).map(str::to_owned));
            found.message = message.or(found.message);
            found.error_type = text(&["exception.type", "error.type"]).or(found.error_type);
        }
        found
    }
}

/// The event's message; the name of an event without one is its callsite's.
fn logged(event: &Event) -> Option<&str> {
    let is_callsite = event.callsite.as_deref().is_some_and(|callsite| callsite.name == event.name);
    (!is_callsite && event.name != "exception" && !event.name.is_empty()).then_some(event.name.as_str())
}
