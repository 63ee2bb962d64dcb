//! The hybrid logical clock: one number per event that never contradicts cause and effect and stays close to time.
//!
//! Kulkarni, Demirbas, Madappa, Avva, Leone: *Logical Physical Clocks and Consistent Snapshots in Globally
//! Distributed Databases* (2014). 48 bits of milliseconds since 1970 (enough until the year 10889) stand above a
//! 16-bit counter, so that comparing the packed number compares (time, counter).
//!
//! What the paper's node does when its counter is full is ours to say: the number goes on counting, which lends one
//! millisecond from the future for each 65,536 events; at the very end of the 48 bits it stands still. No input
//! panics: clocks before 1970 count as 1970, clocks behind the last millisecond as the last.
//!
//! A clock that is ahead would win for ever, so a stamp from outside is [`Hlc::clamped`] **once**, where it is
//! received, and the clamped stamp is what replicas see: clamping twice at different times would let them differ.

use std::fmt;
use std::str::FromStr;

/// A stamp: milliseconds since 1970-01-01T00:00Z and a counter. Ordered by time, then by counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hlc(u64);

impl Hlc {
    const COUNTER_BITS: u32 = u16::BITS;
    /// The last millisecond that can be told.
    pub const PHYSICAL_MS_MAX: i64 = (1 << (u64::BITS - Self::COUNTER_BITS)) - 1;
    /// How far a stamp may be ahead of the clock that receives it, in milliseconds: 5 minutes.
    pub const AHEAD_MS_MAX: i64 = 5 * 60 * 1000;
    /// Before everything: the clock of a device that has not done or heard anything yet.
    pub const ZERO: Self = Self(0);
    /// The end of time; nothing comes after it.
    pub const MAX: Self = Self(u64::MAX);

    /// The stamp of that millisecond and counter; milliseconds out of range become the nearest in range.
    pub const fn new(physical_ms: i64, counter: u16) -> Self {
        let physical_ms = if physical_ms < 0 {
            0
        } else if physical_ms > Self::PHYSICAL_MS_MAX {
            Self::PHYSICAL_MS_MAX
        } else {
            physical_ms
        };
        Self((physical_ms as u64) << Self::COUNTER_BITS | counter as u64)
    }

    /// Milliseconds since 1970: the latest physical time that this stamp has heard of.
    pub const fn physical_ms(self) -> i64 {
        (self.0 >> Self::COUNTER_BITS) as i64
    }

    /// Events at this same millisecond that came before.
    pub const fn counter(self) -> u16 {
        (self.0 & u16::MAX as u64) as u16
    }

    /// The packed number, for a database column; it sorts as the stamps do.
    pub const fn packed(self) -> u64 {
        self.0
    }

    /// The stamp of a packed number.
    pub const fn from_packed(packed: u64) -> Self {
        Self(packed)
    }

    /// The stamp of the next event of this device (a local event, or one that is sent). `self` is the device's last
    /// stamp, `now_ms` its physical clock. Later than `self`, unless that is [`Self::MAX`].
    #[must_use]
    pub const fn tick(self, now_ms: i64) -> Self {
        let now = Self::new(now_ms, 0);
        if now.physical_ms() > self.physical_ms() { now } else { Self(self.0.saturating_add(1)) }
    }

    /// The stamp of hearing of `remote`. Later than both. Whoever receives from many clamps `remote` first.
    #[must_use]
    pub fn merge(self, remote: Self, now_ms: i64) -> Self {
        self.max(remote).tick(now_ms)
    }

    /// This stamp, or `received_ms` when it is more than `ahead_ms` later than that: a clock of 2099 is worth
    /// the moment at which its event arrived, no more. Stamps of the past stay as they are: an event that waited
    /// offline for a month did happen a month ago.
    #[must_use]
    pub const fn clamped(self, received_ms: i64, ahead_ms: i64) -> Self {
        let received = Self::new(received_ms, 0);
        if self.physical_ms() > received.physical_ms().saturating_add(ahead_ms) {
            received
        } else {
            self
        }
    }
}

/// 16 hexadecimal digits, as on the wire; texts sort as the stamps do.
impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hlc({} ms + {})", self.physical_ms(), self.counter())
    }
}

/// The text is no stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hybrid logical clock is written as 16 hexadecimal digits in lower case")]
pub struct HlcTextError;

