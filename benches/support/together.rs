//! Several photographs in one picture: a shelf that is counted, a box that is received.
//!
//! A photograph usually shows one code. Twelve of them on one ground show twelve, of every kind and size, and a reader
//! that stops at the first is found out. The same pictures stand together on every machine, and no text stands twice in
//! one, since a code is told once.

use super::alter::resized;
use super::corpus::{Found, Outcome, Picture};
use super::engine::Engine;
use scan::Frame;
use std::path::Path;

/// Photographs across and down: of a still, and of a frame that a camera gives.
pub const STILL: (usize, usize) = (4, 3);
pub const FRAME: (usize, usize) = (2, 2);
/// What a photograph may take of the ground, and what lies between two.
const CELL: (usize, usize) = (640, 480);
const GAP: usize = 24;
const GROUND: u8 = 150;

/// Photographs on one ground, none of which has a text of another.
struct Shelf<'a> {
    shown: Vec<&'a (usize, Picture)>,
}

/// What of a group was read by the first engine alone and among others, and by the others among others.
#[derive(Clone, Default)]
pub struct Count {
    pub shown: u32,
    pub alone: u32,
    pub together: Vec<u32>,
}

/// What is known of all shelves.
pub struct Report {
    /// Of each group its count.
    pub counts: Vec<Count>,
    /// Numbers that no photograph of a shelf shows, of each engine.
    pub wrong: Vec<u32>,
    /// Microseconds of each engine for each shelf.
    pub micros: Vec<Vec<u64>>,
}

fn fitted(frame: &Frame) -> Frame {
    let Some(luma) = frame.view() else { return frame.clone() };
    let factor = (CELL.0 as f32 / luma.width() as f32).min(CELL.1 as f32 / luma.height() as f32);
    if factor < 1.0 { resized(&luma, factor) } else { luma.to_frame() }
}

fn put(cell: &Frame, at: usize, across: usize, ground: &mut Frame) {
    let (column, row) = (at % across, at / across);
    let left = GAP + column * (CELL.0 + GAP) + (CELL.0 - cell.width.min(CELL.0)) / 2;
    let top = GAP + row * (CELL.1 + GAP) + (CELL.1 - cell.height.min(CELL.1)) / 2;
    for y in 0..cell.height.min(CELL.1) {
        let width = cell.width.min(CELL.0);
        let begin = (top + y) * ground.stride + left;
        let from = y * cell.stride;
        ground.luma[begin..begin + width].copy_from_slice(&cell.luma[from..from + width]);
    }
}

/// Puts each picture on the first shelf with a place left and no text of its own.
fn shelves(pictures: &[(usize, Picture)], places: usize) -> Vec<Shelf<'_>> {
    // Neighbours in a set show the same article: they are taken far from one another, each once.
    let count = pictures.len();
    let shares_a_divisor =
        |step: usize| (2..=step).any(|by| step.is_multiple_of(by) && count.is_multiple_of(by));
    let stride = (211..).find(|step| !shares_a_divisor(*step)).unwrap_or(1);
    let mut shelves: Vec<Shelf<'_>> = Vec::new();
    for index in 0..pictures.len() {
        let picture = &pictures[index * stride % pictures.len()];
        let is_free = |shelf: &&mut Shelf<'_>| {
            let is_other = |other: &&(usize, Picture)| !other.1.shares_a_truth_with(&picture.1);
            shelf.shown.len() < places && shelf.shown.iter().all(is_other)
        };
        match shelves.iter_mut().find(is_free) {
            Some(shelf) => shelf.shown.push(picture),
            None => shelves.push(Shelf { shown: vec![picture] }),
        }
    }
    shelves
}

