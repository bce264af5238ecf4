//! Calls that have no span: an event is all that is told of them.
//!
//! Each gets a span, unless one was recorded after all: the framework's own at a finer level, or one that the host opened around the call.
//! That one has then what the event tells, so that a call is one span whatever was recorded of it. It is looked for by the id of the
//! call; then around the event; then below the span in which it happened, at the time that the event tells. Nothing that they both say may
//! differ.

use std::collections::{BTreeMap, BTreeSet};

use super::super::graph::{SpanKey, kind};
use super::runs::MAX_DEPTH;
use super::{Family, synthetic, told};
use crate::model::{SpanState, StatusCode, Told, Unrecorded, start_day};
use crate::store::column::{hash64, key_text, message_text};
use crate::store::derived::Teller;
use crate::store::rows::SpanRow;

/// A call, as the event of a span tells it.
struct Call<'a> {
    teller: &'a SpanKey,
    told: &'a Told,
    rest: &'a Unrecorded,
    /// Which of the teller's calls it is that could not be told apart otherwise.
    number: u64,
}

/// Gives each call that is only told a span, or what is told to the span that was recorded of it.
pub(super) fn add(family: &mut Family, told: &BTreeMap<SpanKey, Vec<Told>>) {
    let mut calls: Vec<Call<'_>> = told.iter().flat_map(|(teller, told)| calls_of(teller, told)).collect();
    if calls.is_empty() {
        return;
    }
    calls.sort_by_key(|call| call.told.time_ns);
    let mut recorded = Recorded::of(family);
    let mut rows = Vec::new();
    for call in calls {
        if let Some(place) = recorded.take(family, &call) {
            give(family, place, &call);
        } else if let Some(row) = row_of(family, &call) {
            if !call.told.lifts.is_empty() {
                let lifts = (Teller::new(call.teller), call.told.lifts.clone());
                family.derived_of(&row.span_id).lifts.push(lifts);
            }
            rows.push(row);
        }
    }
    family.add(rows);
}

fn calls_of<'a>(teller: &'a SpanKey, told: &'a [Told]) -> impl Iterator<Item = Call<'a>> {
    let mut numbers: BTreeMap<_, u64> = BTreeMap::new();
    let calls = told.iter().filter_map(|told| Some((told, told.unrecorded.as_ref()?)));
    calls.map(move |(told, rest)| {
        let number = numbers.entry((told.kind, told.tool_call_id.as_deref(), told.time_ns)).or_default();
        *number += 1;
        Call { teller, told, rest, number: *number }
    })
}

impl Call<'_> {
    /// When it began, as far as that is told.
    fn start_ns(&self) -> i64 {
        self.told.time_ns.saturating_sub(self.rest.duration_ns.unwrap_or(0))
    }

    /// Whether a recorded span can be this call: it is of the kind, had begun, and says nothing else.
    fn agrees_with(&self, row: &SpanRow) -> bool {
        let (own, told) = (row.usage(), self.told.usage.unwrap_or_default());
        row.kind == self.told.kind.as_str()
            && row.start_ns <= self.told.time_ns
            && same_text(row.tool_call_id.as_deref(), self.told.tool_call_id.as_deref())
            && same_text(row.request_model.as_deref(), self.rest.request_model.as_deref())
            && same_text(row.response_model.as_deref(), self.rest.response_model.as_deref())
            && same(own.input, told.input)
            && same(own.output, told.output)
    }

    fn has_name_of(&self, row: &SpanRow) -> bool {
        same_text(row.tool_name.as_deref(), self.told.tool_name.as_deref())
    }

    /// Whether a span was open in the time that the call took.
    fn meets(&self, row: &SpanRow) -> bool {
        row.end_ns.is_none_or(|end| end >= self.start_ns())
    }
}

/// Whether nothing is told that differs from what is recorded.
fn same<T: PartialEq>(own: Option<T>, told: Option<T>) -> bool {
    own.is_none() || told.is_none() || own == told
}

fn same_text(own: Option<&str>, told: Option<&str>) -> bool {
    same(own.map(str::to_owned), told.map(key_text))
}

/// The recorded spans that may be told calls.
struct Recorded {
    /// Places by the id of the call, in the order of their start.
    by_call: BTreeMap<String, Vec<usize>>,
    /// What is below each span that tells, in the order of its start.
    below: BTreeMap<SpanKey, Vec<usize>>,
    taken: BTreeSet<usize>,
}

