//! DataBar Limited drawn by the rules of the standard, and what is none.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::decode::databar::{DataBarReader, Place};
use crate::decode::ean;
use crate::{Decoder, Frame, Options};
use proptest::prelude::*;

/// The widths of a number.
fn widths_of(kind: &Sevens, number: u32) -> Seven {
    let (mut rest, mut is_open, mut skip) = (kind.sum, kind.has_narrow, number);
    std::array::from_fn(|index| {
        let mut width = 1;
        loop {
            let ways = kind.ways(6 - index, rest - width, is_open && width > 1);
            if skip < ways {
                break;
            }
            skip -= ways;
            width += 1;
        }
        rest -= width;
        is_open &= width > 1;
        width
    })
}

/// All rows of widths in order, without counting.
fn rows_of(kind: &Sevens) -> Vec<Seven> {
    let mut rows = vec![Vec::new()];
    for _ in 0..7 {
        let longer = |row: &Vec<u8>| {
            let row = row.clone();
            (1..=kind.widest).map(move |width| [&row[..], &[width]].concat())
        };
        rows = rows.iter().flat_map(longer).collect();
        rows.retain(|row: &Vec<u8>| row.iter().sum::<u8>() <= kind.sum);
    }
    rows.retain(|row| row.iter().sum::<u8>() == kind.sum && (!kind.has_narrow || row.contains(&1)));
    rows.into_iter().map(|row| row.try_into().unwrap()).collect()
}

fn data_widths(reader: &LimitedReader, number: u32) -> [u8; ELEMENTS] {
    let subset = reader.subsets.iter().rev().find(|subset| subset.2 <= number).unwrap();
    let inner = number - subset.2;
    let spaces = widths_of(&subset.0, inner / subset.1.count());
    let bars = widths_of(&subset.1, inner % subset.1.count());
    std::array::from_fn(|k| if k % 2 == 0 { spaces[k / 2] } else { bars[k / 2] })
}

/// Modules of a symbol from its number, the light of the left guard first, that behind it last.
fn modules_of(reader: &LimitedReader, value: u64) -> Vec<u8> {
    let [left, right] = [value / COUNT, value % COUNT].map(|part| data_widths(reader, part as u32));
    let mut power = 1;
    let mut check = 0;
    for width in left.iter().chain(&right) {
        check += power * usize::from(*width);
        power = power * 3 % 89;
    }
    let check = reader.checks[check % 89];
    [&[1, 1][..], &left, &check, &right, &[1, 1, 5]].concat()
}

/// Runs of modules, dark ones wider by `spread`, between other print; `light` more on both sides.
fn runs_of(modules: &[u8], module: f32, spread: f32, light: f32) -> Runs {
    let mut edges = vec![0.0, 2.0 * module];
    for (k, width) in modules.iter().enumerate() {
        let wider = if k % 2 == 1 { spread } else { -spread };
        let beside = if k == 0 || k + 1 == modules.len() { light } else { 0.0 };
        edges.push(edges.last().unwrap() + (f32::from(*width) + wider + beside) * module);
    }
    edges.push(edges.last().unwrap() + 2.0 * module);
    Runs { edges, is_first_dark: true }
}

fn texts(reader: &LimitedReader, runs: &Runs) -> Vec<String> {
    let mut found = Vec::new();
    reader.read(runs, &mut found);
    found.into_iter().map(|read| read.text).collect()
}

/// Symbols of one direction only.
fn one_way(reader: &LimitedReader, runs: &Runs) -> usize {
    let walk = Walk::new(runs, false);
    (1..walk.len().saturating_sub(RUNS)).filter(|at| reader.read_at(&walk, *at).is_some()).count()
}

fn text_of(value: u64) -> String {
    let digits = format!("{value:013}");
    format!("01{digits}{}", check_digit(&digits).unwrap())
}

/// The totals that the standard prints, and its 89 check characters.
#[test]
fn the_tables_are_those_of_the_standard() {
    let reader = LimitedReader::default();
    let bases: Vec<u32> = reader.subsets.iter().map(|subset| subset.2).collect();
    assert_eq!(bases, [0, 183_064, 820_064, 1_000_776, 1_491_021, 1_979_845, 1_996_939]);
    let counts = reader.subsets.iter().map(|(spaces, bars, _)| spaces.count() * bars.count());
    assert_eq!(u64::from(counts.sum::<u32>()), COUNT);
    let mut checks = reader.checks.clone();
    assert!(checks.iter().all(|check| check.iter().sum::<u8>() == MODULES[1]));
    checks.sort_unstable();
    checks.dedup();
    assert_eq!(checks.len(), 89);
}

