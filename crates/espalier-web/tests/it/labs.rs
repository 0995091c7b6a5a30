//! Labs: the grid they stream is the grid that is run.

use crate::client::Running;
use espalier::sim::{GridConfig, run_grid};
use serde_json::{Value, json};
use std::ops::ControlFlow;

fn grid() -> Value {
    json!({
        "model": "synthetic:64", "attacks": ["sign-flip", "nan"], "shares": ["0", "30%"],
        "spreads": ["iid"], "topologies": ["random"], "nodes": [8], "seeds": [1],
        "profile": null, "retrain": null, "attest": true,
    })
}

#[test]
fn a_lab_streams_its_grid() {
    let server = Running::new();
    let reply = server.post("/api/v1/labs", &json!({ "grid": grid() }));
    assert_eq!((reply.status, &reply.json()["cells"]), (201, &json!(3)));
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let events = server.events(&format!("/api/v1/labs/{id}/events"), None);
    let cells: Vec<_> = events.iter().filter(|event| event.name == "cell").collect();
    assert_eq!(cells.iter().map(|c| c.data["done"].as_u64().unwrap()).max(), Some(3));
    let config: GridConfig = serde_json::from_value(grid()).unwrap();
    let expected = run_grid(&config, Vec::new(), &mut |_| ControlFlow::Continue(()));
    let expected: Value = serde_json::from_str(&expected.unwrap().unwrap().to_json()).unwrap();
    assert_eq!(events.last().unwrap().data, json!({ "status": "done", "grid": expected }));
    let lab = server.get(&format!("/api/v1/labs/{id}")).json();
    assert_eq!((&lab["status"], &lab["done"]), (&json!("done"), &json!(3)));
    let page = server.get(&format!("/api/v1/labs/{id}/report.html"));
    assert!(page.text().contains("attack grid"));
    assert_eq!(server.get("/api/v1/labs").json().as_array().unwrap().len(), 1);
    assert_eq!(server.delete(&format!("/api/v1/labs/{id}")).status, 204);
    assert_eq!(server.get(&format!("/api/v1/labs/{id}")).status, 404);
}

#[test]
fn a_lab_can_be_stopped() {
    let server = Running::new();
    let mut large = grid();
    large["nodes"] = json!([48]);
    large["seeds"] = json!((1..=30).collect::<Vec<_>>());
    let reply = server.post("/api/v1/labs", &json!({ "grid": large }));
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/labs/{id}");
    assert_eq!(server.get(&format!("{path}/report.html")).status, 409);
    while server.get(&path).json()["done"] == json!(0) {}
    server.delete(&path);
    let events = server.events(&format!("{path}/events"), None);
    let ending = &events.last().unwrap().data;
    assert_eq!(ending["status"], "stopped");
    let told = events.iter().filter(|event| event.name == "cell").count();
    assert_eq!(ending["grid"]["cells"].as_array().unwrap().len(), told);
}

#[test]
fn labs_that_are_too_large_or_name_files_are_refused() {
    let server = Running::new();
    let cases = [
        ("nodes", json!([65]), "nodes"),
        ("nodes", json!([]), "nodes"),
        ("seeds", json!((0..201).collect::<Vec<_>>()), "attacks"),
        ("topologies", json!(["file:/etc/passwd"]), "topologies"),
        ("model", json!("/etc/passwd"), "model"),
        ("model", json!("synthetic:1000000000"), "model"),
        ("retrain", json!({ "every": 0, "times": 3 }), "retrain"),
        ("retrain", json!({ "every": 100, "times": 4_000_000_000_u32 }), "retrain"),
        ("attacks", json!(["nothing"]), "attacks[0]"),
    ];
    for (axis, value, field) in cases {
        let mut grid = grid();
        grid[axis] = value;
        let reply = server.post("/api/v1/labs", &json!({ "grid": grid }));
        let problem = reply.problem();
        assert_eq!((problem.0, problem.2.as_deref()), (400, Some(field)), "{axis}: {grid}");
    }
}
