//! Sessions: nonces, bearer tokens and the brake on guessing. All in memory: a restart of central only makes the
//! terminals sign again.
//!
//! Tokens are 256 random bits, kept as their SHA-256, valid for 15 minutes. A nonce is central's, lives a minute
//! and is taken out by its terminal's first attempt to use it, right or wrong. Anybody may ask for nonces, so they
//! are kept by terminal, few for each: a flood for one, or for terminals that do not exist, is nobody else's trouble.

use crate::error::CentralError;
use crate::rim::Rim;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Mutex;
use sync::protocol::auth::token_message;
use uuid::Uuid;

/// How long a nonce lives.
pub const NONCE_MS: i64 = 60_000;
/// How long a token lives.
pub const TOKEN_MS: i64 = 15 * 60_000;
/// Nonces kept for one terminal; beyond it its oldest goes.
const NONCES_MAX: usize = 8;
/// Tokens kept at a time.
const TOKENS_MAX: usize = 100_000;
/// How long failures are remembered.
const WINDOW_MS: i64 = 60_000;
/// Keys of the brake kept at a time.
const BRAKES_MAX: usize = 10_000;

/// What is slowed down after too many failures, by the address that they come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Brake {
    /// Enrolment: codes can be guessed.
    Enrol(IpAddr),
    /// Tokens: a signature cannot be guessed, only tried; all terminals of a shop may come from one address.
    Token(IpAddr),
}

impl Brake {
    /// The failures within [`WINDOW_MS`] that are too many.
    const fn failures_max(self) -> u32 {
        match self {
            Self::Enrol(_) => 10,
            Self::Token(_) => 60,
        }
    }

    /// One key for all addresses that one subscriber has: with IPv6 that is a network of 64 bits.
    fn key(self) -> Self {
        let network = |address: IpAddr| match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
            v4 => v4,
        };
        match self {
            Self::Enrol(address) => Self::Enrol(network(address)),
            Self::Token(address) => Self::Token(network(address)),
        }
    }
}

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
    /// By terminal, oldest first: the nonce and when it ends.
    nonces: HashMap<Uuid, VecDeque<(String, i64)>>,
    tokens: HashMap<[u8; 32], (Holder, i64)>,
    /// Failures and when the window ends.
    brakes: HashMap<Brake, (u32, i64)>,
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

    /// Forgets everything, as a restart does.
    pub fn clear(&self) {
        *self.kept() = Kept::default();
    }

    /// A nonce for a terminal. Only if it is known is the nonce kept; a stranger gets one that nothing can be done
    /// with, and cannot tell.
    pub fn nonce(
        &self,
        rim: &dyn Rim,
        terminal: Uuid,
        is_known: bool,
    ) -> Result<String, CentralError> {
        let nonce = random_text(rim)?;
        if is_known {
            let mut kept = self.kept();
            let of_terminal = kept.nonces.entry(terminal).or_default();
            while of_terminal.len() >= NONCES_MAX {
                of_terminal.pop_front();
            }
            of_terminal.push_back((nonce.clone(), rim.monotonic_ms() + NONCE_MS));
        }
        Ok(nonce)
    }

    /// Takes a nonce of a terminal out; whether it was there and still fresh.
    fn take(&self, rim: &dyn Rim, terminal: Uuid, nonce: &str) -> bool {
        let mut kept = self.kept();
        let Some(of_terminal) = kept.nonces.get_mut(&terminal) else { return false };
        let found = of_terminal.iter().position(|(known, _)| known == nonce);
        let taken = found.and_then(|index| of_terminal.remove(index));
        if of_terminal.is_empty() {
            kept.nonces.remove(&terminal);
        }
        taken.is_some_and(|(_, until)| rim.monotonic_ms() < until)
    }

    /// Takes a nonce out and checks the signature over it.
    pub fn proves(
        &self,
        rim: &dyn Rim,
        (terminal, public_key): (Uuid, &[u8; 32]),
        nonce: &str,
        signature: &str,
    ) -> bool {
        let is_fresh = self.take(rim, terminal, nonce);
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
    pub fn wait_ms(&self, rim: &dyn Rim, who: Brake) -> i64 {
        let now = rim.monotonic_ms();
        match self.kept().brakes.get(&who.key()) {
            Some((failures, until)) if *failures >= who.failures_max() => (until - now).max(0),
            _ => 0,
        }
    }

    /// Books a failure of `who`.
    pub fn failed(&self, rim: &dyn Rim, who: Brake) {
        let (now, who) = (rim.monotonic_ms(), who.key());
        let mut kept = self.kept();
        if kept.brakes.len() >= BRAKES_MAX && !kept.brakes.contains_key(&who) {
            kept.brakes.retain(|_, (_, until)| *until > now);
            if kept.brakes.len() >= BRAKES_MAX {
                // All are busy: the one goes that would be free soonest.
                let soonest = kept.brakes.iter().min_by_key(|(_, (_, until))| *until);
                let soonest = soonest.map(|(key, _)| *key);
                soonest.map(|key| kept.brakes.remove(&key));
            }
        }
        let brake = kept.brakes.entry(who).or_insert((0, now + WINDOW_MS));
        if brake.1 <= now {
            *brake = (0, now + WINDOW_MS);
        }
        brake.0 = brake.0.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::rim::SystemRim;

    #[test]
    fn nonces_are_few_for_each_terminal_and_none_for_strangers() {
        let (sessions, rim) = (Sessions::default(), SystemRim::new());
        let (flooded, quiet) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mine = sessions.nonce(&rim, quiet, true).unwrap();
        let first = sessions.nonce(&rim, flooded, true).unwrap();
        let mut last = String::new();
        for _ in 0..1000 {
            last = sessions.nonce(&rim, flooded, true).unwrap();
        }
        for number in 100..1100 {
            let nonce = sessions.nonce(&rim, Uuid::from_u128(number), false).unwrap();
            assert_eq!(nonce.len(), mine.len(), "a stranger cannot tell");
        }
        let count: usize = sessions.kept().nonces.values().map(VecDeque::len).sum();
        assert_eq!(count, NONCES_MAX + 1);
        assert!(!sessions.take(&rim, flooded, &first), "its own oldest went");
        assert!(sessions.take(&rim, flooded, &last));
        assert!(!sessions.take(&rim, flooded, &mine), "another terminal's is not taken");
        assert!(sessions.take(&rim, quiet, &mine));
        assert!(!sessions.take(&rim, quiet, &mine), "once");
    }

    #[test]
    fn the_brake_is_by_network_and_bounded() {
        let (sessions, rim) = (Sessions::default(), SystemRim::new());
        let v6 = |network: u32, host: u128| {
            let bits = (0x2001_0db8_u128 << 96) | (u128::from(network) << 64) | host;
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        };
        for host in 0..10 {
            assert_eq!(sessions.wait_ms(&rim, Brake::Enrol(v6(1, host))), 0);
            sessions.failed(&rim, Brake::Enrol(v6(1, host)));
        }
        assert!(sessions.wait_ms(&rim, Brake::Enrol(v6(1, 99))) > 0);
        assert_eq!(sessions.wait_ms(&rim, Brake::Enrol(v6(2, 0))), 0);
        assert_eq!(sessions.wait_ms(&rim, Brake::Token(v6(1, 0))), 0, "another thing");
        for network in 0..(BRAKES_MAX as u32 + 50) {
            sessions.failed(&rim, Brake::Token(v6(network, 0)));
        }
        assert_eq!(sessions.kept().brakes.len(), BRAKES_MAX);
    }
}
