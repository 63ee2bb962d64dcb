//! What a read rests on, and what the pipeline noticed about a frame: for the diagnostics view, the
//! hints on the preview, and reports of pictures that are not read.
//!
//! Facts only. Which words and colours a person sees is decided elsewhere.

/// How lines or patches were chosen when a code was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// A few rows and columns around the aim.
    #[default]
    AimRows,
    /// Where a code was nearly read in the frame before.
    Remembered,
    /// Lines at the angle of bars that were found.
    Located,
    /// The same, more of them and averaged along the bars.
    Averaged,
    /// Light bars on dark.
    Inverted,
    /// Grey profiles against the waveforms of digits.
    Grey,
    /// Lines all over the frame at a fixed angle.
    Sweep,
    /// A matrix code in a patch that was found.
    Patch,
    /// A matrix code in the whole frame.
    Frame,
    /// The same, light on dark.
    FrameInverted,
    /// A matrix code in a smaller copy.
    Shrunk,
    /// A matrix code in a larger copy.
    Doubled,
    /// A matrix code in a copy whose contrast was made even.
    Evened,
    /// A matrix code in a copy that was turned back.
    Turned,
    /// A matrix code on something that leans away.
    Leaning,
}

impl Strategy {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AimRows => "aim-rows",
            Self::Remembered => "remembered",
            Self::Located => "located",
            Self::Averaged => "averaged",
            Self::Inverted => "inverted",
            Self::Grey => "grey",
            Self::Sweep => "sweep",
            Self::Patch => "patch",
            Self::Frame => "frame",
            Self::FrameInverted => "frame-inverted",
            Self::Shrunk => "shrunk",
            Self::Doubled => "doubled",
            Self::Evened => "evened",
            Self::Turned => "turned",
            Self::Leaning => "leaning",
        }
    }
}

/// Why a code is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What found it, at last.
    pub strategy: Strategy,
    /// Lines that said so; 1 for a matrix code, which corrects its own errors.
    pub votes: u32,
    /// Frames in which it was seen until it was believed.
    pub frames: u32,
    /// Whether the catalogue has such an article; `None` where it was not asked or cannot say.
    pub is_known: Option<bool>,
}

/// What a person can do so that a code is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing: a code is read, or none is in view.
    #[default]
    None,
    /// More light.
    TooDark,
    /// Less movement, or time to focus.
    HoldStill,
    /// The modules are too narrow for the camera.
    MoveCloser,
    /// A reflection hides a part of the bars: another angle.
    Glare,
}

impl Hint {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::TooDark => "too-dark",
            Self::HoldStill => "hold-still",
            Self::MoveCloser => "move-closer",
            Self::Glare => "glare",
        }
    }
}
