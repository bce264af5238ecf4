//! Every span is accounted for, at every instant.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::fakes::{
    FakeSink, LONG, PROCESS, SharedLog, accept, gate, interpret, offer_watched, record, settings, start,
};
use crate::error::Error;
use crate::model::{Origin, SpanRecord};
use crate::pipeline::{Inlet, OnError, PendingSpan, Pipeline, Protect, Refused, Settings};

const THREADS: u64 = 8;
const SPANS_PER_THREAD: u64 = 4000;

#[test]
fn the_sums_hold_at_every_instant_under_load_and_failures() {
    let log = SharedLog::default();
    let mut writes = 0;
    let mut probes = 0;
    let store = FakeSink::new(&log)
        .on_write(move |batch| {
            writes += 1;
            let poisoned = batch.iter().any(|span| span.record.name.ends_with("999"));
            if poisoned || writes % 5 == 0 { Err(Error::write("no")) } else { Ok(()) }
        })
        .on_probe(move || {
            probes += 1;
            if probes % 7 == 0 { Err(Error::write("out")) } else { Ok(()) }
        });
    let settings = Settings {
        max_queue_size: 64,
        max_export_batch_size: 16,
        scheduled_delay: Duration::from_millis(5),
        ..settings()
    };
    let pipeline = start(settings, store);
    let (taken, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let offer = |number: u64, inlet: &Inlet| {
        match inlet.accept(record(number.to_string())) {
            Ok(()) => taken.fetch_add(1, Ordering::Relaxed),
            Err(Refused::QueueFull) => refused.fetch_add(1, Ordering::Relaxed),
            Err(refusal) => panic!("{refusal}"),
        };
    };
    offer_watched(&pipeline, THREADS, offer, SPANS_PER_THREAD, |health| health.queued <= 64 && health.in_flight <= 16);
    let health = pipeline.health();
    assert_eq!(health.offered, THREADS * SPANS_PER_THREAD);
    assert_eq!((health.accepted, health.rejected.queue_full), (taken.into_inner(), refused.into_inner()));
    assert_eq!((health.queued, health.in_flight, health.queued_bytes), (0, 0, 0));
    assert_eq!(health.stored + health.dead_lettered.poison, health.accepted);
    assert_eq!(log.sequences().len() as u64, health.stored, "each stored span was written once");
}

#[test]
fn producers_that_pace_themselves_lose_nothing() {
    let log = SharedLog::default();
    let pipeline =
        start(Settings { max_queue_size: 512, max_export_batch_size: 64, ..settings() }, FakeSink::new(&log));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let inlet = pipeline.inlet();
            scope.spawn(move || {
                for chunk in 0..50 {
                    while inlet.health().queued > 256 {
                        thread::yield_now();
                    }
                    for index in 0..20 {
                        inlet.accept(record(format!("{chunk}-{index}"))).unwrap();
                    }
                }
            });
        }
    });
    pipeline.force_flush(LONG).unwrap();
    let health = pipeline.health();
    assert_eq!((health.offered, health.stored, health.rejected.total()), (8000, 8000, 0));
    assert_eq!(log.sequences(), (0..8000).collect::<Vec<_>>(), "no hole, no repetition");
}

#[test]
fn a_full_queue_refuses_and_a_refused_span_leaves_no_hole() {
    let log = SharedLog::default();
    let (open, mut wait) = gate();
    let store = FakeSink::new(&log).on_write(move |_| {
        wait();
        Ok(())
    });
    let pipeline = start(Settings { max_queue_size: 4, max_export_batch_size: 2, ..settings() }, store);
    let inlet = pipeline.inlet();
    accept(&inlet, 2);
    super::fakes::eventually("the batch is in flight", || inlet.health().in_flight == 2);
    accept(&inlet, 4);
    assert_eq!(inlet.accept(record("one too many")), Err(Refused::QueueFull));
    let health = inlet.health();
    assert!(health.adds_up());
    assert_eq!((health.offered, health.accepted, health.queued, health.rejected.queue_full), (7, 6, 4, 1));
    drop(open);
    pipeline.force_flush(LONG).unwrap();
    accept(&inlet, 1);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!(log.sequences(), (0..7).collect::<Vec<_>>());
}

