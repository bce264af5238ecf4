//! The order of arrival does not matter, nor does saying a thing twice.

use tracing_agents::model::{IdentityField, Kind, SpanRecord, SpanState, TraceStatus};
use tracing_agents::{SpanFilter, TraceFilter};

use crate::sketch::{DAWN, DAY, Dice, SECOND, at, span, span_id, trace_id};
use crate::tables::{assert_same, dump};
use crate::walk;
use crate::world::{World, Writer};
use crate::writing::mixture;

crate::cases!(
    any_order_and_any_batches_give_the_same_rows,
    a_replay_changes_nothing,
    children_may_come_before_their_parents,
    ids_flow_down_to_spans_that_came_first,
    a_late_root_names_its_trace_and_moves_its_start,
    an_open_span_is_closed_by_its_later_version,
    a_closed_span_is_never_opened_again,
    an_interrupted_span_ranks_between_open_and_closed,
    of_two_ends_the_later_counts,
    versions_of_a_span_in_one_batch_are_one_span,
    a_start_that_moves_to_another_day_leaves_nothing_behind,
    a_new_version_takes_back_what_the_old_one_said,
    orphans_find_their_parent_when_it_comes,
    parents_in_a_circle_are_stored,
    a_span_that_is_its_own_parent_is_a_root,
    a_trace_whose_summary_another_program_took_away_is_written_again,
);

/// Empties the tables through the public door, so that the next writing starts anew.
pub(crate) fn clear(world: &World) {
    let repository = world.repository();
    let ids: Vec<_> = walk::traces(&repository, &TraceFilter::new().limit(1_000)).into_iter().map(trace_id).collect();
    repository.delete_traces(&ids).unwrap();
    assert_eq!(dump(&world.database), Vec::<String>::new());
}

fn any_order_and_any_batches_give_the_same_rows(world: &World) {
    let writer = world.writer();
    let spans: Vec<SpanRecord> = mixture(1, 70).into_iter().map(SpanRecord::from).collect();
    writer.write(spans.clone());
    let expected = dump(&world.database);
    let mut dice = Dice::new(2);
    for round in 0..6 {
        clear(world);
        let mut shuffled = spans.clone();
        dice.shuffle(&mut shuffled);
        let mut rest = shuffled.as_slice();
        while !rest.is_empty() {
            let length = usize::try_from(dice.below(20) + 1).unwrap().min(rest.len());
            writer.write(rest[..length].to_vec());
            // Sometimes the same once more.
            rest = if dice.below(4) == 0 { rest } else { &rest[length..] };
        }
        assert_same(&dump(&world.database), &expected, &format!("round {round}"));
    }
}

fn a_replay_changes_nothing(world: &World) {
    let spans: Vec<SpanRecord> = mixture(3, 60).into_iter().map(SpanRecord::from).collect();
    world.writer().write(spans.clone());
    let first = dump(&world.database);
    // By another process, too.
    for _ in 0..2 {
        let writer = world.writer();
        writer.write(spans.clone());
        writer.write(spans.iter().rev().cloned());
        assert_same(&dump(&world.database), &first, "after a replay");
    }
}

fn children_may_come_before_their_parents(world: &World) {
    let writer = world.writer();
    let spans = [
        span(0, 0).kind(Kind::Agent).agent("A").session("s"),
        span(0, 1).model("m").tokens(5, 1),
        span(0, 2).tool("search").below(1),
        span(0, 3).model("m").tokens(7, 1).below(2),
    ];
    for span in spans.iter().rev() {
        writer.write([span.clone()]);
    }
    let stepwise = dump(&world.database);
    let tree = world.repository().trace(trace_id(0)).unwrap();
    assert_eq!((tree.roots.as_slice(), tree.orphans.len()), (&[0][..], 0));
    assert_eq!((tree.trace.usage.input, tree.trace.name.as_str()), (Some(12), "invoke_agent A"));
    assert!(tree.spans.iter().all(|span| span.identity.session() == Some("s")));
    clear(world);
    writer.write(spans);
    assert_same(&stepwise, &dump(&world.database), "children first");
}

fn ids_flow_down_to_spans_that_came_first(world: &World) {
    let writer = world.writer();
    writer.write([span(0, 2).below(1)]);
    writer.write([span(0, 0).kind(Kind::Agent).agent("A").session("s1").user("u1")]);
    writer.write([span(0, 1).kind(Kind::Agent).agent("B").with("gen_ai.conversation.id", "c1")]);
    let spans = world.repository().trace(trace_id(0)).unwrap().spans;
    let of = |field| spans.iter().map(|span| span.identity.get(field)).collect::<Vec<_>>();
    assert_eq!(of(IdentityField::AgentName), [Some("A"), Some("B"), Some("B")]);
    assert_eq!(of(IdentityField::SessionId), [Some("s1"); 3]);
    assert_eq!(of(IdentityField::UserId), [Some("u1"); 3]);
    assert_eq!(of(IdentityField::ConversationId), [None, Some("c1"), Some("c1")]);
    let repository = world.repository();
    walk::expect_spans(&repository, "session:s1", &[(0, 2), (0, 1), (0, 0)]);
    walk::expect_spans(&repository, "agent:B", &[(0, 2), (0, 1)]);
}

