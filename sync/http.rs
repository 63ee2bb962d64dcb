//! Central over HTTP/1.1: every answer is bounded in time and size, and is believed only in its
//! right form.
//!
//! Whatever a server, a proxy or a captive portal sends ends as a [`Reply`] or a [`Fault`].
//! Redirects are not followed and the proxy variables of the environment are not read: a terminal
//! talks to the address it was enrolled at, or to nobody.

use crate::call::{CallFuture, Central, Fault, Reply, Request, Token};
use crate::protocol::problem::{PROBLEM_JSON, Problem};
use crate::protocol::snapshot::CHUNK_BYTES_MAX;
use crate::protocol::{CONTRACT, CONTRACT_HEADER};
use reqwest::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long a client waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpTimeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For an exchange of small messages.
    pub small: Duration,
    /// For a batch, a manifest, a chunk or a page, besides the wait of a long poll.
    pub large: Duration,
}

impl Default for HttpTimeouts {
    /// A chunk of 2 MiB takes 34 s over a line of 500 kbit/s.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(5), small: seconds(20), large: seconds(45) }
    }
}

/// The largest answer to a small request, bytes.
const SMALL_BODY_MAX: usize = 1024 * 1024;
/// The largest manifest or page of changes, bytes.
const LARGE_BODY_MAX: usize = 16 * 1024 * 1024;
/// The largest problem, bytes; more than that is no problem of central's.
const PROBLEM_BODY_MAX: usize = 64 * 1024;
/// Of a foreign content type, so many characters are kept.
const CONTENT_TYPE_MAX: usize = 80;

/// An address at which central cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an absolute address.
    #[error("the address must look like `https://central.example`")]
    Form,
    /// Neither `http` nor `https`.
    #[error("the address must begin with `http://` or `https://`")]
    Scheme,
    /// User name, password, query or fragment in it.
    #[error("the address must be a bare host with an optional path")]
    Extras,
    /// The TLS library of this system does not start.
    #[error("TLS cannot be set up on this system")]
    Tls,
}

/// Central behind an HTTP address.
#[derive(Clone, Debug)]
pub struct HttpCentral {
    address: String,
    client: Client,
    timeouts: HttpTimeouts,
}

impl HttpCentral {
    /// A client for central at `address`, such as `http://127.0.0.1:8080` or `https://example.com/crossroads`.
    ///
    /// # Errors
    /// See [`AddressError`]. Does not connect.
    pub fn new(address: &str) -> Result<Self, AddressError> {
        Self::with_timeouts(address, HttpTimeouts::default())
    }

    /// The same with other timeouts.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn with_timeouts(address: &str, timeouts: HttpTimeouts) -> Result<Self, AddressError> {
        let address = checked_address(address)?;
        let client = Client::builder()
            .connect_timeout(timeouts.connect)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .tcp_nodelay(true)
            // A line that died silently under a long poll shows within half a minute.
            .tcp_keepalive(Duration::from_secs(15))
            .tcp_keepalive_interval(Duration::from_secs(5))
            .tcp_keepalive_retries(3u32)
            .pool_idle_timeout(Duration::from_secs(60))
            .user_agent(concat!("crossroads/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| AddressError::Tls)?;
        Ok(Self { address, client, timeouts })
    }

    fn url(&self, path: &str) -> Result<Url, Fault> {
        // The address was parsed before and paths are made of names, numbers and digests.
        Url::parse(&format!("{}{path}", self.address)).map_err(|_| Fault::Unreachable)
    }

    async fn exchange(&self, token: Option<&Token>, request: &Request) -> Result<Reply, Fault> {
        let (builder, limit) = self.prepare(request)?;
        let mut builder =
            builder.header(CONTRACT_HEADER, CONTRACT).header(CACHE_CONTROL, "no-cache");
        if let Some(token) = token {
            builder = builder.header(AUTHORIZATION, format!("Bearer {}", token.0));
        }
        let response = builder.send().await.map_err(judge)?;
        let status = response.status();
        if !status.is_success() {
            return Err(read_failure(response).await);
        }
        if let Request::Chunk { .. } = request {
            return read_chunk(response).await;
        }
        read_reply(request, response, limit).await
    }

    fn prepare(&self, request: &Request) -> Result<(RequestBuilder, usize), Fault> {
        let get = |path: String| self.url(&path).map(|url| self.client.request(Method::GET, url));
        let small =
            |builder: RequestBuilder| (builder.timeout(self.timeouts.small), SMALL_BODY_MAX);
        let large =
            |builder: RequestBuilder| (builder.timeout(self.timeouts.large), LARGE_BODY_MAX);
        Ok(match request {
            Request::Contract => small(get("/v1/contract".into())?),
            Request::Enrol(body) => small(self.post("/v1/enrol", body)?),
            Request::Nonce(body) => small(self.post("/v1/token/nonce", body)?),
            Request::Token(body) => small(self.post("/v1/token", body)?),
            Request::Watermark { terminal } => {
                small(get(format!("/v1/terminals/{terminal}/watermark"))?)
            }
            Request::Push { terminal, body } => {
                large(self.post(&format!("/v1/terminals/{terminal}/events"), body)?)
            }
            Request::Renew { terminal, body } => {
                small(self.post(&format!("/v1/terminals/{terminal}/renewals"), body)?)
            }
            Request::Strays { terminal, body } => {
                large(self.post(&format!("/v1/terminals/{terminal}/strays"), body)?)
            }
            Request::Snapshot(body) => large(self.post("/v1/snapshots", body)?),
            Request::Chunk { sha256 } => large(get(format!("/v1/chunks/{sha256}"))?),
            Request::Changes { feed, after, limit, wait_s } => {
                let mut url = self.url(&format!("/v1/feeds/{}/changes", feed.name()))?;
                url.query_pairs_mut()
                    .append_pair("after", after)
                    .append_pair("limit", &limit.to_string())
                    .append_pair("wait", &wait_s.to_string());
                let wait = Duration::from_secs(u64::from(*wait_s));
                let builder = self.client.request(Method::GET, url);
                (builder.timeout(self.timeouts.large + wait), LARGE_BODY_MAX)
            }
        })
    }

    fn post(&self, path: &str, body: &impl Serialize) -> Result<RequestBuilder, Fault> {
        let builder = self.client.request(Method::POST, self.url(path)?);
        Ok(builder.header(ACCEPT, "application/json").json(body))
    }
}

impl Central for HttpCentral {
    fn address(&self) -> &str {
        &self.address
    }

