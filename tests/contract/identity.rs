//! Which database this is. Nothing here depends on the way of asking.

use std::sync::{Arc, Barrier};

use tracing_agents::store::Store;

use crate::database::Dialect;
use crate::world::World;

crate::cases!(
    all_who_ask_at_once_hear_the_same,
    a_database_that_was_made_anew_is_another_one,
    another_address_is_another_fingerprint_of_the_same_database,
);

fn all_who_ask_at_once_hear_the_same(world: &World) {
    let stores: Vec<Store> = (0..8).map(|_| Store::open(world.database.url()).unwrap()).collect();
    let barrier = Barrier::new(stores.len());
    let identities: Vec<[u8; 16]> = std::thread::scope(|scope| {
        let asked: Vec<_> = stores
            .iter()
            .map(|store| {
                scope.spawn(|| {
                    barrier.wait();
                    store.identity().unwrap()
                })
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
    assert_ne!(identities[0], [0; 16]);
    assert_eq!(Store::open_existing(world.database.url()).unwrap().identity().unwrap(), identities[0]);
}

fn a_database_that_was_made_anew_is_another_one(world: &World) {
    let first = Store::open(world.database.url()).unwrap().identity().unwrap();
    let other = Arc::clone(world.database.place()).database();
    assert_ne!(Store::open(other.url()).unwrap().identity().unwrap(), first);
    let mut sql = world.database.sql();
    let tables = match world.database.dialect() {
        Dialect::Sqlite => {
            sql.lines("SELECT name AS line FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        }
        Dialect::Postgres => {
            sql.lines("SELECT tablename::text AS line FROM pg_tables WHERE schemaname = current_schema()")
        }
        Dialect::Mysql => sql.lines(
            "SELECT CONCAT(table_name, '') AS line FROM information_schema.tables WHERE table_schema = DATABASE()",
        ),
    };
    for table in tables {
        // A partition goes with its table.
        let _ = sql.try_execute(&format!("DROP TABLE {table}"));
    }
    assert_ne!(Store::open(world.database.url()).unwrap().identity().unwrap(), first);
}

fn another_address_is_another_fingerprint_of_the_same_database(world: &World) {
    let store = Store::open(world.database.url()).unwrap();
    let background = Store::open_in_background(world.database.url()).unwrap();
    assert_eq!(store.fingerprint(), background.fingerprint());
    assert_ne!(store.fingerprint(), Store::open_in_background(&world.database.missing_url()).unwrap().fingerprint());
    let url = match world.database.server() {
        None => {
            let (folder, file) = world.database.url().rsplit_once('/').unwrap();
            let folder = folder.strip_prefix("sqlite://").unwrap();
            std::os::unix::fs::symlink(folder, format!("{folder}/again")).unwrap();
            format!("sqlite://{folder}/again/{file}")
        }
        Some(server) => {
            let url = world.database.url_by(server);
            assert_eq!(Store::open_in_background(&hidden(&url)).unwrap().fingerprint(), {
                Store::open_in_background(&url).unwrap().fingerprint()
            });
            let name = if world.database.url().contains("localhost") { "127.0.0.1" } else { "localhost" };
            url.replacen(&format!("@{}:", server.ip()), &format!("@{name}:"), 1)
        }
    };
    let other = Store::open(&url).unwrap();
    assert_eq!(other.identity().unwrap(), store.identity().unwrap());
    if url != world.database.url() {
        assert_ne!(other.fingerprint(), store.fingerprint(), "{url}");
    }
}

/// The URL of another user.
fn hidden(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, rest) = rest.rsplit_once('@').unwrap();
    format!("{scheme}://somebody:else@{rest}")
}
