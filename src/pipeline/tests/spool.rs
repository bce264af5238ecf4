//! Spans that wait on a disk: nothing that was accepted is lost with the process, whatever the store does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use super::fakes::{FakeSink, Heard, LONG, SharedLog, accept, eventually, interpret, offer_watched, record, settings};
use crate::error::{Error, ErrorKind};
use crate::model::{LossReason, ProcessId};
use crate::pipeline::{
    Durability, Fsync, Health, Inlet, Pipeline, Refused, SegmentState, Settings, SpoolDatabase, SpoolSettings,
    TailSampling, WhenFull, segments,
};

/// A folder, and a database that was reached.
struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
    database: SpoolDatabase,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        Self { _folder: folder, path, database: database([1; 16], Some([2; 16])) }
    }

    fn spool(&self, durability: Durability) -> SpoolSettings {
        SpoolSettings { durability, fsync: Fsync::Never, ..SpoolSettings::new(&self.path, self.database.clone()) }
    }

    /// With a queue so small that most has to wait on the disk.
    fn settings(&self, durability: Durability) -> Settings {
        Settings { max_queue_size: 64, max_export_batch_size: 16, spool: Some(self.spool(durability)), ..settings() }
    }

    /// Spans in files, and whether their process still holds them.
    fn on_disk(&self) -> u64 {
        segments(&self.path).unwrap().iter().map(|segment| segment.spans).sum()
    }

    fn files(&self) -> usize {
        fs::read_dir(&self.path).map_or(0, Iterator::count)
    }
}

fn database(fingerprint: [u8; 16], identity: Option<[u8; 16]>) -> SpoolDatabase {
    let cell = OnceLock::new();
    identity.map(|identity| cell.set(identity));
    SpoolDatabase { fingerprint, identity: Arc::new(cell) }
}

fn start(settings: Settings, store: FakeSink, process: u8) -> Pipeline {
    Pipeline::start(settings, Box::new(store), Vec::new(), interpret, None, ProcessId::from_bytes([process; 16]))
        .unwrap()
}

/// A store that is out as long as it is told so.
fn switched(log: &SharedLog) -> (Arc<AtomicBool>, FakeSink) {
    let is_out = Arc::new(AtomicBool::new(true));
    let answer = |is_out: &Arc<AtomicBool>| {
        let is_out = Arc::clone(is_out);
        move || if is_out.load(Ordering::Relaxed) { Err(Error::write("out")) } else { Ok(()) }
    };
    let write = answer(&is_out);
    let sink = FakeSink::new(log).on_write(move |_| write()).on_probe(answer(&is_out));
    (is_out, sink)
}

/// A store that never comes back from its first write, as a server that is frozen.
fn hung(log: &SharedLog) -> FakeSink {
    FakeSink::new(log).on_write(|_| {
        loop {
            thread::park();
        }
    })
}

