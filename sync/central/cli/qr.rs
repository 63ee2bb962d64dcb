//! A QR code in a terminal, two modules a character, so that a badge or a one-time code can be scanned from the screen
//! of whoever asked for it. Nothing of it is kept.

use anyhow::{Context, Result};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use std::io::IsTerminal;

/// Black on white of the fixed 256 colours: a reader wants dark on light, whatever the colours of the terminal are.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const AS_BEFORE: &str = "\x1b[0m";

/// The code of `text` with its quiet zone, for standard output: with colours where that is a terminal; in a file they
/// would be letters, and what prints it is dark on light by itself.
pub fn drawn(text: &str) -> Result<String> {
    let lines = lines(text)?;
    Ok(match std::io::stdout().is_terminal() {
        true => coloured(&lines),
        false => lines.join("\n"),
    })
}

fn lines(text: &str) -> Result<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .context("this text does not fit a QR code")?;
    let picture = code.render::<Dense1x2>().quiet_zone(true).build();
    Ok(picture.lines().map(str::to_owned).collect())
}

fn coloured(lines: &[String]) -> String {
    let line = |line: &String| format!("{BLACK_ON_WHITE}{line}{AS_BEFORE}");
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use qrcode::Color;

    /// Light modules around a code (ISO/IEC 18004, section 6.3.8).
    const QUIET_ZONE: usize = 4;

    /// The modules of a drawing, true for dark.
    fn modules(lines: &[String]) -> Vec<Vec<bool>> {
        let half = |line: &String, is_upper: bool| -> Vec<bool> {
            let is_dark = |letter| match letter {
                '█' => true,
                '▀' => is_upper,
                '▄' => !is_upper,
                ' ' => false,
                other => panic!("{other:?} is no half block"),
            };
            line.chars().map(is_dark).collect()
        };
        lines.iter().flat_map(|line| [half(line, true), half(line, false)]).collect()
    }

    #[test]
    fn every_module_is_where_it_belongs() {
        for text in ["XR2:B:101:NUCBNNSXZLWV44HE", "XR1:E:https://central.example|XSEWN-XVJT3"] {
            let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
            let drawn = modules(&lines(text).unwrap());
            let side = code.width() + 2 * QUIET_ZONE;
            assert!(drawn.iter().all(|row| row.len() == side), "{text}");
            assert!(drawn.len() == side || drawn.len() == side + 1, "{text}");
            for (y, row) in drawn.iter().enumerate() {
                for (x, is_dark) in row.iter().enumerate() {
                    let inside = |at: usize| {
                        (QUIET_ZONE..QUIET_ZONE + code.width())
                            .contains(&at)
                            .then(|| at - QUIET_ZONE)
                    };
                    let wanted = match (inside(x), inside(y)) {
                        (Some(x), Some(y)) => code[(x, y)] == Color::Dark,
                        _ => false,
                    };
                    assert_eq!(*is_dark, wanted, "{text} at {x}, {y}");
                }
            }
        }
    }

    #[test]
    fn a_terminal_is_told_the_colours_of_every_line() {
        let lines = lines("XR2:B:101:NUCBNNSXZLWV44HE").unwrap();
        let text = coloured(&lines);
        assert_eq!(text.lines().count(), lines.len());
        for line in text.lines() {
            assert!(line.starts_with(BLACK_ON_WHITE) && line.ends_with(AS_BEFORE));
        }
    }

    #[test]
    fn a_text_that_fits_no_code_is_refused() {
        assert!(lines(&"x".repeat(5_000)).is_err());
    }
}
