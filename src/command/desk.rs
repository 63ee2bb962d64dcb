//! What a person asks of the viewfinder, done where it may take its time: the light is switched and frames are
//! kept on a thread of its own, so that neither the window nor the scan waits for a driver or a disk.

use super::keep::keep;
use super::session::SOFTWARE;
use crossroads::app::viewfinder::{Ask, SaveState, TorchState};
use crossroads::view::preview::Preview;
use domain::time::Clock;
use scan::torch::Torch;
use scan::{LookReport, Scanner};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use store::SystemDisk;

/// More than a person presses while one is done.
const JOBS_MAX: usize = 16;

enum Job {
    /// The light was asked on or off.
    Torch(bool),
    /// The camera rests, or goes on.
    Rest(bool),
    /// A camera came or went, and its light with it.
    Look,
    Keep(Arc<LookReport>),
    End,
}

/// What the forwarder and the window share.
#[derive(Default)]
struct Shared {
    is_diagnosing: AtomicBool,
    is_held: AtomicBool,
    look: Mutex<Option<Arc<LookReport>>>,
}

/// The hands of the viewfinder.
pub struct Desk {
    shared: Shared,
    jobs: SyncSender<Job>,
    preview: Preview,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How the light is found: a port, so that tests have one.
pub type FindTorch = Box<dyn Fn() -> Option<Box<dyn Torch>> + Send>;

impl Desk {
    /// Starts the thread; frames are kept in `folder`.
    pub fn start(
        preview: Preview,
        folder: PathBuf,
        clock: Arc<dyn Clock>,
        find: FindTorch,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(JOBS_MAX);
        let teller = preview.clone();
        let say = Box::new(move |said: Said| match said {
            Said::Torch(state) => teller.torch(state),
            Said::Save(state) => teller.saved(state),
        });
        let hands =
            Hands { folder, clock, find, say, torch: None, is_wanted: false, is_resting: false };
        let thread = std::thread::Builder::new().name("desk".into()).spawn(|| hands.work(queue))?;
        let _ = jobs.try_send(Job::Look);
        Ok(Self { shared: Shared::default(), jobs, preview, thread: Mutex::new(Some(thread)) })
    }

    /// What a person pressed. Never blocks: a desk that is busy with sixteen presses forgets the next.
    pub fn ask(&self, ask: Ask, scanner: &Scanner) {
        match ask {
            Ask::Torch(is_on) => self.give(Job::Torch(is_on)),
            Ask::Diagnose(is_open) => {
                self.shared.is_held.store(false, Ordering::Release);
                self.shared.is_diagnosing.store(is_open, Ordering::Release);
                scanner.observe(is_open);
                if !is_open {
                    *self.look() = None;
                }
            }
            Ask::Hold(is_held) => self.shared.is_held.store(is_held, Ordering::Release),
            Ask::Save => {
                self.shared.is_held.store(true, Ordering::Release);
                let look = self.look().clone();
                if let Some(look) = look {
                    self.preview.saved(SaveState::Saving);
                    self.give(Job::Keep(look));
                }
            }
        }
    }

    /// The camera rests, and the light with it; both come back.
    pub fn rest(&self, is_resting: bool) {
        self.give(Job::Rest(is_resting));
    }

    /// A camera came or went.
    pub fn source_changed(&self) {
        self.give(Job::Look);
    }

    /// Whether codes are looked at and not sold.
    pub fn is_diagnosing(&self) -> bool {
        self.shared.is_diagnosing.load(Ordering::Acquire)
    }

    /// Takes a look for the diagnostics view; false while its picture stands still.
    pub fn take(&self, look: &Arc<LookReport>) -> bool {
        let mut newest = self.look();
        // Under the lock, so that what is kept is what stands still.
        let is_shown = self.is_diagnosing() && !self.shared.is_held.load(Ordering::Acquire);
        if is_shown {
            *newest = Some(Arc::clone(look));
        }
        is_shown
    }

