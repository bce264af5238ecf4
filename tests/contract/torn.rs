//! Runs that arrive as several traces, because their framework loses its context: as rig does up to 0.40.

use tracing_agents::model::{IdentityField, Kind, Link, Origin, ProcessId, TraceTree};
use tracing_agents::store::Store;
use tracing_agents::{TraceFilter, semconv};

use crate::api::Repository;
use crate::order::clear;
use crate::sketch::{SECOND, Sketch, at, callsite, span, span_id, trace_id};
use crate::tables::{assert_same, dump};
use crate::world::World;

crate::cases!(
    the_fragments_of_a_run_are_one_trace,
    fragments_may_come_in_any_order,
    runs_of_one_agent_at_the_same_time_stay_apart,
    what_hangs_together_belongs_to_one_run_in_any_order,
    a_run_that_ends_later_takes_back_what_was_taken_for_anothers,
    runs_of_other_agents_take_only_what_names_them,
    another_process_is_another_run,
    what_comes_later_counts_too,
    an_older_version_of_a_fragment_changes_nothing,
    a_run_has_nothing_that_began_after_its_end,
    a_tool_that_has_a_task_may_end_with_its_run,
    a_call_below_itself_is_a_fragment_in_any_order,
    a_fragment_that_another_process_takes_over_is_joined,
    a_run_is_deleted_with_its_fragments,
    sessions_count_a_torn_run_once,
);

/// A span of a trace of its own, from one second to another.
fn root(trace: u64, name: &str, target: &str, from: i64, to: i64) -> Sketch {
    let mut root = span(trace, 0).named(name).starting(at(from)).lasting((to - from) * SECOND);
    // Ids of spans are unique, as real ones are.
    root.0.span_id = span_id(trace * 100);
    root.0.callsite = Some(callsite(name, target));
    root
}

fn run(trace: u64, agent: &str, from: i64, to: i64) -> Sketch {
    root(trace, "invoke_agent", "rig::agent::prompt_request", from, to).kind(Kind::Agent).agent(agent).tokens(34, 18)
}

fn call(trace: u64, agent: &str, from: i64, to: i64) -> Sketch {
    root(trace, "chat", "rig::agent_chat", from, to).model("m").agent(agent).tokens(17, 9)
}

fn tool(trace: u64, name: &str, from: i64, to: i64) -> Sketch {
    root(trace, "execute_tool", "rig::agent::prompt_request", from, to).tool(name)
}

fn task(trace: u64, from: i64, to: i64) -> Sketch {
    root(trace, "in_task", "app", from, to)
}

/// A run with a tool that spawned a task: five traces.
pub(crate) fn torn_run() -> Vec<Sketch> {
    vec![call(1, "a", 1, 9), tool(2, "add", 3, 8), task(3, 4, 5), call(4, "a", 10, 12), run(0, "a", 0, 20)]
}

fn outline(tree: &TraceTree) -> Vec<String> {
    fn add(tree: &TraceTree, place: usize, depth: usize, lines: &mut Vec<String>) {
        let span = &tree.spans[place];
        let agent = span.identity.get(IdentityField::AgentName).unwrap_or("-");
        lines.push(format!("{}{} {agent}", "  ".repeat(depth), span.name));
        for child in &tree.children[place] {
            add(tree, *child, depth + 1, lines);
        }
    }
    let mut lines = Vec::new();
    for root in &tree.roots {
        add(tree, *root, 0, &mut lines);
    }
    lines
}

const WHOLE: [&str; 5] = ["invoke_agent a", "  chat a", "  execute_tool a", "    in_task a", "  chat a"];

fn all(repository: &Repository) -> Vec<u64> {
    let page = repository.traces(&TraceFilter::new()).unwrap();
    page.items.iter().map(|trace| crate::sketch::trace_number(trace.trace_id)).collect()
}

