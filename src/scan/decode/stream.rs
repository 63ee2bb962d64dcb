//! How a frame of a camera is looked at: cheap before dear, and one dear strategy a frame in turn,
//! since the next frame comes anyway.
//!
//! ```text
//! where it was nearly read -> rows around the aim -> survey -> bars at their angle
//!   -> matrix codes in patches -> a known article once more -> one dear strategy in turn
//! where a number was read: what stands beside it
//! ```
//! What is dear is left out of a frame that is much less sharp than the last second's best.

use super::matrix::STREAM_PATTERNS_MAX;
use super::stacked::TURNS;
use super::{Bundle, Decoder, Manner, MatrixLook, Rake, Shot, View, grey_place, manner};
use super::{Level, Look};
use crate::clock::Clock;
use crate::confirm::Read;
use crate::evidence::{Hint, Strategy};
use crate::frame::{Outline, Point};
use crate::glare;
use crate::grey::Effort;
use crate::guard::PackCodes;
use crate::line::through;
use crate::locate::{Bars, Patch};
use crate::outline::{contains, middle};
use crate::trace::{self, Seen, Stage, Stopwatch, Trace};
use domain::code::Code;
use domain::gtin::Gtin;
use std::sync::Arc;

/// What is remembered from frame to frame.
#[derive(Default)]
pub(super) struct StreamState {
    pub(super) turn: usize,
    /// Dear strategies taken in turn, those for what is aimed at, and whether the last was one.
    dear: usize,
    aimed: usize,
    was_aimed: bool,
    /// Whether what is aimed at was read in the frame before.
    was_read: bool,
    same_pack: usize,
    /// Bars of the frame in which a row of a stacked symbol was seen, and places swept for more of
    /// them; whether the last dear strategy did so.
    rows: Option<Bars>,
    swept: usize,
    was_swept: bool,
    /// Where a code was nearly read.
    memory: Option<Memory>,
    /// The sharpness of the best frame lately, and when a frame was last measured.
    best_sharpness: f32,
    surveyed_ms: u64,
    /// Since when a code beside the aim waits for the one at the aim.
    held_ms: Option<u64>,
    /// Numbers that were read lately, and whether they wait for an add-on.
    pub(super) seen: Vec<super::beside::Seen>,
    /// Where codes were read lately, and when, where all in view count; and the places of a frame to look at.
    pub(super) known: Vec<(Outline, u64)>,
    pub(super) order: Vec<usize>,
    pub(super) others: usize,
    /// Frames in a row with bars in view and nothing read.
    unread: u32,
    hint: Hint,
    /// Set while somebody watches; decides nothing.
    watch: Option<Box<Stopwatch>>,
    trace: Option<Box<Trace>>,
}

#[derive(Clone, Copy)]
struct Memory {
    bars: Bars,
    seen_ms: u64,
}

/// How long a place is worth a look of its own.
const MEMORY_MS: u64 = 400;
/// A frame less sharp than this share of the last second's best is not worth dear strategies.
const SHARP_SHARE: f32 = 0.35;
/// After this time without a frame as sharp, half of the best sharpness is left.
const SHARP_HALF_MS: f32 = 1000.0;
/// How long a code beside the aim waits for the one at the aim.
const HOLD_MS: u64 = 250;
/// Candidates that are looked at in each frame.
pub(super) const BARS_MAX: usize = 3;
/// The longest side of a patch given to matrix readers in each frame, and to the thorough ones.
const PATCH_SIDE_MAX: usize = 320;
pub(super) const THOROUGH_SIDE_MAX: usize = 260;
/// Frames with bars in view and nothing read before a person is told what to do: half a second.
const UNREAD_MIN: u32 = 15;

/// While what is aimed at stays in view, one of so many frames is looked over for other symbols of the pack.
const SAME_PACK_TURNS: usize = 3;

/// Strategies taken in turn; no multiple of three, since what lines see changes with every third frame.
const DEAR: usize = 10;
/// Bars shorter than this are print, in pixels: an EAN-8 of 1.2 pixels a module.
const AIMED_LENGTH_MIN: f32 = 80.0;