impl Recorded {
    fn of(family: &Family) -> Self {
        let mut by_call: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, row) in family.rows.iter().enumerate() {
            if let Some(id) = &row.tool_call_id {
                by_call.entry(id.clone()).or_default().push(place);
            }
        }
        Self { by_call, below: BTreeMap::new(), taken: BTreeSet::new() }
    }

    /// The place of the span that was recorded of a call. No other call can have it then.
    fn take(&mut self, family: &Family, call: &Call<'_>) -> Option<usize> {
        let place = self.of_same_id(family, call).or_else(|| self.around(family, call));
        let place = place.or_else(|| self.below(family, call))?;
        self.taken.insert(place);
        Some(place)
    }

    fn can_be(&self, row: &SpanRow, place: usize, call: &Call<'_>) -> bool {
        !self.taken.contains(&place) && call.agrees_with(row)
    }

    /// The span with the call's id that began last. Some models number their calls anew in each answer, so one of another time must at least
    /// be of the same tool; in the same time a function may have a name of its own.
    fn of_same_id(&self, family: &Family, call: &Call<'_>) -> Option<usize> {
        let places = self.by_call.get(&key_text(call.told.tool_call_id.as_deref()?))?;
        let is_it = |place: &usize| {
            let row = family.rows.get(*place);
            row.is_some_and(|row| self.can_be(row, *place, call) && (call.meets(row) || call.has_name_of(row)))
        };
        places.iter().rev().copied().find(is_it)
    }

    /// The nearest span around the event, up to where another call would begin.
    fn around(&self, family: &Family, call: &Call<'_>) -> Option<usize> {
        let mut next = family.places.get(call.teller);
        for _ in 0..MAX_DEPTH {
            let place = *next?;
            let row = family.rows.get(place)?;
            if self.can_be(row, place, call) && call.has_name_of(row) {
                return Some(place);
            }
            if kind(row).separates_calls() {
                return None;
            }
            next = family.places.get(row.parent_span_id.as_ref()?);
        }
        None
    }

    /// The span below the one that tells which began last, of those that were open in the told time.
    fn below(&mut self, family: &Family, call: &Call<'_>) -> Option<usize> {
        if !self.below.contains_key(call.teller) {
            self.below.insert(call.teller.clone(), calls_below(family, call.teller));
        }
        let is_it = |place: &usize| {
            let row = family.rows.get(*place);
            row.is_some_and(|row| self.can_be(row, *place, call) && call.meets(row) && call.has_name_of(row))
        };
        self.below.get(call.teller)?.iter().rev().copied().find(is_it)
    }
}

/// What stands below a span and inside no other call or run, in the order of its start.
fn calls_below(family: &Family, span: &[u8]) -> Vec<usize> {
    let mut found = BTreeSet::new();
    let mut ready = vec![span];
    while let Some(span) = ready.pop() {
        for (place, row) in family.children_of(span) {
            if found.insert(place) && !kind(row).separates_calls() {
                ready.push(&row.span_id);
            }
        }
    }
    found.into_iter().collect()
}

/// Gives a recorded span what is told of its call.
fn give(family: &mut Family, place: usize, call: &Call<'_>) {
    let Some(row) = family.rows.get_mut(place) else { return };
    let span = row.span_id.clone();
    let take = |own: &mut Option<String>, told: &Option<String>| {
        let is_told = own.is_none() && told.is_some();
        if is_told {
            *own = told.as_deref().map(key_text);
        }
        is_told
    };
    let has_tool_name = take(&mut row.tool_name, &call.told.tool_name);
    let has_provider = take(&mut row.provider, &call.rest.provider);
    let has_request_model = take(&mut row.request_model, &call.rest.request_model);
    let has_response_model = take(&mut row.response_model, &call.rest.response_model);
    let derived = family.derived_of(&span);
    derived.has_tool_name |= has_tool_name;
    derived.has_provider |= has_provider;
    derived.has_request_model |= has_request_model;
    derived.has_response_model |= has_response_model;
    told::give(family, place, call.teller, call.told);
}

/// The span that a call stands under: the one that tells it, or what is around a model's call in which it is told. A call is no part of
/// another one.
fn parent_of(family: &Family, teller: &SpanKey) -> SpanKey {
    let mut parent = teller;
    let mut next = family.row(teller);
    for _ in 0..MAX_DEPTH {
        let Some(row) = next.filter(|row| !kind(row).separates_calls()) else { break };
        let Some(above) = &row.parent_span_id else { break };
        if kind(row).is_model_call() {
            parent = above;
        }
        next = family.row(above);
    }
    parent.clone()
}

fn row_of(family: &Family, call: &Call<'_>) -> Option<SpanRow> {
    let Call { teller, told, rest, number } = call;
    let around = family.row(teller)?;
    let id = hash64(&[
        &around.trace_id,
        teller,
        told.kind.as_str().as_bytes(),
        told.tool_call_id.as_deref().unwrap_or_default().as_bytes(),
        &told.time_ns.to_le_bytes(),
        &number.to_le_bytes(),
    ]);
    let key = |text: &Option<String>| text.as_deref().map(key_text);
    let status = if told.error.is_some() { StatusCode::Error } else { StatusCode::Unset };
    let start_ns = call.start_ns();
    let mut row = SpanRow {
        span_id: id.to_be_bytes().to_vec(),
        start_day: start_day(start_ns),
        parent_span_id: Some(parent_of(family, teller)),
        name: key_text(&rest.name),
        display_name: key_text(&rest.name),
        kind: told.kind.as_str().to_owned(),
        state: SpanState::Closed.rank(),
        status_code: status.otlp(),
        status_message: told.error.as_deref().map(message_text).unwrap_or_default(),
        error_type: key(&rest.error_type),
        start_ns,
        end_ns: Some(told.time_ns),
        provider: key(&rest.provider),
        request_model: key(&rest.request_model),
        response_model: key(&rest.response_model),
        tool_name: key(&told.tool_name),
        tool_call_id: key(&told.tool_call_id),
        ..synthetic(around)
    };
    row.set_usage(told.usage.unwrap_or_default());
    row.set_cost(rest.cost.as_ref());
    Some(row)
}
