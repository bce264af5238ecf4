//! Signals that end a process.

use std::os::unix::process::ExitStatusExt as _;

use tracing_agents::model::SpanState;
use tracing_agents::{SpanFilter, TraceRepository, agent_span};
use tracing_subscriber::prelude::*;

use crate::PATIENCE;
use crate::child::{self, Victim, url_in};

fn wait_for_it() {
    let tracing = child::tracing();
    tracing.flush_on_signals(PATIENCE).unwrap();
    tracing_subscriber::registry().with(tracing.layer()).init();
    let _open = agent_span!("Open").entered();
    (0..100).for_each(|number| drop(tracing::info_span!(parent: None, "ended", number)));
    child::say_and_wait("ready");
    // Whoever waits for input is woken by its end too.
    std::thread::sleep(PATIENCE);
}

#[test]
fn a_signal_writes_what_waits_and_then_ends_the_process_as_it_always_does() {
    if child::role().is_some() {
        return wait_for_it();
    }
    for (name, number) in [("TERM", 15), ("INT", 2)] {
        let folder = tempfile::tempdir().unwrap();
        let test = "signals::a_signal_writes_what_waits_and_then_ends_the_process_as_it_always_does";
        let mut process = Victim::start(test, "wait", &url_in(&folder));
        process.expect("ready");
        process.signal(name);
        assert_eq!(process.end().signal(), Some(number));
        let repository = TraceRepository::open(&url_in(&folder)).unwrap();
        let spans = repository.spans(&SpanFilter::new().limit(1_000)).unwrap().items;
        assert_eq!(spans.len(), 101, "{name}");
        assert_eq!(spans.iter().filter(|span| span.state == SpanState::Open).count(), 1);
        assert!(repository.processes().unwrap()[0].ended_ns.is_some(), "it shut down in order");
    }
}
