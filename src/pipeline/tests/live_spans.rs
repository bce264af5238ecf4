//! Open spans are written as such, apart from the accounts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::fakes::{FakeSink, LONG, PROCESS, SharedLog, accept, eventually, record, settings, start, start_with};
use crate::error::Error;
use crate::model::{SpanId, SpanRecord, SpanState, TraceId, Value};
use crate::pipeline::{LiveSpans, OpenSpan, Pipeline, Settings, Sink};

#[derive(Default)]
struct OpenSpans(Mutex<Vec<SpanRecord>>);

impl LiveSpans for OpenSpans {
    /// Young spans are told by their start.
    fn open(&self, min_age: Option<Duration>) -> Vec<OpenSpan> {
        let open = |record: &SpanRecord| {
            let changes = record.attributes.len() as u64;
            OpenSpan::new(record.trace_id, record.span_id, changes, Arc::new(record.clone()))
        };
        let is_old = |record: &&SpanRecord| min_age.is_none() || record.start_ns < i64::MAX;
        self.0.lock().unwrap().iter().filter(is_old).map(open).collect()
    }
}

/// Live, without delays.
fn at_once() -> Settings {
    Settings { live: true, live_after: Duration::ZERO, live_every: Duration::ZERO, ..settings() }
}

fn open(name: &str) -> SpanRecord {
    SpanRecord::new(TraceId::generate(1), SpanId::generate(), name, 1)
}

fn source(records: Vec<SpanRecord>) -> Arc<OpenSpans> {
    Arc::new(OpenSpans(Mutex::new(records)))
}

#[test]
fn a_shutdown_writes_open_spans_as_open_and_does_not_count_them_as_accepted() {
    let (log, other_log) = (SharedLog::default(), SharedLog::default());
    let others: Vec<Box<dyn Sink>> = vec![Box::new(FakeSink::new(&other_log))];
    let pipeline = start_with(settings(), FakeSink::new(&log), others, None);
    let spans = source(vec![open("open"), record("ended since"), open("unreadable")]);
    pipeline.register_live(Arc::clone(&spans) as Arc<dyn LiveSpans>);
    accept(&pipeline.inlet(), 1);
    pipeline.shutdown(LONG).unwrap();
    assert_eq!(log.names(), ["0", "open"]);
    assert_eq!(other_log.names(), ["0", "open"]);
    let version = log.get().taken.last().unwrap().clone();
    assert_eq!((version.span.state, version.record.end_ns), (SpanState::Open, None));
    assert_eq!((version.span.process_id, version.span.sequence, version.record.origin), (Some(PROCESS), None, None));
    let health = pipeline.health();
    assert!(health.adds_up());
    assert_eq!((health.accepted, health.stored, health.live_written), (1, 1, 1));
    assert_eq!(health.sinks.first().unwrap().written, 1, "sinks count spans, not versions");
    assert!(health.last_error.unwrap().contains("an open span is left out"));
}

#[test]
fn sinks_of_ended_spans_get_no_open_ones() {
    let (log, other_log) = (SharedLog::default(), SharedLog::default());
    let others: Vec<Box<dyn Sink>> = vec![Box::new(FakeSink::new(&other_log).of_ended_spans())];
    let pipeline = start_with(settings(), FakeSink::new(&log), others, None);
    let spans = source(vec![open("open")]);
    pipeline.register_live(Arc::clone(&spans) as Arc<dyn LiveSpans>);
    accept(&pipeline.inlet(), 1);
    pipeline.shutdown(LONG).unwrap();
    assert_eq!((log.names(), other_log.names()), (vec!["0".to_owned(), "open".to_owned()], vec!["0".to_owned()]));
}

#[test]
fn live_mode_writes_each_version_once() {
    let log = SharedLog::default();
    let pipeline = start(Settings { scheduled_delay: Duration::from_millis(2), ..at_once() }, FakeSink::new(&log));
    let mut young = open("young");
    young.start_ns = i64::MAX;
    let spans = source(vec![open("open"), young]);
    pipeline.inlet().register_live(Arc::clone(&spans) as Arc<dyn LiveSpans>);
    eventually("the span is written", || log.names() == ["open"]);
    spans.0.lock().unwrap().first_mut().unwrap().attributes.push("key", Value::I64(1));
    eventually("its next version is written", || log.names() == ["open", "open"]);
    accept(&pipeline.inlet(), 1);
    eventually("ticks go on", || pipeline.health().stored == 1);
    assert_eq!(pipeline.health().live_written, 2);
}

#[test]
fn a_version_that_could_not_be_written_is_tried_again() {
    let log = SharedLog::default();
    let mut failures = 1;
    let store = FakeSink::new(&log).on_write(move |_| {
        failures -= 1;
        if failures >= 0 { Err(Error::write("busy")) } else { Ok(()) }
    });
    let pipeline = start(at_once(), store);
    let spans = source(vec![open("open")]);
    pipeline.register_live(Arc::clone(&spans) as Arc<dyn LiveSpans>);
    eventually("the span is written", || log.names() == ["open"]);
    assert!(pipeline.health().last_error.unwrap().contains("busy"));
}

