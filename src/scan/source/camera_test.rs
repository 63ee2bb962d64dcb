//! The ways in which cameras fail, on a camera made of code.

#![allow(clippy::unwrap_used)]
use super::super::format::PixelFormat;
use super::*;
use crate::clock::MonotonicClock;
use std::sync::atomic::AtomicBool;

type Fault = fn() -> CameraError;

/// What the fake camera does, changed by the test while it runs.
#[derive(Default)]
struct Script {
    nodes: Mutex<Vec<Node>>,
    open_error: Mutex<Option<Fault>>,
    modes: Mutex<Vec<Mode>>,
    start_error: AtomicBool,
    is_hanging: AtomicBool,
    is_unplugged: AtomicBool,
    panics_on_picture: AtomicBool,
    panics_on_drop: AtomicBool,
    is_damaged: AtomicBool,
    /// Every n-th picture is damaged, none for 0.
    damaged_every: AtomicUsize,
    opened: Mutex<Vec<PathBuf>>,
    pictures: AtomicUsize,
}

#[derive(Clone)]
struct FakeBus(Arc<Script>);

struct FakeDevice {
    script: Arc<Script>,
    buffer: Vec<u8>,
}

const MODE: Mode =
    Mode { format: PixelFormat::Yuyv, width: 640, height: 480, frames_per_second: 30 };

fn node(path: &str, port: &str) -> Node {
    Node { path: path.into(), name: "Fake".into(), port: Some(port.into()) }
}

impl Bus for FakeBus {
    fn nodes(&self) -> Vec<Node> {
        self.0.nodes.lock().unwrap().clone()
    }

    fn open(&self, node: &Node) -> Result<Box<dyn Device>, CameraError> {
        if let Some(error) = *self.0.open_error.lock().unwrap() {
            return Err(error());
        }
        self.0.opened.lock().unwrap().push(node.path.clone());
        Ok(Box::new(FakeDevice { script: self.0.clone(), buffer: vec![77; 640 * 480 * 2] }))
    }
}

impl Device for FakeDevice {
    fn modes(&mut self) -> Result<Vec<Mode>, CameraError> {
        Ok(self.script.modes.lock().unwrap().clone())
    }

    fn start(&mut self, mode: Mode) -> Result<usize, CameraError> {
        if self.script.start_error.load(Ordering::SeqCst) {
            return Err(CameraError::Failed("STREAMON".into()));
        }
        Ok(mode.width as usize * 2)
    }

    fn picture(&mut self) -> Result<Cow<'_, [u8]>, CameraError> {
        let script = &self.script;
        while script.is_hanging.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(2));
        assert!(!script.panics_on_picture.load(Ordering::SeqCst), "the binding panics");
        if script.is_unplugged.load(Ordering::SeqCst) {
            return Err(CameraError::Unplugged);
        }
        let count = script.pictures.fetch_add(1, Ordering::SeqCst);
        let every = script.damaged_every.load(Ordering::SeqCst);
        let is_damaged = script.is_damaged.load(Ordering::SeqCst);
        if is_damaged || (every > 0 && count.is_multiple_of(every)) {
            return Ok(Cow::Borrowed(&self.buffer[..99]));
        }
        Ok(Cow::Borrowed(&self.buffer))
    }
}

impl Drop for FakeDevice {
    fn drop(&mut self) {
        assert!(!self.script.panics_on_drop.load(Ordering::SeqCst), "the binding panics on drop");
    }
}

/// A camera that works, with times twenty times as short.
fn working() -> (Arc<Script>, CameraSource<FakeBus>) {
    let script = Arc::new(Script::default());
    script.nodes.lock().unwrap().push(node("/dev/video0", "usb-1"));
    script.modes.lock().unwrap().push(MODE);
    let clock = Arc::new(MonotonicClock::start());
    let mut source = CameraSource::new(FakeBus(script.clone()), None, clock);
    source.watch = Watch::hurried(20);
    (script, source)
}

/// Asks until `is_met`, or fails after some seconds.
fn until(source: &mut CameraSource<FakeBus>, is_met: impl Fn(Next, &SourceState) -> bool) {
    let mut frame = Frame::default();
    for _ in 0..1000 {
        let next = source.next(&mut frame, Duration::from_millis(5));
        if is_met(next, &source.state()) {
            return;
        }
    }
    panic!("never met; the state is {:?}", source.state());
}

fn until_frame(source: &mut CameraSource<FakeBus>) {
    until(source, |next, _| next == Next::Frame);
    assert_eq!(source.state(), SourceState::Camera { name: "Fake".into() });
}

fn until_lost(source: &mut CameraSource<FakeBus>, words: &str) {
    until(source, |next, state| {
        let SourceState::Lost { reason } = state else { return false };
        next == Next::Gone && reason.contains(words)
    });
}

#[test]
fn a_camera_delivers_luma() {
    let (_, mut source) = working();
    until_frame(&mut source);
    let mut frame = Frame::default();
    assert_eq!(source.next(&mut frame, Duration::from_secs(5)), Next::Frame);
    assert_eq!((frame.width, frame.height, frame.luma[0]), (640, 480, 77));
}

