//! The grid as one HTML page that opens without a network.

use super::Grid;
use crate::html::Template;

const PAGE: Template = Template {
    title: "Espalier: attack grid",
    content: include_str!("../html/grid/page.html"),
    style: include_str!("../html/grid/page.css"),
    scripts: &[
        include_str!("../html/grid/data.js"),
        include_str!("../html/grid/setting.js"),
        include_str!("../html/grid/header.js"),
        include_str!("../html/grid/heat.js"),
        include_str!("../html/grid/lines.js"),
        include_str!("../html/grid/trust.js"),
        include_str!("../html/grid/cells.js"),
        include_str!("../html/grid/main.js"),
    ],
};

/// The whole page.
pub(super) fn page(grid: &Grid) -> String {
    PAGE.page(&grid.to_json())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{CellResult, GridConfig};
    use crate::html::laws::{HOSTILE, check, data_of};

    const SECTIONS: [&str; 7] =
        ["summary", "error", "detection", "shares", "trust", "protocol", "cells"];
    /// What the scripts look for to read seeds digit by digit.
    const SEEDS: &str = "\"seeds\":[";

    fn script(name: &str) -> &'static str {
        PAGE.scripts.iter().find(|script| script.contains(name)).expect("the script")
    }

    /// A grid that was never run: every cell with the same figures.
    fn grid(topology: &str, error: f64, seeds: Vec<u64>) -> Grid {
        let topologies = vec![topology.parse().expect("a topology")];
        let config = GridConfig { topologies, seeds, ..GridConfig::quick() };
        let result = |cell| CellResult {
            liars: 1,
            converged: None,
            isolated: None,
            agreed: false,
            error,
            mean: 0.2,
            floor: None,
            rules: [("median".to_owned(), 0.1)].into(),
            recall: 0.5,
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
    fn the_laws_of_a_page_hold() {
        check(&PAGE, &SECTIONS);
    }

    #[test]
    fn data_cannot_leave_its_element() {
        let topology = format!("file:{HOSTILE}");
        let (read, attributes) = data_of(&page(&grid(&topology, 0.1, vec![1])));
        assert_eq!(read["cells"][0]["cell"]["topology"], topology);
        assert_eq!(read["groups"][0]["key"]["topology"], topology);
        assert!(attributes.is_empty());
    }

    #[test]
    fn every_section_is_explained() {
        assert_eq!(PAGE.content.matches("How to read this").count(), SECTIONS.len());
    }

    #[test]
    fn names_are_no_markup_in_charts_either() {
        let hovers = PAGE.scripts.iter().flat_map(|script| script.lines());
        let hovers = hovers.filter_map(|line| line.split_once("hovertemplate:"));
        let mut seen = 0;
        for (_, template) in hovers {
            assert!(!template.replace("${label}", "").contains("${"), "{template}");
            seen += 1;
        }
        assert!(seen >= 2 && script("const LINES").contains("inert(line.name(at))"));
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
        let (read, _) = data_of(&page(&grid("ring", f64::MAX, vec![1, 2])));
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
}
