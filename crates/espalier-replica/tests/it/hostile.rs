//! Hostile frames: noise, damage, lists without end, the wrong phase. A typed error or an answer,
//! never a panic, never a change that no signature stands for, never memory without bound.

use crate::codec::reframe;
use crate::driver::{Net, address, replica};
use crate::histories::look;
use crate::{Dice, add, cases, contribution, key, model, policy};
use espalier_identity::canonical;
use espalier_replica::{Body, Draft, ExchangeMode, HEADER_LEN, MergeState, ReceiveError, Replica};
use proptest::prelude::*;

/// Every frame of a few exchanges between honest nodes, forks among them.
fn frames() -> (Vec<Vec<u8>>, Replica) {
    let mut replicas: Vec<_> = (0..3).map(|i| replica(key(i), 3, ExchangeMode::Delta)).collect();
    replicas.push(replica(key(0), 3, ExchangeMode::Delta));
    replicas.push(replica(key(1), 3, ExchangeMode::FullState));
    replicas.extend((0..2).map(|i| replica(key(i), 3, ExchangeMode::Intervals)));
    let mut net = Net::of(replicas, 5);
    for who in [0, 1, 2, 3, 5] {
        let draft = Draft::new("model", model(who as f32, 1.0));
        net.replicas[who].change(|state, key| state.add(key, draft)).expect("legal");
    }
    net.rounds(3);
    // Those that count in logs know each other now.
    let draft = Draft::new("model", model(9.0, 1.0));
    net.replicas[6].change(|state, key| state.add(key, draft)).expect("legal");
    net.exchange(5, 6);
    let frames = net.sent.drain(..).map(|(_, frame)| frame).collect();
    // One that has all of it, so that nothing in these frames is news.
    net.rounds(2);
    (frames, net.replicas.swap_remove(2))
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn damaged_frames_change_nothing(
        seed in any::<u64>(), noise in any::<Vec<u8>>(), intervals: bool,
    ) {
        let (frames, mut node) = frames();
        if intervals {
            node = Replica::new(key(2), node.state().clone(), ExchangeMode::Intervals);
        }
        let before = look(node.state());
        let mut dice = Dice(seed);
        for _ in 0..40 {
            let frame = &frames[dice.below(frames.len())];
            let mut payload = frame[HEADER_LEN..].to_vec();
            match dice.below(4) {
                0 => payload.truncate(dice.below(payload.len())),
                1 => payload.extend(&noise),
                2 => { let at = dice.below(payload.len()); payload[at] ^= 1 << dice.below(8); }
                _ => payload.clone_from(&noise),
            }
            // Whatever it says now, nothing that was not signed gets in.
            let _ = node.receive(address(9), &reframe(&payload));
            let mut raw = frame.clone();
            let at = dice.below(raw.len());
            raw[at] ^= 1 << dice.below(8);
            prop_assert!(node.receive(address(9), &raw).is_err());
            prop_assert!(node.receive(address(9), &frame[..dice.below(frame.len())]).is_err());
            prop_assert!(node.receive(address(9), &noise).is_err());
        }
        prop_assert_eq!(look(node.state()), before);
    }

    #[test]
    fn frames_in_the_wrong_phase_do_no_harm(seed in any::<u64>(), intervals: bool) {
        let (frames, node) = frames();
        let exchange = if intervals { ExchangeMode::Intervals } else { ExchangeMode::Delta };
        let mut fresh = replica(key(2), 3, exchange);
        let mut dice = Dice(seed);
        for _ in 0..60 {
            let _ = fresh.receive(address(dice.below(9)), &frames[dice.below(frames.len())]);
        }
        let contents: Vec<_> = node.state().live_contents().collect();
        for digest in &contents {
            let content = node.state().arena().store().get(digest).expect("held");
            fresh.state().arena().store().put(content);
        }
        fresh.tensors_stored(&contents);
        let mut net = Net::of(vec![node, fresh], seed);
        net.rounds(3);
        prop_assert!(net.agree());
    }
}

#[test]
fn other_policies_are_refused_by_name() {
    let ours = Replica::new(key(0), MergeState::new(policy(2)), ExchangeMode::Delta);
    let mut theirs = Replica::new(key(1), MergeState::new(policy(3)), ExchangeMode::Delta);
    let [espalier_replica::Effect::Send { frame, .. }] = &ours.start(address(1))[..] else {
        panic!("a hello")
    };
    let refused = theirs.receive(address(0), frame);
    assert!(matches!(refused, Err(ReceiveError::Apply(_))), "{refused:?}");
}

/// A message by its number and the canonical bytes of its fields.
fn message(kind: u8, fields: &impl serde::Serialize) -> Vec<u8> {
    reframe(&[vec![kind], canonical::encode(fields)].concat())
}

