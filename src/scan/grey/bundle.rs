//! Rows across a symbol, laid over each other: one clean profile, and two that share no pixel.
//!
//! Bars are long, and every row along them tells the same. Rows are averaged along the bars (whose
//! direction is measured by how the profile moves from row to row), groups of rows are shifted and
//! stretched onto each other (perspective), and groups that do not look like the rest (glare, print,
//! the end of the bars) are left out.

use super::Candidate;
use super::fit::Pose;
use crate::frame::{Luma, Outline, Point};

/// Samples of a profile at most.
const LENGTH_MAX: usize = 2048;
/// Samples in a pixel, while the longest profile allows.
const DENSITY: f32 = 2.0;
/// Groups of rows.
const GROUPS_MAX: usize = 10;
/// Rows of a group at most.
const GROUP_ROWS_MAX: usize = 10;
/// Times that the direction of the bars is corrected.
const PASSES: usize = 3;
/// Correlation with the rest below which a group shows something else.
const LIKENESS_MIN: f32 = 0.85;
/// The same while the rest is only the middle group.
const FIRST_LIKENESS_MIN: f32 = 0.65;

/// Profiles of one candidate; keeps its memory.
#[derive(Default)]
pub(super) struct Bundle {
    groups: [Vec<f32>; GROUPS_MAX],
    warped: Vec<f32>,
    scratch: Vec<f32>,
    /// All rows.
    pub(super) all: Vec<f32>,
    /// Upper and lower rows.
    pub(super) halves: [Vec<f32>; 2],
    /// Pixels between two samples.
    pub(super) step: f32,
    /// Groups that look alike, as a range of places across, in pixels from the centre.
    pub(super) reach: (f32, f32),
    /// One pixel along the bars.
    pub(super) bar: Point,
    /// One pixel along the symbol.
    pub(super) along: Point,
    start: Point,
}

impl Bundle {
    /// Takes the profiles of `candidate`; false if there is nothing that repeats from row to row.
    pub(super) fn take(&mut self, luma: &Luma<'_>, candidate: &Candidate) -> bool {
        self.reach = (0.0, 0.0);
        let radians = candidate.degrees.to_radians();
        self.along = Point::new(radians.cos(), radians.sin());
        let length = (2.0 * candidate.half_length).max(8.0);
        self.step = (1.0 / DENSITY).max(length / (LENGTH_MAX - 1) as f32);
        let count = (length / self.step) as usize + 1;
        let height = (2.0 * candidate.half_height).max(4.0);
        let groups = ((height / 4.0) as usize).clamp(2, GROUPS_MAX);
        let spacing = height / groups as f32;
        let mut lean = 0.0f32;
        for pass in 0..PASSES {
            self.bar =
                Point::new(-self.along.y + self.along.x * lean, self.along.x + self.along.y * lean);
            self.sample(luma, candidate, count, groups, spacing);
            let turn = self.drift(groups) * self.step / spacing;
            if pass + 1 == PASSES || turn.abs() < 0.003 {
                break;
            }
            lean = (lean + turn).clamp(-0.6, 0.6);
        }
        self.pool(groups, spacing)
    }

    /// Whether the candidate may have two rows: what repeats fills a part of it only, or what is
    /// above and what is below differ more than noise makes them.
    pub(super) fn may_be_two(&self, candidate: &Candidate) -> bool {
        /// The share of the height that one row fills at most.
        const PART_MAX: f32 = 0.8;
        /// Correlation of the halves of one row, of which noise and light take little; where two
        /// rows were laid over each other, each is as like the mean as groups must be.
        const ONE_LIKENESS_MIN: f32 = 0.9;
        let height = self.reach.1 - self.reach.0;
        let is_part = height < PART_MAX * 2.0 * candidate.half_height;
        let [upper, lower] = &self.halves;
        height > 0.0 && (is_part || likeness(upper, lower) < ONE_LIKENESS_MIN)
    }

    /// The place of a sample of a profile in the picture, `across` pixels from the centre.
    pub(super) fn place(&self, sample: f32, across: f32) -> Point {
        let (along, bar) = (sample * self.step, across);
        Point::new(
            self.start.x + self.along.x * along + self.bar.x * bar,
            self.start.y + self.along.y * along + self.bar.y * bar,
        )
    }

