//! Which scanners are read, and how: one line of the configuration a scanner.
//!
//! ```text
//! auto                                          whatever looks like a scanner
//! none                                          none
//! evdev:/dev/input/by-id/usb-…-event-kbd        this keyboard
//! evdev:usb=05e0:1200,layout=de                 keyboards of this vendor and product
//! evdev:name=Handheld Scanner                   keyboards whose name holds these words
//! serial:/dev/serial/by-id/usb-…,baud=9600,end=crlf
//! ```
//! Several are separated by `;`. The first one that fits a device decides about it.

use super::keymap::Layout;
use super::likeness::is_scanner;
use super::{Device, Kind};
use std::path::PathBuf;
use std::str::FromStr;

/// How a text ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ending {
    /// CR, LF or both: Enter.
    #[default]
    Line,
    /// CR alone.
    Cr,
    /// LF alone.
    Lf,
    /// CR and LF, nothing less.
    CrLf,
    /// Tab.
    Tab,
    /// Silence, for scanners that send no end.
    Silence,
}

const ENDINGS: [(Ending, &str); 6] = [
    (Ending::Line, "line"),
    (Ending::Cr, "cr"),
    (Ending::Lf, "lf"),
    (Ending::CrLf, "crlf"),
    (Ending::Tab, "tab"),
    (Ending::Silence, "idle"),
];

/// Which device a setting means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// All of a kind that look like scanners.
    Likely(Kind),
    /// The device at this path, or behind this link.
    Path(Kind, PathBuf),
    /// Keyboards whose name holds these words, in small letters.
    Name(String),
    /// Keyboards of this vendor and product.
    Usb(u16, u16),
}

/// One line of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HandSetting {
    /// Which device.
    pub which: Which,
    /// The layout that the scanner types in.
    pub layout: Layout,
    /// How its texts end.
    pub ending: Ending,
    /// Bits a second of a serial line.
    pub baud: u32,
    idle_ms: Option<u64>,
}

/// Speeds that scanners can be set to.
const BAUDS: [u32; 9] = [1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400];
/// Without a character for so long a text has broken off, in milliseconds.
const IDLE_MS: u64 = 500;
/// Where silence is the end, in milliseconds: three times what a USB line pauses.
const SILENCE_MS: u64 = 60;
const IDLE_MS_MIN: u64 = 20;
const IDLE_MS_MAX: u64 = 5000;

/// A line that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandSettingError {
    /// Neither `auto`, `none`, `evdev:…` nor `serial:…`.
    #[error("a scanner is `auto`, `none`, `evdev:…` or `serial:…`, not {0:?}")]
    Kind(String),
    /// The part after `evdev:` or `serial:` names no device.
    #[error("{0:?} names no device: give `auto`, a path, `usb=VENDOR:PRODUCT` or `name=WORDS`")]
    Device(String),
    /// A word that is not known, or a value that it cannot have.
    #[error(
        "{0:?} is not understood: layout=us|gb|de|ch|fr, end=line|cr|lf|crlf|tab|idle, \
         idle=20..5000 (ms), baud=1200..230400"
    )]
    Option(String),
}

impl HandSetting {
    /// The setting of a device without options.
    pub fn of(which: Which) -> Self {
        let (layout, ending) = (Layout::default(), Ending::default());
        Self { which, layout, ending, baud: 9600, idle_ms: None }
    }

    /// How long without a character is a silence, in milliseconds.
    pub fn idle_ms(&self) -> u64 {
        let usual = if self.ending == Ending::Silence { SILENCE_MS } else { IDLE_MS };
        self.idle_ms.unwrap_or(usual)
    }

