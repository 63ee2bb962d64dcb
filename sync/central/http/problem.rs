//! Errors as `application/problem+json` (RFC 9457), also for what axum itself refuses: unknown paths, wrong
//! methods, malformed JSON, bodies that are too large.

use crate::refused::Refused;
use axum::Json;
use axum::extract::path::Path;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use sync::protocol::problem::PROBLEM_JSON;

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// A JSON body, or a problem.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;
    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refused_body(&rejection)),
        }
    }
}

fn refused_body(rejection: &JsonRejection) -> Refused {
    let status = rejection.status();
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return Refused::too_large("the body is larger than the limit");
    }
    let title = match rejection {
        JsonRejection::JsonSyntaxError(_) => "the body is not JSON",
        JsonRejection::JsonDataError(_) => "the JSON is not what the contract says",
        JsonRejection::MissingJsonContentType(_) => "the body must be application/json",
        _ => "the body could not be read",
    };
    Refused::invalid(status.as_u16(), title)
}

/// Query parameters, or a problem.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let asked: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        match asked {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Refused::invalid(
                rejection.status().as_u16(),
                "the query parameters are not what the contract says",
            )),
        }
    }
}

/// A number of a query: zero to 2^63 - 1, whatever is bounded later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "i64")]
pub struct Count(pub i64);

impl TryFrom<i64> for Count {
    type Error = &'static str;
    fn try_from(number: i64) -> Result<Self, &'static str> {
        if number < 0 { Err("a count is not negative") } else { Ok(Self(number)) }
    }
}

impl Count {
    /// The number, or the bound if it is more.
    pub fn at_most(self, bound: u32) -> u32 {
        u32::try_from(self.0).unwrap_or(bound).min(bound)
    }
}

/// The part of the path that names something; what does not read as such a name names nothing.
pub struct Named<T>(pub T);

impl<S: Send + Sync, T: std::str::FromStr> FromRequestParts<S> for Named<T> {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let name = Path::<String>::from_request_parts(parts, state).await.ok();
        let name = name.and_then(|Path(text)| text.parse().ok());
        name.map(Self).ok_or_else(|| Refused::not_found("there is nothing of that name"))
    }
}
