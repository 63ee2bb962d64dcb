//! One frame in, believed codes out: what can be tried on a frame, and what is kept of it.
//!
//! Which of it is tried, in which order and for how long is decided beside: `stream` for frames of
//! a camera, `patience` for stills. rxing's calls cannot be interrupted, so what they are given is
//! bounded in size, and the deadline is asked between them. After the first frames nothing of ours
//! allocates for a frame without a code; rxing's readers do.

mod beside;
mod clock;
pub(crate) mod code128;
mod copy;
mod counting;
pub(crate) mod databar;
pub(crate) mod databar_character;
mod databar_expanded;
mod databar_limited;
mod databar_text;
mod dot_border;
mod dots;
#[cfg(test)]
mod drawing;
pub mod ean;
pub mod ean_add_on;
mod figure;
mod finder;
mod grid;
pub(crate) mod itf;
mod linear;
mod luma_source;
mod matrix;
mod patience;
mod profile;
mod qr_grid;
mod quadrangle;
mod several;
mod stacked;
mod stream;
mod turned;
mod walk;

use crate::add_on::Beside;
use crate::apart::{are_apart, is_one};
use crate::confirm::{Ballot, Catalogue, Read, Sighting, Sweeping};
use crate::evidence::{Evidence, Strategy};
use crate::frame::{Frame, Luma, Outline, Point};
use crate::grey;
use crate::guard::PackCodes;
use crate::line::{Line, Sweep, through};
use crate::locate::{Bars, Locator, Patch};
use crate::outline::{contains, lie_together, middle};
use domain::code::Symbology;
use linear::{LinearReader, Manner};
use matrix::{Look, MatrixRead, MatrixReader};
use profile::Level;
use std::sync::Arc;
use stream::StreamState;

/// Which of several codes in view count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The one in the middle of the frame, or nearest to it: somebody points at it.
    #[default]
    Aimed,
    /// All of them: a shelf is counted, a box is received.
    All,
}

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    symbologies: Vec<Symbology>,
    view: View,
    pack_codes: PackCodes,
}

impl Options {
    /// All symbologies that this crate can read.
    pub const READABLE: [Symbology; 17] = [
        Symbology::Ean13,
        Symbology::UpcA,
        Symbology::Ean8,
        Symbology::UpcE,
        Symbology::Code128,
        Symbology::Gs1128,
        Symbology::Itf14,
        Symbology::Itf,
        Symbology::DataBar,
        Symbology::DataBarLimited,
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
        let symbologies = symbologies.iter().copied().filter(is_readable).collect();
        Self { symbologies, view: View::default(), pack_codes: PackCodes::default() }
    }

    /// The same for one or all of the codes in view. A still is always read in whole.
    pub fn viewing(self, view: View) -> Self {
        Self { view, ..self }
    }

    /// The same with another rule for several symbols of one pack.
    pub fn with_pack_codes(self, pack_codes: PackCodes) -> Self {
        Self { pack_codes, ..self }
    }

    /// What becomes of several symbols of one pack.
    pub const fn pack_codes(&self) -> PackCodes {
        self.pack_codes
    }

    /// Whether to look for `symbology`.
    pub fn wants(&self, symbology: Symbology) -> bool {
        self.symbologies.contains(&symbology)
    }

    /// Either form of Code 128: which it is shows when it is read.
    pub(crate) fn wants_code128(&self) -> bool {
        self.wants(Symbology::Code128) || self.wants(Symbology::Gs1128)
    }

    fn wants_articles(&self) -> bool {
        use Symbology::{Ean8, Ean13, UpcA, UpcE};
        [Ean13, UpcA, Ean8, UpcE].iter().any(|kind| self.wants(*kind))
    }

    fn wants_matrix(&self) -> bool {
        self.symbologies.iter().any(|kind| is_matrix(*kind))
    }
}

pub(crate) const fn is_matrix(symbology: Symbology) -> bool {
    matches!(symbology, Symbology::QrCode | Symbology::Gs1QrCode) || is_dots(symbology)
}

const fn is_dots(symbology: Symbology) -> bool {
    matches!(symbology, Symbology::DataMatrix | Symbology::Gs1DataMatrix)
}

impl Default for Options {
    /// What retail uses. Code 39, Code 93 and Codabar have no place on goods, and weak or no check
    /// digits: they are read only where asked for.
    fn default() -> Self {
        Self::only(&Self::READABLE[..15])
    }
}

/// Longest side of the picture that bars are searched in; larger frames are shrunk by whole
/// factors.
const LINEAR_SIDE_MAX: usize = 1800;

/// Where stills cut edges.
const LEVELS: [Level; 2] = [Level::Envelope, Level::Midpoint];

