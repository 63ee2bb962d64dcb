//! The system calls behind `camera`: Video4Linux through nokhwa, and through `v4l` where nokhwa is
//! blind.
//!
//! nokhwa 0.10 lists metadata nodes as cameras, cannot open a camera whose present format or rate
//! it does not know, and knows nothing of padded rows. So cameras and modes are listed with `v4l`
//! (which nokhwa stands on), the wanted format is set before nokhwa opens the camera, and what the
//! driver answered is what counts. Nothing here can be tested without a camera; it must stay thin.

use super::camera::{Bus, CameraError, Device, Node};
use super::format::{Mode, PixelFormat};
use nokhwa::Camera;
use nokhwa::utils::{
    CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType, Resolution,
};
use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use v4l::capability::Flags;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Format, FourCC};

/// Cameras of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct V4l2Bus;

/// Where the stable names of cameras are.
const PORTS: &str = "/dev/v4l/by-path";
/// Sizes that are tried where a driver offers a range.
const SIZES: [(u32, u32); 3] = [(640, 480), (800, 600), (1280, 720)];
/// Modes that are listed at most; a driver that offers more is broken.
const MODES_MAX: usize = 1024;

/// Whether any camera is plugged in.
pub fn has_camera() -> bool {
    catch_unwind(|| !V4l2Bus.nodes().is_empty()).unwrap_or(false)
}

fn number(path: &Path) -> Option<usize> {
    path.file_name()?.to_str()?.strip_prefix("video")?.parse().ok()
}

/// The capture node at `path`, if it is one.
fn capture_node(path: PathBuf) -> Option<Node> {
    let device = v4l::Device::with_path(&path).ok()?;
    // The binding unwraps names that are not UTF-8.
    let caps = catch_unwind(AssertUnwindSafe(|| device.query_caps())).ok()?.ok()?;
    let is_camera = caps.capabilities.contains(Flags::VIDEO_CAPTURE | Flags::STREAMING)
        && !caps.capabilities.intersects(Flags::VIDEO_M2M | Flags::VIDEO_OUTPUT);
    is_camera.then(|| Node { name: caps.card, port: port_of(&path), path })
}

/// The stable name of a node, where the system keeps such names.
fn port_of(path: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(PORTS).ok()?.flatten().map(|entry| entry.path());
    entries.filter(|port| port.canonicalize().is_ok_and(|to| to == path)).min()
}

impl Bus for V4l2Bus {
    fn nodes(&self) -> Vec<Node> {
        let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
        let mut paths: Vec<(usize, PathBuf)> =
            entries.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
        paths.sort();
        paths.into_iter().filter_map(|(_, path)| capture_node(path)).collect()
    }

    fn open(&self, node: &Node) -> Result<Box<dyn Device>, CameraError> {
        let index = number(&node.path).ok_or(CameraError::Absent)?;
        Ok(Box::new(V4l2Device { path: node.path.clone(), index, camera: None }))
    }
}

struct V4l2Device {
    path: PathBuf,
    index: usize,
    camera: Option<Camera>,
}

fn fault(error: &io::Error) -> CameraError {
    const ENODEV: i32 = 19;
    const EBUSY: i32 = 16;
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::PermissionDenied, _) => CameraError::Forbidden,
        (io::ErrorKind::NotFound, _) => CameraError::Absent,
        (_, Some(ENODEV)) => CameraError::Unplugged,
        (_, Some(EBUSY)) => CameraError::Busy,
        _ => CameraError::Failed(error.to_string()),
    }
}

/// nokhwa passes the words of the system on and nothing else.
fn nokhwa_fault(error: &nokhwa::NokhwaError) -> CameraError {
    let words = error.to_string();
    if words.contains("os error 19") {
        CameraError::Unplugged
    } else if words.contains("os error 16") {
        CameraError::Busy
    } else if words.contains("os error 13") {
        CameraError::Forbidden
    } else {
        CameraError::Failed(words)
    }
}

/// Formats that both nokhwa and we know. V4L2 says `GREY`; nokhwa's `GRAY` is kept for drivers that
/// say so too.
const FORMATS: [(&[u8; 4], PixelFormat, FrameFormat); 4] = [
    (b"NV12", PixelFormat::Nv12, FrameFormat::NV12),
    (b"YUYV", PixelFormat::Yuyv, FrameFormat::YUYV),
    (b"GRAY", PixelFormat::Grey, FrameFormat::GRAY),
    (b"MJPG", PixelFormat::Mjpeg, FrameFormat::MJPEG),
];

