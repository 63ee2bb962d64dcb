//! Data Matrix codes whose borders rxing loses: found as a quadrangle, straightened, read by rxing.
//!
//! ```text
//! large dark figures (`figure`) -> quadrangle
//!   -> for each way up and each size of the standard: do the borders look right?
//!   -> corners moved until they look best -> modules drawn clean -> rxing corrects and decodes
//!   -> where nothing else reads: the same with a grid that bends, borders between regions included
//! ```
//! Two sides of a Data Matrix are solid and two dotted (ISO/IEC 16022, 5.2), so that a wrong size is
//! seen at the border; Reed–Solomon judges the rest. One code: for stills, and in turn for a stream.

use super::clock::Clock;
use super::dot_border::{FINE_MIN, Fit, Shade, border, likely_sizes, settled_fits, with_grid};
use super::figure::{FIGURES, FigureFinder};
use super::grid::{Grid, Print, SHARPENED};
use super::luma_source::LumaSource;
use super::quadrangle::Perspective;
use crate::frame::{Frame, Luma, Outline};
use rxing::common::GlobalHistogramBinarizer;
use rxing::datamatrix::DataMatrixReader;
use rxing::{BinaryBitmap, DecodeHints, RXingResult, Reader};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The share of the solid sides that must be right before dotted ones are counted.
const SOLID_MIN: f32 = 0.8;
/// Fits that are bent.
const BENT: usize = 2;

/// Finds and straightens; keeps its memory.
#[derive(Default)]
pub struct DotReader {
    figures: FigureFinder,
    clean: Frame,
    clock: Clock,
}

impl DotReader {
    /// Reads the code of which most is seen, one of the `figures` largest figures; its text as rxing
    /// gives it, and its corners. `is_late` is asked between figures and between sizes.
    pub fn read(
        &mut self,
        luma: &Luma<'_>,
        is_inverted: bool,
        figures: usize,
        is_late: &dyn Fn() -> bool,
    ) -> Option<(RXingResult, Outline)> {
        let (levels, quads) = self.figures.quads(luma, is_inverted, figures);
        let shade = Shade::new(luma, levels, is_inverted);
        let in_time = |_: &Outline| !is_late();
        quads.into_iter().flatten().take_while(in_time).find_map(|quad| {
            settled_fits(&shade, &quad).into_iter().take_while(|_| !is_late()).find_map(|fit| {
                let read = self.decode(&shade, &fit)?;
                Some((read, fit.quad))
            })
        })
    }

    /// The same for a code that is stretched or not flat: the grid bends before it is read. Dear, so
    /// that only what has two solid sides and two that count as a size of the standard is tried.
    pub fn read_bent(
        &mut self,
        luma: &Luma<'_>,
        is_inverted: bool,
        is_late: &dyn Fn() -> bool,
    ) -> Option<(RXingResult, Outline)> {
        let (levels, quads) = self.figures.quads(luma, is_inverted, FIGURES);
        let shade = Shade::new(luma, levels, is_inverted);
        let print = Print { luma: *luma, is_inverted };
        let counted =
            quads.into_iter().flatten().flat_map(|quad| self.counted(&print, &shade, &quad));
        let mut grids: Vec<(Fit, Grid)> = counted.take(BENT).collect();
        let settled = quads.into_iter().flatten().flat_map(|quad| settled_fits(&shade, &quad));
        grids.extend(settled.map(with_grid).take(BENT));
        grids.into_iter().find_map(|(fit, grid)| {
            let map = Perspective::onto(&fit.quad);
            let size = (fit.rows, fit.columns);
            let known = |row: usize, column: usize| border(size, row, column);
            let fixed = |row: usize, column: usize| {
                let is_seen = shade.is_inside(map.module(size, row, column));
                known(row, column).filter(|_| is_seen)
            };
            let grid = grid.settled(&print, &fixed, is_late);
            if is_late() || grid.share(&print, &fixed) < FINE_MIN {
                return None;
            }
            let read = SHARPENED.into_iter().find_map(|sharpened| {
                grid.draw(&print, sharpened, &known, &mut self.clean);
                decode_clean(self.clean.view()?)
            })?;
            Some((read, grid.outline()))
        })
    }