/// Reads frames. One for each thread; keeps memory and votes from frame to frame.
pub struct Decoder {
    options: Options,
    linear: LinearReader,
    locator: Locator,
    matrix: MatrixReader,
    /// Made when it is first needed: most lives of a decoder are short and sharp.
    grey: Option<Box<grey::Workspace>>,
    grey_places: Vec<grey::Candidate>,
    ballot: Ballot,
    sightings: Vec<Sighting>,
    /// Those of the bars that are looked at, where others are seen beside.
    here: Vec<Sighting>,
    frame: u64,
    sweep: u64,
    /// The frame shrunk to [`LINEAR_SIDE_MAX`], where it is larger.
    smaller: Frame,
    /// A copy of a patch: smaller, larger, or of even contrast.
    patch: Frame,
    stream: StreamState,
}

/// One frame, as every strategy sees it.
#[derive(Clone, Copy)]
struct Shot<'a> {
    /// All pixels.
    luma: Luma<'a>,
    /// What bars are searched in.
    picture: Luma<'a>,
    /// How many times as large the frame is.
    scale: f32,
    now_ms: u64,
    is_late: &'a dyn Fn() -> bool,
}

impl Shot<'_> {
    fn is_late(&self) -> bool {
        (self.is_late)()
    }

    /// Frames of a stream have a time.
    const fn is_still(&self) -> bool {
        self.now_ms == 0
    }

    /// The same with nothing shrunk.
    fn at_full_size(&self) -> Self {
        Self { picture: self.luma, scale: 1.0, ..*self }
    }

    /// All pixels of a patch of the picture, and where they begin.
    fn part(&self, patch: &Patch) -> Option<(usize, usize, Luma<'_>)> {
        let up = |value: usize| (value as f32 * self.scale) as usize;
        let (left, top) = (up(patch.left), up(patch.top));
        let width = up(patch.width).min(self.luma.width().saturating_sub(left));
        let height = up(patch.height).min(self.luma.height().saturating_sub(top));
        Some((left, top, self.luma.part(left, top, width, height)?))
    }

    /// Where a person aims: the middle of the picture.
    fn aim(&self) -> Point {
        Point::new(self.picture.width() as f32 / 2.0, self.picture.height() as f32 / 2.0)
    }
}

/// Bars as the reader of grey profiles wants them, their light margins added.
fn grey_place(bars: &Bars) -> grey::Candidate {
    grey::Candidate {
        centre: bars.middle,
        degrees: bars.degrees,
        half_length: bars.length * 0.6 + 12.0,
        half_height: bars.height / 2.0,
    }
}

/// Lines over bars that were found.
#[derive(Clone, Copy)]
struct Bundle {
    lines: usize,
    manner: Manner,
    /// Added to the angle of the bars.
    turn: f32,
    strategy: Strategy,
}

/// Parallel lines all over the frame.
#[derive(Clone, Copy)]
struct Rake {
    degrees: f32,
    lines: f32,
    manner: Manner,
    strategy: Strategy,
}

/// A look at a part of the frame for matrix codes.
#[derive(Clone, Copy)]
struct MatrixLook {
    look: Look,
    /// The longest side of what is looked at; larger parts are shrunk.
    side_max: usize,
    strategy: Strategy,
    shape: Shape,
}

/// What a matrix code is thought to lie on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Paper, seen nearly from above: rxing's finders.
    Flat,
    /// A pack that leans away: a grid in perspective.
    Leaning,
    /// Cloth, a bottle, a crumpled receipt: a grid that bends.
    Bent,
}

impl MatrixLook {
    /// By rxing's finders.
    const fn flat(look: Look, side_max: usize, strategy: Strategy) -> Self {
        Self { look, side_max, strategy, shape: Shape::Flat }
    }

    /// By grids in perspective, in a stream.
    const fn leaning(side_max: usize, strategy: Strategy) -> Self {
        // Dark on light; the rest of a look is for rxing's finders.
        let look = Look { is_inverted: false, is_thorough: false, patterns_max: 0 };
        Self { look, side_max, strategy, shape: Shape::Leaning }
    }

