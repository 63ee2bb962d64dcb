//! Central as the simulation holds it: the real one, in this thread, with a clock and dice that the seed decides; and
//! what the simulation knows of it apart from what it says.

use crate::breakage::Breakage;
use crate::clock::CENTRAL_START_MS;
use central::in_process::{InProcess, Template};
use central::{CentralError, Rim};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use sync::call::{Fault, Reply, Request, Token};
use sync::protocol::event::EventHash;
use sync::protocol::feed::Feed;
use sync::protocol::problem::{Problem, Retry, code};
use sync::protocol::{CONTRACT, Contract};
use uuid::Uuid;

/// Central's clock and dice.
pub struct SimRim {
    now_ms: AtomicI64,
    rng: Mutex<StdRng>,
}

impl SimRim {
    /// A rim of a seed, at the beginning.
    pub fn new(seed: u64) -> Self {
        let rng = Mutex::new(StdRng::seed_from_u64(seed));
        Self { now_ms: AtomicI64::new(0), rng }
    }

    fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms as i64, Ordering::Relaxed);
    }
}

impl Rim for SimRim {
    fn now_ms(&self) -> i64 {
        CENTRAL_START_MS + self.monotonic_ms()
    }

    fn monotonic_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<(), CentralError> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
        Ok(())
    }
}

/// Which version central is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Version {
    /// That of the terminals.
    #[default]
    Same,
    /// It serves feeds to newer terminals only.
    Newer,
    /// It does not know lives yet.
    Older,
}

/// What the simulation has seen at central; goes back with central when it is restored.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Rows of the inbox looked at.
    pub inbox_id: i64,
    /// End of each life's chain: number and hash.
    pub lives: BTreeMap<(Uuid, u32), (u64, EventHash)>,
    /// Events held.
    pub held: BTreeSet<EventHash>,
    /// Of them, those without a number.
    pub strays: BTreeSet<EventHash>,
    /// Stock without the sales of terminals: what people booked.
    pub base_stock: BTreeMap<(i64, Uuid), i64>,
}

/// A copy of central's database.
pub struct Backup {
    template: Template,
    seen: Seen,
}

/// Central, and what is known of it.
pub struct CentralSide {
    host: InProcess,
    rim: Arc<SimRim>,
    /// What was seen.
    pub seen: Seen,
    /// Version of the moment.
    pub version: Version,
    backup: Option<Backup>,
    /// The newest position of any feed, and the feed epoch.
    newest: (i64, String),
    breakage: Option<Breakage>,
    occasions: u64,
}

/// A failure of central itself: never expected.
fn unexpected(error: impl std::fmt::Display) -> String {
    format!("central failed: {error}")
}

impl CentralSide {
    /// A copy of a central, with what was seen of it.
    pub fn new(
        (template, seen): (&Template, &Seen),
        seed: u64,
        breakage: Option<Breakage>,
    ) -> Result<Self, CentralError> {
        let rim = Arc::new(SimRim::new(seed ^ 0xCE47_12A1));
        let shared = Arc::clone(&rim) as Arc<dyn Rim>;
        let (host, seen) = (InProcess::from_template(template, shared)?, seen.clone());
        let mut side = Self {
            host,
            rim,
            seen,
            version: Version::Same,
            backup: None,
            newest: (0, String::new()),
            breakage,
            occasions: 0,
        };
        side.newest = side.stand()?;
        Ok(side)
    }

    /// The clock goes on.
    pub fn set_time(&self, now_ms: u64) {
        self.rim.set(now_ms);
    }

    /// The real central.
    pub const fn host(&self) -> &InProcess {
        &self.host
    }

