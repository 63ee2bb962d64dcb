//! Damaged, cut and invented bytes: an error or a frame, never a panic, never a picture made up.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use scan::clip::{Clip, ClipError};
use scan::image::{self, ImageError};
use scan::{Decoder, Frame, Options};
use std::io::{BufReader, Cursor};
use std::path::Path;

fn demo_jpeg() -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/frames");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()).collect();
    paths.sort();
    std::fs::read(&paths[0]).unwrap()
}

fn png_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 40, 30);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    let pixels: Vec<u8> = (0..40 * 30 * 4).map(|i| (i * 7) as u8).collect();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

fn webp_bytes() -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels: Vec<u8> = (0..40 * 30 * 3).map(|i| (i * 7) as u8).collect();
    image_webp::WebPEncoder::new(&mut bytes)
        .encode(&pixels, 40, 30, image_webp::ColorType::Rgb8)
        .unwrap();
    bytes
}

#[test]
fn every_kind_is_unpacked_and_every_cut_is_an_error() {
    let pgm = [b"P5 40 30 255\n".to_vec(), vec![9; 1200]].concat();
    let plain = [b"P2 2 2 9 ".to_vec(), b"0 9 9 0 ".to_vec()].concat();
    for (name, bytes) in [
        ("png", png_bytes()),
        ("webp", webp_bytes()),
        ("jpeg", demo_jpeg()),
        ("pgm", pgm),
        ("plain pgm", plain),
    ] {
        assert!(image::decode(&bytes).unwrap().view().is_some(), "{name}");
        for cut in [3, 12, 40, bytes.len() / 3, bytes.len() / 2] {
            let cut = &bytes[..cut.min(bytes.len() / 2)];
            assert!(image::decode(cut).is_err(), "{name} cut to {} bytes", cut.len());
        }
    }
    assert_eq!(image::decode(b"P2 2 2 9 0 9 9 0 ").unwrap().luma, [0, 255, 255, 0]);
    assert_eq!(image::decode(b"P5 2 1 65535\n\xff\xff\x80\x00").unwrap().luma, [255, 127]);
}

