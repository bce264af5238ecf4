//! The layer and the real pipeline together.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::{info_span, instrument};
use tracing_subscriber::layer::SubscriberExt;

use crate::error::Result;
use crate::layer::{AgentLayer, Capture, SpanExt};
use crate::model::{InterpretedSpan, Kind, ProcessId, SpanState, StatusCode, Usage};
use crate::pipeline::{Pipeline, Settings, Sink};
use crate::{agent_span, model_span, semconv};

const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Clone, Default)]
struct Stored(Arc<Mutex<Vec<InterpretedSpan>>>);

impl Sink for Stored {
    fn name(&self) -> &str {
        "stored"
    }

    fn write(&mut self, batch: &[InterpretedSpan]) -> Result<()> {
        self.0.lock().unwrap().extend_from_slice(batch);
        Ok(())
    }

    fn probe(&mut self) -> Result<()> {
        Ok(())
    }
}

fn start() -> (Pipeline, Stored) {
    let stored = Stored::default();
    let store = Box::new(stored.clone());
    let pipeline =
        Pipeline::start(Settings::default(), store, Vec::new(), semconv::interpret, None, ProcessId::generate());
    (pipeline.unwrap(), stored)
}

fn layer<S: tracing::Subscriber>(pipeline: &Pipeline) -> AgentLayer<S> {
    AgentLayer::new(pipeline.inlet(), Capture::default())
}

#[instrument(err)]
fn fails() -> std::result::Result<(), String> {
    Err("no luck".to_owned())
}

#[test]
fn spans_are_interpreted_and_stored() {
    let (pipeline, stored) = start();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer(&pipeline)), || {
        let agent = agent_span!("Researcher");
        agent.record_session("s1");
        let _entered = agent.enter();
        model_span!("gpt-4o").record_usage(Usage::new(17, 9));
        fails().unwrap_err();
    });
    pipeline.force_flush(DEADLINE).unwrap();

    let spans = stored.0.lock().unwrap();
    let [model, fails, agent] = spans.as_slice() else { panic!("{spans:#?}") };
    assert_eq!((model.span.kind, agent.span.kind), (Kind::Model, Kind::Agent));
    assert_eq!(model.span.request_model.as_deref(), Some("gpt-4o"));
    let usage = model.span.usage.unwrap();
    assert_eq!((usage.input, usage.output), (Some(17), Some(9)));
    assert_eq!(fails.span.status.code, StatusCode::Error);
    for span in [model, fails, agent] {
        assert_eq!(span.span.identity.session(), Some("s1"));
        assert_eq!(span.span.trace_id, agent.span.trace_id);
        assert!(span.record.origin.is_some());
    }
    assert!(pipeline.health().adds_up());
}

#[test]
fn a_shutdown_writes_spans_that_are_still_open() {
    let (pipeline, stored) = start();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer(&pipeline)), || {
        let span = info_span!("endless");
        span.record_input("question");
        pipeline.shutdown(DEADLINE).unwrap();
        let spans = stored.0.lock().unwrap();
        let [open] = spans.as_slice() else { panic!("{spans:#?}") };
        assert_eq!((open.record.state, open.record.end_ns), (SpanState::Open, None));
        assert_eq!(Some(open.record.span_id), span.span_id());
        assert_eq!(open.record.attributes.len(), 1);
    });
    assert_eq!(pipeline.health().rejected.after_shutdown, 1, "its end came too late, and is counted");
}
