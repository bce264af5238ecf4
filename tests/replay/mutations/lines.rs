//! Changed copies of the recordings of Rust frameworks: the lines of one scenario.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::{Value, json};

use super::change::{Change, Mutant};
use super::frameworks;

/// The field that numbers a span in a copy.
pub(super) const NUMBER: &str = "mutations.span";

const AGENT_KEYS: [&str; 3] = ["gen_ai.agent.name", "agent.name", "agent_name"];

/// A scenario of a recording.
pub(super) struct Original {
    pub(super) name: String,
    lines: Vec<Value>,
}

impl Original {
    /// The scenarios of a recording.
    pub(super) fn read(file: &str, text: &str) -> Vec<Self> {
        let mut scenarios: Vec<Self> = Vec::new();
        for line in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            let name = format!("{file} {}", line["scenario"].as_str().unwrap());
            match scenarios.iter_mut().find(|scenario| scenario.name == name) {
                Some(scenario) => scenario.lines.push(line),
                None => scenarios.push(Self { name, lines: vec![line] }),
            }
        }
        scenarios
    }

    /// The numbers of the spans that the layer records.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let spans = self.lines.iter().filter(|line| line["kind"] == "span" && line["level"] != "TRACE");
        spans.map(|line| line["n"].as_u64().unwrap()).collect()
    }

    /// The names of the agents.
    pub(super) fn agents(&self) -> Vec<String> {
        let fields = self.lines.iter().flat_map(|line| [&line["attrs"], &line["records"]]);
        let fields = fields.filter_map(Value::as_array).flatten();
        let mut names: Vec<String> = fields
            .filter(|field| is_one_of(&AGENT_KEYS, field))
            .filter_map(|field| Some(field[2].as_str()?.to_owned()))
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// A changed copy; an unchanged one for no mutant.
    pub(super) fn copy(&self, mutant: Option<Mutant>) -> frameworks::Scenario {
        let mut lines = self.lines.clone();
        if let Some(mutant) = mutant {
            let mut rng = Rng::with_seed(mutant.seed);
            for change in mutant.changes {
                apply(*change, mutant, &self.agents(), &mut lines, &mut rng);
            }
        }
        for line in lines.iter_mut().filter(|line| line["kind"] == "span") {
            let number = line["n"].clone();
            list(line, "declared").push(NUMBER.into());
            list(line, "attrs").push(json!([NUMBER, "u64", number]));
        }
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        frameworks::read(&text).unwrap().remove(0)
    }
}

fn apply(change: Change, mutant: Mutant, agents: &[String], lines: &mut Vec<Value>, rng: &mut Rng) {
    match change {
        Change::Targets => {
            let mut renamed: BTreeMap<String, bool> = BTreeMap::new();
            each_callsite(lines, |site| {
                let target = site["target"].as_str().unwrap();
                let (name, modules) = target.split_at(target.find("::").unwrap_or(target.len()));
                let is_renamed =
                    *renamed.entry(name.to_owned()).or_insert_with(|| mutant.seed.is_multiple_of(2) || rng.bool());
                if is_renamed {
                    site["target"] = format!("acme{modules}").into();
                }
            });
        }
        Change::Agents => {
            let names = mutant.names(agents);
            each_field(lines, |field| {
                let Some(text) = field[2].as_str() else { return };
                let prefix = if field[0] == "otel.name" { "invoke_agent " } else { "" };
                if prefix.is_empty() && !is_one_of(&AGENT_KEYS, field) {
                    return;
                }
                let renamed = names.iter().find(|(old, _)| text.strip_prefix(prefix) == Some(old));
                if let Some((_, new)) = renamed {
                    field[2] = format!("{prefix}{new}").into();
                }
            });
        }
        Change::Order => {
            for line in lines.iter_mut().filter(|line| line["kind"] == "span") {
                rng.shuffle(list(line, "declared"));
                rng.shuffle(list(line, "attrs"));
                shuffle_records(list(line, "records"), rng);
                list(line, "events").iter_mut().for_each(|event| rng.shuffle(list(event, "fields")));
            }
        }
        Change::Ids => each_field(lines, |field| {
            let is_id = field[0].as_str().is_some_and(|key| key.ends_with(".id") || key.ends_with("_id"));
            let Some(text) = field[2].as_str() else { return };
            let suffix = mutant.suffix();
            field[2] = if is_id { format!("{text}{suffix}") } else { calls_renamed(text, &suffix) }.into();
        }),
        Change::Fields(percent) => {
            // `otel.name` is the span's name. Where the target tells nothing, only that tells an embedding from a model's call.
            let is_kept = |field: &Value| mutant.has(Change::Targets) && field[0] == "otel.name";
            for line in lines.iter_mut().filter(|line| line["kind"] == "span") {
                for key in ["attrs", "records"] {
                    list(line, key).retain(|field| rng.u8(..100) >= percent || is_kept(field));
                }
            }
        }
        Change::Events(percent) => {
            lines.retain_mut(|line| {
                if line["kind"] == "span" {
                    list(line, "events").retain(|_| rng.u8(..100) >= percent);
                }
                line["kind"] == "span" || rng.u8(..100) >= percent
            });
        }
    }
}

fn list<'v>(line: &'v mut Value, key: &str) -> &'v mut Vec<Value> {
    line[key].as_array_mut().unwrap()
}

/// Whether a field `[name, type, value]` has one of these names.
fn is_one_of(keys: &[&str], field: &Value) -> bool {
    keys.iter().any(|key| field[0] == *key)
}

fn each_callsite(lines: &mut [Value], mut change: impl FnMut(&mut Value)) {
    for line in lines {
        change(line);
        line["events"].as_array_mut().into_iter().flatten().for_each(&mut change);
    }
}

fn each_field(lines: &mut [Value], mut change: impl FnMut(&mut Value)) {
    each_callsite(lines, |site| {
        for key in ["attrs", "records", "fields"] {
            // Indexing would add the key.
            site.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(&mut change);
        }
    });
}

/// What is recorded several times under one name keeps its order: the last one counts.
fn shuffle_records(records: &mut [Value], rng: &mut Rng) {
    let order = records.to_vec();
    rng.shuffle(records);
    let names: Vec<Value> = records.iter().map(|record| record[0].clone()).collect();
    let mut left = order;
    for (record, name) in records.iter_mut().zip(names) {
        let at = left.iter().position(|record| record[0] == name).unwrap();
        *record = left.remove(at);
    }
}

/// A text with each `call_1` changed; `call_id` and the like stay.
fn calls_renamed(text: &str, suffix: &str) -> String {
    let mut parts = text.split("call_");
    let mut renamed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let suffix = if digits > 0 { suffix } else { "" };
        renamed.push_str(&format!("call_{number}{suffix}{rest}"));
    }
    renamed
}
