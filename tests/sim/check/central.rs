//! I1, I2, I3 at central: what comes into the inbox is known, follows what came before, and comes once.

use crate::violation::{Check, Invariant};
use crate::world::World;
use central::CentralError;
use rusqlite::Connection;
use sync::call::Request;
use sync::protocol::event::{Envelope, EventHash};
use uuid::Uuid;

/// A row of the inbox.
struct Held {
    id: i64,
    life: (Uuid, u32),
    seq: u64,
    is_stray: bool,
    hash: EventHash,
    /// `None` for a damaged event.
    bytes: Option<String>,
}

fn held_after(connection: &Connection, id: i64) -> Result<Vec<Held>, CentralError> {
    let sql = "SELECT id, terminal, epoch, seq, is_stray, hash, bytes FROM inbox
               WHERE id > ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([id], |row| {
        Ok(Held {
            id: row.get(0)?,
            life: (Uuid::from_bytes(row.get(1)?), row.get(2)?),
            seq: row.get::<_, i64>(3)? as u64,
            is_stray: row.get(4)?,
            hash: EventHash(row.get(5)?),
            bytes: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl World {
    /// After a request that may bring events.
    pub(crate) fn check_central(&mut self, request: &Request) -> Check {
        match request {
            Request::Push { .. } | Request::Strays { .. } => self.check_central_now(),
            _ => Ok(()),
        }
    }

    /// Looks at what is new in the inbox.
    pub(crate) fn check_central_now(&mut self) -> Check {
        let after = self.central.seen.inbox_id;
        let held = self.central.read(|c| held_after(c, after));
        let held = held.or_else(|what| Invariant::NoPanic.broken(what))?;
        for row in held {
            self.check_held(&row)?;
            self.central.seen.inbox_id = row.id;
        }
        Ok(())
    }

    fn check_held(&mut self, held: &Held) -> Check {
        if !self.ledger.facts.contains_key(&held.hash) {
            // A device may have written it just now, without anybody looking.
            for number in 0..self.devices.len() {
                self.observe(number)?;
            }
        }
        let (epoch, seq) = (held.life.1, held.seq);
        let fact = self.ledger.facts.get(&held.hash);
        Invariant::ExactlyOnce.require(fact.is_some(), || {
            format!("central holds an event that nobody wrote (epoch {epoch}, {seq})")
        })?;
        if let Some(fact) = self.ledger.facts.get_mut(&held.hash) {
            // It was on its way when the disk that it came from was thrown away.
            (fact.is_gone, fact.was_held) = (false, true);
        }
        if let Some(bytes) = &held.bytes {
            Invariant::Chain.require(EventHash::of(bytes.as_bytes()) == held.hash, || {
                format!("central holds other bytes than their hash says (epoch {epoch}, {seq})")
            })?;
            crate::check::secret(bytes)?;
        }
        let seen = &mut self.central.seen;
        // A stray may get its number later; that only one of them is left is counted at the end.
        let was_stray = seen.strays.remove(&held.hash) && !held.is_stray;
        if held.is_stray {
            seen.strays.insert(held.hash);
        }
        if !seen.held.insert(held.hash) && !was_stray {
            return Invariant::ExactlyOnce
                .broken(format!("central holds an event twice (epoch {epoch}, {seq})"));
        }
        self.tally.note(match (held.is_stray, &held.bytes) {
            (true, _) => "central: stray held",
            (false, None) => "central: damaged event held",
            (false, Some(_)) => "central: event held",
        });
        if held.is_stray {
            return Ok(());
        }
        let (last_seq, last_hash) =
            seen.lives.insert(held.life, (seq, held.hash)).unwrap_or((0, EventHash::GENESIS));
        Invariant::Gapless.require(seq == last_seq + 1, || {
            format!("central holds event {seq} after {last_seq} (epoch {epoch})")
        })?;
        let Some(bytes) = &held.bytes else { return Ok(()) };
        let prev = Envelope::parse(bytes).ok().and_then(|envelope| envelope.prev_hash().ok());
        Invariant::Chain.require(prev == Some(last_hash), || {
            format!("central's chain is broken at event {seq} (epoch {epoch})")
        })
    }
}
