//! Renders the demo camera's pictures: `cargo run -p crossroads-scan --example render_demo_frames`.
//!
//! One still for each demo article: a shelf edge with a price label that carries an EAN-13, a
//! little turned, blurred, noisy and unevenly lit, as a till camera would see it. The numbers are
//! GS1's demonstration prefix 952, so no real article is ever shown. Everything follows from the
//! article's number: a second run writes the same bytes.

#![allow(clippy::print_stdout, reason = "a tool reports on the standard output")]

use domain::gtin::check_digit;
use jpeg_encoder::{ColorType, Encoder};
use scan::decode::ean::ean13_modules;
use std::path::Path;

const ARTICLES: u32 = 24;
const WIDTH: usize = 640;
const HEIGHT: usize = 480;
const JPEG_QUALITY: u8 = 82;

/// Digits of five by seven dots, a row a byte.
const DOTS: [[u8; 7]; 10] = [
    [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
    [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
    [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
    [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e],
    [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
    [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
    [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
    [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
    [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
    [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
];

/// A small deterministic source of chance (xorshift).
struct Chance(u64);

impl Chance {
    fn between(&mut self, low: f32, high: f32) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        low + (self.0 >> 40) as f32 / (1u32 << 24) as f32 * (high - low)
    }
}

/// The label as drawn, in modules from its top left corner.
struct Label {
    modules: Vec<bool>,
    digits: Vec<usize>,
    price: Vec<usize>,
}

impl Label {
    const WIDTH: f32 = 133.0;
    const HEIGHT: f32 = 84.0;
    const BARS_TOP: f32 = 26.0;
    const BARS_BOTTOM: f32 = 68.0;
    const BARS_LEFT: f32 = 10.0;

    /// How bright the label is there, `None` beside it.
    fn shade(&self, x: f32, y: f32) -> Option<f32> {
        if !(0.0..Self::WIDTH).contains(&x) || !(0.0..Self::HEIGHT).contains(&y) {
            return None;
        }
        let is_frame =
            !(1.0..Self::WIDTH - 1.0).contains(&x) || !(1.0..Self::HEIGHT - 1.0).contains(&y);
        let is_bar = (Self::BARS_TOP..Self::BARS_BOTTOM).contains(&y)
            && x >= Self::BARS_LEFT
            && self.modules.get((x - Self::BARS_LEFT) as usize).copied().unwrap_or(false);
        let is_digit = is_dot(&self.digits, x - 22.0, y - 71.0, 1.3, 7.2);
        let is_price = is_dot(&self.price, x - 70.0, y - 5.0, 2.3, 14.0);
        let is_name =
            (8.0..14.0).contains(&y) && (10.0..52.0).contains(&x) && (x * 1.7).sin() > -0.2;
        Some(if is_bar || is_digit || is_price {
            34.0
        } else if is_name {
            96.0
        } else if is_frame {
            170.0
        } else {
            226.0
        })
    }
}

fn is_dot(digits: &[usize], x: f32, y: f32, dot: f32, pitch: f32) -> bool {
    if x < 0.0 || y < 0.0 {
        return false;
    }
    let (column, row) = ((x % pitch / dot) as usize, (y / dot) as usize);
    let digit = digits.get((x / pitch) as usize);
    column < 5 && row < 7 && digit.is_some_and(|digit| DOTS[*digit][row] >> (4 - column) & 1 == 1)
}

/// Packs on the shelf above, the shelf's edge, and the floor's shade below.
fn background(x: f32, y: f32, packs: &[(f32, f32, f32, f32)]) -> f32 {
    if y > 400.0 {
        return 70.0 - (y - 400.0) * 0.3;
    }
    if y > 150.0 {
        return 150.0 + ((y - 150.0) / 250.0).sin() * 18.0;
    }
    let pack = packs.iter().find(|(left, right, ..)| (*left..*right).contains(&x));
    match pack {
        Some((left, _, top, shade)) if y > *top => {
            let is_band = (0.35..0.6).contains(&((y - top) / (150.0 - top)));
            let is_edge = x - left < 3.0;
            if is_edge {
                50.0
            } else if is_band {
                210.0 - shade * 0.4
            } else {
                *shade
            }
        }
        _ => 58.0,
    }
}

fn render(article: u32, gtin: &str) -> Option<Vec<u8>> {
    let mut chance = Chance(u64::from(article).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..8 {
        chance.between(0.0, 1.0);
    }
    let value = |digit: char| digit.to_digit(10).map(|digit| digit as usize);
    let price = format!("{:03}", 89 + article * 37 % 900);
    let label = Label {
        modules: ean13_modules(gtin)?,
        digits: gtin.chars().filter_map(value).collect(),
        price: price.chars().filter_map(value).collect(),
    };
    let mut packs = Vec::new();
    let mut left = chance.between(-60.0, 0.0);
    while left < WIDTH as f32 {
        let right = left + chance.between(60.0, 130.0);
        packs.push((left, right, chance.between(5.0, 60.0), chance.between(80.0, 190.0)));
        left = right + chance.between(0.0, 8.0);
    }
    let module = chance.between(2.2, 3.0);
    let turn = chance.between(-9.0, 9.0).to_radians();
    let (sin, cos) = turn.sin_cos();
    let centre = (320.0 + chance.between(-60.0, 60.0), 275.0 + chance.between(-25.0, 25.0));
    let light = (chance.between(-0.12, 0.12), chance.between(-0.10, 0.10));
    let mut sharp = vec![0.0f32; WIDTH * HEIGHT];
    for (index, pixel) in sharp.iter_mut().enumerate() {
        let (x, y) = ((index % WIDTH) as f32, (index / WIDTH) as f32);
        for step in 0..9 {
            let (sx, sy) = (x + (step % 3) as f32 / 3.0, y + (step / 3) as f32 / 3.0);
            let (dx, dy) = (sx - centre.0, sy - centre.1);
            let across = (dx * cos + dy * sin) / module + Label::WIDTH / 2.0;
            let down = (dy * cos - dx * sin) / module + Label::HEIGHT / 2.0;
            *pixel += label.shade(across, down).unwrap_or_else(|| background(sx, sy, &packs)) / 9.0;
        }
    }
    let soft = blurred(&sharp, chance.between(0.5, 0.95));
    let noise = chance.between(2.0, 5.0);
    let pixels = soft.iter().enumerate().map(|(index, value)| {
        let (x, y) = ((index % WIDTH) as f32 / 320.0 - 1.0, (index / WIDTH) as f32 / 240.0 - 1.0);
        let lit = value * (1.0 + light.0 * x + light.1 * y - 0.10 * (x * x + y * y));
        let grain = chance.between(-noise, noise) + chance.between(-noise, noise);
        (lit + grain).clamp(0.0, 255.0) as u8
    });
    Some(pixels.collect())
}

/// Gaussian blur, rows then columns.
fn blurred(pixels: &[f32], sigma: f32) -> Vec<f32> {
    let kernel: Vec<f32> =
        (-3i32..=3).map(|d| (-(d * d) as f32 / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f32 = kernel.iter().sum();
    let pass = |source: &[f32], step_x: i32, step_y: i32| -> Vec<f32> {
        let at = |index: usize, tap: i32| {
            let x = (index % WIDTH) as i32 + (tap - 3) * step_x;
            let y = (index / WIDTH) as i32 + (tap - 3) * step_y;
            let x = x.clamp(0, WIDTH as i32 - 1) as usize;
            let y = y.clamp(0, HEIGHT as i32 - 1) as usize;
            source[y * WIDTH + x]
        };
        let mix =
            |index| (0..7).map(|tap| at(index, tap) * kernel[tap as usize]).sum::<f32>() / sum;
        (0..source.len()).map(mix).collect()
    };
    pass(&pass(pixels, 1, 0), 0, 1)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/frames");
    std::fs::create_dir_all(&folder)?;
    for article in 1..=ARTICLES {
        let body = format!("952{article:09}");
        let check = check_digit(&body).ok_or("the number is made of digits")?;
        let gtin = format!("{body}{check}");
        let pixels = render(article, &gtin).ok_or("the number is an EAN-13")?;
        let path = folder.join(format!("{article:02}-{gtin}.jpg"));
        Encoder::new_file(&path, JPEG_QUALITY)?.encode(
            &pixels,
            WIDTH as u16,
            HEIGHT as u16,
            ColorType::Luma,
        )?;
        println!("{}", path.display());
    }
    Ok(())
}
