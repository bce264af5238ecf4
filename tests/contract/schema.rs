//! The live tables are the declared ones: what users' own Diesel queries stand on.

use std::collections::BTreeMap;

use tracing_agents::TraceFilter;
use tracing_agents::model::Kind;

use crate::database::Dialect;
use crate::rollups;
use crate::sketch::{span, trace_id};
use crate::tables::{Column, declared};
use crate::world::World;

crate::cases!(
    the_live_columns_are_the_declared_ones,
    the_live_keys_are_the_declared_ones,
    text_is_compared_byte_by_byte,
    there_are_no_foreign_keys_and_no_triggers,
    rows_of_an_older_schema_come_along,
);

/// Texts `a|b` as a map from `a` to all its `b`, in order.
fn grouped(lines: Vec<String>) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let (key, value) = line.split_once('|').unwrap();
        groups.entry(key.to_owned()).or_default().push(value.to_owned());
    }
    groups
}

/// `table|column type null-or-not` of all tables, in the columns' order.
fn live_columns(world: &World) -> BTreeMap<String, Vec<String>> {
    let mut sql = world.database.sql();
    let query = match world.database.dialect() {
        Dialect::Sqlite => {
            "SELECT t.name || '|' || c.name || ' ' || lower(c.type) || CASE c.\"notnull\" WHEN 1 THEN ' NO' ELSE ' YES' END AS line
             FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY t.name, c.cid"
        }
        Dialect::Postgres => {
            "SELECT table_name || '|' || column_name || ' ' || data_type || ' ' || is_nullable AS line
             FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"
        }
        Dialect::Mysql => {
            "SELECT CONCAT(table_name, '|', column_name, ' ', data_type, ' ', is_nullable) AS line
             FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position"
        }
    };
    grouped(sql.lines(query))
}

/// The column types that stand for a Diesel type.
fn types(dialect: Dialect, kind: &str) -> &'static [&'static str] {
    match (kind, dialect) {
        ("Binary", Dialect::Sqlite) => &["blob"],
        ("Binary", Dialect::Postgres) => &["bytea"],
        ("Binary", Dialect::Mysql) => &["binary", "varbinary", "blob", "mediumblob", "longblob"],
        ("Text", Dialect::Sqlite) => &["text"],
        ("Text", Dialect::Postgres) => &["text", "character varying"],
        ("Text", Dialect::Mysql) => &["varchar", "text", "mediumtext", "longtext"],
        ("Bool", Dialect::Mysql) => &["tinyint"],
        ("Bool", _) => &["boolean"],
        ("Integer", Dialect::Mysql) => &["int"],
        ("Integer", _) => &["integer"],
        ("SmallInt", _) => &["smallint"],
        ("BigInt", _) => &["bigint"],
        (other, _) => panic!("no portable type: {other}"),
    }
}

fn the_live_columns_are_the_declared_ones(world: &World) {
    drop(world.writer());
    let live = live_columns(world);
    for table in declared() {
        let found = live.get(table.name).unwrap_or_else(|| panic!("no table {} in {live:#?}", table.name));
        let names: Vec<&str> = found.iter().map(|column| column.split(' ').next().unwrap()).collect();
        let expected: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        assert_eq!(names, expected, "the columns of {}", table.name);
        for (found, Column { name, kind, is_nullable }) in found.iter().zip(&table.columns) {
            let null = if *is_nullable { "YES" } else { "NO" };
            let expected = types(world.database.dialect(), kind);
            assert!(
                expected.iter().any(|kind| *found == format!("{name} {kind} {null}")),
                "{}: {found}, declared as {kind} (one of {expected:?}), nullable: {null}",
                table.name
            );
        }
    }
}

