//! What the scripts of the page rely on.

use super::{CellResult, Grid, GridConfig};
use espalier_page::GRID;

/// What the scripts look for to read seeds digit by digit.
const SEEDS: &str = "\"seeds\":[";

fn script(name: &str) -> &'static str {
    GRID.script_with(name).expect("a script")
}

/// A grid that was never run: every cell with the same figures.
fn grid(topology: &str, error: f64, seeds: Vec<u64>) -> Grid {
    let topologies = vec![topology.parse().expect("a topology")];
    let seeds_without_liars = Vec::new();
    let config = GridConfig { topologies, seeds, seeds_without_liars, ..GridConfig::quick() };
    let result = |cell| CellResult {
        liars: 1,
        converged: None,
        isolated: None,
        agreed: false,
        error,
        mean: 0.2,
        floor: None,
        rules: [("median".to_owned(), 0.1)].into(),
        recall: Some(0.5),
        weight: 0.1,
        honest_isolated: 0,
        convicted: (0, 0),
        trust_bytes: 0.0,
        accuracy: None,
        trust: vec![[1.0, 1.0], [1.0, 0.0]],
        cell,
    };
    let cells = config.cells().into_iter().map(result).collect();
    Grid { config, cells }
}

#[test]
fn seeds_are_found_in_the_text_whatever_a_path_says() {
    let seeds = vec![u64::MAX, 0];
    let grid = grid("file:\"seeds\":[7]", 0.1, seeds.clone());
    let json = grid.to_json();
    assert_eq!(json.matches(SEEDS).count(), 1);
    assert!(json.contains("\"seeds\":[18446744073709551615,0]"));
    assert!(script("const seeds").contains("/\"seeds\":\\["));
    let order = grid.cells.iter().zip(seeds.iter().cycle());
    assert!(order.clone().all(|(result, seed)| result.cell.seed == *seed));
}

#[test]
fn nothing_merged_is_told_from_an_error() {
    assert!(script("const NOTHING_FROM").contains("const NOTHING_FROM = 1e300;"));
    let json = grid("ring", f64::MAX, vec![1, 2]).to_json();
    let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let nothing = |value: &serde_json::Value| value.as_f64().is_none_or(|error| error > 1e300);
    assert!(read["cells"].as_array().expect("cells").iter().all(|c| nothing(&c["error"])));
    let groups = read["groups"].as_array().expect("groups");
    assert!(groups.iter().all(|g| nothing(&g["mean"]) && nothing(&g["worst"][0])));
    let protocol = read["protocol"].as_array().expect("protocol");
    assert!(protocol.iter().all(|p| nothing(&p["error"][0]) && nothing(&p["error"][1])));
}

#[test]
fn the_page_and_the_summary_agree_on_harm() {
    assert!(script("const HARM").contains("const HARM = 0.1;"));
    let mut cell = grid("ring", 0.1, vec![1]).cells.remove(0);
    for (mean, harmful) in [(0.1, false), (0.1001, true)] {
        cell.mean = mean;
        assert_eq!(cell.is_harmful(), harmful);
    }
}
