//! `#[instrument]`, span macros, fields, late fields, events.

use std::fmt::Display;

use tracing::{Instrument, Span, error, field, info, info_span, instrument, span, warn};

use super::{capture, capture_async, debug, event_names, pairs, text};
use crate::model::{SpanState, Value};

#[instrument(fields(stage = "first", tokens = field::Empty))]
fn answer(question: &str, limit: u64) -> String {
    Span::current().record("tokens", 42_u64);
    info!(found = 3, "looked it up");
    question.to_uppercase()
}

#[test]
fn an_instrumented_function_is_a_span_with_typed_arguments() {
    let records = capture(|| {
        answer("why", 7);
    });
    let span = records.named("answer");
    assert_eq!(
        pairs(&span.attributes),
        [("question", text("why")), ("limit", Value::U64(7)), ("stage", text("first")), ("tokens", Value::U64(42))]
    );
    assert_eq!(span.state, SpanState::Closed);
    assert!(span.end_ns.unwrap() >= span.start_ns);
    assert_eq!(span.parent_span_id, None);
    assert_eq!(event_names(span), ["looked it up"]);
    assert_eq!(pairs(&span.events[0].attributes), [("found", Value::I64(3))]);
    let event_time = span.events[0].time_ns;
    assert!((span.start_ns..=span.end_ns.unwrap()).contains(&event_time));

    let callsite = span.callsite.as_deref().unwrap();
    assert_eq!(callsite.name, "answer");
    assert_eq!(callsite.target, module_path!());
    assert_eq!(callsite.level, "INFO");
    assert!(callsite.file.as_deref().unwrap().ends_with("capture.rs"));
    assert!(callsite.line.is_some());
    assert_eq!(callsite.fields, ["question", "limit", "stage", "tokens"]);
    assert_eq!(span.scope.name, "tests");
}

#[instrument(ret, err)]
fn divide(a: i64, b: i64) -> Result<i64, String> {
    if b == 0 { Err("division by zero".to_owned()) } else { Ok(a / b) }
}

#[test]
fn err_and_ret_are_events() {
    let records = capture(|| {
        divide(6, 3).unwrap();
    });
    let span = records.named("divide");
    assert_eq!(pairs(&span.events[0].attributes), [("return", debug("2"))]);
    assert!(span.events[0].name.starts_with("event "), "without message: the callsite's name");

    let records = capture(|| {
        divide(1, 0).unwrap_err();
    });
    let event = &records.named("divide").events[0];
    assert_eq!(pairs(&event.attributes), [("error", debug("division by zero"))]);
    assert_eq!(event.callsite.as_deref().unwrap().level, "ERROR");
}

#[instrument(skip_all, fields(kind = std::any::type_name::<T>()))]
fn generic<T: Display>(value: T) -> String {
    value.to_string()
}

#[test]
fn each_instance_of_a_generic_function_is_a_span() {
    let records = capture(|| {
        generic(1_u8);
        generic("x");
    });
    let kinds: Vec<_> = records.0.iter().map(|record| record.attributes.get("kind").unwrap().clone()).collect();
    assert_eq!(kinds, [text("u8"), text("&str")]);
}

#[instrument]
async fn research(topic: &str) -> usize {
    tokio::task::yield_now().await;
    look_up(topic).await.len()
}

#[instrument(skip_all)]
async fn look_up(topic: &str) -> String {
    tokio::task::yield_now().await;
    info!("found");
    topic.repeat(2)
}

#[test]
fn async_functions_keep_their_tree() {
    let records = capture_async(async {
        tokio::spawn(async { research("rust").await }).await.unwrap();
    });
    let (outer, inner) = (records.named("research"), records.named("look_up"));
    assert_eq!(inner.parent_span_id, Some(outer.span_id));
    assert_eq!(inner.trace_id, outer.trace_id);
    assert_eq!(event_names(inner), ["found"]);
    assert_eq!(event_names(outer), [""; 0]);
}

