//! Problems have a code, whatever refused; faults on purpose look as they should; the document tells all routes.

use crate::world::World;
use central::Fault;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_problem_json() {
    let world = World::new().await;
    let json_type = ("content-type", "application/json");
    let huge = format!("{{\"code\":\"{}\"}}", "x".repeat(70_000));
    let cases = [
        ("GET", "/", "", None, 404, "NOT_FOUND"),
        ("GET", "/v2/feeds", "", None, 404, "NOT_FOUND"),
        ("DELETE", "/v1/enrol", "", None, 405, "INVALID_REQUEST"),
        ("POST", "/v1/enrol", "{", Some(json_type), 400, "INVALID_REQUEST"),
        ("POST", "/v1/enrol", "{}", Some(json_type), 422, "INVALID_REQUEST"),
        ("POST", "/v1/enrol", "{}", None, 415, "INVALID_REQUEST"),
        ("POST", "/v1/enrol", &huge, Some(json_type), 413, "TOO_LARGE"),
        ("GET", "/v1/quarantine", "", None, 401, "UNAUTHENTICATED"),
        ("POST", "/v1/snapshots", "{}", Some(json_type), 401, "UNAUTHENTICATED"),
    ];
    for (method, path, body, header, status, code) in cases {
        let url = format!("{}{path}", world.address);
        let mut request = world.http.request(method.parse().unwrap(), url).body(body.to_owned());
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        let headers = response.headers().clone();
        assert_eq!(headers["content-type"], "application/problem+json", "{method} {path}");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-contract"], "2");
        let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!((&problem["code"], &problem["status"]), (&json!(code), &json!(status)));
        assert!(problem["retry"].is_string() && problem["title"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_events_are_too_large() {
    let world = World::new().await;
    let till = world.terminal(1).await;
    let many: Vec<&str> = vec!["x"; 501];
    let (status, problem) = world.push_raw(&till, 0, 1, &many).await;
    assert_eq!((status, &problem["code"]), (413, &json!("TOO_LARGE")));
    let fat = "x".repeat(5 * 1024 * 1024);
    let (status, problem) = world.push_raw(&till, 0, 1, &[&fat]).await;
    assert_eq!((status, &problem["code"]), (413, &json!("TOO_LARGE")));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_on_purpose() {
    let mut world = World::new().await;
    let mut till = world.terminal(1).await;
    let path = format!("/v1/terminals/{}/watermark", till.id);
    world.serve(Fault::Http500).await;
    let (status, problem) = world.get(&till, &path).await;
    assert_eq!((status, &problem["code"]), (500, &json!("INTERNAL")));
    assert_eq!(world.send("GET", "/health", None, None).await.0, 200);
    world.serve(Fault::Html).await;
    assert_eq!(world.get(&till, &path).await, (200, Value::Null));
    // The reply is dropped, but the events are held: the terminal sends again and hears "duplicate".
    world.serve(Fault::DropReply(100)).await;
    let event = till.shift_opened().1;
    let body = json!({"epoch": 0, "from_seq": 1, "events": [event.bytes]});
    let url = format!("{}/v1/terminals/{}/events", world.address, till.id);
    let sent = world.http.post(url).bearer_auth(&till.token).json(&body).send().await;
    let read = match sent {
        Ok(response) => response.text().await.is_ok(),
        Err(_) => false,
    };
    assert!(!read, "the connection must break");
    world.serve(Fault::None).await;
    let (status, answer) = world.push(&till, &[event]).await;
    assert_eq!((status, &answer["results"][0]["outcome"]), (200, &json!("duplicate")));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_asks_the_writer() {
    let world = World::new().await;
    let central = std::sync::Arc::clone(&world.central);
    let panics = move || {
        let panic = |_: &rusqlite::Connection| -> Result<(), _> { panic!("on purpose") };
        central.database().writer().run(panic)
    };
    let failed = tokio::task::spawn_blocking(panics).await.unwrap();
    assert!(matches!(failed, Err(central::CentralError::Panicked)));
    assert_eq!(world.send("GET", "/health", None, None).await.0, 200);
    // A writer that hangs is told, and comes back.
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let central = std::sync::Arc::clone(&world.central);
    let hang = move || {
        central.database().writer().run(move |_| {
            wait.recv().unwrap();
            Ok(())
        })
    };
    let hanging = tokio::task::spawn_blocking(hang);
    let ask = || world.send("GET", "/health", None, None);
    let (one, other) = tokio::join!(ask(), ask());
    for (status, problem) in [one, other] {
        assert_eq!((status, &problem["code"]), (503, &json!("INTERNAL")));
    }
    go_on.send(()).unwrap();
    hanging.await.unwrap().unwrap();
    assert_eq!(ask().await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_tells_all_routes() {
    let world = World::new().await;
    let (status, document) = world.send("GET", "/openapi.json", None, None).await;
    assert_eq!(status, 200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut told: Vec<String> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["responses"]["200"].is_object(), "{path}");
            told.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    told.sort();
    let expected = [
        "GET /health",
        "GET /openapi.json",
        "GET /v1/chunks/{sha256}",
        "GET /v1/contract",
        "GET /v1/feeds/{feed}/changes",
        "GET /v1/quarantine",
        "GET /v1/terminals",
        "GET /v1/terminals/{terminal}/watermark",
        "POST /v1/enrol",
        "POST /v1/quarantine/{id}/amend",
        "POST /v1/quarantine/{id}/dismiss",
        "POST /v1/quarantine/{id}/reopen",
        "POST /v1/quarantine/{id}/retry",
        "POST /v1/snapshots",
        "POST /v1/terminals/{terminal}/events",
        "POST /v1/terminals/{terminal}/renewals",
        "POST /v1/terminals/{terminal}/strays",
        "POST /v1/token",
        "POST /v1/token/nonce",
    ];
    assert_eq!(told, expected);
    // Every reference inside the document leads somewhere.
    let text = document.to_string();
    for part in text.split("\"$ref\":\"#/").skip(1) {
        let pointer = format!("/{}", part.split('"').next().unwrap());
        assert!(document.pointer(&pointer).is_some(), "{pointer}");
    }
    // What is told answers: anything but "no such path".
    for route in expected {
        let (method, path) = route.split_once(' ').unwrap();
        let (_, answer) = world.send(method, path, None, None).await;
        assert_ne!(answer["title"], "there is no such path", "{route}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_of_damage_that_a_request_met() {
    let world = World::new().await;
    assert_eq!(world.send("GET", "/health", None, None).await.0, 200);
    let central = std::sync::Arc::clone(&world.central);
    let meets = move || {
        central.database().read(|_| {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            Err::<(), _>(rusqlite::Error::SqliteFailure(code, None).into())
        })
    };
    assert!(tokio::task::spawn_blocking(meets).await.unwrap().is_err());
    let (status, told) = world.send("GET", "/health", None, None).await;
    assert_eq!((status, &told["title"]), (503, &serde_json::json!("the database is damaged")));
}
