//! All addresses, and what their handlers share.

use crate::board::Board;
use crate::error::Problem;
use crate::labs::Lab;
use crate::limits::Limits;
use crate::log::{Log, last_seen, stream_from};
use crate::models::Models;
use crate::run::Run;
use crate::{OPENAPI, assets, guard, info, labs, models, presets, runs, works};
use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// What a handler answers.
pub(crate) type Answer = Result<Response, Problem>;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) limits: Limits,
    pub(crate) board: Arc<Board>,
    pub(crate) models: Models,
    pub(crate) guard: guard::Guard,
    viewers: Arc<Semaphore>,
    pub(crate) requests: Semaphore,
    /// Turns true when the server stops.
    stop: watch::Receiver<bool>,
}

impl App {
    /// # Errors
    /// If no temporary folder can be made.
    pub(crate) fn new(
        limits: Limits,
        guard: guard::Guard,
        stop: watch::Receiver<bool>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            limits,
            board: Arc::new(Board::new(limits)),
            models: Models::new(limits)?,
            guard,
            viewers: Arc::new(Semaphore::new(limits.viewers)),
            requests: Semaphore::new(limits.requests),
            stop,
        })
    }

    /// Streams events to a viewer.
    pub(crate) fn watch(&self, log: &Arc<Log>, headers: &HeaderMap) -> Answer {
        let seen = last_seen(headers)?;
        let permit = self.viewers.clone().try_acquire_owned().map_err(|_| {
            Problem::busy(format!("at most {} viewers are served at once", self.limits.viewers))
        })?;
        Ok(stream_from(log.clone(), seen, self.stop.clone(), permit))
    }

    /// Computes something that takes its time, next to the threads that answer.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| Problem::defect("this request failed because of a defect in the server"))
    }
}

/// An answer that a browser saves and does not show.
pub(crate) fn download(kind: &'static str, name: &'static str, bytes: Vec<u8>) -> Response {
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let disposition = disposition.unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, bytes).into_response()
}

/// Every address there is.
pub(crate) fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/openapi.json", get(openapi))
        .route("/info", get(info::show))
        .route("/presets", get(presets::list))
        .route("/runs", get(works::list::<Run>).post(runs::start))
        .route("/runs/{id}", get(works::show::<Run>).delete(works::remove::<Run>))
        .route("/runs/{id}/events", get(works::events::<Run>))
        .route("/runs/{id}/audit", get(runs::audit))
        .route("/runs/{id}/audit.csv", get(runs::audit_table))
        .route("/runs/{id}/audit.json", get(runs::audit_json))
        .route("/runs/{id}/trace", get(runs::trace))
        .route("/runs/{id}/evidence", get(runs::evidence))
        .route("/runs/{id}/nodes/{name}", get(runs::node))
        .route("/runs/{id}/nodes/{name}/proof", get(runs::proof))
        .route("/runs/{id}/report.json", get(runs::report_json))
        .route("/runs/{id}/report.html", get(runs::report_page))
        .route("/labs", get(works::list::<Lab>).post(labs::start))
        .route("/labs/{id}", get(works::show::<Lab>).delete(works::remove::<Lab>))
        .route("/labs/{id}/events", get(works::events::<Lab>))
        .route("/labs/{id}/report.html", get(labs::page))
        .route("/models", get(models::list).post(models::add))
        .route("/models/{id}", delete(models::remove));
    Router::new()
        .route("/", get(assets::page))
        .route("/assets/{name}", get(assets::file))
        .nest("/api/v1", api)
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(app.clone(), guard::stand))
        .with_state(app)
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], OPENAPI)
        .into_response()
}

async fn nothing() -> Problem {
    Problem::not_found("there is nothing at this address")
}

async fn not_so() -> Problem {
    let message = "this address does not take this method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "bad-method", message)
}
