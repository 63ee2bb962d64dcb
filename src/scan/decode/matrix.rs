//! QR Code and Data Matrix, by rxing's readers in a fixed order.
//!
//! Reed–Solomon makes one read enough. The readers are called one by one and never through rxing's
//! multi-format reader, whose order is that of a hash set. A reader that panics on a hostile
//! picture costs that one look and nothing else.

use super::dots::DotReader;
use super::figure;
use super::finder::PatternFinder;
use super::grid::Print;
use super::luma_source::LumaSource;
use super::qr_grid;
use crate::frame::{Frame, Luma, Outline, Point};
use domain::code::Symbology;
use rxing::common::HybridBinarizer;
use rxing::datamatrix::DataMatrixReader;
use rxing::multi::MultipleBarcodeReader;
use rxing::qrcode::QRCodeReader;
use rxing::qrcode::cpp_port::QrReader;
use rxing::{BarcodeFormat, BinaryBitmap, DecodeHints, RXingResult, Reader};
use rxing::{RXingResultMetadataType, RXingResultMetadataValue};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A two-dimensional code as read.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixRead {
    /// QR Code, Data Matrix, or their GS1 forms.
    pub symbology: Symbology,
    /// The text; FNC1 as GS, without a leading one.
    pub text: String,
    /// Its corners in pixels of the picture that was looked at.
    pub outline: Outline,
}

/// How one look at a picture is taken.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Light on dark instead of dark on light.
    pub is_inverted: bool,
    /// Spend several times as long on finding finder patterns and edges.
    pub is_thorough: bool,
    /// No QR Code is looked for among more than this many finder patterns.
    pub patterns_max: usize,
}

/// In a frame of a stream: five codes, and what print between them looks like.
pub const STREAM_PATTERNS_MAX: usize = 20;
/// In a still.
pub const STILL_PATTERNS_MAX: usize = 60;

/// More codes than this are not taken from one picture.
pub const CODES_MAX: usize = 64;

fn wants_qr(wanted: &impl Fn(Symbology) -> bool) -> bool {
    wanted(Symbology::QrCode) || wanted(Symbology::Gs1QrCode)
}

fn wants_dots(wanted: &impl Fn(Symbology) -> bool) -> bool {
    wanted(Symbology::DataMatrix) || wanted(Symbology::Gs1DataMatrix)
}

type Bitmap<'a> = BinaryBitmap<HybridBinarizer<LumaSource<'a>>>;

fn contain<T>(work: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok().flatten()
}

/// Reads pictures; keeps its memory.
#[derive(Default)]
pub struct MatrixReader {
    patterns: PatternFinder,
    dots: DotReader,
    clean: Frame,
}

impl MatrixReader {
    /// Reads what is wanted from one picture.
    pub fn read(
        &mut self,
        luma: Luma<'_>,
        look: Look,
        wanted: impl Fn(Symbology) -> bool,
        is_late: &dyn Fn() -> bool,
    ) -> Vec<MatrixRead> {
        let mut found = Vec::new();
        let wants_dots = wants_dots(&wanted);
        let has_patterns = wants_qr(&wanted) && {
            let count = self.patterns.count(&luma, look.is_inverted, look.patterns_max + 1);
            // Two seen here can be three for rxing, whose threshold is another.
            count <= look.patterns_max && (count >= 2 || look.is_thorough)
        };
        if !has_patterns && !wants_dots {
            return found;
        }
        let source = LumaSource::new(luma, look.is_inverted);
        let bitmap = contain(|| Some(BinaryBitmap::new(HybridBinarizer::new(source))));
        let Some(mut bitmap) = bitmap else { return found };
        if has_patterns {
            found.extend(read_qr(&mut bitmap, look).into_iter().filter_map(|read| named(&read)));
        }
        if wants_dots && !is_late() {
            let hints = DecodeHints { TryHarder: Some(look.is_thorough), ..DecodeHints::default() };
            let read = contain(|| DataMatrixReader.decode_with_hints(&mut bitmap, &hints).ok());
            found.extend(read.and_then(|read| named(&read)));
            if found.is_empty() && look.is_thorough && !is_late() {
                let is_still = look.patterns_max > STREAM_PATTERNS_MAX;
                let figures = if is_still { figure::FIGURES } else { 1 };
                let read = self.dots.read(&luma, look.is_inverted, figures, is_late);
                found.extend(read.and_then(|(read, outline)| {
                    named(&read).map(|read| MatrixRead { outline, ..read })
                }));
            }
        }
        found.retain(|read| wanted(read.symbology));
        found
    }

    /// Reads one code that is not flat: on cloth, on a bottle, on a crumpled receipt. For stills,
    /// where flat looks yield nothing; `is_late` is asked on the way.
    pub fn read_bent(
        &mut self,
        luma: Luma<'_>,
        is_inverted: bool,
        wanted: impl Fn(Symbology) -> bool,
        is_late: &dyn Fn() -> bool,
    ) -> Option<MatrixRead> {
        let mut read = None;
        if wants_qr(&wanted) {
            self.patterns.count(&luma, is_inverted, STILL_PATTERNS_MAX);
            let print = Print { luma, is_inverted };
            read = self.read_grid(&print, qr_grid::STILL, is_late);
            if read.is_none() {
                self.patterns.count_marginless(&luma, is_inverted, STILL_PATTERNS_MAX);
                read = self.read_grid(&print, qr_grid::STILL, is_late);
            }
        }
        if read.is_none() && wants_dots(&wanted) && !is_late() {
            read = self.dots.read_bent(&luma, is_inverted, is_late);
        }
        named_in_place(read?, wanted)
    }

