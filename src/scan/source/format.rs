//! Camera pictures: which mode to ask for, and luma out of what comes.
//!
//! Uncompressed modes first, since their luma is only copied; motion JPEG last, since it costs a
//! decoder. Rows may be padded (`bytesperline`), so luma is taken row by row and a buffer that is
//! shorter than its own claim is refused.

use crate::frame::{Frame, PIXELS_MAX};
use crate::image::{self, ImageError};

/// Pixel formats that carry luma we can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PixelFormat {
    /// A plane of luma, then chroma.
    Nv12,
    /// Luma in every second byte.
    Yuyv,
    /// Luma alone.
    Grey,
    /// A JPEG for each picture.
    Mjpeg,
}

/// One way in which a camera can be asked to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// How pixels are laid out.
    pub format: PixelFormat,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Pictures a second.
    pub frames_per_second: u32,
}

/// A buffer of a camera is not what it claims to be.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// Fewer bytes than rows times stride.
    #[error("a picture has {found} bytes, {needed} are needed")]
    Short {
        /// Bytes that came.
        found: usize,
        /// Bytes that the mode needs.
        needed: usize,
    },
    /// Rows are shorter than their pixels, or the sizes are absurd.
    #[error("rows of {stride} bytes do not hold {width} pixels")]
    Stride {
        /// Bytes a row.
        stride: usize,
        /// Pixels a row.
        width: usize,
    },
    /// The JPEG is damaged.
    #[error("a picture cannot be unpacked")]
    Jpeg(#[from] ImageError),
}

/// Below this rate a moving hand is missed.
const RATE_MIN: u32 = 15;

/// The mode to ask for, best first: uncompressed between 640x480 and 1280x720 at a fair rate, then
/// motion JPEG there, then whatever comes nearest. `None` if there is no mode that can be used.
pub fn choose(modes: &[Mode]) -> Option<Mode> {
    let cost = |mode: &Mode| {
        let pixels = mode.width as u64 * u64::from(mode.height);
        let is_small = mode.width < 640 || mode.height < 480;
        let is_large = mode.width > 1280 || mode.height > 960;
        let is_slow = mode.frames_per_second < RATE_MIN;
        let rate_gap = mode.frames_per_second.abs_diff(30);
        // In range, more pixels are better; above it, fewer.
        let size = if is_large { pixels } else { u64::MAX - pixels };
        (is_small, is_large, is_slow, mode.format, size, rate_gap)
    };
    let is_usable = |mode: &&Mode| {
        let pixels = mode.width as usize * mode.height as usize;
        mode.width >= 64 && mode.height >= 64 && pixels <= PIXELS_MAX && mode.frames_per_second > 0
    };
    modes.iter().filter(is_usable).min_by_key(|mode| cost(mode)).copied()
}

