//! The Maelstrom node of the command, compiled from its sources: the command is no library.

#[path = "../../../crates/espalier-cli/src/maelstrom/element.rs"]
mod element;
#[path = "../../../crates/espalier-cli/src/maelstrom/lines.rs"]
mod lines;
#[path = "../../../crates/espalier-cli/src/maelstrom/member.rs"]
mod member;
#[path = "../../../crates/espalier-cli/src/maelstrom/message.rs"]
mod message;
#[path = "../../../crates/espalier-cli/src/maelstrom/node.rs"]
mod node;
#[path = "../../../crates/espalier-cli/src/maelstrom/output.rs"]
mod output;

use crate::args::Workload;
use crate::samples::Samples;
use node::Node;
use output::Output;

/// The longest line: short, so that the limit is met.
const LIMIT: usize = 4 << 10;

/// Lines for a node that has been told its name, of both kinds.
pub(crate) fn lines(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let workload = if kind % 2 == 0 { Workload::Broadcast } else { Workload::GSet };
    let mut node = Node::new(workload);
    if kind & 2 == 0 {
        let init = r#"{"src":"c0","dest":"n0","body":{"type":"init","msg_id":1,"#;
        node.line(&format!(r#"{init}"node_id":"n0","node_ids":["n0","n1","n2"]}}}}"#));
    }
    for line in lines::Lines::new(text, LIMIT).take(32) {
        let line = line.expect("a slice can be read");
        let Ok(line) = line else { continue };
        assert!(line.len() <= LIMIT && !line.contains('\n'));
        for output in node.line(&line).into_iter().chain(node.tick()) {
            if let Output::Line(line) = output {
                assert!(!line.contains('\n'), "one line for a message");
                serde_json::from_str::<serde_json::Value>(&line).expect("it is JSON");
            }
        }
    }
}

pub(crate) fn sample_lines() -> Samples {
    let line = |body: &str| format!(r#"{{"src":"c1","dest":"n0","body":{{{body}}}}}"#);
    let topology = r#""type":"topology","msg_id":2,"topology":{"n0":["n1"],"n1":["n0"]}"#;
    let gossip = r#""type":"gossip","frames":["RVNQTA=="]"#;
    let lines = [
        line(topology),
        line(r#""type":"broadcast","msg_id":3,"message":1000"#),
        line(r#""type":"add","msg_id":3,"element":[1,{"a":1.5e300}]"#),
        line(r#""type":"read","msg_id":4"#),
        line(gossip).replace("c1", "n1"),
    ];
    let init = line(r#""type":"init","msg_id":1,"node_id":"n0","node_ids":["n0","n1"]"#);
    let told = |kind: u8| [&[kind], lines.join("\n").as_bytes()].concat();
    let fresh = |kind: u8| [&[kind], init.as_bytes(), b"\n", lines.join("\n").as_bytes()].concat();
    vec![told(0), told(1), fresh(2), fresh(3)]
}
