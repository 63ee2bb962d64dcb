//! DataBar from the widths of bars and spaces: finder patterns with the characters on both sides.
//!
//! ISO/IEC 24724:2011, section 5 (Omnidirectional, Truncated and both Stacked) and 7 (Expanded);
//! Limited (6), which has no finder pattern, lies beside.
//! ```text
//! | guard | outer 8 | finder 5 | inner 8 | inner 8 | finder 5 | outer 8 | guard |
//!           ------- pair ------->         <------- pair -------
//! ```
//! Every second pair is printed backwards with colours exchanged, so that a pair is the same thing
//! wherever it is met: walk toward it from its outer end, and the colour of the finder says which
//! of the two it is. Rows of stacked symbols are such pairs too, and are put together over the lines
//! of one sweep. What is reported has a right check character, runs near to their nominal widths
//! (see `DEVIATION_MAX`), and, where it was put together, rows of one size, one above the other,
//! that were seen on two lines each which have no pixel in common.

use super::databar_character::{Character, Characters};
use super::databar_expanded::{self, Gathered};
use super::databar_limited::LimitedReader;
use super::profile::Runs;
use super::walk::Walk;
use domain::code::Symbology;
use domain::gtin::check_digit;

/// A symbol, or its last part, on one line.
#[derive(Clone, Debug, PartialEq)]
pub struct DataBarRead {
    /// DataBar, DataBar Limited or DataBar Expanded.
    pub symbology: Symbology,
    /// The element string.
    pub text: String,
    /// What of it lies on the line, in pixels from its start.
    pub span: (f32, f32),
}

/// Finder patterns of Omnidirectional from the outer end, their last element (1) left out.
pub(crate) const FINDERS: [[u8; 4]; 9] = [
    [3, 8, 2, 1],
    [3, 5, 5, 1],
    [3, 3, 7, 1],
    [3, 1, 9, 1],
    [2, 7, 4, 1],
    [2, 5, 6, 1],
    [2, 3, 8, 1],
    [1, 5, 7, 1],
    [1, 3, 9, 1],
];
/// The largest mean squared deviation of a run of a pair from its nominal width, in modules².
///
/// Widths of no DataBar at all are off by up to half a module from the nearest whole ones, which
/// alone makes 1/12, and not every row of whole widths is a character: 0.13 on the mean. One in
/// fifteen of such characters comes below (test `bars_of_nothing_are_rarely_near`), so that all four
/// of a symbol do so once in 50,000 times, before finder patterns, the check character, which one in
/// 79 passes, and a second line are asked. In photographs, nineteen of twenty lines that read a
/// symbol come below.
const DEVIATION_MAX: f32 = 0.06;
/// The same for one character, and for a finder pattern before ink spread is known well.
const PART_DEVIATION_MAX: f32 = 0.12;
/// How much a character's module may differ from its finder's: perspective, not another print.
const GROWTH_MAX: f32 = 1.3;
/// Below this many pixels a module, edges are closer than the sampling can hold apart.
const MODULE_MIN: f32 = 0.7;
/// What makes the number of the left pair count.
const LEFT_FACTOR: u64 = 4_537_077;
/// Inner characters.
const INNER_COUNT: u32 = 1597;
/// Symbols with a two-dimensional part above them count from here (ISO/IEC 24724, 5.2.1).
const LINKED: u64 = 10_000_000_000_000;
/// More pairs than this are not kept of one line or one sweep.
const PAIRS_MAX: usize = 24;
/// Lines that must have seen a row before it is put together with another.
pub const LINES_MIN: u32 = 2;
/// Modules between the lines of two rows that touch: rows are 5 to 34 modules high (5.3, 7.2.8).
const ROWS_APART_MAX: f32 = 100.0;

/// A finder pattern with its characters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Which finder pattern.
    pub finder: u8,
    /// Whether it is of those that are printed backwards: the right one of Omnidirectional.
    pub is_second: bool,
    /// The character at the outer end; the last pair of an Expanded has only one of the two.
    pub outer: Option<Character>,
    /// The other one.
    pub inner: Option<Character>,
    /// Where it lies on the line.
    pub span: (f32, f32),
    /// Pixels in a module.
    pub module: f32,
    /// Whether it was met walking back.
    pub is_back: bool,
    /// The first run of the finder pattern on that walk.
    at: usize,
    /// Mean squared deviation of its runs, in modules².
    deviation: f32,
}

