//! `merge` is the join of a semilattice, and every view is a function of the set of operations.

use crate::histories::{AUTHORS, Node, any_steps, look, play};
use crate::naive::{claimed, heads, naive};
use crate::{Dice, add, cases, key, policy, say, signed};
use espalier_lattice::Dot;
use espalier_replica::{Arena, Body, Fault, MergeState, Policy, PolicySpec, SignedOp, Tensors};
use espalier_trust::{FaultKind, Record as _};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn joined(states: &[&MergeState]) -> MergeState {
    let mut all = states[0].clone();
    for state in &states[1..] {
        all.merge(state).expect("one policy");
    }
    all
}

fn three(nodes: &[Node]) -> [&MergeState; 3] {
    [&nodes[0].state, &nodes[1].state, &nodes[nodes.len() - 1].state]
}

/// The join computed without a shared arena, without shared views, from bytes.
fn afresh(states: &[&MergeState]) -> MergeState {
    let decoded = |state: &&MergeState| {
        MergeState::from_bytes(&state.to_bytes(Tensors::ByReference)).expect("our own")
    };
    let decoded: Vec<_> = states.iter().map(decoded).collect();
    joined(&decoded.iter().collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(cases(192))]

    #[test]
    fn merge_is_a_join(steps in any_steps(40), shared in any::<bool>()) {
        let nodes = play(&steps, shared);
        let [a, b, c] = three(&nodes);
        prop_assert_eq!(look(&joined(&[a, a])), look(a));
        prop_assert_eq!(look(&joined(&[a, b])), look(&joined(&[b, a])));
        let left = joined(&[&joined(&[a, b]), c]);
        prop_assert_eq!(look(&left), look(&joined(&[a, &joined(&[b, c])])));
        prop_assert_eq!(look(&joined(&[&left, b])), look(&left));
        prop_assert_eq!(look(&afresh(&[c, b, a])), look(&left), "arenas do not show");
        prop_assert!(!left.clone().merge(b).expect("one policy"), "nothing new");
    }

    #[test]
    fn gathering_what_has_arrived_is_taking_in_all_at_once(
        steps in any_steps(40), arrived in any::<u64>(),
    ) {
        let nodes = play(&steps, true);
        let all = joined(&nodes.iter().map(|node| &node.state).collect::<Vec<_>>());
        let mut dice = Dice(arrived);
        let mut rest: Vec<_> = all.ops().cloned().collect();
        let (mut state, mut waiting) = (MergeState::new(all.policy().clone()), Vec::new());
        while !rest.is_empty() {
            for _ in 0..=dice.below(rest.len()) {
                waiting.push(rest.swap_remove(dice.below(rest.len())));
            }
            waiting = state.gather(waiting);
            for op in &waiting {
                prop_assert!(state.clone().apply(vec![op.signed().clone()]).is_err());
            }
        }
        prop_assert!(waiting.is_empty());
        prop_assert_eq!(look(&state), look(&all));
        let live: Vec<_> = state.live().map(|entry| entry.op().id()).collect();
        for entry in state.visible() {
            prop_assert!(live.contains(&entry.op().id()));
        }
    }

    #[test]
    fn views_equal_their_naive_twin(steps in any_steps(50), shared in any::<bool>()) {
        let nodes = play(&steps, shared);
        let mut all = nodes[0].state.clone();
        let mut ops = Vec::new();
        for node in &nodes {
            let nothing = Body::Retract { targets: Vec::new() };
            let next = node.state.next_op(key(99).peer_id(), nothing);
            prop_assert_eq!(next.deps, heads(&node.state));
            let latest = node.state.ops().map(|op| op.op().lamport).max();
            prop_assert_eq!(next.lamport, latest.unwrap_or(0) + 1);
            prop_assert_eq!(claimed(&node.state), naive(AUTHORS.into(), signed(&node.state)));
            all.merge(&node.state).expect("one policy");
            ops.extend(signed(&node.state));
        }
        prop_assert_eq!(claimed(&all), naive(AUTHORS.into(), ops));
    }

    #[test]
    fn views_built_step_by_step_equal_views_built_at_once(
        steps in any_steps(40), order in any::<u64>()
    ) {
        let nodes = play(&steps, true);
        let all = joined(&nodes.iter().map(|node| &node.state).collect::<Vec<_>>());
        prop_assert_eq!(look(&all.with_policy(all.policy().clone())), look(&all));
        let mut rest = signed(&all);
        let mut one_by_one = MergeState::new(all.policy().clone());
        let mut dice = Dice(order);
        while !rest.is_empty() {
            // Any order, except that a chain is heard from its beginning.
            let op = rest.swap_remove(dice.below(rest.len()));
            if one_by_one.apply(vec![op.clone()]).is_err() {
                rest.push(op);
            }
        }
        prop_assert_eq!(look(&one_by_one), look(&all));
    }

    #[test]
    fn evidence_and_clocks_only_grow(steps in any_steps(50)) {
        let nodes = play(&steps, true);
        let [a, b, _] = three(&nodes);
        let both = joined(&[a, b]);
        for part in [a, b] {
            let keys = |state: &MergeState| -> BTreeSet<_> {
                state.evidence().keys().copied().collect()
            };
            // Of a fork only some operations stay, and with them what else its chain shows.
            let (all, forked) = (keys(&both), FaultKind::Equivocation);
            let stays = |(accused, kind): &(_, FaultKind)| {
                all.contains(&(*accused, *kind))
                    || (kind.is_of_a_chain() && both.evidence().has(accused, forked))
            };
            prop_assert!(keys(part).iter().all(stays));
            prop_assert!(both.evidence().convicted().is_superset(&part.evidence().convicted()));
            prop_assert!(part.clock() <= both.clock());
        }
    }

    #[test]
    fn equal_state_hashes_mean_equal_trust(steps in any_steps(30)) {
        let nodes = play(&steps, true);
        for pair in nodes.windows(2) {
            let (a, b) = (&pair[0].state, &pair[1].state);
            if a.state_hash() == b.state_hash() {
                let model = |state: &MergeState| state.resolve().ok().map(|model| model.root());
                prop_assert_eq!(model(a), model(b));
            }
        }
    }
}

