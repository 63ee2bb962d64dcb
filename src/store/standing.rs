//! How lives begin and end, and what central says that it holds of them.
//!
//! ```text
//!            enrol                renew (forked, restored)              renew (recovered)
//! before   ── registered ──     ── closed ───────────────────╮        ── registered ──────────╮  goes on as it can
//! now        registered           unregistered ─ registered  │          unregistered ─ ...    │
//!                                                  strays <──╯             outbox, strays <───╯
//! ```
//! A former life stays for ever: its events may wait, its key vouches for the next, and central may ask for it again.
//! An open shift goes on in a renewed life (the person at the till has not changed); an enrolment ends it.

use crate::error::StoreError;
use crate::feed;
use crate::journal::append;
use crate::life::Life;
use crate::outbox::{self, End, declared_hash};
use crate::shift;
use crate::writer::Session;
use domain::event::{Event, RenewalReason};
use domain::time::DeviceTime;
use rusqlite::{Connection, params};
use sync::ports::{self, DeviceKey, LifeId, LifeStanding, OutboxItem, Rewound, TerminalIdentity};
use sync::protocol::event::EventHash;
use sync::protocol::feed::Feed;
use sync::protocol::push::{Outcome, PushResult};

/// Every life, oldest first, and what central lacks of it.
pub(crate) fn lives(db: &Connection) -> Result<Vec<ports::Life>, StoreError> {
    let view = |life: Life| -> Result<ports::Life, StoreError> {
        Ok(ports::Life {
            standing: life.standing,
            acked_seq: life.acked_seq,
            last_seq: life.last_seq,
            waiting: life.waiting(),
            strays: outbox::stray_count(db, &life)?,
            clock_offset_ms: life.clock_offset_ms,
            identity: life.identity,
        })
    };
    Life::all(db)?.into_iter().map(view).collect()
}

pub(crate) fn enrol(
    session: &mut Session,
    identity: &TerminalIdentity,
    software: &str,
    at: DeviceTime,
) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    if let Some(known) = Life::by_id(&tx, identity.life())? {
        let is_again = known.identity.device_key == identity.device_key;
        // The answer of a first try was lost: it is done.
        return if is_again { Ok(()) } else { Err(StoreError::LifeTaken) };
    }
    let mut former = Life::current(&tx)?;
    if let Some(former) = &mut former {
        if let Some(open) = shift::current(&tx)? {
            shift::end_in(&tx, former, open, at)?;
            former.save_head(&tx)?;
        }
        // Another central or store speaks of other rows.
        for feed in Feed::ALL {
            feed::reset(&tx, feed)?;
        }
    }
    let mut life = Life::new(identity.clone(), former.as_ref(), at);
    life.insert(&tx)?;
    let event = Event::TerminalEnrolled {
        store: identity.store,
        name: identity.name.clone(),
        software: software.to_owned(),
    };
    append(&tx, &mut life, at, &event)?;
    life.save_head(&tx)?;
    Ok(tx.commit()?)
}

pub(crate) fn renew(
    session: &mut Session,
    former: LifeId,
    reason: RenewalReason,
    device_key: &DeviceKey,
    at: DeviceTime,
) -> Result<bool, StoreError> {
    let (tx, _) = session.begin()?;
    let Some(former) = Life::current(&tx)?.filter(|life| life.id() == former) else {
        return Ok(false);
    };
    begin_next(&tx, former, reason, device_key, at)?;
    tx.commit()?;
    Ok(true)
}

/// Begins the life after `former`, which must be current, within a transaction.
pub(crate) fn begin_next(
    db: &Connection,
    mut former: Life,
    reason: RenewalReason,
    device_key: &DeviceKey,
    at: DeviceTime,
) -> Result<Life, StoreError> {
    if reason != RenewalReason::Recovered {
        close_in(db, &mut former)?;
    }
    let former_epoch = former.identity.epoch;
    // A life that this database holds is never begun twice, whatever a restored central gave out since.
    let newest: u32 = db
        .prepare_cached("SELECT max(epoch) FROM life WHERE terminal = ?1")?
        .query_row([former.identity.id.uuid().as_bytes()], |row| row.get(0))?;
    let epoch = newest.checked_add(1).ok_or(StoreError::LifeTaken)?;
    let identity =
        TerminalIdentity { epoch, device_key: device_key.clone(), ..former.identity.clone() };
    let mut life = Life::new(identity, Some(&former), at);
    life.standing = LifeStanding::Unregistered { former_epoch, reason };
    life.renewal = Some((former_epoch, reason));
    life.insert(db)?;
    let event = Event::TerminalRenewed {
        former_epoch,
        reason,
        last_seq: former.last_seq,
        last_hash: former.last_hash.0,
        missing: outbox::missing(db, &former)?,
    };
    append(db, &mut life, at, &event)?;
    life.save_head(db)?;
    Ok(life)
}