/// Where a line lies among those of its sweep, in pixels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// Its start, along the lines.
    pub along: f32,
    /// How far it lies beside the origin.
    pub across: f32,
    /// Lines nearer than this have pixels in common.
    pub apart_min: f32,
}

/// What was seen on several lines.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// How many of them have no pixel in common.
    pub lines: u32,
    /// The place of the last that counted.
    place: Place,
}

impl Seen {
    /// Seen once.
    pub const fn at(place: Place) -> Self {
        Self { lines: 1, place }
    }

    /// Seen once more; whether that counts.
    pub fn again(&mut self, place: Place) {
        if (place.across - self.place.across).abs() >= place.apart_min {
            self.lines += 1;
            self.place = place;
        }
    }

    /// Whether `span` here and `other_span` there can be rows of one symbol whose modules have these
    /// sizes: as large, one above the other.
    pub fn is_above(
        &self,
        (span, module): ((f32, f32), f32),
        other: &Self,
        (other_span, other_module): ((f32, f32), f32),
    ) -> bool {
        let shift = other.place.along - self.place.along;
        let (from, to) = (other_span.0 + shift, other_span.1 + shift);
        let overlap = span.1.min(to) - span.0.max(from);
        let width = (span.1 - span.0).min(to - from);
        let apart = (self.place.across - other.place.across).abs();
        overlap > 0.6 * width
            && (0.8..1.25).contains(&(module / other_module))
            && apart < ROWS_APART_MAX * module
    }
}

impl Pair {
    /// The numbers of both characters.
    pub fn values(&self) -> [Option<u32>; 2] {
        [self.outer, self.inner].map(|character| character.map(|told| told.value))
    }
}

/// What sets the two kinds of DataBar apart.
struct Kind {
    outer: Characters,
    /// `None` where it is as the outer.
    inner: Option<Characters>,
    finders: Vec<[u8; 4]>,
    /// Whether a pair may lack one of its characters.
    is_open: bool,
}

/// Reads lines; keeps its tables and the pairs of a sweep.
pub struct DataBarReader {
    omni: Kind,
    expanded: Kind,
    line: Vec<Pair>,
    /// Halves of stacked symbols.
    halves: Vec<(Pair, Seen)>,
    gathered: Gathered,
    limited: LimitedReader,
}

impl Default for DataBarReader {
    fn default() -> Self {
        Self {
            omni: Kind {
                outer: Characters::outer(),
                inner: Some(Characters::inner()),
                finders: FINDERS.to_vec(),
                is_open: false,
            },
            expanded: Kind {
                outer: Characters::expanded(),
                inner: None,
                finders: databar_expanded::FINDERS.to_vec(),
                is_open: true,
            },
            line: Vec::new(),
            halves: Vec::new(),
            gathered: Gathered::default(),
            limited: LimitedReader::default(),
        }
    }
}

impl DataBarReader {
    /// Forgets the pairs of other lines.
    pub fn begin_sweep(&mut self) {
        self.halves.clear();
        self.gathered.clear();
    }

    /// Whether lines of this sweep agree on a half or on a row of what may be a stacked symbol.
    pub fn has_rows(&self) -> bool {
        self.halves.iter().any(|(_, seen)| seen.lines >= LINES_MIN) || self.gathered.has_rows()
    }

    /// Appends what the line holds or completes.
    pub fn read(
        &mut self,
        runs: &Runs,
        place: Place,
        wanted: &dyn Fn(Symbology) -> bool,
        found: &mut Vec<DataBarRead>,
    ) {
        if wanted(Symbology::DataBar) {
            collect(runs, &self.omni, &mut self.line);
            self.read_omni(runs, place, found);
        }
        if wanted(Symbology::DataBarExpanded) {
            collect(runs, &self.expanded, &mut self.line);
            if let Some((text, span)) = self.gathered.add(&mut self.line, place) {
                found.push(DataBarRead { symbology: Symbology::DataBarExpanded, text, span });
            }
        }
        if wanted(Symbology::DataBarLimited) {
            self.limited.read(runs, found);
        }
    }

