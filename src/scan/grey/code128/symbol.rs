//! Code 128 as modules: the bars of all characters, and which sequences a printer would make.
//!
//! Widths of the patterns and the meaning of values: ISO/IEC 15417:2007, table 1 and 4.3, from the
//! reader of edges.

use crate::decode::code128::{text_of, widths_of};

/// Modules of a character.
pub(super) const CHARACTER: usize = 11;
/// Modules of the stop character, with its last bar.
pub(super) const STOP_MODULES: usize = 13;
/// Values that data and check character may have.
pub(super) const DATA: usize = 103;
/// The same with the three start characters.
pub(super) const VALUES: usize = 106;
/// Start, one character of data, check and stop.
pub(super) const CHARACTERS_MIN: usize = 4;
/// Modules from the first bar to the last of a symbol of so many characters.
pub(super) const fn modules_of(characters: usize) -> usize {
    CHARACTER * characters + STOP_MODULES - CHARACTER
}

/// The bars of a character, as (from, to) in modules from its left edge.
pub(super) fn bars_of(value: usize) -> [(u8, u8); 3] {
    let widths = widths_of(value).map(|width| width as u8);
    let mut at = 0;
    std::array::from_fn(|bar| {
        let from = at;
        let to = from + widths[2 * bar];
        at = to + widths[2 * bar + 1];
        (from, to)
    })
}

/// The bars of the stop character.
pub(super) fn stop_bars() -> [(u8, u8); 4] {
    let [a, b, c] = bars_of(VALUES);
    [a, b, c, (CHARACTER as u8, STOP_MODULES as u8)]
}

/// The code set that stands, as far as values mean other things in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    A,
    B,
    C,
}

/// Whether a printer would make it: no control characters and none above 127, no word to the
/// scanner (FNC2 to FNC4), no switch or shift to nothing, FNC1 where GS1 puts it.
fn is_sensible(values: &[u8]) -> bool {
    let Some(((start, data), _)) = values
        .split_last()
        .and_then(|(check, body)| body.split_first().map(|split| (split, check)))
    else {
        return false;
    };
    let mut set = match start {
        103 => Set::A,
        104 => Set::B,
        _ => Set::C,
    };
    let (mut is_shifted, mut was_switch) = (false, false);
    let is_gs1 = data.first() == Some(&102);
    for (index, value) in data.iter().enumerate() {
        let is_last = index + 1 == data.len();
        let other = if set == Set::A { Set::B } else { Set::A };
        let now = if is_shifted { other } else { set };
        let next = match (set, value) {
            (Set::A | Set::C, 100) => Some(Set::B),
            (Set::B | Set::C, 101) => Some(Set::A),
            (Set::A | Set::B, 99) => Some(Set::C),
            _ => None,
        };
        let is_shift = set != Set::C && *value == 98;
        let is_command = next.is_some() || is_shift || *value == 102;
        if is_command && (is_shifted || is_last || (was_switch && *value != 102)) {
            return false;
        }
        let is_plain = match (now, value) {
            // FNC1 between the elements of a GS1-128 only.
            (_, 102) => index == 0 || (is_gs1 && data[index - 1] != 102),
            (Set::C, 0..100) => true,
            (Set::A, 0..64) | (Set::B, 0..95) => true,
            _ => false,
        };
        if !is_plain && next.is_none() && !is_shift {
            return false;
        }
        set = next.unwrap_or(set);
        (is_shifted, was_switch) = (is_shift, next.is_some());
    }
    true
}

/// The text of start, data and check character, and whether it is a GS1-128; `None` where the check
/// fails or no printer would make it.
pub(super) fn text(values: &[u8]) -> Option<(String, bool)> {
    let wide: Vec<usize> = values.iter().map(|value| usize::from(*value)).collect();
    is_sensible(values).then(|| text_of(&wide)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_those_of_the_standard() {
        assert_eq!(bars_of(0), [(0, 2), (3, 5), (7, 9)]);
        // 2 3 3 1 1 1 2
        assert_eq!(stop_bars(), [(0, 2), (5, 8), (9, 10), (11, 13)]);
        assert_eq!(modules_of(4), 46);
    }

    /// Values between start and check, and whether they make sense.
    #[test]
    fn what_no_printer_makes_is_told() {
        let cases: &[(&[u8], bool)] = &[
            (&[104, 33, 34, 0], true),
            (&[105, 12, 34, 0], true),
            (&[105, 102, 10, 12, 102, 21, 0], true),
            (&[104, 33, 99, 12, 34, 100, 33, 0], true),
            (&[103, 33, 98, 65, 34, 0], true),
            // FNC1 in no GS1-128, twice, last.
            (&[105, 12, 102, 34, 0], false),
            (&[105, 102, 12, 102, 102, 34, 0], false),
            (&[105, 102, 12, 102, 0], false),
            // A switch to nothing, a switch to be switched again, a shift of a switch.
            (&[104, 33, 99, 0], false),
            (&[104, 33, 99, 101, 33, 0], false),
            (&[104, 33, 98, 99, 12, 0], false),
            // FNC3, FNC4, DEL, a control character.
            (&[104, 96, 33, 0], false),
            (&[104, 100, 33, 0], false),
            (&[104, 95, 33, 0], false),
            (&[103, 64, 33, 0], false),
            (&[104, 33, 98, 66, 33, 0], false),
        ];
        for (values, expected) in cases {
            assert_eq!(is_sensible(values), *expected, "{values:?}");
        }
    }
}
