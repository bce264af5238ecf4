//! What is written: a day of agent traces, the same for the same number of spans, in the order in which the spans end.

use agent_days::Days;
use tracing_agents::model::{InterpretedSpan, Origin, ProcessId, SpanRecord};
use tracing_agents::semconv;

const SEED: u64 = 20_261_122;

/// The spans, and what they are made of.
pub(crate) struct Workload {
    pub(crate) records: Vec<SpanRecord>,
    pub(crate) traces: usize,
    /// Bytes of attributes, keys included, a span.
    pub(crate) mean_payload: usize,
}

/// About `spans` spans: whole traces.
pub(crate) fn make(spans: usize) -> Workload {
    let days: Vec<Vec<SpanRecord>> = Days::new(SEED, spans).over(1).collect();
    let traces = days.len();
    let mut records: Vec<SpanRecord> = days.into_iter().flatten().collect();
    records.sort_by_key(|record| record.end_ns);
    let payload: usize = records.iter().map(|record| record.attributes.size()).sum();
    Workload { mean_payload: payload / records.len().max(1), records, traces }
}

impl Workload {
    /// The spans as the pipeline hands them to a sink.
    pub(crate) fn interpreted(&self, process: ProcessId) -> Vec<InterpretedSpan> {
        let numbered = (0..).zip(&self.records).map(|(sequence, record)| {
            let mut record = record.clone();
            record.origin = Some(Origin { process, sequence });
            record
        });
        numbered.map(semconv::interpret).collect()
    }

    /// How many, as a number to divide by.
    pub(crate) fn spans(&self) -> f64 {
        u32::try_from(self.records.len()).map_or(f64::INFINITY, f64::from)
    }
}
