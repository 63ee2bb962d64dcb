//! Several codes in one picture: the one that is aimed at, or all of them.

#![allow(clippy::unwrap_used)]

#[path = "frames/draw.rs"]
mod draw;
mod frames;

use draw::draw;
use frames::turned;
use rxing::BarcodeFormat;
use scan::decode::View;
use scan::{Decoder, Frame, Options};
use std::collections::{BTreeMap, BTreeSet};

const AIMED: &str = "4006381333931";
const BESIDE: &str = "9780201379624";

/// What the first frames of a stream yield.
fn streamed(frame: &Frame, view: View, looks: u64) -> BTreeSet<String> {
    let mut decoder = Decoder::new(Options::default().viewing(view));
    let luma = frame.view().unwrap();
    let looks = (0..looks).flat_map(|look| decoder.look(luma, 1 + 33 * look, &|| false));
    looks.map(|read| read.text).collect()
}

fn studied(frame: &Frame) -> BTreeSet<String> {
    let mut decoder = Decoder::new(Options::default());
    let reads = decoder.study(frame.view().unwrap(), &|| false);
    assert!(reads.iter().all(|read| read.outline[0] != read.outline[2]), "{reads:?}");
    reads.into_iter().map(|read| read.text).collect()
}

/// Two labels, one above the other; the lower one holds the middle of the frame.
#[test]
fn who_aims_reads_one_and_who_counts_reads_all() {
    let mut frame = Frame::filled(520, 560, 220);
    draw(&mut frame, BarcodeFormat::EAN_13, BESIDE, (90, 40), 110);
    draw(&mut frame, BarcodeFormat::EAN_13, AIMED, (90, 230), 110);
    assert_eq!(streamed(&frame, View::Aimed, 6), BTreeSet::from([AIMED.to_owned()]));
    let both = BTreeSet::from([AIMED, BESIDE].map(str::to_owned));
    assert_eq!(streamed(&frame, View::All, 6), both);
}

/// A pack with its number in bars and, beside them, its date in dots: who aims at the bars gets both, of another
/// article only what is aimed at.
#[test]
fn what_stands_beside_the_bars_of_a_pack_is_read_too() {
    for (number, height, is_told) in [(AIMED, 100, true), (AIMED, 36, true), (BESIDE, 100, false)] {
        let mut frame = Frame::filled(640, 480, 220);
        draw(&mut frame, BarcodeFormat::EAN_13, AIMED, (180, 240 - height / 2), height);
        let text = format!("https://id.example/01/0{number}?17=261130");
        draw(&mut frame, BarcodeFormat::DATA_MATRIX, &text, (250, 330), 0);
        let mut all = BTreeSet::from([AIMED.to_owned()]);
        if is_told {
            all.insert(text);
        }
        assert_eq!(streamed(&frame, View::Aimed, 24), all, "{number}, {height} high");
    }
}

/// The label on the box of a telephone: low codes, a millimetre of light between them, and texts that differ in two
/// digits only.
#[test]
fn codes_one_above_the_other_are_no_misreadings_of_each_other() {
    use BarcodeFormat::{CODE_128, EAN_13};
    let codes = [
        (CODE_128, "356938035643809"),
        (CODE_128, "356938035643817"),
        (EAN_13, AIMED),
        (CODE_128, "SN-4711-0815-X"),
        (EAN_13, BESIDE),
    ];
    let all: BTreeSet<String> = codes.iter().map(|(_, text)| (*text).to_owned()).collect();
    for (height, gap) in [(40, 12), (30, 6), (90, 20)] {
        let mut frame = Frame::filled(720, 100 + codes.len() * (height + gap), 225);
        for (index, (format, text)) in codes.iter().enumerate() {
            draw(&mut frame, *format, text, (70, 50 + index * (height + gap)), height);
        }
        for frame in [frame.clone(), turned(&frame)] {
            assert_eq!(studied(&frame), all, "{height} high, {gap} between");
            assert_eq!(streamed(&frame, View::All, 30), all, "{height} high, {gap} between");
        }
    }
}

/// A shelf in one picture, larger than what is looked at at once: no code hides another.
#[test]
fn a_still_of_many_codes_yields_all() {
    let mut frame = Frame::filled(2600, 1500, 205);
    let mut all = BTreeSet::new();
    for index in 0..24 {
        let at = (60 + index % 6 * 430, 70 + index / 6 * 360);
        let (format, text) = match index % 3 {
            0 => (BarcodeFormat::QR_CODE, format!("https://shop.example/{index}")),
            1 => (BarcodeFormat::DATA_MATRIX, format!("Lot {index} of many")),
            _ => (BarcodeFormat::CODE_128, format!("Shelf {index}")),
        };
        draw(&mut frame, format, &text, at, 120);
        all.insert(text);
    }
    assert_eq!(studied(&frame), all);
}

/// How often a still shows each text.
fn counted(frame: &Frame) -> BTreeMap<String, usize> {
    let mut decoder = Decoder::new(Options::default());
    let mut counts = BTreeMap::new();
    for read in decoder.study(frame.view().unwrap(), &|| false) {
        *counts.entry(read.text).or_default() += 1;
    }
    counts
}

/// Packs of one article, side by side and one above the other, and another among them: each is told.
#[test]
fn equal_packs_are_counted() {
    use BarcodeFormat::{DATA_MATRIX, EAN_8, EAN_13, ITF, QR_CODE};
    for (format, text, height) in [
        (EAN_13, AIMED, 110),
        (EAN_13, AIMED, 60),
        (EAN_8, "96385074", 110),
        (ITF, "14006381333938", 90),
        (QR_CODE, "https://id.example/01/04006381333931", 0),
        (DATA_MATRIX, "https://id.example/01/04006381333931", 0),
    ] {
        let mut frame = Frame::filled(1520, 960, 215);
        for index in 0..12 {
            let at = (50 + index % 3 * 490, 30 + index / 3 * 190);
            draw(&mut frame, format, text, at, height);
        }
        draw(&mut frame, EAN_13, BESIDE, (600, 820), 110);
        let all = BTreeMap::from([(text.to_owned(), 12), (BESIDE.to_owned(), 1)]);
        for frame in [frame.clone(), turned(&frame)] {
            assert_eq!(counted(&frame), all, "{format} {height} high");
        }
    }
}

/// What hides the middle of a label does not make two of it.
#[test]
fn one_pack_is_counted_once() {
    for (top, bottom) in [(95, 97), (80, 90), (100, 125), (60, 64)] {
        let mut frame = Frame::filled(520, 240, 215);
        draw(&mut frame, BarcodeFormat::EAN_13, AIMED, (90, 50), 120);
        frame.luma[top * 520..bottom * 520].fill(230);
        assert_eq!(counted(&frame), BTreeMap::from([(AIMED.to_owned(), 1)]), "{top} to {bottom}");
    }
}