/// `n` operations of one author with one number, by ascending identifier.
fn forks(n: u8) -> Vec<SignedOp> {
    let fork = |i| add(&mut MergeState::new(policy(0)), &key(0), f32::from(i));
    let mut forks: Vec<_> = (0..n).map(fork).collect();
    forks.sort_by_key(SignedOp::id);
    forks
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let extend = |shorter: &Vec<usize>| -> Vec<Vec<usize>> {
        let insert = |at: usize| {
            let mut longer = shorter.clone();
            longer.insert(at, n - 1);
            longer
        };
        (0..n).map(insert).collect()
    };
    permutations(n - 1).iter().flat_map(extend).collect()
}

#[test]
fn of_many_forks_the_two_of_least_id_stay_in_every_order() {
    let forks = forks(4);
    let mut expected = MergeState::new(policy(0));
    expected.apply(forks[..2].to_vec()).expect("signed");
    for order in permutations(4) {
        let arena = Arena::default();
        let mut state = MergeState::with_arena(policy(0), arena.clone());
        let mut merged = MergeState::with_arena(policy(0), arena.clone());
        for i in order {
            state.apply(vec![forks[i].clone()]).expect("signed");
            let mut single = MergeState::with_arena(policy(0), arena.clone());
            single.apply(vec![forks[i].clone()]).expect("signed");
            merged.merge(&single).expect("one policy");
        }
        assert_eq!(look(&state), look(&expected));
        assert_eq!(look(&merged), look(&expected));
        assert_eq!(state.op_count(), 2);
    }
}

