//! The most likely characters: all at once, by dynamic programming, and the best two sequences of
//! those that the checksum confirms.
//!
//! With Gaussian noise the squared distance between a profile and a sum of waveforms is the negative
//! log-likelihood, and falls apart into a term for each character and one for each pair of
//! neighbours. Without the checksum the best sequence is found exactly, and for each character at
//! each place what the best sequence *with it* costs. With the checksum, whose weights are known
//! since the place of each character is, only characters are followed that cost little more; what
//! the others would cost at least is known.
//!
//! The symbol as a chain with unknown geometry: E. Tekin, J. Coughlan, "A Bayesian algorithm for
//! reading 1D barcodes", CRV 2009.

use super::code::{CHARACTERS_MAX, Code, MODULUS_MAX, VALUES_MAX, Values};
use super::wave::Entry;
use crate::grey::template::dot;
use std::marker::PhantomData;
use std::ops::Range;

/// Characters of a place that are followed through the checksum.
const KEPT: usize = 10;

/// A sequence and its squared distance from the profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    pub(super) values: Values,
    pub(super) cost: f32,
}

impl Path {
    const NONE: Self = Self { values: [0; CHARACTERS_MAX], cost: f32::INFINITY };
}

/// What a decode yields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoded {
    /// The best sequence, whatever the checksum says.
    pub(super) free: Path,
    /// The best that differs from it.
    pub(super) free_rival: Path,
    /// The best two that the checksum confirms.
    pub(super) allowed: [Path; 2],
    /// What all costs at least that is not looked at.
    pub(super) bound: f32,
}

type Row = [f32; VALUES_MAX];
/// The two cheapest ways to every remainder.
type Ways = [[f32; 2]; MODULUS_MAX];

/// Costs of one profile against one look; keeps its memory.
pub(super) struct Chain<C> {
    code: PhantomData<C>,
    rest: Vec<f32>,
    /// Characters.
    count: usize,
    alone: Vec<Row>,
    base: f32,
    /// The cheapest sequence that ends with a character, and the one before it there.
    ahead: Vec<Row>,
    came: Vec<[u8; VALUES_MAX]>,
    /// The cheapest sequence behind a character, and the one after it there.
    behind: Vec<Row>,
    goes: Vec<[u8; VALUES_MAX]>,
    kept: Vec<[u8; KEPT]>,
    ways: [[Ways; KEPT]; 2],
    back: Vec<[[[u8; 2]; MODULUS_MAX]; KEPT]>,
}

/// Characters that may stand at a place.
fn range<C: Code>(position: usize) -> Range<usize> {
    if position == 0 { C::first() } else { 0..C::DATA }
}

impl<C: Code> Chain<C> {
    pub(super) fn new() -> Self {
        Self {
            code: PhantomData,
            rest: Vec::new(),
            count: 0,
            alone: vec![[0.0; VALUES_MAX]; CHARACTERS_MAX],
            base: 0.0,
            ahead: vec![[0.0; VALUES_MAX]; CHARACTERS_MAX],
            came: vec![[0; VALUES_MAX]; CHARACTERS_MAX],
            behind: vec![[0.0; VALUES_MAX]; CHARACTERS_MAX],
            goes: vec![[0; VALUES_MAX]; CHARACTERS_MAX],
            kept: vec![[0; KEPT]; CHARACTERS_MAX],
            ways: [[[[0.0; 2]; MODULUS_MAX]; KEPT]; 2],
            back: vec![[[[0; 2]; MODULUS_MAX]; KEPT]; CHARACTERS_MAX],
        }
    }

    /// Compares the darkness of all samples with `count` characters.
    pub(super) fn load(&mut self, entry: &Entry, count: usize, darkness: &[f32]) {
        self.count = count;
        self.rest.clear();
        self.rest.resize(darkness.len(), 0.0);
        entry.draw_ends(count, &mut self.rest);
        self.rest.iter_mut().zip(darkness).for_each(|(value, dark)| *value = dark - *value);
        self.base = dot(&self.rest, &self.rest);
        for (position, row) in self.alone[..count].iter_mut().enumerate() {
            let window = &self.rest[entry.start(position)..][..entry.span];
            for value in range::<C>(position) {
                row[value] = entry.energy[value] - 2.0 * dot(window, entry.wave(value));
            }
        }
    }

