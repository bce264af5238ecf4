//! A conversation whose every turn sends all that was said before, as agents' frameworks do.

use fastrand::Rng;
use serde_json::json;
use tracing_agents::field;
use tracing_agents::model::{SpanId, SpanRecord};

use crate::record::Sender;
use crate::text::Text;
use crate::{MS, trace_id};

/// Bytes of the instructions that begin it.
const INSTRUCTIONS: usize = 4_000;
/// Bytes of a question or an answer, more or less by a half.
const MESSAGE: usize = 750;
/// Between two turns.
const PAUSE_NS: i64 = 30_000 * MS;

/// A conversation.
#[derive(Debug)]
pub struct Conversation {
    /// A trace a turn: the agent's run, and below it its model's call. Both hold all that was said before.
    pub traces: Vec<Vec<SpanRecord>>,
    /// Bytes of all that was said, each message once.
    pub said: usize,
}

/// A conversation of so many turns.
#[must_use]
pub fn turns(seed: u64, turns: usize) -> Conversation {
    let mut rng = Rng::with_seed(seed);
    let (text, sender) = (Text::new(&mut rng), Sender::new("assistant"));
    let message = |role: &str, text: &str| json!({"role": role, "parts": [{"type": "text", "content": text}]});
    let instructions = text.exactly(&mut rng, INSTRUCTIONS);
    let mut said = instructions.len();
    let mut messages = vec![message("system", instructions)];
    let mut traces = Vec::with_capacity(turns);
    let mut now = crate::BEGIN + crate::DAY / 2;
    for _ in 0..turns {
        let [question, answer] = [(); 2].map(|()| text.some(&mut rng, MESSAGE));
        said += question.len() + answer.len();
        messages.push(message("user", question));
        let sent = serde_json::Value::Array(messages.clone()).to_string();
        let answered = serde_json::Value::Array(vec![message("assistant", answer)]).to_string();
        messages.push(message("assistant", answer));

        let trace = trace_id(&mut rng, now);
        let [run, call] = [(); 2].map(|()| SpanId::from_bytes(rng.u64(1..).to_be_bytes()));
        let mut agent = sender.record(&sender.agent, (trace, run), (now, now + 2_000 * MS));
        agent.attributes.push(field::OPERATION, "invoke_agent");
        agent.attributes.push(field::AGENT_NAME, "Support");
        agent.attributes.push(field::SESSION_ID, "a long talk");
        let mut model = sender.record(&sender.model, (trace, call), (now + 5 * MS, now + 1_990 * MS));
        model.parent_span_id = Some(run);
        model.attributes.push(field::OPERATION, "chat");
        model.attributes.push(field::REQUEST_MODEL, "gpt-5");
        model.attributes.push(field::RESPONSE_ID, format!("chatcmpl-{:016x}", rng.u64(..)));
        for span in [&mut agent, &mut model] {
            span.attributes.push(field::INPUT_MESSAGES, sent.as_str());
            span.attributes.push(field::OUTPUT_MESSAGES, answered.as_str());
        }
        traces.push(vec![model, agent]);
        now += PAUSE_NS;
    }
    Conversation { traces, said }
}
