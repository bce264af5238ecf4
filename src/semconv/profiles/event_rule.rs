//! Which events tell what, as data.

use std::borrow::Cow;

use super::is_within;
use crate::model::{Attributes, Event, Extract, Kind, Lift, Notation, Phase};
use crate::semconv::coerce::clean_text;

type Text = Cow<'static, str>;

/// Events that tell what belongs to the span in which they happen, to [another one](Self::about), or to one that
/// [nobody opens](Self::stands_for).
///
/// A rule holds for events of its target whose message begins as it says and whose fields are as it [asks](Self::when).
#[derive(Debug, Clone)]
pub struct EventRule {
    target: Text,
    /// The same events come once more under this target.
    twin: Option<Text>,
    /// How the message begins; empty for any.
    message: Text,
    /// Fields, and the values that they must have.
    conditions: Vec<(Text, Text)>,
    /// The span itself without one.
    subject: Option<Subject>,
    lifts: Vec<Lift>,
    /// A field with milliseconds.
    duration: Option<Text>,
    /// A field, its value where the work has failed, and the field that says how.
    failure: Option<(Text, Text, Text)>,
}

/// What an event is about that is not about the span in which it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::semconv) enum Subject {
    /// Another span, of this kind.
    Other(Kind),
    /// A run that has no span as long as itself.
    Run(Phase),
    /// A span of this kind that may not have been opened.
    Unrecorded(Kind),
}

impl EventRule {
    /// Events of a target (or below it) whose message begins so; every event where `message` is empty.
    #[must_use]
    pub fn new(target: impl Into<Text>, message: impl Into<Text>) -> Self {
        Self {
            target: target.into(),
            twin: None,
            message: message.into(),
            conditions: Vec::new(),
            subject: None,
            lifts: Vec::new(),
            duration: None,
            failure: None,
        }
    }

    /// Only events whose field has this value, as text: for frameworks that name their events in a field. Of several conditions all must
    /// hold.
    #[must_use]
    pub fn when(mut self, field: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.conditions.push((field.into(), value.into()));
        self
    }

    /// The framework tells each of these events a second time, under this target: with other fields, but the same fact.
    #[must_use]
    pub fn also_told_by(mut self, target: impl Into<Text>) -> Self {
        self.twin = Some(target.into());
        self
    }

    /// A field of the event, and the [standard name](crate::field) of the span's attribute that it stands for.
    #[must_use]
    pub fn lift(self, field: impl Into<Text>, standard: impl Into<Text>) -> Self {
        self.lift_in(field, Notation::Text, "", standard)
    }

    /// The same for a part of a field: a text in a notation, and the path into it (`usage/prompt_tokens`).
    #[must_use]
    pub fn lift_in(
        mut self,
        field: impl Into<Text>,
        notation: Notation,
        path: impl Into<Text>,
        standard: impl Into<Text>,
    ) -> Self {
        let mut lift = Lift::new(standard, Some(0), field);
        lift.extract = Extract { notation, path: path.into(), ..Extract::default() };
        self.lifts.push(lift);
        self
    }

    /// What follows the rule's message in the event's own.
    #[must_use]
    pub fn lift_rest(mut self, notation: Notation, path: impl Into<Text>, standard: impl Into<Text>) -> Self {
        let mut lift = Lift::new(standard, Some(0), "message");
        lift.extract = Extract { after: self.message.clone(), notation, path: path.into() };
        self.lifts.push(lift);
        self
    }

    /// The events are about a child of the span in which they happen: the one of this kind (and where they tell it, of this tool and
    /// call) that began last. A field lifted as `error` says how it failed.
    ///
    /// Of a run ([`Kind::Agent`], [`Kind::Team`], [`Kind::Workflow`]) they are told inside it or before it begins: it is the span itself,
    /// else the nearest one around it, else the child that begins next.
    #[must_use]
    pub const fn about(mut self, kind: Kind) -> Self {
        self.subject = Some(Subject::Other(kind));
        self
    }

    /// The events tell that a run of an agent began or ended, which has no span as long as itself: of the beginning they tell in a span that
    /// only marks it, of the end in the span around it. The agent's name is [lifted](Self::lift), or the marker's own.
    #[must_use]
    pub const fn of_run(mut self, phase: Phase) -> Self {
        self.subject = Some(Subject::Run(phase));
        self
    }

