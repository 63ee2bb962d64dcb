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
