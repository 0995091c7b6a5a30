//! The scenarios in `fixtures/scenarios/`: each is read as it stands, and run with few seeds to see
//! that it shows what it is there for.

use espalier_sim::{RunSummary, Scenario, ScenarioReport, run_scenario};
use espalier_testkit::fixture_path;
use std::ops::ControlFlow;

const ALL: [&str; 7] = [
    "demonstration",
    "partition-and-heal",
    "late-joiners",
    "churn",
    "star-failure",
    "wan-five-regions",
    "byzantine-45",
];

fn open(name: &str) -> Scenario {
    let path = fixture_path(&format!("scenarios/{name}.toml"));
    Scenario::open(&path).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn fixture_scenarios_are_legal_and_complete() {
    let folder = fixture_path("scenarios/demonstration.toml");
    let files = std::fs::read_dir(folder.parent().unwrap()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned())).collect();
    names.sort_unstable();
    let mut expected = ALL.map(str::to_owned);
    expected.sort_unstable();
    assert_eq!(names, expected);
    for name in ALL {
        let scenario = open(name);
        assert!(!scenario.description.is_empty() && scenario.seeds.len() >= 10, "{name}");
    }
    for file in ["edges", "latency"] {
        assert!(fixture_path(&format!("scenarios/wan-five-regions.{file}")).exists());
    }
}

struct Found(ScenarioReport);

impl Found {
    fn of(name: &str, seeds: usize) -> Self {
        let scenario = open(name).with_seeds(Some(seeds), None).unwrap();
        let report = run_scenario(&scenario, &mut |_| ControlFlow::Continue(()));
        Self(report.unwrap_or_else(|error| panic!("{error}")).expect("not stopped"))
    }

    #[track_caller]
    fn run(&self, name: &str) -> &RunSummary {
        let run = self.0.summaries.iter().find(|run| run.run == name);
        run.unwrap_or_else(|| panic!("no run `{name}`"))
    }

    #[track_caller]
    fn mean(&self, run: &str, figure: &str) -> f64 {
        let found = self.run(run).figures[figure];
        found.unwrap_or_else(|| panic!("`{run}` has no {figure}")).mean
    }

    #[track_caller]
    fn rounds(&self, run: &str) -> f64 {
        self.mean(run, "rounds_to_converge")
    }

    fn assert_all_converged(&self) {
        for run in &self.0.summaries {
            assert_eq!(run.converged, run.seeds, "{}", run.run);
        }
    }
}

#[test]
fn the_demonstration_ends_equal_and_grows_slowly() {
    let found = Found::of("demonstration", 3);
    found.assert_all_converged();
    for run in &found.0.summaries {
        let last = run.curves.mean_pairwise_l2.mean.last();
        assert_eq!(last, Some(&Some(0.0)), "equal, not almost equal: {}", run.run);
    }
    let rounds = |nodes: u32| found.rounds(&format!("weight average, nodes {nodes}"));
    assert!(rounds(8) < rounds(64) && rounds(64) <= rounds(8) + 5.0);
}

#[test]
fn a_partition_costs_its_rounds_and_few_more() {
    let found = Found::of("partition-and-heal", 3);
    found.assert_all_converged();
    assert!(found.rounds("whole") < 6.0);
    for name in ["two parts", "four parts", "one way"] {
        let rounds = found.rounds(name);
        assert!((16.0..21.0).contains(&rounds), "{name}: {rounds}");
    }
    assert!(found.rounds("two parts and a bridge") <= found.rounds("two parts"));
    for (name, parts) in [("two parts", 2.0), ("four parts", 4.0), ("one way", 2.0)] {
        let before_heal = found.run(name).curves.distinct_states.mean[15].unwrap();
        assert!((parts..parts + 2.0).contains(&before_heal), "{name}: {before_heal}");
    }
}

#[test]
fn latecomers_are_caught_up_with_as_fast_whenever_they_come() {
    let found = Found::of("late-joiners", 3);
    found.assert_all_converged();
    let start = found.rounds("all from the start");
    for (name, joined) in [("1@8", 8.0), ("12@8", 8.0), ("12@16", 16.0)] {
        let after = found.rounds(&format!("late, late_joiners {name}")) - joined;
        assert!((0.0..start + 2.0).contains(&after), "{name}: {after} rounds after, {start}");
    }
}

#[test]
fn churn_delays_and_loses_nothing() {
    let found = Found::of("churn", 4);
    let seeds = 4 * found.0.summaries.len() as u32;
    let converged: u32 = found.0.summaries.iter().map(|run| run.converged).sum();
    assert!(converged + 2 >= seeds, "{converged} of {seeds}");
    for name in ["churn, churn poisson:0.1:0.5", "crashes, crash 0.1", "churn and crashes"] {
        assert!(found.rounds(name) > found.rounds("calm"), "{name}");
    }
}

#[test]
fn a_star_stands_still_without_its_hub_and_a_random_network_does_not() {
    let found = Found::of("star-failure", 3);
    found.assert_all_converged();
    assert!(found.rounds("star") <= 3.0 && found.rounds("star, hub fails") >= 10.0);
    let while_down = |name: &str| found.run(name).curves.distinct_states.mean[9];
    assert_eq!(while_down("star, hub fails"), Some(23.0), "nobody heard anybody");
    assert_eq!(while_down("random, node 0 fails"), Some(1.0));
}

#[test]
fn few_long_links_cost_more_than_their_length() {
    let found = Found::of("wan-five-regions", 3);
    found.assert_all_converged();
    let (none, far) = (
        found.rounds("everybody knows everybody, no distance"),
        found.rounds("everybody knows everybody"),
    );
    let few = found.rounds("few long links");
    assert!(none <= far && far + 2.0 < few, "{none} {far} {few}");
    assert!(few < found.rounds("few long links, 10 % loss"));
    assert!(few < found.rounds("few long links of 100 kB/s"));
}

#[test]
fn a_minority_of_45_percent_does_no_harm() {
    let found = Found::of("byzantine-45", 2);
    found.assert_all_converged();
    let clean = found.mean("nobody lies", "final_accuracy");
    for run in &found.0.summaries {
        let accuracy = found.mean(&run.run, "final_accuracy");
        assert!(accuracy > clean - 0.03, "{}: {accuracy}, without liars {clean}", run.run);
        assert_eq!(found.mean(&run.run, "honest_isolated"), 0.0, "{}", run.run);
    }
    for attack in ["sign-flip", "label-flip", "equivocation", "nan"] {
        assert_eq!(found.mean(&format!("liars, attack {attack}"), "recall"), 1.0, "{attack}");
    }
    assert_eq!(found.run("nobody lies").figures["recall"], None);
}