/// Offers spans as fast as they are taken.
fn accept_all(pipeline: &Pipeline, number: usize) {
    let inlet = pipeline.inlet();
    for index in 0..number {
        while inlet.accept(record(index.to_string())) == Err(Refused::QueueFull) {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn spooled(pipeline: &Pipeline, number: u64) -> Health {
    eventually("the spans are on the disk", || pipeline.health().spooled + pipeline.health().in_flight == number);
    pipeline.health()
}

/// The process ends while its store hangs: as little as possible goes on.
fn end(pipeline: &Pipeline) -> Health {
    let deadline = Duration::from_millis(50);
    let start = Instant::now();
    assert_eq!(pipeline.shutdown(deadline).unwrap_err().kind(), ErrorKind::Spooled);
    assert!(start.elapsed() < deadline + LONG / 12);
    let health = pipeline.health();
    assert!(health.adds_up(), "{health:?}");
    health
}

#[test]
fn spans_are_on_the_disk_while_the_store_hangs_and_the_next_process_stores_them() {
    for durability in [Durability::Spool, Durability::Journal] {
        let place = Place::new();
        let first = start(place.settings(durability), hung(&SharedLog::default()), 1);
        accept_all(&first, 1000);
        spooled(&first, 1000);
        let left = end(&first);
        assert_eq!(
            (left.spooled, left.dropped.total(), left.queued, left.in_flight),
            (1000, 0, 0, 0),
            "{durability:?}"
        );
        assert!(segments(&place.path).unwrap().iter().all(|segment| segment.state == SegmentState::Left));

        let log = SharedLog::default();
        let second = start(place.settings(durability), FakeSink::new(&log), 2);
        eventually("they are stored", || second.health().stored == 1000);
        let health = second.health();
        assert_eq!((health.adopted, health.accepted, health.offered), (1000, 1000, 1000));
        let sequences = log.sequences();
        assert_eq!(sequences, (0..1000).collect::<Vec<_>>(), "each once, with the number that it had");
        eventually("the files are gone", || place.files() == 0);
        second.shutdown(LONG).unwrap();
        assert!(!place.path.exists(), "the folder goes with them");
        assert!(second.health().adds_up());
    }
}

#[test]
fn an_outage_costs_memory_for_one_queue_and_no_spans() {
    for durability in [Durability::Spool, Durability::Journal] {
        let (place, log) = (Place::new(), SharedLog::default());
        let (is_out, sink) = switched(&log);
        let settings = Settings {
            spool: Some(SpoolSettings { segment_bytes: 20_000, ..place.spool(durability) }),
            ..place.settings(durability)
        };
        let pipeline = start(settings, sink, 1);
        accept_all(&pipeline, 5000);
        let health = spooled(&pipeline, 5000);
        assert!(health.adds_up() && health.queued_bytes < 64 * 1000, "{health:?}");
        assert!(health.spool.segments > 3 && health.spool.bytes > 60_000, "{health:?}");
        assert_eq!(place.on_disk(), 5000);

        is_out.store(false, Ordering::Relaxed);
        accept_all(&pipeline, 100);
        pipeline.force_flush(LONG).unwrap();
        let health = pipeline.health();
        assert_eq!((health.stored, health.spooled, health.dropped.total()), (5100, 0, 0), "{durability:?}: {health:?}");
        assert_eq!(log.sequences(), (0..5100).collect::<Vec<_>>());
        assert_eq!((place.files(), health.spool.segments, health.spool.bytes), (0, 0, 0));
        // Later ones go through memory again.
        accept_all(&pipeline, 100);
        pipeline.shutdown(LONG).unwrap();
        assert_eq!(pipeline.health().stored, 5200);
    }
}

#[test]
fn a_journal_has_each_span_on_the_disk_before_it_is_accepted() {
    let place = Place::new();
    let pipeline = start(place.settings(Durability::Journal), hung(&SharedLog::default()), 1);
    let inlet = pipeline.inlet();
    for number in 1..=200 {
        inlet.accept(record(number.to_string())).unwrap();
        assert_eq!(place.on_disk(), number);
    }
    end(&pipeline);
}

#[test]
fn the_sums_hold_at_every_instant_whatever_the_store_does() {
    let policies = [WhenFull::DropNewest, WhenFull::DropOldest];
    let kinds = [Durability::Spool, Durability::Journal];
    for (durability, when_full) in kinds.into_iter().flat_map(|kind| policies.map(|policy| (kind, policy))) {
        let (place, log) = (Place::new(), SharedLog::default());
        let (mut writes, mut probes) = (0, 0);
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
            scheduled_delay: Duration::from_millis(5),
            spool: Some(SpoolSettings {
                when_full,
                segment_bytes: 10_000,
                max_bytes: 100_000,
                ..place.spool(durability)
            }),
            ..place.settings(durability)
        };
        let pipeline = start(settings, store, 1);
        let offer = |number: u64, inlet: &Inlet| {
            let name = if number % 500 == 3 { "unreadable".to_owned() } else { number.to_string() };
            let _ = inlet.accept(record(name));
        };
        offer_watched(&pipeline, 4, offer, 2000, |_| true);
        let health = pipeline.health();
        assert_eq!(health.offered, 8000);
        assert_eq!((health.queued, health.in_flight, health.spooled), (0, 0, 0), "{health:?}");
        assert!(health.dead_lettered.panic > 0, "{health:?}");
        let fate = health.stored + health.dead_lettered.total() + health.dropped.spool_full;
        assert_eq!(fate, health.accepted, "{health:?}");
        assert_eq!(log.sequences().len() as u64, health.stored, "each stored span was written once");
        assert_eq!(log.get().letters.len() as u64, health.dead_lettered.total());
        pipeline.shutdown(LONG).unwrap();
        assert_eq!(place.files(), 0);
    }
}

#[test]
fn a_full_spool_drops_the_newest_or_the_oldest_or_lets_callers_wait() {
    let full = |when_full, place: &Place| SpoolSettings {
        when_full,
        max_bytes: 60_000,
        segment_bytes: 10_000,
        ..place.spool(Durability::Spool)
    };
    let run = |when_full| {
        let (place, log) = (Place::new(), SharedLog::default());
        let (is_out, sink) = switched(&log);
        let settings = Settings { spool: Some(full(when_full, &place)), ..place.settings(Durability::Spool) };
        let pipeline = start(settings, sink, 1);
        let inlet = pipeline.inlet();
        for index in 0..5000 {
            let _ = inlet.accept(record(index.to_string()));
            if index % 16 == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        eventually("all has gone on", || pipeline.health().queued <= 64 * 18);
        let health = pipeline.health();
        assert!(health.adds_up() && health.spool.bytes <= 60_000, "{health:?}");
        is_out.store(false, Ordering::Relaxed);
        pipeline.force_flush(LONG).unwrap();
        pipeline.shutdown(LONG).unwrap();
        let health = pipeline.health();
        assert!(health.adds_up(), "{health:?}");
        assert_eq!(health.stored + health.dropped.spool_full, health.accepted);
        (health, log.sequences(), log.get().losses.clone())
    };
    let (newest, stored, losses) = run(WhenFull::DropNewest);
    assert!(newest.dropped.spool_full > 0, "{newest:?}");
    assert!(stored.contains(&100), "the first ones are there");
    let told: u64 = losses.iter().filter(|loss| loss.reason == LossReason::SpoolFull).map(|loss| loss.count).sum();
    assert_eq!(told, newest.dropped.spool_full, "the store is told");

    let (oldest, stored, _) = run(WhenFull::DropOldest);
    assert!(oldest.dropped.spool_full > 0, "{oldest:?}");
    assert!(stored.contains(&(oldest.accepted - 1)), "the last one is there");

    let (blocked, ..) = run(WhenFull::Block(Duration::from_millis(1)));
    assert_eq!(blocked.dropped.total(), 0);
    assert!(blocked.rejected.queue_full > 0, "{blocked:?}");
}

#[test]
fn a_caller_waits_for_room_where_the_program_wants_that() {
    for durability in [Durability::Spool, Durability::Journal] {
        let (place, log) = (Place::new(), SharedLog::default());
        let (is_out, sink) = switched(&log);
        let spool = SpoolSettings {
            when_full: WhenFull::Block(LONG),
            max_bytes: 30_000,
            segment_bytes: 10_000,
            ..place.spool(durability)
        };
        let pipeline = start(Settings { spool: Some(spool), ..place.settings(durability) }, sink, 1);
        thread::scope(|scope| {
            let inlet = pipeline.inlet();
            let producer = scope.spawn(move || accept(&inlet, 2000));
            thread::sleep(Duration::from_millis(300));
            assert!(!producer.is_finished(), "it waits");
            assert!(pipeline.health().adds_up());
            is_out.store(false, Ordering::Relaxed);
        });
        pipeline.force_flush(LONG).unwrap();
        let health = pipeline.health();
        assert_eq!((health.stored, health.rejected.total()), (2000, 0), "{durability:?}: {health:?}");
        assert_eq!(log.sequences(), (0..2000).collect::<Vec<_>>());
    }
}

#[test]
fn while_the_disk_fails_spans_wait_in_memory_and_then_on_the_disk_again() {
    for durability in [Durability::Spool, Durability::Journal] {
        let (place, log) = (Place::new(), SharedLog::default());
        fs::write(&place.path, "no folder").unwrap();
        let (is_out, sink) = switched(&log);
        let pipeline = start(place.settings(durability), sink, 1);
        let inlet = pipeline.inlet();
        accept(&inlet, 10);
        eventually("the failure is seen", || pipeline.health().spool.failure.is_some());
        let refused = (0..3000).filter(|_| {
            thread::sleep(Duration::from_micros(20));
            inlet.accept(record("more")) == Err(Refused::DiskFull)
        });
        assert!(refused.count() > 100, "memory is full, too");
        let health = pipeline.health();
        assert!(health.adds_up() && health.rejected.disk_full > 100 && health.spooled == 0, "{health:?}");

        fs::remove_file(&place.path).unwrap();
        eventually("the disk is used again", || {
            let _ = inlet.accept(record("again"));
            pipeline.health().spooled > 0
        });
        assert_eq!(pipeline.health().spool.failure, None);
        is_out.store(false, Ordering::Relaxed);
        pipeline.force_flush(LONG).unwrap();
        let health = pipeline.health();
        assert_eq!((health.stored, health.dropped.total()), (health.accepted, 0), "{durability:?}: {health:?}");
        pipeline.shutdown(LONG).unwrap();
    }
}

#[test]
fn what_belongs_into_another_database_stays() {
    let place = Place::new();
    let leave = |database: SpoolDatabase, process, spans| {
        let spool = SpoolSettings { database, ..place.spool(Durability::Journal) };
        let pipeline = start(Settings { spool: Some(spool), ..settings() }, hung(&SharedLog::default()), process);
        accept(&pipeline.inlet(), spans);
        end(&pipeline);
    };
    leave(database([1; 16], Some([9; 16])), 1, 3);
    leave(database([8; 16], None), 2, 5);
    leave(database([8; 16], Some([2; 16])), 3, 7);
    leave(database([1; 16], None), 4, 11);

    let log = SharedLog::default();
    let unreached = Settings {
        spool: Some(SpoolSettings { database: database([1; 16], None), ..place.spool(Durability::Spool) }),
        ..settings()
    };
    let pipeline = start(unreached, FakeSink::new(&log), 5);
    pipeline.force_flush(LONG).unwrap();
    thread::sleep(Duration::from_millis(1200));
    assert_eq!(pipeline.health().adopted, 0, "it does not know yet which database it has");
    pipeline.shutdown(LONG).unwrap();

    let pipeline = start(place.settings(Durability::Spool), FakeSink::new(&log), 6);
    eventually("those of the same database are stored", || pipeline.health().stored == 7 + 11);
    assert_eq!(place.on_disk(), 3 + 5);
    pipeline.shutdown(LONG).unwrap();
    assert_eq!((place.on_disk(), log.count()), (3 + 5, 7 + 11));
}

#[test]
fn a_process_takes_nothing_from_one_that_lives() {
    let (place, log) = (Place::new(), SharedLog::default());
    let living = start(place.settings(Durability::Spool), hung(&SharedLog::default()), 1);
    accept_all(&living, 100);
    spooled(&living, 100);
    let other = start(place.settings(Durability::Spool), FakeSink::new(&log), 2);
    thread::sleep(Duration::from_millis(1500));
    assert_eq!((other.health().adopted, log.count()), (0, 0));
    assert!(segments(&place.path).unwrap().iter().any(|segment| segment.state == SegmentState::InUse));
    other.shutdown(LONG).unwrap();
    end(&living);
    assert_eq!(place.on_disk(), 100);
}

fn damage(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    for segment in segments(path).unwrap() {
        let mut bytes = fs::read(&segment.path).unwrap();
        change(&mut bytes);
        fs::write(&segment.path, bytes).unwrap();
    }
}

#[test]
fn damage_costs_the_spans_that_it_hit_and_is_counted() {
    let adopt = |change: fn(&mut Vec<u8>)| {
        let (place, log) = (Place::new(), SharedLog::default());
        let first = start(place.settings(Durability::Journal), hung(&SharedLog::default()), 1);
        accept(&first.inlet(), 10);
        end(&first);
        damage(&place.path, change);
        let second = start(place.settings(Durability::Spool), FakeSink::new(&log), 2);
        eventually("the rest is stored", || place.files() == 0);
        let health = second.health();
        assert!(health.adds_up(), "{health:?}");
        second.shutdown(LONG).unwrap();
        let losses = log.get().losses.clone();
        assert_eq!(losses.iter().map(|loss| loss.count).sum::<u64>(), health.dropped.disk_error);
        (health.stored, health.dropped.disk_error, health.spool.torn_bytes)
    };
    let (stored, lost, torn) = adopt(|bytes| bytes.truncate(bytes.len() - 5));
    assert_eq!((stored, lost), (9, 0));
    assert!(torn > 5);
    // In the middle of a span's payload.
    let (stored, lost, torn) = adopt(|bytes| {
        let place = 92 + 40;
        bytes[place] ^= 0xff;
    });
    assert_eq!((stored, lost, torn), (9, 1, 0));
}

#[test]
fn a_span_that_cannot_be_read_keeps_nobody_waiting() {
    let (place, log) = (Place::new(), SharedLog::default());
    struct Bad;
    impl crate::pipeline::PendingSpan for Bad {
        fn record(&self) -> crate::model::SpanRecord {
            panic!("cannot be recorded")
        }

        fn size(&self) -> usize {
            1
        }
    }
    for durability in [Durability::Spool, Durability::Journal] {
        let pipeline = start(place.settings(durability), FakeSink::new(&log), 1);
        let inlet = pipeline.inlet();
        inlet.accept_pending(Arc::new(Bad)).unwrap();
        pipeline.force_flush(LONG).unwrap();
        inlet.accept(record("unreadable")).unwrap();
        accept(&inlet, 3);
        inlet.accept_pending(Arc::new(Bad)).unwrap();
        pipeline.force_flush(LONG).unwrap();
        let health = pipeline.health();
        assert_eq!((health.stored, health.dead_lettered.panic), (3, 3), "{durability:?}: {health:?}");
        pipeline.shutdown(LONG).unwrap();
    }
    let log = log.get();
    assert_eq!(log.letters.len(), 6);
    assert!(log.letters.iter().all(|letter| letter.error.contains("cannot be re")), "{:?}", log.letters);
}

#[test]
fn those_who_delivered_are_told_after_the_store_has_it() {
    for durability in [Durability::Spool, Durability::Journal] {
        let (place, log) = (Place::new(), SharedLog::default());
        let (is_out, sink) = switched(&log);
        let pipeline = start(place.settings(durability), sink, 1);
        let told = Arc::new(Mutex::new(None));
        let tell = Arc::clone(&told);
        let records = (0..100).map(|index| record(index.to_string())).collect();
        pipeline.inlet().deliver(records, move |receipt| *tell.lock().unwrap() = Some(receipt.stored)).unwrap();
        spooled(&pipeline, 100);
        assert_eq!(*told.lock().unwrap(), None, "the disk is not the store");
        is_out.store(false, Ordering::Relaxed);
        eventually("it is told", || *told.lock().unwrap() == Some(100));
        pipeline.shutdown(LONG).unwrap();
    }
}

#[test]
fn spans_that_are_held_for_a_decision_outlive_their_process() {
    let (place, log) = (Place::new(), SharedLog::default());
    let sampling = TailSampling::new().keep_errors().decision_wait(LONG);
    let settings = Settings {
        tail_sampling: Some(sampling),
        scheduled_delay: Duration::from_millis(5),
        ..place.settings(Durability::Spool)
    };
    let first = start(settings.clone(), hung(&SharedLog::default()), 1);
    let child = || {
        let mut child = record("child");
        child.parent_span_id = Some(crate::model::SpanId::generate());
        child
    };
    let inlet = first.inlet();
    (0..20).for_each(|_| inlet.accept(child()).unwrap());
    let mut failed = child();
    failed.status.code = crate::model::StatusCode::Error;
    // The store hangs with what was decided, and the others are held.
    eventually("they are held", || first.health().held == 20);
    inlet.accept(failed).unwrap();
    eventually("it hangs", || first.health().in_flight == 1);
    let left = end(&first);
    assert_eq!((left.spooled, left.dropped.total()), (21, 0), "{left:?}");
    let second = start(settings, FakeSink::new(&log), 2);
    eventually("they are kept", || second.health().stored == 21);
    second.shutdown(LONG).unwrap();
}

#[test]
fn what_was_lost_is_told_by_the_next_process() {
    let (place, log) = (Place::new(), SharedLog::default());
    let first = start(place.settings(Durability::Spool), hung(&SharedLog::default()), 1);
    let too_large = Settings {
        max_span_bytes: 1000,
        scheduled_delay: Duration::from_millis(5),
        ..place.settings(Durability::Spool)
    };
    accept_all(&first, 10);
    spooled(&first, 10);
    end(&first);
    let second = start(too_large, hung(&SharedLog::default()), 2);
    let mut large = record("large");
    large.attributes.push("text", "x".repeat(2000));
    assert_eq!(second.inlet().accept(large), Err(Refused::TooLarge));
    accept_all(&second, 1);
    eventually("it hangs", || second.health().in_flight > 0);
    end(&second);
    let third = start(place.settings(Durability::Spool), FakeSink::new(&log), 3);
    eventually("all is told", || !log.get().losses.is_empty() && place.files() == 0);
    third.shutdown(LONG).unwrap();
    let losses = log.get().losses.clone();
    let told: Vec<_> = losses.iter().map(|loss| (loss.process.as_bytes()[0], loss.reason, loss.count)).collect();
    assert_eq!(told, [(2, LossReason::TooLarge, 1)]);
}

#[test]
fn an_orderly_end_with_a_store_that_is_out_does_not_take_its_whole_deadline() {
    let (place, heard) = (Place::new(), Heard::default());
    let (_out, sink) = switched(&SharedLog::default());
    let pipeline = Pipeline::start(
        place.settings(Durability::Spool),
        Box::new(sink),
        Vec::new(),
        interpret,
        Some(heard.callback()),
        ProcessId::from_bytes([1; 16]),
    )
    .unwrap();
    accept_all(&pipeline, 10);
    spooled(&pipeline, 10);
    let start = Instant::now();
    let error = pipeline.shutdown(LONG).unwrap_err();
    assert!(start.elapsed() < LONG / 4, "{:?}", start.elapsed());
    assert_eq!(error.kind(), ErrorKind::Spooled);
    assert!(error.to_string().contains("10 spans"), "{error}");
    assert_eq!(pipeline.health().spooled, 10);
}
