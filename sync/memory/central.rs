//! A model of central in memory: what the protocol promises, and nothing else.
//!
//! It checks what a real central checks (signatures, tokens, chains, numbers, hashes), so that an
//! engine that satisfies it speaks the protocol. It has no business rules: every event is applied,
//! except what the protocol itself holds back (events of revoked terminals, damaged ones, strays).

use super::journal::{ModelLife, ModelTerminal};
use super::sample;
use crate::call::{Fault, Reply, Request, Token};
use crate::digest::{RowDigest, TableDigest};
use crate::ports::TerminalIdentity;
use crate::protocol::auth::{EnrolRequest, EnrolResponse, confirmation_digits, normalised_code};
use crate::protocol::auth::{NonceResponse, Standing, TokenRequest, TokenResponse, token_message};
use crate::protocol::event::EventHash;
use crate::protocol::feed::{Change, ChangesPage, Checkpoint, Feed, INCLUDED_MAX, Included};
use crate::protocol::problem::{Problem, Retry, code};
use crate::protocol::push::{
    PushItem, PushRequest, PushResponse, PushResult, Watermark, held_code,
};
use crate::protocol::renewal::{RenewalRequest, RenewalResponse};
use crate::protocol::snapshot::{FeedSnapshot, Manifest, SnapshotLine, SnapshotRequest};
use crate::protocol::strays::{StraysRequest, StraysResponse};
use crate::protocol::{CONTRACT, CONTRACT_OLDEST, Contract};
use crate::snapshot::pack;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, SigningKey, Verifier, VerifyingKey};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Rows of one chunk: few, so that small tests have several.
pub const ROWS_PER_CHUNK: usize = 4;
/// Life of a token, seconds.
const TOKEN_LIFE_S: u32 = 900;

/// A terminal in one of its lives, as a token proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Caller {
    terminal: Uuid,
    epoch: u32,
}

#[derive(Clone, Debug, Default)]
struct ModelFeed {
    /// Changes when central is rebuilt; part of the cursor.
    epoch: u32,
    pos: u64,
    compacted: u64,
    log: Vec<Change>,
    rows: BTreeMap<(String, String), String>,
    /// By table, also those without rows.
    sums: BTreeMap<String, TableDigest>,
}

/// Central in memory. `Clone` it to make a backup.
#[derive(Clone, Debug)]
pub struct ModelCentral {
    terminals: BTreeMap<Uuid, ModelTerminal>,
    feeds: BTreeMap<Feed, ModelFeed>,
    chunks: BTreeMap<String, Vec<u8>>,
    codes: BTreeMap<String, TerminalIdentity>,
    nonces: BTreeMap<String, Uuid>,
    tokens: BTreeMap<String, (Caller, i64)>,
    secrets: u64,
    /// By the hash of their bytes; of damaged ones, by the hash declared.
    strays: BTreeMap<[u8; 32], PushItem>,
    /// Feeds are refused to callers whose contract is older.
    pub oldest: u32,
    /// Speaks contract 1: knows neither renewals nor strays.
    pub is_old: bool,
    /// The most changes of a page, to make small tests have several.
    pub page_max: usize,
}

impl Default for ModelCentral {
    fn default() -> Self {
        Self {
            terminals: BTreeMap::new(),
            feeds: Feed::ALL.into_iter().map(|feed| (feed, ModelFeed::default())).collect(),
            chunks: BTreeMap::new(),
            codes: BTreeMap::new(),
            nonces: BTreeMap::new(),
            tokens: BTreeMap::new(),
            secrets: 0,
            strays: BTreeMap::new(),
            oldest: CONTRACT_OLDEST,
            is_old: false,
            page_max: 5,
        }
    }
}

/// A refusal of central's.
pub(crate) fn problem(status: u16, code: &str, retry: Retry) -> Fault {
    let problem = Problem {
        kind: "about:blank".into(),
        title: code.to_ascii_lowercase(),
        status,
        detail: None,
        code: code.into(),
        retry,
    };
    Fault::Problem { problem, retry_after_s: None }
}

