//! What a run or a grid found as one HTML page that opens without a network.
//!
//! Every page is one fixed shell into which texts go: title, styles, content, scripts, plotly.js
//! and the JSON of what was found. Only the JSON and the name of the audit file come from a run.
//! They stand in the page as data, escaped so that no name or path in them can become markup; the
//! scripts put them into the document as text.

use plotly::Plot;

const SHELL: &str = include_str!("html/shell.html");
const STYLE: &str = include_str!("html/page.css");

/// Scripts that know nothing of what a page shows. In the order in which they must run: every file
/// may use what stands before it.
const COMMON: [&str; 5] = [
    include_str!("html/dom.js"),
    include_str!("html/parts.js"),
    include_str!("html/tables.js"),
    include_str!("html/charts.js"),
    include_str!("html/sections.js"),
];

const REPORT_CONTENT: &str = include_str!("html/page.html");

const REPORT_SCRIPTS: [&str; 10] = [
    include_str!("html/data.js"),
    include_str!("html/rounds.js"),
    include_str!("html/header.js"),
    include_str!("html/convergence.js"),
    include_str!("html/states.js"),
    include_str!("html/network.js"),
    include_str!("html/trust.js"),
    include_str!("html/trace.js"),
    include_str!("html/clock.js"),
    include_str!("html/main.js"),
];

/// What is fixed about one kind of page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Template {
    pub(crate) title: &'static str,
    /// Navigation and sections, as markup.
    pub(crate) content: &'static str,
    /// Styles after the common ones.
    pub(crate) style: &'static str,
    /// Scripts after the common ones, in the order in which they must run.
    pub(crate) scripts: &'static [&'static str],
}

const REPORT: Template = Template {
    title: "Espalier: gossip report",
    content: REPORT_CONTENT,
    style: "",
    scripts: &REPORT_SCRIPTS,
};

/// The whole page of a report. `report_json` is a report in its JSON form; `flags` give its
/// configuration on the command line; `audit_file` is the path of the audit table relative to the
/// page, with `/` between its parts.
pub(crate) fn page(report_json: &str, flags: &[String], audit_file: &str) -> String {
    let flags = serde_json::Value::from(flags).to_string();
    let (audit, flags) = (escape_attribute(audit_file), escape_attribute(&flags));
    let attributes = format!(" data-audit=\"{audit}\" data-flags=\"{flags}\"");
    assemble(&REPORT, report_json, &attributes)
}

impl Template {
    /// The whole page over `json`, for those that need nothing beside it.
    ///
    /// A page is about 4.8 MB plus the JSON: most of it is plotly.js.
    pub(crate) fn page(&self, json: &str) -> String {
        assemble(self, json, "")
    }

    fn script(&self) -> String {
        format!("(() => {{\n'use strict';\n{}{}}})();\n", COMMON.concat(), self.scripts.concat())
    }
}

/// `attributes` of the element with the data are markup.
fn assemble(template: &Template, json: &str, attributes: &str) -> String {
    let plotly = Plot::offline_js_sources();
    fill(
        SHELL,
        &[
            ("{{title}}", template.title),
            ("{{style}}", &format!("{STYLE}{}", template.style)),
            ("{{content}}", template.content),
            ("{{attributes}}", attributes),
            ("{{report}}", &escape_json(json)),
            ("{{plotly}}", first_script(&plotly)),
            ("{{scripts}}", &template.script()),
        ],
    )
}

