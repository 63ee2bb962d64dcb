//! Makes inputs from a corpus by a seed: the same seed, the same input, on every machine.
//!
//! Ordinary tests have no coverage to be guided by, and bytes that are merely random are no JSON and no picture. So
//! an input is one of the corpus (or two of them, crossed) with some damage of the kind that decoders stumble over.

use dice::Dice;

/// No input is longer: what a test takes must stay short.
const LENGTH_MAX: usize = 128 * 1024;

/// Numbers at which things break.
const EDGES: [&str; 12] = [
    "0",
    "-1",
    "1e308",
    "-0.0",
    "255",
    "65536",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
];

/// One input: of the corpus, damaged up to eight times. An empty corpus gives random bytes.
pub fn input(corpus: &[Vec<u8>], words: &[&str], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = match corpus.get(dice.index(corpus.len())) {
        Some(sample) => sample.clone(),
        None => (0..dice.index(64)).map(|_| dice.roll() as u8).collect(),
    };
    for _ in 0..=dice.index(8) {
        damage(&mut bytes, corpus, words, dice);
        bytes.truncate(LENGTH_MAX);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str], dice: &mut Dice) {
    let (start, end) = span(bytes.len(), dice);
    match dice.index(10) {
        0 => {
            if let Some(byte) = bytes.get_mut(start) {
                *byte ^= 1 << dice.index(8);
            }
        }
        1 => {
            if let Some(byte) = bytes.get_mut(start) {
                *byte = [0, 0xff, 0x7f, 0x80, b'"', b'\\', b'\n', b'{', b'0'][dice.index(9)];
            }
        }
        2 => drop(bytes.drain(start..end)),
        3 => {
            let again = bytes[start..end].to_vec();
            bytes.splice(end..end, again);
        }
        4 => bytes.truncate(start),
        5 => {
            let noise: Vec<u8> = (0..dice.index(16)).map(|_| dice.roll() as u8).collect();
            bytes.splice(start..start, noise);
        }
        6 => {
            if let Some(other) = corpus.get(dice.index(corpus.len())) {
                let (from, to) = span(other.len(), dice);
                bytes.splice(start..end, other[from..to].iter().copied());
            }
        }
        7 => {
            if let Some(word) = words.get(dice.index(words.len())) {
                bytes.splice(start..start, word.bytes());
            }
        }
        8 => replace_number(bytes, start, dice),
        _ => {
            let mut whole: Vec<u8> = bytes[start..end].to_vec();
            whole.reverse();
            bytes.splice(start..end, whole);
        }
    }
}

/// Some place, and one behind it: near, mostly.
fn span(length: usize, dice: &mut Dice) -> (usize, usize) {
    let start = dice.index(length + 1);
    let reach = if dice.index(4) == 0 { length } else { 12 };
    (start, (start + dice.index(reach + 1)).min(length))
}

/// Puts an edge in place of the next digits.
fn replace_number(bytes: &mut Vec<u8>, start: usize, dice: &mut Dice) {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let Some(first) = bytes[start..].iter().position(is_digit).map(|at| start + at) else { return };
    let length = bytes[first..].iter().position(|byte| !is_digit(byte));
    let last = length.map_or(bytes.len(), |length| first + length);
    bytes.splice(first..last, EDGES[dice.index(EDGES.len())].bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays_and_lengths_are_bounded() {
        let corpus = [b"{\"seq\":17}".to_vec(), vec![7; LENGTH_MAX]];
        for seed in 0..300 {
            let one = input(&corpus, &["word"], &mut Dice::new(seed));
            assert_eq!(one, input(&corpus, &["word"], &mut Dice::new(seed)), "seed {seed}");
            assert!(one.len() <= LENGTH_MAX);
        }
        assert!(input(&[], &[], &mut Dice::new(1)).len() <= LENGTH_MAX);
    }
}