    /// The best sequence, whatever the checksum says.
    pub(super) fn free(&mut self, entry: &Entry) -> Path {
        self.ahead[0] = self.alone[0];
        for position in 1..self.count {
            let (before, rows) = self.ahead.split_at_mut(position);
            let (before, row) = (&before[position - 1], &mut rows[0]);
            let came = &mut self.came[position];
            let (mut least, mut from) = ([f32::INFINITY; VALUES_MAX], [0u32; VALUES_MAX]);
            let (least, from) = (&mut least[..C::DATA], &mut from[..C::DATA]);
            let cheapest =
                before[range::<C>(position - 1)].iter().copied().fold(f32::MAX, f32::min);
            for left in range::<C>(position - 1) {
                // No neighbour makes good what is so much dearer.
                if before[left] > cheapest + entry.pair_max {
                    continue;
                }
                let pairs = &entry.pairs[left * C::DATA..][..C::DATA];
                // Without branches, so that several characters are compared at a time.
                for ((least, from), pair) in least.iter_mut().zip(&mut *from).zip(pairs) {
                    let cost = before[left] + pair;
                    let is_less = cost < *least;
                    *least = if is_less { cost } else { *least };
                    *from = if is_less { left as u32 } else { *from };
                }
            }
            for value in 0..C::DATA {
                row[value] = least[value] + self.alone[position][value];
                came[value] = from[value] as u8;
            }
        }
        let last = self.count - 1;
        let (value, cost) = cheapest::<C>(&self.ahead[last], last);
        let mut path = Path { cost: cost + self.base, ..Path::NONE };
        self.walk_back(last, value, &mut path.values);
        path
    }

    /// Fills in the best characters up to the one at `position`.
    fn walk_back(&self, position: usize, value: usize, values: &mut Values) {
        let mut value = value as u8;
        for at in (0..=position).rev() {
            values[at] = value;
            if at > 0 {
                value = self.came[at][usize::from(value)];
            }
        }
    }

    /// Everything there is to know: the best sequences with and without the checksum.
    pub(super) fn decode(&mut self, entry: &Entry) -> Decoded {
        let free = self.free(entry);
        self.look_back(entry);
        let mut rival = (f32::INFINITY, 0, 0);
        let mut bound = f32::INFINITY;
        for position in 0..self.count {
            let mut order = [(f32::INFINITY, 0u8); VALUES_MAX];
            let order = &mut order[..range::<C>(position).len()];
            for (place, value) in order.iter_mut().zip(range::<C>(position)) {
                let cost = self.ahead[position][value] + self.behind[position][value] + self.base;
                *place = (cost, value as u8);
                if value != usize::from(free.values[position]) && cost < rival.0 {
                    rival = (cost, position, value);
                }
            }
            order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let kept = &mut self.kept[position];
            kept.fill(u8::MAX);
            kept.iter_mut().zip(&*order).for_each(|(kept, place)| *kept = place.1);
            bound = bound.min(order.get(KEPT).map_or(f32::INFINITY, |place| place.0));
        }
        let mut free_rival = Path { cost: rival.0, ..Path::NONE };
        self.walk_back(rival.1, rival.2, &mut free_rival.values);
        for position in rival.1 + 1..self.count {
            let before = usize::from(free_rival.values[position - 1]);
            free_rival.values[position] = self.goes[position - 1][before];
        }
        let allowed = self.allowed(entry);
        Decoded { free, free_rival, allowed, bound }
    }

    /// What the best characters behind each cost.
    fn look_back(&mut self, entry: &Entry) {
        let last = self.count - 1;
        self.behind[last] = [0.0; VALUES_MAX];
        for position in (0..last).rev() {
            let (rows, after) = self.behind.split_at_mut(position + 1);
            let mut costs = [0.0f32; VALUES_MAX];
            let costs = &mut costs[..C::DATA];
            for (value, cost) in costs.iter_mut().enumerate() {
                *cost = after[0][value] + self.alone[position + 1][value];
            }
            let cheapest = costs.iter().copied().fold(f32::MAX, f32::min);
            let mut near = [0usize; VALUES_MAX];
            let mut count = 0;
            for (value, cost) in costs.iter().enumerate() {
                if *cost <= cheapest + entry.pair_max {
                    near[count] = value;
                    count += 1;
                }
            }
            for left in range::<C>(position) {
                let pairs = &entry.pairs[left * C::DATA..][..C::DATA];
                let mut best = (f32::INFINITY, 0);
                for value in &near[..count] {
                    let cost = costs[*value] + pairs[*value];
                    best = if cost < best.0 { (cost, *value) } else { best };
                }
                rows[position][left] = best.0;
                self.goes[position][left] = best.1 as u8;
            }
        }
    }

