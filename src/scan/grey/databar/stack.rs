//! DataBar Stacked Omnidirectional from grey values: both rows are laid one behind the other, with
//! light between, and then read as one symbol.
//!
//! Each row alone has no check character, so that neither is ever believed by itself: what is weighed
//! are numbers, over the likelihood of both rows together. What separates the rows is left out, and
//! so is whatever stands beside them.

use super::symbol::{GAP, ROWS, STACK};
use super::{Judged, Reader, Sight, gate, keep};
use crate::frame::{Luma, Outline};
use crate::grey::bundle::Bundle;
use crate::grey::fit::{CONTRAST_MIN, Pose};
use crate::grey::margin::{Between, MarginFinder};
use crate::grey::{Candidate, GreyRead};

/// Samples of a module.
const DENSITY: f32 = 6.0;
/// Light beside a row that is taken over, in modules: as much as is compared.
const MARGIN: f32 = 3.0;
/// Light before and behind everything.
const LIGHT: f32 = 8.0;
/// The height of a place over its length with margins: a symbol of full height is 69 modules high and
/// 50 wide.
const HEIGHT_MAX: f32 = 1.6;
/// Modules by which the ends of both rows may lie apart, beside what the upper one is shorter.
const APART_MAX: f32 = 4.0;
/// By how much the modules of both rows may differ.
const SIZES: std::ops::Range<f32> = 0.88..1.14;
/// Pairs of rows that are looked at, for each way up.
const PAIRS_MAX: usize = 6;
/// Grey values of light, and of what is darkest.
const WHITE: f32 = 220.0;
const BLACK: f32 = 60.0;

/// One row on its profile.
#[derive(Clone, Copy, Debug)]
struct Row {
    start: f32,
    end: f32,
}

/// What reading needs and keeps: about 2 MB, once two rows were seen.
#[derive(Default)]
pub(in crate::grey) struct StackReader {
    reader: Option<Box<Reader>>,
    bundles: [Bundle; 2],
    /// Where a row may begin and end, and its margin.
    seen: Vec<Between>,
    ends: [Vec<Row>; 2],
    turned: Vec<f32>,
    all: Vec<f32>,
    halves: [Vec<f32>; 2],
}

impl StackReader {
    /// Reads the upper and the lower half of a place as two rows; `None` unless a number is
    /// believed.
    pub(in crate::grey) fn read(
        &mut self,
        luma: &Luma<'_>,
        place: &Candidate,
        margins: &mut MarginFinder,
    ) -> Option<GreyRead> {
        if place.half_height > HEIGHT_MAX * place.half_length {
            return None;
        }
        let [_, _, upper, lower] = place.bands();
        for (half, band) in [upper, lower].iter().enumerate() {
            let bundle = &mut self.bundles[half];
            if !bundle.take(luma, band) {
                return None;
            }
            // Where the upper half has no row, nobody looks at the lower one.
            gate::find_ends(margins, &bundle.all, 1.0 / bundle.step, ROWS[0], &mut self.seen);
            if self.seen.is_empty() {
                return None;
            }
        }
        [false, true].into_iter().find_map(|is_turned| self.read_one_way(is_turned, margins))
    }

    /// Where rows may lie on the profiles of their halves, read backwards where all is turned.
    fn find_rows(&mut self, is_turned: bool, margins: &mut MarginFinder) {
        for (row, modules) in ROWS.into_iter().enumerate() {
            let bundle = &self.bundles[row ^ usize::from(is_turned)];
            self.turned.clone_from(&bundle.all);
            if is_turned {
                self.turned.reverse();
            }
            gate::find_ends(margins, &self.turned, 1.0 / bundle.step, modules, &mut self.seen);
            let ends = self.seen.iter().map(|it| Row { start: it.start, end: it.end });
            self.ends[row].clear();
            self.ends[row].extend(ends);
        }
    }

    fn read_one_way(&mut self, is_turned: bool, margins: &mut MarginFinder) -> Option<GreyRead> {
        self.find_rows(is_turned, margins);
        let mut pairs = Vec::new();
        for first in &self.ends[0] {
            for second in &self.ends[1] {
                if pairs.len() < PAIRS_MAX && is_stack(first, second) {
                    pairs.push([*first, *second]);
                }
            }
        }
        pairs.into_iter().find_map(|rows| {
            let judged = self.read_rows(rows, is_turned)?;
            let outline = self.outline(rows, is_turned);
            let step = self.pixels(rows) / DENSITY;
            let sight = Sight { all: &self.all, mirrored: &[], halves: [&[], &[]], step };
            self.reader.as_ref()?.report(&judged, &sight, outline)
        })
    }

    /// Pixels in a module, on the mean of both rows.
    fn pixels(&self, rows: [Row; 2]) -> f32 {
        let length: f32 = rows.iter().map(|row| row.end - row.start).sum();
        length / STACK.printed as f32 * self.bundles[0].step
    }