/// The part of a patch around a place that needs no shrinking to be read.
pub(super) fn window(patch: &Patch, around: Point, shot: &Shot<'_>, side_max: usize) -> Patch {
    let side = (side_max as f32 / shot.scale) as usize;
    let part = |from: usize, size: usize, at: f32| {
        let length = size.min(side);
        let start = (at as usize).saturating_sub(side / 2).clamp(from, from + size - length);
        (start, length)
    };
    let (left, width) = part(patch.left, patch.width, around.x.max(0.0));
    let (top, height) = part(patch.top, patch.height, around.y.max(0.0));
    Patch { left, top, width, height, ..*patch }
}

/// The number of the article, if it is one.
fn gtin_of(read: &Read) -> Option<Gtin> {
    Code::new(read.symbology, read.text.as_str()).gtin()
}

impl Decoder {
    /// What would help to read what is in view.
    pub const fn hint(&self) -> Hint {
        self.stream.hint
    }

    /// Has the next looks written down and timed by `clock`; nothing is without one.
    pub fn watch(&mut self, clock: Option<Arc<dyn Clock>>) {
        self.stream.watch = clock.map(|clock| Box::new(Stopwatch::start(clock)));
        self.stream.trace = None;
        self.ballot.keep_log(self.stream.watch.is_some());
    }

    /// What the last look did, if it was watched.
    pub fn take_trace(&mut self) -> Option<Box<Trace>> {
        self.stream.trace.take()
    }

    fn mark(&mut self, stage: Stage) {
        if let Some(watch) = &mut self.stream.watch {
            watch.mark(stage);
        }
    }

    pub(super) fn look_at(&mut self, shot: &Shot<'_>) -> Vec<Read> {
        let mut reads = Vec::new();
        self.stream.turn += 1;
        self.look_cheaply(shot, &mut reads);
        if !self.is_enough(shot, &reads) {
            self.look_closely(shot, &mut reads);
        }
        let is_read = self.is_enough(shot, &reads);
        let is_its_turn = match self.options.pack_codes {
            PackCodes::First => false,
            PackCodes::PreferMatrix => true,
            PackCodes::All => {
                self.stream.was_read && self.stream.turn.is_multiple_of(SAME_PACK_TURNS)
            }
        };
        if is_read && is_its_turn {
            self.look_for_the_same_pack(shot, &mut reads);
        }
        self.stream.was_read = is_read;
        self.remember(shot, &reads);
        self.note_known(shot, &reads);
        self.choose(shot, &mut reads);
        self.complete(shot, &mut reads);
        self.mark(Stage::Choice);
        self.write_down(shot);
        reads
    }

    fn write_down(&mut self, shot: &Shot<'_>) {
        let Some(watch) = self.stream.watch.take() else { return };
        let stages = watch.stages();
        // Where nothing was surveyed, what the locator holds is of a frame before.
        let is_surveyed = stages.iter().any(|(stage, _)| *stage == Stage::Survey);
        let (bars, patches) = match is_surveyed {
            true => (self.locator.bars(), self.locator.patches()),
            false => (&[][..], &[][..]),
        };
        let measure = self.locator.measure();
        self.stream.trace = Some(Box::new(Trace {
            bars: bars.iter().map(|bars| trace::of_bars(bars, shot.scale)).collect(),
            patches: patches.iter().map(|patch| trace::of_patch(patch, shot.scale)).collect(),
            seen: is_surveyed.then_some(Seen {
                brightness: measure.brightness,
                sharpness: measure.sharpness,
                best_sharpness: self.stream.best_sharpness,
            }),
            claims: self.ballot.take_log(),
            standing: self.ballot.standing(),
            hint: self.stream.hint,
            stages,
        }));
    }

    /// Whether the frame needs no further look.
    fn is_enough(&self, shot: &Shot<'_>, reads: &[Read]) -> bool {
        let aim = shot.aim().scaled(shot.scale);
        self.options.view == View::Aimed && reads.iter().any(|read| contains(&read.outline, aim))
    }

    pub(super) fn level(&self) -> Level {
        if self.stream.turn.is_multiple_of(3) { Level::Midpoint } else { Level::Envelope }
    }