    fn read_omni(&mut self, runs: &Runs, place: Place, found: &mut Vec<DataBarRead>) {
        let symbology = Symbology::DataBar;
        let before = found.len();
        for left in self.line.iter().filter(|pair| !pair.is_second) {
            let is_beside = |right: &&Pair| {
                right.is_second
                    && right.is_back != left.is_back
                    && left.at + right.at + 26 == runs.len()
            };
            let Some(right) = self.line.iter().find(is_beside) else { continue };
            if let Some(text) = omni_text(left, right) {
                let span = (left.span.0.min(right.span.0), left.span.1.max(right.span.1));
                found.push(DataBarRead { symbology, text, span });
            }
        }
        if found.len() > before {
            return;
        }
        for pair in &self.line {
            let Some(seen) = count_half(&mut self.halves, pair, place) else { continue };
            if seen.lines < LINES_MIN {
                continue;
            }
            let is_partner = |(other, other_seen): &&(Pair, Seen)| {
                other.is_second != pair.is_second
                    && pair.is_back != other.is_back
                    && other_seen.lines >= LINES_MIN
                    && seen.is_above(
                        (pair.span, pair.module),
                        other_seen,
                        (other.span, other.module),
                    )
            };
            let texts = self.halves.iter().filter(is_partner).filter_map(|(other, _)| {
                let (left, right) = if pair.is_second { (other, pair) } else { (pair, other) };
                omni_text(left, right)
            });
            let mut texts: Vec<String> = texts.collect();
            texts.dedup();
            // Two partners that both fit are one too many.
            if let [text] = &texts[..] {
                found.push(DataBarRead { symbology, text: text.clone(), span: pair.span });
            }
        }
    }
}

/// Whether two pairs say the same.
fn is_same(a: &Pair, b: &Pair) -> bool {
    a.finder == b.finder && a.is_second == b.is_second && a.values() == b.values()
}

/// Counts a half; how often it was seen.
fn count_half(halves: &mut Vec<(Pair, Seen)>, pair: &Pair, place: Place) -> Option<Seen> {
    if let Some((known, seen)) = halves.iter_mut().find(|(known, _)| is_same(known, pair)) {
        *known = *pair;
        seen.again(place);
        return Some(*seen);
    }
    if halves.len() < PAIRS_MAX {
        halves.push((*pair, Seen::at(place)));
    }
    None
}

/// Element string of a left and a right pair; `None` where the check fails (5.2.4).
fn omni_text(left: &Pair, right: &Pair) -> Option<String> {
    /// Both pairs of finder patterns that look alike when turned around are left out.
    const SKIPPED: [u32; 2] = [8, 72];
    let mut weight = 1;
    let mut check = 0;
    for pair in [left, right] {
        for character in [pair.outer, pair.inner] {
            for width in character?.widths {
                check = (check + weight * u32::from(width)) % 79;
                weight = weight * 3 % 79;
            }
        }
    }
    let mut shown = 9 * u32::from(left.finder) + u32::from(right.finder);
    if SKIPPED.contains(&shown) {
        return None;
    }
    shown -= SKIPPED.iter().filter(|skipped| shown > **skipped).count() as u32;
    let values = [left, right].map(|pair| pair.values().map(Option::unwrap_or_default));
    (check == shown).then(|| element_string(values)).flatten()
}

/// Element string of the numbers of the left and the right pair, outer ones first; `None` where they
/// are no GTIN (5.2.1).
pub(crate) fn element_string(pairs: [[u32; 2]; 2]) -> Option<String> {
    let [left, right] = pairs.map(|[outer, inner]| u64::from(outer * INNER_COUNT + inner));
    let value = LEFT_FACTOR * left + right;
    let digits = format!("{:013}", if value >= LINKED { value - LINKED } else { value });
    let is_right = right < LEFT_FACTOR && digits.len() == 13;
    let last = check_digit(&digits)?;
    is_right.then(|| format!("01{digits}{last}"))
}

/// All pairs of the line, walked both ways.
fn collect(runs: &Runs, kind: &Kind, pairs: &mut Vec<Pair>) {
    pairs.clear();
    for is_back in [false, true] {
        let walk = Walk::new(runs, is_back);
        for at in 1..walk.len().saturating_sub(5) {
            if pairs.len() < PAIRS_MAX {
                pairs.extend(pair_at(&walk, at, is_back, kind));
            }
        }
    }
    keep_apart(pairs);
}

/// Drops what lies over a better pair: a finder pattern is also seen inside of characters.
fn keep_apart(pairs: &mut Vec<Pair>) {
    let is_part = |pair: &Pair| pair.values().contains(&None);
    pairs.sort_by(|a, b| is_part(a).cmp(&is_part(b)).then(a.deviation.total_cmp(&b.deviation)));
    let mut kept = 0;
    for index in 0..pairs.len() {
        let pair = pairs[index];
        let overlap = |other: &Pair| pair.span.1.min(other.span.1) - pair.span.0.max(other.span.0);
        if pairs[..kept].iter().all(|other| overlap(other) < 0.5 * pair.module) {
            pairs[kept] = pair;
            kept += 1;
        }
    }
    pairs.truncate(kept);
}

