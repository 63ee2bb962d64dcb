//! Enrolment and tokens: what must be refused is refused.

use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use sync::protocol::auth::confirmation_digits;

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_for_one_device() {
    let world = World::new().await;
    let code = world.code(1, None).await;
    // As people type it.
    let typed = code.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
    let (status, answer) = world.enrol(&typed, &key(1)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["terminal_name"], "T01");
    assert_eq!(answer["store_name"], "Crossroads Bern");
    let digits = confirmation_digits(key(1).verifying_key().as_bytes());
    assert_eq!(answer["confirmation"], digits.as_str());
    // The answer was lost: the same device asks again and is the same terminal.
    let (_, again) = world.enrol(&code, &key(1)).await;
    assert_eq!(again["terminal_id"], answer["terminal_id"]);
    assert_eq!(again["epoch"], 0);
    // Another device does not get in.
    let (status, refused) = world.enrol(&code, &key(2)).await;
    assert_eq!((status, &refused["code"]), (403, &json!("ENROLMENT_REFUSED")));
    // A code that nobody used in time.
    let late = world.code(1, None).await;
    world.rim.pass_ms(600_001);
    assert_eq!(world.enrol(&late, &key(3)).await.0, 403);
    // The people at central see the same digits.
    let (_, list) = world.admin("GET", "/v1/terminals").await;
    assert_eq!(list["terminals"][0]["confirmation"], digits.as_str());
    assert_eq!(list["terminals"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_codes_is_slowed_down() {
    let world = World::new().await;
    let mut statuses = Vec::new();
    for number in 0..12 {
        let (status, _) = world.enrol(&format!("AAAAA-AAA{number:02}"), &key(1)).await;
        statuses.push(status);
    }
    assert_eq!(statuses, [[403; 10].as_slice(), &[429, 429]].concat());
    // Even the right code has to wait, and then works.
    let code = world.code(1, None).await;
    assert_eq!(world.enrol(&code, &key(1)).await.0, 429);
    world.rim.pass_ms(60_001);
    assert_eq!(world.enrol(&code, &key(1)).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_must_be_keys() {
    let world = World::new().await;
    let code = world.code(1, None).await;
    let weak = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for public_key in ["", "!", "AAAA", weak] {
        let body = json!({"code": code, "public_key": public_key, "software": ""});
        let (status, _) = world.send("POST", "/v1/enrol", None, Some(body)).await;
        assert_eq!(status, 422, "{public_key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonces_and_tokens_end() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let path = format!("/v1/terminals/{}/watermark", till.id);
    assert_eq!(world.get(&till, &path).await.0, 200);
    // A nonce is taken by its first use, and lives a minute.
    let nonce = world.nonce(till.id).await;
    assert_eq!(world.token_for(&till, &nonce).await.0, 200);
    assert_eq!(world.token_for(&till, &nonce).await.0, 401);
    let old = world.nonce(till.id).await;
    world.rim.pass_ms(60_000);
    assert_eq!(world.token_for(&till, &old).await.0, 401);
    assert_eq!(world.token_for(&till, "made up").await.0, 401);
    // Another terminal's nonce, another device's key.
    let other = world.terminal(2).await;
    let theirs = world.nonce(other.id).await;
    assert_eq!(world.token_for(&till, &theirs).await.0, 401);
    till.key = key(9);
    assert_eq!(world.token(&till).await.0, 401);
    till.key = key(1);
    // A token lasts fifteen minutes.
    world.rim.pass_ms(15 * 60_000);
    let (status, problem) = world.get(&till, &path).await;
    assert_eq!((status, &problem["code"]), (401, &json!("UNAUTHENTICATED")));
    till.token = world.token(&till).await.1["token"].as_str().unwrap().into();
    assert_eq!(world.get(&till, &path).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_for_its_own_terminal() {
    let world = World::new().await;
    let (till, other) = (world.terminal(1).await, world.terminal(2).await);
    let theirs = format!("/v1/terminals/{}/watermark", other.id);
    let (status, problem) = world.get(&till, &theirs).await;
    assert_eq!((status, &problem["code"]), (403, &json!("WRONG_TERMINAL")));
    assert_eq!(world.get(&till, "/v1/terminals/me/watermark").await.0, 404);
    // A new device takes the place of T01: the next epoch.
    let replaced = world.terminal_of(3, 1, Some("T01")).await;
    assert_eq!((replaced.id, replaced.epoch), (till.id, 1));
    let own = format!("/v1/terminals/{}/watermark", till.id);
    let (_, mark) = world.get(&replaced, &own).await;
    assert_eq!((&mark["epoch"], &mark["acked_seq"]), (&json!(1), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_is_never_given_out_twice() {
    let world = World::new().await;
    let till = world.terminal(1).await;
    let enrol = async |number: u8, known: Value| {
        let code = world.code(1, Some("T01")).await;
        let public_key = STANDARD.encode(key(number).verifying_key().as_bytes());
        let body = json!({"code": code, "public_key": public_key, "software": "", "known": known});
        world.send("POST", "/v1/enrol", None, Some(body.clone())).await;
        // Again: the answer was lost.
        world.send("POST", "/v1/enrol", None, Some(body)).await.1
    };
    // The device has a life that this central, restored from a backup, never heard of.
    let answer = enrol(2, json!([{"terminal_id": till.id, "epoch": 6}])).await;
    assert_eq!((&answer["terminal_id"], &answer["epoch"]), (&json!(till.id), &json!(7)));
    // Another terminal's lives do not matter.
    let other = json!([{"terminal_id": uuid::Uuid::from_u128(1), "epoch": 90}]);
    assert_eq!(enrol(3, other).await["epoch"], 8);
    // What would not fit any more is refused.
    let last = json!([{"terminal_id": till.id, "epoch": i32::MAX}]);
    assert_eq!(enrol(4, last).await["code"], "INVALID_REQUEST");
}

/// Receipts are named by store, name and epoch. A central that was restored to before a terminal was there makes it
/// anew under the same name.
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_was_forgotten_does_not_print_its_receipt_numbers_again() {
    let world = World::new().await;
    let known_here = world.terminal(1).await;
    let enrol = async |number: u8, name: &'static str, life: Value| {
        let code = world.code(1, Some(name)).await;
        let public_key = STANDARD.encode(key(number).verifying_key().as_bytes());
        let body = json!({"code": code, "public_key": public_key, "software": "", "known": [life]});
        world.send("POST", "/v1/enrol", None, Some(body)).await.1
    };
    let store = enrol(2, "T08", json!({"terminal_id": known_here.id, "epoch": 0})).await;
    let lost = |name: &str, store: &Value| {
        let id = uuid::Uuid::from_u128(9);
        json!({"terminal_id": id, "epoch": 4, "terminal_name": name, "store_id": store})
    };
    let again = enrol(3, "T09", lost("T09", &store["store_id"])).await;
    assert_eq!((&again["terminal_name"], &again["epoch"]), (&json!("T09"), &json!(5)));
    // Its receipts of another name, or of another store, are others.
    assert_eq!(enrol(4, "T10", lost("T09", &store["store_id"])).await["epoch"], 0);
    let elsewhere = json!(uuid::Uuid::from_u128(1));
    assert_eq!(enrol(5, "T11", lost("T11", &elsewhere)).await["epoch"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_nonces_keeps_nobody_else_from_a_token() {
    let world = World::new().await;
    let (flooded, quiet) = (world.terminal(1).await, world.terminal(2).await);
    let nonce = world.nonce(quiet.id).await;
    for number in 0..20 {
        world.nonce(flooded.id).await;
        world.nonce(uuid::Uuid::from_u128(number)).await;
    }
    assert_eq!(world.token_for(&quiet, &nonce).await.0, 200);
    assert_eq!(world.token(&flooded).await.0, 200);
    // A terminal that does not exist gets a nonce like any other, and nothing for it.
    let nobody = uuid::Uuid::from_u128(5);
    let mut stranger = flooded;
    stranger.id = nobody;
    assert_eq!(world.token(&stranger).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_for_tokens_are_slowed_down_by_address_whatever_they_name() {
    let world = World::new().await;
    let till = world.terminal(1).await;
    let mut statuses = Vec::new();
    for number in 0..61 {
        let id = uuid::Uuid::from_u128(number);
        let body = json!({"terminal_id": id, "nonce": "n", "signature": "s"});
        statuses.push(world.send("POST", "/v1/token", None, Some(body)).await.0);
    }
    assert_eq!(statuses, [[401; 60].as_slice(), &[429]].concat());
    assert_eq!(world.token(&till).await.0, 429);
    world.rim.pass_ms(60_001);
    assert_eq!(world.token(&till).await.0, 200);
}
