//! One frame in, believed codes out: the order of attempts, and when to stop.
//!
//! Cheap before dear. A stream takes one expensive strategy a frame in turn, since the next frame
//! comes anyway; a still has only itself and gets them all. rxing's calls cannot be interrupted, so
//! the deadline is asked between them.
//!
//! ```text
//! lines at 0° and 90° -> matrix codes -> lines at other angles -> half size, doubled, inverted
//! ```

pub mod ean;
mod linear;
mod luma_source;
mod matrix;
mod profile;

use crate::confirm::{Ballot, Read, Sighting, contains};
use crate::frame::{Luma, Point};
use crate::locate::Sweep;
use domain::code::Symbology;
use linear::{LinearReader, Manner};
use matrix::{Look, MatrixRead};
use profile::Level;

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    symbologies: Vec<Symbology>,
}

impl Options {
    /// All symbologies that this crate can read.
    pub const READABLE: [Symbology; 16] = [
        Symbology::Ean13,
        Symbology::UpcA,
        Symbology::Ean8,
        Symbology::UpcE,
        Symbology::Code128,
        Symbology::Gs1128,
        Symbology::Itf14,
        Symbology::Itf,
        Symbology::DataBar,
        Symbology::DataBarExpanded,
        Symbology::QrCode,
        Symbology::Gs1QrCode,
        Symbology::DataMatrix,
        Symbology::Gs1DataMatrix,
        Symbology::Code39,
        Symbology::Code93,
    ];

    /// Restricts reading to `symbologies`; those that cannot be read are left out.
    pub fn only(symbologies: &[Symbology]) -> Self {
        let is_readable = |symbology: &Symbology| {
            Self::READABLE.contains(symbology) || *symbology == Symbology::Codabar
        };
        Self { symbologies: symbologies.iter().copied().filter(is_readable).collect() }
    }

    /// Whether to look for `symbology`.
    pub fn wants(&self, symbology: Symbology) -> bool {
        self.symbologies.contains(&symbology)
    }

    fn wants_matrix(&self) -> bool {
        use Symbology::{DataMatrix, Gs1DataMatrix, Gs1QrCode, QrCode};
        [QrCode, Gs1QrCode, DataMatrix, Gs1DataMatrix].iter().any(|kind| self.wants(*kind))
    }
}

impl Default for Options {
    /// What retail uses. Code 39, Code 93 and Codabar have no place on goods, and weak or no check
    /// digits: they are read only where asked for.
    fn default() -> Self {
        Self::only(&Self::READABLE[..14])
    }
}

/// Longest side of the picture that bars are searched in; larger frames are shrunk by whole
/// factors.
const LINEAR_SIDE_MAX: usize = 1800;
/// The same for matrix codes, whose readers cost more a pixel.
const MATRIX_SIDE_MAX: usize = 1400;

/// Reads frames. One for each thread; keeps memory and votes from frame to frame.
pub struct Decoder {
    options: Options,
    linear: LinearReader,
    ballot: Ballot,
    sightings: Vec<Sighting>,
    sweeps: u64,
    turn: u64,
}

/// One strategy for bars.
#[derive(Clone, Copy)]
struct Strategy {
    degrees: f32,
    lines: f32,
    manner: Manner,
}

const fn manner(level: Level, thickness: f32) -> Manner {
    Manner { level, thickness, is_inverted: false, is_ean_only: false }
}

