//! Tests of whole measurements.

use super::*;
use proptest::prelude::*;

/// Small networks, with a fixed seed: the same figures every time.
fn small() -> RoundsConfig {
    RoundsConfig { nodes: vec![8, 64], seeds: (1..=100).collect(), ..RoundsConfig::default() }
}

fn watch(_: &Topology, _: u32) {}

#[test]
fn small_networks_agree_with_the_reference_and_with_theory() {
    let found = run_rounds(&small(), &watch).expect("runs");
    assert_eq!(found.cells.len(), 2 * (11 + 11 - 1));
    for cell in &found.cells {
        let others: Vec<_> = cell.comparisons.iter().map(|other| other.source).collect();
        assert_eq!(others, [Source::Reference], "{} {}", cell.topology, cell.nodes);
        assert!(cell.passes(), "{cell:?}");
    }
    assert!(found.passes());
    let [torus] = &found.left_out[..] else { panic!("{:?}", found.left_out) };
    assert_eq!((&torus.topology, torus.nodes), (&Topology::Torus, 8));
    assert!(torus.reason.contains('9'), "says what would be right: {}", torus.reason);
}

/// A reference that is wrong by a fifth of a round is noticed, in the cell that it is about.
#[test]
fn a_wrong_reference_is_noticed() {
    let config = RoundsConfig {
        topologies: Some(vec![Topology::Complete, Topology::Ring]),
        nodes: vec![8],
        seeds: (1..=1_000).collect(),
        ..RoundsConfig::default()
    };
    let text = |ring: f64| {
        format!(
            "topology,nodes,order,runs,mean,standard_error\n\
             complete,8,sequential,10000,3.0101,0.00461\n\
             ring,8,synchronous,10000,{ring},0.00845\n"
        )
    };
    let passes = |ring: f64| {
        let reference = Reference::parse(&text(ring)).expect("a table");
        let found = run_beside(&config, &reference, &watch).expect("runs");
        let cell = |at: usize| (found.cells[at].comparisons.len(), found.cells[at].passes());
        assert_eq!((cell(0), cell(1), cell(2)), ((1, true), (0, true), (0, true)));
        assert_eq!(found.passes(), found.cells[3].passes());
        found.cells[3].passes()
    };
    assert!(passes(5.8657));
    assert!(!passes(5.6657) && !passes(6.0657));
}

#[test]
fn the_same_on_one_thread_and_on_two() {
    let config = RoundsConfig { seeds: (7..=12).collect(), ..small() };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| run_rounds(&config, &watch)).expect("runs")
    };
    let (one, two) = (with(1), with(2));
    assert_eq!(one, two);
    assert_eq!((one.to_json(), one.to_csv()), (two.to_json(), two.to_csv()));
}

/// Means of networks so small that they are known without chance.
#[test]
fn tiny_networks_agree_with_the_markov_chain() {
    let config = RoundsConfig {
        topologies: Some(
            [Topology::Complete, Topology::Ring, Topology::Line, Topology::Star].to_vec(),
        ),
        nodes: vec![2, 3, 4],
        seeds: (1..=3_000).collect(),
        ..RoundsConfig::default()
    };
    let found = run_rounds(&config, &watch).expect("runs");
    assert_eq!(found.cells.len(), 24);
    for cell in &found.cells {
        assert_eq!((cell.theory.lower_by, cell.theory.lower), ("exact", cell.theory.upper));
        let RoundsCell { topology, nodes, order, theory, rounds, .. } = cell;
        assert!(cell.passes(), "{topology} {nodes} {order}: {theory:?} {rounds:?}");
    }
    // And a mean that is a tenth off would not pass.
    let line = &found.cells.iter().find(|cell| cell.rounds.mean > 2.5).expect("a line of four");
    assert!(3.0 * line.rounds.standard_error.expect("many") < 0.1);
}

#[test]
fn parameters_suit_the_number_of_nodes() {
    let p = |nodes| standard(nodes)[8].clone();
    assert_eq!(p(8), Topology::ErdosRenyi(0.52));
    assert_eq!(p(64), Topology::ErdosRenyi(0.13));
    assert_eq!(p(1024), Topology::ErdosRenyi(0.014));
    assert_eq!(p(2), Topology::ErdosRenyi(0.7));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let refused =
        |config: RoundsConfig| run_rounds(&config, &watch).expect_err("nothing to run").to_string();
    let default = RoundsConfig::default;
    let wrong = [
        (RoundsConfig { nodes: vec![8, 1], ..default() }, "nodes: must be 2 to 10000, not 1"),
        (RoundsConfig { nodes: vec![], ..default() }, "nodes: name at least one"),
        (RoundsConfig { seeds: vec![], ..default() }, "seeds: must be 1 to 100000, not 0"),
        (RoundsConfig { orders: vec![], ..default() }, "order: name at least one"),
        (RoundsConfig { topologies: Some(vec![]), ..default() }, "topology: name at least one"),
    ];
    for (config, problem) in wrong {
        let error = refused(config);
        assert!(error.starts_with(problem), "{error}");
    }
    let torus = vec![Topology::Torus];
    let error = refused(RoundsConfig { topologies: Some(torus), nodes: vec![8], ..default() });
    assert!(error.starts_with("topology: ") && error.contains("torus"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// Runs of a list of seeds are those of its parts.
    #[test]
    fn seeds_do_not_see_each_other(seed in any::<u64>(), nodes in 2_u32..20) {
        let of = |seeds: Vec<u64>| {
            let topologies = Some(vec![Topology::Complete, Topology::Random]);
            let nodes = vec![nodes];
            let config = RoundsConfig { topologies, nodes, seeds, ..RoundsConfig::default() };
            let cells = run_rounds(&config, &watch).expect("runs").cells;
            cells.into_iter().map(|cell| cell.runs).collect::<Vec<_>>()
        };
        let (first, second) = (seed, seed.wrapping_add(1));
        let both: Vec<_> = of(vec![first]).into_iter().zip(of(vec![second])).collect();
        let both: Vec<_> = both.into_iter().map(|(a, b)| [a, b].concat()).collect();
        prop_assert_eq!(of(vec![first, second]), both);
    }
}
