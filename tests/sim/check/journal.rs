//! I1, I2, I3 on a device: what was confirmed is in the journal, without holes, and the chain holds.

use crate::violation::{Check, Invariant};
use crate::world::World;
use sync::ports::SyncStore;

impl World {
    /// After a start, and at rest.
    pub(crate) fn check_journal(&mut self, number: usize) -> Check {
        let device = &self.devices[number];
        let Some(running) = device.running.as_ref() else { return Ok(()) };
        let read = running.store.lives().map_err(|error| error.0.to_string()).and_then(|lives| {
            Ok((lives, running.store.verify_journal().map_err(|error| error.to_string())?))
        });
        if device.is_unobserved {
            // A disk that fails keeps what it holds to itself; it is looked at again.
            return Ok(());
        }
        let (lives, report) = match read {
            Ok(read) => read,
            Err(cause) => {
                if self.has_lost_power(number) {
                    return Ok(());
                }
                return self.excuse(number, "verifying the journal", &cause);
            }
        };
        if let Some(fault) = report.fault {
            let what = format!("device {number}: event {}: {}", fault.seq, fault.what);
            return Invariant::Chain.broken(what);
        }
        for (life, head) in &device.journal.heads {
            let found = lives.iter().find(|found| found.id() == *life);
            let last_seq = found.map_or(0, |found| found.last_seq);
            Invariant::ExactlyOnce.require(last_seq >= head.seq, || {
                let epoch = life.epoch;
                format!(
                    "device {number}: epoch {epoch} ends at {last_seq}, {} were there",
                    head.seq
                )
            })?;
        }
        let events: u64 = device.journal.heads.values().map(|head| head.seq).sum();
        // What damage has taken is known as missing, and nothing else is.
        let missing = device.journal.missing;
        let is_whole = report.events + missing == events && report.missing == missing;
        Invariant::Gapless.require(is_whole, || {
            let (found, lacks) = (report.events, report.missing);
            format!(
                "device {number}: {found} events and {lacks} missing, {events} were seen, \
                 {missing} of them damaged"
            )
        })?;
        // The chain holds, so the last hash stands for all before it.
        let last = device.journal.hashes.last();
        Invariant::Chain.require(last.is_none_or(|last| *last == report.last_hash), || {
            format!("device {number}: the journal ends with another event than it did")
        })?;
        for order in &device.confirmed {
            let is_there = self.ledger.sales.get(order);
            let is_there = is_there.is_some_and(|s| device.journal.hashes.contains(&s.placed));
            Invariant::ExactlyOnce.require(is_there, || {
                format!("device {number}: an order that was confirmed is not in the journal")
            })?;
        }
        Ok(())
    }

    /// I7: what customers bought here stands in their histories, each order once.
    pub(crate) fn check_history(&mut self, number: usize) -> Check {
        const LOOKED_AT: usize = 3;
        let device = &self.devices[number];
        let Some(running) = device.running.as_ref() else { return Ok(()) };
        for (customer, order) in device.bought.iter().rev().take(LOOKED_AT) {
            let Ok(page) = running.store.history(*customer, 0, 200) else {
                let is_excused = device.disk.is_doubtful() || device.disk.is_off();
                return Invariant::OwnWrites
                    .require(is_excused, || format!("device {number}: a history cannot be read"));
            };
            let times = page.iter().filter(|shown| shown.order.id == *order).count();
            Invariant::OwnWrites.require(times == 1, || {
                format!("device {number}: an own order stands {times} times in the history")
            })?;
        }
        Ok(())
    }
}
