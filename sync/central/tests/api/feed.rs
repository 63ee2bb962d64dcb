//! Feeds: pages, cursors, scopes, long polls.

use crate::world::{TestRim, World};
use central::{Central, price};
use domain::gtin::Gtin;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn pages_walk_the_whole_feed_and_end() {
    let world = World::new().await;
    let till = world.terminal(1).await;
    let mut after = String::new();
    let mut keys = Vec::new();
    let mut last_pos = 0;
    loop {
        let path = format!("/v1/feeds/catalogue/changes?after={after}&limit=7");
        let (status, page) = world.get(&till, &path).await;
        assert_eq!(status, 200, "{page}");
        let changes = page["changes"].as_array().unwrap();
        assert!(changes.len() <= 7);
        for change in changes {
            let pos = change["pos"].as_u64().unwrap();
            assert!(pos > last_pos);
            last_pos = pos;
            keys.push(change["key"].as_str().unwrap().to_owned());
            assert_eq!(change["row"]["id"], change["key"]);
        }
        after = page["next"].as_str().unwrap().into();
        if page["more"] == json!(false) {
            assert!(page["checkpoint"].is_object());
            break;
        }
        assert!(page.get("included").is_none());
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 40);
    // A changed price is the only news, and the article has one row still.
    world
        .change(|c| Ok(price::set_price(c, Gtin::parse("9520000000011").unwrap(), 205)?.unwrap()))
        .await;
    let path = format!("/v1/feeds/catalogue/changes?after={after}");
    let (_, page) = world.get(&till, &path).await;
    assert_eq!(page["changes"].as_array().unwrap().len(), 1);
    assert_eq!(page["changes"][0]["row"]["price_minor"], 205);
    assert_eq!(page["changes"][0]["row"]["price_version"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_sees_its_own_store_only() {
    let world = World::new().await;
    let (bern, zurich) = (world.terminal_of(1, 1, None).await, world.terminal_of(2, 2, None).await);
    for (till, name) in [(&bern, "Crossroads Bern"), (&zurich, "Crossroads Zürich")] {
        let (_, page) = world.get(till, "/v1/feeds/config/changes").await;
        let rows = page["changes"].as_array().unwrap();
        let stores: Vec<_> = rows.iter().filter(|change| change["table"] == "store").collect();
        assert_eq!(stores.len(), 1);
        assert_eq!(stores[0]["row"]["name"], name);
        assert_eq!(stores[0]["row"]["id"], till.store.to_string());
        assert_eq!(rows.iter().filter(|change| change["table"] == "staff").count(), 3);
        let (_, page) = world.get(till, "/v1/feeds/stock/changes?limit=2000").await;
        assert_eq!(page["changes"].as_array().unwrap().len(), 40);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_cursors_are_gone_and_feeds_have_names() {
    let world = World::new().await;
    let till = world.terminal(1).await;
    for after in ["0000000000000000.5", "garbage", "999"] {
        let path = format!("/v1/feeds/stock/changes?after={after}");
        let (status, problem) = world.get(&till, &path).await;
        assert_eq!((status, &problem["code"]), (410, &json!("CURSOR_COMPACTED")));
    }
    let (_, page) = world.get(&till, "/v1/feeds/stock/changes?limit=2000").await;
    let next = page["next"].as_str().unwrap();
    // A cursor of the future: this database was restored from a backup. All older cursors end with it, once.
    let epoch_of = |cursor: &str| cursor.split_once('.').unwrap().0.to_owned();
    let old = format!("/v1/feeds/stock/changes?after={next}");
    assert_eq!(world.get(&till, &old).await.0, 200);
    let future = format!("/v1/feeds/stock/changes?after={next}9");
    assert_eq!(world.get(&till, &future).await.0, 410);
    assert_eq!(world.get(&till, &old).await.0, 410);
    let (_, page) = world.get(&till, "/v1/feeds/stock/changes?limit=2000").await;
    let new = page["next"].as_str().unwrap().to_owned();
    assert_ne!(epoch_of(&new), epoch_of(next));
    // A terminal that is merely wrong does not make all others start over again.
    let future = format!("/v1/feeds/stock/changes?after={new}9");
    assert_eq!(world.get(&till, &future).await.0, 410);
    let after_that = format!("/v1/feeds/stock/changes?after={new}");
    assert_eq!(world.get(&till, &after_that).await.0, 200);
    assert_eq!(world.get(&till, "/v1/feeds/weather/changes").await.0, 404);
    assert_eq!(world.get(&till, "/v1/feeds/stock/changes?limit=many").await.0, 400);
    assert_eq!(world.send("GET", "/v1/feeds/stock/changes", None, None).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_ahead_of_its_watermark_tells_of_a_restore() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let (_, page) = world.get(&till, "/v1/feeds/config/changes").await;
    let path = format!("/v1/feeds/config/changes?after={}", page["next"].as_str().unwrap());
    let events: Vec<_> = (0..3).map(|_| till.shift_opened().1).collect();
    // An impossible number is no sign of anything.
    assert_eq!(world.push_raw(&till, 0, 0, &[&events[0].bytes]).await.0, 409);
    assert_eq!(world.get(&till, &path).await.0, 200);
    assert_eq!(world.push(&till, &events[2..]).await.1["code"], "GAP");
    assert_eq!(world.get(&till, &path).await.0, 410);
    assert_eq!(world.push(&till, &events).await.1["acked_seq"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_wakes_for_this_process_and_for_another() {
    let world = World::new().await;
    let till = world.terminal(1).await;
    let (_, page) = world.get(&till, "/v1/feeds/catalogue/changes?limit=2000").await;
    let mut next = page["next"].as_str().unwrap().to_owned();
    let gtin = Gtin::parse("9520000000011").unwrap();
    for from_outside in [false, true] {
        let path = format!("/v1/feeds/catalogue/changes?after={next}&wait=20");
        let started = Instant::now();
        let change = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let price = if from_outside { 333 } else { 222 };
            if from_outside {
                let path = world.dir.path().to_path_buf();
                let act = move || {
                    let other = Central::open_with(&path, TestRim::new()).unwrap();
                    other.database().writer().run(move |c| price::set_price(c, gtin, price))
                };
                tokio::task::spawn_blocking(act).await.unwrap().unwrap();
            } else {
                world.change(move |c| price::set_price(c, gtin, price)).await;
            }
        };
        let ((status, page), ()) = tokio::join!(world.get(&till, &path), change);
        assert_eq!(status, 200);
        assert_eq!(page["changes"].as_array().unwrap().len(), 1, "{page}");
        assert!(started.elapsed() < Duration::from_secs(10), "it waited for the change only");
        next = page["next"].as_str().unwrap().into();
    }
    // Nothing happens: an empty page after the time asked for.
    let started = Instant::now();
    let path = format!("/v1/feeds/catalogue/changes?after={next}&wait=1");
    let (_, page) = world.get(&till, &path).await;
    assert_eq!(page["changes"], json!([]));
    assert!(started.elapsed() >= Duration::from_millis(900));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_answers_long_polls() {
    let mut world = World::new().await;
    let till = world.terminal(1).await;
    let (_, page) = world.get(&till, "/v1/feeds/catalogue/changes?limit=2000").await;
    let url = format!(
        "{}/v1/feeds/catalogue/changes?wait=25&after={}",
        world.address,
        page["next"].as_str().unwrap()
    );
    let poll = tokio::spawn(world.http.get(url).bearer_auth(&till.token).send());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let started = Instant::now();
    world.stop().await;
    assert_eq!(poll.await.unwrap().unwrap().status(), 200);
    assert!(started.elapsed() < Duration::from_secs(5));
    drop(Arc::clone(&world.central));
}
