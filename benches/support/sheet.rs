//! Contact sheets of the synthetic pictures: what a seed looks like, for a person to judge whether a camera takes such.

use labels::{Class, Clip, Empty, Ground, Kind, Picture};
use scan::Frame;
use std::path::Path;

const THUMB: (usize, usize) = (480, 360);

/// Writes one sheet a part into the folder: stills by class and kind, clips by time, grounds.
pub fn write(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let kinds = [Kind::Ean13, Kind::Ean8, Kind::Itf14, Kind::Code128, Kind::Qr, Kind::DataMatrix];
    for (part, classes) in Class::ALL.chunks(5).enumerate() {
        let pictures = classes.iter().enumerate().flat_map(|(row, class)| {
            kinds.iter().map(move |kind| Picture::of(*class, *kind, row as u64).frame())
        });
        save(&folder.join(format!("stills-{}.png", part + 1)), pictures, kinds.len());
    }
    let moments = (0..5).flat_map(|seed| {
        let clip = Clip::of(seed);
        [0, 3, 6, 10, 18, 40].map(|index| clip.frame(index))
    });
    save(&folder.join("clips.png"), moments, 6);
    let seeds = 0..2 * Ground::ALL.len() as u64;
    save(&folder.join("empty.png"), seeds.map(|seed| Empty::of(seed).frame(0)), 7);
    let full = Picture::of(Class::Plain, Kind::Ean13, 1).frame();
    save_grey(&folder.join("full-size.png"), &full);
}

fn save(path: &Path, pictures: impl Iterator<Item = Frame>, columns: usize) {
    let pictures: Vec<Frame> = pictures.collect();
    let rows = pictures.len().div_ceil(columns);
    let mut sheet = Frame::filled(columns * (THUMB.0 + 4), rows * (THUMB.1 + 4), 128);
    for (index, picture) in pictures.iter().enumerate() {
        let (left, top) = (index % columns * (THUMB.0 + 4), index / columns * (THUMB.1 + 4));
        // Cut from the middle, whole pixels: shrinking would hide what small modules look like.
        let view = picture.view().unwrap();
        let factor = if picture.width > 960 { 2 } else { 1 };
        let shrunk = view.shrunk(factor);
        let (from_x, from_y) =
            (shrunk.width.saturating_sub(THUMB.0) / 2, shrunk.height.saturating_sub(THUMB.1) / 2);
        for y in 0..THUMB.1.min(shrunk.height) {
            let from = &shrunk.luma[(y + from_y) * shrunk.stride + from_x..];
            let width = THUMB.0.min(shrunk.width);
            let at = (top + y) * sheet.stride + left;
            sheet.luma[at..at + width].copy_from_slice(&from[..width]);
        }
    }
    save_grey(path, &sheet);
}

fn save_grey(path: &Path, frame: &Frame) {
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, frame.width as u32, frame.height as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&frame.luma).unwrap();
    println!("{}", path.display());
}
