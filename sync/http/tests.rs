//! The HTTP client against a server that misbehaves in every way we could think of.
//!
//! The server is a few lines of TCP on loopback, so that it can send what no HTTP library would.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::protocol::auth::NonceRequest;
use crate::protocol::feed::Feed;
use crate::protocol::problem::{Retry, code};
use crate::protocol::push::PushRequest;
use crate::protocol::renewal::{RenewalReason, RenewalRequest};
use crate::protocol::strays::StraysRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

/// One thing that the server does.
#[derive(Clone, Debug)]
enum Act {
    Say(Vec<u8>),
    Pause(u64),
    /// Repeats bytes so many times, as long as somebody listens.
    Pour(Vec<u8>, usize),
}

fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

/// An answer with a right length.
fn answer(status: &str, kind: &str, body: &str) -> Act {
    let length = body.len();
    say(&format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    ))
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut buffer = [0u8; 4096];
    loop {
        let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        text.extend_from_slice(&buffer[..count]);
        let read = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = read.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(read);
            }
        }
    }
}

/// A server that does the same for every request, and a client that waits for it for a second at
/// most.
async fn server(acts: Vec<Act>) -> (HttpCentral, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (seen, requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (acts, seen) = (acts.clone(), seen.clone());
            tokio::spawn(async move {
                let Some(request) = read_request(&mut stream).await else { return };
                let _ = seen.send(request);
                for act in acts {
                    let sent = match act {
                        Act::Say(bytes) => stream.write_all(&bytes).await.is_ok(),
                        Act::Pause(ms) => {
                            tokio::time::sleep(Duration::from_millis(ms)).await;
                            true
                        }
                        Act::Pour(bytes, times) => {
                            let mut is_heard = true;
                            for _ in 0..times {
                                is_heard &= stream.write_all(&bytes).await.is_ok();
                            }
                            is_heard
                        }
                    };
                    if !sent {
                        return;
                    }
                }
            });
        }
    });
    let second = Duration::from_secs(1);
    let timeouts = HttpTimeouts { connect: second, small: second, large: second };
    (HttpCentral::with_timeouts(&address, timeouts).unwrap(), requests)
}

fn nonce() -> Request {
    Request::Nonce(NonceRequest { terminal_id: Uuid::nil() })
}

async fn fault_of(acts: Vec<Act>, request: Request) -> Fault {
    let (central, _requests) = server(acts).await;
    central.call(None, &request).await.unwrap_err()
}

const JSON: &str = "application/json";

