//! The page and its files, and what every answer tells a browser.

use crate::client::Running;
use std::io::Read as _;

#[test]
fn the_page_comes_with_a_strict_policy_and_its_files_packed() {
    let server = Running::new();
    let page = server.get("/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe-eval"));
    // No script stands in the markup.
    let text = page.text();
    assert!(text.split("<script").skip(1).all(|tag| tag.trim_start().starts_with("src=")));
    for (name, kind) in [
        ("espalier.js", "text/javascript; charset=utf-8"),
        ("espalier.css", "text/css; charset=utf-8"),
        ("plotly.js", "text/javascript; charset=utf-8"),
    ] {
        assert!(text.contains(&format!("/assets/{name}")));
        let path = format!("/assets/{name}");
        let plain = server.get(&path);
        assert_eq!(plain.header("content-type"), Some(kind));
        assert_eq!(plain.header("x-content-type-options"), Some("nosniff"));
        let packed = server.send("GET", &path, &["Accept-Encoding: br, gzip"], b"");
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == plain.body && packed.body.len() < plain.body.len());
        let tag = plain.header("etag").unwrap();
        let known = server.send("GET", &path, &[&format!("If-None-Match: {tag}")], b"");
        assert_eq!((known.status, known.body.len()), (304, 0));
    }
    assert_eq!(server.get("/assets/../Cargo.toml").status, 404);
    assert_eq!(server.get("/assets/%2e%2e%2fCargo.toml").status, 404);
    assert_eq!(server.get("/assets/nothing.js").status, 404);
    let openapi = server.get("/api/v1/openapi.json");
    assert_eq!(openapi.text(), espalier_web::OPENAPI);
    for reply in [page, openapi, server.get("/nowhere")] {
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"));
        assert!(reply.header("cache-control").is_some());
    }
}
