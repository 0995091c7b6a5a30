//! Requests that are wrong, lines that are none, and peers that lie.

use super::judge::Judge;
use super::world::World;
use crate::args::Workload;
use crate::maelstrom::member::key_of;
use crate::maelstrom::message::{Cargo, Gossip};
use crate::maelstrom::node::Node;
use crate::maelstrom::output::Output;
use espalier::identity::Digest;
use espalier::replica::{Blob, Envelope};
use serde_json::{Value, json};

/// The body of the answer to a line. It comes first; gossip may follow.
#[track_caller]
fn answer(node: &mut Node, line: &str) -> Value {
    match &node.line(line)[..] {
        [Output::Line(line), ..] => {
            serde_json::from_str::<Value>(line).expect("JSON")["body"].clone()
        }
        other => panic!("{line}: {other:?}"),
    }
}

/// The code of the refusal of a request.
#[track_caller]
fn refused(node: &mut Node, body: Value) -> u64 {
    let line = json!({ "src": "c1", "dest": "n0", "body": body }).to_string();
    let answer = answer(node, &line);
    assert_eq!((&answer["type"], &answer["in_reply_to"]), (&json!("error"), &json!(7)), "{line}");
    assert!(answer["text"].as_str().is_some_and(|text| text.len() > 10), "{answer}");
    answer["code"].as_u64().expect("a number")
}

/// One of two nodes, named.
fn named(workload: Workload) -> Node {
    let mut node = Node::new(workload);
    assert_eq!(answer(&mut node, &Judge::new("g-set", 2).init(0))["type"], "init_ok");
    node
}

#[test]
fn wrong_requests_are_refused_with_a_code_and_a_reason() {
    let mut node = Node::new(Workload::GSet);
    let before_init = [
        json!({ "type": "read", "msg_id": 7 }),
        json!({ "type": "add", "msg_id": 7, "element": 1 }),
    ];
    for body in before_init {
        assert_eq!(refused(&mut node, body), 11);
    }
    for wrong in [
        json!({ "node_id": "n0" }),
        json!({ "node_id": "n0", "node_ids": ["n1"] }),
        json!({ "node_id": "n0", "node_ids": ["n0", 1] }),
        json!({ "node_id": 0, "node_ids": ["n0"] }),
        json!({ "node_ids": ["n0"] }),
    ] {
        let mut body = wrong;
        body["type"] = json!("init");
        body["msg_id"] = json!(7);
        assert_eq!(refused(&mut node, body), 12);
    }
    let mut node = named(Workload::GSet);
    let other = json!({ "type": "init", "msg_id": 7, "node_id": "n0", "node_ids": ["n0"] });
    assert_eq!(refused(&mut node, other), 22);
    assert_eq!(answer(&mut node, &Judge::new("g-set", 2).init(0))["type"], "init_ok", "once more");
    for kind in ["", "broadcast", "topology", "write", "gossip_ok"] {
        assert_eq!(refused(&mut node, json!({ "type": kind, "msg_id": 7, "element": 1 })), 10);
    }
    assert_eq!(refused(&mut node, json!({ "msg_id": 7 })), 10, "no type at all");
    assert_eq!(refused(&mut node, json!({ "type": "add", "msg_id": 7 })), 12);
    for element in [json!("x".repeat(300)), json!(1e300), json!([[18446744073709551616.0]])] {
        assert_eq!(
            refused(&mut node, json!({ "type": "add", "msg_id": 7, "element": element })),
            10
        );
    }
    let mut node = named(Workload::Broadcast);
    for topology in [json!(null), json!([]), json!({ "n0": "n1" }), json!({ "n0": [1] })] {
        let body = json!({ "type": "topology", "msg_id": 7, "topology": topology });
        assert_eq!(refused(&mut node, body), 12);
    }
    // Strangers in a topology are passed over.
    let strange = json!({ "n0": ["n1", "n9"], "n9": ["n0"] });
    let body = json!({ "type": "topology", "msg_id": 7, "topology": strange });
    let line = json!({ "src": "c1", "dest": "n0", "body": body }).to_string();
    assert_eq!(answer(&mut node, &line)["type"], "topology_ok");
}

#[test]
fn what_was_refused_is_not_read() {
    let mut node = named(Workload::GSet);
    refused(&mut node, json!({ "type": "add", "msg_id": 7, "element": "x".repeat(300) }));
    refused(&mut node, json!({ "type": "add", "msg_id": 7 }));
    let read = json!({ "src": "c1", "dest": "n0", "body": { "type": "read", "msg_id": 8 } });
    assert_eq!(answer(&mut node, &read.to_string())["value"], json!([]));
}

