//! The scan thread: frames in, [`ScanEvent`]s out, newest frame first, nothing queued.
//!
//! ```text
//! capture thread: source -> preview -> mailbox (one slot)      scan thread: mailbox -> codes
//! ```
//! Both end when the receiver of the events is gone or the [`Scanner`] is dropped. Previews and
//! states are dropped when the receiver is slow; a code never is, it waits.

use crate::clock::Clock;
use crate::confirm::{Catalogue, Read};
use crate::decode::{Decoder, Options};
use crate::evidence::{Evidence, Hint};
use crate::frame::{Frame, Outline};
use crate::guard::{Admission, Guard, RepeatFilter};
use crate::mailbox::{Mailbox, Taken};
use crate::picture::Picture;
use crate::source::format::Mode;
use crate::source::{FrameSource, Next, SourceState};
use crate::still::STILL_MS_MAX;
use crate::trace::Trace;
use domain::code::Code;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the scan thread tells.
#[derive(Clone, Debug, PartialEq)]
pub enum ScanEvent {
    /// A code that is believed and was not there a moment ago.
    Code {
        /// Symbology, text and meaning.
        code: Code,
        /// Its corners in frame coordinates; all zero where a wedge scanner read it.
        outline: Outline,
        /// Pixels of the frame, across and down.
        frame_size: (usize, usize),
        /// When the frame was taken.
        at_ms: u64,
        /// Why it is believed; nothing of it where a wedge scanner read it.
        evidence: Evidence,
        /// How long the look at this frame took, in milliseconds.
        look_ms: u64,
    },
    /// Another symbol of the pack that just rang, which says more than its number: a date, a weight, a lot. It does not
    /// ring.
    SamePack(Code),
    /// What would help to read what is in view; sent when it changes.
    Hint(Hint),
    /// A small grey picture for the screen, at most 360x270.
    Preview(Frame),
    /// The source changed its state; also sent once at the start.
    Source(SourceState),
    /// What one look saw and did; only while [`Scanner::observe`] asks for it, at most five a
    /// second and whenever something was read.
    Look(Arc<LookReport>),
    /// The picture that [`Scanner::take_picture`] asked for.
    Picture(Arc<Picture>),
}

/// What one look saw and did, for the diagnostics view.
#[derive(Clone, Debug, PartialEq)]
pub struct LookReport {
    /// The frame, whole, as the readers had it.
    pub frame: Frame,
    /// What was read in it, before the guard decides what rings.
    pub reads: Vec<Read>,
    /// What was tried, and how long it took.
    pub trace: Trace,
    /// How long the look took, in microseconds.
    pub look_us: u64,
    /// What was done since the start.
    pub counts: Counts,
    /// The source, and how the camera delivers.
    pub source: (SourceState, Option<Mode>),
}

/// How to scan.
#[derive(Clone)]
pub struct Settings {
    /// What to look for.
    pub options: Options,
    /// Frames looked at a second, at most; fewer where looking takes longer than half of the time.
    pub decodes_per_second: u32,
    /// Small pictures for the screen a second, at most; 0 for none.
    pub previews_per_second: u32,
    /// The longest look at one frame, in milliseconds.
    pub decode_ms_max: u64,
    /// How long the same code stays silent while it is seen, in milliseconds.
    pub repeat_ms: u64,
    /// Who is asked what is an article.
    pub catalogue: Option<Arc<dyn Catalogue>>,
}

impl Settings {
    /// When the next look is due after one that began at `begin_ms` and took `look_ms`: as often as
    /// is asked for, but with a rest as long as the work, so that a slow machine keeps half of its
    /// time for the sale.
    pub fn next_look_ms(&self, begin_ms: u64, look_ms: u64) -> u64 {
        let period_ms = 1000 / u64::from(self.decodes_per_second.clamp(1, 1000));
        begin_ms + period_ms.max(2 * look_ms)
    }

    fn decoder(&self) -> Decoder {
        match &self.catalogue {
            Some(catalogue) => Decoder::with_catalogue(self.options.clone(), catalogue.clone()),
            None => Decoder::new(self.options.clone()),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            options: Options::default(),
            decodes_per_second: 30,
            previews_per_second: 12,
            decode_ms_max: 100,
            repeat_ms: RepeatFilter::WINDOW_MS,
            catalogue: None,
        }
    }
}

