//! A span at its limits: memory stays bounded, and what decides about the span is not what gets lost.

use tracing::{error, field as value, info, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{capture_within, layer};
use crate::field;
use crate::layer::{Limits, SpanExt};
use crate::model::{StatusCode, Usage, Value};
use crate::pipeline::PendingSpan;

fn tight() -> Limits {
    Limits { attributes: 2, events: 2, links: 1, event_attributes: 1, ..Limits::default() }
}

#[test]
fn what_is_dropped_takes_no_memory() {
    let (layer, _) = layer::<Registry>(tight());
    let state = std::sync::Arc::clone(&layer.recorder().state);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let span = info_span!("endless", a = 1, b = 2, c = value::Empty, d = value::Empty, e = value::Empty);
        let other = info_span!("other");
        let text = "x".repeat(100);
        let once = || {
            span.record("c", text.as_str()).record("d", value::debug(&text)).record("e", &b"0123456789"[..]);
            span.record_attribute("f", text.as_str()).record_attribute("g", vec![Value::from(text.as_str())]);
            span.record_failure(&text).follows_from(&other);
            span.in_scope(|| info!(x = text.as_str(), y = text.as_str(), "event {text}"));
        };
        (0..3).for_each(|_| once());
        let slot = state.table.get(&span.id().unwrap()).unwrap();
        let full = slot.size();
        (0..1000).for_each(|_| once());
        assert_eq!(slot.size(), full);
        let record = slot.record();
        assert_eq!((record.attributes.len(), record.dropped_attributes), (2, 5 * 1003));
        assert_eq!((record.events.len(), record.dropped_events), (2, 2 * 1003 - 2));
    });
}

#[test]
fn an_error_after_too_many_events_still_fails_the_span() {
    let records = capture_within(tight(), || {
        let (with_message, with_field) = (info_span!("message"), info_span!("field"));
        for span in [&with_message, &with_field] {
            span.in_scope(|| (0..5).for_each(|n| info!(n, "step")));
        }
        with_message.in_scope(|| error!("no luck"));
        with_field.in_scope(|| error!(error = %"refused"));
        info_span!("told").record_failure("told").in_scope(|| {
            (0..5).for_each(|n| info!(n, "step"));
            error!("later");
        });
        info_span!("fine").in_scope(|| (0..5).for_each(|n| info!(n, "step")));
    });
    for (name, message) in [("message", "no luck"), ("field", "refused"), ("told", "told")] {
        let status = &records.named(name).status;
        assert_eq!((status.code, status.message.as_str()), (StatusCode::Error, message), "{name}");
    }
    assert_eq!(records.named("fine").status.code, StatusCode::Unset);
}

#[test]
fn a_count_that_is_recorded_for_ever_is_the_last_one() {
    let records = capture_within(tight(), || {
        let span = info_span!("stream");
        for count in 1..=100 {
            span.record_usage(Usage::new(7, count));
        }
        span.record_attribute("other", 1);
    });
    let span = records.named("stream");
    assert_eq!(
        super::pairs(&span.attributes),
        [(field::INPUT_TOKENS, Value::U64(7)), (field::OUTPUT_TOKENS, Value::U64(100))]
    );
    assert_eq!(span.dropped_attributes, 199);
}
