//! Protocols that somebody else writes, run under every fault that a comparison knows.

use crate::small;
use espalier_identity::Digest;
use espalier_sim::{
    Clock, Config, Estimate, ExchangeProtocol, ExchangesConfig, Letter, Protocol, ProtocolNode,
    run_exchanges, run_protocol,
};

/// Sends everything to somebody, who answers with everything.
struct Everything;

impl ExchangeProtocol for Everything {
    fn begin(&mut self, node: &mut ProtocolNode<'_>) {
        if let Some(peer) = node.random_neighbour() {
            let letter = Letter { note: vec![1], ..node.letter(|_| true) };
            node.send(peer, letter);
        }
    }

    fn receive(&mut self, from: usize, letter: &Letter, node: &mut ProtocolNode<'_>) {
        if letter.note == [1] {
            node.send(from, node.letter(|_| true));
        }
    }
}

/// Never stops to answer, and sends what it does not hold to nodes that do not exist.
struct Chatter;

impl ExchangeProtocol for Chatter {
    fn begin(&mut self, node: &mut ProtocolNode<'_>) {
        let next = node.neighbours().next().expect("a neighbour");
        let tensors = vec![Digest::of_content(b"alien")];
        node.send(usize::MAX, Letter::default());
        node.send(node.number(), Letter::default());
        node.send(next, Letter { tensors, ..Letter::default() });
    }

    fn receive(&mut self, from: usize, letter: &Letter, node: &mut ProtocolNode<'_>) {
        assert!(letter.tensors.is_empty(), "nobody holds it");
        node.send(from, Letter::default());
    }
}

fn config(network: Config, clock: Option<Clock>) -> ExchangesConfig {
    ExchangesConfig { network, clock, protocols: vec![Protocol::FullState], seeds: vec![1, 2, 3] }
}

#[test]
fn it_ends_equal_whatever_happens_in_rounds_and_periods() {
    for clock in [Clock::Rounds, Clock::Periodic] {
        let latency = if clock == Clock::Periodic { "lognormal:80ms:0.5" } else { "none" };
        let latency = latency.parse().expect("a latency");
        let base = Config { nodes: 9, rounds: 300, latency, ..small() };
        let faults = [
            base.clone(),
            Config { loss: 0.2, duplicate: 0.1, ..base.clone() },
            Config { churn: "poisson:0.1:0.5".parse().ok(), ..base.clone() },
            Config { partition: "2@1..12".parse().ok(), ..base },
        ];
        for (which, network) in faults.into_iter().enumerate() {
            let config = config(network, Some(clock));
            let run = || run_protocol(&config, "everything", &|_| Everything).expect("it runs");
            let result = run();
            assert_eq!(result.ended, 3, "{clock}, {which}");
            assert!(result.exact_sets && result.survives_loss, "{clock}, {which}");
            assert_eq!(result, run(), "the same every time");
        }
    }
}

/// Bytes are counted as for built-in protocols: whole states cost about the same either way.
#[test]
fn it_costs_what_the_same_protocol_costs_built_in() {
    let config = config(Config { nodes: 24, rounds: 300, ..small() }, None);
    let own = run_protocol(&config, "everything", &|_| Everything).expect("it runs");
    let all = run_exchanges(&config, &|_| {}).expect("it runs");
    let over = |estimate: &Option<Estimate>| estimate.as_ref().expect("all runs ended").mean;
    let (own, built_in) = (&own, &all.results[0]);
    let rounds = over(&own.until_equal) / over(&built_in.until_equal);
    let bytes = over(&own.bytes) / over(&built_in.bytes);
    assert!((0.7..1.4).contains(&rounds), "{rounds} times the rounds");
    assert!((0.7..1.6).contains(&bytes), "{bytes} times the bytes");
}

#[test]
fn whoever_never_stops_to_answer_is_stopped() {
    let network = Config { nodes: 3, rounds: 2, ..small() };
    let result = run_protocol(&config(network, None), "chatter", &|_| Chatter).expect("it runs");
    assert!(result.ended == 0 && result.until_equal.is_none());
    assert!(result.runs.iter().all(|run| run.logged > 1000));
}

#[test]
fn clocks_that_wake_nobody_regularly_are_refused() {
    for clock in [Clock::Poisson, Clock::None] {
        let config = config(small(), Some(clock));
        let refused = run_protocol(&config, "everything", &|_| Everything);
        assert!(refused.is_err(), "{clock}");
    }
}
