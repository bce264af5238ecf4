//! Remote parents without OpenTelemetry: the same with and without a provider.

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::info_span;
use tracing_agents::model::Span;
use tracing_agents::{AgentTracing, ErrorKind, SpanExt, SpanFilter};
use tracing_subscriber::prelude::*;

use crate::support::PATIENCE;

const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Runs `program` with a provider and without.
fn each(program: impl Fn(), check: impl Fn(&AgentTracing, &dyn Fn(&str) -> Span)) {
    for has_provider in [false, true] {
        let mut builder = AgentTracing::builder("sqlite::memory:");
        if has_provider {
            builder = builder.tracer_provider(SdkTracerProvider::builder().build());
        }
        let tracing = builder.open().unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), &program);
        tracing.force_flush(PATIENCE).unwrap();
        let spans = tracing.repository().spans(&SpanFilter::new()).unwrap().items;
        check(&tracing, &|name| {
            let mut found = spans.iter().filter(|span| span.name == name);
            let span = found.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}")).clone();
            assert!(found.next().is_none(), "several {name}");
            span
        });
    }
}

#[test]
fn a_request_continues_the_callers_trace() {
    each(
        || {
            let server = info_span!("server").entered();
            let request = info_span!("request");
            request.set_remote_parent(HEADER, Some("rojo=1,congo=2")).unwrap();
            let told = request.traceparent().unwrap();
            assert!(told.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && told.ends_with("-01"), "{told}");
            request.in_scope(|| info_span!("inside").in_scope(|| ()));
            drop(info_span!(parent: &request, "never entered"));
            drop(server);
        },
        |tracing, span| {
            let request = span("request");
            assert_eq!(request.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
            assert_eq!(request.parent_span_id.unwrap().to_string(), "00f067aa0ba902b7");
            assert!(request.parent_is_remote);
            for name in ["inside", "never entered"] {
                let child = span(name);
                assert_eq!((child.trace_id, child.parent_span_id), (request.trace_id, Some(request.span_id)), "{name}");
                assert!(!child.parent_is_remote);
                let content = tracing.repository().span(child.trace_id, child.span_id).unwrap().content;
                assert_eq!((content.trace_state.as_str(), content.flags & 0xff), ("rojo=1,congo=2", 1));
            }
            let content = tracing.repository().span(request.trace_id, request.span_id).unwrap().content;
            assert_eq!((content.trace_state.as_str(), content.flags), ("rojo=1,congo=2", 0x301));
            assert_ne!(span("server").trace_id, request.trace_id);
        },
    );
}

#[test]
fn a_malformed_header_is_an_error_that_says_what_is_wrong() {
    each(
        || {
            let span = info_span!("span");
            let error = span.set_remote_parent(&HEADER.to_uppercase(), None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("trace id is not 32 lower-case"), "{error}");
            span.in_scope(|| ());
        },
        |_, span| assert_eq!(span("span").parent_span_id, None),
    );
}

#[test]
fn a_malformed_trace_state_counts_as_not_sent() {
    each(
        || info_span!("span").set_remote_parent(HEADER, Some("no state")).unwrap(),
        |tracing, span| {
            let span = span("span");
            assert!(span.parent_is_remote);
            assert_eq!(tracing.repository().span(span.trace_id, span.span_id).unwrap().content.trace_state, "");
        },
    );
}

#[test]
fn once_a_span_has_begun_it_keeps_its_parent() {
    each(
        || {
            let late = |span: &tracing::Span| {
                let error = span.set_remote_parent(HEADER, None).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TooLate, "{error}");
                assert!(error.to_string().contains("before the span is entered"), "{error}");
            };
            let entered = info_span!("entered");
            entered.in_scope(|| late(&entered));
            let parent = info_span!("parent");
            let child = info_span!(parent: &parent, "child");
            late(&parent);
            drop(child);
            let told = info_span!("told");
            let _ = told.traceparent();
            late(&told);
            let followed = info_span!("followed");
            info_span!("follower").follows_from(&followed);
            late(&followed);
            let twice = info_span!("twice");
            twice.set_remote_parent(HEADER, None).unwrap();
            twice.in_scope(|| late(&twice));
        },
        |_, span| {
            for name in ["entered", "parent", "told", "followed"] {
                assert_eq!(span(name).parent_span_id, None, "{name}");
            }
        },
    );
}

#[test]
fn nobody_minds_a_span_that_is_not_recorded() {
    info_span!("nobody's").set_remote_parent(HEADER, None).unwrap();
    tracing::Span::none().set_remote_parent(HEADER, None).unwrap();
}

#[test]
fn without_a_sampler_the_callers_flag_is_handed_on_and_the_span_is_stored() {
    let tracing = AgentTracing::open("sqlite::memory:").unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), || {
        let request = info_span!("request");
        request.set_remote_parent(&HEADER.replace("b7-01", "b7-00"), None).unwrap();
        let inside = request.in_scope(|| info_span!("inside"));
        assert!(inside.traceparent().unwrap().ends_with("-00"));
    });
    tracing.force_flush(PATIENCE).unwrap();
    assert_eq!(tracing.health().stored, 2);
}
