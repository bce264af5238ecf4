//! What comes of spans that the program asked not to keep, and of those that wait for that decision.

use std::sync::mpsc::channel;

use super::fakes::{FakeSink, LONG, SharedLog, eventually, record, settings, start};
use crate::model::{SpanId, SpanRecord, SpanState, TraceId};
use crate::pipeline::{Receipt, Settings, TailSampling};

/// A child and the root of a trace of its own.
fn pair(name: &str) -> [SpanRecord; 2] {
    let [mut child, root] = [record(name), record(name)];
    (child.trace_id, child.parent_span_id) = (root.trace_id, Some(root.span_id));
    [child, root]
}

fn sampled(sampling: TailSampling) -> Settings {
    Settings { tail_sampling: Some(sampling), ..settings() }
}

#[test]
fn a_flush_does_not_wait_for_what_is_held_and_the_sums_hold_all_along() {
    let log = SharedLog::default();
    let pipeline = start(sampled(TailSampling::new().keep_share(1.0)), FakeSink::new(&log));
    let [child, root] = pair("kept");
    pipeline.inlet().accept(child).unwrap();
    pipeline.force_flush(LONG).unwrap();
    let health = pipeline.health();
    assert_eq!((health.held, health.stored, health.adds_up()), (1, 0, true), "{health:?}");
    pipeline.inlet().accept(root).unwrap();
    pipeline.force_flush(LONG).unwrap();
    let health = pipeline.health();
    assert_eq!((health.held, health.stored, health.adds_up()), (0, 2, true), "{health:?}");
    assert_eq!((log.count(), health.discarded.kept_traces.share), (2, 1));
}

#[test]
fn a_discarded_trace_is_counted_and_not_written() {
    let log = SharedLog::default();
    let pipeline = start(sampled(TailSampling::new().keep_errors()), FakeSink::new(&log));
    for span in pair("dull").into_iter().chain(pair("dull too")) {
        pipeline.inlet().accept(span).unwrap();
    }
    pipeline.force_flush(LONG).unwrap();
    let health = pipeline.health();
    assert_eq!((health.discarded.by_trace, health.discarded.traces, log.count()), (4, 2, 0));
    assert!(health.adds_up(), "{health:?}");
}

#[test]
fn who_delivers_spans_is_told_what_is_kept_back() {
    let log = SharedLog::default();
    let pipeline = start(sampled(TailSampling::new()), FakeSink::new(&log));
    let (sender, receiver) = channel();
    let [child, _] = pair("held");
    let spans = pair("dull").into_iter().chain([child]).collect();
    pipeline.inlet().deliver(spans, move |receipt| drop(sender.send(receipt))).unwrap();
    assert_eq!(receiver.recv_timeout(LONG).unwrap(), Receipt { kept_back: 3, ..Receipt::default() });
}

#[test]
fn a_shutdown_decides_on_what_is_held() {
    let log = SharedLog::default();
    let kept = start(sampled(TailSampling::new().keep_share(1.0)), FakeSink::new(&log));
    let [child, _] = pair("open to the end");
    kept.inlet().accept(child).unwrap();
    kept.shutdown(LONG).unwrap();
    let health = kept.health();
    assert_eq!((log.count(), health.stored, health.held, health.adds_up()), (1, 1, 0, true), "{health:?}");
}

#[test]
fn a_trace_that_has_nothing_new_is_decided_on_at_a_tick() {
    let log = SharedLog::default();
    let wait = std::time::Duration::from_millis(1);
    let sampling = TailSampling::new().keep_share(1.0).decision_wait(wait);
    let pipeline = start(Settings { scheduled_delay: wait, ..sampled(sampling) }, FakeSink::new(&log));
    let [child, _] = pair("its root is elsewhere");
    pipeline.inlet().accept(child).unwrap();
    eventually("the span is written", || log.count() == 1);
    assert!(pipeline.health().adds_up());
}

#[test]
fn a_span_is_open_for_all_to_see_only_in_a_trace_that_is_kept() {
    struct Running(TraceId);
    impl crate::pipeline::LiveSpans for Running {
        fn open(&self, _: Option<std::time::Duration>) -> Vec<crate::pipeline::OpenSpan> {
            let mut span = SpanRecord::new(self.0, SpanId::generate(), "running", 1);
            span.state = SpanState::Open;
            vec![crate::pipeline::OpenSpan::new(self.0, span.span_id, 0, std::sync::Arc::new(span))]
        }
    }
    let log = SharedLog::default();
    let wait = std::time::Duration::from_millis(1);
    let sampling = sampled(TailSampling::new().keep_errors());
    let live = Settings { live: true, live_after: std::time::Duration::ZERO, scheduled_delay: wait, ..sampling };
    let pipeline = start(live, FakeSink::new(&log));
    let [mut failed, _] = pair("failed");
    let running = std::sync::Arc::new(Running(failed.trace_id));
    pipeline.register_live(running.clone());
    std::thread::sleep(wait * 20);
    assert_eq!(log.count(), 0, "nothing speaks for it yet");
    failed.status.code = crate::model::StatusCode::Error;
    pipeline.inlet().accept(failed).unwrap();
    eventually("both are written", || log.count() >= 2);
}
