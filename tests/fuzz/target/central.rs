//! Central: everything that a terminal may send, from one that is enrolled. Each input has a central of its own.
//!
//! Whatever comes, the answer is a reply or a refusal of the 400s: 500 would mean that central failed. What is
//! acknowledged stays so, and the same push once more changes nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use central::in_process::{InProcess, Template};
use central::seed::{Plan, UNTIL_MS};
use central::{CentralError, Rim};
use ed25519_dalek::{Signer, SigningKey};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use sync::call::{Central, Fault, Reply, Request, Token};
use sync::protocol::auth::{EnrolRequest, NonceRequest, TokenRequest, token_message};
use sync::protocol::event::{Envelope, EventHash};
use sync::protocol::feed::{Feed, PAGE_MAX};
use sync::protocol::push::{DamagedEvent, Outcome, PushItem, PushRequest, Watermark};
use sync::protocol::renewal::RenewalRequest;
use sync::protocol::snapshot::SnapshotRequest;
use sync::protocol::strays::StraysRequest;
use uuid::Uuid;

const NOW_MS: i64 = 1_800_000_000_000;
const LINES_MAX: usize = 24;
const FEEDS: [Feed; 5] =
    [Feed::Config, Feed::Catalogue, Feed::Stock, Feed::Customers, Feed::History];

/// A clock that stands, and numbers that count.
struct StillRim(AtomicU64);
impl Rim for StillRim {
    fn now_ms(&self) -> i64 {
        NOW_MS
    }
    fn monotonic_ms(&self) -> i64 {
        NOW_MS
    }
    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CentralError> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let mut state = EventHash::of(&number.to_be_bytes());
        for piece in bytes.chunks_mut(32) {
            piece.copy_from_slice(&state.0[..piece.len()]);
            state = EventHash::of(&state.0);
        }
        Ok(())
    }
}

fn rim(start: u64) -> Arc<StillRim> {
    Arc::new(StillRim(AtomicU64::new(start)))
}

struct World {
    template: Template,
    terminal: Uuid,
}

/// A small chain with one terminal; made once.
fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let plan = Plan::new((20, 5, 10), 1, 7, UNTIL_MS);
        let template = Template::seeded(&plan, rim(1)).expect("a seeded central");
        let central = InProcess::from_template(&template, rim(1 << 20)).expect("a copy");
        let code = central.enrol_code(1, None, 600_000).expect("a code");
        let request = EnrolRequest {
            code,
            public_key: STANDARD.encode(key().verifying_key().as_bytes()),
            software: "fuzz".into(),
            known: vec![],
        };
        let Ok(Reply::Enrolled(answer)) = central.ask(None, &Request::Enrol(request)) else {
            panic!("the first terminal enrols");
        };
        let template = central.backup().expect("a backup");
        World { template, terminal: answer.terminal_id }
    })
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

struct Session {
    central: InProcess,
    terminal: Uuid,
    token: Token,
}

impl Session {
    fn begin() -> Self {
        let World { template, terminal } = world();
        let central = InProcess::from_template(template, rim(1 << 40)).expect("a copy");
        let nonce = Request::Nonce(NonceRequest { terminal_id: *terminal });
        let Ok(Reply::Nonce(nonce)) = central.ask(None, &nonce) else { panic!("a nonce") };
        let signature = key().sign(&token_message(*terminal, &nonce.nonce));
        let request = TokenRequest {
            terminal_id: *terminal,
            nonce: nonce.nonce,
            signature: STANDARD.encode(signature.to_bytes()),
            epoch: None,
        };
        let Ok(Reply::Token(token)) = central.ask(None, &Request::Token(request)) else {
            panic!("a token")
        };
        Self { central, terminal: *terminal, token: Token(token.token) }
    }

    /// Asks; a refusal must be one that central means.
    fn ask(&self, request: &Request) -> Option<Reply> {
        match super::now(self.central.call(Some(&self.token), request)) {
            Ok(reply) => Some(reply),
            Err(Fault::Problem { problem, .. }) => {
                let is_meant = (400..500).contains(&problem.status);
                assert!(
                    is_meant,
                    "{} is answered {} {}",
                    request.name(),
                    problem.status,
                    problem.code
                );
                None
            }
            Err(fault) => panic!("{} is answered {fault}", request.name()),
        }
    }

    fn watermark(&self) -> Watermark {
        match self.ask(&Request::Watermark { terminal: self.terminal }) {
            Some(Reply::Watermark(watermark)) => watermark,
            _ => panic!("the watermark can always be read"),
        }
    }

