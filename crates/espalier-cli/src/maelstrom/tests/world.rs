//! A network of nodes under virtual time.

use super::faults::Faults;
use super::judge::{Judge, name, number};
use crate::args::Workload;
use crate::maelstrom::node::Node;
use crate::maelstrom::output::Output;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A period of gossip in units of time.
pub(super) const PERIOD: u64 = 100;

#[derive(Debug)]
enum Event {
    Tick(usize),
    Line(usize, String),
}

/// Nodes, the network between them, their clients and the checker.
#[derive(Debug)]
pub(super) struct World {
    pub(super) judge: Judge,
    pub(super) faults: Faults,
    nodes: Vec<Node>,
    workload: Workload,
    events: BTreeMap<(u64, u64), Event>,
    pub(super) now: u64,
    /// How long every message between nodes takes at least.
    pub(super) latency: u64,
    scheduled: u64,
    /// Messages between nodes that were sent.
    pub(super) overheard: Vec<String>,
    pub(super) complaints: Vec<String>,
}

impl World {
    /// Nodes that were told their names.
    pub(super) fn new(workload: Workload, nodes: usize, seed: u64) -> Self {
        let kind = if workload == Workload::Broadcast { "broadcast" } else { "g-set" };
        let mut world = Self {
            judge: Judge::new(kind, nodes),
            faults: Faults::new(seed, nodes),
            nodes: (0..nodes).map(|_| Node::new(workload)).collect(),
            workload,
            events: BTreeMap::new(),
            now: 0,
            latency: 0,
            scheduled: 0,
            overheard: Vec::new(),
            complaints: Vec::new(),
        };
        for node in 0..nodes {
            let line = world.judge.init(node);
            world.deliver(node, &line);
            let first = world.faults.below(PERIOD);
            world.schedule(first, Event::Tick(node));
        }
        world
    }

    pub(super) fn set_topology(&mut self, neighbours: &[Vec<usize>]) {
        for node in 0..self.nodes.len() {
            let line = self.judge.topology(node, neighbours);
            self.deliver(node, &line);
        }
    }

    /// Puts a node that knows nothing in the place of one.
    pub(super) fn restart(&mut self, node: usize) {
        self.nodes[node] = Node::new(self.workload);
        self.judge.read[node].clear();
        let line = self.judge.init(node);
        self.deliver(node, &line);
    }

    pub(super) fn add(&mut self, node: usize, value: &Value) {
        let line = self.judge.add(node, value);
        self.deliver(node, &line);
        assert!(self.judge.open.is_empty(), "every request is answered at once");
    }

    pub(super) fn read(&mut self, node: usize) {
        let line = self.judge.read(node);
        self.deliver(node, &line);
    }

    pub(super) fn read_all(&mut self) {
        (0..self.nodes.len()).for_each(|node| self.read(node));
    }

    /// The number of messages nodes sent each other.
    pub(super) fn sent(&self) -> u64 {
        self.overheard.len() as u64
    }

    /// Gives a node a line now.
    pub(super) fn deliver(&mut self, node: usize, line: &str) {
        let outputs = self.nodes[node].line(line);
        self.take(node, outputs);
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, units: u64) {
        let until = self.now + units;
        while let Some(event) = self.events.first_entry().filter(|e| e.key().0 <= until) {
            self.now = event.key().0;
            match event.remove() {
                Event::Tick(node) => {
                    self.schedule(PERIOD, Event::Tick(node));
                    let outputs = self.nodes[node].tick();
                    self.take(node, outputs);
                }
                Event::Line(node, line) => self.deliver(node, &line),
            }
        }
        self.now = until;
    }

    /// Runs until every node shows everything, at most for `periods`; how many that took.
    pub(super) fn settle(&mut self, periods: u64) -> u64 {
        for period in 0..periods {
            self.read_all();
            if self.judge.all_have_all() {
                return period;
            }
            self.run(PERIOD);
        }
        panic!("not everybody has everything after {periods} periods: {:?}", self.complaints);
    }

    fn schedule(&mut self, after: u64, event: Event) {
        self.scheduled += 1;
        self.events.insert((self.now + after, self.scheduled), event);
    }

    fn take(&mut self, node: usize, outputs: Vec<Output>) {
        for output in outputs {
            let line = match output {
                Output::Line(line) => line,
                Output::Complaint(text) => {
                    self.complaints.push(text);
                    continue;
                }
            };
            let message: Value = serde_json::from_str(&line).expect("nodes write JSON");
            assert_eq!(message["src"], name(node));
            assert!(!line.contains('\n'));
            match number(message["dest"].as_str().expect("a name")) {
                None => self.judge.hear(node, &message["body"]),
                Some(dest) => {
                    self.overheard.push(line.clone());
                    for delay in self.faults.fate(node, dest) {
                        // Nothing arrives in the moment in which it is sent.
                        self.schedule(self.latency + delay + 1, Event::Line(dest, line.clone()));
                    }
                }
            }
        }
    }
}

/// A grid of five by five, or of another side.
pub(super) fn grid(side: usize) -> Vec<Vec<usize>> {
    let neighbours = |i: usize| {
        let (row, column) = (i / side, i % side);
        let near = |j: &usize| row.abs_diff(j / side) + column.abs_diff(j % side) == 1;
        (0..side * side).filter(near).collect()
    };
    (0..side * side).map(neighbours).collect()
}

/// A tree in which each node has up to `children` children.
pub(super) fn tree(nodes: usize, children: usize) -> Vec<Vec<usize>> {
    let mut neighbours = vec![BTreeSet::new(); nodes];
    for i in 1..nodes {
        let parent = (i - 1) / children;
        neighbours[i].insert(parent);
        neighbours[parent].insert(i);
    }
    neighbours.into_iter().map(|near| near.into_iter().collect()).collect()
}
