//! Liars who break the protocol: everybody honest ends with one state, one model and one verdict,
//! and nobody honest is convicted.

use crate::{assert_nobody_honest_convicted, assert_one_model, last, run, small};
use espalier_sim::{Attack, Config, Report, Share};
use espalier_topology::Topology;
use std::collections::BTreeSet;

/// What they are convicted of is in the state, whatever their number.
const CONVICTED: [&str; 8] = [
    "equivocation",
    "equivocation-relayed",
    "amnesia",
    "retract-others",
    "copy",
    "slander",
    "forged-nan",
    "payload-mismatch",
];
/// These break no rule, or none that shows.
const UNPROVEN: [&str; 8] =
    ["withhold", "silent", "replay", "overweight", "future-round", "praise", "vote-down", "flood"];

fn attacked(attack: &str, seed: u64) -> Config {
    Config {
        seed,
        rounds: 24,
        model: "synthetic:16x16".parse().unwrap(),
        byzantine: Share::Count(3),
        attack: vec![attack.parse().unwrap()],
        topology: Topology::Complete,
        ..Config::default()
    }
}

/// Positions of the nodes that lie, or that do not.
fn nodes(report: &Report, byzantine: bool) -> Vec<usize> {
    let all = report.nodes.iter().enumerate();
    all.filter(|(_, node)| node.byzantine == byzantine).map(|(i, _)| i).collect()
}

/// That the honest nodes hold equal operations and so agree on everything.
#[track_caller]
fn assert_agreed(report: &Report, what: &str) {
    assert_one_model(report, what);
    assert_nobody_honest_convicted(report, what);
    assert_eq!(roots(report), 1, "{what}: equal states, unequal operations");
}

/// The number of different sets of operations the honest nodes hold at the end.
fn roots(report: &Report) -> usize {
    let end = last(report);
    let roots: BTreeSet<_> = nodes(report, false).iter().map(|&i| end.bound_root[i]).collect();
    roots.len()
}

#[track_caller]
fn assert_nobody_honest_isolated(report: &Report, what: &str) {
    for i in nodes(report, false) {
        let name = &report.nodes[i].name;
        assert!(
            !report.summary.isolated.as_ref().unwrap().contains(name),
            "{what}: {name} is isolated"
        );
    }
}

#[test]
fn whatever_liars_do_to_the_protocol_the_honest_agree() {
    for attack in CONVICTED.iter().chain(&UNPROVEN) {
        for seed in 1..4 {
            let report = run(&attacked(attack, seed));
            let what = format!("{attack}, seed {seed}");
            assert_agreed(&report, &what);
            assert_nobody_honest_isolated(&report, &what);
            let guilty = CONVICTED.contains(attack);
            for i in nodes(&report, true) {
                assert_eq!(last(&report).trust[i].consistency == 0.0, guilty, "{what}");
            }
        }
    }
}

#[test]
fn protocol_attacks_are_those_that_do_not_change_models() {
    // What an erratic liar does is not one attack.
    let named = CONVICTED.iter().chain(&UNPROVEN).chain(&["erratic"]);
    let named: BTreeSet<_> = named.copied().collect();
    let all = Attack::FORMS.iter().map(|(form, _)| form.split(':').next().unwrap());
    let others = all.filter(|name| !name.parse::<Attack>().unwrap().changes_models());
    assert_eq!(others.collect::<BTreeSet<_>>(), named);
}

/// Old frames and late ones change nothing: the state is the one without liars.
#[test]
fn replaying_and_withholding_end_in_the_honest_state() {
    for seed in 1..4 {
        let honest = run(&Config { byzantine: Share::Count(0), ..attacked("replay", seed) });
        for attack in ["replay", "withhold", "withhold:7"] {
            let report = run(&attacked(attack, seed));
            let ends = (report.summary.final_state_hash, report.summary.final_model_hash);
            let expected = (honest.summary.final_state_hash, honest.summary.final_model_hash);
            assert_eq!(ends, expected, "{attack}, seed {seed}");
            assert_eq!(report.summary.isolated.as_deref(), Some(&[][..]));
        }
    }
}

