//! `OpenTelemetrySpanExt` works wherever the layer stands.

use opentelemetry::Context;
use opentelemetry::trace::{Status, TraceContextExt as _};
use tracing::{Dispatch, info_span};
use tracing_agents::SpanExt;
use tracing_agents::model::{StatusCode, Value};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::layer as fmt;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Registry, registry};

use super::{Both, exported_values, remote, stored_values};

fn works(shape: &str, subscriber: impl FnOnce(&Both) -> Dispatch) {
    let both = Both::new();
    let subscriber = subscriber(&both);
    tracing::dispatcher::with_default(&subscriber, || {
        let span = info_span!("span", own = 1_u64);
        span.set_parent(Context::new().with_remote_span_context(remote(7, 8, true))).unwrap();
        span.set_attribute("before", "it began");
        let _entered = span.enter();
        assert_eq!(span.context().span().span_context().span_id().to_string(), span.span_id().unwrap().to_string());
        span.set_attribute("after", "it began");
        span.add_link(remote(3, 4, true));
        span.add_event("happened", vec![]);
        span.set_status(Status::error("failed"));
        span.record_output("an answer");
        info_span!("child").in_scope(|| ());
    });
    both.assert_same();
    let (stored, exported) = (both.stored_as("span"), both.exported_as("span"));
    assert!(stored.span.parent_is_remote, "{shape}");
    for key in ["before", "after"] {
        assert_eq!(stored_values(&stored, key), [Value::Str("it began".to_owned())], "{shape}: {key}");
    }
    assert_eq!((stored.content.links.len(), stored.content.events.len()), (1, 1), "{shape}");
    assert_eq!(stored.span.status.code, StatusCode::Error, "{shape}");
    assert_eq!(exported_values(&exported, "output.value").len(), 1, "{shape}");
}

#[test]
fn opentelemetrys_extension_works_in_every_shape() {
    let sink = || fmt::<Registry>().with_writer(std::io::sink);
    works("plain", |both| registry().with(both.tracing.unfiltered_layer()).into());
    works("its own filter", |both| registry().with(both.tracing.layer()).into());
    works("another filter", |both| {
        registry().with(both.tracing.unfiltered_layer().with_filter(LevelFilter::INFO)).into()
    });
    works("filtered twice", |both| registry().with(both.tracing.layer().with_filter(LevelFilter::DEBUG)).into());
    works("optional", |both| registry().with(Some(both.tracing.layer())).into());
    works("boxed", |both| registry().with(both.tracing.layer().boxed()).into());
    works("in a list", |both| registry().with(vec![both.tracing.layer().boxed(), sink().boxed()]).into());
    works("behind another", |both| registry().with(sink().and_then(both.tracing.unfiltered_layer())).into());
    works("before another", |both| registry().with(both.tracing.unfiltered_layer().and_then(sink())).into());
    works("above others", |both| registry().with(sink()).with(LevelFilter::DEBUG).with(both.tracing.layer()).into());
    works("below others", |both| {
        registry().with(both.tracing.layer()).with(fmt().with_writer(std::io::sink)).with(LevelFilter::INFO).into()
    });
    works("unlike its neighbour", |both| {
        let errors_only = sink().with_filter(LevelFilter::ERROR);
        registry().with(errors_only).with(both.tracing.layer()).into()
    });
}
