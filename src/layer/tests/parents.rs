//! Which span is whose child.

use tracing::{Instrument, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{capture, capture_async, layer};
use crate::layer::Limits;

#[test]
fn contextual_explicit_and_root() {
    let records = capture(|| {
        let outer = info_span!("outer");
        let other = info_span!("other");
        outer.in_scope(|| {
            let _contextual = info_span!("contextual");
            let _explicit = info_span!(parent: &other, "explicit");
            let _by_id = info_span!(parent: other.id(), "by id");
            let _root = info_span!(parent: None, "root");
        });
    });
    let (outer, other) = (records.named("outer"), records.named("other"));
    assert_ne!(outer.trace_id, other.trace_id);
    for (child, parent) in [("contextual", outer), ("explicit", other), ("by id", other)] {
        let child = records.named(child);
        assert_eq!((child.trace_id, child.parent_span_id), (parent.trace_id, Some(parent.span_id)));
    }
    let root = records.named("root");
    assert_eq!(root.parent_span_id, None);
    assert_ne!(root.trace_id, outer.trace_id);
}

#[test]
fn a_child_lies_within_its_trace_in_time() {
    let records = capture(|| {
        let _outer = info_span!("outer").entered();
        drop(info_span!("inner").entered());
    });
    let (outer, inner) = (records.named("outer"), records.named("inner"));
    assert!(outer.start_ns <= inner.start_ns);
    assert!(inner.start_ns <= inner.end_ns.unwrap());
    assert!(inner.end_ns.unwrap() <= outer.end_ns.unwrap());
}

#[test]
fn a_spawned_task_is_a_child_only_when_told() {
    let records = capture_async(async {
        let run = info_span!("run");
        async {
            tokio::spawn(async {}.instrument(info_span!("told"))).await.unwrap();
            tokio::spawn(async { drop(info_span!("untold")) }).await.unwrap();
        }
        .instrument(run)
        .await;
    });
    let run = records.named("run");
    assert_eq!(records.named("told").parent_span_id, Some(run.span_id));
    assert_eq!(records.named("untold").parent_span_id, None);
    assert_ne!(records.named("untold").trace_id, run.trace_id);
}

#[test]
fn a_deep_trace_ends_in_order_and_without_a_deep_stack() {
    const DEPTH: usize = 100_000;
    let deep = || {
        let (layer, collector) = layer::<Registry>(Limits::default());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let mut spans = vec![info_span!("level")];
            for _ in 1..DEPTH {
                spans.push(info_span!(parent: spans.last().unwrap(), "level"));
            }
            while spans.pop().is_some() {}
        });
        let mut spans = std::mem::take(&mut *collector.0.lock().unwrap());
        let records: Vec<_> = spans.iter().map(|span| span.record()).collect();
        assert_eq!(records.len(), DEPTH);
        assert!(records.windows(2).all(|pair| pair[0].parent_span_id == Some(pair[1].span_id)));
        // The root goes first, and stays as long as its deepest descendant holds all that is between.
        spans.reverse();
        drop(spans);
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(deep).unwrap().join().unwrap();
}
