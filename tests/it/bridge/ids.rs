//! Ids, parents and times.

use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
use tracing::{Instrument, info_span};
use tracing_agents::SpanExt;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::prelude::*;

use super::{Both, remote};

#[test]
fn ids_parents_and_times_are_equal_on_both_sides() {
    let both = Both::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    both.run(|| {
        let root = info_span!("root").entered();
        info_span!("child").in_scope(|| info_span!("grandchild").in_scope(|| ()));
        drop(info_span!("never entered"));
        drop(info_span!(parent: None, "another root"));
        let waiting = info_span!("waiting");
        info_span!(parent: &waiting, "below one that was not entered").in_scope(|| ());
        runtime.block_on(async { info_span!("inner").in_scope(|| ()) }.instrument(info_span!("async")));
        drop(root);
    });
    assert_eq!(both.stored_spans().len(), 9);
    both.assert_same();
}

#[test]
fn ids_are_final_however_early_they_are_asked_for() {
    let both = Both::new();
    let told = both.run(|| {
        let span = info_span!("span");
        let traceparent = span.traceparent().unwrap();
        let told = (span.trace_id().unwrap(), span.span_id().unwrap());
        assert_eq!(traceparent, format!("00-{}-{}-01", told.0, told.1));
        assert_eq!(span.context().span().span_context().span_id().to_string(), told.1.to_string());
        span.in_scope(|| assert_eq!(span.span_id(), Some(told.1)));
        told
    });
    both.assert_same();
    let span = both.stored_as("span").span;
    assert_eq!((span.trace_id, span.span_id), told);
}

#[test]
fn follows_from_leads_to_spans_that_had_no_ids_yet_and_to_closed_ones() {
    let both = Both::new();
    both.run(|| {
        let closed = info_span!("closed");
        let closed_id = closed.id();
        drop(closed);
        let fresh = info_span!("fresh");
        let follower = info_span!("follower");
        follower.follows_from(&fresh);
        follower.follows_from(closed_id.clone());
        follower.in_scope(|| ());
        let started = info_span!("started");
        started.in_scope(|| started.follows_from(closed_id));
        drop(fresh);
    });
    both.assert_same();
    for (name, to) in [("follower", vec!["fresh", "closed"]), ("started", vec!["closed"])] {
        let to: Vec<_> = to.iter().map(|name| both.stored_as(name).span.span_id.to_string()).collect();
        let stored = both.stored_as(name).content.links;
        let stored: Vec<_> = stored.iter().map(|link| link.span_id.to_string()).collect();
        assert_eq!(stored, to, "{name}");
        let exported: Vec<_> =
            both.exported_as(name).links.iter().map(|link| link.span_context.span_id().to_string()).collect();
        assert_eq!(exported, stored, "{name}");
    }
}

#[test]
fn without_a_filter_links_to_closed_spans_are_on_both_sides() {
    let both = Both::new();
    let subscriber = tracing_subscriber::registry().with(both.tracing.unfiltered_layer());
    tracing::subscriber::with_default(subscriber, || {
        let closed = info_span!("closed");
        let id = closed.id();
        drop(closed);
        let before = info_span!("before");
        before.follows_from(id.clone());
        before.in_scope(|| ());
        let after = info_span!("after");
        after.in_scope(|| after.follows_from(id));
    });
    both.assert_same();
    let closed = both.stored_as("closed").span;
    for name in ["before", "after"] {
        let links = both.exported_as(name).links;
        let to: Vec<_> = links.iter().map(|link| link.span_context.span_id().to_string()).collect();
        assert_eq!(to, [closed.span_id.to_string()], "{name}");
        let links = both.stored_as(name).content.links;
        assert_eq!(links.iter().map(|link| link.span_id).collect::<Vec<_>>(), [closed.span_id], "{name}");
    }
}

