//! Errors on the wire: `application/problem+json` (RFC 9457) with a stable `code` and a hint when
//! to retry.

/// The media type of [`Problem`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// When trying again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Retry {
    /// The same request will never succeed.
    Never,
    /// After a pause.
    Later,
    /// After one side was upgraded.
    AfterUpgrade,
    /// After a person did something.
    Human,
}

/// The stable codes.
pub mod code {
    /// The one-time code is unknown, used or expired.
    pub const ENROLMENT_REFUSED: &str = "ENROLMENT_REFUSED";
    /// Too many attempts from this address or for this terminal.
    pub const TOO_MANY_ATTEMPTS: &str = "TOO_MANY_ATTEMPTS";
    /// No or an invalid token.
    pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
    /// The terminal was revoked.
    pub const TERMINAL_REVOKED: &str = "TERMINAL_REVOKED";
    /// The token belongs to another terminal.
    pub const WRONG_TERMINAL: &str = "WRONG_TERMINAL";
    /// The same sequence number with another hash: the device was cloned or rolled back.
    pub const FORKED_HISTORY: &str = "FORKED_HISTORY";
    /// The batch starts after a hole; the detail names the expected number.
    pub const GAP: &str = "GAP";
    /// Another device has become this terminal in the epoch asked for: enrol again.
    pub const EPOCH_TAKEN: &str = "EPOCH_TAKEN";
    /// Central knows no key of this epoch. Normal after it was restored from a backup: register
    /// the life again.
    pub const UNKNOWN_EPOCH: &str = "UNKNOWN_EPOCH";
    /// Feeds and snapshots only: the epoch is older than the terminal's current one.
    pub const OLD_EPOCH: &str = "OLD_EPOCH";
    /// The hash chain does not hold.
    pub const BROKEN_CHAIN: &str = "BROKEN_CHAIN";
    /// The cursor belongs to another feed epoch, or was compacted away: take a snapshot.
    pub const CURSOR_COMPACTED: &str = "CURSOR_COMPACTED";
    /// No such feed, chunk, terminal or path.
    pub const NOT_FOUND: &str = "NOT_FOUND";
    /// Feeds and snapshots only: the caller's `X-Contract` is older than the oldest supported.
    pub const UPGRADE_REQUIRED: &str = "UPGRADE_REQUIRED";
    /// The request is not what the contract says.
    pub const INVALID_REQUEST: &str = "INVALID_REQUEST";
    /// The body is larger than the limit.
    pub const TOO_LARGE: &str = "TOO_LARGE";
    /// Central failed; nothing was changed.
    pub const INTERNAL: &str = "INTERNAL";
}

/// What went wrong, for programs (`code`, `retry`) and for people (`title`, `detail`).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Always `about:blank`; the code identifies the problem.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// One short sentence.
    pub title: String,
    /// HTTP status, repeated.
    pub status: u16,
    /// More, if there is more to say. Never personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Stable code, see [`code`].
    pub code: String,
    /// When to retry.
    pub retry: Retry,
}

fn about_blank() -> String {
    "about:blank".into()
}
