//! Several writers at once: the same as one after the other.

use tracing_agents::model::Kind;
use tracing_agents::{SessionFilter, TraceFilter};

use crate::sketch::{SECOND, Sketch, span, trace_id};
use crate::tables::{assert_same, dump};
use crate::walk;
use crate::world::World;

crate::cases!(
    two_writers_on_the_same_traces_agree_with_one,
    four_writers_on_one_session_count_each_trace_once,
    writers_of_the_same_spans_agree,
    two_processes_keep_their_resources_and_scopes,
    processes_are_listed_the_latest_first,
    deleting_while_others_write_loses_nothing_else,
);

/// Writes each list of batches by a writer of its own, all at once.
fn write_at_once(world: &World, parts: &[Vec<Vec<Sketch>>]) {
    let writers: Vec<_> = parts.iter().map(|_| world.writer()).collect();
    std::thread::scope(|scope| {
        for (writer, batches) in writers.iter().zip(parts) {
            scope.spawn(move || batches.iter().for_each(|batch| writer.write(batch.clone())));
        }
    });
}

/// Asserts that the tables are what one writer makes of the same spans.
fn expect_as_alone(world: &World, spans: impl Iterator<Item = Sketch>) {
    let together = dump(&world.database);
    let repository = world.repository();
    let ids: Vec<_> = walk::traces(&repository, &TraceFilter::new().limit(1_000)).into_iter().map(trace_id).collect();
    repository.delete_traces(&ids).unwrap();
    world.writer().write(spans);
    assert_same(&together, &dump(&world.database), "written at once and alone");
}

fn two_writers_on_the_same_traces_agree_with_one(world: &World) {
    // Seven spans of forty traces, children first; the batches alternate between the writers.
    let batches: Vec<Vec<Sketch>> = (0..7)
        .rev()
        .map(|number: u64| {
            let of = |trace| {
                let span = span(trace, number).below(number.saturating_sub(1)).session("s");
                if number == 6 { span.model("m").tokens(1, 1) } else { span.kind(Kind::Step) }
            };
            (0..40).map(of).collect()
        })
        .collect();
    let part = |from: usize| batches.iter().skip(from).step_by(2).cloned().collect::<Vec<_>>();
    write_at_once(world, &[part(0), part(1)]);
    let session = world.repository().session("s").unwrap();
    assert_eq!((session.trace_count, session.span_count, session.usage.input), (40, 280, Some(40)));
    expect_as_alone(world, batches.concat().into_iter());
}

fn four_writers_on_one_session_count_each_trace_once(world: &World) {
    let of = |trace: u64| vec![span(trace, 0).session("s").user("u").model("m").tokens(2, 1).costing(0.25)];
    let parts: Vec<Vec<Vec<Sketch>>> = (0..4).map(|writer| (0..25).map(|n| of(n * 4 + writer)).collect()).collect();
    write_at_once(world, &parts);
    let session = world.repository().session("s").unwrap();
    assert_eq!((session.trace_count, session.span_count), (100, 100));
    assert_eq!((session.usage.input, session.cost_nano_usd), (Some(200), Some(25_000_000_000)));
    expect_as_alone(world, parts.concat().into_iter().flatten());
}

fn writers_of_the_same_spans_agree(world: &World) {
    // A fleet that adopts the same lost spans: each has an end of its own, so one of them wins.
    let version = |writer: i64, number: u64| {
        span(number % 5, number / 5).session("s").lasting((writer + 1) * SECOND).with("writer", writer)
    };
    let parts: Vec<Vec<Vec<Sketch>>> = (0..3)
        .map(|writer| (0..5).map(|batch| (0..20).map(|n| version(writer, batch * 20 + n)).collect()).collect())
        .collect();
    write_at_once(world, &parts);
    let tree = world.repository().trace(trace_id(0)).unwrap();
    assert_eq!(tree.trace.span_count, 20);
    assert!(tree.spans.iter().all(|span| span.duration_ns() == Some(3 * SECOND)));
    expect_as_alone(world, parts.concat().into_iter().flatten());
}

fn two_processes_keep_their_resources_and_scopes(world: &World) {
    let (first, second) = (world.writer(), world.writer());
    let of = |number: u64, service: &str| {
        let mut span = span(0, number).service(service);
        let mut scope = tracing_agents::model::Scope {
            name: format!("lib of {service}"),
            version: "1.2".to_owned(),
            ..Default::default()
        };
        scope.attributes.push("built", true);
        span.0.scope = scope.into();
        span
    };
    first.write([of(0, "web"), of(2, "web")]);
    second.write([of(1, "worker"), of(3, "web")]);
    let repository = world.repository();
    for (number, service) in [(0, "web"), (1, "worker"), (2, "web"), (3, "web")] {
        let detail = repository.span(trace_id(0), crate::sketch::span_id(number)).unwrap();
        assert_eq!(detail.content.resource.attributes.get("service.name").unwrap().as_str(), Some(service));
        assert_eq!(
            (detail.content.scope.name, detail.content.scope.version),
            (format!("lib of {service}"), "1.2".into())
        );
        assert_eq!(detail.content.scope.attributes.get("built"), Some(&true.into()));
    }
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!(tree.spans[0].process_id, tree.spans[2].process_id);
    assert_ne!(tree.spans[0].process_id, tree.spans[1].process_id);
    walk::expect_spans(&repository, "service:worker", &[(0, 1)]);
}

fn processes_are_listed_the_latest_first(world: &World) {
    for number in 0..3 {
        world.writer().write([span(number, 0)]);
        // Their starts are told apart by the clock.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let repository = world.repository();
    let processes = repository.processes().unwrap();
    let ids: Vec<_> = processes.iter().map(|process| Some(process.process_id)).collect();
    let of = |trace: u64| repository.trace(trace_id(trace)).unwrap().spans[0].process_id;
    assert_eq!(ids, [of(2), of(1), of(0)]);
    assert!(processes.iter().all(|process| process.pid == u64::from(std::process::id())));
    assert!(processes.is_sorted_by(|a, b| a.started_ns >= b.started_ns));
}

fn deleting_while_others_write_loses_nothing_else(world: &World) {
    let writer = world.writer();
    writer.write((0..60).map(|trace| span(trace, 0).session("s")));
    let doomed: Vec<_> = (0..60).step_by(2).map(trace_id).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..5 {
                writer.write((1..60).step_by(2).map(|trace| span(trace, number).session("s")));
            }
        });
        let repository = world.repository();
        for ids in doomed.chunks(5) {
            assert_eq!(repository.delete_traces(ids).unwrap(), 5);
        }
    });
    let repository = world.repository();
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 30);
    let session = repository.session("s").unwrap();
    assert_eq!((session.trace_count, session.span_count), (30, 150));
    walk::expect_sessions(&repository, "session:s", &["s"]);
    assert_eq!(walk::sessions(&repository, &SessionFilter::new()), ["s"]);
}
