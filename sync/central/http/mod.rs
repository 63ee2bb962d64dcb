//! Central on a socket. The OpenAPI document is made from the same routes that answer.

mod admin;
mod caller;
mod fault;
mod feed;
mod problem;
mod terminal;

use crate::answer::{Asker, answer, software};
use crate::error::CentralError;
use crate::refused::Refused;
use crate::{Central, feed as feeds};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::{Json, Router};
use caller::Stranger;
pub use fault::{Fault, UnknownFault};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use sync::call::{Reply, Request as Call};
use sync::protocol::feed::{
    ArticleRow, CustomerRow, Feed, HistoryRow, StaffRow, StockRow, StoreRow,
};
use sync::protocol::problem::{Problem, Retry, code};
use sync::protocol::{CONTRACT, CONTRACT_HEADER, Contract};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Largest body of a push: a batch of a mebibyte, with room for its quotes being escaped.
const PUSH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest body of anything else.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How often another process's commits are looked for, so that its changes wake long polls.
const LOOK_FOR_COMMITS: Duration = Duration::from_millis(50);
/// How often house is kept.
const HOUSE_MS: i64 = 10 * 60_000;
/// How long the writer may take to answer before central is called ill. An import beside it holds the lock for less.
const HEALTH_PATIENCE: Duration = Duration::from_secs(5);
/// How long requests may take to end after shutdown was asked for.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// What handlers share.
pub struct App {
    /// Central itself.
    pub central: Arc<Central>,
    fault: Fault,
    closing: watch::Receiver<bool>,
    /// One question to the writer at a time: those who ask while it hangs must not use up all threads.
    asking: Arc<Semaphore>,
}

/// How to serve.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServeOptions {
    /// Faults on purpose; for training and tests.
    pub fault: Fault,
}

/// Runs blocking work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&Central) -> Result<T, CentralError> + Send + 'static,
) -> Result<T, Refused> {
    let central = Arc::clone(&app.central);
    let joined = tokio::task::spawn_blocking(move || work(&central)).await;
    joined.map_err(|_| CentralError::Stopped)?.map_err(Refused::from)
}

/// Asks central, off the async threads.
pub(crate) async fn ask(app: &App, stranger: Stranger, request: Call) -> Result<Reply, Refused> {
    let central = Arc::clone(&app.central);
    let asked = tokio::task::spawn_blocking(move || {
        let Stranger { address, contract, token } = stranger;
        let asker = Asker { address, contract, token: token.as_deref() };
        answer(&central, asker, &request)
    });
    asked.await.map_err(|_| CentralError::Stopped)?
}

/// An answer of another request's kind: a defect of this program.
pub(crate) fn unexpected() -> Refused {
    Refused::from(CentralError::Panicked)
}

/// Whether central answers.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
    /// Name and version of the software.
    software: String,
    /// Central's clock, milliseconds since 1970 UTC.
    server_time_ms: i64,
}

fn ill(title: &str) -> Refused {
    Refused::new(503, code::INTERNAL, Retry::Later, title)
}

/// Reads, asks the writer whether it lives, and finds out whether writing works. Blocks.
fn look_at(central: &Central) -> Result<(), Refused> {
    let database = central.database();
    let is_well = || {
        database.read(feeds::epoch)?;
        database.writer().run(feeds::epoch)?;
        central.can_write()
    };
    let error = match is_well() {
        Ok(true) => return Ok(()),
        Ok(false) => return Err(ill("the database cannot be written: the disk refused a write")),
        Err(error) => error,
    };
    tracing::error!(error = &error as &dyn std::error::Error, "central is not well");
    Err(ill(if error.is_full_disk() {
        "the database cannot be written: the disk is full"
    } else if error.is_refusal_of_disk() {
        "the disk fails, or may only be read"
    } else {
        "the database cannot be read or written"
    }))
}

/// Whether central answers, its database can be read and written, and no request has met damage in it.
#[utoipa::path(get, path = "/health", tag = "service",
    responses((status = OK, description = "Central is well", body = Health),
        (status = SERVICE_UNAVAILABLE, description = "It cannot write, or is damaged", body = Problem,
            content_type = "application/problem+json")))]