    /// The corners of a symbol, which all rows cross: first bar above, last bar above, and back below.
    pub(super) fn outline(&self, pose: &Pose, is_mirrored: bool) -> Outline {
        let last = (self.all.len() - 1) as f32;
        let end = |t: f32| if is_mirrored { last - pose.at(t) } else { pose.at(t) };
        let (from, to) = (end(-1.0), end(1.0));
        let (top, bottom) = self.reach;
        [(from, top), (to, top), (to, bottom), (from, bottom)]
            .map(|(sample, across)| self.place(sample, across))
    }

    fn sample(
        &mut self,
        luma: &Luma<'_>,
        candidate: &Candidate,
        count: usize,
        groups: usize,
        spacing: f32,
    ) {
        let half = (count - 1) as f32 * self.step / 2.0;
        self.start = Point::new(
            candidate.centre.x - self.along.x * half,
            candidate.centre.y - self.along.y * half,
        );
        let rows = (spacing as usize).clamp(1, GROUP_ROWS_MAX);
        for index in 0..groups {
            let middle = (index as f32 + 0.5 - groups as f32 / 2.0) * spacing;
            let mut group = std::mem::take(&mut self.groups[index]);
            group.clear();
            group.resize(count, 0.0);
            for row in 0..rows {
                let across =
                    middle + (row as f32 + 0.5 - rows as f32 / 2.0) * spacing / rows as f32;
                let from = self.place(0.0, across);
                let (dx, dy) = (self.along.x * self.step, self.along.y * self.step);
                for (k, sum) in group.iter_mut().enumerate() {
                    *sum += luma.sample(from.x + dx * k as f32, from.y + dy * k as f32);
                }
            }
            group.iter_mut().for_each(|sum| *sum /= rows as f32);
            self.groups[index] = group;
        }
    }

    /// The median shift from group to group, in samples.
    fn drift(&self, groups: usize) -> f32 {
        let mut shifts = [0.0f32; GROUPS_MAX];
        let mut count = 0;
        for index in 1..groups {
            let (a, b) = (&self.groups[index - 1], &self.groups[index]);
            if likeness(a, b) > 0.3 {
                shifts[count] = offset(a, b)[0];
                count += 1;
            }
        }
        let shifts = &mut shifts[..count];
        shifts.sort_unstable_by(f32::total_cmp);
        if count == 0 { 0.0 } else { shifts[count / 2] }
    }

    /// Lays the groups that look alike over each other.
    fn pool(&mut self, groups: usize, spacing: f32) -> bool {
        self.scratch.clone_from(&self.groups[groups / 2]);
        let mut is_alike = [false; GROUPS_MAX];
        for level in [FIRST_LIKENESS_MIN, LIKENESS_MIN, LIKENESS_MIN] {
            self.all.clear();
            self.all.resize(self.scratch.len(), 0.0);
            let mut count = 0.0f32;
            for (index, alike) in is_alike[..groups].iter_mut().enumerate() {
                let mut shift = [0.0, 0.0];
                for _ in 0..2 {
                    warp(&self.groups[index], shift, &mut self.warped);
                    let more = offset(&self.scratch, &self.warped);
                    (shift[0], shift[1]) = (shift[0] + more[0], shift[1] + more[1]);
                }
                warp(&self.groups[index], shift, &mut self.warped);
                *alike = likeness(&self.scratch, &self.warped) > level;
                if *alike {
                    add(&mut self.all, &self.warped);
                    count += 1.0;
                    if level == LIKENESS_MIN {
                        self.groups[index].clone_from(&self.warped);
                    }
                }
            }
            if count < 2.0 {
                return false;
            }
            self.all.iter_mut().for_each(|value| *value /= count);
            self.scratch.clone_from(&self.all);
        }
        let place = |index: usize| (index as f32 - groups as f32 / 2.0) * spacing;
        let first = is_alike.iter().position(|alike| *alike).unwrap_or(0);
        let last = is_alike.iter().rposition(|alike| *alike).unwrap_or(0);
        self.reach = (place(first), place(last + 1));
        self.divide(&is_alike)
    }