/// By how many modules the first of alternating runs and all of its colour are wider than they
/// should be.
pub(super) fn spread_of(widths: &[f32], nominal: &[f32]) -> f32 {
    let excess = widths.iter().zip(nominal).enumerate();
    let sum: f32 = excess.map(|(k, (w, n))| (w - n) * if k % 2 == 0 { 1.0 } else { -1.0 }).sum();
    (sum / widths.len() as f32).clamp(-0.7, 0.7)
}

/// A finder pattern as told.
struct Finder {
    index: u8,
    /// Pixels in a module.
    module: f32,
    /// Ink spread of its first colour, in modules.
    spread: f32,
    /// The sum of squared deviations, in modules².
    squares: f32,
}

/// The finder pattern at run `at`.
fn finder_at(walk: &Walk<'_>, at: usize, finders: &[[u8; 4]]) -> Option<Finder> {
    let total = walk.extent(at, at + 5);
    let module = total / 15.0;
    // Sums of a bar and a space do not depend on ink spread: 10 to 12, and 2 modules.
    let long = walk.extent(at + 1, at + 3) / module;
    let short = walk.extent(at + 3, at + 5) / module;
    if module < MODULE_MIN || !(9.0..13.0).contains(&long) || !(1.2..3.0).contains(&short) {
        return None;
    }
    let mut best = Finder { index: 0, module, spread: 0.0, squares: f32::INFINITY };
    for (index, finder) in finders.iter().enumerate() {
        let nominal: [f32; 5] =
            std::array::from_fn(|k| finder.get(k).map_or(1.0, |width| f32::from(*width)));
        let raw: [f32; 5] = std::array::from_fn(|k| walk.width(at + k) / module);
        // The pattern begins and ends in one colour, so that spread changes its extent.
        let scale = 1.0 + spread_of(&raw, &nominal) / 15.0;
        let widths = raw.map(|width| width * scale);
        let spread = spread_of(&widths, &nominal);
        let squares: f32 = (0..5)
            .map(|k| (widths[k] - nominal[k] - if k % 2 == 0 { spread } else { -spread }).powi(2))
            .sum();
        if squares < best.squares {
            best = Finder { index: index as u8, module: module / scale, spread, squares };
        }
    }
    (best.squares < 5.0 * PART_DEVIATION_MAX).then_some(best)
}

/// Widths of eight runs in modules, ink spread of the first one's colour taken out.
fn eight(raw: &[f32; 8], modules: u8, spread: f32) -> [f32; 8] {
    let sum: f32 = raw.iter().sum();
    std::array::from_fn(|k| {
        raw[k] * f32::from(modules) / sum - if k % 2 == 0 { spread } else { -spread }
    })
}

/// Eight runs beside the finder pattern, if together they are about `size` pixels; `run` tells which,
/// from the outermost toward the finder.
fn beside(walk: &Walk<'_>, run: impl Fn(usize) -> usize, size: f32) -> Option<[f32; 8]> {
    let raw: [f32; 8] = std::array::from_fn(|k| walk.width(run(k)));
    let ratio = raw.iter().sum::<f32>() / size;
    (1.0 / GROWTH_MAX..GROWTH_MAX).contains(&ratio).then_some(raw)
}

