//! Add-ons drawn by the rules of the standard behind every kind of number, and what is none.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::decode::ean::{self, ean13_modules, nominal};
use crate::decode::profile::{EdgeFinder, Level};
use crate::ean_pattern::upc_e_sets;
use domain::gtin::{check_digit, expand_upc_e};
use proptest::prelude::*;

/// Light before a number and the number itself, without the light behind.
fn number_modules(symbology: Symbology, body: u64) -> Vec<bool> {
    let text = |body: String| format!("{body}{}", check_digit(&body).unwrap());
    let mut modules = match symbology {
        Symbology::UpcE => return upc_e_modules((body % 1_000_000) as u32),
        Symbology::UpcA => ean13_modules(&text(format!("0{:011}", body % 100_000_000_000))),
        _ => ean13_modules(&text(format!("{:012}", 100_000_000_000 + body % 899_999_999_999))),
    }
    .unwrap();
    modules.truncate(modules.len() - 7);
    modules
}

fn upc_e_modules(body: u32) -> Vec<bool> {
    let digits = format!("{body:06}");
    let check = (0..10u8)
        .find(|check| {
            let long = expand_upc_e(&format!("0{digits}{check}"));
            long.is_some_and(|long| check_digit(&long[..11]) == Some(*check))
        })
        .unwrap_or(0);
    let mut modules = vec![false; 9];
    let mut run = |width: f32, is_dark| {
        modules.extend(std::iter::repeat_n(is_dark, width as usize));
    };
    [true, false, true].into_iter().for_each(|is_dark| run(1.0, is_dark));
    for (index, digit) in digits.bytes().enumerate() {
        let is_set_b = upc_e_sets(0, check) >> (5 - index) & 1 == 1;
        let widths = nominal(usize::from(digit - b'0'), is_set_b);
        widths.into_iter().enumerate().for_each(|(at, width)| run(width, at % 2 == 1));
    }
    (0..6).for_each(|index| run(1.0, index % 2 == 1));
    modules
}

/// Modules of light at the end of a label.
const LIGHT: usize = 9;

/// A number with an add-on so many modules of light behind it, and nine behind that.
fn label(symbology: Symbology, body: u64, gap: usize, add_on: &str) -> Vec<bool> {
    let mut modules = number_modules(symbology, body);
    modules.extend(std::iter::repeat_n(false, gap));
    modules.extend(&add_on_modules(add_on).unwrap()[7..]);
    modules.extend([false; LIGHT - 5]);
    modules
}

/// The runs of a line over modules, and the same from its other end. Bars are `spread` modules
/// wider than they should be, and each edge lies by a part of `jitter` modules beside its place.
fn runs_of(modules: &[bool], spread: f32, jitter: f32) -> [Runs; 2] {
    let mut edges = vec![0.0];
    let mut seed = 1u32;
    for at in 1..modules.len() {
        if modules[at] != modules[at - 1] {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = ((seed >> 8) as f32 / f32::from(u16::MAX) / 256.0 - 0.5) * 2.0 * jitter;
            let ink = if modules[at] { -spread / 2.0 } else { spread / 2.0 };
            edges.push((at as f32 + ink + noise) * 3.0);
        }
    }
    edges.push(modules.len() as f32 * 3.0);
    let runs = Runs { edges, is_first_dark: modules[0] };
    let mut mirrored = Runs::default();
    runs.reversed_into(&mut mirrored);
    [runs, mirrored]
}

/// What follows the first number on a line; `None` where no number is read.
fn beside(runs: &Runs, is_edge: bool) -> Option<Beside> {
    let mut found = Vec::new();
    ean::read(runs, |_| true, &mut found);
    found.first().map(|main| read(runs, main, is_edge))
}

fn beside_modules(modules: &[bool]) -> Beside {
    beside(&runs_of(modules, 0.0, 0.0)[0], false).unwrap()
}

const KINDS: [Symbology; 3] = [Symbology::Ean13, Symbology::UpcA, Symbology::UpcE];

fn digits_of(add_on: &str) -> Beside {
    Beside::Digits(AddOn::parse(add_on).unwrap())
}

/// All groups of two digits and all number sets of five, with lean and fat ink.
#[test]
fn every_pattern_of_number_sets_is_read() {
    let twos = (0..100).map(|value| format!("{value:02}"));
    let fives = (0..200u32).map(|value| format!("{:05}", value * 50_021 % 100_000));
    for (index, add_on) in twos.chain(fives).enumerate() {
        for spread in [-0.3, 0.0, 0.35] {
            let modules = label(KINDS[index % 2], 97_800_000 + index as u64, 9, &add_on);
            let [runs, _] = runs_of(&modules, spread, 0.1);
            assert_eq!(beside(&runs, false), Some(digits_of(&add_on)), "{add_on} {spread}");
        }
    }
}

