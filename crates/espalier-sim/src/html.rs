//! The report as one HTML page that opens without a network.
//!
//! The page is a fixed template into which five texts go: styles, scripts, plotly.js, the report's
//! JSON and the name of the audit file. Only the last two come from a run. They stand in the page
//! as data, escaped so that no name or path in them can become markup; the scripts put them into
//! the document as text.

use plotly::Plot;

const TEMPLATE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");

/// In the order in which they must run: every file may use what stands before it.
const SCRIPTS: [&str; 12] = [
    include_str!("html/dom.js"),
    include_str!("html/data.js"),
    include_str!("html/tables.js"),
    include_str!("html/charts.js"),
    include_str!("html/header.js"),
    include_str!("html/convergence.js"),
    include_str!("html/states.js"),
    include_str!("html/network.js"),
    include_str!("html/trust.js"),
    include_str!("html/trace.js"),
    include_str!("html/clock.js"),
    include_str!("html/main.js"),
];

/// The whole page. `report_json` is a report in its JSON form; `audit_file` is the path of the
/// audit table relative to the page, with `/` between its parts.
///
/// The page is about 4.8 MB plus the JSON: most of it is plotly.js.
pub(crate) fn page(report_json: &str, audit_file: &str) -> String {
    let plotly = Plot::offline_js_sources();
    let scripts = format!("(() => {{\n'use strict';\n{}}})();\n", SCRIPTS.concat());
    fill(
        TEMPLATE,
        &[
            ("{{style}}", STYLE),
            ("{{audit}}", &escape_attribute(audit_file)),
            ("{{report}}", &escape_json(report_json)),
            ("{{plotly}}", first_script(&plotly)),
            ("{{scripts}}", &scripts),
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

#[cfg(test)]
mod tests {
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

    fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
        let (_, rest) = text.split_once(start).expect("start");
        rest.split_once(end).expect("end").0
    }

    #[test]
    fn data_cannot_leave_its_element() {
        let name = "</script><script>alert(1)</script><!-- {{plotly}} \"&";
        let json = serde_json::json!({ "nodes": [{ "name": name }] }).to_string();
        let html = page(&json, name);
        let data = between(&html, "id=\"report\"", "</script>");
        let (attribute, data) = data.split_once('>').expect("end of the tag");
        assert!(!data.contains('<') && !attribute.contains('<'));
        let read: serde_json::Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(read["nodes"][0]["name"], name);
        assert!(attribute.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
        assert!(!html.contains("<script>alert(1)"));
    }

    #[test]
    fn every_section_is_there() {
        for section in SECTIONS {
            assert!(TEMPLATE.contains(&format!("<section id=\"{section}\"")), "{section}");
            assert!(TEMPLATE.contains(&format!("href=\"#{section}\"")), "no link to {section}");
        }
    }

    #[test]
    fn nothing_is_fetched() {
        let own = format!("{TEMPLATE}{STYLE}{}", SCRIPTS.concat());
        for address in ["src=", "href=\"http", "url(", "@import", "https://", "fetch("] {
            assert!(!own.contains(address), "{address}");
        }
        let namespace = "http://www.w3.org/2000/svg";
        assert!(!own.replace(namespace, "").contains("http:"), "an address");
        assert!(TEMPLATE.contains("default-src 'none'"));
    }

    #[test]
    fn scripts_do_not_end_their_element_or_write_markup() {
        let scripts = SCRIPTS.concat();
        for markup in ["</script", "<!--", "innerHTML", "outerHTML", "insertAdjacentHTML"] {
            assert!(!scripts.contains(markup), "{markup}");
        }
    }

    #[test]
    fn plotly_is_there_and_mathjax_is_not() {
        let html = page("{}", "audit.csv");
        assert!(html.contains("plotly.js v"));
        assert!(html.len() < 5_000_000, "{} bytes", html.len());
    }

    #[test]
    fn every_marker_is_filled() {
        let html = page("{}", "audit.csv").replace(first_script(&Plot::offline_js_sources()), "");
        for marker in ["{{style}}", "{{audit}}", "{{report}}", "{{plotly}}", "{{scripts}}"] {
            assert!(TEMPLATE.contains(marker) && !html.contains(marker), "{marker}");
        }
        assert!(html.ends_with("</html>\n"));
    }

    #[test]
    fn filled_in_text_is_not_searched() {
        assert_eq!(fill("a{1}b{2}c", &[("{1}", "{2}"), ("{2}", "x")]), "a{2}bxc");
    }
}
