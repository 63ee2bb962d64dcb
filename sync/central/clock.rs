//! When an event counts as having happened (business time).
//!
//! A device's clock may stand anywhere from 1970 to 2100. What it says, corrected by the offset that it knew, is
//! believed between its enrolment and now; outside of that it happened when central received it. The event itself
//! keeps what the device said.

use sync::protocol::event::Stamp;

/// How far ahead of central a device's corrected clock may be: the clamp of hybrid logical clocks too.
const AHEAD_MAX_MS: i64 = 5 * 60_000;
/// How long before its enrolment an event may be: zones and clocks that were set in between.
const BEFORE_ENROLMENT_MS: i64 = 86_400_000;

/// A moment, and whether it is the device's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BusinessTime {
    /// Milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// How far from it the device's clock was, if that could not be believed.
    pub skew_ms: Option<i64>,
}

/// The business time of an event.
pub(crate) const fn business_time(
    stamp: Stamp,
    received_ms: i64,
    enrolled_ms: i64,
) -> BusinessTime {
    let said_ms = stamp.physical_ms();
    let is_ahead = said_ms > received_ms.saturating_add(AHEAD_MAX_MS);
    let is_before = said_ms < enrolled_ms.saturating_sub(BEFORE_ENROLMENT_MS);
    if is_ahead || is_before {
        let skew_ms = Some(said_ms.saturating_sub(received_ms));
        BusinessTime { at_ms: received_ms, skew_ms }
    } else {
        BusinessTime { at_ms: said_ms, skew_ms: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;
    const NOW: i64 = 1_800_000_000_000;

    /// One line, one case: what the clock says, the offset it knows, business time, skew. Enrolled ten days ago.
    #[test]
    fn clocks_are_believed_between_enrolment_and_now() {
        let enrolled = NOW - 10 * DAY;
        for (said, offset, at, skew) in [
            (NOW, None, NOW, None),
            (NOW - 3 * DAY, None, NOW - 3 * DAY, None),
            (NOW + 300_000, None, NOW + 300_000, None),
            (NOW + 300_001, None, NOW, Some(300_001)),
            (enrolled - DAY, None, enrolled - DAY, None),
            (enrolled - DAY - 1, None, NOW, Some(-11 * DAY - 1)),
            (0, None, NOW, Some(-NOW)),
            (0, Some(NOW), NOW, None),
            (NOW + 9 * DAY, Some(-9 * DAY), NOW, None),
            (i64::MAX, Some(i64::MAX), NOW, Some(i64::MAX - NOW)),
            (i64::MIN, Some(-1), NOW, Some(i64::MIN)),
        ] {
            let stamp = Stamp { at_ms: said, offset_ms: offset, hlc: None };
            let expected = BusinessTime { at_ms: at, skew_ms: skew };
            assert_eq!(business_time(stamp, NOW, enrolled), expected, "{said} {offset:?}");
        }
        // A life of which nothing is known is believed about the past.
        let stamp = Stamp::bare(5);
        assert_eq!(business_time(stamp, NOW, i64::MIN).at_ms, 5);
    }
}