    fn look_cheaply(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        let manner = manner(self.level(), 0.0);
        if let Some(memory) = self.stream.memory {
            let strategy = Strategy::Remembered;
            let bundle = Bundle { lines: 7, manner, turn: 0.0, strategy };
            self.read_bars(shot, &memory.bars, bundle);
            self.elect(shot, reads);
            self.mark(Stage::Remembered);
        }
        if reads.is_empty() {
            self.read_aim(shot, manner, Strategy::AimRows);
            self.elect(shot, reads);
            self.mark(Stage::AimRows);
        }
    }

    /// Rows through the middle of the frame and around it, and columns.
    fn read_aim(&mut self, shot: &Shot<'_>, manner: Manner, strategy: Strategy) {
        const ROWS: i32 = 2;
        const COLUMNS: i32 = 1;
        let (width, height) = (shot.picture.width(), shot.picture.height());
        let aim = shot.aim();
        // Frames see other rows, so that a scratch does not hide a code for ever.
        let shift = (self.stream.turn % 3) as f32 * 2.0 - 2.0;
        for (degrees, count, step) in [(0.0, ROWS, height / 10), (90.0, COLUMNS, width / 10)] {
            let sweeping = self.begin_sweep(shot, strategy);
            for index in -count..=count {
                let aside = index as f32 * (step as f32).max(2.0) + shift;
                let at = match degrees {
                    0.0 => Point::new(aim.x, aim.y + aside),
                    _ => Point::new(aim.x + aside, aim.y),
                };
                if let Some(line) = through(at, degrees, f32::from(u16::MAX), (width, height)) {
                    self.read_line(shot, &line, manner);
                }
            }
            self.ballot.count(sweeping, &mut self.sightings);
        }
    }

    /// A matrix code on the pack whose bars are aimed at: it may carry the date. The nearest patches in turn.
    fn look_for_the_same_pack(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        const PATCHES_MAX: usize = 4;
        if !self.options.wants_matrix()
            || reads.iter().all(|read| gtin_of(read).is_none())
            || shot.is_late()
        {
            return;
        }
        // What needed a closer look was surveyed for it.
        if self.stream.surveyed_ms != shot.now_ms {
            self.locator.survey(&shot.picture, shot.aim());
            self.mark(Stage::Survey);
        }
        let is_open = |patch: &&Patch| {
            let at = patch.middle().scaled(shot.scale);
            reads.iter().all(|read| !contains(&read.outline, at))
        };
        let open = || self.locator.patches().iter().filter(is_open).take(PATCHES_MAX);
        let turn = self.stream.same_pack;
        let patch = turn.checked_rem(open().count()).and_then(|at| open().nth(at)).copied();
        self.stream.same_pack += 1;
        if let Some(patch) = patch {
            let look =
                Look { is_inverted: false, is_thorough: false, patterns_max: STREAM_PATTERNS_MAX };
            let how = MatrixLook::flat(look, PATCH_SIDE_MAX, Strategy::Patch);
            self.read_matrix(shot, &patch, how, reads);
        }
        self.mark(Stage::Patches);
    }

    fn look_closely(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        self.locator.survey(&shot.picture, shot.aim());
        self.stream.rows = None;
        self.mark(Stage::Survey);
        let sharpness = self.locator.measure().sharpness;
        let gone_ms = shot.now_ms.saturating_sub(self.stream.surveyed_ms) as f32;
        let best = self.stream.best_sharpness * 0.5f32.powf(gone_ms / SHARP_HALF_MS);
        self.stream.best_sharpness = best.max(sharpness);
        self.stream.surveyed_ms = shot.now_ms;
        let manner = manner(self.level(), 0.0);
        let order = self.bars_of_this_frame(shot);
        for &index in &order {
            let bars = self.locator.bars()[index];
            let bundle = Bundle { lines: 7, manner, turn: 0.0, strategy: Strategy::Located };
            self.read_bars(shot, &bars, bundle);
            if self.stream.rows.is_none() && self.linear.has_rows() {
                self.stream.rows = Some(bars);
            }
        }
        self.stream.order = order;
        self.elect(shot, reads);
        self.mark(Stage::Bars);
        if self.is_enough(shot, reads) || shot.is_late() {
            return;
        }
        self.look_at_patches(shot, reads);
        self.mark(Stage::Patches);
        let is_content = match self.options.view {
            View::Aimed => !reads.is_empty(),
            View::All => self.has_new(shot, reads),
        };
        if is_content || shot.is_late() {
            return;
        }
        if sharpness >= SHARP_SHARE * self.stream.best_sharpness {
            self.look_dearly(shot, reads);
            self.mark(Stage::Dear);
        }
    }

