//! Encrypted connections to servers, and what is demanded of their certificates. Nothing here depends on the way of asking.

use tracing_agents::{AgentTracing, ErrorKind, TraceFilter};

use crate::database::Dialect;
use crate::world::World;

crate::cases!(
    the_mode_decides_whether_a_connection_is_encrypted,
    only_a_known_authority_passes_where_it_is_asked_for,
    the_name_counts_only_where_it_is_asked_for,
    unknown_modes_and_files_are_named,
);

/// The authority behind the certificates of the servers that `tests/servers` starts; none for servers of another kind.
fn authority(world: &World) -> Option<String> {
    let is_server = world.database.dialect() != Dialect::Sqlite;
    std::env::var("TRACING_AGENTS_TEST_CA").ok().filter(|file| is_server && !file.is_empty())
}

fn with(world: &World, parameters: &str) -> String {
    let url = world.database.url();
    format!("{url}{}{parameters}", if url.contains('?') { '&' } else { '?' })
}

fn opens(url: &str) {
    let tracing = AgentTracing::open(url).unwrap();
    assert_eq!(tracing.repository().count_traces(&TraceFilter::new()).unwrap(), 0);
}

fn the_mode_decides_whether_a_connection_is_encrypted(world: &World) {
    if authority(world).is_none() {
        return;
    }
    for (mode, is_encrypted) in [("disable", false), ("prefer", true), ("require", true)] {
        let tracing = AgentTracing::open(&with(world, &format!("sslmode={mode}"))).unwrap();
        tracing.repository().count_traces(&TraceFilter::new()).unwrap();
        let mut sql = world.database.sql();
        let found = match world.database.dialect() {
            Dialect::Sqlite => return,
            Dialect::Postgres => sql.lines(
                "SELECT DISTINCT ssl::text AS line FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE datname = current_database() AND application_name = 'tracing-agents'",
            ),
            // Neither server tells what it knows about others' connections in the same way, so the account demands it.
            Dialect::Mysql => {
                let user = format!("tls_{}", mode_user(world));
                sql.execute(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY 'secret' REQUIRE SSL"));
                sql.execute(&format!("GRANT ALL ON *.* TO '{user}'@'%'"));
                let url = world.database.url_with(&format!("{user}:secret")).unwrap();
                let opened = AgentTracing::open(&format!("{url}?ssl-mode={mode}"));
                sql.execute(&format!("DROP USER '{user}'@'%'"));
                vec![opened.is_ok().to_string()]
            }
        };
        assert_eq!(found, [is_encrypted.to_string()], "{mode}");
    }
}

/// A name that no other case uses.
fn mode_user(world: &World) -> String {
    let name = world.database.url().split('?').next().unwrap_or_default();
    name.rsplit('_').next().unwrap_or_default().to_owned()
}

fn only_a_known_authority_passes_where_it_is_asked_for(world: &World) {
    let Some(authority) = authority(world) else { return };
    for mode in ["verify-ca", "verify-full"] {
        opens(&with(world, &format!("sslmode={mode}&sslrootcert={authority}")));
        // Not among the public ones.
        let error = AgentTracing::open(&with(world, &format!("sslmode={mode}"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    // MySQL's words.
    opens(&with(world, &format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={authority}")));
}

fn the_name_counts_only_where_it_is_asked_for(world: &World) {
    let Some(authority) = authority(world) else { return };
    // Another name of the loopback interface, which the certificate does not have.
    let (from, to) = ("@127.0.0.1:", "@127.0.0.2:");
    if !world.database.url().contains(from) {
        return;
    }
    let url = |mode: &str| with(world, &format!("sslmode={mode}&sslrootcert={authority}")).replace(from, to);
    if AgentTracing::open(&url("require")).is_err() {
        // The server listens on one address alone.
        return;
    }
    opens(&url("verify-ca"));
    let error = AgentTracing::open(&url("verify-full")).unwrap_err();
    assert!(error.to_string().contains("not valid for name"), "{error}");
}

fn unknown_modes_and_files_are_named(world: &World) {
    if world.database.dialect() == Dialect::Sqlite {
        return;
    }
    let error = AgentTracing::open(&with(world, "sslmode=perhaps")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    assert!(error.to_string().contains("\"perhaps\"") && error.to_string().contains("verify-full"), "{error}");
    let error = AgentTracing::open(&with(world, "sslmode=verify-full&sslrootcert=/none.pem")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert!(error.to_string().contains("/none.pem"), "{error}");
}
