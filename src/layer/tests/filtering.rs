//! What the layer sees, and how trees stay whole around what it does not see.

use tracing::{Level, Subscriber, debug, info, info_span, span, trace};
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

use super::{Records, event_names, layer};
use crate::layer::{AgentFilter, Limits, SpanExt};

/// Beside a layer that sees everything, so that what the filter rejects exists.
fn capture_filtered<F>(filter: F, program: impl FnOnce()) -> Records
where
    F: tracing_subscriber::layer::Filter<Registry> + Send + Sync + 'static,
{
    let (layer, collector) = layer::<Registry>(Limits::default());
    let everything = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter)).with(everything);
    tracing::subscriber::with_default(subscriber, program);
    collector.records()
}

#[test]
fn info_from_everywhere_debug_from_frameworks_nothing_of_our_own() {
    let records = capture_filtered(AgentFilter::new(), || {
        let _app = info_span!(target: "app", "app").entered();
        debug!(target: "app", "app debug");
        debug!(target: "swiftide_agents::agent", "payload");
        trace!(target: "swiftide_agents::agent", "trace");
        info!(target: "tracing_agents", "own");
        info!(target: "tracing_agents_demo", "a user's crate");
        info!(target: "opentelemetry_sdk", "exporter");
        drop(span!(target: "app", Level::DEBUG, "debug span"));
        drop(info_span!(target: "tracing_agents::pipeline", "own span"));
    });
    assert_eq!(records.names(), ["app"]);
    assert_eq!(event_names(records.named("app")), ["payload", "a user's crate"]);
}

#[test]
fn its_answer_depends_on_the_callsite_alone() {
    let under = |filter| {
        let (layer, _) = layer::<Registry>(Limits::default());
        tracing_subscriber::registry().with(layer.behind(filter))
    };
    let (wanted, unwanted) = tracing::subscriber::with_default(tracing_subscriber::registry(), || {
        let (wanted, unwanted) = (info_span!(target: "app", "wanted"), span!(target: "app", Level::DEBUG, "unwanted"));
        (wanted.metadata().unwrap(), unwanted.metadata().unwrap())
    });
    let on = under(AgentFilter::new());
    assert!(on.register_callsite(wanted).is_always());
    assert!(on.register_callsite(unwanted).is_never());
    assert_eq!(on.max_level_hint(), Some(LevelFilter::DEBUG));

    let off = under(AgentFilter::off());
    assert!(off.register_callsite(wanted).is_never());
    assert_eq!(off.max_level_hint(), Some(LevelFilter::OFF));
}

#[test]
fn a_filtered_parent_is_skipped_towards_the_nearest_known_ancestor() {
    let records = capture_filtered(FilterFn::new(|metadata| metadata.target() != "hidden"), || {
        let _outer = info_span!(target: "app", "outer").entered();
        let hidden = info_span!(target: "hidden", "hidden").entered();
        info!(target: "app", "inside hidden");
        assert_eq!(hidden.traceparent(), None, "a span that is not recorded has no ids");
        hidden.record_attribute("lost", 1);
        drop(info_span!(target: "app", "contextual"));
        drop(info_span!(target: "app", parent: &*hidden, "explicit"));
    });
    let outer = records.named("outer");
    assert_eq!(records.named("contextual").parent_span_id, Some(outer.span_id));
    assert_eq!(records.named("explicit").parent_span_id, Some(outer.span_id));
    assert_eq!(event_names(outer), ["inside hidden"]);
    assert!(outer.attributes.is_empty());
}

#[test]
fn a_detached_child_below_a_filtered_span_still_ends_its_ancestor_right() {
    let wait = std::time::Duration::from_millis(30);
    let records = capture_filtered(FilterFn::new(|metadata| metadata.target() != "hidden"), || {
        let outer = info_span!(target: "app", "outer");
        let hidden = outer.in_scope(|| info_span!(target: "hidden", "hidden"));
        let child = hidden.in_scope(|| info_span!(target: "app", "child"));
        drop((outer, hidden));
        std::thread::sleep(wait);
        drop(child);
    });
    let (outer, child) = (records.named("outer"), records.named("child"));
    assert_eq!(child.parent_span_id, Some(outer.span_id));
    assert!(outer.end_ns.unwrap() < child.end_ns.unwrap() - i64::try_from(wait.as_nanos()).unwrap() / 2);
}

#[test]
fn its_own_filter_keeps_nothing_of_recorded_spans_back_and_lets_nothing_of_others_in() {
    let (layer, collector) = layer::<Registry>(Limits::default());
    let everything = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    let subscriber = tracing_subscriber::registry().with(layer.behind(AgentFilter::new())).with(everything);
    tracing::subscriber::with_default(subscriber, || {
        let first = info_span!(target: "app", "first");
        let hidden = span!(target: "app", Level::DEBUG, "hidden", answer = tracing::field::Empty);
        let ids = [first.id(), hidden.id()];
        drop(first);
        let second = info_span!(target: "app", "second", answer = tracing::field::Empty);
        hidden.in_scope(|| {
            hidden.record("answer", 1);
        });
        hidden.follows_from(&second);
        second.follows_from(&hidden);
        drop(hidden);
        for id in ids {
            second.follows_from(id);
        }
        second.in_scope(|| {
            second.record("answer", 2);
        });
    });
    let records = collector.records();
    let (first, second) = (records.named("first"), records.named("second"));
    assert_eq!(records.names().len(), 2);
    assert_eq!(second.links, [crate::model::Link::new(first.trace_id, first.span_id)], "it had closed by then");
    assert_eq!(second.attributes.get("answer"), Some(&crate::model::Value::I64(2)));
}
