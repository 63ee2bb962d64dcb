//! The examples are one story, and true: keys, digits and signatures belong together, and what central
//! answers is what the model of central answers to the requests shown before.
//!
//! Whoever writes another central tries it with these very files, so none may contradict another.

use super::*;
use crate::call::{Reply, Request, Token};
use crate::memory::ModelCentral;
use crate::ports::TerminalIdentity;
use ed25519_dalek::{Signature, VerifyingKey};

/// The golden file, as its type.
fn golden<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&goldens()[name]).unwrap()
}

/// Private keys and the public ones that RFC 8032 says belong to them.
#[test]
fn the_keys_of_the_examples_are_those_of_the_rfc() {
    for (epoch, digits) in [
        (2, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
        (3, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
    ] {
        let shown = EventHash(key(epoch).verifying_key().to_bytes()).to_string();
        assert_eq!(shown, digits);
    }
}

/// With the public key that the example of enrolment shows, as central has it.
#[test]
fn confirmation_and_signature_are_of_the_key_shown() {
    let public = |text: &str| -> [u8; 32] { BASE64.decode(text).unwrap().try_into().unwrap() };
    let shown = public(&golden::<EnrolRequest>("enrol_request").public_key);
    let confirmation = golden::<EnrolResponse>("enrol_response").confirmation;
    assert_eq!(confirmation, confirmation_digits(&shown));
    let asked: TokenRequest = golden("token_request");
    let message =
        token_message(asked.terminal_id, &golden::<NonceResponse>("nonce_response").nonce);
    let signature = BASE64.decode(&asked.signature).unwrap();
    let signature = Signature::from_slice(&signature).unwrap();
    let proves = |key| VerifyingKey::from_bytes(key).unwrap().verify_strict(&message, &signature);
    proves(&shown).unwrap();
    let next = public(&golden::<RenewalRequest>("renewal_request").public_key);
    assert!(proves(&next).is_err(), "the next life has another key");
}

/// A token of a life, for whoever proves its key.
fn token(central: &mut ModelCentral, epoch: u32) -> Token {
    let ask = Request::Nonce(NonceRequest { terminal_id: TERMINAL });
    let Reply::Nonce(NonceResponse { nonce }) = central.handle(NOW_MS, None, &ask).unwrap() else {
        panic!("a nonce");
    };
    let signature = BASE64.encode(key(epoch).sign(&token_message(TERMINAL, &nonce)).to_bytes());
    let request = TokenRequest { terminal_id: TERMINAL, nonce, signature, epoch: Some(epoch) };
    let reply = central.handle(NOW_MS, None, &Request::Token(request)).unwrap();
    let Reply::Token(given) = reply else { panic!("a token") };
    assert_eq!(given, TokenResponse { token: given.token.clone(), ..golden("token_response") });
    Token(given.token)
}

/// Replies cannot be compared, but they can be looked at.
fn same(reply: &Reply, shown: &Reply) {
    assert_eq!(format!("{reply:?}"), format!("{shown:?}"));
}

/// The requests of the document, in its order, are answered with its answers.
#[test]
fn the_examples_answer_each_other() {
    let mut central = ModelCentral::default();
    let place = TerminalIdentity {
        id: domain::id::TerminalId::from_uuid(TERMINAL),
        name: "T03".into(),
        store: StoreId::from_uuid(STORE),
        ..sample::identity(0)
    };
    central.give_code(CODE, &place);
    let request = Request::Enrol(golden("enrol_request"));
    let enrolled = central.handle(NOW_MS, None, &request).unwrap();
    same(&enrolled, &Reply::Enrolled(golden("enrol_response")));
    let second = token(&mut central, 2);
    let mut asks = |request| central.handle(NOW_MS, Some(&second), &request).unwrap();
    let terminal = TERMINAL;
    let Reply::Pushed(pushed) = asks(Request::Push { terminal, body: golden("push_request") })
    else {
        panic!("an answer to a push");
    };
    assert!(pushed.results.iter().all(|result| result.outcome == Outcome::Applied));
    let body = golden("push_request_damaged");
    let pushed = asks(Request::Push { terminal, body });
    same(&pushed, &Reply::Pushed(golden("push_response")));
    let watermark = asks(Request::Watermark { terminal });
    same(&watermark, &Reply::Watermark(golden("watermark")));
    let strays = asks(Request::Strays { terminal, body: golden("strays_request") });
    same(&strays, &Reply::StraysHeld(golden("strays_response")));
    // The true bytes of the placeholder are the example of `shift.closed`.
    let bytes = goldens()["event_shift_closed"].trim_end().to_owned();
    let body = PushRequest { epoch: 2, from_seq: 3, events: vec![bytes.into()] };
    let Reply::Pushed(pushed) = asks(Request::Push { terminal, body }) else {
        panic!("an answer to a push");
    };
    assert_eq!(pushed.results[0].outcome, Outcome::Applied);
    let renewed = asks(Request::Renew { terminal, body: golden("renewal_request") });
    same(&renewed, &Reply::Renewed(golden("renewal_response")));
    let third = token(&mut central, 3);
    let first = goldens()["event_terminal_renewed"].trim_end().to_owned();
    let body = PushRequest { epoch: 3, from_seq: 1, events: vec![first.into()] };
    central.handle(NOW_MS, Some(&third), &Request::Push { terminal, body }).unwrap();
}
