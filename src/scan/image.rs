//! Still pictures from disk as grey frames: PNG, JPEG, WebP, PGM.
//!
//! What is read here may be anything, so the size is checked before memory is taken for pixels, and
//! a file that breaks off is an error and never a frame with an invented lower half.

use crate::frame::{Frame, PIXELS_MAX, SIDE_MIN};
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Bytes that a picture file may have at most.
pub const FILE_BYTES_MAX: u64 = 256 << 20;

/// Why a picture cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The first bytes are of no kind that we read.
    #[error("this is no PNG, JPEG, WebP or PGM picture")]
    UnknownKind,
    /// Fewer pixels than any code needs.
    #[error("the picture is {width}x{height} pixels, too small to hold a code")]
    TooSmall {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// More pixels than we are willing to hold in memory.
    #[error("the picture is {width}x{height} pixels, more than {} megapixels", PIXELS_MAX >> 20)]
    TooLarge {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// Damaged, or it ends before its last pixel.
    #[error("the {kind} picture is damaged or ends early ({detail})")]
    Damaged {
        /// PNG, JPEG, ...
        kind: &'static str,
        /// What the decoder said.
        detail: String,
    },
}

fn damaged(kind: &'static str, detail: impl ToString) -> ImageError {
    ImageError::Damaged { kind, detail: detail.to_string() }
}

/// What the first bytes of a file say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Portable Network Graphics.
    Png,
    /// JPEG; also the first picture of a motion JPEG clip.
    Jpeg,
    /// WebP.
    WebP,
    /// Portable grey map, plain (`P2`) or raw (`P5`).
    Pgm,
    /// YUV4MPEG2 clip.
    Y4m,
}

/// Tells the kind by the first bytes; names of files lie.
pub fn kind_of(bytes: &[u8]) -> Option<Kind> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some(Kind::Png),
        [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Kind::WebP),
        [b'P', b'2' | b'5', b'\t' | b'\n' | b'\r' | b' ' | b'#', ..] => Some(Kind::Pgm),
        bytes if bytes.starts_with(b"YUV4MPEG2 ") => Some(Kind::Y4m),
        _ => None,
    }
}

/// Decodes one still picture to grey.
pub fn decode(bytes: &[u8]) -> Result<Frame, ImageError> {
    match kind_of(bytes) {
        Some(Kind::Png) => png(bytes),
        Some(Kind::Jpeg) => jpeg(bytes),
        Some(Kind::WebP) => webp(bytes),
        Some(Kind::Pgm) => pgm(bytes),
        Some(Kind::Y4m) | None => Err(ImageError::UnknownKind),
    }
}

/// Refuses sizes that are of no use or of no good.
pub fn check_size(width: usize, height: usize) -> Result<(), ImageError> {
    if width < SIDE_MIN || height < SIDE_MIN {
        return Err(ImageError::TooSmall { width, height });
    }
    match width.checked_mul(height) {
        Some(pixels) if pixels <= PIXELS_MAX => Ok(()),
        _ => Err(ImageError::TooLarge { width, height }),
    }
}

/// ITU-R BT.601 luma of a colour, on white where it is transparent.
fn grey(red: u8, green: u8, blue: u8, alpha: u8) -> u8 {
    let luma = u32::from(red) * 306 + u32::from(green) * 601 + u32::from(blue) * 117;
    let alpha = u32::from(alpha);
    (((luma >> 10) * alpha + 255 * (255 - alpha)) / 255) as u8
}

/// Turns interleaved samples of one to four channels into luma.
fn to_luma(samples: &[u8], channels: usize) -> Vec<u8> {
    match channels {
        1 => samples.to_vec(),
        2 => samples.chunks_exact(2).map(|p| grey(p[0], p[0], p[0], p[1])).collect(),
        3 => samples.chunks_exact(3).map(|p| grey(p[0], p[1], p[2], 255)).collect(),
        _ => samples.chunks_exact(4).map(|p| grey(p[0], p[1], p[2], p[3])).collect(),
    }
}

fn frame(luma: Vec<u8>, width: usize, height: usize) -> Frame {
    Frame { luma, width, height, stride: width, taken_ms: 0 }
}

fn png(bytes: &[u8]) -> Result<Frame, ImageError> {
    let fault = |error: png::DecodingError| damaged("PNG", error);
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(fault)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    check_size(width, height)?;
    let size = reader.output_buffer_size().ok_or(ImageError::TooLarge { width, height })?;
    let mut samples = vec![0; size];
    let info = reader.next_frame(&mut samples).map_err(fault)?;
    samples.truncate(info.buffer_size());
    Ok(frame(to_luma(&samples, info.color_type.samples()), width, height))
}