    /// What the frame's turn looks at: the window of the aim in the best patch, the whole of it, the
    /// window where it is densest, another patch.
    fn patch_in_turn(&self, shot: &Shot<'_>) -> Option<Patch> {
        let patches = self.locator.patches();
        let best = patches.first()?;
        let turn = self.stream.turn;
        match turn % 4 {
            0 => Some(window(best, shot.aim(), shot, PATCH_SIDE_MAX)),
            1 => Some(*best),
            2 => Some(window(best, best.heart, shot, PATCH_SIDE_MAX)),
            _ => {
                let next = patches[(1 + turn / 4 % 3) % patches.len()];
                Some(window(&next, next.heart, shot, PATCH_SIDE_MAX))
            }
        }
    }

    fn look_at_patches(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        if !self.options.wants_matrix() {
            return;
        }
        let look =
            Look { is_inverted: false, is_thorough: false, patterns_max: STREAM_PATTERNS_MAX };
        let how = MatrixLook::flat(look, PATCH_SIDE_MAX, Strategy::Patch);
        if self.options.view == View::Aimed {
            if let Some(patch) = self.patch_in_turn(shot) {
                self.read_matrix(shot, &patch, how, reads);
            }
            return;
        }
        let order = self.patches_of_this_frame(shot);
        for &index in &order {
            let patch = self.locator.patches()[index];
            self.read_matrix(shot, &patch, how, reads);
            if shot.is_late() {
                break;
            }
        }
        self.stream.order = order;
    }

    /// What is aimed at has every other turn; the rest is for what nobody expects. Where a row of a
    /// stacked symbol was seen, the others are looked for in every other frame.
    fn look_dearly(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        if self.options.view == View::All && self.look_dearly_at_another(shot, reads) {
            return;
        }
        let rows = self.stream.rows.filter(|_| !self.stream.was_swept);
        self.stream.was_swept = rows.is_some();
        if let Some(bars) = rows {
            self.sweep_rows(shot, &bars, TURNS[self.stream.swept % TURNS.len()], self.level());
            self.stream.swept += 1;
            self.elect(shot, reads);
            return;
        }
        let is_aimed = !self.stream.was_aimed && self.look_at_aimed(shot, reads);
        self.stream.was_aimed = is_aimed;
        if !is_aimed {
            self.stream.dear += 1;
            self.look_in_turn(shot, reads);
        }
        self.elect(shot, reads);
    }

    /// Bars or dots at the aim by what reads them best where edges do not; false if there are none.
    fn look_at_aimed(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) -> bool {
        let (aim, step) = (shot.aim(), self.stream.aimed);
        let is_aimed = |bars: &&Bars| {
            bars.length >= AIMED_LENGTH_MIN
                && bars.middle.distance(aim) < bars.length.max(bars.height) / 2.0
        };
        let bars = self.near_bars(shot).or(self.locator.bars().iter().find(is_aimed).copied());
        let patches = self.locator.patches().iter().take(BARS_MAX);
        let patch = patches.copied().find(|patch| patch.contains(aim));
        let patch = patch.filter(|_| self.options.wants_matrix());
        // Print and matrix codes have bars too: where both are seen, they take turns.
        let step = if bars.is_some() && patch.is_some() { step / 2 } else { step };
        match (bars, patch) {
            (Some(bars), patch) if patch.is_none() || self.stream.aimed.is_multiple_of(2) => {
                let place = grey_place(&bars);
                match step % 4 {
                    1 => self.read_averaged(shot, &bars),
                    3 if self.options.wants_code128() => {
                        self.read_grey(shot, &place, Effort::QuickText)
                    }
                    _ if !self.options.wants_articles() => self.read_averaged(shot, &bars),
                    0 => self.read_grey(shot, &place, Effort::Quick(step / 4)),
                    _ => self.read_grey(shot, &place.bands()[1], Effort::Quick(step / 4)),
                }
            }
            (_, Some(patch)) => {
                let (place, strategy) = match step % 4 {
                    3 => {
                        self.patch_leaning(shot, &patch, reads);
                        self.stream.aimed += 1;
                        return true;
                    }
                    0 => (aim, Strategy::Patch),
                    1 => (patch.heart, Strategy::Patch),
                    _ => (aim, Strategy::Evened),
                };
                let patch = window(&patch, place, shot, THOROUGH_SIDE_MAX);
                self.patch_dearly(shot, &patch, (false, true), strategy, reads);
            }
            _ => return false,
        }
        self.stream.aimed += 1;
        true
    }

