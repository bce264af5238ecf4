//! Opening: what is made, what is refused, and what a refusal says.

use std::sync::Barrier;

use tracing_agents::store::Store;
use tracing_agents::{AgentTracing, ErrorKind, SessionFilter, SpanFilter, TraceFilter};

use crate::sketch::{span, trace_id};
use crate::world::World;

crate::cases!(
    a_new_database_is_empty_and_answers,
    opening_again_keeps_what_is_there,
    many_may_open_a_new_database_at_once,
    a_repository_makes_no_tables,
    a_database_that_does_not_exist_is_named_without_its_password,
    wrong_credentials_are_refused_without_the_password,
    a_newer_schema_is_refused,
    looking_at_a_database_changes_nothing,
    tables_of_another_program_are_refused,
);

fn a_new_database_is_empty_and_answers(world: &World) {
    drop(world.writer());
    let repository = world.repository();
    assert_eq!(repository.traces(&TraceFilter::new()).unwrap().items, []);
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 0);
    assert_eq!(repository.spans(&SpanFilter::new()).unwrap().items, []);
    assert_eq!(repository.sessions(&SessionFilter::new()).unwrap().items, []);
    assert_eq!(repository.find_trace(trace_id(0)).unwrap(), None);
    assert_eq!(repository.find_session("s").unwrap(), None);
}

fn opening_again_keeps_what_is_there(world: &World) {
    world.writer().write([span(0, 0)]);
    for count in 2..4 {
        let writer = world.writer();
        writer.write([span(count, 0)]);
        assert_eq!(world.repository().count_traces(&TraceFilter::new()).unwrap(), count);
    }
    // Open for writing and for reading side by side.
    let (first, second) = (world.writer(), world.repository());
    first.write([span(9, 0)]);
    assert_eq!(second.count_traces(&TraceFilter::new()).unwrap(), 4);
}

fn many_may_open_a_new_database_at_once(world: &World) {
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        let opened: Vec<_> = (0..8)
            .map(|number| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    world.writer().write([span(number, 0)]);
                })
            })
            .collect();
        for thread in opened {
            thread.join().unwrap();
        }
    });
    assert_eq!(world.repository().count_traces(&TraceFilter::new()).unwrap(), 8);
}

fn a_repository_makes_no_tables(world: &World) {
    // On a server the database is there and empty, as a file it is not there at all.
    for _ in 0..2 {
        let error = world.api.open(world.database.url()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    }
    drop(world.writer());
    assert_eq!(world.repository().count_traces(&TraceFilter::new()).unwrap(), 0);
}

/// The password of a URL, if there is one, as it stands and decoded.
fn passwords(url: &str) -> Vec<String> {
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    let Some((credentials, _)) = authority.rsplit_once('@') else { return Vec::new() };
    let Some((_, password)) = credentials.split_once(':').filter(|(_, password)| password.len() > 3) else {
        return Vec::new();
    };
    vec![password.to_owned(), percent_encoding::percent_decode_str(password).decode_utf8_lossy().into_owned()]
}

#[track_caller]
fn expect_no_connection(error: &tracing_agents::Error, url: &str) {
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    for text in [error.to_string(), format!("{error:?}")] {
        for password in passwords(url) {
            assert!(!text.contains(&password), "the password is shown: {text}");
        }
    }
}

fn a_database_that_does_not_exist_is_named_without_its_password(world: &World) {
    let url = world.database.missing_url();
    let error = world.api.open(&url).unwrap_err();
    expect_no_connection(&error, &url);
    let name = url.split('?').next().unwrap().rsplit('/').next().unwrap();
    assert!(error.to_string().contains(name), "{error}");
}

fn wrong_credentials_are_refused_without_the_password(world: &World) {
    // A file has none.
    let Some(url) = world.database.url_with("nobody_here:t1ger%2Fs3cret") else { return };
    expect_no_connection(&world.api.open(&url).unwrap_err(), &url);
    expect_no_connection(&AgentTracing::open(&url).unwrap_err(), &url);
    expect_no_connection(&Store::open(&url).unwrap_err(), &url);
}

fn a_newer_schema_is_refused(world: &World) {
    drop(world.writer());
    world.database.sql().execute("INSERT INTO trace_schema (version) VALUES ('20990101000000')");
    let errors = [
        AgentTracing::open(world.database.url()).unwrap_err(),
        Store::open(world.database.url()).unwrap_err(),
        world.api.open(world.database.url()).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::NewerSchema, "{error}");
        let text = error.to_string();
        assert!(text.contains("20990101000000") && text.contains("update this program"), "{text}");
    }
}

fn looking_at_a_database_changes_nothing(world: &World) {
    assert_eq!(Store::inspect(world.database.url()).unwrap_err().kind(), ErrorKind::Connect);
    assert_eq!(world.api.open(world.database.url()).unwrap_err().kind(), ErrorKind::Connect, "tables were made");
    assert_eq!(Store::open(world.database.url()).unwrap().known_identity().unwrap(), None);
    world.writer().write([span(0, 0).agent("A").session("s").tokens(3, 1), span(0, 1).model("m").tokens(3, 1)]);
    let found = Store::inspect(world.database.url()).unwrap();
    let product = match world.database.place().engine().name {
        "sqlite" => "SQLite 3.",
        "mariadb" => "MariaDB 1",
        "mysql" => "MySQL ",
        _ => "PostgreSQL 1",
    };
    assert!(found.server.starts_with(product), "{found:?}");
    assert!(!found.applied.is_empty() && found.pending.is_empty() && found.newer.is_empty(), "{found:?}");
    assert!(passwords(world.database.url()).iter().all(|password| !found.url.contains(password)), "{found:?}");

    let store = Store::open(world.database.url()).unwrap();
    let identity = store.known_identity().unwrap();
    assert!(identity.is_some(), "who writes knows it");
    assert_eq!(store.identity().ok(), identity);
    assert_eq!(store.check_trace(trace_id(0)).unwrap(), Some(true));
    assert_eq!(store.check_trace(trace_id(9)).unwrap(), None);
    world.database.sql().execute("UPDATE traces SET input_tokens = 77");
    for _ in 0..2 {
        assert_eq!(store.check_trace(trace_id(0)).unwrap(), Some(false));
    }
    assert!(store.recompute_trace(trace_id(0)).unwrap());
    assert_eq!(store.check_trace(trace_id(0)).unwrap(), Some(true));

    let (last, newer) = (found.applied.last().unwrap(), "20990101000000");
    world.database.sql().execute(&format!("UPDATE trace_schema SET version = '{newer}' WHERE version = '{last}'"));
    let found = Store::inspect(world.database.url()).unwrap();
    assert_eq!((found.pending, found.newer), (vec![last.clone()], vec![newer.to_owned()]));
}

fn tables_of_another_program_are_refused(world: &World) {
    world.database.sql().execute("CREATE TABLE spans (width INTEGER)");
    let error = AgentTracing::open(world.database.url()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Migration, "{error}");
    assert!(error.to_string().contains("other program"), "{error}");
    world.database.sql().execute("INSERT INTO spans (width) VALUES (1)");
}
