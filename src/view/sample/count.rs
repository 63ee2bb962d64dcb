//! Samples of the count view, with a drawn shelf for the picture that stands still.

use super::{DAY_MS, NOW_MS, Sample, Scene, Shop, message};
use crate::app::count_picture::{CountPicture, PackMark, PackState};
use crate::app::intent::{Role, View};
use crate::app::screen::{CountRow, ScanOutcome, Screen, Severity, StockState};
use crate::app::viewfinder::{Corners, Frame};
use domain::quantity::{Quantity, Unit};

/// Scenes of the count view.
pub(super) fn samples(shop: &Shop) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name: &'static str, screen: Screen, has_still: bool| {
        let scene = Scene { has_still, is_unread: true, ..Scene::default() };
        samples.push(Sample { name, screen, delivery_step: 0, scene });
    };
    add("count-empty", shop.count(0), false);
    add("count", shop.count_live(), false);
    add("count-all-in-view", shop.count_composed(), false);
    add("count-picture", shop.count_picture(), true);
    add("count-compare", shop.count_compared(), false);
    add("count-of-other", shop.count_of_other(), false);
    add("count-expired", shop.count_expired(), false);
    samples
}

impl Shop {
    fn count(&self, lines: usize) -> Screen {
        let mut screen = self.base(View::Count);
        screen.role = Role::Associate;
        screen.count.lines = (0..lines).map(|at| self.counted(at)).collect();
        screen.count.article_count = lines as u32;
        screen.count.piece_count = lines as u32 * 7;
        screen.count.page_count = 1;
        screen.count.can_undo = lines > 0;
        screen.count.can_take_picture = true;
        screen.count.begun_by = self.goods.staff[0].to_owned();
        screen.count.begun_at = self.format.date_time(NOW_MS - 1_500_000);
        screen
    }

    fn counted(&self, at: usize) -> CountRow {
        let (row, _) = self.line(at);
        let amount = [12, 3, 1, 4_345, 0, 124, 8][at % 7];
        let unit = if row.is_countable { Unit::Piece } else { Unit::Gram };
        CountRow {
            id: row.id,
            name: row.name,
            code: row.code,
            quantity: self.format.quantity(Quantity::new(amount, unit)),
            quantity_value: amount,
            is_countable: row.is_countable,
            ..CountRow::default()
        }
    }

    fn count_live(&self) -> Screen {
        let mut screen = self.count(7);
        screen.count.lines[0].is_fresh = true;
        screen.sell.outcome = ScanOutcome::Again;
        screen.sell.outcome_serial = 1;
        screen
    }

    fn count_composed(&self) -> Screen {
        let mut screen = self.count(7);
        screen.count.is_all_in_view = true;
        screen.count.is_looking = true;
        screen
    }

    fn count_picture(&self) -> Screen {
        let mut screen = self.count_composed();
        screen.count.is_looking = false;
        screen.count.lines[0].is_fresh = true;
        let states = [
            PackState::Counted,
            PackState::Counted,
            PackState::Unknown,
            PackState::Counted,
            PackState::Expired,
            PackState::Counted,
            PackState::Counted,
        ];
        // The last pack of the shelf was not read at all: it has no frame.
        let marks =
            states.iter().zip(packs()).map(|(state, corners)| PackMark { state: *state, corners });
        screen.count.picture = Some(CountPicture {
            marks: marks.collect(),
            counted: 5,
            before: 1,
            unknown: 1,
            expired: 1,
            other: 0,
        });
        screen
    }

    /// Differences first, then what cannot be compared.
    fn count_compared(&self) -> Screen {
        let mut screen = self.count(7);
        screen.count.is_comparing = true;
        screen.count.differs = 3;
        screen.count.unknown = 2;
        for (at, line) in screen.count.lines.iter_mut().enumerate() {
            let unit = if line.is_countable { Unit::Piece } else { Unit::Gram };
            let (state, stock) = [
                (StockState::Differs, 14),
                (StockState::Differs, 1),
                (StockState::Differs, 1_208),
                (StockState::OtherUnit, 0),
                (StockState::Unknown, 0),
                (StockState::Equal, 124),
                (StockState::Equal, 8),
            ][at];
            let difference = line.quantity_value - stock;
            line.state = state;
            if matches!(state, StockState::Differs | StockState::Equal) {
                let sign = if difference > 0 { "+" } else { "" };
                let in_unit = |amount| self.format.quantity(Quantity::new(amount, unit));
                line.stock = in_unit(stock);
                line.difference = format!("{sign}{}", in_unit(difference));
            }
        }
        screen
    }