    /// Reads its database.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, CentralError>,
    ) -> Result<T, String> {
        self.host.central().database().read(read).map_err(unexpected)
    }

    /// Writes as one of its own commands would.
    pub fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, CentralError> + Send + 'static,
    ) -> Result<T, String> {
        self.host.central().database().writer().run(write).map_err(unexpected)
    }

    /// What is on hand now is what people have booked: terminals have sold nothing yet.
    pub fn learn_stock(&mut self) -> Result<(), String> {
        let sql = "SELECT scope, key, json_extract(row, '$.on_hand') FROM feed_row
                   WHERE tbl = 'stock' AND row IS NOT NULL";
        self.seen.base_stock = self.read(|c| {
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| {
                Ok(((row.get(0)?, Uuid::from_bytes(row.get(1)?)), row.get(2)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        Ok(())
    }

    fn stand(&self) -> Result<(i64, String), CentralError> {
        let read = |c: &Connection| Ok((central::feed::newest(c)?, central::feed::epoch(c)?));
        self.host.central().database().read(read)
    }

    /// Which feeds have changed since this was last asked.
    pub fn changed_feeds(&mut self) -> Result<Vec<Feed>, String> {
        let stand = self.stand().map_err(unexpected)?;
        if stand == self.newest {
            return Ok(Vec::new());
        }
        let before = std::mem::replace(&mut self.newest, stand);
        if before.1 != self.newest.1 || before.0 > self.newest.0 {
            return Ok(Feed::ALL.to_vec());
        }
        let sql = "SELECT DISTINCT feed FROM feed_row WHERE pos > ?1";
        let numbers: BTreeSet<i64> = self.read(|c| {
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement.query_map([before.0], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let has = |feed: &Feed| numbers.contains(&central::feed::feed_number(*feed));
        Ok(Feed::ALL.into_iter().filter(has).collect())
    }

    /// Copies the database.
    pub fn back_up(&mut self) -> Result<(), String> {
        let template = self.host.backup().map_err(unexpected)?;
        self.backup = Some(Backup { template, seen: self.seen.clone() });
        Ok(())
    }

    /// Puts the copy in place; false if there is none.
    pub fn restore(&mut self, is_told: bool) -> Result<bool, String> {
        let Some(backup) = &self.backup else { return Ok(false) };
        self.host.restore(&backup.template).map_err(unexpected)?;
        self.seen = backup.seen.clone();
        if is_told {
            self.host.central().restored().map_err(unexpected)?;
        }
        Ok(true)
    }

    /// The copy of everything, to begin other runs with.
    pub fn into_template(self) -> Result<(Template, Seen), String> {
        Ok((self.host.backup().map_err(unexpected)?, self.seen))
    }

    /// It becomes newer, older, or the same as the terminals.
    pub fn set_version(&mut self, version: Version) {
        self.version = version;
        let oldest = if version == Version::Newer { CONTRACT + 1 } else { 1 };
        self.host.central().set_oldest_contract(oldest);
    }

    /// Answers.
    pub fn ask(&mut self, token: Option<&Token>, request: &Request) -> Result<Reply, Fault> {
        if self.version == Version::Older {
            return self.ask_older(token, request);
        }
        self.ask_broken(token, request)
    }

    /// A central of the contract before: it has no renewals and strays, knows one key a terminal, and says nothing
    /// that was added.
    fn ask_older(&mut self, token: Option<&Token>, request: &Request) -> Result<Reply, Fault> {
        let refused = |status, code: &str, retry| {
            let (kind, title) = ("about:blank".into(), "an older central".into());
            let problem = Problem { kind, status, code: code.into(), retry, title, detail: None };
            Err(Fault::Problem { problem, retry_after_s: None })
        };
        match request {
            Request::Renew { .. } | Request::Strays { .. } => {
                refused(404, code::NOT_FOUND, Retry::Never)
            }
            Request::Push { body, .. } if body.events.iter().any(is_damaged) => {
                refused(422, code::INVALID_REQUEST, Retry::Never)
            }
            Request::Token(asked) if asked.epoch.is_some() => {
                let mut asked = asked.clone();
                asked.epoch = None;
                self.ask_broken(token, &Request::Token(asked)).map(older)
            }
            _ => self.ask_broken(token, request).map(older),
        }
    }

    fn ask_broken(&mut self, token: Option<&Token>, request: &Request) -> Result<Reply, Fault> {
        if self.breakage == Some(Breakage::CentralForgets)
            && let Request::Push { body, .. } = request
            && let Some(forged) = self.forge(body)
        {
            return Ok(forged);
        }
        let mut answer = self.host.ask(token, request);
        match (&mut answer, self.breakage) {
            (Ok(Reply::Pushed(reply)), Some(Breakage::CentralDoubles)) => {
                use sync::protocol::push::Outcome;
                let again = reply.results.iter().any(|r| r.outcome == Outcome::Duplicate);
                if again {
                    self.tamper(
                        "UPDATE feed_row SET row = json_set(row, '$.on_hand',
                        json_extract(row, '$.on_hand') - 1) WHERE pos = (SELECT max(pos)
                        FROM feed_row WHERE tbl = 'stock' AND row IS NOT NULL)",
                    );
                }
            }
            (Ok(Reply::Pushed(_)), Some(Breakage::NumberSkipped)) => {
                self.tamper(
                    "UPDATE inbox SET seq = seq + 1
                    WHERE id = (SELECT max(id) FROM inbox) AND seq > 3",
                );
            }
            (Ok(Reply::Pushed(_)), Some(Breakage::CentralMiscounts)) => {
                self.tamper(
                    "UPDATE orders SET total_minor = total_minor + 1 WHERE no =
                    (SELECT max(no) FROM orders) AND event IS NOT NULL AND total_minor % 7 = 0",
                );
            }
            (Ok(Reply::Changes(page)), Some(Breakage::CentralSkipsRow))
                if !page.changes.is_empty() =>
            {
                self.occasions += 1;
                if self.occasions.is_multiple_of(2) {
                    page.changes.remove(0);
                    page.checkpoint = None;
                }
            }
            _ => {}
        }
        answer
    }

    /// The answer of a central that takes nothing in.
    fn forge(&mut self, body: &sync::protocol::push::PushRequest) -> Option<Reply> {
        use sync::protocol::push::{PushItem, PushResponse};
        self.occasions += 1;
        let Some(PushItem::Sealed(last)) = body.events.last() else { return None };
        if !self.occasions.is_multiple_of(3) {
            return None;
        }
        Some(Reply::Pushed(PushResponse {
            acked_seq: body.from_seq + body.events.len() as u64 - 1,
            acked_hash: EventHash::of(last.as_bytes()).to_string(),
            results: Vec::new(),
            server_time_ms: self.rim.now_ms(),
        }))
    }

    fn tamper(&self, sql: &'static str) {
        let done = self.write(move |c| {
            c.execute_batch(sql)?;
            Ok(())
        });
        debug_assert!(done.is_ok(), "the defect does its work: {done:?}");
    }
}

fn is_damaged(item: &sync::protocol::push::PushItem) -> bool {
    matches!(item, sync::protocol::push::PushItem::Damaged { .. })
}

/// What an older central would have said.
fn older(mut reply: Reply) -> Reply {
    match &mut reply {
        Reply::Contract(contract) => {
            let Contract { current, oldest, .. } = contract;
            (*current, *oldest) = (1, 1);
        }
        Reply::Token(token) => token.standing = sync::protocol::auth::Standing::Current,
        Reply::Watermark(mark) => mark.current_epoch = None,
        Reply::Changes(page) => page.checkpoint = None,
        _ => {}
    }
    reply
}
