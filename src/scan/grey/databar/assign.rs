//! The most likely characters: the best two assignments of all that the checksum allows.
//!
//! With Gaussian noise the squared distance between a profile and a sum of waveforms falls apart
//! into a term for each character and one for the two inner characters, which touch. So all
//! characters are weighed by themselves, the best of every remainder of the checksum are kept, and
//! remainders are put together so that the finder patterns' checksum comes out. Reading each
//! character alone and checking afterwards would throw away what the checksum knows.

use super::super::template::SAMPLES;
use super::symbol::{Alphabet, Alphabets, Layout, Place, REMAINDERS, STACK, Side};
use super::symbol::{checksum, finder_bars};
use super::waveform::{Bank, EIGHTHS, Look};

/// Modules beside the symbol that are compared; the standard asks for no margin.
pub(super) const MARGIN: i32 = 3;
/// Samples of the longest symbol with margins.
const COUNT_MAX: usize = (STACK.modules + 2 * MARGIN) as usize * SAMPLES;
/// Inner characters of which all pairs are looked at.
const INNER_MAX: usize = 64;
/// The mean share of dark modules.
const DARK_SHARE: f32 = 0.45;

/// The numbers on one side: finder pattern and characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) finder: u8,
    pub(super) outer: u16,
    pub(super) inner: u16,
}

/// The numbers of a symbol.
pub(super) type Readings = [Reading; 2];

/// Readings and their squared distance from the profile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assignment {
    pub(super) readings: Readings,
    pub(super) cost: f32,
}

impl Assignment {
    const NONE: Self =
        Self { readings: [Reading { finder: 0, outer: 0, inner: 0 }; 2], cost: f32::INFINITY };
}

/// Keeps the two cheapest of what it is shown.
#[derive(Clone, Copy)]
struct Two<T> {
    costs: [f32; 2],
    values: [T; 2],
}

impl<T: Copy + Default> Two<T> {
    fn new() -> Self {
        Self { costs: [f32::INFINITY; 2], values: [T::default(); 2] }
    }

    fn show(&mut self, cost: f32, value: T) {
        if cost < self.costs[0] {
            (self.costs, self.values) = ([cost, self.costs[0]], [value, self.values[0]]);
        } else if cost < self.costs[1] {
            (self.costs[1], self.values[1]) = (cost, value);
        }
    }
}

type ByRemainder<T> = [Two<T>; REMAINDERS];

/// What one side costs with one finder pattern.
struct Weighed {
    finder: u8,
    /// What the finder pattern explains, negative.
    base: f32,
    outer: ByRemainder<u16>,
    /// The best inner characters by themselves, with their cost.
    inner: Vec<(f32, u16)>,
}

impl Weighed {
    fn new() -> Self {
        let outer = [Two::new(); REMAINDERS];
        Self { finder: 0, base: 0.0, outer, inner: Vec::new() }
    }
}

/// What a decode yields.
pub(super) struct Decoded {
    /// The best characters, whatever the checksum says.
    pub(super) free: Assignment,
    /// The best two that are a number.
    pub(super) allowed: [Assignment; 2],
}

impl Decoded {
    /// Keeps the two cheapest of what is allowed.
    fn show(&mut self, made: Assignment) {
        let [first, second] = self.allowed;
        if made.cost < first.cost {
            self.allowed = [made, first];
        } else if made.cost < second.cost {
            self.allowed = [first, made];
        }
    }
}

/// Weighs characters; keeps its tables and memory.
pub(super) struct Assigner {
    pub(super) layout: &'static Layout,
    pub(super) bank: Bank,
    pub(super) alphabets: Alphabets,
    /// Products of all characters with themselves, by look, alphabet and side, when first asked.
    energies: Vec<Vec<f32>>,
    costs: Vec<f32>,
    order: Vec<(f32, u16)>,
    /// Two finder patterns for both sides.
    weighed: [[Weighed; 2]; 2],
}

impl Assigner {
    pub(super) fn new(layout: &'static Layout) -> Self {
        Self {
            layout,
            bank: Bank::new(),
            alphabets: Alphabets::new(),
            energies: std::iter::repeat_with(Vec::new).take(4 * Look::COUNT).collect(),
            costs: Vec::new(),
            order: Vec::new(),
            weighed: std::array::from_fn(|_| std::array::from_fn(|_| Weighed::new())),
        }
    }

