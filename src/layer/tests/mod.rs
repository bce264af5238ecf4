//! What the layer promises, seen from the other side: the records that come out.

mod capture;
mod composition;
mod ending;
mod filtering;
mod inheritance;
mod limits;
mod links;
mod live;
mod parents;
mod pipeline;
mod recording;
mod span_kinds;
mod values;
mod watch;

use std::sync::{Arc, Mutex};

use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::state::Outlet;
use super::{AgentLayer, Limits};
use crate::layer::Capture;
use crate::model::{Event, Scope, SpanRecord, Value};
use crate::pipeline::PendingSpan;

/// Takes closed spans over, as the pipeline does, and makes records of them later, as its worker does.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Arc<dyn PendingSpan>>>>);

impl Outlet for Collector {
    fn accept(&self, span: Arc<dyn PendingSpan>) {
        self.0.lock().unwrap().push(span);
    }
}

impl Collector {
    /// The records of the spans that closed, in the order in which they did. Their slots are used again from then on.
    fn records(&self) -> Records {
        let read = |span: Arc<dyn PendingSpan>| {
            let record = span.record();
            span.release();
            record
        };
        Records(self.0.lock().unwrap().drain(..).map(read).collect())
    }
}

struct Records(Vec<SpanRecord>);

impl Records {
    /// The only record of that name.
    fn named(&self, name: &str) -> &SpanRecord {
        let mut found = self.0.iter().filter(|record| record.name == name);
        let record = found.next().unwrap_or_else(|| panic!("no span {name:?} in {:#?}", self.0));
        assert!(found.next().is_none(), "several spans {name:?}");
        record
    }

    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|record| record.name.as_str()).collect()
    }
}

fn layer<S: tracing::Subscriber>(limits: Limits) -> (AgentLayer<S>, Collector) {
    let collector = Collector::default();
    let scope = Arc::new(Scope { name: "tests".to_owned(), ..Scope::default() });
    let capture = Capture { limits, scope, ..Capture::default() };
    let layer = AgentLayer::with_outlet(Box::new(collector.clone()), capture);
    (layer, collector)
}

/// Runs `program` under a registry with the layer alone.
fn capture(program: impl FnOnce()) -> Records {
    capture_within(Limits::default(), program)
}

fn capture_within(limits: Limits, program: impl FnOnce()) -> Records {
    let (layer, collector) = layer::<Registry>(limits);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), program);
    collector.records()
}

/// Runs `program` on a runtime of several threads, each under a registry with the layer alone.
fn capture_async<F: Future<Output = ()>>(program: F) -> Records {
    let (layer, collector) = layer::<Registry>(Limits::default());
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    let on_threads = dispatch.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&on_threads)))
        .build()
        .unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        runtime.block_on(program);
        drop(runtime);
    });
    collector.records()
}

/// An event's or a span's attributes as pairs.
fn pairs(attributes: &crate::model::Attributes) -> Vec<(&str, Value)> {
    attributes.iter().map(|(key, value)| (key, value.clone())).collect()
}

fn event_names(record: &SpanRecord) -> Vec<&str> {
    record.events.iter().map(|event: &Event| event.name.as_str()).collect()
}

fn text(value: &str) -> Value {
    Value::Str(value.to_owned())
}

fn debug(value: &str) -> Value {
    Value::Debug(value.to_owned())
}
