//! Paths and what they do; Toxiproxy's codes, headers and bodies.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use serde_json::{Value, json};
use tokio::{
    sync::{Mutex, Notify},
    time::timeout,
};

use super::{
    VERSION,
    connections::Times,
    error::ApiError,
    gate::Gate,
    metrics,
    registry::{Registry, Wanted, populated},
    wire::Object,
};
use crate::seed::Seed;

/// What the handlers share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) registry: Mutex<Registry>,
    /// A lease was taken, renewed or ended.
    pub(super) leases: Notify,
    pub(super) gate: Gate,
    pub(super) seed: Seed,
    pub(super) asked: AtomicU64,
    pub(super) proxy_metrics: bool,
    pub(super) runtime_metrics: bool,
    pub(super) times: Times,
}

/// Longer bodies are not read.
const LONGEST_BODY: usize = 2 << 20;
/// What Go says when its handler takes too long.
const LATE: &str = "<html><head><title>Timeout</title></head><body><h1>Timeout</h1></body></html>";

type Answer = Result<Response, ApiError>;
type Shared = State<Arc<App>>;

pub(super) fn router(app: Arc<App>) -> Router {
    let metrics = app.proxy_metrics || app.runtime_metrics;
    let mut router = Router::new()
        .route("/proxies", get(all).post(create))
        .route("/populate", post(populate))
        .route(
            "/proxies/{proxy}",
            get(show).post(update).patch(update).delete(delete),
        )
        .route("/proxies/{proxy}/toxics", get(toxics).post(add_toxic))
        .route(
            "/proxies/{proxy}/toxics/{toxic}",
            get(show_toxic)
                .post(change_toxic)
                .patch(change_toxic)
                .delete(remove_toxic),
        )
        .route("/reset", post(reset))
        .route("/version", get(version))
        .route("/connections", get(connections))
        .route("/leases", get(leases))
        .route("/leases/{lease}", put(lease).delete(end_lease));
    if metrics {
        router = router.route("/metrics", get(measure));
    }
    router
        .fallback(async || plain(StatusCode::NOT_FOUND, "404 page not found\n"))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// Lets in who may come in, and numbers the answers.
async fn guard(State(app): Shared, request: Request, next: Next) -> Response {
    let mut response = match app.gate.refuses(request.headers()) {
        Some((status, why)) => plain(status, &format!("{why}\n")),
        None => within(app.times, request, next).await,
    };
    let number = app.asked.fetch_add(1, Relaxed);
    let id = format!("{:016x}{number:08x}", app.seed.indexed(number).0);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-toxiproxy-request-id", id);
    }
    response
}

/// Answers in time.
async fn within(times: Times, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let read = timeout(times.read, to_bytes(body, LONGEST_BODY)).await;
    let body = match read {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long\n"),
        Err(_) => {
            let mut late = ApiError::BadBody("i/o timeout".to_owned()).into_response();
            let close = HeaderValue::from_static("close");
            late.headers_mut().insert(header::CONNECTION, close);
            return late;
        }
    };
    let request = Request::from_parts(parts, Body::from(body));
    // as in Go, what was begun is finished, whoever still waits for it
    let answering = tokio::spawn(next.run(request));
    match timeout(times.answer, answering).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => plain(StatusCode::INTERNAL_SERVER_ERROR, "it failed\n"),
        Err(_) => {
            let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            (StatusCode::SERVICE_UNAVAILABLE, headers, LATE).into_response()
        }
    }
}

impl axum::response::IntoResponse for ApiError {
    /// Go's `http.Error` says that the JSON is plain text.
    fn into_response(self) -> Response {
        let status = self.status();
        let body = json!({"error": self.to_string(), "status": status.as_u16()});
        plain(status, &format!("{body}\n"))
    }
}

fn plain(status: StatusCode, text: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, text.to_owned()).into_response()
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (status, headers, value.to_string()).into_response()
}

fn ok(value: &Value) -> Answer {
    Ok(json_response(StatusCode::OK, value))
}

