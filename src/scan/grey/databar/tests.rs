//! DataBar drawn by the rules of the standard, blurred, made noisy, and read again; and what is
//! none, or a damaged one, is not read as another.
#![allow(clippy::unwrap_used)]

use super::super::Candidate;
use super::super::tests::{Noise, PLAIN, Shot, photograph};
use super::super::{Effort, Workspace};
use super::symbol::{Alphabets, GAP, Layout, REMAINDERS, ROW, ROWS, STACK, checksum, finder_bars};
use crate::decode::ean::ean13_modules;
use crate::frame::Frame;
use domain::code::Symbology;
use domain::gtin::check_digit;
use proptest::prelude::*;
use std::sync::LazyLock;

static ALPHABETS: LazyLock<Alphabets> = LazyLock::new(Alphabets::new);

/// The numbers of the four characters of a value, outer ones first (5.2.1).
fn characters(value: u64) -> [[usize; 2]; 2] {
    [value / 4_537_077, value % 4_537_077]
        .map(|half| [half / 1597, half % 1597].map(|n| n as usize))
}

/// The finder patterns that confirm characters (5.2.4).
fn finders_of(characters: [[usize; 2]; 2]) -> [usize; 2] {
    let Alphabets { outer, inner } = &*ALPHABETS;
    let sum: usize = characters
        .iter()
        .zip([false, true])
        .map(|([o, i], is_second)| outer.remainder(*o, is_second) + inner.remainder(*i, is_second))
        .sum();
    let mut all = (0..81).map(|pair| [pair / 9, pair % 9]);
    all.find(|pair| checksum(pair[0], pair[1]) == Some(sum % REMAINDERS)).unwrap()
}

fn modules_of(characters: [[usize; 2]; 2]) -> Vec<bool> {
    drawn(characters, finders_of(characters))
}

/// The modules of a symbol, dark is true, with margins of ten modules.
fn drawn(characters: [[usize; 2]; 2], finders: [usize; 2]) -> Vec<bool> {
    laid_out(&ROW, characters, finders)
}

fn laid_out(layout: &Layout, characters: [[usize; 2]; 2], finders: [usize; 2]) -> Vec<bool> {
    let Alphabets { outer, inner } = &*ALPHABETS;
    let mut modules = vec![false; layout.modules as usize + 20];
    let mut blacken = |(from, to): (i32, i32)| {
        (from..to).for_each(|module| modules[(module + 10) as usize] = true);
    };
    layout.guards.iter().copied().for_each(&mut blacken);
    for (index, side) in layout.sides.iter().enumerate() {
        let [o, i] = characters[index];
        for bar in outer.bars(o, side.is_second) {
            blacken(side.outer.bar(bar));
        }
        for bar in inner.bars(i, side.is_second) {
            blacken(side.inner.bar(bar));
        }
        for bar in finder_bars(finders[index], side.is_second) {
            blacken(side.finder.bar(bar));
        }
    }
    modules
}

fn element_string(value: u64) -> String {
    let body = format!("{value:013}");
    format!("01{body}{}", check_digit(&body).unwrap())
}

fn read(modules: &[bool], shot: Shot, seed: u64) -> Option<String> {
    let (frame, candidate) = photograph(modules, shot, seed);
    let wanted = |symbology| symbology == Symbology::DataBar;
    let mut workspace = Workspace::new();
    let read = workspace.read(&frame.view().unwrap(), &candidate, Effort::Thorough, &wanted)?;
    assert_eq!(read.symbology, Symbology::DataBar);
    Some(read.text.as_str().to_owned())
}

/// The example of the standard's encodation (5.2): (01)0441234567890(9) has finder patterns of its
/// own and 46 elements in all.
#[test]
fn the_build_is_that_of_the_standard() {
    let modules = modules_of(characters(441_234_567_890));
    let runs = modules.chunk_by(|a, b| a == b).count();
    // The light of the left guard is a part of the margin; there is another on the right.
    assert_eq!(runs, 46 + 1);
}

/// One line, one case: what blur and scale are promised.
#[test]
fn blurred_symbols_are_read() {
    let value = 200_123_456_789;
    let modules = modules_of(characters(value));
    for shot in [
        PLAIN,
        Shot { gaussian: 0.8, ..PLAIN },
        Shot { gaussian: 1.0, noise: 2.0, ..PLAIN },
        Shot { motion: 2.0, gaussian: 0.2, ..PLAIN },
        Shot { pixels: 1.3, gaussian: 0.5, ..PLAIN },
        Shot { pixels: 4.0, gaussian: 0.8, noise: 8.0, ..PLAIN },
        Shot { lean: 0.08, gaussian: 0.6, ..PLAIN },
        Shot { is_upside_down: true, gaussian: 0.7, ..PLAIN },
    ] {
        assert_eq!(read(&modules, shot, 7), Some(element_string(value)), "{shot:?}");
    }
}