/// Decodes a JPEG straight to luma; what follows its last byte is ignored, because cameras hand
/// over whole buffers with a stale tail.
pub fn jpeg(bytes: &[u8]) -> Result<Frame, ImageError> {
    let options = DecoderOptions::default()
        .set_max_width(u16::MAX.into())
        .set_max_height(u16::MAX.into())
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| damaged("JPEG", error))?;
    let info = decoder.info().ok_or_else(|| damaged("JPEG", "no header"))?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    check_size(width, height)?;
    let colours = decoder.input_colorspace();
    if !matches!(colours, Some(ColorSpace::YCbCr | ColorSpace::Luma)) {
        // Only these two hold luma as it is; the others go through RGB.
        return jpeg_by_rgb(bytes, options, width, height);
    }
    let samples = decoder.decode().map_err(|error| damaged("JPEG", error))?;
    if samples.len() != width * height {
        return jpeg_by_rgb(bytes, options, width, height);
    }
    Ok(frame(samples, width, height))
}

fn jpeg_by_rgb(
    bytes: &[u8],
    options: DecoderOptions,
    width: usize,
    height: usize,
) -> Result<Frame, ImageError> {
    let options = options.jpeg_set_out_colorspace(ColorSpace::RGB);
    let samples = JpegDecoder::new_with_options(ZCursor::new(bytes), options)
        .decode()
        .map_err(|error| damaged("JPEG", error))?;
    if samples.len() != width * height * 3 {
        return Err(damaged("JPEG", "pixels are missing"));
    }
    Ok(frame(to_luma(&samples, 3), width, height))
}

fn webp(bytes: &[u8]) -> Result<Frame, ImageError> {
    let fault = |error: image_webp::DecodingError| damaged("WebP", error);
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(fault)?;
    decoder.set_memory_limit(PIXELS_MAX * 4);
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    check_size(width, height)?;
    let size = decoder.output_buffer_size().ok_or(ImageError::TooLarge { width, height })?;
    let mut samples = vec![0; size];
    decoder.read_image(&mut samples).map_err(fault)?;
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    Ok(frame(to_luma(&samples, channels), width, height))
}

/// The next number of a PGM header, past white space and comments.
fn pgm_number(bytes: &[u8], at: &mut usize) -> Option<usize> {
    loop {
        match bytes.get(*at)? {
            b'#' => *at += bytes[*at..].iter().position(|byte| *byte == b'\n')? + 1,
            byte if byte.is_ascii_whitespace() => *at += 1,
            _ => break,
        }
    }
    let digits = bytes[*at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&bytes[*at..*at + digits]).ok()?.parse().ok()?;
    *at += digits;
    Some(number)
}

/// Netpbm's grey map: plain and raw, one or two bytes a sample.
fn pgm(bytes: &[u8]) -> Result<Frame, ImageError> {
    let header = || damaged("PGM", "the header is incomplete");
    let early = || damaged("PGM", "pixels are missing");
    let mut at = 2;
    let width = pgm_number(bytes, &mut at).ok_or_else(header)?;
    let height = pgm_number(bytes, &mut at).ok_or_else(header)?;
    let max = pgm_number(bytes, &mut at).ok_or_else(header)?;
    check_size(width, height)?;
    if max == 0 || max > 65_535 {
        return Err(damaged("PGM", "the greatest value is not between 1 and 65535"));
    }
    let scale = |value: usize| (value.min(max) * 255 / max) as u8;
    let pixels = width * height;
    if bytes[1] == b'2' {
        // A plain sample takes two bytes at least, so memory is bounded by the file.
        if bytes.len() < pixels {
            return Err(early());
        }
        let read = |_| pgm_number(bytes, &mut at).map(scale).ok_or_else(early);
        let luma = (0..pixels).map(read).collect::<Result<Vec<u8>, _>>()?;
        return Ok(frame(luma, width, height));
    }
    let sample_bytes = if max > 255 { 2 } else { 1 };
    let data = bytes.get(at + 1..at + 1 + pixels * sample_bytes).ok_or_else(early)?;
    let luma = data
        .chunks_exact(sample_bytes)
        .map(|sample| scale(sample.iter().fold(0, |value, byte| value << 8 | usize::from(*byte))))
        .collect();
    Ok(frame(luma, width, height))
}
