//! The same photographs as another camera, another hand or a worse line would have delivered them.
//!
//! Readers are built on the photographs that their builders have. What one earns on those says little of others; what
//! it still reads of them turned, smaller, packed harder, dimmed or cut through says more, and a number that appears
//! only then is a wrong one that was waiting. The same picture is altered in the same way on every machine.

#[path = "clutter.rs"]
mod clutter;

use scan::image::jpeg;
use scan::{Frame, Luma};

/// One way to alter a picture.
pub struct Alteration {
    /// What was done, for the table.
    pub name: &'static str,
    /// Does it.
    pub apply: fn(&Luma<'_>) -> Frame,
    /// Whether what the picture shows is still whole; if not, only wrong numbers are of interest.
    pub is_whole: bool,
}

const fn whole(name: &'static str, apply: fn(&Luma<'_>) -> Frame) -> Alteration {
    Alteration { name, apply, is_whole: true }
}

const fn part(name: &'static str, apply: fn(&Luma<'_>) -> Frame) -> Alteration {
    Alteration { name, apply, is_whole: false }
}

/// All of them.
pub const ALL: [Alteration; 26] = [
    whole("as it is", |luma| luma.to_frame()),
    whole("turned by 90", |luma| turned(luma, 90.0)),
    whole("turned by 180", |luma| turned(luma, 180.0)),
    whole("turned by 17", |luma| turned(luma, 17.0)),
    whole("turned by 38", |luma| turned(luma, 38.0)),
    whole("0.7 of the size", |luma| resized(luma, 0.7)),
    whole("1.6 of the size", |luma| resized(luma, 1.6)),
    whole("JPEG of quality 25", |luma| packed(luma, 25)),
    whole("dim and noisy", |luma| toned(luma, |value| 6.0 + 0.3 * value, 2.0)),
    whole("hazy", |luma| toned(luma, |value| 110.0 + 0.35 * value, 1.0)),
    whole("leaning by 30", |luma| leaning(luma, 30.0)),
    whole("leaning by 50", |luma| leaning(luma, 50.0)),
    whole("around a can", around_a_can),
    whole("moved by 3 pixels", |luma| moved(luma, 3)),
    whole("out of focus by 1.5", |luma| blurred(luma, 3)),
    whole("in a scene, 1.5", |luma| in_a_scene(luma, 1.5)),
    whole("in a scene, 3", |luma| in_a_scene(luma, 3.0)),
    whole("4000 wide", |luma| resized(luma, 4000.0 / luma.width().max(luma.height()) as f32)),
    part("left 55 %", |luma| cut(luma, (0.0, 0.55), (0.0, 1.0))),
    part("right 55 %", |luma| cut(luma, (0.45, 1.0), (0.0, 1.0))),
    part("left 40 %", |luma| cut(luma, (0.0, 0.4), (0.0, 1.0))),
    part("left 65 %", |luma| cut(luma, (0.0, 0.65), (0.0, 1.0))),
    part("left 75 %", |luma| cut(luma, (0.0, 0.75), (0.0, 1.0))),
    part("turned by 17, cut", |luma| cut_when_turned(luma, 17.0)),
    part("middle 45 %", |luma| cut(luma, (0.27, 0.72), (0.0, 1.0))),
    part("turned by 90, cut", |luma| cut_when_turned(luma, 90.0)),
];

/// The picture of `width` x `height` whose pixel `(x, y)` is that of `place(x, y)`, between the pixels by their four
/// neighbours, beyond the picture as its edge.
fn drawn(
    luma: &Luma<'_>,
    (width, height): (usize, usize),
    place: impl Fn(f32, f32) -> (f32, f32),
) -> Frame {
    let mut frame = Frame::filled(width, height, 0);
    for (index, pixel) in frame.luma.iter_mut().enumerate() {
        let (x, y) = place((index % width) as f32 + 0.5, (index / width) as f32 + 0.5);
        *pixel = luma.sample(x - 0.5, y - 0.5).round() as u8;
    }
    frame
}

/// Turned clockwise about its middle, on a ground that holds all of it.
fn turned(luma: &Luma<'_>, degrees: f32) -> Frame {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (width, height) = (luma.width() as f32, luma.height() as f32);
    let across = (width * cos.abs() + height * sin.abs()).round();
    let down = (width * sin.abs() + height * cos.abs()).round();
    drawn(luma, (across as usize, down as usize), |x, y| {
        let (dx, dy) = (x - across / 2.0, y - down / 2.0);
        (width / 2.0 + dx * cos + dy * sin, height / 2.0 - dx * sin + dy * cos)
    })
}

/// Leaning away to the right by that angle, as a camera sees it from twice the width away, and so near that its middle
/// loses no pixels.
fn leaning(luma: &Luma<'_>, degrees: f32) -> Frame {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (width, height) = (luma.width() as f32, luma.height() as f32);
    let (across, down) = (width / cos, height / cos);
    let away = 2.0 * width;
    drawn(luma, (across as usize, down as usize), |x, y| {
        let (dx, dy) = ((x - across / 2.0) * cos, (y - down / 2.0) * cos);
        // The ray through the pixel meets the plane so far from the middle.
        let along = dx * away / (away * cos - dx * sin);
        let nearness = (away + along * sin) / away;
        (width / 2.0 + along, height / 2.0 + dy * nearness)
    })
}

