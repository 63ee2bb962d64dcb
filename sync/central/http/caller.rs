//! Who asks: a terminal by its token, or the administrator by the token in the data directory.

use super::{App, blocking};
use crate::enrol;
use crate::http::problem::ApiError;
use crate::push::Sender;
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use std::sync::Arc;
use sync::protocol::problem::{Retry, code};
use uuid::Uuid;

fn bearer(parts: &Parts) -> Option<&str> {
    parts.headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// A terminal that proved who it is.
#[derive(Clone, Copy, Debug)]
pub struct Caller(pub Sender);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let central = &app.central;
        let holder = bearer(parts)
            .and_then(|token| central.sessions().holder(central.rim(), token))
            .ok_or_else(ApiError::unauthenticated)?;
        let terminal = holder.terminal;
        let known = blocking(app, move |central| {
            central.database().read(|connection| enrol::known(connection, terminal))
        })
        .await?;
        match known {
            Some(known) if known.is_revoked => Err(ApiError::revoked()),
            // A new enrolment of the same place ends what the old device may do.
            Some(known) if known.epoch == holder.epoch => {
                Ok(Self(Sender { terminal, epoch: known.epoch, store_no: known.store_no }))
            }
            _ => Err(ApiError::unauthenticated()),
        }
    }
}

impl Caller {
    /// The caller, if it is the terminal that the path names.
    pub fn must_be(self, path: &str) -> Result<Sender, ApiError> {
        match path.parse::<Uuid>() {
            Ok(terminal) if terminal == self.0.terminal => Ok(self.0),
            Ok(_) => Err(ApiError::new(
                StatusCode::FORBIDDEN,
                code::WRONG_TERMINAL,
                Retry::Never,
                "the token belongs to another terminal",
            )),
            Err(_) => Err(ApiError::not_found("there is no such terminal")),
        }
    }
}

/// The administrator.
#[derive(Clone, Copy, Debug)]
pub struct Admin;

impl FromRequestParts<Arc<App>> for Admin {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match bearer(parts) {
            Some(token) if app.central.is_admin(token) => Ok(Self),
            _ => Err(ApiError::unauthenticated()),
        }
    }
}
