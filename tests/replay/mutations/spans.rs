//! Changed copies of the recordings of Agno: `OpenTelemetry`'s spans, as an exporter gets them.

use std::collections::BTreeSet;

use fastrand::Rng;
use opentelemetry::trace::{SpanContext, SpanId, TraceId};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::agno;
use super::change::{Change, Mutant};

const AGENT_KEYS: [&str; 2] = ["agent.name", "agno.agent"];

/// A team is an agent whose name is the team's.
const NAME_KEYS: [&str; 3] = ["agent.name", "agno.agent", "agno.team"];

/// Agno calls a team an agent and a step a chain. Only these tell them apart, and without them nothing is left that could: they are kept.
const REFINING: [&str; 8] = [
    "agno.team.id",
    "agno.team",
    "agno.step.type",
    "agno.parallel.step_count",
    "agno.workflow.id",
    "agno.workflow.steps_count",
    "graph.node.parent_id",
    "graph.node.id",
];

/// A run of a recording.
pub(super) struct Original {
    pub(super) name: String,
    spans: Vec<SpanData>,
}

impl Original {
    pub(super) fn read(text: &str) -> Self {
        let case = agno::read(text).unwrap();
        Self { spans: agno::spans(&case).unwrap(), name: case.case }
    }

    /// The ids of the spans, as numbers.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.spans.iter().map(|span| number(span.span_context.span_id().to_bytes())).collect()
    }

    /// The names of the agents.
    pub(super) fn agents(&self) -> Vec<String> {
        let attributes = self.spans.iter().flat_map(|span| &span.attributes);
        let names = attributes.filter(|attribute| AGENT_KEYS.contains(&attribute.key.as_str()));
        names.map(|attribute| attribute.value.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// A changed copy; an unchanged one for no mutant.
    pub(super) fn copy(&self, mutant: Option<Mutant>) -> Vec<SpanData> {
        let mut spans = self.spans.clone();
        if let Some(mutant) = mutant {
            let mut rng = Rng::with_seed(mutant.seed);
            for change in mutant.changes {
                apply(*change, mutant, &self.agents(), &mut spans, &mut rng);
            }
        }
        spans
    }
}

/// The number of a span, in a copy with other ids too.
pub(super) fn number(id: [u8; 8]) -> u64 {
    u64::from_be_bytes(id) & !SHIFTED
}

/// The bits of an id that a mutant changes. The rest stays, so that equal times are ordered as before.
const SHIFTED: u64 = 0xff << 56;

fn shifted(id: SpanId, seed: u64) -> SpanId {
    let shifted = number(id.to_bytes()) | (seed % 255 + 1) << 56;
    if id == SpanId::INVALID { id } else { SpanId::from_bytes(shifted.to_be_bytes()) }
}

fn apply(change: Change, mutant: Mutant, agents: &[String], spans: &mut [SpanData], rng: &mut Rng) {
    match change {
        Change::Targets => {
            for span in spans {
                span.instrumentation_scope = opentelemetry::InstrumentationScope::builder("acme").build();
            }
        }
        Change::Agents => {
            let names = mutant.names(agents);
            each_attribute(spans, |attribute| {
                let is_name = NAME_KEYS.contains(&attribute.key.as_str());
                let renamed = names.iter().find(|(old, _)| is_name && attribute.value.as_str() == old.as_str());
                if let Some((_, new)) = renamed {
                    attribute.value = Value::String(new.clone().into());
                }
            });
        }
        Change::Order => {
            for span in spans.iter_mut() {
                rng.shuffle(&mut span.attributes);
            }
            rng.shuffle(spans);
        }
        Change::Ids => {
            each_attribute(spans, |attribute| {
                let key = attribute.key.as_str();
                if key.ends_with(".id") || key.ends_with("_id") {
                    attribute.value = Value::String(format!("{}{}", attribute.value, mutant.suffix()).into());
                }
            });
            for span in spans {
                let context = &span.span_context;
                let trace = u128::from_be_bytes(context.trace_id().to_bytes()) ^ u128::from(mutant.seed + 1);
                span.span_context = SpanContext::new(
                    TraceId::from_bytes(trace.to_be_bytes()),
                    shifted(context.span_id(), mutant.seed),
                    context.trace_flags(),
                    context.is_remote(),
                    context.trace_state().clone(),
                );
                span.parent_span_id = shifted(span.parent_span_id, mutant.seed);
            }
        }
        Change::Fields(percent) => {
            for span in spans {
                span.attributes
                    .retain(|attribute| REFINING.contains(&attribute.key.as_str()) || rng.u8(..100) >= percent);
            }
        }
        Change::Events(percent) => {
            for span in spans {
                span.events.events.retain(|_| rng.u8(..100) >= percent);
            }
        }
    }
}

fn each_attribute(spans: &mut [SpanData], change: impl FnMut(&mut KeyValue)) {
    spans.iter_mut().flat_map(|span| &mut span.attributes).for_each(change);
}