/// Any number, up to 0.9 modules of blur and down to 1.6 pixels a module: most are read.
#[test]
fn most_rendered_numbers_are_read() {
    let mut random = Noise(11);
    let mut count = 0;
    for seed in 0..24 {
        let value = (random.uniform() * 1e6) as u64 * 9_999_991 + 1;
        let gaussian = 0.3 + 0.6 * random.uniform();
        let pixels = 1.6 + 1.4 * random.uniform();
        let shot = Shot { gaussian, pixels, noise: 2.0, ..PLAIN };
        let found = read(&modules_of(characters(value)), shot, seed);
        assert!(found.is_none() || found == Some(element_string(value)), "{value}: {found:?}");
        count += usize::from(found.is_some());
    }
    assert!(count >= 22, "{count} of 24");
}

/// Blurs beyond all that are drawn: once, the number that fitted best was another.
#[test]
fn what_is_blurred_beyond_the_list_is_not_read_as_another() {
    for (value, pixels, noise, seed) in
        [(7_188_165_037_089, 1.924, 1.0, 46_791), (7_013_683_687_680, 1.989, 4.895, 2450)]
    {
        let modules = modules_of(characters(value));
        for gaussian in [1.3, 1.4385, 1.5, 1.6, 1.8] {
            let found = read(&modules, Shot { gaussian, pixels, noise, ..PLAIN }, seed);
            assert!(found.is_none() || found == Some(element_string(value)), "{found:?}");
        }
    }
}

/// Characters that the finder patterns do not confirm, and some number that they would is near.
#[test]
fn a_symbol_with_a_wrong_checksum_is_not_read() {
    let mut random = Noise(5);
    for seed in 0..12usize {
        let value = (random.uniform() * 1e6) as u64 * 9_999_991 + 1;
        let mut altered = characters(value);
        let number = &mut altered[seed % 2][seed / 2 % 2];
        *number = (*number + 1) % 1597;
        let modules = drawn(altered, finders_of(characters(value)));
        for gaussian in [0.4, 0.8] {
            let found = read(&modules, Shot { gaussian, ..PLAIN }, seed as u64);
            assert_eq!(found, None, "{value}");
        }
    }
}

#[test]
fn other_symbols_are_not_read() {
    use rxing::{BarcodeFormat, MultiFormatWriter, Writer};
    let encoded = |format: BarcodeFormat, text: &str| -> Vec<bool> {
        let bits = MultiFormatWriter.encode(text, &format, 1, 1).unwrap();
        let mut modules = vec![false; 10];
        modules.extend((0..bits.getWidth()).map(|x| bits.get(x, 0)));
        modules.extend([false; 10]);
        modules
    };
    for modules in [
        ean13_modules("4006381333931").unwrap().to_vec(),
        ean13_modules("9784872348880").unwrap().to_vec(),
        encoded(BarcodeFormat::CODE_128, "Shelf-42/b"),
        encoded(BarcodeFormat::CODE_128, "4006381333931"),
        encoded(BarcodeFormat::ITF, "19520000000018"),
        encoded(BarcodeFormat::CODE_39, "SHELF 7"),
    ] {
        for gaussian in [0.3, 0.8, 1.1] {
            assert_eq!(read(&modules, Shot { gaussian, ..PLAIN }, 5), None);
        }
    }
}

/// Both rows of a stacked symbol as one picture, the lower one below the upper one.
fn photograph_stack(
    characters: [[usize; 2]; 2],
    finders: [usize; 2],
    shot: Shot,
    seed: u64,
) -> (Frame, Candidate) {
    let all = laid_out(&STACK, characters, finders);
    let second = (10 + ROWS[0] + GAP) as usize;
    // The first bar of the upper row stands over the first space of the lower one.
    let light = |count: usize| vec![false; count];
    let upper = [light(11), all[10..10 + ROWS[0] as usize].to_vec(), light(11)].concat();
    let lower = [light(10), all[second..second + ROWS[1] as usize].to_vec(), light(10)].concat();
    let (first, mut candidate) = photograph(&upper, shot, seed);
    let (second, _) = photograph(&lower, shot, seed ^ 99);
    let (width, height) = (first.width, first.height);
    let mut rows = [first, second];
    if shot.is_upside_down {
        rows.reverse();
    }
    let mut frame = Frame::filled(width, 2 * height, 0);
    for (index, row) in rows.iter().enumerate() {
        frame.luma[index * width * height..][..width * height].copy_from_slice(&row.luma);
    }
    // What stands between the rows is of both.
    for x in 0..width {
        for y in height - 2..height + 2 {
            frame.luma[y * width + x] = frame.luma[(x * 7 + y) % width + width];
        }
    }
    candidate.centre.y = height as f32;
    candidate.half_height = 40.0;
    (frame, candidate)
}