async fn health(State(app): State<Arc<App>>) -> Result<Json<Health>, Refused> {
    let asking = Arc::clone(&app.asking);
    let answer = async {
        let turn = asking.acquire_owned().await;
        blocking(&app, move |central| {
            let _turn = turn;
            Ok(look_at(central))
        })
        .await
    };
    let Ok(answer) = tokio::time::timeout(HEALTH_PATIENCE, answer).await else {
        return Err(ill("the database cannot be written: a write does not get through"));
    };
    if app.central.database().is_damaged() {
        let title = "the database is damaged";
        return Err(Refused::new(503, code::INTERNAL, Retry::Human, title));
    }
    answer??;
    let server_time_ms = app.central.rim().now_ms();
    Ok(Json(Health { status: "ok", software: software(), server_time_ms }))
}

/// Which versions of the contract central speaks.
#[utoipa::path(get, path = "/v1/contract", tag = "service",
    responses((status = OK, description = "Versions", body = Contract)))]
async fn contract(
    State(app): State<Arc<App>>,
    stranger: Stranger,
) -> Result<Json<Contract>, Refused> {
    match ask(&app, stranger, Call::Contract).await? {
        Reply::Contract(contract) => Ok(Json(contract)),
        _ => Err(unexpected()),
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses((status = OK, description = "OpenAPI 3.1", content_type = "application/json")))]
async fn openapi_json() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi())
}

#[derive(OpenApi)]
#[openapi(components(schemas(StoreRow, StaffRow, ArticleRow, StockRow, CustomerRow, HistoryRow)))]
#[openapi(info(
    title = "Crossroads central",
    description = "The commerce API that the terminals of a chain reconcile with. Events are pushed in \
        order and held for ever; feeds are read by cursor. Errors are problem+json (RFC 9457) with a \
        stable code. Amounts are integers of the currency's minor unit, times are milliseconds since \
        1970 UTC."
))]
struct Document;

fn documented() -> OpenApiRouter<Arc<App>> {
    let limit = |bytes| DefaultBodyLimit::max(bytes);
    let pushing = OpenApiRouter::new()
        .routes(routes!(terminal::push))
        .routes(routes!(terminal::strays))
        .layer(limit(PUSH_BYTES_MAX));
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health))
        .routes(routes!(contract))
        .routes(routes!(openapi_json))
        .routes(routes!(terminal::enrol))
        .routes(routes!(terminal::nonce))
        .routes(routes!(terminal::token))
        .routes(routes!(terminal::watermark))
        .routes(routes!(terminal::renew))
        .routes(routes!(feed::changes))
        .routes(routes!(feed::snapshots))
        .routes(routes!(feed::chunk))
        .routes(routes!(admin::list))
        .routes(routes!(admin::retry))
        .routes(routes!(admin::amend))
        .routes(routes!(admin::dismiss))
        .routes(routes!(admin::reopen))
        .routes(routes!(admin::terminals))
        .layer(limit(BODY_BYTES_MAX))
        .merge(pushing)
}

/// The OpenAPI 3.1 document of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = documented().into_openapi();
    document.info.version = env!("CARGO_PKG_VERSION").into();
    let components = document.components.get_or_insert_default();
    for (name, words) in [
        ("terminal", "The token of POST /v1/token; it lasts 15 minutes."),
        ("admin", "The token in the file admin.token of the data directory."),
    ] {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(words));
        components.add_security_scheme(name, SecurityScheme::Http(scheme.build()));
    }
    document
}

async fn no_such_path(uri: Uri) -> Refused {
    // The path is the caller's own text; only its length is bounded here.
    let path: String = uri.path().chars().take(100).collect();
    Refused::not_found("there is no such path").with_detail(path)
}

async fn wrong_method(method: Method) -> Refused {
    Refused::invalid(405, "the path does not know this method").with_detail(method.to_string())
}

/// Headers that every answer has.
async fn dress(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTRACT_HEADER, HeaderValue::from(CONTRACT));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn router(app: Arc<App>) -> Router {
    let (router, _) = documented().split_for_parts();
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), fault::inject))
        .layer(middleware::from_fn(dress))
        .with_state(app)
}