impl ModelCentral {
    /// Makes a terminal known without the ceremony of a code.
    pub fn admit(&mut self, identity: &TerminalIdentity) {
        let key = SigningKey::from_bytes(&identity.device_key.0).verifying_key();
        self.begin_life(identity.id.uuid(), identity.epoch, key);
    }

    fn begin_life(&mut self, terminal: Uuid, epoch: u32, key: VerifyingKey) {
        let nobody = || ModelTerminal { epoch, lives: BTreeMap::new(), is_revoked: false };
        let terminal = self.terminals.entry(terminal).or_insert_with(nobody);
        terminal.epoch = epoch;
        terminal.lives.insert(epoch, ModelLife { key, events: Vec::new() });
    }

    /// Gives out a one-time code for a terminal; key and address of `identity` are ignored.
    pub fn give_code(&mut self, code: &str, identity: &TerminalIdentity) {
        self.codes.insert(normalised_code(code), identity.clone());
    }

    /// Revokes a terminal, or takes that back.
    pub fn set_revoked(&mut self, terminal: Uuid, is_revoked: bool) {
        if let Some(terminal) = self.terminals.get_mut(&terminal) {
            terminal.is_revoked = is_revoked;
        }
    }

    /// The current epoch of a terminal.
    pub fn epoch(&self, terminal: Uuid) -> Option<u32> {
        self.terminals.get(&terminal).map(|terminal| terminal.epoch)
    }

    /// The events held of a terminal by number, life by life, in order.
    pub fn events(&self, terminal: Uuid) -> Vec<String> {
        let lives = self.terminals.get(&terminal).into_iter().flat_map(|it| it.lives.values());
        lives.flat_map(|life| life.events.iter().filter_map(|held| held.bytes.clone())).collect()
    }

    /// How many events are held of a life, and the bytes of the newest of them.
    pub fn newest(&self, terminal: Uuid, epoch: u32) -> (usize, Option<&str>) {
        let life = self.terminals.get(&terminal).and_then(|it| it.lives.get(&epoch));
        let held = life.map_or(&[][..], |life| &life.events);
        (held.len(), held.last().and_then(|held| held.bytes.as_deref()))
    }

    /// The strays held, in no order that means anything.
    pub fn strays(&self) -> Vec<String> {
        let bytes = |item: &PushItem| match item {
            PushItem::Sealed(bytes) => Some(bytes.clone()),
            PushItem::Damaged { .. } => None,
        };
        self.strays.values().filter_map(bytes).collect()
    }

    /// How many events are held only as what is left of them.
    pub fn placeholders(&self) -> usize {
        let lives = self.terminals.values().flat_map(|terminal| terminal.lives.values());
        let events = lives.flat_map(|life| life.events.iter());
        let damaged = |item: &&PushItem| matches!(item, PushItem::Damaged { .. });
        events.filter(|held| held.bytes.is_none()).count()
            + self.strays.values().filter(damaged).count()
    }

    /// The rows of a feed.
    pub fn rows(&self, feed: Feed) -> BTreeMap<(String, String), String> {
        self.feeds[&feed].rows.clone()
    }

    /// Publishes row `n` of a feed in a version.
    pub fn put(&mut self, feed: Feed, n: u64, version: u64) {
        let state = self.feed_mut(feed);
        state.pos += 1;
        let change = sample::put(feed, state.pos, n, version);
        let json = change.row.as_ref().map_or(String::new(), |row| row.get().to_owned());
        state.set_row(&change.table, &change.key, Some(json));
        state.log.push(change);
    }

    /// Deletes row `n` of a feed.
    pub fn del(&mut self, feed: Feed, n: u64) {
        let state = self.feed_mut(feed);
        state.pos += 1;
        let change = sample::del(feed, state.pos, n);
        state.set_row(&change.table, &change.key, None);
        state.log.push(change);
    }

    /// Forgets the changes so far: older cursors get `CURSOR_COMPACTED`.
    pub fn compact(&mut self, feed: Feed) {
        let state = self.feed_mut(feed);
        state.compacted = state.pos;
        state.log.clear();
    }

    /// Throws all chunks away: manifests have expired.
    pub fn expire_manifests(&mut self) {
        self.chunks.clear();
    }

