//! One span while it runs, and on its way to the worker.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::buffers::{Buffers, RawEvent};
use super::declared::Declared;
use super::ending::ThreadToken;
use super::ids::Ids;
use super::lineage::Lineage;
use super::tape;
use super::trace::Trace;
use crate::model::{Event, Link, SpanId, SpanRecord, SpanState, Status, StatusCode, TraceId};
use crate::pipeline::PendingSpan;
use crate::pipeline::companion::Bound;
use crate::wire::{FLAG_HAS_IS_REMOTE, FLAG_IS_REMOTE};

/// Stands in [`Slot::end`] and [`Slot::last_exit`] for a time that has not come.
const NEVER: u64 = u64::MAX;

/// A span: what never changes, a few atomics, and under one lock what was recorded.
///
/// The table of open spans, its children and, once it is closed, the queue share it. The worker makes the record of it: closing a
/// span copies nothing. Once that is done, and nobody else has it, it is used again for another span, with its buffers.
pub(super) struct Slot {
    pub(super) declared: &'static Declared,
    pub(super) trace: Arc<Trace>,
    pub(super) ids: Ids,
    /// What `tracing` calls the parent. It may be of another trace, and then gives its ids and nothing else. Kept until the span's
    /// record is made, although a registry's parent never closes before its children do.
    pub(super) parent: Option<Arc<Slot>>,
    /// Nanoseconds since the trace's anchor, as are `last_exit` and `end`.
    start: u64,
    /// Started by code that runs because its thread unwinds: such a span ends during a panic without having failed.
    started_in_panic: bool,
    /// On how many threads, or how often on one, the span is entered now.
    entered: AtomicU32,
    /// When `entered` last became 0.
    last_exit: AtomicU64,
    /// Of `entered`, those that began while their thread was unwinding.
    entered_in_panic: AtomicU32,
    /// Whether a panic went through the span.
    panicked: AtomicBool,
    /// Further ids under which the subscriber knows the span.
    aliases: AtomicU32,
    /// [`NEVER`] while the span runs.
    end: AtomicU64,
    /// What the layer's count of late ids was at the end: ids that came later are none of this span's. [`NEVER`] while it runs.
    ids_as_of: AtomicU64,
    /// Changes of what is recorded. A caller pays this counter for the look at running spans, and nothing else.
    changes: AtomicU64,
    recorded: Mutex<Recorded>,
}

/// What changes while a span runs. The lock on it is held for copies of values only, and never together with another span's.
#[derive(Default)]
pub(super) struct Recorded {
    pub(super) buffers: Buffers,
    pub(super) lineage: Lineage,
    /// Threads that are closing a child of this span right now.
    pub(super) closing_children: Vec<ThreadToken>,
}

impl Slot {
    /// A slot for a span.
    pub(super) fn new(declared: &'static Declared, trace: Arc<Trace>) -> Self {
        Self {
            declared,
            ids: Ids::none(),
            trace,
            parent: None,
            start: 0,
            started_in_panic: false,
            entered: AtomicU32::new(0),
            last_exit: AtomicU64::new(NEVER),
            entered_in_panic: AtomicU32::new(0),
            panicked: AtomicBool::new(false),
            aliases: AtomicU32::new(0),
            end: AtomicU64::new(NEVER),
            ids_as_of: AtomicU64::new(NEVER),
            changes: AtomicU64::new(0),
            recorded: Mutex::default(),
        }
    }

    /// Starts a span in this slot, which is [new](Self::new) or [empty](Self::empty).
    pub(super) fn start(&mut self, trace: Arc<Trace>, parent: Option<Arc<Self>>, start: u64) {
        self.start = start;
        self.started_in_panic = std::thread::panicking();
        self.parent = parent;
        let recorded = self.recorded.get_mut().unwrap_or_else(PoisonError::into_inner);
        if recorded.buffers.ids_changed {
            recorded.buffers.date_ids(0);
        }
        if let Some(ambient) = &trace.shared.ambient {
            recorded.lineage.surround(0, ambient());
        }
        self.trace = trace;
    }

