//! Every schema ever released, with data, can be brought up to the present one.
//!
//! `sql/released/vN.sql` is the dump of a database as version N left it. To release a version: run
//! `cargo test -p crossroads-store write_the_dump -- --ignored` once, and never edit the file again.

use super::*;
use crate::connection::{Purpose, connect};
use crate::open::open_as;
use crate::schema::{MIGRATIONS, Migration, SCHEMA, VERSION};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::fmt::Write;

const RELEASED: [(u32, &str); 5] = [
    (1, include_str!("../sql/released/v1.sql")),
    (2, include_str!("../sql/released/v2.sql")),
    (3, include_str!("../sql/released/v3.sql")),
    (4, include_str!("../sql/released/v4.sql")),
    (5, include_str!("../sql/released/v5.sql")),
];

/// Objects of the schema, without FTS5's own tables, by name.
fn schema_of(connection: &Connection) -> Vec<(String, String)> {
    let mut statement = connection
        .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL \
             AND name NOT GLOB '*_text_*' AND name NOT GLOB 'sqlite_*' ORDER BY name",
        )
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    // Comments and layout may differ between a script and a migration, meaning may not.
    rows.map(|row: Result<(String, String), _>| {
        let (name, sql) = row.unwrap();
        let lines = sql.lines().map(|line| line.split("--").next().unwrap_or(""));
        let words = lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
        // A column that was added stands where SQLite put it.
        (name, words.replace(" ,", ",").replace("( ", "(").replace(" )", ")"))
    })
    .collect()
}

/// A shop whose database is a released version's.
fn shop_of(version: u32, dump: &str) -> Shop {
    let mut shop = Shop::new();
    shop.open().close();
    std::fs::remove_file(shop.path()).unwrap();
    let connection = connect(&SystemFiles, &shop.path(), &shop.key(), Purpose::Write).unwrap();
    connection.execute_batch(dump).unwrap();
    connection.pragma_update(None, "user_version", version).unwrap();
    shop
}

#[test]
fn every_release_comes_up_to_the_present() {
    assert_eq!(RELEASED.last().unwrap().0, VERSION, "each release keeps its dump");
    let mut fresh = Shop::new();
    fresh.open().close();
    let present = connect(&SystemFiles, &fresh.path(), &fresh.key(), Purpose::Read).unwrap();
    for (version, dump) in RELEASED {
        let mut shop = shop_of(version, dump);
        let store = shop.open();
        assert_eq!(waiting(&store).len(), 6, "v{version}: what was not sent waits");
        assert!(waiting(&store).iter().all(|item| item.sealed().is_some()));
        let totals = store.totals().unwrap();
        assert_eq!((totals.orders, totals.paid_orders), (2, 2), "v{version}");
        assert_eq!(store.verify_journal().unwrap().fault, None);
        assert_eq!(store.search_articles("mues", 5).unwrap().len(), 1);
        assert_eq!(store.search_customers("anna", 5).unwrap().len(), 1);
        assert_eq!(store.history(customer(1), 0, 5).unwrap().len(), 2);
        assert_eq!(store.draft().unwrap().unwrap().lines.len(), 1);
        let counted = store.count().unwrap().map_or(0, |kept| kept.lines.len());
        assert_eq!(counted, if version >= 5 { 2 } else { 0 }, "v{version}");
        let second = store.order_by_number("S012-T03-0-000002").unwrap().unwrap();
        assert_eq!(Some(second), store.last_order().unwrap(), "v{version}");
        assert_eq!(store.check_database().unwrap(), Vec::<String>::new());
        let number = shop.sell(&store, &[(1, 1)]).order.number;
        assert_eq!(number, "S012-T03-0-000003", "v{version} goes on counting");
        store.close();
        let migrated = connect(&SystemFiles, &shop.path(), &shop.key(), Purpose::Read).unwrap();
        assert_eq!(schema_of(&migrated), schema_of(&present), "v{version}");
    }
}

/// A migration that stops at any of its statements changes nothing, and the next start makes all of it.
#[test]
fn a_migration_is_made_whole_or_not_at_all() {
    for step in MIGRATIONS {
        let (version, dump) = RELEASED[step.to as usize - 2];
        let mut shop = shop_of(version, dump);
        let cuts = step.sql.match_indices(";\n").map(|(at, _)| &step.sql[..at + 2]);
        for (number, done) in cuts.enumerate() {
            let sql: &'static str = Box::leak(format!("{done} NONSENSE;").into_boxed_str());
            let cut = [Migration { to: step.to, sql }];
            let opened = open_as(&shop.options(), &shop.keys(), SCHEMA, &cut, step.to);
            assert!(matches!(opened.err(), Some(OpenError::Sqlite { .. })), "statement {number}");
        }
        let connection = connect(&SystemFiles, &shop.path(), &shop.key(), Purpose::Read).unwrap();
        let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(found, version);
        drop(connection);
        let store = shop.open();
        assert_eq!(waiting(&store).len(), 6, "v{version}");
        assert_eq!(store.verify_journal().unwrap().fault, None);
    }
}