/// Takes the luma of one buffer into `frame`; `stride` is in bytes and ignored for JPEG.
pub fn take_luma(
    mode: Mode,
    stride: usize,
    raw: &[u8],
    frame: &mut Frame,
) -> Result<(), FormatError> {
    let (width, height) = (mode.width as usize, mode.height as usize);
    if mode.format == PixelFormat::Mjpeg {
        let taken_ms = frame.taken_ms;
        *frame = Frame { taken_ms, ..image::jpeg(raw)? };
        return Ok(());
    }
    let pixel_bytes = if mode.format == PixelFormat::Yuyv { 2 } else { 1 };
    let stride = if stride == 0 { width * pixel_bytes } else { stride };
    if stride < width * pixel_bytes || width == 0 || height == 0 || stride > 1 << 20 {
        return Err(FormatError::Stride { stride, width });
    }
    let needed = stride * (height - 1) + width * pixel_bytes;
    if raw.len() < needed {
        return Err(FormatError::Short { found: raw.len(), needed });
    }
    frame.luma.clear();
    for row in raw.chunks(stride).take(height) {
        let row = &row[..width * pixel_bytes];
        match pixel_bytes {
            1 => frame.luma.extend_from_slice(row),
            _ => frame.luma.extend(row.iter().step_by(2)),
        }
    }
    (frame.width, frame.height, frame.stride) = (width, height, width);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use PixelFormat::*;
    use proptest::prelude::*;

    const fn mode(format: PixelFormat, width: u32, height: u32, frames_per_second: u32) -> Mode {
        Mode { format, width, height, frames_per_second }
    }

    /// One line, one case: what a camera offers, which of them is asked for.
    #[test]
    fn the_best_mode_is_asked_for() {
        for (offered, chosen) in [
            (vec![], None),
            (vec![mode(Yuyv, 0, 0, 30)], None),
            (vec![mode(Mjpeg, 1280, 720, 30), mode(Yuyv, 640, 480, 30)], Some(1)),
            (vec![mode(Yuyv, 640, 480, 30), mode(Nv12, 640, 480, 30)], Some(1)),
            (vec![mode(Yuyv, 640, 480, 30), mode(Yuyv, 1280, 720, 10)], Some(0)),
            (vec![mode(Yuyv, 1280, 720, 10), mode(Mjpeg, 1280, 720, 30)], Some(1)),
            (vec![mode(Yuyv, 320, 240, 30), mode(Mjpeg, 640, 480, 30)], Some(1)),
            (vec![mode(Yuyv, 320, 240, 30)], Some(0)),
            (vec![mode(Grey, 3840, 2160, 30), mode(Grey, 1920, 1080, 30)], Some(1)),
            (vec![mode(Yuyv, 640, 480, 5), mode(Yuyv, 640, 480, 30)], Some(1)),
            (vec![mode(Yuyv, 640, 480, 120), mode(Yuyv, 640, 480, 30)], Some(1)),
        ] {
            assert_eq!(choose(&offered), chosen.map(|index: usize| offered[index]), "{offered:?}");
        }
    }

    #[test]
    fn luma_comes_out_of_padded_rows() {
        let mut frame = Frame::default();
        let raw = [1, 128, 2, 128, 0, 0, 3, 128, 4, 128, 0, 0];
        take_luma(mode(Yuyv, 2, 2, 30), 6, &raw, &mut frame).unwrap();
        assert_eq!((&frame.luma[..], frame.width, frame.stride), (&[1, 2, 3, 4][..], 2, 2));
        let raw = [1, 2, 9, 3, 4, 9, 128, 128];
        take_luma(mode(Nv12, 2, 2, 30), 3, &raw, &mut frame).unwrap();
        assert_eq!(frame.luma, [1, 2, 3, 4]);
        take_luma(mode(Grey, 2, 2, 30), 0, &raw, &mut frame).unwrap();
        assert_eq!(frame.luma, [1, 2, 9, 3]);
    }

    #[test]
    fn buffers_that_lie_are_refused() {
        let mut frame = Frame::default();
        let yuyv = mode(Yuyv, 4, 4, 30);
        assert!(matches!(
            take_luma(yuyv, 7, &[0; 99], &mut frame),
            Err(FormatError::Stride { .. })
        ));
        assert!(matches!(take_luma(yuyv, 8, &[0; 31], &mut frame), Err(FormatError::Short { .. })));
        let mjpeg = mode(Mjpeg, 4, 4, 30);
        assert!(matches!(take_luma(mjpeg, 0, &[0; 31], &mut frame), Err(FormatError::Jpeg(_))));
    }

    proptest! {
        #[test]
        fn no_buffer_panics(
            raw in prop::collection::vec(any::<u8>(), 0..300), width in 0u32..9, height in 0u32..20,
            stride in 0usize..40, which in 0usize..4,
        ) {
            let format = [Nv12, Yuyv, Grey, Mjpeg][which];
            let mut frame = Frame::default();
            if take_luma(mode(format, width, height, 30), stride, &raw, &mut frame).is_ok() {
                prop_assert!(frame.view().is_some());
            }
        }
    }
}
