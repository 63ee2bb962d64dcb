//! What an edge looks like through each blur, and what follows from it: bars, and how far two edges
//! are apart.
//!
//! A character of DataBar is one of some thousand, too many to draw each; but all are made of eight
//! edges at whole modules, so that the scalar products of a character with a profile and with
//! itself are sums over edges that are looked up. Kernels are those of the digits of EAN.

use super::super::template::{BLURS, SAMPLES, step_of};

/// Ink that is printed too wide or too narrow on each side, in eighths of a module.
pub(super) const SPREADS: [i32; 3] = [0, 1, -1];
/// Parts of a module in which edges are placed.
pub(super) const EIGHTHS: i32 = 8;
/// Parts between two samples.
const PITCH: i32 = EIGHTHS / SAMPLES as i32;
/// How far an edge reaches at most, in parts of a module: six modules.
const REACH: i32 = 6 * EIGHTHS;
/// What is left of an edge where it counts as ended.
const REMNANT: f32 = 0.002;
/// The table of a step goes this far to both sides: no bar is as long.
const TABLE: i32 = REACH + 20 * EIGHTHS;

/// A blur and a spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) blur: usize,
    /// Index into [`SPREADS`].
    pub(super) spread: usize,
}

impl Look {
    pub(super) const COUNT: usize = BLURS * SPREADS.len();

    pub(super) const fn index(self) -> usize {
        self.spread * BLURS + self.blur
    }

    const fn shift(self) -> i32 {
        SPREADS[self.spread]
    }

    /// Where light turns to dark and back for a bar between two modules, in eighths.
    pub(super) const fn edges(self, (from, to): (i32, i32)) -> (i32, i32) {
        (from * EIGHTHS - self.shift(), to * EIGHTHS + self.shift())
    }
}

/// One blur.
struct Blur {
    /// The edge from light to dark, by eighths.
    step: Vec<f32>,
    /// The squared distance of two edges so many eighths apart, in samples.
    apart: Vec<f32>,
    /// How far an edge reaches.
    reach: i32,
}

impl Blur {
    fn new(index: usize) -> Self {
        let step: Vec<f32> =
            (-TABLE..=TABLE).map(|at| step_of(index, at as f32 / EIGHTHS as f32)).collect();
        let at = |place: i32| step[(place.clamp(-TABLE, TABLE) + TABLE) as usize];
        let apart = (0..=2 * TABLE)
            .map(|distance| {
                let squares = (-REACH..=REACH + distance)
                    .map(|place| (at(place) - at(place - distance)).powi(2));
                squares.sum::<f32>() / PITCH as f32
            })
            .collect();
        let reach = (0..REACH).rev().find(|place| at(-place) > REMNANT).unwrap_or(0) + 1;
        Self { step, apart, reach }
    }
}

/// All blurs: drawn once, some milliseconds.
pub(super) struct Bank {
    blurs: Vec<Blur>,
}

impl Bank {
    pub(super) fn new() -> Self {
        Self { blurs: (0..BLURS).map(Blur::new).collect() }
    }

    /// Adds a bar between two modules to samples that begin at module 0.
    pub(super) fn add_bar(&self, look: Look, bar: (i32, i32), weight: f32, out: &mut [f32]) {
        let (rise, fall) = look.edges(bar);
        let Blur { step, reach, .. } = &self.blurs[look.blur];
        let first = ((rise - reach) / PITCH).max(0);
        let last = ((fall + reach) / PITCH + 1).min(out.len() as i32);
        let Some(out) = out.get_mut(first as usize..last.max(first) as usize) else { return };
        let from = |edge: i32| (PITCH * first + PITCH / 2 - edge + TABLE) as usize;
        let rising = step[from(rise)..].iter().step_by(PITCH as usize);
        let falling = step[from(fall)..].iter().step_by(PITCH as usize);
        for (sum, (up, down)) in out.iter_mut().zip(rising.zip(falling)) {
            *sum += weight * (up - down);
        }
    }

    /// The scalar product of a profile with the bar between two edges, given in eighths; negative
    /// where they are exchanged.
    pub(super) fn product(&self, blur: usize, profile: &[f32], (rise, fall): (i32, i32)) -> f32 {
        if rise > fall {
            return -self.product(blur, profile, (fall, rise));
        }
        let Blur { step, reach, .. } = &self.blurs[blur];
        let first = ((rise - reach) / PITCH).max(0);
        let last = ((fall + reach) / PITCH + 1).min(profile.len() as i32);
        let Some(window) = profile.get(first as usize..last.max(first) as usize) else {
            return 0.0;
        };
        let from = |edge: i32| (PITCH * first + PITCH / 2 - edge + TABLE) as usize;
        let rising = step[from(rise)..].iter().step_by(PITCH as usize);
        let falling = step[from(fall)..].iter().step_by(PITCH as usize);
        window.iter().zip(rising.zip(falling)).map(|(value, (up, down))| value * (up - down)).sum()
    }

    /// Twice the scalar product of two sets of bars.
    ///
    /// Of bars, as many edges rise as fall, and then the product of steps without end is minus half
    /// of their squared distance.
    pub(super) fn overlap(&self, look: Look, a: &[(i32, i32)], b: &[(i32, i32)]) -> f32 {
        let Blur { apart, reach, .. } = &self.blurs[look.blur];
        let between = |x: i32, y: i32| apart[(x - y).unsigned_abs() as usize];
        let mut sum = 0.0;
        for (rise, fall) in a.iter().map(|bar| look.edges(*bar)) {
            for (other_rise, other_fall) in b.iter().map(|bar| look.edges(*bar)) {
                if (other_rise - fall).max(rise - other_fall) > 2 * reach {
                    continue;
                }
                sum += between(rise, other_fall) + between(fall, other_rise)
                    - between(rise, other_rise)
                    - between(fall, other_fall);
            }
        }
        sum
    }

    /// The scalar product of a set of bars with itself.
    pub(super) fn energy(&self, look: Look, bars: &[(i32, i32)]) -> f32 {
        self.overlap(look, bars, bars) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is looked up over edges is what is summed over samples.
    #[test]
    fn products_over_edges_are_products_of_waveforms() {
        let bank = Bank::new();
        let (a, b) = ([(9, 10), (12, 16)], [(17, 18), (20, 21), (22, 30)]);
        for blur in 0..BLURS {
            for spread in 0..SPREADS.len() {
                let look = Look { blur, spread };
                let mut waves = [vec![0.0; 40 * SAMPLES], vec![0.0; 40 * SAMPLES]];
                a.iter().for_each(|bar| bank.add_bar(look, *bar, 1.0, &mut waves[0]));
                b.iter().for_each(|bar| bank.add_bar(look, *bar, 1.0, &mut waves[1]));
                let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
                let energy = bank.energy(look, &a);
                assert!((energy - dot(&waves[0], &waves[0])).abs() < 0.05, "{look:?} {energy}");
                let overlap = bank.overlap(look, &a, &b);
                assert!((overlap - 2.0 * dot(&waves[0], &waves[1])).abs() < 0.05, "{look:?}");
                let product: f32 =
                    b.iter().map(|bar| bank.product(blur, &waves[0], look.edges(*bar))).sum();
                assert!((2.0 * product - overlap).abs() < 0.05, "{look:?}");
            }
        }
    }
}
