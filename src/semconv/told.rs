//! What a span's events tell about its children.

use super::coerce::clean_text;
use super::lift::{self, Lifted};
use super::profiles::profile::Profile;
use super::{content, display, field, tool_result, usage};
use crate::model::{Kind, Lift, SpanRecord, Told, Value};

/// The most characters of a name, an id or an error that are kept.
const MAX_TEXT: usize = 4_000;

/// Reads what the profile knows to be about a child. What says nothing of it is left out.
pub(super) fn read(profile: &Profile, record: &SpanRecord) -> Vec<Told> {
    let told = profile.told(&record.events).map(|(event, kind, phase, lifts)| {
        let lifted = lift::resolve(&lifts, &record.attributes, &record.events);
        Told { phase, ..of(kind, event.time_ns, &lifted) }
    });
    told.filter(|told| told.error.is_some() || told.usage.is_some() || told.phase.is_some() || !told.lifts.is_empty())
        .collect()
}

fn of(kind: Kind, time_ns: i64, lifted: &[Lifted<'_>]) -> Told {
    let value = |key: &str| -> Option<&Value> {
        lifted.iter().rev().find_map(|lifted| (lifted.lift.key == key).then_some(&*lifted.value))
    };
    // The row keeps no more of them either; the whole text is where it was told.
    let text = |key| value(key).and_then(clean_text).map(|text| display::cut(text.into_owned(), MAX_TEXT));
    // A result that says so itself; where it says no more, the type stands for the text.
    let failed_result = || {
        let failure = value(field::TOOL_RESULT).filter(|_| kind == Kind::Tool).and_then(tool_result::failure)?;
        let failure = if failure.is_empty() { tool_result::TOOL_ERROR.to_owned() } else { failure };
        Some(display::cut(failure, MAX_TEXT))
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
    }
}
