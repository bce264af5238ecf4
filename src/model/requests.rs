//! Tool calls that a model asked for and of which no span tells: unknown tools, tools that the program runs itself, tools that a human
//! never approved.
//!
//! What was asked for stands in the messages that model calls answered, what was executed in the tools' spans. A span belongs to the call
//! with its id, of its own run where ids repeat (some providers number the calls of each answer from 1); where one of the two has no id,
//! or an id that the other side never uses, it belongs to the latest call of its tool in its run. Whoever is in doubt finds a span: no
//! call is called unexecuted because two spans disagree about its name.

use std::collections::{HashMap, HashSet};

use super::{IdentityField, Kind, Message, Part, Span, SpanId, TraceId, TraceTree};

/// A tool call that a model asked for and that has no span.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RequestedToolCall {
    /// The trace of the model's call: the run's, or that of a fragment of it.
    pub trace_id: TraceId,
    /// The model's call that asked for it.
    pub span_id: SpanId,
    /// The tool.
    pub tool_name: String,
    /// The call's id.
    pub call_id: Option<String>,
    /// The arguments, structured or as text.
    pub arguments: Option<serde_json::Value>,
    /// Whether a later request to the model carries an answer to it: the program executed or refused it, without a span. Without one, it
    /// was not executed as far as the trace tells.
    pub is_answered: bool,
}

/// What models asked for, read from one call after the other.
pub(crate) struct Requests<'a> {
    tree: &'a TraceTree,
    /// Where each span stands, by place.
    standing: Vec<Standing>,
    asked: Vec<Asked>,
    /// Those of `asked` without an answer so far.
    open: Vec<usize>,
    /// Those of `asked`, by the call that several spans may tell of.
    by_call: HashMap<usize, Vec<usize>>,
}

/// What is around a span.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    /// The nearest run above it.
    run: Option<usize>,
    /// The outermost model span of the call that it is in or is.
    call: Option<usize>,
}

/// One call that was asked for.
struct Asked {
    place: usize,
    name: String,
    id: Option<String>,
    arguments: Option<serde_json::Value>,
    /// How many answers with its id a request must carry for one to be its own.
    answers_needed: usize,
    is_answered: bool,
}

impl<'a> Requests<'a> {
    pub(crate) fn new(tree: &'a TraceTree) -> Self {
        let mut standing = vec![Standing::default(); tree.spans.len()];
        for (place, parent) in tree.with_parents() {
            let parent = parent.and_then(|parent| Some((parent, tree.spans.get(parent)?, *standing.get(parent)?)));
            let run = parent.and_then(|(place, span, above)| if span.kind.is_run() { Some(place) } else { above.run });
            let around = parent.and_then(|(_, _, above)| above.call);
            let (Some(span), Some(own)) = (tree.spans.get(place), standing.get_mut(place)) else { continue };
            let call = if span.kind.is_model_call() { around.or(Some(place)) } else { around };
            *own = Standing { run, call: call.filter(|_| !span.kind.separates_calls()) };
        }
        Self { tree, standing, asked: Vec::new(), open: Vec::new(), by_call: HashMap::new() }
    }

    /// Takes the messages of the model call at a place. Calls must come in the order of the tree's spans.
    pub(crate) fn read(&mut self, place: usize, input: &[Message], output: Vec<Message>) {
        let answers = answers(input);
        let mut open = std::mem::take(&mut self.open);
        if !answers.is_empty() {
            open.retain(|number| !self.is_answered_by(*number, place, &answers));
        }
        self.open = open;
        // What the provider executes itself is answered in the same breath.
        let answered: HashSet<Option<String>> =
            self::answers(&output).into_keys().map(|id| id.map(str::to_owned)).collect();
        for part in output.into_iter().flat_map(|message| message.parts) {
            let Part::ToolCall { id, name, arguments } = part else { continue };
            if self.is_known(place, &name, id.as_deref(), arguments.as_ref()) {
                continue;
            }
            let is_answered = id.is_some() && answered.contains(&id);
            // Ids repeat, and a request carries the answers to all that was asked before.
            let before = self.asked.iter().rev().take_while(|asked| asked.place == place);
            let equals = before.filter(|asked| asked.id == id).count();
            let answers_needed = answers.get(&id.as_deref()).copied().unwrap_or(0) + equals + 1;
            let number = self.asked.len();
            if !is_answered {
                self.open.push(number);
            }
            if let Some(call) = self.standing(place).call {
                self.by_call.entry(call).or_default().push(number);
            }
            self.asked.push(Asked { place, name, id, arguments, answers_needed, is_answered });
        }
    }

