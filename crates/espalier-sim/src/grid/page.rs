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
