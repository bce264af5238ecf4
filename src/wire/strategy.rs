//! Records of every shape, for property tests.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::model::{
    Attributes, Callsite, Event, Identity, IdentityField, Link, Origin, OtelKind, ProcessId, Resource, Scope, SpanId,
    SpanRecord, SpanState, Status, StatusCode, TraceId, Value,
};

/// Any text, NUL and unassigned characters included.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        vec(any::<char>(), 0..6).prop_map(String::from_iter),
        Just("a\0b\u{fffd}🦀".to_owned())
    ]
}

/// Keys that are often the same, and often those that this crate reserves.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![text(), prop::sample::select(KEYS).prop_map(str::to_owned)]
}

const KEYS: &[&str] = &[
    "k",
    "gen_ai.operation.name",
    "agent_traces.",
    "agent_traces.reserved",
    "agent_traces.types",
    "agent_traces.state",
    "agent_traces.position",
    "agent_traces.process",
    "agent_traces.callsite",
    "agent_traces.inherited.session_id",
];

/// Any value. NaN is left out where `nan` is false: it is equal to nothing.
pub(crate) fn value(nan: bool) -> impl Strategy<Value = Value> {
    let float =
        any::<u64>().prop_map(f64::from_bits).prop_filter("equal to nothing", move |float| nan || !float.is_nan());
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        (0..4i64).prop_map(Value::I64),
        any::<u64>().prop_map(Value::U64),
        any::<i128>().prop_map(Value::I128),
        (-9..9i128).prop_map(Value::I128),
        any::<u128>().prop_map(Value::U128),
        float.prop_map(Value::F64),
        text().prop_map(Value::Str),
        Just(Value::Str("2u".to_owned())),
        text().prop_map(Value::Debug),
        text().prop_map(Value::Error),
        any::<Vec<u8>>().prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::Array), vec((key(), inner), 0..4).prop_map(Value::Map)]
    })
}

fn attributes(nan: bool) -> impl Strategy<Value = Attributes> {
    vec((key(), value(nan)), 0..5)
        .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

fn callsite() -> impl Strategy<Value = Option<Arc<Callsite>>> {
    let callsite = (text(), text(), text(), option::of(text()), option::of(any::<u32>()), vec(text(), 0..3)).prop_map(
        |(name, target, level, file, line, fields)| Arc::new(Callsite { name, target, level, file, line, fields }),
    );
    option::of(callsite)
}

/// Trace ids, invalid ones among them.
fn trace_id() -> impl Strategy<Value = TraceId> {
    prop_oneof![9 => any::<[u8; 16]>(), 1 => Just([0; 16])].prop_map(TraceId::from_bytes)
}

fn span_id() -> impl Strategy<Value = SpanId> {
    prop_oneof![9 => any::<[u8; 8]>(), 1 => Just([0; 8])].prop_map(SpanId::from_bytes)
}

fn flags() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), Just(0x100), Just(0x201), Just(0x301), any::<u32>()]
}

fn time_ns() -> impl Strategy<Value = i64> {
    prop_oneof![-2..3i64, any::<i64>(), Just(1_780_000_000_000_000_000)]
}

fn event(nan: bool) -> impl Strategy<Value = Event> {
    (text(), time_ns(), attributes(nan), any::<u32>(), callsite()).prop_map(
        |(name, time_ns, attributes, dropped_attributes, callsite)| Event {
            name,
            time_ns,
            attributes,
            dropped_attributes,
            callsite,
        },
    )
}

fn link(nan: bool) -> impl Strategy<Value = Link> {
    (trace_id(), span_id(), text(), flags(), attributes(nan), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, flags, attributes, dropped_attributes)| Link {
            trace_id,
            span_id,
            trace_state,
            flags,
            attributes,
            dropped_attributes,
        },
    )
}

fn identity() -> impl Strategy<Value = Identity> {
    vec((prop::sample::select(&IdentityField::ALL[..]), text()), 0..4).prop_map(|entries| {
        let mut identity = Identity::default();
        for (field, value) in entries {
            identity.set(field, value.as_str());
        }
        identity
    })
}

fn scope(nan: bool) -> impl Strategy<Value = Arc<Scope>> {
    (text(), text(), attributes(nan), text()).prop_map(|(name, version, attributes, schema_url)| {
        Arc::new(Scope { name, version, attributes, schema_url, ..Scope::default() })
    })
}

fn resource(nan: bool) -> impl Strategy<Value = Arc<Resource>> {
    (attributes(nan), text())
        .prop_map(|(attributes, schema_url)| Arc::new(Resource { attributes, schema_url, ..Resource::default() }))
}

prop_compose! {
    /// A record with everything but scope and resource.
    fn bare_record(nan: bool)(
        ids in (trace_id(), span_id(), option::of(span_id())),
        context in (any::<bool>(), text(), flags()),
        name in text(),
        kind in prop::sample::select(OtelKind::ALL),
        state in prop::sample::select(SpanState::ALL),
        times in (time_ns(), option::of(time_ns())),
        status in (prop::sample::select(StatusCode::ALL), text()),
        attributes in attributes(nan),
        events in vec(event(nan), 0..3),
        links in vec(link(nan), 0..3),
        counts in any::<(u32, u32, u32, u64)>(),
        inherited in identity(),
        callsite in callsite(),
        origin in option::of(any::<([u8; 16], u64)>()),
    ) -> SpanRecord {
        let mut record = SpanRecord::new(ids.0, ids.1, name, times.0);
        record.parent_span_id = ids.2;
        (record.parent_is_remote, record.trace_state, record.flags) = context;
        record.otel_kind = kind;
        record.state = state;
        record.end_ns = times.1;
        record.status = Status { code: status.0, message: status.1 };
        record.attributes = attributes;
        record.events = events;
        record.links = links;
        (record.dropped_attributes, record.dropped_events, record.dropped_links, record.truncated_bytes) = counts;
        record.inherited = inherited;
        record.callsite = callsite;
        record.origin = origin.map(|(process, sequence)| Origin { process: ProcessId::from_bytes(process), sequence });
        record
    }
}

/// A few records that share scopes and resources, in any order.
pub(crate) fn records(nan: bool) -> impl Strategy<Value = Vec<SpanRecord>> {
    (vec(resource(nan), 1..3), vec(scope(nan), 1..3)).prop_flat_map(move |(resources, scopes)| {
        let record = (bare_record(nan), prop::sample::select(resources), prop::sample::select(scopes));
        vec(
            record.prop_map(|(mut record, resource, scope)| {
                record.resource = resource;
                record.scope = scope;
                record
            }),
            0..5,
        )
    })
}
