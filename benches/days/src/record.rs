//! Records as the layer makes them.

use std::sync::Arc;

use tracing_agents::field;
use tracing_agents::model::{
    Attributes, Callsite, Event, OtelKind, Resource, Scope, SpanId, SpanRecord, SpanState, TraceId,
};

/// A program that sends spans: who it is, and where in it spans are written down.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    scope: Arc<Scope>,
    resource: Arc<Resource>,
    pub(crate) agent: Arc<Callsite>,
    pub(crate) group: Arc<Callsite>,
    pub(crate) model: Arc<Callsite>,
    pub(crate) tool: Arc<Callsite>,
}

impl Sender {
    pub(crate) fn new(service: &str) -> Self {
        let mut attributes = Attributes::new();
        attributes.push("service.name", service);
        attributes.push("service.version", "2.4.1");
        attributes.push("host.name", "node-7");
        Self {
            scope: Arc::new(Scope { name: "tracing".to_owned(), ..Scope::default() }),
            resource: Arc::new(Resource { attributes, ..Resource::default() }),
            agent: site("invoke_agent", 40, &[field::OPERATION, field::AGENT_NAME, field::SESSION_ID, field::USER_ID]),
            group: site("run", 12, &[field::KIND, field::SESSION_ID, field::USER_ID]),
            model: site("chat", 96, &[field::OPERATION, field::PROVIDER, field::REQUEST_MODEL]),
            tool: site("execute_tool", 153, &[field::OPERATION, field::TOOL_NAME]),
        }
    }

    /// A closed span without attributes.
    pub(crate) fn record(
        &self,
        site: &Arc<Callsite>,
        (trace_id, span_id): (TraceId, SpanId),
        (start_ns, end_ns): (i64, i64),
    ) -> SpanRecord {
        let mut record = SpanRecord::new(trace_id, span_id, site.name.as_str(), start_ns);
        record.state = SpanState::Closed;
        record.end_ns = Some(end_ns);
        record.otel_kind = OtelKind::Internal;
        record.attributes = Attributes::with_capacity(16);
        record.callsite = Some(Arc::clone(site));
        record.scope = Arc::clone(&self.scope);
        record.resource = Arc::clone(&self.resource);
        record
    }
}

/// An event with these attributes.
pub(crate) fn event<const N: usize>(name: &str, time_ns: i64, attributes: [(&'static str, &str); N]) -> Event {
    let mut all = Attributes::new();
    for (key, value) in attributes {
        all.push(key, value);
    }
    Event { name: name.to_owned(), time_ns, attributes: all, dropped_attributes: 0, callsite: None }
}

fn site(name: &str, line: u32, fields: &[&str]) -> Arc<Callsite> {
    Arc::new(Callsite {
        name: name.to_owned(),
        target: "assistant::runtime".to_owned(),
        level: "INFO".to_owned(),
        file: Some("src/runtime.rs".to_owned()),
        line: Some(line),
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
    })
}
