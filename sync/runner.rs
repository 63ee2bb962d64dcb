//! The runner: executes what the engine decides, against the real storage, central, clock and dice.
//!
//! One tokio task owns the engine. Calls run as tasks that can be aborted; work of the storage runs
//! on blocking threads and is never abandoned, since a transaction is either done or not. Nothing
//! here decides anything.

use crate::call::{Central, Fault, Reply, Request, Token};
use crate::engine::work::{StoreDone, StoreWork, perform};
use crate::engine::{Effect, Engine, Input, Moment, Ticket};
use crate::ports::SyncStore;
use crate::status::SyncStatus;
use domain::time::Clock;
use rand::CryptoRng;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

/// What a runner needs of the outside.
pub struct RunnerPorts {
    /// The terminal's storage.
    pub store: Arc<dyn SyncStore>,
    /// Central.
    pub central: Arc<dyn Central>,
    /// The device's clocks.
    pub clock: Arc<dyn Clock>,
    /// Dice for pauses and, when a life ends, for the key of the next one.
    pub rng: Box<dyn CryptoRng + Send>,
}

/// Holds a running synchronisation. Dropping it stops the runner without waiting.
#[derive(Debug)]
pub struct RunnerHandle {
    nudge: Arc<Notify>,
    cut: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    status: watch::Receiver<SyncStatus>,
    task: JoinHandle<()>,
}

impl RunnerHandle {
    /// There is a reason to try now: an event was committed, somebody pressed the button, the
    /// network is up. Cheap, may be called from any thread and as often as one likes.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Cuts the line to central (`true`), for training and tests, or restores it. Calls under way
    /// are abandoned.
    pub fn cut(&self, is_cut: bool) {
        self.cut.send_replace(is_cut);
    }

    /// How synchronisation stands, and every change of it.
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.status.clone()
    }

    /// Abandons calls, waits for the storage to finish what it is writing, and stops.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await
            && error.is_panic()
        {
            tracing::error!("the sync runner has panicked");
        }
    }
}

/// Starts synchronising on `runtime`. Before enrolment it waits for an identity; nudge it after
/// [`SyncStore::enrol`].
pub fn spawn(ports: RunnerPorts, runtime: &Handle) -> RunnerHandle {
    let nudge = Arc::new(Notify::new());
    let (cut, cut_seen) = watch::channel(false);
    let (stop, stop_seen) = watch::channel(false);
    let engine = Engine::new();
    let (publish, status) = watch::channel(engine.status());
    let runner = Runner { engine, ports, publish, calls: JoinSet::new(), works: JoinSet::new() };
    let task = runtime.spawn(runner.run(nudge.clone(), cut_seen, stop_seen));
    RunnerHandle { nudge, cut, stop, status, task }
}

type Answer = (Ticket, Result<Reply, Fault>);
type Done = (Ticket, StoreDone);

struct Runner {
    engine: Engine,
    ports: RunnerPorts,
    publish: watch::Sender<SyncStatus>,
    calls: JoinSet<Answer>,
    works: JoinSet<Done>,
}

/// What is under way besides the join sets: how to abort calls, whose work panicked, when to tick.
#[derive(Default)]
struct Desk {
    calls: HashMap<Ticket, AbortHandle>,
    tickets: HashMap<tokio::task::Id, Ticket>,
    tick_at_ms: Option<u64>,
}

