//! Four short tones of our own that answer a scan: read, again, unknown, refused.
//!
//! They differ in pitch pattern, not in timbre or length, so that they are told apart in a noisy shop and by
//! people who hear high tones badly. They are computed, not recorded. A machine without a sound device stays
//! silent without an error: sound is one of two answers, the flash is the other.

use crate::app::screen::{ScanOutcome, SellScreen};
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
            ScanOutcome::Refused | ScanOutcome::TakeOut => Some(Self::Refused),
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

/// Who makes tones heard.
pub trait Player {
    /// Plays `tone` soon, or not at all; never waits.
    fn play(&self, tone: Tone);
}

/// Which tone answers a screen: one for each scan, none for a screen that only changed otherwise.
#[derive(Debug, Default)]
pub struct Bell {
    outcome_serial: u32,
}

impl Bell {
    /// The tone for what `sell` says about the last scan, once; `None` while sounds are off, also later for what
    /// came meanwhile.
    pub fn ring(&mut self, sell: &SellScreen, is_on: bool) -> Option<Tone> {
        let before = std::mem::replace(&mut self.outcome_serial, sell.outcome_serial);
        (before != sell.outcome_serial && is_on).then(|| Tone::of(sell.outcome)).flatten()
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
}

impl Player for Speaker {
    /// Soon, or not at all when the queue is full or there is no device.
    fn play(&self, tone: Tone) {
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

    /// One line, one case: what a scan was, what is heard.
    #[test]
    fn every_outcome_has_its_tone_once_and_silence_is_kept() {
        let mut bell = Bell::default();
        let mut serial = 0;
        for (outcome, tone) in [
            (ScanOutcome::Added, Tone::Read),
            (ScanOutcome::Again, Tone::Again),
            (ScanOutcome::Unknown, Tone::Unknown),
            (ScanOutcome::Refused, Tone::Refused),
            (ScanOutcome::TakeOut, Tone::Refused),
        ] {
            serial += 1;
            let sell = SellScreen { outcome, outcome_serial: serial, ..SellScreen::default() };
            assert_eq!(bell.ring(&sell, true), Some(tone), "{outcome:?}");
            assert_eq!(bell.ring(&sell, true), None, "the same screen again is no scan");
            serial += 1;
            let sell = SellScreen { outcome_serial: serial, ..sell };
            assert_eq!(bell.ring(&sell, false), None, "sound is off");
            assert_eq!(bell.ring(&sell, true), None, "what was missed is not made up for");
        }
    }

    /// Loudness at a frequency (Goertzel), to hear what the samples are and not what the table says.
    fn loudness(samples: &[f32], hertz: f32) -> f32 {
        let turn = std::f32::consts::TAU * hertz / SAMPLE_RATE as f32;
        let (mut cosine, mut sine) = (0.0, 0.0);
        for (at, sample) in samples.iter().enumerate() {
            cosine += sample * (turn * at as f32).cos();
            sine += sample * (turn * at as f32).sin();
        }
        cosine.hypot(sine) / samples.len() as f32
    }

    #[test]
    fn a_tone_says_by_its_pitch_and_its_beats_what_happened() {
        // How often it begins anew after silence, and whether it ends high or low.
        let beats = |samples: &[f32]| {
            let loud: Vec<bool> = samples
                .chunks(SAMPLE_RATE as usize / 250)
                .map(|part| part.iter().any(|sample| sample.abs() > PEAK * 0.5))
                .collect();
            loud.windows(2).filter(|pair| !pair[0] && pair[1]).count() + usize::from(loud[0])
        };
        let is_high = |samples: &[f32]| {
            let end = &samples[samples.len() / 2..];
            loudness(end, 1_760.0) > 4.0 * loudness(end, 587.3).max(loudness(end, 330.0))
        };
        let heard = ALL.map(|tone| {
            let samples = tone.samples();
            (beats(&samples), is_high(&samples))
        });
        assert_eq!(heard, [(1, true), (2, true), (1, false), (2, false)]);
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