    /// The two best sequences of kept characters that the checksum confirms.
    fn allowed(&mut self, entry: &Entry) -> [Path; 2] {
        self.ways[0] = [[[f32::INFINITY; 2]; MODULUS_MAX]; KEPT];
        for (index, value) in self.kept[0].iter().enumerate().filter(|it| *it.1 != u8::MAX) {
            let value = usize::from(*value);
            self.ways[0][index][C::remainder(0, self.count, value)][0] = self.alone[0][value];
        }
        let last = self.count - 1;
        for position in 1..last {
            self.step(entry, position);
        }
        let mut best = [Path::NONE; 2];
        for value in self.kept[last].into_iter().filter(|value| *value != u8::MAX) {
            let character = usize::from(value);
            let sum = (C::MODULUS - C::remainder(last, self.count, character)) % C::MODULUS;
            for (index, before) in self.kept[last - 1].into_iter().enumerate() {
                if before == u8::MAX {
                    continue;
                }
                let pair = entry.pairs[usize::from(before) * C::DATA + character];
                let pair = pair + self.alone[last][character];
                for rank in 0..2 {
                    let cost = self.ways[(last - 1) % 2][index][sum][rank] + pair + self.base;
                    if cost < best[1].cost {
                        let mut values = self.walk(last - 1, index, sum, rank);
                        values[last] = value;
                        let path = Path { values, cost };
                        best = match cost < best[0].cost {
                            true => [path, best[0]],
                            false => [best[0], path],
                        };
                    }
                }
            }
        }
        best
    }

    /// One character further: the two cheapest ways into every (character, remainder).
    fn step(&mut self, entry: &Entry, position: usize) {
        let (even, odd) = self.ways.split_at_mut(1);
        let (old, new) = match position % 2 {
            1 => (&even[0], &mut odd[0]),
            _ => (&odd[0], &mut even[0]),
        };
        *new = [[[f32::INFINITY; 2]; MODULUS_MAX]; KEPT];
        let back = &mut self.back[position];
        for (index, value) in self.kept[position].iter().enumerate() {
            let value = usize::from(*value);
            let shift = C::remainder(position, self.count, value);
            for (from, before) in self.kept[position - 1].iter().enumerate() {
                if *before == u8::MAX {
                    continue;
                }
                let pair = entry.pairs[usize::from(*before) * C::DATA + value]
                    + self.alone[position][value];
                for (sum, costs) in old[from][..C::MODULUS].iter().enumerate() {
                    let to = (sum + shift) % C::MODULUS;
                    let (new, back) = (&mut new[index][to], &mut back[index][to]);
                    for (rank, cost) in costs.iter().enumerate() {
                        let cost = cost + pair;
                        if cost >= new[1] {
                            break;
                        }
                        let came = (from * 2 + rank) as u8;
                        if cost < new[0] {
                            (new[1], back[1]) = (new[0], back[0]);
                            (new[0], back[0]) = (cost, came);
                        } else {
                            (new[1], back[1]) = (cost, came);
                        }
                    }
                }
            }
        }
    }

    /// The sequence behind a way.
    fn walk(&self, position: usize, index: usize, sum: usize, rank: usize) -> Values {
        let mut values = [0; CHARACTERS_MAX];
        let (mut index, mut sum, mut rank) = (index, sum, rank);
        for at in (0..=position).rev() {
            let value = self.kept[at][index];
            values[at] = value;
            if at > 0 {
                let came = usize::from(self.back[at][index][sum][rank]);
                let shift = C::remainder(at, self.count, usize::from(value));
                sum = (sum + C::MODULUS - shift) % C::MODULUS;
                (index, rank) = (came / 2, came % 2);
            }
        }
        values
    }
}

