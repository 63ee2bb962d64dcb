//! The token lanes: they prove who we are, in each of our lives, by signing central's nonce, when
//! somebody needs it.
//!
//! The nonce is central's, so an absurd clock does not lock a terminal out.

use super::lane::{Lane, Pace, judge};
use super::{Ask, Moment, Turn};
use crate::call::{Fault, Reply, Request, Token};
use crate::ports::{Life, LifeId, TerminalIdentity};
use crate::protocol::auth::{NonceRequest, Standing, TokenRequest, token_message};
use crate::protocol::problem::code;
use crate::status::SyncProblem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer, SigningKey};

/// A token is renewed so long before it ends, or at four fifths of a short life.
const MARGIN_MS_MAX: u64 = 60_000;
/// A token is used for so long at least, whatever central says of its life: a life of zero must not
/// make us spin.
const LIFE_MS_MIN: u64 = 10_000;
/// A token of a replaced or revoked life is used no longer than this: the next one tells whether
/// that is still so.
const DOUBTFUL_MS_MAX: u64 = 150_000;
/// A nonce longer than this is not signed.
const NONCE_LENGTH_MAX: usize = 512;
/// So many refusals in a row mean that central does not know the key, and not that a message or two
/// went astray.
pub const REFUSALS_MAX: u32 = 5;

/// Holds the token of one life, and gets the next.
#[derive(Clone, Debug)]
pub struct TokenLane {
    pub lane: Lane,
    identity: Box<TerminalIdentity>,
    /// Signed and ready to be traded.
    proof: Option<TokenRequest>,
    token: Option<(Token, u64)>,
    /// What central said of the life with the last token.
    standing: Option<Standing>,
    /// Central knows no key of this epoch.
    is_epoch_unknown: bool,
    /// Refusals of the proof in a row.
    refusals: u32,
}

impl TokenLane {
    fn new(identity: &TerminalIdentity) -> Self {
        Self {
            lane: Lane::default(),
            identity: Box::new(identity.clone()),
            proof: None,
            token: None,
            standing: None,
            is_epoch_unknown: false,
            refusals: 0,
        }
    }

    /// The token, if it lasts; if not, the way to the next one is begun.
    fn valid_or_ask(&mut self, turn: &mut Turn<'_>) -> Option<Token> {
        if let Some((token, until_ms)) = &self.token
            && turn.now.monotonic_ms < *until_ms
        {
            return Some(token.clone());
        }
        if self.lane.is_free(turn.now) {
            let terminal_id = self.identity.id.uuid();
            let request = match &self.proof {
                Some(proof) => Request::Token(proof.clone()),
                None => Request::Nonce(NonceRequest { terminal_id }),
            };
            self.lane.send(turn, None, request);
        }
        None
    }

    /// What was under way is lost.
    fn begin_again(&mut self) {
        self.proof = None;
    }

    /// Takes the answer to a nonce or token request.
    fn answered(&mut self, turn: &mut Turn<'_>, began: Moment, result: Result<Reply, Fault>) {
        // A nonce is good for one try.
        let had_proof = self.proof.take().is_some();
        let fault = match result {
            Ok(Reply::Nonce(nonce)) if !had_proof && nonce.nonce.len() <= NONCE_LENGTH_MAX => {
                self.proof = Some(sign(&self.identity, nonce.nonce));
                return;
            }
            Ok(Reply::Token(reply)) if had_proof && is_header_safe(&reply.token) => {
                let life_ms = u64::from(reply.expires_in_s) * 1_000;
                let margin_ms = (life_ms / 5).min(MARGIN_MS_MAX);
                let mut useful_ms = (life_ms - margin_ms).max(LIFE_MS_MIN);
                if reply.standing != Standing::Current {
                    useful_ms = useful_ms.min(DOUBTFUL_MS_MAX);
                }
                let until_ms = began.monotonic_ms.saturating_add(useful_ms);
                self.token = Some((Token(reply.token), until_ms));
                self.standing = Some(reply.standing);
                self.is_epoch_unknown = false;
                self.refusals = 0;
                self.lane.succeed();
                return;
            }
            Ok(_) => Fault::wrong_reply(),
            Err(fault) => fault,
        };
        let (problem, pace) = match fault.code() {
            Some(code::NOT_FOUND) => (SyncProblem::TerminalUnknown, Pace::Slow),
            Some(code::UNKNOWN_EPOCH) => {
                // It knew the life that was registered there: it was restored from a backup, and what it took beside
                // the numbers since is lost there too.
                if !self.is_epoch_unknown {
                    turn.asks.push(Ask::CentralRestored);
                }
                self.is_epoch_unknown = true;
                (SyncProblem::TerminalUnknown, Pace::Soon)
            }
            _ => judge(&fault),
        };
        if let Some(code::NOT_FOUND | code::UNKNOWN_EPOCH | code::UNAUTHENTICATED) = fault.code() {
            self.refusals = self.refusals.saturating_add(1);
        }
        self.lane.fail(turn, problem, pace);
    }
}

