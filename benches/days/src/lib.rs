//! Realistic days of agent traces, the same for the same seed.
//!
//! Agents, teams and workflows serve some thousand users around the clock, more of them at work hours. What is frequent is so as in life:
//! a few agents, users, models and tools make up most of it, a few sessions have hundreds of traces and most have one to three, most runs have about ten
//! spans and some have eighty. One tool call in 25 fails, and so do some model calls. Prompts, answers, arguments and results read and compress like people's text.
//!
//! [`Days`] makes the spans, [`long_trace`] one trace of any length, [`turns`] one conversation, [`fill`] writes them into a database through the pipeline, and
//! [`copies`] multiplies what stands there where millions are wanted.

pub mod cast;
pub mod copies;
mod fill;
mod long;
mod record;
mod run;
mod text;
mod turns;

use std::sync::Arc;

use fastrand::Rng;
use tracing_agents::model::{SpanRecord, TraceId};

use cast::{AGENTS, SERVICES, TEAMS, USERS, WORKFLOWS};
pub use fill::fill;
pub use long::long_trace;
use record::Sender;
use run::Plan;
use text::Text;
pub use turns::{Conversation, turns};

/// A millisecond in nanoseconds.
pub(crate) const MS: i64 = 1_000_000;
const HOUR: i64 = 3_600_000 * MS;
/// A day in nanoseconds.
pub const DAY: i64 = 24 * HOUR;
/// 2026-10-24, a midnight in UTC: when the days begin.
pub const BEGIN: i64 = 20_750 * DAY;
/// Spans of a trace, on average: by this the traces are spread over the days.
const MEAN_SPANS: usize = 11;
/// Sessions that are going on at a time.
const OPEN_SESSIONS: usize = 48;
/// How much of a day's work each of its hours gets, in parts of 240.
const HOURS: [i64; 24] = [3, 2, 2, 2, 2, 3, 5, 9, 14, 18, 18, 16, 14, 15, 17, 17, 16, 14, 12, 11, 10, 9, 7, 4];

/// Some days of traces, in the order of their starts.
#[derive(Debug)]
pub struct Days {
    rng: Rng,
    text: Text,
    senders: Vec<Sender>,
    days: i64,
    traces: usize,
    /// Traces that were made.
    made: usize,
    sessions: Vec<Session>,
    session_count: usize,
}

/// A user's sitting with one agent, team or workflow.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: Arc<str>,
    pub(crate) user: Arc<str>,
    pub(crate) plan: Plan,
    pub(crate) sender: usize,
    /// Traces to come.
    left: usize,
}

impl Days {
    /// About `spans` spans over 30 days, with some 1,500 bytes of attributes each.
    #[must_use]
    pub fn new(seed: u64, spans: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            text: Text::new(&mut rng),
            rng,
            senders: SERVICES.iter().map(|service| Sender::new(service)).collect(),
            days: 30,
            traces: spans.div_ceil(MEAN_SPANS),
            made: 0,
            sessions: Vec::new(),
            session_count: 0,
        }
    }

    /// Over this many days instead.
    #[must_use]
    pub const fn over(mut self, days: u32) -> Self {
        self.days = if days == 0 { 1 } else { days as i64 };
        self
    }

    /// With about this many bytes of attributes a span.
    #[must_use]
    pub const fn bytes_a_span(mut self, bytes: usize) -> Self {
        self.text.set_scale(bytes);
        self
    }

    /// With the same long instructions in each call of an agent's model, as most frameworks send them.
    #[must_use]
    pub const fn repeating_prompts(mut self) -> Self {
        self.text.repeat_prompts();
        self
    }

    /// When the days are over, in nanoseconds since 1970.
    #[must_use]
    pub const fn end_ns(&self) -> i64 {
        BEGIN + self.days * DAY
    }

    /// When the next trace starts.
    fn start(&mut self) -> i64 {
        let count = i64::try_from(self.traces).unwrap_or(i64::MAX).max(1);
        let place = i64::try_from(self.made).unwrap_or_default();
        // Parts of a day's work that are done by then: equal parts of the work, unequal parts of the time.
        let parts: i64 = HOURS.iter().sum();
        let (day, rest) = (place * self.days / count, place * self.days % count);
        let mut done = i128::from(rest) * i128::from(parts);
        let mut start = BEGIN + day * DAY;
        for hour in HOURS {
            let work = i128::from(hour) * i128::from(count);
            if done < work {
                start += i64::try_from(i128::from(HOUR) * done / work).unwrap_or_default();
                break;
            }
            done -= work;
            start += HOUR;
        }
        start + self.rng.i64(0..MS)
    }

    /// The session that the next trace belongs to.
    fn session(&mut self) -> Session {
        if self.sessions.len() < OPEN_SESSIONS {
            let session = self.open_session();
            self.sessions.push(session);
        }
        let place = self.rng.usize(..self.sessions.len());
        let Some(session) = self.sessions.get_mut(place) else { return self.open_session() };
        session.left = session.left.saturating_sub(1);
        let session = session.clone();
        if session.left == 0 {
            self.sessions.swap_remove(place);
        }
        session
    }

    fn open_session(&mut self) -> Session {
        self.session_count += 1;
        let rng = &mut self.rng;
        let plan = match rng.u8(..100) {
            0..68 => Plan::Agent(cast::skewed(rng, AGENTS.len())),
            68..82 => Plan::Team(cast::skewed(rng, TEAMS.len())),
            82..94 => Plan::Workflow(cast::skewed(rng, WORKFLOWS.len())),
            _ => Plan::Call,
        };
        Session {
            id: format!("session-{:06}-{:08x}", self.session_count, rng.u32(..)).into(),
            user: format!("user-{:04}", cast::skewed(rng, USERS)).into(),
            plan,
            sender: cast::skewed(rng, self.senders.len()),
            // Half of them have one or two traces, one in a hundred has some hundred.
            left: 1 + match rng.u8(..100) {
                0..50 => rng.usize(..2),
                50..85 => rng.usize(..10),
                85..99 => rng.usize(..60),
                _ => rng.usize(100..400),
            },
        }
    }
}

impl Iterator for Days {
    /// The spans of a trace, in the order of their ends.
    type Item = Vec<SpanRecord>;

    fn next(&mut self) -> Option<Vec<SpanRecord>> {
        if self.made >= self.traces {
            return None;
        }
        let start_ns = self.start();
        let session = self.session();
        self.made += 1;
        let sender = self.senders.get(session.sender)?.clone();
        let mut run = run::Run::new(&mut self.rng, &self.text, &sender, &session, start_ns);
        run.act(session.plan);
        Some(run.into_spans())
    }
}

/// A trace's id as the layer makes it: the milliseconds of its start, then chance.
fn trace_id(rng: &mut Rng, start_ns: i64) -> TraceId {
    let time = u128::from((start_ns / MS).unsigned_abs()) << 80;
    TraceId::from_bytes((time | (rng.u128(..) >> 48)).to_be_bytes())
}

#[cfg(test)]
mod tests;
