//! libFuzzer's program for all targets: `FUZZ_TARGET` names the one that it runs.

#![no_main]

#[path = "../targets.rs"]
mod targets;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use targets::Target;

fn chosen() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let found = targets::TARGETS.iter().find(|(known, _)| *known == name);
        found.map_or_else(|| panic!("FUZZ_TARGET={name:?} is none of them"), |(_, target)| *target)
    })
}

fuzz_target!(|data: &[u8]| chosen()(data));
