//! Frames from disk in the place of a camera: a folder of stills, or one clip, over and over.
//!
//! Frames come at a set rate, like a camera's, and each still stays for a moment, since votes of
//! two frames and a person watching both need it. A picture that cannot be read is passed over.

use super::{FrameSource, Next, SourceState};
use crate::clip::{Clip, ClipError};
use crate::clock::Clock;
use crate::frame::Frame;
use crate::image::{self, FILE_BYTES_MAX, Kind};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Frames for which a still stays.
const FRAMES_A_STILL: u32 = 12;
/// More stills than this are not listed.
const STILLS_MAX: usize = 10_000;

/// Why nothing can be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The path cannot be read.
    #[error("the replay source cannot be read")]
    Read(#[from] io::Error),
    /// The folder holds no picture, or is not there.
    #[error("there is nothing to replay")]
    Nothing,
    /// The file is no clip.
    #[error("the clip cannot be played")]
    Clip(#[from] ClipError),
}

enum Reel {
    Stills { paths: Vec<PathBuf>, at: usize, shown: u32, still: Frame },
    Clip(Box<Clip<BufReader<File>>>),
}

/// Plays stills or a clip for ever.
pub struct ReplaySource {
    path: PathBuf,
    reel: Reel,
    frames_per_second: f32,
    clock: Arc<dyn Clock>,
    due_ms: u64,
}

impl ReplaySource {
    /// Opens a folder (stills in order of their names) or a clip.
    pub fn open(
        path: &Path,
        frames_per_second: f32,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ReplayError> {
        let rate = frames_per_second.clamp(0.2, 120.0);
        let reel = match path.metadata() {
            Ok(metadata) if metadata.is_dir() => stills(path)?,
            Ok(_) if is_still(path) => Reel::Stills {
                paths: vec![path.to_owned()],
                at: 0,
                shown: 0,
                still: Frame::default(),
            },
            Ok(_) => Reel::Clip(Box::new(Clip::open(BufReader::new(File::open(path)?), rate)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ReplayError::Nothing);
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { path: path.to_owned(), reel, frames_per_second: rate, due_ms: 0, clock })
    }

    /// The next frame, from the start again after the last; `None` if not one can be read.
    fn advance(&mut self, frame: &mut Frame) -> Option<()> {
        match &mut self.reel {
            Reel::Stills { paths, at, shown, still } => {
                if *shown == 0 {
                    let count = paths.len();
                    let found = (0..count).find_map(|step| {
                        let index = (*at + step) % count;
                        read_still(&paths[index]).map(|picture| (index, picture))
                    });
                    let (index, picture) = found?;
                    *still = picture;
                    *at = (index + 1) % count;
                }
                *shown = (*shown + 1) % FRAMES_A_STILL;
                frame.clone_from(still);
            }
            Reel::Clip(clip) => {
                let mut next = clip.next_frame();
                // At the end, or where it is damaged, from the start again.
                if !matches!(next, Ok(Some(_))) {
                    let input = BufReader::new(File::open(&self.path).ok()?);
                    **clip = Clip::open(input, self.frames_per_second).ok()?;
                    next = clip.next_frame();
                }
                *frame = next.ok().flatten()?;
            }
        }
        Some(())
    }
}

impl FrameSource for ReplaySource {
    fn next(&mut self, frame: &mut Frame, patience: Duration) -> Next {
        let now_ms = self.clock.now_ms();
        let wait_ms = self.due_ms.saturating_sub(now_ms);
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        std::thread::sleep(Duration::from_millis(wait_ms.min(patience_ms)));
        if wait_ms > patience_ms {
            return Next::Timeout;
        }
        let period_ms = (1000.0 / self.frames_per_second) as u64;
        // A reader that was away does not get all that it missed.
        self.due_ms = (self.due_ms + period_ms).max(now_ms);
        match self.advance(frame) {
            Some(()) => {
                frame.taken_ms = self.clock.now_ms();
                Next::Frame
            }
            None => Next::Gone,
        }
    }

    fn state(&self) -> SourceState {
        SourceState::Replay { path: self.path.clone() }
    }
}

fn is_still(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut head));
    let kind = read.ok().and_then(|_| image::kind_of(&head));
    !ending.eq_ignore_ascii_case("mjpeg")
        && !ending.eq_ignore_ascii_case("mjpg")
        && matches!(kind, Some(Kind::Png | Kind::Jpeg | Kind::WebP | Kind::Pgm))
}

fn read_still(path: &Path) -> Option<Frame> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let read = image::decode(&bytes);
    if let Err(error) = &read {
        tracing::warn!(file = %path.display(), %error, "a still is passed over");
    }
    read.ok()
}

