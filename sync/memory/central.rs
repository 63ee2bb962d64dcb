//! A model of central in memory: what the protocol promises, and nothing else.
//!
//! It checks what a real central checks (signatures, tokens, chains, numbers, hashes), so that an
//! engine that satisfies it speaks the protocol. It has no business rules: every event is applied.

use super::sample;
use crate::call::{Fault, Reply, Request, Token};
use crate::ports::TerminalIdentity;
use crate::protocol::auth::{EnrolRequest, EnrolResponse, confirmation_digits, normalised_code};
use crate::protocol::auth::{NonceResponse, TokenRequest, TokenResponse, token_message};
use crate::protocol::event::{Envelope, EventHash};
use crate::protocol::feed::{Change, ChangesPage, Feed};
use crate::protocol::problem::{Problem, Retry, code};
use crate::protocol::push::{Outcome, PushRequest, PushResponse, PushResult, Watermark};
use crate::protocol::snapshot::{FeedSnapshot, Manifest, SnapshotLine, SnapshotRequest};
use crate::protocol::{CONTRACT, Contract};
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

#[derive(Clone, Debug)]
struct ModelTerminal {
    epoch: u32,
    key: VerifyingKey,
    events: Vec<(EventHash, String)>,
    is_revoked: bool,
}

#[derive(Clone, Debug, Default)]
struct ModelFeed {
    /// Changes when central is rebuilt; part of the cursor.
    epoch: u32,
    pos: u64,
    compacted: u64,
    log: Vec<Change>,
    rows: BTreeMap<(String, String), String>,
}

/// Central in memory. `Clone` it to make a backup.
#[derive(Clone, Debug)]
pub struct ModelCentral {
    terminals: BTreeMap<Uuid, ModelTerminal>,
    feeds: BTreeMap<Feed, ModelFeed>,
    chunks: BTreeMap<String, Vec<u8>>,
    codes: BTreeMap<String, TerminalIdentity>,
    nonces: BTreeMap<String, Uuid>,
    tokens: BTreeMap<String, (Uuid, i64)>,
    secrets: u64,
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
        let terminal =
            ModelTerminal { epoch: identity.epoch, key, events: Vec::new(), is_revoked: false };
        self.terminals.insert(identity.id.uuid(), terminal);
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

    /// The events held of a terminal, in order.
    pub fn events(&self, terminal: Uuid) -> Vec<String> {
        let held = self.terminals.get(&terminal).map(|terminal| &terminal.events);
        held.into_iter().flatten().map(|(_, bytes)| bytes.clone()).collect()
    }

    /// How many events are held of a terminal, and the newest of them.
    pub fn newest(&self, terminal: Uuid) -> (usize, Option<&str>) {
        let held = self.terminals.get(&terminal).map_or(&[][..], |terminal| &terminal.events);
        (held.len(), held.last().map(|(_, bytes)| bytes.as_str()))
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
        state.rows.insert((change.table.clone(), change.key.clone()), json);
        state.log.push(change);
    }