#[test]
fn what_is_withheld_is_seen_from_its_round_on() {
    let report = run(&attacked("withhold:9", 2));
    let liars: Vec<_> = nodes(&report, true).iter().map(|&i| &report.nodes[i].name).collect();
    for round in &report.rounds {
        let seen = nodes(&report, false).into_iter().any(|i| {
            let clock = &round.clock[i];
            liars.iter().any(|name| clock.contains_key(*name))
        });
        assert_eq!(seen, round.round >= 9, "round {}", round.round);
    }
}

#[test]
fn the_silent_are_never_heard() {
    let report = run(&attacked("silent", 1));
    let end = last(&report);
    let liars: Vec<_> = nodes(&report, true).iter().map(|&i| &report.nodes[i].name).collect();
    for i in nodes(&report, false) {
        assert!(liars.iter().all(|name| !end.clock[i].contains_key(*name)));
    }
    assert_eq!(report.trace.last().unwrap().visible, 5);
    assert!(report.audit.iter().all(|entry| !liars.contains(&&entry.from) || entry.bytes == 0));
}

#[test]
fn a_round_from_the_future_is_not_heard_and_does_not_age_the_others() {
    let report = run(&attacked("future-round", 1));
    assert_eq!(report.trace.last().unwrap().visible, 5);
    for i in nodes(&report, false) {
        assert_eq!(last(&report).trust[i].recency, 1.0);
    }
}

/// A thousand times the weight counts like twice the median.
#[test]
fn weights_beyond_measure_are_capped() {
    let (heavy, plain) = (run(&attacked("overweight", 1)), run(&attacked("replay", 1)));
    assert_eq!(heavy.trace.last().unwrap().visible, plain.trace.last().unwrap().visible);
    let declared = |report: &Report| {
        report.trace.iter().filter_map(|op| op.weight).fold(0.0_f64, |most, w| most.max(w))
    };
    assert_eq!((declared(&heavy), declared(&plain)), (1000.0, 1.0));
    assert_ne!(heavy.summary.final_model_hash, plain.summary.final_model_hash);
}

#[test]
fn a_minority_of_voices_neither_praises_nor_votes_down() {
    for attack in ["praise", "vote-down"] {
        let report = run(&attacked(attack, 3));
        let attests = report.trace.iter().filter(|op| op.kind == "attest").count();
        // Each of three praises two others, or one victim.
        assert_eq!(attests, if attack == "praise" { 6 } else { 3 });
        assert!(last(&report).trust.iter().all(|trust| trust.accuracy > 0.0), "{attack}");
        let plain = run(&attacked("replay", 3));
        assert_eq!(report.summary.final_model_hash, plain.summary.final_model_hash, "{attack}");
    }
}

#[test]
fn copies_are_traced_to_the_original() {
    let report = run(&attacked("copy", 2));
    let contents: Vec<_> = report.trace.iter().filter_map(|op| op.content).collect();
    assert_eq!(contents.len(), 8);
    assert!(contents.iter().collect::<BTreeSet<_>>().len() <= 5);
    assert_eq!(report.trace.last().unwrap().visible, 5);
}

#[test]
fn a_flood_is_counted_and_changes_nobodys_model() {
    let report = run(&attacked("flood", 1));
    // Three liars, twelve rounds, sixteen operations each, and eight contributions.
    assert_eq!(report.trace.len(), 3 * 12 * 16 + 8);
    let plain = run(&attacked("replay", 1));
    assert_eq!(report.summary.final_model_hash, plain.summary.final_model_hash);
}

/// Honest nodes of both halves that can reach each other learn of both faces, however the liars
/// relay.
#[test]
fn relays_cannot_keep_two_faces_apart() {
    let mut shown = 0;
    for topology in ["complete", "random", "regular:4"] {
        for seed in 1..6 {
            let report = run(&Config {
                nodes: 10,
                rounds: 40,
                byzantine: Share::Count(4),
                topology: topology.parse().unwrap(),
                ..attacked("equivocation-relayed", seed)
            });
            let what = format!("{topology}, seed {seed}");
            assert_nobody_honest_convicted(&report, &what);
            let halves: BTreeSet<_> = nodes(&report, false).iter().map(|i| i % 2).collect();
            if honest_are_connected(&report) && halves.len() == 2 {
                assert_agreed(&report, &what);
                for i in nodes(&report, true) {
                    assert_eq!(last(&report).trust[i].consistency, 0.0, "{what}");
                }
                shown += 1;
            }
        }
    }
    assert!(shown > 9, "only {shown}");
}

