//! Runs of a line walked one way or the other, without a copy.
//!
//! A symbol may lie upside down, and every other half of a DataBar is printed backwards: readers
//! count runs from where *they* begin, and ask for places along the line only at the end.

use super::profile::Runs;

/// Runs from one end of the line or from the other.
#[derive(Clone, Copy)]
pub struct Walk<'a> {
    runs: &'a Runs,
    is_back: bool,
}

impl<'a> Walk<'a> {
    /// The line from its start, or from its end.
    pub const fn new(runs: &'a Runs, is_back: bool) -> Self {
        Self { runs, is_back }
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether run `index` is a bar.
    pub fn is_dark(&self, index: usize) -> bool {
        self.runs.is_dark(self.own(index))
    }

    /// The width of run `index` in pixels.
    pub fn width(&self, index: usize) -> f32 {
        self.runs.width(self.own(index))
    }

    /// The widths of runs `first` up to `last` together.
    pub fn extent(&self, first: usize, last: usize) -> f32 {
        let (from, to) = self.span(first, last);
        to - from
    }

    /// Where runs `first` up to `last` lie, in pixels from the start of the line.
    pub fn span(&self, first: usize, last: usize) -> (f32, f32) {
        let (first, last) = match self.is_back {
            true => (self.len() - last, self.len() - first),
            false => (first, last),
        };
        (self.runs.edges[first], self.runs.edges[last])
    }

    /// The light beside the symbol: the width of run `index`, any width where the line ends with it
    /// (labels are often cut out tightly) or has ended before.
    pub fn margin(&self, index: Option<usize>) -> f32 {
        match index {
            Some(index) if index > 0 && index + 1 < self.len() => self.width(index),
            _ => f32::INFINITY,
        }
    }

    /// The light that is seen beside the symbol: the width of run `index`, none where the line has
    /// ended. For symbols whose parts look whole.
    pub fn light(&self, index: Option<usize>) -> f32 {
        index.filter(|index| *index < self.len()).map_or(0.0, |index| self.width(index))
    }

    fn own(&self, index: usize) -> usize {
        if self.is_back { self.len() - 1 - index } else { index }
    }
}
