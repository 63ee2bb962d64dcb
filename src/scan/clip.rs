//! Clips from disk, frame by frame: Y4M, and motion JPEG as JPEG pictures one after the other.
//!
//! Only luma planes are kept. A clip that ends inside a frame yields an error for that frame and
//! then ends; frames before it were good and were delivered.

use crate::frame::Frame;
use crate::image::{self, ImageError, Kind};
use std::io::{self, BufRead, Read};

/// The longest header line of a Y4M clip or frame that is believed.
const LINE_BYTES_MAX: u64 = 4096;
/// The longest JPEG of a motion JPEG clip.
const PICTURE_BYTES_MAX: usize = 32 << 20;

/// Why a clip cannot be played on.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// Reading failed.
    #[error("reading the clip failed")]
    Read(#[from] io::Error),
    /// It is neither Y4M nor motion JPEG.
    #[error("this is no Y4M or motion JPEG clip")]
    UnknownKind,
    /// The header does not say what is needed, or says what is not supported.
    #[error("the Y4M header is not understood: {0}")]
    Header(&'static str),
    /// It ends inside a frame.
    #[error("the clip ends inside frame {0}")]
    EndsEarly(u64),
    /// One of its pictures cannot be decoded.
    #[error("frame {number} cannot be decoded")]
    Picture {
        /// Counted from 1.
        number: u64,
        /// Why.
        #[source]
        source: ImageError,
    },
}

enum Format {
    Y4m { width: usize, height: usize, skip_bytes: u64, sample_bytes: usize, shift: u32 },
    MotionJpeg,
}

/// A clip being read.
pub struct Clip<R> {
    input: R,
    format: Format,
    frame_micros: u64,
    frames_read: u64,
    is_over: bool,
}

impl<R: BufRead> Clip<R> {
    /// Recognises the clip by its first bytes; `fps` is for motion JPEG, which does not say.
    pub fn open(mut input: R, fps: f32) -> Result<Self, ClipError> {
        let kind = image::kind_of(input.fill_buf()?).ok_or(ClipError::UnknownKind)?;
        let mut frame_micros = (1_000_000.0 / fps.clamp(0.1, 1000.0)) as u64;
        let format = match kind {
            Kind::Y4m => {
                let line = header_line(&mut input)?.ok_or(ClipError::Header("no end of line"))?;
                let (format, micros) = y4m_format(&line)?;
                frame_micros = micros.unwrap_or(frame_micros);
                format
            }
            Kind::Jpeg => Format::MotionJpeg,
            _ => return Err(ClipError::UnknownKind),
        };
        Ok(Self { input, format, frame_micros, frames_read: 0, is_over: false })
    }

    /// Frames delivered so far.
    pub const fn frames_read(&self) -> u64 {
        self.frames_read
    }

    /// The next frame, `None` at the end.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, ClipError> {
        if self.is_over {
            return Ok(None);
        }
        let next = match self.format {
            Format::Y4m { width, height, skip_bytes, sample_bytes, shift } => {
                self.next_y4m(width, height, skip_bytes, sample_bytes, shift)
            }
            Format::MotionJpeg => self.next_jpeg(),
        };
        match next {
            Ok(Some(mut frame)) => {
                frame.taken_ms = self.frames_read * self.frame_micros / 1000;
                self.frames_read += 1;
                Ok(Some(frame))
            }
            // A picture that is damaged is skipped by asking again; what cannot be read ends it.
            Err(fault @ ClipError::Picture { .. }) => {
                self.frames_read += 1;
                Err(fault)
            }
            Ok(None) => {
                self.is_over = true;
                Ok(None)
            }
            Err(fault) => {
                self.is_over = true;
                Err(fault)
            }
        }
    }

    fn next_y4m(
        &mut self,
        width: usize,
        height: usize,
        skip_bytes: u64,
        sample_bytes: usize,
        shift: u32,
    ) -> Result<Option<Frame>, ClipError> {
        let early = ClipError::EndsEarly(self.frames_read + 1);
        match header_line(&mut self.input)? {
            Some(line) if line.starts_with(b"FRAME") => {}
            Some(line) if !line.is_empty() => {
                return Err(ClipError::Header("FRAME is missing"));
            }
            _ => return Ok(None),
        }
        let mut luma = Vec::new();
        let wanted = width * height * sample_bytes;
        let got = (&mut self.input).take(wanted as u64).read_to_end(&mut luma)?;
        let skipped = io::copy(&mut (&mut self.input).take(skip_bytes), &mut io::sink())?;
        if got != wanted || skipped != skip_bytes {
            return Err(early);
        }
        if sample_bytes == 2 {
            let wide = |pair: &[u8]| (u16::from_le_bytes([pair[0], pair[1]]) >> shift) as u8;
            luma = luma.chunks_exact(2).map(wide).collect();
        }
        Ok(Some(Frame { luma, width, height, stride: width, taken_ms: 0 }))
    }

    /// Cuts the next JPEG out: from start of image to end of image, over stuffed bytes and
    /// segments, so that a thumbnail inside a segment does not end it.
    fn next_jpeg(&mut self) -> Result<Option<Frame>, ClipError> {
        let number = self.frames_read + 1;
        let Some(picture) = cut_jpeg(&mut self.input, number)? else { return Ok(None) };
        image::jpeg(&picture).map(Some).map_err(|source| ClipError::Picture { number, source })
    }
}

