//! What other programs sent goes out as it came: each span, its resource and its scope, to the bit.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use prost::Message as _;
use tracing_agents::model::{Kind, SpanRecord};
use tracing_agents::{ErrorKind, SpanFilter, TraceFilter, wire};

use crate::api::Repository;
use crate::payloads::{every_field, flattened, flattened_bytes, traces};
use crate::sketch::{Sketch, at, callsite, span, span_id, trace_id};
use crate::world::World;

crate::cases!(
    one_span_with_every_field,
    a_corpus_of_payloads,
    what_the_store_derives_is_not_sent_on,
    records_of_the_layer_come_in_again_as_they_were,
    a_second_delivery_changes_nothing,
    senders_that_differ_in_odd_parts_are_told_apart,
    records_of_a_trace_are_in_order,
    an_unknown_trace_has_no_records,
);

/// All records, page by page.
fn all(repository: &Repository, filter: &SpanFilter) -> Vec<SpanRecord> {
    let (mut filter, mut records) = (filter.clone(), Vec::new());
    loop {
        let page = repository.span_records(&filter).unwrap();
        records.extend(page.items);
        let Some(next) = page.next else { return records };
        filter = filter.after(next);
    }
}

/// Sends a payload through the store.
fn sent_on(world: &World, request: &ExportTraceServiceRequest) -> Vec<SpanRecord> {
    let spans = wire::decode_foreign(&request.encode_to_vec()).unwrap();
    assert_eq!(spans.rejected, []);
    all(&world.with(spans.records), &SpanFilter::new().limit(7))
}

fn one_span_with_every_field(world: &World) {
    let request = every_field();
    let records = sent_on(world, &request);
    assert_eq!(flattened_bytes(&wire::encode_export(&records)), flattened(&request));
    let by_json = wire::decode_json(&wire::encode_json(&records).unwrap()).unwrap();
    assert_eq!(flattened_bytes(&wire::encode_export(&by_json.records)), flattened(&request));
}

