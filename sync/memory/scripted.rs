//! The model of central behind the port [`Central`], with a script of misbehaviour.

use super::central::ModelCentral;
use crate::call::{CallFuture, Central, Fault, Reply, Request, Token};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// What becomes of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It is answered.
    Answer,
    /// It never arrives.
    Fail(Fault),
    /// It is done, but the answer gets lost on its way back.
    DoThenFail(Fault),
    /// Nobody ever answers.
    Hang,
}

#[derive(Debug, Default)]
struct State {
    model: ModelCentral,
    script: VecDeque<Behaviour>,
    standing: Option<Behaviour>,
    log: Vec<&'static str>,
}

/// Central in this process. Its clock stands still at 1,800,000,000,000 ms.
#[derive(Debug, Default)]
pub struct ScriptedCentral(Mutex<State>);

/// The time of this central.
const NOW_MS: i64 = 1_800_000_000_000;
/// A long poll looks so often.
const POLL: Duration = Duration::from_millis(5);

impl ScriptedCentral {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of the lock panics")
    }

    /// What the next calls meet, in this order; after that, what [`Self::stand`] says.
    pub fn script(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.state().script.extend(behaviours);
    }

    /// What all calls meet that the script does not name.
    pub fn stand(&self, behaviour: Behaviour) {
        self.state().standing = Some(behaviour);
    }

    /// Looks at the model, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut ModelCentral) -> T) -> T {
        look(&mut self.state().model)
    }

    /// Names of the requests so far, in the order of their coming.
    pub fn log(&self) -> Vec<&'static str> {
        self.state().log.clone()
    }

    fn arrive(&self, request: &Request) -> Behaviour {
        let mut state = self.state();
        state.log.push(request.name());
        let scripted = state.script.pop_front();
        scripted.or_else(|| state.standing.clone()).unwrap_or(Behaviour::Answer)
    }

    async fn answer(&self, token: Option<&Token>, request: &Request) -> Result<Reply, Fault> {
        match self.arrive(request) {
            Behaviour::Answer => {}
            Behaviour::Fail(fault) => return Err(fault),
            Behaviour::DoThenFail(fault) => {
                let _ = self.state().model.handle(NOW_MS, token, request);
                return Err(fault);
            }
            Behaviour::Hang => std::future::pending::<()>().await,
        }
        if let Request::Changes { feed, after, wait_s, .. } = request {
            let looks = u64::from(*wait_s) * 1_000 / POLL.as_millis() as u64;
            for _ in 0..looks {
                if self.state().model.has_news(*feed, after) {
                    break;
                }
                tokio::time::sleep(POLL).await;
            }
        }
        self.state().model.handle(NOW_MS, token, request)
    }
}

impl Central for ScriptedCentral {
    fn address(&self) -> &str {
        "memory:"
    }

    fn call<'a>(&'a self, token: Option<&'a Token>, request: &'a Request) -> CallFuture<'a> {
        Box::pin(self.answer(token, request))
    }
}
