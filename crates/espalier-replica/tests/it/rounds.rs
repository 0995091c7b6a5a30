//! Trust over several training rounds: distances are averaged over the rounds that two authors have
//! in common.

use crate::histories::look;
use crate::{Dice, cases, key, policy, signed};
use espalier_replica::{Draft, MergeState};
use espalier_tensor::Model;
use proptest::prelude::*;

const SIZE: usize = 64;

/// A model of some numbers.
fn wide(values: &[f32; SIZE]) -> Model {
    Model::from_f32(&[("w", &[SIZE as u64], values)]).expect("a legal model")
}

/// Author `i` contributes in `round`: noise of its own, and a push in the first coordinate.
fn contribute(state: &mut MergeState, i: u8, round: u64, push: f32, dice: &mut Dice) {
    let mut values = [0.0; SIZE].map(|_: f32| dice.below(1000) as f32 / 500.0 - 1.0);
    values[0] += push;
    let draft = Draft { round, ..Draft::new("model", wide(&values)) };
    state.add(&key(i), draft).expect("legal");
}

/// Five authors, the last of whom is pushed, over some rounds.
fn federation(rounds: u64, push: f32, seed: u64) -> MergeState {
    let (mut state, mut dice) = (MergeState::new(policy(5)), Dice(seed));
    for round in 0..rounds {
        for i in 0..5 {
            contribute(&mut state, i, round, if i == 4 { push } else { 0.0 }, &mut dice);
        }
    }
    state
}

fn is_isolated(state: &MergeState, i: u8) -> bool {
    state.trust().expect("tensors are here")[&key(i).peer_id()].is_isolated()
}

#[test]
fn what_is_lasting_shows_over_rounds() {
    let isolated = |rounds: u64, push: f32| {
        (0..40).filter(|seed| is_isolated(&federation(rounds, push, *seed), 4)).count()
    };
    let (once, often) = (isolated(1, 11.2), isolated(5, 11.2));
    assert!(often > once + 5, "{once} of 40 in one round, {often} in five");
    assert!(isolated(5, 0.0) <= isolated(1, 0.0));
}

#[test]
fn rounds_beyond_the_history_do_not_count() {
    let mut state = federation(1, 30.0, 1);
    assert!(is_isolated(&state, 4));
    let mut dice = Dice(2);
    for round in 1..=5 {
        for i in 0..5 {
            contribute(&mut state, i, round, 0.0, &mut dice);
        }
    }
    assert!(!is_isolated(&state, 4));
}

proptest! {
    #![proptest_config(cases(24))]

    /// A replica that hears everything at once, in another order and in an arena of its own, trusts
    /// and resolves the same. Some authors miss some rounds.
    #[test]
    fn replicas_that_come_late_agree(
        missed in prop::collection::vec(any::<bool>(), 20), seed in any::<u64>()
    ) {
        let (mut state, mut dice) = (MergeState::new(policy(5)), Dice(seed));
        for (at, _) in missed.iter().enumerate().filter(|(_, missed)| !**missed) {
            contribute(&mut state, (at % 5) as u8, (at / 5) as u64, 0.0, &mut dice);
        }
        let mut late = MergeState::new(policy(5));
        late.apply(signed(&state)).expect("legal");
        for digest in state.live_contents() {
            late.arena().store().put(state.arena().store().get(&digest).expect("here"));
        }
        prop_assert_eq!(look(&late), look(&state));
        prop_assert_eq!(&*late.trust().expect("here"), &*state.trust().expect("here"));
        let root = |state: &MergeState| state.resolve().map(|model| model.root()).ok();
        prop_assert_eq!(root(&late), root(&state));
    }
}
