//! Runs: what is streamed is what the simulator says, and everything about them can be asked.

use crate::client::{Event, Running};
use espalier::identity::Digest;
use espalier::replica::Provenance;
use espalier::sim::{Config, simulate};
use serde_json::{Map, Value, json};
use std::ops::ControlFlow;

fn small() -> Value {
    json!({
        "nodes": 6, "rounds": 8, "model": "synthetic:4x4", "byzantine": "1",
        "attack": ["equivocation"], "partition": "2@1..3", "loss": 0.1, "crash": 0.05, "seed": 3,
    })
}

fn report_of(config: &Value) -> Value {
    let config: Config = serde_json::from_value(config.clone()).unwrap();
    let report = simulate(&config, &mut |_| ControlFlow::Continue(())).unwrap();
    serde_json::from_str(&report.to_json()).unwrap()
}

fn named<'a>(events: &'a [Event], name: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event.name == name).map(|event| &event.data)
}

/// The rounds of a report from the events: clocks are told by what changed.
fn rounds_of(events: &[Event]) -> Vec<Value> {
    let mut clocks: Vec<Map<String, Value>> = Vec::new();
    let mut rounds = Vec::new();
    for data in named(events, "round") {
        let mut round = data["round"].clone();
        let told = round["clock"].as_array().unwrap().clone();
        clocks.resize(told.len(), Map::new());
        for (clock, told) in clocks.iter_mut().zip(told) {
            clock.extend(told.as_object().unwrap().clone());
            clock.retain(|_, tick| !tick.is_null());
        }
        round["clock"] = json!(clocks);
        rounds.push(round);
    }
    rounds
}

#[test]
fn a_run_streams_what_its_report_says() {
    let server = Running::new();
    let (id, events) = server.run(small());
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names[..4], ["status", "status", "opening", "round"]);
    assert_eq!(names.last(), Some(&"ending"));
    assert!(events.iter().zip(1..).all(|(event, number)| event.id == number));

    let report = report_of(&small());
    let opening = named(&events, "opening").next().unwrap();
    for (field, value) in opening.as_object().unwrap() {
        if field != "flags" {
            assert_eq!(&report[field], value, "{field}");
        }
    }
    assert_eq!(json!(rounds_of(&events)), report["rounds"]);
    let happened: Vec<_> =
        named(&events, "round").flat_map(|d| d["events"].as_array().unwrap()).collect();
    assert_eq!(json!(happened), report["events"]);
    let ending = &events.last().unwrap().data;
    assert_eq!(ending["summary"], report["summary"]);
    assert_eq!(ending["round_trip"], report["round_trip"]);
    assert_eq!(ending["audit_total"], report["audit_total"]);
    assert_eq!(ending["trace_total"], report["trace"].as_array().unwrap().len());

    let base = format!("/api/v1/runs/{id}");
    assert_eq!(server.get(&format!("{base}/report.json")).json(), report);
    let run = server.get(&base).json();
    assert_eq!((&run["status"], &run["summary"]), (&json!("done"), &report["summary"]));
    let page = server.get(&format!("{base}/report.html"));
    assert!(page.header("content-disposition").unwrap().contains("report.html"));
    assert!(page.text().contains(report["policy_hash"].as_str().unwrap()));
}

#[test]
fn states_and_exchanges_are_those_of_the_report() {
    let server = Running::new();
    let (_, events) = server.run(small());
    let report = report_of(&small());
    let mut numbers = Map::new();
    for (data, round) in named(&events, "round").zip(report["rounds"].as_array().unwrap()) {
        for (node, state) in data["states"].as_array().unwrap().iter().enumerate() {
            if round["active"][node] == json!(false) {
                assert_eq!(state, &json!(-1));
                continue;
            }
            // A hash has one number for the whole run, and a number one hash.
            let hash = round["state_hash"][node].as_str().unwrap();
            assert_eq!(numbers.entry(hash).or_insert(state.clone()), state);
        }
        let number = &round["round"];
        let audit = report["audit"].as_array().unwrap().iter();
        let told: Vec<Value> = audit
            .filter(|entry| entry["round"] == *number && entry["outcome"] != "noop")
            .flat_map(|entry| {
                let node = |name: &str| entry[name].as_str().unwrap()[5..].parse().unwrap();
                let outcomes = ["merged", "noop", "lost", "blocked"];
                let outcome = outcomes.iter().position(|o| entry["outcome"] == *o).unwrap();
                let ops = entry["ops"].as_u64().unwrap();
                [node("from"), node("to"), outcome as u64, ops].map(Value::from)
            })
            .collect();
        assert_eq!(data["exchanges"], json!(told), "round {number}");
    }
    let mut distinct: Vec<_> = numbers.values().map(|number| number.as_i64().unwrap()).collect();
    distinct.sort_unstable();
    assert!(distinct.windows(2).all(|pair| pair[0] < pair[1]), "two hashes with one number");
}

