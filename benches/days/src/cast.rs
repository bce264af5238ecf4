//! Who takes part: names, the frequent ones first.

use fastrand::Rng;

/// Agents; the first makes about a fifth of the runs, the last one in some hundreds.
pub const AGENTS: [&str; 24] = [
    "Researcher",
    "Support",
    "Coder",
    "Writer",
    "Planner",
    "Reviewer",
    "Analyst",
    "Translator",
    "Scheduler",
    "Billing",
    "Librarian",
    "Triage",
    "Recruiter",
    "Editor",
    "Tutor",
    "Negotiator",
    "Auditor",
    "Forecaster",
    "Legal",
    "Moderator",
    "Archivist",
    "Chemist",
    "Cartographer",
    "Astronomer",
];

/// Teams, and the places of their members among the agents.
pub const TEAMS: [(&str, &[usize]); 4] =
    [("Newsroom", &[0, 3, 13]), ("Delivery", &[4, 2, 5]), ("Finance", &[6, 9, 17, 16]), ("Field office", &[11, 7])];

/// Workflows, and their steps.
pub const WORKFLOWS: [(&str, &[&str]); 4] = [
    ("Nightly report", &["collect", "summarise", "publish"]),
    ("Onboarding", &["check", "welcome"]),
    ("Claims", &["read", "classify", "decide", "answer"]),
    ("Release notes", &["gather", "draft"]),
];

/// Providers, models as asked for, and models as they answer.
pub const MODELS: [(&str, &str, &str); 7] = [
    ("openai", "gpt-5", "gpt-5-2026-08-07"),
    ("anthropic", "claude-sonnet-5", "claude-sonnet-5-20260929"),
    ("openai", "gpt-5-mini", "gpt-5-mini-2026-08-07"),
    ("gcp.gemini", "gemini-3-pro", "gemini-3-pro"),
    ("mistral_ai", "mistral-large-latest", "mistral-large-2607"),
    ("anthropic", "claude-haiku-5", "claude-haiku-5-20260814"),
    ("aws.bedrock", "nova-pro", "nova-pro-v2"),
];

/// Tools.
pub const TOOLS: [&str; 16] = [
    "web_search",
    "read_page",
    "sql_query",
    "read_file",
    "calculator",
    "run_tests",
    "send_mail",
    "calendar",
    "write_file",
    "translate",
    "open_ticket",
    "refund",
    "geocode",
    "screenshot",
    "speak",
    "telescope",
];

/// Services that the agents run in.
pub const SERVICES: [&str; 3] = ["assistant", "backoffice", "batch"];

/// How many users there are.
pub const USERS: usize = 4_000;

/// A place among so many, the first far more often than the last.
pub(crate) fn skewed(rng: &mut Rng, count: usize) -> usize {
    let mut place = count.saturating_sub(1);
    for _ in 0..2 {
        place = rng.usize(..=place);
    }
    place
}

/// The id of an agent, a team or a workflow with this name.
#[must_use]
pub fn id_of(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}