fn pair_at(walk: &Walk<'_>, at: usize, is_back: bool, kind: &Kind) -> Option<Pair> {
    let finder = finder_at(walk, at, &kind.finders)?;
    let module = finder.module;
    let outer_kind = &kind.outer;
    let inner_kind = kind.inner.as_ref().unwrap_or(outer_kind);
    let size = |characters: &Characters| f32::from(characters.modules) * module;
    // A guard or another character ends the outer one: light as wide as a margin does not. A dark
    // guard goes on where a label is cut out tightly on dark ground.
    let has_outer = at > 8 && (walk.is_dark(at - 9) || walk.width(at - 9) < 10.0 * module);
    let raw_outer = has_outer.then(|| beside(walk, |k| at - 8 + k, size(outer_kind))).flatten();
    let has_inner = at + 13 <= walk.len();
    let raw_inner = has_inner.then(|| beside(walk, |k| at + 12 - k, size(inner_kind))).flatten();
    if !kind.is_open && (raw_outer.is_none() || raw_inner.is_none()) {
        return None;
    }
    // Both characters, counted toward the finder, begin with the colour of its first element.
    let (mut outer, mut inner, mut spread) = (None, None, finder.spread);
    for _ in 0..2 {
        let (mut sum, mut weight) = (finder.spread * 5.0, 5.0);
        let mut tell = |raw: Option<&[f32; 8]>, characters: &Characters| {
            let told = characters.nearest(&eight(raw?, characters.modules, spread))?;
            let raw = eight(raw?, characters.modules, 0.0);
            sum += 8.0 * spread_of(&raw, &told.widths.map(f32::from));
            weight += 8.0;
            Some(told)
        };
        outer = tell(raw_outer.as_ref(), outer_kind);
        inner = tell(raw_inner.as_ref(), inner_kind);
        spread = sum / weight;
    }
    let is_near = |character: &Character| character.squares < 8.0 * PART_DEVIATION_MAX;
    let (outer, inner) = (outer.filter(is_near), inner.filter(is_near));
    let count = usize::from(outer.is_some()) + usize::from(inner.is_some());
    let squares: f32 = outer.iter().chain(&inner).map(|character| character.squares).sum();
    let deviation = (squares + finder.squares) / (8 * count + 5) as f32;
    let is_enough = count == 2 || (kind.is_open && count == 1);
    let first = if outer.is_some() { at - 8 } else { at };
    let last = if inner.is_some() { at + 13 } else { at + 5 };
    (is_enough && deviation < DEVIATION_MAX).then(|| Pair {
        finder: finder.index,
        is_second: walk.is_dark(at),
        outer,
        inner,
        span: walk.span(first, last),
        module,
        is_back,
        at,
        deviation,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A symbol drawn by the rules of the standard, from its number; runs from the left guard on.
    fn drawn(value: u64, module: f32, spread: f32) -> Runs {
        let (outer, inner) = (Characters::outer(), Characters::inner());
        let halves = [value / LEFT_FACTOR, value % LEFT_FACTOR].map(|half| half as u32);
        let widths =
            halves.map(|half| (outer.widths(half / INNER_COUNT), inner.widths(half % INNER_COUNT)));
        let all = widths.iter().flat_map(|(outer, inner)| outer.iter().chain(inner));
        let (check, _) = all.fold((0, 1), |(sum, weight), width| {
            ((sum + weight * u32::from(*width)) % 79, weight * 3 % 79)
        });
        let mut shown = check + u32::from(check >= 8);
        shown += u32::from(shown >= 72);
        let finder = |index: u32| {
            let [a, b, c, d] = FINDERS[index as usize];
            [a, b, c, d, 1]
        };
        let mut modules = vec![1, 1];
        modules.extend(widths[0].0);
        modules.extend(finder(shown / 9));
        modules.extend(widths[0].1.iter().rev());
        modules.extend(widths[1].1);
        modules.extend(finder(shown % 9).iter().rev());
        modules.extend(widths[1].0.iter().rev());
        modules.extend([1, 1]);
        assert_eq!(modules.iter().map(|width| u32::from(*width)).sum::<u32>(), 96);
        let mut edges = vec![0.0];
        for (k, width) in modules.iter().enumerate() {
            // A light run comes first, and a margin before it.
            let wider = if k % 2 == 1 { spread } else { -spread } + if k == 0 { 9.0 } else { 0.0 };
            edges.push(edges.last().unwrap() + (f32::from(*width) + wider) * module);
        }
        edges.push(edges.last().unwrap() + 9.0 * module);
        Runs { edges, is_first_dark: false }
    }

    fn texts(runs: &Runs) -> Vec<String> {
        let mut found = Vec::new();
        DataBarReader::default().read(runs, Place::default(), &|_| true, &mut found);
        found.into_iter().map(|read| read.text).collect()
    }

    #[test]
    fn numbers_are_read_both_ways_and_with_ink_spread() {
        for body in ["0001234567890", "2001234567890", "9999999999999", "0441234567890"] {
            let value: u64 = body.parse().unwrap();
            let text = format!("01{body}{}", check_digit(body).unwrap());
            for (module, spread) in [(1.5, 0.0), (2.0, 0.3), (3.0, -0.3)] {
                let runs = drawn(value, module, spread);
                assert_eq!(texts(&runs), [text.as_str()], "{spread}");
                let mut back = Runs::default();
                runs.reversed_into(&mut back);
                assert_eq!(texts(&back), [text.as_str()], "{spread} back");
            }
        }
    }

    /// 5.2.1: a composite counts on, and its GTIN is the same.
    #[test]
    fn a_two_dimensional_part_above_changes_no_number() {
        assert_eq!(texts(&drawn(LINKED + 200_123_456_789, 2.0, 0.0)), ["0102001234567893"]);
    }

    /// Every run that is one module off costs the read; none makes another number.
    #[test]
    fn an_altered_symbol_is_not_read_as_another() {
        let whole = drawn(1_234_567_890, 4.0, 0.0);
        for index in 3..whole.len() - 3 {
            let mut runs = whole.clone();
            runs.edges[index] += 4.0;
            let found = texts(&runs);
            assert!(found.is_empty() || found == ["0100012345678905"], "{index}: {found:?}");
        }
    }

    /// Two rows of a stacked symbol, each seen twice.
    #[test]
    fn halves_of_two_rows_are_put_together_when_each_was_seen_twice() {
        let whole = drawn(1_234_567_890, 2.0, 0.0);
        // Guard, outer, finder, inner are 23 runs; a guard of the other row follows.
        let upper = Runs { edges: whole.edges[..26].to_vec(), is_first_dark: false };
        let edges: Vec<f32> = whole.edges[22..].iter().map(|edge| edge - whole.edges[22]).collect();
        let lower = Runs { edges, is_first_dark: false };
        let mut reader = DataBarReader::default();
        let mut found = Vec::new();
        let is_wanted = |kind| kind == Symbology::DataBar;
        // The third line has pixels in common with the first, and counts no more than it.
        let lines = [(&upper, 0.0), (&lower, 40.0), (&upper, 1.0), (&lower, 42.0), (&upper, 2.0)];
        for (runs, across) in lines {
            let place = Place { along: 0.0, across, apart_min: 1.9 };
            reader.read(runs, place, &is_wanted, &mut found);
            assert_eq!(found.is_empty(), across != 2.0, "{across}: {found:?}");
        }
        assert!(found.iter().all(|read| read.text == "0100012345678905"));
        reader.begin_sweep();
        found.clear();
        for (runs, across) in lines {
            let place = Place { along: 0.0, across: 10.0 * across, apart_min: 1.9 };
            reader.read(runs, place, &is_wanted, &mut found);
        }
        assert!(found.is_empty(), "too far apart for rows that touch");
    }

    /// What `DEVIATION_MAX` rests on: widths without a rule, scaled to the size of a character.
    #[test]
    fn bars_of_nothing_are_rarely_near() {
        let mut next = chance();
        for characters in [Characters::outer(), Characters::inner(), Characters::expanded()] {
            let mut near = 0;
            const TRIES: usize = 4000;
            for _ in 0..TRIES {
                let raw: [f32; 8] = std::array::from_fn(|_| 0.4 - (1.0 - next()).ln());
                let widths = eight(&raw, characters.modules, 0.0);
                let deviation = characters.nearest(&widths).unwrap().squares / 8.0;
                near += usize::from(deviation < DEVIATION_MAX);
            }
            assert!(near < TRIES / 12, "{near} of {TRIES}, {} modules", characters.modules);
        }
    }

    /// Numbers from 0 to 1, always the same.
    fn chance() -> impl FnMut() -> f32 {
        let mut state = 0x2545_f491u32;
        move || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 8) as f32 / (1 << 24) as f32
        }
    }

    /// Bars of other codes, and bars in noise: widths of 1 to 4 modules, each edge off by up to half
    /// a module. Over the lines of a sweep, rxing 0.9.3 puts numbers together from such.
    #[test]
    fn bars_of_other_codes_are_no_databar() {
        let mut next = chance();
        let mut reader = DataBarReader::default();
        for sweep in 0..60 {
            reader.begin_sweep();
            let own: Vec<f32> = (0..160).map(|_| (1.0 + 3.6 * next().powi(2)).floor()).collect();
            for line in 0..40 {
                let place = Place { along: 0.0, across: 2.0 * line as f32, apart_min: 1.9 };
                let mut edges = vec![0.0];
                for width in &own {
                    edges.push(edges.last().unwrap() + 2.0 * width);
                }
                edges.iter_mut().for_each(|edge| *edge += (next() - 0.5) * 1.9);
                let runs = Runs { edges, is_first_dark: false };
                let mut found = Vec::new();
                reader.read(&runs, place, &|_| true, &mut found);
                assert!(found.is_empty(), "{sweep}: {found:?}");
            }
        }
    }
}