pub(crate) fn book_registered(session: &mut Session, life: LifeId) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    if let Some(mut life) = Life::by_id(&tx, life)?
        && matches!(life.standing, LifeStanding::Unregistered { .. })
    {
        life.standing = LifeStanding::Registered;
        life.save_held(&tx)?;
    }
    Ok(tx.commit()?)
}

pub(crate) fn close(session: &mut Session, life: LifeId) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    if let Some(mut life) = Life::by_id(&tx, life)? {
        close_in(&tx, &mut life)?;
    }
    Ok(tx.commit()?)
}

/// What is not acknowledged is a stray from now on; after a rewind of a closed life, what waits again becomes strays
/// too, and so do all that central held before it was restored. What central's rows include of this life by number is
/// no more than was acknowledged: under the numbers after it they may mean another device's events.
fn close_in(db: &Connection, life: &mut Life) -> Result<(), StoreError> {
    if life.standing == LifeStanding::Closed && life.waiting() == 0 {
        return Ok(());
    }
    if life.waiting() > 0 && life.numbered_seq.is_some() {
        life.strayed_seq = 0;
        db.prepare_cached("UPDATE stray SET is_booked = 0 WHERE life = ?1")?
            .execute([life.number])?;
    }
    life.standing = LifeStanding::Closed;
    life.numbered_seq = Some(life.numbered_until().min(life.acked_seq));
    life.save_held(db)?;
    db.prepare_cached(
        "UPDATE life SET included_seq = min(included_seq, numbered_seq) WHERE number = ?1",
    )?
    .execute([life.number])?;
    Ok(())
}

/// The events of a life that wait to go by number. A run of missing ones is noted on the way, so that what stands
/// behind it waits as strays and nothing stops.
pub(crate) fn outbox(
    db: &Connection,
    life: LifeId,
    count_max: usize,
    bytes_max: usize,
) -> Result<(Vec<OutboxItem>, End), StoreError> {
    match Life::by_id(db, life)? {
        Some(life) => outbox::waiting(db, &life, count_max, bytes_max),
        None => Ok((Vec::new(), End::Sound)),
    }
}

/// Looks again by itself: the journal may have changed since somebody came upon the gap.
pub(crate) fn note_gap(session: &mut Session, life: LifeId) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    if let Some(mut life) = Life::by_id(&tx, life)?
        && let (_, End::Gap(first)) = outbox::waiting(&tx, &life, 1, 0)?
    {
        outbox::note_hole(&tx, &mut life, first)?;
    }
    Ok(tx.commit()?)
}

/// The life, if it declares this hash for this number.
fn fitting_life(
    db: &Connection,
    life: LifeId,
    seq: u64,
    hash: EventHash,
) -> Result<Option<Life>, StoreError> {
    let Some(life) = Life::by_id(db, life)? else { return Ok(None) };
    let fits = declared_hash(db, &life, seq)? == Some(hash);
    Ok(fits.then_some(life))
}

pub(crate) fn acknowledge(
    session: &mut Session,
    life: LifeId,
    seq: u64,
    hash: EventHash,
    results: &[PushResult],
    at: DeviceTime,
) -> Result<bool, StoreError> {
    let (tx, _) = session.begin()?;
    let Some(mut life) = fitting_life(&tx, life, seq, hash)? else { return Ok(false) };
    if seq > life.acked_seq {
        (life.acked_seq, life.acked_hash) = (seq, hash);
        life.numbered_seq = life.numbered_seq.map(|until| until.max(seq));
        life.save_held(&tx)?;
    }
    tx.prepare_cached("UPDATE life SET acked_at_ms = ?2 WHERE number = ?1")?
        .execute(params![life.number, at.0])?;
    for result in results {
        match result.outcome {
            Outcome::Quarantined | Outcome::Parked => hold_back(&tx, &life, result)?,
            Outcome::Applied => {
                tx.prepare_cached("DELETE FROM held_back WHERE position = ?1")?
                    .execute([life.position(result.seq)])?;
            }
            // Held since an earlier push, whose result is known or will be told by the watermark.
            Outcome::Duplicate => {}
        }
    }
    tx.commit()?;
    Ok(true)
}

