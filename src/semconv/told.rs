//! What a span's events tell about its children, and what its profile knows of its own life.

use super::coerce::clean_text;
use super::lift::{self, Lifted};
use super::profiles::profile::Profile;
use super::{content, display, field, usage};
use crate::model::{Kind, Lift, Phase, Span, SpanRecord, StatusCode, Told, Value};

/// The most characters of a name, an id or an error that are kept.
const MAX_TEXT: usize = 4_000;

/// Reads what the profile knows to be about a child, or about the span's own life. What says nothing of it is left out.
pub(super) fn read(profile: &Profile, record: &SpanRecord, span: &Span) -> Vec<Told> {
    let told = profile.told(&record.events).map(|(event, kind, phase, lifts)| {
        let lifted = lift::resolve(&lifts, &record.attributes, &record.events);
        Told { phase, ..of(kind, event.time_ns, &lifted) }
    });
    told.filter(|told| told.error.is_some() || told.usage.is_some() || told.phase.is_some() || !told.lifts.is_empty())
        .chain(own_life(profile, record, span))
        .collect()
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
    let text = |key| value(key).and_then(clean_text).map(|text| display::cut(text.into_owned(), MAX_TEXT));
    let kept = lifted.iter().map(|lifted| lifted.lift).filter(|lift| content::reads(&lift.key));
    Told {
        kind,
        time_ns,
        tool_name: text(field::TOOL_NAME),
        tool_call_id: text(field::TOOL_CALL_ID),
        agent_name: text(field::AGENT_NAME),
        phase: None,
        error: text("error"),
        usage: usage::of_lifted(lifted),
        lifts: kept.cloned().collect::<Vec<Lift>>(),
    }
}
