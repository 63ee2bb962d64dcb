//! Several codes in one frame: the one that is aimed at, or all of them.

#![allow(clippy::unwrap_used)]

use scan::decode::View;
use scan::decode::ean::ean13_modules;
use scan::{Decoder, Frame, Options};
use std::collections::BTreeSet;

const AIMED: &str = "4006381333931";
const BESIDE: &str = "9780201379624";

/// Two labels, one above the other; the lower one holds the middle of the frame.
fn shelf() -> Frame {
    const SIZE: (usize, usize) = (520, 560);
    let mut frame = Frame::filled(SIZE.0, SIZE.1, 220);
    for (text, top) in [(BESIDE, 40), (AIMED, 230)] {
        for (index, is_dark) in ean13_modules(text).unwrap().into_iter().enumerate() {
            for y in (top..top + 110).filter(|_| is_dark) {
                let from = y * SIZE.0 + 90 + 3 * index;
                frame.luma[from..from + 3].fill(30);
            }
        }
    }
    frame
}

/// What the first frames of a stream yield.
fn seen(view: View) -> BTreeSet<String> {
    let frame = shelf();
    let mut decoder = Decoder::new(Options::default().viewing(view));
    let looks = (0..6)
        .flat_map(|look| decoder.look(frame.view().unwrap(), 1 + 33 * look, &|| false).into_iter());
    looks.map(|read| read.text).collect()
}

#[test]
fn who_aims_reads_one_and_who_counts_reads_all() {
    assert_eq!(seen(View::Aimed), BTreeSet::from([AIMED.to_owned()]));
    assert_eq!(seen(View::All), BTreeSet::from([AIMED.to_owned(), BESIDE.to_owned()]));
}