/// One line, one case: light before the add-on and behind it, in modules; whether the picture ends
/// there; what is seen.
#[test]
fn light_is_asked_on_both_sides() {
    for (gap, light, is_edge, expected) in [
        (4, 9, false, Beside::Nothing),
        (5, 9, false, digits_of("51299")),
        (7, 5, false, digits_of("51299")),
        (12, 5, false, digits_of("51299")),
        (14, 5, false, digits_of("51299")),
        (15, 5, false, Beside::Nothing),
        (9, 3, false, digits_of("51299")),
        (9, 2, false, Beside::CutOff),
        (9, 3, true, digits_of("51299")),
        (9, 2, true, Beside::Unclear),
    ] {
        let mut modules = label(Symbology::Ean13, 1, gap, "51299");
        modules.truncate(modules.len() - LIGHT);
        modules.extend(std::iter::repeat_n(false, light));
        let seen = beside(&runs_of(&modules, 0.0, 0.0)[0], is_edge);
        assert_eq!(seen, Some(expected), "{gap} {light} {is_edge}");
    }
    // Two digits might go on: they need more light, or something wide behind that of the standard.
    for (light, dark, is_edge, expected) in [
        (7, 0, false, digits_of("06")),
        (7, 1, false, digits_of("06")),
        (6, 0, false, Beside::CutOff),
        (6, 0, true, Beside::Unclear),
        (5, 5, false, digits_of("06")),
        (6, 1, false, Beside::Unclear),
        (4, 5, false, Beside::Unclear),
        (3, 0, true, Beside::Unclear),
    ] {
        let mut modules = label(Symbology::Ean13, 1, 9, "06");
        modules.truncate(modules.len() - LIGHT);
        modules.extend(vec![false; light]);
        if dark > 0 {
            modules.extend([vec![true; dark], vec![false; 9]].concat());
        }
        let seen = beside(&runs_of(&modules, 0.0, 0.0)[0], is_edge);
        assert_eq!(seen, Some(expected), "{light} {dark} {is_edge}");
    }
}

/// Blur hides the bar between the second and the third of five digits: what is left is no two.
#[test]
fn a_lost_bar_makes_no_two_of_five() {
    for value in 0..2_000u32 {
        let add_on = format!("{:05}", value * 7_919 % 100_000);
        let mut modules = label(Symbology::Ean13, u64::from(value), 9, &add_on);
        let bar = modules.len() - LIGHT - 47 + 4 + 9 + 7 + 1;
        assert!(modules[bar] && !modules[bar - 1], "{add_on}");
        modules[bar] = false;
        for end in bar..=modules.len() {
            let [runs, _] = runs_of(&modules[..end], 0.0, 0.0);
            for is_edge in [false, true] {
                let seen = beside(&runs, is_edge).unwrap_or(Beside::Nothing);
                assert_eq!(seen.digits(), None, "{add_on} {is_edge} {}", end - bar);
            }
        }
    }
}

/// A line that ends somewhere says so and never takes two of five digits for all.
#[test]
fn a_part_of_five_digits_is_no_two() {
    for value in 0..500u32 {
        let add_on = format!("{:05}", value * 7_919 % 100_000);
        let modules = label(Symbology::Ean13, u64::from(value), 9, &add_on);
        let first = modules.len() - LIGHT - 47;
        for end in first - 8..modules.len() - LIGHT {
            let [runs, _] = runs_of(&modules[..end], 0.0, 0.0);
            // What is left of a number, where the line ends in it, is no number.
            if let Some(seen) = beside(&runs, false) {
                assert_eq!(seen, Beside::CutOff, "{add_on} {}", end - first);
            }
            if let Some(seen) = beside(&runs, true) {
                assert_eq!(seen.digits(), None, "{add_on} {}", end - first);
            }
        }
    }
}

#[test]
fn digits_of_other_number_sets_are_none() {
    for (digits, right) in [(&[0u8, 6][..], 0b10), (&[5, 1, 2, 9, 9], 0b01001)] {
        for sets in 0..1u8 << digits.len() {
            let mut modules = number_modules(Symbology::Ean13, 7);
            let mut run = |width: f32, is_dark| {
                modules.extend(std::iter::repeat_n(is_dark, width as usize));
            };
            [(9.0, false), (1.0, true), (1.0, false), (2.0, true)]
                .into_iter()
                .for_each(|(width, is_dark)| run(width, is_dark));
            for (index, digit) in digits.iter().enumerate() {
                if index > 0 {
                    run(1.0, false);
                    run(1.0, true);
                }
                let is_set_b = sets >> (digits.len() - 1 - index) & 1 == 1;
                let widths = nominal(usize::from(*digit), is_set_b);
                widths.into_iter().enumerate().for_each(|(at, width)| run(width, at % 2 == 1));
            }
            run(9.0, false);
            assert_eq!(beside_modules(&modules).digits().is_some(), sets == right, "{sets:b}");
        }
    }
}