impl FromStr for Hlc {
    type Err = HlcTextError;
    /// Takes exactly what [`fmt::Display`] writes, so that a stamp has one text.
    fn from_str(text: &str) -> Result<Self, HlcTextError> {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 16 || !text.as_bytes().iter().all(is_digit) {
            return Err(HlcTextError);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| HlcTextError)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const MAX_MS: i64 = Hlc::PHYSICAL_MS_MAX;

    /// One line, one case: the last stamp, the clock, the next stamp; each as (milliseconds, counter).
    #[test]
    fn an_event_takes_the_clock_or_counts_on() {
        for (last, now_ms, next) in [
            ((0, 0), 1000, (1000, 0)),
            ((1000, 0), 1000, (1000, 1)),
            // A clock that jumps back is waited for.
            ((1000, 7), 999, (1000, 8)),
            ((1000, 7), -1, (1000, 8)),
            ((1000, 7), i64::MIN, (1000, 8)),
            ((1000, 7), 1001, (1001, 0)),
            // A full counter lends a millisecond.
            ((1000, u16::MAX), 1000, (1001, 0)),
            ((1000, u16::MAX), 1001, (1001, 0)),
            // The end of the 48 bits.
            ((1000, 0), i64::MAX, (MAX_MS, 0)),
            ((MAX_MS, 3), i64::MAX, (MAX_MS, 4)),
            ((MAX_MS, u16::MAX), i64::MAX, (MAX_MS, u16::MAX)),
            ((0, 0), i64::MIN, (0, 1)),
        ] {
            let got = Hlc::new(last.0, last.1).tick(now_ms);
            assert_eq!(got, Hlc::new(next.0, next.1), "{last:?} at {now_ms}");
        }
    }

    /// One line, one case: own last stamp, the remote one, the clock, the stamp of hearing of it.
    #[test]
    fn hearing_of_an_event_comes_after_both() {
        for (own, remote, now_ms, next) in [
            ((10, 5), (10, 9), 10, (10, 10)),
            ((10, 9), (10, 5), 10, (10, 10)),
            ((12, 3), (10, 9), 11, (12, 4)),
            ((10, 9), (12, 3), 11, (12, 4)),
            ((10, 9), (12, 3), 13, (13, 0)),
            ((10, 9), (10, u16::MAX), 9, (11, 0)),
            ((10, 9), (MAX_MS, u16::MAX), 9, (MAX_MS, u16::MAX)),
        ] {
            let got = Hlc::new(own.0, own.1).merge(Hlc::new(remote.0, remote.1), now_ms);
            assert_eq!(got, Hlc::new(next.0, next.1), "{own:?} hears {remote:?} at {now_ms}");
        }
    }

    /// One line, one case: a stamp's milliseconds, when it is received, what is kept; 300 ms ahead are allowed.
    #[test]
    fn a_clock_that_is_ahead_is_worth_the_moment_of_arrival() {
        for (stamp, received_ms, kept) in [
            ((1000, 4), 1000, (1000, 4)),
            ((1300, 4), 1000, (1300, 4)),
            ((1301, 4), 1000, (1000, 0)),
            ((5, 4), 1000, (5, 4)),
            ((MAX_MS, u16::MAX), 1000, (1000, 0)),
            ((301, 0), i64::MIN, (0, 0)),
            ((MAX_MS, 1), i64::MAX, (MAX_MS, 1)),
        ] {
            let got = Hlc::new(stamp.0, stamp.1).clamped(received_ms, 300);
            assert_eq!(got, Hlc::new(kept.0, kept.1), "{stamp:?} received at {received_ms}");
        }
        assert_eq!(Hlc::new(9, 9).clamped(0, i64::MAX), Hlc::new(9, 9));
        assert_eq!(Hlc::AHEAD_MS_MAX, 300_000);
    }

    #[test]
    fn there_is_one_text_for_each_stamp() {
        assert_eq!(Hlc::new(1, 2).to_string(), "0000000000010002");
        assert_eq!(Hlc::MAX.to_string(), "ffffffffffffffff");
        assert_eq!(Hlc::ZERO.to_string().parse(), Ok(Hlc::ZERO));
        assert_eq!(format!("{:?}", Hlc::new(5, 6)), "Hlc(5 ms + 6)");
        let wrong = [
            "",
            "0",
            "00000000000100020",
            "000000000001000",
            "000000000001000G",
            "000000000001000A",
        ];
        for text in
            wrong.into_iter().chain(["+000000000010002", "-000000000010002", "00000000000é0000"])
        {
            assert_eq!(text.parse::<Hlc>(), Err(HlcTextError), "{text}");
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Local { node: usize, skew_ms: i64 },
        Send { from: usize, to: usize, skew_ms: i64 },
    }

    fn step(nodes: usize, skew_ms: i64) -> impl Strategy<Value = Step> {
        let skew = 0..=skew_ms;
        prop_oneof![
            (0..nodes, skew.clone()).prop_map(|(node, skew_ms)| Step::Local { node, skew_ms }),
            (0..nodes, 0..nodes, skew).prop_map(|(from, to, skew_ms)| Step::Send {
                from,
                to,
                skew_ms
            }),
        ]
    }

    struct Happened {
        stamp: Hlc,
        clock_ms: i64,
        /// Indices of all events that happened before, in the sense of Lamport.
        past: Vec<usize>,
    }

    /// Plays a history of nodes whose clocks are up to `SKEW_MS` ahead of true time, which advances every third step.
    fn play(nodes: usize, steps: &[Step]) -> Vec<Happened> {
        let mut events: Vec<Happened> = Vec::new();
        let mut last: Vec<Option<usize>> = vec![None; nodes];
        let mut happen = |node: usize, clock_ms: i64, cause: Option<usize>| {
            let own = last[node].map_or(Hlc::ZERO, |index| events[index].stamp);
            let stamp = match cause {
                Some(cause) => own.merge(events[cause].stamp, clock_ms),
                None => own.tick(clock_ms),
            };
            let mut past: Vec<usize> = Vec::new();
            for before in last[node].into_iter().chain(cause) {
                past.extend(events[before].past.iter().copied().chain([before]));
            }
            past.sort_unstable();
            past.dedup();
            events.push(Happened { stamp, clock_ms, past });
            last[node] = Some(events.len() - 1);
            events.len() - 1
        };
        for (index, step) in steps.iter().enumerate() {
            let true_ms = 1000 + index as i64 / 3;
            match *step {
                Step::Local { node, skew_ms } => {
                    happen(node, true_ms + skew_ms, None);
                }
                Step::Send { from, to, skew_ms } => {
                    let sent = happen(from, true_ms + skew_ms, None);
                    happen(to, true_ms, Some(sent));
                }
            }
        }
        events
    }

    const SKEW_MS: i64 = 5;

    proptest! {
        /// Theorems 1 to 3 of the paper: cause before effect; the time is exactly the latest clock in the causal
        /// past, so no more than the skew ahead of the own clock; the counter is no more than the number of earlier
        /// events of that millisecond in the causal past.
        #[test]
        fn the_bounds_of_the_paper_hold(steps in proptest::collection::vec(step(4, SKEW_MS), 1..40)) {
            let events = play(4, &steps);
            for event in &events {
                let past = || event.past.iter().map(|&index| &events[index]);
                prop_assert!(past().all(|before| before.stamp < event.stamp));
                let latest = past().map(|before| before.clock_ms).fold(event.clock_ms, i64::max);
                prop_assert_eq!(event.stamp.physical_ms(), latest);
                prop_assert!(event.stamp.physical_ms() - event.clock_ms <= SKEW_MS);
                let same_ms = |before: &&Happened| {
                    before.stamp.physical_ms() == event.stamp.physical_ms()
                };
                prop_assert!(usize::from(event.stamp.counter()) <= past().filter(same_ms).count());
            }
        }

        #[test]
        fn nothing_panics_and_time_does_not_go_back(
            own: u64, remote: u64, now_ms: i64, received_ms: i64, ahead_ms: i64,
        ) {
            let (own, remote) = (Hlc::from_packed(own), Hlc::from_packed(remote));
            let next = own.tick(now_ms);
            prop_assert!(next > own || own == Hlc::MAX);
            let heard = own.merge(remote, now_ms);
            prop_assert!(heard > own.max(remote) || own.max(remote) == Hlc::MAX);
            prop_assert_eq!(heard, remote.merge(own, now_ms));
            let kept = own.clamped(received_ms, ahead_ms.saturating_abs());
            prop_assert!(kept <= own);
            prop_assert_eq!(kept.clamped(received_ms, ahead_ms.saturating_abs()), kept);
        }

        #[test]
        fn numbers_texts_and_parts_sort_alike(one: u64, other: u64) {
            let (a, b) = (Hlc::from_packed(one), Hlc::from_packed(other));
            let parts = |hlc: Hlc| (hlc.physical_ms(), hlc.counter());
            prop_assert_eq!(a.cmp(&b), parts(a).cmp(&parts(b)));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
            prop_assert_eq!(a.to_string().parse(), Ok(a));
            prop_assert_eq!(Hlc::from_packed(a.packed()), a);
            prop_assert_eq!(Hlc::new(a.physical_ms(), a.counter()), a);
        }
    }
}
