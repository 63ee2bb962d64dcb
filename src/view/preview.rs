//! What the scan thread shows on the window: picture, outline, advice, the light, and what a look did.
//!
//! Each kind has one place in a mailbox and one closure at most waits in the event loop, so that a slow screen
//! drops pictures and never queues them; the newest wins. A picture is converted once: the scan thread made it
//! small when it read the frame (`Luma::preview`), here its few pixels become what the renderer takes. Nothing
//! here waits for the UI thread.

use super::diagnostics_adapter;
use crate::app::viewfinder::{
    Corners, Diagnosis, Frame, Hint, Luma, SaveState, TorchState, small_picture,
};
use crossroads_ui::{AdviceKind, App, CameraAdapter, CountAdapter, OutlineData, TorchKind};
use slint::{ComponentHandle, Image, Rgb8Pixel, SharedPixelBuffer, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What came since the window last looked.
#[derive(Default)]
struct News {
    picture: Option<SharedPixelBuffer<Rgb8Pixel>>,
    outline: Option<Corners>,
    advice: Option<Hint>,
    torch: Option<TorchState>,
    diagnosis: Option<(Box<Diagnosis>, SharedPixelBuffer<Rgb8Pixel>)>,
    save: Option<SaveState>,
    still: Option<SharedPixelBuffer<Rgb8Pixel>>,
}

#[derive(Default)]
struct Mailbox {
    news: Mutex<News>,
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

    /// Shows a grey picture of `width` times `height` pixels, rows without padding. One whose size does not fit
    /// its bytes is ignored; one that is larger than a preview is made smaller.
    pub fn post(&self, luma: &[u8], width: usize, height: usize) {
        let picture = Luma::new(luma, width, height, width).map(|luma| pixels_of(&luma));
        if let Some(picture) = picture {
            self.tell(|news| news.picture = Some(picture));
        }
    }

    /// Draws the outline of a code that was just read; it fades by itself.
    pub fn outline(&self, corners: Corners) {
        self.tell(|news| news.outline = Some(corners));
    }

    /// Says what would help; [`Hint::None`] says nothing.
    pub fn advise(&self, advice: Hint) {
        self.tell(|news| news.advice = Some(advice));
    }

    /// Shows how the light is.
    pub fn torch(&self, torch: TorchState) {
        self.tell(|news| news.torch = Some(torch));
    }

    /// Shows a look in the diagnostics view.
    pub fn diagnose(&self, diagnosis: Diagnosis) {
        let Some(luma) = diagnosis.picture.view() else { return };
        let picture = grey_to_rgb(&luma);
        self.tell(|news| news.diagnosis = Some((Box::new(diagnosis), picture)));
    }

    /// The picture that stands still while its packs are checked; large enough that a person sees which is which.
    pub fn still(&self, frame: &Frame) {
        let small = small_picture(frame);
        let Some(luma) = small.view() else { return };
        let picture = grey_to_rgb(&luma);
        self.tell(|news| news.still = Some(picture));
    }

    /// Shows what became of a frame to be kept.
    pub fn saved(&self, save: SaveState) {
        self.tell(|news| news.save = Some(save));
    }

    fn tell(&self, tell: impl FnOnce(&mut News)) {
        tell(&mut self.mailbox.news.lock().unwrap_or_else(PoisonError::into_inner));
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
    let news = std::mem::take(&mut *mailbox.news.lock().unwrap_or_else(PoisonError::into_inner));
    let Some(app) = window.upgrade() else { return };
    let camera = app.global::<CameraAdapter>();
    if let Some(picture) = news.picture {
        camera.set_picture(Image::from_rgb8(picture));
    }
    if let Some(corners) = news.outline {
        let serial = camera.get_outline().serial.wrapping_add(1).max(1);
        camera.set_outline(outline_of(&corners, serial));
    }
    if let Some(advice) = news.advice {
        camera.set_advice(map_advice(advice));
    }
    if let Some(torch) = news.torch {
        camera.set_torch(match torch {
            TorchState::None => TorchKind::None,
            TorchState::Off => TorchKind::Off,
            TorchState::On => TorchKind::On,
            TorchState::Refused => TorchKind::Refused,
        });
    }
    if let Some((diagnosis, picture)) = news.diagnosis {
        diagnostics_adapter::show(&app, &diagnosis, Image::from_rgb8(picture));
    }
    if let Some(still) = news.still {
        app.global::<CountAdapter>().set_still(Image::from_rgb8(still));
    }
    if let Some(save) = news.save {
        diagnostics_adapter::show_save(&app, &save);
    }
}

/// The words of a hint.
pub fn map_advice(hint: Hint) -> AdviceKind {
    match hint {
        Hint::None => AdviceKind::None,
        Hint::TooDark => AdviceKind::TooDark,
        Hint::HoldStill => AdviceKind::HoldStill,
        Hint::MoveCloser => AdviceKind::MoveCloser,
        Hint::Glare => AdviceKind::Glare,
    }
}

fn outline_of(corners: &Corners, serial: i32) -> OutlineData {
    let [a, b, c, d] = *corners;
    OutlineData { serial, ax: a.0, ay: a.1, bx: b.0, by: b.1, cx: c.0, cy: c.1, dx: d.0, dy: d.1 }
}

/// What the renderer takes, of at most 360x270 pixels. A picture that is small already, as the scan thread sends
/// it, is converted and not copied before.
pub fn pixels_of(luma: &Luma<'_>) -> SharedPixelBuffer<Rgb8Pixel> {
    let small = luma.preview_factor();
    if small == 1 {
        return grey_to_rgb(luma);
    }
    let shrunk = luma.shrunk(small);
    shrunk.view().map_or_else(|| SharedPixelBuffer::new(0, 0), |luma| grey_to_rgb(&luma))
}

fn grey_to_rgb(luma: &Luma<'_>) -> SharedPixelBuffer<Rgb8Pixel> {
    let (width, height) = (luma.width(), luma.height());
    let mut buffer = SharedPixelBuffer::<Rgb8Pixel>::new(width as u32, height as u32);
    for (y, row) in buffer.make_mut_slice().chunks_exact_mut(width).enumerate() {
        for (pixel, &grey) in row.iter_mut().zip(luma.row(y)) {
            *pixel = Rgb8Pixel { r: grey, g: grey, b: grey };
        }
    }
    buffer
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_large_frame_becomes_small_and_keeps_its_grey() {
        let frame = Frame::filled(1280, 720, 90);
        let buffer = pixels_of(&frame.view().unwrap());
        assert_eq!((buffer.width(), buffer.height()), (320, 180));
        assert!(buffer.as_slice().iter().all(|pixel| pixel.r == 90 && pixel.b == 90));
    }

    /// What a board without a GPU pays for each picture: the frame is read once to make it small, and only the
    /// small picture is converted and handed over.
    #[test]
    fn a_picture_is_read_once_and_converted_small() {
        for (width, height) in [(640, 480), (1280, 720), (1920, 1080), (3264, 2448)] {
            let frame = Frame::filled(width, height, 7);
            let small = frame.view().unwrap().preview();
            assert!(small.width * small.height <= 360 * 270, "{width}x{height}");
            let buffer = pixels_of(&small.view().unwrap());
            assert_eq!(
                (buffer.width() as usize, buffer.height() as usize),
                (small.width, small.height)
            );
            assert_eq!(buffer.as_bytes().len(), small.luma.len() * 3, "nothing but the preview");
        }
    }

    #[test]
    fn rows_with_padding_keep_their_pixels() {
        let bytes = [1, 2, 99, 3, 4, 99];
        let buffer = pixels_of(&Luma::new(&bytes, 2, 2, 3).unwrap());
        assert_eq!(buffer.as_slice().iter().map(|p| p.g).collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}
