//! The gate: who may speak to central now, in which life, and with which token.

use super::Turn;
use super::lives::LivesLane;
use super::token::Tokens;
use crate::call::Token;
use crate::ports::{LifeId, LifeStanding, TerminalIdentity};
use crate::protocol::auth::Standing;

/// The way out to central: closed while the line is cut or there is no token.
pub struct Gate<'a> {
    pub is_cut: bool,
    /// Our contract is not too old for feeds.
    pub is_contract_kept: bool,
    /// Central is known to understand lives.
    pub knows_lives: bool,
    /// In which life feeds are read.
    pub pulling: Option<Box<TerminalIdentity>>,
    pub tokens: &'a mut Tokens,
}

impl Gate<'_> {
    /// A token of a life to send with, now; asks for one if there is none.
    pub fn token(&mut self, turn: &mut Turn<'_>, who: &TerminalIdentity) -> Option<Token> {
        if self.is_cut {
            return None;
        }
        self.tokens.valid_or_ask(turn, who)
    }

    /// Whether feeds may be read at all.
    pub fn may_pull(&self) -> bool {
        !self.is_cut && self.is_contract_kept
    }

    /// A token that feeds may be read with.
    pub fn pull_token(&mut self, turn: &mut Turn<'_>) -> Option<Token> {
        if !self.may_pull() {
            return None;
        }
        let who = self.pulling.as_deref()?;
        let token = self.tokens.valid_or_ask(turn, who)?;
        (self.tokens.standing(who.life()) == Some(Standing::Current)).then_some(token)
    }
}

/// In which life feeds are read: the current one or, until central knows that, the life that vouches
/// for it.
pub fn pulling(lives: &LivesLane, tokens: &Tokens) -> Option<Box<TerminalIdentity>> {
    let mut life = lives.current()?;
    // Each turn goes to an older life; there are no more turns than lives.
    for _ in lives.all() {
        let before = match life.standing {
            LifeStanding::Unregistered { former_epoch, .. } => former_epoch,
            _ if tokens.is_epoch_unknown(life.id()) => life.identity.epoch.checked_sub(1)?,
            _ => break,
        };
        match lives.get(LifeId { epoch: before, ..life.id() }) {
            Some(former) => life = former,
            // Nobody vouches for it: asking with its own key tells when central knows it after all.
            None => break,
        }
    }
    Some(Box::new(life.identity.clone()))
}
