//! What a person wants to know about scanners before anything is scanned: which there are, which
//! of them are used, and what stands in the way.

use super::setting::Which;
use super::{Bus, Device, HandSettings, Kind};
use rustix::fs::Access as Right;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Whether a device is used, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It can be opened.
    Usable,
    /// This user may not open it.
    Forbidden {
        /// The group that may, if the system has given it one.
        group: Option<String>,
    },
    /// It is named in the configuration and not plugged in.
    Absent,
    /// It is plugged in, does not look like a scanner, and is not named.
    Unnamed,
}

/// A device, or a line of the configuration that no device fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How it speaks.
    pub kind: Kind,
    /// What it calls itself.
    pub name: String,
    /// Its node; empty where the configuration gives none.
    pub path: PathBuf,
    /// Whether it is used.
    pub access: Access,
}

/// Looks at all devices; opens none.
pub fn survey(settings: &HandSettings, bus: &impl Bus) -> Vec<Found> {
    let devices = bus.devices();
    let chosen = settings.choose(&devices);
    let found = |device: &Device, access| {
        let Device { kind, name, path, .. } = device.clone();
        Found { kind, name, path, access }
    };
    let mut all: Vec<Found> =
        chosen.iter().map(|(device, _)| found(device, access_of(device))).collect();
    for setting in settings.lines() {
        if chosen.iter().any(|(_, by)| *by == setting) {
            continue;
        }
        let (kind, name, path) = match &setting.which {
            Which::Likely(_) => continue,
            Which::Path(kind, path) => (*kind, String::new(), path.clone()),
            Which::Name(words) => (Kind::Keys, format!("name={words}"), PathBuf::new()),
            Which::Usb(vendor, product) => {
                (Kind::Keys, format!("usb={vendor:04x}:{product:04x}"), PathBuf::new())
            }
        };
        all.push(Found { kind, name, path, access: Access::Absent });
    }
    let is_spare = |device: &&Device| {
        let is_chosen = chosen.iter().any(|(known, _)| known.path == device.path);
        !is_chosen && (device.is_keyboard || device.kind == Kind::Serial)
    };
    all.extend(devices.iter().filter(is_spare).map(|device| found(device, Access::Unnamed)));
    all
}

fn access_of(device: &Device) -> Access {
    let wanted = match device.kind {
        Kind::Keys => Right::READ_OK,
        Kind::Serial => Right::READ_OK | Right::WRITE_OK,
    };
    match rustix::fs::access(&device.path, wanted) {
        Ok(()) => Access::Usable,
        Err(rustix::io::Errno::NOENT) => Access::Absent,
        Err(_) => Access::Forbidden { group: group_of(&device.path) },
    }
}

/// The name of the group of a node, if it is one that can be joined.
fn group_of(path: &Path) -> Option<String> {
    let number = std::fs::metadata(path).ok()?.gid().to_string();
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    let line = groups.lines().find(|line| line.split(':').nth(2) == Some(number.as_str()))?;
    let name = line.split(':').next()?;
    (name != "root").then(|| name.to_owned())
}
