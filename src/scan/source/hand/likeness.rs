//! Whether a device looks like a scanner, by what it says of itself.
//!
//! A wrong yes takes a person's keyboard away, a wrong no costs one line of configuration: so only
//! names that say it, and makers that sell nothing else that types. Payment terminals and scales
//! hang at serial lines too; one that does not say that it is a scanner is not opened.

use super::{Device, Kind};

/// Words in names of scanners, in small letters.
const WORDS: [&str; 6] =
    ["barcode", "bar code", "bar-code", "code reader", "code scanner", "qr scan"];
/// Makers whose names stand in those of their scanners.
const MAKERS: [&str; 8] = [
    "symbol technologies",
    "datalogic",
    "honeywell imaging",
    "honeywell scanning",
    "metrologic",
    "newland auto-id",
    "opticon",
    "zebra scanner",
];
/// USB vendors that make scanners (usb.ids): Symbol (Zebra's scanners), PSC (Datalogic's),
/// Metrologic (Honeywell's), Opticon, Newland.
const VENDORS: [u16; 5] = [0x05e0, 0x05f9, 0x0c2e, 0x065a, 0x1eab];
/// Words that outweigh all others: what a person types on, or what is no code reader at all.
const OTHERS: [&str; 8] =
    ["fingerprint", "flatbed", "document", "touch", "payment", "pin pad", "pinpad", "scale"];

/// Whether `device` is taken for a scanner without being named in the configuration.
pub(super) fn is_scanner(device: &Device) -> bool {
    let name = device.name.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if says(&OTHERS) || (device.kind == Kind::Keys && !device.is_keyboard) {
        return false;
    }
    let is_of_maker = device.usb.is_some_and(|(vendor, _)| VENDORS.contains(&vendor));
    says(&WORDS) || says(&MAKERS) || is_of_maker
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reading guide: name, vendor, is taken for a scanner.
    #[test]
    fn scanners_are_known_and_keyboards_are_left_alone() {
        for (name, vendor, is_taken) in [
            ("Symbol Technologies, Inc, 2008 Symbol Bar Code Scanner", 0x05e0, true),
            ("Honeywell Imaging & Mobility 1900", 0x0c2e, true),
            ("Datalogic ADC, Inc. Handheld Barcode Scanner", 0x05f9, true),
            ("USB Adapter USB Device", 0x065a, true),
            ("BARCODE SCANNER Keyboard Interface", 0x1a86, true),
            ("AT Translated Set 2 keyboard", 0, false),
            ("Logitech USB Keyboard", 0x046d, false),
            ("HID 04d9:1203", 0x04d9, false),
            ("Cherry GmbH SmartTerminal", 0x046a, false),
            ("Fingerprint Barcode Combo", 0x1234, false),
            ("EPSON Scanner", 0x04b8, false),
        ] {
            let device = Device {
                kind: Kind::Keys,
                path: "/dev/input/event1".into(),
                name: name.into(),
                usb: Some((vendor, 1)),
                is_keyboard: true,
            };
            assert_eq!(is_scanner(&device), is_taken, "{name}");
            assert!(!is_scanner(&Device { is_keyboard: false, ..device }), "{name}");
        }
    }
}
