//! Replicas that hear each other only through frames end up equal, whatever the network does.

use crate::driver::{CALM, Net, Weather, address, replica};
use crate::histories::{honest, look};
use crate::{cases, contribution, force, key, model, policy, say};
use espalier_identity::Keypair;
use espalier_lattice::Dot;
use espalier_replica::{
    Body, ChangeError, Draft, Effect, ExchangeMode, MergeState, Replica, ResolutionError,
};
use espalier_tensor::{Dtype, Model};
use espalier_trust::{Dimension, FaultKind, Q16};
use proptest::prelude::*;

/// A local change of node `who`.
pub(crate) fn act(net: &mut Net, kind: u8, who: usize, value: u8) {
    let own = if value < 2 { 1.0 } else { who as f32 };
    let replica = &mut net.replicas[who];
    let done = replica.change(|state, key| match kind {
        0..=3 => state.add(key, Draft::new("model", model(f32::from(value), own))).map(|_| ()),
        4 => {
            let own = state.visible().map(|entry| entry.op().op().dot());
            match own.filter(|dot| dot.actor == key.peer_id()).last() {
                Some(dot) => state.retract(key, dot).map(|_| ()),
                None => Ok(()),
            }
        }
        _ => {
            let value = Q16::from_raw(u32::from(value) << 12);
            state.attest(key, crate::key(0).peer_id(), Dimension::Accuracy, value).map(|_| ())
        }
    });
    let refused =
        matches!(done, Err(ChangeError::Copy { .. } | ChangeError::NothingToMeasure { .. }),);
    assert!(done.is_ok() || refused, "{done:?}");
}

fn any_exchange() -> impl Strategy<Value = ExchangeMode> {
    prop_oneof![
        Just(ExchangeMode::Delta),
        Just(ExchangeMode::FullState),
        Just(ExchangeMode::Intervals),
    ]
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn replicas_converge_in_any_weather(
        n in 2..6_u8,
        steps in honest(40),
        (loss, double, reorder) in (0..60_u64, 0..40_u64, 0..60_u64),
        (seed, exchange, inside) in (any::<u64>(), any_exchange(), 0..16_usize),
    ) {
        let mut net = Net::new(n, seed, exchange);
        net.replicas.iter_mut().for_each(|replica| replica.set_inline_limit(inside));
        net.weather = Weather { loss, double, reorder };
        for (kind, who, whom, value) in steps {
            let (who, whom) = (usize::from(who % n), usize::from(whom % n));
            act(&mut net, kind, who, value);
            if who != whom {
                net.exchange(who, whom);
            }
            net.replicas[who].publish();
        }
        net.weather = CALM;
        net.rounds(2);
        prop_assert!(net.agree());
        for replica in &net.replicas {
            prop_assert!(replica.state().evidence().keys().next().is_none(), "all were honest");
            let resolved = replica.state().resolve();
            let missing = matches!(resolved, Err(ResolutionError::Tensor { .. }));
            prop_assert!(!missing, "tensors are here");
        }
        let (moved, sent) = (net.moved, net.sent.len());
        net.rounds(1);
        if exchange != ExchangeMode::FullState {
            prop_assert_eq!(net.moved, moved, "equal replicas move no tensors");
        }
        if exchange == ExchangeMode::Delta {
            let exchanges = usize::from(n) * usize::from(n - 1);
            prop_assert_eq!(net.sent.len() - sent, 2 * exchanges, "a root and an answer each");
        }
    }

    #[test]
    fn forks_and_lies_are_repaired_and_convict_everywhere(
        seed in any::<u64>(), faces in 2..4_usize, loss in 0..40_u64,
        exchange in any_exchange(),
    ) {
        // Author 0 shows several faces, author 1 signs a NaN, author 2 retracts others.
        let mut replicas: Vec<_> = (0..5).map(|i| replica(key(i), 5, exchange)).collect();
        replicas.extend((1..faces).map(|_| replica(key(0), 5, exchange)));
        let mut net = Net::of(replicas, seed);
        net.weather = Weather { loss, double: 10, reorder: 20 };
        for who in 0..net.replicas.len() {
            act(&mut net, 0, who, who as u8);
            act(&mut net, 3, who, who as u8 + 10);
        }
        let nan = |state: &mut MergeState, key: &Keypair| {
            force(state, key, model(f32::NAN, 0.0));
            Ok(())
        };
        net.replicas[1].change(nan).expect("signed as any other");
        net.replicas[2].change(|state, key| {
            let targets = vec![Dot::new(crate::key(3).peer_id(), 1)];
            say(state, key, Body::Retract { targets });
            Ok(())
        }).expect("signed");
        net.rounds(2);
        net.weather = CALM;
        net.rounds(4);
        prop_assert!(net.agree());
        let state = net.replicas[3].state();
        let has = |i, kind| state.evidence().has(&key(i).peer_id(), kind);
        prop_assert!(has(0, FaultKind::Equivocation));
        prop_assert!(has(1, FaultKind::NonFinite));
        prop_assert!(has(2, FaultKind::ForeignRetraction));
        prop_assert_eq!(state.evidence().convicted().len(), 3, "and nobody else");
        prop_assert!(state.resolve().is_ok());
    }

    #[test]
    fn copies_that_learn_in_parallel_never_sign_two_operations_at_one_place(
        seed in any::<u64>(), n in 3..6_u8, exchange in any_exchange(),
    ) {
        let mut net = Net::new(n, seed, exchange);
        for who in 0..usize::from(n) {
            act(&mut net, 0, who, who as u8);
        }
        let liar = usize::from(n) - 1;
        let nan = |state: &mut MergeState, key: &Keypair| {
            force(state, key, model(f32::NAN, 0.0));
            Ok(())
        };
        net.replicas[liar].change(nan).expect("signed as any other");
        for _ in 0..4 {
            net.round_apart();
            net.replicas.iter_mut().for_each(|replica| { replica.publish(); });
        }
        net.rounds(2);
        prop_assert!(net.agree());
        let convicted = net.replicas[0].state().evidence().convicted();
        prop_assert_eq!(convicted.into_iter().collect::<Vec<_>>(), [key(n - 1).peer_id()]);
    }
}

