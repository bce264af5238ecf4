//! A trace that is longer than others.

use fastrand::Rng;
use tracing_agents::field;
use tracing_agents::model::{SpanId, SpanRecord};

use crate::MS;
use crate::record::Sender;
use crate::text::Text;

/// Spans directly below one span, at most.
const BRANCHES: usize = 40;

/// One agent's run of `spans` spans, which hold `bytes` bytes of content together; in the order of their ends. It starts at `start_ns`.
///
/// The agent hands tasks on to others, and those to others again: a span has at most 40 below it.
#[must_use]
pub fn long_trace(seed: u64, start_ns: i64, spans: usize, bytes: usize) -> Vec<SpanRecord> {
    let mut rng = Rng::with_seed(seed);
    let (text, sender) = (Text::new(&mut rng), Sender::new("assistant"));
    let trace_id = crate::trace_id(&mut rng, start_ns);
    let each = bytes / spans.max(1);
    let end_ns = |number: usize| start_ns + i64::try_from(spans * 2 - number).unwrap_or_default() * MS;
    let mut records: Vec<SpanRecord> = (0..spans)
        .map(|number| {
            let begun = start_ns + i64::try_from(number).unwrap_or_default() * MS;
            let is_agent = number * BRANCHES + 1 < spans;
            let site = if is_agent { &sender.agent } else { &sender.tool };
            let mut record = sender.record(site, (trace_id, id(number)), (begun, end_ns(number)));
            record.parent_span_id = number.checked_sub(1).map(|before| id(before / BRANCHES));
            let attributes = &mut record.attributes;
            if is_agent {
                attributes.push(field::OPERATION, "invoke_agent");
                attributes.push(field::AGENT_NAME, "Marathon");
                attributes.push(field::OUTPUT, text.exactly(&mut rng, each));
            } else {
                attributes.push(field::OPERATION, "execute_tool");
                attributes.push(field::TOOL_NAME, "read_page");
                attributes.push(field::TOOL_RESULT, text.exactly(&mut rng, each));
            }
            record
        })
        .collect();
    records.reverse();
    records
}

fn id(number: usize) -> SpanId {
    SpanId::from_bytes((number as u64 + 1).to_be_bytes())
}
