//! `crossroads run`: the window, the camera (or the frames that stand in for it), and the view-models, each on a
//! thread of its own.

use super::catalogue::StoreCatalogue;
use super::desk::Desk;
use super::forward::Forwarder;
use super::session::{self, SessionArguments};
use anyhow::{Context, ensure};
use clap::Args;
use crossroads::app::intent::{Intent, View};
use crossroads::app::runner::{self, Inputs};
use crossroads::app::screen::Screen;
use crossroads::app::terminal::Input;
use crossroads::app::viewfinder::{Corners, corners_in};
use crossroads::view::Window;
use domain::code::Code;
use scan::Options;
use scan::frame::Frame;
use scan::guard::PackCodes;
use scan::source::replay::ReplaySource;
use scan::source::{FrameSource, Next, Selector};
use scan::stream::{Scanner, Settings};
use scan::wedge::{Key, Outcome, Wedge};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How the window is opened.
#[derive(Args, Clone, Debug)]
pub struct RunArguments {
    #[command(flatten)]
    session: SessionArguments,
    /// Address of central that the enrol view offers.
    #[arg(long)]
    central: Option<String>,
    /// One-time code: enrols at once if the device is not enrolled yet.
    #[arg(long, requires = "central")]
    enrol_code: Option<String>,
    /// Where frames come from: `auto`, `camera:/dev/videoN` or `replay:PATH`.
    #[arg(long, default_value = "auto", env = "CROSSROADS_SOURCE")]
    source: Selector,
    /// Folder or clip that stands in where there is no camera.
    #[arg(long, default_value = "assets/demo/frames")]
    replay: PathBuf,
    /// Of several symbols of one pack: `first` rings, `prefer-2d` waits a moment for the matrix code, `all` rings the
    /// first and tells what another says more, such as a date that is over.
    #[arg(long, default_value = "all", env = "CROSSROADS_PACK_CODES")]
    pack_codes: PackCodes,
    #[command(flatten)]
    scanners: super::scanners::ScannerArguments,
    /// Pictures a second of a replay.
    #[arg(long, default_value_t = 4.0)]
    replay_rate: f32,
    /// Paints the first frame into memory, tells what it cost, and ends: for benches.
    #[arg(long, hide = true)]
    probe_start: bool,
    /// Tells what the camera's picture costs on its way to the screen, and ends: for benches.
    #[arg(long, hide = true)]
    probe_preview: bool,
}

/// Scan events that wait at most while the forwarder is busy.
const EVENTS_MAX: usize = 16;

thread_local! {
    /// The window lives on the UI thread and nowhere else.
    static WINDOW: RefCell<Option<Rc<Window>>> = const { RefCell::new(None) };
}

/// Runs until the window is closed.
pub fn run(arguments: &RunArguments) -> anyhow::Result<ExitCode> {
    if arguments.probe_start {
        return probe_start(&arguments.session);
    }
    if arguments.probe_preview {
        return super::probe::preview();
    }
    let session = session::open(&arguments.session)?;
    let window = Rc::new(Window::new().context(
        "there is no display; `crossroads demo --script` paints without one, and docs/DEVICE.md \
         tells how to run on bare KMS",
    )?);
    WINDOW.set(Some(Rc::clone(&window)));

    let scan_clock: Arc<dyn scan::Clock> = Arc::new(scan::MonotonicClock::start());
    let source = scan::source::open(
        &arguments.source,
        &arguments.replay,
        arguments.replay_rate,
        Arc::clone(&scan_clock),
    )?;
    let (events, scanned) = sync_channel(EVENTS_MAX);
    let catalogue = StoreCatalogue::new(session.parts.store.clone());
    let options = Options::default().with_pack_codes(arguments.pack_codes);
    let settings =
        Settings { options, catalogue: Some(Arc::new(catalogue)), ..Settings::default() };
    let scanner = Scanner::start(source, settings, Arc::clone(&scan_clock), events)?;
    let scanner = Arc::new(scanner);
    session.camera.connect(Arc::clone(&scanner));
    let desk = Arc::new(Desk::start(
        window.preview(),
        arguments.session.data.join("frames"),
        Arc::clone(&session.clock),
        Box::new(scan::torch::find),
    )?);
    let forwarder = Forwarder {
        inputs: session.inputs.clone(),
        preview: window.preview(),
        desk: Arc::clone(&desk),
        clock: Arc::clone(&scan_clock),
    };
    forwarder.start(scanned)?;
    connect(&window, &session.inputs, &scanner, &scan_clock);
    let _hand_scanners = super::scanners::start(
        &arguments.scanners,
        Arc::clone(&scan_clock),
        Arc::clone(&scanner),
        session.inputs.clone(),
    )?;
    let (asked, observed) = (Arc::clone(&desk), Arc::clone(&scanner));
    window.connect_viewfinder(move |ask| asked.ask(ask, &observed));

    let central = arguments.central.clone();
    let prepare = move |terminal: &mut crossroads::app::terminal::Terminal| {
        if let Some(central) = &central {
            terminal.suggest_central(central);
        }
    };
    let show = poster(Arc::clone(&scanner), Arc::clone(&desk));
    runner::run(session.parts, session.received, prepare, show)?;
    if let (Some(central), Some(code)) = (&arguments.central, &arguments.enrol_code) {
        let (central, code) = (central.clone(), code.clone());
        session.inputs.send(Input::Intent(Intent::Enrol { central, code }));
    }
    window.run().context("the window ended")?;
    WINDOW.set(None);
    desk.end();
    session.runtime.shutdown_timeout(Duration::from_secs(2));
    Ok(ExitCode::SUCCESS)
}

