//! What users set through OpenTelemetry's interface, and what they record through ours.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use tracing::{Span, error, field, info, info_span};
use tracing_agents::SpanExt;
use tracing_agents::model::{StatusCode, Usage, Value};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{Both, exported_values, remote, stored_values};

/// Sets one of everything.
fn set_all(span: &Span) {
    span.set_attribute("set", "by hand");
    span.set_attribute("count", 7_i64);
    span.add_link(remote(3, 4, true).clone());
    span.add_link_with_attributes(remote(5, 6, true), vec![KeyValue::new("why", "handoff")]);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    span.add_event_with_timestamp("happened", time, vec![KeyValue::new("size", 3_i64)]);
    span.set_status(Status::error("went wrong"));
}

fn assert_all_are_stored_once(both: &Both, name: &str) {
    let stored = both.stored_as(name);
    let text = |text: &str| Value::Str(text.to_owned());
    assert_eq!(stored_values(&stored, "set"), [text("by hand")]);
    assert_eq!(stored_values(&stored, "count"), [Value::I64(7)]);
    let links: Vec<_> =
        stored.content.links.iter().map(|link| (link.trace_id.to_string(), link.attributes.len())).collect();
    assert_eq!(links, [("03".repeat(16), 0), ("05".repeat(16), 1)]);
    assert!(stored.content.links.iter().all(|link| link.trace_state == "vendor=1"));
    let events: Vec<_> = stored.content.events.iter().filter(|event| event.name == "happened").collect();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(
        (events[0].time_ns, events[0].attributes.get("size")),
        (1_000_000_000_000_000_000, Some(&Value::I64(3)))
    );
    assert_eq!((stored.span.status.code, stored.span.status.message.as_str()), (StatusCode::Error, "went wrong"));
    let exported = both.exported_as(name);
    assert_eq!(
        (exported_values(&exported, "set").len(), exported.links.len(), exported.status),
        (1, 2, Status::error("went wrong"))
    );
    assert_eq!(exported.events.iter().filter(|event| event.name == "happened").count(), 1);
}

#[test]
fn what_is_set_before_a_span_begins_is_stored_once() {
    let both = Both::new();
    both.run(|| {
        let span = info_span!("span", own = "own", number = 3_u64);
        set_all(&span);
        span.in_scope(|| info!("event"));
        drop(span);
        set_all(&info_span!("never entered", own = "own"));
    });
    both.assert_same();
    for name in ["span", "never entered"] {
        assert_all_are_stored_once(&both, name);
        assert_eq!(stored_values(&both.stored_as(name), "own").len(), 1);
    }
    assert_eq!(both.stored_as("span").content.events.len(), 2);
}

#[test]
fn what_is_set_while_a_span_runs_is_stored_once() {
    let both = Both::new();
    both.run(|| {
        let span = info_span!("span", own = "own").entered();
        set_all(&span);
        info!("event");
    });
    assert_all_are_stored_once(&both, "span");
    assert_eq!(both.stored_as("span").content.events.len(), 2);
}

#[test]
fn what_is_set_on_the_current_context_is_stored_once() {
    let both = Both::new();
    let context = both.run(|| {
        info_span!("span", own = "own").in_scope(|| {
            let context = Context::current();
            context.span().set_attribute(KeyValue::new("set", "through the context"));
            context.span().add_event("happened", vec![KeyValue::new("size", 3_i64)]);
            context.span().add_link(remote(3, 4, true), vec![]);
            context.span().record_error(&std::fmt::Error);
            context.span().set_status(Status::Ok);
            context.span().update_name("renamed");
            context
        })
    });
    context.span().set_attribute(KeyValue::new("set", "after the end"));
    both.assert_same();
    let stored = both.stored_as("renamed");
    assert_eq!(stored_values(&stored, "set"), [Value::Str("through the context".to_owned())]);
    let events: Vec<_> = stored.content.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!((events, stored.content.links.len()), (vec!["happened", "exception"], 1));
    assert_eq!(stored.span.status.code, StatusCode::Ok);
    assert_eq!(stored.content.callsite.unwrap().name, "span");
}