#[tokio::test]
async fn good_answers_are_read() {
    let acts = vec![answer("200 OK", "application/json; charset=utf-8", r#"{"nonce":"n1","x":1}"#)];
    let (central, mut requests) = server(acts).await;
    let reply = central.call(Some(&Token("t0k".into())), &nonce()).await.unwrap();
    let Reply::Nonce(reply) = reply else { panic!("{reply:?}") };
    assert_eq!(reply.nonce, "n1");
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /v1/token/nonce HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("x-contract: 2\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer t0k\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    assert!(request.ends_with(r#"{"terminal_id":"00000000-0000-0000-0000-000000000000"}"#));
}

#[tokio::test]
async fn every_request_has_its_path() {
    let terminal = Uuid::from_u128(1);
    let id = terminal.to_string();
    let body = PushRequest { epoch: 1, from_seq: 1, events: Vec::new() };
    let renewal = RenewalRequest {
        former_epoch: 1,
        epoch: 2,
        public_key: String::new(),
        reason: RenewalReason::Forked,
        software: String::new(),
    };
    let strays = StraysRequest { terminal, epoch: 1, events: Vec::new() };
    let sha256 = "ab".repeat(32);
    // A cursor is opaque: whatever is in it must arrive as it is.
    let after = "1.7&wait=0#/ü".to_owned();
    let changes = Request::Changes { feed: Feed::Stock, after, limit: 9, wait_s: 0 };
    let encoded = "after=1.7%26wait%3D0%23%2F%C3%BC&limit=9&wait=0";
    let table = [
        (Request::Contract, "GET /v1/contract ".to_owned()),
        (Request::Watermark { terminal }, format!("GET /v1/terminals/{id}/watermark ")),
        (Request::Push { terminal, body }, format!("POST /v1/terminals/{id}/events ")),
        (Request::Renew { terminal, body: renewal }, format!("POST /v1/terminals/{id}/renewals ")),
        (Request::Strays { terminal, body: strays }, format!("POST /v1/terminals/{id}/strays ")),
        (Request::Chunk { sha256: sha256.clone() }, format!("GET /v1/chunks/{sha256} ")),
        (changes, format!("GET /v1/feeds/stock/changes?{encoded} ")),
    ];
    for (request, line) in table {
        let (central, mut requests) = server(vec![answer("404 Not Found", "text/plain", "")]).await;
        let fault = central.call(None, &request).await.unwrap_err();
        assert_eq!(fault, Fault::Status { status: 404, retry_after_s: None });
        let seen = requests.recv().await.unwrap();
        assert!(seen.starts_with(&line), "{seen}");
    }
}

#[tokio::test]
async fn what_is_not_central_is_garbage() {
    let html = Fault::Garbage { content_type: "text/html; charset=utf-8".into() };
    let portal = || vec![answer("200 OK", "text/html; charset=utf-8", "<html>Log in</html>")];
    assert_eq!(fault_of(portal(), nonce()).await, html);
    let chunk = Request::Chunk { sha256: "ab".repeat(32) };
    assert_eq!(fault_of(portal(), chunk).await, html);
    let json = Fault::Garbage { content_type: JSON.into() };
    for body in ["", "<html>", "{\"nonce\":7}", "[]", "{\"nonce\":\"x\"", "\u{0}\u{1}"] {
        assert_eq!(fault_of(vec![answer("200 OK", JSON, body)], nonce()).await, json, "{body}");
    }
    let none = vec![say("HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"nonce\":\"x\"}")];
    assert_eq!(fault_of(none, nonce()).await, Fault::Garbage { content_type: String::new() });
    let elsewhere =
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
    let moved = fault_of(vec![say(elsewhere)], nonce()).await;
    assert!(matches!(moved, Fault::Garbage { .. }), "redirects are not followed: {moved:?}");
    let long = format!("text/{}", "x".repeat(500));
    let Fault::Garbage { content_type } =
        fault_of(vec![answer("200 OK", &long, "")], nonce()).await
    else {
        panic!("garbage")
    };
    assert_eq!(content_type.len(), CONTENT_TYPE_MAX);
}

#[tokio::test]
async fn what_is_not_http_is_a_broken_line() {
    for bytes in ["", "SSH-2.0-OpenSSH_9.2\r\n", "\u{0}\u{0}\u{0}", "HTTP/1.1 \r\n\r\n"] {
        assert_eq!(fault_of(vec![say(bytes)], nonce()).await, Fault::Unreachable, "{bytes:?}");
    }
    let cut =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"no";
    assert_eq!(fault_of(vec![say(cut)], nonce()).await, Fault::Unreachable);
    let chunked =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz";
    assert_eq!(fault_of(vec![say(chunked)], nonce()).await, Fault::Unreachable);
    // Nobody listens there.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let central = HttpCentral::new(&address).unwrap();
    assert_eq!(central.call(None, &nonce()).await.unwrap_err(), Fault::Unreachable);
}

#[tokio::test]
async fn slow_answers_end() {
    let silent = vec![Act::Pause(5_000)];
    assert_eq!(fault_of(silent, nonce()).await, Fault::TimedOut);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n";
    let drip = std::iter::repeat_n([say(" "), Act::Pause(100)], 50).flatten();
    let drip: Vec<_> = std::iter::once(say(head)).chain(drip).collect();
    assert_eq!(fault_of(drip, nonce()).await, Fault::TimedOut, "a byte now and then is no answer");
}

#[tokio::test]
async fn large_answers_are_cut_off() {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {JSON}\r\n");
    let announced = say(&format!("{head}content-length: 99999999999\r\n\r\n{{"));
    assert_eq!(fault_of(vec![announced], nonce()).await, Fault::AnswerTooLarge);
    // Without a length: a body that never ends.
    let piece = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).into_bytes();
    let endless = [say(&format!("{head}transfer-encoding: chunked\r\n\r\n")), Act::Pour(piece, 64)];
    assert_eq!(fault_of(endless.to_vec(), nonce()).await, Fault::AnswerTooLarge);
    let chunk = Request::Chunk { sha256: "ab".repeat(32) };
    let bytes = CHUNK_BYTES_MAX + 1;
    let large = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
    assert_eq!(fault_of(vec![say(&large)], chunk).await, Fault::AnswerTooLarge);
    let header = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(3_000_000));
    assert_eq!(fault_of(vec![say(&header)], nonce()).await, Fault::Unreachable);
}

#[tokio::test]
async fn problems_and_bare_failures_are_told_apart() {
    let body = r#"{"title":"Gone","status":200,"code":"CURSOR_COMPACTED","retry":"never"}"#;
    let said = answer("410 Gone", PROBLEM_JSON, body);
    let Fault::Problem { problem, retry_after_s } = fault_of(vec![said], nonce()).await else {
        panic!("a problem")
    };
    assert_eq!((problem.code.as_str(), problem.retry), (code::CURSOR_COMPACTED, Retry::Never));
    assert_eq!((problem.status, retry_after_s), (410, None), "the status line counts");
    let dated = "HTTP/1.1 503 No\r\nretry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n";
    let plain = |status, retry_after_s| Fault::Status { status, retry_after_s };
    let table = [
        (answer("500 Oops", "text/html", "<html>"), plain(500, None)),
        (answer("502 Bad", PROBLEM_JSON, "{\"code\":"), plain(502, None)),
        (answer("503 Busy", PROBLEM_JSON, "{}"), plain(503, None)),
        (answer("503 Busy", PROBLEM_JSON, &"[".repeat(200_000)), plain(503, None)),
        (
            say("HTTP/1.1 429 Slow\r\nretry-after: 17\r\ncontent-length: 0\r\n\r\n"),
            plain(429, Some(17)),
        ),
        (say(&format!("{dated}content-length: 0\r\n\r\n")), plain(503, None)),
    ];
    for (said, fault) in table {
        assert_eq!(fault_of(vec![said], nonce()).await, fault);
    }
}

#[test]
fn addresses_are_checked() {
    let ok = ["http://127.0.0.1:8080", "https://example.com/crossroads/", " http://[::1]:1 "];
    for address in ok {
        assert!(HttpCentral::new(address).is_ok(), "{address}");
    }
    assert_eq!(HttpCentral::new("https://a.example/x//").unwrap().address(), "https://a.example/x");
    let table = [
        ("", AddressError::Form),
        ("central.example", AddressError::Form),
        ("localhost:8080", AddressError::Scheme),
        ("ftp://central.example", AddressError::Scheme),
        ("http://", AddressError::Form),
        ("http://user:secret@central.example", AddressError::Extras),
        ("http://central.example?x=1", AddressError::Extras),
        ("http://central.example#x", AddressError::Extras),
    ];
    for (address, error) in table {
        assert_eq!(HttpCentral::new(address).unwrap_err(), error, "{address}");
    }
}
