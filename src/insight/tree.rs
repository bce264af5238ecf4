//! A trace as an indented tree, one span a line.

use std::fmt::{self, Display, Formatter};

use super::amount::{NanoUsd, Nanoseconds, Printable, Tokens};
use crate::model::{Rollup, Span, SpanState, TraceTree};

/// Levels that are drawn; deeper spans say their depth instead, or a chain of calls would take space by the square of its length.
const MAX_DRAWN: usize = 32;
/// Characters of an error message that a line shows.
const MAX_MESSAGE: usize = 200;
/// What stands above spans whose parent is another process's and has not come here.
const REMOTE_PARENT: &str = "(parent in another process)";
/// What stands above other spans whose parent is not among the stored ones.
const NO_PARENT: &str = "(parent not stored)";

impl TraceTree {
    /// The tree as text: a line for each span with its kind, name, duration, tokens, cost and error, and a last line with the totals.
    /// Each line ends with a line break but the last one.
    ///
    /// ```text
    /// agent  invoke_agent Researcher  1.24 s  812→96 tokens
    /// ├─ model  chat gpt-4o-mini  480 ms  400→40 tokens
    /// └─ tool  execute_tool web_search  210 ms  ✗ connection refused
    /// 3 spans, 1 failed  1.24 s  812→96 tokens
    /// ```
    ///
    /// A run that reports another sum of tokens or cost than was counted below it shows both: `812→96 tokens (400→40 tokens below)`.
    ///
    /// Spans whose parent is not stored hang under a line that says so, those that continue another process's trace under one of their own. Spans more than 32 levels deep are no further indented and say how
    /// deep they are. Control characters in names and messages are escaped.
    #[must_use]
    pub fn tree(&self) -> impl Display + '_ {
        Drawing(self)
    }
}

/// A tree that is drawn when it is shown.
struct Drawing<'a>(&'a TraceTree);

/// What was drawn, and what there is to draw of each span.
struct Canvas {
    is_drawn: Vec<bool>,
    rollups: Vec<Rollup>,
}

/// A span that is still to be drawn.
struct Pending {
    place: usize,
    depth: usize,
    is_last: bool,
}

impl Display for Drawing<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let tree = self.0;
        let mut is_orphan = vec![false; tree.spans.len()];
        for place in &tree.orphans {
            if let Some(mark) = is_orphan.get_mut(*place) {
                *mark = true;
            }
        }
        let roots = tree.roots.iter().copied().filter(|place| is_orphan.get(*place) == Some(&false));
        let mut canvas = Canvas { is_drawn: vec![false; tree.spans.len()], rollups: tree.rollups() };
        let roots = roots.map(|place| Pending { place, depth: 0, is_last: true }).collect();
        self.draw(f, roots, &mut canvas)?;
        let is_remote = |place: &&usize| tree.spans.get(**place).is_some_and(|span| span.parent_is_remote);
        let (remote, lost): (Vec<&usize>, Vec<&usize>) = tree.orphans.iter().partition(is_remote);
        for (title, orphans) in [(REMOTE_PARENT, remote), (NO_PARENT, lost)] {
            let Some((last, others)) = orphans.split_last() else { continue };
            writeln!(f, "{title}")?;
            let others = others.iter().map(|place| Pending { place: **place, depth: 1, is_last: false });
            let orphans = others.chain([Pending { place: **last, depth: 1, is_last: true }]).collect();
            self.draw(f, orphans, &mut canvas)?;
        }
        self.totals(f)
    }
}

impl Drawing<'_> {
    /// Draws spans and all below them. Iterative: a trace may be deeper than the stack.
    fn draw(&self, f: &mut Formatter<'_>, mut pending: Vec<Pending>, canvas: &mut Canvas) -> fmt::Result {
        pending.reverse();
        // For each level that is drawn, whether the line of its branch goes on downwards.
        let mut goes_on: Vec<bool> = Vec::new();
        while let Some(Pending { place, depth, is_last }) = pending.pop() {
            let (Some(span), Some(is_drawn)) = (self.0.spans.get(place), canvas.is_drawn.get_mut(place)) else {
                continue;
            };
            // A tree that was not made by this crate may hold a span twice, or below itself.
            if std::mem::replace(is_drawn, true) {
                continue;
            }
            goes_on.truncate(depth.saturating_sub(1));
            for goes_on in &goes_on {
                f.write_str(if *goes_on { "│  " } else { "   " })?;
            }
            if depth > MAX_DRAWN {
                write!(f, "⋯ depth {depth}: ")?;
            } else if depth > 0 {
                f.write_str(if is_last { "└─ " } else { "├─ " })?;
                goes_on.push(!is_last);
            }
            line(f, span, canvas.rollups.get(place).filter(|_| span.kind.is_run()))?;
            let children = self.0.children.get(place).map(Vec::as_slice).unwrap_or_default();
            let last = children.len().saturating_sub(1);
            let below =
                |(number, place): (usize, &usize)| Pending { place: *place, depth: depth + 1, is_last: number == last };
            pending.extend(children.iter().enumerate().rev().map(below));
        }
        Ok(())
    }

    /// The last line.
    fn totals(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let trace = &self.0.trace;
        write!(f, "{} span{}", trace.span_count, if trace.span_count == 1 { "" } else { "s" })?;
        let counts =
            [(trace.error_count, "failed"), (trace.open_count, "running"), (trace.interrupted_count, "interrupted")];
        for (count, what) in counts {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        if trace.end_ns.is_some() {
            write!(f, "  {}", Nanoseconds(trace.duration_ns()))?;
        }
        if trace.usage.is_reported() {
            write!(f, "  {}", Tokens(&trace.usage))?;
        }
        if let Some(cost) = trace.cost_nano_usd {
            write!(f, "  {}", NanoUsd(cost))?;
        }
        Ok(())
    }
}

