//! Requests of other pages, of other hosts, and of nobody who means well.

use crate::client::{Reply, Running};
use serde_json::json;
use std::io::{BufReader, Read as _, Write as _};
use std::time::Duration;

const JSON: &str = "Content-Type: application/json";

#[test]
fn another_host_is_not_served() {
    let server = Running::new();
    let port = server.address.port();
    let hosts = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "127.0.0.1".into(),
        format!("127.0.0.1:{}", port ^ 1),
        format!("127.0.0.1:{port}.evil.example"),
        format!("127.0.0.2:{port}"),
        String::new(),
    ];
    for host in hosts {
        let reply = server.send("GET", "/api/v1/runs", &[&format!("Host: {host}")], b"");
        assert_eq!(reply.problem(), (421, "bad-host".into(), None), "{host}");
    }
    for host in [format!("localhost:{port}"), format!("[::1]:{port}")] {
        let reply = server.send("GET", "/api/v1/runs", &[&format!("Host: {host}")], b"");
        assert_eq!(reply.status, 200, "{host}");
    }
    let two = [format!("Host: {}", server.address), "Host: evil.example".to_owned()];
    let two: Vec<_> = two.iter().map(String::as_str).collect();
    assert_ne!(server.send("GET", "/api/v1/runs", &two, b"").status, 200);
}