    /// Deletes row `n` of a feed.
    pub fn del(&mut self, feed: Feed, n: u64) {
        let state = self.feed_mut(feed);
        state.pos += 1;
        let change = sample::del(feed, state.pos, n);
        state.rows.remove(&(change.table.clone(), change.key.clone()));
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
                current: CONTRACT,
                oldest: CONTRACT,
                software: "model".into(),
                server_time_ms: now_ms,
            })),
            Request::Enrol(body) => self.enrol(now_ms, body).map(Reply::Enrolled),
            Request::Nonce(body) => self.nonce(body.terminal_id).map(Reply::Nonce),
            Request::Token(body) => self.token(now_ms, body).map(Reply::Token),
            _ => {
                let terminal = self.authenticate(now_ms, token)?;
                self.handle_known(now_ms, terminal, request)
            }
        }
    }

    fn handle_known(&mut self, now: i64, who: Uuid, request: &Request) -> Result<Reply, Fault> {
        match request {
            Request::Watermark { terminal } | Request::Push { terminal, .. }
                if *terminal != who =>
            {
                Err(problem(403, code::WRONG_TERMINAL, Retry::Human))
            }
            Request::Watermark { .. } => self.watermark(now, who).map(Reply::Watermark),
            Request::Push { body, .. } => self.push(now, who, body).map(Reply::Pushed),
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

    fn secret(&mut self, kind: &str) -> String {
        self.secrets += 1;
        format!("{kind}-{}", self.secrets)
    }

    fn enrol(&mut self, now_ms: i64, body: &EnrolRequest) -> Result<EnrolResponse, Fault> {
        let refused = || problem(403, code::ENROLMENT_REFUSED, Retry::Human);
        let identity = self.codes.remove(&normalised_code(&body.code)).ok_or_else(refused)?;
        let invalid = || problem(400, code::INVALID_REQUEST, Retry::Never);
        let bytes = BASE64.decode(&body.public_key).ok().ok_or_else(invalid)?;
        let bytes: [u8; 32] = bytes.try_into().ok().ok_or_else(invalid)?;
        let key = VerifyingKey::from_bytes(&bytes).ok().ok_or_else(invalid)?;
        let epoch = identity.epoch;
        let terminal = ModelTerminal { epoch, key, events: Vec::new(), is_revoked: false };
        self.terminals.insert(identity.id.uuid(), terminal);
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
        if terminal.is_revoked {
            return Err(problem(403, code::TERMINAL_REVOKED, Retry::Human));
        }
        let bytes = BASE64.decode(&body.signature).ok().ok_or_else(refused)?;
        let signature = Signature::from_slice(&bytes).ok().ok_or_else(refused)?;
        let message = token_message(body.terminal_id, &body.nonce);
        terminal.key.verify(&message, &signature).ok().ok_or_else(refused)?;
        let token = self.secret("token");
        let until_ms = now_ms + i64::from(TOKEN_LIFE_S) * 1_000;
        self.tokens.insert(token.clone(), (body.terminal_id, until_ms));
        Ok(TokenResponse { token, expires_in_s: TOKEN_LIFE_S, server_time_ms: now_ms })
    }

    fn authenticate(&self, now_ms: i64, token: Option<&Token>) -> Result<Uuid, Fault> {
        let refused = || problem(401, code::UNAUTHENTICATED, Retry::Later);
        let token = token.ok_or_else(refused)?;
        let (terminal, until_ms) = self.tokens.get(&token.0).ok_or_else(refused)?;
        if *until_ms < now_ms {
            return Err(refused());
        }
        match self.terminals.get(terminal) {
            Some(known) if known.is_revoked => {
                Err(problem(403, code::TERMINAL_REVOKED, Retry::Human))
            }
            Some(_) => Ok(*terminal),
            None => Err(refused()),
        }
    }

    fn terminal_mut(&mut self, terminal: Uuid) -> Result<&mut ModelTerminal, Fault> {
        let unknown = || problem(404, code::NOT_FOUND, Retry::Human);
        self.terminals.get_mut(&terminal).ok_or_else(unknown)
    }

    fn watermark(&mut self, now_ms: i64, terminal: Uuid) -> Result<Watermark, Fault> {
        let terminal = self.terminal_mut(terminal)?;
        Ok(Watermark {
            epoch: terminal.epoch,
            acked_seq: terminal.events.len() as u64,
            acked_hash: terminal.last_hash().to_string(),
            held_back: Vec::new(),
            server_time_ms: now_ms,
        })
    }

    fn push(&mut self, now: i64, who: Uuid, body: &PushRequest) -> Result<PushResponse, Fault> {
        let terminal = self.terminal_mut(who)?;
        if body.epoch != terminal.epoch {
            return Err(problem(409, code::OLD_EPOCH, Retry::Human));
        }
        let mut results = Vec::new();
        for (bytes, seq) in body.events.iter().zip(body.from_seq..) {
            let outcome = terminal.take(seq, bytes)?;
            results.push(PushResult { seq, outcome, code: None });
        }
        Ok(PushResponse {
            acked_seq: terminal.events.len() as u64,
            acked_hash: terminal.last_hash().to_string(),
            results,
            server_time_ms: now,
        })
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
        FeedSnapshot { feed, cursor, rows: lines.len() as u64, chunks }
    }

    fn changes(
        &self,
        now_ms: i64,
        who: Uuid,
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
        let held = self.terminals.get(&who).map(|terminal| terminal.events.len() as u64);
        Ok(ChangesPage {
            changes,
            next: format!("{}.{next}", state.epoch),
            more,
            included_seq: if more { None } else { held },
            server_time_ms: now_ms,
        })
    }
}

impl ModelTerminal {
    fn last_hash(&self) -> EventHash {
        self.events.last().map_or(EventHash::GENESIS, |(hash, _)| *hash)
    }

    /// Takes one event, or says why not; what was taken before stays.
    fn take(&mut self, seq: u64, bytes: &str) -> Result<Outcome, Fault> {
        let hash = EventHash::of(bytes.as_bytes());
        let held = self.events.len() as u64;
        if seq == 0 || seq > held + 1 {
            return Err(problem(409, code::GAP, Retry::Later));
        }
        if seq <= held {
            return match self.events[seq as usize - 1].0 == hash {
                true => Ok(Outcome::Duplicate),
                false => Err(problem(409, code::FORKED_HISTORY, Retry::Human)),
            };
        }
        let broken = || problem(409, code::BROKEN_CHAIN, Retry::Human);
        let envelope = Envelope::parse(bytes).ok().ok_or_else(broken)?;
        let prev = envelope.prev_hash().ok().ok_or_else(broken)?;
        if prev != self.last_hash() || envelope.seq != seq {
            return Err(broken());
        }
        self.events.push((hash, bytes.to_owned()));
        Ok(Outcome::Applied)
    }
}

fn parse_cursor(cursor: &str) -> Option<(u32, u64)> {
    let (epoch, pos) = cursor.split_once('.')?;
    Some((epoch.parse().ok()?, pos.parse().ok()?))
}
