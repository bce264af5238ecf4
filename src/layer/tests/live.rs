//! Running spans, as the worker sees them.

use std::sync::Arc;

use tracing::{field, info, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{event_names, layer, text};
use crate::layer::{Limits, SpanExt};
use crate::model::SpanState;
use crate::pipeline::LiveSpans;

#[test]
fn a_snapshot_shows_open_spans_as_far_as_they_have_come() {
    let (layer, collector) = layer::<Registry>(Limits::default());
    let live = Arc::clone(&layer.state) as Arc<dyn LiveSpans>;
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        assert_eq!(live.snapshot(), []);
        let outer = info_span!("outer", model = field::Empty).entered();
        let inner = info_span!("inner").entered();
        outer.record("model", "m1");
        outer.record_session("s1");
        info!("working");

        let open = live.snapshot();
        assert_eq!(open.iter().map(|record| record.name.as_str()).collect::<Vec<_>>(), ["outer", "inner"]);
        assert!(open.iter().all(|record| record.state == SpanState::Open && record.end_ns.is_none()));
        assert_eq!(open[0].attributes.get("model"), Some(&text("m1")));
        assert_eq!(open[1].parent_span_id, Some(open[0].span_id));
        assert_eq!(open[1].inherited.session(), Some("s1"), "ids that came late are there");
        assert_eq!(event_names(&open[1]), ["working"]);

        drop(inner);
        let open = live.snapshot();
        assert_eq!(open.len(), 1);
        drop(outer);
        assert_eq!(live.snapshot(), []);
    });
    assert_eq!(collector.records().names(), ["inner", "outer"]);
}

#[test]
fn a_span_with_two_ids_closes_with_the_last() {
    let (layer, collector) = layer::<Registry>(Limits::default());
    let state = Arc::clone(&layer.state);
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
