//! Pictures from files and cameras: PNG, JPEG, WebP, PGM and clips. Broken ones are refused, none is larger than
//! the bound, and small ones are searched for codes.

use scan::clip::Clip;
use scan::decode::{Decoder, Options};
use scan::image::{check_size, decode, jpeg, kind_of};
use std::io::Cursor;

/// Pixels up to which codes are looked for: the search is the slow part, and has tests of its own.
const SEARCHED_PIXELS_MAX: usize = 64 * 64;
/// Frames that are taken from a clip.
const FRAMES_MAX: usize = 4;

/// Bytes as a file.
pub fn run(bytes: &[u8]) {
    let _ = kind_of(bytes);
    let _ = jpeg(bytes);
    if let Ok(frame) = decode(bytes) {
        whole(&frame);
    }
    let Ok(mut clip) = Clip::open(Cursor::new(bytes), 30.0) else { return };
    for _ in 0..FRAMES_MAX {
        let Ok(Some(frame)) = clip.next_frame() else { return };
        whole(&frame);
    }
}

fn whole(frame: &scan::Frame) {
    assert!(check_size(frame.width, frame.height).is_ok());
    let view = frame.view().expect("a decoded picture has all its rows");
    assert_eq!(view.row(frame.height - 1).len(), frame.width);
    if frame.width * frame.height <= SEARCHED_PIXELS_MAX {
        let _ = Decoder::new(Options::default()).look(view, 0, &|| false);
    }
}