/// Shows all pictures to all engines, so many across and down at a time; each is counted in the one of so many groups
/// that it names.
pub fn look(
    pictures: &[(usize, Picture)],
    groups: usize,
    engines: &mut [Box<dyn Engine>],
    (across, down): (usize, usize),
    (is_verbose, keep): (bool, Option<&Path>),
) -> Report {
    let empty = Count { together: vec![0; engines.len()], ..Count::default() };
    let mut report = Report {
        counts: vec![empty; groups],
        wrong: vec![0; engines.len()],
        micros: vec![Vec::new(); engines.len()],
    };
    for (index, shelf) in shelves(pictures, across * down).into_iter().enumerate() {
        let size = (GAP + across * (CELL.0 + GAP), GAP + down * (CELL.1 + GAP));
        let mut ground = Frame::filled(size.0, size.1, GROUND);
        let cells: Vec<Frame> =
            shelf.shown.iter().map(|(_, picture)| fitted(&picture.frame())).collect();
        for (index, cell) in cells.iter().enumerate() {
            put(cell, index, across, &mut ground);
        }
        if let Some(folder) = keep {
            super::keep_picture(&ground, folder, &format!("together-{index}"));
        }
        // What a photograph shows beside its truth is there among others too.
        let alone: Vec<Vec<Vec<Found>>> = cells
            .iter()
            .map(|cell| engines.iter_mut().map(|engine| engine.read_all(cell).found).collect())
            .collect();
        for (number, engine) in engines.iter_mut().enumerate() {
            let reading = engine.read_all(&ground);
            report.micros[number].push(reading.micros);
            for ((group, picture), alone) in shelf.shown.iter().zip(&alone) {
                let count = &mut report.counts[*group];
                let is_read = |found: &[Found]| picture.shows_one_of(found);
                let is_together = is_read(&reading.found);
                if number == 0 {
                    count.shown += 1;
                    count.alone += u32::from(is_read(&alone[0]));
                    if is_verbose && is_read(&alone[0]) != is_together {
                        println!(
                            "  {}: {} among others",
                            picture.name(),
                            if is_together { "read" } else { "lost" }
                        );
                    }
                }
                count.together[number] += u32::from(is_together);
            }
            // What another reader saw there is there.
            let others = |alone: &'_ Vec<Vec<Found>>| {
                let of_others = alone.iter().enumerate().filter(|(engine, _)| *engine != number);
                of_others.flat_map(|(_, found)| found.clone()).collect::<Vec<Found>>()
            };
            let is_shown = |found: &&Found| {
                let one = std::slice::from_ref(*found);
                shelf.shown.iter().any(|(_, picture)| picture.outcome(one) == Outcome::Hit)
                    || alone.iter().flat_map(others).any(|known| known.text == found.text)
            };
            for found in reading.found.iter().filter(|found| !is_shown(found)) {
                report.wrong[number] += 1;
                if number == 0 || is_verbose {
                    println!("  {}: {} on none of them", engine.name(), found.text);
                }
            }
        }
    }
    report
}

/// What of equal packs in one picture was counted.
#[derive(Clone, Default)]
pub struct Copies {
    pub shown: u32,
    /// Of each engine, never more than there are.
    pub counted: Vec<u32>,
    /// Of each engine, those that are not there.
    pub over: Vec<u32>,
}

/// Every fifth photograph of which the first engine reads the code: as many copies of it as a still has places, each a
/// little smaller than the one before.
pub fn count_copies(
    pictures: &[(usize, Picture)],
    groups: usize,
    engines: &mut [Box<dyn Engine>],
    is_verbose: bool,
) -> Vec<Copies> {
    const EVERY: usize = 5;
    const SMALLER: f32 = 0.01;
    let (across, down) = STILL;
    let none = vec![0; engines.len()];
    let empty = Copies { shown: 0, counted: none.clone(), over: none };
    let mut counts = vec![empty; groups];
    for (group, picture) in pictures.iter().step_by(EVERY) {
        let cell = fitted(&picture.frame());
        let alone = engines.first_mut().map(|engine| engine.read_all(&cell).found);
        let is_true = |found: &&Found| picture.shows_one_of(std::slice::from_ref(*found));
        let Some(text) = alone.iter().flatten().find(is_true).map(|found| found.text.clone())
        else {
            continue;
        };
        let size = (GAP + across * (CELL.0 + GAP), GAP + down * (CELL.1 + GAP));
        let mut ground = Frame::filled(size.0, size.1, GROUND);
        for at in 0..across * down {
            let Some(luma) = cell.view() else { continue };
            put(&resized(&luma, 1.0 - at as f32 * SMALLER), at, across, &mut ground);
        }
        let shown = across * down * alone.iter().flatten().filter(|one| one.text == text).count();
        counts[*group].shown += shown as u32;
        for (number, engine) in engines.iter_mut().enumerate() {
            let found = engine.read_all(&ground).found;
            let count = found.iter().filter(|found| found.text == text).count();
            counts[*group].counted[number] += count.min(shown) as u32;
            let over = count.saturating_sub(shown);
            counts[*group].over[number] += over as u32;
            if is_verbose && number == 0 && count != shown {
                println!("  {}: {count} of {shown}", picture.name());
            }
            if over > 0 && number == 0 {
                println!("  {}: {over} too many", picture.name());
            }
        }
    }
    counts
}
