//! Deleting and pruning: whole traces, and nothing of them is left.

use tracing_agents::{ErrorKind, Retention, SessionFilter, SpanFilter, TraceFilter};

use crate::api::Repository;
use crate::sketch::{DAY, SECOND, at, moment, span, span_id, trace_id};
use crate::tables::{assert_same, dump};
use crate::walk::{expect_spans, expect_traces, spans};
use crate::world::World;

crate::cases!(
    deleted_traces_leave_nothing_behind,
    deleting_takes_traces_out_of_their_sessions,
    large_traces_are_deleted_in_pieces,
    many_traces_are_deleted_at_once,
    a_deleted_trace_can_be_written_anew,
    pruning_goes_by_the_last_activity,
    pruning_takes_whole_traces,
    pruning_twice_is_pruning_once,
    pruning_nothing_and_everything,
    running_traces_are_pruned_by_what_they_did_last,
    pruning_over_many_days,
    pruning_while_others_write,
);

/// How many traces and spans are left.
fn left(repository: &Repository) -> (u64, usize) {
    (repository.count_traces(&TraceFilter::new()).unwrap(), spans(repository, &SpanFilter::new().limit(1_000)).len())
}

fn deleted_traces_leave_nothing_behind(world: &World) {
    let writer = world.writer();
    let kept = || [span(5, 0).session("both").agent("A").model("m").tokens(1, 1), span(5, 1)];
    writer.write(kept());
    let before = dump(&world.database);
    writer.write([
        span(0, 0).session("both").agent("A"),
        span(0, 1).tool("t").failing("no"),
        span(2, 0).session("alone").starting(at(-7) - DAY),
    ]);
    let repository = world.repository();
    assert_eq!(repository.delete_traces(&[trace_id(0), trace_id(2), trace_id(77), trace_id(0)]).unwrap(), 2);
    assert_same(&dump(&world.database), &before, "after deleting what came later");
    assert_eq!(repository.span(trace_id(0), span_id(1)).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(repository.find_trace(trace_id(0)).unwrap(), None);
    assert_eq!(repository.delete_traces(&[]).unwrap(), 0);
    assert_eq!(repository.delete_traces(&[trace_id(0)]).unwrap(), 0);
    expect_traces(&repository, "agent:A", &[5]);
}

fn deleting_takes_traces_out_of_their_sessions(world: &World) {
    let repository = world.with((0..4).map(|n| span(n, 0).session("s").user(&format!("u{n}")).model("m").tokens(n, 1)));
    repository.delete_traces(&[trace_id(0), trace_id(3)]).unwrap();
    let session = repository.session("s").unwrap();
    assert_eq!((session.trace_count, session.span_count, session.usage.input), (2, 2, Some(3)));
    assert_eq!((session.start_ns, session.last_ns, session.user_id.as_deref()), (at(1), at(3), Some("u1")));
    repository.delete_traces(&[trace_id(1), trace_id(2)]).unwrap();
    assert_eq!(repository.find_session("s").unwrap(), None);
    assert_eq!(repository.sessions(&SessionFilter::new()).unwrap().items, []);
}

fn large_traces_are_deleted_in_pieces(world: &World) {
    let repository = world.with((0..4_100).map(|number| span(0, number).session("s")).chain([span(1, 0).session("s")]));
    assert_eq!(repository.delete_traces(&[trace_id(0)]).unwrap(), 1);
    assert_eq!(left(&repository), (1, 1));
    assert_eq!(repository.session("s").unwrap().span_count, 1);
    repository.delete_traces(&[trace_id(1)]).unwrap();
    assert_eq!(dump(&world.database), Vec::<String>::new());
}

fn many_traces_are_deleted_at_once(world: &World) {
    let repository = world.with((0..1_500).map(|n| span(n, 0).session(&format!("s{}", n % 10))));
    let ids: Vec<_> = (0..2_000).filter(|n| n % 3 != 0).map(trace_id).collect();
    assert_eq!(repository.delete_traces(&ids).unwrap(), 1_000);
    assert_eq!(left(&repository), (500, 500));
    assert_eq!(repository.session("s0").unwrap().trace_count, 50);
}

fn a_deleted_trace_can_be_written_anew(world: &World) {
    let writer = world.writer();
    let spans = || [span(0, 0).session("s").agent("A"), span(0, 1).tool("t")];
    writer.write(spans());
    let first = dump(&world.database);
    let repository = world.repository();
    for _ in 0..2 {
        repository.delete_traces(&[trace_id(0)]).unwrap();
        expect_traces(&repository, "", &[]);
        // A span that comes late makes it anew; with the rest, it is what it was.
        writer.write([span(0, 1).tool("t")]);
        assert_eq!(repository.trace(trace_id(0)).unwrap().orphans, [0]);
        writer.write(spans());
        assert_same(&dump(&world.database), &first, "written anew");
    }
}

fn pruning_goes_by_the_last_activity(world: &World) {
    let mut all: Vec<_> = (0..200).flat_map(|trace| (0..3).map(move |number| span(trace, number))).collect();
    // Begun early, active late; begun early and still running; too large for one transaction.
    all.push(span(3, 9).lasting(1_000 * SECOND));
    all.push(span(600, 0).starting(at(1)).running());
    all.extend((0..2_500).map(|number| span(700, number).starting(at(5)).session("large")));
    let repository = world.with(all);
    let pruned = repository.prune(Retention::from(moment(100)).running_too()).unwrap();
    // Traces end a second after they start: those of the seconds 0 to 98 but the one that went on, the running and the large one.
    assert_eq!((pruned.traces, pruned.spans), (98 + 2, 98 * 3 + 1 + 2_500));
    assert_eq!(left(&repository), (102, 101 * 3 + 4));
    assert!(repository.find_trace(trace_id(3)).unwrap().is_some());
    assert_eq!(repository.sessions(&SessionFilter::new()).unwrap().items, []);
}

fn pruning_takes_whole_traces(world: &World) {
    // One span of yesterday and one of today: the trace is of today, with both.
    let repository = world.with([
        span(0, 0).starting(at(-100)),
        span(0, 1).starting(at(100)),
        span(1, 0).starting(at(-100)),
        span(1, 1).starting(at(-50)),
    ]);
    let pruned = repository.prune(moment(0)).unwrap();
    assert_eq!((pruned.traces, pruned.spans), (1, 2));
    expect_traces(&repository, "", &[0]);
    expect_spans(&repository, "", &[(0, 1), (0, 0)]);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.trace.span_count, tree.spans.len(), tree.trace.start_ns), (2, 2, at(-100)));
    assert!(repository.span(trace_id(0), span_id(0)).is_ok());
}