    /// Draws the symbol: 0 is light, 1 is dark.
    pub(super) fn draw(&self, look: Look, readings: &Readings, out: &mut [f32]) {
        out.fill(0.0);
        for guard in self.layout.guards {
            self.bank.add_bar(look, placed(*guard), 1.0, out);
        }
        for (side, reading) in self.layout.sides.iter().zip(readings) {
            self.add_finder(look, side, usize::from(reading.finder), 1.0, out);
            self.add_character(look, side, (true, reading.outer), 1.0, out);
            self.add_character(look, side, (false, reading.inner), 1.0, out);
        }
    }

    fn add_finder(&self, look: Look, side: &Side, finder: usize, weight: f32, out: &mut [f32]) {
        for bar in finder_bars(finder, side.is_second).iter().filter(|bar| bar.0 < bar.1) {
            self.bank.add_bar(look, placed(side.finder.bar(*bar)), weight, out);
        }
    }

    fn add_character(
        &self,
        look: Look,
        side: &Side,
        (is_outer, number): (bool, u16),
        weight: f32,
        out: &mut [f32],
    ) {
        for bar in bars_of(&self.alphabets, side, is_outer, number) {
            self.bank.add_bar(look, bar, weight, out);
        }
    }

    /// The two finder patterns of each side that are likeliest if all characters are as guessed.
    pub(super) fn finders(
        &mut self,
        look: Look,
        darkness: &[f32],
        readings: &Readings,
    ) -> [[u8; 2]; 2] {
        let mut rest = [0.0; COUNT_MAX];
        let rest = &mut rest[..darkness.len()];
        self.draw(look, readings, rest);
        rest.iter_mut().zip(darkness).for_each(|(value, dark)| *value = dark - *value);
        let mut answer = [[0; 2]; 2];
        for ((side, reading), answer) in self.layout.sides.iter().zip(readings).zip(&mut answer) {
            self.add_finder(look, side, usize::from(reading.finder), 1.0, rest);
            let mut two = Two::<u8>::new();
            for finder in 0..9u8 {
                two.show(self.finder_cost(look, side, usize::from(finder), rest), finder);
            }
            *answer = two.values;
        }
        answer
    }

    fn finder_cost(&self, look: Look, side: &Side, finder: usize, rest: &[f32]) -> f32 {
        let bars = finder_bars(finder, side.is_second);
        let bars = bars.map(|bar| placed(side.finder.bar(bar)));
        let bars = if bars[2].0 == bars[2].1 { &bars[..2] } else { &bars[..] };
        let shown = bars.iter().map(|bar| self.bank.product(look.blur, rest, look.edges(*bar)));
        let shown: f32 = shown.sum();
        self.bank.energy(look, bars) - 2.0 * shown
    }

    /// Weighs all characters, with the first `ranks` finder patterns of each side. What is known of
    /// the other side's inner character, which touches this one's, is in the `guess`; without one
    /// it is grey.
    pub(super) fn decode(
        &mut self,
        look: Look,
        darkness: &[f32],
        finders: &[[u8; 2]; 2],
        ranks: usize,
        guess: Option<&Readings>,
    ) -> Decoded {
        let mut rest = [0.0; COUNT_MAX];
        let rest = &mut rest[..darkness.len()];
        rest.copy_from_slice(darkness);
        for guard in self.layout.guards {
            self.bank.add_bar(look, placed(*guard), -1.0, rest);
        }
        let base: f32 = rest.iter().map(|value| value * value).sum();
        let sides = &self.layout.sides;
        for side in 0..sides.len() {
            for (rank, finder) in finders[side].into_iter().take(ranks).enumerate() {
                let finder = usize::from(finder);
                let weighed = &mut self.weighed[side][rank];
                let mut weighed = std::mem::replace(weighed, Weighed::new());
                weighed.finder = finder as u8;
                weighed.base = self.finder_cost(look, &sides[side], finder, rest);
                self.add_finder(look, &sides[side], finder, -1.0, rest);
                self.weigh_outer(look, &sides[side], rest, &mut weighed.outer);
                self.weigh_inner(look, side, rest, guess, &mut weighed.inner);
                self.add_finder(look, &sides[side], finder, 1.0, rest);
                self.weighed[side][rank] = weighed;
            }
        }
        self.put_together(look, base, ranks)
    }

