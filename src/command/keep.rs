//! Keeping one frame for a report: a picture, and beside it what was seen in it, in a folder that the screen
//! names.
//!
//! It happens only when a person asks, because what is before a camera may be anybody's. Sales come first: on a
//! disk that is nearly full nothing is kept, and the folder never holds more than [`FRAMES_MAX`] frames. A file
//! under its final name is whole.

use crossroads::app::viewfinder::{self, SaveState};
use domain::time::DeviceTime;
use scan::{Frame, LookReport};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use store::DiskGauge;

/// Frames that a folder holds at most: some 100 MB of them at the most.
const FRAMES_MAX: usize = 200;

/// Why a frame is not kept. In every case nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Too little room.
    #[error("the disk is nearly full")]
    DiskFull,
    /// The folder may not be written to.
    #[error("the folder may not be written to")]
    Forbidden(#[source] io::Error),
    /// There are [`FRAMES_MAX`] frames in it.
    #[error("the folder holds {FRAMES_MAX} frames")]
    Crowded,
    /// The system said no otherwise.
    #[error("the frame cannot be written")]
    Failed(#[source] io::Error),
}

impl From<io::Error> for KeepError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::Forbidden(error)
            }
            _ => Self::Failed(error),
        }
    }
}

impl KeepError {
    /// What the screen says about it.
    pub fn in_words(&self, folder: &Path) -> SaveState {
        let folder = folder.display().to_string();
        match self {
            Self::DiskFull => SaveState::DiskFull(folder),
            Self::Forbidden(_) => SaveState::Forbidden(folder),
            Self::Crowded => SaveState::Crowded(folder),
            Self::Failed(error) => SaveState::Failed(error.to_string()),
        }
    }
}

/// Writes the frame of `look` and its report into `folder`, which is made when missing; returns the picture.
pub fn keep(
    folder: &Path,
    look: &LookReport,
    software: &str,
    now: DeviceTime,
    disk: &dyn DiskGauge,
) -> Result<PathBuf, KeepError> {
    fs::create_dir_all(folder)?;
    let is_picture =
        |entry: &fs::DirEntry| entry.path().extension().is_some_and(|end| end == "png");
    if fs::read_dir(folder)?.flatten().filter(is_picture).count() >= FRAMES_MAX {
        return Err(KeepError::Crowded);
    }
    // A gauge that fails says nothing about the room; the write itself will.
    if disk.space().is_ok_and(|space| space.is_low()) {
        return Err(KeepError::DiskFull);
    }
    let (name, at) = name_and_time(now);
    let picture = folder.join(format!("{name}.png"));
    let report = folder.join(format!("{name}.json"));
    let text = format!("{:#}\n", viewfinder::report(look, software, &at));
    let written = png_of(&look.frame)
        .and_then(|bytes| write_whole(&picture, &bytes))
        .and_then(|()| write_whole(&report, text.as_bytes()));
    if let Err(error) = written {
        let _ = (fs::remove_file(&picture), fs::remove_file(&report));
        return Err(error.into());
    }
    Ok(picture)
}

