//! What is known of one framework, as data.

use std::borrow::Cow;

pub use super::event_rule::EventRule;
pub(in crate::semconv) use super::event_rule::{Subject, target_of};

use super::super::reading::Reading;
use super::is_within;
use crate::model::{Attributes, Event, Extract, Kind, Lift, Notation, UsageBasis};

type Text = Cow<'static, str>;

/// How to read a framework's spans: which callsites are what, which names stand for which standard attributes, which events tell what a
/// span went in and came out with, and how tokens are counted.
///
/// A profile is asked only for spans of its own targets, so that its words mean nothing on anybody else's; and for events of its targets in
/// whatever span, where they tell of [another one](EventRule::about) or [stand for one](EventRule::stands_for). Standard names, in any of
/// the conventions, are understood without one.
///
/// ```
/// use tracing_agents::model::Kind;
/// use tracing_agents::profile::{EventRule, Profile};
/// use tracing_agents::{AgentTracing, field};
///
/// # fn main() -> Result<(), tracing_agents::Error> {
/// let profile = Profile::new("acme-agents")
///     .target("acme_agents")
///     .span("acme_agents::runner", "run", Kind::Agent)
///     .span("acme_agents::llm", "complete", Kind::Model)
///     .alias("tokens_in", field::INPUT_TOKENS)
///     .event(EventRule::new("acme_agents::tools", "tool finished").lift("output", field::TOOL_RESULT));
/// let tracing = AgentTracing::builder("sqlite::memory:").profile(profile).open()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Profile {
    name: Text,
    targets: Vec<Text>,
    spans: Vec<SpanRule>,
    aliases: Vec<Lift>,
    events: Vec<EventRule>,
    payload_targets: Vec<(Text, PayloadLevel)>,
    providers: Vec<(Text, Text)>,
    counting: Vec<CountingRule>,
    answers: Vec<Text>,
    ok_needs: Option<Text>,
    adrift: Vec<Text>,
    torn: Vec<Text>,
    boundaries: Vec<(Text, Text)>,
}

/// A callsite of a known kind.
#[derive(Debug, Clone)]
struct SpanRule {
    target: Text,
    name: Text,
    /// A field without which it is none.
    field: Option<Text>,
    kind: Kind,
}

/// How deep the events go that carry content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PayloadLevel {
    Debug,
    Trace,
}

impl Profile {
    /// An empty profile. The name is for people, and should tell the versions that it holds for.
    #[must_use]
    pub fn new(name: impl Into<Text>) -> Self {
        Self {
            name: name.into(),
            targets: Vec::new(),
            spans: Vec::new(),
            aliases: Vec::new(),
            events: Vec::new(),
            payload_targets: Vec::new(),
            providers: Vec::new(),
            counting: Vec::new(),
            answers: Vec::new(),
            ok_needs: None,
            adrift: Vec::new(),
            torn: Vec::new(),
            boundaries: Vec::new(),
        }
    }

    /// The profile holds for spans of this target: a crate or a module, with all that is below it. For spans without a target, as other
    /// languages send them, it is the name of their instrumentation scope.
    #[must_use]
    pub fn target(mut self, target: impl Into<Text>) -> Self {
        self.targets.push(target.into());
        self
    }

    /// Spans with this name at their callsite, in this target or below, are of a kind. What attributes state in a convention's words goes
    /// before.
    #[must_use]
    pub fn span(mut self, target: impl Into<Text>, name: impl Into<Text>, kind: Kind) -> Self {
        self.spans.push(SpanRule { target: target.into(), name: name.into(), field: None, kind });
        self
    }

    /// The same only for spans in which this field was recorded: where one callsite opens spans for several things.
    #[must_use]
    pub fn span_with(
        mut self,
        target: impl Into<Text>,
        name: impl Into<Text>,
        field: impl Into<Text>,
        kind: Kind,
    ) -> Self {
        self.spans.push(SpanRule { target: target.into(), name: name.into(), field: Some(field.into()), kind });
        self
    }