    fn look_in_turn(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        const SLANTS: [f32; 6] = [45.0, 135.0, 22.5, 157.5, 67.5, 112.5];
        let turn = self.stream.dear;
        let best = self.near_bars(shot).or_else(|| self.locator.bars().first().copied());
        let patch = self.locator.patches().first().copied();
        let thorough = patch.map(|patch| window(&patch, patch.heart, shot, THOROUGH_SIDE_MAX));
        match turn % DEAR {
            0 | 4 | 9 => {
                if let Some(bars) = best {
                    self.read_averaged(shot, &bars);
                }
            }
            2 => {
                let degrees = SLANTS[turn / DEAR % SLANTS.len()];
                let manner = Manner { is_ean_only: true, ..manner(self.level(), 0.0) };
                let strategy = Strategy::Sweep;
                self.rake(shot, Rake { degrees, lines: 24.0, manner, strategy });
            }
            3 => {
                let inverted = Manner { is_inverted: true, ..manner(Level::Envelope, 0.0) };
                let strategy = Strategy::Inverted;
                if let Some(bars) = best {
                    let bundle = Bundle { lines: 9, manner: inverted, turn: 0.0, strategy };
                    self.read_bars(shot, &bars, bundle);
                }
                self.read_aim(shot, inverted, strategy);
            }
            _ if !self.options.wants_matrix() => {}
            7 => {
                let (width, height) = (shot.picture.width(), shot.picture.height());
                let whole = Patch::whole(width, height);
                let look = Look {
                    is_inverted: false,
                    is_thorough: false,
                    patterns_max: STREAM_PATTERNS_MAX,
                };
                let (side_max, strategy) = (640, Strategy::Shrunk);
                let how = MatrixLook::flat(look, side_max, strategy);
                self.read_matrix(shot, &whole, how, reads);
            }
            8 => {
                if let Some(patch) = patch {
                    self.patch_leaning(shot, &patch, reads);
                }
            }
            step => {
                let Some(patch) = thorough else { return };
                let (is_inverted, strategy) = match step {
                    1 => (false, Strategy::Patch),
                    5 => (true, Strategy::Patch),
                    _ => (false, Strategy::Evened),
                };
                let how = (is_inverted, !is_inverted);
                self.patch_dearly(shot, &patch, how, strategy, reads);
            }
        }
    }

    pub(super) fn patch_dearly(
        &mut self,
        shot: &Shot<'_>,
        patch: &Patch,
        (is_inverted, is_thorough): (bool, bool),
        strategy: Strategy,
        reads: &mut Vec<Read>,
    ) {
        let look = Look { is_inverted, is_thorough, patterns_max: STREAM_PATTERNS_MAX };
        let side_max = THOROUGH_SIDE_MAX;
        let how = MatrixLook::flat(look, side_max, strategy);
        self.read_matrix(shot, patch, how, reads);
    }

    /// A patch as that of a matrix code that leans away; the whole, since no part of one says how.
    pub(super) fn patch_leaning(&mut self, shot: &Shot<'_>, patch: &Patch, reads: &mut Vec<Read>) {
        let how = MatrixLook::leaning(PATCH_SIDE_MAX, Strategy::Leaning);
        self.read_matrix(shot, patch, how, reads);
    }

    pub(super) fn read_averaged(&mut self, shot: &Shot<'_>, bars: &Bars) {
        for level in [Level::Midpoint, Level::Envelope] {
            let manner = manner(level, 1.5);
            let strategy = Strategy::Averaged;
            self.read_bars(shot, bars, Bundle { lines: 11, manner, turn: 0.0, strategy });
        }
    }