/// `frame-20260312-140500-123` and the same moment for the report, both in UTC.
fn name_and_time(now: DeviceTime) -> (String, String) {
    let at = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default();
    let name = at.strftime("frame-%Y%m%d-%H%M%S").to_string();
    (format!("{name}-{:03}", now.0.rem_euclid(1_000)), at.to_string())
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let part = path.with_extension("part");
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    let written = write();
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// The frame as a grey PNG: nothing is lost, and everything can open it.
fn png_of(frame: &Frame) -> io::Result<Vec<u8>> {
    let Some(luma) = frame.view() else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is torn"));
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, luma.width() as u32, luma.height() as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&luma.to_frame().luma)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use scan::source::SourceState;
    use scan::stream::Counts;
    use scan::{Clock, Decoder, MonotonicClock, Options, Trace};
    use std::os::unix::fs::symlink;
    use store::DiskSpace;

    struct Room(u64);
    impl DiskGauge for Room {
        fn space(&self) -> io::Result<DiskSpace> {
            Ok(DiskSpace { free_bytes: self.0, total_bytes: 8 << 30 })
        }
    }

    const PLENTY: Room = Room(4 << 30);
    const NOW: DeviceTime = DeviceTime(1_773_323_100_123);

    fn look(frame: Frame) -> LookReport {
        LookReport {
            frame,
            reads: Vec::new(),
            trace: Trace::default(),
            look_us: 1,
            counts: Counts { frames: 1, decodes: 1, dropped: 0 },
            source: (SourceState::None, None),
        }
    }

    /// A frame of the demo's, as a camera would give it.
    fn demo_frame() -> Frame {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo/frames");
        let mut pictures: Vec<_> =
            fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
        pictures.sort();
        let reads_something = |path: &PathBuf| {
            let frame = scan::image::decode(&fs::read(path).ok()?).ok()?;
            let mut decoder = Decoder::new(Options::default());
            let is_read = !decoder.study(frame.view()?, &|| false).is_empty();
            is_read.then_some(frame)
        };
        pictures.iter().find_map(reads_something).unwrap()
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let frame = demo_frame();
        let mut decoder = Decoder::new(Options::default());
        let seen = decoder.study(frame.view().unwrap(), &|| false);
        let inner = folder.path().join("frames");
        let path = keep(&inner, &look(frame), "crossroads 1", NOW, &PLENTY).unwrap();
        assert_eq!(path.file_name().unwrap(), "frame-20260312-134500-123.png");
        let clock = MonotonicClock::start();
        let again = scan::still::decode_file(&path, &Options::default(), &clock as &dyn Clock);
        assert!(again.error.is_none());
        assert_eq!(again.codes[0].text, seen[0].text);
        let report = fs::read_to_string(path.with_extension("json")).unwrap();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["saved_at"], "2026-03-12T13:45:00.123Z");
        // `crossroads scan FOLDER` passes the report over and reads the picture.
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let status = scan::still::run_cli(
            &[inner],
            scan::still::Report::default(),
            &Options::default(),
            &clock,
            &mut out,
            &mut err,
        );
        assert_eq!((status, String::from_utf8(out).unwrap().lines().count()), (0, 1));
    }

    #[test]
    fn padded_rows_are_kept_without_their_padding() {
        let folder = tempfile::tempdir().unwrap();
        let frame =
            Frame { luma: vec![1, 2, 99, 3, 4, 99], width: 2, height: 2, stride: 3, taken_ms: 0 };
        let path = keep(folder.path(), &look(frame), "", NOW, &PLENTY).unwrap();
        assert_eq!(scan::image::decode(&fs::read(path).unwrap()).unwrap().luma, [1, 2, 3, 4]);
    }

    #[test]
    fn a_full_disk_keeps_nothing_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let small = Frame::filled(64, 64, 9);
        let refused = keep(folder.path(), &look(small.clone()), "", NOW, &Room(1 << 20));
        assert!(matches!(refused, Err(KeepError::DiskFull)), "{refused:?}");
        // The disk fills up while the picture is written.
        symlink("/dev/full", folder.path().join("frame-20260312-134500-123.part")).unwrap();
        let refused = keep(folder.path(), &look(small.clone()), "", NOW, &PLENTY).unwrap_err();
        let said = refused.in_words(folder.path());
        assert!(matches!(said, SaveState::DiskFull(_)), "{refused:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
        assert!(keep(folder.path(), &look(small), "", NOW, &PLENTY).is_ok(), "room was made");
    }

    #[test]
    fn other_refusals_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let small = Frame::filled(8, 8, 9);
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let refused = keep(&file.join("frames"), &look(small.clone()), "", NOW, &PLENTY);
        assert!(matches!(refused, Err(KeepError::Failed(_))), "{refused:?}");
        for (kind, is_forbidden) in [
            (io::ErrorKind::PermissionDenied, true),
            (io::ErrorKind::ReadOnlyFilesystem, true),
            (io::ErrorKind::StorageFull, false),
        ] {
            let said = KeepError::from(io::Error::from(kind)).in_words(Path::new("/x"));
            assert_eq!(said == SaveState::Forbidden("/x".into()), is_forbidden, "{kind:?}");
        }
        for number in 0..FRAMES_MAX {
            fs::write(folder.path().join(format!("{number}.png")), "").unwrap();
        }
        let crowded = keep(folder.path(), &look(small), "", NOW, &PLENTY);
        assert!(matches!(crowded, Err(KeepError::Crowded)), "{crowded:?}");
    }
}
