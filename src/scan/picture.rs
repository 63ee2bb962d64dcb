//! One picture that somebody asked for: a shelf that is counted, a box that is received.
//!
//! A camera that pans over equal packs cannot tell the one it saw from the next. In one picture each stands in its own
//! place, and who took it sees which were counted.

use crate::confirm::Read;
use crate::frame::{Frame, Outline};
use crate::guard::{is_advertisement, says_more};
use domain::code::Code;
use std::collections::BTreeMap;

/// What one picture shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The picture, grey, whole.
    pub frame: Frame,
    /// One code for each pack, and where it stands: the same code in five places is there five times, a pack with two
    /// symbols once.
    pub packs: Vec<(Code, Outline)>,
    /// What stands on packs beside: second symbols, web addresses, serial numbers.
    pub others: Vec<(Code, Outline)>,
    /// How long looking took, in milliseconds.
    pub look_ms: u64,
}

impl Picture {
    /// Sorts what was read: of the symbols of one article the kind that stands in most places counts its packs, of two
    /// kinds that which says more. Where no article is seen, every code but a web address is one thing.
    pub(crate) fn new(frame: Frame, reads: Vec<Read>, look_ms: u64) -> Self {
        let mut kinds: BTreeMap<_, BTreeMap<_, (usize, bool)>> = BTreeMap::new();
        let codes: Vec<(Code, Outline)> = reads
            .into_iter()
            .map(|read| (read.outline, read.into_code()))
            .map(|(o, c)| (c, o))
            .collect();
        for (code, _) in &codes {
            if let Some(gtin) = code.gtin() {
                let of_kind = kinds.entry(gtin.to_gtin14()).or_default();
                let (places, more) = of_kind.entry(code.symbology).or_default();
                *places += 1;
                *more |= says_more(code);
            }
        }
        let is_pack = |code: &Code| match code.gtin() {
            Some(gtin) => kinds.get(&gtin.to_gtin14()).is_some_and(|of_kind| {
                let best = of_kind.iter().max_by_key(|(_, weight)| **weight);
                best.is_some_and(|(kind, _)| *kind == code.symbology)
            }),
            None => kinds.is_empty() && !is_advertisement(code),
        };
        let (packs, others) = codes.into_iter().partition(|(code, _)| is_pack(code));
        Self { frame, packs, others, look_ms }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::evidence::Evidence;
    use domain::code::Symbology::{self, Code128, Ean13, Gs1DataMatrix, QrCode};

    const NUMBER: &str = "9521234543213";
    const DATED: &str = "010952123454321317261231";

    fn read(symbology: Symbology, text: &str) -> Read {
        let (outline, evidence) = (Outline::default(), Evidence::default());
        Read { symbology, text: text.into(), add_on: None, outline, evidence }
    }

    /// Reading guide: what was read, the packs that are counted, how many codes stand beside.
    #[test]
    fn packs_are_counted_by_what_stands_on_most_of_them() {
        let bars = (Ean13, NUMBER);
        let dots = (Gs1DataMatrix, DATED);
        let other = (Ean13, "4006381333931");
        for (codes, packs, others) in [
            (vec![bars, bars, bars], vec![bars, bars, bars], 0),
            (vec![bars, dots, bars], vec![bars, bars], 1),
            (vec![bars, dots], vec![dots], 1),
            (vec![dots, dots, bars, other], vec![dots, dots, other], 1),
            (vec![bars, (QrCode, "https://example.org/win")], vec![bars], 1),
            (vec![bars, (Code128, "SN-4711")], vec![bars], 1),
            (
                vec![(Code128, "SN-4711"), (QrCode, "https://example.org/win")],
                vec![(Code128, "SN-4711")],
                1,
            ),
        ] {
            let reads = codes.iter().map(|(kind, text)| read(*kind, text)).collect();
            let picture = Picture::new(Frame::default(), reads, 7);
            let counted: Vec<(Symbology, &str)> = picture
                .packs
                .iter()
                .map(|(code, _)| (code.symbology, code.text.as_str()))
                .collect();
            assert_eq!((counted, picture.others.len()), (packs, others), "{codes:?}");
        }
    }
}
