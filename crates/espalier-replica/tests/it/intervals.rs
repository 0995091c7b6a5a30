//! Exchanges by intervals end as those with frontiers do, whatever the network and crashes do, and
//! cost what is new.

use crate::driver::{CALM, Net, Weather, address, replica};
use crate::gossip::act;
use crate::histories::honest;
use crate::{cases, key};
use espalier_replica::{Effect, ExchangeMode, MergeState, Replica};
use proptest::prelude::*;

/// A network, and of each node what a crash leaves it: what it held when it last signed something.
struct Durable {
    net: Net,
    disks: Vec<MergeState>,
}

impl Durable {
    fn new(n: u8, seed: u64, exchange: ExchangeMode) -> Self {
        let net = Net::new(n, seed, exchange);
        let disks = net.replicas.iter().map(|replica| replica.state().clone()).collect();
        Self { net, disks }
    }

    fn persist(&mut self, who: usize) {
        self.disks[who] = self.net.replicas[who].state().clone();
    }

    fn crash(&mut self, who: usize, exchange: ExchangeMode) {
        self.net.replicas[who] = Replica::new(key(who as u8), self.disks[who].clone(), exchange);
    }
}

fn bytes(net: &Net) -> usize {
    net.sent.iter().map(|(_, frame)| frame.len()).sum()
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn whatever_happens_a_calm_phase_makes_all_equal(
        n in 2..6_u8,
        steps in honest(60),
        (loss, double, reorder) in (0..60_u64, 0..40_u64, 0..60_u64),
        (seed, crash) in (any::<u64>(), 0..40_u64),
    ) {
        let mut all = Durable::new(n, seed, ExchangeMode::Intervals);
        all.net.weather = Weather { loss, double, reorder };
        for (kind, who, whom, value) in steps {
            let (who, whom) = (usize::from(who % n), usize::from(whom % n));
            if all.net.dice.percent(40) {
                act(&mut all.net, kind, who, value);
                all.persist(who);
            }
            if who != whom {
                all.net.exchange(who, whom);
            }
            if !all.net.replicas[who].publish().is_empty() {
                all.persist(who);
            }
            if all.net.dice.percent(crash) {
                all.crash(whom, ExchangeMode::Intervals);
            }
        }
        all.net.weather = CALM;
        all.net.rounds(2);
        prop_assert!(all.net.agree());
        for replica in &all.net.replicas {
            prop_assert!(replica.state().evidence().keys().next().is_none(), "all were honest");
        }
        let moved = all.net.moved;
        all.net.rounds(8);
        prop_assert_eq!(all.net.moved, moved, "equal replicas move no tensors");
    }

    /// The slow twin compares frontiers every time.
    #[test]
    fn they_end_where_exchanges_with_frontiers_end(
        n in 2..6_u8,
        steps in honest(30),
        pairs in proptest::collection::vec((any::<u8>(), any::<u8>(), 0..100_u64), 0..40),
        (loss, seed, crash) in (0..50_u64, any::<u64>(), 0..40_u64),
    ) {
        let run = |exchange| {
            let mut all = Durable::new(n, seed, exchange);
            for &(kind, who, _, value) in &steps {
                act(&mut all.net, kind, usize::from(who % n), value);
            }
            (0..usize::from(n)).for_each(|who| all.persist(who));
            all.net.weather = Weather { loss, double: 10, reorder: 30 };
            for &(a, b, lot) in &pairs {
                let (a, b) = (usize::from(a % n), usize::from(b % n));
                if a != b {
                    all.net.exchange(a, b);
                }
                if lot < crash {
                    all.crash(b, exchange);
                }
            }
            all.net.weather = CALM;
            all.net.rounds(2);
            let roots: Vec<_> =
                all.net.replicas.iter().map(|replica| replica.state().bound_root()).collect();
            roots
        };
        prop_assert_eq!(run(ExchangeMode::Intervals), run(ExchangeMode::Delta));
    }

    #[test]
    fn both_kinds_and_copies_of_one_replica_understand_each_other(
        n in 2..6_u8, kinds in any::<u8>(), seed in any::<u64>()
    ) {
        let kind = |i: u8| {
            if kinds >> i & 1 == 1 { ExchangeMode::Intervals } else { ExchangeMode::Delta }
        };
        let mut net = Net::of((0..n).map(|i| replica(key(i), n, kind(i))).collect(), seed);
        for round in 0..4 {
            for who in 0..usize::from(n) {
                act(&mut net, 0, who, round * 8 + who as u8);
            }
            net.round_apart();
        }
        net.rounds(2);
        prop_assert!(net.agree());
    }
}

