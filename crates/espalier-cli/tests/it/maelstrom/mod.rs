//! `espalier maelstrom` as processes: this test is the network between them, their clients, and the
//! checker. The same judge looks at hundreds of seeds under virtual time inside the crate.

mod faults;
mod judge;

use crate::Place;
use faults::Faults;
use judge::{Judge, name, number};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// The number of times a run is looked at after the network is whole, and the pause between. A
/// minute: generous, and only reached if something is wrong.
const LOOKS: usize = 3000;
const PAUSE: Duration = Duration::from_millis(20);

/// Nodes as processes.
struct Cluster {
    judge: Judge,
    faults: Faults,
    children: Vec<(Child, ChildStdin)>,
    said: Receiver<(usize, String)>,
    /// Messages under way, by when they arrive.
    under_way: BTreeMap<(Instant, u64), (usize, String)>,
    scheduled: u64,
}

impl Cluster {
    fn start(place: &Place, workload: &'static str, nodes: usize, seed: u64) -> Self {
        let (sender, said) = channel();
        let mut children = Vec::new();
        for node in 0..nodes {
            let mut command = place.command(&["maelstrom", workload, "--period", "20"]);
            let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = piped.spawn().unwrap();
            let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
            let sender: Sender<_> = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stdout).lines() {
                    let _ = sender.send((node, line.unwrap()));
                }
            });
            children.push((child, stdin));
        }
        let (judge, faults) = (Judge::new(workload, nodes), Faults::new(seed, nodes));
        let under_way = BTreeMap::new();
        Self { judge, faults, children, said, under_way, scheduled: 0 }
    }

    fn write(&mut self, node: usize, line: &str) {
        writeln!(self.children[node].1, "{line}").unwrap();
    }

    /// Asks every node, and waits for the answers.
    fn ask_all(&mut self, ask: impl Fn(&mut Judge, usize) -> String) {
        for node in 0..self.children.len() {
            let line = ask(&mut self.judge, node);
            self.write(node, &line);
        }
        self.answers();
    }

    fn answers(&mut self) {
        for _ in 0..LOOKS {
            if self.judge.open.is_empty() {
                return;
            }
            self.route(PAUSE);
        }
        panic!("no answer to {:?}", self.judge.open);
    }

    /// Is the network for some time.
    #[expect(clippy::disallowed_methods, reason = "the network of real processes has real delays")]
    fn route(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            let now = Instant::now();
            while let Some(first) = self.under_way.first_entry().filter(|e| e.key().0 <= now) {
                let (node, line) = first.remove();
                self.write(node, &line);
            }
            if now >= until {
                return;
            }
            let next = self.under_way.first_key_value().map_or(until, |(key, _)| key.0.min(until));
            let Ok((src, line)) = self.said.recv_timeout(next.saturating_duration_since(now))
            else {
                continue;
            };
            let message: Value = serde_json::from_str(&line).expect("nodes write JSON");
            assert_eq!(message["src"], name(src));
            let Some(dest) = number(message["dest"].as_str().expect("a name")) else {
                self.judge.hear(src, &message["body"]);
                continue;
            };
            for delay in self.faults.fate(src, dest) {
                self.scheduled += 1;
                let at = Instant::now() + Duration::from_millis(delay);
                self.under_way.insert((at, self.scheduled), (dest, line.clone()));
            }
        }
    }

    /// Clients at work while the network is cut and healed again.
    fn storm(&mut self) {
        for phase in 0..6 {
            (self.faults.loss, self.faults.twice) = (10, 10);
            match phase % 3 {
                0 => self.faults.heal(),
                parts => self.faults.cut(parts + 1),
            }
            for i in 0..12 {
                let node = self.faults.below(5) as usize;
                let value = json!(phase * 12 + i);
                let add = self.faults.below(3) > 0;
                let line = if add { self.judge.add(node, &value) } else { self.judge.read(node) };
                self.write(node, &line);
                self.route(Duration::from_millis(10));
            }
        }
        self.answers();
        self.faults.heal();
    }

    /// Reads until every node shows everything.
    fn settle(&mut self) {
        for _ in 0..LOOKS {
            self.ask_all(|judge, node| judge.read(node));
            if self.judge.all_have_all() {
                return;
            }
            self.route(PAUSE);
        }
        panic!("not everybody has everything");
    }

    /// Ends the input of every node, which ends it; what they complained about.
    fn stop(self) -> Vec<String> {
        let stop = |(child, stdin): (Child, ChildStdin)| {
            drop(stdin);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0));
            String::from_utf8(output.stderr).unwrap()
        };
        self.children.into_iter().map(stop).collect()
    }
}

