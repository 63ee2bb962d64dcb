//! Sessions: nonces, bearer tokens and the brake on guessing. All in memory: a restart of central only makes the
//! terminals sign again.
//!
//! Tokens are 256 random bits, kept as their SHA-256, valid for 15 minutes. A nonce is central's, lives a minute
//! and is taken out by the first attempt to use it, right or wrong.

use crate::error::CentralError;
use crate::rim::Rim;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Mutex;
use sync::protocol::auth::token_message;
use uuid::Uuid;

/// How long a nonce lives.
pub const NONCE_MS: i64 = 60_000;
/// How long a token lives.
pub const TOKEN_MS: i64 = 15 * 60_000;
/// Nonces kept at a time; beyond it somebody is playing.
const NONCES_MAX: usize = 10_000;
/// Tokens kept at a time.
const TOKENS_MAX: usize = 100_000;
/// Failures from one address, or for one terminal from it, within [`WINDOW_MS`].
const FAILURES_MAX: u32 = 10;
/// How long failures are remembered.
const WINDOW_MS: i64 = 60_000;
/// Keys of the brake kept at a time.
const BRAKES_MAX: usize = 10_000;

/// Who a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Terminal.
    pub terminal: Uuid,
    /// Its epoch when the token was given; a new enrolment ends the old device's tokens.
    pub epoch: u32,
}

#[derive(Default)]
struct Kept {
    nonces: HashMap<String, (Uuid, i64)>,
    tokens: HashMap<[u8; 32], (Holder, i64)>,
    /// Failures and when the window ends.
    brakes: HashMap<String, (u32, i64)>,
}

/// What is kept between requests.
#[derive(Default)]
pub struct Sessions {
    kept: Mutex<Kept>,
}

fn random_text(rim: &dyn Rim) -> Result<String, CentralError> {
    let mut bytes = [0; 32];
    rim.fill_random(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

impl Sessions {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().expect("no thread panics with the lock")
    }

    /// A nonce for a terminal; `None` if too many are out.
    pub fn nonce(&self, rim: &dyn Rim, terminal: Uuid) -> Result<Option<String>, CentralError> {
        let now = rim.monotonic_ms();
        let nonce = random_text(rim)?;
        let mut kept = self.kept();
        if kept.nonces.len() >= NONCES_MAX {
            kept.nonces.retain(|_, (_, until)| *until > now);
        }
        if kept.nonces.len() >= NONCES_MAX {
            return Ok(None);
        }
        kept.nonces.insert(nonce.clone(), (terminal, now + NONCE_MS));
        Ok(Some(nonce))
    }

    /// Takes a nonce out and checks the signature over it.
    pub fn proves(
        &self,
        rim: &dyn Rim,
        (terminal, public_key): (Uuid, &[u8; 32]),
        nonce: &str,
        signature: &str,
    ) -> bool {
        let taken = self.kept().nonces.remove(nonce);
        let is_fresh = matches!(taken, Some((of, until))
            if of == terminal && rim.monotonic_ms() < until);
        let signature = STANDARD.decode(signature).ok();
        let signature = signature.and_then(|bytes| Signature::from_slice(&bytes).ok());
        let key = VerifyingKey::from_bytes(public_key).ok();
        match (is_fresh, key, signature) {
            (true, Some(key), Some(signature)) => {
                key.verify_strict(&token_message(terminal, nonce), &signature).is_ok()
            }
            _ => false,
        }
    }

    /// A new token.
    pub fn token(&self, rim: &dyn Rim, holder: Holder) -> Result<String, CentralError> {
        let now = rim.monotonic_ms();
        let token = random_text(rim)?;
        let mut kept = self.kept();
        if kept.tokens.len() >= TOKENS_MAX {
            kept.tokens.retain(|_, (_, until)| *until > now);
        }
        kept.tokens.insert(Sha256::digest(&token).into(), (holder, now + TOKEN_MS));
        Ok(token)
    }

    /// Who holds a token; `None` if it is unknown or too old.
    pub fn holder(&self, rim: &dyn Rim, token: &str) -> Option<Holder> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let kept = self.kept();
        let (holder, until) = kept.tokens.get(&hash)?;
        (rim.monotonic_ms() < *until).then_some(*holder)
    }

    /// Milliseconds that `who` has to wait after too many failures; 0 when free.
    pub fn wait_ms(&self, rim: &dyn Rim, who: &str) -> i64 {
        let now = rim.monotonic_ms();
        match self.kept().brakes.get(who) {
            Some((failures, until)) if *failures >= FAILURES_MAX => (until - now).max(0),
            _ => 0,
        }
    }

    /// Books a failure of `who`.
    pub fn failed(&self, rim: &dyn Rim, who: &str) {
        let now = rim.monotonic_ms();
        let mut kept = self.kept();
        if kept.brakes.len() >= BRAKES_MAX {
            kept.brakes.retain(|_, (_, until)| *until > now);
        }
        let brake = kept.brakes.entry(who.to_owned()).or_insert((0, now + WINDOW_MS));
        if brake.1 <= now {
            *brake = (0, now + WINDOW_MS);
        }
        brake.0 = brake.0.saturating_add(1);
    }
}
