//! Statistics from roll-ups: they say what the spans say, whatever came late, twice, out of order, was priced anew, put together, pruned or
//! deleted.

use std::time::{Duration, Instant};

use tracing_agents::field;
use tracing_agents::model::Kind;
use tracing_agents::store::Store;
use tracing_agents::{Durations, Group, Price, PriceTable, SpanFilter, StatsQuery, StatsRow, TraceFilter};

use crate::api::Repository;
use crate::sketch::{DAWN, DAY, Dice, SECOND, Sketch, span, trace_id};
use crate::torn::torn_run;
use crate::world::{PATIENCE, World};

crate::cases!(
    any_history_says_what_its_spans_say,
    the_fragments_of_a_run_count_once,
    hours_and_days_are_read_in_place_of_spans,
    times_within_an_hour_count_their_spans,
    percentiles_of_a_month_are_within_one_per_cent,
    a_name_for_each_call_makes_no_roll_up_of_calls,
    two_writers_add_up,
    what_was_stored_before_is_rolled_up,
    a_process_of_an_older_version_is_waited_for,
    roll_ups_that_disagree_are_made_anew,
);

const HOUR: i64 = 3_600 * SECOND;

/// The groups that roll-ups answer.
const GROUPS: [Group; 8] =
    [Group::All, Group::Agent, Group::Team, Group::Workflow, Group::Model, Group::Tool, Group::Provider, Group::Kind];

fn of_spans(filter: &str) -> StatsQuery {
    StatsQuery::spans(filter.parse().unwrap())
}

/// Asserts that statistics say what the spans say, by many ways of asking.
#[track_caller]
pub(crate) fn assert_agree(repository: &Repository, what: &str) {
    let filters = [
        "",
        "kind:model",
        "status:error",
        "-kind:tool -status:error",
        "agent:A",
        "model:m,own -agent:B",
        "state:closed",
    ];
    let (since, until) = (DAWN + HOUR / 3, DAWN + 2 * DAY + HOUR / 2);
    let times = [
        (None, None),
        (Some(since), None),
        (None, Some(until)),
        (Some(since), Some(until)),
        (Some(DAWN), Some(DAWN + DAY)),
    ];
    for (place, filter) in filters.iter().enumerate() {
        for (turn, (since, until)) in times.iter().enumerate() {
            let mut spans: SpanFilter = filter.parse().unwrap();
            spans = since.iter().copied().fold(spans, SpanFilter::since_ns);
            spans = until.iter().copied().fold(spans, SpanFilter::until_ns);
            let query = StatsQuery::spans(spans).group_by(GROUPS[(place + 3 * turn) % GROUPS.len()]);
            for query in [
                query.clone(),
                query.clone().bucket(Duration::from_secs(3_600)),
                query.bucket(Duration::from_secs(86_400)),
            ] {
                assert_alike(repository, &query, what);
            }
        }
    }
    for group in GROUPS {
        assert_alike(repository, &of_spans("").group_by(group), what);
    }
}

fn moment(time_ns: i64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + Duration::from_nanos(u64::try_from(time_ns).unwrap())
}

#[track_caller]
fn assert_alike(repository: &Repository, query: &StatsQuery, what: &str) {
    let mut rolled = repository.stats(query).unwrap();
    let mut exact = repository.stats(&query.clone().exact()).unwrap();
    for row in &mut exact {
        (row.trace_count, row.session_count, row.first_ns, row.latest_ns) = (None, None, None, None);
        assert!(row.label.is_some() || row.key.is_none());
        row.label = None;
    }
    rolled.iter_mut().for_each(|row| row.label = None);
    for (one, other) in rolled.iter_mut().zip(&exact) {
        if let (Some(found), Some(expected)) = (one.durations, other.durations) {
            assert_near(found, expected, &format!("{what}: {query:?}"));
            one.durations = other.durations;
        }
    }
    assert_eq!(rolled, exact, "{what}: {query:?}");
}

#[track_caller]
fn assert_near(found: Durations, expected: Durations, what: &str) {
    assert_eq!(found.mean_ns, expected.mean_ns, "{what}");
    for (found, expected) in [
        (found.p50_ns, expected.p50_ns),
        (found.p95_ns, expected.p95_ns),
        (found.p99_ns, expected.p99_ns),
        (found.max_ns, expected.max_ns),
    ] {
        assert!(found.abs_diff(expected) <= expected.unsigned_abs() / 100, "{what}: {found} for {expected}");
    }
}