fn the_fragments_of_a_run_are_one_trace(world: &World) {
    let repository = world.with(torn_run());
    assert_eq!(all(&repository), [0]);
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 1);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!(outline(&tree), WHOLE);
    // The run's own sum is not added to what its calls report.
    let trace = &tree.trace;
    assert_eq!((trace.usage.input, trace.usage.output, trace.span_count), (Some(34), Some(18), 5));
    assert_eq!((trace.start_ns, trace.end_ns), (at(0), Some(at(20))));

    // It is found by what its fragments have, and they are found as it.
    for filter in ["tool:add", "model:m", "agent:a tool:add kind:model"] {
        let found = repository.traces(&filter.parse().unwrap()).unwrap();
        assert_eq!(found.items.iter().map(|trace| trace.trace_id).collect::<Vec<_>>(), [trace_id(0)], "{filter}");
    }
    for fragment in 1..5 {
        assert_eq!(repository.trace(trace_id(fragment)).unwrap(), tree);
    }
    for (filter, count) in [("kind:model", 2), ("tool:add", 1), ("agent:a", 5), (&format!("trace:{}", trace_id(0)), 5)]
    {
        assert_eq!(repository.spans(&filter.parse().unwrap()).unwrap().len(), count, "{filter}");
    }
    // Ids are never rewritten.
    let tool = repository.span(trace_id(2), span_id(200)).unwrap().span;
    assert_eq!((tool.trace_id, tool.parent_span_id, tool.adopted_by), (trace_id(2), None, Some(span_id(0))));
}

fn fragments_may_come_in_any_order(world: &World) {
    for turn in 0..5 {
        let writer = world.writer();
        let mut spans = torn_run();
        spans.rotate_left(turn);
        if turn % 2 == 1 {
            spans.reverse();
        }
        for span in spans {
            writer.write([span]);
        }
        let repository = world.repository();
        assert_eq!(all(&repository), [0], "turn {turn}");
        let tree = repository.trace(trace_id(0)).unwrap();
        assert_eq!(
            (outline(&tree), tree.trace.usage.input),
            (WHOLE.map(str::to_owned).to_vec(), Some(34)),
            "turn {turn}"
        );
        assert_eq!(repository.delete_traces(&[trace_id(0)]).unwrap(), 5);
    }
}

fn runs_of_one_agent_at_the_same_time_stay_apart(world: &World) {
    let repository = world.with([run(0, "a", 0, 20), run(1, "a", 5, 25), call(2, "a", 6, 7), call(3, "a", 1, 2)]);
    // Only the call before the second run began can be of but one of them.
    assert_eq!(all(&repository), [2, 1, 0]);
    assert_eq!(outline(&repository.trace(trace_id(0)).unwrap()), ["invoke_agent a", "  chat a"]);
}

/// A span that follows from the root of another trace.
fn following(mut span: Sketch, trace: u64) -> Sketch {
    span.0.links.push(Link::new(trace_id(trace), span_id(trace * 100)));
    span
}