    fn weigh_outer(&mut self, look: Look, side: &Side, rest: &[f32], best: &mut ByRemainder<u16>) {
        self.weigh(look, side, true, rest);
        *best = [Two::new(); REMAINDERS];
        for (number, cost) in self.costs.iter().enumerate() {
            let remainder = self.alphabets.outer.remainder(number, side.is_second);
            best[remainder].show(*cost, number as u16);
        }
    }

    fn weigh_inner(
        &mut self,
        look: Look,
        index: usize,
        rest: &[f32],
        guess: Option<&Readings>,
        best: &mut Vec<(f32, u16)>,
    ) {
        let side = &self.layout.sides[index];
        let other = &self.layout.sides[1 - index];
        // Which are the best depends on what stands beside them; what they cost does not.
        let mut beside = [0.0; COUNT_MAX];
        let beside = &mut beside[..rest.len()];
        beside.copy_from_slice(rest);
        match guess {
            Some(guess) => {
                self.add_character(look, other, (false, guess[1 - index].inner), -1.0, beside);
            }
            None => {
                let whole = other.inner.bar((0, self.alphabets.inner.modules as u8));
                self.bank.add_bar(look, placed(whole), -DARK_SHARE, beside);
            }
        }
        self.weigh(look, side, false, beside);
        self.order.clear();
        self.order.extend(self.costs.iter().zip(0..).map(|(cost, number)| (*cost, number)));
        self.weigh(look, side, false, rest);
        let by_cost = |a: &(f32, u16), b: &(f32, u16)| a.0.total_cmp(&b.0);
        self.order.select_nth_unstable_by(INNER_MAX, by_cost);
        best.clear();
        let chosen = self.order[..INNER_MAX].iter();
        best.extend(chosen.map(|(_, number)| (self.costs[usize::from(*number)], *number)));
        best.sort_unstable_by(by_cost);
    }

    /// Fills `costs` with those of all characters of one set at one place.
    fn weigh(&mut self, look: Look, side: &Side, is_outer: bool, rest: &[f32]) {
        let (place, alphabet) = set_of(&self.alphabets, side, is_outer);
        let kind = usize::from(is_outer) * 2 + usize::from(side.is_second);
        let energies = &mut self.energies[4 * look.index() + kind];
        if energies.is_empty() {
            energies.extend((0..alphabet.count()).map(|number| {
                let bars = bars_of(&self.alphabets, side, is_outer, number as u16);
                self.bank.energy(look, &bars)
            }));
        }
        // Light before an element, and behind it: what its edges there explain, against an edge at
        // the outer end.
        let end = (place.at + MARGIN) * EIGHTHS;
        let product = |edge: i32| self.bank.product(look.blur, rest, (edge, end));
        let (mut near, mut far) = ([0.0f32; 17], [0.0f32; 17]);
        for module in 0..=alphabet.modules {
            let at = place.bar((module as u8, module as u8)).0 + MARGIN;
            let (rise, fall) = look.edges((at, at));
            (near[module], far[module]) = match place.is_back {
                true => (-product(fall), product(rise)),
                false => (product(rise), -product(fall)),
            };
        }
        self.costs.clear();
        let all = alphabet.all(side.is_second).iter();
        self.costs.extend(energies.iter().zip(all).map(|(energy, bars)| {
            let shown = bars.map(|(from, to)| near[usize::from(from)] + far[usize::from(to)]);
            energy - 2.0 * (shown[0] + shown[1] + shown[2] + shown[3])
        }));
    }

    fn put_together(&self, look: Look, base: f32, ranks: usize) -> Decoded {
        let mut decoded = Decoded { free: Assignment::NONE, allowed: [Assignment::NONE; 2] };
        let mut pairs = [Two::new(); REMAINDERS];
        for way in (0..ranks * ranks).map(|way| (way / ranks, way % ranks)) {
            self.pair_up(look, way, &mut pairs);
            self.join(base, way, &pairs, &mut decoded);
        }
        decoded
    }