/// Puts each text in the place of its marker. The markers stand in the template in the order of
/// `texts`, and what is put in is never searched for markers.
fn fill(template: &str, texts: &[(&str, &str)]) -> String {
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

/// The content of the first script element: plotly.js. The crate appends `MathJax`, which no
/// chart here needs and which would add two megabytes.
fn first_script(elements: &str) -> &str {
    let content = elements.split_once('>').map_or("", |(_, content)| content);
    content.split_once("</script>").map_or(content, |(script, _)| script)
}

/// JSON has `<` only inside strings, where `\u003c` means the same. Without it neither
/// `</script>` nor `<!--` can be written.
fn escape_json(json: &str) -> String {
    json.replace('<', "\\u003c")
}

fn escape_attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What must hold for every page.
#[cfg(test)]
pub(crate) mod laws {
    use super::*;

    /// A name that tries to leave the place where it stands as data.
    pub(crate) const HOSTILE: &str = "</script><script>alert(1)</script><!-- {{plotly}} \"&";

    /// All laws that need no data of a certain form.
    pub(crate) fn check(template: &Template, sections: &[&str]) {
        every_section_is_there(template, sections);
        nothing_is_fetched(template);
        scripts_are_strict_and_write_no_markup(template);
        every_marker_is_filled(template);
    }

    /// The data of a page as it can be read from it, and the attributes of its element.
    pub(crate) fn data_of(html: &str) -> (serde_json::Value, String) {
        let (_, rest) = html.split_once("id=\"report\"").expect("the element");
        let (element, _) = rest.split_once("</script>").expect("its end");
        let (attributes, data) = element.split_once('>').expect("end of the tag");
        assert!(!data.contains('<') && !attributes.contains('<'));
        assert!(!html.contains("<script>alert(1)"));
        (serde_json::from_str(data).expect("JSON"), attributes.to_owned())
    }

    fn every_section_is_there(template: &Template, sections: &[&str]) {
        let content = template.content;
        for section in sections {
            assert!(content.contains(&format!("<section id=\"{section}\"")), "{section}");
            assert!(content.contains(&format!("href=\"#{section}\"")), "no link to {section}");
            let drawn = template.scripts.last().expect("a script");
            assert!(drawn.contains(&format!("['{section}', ")), "{section} is not drawn");
        }
        assert_eq!(content.matches("<section ").count(), sections.len());
    }

    fn nothing_is_fetched(template: &Template) {
        let fixed = format!("{SHELL}{}{STYLE}{}", template.content, template.style);
        let own = fixed + &template.script();
        for address in ["src=", "href=\"http", "url(", "@import", "https://", "fetch("] {
            assert!(!own.contains(address), "{address}");
        }
        let namespace = "http://www.w3.org/2000/svg";
        assert!(!own.replace(namespace, "").contains("http:"), "an address");
        assert!(SHELL.contains("default-src 'none'"));
    }

    fn scripts_are_strict_and_write_no_markup(template: &Template) {
        let script = template.script();
        assert!(script.starts_with("(() => {\n'use strict';\n"));
        let markup = ["</script", "<!--", "innerHTML", "outerHTML", "insertAdjacentHTML"];
        for written in markup.iter().chain(&["document.write", "eval(", "new Function"]) {
            assert!(!script.contains(written), "{written}");
        }
    }

    fn every_marker_is_filled(template: &Template) {
        let html = template.page("{}");
        assert!(html.contains("plotly.js v") && html.len() < 5_000_000, "{} bytes", html.len());
        let html = html.replace(first_script(&Plot::offline_js_sources()), "");
        let texts = ["title", "style", "content", "attributes", "report", "plotly", "scripts"];
        for name in texts {
            let marker = format!("{{{{{name}}}}}");
            assert!(SHELL.contains(&marker) && !html.contains(&marker), "{marker}");
        }
        assert!(html.ends_with("</html>\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::laws::{HOSTILE, check, data_of};
    use super::*;

    const SECTIONS: [&str; 13] = [
        "summary",
        "convergence",
        "states",
        "accuracy",
        "topology",
        "wire",
        "trust",
        "audit",
        "trace",
        "roots",
        "round-trip",
        "tombstones",
        "clock",
    ];

    #[test]
    fn the_laws_of_a_page_hold() {
        check(&REPORT, &SECTIONS);
    }

    #[test]
    fn data_cannot_leave_its_element() {
        let json = serde_json::json!({ "nodes": [{ "name": HOSTILE }] }).to_string();
        let (read, attributes) = data_of(&page(&json, &[HOSTILE.into()], HOSTILE));
        assert_eq!(read["nodes"][0]["name"], HOSTILE);
        assert!(attributes.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
    }

    #[test]
    fn filled_in_text_is_not_searched() {
        assert_eq!(fill("a{1}b{2}c", &[("{1}", "{2}"), ("{2}", "x")]), "a{2}bxc");
    }
}