    /// Forgets all tokens and nonces, as after a restart.
    pub fn forget_sessions(&mut self) {
        self.tokens.clear();
        self.nonces.clear();
    }

    /// What a central does that was restored from a backup: positions may be given out a second
    /// time, so every feed gets a new epoch.
    pub fn after_restore(&mut self, generation: u32) {
        self.forget_sessions();
        self.chunks.clear();
        self.feeds.values_mut().for_each(|feed| feed.epoch = generation);
    }

    /// Whether there is anything after a cursor, be it a refusal; if not, a long poll waits.
    pub fn has_news(&self, feed: Feed, after: &str) -> bool {
        let state = &self.feeds[&feed];
        parse_cursor(after) != Some((state.epoch, state.pos))
    }

    fn feed_mut(&mut self, feed: Feed) -> &mut ModelFeed {
        self.feeds.entry(feed).or_default()
    }

    /// Answers a request at once; whoever calls does the waiting of long polls.
    ///
    /// # Errors
    /// The refusals of the protocol.
    pub fn handle(
        &mut self,
        now_ms: i64,
        token: Option<&Token>,
        request: &Request,
    ) -> Result<Reply, Fault> {
        match request {
            Request::Contract => Ok(Reply::Contract(Contract {
                current: if self.is_old { 1 } else { CONTRACT.max(self.oldest) },
                oldest: self.oldest,
                software: "model".into(),
                server_time_ms: now_ms,
            })),
            Request::Enrol(body) => self.enrol(now_ms, body).map(Reply::Enrolled),
            Request::Nonce(body) => self.nonce(body.terminal_id).map(Reply::Nonce),
            Request::Token(body) => self.token(now_ms, body).map(Reply::Token),
            Request::Watermark { terminal }
            | Request::Push { terminal, .. }
            | Request::Renew { terminal, .. }
            | Request::Strays { terminal, .. } => {
                let caller = self.authenticate(now_ms, token)?;
                if caller.terminal != *terminal {
                    return Err(problem(403, code::WRONG_TERMINAL, Retry::Human));
                }
                self.handle_journal(now_ms, caller, request)
            }
            Request::Snapshot(_) | Request::Chunk { .. } | Request::Changes { .. } => {
                let caller = self.authenticate(now_ms, token)?;
                self.may_pull(caller)?;
                self.handle_feed(now_ms, caller, request)
            }
        }
    }

    fn handle_journal(&mut self, now: i64, who: Caller, request: &Request) -> Result<Reply, Fault> {
        match request {
            Request::Watermark { .. } => self.watermark(now, who).map(Reply::Watermark),
            Request::Push { body, .. } => self.push(now, who, body).map(Reply::Pushed),
            _ if self.is_old => Err(problem(404, code::NOT_FOUND, Retry::Never)),
            Request::Renew { body, .. } => self.renew(now, who, body).map(Reply::Renewed),
            Request::Strays { body, .. } => Ok(Reply::StraysHeld(self.hold_strays(now, body))),
            _ => Err(problem(400, code::INVALID_REQUEST, Retry::Never)),
        }
    }

    fn handle_feed(&mut self, now: i64, who: Caller, request: &Request) -> Result<Reply, Fault> {
        match request {
            Request::Snapshot(body) => Ok(Reply::Manifest(self.snapshot(now, body))),
            Request::Chunk { sha256 } => match self.chunks.get(sha256) {
                Some(bytes) => Ok(Reply::Chunk(bytes.clone())),
                None => Err(problem(404, code::NOT_FOUND, Retry::Never)),
            },
            Request::Changes { feed, after, limit, .. } => {
                self.changes(now, who, *feed, after, *limit as usize).map(Reply::Changes)
            }
            _ => Err(problem(400, code::INVALID_REQUEST, Retry::Never)),
        }
    }

    /// Feeds are for current lives of terminals that are not revoked, and speak our contract.
    fn may_pull(&self, who: Caller) -> Result<(), Fault> {
        if self.oldest > CONTRACT {
            return Err(problem(426, code::UPGRADE_REQUIRED, Retry::AfterUpgrade));
        }
        match self.standing(who) {
            Standing::Current => Ok(()),
            Standing::Replaced => Err(problem(403, code::OLD_EPOCH, Retry::Human)),
            Standing::Revoked => Err(problem(403, code::TERMINAL_REVOKED, Retry::Human)),
        }
    }

