//! `SpanExt`: facts without declared fields, and no harm where nobody listens.

use std::io;

use tracing::{Span, info, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{capture, layer, pairs, text};
use crate::field;
use crate::layer::{Limits, SpanExt};
use crate::model::{Message, Role, StatusCode, Usage, Value};

#[test]
fn everything_that_can_be_said_of_a_span() {
    let records = capture(|| {
        let model = info_span!("chat");
        model
            .record_usage(Usage::new(812, 96).with_cache_read(0))
            .record_input("question")
            .record_output(serde_json::json!({"answer": 42}))
            .record_messages(&[Message::text(Role::User, "question")], &[]);
        let tool = info_span!("tool");
        tool.record_tool_call("search", Some("call-1"), r#"{"q":1}"#).record_tool_result("found");
        tool.record_run("r").record_session("s").record_user("u");
        tool.record_attribute(String::from("made at run time"), 1.5);
        info_span!("tool without id").record_tool_call("search", None, Value::Null);
    });
    assert_eq!(
        pairs(&records.named("chat").attributes),
        [
            (field::INPUT_TOKENS, Value::U64(812)),
            (field::OUTPUT_TOKENS, Value::U64(96)),
            (field::CACHE_READ_TOKENS, Value::U64(0)),
            (field::INPUT, text("question")),
            (field::OUTPUT, Value::Map(vec![("answer".to_owned(), Value::I64(42))])),
            (field::INPUT_MESSAGES, text(r#"[{"role":"user","parts":[{"type":"text","content":"question"}]}]"#)),
        ]
    );
    assert_eq!(
        pairs(&records.named("tool").attributes),
        [
            (field::TOOL_NAME, text("search")),
            (field::TOOL_CALL_ID, text("call-1")),
            (field::TOOL_ARGUMENTS, text(r#"{"q":1}"#)),
            (field::TOOL_RESULT, text("found")),
            (field::RUN_ID, text("r")),
            (field::SESSION_ID, text("s")),
            (field::USER_ID, text("u")),
            ("made at run time", Value::F64(1.5)),
        ]
    );
    assert_eq!(
        pairs(&records.named("tool without id").attributes),
        [(field::TOOL_NAME, text("search")), (field::TOOL_ARGUMENTS, Value::Null)]
    );
}

#[test]
fn an_error_is_a_status_and_an_exception_event() {
    let records = capture(|| {
        info_span!("error").record_error(&io::Error::other(io::Error::other("refused")));
        info_span!("failure").record_failure("gave up").record_failure("gave up again");
    });
    let error = records.named("error");
    assert_eq!((error.status.code, error.status.message.as_str()), (StatusCode::Error, "refused"));
    assert_eq!(error.events[0].name, "exception");
    assert_eq!(pairs(&error.events[0].attributes), [("exception.message", text("refused"))]);
    assert!(error.events[0].callsite.is_none());

    let failure = records.named("failure");
    assert_eq!(failure.status.message, "gave up again");
    assert_eq!(failure.events.len(), 2);
}

#[test]
fn ids_are_those_of_the_record() {
    let mut seen = None;
    let records = capture(|| {
        let span = info_span!("span");
        seen = Some((span.trace_id().unwrap(), span.span_id().unwrap(), span.traceparent().unwrap()));
    });
    let span = records.named("span");
    let (trace_id, span_id, traceparent) = seen.unwrap();
    assert_eq!((trace_id, span_id), (span.trace_id, span.span_id));
    assert_eq!(traceparent, format!("00-{}-{}-01", span.trace_id, span.span_id));
}

#[test]
fn works_on_the_current_span_and_does_nothing_without_one() {
    let records = capture(|| {
        info_span!("span").in_scope(|| {
            Span::current().record_output("x");
        });
        assert_eq!(Span::current().record_output("nowhere").traceparent(), None);
        assert_eq!(Span::none().record_failure("nowhere").trace_id(), None);
    });
    assert_eq!(pairs(&records.named("span").attributes), [(field::OUTPUT, text("x"))]);
}

#[test]
fn does_nothing_under_a_subscriber_without_the_layer() {
    tracing::subscriber::with_default(tracing_subscriber::registry(), || {
        let span = info_span!("span");
        assert!(!span.is_disabled());
        span.record_usage(Usage::new(1, 2)).record_error(&io::Error::other("x")).record_messages(&[], &[]);
        assert_eq!((span.trace_id(), span.span_id(), span.traceparent()), (None, None, None));
    });
    // And without any subscriber.
    assert_eq!(info_span!("span").record_input(1_u64).span_id(), None);
}

#[test]
fn slots_that_are_used_again_carry_nothing_over() {
    let limits = Limits { attributes: 4, events: 1, links: 1, event_attributes: 1, value_bytes: 8 };
    let (layer, collector) = layer::<Registry>(limits);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let other = info_span!("other");
        for _ in 0..3 {
            let full = info_span!("full", a = 1, b = "0123456789", c = ?Some(1), d = 4, e = 5);
            full.follows_from(&other);
            full.follows_from(&other);
            full.record_session("s").record_failure("failed");
            full.in_scope(|| info!(x = 1, y = 2, "event"));
            drop(full);
            let empty = info_span!(parent: None, "empty");
            let child = info_span!(parent: &empty, "child");
            drop(child);
            drop(empty);
            // Making the records gives the slots back.
            let records = collector.records();
            assert_eq!(records.names(), ["full", "child", "empty"]);
            for record in &records.0[1..] {
                assert!(record.attributes.is_empty() && record.events.is_empty() && record.links.is_empty());
                assert!(record.inherited.is_empty());
                assert_eq!(record.status.code, StatusCode::Unset);
                let lost = (record.dropped_attributes, record.dropped_events, record.dropped_links);
                assert_eq!((lost, record.truncated_bytes), ((0, 0, 0), 0));
            }
            assert_eq!(records.0[0].dropped_links, 1);
        }
    });
}
