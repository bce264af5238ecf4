//! Sinks that fail as told, and what else the tests share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::model::{DeadLetter, InterpretedSpan, Loss, ProcessId, Span, SpanId, SpanRecord, SpanState, TraceId};
use crate::pipeline::{Health, Inlet, OnError, Pipeline, Settings, Sink};

/// Long enough for any machine; a test that waits this long has failed.
pub(super) const LONG: Duration = Duration::from_secs(60);

pub(super) const PROCESS: ProcessId = ProcessId::from_bytes([7; 16]);

/// What a fake sink was asked and what it took.
#[derive(Default)]
pub(super) struct Log {
    pub(super) taken: Vec<InterpretedSpan>,
    writes: Vec<usize>,
    probes: usize,
    flushes: usize,
    closed: bool,
    pub(super) letters: Vec<DeadLetter>,
    pub(super) losses: Vec<Loss>,
}

#[derive(Clone, Default)]
pub(super) struct SharedLog(Arc<Mutex<Log>>);

impl SharedLog {
    pub(super) fn get(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.get().taken.len()
    }

    /// The sizes of the batches that the sink was offered.
    pub(super) fn writes(&self) -> Vec<usize> {
        self.get().writes.clone()
    }

    pub(super) fn probes(&self) -> usize {
        self.get().probes
    }

    pub(super) fn flushes(&self) -> usize {
        self.get().flushes
    }

    pub(super) fn is_closed(&self) -> bool {
        self.get().closed
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.get().taken.iter().map(|span| span.record.name.clone()).collect()
    }

    pub(super) fn sequences(&self) -> Vec<u64> {
        let mut numbers: Vec<_> =
            self.get().taken.iter().filter_map(|span| span.record.origin).map(|it| it.sequence).collect();
        numbers.sort_unstable();
        numbers
    }
}

type OnWrite = Box<dyn FnMut(&[InterpretedSpan]) -> Result<()> + Send>;
type OnCall = Box<dyn FnMut() -> Result<()> + Send>;

/// A sink that keeps what it takes, and whose answers are told.
pub(super) struct FakeSink {
    pub(super) log: SharedLog,
    on_write: OnWrite,
    on_probe: OnCall,
    on_flush: OnCall,
    name: &'static str,
    takes_open_spans: bool,
}

impl FakeSink {
    /// Takes everything.
    pub(super) fn new(log: &SharedLog) -> Self {
        Self {
            log: log.clone(),
            on_write: Box::new(|_| Ok(())),
            on_probe: Box::new(|| Ok(())),
            on_flush: Box::new(|| Ok(())),
            name: "fake",
            takes_open_spans: true,
        }
    }

    pub(super) fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub(super) fn of_ended_spans(mut self) -> Self {
        self.takes_open_spans = false;
        self
    }

    pub(super) fn on_write(mut self, answer: impl FnMut(&[InterpretedSpan]) -> Result<()> + Send + 'static) -> Self {
        self.on_write = Box::new(answer);
        self
    }

    pub(super) fn on_probe(mut self, answer: impl FnMut() -> Result<()> + Send + 'static) -> Self {
        self.on_probe = Box::new(answer);
        self
    }

    pub(super) fn on_flush(mut self, answer: impl FnMut() -> Result<()> + Send + 'static) -> Self {
        self.on_flush = Box::new(answer);
        self
    }

    /// Refuses batches that hold a span with a name for which `poison` holds.
    pub(super) fn refusing(self, poison: impl Fn(&str) -> bool + Send + 'static) -> Self {
        self.on_write(move |batch| {
            if batch.iter().any(|span| poison(&span.record.name)) {
                Err(Error::write("value out of range"))
            } else {
                Ok(())
            }
        })
    }
}

impl Sink for FakeSink {
    fn name(&self) -> &str {
        self.name
    }

    fn write(&mut self, batch: &[InterpretedSpan]) -> Result<()> {
        self.log.get().writes.push(batch.len());
        (self.on_write)(batch)?;
        self.log.get().taken.extend_from_slice(batch);
        Ok(())
    }