impl Runner {
    async fn run(
        mut self,
        nudge: Arc<Notify>,
        mut cut: watch::Receiver<bool>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut desk = Desk::default();
        self.step(&mut desk, Input::Start);
        loop {
            let pause = self.pause(&desk);
            let input = tokio::select! {
                biased;
                // An error means that the handle is gone: nobody wants us any more.
                _ = stop.changed() => break,
                changed = cut.changed() => match changed {
                    Ok(()) => Input::Cut(*cut.borrow_and_update()),
                    Err(_) => break,
                },
                Some(joined) = self.works.join_next_with_id() => match desk.done(joined) {
                    Some((ticket, done)) => Input::Stored { ticket, done },
                    None => continue,
                },
                Some(joined) = self.calls.join_next_with_id() => match desk.answer(joined) {
                    Some((ticket, result)) => Input::Answered { ticket, result },
                    None => continue,
                },
                () = nudge.notified() => Input::Nudge,
                () = tokio::time::sleep(pause), if desk.tick_at_ms.is_some() => {
                    desk.tick_at_ms = None;
                    Input::Tick
                }
            };
            self.step(&mut desk, input);
        }
        self.calls.shutdown().await;
        while self.works.join_next().await.is_some() {}
    }

    fn pause(&self, desk: &Desk) -> Duration {
        let now_ms = self.ports.clock.monotonic_ms();
        Duration::from_millis(desk.tick_at_ms.map_or(0, |at_ms| at_ms.saturating_sub(now_ms)))
    }

    fn step(&mut self, desk: &mut Desk, input: Input) {
        let clock = &self.ports.clock;
        let now = Moment { monotonic_ms: clock.monotonic_ms(), wall: clock.now() };
        for effect in self.engine.step(now, input, self.ports.rng.as_mut()) {
            match effect {
                Effect::Send { ticket, token, request } => {
                    let central = self.ports.central.clone();
                    let handle = self.calls.spawn(call(central, ticket, token, request));
                    desk.tickets.insert(handle.id(), ticket);
                    desk.calls.insert(ticket, handle);
                }
                Effect::Abort { ticket } => {
                    if let Some(handle) = desk.calls.remove(&ticket) {
                        handle.abort();
                    }
                }
                Effect::Store { ticket, work } => {
                    let store = self.ports.store.clone();
                    let handle = self
                        .works
                        .spawn_blocking(move || (ticket, work_logged(store.as_ref(), work)));
                    desk.tickets.insert(handle.id(), ticket);
                }
                Effect::SetTimer { at_ms } => desk.tick_at_ms = Some(at_ms),
                Effect::Publish(status) => {
                    self.publish.send_replace(*status);
                }
            }
        }
    }
}

type Joined<T> = Result<(tokio::task::Id, T), tokio::task::JoinError>;

impl Desk {
    fn answer(&mut self, joined: Joined<Answer>) -> Option<Answer> {
        match joined {
            Ok((id, (ticket, result))) => {
                self.tickets.remove(&id);
                // No handle: the engine has abandoned the call.
                self.calls.remove(&ticket)?;
                Some((ticket, result))
            }
            Err(error) => {
                let ticket = self.tickets.remove(&error.id())?;
                self.calls.remove(&ticket)?;
                Some((ticket, Err(Fault::Unreachable)))
            }
        }
    }

    fn done(&mut self, joined: Joined<Done>) -> Option<Done> {
        match joined {
            Ok((id, done)) => {
                self.tickets.remove(&id);
                Some(done)
            }
            Err(error) => {
                tracing::error!("work of the storage has panicked");
                Some((self.tickets.remove(&error.id())?, StoreDone::Failed))
            }
        }
    }
}

async fn call(
    central: Arc<dyn Central>,
    ticket: Ticket,
    token: Option<Token>,
    request: Request,
) -> Answer {
    let result = central.call(token.as_ref(), &request).await;
    if let Err(fault) = &result {
        tracing::debug!(request = request.name(), %fault, "a call to central failed");
    }
    (ticket, result)
}

fn work_logged(store: &dyn SyncStore, work: StoreWork) -> StoreDone {
    let name = work.name();
    perform(store, work).unwrap_or_else(|error| {
        let cause = error.0.as_ref() as &dyn std::error::Error;
        tracing::error!(work = name, error = cause, "work of the storage failed");
        StoreDone::Failed
    })
}

#[cfg(test)]
mod tests;
