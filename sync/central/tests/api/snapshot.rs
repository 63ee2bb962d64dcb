//! Snapshots: chunks that together are the feed, fetched by hash.

use crate::world::{Terminal, World};
use central::{Fault, price};
use domain::gtin::Gtin;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use sync::snapshot;

async fn manifest(world: &World, till: &Terminal, feeds: Value) -> Value {
    let body = json!({ "feeds": feeds });
    let (status, manifest) =
        world.send("POST", "/v1/snapshots", Some(&till.token), Some(body)).await;
    assert_eq!(status, 200, "{manifest}");
    manifest
}

async fn fetch(world: &World, till: &Terminal, sha256: &str, range: Option<&str>) -> Vec<u8> {
    let url = format!("{}/v1/chunks/{sha256}", world.address);
    let mut request = world.http.get(url).bearer_auth(&till.token);
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), if range.is_some() { 206 } else { 200 });
    assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    response.bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_together_are_the_feed() {
    let world = World::with(5_000, Fault::None).await;
    let till = world.terminal(1).await;
    let all = json!(["history", "config", "customers", "catalogue", "stock"]);
    let manifest = manifest(&world, &till, all).await;
    let names: Vec<_> =
        manifest["feeds"].as_array().unwrap().iter().map(|f| f["feed"].clone()).collect();
    assert_eq!(names, ["config", "catalogue", "stock", "customers", "history"]);
    for feed in manifest["feeds"].as_array().unwrap() {
        let mut rows: BTreeMap<String, String> = BTreeMap::new();
        let mut ranks = Vec::new();
        for (position, chunk) in feed["chunks"].as_array().unwrap().iter().enumerate() {
            let sha256 = chunk["sha256"].as_str().unwrap();
            let bytes = fetch(&world, &till, sha256, None).await;
            assert_eq!(bytes.len() as u64, chunk["bytes"].as_u64().unwrap());
            snapshot::verify(&bytes, sha256).unwrap();
            let lines = snapshot::unpack(&bytes).unwrap();
            assert_eq!(lines.len() as u64, chunk["rows"].as_u64().unwrap());
            if position == 0 {
                assert!(lines.len() <= 2_000, "selling starts with the first chunk");
                let (from, to) = (
                    fetch(&world, &till, sha256, Some("bytes=0-99")).await,
                    fetch(&world, &till, sha256, Some("bytes=100-")).await,
                );
                assert_eq!([from, to].concat(), bytes);
            }
            for line in lines {
                let row: Value = serde_json::from_str(line.row.get()).unwrap();
                ranks.extend(row["rank"].as_u64());
                rows.insert(line.key, line.row.get().to_owned());
            }
        }
        assert!(ranks.is_sorted(), "best sellers first");
        assert_eq!(rows.len() as u64, feed["rows"].as_u64().unwrap());
        let name = feed["feed"].as_str().unwrap();
        let mut read: BTreeMap<String, String> = BTreeMap::new();
        let mut after = String::new();
        loop {
            let path = format!("/v1/feeds/{name}/changes?limit=2000&after={after}");
            let (_, page) = world.get(&till, &path).await;
            for change in page["changes"].as_array().unwrap() {
                let key = change["key"].as_str().unwrap().to_owned();
                read.insert(key, change["row"].to_string());
            }
            after = page["next"].as_str().unwrap().into();
            if page["more"] == json!(false) {
                break;
            }
        }
        let same = |text: &String| serde_json::from_str::<Value>(text).unwrap().to_string();
        assert_eq!(
            rows.values().map(same).collect::<Vec<_>>(),
            read.into_values().collect::<Vec<_>>()
        );
        // The cursor of the snapshot is where its rows end.
        let cursor = feed["cursor"].as_str().unwrap();
        let path = format!("/v1/feeds/{name}/changes?after={cursor}");
        let (_, page) = world.get(&till, &path).await;
        assert_eq!(page["changes"], json!([]), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_used_again_and_its_cursor_covers_the_rest() {
    let world = World::new().await;
    let till = world.terminal(1).await;
    let first = manifest(&world, &till, json!(["catalogue"])).await;
    let gtin = Gtin::parse("9520000000011").unwrap();
    world.change(move |c| price::set_price(c, gtin, 222)).await;
    let second = manifest(&world, &till, json!(["catalogue"])).await;
    assert_eq!(first["feeds"], second["feeds"]);
    let cursor = second["feeds"][0]["cursor"].as_str().unwrap();
    let path = format!("/v1/feeds/catalogue/changes?after={cursor}");
    let (_, page) = world.get(&till, &path).await;
    assert_eq!(page["changes"][0]["row"]["price_minor"], 222);
    // After its life it is built anew, with the change inside.
    world.rim.pass_ms(200 * 3_600_000);
    let mut till = till;
    till.token = world.token(&till).await.1["token"].as_str().unwrap().into();
    let third = manifest(&world, &till, json!(["catalogue"])).await;
    assert_ne!(first["feeds"], third["feeds"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_have_names_and_readers_have_tokens() {
    let world = World::new().await;
    let till = world.terminal(1).await;
    for name in ["..%2f..%2fadmin.token", "abc", &"0".repeat(64), &"G".repeat(64)] {
        assert_eq!(world.get(&till, &format!("/v1/chunks/{name}")).await.0, 404, "{name}");
    }
    let manifest = manifest(&world, &till, json!(["config"])).await;
    let sha256 = manifest["feeds"][0]["chunks"][0]["sha256"].as_str().unwrap();
    assert_eq!(world.send("GET", &format!("/v1/chunks/{sha256}"), None, None).await.0, 401);
    for (feeds, status) in [(json!([]), 422), (json!(["weather"]), 422), (json!("config"), 422)] {
        let body = Some(json!({ "feeds": feeds }));
        let got = world.send("POST", "/v1/snapshots", Some(&till.token), body).await;
        assert_eq!(got.0, status, "{feeds}");
    }
}

/// Files in the folder of the chunks.
fn files(world: &World) -> Vec<std::path::PathBuf> {
    let folder = std::fs::read_dir(world.dir.path().join("chunks")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

fn chunk_names(manifest: &Value) -> Vec<String> {
    let chunks = manifest["feeds"].as_array().unwrap().iter().flat_map(|feed| {
        feed["chunks"].as_array().unwrap().iter().map(|chunk| chunk["sha256"].to_string())
    });
    chunks.map(|name| name.trim_matches('"').to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_without_its_files_is_built_anew() {
    let world = World::new().await;
    let till = world.terminal(1).await;
    let all = json!(["config", "catalogue"]);
    let first = manifest(&world, &till, all.clone()).await;
    // The database came back from a backup, the files did not; or one was cut short.
    let gone: fn(&std::path::Path) = |path| std::fs::remove_file(path).unwrap();
    let cut: fn(&std::path::Path) = |path| std::fs::write(path, b"short").unwrap();
    let mut named = chunk_names(&first);
    for harm in [gone, cut] {
        let path = |name: &String| world.dir.path().join("chunks").join(name);
        named.iter().map(path).for_each(|path| harm(&path));
        let again = manifest(&world, &till, all.clone()).await;
        named = chunk_names(&again);
        assert_eq!(again["feeds"][0]["rows"], first["feeds"][0]["rows"]);
        for name in chunk_names(&again) {
            snapshot::verify(&fetch(&world, &till, &name, None).await, &name).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_rotted_is_not_served_and_not_named_again() {
    let world = World::new().await;
    let till = world.terminal(1).await;
    let first = manifest(&world, &till, json!(["catalogue", "config"])).await;
    let name = chunk_names(&first)[1].clone();
    let path = world.dir.path().join("chunks").join(&name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let other = chunk_names(&first)[0].clone();
    assert_eq!(world.get(&till, &format!("/v1/chunks/{name}")).await.0, 404);
    // A name that nobody gave drops nothing.
    assert_eq!(world.get(&till, &format!("/v1/chunks/{}", "0".repeat(64))).await.0, 404);
    assert!(world.look(move |c| central::snapshot::is_named(c, &other)).await);
    let rotted = name.clone();
    if world.look(move |c| central::snapshot::is_named(c, &rotted)).await {
        // The server builds what is missing by itself after its start: then the file is sound again.
        snapshot::verify(&std::fs::read(&path).unwrap(), &name).unwrap();
    }
    let again = manifest(&world, &till, json!(["catalogue", "config"])).await;
    for name in chunk_names(&again) {
        snapshot::verify(&fetch(&world, &till, &name, None).await, &name).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_sweeps_what_expired() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let first = manifest(&world, &till, json!(["catalogue"])).await;
    let gtin = Gtin::parse("9520000000011").unwrap();
    world.change(move |c| price::set_price(c, gtin, 222)).await;
    world.rim.pass_ms(200 * 3_600_000);
    till.token = world.token(&till).await.1["token"].as_str().unwrap().into();
    let second = manifest(&world, &till, json!(["catalogue"])).await;
    let left: Vec<String> = files(&world)
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(chunk_names(&first).iter().all(|name| !left.contains(name)), "{left:?}");
    assert!(chunk_names(&second).iter().all(|name| left.contains(name)), "{left:?}");
}
