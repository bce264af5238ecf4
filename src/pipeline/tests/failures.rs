//! Stores that are out, spans that cannot be stored, sinks that panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::fakes::{FakeSink, Heard, LONG, SharedLog, accept, eventually, record, settings, start, start_with};
use crate::error::Error;
use crate::model::SpanRecord;
use crate::pipeline::{PendingSpan, Settings};

fn batches_of(size: usize) -> Settings {
    Settings { max_export_batch_size: size, ..settings() }
}

#[test]
fn an_outage_loses_nothing_and_is_visible() {
    let (log, heard) = (SharedLog::default(), Heard::default());
    let out = Arc::new(AtomicBool::new(true));
    let answer = |what: &'static str| {
        let out = Arc::clone(&out);
        move || if out.load(Ordering::SeqCst) { Err(Error::write(what)) } else { Ok(()) }
    };
    let write = answer("the disk is gone");
    let store = FakeSink::new(&log).on_write(move |_| write()).on_probe(answer("still gone"));
    let pipeline = start_with(batches_of(4), store, Vec::new(), Some(heard.callback()));
    accept(&pipeline.inlet(), 10);
    eventually("several tries", || log.probes() > 5);
    let health = pipeline.health();
    assert!(health.degraded && health.adds_up(), "{health:?}");
    assert_eq!((health.stored, health.in_flight, health.queued), (0, 4, 6));
    assert_eq!(health.last_error.as_deref(), Some("still gone"));
    assert_eq!(log.writes(), [4], "an outage is waited for with probes, not with the batch");
    assert!(heard.all().iter().all(|error| error == "still gone"));
    out.store(false, Ordering::SeqCst);
    pipeline.force_flush(LONG).unwrap();
    let health = pipeline.health();
    assert_eq!((health.stored, health.dead_lettered.total(), health.degraded), (10, 0, false));
    assert_eq!(log.sequences(), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_failure_that_passes_costs_one_more_write() {
    let log = SharedLog::default();
    let mut failures = 1;
    let store = FakeSink::new(&log).on_write(move |_| {
        failures -= 1;
        if failures >= 0 { Err(Error::write("deadlock")) } else { Ok(()) }
    });
    let pipeline = start(settings(), store);
    accept(&pipeline.inlet(), 5);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!(log.writes(), [5, 5]);
    assert_eq!(pipeline.health().stored, 5);
    assert_eq!(pipeline.health().last_error.as_deref(), Some("deadlock"));
}

#[test]
fn a_poisoned_span_is_left_out_alone_wherever_it_stands() {
    for size in [1_usize, 2, 7, 64, 512] {
        for position in [0, size / 2, size - 1] {
            let (log, heard) = (SharedLog::default(), Heard::default());
            let poison = position.to_string();
            let store = FakeSink::new(&log).refusing(move |name| name == poison);
            let pipeline = start_with(batches_of(size), store, Vec::new(), Some(heard.callback()));
            accept(&pipeline.inlet(), size);
            pipeline.force_flush(LONG).unwrap();
            let health = pipeline.health();
            assert!(health.adds_up());
            assert_eq!((health.stored, health.dead_lettered.poison), (size as u64 - 1, 1), "{position} of {size}");
            assert!(!health.degraded);
            let expected: Vec<_> = (0..size as u64).filter(|number| *number != position as u64).collect();
            assert_eq!(log.sequences(), expected);
            let log_2 = size.next_power_of_two().trailing_zeros() as usize;
            assert!(log.writes().len() <= 1 + 2 * log_2 + 2, "{:?}", log.writes());
            assert_eq!(heard.all().len(), 1, "{:?}", heard.all());
        }
    }
}

#[test]
fn a_dead_letter_names_its_span() {
    let (log, heard) = (SharedLog::default(), Heard::default());
    let store = FakeSink::new(&log).refusing(|name| name == "poison");
    let pipeline = start_with(settings(), store, Vec::new(), Some(heard.callback()));
    let poison = record("poison");
    accept(&pipeline.inlet(), 2);
    pipeline.inlet().accept(poison.clone()).unwrap();
    pipeline.force_flush(LONG).unwrap();
    let errors = heard.all();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    for part in [poison.trace_id.to_string(), poison.span_id.to_string(), "value out of range".to_owned()] {
        assert!(error.contains(&part), "{error}");
    }
    assert_eq!(pipeline.health().last_error.as_deref(), Some(error.as_str()));
}

#[test]
fn many_poisoned_spans_among_others_are_left_out_alone() {
    let log = SharedLog::default();
    let store = FakeSink::new(&log).refusing(|name| name.parse::<u32>().unwrap() % 3 == 0);
    let pipeline = start(batches_of(128), store);
    accept(&pipeline.inlet(), 300);
    pipeline.force_flush(LONG).unwrap();
    let health = pipeline.health();
    assert_eq!((health.stored, health.dead_lettered.poison), (200, 100));
    assert_eq!(log.sequences(), (0..300).filter(|number| number % 3 != 0).collect::<Vec<_>>());
}

#[test]
fn a_poisoned_span_that_cuts_the_connection_is_no_outage() {
    // As a value over `max_allowed_packet` does: the connection is dead until the probe makes a new one.
    let log = SharedLog::default();
    let cut = Arc::new(AtomicBool::new(false));
    let store = FakeSink::new(&log)
        .on_write({
            let cut = Arc::clone(&cut);
            move |batch| {
                if batch.iter().any(|span| span.record.name == "5") {
                    cut.store(true, Ordering::SeqCst);
                }
                if cut.load(Ordering::SeqCst) { Err(Error::write("server has gone away")) } else { Ok(()) }
            }
        })
        .on_probe(move || {
            cut.store(false, Ordering::SeqCst);
            Ok(())
        });
    let pipeline = start(batches_of(16), store);
    accept(&pipeline.inlet(), 16);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!((pipeline.health().stored, pipeline.health().dead_lettered.poison), (15, 1));
}

#[test]
fn a_store_that_refuses_everything_is_out_and_no_span_is_blamed() {
    // As after a column was dropped: the probe's own table is fine, no span goes in.
    let (log, heard) = (SharedLog::default(), Heard::default());
    let broken = Arc::new(AtomicBool::new(true));
    let store = FakeSink::new(&log).on_write({
        let broken = Arc::clone(&broken);
        move |_| if broken.load(Ordering::SeqCst) { Err(Error::write("no such column")) } else { Ok(()) }
    });
    let pipeline = start_with(batches_of(64), store, Vec::new(), Some(heard.callback()));
    accept(&pipeline.inlet(), 100);
    eventually("it is taken for an outage", || heard.all().len() > 3);
    let health = pipeline.health();
    assert!(health.degraded && health.adds_up(), "{health:?}");
    assert_eq!((health.stored, health.in_flight + health.queued, health.dead_lettered.total()), (0, 100, 0));
    assert!(heard.all().iter().all(|error| error.contains("in a row") && error.contains("no such column")));
    broken.store(false, Ordering::SeqCst);
    pipeline.force_flush(LONG).unwrap();
    let health = pipeline.health();
    assert_eq!((health.stored, health.dead_lettered.total(), health.degraded), (100, 0, false));
    assert_eq!(log.sequences(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_long_row_of_poisoned_spans_does_not_stand_in_the_way_of_the_others() {
    for (batch, poisoned) in [(512, 0..40), (512, 100..180), (512, 472..512), (512, 0..512), (1, 0..64), (16, 0..64)] {
        let (log, heard) = (SharedLog::default(), Heard::default());
        let store = FakeSink::new(&log).refusing({
            let poisoned = poisoned.clone();
            move |name| name.parse().is_ok_and(|number: u64| poisoned.contains(&number))
        });
        let pipeline = start_with(batches_of(batch), store, Vec::new(), Some(heard.callback()));
        let inlet = pipeline.inlet();
        accept(&inlet, 512);
        // Each span that goes in vouches for the store once more.
        eventually("all poison is found", || {
            inlet.accept(record("good")).unwrap();
            pipeline.force_flush(Duration::from_millis(50)).is_ok()
        });
        let health = pipeline.health();
        assert!(health.adds_up());
        assert_eq!(health.dead_lettered.poison, poisoned.end - poisoned.start, "{poisoned:?} in batches of {batch}");
        assert_eq!((health.stored, health.degraded), (health.accepted - health.dead_lettered.poison, false));
        let expected: Vec<_> = (0..health.accepted).filter(|number| !poisoned.contains(number)).collect();
        assert_eq!(log.sequences(), expected, "{poisoned:?} in batches of {batch}");
    }
}

#[test]
fn a_store_that_was_wrong_and_is_repaired_gets_the_spans_that_it_refused() {
    let (log, heard) = (SharedLog::default(), Heard::default());
    let broken = Arc::new(AtomicBool::new(true));
    let store = FakeSink::new(&log).on_write({
        let broken = Arc::clone(&broken);
        // Repaired by the first span that arrives later: it goes in, so it vouches for a store that had been wrong before.
        move |batch| {
            if batch.iter().any(|span| span.record.name == "later") {
                broken.store(false, Ordering::SeqCst);
            }
            if broken.load(Ordering::SeqCst) { Err(Error::write("no such column")) } else { Ok(()) }
        }
    });
    let pipeline = start_with(batches_of(64), store, Vec::new(), Some(heard.callback()));
    accept(&pipeline.inlet(), 64);
    eventually("it is taken for an outage", || pipeline.health().degraded);
    pipeline.inlet().accept(record("later")).unwrap();
    pipeline.force_flush(LONG).unwrap();
    assert_eq!((pipeline.health().stored, pipeline.health().dead_lettered.total()), (65, 0));
    assert_eq!(log.sequences(), (0..65).collect::<Vec<_>>());
}

#[test]
fn a_store_that_panics_on_a_span_loses_only_that() {
    let log = SharedLog::default();
    let store = FakeSink::new(&log).on_write(|batch| {
        assert!(batch.iter().all(|span| span.record.name != "3"), "a driver's bug");
        Ok(())
    });
    let pipeline = start(settings(), store);
    accept(&pipeline.inlet(), 8);
    pipeline.force_flush(LONG).unwrap();
    let health = pipeline.health();
    assert_eq!((health.stored, health.dead_lettered.poison), (7, 1));
    assert!(health.last_error.unwrap().contains("a driver's bug"));
}

#[test]
fn a_panicking_probe_is_an_outage() {
    let log = SharedLog::default();
    let (mut writes, mut probes) = (0, 0);
    let store = FakeSink::new(&log)
        .on_write(move |_| {
            writes += 1;
            if writes == 1 { Err(Error::write("no")) } else { Ok(()) }
        })
        .on_probe(move || {
            probes += 1;
            assert!(probes > 2, "a probe's bug");
            Ok(())
        });
    let pipeline = start(settings(), store);
    accept(&pipeline.inlet(), 3);
    pipeline.force_flush(LONG).unwrap();
    assert_eq!((log.probes(), pipeline.health().stored), (3, 3));
}

#[test]
fn a_span_that_cannot_be_read_is_left_out_alone() {
    struct Unreadable;
    impl PendingSpan for Unreadable {
        fn record(&self) -> SpanRecord {
            panic!("no record")
        }

        fn size(&self) -> usize {
            1
        }
    }
    let (log, heard) = (SharedLog::default(), Heard::default());
    let pipeline = start_with(settings(), FakeSink::new(&log), Vec::new(), Some(heard.callback()));
    let inlet = pipeline.inlet();
    accept(&inlet, 1);
    let unreadable = record("unreadable");
    inlet.accept(unreadable.clone()).unwrap();
    inlet.accept_pending(Arc::new(Unreadable)).unwrap();
    accept(&inlet, 1);
    pipeline.force_flush(LONG).unwrap();
    let health = pipeline.health();
    assert!(health.adds_up());
    assert_eq!((health.stored, health.dead_lettered.panic, health.dead_lettered.poison), (2, 2, 0));
    assert_eq!(log.sequences(), [0, 3], "the holes show which are missing");
    let errors = heard.all();
    let [first, second] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(first.contains(&unreadable.span_id.to_string()) && first.contains("cannot be read"), "{first}");
    assert!(second.contains("no record"), "{second}");
}

#[test]
fn refusals_are_reported_while_the_store_is_out() {
    let (log, heard) = (SharedLog::default(), Heard::default());
    let store = FakeSink::new(&log).on_write(|_| Err(Error::write("no"))).on_probe(|| Err(Error::write("out")));
    let small = Settings { max_queue_size: 2, max_export_batch_size: 1, ..settings() };
    let pipeline = start_with(small, store, Vec::new(), Some(heard.callback()));
    let inlet = pipeline.inlet();
    eventually("the queue is full", || inlet.accept(record("span")).is_err());
    eventually("that is told", || heard.all().iter().any(|error| error.contains("1 spans were refused")));
    assert!(pipeline.health().degraded);
    let _ = pipeline.shutdown(Duration::ZERO);
}
