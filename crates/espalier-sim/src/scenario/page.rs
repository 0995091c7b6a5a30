//! A scenario as one HTML page that opens without a network.

use crate::html::Template;

const PAGE: Template = Template {
    title: "Espalier: scenario",
    content: include_str!("../html/scenario/page.html"),
    style: include_str!("../html/scenario/page.css"),
    scripts: &[
        include_str!("../html/scenario/data.js"),
        include_str!("../html/scenario/header.js"),
        include_str!("../html/scenario/curves.js"),
        include_str!("../html/scenario/figures.js"),
        include_str!("../html/scenario/runs.js"),
        include_str!("../html/scenario/main.js"),
    ],
};

/// The whole page over a scenario report in its JSON form.
pub(super) fn page(json: &str) -> String {
    PAGE.page(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::html::laws::{HOSTILE, check, data_of};
    use crate::scenario::Scenario;

    const SECTIONS: [&str; 5] = ["summary", "curves", "figures", "simulations", "settings"];

    fn script(name: &str) -> &'static str {
        PAGE.scripts.iter().find(|script| script.contains(name)).expect("the script")
    }

    #[test]
    fn the_laws_of_a_page_hold() {
        check(&PAGE, &SECTIONS);
    }

    #[test]
    fn every_section_is_explained() {
        assert_eq!(PAGE.content.matches("How to read this").count(), SECTIONS.len());
    }

    #[test]
    fn data_cannot_leave_its_element() {
        let json = serde_json::json!({ "scenario": { "title": HOSTILE } }).to_string();
        let (read, attributes) = data_of(&page(&json));
        assert_eq!(read["scenario"]["title"], HOSTILE);
        assert!(attributes.is_empty());
    }

    /// Plotly reads a small markup: what a file says must go through `inert` on its way there.
    #[test]
    fn names_are_no_markup_in_charts_either() {
        let mut seen = 0;
        for text in [script("bandTrace"), script("dotTraces")] {
            let named = |line: &&str| line.contains("${") && line.contains(".run");
            for line in text.lines().filter(named) {
                assert!(line.contains("inert("), "{line}");
                seen += 1;
            }
        }
        assert!(seen >= 4, "{seen}");
    }

    #[test]
    fn seeds_are_found_in_the_text_whatever_a_title_says() {
        let scenario = Scenario {
            title: "\"seeds\":[7]".into(),
            description: "\"seeds\":[8]".into(),
            seeds: vec![u64::MAX, 0],
            runs: Vec::new(),
        };
        let json = serde_json::to_string(&scenario).expect("a JSON form");
        assert_eq!(json.matches("\"seeds\":[").count(), 1);
        assert!(json.contains("\"seeds\":[18446744073709551615,0]"));
        assert!(script("const seeds").contains("/\"seeds\":\\["));
    }
}
