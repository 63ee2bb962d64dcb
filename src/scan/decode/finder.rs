//! Counts the finder patterns of QR Codes in a picture before rxing looks for them.
//!
//! rxing tries all triples of what looks like a finder pattern, so that a woven or printed texture
//! costs it a tenth of a second. Here a pattern is dark and light runs of 1:1:3:1:1 modules along a
//! row and, through its middle, along a column; too few of them are no QR Code, too many no code at
//! all (ISO/IEC 18004, 6.3.3).

use super::profile::{EdgeFinder, Level, Runs};
use crate::frame::Luma;

/// Rows that are looked at: a pattern is three modules high at its middle, a code has 21 or more.
const ROWS: usize = 150;
/// The share of the neighbourhood's contrast that makes an edge.
const SENSITIVITY: f32 = 0.25;
/// Grey values between the middle of a pattern and the light around it.
const CONTRAST_MIN: f32 = 20.0;

/// Finds patterns; keeps its memory.
#[derive(Default)]
pub struct PatternFinder {
    finder: EdgeFinder,
    profile: Vec<f32>,
    runs: Runs,
    column: Runs,
    found: Vec<Pattern>,
    margin: Margin,
}

/// A finder pattern as it lies in the picture, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// Its middle.
    pub x: f32,
    /// Its middle.
    pub y: f32,
    /// A module along the row through it.
    pub module: f32,
    /// A module along the column: another where the code is seen from the side.
    pub tall: f32,
}

/// What lies around a finder pattern.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Margin {
    /// Light, as the standard wants it: the outer ring is as wide as the inner one.
    #[default]
    Light,
    /// Anything: a code that is cut out tightly on dark ground has no end to its outer ring.
    Any,
}

impl PatternFinder {
    /// The patterns that were counted last.
    pub fn found(&self) -> &[Pattern] {
        &self.found
    }

    /// How many patterns there are, at most `limit`.
    pub fn count(&mut self, luma: &Luma<'_>, is_inverted: bool, limit: usize) -> usize {
        self.margin = Margin::Light;
        self.seek(luma, is_inverted, limit)
    }

    /// The same for codes without light around them: outer rings may go on, and the inner ones are
    /// looked at all around, since modules of data have one that goes half around more often.
    pub fn count_marginless(&mut self, luma: &Luma<'_>, is_inverted: bool, limit: usize) -> usize {
        self.margin = Margin::Any;
        self.seek(luma, is_inverted, limit)
    }

    fn seek(&mut self, luma: &Luma<'_>, is_inverted: bool, limit: usize) -> usize {
        self.found.clear();
        let step = (luma.height() / ROWS).max(1);
        let shade = |value: u8| f32::from(if is_inverted { 255 - value } else { value });
        for y in (0..luma.height()).step_by(step) {
            self.profile.clear();
            self.profile.extend(luma.row(y).iter().map(|value| shade(*value)));
            self.finder.find(&self.profile, SENSITIVITY, Level::Envelope, &mut self.runs);
            let first = usize::from(!self.runs.is_dark(0));
            for start in (first..self.runs.len().saturating_sub(4)).step_by(2) {
                let Some((x, module)) = pattern_at(&self.runs, start, self.margin) else {
                    continue;
                };
                let is_near = |known: &Pattern| {
                    (known.x - x).abs() < 3.0 * known.module
                        && (known.y - y as f32).abs() < 3.5 * known.module.max(known.tall)
                };
                if self.found.iter().any(is_near) {
                    continue;
                }
                if let Some((middle, tall)) = self.crosses(luma, x, y, module, is_inverted) {
                    let mut pattern = Pattern { x, y: middle, module, tall };
                    if self.margin == Margin::Any {
                        pattern = centred(luma, pattern, is_inverted);
                        if !is_ringed(luma, pattern, is_inverted) {
                            continue;
                        }
                    }
                    self.found.push(pattern);
                    if self.found.len() == limit {
                        return limit;
                    }
                }
            }
        }
        self.found.len()
    }

    /// Whether the same runs are seen along the column through the middle; where theirs is, and
    /// their module.
    fn crosses(
        &mut self,
        luma: &Luma<'_>,
        x: f32,
        y: usize,
        module: f32,
        is_inverted: bool,
    ) -> Option<(f32, f32)> {
        let reach = (module * 7.0) as usize + 2;
        let (from, to) = (y.saturating_sub(reach), (y + reach).min(luma.height()));
        let column = (x as usize).min(luma.width() - 1);
        self.profile.clear();
        for at in from..to {
            let value = luma.row(at)[column];
            self.profile.push(f32::from(if is_inverted { 255 - value } else { value }));
        }
        self.finder.find(&self.profile, SENSITIVITY, Level::Envelope, &mut self.column);
        let first = usize::from(!self.column.is_dark(0));
        let matches = |start: usize| {
            let (middle, other) = pattern_at(&self.column, start, self.margin)?;
            let middle = middle + from as f32;
            let is_same =
                (middle - y as f32).abs() < 2.0 * module && (0.4..2.5).contains(&(other / module));
            is_same.then_some((middle, other))
        };
        (first..self.column.len().saturating_sub(4)).step_by(2).find_map(matches)
    }
}

