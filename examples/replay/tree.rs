//! A trace as lines that can be compared: one span a line, children indented under their parent, the totals last.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use tracing_agents::model::{IdentityField, RequestedToolCall, Span, SpanId, TraceTree};

/// Writes a trace in the form that `tests/expected/README.md` describes.
pub(crate) struct Lines<'a> {
    pub(crate) tree: &'a TraceTree,
    pub(crate) tools: HashMap<SpanId, Call>,
    /// What models asked for and no span tells of.
    pub(crate) requested: Vec<RequestedToolCall>,
}

/// What a tool was called with, and what came of it.
pub(crate) struct Call {
    pub(crate) arguments: Option<String>,
    pub(crate) result: Option<String>,
}

/// The most characters of an argument or a result that are shown.
const SHOWN: usize = 200;

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for root in &self.tree.roots {
            self.write_span(f, *root, 0)?;
        }
        let trace = &self.tree.trace;
        writeln!(f, "= tokens={}/{} errors={}", Count(trace.usage.input), Count(trace.usage.output), trace.error_count)
    }
}

impl Lines<'_> {
    fn write_span(&self, f: &mut fmt::Formatter<'_>, at: usize, depth: usize) -> fmt::Result {
        let Some(span) = self.tree.spans.get(at) else { return Ok(()) };
        writeln!(f, "{:indent$}{}", "", Line(span), indent = 2 * depth)?;
        for (sign, text) in self.tools.get(&span.span_id).into_iter().flat_map(Call::lines) {
            writeln!(f, "{:indent$}{sign} {}", "", OneLine(text), indent = 2 * depth + 2)?;
        }
        for call in self.requested.iter().filter(|call| call.span_id == span.span_id) {
            writeln!(f, "{:indent$}{}", "", Requested(call), indent = 2 * depth + 2)?;
        }
        for child in self.tree.children.get(at).into_iter().flatten() {
            self.write_span(f, *child, depth + 1)?;
        }
        Ok(())
    }
}

impl Call {
    fn lines(&self) -> impl Iterator<Item = (char, &str)> {
        [('<', self.arguments.as_deref()), ('>', self.result.as_deref())]
            .into_iter()
            .filter_map(|(sign, text)| Some((sign, text?)))
    }
}

/// A text on one line: control characters as JSON writes them, and nothing else changed; cut when it is long.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(SHOWN) {
            if c.is_control() {
                let json = serde_json::Value::from(c.to_string()).to_string();
                f.write_str(json.trim_matches('"'))?;
            } else {
                write!(f, "{c}")?;
            }
        }
        if self.0.chars().nth(SHOWN).is_some() { f.write_str("…") } else { Ok(()) }
    }
}

/// One span.
struct Line<'a>(&'a Span);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = self.0;
        let agent = span.identity.get(IdentityField::AgentName).or(span.identity.get(IdentityField::AgentId));
        let usage = span.usage.unwrap_or_default();
        write!(f, "{} {}", span.kind.as_str().to_uppercase(), quoted(&span.name))?;
        for (key, value) in [
            ("agent", agent),
            ("model", span.model()),
            ("provider", span.provider.as_deref()),
            ("tool", span.tool_name.as_deref()),
            ("call_id", span.tool_call_id.as_deref()),
            ("session", span.identity.session()),
        ] {
            write!(f, " {key}={}", value.map_or(Cow::Borrowed("-"), quoted))?;
        }
        write!(f, " tokens={}/{}", Count(usage.input), Count(usage.output))?;
        write!(f, " status={} [{}]", span.status.code, span.kind_source)
    }
}

/// A tool call that a model asked for and that has no span.
struct Requested<'a>(&'a RequestedToolCall);

impl fmt::Display for Requested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let call = self.0;
        let id = call.call_id.as_deref().map_or(Cow::Borrowed("-"), quoted);
        let state = if call.is_answered { "answered" } else { "unanswered" };
        write!(f, "? {} call_id={id} {state}", quoted(&call.tool_name))
    }
}

/// A number of tokens; `-` when it is not known.
struct Count(Option<u64>);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(count) => write!(f, "{count}"),
            None => f.write_str("-"),
        }
    }
}

/// The value itself, or as a JSON string where it would be read as several words, as nothing or as the sign for absence.
pub(crate) fn quoted(value: &str) -> Cow<'_, str> {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"';
    if value.is_empty() || value == "-" || !value.chars().all(plain) {
        serde_json::Value::from(value).to_string().into()
    } else {
        value.into()
    }
}
