//! How codes are carried: symbologies, and the prefixes by which scanners name them.
//!
//! The same digits mean different things in different symbols, so that a code never travels
//! without its carrier.

/// How a code was carried, by the names of the ISO and AIM standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Symbology {
    /// ISO/IEC 15420, thirteen digits.
    Ean13,
    /// ISO/IEC 15420, eight digits.
    Ean8,
    /// ISO/IEC 15420, twelve digits.
    UpcA,
    /// ISO/IEC 15420, zero-suppressed.
    UpcE,
    /// ISO/IEC 15417.
    Code128,
    /// ISO/IEC 15417 with FNC1 in first position.
    Gs1128,
    /// ISO/IEC 16388.
    Code39,
    /// AIM BC5.
    Code93,
    /// ANSI/AIM BC3, used by libraries.
    Codabar,
    /// ISO/IEC 16390, any length.
    Itf,
    /// ISO/IEC 16390 with fourteen digits and a GTIN's check digit.
    Itf14,
    /// ISO/IEC 24724, omnidirectional, truncated or stacked.
    DataBar,
    /// ISO/IEC 24724 Limited.
    DataBarLimited,
    /// ISO/IEC 24724 Expanded, also stacked.
    DataBarExpanded,
    /// ISO/IEC 18004.
    QrCode,
    /// ISO/IEC 18004 with FNC1.
    Gs1QrCode,
    /// ISO/IEC 16022.
    DataMatrix,
    /// ISO/IEC 16022 with FNC1.
    Gs1DataMatrix,
    /// ISO/IEC 15438.
    Pdf417,
    /// ISO/IEC 24778.
    Aztec,
    /// Typed by a person.
    Typed,
    /// Sent by a scanner that does not say.
    Unspecified,
}

impl Symbology {
    pub(super) const ALL: [(Self, &'static str); 22] = [
        (Self::Ean13, "EAN-13"),
        (Self::Ean8, "EAN-8"),
        (Self::UpcA, "UPC-A"),
        (Self::UpcE, "UPC-E"),
        (Self::Code128, "Code 128"),
        (Self::Gs1128, "GS1-128"),
        (Self::Code39, "Code 39"),
        (Self::Code93, "Code 93"),
        (Self::Codabar, "Codabar"),
        (Self::Itf, "ITF"),
        (Self::Itf14, "ITF-14"),
        (Self::DataBar, "GS1 DataBar"),
        (Self::DataBarLimited, "GS1 DataBar Limited"),
        (Self::DataBarExpanded, "GS1 DataBar Expanded"),
        (Self::QrCode, "QR Code"),
        (Self::Gs1QrCode, "GS1 QR Code"),
        (Self::DataMatrix, "Data Matrix"),
        (Self::Gs1DataMatrix, "GS1 DataMatrix"),
        (Self::Pdf417, "PDF417"),
        (Self::Aztec, "Aztec Code"),
        (Self::Typed, "typed"),
        (Self::Unspecified, "unspecified"),
    ];

    /// The name in the standard.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(symbology, _)| *symbology == self)
            .map_or("unspecified", |row| row.1)
    }

    /// The symbology of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// Takes the AIM symbology identifier off a text of GS1 element strings (ISO/IEC 15424; GS1
/// General Specifications, figure 5.1.2-1): GS1-128, GS1 DataBar, Data Matrix, QR Code, DotCode.
///
/// `None` if the text begins with none of them.
pub fn strip_gs1_identifier(text: &str) -> Option<&str> {
    const IDENTIFIERS: [&str; 5] = ["]C1", "]e0", "]d2", "]Q3", "]J1"];
    IDENTIFIERS.iter().find_map(|identifier| text.strip_prefix(identifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_round_trip() {
        for (symbology, name) in Symbology::ALL {
            assert_eq!(Symbology::from_name(name), Some(symbology));
        }
    }

    #[test]
    fn identifiers_come_off() {
        assert_eq!(strip_gs1_identifier("]C10109"), Some("0109"));
        assert_eq!(strip_gs1_identifier("]d2"), Some(""));
        for other in ["]E09521234543213", "]c101", "0109", "]C", ""] {
            assert_eq!(strip_gs1_identifier(other), None, "{other}");
        }
    }
}
