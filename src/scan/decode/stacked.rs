//! The rows of a stacked DataBar, at the angle at which they lie.
//!
//! A row is as low as five modules (ISO/IEC 24724:2011, 5.3), and two lines that share no pixel must
//! have seen it. The lines that look for bars are spread over all of them, and the separators between
//! the rows part what the locator finds. So where those lines agree on one row and nothing is read,
//! the whole place is swept: lines as near as they may be, over more than the bars that were found,
//! at angles so near to one another that a line does not leave its row.

use super::{Decoder, Level, Shot, manner};
use crate::confirm::Read;
use crate::evidence::Strategy;
use crate::frame::Point;
use crate::line::through;
use crate::locate::Bars;
use crate::outline::contains;

/// Pixels between two lines: nearer ones have pixels in common and do not count.
const SPACING: f32 = 2.0;
/// More lines than these are not laid over one symbol; larger ones have higher rows.
const LINES_MAX: f32 = 400.0;
/// Degrees beside the angle that was found, which the separators and a dotted edge pull away.
pub(super) const TURNS: [f32; 5] = [0.0, 1.0, -1.0, 2.0, -2.0];
const LEVELS: [Level; 2] = [Level::Envelope, Level::Midpoint];

impl Decoder {
    /// Sweeps the place of bars in which a row was seen, until a code there is believed.
    pub(super) fn study_rows(&mut self, shot: &Shot<'_>, bars: &Bars, reads: &mut Vec<Read>) {
        let middle = bars.middle.scaled(shot.scale);
        for turn in TURNS {
            for level in LEVELS {
                if reads.iter().any(|read| contains(&read.outline, middle)) || shot.is_late() {
                    return;
                }
                self.sweep_rows(shot, bars, turn, level);
                self.elect(shot, reads);
            }
        }
    }

