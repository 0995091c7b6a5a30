//! What does not fit is refused, and what is old goes.

use crate::client::{Reply, Running};
use espalier_web::Limits;
use serde_json::{Value, json};
use std::io::{BufReader, Read as _, Write as _};

fn long() -> Value {
    json!({ "nodes": 48, "rounds": 200, "model": "synthetic:64" })
}

fn short(seed: u64) -> Value {
    json!({ "nodes": 2, "rounds": 1, "model": "synthetic:2", "seed": seed })
}

#[test]
fn runs_wait_and_too_many_are_refused() {
    let server = Running::with(Limits { at_once: 1, waiting: 2, ..Limits::default() }, None);
    let ids: Vec<_> = (0..3).map(|_| server.start(long())).collect();
    let status = |id: &str| server.get(&format!("/api/v1/runs/{id}")).json()["status"].clone();
    assert_eq!([status(&ids[0]), status(&ids[1])], [json!("running"), json!("waiting")]);
    let reply = server.post("/api/v1/runs", &json!({ "config": long() }));
    assert_eq!(reply.problem(), (429, "too-many".into(), None));
    assert_eq!(reply.header("retry-after"), Some("2"));
    // One that waits is stopped at once and makes room.
    assert_eq!(server.delete(&format!("/api/v1/runs/{}", ids[1])).json()["status"], "stopped");
    let events = server.events(&format!("/api/v1/runs/{}/events", ids[1]), None);
    assert_eq!(events.last().unwrap().data["status"], "stopped");
    assert_eq!(server.get(&format!("/api/v1/runs/{}/report.json", ids[1])).status, 409);
    server.start(long());
    assert_eq!(server.get(&format!("/api/v1/runs/{}/nodes/node_0", ids[2])).status, 409);
}

#[test]
fn runs_that_do_not_fit_beside_each_other_take_turns() {
    let server = Running::with(Limits { memory: 48 << 20, ..Limits::default() }, None);
    let ids = [long(), long(), short(1)].map(|config| server.start(config));
    let status = |id: &str| server.get(&format!("/api/v1/runs/{id}")).json()["status"].clone();
    assert_eq!(ids.each_ref().map(|id| status(id)), ["running", "waiting", "waiting"]);
    // Room is what the one that ends leaves.
    server.delete(&format!("/api/v1/runs/{}", ids[0]));
    let events = server.events(&format!("/api/v1/runs/{}/events", ids[1]), None);
    assert_eq!(events[0].data["status"], "waiting");
    assert_eq!(events[1].data["status"], "running");
    server.events(&format!("/api/v1/runs/{}/events", ids[2]), None);
    assert_eq!(status(&ids[2]), "done");
}

#[test]
fn the_oldest_runs_are_forgotten() {
    let server = Running::with(Limits { kept: 3, ..Limits::default() }, None);
    let ids: Vec<_> = (0..6).map(|seed| server.run(short(seed)).0).collect();
    // The last one ends a moment after its last event.
    server.run(short(9));
    let kept = server.get("/api/v1/runs").json();
    assert!(kept.as_array().unwrap().len() <= 4);
    assert_eq!(server.get(&format!("/api/v1/runs/{}", ids[0])).status, 404);
    assert_eq!(server.get(&format!("/api/v1/runs/{}", ids[5])).status, 200);
}

#[test]
fn heavy_runs_are_forgotten_sooner() {
    let server = Running::with(Limits { kept_bytes: 1, ..Limits::default() }, None);
    let ids: Vec<_> = (0..3).map(|seed| server.run(short(seed)).0).collect();
    assert_eq!(server.get(&format!("/api/v1/runs/{}", ids[0])).status, 404);
    assert_eq!(server.get(&format!("/api/v1/runs/{}", ids[2])).status, 200);
}

#[test]
fn a_run_that_says_too_much_fails_with_a_reason() {
    let server = Running::with(Limits { log_bytes: 20_000, ..Limits::default() }, None);
    let (id, events) = server.run(json!({ "nodes": 12, "rounds": 40, "model": "synthetic:2" }));
    assert_ne!(events.last().unwrap().name, "ending");
    let run = server.get(&format!("/api/v1/runs/{id}")).json();
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("too-large")));
}

#[test]
fn viewers_connections_and_requests_are_counted() {
    let limits = Limits { viewers: 2, connections: 5, ..Limits::default() };
    let server = Running::with(limits, None);
    let id = server.start(long());
    let path = format!("/api/v1/runs/{id}/events");
    let viewer = || {
        let mut stream = server.connect();
        stream.write_all(&server.head("GET", &path, &[], 0)).unwrap();
        let mut some = [0; 64];
        stream.read_exact(&mut some).unwrap();
        stream
    };
    let first = (viewer(), viewer());
    assert_eq!(server.get(&path).problem().0, 503);
    // Three more connections may be there, and say nothing.
    let silent: Vec<_> = (0..3).map(|_| server.connect()).collect();
    let mut turned_away = server.connect();
    turned_away.write_all(&server.head("GET", "/", &[], 0)).unwrap();
    let reply = Reply::read(&mut BufReader::new(turned_away));
    assert_eq!(reply.problem(), (503, "busy".into(), None));
    drop((first, silent));
    // They are free again once the server has noticed.
    let free = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let mut stream = server.connect();
        let _ = stream.write_all(&server.head("GET", "/api/v1/runs", &[], 0));
        Reply::read(&mut BufReader::new(stream)).status == 200
    });
    assert!(free);
}

/// Stopping ends streams and runs, and takes uploads along.
#[test]
fn a_server_that_stops_ends_its_streams() {
    let mut server = Running::new();
    let id = server.start(long());
    let mut stream = server.connect();
    stream.write_all(&server.head("GET", &format!("/api/v1/runs/{id}/events"), &[], 0)).unwrap();
    let mut some = [0; 64];
    stream.read_exact(&mut some).unwrap();
    server.stop();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
}
