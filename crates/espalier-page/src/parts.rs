//! Styles, sections and scripts that several pages share, and how texts go into their places.

pub(crate) const COMMON_STYLE: &str = include_str!("html/common/page.css");

/// Scripts that know nothing of what a page shows. In the order in which they must run: every file
/// may use what stands before it.
const COMMON: [&str; 5] = [
    include_str!("html/common/dom.js"),
    include_str!("html/common/parts.js"),
    include_str!("html/common/tables.js"),
    include_str!("html/common/charts.js"),
    include_str!("html/common/sections.js"),
];

/// The sections of a run, each with how to read it.
pub(crate) const RUN_SECTIONS: &str = include_str!("html/report/page.html");

/// Styles of those sections.
pub(crate) const RUN_STYLE: &str = include_str!("html/report/page.css");

/// A run and its views, which a report and the live page share; in the order in which they must
/// run.
pub(crate) const RUN_VIEWS: &[&str] = &[
    include_str!("html/report/run.js"),
    include_str!("html/report/data.js"),
    include_str!("html/report/rounds.js"),
    include_str!("html/report/header.js"),
    include_str!("html/report/convergence.js"),
    include_str!("html/report/states.js"),
    include_str!("html/report/accuracy.js"),
    include_str!("html/report/wire.js"),
    include_str!("html/report/trust.js"),
    include_str!("html/report/audit.js"),
    include_str!("html/report/evidence.js"),
    include_str!("html/report/trace.js"),
    include_str!("html/report/clock.js"),
    include_str!("html/report/places.js"),
    include_str!("html/report/drawing.js"),
    include_str!("html/report/scene.js"),
    include_str!("html/report/inspector.js"),
    include_str!("html/report/player.js"),
    include_str!("html/report/network.js"),
    include_str!("html/report/blake3.js"),
    include_str!("html/report/inclusion.js"),
    include_str!("html/report/proof.js"),
    include_str!("html/report/sections.js"),
    include_str!("html/report/views.js"),
];

/// The sections of a grid of attacks, and their styles.
pub(crate) const GRID_SECTIONS: &str = include_str!("html/grid/page.html");
pub(crate) const GRID_STYLE: &str = include_str!("html/grid/page.css");

/// The views of a grid: one function, of which the first file is the beginning and the last the
/// end.
pub(crate) const GRID_VIEWS: &[&str] = &[
    include_str!("html/grid/begin.js"),
    include_str!("html/grid/data.js"),
    include_str!("html/grid/setting.js"),
    include_str!("html/grid/header.js"),
    include_str!("html/grid/heat.js"),
    include_str!("html/grid/lines.js"),
    include_str!("html/grid/trust.js"),
    include_str!("html/grid/cells.js"),
    include_str!("html/grid/end.js"),
];

/// The common scripts and then these as one, which leaves nothing behind for others to use.
pub(crate) fn strict(scripts: impl Iterator<Item = &'static str>) -> String {
    let scripts: String = COMMON.into_iter().chain(scripts).collect();
    format!("(() => {{\n'use strict';\n{scripts}}})();\n")
}

/// Puts each text in the place of its marker. The markers stand in the template in the order of
/// `texts`, and what is put in is never searched for markers.
pub(crate) fn fill(template: &str, texts: &[(&str, &str)]) -> String {
    let size: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let mut page = String::with_capacity(template.len() + size);
    let mut rest = template;
    for (marker, text) in texts {
        let (before, after) = rest.split_once(marker).unwrap_or((rest, ""));
        page.push_str(before);
        page.push_str(text);
        rest = after;
    }
    page.push_str(rest);
    page
}
