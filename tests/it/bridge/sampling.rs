//! The provider decides what is recorded.

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::trace::Sampler;
use tracing::info_span;
use tracing_agents::SpanExt;
use tracing_agents::pipeline::Rejected;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{Both, remote};

#[test]
fn what_the_sampler_leaves_out_is_not_stored_and_counted() {
    let both =
        Both::of(|builder| builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.5)))));
    let mut sampled = 0;
    both.run(|| {
        for _ in 0..200 {
            let root = info_span!("root").entered();
            let flag = root.traceparent().unwrap();
            sampled += u64::from(flag.ends_with("-01"));
            info_span!("child").in_scope(|| ());
        }
    });
    both.assert_same();
    assert!((40..160).contains(&sampled), "{sampled}");
    let health = both.tracing.health();
    assert_eq!((health.stored, health.rejected.sampled_out), (2 * sampled, 2 * (200 - sampled)));
    assert_eq!((health.offered, health.rejected.total()), (400, 2 * (200 - sampled)));
}

#[test]
fn a_remote_parent_that_is_not_sampled_decides_for_its_trace() {
    let both = Both::new();
    both.run(|| {
        let by_context = info_span!("by context");
        by_context.set_parent(Context::new().with_remote_span_context(remote(7, 8, false))).unwrap();
        by_context.in_scope(|| info_span!("child").in_scope(|| ()));
        let by_header = info_span!("by header");
        by_header.set_remote_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", None).unwrap();
        assert!(by_header.traceparent().unwrap().ends_with("-00"));
        drop(by_header);
        drop(info_span!("another"));
    });
    both.assert_same();
    assert_eq!(both.stored_spans().iter().map(|span| span.name.as_str()).collect::<Vec<_>>(), ["another"]);
    assert_eq!(both.tracing.health().rejected.sampled_out, 3);
}

#[test]
fn nothing_is_recorded_where_telemetry_is_suppressed() {
    let both = Both::new();
    both.run(|| {
        let _outer = info_span!("outer").entered();
        let _quiet = Context::enter_telemetry_suppressed_scope();
        let span = info_span!("span").entered();
        assert_eq!(span.traceparent(), None);
        info_span!("inside").in_scope(|| ());
    });
    both.assert_same();
    let Rejected { sampled_out, .. } = both.tracing.health().rejected;
    assert_eq!((both.stored_spans().len(), sampled_out), (1, 2));
}

#[test]
fn spans_are_stored_also_after_the_provider_was_shut_down() {
    let both = Both::new();
    both.run(|| {
        let outer = info_span!("outer").entered();
        both.provider.shutdown().unwrap();
        let inner = info_span!("inner").entered();
        assert!(inner.traceparent().is_some());
        drop(inner);
        drop(outer);
        info_span!("later").in_scope(|| info_span!("below").in_scope(|| ()));
    });
    let (outer, inner) = (both.stored_as("outer").span, both.stored_as("inner").span);
    assert_eq!((inner.trace_id, inner.parent_span_id), (outer.trace_id, Some(outer.span_id)));
    let (later, below) = (both.stored_as("later").span, both.stored_as("below").span);
    assert_eq!((below.trace_id, below.parent_span_id), (later.trace_id, Some(later.span_id)));
    assert!(!later.trace_id.is_invalid());
}
