//! The scanners of this machine: listed from `/sys` without opening anything, opened through the
//! kernel's `evdev` and through serial lines.
//!
//! Listing by opening would look into every keyboard of the machine, and would see nothing where
//! the rights are missing, which is when a person needs the list most.

use super::serial::SerialPort;
use super::{Bus, Device, HandSetting, Kind, Port, Signal};
use evdev::raw_stream::RawDevice;
use evdev::{EventType, SynchronizationCode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The digits and Enter, by the kernel's numbers.
const NEEDED_KEYS: std::ops::RangeInclusive<usize> = 2..=11;
const ENTER: usize = 28;
/// A USB device is at most so many folders above its serial line.
const STEPS_MAX: usize = 5;

/// The machine.
#[derive(Clone, Debug)]
pub struct SystemBus {
    dev: PathBuf,
    sys: PathBuf,
}

impl Default for SystemBus {
    fn default() -> Self {
        Self { dev: "/dev".into(), sys: "/sys".into() }
    }
}

impl SystemBus {
    /// A machine with its nodes and descriptions in other folders, for tests.
    #[cfg(test)]
    pub(super) fn at(dev: &Path, sys: &Path) -> Self {
        Self { dev: dev.into(), sys: sys.into() }
    }

    fn keyboards(&self) -> impl Iterator<Item = Device> + '_ {
        let class = self.sys.join("class/input");
        names_in(&class, &["event"]).into_iter().filter_map(move |name| {
            let about = class.join(&name).join("device");
            let number = |file: &str| u16::from_str_radix(&line(&about.join(file))?, 16).ok();
            let usb = number("id/vendor").zip(number("id/product"));
            let path = self.dev.join("input").join(&name);
            let keys = line(&about.join("capabilities/key")).unwrap_or_default();
            // A keyboard with a touch pad or a knob is a person's.
            let points = ["rel", "abs"].iter().any(|axes| {
                let bits = line(&about.join("capabilities").join(axes)).unwrap_or_default();
                bits.chars().any(|digit| !matches!(digit, '0' | ' '))
            });
            let has = |key| has_bit(&keys, key);
            let is_keyboard = !points && has(ENTER) && NEEDED_KEYS.into_iter().all(has);
            let name = line(&about.join("name"))?;
            Some(Device { kind: Kind::Keys, path, name, usb, is_keyboard })
        })
    }

    fn lines(&self) -> impl Iterator<Item = Device> + '_ {
        let class = self.sys.join("class/tty");
        names_in(&class, &["ttyACM", "ttyUSB"]).into_iter().map(move |node| {
            let about = std::fs::canonicalize(class.join(&node).join("device"));
            let usb = about.ok().and_then(|about| {
                let mut above = about.ancestors().take(STEPS_MAX);
                above.find(|above| above.join("idVendor").exists()).map(Path::to_path_buf)
            });
            let word = |file: &str| line(&usb.as_ref()?.join(file));
            let number = |file: &str| u16::from_str_radix(&word(file)?, 16).ok();
            let words = [word("manufacturer"), word("product")].into_iter().flatten();
            let name = words.collect::<Vec<_>>().join(" ");
            Device {
                kind: Kind::Serial,
                path: self.dev.join(&node),
                name: if name.is_empty() { node } else { name },
                usb: number("idVendor").zip(number("idProduct")),
                is_keyboard: false,
            }
        })
    }
}

/// The entries of a folder that begin with one of `beginnings`, in order.
fn names_in(folder: &Path, beginnings: &[&str]) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let is_wanted = |name: &String| beginnings.iter().any(|begin| name.starts_with(begin));
    let mut names: Vec<String> = names.filter(is_wanted).collect();
    names.sort_unstable();
    names
}

/// The text of a small file.
fn line(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Whether a bit is set in a bitmap of `/sys`: words of the machine's size, the highest first.
fn has_bit(words: &str, bit: usize) -> bool {
    let size = usize::BITS as usize;
    let word = words.split_whitespace().rev().nth(bit / size);
    let word = word.and_then(|word| usize::from_str_radix(word, 16).ok());
    word.is_some_and(|word| word >> (bit % size) & 1 == 1)
}

impl Bus for SystemBus {
    fn devices(&self) -> Vec<Device> {
        self.keyboards().chain(self.lines()).collect()
    }

    fn open(&self, device: &Device, setting: &HandSetting) -> io::Result<Box<dyn Port>> {
        match device.kind {
            Kind::Serial => Ok(Box::new(SerialPort::open(&device.path, setting.baud)?)),
            Kind::Keys => {
                let mut keyboard = RawDevice::open(&device.path)?;
                // From here on its keys reach this program and nobody else, no text field either.
                keyboard.grab()?;
                Ok(Box::new(KeyboardPort(keyboard)))
            }
        }
    }
}

/// Whether something can be read within `patience`, or the device is gone (then reading tells).
pub(super) fn wait(fd: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
    match poll(&mut polled, Some(&patience)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A grabbed keyboard; the grab ends with it.
struct KeyboardPort(RawDevice);

impl Port for KeyboardPort {
    fn read(&mut self, patience: Duration, signals: &mut Vec<Signal>) -> io::Result<()> {
        if !wait(self.0.as_fd(), patience)? {
            return Ok(());
        }
        for event in self.0.fetch_events()? {
            match event.event_type() {
                // 2 is the repetition of a key that is held; scanners hold none.
                EventType::KEY if event.value() < 2 => {
                    signals.push(Signal::Key { code: event.code(), is_down: event.value() == 1 });
                }
                EventType::SYNCHRONIZATION
                    if event.code() == SynchronizationCode::SYN_DROPPED.0 =>
                {
                    signals.push(Signal::Lost);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
