//! Four short tones of our own that answer a scan: read, again, unknown, refused.
//!
//! They differ in pitch pattern, not in timbre or length, so that they are told apart in a noisy shop and by
//! people who hear high tones badly. They are computed, not recorded. A machine without a sound device stays
//! silent without an error: sound is one of two answers, the flash is the other.

use crate::app::screen::ScanOutcome;
use rodio::buffer::SamplesBuffer;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

const SAMPLE_RATE: u32 = 44_100;
/// Loudness of the peak, out of 1; the volume of the device is set in its mixer.
const PEAK: f32 = 0.35;
/// Rise and fall of each note, so that it does not click.
const EDGE_MS: u32 = 4;
/// Tones that wait to be played; a scanner that is faster than that loses a tone, never a line.
const WAITING_MAX: usize = 4;

/// What is to be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// An article was added: one high note.
    Read,
    /// The same again: two equal notes.
    Again,
    /// The code is unknown: falling.
    Unknown,
    /// It could not be done: two low notes.
    Refused,
}

impl Tone {
    /// The tone for the outcome of a scan.
    pub fn of(outcome: ScanOutcome) -> Option<Self> {
        match outcome {
            ScanOutcome::None => None,
            ScanOutcome::Added => Some(Self::Read),
            ScanOutcome::Again => Some(Self::Again),
            ScanOutcome::Unknown => Some(Self::Unknown),
            ScanOutcome::Refused => Some(Self::Refused),
        }
    }

    /// The notes: frequency in hertz (0 is a pause) and length in milliseconds; 80 ms at most together.
    fn notes(self) -> &'static [(f32, u32)] {
        match self {
            Self::Read => &[(1_760.0, 55)],
            Self::Again => &[(1_760.0, 28), (0.0, 14), (1_760.0, 28)],
            Self::Unknown => &[(880.0, 35), (587.3, 45)],
            Self::Refused => &[(330.0, 32), (0.0, 12), (330.0, 36)],
        }
    }

    /// Mono samples at 44.1 kHz.
    pub fn samples(self) -> Vec<f32> {
        let mut samples = Vec::new();
        for &(hertz, ms) in self.notes() {
            let count = SAMPLE_RATE * ms / 1_000;
            let edge = (SAMPLE_RATE * EDGE_MS / 1_000).min(count / 2).max(1);
            samples.extend((0..count).map(|at| {
                let fade = at.min(count - 1 - at).min(edge) as f32 / edge as f32;
                let phase = std::f32::consts::TAU * hertz * at as f32 / SAMPLE_RATE as f32;
                PEAK * fade * phase.sin()
            }));
        }
        samples
    }
}

/// Plays tones on a thread of its own, because opening a sound device can take its time.
pub struct Speaker {
    tones: SyncSender<Tone>,
}

impl Speaker {
    /// Starts the thread; the device is opened with the first tone.
    pub fn start() -> Self {
        let (tones, waiting) = sync_channel(WAITING_MAX);
        let spawned =
            std::thread::Builder::new().name("sound".to_owned()).spawn(move || play_all(&waiting));
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread for sound; the terminal stays silent");
        }
        Self { tones }
    }

    /// Plays `tone` soon, or not at all when the queue is full or there is no device.
    pub fn play(&self, tone: Tone) {
        let _ = self.tones.try_send(tone);
    }
}

fn play_all(waiting: &Receiver<Tone>) {
    let mut device = None;
    let mut is_silent = false;
    for tone in waiting {
        if is_silent {
            continue;
        }
        if device.is_none() {
            device = open_device();
            is_silent = device.is_none();
        }
        if let Some(device) = &device {
            let (mono, rate) = (std::num::NonZero::<u16>::MIN, SAMPLE_RATE.try_into());
            let Ok(rate) = rate else { continue };
            device.mixer().add(SamplesBuffer::new(mono, rate, tone.samples()));
        }
    }
}

/// The default device, or `None` where there is none. ALSA prints to stderr when it is asked in vain, so it is
/// asked only where a card or a sound server is visible.
fn open_device() -> Option<rodio::MixerDeviceSink> {
    if !has_sound_device() {
        return None;
    }
    match rodio::DeviceSinkBuilder::open_default_sink() {
        Ok(mut device) => {
            device.log_on_drop(false);
            Some(device)
        }
        Err(error) => {
            tracing::info!(%error, "no sound device; the terminal stays silent");
            None
        }
    }
}

fn has_sound_device() -> bool {
    let has_card = std::fs::read_dir("/dev/snd").is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("pcm") && name.ends_with('p')
        })
    });
    let has_server = std::env::var_os("PULSE_SERVER").is_some()
        || std::env::var_os("XDG_RUNTIME_DIR")
            .is_some_and(|folder| Path::new(&folder).join("pulse/native").exists());
    has_card || has_server
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Tone; 4] = [Tone::Read, Tone::Again, Tone::Unknown, Tone::Refused];

    #[test]
    fn every_tone_is_short_and_does_not_click_or_clip() {
        for tone in ALL {
            let samples = tone.samples();
            assert!(samples.len() as u32 * 1_000 / SAMPLE_RATE <= 80, "{tone:?} is too long");
            assert!(samples.iter().all(|sample| sample.abs() <= PEAK));
            assert!(samples.iter().any(|sample| sample.abs() > PEAK * 0.9));
            assert!(samples[0].abs() < 0.01 && samples[samples.len() - 1].abs() < 0.01);
        }
    }

    #[test]
    fn the_patterns_differ_in_pitch() {
        for (position, one) in ALL.iter().enumerate() {
            for other in &ALL[position + 1..] {
                assert_ne!(one.notes(), other.notes(), "{one:?} sounds like {other:?}");
            }
        }
    }

    #[test]
    fn a_machine_without_sound_is_silent_without_error() {
        let speaker = Speaker::start();
        for _ in 0..WAITING_MAX * 3 {
            speaker.play(Tone::Read);
        }
    }
}
