//! What several test programs do with a frame.

use scan::Frame;

/// A quarter turn, clockwise.
pub fn turned(frame: &Frame) -> Frame {
    let mut turned = Frame::filled(frame.height, frame.width, 0);
    for y in 0..frame.height {
        for x in 0..frame.width {
            turned.luma[x * frame.height + frame.height - 1 - y] = frame.luma[y * frame.width + x];
        }
    }
    turned
}