#[test]
fn huge_pictures_are_refused_before_memory_is_taken() {
    let mut png = png_bytes();
    png[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    for bytes in [b"P5 99999999 99999999 255\n".to_vec(), b"P2 70000 70000 1\n0 ".to_vec()] {
        let refused = image::decode(&bytes);
        assert!(matches!(refused, Err(ImageError::TooLarge { .. })), "{refused:?}");
    }
    assert!(image::decode(&png).is_err());
    assert!(image::decode(b"P5 0 5 255\n").is_err());
    let header = b"YUV4MPEG2 W99999 H99999 F25:1\nFRAME\n".to_vec();
    assert!(matches!(Clip::open(Cursor::new(header), 25.0), Err(ClipError::Header("size"))));
}

#[test]
fn motion_jpeg_is_cut_at_pictures_and_survives_a_bad_one() {
    let picture = demo_jpeg();
    // A picture that starts and ends and has nothing between.
    let bad = b"\xff\xd8\xff\xe0\x00\x04\xff\xd9\xff\xd9";
    let clip = [&picture[..], b"padding", bad, &picture].concat();
    let mut clip = Clip::open(BufReader::new(Cursor::new(clip)), 25.0).unwrap();
    assert!(clip.next_frame().unwrap().is_some());
    let damaged = clip.next_frame();
    assert!(matches!(damaged, Err(ClipError::Picture { number: 2, .. })));
    assert_eq!(clip.next_frame().unwrap().unwrap().taken_ms, 80);
    assert!(clip.next_frame().unwrap().is_none());
    assert!(clip.next_frame().unwrap().is_none(), "over is over");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn flipped_bytes_never_panic(
        which in 0usize..4, flips in prop::collection::vec((any::<u16>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = match which {
            0 => png_bytes(),
            1 => webp_bytes(),
            2 => demo_jpeg(),
            _ => [b"P5 40 30 255\n".to_vec(), vec![9; 1200]].concat(),
        };
        for (at, value) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        if let Ok(frame) = image::decode(&bytes) {
            prop_assert!(frame.view().is_some());
        }
        let mut clip = match Clip::open(Cursor::new(bytes), 25.0) {
            Ok(clip) => clip,
            Err(_) => return Ok(()),
        };
        for _ in 0..4 {
            let _ = clip.next_frame();
        }
    }

    #[test]
    fn invented_bytes_never_panic(
        start in prop::sample::select(vec![
            &b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8 ", b"P5 ", b"P2 ",
            b"YUV4MPEG2 ", b"",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [start, &rest].concat();
        let _ = image::decode(&bytes);
        if let Ok(mut clip) = Clip::open(Cursor::new(bytes), 25.0) {
            while let Ok(Some(_)) = clip.next_frame() {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any pixels, any size, with all readers: no panic, and no code in noise.
    #[test]
    fn noise_is_no_code(width in 1usize..200, height in 1usize..200, seed in any::<u32>()) {
        let mut state = seed | 1;
        let mut frame = Frame::filled(width, height, 0);
        for value in &mut frame.luma {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            *value = (state >> 8) as u8;
        }
        let mut decoder = Decoder::new(Options::default());
        let reads = decoder.study(frame.view().unwrap(), &|| false);
        prop_assert!(reads.is_empty(), "{:?}", reads);
        for turn in 0..8 {
            let reads = decoder.look(frame.view().unwrap(), 1 + turn * 66, &|| false);
            prop_assert!(reads.is_empty(), "{:?}", reads);
        }
    }
}

/// CPU time of this thread in milliseconds: what else the machine does is of no interest.
fn cpu_ms() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

/// Pictures that keep readers busy: each looks like the beginning of very many codes.
fn busy(kind: usize, width: usize, height: usize) -> Frame {
    let mut frame = Frame::filled(width, height, 230);
    let mut state = 0x1234_5677u32;
    for y in 0..height {
        for x in 0..width {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let noise = (state >> 8) as u8;
            // Finder patterns of QR Codes, three pixels a module.
            let (u, v) = (x % 30 / 3, y % 30 / 3);
            let ring = |low: usize, high: usize| {
                let is_in = |at: usize| (low..=high).contains(&at);
                is_in(u) && is_in(v)
            };
            let is_dark = match kind {
                0 => noise > 128,
                1 => ring(0, 6) && (!ring(1, 5) || ring(2, 4)),
                // Borders of Data Matrix codes: two solid sides, two dotted.
                2 => x % 40 < 2 || y % 40 > 37 || (noise > 128 && x / 2 % 2 == 0),
                3 => (x + y / 9) % 5 < 2,
                4 => noise > 128 && y % 20 < 12 && x % 9 < 6,
                // Start and stop of ITF and Code 128 again and again, long rows of them.
                5 => [1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 1][x / 2 % 11] == 1,
                _ => (x / 2 * x / 7 + y / 40) % 3 == 0,
            };
            if is_dark {
                frame.luma[y * width + x] = 25;
            }
        }
    }
    frame
}

/// 100 ms of one core for a frame of a stream, whatever it shows.
#[test]
fn no_frame_of_a_stream_takes_long() {
    for kind in 0..7 {
        let frame = busy(kind, 1280, 720);
        let mut decoder = Decoder::new(Options::default());
        for turn in 0..40 {
            let begin_ms = cpu_ms();
            let is_late = || cpu_ms() - begin_ms >= 100;
            let _ = decoder.look(frame.view().unwrap(), 1 + turn * 66, &is_late);
            let took_ms = cpu_ms() - begin_ms;
            assert!(took_ms <= 100, "picture {kind}, look {turn}: {took_ms} ms");
        }
    }
}

/// Two seconds of one core for a still, whatever it shows and however large it is.
#[test]
fn no_still_takes_long() {
    for kind in 0..7 {
        for (width, height) in [(240, 240), (1400, 1400), (5000, 600)] {
            let frame = busy(kind, width, height);
            let mut decoder = Decoder::new(Options::default());
            let begin_ms = cpu_ms();
            let is_late = || cpu_ms() - begin_ms >= 1500;
            let _ = decoder.study(frame.view().unwrap(), &is_late);
            let took_ms = cpu_ms() - begin_ms;
            assert!(took_ms <= 2000, "picture {kind} of {width}x{height}: {took_ms} ms");
        }
    }
}