    /// One sweep, that many degrees beside the angle of the bars.
    pub(super) fn sweep_rows(&mut self, shot: &Shot<'_>, bars: &Bars, turn: f32, level: Level) {
        let size = (shot.picture.width(), shot.picture.height());
        let degrees = bars.degrees + turn;
        let radians = degrees.to_radians();
        let across = Point::new(-radians.sin(), radians.cos());
        // What was found may be one row of several, or a part of one.
        let reach = bars.length * 0.75 + 60.0;
        let aside_max = bars.height / 2.0 + bars.length;
        let spacing = SPACING.max(2.0 * aside_max / LINES_MAX);
        let count = (2.0 * aside_max / spacing) as usize;
        let sweeping = self.begin_sweep(shot, Strategy::Located);
        // Every second line first: the others then meet rows that are known, and vote.
        for index in (0..=count).step_by(2).chain((1..=count).step_by(2)) {
            let aside = index as f32 * spacing - aside_max;
            let at = Point::new(bars.middle.x + across.x * aside, bars.middle.y + across.y * aside);
            let is_inside =
                (0.0..size.0 as f32).contains(&at.x) && (0.0..size.1 as f32).contains(&at.y);
            if let Some(line) = through(at, degrees, reach, size).filter(|_| is_inside) {
                self.read_line(shot, &line, manner(level, 0.0));
            }
        }
        self.ballot.count(sweeping, &mut self.sightings);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::decode::databar_character::Characters;
    use crate::decode::databar_expanded::FINDERS;
    use crate::decode::drawing::Drawing;
    use crate::decode::{Decoder, Options};
    use crate::frame::Frame;

    const TEXT: &str = "01950123456789033103001750";

    /// The bars of both rows of [`TEXT`], guards included, light first: two pairs, and one set in by
    /// a module as ISO/IEC 24724:2011, 7.2.8 wants it.
    fn rows() -> [Vec<bool>; 2] {
        let digits = |from: usize, to: usize| TEXT[from..to].parse::<u64>().unwrap();
        // Linkage, method of a weight in grams, four times three digits behind the 9, the weight.
        let mut bits = 0b00100;
        for from in [3, 6, 9, 12] {
            bits = bits << 10 | digits(from, from + 3);
        }
        bits = bits << 15 | digits(20, 26);
        let values: Vec<u32> = (0..5).rev().map(|k| (bits >> (12 * k) & 4095) as u32).collect();
        let characters = Characters::expanded();
        // The rows of weights of the characters behind the check character (table 14).
        let weights = [0, 5, 6, 3, 4].map(|row| (0..8 * row).fold(1, |power, _| power * 3 % 211));
        let mut sum = 0;
        for (value, mut weight) in values.iter().zip(weights) {
            for width in characters.widths(*value) {
                sum = (sum + weight * u32::from(width)) % 211;
                weight = weight * 3 % 211;
            }
        }
        let widths = |value: u32| characters.widths(value).to_vec();
        let back = |widths: Vec<u8>| widths.into_iter().rev().collect::<Vec<u8>>();
        let finder = |index: usize| [&FINDERS[index][..], &[1]].concat();
        let (check, v) = (widths(211 * (6 - 4) + sum), values.into_iter().map(widths));
        let v: Vec<Vec<u8>> = v.collect();
        let parts = [
            vec![
                check,
                finder(0),
                back(v[0].clone()),
                v[1].clone(),
                back(finder(1)),
                back(v[2].clone()),
            ],
            vec![v[3].clone(), finder(1), back(v[4].clone())],
        ];
        let mut guards = [[1, 1], [2, 1]].into_iter();
        parts.map(|parts| {
            let guard = guards.next().unwrap();
            let all = [&guard[..], &parts.concat(), &[1, 1]].concat();
            let is_dark = |(k, width): (usize, &u8)| vec![k % 2 == 1; usize::from(*width)];
            all.iter().enumerate().flat_map(is_dark).collect()
        })
    }

    /// What of the symbol is dark, with rows `high` modules high and the separator between them.
    fn is_dark(rows: &[Vec<bool>; 2], high: usize, column: usize, at: usize) -> bool {
        let bar = |row: usize| rows[row].get(column).copied();
        match at.checked_sub(high) {
            None => bar(0).unwrap_or(false),
            Some(0) => bar(0).is_some_and(|is_dark| !is_dark) && column > 3,
            Some(1) => column % 2 == 1 && column > 3,
            Some(2) => bar(1).is_some_and(|is_dark| !is_dark) && column > 3,
            Some(_) => bar(1).unwrap_or(false),
        }
    }

    fn drawn(high: usize, module: f32, ground: u8, degrees: f32) -> Frame {
        let rows = rows();
        let drawing = Drawing {
            size: (rows[0].len(), 2 * high + 3),
            module,
            ground,
            is_dark: &|column, at| is_dark(&rows, high, column, at),
        };
        drawing.turned(degrees)
    }

    fn texts(high: usize, module: f32, ground: u8, degrees: f32) -> Vec<String> {
        let frame = drawn(high, module, ground, degrees);
        let reads = Decoder::new(Options::default()).study(frame.view().unwrap(), &|| false);
        reads.into_iter().map(|read| read.text).collect()
    }

    #[test]
    fn an_expanded_symbol_of_two_rows_is_read_however_it_is_turned() {
        for degrees in [0.0, 9.0, 17.0, 38.0, 52.0, 75.0, 128.0, 201.0, 330.0] {
            for (high, module) in [(34, 2.0), (14, 2.2), (8, 3.0)] {
                assert_eq!(texts(high, module, 225, degrees), [TEXT], "{degrees} {high}");
            }
        }
    }

    /// In a stream, within a third of a second.
    #[test]
    fn an_expanded_symbol_of_two_rows_is_read_in_a_stream() {
        for degrees in [0.0, 17.0, 38.0, 75.0] {
            let frame = drawn(14, 2.5, 225, degrees);
            let mut decoder = Decoder::new(Options::default());
            let mut look =
                |turn: u64| decoder.look(frame.view().unwrap(), 1 + turn * 33, &|| false);
            let read = (0..10).find_map(|turn| look(turn).pop());
            assert_eq!(read.map(|read| read.text).as_deref(), Some(TEXT), "{degrees}");
        }
    }

    /// A label that is cut out tightly: its outer bars run into the ground.
    #[test]
    fn an_expanded_symbol_on_dark_ground_is_read() {
        for degrees in [0.0, 17.0, 38.0] {
            assert_eq!(texts(20, 2.5, 30, degrees), [TEXT], "{degrees}");
        }
    }
}
