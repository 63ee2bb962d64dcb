//! Checkpoints: what the rows add up to; tombstones, and how they are forgotten.

use crate::world::{Terminal, World};
use central::feed;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use sync::digest::{RowDigest, TableDigest};
use sync::protocol::feed::Feed;
use sync::snapshot;

const DAY: i64 = 86_400_000;

/// A replica as a terminal keeps it: the text of each row by table and key.
#[derive(Default)]
struct Replica {
    rows: BTreeMap<(String, String), String>,
    cursor: String,
}

impl Replica {
    fn sums(&self) -> BTreeMap<&str, TableDigest> {
        let mut sums: BTreeMap<&str, TableDigest> = BTreeMap::new();
        for ((table, key), row) in &self.rows {
            sums.entry(table).or_default().add(RowDigest::of(table, key, row));
        }
        sums
    }

    fn assert_adds_up(&self, checkpoint: &Value) {
        let sums = self.sums();
        let tables = checkpoint["tables"].as_array().unwrap();
        assert!(!tables.is_empty());
        for table in tables {
            let name = table["table"].as_str().unwrap();
            let ours = sums.get(name).copied().unwrap_or_default();
            assert_eq!(table["rows"], ours.rows, "{name}");
            assert_eq!(table["digest"], ours.to_string(), "{name}");
        }
    }

    /// Reads to the end and compares; false if the cursor is refused.
    async fn follow(&mut self, world: &World, till: &Terminal, feed: Feed) -> bool {
        loop {
            let url = format!(
                "{}/v1/feeds/{}/changes?limit=7&after={}",
                world.address,
                feed.name(),
                self.cursor
            );
            let answer = world.http.get(url).bearer_auth(&till.token).send().await.unwrap();
            if answer.status() == 410 {
                return false;
            }
            // The text of rows matters to the letter: read as the wire type, not as a value.
            let text = answer.text().await.unwrap();
            let page: sync::protocol::feed::ChangesPage = serde_json::from_str(&text).unwrap();
            for change in page.changes {
                let at = (change.table, change.key);
                match change.row {
                    Some(row) => drop(self.rows.insert(at, row.get().to_owned())),
                    None => drop(self.rows.remove(&at)),
                }
            }
            self.cursor = page.next;
            if !page.more {
                let checkpoint = serde_json::to_value(page.checkpoint.unwrap()).unwrap();
                self.assert_adds_up(&checkpoint);
                return true;
            }
            assert!(page.checkpoint.is_none() && page.included.is_empty());
        }
    }

    /// Begins with a snapshot.
    async fn load(world: &World, till: &Terminal, feed: Feed) -> Self {
        let body = Some(json!({"feeds": [feed.name()]}));
        let (status, manifest) = world.send("POST", "/v1/snapshots", Some(&till.token), body).await;
        assert_eq!(status, 200, "{manifest}");
        let plan = &manifest["feeds"][0];
        let mut replica =
            Self { cursor: plan["cursor"].as_str().unwrap().into(), ..Self::default() };
        for chunk in plan["chunks"].as_array().unwrap() {
            let url = format!("{}/v1/chunks/{}", world.address, chunk["sha256"].as_str().unwrap());
            let answer = world.http.get(url).bearer_auth(&till.token).send().await.unwrap();
            for line in snapshot::unpack(&answer.bytes().await.unwrap()).unwrap() {
                replica.rows.insert((line.table, line.key), line.row.get().to_owned());
            }
        }
        replica.assert_adds_up(&plan["checkpoint"]);
        replica
    }
}

async fn delete(world: &World, keys: Vec<uuid::Uuid>) {
    let now_ms = central::Rim::now_ms(world.rim.as_ref());
    world
        .change(move |c| {
            for key in keys {
                assert!(feed::delete(c, Feed::Catalogue, feed::EVERYBODY, key, now_ms)?);
            }
            Ok(())
        })
        .await;
}

