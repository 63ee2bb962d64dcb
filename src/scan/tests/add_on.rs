//! Add-ons beside numbers as a person meets them: stills and streams, any way round, and the number never waits long.

#![allow(clippy::unwrap_used)]

mod frames;

use domain::code::Symbology;
use frames::turned;
use scan::decode::ean::ean13_modules;
use scan::decode::ean_add_on::add_on_modules;
use scan::{Decoder, Frame, Options};

const NUMBER: &str = "9780143007234";
const FRAME_MS: u64 = 33;

/// Rows of bars: from, to.
type Rows = (usize, usize);

/// A label of `pixels` a module with an add-on in some of its rows.
fn label(pixels: usize, add_on: Option<(&str, Rows)>) -> Frame {
    let (width, height) = (210 * pixels, 300);
    let mut frame = Frame::filled(width, height, 230);
    let mut draw = |modules: &[bool], from: usize, rows: Rows| {
        for (index, _) in modules.iter().enumerate().filter(|(_, is_dark)| **is_dark) {
            let x = (from + index) * pixels;
            (rows.0..rows.1).for_each(|y| frame.luma[y * width + x..][..pixels].fill(25));
        }
    };
    let number = ean13_modules(NUMBER).unwrap();
    draw(&number, 8, (60, 240));
    if let Some((digits, rows)) = add_on {
        draw(&add_on_modules(digits).unwrap(), 8 + number.len() - 4, rows);
    }
    frame
}

/// What a stream tells of frames: in which of them, the add-on.
fn told(frames: &[&Frame]) -> Vec<(usize, Option<String>)> {
    let mut decoder = Decoder::new(Options::default());
    let mut told = Vec::new();
    for (index, frame) in frames.iter().enumerate() {
        let now_ms = 1 + index as u64 * FRAME_MS;
        for read in decoder.look(frame.view().unwrap(), now_ms, &|| false) {
            assert_eq!((read.symbology, read.text.as_str()), (Symbology::Ean13, NUMBER));
            told.push((index, read.add_on.map(|add_on| add_on.to_string())));
        }
    }
    told
}

#[test]
fn a_still_is_read_with_what_stands_beside_any_way_round() {
    for digits in ["51299", "06"] {
        for pixels in [2, 3, 5] {
            let mut frame = label(pixels, Some((digits, (90, 240))));
            for turn in 0..4 {
                let reads =
                    Decoder::new(Options::default()).study(frame.view().unwrap(), &|| false);
                let found: Vec<(&str, Option<String>)> = reads
                    .iter()
                    .map(|read| (read.text.as_str(), read.add_on.map(|it| it.to_string())))
                    .collect();
                let expected = [(NUMBER, Some(digits.to_owned()))];
                assert_eq!(found, expected, "{digits} {pixels} px, turned {turn} times");
                frame = turned(&frame);
            }
        }
    }
}

#[test]
fn a_stream_tells_the_number_with_its_add_on_at_once() {
    for digits in ["51299", "06"] {
        let mut frame = label(3, Some((digits, (90, 240))));
        for turn in 0..4 {
            let alone = label(3, None);
            let alone = (0..turn).fold(alone, |frame, _| turned(&frame));
            let first = told(&[&alone; 4])[0].0;
            let told = told(&[&frame; 4]);
            assert_eq!(told[0], (first, Some(digits.to_owned())), "turned {turn} times");
            frame = turned(&frame);
        }
    }
}

/// A number alone, and one beside which bars stand that are no add-on, are told in the same frame.
#[test]
fn nothing_beside_a_number_costs_no_frame() {
    let alone = label(3, None);
    let mut scribbled = alone.clone();
    for bar in 0..9 {
        for y in 60..240 {
            let from = y * scribbled.width + 3 * 130 + bar * 11;
            scribbled.luma[from..from + 5].fill(25);
        }
    }
    let first = told(&[&alone])[0].clone();
    assert_eq!(first, (0, None));
    assert_eq!(told(&[&scribbled])[0], first);
}

/// Of an add-on only two rows are seen, which is one line: it is never believed, and the number is told without it
/// within the time of five frames; then every frame tells it, so that it stays silent.
#[test]
fn a_number_waits_a_moment_for_an_add_on_and_no_longer() {
    let alone = label(3, None);
    let both = label(3, Some(("51299", (60, 240))));
    // All lines of a stream in its first frame lie in these rows; which of them see it decides the drawing.
    let mut waits = 0;
    for row in (100..200).step_by(2) {
        let torn = label(3, Some(("51299", (row, row + 1))));
        let told = told(&[&torn; 12]);
        let (frame, add_on) = &told[0];
        assert_eq!(*add_on, None, "one line is no proof: row {row}");
        let waited_ms = *frame as u64 * FRAME_MS;
        assert!(waited_ms <= 150 + FRAME_MS, "{waited_ms} ms, row {row}");
        waits += usize::from(*frame > 0);
        let rest: Vec<usize> = told.iter().map(|(frame, _)| *frame).collect();
        assert!(rest.windows(2).all(|pair| pair[1] == pair[0] + 1), "row {row}: {rest:?}");
    }
    assert!(waits > 0, "some line saw it");
    // Read without it, it is read with it as soon as that is seen.
    let told = told(&[&alone, &alone, &both]);
    assert_eq!(told.last(), Some(&(2, Some("51299".to_owned()))));
}

/// The number is seen for a moment and an add-on beside it by one line: it is told all the same.
#[test]
fn a_number_that_waits_is_not_lost_when_it_goes_out_of_view() {
    let torn: Vec<Frame> =
        (100..200).step_by(2).map(|row| label(3, Some(("51299", (row, row + 1))))).collect();
    let blank = Frame::filled(torn[0].width, torn[0].height, 230);
    let mut waits = 0;
    for frame in &torn {
        let told = told(&[frame, &blank, &blank, &blank, &blank, &blank, &blank]);
        assert_eq!(told.len(), 1, "{told:?}");
        waits += usize::from(told[0].0 > 0);
    }
    assert!(waits > 0, "some line saw it");
}
