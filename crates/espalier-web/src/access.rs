//! Who may ask: hosts, origins and the token.

use crate::error::Problem;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

/// The name of the cookie that holds the token.
const COOKIE: &str = "espalier-token";

/// Who is let in.
#[derive(Debug)]
pub(crate) struct Guard {
    /// The port that is served.
    port: u16,
    /// The hash of the token that every request needs, if one is needed.
    token: Option<blake3::Hash>,
}

impl Guard {
    pub(crate) fn new(port: u16, token: Option<&str>) -> Self {
        Self { port, token: token.map(|token| blake3::hash(token.as_bytes())) }
    }

    pub(crate) fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        let host = self.host(uri, headers)?;
        if ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
            own_page(headers, host)?;
        }
        let Some(token) = &self.token else { return Ok(()) };
        let known = given_tokens(headers).any(|given| is(token, given));
        let message = "this server needs its token: open the address that it printed, or send \
                       Authorization: Bearer TOKEN";
        known
            .then_some(())
            .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "no-token", message))
    }

    /// The host that the request names. Without a token only this machine's own names are served:
    /// another name that leads here is somebody else's page.
    pub(crate) fn host<'a>(
        &self,
        uri: &'a Uri,
        headers: &'a HeaderMap,
    ) -> Result<&'a str, Problem> {
        let wrong =
            |message: &str| Problem::new(StatusCode::MISDIRECTED_REQUEST, "bad-host", message);
        let mut named = headers.get_all(header::HOST).iter();
        let (first, second) = (named.next(), named.next());
        let host = first.filter(|_| second.is_none()).and_then(|host| host.to_str().ok());
        let host = host.ok_or_else(|| wrong("a request must name exactly one host"))?;
        let absolute = uri.authority().is_none_or(|authority| authority.as_str() == host);
        let name = host.strip_suffix(&format!(":{}", self.port));
        let name = name.or_else(|| (self.port == 80).then_some(host));
        let own = name.is_some_and(|name| ["127.0.0.1", "localhost", "[::1]"].contains(&name));
        if absolute && (own || self.token.is_some()) {
            return Ok(host);
        }
        Err(wrong("the request names a host that is not this server"))
    }
}

/// Whether what changes something comes from the page itself, or from no page.
fn own_page(headers: &HeaderMap, host: &str) -> Result<(), Problem> {
    let foreign = || {
        let message = "only the page of this server may ask for this";
        Problem::new(StatusCode::FORBIDDEN, "foreign-origin", message)
    };
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().map_err(|_| foreign())?;
        let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if rest != Some(host) {
            return Err(foreign());
        }
    }
    match headers.get("sec-fetch-site").map(|site| site.as_bytes()) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(foreign()),
    }
}

/// Compares hashes, in a time that tells nothing.
fn is(token: &blake3::Hash, given: &str) -> bool {
    *token == blake3::hash(given.as_bytes())
}

fn given_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let texts =
        |name: HeaderName| headers.get_all(name).into_iter().filter_map(|v| v.to_str().ok());
    let bearer = texts(header::AUTHORIZATION).filter_map(|value| value.strip_prefix("Bearer "));
    let cookies = texts(header::COOKIE).flat_map(|value| value.split(';'));
    let cookies = cookies.filter_map(|pair| pair.trim().split_once('='));
    bearer.chain(cookies.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value)).map(str::trim)
}

/// The first address: the token moves from it into a cookie, so that it stays in no history.
pub(crate) fn enter(guard: &Guard, request: &Request) -> Option<Response> {
    let token = guard.token.as_ref()?;
    if request.uri().path() != "/" || request.method() != Method::GET {
        return None;
    }
    let query = request.uri().query()?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, given) = pairs.find(|(name, _)| name == "token")?;
    if !is(token, &given) {
        return None;
    }
    let rest = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "token");
    let rest = form_urlencoded::Serializer::new(String::new()).extend_pairs(rest).finish();
    let place = if rest.is_empty() { "/".to_owned() } else { format!("/?{rest}") };
    let cookie = format!("{COOKIE}={given}; Path=/; HttpOnly; SameSite=Strict");
    let headers = [
        (header::LOCATION, HeaderValue::from_str(&place).ok()?),
        (header::SET_COOKIE, HeaderValue::from_str(&cookie).ok()?),
    ];
    Some((StatusCode::SEE_OTHER, headers).into_response())
}
