//! Which traces a retention keeps, on every database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tracing_agents::model::TraceStatus;
use tracing_agents::{ErrorKind, Retention, RetentionRun, TraceFilter};

use crate::api::Repository;
use crate::database::Dialect;
use crate::sketch::{DAY, SECOND, Sketch, at, moment, span, trace_id};
use crate::tables::{assert_same, dump};
use crate::walk::expect_traces;
use crate::world::{PATIENCE, World};

crate::cases!(
    the_newest_are_kept_by_number,
    a_database_is_kept_under_a_size,
    only_traces_of_one_status_go,
    failed_traces_stay_longer,
    running_traces_go_only_when_asked_to,
    limits_add_up,
    ages_count_from_the_latest_activity_that_is_stored,
    what_would_go_is_counted_and_then_goes,
    a_retention_without_a_limit_is_refused,
    torn_runs_go_and_stay_with_their_fragments,
    nothing_is_left_of_senders_and_processes_that_wrote_nothing_else,
    writers_go_on_while_a_large_trace_goes,
    a_scheduled_retention_deletes_and_tells_of_it,
    of_several_processes_one_runs_the_schedule,
);

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// Ten traces, a second apart; each third failed.
fn ten() -> impl Iterator<Item = Sketch> {
    (0..10).flat_map(|n| {
        let root = span(n, 0).session("s").service("shop");
        [if n % 3 == 0 { root.failing("no") } else { root }, span(n, 1).service("shop")]
    })
}

fn the_newest_are_kept_by_number(world: &World) {
    let repository = world.with(ten());
    let pruned = repository.prune(Retention::new().keep(4)).unwrap();
    assert_eq!((pruned.traces, pruned.spans), (6, 12));
    expect_traces(&repository, "", &[9, 8, 7, 6]);
    assert_eq!(repository.session("s").unwrap().trace_count, 4);
    assert_eq!(repository.prune(Retention::new().keep(4)).unwrap().traces, 0);
    assert_eq!(repository.prune(Retention::new().keep(1_000)).unwrap().traces, 0);
    assert_eq!(repository.prune(Retention::new().keep(0)).unwrap().traces, 4);
    assert_eq!(dump(&world.database), Vec::<String>::new());
}

fn a_database_is_kept_under_a_size(world: &World) {
    // Some 12 MB, which no database compresses.
    let text = |n: u64| -> String {
        let mut state = n + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
        };
        std::iter::repeat_with(&mut next).take(20_000).collect()
    };
    let repository = world.with((0..600).map(|n| span(n, 0).with("text", text(n))));
    if world.database.dialect() == Dialect::Mysql {
        // Otherwise its statistics come when they come.
        world.database.sql().execute("ANALYZE TABLE spans, span_contents, content_parts");
    }
    assert_eq!(repository.prune(Retention::new().max_size(1 << 30)).unwrap().traces, 0);
    let pruned = repository.prune(Retention::new().max_size(8_000_000)).unwrap();
    let left = repository.count_traces(&TraceFilter::new()).unwrap();
    assert_eq!(pruned.traces + left, 600);
    // Of the texts a third has to go. What is reckoned from statistics may be off by some, and rows in the order of their digests leave a
    // third of InnoDB's pages empty, which counts.
    assert!((150..=480).contains(&left), "{left} are left");
    assert!(repository.find_trace(trace_id(599)).unwrap().is_some(), "the newest stays");
    assert!(repository.find_trace(trace_id(0)).unwrap().is_none(), "the oldest went");
    if world.database.dialect() == Dialect::Sqlite {
        assert!(pruned.freed_bytes > 2_500_000, "{pruned:?}");
        // To the file system, too.
        let path = world.database.url().strip_prefix("sqlite://").unwrap();
        let bytes = std::fs::metadata(path).unwrap().len();
        assert!(bytes <= 8_000_000, "{bytes}");
    }
}

fn only_traces_of_one_status_go(world: &World) {
    let repository = world.with(ten());
    let pruned = repository.prune(Retention::from(moment(8)).only(TraceStatus::Ok)).unwrap();
    assert_eq!(pruned.traces, 4);
    expect_traces(&repository, "", &[9, 8, 7, 6, 3, 0]);
    assert_eq!(repository.prune(Retention::new().keep(2).only(TraceStatus::Error)).unwrap().traces, 3);
    expect_traces(&repository, "", &[9, 8, 7]);
}