/// The same code from a hand scanner counts again after this time: its trigger is meant each time,
/// only its bounce is not.
const WEDGE_REPEAT_MS: u64 = 250;
/// Looks are told this often where nothing is read, in milliseconds: a person reads no faster.
const REPORT_PERIOD_MS: u64 = 200;
/// How long threads wait before they look whether they should end.
const TICK: Duration = Duration::from_millis(100);

struct Shared {
    mailbox: Mailbox,
    guard: Mutex<Guard>,
    events: SyncSender<ScanEvent>,
    clock: Arc<dyn Clock>,
    is_over: AtomicBool,
    is_paused: AtomicBool,
    is_observed: AtomicBool,
    /// Whether codes before the camera ring.
    is_ringing: AtomicBool,
    is_picture_wanted: AtomicBool,
    source: Mutex<(SourceState, Option<Mode>)>,
    frames: AtomicU64,
    decodes: AtomicU64,
}

/// A running scan; ends when dropped.
pub struct Scanner {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads have done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Frames that the source delivered.
    pub frames: u64,
    /// Frames that were looked at.
    pub decodes: u64,
    /// Frames that were dropped because newer ones came.
    pub dropped: u64,
}

impl Scanner {
    /// Starts scanning `source` and telling `events`.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(
        source: Box<dyn FrameSource>,
        settings: Settings,
        clock: Arc<dyn Clock>,
        events: SyncSender<ScanEvent>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            mailbox: Mailbox::default(),
            guard: Mutex::new(
                Guard::new(settings.repeat_ms).with_pack_codes(settings.options.pack_codes()),
            ),
            events,
            clock,
            is_over: AtomicBool::new(false),
            is_paused: AtomicBool::new(false),
            is_observed: AtomicBool::new(false),
            is_ringing: AtomicBool::new(true),
            is_picture_wanted: AtomicBool::new(false),
            source: Mutex::new((SourceState::None, None)),
            frames: AtomicU64::new(0),
            decodes: AtomicU64::new(0),
        });
        let mut scanner = Self { shared: shared.clone(), threads: Vec::new() };
        let previews_per_second = settings.previews_per_second;
        let capturing = shared.clone();
        let capture = move || capture(&capturing, source, previews_per_second);
        let spawn = |name: &str| std::thread::Builder::new().name(name.into());
        scanner.threads.push(spawn("capture").spawn(capture)?);
        scanner.threads.push(spawn("scan").spawn(move || scan(&shared, &settings))?);
        Ok(scanner)
    }

    /// Stops or resumes looking and previews. A paused camera keeps running, so that it is there at
    /// once; a picture that was asked for is not taken any more.
    pub fn pause(&self, is_paused: bool) {
        if is_paused {
            self.shared.is_picture_wanted.store(false, Ordering::Release);
        }
        self.shared.is_paused.store(is_paused, Ordering::Release);
    }

    /// Begins or ends to tell what each look did. It costs a copy of the frame now and then.
    pub fn observe(&self, is_observed: bool) {
        self.shared.is_observed.store(is_observed, Ordering::Release);
    }

    /// Whether codes before the camera ring by themselves, as they do at first. Where pictures are taken they must not:
    /// what is aimed at would be counted, and counted again in the picture. Looks, previews and hints go on, and so do
    /// the codes of hand scanners.
    pub fn ring(&self, is_ringing: bool) {
        self.shared.is_ringing.store(is_ringing, Ordering::Release);
    }

    /// Asks that the next frame be looked at with all the patience of a still, as [`ScanEvent::Picture`]: up to two
    /// seconds, in which nothing else is looked at. A camera that is paused or gone gives none, and asking again before
    /// it came asks for nothing more. What it shows does not ring in the moment after it.
    pub fn take_picture(&self) {
        if !self.shared.is_paused() {
            self.shared.is_picture_wanted.store(true, Ordering::Release);
        }
    }

    /// Takes a code that a hand scanner read at `at_ms` into the same stream of events: the camera
    /// does not ring the label that the hand scanner just rang.
    pub fn inject(&self, code: Code, at_ms: u64) {
        let admission = {
            let mut guard = self.shared.guard.lock().unwrap_or_else(PoisonError::into_inner);
            guard.admit_meant(&code, at_ms, WEDGE_REPEAT_MS)
        };
        match admission {
            Admission::Rings => self.shared.tell(ScanEvent::Code {
                code,
                outline: Outline::default(),
                frame_size: (0, 0),
                at_ms,
                evidence: Evidence::default(),
                look_ms: 0,
            }),
            Admission::Adds => self.shared.tell(ScanEvent::SamePack(code)),
            // Who pulls a trigger does not wait.
            Admission::Waits | Admission::Silent => {}
        }
    }

    /// What was done so far.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.shared.end();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.mailbox.close();
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn counts(&self) -> Counts {
        Counts {
            frames: self.frames.load(Ordering::Relaxed),
            decodes: self.decodes.load(Ordering::Relaxed),
            dropped: self.mailbox.dropped(),
        }
    }

    fn is_observed(&self) -> bool {
        self.is_observed.load(Ordering::Acquire)
    }

    fn is_ringing(&self) -> bool {
        self.is_ringing.load(Ordering::Acquire)
    }

    fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Acquire)
    }

    fn admit(&self, code: &Code, at_ms: u64, window_ms: u64) -> Admission {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        guard.admit(code, at_ms, window_ms)
    }

    fn silence(&self, code: &Code, at_ms: u64, window_ms: u64) {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        guard.silence(code, at_ms, window_ms);
    }

    /// Waits until the receiver has room: a code is never dropped.
    fn tell(&self, mut event: ScanEvent) {
        while !self.is_over() {
            match self.events.try_send(event) {
                Ok(()) => return,
                Err(TrySendError::Disconnected(_)) => return self.end(),
                Err(TrySendError::Full(back)) => event = back,
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Tells if there is room.
    fn offer(&self, event: ScanEvent) -> bool {
        match self.events.try_send(event) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(TrySendError::Disconnected(_)) => {
                self.end();
                false
            }
        }
    }
}

fn capture(shared: &Shared, mut source: Box<dyn FrameSource>, previews_per_second: u32) {
    let mut frame = Frame::default();
    let mut told: Option<SourceState> = None;
    let mut preview_ms = 0;
    while !shared.is_over() {
        let next = source.next(&mut frame, TICK);
        let state = source.state();
        if told.as_ref() != Some(&state) && shared.offer(ScanEvent::Source(state.clone())) {
            *shared.source.lock().unwrap_or_else(PoisonError::into_inner) =
                (state.clone(), source.mode());
            told = Some(state);
        }
        if next != Next::Frame {
            continue;
        }
        shared.frames.fetch_add(1, Ordering::Relaxed);
        if shared.is_paused() {
            continue;
        }
        let now_ms = shared.clock.now_ms();
        if previews_per_second > 0 && now_ms >= preview_ms {
            preview_ms = now_ms + 1000 / u64::from(previews_per_second);
            if let Some(luma) = frame.view() {
                let taken_ms = frame.taken_ms;
                shared.offer(ScanEvent::Preview(Frame { taken_ms, ..luma.preview() }));
            }
        }
        frame = shared.mailbox.put(frame);
    }
    shared.mailbox.close();
}

fn scan(shared: &Shared, settings: &Settings) {
    let mut decoder = settings.decoder();
    let mut hint = Hint::None;
    let (mut due_ms, mut report_ms) = (0, 0);
    let mut pictured: Vec<Code> = Vec::new();
    let mut waiting: Vec<ScanEvent> = Vec::new();
    while !shared.is_over() {
        // Waiting first and taking then makes the frame the newest there is.
        let wait_ms = u64::saturating_sub(due_ms, shared.clock.now_ms());
        std::thread::sleep(Duration::from_millis(wait_ms));
        let frame = match shared.mailbox.take(TICK) {
            Taken::Frame(frame) => frame,
            Taken::Timeout => {
                tell_due(shared, &mut waiting);
                continue;
            }
            Taken::Closed => break,
        };
        let begin_ms = shared.clock.now_ms();
        for code in std::mem::take(&mut pictured) {
            shared.silence(&code, frame.taken_ms, settings.repeat_ms);
        }
        if shared.is_picture_wanted.load(Ordering::Acquire) {
            let picture = take_picture(shared, settings, &frame);
            pictured =
                picture.packs.iter().chain(&picture.others).map(|(code, _)| code.clone()).collect();
            shared.tell(ScanEvent::Picture(Arc::new(picture)));
            shared.is_picture_wanted.store(false, Ordering::Release);
            shared.mailbox.give_back(frame);
            continue;
        }
        let deadline_ms = begin_ms + settings.decode_ms_max;
        let is_late = || shared.clock.now_ms() >= deadline_ms;
        let is_observed = shared.is_observed();
        decoder.watch(is_observed.then(|| shared.clock.clone()));
        let begin_us = shared.clock.now_us();
        let look = || {
            let luma = frame.view()?;
            Some(decoder.look(luma, frame.taken_ms.max(1), &is_late))
        };
        let reads = catch_unwind(AssertUnwindSafe(look));
        shared.decodes.fetch_add(1, Ordering::Relaxed);
        due_ms = settings.next_look_ms(begin_ms, shared.clock.now_ms().saturating_sub(begin_ms));
        match reads {
            Ok(reads) => {
                let look_ms = shared.clock.now_ms().saturating_sub(begin_ms);
                let look_us = shared.clock.now_us().saturating_sub(begin_us);
                let reads = reads.unwrap_or_default();
                if is_observed && (begin_ms >= report_ms || !reads.is_empty()) {
                    report_ms = begin_ms + REPORT_PERIOD_MS;
                    tell_look(shared, &mut decoder, (&frame, &reads), look_us);
                }
                tell_reads(shared, settings, (&frame, look_ms), reads, &mut waiting);
                if decoder.hint() != hint && shared.offer(ScanEvent::Hint(decoder.hint())) {
                    hint = decoder.hint();
                }
            }
            Err(_) => {
                tracing::error!("a decoder panicked; it is made anew");
                decoder = settings.decoder();
            }
        }
        tell_due(shared, &mut waiting);
        shared.mailbox.give_back(frame);
    }
}

/// Looks at one frame with the patience of a still. A decoder that panics has read nothing.
fn take_picture(shared: &Shared, settings: &Settings, frame: &Frame) -> Picture {
    let begin_ms = shared.clock.now_ms();
    let is_late = || shared.clock.now_ms() >= begin_ms + STILL_MS_MAX || shared.is_over();
    let study = || Some(settings.decoder().study(frame.view()?, &is_late));
    let reads = catch_unwind(AssertUnwindSafe(study)).unwrap_or_else(|_| {
        tracing::error!("a decoder panicked at a picture");
        None
    });
    let look_ms = shared.clock.now_ms().saturating_sub(begin_ms);
    Picture::new(frame.clone(), reads.unwrap_or_default(), look_ms)
}

fn tell_look(
    shared: &Shared,
    decoder: &mut Decoder,
    (frame, reads): (&Frame, &[Read]),
    look_us: u64,
) {
    let Some(trace) = decoder.take_trace() else { return };
    let source = shared.source.lock().unwrap_or_else(PoisonError::into_inner).clone();
    shared.offer(ScanEvent::Look(Arc::new(LookReport {
        frame: frame.clone(),
        reads: reads.to_vec(),
        trace: *trace,
        look_us,
        counts: shared.counts(),
        source,
    })));
}

fn tell_reads(
    shared: &Shared,
    settings: &Settings,
    (frame, look_ms): (&Frame, u64),
    mut reads: Vec<Read>,
    waiting: &mut Vec<ScanEvent>,
) {
    let mut codes: Vec<(Code, Outline, Evidence)> = reads
        .drain(..)
        .map(|read| (read.outline, read.evidence, read.into_code()))
        .map(|(outline, evidence, code)| (code, outline, evidence))
        .collect();
    // Articles first: what is printed beside them is judged by them.
    codes.sort_by_key(|(code, ..)| code.gtin().is_none());
    for (code, outline, evidence) in codes {
        let at_ms = frame.taken_ms;
        let frame_size = (frame.width, frame.height);
        if !shared.is_ringing() {
            shared.silence(&code, at_ms, settings.repeat_ms);
            continue;
        }
        let admission = shared.admit(&code, at_ms, settings.repeat_ms);
        let event = ScanEvent::Code { code, outline, frame_size, at_ms, evidence, look_ms };
        match (admission, event) {
            (Admission::Rings, event) => shared.tell(event),
            (Admission::Waits, event) => {
                // One that waited before and was lost from sight is the same.
                waiting.retain(|known| code_of(known) != code_of(&event));
                waiting.push(event);
            }
            (Admission::Adds, ScanEvent::Code { code, .. }) => {
                shared.tell(ScanEvent::SamePack(code));
            }
            (Admission::Adds | Admission::Silent, _) => {}
        }
    }
}

/// Tells the bars that waited for a matrix code of their pack in vain.
fn tell_due(shared: &Shared, waiting: &mut Vec<ScanEvent>) {
    if waiting.is_empty() {
        return;
    }
    let now_ms = shared.clock.now_ms();
    let (due, over) = {
        let mut guard = shared.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let due = guard.take_due(now_ms);
        let is_over = |event: &mut ScanEvent| code_of(event).is_none_or(|code| !guard.waits(code));
        (due, waiting.extract_if(.., is_over).collect::<Vec<ScanEvent>>())
    };
    let is_due = |event: &ScanEvent| code_of(event).is_some_and(|code| due.contains(code));
    for event in over.into_iter().filter(|event| is_due(event) && shared.is_ringing()) {
        shared.tell(event);
    }
}

const fn code_of(event: &ScanEvent) -> Option<&Code> {
    match event {
        ScanEvent::Code { code, .. } => Some(code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::clock::MonotonicClock;
    use crate::decode::ean::ean13_modules;
    use domain::code::Symbology;
    use std::sync::mpsc::sync_channel;

    /// Shows one label for ever, at the pace of a camera.
    struct Label(Frame, Arc<dyn Clock>);

    impl FrameSource for Label {
        fn next(&mut self, frame: &mut Frame, _patience: Duration) -> Next {
            std::thread::sleep(Duration::from_millis(5));
            frame.clone_from(&self.0);
            frame.taken_ms = self.1.now_ms();
            Next::Frame
        }

        fn state(&self) -> SourceState {
            SourceState::Camera { name: "label".into() }
        }
    }

    fn label(text: &str) -> Frame {
        let modules = ean13_modules(text).unwrap();
        let mut frame = Frame::filled(400, 300, 230);
        for y in 80..220 {
            for (index, is_dark) in modules.iter().enumerate() {
                if *is_dark {
                    let x = 40 + index * 3;
                    frame.luma[y * 400 + x..y * 400 + x + 3].fill(20);
                }
            }
        }
        frame
    }

    fn running(settings: Settings) -> (Scanner, std::sync::mpsc::Receiver<ScanEvent>) {
        let clock: Arc<dyn Clock> = Arc::new(MonotonicClock::start());
        let (sender, receiver) = sync_channel(8);
        let source = Box::new(Label(label("4006381333931"), clock.clone()));
        (Scanner::start(source, settings, clock, sender).unwrap(), receiver)
    }

    fn next_code(events: &std::sync::mpsc::Receiver<ScanEvent>) -> ScanEvent {
        let is_code = |event: &ScanEvent| matches!(event, ScanEvent::Code { .. });
        std::iter::repeat_with(|| events.recv_timeout(Duration::from_secs(20)).unwrap())
            .find(is_code)
            .unwrap()
    }

    #[test]
    fn a_label_before_the_camera_rings_once_with_its_outline() {
        let (scanner, events) = running(Settings::default());
        let state = events.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(state, ScanEvent::Source(SourceState::Camera { name: "label".into() }));
        let ScanEvent::Code { code, outline, frame_size, at_ms, .. } = next_code(&events) else {
            panic!()
        };
        assert_eq!((code.symbology, code.text.as_str()), (Symbology::Ean13, "4006381333931"));
        assert_eq!(frame_size, (400, 300));
        let (left, right) = (40.0 + 33.0, 40.0 + 33.0 + 285.0);
        assert!((outline[0].x - left).abs() < 3.0 && (outline[1].x - right).abs() < 3.0);
        assert!(outline[0].y >= 79.0 && outline[2].y <= 220.0 && outline[2].y > 180.0);
        // It stays before the camera: previews come, but no second ring, from no source.
        scanner.inject(code, at_ms + 10);
        let deadline = MonotonicClock::start();
        let mut previews = 0;
        while deadline.now_ms() < 600 {
            match events.recv_timeout(Duration::from_millis(50)) {
                Ok(ScanEvent::Preview(frame)) => {
                    previews += 1;
                    assert!(frame.width <= 360 && frame.view().is_some());
                }
                Ok(event) => assert!(!matches!(event, ScanEvent::Code { .. }), "{event:?}"),
                Err(_) => {}
            }
        }
        assert!(previews > 0);
        let counts = scanner.counts();
        assert!(counts.dropped > 0 && counts.frames > counts.decodes, "{counts:?}");
    }

    #[test]
    fn a_look_is_told_while_somebody_watches_and_reads_the_same() {
        let (scanner, events) = running(Settings::default());
        scanner.observe(true);
        let report = std::iter::repeat_with(|| events.recv_timeout(Duration::from_secs(20)))
            .find_map(|event| match event.unwrap() {
                ScanEvent::Look(report) if !report.reads.is_empty() => Some(report),
                _ => None,
            })
            .unwrap();
        assert_eq!((report.frame.width, report.frame.height), (400, 300));
        assert_eq!(report.reads[0].text, "4006381333931");
        assert!(report.trace.claims.iter().any(|claim| claim.text == "4006381333931"));
        // Both are read from a clock, at moments of their own: which is more says nothing.
        let stages_us: u64 = report.trace.stages.iter().map(|(_, us)| us).sum();
        assert!(stages_us > 0 && report.look_us > 0, "{:?}", report.trace.stages);
        assert_eq!(report.source.0, SourceState::Camera { name: "label".into() });
        assert!(report.counts.frames >= 1);
        // Nobody watches any more: what was under way may still come, then no more.
        scanner.observe(false);
        let end = MonotonicClock::start();
        let mut late = 0;
        while end.now_ms() < 500 {
            let event = events.recv_timeout(Duration::from_millis(50));
            late += usize::from(end.now_ms() > 250 && matches!(event, Ok(ScanEvent::Look(_))));
        }
        assert_eq!(late, 0);
    }

    #[test]
    fn symbologies_that_were_not_asked_for_are_not_read() {
        let options = Options::only(&[Symbology::QrCode, Symbology::Ean8]);
        let (_scanner, events) = running(Settings { options, ..Settings::default() });
        let clock = MonotonicClock::start();
        while clock.now_ms() < 500 {
            if let Ok(event) = events.recv_timeout(Duration::from_millis(50)) {
                assert!(!matches!(event, ScanEvent::Code { .. }), "{event:?}");
            }
        }
    }

    #[test]
    fn a_wedge_code_takes_the_same_way() {
        let options = Options::only(&[]);
        let (scanner, events) = running(Settings { options, ..Settings::default() });
        let code = crate::wedge::read("9521234543213").unwrap();
        for at_ms in [1000, 1100, 1500] {
            scanner.inject(code.clone(), at_ms);
        }
        for expected_ms in [1000, 1500] {
            let ScanEvent::Code { code, at_ms, .. } = next_code(&events) else { panic!() };
            assert_eq!((code.text.as_str(), at_ms), ("9521234543213", expected_ms));
        }
    }

    #[test]
    fn a_receiver_that_went_away_ends_the_threads() {
        let (scanner, events) = running(Settings::default());
        drop(events);
        let clock = MonotonicClock::start();
        while !scanner.shared.is_over() {
            assert!(clock.now_ms() < 20_000);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