#[test]
fn refusals_are_reported() {
    let (log, heard) = (SharedLog::default(), super::fakes::Heard::default());
    let settings = Settings { max_queue_size: 1, max_export_batch_size: 1, ..settings() };
    let (open, mut wait) = gate();
    let store = FakeSink::new(&log).on_write(move |_| {
        wait();
        Ok(())
    });
    let pipeline = super::fakes::start_with(settings, store, Vec::new(), Some(heard.callback()));
    let inlet = pipeline.inlet();
    accept(&inlet, 1);
    super::fakes::eventually("the span is in flight", || inlet.health().in_flight == 1);
    accept(&inlet, 1);
    for _ in 0..3 {
        assert_eq!(inlet.accept(record("refused")), Err(Refused::QueueFull));
    }
    drop(open);
    pipeline.shutdown(LONG).unwrap();
    assert_eq!(heard.all(), ["3 spans were refused because the queue was full"]);
}

#[test]
fn pending_spans_are_read_on_the_worker_and_get_their_numbers_in_order() {
    struct Pending(SpanRecord, std::sync::Mutex<Option<ThreadId>>);
    impl PendingSpan for Pending {
        fn record(&self) -> SpanRecord {
            *self.1.lock().unwrap() = Some(thread::current().id());
            self.0.clone()
        }

        fn size(&self) -> usize {
            self.0.size()
        }
    }
    let log = SharedLog::default();
    let pipeline = start(settings(), FakeSink::new(&log));
    let inlet = pipeline.inlet();
    let pending = Arc::new(Pending(record("pending"), std::sync::Mutex::default()));
    inlet.accept(record("first")).unwrap();
    inlet.accept_pending(Arc::clone(&pending) as Arc<dyn PendingSpan>).unwrap();
    inlet.accept(record("last")).unwrap();
    pipeline.force_flush(LONG).unwrap();
    assert_eq!(log.names(), ["first", "pending", "last"]);
    let origins: Vec<_> = log.get().taken.iter().map(|span| span.record.origin.unwrap()).collect();
    assert_eq!(origins, [0, 1, 2].map(|sequence| Origin { process: PROCESS, sequence }));
    let reader = pending.1.lock().unwrap().unwrap();
    assert_ne!(reader, thread::current().id());
}

#[test]
fn handles_can_be_shared_and_printed() {
    fn shared<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    let pipeline = Pipeline::start(
        settings(),
        Box::new(FakeSink::new(&SharedLog::default())),
        Vec::new(),
        interpret,
        None,
        PROCESS,
    )
    .unwrap();
    shared(&pipeline);
    shared(&pipeline.inlet());
    assert!(format!("{:?}", pipeline.inlet()).contains("offered: 0"));
}

/// Fails on a whole record, or gives up one text of it.
struct Protector(AtomicU64);

impl Protect for Protector {
    fn protect(&self, record: &mut SpanRecord) {
        assert!(record.name != "secret", "I have seen the {}", record.name);
        if record.name == "half a secret" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        record.name.push_str(", protected");
    }

    fn texts_given_up(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_span_whose_redaction_fails_is_lost_and_counted_and_its_text_is_told_to_nobody() {
    let log = SharedLog::default();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let on_error: OnError = Arc::new(move |error: &Error| tell.lock().unwrap().push(error.to_string()));
    let pipeline = Pipeline::start_protected(
        settings(),
        Box::new(FakeSink::new(&log)),
        Vec::new(),
        Some(Arc::new(Protector(AtomicU64::new(0)))),
        interpret,
        Some(on_error),
        PROCESS,
    )
    .unwrap();
    for name in ["first", "secret", "half a secret", "last"] {
        pipeline.inlet().accept(record(name)).unwrap();
    }
    pipeline.force_flush(LONG).unwrap();
    assert_eq!(log.names(), ["first, protected", "half a secret, protected", "last, protected"]);
    let health = pipeline.health();
    assert_eq!((health.stored, health.dropped.redaction_failed, health.dead_lettered.total()), (3, 1, 0));
    assert!(health.adds_up(), "{health:?}");
    pipeline.shutdown(LONG).unwrap();
    pipeline.shutdown(LONG).unwrap();
    let told = told.lock().unwrap();
    assert!(told.len() == 2 && told.iter().all(|told| !told.contains("secret")), "{told:?}");
    assert!(told[0].contains("redaction failed") && told[1].ends_with("because a redactor panicked: 1"), "{told:?}");
}