    /// The calls that no span tells of, in the order in which they were asked for.
    pub(crate) fn without_span(mut self) -> Vec<RequestedToolCall> {
        let has_span = self.with_span();
        let asked = std::mem::take(&mut self.asked);
        let left = asked.into_iter().zip(has_span).filter(|(_, has_span)| !has_span);
        let calls = left.filter_map(|(asked, _)| {
            let span = self.tree.spans.get(asked.place)?;
            Some(RequestedToolCall {
                trace_id: span.trace_id,
                span_id: span.span_id,
                tool_name: asked.name,
                call_id: asked.id,
                arguments: asked.arguments,
                is_answered: asked.is_answered,
            })
        });
        calls.collect()
    }

    fn standing(&self, place: usize) -> Standing {
        self.standing.get(place).copied().unwrap_or_default()
    }

    /// Whether the request of the model call at `place` answers a call that was asked for before: another request of the same run, or of
    /// another run of the same agent, which may go on after a human has decided.
    fn is_answered_by(&mut self, number: usize, place: usize, answers: &HashMap<Option<&str>, usize>) -> bool {
        let (here, agent) = (self.standing(place), self.agent(place));
        let Some(asked) = self.asked.get(number) else { return false };
        let there = self.standing(asked.place);
        let is_same_run = here.run == there.run || (agent.is_some() && agent == self.agent(asked.place));
        let is_later = here.call.is_none() || here.call != there.call;
        let count = answers.get(&asked.id.as_deref()).copied().unwrap_or(0);
        let is_answered = is_same_run && is_later && count >= asked.answers_needed;
        if let Some(asked) = self.asked.get_mut(number) {
            asked.is_answered |= is_answered;
        }
        is_answered
    }

    fn agent(&self, place: usize) -> Option<&'a str> {
        self.tree.spans.get(place).and_then(|span| span.identity.get(IdentityField::AgentName))
    }

    /// Whether another span of the same call told of this one already: frameworks and SDKs each record the call that they make together.
    fn is_known(&self, place: usize, name: &str, id: Option<&str>, arguments: Option<&serde_json::Value>) -> bool {
        let told = self.standing(place).call.and_then(|call| self.by_call.get(&call));
        told.into_iter().flatten().filter_map(|number| self.asked.get(*number)).any(|asked| {
            asked.place != place
                && match (asked.id.as_deref(), id) {
                    (Some(own), Some(id)) => own == id,
                    _ => asked.name == name && asked.arguments.as_ref() == arguments,
                }
        })
    }

    /// For each call that was asked for, whether a span tells of it. The plainest pairs are found first, so that a weaker sign never takes
    /// a call from the span that has a stronger one.
    fn with_span(&self) -> Vec<bool> {
        let spans = self.tree.spans.iter().enumerate();
        let mut spans: Vec<(usize, &Span)> = spans.filter(|(_, span)| executes(span)).collect();
        let asked_ids: HashSet<&str> = self.asked.iter().filter_map(|asked| asked.id.as_deref()).collect();
        let told_ids: HashSet<&str> = spans.iter().filter_map(|(_, span)| span.tool_call_id.as_deref()).collect();
        let mut waiting = Waiting { has_span: vec![false; self.asked.len()], lists: HashMap::new() };
        for sign in Sign::ALL {
            let key = |asked: &Asked| match (sign, &asked.id) {
                (sign, id) if sign.is_id() => id.clone(),
                (Sign::Nameless, _) => Some(String::new()),
                _ => Some(asked.name.clone()),
            };
            waiting.list(&self.asked, key);
            spans.retain(|(place, span)| {
                let id = span.tool_call_id.as_deref();
                let key = match sign {
                    sign if sign.is_id() => id,
                    Sign::Nameless => span.tool_name.is_none().then_some(""),
                    _ => span.tool_name.as_deref(),
                };
                let is_other_call = !sign.is_id() && id.is_some_and(|id| asked_ids.contains(id));
                let Some(key) = key.filter(|_| !is_other_call) else { return true };
                let run = self.standing(*place).run;
                let belongs = |asked: &Asked| {
                    let is_same_run = self.standing(asked.place).run == run;
                    let has_name = span.tool_name.as_ref().is_none_or(|name| *name == asked.name);
                    // By its name a span with an id belongs to no call whose id another span has.
                    let is_free = |asked_id: &str| id.is_none() || !told_ids.contains(asked_id);
                    if !sign.is_id() && !asked.id.as_deref().is_none_or(is_free) {
                        return false;
                    }
                    match sign {
                        Sign::IdAndName | Sign::Name => is_same_run && has_name,
                        Sign::Id | Sign::Nameless => is_same_run,
                        Sign::IdElsewhere | Sign::NameElsewhere => has_name,
                    }
                };
                let began =
                    |asked: &Asked| self.tree.spans.get(asked.place).is_some_and(|it| it.start_ns <= span.start_ns);
                !waiting.take(key, &self.asked, belongs, began, sign.is_id())
            });
        }
        waiting.has_span
    }
}

