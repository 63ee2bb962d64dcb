//! A picture that somebody asks for: all packs in it, and nothing rings twice.

#![allow(clippy::unwrap_used)]

use scan::decode::ean::ean13_modules;
use scan::source::{FrameSource, Next, SourceState};
use scan::{Clock, Frame, MonotonicClock, Picture, ScanEvent, Scanner, Settings};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

const NUMBER: &str = "4006381333931";

/// Shows three equal packs for ever.
struct Shelf(Frame, Arc<dyn Clock>);

impl FrameSource for Shelf {
    fn next(&mut self, frame: &mut Frame, _patience: Duration) -> Next {
        std::thread::sleep(Duration::from_millis(5));
        frame.clone_from(&self.0);
        frame.taken_ms = self.1.now_ms();
        Next::Frame
    }

    fn state(&self) -> SourceState {
        SourceState::Camera { name: "shelf".into() }
    }
}

fn shelf() -> Frame {
    let modules = ean13_modules(NUMBER).unwrap();
    let mut frame = Frame::filled(640, 480, 225);
    for pack in 0..3 {
        for y in (30 + 150 * pack)..(120 + 150 * pack) {
            for (index, _) in modules.iter().enumerate().filter(|(_, is_dark)| **is_dark) {
                let x = 150 + index * 3;
                frame.luma[y * 640 + x..y * 640 + x + 3].fill(25);
            }
        }
    }
    frame
}

fn running() -> (Scanner, Receiver<ScanEvent>) {
    let clock: Arc<dyn Clock> = Arc::new(MonotonicClock::start());
    let (sender, receiver) = sync_channel(8);
    let source = Box::new(Shelf(shelf(), clock.clone()));
    (Scanner::start(source, Settings::default(), clock, sender).unwrap(), receiver)
}

/// Everything that is told in that time but previews, hints and states.
fn told(events: &Receiver<ScanEvent>, time_ms: u64) -> (Vec<String>, Vec<Arc<Picture>>) {
    let clock = MonotonicClock::start();
    let (mut codes, mut pictures) = (Vec::new(), Vec::new());
    while clock.now_ms() < time_ms {
        match events.recv_timeout(Duration::from_millis(20)) {
            Ok(ScanEvent::Code { code, .. } | ScanEvent::SamePack(code)) => codes.push(code.text),
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
    let (scanner, events) = running();
    scanner.ring(false);
    // What was under way before may have rung already.
    told(&events, 300);
    scanner.take_picture();
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
    let (codes, pictures) = told(&events, 300);
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
fn a_paused_camera_gives_no_picture_until_it_goes_on() {
    let (scanner, events) = running();
    scanner.ring(false);
    scanner.pause(true);
    told(&events, 200);
    scanner.take_picture();
    assert_eq!(told(&events, 300).1.len(), 0);
    scanner.pause(false);
    assert_eq!(picture(&events).packs.len(), 3);
}