    /// By grids that bend.
    const fn bent(look: Look, side_max: usize, strategy: Strategy) -> Self {
        Self { look, side_max, strategy, shape: Shape::Bent }
    }
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
            locator: Locator::default(),
            matrix: MatrixReader::default(),
            grey: None,
            grey_places: Vec::new(),
            ballot: Ballot::default(),
            sightings: Vec::new(),
            here: Vec::new(),
            frame: 0,
            sweep: 0,
            smaller: Frame::default(),
            patch: Frame::default(),
            stream: StreamState::default(),
        }
    }

    /// The same, asking `catalogue` what is an article.
    pub fn with_catalogue(options: Options, catalogue: Arc<dyn Catalogue>) -> Self {
        let mut decoder = Self::new(options);
        decoder.ballot.ask(catalogue);
        decoder
    }

    /// What it looks for.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Forgets the votes of earlier frames.
    pub fn forget(&mut self) {
        self.ballot.clear();
        self.stream = StreamState::default();
    }

    /// Looks at one frame of a stream taken at `now_ms`; votes of the last half second count.
    /// `is_late` is asked between attempts.
    pub fn look(&mut self, luma: Luma<'_>, now_ms: u64, is_late: &dyn Fn() -> bool) -> Vec<Read> {
        self.ballot.expire(now_ms);
        self.with_shot(luma, now_ms, is_late, Self::look_at)
    }

    /// Looks at one still with all patience; no votes of other pictures count. A text that stands in several places
    /// is there several times.
    pub fn study(&mut self, luma: Luma<'_>, is_late: &dyn Fn() -> bool) -> Vec<Read> {
        self.ballot.clear();
        let reads = self.with_shot(luma, 0, is_late, Self::study_at);
        self.ballot.clear();
        reads
    }

    fn with_shot<T>(
        &mut self,
        luma: Luma<'_>,
        now_ms: u64,
        is_late: &dyn Fn() -> bool,
        work: impl FnOnce(&mut Self, &Shot<'_>) -> T,
    ) -> T {
        self.frame += 1;
        let mut smaller = std::mem::take(&mut self.smaller);
        let factor = luma.width().max(luma.height()).div_ceil(LINEAR_SIDE_MAX).max(1);
        if factor > 1 {
            luma.shrunk_into(factor, &mut smaller);
        }
        let (picture, scale) = match smaller.view().filter(|_| factor > 1) {
            Some(view) => (view, factor as f32),
            None => (luma, 1.0),
        };
        let answer = work(self, &Shot { luma, picture, scale, now_ms, is_late });
        self.smaller = smaller;
        answer
    }

    /// Takes over what the ballot believes, but no bars seen inside a matrix code, and no text twice.
    fn elect(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        self.elect_unless(shot, reads, &|_, _| true);
    }

    /// The same, but a text that lies elsewhere counts again: of lines over one place only.
    fn elect_copies(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        self.elect_unless(shot, reads, &|known, read| {
            is_one(&shot.luma, read.symbology, &known.outline, &read.outline)
        });
    }

    /// A text that was read counts again where the new read is not the same as the known one.
    fn elect_unless(
        &mut self,
        shot: &Shot<'_>,
        reads: &mut Vec<Read>,
        is_same: &dyn Fn(&Read, &Read) -> bool,
    ) {
        let are_apart = |one: &Outline, other: &Outline| are_apart(&shot.luma, one, other);
        for read in self.ballot.take_elected(&are_apart) {
            let middle = middle(&read.outline);
            let is_in_place_of = |known: &Read| {
                let is_other =
                    !is_matrix(known.symbology) && are_apart(&known.outline, &read.outline);
                contains(&known.outline, middle) && !is_other
            };
            let is_known = reads.iter().any(|known| {
                let is_text = known.symbology == read.symbology && known.text == read.text;
                match is_text {
                    true => is_same(known, &read),
                    false => is_in_place_of(known),
                }
            });
            if !is_known {
                reads.push(read);
            }
        }
    }

    fn begin_sweep(&mut self, shot: &Shot<'_>, strategy: Strategy) -> Sweeping {
        self.linear.begin_sweep();
        self.sweep += 1;
        let (frame, sweep, now_ms, scale) = (self.frame, self.sweep, shot.now_ms, shot.scale);
        Sweeping { frame, sweep, strategy, now_ms, scale }
    }

    fn read_line(&mut self, shot: &Shot<'_>, line: &Line, manner: Manner) {
        let Self { linear, options, sightings, .. } = self;
        let wanted = |symbology| options.wants(symbology);
        linear.read(&shot.picture, line, manner, shot.scale, &wanted, sightings);
    }

    /// Lines all over the picture at one angle.
    fn rake(&mut self, shot: &Shot<'_>, rake: Rake) {
        let (width, height) = (shot.picture.width(), shot.picture.height());
        let spacing = (width.min(height) as f32 / rake.lines).max(2.0);
        let sweep = Sweep { degrees: rake.degrees, spacing };
        let sweeping = self.begin_sweep(shot, rake.strategy);
        for line in sweep.lines(width, height) {
            self.read_line(shot, &line, rake.manner);
        }
        self.ballot.count(sweeping, &mut self.sightings);
    }

    /// Lines across bars, from their middle outward, reaching beyond their ends.
    fn read_bars(&mut self, shot: &Shot<'_>, bars: &Bars, bundle: Bundle) {
        let size = (shot.picture.width(), shot.picture.height());
        let degrees = bars.degrees + bundle.turn;
        let radians = degrees.to_radians();
        let across = Point::new(-radians.sin(), radians.cos());
        // Bars hidden by a reflection are not in the region, and their margin never is.
        let reach = bars.length * 0.75 + 60.0;
        let spacing = (bars.height * 0.9 / bundle.lines as f32).max(2.0);
        let mut sweeping = self.begin_sweep(shot, bundle.strategy);
        for index in 0..bundle.lines {
            let step = index.div_ceil(2) as f32 * if index % 2 == 1 { 1.0 } else { -1.0 };
            let aside = step * spacing;
            if aside.abs() > bars.height / 2.0 + 2.0 {
                break;
            }
            let at = Point::new(bars.middle.x + across.x * aside, bars.middle.y + across.y * aside);
            if let Some(line) = through(at, degrees, reach, size) {
                self.read_line(shot, &line, bundle.manner);
            }
        }
        if shot.is_still() {
            // Lines reach the bars beside: what they saw of these does not say where this code lies.
            let place = bars.scaled(shot.scale);
            let mut here = std::mem::take(&mut self.here);
            here.extend(self.sightings.extract_if(.., |seen| place.contains(seen.middle())));
            self.ballot.count(sweeping, &mut self.sightings);
            self.sweep += 1;
            sweeping.sweep = self.sweep;
            self.ballot.count(sweeping, &mut here);
            self.here = here;
        }
        self.ballot.count(sweeping, &mut self.sightings);
    }

    /// Reads grey profiles across bars: for what is too blurred to have edges.
    fn read_grey(&mut self, shot: &Shot<'_>, place: &grey::Candidate, effort: grey::Effort) {
        let workspace = self.grey.get_or_insert_with(Box::default);
        let options = &self.options;
        let wanted = |symbology| options.wants(symbology);
        let Some(read) = workspace.read(&shot.picture, place, effort, &wanted) else { return };
        if !self.options.wants(read.symbology) {
            return;
        }
        self.sweep += 1;
        let (frame, sweep, now_ms) = (self.frame, self.sweep, shot.now_ms);
        let strategy = Strategy::Grey;
        let [top_left, top_right, low_right, low_left] =
            read.outline.map(|corner| corner.scaled(shot.scale));
        // Its upper and its lower rows say the same by themselves, so that it has two votes; a
        // still, which has no other frame, grants the third that short symbols need.
        let mut lines = vec![(top_left, top_right), (low_left, low_right)];
        if shot.is_still() {
            lines.push((top_left.middle(low_left), top_right.middle(low_right)));
        }
        self.sightings.extend(lines.into_iter().map(|(from, to)| Sighting {
            symbology: read.symbology,
            text: read.text.as_str().to_owned(),
            from,
            to,
            beside: Beside::Nothing,
        }));
        let sweeping = Sweeping { frame, sweep, strategy, now_ms, scale: shot.scale };
        self.ballot.count(sweeping, &mut self.sightings);
    }

    /// Looks for matrix codes in a part of the frame.
    fn read_matrix(
        &mut self,
        shot: &Shot<'_>,
        patch: &Patch,
        how: MatrixLook,
        reads: &mut Vec<Read>,
    ) {
        let Some((left, top, part)) = shot.part(patch) else { return };
        let mut buffer = std::mem::take(&mut self.patch);
        let (view, scale) = copy::prepare(&part, how, &mut buffer);
        let Self { options, matrix, .. } = self;
        let wanted = |symbology| options.wants(symbology);
        let is_inverted = how.look.is_inverted;
        let found = match how.shape {
            Shape::Flat => {
                let mut found = matrix.read(view, how.look, wanted, shot.is_late);
                if shot.is_still() {
                    several::read_further(matrix, view, how.look, wanted, shot.is_late, &mut found);
                }
                found
            }
            Shape::Leaning => {
                let read = matrix.read_leaning(view, is_inverted, wanted, shot.is_late);
                read.into_iter().collect()
            }
            Shape::Bent => {
                let read = matrix.read_bent(view, is_inverted, wanted, shot.is_late);
                read.into_iter().collect()
            }
        };
        for read in found {
            let MatrixRead { symbology, text, outline } = read;
            let outline = outline.map(|corner| {
                let corner = corner.scaled(scale);
                Point::new(corner.x + left as f32, corner.y + top as f32)
            });
            let is_known = |known: &Read| {
                let is_same = !shot.is_still() || lie_together(&known.outline, &outline);
                known.symbology == symbology && known.text == text && is_same
            };
            if reads.iter().any(is_known) {
                continue;
            }
            let evidence = Evidence { strategy: how.strategy, votes: 1, frames: 1, is_known: None };
            reads.push(Read { symbology, text, add_on: None, outline, evidence });
        }
        self.patch = buffer;
    }
}