/// Sixty payloads, the same ones each time, as spans of traces of their own.
fn corpus() -> ExportTraceServiceRequest {
    let mut runner = TestRunner::deterministic();
    let strategy = traces();
    let resource_spans = (0..60_u8).flat_map(|number| {
        let mut request = strategy.new_tree(&mut runner).unwrap().current();
        let groups = request.resource_spans.iter_mut().flat_map(|group| &mut group.scope_spans);
        for span in groups.flat_map(|group| &mut group.spans) {
            span.trace_id[0] = number;
        }
        request.resource_spans
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

fn a_corpus_of_payloads(world: &World) {
    let request = corpus();
    let expected = flattened(&request);
    assert!(expected.len() > 60, "{}", expected.len());
    let records = sent_on(world, &request);
    assert_eq!(records.len(), expected.len());
    for (found, expected) in flattened_bytes(&wire::encode_export(&records)).iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    let by_json = wire::decode_json(&wire::encode_json(&records).unwrap()).unwrap();
    assert!(flattened_bytes(&wire::encode_export(&by_json.records)) == expected);
    // And by trace.
    let repository = world.repository();
    let traces = repository.traces(&TraceFilter::new().limit(1_000)).unwrap();
    let ids: Vec<_> = traces.iter().map(|trace| trace.trace_id).collect();
    let records: Vec<_> = ids.into_iter().flat_map(|id| repository.records(id).unwrap()).collect();
    assert!(flattened_bytes(&wire::encode_export(&records)) == expected);
}

/// A record without what says who stored it.
fn recorded(record: impl Into<SpanRecord>) -> SpanRecord {
    let mut record = record.into();
    record.origin = None;
    record
}

fn sorted(records: impl IntoIterator<Item = SpanRecord>) -> Vec<SpanRecord> {
    let mut records: Vec<_> = records.into_iter().map(recorded).collect();
    records.sort_by_key(|record| (record.trace_id, record.span_id));
    records
}

/// Runs of agents without spans of their own, ids that flow down, and what spans tell about others.
fn what_the_store_derives_is_not_sent_on(world: &World) {
    let written: Vec<Sketch> = vec![
        span(0, 0).named("host").session("s").user("u"),
        span(0, 1).below(0).model("m").agent("Researcher").tokens(10, 2).starting(at(1)),
        span(0, 2).below(0).tool("search").agent("Researcher").starting(at(2)),
        span(0, 3).below(2).named("inner").starting(at(2)).with("otel.name", "another").with("otel.kind", "client"),
        span(0, 4).below(4).kind(Kind::Agent).agent("A").starting(at(3)).failing("no"),
    ];
    let expected = sorted(written.iter().cloned().map(SpanRecord::from));
    let repository = world.with(written);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert!(tree.spans.iter().any(|span| span.is_synthetic()), "{tree:#?}");
    let inner = tree.spans.iter().find(|span| span.span_id == span_id(3)).unwrap();
    assert!(inner.name == "another" && inner.identity.iter().count() > 1, "{inner:?}");
    assert_eq!(sorted(repository.records(trace_id(0)).unwrap()), expected);
    assert_eq!(sorted(all(&repository, &SpanFilter::new())), expected);
}

fn records_of_the_layer_come_in_again_as_they_were(world: &World) {
    let mut first =
        span(0, 0).agent("A").session("s").with("big", u64::MAX).with("wide", u128::MAX.to_string().as_str());
    first.0.callsite = Some(callsite("run", "app::agents"));
    first.0.inherited.set(tracing_agents::model::IdentityField::UserId, "u");
    (first.0.start_ns, first.0.truncated_bytes) = (-5, 7);
    let mut open = span(0, 1).below(0).with("debug", tracing_agents::model::Value::Debug("Some(1)".to_owned()));
    (open.0.end_ns, open.0.state) = (None, tracing_agents::model::SpanState::Interrupted);
    let written: Vec<SpanRecord> = vec![first.into(), open.into()];
    let out = world.with(written.clone()).records(trace_id(0)).unwrap();
    assert!(out.iter().all(|record| record.origin.is_some()));
    let exports = [
        wire::encode_export(&out),
        wire::encode_export(&wire::decode_json(&wire::encode_json(&out).unwrap()).unwrap().records),
    ];
    for export in exports {
        assert_eq!(sorted(wire::decode_foreign(&export).unwrap().records), sorted(written.clone()));
    }
}

fn a_second_delivery_changes_nothing(world: &World) {
    let request = every_field();
    sent_on(world, &request);
    let once = crate::tables::dump(&world.database);
    let records = sent_on(world, &request);
    assert_eq!(records.len(), 1);
    crate::tables::assert_same(&crate::tables::dump(&world.database), &once, "after the second delivery");
}

fn senders_that_differ_in_odd_parts_are_told_apart(world: &World) {
    let mut groups = Vec::new();
    for number in 0..7_u8 {
        let mut group = every_field().resource_spans.remove(0);
        let span = &mut group.scope_spans[0].spans[0];
        span.span_id = vec![number + 1; 8];
        let resource = group.resource.as_mut().unwrap();
        let scope = group.scope_spans[0].scope.as_mut().unwrap();
        match number {
            0 => {}
            1 => resource.dropped_attributes_count += 1,
            2 => resource.entity_refs[0].description_keys.clear(),
            3 => resource.attributes.last_mut().unwrap().key_strindex += 1,
            4 => scope.dropped_attributes_count += 1,
            5 => scope.attributes.last_mut().unwrap().key_strindex += 1,
            _ => group.resource = None,
        }
        groups.push(group);
    }
    let request = ExportTraceServiceRequest { resource_spans: groups };
    let records = sent_on(world, &request);
    assert_eq!(flattened_bytes(&wire::encode_export(&records)), flattened(&request));
}

fn records_of_a_trace_are_in_order(world: &World) {
    let spans = (0..50).map(|number| span(0, number).starting(at(i64::try_from((number * 7) % 50).unwrap())));
    let repository = world.with(spans);
    let starts: Vec<i64> = repository.records(trace_id(0)).unwrap().iter().map(|record| record.start_ns).collect();
    assert_eq!(starts, (0..50).map(at).collect::<Vec<_>>());
    let paged: Vec<i64> = all(&repository, &SpanFilter::new().limit(9)).iter().map(|record| record.start_ns).collect();
    assert_eq!(paged, (0..50).rev().map(at).collect::<Vec<_>>());
}

fn an_unknown_trace_has_no_records(world: &World) {
    let repository = world.with([span(0, 0)]);
    assert_eq!(repository.records(trace_id(7)).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(all(&repository, &SpanFilter::new().trace(trace_id(7))), []);
}
