//! Sinks beside the store: whatever they do, the store is not kept waiting, and each span is accounted for.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::fakes::{FakeSink, Heard, LONG, SharedLog, accept, eventually, gate, settings, start, start_with};
use crate::error::{Error, ErrorKind};
use crate::pipeline::{Inlet, OnError, Pipeline, Settings, Sink, SinkHealth};

const SHORT: Duration = Duration::from_millis(50);

fn beside(settings: Settings, store: &SharedLog, others: Vec<FakeSink>) -> Pipeline {
    let others = others.into_iter().map(|sink| Box::new(sink) as Box<dyn Sink>).collect();
    start_with(settings, FakeSink::new(store), others, None)
}

fn only(pipeline: &Pipeline) -> SinkHealth {
    let health = pipeline.health();
    assert!(health.adds_up(), "{health:?}");
    let [sink] = health.sinks.as_slice() else { panic!("{health:?}") };
    sink.clone()
}

#[test]
fn each_sink_gets_each_span_and_the_failures_of_one_are_its_own() {
    let logs: [SharedLog; 4] = std::array::from_fn(|_| SharedLog::default());
    let [store_log, good_log, refusing_log, panicking_log] = &logs;
    let store = FakeSink::new(store_log).refusing(|name| name == "2");
    let others: Vec<Box<dyn Sink>> = vec![
        Box::new(FakeSink::new(refusing_log).named("refusing").on_write(|_| Err(Error::permanent("bad request")))),
        Box::new(FakeSink::new(panicking_log).named("panicking").on_write(|_| panic!("an exporter's bug"))),
        Box::new(FakeSink::new(good_log).named("good")),
    ];
    let heard = Heard::default();
    let pipeline = start_with(settings(), store, others, Some(heard.callback()));
    accept(&pipeline.inlet(), 4);
    let failure = pipeline.force_flush(LONG).unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Write);
    for told in ["refusing misses 4 spans: bad request", "panicking misses 4 spans", "an exporter's bug"] {
        assert!(failure.to_string().contains(told), "{failure}");
    }
    let health = pipeline.health();
    assert!(health.adds_up());
    assert_eq!((health.stored, health.dead_lettered.poison), (3, 1));
    let counts: Vec<_> = health.sinks.iter().map(|sink| (sink.name.as_str(), sink.written, sink.failed)).collect();
    assert_eq!(counts, [("refusing", 0, 4), ("panicking", 0, 4), ("good", 4, 0)]);
    assert_eq!(good_log.names(), ["0", "1", "2", "3"], "also what the store refused");
    assert_eq!((refusing_log.writes(), panicking_log.writes()), (vec![4], vec![4]), "what is permanent is tried once");
    assert!(!health.degraded, "only the store degrades");
    assert_eq!(logs.each_ref().map(SharedLog::flushes), [1; 4]);
    assert!(heard.all().iter().any(|error| error.contains("misses 4 spans") && error.contains("bad request")));

    accept(&pipeline.inlet(), 1);
    assert!(pipeline.force_flush(LONG).unwrap_err().to_string().contains("misses 1 spans"), "what is new since");
    assert_eq!(panicking_log.writes(), [4, 1], "a sink that panicked goes on");
}

#[test]
fn a_batch_that_fails_twice_is_taken_once() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let mut failures = 2;
    let sink = FakeSink::new(&log).on_write(move |_| {
        failures -= 1;
        if failures >= 0 { Err(Error::write("unavailable")) } else { Ok(()) }
    });
    let pipeline = beside(settings(), &store, vec![sink]);
    accept(&pipeline.inlet(), 3);
    pipeline.force_flush(LONG).unwrap();
    let sink = only(&pipeline);
    assert_eq!((sink.written, sink.failed, sink.retries), (3, 0, 2));
    assert_eq!((log.writes(), log.probes()), (vec![3, 3, 3], 2), "before another try it is asked whether it is there");
    assert_eq!(sink.last_error.as_deref(), Some("unavailable"));
}

