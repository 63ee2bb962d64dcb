//! Bar codes along one line: our own readers first, then rxing's row readers for what is asked for
//! by name only.
//!
//! All see the same bars and spaces with sub-pixel edges. rxing's readers see stretches of them
//! between light margins, drawn anew, so that print beside a code does not hide it and a narrow bar
//! keeps its quarter pixels.

use super::code128::{Code128Read, Code128Reader};
use super::databar::{DataBarRead, DataBarReader, Place};
use super::ean::{self, EanRead};
use super::ean_add_on;
use super::itf::{self, ItfRead};
use super::profile::{EdgeFinder, Level, Runs};
use super::walk::Walk;
use crate::add_on::Beside;
use crate::confirm::{Sighting, VOTE_SPACING};
use crate::frame::{Luma, Point};
use crate::line::{Line, take_profile};
use domain::code::Symbology;
use rxing::common::BitArray;
use rxing::oned::{CodaBarReader, Code39Reader, Code93Reader, OneDReader};
use rxing::{BarcodeFormat, DecodeHints, RXingResult};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The share of the neighbourhood's contrast that makes an edge.
const SENSITIVITY: f32 = 0.22;
/// A space this many times as wide as the runs beside it is a light margin. Ten modules of the
/// standard over 1.8 modules of the mean run is 5.5; the widest space inside a code is 2.5.
const MARGIN_RUNS: f32 = 4.2;
/// The shortest stretch worth a look, in runs: a Code 39 of one character has 29.
const STRETCH_RUNS_MIN: usize = 24;
/// More runs than this are no bar code: GS1-128 of 48 characters has 313.
const STRETCH_RUNS_MAX: usize = 700;
/// More stretches than this are not looked at on one line.
const STRETCHES_MAX: usize = 8;