/// Wakes long polls when another process committed: its `data_version` differs then.
fn look_for_commits(central: &Central, stop: &AtomicBool) -> Result<(), CentralError> {
    let Some(reader) = central.database().onlooker()? else { return Ok(()) };
    let version = || reader.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0));
    let mut seen = version()?;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_FOR_COMMITS);
        let now = version()?;
        if now != seen {
            seen = now;
            central.database().writer().note_commit();
        }
    }
    Ok(())
}

/// Builds the snapshots that terminals will ask for, so that the first one need not wait.
fn warm(central: &Central, stop: &AtomicBool) -> Result<(), CentralError> {
    central.sweep()?;
    let stores: Vec<i64> = central.database().read(|connection| {
        let mut statement = connection.prepare("SELECT no FROM store ORDER BY no")?;
        let stores = statement.query_map([], |row| row.get(0))?;
        Ok(stores.collect::<Result<_, _>>()?)
    })?;
    for feed in Feed::ALL {
        let mut scopes: Vec<i64> = stores.iter().map(|no| feeds::scope_of(feed, *no)).collect();
        scopes.dedup();
        for scope in scopes {
            let go_on = |_| !stop.load(Ordering::Relaxed);
            if central.snapshot(feed, scope, go_on)?.is_none() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Keeps house: books how far terminals have read, and compacts once a day.
fn keep_house(central: &Central, stop: &AtomicBool) -> Result<(), CentralError> {
    let applied = central.retry_after_upgrade()?;
    if applied > 0 {
        tracing::info!(applied, "events that the version before did not know are applied");
    }
    let mut due_ms = central.rim().monotonic_ms();
    while !stop.load(Ordering::Relaxed) {
        if central.rim().monotonic_ms() >= due_ms {
            due_ms = central.rim().monotonic_ms().saturating_add(HOUSE_MS);
            // A full disk or a busy one now may be better at the next turn.
            if let Err(error) = central.book_passed().and_then(|()| central.compact_daily()) {
                tracing::warn!(error = &error as &dyn std::error::Error, "house was not kept");
            }
        }
        std::thread::sleep(LOOK_FOR_COMMITS);
    }
    central.book_passed()
}

/// Serves until `shutdown` is ready; then long polls are answered, requests end, and it returns.
pub async fn serve(
    listener: TcpListener,
    central: Arc<Central>,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CentralError> {
    let (close, closing) = watch::channel(false);
    central.set_closing(false);
    let stop = Arc::new(AtomicBool::new(false));
    let asking = Arc::new(Semaphore::new(1));
    let app = Arc::new(App { central, fault: options.fault, closing: closing.clone(), asking });
    let mut helpers = Vec::new();
    for (name, help) in [
        ("central-commits", look_for_commits as fn(&Central, &AtomicBool) -> _),
        ("central-warm", warm),
        ("central-house", keep_house),
    ] {
        let (central, stop) = (Arc::clone(&app.central), Arc::clone(&stop));
        let work = move || {
            if let Err(error) = help(&central, &stop) {
                tracing::error!(error = &error as &dyn std::error::Error, "{name} ended");
            }
        };
        let thread = std::thread::Builder::new().name(name.into()).spawn(work);
        helpers.push(thread.expect("a process can start three threads"));
    }
    let served = Arc::clone(&app.central);
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    let ended = axum::serve(listener, service).with_graceful_shutdown(async move {
        shutdown.await;
        served.set_closing(true);
        close.send_replace(true);
    });
    let mut closing = closing;
    let result = tokio::select! {
        ended = ended => ended,
        () = async {
            // An error means that the sender is gone: the server has ended by itself.
            let _ = closing.wait_for(|closing| *closing).await;
            tokio::time::sleep(LAST_REQUESTS).await;
        } => Ok(()),
    };
    stop.store(true, Ordering::Relaxed);
    let joined = tokio::task::spawn_blocking(move || {
        helpers.into_iter().for_each(|helper| drop(helper.join()));
    });
    // A helper that panicked has said so.
    let _ = joined.await;
    result.map_err(CentralError::file("serve on", std::path::Path::new("the socket")))
}