#[test]
fn a_batch_is_tried_so_often_and_the_next_one_is_not_lost_with_it() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let sink = FakeSink::new(&log).refusing(|name| name == "0");
    let bounded = Settings { retry_max_attempts: 3, max_export_batch_size: 2, ..settings() };
    let pipeline = beside(bounded, &store, vec![sink]);
    accept(&pipeline.inlet(), 4);
    let failure = pipeline.force_flush(LONG).unwrap_err();
    assert!(failure.to_string().contains("sink fake misses 2 spans: value out of range"), "{failure}");
    let sink = only(&pipeline);
    assert_eq!((sink.written, sink.failed, sink.retries, sink.waiting), (2, 2, 2, 0));
    assert_eq!((log.names(), log.writes().len()), (vec!["2".to_owned(), "3".to_owned()], 4));
}

#[test]
fn a_batch_that_has_become_too_old_is_given_up_after_one_try() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let sink = FakeSink::new(&log).on_write(|_| Err(Error::write("unavailable")));
    let pipeline = beside(Settings { retry_max_age: Duration::ZERO, ..settings() }, &store, vec![sink]);
    accept(&pipeline.inlet(), 1);
    assert!(pipeline.force_flush(LONG).is_err());
    assert_eq!((log.writes(), only(&pipeline).failed), (vec![1], 1));
}

#[test]
fn a_part_that_was_refused_is_counted_and_the_rest_is_not_sent_again() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let sink = FakeSink::new(&log).on_write(|_| Err(Error::partial("two are too large", 2)));
    let pipeline = beside(settings(), &store, vec![sink]);
    accept(&pipeline.inlet(), 5);
    let failure = pipeline.force_flush(LONG).unwrap_err();
    assert!(failure.to_string().contains("misses 2 spans: two are too large"), "{failure}");
    let sink = only(&pipeline);
    assert_eq!((sink.written, sink.failed, log.writes()), (3, 2, vec![5]));
}

#[test]
fn a_receiver_that_says_when_to_come_back_is_left_alone_until_then() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let wait = Duration::from_millis(150);
    let tries: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let sink = FakeSink::new(&log).on_write({
        let tries = Arc::clone(&tries);
        move |_| {
            let mut tries = tries.lock().unwrap();
            tries.push(Instant::now());
            if tries.len() == 1 { Err(Error::write("busy").retry_after(wait)) } else { Ok(()) }
        }
    });
    let pipeline = beside(settings(), &store, vec![sink]);
    accept(&pipeline.inlet(), 1);
    // The flush comes while it waits, and does not make it come earlier.
    pipeline.force_flush(LONG).unwrap();
    let tries = tries.lock().unwrap();
    let [first, second] = tries.as_slice() else { panic!("{tries:?}") };
    assert!(*second - *first >= wait);
}

#[test]
fn a_sink_that_hangs_holds_up_neither_the_store_nor_another_sink() {
    let (store, hanging_log, good_log) = (SharedLog::default(), SharedLog::default(), SharedLog::default());
    let (open, mut wait) = gate();
    let hanging = FakeSink::new(&hanging_log).named("hanging").on_write(move |_| {
        wait();
        Ok(())
    });
    let small = Settings { max_queue_size: 8, max_export_batch_size: 4, ..settings() };
    let pipeline = beside(small, &store, vec![hanging, FakeSink::new(&good_log).named("good")]);
    for written in 1..=10 {
        accept(&pipeline.inlet(), 4);
        // Each round is stored, and taken by the other sink, while the first hangs in its first batch.
        eventually("the others have it", || store.count() == written * 4 && good_log.count() == written * 4);
    }
    let health = pipeline.health();
    assert!(health.adds_up(), "{health:?}");
    let [hanging, good] = health.sinks.as_slice() else { panic!("{health:?}") };
    assert_eq!(
        (hanging.offered, hanging.waiting, hanging.dropped.queue_full),
        (40, 12, 28),
        "one batch and a full queue"
    );
    assert_eq!((good.written, good.dropped.total()), (40, 0));
    let late = pipeline.force_flush(SHORT).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Timeout);
    assert!(late.to_string().contains("12 spans still wait for sink hanging"), "{late}");
    drop(open);
    let failure = pipeline.force_flush(LONG).unwrap_err();
    assert!(failure.to_string().contains("sink hanging misses 28 spans: its queue was full"), "{failure}");
    assert_eq!(hanging_log.count(), 12);
    pipeline.force_flush(LONG).unwrap();
}

