//! A second copy of who this device is. The row of a life is on the page that is written most of all; were it the only
//! one, a single damaged page would cost the identity, and every sale would have to wait for an enrolment.
//!
//! The copy lies among the settings, on another page of the same encrypted file, and is written once, with the life.
//! It knows nothing of what came later: a recovery takes heads and acknowledgements from what else it finds, and
//! central tells the rest.

use crate::error::StoreError;
use crate::life::Life;
use domain::event::RenewalReason;
use domain::id::{StoreId, TerminalId};
use domain::time::DeviceTime;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use sync::ports::{DeviceKey, LifeStanding, TerminalIdentity};
use uuid::Uuid;

/// What the keys of the copies begin with.
pub(super) const PREFIX: &str = "life/";

#[derive(Serialize, Deserialize)]
struct LifeCopy {
    number: i64,
    terminal: Uuid,
    epoch: u32,
    name: String,
    store: Uuid,
    store_name: String,
    central: String,
    device_key: [u8; 32],
    /// Of a renewed life: the epoch before, and why.
    renewal: Option<(u32, String)>,
    base_position: i64,
    at_ms: i64,
}

/// Writes the copy of a life, in the transaction in which it begins.
pub(crate) fn keep_copy(db: &Connection, life: &Life) -> Result<(), StoreError> {
    let identity = &life.identity;
    let copy = LifeCopy {
        number: life.number,
        terminal: identity.id.uuid(),
        epoch: identity.epoch,
        name: identity.name.clone(),
        store: identity.store.uuid(),
        store_name: identity.store_name.clone(),
        central: identity.central.clone(),
        device_key: identity.device_key.0,
        renewal: life.renewal.map(|(epoch, reason)| (epoch, reason.name().to_owned())),
        base_position: life.base_position,
        at_ms: life.last_at.0,
    };
    let json = serde_json::to_string(&copy).expect("plain fields always serialise");
    db.prepare_cached(
        "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
    )?
    .execute(params![format!("{PREFIX}{}", life.number), json])?;
    Ok(())
}

/// Writes the copies that are not there: a database of an earlier version has none.
pub(crate) fn keep_copies(db: &Connection) -> Result<(), StoreError> {
    let lives: i64 = db.query_row("SELECT count(*) FROM life", [], |row| row.get(0))?;
    let copies: i64 = db.query_row(
        "SELECT count(*) FROM setting WHERE key GLOB ?1",
        [format!("{PREFIX}*")],
        |row| row.get(0),
    )?;
    if copies < lives {
        for life in Life::all(db)? {
            keep_copy(db, &life)?;
        }
    }
    Ok(())
}

/// The life of a copy, as it began.
pub(super) fn life_in_copy(json: &str) -> Option<Life> {
    let copy: LifeCopy = serde_json::from_str(json).ok()?;
    let identity = TerminalIdentity {
        id: TerminalId::from_uuid(copy.terminal),
        epoch: copy.epoch,
        name: copy.name,
        store: StoreId::from_uuid(copy.store),
        store_name: copy.store_name,
        central: copy.central,
        device_key: DeviceKey(copy.device_key),
    };
    let mut life = Life::new(identity, None, DeviceTime(copy.at_ms));
    let reason = |name: &str| RenewalReason::ALL.into_iter().find(|known| known.name() == name);
    life.renewal = copy.renewal.and_then(|(epoch, name)| Some((epoch, reason(&name)?)));
    if let Some((former_epoch, reason)) = life.renewal {
        // Whether central knows it already, nobody knows; to tell it twice is no harm.
        life.standing = LifeStanding::Unregistered { former_epoch, reason };
    }
    (life.number, life.base_position) = (copy.number, copy.base_position);
    Some(life)
}