    /// A long list that the person of the day before has left, on a device without a camera.
    fn count_of_other(&self) -> Screen {
        let mut screen = self.count(7);
        screen.count.is_of_other = true;
        screen.count.can_take_picture = false;
        screen.count.can_undo = false;
        screen.count.page_count = 50;
        screen.count.article_count = 4_987;
        screen.count.piece_count = 61_204;
        screen.count.begun_by = self.goods.staff[2].to_owned();
        screen.status.camera = "none".to_owned();
        let arguments = [screen.count.begun_by.as_str(), screen.count.begun_at.as_str()];
        screen.message = Some(message(Severity::Information, "count-of-other", &arguments));
        screen
    }

    /// The longest of what a scan may be answered with.
    fn count_expired(&self) -> Screen {
        let mut screen = self.count_live();
        screen.sell.outcome = ScanOutcome::TakeOut;
        let day = self.format.date(NOW_MS - DAY_MS);
        let words = message(Severity::Error, "count-expired-same-pack", &[&day]);
        screen.message = Some(words);
        screen
    }
}

const WIDTH: usize = 960;
const HEIGHT: usize = 720;
const COLUMNS: usize = 4;

/// The code of each pack of the drawn shelf, in fractions of it.
fn packs() -> Vec<Corners> {
    let of = |at: usize| {
        let (left, top) = place(at);
        let (right, bottom) = (left + CODE_WIDTH, top + CODE_HEIGHT);
        let corner = |x: f32, y: f32| (x / WIDTH as f32, y / HEIGHT as f32);
        [corner(left, top), corner(right, top), corner(right, bottom), corner(left, bottom)]
    };
    (0..2 * COLUMNS).map(of).collect()
}

const CODE_WIDTH: f32 = 150.0;
const CODE_HEIGHT: f32 = 84.0;

/// Top left of a pack's code.
fn place(at: usize) -> (f32, f32) {
    let (column, row) = ((at % COLUMNS) as f32, (at / COLUMNS) as f32);
    (42.0 + column * 235.0, 190.0 + row * 330.0 + column * 6.0)
}

/// A shelf with eight packs, as a camera would give it. Drawn, so that the sheet needs no photograph.
pub fn shelf() -> Frame {
    let mut frame = Frame::filled(WIDTH, HEIGHT, 0);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let grey = grey_at(x as f32, y as f32);
            let noise = ((x * 73 + y * 151 + (x * y) % 97) % 9) as f32 - 4.0;
            frame.luma[y * frame.stride + x] = (grey + noise).clamp(0.0, 255.0) as u8;
        }
    }
    frame
}

fn grey_at(x: f32, y: f32) -> f32 {
    // Boards of the shelf.
    if (320.0..352.0).contains(&y) || y > 660.0 {
        return 96.0;
    }
    for at in 0..2 * COLUMNS {
        let (left, top) = place(at);
        let (u, v) = (x - left, y - top);
        if !(-24.0..CODE_WIDTH + 24.0).contains(&u) || !(-130.0..CODE_HEIGHT + 40.0).contains(&v) {
            continue;
        }
        if (0.0..CODE_WIDTH).contains(&u) && (0.0..CODE_HEIGHT).contains(&v) {
            // No real code: bars of widths that look like some.
            let module = (u / 2.6) as usize;
            let is_bar = (module * module + at * 7 + module / 3) % 5 < 2;
            return if is_bar { 40.0 } else { 228.0 };
        }
        if (-10.0..CODE_WIDTH + 10.0).contains(&u) && (-10.0..CODE_HEIGHT + 10.0).contains(&v) {
            return 230.0;
        }
        return 132.0 + (at * 37 % 70) as f32 - if v < -70.0 { 34.0 } else { 0.0 };
    }
    52.0
}
