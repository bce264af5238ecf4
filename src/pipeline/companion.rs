//! A second recorder of the same spans, which a layer owns: what the two tell each other.
//!
//! The layer forwards each of its hooks to the companion, which gives the spans their ids. It stands here because neither room may see the
//! other: `layer` has the spans ([`OwnedSpan`]), `otel` has the companion ([`Companion`]), and `agent_tracing` plugs them together.
//!
//! What a thread is doing is told by [`forwarding`] and [`outside`]. What reaches the companion's span while the layer forwards is the layer's
//! own doing, and is recorded already; all else is the user's. While foreign code runs (a sampler, a processor, an exporter), nothing is
//! forwarded and no span begins: a processor that traces could otherwise wait for a lock that its caller holds, or call itself without end.

#![cfg_attr(not(feature = "opentelemetry"), allow(dead_code, reason = "without the feature no layer has a companion"))]

use std::cell::Cell;
use std::sync::Arc;

use tracing::span::Id;
use tracing::{Dispatch, Span};

use crate::model::{Event, Identity, Key, Link, SpanId, Status, TraceId, Traceparent, Value};

/// What a companion can be asked to do with a span that may have no ids yet.
pub(crate) trait Companion: Send + Sync {
    /// Gives the open span `id` its ids, if it has none. Not from [`outside`].
    fn settle(&self, id: &Id, subscriber: &Dispatch);

    /// Makes `span` the child of a span of another process; answers whether that was still possible.
    fn set_remote_parent(&self, span: &Span, parent: &Traceparent, trace_state: &str) -> bool;
}

/// The open spans of a layer, by their `tracing` ids.
pub(crate) trait OwnedSpans: Send + Sync {
    fn get(&self, id: u64) -> Option<Arc<dyn OwnedSpan>>;
}

/// A span of the layer, as its companion sees it. No method runs foreign code.
pub(crate) trait OwnedSpan: Send + Sync {
    /// Where the span stands, as far as the layer knows.
    fn place(&self) -> Place;

    /// The ids and names from its ancestors, as they are now.
    fn inherited(&self) -> Identity;

    /// Shows what is recorded and was told to the companion, under the span's lock.
    fn look(&self, read: &mut dyn FnMut(&Look<'_>));

    /// The last value of an attribute, if that is an integer which a recorder without such a type would have made a text of.
    fn wide_integer(&self, key: &str) -> Option<Value>;

    /// The ids are known now, and never change any more.
    fn bind(&self, ids: Bound);

    /// What was recorded past the companion since the last call.
    fn take_untold(&self) -> Untold;

    /// What a user set through the companion's interface.
    fn set(&self, what: UserSet);

    /// How the span ended; `None` while it runs.
    fn ending(&self) -> Option<Ending>;
}

/// Where a span stands.
pub(crate) struct Place {
    /// Nanoseconds since 1970.
    pub(crate) start_ns: i64,
    /// The parent was named, and a filter keeps it from the layer and the companion.
    pub(crate) hides_parent: bool,
    /// A boundary takes it out of its parent's trace.
    pub(crate) is_cut: bool,
    /// What `tracing` calls the parent, as soon as that has ids.
    pub(crate) parent: Option<(TraceId, SpanId, u8)>,
}

/// What is recorded on a span.
pub(crate) struct Look<'a> {
    pub(crate) attributes: Vec<(&'a str, Peek<'a>)>,
    pub(crate) links: Vec<&'a Link>,
    /// An event at ERROR.
    pub(crate) has_error_event: bool,
    /// An event with a field `error`.
    pub(crate) has_error_field: bool,
}

/// A value in its place.
#[derive(Debug, PartialEq)]
pub(crate) enum Peek<'a> {
    Bool(bool),
    I64(i64),
    F64(f64),
    /// An integer of another type.
    Wide(Value),
    Text(&'a str),
    /// An error and its causes.
    Error(&'a str),
    Other,
}

/// What came of the ids.
#[derive(Debug)]
pub(crate) enum Bound {
    /// The companion has none to give: the layer's own stand.
    Own,
    /// The companion's.
    Ids(Box<BoundIds>),
    /// Nobody is to record the span.
    Suppressed,
}

/// Ids from outside of the layer.
#[derive(Debug, Clone)]
pub(crate) struct BoundIds {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<SpanId>,
    pub(crate) parent_is_remote: bool,
    /// W3C's.
    pub(crate) flags: u8,
    pub(crate) trace_state: String,
    /// Whether the span is to be stored.
    pub(crate) is_sampled: bool,
    /// What stands on the other side of a boundary.
    pub(crate) beyond: Option<(TraceId, SpanId)>,
}

/// What the companion was not told.
#[derive(Debug, Default)]
pub(crate) struct Untold {
    pub(crate) attributes: Vec<(Key, Value)>,
    pub(crate) events: Vec<Event>,
    pub(crate) links: Vec<Link>,
}

/// What a user set through the companion.
#[derive(Debug)]
pub(crate) enum UserSet {
    Attribute(Key, Value),
    Event(Event),
    Link(Link),
    Status(Status),
    Name(String),
}

/// How a span ended.
#[derive(Debug)]
pub(crate) struct Ending {
    /// Nanoseconds since 1970.
    pub(crate) end_ns: i64,
    /// What the layer knows went wrong beside what the companion saw.
    pub(crate) failure: Option<String>,
    /// The last `otel.name` that was recorded, unless a user named the span otherwise.
    pub(crate) name: Option<String>,
}

/// What a thread is doing.
#[derive(Clone, Copy)]
struct Doing {
    forwards: bool,
    is_outside: bool,
    /// The span whose first hook is being forwarded; 0 for none.
    starts: u64,
}

thread_local! {
    // Without a destructor, so that spans can close while their thread ends.
    static DOING: Cell<Doing> = const { Cell::new(Doing { forwards: false, is_outside: false, starts: 0 }) };
}

/// Runs `work` as something else, also when it panics.
fn doing<T>(what: Doing, work: impl FnOnce() -> T) -> T {
    struct Before(Doing);
    impl Drop for Before {
        fn drop(&mut self) {
            DOING.set(self.0);
        }
    }
    let _before = Before(DOING.replace(what));
    work()
}

/// The layer forwards a hook to its companion.
pub(crate) fn forwarding<T>(hook: impl FnOnce() -> T) -> T {
    doing(Doing { forwards: true, is_outside: false, starts: 0 }, hook)
}

/// The same for the first hook of the span `id`.
pub(crate) fn forwarding_start<T>(id: &Id, hook: impl FnOnce() -> T) -> T {
    doing(Doing { forwards: true, is_outside: false, starts: id.into_u64() }, hook)
}

/// Foreign code runs.
pub(crate) fn outside<T>(foreign: impl FnOnce() -> T) -> T {
    doing(Doing { forwards: false, is_outside: true, starts: 0 }, foreign)
}

/// Whether this thread is in a hook that the layer forwards.
pub(crate) fn is_forwarding() -> bool {
    DOING.get().forwards
}

/// Whether this thread is in foreign code.
pub(crate) fn is_outside() -> bool {
    DOING.get().is_outside
}

/// The span whose first hook is being forwarded.
pub(crate) fn starting() -> Option<u64> {
    Some(DOING.get().starts).filter(|id| *id != 0)
}