/// How many tensors are offered.
fn provided(effects: &[Effect]) -> usize {
    let count = |effect: &Effect| match effect {
        Effect::Provide { contents, .. } => contents.len(),
        Effect::Send { .. } | Effect::Fetch { .. } => 0,
    };
    effects.iter().map(count).sum()
}

#[test]
fn tensors_move_once_and_only_those_still_needed() {
    let mut net = Net::new(2, 1, ExchangeMode::Delta);
    net.replicas.iter_mut().for_each(|replica| replica.set_inline_limit(0));
    for value in 0..5 {
        act(&mut net, 0, 0, value);
    }
    net.exchange(1, 0);
    assert!(net.agree());
    assert_eq!(net.moved, 1, "of five contributions four were replaced");
    net.exchange(0, 1);
    let same = Model::from_f32(&[("v", &[2], &[4.0, 0.0])]).expect("legal");
    let renamed = net.replicas[1].change(|state, key| state.add(key, Draft::new("same", same)));
    renamed.expect("another model of the same bytes");
    net.exchange(0, 1);
    assert!(net.agree());
    assert_eq!(net.moved, 1, "the other side has this content");
}

#[test]
fn an_operation_waits_for_its_tensors_and_comes_with_the_next_exchange_if_they_are_lost() {
    let mut net = Net::new(2, 1, ExchangeMode::Delta);
    net.replicas[0].set_inline_limit(0);
    act(&mut net, 0, 0, 1);
    // By hand: the tensors are lost.
    let [mut a, mut b] = [net.replicas[0].clone(), net.replicas[1].clone()];
    let mut inbox = vec![(0, a.start(address(1)))];
    while let Some((from, effects)) = inbox.pop() {
        for effect in effects.into_iter().map(Effect::asked_by_frame) {
            if let Effect::Send { frame, .. } = effect {
                let receiver = if from == 0 { &mut b } else { &mut a };
                let received = receiver.receive(address(from), &frame).expect("honest");
                inbox.push((1 - from, received.effects));
            }
        }
    }
    assert_eq!(b.state().op_count(), 0, "not without its tensors");
    assert_eq!(provided(&b.start(address(0))), 0);
    net.replicas[1] = b;
    net.exchange(0, 1);
    assert!(net.agree());
    assert_eq!(net.replicas[1].state().op_count(), 1);
}