fn what_hangs_together_belongs_to_one_run_in_any_order(world: &World) {
    let spans = || {
        vec![
            run(0, "a", 0, 20).session("s0"),
            call(2, "a", 1, 2),
            following(tool(3, "add", 7, 8), 2),
            following(call(4, "a", 9, 11), 3),
            run(1, "a", 5, 25).session("s1"),
            call(5, "a", 6, 7),
            following(tool(6, "multiply", 8, 10), 5),
            following(call(7, "a", 22, 24), 6),
        ]
    };
    let of = |tool: &str| {
        ["invoke_agent a", "  chat a", "  execute_tool a", "  chat a"]
            .map(str::to_owned)
            .to_vec()
            .into_iter()
            .chain([tool.to_owned()])
    };
    for turn in 0..6 {
        let mut order = spans();
        order.rotate_left(turn);
        if turn % 2 == 1 {
            order.reverse();
        }
        let writer = world.writer();
        // All at once, two by two, and one by one.
        for batch in order.chunks([8, 2, 1][turn % 3]) {
            writer.write(batch.to_vec());
        }
        let repository = world.repository();
        assert_eq!(all(&repository), [1, 0], "turn {turn}");
        for (number, tool) in [(0, "add"), (1, "multiply")] {
            let tree = repository.trace(trace_id(number)).unwrap();
            let tools = tree.spans.iter().filter_map(|span| span.tool_name.clone());
            assert!(outline(&tree).into_iter().chain(tools).eq(of(tool)), "turn {turn}: {:#?}", outline(&tree));
            assert_eq!((tree.trace.usage.input, tree.trace.span_count), (Some(34), 4), "turn {turn}");
            let session = repository.session(&format!("s{number}")).unwrap();
            assert_eq!((session.trace_count, session.usage.input), (1, Some(34)), "turn {turn}");
        }
        assert_eq!(repository.delete_traces(&[trace_id(0), trace_id(1)]).unwrap(), 8);
    }
}

fn a_run_that_ends_later_takes_back_what_was_taken_for_anothers(world: &World) {
    let writer = world.writer();
    writer.write([run(0, "a", 0, 20).session("s"), call(2, "a", 6, 7), call(3, "a", 1, 2)]);
    let repository = world.repository();
    assert_eq!(all(&repository), [0]);
    // The second call may be this one's, too: nothing tells.
    writer.write([run(1, "a", 5, 25)]);
    assert_eq!(all(&repository), [2, 1, 0]);
    assert_eq!(outline(&repository.trace(trace_id(0)).unwrap()), ["invoke_agent a", "  chat a"]);
    let free = repository.trace(trace_id(2)).unwrap();
    assert_eq!((free.trace.joined_to, free.spans[0].adopted_by), (None, None));
    assert_eq!((repository.session("s").unwrap().span_count, free.trace.usage.input), (2, Some(17)));
    assert_eq!(repository.spans(&"kind:model".parse().unwrap()).unwrap().len(), 2);
}

fn runs_of_other_agents_take_only_what_names_them(world: &World) {
    let repository = world.with([
        call(2, "a", 6, 7),
        call(3, "b", 6, 7),
        call(4, "c", 6, 7),
        tool(5, "t", 8, 9),
        run(0, "a", 0, 20),
        run(1, "b", 5, 25),
    ]);
    // The tool may be of either, and the agent c has no run.
    assert_eq!(all(&repository), [5, 4, 1, 0]);
    assert_eq!(outline(&repository.trace(trace_id(0)).unwrap()), ["invoke_agent a", "  chat a"]);
    assert_eq!(outline(&repository.trace(trace_id(1)).unwrap()), ["invoke_agent b", "  chat b"]);
}

fn another_process_is_another_run(world: &World) {
    world.writer().write([call(1, "a", 1, 2)]);
    world.writer().write([run(0, "a", 0, 20)]);
    assert_eq!(all(&world.repository()), [1, 0]);
}

fn what_comes_later_counts_too(world: &World) {
    let writer = world.writer();
    writer.write(torn_run());
    let mut late = call(2, "a", 6, 7).named("late");
    (late.0.span_id, late.0.parent_span_id) = (span_id(201), Some(span_id(200)));
    writer.write([late]);
    let repository = world.repository();
    assert_eq!(all(&repository), [0]);
    let trace = repository.trace(trace_id(0)).unwrap().trace;
    assert_eq!((trace.span_count, trace.usage.input), (6, Some(51)));
}

fn an_older_version_of_a_fragment_changes_nothing(world: &World) {
    let writer = world.writer();
    writer.write(torn_run());
    let joined = dump(&world.database);
    for older in [call(4, "a", 10, 12).running(), tool(2, "add", 3, 8).running(), task(3, 4, 5).running()] {
        writer.write([older]);
        assert_same(&dump(&world.database), &joined, "an older version came late");
    }
}

