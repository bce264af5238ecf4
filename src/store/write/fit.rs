//! Contents that are too large for a row: cut visibly, the longest values first, so that no database refuses what another takes.

use crate::error::Result;
use crate::model::canonical::{self, CanonicalContent};
use crate::model::{Event, InterpretedSpan, SpanRecord, cut_text};

/// Bytes of one span's content. MariaDB's default refuses a statement of more than 16 MiB, and closes the connection over it.
const MAX_BYTES: usize = 15 * 1024 * 1024;
/// Values are cut to this length first, and then to half of it again and again.
const FIRST_CUT: usize = MAX_BYTES / 2;
/// Below this length values are left alone, and whole attributes go.
const LAST_CUT: usize = 1024;

/// A span's content as it is stored.
pub(super) struct Fitting {
    pub(super) content: CanonicalContent,
    /// Bytes that were cut from values.
    pub(super) cut_bytes: u64,
    /// Attributes, events and links that were dropped.
    pub(super) dropped: u32,
}

/// The content of a span, cut where it is too large.
pub(super) fn encode(item: &InterpretedSpan) -> Result<Fitting> {
    encode_within(item, MAX_BYTES, FIRST_CUT)
}

fn encode_within(item: &InterpretedSpan, max: usize, first_cut: usize) -> Result<Fitting> {
    let mut fitting = Fitting { content: item.content()?.clone(), cut_bytes: 0, dropped: 0 };
    if fitting.content.size() <= max {
        return Ok(fitting);
    }
    let mut record = item.record.clone();
    // What the record cannot say is less than what it says.
    if let Some(verbatim) = record.verbatim.take() {
        fitting.cut(verbatim.len() as u64, &mut record, item)?;
    }
    let mut limit = first_cut;
    while fitting.content.size() > max && limit >= LAST_CUT {
        let cut = cut_values(&mut record, limit);
        if cut > 0 {
            fitting.cut(cut, &mut record, item)?;
        }
        limit /= 2;
    }
    while fitting.content.size() > max {
        let dropped = drop_half(&mut record);
        if dropped == 0 {
            break;
        }
        fitting.dropped = fitting.dropped.saturating_add(dropped);
        fitting.content = canonical::encode(&record, &item.lifts)?;
    }
    Ok(fitting)
}

impl Fitting {
    /// The content of a record of which so many bytes were cut.
    fn cut(&mut self, bytes: u64, record: &mut SpanRecord, item: &InterpretedSpan) -> Result<()> {
        self.cut_bytes += bytes;
        record.truncated_bytes = record.truncated_bytes.saturating_add(bytes);
        self.content = canonical::encode(record, &item.lifts)?;
        Ok(())
    }
}

/// An event that came without its span, as it is stored: `json`, or what is left of it where that is too large.
pub(super) fn event(event: &Event, json: Vec<u8>) -> Result<Vec<u8>> {
    event_within(event, json, MAX_BYTES, FIRST_CUT)
}

fn event_within(event: &Event, mut json: Vec<u8>, max: usize, first_cut: usize) -> Result<Vec<u8>> {
    if json.len() <= max {
        return Ok(json);
    }
    let mut event = event.clone();
    let mut limit = first_cut;
    while json.len() > max && limit >= LAST_CUT {
        if event.attributes.cut(limit) + cut_text(&mut event.name, limit) > 0 {
            json = canonical::to_json(&event)?;
        }
        limit /= 2;
    }
    while json.len() > max && !event.attributes.is_empty() {
        let dropped = event.attributes.truncate(event.attributes.len() / 2);
        event.dropped_attributes = event.dropped_attributes.saturating_add(dropped);
        json = canonical::to_json(&event)?;
    }
    Ok(json)
}

fn cut_values(record: &mut SpanRecord, limit: usize) -> u64 {
    let mut cut = record.attributes.cut(limit);
    for event in &mut record.events {
        cut += event.attributes.cut(limit) + cut_text(&mut event.name, limit);
    }
    for link in &mut record.links {
        cut += link.attributes.cut(limit) + cut_text(&mut link.trace_state, limit);
    }
    cut + cut_text(&mut record.name, limit)
        + cut_text(&mut record.trace_state, limit)
        + cut_text(&mut record.status.message, limit)
}

/// Drops the later half of what there is most of; returns how many.
fn drop_half(record: &mut SpanRecord) -> u32 {
    let of_events: usize = record.events.iter().map(|event| event.attributes.len() + 1).sum();
    let of_links: usize = record.links.iter().map(|link| link.attributes.len() + 1).sum();
    let attributes = record.attributes.len();
    if attributes > 0 && attributes >= of_events.max(of_links) {
        let dropped = record.attributes.truncate(attributes / 2);
        record.dropped_attributes = record.dropped_attributes.saturating_add(dropped);
        return dropped;
    }
    let (dropped, total) = if of_events >= of_links {
        (drop_later_half(&mut record.events), &mut record.dropped_events)
    } else {
        (drop_later_half(&mut record.links), &mut record.dropped_links)
    };
    *total = total.saturating_add(dropped);
    dropped
}