    fn standing(&self, who: Caller) -> Standing {
        match self.terminals.get(&who.terminal) {
            Some(terminal) if terminal.is_revoked => Standing::Revoked,
            Some(terminal) if terminal.epoch != who.epoch => Standing::Replaced,
            _ => Standing::Current,
        }
    }

    fn secret(&mut self, kind: &str) -> String {
        self.secrets += 1;
        format!("{kind}-{}", self.secrets)
    }

    fn enrol(&mut self, now_ms: i64, body: &EnrolRequest) -> Result<EnrolResponse, Fault> {
        let refused = || problem(403, code::ENROLMENT_REFUSED, Retry::Human);
        let identity = self.codes.remove(&normalised_code(&body.code)).ok_or_else(refused)?;
        let (key, bytes) = read_key(&body.public_key)?;
        let id = identity.id.uuid();
        let store = identity.store.uuid();
        let same = body
            .known
            .iter()
            .filter(|known| known.terminal_id == id || known.is_named(store, &identity.name));
        let above = same.map(|known| known.epoch).chain(self.epoch(id)).max();
        let epoch = above.map_or(identity.epoch, |above| identity.epoch.max(above + 1));
        self.begin_life(id, epoch, key);
        self.set_revoked(id, false);
        Ok(EnrolResponse {
            terminal_id: identity.id.uuid(),
            epoch,
            terminal_name: identity.name,
            store_id: identity.store.uuid(),
            store_name: identity.store_name,
            confirmation: confirmation_digits(&bytes),
            server_time_ms: now_ms,
        })
    }

    fn nonce(&mut self, terminal: Uuid) -> Result<NonceResponse, Fault> {
        if !self.terminals.contains_key(&terminal) {
            return Err(problem(404, code::NOT_FOUND, Retry::Human));
        }
        let nonce = self.secret("nonce");
        self.nonces.insert(nonce.clone(), terminal);
        Ok(NonceResponse { nonce })
    }

    fn token(&mut self, now_ms: i64, body: &TokenRequest) -> Result<TokenResponse, Fault> {
        let refused = || problem(401, code::UNAUTHENTICATED, Retry::Later);
        let owner = self.nonces.remove(&body.nonce);
        if owner != Some(body.terminal_id) {
            return Err(refused());
        }
        let terminal = self.terminals.get(&body.terminal_id).ok_or_else(refused)?;
        let epoch = body.epoch.filter(|_| !self.is_old).unwrap_or(terminal.epoch);
        let unknown = || problem(404, code::UNKNOWN_EPOCH, Retry::Later);
        let life = terminal.lives.get(&epoch).ok_or_else(unknown)?;
        let bytes = BASE64.decode(&body.signature).ok().ok_or_else(refused)?;
        let signature = Signature::from_slice(&bytes).ok().ok_or_else(refused)?;
        let message = token_message(body.terminal_id, &body.nonce);
        life.key.verify(&message, &signature).ok().ok_or_else(refused)?;
        let token = self.secret("token");
        let until_ms = now_ms + i64::from(TOKEN_LIFE_S) * 1_000;
        let caller = Caller { terminal: body.terminal_id, epoch };
        self.tokens.insert(token.clone(), (caller, until_ms));
        let standing = self.standing(caller);
        Ok(TokenResponse { token, expires_in_s: TOKEN_LIFE_S, standing, server_time_ms: now_ms })
    }

    fn authenticate(&self, now_ms: i64, token: Option<&Token>) -> Result<Caller, Fault> {
        let refused = || problem(401, code::UNAUTHENTICATED, Retry::Later);
        let token = token.ok_or_else(refused)?;
        let (caller, until_ms) = self.tokens.get(&token.0).ok_or_else(refused)?;
        match self.terminals.get(&caller.terminal) {
            Some(known) if *until_ms >= now_ms && known.lives.contains_key(&caller.epoch) => {
                Ok(*caller)
            }
            _ => Err(refused()),
        }
    }

