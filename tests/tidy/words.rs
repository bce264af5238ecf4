//! Words that must not stand in the tree.

use crate::source::SourceFile;
use crate::tokens::{attributes, parse};

// In two parts, so that this file does not contain what it looks for.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const HTML_STRINGS: [&str; 4] = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"];
const VAGUE: [&str; 8] = ["util", "utils", "helper", "helpers", "manager", "service", "common", "misc"];

fn lines_with(file: &SourceFile, holds: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let numbered = file.text.lines().zip(1..);
    numbered.filter_map(|(line, number)| holds(line).map(|what| format!("{}:{number}: {what}", file.path))).collect()
}

/// Marks of unfinished work, as whole words.
pub(crate) fn unfinished(file: &SourceFile) -> Vec<String> {
    lines_with(file, |line| {
        let mut words = line.split(|letter: char| !letter.is_alphanumeric());
        words.find(|word| UNFINISHED.contains(word)).map(str::to_owned)
    })
}

/// `#[ignore]` in every form, and documentation examples that are not compiled.
pub(crate) fn ignored_tests(file: &SourceFile) -> Vec<String> {
    let in_attributes = attributes(parse(file)).into_iter().flat_map(|(inside, _)| inside);
    let mut findings: Vec<_> = in_attributes
        .filter(|token| token.text == "ignore")
        .map(|token| format!("{}:{}: an ignored test", file.path, token.line))
        .collect();
    findings.extend(lines_with(file, |line| {
        let doc = line.trim_start().strip_prefix("///").or_else(|| line.trim_start().strip_prefix("//!"))?;
        let fence = doc.trim_start().strip_prefix("```")?;
        fence
            .split([',', ' '])
            .any(|word| word.starts_with("ignore"))
            .then(|| "an ignored documentation example".to_owned())
    }));
    findings
}

/// Ways to make a page out of a string.
pub(crate) fn html_strings(file: &SourceFile) -> Vec<String> {
    lines_with(file, |line| HTML_STRINGS.into_iter().find(|word| line.contains(word)).map(str::to_owned))
}

/// A name that says nothing about the contents.
pub(crate) fn vague_name(file: &SourceFile) -> Vec<String> {
    let vague = file.path.split(['/', '.']).find(|part| VAGUE.contains(part));
    vague.map(|part| format!("{}: `{part}`", file.path)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> SourceFile {
        SourceFile::new("src/a.rs", text)
    }

    #[test]
    fn marks_of_unfinished_work_are_caught() {
        for word in UNFINISHED {
            assert_eq!(unfinished(&file(&format!("let x = 1;\n// {word}: later"))), [format!("src/a.rs:2: {word}")]);
            assert!(unfinished(&file(&format!("{word}LIST {}", word.to_lowercase()))).is_empty());
        }
    }

    #[test]
    fn ignored_tests_are_caught() {
        for text in [
            "#[test]\n#[ignore]\nfn f() {}",
            "#[ignore = \"slow\"] fn f() {}",
            "mod m { #[cfg_attr(windows, ignore)] fn f() {} }",
            "/// ```ignore\n/// x\n/// ```\nfn f() {}",
            "//! ```rust,ignore\n//! ```",
        ] {
            assert_eq!(ignored_tests(&file(text)).len(), 1, "{text}");
        }
        let fine = "/// Does not ignore.\n/// ```no_run\n/// ```\n#[test] fn f() { ignore(\"#[ignore]\") }";
        assert!(ignored_tests(&file(fine)).is_empty());
    }

    #[test]
    fn html_from_strings_is_caught() {
        assert_eq!(html_strings(&file("row.textContent = a;\nrow.innerHTML = a;")), ["src/a.rs:2: innerHTML"]);
    }

    #[test]
    fn vague_names_are_caught() {
        for (path, count) in [("src/store/utils.rs", 1), ("tests/common/mod.rs", 1), ("src/store/common_table.rs", 0)] {
            assert_eq!(vague_name(&SourceFile::new(path, "")).len(), count, "{path}");
        }
    }
}