    /// The upper groups and the lower ones.
    fn divide(&mut self, is_alike: &[bool; GROUPS_MAX]) -> bool {
        let count = is_alike.iter().filter(|alike| **alike).count();
        self.halves.iter_mut().for_each(|half| {
            half.clear();
            half.resize(self.all.len(), 0.0);
        });
        let upper = count / 2;
        let alike = (0..GROUPS_MAX).filter(|index| is_alike[*index]);
        for (rank, index) in alike.enumerate() {
            add(&mut self.halves[usize::from(rank >= upper)], &self.groups[index]);
        }
        let sizes = [upper as f32, (count - upper) as f32];
        for (half, size) in self.halves.iter_mut().zip(sizes) {
            half.iter_mut().for_each(|value| *value /= size.max(1.0));
        }
        count >= 2
    }
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// The profile moved by `shift[0]` samples, and stretched by `shift[1]` samples at its ends.
fn warp(profile: &[f32], shift: [f32; 2], out: &mut Vec<f32>) {
    let last = profile.len() - 1;
    let half = last as f32 / 2.0;
    out.clear();
    out.extend((0..=last).map(|k| {
        let t = (k as f32 - half) / half;
        let x = (k as f32 + shift[0] + shift[1] * t).clamp(0.0, last as f32);
        let at = (x as usize).min(last - 1);
        profile[at] + (profile[at + 1] - profile[at]) * (x - at as f32)
    }));
}

fn mean_and_deviation(values: &[f32]) -> (f32, f32) {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>();
    (mean, (square / values.len() as f32).sqrt().max(0.5))
}

/// Correlation of two profiles.
fn likeness(a: &[f32], b: &[f32]) -> f32 {
    let ((mean_a, deviation_a), (mean_b, deviation_b)) =
        (mean_and_deviation(a), mean_and_deviation(b));
    let product: f32 = a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum();
    product / (a.len() as f32 * deviation_a * deviation_b)
}

/// By how many samples `b` shows later what `a` shows: in the middle, and how much more at the end.
/// One step of Lucas and Kanade's registration.
fn offset(a: &[f32], b: &[f32]) -> [f32; 2] {
    let ((mean_a, deviation_a), (mean_b, deviation_b)) =
        (mean_and_deviation(a), mean_and_deviation(b));
    let half = (a.len() - 1) as f32 / 2.0;
    let (mut ss, mut st, mut tt, mut se, mut te) = (1e-3f32, 0.0f32, 1e-3f32, 0.0f32, 0.0f32);
    for k in 2..a.len().saturating_sub(2) {
        let t = (k as f32 - half) / half;
        let slope = (a[k + 1] - a[k - 1]) / (2.0 * deviation_a)
            + (b[k + 1] - b[k - 1]) / (2.0 * deviation_b);
        let slope = slope / 2.0;
        let error = (a[k] - mean_a) / deviation_a - (b[k] - mean_b) / deviation_b;
        ss += slope * slope;
        st += slope * slope * t;
        tt += slope * slope * t * t;
        se += slope * error;
        te += slope * error * t;
    }
    let determinant = ss * tt - st * st;
    if determinant < 1e-6 {
        return [0.0, 0.0];
    }
    // b(x + shift) = a(x): positive where b shows it later.
    let shift = (se * tt - te * st) / determinant;
    let stretch = (te * ss - se * st) / determinant;
    [shift.clamp(-4.0, 4.0), stretch.clamp(-4.0, 4.0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    fn slanted(lean: f32) -> Frame {
        let mut frame = Frame::filled(200, 80, 0);
        for y in 0..80 {
            for x in 0..200 {
                let u = x as f32 - 30.0 - lean * y as f32;
                let is_bar = (0.0..120.0).contains(&u) && (u * 0.11).sin() + (u * 0.37).sin() > 0.2;
                frame.luma[y * 200 + x] = if is_bar { 40 } else { 200 };
            }
        }
        frame
    }

    #[test]
    fn leaning_bars_are_followed() {
        for lean in [0.0, 0.1, -0.2] {
            let frame = slanted(lean);
            let Some(luma) = frame.view() else { unreachable!("the frame is whole") };
            let candidate = Candidate {
                centre: Point::new(100.0, 40.0),
                degrees: 0.0,
                half_length: 95.0,
                half_height: 25.0,
            };
            let mut bundle = Bundle::default();
            assert!(bundle.take(&luma, &candidate));
            assert!((bundle.bar.x / bundle.bar.y - lean).abs() < 0.02, "{:?} {lean}", bundle.bar);
        }
    }
}