#[test]
fn a_viewer_that_comes_back_gets_what_it_missed() {
    let server = Running::new();
    let (id, all) = server.run(small());
    let path = format!("/api/v1/runs/{id}/events");
    for seen in [0, 1, 5, all.len() as u64 - 1] {
        assert_eq!(server.events(&path, Some(seen)), all[seen as usize..], "after {seen}");
    }
    // Who has seen everything is told not to come back.
    for seen in [all.len() as u64, 1_000_000] {
        let line = format!("Last-Event-ID: {seen}");
        assert_eq!(server.send("GET", &path, &[&line], b"").status, 204);
    }
    for wrong in ["x", "-1", "1e3", "99999999999999999999999"] {
        let line = format!("Last-Event-ID: {wrong}");
        let problem = server.send("GET", &path, &[&line], b"").problem();
        assert_eq!(problem.2.as_deref(), Some("Last-Event-ID"), "{wrong}");
    }
}

#[test]
fn the_audit_is_paged_and_filtered() {
    let server = Running::new();
    let (id, _) = server.run(small());
    let report = report_of(&small());
    let audit = report["audit"].as_array().unwrap();
    let get = |query: &str| server.get(&format!("/api/v1/runs/{id}/audit?{query}")).json();
    let last = get("limit=7");
    assert_eq!(last["total"], json!(audit.len()));
    let newest: Vec<_> = audit.iter().rev().take(7).collect();
    assert_eq!(last["entries"], json!(newest));
    let mut paged = Vec::new();
    while paged.len() < audit.len() {
        let page = get(&format!("order=first&limit=10&offset={}", paged.len()));
        paged.extend(page["entries"].as_array().unwrap().clone());
    }
    assert_eq!(&paged, audit);
    let wanted: Vec<_> = audit
        .iter()
        .filter(|e| (e["from"] == "node_2" || e["to"] == "node_2") && e["outcome"] == "merged")
        .collect();
    let found = get("node=node_2&outcome=merged&order=first&limit=1000");
    assert_eq!(found["entries"], json!(wanted));
    assert_eq!(found["matching"], json!(wanted.len()));
    assert_eq!(get("offset=18446744073709551615")["entries"], json!([]));
    let changed = get("changed=true&round=4&limit=1000");
    assert!(changed["entries"].as_array().unwrap().iter().all(|e| e["round"] == 4));

    let base = format!("/api/v1/runs/{id}");
    let table = server.get(&format!("{base}/audit.csv?outcome=merged&node=node_2"));
    assert_eq!(table.text().lines().count(), wanted.len() + 1);
    assert!(table.header("content-disposition").unwrap().contains("attachment"));
    let json = server.get(&format!("{base}/audit.json")).json();
    assert_eq!(json.as_array().unwrap(), audit);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("offset=-1", "offset"),
        ("outcome=never", "outcome"),
        ("changed=maybe", "changed"),
        ("round=x", "round"),
        ("nod=1", "nod"),
        ("limit=1&limit=2", "limit"),
    ] {
        let problem = server.get(&format!("{base}/audit?{query}")).problem();
        assert_eq!((problem.0, problem.2.as_deref()), (400, Some(field)), "{query}");
    }
}

#[test]
fn a_node_can_be_seen_at_any_round_and_proves_what_it_held() {
    let server = Running::new();
    let (id, _) = server.run(small());
    let report = report_of(&small());
    let base = format!("/api/v1/runs/{id}/nodes");
    for round in report["rounds"].as_array().unwrap() {
        for node in 0..6 {
            let at = format!("{base}/node_{node}?round={}", round["round"]);
            let seen = server.get(&at).json();
            for field in ["state_hash", "bound_root", "wire_bytes", "tombstones", "clock"] {
                assert_eq!(seen[field], round[field][node], "{at} {field}");
            }
            assert_eq!(seen["operations"], json!(seen["held"].as_array().unwrap().len()));
        }
    }
    let last = server.get(&format!("{base}/node_0")).json();
    let trace = server.get(&format!("/api/v1/runs/{id}/trace?limit=1000")).json();
    let traced = |op: &str| {
        let mut entries = trace["entries"].as_array().unwrap().iter();
        entries.find(|entry| entry["op"] == op).map(|entry| entry["text"].clone())
    };
    for held in last["held"].as_array().unwrap() {
        let op = held["op"].as_str().unwrap();
        assert!(traced(op).is_none_or(|text| text == held["text"]));
        let proof = server.get(&format!("{base}/node_0/proof?op={op}")).json();
        let bound: Digest = proof["bound_root"].as_str().unwrap().parse().unwrap();
        assert_eq!(proof["bound_root"], last["bound_root"]);
        let proof: Provenance = serde_json::from_value(proof["proof"].clone()).unwrap();
        assert!(proof.verify(&bound).is_ok());
    }
    let mut held = last["held"].as_array().unwrap().iter();
    let op = held.find(|held| held["author"] != "node_0").unwrap()["op"].as_str().unwrap();
    assert_eq!(server.get(&format!("{base}/node_0/proof?op={op}&round=0")).status, 404);
    for (path, status) in [
        (format!("{base}/node_6"), 404),
        (format!("{base}/node_-1"), 404),
        (format!("{base}/%FF"), 400),
        (format!("{base}/node_0?round=9"), 400),
        (format!("{base}/node_0/proof"), 400),
        (format!("{base}/node_0/proof?op=00"), 400),
        ("/api/v1/runs/run-77/nodes/node_0".into(), 404),
    ] {
        assert_eq!(server.get(&path).status, status, "{path}");
    }
}