fn failed_traces_stay_longer(world: &World) {
    let repository = world.with(ten());
    // The latest activity is the end of trace 9, at the 10th second.
    let retention = Retention::new().older_than(seconds(3)).keep_failed(seconds(6));
    repository.prune(&retention).unwrap();
    // Traces 0 to 5 are older than 3 seconds; of those, 3 failed within 6.
    expect_traces(&repository, "", &[9, 8, 7, 6, 3]);
    repository.prune(Retention::new().keep(0).keep_failed(seconds(5))).unwrap();
    expect_traces(&repository, "", &[9, 6]);
}

fn running_traces_go_only_when_asked_to(world: &World) {
    let repository = world.with([
        span(0, 0),
        span(1, 0).running(),
        span(2, 0).interrupted(),
        span(3, 0).running(),
        span(3, 1).starting(at(900)).running(),
    ]);
    let everything = || [Retention::from(moment(500)), Retention::new().keep(0), Retention::new().max_size(1)];
    for retention in everything() {
        repository.prune(retention).unwrap();
        expect_traces(&repository, "", &[3, 1]);
    }
    // The one has begun a span lately, and is not old.
    assert_eq!(repository.prune(Retention::from(moment(500)).running_too()).unwrap().traces, 1);
    expect_traces(&repository, "", &[3]);
    assert_eq!(repository.prune(Retention::new().keep(0).running_too()).unwrap().traces, 1);
    assert_eq!(dump(&world.database), Vec::<String>::new());
}

fn limits_add_up(world: &World) {
    let repository = world.with(ten());
    // By age, 0 and 1 are too old; by number, 0 to 4 are too many.
    assert_eq!(repository.prune(Retention::from(moment(3)).keep(5)).unwrap().traces, 5);
    expect_traces(&repository, "", &[9, 8, 7, 6, 5]);
    // The other way round.
    assert_eq!(repository.prune(Retention::from(moment(8)).keep(4)).unwrap().traces, 2);
    expect_traces(&repository, "", &[9, 8, 7]);
}

fn ages_count_from_the_latest_activity_that_is_stored(world: &World) {
    // For the clock, all of it is months old.
    let repository = world.with(ten());
    assert_eq!(repository.prune(Retention::new().older_than(seconds(86_400))).unwrap().traces, 0);
    assert_eq!(repository.prune(Retention::new().older_than(seconds(5))).unwrap().traces, 4);
    expect_traces(&repository, "", &[9, 8, 7, 6, 5, 4]);
}

fn what_would_go_is_counted_and_then_goes(world: &World) {
    let repository = world.with(ten().chain((0..2_500).map(|n| span(20, n))));
    let before = dump(&world.database);
    for retention in [
        Retention::from(moment(5)),
        Retention::new().keep(3),
        Retention::new().keep(2).only(TraceStatus::Error),
        Retention::new().keep(0),
    ] {
        let counted = repository.prunable(&retention).unwrap();
        assert_same(&dump(&world.database), &before, "counted only");
        assert!(counted.traces > 0);
        world.with(ten().chain((0..2_500).map(|n| span(20, n))));
        let pruned = repository.prune(&retention).unwrap();
        assert_eq!((pruned.traces, pruned.spans), (counted.traces, counted.spans), "{retention:?}");
        world.with(ten().chain((0..2_500).map(|n| span(20, n))));
    }
}

fn a_retention_without_a_limit_is_refused(world: &World) {
    let repository = world.with(ten());
    for retention in [Retention::new(), Retention::new().only(TraceStatus::Error), Retention::new().running_too()] {
        let error = repository.prune(&retention).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains("older_than"), "{error}");
        assert!(repository.prunable(&retention).is_err());
        assert!(world.builder().retention(retention).open().is_err());
    }
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 10);
}

fn torn_runs_go_and_stay_with_their_fragments(world: &World) {
    let writer = world.writer();
    writer.write(crate::torn::torn_run());
    writer.write([span(500, 0)]);
    let repository = world.repository();
    assert_eq!(repository.prune(Retention::new().keep(2)).unwrap().traces, 0);
    assert_eq!(repository.prune(Retention::new().keep(1).only(TraceStatus::Error)).unwrap().traces, 0);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert!(tree.spans.iter().any(|span| span.trace_id != trace_id(0)), "it has fragments");
    assert_eq!(repository.prune(Retention::new().keep(1)).unwrap().traces, 5);
    expect_traces(&repository, "", &[500]);
    assert_eq!(world.database.sql().lines("SELECT 'spans' AS line FROM spans").len(), 1);
}

