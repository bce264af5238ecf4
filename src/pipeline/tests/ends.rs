//! Shutdown and drop.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::fakes::{FakeSink, Heard, LONG, SharedLog, accept, eventually, gate, record, settings, start, start_with};
use crate::error::{Error, ErrorKind};
use crate::pipeline::{OnError, Pipeline, Refused, Settings, Sink};

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn a_shutdown_writes_what_waits_closes_the_sinks_and_refuses_what_comes_later() {
    let (log, other_log) = (SharedLog::default(), SharedLog::default());
    let others: Vec<Box<dyn Sink>> = vec![Box::new(FakeSink::new(&other_log))];
    let pipeline = start_with(Settings { max_export_batch_size: 4, ..settings() }, FakeSink::new(&log), others, None);
    let inlet = pipeline.inlet();
    accept(&inlet, 11);
    pipeline.shutdown(LONG).unwrap();
    for log in [&log, &other_log] {
        assert_eq!((log.count(), log.flushes(), log.is_closed()), (11, 1, true));
    }
    assert_eq!(inlet.accept(record("late")), Err(Refused::AfterShutdown));
    assert_eq!(Refused::AfterShutdown.to_string(), "the pipeline is shut down");
    let health = inlet.health();
    assert!(health.adds_up());
    assert_eq!((health.stored, health.rejected.after_shutdown, health.dropped.total()), (11, 1, 0));
    pipeline.shutdown(Duration::ZERO).unwrap();
    pipeline.force_flush(Duration::ZERO).unwrap();
    drop(pipeline);
    inlet.force_flush(Duration::ZERO).unwrap();
}

#[test]
fn a_sink_that_hangs_is_left_behind_and_the_loss_is_counted() {
    let log = SharedLog::default();
    let (open, mut wait) = gate();
    let store = FakeSink::new(&log).on_write(move |_| {
        wait();
        Ok(())
    });
    let pipeline = start(Settings { max_export_batch_size: 2, ..settings() }, store);
    let inlet = pipeline.inlet();
    accept(&inlet, 5);
    eventually("a batch is in flight", || inlet.health().in_flight == 2);
    let start = Instant::now();
    let error = pipeline.shutdown(SHORT).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(20), "the deadline was 50 ms");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("5 spans still wait"), "{error}");
    let health = inlet.health();
    assert!(health.adds_up());
    assert_eq!((health.dropped.shutdown_timeout, health.queued, health.in_flight), (5, 0, 0));
    pipeline.shutdown(LONG).unwrap();
    assert_eq!(inlet.force_flush(LONG).unwrap_err().kind(), ErrorKind::Shutdown, "not everything is out");
    drop(open);
    eventually("the worker ends when the sink comes back", || log.is_closed());
    assert_eq!(inlet.health(), health, "closed accounts stay closed");
    assert_eq!(log.writes(), [2], "and nothing more is written");
}

#[test]
fn a_store_that_is_out_does_not_keep_the_worker_alive() {
    let log = SharedLog::default();
    let store = FakeSink::new(&log).on_write(|_| Err(Error::write("no"))).on_probe(|| Err(Error::write("out")));
    let pipeline = start(Settings { retry_min_delay: LONG * 10, retry_max_delay: LONG * 10, ..settings() }, store);
    accept(&pipeline.inlet(), 3);
    let error = pipeline.shutdown(SHORT).unwrap_err();
    assert_ne!(error.kind(), ErrorKind::Write);
    let health = pipeline.health();
    assert!(health.adds_up());
    assert_eq!((health.dropped.shutdown_timeout, health.stored), (3, 0));
    eventually("the worker is gone", || log.is_closed());
}

#[test]
fn a_flush_that_waits_is_told_when_the_pipeline_ends() {
    let log = SharedLog::default();
    let store = FakeSink::new(&log).on_write(|_| Err(Error::write("no"))).on_probe(|| Err(Error::write("out")));
    let pipeline = start(settings(), store);
    accept(&pipeline.inlet(), 3);
    std::thread::scope(|scope| {
        let flush = scope.spawn(|| pipeline.force_flush(LONG * 10));
        eventually("the store is out", || pipeline.health().degraded);
        assert!(pipeline.shutdown(SHORT).is_err());
        let kind = flush.join().unwrap().unwrap_err().kind();
        assert_eq!(kind, ErrorKind::Shutdown);
    });
}

