//! Who asks: a life of a terminal, by its token, and what that life may do.

use super::Asker;
use crate::Central;
use crate::life::{self, KnownLife, Lookup};
use crate::push::Sender;
use crate::refused::Refused;
use sync::protocol::auth::Standing;
use sync::protocol::problem::{Retry, code};
use uuid::Uuid;

/// The version of a caller that does not say: the first one.
const CONTRACT_UNSAID: u32 = 1;

/// A life that proved its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// Who.
    pub sender: Sender,
    /// As central knows it now.
    pub life: KnownLife,
}

impl Caller {
    /// The life whose token this is.
    pub(crate) fn of(central: &Central, asker: Asker<'_>) -> Result<Self, Refused> {
        let holder = asker.token.and_then(|token| central.sessions().holder(central.rim(), token));
        let holder = holder.ok_or_else(Refused::unauthenticated)?;
        let (terminal, epoch) = (holder.terminal, holder.epoch);
        match central.database().read(|c| life::find(c, terminal, Some(epoch)))? {
            Lookup::Life(life) => {
                let sender = Sender { terminal, epoch, store_no: life.store_no };
                Ok(Self { sender, life })
            }
            // The database was restored from a backup of an earlier time.
            Lookup::UnknownEpoch | Lookup::UnknownTerminal => Err(Refused::unauthenticated()),
        }
    }

    /// The caller, if it is the terminal that is named.
    pub(crate) fn must_be(self, terminal: Uuid) -> Result<Self, Refused> {
        if terminal == self.sender.terminal {
            return Ok(self);
        }
        let title = "the token belongs to another terminal";
        Err(Refused::new(403, code::WRONG_TERMINAL, Retry::Human, title))
    }

    /// The caller, if it may read feeds: it is the terminal now, and speaks a version that feeds are published in.
    pub(crate) fn may_read(self, central: &Central, asker: Asker<'_>) -> Result<Self, Refused> {
        let oldest = central.oldest_contract();
        if asker.contract.unwrap_or(CONTRACT_UNSAID) < oldest {
            let title = "this version is too old to read; it can go on to push";
            let refused = Refused::new(426, code::UPGRADE_REQUIRED, Retry::AfterUpgrade, title);
            return Err(refused.with_detail(format!("the oldest version that can is {oldest}")));
        }
        match self.life.standing {
            Standing::Current => Ok(self),
            Standing::Revoked => Err(Refused::revoked()),
            Standing::Replaced => {
                let title = "a newer life of this terminal exists";
                let refused = Refused::new(403, code::OLD_EPOCH, Retry::Human, title);
                Err(refused.with_detail(format!("current epoch {}", self.life.current_epoch)))
            }
        }
    }
}
