//! The new database: written aside under a name of its own, so that a crash in the middle leaves nothing but the
//! damaged one and another try.

use super::carry;
use super::find::{Findings, FoundLife, LifeKey, sound_event};
use super::fold::fold;
use super::layout::Record;
use super::source::Source;
use crate::error::StoreError;
use crate::life::Life;
use crate::standing;
use domain::event::RenewalReason;
use domain::hlc::Hlc;
use domain::time::DeviceTime;
use rusqlite::{Connection, params};
use std::collections::BTreeMap;
use sync::ports::DeviceKey;

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Built {
    pub orders: u64,
    pub articles: u64,
    pub customers: u64,
}

/// Writes everything that was found into an empty database, and begins the next life.
pub(super) fn build(
    db: &mut Connection,
    sources: &[Source<'_>],
    findings: &mut Findings,
    device_key: &DeviceKey,
    at: DeviceTime,
) -> Result<Built, StoreError> {
    let mut built = Built::default();
    let baskets = sources.first().map(carry::find_baskets).unwrap_or_default();
    let mut unsold = carry::lines_in(&baskets);
    let tx = db.transaction()?;
    if findings.lives.iter().any(|found| found.has_key) {
        number_lives(findings);
        copy_events(&tx, sources, findings)?;
        for found in &findings.lives {
            insert_life(&tx, found)?;
        }
    }
    if let Some(newest) = sources.first() {
        carry::carry_settings(&tx, newest)?;
        built.orders = fold(&tx, &mut unsold)?;
        carry::carry_baskets(&tx, &baskets, &unsold)?;
        carry::carry_unreadable(&tx, newest)?;
        carry::carry_count(&tx, newest)?;
    }
    tx.commit()?;
    if let Some(newest) = sources.first() {
        carry::carry_base(db, newest)?;
    }
    let count =
        |table: &str| db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
    (built.articles, built.customers) = (count("base_article")?, count("base_customer")?);
    let tx = db.transaction()?;
    if let Some(former) = Life::current(&tx)? {
        standing::begin_next(&tx, former, RenewalReason::Recovered, device_key, at)?;
    }
    tx.commit()?;
    Ok(built)
}

/// Numbers lives and lays their events end to end.
fn number_lives(findings: &mut Findings) {
    let mut position = 0;
    for (number, found) in (1..).zip(&mut findings.lives) {
        found.life.number = number;
        found.life.base_position = position;
        position = found.life.position(found.life.last_seq);
        found.life.numbered_seq = found.numbered_until();
    }
}

/// Copies the events that count into the journal, and those that must not be lost beside it.
fn copy_events(
    db: &Connection,
    sources: &[Source<'_>],
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let at: BTreeMap<LifeKey, usize> = findings
        .lives
        .iter()
        .enumerate()
        .map(|(at, found)| ((found.life.identity.id.uuid(), found.life.identity.epoch), at))
        .collect();
    let mut result = Ok(());
    let mut copy = |record: Record<'_>| {
        if let Some((key, ..)) = sound_event(record)
            && let Some(found) = at.get(&key).and_then(|at| findings.lives.get_mut(*at))
            && let Err(error) = copy_event(db, found, record)
            && result.is_ok()
        {
            result = Err(error);
        }
    };
    for source in sources {
        source.visit("journal", &mut copy);
        source.visit("stray", &mut copy);
    }
    result
}

fn copy_event(
    db: &Connection,
    found: &mut FoundLife,
    record: Record<'_>,
) -> Result<(), StoreError> {
    let Some((_, seq, hash, envelope)) = sound_event(record) else { return Ok(()) };
    let bytes = record.text("bytes").unwrap_or_default();
    let life = &mut found.life;
    life.last_hlc = life.last_hlc.max(envelope.hlc().unwrap_or(Hlc::ZERO));
    if found.strays.contains_key(&hash) {
        db.prepare_cached(
            "INSERT OR IGNORE INTO stray (hash, life, seq, bytes) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![hash.0, life.number, seq, bytes])?;
        return Ok(());
    }
    let Some(link) = found.events.get(&seq).filter(|link| link.hash == hash) else {
        return Ok(());
    };
    if seq == life.last_seq {
        life.last_at = DeviceTime(envelope.at_ms);
    }
    let aggregate = match envelope.event() {
        Ok(event) => event.aggregate().map(uuid::Uuid::into_bytes),
        Err(_) => record.bytes("aggregate"),
    };
    db.prepare_cached(
        "INSERT OR IGNORE INTO journal (position, kind, aggregate, at_ms, prev, hash, bytes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        life.position(seq),
        envelope.kind,
        aggregate,
        envelope.at_ms,
        link.prev.0,
        hash.0,
        bytes
    ])?;
    Ok(())
}

fn insert_life(db: &Connection, found: &FoundLife) -> Result<(), StoreError> {
    let (mut life, marks) = (found.life.clone(), found.marks);
    let missing = found.missing();
    if let Some(until) = life.numbered_seq {
        // What is missing is no stray.
        let gap = missing.iter().find(|(first, _)| *first == until + 1);
        life.strayed_seq = life.strayed_seq.max(gap.map_or(0, |(_, last)| *last));
    }
    life.insert(db)?;
    db.execute(
        "UPDATE life SET included_seq = ?2, promised_seq = ?3, acked_at_ms = ?4, strayed_at_ms = ?5 \
         WHERE number = ?1",
        params![
            life.number,
            marks.included_seq.min(life.last_seq),
            marks.promised_seq.min(life.last_seq),
            marks.acked_at_ms,
            marks.strayed_at_ms
        ],
    )?;
    for (first, last) in missing {
        db.execute(
            "INSERT INTO hole (life, first_seq, last_seq) VALUES (?1, ?2, ?3)",
            params![life.number, first, last],
        )?;
    }
    Ok(())
}

/// Hands events that were found in a file to a database in use, as strays: those that it has neither in its journal
/// nor as strays already. Returns how many.
pub(super) fn hand_over(db: &Connection, sources: &[Source<'_>]) -> Result<u64, StoreError> {
    let mut result = Ok(0);
    let mut take = |record: Record<'_>| {
        let Ok(count) = &mut result else { return };
        match hand_over_event(db, record) {
            Ok(true) => *count += 1,
            Ok(false) => {}
            Err(error) => result = Err(error),
        }
    };
    for source in sources {
        source.visit("journal", &mut take);
        source.visit("stray", &mut take);
    }
    result
}

fn hand_over_event(db: &Connection, record: Record<'_>) -> Result<bool, StoreError> {
    let Some(((terminal, epoch), seq, hash, envelope)) = sound_event(record) else {
        return Ok(false);
    };
    let known: i64 = db
        .prepare_cached(
            "SELECT (SELECT count(*) FROM stray WHERE hash = ?1) \
                  + (SELECT count(*) FROM journal JOIN life ON journal.position = base_position + ?4 \
                     WHERE terminal = ?2 AND epoch = ?3 AND ?4 <= last_seq AND hash = ?1)",
        )?
        .query_row(params![hash.0, terminal.as_bytes(), epoch, seq], |row| row.get(0))?;
    if known > 0 {
        return Ok(false);
    }
    let life = life_for(db, (terminal, epoch), envelope.at_ms)?;
    db.prepare_cached("INSERT INTO stray (hash, life, seq, bytes) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![hash.0, life, seq, record.text("bytes").unwrap_or_default()])?;
    Ok(true)
}

/// The life of an event; one that this database never knew gets a row before all others, closed and empty: its
/// strays go with the token of another life.
fn life_for(db: &Connection, (terminal, epoch): LifeKey, at_ms: i64) -> Result<i64, StoreError> {
    let lives = Life::all(db)?;
    let known = lives
        .iter()
        .find(|life| life.identity.id.uuid() == terminal && life.identity.epoch == epoch);
    if let Some(known) = known {
        return Ok(known.number);
    }
    let mut life = FoundLife::without_row((terminal, epoch), at_ms).life;
    life.number = lives.first().map_or(0, |first| first.number) - 1;
    life.numbered_seq = Some(0);
    life.insert(db)?;
    Ok(life.number)
}
