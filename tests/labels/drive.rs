//! A stream on a clock of its own: what `scan::Scanner` does in two threads, frame by frame in one.
//!
//! Frames come at the pace of the camera; the reader takes the newest one when its next look is due, and
//! what it takes for a frame passes on the same clock, times a factor. A code counts when it was not seen for a while;
//! what else keeps codes silent is left out, since a wrong code is wrong even where it would be silent. Beyond that
//! time nothing is left to the machine: with a stopwatch that stands still the same frames give the same codes.

use domain::code::Code;
use scan::{Decoder, Frame, Settings};

/// A code that the stream believed anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// Symbology, text and meaning.
    pub code: Code,
    /// When, on the clock of the frames.
    pub at_ms: f64,
    /// The frame in which it was read, counted from 0.
    pub frame: usize,
}

/// How a stream is driven.
pub struct Stream<'a> {
    /// How it scans: period, patience, guard.
    pub settings: Settings,
    /// From one frame to the next.
    pub frame_ms: u64,
    /// How many times slower than here the reader is.
    pub slowness: f64,
    /// Milliseconds, from anywhere.
    pub stopwatch: &'a dyn Fn() -> f64,
}

impl Stream<'_> {
    /// Shows `count` frames to a fresh reader; frame `i` is there at `(i + 1) * frame_ms`. What was rung, and the
    /// longest look in milliseconds, not slowed.
    pub fn play<'f>(
        &self,
        count: usize,
        mut frame: impl FnMut(usize) -> &'f Frame,
    ) -> (Vec<Accepted>, f64) {
        let mut decoder = Decoder::new(self.settings.options.clone());
        let mut seen: Vec<(Code, u64)> = Vec::new();
        let (mut accepted, mut longest_ms) = (Vec::new(), 0.0f64);
        let (mut free_ms, mut next) = (0.0f64, 0);
        while next < count {
            // The newest frame that is there by now, or the next one to come.
            let newest = (free_ms / self.frame_ms as f64) as usize;
            let index = newest.saturating_sub(1).clamp(next, count - 1);
            next = index + 1;
            let taken_ms = next as u64 * self.frame_ms;
            let begin_ms = free_ms.max(taken_ms as f64);
            let begun = (self.stopwatch)();
            let took = || (self.stopwatch)() - begun;
            let is_late = || took() * self.slowness >= self.settings.decode_ms_max as f64;
            let Some(luma) = frame(index).view() else { continue };
            let reads = decoder.look(luma, taken_ms, &is_late);
            let took_ms = took();
            longest_ms = longest_ms.max(took_ms);
            let at_ms = begin_ms + took_ms * self.slowness;
            let look_ms = (at_ms - begin_ms).ceil() as u64;
            free_ms = self.settings.next_look_ms(begin_ms.ceil() as u64, look_ms) as f64;
            for read in reads {
                let code = read.into_code();
                let life_ms = self.settings.repeat_ms;
                seen.retain(|(_, seen_ms)| taken_ms - seen_ms < life_ms);
                let is_same =
                    |known: &Code| known.symbology == code.symbology && known.text == code.text;
                let is_new = !seen.iter().any(|(known, _)| is_same(known));
                seen.retain(|(known, _)| !is_same(known));
                seen.push((code.clone(), taken_ms));
                if is_new {
                    accepted.push(Accepted { code, at_ms, frame: index });
                }
            }
        }
        (accepted, longest_ms)
    }
}
