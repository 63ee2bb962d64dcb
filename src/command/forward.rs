//! From the scan thread to everybody else: codes to the view-models, pictures and words to the window.

use super::desk::Desk;
use crossroads::app::intent::Intent;
use crossroads::app::runner::Inputs;
use crossroads::app::terminal::Input;
use crossroads::app::viewfinder::{Adviser, Diagnostician, Hint, corners_in};
use crossroads::view::preview::Preview;
use scan::source::SourceState;
use scan::{Clock, ScanEvent};
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
                        self.inputs.send(Input::Intent(Intent::Scanned(code)));
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
                // No view asks for one yet.
                ScanEvent::Picture(_) => {}
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

/// The state of the source as the status strip has it.
const fn source_words(state: &SourceState) -> &'static str {
    match state {
        SourceState::Camera { .. } => "camera",
        SourceState::Replay { .. } => "replay",
        SourceState::Lost { .. } => "lost",
        SourceState::None => "none",
    }
}
