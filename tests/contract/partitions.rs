//! PostgreSQL's span tables in partitions: made ahead, dropped as a whole, and never in the way. On other databases there is nothing to
//! see. Nothing here depends on the way of asking.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing_agents::TraceFilter;

use crate::rollups;
use crate::sketch::{DAY, Sketch, span};
use crate::sql::Sql;
use crate::world::World;

crate::cases!(
    partitions_are_made_ahead_and_hold_their_days,
    pruning_drops_whole_partitions,
    a_day_with_a_trace_that_goes_on_stays,
    what_came_before_its_partition_moves_over,
    a_long_reader_keeps_a_day_and_nobody_waiting,
);

fn is_partitioned(world: &World) -> bool {
    world.database.url().contains("partition=daily")
}

/// The midnight in UTC that a day from today begins with, in nanoseconds since 1970.
fn midnight(days: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_nanos()).unwrap();
    now - now.rem_euclid(DAY) + days * DAY
}

fn moment(time_ns: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(time_ns).unwrap())
}

/// A span in the middle of a day from today.
fn on_day(trace: u64, number: u64, days: i64) -> Sketch {
    span(trace, number).starting(midnight(days) + DAY / 2)
}

/// The partitions of a table that hold spans, with their number, or all but the default one.
fn partitions(sql: &mut Sql) -> Vec<String> {
    sql.lines(
        "SELECT inhrelid::regclass::text AS line FROM pg_inherits
         WHERE inhparent = 'spans'::regclass AND inhrelid <> 'spans_default'::regclass ORDER BY 1",
    )
}

fn spans_in_default(sql: &mut Sql) -> Vec<String> {
    sql.lines("SELECT count(*)::text AS line FROM spans_default")
}

fn partitions_are_made_ahead_and_hold_their_days(world: &World) {
    if !is_partitioned(world) {
        return;
    }
    world.with([on_day(0, 0, 0), on_day(1, 0, 1), on_day(2, 0, 13), on_day(3, 0, -40), on_day(4, 0, 400)]);
    let mut sql = world.database.sql();
    assert!(partitions(&mut sql).len() >= 14, "{:?}", partitions(&mut sql));
    // Those of a month ago and of next year.
    assert_eq!(spans_in_default(&mut sql), ["2"]);
    assert_eq!(world.repository().count_traces(&TraceFilter::new()).unwrap(), 5);
}

fn pruning_drops_whole_partitions(world: &World) {
    if !is_partitioned(world) {
        return;
    }
    let repository = world.with((0..30).map(|number| on_day(number % 10, number, i64::try_from(number % 5).unwrap())));
    let mut sql = world.database.sql();
    let before = partitions(&mut sql).len();
    // Traces 0 to 4 and 5 to 9 have all their spans on one day each: days 0 to 4.
    let pruned = repository.prune(moment(midnight(3))).unwrap();
    assert_eq!((pruned.traces, pruned.spans), (6, 18));
    assert_eq!(partitions(&mut sql).len(), before - 3);
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 4);
    assert_eq!(sql.lines("SELECT count(*)::text AS line FROM spans"), ["12"]);
    assert_eq!(sql.lines("SELECT count(*)::text AS line FROM span_contents"), ["12"]);
    rollups::assert_agree(&repository, "days that were dropped");
    // What is written into a day that is gone is kept all the same.
    let repository = world.with([on_day(50, 0, 0)]);
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 5);
}

fn a_day_with_a_trace_that_goes_on_stays(world: &World) {
    if !is_partitioned(world) {
        return;
    }
    // Trace 0 begins on the first day and goes on on the fourth; trace 1 is over.
    let repository = world.with([on_day(0, 0, 0), on_day(0, 1, 3), on_day(1, 0, 0), on_day(1, 1, 0)]);
    let mut sql = world.database.sql();
    let before = partitions(&mut sql).len();
    let pruned = repository.prune(moment(midnight(2))).unwrap();
    assert_eq!((pruned.traces, pruned.spans), (1, 2));
    // The days between hold nothing that is young either, but the trace has begun before them.
    assert_eq!(partitions(&mut sql).len(), before);
    assert_eq!(repository.trace(crate::sketch::trace_id(0)).unwrap().spans.len(), 2);
}

fn what_came_before_its_partition_moves_over(world: &World) {
    if !is_partitioned(world) {
        return;
    }
    let repository = world.with([on_day(0, 0, 0), on_day(1, 0, 2)]);
    let mut sql = world.database.sql();
    repository.prune(moment(midnight(1))).unwrap();
    world.writer().write([on_day(2, 0, 0)]);
    // A new writer makes today's partition again.
    world.writer().write([on_day(2, 1, 0)]);
    assert_eq!(spans_in_default(&mut sql), ["0"]);
    assert_eq!(world.repository().trace(crate::sketch::trace_id(2)).unwrap().spans.len(), 2);
}

fn a_long_reader_keeps_a_day_and_nobody_waiting(world: &World) {
    if !is_partitioned(world) {
        return;
    }
    let writer = world.writer();
    writer.write((0..10).map(|number| on_day(number, 0, 0)));
    let repository = world.repository();
    let mut sql = world.database.sql();
    let before = partitions(&mut sql).len();
    // Reads spans, and goes on reading for hours.
    let mut reader = world.database.sql();
    reader.execute("BEGIN");
    assert_eq!(reader.lines("SELECT count(*)::text AS line FROM spans"), ["10"]);

    let is_done = AtomicBool::new(false);
    let longest = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let (mut longest, mut number) = (Duration::ZERO, 100);
            while !is_done.load(Ordering::Relaxed) {
                let begun = Instant::now();
                writer.write([on_day(number, 0, 5)]);
                longest = longest.max(begun.elapsed());
                number += 1;
            }
            longest
        });
        let pruned = repository.prune(moment(midnight(3)));
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(pruned.unwrap().traces, 10, "row by row, then");
        writing.join().unwrap()
    });
    assert!(longest < Duration::from_secs(2), "a write took {longest:?}");
    assert_eq!(partitions(&mut sql).len(), before);
    reader.execute("COMMIT");
    // The next time, the empty days go.
    let begun = Instant::now();
    repository.prune(moment(midnight(3))).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(partitions(&mut sql).len(), before - 3);
}
