//! What a span's events tell about other spans: its children, the run around it, and calls that have no span; and what its profile knows of
//! its own life.

use super::coerce::clean_text;
use super::lift::{self, Lifted};
use super::profiles::Profiles;
use super::profiles::profile::{EventRule, Profile, Subject, target_of};
use super::reading::{Reading, Site};
use super::{content, cost, display, field, model_name, provider, status, timing, tool, tool_result, usage};
use crate::model::{Event, Identity, Kind, Lift, Phase, Span, SpanRecord, StatusCode, Told, Unrecorded, Value};

/// The most characters of a name, an id or an error that are kept.
const MAX_TEXT: usize = 4_000;

/// Reads what is known to be about other spans, by the profile of the span itself and by that of each event's target: what a framework
/// tells happens in whatever span its host has opened. What says nothing is left out.
pub(super) fn read(profiles: &Profiles, site: &Site<'_>, record: &SpanRecord, span: &Span) -> Vec<Told> {
    let mut facts: Vec<Fact<'_>> = Vec::new();
    for (event, place) in record.events.iter().zip(0_u32..) {
        let is_own = |other: &&Profile| site.profile.is_some_and(|own| std::ptr::eq(*other, own));
        let other = profiles.of(target_of(event)).filter(|other| !is_own(other));
        let of_own = site.profile.into_iter().flat_map(|profile| profile.told(event).map(move |told| (profile, told)));
        let of_other = other.into_iter().flat_map(|profile| profile.told(event).map(move |told| (profile, told)));
        // Only a framework's own span can be the marker of a run.
        let of_other = of_other.filter(|(_, (_, subject))| !matches!(subject, Subject::Run(_)));
        for (profile, (rule, subject)) in of_own.chain(of_other) {
            let is_twin = rule.is_twin(event);
            let told = told(&Source { profile, rule, record, event, place }, subject);
            match facts.iter_mut().find(|fact| fact.lacks(rule, is_twin, &told)) {
                Some(fact) => fact.complete(told),
                None => facts.push(Fact { rule, has: [!is_twin, is_twin], told }),
            }
        }
    }
    let life = site.profile.into_iter().flat_map(|profile| own_life(profile, record, span));
    facts.into_iter().map(|fact| fact.told).filter(Told::says_anything).chain(life).collect()
}

/// Where events tell of other spans, and as what: by the profile of the span itself and by that of each event's target.
pub(super) fn lifts(profiles: &Profiles, site: &Site<'_>, events: &[Event]) -> Vec<Lift> {
    let of_event = |(event, place): (&Event, u32)| {
        let known = site.profile.into_iter().chain(profiles.of(target_of(event)));
        let rules = known.flat_map(|profile| profile.told(event)).map(|(rule, _)| rule);
        rules.flat_map(|rule| rule.lifts(place)).collect::<Vec<_>>()
    };
    events.iter().zip(0..).flat_map(of_event).collect()
}

/// What is told, perhaps twice: once by each target of its rule.
struct Fact<'a> {
    rule: &'a EventRule,
    /// Whether it was told by the rule's first target, and by the second.
    has: [bool; 2],
    told: Told,
}

impl Fact<'_> {
    /// Whether the other target of the rule has not told this yet, and nothing of it contradicts what it tells now.
    fn lacks(&self, rule: &EventRule, is_twin: bool, told: &Told) -> bool {
        fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        let duration = |told: &Told| told.unrecorded.as_ref().and_then(|call| call.duration_ns);
        std::ptr::eq(self.rule, rule)
            && self.has == [is_twin, !is_twin]
            && agree(self.told.tool_name.as_ref(), told.tool_name.as_ref())
            && agree(self.told.tool_call_id.as_ref(), told.tool_call_id.as_ref())
            && agree(self.told.usage.as_ref(), told.usage.as_ref())
            && agree(duration(&self.told).as_ref(), duration(told).as_ref())
    }

    fn complete(&mut self, other: Told) {
        self.has = [true; 2];
        let told = &mut self.told;
        told.tool_name = told.tool_name.take().or(other.tool_name);
        told.tool_call_id = told.tool_call_id.take().or(other.tool_call_id);
        told.agent_name = told.agent_name.take().or(other.agent_name);
        // A failure without a reason says less than one with.
        if told.error.as_ref().is_none_or(String::is_empty) {
            told.error = other.error.or_else(|| told.error.take());
        }
        told.usage = told.usage.or(other.usage);
        told.lifts.extend(other.lifts);
        if let (Some(call), Some(other)) = (&mut told.unrecorded, other.unrecorded) {
            call.duration_ns = call.duration_ns.or(other.duration_ns);
            call.provider = call.provider.take().or(other.provider);
            call.request_model = call.request_model.take().or(other.request_model);
            call.response_model = call.response_model.take().or(other.response_model);
            call.error_type = call.error_type.take().or(other.error_type);
            call.cost = call.cost.take().or(other.cost);
        }
    }
}

/// An event, and the rule that holds for it.
struct Source<'a> {
    profile: &'a Profile,
    rule: &'a EventRule,
    record: &'a SpanRecord,
    event: &'a Event,
    place: u32,
}

