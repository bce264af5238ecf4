//! The span macros.

use super::{capture, debug, pairs, text};
use crate::field;
use crate::model::Value;
use crate::{agent_span, embedding_span, model_span, retriever_span, step_span, team_span, tool_span, workflow_span};

#[test]
fn each_macro_makes_a_span_of_its_kind() {
    let name = String::from("Researcher");
    let records = capture(|| {
        drop(agent_span!(name));
        drop(team_span!("Newsroom",));
        drop(workflow_span!("Onboarding"));
        drop(step_span!("summarise"));
        drop(model_span!("gpt-4o"));
        drop(tool_span!(name.as_str()));
        drop(retriever_span!("handbook"));
        drop(embedding_span!("small"));
    });
    let made: Vec<_> = records.0.iter().map(|record| (record.name.as_str(), pairs(&record.attributes))).collect();
    let client = || (field::OTEL_KIND, text("client"));
    let operation = |name| (field::OPERATION, text(name));
    assert_eq!(
        made,
        [
            ("invoke_agent", vec![operation("invoke_agent"), (field::AGENT_NAME, text("Researcher"))]),
            ("team", vec![(field::KIND, text("team")), (field::TEAM_NAME, text("Newsroom"))]),
            ("invoke_workflow", vec![operation("invoke_workflow"), (field::WORKFLOW_NAME, text("Onboarding"))]),
            ("step", vec![(field::KIND, text("step")), (field::STEP_NAME, text("summarise"))]),
            ("chat", vec![operation("chat"), client(), (field::REQUEST_MODEL, text("gpt-4o"))]),
            ("execute_tool", vec![operation("execute_tool"), (field::TOOL_NAME, text("Researcher"))]),
            ("retrieval", vec![operation("retrieval"), client(), (field::DATA_SOURCE_ID, text("handbook"))]),
            ("embeddings", vec![operation("embeddings"), client(), (field::REQUEST_MODEL, text("small"))]),
        ]
    );
    assert_eq!(records.0[0].callsite.as_deref().unwrap().target, module_path!(), "the caller's place");
}

#[test]
fn more_fields_follow_in_any_form() {
    let question = "why";
    let records = capture(|| {
        let span = agent_span!(
            "Researcher",
            { field::SESSION_ID } = %7,
            question,
            dotted.name = ?Some(1),
            later = tracing::field::Empty,
        );
        span.record("later", 3_u64);
    });
    assert_eq!(
        pairs(&records.named("invoke_agent").attributes)[2..],
        [
            (field::SESSION_ID, debug("7")),
            ("question", text("why")),
            ("dotted.name", debug("Some(1)")),
            ("later", Value::U64(3)),
        ]
    );
}
