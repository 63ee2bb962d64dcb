//! From grey values along a line to the widths of bars and spaces, with sub-pixel edges.
//!
//! An edge lies where the profile crosses the level between the bright and the dark around it, not
//! where a pixel is darker than a threshold of the whole row: shadows then only tilt the level, and
//! a bar of one and a half pixels keeps its half pixel. What decides between bar and noise is the
//! contrast of the neighbourhood.

/// How the level of an edge is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Between the brightest and the darkest extremes nearby: right for sharp and softly blurred
    /// bars.
    Envelope,
    /// Between the two extremes beside the edge: still sees bars that blur has nearly closed.
    Midpoint,
}

/// Alternating bars and spaces along one line.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// Boundaries in pixels from the start of the line, the ends of the line included.
    pub edges: Vec<f32>,
    /// Whether the first run is a bar.
    pub is_first_dark: bool,
}

impl Runs {
    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    /// Whether run `index` is a bar.
    pub const fn is_dark(&self, index: usize) -> bool {
        index.is_multiple_of(2) == self.is_first_dark
    }

    /// The width of run `index` in pixels.
    pub fn width(&self, index: usize) -> f32 {
        self.edges[index + 1] - self.edges[index]
    }

    /// The same line walked from its other end.
    pub fn reversed_into(&self, other: &mut Self) {
        let end = self.edges.last().copied().unwrap_or(0.0);
        other.edges.clear();
        other.edges.extend(self.edges.iter().rev().map(|edge| end - edge));
        other.is_first_dark = self.len() > 0 && self.is_dark(self.len() - 1);
    }
}

/// Samples in a block of the contrast map.
const BLOCK: usize = 16;
/// Blocks on both sides that count as the neighbourhood.
const REACH: usize = 2;
/// Grey steps below which a change is sensor noise.
const NOISE_STEPS: f32 = 7.0;
/// Extremes on both sides that make the envelope.
const ENVELOPE: usize = 5;

/// Finds bars and spaces; keeps its memory from line to line.
#[derive(Default)]
pub struct EdgeFinder {
    lows: Vec<f32>,
    highs: Vec<f32>,
    extremes: Vec<(usize, f32)>,
}

impl EdgeFinder {
    /// Splits `profile` into `runs`. A change counts when it exceeds `sensitivity` (0 to 1) times
    /// the contrast of its neighbourhood.
    pub fn find(&mut self, profile: &[f32], sensitivity: f32, level: Level, runs: &mut Runs) {
        runs.edges.clear();
        runs.edges.push(0.0);
        self.map_contrast(profile);
        self.find_extremes(profile, sensitivity);
        let Some(&(_, first)) = self.extremes.first() else {
            runs.edges.push(profile.len() as f32);
            runs.is_first_dark = false;
            return;
        };
        runs.is_first_dark = self.extremes.get(1).is_some_and(|second| second.1 > first);
        for index in 1..self.extremes.len() {
            let (from, before) = self.extremes[index - 1];
            let (to, after) = self.extremes[index];
            let cut = self.level(index, before, after, level);
            runs.edges.push(crossing(&profile[from..=to], cut, before < after) + from as f32 + 0.5);
        }
        runs.edges.push(profile.len() as f32);
    }

    fn map_contrast(&mut self, profile: &[f32]) {
        self.lows.clear();
        self.highs.clear();
        for block in profile.chunks(BLOCK) {
            let (low, high) = extent(block.iter().copied());
            self.lows.push(low);
            self.highs.push(high);
        }
    }

    fn threshold(&self, at: usize, sensitivity: f32) -> f32 {
        let block = at / BLOCK;
        let reach = block.saturating_sub(REACH)..(block + REACH + 1).min(self.lows.len());
        let (low, _) = extent(self.lows[reach.clone()].iter().copied());
        let (_, high) = extent(self.highs[reach].iter().copied());
        (sensitivity * (high - low)).max(NOISE_STEPS)
    }