#[test]
fn bytes_bound_what_waits_for_a_sink_too() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let (open, mut wait) = gate();
    let sink = FakeSink::new(&log).on_write(move |_| {
        wait();
        Ok(())
    });
    let one = u64::try_from(super::fakes::record("0").size()).unwrap();
    let small = Settings { max_queue_bytes: usize::try_from(one * 3).unwrap(), max_export_batch_size: 1, ..settings() };
    let pipeline = beside(small, &store, vec![sink]);
    for stored in 1..=6 {
        accept(&pipeline.inlet(), 1);
        eventually("it is stored", || store.count() == stored);
        eventually("the first is with the sink", || !log.writes().is_empty());
    }
    let sink = only(&pipeline);
    assert_eq!((sink.waiting, sink.waiting_bytes, sink.dropped.queue_full), (4, one * 3, 2));
    drop(open);
}

#[test]
fn a_shutdown_returns_at_its_deadline_though_a_sink_hangs() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let (open, mut wait) = gate();
    let sink = FakeSink::new(&log).named("hanging").on_write(move |_| {
        wait();
        Ok(())
    });
    let pipeline = beside(settings(), &store, vec![sink]);
    let inlet = pipeline.inlet();
    accept(&inlet, 3);
    let start = Instant::now();
    let error = pipeline.shutdown(SHORT * 4).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(20), "the deadline was 200 ms");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("3 spans still wait for sink hanging"), "{error}");
    assert_eq!((store.count(), store.is_closed()), (3, true), "the store has all and is closed");
    let closed = only(&pipeline);
    assert_eq!((closed.dropped.shutdown_timeout, closed.waiting), (3, 0));
    pipeline.shutdown(LONG).unwrap();
    let later = inlet.force_flush(LONG).unwrap_err();
    assert!(later.to_string().contains("closed before it had 3 spans"), "{later}");
    drop(open);
    eventually("the thread ends when the sink comes back", || log.is_closed());
    assert_eq!(only(&pipeline), closed, "closed accounts stay closed");
}

#[test]
fn a_shutdown_gives_a_sink_that_fails_its_time_and_no_more() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let sink = FakeSink::new(&log).on_write(|_| Err(Error::write("unavailable")));
    let slow = Settings { immediate: true, retry_min_delay: LONG * 10, retry_max_delay: LONG * 10, ..settings() };
    let pipeline = beside(slow, &store, vec![sink]);
    accept(&pipeline.inlet(), 2);
    eventually("it is being stored", || store.count() == 2);
    eventually("it was tried", || only(&pipeline).retries > 0);
    let error = pipeline.shutdown(SHORT).unwrap_err();
    assert!(error.to_string().contains("last error: unavailable"), "{error}");
    assert_eq!(only(&pipeline).dropped.shutdown_timeout, 2);
    eventually("the thread is gone", || log.is_closed());
}

#[test]
fn a_sink_that_is_back_in_time_gets_at_the_end_what_waited_for_it() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let out = Arc::new(AtomicBool::new(true));
    let answer = Arc::clone(&out);
    let sink = FakeSink::new(&log)
        .on_write(move |_| if answer.load(Ordering::SeqCst) { Err(Error::write("unavailable")) } else { Ok(()) });
    // Nothing but the shutdown itself ends the wait.
    let slow = Settings { retry_min_delay: LONG * 10, retry_max_delay: LONG * 10, ..settings() };
    let pipeline = beside(slow, &store, vec![sink]);
    accept(&pipeline.inlet(), 2);
    let _ = pipeline.force_flush(SHORT);
    eventually("it waits", || only(&pipeline).retries > 0);
    out.store(false, Ordering::SeqCst);
    pipeline.shutdown(LONG).unwrap();
    assert_eq!((log.count(), only(&pipeline).written), (2, 2));
}

