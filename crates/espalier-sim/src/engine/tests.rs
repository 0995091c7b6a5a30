//! Timers, and mail to others than the partner, with a population that only passes a number on.

use super::{Engine, Exchanged, Happening, Outbox, Population, Time, Timer};
use crate::config::{Clock, Config};
use espalier_topology::Topology;

/// Whoever gets a number greater than 0 sends the next node one less, and answers with 0.
#[derive(Debug, Default)]
struct Line {
    up: Vec<bool>,
    /// When each timer rang, at whom.
    rang: Vec<(Time, usize, u64)>,
    unreached: Vec<(usize, usize)>,
}

impl Population for Line {
    type Message = u64;
    type Record = ();
    type Start = ();
    type Kept = ();
    const CLOCKED: bool = false;

    fn count(&self) -> usize {
        self.up.len()
    }
    fn is_up(&self, node: usize) -> bool {
        self.up[node]
    }
    fn start(&mut self, _: usize, _: usize, _: &mut Outbox<u64>) {}
    fn receive(&mut self, from: usize, to: usize, left: u64, out: &mut Outbox<u64>) -> u32 {
        if left > 0 {
            out.push((from, 0));
            out.push((to + 1, left - 1));
        }
        u32::from(left > 0)
    }
    fn timer(&mut self, node: usize, token: u64, out: &mut Outbox<u64>) -> u32 {
        self.rang.push((out.now, node, token));
        out.push((node + 1, token % 50));
        if token > 100 {
            out.set_timer((token, token - 100));
        }
        0
    }
    fn unreached(&mut self, from: usize, to: usize) -> Option<Timer> {
        self.unreached.push((from, to));
        None
    }
    fn bytes(&self, left: &u64) -> u64 {
        10 + left
    }
    fn tensor_bytes(&self, left: &u64) -> u64 {
        *left
    }
    fn mark(&self, left: &u64) -> u64 {
        *left
    }
    fn open(&self, _: [usize; 2]) {}
    fn close(&self, _: [usize; 2], (): &mut ()) {}
    fn snapshot(&self) {}
    fn set_apart(&mut self, _: [usize; 2], (): &()) {}
    fn rejoin(&mut self, _: [usize; 2], (): ()) {}
}

fn engine(clock: Clock, latency: &str) -> Engine<'static, Line> {
    let config = Config { clock, latency: latency.parse().expect("latency"), ..Config::default() };
    let line = Line { up: vec![true; 8], ..Line::default() };
    Engine::new(line, &config, None).expect("opens")
}

fn run(engine: &mut Engine<'_, Line>, end: Time) -> Vec<Exchanged<()>> {
    let network = Topology::Line.build(8, 1).expect("a line");
    engine.run_until(end, &network)
}

#[test]
fn mail_to_a_third_node_is_an_exchange_of_its_own() {
    let mut engine = engine(Clock::Periodic, "constant:10ms");
    engine.set_timer(0, (0, 3));
    let done = run(&mut engine, 1_000_000);
    let mut seen: Vec<_> = done.iter().map(|e| (e.pair, e.sides.map(|side| side.bytes))).collect();
    seen.sort_unstable();
    // Each hop carries one less, and its answer goes back over the same link.
    let hop = |node: usize, left: u64| ([node, node + 1], [10 + left, 10]);
    assert_eq!(seen, [hop(0, 3), hop(1, 2), hop(2, 1), ([3, 4], [10, 0])]);
    assert_eq!((engine.messages, engine.sent_bytes, engine.tensor_bytes), (7, 76, 6));
    assert!(engine.is_quiet());
    let news = engine.news;
    assert_eq!((news.time, news.messages, news.bytes, news.tensor_bytes), (30_000, 5, 56, 6));
}

#[test]
fn timers_ring_at_their_time_at_nodes_that_are_up() {
    let mut engine = engine(Clock::Poisson, "none");
    for (node, after) in [(0, 5_000), (1, 3_000), (2, 5_000), (3, 1_000)] {
        engine.set_timer(node, (after, 0));
    }
    engine.set_timer(4, (2_000, 250));
    engine.peers.up[3] = false;
    run(&mut engine, 4_999);
    assert_eq!(
        engine.peers.rang,
        [(2_000, 4, 250), (2_250, 4, 150), (2_400, 4, 50), (3_000, 1, 0)]
    );
    run(&mut engine, 5_000);
    assert_eq!(engine.peers.rang[4..], [(5_000, 0, 0), (5_000, 2, 0)]);
    assert_eq!(engine.peers.unreached, [(2, 3)], "node 3 is down");
}

#[test]
fn in_rounds_timers_ring_when_the_next_round_begins() {
    let mut heard = Vec::new();
    let mut listener = |_: u64, record: &super::Logged| {
        heard.push((record.what, record.node, record.peer));
        true
    };
    let config = Config::default();
    let line = Line { up: vec![true; 8], ..Line::default() };
    let mut engine = Engine::new(line, &config, Some(&mut listener)).expect("opens");
    engine.set_timer(5, (700_000, 1));
    engine.set_timer(0, (400_000, 2));
    engine.peers.up[6] = false;
    assert!(engine.begin_round().is_empty(), "nothing is due yet");
    engine.log.at(1_000_000);
    let done = engine.begin_round();
    assert_eq!(
        done.iter().map(|e| (e.pair, e.blocked)).collect::<Vec<_>>(),
        [([0, 1], false), ([5, 6], true)]
    );
    assert_eq!(engine.peers.rang, [(1_000_000, 0, 2), (1_000_000, 5, 1)]);
    assert_eq!(engine.peers.unreached, [(5, 6)]);
    drop(engine);
    assert_eq!(heard[0], (Happening::Timer, 0, 0));
    assert!(heard.contains(&(Happening::Deliver, 0, 1)));
    assert!(heard.contains(&(Happening::Blocked, 5, 6)));
}
