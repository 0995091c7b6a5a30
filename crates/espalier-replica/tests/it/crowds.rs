//! Many forks at few places: what a state keeps of them is a function of all that was ever joined.

use crate::histories::look;
use crate::naive::{claimed, naive};
use crate::{Dice, cases, contribution, key, model, policy, signed};
use espalier_identity::canonical;
use espalier_lattice::Dot;
use espalier_replica::{Arena, Body, Fault, MergeState, Op, OpId, SignedOp};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The number of authors; only the first two are of the genesis.
const AUTHORS: u8 = 3;

fn sign(author: u8, prev: Option<OpId>, lamport: u64, body: Body) -> SignedOp {
    let (author, key) = (key(author).peer_id(), key(author));
    let seq = if prev.is_some() { 2 } else { 1 };
    Op { author, seq, prev, deps: Vec::new(), lamport, body }.sign(&key)
}

/// An operation of `author` at its first place, or at its second after `prev`.
fn fork(author: u8, prev: Option<OpId>, kind: u8, value: u8) -> SignedOp {
    let other = key((author + 1) % AUTHORS).peer_id();
    let targets = |actor, seq: u8| Body::Retract { targets: vec![Dot::new(actor, seq.into())] };
    let own = || targets(key(author).peer_id(), value + 1);
    match kind {
        0..=2 => sign(author, prev, 1 + u64::from(value), own()),
        // Illegal by its time, or for what it removes.
        3 => sign(author, prev, 0, own()),
        4 => sign(author, prev, 1, targets(other, value + 1)),
        5 => {
            let body = contribution(&model(f32::from(value), 1.0), 0, Vec::new());
            sign(author, prev, 1, Body::Contribute(body))
        }
        // A record about somebody else, true or slander.
        _ => {
            let accused = sign((author + kind) % AUTHORS, None, u64::from(value % 2), own());
            let op = canonical::encode(&accused).into();
            sign(author, prev, 1 + u64::from(value), Body::Evidence(Fault::IllegalField { op }))
        }
    }
}

/// Forks at one or two places of each author.
fn forks(of: &[(u8, u8, u8)]) -> Vec<SignedOp> {
    let firsts: Vec<_> = (0..AUTHORS).map(|author| fork(author, None, 0, 0)).collect();
    let other = |&(author, kind, value): &(u8, u8, u8)| {
        let author = author % AUTHORS;
        let second = value % 3 == 0;
        fork(author, second.then(|| firsts[usize::from(author)].id()), kind, value)
    };
    firsts.iter().cloned().chain(of.iter().map(other)).collect()
}

/// Each operation in a state of its own, with the first of its author.
fn singles(ops: &[SignedOp], arena: impl Fn() -> Arena) -> Vec<MergeState> {
    let alone = |op: &SignedOp| {
        let arena = arena();
        let mut state = MergeState::with_arena(policy(2), arena.clone());
        let first = ops.iter().find(|first| first.op.author == op.op.author);
        let both: Vec<_> = first.into_iter().chain([op]).cloned().collect();
        // Of the third author nobody has voted, so its operations are taken in by another policy.
        let mut open = MergeState::with_arena(policy(0), arena.clone());
        open.apply(both).expect("signed");
        state.merge(&open.with_policy(policy(2))).expect("one policy");
        state
    };
    ops.iter().map(alone).collect()
}

