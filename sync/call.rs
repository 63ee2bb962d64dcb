//! Calls to central: what may be asked, what comes back, and every way in which it can fail.
//!
//! [`Central`] is a port: [`crate::http::HttpCentral`] speaks HTTP, tests have a double in memory.
//! A call that fails is an expected outcome, so a [`Fault`] is a value that the engine judges,
//! never a panic.

use crate::protocol::Contract;
use crate::protocol::auth::{
    EnrolRequest, EnrolResponse, NonceRequest, NonceResponse, TokenRequest, TokenResponse,
};
use crate::protocol::feed::{ChangesPage, Feed};
use crate::protocol::problem::Problem;
use crate::protocol::push::{PushRequest, PushResponse, Watermark};
use crate::protocol::renewal::{RenewalRequest, RenewalResponse};
use crate::protocol::snapshot::{Manifest, SnapshotRequest};
use crate::protocol::strays::{StraysRequest, StraysResponse};
use std::fmt;
use std::pin::Pin;
use uuid::Uuid;

/// A bearer token; does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// One request of the protocol. `docs/PROTOCOL.md` names method and path of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What central supports. Needs no token.
    Contract,
    /// Makes a device a terminal. Needs no token.
    Enrol(EnrolRequest),
    /// Asks for a nonce to sign. Needs no token.
    Nonce(NonceRequest),
    /// Trades a signed nonce for a token. Needs no token.
    Token(TokenRequest),
    /// What central holds of the journal of one life of a terminal: the token's.
    Watermark {
        /// Which terminal.
        terminal: Uuid,
    },
    /// Hands over events.
    Push {
        /// Which terminal.
        terminal: Uuid,
        /// The events.
        body: PushRequest,
    },
    /// Makes a life known that the terminal has begun by itself; with a token of the life before.
    Renew {
        /// Which terminal.
        terminal: Uuid,
        /// Which life.
        body: RenewalRequest,
    },
    /// Hands over events that cannot be booked by number.
    Strays {
        /// Whose token it is.
        terminal: Uuid,
        /// The events.
        body: StraysRequest,
    },
    /// Asks for snapshots of feeds.
    Snapshot(SnapshotRequest),
    /// One chunk of a snapshot.
    Chunk {
        /// Its address, 64 hexadecimal digits.
        sha256: String,
    },
    /// A page of changes.
    Changes {
        /// Of which feed.
        feed: Feed,
        /// After which cursor.
        after: String,
        /// At most so many changes.
        limit: u32,
        /// How long central may wait for a first change, seconds.
        wait_s: u32,
    },
}

impl Request {
    /// Short name for logs and tests.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Enrol(_) => "enrol",
            Self::Nonce(_) => "nonce",
            Self::Token(_) => "token",
            Self::Watermark { .. } => "watermark",
            Self::Push { .. } => "push",
            Self::Renew { .. } => "renew",
            Self::Strays { .. } => "strays",
            Self::Snapshot(_) => "snapshot",
            Self::Chunk { .. } => "chunk",
            Self::Changes { .. } => "changes",
        }
    }
}

/// What central answers when it does what was asked.
#[derive(Clone, Debug)]
pub enum Reply {
    /// To [`Request::Contract`].
    Contract(Contract),
    /// To [`Request::Enrol`].
    Enrolled(EnrolResponse),
    /// To [`Request::Nonce`].
    Nonce(NonceResponse),
    /// To [`Request::Token`].
    Token(TokenResponse),
    /// To [`Request::Watermark`].
    Watermark(Watermark),
    /// To [`Request::Push`].
    Pushed(PushResponse),
    /// To [`Request::Renew`].
    Renewed(RenewalResponse),
    /// To [`Request::Strays`].
    StraysHeld(StraysResponse),
    /// To [`Request::Snapshot`].
    Manifest(Manifest),
    /// To [`Request::Chunk`]: the compressed bytes, not yet verified.
    Chunk(Vec<u8>),
    /// To [`Request::Changes`].
    Changes(ChangesPage),
}

impl Reply {
    /// Central's clock when it answered, milliseconds since 1970 UTC, where the answer has it.
    pub const fn server_time_ms(&self) -> Option<i64> {
        match self {
            Self::Contract(reply) => Some(reply.server_time_ms),
            Self::Enrolled(reply) => Some(reply.server_time_ms),
            Self::Token(reply) => Some(reply.server_time_ms),
            Self::Watermark(reply) => Some(reply.server_time_ms),
            Self::Pushed(reply) => Some(reply.server_time_ms),
            Self::Renewed(reply) => Some(reply.server_time_ms),
            Self::StraysHeld(reply) => Some(reply.server_time_ms),
            Self::Manifest(reply) => Some(reply.server_time_ms),
            Self::Changes(reply) => Some(reply.server_time_ms),
            Self::Nonce(_) | Self::Chunk(_) => None,
        }
    }
}

/// Why a call brought nothing. Holds no text of the answer's body: that may be anybody's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection, or it broke.
    #[error("central cannot be reached")]
    Unreachable,
    /// No full answer in time; what was asked may have been done.
    #[error("central did not answer in time")]
    TimedOut,
    /// An answer that is not of this protocol, such as the HTML of a captive portal.
    #[error("the answer is not central's (content type `{content_type}`)")]
    Garbage {
        /// Content type of the answer, cut to 80 characters; empty when there is none.
        content_type: String,
    },
    /// The answer's body is over the limit for this request.
    #[error("the answer is larger than the limit")]
    AnswerTooLarge,
    /// An error status without a problem in it.
    #[error("the answer has status {status}")]
    Status {
        /// HTTP status.
        status: u16,
        /// `Retry-After`, seconds.
        retry_after_s: Option<u32>,
    },
    /// Central says what is wrong.
    #[error("central refuses: {}", problem.code)]
    Problem {
        /// What it says.
        problem: Problem,
        /// `Retry-After`, seconds.
        retry_after_s: Option<u32>,
    },
}

impl Fault {
    /// An answer of the right form to another question.
    pub fn wrong_reply() -> Self {
        Self::Garbage { content_type: String::new() }
    }

    /// The stable code, if central gave one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem { problem, .. } => Some(&problem.code),
            _ => None,
        }
    }

    /// The HTTP status, if there was one.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// A call under way.
pub type CallFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, Fault>> + Send + 'a>>;

/// Central as the terminal sees it. Dropping the future abandons the call.
pub trait Central: Send + Sync {
    /// Base address, without a slash at the end; stored in the identity.
    fn address(&self) -> &str;

    /// Asks, and waits for the answer within the bounds of the implementation.
    fn call<'a>(&'a self, token: Option<&'a Token>, request: &'a Request) -> CallFuture<'a>;
}