/// An EAN-8 has none, whatever stands there.
#[test]
fn beside_a_short_number_stands_nothing() {
    let modules = label(Symbology::Ean13, 1, 9, "06");
    let [runs, _] = runs_of(&modules, 0.0, 0.0);
    let mut found = Vec::new();
    ean::read(&runs, |_| true, &mut found);
    let short = EanRead { symbology: Symbology::Ean8, ..found[0].clone() };
    assert_eq!(read(&runs, &short, false), Beside::Nothing);
    assert_eq!(read(&runs, &found[0], false), digits_of("06"));
}

/// Bars of as many runs as an add-on has, of any widths, with light on both sides, behind a guard or
/// not: how many in a thousand pass is what three lines that must agree have to stand on.
#[test]
fn bars_that_mean_nothing_are_hardly_ever_an_add_on() {
    let mut seed = 7u32;
    let mut below = |bound: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % bound
    };
    for (count, passed_max) in [(TWO_RUNS, 20), (FIVE_RUNS, 0)] {
        let mut passed = 0;
        for round in 0..20_000 {
            let mut modules = number_modules(Symbology::Ean13, 5);
            modules.extend([false; 9]);
            for index in 0..count {
                let width = match (round % 2, index) {
                    (0, 0 | 1) => 1,
                    (0, 2) => 2,
                    _ => 1 + below(4),
                };
                modules.extend(std::iter::repeat_n(index % 2 == 0, width as usize));
            }
            modules.extend([false; 9]);
            passed += usize::from(beside_modules(&modules).digits().is_some());
        }
        assert!(passed <= passed_max, "{passed} of 20,000 with {count} runs");
    }
}

proptest! {
    /// Drawn in pixels of any size, from both ends of the line.
    #[test]
    fn an_add_on_behind_a_number_is_read_from_both_directions(
        kind in 0usize..3, body in 1u64..900_000_000_000, value in 0u32..100_000, is_two: bool,
        gap in 7usize..13, pixels in 1.6f32..7.0, shift in 0.0f32..1.0,
    ) {
        let add_on = if is_two { format!("{:02}", value % 100) } else { format!("{value:05}") };
        let modules = label(KINDS[kind], body, gap, &add_on);
        const SAMPLES: usize = 16;
        let count = (modules.len() as f32 * pixels) as usize;
        let is_dark = |at: f32| modules.get((at / pixels) as usize).copied().unwrap_or(false);
        let profile: Vec<f32> = (0..count)
            .map(|x| {
                let at = |sample| x as f32 + shift + (sample as f32 + 0.5) / SAMPLES as f32;
                let dark = (0..SAMPLES).filter(|sample| is_dark(at(*sample))).count();
                220.0 - 190.0 * dark as f32 / SAMPLES as f32
            })
            .collect();
        let (mut runs, mut mirrored) = (Runs::default(), Runs::default());
        for is_turned in [false, true] {
            let mut profile = profile.clone();
            if is_turned {
                profile.reverse();
            }
            EdgeFinder::default().find(&profile, 0.22, Level::Envelope, &mut runs);
            runs.reversed_into(&mut mirrored);
            let seen = beside(if is_turned { &mirrored } else { &runs }, false);
            // A UPC-E whose body has no check digit is no number.
            if seen.is_some() || KINDS[kind] != Symbology::UpcE {
                prop_assert_eq!(seen, Some(digits_of(&add_on)), "{} {:?}", add_on, KINDS[kind]);
            }
        }
    }

    #[test]
    fn noise_behind_a_number_is_no_add_on(
        body in 1u64..900_000_000_000, gap in 5usize..14,
        widths in prop::collection::vec(0.4f32..5.0, 3..40),
    ) {
        let mut modules = number_modules(Symbology::Ean13, body);
        modules.extend(std::iter::repeat_n(false, gap));
        let [mut runs, _] = runs_of(&modules, 0.0, 0.0);
        let mut at = *runs.edges.last().unwrap();
        for width in widths.iter().chain([&8.0, &1.0]) {
            at += width * 3.0;
            runs.edges.push(at);
        }
        prop_assert_eq!(beside(&runs, false).unwrap().digits(), None);
    }

    #[test]
    fn another_number_beside_is_no_add_on(
        body in 1u64..900_000_000_000, other in 1u64..900_000_000_000, gap in 5usize..14,
        cut in 0usize..95,
    ) {
        let mut modules = number_modules(Symbology::Ean13, body);
        let margin = 11;
        let next = number_modules(Symbology::Ean13, other);
        modules.extend(std::iter::repeat_n(false, gap));
        modules.extend(&next[margin..next.len() - cut]);
        for is_edge in [false, true] {
            let [runs, _] = runs_of(&modules, 0.0, 0.0);
            prop_assert_eq!(beside(&runs, is_edge).unwrap().digits(), None);
        }
        modules.extend([false; 9]);
        prop_assert_eq!(beside(&runs_of(&modules, 0.0, 0.0)[0], false).unwrap().digits(), None);
    }
}