/// Whole rates only: nokhwa refuses 29.97.
fn rates(device: &v4l::Device, fourcc: FourCC, width: u32, height: u32) -> Vec<u32> {
    let intervals = device.enum_frameintervals(fourcc, width, height).unwrap_or_default();
    let rate = |interval: FrameIntervalEnum| match interval {
        FrameIntervalEnum::Discrete(fraction) if fraction.numerator == 1 => {
            Some(fraction.denominator)
        }
        FrameIntervalEnum::Discrete(_) => None,
        FrameIntervalEnum::Stepwise(range) => {
            let (shortest, longest) = (range.min, range.max);
            let is_thirty_inside = 30 * shortest.numerator <= shortest.denominator
                && 30 * longest.numerator >= longest.denominator;
            is_thirty_inside.then_some(30)
        }
    };
    intervals.into_iter().filter_map(|interval| rate(interval.interval)).collect()
}

impl Device for V4l2Device {
    fn modes(&mut self) -> Result<Vec<Mode>, CameraError> {
        let device = v4l::Device::with_path(&self.path).map_err(|error| fault(&error))?;
        let mut modes = Vec::new();
        for description in device.enum_formats().map_err(|error| fault(&error))? {
            let fourcc = description.fourcc;
            let Some(known) = FORMATS.iter().find(|format| *format.0 == fourcc.repr) else {
                continue;
            };
            for size in device.enum_framesizes(fourcc).unwrap_or_default() {
                let sizes = match size.size {
                    FrameSizeEnum::Discrete(size) => vec![(size.width, size.height)],
                    FrameSizeEnum::Stepwise(range) => SIZES
                        .into_iter()
                        .filter(|(width, height)| {
                            (range.min_width..=range.max_width).contains(width)
                                && (range.min_height..=range.max_height).contains(height)
                        })
                        .collect(),
                };
                for (width, height) in sizes {
                    for frames_per_second in rates(&device, fourcc, width, height) {
                        if modes.len() < MODES_MAX {
                            modes.push(Mode { format: known.1, width, height, frames_per_second });
                        }
                    }
                }
            }
        }
        Ok(modes)
    }

    fn start(&mut self, mode: Mode) -> Result<usize, CameraError> {
        let known =
            FORMATS.iter().find(|format| format.1 == mode.format).ok_or(CameraError::NoMode)?;
        {
            let device = v4l::Device::with_path(&self.path).map_err(|error| fault(&error))?;
            let format = Format::new(mode.width, mode.height, FourCC::new(known.0));
            device.set_format(&format).map_err(|error| fault(&error))?;
            // Not every driver can be told a rate; nokhwa then says so itself.
            let _ = device.set_params(&Parameters::with_fps(mode.frames_per_second));
        }
        let resolution = Resolution::new(mode.width, mode.height);
        let wanted = CameraFormat::new(resolution, known.2, mode.frames_per_second);
        let formats = [known.2];
        let request = RequestedFormat::with_formats(RequestedFormatType::Exact(wanted), &formats);
        let index = u32::try_from(self.index).map_err(|_| CameraError::Absent)?;
        let mut camera = Camera::new(CameraIndex::Index(index), request)
            .map_err(|error| nokhwa_fault(&error))?;
        camera.open_stream().map_err(|error| nokhwa_fault(&error))?;
        self.camera = Some(camera);
        let device = v4l::Device::with_path(&self.path).map_err(|error| fault(&error))?;
        let set = device.format().map_err(|error| fault(&error))?;
        if (set.width, set.height, set.fourcc.repr) != (mode.width, mode.height, *known.0) {
            return Err(CameraError::Failed("it delivers another format than asked for".into()));
        }
        Ok(set.stride as usize)
    }

    fn picture(&mut self) -> Result<Cow<'_, [u8]>, CameraError> {
        let camera = self.camera.as_mut().ok_or(CameraError::Absent)?;
        camera.frame_raw().map_err(|error| nokhwa_fault(&error))
    }
}
