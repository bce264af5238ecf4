//! Numbers at the edges of what 64 bits and JSON hold.

use tracing_agents::field;
use tracing_agents::model::Value;

use crate::sketch::{Sketch, span, span_id, trace_id};
use crate::world::World;

crate::cases!(
    integers_beyond_a_floats_precision,
    floats_come_back_bit_by_bit,
    not_a_number_and_infinity,
    numbers_in_json_text_stay_text,
    counts_and_costs_that_no_column_holds,
);

/// The values of a span's attributes after they were stored.
fn stored(world: &World, values: &[Value]) -> Vec<Value> {
    let written = values.iter().fold(span(0, 0), |span, value| span.with("value", value.clone()));
    let content = world.with([written]).span(trace_id(0), span_id(0)).unwrap().content;
    content.attributes.iter().map(|(_, value)| value.clone()).collect()
}

fn integers_beyond_a_floats_precision(world: &World) {
    let values = [
        Value::I64(9_007_199_254_740_993),
        Value::I64(-9_007_199_254_740_993),
        Value::I64(i64::MIN),
        Value::I64(i64::MAX),
        Value::U64(u64::MAX),
        Value::U64(0),
        Value::I128(i128::MIN),
        Value::U128(u128::MAX),
        Value::Array(vec![Value::U64(u64::MAX), Value::I64(i64::MIN)]),
    ];
    assert_eq!(stored(world, &values), values);
}

fn floats_come_back_bit_by_bit(world: &World) {
    let floats = [
        0.1,
        -0.0,
        0.0,
        1.0,
        5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        1e21,
        1e-7,
        123_456_789.123_456_79,
        std::f64::consts::PI,
    ];
    let found = stored(world, &floats.map(Value::F64));
    let bits: Vec<u64> = found
        .iter()
        .map(|value| if let Value::F64(float) = value { float.to_bits() } else { panic!("{value:?}") })
        .collect();
    assert_eq!(bits, floats.map(f64::to_bits));
}

fn not_a_number_and_infinity(world: &World) {
    let found = stored(world, &[f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Value::F64));
    let [Value::F64(nan), Value::F64(high), Value::F64(low)] = found.as_slice() else { panic!("{found:?}") };
    assert!(nan.is_nan());
    assert_eq!((*high, *low), (f64::INFINITY, f64::NEG_INFINITY));
}

fn numbers_in_json_text_stay_text(world: &World) {
    let json = r#"{"large": 1e400, "exact": 9007199254740993, "huge": 123456789012345678901234567890, "small": 1E-400, "same": 1, "same": 1.0}"#;
    let repository =
        world.with([span(0, 0).tool("t").with(field::TOOL_ARGUMENTS, json).with(field::TOOL_RESULT, "1e400")]);
    let content = repository.span(trace_id(0), span_id(0)).unwrap().content;
    assert_eq!((content.input.as_deref(), content.output.as_deref()), (Some(json), Some("1e400")));
    assert_eq!(content.attributes.get(field::TOOL_ARGUMENTS).unwrap().as_str(), Some(json));
}

fn counts_and_costs_that_no_column_holds(world: &World) {
    let call = |number: u64| -> Sketch { span(0, number).model("m") };
    let repository = world.with([
        span(0, 0),
        call(1).with(field::INPUT_TOKENS, u64::MAX).with(field::OUTPUT_TOKENS, -5_i64),
        call(2).with(field::INPUT_TOKENS, f64::NAN).with(field::COST_USD, f64::INFINITY),
        call(3).with(field::INPUT_TOKENS, "1e400").with(field::COST_USD, "1e400"),
        call(4).with(field::INPUT_TOKENS, Value::U128(u128::MAX)).with(field::COST_USD, 1e300),
    ]);
    let spans = repository.trace(trace_id(0)).unwrap().spans;
    let inputs: Vec<Option<u64>> = spans.iter().map(|span| span.usage.and_then(|usage| usage.input)).collect();
    assert_eq!(inputs, [None, Some(i64::MAX.unsigned_abs()), None, None, None]);
    assert_eq!(spans[1].usage.unwrap().output, None);
    assert!(spans.iter().all(|span| span.cost.is_none()));
}
