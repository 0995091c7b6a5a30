//! What must hold for every page.

use super::*;
use crate::parts::RUN_SECTIONS;

/// A name that tries to leave the place where it stands as data.
const HOSTILE: &str = "</script><script>alert(1)</script><!-- {{plotly}} \"&";

const PAGES: [(Template, &[&str]); 3] = [
    (
        REPORT,
        &[
            "summary",
            "convergence",
            "states",
            "accuracy",
            "network",
            "topology",
            "wire",
            "trust",
            "audit",
            "evidence",
            "trace",
            "roots",
            "proof",
            "round-trip",
            "tombstones",
            "clock",
        ],
    ),
    (SCENARIO, &["summary", "curves", "figures", "simulations", "settings"]),
    (GRID, &["summary", "error", "detection", "shares", "trust", "protocol", "cells"]),
];

#[test]
fn every_section_is_there_and_explained() {
    for (template, sections) in PAGES {
        let content = template.content;
        for section in sections {
            let named = ["id", "data-section"].map(|name| format!("<section {name}=\"{section}\""));
            assert!(named.iter().any(|named| content.contains(named)), "{section}");
            assert!(content.contains(&format!("href=\"#{section}\"")), "no link to {section}");
            let drawn = template.script_with(&format!("['{section}', "));
            assert!(drawn.is_some(), "{section} is not drawn");
        }
        assert_eq!(content.matches("<section ").count(), sections.len());
        let explained = content.matches("How to read this").count();
        assert!(explained + 1 >= sections.len(), "{explained} of {sections:?}");
    }
}

#[test]
fn nothing_is_fetched() {
    for (template, _) in PAGES {
        let fixed = format!("{SHELL}{}{COMMON_STYLE}{}", template.content, template.style);
        let own = fixed + &template.script();
        for address in ["src=", "href=\"http", "url(", "@import", "https://", "fetch("] {
            assert!(!own.contains(address), "{address}");
        }
        let namespace = "http://www.w3.org/2000/svg";
        assert!(!own.replace(namespace, "").contains("http:"), "an address");
    }
    assert!(SHELL.contains("default-src 'none'"));
}

#[test]
fn scripts_are_strict_and_write_no_markup() {
    for (template, _) in PAGES {
        let script = template.script();
        assert!(script.starts_with("(() => {\n'use strict';\n"));
        let markup = ["</script", "<!--", "innerHTML", "outerHTML", "insertAdjacentHTML"];
        for written in markup.iter().chain(&["document.write", "eval(", "new Function"]) {
            assert!(!script.contains(written), "{written}");
        }
    }
}

#[test]
fn every_marker_is_filled() {
    for (template, _) in PAGES {
        let html = template.page("{}", &[]);
        assert!(html.contains("plotly.js (cart") && html.len() < 1_700_000, "{} bytes", html.len());
        assert!(!plotly_js().contains("</script"), "it would end its element");
        let html = html.replace(plotly_js(), "");
        let texts = ["title", "style", "content", "attributes", "report", "plotly", "scripts"];
        for name in texts {
            let marker = format!("{{{{{name}}}}}");
            assert!(SHELL.contains(&marker) && !html.contains(&marker), "{marker}");
        }
        assert!(html.ends_with("</html>\n"));
    }
}

#[test]
fn data_cannot_leave_its_element() {
    let json = serde_json::json!({ "nodes": [{ "name": HOSTILE }] }).to_string();
    for (template, _) in PAGES {
        let html = template.page(&json, &[("audit", HOSTILE)]);
        assert!(!html.contains("<script>alert(1)"));
        let (data, attributes) = data_of(&html).expect("a page");
        assert!(!data.contains('<') && !attributes.contains('<'));
        let read: serde_json::Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(read["nodes"][0]["name"], HOSTILE);
        assert!(attributes.contains("data-audit=\"&lt;/script&gt;&lt;script&gt;alert(1)"));
    }
}

#[test]
fn what_is_no_page_has_no_data() {
    for text in ["", "id=\"report\"", "id=\"report\"></scrip", "<p id=\"report\"</script>"] {
        assert_eq!(data_of(text), None, "{text}");
    }
}