    fn call<'a>(&'a self, token: Option<&'a Token>, request: &'a Request) -> CallFuture<'a> {
        Box::pin(self.exchange(token, request))
    }
}

fn checked_address(address: &str) -> Result<String, AddressError> {
    let address = address.trim().trim_end_matches('/');
    let url = Url::parse(address).map_err(|_| AddressError::Form)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(AddressError::Scheme);
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(AddressError::Form);
    }
    let has_login = !url.username().is_empty() || url.password().is_some();
    if has_login || url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::Extras);
    }
    Ok(address.to_owned())
}

/// Errors of the transport: what they say may name hosts, so only their class goes on.
fn judge(error: reqwest::Error) -> Fault {
    if error.is_connect() {
        Fault::Unreachable
    } else if error.is_timeout() {
        Fault::TimedOut
    } else {
        // A status line or headers that are no HTTP, a cut body, a reset connection.
        Fault::Unreachable
    }
}

fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().chars().take(CONTENT_TYPE_MAX).collect()
}

/// The media type without parameters, in small letters.
fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn retry_after(response: &Response) -> Option<u32> {
    // The form with a date needs a right clock, which a terminal may not have: it counts as absent.
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// Reads a body of at most `limit` bytes.
async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, Fault> {
    let announced = response.content_length().unwrap_or(0);
    if announced > limit as u64 {
        return Err(Fault::AnswerTooLarge);
    }
    let mut body = Vec::with_capacity(announced as usize);
    while let Some(piece) = response.chunk().await.map_err(judge)? {
        if body.len() + piece.len() > limit {
            return Err(Fault::AnswerTooLarge);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

async fn read_failure(response: Response) -> Fault {
    let status = response.status().as_u16();
    let retry_after_s = retry_after(&response);
    let kind = content_type(&response);
    if response.status().is_redirection() {
        return Fault::Garbage { content_type: kind };
    }
    let is_problem = media_type(&kind) == PROBLEM_JSON;
    if is_problem
        && let Ok(body) = read_body(response, PROBLEM_BODY_MAX).await
        && let Ok(mut problem) = serde_json::from_slice::<Problem>(&body)
    {
        problem.status = status;
        return Fault::Problem { problem, retry_after_s };
    }
    Fault::Status { status, retry_after_s }
}

async fn read_chunk(response: Response) -> Result<Reply, Fault> {
    let kind = content_type(&response);
    // The bytes are verified by their hash; text is certainly somebody else's page.
    if media_type(&kind).starts_with("text/") {
        return Err(Fault::Garbage { content_type: kind });
    }
    read_body(response, CHUNK_BYTES_MAX).await.map(Reply::Chunk)
}

async fn read_reply(request: &Request, response: Response, limit: usize) -> Result<Reply, Fault> {
    let kind = content_type(&response);
    if media_type(&kind) != "application/json" {
        return Err(Fault::Garbage { content_type: kind });
    }
    let body = read_body(response, limit).await?;
    decode(request, &body).ok_or(Fault::Garbage { content_type: kind })
}

fn decode(request: &Request, body: &[u8]) -> Option<Reply> {
    fn json<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
        serde_json::from_slice(body).ok()
    }
    match request {
        Request::Contract => json(body).map(Reply::Contract),
        Request::Enrol(_) => json(body).map(Reply::Enrolled),
        Request::Nonce(_) => json(body).map(Reply::Nonce),
        Request::Token(_) => json(body).map(Reply::Token),
        Request::Watermark { .. } => json(body).map(Reply::Watermark),
        Request::Push { .. } => json(body).map(Reply::Pushed),
        Request::Renew { .. } => json(body).map(Reply::Renewed),
        Request::Strays { .. } => json(body).map(Reply::StraysHeld),
        Request::Snapshot(_) => json(body).map(Reply::Manifest),
        Request::Changes { .. } => json(body).map(Reply::Changes),
        Request::Chunk { .. } => Some(Reply::Chunk(body.to_vec())),
    }
}

#[cfg(test)]
mod tests;