    /// Reads one code that leans away: the same for streams, in less time: a QR Code bent a little,
    /// a Data Matrix in perspective only.
    pub fn read_leaning(
        &mut self,
        luma: Luma<'_>,
        is_inverted: bool,
        wanted: impl Fn(Symbology) -> bool,
        is_late: &dyn Fn() -> bool,
    ) -> Option<MatrixRead> {
        let mut read = None;
        if wants_qr(&wanted) {
            self.patterns.count(&luma, is_inverted, STREAM_PATTERNS_MAX);
            read = self.read_grid(&Print { luma, is_inverted }, qr_grid::STREAM, is_late);
        }
        if read.is_none() && wants_dots(&wanted) && !is_late() {
            read = self.dots.read(&luma, is_inverted, figure::FIGURES, is_late);
        }
        named_in_place(read?, wanted)
    }

    fn read_grid(
        &mut self,
        print: &Print<'_>,
        care: qr_grid::Care,
        is_late: &dyn Fn() -> bool,
    ) -> Option<(RXingResult, Outline)> {
        qr_grid::read(print, self.patterns.found(), care, &mut self.clean, is_late)
    }
}

fn read_qr(bitmap: &mut Bitmap<'_>, look: Look) -> Vec<RXingResult> {
    // Micro and rectangular micro QR carry few check words and nothing that a shop prints.
    let hints = DecodeHints {
        TryHarder: Some(look.is_thorough),
        PossibleFormats: Some(HashSet::from([BarcodeFormat::QR_CODE])),
        ..DecodeHints::default()
    };
    let many = contain(|| QrReader.decode_multiple_with_hints(bitmap, &hints).ok());
    let mut reads: Vec<RXingResult> = many.unwrap_or_default();
    reads.truncate(CODES_MAX);
    if reads.is_empty() && look.is_thorough {
        reads.extend(contain(|| QRCodeReader.decode_with_hints(bitmap, &hints).ok()));
    }
    reads
}

/// What a grid read, where the grid lies.
fn named_in_place(
    (read, outline): (RXingResult, Outline),
    wanted: impl Fn(Symbology) -> bool,
) -> Option<MatrixRead> {
    let read = named(&read).filter(|read| wanted(read.symbology))?;
    Some(MatrixRead { outline, ..read })
}

/// Puts our names to what rxing found.
fn named(read: &RXingResult) -> Option<MatrixRead> {
    let identifier =
        match read.getRXingResultMetadata().get(&RXingResultMetadataType::SYMBOLOGY_IDENTIFIER) {
            Some(RXingResultMetadataValue::SymbologyIdentifier(identifier)) => identifier.as_str(),
            _ => "",
        };
    // ISO/IEC 18004 annex F and ISO/IEC 16022 annex N: Q3, Q4 and d2, d5 have FNC1 in first
    // position.
    let (symbology, is_gs1) = match (read.getBarcodeFormat(), identifier) {
        (BarcodeFormat::QR_CODE, "]Q3" | "]Q4") => (Symbology::Gs1QrCode, true),
        (BarcodeFormat::QR_CODE, _) => (Symbology::QrCode, false),
        (BarcodeFormat::DATA_MATRIX, "]d2" | "]d5") => (Symbology::Gs1DataMatrix, true),
        (BarcodeFormat::DATA_MATRIX, _) => (Symbology::DataMatrix, false),
        _ => return None,
    };
    let text = read.getText();
    let text = if is_gs1 { text.strip_prefix('\u{1d}').unwrap_or(text) } else { text };
    (!text.is_empty()).then(|| MatrixRead {
        symbology,
        text: text.to_owned(),
        outline: outline(read),
    })
}

/// Four corners from the three or four points that rxing gives.
fn outline(read: &RXingResult) -> Outline {
    let points: Vec<Point> =
        read.getPoints().iter().map(|point| Point::new(point.x, point.y)).collect();
    match points[..] {
        // Finder patterns, that at the corner in the middle: of the plain QR reader.
        [bottom, corner, top] => [corner, top, fourth(bottom, corner, top), bottom],
        // The same with an alignment pattern; the other QR reader goes through its corners row by row.
        [a, b, c, d] if is_convex(&[a, b, d, c]) => [a, b, d, c],
        [a, b, c, d, ..] => [a, b, c, d],
        _ => [Point::default(); 4],
    }
}

fn fourth(bottom: Point, corner: Point, top: Point) -> Point {
    Point::new(bottom.x + top.x - corner.x, bottom.y + top.y - corner.y)
}

/// Whether the four points, in this order, enclose an area without crossing lines.
pub fn is_convex(quad: &Outline) -> bool {
    let turn = |index: usize| {
        let (a, b, c) = (quad[index], quad[(index + 1) % 4], quad[(index + 2) % 4]);
        (b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x)
    };
    let turns: [f32; 4] = std::array::from_fn(turn);
    turns.iter().all(|turn| *turn > 0.0) || turns.iter().all(|turn| *turn < 0.0)
}