impl Decoder {
    /// A decoder that looks for what `options` say.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            linear: LinearReader::default(),
            ballot: Ballot::default(),
            sightings: Vec::new(),
            sweeps: 0,
            turn: 0,
        }
    }

    /// Forgets the votes of earlier frames.
    pub fn forget(&mut self) {
        self.ballot.clear();
    }

    /// Looks at one frame of a stream taken at `now_ms`; votes of the last half second count.
    /// `is_late` is asked between attempts.
    pub fn look(&mut self, luma: Luma<'_>, now_ms: u64, is_late: &dyn Fn() -> bool) -> Vec<Read> {
        self.turn += 1;
        self.ballot.expire(now_ms);
        let shrunk;
        let factor = luma.width().max(luma.height()).div_ceil(LINEAR_SIDE_MAX);
        let (picture, scale) = match factor {
            0 | 1 => (luma, 1.0),
            _ => {
                shrunk = luma.shrunk(factor);
                (shrunk.view().unwrap_or(luma), factor as f32)
            }
        };
        const SLANTS: [f32; 6] = [45.0, 135.0, 22.5, 157.5, 67.5, 112.5];
        let turn = self.turn as usize;
        let level = if turn.is_multiple_of(3) { Level::Midpoint } else { Level::Envelope };
        let plan = [
            Strategy { degrees: 0.0, lines: 36.0, manner: manner(level, 0.0) },
            Strategy { degrees: 90.0, lines: 28.0, manner: manner(level, 0.0) },
            Strategy {
                degrees: SLANTS[turn % SLANTS.len()],
                lines: 28.0,
                manner: manner(level, 0.0),
            },
        ];
        let mut reads = Vec::new();
        for strategy in plan {
            self.sweep(&picture, scale, strategy, now_ms);
            reads = self.ballot.take_elected();
            if !reads.is_empty() || is_late() {
                break;
            }
        }
        if reads.is_empty() && self.options.wants_matrix() && !is_late() {
            let look =
                Look { is_inverted: turn.is_multiple_of(4), is_thorough: turn.is_multiple_of(2) };
            self.matrix(luma, look, is_late, &mut reads);
        }
        reads
    }

    /// Looks at one still with all patience; no votes of other pictures count.
    pub fn study(&mut self, luma: Luma<'_>, is_late: &dyn Fn() -> bool) -> Vec<Read> {
        self.ballot.clear();
        let mut reads = Vec::new();
        self.study_matrix(luma, is_late, &mut reads);
        let shrunk;
        let factor = luma.width().max(luma.height()).div_ceil(LINEAR_SIDE_MAX);
        let (picture, scale) = match factor {
            0 | 1 => (luma, 1.0),
            _ => {
                shrunk = luma.shrunk(factor);
                (shrunk.view().unwrap_or(luma), factor as f32)
            }
        };
        self.study_linear(&picture, scale, is_late, &mut reads);
        self.ballot.clear();
        reads
    }

    fn study_matrix(&self, luma: Luma<'_>, is_late: &dyn Fn() -> bool, reads: &mut Vec<Read>) {
        if !self.options.wants_matrix() {
            return;
        }
        for is_inverted in [false, true] {
            self.matrix(luma, Look { is_inverted, is_thorough: true }, is_late, reads);
            if !reads.is_empty() || is_late() {
                return;
            }
        }
        let half = luma.shrunk(2);
        let doubled = (luma.width().max(luma.height()) <= 500).then(|| luma.doubled());
        let others = [(Some(half), 2.0), (doubled, 0.5)];
        for (picture, scale) in others {
            let Some(view) = picture.as_ref().and_then(crate::frame::Frame::view) else { continue };
            let from = reads.len();
            self.matrix(view, Look { is_inverted: false, is_thorough: true }, is_late, reads);
            for read in &mut reads[from..] {
                read.outline = read.outline.map(|corner| corner.scaled(scale));
            }
            if !reads.is_empty() || is_late() {
                return;
            }
        }
    }

    fn study_linear(
        &mut self,
        picture: &Luma<'_>,
        scale: f32,
        is_late: &dyn Fn() -> bool,
        reads: &mut Vec<Read>,
    ) {
        let upright = [(0.0, 96.0), (90.0, 96.0), (45.0, 80.0), (135.0, 80.0)];
        let slanted =
            [15.0, 165.0, 30.0, 150.0, 75.0, 105.0, 60.0, 120.0].map(|degrees| (degrees, 64.0));
        for (degrees, lines) in upright {
            for level in [Level::Envelope, Level::Midpoint] {
                let strategy = Strategy { degrees, lines, manner: manner(level, 0.0) };
                self.sweep(picture, scale, strategy, 0);
            }
            self.elect(reads);
            if is_late() {
                return;
            }
        }
        for thickness in [0.0, 1.0] {
            for (degrees, lines) in slanted.into_iter().chain(upright) {
                if !reads.is_empty() || is_late() {
                    return;
                }
                for level in [Level::Envelope, Level::Midpoint] {
                    let strategy = Strategy { degrees, lines, manner: manner(level, thickness) };
                    self.sweep(picture, scale, strategy, 0);
                }
                self.elect(reads);
            }
        }
        let mut inverted = manner(Level::Envelope, 0.0);
        inverted.is_inverted = true;
        for (degrees, lines) in upright {
            if !reads.is_empty() || is_late() {
                return;
            }
            self.sweep(picture, scale, Strategy { degrees, lines, manner: inverted }, 0);
            self.elect(reads);
        }
    }

    /// Takes over what the ballot believes, but no bars seen inside a matrix code.
    fn elect(&mut self, reads: &mut Vec<Read>) {
        for read in self.ballot.take_elected() {
            let middle = read.outline[0].middle(read.outline[2]);
            let is_known = reads.iter().any(|known| {
                (known.symbology == read.symbology && known.text == read.text)
                    || contains(&known.outline, middle)
            });
            if !is_known {
                reads.push(read);
            }
        }
    }

    fn sweep(&mut self, luma: &Luma<'_>, scale: f32, strategy: Strategy, now_ms: u64) {
        let span = luma.width().min(luma.height()) as f32;
        let sweep = Sweep {
            degrees: strategy.degrees,
            spacing: (span / strategy.lines).max(2.0),
            thickness: strategy.manner.thickness,
        };
        let options = &self.options;
        let wanted = |symbology| options.wants(symbology);
        self.linear.begin_sweep();
        for line in sweep.lines(luma.width(), luma.height()) {
            self.linear.read(luma, &line, strategy.manner, scale, &wanted, &mut self.sightings);
        }
        // Sweeps at one angle look along the same lines, so their votes are not counted twice.
        self.sweeps += 1;
        let key = if now_ms == 0 { strategy.degrees as u64 } else { self.sweeps };
        self.ballot.count(key, now_ms, &mut self.sightings);
    }

    fn matrix(
        &self,
        luma: Luma<'_>,
        look: Look,
        is_late: &dyn Fn() -> bool,
        reads: &mut Vec<Read>,
    ) {
        let shrunk;
        let factor = luma.width().max(luma.height()).div_ceil(MATRIX_SIDE_MAX);
        let (picture, scale) = match factor {
            0 | 1 => (luma, 1.0),
            _ => {
                shrunk = luma.shrunk(factor);
                (shrunk.view().unwrap_or(luma), factor as f32)
            }
        };
        let wanted = |symbology| self.options.wants(symbology);
        for read in matrix::read(picture, look, wanted, is_late) {
            let MatrixRead { symbology, text, outline } = read;
            let outline = outline.map(|corner: Point| corner.scaled(scale));
            reads.push(Read { symbology, text, outline, votes: 1 });
        }
    }
}
