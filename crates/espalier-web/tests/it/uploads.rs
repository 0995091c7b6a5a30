//! Uploads: a model of the user's own, checked before it is used, and never named by its place.

use crate::client::Running;
use espalier::tensor::{Model, write_safetensors};
use espalier_web::Limits;
use serde_json::json;
use std::io::Write as _;

/// A safetensors file of one tensor.
fn file(values: &[f32]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let model = Model::from_f32(&[("w", &[values.len() as u64], values)]).unwrap();
    write_safetensors(&model, &Default::default(), &path, false).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn a_model_is_uploaded_run_and_removed() {
    let server = Running::new();
    let bytes = file(&[0.5, -1.0, 2.0, 8.0]);
    let reply = server.send("POST", "/api/v1/models?name=my%20model", &[], &bytes);
    assert_eq!(reply.status, 201, "{}", reply.text());
    let model = reply.json();
    assert_eq!((&model["name"], &model["parameters"]), (&json!("my model"), &json!(4)));
    assert_eq!(model["bytes"], json!(bytes.len()));
    let id = model["id"].as_str().unwrap();
    // The same bytes are the same model.
    assert_eq!(server.send("POST", "/api/v1/models", &[], &bytes).status, 200);
    assert_eq!(server.get("/api/v1/models").json(), json!([model]));

    let config = json!({ "nodes": 4, "rounds": 5, "model": format!("upload:{id}") });
    let (run, events) = server.run(config.clone());
    assert_eq!(events.last().unwrap().data["summary"]["converged"], true);
    let base = format!("/api/v1/runs/{run}");
    let report = server.get(&format!("{base}/report.json"));
    assert_eq!(report.json()["config"]["model"], config["model"]);
    assert_eq!(report.json()["model"]["parameters"], json!(4));
    let shown = server.get(&base).text() + &report.text();
    let shown = shown + &server.get(&format!("{base}/report.html")).text();
    assert!(!shown.contains("espalier-serve-"), "no answer tells where files lie");

    let path = format!("/api/v1/models/{id}");
    assert_eq!(server.delete(&path).status, 204);
    assert_eq!(server.delete(&path).status, 404);
    let problem = server.post("/api/v1/runs", &json!({ "config": config })).problem();
    assert_eq!((problem.0, problem.2.as_deref()), (400, Some("model")));
}

/// Fine-tunes of the greatest numbers are beyond all numbers; that shows when nodes train.
#[test]
fn what_nodes_cannot_train_is_said_at_the_model() {
    let server = Running::new();
    let reply = server.send("POST", "/api/v1/models", &[], &file(&[f32::MAX; 8]));
    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let config = json!({ "nodes": 6, "rounds": 5, "model": format!("upload:{id}") });
    let (run, events) = server.run(config);
    let failed = &events.last().unwrap().data["error"];
    assert_eq!(failed["field"], "model");
    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("element ") && message.contains("of tensor `w` is infinity"));
    let shown = server.get(&format!("/api/v1/runs/{run}")).text();
    assert!(!shown.contains("espalier-serve-") && !message.contains("espalier-serve-"));
}

#[test]
fn the_rule_for_integers_is_checked_by_field() {
    let server = Running::new();
    let refused = |config: serde_json::Value| {
        server.post("/api/v1/runs", &json!({ "config": config })).problem()
    };
    let problem = refused(json!({ "buffers": "median" }));
    assert_eq!((problem.0, problem.2.as_deref()), (400, Some("buffers")));
    let problem = refused(json!({ "buffers": "base", "parameters": { "buffers": "mean" } }));
    assert_eq!((problem.0, problem.2.as_deref()), (400, Some("buffers")));
    let (_, events) = server.run(json!({ "nodes": 3, "rounds": 4, "buffers": "mean",
        "model": "synthetic:4x4" }));
    let summary = &events.last().unwrap().data["summary"];
    assert!(summary["no_model"].is_null() && summary["notes"] == json!([]));
}

#[test]
fn what_is_no_model_is_not_kept() {
    let server = Running::new();
    let good = file(&[1.0; 64]);
    let cut = &good[..good.len() - 1];
    let mut long = good.clone();
    long.extend([0; 8]);
    let mut header = good.clone();
    header[0] = 255;
    for bytes in [&b""[..], b"no model", cut, &long, &header, &[255; 64]] {
        let problem = server.send("POST", "/api/v1/models", &[], bytes).problem();
        let codes = ["safetensors", "not-a-file"];
        let known = codes.iter().any(|code| problem.1.starts_with(code));
        assert!(problem.0 == 400 && known, "{problem:?}, {} bytes", bytes.len());
    }
    // It is told where the element is, and not where the file lies.
    for (value, text) in [(f32::NAN, "NaN"), (f32::NEG_INFINITY, "-infinity")] {
        let reply = server.send("POST", "/api/v1/models", &[], &file(&[1.0, 2.0, value]));
        assert_eq!((reply.status, reply.problem().1.as_str()), (400, "model-element"));
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("element 2 of tensor `w` is {text}; ")), "{message}");
        assert!(!message.contains("espalier-serve-"), "{message}");
    }
    let long = "x".repeat(101);
    for name in ["", "%00", &long] {
        let path = format!("/api/v1/models?name={name}");
        assert_eq!(server.send("POST", &path, &[], &good).problem().2.as_deref(), Some("name"));
    }
    // One that breaks off leaves nothing.
    let mut stream = server.connect();
    stream.write_all(&server.head("POST", "/api/v1/models", &[], good.len())).unwrap();
    stream.write_all(cut).unwrap();
    drop(stream);
    assert_eq!(server.get("/api/v1/models").json(), json!([]));
}

#[test]
fn uploads_are_bounded_one_by_one_and_together() {
    let limits = Limits { upload: 1_000, uploads: 1_500, files: 3, ..Limits::default() };
    let server = Running::with(limits, None);
    let post = |values: &[f32]| server.send("POST", "/api/v1/models", &[], &file(values));
    assert_eq!(post(&[0.0; 1_000]).problem().0, 413);
    // Without a length it is noticed on the way.
    let chunked = ["Transfer-Encoding: chunked"];
    let mut stream = server.connect();
    let head = server.head("GET", "/api/v1/models", &chunked, 0);
    let head = String::from_utf8(head).unwrap().replacen("GET", "POST", 1);
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    let _ = stream.write_all(chunk.as_bytes());
    let reply = crate::client::Reply::read(&mut std::io::BufReader::new(stream));
    assert_eq!(reply.problem().0, 413);
    assert_eq!(post(&[1.0; 150]).status, 201);
    assert_eq!(post(&[2.0; 220]).problem(), (507, "full".into(), None));
    assert_eq!(post(&[3.0; 4]).status, 201);
    assert_eq!(post(&[4.0; 4]).status, 201);
    assert_eq!(post(&[5.0; 4]).problem(), (507, "full".into(), None));
    // Too large for so many nodes.
    let models = server.get("/api/v1/models").json();
    assert_eq!(models.as_array().unwrap().len(), 3);
}
