//! Clocks that are wrong, and processes that share the work.

use std::time::Duration;

use super::run::{self, LEASE_NS};
use super::{Retention, Schedule, now_ns, sweep::Sweep};
use crate::model::{InterpretedSpan, ProcessId, SpanId, SpanRecord, SpanState, TraceId};
use crate::pipeline::Sink as _;
use crate::store::{Store, StoreSink, dispatch};

const DAY: Duration = Duration::from_secs(86_400);
const DAY_NS: i64 = 86_400_000_000_000;

/// A database with a trace a day, the last one now or as many days later.
fn store(days: i64, later: i64) -> Store {
    let store = Store::open("sqlite::memory:").unwrap();
    let mut sink = StoreSink::new(store.clone(), ProcessId::generate(), String::new());
    let spans: Vec<InterpretedSpan> = (0..days)
        .map(|ago| {
            let start_ns = now_ns() - ago * DAY_NS;
            let start_ns = if ago == 0 { start_ns + later * DAY_NS } else { start_ns };
            let mut record = SpanRecord::new(TraceId::generate(1), SpanId::generate(), "span", start_ns);
            (record.state, record.end_ns) = (SpanState::Closed, Some(start_ns + 1));
            crate::semconv::interpret(record)
        })
        .collect();
    sink.write(&spans).unwrap();
    store
}

fn left(store: &Store) -> u64 {
    use diesel::prelude::*;
    let count = store.read(|connection| {
        Ok(dispatch!(connection, concrete => crate::store::schema::traces::table.count().get_result::<i64>(concrete))?)
    });
    count.unwrap().unsigned_abs()
}

fn prune_at(store: &Store, clock_ns: i64, latest_ns: Option<i64>) -> u64 {
    let retention = Retention::new().older_than(10 * DAY);
    let mut sweep = Sweep::begin(store, &retention, clock_ns, latest_ns).unwrap();
    while sweep.step(store).unwrap() {}
    sweep.pruned().traces
}

#[test]
fn a_clock_that_jumps_ten_years_ahead_deletes_nothing_more() {
    let store = store(20, 0);
    assert_eq!(prune_at(&store, now_ns() + 3_650 * DAY_NS, None), 9);
    assert_eq!(prune_at(&store, now_ns() + 3_650 * DAY_NS, None), 0);
    assert_eq!(left(&store), 11);
}

#[test]
fn a_clock_that_is_behind_deletes_nothing_more() {
    let store = store(20, 0);
    assert_eq!(prune_at(&store, now_ns() - 3_650 * DAY_NS, None), 0);
    assert_eq!(left(&store), 20);
}

/// With the jump in the database, too: a trace was written ten years ahead.
#[test]
fn a_schedule_follows_a_clock_that_jumped_by_small_steps_only() {
    let store = store(20, 3_650);
    let mut row = store.read(|connection| Ok(run::load(connection)?)).unwrap().unwrap();
    assert_eq!(row.latest_present_ns(DAY / 24), None, "the first run knows no better");
    row.present_ns = now_ns();
    let latest = row.latest_present_ns(DAY / 24);
    assert_eq!(prune_at(&store, now_ns() + 3_650 * DAY_NS, latest), 11);
    assert_eq!(left(&store), 9);
}

fn ticked(schedule: &mut Schedule, store: &Store) {
    std::thread::sleep(Duration::from_millis(30));
    for _ in 0..20 {
        schedule.tick(store).unwrap();
    }
}

#[test]
fn who_holds_the_lease_prunes_and_who_died_with_it_is_followed() {
    let store = store(20, 0);
    let schedule = |holder: u8| {
        let retention = Retention::new().keep(5).every(Duration::from_millis(20));
        Schedule::new(retention, vec![holder])
    };
    // Another one took it just now.
    let row = store.read(|connection| Ok(run::load(connection)?)).unwrap().unwrap();
    assert!(store.write(|connection| Ok(run::claim(connection, &row, &[9], now_ns())?)).unwrap());
    assert!(!store.write(|connection| Ok(run::claim(connection, &row, &[8], now_ns())?)).unwrap(), "only one gets it");
    ticked(&mut schedule(1), &store);
    assert_eq!(left(&store), 20);
    // It was never heard of again.
    let row = store.read(|connection| Ok(run::load(connection)?)).unwrap().unwrap();
    let long_ago = now_ns() - 2 * LEASE_NS;
    assert!(store.write(|connection| Ok(run::claim(connection, &row, &[9], long_ago)?)).unwrap());
    ticked(&mut schedule(1), &store);
    assert_eq!(left(&store), 5);
    let run = store.last_retention().unwrap().unwrap();
    assert!(run.ended.is_some() && run.error.is_none(), "{run:?}");
}

#[test]
fn what_fails_is_told_and_tried_again() {
    use diesel::connection::SimpleConnection as _;
    let store = store(20, 0);
    let mut schedule = Schedule::new(Retention::new().keep(5).every(Duration::from_millis(20)), vec![1]);
    let execute = |statement: &str| {
        let done = store.maintain(|connection| dispatch!(connection, concrete => concrete.batch_execute(statement)));
        done.unwrap();
    };
    execute("ALTER TABLE trace_facets RENAME TO away");
    std::thread::sleep(Duration::from_millis(30));
    let error = schedule.tick(&store).unwrap_err();
    assert!(error.to_string().contains("trace_facets"), "{error}");
    let run = store.last_retention().unwrap().unwrap();
    assert!(run.ended.is_none() && run.error.is_some_and(|error| error.contains("trace_facets")));
    execute("ALTER TABLE away RENAME TO trace_facets");
    ticked(&mut schedule, &store);
    assert_eq!(left(&store), 5);
    assert_eq!(store.last_retention().unwrap().unwrap().error, None);
}