/// A span of three days, of any kind, in any state.
fn any_span(dice: &mut Dice, trace: u64, number: u64) -> Sketch {
    let start =
        DAWN + i64::try_from(dice.below(72)).unwrap() * HOUR + i64::try_from(dice.below(3_600)).unwrap() * SECOND;
    let span = span(trace, number).starting(start).lasting(1_i64 << dice.below(40));
    let agent = ["A", "B", "C"][usize::try_from(dice.below(3)).unwrap()];
    let span = match dice.below(5) {
        0 => span.kind(Kind::Agent).agent(agent).tokens(30, 4),
        1 => span.model("m").tokens(dice.below(50), 1).costing(0.25),
        2 => span
            .model("own")
            .tokens(dice.below(50), 1)
            .with(field::RESPONSE_MODEL, "own-1")
            .with(field::PROVIDER, "openai"),
        3 => span.tool(["t", "u"][usize::try_from(dice.below(2)).unwrap()]).service("s"),
        _ => span.with(field::TEAM_NAME, "T").with(field::WORKFLOW_ID, "w").with(field::WORKFLOW_NAME, agent),
    };
    match dice.below(8) {
        0 => span.failing("no"),
        1 => span.running(),
        2 => span.interrupted(),
        _ => span,
    }
}

fn any_history_says_what_its_spans_say(world: &World) {
    let seed = fastrand::u64(..);
    let mut dice = Dice::new(seed);
    let writer = world.writer();
    let repository = world.repository();
    for turn in 0..10 {
        let what = format!("seed {seed}, turn {turn}");
        // Few ids: most of it are other versions of what is there, on other days and of other kinds.
        let count = 1 + dice.below(40);
        let mut one = |_| {
            let (trace, number) = (dice.below(12), dice.below(6));
            any_span(&mut dice, trace, number)
        };
        let batch: Vec<Sketch> = (0..count).map(&mut one).collect();
        writer.write(batch.clone());
        if turn % 5 == 4 {
            writer.write(batch);
        }
        match turn % 6 {
            2 => {
                repository.delete_traces(&[trace_id(dice.below(12)), trace_id(dice.below(12))]).unwrap();
            }
            3 => {
                let prices = PriceTable::new("table", [Price::new("own").input(1.0 + f64::from(turn))]).unwrap();
                repository.reprice(&TraceFilter::new(), &prices).unwrap();
            }
            4 => {
                repository.prune(moment(DAWN + DAY)).unwrap();
            }
            _ => {}
        }
        assert_agree(&repository, &what);
    }
    Store::open(world.database.url()).unwrap().rebuild_rollups().unwrap();
    assert_agree(&repository, &format!("seed {seed}, made anew"));
    let ids: Vec<_> = (0..12).map(trace_id).collect();
    repository.delete_traces(&ids).unwrap();
    assert_eq!(repository.stats(&of_spans("").group_by(Group::Agent)).unwrap(), []);
}

fn the_fragments_of_a_run_count_once(world: &World) {
    let writer = world.writer();
    let mut spans = torn_run();
    spans.reverse();
    let repository = world.repository();
    for span in spans {
        writer.write([span]);
        assert_agree(&repository, "a part of a run");
    }
    assert_eq!(repository.stats(&of_spans("")).unwrap()[0].usage.input, Some(34));
}

/// Key, count and failures of each row.
fn shape(rows: &[StatsRow]) -> Vec<(Option<&str>, u64, u64)> {
    rows.iter().map(|row| (row.key.as_deref(), row.count, row.error_count)).collect()
}

