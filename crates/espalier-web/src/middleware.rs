//! What every request passes before its handler: the guard, and its turn among those that are
//! answered at once. Every answer says what a browser may do with it.

use crate::access::enter;
use crate::app::App;
use crate::error::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;
use std::time::Duration;

/// How long a request may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Stands before every handler.
pub(crate) async fn stand(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let guard = &app.guard;
    let host = guard.host(request.uri(), request.headers()).map(drop);
    let mut response = match (host, enter(guard, &request)) {
        (Ok(()), Some(entered)) => entered,
        _ => match guard.check(request.method(), request.uri(), request.headers()) {
            Err(problem) => problem.into_response(),
            Ok(()) => answer(&app, request, next).await,
        },
    };
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, espalier_page::LIVE.policy()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let headers = response.headers_mut();
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Asks the handler, as soon as not too many are being asked.
async fn answer(app: &App, request: Request, next: Next) -> Response {
    let place = tokio::time::timeout(PATIENCE, app.requests.acquire()).await;
    let Ok(Ok(_place)) = place else {
        let message = format!("at most {} requests are answered at once", app.limits.requests);
        return Problem::busy(message).into_response();
    };
    next.run(request).await
}
