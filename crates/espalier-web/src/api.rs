//! All addresses.

use crate::app::App;
use crate::error::Problem;
use crate::lab::Lab;
use crate::run::Run;
use crate::{
    assets, info, lab_requests, middleware, presets, run_requests, uploads, work_requests,
};
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
        .route("/runs", get(work_requests::list::<Run>).post(run_requests::start))
        .route("/runs/{id}", get(work_requests::show::<Run>).delete(work_requests::remove::<Run>))
        .route("/runs/{id}/events", get(work_requests::events::<Run>))
        .route("/runs/{id}/audit", get(run_requests::audit))
        .route("/runs/{id}/audit.csv", get(run_requests::audit_table))
        .route("/runs/{id}/audit.json", get(run_requests::audit_json))
        .route("/runs/{id}/trace", get(run_requests::trace))
        .route("/runs/{id}/evidence", get(run_requests::evidence))
        .route("/runs/{id}/nodes/{name}", get(run_requests::node))
        .route("/runs/{id}/nodes/{name}/proof", get(run_requests::proof))
        .route("/runs/{id}/report.json", get(run_requests::report_json))
        .route("/runs/{id}/report.html", get(run_requests::report_page))
        .route("/labs", get(work_requests::list::<Lab>).post(lab_requests::start))
        .route("/labs/{id}", get(work_requests::show::<Lab>).delete(work_requests::remove::<Lab>))
        .route("/labs/{id}/events", get(work_requests::events::<Lab>))
        .route("/labs/{id}/report.html", get(lab_requests::page))
        .route("/models", get(uploads::list).post(uploads::add))
        .route("/models/{id}", delete(uploads::remove));
    Router::new()
        .route("/", get(assets::page))
        .route("/assets/{name}", get(assets::file))
        .nest("/api/v1", api)
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn_with_state(app.clone(), middleware::stand))
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