fn a_late_root_names_its_trace_and_moves_its_start(world: &World) {
    let writer = world.writer();
    writer.write([span(5, 1).model("m").session("s1"), span(3, 0)]);
    let repository = world.repository();
    assert_eq!(repository.trace(trace_id(5)).unwrap().trace.name, "chat m");
    walk::expect_traces(&repository, "model:m", &[5]);
    writer.write([span(5, 0).kind(Kind::Agent).agent("A").starting(at(1)).lasting(9 * SECOND)]);
    let trace = repository.trace(trace_id(5)).unwrap().trace;
    assert_eq!((trace.name.as_str(), trace.start_ns, trace.root_span_id), ("invoke_agent A", at(1), span_id(0)));
    // Every list has it at its new place.
    walk::expect_traces(&repository, "", &[3, 5]);
    walk::expect_traces(&repository, "model:m since:2026-03-14T00:00:02Z", &[]);
    walk::expect_traces(&repository, "model:m until:2026-03-14T00:00:02Z", &[5]);
    assert_eq!(repository.session("s1").unwrap().start_ns, at(1));
}

/// Status of trace 0, and how many of its spans are open.
fn went(world: &World) -> (TraceStatus, u64, usize) {
    let tree = world.repository().trace(trace_id(0)).unwrap();
    (tree.trace.status, tree.trace.open_count, tree.spans.len())
}

fn write(writer: &Writer, span: crate::sketch::Sketch) {
    writer.write([span]);
}

fn an_open_span_is_closed_by_its_later_version(world: &World) {
    let writer = world.writer();
    write(&writer, span(0, 0).running());
    assert_eq!(went(world), (TraceStatus::Running, 1, 1));
    walk::expect_traces(&world.repository(), "status:running", &[0]);
    // What it has said meanwhile is there before it ends.
    write(&writer, span(0, 0).running().agent("A"));
    write(&writer, span(0, 0).agent("A").tokens(3, 1));
    assert_eq!(went(world), (TraceStatus::Ok, 0, 1));
    let repository = world.repository();
    walk::expect_traces(&repository, "status:running", &[]);
    walk::expect_traces(&repository, "status:ok agent:A", &[0]);
    assert_eq!(repository.trace(trace_id(0)).unwrap().trace.usage.input, Some(3));
    write(&writer, span(0, 1).running().failing("no"));
    assert_eq!(went(world), (TraceStatus::Error, 1, 2));
}

fn a_closed_span_is_never_opened_again(world: &World) {
    let writer = world.writer();
    write(&writer, span(0, 0).agent("A"));
    let closed = dump(&world.database);
    write(&writer, span(0, 0).running().agent("B"));
    write(&writer, span(0, 0).interrupted().agent("B"));
    assert_same(&dump(&world.database), &closed, "after older versions");
}

fn an_interrupted_span_ranks_between_open_and_closed(world: &World) {
    let writer = world.writer();
    write(&writer, span(0, 0).running());
    write(&writer, span(0, 0).interrupted());
    assert_eq!(went(world), (TraceStatus::Interrupted, 0, 1));
    write(&writer, span(0, 0).running());
    let span_of = |world: &World| world.repository().span(trace_id(0), span_id(0)).unwrap().span;
    assert_eq!(span_of(world).state, SpanState::Interrupted);
    walk::expect_traces(&world.repository(), "status:interrupted", &[0]);
    write(&writer, span(0, 0));
    assert_eq!((span_of(world).state, went(world).0), (SpanState::Closed, TraceStatus::Ok));
}

fn of_two_ends_the_later_counts(world: &World) {
    let writer = world.writer();
    let ends = |world: &World| {
        let detail = world.repository().span(trace_id(0), span_id(0)).unwrap();
        (detail.span.duration_ns(), detail.content.attributes.get("end").cloned())
    };
    for seconds in [3, 5, 4] {
        write(&writer, span(0, 0).lasting(seconds * SECOND).with("end", seconds));
    }
    // The facts and the payload are of the same version.
    assert_eq!(ends(world), (Some(5 * SECOND), Some(5_i64.into())));
    assert_eq!(world.repository().trace(trace_id(0)).unwrap().trace.duration_ns(), 5 * SECOND);
}

fn versions_of_a_span_in_one_batch_are_one_span(world: &World) {
    let versions = [
        span(0, 0).running().agent("open"),
        span(0, 0).agent("last").lasting(9),
        span(0, 0).agent("first").lasting(3),
        span(0, 0).interrupted().agent("interrupted"),
    ];
    let repository = world.with(versions.into_iter().chain([span(0, 1)]));
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.trace.span_count, tree.spans.len()), (2, 2));
    assert_eq!(tree.spans[0].identity.get(IdentityField::AgentName), Some("last"));
    walk::expect_traces(&repository, "agent:last", &[0]);
    walk::expect_traces(&repository, "agent:first,open,interrupted", &[]);
}

