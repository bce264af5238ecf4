//! What a builder holds and what the layer recorded, made one.

use opentelemetry::trace::{Event, Link, SpanBuilder, Status};
use opentelemetry::{KeyValue, Value as Otel};

use crate::model::Value;
use crate::otel::convert::{to_event, to_link, to_otel_event, to_otel_link, to_span_id, to_trace_id};
use crate::otel::values::{to_otel, to_value};
use crate::pipeline::companion::{Look, OwnedSpan, Peek, UserSet};

/// Hands to `ours` what only `builder` has, because a user put it there before the span was made; and to `builder` what only `ours` has.
/// Numbers that the owned layer wrote as text become numbers again.
pub(super) fn reconcile(builder: &mut SpanBuilder, ours: &dyn OwnedSpan) {
    let mut theirs = Vec::new();
    ours.look(&mut |look| {
        if let Some(attributes) = &mut builder.attributes {
            compare_attributes(attributes, look, &mut theirs);
        }
        compare_links(builder.links.as_deref().unwrap_or_default(), look, &mut theirs);
    });
    let events = builder.events.iter().flatten().filter(|event| !is_of_tracing(event));
    theirs.extend(events.map(|event| UserSet::Event(to_event(event.clone()))));
    theirs.into_iter().for_each(|set| ours.set(set));

    let untold = ours.take_untold();
    if !untold.attributes.is_empty() {
        let attributes = untold.attributes.into_iter().map(|(key, value)| KeyValue::new(key, to_otel(&value)));
        builder.attributes.get_or_insert_default().extend(attributes);
    }
    if !untold.events.is_empty() {
        builder.events.get_or_insert_default().extend(untold.events.iter().map(to_otel_event));
    }
    if !untold.links.is_empty() {
        builder.links.get_or_insert_default().extend(untold.links.iter().map(to_otel_link));
    }
}

/// Whether what the layer recorded has led the owned layer to this status; else a user set it.
pub(super) fn explains(ours: &dyn OwnedSpan, status: &Status) -> bool {
    // What nearly all are: not worth a look.
    if matches!(status, Status::Unset) {
        return true;
    }
    let mut explains = false;
    ours.look(&mut |look| {
        let has = |key| look.attributes.iter().any(|(known, _)| *known == key);
        explains = match status {
            Status::Unset => true,
            Status::Ok => has("otel.status_code"),
            Status::Error { description } if description.is_empty() => look.has_error_event || has("otel.status_code"),
            Status::Error { .. } => look.has_error_field || has("otel.status_description"),
        };
    });
    explains
}

/// Each attribute of the builder is one that the layer recorded, follows from one, or is the user's.
fn compare_attributes(attributes: &mut [KeyValue], look: &Look<'_>, theirs: &mut Vec<UserSet>) {
    let mut is_found = vec![false; look.attributes.len()];
    let mut unequal = Vec::new();
    let mut next = 0;
    for attribute in attributes.iter_mut() {
        // Both lists have the same order, so the first look is usually the last.
        let places = (next..look.attributes.len()).chain(0..next);
        match find(places, &is_found, look, |key, value| {
            key == attribute.key.as_str() && is_same(value, &attribute.value)
        }) {
            Some(place) => {
                mark(&mut is_found, place);
                next = place + 1;
                if let Some((_, Peek::Wide(number))) = look.attributes.get(place) {
                    attribute.value = to_otel(number);
                }
            }
            None => unequal.push(attribute),
        }
    }
    for attribute in unequal {
        // A text that a limit cut, or that is another each time it is made, is still the same attribute.
        match find(0..look.attributes.len(), &is_found, look, |key, _| key == attribute.key.as_str()) {
            Some(place) => mark(&mut is_found, place),
            None if is_of_an_error(attribute, look) => {}
            None => {
                let key = String::from(attribute.key.clone()).into();
                theirs.push(UserSet::Attribute(key, to_value(attribute.value.clone())));
            }
        }
    }
}

fn find(
    mut places: impl Iterator<Item = usize>,
    is_found: &[bool],
    look: &Look<'_>,
    is_it: impl Fn(&str, &Peek<'_>) -> bool,
) -> Option<usize> {
    places.find(|&place| {
        is_found.get(place) == Some(&false) && look.attributes.get(place).is_some_and(|(key, value)| is_it(key, value))
    })
}

fn mark(is_found: &mut [bool], place: usize) {
    if let Some(is_found) = is_found.get_mut(place) {
        *is_found = true;
    }
}

/// Whether the owned layer makes `otel` of a value.
fn is_same(value: &Peek<'_>, otel: &Otel) -> bool {
    match (value, otel) {
        (Peek::Bool(ours), Otel::Bool(theirs)) => ours == theirs,
        (Peek::I64(ours), Otel::I64(theirs)) => ours == theirs,
        (Peek::F64(ours), Otel::F64(theirs)) => ours.to_bits() == theirs.to_bits(),
        (Peek::Text(ours), Otel::String(theirs)) => *ours == theirs.as_str(),
        (Peek::Error(ours), Otel::String(theirs)) => ours.starts_with(theirs.as_str()),
        (Peek::Wide(ours), Otel::String(theirs)) => is_text_of(ours, theirs.as_str()),
        _ => false,
    }
}

/// Whether `text` is the number.
pub(super) fn is_text_of(number: &Value, text: &str) -> bool {
    match number {
        Value::U64(number) => text.parse() == Ok(*number),
        Value::I128(number) => text.parse() == Ok(*number),
        Value::U128(number) => text.parse() == Ok(*number),
        _ => false,
    }
}

/// Whether the owned layer adds this to a field that is an error.
fn is_of_an_error(attribute: &KeyValue, look: &Look<'_>) -> bool {
    let key = attribute.key.as_str();
    let mut errors = look.attributes.iter().filter(|(_, value)| matches!(value, Peek::Error(_)));
    match key {
        "exception.message" | "exception.stacktrace" => errors.next().is_some(),
        _ => key.strip_suffix(".chain").is_some_and(|field| errors.any(|(known, _)| *known == field)),
    }
}

/// Each link of the builder is a `follows_from`, or the user's.
fn compare_links(links: &[Link], look: &Look<'_>, theirs: &mut Vec<UserSet>) {
    let mut known = look.links.clone();
    for link in links {
        let context = &link.span_context;
        let is_it = |known: &&crate::model::Link| {
            link.attributes.is_empty() && (known.trace_id, known.span_id) == (to_trace_id(context), to_span_id(context))
        };
        match known.iter().position(is_it) {
            Some(place) => drop(known.swap_remove(place)),
            None => theirs.push(UserSet::Link(to_link(link.clone()))),
        }
    }
}

/// What the owned layer writes first on each event.
fn is_of_tracing(event: &Event) -> bool {
    let mut keys = event.attributes.iter().map(|attribute| attribute.key.as_str());
    keys.next() == Some("level") && keys.next() == Some("target")
}