fn pruning_twice_is_pruning_once(world: &World) {
    let repository = world.with((0..20).map(|n| span(n, 0).session(&format!("s{}", n % 4))));
    assert_eq!(repository.prune(moment(10)).unwrap().traces, 9);
    let once = dump(&world.database);
    let again = repository.prune(moment(10)).unwrap();
    assert_eq!((again.traces, again.spans), (0, 0));
    assert_same(&dump(&world.database), &once, "pruned again");
    assert_eq!(repository.session("s3").unwrap().trace_count, 3);
}

fn pruning_nothing_and_everything(world: &World) {
    drop(world.writer());
    let repository = world.repository();
    assert_eq!(repository.prune(moment(0)).unwrap().traces, 0);
    world.writer().write((0..5).map(|n| span(n, n)));
    assert_eq!(repository.prune(std::time::UNIX_EPOCH).unwrap().traces, 0);
    let pruned = repository.prune(std::time::SystemTime::now()).unwrap();
    assert_eq!((pruned.traces, pruned.spans), (5, 5));
    assert_eq!(dump(&world.database), Vec::<String>::new());
}

fn running_traces_are_pruned_by_what_they_did_last(world: &World) {
    let repository = world.with([
        span(0, 0).running(),
        span(0, 1).starting(at(900)).running(),
        span(1, 0).running(),
        span(2, 0).interrupted().lasting(700 * SECOND),
    ]);
    let prune = |seconds| repository.prune(Retention::from(moment(seconds)).running_too()).unwrap().traces;
    assert_eq!(prune(500), 1);
    expect_traces(&repository, "", &[2, 0]);
    assert_eq!(prune(800), 1);
    assert_eq!(prune(901), 1);
    assert_eq!(left(&repository), (0, 0));
}

fn pruning_over_many_days(world: &World) {
    // What whole-day partitions make easy to get wrong: the edges, and traces over midnight.
    let day = |n: u64| at(0) + i64::try_from(n).unwrap() * DAY;
    let repository = world.with((0..40).flat_map(|n| {
        [
            span(n, 0).starting(day(n)).session("s"),
            span(n, 1).starting(day(n) + DAY - 1).lasting(1),
            span(100 + n, 0).starting(day(n) + DAY / 2).lasting(SECOND),
        ]
    }));
    let pruned = repository.prune(moment(10 * 86_400)).unwrap();
    // A trace that ends at midnight has its last activity at it, which is not before it.
    assert_eq!((pruned.traces, pruned.spans), (9 + 10, 9 * 2 + 10));
    assert_eq!(left(&repository), (80 - 19, 120 - 28));
    assert_eq!(repository.trace(trace_id(9)).unwrap().spans.len(), 2);
    let pruned = repository.prune(moment(10 * 86_400 + 1)).unwrap();
    assert_eq!((pruned.traces, pruned.spans), (1, 2));
    assert_eq!(repository.session("s").unwrap().trace_count, 30);
    let pruned = repository.prune(moment(1_000 * 86_400)).unwrap();
    assert_eq!((pruned.traces, pruned.spans), (60, 90));
    assert_eq!(dump(&world.database), Vec::<String>::new());
}

fn pruning_while_others_write(world: &World) {
    let writer = world.writer();
    writer.write((0..300).map(|n| span(n, 0).session("old")));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..10 {
                writer.write((0..20).map(|n| span(1_000 + round * 20 + n, 0).session("new")));
            }
        });
        let repository = world.repository();
        assert_eq!(repository.prune(moment(900)).unwrap().traces, 300);
    });
    let repository = world.repository();
    assert_eq!(left(&repository), (200, 200));
    assert_eq!(repository.session("new").unwrap().trace_count, 200);
    assert_eq!(repository.find_session("old").unwrap(), None);
}
