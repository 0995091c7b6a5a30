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