/// What version 2 knew of acknowledgements and of stock is carried over.
#[test]
fn lives_of_version_2_are_carried_over() {
    let mut shop = shop_of(2, RELEASED[1].1);
    let connection = connect(&SystemFiles, &shop.path(), &shop.key(), Purpose::Write).unwrap();
    let two_lives = "UPDATE life SET acked_seq = 4;
         UPDATE feed SET included_position = 3 WHERE name = 'stock';
         UPDATE base_stock SET stage = 0;";
    connection.execute_batch(two_lives).unwrap();
    drop(connection);
    let store = shop.open();
    let events = waiting(&store);
    assert_eq!(events.iter().map(|item| item.place().seq).collect::<Vec<_>>(), [5, 6]);
    assert!(events.iter().all(|item| item.sealed().is_some()), "the chain hangs together");
    let milk = domain::id::ArticleId::from_uuid(article_row(1, "", 1).id);
    assert_eq!(store.stock(milk).unwrap(), Some(8), "9, without what central includes already");
    // Rows of version 2 have no digest; sums are compared once all of them came anew.
    let sum = sync::digest::TableDigest { rows: 5, sum: 5 };
    let checkpoint =
        |table: &str| Some(sync::protocol::feed::Checkpoint { tables: vec![sum.to_wire(table)] });
    // Packs came with version 5: articles are loaded anew, and are there until then.
    assert_eq!(store.feed_progress(Feed::Catalogue).unwrap().cursor, None);
    assert!(store.article_by_gtin(gtin(1)).unwrap().is_some());
    for (feed, cursor, table) in [
        (Feed::Config, "c1", "staff"),
        (Feed::Stock, "s1", "stock"),
        (Feed::Customers, "u1", "customer"),
        (Feed::History, "h1", "order"),
    ] {
        let told = ChangesPage { checkpoint: checkpoint(table), ..page(vec![], "later") };
        let applied = store.apply_page(feed, cursor, &told, AT).unwrap();
        assert_eq!(applied, Applied::Committed, "{table}");
        store.reset_feed(feed).unwrap();
        let chunk = chunk(&[]);
        let plan = FeedSnapshot { checkpoint: checkpoint(table), ..plan(feed, "new", &[&chunk]) };
        store.begin_snapshot(&plan).unwrap();
        assert_eq!(apply(&store, feed, &chunk), Applied::Diverged, "{table}");
        let none = sync::digest::TableDigest::default().to_wire(table);
        let none = Some(sync::protocol::feed::Checkpoint { tables: vec![none] });
        let told = ChangesPage { checkpoint: none, ..page(vec![], "newer") };
        let applied = store.apply_page(feed, "new", &told, AT).unwrap();
        assert_eq!(applied, Applied::Committed, "{table}: nothing is left of what was there");
    }
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => {
            format!("'{}'", std::str::from_utf8(text).unwrap().replace('\'', "''"))
        }
        ValueRef::Blob(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{hex}'")
        }
    }
}

/// The schema as released, then every row. Full-text tables are filled by their words, since their pages are
/// SQLite's own affair.
fn dump(connection: &Connection) -> String {
    let mut script = format!("-- Version {VERSION} as released, with data. Never edited.\n");
    script.push_str(SCHEMA);
    script.push_str("DELETE FROM feed;\nDELETE FROM base_digest;\n");
    let mut statement = connection
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB '*_text*' \
             AND name NOT GLOB 'sqlite_*' ORDER BY rowid",
        )
        .unwrap();
    let tables: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for table in tables {
        let mut rows = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<String> =
                (0..columns).map(|at| literal(row.get_ref(at).unwrap())).collect();
            writeln!(script, "INSERT INTO {table} VALUES ({});", values.join(", ")).unwrap();
        }
    }
    let mut rows =
        connection.prepare("SELECT place, name, detail, gtins FROM base_article").unwrap();
    let mut rows = rows.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (name, detail): (String, String) = (row.get(1).unwrap(), row.get(2).unwrap());
        let words = crate::search::index_line([name.as_str(), detail.as_str()]);
        let gtins: Vec<u8> = row.get(3).unwrap();
        let endings = crate::catalogue::endings(&crate::catalogue::unpack_gtins(&gtins).unwrap());
        let place: i64 = row.get(0).unwrap();
        for (table, words) in [("article_text", words), ("article_ending_text", endings)] {
            writeln!(script, "INSERT INTO {table} (rowid, words) VALUES ({place}, '{words}');")
                .unwrap();
        }
    }
    let mut rows = connection.prepare("SELECT number, row FROM base_customer").unwrap();
    let mut rows = rows.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let json: String = row.get(1).unwrap();
        let words = crate::customer::index_words(&serde_json::from_str(&json).unwrap());
        let number: i64 = row.get(0).unwrap();
        writeln!(script, "INSERT INTO customer_text (rowid, words) VALUES ({number}, '{words}');")
            .unwrap();
    }
    script
}

#[test]
#[ignore = "writes a file of the source tree: run once at a release"]
fn write_the_dump() {
    let mut shop = Shop::new();
    let store = shop.open_for_business();
    load_articles(&store, &[(1, "Bio Müsli"), (2, "Milch")]);
    let anna = customer_row(1, "Anna Meier", "+41 79 123 45 67", "anna@example.org");
    load(&store, Feed::Customers, "u1", &[("customer", serde_json::to_string(&anna).unwrap())]);
    load(&store, Feed::History, "h1", &[("order", feeds::past_order(5, 1, AT.0, 9, "CHF"))]);
    let stock = sync::protocol::feed::StockRow { article: article_row(1, "", 1).id, on_hand: 9 };
    load(&store, Feed::Stock, "s1", &[("stock", serde_json::to_string(&stock).unwrap())]);
    shop.sell(&store, &[(1, 2)]);
    shop.sell_to(&store, &[(1, 1), (2, 3)], Some(customer(1)));
    let (draft, parked) = (shop.basket(&[(1, 1)], None), shop.basket(&[(2, 1)], None));
    store.park(&parked, AT).unwrap();
    store.save_draft(&draft).unwrap();
    store.save_count(&count::count_head(), &count::counted(&[1, 2])).unwrap();
    store.set_setting("language", "de").unwrap();
    store.close();
    let connection = connect(&SystemFiles, &shop.path(), &shop.key(), Purpose::Read).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/sql/released/");
    std::fs::write(format!("{path}v{VERSION}.sql"), dump(&connection)).unwrap();
}