    /// Where a text came near to being believed, as bars of the picture.
    fn near_bars(&self, shot: &Shot<'_>) -> Option<Bars> {
        let miss = self.ballot.near_miss()?;
        let down = 1.0 / shot.scale;
        let (from, to) = (miss.from.scaled(down), miss.to.scaled(down));
        let length = from.distance(to);
        let degrees = (to.y - from.y).atan2(to.x - from.x).to_degrees();
        // How high the bars are is not known; a third of their length is the usual shape.
        let height = length / 3.0;
        Some(Bars { middle: from.middle(to), degrees, length, height, score: 0.0 })
    }

    fn remember(&mut self, shot: &Shot<'_>, reads: &[Read]) {
        let memory = match (reads.first(), self.near_bars(shot)) {
            (Some(_), _) => None,
            (None, Some(bars)) => Some(Memory { bars, seen_ms: shot.now_ms }),
            (None, None) => self.stream.memory,
        };
        let is_fresh = |memory: &Memory| shot.now_ms.saturating_sub(memory.seen_ms) < MEMORY_MS;
        self.stream.memory = memory.filter(is_fresh);
        self.advise(shot, reads);
    }

    fn advise(&mut self, shot: &Shot<'_>, reads: &[Read]) {
        /// Below this mean grey value a phone camera shows mostly its own noise.
        const DARK: f32 = 28.0;
        /// EAN readers need about 1.4 pixels a module; a run is 1.6 modules wide on average.
        const RUN_MIN: f32 = 1.4 * 1.6;
        let measure = self.locator.measure();
        let best = self.locator.bars().first().copied();
        self.stream.unread = match best {
            Some(_) if reads.is_empty() => self.stream.unread.saturating_add(1),
            _ => 0,
        };
        self.stream.hint = if !reads.is_empty() {
            Hint::None
        } else if measure.brightness > 0.0 && measure.brightness < DARK {
            Hint::TooDark
        } else if self.stream.unread < UNREAD_MIN {
            Hint::None
        } else if measure.sharpness < SHARP_SHARE * self.stream.best_sharpness {
            Hint::HoldStill
        } else {
            let size = (shot.picture.width(), shot.picture.height());
            let line =
                best.and_then(|bars| through(bars.middle, bars.degrees, bars.length / 2.0, size));
            let run = line.and_then(|line| self.linear.mean_run(&shot.picture, &line));
            match run {
                _ if best.is_some_and(|bars| glare::hides(&shot.picture, &bars)) => Hint::Glare,
                Some(run) if run < RUN_MIN => Hint::MoveCloser,
                _ => Hint::HoldStill,
            }
        };
    }

    /// Of several codes, the one that somebody points at; one beside the aim waits a moment while
    /// bars at the aim are not read yet.
    fn choose(&mut self, shot: &Shot<'_>, reads: &mut Vec<Read>) {
        if self.options.view == View::All || reads.is_empty() {
            return;
        }
        let aim = shot.aim().scaled(shot.scale);
        let distance = |outline: &Outline| match contains(outline, aim) {
            true => 0.0,
            false => middle(outline).distance(aim),
        };
        reads.sort_by(|a, b| distance(&a.outline).total_cmp(&distance(&b.outline)));
        // Another symbol of the same pack says more of it.
        let chosen = reads.first().and_then(gtin_of);
        let mut is_first = true;
        reads.retain(|read| {
            std::mem::take(&mut is_first) || (chosen.is_some() && gtin_of(read) == chosen)
        });
        let is_at_aim = |bars: &Bars| {
            let middle = bars.middle.scaled(shot.scale);
            bars.middle.distance(shot.aim()) < bars.length / 2.0
                && !contains(&reads[0].outline, middle)
        };
        let is_beside = distance(&reads[0].outline) > 0.0
            && self.locator.bars().iter().take(BARS_MAX).any(is_at_aim);
        if !is_beside {
            self.stream.held_ms = None;
            return;
        }
        let since_ms = *self.stream.held_ms.get_or_insert(shot.now_ms);
        if shot.now_ms.saturating_sub(since_ms) < HOLD_MS {
            reads.clear();
        }
    }
}
