//! Bar codes along one line: our own EAN/UPC reader first, then rxing's row readers in a fixed
//! order.
//!
//! rxing's readers see stretches of bars between light margins, drawn anew from sub-pixel edges, so
//! that print beside a code does not hide it and a narrow bar keeps its quarter pixels.

use super::ean::{self, EanRead};
use super::profile::{EdgeFinder, Level, Runs};
use crate::confirm::Sighting;
use crate::frame::Luma;
use crate::line::{Line, take_profile};
use domain::code::Symbology;
use domain::gtin::Gtin;
use rxing::common::BitArray;
use rxing::oned::rss::RSS14Reader;
use rxing::oned::rss::expanded::RSSExpandedReader;
use rxing::oned::{
    CodaBarReader, Code39Reader, Code93Reader, Code128Reader, ITFReader, OneDReader,
};
use rxing::{BarcodeFormat, DecodeHints, RXingResult};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The share of the neighbourhood's contrast that makes an edge.
const SENSITIVITY: f32 = 0.22;
/// A space this many times as wide as the runs beside it is a light margin. Ten modules of the
/// standard over 1.8 modules of the mean run is 5.5; the widest space inside a code is 2.5.
const MARGIN_RUNS: f32 = 4.2;
/// The same for DataBar, which has spaces of nine modules inside and needs no margin outside.
const DATABAR_MARGIN_RUNS: f32 = 9.0;
/// The shortest stretch worth a look, in runs: an ITF of six digits has 37.
const STRETCH_RUNS_MIN: usize = 24;
/// The same for DataBar: half of it, as in a row of a stacked one, has 23.
const DATABAR_RUNS_MIN: usize = 21;
/// More runs than this are no bar code: GS1-128 of 48 characters has 313.
const STRETCH_RUNS_MAX: usize = 700;
/// More stretches than this are not looked at on one line.
const STRETCHES_MAX: usize = 8;

/// Reads lines; keeps its memory and the halves of DataBar codes from line to line of a sweep.
pub struct LinearReader {
    finder: EdgeFinder,
    profile: Vec<f32>,
    runs: Runs,
    mirrored: Runs,
    ean_reads: Vec<EanRead>,
    stretches: Vec<Stretch>,
    /// Where the line lies among those of its sweep.
    row: u32,
    /// These gather halves and rows over the lines of a sweep, walked both ways: every other row
    /// of a stacked symbol is printed backwards.
    databar: RSS14Reader,
    expanded: RSSExpandedReader,
    hints: DecodeHints,
}

impl Default for LinearReader {
    fn default() -> Self {
        Self {
            finder: EdgeFinder::default(),
            profile: Vec::new(),
            runs: Runs::default(),
            mirrored: Runs::default(),
            ean_reads: Vec::new(),
            stretches: Vec::new(),
            row: 0,
            databar: RSS14Reader::default(),
            expanded: RSSExpandedReader::default(),
            // FNC1 as GS, and the symbology identifier of GS1-128 in the text.
            hints: DecodeHints { AssumeGs1: Some(true), ..DecodeHints::default() },
        }
    }
}

/// How a line is read.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Where edges are cut.
    pub level: Level,
    /// Pixels averaged on both sides of the line.
    pub thickness: f32,
    /// Light bars on dark.
    pub is_inverted: bool,
    /// EAN and UPC only: a quarter of the cost.
    pub is_ean_only: bool,
}

impl LinearReader {
    /// Forgets the halves and rows of DataBar codes: lines of another angle follow.
    pub fn begin_sweep(&mut self) {
        self.databar = RSS14Reader::default();
        self.expanded = RSSExpandedReader::default();
    }

