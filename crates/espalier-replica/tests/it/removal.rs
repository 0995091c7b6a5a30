//! Removal: only by the author, everywhere, and for good.

use crate::histories::look;
use crate::{Dice, add, cases, contribution, key, model, policy, say, signed};
use espalier_lattice::Dot;
use espalier_replica::{Body, ChangeError, Draft, MergeState, SignedOp};
use espalier_trust::{FaultKind, Profile};
use proptest::prelude::*;

#[test]
fn only_the_author_retracts_and_only_what_is_live() {
    let (ada, bob) = (key(0), key(1));
    let mut state = MergeState::new(policy(0));
    add(&mut state, &ada, 1.0);
    let dot = Dot::new(ada.peer_id(), 1);
    let before = look(&state);
    assert!(matches!(state.retract(&bob, dot), Err(ChangeError::NotYours { .. })));
    let other = Dot::new(ada.peer_id(), 9);
    assert!(matches!(state.retract(&ada, other), Err(ChangeError::NotLive(_))));
    assert_eq!(look(&state), before);
    state.retract(&ada, dot).expect("its own");
    assert!(matches!(state.retract(&ada, dot), Err(ChangeError::NotLive(_))));
    assert_eq!((state.visible().count(), state.tombstones()), (0, 1));
}

#[test]
fn a_foreign_retraction_convicts_its_author_and_removes_nothing() {
    for by_replacing in [false, true] {
        let (ada, eve) = (key(0), key(1));
        let mut state = MergeState::new(policy(0));
        let mine = add(&mut state, &ada, 1.0);
        let targets = vec![mine.op.dot()];
        let body = if by_replacing {
            Body::Contribute(contribution(&model(5.0, 5.0), 0, targets))
        } else {
            Body::Retract { targets }
        };
        say(&mut state, &eve, body);
        let visible: Vec<_> = state.visible().map(|entry| entry.op().id()).collect();
        assert_eq!(visible, [mine.id()]);
        assert_eq!(state.tombstones(), 0);
        let verdicts: Vec<_> = state.evidence().keys().copied().collect();
        assert_eq!(verdicts, [(eve.peer_id(), FaultKind::ForeignRetraction)]);
    }
}

#[test]
fn a_removal_reaches_who_never_saw_the_addition() {
    // A retraction of what is still to come: the addition arrives after its removal.
    let ada = key(0);
    let mut state = MergeState::new(policy(0));
    say(&mut state, &ada, Body::Retract { targets: vec![Dot::new(ada.peer_id(), 2)] });
    let late = say(&mut state, &ada, Body::Contribute(contribution(&model(1.0, 1.0), 0, vec![])));
    assert_eq!((state.visible().count(), state.tombstones()), (0, 1));
    assert_eq!(state.apply(vec![late]), Ok(0), "a duplicate does not bring it back");
    assert_eq!(state.visible().count(), 0);
}

#[test]
fn what_was_never_made_is_no_tombstone() {
    let ada = key(0);
    let mut state = MergeState::new(policy(0));
    let own = |seq| Dot::new(ada.peer_id(), seq);
    // What is still to come, what never comes, no dot at all, and something that was no model.
    let targets = vec![own(0), own(1), own(3), own(900), own(u64::MAX)];
    say(&mut state, &ada, Body::Retract { targets: targets.clone() });
    assert_eq!(state.tombstones(), 0);
    add(&mut state, &ada, 1.0);
    assert_eq!((state.visible().count(), state.tombstones()), (1, 0));
    let late = Body::Contribute(contribution(&model(2.0, 1.0), 0, vec![own(2)]));
    say(&mut state, &ada, late);
    assert_eq!((state.visible().count(), state.tombstones()), (0, 2));
    let mut foreign = MergeState::new(policy(0));
    say(&mut foreign, &key(1), Body::Retract { targets });
    assert_eq!(foreign.tombstones(), 0);
    foreign.merge(&state).expect("one policy");
    assert_eq!(foreign.tombstones(), 2);
}

#[test]
fn a_contribution_that_names_itself_stays() {
    let ada = key(0);
    let mut state = MergeState::new(policy(0));
    let itself = vec![Dot::new(ada.peer_id(), 1)];
    say(&mut state, &ada, Body::Contribute(contribution(&model(1.0, 1.0), 0, itself)));
    assert_eq!((state.visible().count(), state.tombstones()), (1, 0));
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn late_duplicates_resurrect_nothing(
        plan in prop::collection::vec((0..3_u8, any::<bool>()), 1..16), seed in any::<u64>()
    ) {
        let mut origin = MergeState::new(policy(3));
        for (who, retract) in plan {
            let author = key(who);
            let live = origin.visible().map(|entry| entry.op().op().dot());
            let own = live.filter(|dot| dot.actor == author.peer_id()).last();
            match own {
                Some(dot) if retract => { origin.retract(&author, dot).expect("live"); }
                _ => { add(&mut origin, &author, f32::from(who)); }
            }
        }
        let ops = signed(&origin);
        let adds = ops.iter().filter(|op| matches!(op.op.body, Body::Contribute(_))).count();
        let live = origin.visible().count();
        prop_assert_eq!(origin.tombstones(), (adds - live) as u64, "one contribution per author");

        let mut dice = Dice(seed);
        let mut state = MergeState::new(policy(3));
        let mut mail: Vec<SignedOp> = ops.iter().chain(&ops).cloned().collect();
        while !mail.is_empty() {
            let op = mail.swap_remove(dice.below(mail.len()));
            if state.apply(vec![op.clone()]).is_err() {
                mail.push(op);
            }
        }
        prop_assert_eq!(look(&state), look(&origin));
    }
}

#[test]
fn a_new_contribution_takes_the_place_of_the_old() {
    let mut state = MergeState::new(policy(0));
    let mut contribute = |round, value| {
        let draft = Draft { round, ..Draft::new("model", model(value, 0.0)) };
        state.add(&key(0), draft).expect("legal");
        (state.visible().count(), state.tombstones())
    };
    // In one round the latest stays; of earlier rounds those that the score averages over.
    assert_eq!([1.0, 2.0, 3.0].map(|value| contribute(0, value)), [(1, 0), (1, 1), (1, 2)]);
    let history = u64::from(Profile::Strict.constants().history);
    for round in 1..history {
        assert_eq!(contribute(round, round as f32 + 10.0), (1, 2));
    }
    assert_eq!(contribute(history, 90.0), (1, 3));
    assert_eq!(contribute(history, 91.0), (1, 4));
}