    fn terminal_mut(&mut self, terminal: Uuid) -> Result<&mut ModelTerminal, Fault> {
        let unknown = || problem(404, code::NOT_FOUND, Retry::Human);
        self.terminals.get_mut(&terminal).ok_or_else(unknown)
    }

    fn watermark(&mut self, now_ms: i64, who: Caller) -> Result<Watermark, Fault> {
        let is_old = self.is_old;
        let terminal = self.terminal_mut(who.terminal)?;
        let life = terminal.life(who.epoch)?;
        Ok(Watermark {
            epoch: who.epoch,
            current_epoch: (!is_old).then_some(terminal.epoch),
            acked_seq: life.events.len() as u64,
            acked_hash: life.last_hash().to_string(),
            held_back: life.held_back(),
            server_time_ms: now_ms,
        })
    }

    fn push(&mut self, now: i64, who: Caller, body: &PushRequest) -> Result<PushResponse, Fault> {
        let terminal = self.terminal_mut(who.terminal)?;
        if body.epoch != who.epoch {
            return Err(problem(400, code::INVALID_REQUEST, Retry::Never));
        }
        let quarantine = terminal.is_revoked.then_some(held_code::TERMINAL_REVOKED);
        let life = terminal.life_mut(who.epoch)?;
        let mut results = Vec::new();
        for (item, seq) in body.events.iter().zip(body.from_seq..) {
            let (outcome, code) = match item {
                PushItem::Sealed(bytes) => life.take(seq, bytes, quarantine)?,
                PushItem::Damaged { damaged } => life.take_damaged(seq, damaged)?,
            };
            results.push(PushResult { seq, outcome, code: code.map(str::to_owned) });
        }
        Ok(PushResponse {
            acked_seq: life.events.len() as u64,
            acked_hash: life.last_hash().to_string(),
            results,
            server_time_ms: now,
        })
    }

    fn renew(
        &mut self,
        now: i64,
        who: Caller,
        body: &RenewalRequest,
    ) -> Result<RenewalResponse, Fault> {
        let (key, _) = read_key(&body.public_key)?;
        let current = self.terminal_mut(who.terminal)?.epoch;
        let follows = Some(body.epoch) == body.former_epoch.checked_add(1);
        if who.epoch != body.former_epoch || !follows {
            return Err(problem(400, code::INVALID_REQUEST, Retry::Never));
        }
        let answer = RenewalResponse { epoch: body.epoch, server_time_ms: now };
        if current == body.former_epoch {
            self.begin_life(who.terminal, body.epoch, key);
            return Ok(answer);
        }
        let held = self.terminal_mut(who.terminal)?.lives.get(&body.epoch);
        match held {
            Some(held) if current == body.epoch && held.key == key => Ok(answer),
            _ => Err(problem(409, code::EPOCH_TAKEN, Retry::Human)),
        }
    }

    fn hold_strays(&mut self, now: i64, body: &StraysRequest) -> StraysResponse {
        for item in &body.events {
            match item {
                PushItem::Sealed(bytes) => self.hold_stray(bytes),
                PushItem::Damaged { damaged } => {
                    let declared = damaged.hash.parse::<EventHash>();
                    if let Ok(hash) = declared {
                        self.strays.entry(hash.0).or_insert_with(|| item.clone());
                    }
                }
            }
        }
        StraysResponse { held: body.events.len() as u32, server_time_ms: now }
    }

    fn hold_stray(&mut self, bytes: &str) {
        let hash = EventHash::of(bytes.as_bytes());
        let lives = self.terminals.values_mut().flat_map(|terminal| terminal.lives.values_mut());
        let mut events = lives.flat_map(|life| life.events.iter_mut());
        if let Some(held) = events.find(|held| held.hash == hash) {
            held.heal(bytes);
            return;
        }
        self.strays.insert(hash.0, PushItem::Sealed(bytes.to_owned()));
    }