fn the_live_keys_are_the_declared_ones(world: &World) {
    drop(world.writer());
    let query = match world.database.dialect() {
        Dialect::Sqlite => {
            "SELECT t.name || '|' || c.name AS line FROM sqlite_master t, pragma_table_info(t.name) c
             WHERE t.type = 'table' AND c.pk > 0 ORDER BY t.name, c.pk"
        }
        Dialect::Postgres => {
            "SELECT k.table_name || '|' || k.column_name AS line
             FROM information_schema.key_column_usage k JOIN information_schema.table_constraints c
             ON c.constraint_name = k.constraint_name AND c.table_name = k.table_name AND c.table_schema = k.table_schema
             WHERE c.constraint_type = 'PRIMARY KEY' AND k.table_schema = current_schema()
             ORDER BY k.table_name, k.ordinal_position"
        }
        Dialect::Mysql => {
            "SELECT CONCAT(table_name, '|', column_name) AS line FROM information_schema.key_column_usage
             WHERE table_schema = DATABASE() AND constraint_name = 'PRIMARY' ORDER BY table_name, ordinal_position"
        }
    };
    let live = grouped(world.database.sql().lines(query));
    for table in declared() {
        let found = live.get(table.name).cloned().unwrap_or_default();
        assert_eq!(found, table.key, "the key of {}", table.name);
    }
}

/// Names that differ in case, accents or trailing space are different names, and text that sorts must sort the same everywhere.
fn text_is_compared_byte_by_byte(world: &World) {
    drop(world.writer());
    let mut sql = world.database.sql();
    let texts = || {
        declared().into_iter().flat_map(|table| {
            let texts = table.columns.into_iter().filter(|column| column.kind == "Text");
            texts.map(move |column| (table.name, column.name))
        })
    };
    match world.database.dialect() {
        // BINARY, unless a column says otherwise.
        Dialect::Sqlite => {
            let tables =
                sql.lines("SELECT sql AS line FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL");
            assert!(tables.iter().all(|table| !table.to_lowercase().contains("collate")), "{tables:?}");
        }
        Dialect::Postgres => {
            let collations = grouped(sql.lines(
                "SELECT table_name || '.' || column_name || '|' || coalesce(collation_name, 'the default of the database') AS line
                 FROM information_schema.columns WHERE table_schema = current_schema()",
            ));
            for (table, column) in texts() {
                assert_eq!(collations[&format!("{table}.{column}")], ["C"], "{table}.{column}");
            }
        }
        Dialect::Mysql => {
            let collations = grouped(sql.lines(
                "SELECT CONCAT(table_name, '.', column_name, '|', COALESCE(collation_name, 'none')) AS line
                 FROM information_schema.columns WHERE table_schema = DATABASE()",
            ));
            for (table, column) in texts() {
                let collation = &collations[&format!("{table}.{column}")][0];
                assert!(
                    collation.starts_with("utf8mb4") && collation.ends_with("bin"),
                    "{table}.{column}: {collation}"
                );
            }
        }
    }
}

/// Partitions, shards and other engines of the same protocol refuse them.
fn there_are_no_foreign_keys_and_no_triggers(world: &World) {
    drop(world.writer());
    let queries: &[&str] = match world.database.dialect() {
        Dialect::Sqlite => &[
            "SELECT name AS line FROM sqlite_master WHERE type IN ('trigger', 'view')",
            "SELECT t.name AS line FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'",
        ],
        Dialect::Postgres => &[
            "SELECT trigger_name::text AS line FROM information_schema.triggers WHERE trigger_schema = current_schema()",
            "SELECT constraint_name::text AS line FROM information_schema.table_constraints
             WHERE constraint_type = 'FOREIGN KEY' AND table_schema = current_schema()",
            "SELECT sequence_name::text AS line FROM information_schema.sequences WHERE sequence_schema = current_schema()",
        ],
        Dialect::Mysql => &[
            "SELECT CONCAT(trigger_name, '') AS line FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
            "SELECT CONCAT(constraint_name, '') AS line FROM information_schema.table_constraints
             WHERE constraint_type = 'FOREIGN KEY' AND table_schema = DATABASE()",
            "SELECT CONCAT(table_name, '.', column_name) AS line FROM information_schema.columns
             WHERE table_schema = DATABASE() AND extra LIKE '%auto_increment%'",
        ],
    };
    let mut sql = world.database.sql();
    for query in queries {
        assert_eq!(sql.lines(query), Vec::<String>::new(), "{query}");
    }
}