fn hours_and_days_are_read_in_place_of_spans(world: &World) {
    let calls = (0..100).map(|n| {
        let call = span(n, 0).model(if n % 4 == 0 { "small" } else { "large" }).tokens(10, 1);
        let call = call.starting(DAWN + i64::try_from(n).unwrap() * HOUR);
        if n < 7 { call.failing("no") } else { call }
    });
    let repository = world.with(calls);
    // What answers now has not read them.
    world.database.sql().execute("DELETE FROM spans");
    let rows = repository.stats(&of_spans("kind:model").group_by(Group::Model)).unwrap();
    assert_eq!(shape(&rows), [(Some("large"), 75, 5), (Some("small"), 25, 2)]);
    assert_eq!(rows[0].usage.input, Some(750));
    let of_a_day = of_spans("").bucket(Duration::from_secs(86_400));
    let counts: Vec<u64> = repository.stats(&of_a_day).unwrap().iter().map(|row| row.count).collect();
    assert_eq!(counts, [24, 24, 24, 24, 4]);
    let hours = of_spans("since:2026-03-14T05:00:00Z until:2026-03-15T03:00:00Z model:small")
        .bucket(Duration::from_secs(3_600));
    let hours: Vec<i64> =
        repository.stats(&hours).unwrap().iter().map(|row| (row.bucket_ns.unwrap() - DAWN) / HOUR).collect();
    assert_eq!(hours, [8, 12, 16, 20, 24]);
    assert_eq!(repository.stats(&of_spans("").exact()).unwrap(), []);
}

fn times_within_an_hour_count_their_spans(world: &World) {
    let minutes = (0..600).map(|n| span(n, 0).tool("t").starting(DAWN + i64::try_from(n).unwrap() * 60 * SECOND));
    let repository = world.with(minutes);
    let count = |since: i64, until: i64| {
        let filter = SpanFilter::new().since_ns(DAWN + since * 60 * SECOND).until_ns(DAWN + until * 60 * SECOND);
        let rows = repository.stats(&StatsQuery::spans(filter).group_by(Group::Tool)).unwrap();
        rows.first().map_or(0, |row| i64::try_from(row.count).unwrap())
    };
    for (since, until) in
        [(0, 600), (0, 60), (1, 61), (59, 61), (30, 40), (90, 590), (120, 300), (119, 301), (0, 5_000)]
    {
        assert_eq!(count(since, until), until.min(600) - since, "from minute {since} to {until}");
    }
}

fn percentiles_of_a_month_are_within_one_per_cent(world: &World) {
    let mut dice = Dice::new(11);
    let spans = (0..2_000).map(|n| {
        let bits = dice.below(30);
        let length = i64::try_from(1 + dice.below(1_000) * dice.below(1 << bits)).unwrap();
        span(n, 0)
            .model(["m", "n"][usize::try_from(n % 2).unwrap()])
            .starting(DAWN + i64::try_from(dice.below(720)).unwrap() * HOUR)
            .lasting(length)
    });
    let repository = world.with(spans);
    for group in [Group::All, Group::Model] {
        assert_alike(&repository, &of_spans("").group_by(group), "a month");
    }
}

fn a_name_for_each_call_makes_no_roll_up_of_calls(world: &World) {
    let flood = |from: u64| {
        (from..from + 1_500)
            .map(|n| span(n / 50, n % 50).tool(&format!("tool {n}")).starting(DAWN + i64::try_from(n).unwrap()))
    };
    let writer = world.writer();
    writer.write(flood(0));
    writer.write((3_000..3_040).map(|n| span(n, 0).model("m").starting(DAWN + DAY)));
    let repository = world.repository();
    let store = Store::open(world.database.url()).unwrap();
    for turn in 0..2 {
        let rows = repository.stats(&of_spans("").group_by(Group::Tool).limit(3)).unwrap();
        assert_eq!(shape(&rows), [(None, 40, 0), (Some("tool 0"), 1, 0), (Some("tool 1"), 1, 0)]);
        assert_agree(&repository, "a flood of names");
        let length = world.database.dialect().text_of("BigInt", "LENGTH(cells)");
        let lengths =
            world.database.sql().lines(&format!("SELECT {length} AS line FROM rollups WHERE level IN (1, 2)"));
        let bytes: u64 = lengths.iter().map(|line| line.parse::<u64>().unwrap()).sum();
        // Folded in two pieces, it may have been told apart so far.
        assert!(turn == 0 || bytes < 2_000, "{bytes} bytes");
        store.rebuild_rollups().unwrap();
    }
    // What has gone is taken away of what is not told apart, too.
    repository.delete_traces(&(0..20).map(trace_id).collect::<Vec<_>>()).unwrap();
    writer.write(flood(1_500));
    assert_agree(&repository, "a flood of which some has gone");
}

