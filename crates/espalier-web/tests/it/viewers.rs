//! Many viewers of one run.

use crate::client::{Event, Reply, Running};
use serde_json::json;
use std::io::{BufReader, Write as _};

/// Two hundred at once, half of them slow, all see the same.
#[test]
fn two_hundred_viewers_see_the_same_events() {
    let server = Running::new();
    let id = server.start(json!({ "nodes": 24, "rounds": 60, "model": "synthetic:64" }));
    let path = format!("/api/v1/runs/{id}/events");
    let viewers: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(&server.head("GET", &path, &[], 0)).unwrap();
            stream
        })
        .collect();
    // The first do not read before the run has ended.
    let whole = server.events(&path, None);
    assert_eq!(whole.last().unwrap().name, "ending");
    assert_eq!(whole.iter().filter(|event| event.name == "round").count(), 61);
    for stream in viewers {
        let reply = Reply::read(&mut BufReader::new(stream));
        assert!(Event::all(&reply.text()) == whole);
    }
}
