//! Pages that show what a run, a scenario or a grid found. They take JSON and know no type of
//! ours, so that it does not matter where the JSON comes from.
//!
//! Every file is one fixed shell into which texts go: title, styles, content, scripts, plotly.js
//! and the JSON of what was found. Only the JSON and the attributes next to it come from a run.
//! They stand in the page as data, escaped so that no name or path in them can become markup; the
//! scripts put them into the document as text. Such a file opens without a network.

mod live;
mod parts;

use parts::{COMMON_STYLE, GRID_STYLE, GRID_VIEWS, RUN_STYLE, RUN_VIEWS, fill, strict};
use std::io::{self, Write};

pub use live::{LIVE, Live};

const SHELL: &str = include_str!("html/common/shell.html");

/// One kind of page: what is fixed about it.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    title: &'static str,
    /// Navigation and sections, as markup.
    content: &'static str,
    /// Styles after the common ones.
    style: &'static str,
    /// Scripts after the common ones that this page shares with another.
    views: &'static [&'static str],
    /// Scripts after those, in the order in which they must run.
    scripts: &'static [&'static str],
}

/// The report of one run.
pub const REPORT: Template = Template {
    title: "Espalier: gossip report",
    content: concat!(
        include_str!("html/report/frame.html"),
        include_str!("html/report/page.html"),
        "</main>\n"
    ),
    style: RUN_STYLE,
    views: RUN_VIEWS,
    scripts: &[include_str!("html/report/main.js")],
};

/// Several runs side by side.
pub const SCENARIO: Template = Template {
    title: "Espalier: scenario",
    content: include_str!("html/scenario/page.html"),
    style: include_str!("html/scenario/page.css"),
    views: &[],
    scripts: &[
        include_str!("html/scenario/data.js"),
        include_str!("html/scenario/header.js"),
        include_str!("html/scenario/curves.js"),
        include_str!("html/scenario/figures.js"),
        include_str!("html/scenario/runs.js"),
        include_str!("html/scenario/main.js"),
    ],
};

/// Attacks against merges.
pub const GRID: Template = Template {
    title: "Espalier: attack grid",
    content: concat!(
        include_str!("html/grid/frame.html"),
        include_str!("html/grid/page.html"),
        "</main>\n"
    ),
    style: GRID_STYLE,
    views: GRID_VIEWS,
    scripts: &[include_str!("html/grid/main.js")],
};

impl Template {
    /// The whole page over `json`. `attributes` are read by the scripts next to the JSON: pairs of
    /// a name and a value, which become `data-name="value"`.
    ///
    /// A page is about 1.5 MB plus the JSON: most of it is plotly.js.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    #[must_use]
    pub fn page(&self, json: &str, attributes: &[(&str, &str)]) -> String {
        let mut page = Vec::new();
        self.write(&mut page, attributes, |out| out.write_all(json.as_bytes()))
            .expect("writing to memory does not fail");
        String::from_utf8(page).expect("texts in UTF-8")
    }

    /// Writes what [`page`](Self::page) returns, over JSON that `json` writes piece by piece, so
    /// that it need not fit into memory.
    ///
    /// # Errors
    /// What `out` and `json` return.
    pub fn write(
        &self,
        out: &mut dyn Write,
        attributes: &[(&str, &str)],
        json: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let written =
            |(name, value): &(&str, &str)| format!(" data-{name}=\"{}\"", escape_attribute(value));
        let attributes: String = attributes.iter().map(written).collect();
        let style = format!("{COMMON_STYLE}{}", self.style);
        let (before, after) = SHELL.split_once("{{report}}").unwrap_or((SHELL, ""));
        let before = fill(
            before,
            &[
                ("{{title}}", self.title),
                ("{{style}}", &style),
                ("{{content}}", self.content),
                ("{{attributes}}", &attributes),
            ],
        );
        let texts = [("{{plotly}}", plotly_js()), ("{{scripts}}", &self.script())];
        out.write_all(before.as_bytes())?;
        json(&mut Escape(&mut *out))?;
        out.write_all(fill(after, &texts).as_bytes())
    }

    /// The script that has this text in it, for those who check what scripts rely on.
    #[must_use]
    pub fn script_with(&self, text: &str) -> Option<&'static str> {
        self.own_scripts().find(|script| script.contains(text))
    }

    fn own_scripts(&self) -> impl Iterator<Item = &'static str> {
        self.views.iter().chain(self.scripts).copied()
    }

    fn script(&self) -> String {
        strict(self.own_scripts())
    }
}

/// The library that draws the charts, about 1.3 MB: the distribution of plotly.js 3.0.1 with
/// Cartesian charts alone, as published on npm (`plotly.js-cartesian-dist-min`), with its licence
/// next to it.
#[must_use]
pub fn plotly_js() -> &'static str {
    include_str!("vendor/plotly/plotly-cartesian.min.js")
}

/// The JSON in a page, and the attributes next to it as markup; `None` if it is not a page made
/// here.
#[must_use]
pub fn data_of(html: &str) -> Option<(&str, &str)> {
    let (_, rest) = html.split_once("id=\"report\"")?;
    let (element, _) = rest.split_once("</script>")?;
    let (attributes, data) = element.split_once('>')?;
    Some((data, attributes))
}

/// Takes JSON and writes it so that it can stand in a script. JSON has `<` only inside strings,
/// where `\u003c` means the same. Without it neither `</script>` nor `<!--` can be written.
struct Escape<'a>(&'a mut dyn Write);

impl Write for Escape<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pieces = bytes.split(|&byte| byte == b'<');
        self.0.write_all(pieces.next().unwrap_or_default())?;
        for piece in pieces {
            self.0.write_all(b"\\u003c")?;
            self.0.write_all(piece)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escape_attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The program of the README, compiled and run by the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(test)]
mod tests;