    fn probe(&mut self) -> Result<()> {
        self.log.get().probes += 1;
        (self.on_probe)()
    }

    fn flush(&mut self) -> Result<()> {
        self.log.get().flushes += 1;
        (self.on_flush)()
    }

    fn dead_letter(&mut self, letter: &DeadLetter) -> Result<()> {
        self.log.get().letters.push(letter.clone());
        Ok(())
    }

    fn report_losses(&mut self, losses: &[Loss]) -> Result<()> {
        self.log.get().losses.extend_from_slice(losses);
        Ok(())
    }

    fn takes_open_spans(&self) -> bool {
        self.takes_open_spans
    }
}

impl Drop for FakeSink {
    fn drop(&mut self) {
        self.log.get().closed = true;
    }
}

/// A gate that a sink waits at: opening drops the sender.
pub(super) fn gate() -> (Sender<()>, impl FnMut() + Send) {
    let (sender, receiver): (_, Receiver<()>) = channel();
    (sender, move || assert!(receiver.recv().is_err(), "nothing is sent, the gate is opened by dropping it"))
}

/// Errors that the callback heard.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub(super) fn callback(&self) -> OnError {
        let heard = self.clone();
        Arc::new(move |error| heard.0.lock().unwrap().push(error.to_string()))
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Never writes by itself, and comes back quickly from an outage.
pub(super) fn settings() -> Settings {
    Settings {
        scheduled_delay: LONG * 10,
        retry_min_delay: Duration::from_millis(1),
        retry_max_delay: Duration::from_millis(4),
        ..Settings::default()
    }
}

pub(super) fn start(settings: Settings, store: FakeSink) -> Pipeline {
    start_with(settings, store, Vec::new(), None)
}

pub(super) fn start_with(
    settings: Settings,
    store: FakeSink,
    others: Vec<Box<dyn Sink>>,
    on_error: Option<OnError>,
) -> Pipeline {
    Pipeline::start(settings, Box::new(store), others, interpret, on_error, PROCESS).unwrap()
}

pub(super) fn record(name: impl Into<String>) -> SpanRecord {
    let mut record = SpanRecord::new(TraceId::generate(1), SpanId::generate(), name, 1);
    record.state = SpanState::Closed;
    record.end_ns = Some(2);
    record
}

/// Accepts `number` spans, named by their numbers.
pub(super) fn accept(inlet: &Inlet, number: usize) {
    for index in 0..number {
        inlet.accept(record(index.to_string())).unwrap();
    }
}

/// Waits for something that is to happen on the worker.
pub(super) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < LONG, "did not happen: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The plainest reading; panics on a record named `unreadable`.
pub(super) fn interpret(record: SpanRecord) -> InterpretedSpan {
    assert_ne!(record.name, "unreadable", "cannot be read");
    let span = Span::as_recorded(&record);
    InterpretedSpan::new(record, span)
}

/// Threads offer spans, some at a time, until all is flushed. Meanwhile the sums must hold at every instant, and `holds` of the health.
pub(super) fn offer_watched(
    pipeline: &Pipeline,
    threads: u64,
    offer: impl Fn(u64, &Inlet) + Sync,
    spans_per_thread: u64,
    holds: impl Fn(&Health) -> bool + Sync,
) {
    let (offer, holds, running) = (&offer, &holds, AtomicBool::new(true));
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0_u64;
            while running.load(Ordering::Relaxed) {
                let health = pipeline.health();
                assert!(health.adds_up() && holds(&health), "{health:?}");
                looks += 1;
            }
            looks
        });
        let producers: Vec<_> = (0..threads)
            .map(|thread| {
                let inlet = pipeline.inlet();
                scope.spawn(move || {
                    for index in 0..spans_per_thread {
                        offer(thread * spans_per_thread + index, &inlet);
                        if index % 64 == 0 {
                            thread::sleep(Duration::from_millis(1));
                        }
                    }
                })
            })
            .collect();
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        pipeline.force_flush(LONG).unwrap();
        running.store(false, Ordering::Relaxed);
        assert!(watcher.join().unwrap() > 0);
    });
    let health = pipeline.health();
    assert!(health.adds_up(), "{health:?}");
}