#[test]
fn faults_on_opening_are_named_and_retried() {
    let faults: [(Fault, &str); 3] = [
        (|| CameraError::Busy, "another program"),
        (|| CameraError::Forbidden, "group `video`"),
        (|| CameraError::Failed("29.97".into()), "29.97"),
    ];
    for (fault, words) in faults {
        let (script, mut source) = working();
        *script.open_error.lock().unwrap() = Some(fault);
        until_lost(&mut source, words);
        *script.open_error.lock().unwrap() = None;
        until_frame(&mut source);
    }
}

#[test]
fn a_camera_without_a_usable_mode_or_stream_is_lost_until_it_has_one() {
    let (script, mut source) = working();
    script.modes.lock().unwrap().clear();
    until_lost(&mut source, "no picture format");
    script.start_error.store(true, Ordering::SeqCst);
    script.modes.lock().unwrap().push(MODE);
    until_lost(&mut source, "STREAMON");
    script.start_error.store(false, Ordering::SeqCst);
    until_frame(&mut source);
}

#[test]
fn a_hanging_driver_is_let_go_of_and_found_again() {
    let (script, mut source) = working();
    until_frame(&mut source);
    script.is_hanging.store(true, Ordering::SeqCst);
    until_lost(&mut source, "no picture comes");
    until_lost(&mut source, "hangs");
    assert!(source.alive.load(Ordering::SeqCst) <= HANGING_MAX, "no thread after thread");
    script.is_hanging.store(false, Ordering::SeqCst);
    until_frame(&mut source);
}

#[test]
fn unplugging_and_plugging_in_elsewhere_is_survived() {
    let (script, mut source) = working();
    until_frame(&mut source);
    script.nodes.lock().unwrap().clear();
    script.is_unplugged.store(true, Ordering::SeqCst);
    until_lost(&mut source, "unplugged");
    until_lost(&mut source, "no camera is connected");
    script.is_unplugged.store(false, Ordering::SeqCst);
    *script.nodes.lock().unwrap() =
        vec![node("/dev/video3", "other"), node("/dev/video4", "usb-1")];
    until_frame(&mut source);
    let opened = script.opened.lock().unwrap().clone();
    assert_eq!(opened.last().unwrap(), Path::new("/dev/video4"), "the same port, another number");
}

#[test]
fn panics_of_the_binding_end_in_its_thread() {
    let (script, mut source) = working();
    until_frame(&mut source);
    script.panics_on_drop.store(true, Ordering::SeqCst);
    script.panics_on_picture.store(true, Ordering::SeqCst);
    until_lost(&mut source, "panicked");
    script.panics_on_drop.store(false, Ordering::SeqCst);
    script.panics_on_picture.store(false, Ordering::SeqCst);
    until_frame(&mut source);
}

#[test]
fn a_third_of_damaged_pictures_is_borne_but_not_all() {
    let (script, mut source) = working();
    script.damaged_every.store(3, Ordering::SeqCst);
    for _ in 0..20 {
        until_frame(&mut source);
    }
    assert_eq!(script.opened.lock().unwrap().len(), 1, "never reopened");
    script.is_damaged.store(true, Ordering::SeqCst);
    until_lost(&mut source, "damaged");
    script.is_damaged.store(false, Ordering::SeqCst);
    until_frame(&mut source);
}

/// One line, one case: wanted, last opened, plugged in, which is picked.
#[test]
fn the_right_camera_is_picked() {
    let (a, b) = (node("/dev/video0", "port-a"), node("/dev/video2", "port-b"));
    let moved = node("/dev/video5", "port-a");
    for (wanted, last, nodes, picked) in [
        (None, None, vec![&a, &b], Some(&a)),
        (None, Some(&b), vec![&a, &b], Some(&b)),
        (Some("/dev/video2"), None, vec![&a, &b], Some(&b)),
        (Some("port-b"), None, vec![&a, &b], Some(&b)),
        (Some("/dev/video0"), Some(&a), vec![&b, &moved], Some(&moved)),
        (Some("/dev/video2"), Some(&a), vec![&b], None),
        (Some("/dev/video9"), None, vec![&a, &b], None),
        (None, None, vec![], None),
    ] {
        let nodes: Vec<Node> = nodes.into_iter().cloned().collect();
        assert_eq!(pick(&nodes, wanted.map(Path::new), last), picked, "{wanted:?}");
    }
}

#[test]
fn retries_slow_down_and_recover() {
    let mut watch = Watch::new();
    let waits: Vec<u64> = (0..6)
        .map(|_| {
            watch.failed(1000);
            watch.wait_ms(1000)
        })
        .collect();
    assert_eq!(waits, [500, 1000, 2000, 4000, 5000, 5000]);
    watch.opened(0);
    assert!(!watch.is_silent(4000) && watch.is_silent(5001), "opening takes its time");
    watch.delivered(6000);
    assert!(!watch.is_silent(7000) && watch.is_silent(7001));
    watch.failed(8000);
    assert_eq!(watch.wait_ms(8000), 500);
}