#[test]
fn another_page_may_change_nothing() {
    let server = Running::new();
    let body = json!({ "config": { "nodes": 2, "rounds": 1, "model": "synthetic:4" } }).to_string();
    let own = format!("Origin: http://{}", server.address);
    let foreign = [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: http://127.0.0.1",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ];
    for line in foreign {
        for (method, path) in
            [("POST", "/api/v1/runs"), ("POST", "/api/v1/models"), ("DELETE", "/api/v1/runs/run-1")]
        {
            let reply = server.send(method, path, &[JSON, line], body.as_bytes());
            assert_eq!(reply.problem(), (403, "foreign-origin".into(), None), "{line} {method}");
        }
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let line = format!("Content-Type: {kind}");
        let reply = server.send("POST", "/api/v1/runs", &[&line], body.as_bytes());
        assert_eq!(reply.problem().0, 415);
    }
    assert_eq!(server.get("/api/v1/runs").json(), json!([]));
    let lines = [JSON, own.as_str(), "Sec-Fetch-Site: same-origin"];
    assert_eq!(server.send("POST", "/api/v1/runs", &lines, body.as_bytes()).status, 201);
}

#[test]
fn with_a_token_nobody_is_served_without_it() {
    let token = "0123456789abcdef-secret";
    let server = Running::with(Default::default(), Some(token));
    let get = |lines: &[&str]| server.send("GET", "/api/v1/runs", lines, b"");
    let right = format!("Authorization: Bearer {token}");
    let cookie = format!("Cookie: other=1; espalier-token={token}");
    assert_eq!((get(&[&right]).status, get(&[&cookie]).status), (200, 200));
    for wrong in [
        "Accept: */*",
        "Authorization: Bearer 0123456789abcdef-secreT",
        "Authorization: Bearer ",
        "Cookie: espalier-token=",
    ] {
        assert_eq!(get(&[wrong]).problem(), (401, "no-token".into(), None), "{wrong}");
    }
    for path in ["/", "/assets/espalier.js", "/?token=wrong"] {
        assert_eq!(server.get(path).status, 401, "{path}");
    }
    let entered = server.get(&format!("/?token={token}&nodes=4"));
    assert_eq!((entered.status, entered.header("location")), (303, Some("/?nodes=4")));
    let set = entered.header("set-cookie").unwrap();
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
}

#[test]
fn bodies_that_are_wrong_are_refused_by_name() {
    let server = Running::new();
    let post = |body: &str| server.send("POST", "/api/v1/runs", &[JSON], body.as_bytes()).problem();
    let cases = [
        (r#"{"config": {"nodes": 1000000000}}"#, "bad-config", "nodes"),
        (r#"{"config": {"nodes": -1}}"#, "bad-json", "nodes"),
        (r#"{"config": {"nodes": 1e300}}"#, "bad-json", "nodes"),
        (r#"{"config": {"rounds": 0}}"#, "bad-config", "rounds"),
        (r#"{"config": {"loss": 2}}"#, "config-field", "loss"),
        (r#"{"config": {"topology": "rink"}}"#, "bad-json", "topology"),
        (r#"{"config": {"topology": "file:/etc/passwd"}}"#, "bad-config", "topology"),
        (r#"{"config": {"model": "/etc/passwd"}}"#, "bad-config", "model"),
        (r#"{"config": {"strategy": "tiess"}}"#, "config-field", "strategy"),
        (r#"{"config": {"attack": ["sign-flip", "x"]}}"#, "bad-json", "attack[1]"),
        (r#"{"config": {"nodez": 3}}"#, "bad-json", "nodez"),
    ];
    for (body, code, field) in cases {
        assert_eq!(post(body), (400, code.into(), Some(field.into())), "{body}");
    }
    let deep = format!("{{\"config\": {}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    for body in ["", "{", "[]", "null", r#"{"config": {"loss": NaN}}"#, "{} {}", "\u{0}", &deep] {
        assert_eq!(post(body).0, 400, "{body:.60}");
    }
    let long = format!("{{\"config\": {{\"strategy\": \"{}\"}}}}", "x".repeat(1 << 20));
    assert_eq!(post(&long).0, 413);
    let bytes = server.send("POST", "/api/v1/runs", &[JSON], b"{\"config\": \xff}");
    assert_eq!(bytes.problem().0, 400);
    assert_eq!(server.get("/api/v1/runs").json(), json!([]), "nothing was started");
}

#[test]
fn addresses_that_are_wrong_lead_nowhere() {
    let server = Running::new();
    for path in [
        "/api/v1/runs/../../etc/passwd",
        "/api/v1/runs/%2e%2e%2f%2e%2e/events",
        "/api/v1/runs/run-1%00",
        "/api/v1/models/..",
        "/api/v1/",
        "/api/v2/runs",
        "//",
    ] {
        assert!([404, 405].contains(&server.get(path).status), "{path}");
    }
    assert_eq!(server.send("PUT", "/api/v1/runs", &[], b"").problem().1, "bad-method");
    assert_eq!(server.delete("/api/v1/models/00").problem().0, 404);
    let long = format!("/api/v1/runs/{}", "x".repeat(100_000));
    let mut stream = server.connect();
    stream.write_all(&server.head("GET", &long, &[], 0)).unwrap();
    let reply = Reply::read(&mut BufReader::new(stream));
    assert!([414, 431].contains(&reply.status), "{}", reply.status);
}

#[test]
fn requests_that_do_not_go_on_are_given_up() {
    let server = Running::new();
    let mut silent = server.connect();
    silent.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    let mut cut_off = server.connect();
    cut_off.write_all(&server.head("POST", "/api/v1/runs", &[JSON], 500)).unwrap();
    cut_off.write_all(b"{\"config\":").unwrap();
    // Others are served meanwhile.
    assert_eq!(server.get("/api/v1/runs").status, 200);
    let reply = Reply::read(&mut BufReader::new(cut_off));
    assert_eq!(reply.problem(), (408, "slow".into(), None));
    silent.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).unwrap();
    let mut gone = server.connect();
    gone.write_all(&server.head("POST", "/api/v1/runs", &[JSON], 500)).unwrap();
    gone.write_all(b"{\"config\":").unwrap();
    drop(gone);
    let mut garbage = server.connect();
    garbage.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xff, 13, 10, 13, 10]).unwrap();
    let _ = garbage.read_to_end(&mut rest);
    assert_eq!(server.get("/api/v1/runs").json(), json!([]));
}