/// A span's line, after its branch. `rollup` is a run's.
fn line(f: &mut Formatter<'_>, span: &Span, rollup: Option<&Rollup>) -> fmt::Result {
    write!(f, "{}  {}", span.kind, Printable(&span.display_name))?;
    match (span.state, span.duration_ns()) {
        (SpanState::Interrupted, _) => f.write_str("  interrupted")?,
        (_, Some(duration)) => write!(f, "  {}", Nanoseconds(duration))?,
        (_, None) => f.write_str("  running")?,
    }
    if let Some(usage) = &span.usage {
        let own = Tokens(usage);
        write!(f, "  {own}")?;
        if let Some(rollup) = rollup.filter(|rollup| rollup.usage_differs()) {
            below(f, &own, &Tokens(&rollup.computed.usage))?;
        }
    }
    if let Some(cost) = &span.cost {
        let own = NanoUsd(cost.nano_usd);
        write!(f, "  {own}")?;
        if let Some(computed) = rollup.filter(|rollup| rollup.cost_differs()).and_then(|it| it.computed.cost_nano_usd) {
            below(f, &own, &NanoUsd(computed))?;
        }
    }
    if span.is_error() {
        let message = Some(span.status.message.as_str()).filter(|message| !message.is_empty());
        let message = message.or(span.error_type.as_deref()).unwrap_or("failed");
        match message.char_indices().nth(MAX_MESSAGE) {
            Some((end, _)) => write!(f, "  ✗ {}…", Printable(message.get(..end).unwrap_or_default()))?,
            None => write!(f, "  ✗ {}", Printable(message))?,
        }
    }
    f.write_str("\n")
}