fn nothing() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn all(State(app): Shared) -> Answer {
    ok(&app.registry.lock().await.all())
}

async fn create(State(app): Shared, body: Bytes) -> Answer {
    let wanted = Wanted::read(&Object::read(&body)?, None)?;
    let proxy = app.registry.lock().await.create(wanted).await?;
    Ok(json_response(StatusCode::CREATED, &proxy))
}

async fn populate(State(app): Shared, body: Bytes) -> Answer {
    let (done, result) = app.registry.lock().await.populate(&body).await;
    let status = match &result {
        Ok(()) => StatusCode::CREATED,
        Err(error) => error.status(),
    };
    Ok(json_response(status, &populated(done, &result)))
}

async fn show(State(app): Shared, Path(proxy): Path<String>) -> Answer {
    ok(&app.registry.lock().await.proxy(&proxy)?.to_json())
}

async fn update(State(app): Shared, Path(proxy): Path<String>, body: Bytes) -> Answer {
    let mut registry = app.registry.lock().await;
    // an unknown proxy goes before a wrong body
    registry.proxy(&proxy)?;
    ok(&registry.update(&proxy, &Object::read(&body)?).await?)
}

async fn delete(State(app): Shared, Path(proxy): Path<String>) -> Answer {
    app.registry.lock().await.delete(&proxy).await?;
    nothing()
}

async fn toxics(State(app): Shared, Path(proxy): Path<String>) -> Answer {
    ok(&app.registry.lock().await.proxy(&proxy)?.toxics())
}

async fn add_toxic(State(app): Shared, Path(proxy): Path<String>, body: Bytes) -> Answer {
    let mut registry = app.registry.lock().await;
    registry.proxy(&proxy)?;
    ok(&registry.add_toxic(&proxy, &Object::read(&body)?).await?)
}

async fn show_toxic(State(app): Shared, Path((proxy, toxic)): Path<(String, String)>) -> Answer {
    let registry = app.registry.lock().await;
    ok(&registry.proxy(&proxy)?.toxic(&toxic)?.to_json())
}

async fn change_toxic(
    State(app): Shared,
    Path((proxy, toxic)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let mut registry = app.registry.lock().await;
    registry.proxy(&proxy)?.toxic(&toxic)?;
    let body = Object::read(&body)?;
    ok(&registry.change_toxic(&proxy, &toxic, &body).await?)
}

async fn remove_toxic(State(app): Shared, Path((proxy, toxic)): Path<(String, String)>) -> Answer {
    let mut registry = app.registry.lock().await;
    registry.remove_toxic(&proxy, &toxic).await?;
    nothing()
}

async fn reset(State(app): Shared) -> Answer {
    app.registry.lock().await.reset().await?;
    nothing()
}

async fn version() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json;charset=utf-8")];
    (headers, format!("{{\"version\": \"{VERSION}\"}}\n")).into_response()
}

async fn connections(State(app): Shared) -> Answer {
    ok(&app.registry.lock().await.connections().await)
}

async fn leases(State(app): Shared) -> Answer {
    ok(&app.registry.lock().await.leases())
}

async fn lease(State(app): Shared, Path(lease): Path<String>, body: Bytes) -> Answer {
    let taken = app
        .registry
        .lock()
        .await
        .lease(&lease, &Object::read(&body)?)?;
    app.leases.notify_one();
    ok(&taken)
}

async fn end_lease(State(app): Shared, Path(lease): Path<String>) -> Answer {
    app.registry.lock().await.end_lease(&lease).await?;
    app.leases.notify_one();
    nothing()
}

async fn measure(State(app): Shared) -> Response {
    let mut text = String::new();
    if app.proxy_metrics {
        let registry = app.registry.lock().await;
        text.push_str(&registry.ground.counters.text());
        text.push_str(&metrics::connections(&registry.connections().await));
    }
    if app.runtime_metrics {
        text.push_str(&metrics::runtime());
    }
    let headers = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (headers, Body::from(text)).into_response()
}
