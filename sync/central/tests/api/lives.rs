//! Lives of a terminal: whoever proves a key may push what that life wrote; nothing is lost, nothing is a dead end.

use crate::world::{Terminal, World};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sync::protocol::event::SealedEvent;

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["code"].as_str().unwrap_or_default())
}

fn outcomes(answer: &(u16, Value)) -> Vec<String> {
    let results = answer.1["results"].as_array().cloned().unwrap_or_default();
    let one = |result: &Value| {
        let code = result["code"].as_str().unwrap_or_default();
        format!("{} {code}", result["outcome"].as_str().unwrap_or_default()).trim().to_owned()
    };
    results.iter().map(one).collect()
}

async fn watermark(world: &World, terminal: &Terminal) -> (u16, Value) {
    world.get(terminal, &format!("/v1/terminals/{}/watermark", terminal.id)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_life_reads_nothing_and_pushes_for_ever() {
    let world = World::new().await;
    let mut old = world.terminal(1).await;
    let first = old.shift_opened().1;
    assert_eq!(world.push(&old, &[first]).await.0, 200);
    let mut new = world.terminal_of(2, 1, Some("T01")).await;
    assert_eq!((new.id, new.epoch), (old.id, 1));
    // Its token of before goes on to work, and it gets new ones.
    let (status, answer) = world.token(&old).await;
    assert_eq!((status, &answer["standing"]), (200, &json!("replaced")));
    assert_eq!(world.token(&new).await.1["standing"], "current");
    for path in ["/v1/feeds/stock/changes", &format!("/v1/chunks/{}", "0".repeat(64))] {
        assert_eq!(code(&world.get(&old, path).await), (403, "OLD_EPOCH"));
    }
    let body = Some(json!({"feeds": ["stock"]}));
    let refused = world.send("POST", "/v1/snapshots", Some(&old.token), body).await;
    assert_eq!(code(&refused), (403, "OLD_EPOCH"));
    let milk = world.article(1).await;
    let order = old.order(&[(&milk, 1)], None);
    let events = [old.placed(&order), old.paid(&order)];
    assert_eq!(outcomes(&world.push(&old, &events).await), ["applied", "applied"]);
    let (_, mark) = watermark(&world, &old).await;
    let told = (&mark["epoch"], &mark["current_epoch"], &mark["acked_seq"]);
    assert_eq!(told, (&json!(0), &json!(1), &json!(3)));
    // Each life has its own numbers, and the rows say how much of each they include.
    let event = new.shift_opened().1;
    assert_eq!(outcomes(&world.push(&new, &[event]).await), ["applied"]);
    let (_, page) = world.get(&new, "/v1/feeds/stock/changes?limit=2000").await;
    let included = json!([{"epoch": 1, "seq": 1}, {"epoch": 0, "seq": 3}]);
    assert_eq!(page["included"], included);
    // A batch of another life than the token's.
    let event = old.shift_opened().1;
    let mixed = world.push_raw(&old, 1, 4, &[&event.bytes]).await;
    assert_eq!(code(&mixed), (422, "INVALID_REQUEST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_begins_its_next_life_by_itself() {
    let world = World::new().await;
    let mut first = world.terminal(1).await;
    let event = first.shift_opened().1;
    assert_eq!(world.push(&first, &[event]).await.0, 200);
    // Before it is registered nothing of it is known.
    let unknown = first.next_life(2);
    assert_eq!(code(&world.token(&unknown).await), (404, "UNKNOWN_EPOCH"));
    for _ in 0..2 {
        let ((status, answer), _) = world.renew(&first, 2).await;
        assert_eq!((status, &answer["epoch"]), (200, &json!(1)), "and again, the same");
    }
    let (_, mut second) = world.renew(&first, 2).await;
    let renewed = second.seal_raw(
        "terminal.renewed",
        &json!({"former_epoch": 0, "reason": "forked", "last_seq": 1,
            "last_hash": first.head.1.to_string(), "missing": [[2, 5]]}),
    );
    assert_eq!(outcomes(&world.push(&second, &[renewed]).await), ["applied"]);
    let (_, terminals) = world.admin("GET", "/v1/terminals").await;
    let told = &terminals["terminals"][0];
    assert_eq!((&told["begun"], &told["epoch"]), (&json!("forked"), &json!(1)));
    assert_eq!(told["renewal"]["missing"], json!([[2, 5]]));
    // A clone of the first life comes too late.
    let (late, _) = world.renew(&first, 3).await;
    assert_eq!(code(&late), (409, "EPOCH_TAKEN"));
    // A life is renewed by the one before it, to the number after it, with a sound key.
    let path = format!("/v1/terminals/{}/renewals", first.id);
    let sound = STANDARD.encode(second.key.verifying_key().as_bytes());
    let short = "AAAA".to_owned();
    for (former, epoch, key) in [(0, 2, &sound), (1, 2, &sound), (0, 1, &short)] {
        let body = json!({"former_epoch": former, "epoch": epoch, "reason": "restored",
            "public_key": key, "software": ""});
        let refused = world.send("POST", &path, Some(&first.token), Some(body)).await;
        assert_eq!(code(&refused), (422, "INVALID_REQUEST"), "{former} {epoch}");
    }
    // The next one; then the first one's request is answered as what it is now.
    assert_eq!(world.renew(&second, 4).await.0.0, 200);
    assert_eq!(code(&world.renew(&first, 2).await.0), (409, "EPOCH_TAKEN"));
    let event = first.shift_opened().1;
    assert_eq!(outcomes(&world.push(&first, &[event]).await), ["applied"], "it goes on to push");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_revoked_terminal_pushes_waits_for_a_person() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let (id, now) = (till.id, 5);
    assert!(world.change(move |c| central::life::revoke(c, id, now)).await);
    assert_eq!(world.token(&till).await.1["standing"], "revoked");
    let refused = world.get(&till, "/v1/feeds/stock/changes").await;
    assert_eq!(code(&refused), (403, "TERMINAL_REVOKED"));
    let order = till.order(&[(&milk, 1)], None);
    let events = [till.placed(&order), till.paid(&order), till.shift_opened().1];
    let pushed = outcomes(&world.push(&till, &events).await);
    let held = "quarantined TERMINAL_REVOKED";
    assert_eq!(pushed, [held, "parked", held]);
    assert_eq!(watermark(&world, &till).await.1["acked_seq"], 3);
    // The person finds it right: what waits behind it counts too.
    let entry = world.quarantine().await[0]["id"].as_u64().unwrap();
    let (_, released) = world.admin("POST", &format!("/v1/quarantine/{entry}/retry")).await;
    assert_eq!(released, json!({"applied": 2, "state": "applied"}));
    // It cannot shake it off by a new life; enrolling again does.
    let (answer, mut next) = world.renew(&till, 2).await;
    assert_eq!(answer.0, 200);
    let event = next.shift_opened().1;
    assert_eq!(outcomes(&world.push(&next, &[event]).await), [held]);
    let mut again = world.terminal_of(3, 1, Some("T01")).await;
    assert_eq!(again.epoch, 2);
    let event = again.shift_opened().1;
    assert_eq!(outcomes(&world.push(&again, &[event]).await), ["applied"]);
    let event = till.shift_opened().1;
    assert_eq!(outcomes(&world.push(&till, &[event]).await), [held], "the old device stays out");
    // It was a mistake.
    assert!(world.change(move |c| central::life::reinstate(c, id)).await);
    assert_eq!(world.token(&till).await.1["standing"], "replaced");
    let event = till.shift_opened().1;
    assert_eq!(outcomes(&world.push(&till, &[event]).await), ["applied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn strays_are_held_once_and_a_person_judges_them() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let own = (till.id, 0);
    let order = till.order(&[(&milk, 1)], None);
    let placed = till.placed(&order);
    assert_eq!(world.push(&till, std::slice::from_ref(&placed)).await.0, 200);
    // The tail of a fork: another second event, and a third behind a hole.
    let head = till.head;
    let forked = till.paid(&order);
    till.head = head;
    let other = till.order(&[(&milk, 2)], None);
    let behind = till.placed(&other);
    till.head = head;
    let strays = [placed.bytes.as_str(), &forked.bytes, &behind.bytes, "<html>"];
    for _ in 0..2 {
        let (status, answer) = world.strays(&till, own, &strays).await;
        assert_eq!((status, &answer["held"]), (200, &json!(4)));
    }
    let held = world.quarantine().await;
    assert_eq!(held.len(), 3, "what is in the inbox is held already");
    for (entry, kind) in held.iter().zip(["order.paid", "order.placed", ""]) {
        assert_eq!((&entry["code"], &entry["kind"]), (&json!("STRAY"), &json!(kind)));
        assert_eq!(entry["stray_of"], json!(till.id));
    }
    assert!(watermark(&world, &till).await.1["held_back"].as_array().unwrap().is_empty());
    // They keep nothing waiting.
    let paid = till.paid(&order);
    assert_eq!(outcomes(&world.push(&till, &[paid]).await), ["applied"]);
    let retry = async |position: usize| {
        let id = held[position]["id"].as_u64().unwrap();
        world.admin("POST", &format!("/v1/quarantine/{id}/retry")).await.1
    };
    let refused = retry(0).await;
    assert_eq!(refused, json!({"applied": 0, "state": "quarantined", "code": "ALREADY_PAID"}));
    assert_eq!(retry(1).await, json!({"applied": 1, "state": "applied"}));
    assert_eq!(retry(2).await["code"], "NOT_AN_EVENT");
    assert_eq!(world.count("SELECT count(*) FROM orders WHERE event IS NOT NULL").await, 2);
    for position in [0, 2] {
        let id = held[position]["id"].as_u64().unwrap();
        let why = json!({"by": "Anna", "why": "counted already"});
        let path = format!("/v1/quarantine/{id}/dismiss");
        let (_, dismissed) = world.decide("POST", &path, Some(why)).await;
        assert_eq!(dismissed, json!({"applied": 0, "state": "dismissed"}));
    }
    assert!(world.quarantine().await.is_empty());
    // Again: a person has decided, nothing comes back.
    assert_eq!(world.strays(&till, own, &strays).await.0, 200);
    assert!(world.quarantine().await.is_empty());
    // Too many at once, and somebody else's path.
    let many = vec!["x"; 501];
    assert_eq!(code(&world.strays(&till, own, &many).await), (413, "TOO_LARGE"));
    let mut stranger = world.terminal(2).await;
    stranger.id = till.id;
    assert_eq!(code(&world.strays(&stranger, own, &[]).await), (403, "WRONG_TERMINAL"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_hands_in_what_it_wrote_as_another_terminal() {
    let world = World::new().await;
    let mut lost = world.terminal(1).await;
    let new = world.terminal_of(2, 2, None).await;
    let milk = world.article(1).await;
    let order = lost.order(&[(&milk, 1)], None);
    let placed = lost.placed(&order);
    assert_eq!(world.strays(&new, (lost.id, 0), &[&placed.bytes]).await.0, 200);
    let held = world.quarantine().await;
    assert_eq!((&held[0]["terminal"], &held[0]["stray_of"]), (&json!(lost.id), &json!(new.id)));
    // It counts where it was written.
    let id = held[0]["id"].as_u64().unwrap();
    world.admin("POST", &format!("/v1/quarantine/{id}/retry")).await;
    let sql = "SELECT store FROM orders WHERE event IS NOT NULL";
    assert_eq!(world.count(sql).await, 1);
    // A terminal that this central never heard of.
    let mut unknown = lost.next_life(9);
    unknown.id = uuid::Uuid::from_u128(77);
    let (shift, opened) = unknown.shift_opened();
    assert_eq!(world.strays(&new, (unknown.id, 1), &[&opened.bytes]).await.0, 200);
    let id = world.quarantine().await[0]["id"].as_u64().unwrap();
    let (_, released) = world.admin("POST", &format!("/v1/quarantine/{id}/retry")).await;
    assert_eq!(released["applied"], 1, "shift {shift:?}");
}

fn damaged(event: &SealedEvent, prev: &str) -> Value {
    json!({"damaged": {"seq": event.place.seq, "hash": event.hash.to_string(), "prev": prev,
        "raw": STANDARD.encode("rubbish")}})
}

async fn push_items(world: &World, till: &Terminal, from: u64, items: &[Value]) -> (u16, Value) {
    let path = format!("/v1/terminals/{}/events", till.id);
    let body = json!({"epoch": till.epoch, "from_seq": from, "events": items});
    world.send("POST", &path, Some(&till.token), Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_event_holds_its_place_until_the_true_bytes_come() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let milk = world.article(1).await;
    let order = till.order(&[(&milk, 1)], None);
    let (placed, paid) = (till.placed(&order), till.paid(&order));
    let opened = till.shift_opened().1;
    let zeros = "0".repeat(64);
    let (first, last) = (damaged(&placed, &zeros), damaged(&opened, &paid.hash.to_string()));
    // It must fit the chain like any other.
    let wrong = push_items(&world, &till, 1, &[damaged(&placed, &"1".repeat(64))]).await;
    assert_eq!(code(&wrong), (409, "BROKEN_CHAIN"));
    let misplaced = push_items(&world, &till, 1, std::slice::from_ref(&last)).await;
    assert_eq!(code(&misplaced), (409, "BROKEN_CHAIN"));
    let items = [first.clone(), json!(paid.bytes), last.clone()];
    let pushed = push_items(&world, &till, 1, &items).await;
    let hole = "quarantined DAMAGED_EVENT";
    assert_eq!(outcomes(&pushed), [hole, "quarantined UNKNOWN_ORDER", hole]);
    assert_eq!(pushed.1["acked_hash"], opened.hash.to_string());
    let again = push_items(&world, &till, 1, &items).await;
    assert_eq!(outcomes(&again), ["duplicate"; 3]);
    let mut other = placed.clone();
    other.hash = opened.hash;
    assert_eq!(
        code(&push_items(&world, &till, 1, &[damaged(&other, &zeros)]).await),
        (409, "FORKED_HISTORY")
    );
    // A retry cannot help; the true bytes can, by either way.
    let id = world.quarantine().await[0]["id"].as_u64().unwrap();
    let (_, released) = world.admin("POST", &format!("/v1/quarantine/{id}/retry")).await;
    assert_eq!(released["code"], "DAMAGED_EVENT");
    let mended = world.push(&till, std::slice::from_ref(&placed)).await;
    assert_eq!(outcomes(&mended), ["applied"]);
    assert_eq!(mended.1["acked_seq"], 3);
    assert_eq!(world.count("SELECT count(*) FROM orders WHERE paid_ms IS NOT NULL").await, 1);
    assert_eq!(world.strays(&till, (till.id, 0), &[&opened.bytes]).await.0, 200);
    assert!(world.quarantine().await.is_empty());
    assert_eq!(outcomes(&world.push(&till, &[placed]).await), ["duplicate"]);
    assert_eq!(world.count("SELECT count(*) FROM inbox").await, 3);
    assert_eq!(world.count("SELECT count(*) FROM inbox WHERE bytes IS NULL").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM inbox WHERE raw IS NOT NULL").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_stray_is_replaced_too() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let opened = till.shift_opened().1;
    let path = format!("/v1/terminals/{}/strays", till.id);
    let item = damaged(&opened, &"0".repeat(64));
    for _ in 0..2 {
        let body = json!({"terminal": till.id, "epoch": 0, "events": [item]});
        let (status, _) = world.send("POST", &path, Some(&till.token), Some(body)).await;
        assert_eq!(status, 200);
    }
    let held = world.quarantine().await;
    assert_eq!((held.len(), &held[0]["code"]), (1, &json!("DAMAGED_EVENT")));
    world.strays(&till, (till.id, 0), &[&opened.bytes]).await;
    let held = world.quarantine().await;
    assert_eq!((held.len(), &held[0]["code"]), (1, &json!("STRAY")));
    let id = held[0]["id"].as_u64().unwrap();
    let (_, released) = world.admin("POST", &format!("/v1/quarantine/{id}/retry")).await;
    assert_eq!(released["applied"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_version_reads_nothing_and_pushes_on() {
    let world = World::new().await;
    let mut till = world.terminal(1).await;
    let event = till.shift_opened().1;
    world.central.set_oldest_contract(2);
    let ask = async |path: &str, version: &str| {
        let url = format!("{}{path}", world.address);
        let request = world.http.get(url).bearer_auth(&till.token).header("x-contract", version);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        (status, problem)
    };
    let path = "/v1/feeds/config/changes";
    let refused = ask(path, "1").await;
    assert_eq!(code(&refused), (426, "UPGRADE_REQUIRED"));
    assert_eq!(refused.1["retry"], "after-upgrade");
    assert_eq!(ask(path, "2").await.0, 200);
    assert_eq!(world.get(&till, path).await.0, 426, "who does not say speaks the first");
    assert_eq!(ask(&format!("/v1/terminals/{}/watermark", till.id), "1").await.0, 200);
    assert_eq!(ask("/v1/contract", "1").await.1["oldest"], 2);
    assert_eq!(world.push(&till, &[event]).await.0, 200);
}