fn cheapest<C: Code>(row: &Row, position: usize) -> (usize, f32) {
    let costs = range::<C>(position).map(|value| (value, row[value]));
    costs.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, f32::INFINITY))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::wave::{Bank, TAIL};
    use super::*;
    use crate::grey::code128::Code128;
    use crate::grey::itf::Itf14;
    use crate::grey::template::{ENTRIES, SAMPLES};

    /// LOT-421/90817; the check character follows.
    const LOT: [u8; 14] = [104, 44, 47, 52, 13, 20, 18, 17, 15, 25, 16, 24, 17, 0];
    /// 19520000000018.
    const CASE: [u8; 7] = [19, 52, 0, 0, 0, 0, 18];

    fn confirmed<C: Code>(values: &[u8]) -> bool {
        let remainder =
            |(k, value): (usize, &u8)| C::remainder(k, values.len(), usize::from(*value));
        values.iter().enumerate().map(remainder).sum::<usize>() % C::MODULUS == 0
    }

    fn samples<C: Code>(style: usize, count: usize) -> usize {
        C::eighths(style, count).div_ceil(2) + 2 * TAIL * SAMPLES
    }

    fn drawn<C: Code>(entry: &Entry, style: usize, values: &[u8]) -> Vec<f32> {
        let mut out = vec![0.0; samples::<C>(style, values.len())];
        entry.draw(values, &mut out);
        out
    }

    fn find_what_is_drawn<C: Code>(values: &[u8]) {
        let (mut bank, mut chain) = (Bank::<C>::new(), Chain::<C>::new());
        let count = values.len();
        assert!(confirmed::<C>(values));
        for (style, look) in (0..C::STYLES).flat_map(|s| (0..ENTRIES).map(move |l| (s, l))) {
            let entry = bank.entry(style, look);
            let darkness = drawn::<C>(entry, style, values);
            chain.load(entry, count, &darkness);
            let decoded = chain.decode(entry);
            assert_eq!(decoded.free.values[..count], *values, "{style} {look}");
            assert_eq!(decoded.allowed[0].values[..count], *values, "{style} {look}");
            assert!(decoded.free.cost.abs() < 0.1, "{decoded:?}");
            let second = &decoded.allowed[1];
            assert!(second.cost > 0.0 && confirmed::<C>(&second.values[..count]));
            assert_ne!(decoded.free_rival.values[..count], *values);
        }
    }

    #[test]
    fn what_is_drawn_is_the_best_path_at_every_blur() {
        let lot = (0..103).map(|check| {
            let mut lot = LOT;
            lot[13] = check;
            lot
        });
        find_what_is_drawn::<Code128>(
            &lot.into_iter().find(|lot| confirmed::<Code128>(lot)).unwrap(),
        );
        find_what_is_drawn::<Itf14>(&CASE);
    }

    fn compare_costs<C: Code>(style: usize, count: usize) {
        let (mut bank, mut chain) = (Bank::<C>::new(), Chain::<C>::new());
        let entry = bank.entry(style, 3);
        let length = samples::<C>(style, count);
        let darkness: Vec<f32> = (0..length).map(|k| (k * 7919 % 101) as f32 / 100.0).collect();
        chain.load(entry, count, &darkness);
        let decoded = chain.decode(entry);
        let [first, second] = decoded.allowed;
        assert!(decoded.free.cost <= decoded.free_rival.cost && first.cost < second.cost);
        for path in [decoded.free, decoded.free_rival, first, second] {
            let shown = drawn::<C>(entry, style, &path.values[..count]);
            let distance: f32 = shown.iter().zip(&darkness).map(|(a, b)| (a - b).powi(2)).sum();
            assert!((distance - path.cost).abs() < distance * 0.01, "{distance} {path:?}");
        }
        assert!(confirmed::<C>(&first.values[..count]));
        assert!(confirmed::<C>(&second.values[..count]));
    }

    #[test]
    fn costs_of_paths_are_distances() {
        compare_costs::<Code128>(0, 9);
        (0..Itf14::STYLES).for_each(|style| compare_costs::<Itf14>(style, 7));
    }
}
