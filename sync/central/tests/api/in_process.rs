//! Central without a network: the same answers, the same every time, quickly made.

use crate::world::{Terminal, TestRim};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use central::in_process::{Durability, InProcess, Template};
use central::seed::{Plan, UNTIL_MS};
use domain::event::Event;
use domain::id::{ShiftId, StaffId, TerminalId};
use ed25519_dalek::{Signer, SigningKey};
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use sync::call::{Fault, Reply, Request, Token};
use sync::protocol::auth::{EnrolRequest, NonceRequest, TokenRequest, token_message};
use sync::protocol::event::{EventHash, Place, Stamp, seal};
use sync::protocol::feed::Feed;
use sync::protocol::push::PushRequest;
use sync::protocol::snapshot::SnapshotRequest;
use uuid::Uuid;

/// Two stores, forty articles.
pub static SMALL: LazyLock<Template> = LazyLock::new(|| {
    Template::seeded(&Plan::new((40, 10, 60), 2, 7, UNTIL_MS), TestRim::new()).unwrap()
});

/// A terminal of store 1.
pub fn enrol(central: &InProcess) -> Terminal {
    let code = central.enrol_code(1, None, 600_000).unwrap();
    let key = SigningKey::from_bytes(&[1; 32]);
    let public_key = STANDARD.encode(key.verifying_key().as_bytes());
    let request = EnrolRequest { code, public_key, software: "t".into(), known: Vec::new() };
    let Ok(Reply::Enrolled(answer)) = central.ask(None, &Request::Enrol(request)) else {
        panic!("it must enrol");
    };
    Terminal::new(answer.terminal_id, answer.epoch, answer.store_id, &key)
}

/// The same and its token.
fn enrolled(central: &InProcess) -> (Uuid, Token) {
    let terminal = enrol(central).id;
    (terminal, token(central, terminal))
}

pub fn token(central: &InProcess, terminal_id: Uuid) -> Token {
    try_token(central, terminal_id)
        .unwrap_or_else(|fault| panic!("it must give a token: {fault:?}"))
}

pub fn try_token(central: &InProcess, terminal_id: Uuid) -> Result<Token, Fault> {
    let key = SigningKey::from_bytes(&[1; 32]);
    let ask = Request::Nonce(NonceRequest { terminal_id });
    let Reply::Nonce(answer) = central.ask(None, &ask)? else { panic!("no nonce") };
    let signature = key.sign(&token_message(terminal_id, &answer.nonce));
    let signature = STANDARD.encode(signature.to_bytes());
    let nonce = answer.nonce;
    let request = TokenRequest { terminal_id, nonce, signature, epoch: None };
    let Reply::Token(answer) = central.ask(None, &Request::Token(request))? else {
        panic!("no token")
    };
    Ok(Token(answer.token))
}

fn push(central: &InProcess, (terminal, token): &(Uuid, Token), count: u64) -> String {
    let mut prev = EventHash::GENESIS;
    let mut events = Vec::new();
    for seq in 1..=count {
        let place = Place { terminal: TerminalId::from_uuid(*terminal), epoch: 0, seq };
        let shift = ShiftId::from_uuid(Uuid::from_u128(u128::from(seq)));
        let event = Event::ShiftOpened { shift, staff: StaffId::from_uuid(Uuid::nil()) };
        let sealed = seal(place, prev, Stamp::bare(1_800_000_000_000), &event);
        prev = sealed.hash;
        events.push(sealed.bytes.into());
    }
    let body = PushRequest { epoch: 0, from_seq: 1, events };
    format!("{:?}", central.ask(Some(token), &Request::Push { terminal: *terminal, body }))
}

fn run(central: &InProcess) -> Vec<String> {
    let who = enrolled(central);
    let mut told = vec![format!("{:?}", who.0), push(central, &who, 5)];
    for feed in Feed::ALL {
        let changes = Request::Changes { feed, after: String::new(), limit: 7, wait_s: 25 };
        told.push(format!("{:?}", central.ask(Some(&who.1), &changes)));
    }
    let feeds = Feed::ALL.to_vec();
    let manifest = central.ask(Some(&who.1), &Request::Snapshot(SnapshotRequest { feeds }));
    let Ok(Reply::Manifest(manifest)) = manifest else { panic!("{manifest:?}") };
    for chunk in manifest.feeds.iter().flat_map(|feed| &feed.chunks) {
        let sha256 = chunk.sha256.clone();
        let got = central.ask(Some(&who.1), &Request::Chunk { sha256 });
        assert!(matches!(got, Ok(Reply::Chunk(bytes)) if bytes.len() as u64 == chunk.bytes));
    }
    told.push(format!("{manifest:?}"));
    told
}

#[test]
fn the_same_calls_get_the_same_answers() {
    let world = || InProcess::from_template(&SMALL, TestRim::new()).unwrap();
    let (one, other) = (run(&world()), run(&world()));
    assert_eq!(one, other);
    assert!(one[1].contains("acked_seq: 5"), "{}", one[1]);
}

#[test]
fn a_small_world_opens_in_a_millisecond() {
    LazyLock::force(&SMALL);
    let rim = TestRim::new();
    let started = Instant::now();
    for _ in 0..100 {
        InProcess::from_template(&SMALL, Arc::clone(&rim) as Arc<_>).unwrap();
    }
    let each = started.elapsed() / 100;
    println!("a small world opens in {each:?}");
    assert!(each.as_millis() < 10, "{each:?}");
}

#[test]
fn a_backup_is_put_back_and_sessions_end() {
    let central = InProcess::from_template(&SMALL, TestRim::new()).unwrap();
    let who = enrolled(&central);
    let backup = central.backup().unwrap();
    assert!(push(&central, &who, 2).contains("acked_seq: 2"));
    assert!(central.restore(&backup).unwrap());
    let refused = push(&central, &who, 2);
    assert!(refused.contains("UNAUTHENTICATED"), "{refused}");
    let who = (who.0, token(&central, who.0));
    let watermark = central.ask(Some(&who.1), &Request::Watermark { terminal: who.0 });
    assert!(matches!(watermark, Ok(Reply::Watermark(mark)) if mark.acked_seq == 0));
    assert!(push(&central, &who, 3).contains("acked_seq: 3"));
    // A copy is a world of its own.
    let copy = InProcess::from_template(&backup, TestRim::new()).unwrap();
    let who = (who.0, token(&copy, who.0));
    assert!(push(&copy, &who, 1).contains("acked_seq: 1"));
}

#[test]
fn a_directory_keeps_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let open =
        || InProcess::in_directory(dir.path(), None, Durability::Full, TestRim::new()).unwrap();
    let central = open();
    central
        .central()
        .database()
        .writer()
        .run(|c| {
            c.execute("INSERT INTO store VALUES (1, x'01', 'S001', 'S')", [])?;
            c.execute("UPDATE store SET id = ?1", [Uuid::from_u128(5).as_bytes()])?;
            Ok(())
        })
        .unwrap();
    let who = enrolled(&central);
    assert!(push(&central, &who, 2).contains("acked_seq: 2"));
    drop(central);
    let central = open();
    let who = (who.0, token(&central, who.0));
    assert!(push(&central, &who, 2).contains("Duplicate"));
    // Strangers are told nothing but that they are strangers.
    let told = central.ask(None, &Request::Watermark { terminal: who.0 });
    assert!(matches!(told, Err(Fault::Problem { problem, .. }) if problem.status == 401));
}