#[test]
fn filled_in_text_is_not_searched() {
    assert_eq!(fill("a{1}b{2}c", &[("{1}", "{2}"), ("{2}", "x")]), "a{2}bxc");
}

/// Plotly reads a small markup: what a file says must go through `inert` on its way there.
#[test]
fn names_are_no_markup_in_charts_either() {
    let mut seen = 0;
    let bands =
        ["bandTrace", "dotTraces"].map(|name| SCENARIO.script_with(name).expect("a script"));
    for text in bands {
        let named = |line: &&str| line.contains("${") && line.contains(".run");
        for line in text.lines().filter(named) {
            assert!(line.contains("inert("), "{line}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");

    let lines = GRID.views.iter().flat_map(|script| script.lines());
    let hovers: Vec<_> = lines.filter_map(|line| line.split_once("hovertemplate:")).collect();
    for (_, template) in &hovers {
        assert!(!template.replace("${label}", "").contains("${"), "{template}");
    }
    let lines = GRID.script_with("const LINES").expect("a script");
    assert!(hovers.len() >= 2 && lines.contains("inert(line.name(at))"));
}

/// The live page comes with a policy that forbids whatever stands in the markup.
#[test]
fn the_live_page_has_nothing_inline_and_nothing_from_elsewhere() {
    let html = LIVE.index_html();
    for inline in ["<style", " style=", "javascript:", "<base", "http:", "https:", "//"] {
        assert!(!html.contains(inline), "{inline}");
    }
    for (at, _) in html.match_indices("<script") {
        assert!(html[at..].starts_with("<script src=\"/assets/"), "{}", &html[at..at + 40]);
    }
    let handler = |word: &str| word.starts_with("on") && word.contains('=');
    assert!(!html.split_whitespace().any(handler), "a handler in the markup");

    let own = LIVE.style() + &LIVE.script();
    for address in ["src=", "href=\"http", "url(", "@import", "https://", "importScripts"] {
        assert!(!own.contains(address), "{address}");
    }
    let namespace = "http://www.w3.org/2000/svg";
    assert!(!own.replace(namespace, "").contains("http:"), "an address");
    for reached in ["fetch(", "new EventSource("] {
        for (at, _) in own.match_indices(reached) {
            let target = &own[at + reached.len()..];
            assert!(target.starts_with("`${API}") || target.starts_with("address)"), "{reached}");
        }
    }
}

#[test]
fn the_live_page_is_strict_and_writes_no_markup() {
    let script = LIVE.script();
    assert!(script.starts_with("(() => {\n'use strict';\n"));
    // plotly.js makes style attributes of the last two, which the policy forbids.
    let markup = ["innerHTML", "outerHTML", "insertAdjacentHTML", "<b>", "<sup>"];
    assert!(!LIVE.policy().contains("unsafe"));
    for written in markup.iter().chain(&["document.write", "eval(", "new Function"]) {
        assert!(!script.contains(written), "{written}");
    }
}

/// The live page shows what a report shows, as often as there are runs to show.
#[test]
fn the_live_page_has_every_section_of_a_report() {
    let html = LIVE.index_html();
    let (_, sections) = PAGES[0];
    for section in sections {
        assert!(html.contains(&format!("<section data-section=\"{section}\"")), "{section}");
    }
    assert!(!RUN_SECTIONS.contains(" id="), "several runs share the page");
    assert!(!html.contains("{{"), "a marker is left");
}

#[test]
fn what_the_live_script_looks_up_is_there() {
    let (html, script) = (LIVE.index_html(), LIVE.script());
    let mut seen = 0;
    for part in script.split("getElementById('").skip(1) {
        let (id, _) = part.split_once('\'').expect("a name");
        assert!(html.contains(&format!("id=\"{id}\"")), "{id}");
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
    for tab in ["run", "compare", "lab", "about"] {
        assert!(html.contains(&format!("id=\"tab-{tab}\"")), "{tab}");
        assert!(html.contains(&format!("id=\"panel-{tab}\"")), "{tab}");
    }
}