fn two_writers_add_up(world: &World) {
    let writers = [world.writer(), world.writer()];
    std::thread::scope(|scope| {
        for (own, writer) in writers.iter().enumerate() {
            scope.spawn(move || {
                for turn in 0..40 {
                    let of = |n: u64| {
                        span(turn * 100 + n, u64::try_from(own).unwrap())
                            .tool("t")
                            .starting(DAWN + i64::try_from(n).unwrap())
                    };
                    writer.write((0..20).map(of));
                }
            });
        }
    });
    let repository = world.repository();
    assert_eq!(shape(&repository.stats(&of_spans("").group_by(Group::Tool)).unwrap()), [(Some("t"), 1_600, 0)]);
    assert_agree(&repository, "two writers");
}

/// As a database is that was brought up to date: nothing is rolled up of what is there.
fn forget_rollups(world: &World) {
    let mut sql = world.database.sql();
    sql.execute("DELETE FROM rollups");
    sql.execute(
        "INSERT INTO rollups (level, start_ns, part, version, cells) VALUES (3, 0, '', 9223372036854775807, '')",
    );
}

fn is_covered(world: &World) -> bool {
    world.database.sql().lines("SELECT 'some' AS line FROM rollups WHERE level = 3").is_empty()
}

/// Waits until a writer has rolled up all that there is.
fn wait_until_covered(world: &World) {
    let begun = Instant::now();
    while !is_covered(world) {
        assert!(begun.elapsed() < PATIENCE, "nobody rolls up");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn what_was_stored_before_is_rolled_up(world: &World) {
    let mut dice = Dice::new(3);
    let stage: Vec<Sketch> = (0..200).map(|n| any_span(&mut dice, n % 40, n / 40)).collect();
    world.writer().write(stage);
    forget_rollups(world);
    let repository = world.repository();
    assert_agree(&repository, "before");
    // Changes of what is not rolled up yet: what is taken away was never added.
    let writer = world.writer();
    let more: Vec<Sketch> = (0..80).map(|n| any_span(&mut dice, n % 40, n / 40)).collect();
    writer.write(more);
    repository.delete_traces(&[trace_id(3), trace_id(4)]).unwrap();
    assert_agree(&repository, "meanwhile");
    drop(writer);
    let writer =
        world.builder().scheduled_delay(Duration::from_millis(10)).heartbeat(Duration::from_millis(10)).open().unwrap();
    wait_until_covered(world);
    drop(writer);
    assert_agree(&repository, "after");
    world.database.sql().execute("DELETE FROM spans");
    assert!(!repository.stats(&of_spans("")).unwrap().is_empty());
}

fn a_process_of_an_older_version_is_waited_for(world: &World) {
    world.writer().write((0..5).map(|n| span(n, 0)));
    forget_rollups(world);
    let older = "INSERT INTO processes (process_id, pid, host, started_ns, heartbeat_ns) VALUES ('0123456789abcdef', 7, 'h', 1, 1)";
    world.database.sql().execute(older);
    let writer = world
        .builder()
        .scheduled_delay(Duration::from_millis(10))
        .heartbeat(Duration::from_millis(200))
        .open()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(!is_covered(world), "rolled up beside a process that does not");
    world.database.sql().execute("UPDATE processes SET ended_ns = 2 WHERE pid = 7");
    wait_until_covered(world);
    drop(writer);
    assert_agree(&world.repository(), "after");
}

fn roll_ups_that_disagree_are_made_anew(world: &World) {
    let repository =
        world.with((0..50).map(|n| span(n, 0).tool("t").starting(DAWN + i64::try_from(n).unwrap() * HOUR)));
    let mut sql = world.database.sql();
    sql.execute("DELETE FROM spans WHERE start_ns < 1773450000000000000");
    sql.execute("UPDATE rollups SET cells = '' WHERE level = 2");
    assert!(repository.stats(&of_spans("")).is_err());
    Store::open(world.database.url()).unwrap().rebuild_rollups().unwrap();
    assert_agree(&repository, "made anew");
    assert_eq!(shape(&repository.stats(&of_spans("")).unwrap()), [(None, 49, 0)]);
}