    /// What is to be recorded of a span of that callsite, without a lock: nobody else has the slot yet.
    pub(super) fn buffers(&mut self, declared: &'static Declared) -> &mut Buffers {
        self.declared = declared;
        let buffers = &mut self.recorded.get_mut().unwrap_or_else(PoisonError::into_inner).buffers;
        buffers.declare(declared);
        buffers
    }

    /// Takes all of the span out, and answers how many bytes the slot holds, if they are worth being kept.
    pub(super) fn empty(&mut self, no_trace: &Arc<Trace>) -> Option<usize> {
        // Every field by name, so that one that is added cannot be forgotten.
        let Self {
            declared: _,
            trace,
            ids,
            parent,
            start: _,
            started_in_panic: _,
            entered,
            last_exit,
            entered_in_panic,
            panicked,
            aliases,
            end,
            ids_as_of,
            changes,
            recorded,
        } = self;
        *trace = Arc::clone(no_trace);
        *ids = Ids::none();
        *parent = None;
        for count in [entered, entered_in_panic, aliases] {
            *count.get_mut() = 0;
        }
        *last_exit.get_mut() = NEVER;
        *panicked.get_mut() = false;
        *end.get_mut() = NEVER;
        *ids_as_of.get_mut() = NEVER;
        *changes.get_mut() = 0;
        let Recorded { buffers, lineage, closing_children } =
            recorded.get_mut().unwrap_or_else(PoisonError::into_inner);
        lineage.clear();
        closing_children.clear();
        buffers.clear();
        buffers.is_worth_keeping().then(|| size_of::<Self>() + buffers.capacity())
    }

    /// The parent, unless a boundary stands between: then the span is the root of its trace.
    pub(super) fn parent_in_trace(&self) -> Option<&Arc<Self>> {
        self.parent.as_ref().filter(|parent| Arc::ptr_eq(&parent.trace, &self.trace))
    }

    /// What a root has in place of the parent that a boundary took from it. No limit drops it: nothing else leads there.
    fn link_over_boundary(&self) -> Option<Link> {
        let beyond = self.parent.as_ref().filter(|parent| !Arc::ptr_eq(&parent.trace, &self.trace))?;
        let (trace_id, span_id) = match self.ids.bound() {
            Some(Bound::Ids(ids)) => ids.beyond.or_else(|| beyond.ids.known())?,
            _ => beyond.known_ids_or_own(),
        };
        let mut link = Link::new(trace_id, span_id);
        link.attributes.push(crate::semconv::field::LINK_REASON, "boundary");
        Some(link)
    }

    /// The ids, where nothing comes any more that could give others: a span that is still open at the end, and has none yet, keeps those
    /// that it was made with.
    pub(super) fn known_ids_or_own(&self) -> (TraceId, SpanId) {
        self.ids.known().unwrap_or_else(|| {
            let (trace_id, span_id) = self.ids.own();
            let parents = self.parent_in_trace().and_then(|parent| parent.ids.known());
            (parents.map_or(trace_id, |(trace_id, _)| trace_id), span_id)
        })
    }

    /// How long the span has been open, or ago it began.
    pub(super) fn age(&self) -> Duration {
        Duration::from_nanos(self.trace.now().saturating_sub(self.start))
    }

    /// Nanoseconds since 1970.
    pub(super) fn start_ns(&self) -> i64 {
        self.trace.unix_ns(self.start)
    }

    /// The same of the end, once there is one.
    pub(super) fn end_ns(&self) -> Option<i64> {
        let end = self.end.load(Ordering::Acquire);
        (end != NEVER).then(|| self.trace.unix_ns(end))
    }

