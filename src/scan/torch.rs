//! The light beside a camera, where a device has one: a V4L2 flash that can burn steadily, or an LED
//! of the kernel.
//!
//! Behind a small port, because most cameras have none and none of it can be tried without one. A
//! light that refuses says so; nothing here ever stops a scan. Calls may block for a moment: never
//! from the thread of the window.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use v4l::control::{Control, Value};

/// Why a light does not do what it is told.
#[derive(Debug, thiserror::Error)]
pub enum TorchError {
    /// This user may not.
    #[error("no permission to switch the light")]
    Forbidden,
    /// It is not there any more.
    #[error("the light is gone")]
    Gone,
    /// It or its driver failed otherwise.
    #[error("the light cannot be switched")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for TorchError {
    fn from(error: io::Error) -> Self {
        const ENODEV: i32 = 19;
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::PermissionDenied, _) => Self::Forbidden,
            (io::ErrorKind::NotFound, _) | (_, Some(ENODEV)) => Self::Gone,
            _ => Self::Failed(error),
        }
    }
}

/// A light that can be on or off.
pub trait Torch: Send {
    /// Switches it.
    ///
    /// # Errors
    /// It stays as it was; [`TorchError`] says why.
    fn switch(&mut self, is_on: bool) -> Result<(), TorchError>;
}

/// The light of this device: an LED named `flash` or `torch`, else the flash of a camera.
pub fn find() -> Option<Box<dyn Torch>> {
    if let Some(led) = LedTorch::find(Path::new("/sys/class/leds")) {
        return Some(Box::new(led));
    }
    FlashTorch::find(Path::new("/dev")).map(|flash| Box::new(flash) as Box<dyn Torch>)
}

/// Entries looked at in a folder of the kernel at most.
const ENTRIES_MAX: usize = 512;

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(ENTRIES_MAX);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

/// An LED of the kernel (`Documentation/leds/leds-class-flash.rst`): its `brightness` is the steady
/// light, the strobe has attributes of its own.
struct LedTorch {
    folder: PathBuf,
    brightest: String,
}

impl LedTorch {
    fn find(leds: &Path) -> Option<Self> {
        let mut folders = entries(leds);
        folders.retain(|path| name_of(path).contains("torch") || name_of(path).contains("flash"));
        // Where a device has both, `torch` is the one that is meant to burn.
        folders.sort_by_key(|path| !name_of(path).contains("torch"));
        folders.into_iter().find_map(|folder| {
            let text = fs::read_to_string(folder.join("max_brightness")).ok()?;
            let brightest: u32 = text.trim().parse().ok().filter(|value| *value > 0)?;
            Some(Self { folder, brightest: brightest.to_string() })
        })
    }
}

impl Torch for LedTorch {
    fn switch(&mut self, is_on: bool) -> Result<(), TorchError> {
        let value = if is_on { self.brightest.as_str() } else { "0" };
        // Never made anew: where the attribute is gone, so is the light.
        let mut attribute =
            fs::OpenOptions::new().write(true).open(self.folder.join("brightness"))?;
        Ok(io::Write::write_all(&mut attribute, value.as_bytes())?)
    }
}

/// A flash controller behind V4L2 (`V4L2_CID_FLASH_LED_MODE` of `linux/v4l2-controls.h`), at the
/// camera's own node or at a sub-device.
struct FlashTorch {
    node: PathBuf,
}

const FLASH_LED_MODE: u32 = 0x009c_0901;
const MODE_NONE: i64 = 0;
const MODE_TORCH: i64 = 2;

impl FlashTorch {
    fn find(devices: &Path) -> Option<Self> {
        let is_node = |path: &PathBuf| {
            let name = name_of(path);
            name.starts_with("v4l-subdev") || name.starts_with("video")
        };
        let nodes = entries(devices).into_iter().filter(is_node);
        nodes.map(|node| Self { node }).find(Self::has_mode)
    }

    fn has_mode(&self) -> bool {
        // The binding unwraps kinds of controls that it does not know.
        catch_unwind(AssertUnwindSafe(|| {
            v4l::Device::with_path(&self.node)?.control(FLASH_LED_MODE).map(|_| ())
        }))
        .is_ok_and(|found| found.is_ok())
    }
}

impl Torch for FlashTorch {
    fn switch(&mut self, is_on: bool) -> Result<(), TorchError> {
        let value = Value::Integer(if is_on { MODE_TORCH } else { MODE_NONE });
        let device = v4l::Device::with_path(&self.node)?;
        Ok(device.set_control(Control { id: FLASH_LED_MODE, value })?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn led(leds: &Path, name: &str, brightest: &str) -> PathBuf {
        let folder = leds.join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("max_brightness"), format!("{brightest}\n")).unwrap();
        fs::write(folder.join("brightness"), "0").unwrap();
        folder
    }

    #[test]
    fn an_led_of_the_right_name_burns_and_goes_out() {
        let leds = tempfile::tempdir().unwrap();
        led(leds.path(), "input3::capslock", "1");
        assert!(LedTorch::find(leds.path()).is_none(), "a keyboard's lamp is no torch");
        led(leds.path(), "white:flash", "0");
        assert!(LedTorch::find(leds.path()).is_none(), "it cannot burn");
        let flash = led(leds.path(), "led:flash_0", "150");
        let torch = led(leds.path(), "led:torch_0", "120");
        let mut found = LedTorch::find(leds.path()).unwrap();
        found.switch(true).unwrap();
        assert_eq!(fs::read_to_string(torch.join("brightness")).unwrap(), "120");
        assert_eq!(fs::read_to_string(flash.join("brightness")).unwrap(), "0");
        found.switch(false).unwrap();
        assert_eq!(&fs::read(torch.join("brightness")).unwrap()[..1], b"0");
    }

    #[test]
    fn a_light_that_refuses_says_why() {
        let leds = tempfile::tempdir().unwrap();
        let folder = led(leds.path(), "white:torch", "255");
        let mut torch = LedTorch::find(leds.path()).unwrap();
        fs::remove_file(folder.join("brightness")).unwrap();
        assert!(matches!(torch.switch(true), Err(TorchError::Gone)));
        fs::create_dir(folder.join("brightness")).unwrap();
        assert!(matches!(torch.switch(true), Err(TorchError::Failed(_))));
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(matches!(TorchError::from(denied), TorchError::Forbidden));
    }

    #[test]
    fn files_that_are_no_devices_are_no_flash() {
        let devices = tempfile::tempdir().unwrap();
        fs::write(devices.path().join("video0"), "").unwrap();
        assert!(FlashTorch::find(devices.path()).is_none());
        assert!(FlashTorch::find(&devices.path().join("gone")).is_none());
    }
}
