//! When spans are written, and waiting for it.

use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use super::fakes::{FakeSink, LONG, SharedLog, accept, eventually, gate, record, settings, start, start_with};
use crate::error::{Error, ErrorKind};
use crate::pipeline::{Inlet, OnError, Settings, Sink};

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn a_full_batch_is_written_without_being_asked_for_and_the_rest_waits() {
    let log = SharedLog::default();
    let pipeline = start(Settings { max_export_batch_size: 4, ..settings() }, FakeSink::new(&log));
    accept(&pipeline.inlet(), 4);
    eventually("the batch is stored", || pipeline.health().stored == 4);
    accept(&pipeline.inlet(), 3);
    assert_eq!((pipeline.health().queued, log.writes().as_slice()), (3, &[4][..]));
    pipeline.force_flush(LONG).unwrap();
    assert_eq!(log.writes(), [4, 3]);
}

#[test]
fn a_batch_is_full_by_bytes_too() {
    let log = SharedLog::default();
    let size = record("0").size();
    let pipeline = start(Settings { max_batch_bytes: 3 * size, ..settings() }, FakeSink::new(&log));
    accept(&pipeline.inlet(), 3);
    eventually("three spans fill a batch", || pipeline.health().stored == 3);
}

#[test]
fn what_waits_is_written_after_the_delay() {
    let log = SharedLog::default();
    let pipeline = start(Settings { scheduled_delay: SHORT, ..settings() }, FakeSink::new(&log));
    for stored in 1..=3 {
        accept(&pipeline.inlet(), 1);
        eventually("the delay passes", || pipeline.health().stored == stored);
    }
}

#[test]
fn immediate_mode_waits_for_nothing() {
    let log = SharedLog::default();
    let pipeline = start(Settings { immediate: true, ..settings() }, FakeSink::new(&log));
    for stored in 1..=3 {
        accept(&pipeline.inlet(), 1);
        eventually("the span is stored", || pipeline.health().stored == stored);
    }
}

#[test]
fn a_flush_covers_what_was_accepted_before_it_and_reaches_all_sinks() {
    let (log, other_log) = (SharedLog::default(), SharedLog::default());
    let others: Vec<Box<dyn Sink>> = vec![Box::new(FakeSink::new(&other_log))];
    let pipeline = start_with(settings(), FakeSink::new(&log), others, None);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!((log.writes().len(), log.flushes()), (0, 1), "with nothing to write too");
    accept(&pipeline.inlet(), 3);
    pipeline.inlet().force_flush(LONG).unwrap();
    for log in [&log, &other_log] {
        assert_eq!((log.count(), log.flushes()), (3, 2));
    }
}

#[test]
fn flushes_from_many_threads_each_find_their_spans_stored() {
    let log = SharedLog::default();
    let pipeline = start(settings(), FakeSink::new(&log));
    thread::scope(|scope| {
        for thread in 0..8 {
            let (inlet, log) = (pipeline.inlet(), &log);
            scope.spawn(move || {
                for round in 0..30 {
                    let name = format!("{thread}-{round}");
                    inlet.accept(record(name.clone())).unwrap();
                    inlet.force_flush(LONG).unwrap();
                    assert!(log.names().contains(&name));
                }
            });
        }
    });
    assert_eq!(pipeline.health().stored, 240);
}

#[test]
fn a_flush_that_is_late_says_how_much_waits_and_why() {
    let log = SharedLog::default();
    let store = FakeSink::new(&log)
        .on_write(|_| Err(Error::write("connection refused")))
        .on_probe(|| Err(Error::write("no route to host")));
    let pipeline = start(settings(), store);
    accept(&pipeline.inlet(), 3);
    // The first may be over before the worker has tried at all.
    eventually("the store was tried", || {
        let error = pipeline.force_flush(SHORT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(error.to_string().contains("3 spans still wait"), "{error}");
        error.to_string().contains("no route to host")
    });
    assert!(pipeline.shutdown(Duration::ZERO).is_err());
}

#[test]
fn a_sink_that_hangs_does_not_hold_a_flush_beyond_its_deadline() {
    let log = SharedLog::default();
    let (open, mut wait) = gate();
    let store = FakeSink::new(&log).on_flush(move || {
        wait();
        Ok(())
    });
    let pipeline = start(settings(), store);
    accept(&pipeline.inlet(), 1);
    eventually("stored but not flushed", || {
        let error = pipeline.force_flush(SHORT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        error.to_string().contains("a sink has not come back")
    });
    drop(open);
    pipeline.force_flush(LONG).unwrap();
}

#[test]
fn a_flush_does_not_say_ok_when_a_sink_did_not_flush() {
    let (log, other_log) = (SharedLog::default(), SharedLog::default());
    let mut failures = 1;
    let others: Vec<Box<dyn Sink>> = vec![Box::new(FakeSink::new(&other_log).on_flush(move || {
        failures -= 1;
        if failures >= 0 { Err(Error::write("collector is gone")) } else { Ok(()) }
    }))];
    let pipeline = start_with(settings(), FakeSink::new(&log), others, None);
    accept(&pipeline.inlet(), 1);
    let error = pipeline.force_flush(LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Write);
    assert!(error.to_string().contains("collector is gone"), "{error}");
    assert_eq!(pipeline.health().stored, 1);
    pipeline.force_flush(LONG).unwrap();
}

#[test]
fn a_flush_has_a_store_that_is_out_tried_at_once() {
    let log = SharedLog::default();
    let mut probes = 0;
    let mut writes = 0;
    let store = FakeSink::new(&log)
        .on_write(move |_| {
            writes += 1;
            if writes == 1 { Err(Error::write("no")) } else { Ok(()) }
        })
        .on_probe(move || {
            probes += 1;
            if probes == 1 { Err(Error::write("out")) } else { Ok(()) }
        });
    let settings =
        Settings { max_export_batch_size: 1, retry_min_delay: LONG * 10, retry_max_delay: LONG * 10, ..settings() };
    let pipeline = start(settings, store);
    accept(&pipeline.inlet(), 1);
    eventually("the worker waits", || pipeline.health().degraded);
    eventually("a flush has it tried", || pipeline.force_flush(SHORT).is_ok());
    assert_eq!(pipeline.health().stored, 1);
}

#[test]
fn the_worker_itself_does_not_wait_for_itself() {
    let log = SharedLog::default();
    let inlet: Arc<OnceLock<Inlet>> = Arc::default();
    let answers: Arc<Mutex<Vec<ErrorKind>>> = Arc::default();
    let on_error: OnError = {
        let (inlet, answers) = (Arc::clone(&inlet), Arc::clone(&answers));
        Arc::new(move |_| {
            let inlet = inlet.get().unwrap();
            assert!(inlet.health().adds_up());
            answers.lock().unwrap().push(inlet.force_flush(LONG * 10).unwrap_err().kind());
        })
    };
    let store = FakeSink::new(&log).refusing(|name| name == "0").on_flush({
        let (inlet, answers) = (Arc::clone(&inlet), Arc::clone(&answers));
        move || {
            answers.lock().unwrap().push(inlet.get().unwrap().force_flush(LONG * 10).unwrap_err().kind());
            Ok(())
        }
    });
    let pipeline = start_with(settings(), store, Vec::new(), Some(on_error));
    inlet.set(pipeline.inlet()).unwrap();
    accept(&pipeline.inlet(), 2);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!(*answers.lock().unwrap(), [ErrorKind::Timeout, ErrorKind::Timeout], "a dead letter, and the flush");
}