/// Two that know each other, of a federation of `n` who all said something.
fn acquainted(n: u8, exchange: ExchangeMode) -> Net {
    let mut net = Net::new(n, 1, exchange);
    for who in 0..usize::from(n) {
        act(&mut net, 0, who, who as u8 + 2);
        net.exchange(who, 0);
    }
    net.exchange(0, 1);
    act(&mut net, 0, 0, 99);
    (0..2).for_each(|_| net.exchange(0, 1));
    net.sent.clear();
    net
}

#[test]
fn a_quiet_exchange_is_one_short_message_whatever_there_is() {
    let quiet = |n, exchange| {
        let mut net = acquainted(n, exchange);
        let one = (net.exchange(0, 1), bytes(&net)).1;
        (1..16).for_each(|_| net.exchange(0, 1));
        (one, bytes(&net))
    };
    let (one, sixteen) = quiet(4, ExchangeMode::Intervals);
    assert_eq!((one, sixteen), (40, 16 * 40 + 2 * (82 + 18)), "two of them compare roots too");
    assert_eq!(quiet(60, ExchangeMode::Intervals), (one, sixteen), "no matter how many authors");
    assert_eq!(quiet(60, ExchangeMode::Delta).1, 16 * (82 + 18));
}

#[test]
fn news_cost_themselves_and_an_acknowledgement() {
    let news = |exchange| {
        let mut net = acquainted(60, exchange);
        act(&mut net, 0, 1, 77);
        net.exchange(0, 1);
        (net.sent.len(), bytes(&net))
    };
    let (intervals, delta) = (news(ExchangeMode::Intervals), news(ExchangeMode::Delta));
    assert!(intervals.1 + 50 < delta.1, "{intervals:?} {delta:?}");
    assert_eq!(intervals.0, 3, "an interval, its answer, an acknowledgement");
}

#[test]
fn nothing_goes_back_where_it_came_from() {
    let mut net = Net::new(3, 1, ExchangeMode::Intervals);
    (0..3).for_each(|who| act(&mut net, 0, who, who as u8 + 2));
    for (a, b) in [(0, 1), (1, 2), (2, 0)] {
        // Whoever met as equals would not know how far the other is.
        act(&mut net, 0, a, 40 + a as u8);
        net.exchange(a, b);
    }
    net.rounds(1);
    act(&mut net, 0, 0, 50);
    net.exchange(0, 1);
    net.exchange(0, 2);
    net.sent.clear();
    // Both have it from the first; neither knows of the other, so one of them says it once.
    net.exchange(1, 2);
    let long = |net: &Net| net.sent.iter().filter(|(_, frame)| frame.len() > 200).count();
    assert_eq!(long(&net), 1);
    for (a, b) in [(1, 2), (2, 1), (0, 1), (1, 0), (2, 0), (0, 2)] {
        net.exchange(a, b);
    }
    assert_eq!(long(&net), 1, "never again, and not to whom it came from");
}

#[test]
fn what_is_lost_comes_again_once_an_exchange_until_it_is_acknowledged() {
    let mut net = acquainted(3, ExchangeMode::Intervals);
    act(&mut net, 0, 0, 88);
    net.weather.loss = 100;
    // The driver does not keep what it loses, so it is looked at before.
    for _ in 0..5 {
        let frames = net.replicas[0].start(address(1));
        let [Effect::Send { frame, .. }] = &frames[..] else { panic!("one message") };
        assert!(frame.len() > 200, "the same operation every time");
        net.exchange(0, 1);
    }
    net.weather = CALM;
    net.exchange(0, 1);
    assert_eq!(net.replicas[0].state(), net.replicas[1].state());
    let [Effect::Send { frame, .. }] = &net.replicas[0].start(address(1))[..] else { panic!() };
    assert_eq!(frame.len(), 40);
}

#[test]
fn whoever_forgot_something_hears_of_it_in_the_next_exchange() {
    for (starter, other) in [(0, 1), (1, 0)] {
        let mut net = acquainted(4, ExchangeMode::Intervals);
        let disk = net.replicas[1].state().clone();
        act(&mut net, 0, 0, 88);
        net.exchange(0, 1);
        act(&mut net, 0, 0, 89);
        net.exchange(1, 0);
        net.replicas[1] = Replica::new(key(1), disk, ExchangeMode::Intervals);
        net.exchange(starter, other);
        assert_eq!(net.replicas[0].state(), net.replicas[1].state());
        net.sent.clear();
        net.exchange(starter, other);
        assert_eq!(bytes(&net), 40, "and they know each other again");
    }
}

#[test]
fn where_much_is_new_it_is_asked_first_what_of_it_is_lacking() {
    let mut net = acquainted(3, ExchangeMode::Intervals);
    for value in 20..60 {
        act(&mut net, 0, 0, value);
    }
    // Somebody else brings it first.
    net.exchange(0, 2);
    net.exchange(2, 1);
    net.sent.clear();
    net.exchange(0, 1);
    assert_eq!(bytes(&net), 82 + 18, "a root and an answer");
}
