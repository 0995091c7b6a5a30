//! Watching changes nothing, and what is seen is what the report says.

use crate::{run, small};
use espalier_sim::{Config, Share, Sight, SimError, Wire, simulate_watched};
use std::ops::ControlFlow;

fn config() -> Config {
    Config { nodes: 9, rounds: 10, byzantine: Share::Count(2), crash: 0.05, loss: 0.1, ..small() }
}

#[test]
fn watching_changes_nothing_and_moments_are_the_rounds() {
    let config = config();
    let (mut moments, mut entries) = (Vec::new(), Vec::new());
    let report = simulate_watched(&config, None, &mut |sight| {
        if let Sight::Opening(watched) | Sight::Round(watched) = sight {
            moments.push(watched.moment.clone());
            entries.extend(watched.audit().cloned());
            assert_eq!(watched.states.len(), 9);
        }
        ControlFlow::Continue(())
    });
    let report = report.expect("runs");
    assert_eq!(report.to_json(), run(&config).to_json());
    assert_eq!(entries, report.audit);
    assert_eq!(moments.len(), report.rounds.len());
    for (moment, round) in moments.iter().zip(&report.rounds) {
        for number in 0..9 {
            let seen = moment.node(number).expect("all are sampled");
            let at = number as usize;
            assert_eq!(seen.node.state_hash, round.state_hash[at]);
            assert_eq!(seen.wire_bytes, round.wire_bytes[at]);
            assert_eq!(seen.node.active, round.active[at]);
            for held in &seen.held {
                let (bound, proof) = moment.proof(number, &held.op).expect("it is held");
                assert_eq!(bound, round.bound_root[at]);
                assert!(proof.verify(&bound).is_ok());
            }
        }
        assert!(moment.node(9).is_none());
    }
}

#[test]
fn a_watcher_can_stop_a_run_and_needs_frames() {
    let mut rounds = 0;
    let report = simulate_watched(&config(), None, &mut |sight| {
        rounds += u32::from(matches!(sight, Sight::Round(_)));
        if rounds == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let report = report.expect("runs");
    assert_eq!((report.rounds.len(), report.config.rounds), (4, 3));
    let counted = Config { wire: Wire::Counted, nodes: 4, ..Config::default() };
    let refused = simulate_watched(&counted, None, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(refused, Err(SimError::Field { field: "wire", .. })));
}