#[test]
fn the_same_key_by_field_and_by_hand_is_kept_twice() {
    let both = Both::new();
    both.run(|| {
        let span = info_span!("span", key = "field");
        span.set_attribute("key", "by hand");
        span.record("key", "field again");
        span.in_scope(|| ());
    });
    let mut stored = stored_values(&both.stored_as("span"), "key");
    stored.sort_by_key(|value| value.as_str().map(str::to_owned));
    assert_eq!(stored, ["by hand", "field", "field again"].map(|text| Value::Str(text.to_owned())));
    assert_eq!(exported_values(&both.exported_as("span"), "key").len(), 3);
}

#[test]
fn what_tracing_recorded_is_not_taken_for_the_users() {
    let both = Both::new();
    both.run(|| {
        let error = std::io::Error::other(std::fmt::Error);
        let error: &(dyn std::error::Error + 'static) = &error;
        let span =
            info_span!("span", error, size = 3_u64, bytes = ?[1, 2], otel.kind = "client", otel.status_code = "error");
        error!(parent: &span, error, "failed");
        span.follows_from(&info_span!("before"));
        span.record("size", 4_u64);
        span.in_scope(|| ());
    });
    let stored = both.stored_as("span");
    let keys: Vec<_> = stored.content.attributes.iter().map(|(key, _)| key.to_owned()).collect();
    assert_eq!(keys, ["error", "size", "bytes", "otel.kind", "otel.status_code", "size"]);
    assert_eq!((stored.content.events.len(), stored.content.links.len()), (1, 1));
}

#[test]
fn numbers_are_numbers_on_both_sides() {
    let both = Both::new();
    both.run(|| {
        let span = info_span!("span", before = 12_u64, late = field::Empty, text = "12", big = u64::MAX);
        span.in_scope(|| span.record("late", 96_usize));
    });
    let exported = both.exported_as("span");
    assert_eq!(exported_values(&exported, "before"), [12_i64.into()]);
    assert_eq!(exported_values(&exported, "late"), [96_i64.into()]);
    assert_eq!(exported_values(&exported, "text"), ["12".into()]);
    assert_eq!(exported_values(&exported, "big"), [u64::MAX.to_string().into()]);
}

#[test]
fn what_our_extension_records_is_on_the_exported_span() {
    let both = Both::new();
    both.run(|| {
        let before = info_span!("before");
        before.record_usage(Usage::new(812, 96)).record_output("Paris");
        before.in_scope(|| ());
        let during = info_span!("during").entered();
        during.record_usage(Usage::new(812, 96)).record_output("Paris");
        let failed = info_span!("failed").entered();
        failed.record_failure("no answer");
    });
    for name in ["before", "during"] {
        let exported = both.exported_as(name);
        assert_eq!(exported_values(&exported, "gen_ai.usage.input_tokens"), [812_i64.into()], "{name}");
        assert_eq!(exported_values(&exported, "output.value"), ["Paris".into()], "{name}");
        assert_eq!(stored_values(&both.stored_as(name), "output.value").len(), 1, "{name}");
    }
    let failed = both.exported_as("failed");
    assert_eq!(failed.status, Status::error("no answer"));
    assert_eq!(failed.events.iter().map(|event| event.name.as_ref()).collect::<Vec<_>>(), ["exception"]);
    assert_eq!(both.stored_as("failed").content.events.len(), 1);
}

#[test]
fn a_panic_is_an_error_on_both_sides() {
    let both = Both::new();
    both.run(|| {
        let caught =
            std::panic::catch_unwind(|| info_span!("span").in_scope(|| std::panic::resume_unwind(Box::new(()))));
        assert!(caught.is_err());
    });
    let exported = both.exported_as("span");
    assert_eq!(exported.status, Status::error("panicked"));
    assert_eq!(exported_values(&exported, "error.type"), ["panic".into()]);
    assert_eq!(both.stored_as("span").span.status.code, StatusCode::Error);
}

#[test]
fn a_name_that_is_recorded_late_is_the_exported_spans() {
    let both = Both::new();
    both.run(|| {
        let span = info_span!("span", otel.name = field::Empty).entered();
        span.record("otel.name", "GET /agents");
    });
    assert_eq!(both.exported()[0].name, "GET /agents");
}