fn a_run_has_nothing_that_began_after_its_end(world: &World) {
    let writer = world.writer();
    let spans = [call(1, "a", 1, 3), call(2, "a", 6, 7), tool(3, "add", 2, 4), task(4, 3, 4), task(5, 6, 7)];
    // While they run, all that comes could be theirs.
    writer.write([run(0, "a", 0, 5).running(), tool(3, "add", 2, 4).running()]);
    writer.write(spans.clone());
    writer.write([run(0, "a", 0, 5)]);
    let repository = world.repository();
    assert_eq!(all(&repository), [5, 2, 0]);
    let found = dump(&world.database);
    clear(world);
    writer.write(spans.into_iter().chain([run(0, "a", 0, 5)]));
    assert_same(&found, &dump(&world.database), "step by step and at once");
}

/// The task had the tool for its run, until that came.
fn a_tool_that_has_a_task_may_end_with_its_run(world: &World) {
    let writer = world.writer();
    writer.write([tool(2, "add", 3, 8).running()]);
    writer.write([task(3, 4, 5)]);
    writer.write([tool(2, "add", 3, 8), run(0, "a", 0, 20)]);
    let found = dump(&world.database);
    clear(world);
    writer.write([run(0, "a", 0, 20), tool(2, "add", 3, 8), task(3, 4, 5)]);
    assert_eq!(
        outline(&world.repository().trace(trace_id(3)).unwrap()),
        ["invoke_agent a", "  execute_tool a", "    in_task a"]
    );
    assert_same(&found, &dump(&world.database), "one after the other and at once");
}

fn a_call_below_itself_is_a_fragment_in_any_order(world: &World) {
    let writer = world.writer();
    let mut odd = call(1, "a", 1, 9);
    odd.0.parent_span_id = Some(odd.0.span_id);
    for spans in [[odd.clone(), run(0, "a", 0, 20)], [run(0, "a", 0, 20), odd]] {
        spans.into_iter().for_each(|span| writer.write([span]));
        let tree = world.repository().trace(trace_id(0)).unwrap();
        assert_eq!(outline(&tree), ["invoke_agent a", "  chat a"]);
        clear(world);
    }
}

/// Which has no such framework itself, as far as it knows.
fn a_fragment_that_another_process_takes_over_is_joined(world: &World) {
    let store = Store::open(world.database.url()).unwrap();
    let [dead, other] = [1, 2].map(|number| ProcessId::from_bytes([number; 16]));
    let told = |mut sketch: Sketch, sequence| {
        sketch.0.origin = Some(Origin { process: dead, sequence });
        semconv::interpret(sketch.0)
    };
    store.sink(dead, "here").write(&[told(run(0, "a", 0, 20), 1)]).unwrap();
    store.sink(other, "here").write(&[told(call(1, "a", 1, 9), 0)]).unwrap();
    let tree = world.repository().trace(trace_id(0)).unwrap();
    assert_eq!(outline(&tree), ["invoke_agent a", "  chat a"]);
}

fn a_run_is_deleted_with_its_fragments(world: &World) {
    let repository = world.with(torn_run());
    assert_eq!(repository.delete_traces(&[trace_id(0)]).unwrap(), 5);
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 0);
    for trace in 0..5 {
        assert_eq!(repository.find_trace(trace_id(trace)).unwrap(), None);
    }
}

fn sessions_count_a_torn_run_once(world: &World) {
    let spans = torn_run().into_iter().map(|span| span.session("s").costing(0.5));
    let repository = world.with(spans);
    let session = repository.session("s").unwrap();
    assert_eq!((session.trace_count, session.span_count, session.usage.input), (1, 5, Some(34)));
    let trace = repository.trace(trace_id(0)).unwrap().trace;
    assert_eq!(session.cost_nano_usd, trace.cost_nano_usd);
}
