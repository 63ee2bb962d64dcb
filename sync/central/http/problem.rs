//! Errors as `application/problem+json` (RFC 9457), also for what axum itself refuses: unknown paths, wrong
//! methods, malformed JSON, bodies that are too large.

use crate::error::CentralError;
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use sync::protocol::problem::{PROBLEM_JSON, Problem, Retry, code};

/// A problem on its way out.
#[derive(Debug)]
pub struct ApiError {
    problem: Box<Problem>,
    retry_after_s: Option<i64>,
}

impl ApiError {
    /// A problem with a title for people.
    pub fn new(status: StatusCode, code: &str, retry: Retry, title: &str) -> Self {
        let problem = Problem {
            kind: "about:blank".into(),
            title: title.into(),
            status: status.as_u16(),
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

    /// When to come back.
    #[must_use]
    pub const fn retry_after_s(mut self, seconds: i64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// No such thing.
    pub fn not_found(title: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, Retry::Never, title)
    }

    /// The request is not what the contract says.
    pub fn invalid(status: StatusCode, title: &str) -> Self {
        Self::new(status, code::INVALID_REQUEST, Retry::Never, title)
    }

    /// Nobody knows who asks.
    pub fn unauthenticated() -> Self {
        let title = "a valid token is needed";
        Self::new(StatusCode::UNAUTHORIZED, code::UNAUTHENTICATED, Retry::Later, title)
    }

    /// Too many attempts; free again in `wait_ms`.
    pub fn too_many(wait_ms: i64) -> Self {
        let title = "too many attempts";
        Self::new(StatusCode::TOO_MANY_REQUESTS, code::TOO_MANY_ATTEMPTS, Retry::Later, title)
            .retry_after_s((wait_ms + 999) / 1000)
    }

    /// The terminal was taken out of service.
    pub fn revoked() -> Self {
        let title = "this terminal was taken out of service";
        Self::new(StatusCode::FORBIDDEN, code::TERMINAL_REVOKED, Retry::Human, title)
    }
}

impl From<CentralError> for ApiError {
    fn from(error: CentralError) -> Self {
        // The log gets the cause, the caller only that it is ours. Central's errors carry no personal data.
        tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
        let title = "central failed; nothing was changed";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code::INTERNAL, Retry::Later, title)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
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
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refused_body(&rejection)),
        }
    }
}

fn refused_body(rejection: &JsonRejection) -> ApiError {
    let status = rejection.status();
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let title = "the body is larger than the limit";
        return ApiError::new(status, code::TOO_LARGE, Retry::Never, title);
    }
    let title = match rejection {
        JsonRejection::JsonSyntaxError(_) => "the body is not JSON",
        JsonRejection::JsonDataError(_) => "the JSON is not what the contract says",
        JsonRejection::MissingJsonContentType(_) => "the body must be application/json",
        _ => "the body could not be read",
    };
    ApiError::invalid(status, title)
}

/// Query parameters, or a problem.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let asked: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        match asked {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::invalid(
                rejection.status(),
                "the query parameters are not what the contract says",
            )),
        }
    }
}