    /// A field of the framework's own, and the [standard name](crate::field) that it stands for where that is not recorded.
    #[must_use]
    pub fn alias(self, own: impl Into<Text>, standard: impl Into<Text>) -> Self {
        self.alias_in(own, Notation::Text, "", standard)
    }

    /// The same for a part of a field: a text in a notation, and the path into it (`usage/prompt_tokens`).
    #[must_use]
    pub fn alias_in(
        mut self,
        own: impl Into<Text>,
        notation: Notation,
        path: impl Into<Text>,
        standard: impl Into<Text>,
    ) -> Self {
        let mut lift = Lift::new(standard, None, own);
        lift.extract = Extract { notation, path: path.into(), ..Extract::default() };
        self.aliases.push(lift);
        self
    }

    /// Events that carry what belongs to their span.
    #[must_use]
    pub fn event(mut self, rule: EventRule) -> Self {
        self.events.push(rule);
        self
    }

    /// Events at `DEBUG` of this target and below carry content: they are recorded, although the layer records `INFO` elsewhere.
    #[must_use]
    pub fn debug_events(mut self, target: impl Into<Text>) -> Self {
        self.payload_targets.push((target.into(), PayloadLevel::Debug));
        self
    }

    /// The same for events at `TRACE`, for frameworks that tell answers only there.
    #[must_use]
    pub fn trace_events(mut self, target: impl Into<Text>) -> Self {
        self.payload_targets.push((target.into(), PayloadLevel::Trace));
        self
    }

    /// Spans of this target and below speak with one model provider, which they do not name.
    #[must_use]
    pub fn provider(mut self, target: impl Into<Text>, provider: impl Into<Text>) -> Self {
        self.providers.push((target.into(), provider.into()));
        self
    }

    /// How the framework counts tokens. Of several rules the first that holds decides.
    #[must_use]
    pub fn counting(mut self, rule: CountingRule) -> Self {
        self.counting.push(rule);
        self
    }

    /// A field of an answer. A span of an agent's run or of a model's call whose callsite declares fields of these, and which closes
    /// without any of them, got no answer: it failed. For frameworks that tell failures by nothing else.
    #[must_use]
    pub fn answer(mut self, field: impl Into<Text>) -> Self {
        self.answers.push(field.into());
        self
    }

    /// An agent's or a team's run that says that it went well, without having this attribute, says nothing: the framework ends a run so
    /// that was broken off. If its last model call failed, it failed.
    #[must_use]
    pub fn ok_needs(mut self, attribute: impl Into<Text>) -> Self {
        self.ok_needs = Some(attribute.into());
        self
    }

    /// A run or a step that has this attribute is not kept as the current span from its beginning to its end: what it does may be
    /// recorded beside it, and what comes after it below it. Such spans are put where they ran, as far as times tell.
    #[must_use]
    pub fn adrift(mut self, attribute: impl Into<Text>) -> Self {
        self.adrift.push(attribute.into());
        self
    }

    /// Spans of this target and below lose their parents: the framework does not enter the span of its agent's run, or runs tools in
    /// tasks of their own. Their traces are joined to the run whose life contains them.
    #[must_use]
    pub fn torn(mut self, target: impl Into<Text>) -> Self {
        self.torn.push(target.into());
        self
    }

