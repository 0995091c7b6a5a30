//! The requests that are the same for runs and labs.

use crate::app::{Answer, App};
use crate::board::Kind;
use crate::error::ok;
use crate::request::Names;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;

pub(crate) async fn list<W: Kind>(State(app): State<Arc<App>>) -> Response {
    let all: Vec<_> = app.board.all::<W>().iter().map(|work| work.value()).collect();
    ok(&all)
}

pub(crate) async fn show<W: Kind>(State(app): State<Arc<App>>, Names(id): Names<String>) -> Answer {
    Ok(ok(&app.board.find::<W>(&id)?.value()))
}

pub(crate) async fn remove<W: Kind>(
    State(app): State<Arc<App>>,
    Names(id): Names<String>,
) -> Answer {
    let work = app.board.find::<W>(&id)?;
    match app.board.remove(&*work) {
        true => Ok(ok(&work.value())),
        false => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

pub(crate) async fn events<W: Kind>(
    State(app): State<Arc<App>>,
    Names(id): Names<String>,
    headers: HeaderMap,
) -> Answer {
    app.watch(&app.board.find::<W>(&id)?.core().log, &headers)
}