    fn option(&mut self, option: &str) -> Result<(), HandSettingError> {
        let wrong = || HandSettingError::Option(option.to_owned());
        let (word, value) = option.split_once('=').ok_or_else(wrong)?;
        match (word.trim(), value.trim()) {
            ("layout", name) => self.layout = name.parse().map_err(|()| wrong())?,
            ("end", name) => {
                let found = ENDINGS.iter().find(|(_, known)| *known == name);
                self.ending = found.ok_or_else(wrong)?.0;
            }
            ("idle", ms) => {
                let ms = ms.parse().ok().filter(|ms| (IDLE_MS_MIN..=IDLE_MS_MAX).contains(ms));
                self.idle_ms = Some(ms.ok_or_else(wrong)?);
            }
            ("baud", baud) => {
                let baud = baud.parse().ok().filter(|baud| BAUDS.contains(baud));
                self.baud = baud.ok_or_else(wrong)?;
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }

    /// The device that this setting means among those that are there, or would mean.
    fn means(&self, device: &Device) -> bool {
        match &self.which {
            Which::Likely(kind) => *kind == device.kind && is_scanner(device),
            Which::Path(kind, path) => *kind == device.kind && is_same(path, &device.path),
            Which::Name(words) => {
                device.kind == Kind::Keys && device.name.to_lowercase().contains(words)
            }
            Which::Usb(vendor, product) => {
                device.kind == Kind::Keys && device.usb == Some((*vendor, *product))
            }
        }
    }
}

/// A path as it is, or what a link leads to.
fn is_same(path: &PathBuf, node: &PathBuf) -> bool {
    path == node || std::fs::canonicalize(path).is_ok_and(|path| path == *node)
}

impl FromStr for HandSetting {
    type Err = HandSettingError;

    fn from_str(line: &str) -> Result<Self, HandSettingError> {
        let wrong = || HandSettingError::Kind(line.to_owned());
        let (kind, rest) = line.trim().split_once(':').ok_or_else(wrong)?;
        let kind = match kind {
            "evdev" => Kind::Keys,
            "serial" => Kind::Serial,
            _ => return Err(wrong()),
        };
        let mut parts = rest.split(',');
        let device = parts.next().unwrap_or_default().trim();
        let none = || HandSettingError::Device(device.to_owned());
        let number = |text: &str| u16::from_str_radix(text, 16).ok();
        let which = match (kind, device) {
            (_, "auto") => Which::Likely(kind),
            (_, path) if path.starts_with('/') => Which::Path(kind, path.into()),
            (Kind::Keys, words) if words.starts_with("name=") && words.len() > 5 => {
                Which::Name(words[5..].to_lowercase())
            }
            (Kind::Keys, words) => {
                let numbers = words.strip_prefix("usb=").and_then(|ids| ids.split_once(':'));
                let (vendor, product) = numbers.ok_or_else(none)?;
                Which::Usb(number(vendor).ok_or_else(none)?, number(product).ok_or_else(none)?)
            }
            (Kind::Serial, _) => return Err(none()),
        };
        let mut setting = Self::of(which);
        for option in parts {
            setting.option(option)?;
        }
        Ok(setting)
    }
}

/// All lines of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandSettings(Vec<HandSetting>);

impl HandSettings {
    /// The lines, in their order.
    pub fn lines(&self) -> &[HandSetting] {
        &self.0
    }

    /// The devices that are meant, each with the first line that means it. A device that is named
    /// by a path is tried even if nobody lists it: a pipe or a bridge is a fine serial line.
    pub fn choose<'a>(&'a self, devices: &[Device]) -> Vec<(Device, &'a HandSetting)> {
        let mut chosen: Vec<(Device, &HandSetting)> = Vec::new();
        for setting in &self.0 {
            let listed = devices.iter().filter(|device| setting.means(device)).cloned();
            let unlisted = match &setting.which {
                Which::Path(Kind::Serial, path) => unlisted(path, devices),
                _ => None,
            };
            for device in listed.chain(unlisted) {
                if chosen.iter().all(|(known, _)| known.path != device.path) {
                    chosen.push((device, setting));
                }
            }
        }
        chosen
    }
}

fn unlisted(path: &PathBuf, devices: &[Device]) -> Option<Device> {
    let node = std::fs::canonicalize(path).ok()?;
    let is_listed = devices.iter().any(|device| device.path == node);
    let name = path.display().to_string();
    (!is_listed).then_some(Device {
        kind: Kind::Serial,
        path: node,
        name,
        usb: None,
        is_keyboard: false,
    })
}

impl Default for HandSettings {
    /// Whatever looks like a scanner.
    fn default() -> Self {
        let kinds = [Kind::Keys, Kind::Serial];
        Self(kinds.map(|kind| HandSetting::of(Which::Likely(kind))).into())
    }
}

impl FromStr for HandSettings {
    type Err = HandSettingError;

    fn from_str(text: &str) -> Result<Self, HandSettingError> {
        let mut lines = Vec::new();
        for line in text.split(';').map(str::trim).filter(|line| !line.is_empty()) {
            match line {
                "auto" => lines.extend(Self::default().0),
                "none" => {}
                line => lines.push(line.parse()?),
            }
        }
        Ok(Self(lines))
    }
}
