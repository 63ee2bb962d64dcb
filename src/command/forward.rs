//! From the scan thread to everybody else: codes to the view-models, pictures and words to the window.

use super::desk::Desk;
use crossroads::app::count_picture::{SeenCode, SeenPicture};
use crossroads::app::intent::Intent;
use crossroads::app::runner::Inputs;
use crossroads::app::terminal::Input;
use crossroads::app::viewfinder::{Adviser, Diagnostician, Hint, corners_in};
use crossroads::view::preview::Preview;
use domain::code::Code;
use scan::frame::Outline;
use scan::source::SourceState;
use scan::{Clock, Picture, ScanEvent};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// Where events go.
pub struct Forwarder {
    /// The view-models.
    pub inputs: Inputs,
    /// The window.
    pub preview: Preview,
    /// Light, diagnostics, frames to be kept.
    pub desk: Arc<Desk>,
    /// The clock of the scan.
    pub clock: Arc<dyn Clock>,
}

impl Forwarder {
    /// Forwards until the scan ends, on a thread of its own.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(self, events: Receiver<ScanEvent>) -> std::io::Result<()> {
        let work = move || self.work(events);
        std::thread::Builder::new().name("forward".into()).spawn(work).map(|_| ())
    }

    fn work(self, events: Receiver<ScanEvent>) {
        let mut adviser = Adviser::default();
        let mut diagnostician = Diagnostician::default();
        let mut said = Hint::None;
        for event in events {
            let now_ms = self.clock.now_ms();
            match event {
                ScanEvent::Code { code, outline, frame_size, .. } => {
                    adviser.rest();
                    if let Some(corners) = corners_in(&outline, frame_size) {
                        self.preview.outline(corners);
                    }
                    // Who looks why a label is not read does not want to buy it.
                    if !self.desk.is_diagnosing() {
                        // Only a camera knows the size of its frame; a hand scanner is pressed on purpose.
                        let is_aimed = frame_size != (0, 0);
                        self.inputs.send(match is_aimed {
                            true => Input::Seen(code),
                            false => Input::Intent(Intent::Scanned(code)),
                        });
                    }
                }
                ScanEvent::SamePack(code) => {
                    if !self.desk.is_diagnosing() {
                        self.inputs.send(Input::Intent(Intent::ScannedSamePack(code)));
                    }
                }
                ScanEvent::Hint(hint) => adviser.hear(hint),
                ScanEvent::Preview(frame) => {
                    self.preview.post(&frame.luma, frame.width, frame.height);
                }
                ScanEvent::Source(state) => {
                    adviser.rest();
                    self.desk.source_changed();
                    self.inputs.send(Input::Camera(source_words(&state).to_owned()));
                }
                ScanEvent::Picture(picture) => {
                    // The still is posted first, so that no frame ever stands on the picture before.
                    self.preview.still(&picture.frame);
                    self.inputs.send(Input::Picture(seen(&picture)));
                }
                ScanEvent::Look(look) => {
                    if self.desk.take(&look) {
                        self.preview.diagnose(diagnostician.tell(&look, now_ms));
                    }
                }
            }
            let advice = adviser.at(now_ms);
            if advice != said {
                said = advice;
                self.preview.advise(advice);
            }
        }
    }
}

/// A picture without its pixels.
fn seen(picture: &Picture) -> SeenPicture {
    let size = (picture.frame.width, picture.frame.height);
    let codes = |codes: &[(Code, Outline)]| -> Vec<SeenCode> {
        let seen = |(code, outline): &(Code, Outline)| SeenCode {
            code: code.clone(),
            corners: corners_in(outline, size),
        };
        codes.iter().map(seen).collect()
    };
    SeenPicture { packs: codes(&picture.packs), others: codes(&picture.others) }
}

/// The state of the source as the status strip has it.
const fn source_words(state: &SourceState) -> &'static str {
    match state {
        SourceState::Camera { .. } => "camera",
        SourceState::Replay { .. } => "replay",
        SourceState::Lost { .. } => "lost",
        SourceState::None => "none",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::code::Symbology;
    use scan::source::replay::ReplaySource;
    use scan::{Frame, Point, Scanner, Settings};
    use std::path::Path;
    use std::time::Duration;

    /// What goes to the view-models are codes and places in fractions: the pixels go to the window alone.
    #[test]
    fn a_picture_is_told_in_fractions_of_itself() {
        let outline = [(20.0, 10.0), (60.0, 10.0), (60.0, 30.0), (20.0, 30.0)];
        let outline: Outline = outline.map(|(x, y)| Point { x, y });
        let code = Code::new(Symbology::Ean13, "9520000000011");
        let picture = Picture {
            frame: Frame::filled(200, 100, 0),
            packs: vec![(code.clone(), outline); 2],
            others: vec![(code.clone(), outline)],
            look_ms: 7,
        };
        let seen = seen(&picture);
        assert_eq!((seen.packs.len(), seen.others.len()), (2, 1));
        let corners = [(0.1, 0.1), (0.3, 0.1), (0.3, 0.3), (0.1, 0.3)];
        assert_eq!(seen.packs[1], SeenCode { code, corners: Some(corners) });
    }

    /// A folder that stands in for a camera takes pictures as one does.
    #[test]
    fn a_replay_takes_a_picture() {
        let frames =
            concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/frames/01-9520000000011.jpg");
        let clock: Arc<dyn Clock> = Arc::new(scan::MonotonicClock::start());
        let source = ReplaySource::open(Path::new(frames), 20.0, Arc::clone(&clock)).unwrap();
        let (events, scanned) = std::sync::mpsc::sync_channel(16);
        let settings = Settings::default();
        let scanner = Scanner::start(Box::new(source), settings, clock, events).unwrap();
        scanner.ring(false);
        scanner.take_picture();
        let picture = loop {
            match scanned.recv_timeout(Duration::from_secs(30)).unwrap() {
                ScanEvent::Picture(picture) => break picture,
                ScanEvent::Code { code, .. } => panic!("{code:?} rang"),
                _ => {}
            }
        };
        let seen = seen(&picture);
        assert_eq!((seen.packs.len(), seen.packs[0].code.text.as_str()), (1, "9520000000011"));
        let corners = seen.packs[0].corners.unwrap();
        assert!(corners.iter().all(|(x, y)| (0.0..=1.0).contains(x) && (0.0..=1.0).contains(y)));
    }
}
