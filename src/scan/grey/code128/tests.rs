//! Code 128 drawn by the rules of the standard, blurred, made noisy, and read again; and what is
//! none, or a damaged one, is not read as another.
#![allow(clippy::unwrap_used)]

use super::super::tests::{Noise, PLAIN, Shot, photograph};
use super::super::{Effort, Workspace};
use super::symbol::{bars_of, modules_of, stop_bars, text};
use crate::decode::ean::ean13_modules;
use domain::code::Symbology;
use proptest::prelude::*;

/// Set B and, from four digits on, set C: start, data and check character.
fn values_of(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut values = Vec::new();
    let (mut at, mut is_c) = (0, false);
    while at < bytes.len() {
        let run = digits(at);
        let wants_c = if is_c { run >= 2 } else { run >= 4 && run % 2 == 0 };
        if values.is_empty() {
            values.push(if wants_c { 105 } else { 104 });
        } else if wants_c != is_c {
            values.push(if wants_c { 99 } else { 100 });
        }
        is_c = wants_c;
        if bytes[at] == 0x1d {
            values.push(102);
            at += 1;
        } else if is_c {
            values.push((bytes[at] - b'0') * 10 + bytes[at + 1] - b'0');
            at += 2;
        } else {
            values.push(bytes[at] - 32);
            at += 1;
        }
    }
    with_check(values)
}

fn with_check(mut values: Vec<u8>) -> Vec<u8> {
    let sum: usize = values.iter().enumerate().map(|(k, v)| k.max(1) * usize::from(*v)).sum();
    values.push((sum % 103) as u8);
    values
}

/// The modules of a symbol, dark is true, with margins of ten modules.
fn drawn(values: &[u8]) -> Vec<bool> {
    let mut modules = vec![false; modules_of(values.len() + 1) + 20];
    let mut blacken = |at: usize, (from, to): (u8, u8)| {
        modules[10 + at + usize::from(from)..10 + at + usize::from(to)].fill(true);
    };
    for (index, value) in values.iter().enumerate() {
        bars_of(usize::from(*value)).into_iter().for_each(|bar| blacken(11 * index, bar));
    }
    stop_bars().into_iter().for_each(|bar| blacken(11 * values.len(), bar));
    modules
}

fn read(modules: &[bool], shot: Shot, seed: u64) -> Option<(Symbology, String)> {
    let (frame, candidate) = photograph(modules, shot, seed);
    let wanted = |kind| matches!(kind, Symbology::Code128 | Symbology::Gs1128);
    let mut workspace = Workspace::new();
    let read = workspace.read(&frame.view().unwrap(), &candidate, Effort::Thorough, &wanted)?;
    Some((read.symbology, read.text.as_str().to_owned()))
}

fn plain(text: &str) -> Option<(Symbology, String)> {
    Some((Symbology::Code128, text.to_owned()))
}

/// One line, one case: what blur and scale are promised.
#[test]
fn blurred_symbols_are_read() {
    let label = "Regal-421/90817";
    let modules = drawn(&values_of(label));
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
        assert_eq!(read(&modules, shot, 7), plain(label), "{shot:?}");
    }
}

/// From the shortest to the longest, and a GS1-128.
#[test]
fn symbols_of_any_length_are_read() {
    for label in ["A1", "00340123450000000018", "SN-90817/LOT-421/Box 77 B 123"] {
        let shot = Shot { gaussian: 0.8, noise: 2.0, ..PLAIN };
        assert_eq!(read(&drawn(&values_of(label)), shot, 7), plain(label), "{label}");
    }
    let case = values_of("\u{1d}0109521234543213\u{1d}10L1");
    let (symbology, text) = read(&drawn(&case), Shot { gaussian: 0.7, ..PLAIN }, 3).unwrap();
    assert_eq!((symbology, text.as_str()), (Symbology::Gs1128, "0109521234543213\u{1d}10L1"));
}

fn random_text(random: &mut Noise) -> String {
    let length = 2 + (random.uniform() * 14.0) as usize;
    (0..length).map(|_| char::from(33 + (random.uniform() * 90.0) as u8)).collect()
}

/// Any text, up to 0.9 modules of blur and down to 1.6 pixels a module: most are read.
#[test]
fn most_rendered_texts_are_read() {
    let mut random = Noise(11);
    let mut count = 0;
    for seed in 0..24 {
        let label = random_text(&mut random);
        let gaussian = 0.3 + 0.6 * random.uniform();
        let pixels = 1.6 + 1.4 * random.uniform();
        let shot = Shot { gaussian, pixels, noise: 2.0, ..PLAIN };
        let found = read(&drawn(&values_of(&label)), shot, seed);
        assert!(found.is_none() || found == plain(&label), "{label}: {found:?}");
        count += usize::from(found.is_some());
    }
    assert!(count >= 21, "{count} of 24");
}

/// A character that the check character does not confirm, though some sequence beside it would be.
#[test]
fn a_symbol_with_a_wrong_check_character_is_not_read() {
    let mut random = Noise(5);
    for seed in 0..16usize {
        let mut values = values_of(&random_text(&mut random));
        let index = 1 + seed % (values.len() - 1);
        values[index] = (values[index] + 1 + seed as u8) % 64;
        assert!(text(&values).is_none());
        for gaussian in [0.4, 0.8] {
            let found = read(&drawn(&values), Shot { gaussian, ..PLAIN }, seed as u64);
            assert_eq!(found, None, "{values:?}");
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
        encoded(BarcodeFormat::ITF, "19520000000018"),
        encoded(BarcodeFormat::CODE_39, "SHELF 7"),
        encoded(BarcodeFormat::CODE_93, "SHELF 7"),
        encoded(BarcodeFormat::CODABAR, "A31117013206375B"),
    ] {
        for gaussian in [0.3, 0.8, 1.1] {
            assert_eq!(read(&modules, Shot { gaussian, ..PLAIN }, 5), None);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_read_is_what_was_rendered(
        label in "[ -~]{1,16}",
        gaussian in 0.2f32..1.8,
        motion in 0.0f32..3.0,
        pixels in 1.0f32..3.0,
        noise in 1.0f32..9.0,
        seed in any::<u64>(),
    ) {
        let shot = Shot { gaussian, motion, pixels, noise, ..PLAIN };
        if let Some((_, found)) = read(&drawn(&values_of(&label)), shot, seed) {
            prop_assert_eq!(found, label);
        }
    }

    /// Bars between a true start and a true stop character, so that the gate opens.
    #[test]
    fn random_bars_between_start_and_stop_are_not_read(
        widths in prop::collection::vec(1usize..5, 120),
        characters in 2usize..14,
        start in 103u8..106,
        seed in any::<u64>(),
    ) {
        let mut values = vec![0; characters + 1];
        values[0] = start;
        let mut modules = drawn(&values);
        let random: Vec<bool> =
            widths.iter().enumerate().flat_map(|(k, w)| vec![k % 2 == 0; *w]).collect();
        for index in 0..11 * characters {
            modules[21 + index] = random[index % random.len()];
        }
        for gaussian in [0.4, 0.9] {
            prop_assert_eq!(read(&modules, Shot { gaussian, ..PLAIN }, seed), None);
        }
    }
}
