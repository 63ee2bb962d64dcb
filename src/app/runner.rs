//! The thread on which the view-models live, between window, scanner, sync and printer.
//!
//! Inputs come through a bounded channel; after each the screen is made anew and handed to a callback, which
//! must not block (the window posts it to its event loop). The UI thread never waits for this one.

use super::ports::Parts;
use super::screen::Screen;
use super::terminal::{Input, Terminal};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use store::StoreError;

/// More inputs than a person and a scanner can make while one is handled.
const QUEUE_MAX: usize = 256;
/// How often time passes when nothing else happens.
const TICK: Duration = Duration::from_secs(1);

/// Sends inputs to the view-models.
#[derive(Clone)]
pub struct Inputs(SyncSender<Input>);

impl Inputs {
    /// Hands an input over; an overfull queue drops it (a person will press again), a finished one ignores it.
    pub fn send(&self, input: Input) {
        if let Err(TrySendError::Full(_)) = self.0.try_send(input) {
            tracing::warn!("the terminal is busy, an input was dropped");
        }
    }
}

/// A channel for [`run`].
pub fn channel() -> (Inputs, Receiver<Input>) {
    let (sender, receiver) = sync_channel(QUEUE_MAX);
    (Inputs(sender), receiver)
}

/// Runs the view-models on a thread of their own until all [`Inputs`] are gone.
pub fn run(
    parts: Parts,
    inputs: Receiver<Input>,
    prepare: impl FnOnce(&mut Terminal) + Send + 'static,
    mut show: impl FnMut(&Screen) + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    let mut terminal = Terminal::new(parts)?;
    prepare(&mut terminal);
    let work = move || {
        let mut shown = terminal.screen();
        show(&shown);
        loop {
            let input = match inputs.recv_timeout(TICK) {
                Ok(input) => input,
                Err(RecvTimeoutError::Timeout) => Input::Tick,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            terminal.handle(input);
            let screen = terminal.screen();
            if screen != shown {
                show(&screen);
                shown = screen;
            }
        }
    };
    // A window whose view-models have died would take touches that go nowhere (invariant 10). Ending the program
    // is better: whoever supervises it starts it again, and everything is on disk.
    let work = move || {
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
            tracing::error!("the view-models failed; the program ends and can be started again");
            std::process::abort();
        }
    };
    let thread = std::thread::Builder::new().name("terminal".into()).spawn(work);
    Ok(thread.expect("the system can start one thread"))
}