#[test]
fn a_sink_on_its_own_thread_does_not_wait_for_itself() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let inlet: Arc<OnceLock<Inlet>> = Arc::default();
    let answers: Arc<Mutex<Vec<ErrorKind>>> = Arc::default();
    let ask = {
        let (inlet, answers) = (Arc::clone(&inlet), Arc::clone(&answers));
        move || answers.lock().unwrap().push(inlet.get().unwrap().force_flush(LONG * 10).unwrap_err().kind())
    };
    let on_error: OnError = Arc::new({
        let ask = ask.clone();
        move |_| ask()
    });
    let sink = FakeSink::new(&log).on_write(move |_| {
        ask();
        Err(Error::permanent("no"))
    });
    let pipeline = start_with(settings(), FakeSink::new(&store), vec![Box::new(sink)], Some(on_error));
    inlet.set(pipeline.inlet()).unwrap();
    accept(&pipeline.inlet(), 1);
    assert_eq!(pipeline.force_flush(LONG).unwrap_err().kind(), ErrorKind::Write);
    assert_eq!(*answers.lock().unwrap(), [ErrorKind::Timeout, ErrorKind::Timeout], "the sink, and the callback");
}

#[test]
fn each_sink_has_a_thread_of_its_own() {
    let threads: Arc<Mutex<Vec<ThreadId>>> = Arc::default();
    let sink = |log: &SharedLog| {
        let threads = Arc::clone(&threads);
        FakeSink::new(log).on_write(move |_| {
            threads.lock().unwrap().push(std::thread::current().id());
            Ok(())
        })
    };
    let logs: [SharedLog; 3] = std::array::from_fn(|_| SharedLog::default());
    let others: Vec<Box<dyn Sink>> = logs.iter().skip(1).map(|log| Box::new(sink(log)) as Box<dyn Sink>).collect();
    let pipeline = start_with(settings(), sink(&logs[0]), others, None);
    accept(&pipeline.inlet(), 1);
    pipeline.force_flush(LONG).unwrap();
    let threads = threads.lock().unwrap();
    let distinct: std::collections::HashSet<_> = threads.iter().collect();
    assert_eq!((threads.len(), distinct.len()), (3, 3));
}

#[test]
fn a_store_that_takes_all_the_time_is_not_blamed_on_a_sink() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let (open, mut wait) = gate();
    let slow = FakeSink::new(&store).on_write(move |_| {
        wait();
        Ok(())
    });
    let pipeline = start_with(settings(), slow, vec![Box::new(FakeSink::new(&log).named("idle"))], None);
    accept(&pipeline.inlet(), 1);
    for error in [pipeline.force_flush(SHORT).unwrap_err(), pipeline.shutdown(SHORT).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(!error.to_string().contains("idle"), "{error}");
    }
    assert!(pipeline.health().adds_up());
    drop(open);
}

#[test]
fn without_other_sinks_there_is_nothing_to_wait_for() {
    let log = SharedLog::default();
    let pipeline = start(settings(), FakeSink::new(&log));
    accept(&pipeline.inlet(), 2);
    pipeline.force_flush(LONG).unwrap();
    assert!(pipeline.health().sinks.is_empty());
    pipeline.shutdown(LONG).unwrap();
    assert_eq!(log.count(), 2);
}

#[test]
fn the_sums_of_a_sink_hold_at_every_instant() {
    let (store, log) = (SharedLog::default(), SharedLog::default());
    let writes = AtomicUsize::new(0);
    let sink = FakeSink::new(&log).on_write(move |_| match writes.fetch_add(1, Ordering::Relaxed) % 5 {
        0 => Err(Error::write("busy")),
        1 => Err(Error::partial("one", 1)),
        2 => Err(Error::permanent("no")),
        _ => Ok(()),
    });
    let small = Settings { max_queue_size: 64, max_export_batch_size: 8, ..settings() };
    let pipeline = beside(small, &store, vec![sink]);
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0_u64;
            while running.load(Ordering::Relaxed) {
                let sink = only(&pipeline);
                assert!(sink.waiting <= 64 + 8, "{sink:?}");
                looks += 1;
            }
            looks
        });
        for _ in 0..100 {
            while pipeline.health().queued > 32 {
                std::thread::yield_now();
            }
            accept(&pipeline.inlet(), 8);
        }
        let _ = pipeline.force_flush(LONG);
        running.store(false, Ordering::Relaxed);
        assert!(watcher.join().unwrap() > 0);
    });
    let sink = only(&pipeline);
    assert_eq!((sink.offered, sink.waiting, sink.waiting_bytes), (800, 0, 0));
    assert!(sink.written > 0 && sink.failed > 0, "{sink:?}");
}