    /// The best pairs of inner characters for every remainder.
    fn pair_up(
        &self,
        look: Look,
        (left, right): (usize, usize),
        pairs: &mut ByRemainder<(u16, u16)>,
    ) {
        let [first, second] = &self.layout.sides;
        *pairs = [Two::new(); REMAINDERS];
        let alphabet = &self.alphabets.inner;
        for (left_cost, l) in &self.weighed[0][left].inner {
            let left_bars = bars_of(&self.alphabets, first, false, *l);
            let left_remainder = alphabet.remainder(usize::from(*l), false);
            for (right_cost, r) in &self.weighed[1][right].inner {
                let remainder = left_remainder + alphabet.remainder(usize::from(*r), true);
                let best = &mut pairs[remainder % REMAINDERS];
                let cost = left_cost + right_cost;
                // Neighbours overlap and only make each other dearer.
                if cost < best.costs[1] {
                    let right_bars = bars_of(&self.alphabets, second, false, *r);
                    best.show(cost + self.bank.overlap(look, &left_bars, &right_bars), (*l, *r));
                }
            }
        }
    }

    /// All ways in which remainders add up to the checksum of the finder patterns.
    fn join(
        &self,
        base: f32,
        (left, right): (usize, usize),
        pairs: &ByRemainder<(u16, u16)>,
        decoded: &mut Decoded,
    ) {
        let (a, b) = (&self.weighed[0][left], &self.weighed[1][right]);
        let base = base + a.base + b.base;
        let Some(sum) = checksum(usize::from(a.finder), usize::from(b.finder)) else { return };
        let make = |outer: (u16, u16), inner: (u16, u16), cost: f32| Assignment {
            readings: [
                Reading { finder: a.finder, outer: outer.0, inner: inner.0 },
                Reading { finder: b.finder, outer: outer.1, inner: inner.1 },
            ],
            cost,
        };
        let mut least = [Two::<u16>::new(); 2];
        for (best, weighed) in least.iter_mut().zip([a, b]) {
            weighed.outer.iter().for_each(|two| best.show(two.costs[0], two.values[0]));
        }
        let mut least_pair = Two::<(u16, u16)>::new();
        pairs.iter().for_each(|two| least_pair.show(two.costs[0], two.values[0]));
        let cost = base + least[0].costs[0] + least[1].costs[0] + least_pair.costs[0];
        if cost < decoded.free.cost {
            decoded.free =
                make((least[0].values[0], least[1].values[0]), least_pair.values[0], cost);
        }
        for (i, first) in a.outer.iter().enumerate() {
            for (j, second) in b.outer.iter().enumerate() {
                let pair = &pairs[(sum + 2 * REMAINDERS - i - j) % REMAINDERS];
                // Of three places one may hold the second best.
                for (x, y, z) in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)] {
                    let cost = base + first.costs[x] + second.costs[y] + pair.costs[z];
                    if cost >= decoded.allowed[1].cost {
                        if (x, y, z) == (0, 0, 0) {
                            break;
                        }
                        continue;
                    }
                    let made = make((first.values[x], second.values[y]), pair.values[z], cost);
                    decoded.show(made);
                }
            }
        }
    }
}

/// Where a bar lies among the samples.
fn placed((from, to): (i32, i32)) -> (i32, i32) {
    (from + MARGIN, to + MARGIN)
}

fn set_of<'a>(alphabets: &'a Alphabets, side: &Side, is_outer: bool) -> (Place, &'a Alphabet) {
    if is_outer { (side.outer, &alphabets.outer) } else { (side.inner, &alphabets.inner) }
}

/// Bars of a character among the samples.
fn bars_of(alphabets: &Alphabets, side: &Side, is_outer: bool, number: u16) -> [(i32, i32); 4] {
    let (place, alphabet) = set_of(alphabets, side, is_outer);
    alphabet.bars(usize::from(number), side.is_second).map(|bar| placed(place.bar(bar)))
}