fn told(source: &Source<'_>, subject: Subject) -> Told {
    let mut lifts: Vec<Lift> = source.rule.lifts(source.place).collect();
    if matches!(subject, Subject::Unrecorded(_)) {
        // Bare words (`output`) are content only where the rule says so.
        let is_standard = |key: &&str| key.contains('.') && content::reads(key);
        let standard = source.event.attributes.iter().map(|(key, _)| key).filter(is_standard);
        lifts.extend(standard.map(|key| Lift::new(key.to_owned(), Some(source.place), key.to_owned())));
    }
    let lifted = lift::resolve(&lifts, &source.record.attributes, &source.record.events);
    let mut told = match subject {
        Subject::Other(kind) => of(kind, source.event.time_ns, &lifted),
        Subject::Run(phase) => Told { phase: Some(phase), ..of(Kind::Agent, source.event.time_ns, &lifted) },
        Subject::Unrecorded(kind) => unrecorded(source, kind, &lifted),
    };
    if let Some(reason) = source.rule.failure(source.event) {
        told.error = told.error.or_else(|| Some(short(reason.into_owned())));
    }
    told
}

/// What a run or a step tells of itself by how its framework records it.
fn own_life(profile: &Profile, record: &SpanRecord, span: &Span) -> impl Iterator<Item = Told> {
    let is_adrift = profile.is_adrift(span.kind, &record.attributes);
    let is_unanswered = record.status.code == StatusCode::Ok && profile.doubts_ok(span.kind, &record.attributes);
    let phases = [(is_adrift, Phase::Adrift), (is_unanswered, Phase::Unanswered)];
    let told = |phase| Told { phase: Some(phase), ..of(span.kind, span.start_ns, &[]) };
    phases.into_iter().filter(|(holds, _)| *holds).map(move |(_, phase)| told(phase)).collect::<Vec<_>>().into_iter()
}

fn of(kind: Kind, time_ns: i64, lifted: &[Lifted<'_>]) -> Told {
    let value = |key: &str| -> Option<&Value> {
        lifted.iter().rev().find_map(|lifted| (lifted.lift.key == key).then_some(&*lifted.value))
    };
    // The row keeps no more of them either; the whole text is where it was told.
    let text = |key| value(key).and_then(clean_text).map(|text| short(text.into_owned()));
    // A result that says so itself; where it says no more, the type stands for the text.
    let failed_result = || {
        let failure = value(field::TOOL_RESULT).filter(|_| kind == Kind::Tool).and_then(tool_result::failure)?;
        let failure = if failure.is_empty() { tool_result::TOOL_ERROR.to_owned() } else { failure };
        Some(short(failure))
    };
    let kept = lifted.iter().map(|lifted| lifted.lift).filter(|lift| content::reads(&lift.key));
    Told {
        kind,
        time_ns,
        tool_name: text(field::TOOL_NAME),
        tool_call_id: text(field::TOOL_CALL_ID),
        agent_name: text(field::AGENT_NAME),
        phase: None,
        error: text("error").or_else(failed_result),
        usage: usage::of_lifted(lifted),
        lifts: kept.cloned().collect::<Vec<Lift>>(),
        unrecorded: None,
    }
}

/// A call that an event stands for: its fields are understood as a span's would be.
fn unrecorded(source: &Source<'_>, kind: Kind, lifted: &[Lifted<'_>]) -> Told {
    let Source { profile, rule, record, event, .. } = source;
    let reading = Reading::new(&event.attributes).with_lifted(lifted);
    let site = Site { name: "", target: target_of(event), scope: "", declared: &[], profile: Some(profile) };
    let provider = provider::read(&reading, &site, kind);
    let (request_model, response_model) = model_name::read(&reading, kind);
    let (tool_name, tool_call_id) = tool::read(&reading, &site, kind, "");
    let mut span = Span {
        name: String::new(),
        kind,
        usage: usage::read(&reading, &site, kind, provider.as_deref()),
        provider: provider.map(short),
        request_model: request_model.map(short),
        response_model: response_model.map(short),
        tool_name: tool_name.map(short),
        tool_call_id: tool_call_id.map(short),
        ..Span::as_recorded(record)
    };
    span.display_name = display::name(&span, &Identity::default(), &reading);
    let error_type = reading.string(&[field::ERROR_TYPE]);
    let error = status::error_text(&reading).or_else(|| error_type.is_some().then_some(None));
    let told = of(kind, event.time_ns, lifted);
    let duration = rule.duration().and_then(|field| timing::milliseconds(&reading, field));
    Told {
        tool_name: span.tool_name,
        tool_call_id: span.tool_call_id,
        error: error.map(|text| text.map(short).unwrap_or_default()).or_else(|| told.error.clone()),
        usage: span.usage,
        unrecorded: Some(Unrecorded {
            name: span.display_name,
            duration_ns: duration,
            provider: span.provider,
            request_model: span.request_model,
            response_model: span.response_model,
            error_type: error_type.map(short),
            cost: cost::read(&reading),
        }),
        ..told
    }
}

fn short(text: String) -> String {
    display::cut(text, MAX_TEXT)
}
