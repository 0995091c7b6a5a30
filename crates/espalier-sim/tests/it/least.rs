//! Bytes over the least possible: never below 1, whatever liars, links and nodes do.

use crate::{run, small};
use espalier_sim::{Attack, Config, Wire};
use proptest::prelude::*;

fn attacks() -> Vec<Attack> {
    let names = Attack::FORMS.iter().map(|(form, _)| form.split(':').next().unwrap());
    // Those that search the merge take long.
    let slow = ["white-box", "optimal-alie", "optimal-ipm"];
    names.filter(|name| !slow.contains(name)).map(|name| name.parse().unwrap()).collect()
}

fn config() -> impl Strategy<Value = Config> {
    let faults = (prop_oneof![Just(0.0), 0.0..0.5], prop_oneof![Just(0.0), 0.0..0.2]);
    let shapes = prop_oneof![Just("synthetic:1"), Just("synthetic:64"), Just("synthetic:40x40")];
    let ways = prop_oneof![Just("delta"), Just("full-state"), Just("intervals")];
    let people = (4..11_u32, 0..5_u32, proptest::option::of(1..6_u32));
    let others = (any::<bool>(), any::<bool>(), 1..10_u32, proptest::sample::select(attacks()));
    (any::<u64>(), faults, shapes, ways, people, others).prop_map(
        |(
            seed,
            (loss, crash),
            model,
            exchange,
            (nodes, liars, late),
            (retract, retrain, rounds, attack),
        )| {
            Config {
                seed,
                loss,
                crash,
                nodes,
                rounds,
                model: model.parse().unwrap(),
                exchange: exchange.parse().unwrap(),
                byzantine: espalier_sim::Share::Count(liars.min((nodes - 1) / 2)),
                attack: vec![attack],
                late_joiners: late.and_then(|round| format!("1@{round}").parse().ok()),
                retract: if retract { vec!["0@2".parse().unwrap()] } else { Vec::new() },
                retrain: retrain.then_some(3),
                ..small()
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn nobody_sends_less_than_the_least(config in config()) {
        let over = run(&config).summary.bytes_over_optimum;
        prop_assert!(over.is_none_or(|over| over >= 1.0), "{over:?}");
    }

    #[test]
    fn counted_replicas_neither(
        seed: u64, nodes in 2..40_u32, rounds in 1..8_u32, loss in 0.0..0.5, crash in 0.0..0.2,
        model in prop_oneof![Just("synthetic:1"), Just("synthetic:64"), Just("synthetic:40x40")],
    ) {
        let model = model.parse().unwrap();
        let wire = Wire::Counted;
        let config = Config { seed, nodes, rounds, loss, crash, model, wire, ..small() };
        let over = run(&config).summary.bytes_over_optimum;
        prop_assert!(over.is_none_or(|over| over >= 1.0), "{over:?}");
    }
}

/// Liars that all say the same have it from the beginning: nobody brings it to them.
#[test]
fn what_liars_hold_from_the_beginning_need_not_be_sent() {
    for seed in 1..=5 {
        let config = Config {
            nodes: 20,
            byzantine: "45%".parse().unwrap(),
            attack: vec!["nan".parse().unwrap()],
            model: "synthetic:4096".parse().unwrap(),
            seed,
            ..small()
        };
        let over = run(&config).summary.bytes_over_optimum.unwrap();
        assert!((1.0..4.0).contains(&over), "{over}");
    }
}
