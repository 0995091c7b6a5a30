//! Reading requests: parameters and bodies, each refused by name.

use crate::error::Problem;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// How long a small body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The names in an address.
#[derive(Debug)]
pub(crate) struct Names<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Names<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let names = Path::<T>::from_request_parts(parts, state).await;
        let Path(names) = names.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "bad-address", "the address is not text")
        })?;
        Ok(Self(names))
    }
}

/// The parameters after the question mark.
#[derive(Debug)]
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    /// # Errors
    /// A parameter that is not known, or stands twice.
    pub(crate) fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut found = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                let message = match known {
                    [] => "this address takes no parameters".to_owned(),
                    known => format!("no such parameter; this address takes {}", known.join(", ")),
                };
                return Err(Problem::field("bad-parameter", name, message));
            }
            if found.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Problem::field("bad-parameter", name, "is given twice"));
            }
        }
        Ok(Self(found))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A whole number within a range.
    pub(crate) fn number<T>(
        &self,
        name: &str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, Problem>
    where
        T: FromStr + PartialOrd + std::fmt::Display,
    {
        let wanted = || format!("must be a whole number from {} to {}", range.start(), range.end());
        self.parsed(name, |text| {
            text.parse().ok().filter(|value| range.contains(value)).ok_or_else(wanted)
        })
    }

    /// A value that one of these words stands for.
    pub(crate) fn word<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Problem> {
        self.parsed(name, |text| {
            let found = words.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                format!("must be one of {}", words.join(", "))
            })
        })
    }

    fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Problem> {
        let parsed = self.text(name).map(parse).transpose();
        parsed.map_err(|message| Problem::field("bad-parameter", name, message))
    }
}

/// A JSON body of at most `most` bytes.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) async fn json_body<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "bad-type",
            "the body must be JSON, with Content-Type: application/json",
        ));
    }
    let bytes = match tokio::time::timeout(BODY_TIME, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return Err(cut_off(&error, most)),
        Err(_) => {
            let message = format!("the body did not arrive within {} s", BODY_TIME.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow", message));
        }
    };
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let known = path != "." && !path.contains('?');
        let wrong = Problem::new(StatusCode::BAD_REQUEST, "bad-json", plain(error.inner()));
        Problem { field: known.then(|| inner_name(&path)), ..wrong }
    })?;
    reader.end().map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "bad-json", format!("after the body: {error}"))
    })?;
    Ok(value)
}

/// What is wrong, without where: a form has no lines. A text that is not JSON keeps its place.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if !error.is_data() {
        return text;
    }
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

fn cut_off(error: &axum::Error, most: usize) -> Problem {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    if source.contains("limit") {
        let message = format!("the body is longer than {most} bytes");
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message);
    }
    Problem::new(StatusCode::BAD_REQUEST, "bad-body", "the body was cut short")
}

/// Fields of the one thing that a body holds are named without it.
fn inner_name(path: &str) -> String {
    let inner = path.strip_prefix("config.").or_else(|| path.strip_prefix("grid."));
    inner.unwrap_or(path).to_owned()
}