fn header_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    Ok((line.pop() == Some(b'\n')).then_some(line))
}

fn y4m_format(line: &[u8]) -> Result<(Format, Option<u64>), ClipError> {
    let line = std::str::from_utf8(line).map_err(|_| ClipError::Header("not text"))?;
    let (mut width, mut height, mut micros, mut colour) = (0usize, 0usize, None, "420");
    for field in line.split_ascii_whitespace().skip(1) {
        let Some((tag, value)) = field.split_at_checked(1) else { continue };
        match tag {
            "W" => width = value.parse().map_err(|_| ClipError::Header("width"))?,
            "H" => height = value.parse().map_err(|_| ClipError::Header("height"))?,
            "C" => colour = value,
            "F" => {
                let (frames, seconds) = value.split_once(':').unwrap_or((value, "1"));
                if let (Ok(frames @ 1..), Ok(seconds @ 1..)) =
                    (frames.parse::<u64>(), seconds.parse::<u64>())
                {
                    micros = seconds.checked_mul(1_000_000).map(|micros| micros / frames);
                }
            }
            _ => {}
        }
    }
    image::check_size(width, height).map_err(|_| ClipError::Header("size"))?;
    let (base, depth) = match colour.split_once('p') {
        Some((base, depth)) if depth.starts_with(|c: char| c.is_ascii_digit()) => {
            (base, depth.parse::<u32>().map_err(|_| ClipError::Header("bit depth"))?)
        }
        _ => (colour, 8),
    };
    if !(8..=16).contains(&depth) {
        return Err(ClipError::Header("bit depth"));
    }
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    let chroma = match base {
        base if base.starts_with("420") => 2 * half_width * half_height,
        base if base.starts_with("422") => 2 * half_width * height,
        base if base.starts_with("444alpha") => 3 * width * height,
        base if base.starts_with("444") => 2 * width * height,
        base if base.starts_with("411") => 2 * width.div_ceil(4) * height,
        base if base.starts_with("mono") => 0,
        _ => return Err(ClipError::Header("colour space")),
    };
    let sample_bytes = if depth > 8 { 2 } else { 1 };
    let skip_bytes = (chroma * sample_bytes) as u64;
    Ok((Format::Y4m { width, height, skip_bytes, sample_bytes, shift: depth - 8 }, micros))
}

fn byte(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    let first = input.fill_buf()?.first().copied();
    if first.is_some() {
        input.consume(1);
    }
    Ok(first)
}

fn cut_jpeg(input: &mut impl BufRead, number: u64) -> Result<Option<Vec<u8>>, ClipError> {
    let early = || ClipError::EndsEarly(number);
    // To the start of the image; recorders put padding between pictures.
    let mut last = 0u8;
    loop {
        match byte(input)? {
            None => return Ok(None),
            Some(0xd8) if last == 0xff => break,
            Some(next) => last = next,
        }
    }
    let mut picture = vec![0xff, 0xd8];
    loop {
        if picture.len() > PICTURE_BYTES_MAX {
            return Err(early());
        }
        let next = byte(input)?.ok_or_else(early)?;
        picture.push(next);
        if next != 0xff {
            continue;
        }
        let mut marker = byte(input)?.ok_or_else(early)?;
        while marker == 0xff {
            marker = byte(input)?.ok_or_else(early)?;
        }
        picture.push(marker);
        match marker {
            0xd9 => return Ok(Some(picture)),
            // Stuffing, restarts and TEM have no length; all other segments have one.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            _ => {
                let high = byte(input)?.ok_or_else(early)?;
                let low = byte(input)?.ok_or_else(early)?;
                picture.extend([high, low]);
                let length = u64::from(u16::from_be_bytes([high, low]).max(2)) - 2;
                let got = input.take(length).read_to_end(&mut picture)?;
                if got as u64 != length {
                    return Err(early());
                }
            }
        }
    }
}
