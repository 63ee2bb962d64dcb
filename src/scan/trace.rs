//! What one look at a frame did, written down for the diagnostics view and for reports of frames
//! that are not read.
//!
//! It is written only while somebody watches, and nothing in it decides anything: a look that is
//! watched reads what the same look unwatched reads.

use crate::clock::Clock;
use crate::evidence::{Hint, Strategy};
use crate::frame::{Outline, Point};
use crate::locate::{Bars, Patch};
use domain::code::Symbology;
use std::sync::Arc;

/// A part of a look, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Where a code was nearly read in the frame before.
    Remembered,
    /// Rows and columns around the aim.
    AimRows,
    /// Where bars and dots may be, how bright and how sharp the frame is.
    Survey,
    /// Lines across the bars that were found.
    Bars,
    /// Matrix codes in the patches that were found.
    Patches,
    /// The one dear strategy of the frame.
    Dear,
    /// Which code is meant, and what would help.
    Choice,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Remembered,
        Self::AimRows,
        Self::Survey,
        Self::Bars,
        Self::Patches,
        Self::Dear,
        Self::Choice,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Remembered => "remembered",
            Self::AimRows => "aim-rows",
            Self::Survey => "survey",
            Self::Bars => "bars",
            Self::Patches => "patches",
            Self::Dear => "dear",
            Self::Choice => "choice",
        }
    }
}

/// What one line said.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// How the line was chosen.
    pub strategy: Strategy,
    /// As named by the reader.
    pub symbology: Symbology,
    /// The text.
    pub text: String,
    /// The first bar, in frame coordinates.
    pub from: Point,
    /// The last bar.
    pub to: Point,
}

/// A text that is weighed and not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// As named by the reader.
    pub symbology: Symbology,
    /// The text.
    pub text: String,
    /// Lines that said so.
    pub votes: u32,
    /// Lines that are needed.
    pub demanded: u32,
    /// Frames in which it was seen.
    pub frames: u32,
    /// Whether the catalogue has such an article.
    pub is_known: Option<bool>,
    /// What saw it last.
    pub strategy: Strategy,
}

/// Where bars may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoundBars {
    /// The corners, in frame coordinates.
    pub outline: Outline,
    /// The direction across the bars, in degrees, 0 to 180.
    pub degrees: f32,
    /// Larger is looked at sooner.
    pub score: f32,
}

/// What the whole frame was like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// Mean grey value, 0 to 255.
    pub brightness: f32,
    /// Mean squared gradient of the strongest hundredth of the frame.
    pub sharpness: f32,
    /// The same of the best frame lately: a frame far below it is worth no dear strategy.
    pub best_sharpness: f32,
}

/// What one look did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// How long each part took that was done, in microseconds.
    pub stages: Vec<(Stage, u64)>,
    /// Candidates for linear codes, the best first; none where a code was read before they were
    /// looked for.
    pub bars: Vec<FoundBars>,
    /// Candidates for matrix codes.
    pub patches: Vec<Outline>,
    /// What the frame was like, if it was surveyed.
    pub seen: Option<Seen>,
    /// What the lines of this frame said, believed or not.
    pub claims: Vec<Claim>,
    /// What is not yet believed, the nearest first.
    pub standing: Vec<Standing>,
    /// What would help.
    pub hint: Hint,
}

impl Trace {
    /// The time of one stage, in microseconds; 0 if it was not needed.
    pub fn stage_us(&self, stage: Stage) -> u64 {
        self.stages.iter().filter(|(which, _)| *which == stage).map(|(_, us)| us).sum()
    }
}

/// Adds up the time between marks.
pub(crate) struct Stopwatch {
    clock: Arc<dyn Clock>,
    last_us: u64,
    stages: Vec<(Stage, u64)>,
}

impl Stopwatch {
    pub(crate) fn start(clock: Arc<dyn Clock>) -> Self {
        let last_us = clock.now_us();
        Self { clock, last_us, stages: Vec::with_capacity(Stage::ALL.len()) }
    }

    /// Books the time since the last mark.
    pub(crate) fn mark(&mut self, stage: Stage) {
        let now_us = self.clock.now_us();
        self.stages.push((stage, now_us.saturating_sub(self.last_us)));
        self.last_us = now_us;
    }

    pub(crate) fn stages(self) -> Vec<(Stage, u64)> {
        self.stages
    }
}

/// Bars of a picture in the frame that is `scale` times as large.
pub(crate) fn of_bars(bars: &Bars, scale: f32) -> FoundBars {
    let radians = bars.degrees.to_radians();
    let across = (radians.cos() * bars.length / 2.0, radians.sin() * bars.length / 2.0);
    let along = (-radians.sin() * bars.height / 2.0, radians.cos() * bars.height / 2.0);
    let corner = |a: f32, b: f32| {
        let x = bars.middle.x + a * across.0 + b * along.0;
        let y = bars.middle.y + a * across.1 + b * along.1;
        Point::new(x, y).scaled(scale)
    };
    let outline = [corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)];
    FoundBars { outline, degrees: bars.degrees, score: bars.score }
}

/// The same of a patch.
pub(crate) fn of_patch(patch: &Patch, scale: f32) -> Outline {
    let (left, top) = (patch.left as f32, patch.top as f32);
    let (right, low) = (left + patch.width as f32, top + patch.height as f32);
    [(left, top), (right, top), (right, low), (left, low)]
        .map(|(x, y)| Point::new(x, y).scaled(scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_turn_with_their_angle() {
        let bars = Bars {
            middle: Point::new(100.0, 50.0),
            degrees: 90.0,
            length: 40.0,
            height: 10.0,
            score: 1.0,
        };
        let found = of_bars(&bars, 2.0);
        let xs = found.outline.map(|corner| corner.x.round());
        let ys = found.outline.map(|corner| corner.y.round());
        assert_eq!((xs[0], ys[0]), (210.0, 60.0), "{:?}", found.outline);
        assert_eq!((xs[2], ys[2]), (190.0, 140.0), "{:?}", found.outline);
    }

    #[test]
    fn names_of_stages_differ() {
        let names: std::collections::BTreeSet<_> = Stage::ALL.map(Stage::name).into();
        assert_eq!(names.len(), Stage::ALL.len());
    }
}