#[test]
fn repeated_and_late_fields_keep_their_order() {
    let records = capture(|| {
        let span = info_span!("chat", model = "a", usage = field::Empty, text = field::Empty);
        span.record("usage", 1_u64);
        span.record("text", "");
        span.record("usage", 2_u64);
        span.record("text", "done");
        span.record("undeclared", 1);
    });
    assert_eq!(
        pairs(&records.named("chat").attributes),
        [
            ("model", text("a")),
            ("usage", Value::U64(1)),
            ("text", text("")),
            ("usage", Value::U64(2)),
            ("text", text("done")),
        ]
    );
}

#[test]
fn a_declared_field_without_value_stays_known() {
    let records = capture(|| {
        let _span = info_span!("chat", answer = field::Empty);
    });
    let span = records.named("chat");
    assert!(span.attributes.is_empty());
    assert_eq!(span.callsite.as_deref().unwrap().fields, ["answer"]);
}

#[test]
fn manual_spans_and_all_levels_are_captured() {
    let records = capture(|| {
        let _trace = span!(target: "elsewhere", tracing::Level::TRACE, "deep").entered();
        let _nameless = info_span!("").entered();
    });
    assert_eq!(records.names(), ["", "deep"]);
    assert_eq!(records.named("deep").callsite.as_deref().unwrap().target, "elsewhere");
}

#[test]
fn events_keep_name_order_time_and_callsite() {
    let records = capture(|| {
        let span = info_span!("tool").entered();
        warn!(attempt = 1_u64, retry = true, "slow {}", "tool");
        error!(name: "failed", target: "provider", code = 429);
        info!(message = "plain");
        info!(message = 5);
        info!(parent: &span, "explicit");
        info!(parent: None, "nowhere");
    });
    let span = records.named("tool");
    assert_eq!(event_names(span), ["slow tool", "failed", "plain", "5", "explicit"]);
    assert_eq!(pairs(&span.events[0].attributes), [("attempt", Value::U64(1)), ("retry", Value::Bool(true))]);
    assert_eq!(pairs(&span.events[1].attributes), [("code", Value::I64(429))]);
    assert_eq!(span.events[1].callsite.as_deref().unwrap().target, "provider");
    assert!(span.events.iter().all(|event| event.attributes.get("message").is_none()));
    assert!(span.events.is_sorted_by_key(|event| event.time_ns));
}

#[test]
fn events_outside_of_spans_are_no_part_of_a_trace() {
    let records = capture(|| info!("alone"));
    assert!(records.0.is_empty());
}

#[test]
fn an_explicit_event_reaches_a_span_that_is_not_entered() {
    let records = capture(|| {
        let quiet = info_span!("quiet");
        let _loud = info_span!("loud").entered();
        info!(parent: &quiet, "for you");
    });
    assert_eq!(event_names(records.named("quiet")), ["for you"]);
    assert!(records.named("loud").events.is_empty());
}

#[test]
fn a_span_entered_on_several_threads_is_one_span() {
    let records = capture(|| {
        let span = info_span!("shared", n = field::Empty);
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        std::thread::scope(|scope| {
            for n in 0..4_u64 {
                let (span, dispatch) = (span.clone(), dispatch.clone());
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for _ in 0..100 {
                            span.in_scope(|| info!(n, "step"));
                        }
                        span.record("n", n);
                    });
                });
            }
        });
    });
    let span = records.named("shared");
    assert_eq!(span.events.len(), 400);
    for n in 0..4 {
        assert_eq!(span.events.iter().filter(|event| event.attributes.get("n") == Some(&Value::U64(n))).count(), 100);
    }
    assert_eq!(span.attributes.len(), 4);
}

#[test]
fn a_disabled_span_costs_and_records_nothing() {
    let records = capture(|| {
        let span = Span::none();
        span.record("x", 1);
        span.in_scope(|| info!("not in a span"));
        let future = async {}.instrument(Span::none());
        drop(future);
    });
    assert!(records.0.is_empty());
}
