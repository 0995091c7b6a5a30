//! Runs: what is streamed is what the simulator says, and everything about them can be asked.

use crate::client::Running;
use espalier::sim::{Config, simulate};
use serde_json::{Value, json};
use std::ops::ControlFlow;

fn small() -> Value {
    json!({
        "nodes": 6, "rounds": 8, "model": "synthetic:4x4", "byzantine": "1",
        "attack": ["equivocation"], "partition": "2@1..3", "loss": 0.1,
    })
}

#[test]
fn a_run_streams_what_its_report_says() {
    let server = Running::new();
    let id = server.start(small());
    let events = server.events(&format!("/api/v1/runs/{id}/events"), None);
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names[..3], ["status", "status", "opening"]);
    assert_eq!(names.iter().filter(|name| **name == "round").count(), 9);
    assert_eq!(names.last(), Some(&"ending"));
    let config: Config = serde_json::from_value(small()).unwrap();
    let report = simulate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
    let report: Value = serde_json::from_str(&report.to_json()).unwrap();
    let ending = &events.last().unwrap().data;
    assert_eq!(ending["summary"], report["summary"]);
    assert_eq!(server.get(&format!("/api/v1/runs/{id}/report.json")).json(), report);
}