    /// Reads one line, the `row`th across its sweep, and appends what it saw; `scale` is the
    /// frame's size over the picture's.
    pub fn read(
        &mut self,
        luma: &Luma<'_>,
        (line, row): (&Line, u32),
        manner: Manner,
        scale: f32,
        wanted: &dyn Fn(Symbology) -> bool,
        sightings: &mut Vec<Sighting>,
    ) {
        self.row = row;
        take_profile(luma, line, manner.thickness, &mut self.profile);
        if manner.is_inverted {
            self.profile.iter_mut().for_each(|value| *value = 255.0 - *value);
        }
        self.finder.find(&self.profile, SENSITIVITY, manner.level, &mut self.runs);
        self.runs.reversed_into(&mut self.mirrored);
        let end = self.runs.edges.last().copied().unwrap_or(0.0);
        let sighting = |symbology: Symbology, text: String, span: (f32, f32)| Sighting {
            symbology,
            text,
            from: line.at(span.0 - 0.5).scaled(scale),
            to: line.at(span.1 - 0.5).scaled(scale),
        };
        self.ean_reads.clear();
        ean::read(&self.runs, wanted, &mut self.ean_reads);
        let forward = self.ean_reads.len();
        ean::read(&self.mirrored, wanted, &mut self.ean_reads);
        for (index, read) in self.ean_reads.iter_mut().enumerate() {
            if index >= forward {
                read.span = (end - read.span.1, end - read.span.0);
            }
            sightings.push(sighting(read.symbology, read.text.clone(), read.span));
        }
        if manner.is_ean_only {
            return;
        }
        for (margin, runs_min, order) in [
            (MARGIN_RUNS, STRETCH_RUNS_MIN, &MARGINED[..]),
            (DATABAR_MARGIN_RUNS, DATABAR_RUNS_MIN, &DATABARS[..]),
        ] {
            let is_wanted = |(_, kinds): &Reader| kinds.iter().any(|kind| wanted(*kind));
            if !order.iter().any(is_wanted) {
                continue;
            }
            let mut found = std::mem::take(&mut self.stretches);
            stretches(&self.runs, margin, runs_min, &mut found);
            for stretch in &found {
                let span = (self.runs.edges[stretch.first], self.runs.edges[stretch.last]);
                let is_taken = |read: &EanRead| read.span.0 < span.1 && span.0 < read.span.1;
                if self.ean_reads.iter().any(is_taken) {
                    continue;
                }
                let row = drawn(&self.runs, *stretch);
                for (symbology, text) in self.read_stretch(row, order, stretch.is_cut, wanted) {
                    sightings.push(sighting(symbology, text, span));
                }
            }
            self.stretches = found;
        }
    }

    /// The mean width of bars and spaces along a line, in pixels; `None` where there are hardly any.
    pub fn mean_run(&mut self, luma: &Luma<'_>, line: &Line) -> Option<f32> {
        take_profile(luma, line, 0.0, &mut self.profile);
        self.finder.find(&self.profile, SENSITIVITY, Level::Midpoint, &mut self.runs);
        (self.runs.len() > 8).then(|| line.length / self.runs.len() as f32)
    }

    /// What rxing's readers make of a stretch, walked both ways.
    fn read_stretch(
        &mut self,
        mut row: BitArray,
        order: &[Reader],
        is_cut: bool,
        wanted: &dyn Fn(Symbology) -> bool,
    ) -> Vec<(Symbology, String)> {
        let mut found = Vec::new();
        for way in 0..2 {
            if way == 1 {
                row.reverse();
            }
            let (hints, databar) = (&self.hints, &mut self.databar);
            // Rows of a stacked DataBar are put together in their order.
            let (expanded, number) = (&mut self.expanded, self.row);
            let mut attempt = |format: BarcodeFormat| {
                // A reader that panics has lost nothing but this line.
                catch_unwind(AssertUnwindSafe(|| match format {
                    BarcodeFormat::CODE_128 => Code128Reader.decode_row(0, &row, hints),
                    BarcodeFormat::ITF => ITFReader::default().decode_row(0, &row, hints),
                    BarcodeFormat::RSS_14 => databar.decode_row(number, &row, hints),
                    BarcodeFormat::RSS_EXPANDED => {
                        let read = expanded.decode_row(number, &row, hints);
                        // What it believes once it repeats; a second vote is gathered anew.
                        if read.is_ok() {
                            *expanded = RSSExpandedReader::default();
                        }
                        read
                    }
                    BarcodeFormat::CODE_39 => Code39Reader::default().decode_row(0, &row, hints),
                    BarcodeFormat::CODE_93 => Code93Reader::default().decode_row(0, &row, hints),
                    _ => CodaBarReader::default().decode_row(0, &row, hints),
                }))
                .ok()
                .and_then(Result::ok)
                .and_then(|read| named(&read))
            };
            for (format, symbologies) in order {
                // Without start, stop and a check over all, what is cut off may read as less.
                if is_cut && !CHECKED.contains(format) {
                    continue;
                }
                if symbologies.iter().any(|symbology| wanted(*symbology)) {
                    found.extend(attempt(*format).filter(|read| wanted(read.0)));
                }
            }
        }
        found
    }
}

