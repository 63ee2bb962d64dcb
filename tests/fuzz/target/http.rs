//! HTTP answers: a server, a proxy or a captive portal sends these bytes; the client ends with a reply or a fault,
//! in bounded time and memory.

use super::choice;
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use sync::call::{Central, Request};
use sync::http::{HttpCentral, HttpTimeouts};
use sync::protocol::auth::NonceRequest;
use sync::protocol::feed::Feed;
use sync::protocol::push::PushRequest;
use sync::protocol::snapshot::SnapshotRequest;
use uuid::Uuid;

/// Parts of answers.
pub const WORDS: &[&str] = &[
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n",
    "HTTP/1.1 503 Service Unavailable\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.0 200 OK\r\n",
    "Content-Type: application/json\r\n",
    "Content-Type: application/problem+json\r\n",
    "Content-Type: text/html\r\n",
    "Content-Length: 2\r\n",
    "Content-Length: 18446744073709551615\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Encoding: gzip\r\n",
    "Retry-After: 7\r\n",
    "\r\n\r\n",
    "ffffffffffffffff\r\n",
    "0\r\n\r\n",
    "{\"nonce\":\"a\"}",
];

const PATIENCE: HttpTimeouts = HttpTimeouts {
    connect: Duration::from_millis(2000),
    small: Duration::from_millis(2000),
    large: Duration::from_millis(2000),
};

/// A server that answers every connection with what it was last told.
struct Server {
    answers: Sender<Vec<u8>>,
    client: HttpCentral,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on this machine");
        let address = listener.local_addr().expect("a bound port has an address");
        let (answers, told) = channel::<Vec<u8>>();
        std::thread::spawn(move || {
            while let Ok(answer) = told.recv() {
                if let Ok((stream, _)) = listener.accept() {
                    serve(stream, &answer);
                }
            }
        });
        let client = HttpCentral::with_timeouts(&format!("http://{address}"), PATIENCE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Self {
            answers,
            client: client.expect("an address of this machine"),
            runtime: runtime.expect("a runtime"),
        }
    }
}

/// Waits for the head of the request, answers, and hangs up.
fn serve(mut stream: TcpStream, answer: &[u8]) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(500)));
    let mut piece = [0; 4096];
    let _ = stream.read(&mut piece);
    let _ = stream.write_all(answer);
    let _ = stream.shutdown(Shutdown::Write);
    // What is left of the request is read, so that hanging up is no reset that eats the answer.
    while matches!(stream.read(&mut piece), Ok(read) if read > 0) {}
}

thread_local! {
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

fn requests() -> [Request; 6] {
    let terminal = Uuid::from_u128(7);
    let after = String::from("a b&c=%ff");
    [
        Request::Contract,
        Request::Nonce(NonceRequest { terminal_id: terminal }),
        Request::Push { terminal, body: PushRequest { epoch: 0, from_seq: 1, events: vec![] } },
        Request::Changes { feed: Feed::Catalogue, after, limit: 5, wait_s: 0 },
        Request::Snapshot(SnapshotRequest { feeds: vec![Feed::Config] }),
        Request::Chunk { sha256: "0".repeat(64) },
    ]
}

/// The first byte chooses the request; the rest is the answer, from the status line on. With the highest bit set
/// the rest is only the body of an answer that is otherwise right.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = choice(bytes) else { return };
    let requests = requests();
    let request = &requests[choice % requests.len()];
    let mut answer = Vec::new();
    if choice >= 128 {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
        answer.extend(format!("{head}{}\r\n\r\n", rest.len()).bytes());
    }
    answer.extend(rest);
    SERVER.with_borrow_mut(|kept| {
        let server = kept.take().unwrap_or_else(Server::start);
        server.answers.send(answer).expect("the server lives as long as this");
        // A reply or a fault: both are answers, and every fault can be told.
        if let Err(fault) = server.runtime.block_on(server.client.call(None, request)) {
            assert!(!fault.to_string().is_empty());
        }
        *kept = Some(server);
    });
}
