//! `follows_from` becomes a link, also to a span that has closed.

use tracing::{Span, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{capture, capture_within, layer};
use crate::layer::Limits;
use crate::model::Link;

#[test]
fn follows_from_open_and_closed_spans() {
    let records = capture(|| {
        let first = info_span!("first");
        let second = info_span!("second");
        second.follows_from(&first);
        let (first_id, second_id) = (first.id(), second.id());
        drop((first, second));
        let third = info_span!("third");
        third.follows_from(first_id);
        third.follows_from(second_id);
        third.follows_from(tracing::span::Id::from_u64(u64::MAX / 2));
    });
    let (first, second, third) = (records.named("first"), records.named("second"), records.named("third"));
    let to = |span: &crate::model::SpanRecord| Link::new(span.trace_id, span.span_id);
    assert_eq!(second.links, [to(first)]);
    assert_eq!(third.links, [to(first), to(second)], "an id that nobody knows is no link");
}

#[test]
fn closed_spans_are_forgotten_in_the_end() {
    let records = capture(|| {
        let first = info_span!("first");
        let id = first.id();
        drop(first);
        for _ in 0..100_000 {
            drop(info_span!("more"));
        }
        info_span!("last").follows_from(id);
    });
    assert_eq!(records.named("last").links, []);
}

#[test]
fn no_limit_drops_the_only_way_over_a_boundary() {
    let limits = Limits { links: 0, ..Limits::default() };
    let records = capture_within(limits, || {
        let connection = info_span!(target: "rmcp::service", "serve_inner");
        let request = info_span!(parent: &connection, "request");
        request.follows_from(&connection);
        drop(info_span!(target: "rmcp::service", parent: &request, "inside"));
    });
    let (connection, request, inside) =
        (records.named("serve_inner"), records.named("request"), records.named("inside"));
    let to: Vec<_> = request.links.iter().map(|link| (link.trace_id, link.span_id)).collect();
    assert_eq!((to, request.dropped_links), (vec![(connection.trace_id, connection.span_id)], 1));
    assert_eq!((inside.trace_id, inside.parent_span_id), (request.trace_id, Some(request.span_id)));
}

#[test]
fn a_trace_below_thousands_of_boundaries_is_freed_without_a_deep_stack() {
    const DEPTH: usize = 5_000;
    let deep = || {
        let (layer, collector) = layer::<Registry>(Limits::default());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let serve_inner = |outer| info_span!(target: "rmcp::service", parent: outer, "serve_inner");
            let mut spans = vec![serve_inner(None)];
            for _ in 1..DEPTH {
                spans.push(serve_inner(spans.last().and_then(Span::id)));
            }
            while spans.pop().is_some() {}
        });
        let mut spans = std::mem::take(&mut *collector.0.lock().unwrap());
        assert!(spans.iter().map(|span| span.record()).all(|record| record.parent_span_id.is_none()));
        // The innermost last: then everything hangs on it.
        while spans.pop().is_some() {}
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(deep).unwrap().join().unwrap();
}