/// The token lanes of all lives; they come into being when somebody needs them.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Vec<TokenLane>);

impl Tokens {
    /// Forgets lives that are no longer known.
    pub fn keep(&mut self, lives: &[Life]) {
        self.0.retain(|lane| {
            lane.lane.busy.is_some() || lives.iter().any(|life| life.identity == *lane.identity)
        });
    }

    fn get(&self, life: LifeId) -> Option<&TokenLane> {
        self.0.iter().find(|lane| lane.identity.life() == life)
    }

    /// A token of that life, now; asks for one if there is none.
    pub fn valid_or_ask(
        &mut self,
        turn: &mut Turn<'_>,
        identity: &TerminalIdentity,
    ) -> Option<Token> {
        let known = self.0.iter().position(|lane| *lane.identity == *identity);
        let index = known.unwrap_or_else(|| {
            self.0.push(TokenLane::new(identity));
            self.0.len() - 1
        });
        self.0[index].valid_or_ask(turn)
    }

    /// What central last said of a life.
    pub fn standing(&self, life: LifeId) -> Option<Standing> {
        self.get(life)?.standing
    }

    /// Central knows no key of that epoch, as it last said.
    pub fn is_epoch_unknown(&self, life: LifeId) -> bool {
        self.get(life).is_some_and(|lane| lane.is_epoch_unknown)
    }

    /// How often in a row central has refused the proof of that life.
    pub fn refusals(&self, life: LifeId) -> u32 {
        self.get(life).map_or(0, |lane| lane.refusals)
    }

    /// Whether the way to a token of that life is in a pause.
    pub fn is_resting(&self, life: LifeId, now: Moment) -> bool {
        self.get(life).is_some_and(|lane| lane.token.is_none() && lane.lane.is_resting(now))
    }

    /// Central knows the life now: whatever it said before.
    pub fn is_registered(&mut self, life: LifeId) {
        if let Some(lane) = self.0.iter_mut().find(|lane| lane.identity.life() == life) {
            lane.is_epoch_unknown = false;
            lane.refusals = 0;
            lane.lane.succeed();
        }
    }

    /// Another device is this terminal in that epoch: asking leads nowhere.
    pub fn is_taken(&mut self, life: LifeId) {
        if let Some(lane) = self.0.iter_mut().find(|lane| lane.identity.life() == life) {
            lane.is_epoch_unknown = false;
            lane.refusals = REFUSALS_MAX;
        }
    }

    /// Central does not accept this token any more, or says something else of the life now. Returns
    /// whether it was a current one of ours.
    pub fn forget(&mut self, refused: Option<&Token>) -> bool {
        let is_it = |lane: &&mut TokenLane| {
            let token = lane.token.as_ref().map(|(token, _)| token);
            token.is_some() && token == refused
        };
        match self.0.iter_mut().find(is_it) {
            Some(lane) => {
                lane.token = None;
                true
            }
            None => false,
        }
    }

    /// Abandons calls under way.
    pub fn abandon_calls(&mut self, turn: &mut Turn<'_>) {
        for token in &mut self.0 {
            if token.lane.abandon_call(turn) {
                token.begin_again();
            }
        }
    }

    /// Takes an answer, if it is to one of these lanes. Returns when the call began.
    pub fn take(&mut self, ticket: super::Ticket) -> Option<(usize, Moment)> {
        self.0.iter_mut().enumerate().find_map(|(index, token)| {
            let busy = token.lane.take(ticket)?;
            Some((index, busy.began))
        })
    }

    /// Handles the answer to the lane that [`Self::take`] has found.
    pub fn answered(
        &mut self,
        turn: &mut Turn<'_>,
        (index, began): (usize, Moment),
        result: Result<Reply, Fault>,
    ) {
        if let Some(lane) = self.0.get_mut(index) {
            lane.answered(turn, began, result);
        }
    }

    /// The lanes with the lives they are of.
    pub fn lanes(&self) -> impl Iterator<Item = (LifeId, &Lane)> {
        self.0.iter().map(|token| (token.identity.life(), &token.lane))
    }

    /// The lanes.
    pub fn lanes_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        self.0.iter_mut().map(|token| &mut token.lane)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_in_a_header_is_a_token() {
        for (token, is_safe) in [
            ("", false),
            ("a", true),
            ("eyJ.~+/=", true),
            ("a b", false),
            ("a\r\nHost: b", false),
            ("\u{e9}", false),
            (&*"x".repeat(4096), true),
            (&*"x".repeat(4097), false),
        ] {
            assert_eq!(is_header_safe(token), is_safe, "{token:?}");
        }
    }
}
