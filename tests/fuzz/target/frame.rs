//! Frames of any size, stride and content, read as a stream and as a still: no panic, an end, the same answer again.
//!
//! ```text
//! width, height (u16, little-endian) · padding of a row · how pixels follow · pixels per step · patience · pixels
//! ```
//! A few bytes must be able to draw a bar code, or no fuzzer finds one: a row can be repeated down the frame, a column
//! across it, and bits can stand for modules of some pixels.

use scan::confirm::Read;
use scan::decode::{Decoder, Options};
use scan::frame::Luma;
use std::cell::Cell;

/// The pixels that are looked at, so that an input takes milliseconds. Sizes beyond are cut, thin ones stay long.
const PIXELS_MAX: usize = 96 * 96;
/// Looks at the same frame: a stream takes its strategies in turn.
const LOOKS: u64 = 5;

/// One frame.
pub fn run(bytes: &[u8]) {
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else { return };
    let [w0, w1, h0, h1, padding, how, step, patience] = *head;
    let width = usize::from(u16::from_le_bytes([w0, w1])).min(PIXELS_MAX);
    let height = usize::from(u16::from_le_bytes([h0, h1]));
    refuses_what_does_not_fit(rest, width, height, padding.into());
    if width == 0 || height == 0 {
        return;
    }
    let height = height.min((PIXELS_MAX / width).max(1));
    let stride = width + usize::from(padding);
    // The padding is filled with what follows, as cameras leave it.
    let pixel = |x: usize, y: usize| drawn(rest, how, step.into(), (x, y), width);
    let grey: Vec<u8> = (0..height)
        .flat_map(|y| (0..stride).map(move |x| (x, y)))
        .map(|(x, y)| pixel(x, y))
        .collect();
    let bare: Vec<u8> = grey.chunks(stride).flat_map(|row| &row[..width]).copied().collect();
    let padded = Luma::new(&grey, width, height, stride).expect("the rows are there");
    let plain = Luma::new(&bare, width, height, width).expect("the rows are there");
    let reads = (look(padded, patience), study(padded, patience));
    for read in reads.0.iter().chain(&reads.1) {
        is_sound(read);
    }
    // What lies between the rows is never looked at, and nothing is left to chance.
    let again = (look(plain, patience), study(plain, patience));
    let named = |reads: &[Read]| -> Vec<_> {
        reads.iter().map(|read| (read.symbology, read.text.clone(), read.outline)).collect()
    };
    assert_eq!(named(&reads.0), named(&again.0));
    assert_eq!(named(&reads.1), named(&again.1));
}

/// A view is only given of rows that are there.
fn refuses_what_does_not_fit(bytes: &[u8], width: usize, height: usize, padding: usize) {
    let stride = width + padding;
    if let Some(luma) = Luma::new(bytes, width, height, stride) {
        assert!(width > 0 && height > 0);
        assert_eq!(luma.row(height - 1).len(), width);
        assert!((luma.sample(f32::MAX, f32::MIN) - f32::from(luma.row(0)[width - 1])).abs() < 1.0);
    }
    assert!(padding == 0 || Luma::new(bytes, stride, height, width).is_none());
}

fn drawn(bytes: &[u8], how: u8, step: usize, (x, y): (usize, usize), width: usize) -> u8 {
    let size = (step & 7) + 1;
    let is_inverted = step & 8 != 0;
    let bit = |index: usize| {
        let is_set = bytes.get(index / 8).is_some_and(|byte| byte >> (7 - index % 8) & 1 == 1);
        if is_set != is_inverted { 20 } else { 230 }
    };
    let byte = |index: usize| bytes.get(index % bytes.len().max(1)).copied().unwrap_or(128);
    match how % 6 {
        0 => byte(y * width + x),
        1 => byte(x),
        2 => byte(y),
        3 => bit(x / size),
        4 => bit(y / size),
        // Squares, as many in a row as the first byte says.
        _ => {
            let columns = usize::from(bytes.first().copied().unwrap_or(0)).max(1);
            let (column, row) = (x / size, y / size);
            if column < columns { bit(8 + row * columns + column) } else { bit(usize::MAX) }
        }
    }
}

/// Counts how often it is asked: beyond `patience` asks it is late, at 255 never.
fn is_late(asked: &Cell<u32>, patience: u8) -> bool {
    asked.set(asked.get() + 1);
    patience < u8::MAX && asked.get() > u32::from(patience)
}

fn look(luma: Luma<'_>, patience: u8) -> Vec<Read> {
    let mut decoder = Decoder::new(Options::default());
    let look = |turn: u64| {
        let asked = Cell::new(0);
        decoder.look(luma, 1 + turn * 66, &|| is_late(&asked, patience))
    };
    (0..LOOKS).flat_map(look).collect()
}

fn study(luma: Luma<'_>, patience: u8) -> Vec<Read> {
    let asked = Cell::new(0);
    Decoder::new(Options::default()).study(luma, &|| is_late(&asked, patience))
}

fn is_sound(read: &Read) {
    assert!(!read.text.is_empty());
    assert!(Options::default().wants(read.symbology), "{:?} was not asked for", read.symbology);
    for corner in read.outline {
        assert!(corner.x.is_finite() && corner.y.is_finite(), "{:?}", read.outline);
    }
}