    /// Spans with this name at their callsite, in this target or below, live as long as a connection, a session or the program, and
    /// everything that happens meanwhile stands below them: they are where one trace ends and the next begins.
    ///
    /// Each child of such a span is the root of a trace of its own, so that a request is a trace, which is there as soon as it ended; so
    /// is the span itself, whatever it was opened in. In the place of the parent stands a [link](crate::model::Link) with
    /// [`field::LINK_REASON`](crate::field::LINK_REASON). Ids and names (session, user, run, agent …) are inherited all the same.
    ///
    /// It holds for what `tracing`'s spans the layer records, whether their parent is contextual or explicit; a boundary that a filter
    /// hides is none. Spans that come through OpenTelemetry have their ids, and keep them.
    ///
    /// ```
    /// use tracing_agents::AgentTracing;
    /// use tracing_agents::profile::Profile;
    ///
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// let profile = Profile::new("acme-server").target("acme_server").boundary("acme_server::websocket", "connection");
    /// let tracing = AgentTracing::builder("sqlite::memory:").profile(profile).open()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn boundary(mut self, target: impl Into<Text>, name: impl Into<Text>) -> Self {
        self.boundaries.push((target.into(), name.into()));
        self
    }

    /// The name, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a span of this kind is known to say that it went well where nothing came of it.
    pub(in crate::semconv) fn doubts_ok(&self, kind: Kind, attributes: &Attributes) -> bool {
        let is_run = matches!(kind, Kind::Agent | Kind::Team);
        is_run && self.ok_needs.as_deref().is_some_and(|key| attributes.get(key).is_none())
    }

    /// Whether a span of this kind may lose what it does, and keep what it does not.
    pub(in crate::semconv) fn is_adrift(&self, kind: Kind, attributes: &Attributes) -> bool {
        let is_held = !matches!(kind, Kind::Agent | Kind::Team | Kind::Step);
        !is_held && self.adrift.iter().any(|key| attributes.get(key).is_some())
    }

    pub(in crate::semconv) fn tears(&self, target: &str) -> bool {
        self.torn.iter().any(|known| is_within(target, known))
    }

    pub(super) fn is_boundary(&self, target: &str, name: &str) -> bool {
        self.boundaries.iter().any(|(known, called)| called == name && is_within(target, known))
    }

    pub(super) fn holds_for(&self, target: &str) -> bool {
        self.targets.iter().any(|known| is_within(target, known))
    }

    pub(in crate::semconv) fn kind_of(&self, target: &str, name: &str, reading: &Reading<'_>) -> Option<Kind> {
        let is_so = |rule: &&SpanRule| {
            rule.name == name
                && is_within(target, &rule.target)
                && rule.field.as_ref().is_none_or(|field| reading.get(field).is_some())
        };
        let rule = self.spans.iter().find(is_so)?;
        Some(rule.kind)
    }

    pub(in crate::semconv) fn provider_of(&self, target: &str) -> Option<&str> {
        self.providers.iter().find_map(|(known, provider)| is_within(target, known).then_some(&**provider))
    }

    /// Whether events of a target carry content, at `DEBUG` or at `TRACE`.
    pub(super) fn wants_events(&self, target: &str, is_trace: bool) -> bool {
        let level = if is_trace { PayloadLevel::Trace } else { PayloadLevel::Debug };
        self.payload_targets.iter().any(|(known, deep)| *deep >= level && is_within(target, known))
    }

    /// Of the targets whose events carry content, the one that a target is, or is below.
    pub(super) fn content_of(&self, target: &str) -> Option<&str> {
        self.payload_targets.iter().find_map(|(known, _)| is_within(target, known).then_some(&**known))
    }

    pub(in crate::semconv) fn counting_of(&self, evidence: &Evidence<'_>) -> Option<Counting> {
        self.counting.iter().find(|rule| rule.holds(evidence)).map(|rule| rule.counting(evidence))
    }

    /// Whether a span whose callsite declares `declared` lacks any answer.
    pub(in crate::semconv) fn lacks_answer(&self, declared: &[String], reading: &Reading<'_>) -> bool {
        let is_answer = |field: &&String| self.answers.iter().any(|answer| answer == *field);
        let mut declared = declared.iter().filter(is_answer).peekable();
        declared.peek().is_some() && declared.all(|field| reading.get(field).is_none())
    }

    /// The rules by which an event tells of other spans than the one in which it happens.
    pub(in crate::semconv) fn told<'a>(&'a self, event: &'a Event) -> impl Iterator<Item = (&'a EventRule, Subject)> {
        let others = self.events.iter().filter_map(|rule| Some((rule, rule.subject()?)));
        others.filter(move |(rule, _)| rule.tells_of(event))
    }

    /// What the attributes and events of a span tell under the framework's own names, later events after earlier ones.
    pub(in crate::semconv) fn lifts<'a>(&'a self, events: &'a [Event]) -> impl Iterator<Item = Lift> + 'a {
        let told = events.iter().zip(0_u32..).flat_map(move |(event, place)| {
            self.events
                .iter()
                .filter(|rule| rule.subject().is_none() && rule.tells_of(event))
                .flat_map(move |rule| rule.lifts(place))
        });
        self.aliases.iter().cloned().chain(told)
    }
}

