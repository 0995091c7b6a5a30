//! All addresses.

use crate::app::App;
use crate::error::Problem;
use crate::lab::Lab;
use crate::run::Run;
use crate::{assets, door, info, labs, presets, runs, uploads, works};
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get};
use std::sync::Arc;

/// The description of the interface: OpenAPI 3.1.
pub const OPENAPI: &str = include_str!("../openapi.json");

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
        .route("/models", get(uploads::list).post(uploads::add))
        .route("/models/{id}", delete(uploads::remove));
    Router::new()
        .route("/", get(assets::page))
        .route("/assets/{name}", get(assets::file))
        .nest("/api/v1", api)
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(app.clone(), door::stand))
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