    /// Sizes whose dotted sides alternate as often as they should, with their modules where they do.
    fn counted(
        &mut self,
        print: &Print<'_>,
        shade: &Shade<'_>,
        quad: &Outline,
    ) -> Vec<(Fit, Grid)> {
        /// How deep in the outermost row the side is looked at, in modules: it may be bent.
        const DEPTHS: [f32; 3] = [0.5, 0.3, 0.8];
        let mut found = Vec::new();
        for turn in 0..4 {
            let turned: Outline = std::array::from_fn(|index| quad[(index + turn) % 4]);
            let map = Perspective::onto(&turned);
            for (rows, columns) in likely_sizes(&turned) {
                let fit = Fit::new(turned, (rows, columns));
                if shade.solid_share(&fit) < SOLID_MIN {
                    continue;
                }
                let across = DEPTHS.into_iter().find_map(|depth| {
                    let v = depth / rows as f32;
                    self.clock.middles(columns, |t| print.value(map.at(t, v)))
                });
                let Some(across) = across else { continue };
                let down = DEPTHS.into_iter().find_map(|depth| {
                    let u = 1.0 - depth / columns as f32;
                    self.clock.middles(rows, |t| print.value(map.at(u, 1.0 - t)))
                });
                let Some(down) = down else { continue };
                let down = down.into_iter().rev().map(|t| 1.0 - t).collect();
                let grid = Grid::over(rows, columns, |u, v| map.at(u, v));
                found.push((fit, grid.spaced(across, down)));
            }
        }
        found
    }

    /// Draws the modules without blur and slant, and lets rxing read them.
    fn decode(&mut self, shade: &Shade<'_>, fit: &Fit) -> Option<RXingResult> {
        const MODULE: usize = 4;
        let (width, height) = ((fit.columns + 2) * MODULE, (fit.rows + 2) * MODULE);
        self.clean.luma.clear();
        self.clean.luma.resize(width * height, 255);
        (self.clean.width, self.clean.height, self.clean.stride) = (width, height, width);
        let map = Perspective::onto(&fit.quad);
        let size = (fit.rows, fit.columns);
        for row in 0..fit.rows {
            for column in 0..fit.columns {
                // The border is known by now, and rxing measures modules there.
                let known = border(size, row, column);
                if known.unwrap_or_else(|| shade.is_dark(map.module(size, row, column))) {
                    for y in (row + 1) * MODULE..(row + 2) * MODULE {
                        let from = y * width + (column + 1) * MODULE;
                        self.clean.luma[from..from + MODULE].fill(0);
                    }
                }
            }
        }
        decode_clean(self.clean.view()?)
    }
}