    /// The events are all that the framework tells of a call: it opens no span for it. Each becomes a span of this kind under the one in
    /// which it happens ([`is_synthetic`](crate::model::Span::is_synthetic)). It ends with the event, and begins
    /// [as long before](Self::lasting_ms) as that says.
    ///
    /// Standard names among the event's fields are understood as they are on a span, others where they are [lifted](Self::lift); one
    /// lifted as `error` says how the call failed. Bare words (`output`) are content only where they are lifted. Where a span was recorded of the call after all (with the same call id; else around
    /// the event or below its span, at that time), that one has what the event tells.
    ///
    /// ```
    /// use tracing_agents::model::Kind;
    /// use tracing_agents::profile::{EventRule, Profile};
    ///
    /// // info!(target: "harness.telemetry", event = "tool.call", gen_ai.tool.name = "shell", ok = false, duration_ms = 12);
    /// let tools = EventRule::new("harness.telemetry", "")
    ///     .when("event", "tool.call")
    ///     .stands_for(Kind::Tool)
    ///     .lasting_ms("duration_ms")
    ///     .fails_when("ok", "false", "reason");
    /// let profile = Profile::new("my harness").target("harness.telemetry").event(tools);
    /// ```
    #[must_use]
    pub const fn stands_for(mut self, kind: Kind) -> Self {
        self.subject = Some(Subject::Unrecorded(kind));
        self
    }

    /// The field that says how many milliseconds the call took which the event [stands for](Self::stands_for), as a number or as text.
    /// Without one the call begins and ends with the event.
    #[must_use]
    pub fn lasting_ms(mut self, field: impl Into<Text>) -> Self {
        self.duration = Some(field.into());
        self
    }

    /// The call that the event is about has failed where a field has this value, as text (`success`, `false`). What the field `reason`
    /// says is how; it may be missing.
    #[must_use]
    pub fn fails_when(mut self, field: impl Into<Text>, value: impl Into<Text>, reason: impl Into<Text>) -> Self {
        self.failure = Some((field.into(), value.into(), reason.into()));
        self
    }

    pub(in crate::semconv) const fn subject(&self) -> Option<Subject> {
        self.subject
    }

    /// Whether the rule holds for an event.
    pub(in crate::semconv) fn tells_of(&self, event: &Event) -> bool {
        let is_so = |(field, value): &(Text, Text)| has(&event.attributes, field, value);
        let target = target_of(event);
        let is_here = |known: &Text| is_within(target, known);
        (is_here(&self.target) || self.twin.as_ref().is_some_and(is_here))
            && event.name.starts_with(&*self.message)
            && self.conditions.iter().all(is_so)
    }

    /// Whether an event that the rule holds for tells its fact under the second target.
    pub(in crate::semconv) fn is_twin(&self, event: &Event) -> bool {
        self.twin.is_some() && !is_within(target_of(event), &self.target)
    }

    /// What the event at this place tells, and as what.
    pub(in crate::semconv) fn lifts(&self, place: u32) -> impl Iterator<Item = Lift> {
        self.lifts.iter().cloned().map(move |lift| Lift { event: Some(place), ..lift })
    }

    /// The field with the milliseconds that the call took.
    pub(in crate::semconv) fn duration(&self) -> Option<&str> {
        self.duration.as_deref()
    }

    /// How an event tells that the call has failed; nothing where it does not, an empty text where it gives no reason.
    pub(in crate::semconv) fn failure<'e>(&self, event: &'e Event) -> Option<Cow<'e, str>> {
        let (field, value, reason) = self.failure.as_ref()?;
        has(&event.attributes, field, value)
            .then(|| event.attributes.get(reason).and_then(clean_text).unwrap_or_default())
    }
}

/// The target of an event: its callsite's, else what a bridge wrote down in place of it.
pub(in crate::semconv) fn target_of(event: &Event) -> &str {
    let bridged = || event.attributes.get("target").and_then(|target| target.as_str());
    event.callsite.as_deref().map(|callsite| callsite.target.as_str()).or_else(bridged).unwrap_or_default()
}

fn has(attributes: &Attributes, field: &str, value: &str) -> bool {
    attributes.get(field).and_then(clean_text).is_some_and(|text| text == value)
}
