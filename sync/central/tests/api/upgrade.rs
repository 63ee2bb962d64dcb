//! A database of schema version 1 opens, and what it held is what it was.

use crate::world::TestRim;
use central::{Central, Rim, database_path, feed};
use rusqlite::{Connection, params};
use serde_json::json;
use sync::digest::{RowDigest, TableDigest};
use sync::protocol::feed::Feed;
use uuid::Uuid;

#[test]
fn a_database_of_version_1_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let (terminal, article) = (Uuid::from_u128(5), Uuid::from_u128(9));
    {
        let old = Connection::open(database_path(dir.path())).unwrap();
        old.execute_batch(include_str!("../../sql/001_create.sql")).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute("INSERT INTO store VALUES (1, ?1, 'S001', 'S')", [[7u8; 16]]).unwrap();
        let sql = "INSERT INTO terminal VALUES (?1, 1, 'T01', 2, ?2, 'soft', 10, NULL, 20)";
        old.execute(sql, params![terminal.as_bytes(), [3u8; 32]]).unwrap();
        let sql = "INSERT INTO watermark VALUES (?1, 2, 1, ?2)";
        old.execute(sql, params![terminal.as_bytes(), [4u8; 32]]).unwrap();
        let sql = "INSERT INTO inbox (terminal, epoch, seq, hash, kind, at_ms, received_ms, state,
                   code, bytes) VALUES (?1, 2, 1, ?2, 'k', 30, 40, 'quarantined', 'C', 'bytes')";
        old.execute(sql, params![terminal.as_bytes(), [4u8; 32]]).unwrap();
        let sql = "INSERT INTO feed_row (feed, scope, tbl, key, rank, row)
                   VALUES (2, 0, 'article', ?1, 1, ?2)";
        for (key, row) in [(article, Some("{\"a\":1}")), (Uuid::from_u128(8), None)] {
            old.execute(sql, params![key.as_bytes(), row]).unwrap();
        }
        let sql = "INSERT INTO snapshot (feed, scope, pos, rows, built_ms, expires_ms)
                   VALUES (2, 0, 1, 1, 0, 9)";
        old.execute(sql, []).unwrap();
    }
    let rim = TestRim::new();
    let central = Central::open_with(dir.path(), rim.clone()).unwrap();
    let database = central.database();
    let terminals = database.read(central::enrol::terminals).unwrap();
    let told = serde_json::to_value(&terminals[0]).unwrap();
    assert_eq!(told["id"], json!(terminal));
    let facts = (&told["epoch"], &told["software"], &told["acked_seq"], &told["held_back"]);
    assert_eq!(facts, (&json!(2), &json!("soft"), &json!(1), &json!(1)));
    let life = database.read(|c| central::life::find(c, terminal, Some(2))).unwrap();
    assert!(matches!(life, central::life::Lookup::Life(life) if life.public_key == [3; 32]));
    let held = database.read(|c| central::quarantine::list(c, 0, 10)).unwrap();
    assert_eq!((held[0].seq, held[0].code.as_deref(), held[0].stray_of), (1, Some("C"), None));
    let checkpoint = database.read(|c| feed::checkpoint(c, Feed::Catalogue, 0)).unwrap();
    let mut sum = TableDigest::default();
    sum.add(RowDigest::of("article", &article.to_string(), "{\"a\":1}"));
    assert_eq!(checkpoint.tables, [sum.to_wire("article")]);
    let count = |sql: &'static str| {
        database.read(|c| Ok(c.query_row(sql, [], |row| row.get::<_, i64>(0))?)).unwrap()
    };
    assert_eq!(count("SELECT count(*) FROM snapshot"), 0);
    assert_eq!(count("SELECT business_ms FROM inbox"), 30);
    assert_eq!(count("SELECT count(*) FROM feed_row WHERE row IS NULL AND gone_ms = 0"), 1);
    assert!(rim.now_ms() > 0);
    // And it opens again as it is.
    drop(central);
    Central::open_with(dir.path(), rim).unwrap();
}

#[test]
fn what_was_dismissed_before_version_3_can_be_reopened_and_stays_on_record() {
    let dir = tempfile::tempdir().unwrap();
    {
        let old = Connection::open(database_path(dir.path())).unwrap();
        old.execute_batch(include_str!("../../sql/001_create.sql")).unwrap();
        old.execute_batch(include_str!("../../sql/002_lives.sql")).unwrap();
        old.pragma_update(None, "user_version", 2).unwrap();
        old.execute_batch(
            "INSERT INTO inbox (id, terminal, epoch, seq, is_stray, hash, kind, at_ms, business_ms,
                 is_clamped, received_ms, state, code, bytes)
             VALUES (4, zeroblob(16), 0, 1, 0, zeroblob(32), 'k', 30, 30, 0, 40, 'dismissed', 'C', 'b');
             INSERT INTO act VALUES (7, 4, 50, 'dismissed', 'Anna', 'why not', NULL);",
        )
        .unwrap();
    }
    let central = Central::open_with(dir.path(), TestRim::new()).unwrap();
    let reopen = |c: &_| central::quarantine::reopen(c, 4, ("Berta", "because"), 60);
    let released = central.database().writer().run(reopen).unwrap().unwrap();
    assert_eq!((released.state.as_str(), released.code.as_deref()), ("quarantined", Some("C")));
    let acts = central.database().read(|c| {
        let sql = "SELECT group_concat(id || kind || by_whom || why, ' ') FROM act";
        Ok(c.query_row(sql, [], |row| row.get::<_, String>(0))?)
    });
    assert_eq!(acts.unwrap(), "7dismissedAnnawhy not 8reopenedBertabecause");
}
