//! What the scan thread tells of packs: all in a picture that somebody asks for, one of several symbols, and nothing
//! rings twice.

#![allow(clippy::unwrap_used)]

#[path = "frames/draw.rs"]
mod draw;

use draw::draw;
use rxing::BarcodeFormat;
use scan::guard::PackCodes;
use scan::source::{FrameSource, Next, SourceState};
use scan::{Clock, Frame, MonotonicClock, Options, Picture, ScanEvent, Scanner, Settings};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

const NUMBER: &str = "4006381333931";

/// Shows one frame for ever.
struct Held(Frame, Arc<dyn Clock>);

impl FrameSource for Held {
    fn next(&mut self, frame: &mut Frame, _patience: Duration) -> Next {
        std::thread::sleep(Duration::from_millis(5));
        frame.clone_from(&self.0);
        frame.taken_ms = self.1.now_ms();
        Next::Frame
    }

    fn state(&self) -> SourceState {
        SourceState::Camera { name: "held".into() }
    }
}

/// Runs an eighth as fast, so that a machine that is busy looks as often as an idle one.
struct Slow(MonotonicClock);

impl Clock for Slow {
    fn now_ms(&self) -> u64 {
        self.0.now_ms() / 8
    }
}

/// Three equal packs.
fn shelf() -> Frame {
    let mut frame = Frame::filled(640, 480, 225);
    for pack in 0..3 {
        draw(&mut frame, BarcodeFormat::EAN_13, NUMBER, (150, 30 + 150 * pack), 90);
    }
    frame
}

fn running(frame: Frame, pack_codes: PackCodes) -> (Scanner, Receiver<ScanEvent>) {
    let clock: Arc<dyn Clock> = Arc::new(Slow(MonotonicClock::start()));
    let (sender, receiver) = sync_channel(8);
    let options = Options::default().with_pack_codes(pack_codes);
    let settings = Settings { options, ..Settings::default() };
    let source = Box::new(Held(frame, clock.clone()));
    (Scanner::start(source, settings, clock, sender).unwrap(), receiver)
}

/// Everything that is told in that time but previews, hints and states.
fn told(events: &Receiver<ScanEvent>, time_ms: u64) -> (Vec<String>, Vec<Arc<Picture>>) {
    let clock = MonotonicClock::start();
    let (mut codes, mut pictures) = (Vec::new(), Vec::new());
    while clock.now_ms() < time_ms {
        match events.recv_timeout(Duration::from_millis(20)) {
            Ok(ScanEvent::Code { code, .. }) => codes.push(code.text),
            Ok(ScanEvent::SamePack(code)) => codes.push(format!("beside: {}", code.text)),
            Ok(ScanEvent::Picture(picture)) => pictures.push(picture),
            _ => {}
        }
    }
    (codes, pictures)
}

/// The first picture; what rings before it came is an error.
fn picture(events: &Receiver<ScanEvent>) -> Arc<Picture> {
    loop {
        match events.recv_timeout(Duration::from_secs(20)).unwrap() {
            ScanEvent::Picture(picture) => return picture,
            event @ ScanEvent::Code { .. } => panic!("{event:?}"),
            _ => {}
        }
    }
}

#[test]
fn a_picture_counts_all_packs_and_nothing_rings_twice() {
    let (scanner, events) = running(shelf(), PackCodes::All);
    scanner.ring(false);
    // What was under way before may have rung already.
    told(&events, 300);
    scanner.take_picture();
    // The second tap comes while the first picture is looked at.
    std::thread::sleep(Duration::from_millis(40));
    scanner.take_picture();
    let shown = picture(&events);
    assert_eq!((shown.frame.width, shown.frame.height), (640, 480));
    let packs: Vec<(&str, bool)> = shown
        .packs
        .iter()
        .map(|(code, outline)| (code.text.as_str(), outline[0] != outline[2]))
        .collect();
    assert_eq!(packs, [(NUMBER, true); 3]);
    assert!(shown.others.is_empty());
    // It was asked for once. What it showed stays before the camera and stays silent, whoever rings.
    let (codes, pictures) = told(&events, 16 * shown.look_ms + 300);
    assert_eq!((codes, pictures.len()), (vec![], 0));
    scanner.ring(true);
    assert_eq!(told(&events, 500).0, Vec::<String>::new());
    // Hand scanners are meant each time.
    scanner.ring(false);
    let code = scan::wedge::read("9521234543213").unwrap();
    scanner.inject(code, 10_000_000);
    assert_eq!(told(&events, 200).0, ["9521234543213"]);
}

#[test]
fn a_paused_camera_gives_no_picture() {
    let (scanner, events) = running(shelf(), PackCodes::All);
    scanner.ring(false);
    scanner.pause(true);
    told(&events, 200);
    scanner.take_picture();
    assert_eq!(told(&events, 300).1.len(), 0);
    // Nobody waits for it any more.
    scanner.pause(false);
    assert_eq!(told(&events, 300).1.len(), 0);
    scanner.take_picture();
    assert_eq!(picture(&events).packs.len(), 3);
}

/// Bars with the number and dots with the date, by each of the rules; bars that have no dots beside ring by any.
#[test]
fn of_several_symbols_the_wanted_one_rings() {
    let dated = format!("https://id.example/01/0{NUMBER}?17=261130");
    let beside = format!("beside: {dated}");
    for (rule, has_dots, expected) in [
        (PackCodes::First, true, vec![NUMBER]),
        (PackCodes::PreferMatrix, true, vec![dated.as_str()]),
        (PackCodes::All, true, vec![NUMBER, &beside]),
        (PackCodes::First, false, vec![NUMBER]),
        (PackCodes::PreferMatrix, false, vec![NUMBER]),
        (PackCodes::All, false, vec![NUMBER]),
    ] {
        let mut frame = Frame::filled(640, 480, 225);
        draw(&mut frame, BarcodeFormat::EAN_13, NUMBER, (180, 190), 100);
        if has_dots {
            draw(&mut frame, BarcodeFormat::DATA_MATRIX, &dated, (250, 330), 0);
        }
        let (_scanner, events) = running(frame, rule);
        // Slow machines look seldom: as long as it takes, and then for more.
        let mut codes = Vec::new();
        let clock = MonotonicClock::start();
        while codes.len() < expected.len() && clock.now_ms() < 20_000 {
            codes.extend(told(&events, 100).0);
        }
        codes.extend(told(&events, 1_000).0);
        assert_eq!(codes, expected, "{rule:?} {has_dots}");
    }
}
