//! The attack grid: what it promises about files, and what trust promises in its cells.

use espalier_sim::{CellResult, Grid, GridConfig, GridFileError, Journal, run_grid, write_grid};
use std::ops::ControlFlow;

/// The quick grid with other axes.
fn grid(
    model: &str,
    nodes: &[u32],
    shares: &[&str],
    spreads: &[&str],
    attacks: &[&str],
) -> GridConfig {
    fn all<T: std::str::FromStr>(texts: &[&str]) -> Vec<T> {
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }
    GridConfig {
        model: model.parse().unwrap(),
        nodes: nodes.to_vec(),
        shares: all(shares),
        spreads: all(spreads),
        attacks: if attacks.is_empty() { GridConfig::quick().attacks } else { all(attacks) },
        ..GridConfig::quick()
    }
}

fn run(config: &GridConfig) -> Vec<CellResult> {
    let grid = run_grid(config, Vec::new(), &mut |_| ControlFlow::Continue(())).expect("legal");
    grid.expect("not stopped").cells
}

#[test]
fn without_liars_nobody_is_isolated_and_the_model_is_the_mean() {
    for model in ["digits", "synthetic:500"] {
        let mut config = grid(model, &[10, 20], &["0"], &["iid", "mild", "strong"], &[]);
        config.seeds = vec![1, 2, 3];
        for cell in run(&config) {
            assert_eq!(cell.honest_isolated, 0, "{cell:?}");
            assert!(cell.error <= 0.003 && cell.agreed, "{cell:?}");
        }
    }
}

#[test]
fn the_default_federation_bears_45_percent() {
    for cell in run(&grid("digits", &[8], &["45%"], &["iid"], &[])) {
        let accuracy = cell.accuracy.as_ref().expect("digits");
        assert_eq!(cell.liars, 3);
        assert!(cell.agreed && cell.honest_isolated == 0, "{cell:?}");
        assert!(accuracy.clean - accuracy.resolved <= 0.03, "{cell:?}");
    }
}

#[test]
fn votes_of_49_percent_isolate_nobody() {
    let attacks = ["vote-down", "praise", "slander"];
    for cell in run(&grid("digits", &[20, 35], &["49%"], &["iid", "dirichlet:0.3"], &attacks)) {
        assert!(cell.agreed && cell.honest_isolated == 0 && cell.convicted.1 == 0, "{cell:?}");
    }
}

#[test]
fn faults_that_prove_themselves_are_found_whatever_the_share() {
    let attacks = ["equivocation", "nan", "retract-others", "slander", "copy", "payload-mismatch"];
    for cell in run(&grid("synthetic:64", &[10], &["10%", "50%", "80%"], &["iid"], &attacks)) {
        assert_eq!((cell.convicted.0, cell.convicted.1), (cell.liars, 0), "{cell:?}");
        assert!(cell.agreed && cell.recall == Some(1.0), "{cell:?}");
    }
}

#[test]
fn an_interrupted_grid_goes_on_where_it_stopped() {
    let config = grid("synthetic:64", &[8], &["0", "25%"], &["iid", "strong"], &["scale", "nan"]);
    let folder = tempfile::tempdir().unwrap();
    let whole = run(&config);
    let (known, mut journal) = Journal::open(folder.path(), &config, false).unwrap();
    assert!(known.is_empty());
    let mut left = 3;
    let stopped = run_grid(&config, known, &mut |result| {
        journal.add(result).unwrap();
        left -= 1;
        if left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert!(stopped.unwrap().is_none());

    // The interruption cut a line off.
    let path = folder.path().join("byzantine.part.jsonl");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text += r#"{"cell":{"nodes":8,"spr"#;
    std::fs::write(&path, text).unwrap();
    let (known, mut journal) = Journal::open(folder.path(), &config, false).unwrap();
    assert_eq!(known.len(), 3);
    let mut more = 0;
    let grid = run_grid(&config, known, &mut |result| {
        journal.add(result).unwrap();
        more += 1;
        ControlFlow::Continue(())
    });
    let grid = grid.unwrap().expect("done");
    assert_eq!((more, &grid.cells), (whole.len() - 3, &whole));

    let other = GridConfig { seeds: vec![9], ..config.clone() };
    let refused = Journal::open(folder.path(), &other, false);
    assert!(matches!(refused, Err(GridFileError::OtherGrid { .. })));
    assert!(Journal::open(folder.path(), &other, true).unwrap().0.is_empty());
    journal.close().unwrap();
    write_grid(&grid, folder.path(), false).unwrap();
    assert!(write_grid(&grid, folder.path(), false).is_err());
    write_grid(&grid, folder.path(), true).unwrap();
    let json = std::fs::read_to_string(folder.path().join("byzantine.json")).unwrap();
    let read: serde_json::Value = serde_json::from_str(&json).unwrap();
    let cells: Vec<CellResult> = serde_json::from_value(read["cells"].clone()).unwrap();
    assert_eq!(Grid { config, cells }, grid);
    let csv = std::fs::read_to_string(folder.path().join("byzantine.csv")).unwrap();
    let columns = |line: &str| line.split(',').count();
    assert!(csv.lines().all(|line| columns(line) == columns(csv.lines().next().unwrap())));
    assert_eq!(csv.lines().count(), whole.len() + 1);
}

#[test]
fn impossible_axes_are_refused_before_anything_runs() {
    let good = grid("synthetic:8", &[8], &["25%"], &["iid"], &[]);
    let bad = [
        GridConfig { nodes: Vec::new(), ..good.clone() },
        GridConfig { nodes: vec![1], ..good.clone() },
        GridConfig { shares: vec!["100%".parse().unwrap()], ..good.clone() },
        GridConfig { model: "some/path".parse().unwrap(), ..good },
    ];
    for config in bad {
        assert!(run_grid(&config, Vec::new(), &mut |_| ControlFlow::Continue(())).is_err());
    }
}
