//! Who asks: a terminal by its token.

use super::Asker;
use crate::Central;
use crate::enrol;
use crate::push::Sender;
use crate::refused::Refused;
use sync::protocol::problem::{Retry, code};
use uuid::Uuid;

/// A terminal that proved who it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// Who.
    pub sender: Sender,
}

impl Caller {
    /// The terminal whose token this is.
    pub(crate) fn of(central: &Central, asker: Asker<'_>) -> Result<Self, Refused> {
        let holder = asker.token.and_then(|token| central.sessions().holder(central.rim(), token));
        let holder = holder.ok_or_else(Refused::unauthenticated)?;
        let terminal = holder.terminal;
        match central.database().read(|connection| enrol::known(connection, terminal))? {
            Some(known) if known.is_revoked => Err(Refused::revoked()),
            // A new enrolment of the same place ends what the old device may do.
            Some(known) if known.epoch == holder.epoch => {
                let (epoch, store_no) = (known.epoch, known.store_no);
                Ok(Self { sender: Sender { terminal, epoch, store_no } })
            }
            _ => Err(Refused::unauthenticated()),
        }
    }

    /// The caller, if it is the terminal that is named.
    pub(crate) fn must_be(self, terminal: Uuid) -> Result<Self, Refused> {
        if terminal == self.sender.terminal {
            return Ok(self);
        }
        let title = "the token belongs to another terminal";
        Err(Refused::new(403, code::WRONG_TERMINAL, Retry::Never, title))
    }
}
