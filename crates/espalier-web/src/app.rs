//! What all requests share.

use crate::access::Guard;
use crate::board::Board;
use crate::error::Problem;
use crate::limits::Limits;
use crate::log::{Log, last_seen, stream_from};
use crate::models::Models;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
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
    pub(crate) guard: Guard,
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
        guard: Guard,
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