/// The same start on a display in memory: database, view-models, window, first frame. One line tells the peak of
/// the resident memory; whoever started the process measures the time until that line.
fn probe_start(arguments: &SessionArguments) -> anyhow::Result<ExitCode> {
    let session = session::open(arguments)?;
    let clock = Arc::clone(&session.clock);
    let now = Rc::new(move || Duration::from_millis(clock.monotonic_ms()));
    let display = crossroads::view::headless::Headless::install(now)?;
    let window = Window::new()?;
    display.resize(720, 1280, 1.67);
    slint::ComponentHandle::show(window.app())?;
    let terminal = crossroads::app::terminal::Terminal::new(session.parts)?;
    window.show(&terminal.screen());
    let picture = display.picture();
    let line = serde_json::json!({
        "view": terminal.screen().view,
        "pixels": picture.width * picture.height,
        "peak_rss_kib": peak_rss_kib(),
    });
    super::say(&line.to_string());
    Ok(ExitCode::SUCCESS)
}

/// Peak of the resident memory as Linux counts it (`VmHWM`).
fn peak_rss_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Fingers and scanners that type.
fn connect(window: &Window, inputs: &Inputs, scanner: &Arc<Scanner>, clock: &Arc<dyn scan::Clock>) {
    let (touched, scanner, clock) = (inputs.clone(), Arc::clone(scanner), Arc::clone(clock));
    let wedge = RefCell::new(Wedge::default());
    window.connect(
        move |intent| touched.send(Input::Intent(intent)),
        move |key| {
            let now_ms = clock.now_ms();
            let mut characters = key.chars();
            let key = match (characters.next(), characters.next()) {
                (Some('\n' | '\r'), None) => Key::Enter,
                (Some(character), None) if !character.is_control() => Key::Character(character),
                _ => Key::Other,
            };
            match wedge.borrow_mut().press(key, now_ms) {
                Outcome::Scan { code, .. } => {
                    scanner.inject(code, now_ms);
                    true
                }
                Outcome::Pending | Outcome::Typed => false,
            }
        },
    );
}

/// Hands screens to the UI thread: one posting at most is under way, the newest screen wins.
fn poster(scanner: Arc<Scanner>, desk: Arc<Desk>) -> impl FnMut(&Screen) + Send + 'static {
    let newest: Arc<Mutex<Option<Screen>>> = Arc::default();
    let is_posted = Arc::new(AtomicBool::new(false));
    let mut was_resting = false;
    move |screen| {
        // Where nothing is to be scanned the camera rests.
        let rests = matches!(screen.view, View::Pay | View::Delivery | View::Settings | View::Sync)
            || screen.count.is_comparing;
        scanner.pause(rests);
        // Who composes a picture aims at nothing.
        scanner.ring(!screen.count.is_all_in_view);
        if std::mem::replace(&mut was_resting, rests) != rests {
            desk.rest(rests);
        }
        *newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(screen.clone());
        if is_posted.swap(true, Ordering::AcqRel) {
            return;
        }
        let (taken, flag) = (Arc::clone(&newest), Arc::clone(&is_posted));
        let posted = slint::invoke_from_event_loop(move || {
            flag.store(false, Ordering::Release);
            let screen = taken.lock().unwrap_or_else(PoisonError::into_inner).take();
            WINDOW.with_borrow(|window| {
                if let (Some(window), Some(screen)) = (window, screen) {
                    window.show(&screen);
                }
            });
        });
        if posted.is_err() {
            is_posted.store(false, Ordering::Release);
        }
    }
}

/// Codes read one after the other from frames on disk, as a camera would see them: what the demo scans.
pub struct ReplayedCodes {
    source: ReplaySource,
    decoder: scan::Decoder,
    last: Option<String>,
    now_ms: u64,
}

/// A code, and the picture in which it was seen.
pub struct SeenCode {
    /// The code.
    pub code: Code,
    /// Grey pixels without padding.
    pub luma: Vec<u8>,
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// Its corners, in fractions of the picture.
    pub outline: Option<Corners>,
}

impl ReplayedCodes {
    /// Pictures looked at until the next code; more means that there is none in them.
    const FRAMES_MAX: usize = 200;
    /// Time between two frames, in milliseconds of the decoder.
    const FRAME_MS: u64 = 66;

    /// Opens a folder or clip.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let clock: Arc<dyn scan::Clock> = Arc::new(scan::MonotonicClock::start());
        let source = ReplaySource::open(path, 120.0, clock)
            .with_context(|| format!("no frames in {}", path.display()))?;
        let decoder = scan::Decoder::new(Options::default());
        Ok(Self { source, decoder, last: None, now_ms: 0 })
    }

    /// Plays on until a code is read that is not the one before.
    pub fn next_code(&mut self) -> anyhow::Result<SeenCode> {
        let mut frame = Frame::default();
        for _ in 0..Self::FRAMES_MAX {
            let next = self.source.next(&mut frame, Duration::from_millis(500));
            ensure!(next != Next::Gone, "the frames have ended");
            self.now_ms += Self::FRAME_MS;
            let Some(luma) = frame.view() else { continue };
            let reads = self.decoder.look(luma, self.now_ms, &|| false);
            let new = reads.into_iter().find(|read| self.last.as_ref() != Some(&read.text));
            let Some(read) = new else { continue };
            self.last = Some(read.text.clone());
            return Ok(SeenCode {
                outline: corners_in(&read.outline, (frame.width, frame.height)),
                code: read.into_code(),
                width: frame.width,
                height: frame.height,
                luma: frame
                    .luma
                    .chunks(frame.stride)
                    .flat_map(|row| &row[..frame.width])
                    .copied()
                    .collect(),
            });
        }
        anyhow::bail!("no code was read in {} frames", Self::FRAMES_MAX)
    }
}