fn a_start_that_moves_to_another_day_leaves_nothing_behind(world: &World) {
    let writer = world.writer();
    let moved = |days: i64| span(0, 0).starting(DAWN + days * DAY).lasting((days + 10) * SECOND).session("s");
    for days in [0, 1, -3, 2, 400] {
        write(&writer, moved(days));
        write(&writer, span(0, 1).starting(DAWN + DAY));
    }
    let repository = world.repository();
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.trace.span_count, tree.spans.len()), (2, 2));
    assert_eq!(tree.trace.start_ns, DAWN + DAY);
    walk::expect_spans(&repository, "", &[(0, 0), (0, 1)]);
    assert_eq!(repository.session("s").unwrap().span_count, 2);
    let moved_rows = dump(&world.database);
    clear(world);
    writer.write([moved(400), span(0, 1).starting(DAWN + DAY)]);
    assert_same(&moved_rows, &dump(&world.database), "moved and written once");
}

fn a_new_version_takes_back_what_the_old_one_said(world: &World) {
    let writer = world.writer();
    let first = span(0, 0).agent("A").session("s1").user("u1").tool("search").failing("no").tokens(5, 5);
    let second = span(0, 0).agent("B").session("s2").lasting(2 * SECOND);
    write(&writer, first);
    write(&writer, second.clone());
    let repository = world.repository();
    for gone in ["agent:A", "session:s1", "user:u1", "tool:search", "status:error", "kind:tool", "tokens>0"] {
        walk::expect_traces(&repository, gone, &[]);
    }
    walk::expect_traces(&repository, "agent:B session:s2 status:ok", &[0]);
    assert_eq!(repository.find_session("s1").unwrap(), None);
    let replaced = dump(&world.database);
    clear(world);
    write(&writer, second);
    assert_same(&replaced, &dump(&world.database), "replaced and written once");
}

fn orphans_find_their_parent_when_it_comes(world: &World) {
    let writer = world.writer();
    writer.write([span(0, 0), span(0, 2).below(1), span(0, 3).below(1)]);
    let tree = world.repository().trace(trace_id(0)).unwrap();
    assert_eq!((tree.roots, tree.orphans), (vec![0, 1, 2], vec![1, 2]));
    write(&writer, span(0, 1));
    let tree = world.repository().trace(trace_id(0)).unwrap();
    assert_eq!((tree.roots, tree.orphans, tree.children[1].clone()), (vec![0], vec![], vec![2, 3]));
}

fn parents_in_a_circle_are_stored(world: &World) {
    let writer = world.writer();
    for (number, parent) in [(0, 2), (1, 0), (2, 1)] {
        write(&writer, span(0, number).below(parent).model("m").tokens(number + 1, 0));
    }
    let tree = world.repository().trace(trace_id(0)).unwrap();
    assert_eq!((tree.roots.len(), tree.spans.len(), tree.trace.span_count), (1, 3, 3));
    let circle = dump(&world.database);
    let store = tracing_agents::store::Store::open(world.database.url()).unwrap();
    store.recompute_trace(trace_id(0)).unwrap();
    assert_same(&dump(&world.database), &circle, "a recompute");
    // A later version opens the circle.
    let mut root = span(0, 0).lasting(2 * SECOND).session("s");
    root.0.parent_span_id = None;
    write(&writer, root);
    let repository = world.repository();
    assert_eq!(repository.spans(&SpanFilter::new().session("s")).unwrap().items.len(), 3);
}

fn a_span_that_is_its_own_parent_is_a_root(world: &World) {
    let repository = world.with([span(0, 1).below(1), span(0, 2).below(1)]);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.roots, tree.orphans, tree.children), (vec![0], vec![], vec![vec![1], vec![]]));
    assert_eq!(tree.spans[0].parent_span_id, None);
}

/// Its spans are new by all that the summaries say, and yet they are there.
fn a_trace_whose_summary_another_program_took_away_is_written_again(world: &World) {
    let writer = world.writer();
    let spans = [span(0, 0).kind(Kind::Agent).agent("A").session("s"), span(0, 1).model("m").tokens(5, 1)];
    writer.write(spans.clone());
    let before = dump(&world.database);
    let mut sql = world.database.sql();
    sql.execute("DELETE FROM traces");
    sql.execute("DELETE FROM sessions");
    writer.write(spans.into_iter().chain([span(1, 0)]));
    let repository = world.repository();
    assert_eq!(repository.trace(trace_id(0)).unwrap().spans.len(), 2);
    assert_eq!(repository.trace(trace_id(1)).unwrap().spans.len(), 1);
    repository.delete_traces(&[trace_id(1)]).unwrap();
    assert_same(&dump(&world.database), &before, "written again");
}
