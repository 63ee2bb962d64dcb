//! The modules of a QR code, for whoever draws one. What stands in it is decided elsewhere.

use qrcode::{Color, EcLevel, QrCode};

/// The modules row by row, `#` dark, without the quiet zone; empty if the text is too long for any.
pub fn rows(text: &str) -> Vec<String> {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else {
        return Vec::new();
    };
    let colours = code.to_colors();
    let row = |row: &[Color]| {
        row.iter().map(|colour| if *colour == Color::Dark { '#' } else { '.' }).collect()
    };
    colours.chunks(code.width()).map(row).collect()
}
