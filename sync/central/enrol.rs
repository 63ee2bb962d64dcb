//! Enrolment: one-time codes, and the terminals that came of them.
//!
//! A code has 50 random bits, lives for minutes, works once, and belongs to a store. Only its hash is kept. The
//! device that used a code may use it again while it lives, because the answer may have been lost on the way;
//! another device may not.

use crate::db::{blob, id, unsigned};
use crate::error::CentralError;
use crate::life::{self, NewLife};
use crate::rim::Rim;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use sync::protocol::auth::{KnownLife, confirmation_digits, normalised_code};
use uuid::Uuid;

/// Crockford's base 32: no I, L, O, U, so that nothing is read as something else.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Symbols of a code; five bits each.
const CODE_LENGTH: usize = 10;
/// Symbols between hyphens.
const GROUP: usize = 5;

/// A new code for a store.
pub struct NewCode {
    /// In groups, as people read it.
    pub code: String,
    /// Key of the code in the database, to ask later whether it was used.
    pub hash: [u8; 32],
}

fn code_hash(code: &str) -> [u8; 32] {
    let canonical: String = normalised_code(code)
        .chars()
        .map(|symbol| match symbol {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    Sha256::digest(canonical.as_bytes()).into()
}

/// Draws a code.
pub fn draw_code(rim: &dyn Rim) -> Result<NewCode, CentralError> {
    let mut random = [0u8; CODE_LENGTH];
    rim.fill_random(&mut random)?;
    let mut code = String::new();
    for (position, byte) in random.iter().enumerate() {
        if position > 0 && position % GROUP == 0 {
            code.push('-');
        }
        // 256 is a multiple of 32: every symbol is equally likely.
        code.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    let hash = code_hash(&code);
    Ok(NewCode { code, hash })
}

/// Books a code for a store. `terminal_name` names the place; without it the next free name is given.
pub fn store_code(
    connection: &Connection,
    hash: [u8; 32],
    store_no: i64,
    terminal_name: Option<&str>,
    (now_ms, ttl_ms): (i64, i64),
) -> Result<(), CentralError> {
    let sql = "INSERT INTO enrol_code (hash, store, terminal_name, created_ms, expires_ms)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let expires_ms = now_ms.saturating_add(ttl_ms);
    connection.execute(sql, params![hash, store_no, terminal_name, now_ms, expires_ms])?;
    // Old codes are of no use to anybody, not even as hashes.
    connection.execute("DELETE FROM enrol_code WHERE expires_ms < ?1 - 86400000", [now_ms])?;
    Ok(())
}

/// The device that used a code: its six confirmation digits and the terminal; `None` while nobody did.
pub fn used_by(
    connection: &Connection,
    hash: &[u8; 32],
) -> Result<Option<(String, Uuid)>, CentralError> {
    let sql = "SELECT terminal, public_key FROM enrol_code
               WHERE hash = ?1 AND terminal IS NOT NULL";
    let found =
        connection.query_row(sql, [hash], |row| Ok((id(row, 0)?, row.get::<_, Vec<u8>>(1)?)));
    Ok(found.optional()?.map(|(terminal, key)| (confirmation_digits(&key), terminal)))
}

/// A store by its code.
pub fn store_by_code(connection: &Connection, code: &str) -> Result<Option<i64>, CentralError> {
    let sql = "SELECT no FROM store WHERE code = ?1";
    Ok(connection.query_row(sql, [code], |row| row.get(0)).optional()?)
}

/// A device that wants to become a terminal.
pub struct Applicant<'a> {
    /// Code as typed or scanned.
    pub code: &'a str,
    /// Its public key, checked to be one.
    pub public_key: [u8; 32],
    /// Its software.
    pub software: &'a str,
    /// Identity to give if the place is new.
    pub fresh_id: Uuid,
    /// Lives that its database holds: an epoch is never given out twice, not even by a central that was restored.
    pub known: &'a [KnownLife],
}

/// What a device became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Identity.
    pub terminal: Uuid,
    /// Epoch.
    pub epoch: u32,
    /// Name of the place.
    pub name: String,
    /// Store.
    pub store: Uuid,
    /// Name of the store.
    pub store_name: String,
}

struct CodeRow {
    store_no: i64,
    terminal_name: Option<String>,
    expires_ms: i64,
    used_by_key: Option<[u8; 32]>,
    terminal: Option<[u8; 16]>,
}

/// Enrols a device; `None` if the code is unknown, expired or used by another device.
pub fn enrol(
    connection: &Connection,
    applicant: &Applicant<'_>,
    now_ms: i64,
) -> Result<Option<Enrolled>, CentralError> {
    let hash = code_hash(applicant.code);
    let sql = "SELECT store, terminal_name, expires_ms, public_key, terminal
               FROM enrol_code WHERE hash = ?1";
    let found = connection.query_row(sql, [hash], |row| {
        Ok(CodeRow {
            store_no: row.get(0)?,
            terminal_name: row.get(1)?,
            expires_ms: row.get(2)?,
            used_by_key: row.get(3)?,
            terminal: row.get(4)?,
        })
    });
    let Some(code) = found.optional()?.filter(|code| now_ms < code.expires_ms) else {
        return Ok(None);
    };
    let terminal = match (code.used_by_key, code.terminal) {
        (Some(key), Some(terminal)) if key == applicant.public_key => Uuid::from_bytes(terminal),
        (Some(_), _) => return Ok(None),
        (None, _) => {
            let terminal = settle(connection, applicant, &code, now_ms)?;
            let sql = "UPDATE enrol_code SET used_ms = ?2, public_key = ?3, terminal = ?4
                       WHERE hash = ?1";
            let values = params![hash, now_ms, applicant.public_key, blob(terminal)];
            connection.execute(sql, values)?;
            terminal
        }
    };
    enrolled(connection, terminal, &applicant.public_key)
}

/// Gives the device its place: a new terminal, or the next epoch of one that was there.
fn settle(
    connection: &Connection,
    applicant: &Applicant<'_>,
    code: &CodeRow,
    now_ms: i64,
) -> Result<Uuid, CentralError> {
    let name = match &code.terminal_name {
        Some(name) => name.clone(),
        None => free_name(connection, code.store_no)?,
    };
    let sql = "SELECT id, epoch FROM terminal WHERE store = ?1 AND name = ?2";
    let place = connection
        .query_row(sql, params![code.store_no, name], |row| Ok((id(row, 0)?, row.get(1)?)))
        .optional()?;
    let (terminal, former): (Uuid, Option<u32>) = match place {
        Some((terminal, epoch)) => (terminal, Some(epoch)),
        None => {
            let sql = "INSERT INTO terminal (id, store, name, epoch, seen_ms)
                       VALUES (?1, ?2, ?3, 0, ?4)";
            let values = params![blob(applicant.fresh_id), code.store_no, name, now_ms];
            connection.execute(sql, values)?;
            (applicant.fresh_id, None)
        }
    };
    // Also those of a terminal that this central has never seen, if its receipts are named the same: it was restored
    // from a backup of before that one was there.
    let sql = "SELECT id FROM store WHERE no = ?1";
    let store: Uuid = connection.query_row(sql, [code.store_no], |row| id(row, 0))?;
    let is_of_place =
        |life: &&KnownLife| life.terminal_id == terminal || life.is_named(store, &name);
    let of_device = applicant.known.iter().filter(is_of_place);
    let former = former.max(of_device.map(|life| life.epoch).max());
    let epoch = former.map_or(0, |former| former.saturating_add(1));
    let (public_key, software) = (applicant.public_key, applicant.software);
    let life = NewLife { terminal, epoch, public_key, begun: "enrolled", software };
    life::begin(connection, &life, (now_ms, None), now_ms)?;
    Ok(terminal)
}

/// `T01`, `T02`, ...: the first that no terminal of the store has.
fn free_name(connection: &Connection, store_no: i64) -> Result<String, CentralError> {
    let sql = "SELECT name FROM terminal WHERE store = ?1";
    let mut statement = connection.prepare(sql)?;
    let taken: Vec<String> =
        statement.query_map([store_no], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let name = (1..).map(|number| format!("T{number:02}")).find(|name| !taken.contains(name));
    Ok(name.expect("there are more names than terminals"))
}

/// The newest life of a terminal that has this key.
fn enrolled(
    connection: &Connection,
    terminal: Uuid,
    public_key: &[u8; 32],
) -> Result<Option<Enrolled>, CentralError> {
    let sql = "SELECT l.epoch, t.name, s.id, s.name
               FROM life l JOIN terminal t ON t.id = l.terminal JOIN store s ON s.no = t.store
               WHERE l.terminal = ?1 AND l.public_key = ?2 ORDER BY l.epoch DESC LIMIT 1";
    let found = connection.query_row(sql, params![blob(terminal), public_key], |row| {
        Ok(Enrolled {
            terminal,
            epoch: row.get(0)?,
            name: row.get(1)?,
            store: id(row, 2)?,
            store_name: row.get(3)?,
        })
    });
    Ok(found.optional()?)
}

/// A terminal as people look at it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct TerminalInfo {
    /// Identity.
    pub id: Uuid,
    /// Short code of its store.
    pub store: String,
    /// Name of the place.
    pub name: String,
    /// Enrolments of the place before this one.
    pub epoch: u32,
    /// Six digits that the device shows too.
    pub confirmation: String,
    /// Name and version of its software.
    pub software: String,
    /// Taken out of service.
    pub revoked: bool,
    /// Highest event number held without a gap.
    pub acked_seq: u64,
    /// Its events that are quarantined or parked.
    pub held_back: u64,
    /// When it was enrolled, milliseconds since 1970 UTC.
    pub enrolled_ms: i64,
    /// When it was last heard of, milliseconds since 1970 UTC.
    pub seen_ms: i64,
    /// How this life began: `enrolled`, `forked`, `restored` or `recovered`.
    pub begun: String,
    /// How far the device's clock is from central's, milliseconds, if it could not be believed last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skew_ms: Option<i64>,
    /// What the terminal told when it began this life by itself: body of its `terminal.renewed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewal: Option<serde_json::Value>,
}

/// All terminals, by store and name.
pub fn terminals(connection: &Connection) -> Result<Vec<TerminalInfo>, CentralError> {
    let mut statement = connection.prepare(include_str!("sql/terminals.sql"))?;
    let rows = statement.query_map([], |row| {
        Ok(TerminalInfo {
            id: id(row, 0)?,
            store: row.get(1)?,
            name: row.get(2)?,
            epoch: row.get(3)?,
            confirmation: confirmation_digits(&row.get::<_, Vec<u8>>(4)?),
            software: row.get(5)?,
            revoked: row.get(6)?,
            acked_seq: unsigned(row, 7)?,
            held_back: unsigned(row, 8)?,
            enrolled_ms: row.get(9)?,
            seen_ms: row.get(10)?,
            begun: row.get(11)?,
            skew_ms: row.get(12)?,
            renewal: row
                .get::<_, Option<String>>(13)?
                .and_then(|text| serde_json::from_str(&text).ok()),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