fn stills(folder: &Path) -> Result<Reel, ReplayError> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| is_still(path));
    paths.sort();
    paths.truncate(STILLS_MAX);
    if paths.is_empty() {
        return Err(ReplayError::Nothing);
    }
    Ok(Reel::Stills { paths, at: 0, shown: 0, still: Frame::default() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::clock::MonotonicClock;

    fn clock() -> Arc<dyn Clock> {
        Arc::new(MonotonicClock::start())
    }

    fn pgm(value: u8) -> Vec<u8> {
        let mut bytes = b"P5 8 8 255\n".to_vec();
        bytes.extend([value; 64]);
        bytes
    }

    fn next_value(source: &mut ReplaySource) -> u8 {
        let mut frame = Frame::default();
        assert_eq!(source.next(&mut frame, Duration::from_secs(5)), Next::Frame);
        frame.luma[0]
    }

    #[test]
    fn stills_come_by_name_stay_a_while_and_start_again() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("b.pgm"), pgm(2)).unwrap();
        std::fs::write(folder.path().join("a.pgm"), pgm(1)).unwrap();
        std::fs::write(folder.path().join("c.pgm"), b"P5 8 8 255\nshort").unwrap();
        std::fs::write(folder.path().join("notes.txt"), "no picture").unwrap();
        let mut source = ReplaySource::open(folder.path(), 120.0, clock()).unwrap();
        let values: Vec<u8> =
            (0..FRAMES_A_STILL * 2 + 1).map(|_| next_value(&mut source)).collect();
        assert_eq!(values[0], 1);
        assert_eq!(values[FRAMES_A_STILL as usize], 2);
        assert_eq!(values[FRAMES_A_STILL as usize * 2], 1, "the damaged one is passed over");
        assert_eq!(source.state(), SourceState::Replay { path: folder.path().to_owned() });
    }

    #[test]
    fn a_clip_starts_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut bytes = b"YUV4MPEG2 W8 H8 F30:1 Cmono\n".to_vec();
        for value in [5u8, 6] {
            bytes.extend(b"FRAME\n");
            bytes.extend([value; 64]);
        }
        std::fs::write(file.path(), &bytes).unwrap();
        let mut source = ReplaySource::open(file.path(), 120.0, clock()).unwrap();
        let values: Vec<u8> = (0..4).map(|_| next_value(&mut source)).collect();
        assert_eq!(values, [5, 6, 5, 6]);
    }

    #[test]
    fn frames_come_at_their_rate() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.pgm"), pgm(1)).unwrap();
        let mut source = ReplaySource::open(folder.path(), 0.5, clock()).unwrap();
        next_value(&mut source);
        let mut frame = Frame::default();
        assert_eq!(source.next(&mut frame, Duration::from_millis(1)), Next::Timeout);
    }

    #[test]
    fn nothing_to_replay_is_said() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("missing")] {
            let opened = ReplaySource::open(&path, 10.0, clock());
            assert!(matches!(opened, Err(ReplayError::Nothing)));
        }
        let file = folder.path().join("clip.y4m");
        std::fs::write(&file, "no clip").unwrap();
        assert!(matches!(ReplaySource::open(&file, 10.0, clock()), Err(ReplayError::Clip(_))));
    }
}