/// The middle and the module of a pattern whose first bar is run `start`.
fn pattern_at(runs: &Runs, start: usize, margin: Margin) -> Option<(f32, f32)> {
    /// Runs may be off by this much of their width; perspective and blur do more than print.
    const SLACK: f32 = 0.6;
    let (first, last, modules) = match margin {
        Margin::Light => (start, start + 5, 7.0),
        Margin::Any => (start + 1, start + 4, 5.0),
    };
    let module = (runs.edges[last] - runs.edges[first]) / modules;
    let is_right = [1.0, 1.0, 3.0, 1.0, 1.0].iter().enumerate().all(|(index, modules)| {
        let slack = SLACK * if *modules > 1.0 { 1.5 } else { 1.0 };
        let excess = runs.width(start + index) - modules * module;
        let is_endless = margin == Margin::Any && index % 4 == 0;
        excess > -slack * module && (is_endless || excess < slack * module)
    });
    let middle = (runs.edges[start + 2] + runs.edges[start + 3]) / 2.0;
    (is_right && module >= 0.9).then_some((middle, module))
}

/// The pattern about the middle of its dark core: of a pattern aslant, the row that was met first is
/// not the one through the middle.
fn centred(luma: &Luma<'_>, pattern: Pattern, is_inverted: bool) -> Pattern {
    let Pattern { x, y, module, .. } = pattern;
    let light = |dx: f32, dy: f32| shade(luma, x + dx * module, y + dy * module, is_inverted);
    let around = [(2.0, 0.0), (-2.0, 0.0), (0.0, 2.0), (0.0, -2.0)];
    let ring = around.map(|(dx, dy)| light(dx, dy)).into_iter().fold(0.0, f32::max);
    let level = (light(0.0, 0.0) + ring) / 2.0;
    let (mut sum_x, mut sum_y, mut count) = (0.0, 0.0, 0.0f32);
    for row in -8..=8 {
        for column in -8..=8 {
            let (dx, dy) = (column as f32 * 0.25, row as f32 * 0.25);
            // A circle that holds the corners of the core and nothing of the outer ring.
            if dx * dx + dy * dy < 5.0 && light(dx, dy) < level {
                (sum_x, sum_y, count) = (sum_x + dx, sum_y + dy, count + 1.0);
            }
        }
    }
    let aside = |sum: f32| sum / count.max(1.0) * module;
    Pattern { x: x + aside(sum_x), y: y + aside(sum_y), ..pattern }
}

fn shade(luma: &Luma<'_>, x: f32, y: f32, is_inverted: bool) -> f32 {
    let value = luma.sample(x - 0.5, y - 0.5);
    if is_inverted { 255.0 - value } else { value }
}

/// Whether light and then dark are met in every direction from the middle of a pattern.
fn is_ringed(luma: &Luma<'_>, pattern: Pattern, is_inverted: bool) -> bool {
    let Pattern { x, y, module, .. } = pattern;
    const DIRECTIONS: usize = 16;
    /// Modules to where the light ring ends at its corners, and to where the dark one begins there.
    const LIGHT: f32 = 3.5;
    const DARK: f32 = 4.6;
    let core = shade(luma, x, y, is_inverted);
    (0..DIRECTIONS).all(|direction| {
        let (sin, cos) = (direction as f32 * std::f32::consts::TAU / DIRECTIONS as f32).sin_cos();
        let (mut lightest, mut darkest) = (core, f32::INFINITY);
        let mut at = 0.5;
        while at < DARK {
            let (dx, dy) = (at * module * cos, at * module * sin);
            let value = shade(luma, x + dx, y + dy, is_inverted);
            if value > lightest && at < LIGHT {
                (lightest, darkest) = (value, f32::INFINITY);
            }
            darkest = darkest.min(value);
            at += 0.25;
        }
        // The light ring is as light on all sides as it is dark in the middle, but for blur.
        lightest - core > CONTRAST_MIN && darkest < (lightest + core) / 2.0
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::frame::Frame;
    use rxing::{BarcodeFormat, MultiFormatWriter, Writer};

    #[test]
    fn a_qr_code_has_three_patterns_and_noise_hardly_any() {
        let bits = MultiFormatWriter.encode("a receipt", &BarcodeFormat::QR_CODE, 1, 1).unwrap();
        let mut frame = Frame::filled(200, 200, 230);
        for y in 0..bits.getHeight() * 4 {
            for x in 0..bits.getWidth() * 4 {
                if bits.get(x / 4, y / 4) {
                    frame.luma[(y as usize + 40) * 200 + x as usize + 40] = 20;
                }
            }
        }
        let mut finder = PatternFinder::default();
        assert_eq!(finder.count(&frame.view().unwrap(), false, 99), 3);
        assert_eq!(finder.count(&frame.view().unwrap(), false, 2), 2, "bounded");
        let light = frame.luma.iter().map(|value| 255 - value).collect();
        let inverted = Frame { luma: light, ..frame };
        assert_eq!(finder.count(&inverted.view().unwrap(), true, 99), 3);
    }
}