fn drop_later_half<T>(items: &mut Vec<T>) -> u32 {
    let kept = items.len() / 2;
    let dropped = items.len() - kept;
    items.truncate(kept);
    u32::try_from(dropped).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, SpanId, TraceId, Value};
    use crate::semconv;

    fn record() -> SpanRecord {
        SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), "n", 0)
    }

    fn attributes(content: &CanonicalContent) -> Attributes {
        canonical::decode("attributes", &content.attributes).unwrap()
    }

    #[test]
    fn what_fits_is_left_alone() {
        let mut record = record();
        record.attributes.push("a", "x".repeat(50_000));
        let fitting = encode_within(&semconv::interpret(record.clone()), 100_000, 40_000).unwrap();
        assert_eq!((fitting.cut_bytes, fitting.dropped), (0, 0));
        assert_eq!(attributes(&fitting.content), record.attributes);
    }

    #[test]
    fn the_longest_values_are_cut_and_say_so() {
        let mut record = record();
        record.attributes.push("short", "kept");
        // Six bytes of JSON for each byte: what counts is what is stored.
        record.attributes.push("long", "\u{1}".repeat(60_000));
        record.attributes.push("nested", Value::Array(vec![Value::Bytes(vec![7; 90_000])]));
        let fitting = encode_within(&semconv::interpret(record.clone()), 100_000, 64_000).unwrap();
        assert!(fitting.content.size() <= 100_000);
        let stored = attributes(&fitting.content);
        assert_eq!(stored.get("short"), Some(&Value::from("kept")));
        let long = stored.get("long").and_then(Value::as_str).unwrap();
        assert!(long.ends_with(" bytes]"), "{}", &long[long.len() - 20..]);
        assert!(fitting.cut_bytes > 50_000 && fitting.dropped == 0);
    }

    #[test]
    fn many_small_values_are_dropped_and_counted() {
        let mut record = record();
        for number in 0..5_000_u64 {
            record.attributes.push(format!("key {number}"), number);
        }
        for _ in 0..3_000 {
            let name = "happened".to_owned();
            let attributes = Attributes::new();
            record.events.push(Event { name, time_ns: 1, attributes, dropped_attributes: 0, callsite: None });
        }
        let fitting = encode_within(&semconv::interpret(record.clone()), 50_000, 40_000).unwrap();
        assert!(fitting.content.size() <= 50_000);
        let stored = attributes(&fitting.content);
        assert_eq!(stored.get("key 0"), Some(&Value::U64(0)));
        assert!(fitting.dropped > 5_000, "{}", fitting.dropped);
    }

    #[test]
    fn what_others_sent_goes_before_anything_that_can_be_read() {
        let mut record = record();
        record.attributes.push("a", "x".repeat(50_000));
        record.verbatim = Some(vec![7; 60_000]);
        let fitting = encode_within(&semconv::interpret(record.clone()), 100_000, 40_000).unwrap();
        assert_eq!((fitting.content.verbatim, fitting.cut_bytes), (None, 60_000));
        let stored: Attributes = canonical::decode("attributes", &fitting.content.attributes).unwrap();
        assert_eq!(stored, record.attributes);
        let extra: canonical::Extra = canonical::decode("particulars", &fitting.content.extra).unwrap();
        assert_eq!(extra.truncated_bytes, 60_000);
    }

    #[test]
    fn an_event_of_any_size_fits_and_says_what_it_lost() {
        let mut attributes = Attributes::new();
        attributes.push("long", "x".repeat(90_000));
        (0..5_000_u64).for_each(|number| attributes.push(format!("key {number}"), number));
        let whole =
            Event { name: "gen_ai.choice".to_owned(), time_ns: 1, attributes, dropped_attributes: 1, callsite: None };
        let json = canonical::to_json(&whole).unwrap();
        let fit = |max| event_within(&whole, json.clone(), max, 64_000).unwrap();
        assert_eq!(fit(json.len()), json);
        for max in [json.len() - 1, 130_000, 50_000] {
            let stored = fit(max);
            assert!(stored.len() <= max, "{} of {max}", stored.len());
            let stored: Event = canonical::decode("event", &stored).unwrap();
            let lost = 5_001 - stored.attributes.len();
            assert_eq!(stored.dropped_attributes, 1 + u32::try_from(lost).unwrap());
            assert!(stored.attributes.get("long").and_then(Value::as_str).unwrap().ends_with(" bytes]"));
        }
    }

    #[test]
    fn a_name_of_any_length_fits() {
        let mut record = record();
        record.name = "n".repeat(300_000);
        record.trace_state = "t".repeat(300_000);
        let fitting = encode_within(&semconv::interpret(record.clone()), 100_000, 64_000).unwrap();
        assert!(fitting.content.size() <= 100_000 && fitting.dropped == 0);
    }
}