/// What takes the changes of the tables back, the newest first.
fn changes_taken_back(dialect: Dialect) -> [(&'static str, &'static str); 8] {
    macro_rules! down {
        ($folder:literal) => {
            [
                (
                    "20261130000000",
                    include_str!(concat!("../../migrations/", $folder, "/2026-11-30-000000_roll_up/down.sql")),
                ),
                (
                    "20261129000000",
                    include_str!(concat!("../../migrations/", $folder, "/2026-11-29-000000_share_content/down.sql")),
                ),
                (
                    "20261128000000",
                    include_str!(concat!("../../migrations/", $folder, "/2026-11-28-000000_keep_retention/down.sql")),
                ),
                (
                    "20261127000000",
                    include_str!(concat!("../../migrations/", $folder, "/2026-11-27-000000_watch_processes/down.sql")),
                ),
                (
                    "20261126000000",
                    include_str!(concat!("../../migrations/", $folder, "/2026-11-26-000000_keep_losses/down.sql")),
                ),
                (
                    "20261125000000",
                    include_str!(concat!(
                        "../../migrations/",
                        $folder,
                        "/2026-11-25-000000_keep_logged_events/down.sql"
                    )),
                ),
                (
                    "20261124000000",
                    include_str!(concat!("../../migrations/", $folder, "/2026-11-24-000000_keep_verbatim/down.sql")),
                ),
                (
                    "20261123000000",
                    include_str!(concat!("../../migrations/", $folder, "/2026-11-23-000000_keep_structure/down.sql")),
                ),
            ]
        };
    }
    match dialect {
        Dialect::Sqlite => down!("sqlite"),
        Dialect::Postgres => down!("postgres"),
        Dialect::Mysql => down!("mysql"),
    }
}

fn rows_of_an_older_schema_come_along(world: &World) {
    let spans = (0..3).flat_map(|trace| {
        [
            span(trace, 0).kind(Kind::Agent).agent("A").session("s").tokens(30, 3),
            span(trace, 1).model("own").tokens(20, 2).costing(0.25),
            span(trace, 2).model("nobody's").tokens(10, 1),
            span(trace, 3).tool("t"),
        ]
    });
    world.writer().write(spans);
    let sums = || {
        let repository = world.repository();
        let traces = repository.traces(&TraceFilter::new()).unwrap().items;
        let traces: Vec<_> =
            traces.iter().map(|t| (t.usage, t.cost_nano_usd, t.unpriced_count, t.span_count)).collect();
        let session = repository.session("s").unwrap();
        let records: Vec<_> = (0..3).map(|trace| repository.records(trace_id(trace)).unwrap()).collect();
        (traces, session.usage, session.cost_nano_usd, session.unpriced_count, records)
    };
    let before = sums();
    let run =
        || world.database.sql().lines("SELECT version AS line FROM trace_schema WHERE version <> '' ORDER BY version");
    let all = run();
    let changes = changes_taken_back(world.database.dialect());
    assert_eq!(all.last().map(String::as_str), Some(changes[0].0));
    for (version, down) in changes {
        world.database.sql().execute(down);
        world.database.sql().execute(&format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'"));
    }
    assert_eq!(run().len(), all.len() - changes.len());

    let writer = world.writer();
    assert_eq!(run(), all);
    assert_eq!(sums(), before);
    // What comes now adds to it.
    writer.write([span(0, 4).model("own").tokens(1, 0).costing(0.5)]);
    let (traces, usage, cost, unpriced, _) = sums();
    assert_eq!(traces.iter().map(|(usage, ..)| usage.input).collect::<Vec<_>>(), [Some(30), Some(30), Some(31)]);
    assert_eq!((usage.input, cost, unpriced), (Some(91), Some(1_250_000_000), 3));
    rollups::assert_agree(&world.repository(), "an older schema");
}