fn nothing_is_left_of_senders_and_processes_that_wrote_nothing_else(world: &World) {
    let writer = world.writer();
    writer.write([span(0, 0).service("gone"), span(1, 0).service("stays"), span(2, 0).service("stays")]);
    let repository = world.repository();
    world.database.sql().execute("UPDATE processes SET heartbeat_ns = 1");
    let services = || {
        let query = "SELECT service_name AS line FROM resources ORDER BY service_name";
        world.database.sql().lines(query)
    };
    repository.prune(Retention::new().keep(2)).unwrap();
    // On MySQL, writers look at these rows without a lock.
    let is_mysql = world.database.dialect() == Dialect::Mysql;
    assert_eq!(services(), if is_mysql { vec!["gone", "stays"] } else { vec!["stays"] });
    assert_eq!(world.database.sql().lines("SELECT 'process' AS line FROM processes"), Vec::<String>::new());
    // Who still writes is there again.
    writer.write([span(3, 0).service("gone")]);
    assert_eq!(services(), ["gone", "stays"]);
    assert_eq!(world.database.sql().lines("SELECT 'process' AS line FROM processes").len(), 1);
    assert_eq!(repository.records(trace_id(3)).unwrap()[0].resource.attributes.len(), 1);
    repository.prune(Retention::new().keep(0)).unwrap();
    if !is_mysql {
        assert_eq!(services(), Vec::<String>::new());
        assert_eq!(world.database.sql().lines("SELECT 'scope' AS line FROM scopes"), Vec::<String>::new());
    }
}

fn writers_go_on_while_a_large_trace_goes(world: &World) {
    let writer = world.writer();
    writer.write((0..12_000).map(|n| span(0, n).with("text", "x".repeat(500))));
    let repository = world.repository();
    let is_done = AtomicBool::new(false);
    let (longest, written) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let (mut longest, mut written) = (Duration::ZERO, 0);
            while !is_done.load(Ordering::Relaxed) {
                let begun = Instant::now();
                writer.write([span(1_000 + written, 0)]);
                longest = longest.max(begun.elapsed());
                written += 1;
            }
            (longest, written)
        });
        let pruned = repository.prune(Retention::from(moment(500)));
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(pruned.unwrap().spans, 12_000);
        writing.join().unwrap()
    });
    // What a write takes alone, on a machine that does much else, and one transaction of the other side.
    assert!(longest < seconds(3), "a write took {longest:?}");
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), written);
    if std::env::var_os("TRACING_AGENTS_TEST_FIGURES").is_some() {
        println!("{}: {written} writes meanwhile, the longest {longest:?}", world.database.url());
    }
}

/// Waits until a scheduled run is over that is the right one.
fn wait(repository: &Repository, is_right: impl Fn(&RetentionRun) -> bool) -> RetentionRun {
    let begun = Instant::now();
    loop {
        let run = repository.last_retention().unwrap();
        if let Some(run) = run.clone().filter(|run| run.ended.is_some() && is_right(run)) {
            return run;
        }
        assert!(begun.elapsed() < PATIENCE, "no run was over in time; the last is {run:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn a_scheduled_retention_deletes_and_tells_of_it(world: &World) {
    assert_eq!(world.with(ten()).last_retention().unwrap(), None);
    let retention = Retention::new().keep(4).every(seconds(3));
    let tracing = world.builder().scheduled_delay(Duration::from_millis(20)).retention(retention).open().unwrap();
    let repository = world.repository();
    let first = wait(&repository, |run| run.pruned.traces > 0);
    assert_eq!((first.pruned.traces, first.pruned.spans, first.error.as_deref()), (6, 12, None));
    expect_traces(&repository, "", &[9, 8, 7, 6]);
    // It goes on, with what came since.
    tracing.inlet().accept(span(20, 0).starting(at(0) + DAY).lasting(SECOND).into()).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    let next = wait(&repository, |run| run.begun > first.begun && run.pruned.traces > 0);
    assert_eq!(next.pruned.traces, 1);
    expect_traces(&repository, "", &[20, 9, 8, 7]);
}

fn of_several_processes_one_runs_the_schedule(world: &World) {
    let repository = world.with(ten());
    let open = || {
        let retention = Retention::new().keep(5).every(Duration::from_secs(3_600));
        world.builder().scheduled_delay(Duration::from_millis(20)).retention(retention).open().unwrap()
    };
    let all = [open(), open(), open()];
    let run = wait(&repository, |run| run.pruned.traces > 0);
    assert_eq!(run.pruned.traces, 5);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(repository.last_retention().unwrap(), Some(run), "the others found it done");
    for tracing in all {
        assert_eq!(tracing.health().last_error, None);
    }
}
