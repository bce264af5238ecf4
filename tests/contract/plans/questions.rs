//! All that the repository can be asked and that is a list, a page, a tree, a search or one thing.

use agent_days::DAY;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tracing_agents::model::{Cursor, SpanId, SpanRecord, TraceId, Value};
use tracing_agents::{SessionFilter, SpanFilter, TraceFilter, field};

use crate::api::Repository;

/// What bounds an answer's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// What is shown: each statement reads about as many rows as it gives.
    Result,
    /// A number of candidates that one call looks at: where several conditions meet, or one that no index knows.
    Budget,
}

/// A question.
pub(super) struct Question {
    pub(super) name: String,
    pub(super) bound: Bound,
    pub(super) ask: Box<dyn Fn(&Repository)>,
}

/// What the questions are about: a trace with a session, a span of it, and what occurs in it.
pub(super) struct Subject {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) run: String,
    pub(super) session: String,
    pub(super) user: String,
    /// When the days are over.
    pub(super) end_ns: i64,
}

impl Subject {
    /// Of the first trace that is no small one.
    pub(super) fn of(traces: &[Vec<SpanRecord>], end_ns: i64) -> Self {
        let trace = traces.iter().find(|trace| trace.len() > 8).unwrap();
        let (root, span) = (trace.last().unwrap(), &trace[0]);
        let id = |key| root.attributes.get(key).and_then(Value::as_str).unwrap().to_owned();
        Self {
            trace: root.trace_id,
            span: span.span_id,
            run: id(field::RUN_ID),
            session: id(field::SESSION_ID),
            user: id(field::USER_ID),
            end_ns,
        }
    }
}

/// Values that many traces have, by field.
const FREQUENT: [&str; 10] = [
    "tool:web_search",
    "agent:Researcher",
    "team:Newsroom",
    "workflow:\"Nightly report\"",
    "step:collect",
    "model:gpt-5",
    "provider:openai",
    "service:assistant",
    "kind:tool",
    "name:chat",
];

/// A place in a list, as its text names it.
fn cursor(time_ns: i64, id: &[u8]) -> Cursor {
    URL_SAFE_NO_PAD.encode([time_ns.to_be_bytes().as_slice(), id].concat()).parse().unwrap()
}

/// All of them.
pub(super) fn all(subject: &Subject) -> Vec<Question> {
    let mut questions = Vec::new();
    traces(subject, &mut questions);
    spans(subject, &mut questions);
    sessions(subject, &mut questions);
    single(subject, &mut questions);
    questions
}

fn traces(subject: &Subject, questions: &mut Vec<Question>) {
    let mut add = |bound, filter: TraceFilter, what: &str| {
        let name = format!("traces {what}");
        questions.push(Question { name, bound, ask: Box::new(move |asked| drop(asked.traces(&filter).unwrap())) });
    };
    let (since, until) = (subject.end_ns - 3 * DAY, subject.end_ns - DAY);
    let rare = [
        format!("run:{}", subject.run),
        format!("session:{}", subject.session),
        format!("user:{}", subject.user),
        format!("trace:{}", subject.trace),
        "conversation:none".to_owned(),
        "tool:telescope".to_owned(),
    ];
    let frequent = FREQUENT.iter().map(|&filter| filter.to_owned());
    let pages = frequent.chain(rare).chain([
        "".to_owned(),
        "status:error".to_owned(),
        "agent:Researcher agent:Coder".to_owned(),
    ]);
    for text in pages {
        let filter: TraceFilter = text.parse().unwrap();
        add(Bound::Result, filter.clone().limit(50), &text);
        add(Bound::Result, filter.clone().since_ns(since).until_ns(until).limit(50), &format!("{text} in two days"));
        add(Bound::Result, filter.after(cursor(until, &[0x7f; 16])).limit(50), &format!("{text} from a cursor on"));
    }
    for text in [
        "agent:Researcher tool:web_search status:error",
        "agent:Researcher model:gpt-5 user:user-0001",
        "refund",
        "duration>20s",
        "tokens>30k",
        "-agent:Researcher -status:error",
        "service:assistant kind:tool name:chat -user:user-0000 duration>1s refund",
    ] {
        add(Bound::Budget, text.parse::<TraceFilter>().unwrap().limit(50), text);
    }
}

