//! The most likely digits: all of them at once, by dynamic programming.
//!
//! With Gaussian noise the squared distance between a profile and the sum of waveforms is the
//! negative log-likelihood, and it falls apart into a term for each digit and one for each pair of
//! neighbours. So the best sequence of all is found exactly; and, over (digit, checksum), so are the
//! best two of those that parity and check digit allow. Reading each digit alone and checking
//! afterwards would throw away what the check digit knows.
//!
//! The idea of a whole symbol as a chain of digits with unknown geometry: E. Tekin, J. Coughlan, "A
//! Bayesian algorithm for reading 1D barcodes", CRV 2009.

use super::symbol::{CHARACTERS, DIGITS_MAX, Layout, Plan};
use super::template::{BAR, BAR_LEAD, Entry, LEAD, SAMPLES, SPAN, dot};

/// Modules of light margin that are compared on both sides.
pub(super) const MARGIN: usize = 4;
/// Samples of the longest symbol with margins.
pub(super) const SAMPLES_MAX: usize = (95 + 2 * MARGIN) * SAMPLES;

/// Characters, one for each drawn digit.
pub(super) type Characters = [u8; DIGITS_MAX];

/// Samples of a symbol with margins.
pub(super) const fn sample_count(layout: &Layout) -> usize {
    (layout.modules + 2 * MARGIN) * SAMPLES
}

/// Draws the symbol: 0 is light, 1 is dark.
pub(super) fn draw(layout: &Layout, entry: &Entry, characters: &Characters, out: &mut [f32]) {
    draw_guards(layout, entry, out);
    for (position, character) in characters[..layout.digits()].iter().enumerate() {
        let start = (layout.digit_start(position) + MARGIN) * SAMPLES - LEAD;
        let wave = &entry.characters[usize::from(*character)];
        add(&mut out[start..], wave);
    }
}

fn draw_guards(layout: &Layout, entry: &Entry, out: &mut [f32]) {
    out.fill(0.0);
    for guard in layout.guards {
        let start = (usize::from(*guard) + MARGIN) * SAMPLES - BAR_LEAD;
        add(&mut out[start..], &entry.bar[..BAR]);
    }
}

fn add(out: &mut [f32], wave: &[f32]) {
    out.iter_mut().zip(wave).for_each(|(sum, value)| *sum += value);
}

/// A sequence and its squared distance from the profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub(super) characters: Characters,
    pub(super) cost: f32,
}

impl Path {
    const NONE: Self = Self { characters: [0; DIGITS_MAX], cost: f32::INFINITY };
}

/// Sums of digits modulo ten times digits.
const STATES: usize = 100;
/// Plans of the kind that has most: UPC-E.
const PLANS_MAX: usize = 80;

/// Costs of one profile against one blur; keeps its memory.
pub(super) struct Trellis {
    rest: [f32; SAMPLES_MAX],
    alone: [[f32; CHARACTERS]; DIGITS_MAX],
    base: f32,
    costs: [[[f32; 2]; STATES]; 2],
    /// The best neighbour to the left of each character.
    came: [[u32; CHARACTERS]; DIGITS_MAX],
    /// The same for the two best ways into each state.
    back: [[[u16; 2]; STATES]; DIGITS_MAX],
}

impl Trellis {
    pub(super) fn new() -> Self {
        Self {
            rest: [0.0; SAMPLES_MAX],
            alone: [[0.0; CHARACTERS]; DIGITS_MAX],
            base: 0.0,
            costs: [[[0.0; 2]; STATES]; 2],
            came: [[0; CHARACTERS]; DIGITS_MAX],
            back: [[[0; 2]; STATES]; DIGITS_MAX],
        }
    }

    /// Compares the darkness of all samples with all characters at all places.
    pub(super) fn load(&mut self, layout: &Layout, entry: &Entry, darkness: &[f32]) {
        let rest = &mut self.rest[..darkness.len()];
        draw_guards(layout, entry, rest);
        rest.iter_mut().zip(darkness).for_each(|(value, dark)| *value = dark - *value);
        self.base = dot(rest, rest);
        for position in 0..layout.digits() {
            let start = (layout.digit_start(position) + MARGIN) * SAMPLES - LEAD;
            let window = &rest[start..start + SPAN];
            let (from, to) = layout.characters(position);
            for character in from..to {
                self.alone[position][character] =
                    entry.energy[character] - 2.0 * dot(window, &entry.characters[character]);
            }
        }
    }