/// Reads lines; keeps its memory and the halves of DataBar codes from line to line of a sweep.
#[derive(Default)]
pub struct LinearReader {
    finder: EdgeFinder,
    profile: Vec<f32>,
    runs: Runs,
    mirrored: Runs,
    ean_reads: Vec<EanRead>,
    /// Of a line that was made longer to see what follows a number.
    longer: Runs,
    longer_mirrored: Runs,
    longer_reads: Vec<EanRead>,
    code128: Code128Reader,
    code128_reads: Vec<Code128Read>,
    itf_reads: Vec<ItfRead>,
    databar: DataBarReader,
    databar_reads: Vec<DataBarRead>,
    stretches: Vec<Stretch>,
    hints: DecodeHints,
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
        self.databar.begin_sweep();
    }

    /// Whether lines of this sweep agree on a part of what may be a stacked DataBar.
    pub fn has_rows(&self) -> bool {
        self.databar.has_rows()
    }

    /// Reads one line and appends what it saw; `scale` is the frame's size over the picture's.
    pub fn read(
        &mut self,
        luma: &Luma<'_>,
        line: &Line,
        manner: Manner,
        scale: f32,
        wanted: &dyn Fn(Symbology) -> bool,
        sightings: &mut Vec<Sighting>,
    ) {
        let Self { finder, profile, runs, .. } = self;
        find_runs(luma, line, manner, (finder, profile), runs);
        self.runs.reversed_into(&mut self.mirrored);
        let end = self.runs.edges.last().copied().unwrap_or(0.0);
        self.ean_reads.clear();
        ean::read(&self.runs, wanted, &mut self.ean_reads);
        let forward = self.ean_reads.len();
        ean::read(&self.mirrored, wanted, &mut self.ean_reads);
        for index in 0..self.ean_reads.len() {
            let is_back = index >= forward;
            let beside = self.look_beside(luma, line, manner, (index, is_back));
            let read = &mut self.ean_reads[index];
            if is_back {
                read.span = (end - read.span.1, end - read.span.0);
            }
            let (from, to) = ends(line, read.span, scale);
            let (symbology, text) = (read.symbology, read.text.clone());
            sightings.push(Sighting { symbology, text, from, to, beside });
        }
        let mut see = |symbology: Symbology, text: String, span: (f32, f32)| {
            let (from, to) = ends(line, span, scale);
            sightings.push(Sighting { symbology, text, from, to, beside: Beside::Nothing });
        };
        if !manner.is_ean_only {
            let place = Place {
                along: line.start.x * line.along.x + line.start.y * line.along.y,
                across: line.start.x * line.across.x + line.start.y * line.across.y,
                apart_min: VOTE_SPACING + 2.0 * manner.thickness,
            };
            self.read_others(place, wanted, &mut see);
            self.read_by_name(wanted, &mut see);
        }
    }

    /// What follows a number that the line just read. Where the line ends too early, a longer one is
    /// laid over the same pixels: only lines that read a number are, and of those only few.
    fn look_beside(
        &mut self,
        luma: &Luma<'_>,
        line: &Line,
        manner: Manner,
        (index, is_back): (usize, bool),
    ) -> Beside {
        let read = &self.ean_reads[index];
        let runs = if is_back { &self.mirrored } else { &self.runs };
        let beside = ean_add_on::read(runs, read, false);
        if beside != Beside::CutOff {
            return beside;
        }
        let end = runs.edges.last().copied().unwrap_or(0.0);
        let missing = (read.span.1 + ean_add_on::REACH_MODULES * read.module - end).max(0.0);
        let (before, behind) = if is_back { (missing, 0.0) } else { (0.0, missing) };
        let farther = line.longer(before, behind, (luma.width(), luma.height()));
        let is_edge = farther.length + 1.0 < line.length + missing;
        if farther.length < line.length + 1.0 {
            return ean_add_on::read(runs, read, is_edge);
        }
        let Self { longer, longer_mirrored, longer_reads, ean_reads, finder, profile, .. } = self;
        find_runs(luma, &farther, manner, (finder, profile), longer);
        if is_back {
            longer.reversed_into(longer_mirrored);
        }
        let runs = if is_back { longer_mirrored } else { longer };
        let read = &ean_reads[index];
        longer_reads.clear();
        ean::read(runs, |symbology| symbology == read.symbology, longer_reads);
        let again = longer_reads.iter().find(|again| again.text == read.text);
        again.map_or(Beside::Nothing, |again| ean_add_on::read(runs, again, is_edge))
    }

    /// Code 128, ITF and DataBar, where no EAN lies.
    fn read_others(
        &mut self,
        place: Place,
        wanted: &dyn Fn(Symbology) -> bool,
        see: &mut dyn FnMut(Symbology, String, (f32, f32)),
    ) {
        self.code128_reads.clear();
        self.itf_reads.clear();
        self.databar_reads.clear();
        for is_back in [false, true] {
            let walk = Walk::new(&self.runs, is_back);
            if wanted(Symbology::Code128) || wanted(Symbology::Gs1128) {
                self.code128.read(&walk, &mut self.code128_reads);
            }
            if wanted(Symbology::Itf14) || wanted(Symbology::Itf) {
                itf::read(&walk, &mut self.itf_reads);
            }
        }
        self.databar.read(&self.runs, place, wanted, &mut self.databar_reads);
        let code128 = self.code128_reads.drain(..).map(|read| {
            let symbology = if read.is_gs1 { Symbology::Gs1128 } else { Symbology::Code128 };
            (symbology, read.text, read.span)
        });
        let itf = self.itf_reads.drain(..).map(|read| {
            let symbology = match itf::is_case(&read.text) {
                true => Symbology::Itf14,
                false => Symbology::Itf,
            };
            (symbology, read.text, read.span)
        });
        let databar =
            self.databar_reads.drain(..).map(|read| (read.symbology, read.text, read.span));
        for (symbology, text, span) in code128.chain(itf).chain(databar) {
            if wanted(symbology) && !is_taken(&self.ean_reads, span) {
                see(symbology, text, span);
            }
        }
    }

    /// What is read only where it is asked for, by rxing's readers.
    fn read_by_name(
        &mut self,
        wanted: &dyn Fn(Symbology) -> bool,
        see: &mut dyn FnMut(Symbology, String, (f32, f32)),
    ) {
        if !BY_NAME.iter().any(|(_, symbology)| wanted(*symbology)) {
            return;
        }
        stretches(&self.runs, &mut self.stretches);
        for stretch in &self.stretches {
            let span = (self.runs.edges[stretch.first], self.runs.edges[stretch.last]);
            // Without a check over all, what is cut off may read as less.
            if stretch.is_cut || is_taken(&self.ean_reads, span) {
                continue;
            }
            let row = drawn(&self.runs, *stretch);
            for (symbology, text) in read_stretch(row, &self.hints, wanted) {
                see(symbology, text, span);
            }
        }
    }

    /// The mean width of bars and spaces along a line, in pixels; `None` where there are hardly any.
    pub fn mean_run(&mut self, luma: &Luma<'_>, line: &Line) -> Option<f32> {
        take_profile(luma, line, 0.0, &mut self.profile);
        self.finder.find(&self.profile, SENSITIVITY, Level::Midpoint, &mut self.runs);
        (self.runs.len() > 8).then(|| line.length / self.runs.len() as f32)
    }
}

