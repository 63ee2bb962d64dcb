//! Where frames come from: a camera, or pictures and clips from disk in its place.

pub mod camera;
pub mod format;
pub mod hand;
pub mod replay;
mod v4l2;

use crate::clock::Clock;
use crate::frame::Frame;
use camera::{Bus, CameraSource};
use format::Mode;
use replay::{ReplayError, ReplaySource};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

pub use v4l2::V4l2Bus;

/// What asking for a frame led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The frame was filled.
    Frame,
    /// Nothing came in time; ask again.
    Timeout,
    /// The source has nothing to give at present and says why in [`FrameSource::state`]. A camera
    /// comes back by itself, so asking again is right.
    Gone,
}

/// Something that delivers frames.
pub trait FrameSource: Send {
    /// Fills `frame` with the newest picture, waiting at most `patience` for it.
    fn next(&mut self, frame: &mut Frame, patience: Duration) -> Next;

    /// What the screen should say about the source.
    fn state(&self) -> SourceState;

    /// How a camera that delivers was asked to deliver.
    fn mode(&self) -> Option<Mode> {
        None
    }
}

/// What a source is and how it fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// A camera delivers frames.
    Camera {
        /// Its name, as the driver gives it.
        name: String,
    },
    /// Frames come from disk; the screen says so.
    Replay {
        /// The folder or clip.
        path: PathBuf,
    },
    /// The camera delivers nothing; it is being looked for.
    Lost {
        /// Why, in words for a log or a doctor.
        reason: String,
    },
    /// There is no camera and nothing to replay.
    None,
}

/// Which source to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The first camera, else the replay folder.
    Auto,
    /// This camera: `/dev/videoN` or a name under `/dev/v4l`.
    Camera(PathBuf),
    /// This folder or clip.
    Replay(PathBuf),
}

/// The words do not name a source.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a source is `auto`, `camera:/dev/videoN` or `replay:PATH`, not {0:?}")]
pub struct SelectorError(String);

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            Some(("camera", path)) if !path.is_empty() => Ok(Self::Camera(path.into())),
            Some(("replay", path)) if !path.is_empty() => Ok(Self::Replay(path.into())),
            _ => Err(SelectorError(text.to_owned())),
        }
    }
}

/// Opens the source that `selector` names; with `Auto`, `replay` is what plays where no camera is.
///
/// A camera that is missing or busy is no error: the source says `Lost` and keeps looking.
pub fn open(
    selector: &Selector,
    replay: &Path,
    frames_per_second: f32,
    clock: Arc<dyn Clock>,
) -> Result<Box<dyn FrameSource>, ReplayError> {
    match selector {
        Selector::Camera(path) => {
            Ok(Box::new(CameraSource::new(V4l2Bus, Some(path.clone()), clock)))
        }
        Selector::Replay(path) => Ok(Box::new(ReplaySource::open(path, frames_per_second, clock)?)),
        Selector::Auto if v4l2::has_camera() => {
            Ok(Box::new(CameraSource::new(V4l2Bus, None, clock)))
        }
        Selector::Auto => match ReplaySource::open(replay, frames_per_second, clock) {
            Ok(source) => Ok(Box::new(source)),
            Err(ReplayError::Nothing) => Ok(Box::new(NoSource)),
            Err(error) => Err(error),
        },
    }
}

/// Names and paths of the cameras that are plugged in, for a person to read.
pub fn camera_names() -> Vec<String> {
    let nodes = std::panic::catch_unwind(|| V4l2Bus.nodes()).unwrap_or_default();
    nodes.iter().map(|node| format!("{} ({})", node.name, node.path.display())).collect()
}

/// Neither camera nor frames: typing and wedge scanners still work.
struct NoSource;

impl FrameSource for NoSource {
    fn next(&mut self, _frame: &mut Frame, patience: Duration) -> Next {
        std::thread::sleep(patience);
        Next::Gone
    }

    fn state(&self) -> SourceState {
        SourceState::None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn selectors_are_understood() {
        assert_eq!("auto".parse(), Ok(Selector::Auto));
        assert_eq!("camera:/dev/video2".parse(), Ok(Selector::Camera("/dev/video2".into())));
        assert_eq!("replay:a:b".parse(), Ok(Selector::Replay("a:b".into())));
        for text in ["", "camera", "camera:", "replay:", "screen:0"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
