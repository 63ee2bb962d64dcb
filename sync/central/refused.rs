//! Refusals as terminals see them: a problem (RFC 9457) with a stable code, whatever carries it.

use crate::error::CentralError;
use sync::protocol::problem::{Problem, Retry, code};

/// A problem on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong.
    pub problem: Box<Problem>,
    /// Seconds after which it is worth asking again, if that is known.
    pub retry_after_s: Option<u32>,
}

impl Refused {
    /// A problem with a title for people.
    pub fn new(status: u16, code: &str, retry: Retry, title: &str) -> Self {
        let problem = Problem {
            kind: "about:blank".into(),
            title: title.into(),
            status,
            detail: None,
            code: code.into(),
            retry,
        };
        Self { problem: Box::new(problem), retry_after_s: None }
    }

    /// More words. Never personal data.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.problem.detail = Some(detail.into());
        self
    }

    /// No such thing.
    pub fn not_found(title: &str) -> Self {
        Self::new(404, code::NOT_FOUND, Retry::Never, title)
    }

    /// The request is not what the contract says.
    pub fn invalid(status: u16, title: &str) -> Self {
        Self::new(status, code::INVALID_REQUEST, Retry::Never, title)
    }

    /// Too much at once.
    pub fn too_large(title: &str) -> Self {
        Self::new(413, code::TOO_LARGE, Retry::Never, title)
    }

    /// Nobody knows who asks.
    pub fn unauthenticated() -> Self {
        Self::new(401, code::UNAUTHENTICATED, Retry::Later, "a valid token is needed")
    }

    /// Too many attempts; free again in `wait_ms`.
    pub fn too_many(wait_ms: i64) -> Self {
        let mut refused =
            Self::new(429, code::TOO_MANY_ATTEMPTS, Retry::Later, "too many attempts");
        refused.retry_after_s = Some(u32::try_from((wait_ms + 999) / 1000).unwrap_or(1).max(1));
        refused
    }

    /// The terminal was taken out of service.
    pub fn revoked() -> Self {
        let title = "this terminal was taken out of service";
        Self::new(403, code::TERMINAL_REVOKED, Retry::Human, title)
    }
}

impl From<CentralError> for Refused {
    fn from(error: CentralError) -> Self {
        // The log gets the cause, the caller only that it is ours. Central's errors carry no personal data.
        tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
        let title = "central failed; nothing was changed";
        Self::new(500, code::INTERNAL, Retry::Later, title)
    }
}
