//! What a request tells of who asks: its token, its address, its version of the contract.

use super::App;
use crate::refused::Refused;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use sync::protocol::CONTRACT_HEADER;

/// The token, if there is one. The scheme is compared without case (RFC 9110, section 11.1).
fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start())
}

/// Who asks, not yet checked.
#[derive(Clone, Debug)]
pub struct Stranger {
    /// Where the request comes from.
    pub address: IpAddr,
    /// The version of the contract that it says it speaks.
    pub contract: Option<u32>,
    /// Its token.
    pub token: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Stranger {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let from = ConnectInfo::<SocketAddr>::from_request_parts(parts, state).await;
        let address = from.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(from)| from.ip());
        let contract = parts.headers.get(CONTRACT_HEADER);
        let contract = contract.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Ok(Self { address, contract, token: bearer(parts).map(str::to_owned) })
    }
}

/// One whose token is somebody's; whose, and what that one may do, is central's to judge. Strangers are told so before
/// their body is read.
#[derive(Clone, Debug)]
pub struct Holder(pub Stranger);

impl FromRequestParts<Arc<App>> for Holder {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        let stranger = Stranger::from_request_parts(parts, app).await?;
        let central = &app.central;
        let held = stranger.token.as_deref();
        match held.and_then(|token| central.sessions().holder(central.rim(), token)) {
            Some(_) => Ok(Self(stranger)),
            None => Err(Refused::unauthenticated()),
        }
    }
}

/// The administrator.
#[derive(Clone, Copy, Debug)]
pub struct Admin;

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refused> {
        match bearer(parts) {
            Some(token) if app.central.is_admin(token) => Ok(Self),
            _ => Err(Refused::unauthenticated()),
        }
    }
}
