//! Re-emits recordings of Rust frameworks as `tracing` spans and events, to whatever subscriber is current.
//!
//! Each recorded run happens again: the same callsites (name, target, level, file, line, declared fields), the same values through
//! the same visitor methods, the same parents, edges and events, opened and closed in the same order, each span entered as often
//! and by as many threads. Only the times are new.

mod callsite;
mod recording;
mod timeline;

use std::collections::HashMap;
use std::thread;

use tracing::span::Id;
use tracing::{Event, Span, Value};

use recording::{EventLine, Field, Followed, ParentKind, SpanLine};
use timeline::Step;

pub(crate) use recording::{Scenario, read};

pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Lets one run happen again.
///
/// # Errors
/// When the recording contradicts itself: a parent that never opened.
pub(crate) fn replay(scenario: &Scenario) -> Result<()> {
    let mut stage = Stage::default();
    for step in timeline::timeline(scenario) {
        match step {
            Step::Open(span) => stage.open(span)?,
            Step::Record(span, field) => stage.record(span, field)?,
            Step::Follow(span, followed) => stage.follow(span, followed)?,
            Step::Event(span, event) => stage.event(span, event)?,
            Step::Close(span) => stage.close(span)?,
        }
    }
    Ok(())
}

/// The spans so far, and which of them are entered.
#[derive(Default)]
struct Stage<'r> {
    actors: HashMap<u64, Actor<'r>>,
    entered: Vec<u64>,
}

/// A span that has opened.
struct Actor<'r> {
    recorded: &'r SpanLine,
    /// `None` after the close.
    span: Option<Span>,
    /// `None` when no subscriber wanted the span. Kept after the close: edges may point to closed spans.
    id: Option<Id>,
    enters: u64,
}

impl<'r> Stage<'r> {
    fn actor(&mut self, n: u64) -> Result<&mut Actor<'r>> {
        self.actors.get_mut(&n).ok_or_else(|| format!("span {n} is used before it opens").into())
    }

    fn open(&mut self, recorded: &'r SpanLine) -> Result<()> {
        let site = callsite::of_span(recorded);
        let parent = match recorded.parent_kind {
            ParentKind::Root => None,
            ParentKind::Explicit => self.actor(recorded.parent.ok_or("an explicit parent is missing")?)?.id.clone(),
            ParentKind::Contextual => {
                self.step_into(recorded.parent)?;
                None
            }
        };
        let span = if site.is_enabled() {
            let fields = site.metadata().fields();
            let values: Vec<_> = fields
                .iter()
                .map(|field| recorded.attrs.iter().find(|attr| attr.name == field.name()).map(Field::value))
                .collect();
            let values = fields.value_set_all(&values);
            match recorded.parent_kind {
                ParentKind::Contextual => Span::new(site.metadata(), &values),
                ParentKind::Root | ParentKind::Explicit => Span::child_of(parent, site.metadata(), &values),
            }
        } else {
            Span::none()
        };
        self.actors.insert(recorded.n, Actor { recorded, id: span.id(), span: Some(span), enters: 0 });
        Ok(())
    }

    fn record(&mut self, recorded: &SpanLine, field: &Field) -> Result<()> {
        if let Some(span) = &self.actor(recorded.n)?.span {
            span.record(field.name.as_str(), field.value());
        }
        Ok(())
    }

    fn follow(&mut self, recorded: &SpanLine, followed: Followed) -> Result<()> {
        let from = self.actor(followed.number())?.id.clone();
        if let Some(span) = &self.actor(recorded.n)?.span {
            span.follows_from(from);
        }
        Ok(())
    }

    fn event(&mut self, span: Option<&SpanLine>, event: &EventLine) -> Result<()> {
        let site = callsite::of_event(event);
        if !site.is_enabled() {
            return Ok(());
        }
        let values: Vec<Option<&dyn Value>> = event.fields.iter().map(|field| Some(field.value())).collect();
        let values = site.metadata().fields().value_set_all(&values);
        match span {
            // Nobody ever entered it: only an event that names its parent can be in it.
            Some(span) if span.enters == 0 => {
                Event::child_of(self.actor(span.n)?.id.clone(), site.metadata(), &values);
            }
            _ => {
                self.step_into(span.map(|span| span.n))?;
                Event::dispatch(site.metadata(), &values);
            }
        }
        Ok(())
    }

    fn close(&mut self, recorded: &SpanLine) -> Result<()> {
        if let Some(at) = self.entered.iter().position(|n| *n == recorded.n) {
            self.entered.remove(at);
            exit(self.actor(recorded.n)?);
        }
        let actor = self.actor(recorded.n)?;
        if let Some(span) = actor.span.take() {
            for _ in 1..recorded.threads {
                thread::scope(|scope| scope.spawn(|| span.in_scope(|| ())).join())
                    .map_err(|_| "a subscriber panicked on entering a span")?;
                actor.enters += 1;
            }
            for _ in actor.enters..recorded.enters {
                span.in_scope(|| ());
            }
        }
        Ok(())
    }

    /// Makes this span the current one, with as few enters and exits as that takes; `None` leaves all.
    fn step_into(&mut self, context: Option<u64>) -> Result<()> {
        let context = self.nearest_enabled(context)?;
        while let Some(top) = self.entered.last().copied() {
            if Some(top) == context {
                return Ok(());
            }
            if context.is_some_and(|n| !self.entered.contains(&n)) {
                break;
            }
            self.entered.pop();
            exit(self.actor(top)?);
        }
        if let Some(n) = context {
            enter(self.actor(n)?);
            self.entered.push(n);
        }
        Ok(())
    }

    /// In a span that nobody wanted, the current span is the one around it.
    fn nearest_enabled(&mut self, mut context: Option<u64>) -> Result<Option<u64>> {
        while let Some(n) = context {
            let actor = self.actor(n)?;
            if actor.id.is_some() {
                break;
            }
            context = actor.recorded.parent;
        }
        Ok(context)
    }
}

/// `Span::enter` without a guard: spans of one run are not always left in the order in which they were entered.
fn enter(actor: &mut Actor<'_>) {
    if let Some(span) = &actor.span {
        span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
        actor.enters += 1;
    }
}

fn exit(actor: &Actor<'_>) {
    if let Some(span) = &actor.span {
        span.with_subscriber(|(id, dispatch)| dispatch.exit(id));
    }
}