/// Around a can whose visible half is as wide as the picture times 1.3.
fn around_a_can(luma: &Luma<'_>) -> Frame {
    let (width, radius) = (luma.width() as f32, luma.width() as f32 * 0.65);
    drawn(luma, (luma.width(), luma.height()), |x, y| {
        let angle = ((x - width / 2.0) / radius).clamp(-1.0, 1.0).asin();
        (width / 2.0 + angle * radius, y)
    })
}

/// Moved by so many pixels along its rows while it was taken.
fn moved(luma: &Luma<'_>, pixels: usize) -> Frame {
    averaged(luma, (pixels, 1))
}

/// Each pixel is the mean of a square twice: about a Gaussian blur of half the side.
fn blurred(luma: &Luma<'_>, side: usize) -> Frame {
    let once = averaged(luma, (side, side));
    averaged(&once.view().expect("it was just drawn"), (side, side))
}

fn averaged(luma: &Luma<'_>, (across, down): (usize, usize)) -> Frame {
    let mut frame = luma.to_frame();
    let (width, height) = (luma.width(), luma.height());
    for (index, pixel) in frame.luma.iter_mut().enumerate() {
        let (x, y) = (index % width, index / width);
        let columns = (0..across).map(|step| (x + step).saturating_sub(across / 2).min(width - 1));
        let sum: usize = columns
            .flat_map(|x| {
                let rows = (0..down).map(|step| (y + step).saturating_sub(down / 2));
                rows.map(move |y| usize::from(luma.row(y.min(height - 1))[x]))
            })
            .sum();
        *pixel = (sum / (across * down)) as u8;
    }
    frame
}

/// Among other things, on a ground so many times as wide and high.
fn in_a_scene(luma: &Luma<'_>, factor: f32) -> Frame {
    let length = |pixels: usize| (pixels as f32 * factor) as usize;
    let (width, height) = (luma.width(), luma.height());
    let mut frame = clutter::ground(length(width), length(height), (width * 31 + height) as u64);
    // Off the middle: nobody aims in a photograph of a shelf.
    let (left, top) = ((frame.width - width) * 2 / 3, (frame.height - height) / 3);
    for y in 0..height {
        let begin = (top + y) * frame.stride + left;
        frame.luma[begin..begin + width].copy_from_slice(luma.row(y));
    }
    frame
}

/// Of another size; each pixel is the mean of what it covers.
pub fn resized(luma: &Luma<'_>, factor: f32) -> Frame {
    // Enlarged so much, nearly every pixel lies within one of the original.
    let samples = if factor > 2.0 { 1 } else { 3 };
    let length = |pixels: usize| ((pixels as f32 * factor).round() as usize).max(1);
    let (width, height) = (length(luma.width()), length(luma.height()));
    let step = 1.0 / (factor * samples as f32);
    let fine = drawn(luma, (width * samples, height * samples), |x, y| (x * step, y * step));
    let mut frame = Frame::filled(width, height, 0);
    for (index, pixel) in frame.luma.iter_mut().enumerate() {
        let (x, y) = (index % width * samples, index / width * samples);
        let rows = (y..y + samples).map(|y| &fine.luma[y * fine.stride + x..][..samples]);
        let sum: usize = rows.flatten().map(|&value| usize::from(value)).sum();
        *pixel = (sum / (samples * samples)) as u8;
    }
    frame
}

/// Through a JPEG.
fn packed(luma: &Luma<'_>, quality: u8) -> Frame {
    let frame = luma.to_frame();
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
    let size = (frame.width as u16, frame.height as u16);
    let packed = encoder.encode(&frame.luma, size.0, size.1, jpeg_encoder::ColorType::Luma);
    packed.expect("photographs are smaller than a JPEG may be");
    jpeg(&bytes).expect("what was just packed is unpacked")
}

/// Other grey values, and noise of about a bell's shape and that deviation.
fn toned(luma: &Luma<'_>, tone: fn(f32) -> f32, deviation: f32) -> Frame {
    let mut frame = luma.to_frame();
    let mut dice = dice::Dice::new(1);
    for pixel in &mut frame.luma {
        let roll = dice.roll();
        // Four even numbers of eight bits: mean 510, deviation 147.8.
        let sum: u32 = (0..4).map(|part| (roll >> (part * 8)) as u32 & 0xff).sum();
        let noise = (sum as f32 - 510.0) / 147.8 * deviation;
        *pixel = (tone(f32::from(*pixel)) + noise).round().clamp(0.0, 255.0) as u8;
    }
    frame
}

fn cut_when_turned(luma: &Luma<'_>, degrees: f32) -> Frame {
    let turned = turned(luma, degrees);
    cut(&turned.view().expect("it was just drawn"), (0.0, 1.0), (0.0, 0.55))
}

/// The part between these shares of its width and of its height.
fn cut(luma: &Luma<'_>, across: (f32, f32), down: (f32, f32)) -> Frame {
    let pixels = |(begin, end): (f32, f32), length: usize| {
        let at = |share: f32| (share * length as f32) as usize;
        (at(begin), (at(end) - at(begin)).max(1))
    };
    let (left, width) = pixels(across, luma.width());
    let (top, height) = pixels(down, luma.height());
    luma.part(left, top, width, height).expect("shares are of the whole").to_frame()
}