    /// Locks what was recorded. A thread that panicked while it held the lock left whole values behind: each is pushed at once.
    pub(super) fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ids that count are those that came when the layer's count of late ids was at most this.
    pub(super) fn ids_as_of(&self) -> u64 {
        match self.ids_as_of.load(Ordering::Acquire) {
            NEVER => self.trace.shared.late_ids.load(Ordering::Acquire),
            as_of => as_of,
        }
    }

    /// A number that is another one when the span's record is: what it recorded has changed, or an id somewhere in its trace.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed).wrapping_add(self.trace.id_version())
    }

    /// Changes what is recorded. `change` must not run a user's code: the span's lock is held.
    pub(super) fn write(&self, change: impl FnOnce(&mut Buffers)) {
        let mut recorded = self.lock();
        change(&mut recorded.buffers);
        // The lock makes this the only writer.
        self.changes.store(self.changes.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        if recorded.buffers.ids_changed {
            recorded.buffers.date_ids(self.trace.ids_changed());
        }
    }

    /// The same for what no companion is told of.
    pub(super) fn write_beside(&self, change: impl FnOnce(&mut Buffers)) {
        if self.ids.is_late() {
            self.write(|buffers| {
                let since = buffers.extent();
                change(buffers);
                buffers.set_beside(since);
            });
        } else {
            self.write(change);
        }
    }

    /// The span is entered on this thread.
    pub(super) fn enter(&self) {
        self.entered.fetch_add(1, Ordering::AcqRel);
        // What begins now may tell the ids to anyone.
        let _ = self.ids.known();
        if std::thread::panicking() {
            self.entered_in_panic.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The span is exited on this thread. The clock is read only when no other thread is inside.
    pub(super) fn exit(&self) {
        if std::thread::panicking() {
            self.note_unwinding();
        }
        if self.entered.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.last_exit.store(self.trace.now(), Ordering::Release);
        }
    }

    /// An exit while its thread unwinds: the panic went through the span, unless the unwinding itself had entered it (a future that
    /// is dropped enters its span once more).
    fn note_unwinding(&self) {
        let outside =
            self.entered_in_panic.try_update(Ordering::AcqRel, Ordering::Acquire, |entered| entered.checked_sub(1));
        if outside.is_err() && !self.started_in_panic {
            self.panicked.store(true, Ordering::Release);
        }
    }

    /// Whether the span is entered now, on any thread.
    pub(super) fn is_entered(&self) -> bool {
        self.entered.load(Ordering::Acquire) > 0
    }

    /// The subscriber gave the span one more id.
    pub(super) fn add_alias(&self) {
        self.aliases.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether this was the last id under which the subscriber knew the span.
    pub(super) fn drop_alias(&self) -> bool {
        self.aliases.try_update(Ordering::AcqRel, Ordering::Acquire, |aliases| aliases.checked_sub(1)).is_err()
    }

    /// Ends the span: now, or at its last exit when only a child had kept it open.
    pub(super) fn close(&self) {
        let last_exit = self.last_exit.load(Ordering::Acquire);
        let kept_by_child = {
            let recorded = self.lock();
            !recorded.closing_children.is_empty() && recorded.closing_children.contains(&ThreadToken::current())
        };
        let end = if kept_by_child && last_exit != NEVER { last_exit } else { self.trace.now() };
        // A panic that ends the child on this thread went through the child alone.
        let unwinding = std::thread::panicking() && !self.started_in_panic && !kept_by_child;
        if unwinding || self.panicked.load(Ordering::Acquire) {
            self.panicked.store(true, Ordering::Release);
            self.write_beside(|buffers| buffers.push_always(crate::semconv::field::ERROR_TYPE, "panic"));
        }
        self.ids_as_of.store(self.trace.shared.late_ids.load(Ordering::Acquire), Ordering::Release);
        self.end.store(end.max(self.start), Ordering::Release);
    }

    /// The status as far as it was recorded. What fields and events say of it, `semconv` reads.
    pub(super) fn status(&self, buffers: &Buffers) -> Status {
        if self.panicked.load(Ordering::Acquire) {
            return Status { code: StatusCode::Error, message: "panicked".to_owned() };
        }
        match (&buffers.status, &buffers.failure) {
            (Some(status), failure) if failure.is_none() || status.code == StatusCode::Ok => status.clone(),
            (_, Some(message)) => Status { code: StatusCode::Error, message: message.clone() },
            (_, None) => Status::default(),
        }
    }

    /// The events as the model has them.
    pub(super) fn events(&self, buffers: &Buffers) -> Vec<Event> {
        let shared = &self.trace.shared;
        let event = |event: &RawEvent| Event {
            name: match (buffers.name_of(event), event.metadata) {
                (Some(name), _) => name,
                (None, Some(metadata)) => metadata.name().to_owned(),
                (None, None) => String::new(),
            },
            time_ns: self.trace.unix_ns_of_event(event.time),
            attributes: tape::attributes(buffers.entries_of(event), event.metadata.map(Declared::of)),
            dropped_attributes: event.dropped_attributes,
            callsite: event.metadata.map(|metadata| shared.callsite(metadata)),
        };
        buffers.events().iter().map(event).collect()
    }

    /// Puts what the ids came to be into `record`.
    fn write_ids(&self, record: &mut SpanRecord) {
        match (self.ids.bound(), self.ids.carried()) {
            (Some(Bound::Ids(ids)), _) => {
                record.parent_span_id = ids.parent;
                record.parent_is_remote = ids.parent_is_remote;
                record.trace_state.clone_from(&ids.trace_state);
                let remote = if ids.parent_is_remote { FLAG_IS_REMOTE } else { 0 };
                record.flags = u32::from(ids.flags) | FLAG_HAS_IS_REMOTE | remote;
            }
            (_, carried) => {
                record.parent_span_id = self.parent_in_trace().map(|parent| parent.known_ids_or_own().1);
                if let Some(carried) = carried {
                    record.trace_state.clone_from(&carried.trace_state);
                    record.flags = u32::from(carried.flags);
                }
            }
        }
    }
}

impl PendingSpan for Slot {
    fn record(&self) -> SpanRecord {
        let end = self.end.load(Ordering::Acquire);
        let inherited = self.inherited();
        let shared = &self.trace.shared;
        let (trace_id, span_id) = self.known_ids_or_own();
        let mut record = SpanRecord::new(trace_id, span_id, self.declared.metadata.name(), self.start_ns());
        self.write_ids(&mut record);
        if end != NEVER {
            record.state = SpanState::Closed;
            record.end_ns = Some(self.trace.unix_ns(end));
        }
        record.callsite = Some(shared.callsite(self.declared.metadata));
        record.scope = Arc::clone(&shared.scope);
        record.resource = Arc::clone(&shared.resource);

        let recorded = self.lock();
        let buffers = &recorded.buffers;
        record.status = self.status(buffers);
        if let Some(name) = &buffers.name {
            record.name.clone_from(name);
        }
        record.attributes = buffers.attributes();
        record.events = self.events(buffers);
        record.links = self.link_over_boundary().into_iter().chain(buffers.links.iter().cloned()).collect();
        record.dropped_attributes = buffers.dropped_attributes;
        record.dropped_events = buffers.dropped_events;
        record.dropped_links = buffers.dropped_links;
        record.truncated_bytes = buffers.truncated_bytes;
        record.inherited = inherited;
        record
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.lock().buffers.size()
    }

    fn release(self: Arc<Self>) {
        let shared = Arc::clone(&self.trace.shared);
        if let Some(spares) = &shared.spares {
            spares.give_back(self);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // One after the other: a recursion as deep as the trace could end the host's stack.
        let mut next = self.parent.take();
        while let Some(mut slot) = next.and_then(Arc::into_inner) {
            next = slot.parent.take();
        }
    }
}