/// Drawn by zxing-cpp 3.1.1: number, widths in modules from the left guard to the light behind.
#[test]
fn symbols_of_another_hand_are_the_same() {
    let reader = LimitedReader::default();
    for (value, widths) in [
        (1_501_234_567_890, "11322232121111231121111211221121211232132222115"),
        (0, "11111111111161631113111121211111111111116163115"),
        (6_851_088_910, "11111113515121211121111113211112241112121224115"),
        (1_999_999_999_999, "11242212111215111111121112311111411332111421115"),
    ] {
        let modules: Vec<u8> = widths.bytes().map(|byte| byte - b'0').collect();
        assert_eq!(modules_of(&reader, value), modules, "{value}");
        assert_eq!(texts(&reader, &runs_of(&modules, 2.0, 0.0, 0.0)), [text_of(value)]);
    }
}

#[test]
fn every_row_of_widths_has_its_number_and_is_its_own_nearest() {
    for subset in LimitedReader::default().subsets {
        for kind in [subset.0, subset.1] {
            let rows = rows_of(&kind);
            assert_eq!(rows.len() as u32, kind.count());
            for (number, widths) in rows.iter().enumerate() {
                assert_eq!(kind.number(widths), number as u32);
                assert_eq!(widths_of(&kind, number as u32), *widths);
            }
            for widths in rows.iter().step_by((rows.len() / 60).max(1)) {
                let off = std::array::from_fn(|k| {
                    f32::from(widths[k]) + if k % 3 == 0 { 0.25 } else { -0.1 }
                });
                assert_eq!(kind.nearest(&off).0, *widths);
            }
        }
    }
}

/// Module after module comes as near as trying all.
#[test]
fn nothing_is_nearer_than_the_nearest() {
    let mut next = chance();
    for kind in [Sevens::new(9, 3, true), Sevens::new(15, 5, true), Sevens::new(13, 4, false)] {
        let all = rows_of(&kind);
        for _ in 0..40 {
            let targets: [f32; 7] = std::array::from_fn(|_| 4.0 * next());
            let squares = |row: &Seven| -> f32 {
                row.iter().zip(targets).map(|(width, own)| (own - f32::from(*width)).powi(2)).sum()
            };
            let best = all.iter().map(squares).fold(f32::INFINITY, f32::min);
            assert!((kind.nearest(&targets).1 - best).abs() < 1e-4);
        }
    }
}

proptest! {
    /// What is drawn is read: any number, both ways, with ink spread, and no EAN is seen in it.
    #[test]
    fn numbers_are_read_both_ways_and_with_ink_spread(
        value in 0..=NUMBER_MAX, module in 1.2f32..4.0, spread in -0.35f32..0.35,
        light in 0.0f32..12.0,
    ) {
        let reader = LimitedReader::default();
        let runs = runs_of(&modules_of(&reader, value), module, spread, light);
        let mut back = Runs::default();
        runs.reversed_into(&mut back);
        let ways = one_way(&reader, &runs) + one_way(&reader, &back);
        // One in some ten thousand is another symbol from behind, and is not told.
        prop_assert!(ways == 1 || texts(&reader, &runs).is_empty(), "{} ways", ways);
        if ways == 1 {
            prop_assert_eq!(texts(&reader, &runs), [text_of(value)]);
            prop_assert_eq!(texts(&reader, &back), [text_of(value)]);
        }
        let mut eans = Vec::new();
        ean::read(&runs, |_| true, &mut eans);
        ean::read(&back, |_| true, &mut eans);
        prop_assert!(eans.is_empty(), "{:?}", eans);
        let mut others = Vec::new();
        let is_other = |kind| kind != Symbology::DataBarLimited;
        DataBarReader::default().read(&runs, Place::default(), &is_other, &mut others);
        prop_assert!(others.is_empty(), "{:?}", others);
    }
}

/// Found by the test above: another number from behind. Neither is told, and no other is.
#[test]
fn a_symbol_that_is_one_both_ways_is_not_told() {
    let reader = LimitedReader::default();
    let modules = modules_of(&reader, 792_033_069_280);
    assert_eq!(texts(&reader, &runs_of(&modules, 1.2, 0.0, 0.0)), ["0107920330692801"]);
    let runs = runs_of(&modules, 1.2, 0.0, 7.2494254);
    let mut back = Runs::default();
    runs.reversed_into(&mut back);
    assert_eq!((one_way(&reader, &runs), one_way(&reader, &back)), (1, 1));
    assert_eq!((texts(&reader, &runs), texts(&reader, &back)), (vec![], vec![]));
}

/// 6.2.3: a composite counts on, and its GTIN is the same.
#[test]
fn a_two_dimensional_part_above_changes_no_number() {
    let reader = LimitedReader::default();
    let modules = modules_of(&reader, LINKED + 200_123_456_789);
    assert_eq!(texts(&reader, &runs_of(&modules, 2.0, 0.0, 0.0)), [text_of(200_123_456_789)]);
    // Beyond the numbers of either.
    for value in [NUMBER_MAX + 1, LINKED - 1, LINKED + NUMBER_MAX + 1, COUNT * COUNT - 1] {
        let modules = modules_of(&reader, value);
        assert!(texts(&reader, &runs_of(&modules, 2.0, 0.0, 0.0)).is_empty(), "{value}");
    }
}

