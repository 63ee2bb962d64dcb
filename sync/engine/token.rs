//! The token lane: proves who we are by signing central's nonce, when somebody needs it.
//!
//! The nonce is central's, so an absurd clock does not lock a terminal out.

use super::lane::{Lane, Pace, judge};
use super::{Moment, Turn};
use crate::call::{Fault, Reply, Request, Token};
use crate::ports::TerminalIdentity;
use crate::protocol::auth::{NonceRequest, TokenRequest, token_message};
use crate::protocol::problem::code;
use crate::status::SyncProblem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer, SigningKey};
use uuid::Uuid;

/// A token is renewed so long before it ends, or at four fifths of a short life.
const MARGIN_MS_MAX: u64 = 60_000;
/// A token is used for so long at least, whatever central says of its life: a life of zero must not
/// make us spin.
const LIFE_MS_MIN: u64 = 10_000;
/// A nonce longer than this is not signed.
const NONCE_LENGTH_MAX: usize = 512;

/// Holds the token, and gets the next.
#[derive(Clone, Debug, Default)]
pub struct TokenLane {
    pub lane: Lane,
    /// Signed and ready to be traded.
    proof: Option<TokenRequest>,
    token: Option<(Token, u64)>,
}

impl TokenLane {
    /// The token, if it lasts; if not, the way to the next one is begun.
    pub fn valid_or_ask(&mut self, turn: &mut Turn<'_>, terminal: Uuid) -> Option<Token> {
        if let Some((token, until_ms)) = &self.token
            && turn.now.monotonic_ms < *until_ms
        {
            return Some(token.clone());
        }
        if self.lane.is_free(turn.now) {
            let request = match &self.proof {
                Some(proof) => Request::Token(proof.clone()),
                None => Request::Nonce(NonceRequest { terminal_id: terminal }),
            };
            self.lane.send(turn, None, request);
        }
        None
    }

    /// Central does not accept this token any more. Returns whether it was our current one.
    pub fn forget(&mut self, refused: Option<&Token>) -> bool {
        let current = self.token.as_ref().map(|(token, _)| token);
        let is_current = current.is_some() && current == refused;
        if is_current {
            self.token = None;
        }
        is_current
    }

    /// What was under way is lost.
    pub fn begin_again(&mut self) {
        self.proof = None;
    }

    /// Takes the answer to a nonce or token request.
    pub fn answered(
        &mut self,
        turn: &mut Turn<'_>,
        began: Moment,
        result: Result<Reply, Fault>,
        identity: Option<&TerminalIdentity>,
    ) {
        // A nonce is good for one try.
        let had_proof = self.proof.take().is_some();
        let fault = match (result, identity) {
            (Ok(Reply::Nonce(nonce)), Some(identity))
                if !had_proof && nonce.nonce.len() <= NONCE_LENGTH_MAX =>
            {
                self.proof = Some(sign(identity, nonce.nonce));
                return;
            }
            (Ok(Reply::Token(reply)), _) if had_proof && is_header_safe(&reply.token) => {
                let life_ms = u64::from(reply.expires_in_s) * 1_000;
                let margin_ms = (life_ms / 5).min(MARGIN_MS_MAX);
                let useful_ms = (life_ms - margin_ms).max(LIFE_MS_MIN);
                let until_ms = began.monotonic_ms.saturating_add(useful_ms);
                self.token = Some((Token(reply.token), until_ms));
                self.lane.succeed();
                return;
            }
            (Ok(_), _) => Fault::wrong_reply(),
            (Err(fault), _) => fault,
        };
        let (problem, pace) = match fault.code() {
            Some(code::NOT_FOUND) => (SyncProblem::TerminalUnknown, Pace::Slow),
            _ => judge(&fault),
        };
        self.lane.fail(turn, problem, pace);
    }
}

/// A token goes into a header: visible ASCII only, of a bounded length.
fn is_header_safe(token: &str) -> bool {
    !token.is_empty() && token.len() <= 4096 && token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn sign(identity: &TerminalIdentity, nonce: String) -> TokenRequest {
    let terminal_id = identity.id.uuid();
    let key = SigningKey::from_bytes(&identity.device_key.0);
    let signature = key.sign(&token_message(terminal_id, &nonce));
    let signature = BASE64.encode(signature.to_bytes());
    TokenRequest { terminal_id, nonce, signature, epoch: Some(identity.epoch) }
}