#[test]
fn lists_without_end_are_refused_and_long_ones_answered_in_time() {
    let (_, mut node) = frames();
    let before = look(node.state());
    let id = |i: usize| espalier_identity::Digest::of_content(&i.to_le_bytes());
    let long: Vec<_> = (0..=1 << 20).map(id).collect();
    let shorts: Vec<_> = (0..=1_u64 << 20).map(u64::to_le_bytes).collect();
    let symbols: Vec<_> = shorts.iter().map(|short| (*short, [1_u8; 4], 1_i8)).collect();
    let scope = ([0_u8; 16], None::<u8>);
    let repair = |want: &[[u8; 8]]| message(6, &(Vec::<u8>::new(), scope.0, want));
    let want = |contents: &[espalier_identity::Digest]| message(7, &contents);
    let coded = |some: &[_]| message(4, &(scope, 9_u64, symbols[0], 0_u64, some));
    let list = |ids: &[[u8; 8]]| message(10, &(scope, 0_u64, u64::MAX, ids));
    let fair = 1 << 16;
    for (kind, too_many, many) in [
        ("Repair", repair(&shorts), repair(&shorts[..fair])),
        ("Want", want(&long), want(&long[..fair])),
        ("Symbols", coded(&symbols[..=1 << 13]), coded(&symbols[..1 << 13])),
        ("Ids", list(&shorts), list(&shorts[..fair])),
    ] {
        let refused = node.receive(address(9), &too_many);
        assert_eq!(refused, Err(ReceiveError::TooMany), "{kind}");
        let answered = node.receive(address(9), &many).expect("bounded");
        assert_eq!(answered.admitted.len(), 0);
    }
    // What asks for much is answered with no more than one message takes.
    let much = [
        message(5, &(scope, 0_u64, u64::MAX)),
        message(5, &(scope, u64::MAX, u64::MAX)),
        message(9, &(scope, 0_u64)),
        message(10, &(scope, 5_u64, 2_u64, &shorts[..2])),
        message(4, &([1_u8; 16], scope.1, u64::MAX, symbols[0], u64::MAX, &symbols[..2])),
    ];
    for frame in much {
        let answer = node.receive(address(9), &frame).expect("well formed");
        let Some(espalier_replica::Effect::Send { frame, .. }) = answer.effects.first() else {
            panic!("an answer")
        };
        assert!(answer.effects.len() == 1 && frame.len() < 1 << 18);
    }
    assert_eq!(look(node.state()), before);
}

#[test]
fn nothing_is_provided_that_is_not_held() {
    let (_, mut node) = frames();
    let mine: Vec<_> = node.state().live_contents().take(1).collect();
    let alien = espalier_identity::Digest::of_content(b"alien");
    let wanted = [mine.clone(), vec![alien]].concat();
    let answer = node.receive(address(9), &message(7, &wanted)).expect("well formed");
    let to = address(9);
    assert_eq!(answer.effects, [espalier_replica::Effect::Provide { to, contents: mine }]);
    let answer = node.receive(address(9), &message(7, &vec![alien])).expect("well formed");
    assert!(answer.effects.is_empty());
}

/// A message with an operation, in an envelope that nobody looks at while all is well.
fn carried(op: espalier_replica::SignedOp) -> Vec<u8> {
    let signature = espalier_identity::Signature::from_bytes([0; 64]);
    crate::pack::message(&policy(0), key(100).peer_id(), signature, &[op])
}

/// Frames with contributions whose tensors nobody has.
fn promises(n: u8) -> Vec<Vec<u8>> {
    let promise = |i: u8| {
        let mut state = MergeState::new(policy(0));
        let body = Body::Contribute(contribution(&model(f32::from(i), 9.0), 0, Vec::new()));
        let op = crate::say(&mut state, &key(100), body);
        carried(op)
    };
    (0..n).map(promise).collect()
}

#[test]
fn promises_do_not_pile_up_nor_push_out_those_of_others() {
    let mut node = Replica::new(key(0), MergeState::new(policy(0)), ExchangeMode::Delta);
    let mut honest = MergeState::new(policy(0));
    let op = add(&mut honest, &key(1), 1.0);
    let content = honest.live_contents().next().expect("one tensor");
    node.receive(address(1), &carried(op)).expect("well formed");
    let (mut kept, mut longest) = (0, 0);
    for (i, frame) in promises(200).iter().enumerate() {
        node.receive(address(9), frame).expect("well formed");
        longest = longest.max(format!("{node:?}").len());
        kept = if i < 128 { longest } else { kept };
    }
    assert!(longest < kept + kept / 4, "{kept} to {longest}: no more of one peer are kept");
    assert_eq!(node.state().op_count(), 0);
    node.state().arena().store().put(honest.arena().store().get(&content).expect("held"));
    assert_eq!(node.tensors_stored(&[content]).admitted.len(), 1, "the honest one still waits");
    for peer in 10..40 {
        for frame in promises(100) {
            node.receive(address(peer), &frame).expect("well formed");
        }
    }
    assert!(format!("{node:?}").len() < 2048 / 128 * longest, "nor more of all");
}
