//! Running spans, as the worker sees them.

use std::sync::Arc;
use std::time::Duration;

use tracing::{field, info, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{event_names, layer, text};
use crate::layer::{Limits, SpanExt};
use crate::model::{SpanRecord, SpanState};
use crate::pipeline::LiveSpans;

/// Records of the spans that are open.
fn snapshot(live: &dyn LiveSpans) -> Vec<SpanRecord> {
    live.open(None).into_iter().map(|open| open.span.record()).collect()
}

#[test]
fn a_snapshot_shows_open_spans_as_far_as_they_have_come() {
    let (layer, collector) = layer::<Registry>(Limits::default());
    let live = Arc::clone(&layer.recorder().state) as Arc<dyn LiveSpans>;
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        assert_eq!(snapshot(&*live), []);
        let outer = info_span!("outer", model = field::Empty).entered();
        let inner = info_span!("inner").entered();
        outer.record("model", "m1");
        outer.record_session("s1");
        info!("working");

        let open = snapshot(&*live);
        assert_eq!(open.iter().map(|record| record.name.as_str()).collect::<Vec<_>>(), ["outer", "inner"]);
        assert!(open.iter().all(|record| record.state == SpanState::Open && record.end_ns.is_none()));
        assert_eq!(open[0].attributes.get("model"), Some(&text("m1")));
        assert_eq!(open[1].parent_span_id, Some(open[0].span_id));
        assert_eq!(open[1].inherited.session(), Some("s1"), "ids that came late are there");
        assert_eq!(event_names(&open[1]), ["working"]);

        drop(inner);
        let open = snapshot(&*live);
        assert_eq!(open.len(), 1);
        drop(outer);
        assert_eq!(snapshot(&*live), []);
    });
    assert_eq!(collector.records().names(), ["inner", "outer"]);
}

#[test]
fn a_span_with_two_ids_closes_with_the_last() {
    let (layer, collector) = layer::<Registry>(Limits::default());
    let state = Arc::clone(&layer.recorder().state);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let span = info_span!("span");
        let other = tracing::span::Id::from_u64(u64::MAX / 2);
        state.add_id(&span.id().unwrap(), &other);
        assert!(state.close(&other).is_none());
        assert!(collector.records().0.is_empty());
        drop(span);
    });
    assert_eq!(collector.records().names(), ["span"]);
}

#[test]
fn a_change_is_told_without_making_a_record_and_young_spans_are_not_looked_at() {
    let (layer, _collector) = layer::<Registry>(Limits::default());
    let live = Arc::clone(&layer.recorder().state) as Arc<dyn LiveSpans>;
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let outer = info_span!("outer", model = field::Empty).entered();
        let inner = info_span!("inner").entered();
        assert_eq!(live.open(Some(Duration::from_secs(3600))).len(), 0);
        let changes = || live.open(Some(Duration::ZERO)).iter().map(|open| open.changes).collect::<Vec<_>>();
        let mut before = changes();
        assert_eq!(before, changes(), "nothing has changed");
        let mut expect = |which: [bool; 2], what: &str| {
            let after = changes();
            let changed: Vec<_> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
            assert_eq!(changed, which, "{what}");
            before = after;
        };
        outer.record("model", "m1");
        expect([true, false], "a field");
        info!("working");
        expect([false, true], "an event");
        inner.follows_from(&outer);
        expect([false, true], "a link");
        outer.record_session("s1");
        expect([true, true], "an id that flows down");
    });
}
