//! The requests about models.

use crate::app::{Answer, App};
use crate::error::{Problem, json, ok};
use crate::models::{Upload, check, no_disk};
use crate::request::{Names, Query};
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// The longest name of a model, in characters.
const MAX_NAME: usize = 100;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Response {
    let models: Vec<_> = app.models.shelf().models.iter().rev().cloned().collect();
    ok(&models.iter().map(|model| &**model).collect::<Vec<&Upload>>())
}

pub(crate) async fn add(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let query = Query::read(query.as_deref(), &["name"])?;
    let name = query.text("name").unwrap_or("model").trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        let message = format!("must be text of 1 to {MAX_NAME} characters");
        return Err(Problem::field("bad-parameter", "name", message));
    }
    let models = &app.models;
    let told =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    // What says that it is too large need not be read.
    if told.is_some_and(|told: u64| told > models.limits.upload) {
        return Err(models.too_large());
    }
    let mut arrival = models.begin()?;
    let file = NamedTempFile::with_suffix_in(".safetensors", models.folder.path());
    let (file, path) = file.map_err(|error| no_disk(&error))?.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let hash = models.receive(body, &mut file, &mut arrival).await?;
    drop(file);
    let id = hash.to_hex().to_string();
    if let Some(known) = models.find(&id) {
        return Ok(json(StatusCode::OK, &*known));
    }
    let (path, (tensors, parameters)) = app
        .compute(move || {
            let found = check(&path)?;
            Ok::<_, Problem>((path, found))
        })
        .await??;
    let model =
        Arc::new(Upload { id, name, bytes: arrival.bytes, tensors, parameters, file: path });
    drop(arrival);
    let mut shelf = models.shelf();
    // Somebody else may have brought the same meanwhile.
    if let Some(known) = shelf.models.iter().find(|known| known.id == model.id) {
        return Ok(json(StatusCode::OK, &**known));
    }
    shelf.models.push_back(model.clone());
    drop(shelf);
    Ok(json(StatusCode::CREATED, &*model))
}

pub(crate) async fn remove(State(app): State<Arc<App>>, Names(id): Names<String>) -> Answer {
    let mut shelf = app.models.shelf();
    let place = shelf.models.iter().position(|model| model.id == id);
    let gone = place.and_then(|place| shelf.models.remove(place));
    drop(shelf);
    match gone {
        Some(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        None => Err(Problem::not_found("there is no such model; it may have been removed")),
    }
}