    fn push(&self, body: PushRequest) {
        let before = self.watermark();
        let request = Request::Push { terminal: self.terminal, body };
        let reply = self.ask(&request);
        let after = self.watermark();
        assert!(after.acked_seq >= before.acked_seq, "an acknowledgement was taken back");
        let Some(Reply::Pushed(pushed)) = reply else {
            assert_eq!(after.acked_seq, before.acked_seq, "refused, and held all the same");
            return;
        };
        assert_eq!((pushed.acked_seq, &pushed.acked_hash), (after.acked_seq, &after.acked_hash));
        let Some(Reply::Pushed(again)) = self.ask(&request) else {
            panic!("the same push is taken")
        };
        assert_eq!((again.acked_seq, again.acked_hash), (pushed.acked_seq, pushed.acked_hash));
        assert!(again.results.iter().all(|result| result.outcome == Outcome::Duplicate));
    }

    fn push_next(&self, item: impl Into<PushItem>) {
        let from_seq = self.watermark().acked_seq + 1;
        self.push(PushRequest { epoch: 0, from_seq, events: vec![item.into()] });
    }

    /// An event that continues the chain: `type at_ms body`.
    fn push_body(&self, text: &str) {
        let mut parts = text.splitn(3, ' ');
        let (Some(kind), Some(at_ms), Some(body)) = (parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        let head = self.watermark();
        let (terminal, seq) = (self.terminal, head.acked_seq + 1);
        let prev =
            if head.acked_seq == 0 { EventHash::GENESIS.to_string() } else { head.acked_hash };
        let event = format!(
            "{{\"terminal\":\"{terminal}\",\"epoch\":0,\"seq\":{seq},\"prev\":\"{prev}\",\
             \"at_ms\":{at_ms},\"type\":\"{kind}\",\"v\":1,\"body\":{body}}}"
        );
        let is_whole = Envelope::parse(&event).is_ok_and(|envelope| envelope.seq == seq);
        self.push_next(event);
        // Acknowledged means held, not liked: only what is no event at all may be refused.
        if is_whole {
            let held = self.watermark().acked_seq;
            assert!(held == seq || text.contains("\"seq\"") || text.contains("prev"), "not held");
        }
    }
}

/// Lines; the first letter says what a line is, see the code.
pub fn run(bytes: &[u8]) {
    let session = Session::begin();
    for line in bytes.split(|byte| *byte == b'\n').take(LINES_MAX) {
        let [kind, rest @ ..] = line else { continue };
        let text = String::from_utf8_lossy(rest);
        match kind {
            b'b' => session.push_body(&text),
            b'e' => session.push_next(text.into_owned()),
            _ => other(&session, *kind, &text),
        }
    }
    session.watermark();
}

fn other(session: &Session, kind: u8, text: &str) {
    let terminal = session.terminal;
    match kind {
        b'd' => {
            if let Ok(damaged) = serde_json::from_str::<DamagedEvent>(text) {
                session.push_next(PushItem::Damaged { damaged });
            }
        }
        b'p' => {
            if let Ok(body) = serde_json::from_str::<PushRequest>(text) {
                session.push(body);
            }
        }
        b's' => {
            let events = vec![PushItem::Sealed(text.to_owned())];
            let body = StraysRequest { terminal, epoch: 0, events };
            session.ask(&Request::Strays { terminal, body });
        }
        b'S' => drop(
            json::<StraysRequest>(text)
                .map(|body| session.ask(&Request::Strays { terminal, body })),
        ),
        b'r' => drop(
            json::<RenewalRequest>(text)
                .map(|body| session.ask(&Request::Renew { terminal, body })),
        ),
        b'm' => {
            drop(json::<SnapshotRequest>(text).map(|body| session.ask(&Request::Snapshot(body))))
        }
        b'n' => drop(json::<EnrolRequest>(text).map(|body| session.ask(&Request::Enrol(body)))),
        b't' => drop(json::<TokenRequest>(text).map(|body| session.ask(&Request::Token(body)))),
        b'k' => drop(session.ask(&Request::Chunk { sha256: text.to_owned() })),
        b'0'..=b'4' => changes(session, FEEDS[usize::from(kind - b'0')], text),
        _ => {}
    }
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

fn changes(session: &Session, feed: Feed, after: &str) {
    let request = Request::Changes { feed, after: after.to_owned(), limit: 7, wait_s: 0 };
    let Some(Reply::Changes(page)) = session.ask(&request) else { return };
    assert!(page.changes.len() <= 7 && 7 <= PAGE_MAX);
    let after = page.next.clone();
    let next = Request::Changes { feed, after, limit: 7, wait_s: 0 };
    assert!(session.ask(&next).is_some(), "a cursor that central gave is refused");
}
