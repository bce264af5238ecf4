//! Ids that flow down, on the SDK's side.

use std::sync::{Arc, Mutex};

use opentelemetry::trace::{Link, SpanKind, TraceId, TraceState};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor};
use tracing::info_span;
use tracing_agents::model::IdentityField;
use tracing_agents::{SpanExt, agent_span, field};

use super::{Both, exported_values};

/// Notes the session, and how many attributes there are: in a sampler, and when spans start.
#[derive(Debug, Clone, Default)]
struct Notes(Arc<Mutex<Vec<Note>>>);

/// Who saw which span, and its attributes.
type Note = (String, Vec<String>);

impl Notes {
    fn take(&self, who: &str, name: &str, attributes: &[KeyValue]) {
        let keys = attributes.iter().map(|entry| format!("{}={}", entry.key, entry.value)).collect();
        self.0.lock().unwrap().push((format!("{who} {name}"), keys));
    }

    fn of(&self, who: &str) -> Vec<String> {
        self.0.lock().unwrap().iter().find(|(known, _)| known == who).unwrap().1.clone()
    }
}

impl SpanProcessor for Notes {
    fn on_start(&self, span: &mut Span, _: &Context) {
        let data = span.exported_data().unwrap();
        self.take("start", &data.name, &data.attributes);
    }

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl ShouldSample for Notes {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        attributes: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        self.take("sampler", name, attributes);
        let decision = SamplingDecision::RecordAndSample;
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::default() }
    }
}

#[test]
fn ids_are_on_a_span_when_it_starts() {
    let notes = Notes::default();
    let both = Both::of(|builder| builder.with_sampler(notes.clone()).with_span_processor(notes.clone()));
    both.run(|| {
        let agent = agent_span!("Researcher", { field::SESSION_ID } = "s1").entered();
        let call = info_span!("call", { field::USER_ID } = "u1");
        // Later than the call was made, and before it begins.
        agent.record_run("r1");
        call.in_scope(|| ());
    });
    for who in ["sampler call", "start call"] {
        let keys = notes.of(who);
        let expected = ["user.id=u1", "agent_traces.run.id=r1", "session.id=s1", "gen_ai.agent.name=Researcher"];
        assert_eq!(keys, expected, "{who}");
    }
}

#[test]
fn ids_that_come_late_are_on_the_exported_span() {
    let both = Both::new();
    both.run(|| {
        let agent = agent_span!("Researcher", { field::SESSION_ID } = "s1").entered();
        let call = info_span!("call", { field::USER_ID } = "own").entered();
        agent.record_run("r1").record_user("u1").record_session("s2");
        drop(call);
    });
    let call = both.exported_as("call");
    assert_eq!(exported_values(&call, field::RUN_ID), [Value::from("r1")]);
    assert_eq!(exported_values(&call, field::USER_ID), [Value::from("own")]);
    // The SDK cannot replace: the last counts.
    assert_eq!(exported_values(&call, field::SESSION_ID), [Value::from("s1"), Value::from("s2")]);
    let stored = both.stored_as("call").span;
    let known =
        [IdentityField::RunId, IdentityField::SessionId, IdentityField::UserId].map(|field| stored.identity.get(field));
    assert_eq!(known, [Some("r1"), Some("s2"), Some("own")]);
}
