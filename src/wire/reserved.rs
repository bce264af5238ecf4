//! The reserved attributes: their names, and how the tail of a list is written and found.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Otlp;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};

use super::values::read_integer;
use crate::model::Callsite;

/// What all reserved names start with.
pub(crate) const PREFIX: &str = "agent_traces.";
/// Names of ids and names from ancestors go on with the field.
pub(crate) const INHERITED: &str = "inherited.";
/// The number of reserved attributes before it; always the last one.
pub(super) const COUNT: &str = "reserved";
pub(super) const TYPES: &str = "types";
pub(super) const CALLSITE: &str = "callsite";
pub(super) const TIME_NS: &str = "time_ns";
pub(super) const START_NS: &str = "start_ns";
pub(super) const END_NS: &str = "end_ns";
pub(crate) const STATE: &str = "state";
pub(super) const FLAGS: &str = "flags";
pub(super) const PARENT_IS_REMOTE: &str = "parent_is_remote";
pub(super) const TRUNCATED_BYTES: &str = "truncated_bytes";
pub(super) const PROCESS: &str = "process";
pub(super) const SEQUENCE: &str = "sequence";
pub(super) const VERBATIM: &str = "verbatim";
pub(super) const POSITION: &str = "position";

/// The reserved attributes of one list, while they are collected.
#[derive(Debug, Default)]
pub(super) struct Tail(Vec<KeyValue>);

impl Tail {
    /// Appends `agent_traces.<name>`.
    pub(super) fn push(&mut self, name: &str, value: Otlp) {
        self.0.push(pair(format!("{PREFIX}{name}"), value));
    }

    /// Appends the tail to the recorded attributes. An empty one is left out, unless the last recorded attribute would pass for one.
    pub(super) fn finish(self, list: &mut Vec<KeyValue>) {
        let mistakable = list.last().is_some_and(|entry| reserved_name(entry) == Some(COUNT));
        if !self.0.is_empty() || mistakable {
            let count =
                pair(format!("{PREFIX}{COUNT}"), Otlp::IntValue(i64::try_from(self.0.len()).unwrap_or(i64::MAX)));
            list.extend(self.0);
            list.push(count);
        }
    }
}

/// Takes the tail off a list; an empty one where there is none.
pub(super) fn take_tail(list: &mut Vec<KeyValue>) -> Vec<KeyValue> {
    let Some(start) = tail_start(list) else { return Vec::new() };
    let mut tail = list.split_off(start);
    tail.pop();
    tail
}

fn tail_start(list: &[KeyValue]) -> Option<usize> {
    let (last, before) = list.split_last()?;
    if reserved_name(last)? != COUNT {
        return None;
    }
    let Some(&Otlp::IntValue(count)) = value(last) else { return None };
    let start = before.len().checked_sub(usize::try_from(count).ok()?)?;
    before.get(start..)?.iter().all(|entry| reserved_name(entry).is_some()).then_some(start)
}

/// A reserved attribute's name without the prefix; `None` for other attributes.
pub(super) fn reserved_name(entry: &KeyValue) -> Option<&str> {
    entry.key.strip_prefix(PREFIX)
}

/// The value of an attribute, when it has one.
pub(super) fn value(entry: &KeyValue) -> Option<&Otlp> {
    entry.value.as_ref()?.value.as_ref()
}

fn pair(key: impl Into<String>, value: Otlp) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

fn text(text: &str) -> Otlp {
    Otlp::StringValue(text.to_owned())
}

/// A callsite as a map.
pub(super) fn write_callsite(callsite: &Callsite) -> Otlp {
    let mut values = vec![
        pair("name", text(&callsite.name)),
        pair("target", text(&callsite.target)),
        pair("level", text(&callsite.level)),
    ];
    if let Some(file) = &callsite.file {
        values.push(pair("file", text(file)));
    }
    if let Some(line) = callsite.line {
        values.push(pair("line", Otlp::IntValue(line.into())));
    }
    let fields = callsite.fields.iter().map(|field| AnyValue { value: Some(text(field)) }).collect();
    values.push(pair("fields", Otlp::ArrayValue(ArrayValue { values: fields })));
    Otlp::KvlistValue(KeyValueList { values })
}

/// The callsite that [`write_callsite`] wrote; keys that it does not know are a newer version's.
pub(super) fn read_callsite(map: &Otlp) -> Option<Callsite> {
    let Otlp::KvlistValue(list) = map else { return None };
    let mut callsite = Callsite {
        name: String::new(),
        target: String::new(),
        level: String::new(),
        file: None,
        line: None,
        fields: Vec::new(),
    };
    for entry in &list.values {
        let value = value(entry)?;
        match entry.key.as_str() {
            "name" => callsite.name = read_text(value)?,
            "target" => callsite.target = read_text(value)?,
            "level" => callsite.level = read_text(value)?,
            "file" => callsite.file = Some(read_text(value)?),
            "line" => callsite.line = Some(read_integer(value)?),
            "fields" => {
                let Otlp::ArrayValue(array) = value else { return None };
                let texts = array.values.iter().map(|item| read_text(item.value.as_ref()?));
                callsite.fields = texts.collect::<Option<_>>()?;
            }
            _ => {}
        }
    }
    Some(callsite)
}

fn read_text(value: &Otlp) -> Option<String> {
    match value {
        Otlp::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str) -> KeyValue {
        pair(key, Otlp::BoolValue(true))
    }

    #[test]
    fn a_tail_is_found_again() {
        let mut list = vec![entry("a"), entry("agent_traces.state")];
        let mut tail = Tail::default();
        tail.push(STATE, text("open"));
        tail.finish(&mut list);
        assert_eq!(list.len(), 4);
        let tail = take_tail(&mut list);
        assert_eq!(list, [entry("a"), entry("agent_traces.state")]);
        assert_eq!(tail, [pair("agent_traces.state", text("open"))]);
    }

    #[test]
    fn recorded_attributes_are_no_tail() {
        let count = |number| pair("agent_traces.reserved", Otlp::IntValue(number));
        for list in [
            vec![],
            vec![entry("agent_traces.state")],
            vec![entry("agent_traces.reserved")],
            vec![entry("a"), count(1)],
            vec![entry("agent_traces.state"), count(2)],
            vec![entry("agent_traces.state"), count(-1)],
            vec![entry("agent_traces.state"), count(i64::MAX)],
            vec![count(0), entry("a")],
        ] {
            let mut left = list.clone();
            assert_eq!(take_tail(&mut left), []);
            assert_eq!(left, list);
        }
    }

    #[test]
    fn a_recorded_count_does_not_pass_for_a_tail() {
        let recorded = vec![entry("agent_traces.state"), pair("agent_traces.reserved", Otlp::IntValue(1))];
        let mut list = recorded.clone();
        Tail::default().finish(&mut list);
        assert_eq!(take_tail(&mut list), []);
        assert_eq!(list, recorded);
    }
}