#[test]
fn a_value_that_is_sent_again_is_one_element() {
    let mut node = named(Workload::GSet);
    for value in ["null", "[1, 2]", "[1,2]", r#"{"b":1,"a":2}"#, r#"{"a":2,"b":1}"#, "1", "1.0"] {
        let body = format!(r#"{{"type":"add","msg_id":7,"element":{value}}}"#);
        let outputs = node.line(&format!(r#"{{"src":"c1","dest":"n0","body":{body}}}"#));
        assert!(matches!(&outputs[0], Output::Line(line) if line.contains("add_ok")));
    }
    let read = json!({ "src": "c1", "dest": "n0", "body": { "type": "read", "msg_id": 8 } });
    let value = answer(&mut node, &read.to_string())["value"].clone();
    assert_eq!(value.as_array().map(Vec::len), Some(5), "{value}");
}

#[test]
fn lines_that_are_no_messages_are_complained_about_and_nothing_else() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long =
        format!(r#"{{"src":"n1","dest":"n0","body":{{"type":"gossip","frames":"{deep}"}}}}"#);
    let read = |rest: &str| format!(r#"{{"src":"c1","dest":"n0","body":{{"type":"read"{rest}}}}}"#);
    let gossip =
        |rest: &str| format!(r#"{{"src":"n1","dest":"n0","body":{{"type":"gossip"{rest}}}}}"#);
    let lines = [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        deep,
        long,
        r#"{"src":"c1","dest":"n0"}"#.to_owned(),
        r#"{"src":"c1","dest":"n0","body":[]}"#.to_owned(),
        r#"{"src":1,"dest":"n0","body":{"type":"read","msg_id":1}}"#.to_owned(),
        r#"{"src":"c1","dest":"n1","body":{"type":"read","msg_id":1}}"#.to_owned(),
        r#"{"src":"n9","dest":"n0","body":{"type":"gossip"}}"#.to_owned(),
        r#"{"src":"n0","dest":"n0","body":{"type":"gossip"}}"#.to_owned(),
        read(""),
        read(r#","msg_id":"1""#),
        read(r#","msg_id":1.5"#),
        read(r#","msg_id":1,"in_reply_to":3"#),
        gossip(r#","frames":1"#),
        gossip(r#","frames":["?"]"#),
        gossip(r#","frames":["AAAA"]"#),
        gossip(r#","frames":["RVNQTA=="]"#),
        gossip(r#","cargo":{"tensors":[]}"#),
    ];
    let mut node = named(Workload::GSet);
    for line in &lines {
        let outputs = node.line(line);
        let start = &line[..line.len().min(90)];
        let complaints = outputs.iter().filter(|o| matches!(o, Output::Complaint(_))).count();
        assert_eq!(complaints, 1, "{start}: {outputs:?}");
        let sent = outputs.len() - complaints;
        assert!(sent <= 1, "{start}: {outputs:?}");
    }
    let read = json!({ "src": "c1", "dest": "n0", "body": { "type": "read", "msg_id": 8 } });
    assert_eq!(answer(&mut node, &read.to_string())["value"], json!([]), "it goes on");
}

/// Tensors whose bytes are not those of their address are not taken.
#[test]
fn tensors_that_are_not_what_they_say_are_complained_about() {
    let mut node = named(Workload::GSet);
    let bytes = Blob(vec![1, 2, 3, 4]);
    let right = Digest::of_content(&bytes.0);
    for (address, complaints) in [(right, 0), (Digest::ZERO, 1)] {
        let sent = [(address, address)].into_iter();
        let envelope = Envelope::of_tensors(&key_of("n1"), Digest::ZERO, sent);
        let cargo = Some(Cargo { envelope, tensors: vec![(address, bytes.clone())] });
        let body = Gossip { frames: Vec::new(), cargo };
        let line = json!({ "src": "n1", "dest": "n0", "body": body }).to_string();
        let outputs = node.line(&line);
        let found = outputs.iter().filter(|output| matches!(output, Output::Complaint(_)));
        assert_eq!(found.count(), complaints, "{outputs:?}");
    }
}

/// Every message may come again, at any time.
#[test]
fn old_messages_change_nothing() {
    let mut world = World::new(Workload::GSet, 2, 1);
    world.add(0, &json!("x"));
    world.settle(10);
    let all = world.overheard.clone();
    for line in all.iter().rev().chain(&all) {
        let message: Value = serde_json::from_str(line).expect("JSON");
        let node = usize::from(message["dest"] == "n1");
        world.deliver(node, line);
    }
    world.settle(1);
    assert_eq!(world.complaints, Vec::<String>::new());
}
