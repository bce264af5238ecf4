//! The next batch is read while the store takes this one.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::fakes::{FakeSink, LONG, SharedLog, eventually, gate, record, settings, start};
use crate::model::SpanRecord;
use crate::pipeline::{PendingSpan, Pipeline, Settings};

const BATCH: usize = 100;

/// Which threads read spans, in the order of reading.
#[derive(Clone, Default)]
struct Readers(Arc<Mutex<Vec<String>>>);

impl Readers {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A span that tells who reads it.
struct Watched(String, Readers);

impl PendingSpan for Watched {
    fn record(&self) -> SpanRecord {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        self.1.0.lock().unwrap().push(thread);
        record(self.0.clone())
    }

    fn size(&self) -> usize {
        100
    }
}

fn batches_of(size: usize) -> Settings {
    Settings { max_export_batch_size: size, ..settings() }
}

fn numbers(numbers: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    numbers.map(|number| number.to_string())
}

/// A pipeline whose store is busy with a first batch, and whose second one, of these names, has been read.
fn busy(log: &SharedLog, second: impl IntoIterator<Item = String>, readers: &Readers) -> (Pipeline, Sender<()>) {
    let (open, mut wait) = gate();
    let (begun, is_begun) = channel();
    let store = FakeSink::new(log).on_write(move |batch| {
        if batch.iter().any(|span| span.record.name == "0") {
            begun.send(()).unwrap();
            wait();
        }
        Ok(())
    });
    let pipeline = start(batches_of(BATCH), store);
    // All of them are queued before the worker looks for the next batch: it waits for the list to read the first one.
    let list = readers.0.lock().unwrap();
    let inlet = pipeline.inlet();
    for name in numbers(0..BATCH).chain(second) {
        inlet.accept_pending(Arc::new(Watched(name, readers.clone()))).unwrap();
    }
    drop(list);
    is_begun.recv_timeout(LONG).unwrap();
    (pipeline, open)
}

#[test]
fn it_is_read_by_another_thread() {
    let (log, readers) = (SharedLog::default(), Readers::default());
    let (pipeline, open) = busy(&log, numbers(BATCH..2 * BATCH), &readers);
    eventually("the second batch is read", || readers.all().len() == 2 * BATCH);
    assert_eq!((log.count(), pipeline.health().in_flight), (0, 2 * BATCH as u64));
    drop(open);
    pipeline.force_flush(LONG).unwrap();
    let readers = readers.all();
    assert!(readers[..BATCH].iter().all(|name| name == "tracing-agents"), "{readers:?}");
    assert!(readers[BATCH..].iter().all(|name| name == "tracing-agents-reader"), "{readers:?}");
    assert_eq!(log.names(), numbers(0..2 * BATCH).collect::<Vec<_>>());
}

#[test]
fn a_few_spans_are_not_worth_it() {
    let (log, readers) = (SharedLog::default(), Readers::default());
    let (pipeline, open) = busy(&log, numbers(BATCH..BATCH + 10), &readers);
    drop(open);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!(readers.all(), vec!["tracing-agents"; BATCH + 10]);
}

#[test]
fn a_span_that_cannot_be_read_ahead_is_left_out_alone() {
    let (log, readers) = (SharedLog::default(), Readers::default());
    let second = numbers(1..BATCH).chain(["unreadable".to_owned()]);
    let (pipeline, open) = busy(&log, second, &readers);
    eventually("the second batch is read", || readers.all().len() == 2 * BATCH);
    drop(open);
    pipeline.force_flush(LONG).unwrap();
    let health = pipeline.health();
    assert_eq!((health.stored, health.dead_lettered.panic), (2 * BATCH as u64 - 1, 1), "{health:?}");
    assert!(health.adds_up(), "{health:?}");
    assert!(health.last_error.as_deref().is_some_and(|error| error.contains("reading it panicked")), "{health:?}");
}

#[test]
fn a_shutdown_in_time_writes_what_was_read_ahead() {
    let (log, readers) = (SharedLog::default(), Readers::default());
    let (pipeline, open) = busy(&log, numbers(BATCH..2 * BATCH), &readers);
    eventually("the second batch is read", || readers.all().len() == 2 * BATCH);
    drop(open);
    pipeline.shutdown(LONG).unwrap();
    assert_eq!(log.count(), 2 * BATCH);
    assert!(log.is_closed());
}

#[test]
fn a_shutdown_that_gives_up_counts_what_was_read_ahead() {
    let (log, readers) = (SharedLog::default(), Readers::default());
    let (pipeline, open) = busy(&log, numbers(BATCH..2 * BATCH), &readers);
    eventually("the second batch is read", || readers.all().len() == 2 * BATCH);
    pipeline.shutdown(Duration::from_millis(5)).unwrap_err();
    let health = pipeline.health();
    assert_eq!((health.stored, health.dropped.total()), (0, 2 * BATCH as u64), "{health:?}");
    assert!(health.adds_up(), "{health:?}");
    drop(open);
    eventually("the sink is closed", || log.is_closed());
    assert_eq!(log.count(), BATCH, "what was being written was written, and no more");
}
