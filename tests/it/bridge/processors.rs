//! Samplers, processors and exporters that trace themselves.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tracing::{info, info_span};
use tracing_agents::SpanExt;

use super::Both;

/// Does what a careless processor does.
#[derive(Debug)]
struct Traces;

fn trace(is_end: bool) {
    let current = tracing::Span::current();
    current.record("late", 1_u64);
    current.record_attribute("processor", "was here");
    let _ = (current.trace_id(), current.traceparent());
    // A registry never lets go of a span that closes while another one does, nor of that span's parent.
    let span = if is_end { info_span!(parent: None, "processing") } else { info_span!("processing") }.entered();
    span.record_output("done");
    info!("inside of the processor");
    if !is_end {
        info_span!("deeper").in_scope(|| info!("deeper"));
    }
}

impl SpanProcessor for Traces {
    fn on_start(&self, _: &mut Span, _: &Context) {
        trace(false);
    }

    fn on_end(&self, _: SpanData) {
        trace(true);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[test]
fn a_processor_that_traces_neither_waits_for_itself_nor_recurses() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let both = Both::of(|builder| builder.with_span_processor(Traces));
        both.run(|| {
            let outer = info_span!("outer", late = tracing::field::Empty).entered();
            info_span!("inner", late = tracing::field::Empty).in_scope(|| info!("working"));
            let asked = info_span!("asked");
            let _ = asked.span_id();
            info_span!(parent: &info_span!("explicit"), "below").in_scope(|| ());
            drop(outer);
        });
        done.send(both).unwrap();
    });
    let both = is_done.recv_timeout(crate::support::PATIENCE).expect("a deadlock");
    both.assert_same();
    let mut names: Vec<_> = both.exported().iter().map(|span| span.name.to_string()).collect();
    names.sort();
    assert_eq!(names, ["asked", "below", "explicit", "inner", "outer"], "what a processor does is nobody's span");
    let events: Vec<_> = both.stored_as("inner").content.events.iter().map(|event| event.name.clone()).collect();
    assert_eq!(events, ["working"]);
}