/// The older edition had no light behind the symbol; a part of another symbol has none either.
#[test]
fn without_the_light_of_2011_nothing_is_read() {
    let reader = LimitedReader::default();
    let mut modules = modules_of(&reader, 123_456_789_012);
    for light in [1, 2, 3, 4, 5] {
        *modules.last_mut().unwrap() = light;
        let found = texts(&reader, &runs_of(&modules, 2.0, 0.0, 0.0));
        assert_eq!(found.is_empty(), light < 5, "{light}");
    }
    let mut runs = runs_of(&modules, 2.0, 0.0, 0.0);
    // The line ends with the symbol: nobody saw light.
    runs.edges.truncate(runs.edges.len() - 2);
    assert!(texts(&reader, &runs).is_empty());
}

/// Every edge that lies one module off costs the read; none makes another number.
#[test]
fn an_altered_symbol_is_not_read_as_another() {
    let reader = LimitedReader::default();
    for value in [123_456_789_012, 1_999_999_999_999, 7] {
        let whole = runs_of(&modules_of(&reader, value), 4.0, 0.0, 6.0);
        for index in 2..whole.edges.len() - 2 {
            for shift in [-4.0, 4.0] {
                let mut runs = whole.clone();
                runs.edges[index] += shift;
                if runs.edges.is_sorted() {
                    let found = texts(&reader, &runs);
                    let is_itself = found == [text_of(value)];
                    assert!(found.is_empty() || is_itself, "{index} {shift}: {found:?}");
                }
            }
        }
    }
}

/// Numbers from 0 to 1, always the same.
fn chance() -> impl FnMut() -> f32 {
    let mut state = 0x2545_f491u32;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 24) as f32
    }
}

/// What `DEVIATION_MAX` rests on: widths without a rule, scaled to the sizes of the characters.
#[test]
fn bars_of_nothing_are_rarely_near() {
    const TRIES: usize = 4000;
    let reader = LimitedReader::default();
    let mut next = chance();
    let mut near = 0;
    for _ in 0..TRIES {
        let characters = MODULES.map(|modules| {
            let raw: [f32; ELEMENTS] = std::array::from_fn(|_| 0.4 - (1.0 - next()).ln());
            let sum: f32 = raw.iter().sum();
            raw.map(|width| width * f32::from(modules) / sum)
        });
        let ones = std::array::from_fn(|_| 0.6 + 0.8 * next());
        near += usize::from(reader.tell(&characters, &ones).is_some());
    }
    assert!(near <= TRIES / 1000, "{near} of {TRIES}");
}

/// Bars of other codes, and bars in noise: widths of 1 to 4 modules, each edge off by up to half a
/// module, light wherever a symbol might end.
#[test]
fn bars_of_other_codes_are_no_databar_limited() {
    let reader = LimitedReader::default();
    let mut next = chance();
    let mut seen = Vec::new();
    for _ in 0..60 {
        let mut own: Vec<f32> = (0..160).map(|_| (1.0 + 3.6 * next().powi(2)).floor()).collect();
        own.iter_mut().step_by(46).for_each(|width| *width = 8.0);
        for _ in 0..40 {
            let mut edges = vec![0.0];
            for width in &own {
                edges.push(edges.last().unwrap() + 2.0 * width);
            }
            edges.iter_mut().for_each(|edge| *edge += (next() - 0.5) * 1.9);
            seen.extend(texts(&reader, &Runs { edges, is_first_dark: false }));
        }
    }
    assert!(seen.is_empty(), "{seen:?}");
}

/// A label as `crossroads scan` and the camera see it: small, low and upside down.
#[test]
fn drawn_labels_are_read() {
    let reader = LimitedReader::default();
    for (value, scale, height) in [(1_501_234_567_890, 2, 20), (95_012_345_678, 3, 12)] {
        let modules = modules_of(&reader, value);
        let (width, top) = (modules.iter().map(|w| usize::from(*w)).sum::<usize>() * scale, 40);
        let mut frame = Frame::filled(width + 120, height + 2 * top, 230);
        let mut x = 60;
        for (k, modules) in modules.iter().enumerate() {
            let next = x + usize::from(*modules) * scale;
            for y in top..top + height {
                let row = y * frame.width;
                frame.luma[row + x..row + next].fill(if k % 2 == 1 { 20 } else { 230 });
            }
            x = next;
        }
        for _ in 0..2 {
            let reads = Decoder::new(Options::default()).study(frame.view().unwrap(), &|| false);
            let found: Vec<_> = reads.iter().map(|r| (r.symbology, r.text.as_str())).collect();
            assert_eq!(found, [(Symbology::DataBarLimited, text_of(value).as_str())]);
            frame.luma.reverse();
        }
    }
}