    fn pairs<'a>(layout: &Layout, entry: &'a Entry, position: usize) -> &'a [f32] {
        if position == layout.left { &entry.middle_pairs } else { &entry.pairs }
    }

    /// The best sequence, whatever parity and check digit say.
    pub(super) fn free(&mut self, layout: &Layout, entry: &Entry) -> Path {
        let mut costs = [f32::INFINITY; CHARACTERS];
        let (mut before_from, mut before_to) = layout.characters(0);
        costs[before_from..before_to].copy_from_slice(&self.alone[0][before_from..before_to]);
        for position in 1..layout.digits() {
            let (from, to) = layout.characters(position);
            let pairs = Self::pairs(layout, entry, position);
            let mut next = [f32::INFINITY; CHARACTERS];
            let came = &mut self.came[position];
            for before in before_from..before_to {
                let row = &pairs[before * CHARACTERS..][from..to];
                let (next, came) = (&mut next[from..to], &mut came[from..to]);
                // Without branches, so that several characters are compared at a time.
                for ((least, came), pair) in next.iter_mut().zip(came).zip(row) {
                    let cost = costs[before] + pair;
                    let is_less = cost < *least;
                    *least = if is_less { cost } else { *least };
                    *came = if is_less { before as u32 } else { *came };
                }
            }
            for character in from..to {
                costs[character] = next[character] + self.alone[position][character];
            }
            (before_from, before_to) = (from, to);
        }
        let mut path = Path::NONE;
        let mut last = 0;
        for (character, cost) in (before_from..before_to).zip(&costs[before_from..before_to]) {
            if *cost < path.cost {
                (last, path.cost) = (character, *cost);
            }
        }
        path.cost += self.base;
        for position in (0..layout.digits()).rev() {
            path.characters[position] = last as u8;
            if position > 0 {
                last = self.came[position][last] as usize;
            }
        }
        path
    }

    /// The two best sequences of all that the plans of the symbol allow.
    ///
    /// Plans are followed from the most promising one, and only while they can still win: with most
    /// parity patterns even the best digits cost more than what is already found.
    pub(super) fn allowed(&mut self, layout: &Layout, entry: &Entry) -> [Path; 2] {
        let mut order = [(f32::INFINITY, 0usize); PLANS_MAX];
        let order = &mut order[..layout.plan_count()];
        for (index, place) in order.iter_mut().enumerate() {
            *place = (self.bound(layout, entry, &layout.plan(index)), index);
        }
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut best = [Path::NONE; 2];
        for (bound, index) in order {
            if *bound >= best[1].cost {
                break;
            }
            self.follow(layout, entry, &layout.plan(*index), &mut best);
        }
        best
    }

    /// What the best digits of a plan cost if its checksum is not asked for.
    fn bound(&self, layout: &Layout, entry: &Entry, plan: &Plan) -> f32 {
        let mut before_set = plan.set(layout, 0);
        let mut costs = [0.0f32; 10];
        costs.copy_from_slice(&self.alone[0][before_set..before_set + 10]);
        for position in 1..layout.digits() {
            let set = plan.set(layout, position);
            let pairs = Self::pairs(layout, entry, position);
            let mut next = [f32::INFINITY; 10];
            for (before, cost) in costs.iter().enumerate() {
                let row = &pairs[(before_set + before) * CHARACTERS + set..][..10];
                for (least, pair) in next.iter_mut().zip(row) {
                    *least = least.min(cost + pair);
                }
            }
            for (digit, cost) in costs.iter_mut().enumerate() {
                *cost = next[digit] + self.alone[position][set + digit];
            }
            before_set = set;
        }
        costs.into_iter().fold(f32::INFINITY, f32::min) + self.base
    }

    fn follow(&mut self, layout: &Layout, entry: &Entry, plan: &Plan, best: &mut [Path; 2]) {
        let set = |position: usize| plan.set(layout, position);
        self.costs[0] = [[f32::INFINITY; 2]; STATES];
        for digit in 0..10 {
            let sum = (usize::from(plan.sum) + digit * usize::from(plan.weights[0])) % 10;
            self.costs[0][digit * 10 + sum][0] = self.alone[0][set(0) + digit];
        }
        for position in 1..layout.digits() {
            let pairs = Self::pairs(layout, entry, position);
            self.step(position, set(position - 1), set(position), plan, pairs);
        }
        let last = layout.digits() - 1;
        for digit in (0..10).filter(|digit| plan.last >> digit & 1 == 1) {
            for rank in 0..2 {
                let cost = self.costs[last % 2][digit * 10][rank] + self.base;
                if cost < best[1].cost {
                    let path =
                        Path { characters: self.walk_back(digit, rank, plan, &set, last), cost };
                    *best = if cost < best[0].cost { [path, best[0]] } else { [best[0], path] };
                }
            }
        }
    }

    /// One digit further: the two cheapest ways into every (digit, checksum).
    fn step(&mut self, position: usize, before_set: usize, set: usize, plan: &Plan, pairs: &[f32]) {
        let (even, odd) = self.costs.split_at_mut(1);
        let (old, new) = match position % 2 {
            1 => (&even[0], &mut odd[0]),
            _ => (&odd[0], &mut even[0]),
        };
        let back = &mut self.back[position];
        *new = [[f32::INFINITY; 2]; STATES];
        for digit in 0..10 {
            let shift = digit * usize::from(plan.weights[position]) % 10;
            for before in 0..10 {
                let pair = pairs[(before_set + before) * CHARACTERS + set + digit]
                    + self.alone[position][set + digit];
                for sum in 0..10 {
                    let to = digit * 10 + (sum + shift) % 10;
                    for (rank, cost) in old[before * 10 + sum].iter().enumerate() {
                        let cost = cost + pair;
                        if cost >= new[to][1] {
                            break;
                        }
                        let came = (before * 2 + rank) as u16;
                        if cost < new[to][0] {
                            (new[to][1], back[to][1]) = (new[to][0], back[to][0]);
                            (new[to][0], back[to][0]) = (cost, came);
                        } else {
                            (new[to][1], back[to][1]) = (cost, came);
                        }
                    }
                }
            }
        }
    }

    fn walk_back(
        &self,
        digit: usize,
        rank: usize,
        plan: &Plan,
        set: &dyn Fn(usize) -> usize,
        last: usize,
    ) -> Characters {
        let mut characters = [0; DIGITS_MAX];
        let (mut digit, mut rank, mut sum) = (digit, rank, 0);
        for position in (0..=last).rev() {
            characters[position] = (set(position) + digit) as u8;
            if position > 0 {
                let came = usize::from(self.back[position][digit * 10 + sum][rank]);
                sum = (sum + 100 - digit * usize::from(plan.weights[position])) % 10;
                (digit, rank) = (came / 2, came % 2);
            }
        }
        characters
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::grey::symbol::LAYOUTS;
    use crate::grey::template::Bank;

    /// 4006381333931, 95050003 and 01234505.
    const NUMBERS: [Characters; 3] = [
        [0, 10, 6, 3, 18, 11, 23, 23, 23, 29, 23, 21],
        [9, 5, 0, 5, 20, 20, 20, 23, 0, 0, 0, 0],
        [11, 2, 3, 14, 15, 0, 0, 0, 0, 0, 0, 0],
    ];

    #[test]
    fn what_is_drawn_is_the_best_path_at_every_blur() {
        let (bank, mut trellis) = (Bank::new(), Trellis::new());
        for (layout, characters) in LAYOUTS.iter().zip(NUMBERS) {
            for index in 0..crate::grey::template::BLURS {
                let entry = bank.entry(index);
                let mut darkness = [0.0; SAMPLES_MAX];
                let darkness = &mut darkness[..sample_count(layout)];
                draw(layout, entry, &characters, darkness);
                trellis.load(layout, entry, darkness);
                assert_eq!(trellis.free(layout, entry).characters, characters, "{index}");
                let [first, second] = trellis.allowed(layout, entry);
                assert_eq!(first.characters, characters, "{index}");
                assert!(first.cost.abs() < 0.05 && second.cost > first.cost, "{first:?}");
                assert_ne!(second.characters, characters);
                assert!(layout.text(&second.characters).is_some() || layout.left == 6);
            }
        }
    }

    #[test]
    fn costs_of_paths_are_distances() {
        let (bank, mut trellis) = (Bank::new(), Trellis::new());
        let (layout, entry) = (&LAYOUTS[0], bank.entry(3));
        let darkness: Vec<f32> =
            (0..sample_count(layout)).map(|k| (k * 7919 % 101) as f32 / 100.0).collect();
        trellis.load(layout, entry, &darkness);
        for path in trellis.allowed(layout, entry).into_iter().chain([trellis.free(layout, entry)])
        {
            let mut drawn = vec![0.0; darkness.len()];
            draw(layout, entry, &path.characters, &mut drawn);
            let distance: f32 = drawn.iter().zip(&darkness).map(|(a, b)| (a - b).powi(2)).sum();
            assert!((distance - path.cost).abs() < distance * 0.01, "{distance} {}", path.cost);
        }
    }
}