/// Whether a span may tell of a tool's call: a tool's, or one of another kind that carries a call's id.
const fn executes(span: &Span) -> bool {
    matches!(span.kind, Kind::Tool) || (span.tool_call_id.is_some() && !span.kind.is_model_call())
}

/// How many answers to tools' calls the messages carry, by the calls' ids.
fn answers(messages: &[Message]) -> HashMap<Option<&str>, usize> {
    let mut answers = HashMap::new();
    for part in messages.iter().flat_map(|message| &message.parts) {
        if let Part::ToolCallResponse { id, .. } = part {
            *answers.entry(id.as_deref()).or_default() += 1;
        }
    }
    answers
}

/// What ties a span to a call: the id, or where that says nothing, the tool; in the same run before any other.
#[derive(Debug, Clone, Copy)]
enum Sign {
    IdAndName,
    Id,
    IdElsewhere,
    Name,
    NameElsewhere,
    /// A tool's span that names no tool may be any one's.
    Nameless,
}

impl Sign {
    const ALL: [Self; 6] =
        [Self::IdAndName, Self::Id, Self::IdElsewhere, Self::Name, Self::NameElsewhere, Self::Nameless];

    const fn is_id(self) -> bool {
        matches!(self, Self::IdAndName | Self::Id | Self::IdElsewhere)
    }
}

/// The calls that no span was found for yet.
struct Waiting {
    has_span: Vec<bool>,
    /// Their numbers by what spans are looked up by, in the order in which they were asked for.
    lists: HashMap<String, Vec<usize>>,
}

impl Waiting {
    fn list(&mut self, asked: &[Asked], key: impl Fn(&Asked) -> Option<String>) {
        self.lists.clear();
        for (number, asked) in asked.iter().enumerate().filter(|(number, _)| self.has_span.get(*number) == Some(&false))
        {
            if let Some(key) = key(asked) {
                self.lists.entry(key).or_default().push(number);
            }
        }
    }

    /// Finds a span's call: of those that it may belong to, the first of the last answer before it began. An id holds for any time, since
    /// clocks of several processes need not agree.
    fn take(
        &mut self,
        key: &str,
        asked: &[Asked],
        belongs: impl Fn(&Asked) -> bool,
        began: impl Fn(&Asked) -> bool,
        at_any_time: bool,
    ) -> bool {
        let Some(list) = self.lists.get_mut(key) else { return false };
        let call = |number: &usize| asked.get(*number);
        let before = list.partition_point(|number| call(number).is_some_and(&began));
        let earlier = list.get(..before).unwrap_or_default();
        let last = earlier.iter().rev().filter_map(call).find(|asked| belongs(asked)).map(|asked| asked.place);
        let is_it = |number: &usize| {
            call(number).is_some_and(|asked| belongs(asked) && last.is_none_or(|place| place == asked.place))
        };
        let found = if last.is_some() {
            // The parts of one answer stand together.
            let since = earlier.iter().rposition(|number| call(number).is_some_and(|asked| Some(asked.place) < last));
            let since = since.map_or(0, |place| place + 1);
            list.iter().skip(since).position(is_it).map(|place| since + place)
        } else {
            list.iter().position(is_it).filter(|_| at_any_time)
        };
        let Some(number) = found.map(|place| list.remove(place)) else { return false };
        if let Some(has_span) = self.has_span.get_mut(number) {
            *has_span = true;
        }
        true
    }
}

#[cfg(test)]
mod tests;