#[test]
fn the_current_context_decides_whose_child_a_span_is() {
    let both = Both::new();
    let tracer = both.provider.tracer("native");
    both.run(|| {
        let _agent = info_span!("agent").entered();
        {
            let _remote = Context::current().with_remote_span_context(remote(7, 8, true)).attach();
            info_span!("below remote").in_scope(|| info_span!("below that").in_scope(|| ()));
        }
        tracer.in_span("native", |_| info_span!("below native").in_scope(|| ()));
        let _nothing = Context::new().attach();
        info_span!("below nothing").in_scope(|| ());
    });
    let (agent, below_remote, below_that) =
        (both.stored_as("agent").span, both.stored_as("below remote"), both.stored_as("below that").span);
    assert_eq!(below_remote.span.parent_span_id.unwrap().to_string(), "08".repeat(8));
    assert_eq!(below_remote.span.trace_id.to_string(), "07".repeat(16));
    assert!(below_remote.span.parent_is_remote && !below_that.parent_is_remote);
    assert_eq!(below_remote.content.trace_state, "vendor=1");
    assert_eq!(below_that.parent_span_id, Some(below_remote.span.span_id));
    let native = both.exported_as("native");
    assert_eq!(native.parent_span_id.to_string(), agent.span_id.to_string());
    let below_native = both.stored_as("below native").span;
    assert_eq!(below_native.parent_span_id.unwrap().to_string(), native.span_context.span_id().to_string());
    assert_eq!(below_native.trace_id, agent.trace_id);
    assert_eq!(both.stored_as("below nothing").span.parent_span_id, None);
}

#[test]
fn a_boundary_begins_a_new_trace_on_both_sides() {
    let both = Both::new();
    both.run(|| {
        let program = info_span!("program").entered();
        let connection = info_span!(target: "rmcp::service", "serve_inner");
        connection.in_scope(|| info_span!("request").in_scope(|| info_span!("inside").in_scope(|| ())));
        info_span!(parent: &connection, "named request").in_scope(|| ());
        let continued = info_span!(parent: &connection, "continued");
        continued.set_parent(Context::new().with_remote_span_context(remote(7, 8, true))).unwrap();
        continued.in_scope(|| ());
        drop(program);
    });
    both.assert_same();
    let connection = both.stored_as("serve_inner").span;
    for (name, beyond) in [
        ("serve_inner", "program"),
        ("request", "serve_inner"),
        ("named request", "serve_inner"),
        ("continued", "serve_inner"),
    ] {
        let stored = both.stored_as(name);
        let beyond = both.stored_as(beyond).span;
        assert_ne!(stored.span.trace_id, beyond.trace_id, "{name}");
        let links: Vec<_> = stored.content.links.iter().map(|link| (link.trace_id, link.span_id)).collect();
        assert_eq!(links, [(beyond.trace_id, beyond.span_id)], "{name}");
        let exported = both.exported_as(name);
        let links: Vec<_> = exported.links.iter().map(|link| link.span_context.span_id().to_string()).collect();
        assert_eq!(links, [beyond.span_id.to_string()], "{name}");
        let reason = exported.links.iter().flat_map(|link| &link.attributes).next().unwrap();
        assert_eq!((reason.key.as_str(), reason.value.as_str().as_ref()), ("agent_traces.link.reason", "boundary"));
        let is_remote = name == "continued";
        assert_eq!(
            (stored.span.parent_span_id.is_some(), stored.span.parent_is_remote),
            (is_remote, is_remote),
            "{name}"
        );
    }
    assert_ne!(connection.trace_id, both.stored_as("program").span.trace_id);
    let (request, inside) = (both.stored_as("request").span, both.stored_as("inside").span);
    assert_eq!((inside.trace_id, inside.parent_span_id), (request.trace_id, Some(request.span_id)));
}

#[test]
fn a_named_parent_that_a_filter_hides_stands_for_the_one_around_it() {
    let both = Both::new();
    let everything = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    let subscriber = tracing_subscriber::registry().with(everything).with(both.tracing.layer());
    tracing::subscriber::with_default(subscriber, || {
        let _outer = info_span!("outer").entered();
        let hidden = tracing::trace_span!("hidden");
        assert!(!hidden.is_disabled());
        info_span!(parent: &hidden, "child").in_scope(|| ());
    });
    both.assert_same();
    assert_eq!(both.stored_as("child").span.parent_span_id, Some(both.stored_as("outer").span.span_id));
}

#[test]
fn open_spans_are_stored_with_the_ids_that_others_know() {
    let both = Both::new();
    let dispatch = both.dispatch();
    tracing::dispatcher::with_default(&dispatch, || {
        let entered = info_span!("entered").entered();
        let fresh = info_span!(parent: &entered, "fresh");
        let known = entered.span_id();
        both.tracing.shutdown(crate::support::PATIENCE).unwrap();
        let spans = both.tracing.repository().spans(&tracing_agents::SpanFilter::new()).unwrap().items;
        assert_eq!(spans.len(), 2, "{spans:#?}");
        let of = |name| spans.iter().find(|span| span.name == name).unwrap();
        assert_eq!(Some(of("entered").span_id), known);
        assert_eq!(of("fresh").parent_span_id, known);
        assert_eq!(of("fresh").trace_id, of("entered").trace_id);
        drop(fresh);
    });
}
