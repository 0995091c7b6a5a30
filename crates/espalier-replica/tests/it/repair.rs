//! What repairing forks costs, counted: bytes in proportion to the difference, whatever both sides
//! have in common.

use crate::driver::{Net, address};
use crate::{key, pack, policy};
use espalier_replica::{Body, ExchangeMode, HEADER_LEN, MergeState, Replica, SignedOp};

/// `n` operations, dealt out among eight authors.
fn history(n: u64) -> MergeState {
    let mut state = MergeState::new(policy(8));
    for author in 0..8 {
        let key = key(author);
        for _ in 0..n / 8 {
            let op = state.next_op(key.peer_id(), Body::Retract { targets: Vec::new() }).sign(&key);
            state.apply(vec![op]).expect("well formed");
        }
    }
    state
}

/// Another operation in the place of each of `count`, spread over the chains.
fn forks(state: &MergeState, count: usize, run: u64) -> Vec<SignedOp> {
    let ops: Vec<_> = state.ops().collect();
    let every = ops.len() / count;
    let forked = ops.iter().step_by(every).take(count).map(|op| {
        let mut op = op.op().clone();
        op.lamport += (1 << 20) + run;
        let key = (0..8).map(key).find(|key| key.peer_id() == op.author).expect("one of ours");
        op.sign(&key)
    });
    forked.collect()
}

fn pair(states: [MergeState; 2]) -> Net {
    let replica = |(i, state): (u8, _)| Replica::new(key(100 + i), state, ExchangeMode::Delta);
    Net::of((0..).zip(states).map(replica).collect(), 1)
}

/// The bytes of one exchange after which both are equal, without those of the operations that had
/// to be sent and of the envelopes around them.
fn cost(mut net: Net) -> usize {
    let before: Vec<_> = net.replicas.iter().map(|r| r.state().clone()).collect();
    net.exchange(0, 1);
    assert!(net.agree());
    let moved = |replica: &Replica, before: &MergeState| {
        let known: std::collections::BTreeSet<_> = before.ops().map(|op| op.id()).collect();
        let new = replica.state().ops().filter(|op| !known.contains(&op.id()));
        new.map(|op| pack::op(&policy(8), op.signed(), None, &[], None).len()).sum::<usize>()
    };
    let ops: usize = net.replicas.iter().zip(&before).map(|(r, b)| moved(r, b)).sum();
    // The number of a message with operations, and then how long its batch is.
    let batches = net.sent.iter().map(|(_, frame)| &frame[HEADER_LEN..]);
    let batches = batches.filter(|payload| payload[0] == 6 && payload[1] > 0);
    let more = |payload: &[u8]| payload[1..].iter().take_while(|byte| **byte >= 0x80).count();
    // A relay that is not on the roster, no tensors inside, no layouts.
    let envelopes: usize = batches.map(|payload| more(payload) + 1 + 33 + 64 + 1).sum();
    net.sent.iter().map(|(_, frame)| frame.len()).sum::<usize>() - ops - envelopes
}

/// The same if `d` operations are missing on the side that starts, or on the other.
fn cost_of_missing(history: &MergeState, d: usize, run: u64, starter_lacks: bool) -> usize {
    let mut whole = MergeState::new(policy(8));
    whole.merge(history).expect("one policy");
    whole.apply(forks(history, d, run)).expect("signed");
    let states = [history.clone(), whole];
    let [a, b] = if starter_lacks { [0, 1] } else { [1, 0] };
    cost(pair([states[a].clone(), states[b].clone()]))
}

#[test]
fn repairing_costs_bytes_in_proportion_to_what_is_missing_and_not_to_what_is_there() {
    let [few, many] = [104, 5_000].map(history);
    for (d, runs) in [(1, 4), (5, 10), (40, 6), (100, 4)] {
        for starter_lacks in [true, false] {
            let [small, large] = [&few, &many].map(|history| {
                let cost = |run| cost_of_missing(history, d, run, starter_lacks);
                (0..runs).map(cost).sum::<usize>() / runs as usize
            });
            // On average three halves of what the identifiers alone would take, and a round trip
            // and a half: 109 bytes until both know that they differ, 155 of the first symbols, and
            // up to 90 for a second message.
            let limit = 48 * d + 109 + 155 + 90;
            assert!(small <= limit && large <= limit, "{small} and {large} bytes for {d}");
            assert!(large * 9 < small * 10 + 90, "{small} and {large} bytes for {d}");
        }
    }
}

#[test]
fn forks_with_a_half_on_either_side_cost_as_much_as_both_halves() {
    for history in [104, 5_000].map(history) {
        let all = forks(&history, 80, 0);
        for d in [2, 10, 80] {
            let mut states = [history.clone(), history.clone()];
            for (at, op) in all.iter().take(d).enumerate() {
                states[at % 2].apply(vec![op.clone()]).expect("signed");
            }
            let cost = cost(pair(states));
            assert!(cost <= 48 * d + 450, "{cost} bytes for {d}");
        }
    }
}

#[test]
fn whoever_never_hears_an_answer_keeps_little() {
    // Comparisons are begun with a hundred peers that never go on.
    let history = history(400);
    let mut whole = history.clone();
    whole.apply(forks(&history, 100, 0)).expect("signed");
    let mut net = pair([history, whole]);
    let [mut a, b] = [net.replicas.remove(0), net.replicas.remove(0)];
    let mut differs = None;
    for effect in a.clone().start(address(1)) {
        let espalier_replica::Effect::Send { frame, .. } = effect else { panic!("a hello") };
        differs = b.clone().receive(address(0), &frame).ok();
    }
    let answers = differs.expect("an answer").effects;
    let [espalier_replica::Effect::Send { frame: differs, .. }] = &answers[..] else {
        panic!("how far it has seen")
    };
    let mut asker = b;
    let mut longest = Vec::new();
    for peer in 10..110 {
        let symbols = a.receive(address(peer), differs).expect("well formed").effects;
        for effect in symbols {
            let espalier_replica::Effect::Send { frame, .. } = effect else { panic!("symbols") };
            let asked = asker.receive(address(peer), &frame).expect("well formed");
            assert_eq!(asked.effects.len(), 1, "for more");
        }
        longest.push(format!("{asker:?}").len());
    }
    assert!(longest[99] < longest[30] + 1000, "only so many are remembered");
}