    /// Alternating minima and maxima whose heights differ by more than the threshold.
    fn find_extremes(&mut self, profile: &[f32], sensitivity: f32) {
        self.extremes.clear();
        let Some(&first) = profile.first() else { return };
        let (mut low, mut high) = ((0, first), (0, first));
        let mut rising = None;
        let mut block_threshold = NOISE_STEPS;
        for (index, &value) in profile.iter().enumerate() {
            if index % BLOCK == 0 {
                block_threshold = self.threshold(index, sensitivity);
            }
            if value < low.1 {
                low = (index, value);
            }
            if value > high.1 {
                high = (index, value);
            }
            if rising != Some(false) && value < high.1 - block_threshold {
                self.extremes.push(high);
                rising = Some(false);
                low = (index, value);
            } else if rising != Some(true) && value > low.1 + block_threshold {
                self.extremes.push(low);
                rising = Some(true);
                high = (index, value);
            }
        }
        match rising {
            Some(true) => self.extremes.push(high),
            Some(false) => self.extremes.push(low),
            None => {}
        }
    }

    fn level(&self, index: usize, before: f32, after: f32, level: Level) -> f32 {
        let middle = (before + after) / 2.0;
        if level == Level::Midpoint {
            return middle;
        }
        let around = index.saturating_sub(ENVELOPE)..(index + ENVELOPE).min(self.extremes.len());
        let (low, high) = extent(self.extremes[around].iter().map(|extreme| extreme.1));
        let margin = (after - before).abs() * 0.15;
        let (bottom, top) = (before.min(after) + margin, before.max(after) - margin);
        ((low + high) / 2.0).clamp(bottom, top)
    }
}

/// The least and the greatest. Grey values are numbers, so that nothing of what `f32::min` knows about
/// others is needed, and comparing alone takes a third of the time.
fn extent(values: impl Iterator<Item = f32>) -> (f32, f32) {
    values.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| {
        (if value < low { value } else { low }, if value > high { value } else { high })
    })
}

/// Where the stretch crosses `cut`, in samples from its first.
fn crossing(stretch: &[f32], cut: f32, is_rising: bool) -> f32 {
    let is_past = |value: f32| if is_rising { value >= cut } else { value <= cut };
    let Some(index) = stretch.iter().position(|value| is_past(*value)) else {
        return (stretch.len() - 1) as f32;
    };
    if index == 0 {
        return 0.0;
    }
    let (before, after) = (stretch[index - 1], stretch[index]);
    (index - 1) as f32 + (cut - before) / (after - before)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn runs_of(profile: &[f32], level: Level) -> Runs {
        let mut runs = Runs::default();
        EdgeFinder::default().find(profile, 0.25, level, &mut runs);
        runs
    }

    #[test]
    fn edges_lie_between_the_pixels() {
        // A bar from 4.0 to 6.5: its last pixel is half covered.
        let profile = [200.0, 200.0, 200.0, 200.0, 0.0, 0.0, 100.0, 200.0, 200.0, 200.0];
        for level in [Level::Envelope, Level::Midpoint] {
            let runs = runs_of(&profile, level);
            assert_eq!(runs.len(), 3);
            assert!(!runs.is_dark(0) && runs.is_dark(1));
            assert!((runs.width(1) - 2.5).abs() < 0.11, "{:?}", runs.edges);
        }
    }

    #[test]
    fn a_shadow_and_a_little_noise_make_no_bars() {
        let shadow: Vec<f32> =
            (0..300).map(|x| 220.0 - x as f32 * 0.5 + (x % 3) as f32 * 2.0).collect();
        assert!(runs_of(&shadow, Level::Envelope).len() <= 2);
    }

    #[test]
    fn walking_back_sees_the_same_bars() {
        let profile = [9.0, 200.0, 200.0, 9.0, 9.0, 9.0, 200.0];
        let runs = runs_of(&profile, Level::Envelope);
        let (mut back, mut again) = (Runs::default(), Runs::default());
        runs.reversed_into(&mut back);
        back.reversed_into(&mut again);
        assert_eq!(runs.edges, again.edges);
        assert_eq!(runs.is_first_dark, again.is_first_dark);
        assert!(runs.is_first_dark && !back.is_first_dark);
    }

    proptest! {
        /// Whatever the pixels: edges ascend, lie inside, and nothing panics.
        #[test]
        fn edges_always_ascend(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let profile: Vec<f32> = bytes.iter().map(|byte| f32::from(*byte)).collect();
            for level in [Level::Envelope, Level::Midpoint] {
                let runs = runs_of(&profile, level);
                prop_assert!(runs.edges.windows(2).all(|pair| pair[0] <= pair[1]));
                prop_assert_eq!(*runs.edges.last().unwrap(), profile.len() as f32);
            }
        }
    }
}
