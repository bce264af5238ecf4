//! What can be known of filters that hide content.

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, info_span};
use tracing_subscriber::layer::SubscriberExt;

use super::layer;
use crate::layer::watch::Watch;
use crate::layer::{AgentFilter, Limits};
use crate::semconv::Profiles;

/// What is found out for a recorded span of a target when nothing in the program is more verbose than `most_verbose`.
fn found(filter: &AgentFilter, most_verbose: LevelFilter, subscriber: &Dispatch) -> Vec<String> {
    let span = tracing::dispatcher::with_default(subscriber, || {
        info_span!(target: "swiftide_agents::agent", "agent.query").metadata().unwrap()
    });
    let watch = Watch::default();
    watch.join(subscriber);
    watch.look(filter, most_verbose, || vec![span]).iter().map(ToString::to_string).collect()
}

fn everything() -> Dispatch {
    let (layer, _) = layer(Limits::default());
    tracing_subscriber::registry().with(layer.behind(AgentFilter::new())).into()
}

#[test]
fn what_is_above_the_programs_most_verbose_level_is_hidden() {
    let (shallow, deep) = (AgentFilter::new(), AgentFilter::of(Profiles::default(), true));
    let alive = everything();
    let told = |level| vec![format!("swiftide 0.32 (events of swiftide_agents::agent at {level})")];
    assert_eq!(found(&shallow, LevelFilter::INFO, &alive), told("DEBUG"));
    assert_eq!(found(&shallow, LevelFilter::DEBUG, &alive), [""; 0]);
    assert_eq!(found(&deep, LevelFilter::DEBUG, &alive), told("TRACE"));
    assert_eq!(found(&deep, LevelFilter::TRACE, &alive), [""; 0]);
    assert_eq!(found(&AgentFilter::off(), LevelFilter::OFF, &alive), [""; 0]);
}

#[test]
fn the_level_says_nothing_once_the_subscriber_is_gone() {
    let watch = Watch::default();
    watch.join(&everything());
    let recorded = || panic!("nothing is to be found out");
    assert_eq!(watch.look(&AgentFilter::new(), LevelFilter::INFO, recorded), []);
}
