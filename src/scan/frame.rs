//! Grey pictures: what every source delivers and every decoder looks at.
//!
//! Eight-bit luma with a stride, because cameras pad their rows and because colour carries nothing
//! that a bar code needs. A frame never changes size behind the reader's back: [`Luma`] checks
//! once, at the rim, that its bytes really hold the rows that it claims.

/// Pixels that a picture may have at most: 64 megapixels, four times what a till camera delivers.
pub const PIXELS_MAX: usize = 64 << 20;

/// The shortest side of a picture: one line of pixels can hold a bar code.
pub const SIDE_MIN: usize = 1;

/// A place in a frame, in pixels from its top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Point {
    /// Pixels to the right.
    pub x: f32,
    /// Pixels down.
    pub y: f32,
}

impl Point {
    /// The point `x`, `y`.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The distance to `other` in pixels.
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The point halfway to `other`.
    pub fn middle(self, other: Self) -> Self {
        Self::new((self.x + other.x) / 2.0, (self.y + other.y) / 2.0)
    }

    /// The point in a picture that is `factor` times as large.
    pub fn scaled(self, factor: f32) -> Self {
        Self::new(self.x * factor, self.y * factor)
    }
}

/// The four corners of a code as found, in frame coordinates, in drawing order.
pub type Outline = [Point; 4];

/// One grey picture that owns its pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Rows of `stride` bytes; 0 is black.
    pub luma: Vec<u8>,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes from one row to the next, at least `width`.
    pub stride: usize,
    /// When it was taken, in milliseconds of the clock of the source.
    pub taken_ms: u64,
}

impl Frame {
    /// A frame without padding, all pixels of one value.
    pub fn filled(width: usize, height: usize, value: u8) -> Self {
        Self { luma: vec![value; width * height], width, height, stride: width, taken_ms: 0 }
    }

    /// The view that decoders take; `None` if the bytes do not hold what the sizes claim.
    pub fn view(&self) -> Option<Luma<'_>> {
        Luma::new(&self.luma, self.width, self.height, self.stride)
    }
}

/// A grey picture that borrows its pixels. Invariant: every pixel of it lies inside the bytes.
#[derive(Clone, Copy, Debug)]
pub struct Luma<'a> {
    bytes: &'a [u8],
    width: usize,
    height: usize,
    stride: usize,
}

impl<'a> Luma<'a> {
    /// Checks the sizes against the bytes.
    pub fn new(bytes: &'a [u8], width: usize, height: usize, stride: usize) -> Option<Self> {
        let is_sane = width > 0 && height > 0 && stride >= width;
        let needed = stride.checked_mul(height.checked_sub(1)?)?.checked_add(width)?;
        (is_sane && bytes.len() >= needed && width.checked_mul(height)? <= PIXELS_MAX)
            .then_some(Self { bytes, width, height, stride })
    }

