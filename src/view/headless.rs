//! The same window on a machine without a display: painted by the software renderer into memory, saved as PNG.
//!
//! `crossroads demo` uses it where there is no screen, and the contact sheet everywhere. It is a whole Slint
//! platform (timers, the queue of `invoke_from_event_loop`, an event loop that can be stepped), so that what is
//! painted here is what a person would see. Time comes in as a clock, so a sheet is the same on every run.

use slint::platform::software_renderer::{MinimalSoftwareWindow, RepaintBufferType};
use slint::platform::{EventLoopProxy, Platform, SetPlatformError, WindowAdapter, WindowEvent};
use slint::{EventLoopError, PhysicalSize, PlatformError, Rgb8Pixel, SharedPixelBuffer};
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Longest sleep of the event loop between two looks at the timers.
const NAP_MAX: Duration = Duration::from_millis(20);
/// Rounds of timers and queued closures until the window counts as settled.
const SETTLE_ROUNDS: u32 = 8;

/// What went wrong while painting without a display.
#[derive(Debug, thiserror::Error)]
pub enum HeadlessError {
    /// Another platform is in place already.
    #[error("the window system was chosen before")]
    Platform(#[source] SetPlatformError),
    /// The picture could not be written.
    #[error("cannot write the picture {path}")]
    Write {
        /// Where to.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The picture could not be encoded.
    #[error("cannot encode the picture")]
    Encode(#[source] png::EncodingError),
}

enum Queued {
    Run(Box<dyn FnOnce() + Send>),
    Quit,
}

struct Proxy(Sender<Queued>);

impl EventLoopProxy for Proxy {
    fn quit_event_loop(&self) -> Result<(), EventLoopError> {
        self.0.send(Queued::Quit).map_err(|_| EventLoopError::EventLoopTerminated)
    }

    fn invoke_from_event_loop(&self, run: Box<dyn FnOnce() + Send>) -> Result<(), EventLoopError> {
        self.0.send(Queued::Run(run)).map_err(|_| EventLoopError::EventLoopTerminated)
    }
}

/// Time since the start, as the program or the test tells it.
pub type Clock = Rc<dyn Fn() -> Duration>;

struct MemoryPlatform {
    window: Rc<MinimalSoftwareWindow>,
    clock: Clock,
    queue: Sender<Queued>,
    queued: Rc<Receiver<Queued>>,
}

impl Platform for MemoryPlatform {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        Ok(Rc::clone(&self.window) as Rc<dyn WindowAdapter>)
    }

    fn duration_since_start(&self) -> Duration {
        (self.clock)()
    }

    fn new_event_loop_proxy(&self) -> Option<Box<dyn EventLoopProxy>> {
        Some(Box::new(Proxy(self.queue.clone())))
    }

    fn run_event_loop(&self) -> Result<(), PlatformError> {
        loop {
            slint::platform::update_timers_and_animations();
            let nap = slint::platform::duration_until_next_timer_update().unwrap_or(NAP_MAX);
            match self.queued.recv_timeout(nap.min(NAP_MAX)) {
                Ok(Queued::Run(run)) => run(),
                Ok(Queued::Quit) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// A picture of the window, 8 bits a channel.
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Red, green, blue, row by row.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Writes the picture as PNG.
    ///
    /// # Errors
    /// The file cannot be written, or the encoder refuses the picture.
    pub fn save(&self, path: &Path) -> Result<(), HeadlessError> {
        let file = std::fs::File::create(path)
            .map_err(|source| HeadlessError::Write { path: path.to_owned(), source })?;
        let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header().map_err(HeadlessError::Encode)?;
        writer.write_image_data(&self.rgb).map_err(HeadlessError::Encode)?;
        writer.finish().map_err(HeadlessError::Encode)
    }
}

/// Where the scale factor makes the height no whole number of logical pixels, the renderer leaves the last row
/// of pixels untouched (black, as the buffer began); on a panel nobody sees it, in a picture it is a line.
fn repeat_last_row(rgb: &mut [u8], row: usize) {
    if row == 0 || rgb.len() < 2 * row {
        return;
    }
    let last = rgb.len() - row;
    if rgb[last..].iter().all(|&value| value == 0) {
        rgb.copy_within(last - row..last, last);
    }
}

/// The display in memory. Stays on the thread that made it, like every window.
pub struct Headless {
    window: Rc<MinimalSoftwareWindow>,
    queued: Rc<Receiver<Queued>>,
}

impl Headless {
    /// Makes memory the display of this thread, before the window is created.
    ///
    /// # Errors
    /// Another platform (a real display) was chosen before.
    pub fn install(clock: Clock) -> Result<Self, HeadlessError> {
        Self::install_painting(clock, RepaintBufferType::NewBuffer)
    }

    /// The same with a buffer that keeps what was painted, as a frame buffer in cached memory does: only what
    /// changed is painted again.
    ///
    /// # Errors
    /// As for [`Headless::install`].
    pub fn install_reusing(clock: Clock) -> Result<Self, HeadlessError> {
        Self::install_painting(clock, RepaintBufferType::ReusedBuffer)
    }

    fn install_painting(clock: Clock, kind: RepaintBufferType) -> Result<Self, HeadlessError> {
        let window = MinimalSoftwareWindow::new(kind);
        let (queue, queued) = channel();
        let queued = Rc::new(queued);
        let platform =
            MemoryPlatform { window: Rc::clone(&window), clock, queue, queued: Rc::clone(&queued) };
        slint::platform::set_platform(Box::new(platform)).map_err(HeadlessError::Platform)?;
        Ok(Self { window, queued })
    }

    /// Gives the window a size in physical pixels and a scale factor.
    pub fn resize(&self, width: u32, height: u32, scale_factor: f32) {
        self.window.dispatch_event(WindowEvent::ScaleFactorChanged { scale_factor });
        self.window.set_size(PhysicalSize::new(width, height));
    }

    /// Lets timers, change handlers and queued closures run until the window is at rest.
    pub fn settle(&self) {
        for _ in 0..SETTLE_ROUNDS {
            slint::platform::update_timers_and_animations();
            while let Ok(Queued::Run(run)) = self.queued.try_recv() {
                run();
            }
        }
    }

    /// Paints the window as it is now.
    pub fn picture(&self) -> Picture {
        self.settle();
        let PhysicalSize { width, height, .. } = self.window.window().size();
        let mut buffer = SharedPixelBuffer::<Rgb8Pixel>::new(width, height);
        // Twice: the first pass creates the rows of lists, and their layout may move things.
        for _ in 0..2 {
            self.window.request_redraw();
            self.window.draw_if_needed(|renderer| {
                renderer.render(buffer.make_mut_slice(), width as usize);
            });
            slint::platform::update_timers_and_animations();
        }
        let mut rgb = buffer.as_bytes().to_vec();
        repeat_last_row(&mut rgb, width as usize * 3);
        Picture { width, height, rgb }
    }

    /// Paints what changed into `pixels`, which hold the window as it was; returns how many pixels that were.
    pub fn repaint(&self, pixels: &mut [Rgb8Pixel]) -> u64 {
        self.settle();
        let width = self.window.window().size().width as usize;
        let mut painted = 0;
        self.window.draw_if_needed(|renderer| {
            let region = renderer.render(pixels, width);
            painted =
                region.iter().map(|(_, size)| u64::from(size.width) * u64::from(size.height)).sum();
        });
        painted
    }

    /// Touches the window at a place in logical pixels, as a finger does.
    pub fn tap(&self, x: f32, y: f32) {
        let position = slint::LogicalPosition::new(x, y);
        let button = slint::platform::PointerEventButton::Left;
        self.window.dispatch_event(WindowEvent::PointerMoved { position });
        self.window.dispatch_event(WindowEvent::PointerPressed { position, button });
        self.window.dispatch_event(WindowEvent::PointerReleased { position, button });
        self.window.dispatch_event(WindowEvent::PointerExited);
        self.settle();
    }
}
