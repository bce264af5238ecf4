//! How long files are, and how much of them is documentation.

use crate::source::SourceFile;

const MAX_LINES: usize = 700;
const MAX_MEDIAN: usize = 180;
/// That each public item has a doc is the compiler's to check (`missing_docs`); this keeps the whole from thinning out.
const MIN_DOC_PERCENT: usize = 14;

/// The schema is one table after the other, as `diesel print-schema` writes it.
fn is_schema(file: &SourceFile) -> bool {
    file.path.ends_with("/schema.rs")
}

fn lines(file: &SourceFile) -> usize {
    file.text.lines().count()
}

pub(crate) fn too_long(file: &SourceFile) -> Vec<String> {
    let count = lines(file);
    if is_schema(file) || count <= MAX_LINES {
        return Vec::new();
    }
    vec![format!("{}: {count} lines, at most {MAX_LINES}", file.path)]
}

pub(crate) fn median_too_long(files: &[SourceFile]) -> Vec<String> {
    let mut lengths: Vec<_> = files.iter().filter(|file| !is_schema(file)).map(lines).collect();
    lengths.sort_unstable();
    match lengths.get(lengths.len() / 2) {
        Some(median) if *median > MAX_MEDIAN => vec![format!("the median is {median} lines, at most {MAX_MEDIAN}")],
        _ => Vec::new(),
    }
}

/// Well-loved crates of this kind have 20–40 % of doc lines, with tests in the count. Here tests are not counted, so that a new test never asks for a new
/// comment.
pub(crate) fn too_few_docs(files: &[SourceFile]) -> Vec<String> {
    let code = files.iter().filter(|file| !is_schema(file) && !is_test(file));
    let counted: Vec<_> = code.flat_map(lines_before_tests).collect();
    let docs = counted.iter().filter(|line| line.starts_with("///") || line.starts_with("//!"));
    let percent = docs.count() * 100 / counted.len().max(1);
    if percent >= MIN_DOC_PERCENT {
        return Vec::new();
    }
    vec![format!("{percent} % of the lines of src are documentation, at least {MIN_DOC_PERCENT} %")]
}

fn is_test(file: &SourceFile) -> bool {
    file.path.contains("/tests/") || file.path.ends_with("/tests.rs")
}

fn lines_before_tests(file: &SourceFile) -> impl Iterator<Item = &str> {
    file.text.lines().take_while(|line| *line != "#[cfg(test)]").map(str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize, docs: usize) -> SourceFile {
        SourceFile::new(path, "x\n".repeat(lines - docs) + &"    /// y\n".repeat(docs))
    }

    #[test]
    fn a_long_file_is_caught() {
        assert!(too_long(&file("src/a.rs", 700, 0)).is_empty());
        assert_eq!(too_long(&file("src/a.rs", 701, 0)).len(), 1);
        assert!(too_long(&file("src/store/schema.rs", 900, 0)).is_empty());
    }

    #[test]
    fn a_long_median_is_caught() {
        let files = |lengths: [usize; 3]| lengths.map(|lines| file("src/a.rs", lines, 0));
        assert!(median_too_long(&files([10, 180, 600])).is_empty());
        assert_eq!(median_too_long(&files([10, 181, 600])).len(), 1);
    }

    #[test]
    fn missing_documentation_is_caught() {
        let schema = || file("src/store/schema.rs", 500, 0);
        assert!(too_few_docs(&[file("src/a.rs", 100, MIN_DOC_PERCENT), schema()]).is_empty());
        assert_eq!(too_few_docs(&[file("src/a.rs", 100, MIN_DOC_PERCENT - 1)]).len(), 1);
        let tested = SourceFile::new(
            "src/a.rs",
            "/// y\n".repeat(MIN_DOC_PERCENT)
                + &"x\n".repeat(100 - MIN_DOC_PERCENT)
                + "#[cfg(test)]\n"
                + &"x\n".repeat(500),
        );
        assert!(too_few_docs(&[tested, file("src/a/tests.rs", 500, 0), file("src/a/tests/b.rs", 500, 0)]).is_empty());
    }
}