    /// Pixels in a row.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// The pixels of row `y`, which must exist.
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.bytes[y * self.stride..y * self.stride + self.width]
    }

    /// The grey value between the pixels, by bilinear interpolation; places outside are clamped.
    pub fn sample(&self, x: f32, y: f32) -> f32 {
        let x = x.clamp(0.0, (self.width - 1) as f32);
        let y = y.clamp(0.0, (self.height - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (fx, fy) = (x - left as f32, y - top as f32);
        let (upper, lower) = (top * self.stride, bottom * self.stride);
        let at = |index: usize| f32::from(self.bytes[index]);
        let above = at(upper + left) + (at(upper + right) - at(upper + left)) * fx;
        let below = at(lower + left) + (at(lower + right) - at(lower + left)) * fx;
        above + (below - above) * fy
    }

    /// A part of the picture, its pixels not copied; `None` if it does not lie inside.
    pub fn part(&self, left: usize, top: usize, width: usize, height: usize) -> Option<Luma<'a>> {
        let is_inside = left.checked_add(width)? <= self.width
            && top.checked_add(height)? <= self.height
            && width > 0
            && height > 0;
        let bytes = is_inside.then(|| &self.bytes[top * self.stride + left..])?;
        Luma::new(bytes, width, height, self.stride)
    }

    /// The picture shrunk by a whole factor, each pixel the mean of `factor`² pixels.
    pub fn shrunk(&self, factor: usize) -> Frame {
        let mut frame = Frame::default();
        self.shrunk_into(factor, &mut frame);
        frame
    }

    /// The same into a frame whose memory is used again.
    pub fn shrunk_into(&self, factor: usize, frame: &mut Frame) {
        let factor = factor.max(1);
        let (width, height) = ((self.width / factor).max(1), (self.height / factor).max(1));
        frame.luma.clear();
        for y in 0..height {
            let rows = y * factor..((y + 1) * factor).min(self.height);
            for x in 0..width {
                let columns = x * factor..((x + 1) * factor).min(self.width);
                let count = (rows.len() * columns.len()).max(1) as u32;
                let sum: u32 = rows
                    .clone()
                    .map(|row| {
                        let from = row * self.stride;
                        let cells = &self.bytes[from + columns.start..from + columns.end];
                        cells.iter().map(|cell| u32::from(*cell)).sum::<u32>()
                    })
                    .sum();
                frame.luma.push((sum / count) as u8);
            }
        }
        (frame.width, frame.height, frame.stride) = (width, height, width);
        frame.taken_ms = 0;
    }

    /// The picture enlarged twice, for codes whose modules are hardly wider than a pixel.
    pub fn doubled(&self) -> Frame {
        let mut frame = Frame::default();
        self.doubled_into(&mut frame);
        frame
    }

    /// The same into a frame whose memory is used again.
    pub fn doubled_into(&self, frame: &mut Frame) {
        let (width, height) = (self.width * 2, self.height * 2);
        frame.luma.clear();
        for y in 0..height {
            let at = y as f32 / 2.0 - 0.25;
            let row = (0..width).map(|x| self.sample(x as f32 / 2.0 - 0.25, at) as u8);
            frame.luma.extend(row);
        }
        (frame.width, frame.height, frame.stride) = (width, height, width);
        frame.taken_ms = 0;
    }

    /// A copy without padding.
    pub fn to_frame(&self) -> Frame {
        let mut luma = Vec::with_capacity(self.width * self.height);
        (0..self.height).for_each(|y| luma.extend_from_slice(self.row(y)));
        Frame { luma, width: self.width, height: self.height, stride: self.width, taken_ms: 0 }
    }

    /// A small grey picture of at most 360x270 pixels for the screen: means of whole cells, so that
    /// bars do not turn into moiré, made by one pass over the pixels.
    pub fn preview(&self) -> Frame {
        self.shrunk(self.preview_factor())
    }

    /// How many times smaller the preview is than the picture.
    pub fn preview_factor(&self) -> usize {
        const WIDTH_MAX: usize = 360;
        const HEIGHT_MAX: usize = 270;
        self.width.div_ceil(WIDTH_MAX).max(self.height.div_ceil(HEIGHT_MAX)).max(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_view_never_reaches_beyond_its_bytes() {
        let bytes = [7u8; 10];
        assert!(Luma::new(&bytes, 5, 2, 5).is_some());
        assert!(Luma::new(&bytes, 4, 2, 6).is_some(), "the last row needs no padding");
        for (width, height, stride) in
            [(5, 3, 5), (0, 2, 5), (5, 0, 5), (5, 2, 4), (5, 2, 6), (usize::MAX, 2, usize::MAX)]
        {
            assert!(Luma::new(&bytes, width, height, stride).is_none(), "{width}x{height}");
        }
    }

    #[test]
    fn shrinking_takes_means_and_keeps_padding_out() {
        let bytes = [0, 100, 9, 100, 200, 9];
        let luma = Luma::new(&bytes, 2, 2, 3).unwrap();
        assert_eq!(luma.shrunk(2).luma, [100]);
        assert_eq!(luma.to_frame().luma, [0, 100, 100, 200]);
        assert_eq!(luma.doubled().width, 4);
        assert!((luma.sample(0.5, 0.5) - 100.0).abs() < 0.01);
        assert!((luma.sample(-9.0, 99.0) - 100.0).abs() < 0.01, "outside is clamped");
    }

    #[test]
    fn a_preview_fits_the_strip() {
        for (width, height) in [(640, 480), (1280, 720), (1, 1), (361, 3), (8000, 20)] {
            let preview = Frame::filled(width, height, 50).view().unwrap().preview();
            assert!(preview.width <= 360 && preview.height <= 270);
            assert!(preview.view().is_some());
        }
    }
}
