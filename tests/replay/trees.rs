//! The trees that the example prints are those that a reader of the recordings expects.

use super::expected::{expected, texts};
use super::recording;

/// A readable difference: lines that only one side has, at the place where the two part.
fn difference(expected: &[String], found: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for at in 0..expected.len().max(found.len()) {
        let (expected, found) = (expected.get(at), found.get(at));
        if expected != found {
            lines.extend(expected.map(|line| format!("  expected {line}")));
            lines.extend(found.map(|line| format!("     found {line}")));
        }
    }
    lines
}

#[test]
fn every_recording_gives_the_trees_that_a_reader_expects() {
    let mut differences = Vec::new();
    let mut compared = 0;
    for (path, _) in texts() {
        let runs = recording::read(&path).unwrap();
        let mut expected = expected(&path).into_iter();
        for run in runs {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}", folder.path().join("traces.db").display());
            let (scenario, lines) = expected.next().unwrap();
            assert_eq!(scenario, run.name(), "{}: runs in the order of the recording", path.display());
            let found: Vec<String> = run.trees(&url).unwrap().lines().map(str::to_owned).collect();
            let difference = difference(&lines, &found);
            if !difference.is_empty() {
                differences.push(format!("{} {scenario}", path.file_name().unwrap().display()));
                differences.extend(difference);
            }
            compared += 1;
        }
        assert!(expected.next().is_none());
    }
    assert_eq!(
        compared,
        29 + 11 + 5 + 5 + 4 + 2,
        "scenarios of Agno, rig twice, genai and langchain-rust, swiftide, adk-rust"
    );
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn a_file_of_another_form_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, reason) in [
        ("empty.jsonl", "", "it is empty"),
        ("notes.txt", "What the agent said:\n", "expected value at line 1 column 1"),
        ("other.json", r#"{"spans": []}"#, "missing field `scenario`"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = recording::read(&path).err().unwrap().to_string();
        assert!(error.starts_with(&path.display().to_string()) && error.contains(reason), "{error}");
    }
    let missing = folder.path().join("missing.json");
    let error = recording::read(&missing).err().unwrap().to_string();
    assert!(error.starts_with(&missing.display().to_string()), "{error}");
}