    fn snapshot(&mut self, now_ms: i64, body: &SnapshotRequest) -> Manifest {
        let feeds = body.feeds.iter().map(|feed| self.snapshot_feed(*feed)).collect();
        Manifest { feeds, expires_at_ms: now_ms + 72 * 3_600_000, server_time_ms: now_ms }
    }

    fn snapshot_feed(&mut self, feed: Feed) -> FeedSnapshot {
        let state = &self.feeds[&feed];
        let line = |((table, key), json): (&(String, String), &String)| SnapshotLine {
            table: table.clone(),
            key: key.clone(),
            row: RawValue::from_string(json.clone()).expect("rows are JSON"),
        };
        let lines: Vec<_> = state.rows.iter().map(line).collect();
        let cursor = format!("{}.{}", state.epoch, state.pos);
        let mut chunks = Vec::new();
        for part in lines.chunks(ROWS_PER_CHUNK) {
            let chunk = pack(part).expect("a few rows fit into a chunk");
            self.chunks.insert(chunk.info.sha256.clone(), chunk.bytes);
            chunks.push(chunk.info);
        }
        let checkpoint = Some(self.feeds[&feed].checkpoint());
        FeedSnapshot { feed, cursor, rows: lines.len() as u64, chunks, checkpoint }
    }

    fn changes(
        &self,
        now_ms: i64,
        who: Caller,
        feed: Feed,
        after: &str,
        limit: usize,
    ) -> Result<ChangesPage, Fault> {
        let state = &self.feeds[&feed];
        let after = match parse_cursor(after) {
            Some((epoch, pos)) if epoch == state.epoch && pos <= state.pos => pos,
            _ => return Err(problem(410, code::CURSOR_COMPACTED, Retry::Never)),
        };
        if after < state.compacted {
            return Err(problem(410, code::CURSOR_COMPACTED, Retry::Never));
        }
        let limit = limit.min(self.page_max);
        let newer = state.log.iter().filter(|change| change.pos > after);
        let changes: Vec<Change> = newer.take(limit).cloned().collect();
        let next = changes.last().map_or(after, |change| change.pos);
        let more = next < state.pos;
        Ok(ChangesPage {
            changes,
            next: format!("{}.{next}", state.epoch),
            more,
            included: if more { Vec::new() } else { self.included(who.terminal) },
            checkpoint: (!more).then(|| state.checkpoint()),
            server_time_ms: now_ms,
        })
    }

    fn included(&self, terminal: Uuid) -> Vec<Included> {
        let lives = self.terminals.get(&terminal).into_iter().flat_map(|it| it.lives.iter().rev());
        let held = lives.filter(|(_, life)| !life.events.is_empty());
        let entry = |(epoch, life): (&u32, &ModelLife)| Included {
            epoch: *epoch,
            seq: life.events.len() as u64,
        };
        held.map(entry).take(INCLUDED_MAX).collect()
    }
}

impl ModelFeed {
    fn set_row(&mut self, table: &str, key: &str, row: Option<String>) {
        let sum = self.sums.entry(table.to_owned()).or_default();
        let id = (table.to_owned(), key.to_owned());
        if let Some(row) = &row {
            sum.add(RowDigest::of(table, key, row));
        }
        let before = match row {
            Some(row) => self.rows.insert(id, row),
            None => self.rows.remove(&id),
        };
        if let Some(before) = before {
            sum.remove(RowDigest::of(table, key, &before));
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint { tables: self.sums.iter().map(|(table, sum)| sum.to_wire(table)).collect() }
    }
}

fn read_key(text: &str) -> Result<(VerifyingKey, [u8; 32]), Fault> {
    let invalid = || problem(400, code::INVALID_REQUEST, Retry::Never);
    let bytes = BASE64.decode(text).ok().ok_or_else(invalid)?;
    let bytes: [u8; 32] = bytes.try_into().ok().ok_or_else(invalid)?;
    let key = VerifyingKey::from_bytes(&bytes).ok().ok_or_else(invalid)?;
    Ok((key, bytes))
}

fn parse_cursor(cursor: &str) -> Option<(u32, u64)> {
    let (epoch, pos) = cursor.split_once('.')?;
    Some((epoch.parse().ok()?, pos.parse().ok()?))
}
