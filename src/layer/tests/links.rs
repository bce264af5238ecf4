//! `follows_from` becomes a link, also to a span that has closed.

use tracing::info_span;

use super::capture;
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
