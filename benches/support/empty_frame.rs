//! What a camera frame without any code costs: 1280x720, stream mode, each frame looked at several times in a row.
//!
//! The frames are the photographs that must yield nothing, scaled and cropped, and drawn textures that look like bars
//! and dots to a machine: woven cloth, a fence, noise, print. A stream takes its dear strategies in turn, so one look a
//! frame would not show what they cost.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench measures time and may fail"
)]

use super::corpus;
use super::engine::cpu_time;
use scan::{Decoder, Frame, Options};
use std::path::Path;

const WIDTH: usize = 1280;
const HEIGHT: usize = 720;
/// Looks at each frame: more than there are strategies to take in turn.
const LOOKS: u64 = 16;

/// Median, p95 and maximum in a sentence; says it when a number came out.
pub fn report(root: &Path) -> String {
    let mut frames: Vec<(String, Frame)> = Vec::new();
    for set in corpus::sets(root) {
        if set.is_negative() && set.name.contains("falsepositives") {
            frames.extend(set.pictures().iter().map(|p| (p.name(), fitted(&p.frame()))));
        }
    }
    frames.extend((0..8).map(|kind| (format!("texture {kind}"), texture(kind))));
    let (mut micros, mut numbers, mut slowest) = (Vec::new(), 0, (0, String::new()));
    for (name, frame) in &frames {
        let mut decoder = Decoder::new(Options::default());
        for look in 0..LOOKS {
            let begin = cpu_time();
            let is_late = || (cpu_time() - begin).as_millis() >= 100;
            let reads = decoder.look(frame.view().unwrap(), 1 + look * 66, &is_late);
            let took = (cpu_time() - begin).as_micros() as u64;
            micros.push(took);
            numbers += reads.len();
            reads.iter().for_each(|read| println!("NUMBER in {name}, look {look}: {read:?}"));
            if took > slowest.0 {
                slowest = (took, format!("{name}, look {look}"));
            }
        }
    }
    micros.sort_unstable();
    let at = |percent: usize| {
        micros[(micros.len() * percent / 100).min(micros.len() - 1)] as f64 / 1000.0
    };
    format!(
        "1280x720 without a code, stream mode, {} looks at {} frames: median {:.1} ms, p95 {:.1} ms, \
         max {:.1} ms ({}), numbers read: {numbers}",
        micros.len(),
        frames.len(),
        at(50),
        at(95),
        at(100),
        slowest.1,
    )
}

/// Scaled so that it fills the frame, the middle kept.
fn fitted(frame: &Frame) -> Frame {
    let luma = frame.view().unwrap();
    let scale = (luma.width() as f32 / WIDTH as f32).min(luma.height() as f32 / HEIGHT as f32);
    let left = (luma.width() as f32 - WIDTH as f32 * scale) / 2.0;
    let top = (luma.height() as f32 - HEIGHT as f32 * scale) / 2.0;
    let mut fitted = Frame::filled(WIDTH, HEIGHT, 0);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let value = luma.sample(left + x as f32 * scale, top + y as f32 * scale);
            fitted.luma[y * WIDTH + x] = value as u8;
        }
    }
    fitted
}

fn texture(kind: usize) -> Frame {
    let mut frame = Frame::filled(WIDTH, HEIGHT, 0);
    let mut state = 0x9e37_79b9u32 + kind as u32;
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let noise = (state >> 8) as u8;
            let (across, down) = (x as f32, y as f32);
            let wave = |value: f32| (127.0 + 110.0 * value.sin()) as u8;
            let print = |is_dark: bool| if is_dark { 40 } else { 215 };
            frame.luma[y * WIDTH + x] = match kind {
                0 => noise,
                1 => wave(across * 0.9) / 2 + wave(down * 0.9) / 2,
                2 => wave(across * 0.7 + down * 0.02) / 2 + noise / 16,
                3 => wave((across + down) * 0.4),
                4 => print((x / 3 % 7 + y / 5 % 11) % 3 == 0),
                5 => print((x / 6 * 31 + y / 6 * 17 + (x / 6) * (y / 6)) % 5 < 2),
                6 => print(noise > 128 && y % 20 < 12 && x % 9 < 6),
                _ => 120 + noise / 32,
            };
        }
    }
    frame
}
