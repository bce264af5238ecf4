//! The fuzz targets, run over their committed inputs: what was once found stays found, without a fuzz engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../fuzz/targets.rs"]
mod targets;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Any of these inputs is read in far less, also by an unoptimised build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files.map(|file| file.unwrap().path()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Runs a target, and says of which input when it fails.
fn run(target: targets::Target, name: &Path, bytes: &[u8]) {
    let begun = Instant::now();
    let outcome = std::panic::catch_unwind(|| target(bytes));
    assert!(outcome.is_ok(), "it fails on {}", name.display());
    assert!(begun.elapsed() < PATIENCE, "{} takes {:?}", name.display(), begun.elapsed());
}

#[test]
fn every_target_reads_its_corpus() {
    for (name, target) in targets::TARGETS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "fuzz/corpus/{name} is empty");
        for (path, bytes) in inputs {
            run(*target, &path, &bytes);
        }
    }
}

#[test]
fn every_target_reads_what_is_made_for_others_cut_and_repeated() {
    let all: Vec<_> = targets::TARGETS.iter().flat_map(|(name, _)| inputs(name)).collect();
    for (_, target) in targets::TARGETS {
        for (path, bytes) in &all {
            run(*target, path, bytes);
            run(*target, path, &bytes[..bytes.len() / 2]);
            run(*target, path, &bytes[bytes.len() / 3..]);
        }
    }
}

#[test]
fn deep_nesting_and_long_runs_of_one_byte_are_survived() {
    for (name, target) in targets::TARGETS {
        for piece in ["[", "{\"a\":", "(", "\"", "Some(", "-", "\u{a}", "\\", "0", "%", "a:b "] {
            let path = format!("{name}, {piece:?} again and again");
            run(*target, Path::new(&path), piece.repeat(100_000 / piece.len()).as_bytes());
        }
        // Protobuf: a field that holds itself, and so on.
        let nested = (0..2_000).fold(Vec::new(), |inner: Vec<u8>, _| {
            let length = u16::try_from(inner.len()).unwrap_or(u16::MAX);
            let varint = [u8::try_from(length & 0x7f).unwrap() | 0x80, u8::try_from((length >> 7) & 0x7f).unwrap()];
            [&[0x0a][..], &varint, &inner].concat()
        });
        run(*target, Path::new(name), &nested);
    }
}