#[test]
fn a_last_flush_that_fails_is_no_success() {
    let log = SharedLog::default();
    let store = FakeSink::new(&log).on_flush(|| Err(Error::write("the file is gone")));
    let pipeline = start(settings(), store);
    accept(&pipeline.inlet(), 1);
    let error = pipeline.shutdown(LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Write);
    assert!(error.to_string().contains("the file is gone"), "{error}");
    assert_eq!(pipeline.health().stored, 1);
    pipeline.shutdown(LONG).unwrap();
}

#[test]
fn a_shutdown_on_the_worker_thread_goes_on_after_it_returns() {
    let log = SharedLog::default();
    let slot: Arc<OnceLock<Pipeline>> = Arc::default();
    let answers: Arc<Mutex<Vec<ErrorKind>>> = Arc::default();
    let on_error: OnError = {
        let (slot, answers) = (Arc::clone(&slot), Arc::clone(&answers));
        Arc::new(move |_| {
            let error = slot.get().unwrap().shutdown(LONG).unwrap_err();
            answers.lock().unwrap().push(error.kind());
        })
    };
    let store = FakeSink::new(&log).refusing(|name| name == "0");
    let pipeline = slot.get_or_init(|| start_with(settings(), store, Vec::new(), Some(on_error)));
    accept(&pipeline.inlet(), 3);
    eventually("the callback shut it down", || {
        let _ = pipeline.force_flush(SHORT);
        pipeline.inlet().accept(record("late")) == Err(Refused::AfterShutdown)
    });
    pipeline.shutdown(LONG).unwrap();
    assert_eq!(*answers.lock().unwrap(), [ErrorKind::Timeout]);
    let health = pipeline.health();
    assert!(health.adds_up());
    assert_eq!((health.dead_lettered.poison, health.stored + 1, health.queued), (1, health.accepted, 0));
}

#[test]
fn a_sink_that_panics_when_it_is_closed_holds_no_one_up() {
    struct Brittle;
    impl Sink for Brittle {
        fn name(&self) -> &'static str {
            "brittle"
        }

        fn write(&mut self, _: &[crate::model::InterpretedSpan]) -> crate::error::Result<()> {
            Ok(())
        }

        fn probe(&mut self) -> crate::error::Result<()> {
            Ok(())
        }
    }
    impl Drop for Brittle {
        fn drop(&mut self) {
            panic!("a destructor's bug");
        }
    }
    let log = SharedLog::default();
    let pipeline = start_with(settings(), FakeSink::new(&log), vec![Box::new(Brittle)], None);
    accept(&pipeline.inlet(), 1);
    let error = pipeline.shutdown(LONG).unwrap_err();
    assert!(error.to_string().contains("a destructor's bug"), "{error}");
    assert!(log.is_closed());
    assert_eq!(pipeline.health().stored, 1);
}

#[test]
fn dropping_a_pipeline_writes_what_waits() {
    let log = SharedLog::default();
    let pipeline = start(settings(), FakeSink::new(&log));
    let inlet = pipeline.inlet();
    accept(&inlet, 5);
    drop(pipeline);
    assert_eq!((log.count(), log.is_closed()), (5, true));
    assert_eq!(inlet.accept(record("late")), Err(Refused::AfterShutdown));
}

#[test]
fn dropping_a_pipeline_that_cannot_write_is_reported() {
    let (log, heard) = (SharedLog::default(), Heard::default());
    let (open, mut wait) = gate();
    let store = FakeSink::new(&log).on_write(move |_| {
        wait();
        Ok(())
    });
    let pipeline = start_with(settings(), store, Vec::new(), Some(heard.callback()));
    assert_eq!(pipeline.drop_deadline, Duration::from_secs(5));
    let pipeline = pipeline.with_drop_deadline(SHORT);
    accept(&pipeline.inlet(), 2);
    drop(pipeline);
    let errors = heard.all();
    assert!(matches!(errors.as_slice(), [error] if error.contains("2 spans still wait")), "{errors:?}");
    drop(open);
}
