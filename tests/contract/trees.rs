//! One trace with all its spans.

use tracing_agents::ErrorKind;
use tracing_agents::model::Kind;

use crate::sketch::{DAWN, SECOND, span, span_id, trace_id};
use crate::world::World;

crate::cases!(
    spans_stand_in_the_order_of_their_start,
    equal_starts_stand_in_the_order_of_ids,
    orphans_are_roots_too,
    two_thousand_levels,
    five_thousand_children,
    the_tree_is_drawn_the_same_everywhere,
    an_unknown_trace_is_not_found,
    a_trace_comes_without_the_spans_of_others,
);

fn spans_stand_in_the_order_of_their_start(world: &World) {
    let repository =
        world.with([4, 2, 0, 3, 1].map(|number| span(0, number).starting(DAWN + i64::try_from(9 - number).unwrap())));
    let tree = repository.trace(trace_id(0)).unwrap();
    let ids: Vec<_> = tree.spans.iter().map(|span| span.span_id).collect();
    assert_eq!(ids, [4, 3, 2, 1, 0].map(span_id));
    assert_eq!((tree.roots, tree.children[4].clone()), (vec![4], vec![0, 1, 2, 3]));
}

fn equal_starts_stand_in_the_order_of_ids(world: &World) {
    let repository = world.with([300, 2, 0, 255, 256, 1].map(|number| span(0, number).starting(DAWN)));
    let tree = repository.trace(trace_id(0)).unwrap();
    let ids: Vec<_> = tree.spans.iter().map(|span| span.span_id).collect();
    assert_eq!(ids, [0, 1, 2, 255, 256, 300].map(span_id));
}

fn orphans_are_roots_too(world: &World) {
    let mut remote = span(0, 3).below(70);
    remote.0.parent_is_remote = true;
    let repository = world.with([span(0, 0), span(0, 1), span(0, 2).below(60), remote, span(0, 4).below(3)]);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.roots, tree.orphans), (vec![0, 2, 3], vec![2, 3]));
    assert_eq!(tree.children, [vec![1], vec![], vec![], vec![4], vec![]]);
    assert!(tree.spans[3].parent_is_remote && !tree.spans[2].parent_is_remote);
}

fn two_thousand_levels(world: &World) {
    let repository = world.with((0..2_000).map(|number| {
        let span = span(0, number);
        if number > 0 { span.below(number - 1) } else { span.session("s") }
    }));
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.spans.len(), tree.roots.as_slice()), (2_000, &[0][..]));
    assert!(tree.children.iter().zip(0..1_999).all(|(children, place)| *children == [place + 1]));
    // Ids come down all the way.
    assert_eq!(tree.spans[1_999].identity.session(), Some("s"));
    assert_eq!(tree.tree().to_string().lines().count(), 2_001);
}

fn five_thousand_children(world: &World) {
    let repository = world.with((0..=5_000).map(|number| span(0, number)));
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.spans.len(), tree.roots.as_slice()), (5_001, &[0][..]));
    assert_eq!(tree.children[0], (1..=5_000).collect::<Vec<_>>());
}

fn the_tree_is_drawn_the_same_everywhere(world: &World) {
    let repository = world.with([
        span(0, 0).kind(Kind::Agent).agent("Zoë 🦀").lasting(3 * SECOND),
        span(0, 1).model("m").tokens(812, 96).costing(0.002).lasting(SECOND / 4),
        span(0, 2).tool("search").failing("no network").lasting(SECOND / 2),
        span(0, 3).named("late").below(70).running(),
    ]);
    let drawn = repository.trace(trace_id(0)).unwrap().tree().to_string();
    let expected = "\
agent  invoke_agent Zoë 🦀  3.00 s
├─ model  chat m  250 ms  812→96 tokens  $0.002
└─ tool  execute_tool search  500 ms  ✗ no network
(parent not stored)
└─ span  late  running
4 spans, 1 failed, 1 running  3.00 s  812→96 tokens  $0.002";
    assert_eq!(drawn, expected);
}

fn an_unknown_trace_is_not_found(world: &World) {
    let repository = world.with([span(0, 0)]);
    let error = repository.trace(trace_id(9)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&trace_id(9).to_string()), "{error}");
    assert_eq!(repository.find_trace(trace_id(9)).unwrap(), None);
    assert!(repository.find_trace(trace_id(0)).unwrap().is_some());
}

fn a_trace_comes_without_the_spans_of_others(world: &World) {
    // The same span ids in each.
    let repository = world.with((0..5).flat_map(|trace| (0..3).map(move |number| span(trace, number))));
    for trace in 0..5 {
        let tree = repository.trace(trace_id(trace)).unwrap();
        assert_eq!(tree.spans.len(), 3);
        assert!(tree.spans.iter().all(|span| span.trace_id == trace_id(trace)));
    }
}