/// An honest crash brings back what was durable; a liar's does not, and shows.
#[test]
fn amnesia_convicts_and_an_honest_crash_does_not() {
    for seed in 0..8 {
        let one = Share::Count(1);
        let config = Config { byzantine: one, crash: 0.2, rounds: 40, ..attacked("amnesia", seed) };
        let report = run(&config);
        assert_nobody_honest_convicted(&report, &format!("seed {seed}"));
        for i in nodes(&report, true) {
            assert_eq!(last(&report).trust[i].consistency, 0.0, "seed {seed}");
        }
    }
}

/// Numbers from a seed, by a linear congruence.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

/// A schedule: up to three attacks of any kind among four to eight nodes, with loss. Nobody honest
/// starts anything new in the second half of the rounds.
fn schedule(seed: u64, rounds: u32) -> Config {
    let mut draw = Draw(seed);
    let nodes = 4 + draw.below(5);
    let topologies = ["complete", "complete", "random", "ring", "star", "line"];
    let name = |draw: &mut Draw| {
        let (form, _) = Attack::FORMS[draw.below(Attack::FORMS.len())];
        form.split(':').next().unwrap().parse().unwrap()
    };
    let attack = (0..1 + draw.below(3)).map(|_| name(&mut draw)).collect();
    Config {
        seed,
        nodes: nodes as u32,
        rounds,
        byzantine: Share::Count(1 + draw.below((nodes - 1) / 2) as u32),
        attack,
        topology: topologies[draw.below(topologies.len())].parse().unwrap(),
        loss: [0.0, 0.1, 0.3][draw.below(3)],
        order: ["sequential", "synchronous"][draw.below(2)].parse().unwrap(),
        retrain: [None, None, Some(rounds / 2 + 1)][draw.below(3)],
        model: "synthetic:8".parse().unwrap(),
        ..small()
    }
}

/// Whether the honest nodes can all reach each other without passing a liar.
fn honest_are_connected(report: &Report) -> bool {
    let honest: BTreeSet<u32> = nodes(report, false).into_iter().map(|i| i as u32).collect();
    let mut reached: BTreeSet<u32> = honest.iter().take(1).copied().collect();
    let edges = report.topology.edges.as_ref().unwrap();
    for _ in 0..honest.len() {
        for (a, b) in edges.iter().filter(|(a, b)| honest.contains(a) && honest.contains(b)) {
            if reached.contains(a) || reached.contains(b) {
                reached.extend([*a, *b]);
            }
        }
    }
    reached == honest
}

/// Nothing that any mix of liars does on any network convicts anybody honest, and where the honest
/// can reach each other they end with one set of operations. `ESPALIER_SCHEDULES` says how many
/// schedules are tried.
#[test]
fn no_mix_of_liars_divides_the_honest_or_convicts_them() {
    let count = std::env::var("ESPALIER_SCHEDULES").ok().and_then(|text| text.parse().ok());
    let count = count.unwrap_or(200);
    let mut connected = 0;
    for seed in 0..count {
        let mut rounds = 40;
        let report = loop {
            let report = run(&schedule(seed, rounds));
            assert_nobody_honest_convicted(&report, &format!("schedule {seed}"));
            // Safety holds always; agreement may take long where much is lost on a long line.
            if roots(&report) == 1 || rounds > 300 {
                break report;
            }
            rounds *= 2;
        };
        if honest_are_connected(&report) {
            connected += 1;
            assert_agreed(&report, &format!("schedule {seed}: {:?}", report.config));
        }
    }
    assert!(connected >= count / 2, "only {connected} were connected");
}