fn read_place(frame: &Frame, place: &Candidate) -> Option<String> {
    let wanted = |symbology| symbology == Symbology::DataBar;
    let read = Workspace::new().read(&frame.view().unwrap(), place, Effort::Whole, &wanted)?;
    assert_eq!(read.symbology, Symbology::DataBar);
    Some(read.text.as_str().to_owned())
}

fn read_stack(characters: [[usize; 2]; 2], shot: Shot, seed: u64) -> Option<String> {
    let (frame, place) = photograph_stack(characters, finders_of(characters), shot, seed);
    read_place(&frame, &place)
}

/// One line, one case: what blur and scale are promised of both rows.
#[test]
fn blurred_stacks_are_read() {
    let value = 12_345_678_905;
    for shot in [
        PLAIN,
        Shot { gaussian: 0.8, ..PLAIN },
        Shot { gaussian: 0.9, noise: 2.0, pixels: 2.5, ..PLAIN },
        Shot { motion: 2.0, gaussian: 0.2, ..PLAIN },
        Shot { pixels: 1.3, gaussian: 0.5, ..PLAIN },
        Shot { pixels: 4.0, gaussian: 0.8, noise: 8.0, ..PLAIN },
        Shot { is_upside_down: true, gaussian: 0.7, ..PLAIN },
    ] {
        let found = read_stack(characters(value), shot, 7);
        assert_eq!(found, Some(element_string(value)), "{shot:?}");
    }
}

/// Any number, up to 0.9 modules of blur and down to 1.6 pixels a module: most are read.
#[test]
fn most_rendered_stacks_are_read() {
    let mut random = Noise(11);
    let mut count = 0;
    for seed in 0..24 {
        let value = (random.uniform() * 1e6) as u64 * 9_999_991 + 1;
        let gaussian = 0.3 + 0.6 * random.uniform();
        let pixels = 1.6 + 1.4 * random.uniform();
        let shot = Shot { gaussian, pixels, noise: 2.0, ..PLAIN };
        let found = read_stack(characters(value), shot, seed);
        assert!(found.is_none() || found == Some(element_string(value)), "{value}: {found:?}");
        count += usize::from(found.is_some());
    }
    assert!(count >= 20, "{count} of 24");
}

/// Rows of two symbols, of which the check character of neither fits both.
#[test]
fn rows_of_two_symbols_are_not_read() {
    let mut random = Noise(5);
    for seed in 0..12usize {
        let value = (random.uniform() * 1e6) as u64 * 9_999_991 + 1;
        let mut altered = characters(value);
        let number = &mut altered[seed % 2][seed / 2 % 2];
        *number = (*number + 1) % 1597;
        for gaussian in [0.4, 0.8] {
            let shot = Shot { gaussian, ..PLAIN };
            let (frame, place) =
                photograph_stack(altered, finders_of(characters(value)), shot, seed as u64);
            assert_eq!(read_place(&frame, &place), None, "{value}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_read_is_what_was_rendered(
        value in 0u64..10_000_000_000_000,
        gaussian in 0.2f32..1.6,
        pixels in 1.0f32..3.0,
        noise in 1.0f32..9.0,
        seed in any::<u64>(),
    ) {
        let shot = Shot { gaussian, pixels, noise, ..PLAIN };
        if let Some(found) = read(&modules_of(characters(value)), shot, seed) {
            prop_assert_eq!(found, element_string(value));
        }
    }

    #[test]
    fn what_is_read_of_two_rows_is_what_was_rendered(
        value in 0u64..10_000_000_000_000,
        gaussian in 0.2f32..1.6,
        motion in 0.0f32..3.0,
        pixels in 1.0f32..3.0,
        noise in 1.0f32..9.0,
        seed in any::<u64>(),
    ) {
        let shot = Shot { gaussian, motion, pixels, noise, ..PLAIN };
        if let Some(found) = read_stack(characters(value), shot, seed) {
            prop_assert_eq!(found, element_string(value));
        }
    }

    /// Bars with two true finder patterns among them, so that the gate opens.
    #[test]
    fn random_bars_between_finder_patterns_are_not_read(
        widths in prop::collection::vec(1usize..5, 60..70),
        finders in (0usize..9, 0usize..9),
        seed in any::<u64>(),
    ) {
        let mut modules = drawn([[0, 0], [0, 0]], [finders.0, finders.1]);
        let bars = widths.iter().enumerate();
        let random: Vec<bool> =
            bars.flat_map(|(index, width)| vec![index % 2 == 0; *width]).collect();
        for (at, module) in modules.iter_mut().enumerate().skip(11).take(ROW.modules as usize - 2) {
            let place = at as i32 - 10;
            if !(17..32).contains(&place) && !(62..77).contains(&place) {
                *module = random[at % random.len()];
            }
        }
        for gaussian in [0.4, 0.9] {
            let found = read(&modules, Shot { gaussian, ..PLAIN }, seed);
            prop_assert_eq!(found, None);
        }
    }
}
