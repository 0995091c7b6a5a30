//! The page that a server sends: the views of a run, and controls that start one. Unlike a report
//! it is three files, so that a policy can forbid every script that stands in the markup.

use crate::parts::{
    COMMON_STYLE, GRID_SECTIONS, GRID_STYLE, GRID_VIEWS, RUN_SECTIONS, RUN_STYLE, RUN_VIEWS, fill,
    strict,
};

const SHELL: &str = include_str!("html/live/page.html");
const STYLE: &str = include_str!("html/live/page.css");

const SCRIPTS: &[&str] = &[
    include_str!("html/live/address.js"),
    include_str!("html/live/api.js"),
    include_str!("html/live/stream.js"),
    include_str!("html/live/tabs.js"),
    include_str!("html/live/controls.js"),
    include_str!("html/live/fields.js"),
    include_str!("html/live/setup.js"),
    include_str!("html/live/sessions.js"),
    include_str!("html/live/results.js"),
    include_str!("html/live/compare.js"),
    include_str!("html/live/about.js"),
    include_str!("html/live/upload.js"),
    include_str!("html/live/labform.js"),
    include_str!("html/live/labrun.js"),
    include_str!("html/live/lab.js"),
    include_str!("html/live/main.js"),
];

/// The live page.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    shell: &'static str,
    style: &'static str,
    scripts: &'static [&'static str],
}

/// The page of `espalier serve`. Its markup loads `/assets/espalier.css`, `/assets/espalier.js`
/// and `/assets/plotly.js`, all from where it came from itself.
pub const LIVE: Live = Live { shell: SHELL, style: STYLE, scripts: SCRIPTS };

/// What a browser may load and run for this page: nothing but its own files. The hash is that of
/// the empty text: plotly.js makes an empty style element and fills it through its object model.
const POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; \
    img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

impl Live {
    /// The value of the header `Content-Security-Policy` that goes with the page.
    #[must_use]
    pub const fn policy(&self) -> &'static str {
        POLICY
    }

    /// The markup.
    #[must_use]
    pub fn index_html(&self) -> String {
        fill(self.shell, &[("{{sections}}", RUN_SECTIONS), ("{{grid}}", GRID_SECTIONS)])
    }

    /// All scripts but plotly.js, as one strict script.
    #[must_use]
    pub fn script(&self) -> String {
        strict(RUN_VIEWS.iter().chain(GRID_VIEWS).chain(self.scripts).copied())
    }

    /// All styles.
    #[must_use]
    pub fn style(&self) -> String {
        format!("{COMMON_STYLE}{RUN_STYLE}{GRID_STYLE}{}", self.style)
    }
}