/// Joins states pairwise in any order until one is left; some are looked at on the way.
fn fold(mut states: Vec<MergeState>, dice: &mut Dice) -> MergeState {
    while states.len() > 1 {
        let a = states.swap_remove(dice.below(states.len()));
        let at = dice.below(states.len());
        states[at].merge(&a).expect("one policy");
        if dice.percent(30) {
            look(&states[at]);
        }
        if dice.percent(20) {
            states.push(a);
        }
    }
    states.remove(0)
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn joins_in_any_order_keep_the_same(
        of in prop::collection::vec((any::<u8>(), 0..9_u8, 0..40_u8), 0..24), seed: u64
    ) {
        let ops = forks(&of);
        let mut dice = Dice(seed);
        let arena = Arena::default();
        let states = singles(&ops, || arena.clone());
        let one = fold(states.clone(), &mut dice);
        let other = fold(states.clone(), &mut dice);
        prop_assert!(one == other);
        prop_assert_eq!(look(&one), look(&other));
        let genesis = ops.iter().filter(|op| op.op.author != key(2).peer_id());
        prop_assert_eq!(claimed(&one), naive(2, genesis.cloned().collect()));
        for state in &states {
            let mut again = one.clone();
            prop_assert!(!again.merge(state).expect("one policy"), "nothing new");
            prop_assert!(again == one);
        }
        let apart = fold(singles(&ops, Arena::default), &mut dice);
        prop_assert!(apart == one, "arenas do not show");
        prop_assert!(one == apart);
        prop_assert_eq!(look(&apart), look(&one));
    }

    #[test]
    fn what_is_applied_is_what_is_joined(
        of in prop::collection::vec((0..2_u8, 0..9_u8, 0..40_u8), 0..24), seed: u64
    ) {
        let mut ops = forks(&of);
        ops.retain(|op| op.op.author != key(2).peer_id());
        let joined = fold(singles(&ops, Arena::default), &mut Dice(seed));
        let (mut dice, mut rest) = (Dice(seed), ops.clone());
        let mut applied = MergeState::new(policy(2));
        while !rest.is_empty() {
            let op = rest.swap_remove(dice.below(rest.len()));
            let before: BTreeSet<OpId> = applied.ops().map(|op| op.id()).collect();
            match applied.apply(vec![op.clone()]) {
                Ok(taken) => prop_assert_eq!(
                    taken == 1,
                    !before.contains(&op.id()) && applied.ops().any(|held| held.id() == op.id())
                ),
                Err(_) => rest.push(op),
            }
        }
        prop_assert!(applied == joined);
        prop_assert_eq!(look(&applied), look(&joined));
        let mut at_once = MergeState::new(policy(2));
        at_once.apply(ops).expect("signed");
        prop_assert!(at_once == joined && signed(&at_once) == signed(&joined));
    }
}

#[test]
fn states_that_come_to_hold_one_set_share_their_views() {
    let arena = Arena::default();
    let mut states: Vec<_> = (0..4)
        .map(|i| {
            let mut state = MergeState::with_arena(policy(4), arena.clone());
            crate::add(&mut state, &key(i), f32::from(i));
            state
        })
        .collect();
    for i in 1..4 {
        let before = states[i - 1].clone();
        states[i].merge(&before).expect("one policy");
    }
    let (first, last) = (states[0].clone(), states[3].clone());
    assert_ne!(first, last);
    for (i, j) in [(0, 2), (0, 3), (1, 3)] {
        let other = states[j].clone();
        states[i].merge(&other).expect("one policy");
    }
    let trust = |state: &MergeState| state.trust().expect("tensors are here");
    let tables = [0, 1, 3].map(|i| trust(&states[i]));
    assert!(tables.iter().all(|table| Arc::ptr_eq(table, &tables[0])));
    assert!(!Arc::ptr_eq(&trust(&first), &tables[0]));
    assert!(Arc::ptr_eq(&trust(&last), &tables[0]));
}

#[test]
fn threads_may_ask_one_state_at_once() {
    fn shareable<T: Send + Sync>(value: T) -> T {
        value
    }
    let mut state = shareable(MergeState::new(policy(8)));
    for i in 0..8 {
        crate::add(&mut state, &key(i), f32::from(i));
    }
    let expected = look(&state);
    let unmade = MergeState::from_bytes(&state.to_bytes(espalier_replica::Tensors::Inline));
    let unmade = unmade.expect("our own");
    std::thread::scope(|scope| {
        let asks: Vec<_> = (0..4)
            .map(|i| {
                let (own, unmade) = (unmade.clone(), &unmade);
                scope.spawn(move || if i % 2 == 0 { look(unmade) } else { look(&own) })
            })
            .collect();
        for ask in asks {
            assert_eq!(ask.join().expect("no panic"), expected);
        }
    });
}