/// What was counted below a run, unless it reads like what the run reports: the difference may be in what a line does not show.
fn below(f: &mut Formatter<'_>, own: &impl Display, counted: &impl Display) -> fmt::Result {
    let counted = counted.to_string();
    if own.to_string() == counted { Ok(()) } else { write!(f, " ({counted} below)") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cost, CostSource, Kind, SpanId, SpanRecord, Status, StatusCode, Trace, TraceId, Usage};

    const SECOND: i64 = 1_000_000_000;

    fn trace() -> Trace {
        Trace { end_ns: Some(2 * SECOND), span_count: 1, ..Trace::of_test(TraceId::from_bytes([1; 16]), id(1)) }
    }

    fn id(number: u64) -> SpanId {
        SpanId::from_bytes(number.to_be_bytes())
    }

    fn span(number: u64, parent: Option<u64>, kind: Kind, name: &str) -> Span {
        let start_ns = i64::try_from(number).unwrap();
        let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), id(number), name, start_ns);
        record.parent_span_id = parent.map(id);
        (record.state, record.end_ns) = (SpanState::Closed, Some(start_ns + SECOND));
        Span { kind, ..Span::as_recorded(&record) }
    }

    #[test]
    fn the_whole_picture() {
        let mut model = span(2, Some(1), Kind::Model, "chat gpt-4o-mini");
        model.usage = Some(Usage::new(812, 96));
        model.cost = Cost::from_usd(0.0012, CostSource::Provider);
        let mut tool = span(3, Some(1), Kind::Tool, "execute_tool search");
        tool.status = Status { code: StatusCode::Error, message: "connection\nrefused".into() };
        let mut inner = span(4, Some(3), Kind::Span, "GET");
        (inner.state, inner.end_ns) = (SpanState::Open, None);
        let orphan = span(5, Some(99), Kind::Step, "late");
        let mut lost = span(6, Some(5), Kind::Span, "lost");
        let mut remote = span(7, Some(98), Kind::Agent, "invoke_agent Expert");
        remote.parent_is_remote = true;
        lost.state = SpanState::Interrupted;
        let mut trace = trace();
        trace.usage = Usage::new(812, 96);
        trace.cost_nano_usd = Some(1_200_000);
        (trace.span_count, trace.error_count, trace.open_count) = (6, 1, 1);
        let root = span(1, None, Kind::Agent, "invoke_agent Researcher");
        let tree = TraceTree::new(trace, vec![lost, inner, orphan, remote, tool, model, root]);
        let expected = "\
agent  invoke_agent Researcher  1.00 s
├─ model  chat gpt-4o-mini  1.00 s  812→96 tokens  $0.0012
└─ tool  execute_tool search  1.00 s  ✗ connection\\nrefused
   └─ span  GET  running
(parent in another process)
└─ agent  invoke_agent Expert  1.00 s
(parent not stored)
└─ step  late  1.00 s
   └─ span  lost  interrupted
6 spans, 1 failed, 1 running  2.00 s  812→96 tokens  $0.0012";
        assert_eq!(tree.tree().to_string(), expected);
    }

    #[test]
    fn a_run_that_reports_other_sums_than_its_calls_shows_both() {
        let tree = |reported: Usage, usd: f64| {
            let mut run = span(1, None, Kind::Agent, "run");
            run.usage = Some(reported);
            run.cost = Cost::from_usd(usd, CostSource::Client);
            let mut call = span(2, Some(1), Kind::Model, "chat");
            call.usage = Some(Usage::new(400, 40).with_cache_read(7));
            call.cost = Cost::from_usd(0.02, CostSource::Provider);
            let text = TraceTree::new(trace(), vec![run, call]).tree().to_string();
            text.lines().next().unwrap().to_owned()
        };
        assert_eq!(tree(Usage::new(812, 96), 0.02), "agent  run  1.00 s  812→96 tokens (400→40 tokens below)  $0.02");
        assert_eq!(tree(Usage::new(400, 40), 0.05), "agent  run  1.00 s  400→40 tokens  $0.05 ($0.02 below)");
        assert_eq!(tree(Usage::new(400, 40), 0.02), "agent  run  1.00 s  400→40 tokens  $0.02");
        let other_cached = Usage::new(400, 40).with_cache_read(9);
        assert_eq!(tree(other_cached, 0.02), "agent  run  1.00 s  400→40 tokens  $0.02", "not shown, so not said");
    }

    #[test]
    fn a_hundred_thousand_levels() {
        let depth: u64 = 100_000;
        let spans = (1..=depth).map(|n| span(n, (n > 1).then(|| n - 1), Kind::Span, "deep")).collect();
        let text = TraceTree::new(trace(), spans).tree().to_string();
        assert_eq!(text.lines().count(), 100_001);
        assert!(text.contains("⋯ depth 99999: span  deep"));
        assert!(text.len() < 20_000_000, "{}", text.len());
    }

    #[test]
    fn cycles_show_each_span_once() {
        let spans = vec![
            span(1, Some(3), Kind::Span, "a"),
            span(2, Some(1), Kind::Span, "b"),
            span(3, Some(2), Kind::Span, "c"),
            span(4, Some(2), Kind::Span, "hangs off"),
            span(5, Some(5), Kind::Span, "own parent"),
        ];
        let tree = TraceTree::new(trace(), spans);
        assert_eq!(tree.roots, [0, 4]);
        assert!(tree.orphans.is_empty());
        let text = tree.tree().to_string();
        for name in ["a", "b", "c", "hangs off", "own parent"] {
            assert_eq!(text.matches(&format!("span  {name}  ")).count(), 1, "{text}");
        }
    }

    #[test]
    fn a_foreign_tree_with_a_loop_ends() {
        let mut tree = TraceTree::new(trace(), vec![span(1, None, Kind::Span, "a"), span(2, Some(1), Kind::Span, "b")]);
        tree.children[1] = vec![0, 7];
        tree.orphans = vec![9];
        assert!(tree.tree().to_string().contains("└─ span  b"));
    }

    #[test]
    fn siblings_keep_their_order() {
        let spans = (1..=4).rev().map(|n| span(n, (n > 1).then_some(1), Kind::Span, &format!("s{n}"))).collect();
        let text = TraceTree::new(trace(), spans).tree().to_string();
        assert_eq!(
            text,
            "span  s1  1.00 s\n├─ span  s2  1.00 s\n├─ span  s3  1.00 s\n└─ span  s4  1.00 s\n1 span  2.00 s"
        );
    }
}
