//! What the camera's picture costs on its way to the screen: hidden, for benches and for whoever has a board
//! without a GPU before them. Counted in pixels, which do not depend on the machine, and in microseconds of one
//! core, which do.

use crossroads::app::intent::{Language, Role};
use crossroads::view::Window;
use crossroads::view::contact_sheet::DEVICES;
use crossroads::view::headless::Headless;
use crossroads::view::preview::pixels_of;
use crossroads::view::sample::samples;
use scan::{Clock, Frame, MonotonicClock};
use slint::{ComponentHandle, Rgb8Pixel};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

/// Pictures of each size; the median is told.
const ROUNDS: u64 = 101;
/// Pictures a second that the scan sends at most.
const PICTURES_PER_SECOND: u64 = 12;

/// Prints one JSON line for each size of frame and screen.
pub fn preview() -> anyhow::Result<ExitCode> {
    let clock = Rc::new(MonotonicClock::start());
    let ticking = Rc::clone(&clock);
    let now = Rc::new(move || Duration::from_millis(ticking.now_ms()));
    let display = Headless::install_reusing(now)?;
    let window = Window::new()?;
    window.app().show()?;
    for device in DEVICES {
        display.resize(device.width, device.height, device.scale_factor);
        let sample = samples(Language::English).into_iter().find(|sample| sample.name == "sell");
        let mut screen = sample.map(|sample| sample.screen).unwrap_or_default();
        screen.role = Role::Cashier;
        window.show(&screen);
        let mut screen = vec![Rgb8Pixel::default(); (device.width * device.height) as usize];
        display.repaint(&mut screen);
        for (width, height) in [(640, 480), (1280, 720)] {
            let mut rounds = Rounds::default();
            for round in 0..ROUNDS {
                // Another grey each time, so that nothing can be kept.
                let frame = Frame::filled(width, height, 64 + (round % 64) as u8);
                rounds.run(&clock, &frame, &window, &display, &mut screen);
            }
            super::say(&rounds.line(device.name, &frame_name(width, height)).to_string());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn frame_name(width: usize, height: usize) -> String {
    format!("{width}x{height}")
}

#[derive(Default)]
struct Rounds {
    shrink_us: Vec<u64>,
    convert_us: Vec<u64>,
    paint_us: Vec<u64>,
    read: u64,
    converted: u64,
    painted: Vec<u64>,
}

impl Rounds {
    fn run(
        &mut self,
        clock: &MonotonicClock,
        frame: &Frame,
        window: &Window,
        display: &Headless,
        screen: &mut [Rgb8Pixel],
    ) {
        let Some(luma) = frame.view() else { return };
        let begin = clock.now_us();
        let small = luma.preview();
        let shrunk = clock.now_us();
        let Some(view) = small.view() else { return };
        let pixels = pixels_of(&view);
        let converted = clock.now_us();
        drop(pixels);
        window.preview().post(&small.luma, small.width, small.height);
        let posted = clock.now_us();
        self.painted.push(display.repaint(screen));
        let painted = clock.now_us();
        self.shrink_us.push(shrunk - begin);
        self.convert_us.push(converted - shrunk);
        self.paint_us.push(painted - posted);
        self.read = (luma.width() * luma.height()) as u64;
        self.converted = (small.width * small.height) as u64;
    }

    fn line(&mut self, screen: &str, frame: &str) -> serde_json::Value {
        let median = |values: &mut Vec<u64>| {
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        let (shrink, convert) = (median(&mut self.shrink_us), median(&mut self.convert_us));
        let paint = median(&mut self.paint_us);
        serde_json::json!({
            "screen": screen,
            "frame": frame,
            "pixels_read": self.read,
            "pixels_converted": self.converted,
            "bytes_to_renderer": self.converted * 3,
            "pixels_painted": median(&mut self.painted),
            "shrink_us": shrink,
            "convert_us": convert,
            "paint_us": paint,
            "percent_of_a_core": (shrink + convert + paint) * PICTURES_PER_SECOND / 10_000,
        })
    }
}