/// A way to count tokens, and when it holds.
#[derive(Debug, Clone)]
pub struct CountingRule {
    basis: UsageBasis,
    declares: Option<Text>,
    providers: Vec<Text>,
    reasoning_apart: bool,
    input_apart: Option<Text>,
}

impl CountingRule {
    /// Input tokens include cached ones, as OpenTelemetry asks.
    #[must_use]
    pub fn inclusive() -> Self {
        Self::of(UsageBasis::Inclusive)
    }

    /// Input tokens leave cached ones out.
    #[must_use]
    pub fn exclusive() -> Self {
        Self::of(UsageBasis::Exclusive)
    }

    const fn of(basis: UsageBasis) -> Self {
        Self { basis, declares: None, providers: Vec::new(), reasoning_apart: false, input_apart: None }
    }

    /// The rule holds for callsites that declare (or spans that have) this field: how versions are told apart.
    #[must_use]
    pub fn where_declared(mut self, field: impl Into<Text>) -> Self {
        self.declares = Some(field.into());
        self
    }

    /// The rule holds for these providers, in OpenTelemetry's spelling.
    #[must_use]
    pub fn for_providers(mut self, providers: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.providers.extend(providers.into_iter().map(Into::into));
        self
    }

    /// Output tokens leave reasoning out.
    #[must_use]
    pub fn reasoning_apart(mut self) -> Self {
        self.reasoning_apart = true;
        self
    }

    /// A count that belongs to the input and is left out of it.
    #[must_use]
    pub fn input_apart(mut self, field: impl Into<Text>) -> Self {
        self.input_apart = Some(field.into());
        self
    }

    fn holds(&self, evidence: &Evidence<'_>) -> bool {
        let is_declared = self.declares.as_deref().is_none_or(|field| {
            evidence.reading.get(field).is_some() || evidence.declared.iter().any(|declared| declared == field)
        });
        let is_provider = self.providers.is_empty()
            || evidence.provider.is_some_and(|provider| self.providers.iter().any(|known| known == provider));
        is_declared && is_provider
    }

    fn counting(&self, evidence: &Evidence<'_>) -> Counting {
        Counting {
            basis: self.basis,
            reasoning_apart: self.reasoning_apart,
            input_apart: self.input_apart.as_deref().and_then(|field| evidence.reading.count(&[field])),
            is_blind_total: false,
        }
    }
}

/// What a way to count may depend on.
pub(in crate::semconv) struct Evidence<'a> {
    pub(in crate::semconv) reading: &'a Reading<'a>,
    pub(in crate::semconv) declared: &'a [String],
    /// The provider in OpenTelemetry's spelling.
    pub(in crate::semconv) provider: Option<&'a str>,
}

/// How a producer counts tokens.
pub(in crate::semconv) struct Counting {
    /// [`UsageBasis::Inclusive`] or [`UsageBasis::Exclusive`].
    pub(in crate::semconv) basis: UsageBasis,
    /// Whether output tokens leave reasoning out.
    pub(in crate::semconv) reasoning_apart: bool,
    /// A count that belongs to the input and was left out of it.
    pub(in crate::semconv) input_apart: Option<u64>,
    /// Whether its total is input + output even where the input leaves cached tokens out, and so decides nothing.
    pub(in crate::semconv) is_blind_total: bool,
}

impl Counting {
    /// A way to count that differs in nothing but cached tokens.
    pub(in crate::semconv) const fn of(basis: UsageBasis) -> Self {
        Self { basis, reasoning_apart: false, input_apart: None, is_blind_total: false }
    }
}