#[test]
fn a_source_is_not_kept_alive() {
    let log = SharedLog::default();
    let pipeline = start(settings(), FakeSink::new(&log));
    let spans = source(vec![open("open")]);
    let weak = Arc::downgrade(&spans);
    pipeline.register_live(spans);
    assert!(weak.upgrade().is_none());
    pipeline.shutdown(LONG).unwrap();
    assert!(log.names().is_empty());
}

#[test]
fn open_spans_go_in_batches_of_bounded_size() {
    let log = SharedLog::default();
    let mut spans: Vec<_> = (0..5).map(|number| open(&number.to_string())).collect();
    spans[3].attributes.push("large", "x".repeat(10_000));
    let sizes = Settings { max_export_batch_size: 2, max_batch_bytes: 5_000, ..settings() };
    let pipeline = start(sizes, FakeSink::new(&log));
    let spans = source(spans);
    pipeline.register_live(Arc::clone(&spans) as Arc<dyn LiveSpans>);
    pipeline.shutdown(LONG).unwrap();
    assert_eq!(log.writes(), [2, 1, 1, 1], "two; one before the large one; that alone; the last");
}

#[test]
fn a_store_that_is_out_is_not_asked_for_each_open_span() {
    let log = SharedLog::default();
    let store = FakeSink::new(&log).on_write(|_| Err(Error::write("no"))).on_probe(|| Err(Error::write("out")));
    let pipeline = start(Settings { max_export_batch_size: 1, ..settings() }, store);
    let spans = source((0..10).map(|number| open(&number.to_string())).collect());
    pipeline.register_live(Arc::clone(&spans) as Arc<dyn LiveSpans>);
    pipeline.shutdown(LONG).unwrap();
    assert_eq!(log.writes(), [1]);
    assert_eq!(pipeline.health().live_written, 0);
}

#[test]
fn a_flush_that_may_be_the_last_writes_open_spans_too() {
    let log = SharedLog::default();
    let pipeline = start(Settings { live: false, ..settings() }, FakeSink::new(&log));
    let spans = source(vec![open("open")]);
    pipeline.register_live(Arc::clone(&spans) as Arc<dyn LiveSpans>);
    accept(&pipeline.inlet(), 1);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!(log.names(), ["0"]);
    pipeline.force_flush_with_open(LONG).unwrap();
    assert_eq!(log.names(), ["0", "open"]);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!((log.count(), pipeline.health().live_written), (2, 1));
}

/// A store that takes all, and what it does at each tick.
struct Ticking<F>(F);

impl<F: FnMut() -> crate::error::Result<()> + Send> Sink for Ticking<F> {
    fn name(&self) -> &str {
        "ticking"
    }

    fn write(&mut self, _: &[crate::model::InterpretedSpan]) -> crate::error::Result<()> {
        Ok(())
    }

    fn probe(&mut self) -> crate::error::Result<()> {
        Ok(())
    }

    fn tick(&mut self) -> crate::error::Result<()> {
        (self.0)()
    }
}

/// A pipeline into a store that does this each ten milliseconds.
fn ticking(tick: impl FnMut() -> crate::error::Result<()> + Send + 'static) -> Pipeline {
    let interpret = |record: SpanRecord| {
        let span = crate::model::Span::as_recorded(&record);
        crate::model::InterpretedSpan::new(record, span)
    };
    let delay = Duration::from_millis(10);
    let settings = Settings { tick_every: delay, scheduled_delay: delay, live: false, ..settings() };
    Pipeline::start(settings, Box::new(Ticking(tick)), Vec::new(), interpret, None, PROCESS).unwrap()
}

#[test]
fn a_store_that_panics_at_a_tick_is_reported_and_the_ticks_go_on() {
    let ticks = Arc::new(AtomicUsize::new(0));
    let pipeline = ticking({
        let ticks = Arc::clone(&ticks);
        move || {
            assert!(ticks.fetch_add(1, Ordering::Relaxed) > 0, "the first tick's bug");
            Ok(())
        }
    });
    eventually("ticks go on", || ticks.load(Ordering::Relaxed) > 2);
    assert!(pipeline.health().last_error.unwrap().contains("the first tick's bug"));
    accept(&pipeline.inlet(), 1);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!(pipeline.health().stored, 1);
}

#[test]
fn ticks_that_take_longer_than_the_time_between_them_leave_time_to_write() {
    let pipeline = ticking(|| {
        std::thread::sleep(Duration::from_millis(40));
        Ok(())
    });
    accept(&pipeline.inlet(), 1);
    // Nobody flushes.
    eventually("the span is stored", || pipeline.health().stored == 1);
}
