//! Changed copies of the recordings: where a framework, its version or its options are others than those that were recorded, spans may
//! become less known, but never something else.

mod change;
mod lines;
mod spans;
mod stage;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing_agents::model::Kind;

use super::expected::texts_in;
use super::{agno, frameworks, recording, tree};
use change::Change::{Agents, Events, Fields, Ids, Order, Targets};
use change::{Change, Mutant, renamed};
use stage::{Played, Stage};

/// A recorded run, in either form.
enum Original {
    Framework(lines::Original),
    Agno(spans::Original),
}

impl Original {
    fn all() -> Vec<Self> {
        let frameworks = texts_in("frameworks").into_iter().flat_map(|(path, text)| {
            let file = path.file_stem().unwrap().to_str().unwrap();
            lines::Original::read(file, &text).into_iter().map(Self::Framework).collect::<Vec<_>>()
        });
        let agno = texts_in("agno").into_iter().map(|(_, text)| Self::Agno(spans::Original::read(&text)));
        frameworks.chain(agno).collect()
    }

    fn name(&self) -> &str {
        match self {
            Self::Framework(lines) => &lines.name,
            Self::Agno(spans) => &spans.name,
        }
    }

    fn numbers(&self) -> Vec<u64> {
        let mut numbers = match self {
            Self::Framework(lines) => lines.numbers(),
            Self::Agno(spans) => spans.numbers(),
        };
        numbers.sort_unstable();
        numbers
    }

    fn agents(&self) -> Vec<String> {
        match self {
            Self::Framework(lines) => lines.agents(),
            Self::Agno(spans) => spans.agents(),
        }
    }

    fn play(&self, stage: &Stage, mutant: Option<Mutant>) -> Played {
        match self {
            Self::Framework(lines) => stage.play_lines(&lines.copy(mutant)),
            Self::Agno(spans) => stage.play_spans(spans.copy(mutant)),
        }
    }
}

/// Replays so many mutants of each recording and each list of changes, and asks of each, beside its recording, what is wrong with it.
#[track_caller]
fn check(lists: &[&'static [Change]], seeds: u64, wrong: impl Fn(&Original, Mutant, &Played, &Played) -> Vec<String>) {
    let stage = Stage::new();
    let mut findings = Vec::new();
    let mut differs = false;
    for original in Original::all() {
        let unchanged = original.play(&stage, None);
        assert_eq!(Vec::from_iter(unchanged.kinds.keys().copied()), original.numbers(), "{}", original.name());
        for mutant in lists.iter().flat_map(|changes| (0..seeds).map(move |seed| Mutant { changes, seed })) {
            let played = catch_unwind(AssertUnwindSafe(|| original.play(&stage, Some(mutant))));
            let found = match &played {
                Ok(played) => {
                    differs |= *played != unchanged;
                    wrong(&original, mutant, &unchanged, played)
                }
                Err(_) => vec!["it panics".to_owned()],
            };
            findings.extend(found.into_iter().map(|found| format!("{}, {mutant}: {found}", original.name())));
        }
    }
    findings.truncate(20);
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    let shows = lists.iter().any(|changes| *changes != [Order]);
    assert_eq!(differs, shows, "{lists:?} change something");
}

/// No span is lost, and each is of the kind that it was, or of none.
fn no_span_is_another(_: &Original, _: Mutant, unchanged: &Played, played: &Played) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, (name, kind, evidence)) in &unchanged.kinds {
        match played.kinds.get(number) {
            None => wrong.push(format!("the {kind} {name:?} ({number}) is lost")),
            // Whose own word is lost, but runs several agents, is a workflow by its structure: a team is no exception.
            Some((_, Kind::Workflow, by)) if *kind == Kind::Team && by == "structure" => {}
            Some((_, now, by)) if now != kind && *now != Kind::Span => {
                wrong.push(format!("the {kind} {name:?} ({number}, by {evidence}) is now {now} by {by}"));
            }
            Some(_) => {}
        }
    }
    if played.kinds.len() > unchanged.kinds.len() {
        wrong.push("there are more spans than were recorded".to_owned());
    }
    wrong
}

/// The tree is that of the recording, with the names that the mutant gives.
fn only_names_differ(original: &Original, mutant: Mutant, unchanged: &Played, played: &Played) -> Vec<String> {
    let expected = renamed(&unchanged.tree, mutant, &mutant.names(&original.agents()));
    if expected == played.tree {
        return Vec::new();
    }
    let mut lines = expected.lines().zip(played.tree.lines());
    let difference = lines.find(|(expected, found)| expected != found);
    vec![match difference {
        Some((expected, found)) => format!("\n  expected {expected}\n     found {found}"),
        None => "one tree is longer".to_owned(),
    }]
}

#[test]
fn in_unknown_targets_spans_are_what_they_were_or_unknown() {
    check(&[&[Targets]], 3, no_span_is_another);
}

#[test]
fn agents_of_other_names_make_the_same_trees() {
    check(&[&[Agents]], 3, only_names_differ);
}

#[test]
fn the_order_of_fields_says_nothing() {
    check(&[&[Order]], 3, only_names_differ);
}

#[test]
fn other_ids_make_the_same_trees() {
    check(&[&[Ids]], 2, only_names_differ);
}

#[test]
fn without_some_fields_spans_are_what_they_were_or_unknown() {
    check(&[&[Fields(30)], &[Fields(70)]], 4, no_span_is_another);
}

#[test]
fn in_unknown_targets_and_without_some_fields_spans_are_what_they_were_or_unknown() {
    check(&[&[Targets, Fields(30)], &[Targets, Fields(70)]], 4, no_span_is_another);
}

#[test]
fn without_events_spans_are_what_they_were() {
    check(&[&[Events(50)], &[Events(100)]], 2, no_span_is_another);
}

#[test]
fn all_at_once_spans_are_what_they_were_or_unknown() {
    check(&[&[Targets, Agents, Ids, Order, Fields(40), Events(40)]], 4, no_span_is_another);
}
