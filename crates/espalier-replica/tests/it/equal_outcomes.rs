//! Equal states have equal outcomes, errors included, whatever their arenas happen to hold besides
//! and in whichever way the states came about.

use crate::{Dice, cases, counted, key, model, policy};
use espalier_replica::{Arena, Draft, MergeState, Policy, PolicySpec, ResolutionError, Tensors};
use espalier_tensor::{Model, TensorError};
use proptest::prelude::*;

/// What becomes of a state: the root of the merged model, or the error in words.
fn outcome(state: &MergeState) -> Result<String, String> {
    match state.resolve() {
        Ok(model) => Ok(model.root().to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// Three contributions under a policy with this base, in an arena that holds it or not.
fn based(strategy: &str, base: &Model, held: bool) -> MergeState {
    let spec = PolicySpec {
        strategy: strategy.into(),
        base: Some(base.root()),
        ..PolicySpec::for_model(&counted(0.0, 0))
    };
    let mut state = MergeState::new(Policy::new(spec).expect("legal"));
    if held {
        state.arena().put_model(base.clone());
    }
    for i in 0..3 {
        let draft = Draft::new("model", counted(1.0 + f32::from(i), 7));
        state.add(&key(i), draft).expect("legal");
    }
    state
}

#[test]
fn a_base_that_is_not_used_decides_nothing() {
    let bases = [
        ("fits", counted(0.0, 7)),
        ("another counter", counted(0.0, 6)),
        ("another layout", model(0.0, 0.0)),
        ("empty", Model::from_f32(&[]).expect("legal")),
    ];
    for info in espalier_resolve::registry() {
        for (name, base) in &bases {
            let (with, without) = (based(info.name, base, true), based(info.name, base, false));
            assert_eq!(with.state_hash(), without.state_hash());
            let name = format!("{} with a base: {name}", info.name);
            if with.policy().strategy().uses_base() {
                let missing = without.resolve();
                let is = matches!(&missing, Err(ResolutionError::BaseMissing { .. }));
                assert!(is, "{name}: {missing:?}");
                without.arena().put_model(base.clone());
            }
            assert_eq!(outcome(&with), outcome(&without), "{name}");
            assert_eq!(with.trust().expect("here"), without.trust().expect("here"), "{name}");
        }
    }
}

#[test]
fn tensors_that_come_later_by_a_join_are_taken() {
    let mut whole = MergeState::new(policy(3));
    for i in 0..3 {
        whole.add(&key(i), Draft::new("model", model(f32::from(i), 1.0))).expect("legal");
    }
    let read = |form| MergeState::from_bytes(&whole.to_bytes(form)).expect("its own");
    let mut bare = read(Tensors::ByReference);
    let missing = |state: &MergeState| {
        let source = match state.resolve() {
            Err(ResolutionError::Tensor { source, .. }) => source,
            other => panic!("{other:?}"),
        };
        matches!(source, TensorError::Missing { .. })
    };
    assert!(missing(&bare));
    assert_eq!(bare.merge(&read(Tensors::ByReference)), Ok(false));
    assert!(missing(&bare));
    assert_eq!(bare.merge(&read(Tensors::Inline)), Ok(false), "no operation is new");
    assert_eq!(outcome(&bare), outcome(&whole));
}

/// A random history of three authors: contributions in two rounds, retractions, forks.
fn history(dice: &mut Dice) -> MergeState {
    let mut state = MergeState::new(policy(3));
    for step in 0..dice.below(8) + 1 {
        let author = key(dice.below(3) as u8);
        let own = state.visible().map(|entry| entry.op().op().dot());
        let own = own.filter(|dot| dot.actor == author.peer_id()).last();
        match own {
            Some(dot) if dice.percent(20) => {
                state.retract(&author, dot).expect("live");
            }
            _ => {
                let (round, x) = (dice.below(2) as u64, step as f32 + dice.below(9) as f32 / 16.0);
                let draft = Draft { round, ..Draft::new("model", model(x, 1.0)) };
                let _ = state.add(&author, draft);
            }
        }
    }
    state
}

proptest! {
    #![proptest_config(cases(96))]

    /// Any order of joins of states in any forms and arenas: equal operations and equal available
    /// tensors give equal outcomes.
    #[test]
    fn the_order_and_the_form_of_joins_show_nowhere(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let whole = history(&mut dice);
        let ops = crate::signed(&whole);
        let shared = Arena::default();
        // Parts of the history: chains cut off at some length, each in some form and arena.
        let parts: Vec<MergeState> = (0..4).map(|_| {
            let mut part = MergeState::with_arena(whole.policy().clone(), whole.arena().clone());
            let upto: Vec<u64> = (0..3).map(|_| dice.below(6) as u64).collect();
            let within = |op: &&espalier_replica::SignedOp| {
                (0..3).any(|i| {
                    let until = upto[usize::from(i)];
                    key(i).peer_id() == op.op.author && op.op.seq <= until
                })
            };
            part.apply(ops.iter().filter(within).cloned().collect()).expect("chains");
            let form = if dice.percent(50) { Tensors::Inline } else { Tensors::ByReference };
            let arena = if dice.percent(30) { shared.clone() } else { Arena::default() };
            let json = dice.percent(30);
            if json {
                MergeState::from_json_in(&part.to_json(form), arena).expect("its own")
            } else {
                MergeState::from_bytes_in(&part.to_bytes(form), arena).expect("its own")
            }
        }).collect();
        let mut ends = Vec::new();
        for _ in 0..4 {
            let mut order: Vec<_> = (0..parts.len()).collect();
            for at in (1..order.len()).rev() {
                order.swap(at, dice.below(at + 1));
            }
            let mut all = MergeState::new(whole.policy().clone());
            for at in order {
                all.merge(&parts[at]).expect("one policy");
            }
            let available: Vec<_> = all.live_contents()
                .filter(|content| all.arena().store().contains(content)).collect();
            ends.push((all.state_hash(), available, outcome(&all)));
        }
        prop_assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{ends:?}");
    }
}
