//! What spans recorded takes little room, and is read as it was in whatever form it stands.

use tracing_agents::model::SpanRecord;
use tracing_agents::store::Store;
use tracing_agents::{ErrorKind, Retention};

use crate::sharing::{count, expect_turns, names, turn, words};
use crate::sketch::{Sketch, span, span_id, trace_id};
use crate::world::{World, Writer};

crate::cases!(
    contents_take_less_room_and_come_back_as_they_were,
    each_form_is_read_beside_the_others,
    a_damaged_frame_is_named,
);

impl World {
    /// A writer that stores contents as JSON, as all did once.
    fn plain_writer(&self) -> Writer {
        Writer(self.builder().compression(false).open().unwrap())
    }

    fn forms(&self) -> Vec<String> {
        self.database.sql().lines("SELECT DISTINCT encoding AS line FROM span_contents ORDER BY 1")
    }
}

/// A call of a tool as frameworks record it, with words of its own.
fn call(number: u64) -> Sketch {
    span(number, 0)
        .with("gen_ai.operation.name", "execute_tool")
        .with("gen_ai.tool.name", "search")
        .with("gen_ai.tool.call.id", format!("call_{number:012x}"))
        .with("gen_ai.tool.call.arguments", format!(r#"{{"query":"{number}"}}"#))
        .with("gen_ai.tool.call.result", "the answer to the question is in the document; ".repeat(20))
}

fn contents_take_less_room_and_come_back_as_they_were(world: &World) {
    let bytes = "SELECT sum(length(attributes) + length(extra)) FROM span_contents";
    world.plain_writer().write((0..50).map(call));
    assert_eq!(world.forms(), ["json"]);
    let plain = count(&world.database, bytes);
    let repository = world.repository();
    let before = (0..50).map(|number| repository.records(trace_id(number)).unwrap()).collect::<Vec<_>>();
    repository.prune(Retention::new().keep(0)).unwrap();

    world.writer().write((0..50).map(call));
    assert_eq!(world.forms(), ["zstd"]);
    let compressed = count(&world.database, bytes);
    assert!(compressed * 3 < plain, "{compressed} of {plain} bytes");
    for (number, before) in (0..50).zip(before) {
        let expected = SpanRecord::from(call(number));
        let found = repository.records(trace_id(number)).unwrap();
        assert!(found[0].attributes == expected.attributes && found[0].callsite == before[0].callsite);
        let detail = repository.span(trace_id(number), span_id(0)).unwrap();
        assert_eq!(detail.content.attributes, expected.attributes);
        assert!(detail.content.output.unwrap().starts_with("the answer"));
    }
}

fn each_form_is_read_beside_the_others(world: &World) {
    let (plain, writer) = (world.plain_writer(), world.writer());
    let small = |number| span(500, number).with("text", words(number, 1_500));
    plain.write([small(0)]);
    plain.write(turn(0, 10));
    writer.write([small(1).below(0)]);
    writer.write([small(2).below(0).running()]);
    let parts = names(&world.database);
    writer.write(turn(0, 11));
    plain.write(turn(0, 12));
    assert_eq!(world.forms(), ["json", "parts", "zstd", "zstd-parts"]);
    let repository = world.repository();
    expect_turns(&repository, [(0, 10), (0, 11), (0, 12)]);
    let found = repository.records(trace_id(500)).unwrap();
    assert_eq!(found.len(), 3);
    for record in found {
        let number = (0..3).find(|number| span_id(*number) == record.span_id).unwrap();
        assert_eq!(record.attributes, SpanRecord::from(small(number)).attributes, "{number}");
    }
    // A conversation goes on with the parts that are there, in whatever form they are, and what one trace needs stays.
    assert!(names(&world.database).is_superset(&parts));
    repository.delete_traces(&[trace_id(10), trace_id(12)]).unwrap();
    expect_turns(&repository, [(0, 11)]);
    repository.delete_traces(&[trace_id(11)]).unwrap();
    assert!(names(&world.database).is_empty());
    // A summary that is made anew says the same.
    assert_eq!(Store::open(world.database.url()).unwrap().check_trace(trace_id(500)).unwrap(), Some(true));
}

fn a_damaged_frame_is_named(world: &World) {
    let repository = world.with([span(1, 0), span(1, 1).below(0).with("text", words(1, 1_500)), span(2, 0)]);
    let store = Store::open(world.database.url()).unwrap();
    assert_eq!(store.unreadable_content(trace_id(1)).unwrap(), []);
    world.database.sql().execute(
        "UPDATE span_contents SET attributes = substr(attributes, 1, length(attributes) - 4) WHERE length(attributes) > 500",
    );
    let error = repository.span(trace_id(1), span_id(1)).unwrap_err();
    let text = error.to_string();
    assert!(error.kind() == ErrorKind::Decode && text.contains("its compressed form is damaged"), "{text}");
    assert!(text.contains(&span_id(1).to_string()) && text.contains(&trace_id(1).to_string()), "{text}");
    assert_eq!(store.unreadable_content(trace_id(1)).unwrap(), [span_id(1)]);
    // Nothing else suffers: other spans, lists, what comes later, and deleting it.
    assert!(repository.span(trace_id(1), span_id(0)).is_ok());
    assert_eq!(repository.trace(trace_id(1)).unwrap().spans.len(), 2);
    assert_eq!(repository.records(trace_id(2)).unwrap().len(), 1);
    world.writer().write([span(1, 2).below(1)]);
    repository.delete_traces(&[trace_id(1)]).unwrap();
    assert_eq!(store.unreadable_content(trace_id(1)).unwrap(), []);
}