fn decode_clean(luma: Luma<'_>) -> Option<RXingResult> {
    let hints = DecodeHints { PureBarcode: Some(true), ..DecodeHints::default() };
    let read = || {
        let source = LumaSource::new(luma, false);
        let mut bitmap = BinaryBitmap::new(GlobalHistogramBinarizer::new(source));
        DataMatrixReader.decode_with_hints(&mut bitmap, &hints).ok()
    };
    catch_unwind(AssertUnwindSafe(read)).ok().flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::decode::dot_border::otsu;
    use crate::decode::{Decoder, Options};
    use crate::evidence::Strategy;
    use crate::frame::Point;
    use rxing::{BarcodeFormat, MultiFormatWriter, Writer};

    const TEXT: &str = "Lot 42, to be used before the summer of next year";
    /// Places of a module that are drawn, along its sides: more than it has pixels.
    const DENSITY: usize = 20;
    /// A code seen from the side: its corners are those of a kite.
    const KITE: [(f32, f32); 4] = [(40.0, 30.0), (230.0, 50.0), (250.0, 240.0), (20.0, 200.0)];

    /// The code between those corners; `bend` moves what lies within, in parts of the sides.
    fn drawn(bend: impl Fn(f32, f32) -> (f32, f32)) -> (Frame, Outline) {
        drawn_at(KITE, bend)
    }

    /// The same between others, of which the picture may cut some off.
    fn drawn_at(
        corners: [(f32, f32); 4],
        bend: impl Fn(f32, f32) -> (f32, f32),
    ) -> (Frame, Outline) {
        let bits = MultiFormatWriter.encode(TEXT, &BarcodeFormat::DATA_MATRIX, 1, 1).unwrap();
        let (columns, rows) = (bits.getWidth() as usize, bits.getHeight() as usize);
        let quad = corners.map(|(x, y)| Point::new(x, y));
        let map = Perspective::onto(&quad);
        let mut frame = Frame::filled(280, 280, 220);
        for row in 0..rows * DENSITY {
            for column in 0..columns * DENSITY {
                if bits.get((column / DENSITY) as u32, (row / DENSITY) as u32) {
                    let part =
                        |at: usize, count: usize| (at as f32 + 0.5) / (count * DENSITY) as f32;
                    let (u, v) = bend(part(column, columns), part(row, rows));
                    let at = map.at(u, v);
                    if at.x >= 0.0 && at.y >= 0.0 && at.x < 280.0 && at.y < 280.0 {
                        frame.luma[at.y as usize * 280 + at.x as usize] = 30;
                    }
                }
            }
        }
        (frame, quad)
    }

    fn assert_read(frame: &Frame, quad: &Outline) {
        let (read, outline) =
            DotReader::default().read(&frame.view().unwrap(), false, 1, &|| false).unwrap();
        assert_eq!(read.getText(), TEXT);
        for (found, drawn) in outline.iter().zip(quad) {
            assert!(found.distance(*drawn) < 8.0, "{outline:?}");
        }
    }

    #[test]
    fn a_code_in_perspective_is_straightened() {
        let (frame, quad) = drawn(|u, v| (u, v));
        assert_read(&frame, &quad);
    }

    /// A pack that leans away, in a picture that is cut out tightly: both corners of the near side lie
    /// beyond its edge.
    const LEANING: [(f32, f32); 4] = [(14.0, -12.0), (240.0, 26.0), (240.0, 248.0), (14.0, 292.0)];

    #[test]
    fn a_leaning_code_that_the_edge_cuts_is_read() {
        for corners in [LEANING, LEANING.map(|(x, y)| (280.0 - x, 280.0 - y))] {
            let (frame, quad) = drawn_at(corners, |u, v| (u, v));
            let view = frame.view().unwrap();
            let (read, outline) =
                DotReader::default().read(&view, false, FIGURES, &|| false).unwrap();
            assert_eq!(read.getText(), TEXT);
            for (found, drawn) in outline.iter().zip(quad) {
                assert!(found.distance(drawn) < 12.0, "{outline:?}");
            }
        }
    }

    /// Held before a camera it is read within a second.
    #[test]
    fn a_stream_reads_a_leaning_code_that_the_edge_cuts() {
        let (frame, _) = drawn_at(LEANING, |u, v| (u, v));
        let luma = frame.view().unwrap();
        let mut decoder = Decoder::new(Options::default());
        let read = (0..30)
            .find_map(|look| decoder.look(luma, 1 + 33 * look, &|| false).into_iter().next())
            .unwrap();
        assert_eq!((read.text.as_str(), read.evidence.strategy), (TEXT, Strategy::Leaning));
    }

    /// Print beneath a code lies within the box of a side that leans.
    #[test]
    fn print_beneath_a_leaning_code_is_not_of_it() {
        let (mut frame, _) =
            drawn_at([(20.0, 14.0), (240.0, 40.0), (240.0, 220.0), (20.0, 262.0)], |u, v| (u, v));
        for x in (90..236).filter(|x| x % 9 < 6) {
            for y in [252, 253, 257, 258] {
                frame.luma[y * 280 + x] = 30;
            }
        }
        let read = DotReader::default().read(&frame.view().unwrap(), false, FIGURES, &|| false);
        assert_eq!(read.unwrap().0.getText(), TEXT);
    }

    /// Modules that mean nothing, some of them within a border that looks like one.
    #[test]
    fn noise_holds_no_code() {
        let mut state = 4711u32;
        let mut is_dark = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 31 == 1
        };
        for round in 0..40 {
            let (side, size) = (6 + round % 5, 16 + 2 * (round % 6));
            let mut frame = Frame::filled(200, 200, 210);
            for (row, column) in (0..size * size).map(|k| (k / size, k % size)) {
                let known = border((size, size), row, column).filter(|_| round % 2 == 0);
                if known.unwrap_or_else(&mut is_dark) {
                    for y in 0..side {
                        let from = (10 + row * side + y) * 200 + 10 + column * side;
                        if 10 + row * side + y < 200 && (column + 1) * side + 10 < 200 {
                            frame.luma[from..from + side].fill(40);
                        }
                    }
                }
            }
            let view = frame.view().unwrap();
            let mut reader = DotReader::default();
            assert!(reader.read(&view, false, FIGURES, &|| false).is_none(), "{round}");
            assert!(reader.read_bent(&view, false, &|| false).is_none(), "{round}, bent");
        }
    }

    /// On the screen of a telephone, say: the rim reaches into the box of the code.
    #[test]
    fn a_rim_around_a_code_is_not_of_it() {
        let (mut frame, quad) = drawn(|u, v| (u, v));
        let rim = [(30.0, 12.0), (250.0, 34.0), (272.0, 262.0), (5.0, 216.0)];
        for side in 0..4 {
            let ((ax, ay), (bx, by)) = (rim[side], rim[(side + 1) % 4]);
            for step in 0..1000 {
                let t = step as f32 / 1000.0;
                let (x, y) = (ax + t * (bx - ax), ay + t * (by - ay));
                for index in [0, 1, 280, 281] {
                    frame.luma[y as usize * 280 + x as usize + index] = 30;
                }
            }
        }
        let mut reader = DotReader::default();
        let (_, quads) = reader.figures.quads(&frame.view().unwrap(), false, FIGURES);
        let is_drawn = |found: &Outline| {
            quad.iter().all(|corner| found.iter().any(|at| at.distance(*corner) < 8.0))
        };
        assert!(quads.iter().flatten().any(is_drawn), "{quads:?}");
        let read = reader.read(&frame.view().unwrap(), false, FIGURES, &|| false);
        assert_eq!(read.unwrap().0.getText(), TEXT);
    }

    /// Straight sides around what swells, as on a cushion: the borders fit, the modules do not. A
    /// blot lies on a dotted side, which cannot be counted then.
    #[test]
    fn what_swells_between_straight_sides_is_bent() {
        let (mut frame, quad) = drawn(|u, v| {
            let swell = 16.0 * u * (1.0 - u) * v * (1.0 - v);
            (u + 0.06 * swell, v + 0.04 * swell)
        });
        let map = Perspective::onto(&quad);
        for step in 0..100 * 25 {
            let at = map.at(0.3 + (step % 100) as f32 * 0.002, (step / 100) as f32 * 0.0018);
            frame.luma[at.y as usize * 280 + at.x as usize] = 30;
        }
        let view = frame.view().unwrap();
        assert!(DotReader::default().read(&view, false, 1, &|| false).is_none(), "flat");
        let read = DotReader::default().read_bent(&view, false, &|| false).unwrap().0;
        assert_eq!(read.getText(), TEXT);
    }

    /// No pixel is grey, and yet what lies between two is.
    #[test]
    fn a_picture_of_two_colours_is_parted_in_the_middle() {
        let mut frame = Frame::filled(40, 40, 255);
        frame.luma[..600].fill(0);
        assert_eq!(otsu(&frame.view().unwrap()), (127.5, 255.0));
        frame.luma[0] = 90;
        assert!((100.0..150.0).contains(&otsu(&frame.view().unwrap()).0));
    }

    #[test]
    fn an_empty_picture_and_a_bar_hold_no_code() {
        let mut frame = Frame::filled(60, 60, 200);
        assert!(DotReader::default().read(&frame.view().unwrap(), false, 1, &|| false).is_none());
        (20..40).for_each(|y| frame.luma[y * 60 + 10..y * 60 + 50].fill(10));
        assert!(DotReader::default().read(&frame.view().unwrap(), false, 1, &|| false).is_none());
    }
}
