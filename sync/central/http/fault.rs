//! Faults on purpose, for training and tests only: central behaves as a bad network or a broken proxy would.
//!
//! Off unless the command line asks for it by name. Only `/v1` is affected, so that `/health` still tells the truth.

use super::App;
use crate::refused::Refused;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use sync::protocol::problem::{Retry, code};

/// How long `slow` makes everybody wait before anything happens.
const SLOW: Duration = Duration::from_secs(3);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Every request fails with status 500 before it does anything.
    Http500,
    /// Every request is answered by a page for people, as captive portals do, with status 200.
    Html,
    /// Every request waits three seconds first.
    Slow,
    /// The request is carried out, but with this chance in percent the connection breaks before the answer.
    DropReply(u8),
}

/// The text names no fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fault is none, http500, html, slow, drop-reply or drop-reply:PERCENT")]
pub struct UnknownFault;

impl FromStr for Fault {
    type Err = UnknownFault;
    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        match text {
            "none" => Ok(Self::None),
            "http500" => Ok(Self::Http500),
            "html" => Ok(Self::Html),
            "slow" => Ok(Self::Slow),
            "drop-reply" => Ok(Self::DropReply(100)),
            _ => {
                let percent = text.strip_prefix("drop-reply:").and_then(|rest| rest.parse().ok());
                percent.filter(|p| *p <= 100).map(Self::DropReply).ok_or(UnknownFault)
            }
        }
    }
}

/// A body that breaks before its first byte.
struct Broken;
impl HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;
    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}

/// Lets a request through, or not.
pub async fn inject(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/v1/") {
        return next.run(request).await;
    }
    match app.fault {
        Fault::None => next.run(request).await,
        Fault::Http500 => {
            Refused::new(500, code::INTERNAL, Retry::Later, "a fault was asked for").into_response()
        }
        Fault::Html => {
            let page =
                "<!doctype html><title>Welcome</title><h1>Please sign in to the network</h1>";
            ([(header::CONTENT_TYPE, "text/html")], page).into_response()
        }
        Fault::Slow => {
            tokio::time::sleep(SLOW).await;
            next.run(request).await
        }
        Fault::DropReply(percent) => {
            let response = next.run(request).await;
            let mut dice = [0u8; 2];
            // Without random bytes the fault does not happen.
            let is_drawn = app.central.rim().fill_random(&mut dice).is_ok()
                && u16::from_be_bytes(dice) % 100 < u16::from(percent);
            if is_drawn { Response::new(Body::new(Broken)) } else { response }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line, one case: text, fault.
    #[test]
    fn faults_have_names() {
        for (text, expected) in [
            ("none", Ok(Fault::None)),
            ("http500", Ok(Fault::Http500)),
            ("html", Ok(Fault::Html)),
            ("slow", Ok(Fault::Slow)),
            ("drop-reply", Ok(Fault::DropReply(100))),
            ("drop-reply:30", Ok(Fault::DropReply(30))),
            ("drop-reply:101", Err(UnknownFault)),
            ("drop-reply:", Err(UnknownFault)),
            ("fire", Err(UnknownFault)),
        ] {
            assert_eq!(text.parse(), expected, "{text}");
        }
    }
}