/// One of rxing's readers, and what it can yield.
type Reader = (BarcodeFormat, &'static [Symbology]);

/// Readers of codes with light margins, in the order in which they are asked.
const MARGINED: [Reader; 5] = [
    (BarcodeFormat::CODE_128, &[Symbology::Code128, Symbology::Gs1128]),
    (BarcodeFormat::ITF, &[Symbology::Itf14, Symbology::Itf]),
    (BarcodeFormat::CODE_39, &[Symbology::Code39]),
    (BarcodeFormat::CODE_93, &[Symbology::Code93]),
    (BarcodeFormat::CODABAR, &[Symbology::Codabar]),
];

/// Symbols whose start, stop and check character make a part of them unreadable.
const CHECKED: [BarcodeFormat; 3] =
    [BarcodeFormat::CODE_128, BarcodeFormat::RSS_14, BarcodeFormat::RSS_EXPANDED];

/// Readers of codes without.
const DATABARS: [Reader; 2] = [
    (BarcodeFormat::RSS_14, &[Symbology::DataBar]),
    (BarcodeFormat::RSS_EXPANDED, &[Symbology::DataBarExpanded]),
];

/// Runs between light margins: first, one past the last; both ends are bars.
#[derive(Clone, Copy)]
struct Stretch {
    first: usize,
    last: usize,
    /// Whether the line ended before a margin was seen: the code may be cut off there.
    is_cut: bool,
}

/// Stretches of bars between spaces that are `margin` times as wide as the runs beside them.
fn stretches(runs: &Runs, margin: f32, runs_min: usize, found: &mut Vec<Stretch>) {
    found.clear();
    const NEAR: usize = 8;
    let count = runs.len();
    let is_margin = |index: usize| {
        let left = &runs.edges[index.saturating_sub(NEAR)..=index];
        let right = &runs.edges[index + 1..(index + 2 + NEAR).min(count + 1)];
        let mean = |edges: &[f32]| match edges {
            [first, .., last] if edges.len() > 4 => (last - first) / (edges.len() - 1) as f32,
            _ => f32::INFINITY,
        };
        !runs.is_dark(index) && runs.width(index) > margin * mean(left).min(mean(right))
    };
    let (mut start, mut is_open) = (0, true);
    for index in 0..=count {
        if index < count && !is_margin(index) {
            continue;
        }
        let (mut first, mut last) = (start, index);
        let is_cut = is_open || index == count;
        if first < last && !runs.is_dark(first) {
            first += 1;
        }
        if first < last && !runs.is_dark(last - 1) {
            last -= 1;
        }
        let length = last - first;
        if (runs_min..=STRETCH_RUNS_MAX).contains(&length) && found.len() < STRETCHES_MAX {
            found.push(Stretch { first, last, is_cut });
        }
        (start, is_open) = (index + 1, false);
    }
}

/// Draws a stretch with its margins for rxing: as wide as they are up to twelve mean runs, and so
/// wide where the picture ends, since labels are often cut out tightly.
fn drawn(runs: &Runs, stretch: Stretch) -> BitArray {
    const MEAN_BITS: f32 = 12.0;
    const BITS_MAX: f32 = 8000.0;
    let (from, to) = (runs.edges[stretch.first], runs.edges[stretch.last]);
    let mean = (to - from) / (stretch.last - stretch.first) as f32;
    // Whole bits a pixel: DataBar's readers sum up rounded widths and forgive no further rounding.
    let scale = (MEAN_BITS / mean).ceil().min(BITS_MAX / (to - from));
    let margin = |index: Option<usize>| match index {
        Some(index) if index > 0 && index + 1 < runs.len() => runs.width(index).min(mean * 12.0),
        _ => mean * 12.0,
    };
    let before = margin(stretch.first.checked_sub(1)) * scale;
    let after = margin(Some(stretch.last)) * scale;
    let at = |edge: f32| ((edge - from) * scale + before).round().max(0.0) as usize;
    let mut row = BitArray::with_size(at(to) + after.round() as usize + 1);
    for index in (stretch.first..stretch.last).step_by(2) {
        (at(runs.edges[index])..at(runs.edges[index + 1])).for_each(|bit| row.set(bit));
    }
    row
}

/// Puts our names to what rxing found, and drops what cannot be right.
fn named(read: &RXingResult) -> Option<(Symbology, String)> {
    let text = read.getText();
    Some(match read.getBarcodeFormat() {
        BarcodeFormat::CODE_128 => match text.strip_prefix("]C1") {
            Some("") => return None,
            Some(elements) => (Symbology::Gs1128, elements.to_owned()),
            None => (Symbology::Code128, text.to_owned()),
        },
        BarcodeFormat::ITF => match Gtin::parse(text) {
            Ok(_) if text.len() == 14 => (Symbology::Itf14, text.to_owned()),
            _ => (Symbology::Itf, text.to_owned()),
        },
        // ISO/IEC 24724: what is transmitted is an element string with AI 01.
        BarcodeFormat::RSS_14 => {
            Gtin::parse(text).ok()?;
            (Symbology::DataBar, format!("01{text}"))
        }
        BarcodeFormat::RSS_EXPANDED => (Symbology::DataBarExpanded, element_string(text)?),
        BarcodeFormat::CODE_39 => (Symbology::Code39, text.to_owned()),
        BarcodeFormat::CODE_93 => (Symbology::Code93, text.to_owned()),
        BarcodeFormat::CODABAR => (Symbology::Codabar, text.to_owned()),
        _ => return None,
    })
}

/// Length of AI and data together where the standard fixes it for all time (GS1 General
/// Specifications, figure 7.8.5-2), by the first two digits of the AI.
fn fixed_length(ai: &str) -> Option<usize> {
    Some(match ai.get(..2)? {
        "00" => 20,
        "01" | "02" | "03" | "41" => 16,
        "04" => 18,
        "11" | "12" | "13" | "14" | "15" | "16" | "17" | "18" | "19" => 8,
        "20" => 4,
        "31" | "32" | "33" | "34" | "35" | "36" => 10,
        _ => return None,
    })
}

/// `(AI)` at the start of `text`: the AI and what follows.
fn leading_ai(text: &str) -> Option<(&str, &str)> {
    let (ai, rest) = text.strip_prefix('(')?.split_once(')')?;
    ((2..=4).contains(&ai.len()) && ai.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some((ai, rest))
}

/// Turns rxing's `(01)…(3103)…` into the element string that the symbol stands for, with GS after
/// every value of variable length but the last.
fn element_string(text: &str) -> Option<String> {
    let mut elements = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (ai, after) = leading_ai(rest)?;
        let fixed = fixed_length(ai).map(|length| length - ai.len());
        let end = match fixed {
            Some(length) => length.min(after.len()),
            None => (0..after.len())
                .find(|at| after.is_char_boundary(*at) && leading_ai(&after[*at..]).is_some())
                .unwrap_or(after.len()),
        };
        if !after.is_char_boundary(end) {
            return None;
        }
        elements.push_str(ai);
        elements.push_str(&after[..end]);
        rest = &after[end..];
        if fixed.is_none() && !rest.is_empty() {
            elements.push('\u{1d}');
        }
    }
    (!elements.is_empty()).then_some(elements)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn element_strings_get_separators_where_lengths_vary() {
        for (shown, elements) in [
            ("(01)90012345678908(3103)001750", "01900123456789083103001750"),
            ("(10)LOT(7)(21)5", "10LOT(7)\u{1d}215"),
            ("(01)90012345678908(10)A(3922)795", "019001234567890810A\u{1d}3922795"),
        ] {
            assert_eq!(element_string(shown).as_deref(), Some(elements));
        }
        assert_eq!(element_string("no parentheses"), None);
        assert_eq!(element_string(""), None);
    }

    proptest! {
        #[test]
        fn hostile_element_strings_never_panic(text in "[()0-9é]{0,40}") {
            let _ = element_string(&text);
        }
    }
}
