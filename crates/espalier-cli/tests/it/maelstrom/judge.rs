//! The clients and the checker, as Maelstrom has them: they know what was asked and what was
//! answered, and nothing of what nodes are made of.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a request was.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Setup,
    Add(String),
    Read(usize),
}

/// Who judges a run of one workload.
#[derive(Debug)]
pub(crate) struct Judge {
    workload: &'static str,
    nodes: usize,
    next_id: u64,
    /// Requests without a reply.
    pub(crate) open: BTreeMap<u64, Asked>,
    /// Elements that a client sent.
    pub(crate) sent: BTreeSet<String>,
    /// Elements that a node said it has.
    pub(crate) acknowledged: BTreeSet<String>,
    /// What each node's latest read showed.
    pub(crate) read: Vec<BTreeSet<String>>,
}

/// The name of a node.
pub(crate) fn name(node: usize) -> String {
    format!("n{node}")
}

/// The number of a node; `None` for a client.
pub(crate) fn number(name: &str) -> Option<usize> {
    name.strip_prefix('n')?.parse().ok()
}

impl Judge {
    pub(crate) fn new(workload: &'static str, nodes: usize) -> Self {
        let read = vec![BTreeSet::new(); nodes];
        let (open, sent, acknowledged) = Default::default();
        Self { workload, nodes, next_id: 1, open, sent, acknowledged, read }
    }

    fn ask(&mut self, node: usize, asked: Asked, mut body: Value) -> String {
        let id = self.next_id;
        self.next_id += 1;
        self.open.insert(id, asked);
        body["msg_id"] = id.into();
        json!({ "id": id, "src": "c1", "dest": name(node), "body": body }).to_string()
    }

    pub(crate) fn init(&mut self, node: usize) -> String {
        let all: Vec<_> = (0..self.nodes).map(name).collect();
        let body = json!({ "type": "init", "node_id": name(node), "node_ids": all });
        self.ask(node, Asked::Setup, body)
    }

    /// Who is whose neighbour, by number.
    pub(crate) fn topology(&mut self, node: usize, neighbours: &[Vec<usize>]) -> String {
        let all = neighbours.iter().enumerate();
        let all: BTreeMap<_, Vec<_>> =
            all.map(|(i, to)| (name(i), to.iter().copied().map(name).collect())).collect();
        self.ask(node, Asked::Setup, json!({ "type": "topology", "topology": all }))
    }

    pub(crate) fn add(&mut self, node: usize, value: &Value) -> String {
        let text = value.to_string();
        self.sent.insert(text.clone());
        let body = match self.workload {
            "broadcast" => json!({ "type": "broadcast", "message": value }),
            _ => json!({ "type": "add", "element": value }),
        };
        self.ask(node, Asked::Add(text), body)
    }

    pub(crate) fn read(&mut self, node: usize) -> String {
        self.ask(node, Asked::Read(node), json!({ "type": "read" }))
    }

    /// Takes what a node sent to a client.
    pub(crate) fn hear(&mut self, node: usize, body: &Value) {
        let id = body["in_reply_to"].as_u64().expect("a reply names its request");
        let asked = self.open.remove(&id).expect("each request has one reply");
        let kind = body["type"].as_str().expect("every body has a type");
        match asked {
            Asked::Setup => assert!(["init_ok", "topology_ok"].contains(&kind), "{body}"),
            Asked::Add(text) => {
                assert!(["broadcast_ok", "add_ok"].contains(&kind), "{body}");
                self.acknowledged.insert(text);
            }
            Asked::Read(of) => {
                assert_eq!((of, kind), (node, "read_ok"), "{body}");
                let field = if self.workload == "broadcast" { "messages" } else { "value" };
                let values = body[field].as_array().expect("a list of values");
                let read: BTreeSet<_> = values.iter().map(Value::to_string).collect();
                assert_eq!(read.len(), values.len(), "a set has nothing twice");
                let invented: Vec<_> = read.difference(&self.sent).collect();
                assert!(invented.is_empty(), "n{node} invented {invented:?}");
                let lost: Vec<_> = self.read[node].difference(&read).collect();
                assert!(lost.is_empty(), "n{node} lost {lost:?} which it had shown");
                self.read[node] = read;
            }
        }
    }

    /// Whether the latest read of every node shows everything that was acknowledged.
    pub(crate) fn all_have_all(&self) -> bool {
        self.read.iter().all(|read| read.is_superset(&self.acknowledged))
    }
}