#[test]
fn a_fork_that_evicts_a_record_takes_no_conviction_back() {
    // Author 1 is guilty; author 2 holds the only record and forks it away.
    let mut witness = MergeState::new(policy(3));
    add(&mut witness, &key(1), f32::NAN);
    crate::histories::accuse_all(&key(2), &mut witness);
    assert!(witness.evidence().has(&key(1).peer_id(), FaultKind::NonFinite));
    let record = witness.ops().find(|op| matches!(op.op().body, Body::Evidence(_)));
    let record = record.expect("published").signed().clone();
    let mut lesser = 0;
    for i in 0..40_u64 {
        let mut op = record.op.clone();
        op.body = Body::Retract { targets: vec![Dot::new(key(2).peer_id(), i + 2)] };
        let fork = op.sign(&key(2));
        lesser += usize::from(fork.id() < record.id());
        witness.apply(vec![fork]).expect("signed");
        assert!(witness.evidence().has(&key(1).peer_id(), FaultKind::NonFinite));
    }
    assert!(lesser > 2, "the record is not among the two of least id");
    assert!(witness.op_count() <= 4, "two forks, the record and what it accuses");
}

#[test]
fn a_fork_that_evicts_an_illegal_operation_takes_no_conviction_back() {
    let mut state = MergeState::new(policy(2));
    let targets = vec![Dot::new(key(1).peer_id(), 1)];
    let foreign = say(&mut state, &key(0), Body::Retract { targets });
    for fork in forks(12) {
        let mut other = MergeState::new(policy(2));
        other.apply(vec![fork]).expect("signed");
        let before = state.clock();
        state.merge(&other).expect("one policy");
        assert!(before <= state.clock());
        assert!(state.ops().any(|op| op.id() == foreign.id()));
    }
    assert!(state.op_count() <= 3);
}

#[test]
fn operations_without_a_place_do_not_fill_the_arena() {
    let forks = forks(20);
    let mut state = MergeState::new(policy(0));
    state.apply(forks[..2].to_vec()).expect("signed");
    let before = format!("{:?}", state.arena()).len();
    assert_eq!(state.apply(forks[2..].to_vec()), Ok(0));
    assert_eq!(format!("{:?}", state.arena()).len(), before);
}

#[test]
fn a_batch_of_forks_equals_the_same_forks_one_by_one() {
    let forks = forks(12);
    let (mut batch, mut single) = (MergeState::new(policy(0)), MergeState::new(policy(0)));
    assert_eq!(batch.apply(forks.iter().rev().cloned().collect()), Ok(2));
    for fork in forks.into_iter().rev() {
        assert_eq!(single.apply(vec![fork]), Ok(1), "each is less than those before");
    }
    assert_eq!(look(&batch), look(&single));
    let convictions = batch.evidence().iter().map(|record| record.kind());
    assert_eq!(convictions.collect::<Vec<_>>(), [FaultKind::Equivocation]);
}

#[test]
fn records_about_keys_that_are_not_admitted_count_nothing() {
    let (stranger, mut elsewhere) = (key(9), MergeState::new(policy(0)));
    let targets = vec![Dot::new(key(0).peer_id(), 1)];
    let op = say(&mut elsewhere, &stranger, Body::Retract { targets });
    let op = espalier_identity::canonical::encode(&op).into();
    let fault = Fault::ForeignRetraction { op };
    assert!(fault.verify().is_ok());
    let mut state = MergeState::new(policy(2));
    say(&mut state, &key(0), Body::Evidence(fault));
    assert!(state.evidence().keys().next().is_none());
}

#[test]
fn states_of_different_policies_do_not_merge() {
    let (mut a, b) = (MergeState::new(policy(2)), MergeState::new(policy(3)));
    add(&mut a, &key(0), 1.0);
    let before = look(&a);
    assert!(a.merge(&b).is_err());
    assert_eq!(look(&a), before);
    let mut rebound = a.with_policy(policy(3));
    assert!(rebound.merge(&b).is_ok());
    let excluded =
        Policy::new(PolicySpec { roster: vec![key(1).peer_id()], ..PolicySpec::any_schema() });
    assert_eq!(a.with_policy(excluded.expect("legal")).op_count(), 0);
}
