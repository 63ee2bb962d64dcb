//! One decision for many held events: after a fork or a restore thousands wait, and nobody types thousands of commands.
//!
//! Batches, each a transaction: what is done stays done when it is stopped, and the same call goes on from there. The
//! order is that of the journals (terminal, life, number), so that an order is judged before its payment.

use crate::Central;
use crate::error::CentralError;
use crate::held::{self, Which};
use crate::quarantine::{self, Released};
use crate::task::{Ended, Watch};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeMap;

/// Entries of one transaction.
const BATCH: usize = 200;

/// What became of many entries.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Bulk {
    /// Entries that were meant.
    pub entries: usize,
    /// Events that are applied now, with those that waited behind.
    pub applied: u64,
    /// Entries that do not count by decision now.
    pub dismissed: u64,
    /// Entries that were left as they are: of orders that count nowhere, while a held event says that they were paid.
    pub paid: Vec<u64>,
    /// Entries that are quarantined still, by code.
    pub quarantined: BTreeMap<String, u64>,
    /// It was stopped before its end.
    pub is_stopped: bool,
}

/// Whether an entry is about an order that counts nowhere though money was taken for it: that is not dismissed without
/// being looked at by itself.
fn is_paid(connection: &Connection, inbox_id: i64) -> Result<bool, CentralError> {
    let sql = "SELECT aggregate FROM inbox
               WHERE id = ?1 AND kind IN ('order.placed', 'order.paid')";
    let read = |row: &rusqlite::Row<'_>| crate::db::id_opt(row, 0);
    let order = connection.prepare_cached(sql)?.query_row([inbox_id], read).optional()?;
    match order.flatten() {
        Some(order) => Ok(!held::payments_of(connection, order)?.is_empty()),
        None => Ok(false),
    }
}

impl Central {
    /// Tries all that are meant again, in the order of their journals.
    pub fn retry_all(&self, which: &Which, watch: &mut dyn Watch) -> Result<Bulk, CentralError> {
        self.for_all(which, watch, ("retried", false), |connection, inbox_id| {
            quarantine::retry(connection, inbox_id)
        })
    }

    /// Decides that all that are meant will not count. An order that counts nowhere and whose payment is held is left
    /// alone, with its payment: that is for a person to look at, one by one.
    pub fn dismiss_all(
        &self,
        which: &Which,
        (by, why): (&str, &str),
        watch: &mut dyn Watch,
    ) -> Result<Bulk, CentralError> {
        let (by, why, now_ms) = (by.to_owned(), why.to_owned(), self.rim().now_ms());
        self.for_all(which, watch, ("dismissed", true), move |connection, inbox_id| {
            quarantine::dismiss(connection, inbox_id, (&by, &why), now_ms)
        })
    }

    fn for_all(
        &self,
        which: &Which,
        watch: &mut dyn Watch,
        (name, spares_paid): (&str, bool),
        act: impl Fn(&Connection, i64) -> Result<Option<Released>, CentralError>
        + Clone
        + Send
        + 'static,
    ) -> Result<Bulk, CentralError> {
        let meant = self.database().read(|c| held::quarantined(c, which))?;
        watch.begin(name, meant.len() as u64);
        let (mut applied, mut paid, mut done) = (0, Vec::new(), 0);
        let mut ended = Ended::Done;
        for batch in meant.chunks(BATCH) {
            let (ids, act) = (batch.to_vec(), act.clone());
            let of_batch = self.database().writer().run(move |connection| {
                let (mut applied, mut paid) = (0, Vec::new());
                for inbox_id in ids {
                    if spares_paid && is_paid(connection, inbox_id)? {
                        paid.push(inbox_id.unsigned_abs());
                        continue;
                    }
                    applied += act(connection, inbox_id)?.map_or(0, |released| released.applied);
                }
                Ok((applied, paid))
            })?;
            applied += of_batch.0;
            paid.extend(of_batch.1);
            done += batch.len();
            if !watch.done(done as u64) {
                ended = Ended::Stopped;
                break;
            }
        }
        let (dismissed, quarantined) = self.database().read(|c| states(c, &meant))?;
        let (entries, is_stopped) = (meant.len(), ended == Ended::Stopped);
        Ok(Bulk { entries, applied, dismissed, paid, quarantined, is_stopped })
    }
}

/// How many of the entries are dismissed, and how many are quarantined for which reason.
fn states(
    connection: &Connection,
    entries: &[i64],
) -> Result<(u64, BTreeMap<String, u64>), CentralError> {
    let (mut dismissed, mut quarantined) = (0, BTreeMap::new());
    let mut statement =
        connection.prepare("SELECT state, coalesce(code, '') FROM inbox WHERE id = ?1")?;
    for inbox_id in entries {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?));
        // One that a push took up meanwhile stands under another number.
        let Some((state, code)) = statement.query_row([inbox_id], read).optional()? else {
            continue;
        };
        match state.as_str() {
            "dismissed" => dismissed += 1,
            "quarantined" => *quarantined.entry(code).or_default() += 1,
            _ => {}
        }
    }
    Ok((dismissed, quarantined))
}