    /// Puts the light out and ends the thread.
    pub fn end(&self) {
        let _ = self.jobs.send(Job::End);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn look(&self) -> std::sync::MutexGuard<'_, Option<Arc<LookReport>>> {
        self.shared.look.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(&self, job: Job) {
        let _ = self.jobs.try_send(job);
    }
}

#[derive(Debug, PartialEq)]
enum Said {
    Torch(TorchState),
    Save(SaveState),
}

struct Hands {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    find: FindTorch,
    say: Box<dyn Fn(Said) + Send>,
    torch: Option<Box<dyn Torch>>,
    is_wanted: bool,
    is_resting: bool,
}

impl Hands {
    fn work(mut self, jobs: Receiver<Job>) {
        for job in jobs {
            match job {
                Job::Torch(is_on) => {
                    self.is_wanted = is_on;
                    self.switch();
                }
                Job::Rest(is_resting) => {
                    let has_changed =
                        std::mem::replace(&mut self.is_resting, is_resting) != is_resting;
                    if has_changed && self.is_wanted {
                        self.switch();
                    }
                }
                Job::Look if self.torch.is_none() => {
                    self.torch = (self.find)();
                    let state =
                        if self.torch.is_some() { TorchState::Off } else { TorchState::None };
                    (self.say)(Said::Torch(state));
                }
                Job::Look => {}
                Job::Keep(look) => (self.say)(Said::Save(self.keep(&look))),
                Job::End => break,
            }
        }
        self.is_wanted = false;
        if let Some(torch) = &mut self.torch {
            let _ = torch.switch(false);
        }
    }

    fn switch(&mut self) {
        let Some(torch) = &mut self.torch else { return };
        let is_on = self.is_wanted && !self.is_resting;
        let state = match torch.switch(is_on) {
            Ok(()) if is_on => TorchState::On,
            Ok(()) => TorchState::Off,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the light");
                self.is_wanted = false;
                // A light that is gone is looked for again with the next camera.
                if matches!(error, scan::torch::TorchError::Gone) {
                    self.torch = None;
                }
                TorchState::Refused
            }
        };
        (self.say)(Said::Torch(state));
    }

    fn keep(&self, look: &LookReport) -> SaveState {
        let disk = SystemDisk::new(&self.folder);
        match keep(&self.folder, look, SOFTWARE, self.clock.now(), &disk) {
            Ok(path) => SaveState::Saved(path.display().to_string()),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a frame was not kept");
                error.in_words(&self.folder)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::time::DeviceTime;
    use scan::torch::TorchError;
    use std::sync::mpsc::channel;

    struct NoClock;
    impl Clock for NoClock {
        fn now(&self) -> DeviceTime {
            DeviceTime(0)
        }
        fn monotonic_ms(&self) -> u64 {
            0
        }
    }

    struct Lamp(Arc<Mutex<Vec<bool>>>, bool);
    impl Torch for Lamp {
        fn switch(&mut self, is_on: bool) -> Result<(), TorchError> {
            if self.1 {
                return Err(TorchError::Forbidden);
            }
            self.0.lock().unwrap().push(is_on);
            Ok(())
        }
    }

    /// What is said and what the lamp did for these jobs.
    fn done(find: FindTorch, jobs: Vec<Job>) -> Vec<Said> {
        let (said, heard) = channel();
        let (sender, queue) = sync_channel(JOBS_MAX);
        jobs.into_iter().for_each(|job| assert!(sender.try_send(job).is_ok()));
        drop(sender);
        let folder = tempfile::tempdir().unwrap();
        let say = Box::new(move |word| said.send(word).unwrap());
        let (folder, clock) = (folder.path().join("frames"), Arc::new(NoClock));
        Hands { folder, clock, find, say, torch: None, is_wanted: false, is_resting: false }
            .work(queue);
        heard.try_iter().collect()
    }

    #[test]
    fn the_light_rests_with_the_camera_comes_back_and_goes_out_at_the_end() {
        let lamp = Arc::new(Mutex::new(Vec::new()));
        let shared = lamp.clone();
        let find: FindTorch = Box::new(move || Some(Box::new(Lamp(shared.clone(), false))));
        let said = done(
            find,
            vec![
                Job::Look,
                Job::Rest(true),
                Job::Rest(false),
                Job::Torch(true),
                Job::Rest(true),
                Job::Rest(false),
                Job::Look,
            ],
        );
        use TorchState::{Off, On};
        assert_eq!(said, [Off, On, Off, On].map(Said::Torch));
        assert_eq!(*lamp.lock().unwrap(), [true, false, true, false], "dark at the end");
    }

    #[test]
    fn a_light_that_refuses_is_told_and_none_is_no_button() {
        let find: FindTorch = Box::new(|| Some(Box::new(Lamp(Arc::default(), true))));
        let said = done(find, vec![Job::Look, Job::Torch(true)]);
        assert_eq!(said, [TorchState::Off, TorchState::Refused].map(Said::Torch));
        let said = done(Box::new(|| None), vec![Job::Look, Job::Torch(true)]);
        assert_eq!(said, [Said::Torch(TorchState::None)]);
    }
}