fn spans(subject: &Subject, questions: &mut Vec<Question>) {
    let mut add = |bound, filter: SpanFilter, what: &str| {
        let name = format!("spans {what}");
        questions.push(Question { name, bound, ask: Box::new(move |asked| drop(asked.spans(&filter).unwrap())) });
    };
    let (since, until) = (subject.end_ns - 3 * DAY, subject.end_ns - DAY);
    let by_trace = format!("trace:{}", subject.trace);
    for text in ["", &by_trace, &format!("{by_trace} kind:model"), &format!("run:{}", subject.run)] {
        let filter: SpanFilter = text.parse().unwrap();
        add(Bound::Result, filter.clone().limit(50), text);
        add(Bound::Result, filter.since_ns(since).until_ns(until).limit(50), &format!("{text} in two days"));
    }
    add(Bound::Result, SpanFilter::new().after(cursor(until, &[0x7f; 24])).limit(50), "from a cursor on");
    for text in FREQUENT.into_iter().chain([
        "kind:tool status:error duration>1s",
        "user:user-0003",
        "session:none",
        "tokens>9k",
        "parent:00f067aa0ba902b7",
        "call:call_1",
        "state:open",
        "-kind:model -agent:Researcher",
    ]) {
        add(Bound::Budget, text.parse::<SpanFilter>().unwrap().limit(50), text);
    }
}

fn sessions(subject: &Subject, questions: &mut Vec<Question>) {
    let mut add = |bound, filter: SessionFilter, what: &str| {
        let name = format!("sessions {what}");
        questions.push(Question { name, bound, ask: Box::new(move |asked| drop(asked.sessions(&filter).unwrap())) });
    };
    let (since, until) = (subject.end_ns - 3 * DAY, subject.end_ns - DAY);
    add(Bound::Result, SessionFilter::new().limit(50), "");
    add(Bound::Result, SessionFilter::new().since_ns(since).limit(50), "of three days");
    add(Bound::Result, SessionFilter::new().after(cursor(until, b"session")).limit(50), "from a cursor on");
    add(Bound::Result, format!("session:{}", subject.session).parse().unwrap(), "by id");
    add(Bound::Budget, SessionFilter::new().until_ns(until).limit(50), "until a day ago");
    let by_user = format!("user:{}", subject.user);
    for text in FREQUENT.into_iter().chain([by_user.as_str(), "tool:telescope", "-agent:Researcher agent:Coder"]) {
        add(Bound::Budget, text.parse::<SessionFilter>().unwrap().limit(50), text);
    }
}

fn single(subject: &Subject, questions: &mut Vec<Question>) {
    let mut add = |name: &str, ask: Box<dyn Fn(&Repository)>| {
        questions.push(Question { name: name.to_owned(), bound: Bound::Result, ask });
    };
    let (trace, span, session) = (subject.trace, subject.span, subject.session.clone());
    add("a trace", Box::new(move |asked| drop(asked.trace(trace).unwrap())));
    add("a span", Box::new(move |asked| drop(asked.span(trace, span).unwrap())));
    add("a trace's records", Box::new(move |asked| drop(asked.records(trace).unwrap())));
    add("a trace's requested tool calls", Box::new(move |asked| drop(asked.requested_tool_calls(trace).unwrap())));
    add("a session", Box::new(move |asked| drop(asked.session(&session).unwrap())));
    let page = SpanFilter::new().limit(50);
    add("records of spans", Box::new(move |asked| drop(asked.span_records(&page).unwrap())));
    add("losses", Box::new(|asked| drop(asked.losses(None, 50).unwrap())));
    add("dead letters", Box::new(|asked| drop(asked.dead_letters(None, 50).unwrap())));
}