/// Whether an EAN lies there.
fn is_taken(reads: &[EanRead], span: (f32, f32)) -> bool {
    reads.iter().any(|read| read.span.0 < span.1 && span.0 < read.span.1)
}

/// rxing's readers in the order in which they are asked, and what they yield.
const BY_NAME: [(BarcodeFormat, Symbology); 3] = [
    (BarcodeFormat::CODE_39, Symbology::Code39),
    (BarcodeFormat::CODE_93, Symbology::Code93),
    (BarcodeFormat::CODABAR, Symbology::Codabar),
];

/// What rxing's readers make of a stretch, walked both ways.
fn read_stretch(
    mut row: BitArray,
    hints: &DecodeHints,
    wanted: &dyn Fn(Symbology) -> bool,
) -> Vec<(Symbology, String)> {
    let mut found = Vec::new();
    for way in 0..2 {
        if way == 1 {
            row.reverse();
        }
        for (format, symbology) in BY_NAME.into_iter().filter(|(_, kind)| wanted(*kind)) {
            // A reader that panics has lost nothing but this line.
            let read = catch_unwind(AssertUnwindSafe(|| match format {
                BarcodeFormat::CODE_39 => Code39Reader::default().decode_row(0, &row, hints),
                BarcodeFormat::CODE_93 => Code93Reader::default().decode_row(0, &row, hints),
                _ => CodaBarReader::default().decode_row(0, &row, hints),
            }));
            let read: Option<RXingResult> = read.ok().and_then(Result::ok);
            found.extend(read.map(|read| (symbology, read.getText().to_owned())));
        }
    }
    found
}

/// Bars and spaces along a line.
fn find_runs(
    luma: &Luma<'_>,
    line: &Line,
    manner: Manner,
    (finder, profile): (&mut EdgeFinder, &mut Vec<f32>),
    runs: &mut Runs,
) {
    take_profile(luma, line, manner.thickness, profile);
    if manner.is_inverted {
        profile.iter_mut().for_each(|value| *value = 255.0 - *value);
    }
    finder.find(profile, SENSITIVITY, manner.level, runs);
}

/// The ends of a code that spans a part of a line, in coordinates of the frame.
fn ends(line: &Line, span: (f32, f32), scale: f32) -> (Point, Point) {
    (line.at(span.0 - 0.5).scaled(scale), line.at(span.1 - 0.5).scaled(scale))
}

/// Runs between light margins: first, one past the last; both ends are bars.
#[derive(Clone, Copy)]
struct Stretch {
    first: usize,
    last: usize,
    /// Whether the line ended before a margin was seen: the code may be cut off there.
    is_cut: bool,
}

/// Stretches of bars between spaces that are [`MARGIN_RUNS`] times as wide as the runs beside them.
fn stretches(runs: &Runs, found: &mut Vec<Stretch>) {
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
        !runs.is_dark(index) && runs.width(index) > MARGIN_RUNS * mean(left).min(mean(right))
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
        if (STRETCH_RUNS_MIN..=STRETCH_RUNS_MAX).contains(&length) && found.len() < STRETCHES_MAX {
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
    // Whole bits a pixel, so that no width is rounded twice.
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