/// Remembers that an event could not be applied; a number that was never given is not believed.
fn hold_back(db: &Connection, life: &Life, result: &PushResult) -> Result<(), StoreError> {
    let outcome = match result.outcome {
        Outcome::Quarantined => "quarantined",
        Outcome::Parked => "parked",
        Outcome::Applied | Outcome::Duplicate => return Ok(()),
    };
    if result.seq == 0 || result.seq > life.last_seq {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT OR REPLACE INTO held_back (position, outcome, code) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![life.position(result.seq), outcome, result.code])?;
    Ok(())
}

pub(crate) fn rewind(
    session: &mut Session,
    life: LifeId,
    seq: u64,
    hash: EventHash,
) -> Result<Rewound, StoreError> {
    let (tx, _) = session.begin()?;
    let Some(mut life) = fitting_life(&tx, life, seq, hash)? else { return Ok(Rewound::Unfit) };
    if seq >= life.acked_seq {
        return Ok(Rewound::Nothing);
    }
    (life.acked_seq, life.acked_hash) = (seq, hash);
    life.save_held(&tx)?;
    // What central has lost is not in the rows of its next page.
    tx.prepare_cached(
        "UPDATE life SET promised_seq = min(promised_seq, acked_seq) WHERE number = ?1",
    )?
    .execute([life.number])?;
    tx.commit()?;
    Ok(Rewound::Again)
}

pub(crate) fn set_held_back(
    session: &mut Session,
    life: LifeId,
    held_back: &[PushResult],
) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    let Some(life) = Life::by_id(&tx, life)? else { return Ok(()) };
    tx.prepare_cached("DELETE FROM held_back WHERE position > ?1 AND position <= ?2")?
        .execute([life.base_position, life.position(life.last_seq)])?;
    for result in held_back {
        hold_back(&tx, &life, result)?;
    }
    Ok(tx.commit()?)
}

/// Central holds the strays of a life up to this number.
pub(crate) fn book_strays(session: &mut Session, life: LifeId, seq: u64) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    let Some(mut life) = Life::by_id(&tx, life)? else { return Ok(()) };
    // The database counts in signed 64 bits.
    let seq = seq.min(i64::MAX.unsigned_abs());
    tx.prepare_cached("UPDATE stray SET is_booked = 1 WHERE life = ?1 AND seq <= ?2")?
        .execute(params![life.number, seq])?;
    if let Some(after) = life.strays_after() {
        life.strayed_seq = after.max(seq.min(life.last_seq));
        // The end of a journal may be missing: nothing waits behind the last one that is there.
        if outbox::stray_count(&tx, &life)? == 0 {
            life.strayed_seq = life.last_seq;
        }
        life.save_held(&tx)?;
    }
    Ok(tx.commit()?)
}

/// Central may have lost the strays that it held: those of all lives wait again.
pub(crate) fn rewind_strays(session: &mut Session) -> Result<(), StoreError> {
    let (tx, _) = session.begin()?;
    tx.execute_batch(
        "UPDATE life SET strayed_seq = 0, strayed_at_ms = NULL WHERE strayed_seq > 0; \
         UPDATE stray SET is_booked = 0 WHERE is_booked;",
    )?;
    Ok(tx.commit()?)
}

/// Notes how far central's clock is ahead of ours, for the events to come.
pub(crate) fn note_clock(session: &mut Session, offset_ms: i64) -> Result<(), StoreError> {
    session
        .connection
        .prepare_cached(
            "UPDATE life SET clock_offset_ms = ?1 WHERE number = (SELECT max(number) FROM life)",
        )?
        .execute([offset_ms])?;
    Ok(())
}
