//! The camera's picture on its way to the window: small, at most one under way, the newest wins.
//!
//! The scan thread posts grey pictures as they come. They are shrunk to at most 360x270 and laid into a mailbox
//! with one place; one closure at most waits in the event loop, so a slow screen drops pictures and never
//! queues them. Nothing here waits for the UI thread.

use crossroads_ui::{App, CameraAdapter, OutlineData};
use slint::{ComponentHandle, Image, Rgb8Pixel, SharedPixelBuffer, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Greatest width and height of the picture that is sent to the renderer, in pixels.
const WIDTH_MAX: usize = 360;
const HEIGHT_MAX: usize = 270;

/// Four corners of a code in pixels of the frame, in order around it.
pub type Corners = [(f32, f32); 4];

struct Picture {
    pixels: SharedPixelBuffer<Rgb8Pixel>,
    outline: OutlineData,
}

#[derive(Default)]
struct Mailbox {
    newest: Mutex<Option<Picture>>,
    is_posted: AtomicBool,
}

/// The sending end, for the scan thread.
#[derive(Clone)]
pub struct Preview {
    window: Weak<App>,
    mailbox: Arc<Mailbox>,
}

impl Preview {
    /// The way to `app`'s viewfinder.
    pub fn new(app: &App) -> Self {
        Self { window: app.as_weak(), mailbox: Arc::default() }
    }

    /// Shows a grey frame of `width` times `height` pixels, rows without padding, with the outline of the code
    /// found in it. A frame whose size does not fit its bytes is ignored.
    pub fn post(&self, luma: &[u8], width: usize, height: usize, outline: Option<Corners>) {
        let Some(pixels) = shrink(luma, width, height) else { return };
        let outline = outline.map_or_else(OutlineData::default, |corners| {
            outline_of(&corners, width as f32, height as f32)
        });
        let mut newest = self.mailbox.newest.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = Some(Picture { pixels, outline });
        drop(newest);
        if self.mailbox.is_posted.swap(true, Ordering::AcqRel) {
            return;
        }
        let (window, mailbox) = (self.window.clone(), Arc::clone(&self.mailbox));
        let posted = slint::invoke_from_event_loop(move || deliver(&window, &mailbox));
        if posted.is_err() {
            // The event loop has not started or has ended; the next frame tries again.
            self.mailbox.is_posted.store(false, Ordering::Release);
        }
    }
}

fn deliver(window: &Weak<App>, mailbox: &Mailbox) {
    mailbox.is_posted.store(false, Ordering::Release);
    let newest = mailbox.newest.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Some(app), Some(picture)) = (window.upgrade(), newest) {
        let camera = app.global::<CameraAdapter>();
        camera.set_picture(Image::from_rgb8(picture.pixels));
        camera.set_outline(picture.outline);
    }
}

fn outline_of(corners: &Corners, width: f32, height: f32) -> OutlineData {
    let [a, b, c, d] = corners.map(|(x, y)| (x / width, y / height));
    OutlineData {
        is_shown: true,
        ax: a.0,
        ay: a.1,
        bx: b.0,
        by: b.1,
        cx: c.0,
        cy: c.1,
        dx: d.0,
        dy: d.1,
    }
}

/// Averages blocks of the smallest whole factor that makes the frame fit.
fn shrink(luma: &[u8], width: usize, height: usize) -> Option<SharedPixelBuffer<Rgb8Pixel>> {
    if width == 0 || height == 0 || width.checked_mul(height) != Some(luma.len()) {
        return None;
    }
    let factor = width.div_ceil(WIDTH_MAX).max(height.div_ceil(HEIGHT_MAX)).max(1);
    let (columns, rows) = ((width / factor).max(1), (height / factor).max(1));
    let mut buffer = SharedPixelBuffer::<Rgb8Pixel>::new(columns as u32, rows as u32);
    let pixels = buffer.make_mut_slice();
    for row in 0..rows {
        for column in 0..columns {
            let (mut sum, mut count) = (0_usize, 0_usize);
            for y in row * factor..((row + 1) * factor).min(height) {
                let start = y * width + column * factor;
                let end = (start + factor).min((y + 1) * width);
                sum += luma[start..end].iter().map(|&value| usize::from(value)).sum::<usize>();
                count += end - start;
            }
            let grey = (sum / count.max(1)) as u8;
            pixels[row * columns + column] = Rgb8Pixel { r: grey, g: grey, b: grey };
        }
    }
    Some(buffer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_large_frame_becomes_small_and_keeps_its_grey() {
        let buffer = shrink(&vec![90; 1280 * 720], 1280, 720).unwrap();
        assert!(buffer.width() as usize <= WIDTH_MAX && buffer.height() as usize <= HEIGHT_MAX);
        assert!(buffer.as_slice().iter().all(|pixel| pixel.r == 90 && pixel.b == 90));
    }

    #[test]
    fn a_small_frame_stays_and_a_torn_one_is_ignored() {
        let buffer = shrink(&[1, 2, 3, 4], 2, 2).unwrap();
        assert_eq!((buffer.width(), buffer.height()), (2, 2));
        assert!(shrink(&[1, 2, 3], 2, 2).is_none());
        assert!(shrink(&[], 0, 0).is_none());
    }

    #[test]
    fn the_outline_is_in_fractions_of_the_frame() {
        let outline =
            outline_of(&[(0.0, 0.0), (320.0, 0.0), (320.0, 120.0), (0.0, 240.0)], 640.0, 480.0);
        assert!(outline.is_shown);
        assert_eq!((outline.bx, outline.cy, outline.dy), (0.5, 0.25, 0.5));
    }
}