#[test]
fn a_contribution_that_replaces_itself_is_not_taken_without_its_tensors() {
    let mut liar = replica(key(0), 2, ExchangeMode::Delta);
    let mut honest = replica(key(1), 2, ExchangeMode::Delta);
    let itself = vec![Dot::new(key(0).peer_id(), 1)];
    let body = Body::Contribute(contribution(&model(1.0, 1.0), 0, itself));
    let said = liar.change(|state, key| {
        say(state, key, body);
        Ok(())
    });
    said.expect("signed");
    // The liar has no tensors to give.
    let effects = honest.start(address(0));
    let mut inbox = vec![(1, effects)];
    while let Some((from, effects)) = inbox.pop() {
        for effect in effects.into_iter().map(Effect::asked_by_frame) {
            if let Effect::Send { frame, .. } = effect {
                let receiver = if from == 1 { &mut liar } else { &mut honest };
                let received = receiver.receive(address(from), &frame).expect("well formed");
                inbox.push((1 - from, received.effects));
            }
        }
    }
    assert_eq!(honest.state().op_count(), 0);
}

#[test]
fn an_equivocator_locks_nobody_out() {
    // Two faces of author 0 reach one node, which never gets the second one's tensors. Whoever
    // joins through that node gets everything else.
    for exchange in [ExchangeMode::Delta, ExchangeMode::FullState, ExchangeMode::Intervals] {
        let keys = [1, 0, 0, 2].map(key);
        let mut net = Net::of(keys.map(|key| replica(key, 3, exchange)).into(), 1);
        for face in [1, 2] {
            act(&mut net, 0, face, face as u8);
            net.exchange(0, face);
            net.exchange(0, face);
        }
        assert_eq!(net.replicas[0].state().op_count(), 2);
        act(&mut net, 0, 0, 7);
        net.exchange(3, 0);
        assert_eq!(look(net.replicas[3].state()), look(net.replicas[0].state()));
        assert!(net.replicas[3].state().resolve().is_ok());
        net.rounds(3);
        assert!(net.agree());
    }
}

#[test]
fn a_state_longer_than_a_message_comes_in_several() {
    // Eighteen operations of nearly 4 MiB are more than one message may carry.
    for exchange in [ExchangeMode::Delta, ExchangeMode::FullState, ExchangeMode::Intervals] {
        let mut source = replica(key(0), 2, exchange);
        for big in 0..18_u8 {
            let tensor = |i: usize| (format!("{big}-{i:0>490}"), Dtype::U8, vec![1], vec![1]);
            let model = Model::from_tensors((0..7500).map(tensor).collect()).expect("legal");
            let added = source.change(|state, key| state.add(key, Draft::new("big", model)));
            added.expect("fits into one operation");
        }
        let mut net = Net::of(vec![source, replica(key(1), 2, exchange)], 1);
        net.replicas[1].set_budget(usize::MAX);
        let mut exchanges = 0;
        while !net.agree() && exchanges < 8 {
            net.exchange(1, 0);
            exchanges += 1;
        }
        assert!(net.agree(), "{exchange:?}");
    }
}

#[test]
fn full_state_exchanges_respect_the_policy() {
    let mut a = replica(key(0), 2, ExchangeMode::FullState);
    let mut b = Replica::new(key(1), MergeState::new(policy(3)), ExchangeMode::FullState);
    a.change(|state, key| state.add(key, Draft::new("model", model(1.0, 1.0)))).expect("legal");
    let before = look(b.state());
    for effect in a.start(address(1)) {
        if let Effect::Send { frame, .. } = effect {
            assert!(b.receive(address(0), &frame).is_err());
        }
    }
    assert_eq!(look(b.state()), before);
}