    fn read_rows(&mut self, rows: [Row; 2], is_turned: bool) -> Option<Judged> {
        let mut all = std::mem::take(&mut self.all);
        let mut halves = std::mem::take(&mut self.halves);
        let of = |row: usize| &self.bundles[row ^ usize::from(is_turned)];
        let is_laid = lay([&of(0).all, &of(1).all], rows, is_turned, &mut all)
            && halves.iter_mut().enumerate().all(|(half, out)| {
                let half = half ^ usize::from(is_turned);
                lay([&of(0).halves[half], &of(1).halves[half]], rows, is_turned, out)
            });
        let step = self.pixels(rows) / DENSITY;
        let judged =
            is_laid.then(|| self.read_laid(&all, [&halves[0], &halves[1]], step)).flatten();
        (self.all, self.halves) = (all, halves);
        judged
    }

    fn read_laid(&mut self, all: &[f32], halves: [&[f32]; 2], step: f32) -> Option<Judged> {
        let reader = self.reader.get_or_insert_with(|| Box::new(Reader::of(&STACK)));
        reader.spots.clear();
        let from = LIGHT * DENSITY - 0.5;
        let pose = Pose::between(from, from + STACK.modules as f32 * DENSITY);
        let hypothesis = reader.fitter.begin(all, pose)?;
        let darkness = reader.fitter.darkness(all, &hypothesis);
        let spot = reader.gate.look(&pose, darkness)?;
        keep(&mut reader.spots, spot, false, STACK.modules);
        reader.read_spots(&Sight { all, mirrored: &[], halves, step })
    }

    /// The corners, from the first bar of the first row on.
    fn outline(&self, rows: [Row; 2], is_turned: bool) -> Outline {
        let corner = |row: usize, is_end: bool| {
            let bundle = &self.bundles[row ^ usize::from(is_turned)];
            let last = (bundle.all.len() - 1) as f32;
            let at = if is_end { rows[row].end } else { rows[row].start };
            let at = if is_turned { last - at } else { at };
            // The outer edge of a row is that of its half of the place.
            let is_upper = (row == 0) != is_turned;
            bundle.place(at, if is_upper { bundle.reach.0 } else { bundle.reach.1 })
        };
        [corner(0, false), corner(0, true), corner(1, true), corner(1, false)]
    }
}

/// Whether two rows are of one size and lie one above the other.
fn is_stack(first: &Row, second: &Row) -> bool {
    let module = |row: &Row, index: usize| (row.end - row.start) / ROWS[index] as f32;
    let (a, b) = (module(first, 0), module(second, 1));
    // The first bar of the upper row stands over the first space of the lower one.
    SIZES.contains(&(a / b))
        && (first.start - b - second.start).abs() < APART_MAX * b
        && (first.end + b - second.end).abs() < APART_MAX * b
}

/// Lays rows one behind the other, all with one light and one size of module; false without contrast.
fn lay(profiles: [&[f32]; 2], rows: [Row; 2], is_turned: bool, out: &mut Vec<f32>) -> bool {
    out.clear();
    let modules = STACK.modules as f32 + 2.0 * LIGHT;
    out.resize((modules * DENSITY) as usize, WHITE);
    let mut from = LIGHT;
    for ((profile, row), modules) in profiles.into_iter().zip(rows).zip(ROWS) {
        let modules = modules as f32;
        let module = (row.end - row.start) / modules;
        let last = (profile.len() - 1) as f32;
        let at = |place: f32| {
            let x = (row.start + place * module).clamp(0.0, last);
            let x = if is_turned { last - x } else { x };
            let index = (x as usize).min(profile.len() - 2);
            profile[index] + (profile[index + 1] - profile[index]) * (x - index as f32)
        };
        let mean = |from: f32| (0..8).map(|k| at(from + k as f32 / 4.0)).sum::<f32>() / 8.0;
        let (before, behind) = (mean(-MARGIN), mean(modules + MARGIN - 2.0));
        let white = |place: f32| before + (behind - before) * (place / modules).clamp(0.0, 1.0);
        let count = ((modules + 2.0 * MARGIN) * DENSITY) as usize;
        let place = |k: usize| (k as f32 + 0.5) / DENSITY - MARGIN;
        let darkest = (0..count).map(|k| white(place(k)) - at(place(k))).fold(0.0, f32::max);
        if darkest < CONTRAST_MIN {
            return false;
        }
        let first = ((from - MARGIN) * DENSITY) as usize;
        for (k, value) in out[first..first + count].iter_mut().enumerate() {
            let dark = (white(place(k)) - at(place(k))) / darkest;
            *value = WHITE - (WHITE - BLACK) * dark;
        }
        from += modules + GAP as f32;
    }
    true
}