async fn fresh_token(world: &World, till: &mut Terminal) {
    till.token = world.token(till).await.1["token"].as_str().unwrap().into();
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_manifests_tell_what_the_rows_add_up_to() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let mut replicas = BTreeMap::new();
    for feed in Feed::ALL {
        let mut replica = Replica::load(&world, &till, feed).await;
        assert!(replica.follow(&world, &till, feed).await);
        let mut from_nothing = Replica::default();
        assert!(from_nothing.follow(&world, &till, feed).await);
        assert_eq!(from_nothing.rows, replica.rows);
        replicas.insert(feed, replica);
    }
    // Sales, a price, a deletion: what moves keeps adding up.
    let (milk, marie) = (world.article(1).await, world.marie().await);
    let order = till.order(&[(&milk, 2)], Some(marie));
    let events = [till.placed(&order), till.paid(&order)];
    assert_eq!(world.push(&till, &events).await.0, 200);
    delete(&world, vec![world.article(5).await.id]).await;
    for feed in Feed::ALL {
        let replica = replicas.get_mut(&feed).unwrap();
        assert!(replica.follow(&world, &till, feed).await, "{feed:?}");
    }
    assert_eq!(replicas[&Feed::Catalogue].rows.len(), 39);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_are_forgotten_when_everybody_has_passed_them_and_they_are_old() {
    let world = World::new().await;
    let (mut fast, mut slow) = (world.terminal(1).await, world.terminal(2).await);
    let mut quick = Replica::load(&world, &fast, Feed::Catalogue).await;
    let mut late = Replica::load(&world, &slow, Feed::Catalogue).await;
    let mut gone = Replica::load(&world, &slow, Feed::Catalogue).await;
    assert!(late.follow(&world, &slow, Feed::Catalogue).await);
    delete(&world, vec![world.article(5).await.id, world.article(6).await.id]).await;
    assert!(quick.follow(&world, &fast, Feed::Catalogue).await);
    let central = std::sync::Arc::clone(&world.central);
    let compact = async || {
        let central = std::sync::Arc::clone(&central);
        tokio::task::spawn_blocking(move || central.compact()).await.unwrap().unwrap()
    };
    let tombstones = "SELECT count(*) FROM feed_row WHERE row IS NULL";
    compact().await;
    assert_eq!(world.count(tombstones).await, 2, "too young");
    // Old enough, but the slow one, heard of a day ago, has not read them.
    world.rim.pass_ms(89 * DAY);
    fresh_token(&world, &mut slow).await;
    world.rim.pass_ms(2 * DAY);
    fresh_token(&world, &mut fast).await;
    assert!(quick.follow(&world, &fast, Feed::Catalogue).await);
    compact().await;
    assert_eq!(world.count(tombstones).await, 2, "the slow one has not read them");
    // It reads them: they can go, and nobody is refused.
    fresh_token(&world, &mut slow).await;
    assert!(late.follow(&world, &slow, Feed::Catalogue).await);
    assert!(late.follow(&world, &slow, Feed::Catalogue).await, "the cursor after them is told");
    assert!(quick.follow(&world, &fast, Feed::Catalogue).await);
    compact().await;
    assert_eq!(world.count(tombstones).await, 0);
    assert!(quick.follow(&world, &fast, Feed::Catalogue).await);
    assert!(late.follow(&world, &slow, Feed::Catalogue).await);
    // A cursor from before is refused, for a snapshot that has no need of them.
    assert!(!gone.follow(&world, &slow, Feed::Catalogue).await);
    gone = Replica::load(&world, &slow, Feed::Catalogue).await;
    assert!(gone.follow(&world, &slow, Feed::Catalogue).await);
    assert_eq!(gone.rows, quick.rows);
    assert_eq!(compact().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_is_silent_for_long_keeps_nothing_back() {
    let world = World::new().await;
    let (mut fast, slow) = (world.terminal(1).await, world.terminal(2).await);
    let mut quick = Replica::load(&world, &fast, Feed::Catalogue).await;
    let mut late = Replica::load(&world, &slow, Feed::Catalogue).await;
    assert!(late.follow(&world, &slow, Feed::Catalogue).await);
    delete(&world, vec![world.article(5).await.id]).await;
    world.rim.pass_ms(91 * DAY);
    fresh_token(&world, &mut fast).await;
    assert!(quick.follow(&world, &fast, Feed::Catalogue).await);
    assert!(quick.follow(&world, &fast, Feed::Catalogue).await);
    let central = std::sync::Arc::clone(&world.central);
    tokio::task::spawn_blocking(move || central.compact()).await.unwrap().unwrap();
    assert_eq!(world.count("SELECT count(*) FROM feed_row WHERE row IS NULL").await, 0);
}
