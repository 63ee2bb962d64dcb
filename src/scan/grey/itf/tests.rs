//! ITF-14 drawn by the rules of the standard, blurred, made noisy, and read again; and what is none,
//! or a damaged one, is not read as another.
#![allow(clippy::unwrap_used)]

use super::super::tests::{Noise, PLAIN, Shot, photograph};
use super::super::{Effort, Workspace};
use crate::decode::ean::ean13_modules;
use crate::decode::itf::wide_runs;
use domain::code::Symbology;
use domain::gtin::check_digit;
use proptest::prelude::*;

/// Parts of a narrow run that are drawn.
const FINE: usize = 4;

/// The runs of a symbol in quarters of a narrow one.
fn runs_of(text: &str, wide: usize) -> Vec<usize> {
    let mut runs = vec![FINE; 4];
    let digits: Vec<usize> = text.bytes().map(|byte| usize::from(byte - b'0')).collect();
    for pair in digits.chunks(2) {
        for k in 0..5 {
            runs.extend(pair.iter().map(|it| if wide_runs(*it)[k] { wide } else { FINE }));
        }
    }
    runs.extend([wide, FINE, FINE]);
    runs
}

/// Quarters of modules, dark is true, with margins of ten modules.
fn drawn(runs: &[usize]) -> Vec<bool> {
    let mut fine = vec![false; 10 * FINE];
    for (index, run) in runs.iter().enumerate() {
        fine.extend(vec![index % 2 == 0; *run]);
    }
    fine.extend([false; 10 * FINE]);
    fine
}

/// What is seen of quarters of modules; the shot counts in modules.
fn read(fine: &[bool], shot: Shot, seed: u64) -> Option<String> {
    let scale = FINE as f32;
    let shot = Shot {
        pixels: shot.pixels / scale,
        gaussian: shot.gaussian * scale,
        motion: shot.motion * scale,
        ..shot
    };
    let (frame, candidate) = photograph(fine, shot, seed);
    let wanted = |symbology| symbology == Symbology::Itf14;
    let mut workspace = Workspace::new();
    let read = workspace.read(&frame.view().unwrap(), &candidate, Effort::Thorough, &wanted)?;
    assert_eq!(read.symbology, Symbology::Itf14);
    Some(read.text.as_str().to_owned())
}

fn case_of(value: u64) -> String {
    let body = format!("{value:013}");
    format!("{body}{}", check_digit(&body).unwrap())
}

/// One line, one case: what blur, scale and print are promised.
#[test]
fn blurred_symbols_are_read() {
    let text = case_of(3_071_234_500_012);
    for (wide, shot) in [
        (10, PLAIN),
        (9, Shot { gaussian: 0.8, ..PLAIN }),
        (10, Shot { gaussian: 0.8, ..PLAIN }),
        (12, Shot { gaussian: 0.8, ..PLAIN }),
        (10, Shot { gaussian: 1.0, noise: 2.0, ..PLAIN }),
        (10, Shot { motion: 2.0, gaussian: 0.2, ..PLAIN }),
        (10, Shot { pixels: 1.3, gaussian: 0.5, ..PLAIN }),
        (11, Shot { pixels: 4.0, gaussian: 0.8, noise: 8.0, ..PLAIN }),
        (10, Shot { lean: 0.08, gaussian: 0.6, ..PLAIN }),
        (10, Shot { is_upside_down: true, gaussian: 0.7, ..PLAIN }),
    ] {
        let found = read(&drawn(&runs_of(&text, wide)), shot, 7);
        assert_eq!(found.as_ref(), Some(&text), "{wide} {shot:?}");
    }
}

/// Any number, up to 0.9 modules of blur and down to 1.6 pixels a module: most are read.
#[test]
fn most_rendered_numbers_are_read() {
    let mut random = Noise(11);
    let mut count = 0;
    for seed in 0..24 {
        let text = case_of((random.uniform() * 1e6) as u64 * 9_999_991 + 1);
        let gaussian = 0.3 + 0.6 * random.uniform();
        let pixels = 1.6 + 1.4 * random.uniform();
        let wide = 9 + (random.uniform() * 4.0) as usize;
        let shot = Shot { gaussian, pixels, noise: 2.0, ..PLAIN };
        let found = read(&drawn(&runs_of(&text, wide)), shot, seed);
        assert!(found.is_none() || found.as_ref() == Some(&text), "{text}: {found:?}");
        count += usize::from(found.is_some());
    }
    assert!(count >= 21, "{count} of 24");
}

#[test]
fn a_wrong_check_digit_and_other_numbers_of_digits_are_not_read() {
    let mut random = Noise(5);
    for seed in 0..12u64 {
        let mut text = case_of((random.uniform() * 1e6) as u64 * 9_999_991 + 1).into_bytes();
        let digit = &mut text[seed as usize];
        *digit = b'0' + (*digit - b'0' + 1 + seed as u8 % 9) % 10;
        let text = String::from_utf8(text).unwrap();
        for gaussian in [0.4, 0.8] {
            let shot = Shot { gaussian, ..PLAIN };
            assert_eq!(read(&drawn(&runs_of(&text, 10)), shot, seed), None, "{text}");
        }
    }
    for text in ["001234567890", "0012345678901234", "12345678"] {
        for gaussian in [0.4, 0.8] {
            let shot = Shot { gaussian, ..PLAIN };
            assert_eq!(read(&drawn(&runs_of(text, 10)), shot, 3), None, "{text}");
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
        encoded(BarcodeFormat::CODE_128, "Shelf-42/b"),
        encoded(BarcodeFormat::CODE_128, "19520000000018"),
        encoded(BarcodeFormat::CODE_39, "SHELF 7"),
        encoded(BarcodeFormat::CODE_93, "SHELF 7"),
        encoded(BarcodeFormat::CODABAR, "A31117013206375B"),
    ] {
        let fine: Vec<bool> = modules.iter().flat_map(|dark| [*dark; FINE]).collect();
        for gaussian in [0.3, 0.8, 1.1] {
            assert_eq!(read(&fine, Shot { gaussian, ..PLAIN }, 5), None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_read_is_what_was_rendered(
        value in 0u64..10_000_000_000_000,
        wide in 8usize..=12,
        gaussian in 0.2f32..1.8,
        motion in 0.0f32..3.0,
        pixels in 1.0f32..3.0,
        noise in 1.0f32..9.0,
        seed in any::<u64>(),
    ) {
        let text = case_of(value);
        let shot = Shot { gaussian, motion, pixels, noise, ..PLAIN };
        if let Some(found) = read(&drawn(&runs_of(&text, wide)), shot, seed) {
            prop_assert_eq!(found, text);
        }
    }

    /// A digit with one or three wide runs instead of two is none. Behind blur a symbol with one such
    /// run is at times (once in some thousand) still read as what it would be without the fault,
    /// never as another number.
    #[test]
    fn what_is_no_digit_makes_no_other_number(
        value in 0u64..10_000_000_000_000,
        run in 4usize..74,
        pixels in 1.3f32..3.0,
        seed in any::<u64>(),
    ) {
        let text = case_of(value);
        let mut runs = runs_of(&text, 10);
        runs[run] = 14 - runs[run];
        for gaussian in [0.4, 0.7, 1.0] {
            let found = read(&drawn(&runs), Shot { gaussian, pixels, ..PLAIN }, seed);
            prop_assert!(found.is_none() || found.as_ref() == Some(&text), "{:?}", found);
        }
    }
}
