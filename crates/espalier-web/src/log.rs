//! The events of a run: written once, read by any number of viewers.
//!
//! An event is kept as the bytes that go over the wire. A viewer holds its place in the log and
//! nothing else, so a slow one costs no memory; one that comes back says how far it was.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::error::Problem;

/// A viewer that hears nothing for this long gets a comment, so that nobody thinks it is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events in order, the first with number 1.
#[derive(Debug)]
pub(crate) struct Log {
    events: Mutex<Events>,
    /// The number of events there are and whether more may come, for those who wait.
    news: watch::Sender<(usize, bool)>,
    /// Bytes that may be kept.
    most: usize,
}

#[derive(Debug, Default)]
struct Events {
    kept: Vec<Bytes>,
    bytes: usize,
}

impl Log {
    pub(crate) fn new(most: usize) -> Self {
        Self { events: Mutex::default(), news: watch::Sender::new((0, true)), most }
    }

    /// Adds an event; whether there was room for it.
    pub(crate) fn push(&self, name: &str, data: &impl Serialize) -> bool {
        let Ok(data) = serde_json::to_string(data) else { return false };
        let mut events = lock(&self.events);
        let number = events.kept.len() + 1;
        let text = format!("id: {number}\nevent: {name}\ndata: {data}\n\n");
        if events.bytes + text.len() > self.most {
            return false;
        }
        events.bytes += text.len();
        events.kept.push(Bytes::from(text));
        drop(events);
        self.news.send_modify(|(count, _)| *count = number);
        true
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.news.send_modify(|(_, open)| *open = false);
    }

    /// Bytes of all events.
    pub(crate) fn bytes(&self) -> usize {
        lock(&self.events).bytes
    }

    fn get(&self, place: usize) -> Option<Bytes> {
        lock(&self.events).kept.get(place).cloned()
    }
}

fn lock(events: &Mutex<Events>) -> MutexGuard<'_, Events> {
    events.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far a viewer has seen: the number of the last event it got, 0 for a new one.
///
/// # Errors
/// A number that is none.
pub(crate) fn last_seen(headers: &HeaderMap) -> Result<usize, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(0) };
    let number = value.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    number.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Problem::field("bad-request", "Last-Event-ID", "must be the number of an event")
    })
}

struct Viewer {
    log: Arc<Log>,
    news: watch::Receiver<(usize, bool)>,
    stop: watch::Receiver<bool>,
    place: usize,
    _permit: OwnedSemaphorePermit,
}

impl Viewer {
    /// The next event, as soon as there is one; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let (count, open) = *self.news.borrow_and_update();
            if self.place < count {
                let event = self.log.get(self.place)?;
                self.place += 1;
                return Some(event);
            }
            if !open || *self.stop.borrow() {
                return None;
            }
            tokio::select! {
                changed = self.news.changed() => changed.ok()?,
                stopped = self.stop.changed() => stopped.ok()?,
                () = tokio::time::sleep(KEEP_ALIVE) => return Some(Bytes::from_static(b":\n\n")),
            }
        }
    }
}

/// The events after the one that the viewer saw last, and all that follow until the end. A viewer
/// who has seen everything there will ever be gets no content, which tells it not to come back.
pub(crate) fn stream_from(
    log: Arc<Log>,
    seen: usize,
    stop: watch::Receiver<bool>,
    permit: OwnedSemaphorePermit,
) -> Response {
    let news = log.news.subscribe();
    let (count, open) = *news.borrow();
    if !open && seen >= count {
        return StatusCode::NO_CONTENT.into_response();
    }
    let viewer = Viewer { log, news, stop, place: seen.min(count), _permit: permit };
    let events = stream::unfold(viewer, |mut viewer| async move {
        let event = viewer.next().await?;
        Some((Ok::<_, Infallible>(event), viewer))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Body::from_stream(events)).into_response()
}