fn trial(workload: &'static str, seed: u64) {
    let place = Place::new();
    let mut cluster = Cluster::start(&place, workload, 5, seed);
    cluster.faults.delay = 30;
    cluster.ask_all(Judge::init);
    if workload == "broadcast" {
        // A grid of two columns with one place empty.
        let grid = [vec![1, 2], vec![0, 3], vec![0, 3, 4], vec![1, 2], vec![2]];
        cluster.ask_all(|judge, node| judge.topology(node, &grid));
    }
    cluster.storm();
    cluster.settle();
    assert!(cluster.judge.acknowledged.len() > 20, "{:?}", cluster.judge.acknowledged);
    assert_eq!(cluster.judge.read.iter().max(), cluster.judge.read.iter().min(), "one set");
    for complaints in cluster.stop() {
        assert!(!complaints.contains("panicked"), "{complaints}");
    }
}

#[test]
fn broadcast_survives_partitions() {
    trial("broadcast", 1);
}

#[test]
fn a_grow_only_set_survives_partitions() {
    trial("g-set", 2);
}

#[test]
fn a_node_that_is_killed_takes_only_what_it_told_nobody() {
    let place = Place::new();
    let mut cluster = Cluster::start(&place, "g-set", 3, 3);
    cluster.ask_all(Judge::init);
    cluster.ask_all(|judge, node| judge.add(node, &json!(node)));
    cluster.settle();
    cluster.children[2].0.kill().unwrap();
    cluster.children[2].0.wait().unwrap();
    // Nothing arrives there any more.
    cluster.faults.parts[2] = 1;
    cluster.under_way.clear();
    for node in 0..2 {
        let line = cluster.judge.add(node, &json!(["after", node]));
        cluster.write(node, &line);
    }
    for _ in 0..LOOKS {
        for node in 0..2 {
            let line = cluster.judge.read(node);
            cluster.write(node, &line);
        }
        cluster.answers();
        if cluster.judge.read[..2].iter().all(|read| read.len() == 5) {
            return;
        }
        cluster.route(PAUSE);
    }
    panic!("{:?}", cluster.judge.read);
}

#[test]
fn bad_input_is_complained_about_and_the_node_goes_on() {
    let place = Place::new();
    let mut node = place.command(&["maelstrom", "broadcast"]);
    node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut node = node.spawn().unwrap();
    let mut input = node.stdin.take().unwrap();
    input.write_all(b"{\n\xff\xfe\n\n{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{}}\n").unwrap();
    let read = r#"{"src":"c1","dest":"n0","body":{"type":"read","msg_id":1}}"#;
    let body = r#"{"type":"init","msg_id":2,"node_id":"n0","node_ids":["n0"]}"#;
    let init = format!(r#"{{"src":"c1","dest":"n0","body":{body}}}"#);
    // The last line has no end.
    write!(input, "{read}\n{init}\n{read}").unwrap();
    drop(input);
    let output = node.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, complaints) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(complaints.lines().count(), 4, "{complaints}");
    assert!(!complaints.contains("panicked"), "{complaints}");
    let bodies: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["body"].clone())
        .collect();
    assert_eq!(bodies[0]["code"], 11);
    assert_eq!(bodies[1], json!({ "type": "init_ok", "in_reply_to": 2 }));
    assert_eq!(bodies[2], json!({ "type": "read_ok", "in_reply_to": 1, "messages": [] }));
    assert_eq!(bodies.len(), 3);
}

#[test]
fn wrong_flags_are_refused() {
    let place = Place::new();
    assert!(place.fails(2, &["maelstrom", "broadcst"]).contains("'broadcast'"));
    assert!(place.fails(2, &["maelstrom"]).contains("<WORKLOAD>"));
    for period in ["0", "-5", "soon"] {
        let problem = place.fails(2, &["maelstrom", "g-set", "--period", period]);
        assert!(problem.contains("--period") && problem.contains("whole number from 1"));
    }
}
