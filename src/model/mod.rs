//! What a trace is: plain data, no I/O.
//!
//! [`SpanRecord`] is a span as it was recorded, [`Span`] as it was understood; [`Trace`], [`Session`] and [`TraceTree`] are what
//! the repository answers. Times are nanoseconds since 1970-01-01 UTC, money is in billionths of a US dollar.

pub mod canonical;
mod id;
mod identity;
mod kind;
mod lift;
mod logged;
mod loss;
mod message;
mod process;
mod record;
mod requests;
mod rollup;
mod span;
pub(crate) mod time;
mod told;
mod trace;
mod traceparent;
mod tree;
mod usage;
mod value;

pub use id::{ParseIdError, ProcessId, SpanId, TraceId};
pub use identity::{Identity, IdentityField};
pub(crate) use kind::text_enum;
pub use kind::{Kind, OtelKind, SpanState, StatusCode, UnknownWord};
pub use lift::{Extract, Lift, Notation};
pub use logged::LoggedEvent;
pub use loss::{DeadLetter, DeadLetterEntry, DeadLetterReason, Loss, LossReason};
pub use message::{Message, Part, Role};
pub use process::{Account, Process};
pub use record::{Callsite, EntityRef, Event, Link, Origin, Resource, Scope, SpanRecord, Status};
pub use requests::RequestedToolCall;
pub(crate) use requests::Requests;
pub use rollup::{Rollup, Totals};
pub(crate) use span::{DAY_NS, SYNTHETIC};
pub use span::{InterpretedSpan, Span, start_day};
pub use told::{Phase, Told, Unrecorded};
pub use trace::{Cursor, Page, Session, SpanContent, SpanDetail, Trace, TraceStatus, TraceTree};
pub(crate) use traceparent::trace_state;
pub use traceparent::{ParseTraceparentError, Traceparent};
pub use usage::{Cost, CostSource, Usage, UsageBasis};
pub use value::{Attributes, Key, MAX_DEPTH, Value};
pub(crate) use value::{cut_marker, cut_text};
