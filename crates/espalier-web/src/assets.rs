//! The page and its files: packed once, served with a validator.

use crate::app::Answer;
use crate::error::Problem;
use crate::request::Names;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use espalier_page::{LIVE, plotly_js};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::sync::LazyLock;

/// A file as it is sent.
struct Asset {
    kind: &'static str,
    plain: axum::body::Bytes,
    packed: axum::body::Bytes,
    tag: HeaderValue,
}

impl Asset {
    fn new(kind: &'static str, text: String) -> Self {
        let hash = blake3::hash(text.as_bytes()).to_hex();
        let tag = HeaderValue::from_str(&format!("\"{}\"", &hash[..32]));
        let packed = gzip(text.as_bytes()).into();
        let tag = tag.unwrap_or(HeaderValue::from_static("\"\""));
        Self { kind, plain: text.into(), packed, tag }
    }

    /// The file; nothing if the browser has it already.
    fn answer(&self, headers: &HeaderMap) -> Response {
        let mut about = HeaderMap::new();
        about.insert(header::ETAG, self.tag.clone());
        about.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        about.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        if let (Some(known), Ok(tag)) = (text(header::IF_NONE_MATCH), self.tag.to_str())
            && known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)
        {
            return (StatusCode::NOT_MODIFIED, about).into_response();
        }
        about.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        if text(header::ACCEPT_ENCODING).is_some_and(|kinds| kinds.contains("gzip")) {
            about.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            return (about, self.packed.clone()).into_response();
        }
        (about, self.plain.clone()).into_response()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::new(6));
    // Writing to memory does not fail; an empty file would be noticed at once.
    let _ = packer.write_all(bytes);
    packer.finish().unwrap_or_default()
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

static INDEX: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("text/html; charset=utf-8", LIVE.index_html()));
static OWN_SCRIPT: LazyLock<Asset> = LazyLock::new(|| Asset::new(SCRIPT, LIVE.script()));
static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("text/css; charset=utf-8", LIVE.style()));
static PLOTLY: LazyLock<Asset> = LazyLock::new(|| Asset::new(SCRIPT, plotly_js().to_owned()));

/// Packs all files, so that the first viewer does not wait for it.
pub(crate) fn prepare() {
    for asset in [&INDEX, &OWN_SCRIPT, &STYLE, &PLOTLY] {
        LazyLock::force(asset);
    }
}

pub(crate) async fn page(headers: HeaderMap) -> Response {
    INDEX.answer(&headers)
}

pub(crate) async fn file(Names(name): Names<String>, headers: HeaderMap) -> Answer {
    let asset = match name.as_str() {
        "espalier.js" => &OWN_SCRIPT,
        "espalier.css" => &STYLE,
        "plotly.js" => &PLOTLY,
        _ => return Err(Problem::not_found("there is no such file")),
    };
    Ok(asset.answer(&headers))
}