#[test]
fn evidence_is_told_in_words() {
    let server = Running::new();
    let config = json!({
        "nodes": 6, "rounds": 10, "model": "synthetic:4x4", "byzantine": "1",
        "attack": ["equivocation"],
    });
    let (id, events) = server.run(config.clone());
    let evidence = server.get(&format!("/api/v1/runs/{id}/evidence")).json();
    let evidence = evidence.as_array().unwrap();
    assert_eq!(json!(evidence.len()), events.last().unwrap().data["evidence_total"]);
    let report = report_of(&config);
    let liar = report["nodes"].as_array().unwrap().iter().find(|n| n["byzantine"] == true);
    let liar = liar.unwrap()["name"].clone();
    assert!(!evidence.is_empty());
    for (shown, record) in evidence.iter().zip(report["evidence"].as_array().unwrap()) {
        assert_eq!((&shown["accused"], &shown["kind"]), (&liar, &json!("E1")));
        assert_eq!(&shown["record"], record);
        assert!(shown["facts"][0].as_str().unwrap().contains("sequence number"));
    }
}

#[test]
fn a_run_can_be_stopped_and_what_it_did_stays() {
    let server = Running::new();
    let long = json!({ "nodes": 48, "rounds": 200, "model": "synthetic:64" });
    let id = server.start(long);
    let path = format!("/api/v1/runs/{id}");
    while server.get(&path).json()["round"].as_u64().unwrap() < 2 {}
    assert_eq!(server.delete(&path).status, 200);
    let events = server.events(&format!("{path}/events"), None);
    let ending = events.last().unwrap();
    assert_eq!((ending.name.as_str(), &ending.data["status"]), ("ending", &json!("stopped")));
    let report = server.get(&format!("{path}/report.json")).json();
    let rounds = named(&events, "round").count();
    assert_eq!(report["rounds"].as_array().unwrap().len(), rounds);
    assert!(rounds < 200);
    assert_eq!(server.get(&path).json()["status"], "stopped");
    assert_eq!(server.delete(&path).status, 204);
    assert_eq!(server.get(&path).status, 404);
    assert_eq!(server.delete(&path).status, 404);
}

#[test]
fn before_its_end_a_run_has_no_report_and_after_a_failure_a_reason() {
    let server = Running::new();
    let long = json!({ "nodes": 48, "rounds": 200, "model": "synthetic:64" });
    let id = server.start(long);
    for file in ["report.json", "report.html"] {
        let problem = server.get(&format!("/api/v1/runs/{id}/{file}")).problem();
        assert_eq!((problem.0, problem.1.as_str()), (409, "not-ended"));
    }
    let trace = server.get(&format!("/api/v1/runs/{id}/trace")).json();
    assert_eq!((&trace["total"], &trace["entries"]), (&json!(0), &json!([])));
    assert_eq!(server.get(&format!("/api/v1/runs/{id}/evidence")).json(), json!([]));
    server.delete(&format!("/api/v1/runs/{id}"));
    // What only drawing the network shows is not known before the run begins.
    let (id, events) = server.run(json!({ "nodes": 7, "topology": "hypercube" }));
    let failed = events.last().unwrap();
    assert_eq!(
        (failed.name.as_str(), &failed.data["error"]["field"]),
        ("failed", &json!("topology"))
    );
    let run = server.get(&format!("/api/v1/runs/{id}")).json();
    assert_eq!((&run["status"], &run["error"]), (&json!("failed"), &failed.data["error"]));
    assert_eq!(server.get(&format!("/api/v1/runs/{id}/report.json")).status, 409);
}

#[test]
fn a_link_holds_what_differs_from_the_defaults() {
    let server = Running::new();
    let (id, _) = server.run(json!({
        "nodes": 4, "rounds": 2, "model": "synthetic:4", "strategy": "ties",
        "parameters": { "density": "0.3" }, "attack": ["nan", "ipm:2"],
        "byzantine": "2",
    }));
    let link = server.get(&format!("/api/v1/runs/{id}")).json()["link"].clone();
    let shown = "/?attack=nan%2Cipm%3A2&byzantine=2&model=synthetic%3A4&nodes=4\
                 &parameters.density=0.3\
                 &rounds=2&seed=1&strategy=ties";
    assert_eq!(link, shown);
    assert_eq!(server.get("/api/v1/info").json()["defaults"], json!(Config::default()));
    assert_eq!(server.get("/api/v1/presets").json().as_array().unwrap().len(), 8);
    let runs = server.get("/api/v1/runs").json();
    assert_eq!(runs[0]["id"], json!(id));
}
